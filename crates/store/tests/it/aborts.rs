//! A bug of ours outside of `decide` ends the process: nobody knows what it left half done.
//!
//! The process is a child, this very test binary, whose clock panics on the lane's thread while a
//! payment waits.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use yaoki_core::code::CodeCipher;
use yaoki_core::ids::MemberNumber;
use yaoki_store::testing::{CODE_KEY, TestBook, TestClock, code_rules, options};
use yaoki_store::{Book, Database, on_both_storages};

use crate::crash::variable;
use crate::verify::must_be_clean;

const DATABASE: &str = "YAOKI_ABORT_DATABASE";
const MEMBER: MemberNumber = MemberNumber(1);
/// The signal of a process that aborted.
const SIGABRT: i32 = 6;

/// The child: not a promise of its own; it does nothing unless a parent told it where the book is.
// one storage: the child of the test below, on whichever storage its parent names
#[test]
fn child_whose_lane_panics() {
    let Some(database) = variable(DATABASE) else { return };
    let database: Database = database.parse().expect("the parent names a database");
    let (clock, is_broken) = (TestClock::default(), Arc::new(AtomicBool::new(false)));
    clock.advance_ms(60_000);
    let mut options = options(&database, &clock, "child");
    let (inner, broken) = (clock.clone(), Arc::clone(&is_broken));
    options.clock = Arc::new(move || {
        let is_lane = std::thread::current().name().is_some_and(|name| name.starts_with("lane-"));
        assert!(!(is_lane && broken.load(Ordering::SeqCst)), "a bug, on purpose");
        inner.now()
    });
    let book = Book::open(options).expect("the child opens the book");
    let cipher = CodeCipher::new(code_rules(), &CODE_KEY, None);
    let payer = TestBook::around(book, clock, cipher);
    payer.paid(MEMBER, 1, 10);
    let pay = payer.pay(payer.ask(1, 1), &payer.code(MEMBER), 10, None);
    is_broken.store(true, Ordering::SeqCst);
    let answer = payer.submit(pay);
    panic!("it goes on without its writer: {answer:?}");
}

on_both_storages! {
    fn a_panic_outside_of_decide_ends_the_process_and_loses_nothing(db: &mut TestDatabase) {
        drop(TestBook::create(&db.database, 1));
        let database = match &db.database {
            Database::Sqlite(path) => format!("sqlite:{}", path.display()),
            Database::Postgres(url) => url.clone(),
        };
        let status = Process::new(std::env::current_exe().expect("this test has a file"))
            .args(["--exact", "aborts::child_whose_lane_panics"])
            .env(DATABASE, database)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the child starts");
        assert_eq!(status.signal(), Some(SIGABRT), "{status}");
        let clock = TestClock::default();
        clock.advance_ms(120_000);
        let book = TestBook::open(&db.database, clock, "first");
        assert_eq!(book.member(MEMBER).money, 99_990, "what was acknowledged, and no more");
        book.paid(MEMBER, 1, 10);
        drop(book);
        must_be_clean(db);
    }
}
