//! Transfers, found from their operation: each once, whatever its neighbours' ids.

use yaoki_core::account::Account;
use yaoki_core::facts::{Operation, OperationKind, Transfer};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::row::Value;
use yaoki_core::time::Instant;
use yaoki_store::conn::Purpose;
use yaoki_store::testing::TestBook;
use yaoki_store::{Conn, StoreError, on_both_storages, read, sql};

const MEMBER: MemberNumber = MemberNumber(1);

/// What the account has, once every lane has passed the present.
pub(crate) fn owed(book: &TestBook, account: Account) -> i64 {
    book.clock.advance_ms(5_000);
    let as_of = book.clock.now();
    for _ in 0..200 {
        book.clock.advance_ms(2_000);
        let asked = book.book.read_and_wait(move |conn| read::balance(conn, account, Some(as_of)));
        if let read::AsOf::Answer(balance) = asked.expect("balances can be read") {
            return balance.amount;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("the watermark stands still");
}

on_both_storages! {
    fn a_shop_is_owed_a_capture_once_although_its_id_follows_the_hold_s(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        // With several lanes a capture may be booked in another one: until two ids are neighbours.
        let mut captures = 0;
        for _ in 0..100 {
            let hold = book.pay(book.ask(1, 1), &book.code(MEMBER), 5000, Some(600));
            let held = book.operation(hold);
            let capture = book.settle(book.ask(1, 2), OperationKind::Capture, held.id, 30);
            let captured = book.operation(capture);
            assert!(captured.succeeded());
            captures += 1;
            if captured.id == held.id.plus(1) {
                break;
            }
            // Lanes are given by request id, and two are asked for in each round: now it is three.
            book.request();
        }
        assert!(captures < 100, "no capture was booked right after its hold");
        let shop = Account::parse("store:1").expect("it is an account");
        assert_eq!(owed(&book, shop), 30 * captures);
        let page = move |conn: &mut yaoki_store::Conn| {
            read::statement(conn, shop, FactId::NONE, None, 200)
        };
        let read::AsOf::Answer(listed) = book.book.read_and_wait(page).expect("it can be read")
        else {
            panic!("the present is passed");
        };
        assert_eq!(i64::try_from(listed.len()), Ok(captures), "each transfer is listed once");
    }

    fn long_ago_nobody_had_anything_and_a_book_at_rest_is_read_as_well(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        book.clock.advance_ms(10);
        book.paid(MEMBER, 1, 100);
        let accounts = [Account::money(MEMBER), Account::parse("store:1").expect("an account")];
        for account in accounts {
            for as_of in [Some(Instant(0)), Some(Instant(-1)), Some(Instant(i64::MIN + 1))] {
                let asked = move |conn: &mut Conn| read::balance(conn, account, as_of);
                let answer = book.book.read_and_wait(asked).expect("balances can be read");
                let as_of = as_of.expect("given");
                assert_eq!(answer, read::AsOf::Answer(read::BalanceAsOf { amount: 0, as_of }));
                let page = move |conn: &mut Conn| {
                    read::statement(conn, account, FactId::NONE, Some(as_of), 10)
                };
                let listed = book.book.read_and_wait(page).expect("it can be read");
                assert_eq!(listed, read::AsOf::Answer(Vec::new()));
            }
        }
        // All lanes are given back: the time that all have passed is the latest of theirs.
        drop(book);
        let conn = &mut db.connect(Purpose::Admin);
        let passed = read::watermark(conn).expect("lanes can be read");
        assert!(passed > Instant(0));
        assert!(matches!(
            read::balance(conn, Account::money(MEMBER), None).expect("balances can be read"),
            read::AsOf::Answer(found) if found.as_of == passed
        ));
    }

    fn a_members_list_has_every_transfer_once_and_a_balance_for_any_time(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        live(&book);
        let money = Account::money(MEMBER);
        owed(&book, money);
        let listed = book.book.read_and_wait(every_transfer).expect("transfers can be read");
        let expected: Vec<Transfer> =
            listed.into_iter().filter(|row| row.debit == money || row.credit == money).collect();
        assert!(expected.len() > 50, "only {} transfers", expected.len());
        assert_eq!(in_pages(&book, money), expected);
        let mut balance = 0;
        for (at, transfer) in expected.iter().enumerate() {
            balance += if transfer.credit == money { transfer.amount } else { -transfer.amount };
            // Another transfer may be of the same millisecond: then it is counted with it.
            if expected.get(at + 1).is_none_or(|next| next.id.at() > transfer.id.at()) {
                let as_of = Some(transfer.id.at());
                let asked = book.book.read_and_wait(move |conn| read::balance(conn, money, as_of));
                let read::AsOf::Answer(found) = asked.expect("balances can be read") else {
                    panic!("the past is passed");
                };
                assert_eq!(found.amount, balance, "after transfer {at}");
            }
        }
        assert_eq!(balance, book.member(MEMBER).money);
        let newest = book.book.read_and_wait(|conn| read::recent_movements(conn, MEMBER, 200));
        let newest = newest.expect("operations can be read");
        assert!(newest.iter().all(Operation::has_effect));
        let gains = newest.iter().filter(|row| row.gain() != 0).map(|row| (row.id, row.gain()));
        let signed = |row: &Transfer| if row.credit == money { row.amount } else { -row.amount };
        let moved = expected.iter().rev().map(|row| (row.operation, signed(row)));
        assert!(gains.eq(moved), "what a member gains is what was transferred");
        assert_eq!(newest.iter().map(|row| row.held_change).sum::<i64>(), 5, "one hold is open");
        let few = book.book.read_and_wait(|conn| read::recent_movements(conn, MEMBER, 3));
        assert_eq!(few.expect("operations can be read"), newest[..3]);
        let history = book.book.read_and_wait(|conn| read::history(conn, MEMBER, 200));
        let history = history.expect("operations can be read");
        assert_eq!(history.iter().filter(|row| row.has_effect()).count(), newest.len());
        assert_eq!(history.iter().filter(|row| !row.succeeded()).count(), 1);
    }
}

/// Payments, refunds, a hold and a decline of one member, between those of another.
fn live(book: &TestBook) {
    for round in 0..30 {
        let payment = book.paid(MEMBER, 1 + round % 4, 100 + round);
        book.paid(MemberNumber(2), 1, 7);
        let refund =
            book.settle(book.ask(1 + round % 4, 2), OperationKind::Refund, payment.id, 1 + round);
        assert!(book.operation(refund).succeeded());
        book.clock.advance_ms(round % 3);
    }
    let hold = || {
        let held = book.pay(book.ask(1, 1), &book.code(MEMBER), 50, Some(600));
        book.operation(held).id
    };
    for (kind, amount) in [(OperationKind::Capture, 20), (OperationKind::Void, 0)] {
        let settled = book.settle(book.ask(1, 1), kind, hold(), amount);
        assert!(book.operation(settled).succeeded());
    }
    let hold = book.pay(book.ask(1, 1), &book.code(MEMBER), 5, Some(600));
    assert!(book.operation(hold).succeeded());
    let declined = book.pay(book.ask(1, 1), &book.code(MEMBER), 99_999_999, None);
    assert!(!book.operation(declined).succeeded());
}

fn every_transfer(conn: &mut Conn) -> Result<Vec<Transfer>, StoreError> {
    conn.query(&sql::TRANSFERS_BETWEEN, &[Value::Int(0), Value::Int(i64::MAX)])
}

fn in_pages(book: &TestBook, account: Account) -> Vec<Transfer> {
    let mut all: Vec<Transfer> = Vec::new();
    loop {
        let after = all.last().map_or(FactId::NONE, |row| row.id);
        let page = move |conn: &mut Conn| read::statement(conn, account, after, None, 7);
        let read::AsOf::Answer(page) = book.book.read_and_wait(page).expect("it can be read")
        else {
            panic!("the present is passed");
        };
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
