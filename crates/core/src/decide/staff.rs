//! What operators do in their sessions: sign in, be verified again, act, end sessions.
//!
//! Who acts is the session's operator; what his roles allow is the table of
//! [`ActKind::people`](crate::act::ActKind::people). The act itself is decided where every act is.

use super::identity::tell_of_proposal;
use super::{Outcome, Stop, admin, must, proposal};
use crate::act::People;
use crate::command::{Act, Administer};
use crate::facts::{Event, EventKind};
use crate::ids::{FactId, OperatorNumber, RequestId};
use crate::operator::{Operator, OperatorPasskey, PasskeyState, Role, Roles};
use crate::refusal::Refusal;
use crate::session::StaffSession;
use crate::staff::{Deed, Operate};
use crate::view::{Effects, View};

/// Whose sessions others end: whoever watches over incidents.
const MAY_END_OTHERS: Roles = Roles::of(&[Role::Risk, Role::Admin]);

/// Who asks, as his session says.
pub(super) struct Asker<'a> {
    pub(super) operator: &'a Operator,
    session: &'a StaffSession,
}

impl Asker<'_> {
    /// Refuses unless the user was verified a moment ago.
    pub(super) fn must_be_fresh(&self, view: &View) -> Result<(), Refusal> {
        must(self.session.is_fresh(view.now), Refusal::VerificationMustBeFresh)
    }
}

pub(super) fn operate(
    view: &View,
    operate: &Operate,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    if let Deed::Act(act) = &operate.deed {
        return act_of(view, operate, act, effects);
    }
    if let Some(event) = view.events.get(&operate.request) {
        must(is_meant(event, &operate.deed), Refusal::RequestIdHasAnotherMeaning)?;
        return Ok(Outcome::Done { event: event.clone(), replayed: true });
    }
    let asker = asker(view, operate.session)?;
    if !operate.reason.is_empty() {
        admin::text_must_be_short(&operate.reason)?;
    }
    let event = blank(view, operate.request, &asker.operator.name, &operate.reason);
    let event = Event { subject: asker.operator.number.0, ..event };
    let event = match &operate.deed {
        Deed::Propose(act) => proposal::propose(view, &asker, act, event)?,
        Deed::Approve(id) => proposal::approve(view, &asker, *id, event)?,
        Deed::Refuse(id) => proposal::refuse(view, &asker, *id, event)?,
        Deed::Verify(passkey, counter) => verify(view, &asker, (passkey, *counter), event)?,
        Deed::EndSession(session) => end_session(view, &asker, *session, event)?,
        Deed::EndSessions(operator) => end_sessions(view, &asker, *operator, event)?,
        Deed::ConfirmPasskey(passkey) => confirm(view, &asker, passkey, event)?,
        Deed::Act(_) => unreachable!("an act is decided above"),
    };
    if let Deed::Propose(act) = &operate.deed {
        tell_of_proposal(view, act, &event, effects);
    }
    effects.events.push(event.clone());
    Ok(Outcome::Done { event, replayed: false })
}

/// An event that says nothing yet.
pub(super) fn blank(view: &View, request_id: RequestId, actor: &str, text: &str) -> Event {
    Event {
        id: view.next_ids(1),
        seq: view.seq,
        request_id,
        kind: EventKind::LaneCreated,
        subject: 0,
        object: 0,
        number: 0,
        digest: Vec::new(),
        actor: actor.to_owned(),
        second: String::new(),
        text: text.to_owned(),
    }
}

/// Whether this deed is the one that the event books.
fn is_meant(event: &Event, deed: &Deed) -> bool {
    let on = |kind, id: &FactId| event.kind == kind && event.object == id.0;
    match deed {
        Deed::Propose(act) => event.kind == EventKind::Proposed && event.digest == act.digest(),
        Deed::Approve(id) => on(EventKind::ProposalApproved, id),
        Deed::Refuse(id) => on(EventKind::ProposalRefused, id),
        Deed::Verify(passkey, _) => {
            event.kind == EventKind::StaffSessionVerified && event.digest == passkey
        }
        Deed::EndSession(session) => on(EventKind::StaffSessionEnded, session),
        Deed::EndSessions(operator) => {
            event.kind == EventKind::OperatorSessionsEnded && event.subject == operator.0
        }
        Deed::ConfirmPasskey(passkey) => {
            event.kind == EventKind::OperatorPasskeyConfirmed && event.digest == passkey
        }
        Deed::Act(_) => false,
    }
}

fn asker(view: &View, session: FactId) -> Result<Asker<'_>, Refusal> {
    let session = view.staff.sessions.get(&session).ok_or(Refusal::StaffSessionMustBeOpen)?;
    let operator = view.directory.staff.operators.get(&session.operator);
    let operator = operator.filter(|operator| session.is_open(operator, view.now));
    Ok(Asker { operator: operator.ok_or(Refusal::StaffSessionMustBeOpen)?, session })
}

