//! The operations of the whole book, newest first: all, those that are searched for, those that no
//! register acknowledged.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::ids::{FactId, MemberNumber, RequestId, StoreNumber, TerminalNumber};
use yaoki_core::state::refusal_of;
use yaoki_core::time::Instant;
use yaoki_core::view::Directory;
use yaoki_store::read::console::Filter;
use yaoki_store::read::{self, Page};
use yaoki_store::{Conn, StoreError};

use super::session::{Operator, caller_of, for_operator};
use crate::api::fields::{self, request_id_text};
use crate::api::render::{self, RefusalAnswer};
use crate::api::time;
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// How many are listed when nothing is said.
const LIMIT_USUAL: usize = 50;
/// The longest text that is searched for, bytes.
const TEXT_BYTES_MAX: usize = 100;

/// One operation, as operators see it.
#[derive(Serialize, ToSchema)]
pub struct ConsoleOperation {
    /// Its number in the book, as text: it has more digits than some programs keep.
    number: String,
    /// `succeeded` or `declined`.
    #[schema(example = "succeeded")]
    outcome: &'static str,
    /// What was asked: `pay`, `authorize`, `capture`, `void`, `refund`, `reverse`, `expire`,
    /// `credit`; `tombstone` where the request was reversed before it arrived.
    #[schema(example = "pay")]
    operation: &'static str,
    /// What exactly was done, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalAnswer>,
    /// Minor units: asked for, or given back, or released; or points.
    amount: i64,
    #[schema(format = "date-time")]
    booked_at: String,
    /// The store's business date.
    #[schema(format = "date")]
    business_date: String,
    /// Until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
    /// The request.
    #[schema(format = "uuid")]
    request_id: String,
    /// The record of a payment, refund or reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The payment that this began or is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    /// Whose money; a number and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Who asked, where it was a terminal.
    #[serde(flatten)]
    place: Place,
}

/// The terminal that asked, and whose it is; nothing where a job or an operator did.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ConsolePlace)]
pub struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_name: Option<String>,
}

impl Place {
    /// Names a terminal.
    pub(super) fn of(terminal: TerminalNumber, directory: &Directory) -> Option<Self> {
        let terminal = directory.terminals.get(&terminal)?;
        let store = directory.stores.get(&terminal.store)?;
        let merchant = directory.merchants.get(&store.merchant)?;
        Some(Self {
            terminal: Some(identifier::text(Kind::Terminal, terminal.number.0)),
            terminal_name: Some(terminal.name.clone()),
            store: Some(identifier::text(Kind::Store, store.number.0)),
            store_name: Some(store.name.clone()),
            merchant: Some(identifier::text(Kind::Merchant, merchant.number.0)),
            merchant_name: Some(merchant.name.clone()),
        })
    }
}

impl ConsoleOperation {
    /// Renders one stored row.
    pub(super) fn of(row: &Operation, directory: &Directory) -> Self {
        let member = row.member.is_some().then(|| identifier::text(Kind::Member, row.member.0));
        let expires = (row.expires_at.0 != 0).then(|| time::text(row.expires_at));
        Self {
            number: row.id.0.to_string(),
            outcome: if row.succeeded() { "succeeded" } else { "declined" },
            operation: row.kind.name(),
            effect: (row.effect != Effect::Plain).then(|| row.effect.name()),
            refusal: refusal_of(row).map(RefusalAnswer::of),
            amount: row.amount,
            booked_at: time::text(row.id.at()),
            business_date: time::date(row.business_date),
            hold_expires_at: expires,
            request_id: request_id_text(row.request_id),
            id: render::kind_of(row.kind).map(|kind| identifier::text(kind, row.id.0)),
            payment: render::payment_of(row),
            member,
            place: Place::of(row.terminal, directory).unwrap_or_default(),
        }
    }
}

/// Renders a list.
pub(super) fn rows(list: &[Operation], directory: &Directory) -> Vec<ConsoleOperation> {
    list.iter().map(|row| ConsoleOperation::of(row, directory)).collect()
}

