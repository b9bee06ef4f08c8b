//! What the acquirer tells by itself. Its signature is checked over the bytes that came
//! (HMAC-SHA256 of time and body, as Stripe documents), and nothing of what it says is believed but
//! which payment or dispute it is about: how that stands is asked. So a message that is forged,
//! replayed, late, doubled or out of order does no harm.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ring::hmac;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{Command, MoneyIn, MoneyInStep};
use yaoki_core::ids::RequestId;
use yaoki_core::refusal::Refusal;
use yaoki_core::time::{MINUTE_MS, SECOND_MS};
use yaoki_store::{Part, read};

use super::acquirer::Acquirer;
use super::drive;
use crate::api::render;
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::hex;
use crate::edge::listener::ListenerName;
use crate::edge::problem::{Cause, Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// The longest message, bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How old a signature may be, milliseconds.
const SIGNED_WITHIN_MS: i64 = 5 * MINUTE_MS;
/// The most signatures that one message carries, while the secret is changed.
const SIGNATURES_MAX: usize = 4;

/// A message, as far as it is read.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: About,
}

#[derive(Deserialize)]
struct About {
    id: String,
}

/// It was heard.
#[derive(Serialize, ToSchema)]
#[schema(as = AcquirerEventHeard)]
pub struct Heard {
    /// Always true.
    heard: bool,
}

/// The acquirer tells of a payment or a dispute.
#[utoipa::path(
    post,
    path = "/v1/acquirer/events",
    tag = "public",
    security(("acquirer" = [])),
    request_body(content = String, content_type = "application/json"),
    responses(
        (status = 200, description = "It was heard", body = Heard),
        (status = "default", description = "Not heard: it is sent again", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn event(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let work = async {
        let stranger = app.stranger(ListenerName::Public)?;
        let acquirer = app.acquirer.as_ref().ok_or(EdgeError::NotFound)?;
        let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
        let signature = signature.ok_or(EdgeError::SignatureMustMatch)?;
        let body = request::body(body, BODY_BYTES_MAX).await?;
        must_be_signed(acquirer.webhook_secret(), signature, &body, app.now().0)?;
        // From here on it is the acquirer's, and no stranger's.
        drop(stranger);
        let message: Message =
            serde_json::from_slice(&body).map_err(|_| EdgeError::RequestMustBeJson)?;
        hear(&app, acquirer, &message).await?;
        Ok(render::said(&Heard { heard: true }))
    };
    app.answer(Endpoint::AcquirerEvent, work).await
}

/// Checks `t=…,v1=…`.
fn must_be_signed(secret: &str, signature: &str, body: &[u8], now_ms: i64) -> Result<(), Problem> {
    let refused = || Problem::from(EdgeError::SignatureMustMatch);
    let parts = signature.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts.clone().find(|(name, _)| *name == "t").map(|(_, value)| value);
    let at = at.ok_or_else(refused)?;
    let seconds: i64 = at.parse().map_err(|_| refused())?;
    let age = now_ms.saturating_sub(seconds.saturating_mul(SECOND_MS));
    if age.saturating_abs() > SIGNED_WITHIN_MS {
        return Err(refused());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [at.as_bytes(), b".", body].concat();
    let good = parts.filter(|(name, _)| *name == "v1").take(SIGNATURES_MAX).any(|(_, value)| {
        let given: Option<[u8; 32]> = hex::bytes(value);
        given.is_some_and(|given| hmac::verify(&key, &signed, &given).is_ok())
    });
    if good { Ok(()) } else { Err(refused()) }
}

async fn hear(app: &App, acquirer: &Acquirer, message: &Message) -> Result<(), Problem> {
    let id = &message.data.object.id;
    if message.kind.starts_with("payment_intent.") {
        let reference = id.clone();
        let deadline = app.deadline();
        let found = app.read(Side::Devices, deadline, move |conn| {
            read::money_in::top_up_by_reference(conn, &reference)
        });
        // One that is not in the book was made and never confirmed: it is nothing.
        if let Some(row) = found.await? {
            drive::drive(app, acquirer, row.id).await?;
        }
    } else if message.kind.starts_with("charge.dispute.") {
        dispute(app, acquirer, id).await?;
    }
    Ok(())
}

/// Books what a dispute has come to: what it took, and what it gave back.
async fn dispute(app: &App, acquirer: &Acquirer, id: &str) -> Result<(), Problem> {
    let there = acquirer.dispute(id).await.map_err(|error| drive::problem(&error))?;
    let reference = there.payment_intent.unwrap_or_default();
    let deadline: Deadline = app.deadline();
    let found = app.read(Side::Devices, deadline, move |conn| {
        read::money_in::top_up_by_reference(conn, &reference)
    });
    let Some(row) = found.await? else { return Ok(()) };
    // A warning takes nothing.
    if there.status.starts_with("warning") {
        return Ok(());
    }
    let won = there.status == "won";
    for won in [false, true].into_iter().take(if won { 2 } else { 1 }) {
        let step = MoneyInStep::Dispute { top_up: row.id, amount: there.amount, won };
        let name = if won { "dispute won" } else { "dispute" };
        let request = RequestId::of_reference(name, &there.id);
        let command =
            Command::MoneyIn(MoneyIn { request, member: row.member, freeze: String::new(), step });
        match app.submit(Part::Members, command, deadline).await {
            Ok(_) => {}
            Err(problem) if problem.cause() == Cause::Rule(Refusal::TopUpMustBeOpen) => {
                // It is told again, until it fits or a person has looked: it is never lost.
                tracing::error!(dispute = there.id, "a dispute does not fit its top-up");
                return Err(problem);
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn signed(secret: &str, at: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let text = [at.to_string().as_bytes(), b".", body].concat();
        format!("t={at},v1={}", hex::text(hmac::sign(&key, &text).as_ref()))
    }

    #[test]
    fn only_a_fresh_signature_of_these_bytes_under_our_secret_is_believed() {
        let at = NOW_MS / 1000;
        let good = signed("whsec_1", at, BODY);
        let check = |signature: &str, body: &[u8], now| {
            must_be_signed("whsec_1", signature, body, now).is_ok()
        };
        assert!(check(&good, BODY, NOW_MS));
        assert!(check(&good, BODY, NOW_MS + SIGNED_WITHIN_MS));
        assert!(!check(&good, BODY, NOW_MS + SIGNED_WITHIN_MS + 1_000), "an old one is replayed");
        assert!(!check(&good, br#"{"id":"evt_2"}"#, NOW_MS), "another body");
        assert!(!check(&signed("whsec_2", at, BODY), BODY, NOW_MS), "another secret");
        let later = good.replace(&format!("t={at}"), &format!("t={}", at + 1));
        assert!(!check(&later, BODY, NOW_MS), "the time is signed, too");
        for wrong in ["", "t=1", "v1=00", "t=x,v1=00", &format!("t={at},v1=zz"), &format!("t={at}")]
        {
            assert!(!check(wrong, BODY, NOW_MS), "{wrong}");
        }
        let two = format!(
            "{},v1={}",
            signed("whsec_old", at, BODY),
            good.split("v1=").nth(1).unwrap_or("")
        );
        assert!(check(&two, BODY, NOW_MS), "while the secret is changed there are two");
    }
}
