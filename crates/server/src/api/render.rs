//! Answers, rendered from the stored row and nothing else, so that asking again gives the same
//! bytes.
//!
//! No clock, no language, no look-up: what is not on the row is not in the answer. The life of a
//! payment alone, which goes on, names a checkpoint besides.

use axum::body::Body;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;
use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::money::Currency;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{PaymentState, refusal_of};
use yaoki_store::read::PaymentHistory;
use yaoki_store::verify::anchor::Anchor;

use super::fields::request_id_text;
use super::time;
use crate::edge::identifier::{self, Kind};
use crate::metrics::{Class, Said};

/// Marks the same answer given again.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The recorded outcome of a request. Final.
#[derive(Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct OperationAnswer<'a> {
    /// `succeeded` or `declined`.
    #[schema(example = "succeeded")]
    outcome: &'static str,
    /// What was asked: `pay`, `authorize`, `capture`, `void`, `refund`, `reverse`; `tombstone`
    /// where the request was reversed before it arrived.
    #[schema(example = "pay")]
    operation: &'static str,
    /// The request.
    #[schema(format = "uuid")]
    request_id: String,
    /// The terminal that asked, or whose order it was; none where the server did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal: Option<String>,
    /// Pay and authorize: `member` where a member's code was scanned, `shop` where a member
    /// confirmed what the shop showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    presented: Option<&'static str>,
    /// The record of a payment, refund or reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The payment that this began or is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    /// Minor units: asked for, or given back, or released.
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    currency: &'a str,
    /// When it was booked.
    #[schema(format = "date-time")]
    booked_at: String,
    /// The store's business date.
    #[schema(format = "date")]
    business_date: String,
    /// Until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
    /// What exactly a reversal or refund did.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalAnswer>,
    /// `code_already_used`: the store's own first payment with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_payment: Option<FirstPayment>,
}

/// Why a request was declined.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct RefusalAnswer {
    /// Stable.
    name: &'static str,
    /// Stable.
    number: i64,
    /// For people.
    message: &'static str,
    /// What to do.
    cure: &'static str,
}

impl RefusalAnswer {
    /// Renders one refusal.
    pub fn of(refusal: Refusal) -> Self {
        Self {
            name: refusal.name(),
            number: refusal.number(),
            message: refusal.sentence(),
            cure: refusal.cure(),
        }
    }
}

/// The payment that used a code first.
#[derive(Serialize, ToSchema)]
pub struct FirstPayment {
    payment: String,
    #[schema(format = "date-time")]
    booked_at: String,
}

impl<'a> OperationAnswer<'a> {
    /// Renders one stored row.
    pub fn of(operation: &Operation, currency: &'a Currency) -> Self {
        let refusal = refusal_of(operation);
        let used = refusal == Some(Refusal::CodeAlreadyUsed) && operation.payment.is_some();
        Self {
            outcome: if operation.succeeded() { "succeeded" } else { "declined" },
            operation: operation.kind.name(),
            request_id: request_id_text(operation.request_id),
            terminal: (operation.terminal.is_some())
                .then(|| identifier::text(Kind::Terminal, operation.terminal.0)),
            presented: presented(operation),
            id: kind_of(operation.kind).map(|kind| identifier::text(kind, operation.id.0)),
            payment: payment_of(operation),
            amount: operation.amount,
            currency: currency.as_str(),
            booked_at: time::text(operation.id.at()),
            business_date: time::date(operation.business_date),
            hold_expires_at: (operation.expires_at.0 != 0)
                .then(|| time::text(operation.expires_at)),
            effect: told(operation),
            refusal: refusal.map(RefusalAnswer::of),
            first_payment: used.then(|| FirstPayment {
                payment: identifier::text(Kind::Payment, operation.payment.0),
                booked_at: time::text(operation.payment.at()),
            }),
        }
    }
}

/// Who showed what was scanned; none where nothing was.
pub fn presented(operation: &Operation) -> Option<&'static str> {
    let begins = matches!(operation.kind, OperationKind::Pay | OperationKind::Authorize);
    begins.then(|| match (operation.is_of_shop(), operation.effect) {
        (false, _) => "member",
        (true, Effect::AtSign) => "sign",
        (true, _) => "order",
    })
}

/// What a register is told of an effect: not where the money waits, which would say that its member
/// has left.
fn told(operation: &Operation) -> Option<&'static str> {
    match (operation.effect, operation.kind) {
        (Effect::Plain | Effect::AtSign, _)
        | (Effect::ToSuspense, OperationKind::Refund | OperationKind::TopUp) => None,
        (Effect::ToSuspense, _) => Some(Effect::GaveBack.name()),
        (effect, _) => Some(effect.name()),
    }
}