/// An act of an operator: his roles, then the act's own rules, in his name.
fn act_of(
    view: &View,
    operate: &Operate,
    act: &Act,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    // A repeat is answered whatever became of the session meanwhile.
    let (actor, by) = if view.events.contains_key(&operate.request) {
        (String::new(), OperatorNumber::NONE)
    } else {
        let asker = asker(view, operate.session)?;
        must_be_allowed(view, &asker, act)?;
        (asker.operator.name.clone(), asker.operator.number)
    };
    let administer = Administer {
        request: operate.request,
        actor,
        second: String::new(),
        reason: operate.reason.clone(),
        act: act.clone(),
    };
    admin::decide(view, &administer, by, effects)
}

fn must_be_allowed(view: &View, asker: &Asker<'_>, act: &Act) -> Result<(), Refusal> {
    let (roles, fresh, two) = match act.kind().people() {
        People::Nobody => return Err(Refusal::OperatorMustHaveTheRole),
        People::One(roles) => (roles, false, false),
        People::OneFresh(roles) => (roles, true, false),
        People::Two(roles) => (roles, true, true),
    };
    must(asker.operator.roles.meet(roles), Refusal::OperatorMustHaveTheRole)?;
    if fresh {
        asker.must_be_fresh(view)?;
    }
    // What the host may do alone, an operator may not: he is one of the two.
    must(!two || matches!(act, Act::Agreed(..)), Refusal::ActTakesAProposal)
}

/// A passkey that signs in for an operator who works here.
pub(super) fn passkey_of<'a>(
    view: &'a View,
    lookup: &[u8; 32],
) -> Result<(&'a OperatorPasskey, &'a Operator), Refusal> {
    let passkey = view.staff.passkeys.get(lookup).ok_or(Refusal::PasskeyMustBeActive)?;
    must(passkey.state != PasskeyState::Waiting, Refusal::PasskeyMustBeConfirmed)?;
    must(passkey.state == PasskeyState::Active, Refusal::PasskeyMustBeActive)?;
    let operator = view.directory.staff.operators.get(&passkey.operator);
    let operator = operator.filter(|operator| operator.is_active());
    Ok((passkey, operator.ok_or(Refusal::OperatorMustBeActive)?))
}

/// A counter that does not go on is a copy's (`WebAuthn`, 6.1.1); 0 where none is counted.
pub(super) fn counter_must_go_on(passkey: &OperatorPasskey, counter: i64) -> Result<(), Refusal> {
    let counts = counter != 0 || passkey.counter != 0;
    must(!counts || counter > passkey.counter, Refusal::PasskeyMustBeActive)
}

fn verify(
    view: &View,
    asker: &Asker<'_>,
    (lookup, counter): (&[u8; 32], i64),
    event: Event,
) -> Result<Event, Refusal> {
    let (passkey, owner) = passkey_of(view, lookup)?;
    must(owner.number == asker.operator.number, Refusal::PasskeyMustBeActive)?;
    counter_must_go_on(passkey, counter)?;
    let object = asker.session.id.0;
    let digest = lookup.to_vec();
    Ok(Event { kind: EventKind::StaffSessionVerified, object, number: counter, digest, ..event })
}

/// Whoever made the link saw it and could have registered himself under a colleague's name: another
/// admin, who has compared the passkey's number with the colleague, says that it is his.
fn confirm(
    view: &View,
    asker: &Asker<'_>,
    lookup: &[u8; 32],
    event: Event,
) -> Result<Event, Refusal> {
    must(asker.operator.roles.has(Role::Admin), Refusal::OperatorMustHaveTheRole)?;
    asker.must_be_fresh(view)?;
    let row = view.staff.passkeys.get(lookup);
    let row = row.filter(|row| row.state == PasskeyState::Waiting);
    let row = row.ok_or(Refusal::PasskeyMustBeActive)?;
    let another = ![row.made_by, row.operator].contains(&asker.operator.number);
    must(another, Refusal::AnotherMustConfirm)?;
    let (kind, object) = (EventKind::OperatorPasskeyConfirmed, asker.operator.number.0);
    Ok(Event { kind, subject: row.operator.0, object, digest: lookup.to_vec(), ..event })
}

fn end_session(
    view: &View,
    asker: &Asker<'_>,
    session: FactId,
    event: Event,
) -> Result<Event, Refusal> {
    let row = view.staff.sessions.get(&session).ok_or(Refusal::StaffSessionMustBeOpen)?;
    let own = row.operator == asker.operator.number;
    let may = own || asker.operator.roles.meet(MAY_END_OTHERS);
    must(may, Refusal::OperatorMustHaveTheRole)?;
    must(!row.ended.is_some(), Refusal::StaffSessionMustBeOpen)?;
    Ok(Event { kind: EventKind::StaffSessionEnded, object: session.0, ..event })
}

fn end_sessions(
    view: &View,
    asker: &Asker<'_>,
    operator: OperatorNumber,
    event: Event,
) -> Result<Event, Refusal> {
    let known = view.directory.staff.operators.contains_key(&operator);
    must(known, Refusal::OperatorMustBeActive)?;
    let own = operator == asker.operator.number;
    let may = own || asker.operator.roles.meet(MAY_END_OTHERS);
    must(may, Refusal::OperatorMustHaveTheRole)?;
    Ok(Event { kind: EventKind::OperatorSessionsEnded, subject: operator.0, ..event })
}
