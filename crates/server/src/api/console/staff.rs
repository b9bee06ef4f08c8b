//! Operators who signed in with a passkey: whether their sessions go on, which roles each route is
//! for, and what they do.
//!
//! A session is a row of the book, which every request reads: ended, it is refused at the next
//! request on every node. How long it is idle, the age of its token says, which is renewed as it is
//! used. What an act takes besides is the rules' to say ([`yaoki_core::act::ActKind::people`]).

use std::sync::atomic::Ordering;

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::facts::Event;
use yaoki_core::ids::RequestId;
use yaoki_core::operator::{Operator, Role, Roles};
use yaoki_core::refusal::Refusal;
use yaoki_core::session::StaffSession;
use yaoki_core::staff::{Deed, Operate};
use yaoki_core::time::{Instant, MINUTE_MS};
use yaoki_store::{Part, read};

use super::session::not_signed_in;
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::problem::Problem;
use crate::edge::proof::token::{Bound, SessionToken};
use crate::edge::reads::Side;

/// How long a session may be idle, milliseconds.
pub const IDLE_MS_MAX: i64 = 30 * MINUTE_MS;

/// Who looks at one member: whoever helps, watches or audits.
const MAY_SEE_MEMBERS: Roles = Roles::of(&[Role::Support, Role::Risk, Role::Admin, Role::Auditor]);

/// Every route of the console, and for whom it is: an operator who has one of these roles; none: a
/// browser that is not signed in. Whoever signed in by a link asks what every role may ask.
pub const ROUTES: &[(&str, Option<Roles>)] = &[
    ("/v1/console/session", None),
    ("/v1/console/sign-in", None),
    ("/v1/console/session/end", Some(Roles::ALL)),
    ("/v1/console/own", Some(Roles::ALL)),
    ("/v1/console/today", Some(Roles::ALL)),
    ("/v1/console/operations", Some(Roles::ALL)),
    ("/v1/console/find", Some(Roles::ALL)),
    ("/v1/console/payment", Some(Roles::ALL)),
    ("/v1/console/shops", Some(Roles::ALL)),
    ("/v1/console/rails", Some(Roles::ALL)),
    ("/v1/console/rails/query", Some(Roles::WORKING)),
    ("/v1/console/rails/dry-run", Some(MAY_SEE_MEMBERS)),
    ("/v1/console/unacknowledged", Some(Roles::ALL)),
    ("/v1/console/switches", Some(Roles::ALL)),
    ("/v1/console/stream", Some(Roles::ALL)),
    ("/v1/console/proposals", Some(Roles::ALL)),
    ("/v1/console/operators", Some(Roles::ALL)),
    ("/v1/console/clerks", Some(Roles::ALL)),
    ("/v1/console/member", Some(MAY_SEE_MEMBERS)),
    ("/v1/console/propose", Some(Roles::WORKING)),
    ("/v1/console/decide", Some(Roles::WORKING)),
    ("/v1/console/act", Some(Roles::WORKING)),
];

/// An operator and his session.
#[derive(Clone, Debug)]
pub struct Staff {
    /// The session.
    pub session: StaffSession,
    /// Who he is.
    pub operator: Operator,
}

/// Who works in the session of a token, which goes on; none: somebody who signed in by a link.
///
/// # Errors
/// [`EdgeError::SessionMustBeOpen`](crate::edge::error::EdgeError::SessionMustBeOpen), or the book
/// cannot be read.
pub(super) async fn standing(
    app: &App,
    token: &SessionToken,
    deadline: Deadline,
) -> Result<Option<Staff>, Problem> {
    let (session, now) = (&token.session, app.now());
    let Some(id) = session.row() else {
        let is_open = app.console.sessions.is_open(session, now);
        let goes_on = is_open && !has_operators(app, deadline).await?;
        return if goes_on { Ok(None) } else { Err(not_signed_in()) };
    };
    if now >= Instant(session.issued_at_ms).plus_ms(IDLE_MS_MAX) {
        return Err(not_signed_in());
    }
    let read = app.read(Side::Console, deadline, move |conn| read::staff::session(conn, id));
    let (session, operator) = read.await?.ok_or_else(not_signed_in)?;
    let goes_on = session.key == *token.thumbprint() && session.is_open(&operator, now);
    if goes_on { Ok(Some(Staff { session, operator })) } else { Err(not_signed_in()) }
}