/// The payment that an operation began or is about; for a declined code the other store's business.
pub fn payment_of(operation: &Operation) -> Option<String> {
    let begins = matches!(operation.kind, OperationKind::Pay | OperationKind::Authorize);
    let about = operation.payment.is_some() && (operation.succeeded() || !begins);
    let about = about && !operation.is_of_top_up();
    about.then(|| identifier::text(Kind::Payment, operation.payment.0))
}

/// The kind of an operation's id; captures, voids and the like are named by their payment.
pub const fn kind_of(kind: OperationKind) -> Option<Kind> {
    match kind {
        OperationKind::Pay | OperationKind::Authorize => Some(Kind::Payment),
        OperationKind::Refund => Some(Kind::Refund),
        OperationKind::Reverse | OperationKind::Tombstone => Some(Kind::Reversal),
        OperationKind::Capture
        | OperationKind::Void
        | OperationKind::Expire
        | OperationKind::Credit
        | OperationKind::TakeBack
        | OperationKind::Dispute => None,
        OperationKind::TopUp => Some(Kind::TopUp),
    }
}

/// The answer of a recorded outcome.
pub fn operation(operation: &Operation, replayed: bool, currency: Currency) -> Said {
    let mut response = json(&OperationAnswer::of(operation, &currency));
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    let class = if operation.succeeded() { Class::Succeeded } else { Class::Declined };
    Said { response, class }
}

/// The answer to a query for what was never seen.
#[derive(Serialize, ToSchema)]
pub struct NotSeen {
    /// Always `unknown`.
    #[schema(example = "unknown")]
    outcome: &'static str,
    /// Always `not_seen`.
    #[schema(example = "not_seen")]
    reason: &'static str,
    /// What makes it final.
    detail: &'static str,
}

impl NotSeen {
    /// What is said.
    pub const ANSWER: Self = Self {
        outcome: "unknown",
        reason: "not_seen",
        detail: "No such request has been decided. It may still arrive: reverse it to make that \
                 final, or send it again with the same request id.",
    };
}

/// The life of one payment.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentAnswer<'a> {
    payment: String,
    /// `authorized`, `paid`, `captured`, `voided`, `expired` or `reversed`.
    #[schema(example = "paid")]
    status: &'static str,
    /// Minor units that were asked for.
    amount: i64,
    /// Minor units held.
    held: i64,
    /// Minor units paid or captured.
    captured: i64,
    /// Minor units given back.
    refunded: i64,
    /// ISO 4217.
    currency: &'a str,
    /// Until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
    /// What was done, oldest first.
    operations: Vec<OperationAnswer<'a>>,
    /// A signed checkpoint of the ledger with all of this in it; left out where this server has
    /// made none yet. A later one may be named another time: it proves the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<CheckpointAnswer>,
}

/// A signed checkpoint in its short form, as on receipts.
#[derive(Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub struct CheckpointAnswer {
    /// When the heads of the ledger were read; `time` of its line in the anchor file.
    #[schema(format = "date-time")]
    at: String,
    /// The first 16 hexadecimal digits of the SHA-256 of `heads` of that line.
    #[schema(example = "3f1c0a5b77e29d40")]
    digest: String,
}

impl CheckpointAnswer {
    /// The short form of `anchor`, where it covers the whole of `history`.
    fn of(anchor: &Anchor, history: &PaymentHistory) -> Option<Self> {
        let mut operations = history.operations.iter();
        let covers = operations.all(|operation| anchor.covers(operation.id.lane(), operation.seq));
        covers.then(|| Self { at: time::text(anchor.at), digest: anchor.short() })
    }
}

impl<'a> PaymentAnswer<'a> {
    /// Renders one payment; `anchor` is the last checkpoint of this server.
    pub fn of(history: &PaymentHistory, currency: &'a Currency, anchor: Option<&Anchor>) -> Self {
        let PaymentState { status, held, captured, refunded, expires_at, .. } = history.state;
        Self {
            payment: identifier::text(Kind::Payment, history.begun.id.0),
            status: status.name(),
            amount: history.begun.amount,
            held,
            captured,
            refunded,
            currency: currency.as_str(),
            hold_expires_at: (expires_at.0 != 0).then(|| time::text(expires_at)),
            operations: operations(&history.operations, currency),
            checkpoint: anchor.and_then(|anchor| CheckpointAnswer::of(anchor, history)),
        }
    }
}

/// A page of a terminal's operations.
#[derive(Serialize, ToSchema)]
pub struct OperationList<'a> {
    /// Newest first.
    pub operations: Vec<OperationAnswer<'a>>,
    /// What to give as `before` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Renders a list.
pub fn operations<'a>(list: &[Operation], currency: &'a Currency) -> Vec<OperationAnswer<'a>> {
    list.iter().map(|operation| OperationAnswer::of(operation, currency)).collect()
}

/// A JSON answer.
pub fn json(body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("texts, numbers and lists have a form in JSON");
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A JSON answer where nothing is recorded.
pub fn said(body: &impl Serialize) -> Said {
    Said { response: json(body), class: Class::Answered }
}
