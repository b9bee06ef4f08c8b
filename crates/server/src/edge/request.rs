//! Taking a request in: its head's size, its host, its body within bounds, its JSON in one form.
//!
//! Everything that can be judged by the head is judged before the body is read, so that a stranger
//! cannot make us keep what we shall refuse.
//!
//! Limits: heads of [`HEADERS_BYTES_MAX`], bodies of [`REGISTER_BODY_BYTES_MAX`] or
//! [`DEVICE_BODY_BYTES_MAX`], frames of [`FRAME_BYTES_MAX`], announced by the head and read within
//! [`BODY_SECONDS_MAX`].

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::error::Category;
use tokio::time::timeout;

use super::connections::Connected;
use super::error::EdgeError;
use super::frames::FRAME_BYTES_MAX;
use super::problem::Problem;

/// The most that all headers of a request may take, bytes.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;
/// The most that a register's body may take, bytes: a hundred acknowledgements have 4 KiB.
pub const REGISTER_BODY_BYTES_MAX: usize = 8 * 1024;
/// The most that a device's body may take, bytes: a scanned payload has 512, what else a
/// confirmation says less than 300.
pub const DEVICE_BODY_BYTES_MAX: usize = 1024;
/// The largest body about a member or operator himself, in bytes: a new passkey comes with its
/// attestation, and with what began its ceremony.
pub const MEMBER_BODY_BYTES_MAX: usize = 16 * 1024;
/// Paths at which operators send passkeys, or acts with their reasons.
const OF_OPERATORS: [&str; 5] = [
    "/v1/console/sign-in",
    "/v1/console/own",
    "/v1/console/propose",
    "/v1/console/act",
    "/v1/console/rails/dry-run",
];
/// How long a body may take to arrive, seconds.
pub const BODY_SECONDS_MAX: u64 = 10;

/// Refuses heads that are larger than any true one.
///
/// # Errors
/// [`EdgeError::HeadersTooLarge`].
pub fn check_head(parts: &Parts) -> Result<(), Problem> {
    let headers: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if headers + target > HEADERS_BYTES_MAX {
        return Err(EdgeError::HeadersTooLarge.into());
    }
    Ok(())
}

/// Says that the book believes `caller`, who sent a request on this connection.
pub fn is_known(extensions: &Extensions, caller: i64) {
    // A request that came by no listener of ours has no connection to keep.
    if let Some(connected) = extensions.get::<Connected>() {
        connected.is_known(caller);
    }
}

/// The caller whom the book believed on this connection before; none: it is a stranger's still.
pub fn believed(extensions: &Extensions) -> Option<i64> {
    extensions.get::<Connected>().and_then(Connected::believed)
}

/// The value of the one `Host` header.
///
/// # Errors
/// [`EdgeError::HostMustBeGiven`].
pub fn host(parts: &Parts) -> Result<&str, Problem> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    match (host, hosts.next()) {
        (Some(host), None) => Ok(host),
        _ => Err(EdgeError::HostMustBeGiven.into()),
    }
}

/// Refuses a host that is none of `ours`, compared without case. Where no name is known, every one
/// is taken: a signature then holds for whatever name its request was sent to.
///
/// # Errors
/// [`EdgeError::HostMustBeOurs`].
pub fn check_host(host: &str, ours: &[String]) -> Result<(), Problem> {
    if ours.is_empty() || ours.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(EdgeError::HostMustBeOurs.into())
}

/// Refuses a body that is not announced, or too long for its route, before a byte of it is read.
///
/// # Errors
/// [`EdgeError::LengthMustBeGiven`] or [`EdgeError::BodyTooLarge`].
pub fn check_length(body: &Body, bytes_max: usize) -> Result<usize, Problem> {
    let announced = body.size_hint().exact().ok_or(EdgeError::LengthMustBeGiven)?;
    usize::try_from(announced).ok().filter(|length| *length <= bytes_max).ok_or_else(|| {
        let detail = format!("The body must be at most {bytes_max} bytes.");
        Problem::with_detail(EdgeError::BodyTooLarge, detail)
    })
}

/// The whole body, within its bounds of size and time.
///
/// # Errors
/// As [`check_length`]; [`EdgeError::BodyTooSlow`] or [`EdgeError::BodyMustBeWhole`].
pub async fn body(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let length = check_length(&body, bytes_max)?;
    match timeout(Duration::from_secs(BODY_SECONDS_MAX), collect(body, length)).await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(EdgeError::BodyTooSlow.into()),
    }
}

