//! Merchants, stores and terminals with how they do today, and what is closed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::ids::{FactId, StoreNumber, TerminalNumber};
use yaoki_core::state::{Merchant, Store, Terminal};
use yaoki_core::switches::{Scope, Switch};
use yaoki_core::time::Instant;
use yaoki_core::view::Directory;
use yaoki_store::read;
use yaoki_store::read::console::Shops;

use super::day::{OperatorsDay, Totals};
use super::session::{Operator, caller_of, for_operator};
use crate::api::{render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Which stores.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ShopsRequest<'a> {
    /// The day of the figures, in the operator's zone; today when left out.
    #[serde(borrow)]
    #[schema(format = "date")]
    date: Option<Cow<'a, str>>,
    /// `after` of the page before.
    #[serde(borrow)]
    after: Option<Cow<'a, str>>,
}

/// A page of stores.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleShops)]
pub struct ShopsAnswer {
    /// Whose the stores of this page are.
    merchants: Vec<ShopMerchant>,
    /// By number.
    stores: Vec<ShopStore>,
    /// What to give as `after` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A merchant.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleMerchant)]
pub struct ShopMerchant {
    merchant: String,
    name: String,
    /// What is closed for it, and for everything.
    closed: Vec<ClosedSwitch>,
}

/// A store and its day.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleStore)]
pub struct ShopStore {
    store: String,
    name: String,
    merchant: String,
    /// Minutes after midnight at which its business day ends.
    cutoff_minutes: i64,
    totals: Totals,
    /// When one of its terminals last asked for something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    last_operation_at: Option<String>,
    /// What is closed for it alone.
    closed: Vec<ClosedSwitch>,
    /// By number.
    terminals: Vec<ShopTerminal>,
}

/// A terminal.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleTerminal)]
pub struct ShopTerminal {
    terminal: String,
    name: String,
    /// Takes no payments; settles its own.
    suspended: bool,
    /// The generation of its key.
    key_generation: i64,
    /// When it last asked for something, if that is among the newest hundred of its store.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    last_operation_at: Option<String>,
    /// What is closed for it alone.
    closed: Vec<ClosedSwitch>,
}

/// A closed switch.
#[derive(Serialize, ToSchema)]
pub struct ClosedSwitch {
    /// What cannot be done: `payment`, `refund`, `code_issue`, `enrolment` or `credit`.
    capability: &'static str,
    /// For whom: `everything`, `merchant`, `store`, `terminal` or `member`.
    scope: &'static str,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[schema(format = "date-time")]
    closed_at: String,
    /// When it opens by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    lapses_at: Option<String>,
    /// Who closed it.
    actor: String,
    reason: String,
}

/// Asking for closed switches. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchesRequest {}

/// What is closed.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleSwitches)]
pub struct SwitchesAnswer {
    switches: Vec<ClosedSwitch>,
    /// The book was restored and answers nobody but operators until two of them open it.
    book_closed: bool,
}

impl ClosedSwitch {
    fn of(switch: &Switch) -> Self {
        let kind = match switch.scope {
            Scope::Everything | Scope::Provider => None,
            Scope::Merchant => Some(Kind::Merchant),
            Scope::Store => Some(Kind::Store),
            Scope::Terminal => Some(Kind::Terminal),
            Scope::Member => Some(Kind::Member),
        };
        Self {
            capability: switch.capability.name(),
            scope: switch.scope.name(),
            subject: kind.map(|kind| identifier::text(kind, switch.subject)),
            closed_at: time::text(switch.closed_at),
            lapses_at: (switch.lapses_at.0 != 0).then(|| time::text(switch.lapses_at)),
            actor: switch.actor.clone(),
            reason: switch.reason.clone(),
        }
    }

