//! The register API. Every request is signed by a terminal; what changes money carries a request id
//! that the register made and kept before sending.
//!
//! `succeeded` and `declined` are said with status 200 and are final. Anything else is `unknown`:
//! ask again with the same request id, or reverse. [`settle`] has what is asked of payments that
//! exist.

pub mod clerk;
pub mod lists;
pub mod renew;
pub mod settle;
pub mod shop;
pub mod top_up;

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use utoipa::ToSchema;
use yaoki_core::command::{Ask, Command, Meaning, PayWithCode};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{FactId, RequestId, TerminalNumber};
use yaoki_core::policy::rule::{Good, Goods};
use yaoki_core::time::Instant;
use yaoki_store::Part;

use super::fields;
use super::render::{self, NotSeen, OperationAnswer};
use crate::app::App;
use crate::edge::deadline::milliseconds;
use crate::edge::error::EdgeError;
use crate::edge::fruitless::Fruitless;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::request;
use crate::edge::signed::Signed;
use crate::metrics::{Endpoint, Said};

/// The longest text that is looked at as a code, bytes.
const CODE_BYTES_MAX: usize = 64;

/// What a paced payment has left of its deadline when its turn has come, at the least,
/// milliseconds.
const DECIDE_MS_MIN: i64 = 500;

/// When the money is taken.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Capture {
    /// At once.
    Now,
    /// It is held, and captured or voided later.
    Later,
}

/// A payment on a one-time code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// Minor units, an integer.
    #[schema(example = 1200, minimum = 1, maximum = 1_000_000_000)]
    #[serde(deserialize_with = "fields::amount")]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    #[serde(borrow)]
    currency: Cow<'a, str>,
    /// The digits that were scanned.
    #[schema(example = "987612345678901234567890")]
    #[serde(borrow)]
    code: Cow<'a, str>,
    /// At most 60 s ahead; decided later, it is declined.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
    /// When the money is taken.
    capture: Capture,
    /// With `later`: how long it is held.
    #[schema(minimum = 1, maximum = 2_592_000)]
    #[serde(default, deserialize_with = "fields::hold_seconds")]
    hold_seconds: Option<i64>,
    /// Which goods that are turned into money again are among what is bought, if any:
    /// `tobacco`, `gift_card`, `stamps`, `ticket`, `electronics`. Rules may look at it.
    #[serde(borrow, default)]
    goods: Vec<Cow<'a, str>>,
}

impl PaymentRequest<'_> {
    fn goods(&self) -> Result<Goods, Problem> {
        let named = self.goods.iter().map(|name| Good::from_name(name));
        let goods: Option<Vec<Good>> = named.collect();
        let must = "must name classes of goods: tobacco, gift_card, stamps, ticket, electronics";
        goods.map(Goods::of).ok_or_else(|| Problem::field("goods", must))
    }

    fn hold_seconds(&self, app: &App) -> Result<Option<i64>, Problem> {
        let asked = self.hold_seconds;
        match (self.capture, asked) {
            (Capture::Now, None) => Ok(None),
            (Capture::Now, Some(_)) => {
                Err(Problem::field("hold_seconds", "must be left out when capture is `now`"))
            }
            (Capture::Later, None) => Ok(Some(app.limits.hold_seconds)),
            (Capture::Later, Some(asked)) => Ok(Some(asked)),
        }
    }
}

/// Pays, or holds money, on a one-time code.
#[utoipa::path(
    post,
    path = "/v1/payments",
    tag = "register",
    security(("terminal" = [])),
    request_body = PaymentRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn pay(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: PaymentRequest<'_> = request::json(&signed.body)?;
        let meaning = PayMeaning::of(&app, &asked)?;
        wait_for_turn(&app, &signed).await?;
        submit(&app, &signed, &meaning).await
    };
    app.answer(Endpoint::Pay, work).await
}

