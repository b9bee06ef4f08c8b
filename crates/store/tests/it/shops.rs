//! Promises about what a shop shows: an order is paid once or withdrawn, whoever asks and at
//! whatever node, and the book stays whole.

use std::sync::atomic::{AtomicUsize, Ordering};

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Effect, OperationKind};
use yaoki_core::ids::{MemberNumber, StoreNumber, TerminalNumber};
use yaoki_core::refusal::Refusal;
use yaoki_store::testing::TestBook;
use yaoki_store::{Answer, on_both_storages, read};

use crate::verify::must_be_clean;

const MEMBER: MemberNumber = MemberNumber(1);

/// Whether it was paid now; the other members hear that the order is settled.
fn paid_now(answer: &Answer) -> bool {
    match answer {
        Answer::Decided(Outcome::Decided { operation, replayed, .. }) => {
            assert!(operation.succeeded() && operation.is_of_shop());
            !replayed
        }
        Answer::Refused(refused) => {
            assert_eq!((refused.refusal, &refused.first), (Refusal::OrderIsSettled, &None));
            false
        }
        other => panic!("{other:?}"),
    }
}

on_both_storages! {
    fn an_order_that_many_members_confirm_at_once_is_paid_once(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 8);
        for _ in 0..20 {
            let order = book.ask(1, 1).caller.key;
            let sum = || (1..=8).map(|n| book.member(MemberNumber(n)).money).sum::<i64>();
            let before = sum();
            let paid = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for member in (1..=8).map(MemberNumber) {
                    let (book, paid) = (&book, &paid);
                    scope.spawn(move || {
                        let answer = book.submit(book.confirm(order, member, 10));
                        paid.fetch_add(usize::from(paid_now(&answer)), Ordering::SeqCst);
                    });
                }
            });
            assert_eq!((paid.into_inner(), before - sum()), (1, 10));
        }
    }

    fn a_confirmation_sent_many_times_charges_once(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let order = book.ask(1, 1).caller.key;
        let paid = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| {
                    let answer = book.submit(book.confirm(order, MEMBER, 700));
                    paid.fetch_add(usize::from(paid_now(&answer)), Ordering::SeqCst);
                });
            }
        });
        assert_eq!((paid.into_inner(), book.member(MEMBER).money), (1, 99_300));
    }

    fn query_refund_and_reverse_of_a_paid_order_are_those_of_any_payment(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let ask = book.ask(1, 1);
        let shown = book.code(MEMBER);
        let paid = book.operation(book.confirm(ask.caller.key, MEMBER, 700));
        assert_eq!(book.operation(Command::Query(ask.caller)), paid);
        assert_eq!(book.code(MEMBER), shown, "no code dies of it");
        let refund = book.settle(book.ask(2, 2), OperationKind::Refund, paid.id, 300);
        assert!(book.operation(refund).succeeded(), "by another register of the store");
        let reversed = book.operation(book.reverse(book.ask(1, 3), ask.caller.key.request));
        assert_eq!((reversed.effect, reversed.amount), (Effect::GaveBack, 400));
        assert_eq!(book.member(MEMBER).money, 100_000);
        let withdrawn = book.ask(1, 4).caller.key;
        book.operation(book.reverse(book.ask(1, 5), withdrawn.request));
        let refused = book.refused(book.confirm(withdrawn, MEMBER, 700));
        assert_eq!(refused.refusal, Refusal::OrderIsSettled);
        book.book.close();
        must_be_clean(db);
    }

    fn a_shop_is_read_by_its_terminals_and_its_first_terminal_by_the_store(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 0);
        let read = book.book.read_and_wait(|conn| {
            let terminals = [1, 4, 4, 99].map(TerminalNumber);
            let shops = read::shops_of(conn, terminals.into_iter())?;
            let first = read::first_terminal(conn, StoreNumber(2))?;
            let none = read::first_terminal(conn, StoreNumber(99))?;
            Ok((shops, first, none, read::shop(conn, StoreNumber(3))?))
        });
        let (shops, first, none, shop) = read.expect("they can be read");
        assert_eq!(shops.len(), 2);
        assert_eq!(shops[&TerminalNumber(4)].store.number, StoreNumber(2));
        assert_eq!(first.expect("it is there").number, TerminalNumber(3));
        assert_eq!(none, None);
        assert_eq!(shop.expect("it is there").merchant.name, "merchant 2");
    }

    fn a_members_movements_are_read_page_by_page(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        for amount in 1..=5 {
            book.operation(book.confirm(book.ask(1, 1).caller.key, MEMBER, amount));
            book.operation(book.pay(book.ask(1, 2), &book.code(MEMBER), 900_000, None));
        }
        let (mut amounts, mut before) = (Vec::new(), None);
        loop {
            let read = move |conn: &mut yaoki_store::Conn| read::movements(conn, MEMBER, before, 2);
            let page = book.book.read_and_wait(read).expect("they can be read");
            amounts.extend(page.operations.iter().map(|row| row.amount));
            before = page.before;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(amounts, [5, 4, 3, 2, 1, 100_000]);
        let last = book.operation(book.confirm(book.ask(1, 1).caller.key, MEMBER, 9)).id;
        let foreign = move |conn: &mut yaoki_store::Conn| {
            read::movements(conn, MemberNumber(2), Some(last), 2)
        };
        let page = book.book.read_and_wait(foreign).expect("it can be read");
        assert_eq!(page, read::Page::default(), "another member's operation begins no page");
    }
}

/// Two nodes on one PostgreSQL book.
mod two_nodes {
    use super::*;
    use yaoki_store::testing::TestDatabase;

    // one storage: two nodes need PostgreSQL
    #[test]
    fn a_withdrawal_and_a_confirmation_on_two_nodes_end_in_exactly_one_of_two_ways() {
        let Some(database) = TestDatabase::postgres("order_race") else { return };
        let one = TestBook::create(&database.database, 8);
        let two = TestBook::open(&database.database, one.clock.clone(), "second");
        for round in 0..40 {
            let member = MemberNumber(1 + round % 8);
            let ask = one.ask(1, 1);
            let before = one.member(member).money;
            let confirm = one.confirm(ask.caller.key, member, 10);
            let reverse = two.reverse(two.ask(1, 2), ask.caller.key.request);
            let (paid, reversed) = std::thread::scope(|scope| {
                let paid = scope.spawn(|| paid_now(&one.submit(confirm)));
                let reversed = scope.spawn(|| two.operation(reverse));
                (paid.join().expect("it ends"), reversed.join().expect("it ends"))
            });
            match reversed.effect {
                Effect::NeverSeen => assert!(!paid, "withdrawn first"),
                Effect::GaveBack => assert!(paid, "paid first"),
                other => panic!("{other:?}"),
            }
            assert_eq!(one.member(member).money, before);
        }
        one.book.close();
        two.book.close();
        must_be_clean(&database);
    }
}
