//! Migrations: run once, by one node, and a schema that is not ours is refused.

use yaoki_core::money::Currency;
use yaoki_core::time::Instant;
use yaoki_store::conn::Purpose;
use yaoki_store::migrate::{MIGRATIONS, create, migrate, schema_version};
use yaoki_store::table::Switchboard;
use yaoki_store::testing::{TestBook, TestClock, options};
use yaoki_store::{Book, BookKind, Conn, StoreError, on_both_storages};

/// A book before members had more than a device by a link, and before there were operators.
const WITHOUT_PEOPLE: &str = "
    DROP INDEX event_policy; DROP INDEX event_of_standing;
    DROP TABLE card; DROP TABLE top_up; DROP TABLE shift;
    ALTER TABLE store DROP COLUMN cash_allotted;
    ALTER TABLE store DROP COLUMN cash_taken;
    ALTER TABLE member DROP COLUMN paid_day; ALTER TABLE member DROP COLUMN paid_day_oldest;
    ALTER TABLE member DROP COLUMN paid_month; ALTER TABLE member DROP COLUMN paid_month_oldest;
    ALTER TABLE member DROP COLUMN device_since; ALTER TABLE member DROP COLUMN device_evidence;
    ALTER TABLE member DROP COLUMN confirmed_at; ALTER TABLE member DROP COLUMN verification;
    DROP TABLE operator; DROP TABLE operator_link; DROP TABLE operator_passkey;
    DROP TABLE proposal; DROP TABLE staff_session; DROP TABLE clerk;
    DROP TABLE credential; DROP TABLE contact; DROP TABLE recovery; DROP TABLE consent;
    DROP TABLE challenge; DROP TABLE device_seen;
    ALTER TABLE payment_proof RENAME TO kept_proof;
    ALTER TABLE device DROP COLUMN way; ALTER TABLE device DROP COLUMN label;
    ALTER TABLE device DROP COLUMN session; ALTER TABLE device DROP COLUMN verified_at;
    ALTER TABLE device DROP COLUMN evidence; ALTER TABLE device DROP COLUMN pays_since;
    ALTER TABLE device DROP COLUMN pays_from; ALTER TABLE device DROP COLUMN counts_from;
    ALTER TABLE enrolment_link DROP COLUMN inviter; ALTER TABLE store DROP COLUMN clerks;";

/// Proofs came with members; those of the book that was lived in are put back.
const WITH_ITS_PROOFS: &str =
    "INSERT INTO payment_proof SELECT * FROM kept_proof; DROP TABLE kept_proof";

fn newest() -> i64 {
    MIGRATIONS.last().expect("there is a first one").number
}

on_both_storages! {
    fn a_migration_is_run_once(db: &mut TestDatabase) {
        let conn = &mut db.connect(Purpose::Admin);
        assert_eq!(schema_version(conn).unwrap(), 0);
        assert_eq!(migrate(conn).unwrap().len(), MIGRATIONS.len());
        assert_eq!(schema_version(conn).unwrap(), newest());
        assert_eq!(migrate(conn).unwrap().len(), 0, "there is nothing left to do");
        assert_eq!(conn.find::<Switchboard, _>(&[1_i64]).unwrap().len(), 1);
    }

    fn tallies_of_a_book_that_has_none_are_made_from_what_was_followed(db: &mut TestDatabase) {
        let book = crate::verify::lived(db);
        let mut conn = db.connect(Purpose::Admin);
        // What was followed to its end, and what was not.
        conn.run_script(WITHOUT_PEOPLE).unwrap();
        let script = "DROP TABLE tally; DROP TABLE message;
            DELETE FROM migration WHERE number >= 4";
        conn.run_script(script).unwrap();
        assert_eq!(migrate(&mut conn).unwrap().len(), MIGRATIONS.len() - 3);
        conn.run_script(WITH_ITS_PROOFS).unwrap();
        drop(conn);
        assert!(crate::verify::must_be_clean(db).counts.tallies > 0);
        let again = TestBook::open(&db.database, book.clock, "first");
        again.paid(yaoki_core::ids::MemberNumber(1), 1, 10);
        again.book.close();
        crate::verify::must_be_clean(db);
    }

    fn devices_that_came_by_links_are_what_their_events_say_of_them(db: &mut TestDatabase) {
        drop(crate::verify::lived(db));
        let mut conn = db.connect(Purpose::Admin);
        conn.run_script(WITHOUT_PEOPLE).unwrap();
        conn.run_script("DELETE FROM migration WHERE number >= 6").unwrap();
        assert_eq!(migrate(&mut conn).unwrap().len(), MIGRATIONS.len() - 5);
        conn.run_script(WITH_ITS_PROOFS).unwrap();
        drop(conn);
        assert!(crate::verify::must_be_clean(db).counts.devices > 0);
    }

    fn nodes_that_migrate_at_once_run_each_migration_once(db: &mut TestDatabase) {
        let database = &db.database;
        drop(db.connect(Purpose::Admin));
        let run = || migrate(&mut Conn::open(database, Purpose::Admin).unwrap()).unwrap().len();
        let counts: Vec<usize> = std::thread::scope(|scope| {
            let nodes: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).collect()
        });
        assert_eq!(counts.iter().sum::<usize>(), MIGRATIONS.len(), "{counts:?}");
    }

    fn a_book_is_born_once_and_keeps_its_kind(db: &mut TestDatabase) {
        let born = |kind| create(&db.database, kind, Currency::JPY, "Asia/Tokyo", Instant(1));
        born(BookKind::Live).unwrap();
        assert!(matches!(born(BookKind::Demo), Err(StoreError::BookExists)));
        let conn = &mut db.connect(Purpose::Reader);
        assert_eq!(yaoki_store::table::Book::load(conn).unwrap().kind, BookKind::Live);
    }

    fn a_database_without_a_book_is_refused(db: &mut TestDatabase) {
        drop(db.connect(Purpose::Admin));
        let opened = Book::open(options(&db.database, &TestClock::default(), "node"));
        assert!(matches!(opened.err(), Some(StoreError::BookMissing)));
    }

    fn an_older_schema_is_refused_with_what_mends_it(db: &mut TestDatabase) {
        create(&db.database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", Instant(1)).unwrap();
        let conn = &mut db.connect(Purpose::Admin);
        // No release has worked on it: migrations are numbered from 1.
        conn.run_script("DELETE FROM migration; INSERT INTO migration VALUES (-1, 'before')")
            .unwrap();
        let opened = Book::open(options(&db.database, &TestClock::default(), "node"));
        let refused = opened.expect_err("it is older than any");
        assert!(matches!(refused, StoreError::SchemaTooOld { found: -1, .. }), "{refused}");
        assert!(refused.to_string().contains("run `yaoki migrate`"), "{refused}");
    }

    fn a_newer_schema_is_refused(db: &mut TestDatabase) {
        create(&db.database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", Instant(1)).unwrap();
        let conn = &mut db.connect(Purpose::Admin);
        conn.run_script("INSERT INTO migration VALUES (999, 'later')").unwrap();
        let said = migrate(conn).expect_err("it is not known").to_string();
        assert!(said.contains("999") && said.contains("run a newer release"), "{said}");
        let opened = Book::open(options(&db.database, &TestClock::default(), "node"));
        assert!(matches!(opened.err(), Some(StoreError::SchemaTooNew { found: 999, .. })));
    }
}
