//! What is asked of payments and requests that exist: reverse, refund, capture, void, acknowledge.
//! No switch, freeze or suspension stops these on the way here.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{ACKNOWLEDGEMENTS_MAX, Ask, Command, Meaning, Reverse, Settle};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{FactId, RequestId, RequestKey, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::policy::rule::Goods;
use yaoki_core::session::ClerkToken;
use yaoki_core::time::Instant;
use yaoki_store::Part;

use super::{Asked, clerk, submit};
use crate::api::fields;
use crate::api::render::{self, OperationAnswer};
use crate::app::App;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::request;
use crate::edge::signed::Signed;
use crate::metrics::{Endpoint, Said};

/// Undoing a request, whatever became of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReversalRequest<'a> {
    /// The id of this reversal, a UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// The request that is undone.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    target_request_id: Cow<'a, str>,
    /// Which terminal asked for it, `trm_…`, where it was another one of this store: then
    /// `clerk_session` must be there.
    #[serde(borrow, default)]
    target_terminal: Option<Cow<'a, str>>,
    /// The clerk who asks for it, as the sign-in answered.
    #[serde(borrow, default)]
    clerk_session: Option<Cow<'a, str>>,
}

/// Giving back or taking a part of a payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// The payment, `pay_…`.
    #[serde(borrow)]
    payment: Cow<'a, str>,
    /// Minor units, an integer.
    #[schema(example = 1200, minimum = 1, maximum = 1_000_000_000)]
    #[serde(deserialize_with = "fields::amount")]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    #[serde(borrow)]
    currency: Cow<'a, str>,
    /// At most 60 s ahead; decided later, it is declined.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
    /// With a refund, where clerks work at the store: who gives it back, as the sign-in answered.
    #[serde(borrow, default)]
    clerk_session: Option<Cow<'a, str>>,
}

/// Releasing a hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// The payment, `pay_…`.
    #[serde(borrow)]
    payment: Cow<'a, str>,
    /// At most 60 s ahead; decided later, it is declined.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
}

/// The register knows these outcomes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementRequest<'a> {
    /// Requests of this terminal, at most 100.
    #[serde(borrow)]
    request_ids: Vec<Cow<'a, str>>,
}

/// How many were not acknowledged before.
#[derive(Serialize, ToSchema)]
#[schema(as = Acknowledged)]
pub struct AcknowledgedAnswer {
    acknowledged: usize,
}

struct ReverseMeaning {
    request: RequestId,
    target: RequestId,
    /// None: the terminal that asks.
    terminal: TerminalNumber,
    clerk: Option<ClerkToken>,
    currency: Currency,
}

impl Asked for ReverseMeaning {
    fn meaning(&self) -> Meaning<'_> {
        Meaning {
            kind: OperationKind::Reverse,
            amount: 0,
            currency: self.currency,
            code: "",
            payment: FactId::NONE,
            target: self.target,
            terminal: self.terminal,
            hold_seconds: 0,
            goods: Goods::NONE,
        }
    }

    fn request(&self) -> RequestId {
        self.request
    }

    fn valid_until(&self) -> Instant {
        Instant(0)
    }

    fn command(&self, ask: Ask) -> Command {
        let own = ask.caller.key.terminal;
        let terminal = if self.terminal.is_some() { self.terminal } else { own };
        let target = RequestKey { request: self.target, terminal };
        Command::Reverse(Reverse { ask, target, clerk: self.clerk })
    }
}

struct SettleMeaning {
    request: RequestId,
    valid_until: Instant,
    kind: OperationKind,
    payment: FactId,
    amount: i64,
    currency: Currency,
    clerk: Option<ClerkToken>,
}

impl SettleMeaning {
    fn of(kind: OperationKind, asked: &SettleRequest<'_>) -> Result<Self, Problem> {
        if kind != OperationKind::Refund && asked.clerk_session.is_some() {
            return Err(Problem::field("clerk_session", "must be left out: it takes no clerk"));
        }
        Ok(Self {
            request: fields::request_id("request_id", &asked.request_id)?,
            valid_until: fields::instant("valid_until", &asked.valid_until)?,
            clerk: asked.clerk_session.as_deref().map(clerk::token).transpose()?,
            kind,
            payment: fields::payment(&asked.payment)?,
            amount: asked.amount,
            currency: fields::currency(&asked.currency)?,
        })
    }
}

