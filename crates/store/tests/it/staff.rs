//! Operators, proposals, sessions and clerks: what a commit keeps, verify rebuilds; and what must
//! happen once happens once, on two nodes too.

use std::sync::Arc;

use yaoki_core::clerk::Clerk;
use yaoki_core::command::{Act, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Event, OperationKind};
use yaoki_core::ids::{
    ClerkNumber, FactId, MemberNumber, OperatorNumber, StoreNumber, TerminalNumber,
};
use yaoki_core::operator::{OPERATOR_LINK_MS, Operator, OperatorPasskey, Role, Roles, Sealed};
use yaoki_core::proposal::{Proposal, ProposalState};
use yaoki_core::refusal::Refusal;
use yaoki_core::row::Value;
use yaoki_core::session::{ClerkToken, StaffSession};
use yaoki_core::staff::{Deed, Operate};
use yaoki_store::conn::Purpose;
use yaoki_store::testing::TestBook;
use yaoki_store::{Answer, Conn, on_both_storages, read, sql};

use crate::lanes::two_nodes::nodes;
use crate::races::{at_once, closed_and_clean};
use crate::verify::{must_be_clean, report};

const ONE: MemberNumber = MemberNumber(1);

fn unfreeze() -> Act {
    Act::UnfreezeMember(ONE)
}

fn operate(book: &TestBook, session: FactId, deed: Deed) -> Command {
    let (request, reason) = (book.request(), "a test".to_owned());
    Command::Operate(Operate { request, session, reason, deed })
}

fn done(book: &TestBook, command: Command) -> Event {
    match book.decided(command) {
        Outcome::Done { event, replayed: false } => event,
        other => panic!("not done: {other:?}"),
    }
}

/// The first two operators, and a session of each.
fn staffed(book: &TestBook) -> [FactId; 2] {
    let expires_at = book.clock.now().plus_ms(OPERATOR_LINK_MS);
    let names = ["Aoi", "Ren"].map(str::to_owned);
    let links = [[1; 32], [2; 32]];
    book.administer(Act::CreateFirstOperators { names, links, expires_at, among_members: true });
    [1, 2].map(|number| {
        let secret = Sealed(vec![number; 200]);
        book.administer(Act::AddPasskey { link: [number; 32], lookup: [number; 32], secret });
        let (passkey, key) = ([number; 32], [7; 32]);
        book.administer(Act::OpenSession { passkey, counter: 1, key }).id
    })
}

fn approved(book: &TestBook, [aoi, ren]: [FactId; 2], act: Act) -> FactId {
    let proposal = done(book, operate(book, aoi, Deed::Propose(act))).id;
    done(book, operate(book, ren, Deed::Approve(proposal)));
    proposal
}

fn agreed(proposal: FactId, act: Act) -> Act {
    Act::Agreed(proposal, Box::new(act))
}

fn state(book: &TestBook, id: FactId) -> ProposalState {
    let row = book.book.read_and_wait(move |conn| read::staff::proposal(conn, id));
    row.expect("it can be read").expect("it is there").state
}

