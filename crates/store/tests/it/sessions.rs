//! Sessions: limits, settings, and what a fault of the storage means.

use yaoki_core::ids::MemberNumber;
use yaoki_core::row::Value;
use yaoki_core::state::{CodeSecret, Member};
use yaoki_store::conn::{CheckpointMode, Purpose};
use yaoki_store::testing::TestDatabase;
use yaoki_store::{Conn, Database, StoreError, on_both_storages, sql};

const SECRET: [u8; 32] = [0xab; 32];

fn member(number: i64) -> Member {
    let mut member = Member::new(MemberNumber(number));
    member.code_secret = CodeSecret(SECRET);
    member
}

on_both_storages! {
    fn an_error_never_quotes_a_secret(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        conn.insert(&[&member(1)]).unwrap();
        let error = conn.run_script("UPDATE member SET money = NULL").expect_err("it must be set");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("abab") && !said.contains("171, 171"), "{said}");
        assert!(said.contains("money"), "{said}");
        assert!(!error.is_conflict() && !error.is_connection_lost() && !error.is_disk_failure());
    }

    fn a_read_ends_after_two_seconds(db: &mut TestDatabase) {
        let mut admin = db.migrated();
        admin.run_script("CREATE TABLE n (i BIGINT NOT NULL)").unwrap();
        // A thousand rows, joined with themselves until nobody can wait for it.
        admin.run_script("INSERT INTO n VALUES (1)").unwrap();
        for _ in 0..10 {
            admin.run_script("INSERT INTO n SELECT i FROM n").unwrap();
        }
        admin.run_script(
            "DROP TABLE merchant; CREATE VIEW merchant AS
             SELECT COUNT(*) AS number, 'x' AS name FROM n a, n b, n c, n d
             WHERE a.i + b.i + c.i + d.i < 0",
        ).unwrap();
        let reader = &mut db.connect(Purpose::Reader);
        let endless = reader.query::<yaoki_core::state::Merchant>(&sql::MERCHANTS, &[]);
        let error = endless.expect_err("it takes hours");
        assert!(error.is_deadline(), "{error}");
        let next = reader.query::<yaoki_core::state::Store>(&sql::STORES, &[]);
        assert_eq!(next.unwrap(), [], "the next read has its own time");
    }

    fn a_connection_works_again_once_a_failed_statement_is_rolled_back(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        conn.begin().unwrap();
        conn.run_script("SELECT * FROM nothing").expect_err("there is no such table");
        conn.rollback().unwrap();
        conn.insert(&[&member(1)]).expect("it works again");
    }

    fn an_argument_of_another_type_is_a_fault_of_ours_not_a_lost_connection(
        db: &mut TestDatabase
    ) {
        let conn = &mut db.migrated();
        let wrong = [Value::Text("x"), Value::Bytes(b"y"), Value::Text("z")];
        match conn.query::<yaoki_core::facts::Batch>(&sql::BATCHES_AFTER, &wrong) {
            // SQLite compares what cannot be compared, and refuses only the limit.
            Ok(rows) => assert!(!conn.is_postgres() && rows.is_empty()),
            Err(error) => assert!(!error.is_connection_lost() && !error.is_conflict(), "{error}"),
        }
    }
}

// one storage: PostgreSQL answers the COMMIT of a failed transaction with a silent ROLLBACK.
#[test]
fn a_failed_transaction_is_never_taken_for_a_committed_one() {
    let Some(db) = TestDatabase::postgres("failed_transaction") else { return };
    let mut conn = db.migrated();
    conn.begin().unwrap();
    conn.insert(&[&member(1)]).unwrap();
    conn.run_script("SELECT * FROM nothing").expect_err("there is no such table");
    let commit = std::panic::AssertUnwindSafe(|| conn.commit());
    std::panic::catch_unwind(commit).expect_err("a commit would be a lie");
}

