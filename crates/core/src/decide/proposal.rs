//! Two-person approval: proposing, approving, refusing, and whether an act was agreed on.
//!
//! Nobody approves what he proposed. What is carried out is the very act that was seen, by its
//! digest, once: the commit that carries it out books that the proposal is used, under a request id
//! that the book has once.

use super::operator::is_renewal;
use super::staff::{Asker, blank};
use super::{Stop, must};
use crate::act::People;
use crate::command::{Act, Administer};
use crate::facts::{Event, EventKind};
use crate::ids::FactId;
use crate::operator::{Operator, Roles};
use crate::policy::Policy;
use crate::proposal::{ACT_TEXT_BYTES_MAX, PROPOSALS_OPEN_MAX, Proposal, ProposalState, use_of};
use crate::refusal::Refusal;
use crate::view::View;

pub(super) fn propose(
    view: &View,
    asker: &Asker<'_>,
    act: &Act,
    event: Event,
) -> Result<Event, Stop> {
    must_have_role(asker.operator, act.kind().people())?;
    asker.must_be_fresh(view)?;
    must(!event.text.trim().is_empty(), Refusal::ActorAndReasonMustBeGiven)?;
    let waiting = view.directory.staff.waiting(asker.operator.number, view.now);
    must(waiting < PROPOSALS_OPEN_MAX, Refusal::ProposalsMustBeFew)?;
    let text = act.text();
    match act {
        Act::ChangePolicy(policy) => {
            must(Policy::read(policy).is_ok(), Refusal::PolicyMustBeRight)?;
        }
        _ => must(text.len() <= ACT_TEXT_BYTES_MAX, Refusal::NameMustBeShort)?,
    }
    Ok(Event {
        kind: EventKind::Proposed,
        object: act.kind().code(),
        number: view.now.plus_ms(act.kind().proposal_ms()).0,
        digest: act.digest().to_vec(),
        text: format!("{text}\n{}", event.text),
        ..event
    })
}

pub(super) fn approve(
    view: &View,
    asker: &Asker<'_>,
    id: FactId,
    event: Event,
) -> Result<Event, Refusal> {
    let proposal = open_proposal(view, id)?;
    must(proposal.proposer != asker.operator.number, Refusal::ProposerMustNotApprove)?;
    must_have_role(asker.operator, proposal.kind.people())?;
    asker.must_be_fresh(view)?;
    Ok(Event { kind: EventKind::ProposalApproved, object: id.0, ..event })
}

/// Whoever could approve it refuses it; the proposer withdraws it.
pub(super) fn refuse(
    view: &View,
    asker: &Asker<'_>,
    id: FactId,
    event: Event,
) -> Result<Event, Refusal> {
    let proposal = open_proposal(view, id)?;
    if proposal.proposer != asker.operator.number {
        must_have_role(asker.operator, proposal.kind.people())?;
    }
    Ok(Event { kind: EventKind::ProposalRefused, object: id.0, ..event })
}

fn open_proposal(view: &View, id: FactId) -> Result<&Proposal, Refusal> {
    let proposal = view.directory.staff.proposals.get(&id);
    let open = |proposal: &&Proposal| proposal.state_at(view.now) == ProposalState::Open;
    proposal.filter(open).ok_or(Refusal::ProposalMustBeOpen)
}

fn must_have_role(operator: &Operator, people: People) -> Result<Roles, Refusal> {
    match people {
        People::Two(roles) if operator.roles.meet(roles) => Ok(roles),
        _ => Err(Refusal::OperatorMustHaveTheRole),
    }
}

/// Two operators have agreed on an act.
pub(super) struct Agreed {
    /// Who proposed it and who approved it.
    pub(super) names: [String; 2],
    /// That the proposal is used: booked right after the act's own event.
    pub(super) used: Event,
}

/// Whether two operators have agreed on the act.
pub(super) fn agreed(view: &View, administer: &Administer) -> Result<Option<Agreed>, Refusal> {
    let act = &administer.act;
    let Act::Agreed(id, _) = act else {
        let takes_two = matches!(act.kind().people(), People::Two(_));
        let operators = !view.directory.staff.operators.is_empty();
        let alone = !takes_two || (!operators && !act.kind().is_of_operators());
        return must(alone || is_renewal(view, act), Refusal::ActTakesAProposal).map(|()| None);
    };
    let staff = &view.directory.staff;
    let proposal = staff.proposals.get(id).ok_or(Refusal::ProposalMustBeApproved)?;
    let approved = proposal.state_at(view.now) == ProposalState::Approved;
    must(approved, Refusal::ProposalMustBeApproved)?;
    must(proposal.digest == act.digest(), Refusal::ProposalMustBeOfThisAct)?;
    assert!(proposal.proposer != proposal.decided_by, "nobody approves what he proposed");
    let mut names = [const { String::new() }; 2];
    for (name, number) in names.iter_mut().zip([proposal.proposer, proposal.decided_by]) {
        let operator = staff.operators.get(&number).filter(|operator| operator.is_active());
        let operator = operator.ok_or(Refusal::OperatorMustBeActive)?;
        must_have_role(operator, proposal.kind.people())?;
        name.clone_from(&operator.name);
    }
    // The act's own event has the id before.
    let first = view.next_ids(2);
    let used = Event {
        id: first.plus(1),
        kind: EventKind::ProposalUsed,
        object: id.0,
        number: first.0,
        ..blank(view, use_of(*id), &administer.actor, "")
    };
    Ok(Some(Agreed { names, used }))
}
