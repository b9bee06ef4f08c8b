//! Operators, proposals, sessions and clerks: every rule and refusal, a line a case.

use std::collections::BTreeMap;

use yaoki_core::clerk::Clerk;
use yaoki_core::command::{Act, Command};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::Event;
use yaoki_core::identity::UNFREEZE_WAIT_MS;
use yaoki_core::ids::{
    ClerkNumber, FactId, MemberNumber, OperatorNumber, RequestId, StoreNumber, TerminalNumber,
};
use yaoki_core::operator::{OPERATOR_LINK_MS, Role, Roles, Sealed};
use yaoki_core::proposal::{PROPOSAL_MS, PROPOSALS_OPEN_MAX, ProposalState};
use yaoki_core::session::FRESH_MS_MAX;
use yaoki_core::staff::{Deed, Operate};
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::Instant;

use crate::world::World;
use crate::{staff_links, staff_sessions};

pub(crate) const ONE: MemberNumber = MemberNumber(1);

/// Aoi and Ren have every working role, Emi is of support, Sora looks at everything; each has a
/// passkey and a session, member 1 is frozen, and clerk 1 works at store 1.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) sessions: BTreeMap<i64, FactId>,
    pub(crate) requests: u8,
}

pub(crate) const AOI: i64 = 1;
pub(crate) const REN: i64 = 2;
pub(crate) const EMI: i64 = 3;
pub(crate) const SORA: i64 = 4;

pub(crate) fn key(number: i64) -> [u8; 32] {
    [u8::try_from(number).unwrap(); 32]
}

pub(crate) fn first(names: [&str; 2], expires_at: Instant, among_members: bool) -> Act {
    let names = names.map(str::to_owned);
    Act::CreateFirstOperators { names, links: [key(AOI), key(REN)], expires_at, among_members }
}

pub(crate) fn operator(world: &World, name: &str, roles: &[Role], link: i64) -> Act {
    let (name, roles, link) = (name.to_owned(), Roles::of(roles), key(link));
    Act::CreateOperator { name, roles, link, expires_at: world.now.plus_ms(OPERATOR_LINK_MS) }
}

pub(crate) fn add(link: i64, lookup: i64) -> Act {
    let secret = Sealed(vec![9; 100]);
    Act::AddPasskey { link: key(link), lookup: key(lookup), secret }
}

pub(crate) fn sign_in(passkey: i64, counter: i64) -> Act {
    Act::OpenSession { passkey: key(passkey), counter, key: [5; 32] }
}

pub(crate) fn pin(byte: u8) -> Sealed {
    Sealed(vec![byte; 96])
}

pub(crate) fn clerk(store: i64, name: &str) -> Act {
    Act::CreateClerk { store: StoreNumber(store), name: name.to_owned(), pin: pin(1) }
}

pub(crate) fn tried(terminal: i64, number: i64, byte: u8, right: bool) -> Act {
    let (terminal, clerk) = (TerminalNumber(terminal), ClerkNumber(number));
    Act::SignInClerk { terminal, clerk, tried: pin(byte).digest(), right, key: [7; 32] }
}