impl Asked for SettleMeaning {
    fn meaning(&self) -> Meaning<'_> {
        Meaning {
            kind: self.kind,
            amount: self.amount,
            currency: self.currency,
            code: "",
            payment: self.payment,
            target: RequestId::default(),
            terminal: TerminalNumber::NONE,
            hold_seconds: 0,
            goods: Goods::NONE,
        }
    }

    fn request(&self) -> RequestId {
        self.request
    }

    fn valid_until(&self) -> Instant {
        self.valid_until
    }

    fn command(&self, ask: Ask) -> Command {
        let Self { kind, payment, amount, currency, clerk, .. } = *self;
        Command::Settle(Settle { ask, kind, payment, amount, currency, clerk })
    }
}

/// Undoes a request of this terminal, even one that never arrived; with a clerk also one of
/// another terminal of the store.
#[utoipa::path(
    post,
    path = "/v1/reversals",
    tag = "register",
    security(("terminal" = [])),
    request_body = ReversalRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn reverse(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: ReversalRequest<'_> = request::json(&signed.body)?;
        let named = asked.target_terminal.as_deref();
        let terminal = clerk::asked_at(&signed, named)?;
        let is_own = terminal == signed.terminal;
        let meaning = ReverseMeaning {
            terminal: if is_own { TerminalNumber::NONE } else { terminal },
            clerk: asked.clerk_session.as_deref().map(clerk::token).transpose()?,
            request: fields::request_id("request_id", &asked.request_id)?,
            target: fields::request_id("target_request_id", &asked.target_request_id)?,
            currency: app.book.currency(),
        };
        submit(&app, &signed, &meaning).await
    };
    app.answer(Endpoint::Reverse, work).await
}

/// Gives a payment back to the balance it came from, in part or whole.
#[utoipa::path(
    post,
    path = "/v1/refunds",
    tag = "register",
    security(("terminal" = [])),
    request_body = SettleRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn refund(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = settle(&app, signed, OperationKind::Refund);
    app.answer(Endpoint::Refund, work).await
}

/// Takes a hold, in part or whole; the rest is released.
#[utoipa::path(
    post,
    path = "/v1/captures",
    tag = "register",
    security(("terminal" = [])),
    request_body = SettleRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn capture(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = settle(&app, signed, OperationKind::Capture);
    app.answer(Endpoint::Capture, work).await
}

async fn settle(
    app: &App,
    signed: Result<Signed, Problem>,
    kind: OperationKind,
) -> Result<Said, Problem> {
    let signed = signed?;
    let meaning = SettleMeaning::of(kind, &request::json(&signed.body)?)?;
    submit(app, &signed, &meaning).await
}

/// Releases a hold.
#[utoipa::path(
    post,
    path = "/v1/voids",
    tag = "register",
    security(("terminal" = [])),
    request_body = VoidRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn void(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: VoidRequest<'_> = request::json(&signed.body)?;
        let meaning = SettleMeaning {
            request: fields::request_id("request_id", &asked.request_id)?,
            valid_until: fields::instant("valid_until", &asked.valid_until)?,
            kind: OperationKind::Void,
            payment: fields::payment(&asked.payment)?,
            amount: 0,
            currency: app.book.currency(),
            clerk: None,
        };
        submit(&app, &signed, &meaning).await
    };
    app.answer(Endpoint::Void, work).await
}

/// Says that the register knows these outcomes; what nobody acknowledged is listed after 10
/// minutes.
#[utoipa::path(
    post,
    path = "/v1/acknowledgements",
    tag = "register",
    security(("terminal" = [])),
    request_body = AcknowledgementRequest,
    responses(
        (status = 200, description = "Booked", body = AcknowledgedAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn acknowledge(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: AcknowledgementRequest<'_> = request::json(&signed.body)?;
        let requests = requests_of(&asked)?;
        let caller = signed.caller(requests[0]);
        let command = Command::Acknowledge(caller, requests);
        let outcome = app.submit(Part::Money, command, signed.deadline).await?;
        signed.is_believed();
        match outcome {
            Outcome::Acknowledged(acknowledged) => {
                Ok(render::said(&AcknowledgedAnswer { acknowledged }))
            }
            other => unreachable!("an acknowledgement is answered by a count, not {other:?}"),
        }
    };
    app.answer(Endpoint::Acknowledge, work).await
}

/// One to a hundred request ids.
fn requests_of(asked: &AcknowledgementRequest<'_>) -> Result<Vec<RequestId>, Problem> {
    if !(1..=ACKNOWLEDGEMENTS_MAX).contains(&asked.request_ids.len()) {
        return Err(Problem::field("request_ids", "must have 1 to 100 request ids"));
    }
    asked.request_ids.iter().map(|text| fields::request_id("request_ids", text)).collect()
}
