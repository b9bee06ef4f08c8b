//! Promises of backup and restore: a copy while serving, nothing issued before is payable, two
//! people open it, and what was decided before is still known.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use yaoki_core::code::CodeCipher;
use yaoki_core::command::{Act, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Effect, EventKind};
use yaoki_core::ids::{LaneNumber, MemberNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::Instant;
use yaoki_store::backup::{RestoreOptions, RestoreReport, backup, open_after_restore, restore};
use yaoki_store::conn::{Conn, Purpose};
use yaoki_store::table::Book as BookRow;
use yaoki_store::testing::{CODE_KEY, TestBook, TestClock, TestDatabase, code_rules};
use yaoki_store::verify::Anchor;
use yaoki_store::{Database, StoreError, Unknown, on_both_storages, read};

use crate::holders::wait_until_selected;
use crate::verify::{anchor, lived, must_be_clean};

const ONE: MemberNumber = MemberNumber(1);

fn save(db: &mut TestDatabase, name: &str) -> PathBuf {
    let path = db.folder().join(name);
    let report = backup(&db.database, &path, &mut |_| {}).expect("it can be backed up");
    assert!(report.verified.is_clean() && report.bytes > 0, "{report}");
    path
}

fn bring_back(
    file: &Path,
    target: &Database,
    anchors: &[Anchor],
    now: Instant,
) -> Result<RestoreReport, StoreError> {
    let (actor, reason) = ("one".to_owned(), "the disk burned".to_owned());
    let anchors = anchors.to_vec();
    restore(file, target, RestoreOptions { actor, reason, now, anchors, progress: &mut |_| {} })
}

/// Empty databases to restore into: both storages, whichever the backup is of.
fn targets(name: &str) -> Vec<TestDatabase> {
    let mut targets = vec![TestDatabase::sqlite(name)];
    targets.extend(TestDatabase::postgres(name));
    targets
}

/// A later moment: a restore takes time, and clocks go on.
fn later(clock: &TestClock) -> TestClock {
    clock.advance_ms(60_000);
    clock.clone()
}

fn open(db: &TestDatabase, now: Instant) {
    let mut conn = db.connect(Purpose::Admin);
    open_after_restore(&mut conn, "one", "two", now).expect("two people open it");
}

on_both_storages! {
    fn a_backup_under_load_is_one_moment_and_clean(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 8);
        let file = db.folder().join("busy.backup");
        let (stop, paid) = (AtomicBool::new(false), AtomicBool::new(false));
        let report = std::thread::scope(|scope| {
            for member in 1..=4 {
                let (book, stop, paid) = (&book, &stop, &paid);
                scope.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        book.paid(MemberNumber(member), member, 1);
                        paid.store(true, Ordering::SeqCst);
                    }
                });
            }
            while !paid.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            let mut reports = Vec::new();
            for round in 0..3 {
                let file = file.with_extension(round.to_string());
                let report = backup(&db.database, &file, &mut |_| {});
                reports.push(report.expect("it can be backed up while it serves"));
            }
            stop.store(true, Ordering::SeqCst);
            reports
        });
        let transfers: Vec<u64> =
            report.iter().map(|report| report.verified.counts.transfers).collect();
        assert!(transfers.is_sorted() && transfers[0] < transfers[2], "{transfers:?}");
        let position: i64 = report[2].verified.lanes.iter().map(|(_, seq)| seq).sum();
        assert!(position > 0 && report[2].to_string().contains("lane 0: "), "{}", report[2]);
        book.book.close();
        must_be_clean(db);
    }

    fn a_restored_book_is_whole_on_either_storage(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        let before = must_be_clean(db);
        for target in targets("whole") {
            let now = later(&book.clock).now();
            let report = bring_back(&file, &target.database, &[], now).expect("it is restored");
            assert_eq!(report.position, before.lanes);
            assert!(report.to_string().contains("cannot be said without an anchor"), "{report}");
            let after = must_be_clean(&target);
            assert_eq!(after.counts.operations, before.counts.operations);
            assert_eq!(after.counts.ledger_list, before.counts.ledger_list);
            assert_eq!(after.counts.events, before.counts.events + 1);
        }
    }

    fn a_restored_book_is_closed_until_two_people_open_it(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        for target in targets("closed") {
            let clock = later(&book.clock);
            bring_back(&file, &target.database, &[], clock.now()).expect("it is restored");
            let again = TestBook::open(&target.database, clock.clone(), "again");
            assert!(again.book.health().closed);
            let ask = again.ask(1, 1);
            let pay = again.pay(ask, &again.code(ONE), 10, None);
            let reverse = again.reverse(ask, ask.caller.key.request);
            for asked in [pay.clone(), Command::Query(ask.caller), reverse] {
                assert_eq!(again.unknown(asked), Unknown::Closed);
            }
            let link = again.request();
            let link = [link.0, link.0].concat().try_into().expect("32 bytes");
            again.administer(Act::CreateLink(ONE, link, clock.now().plus_ms(9_000)));
            let enrol = Act::EnrolDevice { link, public_key: [4; 65], secret: [1; 32] };
            assert_eq!(again.unknown(again.act(enrol)), Unknown::Closed);
            let mut conn = target.connect(Purpose::Admin);
            for (first, second) in [("one", " One "), ("one", ""), ("", "two")] {
                let opened = open_after_restore(&mut conn, first, second, clock.now());
                let said = opened.expect_err("it takes two people").to_string();
                assert_eq!(said, Refusal::ReopeningTakesTwoPeople.sentence());
            }
            assert_eq!(again.unknown(pay.clone()), Unknown::Closed);
            open(&target, clock.now());
            assert!(open_after_restore(&mut conn, "one", "two", clock.now()).is_err());
            // The node that runs takes commands from its next batch on.
            assert!(again.operation(pay).succeeded());
            assert!(!again.book.health().closed);
            again.book.close();
            must_be_clean(&target);
        }
    }

    fn no_code_issued_before_a_restore_pays_after_it(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let old = book.code(ONE);
        book.book.close();
        let file = save(db, "book.backup");
        for target in targets("codes") {
            let now = book.clock.now();
            let report = bring_back(&file, &target.database, &[], now).expect("it is restored");
            assert_eq!(report.code_generation, 2);
            open(&target, now);
            let again = TestBook::open(&target.database, book.clock.clone(), "again");
            assert_eq!(again.book.code_generation(), 2);
            // `serve` makes a new code key for that generation and forgets the one before.
            let fresh = CodeCipher::new(code_rules(), &[8; 32], None);
            let again = TestBook::around(again.book, again.clock, fresh);
            let declined = again.operation(again.pay(again.ask(1, 1), &old, 10, None));
            assert_eq!(declined.refusal, Refusal::CodeNotValid.number());
            let under_old_key = CodeCipher::new(code_rules(), &CODE_KEY, None);
            let minted = under_old_key.issue(&again.member(ONE), again.clock.now());
            let minted = minted.expect("the member has a device").digits;
            let declined = again.operation(again.pay(again.ask(1, 1), &minted, 10, None));
            assert_eq!(declined.refusal, Refusal::CodeNotValid.number());
            assert!(again.paid(ONE, 1, 10).succeeded(), "a fresh code pays");
        }
    }

    fn a_request_that_the_backup_knows_is_answered_again_and_not_run_again(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let pay = book.pay(book.ask(1, 1), &book.code(ONE), 700, None);
        let first = book.operation(pay.clone());
        let known = save(db, "book.backup");
        let lost = book.ask(1, 1);
        let unknown = book.pay(lost, &book.code(ONE), 30, None);
        assert!(book.operation(unknown).succeeded());
        book.book.close();
        for target in targets("replay") {
            let now = book.clock.now();
            bring_back(&known, &target.database, &[], now).expect("it is restored");
            open(&target, now);
            let again = TestBook::open(&target.database, book.clock.clone(), "again");
            match again.decided(pay.clone()) {
                Outcome::Decided { operation, replayed, .. } => {
                    assert!(replayed);
                    assert_eq!(operation, first);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(again.member(ONE).money, 99_300);
            // What came after the backup was never seen; a reverse settles it.
            assert_eq!(again.decided(Command::Query(lost.caller)), Outcome::NotSeen);
            let reverse = again.reverse(again.ask(1, 2), lost.caller.key.request);
            assert_eq!(again.operation(reverse).effect, Effect::NeverSeen);
        }
    }

    fn anchors_prove_what_a_restored_book_lacks(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let early = anchor(db, book.clock.now());
        let file = save(db, "book.backup");
        let position = must_be_clean(db).lanes;
        let before = |lane: LaneNumber| {
            position.iter().find(|(other, _)| *other == lane).map_or(0, |(_, seq)| *seq)
        };
        for round in 0..6 {
            book.paid(MemberNumber(1 + round % 2), 1, 10);
        }
        let late = anchor(db, book.clock.now());
        book.book.close();
        for target in targets("anchors") {
            let now = book.clock.now();
            let anchors = [early.clone(), late.clone()];
            let report = bring_back(&file, &target.database, &anchors, now).expect("restored");
            let lost: i64 = report.missing.iter().map(|gap| gap.last - gap.first + 1).sum();
            assert!((1..=6).contains(&lost), "{report}");
            for gap in &report.missing {
                assert_eq!(gap.first, before(gap.lane) + 1);
                let text = format!("lane {}: commits {} to {}", gap.lane.0, gap.first, gap.last);
                assert!(report.to_string().contains(&text), "{report}");
            }
        }
        let mut target = TestDatabase::sqlite("anchored");
        let target = Database::Sqlite(target.folder().join("other.db"));
        let mut foreign = late;
        foreign.heads[0].1 = 1;
        let refused = bring_back(&file, &target, &[foreign], book.clock.now());
        assert!(refused.expect_err("it is not signed").to_string().contains("not signed"));
        let mut conn = db.connect(Purpose::Admin);
        conn.run_script("UPDATE lane SET seq = 1 WHERE id = 0").expect("it can be changed");
        let other = anchor(db, book.clock.now());
        let refused = bring_back(&file, &target, &[other], book.clock.now());
        let said = refused.expect_err("it is another ledger").to_string();
        assert!(said.contains("not of this backup's ledger"), "{said}");
    }

    fn nothing_is_written_over_a_book_or_a_file(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        let again = backup(&db.database, &file, &mut |_| {});
        assert!(again.expect_err("it exists").to_string().contains("exists already"));
        let live = bring_back(&file, &db.database, &[], book.clock.now());
        let said = live.expect_err("there is a book").to_string();
        assert!(said.contains("already"), "{said}");
        must_be_clean(db);
        let nobody = RestoreOptions {
            actor: " ".to_owned(),
            reason: String::new(),
            now: book.clock.now(),
            anchors: Vec::new(),
            progress: &mut |_| {},
        };
        assert!(restore(&file, &db.database, nobody).is_err());
        let mode = std::fs::metadata(&file).expect("it is there").permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode);
        assert_eq!(mode & 0o777, 0o600, "it holds code secrets");
    }

    fn a_damaged_or_tampered_backup_is_refused_and_leaves_nothing(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        let tampered = db.folder().join("tampered.backup");
        std::fs::copy(&file, &tampered).expect("it can be copied");
        let mut conn = Conn::open(&Database::Sqlite(tampered.clone()), Purpose::Admin)
            .expect("a backup is an SQLite file");
        conn.run_script("UPDATE member SET money = money + 1").expect("it can be changed");
        drop(conn);
        let damaged = db.folder().join("damaged.backup");
        let mut bytes = std::fs::read(&file).expect("it can be read");
        let end = bytes.len() - 4096;
        bytes[8192..end].fill(7);
        std::fs::write(&damaged, bytes).expect("it can be written");
        for target in targets("damaged") {
            for bad in [&tampered, &damaged] {
                let refused = bring_back(bad, &target.database, &[], book.clock.now());
                assert!(refused.is_err(), "{refused:?}");
            }
            let good = bring_back(&file, &target.database, &[], book.clock.now());
            good.expect("a refused restore leaves room for a good one");
        }
    }

    fn a_restored_book_has_new_generations_of_lanes_and_of_codes(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        for target in targets("generations") {
            bring_back(&file, &target.database, &[], book.clock.now()).expect("it is restored");
            let of = |db: &TestDatabase| {
                let mut conn = db.connect(Purpose::Admin);
                read::lanes(&mut conn).expect("lanes can be read")
            };
            for (old, new) in of(db).iter().zip(of(&target)) {
                assert_eq!((new.generation, new.holder.as_str()), (old.generation + 1, ""));
            }
            let mut conn = target.connect(Purpose::Admin);
            let row = BookRow::load(&mut conn).expect("the book is there");
            assert_eq!((row.code_generation, row.closed), (2, 1));
        }
    }

    fn a_restored_book_can_be_backed_up_and_restored_again(db: &mut TestDatabase) {
        let book = lived(db);
        let file = save(db, "book.backup");
        let mut target = TestDatabase::sqlite("twice");
        bring_back(&file, &target.database, &[], book.clock.now()).expect("it is restored");
        let file = save(&mut target, "second.backup");
        for target in targets("second") {
            let now = book.clock.now();
            let report = bring_back(&file, &target.database, &[], now).expect("it is restored");
            assert_eq!(report.code_generation, 3);
            open(&target, now);
            let mut conn = target.connect(Purpose::Admin);
            let all = [yaoki_core::row::Value::Int(0), yaoki_core::row::Value::Int(i64::MAX)];
            let events: Vec<yaoki_core::facts::Event> =
                conn.query(&yaoki_store::sql::EVENTS_BETWEEN, &all).expect("events can be read");
            let kinds: Vec<EventKind> = events.iter().rev().take(3).map(|row| row.kind).collect();
            let restored = EventKind::Restored;
            assert_eq!(kinds, [EventKind::BookOpened, restored, restored]);
            must_be_clean(&target);
        }
    }
}

