//! Promises of lanes: one commit a batch, two nodes at once, closed means closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use yaoki_core::command::{Act, Ask, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::ids::{FactId, MemberNumber, StoreNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::Instant;
use yaoki_store::testing::{TestBook, answers_of};
use yaoki_store::{Answer, Conn, Part, Unknown, on_both_storages, read};

use crate::holders::wait_until_blocked;

const MEMBER: MemberNumber = MemberNumber(1);

on_both_storages! {
    fn a_payment_moves_money_once_and_is_on_the_statement(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let operation = book.paid(MEMBER, 1, 1500);
        assert_eq!(book.member(MEMBER).money, 98_500);
        let recent = |conn: &mut Conn| read::recent(conn, StoreNumber(1), None, None, 10);
        let listed = book.book.read_and_wait(recent).expect("it can be listed");
        assert_eq!(listed.operations[0], operation);
        let history = book.book.read_and_wait(move |conn| read::payment(conn, operation.id));
        assert_eq!(history.expect("it can be read").expect("it is there").operations.len(), 1);
    }

    fn fifty_threads_with_one_request_id_are_one_charge(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let command = book.pay(book.ask(1, 1), &book.code(MEMBER), 100, None);
        let fresh = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| match book.decided(command.clone()) {
                    Outcome::Decided { operation, replayed, .. } => {
                        assert!(operation.succeeded());
                        fresh.fetch_add(usize::from(!replayed), Ordering::SeqCst);
                    }
                    other => panic!("{other:?}"),
                });
            }
        });
        assert_eq!((fresh.into_inner(), book.member(MEMBER).money), (1, 99_900));
    }

    fn one_request_id_with_two_members_codes_is_one_charge(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 8);
        for _ in 0..20 {
            let ask = book.ask(1, 1);
            let before: i64 = (1..=8).map(|n| book.member(MemberNumber(n)).money).sum();
            let commands: Vec<_> = (1..=8)
                .map(|n| {
                    let mut ask = ask;
                    ask.fingerprint = [u8::try_from(n).expect("small"); 16];
                    book.pay(ask, &book.code(MemberNumber(n)), 10, None)
                })
                .collect();
            let paid = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for command in &commands {
                    scope.spawn(|| match book.submit(command.clone()) {
                        Answer::Decided(Outcome::Decided { replayed: false, .. }) => {
                            paid.fetch_add(1, Ordering::SeqCst);
                        }
                        Answer::Refused(refused) => {
                            assert_eq!(refused.refusal, Refusal::RequestIdHasAnotherMeaning);
                            assert!(refused.first.is_some());
                        }
                        other => panic!("{other:?}"),
                    });
                }
            });
            let after: i64 = (1..=8).map(|n| book.member(MemberNumber(n)).money).sum();
            assert_eq!((paid.into_inner(), before - after), (1, 10));
        }
    }

    fn a_query_of_an_unseen_request_is_not_seen_and_only_reverse_settles_it(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let ask = book.ask(1, 1);
        let late = book.pay(ask, &book.code(MEMBER), 100, None);
        assert_eq!(book.decided(Command::Query(ask.caller)), Outcome::NotSeen);
        let reversed = book.operation(book.reverse(book.ask(1, 2), ask.caller.key.request));
        assert_eq!((reversed.refusal, reversed.effect), (0, Effect::NeverSeen));
        let original = book.operation(late);
        assert_eq!(original.refusal, Refusal::ReversedBeforeArrival.number());
        assert_eq!(book.member(MEMBER).money, 100_000);
    }

    fn a_hold_is_captured_once_and_the_rest_is_released(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let held = book.operation(book.pay(book.ask(1, 1), &book.code(MEMBER), 5000, Some(600)));
        assert_eq!((book.member(MEMBER).money, book.member(MEMBER).held), (100_000, 5000));
        let capture = book.settle(book.ask(1, 2), OperationKind::Capture, held.id, 3000);
        assert!(book.operation(capture).succeeded());
        assert_eq!((book.member(MEMBER).money, book.member(MEMBER).held), (97_000, 0));
        let again = book.settle(book.ask(1, 3), OperationKind::Capture, held.id, 1);
        assert_eq!(book.operation(again).refusal, Refusal::AlreadyCaptured.number());
    }

    fn a_lapsed_hold_is_listed_for_the_sweeper_and_released_once(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let held = book.operation(book.pay(book.ask(1, 1), &book.code(MEMBER), 5000, Some(600)));
        book.clock.advance_ms(601_000);
        let now = book.clock.now();
        let lapsed = book.book.read_and_wait(move |conn| read::lapsed_holds(conn, now, 10));
        assert_eq!(lapsed.expect("it can be listed"), [held.id]);
        for _ in 0..2 {
            assert!(book.operation(Command::ExpireHold(held.id)).succeeded());
        }
        assert_eq!(book.member(MEMBER).held, 0);
        let lapsed = book.book.read_and_wait(move |conn| read::lapsed_holds(conn, now, 10));
        assert_eq!(lapsed.expect("it can be listed"), Vec::<FactId>::new());
    }

    fn a_command_past_its_deadline_is_not_run_and_never_will_be(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let command = book.pay(book.ask(1, 1), &book.code(MEMBER), 100, None);
        let answer = book.book.submit_and_wait(Part::Money, command, book.clock.now());
        assert!(matches!(answer, Answer::Unknown(Unknown::DeadlinePassed)));
        assert_eq!(book.member(MEMBER).money, 100_000);
    }

    fn a_closed_switch_stops_payments_and_lets_money_come_back(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let paid = book.paid(MEMBER, 1, 700);
        let everything = Act::CloseSwitch(Capability::Payment, Scope::Everything, 0, Instant(0));
        book.administer(everything);
        let refused = book.operation(book.pay(book.ask(1, 1), &book.code(MEMBER), 1, None));
        assert_eq!(refused.refusal, Refusal::PaymentsAreClosed.number());
        let refund = book.settle(book.ask(1, 2), OperationKind::Refund, paid.id, 200);
        assert!(book.operation(refund).succeeded());
        let reverse = book.reverse(book.ask(1, 3), paid.request_id);
        assert_eq!(book.operation(reverse).amount, 500);
        book.administer(Act::OpenSwitch(Capability::Payment, Scope::Everything, 0));
        book.paid(MEMBER, 1, 1);
    }

    fn a_command_that_panics_in_decide_costs_its_neighbours_nothing(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 8).reopened(&db.database, |node| node.lanes = 1);
        let poison = book.settle(book.ask(1, 1), OperationKind::Pay, FactId(1), 1);
        let mut commands: Vec<_> = (1..=8)
            .map(|n| book.pay(book.ask(1, 1), &book.code(MemberNumber(n)), 10, None))
            .collect();
        commands.insert(4, poison.clone());
        let before = counted(&book);
        let held = db.hold_lanes(&book.book, "first");
        let started = book.start_all(commands);
        held.release();
        let answers = answers_of(started);
        let paid = answers.iter().filter(|answer| succeeded(answer));
        assert_eq!(paid.count(), 8);
        assert!(matches!(answers[4], Answer::Unknown(Unknown::Poisoned)));
        // What the lane waited with, and one batch of nine.
        let after = counted(&book);
        assert_eq!((after.batches - before.batches, after.commands - before.commands), (2, 10));
        // The request id is refused for ten minutes, without another panic.
        assert_eq!(book.unknown(poison), Unknown::Poisoned);
        book.paid(MEMBER, 1, 10);
    }

    fn a_batch_that_holds_a_payment_and_its_own_reverse_ends_in_one_of_two_ways(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 4);
        for reverse_first in [false, true] {
            let ask = book.ask(1, 1);
            let mut commands = vec![
                book.pay(ask, &book.code(MEMBER), 10, None),
                Command::Query(ask.caller),
                book.reverse(book.ask(1, 2), ask.caller.key.request),
            ];
            if reverse_first {
                commands.reverse();
            }
            let answers = book.submit_all(commands);
            assert!(answers.iter().all(|answer| matches!(answer, Answer::Decided(_))));
            assert_eq!(book.member(MEMBER).money, 100_000);
        }
    }

    fn what_was_committed_is_there_after_the_book_is_opened_again(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let paid = book.paid(MEMBER, 1, 700);
        let clock = book.clock.clone();
        drop(book);
        let book = TestBook::open(&db.database, clock, "first");
        assert_eq!(book.member(MEMBER).money, 99_300);
        let reverse = book.reverse(book.ask(1, 3), paid.request_id);
        assert_eq!(book.operation(reverse).amount, 700);
    }

    fn balances_of_shops_and_of_the_system_follow_the_ledger(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        for _ in 0..5 {
            book.paid(MEMBER, 1, 100);
            book.paid(MemberNumber(2), 3, 10);
        }
        let wanted = [("store:1", 500), ("store:2", 50), ("funding", -200_000), ("suspense", 0)];
        for (account, amount) in wanted {
            assert_eq!(settled_balance(&book, account), amount, "{account}");
        }
    }
}