/// The `length` bytes that were announced; hyper gives no more.
async fn collect(body: Body, length: usize) -> Result<Bytes, EdgeError> {
    let mut body = pin!(body);
    let Some(first) = data(body.frame().await)? else { return Ok(Bytes::new()) };
    let Some(second) = data(body.frame().await)? else { return Ok(first) };
    let mut whole = Vec::with_capacity(length);
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(bytes) = next {
        whole.extend_from_slice(&bytes);
        next = data(body.frame().await)?;
    }
    Ok(Bytes::from(whole))
}

/// The bytes of a frame; none at the end. Trailers carry nothing for us.
fn data(
    frame: Option<Result<hyper::body::Frame<Bytes>, axum::Error>>,
) -> Result<Option<Bytes>, EdgeError> {
    match frame {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(EdgeError::BodyMustBeWhole),
    }
}

/// Refuses a body that is not announced as JSON, so that no form of a foreign page passes for one.
///
/// # Errors
/// [`EdgeError::ContentTypeMustBeJson`].
pub fn check_content_type(parts: &Parts) -> Result<(), Problem> {
    if is_of_type(parts, "application/json") {
        return Ok(());
    }
    Err(EdgeError::ContentTypeMustBeJson.into())
}

fn is_of_type(parts: &Parts, media_type: &str) -> bool {
    let value = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(media_type)
}

/// The most bytes that a device or browser may send to this path.
pub fn device_bytes_max(path: &str) -> usize {
    let of_a_person = path.starts_with("/v1/member/") || OF_OPERATORS.contains(&path);
    if of_a_person { MEMBER_BODY_BYTES_MAX } else { DEVICE_BODY_BYTES_MAX }
}

/// What the body of a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// A JSON object of at most so many bytes.
    Json(usize),
    /// A frame of a camera.
    Frame,
}

impl Intake {
    /// The most bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Json(bytes_max) => bytes_max,
            Self::Frame => FRAME_BYTES_MAX,
        }
    }

    /// Refuses a body that is announced as something else.
    ///
    /// # Errors
    /// [`EdgeError::ContentTypeMustBeJson`] or [`EdgeError::ContentTypeMustBeOctets`].
    pub fn check_content_type(self, parts: &Parts) -> Result<(), Problem> {
        match self {
            Self::Json(_) => check_content_type(parts),
            Self::Frame if is_of_type(parts, "application/octet-stream") => Ok(()),
            Self::Frame => Err(EdgeError::ContentTypeMustBeOctets.into()),
        }
    }
}

/// Reads a JSON object into `T`, borrowing from `body`. Unknown and repeated fields are refused by
/// `T`'s own attributes.
///
/// # Errors
/// [`EdgeError::RequestMustBeJson`] or [`EdgeError::RequestMustHaveItsFields`], saying where.
pub fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // serde would take an array in the order of the fields, too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(EdgeError::RequestMustBeJson.into());
    }
    serde_json::from_slice(body).map_err(|error| describe(&error))
}

/// What is wrong and where, without what was sent: it may be a code.
fn describe(error: &serde_json::Error) -> Problem {
    let kind = match error.classify() {
        Category::Data => EdgeError::RequestMustHaveItsFields,
        Category::Io | Category::Syntax | Category::Eof => EdgeError::RequestMustBeJson,
    };
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    let what = match what.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => what.to_owned(),
    };
    let (line, column) = (error.line(), error.column());
    Problem::with_detail(kind, format!("Line {line}, column {column}: {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::problem::Cause;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its form is looked at")]
        amount: i64,
    }

    fn cause(text: &str) -> Cause {
        json::<Sample>(text.as_bytes()).expect_err("must be refused").cause()
    }

    #[test]
    fn one_object_with_its_fields_once_and_of_their_type_is_read() {
        assert!(json::<Sample>(b" {\"amount\": 1200}\n").is_ok());
        for text in ["", "null", "[1200]", "1200", "{", "{\"amount\":1200", "{\"amount\":1} x"] {
            assert_eq!(cause(text), Cause::Edge(EdgeError::RequestMustBeJson), "{text}");
        }
        for text in [
            "{}",
            "{\"amount\":1,\"amount\":2}",
            "{\"amount\":1,\"tip\":2}",
            "{\"amount\":\"1200\"}",
            "{\"amount\":1200.0}",
            "{\"amount\":1e3}",
            "{\"amount\":99999999999999999999}",
            "{\"amount\":null}",
        ] {
            let expected = Cause::Edge(EdgeError::RequestMustHaveItsFields);
            assert_eq!(cause(text), expected, "{text}");
        }
    }
}
