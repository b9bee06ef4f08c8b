//! A request that is signed, of a terminal or of a merchant's own system: taken in whole, its
//! signature checked, before anything touches storage. What its head says for itself (host, key,
//! time, length) is judged before its body is read.
//!
//! Whether terminal and key generation are still good is for the rules: they are asked with the
//! book's own rows, under the same lock as the money.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use hyper::body::{Body as _, Bytes};
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use yaoki_core::command::Caller;
use yaoki_core::ids::{RequestId, RequestKey, TerminalNumber};
use yaoki_core::time::SECOND_MS;

use super::deadline::Deadline;
use super::error::EdgeError;
use super::frames::FramePlace;
use super::keys::Secret;
use super::listener::ListenerName;
use super::pace::Flight;
use super::problem::Problem;
use super::request::{self, Intake, REGISTER_BODY_BYTES_MAX};
use super::signature::{self, Claim, RequestParts, SignatureError, Signer};
use crate::app::App;

/// A request that a terminal signed.
#[derive(Debug)]
pub struct Signed {
    /// Who signed.
    pub terminal: TerminalNumber,
    /// Under which generation of its key.
    pub generation: i64,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// Method, address and headers.
    pub parts: Parts,
    /// By when it must be answered.
    pub deadline: Deadline,
    _flight: Flight,
}

/// A frame that a terminal signed, and its place.
#[derive(Debug)]
pub struct SignedFrame(pub Signed, pub FramePlace);

impl FromRequest<App> for SignedFrame {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (signed, place) = Signed::take(request, app, Intake::Frame).await?;
        Ok(Self(signed, place.expect("a frame has a place")))
    }
}

impl Signed {
    /// The book has the terminal, under this generation of its key: its connection keeps its place.
    pub fn is_believed(&self) {
        request::is_known(&self.parts.extensions, self.terminal.0);
    }

    /// The caller of a request of this id.
    pub const fn caller(&self, request: RequestId) -> Caller {
        let key = RequestKey { request, terminal: self.terminal };
        Caller { key, generation: self.generation }
    }
}

impl FromRequest<App> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let intake = Intake::Json(REGISTER_BODY_BYTES_MAX);
        Self::take(request, app, intake).await.map(|(signed, _)| signed)
    }
}

impl Signed {
    async fn take(
        request: Request,
        app: &App,
        intake: Intake,
    ) -> Result<(Self, Option<FramePlace>), Problem> {
        let taken = take(request, app, Signer::Terminal, intake).await?;
        let flight = app.flights.start(taken.number);
        let flight =
            flight.ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))?;
        let signed = Self {
            terminal: TerminalNumber(taken.number),
            generation: taken.generation,
            body: taken.body,
            parts: taken.parts,
            deadline: taken.deadline,
            _flight: flight,
        };
        Ok((signed, taken.frame))
    }
}

/// A request whose signature holds.
pub(super) struct Taken {
    /// The signer's number.
    pub(super) number: i64,
    /// Under which generation of its key.
    pub(super) generation: i64,
    pub(super) body: Bytes,
    pub(super) parts: Parts,
    pub(super) deadline: Deadline,
    /// The place of a frame, where one was sent.
    frame: Option<FramePlace>,
}

/// Takes a request in and checks its signature.
pub(super) async fn take(
    request: Request,
    app: &App,
    signer: Signer,
    intake: Intake,
) -> Result<Taken, Problem> {
    let (parts, body) = request.into_parts();
    request::check_head(&parts)?;
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claim = signature::parse_of(signer, header.unwrap_or_default())?;
    let host = request::host(&parts)?;
    request::check_host(host, &app.register_hosts)?;
    claim.check_time(app.now().0.div_euclid(SECOND_MS))?;
    if !body.is_end_stream() {
        intake.check_content_type(&parts)?;
    }
    let number = i64::try_from(claim.number).expect("an identifier holds a positive i64");
    let receiving = app.receive_frame(intake, ListenerName::Registers, &parts.extensions)?;
    let body = request::body(body, intake.bytes_max()).await?;
    let deadline = app.deadline();
    check(app, &claim, &parts, host, &body)?;
    // Only now is the number more than a claim: nobody else takes a terminal's own place.
    let frame = receiving.map(|receiving| app.frame_places.own(receiving, number)).transpose()?;
    let generation = i64::from(claim.generation);
    Ok(Taken { number, generation, body, parts, deadline, frame })
}

fn check(app: &App, claim: &Claim, parts: &Parts, host: &str, body: &[u8]) -> Result<(), Problem> {
    let digest = signature::body_digest(body);
    let signed = RequestParts {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        host,
        body_digest: &digest,
    };
    let now = app.now();
    let keyring = Arc::clone(&app.keyring());
    let (file, number, generation) = (&keyring.file, claim.number, claim.generation);
    let holds = |key: Secret<32>| {
        signature::verify(claim, key.expose(), &signed, now.0.div_euclid(SECOND_MS))
    };
    match claim.signer {
        Signer::Terminal => any(file.terminal_keys(number, generation, now.0).map(holds)),
        Signer::Webhook => any(file.webhook_secrets(number, generation, now.0).map(holds)),
    }
}

/// The first key that fits, or what the last one has to say.
fn any(tried: impl Iterator<Item = Result<(), SignatureError>>) -> Result<(), Problem> {
    let mut result = Err(SignatureError::SignatureWrong);
    for one in tried {
        result = one;
        if result.is_ok() {
            break;
        }
    }
    result.map_err(Problem::from)
}
