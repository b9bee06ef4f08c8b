//! A request of a terminal: taken in whole, its signature checked, before anything touches storage.
//! What its head says for itself (host, key, time, length) is judged before its body is read.
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
use super::listener::ListenerName;
use super::pace::Flight;
use super::problem::Problem;
use super::request::{self, Intake, REGISTER_BODY_BYTES_MAX};
use super::signature::{self, Claim, RequestParts};
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
    _frame: Option<[Flight; 2]>,
}

/// A frame that a terminal signed.
#[derive(Debug)]
pub struct SignedFrame(pub Signed);

impl FromRequest<App> for SignedFrame {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Signed::take(request, app, Intake::Frame).await.map(Self)
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
        Self::take(request, app, Intake::Json(REGISTER_BODY_BYTES_MAX)).await
    }
}

impl Signed {
    async fn take(request: Request, app: &App, intake: Intake) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        request::check_head(&parts)?;
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let claim = signature::parse(header.unwrap_or_default())?;
        let host = request::host(&parts)?;
        request::check_host(host, &app.register_hosts)?;
        claim.check_time(app.now().0.div_euclid(SECOND_MS))?;
        if !body.is_end_stream() {
            intake.check_content_type(&parts)?;
        }
        let terminal = i64::try_from(claim.terminal).expect("an identifier holds a positive i64");
        let frame = app.frame(intake, ListenerName::Registers, terminal)?;
        let body = request::body(body, intake.bytes_max()).await?;
        let deadline = app.deadline();
        check(app, &claim, &parts, host, &body)?;
        let flight = app.flights.start(terminal);
        let flight =
            flight.ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))?;
        Ok(Self {
            terminal: TerminalNumber(terminal),
            generation: i64::from(claim.generation),
            body,
            parts,
            deadline,
            _flight: flight,
            _frame: frame,
        })
    }
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
    let keys = keyring.file.terminal_keys(claim.terminal, claim.generation, now.0);
    let mut result = Err(signature::SignatureError::SignatureWrong);
    for key in keys {
        result = signature::verify(claim, key.expose(), &signed, now.0.div_euclid(SECOND_MS));
        if result.is_ok() {
            break;
        }
    }
    result.map_err(Problem::from)
}
