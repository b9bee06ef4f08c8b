//! The rails by which money comes in: what came by each, what is on its way, and the limits in
//! force. What the other side has not answered can be asked about from here; nobody can say it is
//! done.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::ids::FactId;
use yaoki_core::policy;
use yaoki_core::time::DAY_MS;
use yaoki_core::top_up::TopUp;
use yaoki_store::table::RailSum;
use yaoki_store::{Conn, StoreError, read};

use super::session::{Operator, caller_of, for_operator};
use crate::api::member::money::TopUpAnswer;
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;
use crate::rails::drive;

/// How many that are on their way are shown at once.
const OPEN_SHOWN: usize = 100;

/// Where to go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RailsRequest<'a> {
    /// Top-ups on their way after this one; from the oldest when left out.
    #[serde(borrow, default)]
    after: Option<Cow<'a, str>>,
}

/// One top-up, as operators see it.
#[derive(Serialize, ToSchema)]
pub struct ConsoleTopUp {
    /// As its member sees it.
    #[serde(flatten)]
    row: TopUpAnswer,
    /// Whose; a number and nothing else.
    member: String,
    /// What the acquirer calls it; none as long as it has not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

impl ConsoleTopUp {
    fn of(row: &TopUp) -> Self {
        Self {
            row: TopUpAnswer::of(row, None),
            member: identifier::text(Kind::Member, row.member.0),
            reference: (!row.reference.is_empty()).then(|| row.reference.clone()),
        }
    }
}

/// Top-ups of one rail and state within the last 24 hours.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleRailSum)]
pub struct RailSumAnswer {
    /// `card` or `cash`.
    rail: &'static str,
    /// As members are told.
    state: &'static str,
    count: i64,
    /// Minor units.
    amount: i64,
}

impl RailSumAnswer {
    fn of(row: &RailSum) -> Self {
        let RailSum { rail, state, count, amount } = *row;
        Self { rail: rail.name(), state: state.name(), count, amount }
    }
}

/// The rails.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleRails)]
pub struct RailsAnswer {
    /// Whether an acquirer is set up.
    takes_cards: bool,
    /// What was asked for within the last 24 hours.
    sums: Vec<RailSumAnswer>,
    /// What is on its way, oldest first.
    open: Vec<ConsoleTopUp>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Limits and caps in force, TOML.
    policy: String,
}

/// The rails by which money comes in: figures of 24 hours, what is on its way, and the limits.
#[utoipa::path(
    post,
    path = "/v1/console/rails",
    tag = "console",
    security(("operator" = [])),
    request_body = RailsRequest,
    responses(
        (status = 200, description = "The rails", body = RailsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn rails(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: RailsRequest<'_> = request::json(&operator.body)?;
        let wrong = |error| Problem::field("after", format_args!("is wrong: {error}"));
        let after = asked.after.as_deref().map(|text| identifier::parse(Kind::TopUp, text));
        let after = FactId(after.transpose().map_err(wrong)?.unwrap_or(0));
        let since = app.now().plus_ms(-DAY_MS);
        let read = move |conn: &mut Conn| -> Result<_, StoreError> {
            let sums = read::money_in::rail_sums(conn, since)?;
            let open = read::money_in::top_ups_open(conn, after, OPEN_SHOWN)?;
            Ok((sums, open, read::policy_event(conn)?))
        };
        let (sums, open, event) = app.read(Side::Console, operator.deadline, read).await?;
        let more = (open.len() == OPEN_SHOWN).then(|| open.last()).flatten();
        Ok(render::said(&RailsAnswer {
            takes_cards: app.acquirer.is_some(),
            sums: sums.iter().map(RailSumAnswer::of).collect(),
            after: more.map(|row| identifier::text(Kind::TopUp, row.id.0)),
            open: open.iter().map(ConsoleTopUp::of).collect(),
            policy: event.map_or_else(|| policy::DEFAULT.to_owned(), |event| event.text),
        }))
    };
    for_operator(app.answer(Endpoint::ConsoleRails, work).await, &app, &caller)
}

/// Which top-up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest<'a> {
    /// `top_…`.
    #[serde(borrow)]
    top_up: Cow<'a, str>,
}

/// Asks the acquirer how a top-up stands, now, and books what it says. What it does not say stays
/// unknown.
#[utoipa::path(
    post,
    path = "/v1/console/rails/query",
    tag = "console",
    security(("operator" = [])),
    request_body = QueryRequest,
    responses(
        (status = 200, description = "How it stands after that", body = ConsoleTopUp),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn query(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: QueryRequest<'_> = request::json(&operator.body)?;
        let id = fields::top_up(&asked.top_up)?;
        let driven = drive::drive(&app, drive::acquirer(&app)?, id).await?;
        Ok(render::said(&ConsoleTopUp::of(&driven.row)))
    };
    for_operator(app.answer(Endpoint::ConsoleRailsQuery, work).await, &app, &caller)
}
