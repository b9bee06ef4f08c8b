//! Sessions of operators, and clerks: a line a case.

use yaoki_core::clerk::LOCKED_MS;
use yaoki_core::command::Act;
use yaoki_core::ids::{ClerkNumber, FactId, OperatorNumber};
use yaoki_core::session::SESSION_MS_MAX;
use yaoki_core::staff::Deed;

use crate::staff_cases::{
    AOI, Case, EMI, NO_CLERK, NOBODY, ONE, OVER, Office, PASSKEY, ROLE, clerk, key, pin, sign_in,
    tried,
};

pub(crate) fn sessions() -> Vec<Case> {
    vec![
        (|o| o.host(sign_in(AOI, 0)), "staff_session_opened"),
        (|o| o.host(sign_in(9, 0)), PASSKEY),
        (
            |o| {
                o.world.act(sign_in(AOI, 5));
                o.host(sign_in(AOI, 5))
            },
            PASSKEY,
        ),
        (
            |o| {
                o.by_two(Act::EndOperator(OperatorNumber(EMI)));
                o.host(sign_in(EMI, 0))
            },
            NOBODY,
        ),
        (
            |o| {
                o.by_two(Act::EndOperator(OperatorNumber(EMI)));
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            OVER,
        ),
        (
            |o| {
                o.by_two(Act::EndPasskey(key(EMI)));
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            OVER,
        ),
        (
            |o| {
                o.wait(SESSION_MS_MAX);
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            OVER,
        ),
        (|o| o.ask(9, Deed::Act(Act::FreezeMember(ONE))), OVER),
        (|o| o.ask(EMI, Deed::Verify(key(EMI), 0)), "staff_session_verified"),
        (|o| o.ask(EMI, Deed::Verify(key(AOI), 0)), PASSKEY),
    ]
}

pub(crate) fn sessions_end() -> Vec<Case> {
    vec![
        (
            |o| {
                let own = o.sessions[&EMI];
                o.done(EMI, Deed::EndSession(own));
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            OVER,
        ),
        (
            |o| {
                let other = o.sessions[&AOI];
                o.ask(EMI, Deed::EndSession(other))
            },
            ROLE,
        ),
        (
            |o| {
                let other = o.sessions[&EMI];
                o.done(AOI, Deed::EndSession(other));
                o.ask(AOI, Deed::EndSession(other))
            },
            OVER,
        ),
        (|o| o.ask(AOI, Deed::EndSession(FactId(5))), OVER),
        (|o| o.ask(EMI, Deed::EndSessions(OperatorNumber(AOI))), ROLE),
        (|o| o.ask(AOI, Deed::EndSessions(OperatorNumber(9))), NOBODY),
        (
            |o| {
                o.done(EMI, Deed::EndSessions(OperatorNumber(EMI)));
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            OVER,
        ),
        (
            |o| {
                o.done(AOI, Deed::EndSessions(OperatorNumber(EMI)));
                let session = o.world.act(sign_in(EMI, 0)).id;
                o.sessions.insert(EMI, session);
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            "member_frozen",
        ),
    ]
}

pub(crate) fn clerks() -> Vec<Case> {
    fn wrong(o: &mut Office, times: usize) {
        for _ in 0..times {
            assert_eq!(o.host(tried(1, 1, 1, false)), "clerk_pin_wrong");
        }
    }
    let locked = "refused clerk_is_locked";
    vec![
        (|o| o.ask(EMI, Deed::Act(clerk(1, "Rin"))), "clerk_created"),
        (|o| o.ask(EMI, Deed::Act(clerk(9, "Rin"))), "refused store_must_exist"),
        (|o| o.ask(EMI, Deed::Act(clerk(1, ""))), "refused name_must_be_short"),
        (|o| o.host(tried(1, 1, 1, true)), "clerk_signed_in"),
        (|o| o.host(tried(2, 1, 1, true)), "clerk_signed_in"),
        (|o| o.host(tried(3, 1, 1, true)), NO_CLERK),
        (|o| o.host(tried(9, 1, 1, true)), NO_CLERK),
        (|o| o.host(tried(1, 9, 1, true)), NO_CLERK),
        (|o| o.host(tried(1, 1, 2, true)), "refused clerk_must_sign_in"),
        (
            |o| {
                wrong(o, 4);
                o.host(tried(1, 1, 1, true));
                wrong(o, 4);
                o.host(tried(1, 1, 1, true))
            },
            "clerk_signed_in",
        ),
        (
            |o| {
                wrong(o, 5);
                o.host(tried(1, 1, 1, true))
            },
            locked,
        ),
        (
            |o| {
                wrong(o, 5);
                o.wait(LOCKED_MS - 1);
                let until = o.row().locked_until;
                assert!(until > o.world.now);
                o.host(tried(1, 1, 1, true))
            },
            locked,
        ),
        (
            |o| {
                wrong(o, 5);
                o.wait(LOCKED_MS + 1);
                o.host(tried(1, 1, 1, true))
            },
            "clerk_signed_in",
        ),
        (
            |o| {
                wrong(o, 5);
                o.ask(EMI, Deed::Act(Act::ResetClerkPin(ClerkNumber(1), pin(2))));
                o.host(tried(1, 1, 2, true))
            },
            "clerk_signed_in",
        ),
        (|o| o.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(1)))), "clerk_ended"),
        (|o| o.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(9)))), NO_CLERK),
        (
            |o| {
                o.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(1))));
                o.host(tried(1, 1, 1, true))
            },
            NO_CLERK,
        ),
    ]
}
