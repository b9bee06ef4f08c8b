//! A terminal's signature over its request: which register asks, unchanged on the way, now.
//!
//! Shape: `Authorization: Yaoki-HMAC-SHA256 terminal=<trm_…>, generation=<u32>, timestamp=<Unix
//! seconds>, signature=<64 lower-case hex digits>`. The signature is HMAC-SHA256 under the
//! terminal's key ([`KeyFile::terminal_key`](super::keys::KeyFile::terminal_key)) over eight lines,
//! joined by a line feed, with none at the end:
//!
//! ```text
//! yaoki register 1
//! POST                       method, upper case as sent
//! /v1/payments               path, as sent, percent-encoding untouched
//!                            query without `?`, as sent, or an empty line
//! pay.example.jp:8443        Host, in lower case, with the port where one is sent
//! 1                          generation of the terminal's key, decimal
//! 1800000000                 timestamp, Unix seconds, decimal
//! e3b0c442…b855              SHA-256 of the body's bytes, lower-case hex, of an empty body too
//! ```
//!
//! A merchant's own system signs in the same way with the secret of a webhook endpoint
//! ([`Signer::Webhook`]): `webhook=<whe_…>` stands in place of the terminal, and the first line is
//! `yaoki partner 1`.
//!
//! Phases: [`parse`] the header, look the terminal up, [`verify`] under each key accepted for it.
//! The terminal's number is not among the lines because its key is made from it.
//!
//! Three vectors, with the key `000102…1e1f` (32 bytes), terminal 1, generation 1, host
//! `localhost:8443`, timestamp 1800000000:
//!
//! ```text
//! POST /v1/payments                               body {"amount":1200}
//! f6eac784157138cec1f92c8dfa0d1977ae69a6ebe48f4cd242b63d44bcce2f0f
//! GET /v1/payments?limit=20                       empty body
//! 12c7d99e7c931e43955e99bb6164f51ccd42a4ce810c6ee5f86c9e6f56daa981
//! POST /v1/payments/pay_00000000000013/refunds    body {}
//! 3f1732b2f8b908ad3fb8933750f43b01635407e9d84c769e976b8a9e105d47d5
//! ```
//!
//! Limits: a header of [`HEADER_BYTES_MAX`]; a timestamp within [`TIMESTAMP_TOLERANCE_SECONDS`]
//! both ways.
//!
//! Not here: replay within those seconds (whatever changes state carries a request id, which is
//! settled in the ledger), whether the terminal is suspended, and how the key reached it.

use super::hex;
use super::identifier::{self, IdentifierError, Kind};
use ring::{digest, hmac};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The authentication scheme; compared without case (RFC 9110, 11.1).
pub const SCHEME: &str = "Yaoki-HMAC-SHA256";

/// The longest header value read, in bytes; a true one has about 160.
pub const HEADER_BYTES_MAX: usize = 512;

/// How far a timestamp may be from the server's clock, in seconds, before and after.
pub const TIMESTAMP_TOLERANCE_SECONDS: i64 = 60;

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A register, with its terminal's key.
    Terminal,
    /// A merchant's own system, with the secret of a webhook endpoint.
    Webhook,
}

impl Signer {
    /// The parameter that names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Webhook => "webhook",
        }
    }

    /// What its identifier names.
    const fn kind(self) -> Kind {
        match self {
            Self::Terminal => Kind::Terminal,
            Self::Webhook => Kind::Webhook,
        }
    }

    /// The first line: what is signed, and the version of the form.
    const fn label(self) -> &'static str {
        match self {
            Self::Terminal => "yaoki register 1",
            Self::Webhook => "yaoki partner 1",
        }
    }
}

/// What a request claims about itself. Nothing of it is true before [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who signs.
    pub signer: Signer,
    /// Its number.
    pub number: u64,
    /// The generation of its key.
    pub generation: u32,
    /// When it was signed, in Unix seconds.
    pub timestamp: i64,
    /// HMAC-SHA256.
    pub signature: [u8; 32],
}

impl Claim {
    /// Whether it was signed within [`TIMESTAMP_TOLERANCE_SECONDS`] of `now_seconds` (Unix), as it
    /// says itself: to be asked before the body is read.
    ///
    /// # Errors
    /// [`SignatureError::TimestampFar`].
    pub const fn check_time(&self, now_seconds: i64) -> Result<(), SignatureError> {
        let difference_seconds = self.timestamp.saturating_sub(now_seconds);
        if difference_seconds.saturating_abs() > TIMESTAMP_TOLERANCE_SECONDS {
            return Err(SignatureError::TimestampFar { difference_seconds });
        }
        Ok(())
    }
}

