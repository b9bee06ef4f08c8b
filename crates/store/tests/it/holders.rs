//! What a lane does when it may not, or cannot, go on: it stops where another holds it or the
//! database went back, gives up where others keep getting in the way, and waits where it should.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use yaoki_core::facts::Operation;
use yaoki_core::ids::{LANE_NUMBER_MAX, MemberNumber};
use yaoki_core::state::{Lane, Member};
use yaoki_store::conn::{LockMode, Purpose};
use yaoki_store::testing::{TestBook, TestDatabase, answers_of, options};
use yaoki_store::{
    Answer, Book, BookOptions, Conn, Database, StoreError, Unknown, on_both_storages, read, sql,
};

const MEMBER: MemberNumber = MemberNumber(1);

/// What a node said when its storage failed. The process of a test goes on.
type Said = Arc<Mutex<Vec<String>>>;

/// A node of one lane, and what it says when it cannot go on.
fn node(db: &TestDatabase) -> (TestBook, Said) {
    let said = Said::default();
    let kept = Arc::clone(&said);
    let change = move |node: &mut BookOptions| {
        node.lanes = 1;
        node.fatal = Arc::new(move |error: &StoreError| {
            kept.lock().expect("no holder panics").push(error.to_string());
        });
    };
    let book = TestBook::create(&db.database, 2).reopened(&db.database, change);
    book.paid(MEMBER, 1, 10);
    (book, said)
}

fn change(db: &TestDatabase, script: &str) {
    db.connect(Purpose::Admin).run_script(script).expect("the lane can be changed");
}

/// A node whose lane was changed by somebody else stops with the first command that it is given.
fn must_stop(db: &TestDatabase, script: &str, expected: &str) {
    let (book, said) = node(db);
    change(db, script);
    let pay = book.pay(book.ask(1, 1), &book.code(MEMBER), 10, None);
    assert_eq!(book.unknown(pay.clone()), Unknown::StorageFailed);
    // That is answered a moment before the queue stops.
    let stopped = || book.unknown(pay.clone()) == Unknown::Stopping;
    wait_until("the lane takes no more", stopped);
    let said = said.lock().expect("no holder panics").clone();
    assert!(said[0].contains(expected), "{said:?}");
    assert!(!book.book.health().storage_ok);
    assert_eq!(book.member(MEMBER).money, 99_990, "nothing was written");
}

on_both_storages! {
    fn a_holder_whose_lane_was_taken_stops(db: &mut TestDatabase) {
        let taken = "UPDATE lane SET generation = generation + 1, holder = 'other'";
        must_stop(db, taken, "was taken over by \"other\"");
    }

    fn a_holder_whose_database_went_back_in_time_stops(db: &mut TestDatabase) {
        must_stop(db, "UPDATE lane SET seq = seq - 1 WHERE holder = 'first'", "went back");
    }

    fn a_holder_whose_lane_is_gone_stops(db: &mut TestDatabase) {
        must_stop(db, "DELETE FROM lane", "is not in this database");
    }

    fn what_others_keep_stopping_is_unknown_and_may_be_asked_again(db: &mut TestDatabase) {
        let (book, said) = node(db);
        let paid = book.paid(MEMBER, 1, 10);
        // Somebody else's operations have the ids of this millisecond already.
        let foreign: Vec<Operation> = (1..=64)
            .map(|n| Operation { id: paid.id.plus(n), request_id: book.request(), ..paid.clone() })
            .collect();
        let mut conn = db.connect(Purpose::Admin);
        conn.insert(&foreign.iter().collect::<Vec<_>>()).expect("the ids are free");
        let conflicts = || book.book.counters().conflicts.load(Ordering::SeqCst);
        let before = conflicts();
        let commands: Vec<_> = [MEMBER, MemberNumber(2)]
            .map(|member| book.pay(book.ask(1, 1), &book.code(member), 10, None))
            .into();
        let held = db.hold_lanes(&book.book, "first");
        let started = book.start_all(commands.clone());
        held.release();
        for answer in answers_of(started) {
            assert!(matches!(answer, Answer::Unknown(Unknown::TooManyTries)), "{answer:?}");
        }
        // Three times together, and three times each alone.
        assert_eq!(conflicts() - before, 9);
        assert_eq!(book.member(MEMBER).money, 99_980);
        book.clock.advance_ms(1_000);
        for command in commands {
            assert!(book.operation(command).succeeded());
        }
        assert_eq!(book.member(MEMBER).money, 99_970);
        assert!(said.lock().expect("no holder panics").is_empty());
    }

    fn a_lane_that_somebody_holds_for_long_is_left_alone_by_a_heartbeat(db: &mut TestDatabase) {
        let (book, said) = node(db);
        let said = || said.lock().expect("no holder panics").clone();
        let mut holder = db.connect(Purpose::Lane);
        holder.begin().expect("it begins");
        let lanes: Vec<Lane> = holder.query(&sql::LANES, &[]).expect("lanes can be read");
        let ids: Vec<_> = lanes.iter().map(|lane| lane.id).collect();
        holder.lock::<Lane>(&ids, LockMode::Wait).expect("they can be locked");
        let conflicts = || book.book.counters().conflicts.load(Ordering::SeqCst);
        let before = conflicts();
        // A heartbeat that is due while a commit was just made is left out.
        wait_until("the heartbeat gives up", || {
            book.clock.advance_ms(1_000);
            conflicts() > before || !said().is_empty()
        });
        holder.rollback().expect("it ends");
        book.paid(MEMBER, 1, 10);
        assert_eq!(said(), Vec::<String>::new());
    }
}

