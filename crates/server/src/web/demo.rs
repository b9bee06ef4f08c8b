//! What only a demo serves.

use axum::extract::State;
use axum::response::Response;

use super::text;
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::metrics::{Class, Endpoint, Said};

/// By this a phone knows that a certificate comes, and offers to install it.
const CERTIFICATE: &str = "application/x-x509-ca-cert";

/// The certificate of a demo's own authority, for phones to trust.
///
/// It comes over a connection that nobody trusts yet: people compare its fingerprint with the one
/// that the demo prints.
#[utoipa::path(
    get,
    path = "/demo/ca.crt",
    operation_id = "demo_authority",
    tag = "public",
    responses(
        (
            status = 200,
            description = "A certificate, DER",
            content_type = "application/x-x509-ca-cert"
        ),
        (status = "default", description = "No demo, or one without an authority of its own",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub async fn authority(State(app): State<App>) -> Response {
    let work = async {
        let certificate = app.demo_authority.clone();
        let certificate = certificate.ok_or_else(|| Problem::from(EdgeError::NotFound))?;
        Ok(Said { response: text(certificate, CERTIFICATE), class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}
