//! A dry run of limits and rules: what they would have done with what is on record, before anybody
//! proposes them.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::decide::replay::{DryRun, Tally};
use yaoki_core::policy::{self, Policy};
use yaoki_core::time::DAY_MS;
use yaoki_store::read::dry_run::{DryRunOf, MostOf};
use yaoki_store::{Conn, StoreError, read};

use super::session::{Operator, caller_of, for_operator};
use crate::api::{render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Days back where nothing is said.
const DAYS_USUAL: i64 = 7;
const DAYS_MAX: i64 = 30;
/// How much one request looks at; `yaoki rules` looks at all.
const MOST: MostOf = MostOf { operations: 20_000, members: 1_000 };

/// Limits and rules to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest<'a> {
    /// All of them, TOML.
    #[serde(borrow)]
    policy: Cow<'a, str>,
    /// How many days back, 1 to 30; 7 when left out.
    #[schema(minimum = 1, maximum = 30)]
    #[serde(default)]
    days: Option<i64>,
}

/// How many requests.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunTally)]
pub struct TallyAnswer {
    count: i64,
    /// How many members they are of.
    members: i64,
    /// Minor units.
    amount: i64,
}

impl TallyAnswer {
    const fn of(tally: &Tally) -> Self {
        Self { count: tally.count, members: tally.members, amount: tally.amount }
    }
}

/// What one rule would have done.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunRule)]
pub struct RuleAnswer {
    /// Its name; `limit` for all limits.
    rule: String,
    #[serde(flatten)]
    tally: TallyAnswer,
}

/// A member who would have been bothered.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunMember)]
pub struct MemberAnswer {
    /// A number and nothing else.
    member: String,
    /// How often.
    count: i64,
}

/// What a dry run found.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRun)]
pub struct DryRunAnswer {
    /// From when on requests were judged.
    #[schema(format = "date-time")]
    since: String,
    /// Whether there were more, so that only the newest were.
    cut: bool,
    /// Members whose records cannot be read; `yaoki verify` says why.
    unreadable: usize,
    /// Every request that was judged.
    judged: TallyAnswer,
    /// Took place, and would have been stopped.
    stopped: TallyAnswer,
    /// Took place, and would have been asked for again.
    asked: TallyAnswer,
    /// Came into the balance at once, and would have been held.
    held: TallyAnswer,
    /// Was stopped or asked again, and would have taken place.
    let_through: TallyAnswer,
    /// What decided of those that would have been stopped, asked or held.
    rules: Vec<RuleAnswer>,
    /// Some of those who would have been bothered.
    bothered: Vec<MemberAnswer>,
    /// Limits and rules in force, TOML.
    in_force: String,
}

impl DryRunAnswer {
    fn of(run: DryRunOf, in_force: String) -> Self {
        let DryRunOf { found, since, cut, unreadable } = run;
        let DryRun { judged, stopped, asked, held, let_through, by, bothered } = found;
        let bothered = bothered.into_iter().map(|(member, count)| {
            let member = identifier::text(Kind::Member, member.0);
            MemberAnswer { member, count }
        });
        let rules = by.into_iter().map(|(rule, tally)| {
            let tally = TallyAnswer::of(&tally);
            RuleAnswer { rule, tally }
        });
        Self {
            since: time::text(since),
            cut,
            unreadable,
            judged: TallyAnswer::of(&judged),
            stopped: TallyAnswer::of(&stopped),
            asked: TallyAnswer::of(&asked),
            held: TallyAnswer::of(&held),
            let_through: TallyAnswer::of(&let_through),
            rules: rules.collect(),
            bothered: bothered.collect(),
            in_force,
        }
    }
}

/// What limits and rules would have done with what is on record. Nothing changes.
#[utoipa::path(
    post,
    path = "/v1/console/rails/dry-run",
    tag = "console",
    security(("operator" = [])),
    request_body = DryRunRequest,
    responses(
        (status = 200, description = "What they would have done", body = DryRunAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn dry_run(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: DryRunRequest<'_> = request::json(&operator.body)?;
        let wrong = |error| Problem::field("policy", format_args!("is wrong: {error}"));
        let policy = Policy::read(asked.policy.trim()).map_err(wrong)?;
        let days = asked.days.unwrap_or(DAYS_USUAL);
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(Problem::field("days", "must be 1 to 30"));
        }
        let since = app.now().plus_ms(-days * DAY_MS);
        let read = move |conn: &mut Conn| -> Result<_, StoreError> {
            let found = read::dry_run::dry_run(conn, policy, since, MOST)?;
            Ok((found, read::policy_event(conn)?))
        };
        let (found, event) = app.read(Side::Console, operator.deadline, read).await?;
        let in_force = event.map_or_else(|| policy::DEFAULT.to_owned(), |event| event.text);
        Ok(render::said(&DryRunAnswer::of(found, in_force)))
    };
    for_operator(app.answer(Endpoint::ConsoleDryRun, work).await, &app, &caller)
}