/// Which operations; what is left out is any.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct OperationsRequest<'a> {
    /// Of terminals of this store, `sto_…`.
    #[serde(borrow)]
    store: Option<Cow<'a, str>>,
    /// Of this terminal, `trm_…`.
    #[serde(borrow)]
    terminal: Option<Cow<'a, str>>,
    /// `pay`, `authorize`, `capture`, `void`, `refund`, `reverse`, `tombstone`, `expire` or
    /// `credit`.
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    /// `succeeded` or `declined`.
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    /// Booked at this time or later.
    #[serde(borrow)]
    #[schema(format = "date-time")]
    from: Option<Cow<'a, str>>,
    /// Booked before this time.
    #[serde(borrow)]
    #[schema(format = "date-time")]
    to: Option<Cow<'a, str>>,
    /// `before` of the page before.
    #[serde(borrow)]
    before: Option<Cow<'a, str>>,
    /// 1 to 200; 50 when left out.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Which of the unacknowledged ones.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct UnacknowledgedRequest<'a> {
    /// `before` of the page before.
    #[serde(borrow)]
    before: Option<Cow<'a, str>>,
    /// 1 to 200; 50 when left out.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What is searched for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRequest<'a> {
    /// A payment, refund or reversal (`pay_…`, `ref_…`, `rev_…`), a request id, an operation's
    /// number, or a store, terminal or member (`sto_…`, `trm_…`, `mem_…`).
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// A page of operations.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleOperations)]
pub struct OperationsAnswer {
    /// Newest first. A page may be short, or empty, and still say by `before` where it goes on.
    operations: Vec<ConsoleOperation>,
    /// What to give as `before` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleFound)]
pub struct FoundAnswer {
    /// The payments that the operations began or are about, each once.
    payments: Vec<String>,
    /// Newest first.
    operations: Vec<ConsoleOperation>,
}

impl FindRequest<'_> {
    /// What is searched for.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl OperationsRequest<'_> {
    /// What the list has.
    ///
    /// # Errors
    /// Names the field that must be mended.
    pub(crate) fn filter(&self) -> Result<Filter, Problem> {
        Ok(Filter {
            store: number(Kind::Store, "store", self.store.as_deref())?.map(StoreNumber),
            terminal: number(Kind::Terminal, "terminal", self.terminal.as_deref())?
                .map(TerminalNumber),
            kind: self.kind.as_deref().map(kind_of).transpose()?,
            succeeded: self.outcome.as_deref().map(succeeded).transpose()?,
            from: instant("from", self.from.as_deref())?,
            to: instant("to", self.to.as_deref())?,
        })
    }
}

fn number(kind: Kind, name: &'static str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let read = |text| {
        let parsed = identifier::parse(kind, text);
        parsed.map_err(|error| Problem::field(name, format_args!("is wrong: {error}")))
    };
    text.map(read).transpose()
}

fn kind_of(text: &str) -> Result<OperationKind, Problem> {
    let must = "must be one of the kinds of operations, such as `pay` or `refund`";
    OperationKind::from_name(text).ok_or_else(|| Problem::field("kind", must))
}

fn succeeded(text: &str) -> Result<bool, Problem> {
    match text {
        "succeeded" => Ok(true),
        "declined" => Ok(false),
        _ => Err(Problem::field("outcome", "must be `succeeded` or `declined`")),
    }
}

fn instant(name: &'static str, text: Option<&str>) -> Result<Option<Instant>, Problem> {
    text.map(|text| fields::instant(name, text)).transpose()
}

fn before_of(text: Option<&str>) -> Result<Option<FactId>, Problem> {
    let read = |text: &str| {
        let number = text.parse().ok().filter(|number| *number > 0);
        let must = "must be what the page before gave";
        number.map(FactId).ok_or_else(|| Problem::field("before", must))
    };
    text.map(read).transpose()
}

fn limit_of(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(LIMIT_USUAL);
    if !(1..=read::PAGE_MAX).contains(&limit) {
        return Err(Problem::field("limit", "must be from 1 to 200"));
    }
    Ok(limit)
}

fn answer(page: &Page, directory: &Directory) -> OperationsAnswer {
    let before = page.before.map(|before| before.0.to_string());
    OperationsAnswer { operations: rows(&page.operations, directory), before }
}

/// The newest operations of the whole book.
#[utoipa::path(
    post,
    path = "/v1/console/operations",
    tag = "console",
    security(("operator" = [])),
    request_body = OperationsRequest,
    responses(
        (status = 200, description = "A page", body = OperationsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: OperationsRequest<'_> = request::json(&operator.body)?;
        let (filter, limit) = (asked.filter()?, limit_of(asked.limit)?);
        let before = before_of(asked.before.as_deref())?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            let page = read::console::operations(conn, &filter, before, limit)?;
            Ok((page, read::directory(conn)?))
        });
        let (page, directory) = read.await?;
        Ok(render::said(&answer(&page, &directory)))
    };
    for_operator(app.answer(Endpoint::ConsoleOperations, work).await, &app, &caller)
}

