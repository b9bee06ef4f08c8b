//! Statements: each is understood by both storages, and none scans a table that grows.
//!
//! A plan is read on an empty schema, on 100,000 rows without statistics, and with them. A table
//! may be scanned only by a statement that says so, and only for offline work.

use std::collections::BTreeSet;

use yaoki_store::conn::Purpose;
use yaoki_store::sql::{self, Statement};
use yaoki_store::table::{TABLES, all_statements};
use yaoki_store::{Conn, on_both_storages};

/// Enough that a scan is a fault, and that a planner who counts rows would see it. Every second
/// operation is about the payment before it.
const ROWS: &str = "
    INSERT INTO member SELECT n, 0, 1000, 0, 0, n, 1, 0, 0, 0, 0, 0, n, {blob},
        0, 0, 0, 0, n, 1, 0, 0 FROM {numbers};
    INSERT INTO device (id, member, state, public_key) SELECT n, n, 0, {blob} FROM {numbers};
    INSERT INTO enrolment_link (digest, member, expires_at, device)
        SELECT {digest}, n, 1, 0 FROM {numbers};
    INSERT INTO credential SELECT n, n, 1, 0, 0, {digest}, {blob}, '' FROM {numbers};
    INSERT INTO contact SELECT {digest}, n, 1, 1, 0, n, 0, 0, '' FROM {numbers};
    INSERT INTO recovery SELECT n, n, 0, 3, 0, {blob}, {blob} FROM {numbers};
    INSERT INTO consent SELECT n, 1, n FROM {numbers};
    INSERT INTO challenge SELECT {digest}, 1, n, 1, 1, 0, 0, n, {digest}, {blob}, {blob}, ''
        FROM {numbers};
    INSERT INTO payment_proof SELECT n, n, n, {blob} FROM {numbers};
    INSERT INTO device_seen SELECT n, n, '' FROM {numbers};
    INSERT INTO operation (id, seq, terminal, kind, refusal, effect, business_date, member, amount,
        held_change, epoch, payment, previous, expires_at, request_id, fingerprint)
        SELECT n, n, 1, 1, 0, 0, 20700, n, 1, 0, 1, n - n % 2, n - 1, 0, {digest}, {blob}
        FROM {numbers};
    INSERT INTO transfer (id, member, debit, credit, amount, operation, seq, kind)
        SELECT n, n, 1, 2, 1, n, n, 1 FROM {numbers};
    INSERT INTO event SELECT n, n, 1, n, 0, 0, {digest}, {blob}, '', '', '' FROM {numbers};
    INSERT INTO acknowledgement SELECT n, 0, n FROM {numbers};
    INSERT INTO batch SELECT 0, n, n, n, n, 1, {blob} FROM {numbers};
    INSERT INTO payment_state SELECT n, n, 1, 0, 1, 0, 0 FROM {numbers};
    INSERT INTO ledger_list SELECT n % 100, n FROM {numbers};
    INSERT INTO proposal SELECT n, 1, 1, n, 3, 2, {digest}, '', '' FROM {numbers};
    INSERT INTO staff_session SELECT n, n, 0, 0, n, 0, {digest} FROM {numbers};
    INSERT INTO clerk SELECT n, n % 1000, 0, 0, 0, n, 0, '', {blob}, 0, 0, 0
        FROM {numbers};
    INSERT INTO card SELECT n, n, 0, n, 1, 1, {digest}, '', '' FROM {numbers};
    INSERT INTO top_up SELECT n, n, 1, 3, 1, n, n, 0, 1, 0, 0, n, n, 0, 0, 1, {blob}, ''
        FROM {numbers};
    INSERT INTO shift SELECT n, n, n % 100, 0, 1, 0, 0, 0, n FROM {numbers};
    INSERT INTO tally SELECT n / 100, n % 100, 1, 0, 1, 1 FROM {numbers};
    INSERT INTO message SELECT {digest}, n, 1, 1, 1, 1, 0, 0, n, n, n, n, 0, {digest}, '', '', ''
        FROM {numbers};";

fn fill(conn: &mut Conn) {
    let (numbers, digest, blob) = if conn.is_postgres() {
        ("generate_series(1, 100000) AS s (n)", "decode(md5(n::text), 'hex')", "''::bytea")
    } else {
        let numbers = "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < \
            100000) SELECT n FROM s)";
        (numbers, "CAST(printf('%016d', n * 7919 % 100003) AS BLOB)", "x''")
    };
    let rows = ROWS.replace("{numbers}", numbers).replace("{digest}", digest);
    conn.run_script(&rows.replace("{blob}", blob)).expect("the rows go in");
}