/// Something of everything that staff does.
fn live(book: &TestBook) {
    let sessions = staffed(book);
    let [aoi, ren] = sessions;
    book.administer(Act::FreezeMember(ONE));
    let proposal = approved(book, sessions, unfreeze());
    done(book, operate(book, aoi, Deed::Act(agreed(proposal, unfreeze()))));
    let refused = done(book, operate(book, aoi, Deed::Propose(unfreeze()))).id;
    done(book, operate(book, ren, Deed::Refuse(refused)));
    let expires_at = book.clock.now().plus_ms(OPERATOR_LINK_MS);
    let (name, roles) = ("Emi".to_owned(), Roles::of(&[Role::Support]));
    let act = Act::CreateOperator { name, roles, link: [3; 32], expires_at };
    let proposal = approved(book, sessions, act.clone());
    done(book, operate(book, aoi, Deed::Act(agreed(proposal, act))));
    let secret = Sealed(vec![3; 200]);
    book.administer(Act::AddPasskey { link: [3; 32], lookup: [3; 32], secret });
    done(book, operate(book, ren, Deed::ConfirmPasskey([3; 32])));
    // What was agreed on before another freeze is void.
    approved(book, sessions, unfreeze());
    book.administer(Act::FreezeMember(ONE));
    done(book, operate(book, aoi, Deed::Verify([1; 32], 2)));
    let (store, pin) = (StoreNumber(1), Sealed(vec![5; 96]));
    let clerk = Act::CreateClerk { store, name: "Yui".to_owned(), pin: pin.clone() };
    done(book, operate(book, aoi, Deed::Act(clerk)));
    for right in [false, true] {
        let (terminal, clerk) = (TerminalNumber(1), ClerkNumber(1));
        let tried = pin.digest();
        let key = [7; 32];
        let tried = book.administer(Act::SignInClerk { terminal, clerk, tried, right, key });
        if right {
            let token = ClerkToken { clerk, session: tried.id, key };
            let paid = book.paid(MemberNumber(2), 1, 100);
            let mut refund = book.settle(book.ask(1, 2), OperationKind::Refund, paid.id, 60);
            let Command::Settle(settle) = &mut refund else { unreachable!("it settles") };
            settle.clerk = Some(token);
            assert!(book.operation(refund).succeeded());
            book.administer(Act::SignOutClerk(terminal, token));
        }
    }
    done(book, operate(book, aoi, Deed::EndSessions(OperatorNumber(2))));
    done(book, operate(book, aoi, Deed::EndSession(aoi)));
}

on_both_storages! {
    fn what_staff_did_is_rebuilt_by_verify(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        live(&book);
        let operators = book.book.read_and_wait(read::staff::operators);
        assert_eq!(operators.expect("they can be read").len(), 3);
        book.book.close();
        must_be_clean(db);
    }

    fn a_row_of_staff_that_was_changed_is_found(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        live(&book);
        book.book.close();
        let conn = &mut db.connect(Purpose::Admin);
        let row = read::staff::passkey(conn, [1; 32]).unwrap().unwrap();
        let thief = OperatorPasskey { secret: Sealed(vec![9; 200]), ..row.clone() };
        conn.upsert(&[&thief]).unwrap();
        assert_eq!(report(db, &[]).first().map(|found| found.table), Some("operator_passkey"));
        conn.upsert(&[&row]).unwrap();
        let row = read::staff::clerk(conn, ClerkNumber(1)).unwrap().unwrap();
        conn.upsert(&[&Clerk { pin: Sealed(vec![1; 96]), ..row.clone() }]).unwrap();
        assert_eq!(report(db, &[]).first().map(|found| found.table), Some("clerk"));
        conn.upsert(&[&row]).unwrap();
        let row = read::staff::operator(conn, OperatorNumber(3)).unwrap().unwrap();
        let raised = Operator { roles: Roles::WORKING, ..row.clone() };
        conn.upsert(&[&raised]).unwrap();
        assert_eq!(report(db, &[]).first().map(|found| found.table), Some("operator"));
        conn.upsert(&[&row]).unwrap();
        let newest = read::staff::proposals(conn, FactId(i64::MAX), 1).unwrap().remove(0);
        let again = Proposal { state: ProposalState::Approved, ..newest.clone() };
        conn.upsert(&[&again]).unwrap();
        assert_eq!(report(db, &[]).first().map(|found| found.table), Some("proposal"));
        conn.upsert(&[&newest]).unwrap();
        let ended = ended_session(conn);
        conn.upsert(&[&StaffSession { ended: FactId::NONE, ..ended.clone() }]).unwrap();
        assert_eq!(report(db, &[]).first().map(|found| found.table), Some("staff_session"));
        conn.upsert(&[&ended]).unwrap();
        must_be_clean(db);
    }

    fn a_proposal_is_used_in_the_commit_of_its_act_and_its_repeat_hears_the_same(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 2);
        let sessions = staffed(&book);
        book.administer(Act::FreezeMember(ONE));
        let proposal = approved(&book, sessions, unfreeze());
        let command = operate(&book, sessions[0], Deed::Act(agreed(proposal, unfreeze())));
        let event = done(&book, command.clone());
        assert_eq!(state(&book, proposal), ProposalState::Used);
        let Outcome::Done { event: again, replayed: true } = book.decided(command.clone()) else {
            panic!("it is a repeat")
        };
        assert_eq!(again, event);
        // After a crash and a new start nothing is remembered but what the book says.
        let book = book.reopened(&db.database, |_| {});
        let Outcome::Done { event: again, replayed: true } = book.decided(command) else {
            panic!("it is a repeat")
        };
        assert_eq!(again, event);
        let other = operate(&book, sessions[1], Deed::Act(agreed(proposal, unfreeze())));
        assert_eq!(refused(&book.submit(other)), Some(Refusal::ProposalMustBeApproved));
    }
}