    /// Those that are closed now for this subject.
    fn on(directory: &Directory, scope: Scope, subject: i64, now: Instant) -> Vec<Self> {
        let stands = |switch: &&Switch| {
            let is_of = switch.scope == scope && switch.subject == subject;
            is_of && (switch.lapses_at.0 == 0 || switch.lapses_at > now)
        };
        directory.switches.iter().filter(stands).map(Self::of).collect()
    }
}

/// When each terminal was last seen.
type Seen = BTreeMap<TerminalNumber, FactId>;

impl ShopMerchant {
    fn of(merchant: &Merchant, directory: &Directory, now: Instant) -> Self {
        let mut closed = ClosedSwitch::on(directory, Scope::Everything, 0, now);
        closed.extend(ClosedSwitch::on(directory, Scope::Merchant, merchant.number.0, now));
        let name = merchant.name.clone();
        Self { merchant: identifier::text(Kind::Merchant, merchant.number.0), name, closed }
    }
}

impl ShopStore {
    fn of(store: &Store, shops: &Shops, now: Instant) -> Self {
        let (directory, seen) = (&shops.directory, &shops.seen);
        let its = directory.terminals.values().filter(|row| row.store == store.number);
        let its: Vec<&Terminal> = its.collect();
        let newest = its.iter().filter_map(|row| seen.get(&row.number)).max();
        Self {
            store: identifier::text(Kind::Store, store.number.0),
            name: store.name.clone(),
            merchant: identifier::text(Kind::Merchant, store.merchant.0),
            cutoff_minutes: store.cutoff_minutes,
            totals: Totals::of(shops.by_store.get(&store.number)),
            last_operation_at: newest.map(|id| time::text(id.at())),
            closed: ClosedSwitch::on(directory, Scope::Store, store.number.0, now),
            terminals: its.iter().map(|row| ShopTerminal::of(row, directory, seen, now)).collect(),
        }
    }
}

impl ShopTerminal {
    fn of(row: &Terminal, directory: &Directory, seen: &Seen, now: Instant) -> Self {
        Self {
            terminal: identifier::text(Kind::Terminal, row.number.0),
            name: row.name.clone(),
            suspended: row.suspended != 0,
            key_generation: row.generation,
            last_operation_at: seen.get(&row.number).map(|id| time::text(id.at())),
            closed: ClosedSwitch::on(directory, Scope::Terminal, row.number.0, now),
        }
    }
}

fn answer(shops: &Shops, now: Instant) -> ShopsAnswer {
    let directory = &shops.directory;
    let mut merchants: Vec<_> = shops.stores.iter().map(|store| store.merchant).collect();
    merchants.sort_unstable();
    merchants.dedup();
    let merchants = merchants.iter().filter_map(|number| directory.merchants.get(number));
    ShopsAnswer {
        merchants: merchants.map(|row| ShopMerchant::of(row, directory, now)).collect(),
        stores: shops.stores.iter().map(|store| ShopStore::of(store, shops, now)).collect(),
        after: shops.after.map(|store| identifier::text(Kind::Store, store.0)),
    }
}

/// Stores by number, with their terminals and the figures of a day.
#[utoipa::path(
    post,
    path = "/v1/console/shops",
    tag = "console",
    security(("operator" = [])),
    request_body = ShopsRequest,
    responses(
        (status = 200, description = "A page", body = ShopsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn shops(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: ShopsRequest<'_> = request::json(&operator.body)?;
        let day = OperatorsDay::asked(&app, asked.date.as_deref())?;
        let after = asked.after.as_deref().map(|text| identifier::parse(Kind::Store, text));
        let wrong = |error| Problem::field("after", format_args!("is wrong: {error}"));
        let after = StoreNumber(after.transpose().map_err(wrong)?.unwrap_or(0));
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            read::console::shops(conn, day.hours(), after)
        });
        Ok(render::said(&answer(&read.await?, app.now())))
    };
    for_operator(app.answer(Endpoint::ConsoleShops, work).await, &app, &caller)
}

/// Every closed switch, and whether the book is closed. One operator closes; two open.
#[utoipa::path(
    post,
    path = "/v1/console/switches",
    tag = "console",
    security(("operator" = [])),
    request_body = SwitchesRequest,
    responses(
        (status = 200, description = "The switches", body = SwitchesAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn switches(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let SwitchesRequest {} = request::json(&operator.body)?;
        let closed = app.read(Side::Console, operator.deadline, read::switches).await?;
        let switches = closed.iter().map(ClosedSwitch::of).collect();
        let book_closed = app.book.health().closed;
        Ok(render::said(&SwitchesAnswer { switches, book_closed }))
    };
    for_operator(app.answer(Endpoint::ConsoleSwitches, work).await, &app, &caller)
}