// one storage: a restored SQLite file is another file
#[test]
fn a_node_that_still_runs_on_a_restored_database_stops() {
    let Some(mut db) = TestDatabase::postgres("runs_on") else { return };
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    let book = lived(&db).reopened(&db.database, move |node| {
        node.lanes = 1;
        node.fatal = Arc::new(move |error| {
            kept.lock().expect("no holder panics").push(error.to_string());
        });
    });
    let pay = |amount| book.pay(book.ask(1, 1), &book.code(ONE), amount, None);
    let (paid, late) = (pay(1), pay(2));
    book.operation(paid.clone());
    let file = save(&mut db, "book.backup");
    // An idle lane that has followed itself asks nothing of its database.
    let followed = "SELECT 1 FROM lane JOIN position ON position.lane = lane.id
        WHERE position.seq = lane.seq AND lane.holder = 'first'";
    wait_until_selected(&db.database, followed);
    let gone = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    db.connect(Purpose::Admin).run_script(gone).expect("the book can be dropped");
    bring_back(&file, &db.database, &[], book.clock.now()).expect("it is restored");
    assert_eq!(book.unknown(late), Unknown::StorageFailed);
    assert!([Unknown::StorageFailed, Unknown::Stopping].contains(&book.unknown(paid)));
    let said = said.lock().expect("no holder panics").clone();
    assert!(said[0].contains("was taken over by"), "{said:?}");
    drop(book);
    must_be_clean(&db);
}
