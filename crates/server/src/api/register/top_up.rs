//! Cash at a register: topping up the wallet of who shows a code, and the shift in which a clerk
//! takes the cash. Taking one back is a reversal, as of a payment.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::code::OpenedCode;
use yaoki_core::command::{Act, Administer, Ask, Command, Meaning, TopUpWithCode};
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{FactId, RequestId, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::policy::rule::Goods;
use yaoki_core::session::ClerkToken;
use yaoki_core::shift::Shift;
use yaoki_core::time::Instant;
use yaoki_store::{Conn, Part, StoreError, read};

use super::clerk::token;
use super::lists::Signer;
use super::{Asked, CODE_BYTES_MAX, submit};
use crate::api::render::OperationAnswer;
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::edge::signed::Signed;
use crate::metrics::Endpoint;

/// How many shifts a register shows.
const SHIFTS_SHOWN: usize = 10;

/// Cash that was taken for the wallet of who shows a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// Minor units, an integer.
    #[schema(example = 3000, minimum = 1, maximum = 1_000_000_000)]
    #[serde(deserialize_with = "fields::amount")]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    #[serde(borrow)]
    currency: Cow<'a, str>,
    /// The digits that were scanned.
    #[serde(borrow)]
    code: Cow<'a, str>,
    /// At most 60 s ahead; decided later, it is declined.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
    /// The clerk who takes the cash, as the sign-in answered. He has a shift at this terminal.
    #[serde(borrow)]
    clerk_session: Cow<'a, str>,
    /// Above what one may take alone: another clerk, signed in at this terminal, who agrees.
    #[serde(borrow, default)]
    second_clerk_session: Option<Cow<'a, str>>,
}

struct TopUpMeaning<'a> {
    request: RequestId,
    valid_until: Instant,
    text: &'a str,
    code: Option<OpenedCode>,
    amount: i64,
    currency: Currency,
    clerk: ClerkToken,
    second: Option<ClerkToken>,
}

impl<'a> TopUpMeaning<'a> {
    fn of(app: &App, asked: &'a TopUpRequest<'_>) -> Result<Self, Problem> {
        let text: &str = &asked.code;
        if text.is_empty() || text.len() > CODE_BYTES_MAX {
            return Err(Problem::field("code", "must be the digits that were scanned"));
        }
        Ok(Self {
            request: fields::request_id("request_id", &asked.request_id)?,
            valid_until: fields::instant("valid_until", &asked.valid_until)?,
            text,
            code: app.keyring().cipher.open(text),
            amount: asked.amount,
            currency: fields::currency(&asked.currency)?,
            clerk: token(&asked.clerk_session)?,
            second: asked.second_clerk_session.as_deref().map(token).transpose()?,
        })
    }
}

impl Asked for TopUpMeaning<'_> {
    fn meaning(&self) -> Meaning<'_> {
        Meaning {
            kind: OperationKind::TopUp,
            amount: self.amount,
            currency: self.currency,
            code: self.text,
            payment: FactId::NONE,
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
        let Self { code, amount, currency, second, .. } = *self;
        let clerk = Some(self.clerk);
        Command::TopUpWithCode(TopUpWithCode { ask, code, amount, currency, clerk, second })
    }
}

/// Takes cash for the wallet of who shows a code.
#[utoipa::path(
    post,
    path = "/v1/top-ups",
    tag = "register",
    security(("terminal" = [])),
    request_body = TopUpRequest,
    responses(
        (status = 200, description = "Recorded, final", body = OperationAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn top_up(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: TopUpRequest<'_> = request::json(&signed.body)?;
        let meaning = TopUpMeaning::of(&app, &asked)?;
        super::wait_for_turn(&app, &signed).await?;
        submit(&app, &signed, &meaning).await
    };
    app.answer(Endpoint::TopUp, work).await
}

/// What a clerk does about his shift.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum ShiftRequest {
    /// Nothing: the shifts of this terminal are listed.
    List {},
    /// He opens one.
    Open {
        /// A UUID that the register made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As the sign-in answered.
        clerk_session: String,
        /// Minor units that are in the drawer.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        counted: i64,
    },
    /// He closes it.
    Close {
        /// A UUID that the register made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As the sign-in answered.
        clerk_session: String,
        /// Minor units that are in the drawer.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        counted: i64,
    },
}