/// Succeeded operations of every store that no register has acknowledged for ten minutes; those of
/// the last two days.
#[utoipa::path(
    post,
    path = "/v1/console/unacknowledged",
    tag = "console",
    security(("operator" = [])),
    request_body = UnacknowledgedRequest,
    responses(
        (status = 200, description = "A page", body = OperationsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn unacknowledged(
    State(app): State<App>,
    operator: Result<Operator, Problem>,
) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: UnacknowledgedRequest<'_> = request::json(&operator.body)?;
        let limit = limit_of(asked.limit)?;
        let (before, now) = (before_of(asked.before.as_deref())?, app.now());
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            let page = read::console::unacknowledged(conn, now, before, limit)?;
            Ok((page, read::directory(conn)?))
        });
        let (page, directory) = read.await?;
        Ok(render::said(&answer(&page, &directory)))
    };
    for_operator(app.answer(Endpoint::ConsoleUnacknowledged, work).await, &app, &caller)
}

/// What a search is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sought {
    /// One operation.
    Operation(FactId),
    /// Those of a request id.
    Request(RequestId),
    /// The newest of a store or terminal.
    List(Filter),
    /// The newest of a member.
    Member(MemberNumber),
}

impl Sought {
    /// What a text names.
    ///
    /// # Errors
    /// Says what it may be.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let known = Kind::ALL.into_iter().find(|kind| {
            let prefix = text.split_once('_').map(|(prefix, _)| prefix);
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(kind.prefix()))
        });
        let Some(kind) = known else { return Self::without_prefix(text) };
        let number = identifier::parse(kind, text);
        let number =
            number.map_err(|error| Problem::field("text", format_args!("is wrong: {error}")))?;
        match kind {
            // An event is named as the operation that it tells of.
            Kind::Payment | Kind::Refund | Kind::Reversal | Kind::Event | Kind::TopUp => {
                Ok(Self::Operation(FactId(number)))
            }
            Kind::Store => {
                let store = Some(StoreNumber(number));
                Ok(Self::List(Filter { store, ..Filter::default() }))
            }
            Kind::Terminal => {
                let terminal = Some(TerminalNumber(number));
                Ok(Self::List(Filter { terminal, ..Filter::default() }))
            }
            Kind::Member => Ok(Self::Member(MemberNumber(number))),
            Kind::Merchant
            | Kind::Device
            | Kind::Webhook
            | Kind::Factor
            | Kind::Recovery
            | Kind::Operator
            | Kind::Proposal
            | Kind::Clerk
            | Kind::StaffSession
            | Kind::Card
            | Kind::Shift => Err(must_be_something()),
        }
    }

    fn without_prefix(text: &str) -> Result<Self, Problem> {
        if let Ok(number @ 1..) = text.parse() {
            return Ok(Self::Operation(FactId(number)));
        }
        let request = fields::request_id("text", text);
        request.map(Self::Request).map_err(|_| must_be_something())
    }

    fn find(self, conn: &mut Conn) -> Result<Vec<Operation>, StoreError> {
        match self {
            Self::Operation(id) => Ok(read::console::operation(conn, id)?.into_iter().collect()),
            Self::Request(id) => read::console::of_request(conn, id),
            Self::List(filter) => {
                Ok(read::console::operations(conn, &filter, None, LIMIT_USUAL)?.operations)
            }
            Self::Member(number) => read::history(conn, number, LIMIT_USUAL),
        }
    }
}

fn must_be_something() -> Problem {
    Problem::field(
        "text",
        "must be a payment, refund, reversal, store, terminal or member as they are shown \
         (`pay_…`), a request id, or an operation's number",
    )
}

/// Searches by what somebody has at hand: from a receipt, a register's log, a page.
#[utoipa::path(
    post,
    path = "/v1/console/find",
    tag = "console",
    security(("operator" = [])),
    request_body = FindRequest,
    responses(
        (status = 200, description = "What was found; may be nothing", body = FoundAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn find(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: FindRequest<'_> = request::json(&operator.body)?;
        if asked.text.len() > TEXT_BYTES_MAX {
            return Err(must_be_something());
        }
        let sought = Sought::read(&asked.text)?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            Ok((sought.find(conn)?, read::directory(conn)?))
        });
        let (found, directory) = read.await?;
        let payments: BTreeSet<String> = found.iter().filter_map(render::payment_of).collect();
        let payments = payments.into_iter().collect();
        Ok(render::said(&FoundAnswer { payments, operations: rows(&found, &directory) }))
    };
    for_operator(app.answer(Endpoint::ConsoleFind, work).await, &app, &caller)
}