/// The parts of a request that are signed, as they stood on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestParts<'a> {
    /// `POST`, `GET`…
    pub method: &'a str,
    /// From the first `/`, without query.
    pub path: &'a str,
    /// Behind the `?`; empty when there is none.
    pub query: &'a str,
    /// The `Host` header (HTTP/2: `:authority`), in any case, with its port where one is sent.
    pub host: &'a str,
    /// SHA-256 of the body: [`body_digest`].
    pub body_digest: &'a [u8; 32],
}

/// Why a terminal's signature is refused. The texts may be sent: they tell nothing that is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// No or another scheme.
    #[error(
        "the request must be signed; send `Authorization: {SCHEME} terminal=…, generation=…, \
         timestamp=…, signature=…`, or `webhook=…` in place of the terminal where a merchant's own \
         system asks"
    )]
    SchemeWrong,
    /// Longer than [`HEADER_BYTES_MAX`].
    #[error(
        "the Authorization header must be at most {HEADER_BYTES_MAX} bytes; send the four \
         parameters only"
    )]
    HeaderTooLong,
    /// A parameter that is none of the four, or no `name=value`.
    #[error(
        "the Authorization header must be four `name=value` separated by commas, without quotes; \
         remove the others"
    )]
    ParameterUnknown,
    /// A parameter given twice.
    #[error("the Authorization header must have `{name}` once; remove the second")]
    ParameterTwice {
        /// Its name.
        name: &'static str,
    },
    /// A parameter not given.
    #[error("the Authorization header must have `{name}`; add it")]
    ParameterMissing {
        /// Its name.
        name: &'static str,
    },
    /// No terminal's identifier.
    #[error("`terminal` is wrong: {0}")]
    TerminalWrong(IdentifierError),
    /// No webhook endpoint's identifier.
    #[error("`webhook` is wrong: {0}")]
    WebhookWrong(IdentifierError),
    /// No `u32`.
    #[error(
        "`generation` must be the generation that came with the key, in decimal \
         without leading zeros"
    )]
    GenerationWrong,
    /// No number of seconds.
    #[error("`timestamp` must be Unix seconds, in decimal without leading zeros, sign or fraction")]
    TimestampWrong,
    /// Not 64 hex digits.
    #[error("`signature` must be 64 lower-case hex digits")]
    SignatureForm,
    /// A line break or another control character where it would blur the lines.
    #[error("method, path, query and host must have no control characters; percent-encode them")]
    PartsWrong,
    /// Too far from the server's clock.
    #[error(
        "the timestamp must be within {TIMESTAMP_TOLERANCE_SECONDS} seconds of the server's \
         clock, but differs by \
         {difference_seconds} (negative: it is behind); set the register's clock, then sign the \
         same request again"
    )]
    TimestampFar {
        /// Timestamp less server's clock, in seconds.
        difference_seconds: i64,
    },
    /// Another key, or something signed was changed.
    #[error(
        "the signature must be that of this request under this signer's key of this generation; \
         check the key, then \
         compare the eight signed lines with the documentation (path and query as sent, Host with \
         its port)"
    )]
    SignatureWrong,
}

/// SHA-256 of a body, of an empty one too.
pub fn body_digest(body: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, body).as_ref().try_into().expect("SHA-256 is 32 bytes")
}

/// Reads the value of an `Authorization` header of a terminal. Parameters may stand in any order,
/// once each.
///
/// # Errors
/// [`SignatureError`], each with what to do; none of those about the time or the signature itself.
pub fn parse(header: &str) -> Result<Claim, SignatureError> {
    parse_of(Signer::Terminal, header)
}