/// Refuses a route that is not for this operator.
///
/// # Errors
/// [`Refusal::OperatorMustHaveTheRole`], or [`Refusal::StaffSessionMustBeOpen`] for somebody who
/// signed in by a link.
///
/// # Panics
/// When the table lacks the route.
pub(super) fn may_ask(staff: Option<&Staff>, path: &str) -> Result<(), Problem> {
    let found = ROUTES.iter().find(|(known, _)| *known == path);
    let roles = found.and_then(|(_, roles)| *roles).expect("every route of a session has roles");
    match staff {
        None if roles == Roles::ALL => Ok(()),
        None => Err(Refusal::StaffSessionMustBeOpen.into()),
        Some(staff) if staff.operator.roles.meet(roles) => Ok(()),
        Some(_) => Err(Refusal::OperatorMustHaveTheRole.into()),
    }
}

/// Whether the book has operators; then only they sign in.
///
/// # Errors
/// When the book cannot be read.
pub(super) async fn has_operators(app: &App, deadline: Deadline) -> Result<bool, Problem> {
    let seen = &app.console.has_operators;
    if seen.load(Ordering::SeqCst) {
        return Ok(true);
    }
    let operators = app.read(Side::Console, deadline, read::staff::operators).await?;
    let found = !operators.is_empty();
    if found {
        seen.store(true, Ordering::SeqCst);
    }
    Ok(found)
}

/// What an operator does, and whether it was done before.
///
/// # Errors
/// A [`Problem`]: refused, or unknown.
pub(super) async fn operate(
    app: &App,
    staff: &Staff,
    (request, reason): (RequestId, &str),
    deed: Deed,
    deadline: Deadline,
) -> Result<(Event, bool), Problem> {
    let (session, reason) = (staff.session.id, reason.to_owned());
    let command = Command::Operate(Operate { request, session, reason, deed });
    match app.submit(Part::Members, command, deadline).await? {
        Outcome::Done { event, replayed } => Ok((event, replayed)),
        other => unreachable!("what an operator does becomes an event, not {other:?}"),
    }
}

/// The id of what somebody does: of who he is, and of what his browser made. So nobody's repeat is
/// another's.
pub(super) fn request_of(who: &[u8], request: RequestId) -> RequestId {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki operator act request 1");
    hasher.update(&u64::try_from(who.len()).expect("it is short").to_be_bytes());
    hasher.update(who);
    hasher.update(&request.0);
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    RequestId(bytes)
}

impl Staff {
    /// The id of what he does.
    pub(super) fn request(&self, request: RequestId) -> RequestId {
        request_of(&self.operator.number.0.to_be_bytes(), request)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::openapi::openapi;

    #[test]
    fn every_route_of_the_console_says_for_which_roles_it_is_and_every_role_reads() {
        let told: BTreeSet<&str> = ROUTES.iter().map(|(path, _)| *path).collect();
        assert_eq!(told.len(), ROUTES.len());
        let document = openapi();
        let served: BTreeSet<&str> = (document.paths.paths.keys().map(String::as_str))
            .filter(|path| path.starts_with("/v1/console/"))
            .collect();
        assert_eq!(told, served);
        for (path, roles) in ROUTES {
            let auditor = yaoki_core::operator::Role::Auditor;
            let changing = ["/propose", "/decide", "/act", "/rails/query"];
            let changes = changing.iter().any(|end| path.ends_with(end));
            assert_eq!(roles.is_some_and(|roles| !roles.has(auditor)), changes, "{path}");
        }
    }
}