fn ended_session(conn: &mut Conn) -> StaffSession {
    let range = [Value::Int(0), Value::Int(100)];
    let rows: Vec<StaffSession> = conn.query(&sql::STAFF_SESSIONS_AFTER, &range).unwrap();
    rows.into_iter().find(|row| row.ended.is_some()).expect("one was ended")
}

fn refused(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Refused(refused) => Some(refused.refusal),
        _ => None,
    }
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer, Answer::Decided(Outcome::Done { replayed: false, .. }))
}

// one storage: two nodes need PostgreSQL
#[test]
fn two_nodes_that_use_one_proposal_at_once_use_it_once() {
    let Some((database, one, two)) = nodes("proposal_race") else { return };
    let sessions = staffed(&one);
    for round in 0..10 {
        one.administer(Act::FreezeMember(ONE));
        let proposal = approved(&one, sessions, unfreeze());
        let use_by = |book: &Arc<TestBook>, session| {
            operate(book, session, Deed::Act(agreed(proposal, unfreeze())))
        };
        let (first, second) = (use_by(&one, sessions[0]), use_by(&two, sessions[1]));
        let ended = at_once((&one, first), (&two, second));
        assert_eq!(ended.iter().filter(|answer| is_done(answer)).count(), 1, "round {round}");
        let loser = ended.iter().find_map(refused);
        assert_eq!(loser, Some(Refusal::ProposalMustBeApproved), "round {round}");
        assert_eq!(state(&one, proposal), ProposalState::Used);
    }
    closed_and_clean(&database, one, two);
}

// one storage: two nodes need PostgreSQL
#[test]
fn an_approval_and_a_refusal_on_two_nodes_end_in_exactly_one_of_the_two() {
    let Some((database, one, two)) = nodes("approval_race") else { return };
    let [aoi, ren] = staffed(&one);
    for round in 0..10 {
        let proposal = done(&one, operate(&one, aoi, Deed::Propose(unfreeze()))).id;
        let approve = operate(&one, ren, Deed::Approve(proposal));
        let refuse = operate(&two, aoi, Deed::Refuse(proposal));
        let ended = at_once((&one, approve), (&two, refuse));
        assert_eq!(ended.iter().filter(|answer| is_done(answer)).count(), 1, "round {round}");
        let loser = ended.iter().find_map(refused);
        assert_eq!(loser, Some(Refusal::ProposalMustBeOpen), "round {round}");
    }
    closed_and_clean(&database, one, two);
}

// one storage: two nodes need PostgreSQL
#[test]
fn five_wrong_pins_on_two_nodes_lock_the_clerk() {
    let Some((database, one, two)) = nodes("pin_race") else { return };
    let [aoi, _] = staffed(&one);
    let (store, pin) = (StoreNumber(1), Sealed(vec![5; 96]));
    let clerk = Act::CreateClerk { store, name: "Yui".to_owned(), pin: pin.clone() };
    done(&one, operate(&one, aoi, Deed::Act(clerk)));
    let wrong = || Act::SignInClerk {
        terminal: TerminalNumber(1),
        clerk: ClerkNumber(1),
        tried: pin.digest(),
        right: false,
        key: [7; 32],
    };
    let mut booked = 0;
    for _ in 0..4 {
        let ended = at_once((&one, one.act(wrong())), (&two, two.act(wrong())));
        booked += ended.iter().filter(|answer| is_done(answer)).count();
        if let Some(refusal) = ended.iter().find_map(refused) {
            assert_eq!(refusal, Refusal::ClerkIsLocked);
        }
    }
    assert_eq!(booked, 5, "no wrong PIN is lost, and none is taken after the fifth");
    closed_and_clean(&database, one, two);
}
