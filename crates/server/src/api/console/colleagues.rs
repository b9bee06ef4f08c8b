//! Who works here: operators with their roles and passkeys, and the clerks of a store.
//!
//! No credential, no PIN and no digest of one is shown; a passkey is named by the digest of its id.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::clerk::Clerk;
use yaoki_core::ids::ClerkNumber;
use yaoki_core::operator::{Operator as Account, OperatorPasskey, PasskeyState, Role};
use yaoki_store::read;

use super::session::{Operator, caller_of, for_operator};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Asking for all operators. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleOperatorsRequest)]
pub struct OperatorsRequest {}

/// Every operator.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleOperators)]
pub struct OperatorsAnswer {
    /// By number, ended ones included.
    operators: Vec<ShownOperator>,
}

/// An operator.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleOperator)]
pub struct ShownOperator {
    operator: String,
    name: String,
    /// What he may do.
    roles: Vec<&'static str>,
    /// `invited`, `active` or `ended`.
    state: &'static str,
    passkeys: Vec<ShownPasskey>,
}

/// A passkey of an operator's.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsolePasskey)]
pub struct ShownPasskey {
    /// As an act names it.
    passkey: String,
    #[schema(format = "date-time")]
    registered_at: String,
    /// `waiting`, `active` or `ended`.
    state: &'static str,
    /// While it waits: who made the link that it was registered at, and so does not confirm it.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<String>,
}

/// Whose clerks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleClerksRequest)]
pub struct ClerksRequest {
    /// `sto_…`, or its number.
    store: String,
    /// `after` of the page before.
    after: Option<String>,
}

/// A page of the clerks of a store.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleClerks)]
pub struct ClerksAnswer {
    /// By number, ended ones included.
    clerks: Vec<ShownClerk>,
    /// What to give as `after` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A clerk.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleClerk)]
pub struct ShownClerk {
    clerk: String,
    name: String,
    /// `active` or `ended`.
    state: &'static str,
    /// Until when no PIN signs in, after too many wrong ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    locked_until: Option<String>,
}

impl ShownOperator {
    fn of(row: &Account, passkeys: &[OperatorPasskey]) -> Self {
        let own = passkeys.iter().filter(|passkey| passkey.operator == row.number);
        let shown = own.map(|passkey| ShownPasskey {
            passkey: hex::text(&passkey.lookup),
            registered_at: time::text(passkey.id.at()),
            state: passkey.state.name(),
            made_by: (passkey.state == PasskeyState::Waiting)
                .then(|| identifier::text(Kind::Operator, passkey.made_by.0)),
        });
        Self {
            operator: identifier::text(Kind::Operator, row.number.0),
            name: row.name.clone(),
            roles: row.roles.each().map(Role::name).collect(),
            state: row.state.name(),
            passkeys: shown.collect(),
        }
    }
}

/// Every operator, with roles and passkeys.
#[utoipa::path(
    post,
    path = "/v1/console/operators",
    operation_id = "console_operators",
    tag = "console",
    security(("operator" = [])),
    request_body = OperatorsRequest,
    responses(
        (status = 200, description = "All of them", body = OperatorsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn operators(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let OperatorsRequest {} = request::json(&operator.body)?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            Ok((read::staff::operators(conn)?, read::staff::passkeys(conn)?))
        });
        let (operators, passkeys) = read.await?;
        let shown = operators.iter().map(|row| ShownOperator::of(row, &passkeys));
        Ok(render::said(&OperatorsAnswer { operators: shown.collect() }))
    };
    for_operator(app.answer(Endpoint::ConsoleOperators, work).await, &app, &caller)
}

/// The clerks of a store.
#[utoipa::path(
    post,
    path = "/v1/console/clerks",
    operation_id = "console_clerks",
    tag = "console",
    security(("operator" = [])),
    request_body = ClerksRequest,
    responses(
        (status = 200, description = "A page", body = ClerksAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn clerks(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: ClerksRequest = request::json(&operator.body)?;
        let store = fields::store(&asked.store)?;
        let after = asked.after.as_deref().map(|text| {
            let parsed = identifier::parse(Kind::Clerk, text).map(ClerkNumber);
            parsed.map_err(|error| Problem::field("after", format_args!("is wrong: {error}")))
        });
        let (after, limit) = (after.transpose()?.unwrap_or(ClerkNumber::NONE), super::PAGE);
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            // One more than is shown tells whether there are more.
            read::staff::clerks(conn, store, after, limit + 1)
        });
        let mut rows = read.await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let after = last.map(|row| identifier::text(Kind::Clerk, row.number.0));
        let now = app.now();
        let shown = rows.iter().map(|row: &Clerk| ShownClerk {
            clerk: identifier::text(Kind::Clerk, row.number.0),
            name: row.name.clone(),
            state: row.state.name(),
            locked_until: (now < row.locked_until).then(|| time::text(row.locked_until)),
        });
        Ok(render::said(&ClerksAnswer { clerks: shown.collect(), after }))
    };
    for_operator(app.answer(Endpoint::ConsoleClerks, work).await, &app, &caller)
}
