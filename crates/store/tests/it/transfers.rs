//! Transfers, found from their operation: each once, whatever its neighbours' ids.

use yaoki_core::account::Account;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_store::testing::TestBook;
use yaoki_store::{on_both_storages, read};

const MEMBER: MemberNumber = MemberNumber(1);

/// What the account has, once every lane has passed the present.
fn owed(book: &TestBook, account: Account) -> i64 {
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
}