/// One shift.
#[derive(Serialize, ToSchema)]
#[schema(as = Shift)]
pub struct ShiftAnswer {
    shift: String,
    /// `clk_…`.
    clerk: String,
    #[schema(format = "date-time")]
    opened_at: String,
    /// Nothing: it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    closed_at: Option<String>,
    /// Minor units that were in the drawer when it was opened.
    opened_with: i64,
    /// Minor units taken for top-ups and not given back.
    taken: i64,
    /// How many top-ups.
    count: i64,
    /// What it may take at the most.
    allotted: i64,
    /// What the drawer must hold.
    expected: i64,
    /// What it held when it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<i64>,
    /// Counted less expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<i64>,
}

impl From<Shift> for ShiftAnswer {
    fn from(shift: Shift) -> Self {
        let closed = shift.closed.is_some();
        Self {
            shift: identifier::text(Kind::Shift, shift.id.0),
            clerk: identifier::text(Kind::Clerk, shift.clerk.0),
            opened_at: time::text(shift.id.at()),
            closed_at: closed.then(|| time::text(shift.closed.at())),
            opened_with: shift.float,
            taken: shift.cash,
            count: shift.count,
            allotted: shift.allotted,
            expected: shift.expected(),
            counted: closed.then_some(shift.counted),
            difference: closed.then(|| shift.counted - shift.expected()),
        }
    }
}

/// The shifts of this terminal, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Shifts)]
pub struct ShiftsAnswer {
    shifts: Vec<ShiftAnswer>,
}

/// Opens and closes shifts, and lists them.
#[utoipa::path(
    post,
    path = "/v1/shifts",
    tag = "register",
    security(("terminal" = [])),
    request_body = ShiftRequest,
    responses(
        (status = 200, description = "Done: the shifts as they are now", body = ShiftsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn shifts(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: ShiftRequest = request::json(&signed.body)?;
        let terminal = signed.terminal;
        let act = match &asked {
            ShiftRequest::List {} => None,
            ShiftRequest::Open { request_id, clerk_session, counted } => {
                let act = Act::OpenShift(terminal, token(clerk_session)?, *counted);
                Some((request_id, act))
            }
            ShiftRequest::Close { request_id, clerk_session, counted } => {
                let act = Act::CloseShift(terminal, token(clerk_session)?, *counted);
                Some((request_id, act))
            }
        };
        // That the terminal's key is believed is seen here: what is asked of clerks names none.
        read_shifts(&app, &signed).await?;
        if let Some((request, act)) = act {
            let request = fields::request_id("request_id", request)?;
            let request = RequestId::of_clerk(terminal, request);
            let actor = identifier::text(Kind::Terminal, terminal.0);
            let act = Administer::alone(request, actor, act);
            app.administer(Part::Money, act, signed.deadline).await?;
        }
        let shifts = read_shifts(&app, &signed).await?;
        Ok(render::said(&ShiftsAnswer { shifts: shifts.into_iter().map(Into::into).collect() }))
    };
    app.answer(Endpoint::Shifts, work).await
}

async fn read_shifts(app: &App, signed: &Signed) -> Result<Vec<Shift>, Problem> {
    let (who, terminal) = (Signer::of(app, signed), signed.terminal);
    let read = move |conn: &mut Conn| -> Result<Result<Vec<Shift>, _>, StoreError> {
        match super::lists::signer(conn, who)? {
            Ok(_) => Ok(Ok(read::money_in::shifts_of(conn, terminal, SHIFTS_SHOWN)?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    };
    let shifts = app.read(Side::Registers, signed.deadline, read).await??;
    signed.is_believed();
    Ok(shifts)
}
