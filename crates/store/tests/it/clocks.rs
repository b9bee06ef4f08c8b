//! What a node does whose clock cannot be right: it takes no other node's time along, and declines
//! nothing for a fault of its own.

use std::time::Duration;

use yaoki_core::code::CodeCipher;
use yaoki_core::command::Act;
use yaoki_core::ids::MemberNumber;
use yaoki_store::testing::{CODE_KEY, TestBook, TestClock, TestDatabase, code_rules, options};
use yaoki_store::{Answer, Book, StoreError, Unknown};

const MEMBER: MemberNumber = MemberNumber(1);

fn open(db: &TestDatabase, clock: &TestClock) -> Result<TestBook, StoreError> {
    let mut options = options(&db.database, clock, "real");
    options.clock_is_real = true;
    let cipher = CodeCipher::new(code_rules(), &CODE_KEY, None);
    Book::open(options).map(|book| TestBook::around(book, clock.clone(), cipher))
}

/// A clock that shows the time of the world, until the test moves it.
fn real_clock() -> TestClock {
    #[expect(clippy::disallowed_methods, reason = "the database's clock is real as well")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(since.expect("it is after 1970").as_millis()).expect("it fits");
    let clock = TestClock::default();
    clock.advance_ms(now - clock.now().0);
    clock
}

// one storage: SQLite has no clock of its own
#[test]
fn a_node_whose_clock_is_off_the_databases_is_not_opened() {
    let Some(db) = TestDatabase::postgres("clock_off") else { return };
    drop(TestBook::create(&db.database, 1));
    let Err(error) = open(&db, &TestClock::default()) else { panic!("it is years off") };
    assert!(matches!(error, StoreError::ClockIsOff { .. }), "{error}");
}

// one storage: SQLite has no clock of its own
#[test]
fn a_node_whose_clock_leaves_the_databases_writes_nothing_until_it_is_back() {
    let Some(db) = TestDatabase::postgres("clock_leaves") else { return };
    drop(TestBook::create(&db.database, 1));
    let clock = real_clock();
    let book = open(&db, &clock).expect("the clock is right");
    assert!(book.book.health().clock_ok);
    clock.advance_ms(3_600_000);
    let turned_away = || matches!(book.submit(book.act(Act::CreateMember)), Answer::Unknown(_));
    assert!(wait_for(turned_away), "an hour ahead, and still it writes");
    assert_eq!(book.unknown(book.act(Act::CreateMember)), Unknown::ClockIsOff);
    assert!(!book.book.health().clock_ok);
    let decided = || {
        clock.advance_ms(real_clock().now().0 - clock.now().0);
        matches!(book.submit(book.act(Act::CreateMember)), Answer::Decided(_))
    };
    assert!(wait_for(decided), "the clock is right again, and still nothing is written");
}

fn wait_for(mut holds: impl FnMut() -> bool) -> bool {
    (0..200).any(|_| {
        std::thread::park_timeout(Duration::from_millis(50));
        holds()
    })
}

// one storage: the database of the other one has a clock, which no test can set
#[test]
fn what_has_a_time_limit_is_not_declined_while_the_book_is_ahead_of_the_clock() {
    let db = TestDatabase::sqlite("book_ahead");
    let book = TestBook::create(&db.database, 1);
    let pay = book.pay(book.ask(1, 1), &book.code(MEMBER), 100, None);
    drop(book);
    let slow = TestClock::default();
    slow.advance_ms(-10_000);
    let book = open(&db, &slow).expect("the book can be opened");
    assert_eq!(book.unknown(pay.clone()), Unknown::ClockIsOff);
    // What has none goes on: switches, members, queries, and reversals, which must always end.
    book.administer(Act::CreateMember);
    let way_out = book.reverse(book.ask(1, 2), book.request());
    assert!(book.operation(way_out).succeeded(), "a register settles what is unknown");
    assert_eq!(book.unknown(pay.clone()), Unknown::ClockIsOff, "the book is ahead all the while");
    slow.advance_ms(10_000);
    assert!(book.operation(pay).succeeded());
}
