//! SQLite's log when it gets long: it is moved by force, and while a reader keeps it from beginning
//! anew, nothing more is written than there is room for.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use yaoki_core::code::CodeCipher;
use yaoki_core::command::Act;
use yaoki_store::book::LogLimits;
use yaoki_store::testing::{CODE_KEY, TestBook, TestClock, TestDatabase, code_rules, options};
use yaoki_store::{Answer, Book, Unknown, read};

/// Small enough for a test. The checkpointer beside the lane is never asked.
const LIMITS: LogLimits = LogLimits { ask: 4 << 20, force: 256 << 10, refuse: 512 << 10 };

/// A node whose log has room for little.
fn open(db: &TestDatabase) -> TestBook {
    let clock = TestClock::default();
    let mut options = options(&db.database, &clock, "first");
    options.log = LIMITS;
    let cipher = CodeCipher::new(code_rules(), &CODE_KEY, None);
    TestBook::around(Book::open(options).expect("it can be opened"), clock, cipher)
}

/// Begins a read that lasts until the sender is dropped, and tells its end.
fn long_read(book: &TestBook) -> (Sender<()>, Receiver<()>) {
    let ((release, released), (taking, taken), (ending, ended)) = (channel(), channel(), channel());
    let work = move |conn: &mut yaoki_store::Conn| {
        conn.begin()?;
        read::lanes(conn)?;
        taking.send(()).expect("the test waits");
        // Ends when the test drops the other end.
        let _: Result<(), _> = released.recv();
        conn.rollback()
    };
    book.book.read(work, move |result| {
        result.expect("it was only slow");
        ending.send(()).expect("the test waits");
    });
    taken.recv().expect("a reader takes it");
    (release, ended)
}

/// Writes until a command is turned away; why.
fn fill(book: &TestBook) -> Unknown {
    for _ in 0..100 {
        let many = (0..100).map(|_| book.act(Act::CreateMember)).collect();
        for answer in book.submit_all(many) {
            match answer {
                Answer::Decided(_) => {}
                Answer::Unknown(unknown) => return unknown,
                Answer::Refused(refused) => panic!("{refused:?}"),
            }
        }
    }
    panic!("the log grows without end: {} bytes", book.book.health().wal_bytes);
}

// one storage: PostgreSQL keeps its log by itself
#[test]
fn while_a_reader_keeps_the_log_new_writes_are_refused_and_the_reader_is_named() {
    let db = TestDatabase::sqlite("full_log");
    drop(TestBook::create(&db.database, 1));
    let book = open(&db);
    assert_eq!(book.book.oldest_reader(), None);
    let (release, ended) = long_read(&book);
    assert_eq!(fill(&book), Unknown::NoRoom);
    let full = book.book.health().wal_bytes;
    assert!((LIMITS.refuse..2 * LIMITS.refuse).contains(&full), "{full}");
    let named = book.book.oldest_reader().expect("somebody reads");
    assert!(named.starts_with("reader-0, since 2026-01-05T"), "{named}");
    assert_eq!(book.unknown(book.act(Act::CreateMember)), Unknown::NoRoom);
    drop(release);
    ended.recv().expect("the reader ends");
    let goes_on = (0..200).any(|_| {
        std::thread::park_timeout(Duration::from_millis(50));
        matches!(book.submit(book.act(Act::CreateMember)), Answer::Decided(_))
    });
    assert!(goes_on, "the reader has gone, and still nothing is written");
    assert!(book.book.health().wal_bytes < LIMITS.force);
}

// one storage: PostgreSQL keeps its log by itself
#[test]
fn a_long_log_is_moved_by_force_and_nothing_is_refused() {
    let db = TestDatabase::sqlite("forced_log");
    drop(TestBook::create(&db.database, 1));
    let book = open(&db);
    let mut longest = 0;
    for _ in 0..20 {
        let many = (0..100).map(|_| book.act(Act::CreateMember)).collect();
        for answer in book.submit_all(many) {
            assert!(matches!(answer, Answer::Decided(_)), "{answer:?}");
        }
        longest = longest.max(book.book.health().wal_bytes);
    }
    let file = match &db.database {
        yaoki_store::Database::Sqlite(path) => path.with_extension("db-wal"),
        yaoki_store::Database::Postgres(_) => unreachable!("it is an SQLite file"),
    };
    let bytes = file.metadata().expect("the log").len();
    assert!(bytes < LIMITS.refuse + LIMITS.force, "it began anew: {bytes}, longest {longest}");
}
