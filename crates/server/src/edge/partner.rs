//! A request of a merchant's own system, signed with the secret of one of its webhook endpoints. It
//! is taken in as a terminal's is; the two kinds of credential differ in name, key and first signed
//! line, so that neither passes for the other.
//!
//! Whether the endpoint is in use and its secret current is asked with the book's own row.

use axum::extract::{FromRequest, Request};
use hyper::body::Bytes;
use hyper::http::request::Parts;
use yaoki_core::ids::WebhookNumber;

use super::deadline::Deadline;
use super::error::EdgeError;
use super::pace::Flight;
use super::problem::Problem;
use super::request::{self, Intake, REGISTER_BODY_BYTES_MAX};
use super::signature::Signer;
use super::signed::take;
use crate::app::App;

/// A request that was signed with an endpoint's secret.
#[derive(Debug)]
pub struct Partner {
    /// The endpoint.
    pub webhook: WebhookNumber,
    /// Under which generation of its secret.
    pub generation: i64,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// Method, address and headers.
    pub parts: Parts,
    /// By when it must be answered.
    pub deadline: Deadline,
    _flight: Flight,
}

impl Partner {
    /// The book has the endpoint, with this generation of its secret: its connection keeps its
    /// place.
    pub fn is_believed(&self) {
        // Terminals are counted above zero.
        request::is_known(&self.parts.extensions, -self.webhook.0);
    }
}

impl FromRequest<App> for Partner {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let intake = Intake::Json(REGISTER_BODY_BYTES_MAX);
        let taken = take(request, app, Signer::Webhook, intake).await?;
        let flight = app.partners.start(taken.number);
        let flight =
            flight.ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))?;
        Ok(Self {
            webhook: WebhookNumber(taken.number),
            generation: taken.generation,
            body: taken.body,
            parts: taken.parts,
            deadline: taken.deadline,
            _flight: flight,
        })
    }
}