/// What a terminal that presented forged codes waits for.
async fn wait_for_turn(app: &App, signed: &Signed) -> Result<(), Problem> {
    // A turn that leaves no time to decide would be taken for nothing.
    let patience_ms = (signed.deadline.left_ms() - DECIDE_MS_MIN).max(0);
    match app.pace.turn(signed.terminal, app.now(), patience_ms) {
        Some(0) => Ok(()),
        Some(wait_ms) => {
            sleep(milliseconds(wait_ms)).await;
            Ok(())
        }
        None => Err(Problem::from(EdgeError::CodesArePaced).and_retry_after(5)),
    }
}

/// What a request means, and the command it becomes.
pub(super) trait Asked {
    /// What must be equal in a retry.
    fn meaning(&self) -> Meaning<'_>;
    /// Under which id.
    fn request(&self) -> RequestId;
    /// By when; none where the rules do not judge it.
    fn valid_until(&self) -> Instant;
    /// The command.
    fn command(&self, ask: Ask) -> Command;
}

struct PayMeaning<'a> {
    request: RequestId,
    valid_until: Instant,
    code: &'a str,
    pay: PayWithCode,
}

impl<'a> PayMeaning<'a> {
    fn of(app: &App, asked: &'a PaymentRequest<'_>) -> Result<Self, Problem> {
        let request = fields::request_id("request_id", &asked.request_id)?;
        let valid_until = fields::instant("valid_until", &asked.valid_until)?;
        let code: &str = &asked.code;
        if code.is_empty() || code.len() > CODE_BYTES_MAX {
            return Err(Problem::field("code", "must be the digits that were scanned"));
        }
        let pay = PayWithCode {
            ask: no_ask(),
            code: app.keyring().cipher.open(code),
            amount: asked.amount,
            currency: fields::currency(&asked.currency)?,
            hold_seconds: asked.hold_seconds(app)?,
            goods: asked.goods()?,
        };
        Ok(Self { request, valid_until, code, pay })
    }
}

/// A place for who asks, until that is known.
fn no_ask() -> Ask {
    use yaoki_core::command::Caller;
    use yaoki_core::ids::RequestKey;
    let key = RequestKey { request: RequestId::default(), terminal: TerminalNumber::NONE };
    let caller = Caller { key, generation: 0 };
    Ask { caller, valid_until: Instant(0), fingerprint: [0; 16] }
}

impl Asked for PayMeaning<'_> {
    fn meaning(&self) -> Meaning<'_> {
        Meaning {
            kind: match self.pay.hold_seconds {
                None => OperationKind::Pay,
                Some(_) => OperationKind::Authorize,
            },
            amount: self.pay.amount,
            currency: self.pay.currency,
            code: self.code,
            payment: FactId::NONE,
            target: RequestId::default(),
            terminal: TerminalNumber::NONE,
            hold_seconds: self.pay.hold_seconds.unwrap_or(0),
            goods: self.pay.goods,
        }
    }

    fn request(&self) -> RequestId {
        self.request
    }

    fn valid_until(&self) -> Instant {
        self.valid_until
    }

    fn command(&self, ask: Ask) -> Command {
        Command::PayWithCode(PayWithCode { ask, ..self.pay.clone() })
    }
}

/// Submits what a terminal asked, and renders what is recorded.
///
/// A request whose first try was fingerprinted under an older key is recognised here: the rules
/// compare one fingerprint, and the older keys are the edge's.
pub(super) async fn submit(
    app: &App,
    signed: &Signed,
    asked: &impl Asked,
) -> Result<Said, Problem> {
    let meaning = asked.meaning();
    must_not_be_in_vain(app, signed, &meaning).await?;
    let keyring = app.keyring();
    let mut keys = keyring.file.fingerprint.accepted(i64::MIN);
    let current = keys.next().expect("the current key is always accepted");
    let ask = Ask {
        caller: signed.caller(asked.request()),
        valid_until: asked.valid_until(),
        fingerprint: meaning.fingerprint(current.expose()),
    };
    match app.submit(Part::Money, asked.command(ask), signed.deadline).await {
        Ok(outcome) => {
            signed.is_believed();
            note_what_moves_nothing(app, signed, &outcome);
            Ok(rendered(app, signed, &outcome))
        }
        Err(problem) => match problem.first() {
            Some(first)
                if keys.any(|key| meaning.fingerprint(key.expose()) == first.fingerprint) =>
            {
                Ok(render::operation(first, true, app.book.currency()))
            }
            _ => Err(problem),
        },
    }
}

