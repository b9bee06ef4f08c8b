//! A request of a member's device: taken in whole, its proof checked, before anything touches
//! storage.
//!
//! Every answer carries the nonce for the next proof, refusals included, so that a device whose
//! nonce is old is two requests from its code and never asks its own clock.

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use yaoki_core::ids::{FactId, MemberNumber};

use super::deadline::Deadline;
use super::error::EdgeError;
use super::listener::ListenerName;
use super::pace::Flight;
use super::problem::{Problem, sentence};
use super::proof::{self, NO_DEVICE, ProofError, VerifiedKey};
use super::request::{self, DEVICE_BODY_BYTES_MAX, Intake};
use crate::app::App;

/// Where the next nonce stands (RFC 9449, 8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A request that an enrolled device signed.
#[derive(Debug)]
pub struct Proven {
    /// Which device.
    pub device: FactId,
    /// Whose.
    pub member: MemberNumber,
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    extensions: Extensions,
    _flights: (Flight, Option<[Flight; 2]>),
}

/// A frame that an enrolled device signed.
#[derive(Debug)]
pub struct ProvenFrame(pub Proven);

impl FromRequest<App> for ProvenFrame {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Proven::take(request, app, Intake::Frame).await.map(Self)
    }
}

impl Proven {
    /// The book has the device, and it is active: its connection keeps its place.
    pub fn is_believed(&self) {
        request::is_known(&self.extensions, self.device.0);
    }
}

/// A request that a device signed which is only being enrolled.
#[derive(Debug)]
pub struct Newcomer {
    /// Its key, proven.
    pub key: VerifiedKey,
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    _flight: Flight,
}

impl FromRequest<App> for Proven {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Self::take(request, app, Intake::Json(DEVICE_BODY_BYTES_MAX)).await
    }
}

impl Proven {
    async fn take(request: Request, app: &App, intake: Intake) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let token = request::check_head(&parts).and_then(|()| {
            let opened = app.keyring().proof.open_token(text_of(&parts, &AUTHORIZATION));
            opened.map_err(Problem::from)
        });
        let token = token.map_err(|problem| with_nonce(problem, app, NO_DEVICE))?;
        let number = |number: u64| i64::try_from(number).expect("we made the token");
        let (device, member) = (number(token.device), number(token.member));
        let proven = async {
            let frame = app.frame(intake, ListenerName::Devices, device)?;
            let body = request::body(body, intake.bytes_max()).await?;
            let deadline = app.deadline();
            let digest = proof::sha256(&body);
            let asked = asked(app, &parts, &digest)?;
            let proof = text_of(&parts, &DPOP);
            let time = app.proofs.time(app.now().0);
            let verified = app.keyring().proof.verify(&token, proof, &asked, time)?;
            app.proofs.accept(verified.mark, time)?;
            if !body.is_empty() {
                intake.check_content_type(&parts)?;
            }
            let flight = app.device_flights.start(device);
            let flight = flight
                .ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))?;
            let (device, member) = (FactId(device), MemberNumber(member));
            let extensions = parts.extensions;
            Ok(Self { device, member, body, deadline, extensions, _flights: (flight, frame) })
        };
        proven.await.map_err(|problem| with_nonce(problem, app, token.device))
    }
}

impl FromRequest<App> for Newcomer {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let newcomer = async {
            request::check_head(&parts)?;
            let body = request::body(body, DEVICE_BODY_BYTES_MAX).await?;
            // After the body: whoever sends slowly holds none of these places.
            let flight = app.stranger(ListenerName::Devices)?;
            let deadline = app.deadline();
            let digest = proof::sha256(&body);
            let asked = asked(app, &parts, &digest)?;
            let proof = text_of(&parts, &DPOP);
            let key = app.keyring().proof.verify_enrolment(
                proof,
                &asked,
                app.proofs.time(app.now().0),
            )?;
            request::check_content_type(&parts)?;
            Ok(Self { key, body, deadline, _flight: flight })
        };
        newcomer.await.map_err(|problem| with_nonce(problem, app, NO_DEVICE))
    }
}

fn asked<'a>(
    app: &App,
    parts: &'a Parts,
    body_digest: &'a [u8; 32],
) -> Result<proof::Request<'a>, Problem> {
    let host = request::host(parts)?;
    request::check_host(host, &app.device_hosts)?;
    Ok(proof::Request {
        method: parts.method.as_str(),
        scheme: app.device_scheme(),
        host,
        path: parts.uri.path(),
        body_digest,
    })
}

fn text_of<'a>(parts: &'a Parts, name: &HeaderName) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The nonce for the next proof of `device`.
pub fn nonce(app: &App, device: u64) -> HeaderValue {
    let nonce = app.keyring().proof.nonce(device, app.proofs.time(app.now().0));
    HeaderValue::from_str(&nonce).expect("base64url is ASCII")
}

fn with_nonce(problem: Problem, app: &App, device: u64) -> Problem {
    problem.and_header(DPOP_NONCE, nonce(app, device))
}

/// What every answer to a device carries: the next nonce, and that it is kept nowhere.
pub fn for_device(mut response: Response, app: &App, device: u64) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(DPOP_NONCE) {
        headers.insert(DPOP_NONCE, nonce(app, device));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let kind = match error {
            ProofError::NonceMissing | ProofError::NonceStale => EdgeError::NonceMustBeFresh,
            ProofError::TokenMissing | ProofError::TokenWrong => EdgeError::TokenMustBeOurs,
            _ => EdgeError::ProofMustHold,
        };
        let challenge = format!("DPoP error=\"{}\", algs=\"ES256\"", error.code());
        let challenge = HeaderValue::from_str(&challenge).expect("the codes are ASCII");
        Self::with_detail(kind, sentence(&error.to_string()))
            .and_header(WWW_AUTHENTICATE, challenge)
    }
}