// one storage: an SQLite file belongs to this process.
#[test]
fn a_session_that_was_ended_is_a_lost_connection() {
    let Some(db) = TestDatabase::postgres("ended_session") else { return };
    let (mut admin, mut lane) = (db.migrated(), db.connect(Purpose::Lane));
    lane.begin().unwrap();
    admin
        .run_script(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
    let error = lane.find::<Member, _>(&[1_i64]).expect_err("the session is gone");
    assert!(error.is_connection_lost() && !error.is_conflict(), "{error}");
    let error = lane.rollback().expect_err("and stays gone");
    assert!(error.is_connection_lost(), "{error}");
    let nowhere: Database = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    let error = Conn::open(&nowhere, Purpose::Lane).err().expect("nothing listens there");
    assert!(error.is_connection_lost(), "{error}");
}

// one storage: SQLite has no settings of a server.
#[test]
fn a_server_that_can_lose_acknowledged_commits_is_refused() {
    let Some(db) = TestDatabase::postgres("durability") else { return };
    let mut conn = db.migrated();
    // A server for tests may be started without fsync: then that is what is said first.
    let before = conn.check_durability().err().map(|error| error.to_string());
    assert!(before.is_none_or(|said| said.contains("fsync") || said.contains("full_page")));
    for weak in ["off", "local", "remote_write"] {
        let name = db.database.to_string();
        let name = name.rsplit_once('/').unwrap().1;
        let set = format!("ALTER DATABASE {name} SET synchronous_commit = {weak}");
        conn.run_script(&set).unwrap();
        let refused = db.connect(Purpose::Lane).check_durability();
        assert!(matches!(refused, Err(StoreError::NotDurable { .. })), "{weak}");
    }
}

// one storage: PostgreSQL has many writers.
#[test]
fn a_file_that_another_writer_holds_is_a_conflict() {
    let db = TestDatabase::sqlite("busy");
    let mut holder = db.migrated();
    holder.begin().unwrap();
    let error = db.connect(Purpose::Lane).begin().expect_err("it waits, then gives up");
    assert!(error.is_conflict() && !error.is_disk_failure(), "{error}");
    holder.rollback().unwrap();
}

// one storage: a file is SQLite's.
#[test]
fn only_an_admin_makes_a_file_and_nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let db = TestDatabase::sqlite("private");
    for purpose in [Purpose::Lane, Purpose::Reader] {
        let error = Conn::open(&db.database, purpose).err().expect("there is no file");
        assert!(matches!(error, StoreError::NoFile { .. }), "{error}");
    }
    drop(db.migrated());
    let mut conn = db.connect(Purpose::Lane);
    conn.insert(&[&member(1)]).unwrap();
    let Database::Sqlite(path) = &db.database else { panic!("it is a file") };
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

// one storage: the write-ahead log is SQLite's.
#[test]
fn the_log_counts_what_is_in_use_and_starts_anew_when_all_is_moved() {
    let db = TestDatabase::sqlite("log");
    drop(db.migrated());
    let mut conn = db.connect(Purpose::Lane);
    conn.checkpoint(CheckpointMode::Truncate).unwrap();
    let write = |conn: &mut Conn, from: i64| {
        let rows: Vec<Member> = (from..from + 5000).map(member).collect();
        conn.begin().unwrap();
        conn.insert(&rows.iter().collect::<Vec<_>>()).unwrap();
        conn.commit().unwrap();
    };
    write(&mut conn, 1);
    let first = conn.wal_bytes();
    assert!(first > 100_000, "{first}");
    conn.checkpoint(CheckpointMode::Passive).unwrap();
    assert_eq!(conn.wal_bytes(), 0, "all is moved");
    write(&mut conn, 10_000);
    assert!(conn.wal_bytes() < 2 * first, "the log began anew");
    let mut reader = db.connect(Purpose::Reader);
    reader.begin().unwrap();
    reader.find::<Member, _>(&[1_i64]).unwrap();
    write(&mut conn, 20_000);
    let pinned = conn.wal_bytes();
    conn.checkpoint(CheckpointMode::Passive).expect("a reader in the way is no error");
    assert_eq!(conn.wal_bytes(), pinned, "what a reader may still need is in use");
}