fn every_statement() -> Vec<&'static Statement> {
    let mut all = all_statements();
    all.extend(sql::ALL);
    all
}

/// The tables that grow, and the names by which statements call them.
fn grows(name: &str) -> bool {
    let aliases = [("o", "operation"), ("b", "operation"), ("t", "transfer"), ("l", "ledger_list")];
    let name = aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, table)| table);
    TABLES.iter().any(|table| table.grows && table.name == name)
}

/// The first step of a plan that reads a whole growing table, or a whole index of one.
fn scan(plan: &[String], postgres: bool) -> Option<&str> {
    plan.iter().enumerate().find_map(|(index, step)| {
        let scans =
            if postgres { scans_on_postgres(step, &plan[index + 1..]) } else { sqlite(step) };
        scans.then_some(step.as_str())
    })
}

/// SQLite says SEARCH where it goes by key, and SCAN where it does not.
fn sqlite(step: &str) -> bool {
    step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).is_some_and(grows)
}

/// PostgreSQL says by which condition an index is gone through, in the lines below the step.
fn scans_on_postgres(step: &str, below: &[String]) -> bool {
    // "->  Index Scan using operation_pkey on operation o  (cost=…".
    let Some((kind, rest)) = step.split_once(" Scan") else { return false };
    let mut own = below.iter().take_while(|line| !line.contains("->"));
    if kind.ends_with("Bitmap Heap") || own.any(|line| line.contains("Index Cond:")) {
        return false;
    }
    let table = rest.split_once(" on ").and_then(|(_, table)| table.split(' ').next());
    kind.ends_with("Bitmap Index") || table.is_some_and(grows)
}

/// Whether a statement reads one end of an index and nothing else: no condition, and a limit.
fn reads_an_end(text: &str) -> bool {
    !text.contains("WHERE") && text.contains(" ORDER BY ") && text.contains(" LIMIT ")
}

/// Reads every plan in the session of a lane.
fn check_plans(db: &yaoki_store::testing::TestDatabase, state: &str) {
    let conn = &mut db.connect(Purpose::Lane);
    let mut faults = Vec::new();
    for statement in every_statement().into_iter().filter(|statement| !statement.scans) {
        let plan = conn.explain(statement).expect(statement.name);
        if let Some(step) = scan(&plan, conn.is_postgres())
            && !reads_an_end(statement.sqlite())
        {
            let plan = plan.join("\n    ");
            faults.push(format!("{} on {state} scans, {step}:\n    {plan}", statement.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// one storage: names are the same for both.
#[test]
fn every_statement_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = every_statement().iter().map(|statement| statement.name).collect();
    assert_eq!(names.len(), every_statement().len());
}

on_both_storages! {
    fn no_statement_scans_a_table_that_grows(db: &mut TestDatabase) {
        let admin = &mut db.migrated();
        check_plans(db, "an empty schema");
        if admin.is_postgres() {
            for table in TABLES {
                let off = format!("ALTER TABLE {} SET (autovacuum_enabled = off)", table.name);
                admin.run_script(&off).expect("statistics wait");
            }
        }
        fill(admin);
        check_plans(db, "100,000 rows without statistics");
        admin.run_script("ANALYZE").expect("statistics are made");
        check_plans(db, "100,000 rows with statistics");
    }

    fn every_scanning_statement_is_understood_too(db: &mut TestDatabase) {
        drop(db.migrated());
        let conn = &mut db.connect(Purpose::Admin);
        for statement in every_statement().into_iter().filter(|statement| statement.scans) {
            conn.explain(statement).expect(statement.name);
        }
    }

    fn a_scan_is_noticed_with_the_settings_of_a_lane_and_without(db: &mut TestDatabase) {
        drop(db.migrated());
        for purpose in [Purpose::Lane, Purpose::Admin] {
            let conn = &mut db.connect(purpose);
            for statement in [&sql::COUNT_OPERATIONS, &sql::COUNT_TRANSFERS, &sql::COUNT_LINKS] {
                let plan = conn.explain(statement).expect(statement.name);
                let noticed = scan(&plan, conn.is_postgres()).is_some();
                assert!(noticed, "{}: {}", statement.name, plan.join(" / "));
            }
        }
    }
}