/// The same of either signer, and of no other.
///
/// # Errors
/// As [`parse`].
pub fn parse_of(signer: Signer, header: &str) -> Result<Claim, SignatureError> {
    let names = [signer.name(), "generation", "timestamp", "signature"];
    if header.len() > HEADER_BYTES_MAX {
        return Err(SignatureError::HeaderTooLong);
    }
    let (scheme, parameters) = header.trim().split_once(' ').ok_or(SignatureError::SchemeWrong)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(SignatureError::SchemeWrong);
    }
    let mut found = [None; 4];
    for parameter in parameters.split(',') {
        let (name, value) =
            parameter.trim().split_once('=').ok_or(SignatureError::ParameterUnknown)?;
        let place = names
            .iter()
            .position(|known| *known == name)
            .ok_or(SignatureError::ParameterUnknown)?;
        if found[place].replace(value).is_some() {
            return Err(SignatureError::ParameterTwice { name: names[place] });
        }
    }
    let given =
        |place: usize| found[place].ok_or(SignatureError::ParameterMissing { name: names[place] });
    let [number, generation, timestamp, signature] = [given(0)?, given(1)?, given(2)?, given(3)?];
    Ok(Claim {
        signer,
        number: identifier::parse(signer.kind(), number)
            .map_err(|error| match signer {
                Signer::Terminal => SignatureError::TerminalWrong(error),
                Signer::Webhook => SignatureError::WebhookWrong(error),
            })?
            .cast_unsigned(),
        generation: decimal(generation).ok_or(SignatureError::GenerationWrong)?,
        timestamp: decimal(timestamp).ok_or(SignatureError::TimestampWrong)?,
        signature: hex::bytes(signature).ok_or(SignatureError::SignatureForm)?,
    })
}

/// Whether `claim` was made for `parts` by who knows `key`, within [`TIMESTAMP_TOLERANCE_SECONDS`]
/// of `now_seconds` (Unix). Constant time in key and signature. While the terminal root is rotated,
/// asked once for each accepted key.
///
/// # Errors
/// [`SignatureError::TimestampFar`] before anything is computed, [`SignatureError::PartsWrong`], or
/// [`SignatureError::SignatureWrong`].
pub fn verify(
    claim: &Claim,
    key: &[u8; 32],
    parts: &RequestParts<'_>,
    now_seconds: i64,
) -> Result<(), SignatureError> {
    claim.check_time(now_seconds)?;
    let expected = mac(claim.signer, key, parts, (claim.generation, claim.timestamp))?;
    if bool::from(expected.as_ref().ct_eq(&claim.signature)) {
        Ok(())
    } else {
        Err(SignatureError::SignatureWrong)
    }
}

/// The value of the `Authorization` header that a register sends: terminal 1 to `i64::MAX`,
/// timestamp in Unix seconds.
///
/// # Panics
/// When the terminal's number was never given out, the timestamp is before 1970 or a part has a
/// control character: bugs of the caller.
pub fn sign(
    terminal: u64,
    generation: u32,
    key: &[u8; 32],
    parts: &RequestParts<'_>,
    timestamp: i64,
) -> String {
    sign_as((Signer::Terminal, terminal), generation, key, parts, timestamp)
}

/// The same for either signer.
///
/// # Panics
/// As [`sign`].
pub fn sign_as(
    (signer, number): (Signer, u64),
    generation: u32,
    key: &[u8; 32],
    parts: &RequestParts<'_>,
    timestamp: i64,
) -> String {
    assert!(timestamp >= 0, "a signer's clock is after 1970");
    let number = i64::try_from(number).expect("a signer's number is a positive i64");
    let tag = mac(signer, key, parts, (generation, timestamp))
        .expect("the parts of a request have no control characters");
    let signature = hex::text(tag.as_ref());
    let (name, identifier) = (signer.name(), identifier::text(signer.kind(), number));
    format!(
        "{SCHEME} {name}={identifier}, generation={generation}, timestamp={timestamp}, \
         signature={signature}"
    )
}

fn mac(
    signer: Signer,
    key: &[u8; 32],
    parts: &RequestParts<'_>,
    (generation, timestamp): (u32, i64),
) -> Result<hmac::Tag, SignatureError> {
    let RequestParts { method, path, query, host, body_digest } = *parts;
    if [method, path, query, host]
        .iter()
        .any(|part| part.bytes().any(|byte| byte.is_ascii_control()))
    {
        return Err(SignatureError::PartsWrong);
    }
    let host = host.to_ascii_lowercase();
    let (label, body) = (signer.label(), hex::text(body_digest));
    let lines =
        format!("{label}\n{method}\n{path}\n{query}\n{host}\n{generation}\n{timestamp}\n{body}");
    Ok(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), lines.as_bytes()))
}

/// A decimal number in the one way of writing it.
fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