impl Office {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        world.act(Act::FreezeMember(ONE));
        let until = world.now.plus_ms(OPERATOR_LINK_MS);
        world.act(first(["Aoi", "Ren"], until, true));
        let mut office = Self { world, sessions: BTreeMap::new(), requests: 0 };
        office.register(AOI);
        office.register(REN);
        for (number, name, role) in [(EMI, "Emi", Role::Support), (SORA, "Sora", Role::Auditor)] {
            let act = operator(&office.world, name, &[role], number);
            office.by_two(act);
            office.world.act(add(number, number));
            office.done(REN, Deed::ConfirmPasskey(key(number)));
            office.sign_in(number);
        }
        office.ask(AOI, Deed::Act(clerk(1, "Yui")));
        office
    }

    pub(crate) fn register(&mut self, number: i64) {
        self.world.act(add(number, number));
        self.sign_in(number);
    }

    fn sign_in(&mut self, number: i64) {
        let session = self.world.act(sign_in(number, 0)).id;
        self.sessions.insert(number, session);
    }

    pub(crate) fn operate(&mut self, number: i64, deed: Deed) -> Operate {
        self.requests += 1;
        let request = RequestId([self.requests, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        let session = self.sessions.get(&number).copied().unwrap_or(FactId(7));
        Operate { request, session, reason: "because".to_owned(), deed }
    }

    pub(crate) fn run(&mut self, operate: Operate) -> Decision {
        self.world.run(&[Command::Operate(operate)]).remove(0)
    }

    /// What an operator hears.
    pub(crate) fn ask(&mut self, number: i64, deed: Deed) -> String {
        let operate = self.operate(number, deed);
        let answer = self.run(operate);
        self.world.say(&answer)
    }

    /// An event that must be booked.
    pub(crate) fn done(&mut self, number: i64, deed: Deed) -> Event {
        let operate = self.operate(number, deed);
        match self.run(operate) {
            Decision::Done(Outcome::Done { event, replayed: false }) => event,
            other => panic!("a deed must be done: {other:?}"),
        }
    }

    pub(crate) fn propose(&mut self, number: i64, act: Act) -> FactId {
        self.done(number, Deed::Propose(act)).id
    }

    pub(crate) fn approved(&mut self, act: Act) -> FactId {
        let proposal = self.propose(AOI, act);
        self.done(REN, Deed::Approve(proposal));
        proposal
    }

    pub(crate) fn by_two(&mut self, act: Act) -> Event {
        let proposal = self.approved(act.clone());
        self.done(AOI, Deed::Act(Act::Agreed(proposal, Box::new(act))))
    }

    /// What the host hears.
    pub(crate) fn host(&mut self, act: Act) -> String {
        let command = self.world.administer(act);
        let answer = self.world.run(&[command]).remove(0);
        self.world.say(&answer)
    }

    pub(crate) fn wait(&mut self, ms: i64) {
        self.world.now = self.world.now.plus_ms(ms);
    }

    pub(crate) fn state(&self, proposal: FactId) -> ProposalState {
        self.world.directory.staff.proposals[&proposal].state_at(self.world.now)
    }

    pub(crate) fn row(&self) -> &Clerk {
        &self.world.staff.clerks[&ClerkNumber(1)]
    }
}

pub(crate) fn unfreeze() -> Act {
    Act::UnfreezeMember(ONE)
}

pub(crate) fn agreed(proposal: FactId, act: Act) -> Act {
    Act::Agreed(proposal, Box::new(act))
}

pub(crate) const ROLE: &str = "refused operator_must_have_the_role";
pub(crate) const PROPOSE: &str = "refused act_takes_a_proposal";
pub(crate) const STALE: &str = "refused verification_must_be_fresh";
pub(crate) const NOT_OPEN: &str = "refused proposal_must_be_open";
pub(crate) const NOT_APPROVED: &str = "refused proposal_must_be_approved";
pub(crate) const OVER: &str = "refused staff_session_must_be_open";
const LINK: &str = "refused operator_link_must_be_valid";
pub(crate) const NOBODY: &str = "refused operator_must_be_active";
pub(crate) const PASSKEY: &str = "refused passkey_must_be_active";
pub(crate) const NO_CLERK: &str = "refused clerk_must_be_active";

/// One case: what happens, and what is said then.
pub(crate) type Case = (fn(&mut Office) -> String, &'static str);

fn alone() -> Vec<Case> {
    vec![
        (|o| o.ask(EMI, Deed::Act(Act::FreezeMember(ONE))), "member_frozen"),
        (|o| o.ask(SORA, Deed::Act(Act::FreezeMember(ONE))), ROLE),
        (|o| o.ask(EMI, Deed::Act(Act::CreateMerchant("K".to_owned()))), ROLE),
        (|o| o.ask(AOI, Deed::Act(Act::CreateMerchant("K".to_owned()))), "merchant_created"),
        (|o| o.ask(AOI, Deed::Act(Act::CreateMember)), ROLE),
        (|o| o.ask(AOI, Deed::Act(unfreeze())), PROPOSE),
        (|o| o.host(unfreeze()), PROPOSE),
        (|o| o.host(Act::ResumeTerminal(TerminalNumber(1))), PROPOSE),
        (|o| o.host(Act::OpenSwitch(Capability::Payment, Scope::Everything, 0)), PROPOSE),
        (|o| o.host(Act::OpenBook), PROPOSE),
        (|o| o.host(Act::EndOperator(OperatorNumber(EMI))), PROPOSE),
        (|_| World::new().said_of_host(Act::EndOperator(OperatorNumber(EMI))), PROPOSE),
        (|_| World::new().said_of_host(Act::OpenBook), PROPOSE),
        (
            |o| {
                o.wait(FRESH_MS_MAX);
                o.ask(EMI, Deed::Act(Act::FreezeMember(ONE)))
            },
            "member_frozen",
        ),
        (
            |o| {
                o.wait(FRESH_MS_MAX);
                o.ask(AOI, Deed::Act(Act::CreateMerchant("K".to_owned())))
            },
            STALE,
        ),
        (
            |o| {
                o.wait(FRESH_MS_MAX);
                o.done(AOI, Deed::Verify(key(AOI), 0));
                o.ask(AOI, Deed::Act(Act::CreateMerchant("K".to_owned())))
            },
            "merchant_created",
        ),
    ]
}

fn proposals() -> Vec<Case> {
    vec![
        (|o| o.ask(EMI, Deed::Propose(unfreeze())), "proposed"),
        (|o| o.ask(SORA, Deed::Propose(unfreeze())), ROLE),
        (|o| o.ask(AOI, Deed::Propose(Act::FreezeMember(ONE))), ROLE),
        (|o| o.ask(EMI, Deed::Propose(Act::EndOperator(OperatorNumber(SORA)))), ROLE),
        (|o| o.ask(AOI, Deed::Approve(FactId(5))), NOT_OPEN),
        (
            |o| {
                let mut operate = o.operate(AOI, Deed::Propose(unfreeze()));
                operate.reason.clear();
                let answer = o.run(operate);
                o.world.say(&answer)
            },
            "refused actor_and_reason_must_be_given",
        ),
        (
            |o| {
                let name = "x".repeat(2000);
                let act = operator(&o.world, &name, &[Role::Risk], 9);
                o.ask(AOI, Deed::Propose(act))
            },
            "refused name_must_be_short",
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.ask(AOI, Deed::Approve(proposal))
            },
            "refused proposer_must_not_approve",
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.ask(EMI, Deed::Approve(proposal))
            },
            "proposal_approved",
        ),
        (
            |o| {
                let proposal = o.propose(AOI, Act::EndOperator(OperatorNumber(SORA)));
                o.ask(EMI, Deed::Approve(proposal))
            },
            ROLE,
        ),
    ]
}