/// What a node has counted.
struct Counted {
    batches: u64,
    commands: u64,
    conflicts: u64,
}

fn counted(book: &TestBook) -> Counted {
    let counters = book.book.counters();
    Counted {
        batches: counters.batches.load(Ordering::SeqCst),
        commands: counters.commands.load(Ordering::SeqCst),
        conflicts: counters.conflicts.load(Ordering::SeqCst),
    }
}

fn succeeded(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Decided(Outcome::Decided { operation, .. }) if operation.succeeded()
    )
}

/// The balance of an account once every lane has passed the present.
fn settled_balance(book: &TestBook, account: &str) -> i64 {
    let account = yaoki_core::account::Account::parse(account).expect("it is an account");
    // The clock stood still while two lanes took turns, each a millisecond after the other.
    book.clock.advance_ms(5_000);
    let as_of = book.clock.now();
    book.clock.advance_ms(2_000);
    for _ in 0..200 {
        let asked = book.book.read_and_wait(move |conn| read::balance(conn, account, Some(as_of)));
        if let read::AsOf::Answer(balance) = asked.expect("balances can be read") {
            return balance.amount;
        }
        book.clock.advance_ms(1_000);
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("the watermark stands still");
}

/// Two nodes of one book: PostgreSQL only, because an SQLite file belongs to one process.
pub(crate) mod two_nodes {
    use super::*;
    use yaoki_core::state::Lane;
    use yaoki_store::conn::{LockMode, Purpose};
    use yaoki_store::testing::TestDatabase;

    pub(crate) fn nodes(name: &str) -> Option<(TestDatabase, Arc<TestBook>, Arc<TestBook>)> {
        let database = TestDatabase::postgres(name)?;
        let one = TestBook::create(&database.database, 8);
        let two = TestBook::open(&database.database, one.clock.clone(), "second");
        Some((database, Arc::new(one), Arc::new(two)))
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn a_reverse_and_its_original_on_two_nodes_end_in_exactly_one_of_two_ways() {
        let Some((_database, one, two)) = nodes("reverse_race") else { return };
        for round in 0..40 {
            let member = MemberNumber(1 + round % 8);
            let ask = one.ask(1, 1);
            let before = one.member(member).money;
            let pay = one.pay(ask, &one.code(member), 10, None);
            let reverse = two.reverse(two.ask(1, 2), ask.caller.key.request);
            let (paid, reversed) = std::thread::scope(|scope| {
                let paid = scope.spawn(|| one.operation(pay));
                let reversed = scope.spawn(|| two.operation(reverse));
                (paid.join().expect("it ends"), reversed.join().expect("it ends"))
            });
            match reversed.effect {
                Effect::NeverSeen => {
                    assert_eq!(paid.refusal, Refusal::ReversedBeforeArrival.number());
                }
                Effect::GaveBack => assert!(paid.succeeded()),
                other => panic!("{other:?}"),
            }
            assert_eq!(one.member(member).money, before);
        }
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn a_batch_of_256_with_one_conflict_commits_the_other_255() {
        let Some(database) = TestDatabase::postgres("one_conflict") else { return };
        let one = TestBook::create(&database.database, 2)
            .reopened(&database.database, |node| node.lanes = 1);
        let two = TestBook::open(&database.database, one.clock.clone(), "second");
        let paid = one.paid(MEMBER, 1, 10);
        // Request ids in the order in which their operations are inserted: the first is one that a
        // transaction of nobody holds, the last is the contested one.
        let first = one.ask(1, 2);
        let mut commands = vec![one.reverse(first, one.request())];
        commands.extend((1..255).map(|_| one.reverse(one.ask(1, 2), one.request())));
        let contested = one.ask(1, 1);
        commands.push(one.pay(contested, &one.code(MEMBER), 10, None));
        let other = Ask { fingerprint: [9; 16], ..contested };
        let other = two.pay(other, &two.code(MemberNumber(2)), 10, None);
        let mut nobody = database.connect(Purpose::Lane);
        let id = paid.id.plus(1 << 40);
        let uncommitted = Operation { id, request_id: first.caller.key.request, ..paid };
        nobody.begin().expect("it begins");
        nobody.insert(&[&uncommitted]).expect("it is inserted");
        let before = counted(&one);
        let held = database.hold_lanes(&one.book, "first");
        let started = one.start_all(commands);
        held.release();
        // The batch has looked for its requests, and found none: now another node is first.
        wait_until_blocked(&database, "INSERT INTO operation %");
        assert!(two.operation(other).succeeded());
        nobody.rollback().expect("it ends");
        let answers = answers_of(started);
        let tombs = answers[..255].iter().filter(|answer| {
            matches!(
                answer,
                Answer::Decided(Outcome::Decided { operation, .. })
                    if operation.effect == Effect::NeverSeen
            )
        });
        assert_eq!(tombs.count(), 255);
        let Answer::Refused(refused) = &answers[255] else { panic!("{:?}", answers[255]) };
        assert_eq!(refused.refusal, Refusal::RequestIdHasAnotherMeaning);
        let after = counted(&one);
        assert!(after.conflicts > before.conflicts, "nobody was in the way");
        // What the lane waited with, and one batch of 256.
        assert_eq!((after.batches - before.batches, after.commands - before.commands), (2, 257));
        let money = [MEMBER, MemberNumber(2)].map(|member| one.member(member).money);
        assert_eq!(money, [99_990, 99_990]);
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn two_nodes_that_charge_one_member_never_overdraw() {
        let Some((_database, one, two)) = nodes("overdraw") else { return };
        std::thread::scope(|scope| {
            for node in [&one, &two, &one, &two] {
                scope.spawn(|| {
                    for _ in 0..15 {
                        let command = node.pay(node.ask(1, 1), &node.code(MEMBER), 9000, None);
                        let declined = node.operation(command).refusal;
                        let fine = [
                            0,
                            Refusal::BalanceTooLow.number(),
                            Refusal::CodeNotValid.number(),
                            Refusal::CodeAlreadyUsed.number(),
                        ];
                        assert!(fine.contains(&declined), "{declined}");
                    }
                });
            }
        });
        let member = one.member(MEMBER);
        assert!(member.money >= 0 && (100_000 - member.money) % 9000 == 0, "{}", member.money);
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn a_switch_closed_on_one_node_stops_the_next_commit_of_the_other() {
        let Some((_database, one, two)) = nodes("closed_elsewhere") else { return };
        for round in 0..10 {
            let member = MemberNumber(1 + round % 8);
            two.paid(member, 1, 1);
            let shut = Act::CloseSwitch(Capability::Payment, Scope::Everything, 0, Instant(0));
            one.administer(shut);
            let refused = two.operation(two.pay(two.ask(1, 1), &two.code(member), 1, None));
            assert_eq!(refused.refusal, Refusal::PaymentsAreClosed.number());
            one.administer(Act::OpenSwitch(Capability::Payment, Scope::Everything, 0));
        }
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn closing_is_answered_only_when_every_lane_was_passed_also_when_it_is_asked_again() {
        let Some((database, one, two)) = nodes("closed_again") else { return };
        let shut = Act::CloseSwitch(Capability::Payment, Scope::Everything, 0, Instant(0));
        let command = one.act(shut);
        one.decided(command.clone());
        // A commit of the other node is under way: it holds its lane.
        let lanes = two.book.read_and_wait(read::lanes).expect("lanes can be read");
        let held = lanes.iter().find(|lane| lane.holder == "second").expect("it has lanes");
        let mut other = database.connect(Purpose::Lane);
        other.begin().expect("it begins");
        other.lock::<Lane>(&[held.id], LockMode::Wait).expect("the lane is locked");
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let reply = Box::new(move |answer| sender.send(answer).expect("the test waits"));
        one.book.submit(Part::Members, command, Instant(i64::MAX), reply);
        let early = receiver.recv_timeout(std::time::Duration::from_millis(300));
        assert!(early.is_err(), "answered while a lane may commit under the old setting");
        other.rollback().expect("it ends");
        assert!(matches!(receiver.recv().expect("an answer"), Answer::Decided(_)));
    }

    // one storage: two nodes need PostgreSQL
    #[test]
    fn two_nodes_follow_one_ledger_without_losing_or_doubling() {
        let Some((_database, one, two)) = nodes("follow") else { return };
        std::thread::scope(|scope| {
            for (node, first) in [(&one, 1), (&two, 5)] {
                scope.spawn(move || {
                    for round in 0..40 {
                        node.paid(MemberNumber(first + round % 4), 1, 1);
                    }
                });
            }
        });
        assert_eq!(settled_balance(&one, "store:1"), 80);
        assert_eq!(settled_balance(&two, "store:1"), 80);
    }
}
