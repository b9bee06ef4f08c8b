//! Links and passkeys of operators, and approvals that are kept for later: rule by rule.

use std::collections::BTreeMap;

use yaoki_core::command::Act;
use yaoki_core::identity::UNFREEZE_WAIT_MS;
use yaoki_core::ids::{MemberNumber, OperatorNumber, TerminalNumber};
use yaoki_core::operator::{OPERATOR_LINK_MS, Role, Roles};
use yaoki_core::proposal::PROPOSAL_MS;
use yaoki_core::session::FRESH_MS_MAX;
use yaoki_core::staff::Deed;
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::Instant;

use crate::staff_cases::{
    AOI, Case, EMI, NOT_APPROVED, NOT_OPEN, ONE, Office, PASSKEY, PROPOSE, REN, ROLE, SORA, STALE,
    add, agreed, first, key, operator, said, sign_in, unfreeze,
};
use crate::world::World;

/// What the host hears who makes a link anew for the second of the first two, while `registered`
/// of them have passkeys.
fn renewed(registered: &[i64], number: i64) -> String {
    let mut world = World::new();
    let until = world.now.plus_ms(OPERATOR_LINK_MS);
    world.act(first(["Aoi", "Ren"], until, true));
    for &operator in registered {
        world.act(add(operator, operator));
    }
    world.now = until;
    let until = world.now.plus_ms(OPERATOR_LINK_MS);
    let command = world.administer(Act::LinkOperator(OperatorNumber(number), key(8), until));
    let answer = world.run(&[command]).remove(0);
    match world.say(&answer) {
        said if said == "operator_linked" => world.said_of_host(add(8, 8)),
        said => said,
    }
}

pub(crate) fn renewals() -> Vec<Case> {
    const REGISTERED: &str = "operator_passkey_added";
    vec![
        (|_| renewed(&[], AOI), REGISTERED),
        (|_| renewed(&[AOI], REN), REGISTERED),
        // Of two links of the host's the other is dead once one was used.
        (
            |_| {
                let mut world = World::new();
                let until = world.now.plus_ms(OPERATOR_LINK_MS);
                world.act(first(["Aoi", "Ren"], until, true));
                world.act(Act::LinkOperator(OperatorNumber(REN), key(8), until));
                world.act(add(8, 8));
                world.said_of_host(add(REN, REN))
            },
            "refused operator_link_must_be_valid",
        ),
        (|_| renewed(&[AOI], AOI), PROPOSE),
        (|_| renewed(&[AOI, REN], REN), PROPOSE),
        (|_| renewed(&[AOI], EMI), PROPOSE),
        (
            |o| {
                let act = operator(&o.world, "Mio", &[Role::Admin], 9);
                let mio = o.by_two(act).subject;
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.host(Act::LinkOperator(OperatorNumber(mio), key(8), until))
            },
            PROPOSE,
        ),
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.ask(AOI, Deed::Act(Act::LinkOperator(OperatorNumber(REN), key(8), until)))
            },
            PROPOSE,
        ),
        (
            |o| {
                let act = operator(&o.world, "Mio", &[Role::Admin], 9);
                o.by_two(act);
                said(o, Act::ChangeRoles(OperatorNumber(AOI), Roles::of(&[Role::Risk])))
            },
            "refused admins_must_remain",
        ),
    ]
}

/// What is said of a passkey that was registered at a link which Aoi carried out.
fn confirmed(said: fn(&mut Office) -> String) -> String {
    let mut office = Office::new();
    let act = operator(&office.world, "Mio", &[Role::Admin], 9);
    let mio = office.by_two(act).subject;
    assert_eq!(office.host(add(9, 9)), "operator_passkey_added");
    assert_eq!(office.host(sign_in(9, 0)), "refused passkey_must_be_confirmed");
    assert_eq!(mio, 5);
    said(&mut office)
}