fn decisions() -> Vec<Case> {
    vec![
        (
            |o| {
                let proposal = o.propose(AOI, Act::EndOperator(OperatorNumber(SORA)));
                o.ask(EMI, Deed::Refuse(proposal))
            },
            ROLE,
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.ask(AOI, Deed::Refuse(proposal))
            },
            "proposal_refused",
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.done(REN, Deed::Refuse(proposal));
                o.ask(EMI, Deed::Approve(proposal))
            },
            NOT_OPEN,
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.ask(EMI, Deed::Refuse(proposal))
            },
            NOT_OPEN,
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.wait(FRESH_MS_MAX);
                o.ask(REN, Deed::Approve(proposal))
            },
            STALE,
        ),
        (
            |o| {
                for _ in 0..PROPOSALS_OPEN_MAX {
                    o.propose(AOI, unfreeze());
                }
                o.ask(AOI, Deed::Propose(unfreeze()))
            },
            "refused proposals_must_be_few",
        ),
    ]
}

fn carried_out() -> Vec<Case> {
    vec![
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.ask(EMI, Deed::Act(agreed(proposal, unfreeze())))
            },
            "member_unfrozen",
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.host(agreed(proposal, unfreeze()))
            },
            "member_unfrozen",
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.ask(SORA, Deed::Act(agreed(proposal, unfreeze())))
            },
            ROLE,
        ),
        (
            |o| {
                let proposal = o.propose(AOI, unfreeze());
                o.ask(AOI, Deed::Act(agreed(proposal, unfreeze())))
            },
            NOT_APPROVED,
        ),
        (|o| o.host(agreed(FactId(3), unfreeze())), NOT_APPROVED),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.host(agreed(proposal, unfreeze()));
                o.host(agreed(proposal, unfreeze()))
            },
            NOT_APPROVED,
        ),
    ]
}

fn held_back() -> Vec<Case> {
    vec![
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.wait(UNFREEZE_WAIT_MS + PROPOSAL_MS);
                assert_eq!(o.state(proposal), ProposalState::Expired);
                o.host(agreed(proposal, unfreeze()))
            },
            NOT_APPROVED,
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.host(agreed(proposal, Act::UnfreezeMember(MemberNumber(2))))
            },
            "refused proposal_must_be_of_this_act",
        ),
        (
            |o| {
                let proposal = o.approved(unfreeze());
                o.host(agreed(proposal, Act::FreezeMember(ONE)))
            },
            "refused proposal_must_be_of_this_act",
        ),
        (
            |o| {
                let proposal = o.propose(EMI, unfreeze());
                o.done(AOI, Deed::Approve(proposal));
                o.by_two(Act::EndOperator(OperatorNumber(EMI)));
                o.host(agreed(proposal, unfreeze()))
            },
            NOBODY,
        ),
        (
            |o| {
                let proposal = o.propose(EMI, unfreeze());
                o.done(AOI, Deed::Approve(proposal));
                let auditor = Roles::of(&[Role::Auditor]);
                o.by_two(Act::ChangeRoles(OperatorNumber(EMI), auditor));
                o.host(agreed(proposal, unfreeze()))
            },
            ROLE,
        ),
        (
            |o| {
                let proposal = o.approved(Act::OpenBook);
                o.host(agreed(proposal, Act::OpenBook))
            },
            "book_opened",
        ),
    ]
}

