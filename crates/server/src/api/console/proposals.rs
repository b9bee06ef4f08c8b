//! What operators do: proposing, deciding what a colleague proposed, and carrying acts out, alone
//! or under a proposal.
//!
//! The rules decide who may, who must have been verified a moment ago, and that what two agreed on
//! is carried out once (see [`yaoki_core::proposal`]).

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use yaoki_core::command::Act;
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{FactId, OperatorNumber};
use yaoki_core::operator::Operator as Account;
use yaoki_core::proposal::Proposal;
use yaoki_core::staff::Deed;
use yaoki_core::time::Instant;
use yaoki_store::read;

use super::acts::{ActForm, Drawn, shown};
use super::session::{Operator, caller_of, for_operator};
use super::staff::operate;
use crate::api::member::Done;
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Which proposals.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ConsoleProposalsRequest)]
pub struct ProposalsRequest {
    /// `before` of the page before.
    before: Option<String>,
}

/// A page of proposals.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleProposals)]
pub struct ProposalsAnswer {
    /// Newest first.
    proposals: Vec<ShownProposal>,
    /// What to give as `before` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// An act that two must agree on.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleProposal)]
pub struct ShownProposal {
    proposal: String,
    /// The act and each of its fields, as `what` of a request names them.
    what: Value,
    /// The text whose digest both agree on; `what` is made from it.
    text: String,
    /// Why, as the proposer said.
    reason: String,
    proposer: String,
    proposer_name: String,
    /// `open`, `approved`, `refused`, `used` or `expired`.
    state: &'static str,
    /// Who approved or refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[schema(format = "date-time")]
    proposed_at: String,
    /// Until when it may be approved and carried out.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Proposing an act that takes two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleProposeRequest)]
pub struct ProposeRequest {
    /// A UUID that the browser made and kept before sending.
    #[schema(format = "uuid")]
    request_id: String,
    /// Why.
    reason: String,
    /// What.
    what: ActForm,
}

/// What was proposed.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleProposed)]
pub struct ProposedAnswer {
    proposal: String,
    /// Until when it may be approved and carried out.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Deciding what a colleague proposed, or withdrawing an own proposal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleDecideRequest)]
pub struct DecideRequest {
    /// A UUID that the browser made and kept before sending.
    #[schema(format = "uuid")]
    request_id: String,
    /// `prp_…`.
    proposal: String,
    /// How.
    decision: Decision,
    /// Why; may be left out.
    #[serde(default)]
    reason: String,
}

/// How a proposal is decided.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsoleDecision)]
pub enum Decision {
    /// It may be carried out.
    Approve,
    /// It never will be.
    Refuse,
}

/// Carrying out an act.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleActRequest)]
pub struct ActRequest {
    /// A UUID that the browser made and kept before sending.
    #[schema(format = "uuid")]
    request_id: String,
    /// Why; closing, suspending and freezing need it.
    #[serde(default)]
    reason: String,
    /// What.
    what: ActForm,
    /// `prp_…`: the proposal on which two have agreed, where the act takes two.
    proposal: Option<String>,
}

/// What was carried out.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleActDone)]
pub struct ActAnswer {
    /// What the book says, such as `member_frozen`.
    done: &'static str,
    /// It was done by the same request before. What was drawn for it is not told again.
    replayed: bool,
    #[schema(format = "date-time")]
    booked_at: String,
    /// A new operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    /// A clerk.
    #[serde(skip_serializing_if = "Option::is_none")]
    clerk: Option<String>,
    /// The clerk's number, which may be typed at a register in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    clerk_number: Option<i64>,
    /// Where an operator registers a passkey, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Until when that works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    link_expires_at: Option<String>,
    /// A clerk's PIN, told now and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
}

impl ActAnswer {
    fn of(event: &Event, replayed: bool, drawn: Drawn) -> Self {
        let Drawn { link, pin, .. } = drawn;
        // A repeat has drawn others than those that are in the book.
        let (link, pin) = if replayed { (None, None) } else { (link, pin) };
        let link_expires_at = link.as_ref().map(|(_, until)| time::text(*until));
        let named = |kinds: &[EventKind], kind| {
            kinds.contains(&event.kind).then(|| identifier::text(kind, event.subject))
        };
        let operators = [EventKind::OperatorCreated, EventKind::OperatorLinked];
        let clerks = [EventKind::ClerkCreated, EventKind::ClerkPinReset];
        Self {
            done: event.kind.name(),
            replayed,
            booked_at: time::text(event.id.at()),
            operator: named(&operators, Kind::Operator),
            clerk: named(&clerks, Kind::Clerk),
            clerk_number: clerks.contains(&event.kind).then_some(event.subject),
            link: link.map(|(page, _)| page),
            link_expires_at,
            pin,
        }
    }
}

impl ShownProposal {
    fn of(row: &Proposal, operators: &[Account], now: Instant) -> Self {
        let name = |number: OperatorNumber| {
            let found = operators.iter().find(|operator| operator.number == number);
            found.map(|operator| operator.name.clone()).unwrap_or_default()
        };
        let decided = row.decided_by.is_some();
        Self {
            proposal: identifier::text(Kind::Proposal, row.id.0),
            what: shown(&row.act),
            text: row.act.clone(),
            reason: row.reason.clone(),
            proposer: identifier::text(Kind::Operator, row.proposer.0),
            proposer_name: name(row.proposer),
            state: row.state_at(now).name(),
            decided_by: decided.then(|| identifier::text(Kind::Operator, row.decided_by.0)),
            proposed_at: time::text(row.id.at()),
            expires_at: time::text(row.expires_at),
        }
    }
}

fn proposal_of(name: &'static str, text: &str) -> Result<FactId, Problem> {
    let parsed = identifier::parse(Kind::Proposal, text).map(FactId);
    parsed.map_err(|error| Problem::field(name, format_args!("is wrong: {error}")))
}

/// The newest proposals, whatever became of them.
#[utoipa::path(
    post,
    path = "/v1/console/proposals",
    operation_id = "console_proposals",
    tag = "console",
    security(("operator" = [])),
    request_body = ProposalsRequest,
    responses(
        (status = 200, description = "A page", body = ProposalsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: ProposalsRequest = request::json(&operator.body)?;
        let before = asked.before.as_deref().map(|text| proposal_of("before", text)).transpose()?;
        let (before, limit) = (before.unwrap_or(FactId(i64::MAX)), super::PAGE);
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            // One more than is shown tells whether there are more.
            let rows = read::staff::proposals(conn, before, limit + 1)?;
            Ok((rows, read::staff::operators(conn)?))
        });
        let (mut rows, operators) = read.await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let before = last.map(|row| identifier::text(Kind::Proposal, row.id.0));
        let now = app.now();
        let shown = rows.iter().map(|row| ShownProposal::of(row, &operators, now));
        Ok(render::said(&ProposalsAnswer { proposals: shown.collect(), before }))
    };
    for_operator(app.answer(Endpoint::ConsoleProposals, work).await, &app, &caller)
}

/// Proposes an act that takes two.
#[utoipa::path(
    post,
    path = "/v1/console/propose",
    operation_id = "console_propose",
    tag = "console",
    security(("operator" = [])),
    request_body = ProposeRequest,
    responses(
        (status = 200, description = "Proposed", body = ProposedAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn propose(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let staff = operator.staff()?;
        let asked: ProposeRequest = request::json(&operator.body)?;
        let request = staff.request(fields::request_id("request_id", &asked.request_id)?);
        let deed = Deed::Propose(asked.what.draw(&app).await?.act);
        let by = (request, asked.reason.as_str());
        let (event, _) = operate(&app, staff, by, deed, operator.deadline).await?;
        Ok(render::said(&ProposedAnswer {
            proposal: identifier::text(Kind::Proposal, event.id.0),
            expires_at: time::text(Instant(event.number)),
        }))
    };
    for_operator(app.answer(Endpoint::ConsolePropose, work).await, &app, &caller)
}

/// Approves or refuses what a colleague proposed; refusing an own proposal withdraws it.
#[utoipa::path(
    post,
    path = "/v1/console/decide",
    operation_id = "console_decide",
    tag = "console",
    security(("operator" = [])),
    request_body = DecideRequest,
    responses(
        (status = 200, description = "Decided", body = Done),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn decide(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let staff = operator.staff()?;
        let asked: DecideRequest = request::json(&operator.body)?;
        let request = staff.request(fields::request_id("request_id", &asked.request_id)?);
        let proposal = proposal_of("proposal", &asked.proposal)?;
        let deed = match asked.decision {
            Decision::Approve => Deed::Approve(proposal),
            Decision::Refuse => Deed::Refuse(proposal),
        };
        let by = (request, asked.reason.as_str());
        operate(&app, staff, by, deed, operator.deadline).await?;
        Ok(render::said(&Done::ANSWER))
    };
    for_operator(app.answer(Endpoint::ConsoleDecide, work).await, &app, &caller)
}

/// Carries out an act: alone, or under a proposal on which two have agreed.
#[utoipa::path(
    post,
    path = "/v1/console/act",
    operation_id = "console_act",
    tag = "console",
    security(("operator" = [])),
    request_body = ActRequest,
    responses(
        (status = 200, description = "Carried out", body = ActAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn act(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let staff = operator.staff()?;
        let asked: ActRequest = request::json(&operator.body)?;
        let request = staff.request(fields::request_id("request_id", &asked.request_id)?);
        let proposal = asked.proposal.as_deref();
        let proposal = proposal.map(|text| proposal_of("proposal", text)).transpose()?;
        let drawn = asked.what.draw(&app).await?;
        let act = match proposal {
            Some(proposal) => Act::Agreed(proposal, Box::new(drawn.act.clone())),
            None => drawn.act.clone(),
        };
        let by = (request, asked.reason.as_str());
        let done = operate(&app, staff, by, Deed::Act(act), operator.deadline).await?;
        Ok(render::said(&ActAnswer::of(&done.0, done.1, drawn)))
    };
    for_operator(app.answer(Endpoint::ConsoleAct, work).await, &app, &caller)
}