pub(crate) fn confirmations() -> Vec<Case> {
    const ANOTHER: &str = "refused another_must_confirm";
    vec![
        (|_| confirmed(|o| o.ask(AOI, Deed::ConfirmPasskey(key(9)))), ANOTHER),
        (|_| confirmed(|o| o.ask(EMI, Deed::ConfirmPasskey(key(9)))), ROLE),
        (|_| confirmed(|o| o.ask(SORA, Deed::ConfirmPasskey(key(9)))), ROLE),
        (
            |_| {
                confirmed(|o| {
                    o.wait(FRESH_MS_MAX);
                    o.ask(REN, Deed::ConfirmPasskey(key(9)))
                })
            },
            STALE,
        ),
        (
            |_| {
                confirmed(|o| {
                    o.done(REN, Deed::ConfirmPasskey(key(9)));
                    o.host(sign_in(9, 0))
                })
            },
            "staff_session_opened",
        ),
        (
            |_| {
                confirmed(|o| {
                    o.done(REN, Deed::ConfirmPasskey(key(9)));
                    o.ask(REN, Deed::ConfirmPasskey(key(9)))
                })
            },
            PASSKEY,
        ),
        (
            |_| {
                confirmed(|o| {
                    o.by_two(Act::EndPasskey(key(9)));
                    o.ask(REN, Deed::ConfirmPasskey(key(9)))
                })
            },
            PASSKEY,
        ),
        // A colleague who is there already is no easier to become.
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.by_two(Act::LinkOperator(OperatorNumber(REN), key(8), until));
                o.host(add(8, 8));
                o.host(sign_in(8, 0))
            },
            "refused passkey_must_be_confirmed",
        ),
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.by_two(Act::LinkOperator(OperatorNumber(REN), key(8), until));
                o.host(add(8, 8));
                o.ask(REN, Deed::ConfirmPasskey(key(8)))
            },
            ANOTHER,
        ),
    ]
}

/// What was agreed on is of the freeze that was there, and of no later one.
pub(crate) fn voided() -> Vec<Case> {
    vec![
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)));
                o.ask(AOI, Deed::Act(agreed(proposal, unfreeze())))
            },
            NOT_APPROVED,
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)));
                o.ask(REN, Deed::Approve(proposal))
            },
            NOT_OPEN,
        ),
        (
            |o| {
                let act = Act::OpenSwitch(Capability::Payment, Scope::Everything, 0);
                let proposal = o.approved(act.clone());
                let close = Act::CloseSwitch(Capability::Payment, Scope::Everything, 0, Instant(0));
                o.ask(EMI, Deed::Act(close));
                o.ask(AOI, Deed::Act(agreed(proposal, act)))
            },
            NOT_APPROVED,
        ),
        (
            |o| {
                let act = Act::ResumeTerminal(TerminalNumber(1));
                let proposal = o.approved(act.clone());
                o.ask(EMI, Deed::Act(Act::SuspendTerminal(TerminalNumber(1))));
                o.ask(AOI, Deed::Act(agreed(proposal, act)))
            },
            NOT_APPROVED,
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.ask(EMI, Deed::Act(Act::FreezeMember(MemberNumber(2))));
                o.ask(AOI, Deed::Act(agreed(proposal, unfreeze())))
            },
            "member_unfrozen",
        ),
        // What the member has frozen himself waits a day, and there is a day to do it.
        (|o| unfrozen_after(o, UNFREEZE_WAIT_MS - 1), "refused unfreeze_must_wait"),
        (|o| unfrozen_after(o, UNFREEZE_WAIT_MS), "member_unfrozen"),
        (|o| unfrozen_after(o, UNFREEZE_WAIT_MS + PROPOSAL_MS), NOT_APPROVED),
    ]
}

/// Unfreezing what a member has had frozen on his call, so long after it was proposed.
fn unfrozen_after(office: &mut Office, ms: i64) -> String {
    let member = MemberNumber(2);
    office.ask(EMI, Deed::Act(Act::FreezeOnCall(member)));
    let act = Act::UnfreezeMember(member);
    let proposal = office.approved(act.clone());
    office.wait(ms);
    office.host(agreed(proposal, act))
}

/// Whoever is the only one who has registered may not make himself the second.
#[test]
fn an_operator_makes_no_link_for_the_second_of_the_first_two() {
    let mut world = World::new();
    let until = world.now.plus_ms(OPERATOR_LINK_MS);
    world.act(first(["Aoi", "Ren"], until, true));
    let mut office = Office { world, sessions: BTreeMap::new(), requests: 0 };
    office.register(AOI);
    let act = Act::LinkOperator(OperatorNumber(REN), key(8), until);
    assert_eq!(office.ask(AOI, Deed::Act(act.clone())), PROPOSE);
    assert_eq!(office.host(act), "operator_linked");
}
