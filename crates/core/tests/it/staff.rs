//! Operators, proposals, sessions and clerks: what more than one answer shows.

use yaoki_core::command::{Act, Administer, Command};
use yaoki_core::facts::EventKind;
use yaoki_core::identity::UNFREEZE_WAIT_MS;
use yaoki_core::ids::{ClerkNumber, FactId, MemberNumber, OperatorNumber, RequestId};
use yaoki_core::operator::OPERATOR_LINK_MS;
use yaoki_core::proposal::ProposalState;
use yaoki_core::staff::{Deed, Operate};

use crate::staff_cases::{
    AOI, EMI, NOT_APPROVED, ONE, Office, REN, SORA, add, agreed, clerk, key, pin, sign_in, tried,
    unfreeze,
};

#[test]
fn an_agreed_act_names_both_people_and_uses_its_proposal_in_the_same_commit() {
    let mut office = Office::new();
    let proposal = office.approved(unfreeze());
    let seq = office.world.lanes[0].seq;
    let event = office.done(EMI, Deed::Act(agreed(proposal, unfreeze())));
    assert_eq!((event.actor.as_str(), event.second.as_str()), ("Aoi", "Ren"));
    assert_eq!(office.world.lanes[0].seq, seq + 1);
    assert_eq!(office.state(proposal), ProposalState::Used);
    let mut used = office
        .world
        .events
        .values()
        .filter(|event| event.kind == EventKind::ProposalUsed && event.object == proposal.0);
    let used = used.next().expect("it says so");
    assert_eq!((used.number, used.seq), (event.id.0, event.seq));
    assert_eq!((used.actor.as_str(), used.id), ("Emi", event.id.plus(1)));
}

#[test]
fn an_approved_act_that_the_rules_refuse_leaves_its_proposal_unused() {
    let mut office = Office::new();
    let member = MemberNumber(2);
    office.ask(EMI, Deed::Act(Act::FreezeOnCall(member)));
    let act = Act::UnfreezeMember(member);
    let proposal = office.approved(act.clone());
    let said = office.ask(AOI, Deed::Act(agreed(proposal, act.clone())));
    assert_eq!(said, "refused unfreeze_must_wait");
    assert_eq!(office.state(proposal), ProposalState::Approved);
    office.wait(UNFREEZE_WAIT_MS);
    assert_eq!(office.host(agreed(proposal, act)), "member_unfrozen");
    assert_eq!(office.state(proposal), ProposalState::Used);
}

#[test]
fn of_two_that_use_one_proposal_in_one_batch_the_first_does() {
    let mut office = Office::new();
    let proposal = office.approved(unfreeze());
    let act = agreed(proposal, unfreeze());
    let both = [office.world.administer(act.clone()), office.world.administer(act)];
    let answers = office.world.run(&both);
    let said: Vec<_> = answers.iter().map(|answer| office.world.say(answer)).collect();
    assert_eq!(said, ["member_unfrozen", NOT_APPROVED]);
}

#[test]
fn a_deed_asked_again_is_done_once_and_another_under_its_id_is_refused() {
    let mut office = Office::new();
    let (proposal, other) = (office.propose(EMI, unfreeze()), office.propose(EMI, unfreeze()));
    let (session, end) = (office.sessions[&SORA], Act::EndOperator(OperatorNumber(EMI)));
    let approved = office.approved(unfreeze());
    let deeds = [
        (Deed::Propose(unfreeze()), Deed::Propose(end)),
        (Deed::Approve(proposal), Deed::Approve(other)),
        (Deed::Refuse(other), Deed::Refuse(proposal)),
        (Deed::Verify(key(AOI), 0), Deed::Verify(key(REN), 0)),
        (Deed::EndSession(session), Deed::EndSession(FactId(8))),
        (Deed::EndSessions(OperatorNumber(SORA)), Deed::EndSessions(OperatorNumber(EMI))),
        (Deed::Act(agreed(approved, unfreeze())), Deed::Act(Act::FreezeMember(ONE))),
    ];
    for (deed, another) in deeds {
        let operate = office.operate(AOI, deed);
        let answer = office.run(operate.clone());
        let first = office.world.say(&answer);
        assert!(!first.starts_with("refused"), "{operate:?}: {first}");
        let events = office.world.events.len();
        let answer = office.run(operate.clone());
        assert_eq!(office.world.say(&answer), format!("again {first}"));
        let answer = office.run(Operate { deed: another, ..operate });
        let said = office.world.say(&answer);
        assert_eq!(said, "refused request_id_has_another_meaning");
        assert_eq!(office.world.events.len(), events);
    }
}

#[test]
fn what_staff_registers_is_done_once_under_its_request_id() {
    let mut office = Office::new();
    let until = office.world.now.plus_ms(OPERATOR_LINK_MS);
    office.by_two(Act::LinkOperator(OperatorNumber(EMI), key(8), until));
    let acts = [
        (add(8, 8), add(8, 7)),
        (sign_in(AOI, 3), sign_in(REN, 3)),
        (clerk(1, "Rin"), clerk(2, "Rin")),
        (Act::ResetClerkPin(ClerkNumber(1), pin(1)), Act::ResetClerkPin(ClerkNumber(2), pin(1))),
        (tried(1, 1, 1, true), tried(2, 1, 1, true)),
        (tried(1, 1, 1, false), tried(1, 1, 1, true)),
        (Act::EndClerk(ClerkNumber(1)), Act::EndClerk(ClerkNumber(2))),
    ];
    for (request, (act, other)) in (200..).zip(acts) {
        let mut said = |act: Act| {
            let (actor, second, reason) = ("host".to_owned(), String::new(), "r".to_owned());
            let request = RequestId([request; 16]);
            let command = Administer { request, actor, second, reason, act };
            let answer = office.world.run(&[Command::Administer(command)]).remove(0);
            office.world.say(&answer)
        };
        let first = said(act.clone());
        assert!(!first.starts_with("refused"), "{act:?}: {first}");
        assert_eq!(said(act), format!("again {first}"));
        assert_eq!(said(other), "refused request_id_has_another_meaning");
    }
}