pub(crate) fn said(o: &mut Office, act: Act) -> String {
    let proposal = o.approved(act.clone());
    o.ask(AOI, Deed::Act(agreed(proposal, act)))
}

fn operators() -> Vec<Case> {
    let comes_first = "refused first_operators_must_come_first";
    vec![
        (|_| World::new().said_of_first(["A", "B"], 1, true), "first_operators_created"),
        (
            |_| World::new().said_of_first(["A", "B"], 1, false),
            "refused first_operators_must_come_first",
        ),
        (
            |_| World::new().said_of_first(["A", " a"], 1, true),
            "refused reopening_takes_two_people",
        ),
        (|_| World::new().said_of_first(["A", ""], 1, true), "refused name_must_be_short"),
        (|_| World::new().said_of_first(["A", "B"], 0, true), LINK),
        (|_| World::new().said_of_first(["A", "B"], OPERATOR_LINK_MS + 1, true), LINK),
        (
            |o| {
                let until = o.world.now.plus_ms(1);
                o.host(first(["C", "D"], until, true))
            },
            comes_first,
        ),
        (
            |o| {
                let act = operator(&o.world, "Mio", &[Role::Finance], 9);
                said(o, act)
            },
            "operator_created",
        ),
        (
            |o| {
                let act = operator(&o.world, "Mio", &[], 9);
                said(o, act)
            },
            "refused roles_must_fit",
        ),
        (
            |o| {
                let act = operator(&o.world, "Mio", &[Role::Auditor, Role::Admin], 9);
                said(o, act)
            },
            "refused roles_must_fit",
        ),
        (|o| said(o, Act::ChangeRoles(OperatorNumber(EMI), Roles::NONE)), "refused roles_must_fit"),
    ]
}

fn links() -> Vec<Case> {
    vec![
        (
            |o| said(o, Act::ChangeRoles(OperatorNumber(EMI), Roles::WORKING)),
            "operator_roles_changed",
        ),
        (
            |o| said(o, Act::ChangeRoles(OperatorNumber(AOI), Roles::of(&[Role::Risk]))),
            "refused admins_must_remain",
        ),
        (|o| said(o, Act::EndOperator(OperatorNumber(REN))), "refused admins_must_remain"),
        (|o| said(o, Act::EndOperator(OperatorNumber(9))), NOBODY),
        (|o| said(o, Act::EndPasskey(key(EMI))), "operator_passkey_ended"),
        (|o| said(o, Act::EndPasskey(key(9))), PASSKEY),
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.by_two(Act::LinkOperator(OperatorNumber(EMI), key(8), until));
                o.host(add(8, 8))
            },
            "operator_passkey_added",
        ),
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.by_two(Act::LinkOperator(OperatorNumber(EMI), key(8), until));
                o.host(add(8, AOI))
            },
            "refused passkey_must_be_new",
        ),
        (|o| o.host(add(AOI, 8)), LINK),
        (|o| o.host(add(9, 8)), LINK),
        (
            |o| {
                let until = o.world.now.plus_ms(OPERATOR_LINK_MS);
                o.by_two(Act::LinkOperator(OperatorNumber(EMI), key(8), until));
                o.wait(OPERATOR_LINK_MS);
                o.host(add(8, 8))
            },
            LINK,
        ),
    ]
}

impl World {
    pub(crate) fn said_of_host(mut self, act: Act) -> String {
        let command = self.administer(act);
        let answer = self.run(&[command]).remove(0);
        self.say(&answer)
    }

    fn said_of_first(self, names: [&str; 2], ms: i64, among_members: bool) -> String {
        let until = self.now.plus_ms(ms);
        self.said_of_host(first(names, until, among_members))
    }
}

/// Every case as `(what was said, what should be)`.
pub(crate) fn all() -> Vec<(String, &'static str)> {
    let cases = [
        alone(),
        proposals(),
        decisions(),
        carried_out(),
        held_back(),
        operators(),
        links(),
        staff_links::renewals(),
        staff_links::confirmations(),
        staff_links::voided(),
        staff_sessions::sessions(),
        staff_sessions::sessions_end(),
        staff_sessions::clerks(),
    ];
    cases
        .into_iter()
        .flatten()
        .map(|(said, expected)| (said(&mut Office::new()), expected))
        .collect()
}

#[test]
fn every_deed_is_answered_as_it_says() {
    for (place, (said, expected)) in all().into_iter().enumerate() {
        assert_eq!(said, expected, "case {place}");
    }
}