/// Waits for what comes in a moment.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let came = (0..3_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        holds()
    });
    assert!(came, "never: {what}");
}

/// Waits until a statement on PostgreSQL gives a row.
pub(crate) fn wait_until_selected(database: &Database, statement: &str) {
    let mut conn = Conn::open(database, Purpose::Admin).expect("the server can be reached");
    let script = format!(
        "DO $$ BEGIN IF NOT EXISTS ({statement}) THEN RAISE EXCEPTION 'not yet'; END IF; END $$"
    );
    wait_until(statement, || conn.run_script(&script).is_ok());
}

/// Waits until a session of PostgreSQL waits for a lock in a statement like this.
pub(crate) fn wait_until_blocked(db: &TestDatabase, statement: &str) {
    let blocked = format!(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event_type = 'Lock' AND query LIKE '{statement}'"
    );
    wait_until_selected(&db.database, &blocked);
}

// one storage: an SQLite file has no locks of rows
#[test]
fn a_member_whom_another_node_holds_is_put_off_three_times_and_then_waited_for() {
    let Some(db) = TestDatabase::postgres("put_off") else { return };
    let (book, _said) = node(&db);
    let mut other = db.connect(Purpose::Lane);
    other.begin().expect("it begins");
    other.lock::<Member>(&[MEMBER], LockMode::Wait).expect("it can be locked");
    let batches = || book.book.counters().batches.load(Ordering::SeqCst);
    let before = batches();
    let pay = book.pay(book.ask(1, 1), &book.code(MEMBER), 10, None);
    let started = book.start_all(vec![pay]);
    wait_until_blocked(&db, "SELECT % FROM member %");
    assert_eq!(batches() - before, 3, "it was put off three times");
    other.rollback().expect("it ends");
    let answers = answers_of(started);
    assert!(matches!(answers[0], Answer::Decided(_)), "{answers:?}");
    assert_eq!(book.member(MEMBER).money, 99_980);
}

// one storage: SQLite has one lane
#[test]
fn a_node_is_not_opened_when_every_lane_is_held() {
    let Some(db) = TestDatabase::postgres("no_free_lane") else { return };
    let book = TestBook::create(&db.database, 1);
    let others = format!(
        "INSERT INTO lane (id, seq, head, last_at, last_id, holder, generation)
         SELECT id, 0, decode(repeat('00', 32), 'hex'), 0, 0, 'other', 1
         FROM generate_series(2, {LANE_NUMBER_MAX}) AS id"
    );
    change(&db, &others);
    let refused = Book::open(options(&db.database, &book.clock, "second"));
    assert!(matches!(refused, Err(StoreError::NoFreeLane)), "{refused:?}");
    let mut conn = db.connect(Purpose::Admin);
    let lanes = read::lanes(&mut conn).expect("lanes can be read");
    assert!(lanes.iter().all(|lane| lane.holder != "second"), "it took none");
    book.paid(MEMBER, 1, 10);
}