/// Turns away what would be one more row of a terminal that had many in vain: a payment, or the
/// reversal of what never arrived. Whatever may give money back or end a hold goes on.
async fn must_not_be_in_vain(
    app: &App,
    signed: &Signed,
    meaning: &Meaning<'_>,
) -> Result<(), Problem> {
    let kind = Fruitless::of(meaning.kind);
    if !app.fruitless.must_wait(signed.terminal, kind, app.now()) {
        return Ok(());
    }
    let goes_on = match kind {
        Fruitless::Payment => false,
        Fruitless::Reversal if meaning.terminal.is_some() => false,
        Fruitless::Reversal => is_seen(app, signed, meaning.target).await?,
        Fruitless::Settlement => true,
    };
    if goes_on {
        return Ok(());
    }
    Err(Problem::from(EdgeError::TooManyWithoutEffect).and_retry_after(1))
}

/// Whether a request of this terminal was decided.
async fn is_seen(app: &App, signed: &Signed, request: RequestId) -> Result<bool, Problem> {
    let query = Command::Query(signed.caller(request));
    let outcome = app.submit(Part::Money, query, signed.deadline).await?;
    Ok(!matches!(outcome, Outcome::NotSeen))
}

/// Counts what was recorded now and moved nothing, and tells risk when that is too much.
fn note_what_moves_nothing(app: &App, signed: &Signed, outcome: &Outcome) {
    let Outcome::Decided { operation, replayed: false, .. } = outcome else { return };
    if operation.has_effect() {
        return;
    }
    let kind = Fruitless::of(operation.kind);
    if app.fruitless.note(signed.terminal, kind, app.now()) {
        let terminal = signed.terminal.0;
        tracing::warn!(terminal, ?kind, "risk: a terminal asks for much that moves nothing");
    }
}

fn rendered(app: &App, signed: &Signed, outcome: &Outcome) -> Said {
    match outcome {
        Outcome::Decided { operation, replayed, forged } => {
            if *forged {
                tell_of_forged_code(app, signed);
            }
            render::operation(operation, *replayed, app.book.currency())
        }
        Outcome::NotSeen => render::said(&NotSeen::ANSWER),
        Outcome::Acknowledged(_)
        | Outcome::Done { .. }
        | Outcome::Challenged(_)
        | Outcome::Noted => {
            unreachable!("a register's request becomes an operation")
        }
    }
}

fn tell_of_forged_code(app: &App, signed: &Signed) {
    app.metrics.forged();
    if app.pace.forged(signed.terminal, app.now()) {
        app.metrics.paced();
        let terminal = signed.terminal.0;
        tracing::warn!(terminal, "risk: a terminal presents forged codes and is paced for an hour");
    }
}

/// What became of a request of this terminal.
#[utoipa::path(
    get,
    path = "/v1/requests/{request_id}",
    tag = "register",
    security(("terminal" = [])),
    params(("request_id" = String, Path, format = "uuid", description = "The request")),
    responses(
        (status = 200, description = "Recorded, or not seen", body = QueryAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn query(
    State(app): State<App>,
    request: Result<Path<String>, PathRejection>,
    signed: Result<Signed, Problem>,
) -> Response {
    let work = async {
        let signed = signed?;
        let caller = signed.caller(fields::request_id("request_id", fields::of_path(&request))?);
        let outcome = app.submit(Part::Money, Command::Query(caller), signed.deadline).await?;
        signed.is_believed();
        Ok(rendered(&app, &signed, &outcome))
    };
    app.answer(Endpoint::Query, work).await
}

/// What a query is answered with.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum QueryAnswer<'a> {
    /// Decided.
    Operation(Box<OperationAnswer<'a>>),
    /// Not seen.
    NotSeen(NotSeen),
}
