//! What our server asks the demo acquirer: the part of Stripe's API that we use.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use openidconnect::url::form_urlencoded;
use serde_json::{Value, json};

use super::Shared;
use super::ledger::{Dispute, Intent, Session, Status};
use crate::jobs::post::{self, Bounds, Client, Reach};

pub(super) type Form = BTreeMap<String, String>;
type Answer = Result<axum::Json<Value>, No>;

/// It says no.
pub(super) struct No(StatusCode, &'static str);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.1}});
        (self.0, axum::Json(body)).into_response()
    }
}

/// How long a telling may take.
const TELL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Tells our server something.
pub(super) async fn post_event(url: &str, signature: &str, body: String) -> Result<(), String> {
    let bounds = Bounds { timeout: TELL_TIMEOUT, answer_bytes_max: 4096 };
    let client = Client::new(post::tls(), Reach::Named, bounds);
    let url = url.parse().map_err(|_| "its address is none".to_owned())?;
    let signature = HeaderValue::from_str(signature).map_err(|_| "no signature".to_owned())?;
    let headers = vec![
        (HeaderName::from_static("stripe-signature"), signature),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    match client.post(&url, &mut None, headers, Bytes::from(body)).await {
        Ok(200) => Ok(()),
        Ok(status) => Err(format!("it was answered with {status}")),
        Err(error) => Err(error.to_string()),
    }
}

const fn refused(status: StatusCode, message: &'static str) -> No {
    No(status, message)
}

const fn not_found() -> No {
    refused(StatusCode::NOT_FOUND, "no such thing")
}

/// Lets our server in and nobody else. While the acquirer keeps silent the answer is lost: what was
/// asked is done all the same.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let expected = STANDARD.encode(format!("{}:", shared.secret_key));
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&format!("Basic {expected}")) {
        return refused(StatusCode::UNAUTHORIZED, "not our secret key").into_response();
    }
    let answer = next.run(request).await;
    if shared.now().0 < shared.ledger().silent_until {
        return refused(StatusCode::GATEWAY_TIMEOUT, "it keeps silent").into_response();
    }
    answer
}

pub(super) fn form(body: &Bytes) -> Form {
    form_urlencoded::parse(body).into_owned().collect()
}

pub(super) fn said(form: &Form, name: &str) -> String {
    form.get(name).cloned().unwrap_or_default()
}

pub(super) async fn customer(State(shared): State<Arc<Shared>>) -> Answer {
    let id = shared.change(|ledger| ledger.name("cus"));
    Ok(axum::Json(json!({"id": id})))
}

pub(super) async fn make_session(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let form = form(&body);
    let session = Session {
        customer: said(&form, "customer"),
        member: said(&form, "metadata[member]"),
        device: said(&form, "metadata[device]"),
        success_url: said(&form, "success_url"),
        cancel_url: said(&form, "cancel_url"),
        number: None,
        complete: false,
    };
    let id = shared.change(|ledger| {
        let id = ledger.name("cs");
        ledger.sessions.insert(id.clone(), session);
        id
    });
    let url = format!("{}/card/{id}", shared.origin);
    Ok(axum::Json(json!({"id": id, "url": url, "status": "open"})))
}

pub(super) async fn session(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let session = shared.ledger().sessions.get(&id).cloned().ok_or_else(not_found)?;
    let number = session.number.clone().unwrap_or_default();
    let setup = session.complete.then(|| {
        json!({
            "status": "succeeded",
            "payment_method": {
                "id": format!("pm_{number}"),
                "card": {
                    "brand": "demo",
                    "last4": number.get(12..).unwrap_or_default(),
                    "fingerprint": format!("{number} of {}", session.customer),
                },
            },
            "latest_attempt": {"payment_method_details": {"card": {"three_d_secure": {
                "authentication_flow": "challenge", "result": "authenticated",
            }}}},
        })
    });
    let body = json!({
        "id": id,
        "status": if session.complete { "complete" } else { "open" },
        "customer": session.customer,
        "metadata": {"member": session.member, "device": session.device},
        "setup_intent": setup,
    });
    Ok(axum::Json(body))
}

fn intent_body(shared: &Shared, id: &str, intent: &Intent) -> Value {
    let asks = intent.status == Status::RequiresAction;
    let url = format!("{}/3ds/{id}", shared.origin);
    let said = intent
        .flow
        .as_ref()
        .map(|flow| json!({"authentication_flow": flow, "result": "authenticated"}));
    json!({
        "id": id,
        "amount": intent.amount,
        "amount_received": if intent.status == Status::Succeeded { intent.amount } else { 0 },
        "status": intent.status,
        "next_action": asks.then(|| json!({"redirect_to_url": {"url": url}})),
        "latest_charge": intent.flow.as_ref().map(|_| json!({
            "payment_method_details": {"card": {"three_d_secure": said}},
        })),
        "last_payment_error": intent.failed.then(|| json!({"code": "card_declined"})),
    })
}

pub(super) async fn make_intent(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let form = form(&body);
    let amount = said(&form, "amount").parse().ok().filter(|amount| *amount > 0);
    let amount = amount.ok_or_else(|| refused(StatusCode::BAD_REQUEST, "no amount"))?;
    let asked = said(&form, "payment_method_options[card][request_three_d_secure]");
    let intent = Intent {
        amount,
        number: said(&form, "payment_method").trim_start_matches("pm_").to_owned(),
        status: Status::RequiresConfirmation,
        challenge: asked == "challenge",
        return_url: String::new(),
        flow: None,
        failed: false,
        refunded: 0,
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let key = key.unwrap_or_default().to_owned();
    let (id, intent) = shared.change(|ledger| {
        if let Some(id) = ledger.made.get(&key).filter(|_| !key.is_empty()) {
            return (id.clone(), ledger.intents[id].clone());
        }
        let id = ledger.name("pi");
        ledger.made.insert(key, id.clone());
        ledger.intents.insert(id.clone(), intent.clone());
        (id, intent)
    });
    let body = intent_body(&shared, &id, &intent);
    Ok(axum::Json(body))
}

pub(super) async fn intent(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let intent = shared.ledger().intents.get(&id).cloned().ok_or_else(not_found)?;
    let body = intent_body(&shared, &id, &intent);
    Ok(axum::Json(body))
}

/// Changes a payment where it may be changed so.
fn change(shared: &Arc<Shared>, id: &str, change: impl FnOnce(&mut Intent) -> bool) -> Answer {
    let changed = shared.change(|ledger| {
        let intent = ledger.intents.get_mut(id)?;
        let may = change(intent);
        Some((may, intent.clone()))
    });
    let (may, intent) = changed.ok_or_else(not_found)?;
    match (may, intent.failed) {
        (false, _) => Err(refused(StatusCode::BAD_REQUEST, "it does not stand so")),
        (true, true) => Err(refused(StatusCode::PAYMENT_REQUIRED, "the card was declined")),
        (true, false) => Ok(axum::Json(intent_body(shared, id, &intent))),
    }
}

pub(super) async fn confirm(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let url = said(&form(&body), "return_url");
    change(&shared, &id, |intent| intent.confirm(&url))
}

pub(super) async fn capture(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let answer = change(&shared, &id, |intent| {
        let may = intent.status == Status::RequiresCapture;
        if may {
            intent.status = Status::Succeeded;
        }
        may
    });
    shared.tell("payment_intent.succeeded", &id);
    answer
}

pub(super) async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    change(&shared, &id, |intent| {
        let may = !matches!(intent.status, Status::Succeeded | Status::Canceled);
        if may {
            (intent.status, intent.failed) = (Status::Canceled, false);
        }
        may
    })
}

pub(super) async fn refund(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let id = said(&form(&body), "payment_intent");
    let given = shared.change(|ledger| {
        let intent = ledger.intents.get_mut(&id)?;
        let may = intent.status == Status::Succeeded && intent.refunded == 0;
        if may {
            intent.refunded = intent.amount;
        }
        Some(may)
    });
    if given.ok_or_else(not_found)? {
        Ok(axum::Json(json!({"status": "succeeded"})))
    } else {
        Err(refused(StatusCode::BAD_REQUEST, "nothing is left of it"))
    }
}

pub(super) async fn refunds(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Form>,
) -> Answer {
    let id = said(&asked, "payment_intent");
    let refunded = shared.ledger().intents.get(&id).ok_or_else(not_found)?.refunded;
    let data = if refunded > 0 { vec![json!({"status": "succeeded"})] } else { Vec::new() };
    Ok(axum::Json(json!({"data": data})))
}

pub(super) async fn dispute(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let found = shared.ledger().disputes.get(&id).cloned();
    let Dispute { intent, amount, status } = found.ok_or_else(not_found)?;
    let body = json!({"id": id, "payment_intent": intent, "amount": amount, "status": status});
    Ok(axum::Json(body))
}
