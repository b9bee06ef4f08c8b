//! Whoever changes a row behind the book's back is found, and the row is named.

use std::collections::BTreeMap;

use yaoki_core::chain::{Facts, extend};
use yaoki_core::facts::{Acknowledgement, Batch, Event, EventKind, Operation, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, MemberNumber, WebhookNumber};
use yaoki_core::row::Value;
use yaoki_core::state::{
    CodeSecret, Device, DeviceState, EnrolmentLink, Lane, Member, Merchant, PaymentState,
    PaymentStatus,
};
use yaoki_core::switches::Switch;
use yaoki_core::time::Instant;
use yaoki_core::webhook::{Webhook, WebhookState};
use yaoki_store::conn::{Conn, Purpose};
use yaoki_store::table::{Balance, LedgerList, Position, Record, Tally};
use yaoki_store::testing::TestDatabase;
use yaoki_store::verify::Report;
use yaoki_store::{on_both_storages, sql};

use crate::verify::{anchor, lived, must_be_clean, report};

const EVERYTHING: [Value<'static>; 2] = [Value::Int(0), Value::Int(i64::MAX)];

fn rows<T: Record>(conn: &mut Conn, statement: &'static sql::Statement) -> Vec<T> {
    let arguments: &[Value<'_>] = match statement.arguments {
        0 => &[],
        2 => &[Value::Int(0), Value::Int(100_000)],
        _ => &[Value::Int(0), Value::Int(0), Value::Int(100_000)],
    };
    conn.query(statement, arguments).expect("rows can be read")
}

fn put<T: Record>(conn: &mut Conn, row: &T) {
    assert_eq!(conn.upsert(&[row]).expect("it can be written"), 1);
}

fn drop_row<T: Record>(conn: &mut Conn, row: &T) {
    assert_eq!(conn.delete(row).expect("it can be deleted"), 1);
}

/// A finding names this row, and the report begins with `first`.
fn must_name(report: &Report, first: &[&str], table: &str, key: &str) {
    let named = report.findings.iter().any(|found| {
        let mentioned = found.problem.contains(&format!("{table} {key}"));
        (found.table == table && found.key == key) || mentioned
    });
    assert!(named, "{table} {key} is not named:\n{report}");
    let table = report.first().expect("something is found").table;
    assert!(first.contains(&table), "the first is of {table}:\n{report}");
}

/// Tampers with a book that has lived, and looks at it.
fn after(db: &TestDatabase, tamper: impl FnOnce(&mut Conn) -> (&'static str, String)) {
    lived(db);
    let mut conn = db.connect(Purpose::Admin);
    let (table, key) = tamper(&mut conn);
    drop(conn);
    must_name(
        &report(db, &[]),
        &[table, "batch", "transfer", "operation", "acknowledgement"],
        table,
        &key,
    );
}

fn paid(conn: &mut Conn) -> Operation {
    let all: Vec<Operation> = rows(conn, &sql::OPERATIONS_AFTER);
    all.into_iter().find(|row| row.begins_payment() && row.amount == 1500).expect("it is there")
}

fn last_merchant(conn: &mut Conn) -> Event {
    let all: Vec<Event> = rows(conn, &sql::EVENTS_AFTER);
    let found = all.into_iter().rfind(|row| row.kind == EventKind::MerchantCreated);
    found.expect("merchants were created")
}

fn transfer(conn: &mut Conn) -> Transfer {
    let operation = paid(conn);
    conn.find::<Transfer, _>(&[operation.id.plus(1)])
        .expect("it can be read")
        .pop()
        .expect("it is there")
}

/// Computes every head anew, as someone would who can write everything.
fn recompute(conn: &mut Conn) {
    let mut facts: BTreeMap<(LaneNumber, i64), Facts> = BTreeMap::new();
    for row in conn.query::<Operation>(&sql::OPERATIONS_BETWEEN, &EVERYTHING).expect("rows") {
        facts.entry((row.id.lane(), row.seq)).or_default().operations.push(row);
    }
    for row in conn.query::<Transfer>(&sql::TRANSFERS_BETWEEN, &EVERYTHING).expect("rows") {
        facts.entry((row.id.lane(), row.seq)).or_default().transfers.push(row);
    }
    for row in conn.query::<Event>(&sql::EVENTS_BETWEEN, &EVERYTHING).expect("rows") {
        facts.entry((row.id.lane(), row.seq)).or_default().events.push(row);
    }
    for row in rows::<Acknowledgement>(conn, &sql::ACKNOWLEDGEMENTS_AFTER) {
        facts.entry((row.lane, row.seq)).or_default().acknowledgements.push(row);
    }
    let lanes: Vec<Lane> = rows(conn, &sql::LANES);
    for lane in lanes {
        let mut head = [0; 32];
        let arguments = [Value::Int(lane.id.0), Value::Int(0), Value::Int(100_000)];
        for batch in conn.query::<Batch>(&sql::BATCHES_AFTER, &arguments).expect("rows") {
            let facts = &facts[&(lane.id, batch.seq)];
            head = extend(&head, lane.id, batch.seq, batch.at, facts);
            put(conn, &Batch { head, ..batch });
        }
        put(conn, &Lane { head, ..lane });
    }
}

/// Renames the last merchant in fact, row and chain.
fn rewrite(conn: &mut Conn) -> Event {
    let event = last_merchant(conn);
    let event = Event { text: "another".to_owned(), ..event };
    put(conn, &event);
    let number = yaoki_core::ids::MerchantNumber(event.subject);
    put(conn, &Merchant { number, name: event.text.clone() });
    recompute(conn);
    event
}

/// Takes back the last commit, which created a merchant, with all that it left.
fn cut(conn: &mut Conn) -> (LaneNumber, i64) {
    let event = last_merchant(conn);
    let (lane, seq) = (event.id.lane(), event.seq);
    drop_row(conn, &event);
    let number = yaoki_core::ids::MerchantNumber(event.subject);
    drop_row(conn, &Merchant { number, name: String::new() });
    let batches = conn.find::<Batch, _>(&[(lane, seq), (lane, seq - 1)]).expect("rows");
    let (last, before): (Vec<Batch>, Vec<Batch>) =
        batches.into_iter().partition(|batch| batch.seq == seq);
    drop_row(conn, &last[0]);
    let row = conn.find::<Lane, _>(&[lane]).expect("rows").pop().expect("the lane is there");
    assert_eq!(row.seq, seq, "it is the last commit");
    let (head, last_id) = (before[0].head, before[0].last_id);
    put(conn, &Lane { seq: seq - 1, head, last_id, ..row });
    let positions: Vec<Position> = rows(conn, &sql::POSITIONS);
    for position in positions.into_iter().filter(|position| position.lane == lane) {
        let seq = position.seq.min(seq - 1);
        put(conn, &Position { seq, ..position });
    }
    (lane, seq)
}

on_both_storages! {
    fn a_changed_url_of_a_webhook_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = rows::<Webhook>(conn, &sql::WEBHOOKS).pop().expect("one is there");
            put(conn, &Webhook { url: "https://thief.example/".to_owned(), ..row.clone() });
            ("webhook", row.number.0.to_string())
        });
    }

    fn a_deleted_and_an_invented_webhook_are_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = rows::<Webhook>(conn, &sql::WEBHOOKS).pop().expect("one is there");
            drop_row(conn, &row);
            ("webhook", row.number.0.to_string())
        });
        let mut conn = db.connect(Purpose::Admin);
        let number = WebhookNumber(77);
        let row = Webhook {
            number,
            merchant: yaoki_core::ids::MerchantNumber(1),
            url: "https://thief.example/".to_owned(),
            state: WebhookState::Active,
            generation: 1,
            previous_until: Instant(0),
        };
        put(&mut conn, &row);
        put(&mut conn, &Position { name: "webhook:77".to_owned(), lane: LaneNumber(0), seq: 1 });
        drop(conn);
        let report = report(db, &[]);
        must_name(&report, &["webhook", "position"], "webhook", "77");
        must_name(&report, &["webhook", "position"], "position", "webhook:77, 0");
    }

    fn a_changed_amount_of_an_operation_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            put(conn, &Operation { amount: row.amount + 1, ..row.clone() });
            ("operation", row.id.0.to_string())
        });
    }

    fn a_changed_epoch_of_an_operation_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            put(conn, &Operation { epoch: row.epoch + 1, ..row.clone() });
            ("operation", row.id.0.to_string())
        });
    }

    fn an_operation_taken_off_its_members_list_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            put(conn, &Operation { previous: FactId::NONE, ..row.clone() });
            ("operation", row.id.0.to_string())
        });
    }

    fn a_list_that_begins_elsewhere_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let text = "UPDATE member SET last_operation = 0 WHERE number = 2";
            conn.run_script(text).expect("it can be changed");
            ("member", "2".to_owned())
        });
    }

    fn a_changed_transfer_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = transfer(conn);
            put(conn, &Transfer { amount: row.amount - 1, ..row.clone() });
            ("transfer", row.id.0.to_string())
        });
    }

    fn a_changed_event_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = last_merchant(conn);
            put(conn, &Event { actor: "nobody".to_owned(), ..row.clone() });
            ("event", row.id.0.to_string())
        });
    }

    fn a_changed_acknowledgement_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = rows::<Acknowledgement>(conn, &sql::ACKNOWLEDGEMENTS_AFTER).remove(0);
            put(conn, &Acknowledgement { seq: row.seq + 1_000_000, ..row.clone() });
            ("acknowledgement", row.operation.0.to_string())
        });
    }

    fn a_deleted_operation_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            drop_row(conn, &row);
            ("payment_state", row.id.0.to_string())
        });
    }

    fn a_deleted_transfer_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = transfer(conn);
            drop_row(conn, &row);
            ("operation", row.operation.0.to_string())
        });
    }

    fn a_deleted_commit_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            let key = [(row.id.lane(), row.seq)];
            let batch = conn.find::<Batch, _>(&key).expect("rows").remove(0);
            drop_row(conn, &batch);
            ("batch", format!("{}, {}", batch.lane.0, batch.seq))
        });
    }

    fn an_inserted_operation_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            let request_id = yaoki_core::ids::RequestId([77; 16]);
            let (id, seq) = (FactId(row.id.0 + (1 << 40)), row.seq + 1_000_000);
            put(conn, &Operation { id, seq, request_id, payment: id, ..row });
            ("operation", id.0.to_string())
        });
    }

    fn an_inserted_transfer_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = transfer(conn);
            let id = FactId(row.id.0 + (1 << 40));
            put(conn, &Transfer { id, ..row.clone() });
            ("transfer", id.0.to_string())
        });
    }

    fn an_inserted_event_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = last_merchant(conn);
            let request_id = yaoki_core::ids::RequestId([78; 16]);
            let (id, seq) = (FactId(row.id.0 + 4), row.seq + 1);
            put(conn, &Event { id, seq, request_id, ..row });
            ("event", id.0.to_string())
        });
    }

    fn a_row_with_an_unknown_code_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = paid(conn);
            let text = format!("UPDATE operation SET kind = 99 WHERE id = {}", row.id.0);
            conn.run_script(&text).expect("it can be changed");
            ("operation", row.id.0.to_string())
        });
    }

    fn a_raised_balance_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            conn.run_script("UPDATE member SET money = money + 5 WHERE number = 2").expect("sql");
            ("member", "2".to_owned())
        });
    }

    fn a_changed_epoch_of_a_member_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let text = "UPDATE member SET code_epoch = code_epoch - 1 WHERE number = 2";
            conn.run_script(text).expect("it can be changed");
            ("member", "2".to_owned())
        });
    }

    fn a_swapped_code_secret_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = conn.find::<Member, _>(&[MemberNumber(2)]).expect("rows").remove(0);
            put(conn, &Member { code_secret: CodeSecret([1; 32]), ..row });
            ("member", "2".to_owned())
        });
    }

    fn a_deleted_and_an_invented_member_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let row = conn.find::<Member, _>(&[MemberNumber(2)]).expect("rows").remove(0);
        drop_row(&mut conn, &row);
        put(&mut conn, &Member { number: MemberNumber(50), money: 0, points: 0, ..row });
        drop(conn);
        let report = report(db, &[]);
        must_name(&report, &["member"], "member", "2");
        must_name(&report, &["member"], "member", "50");
    }

    fn a_swapped_public_key_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let row = rows::<Device>(conn, &sql::DEVICES_AFTER).remove(0);
            put(conn, &Device { public_key: vec![6; 65], ..row.clone() });
            ("device", row.id.0.to_string())
        });
    }

    fn an_invented_a_deleted_and_a_revived_device_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let all: Vec<Device> = rows(&mut conn, &sql::DEVICES_AFTER);
        let ended = all.iter().find(|row| row.state == DeviceState::Ended).expect("one ended");
        put(&mut conn, &Device { state: DeviceState::Active, ..ended.clone() });
        let gone = all.iter().find(|row| row.state == DeviceState::Active).expect("one is active");
        drop_row(&mut conn, gone);
        let invented = FactId(gone.id.0 + 1);
        put(&mut conn, &Device { id: invented, ..gone.clone() });
        drop(conn);
        let report = report(db, &[]);
        for id in [ended.id, gone.id, invented] {
            must_name(&report, &["device"], "device", &id.0.to_string());
        }
    }

    fn a_link_that_was_prolonged_renewed_invented_or_deleted_is_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let all: Vec<EnrolmentLink> =
            conn.query(&sql::LINKS_AFTER, &[Value::Bytes(&[]), Value::Int(100)]).expect("rows");
        let mut all = all.into_iter();
        let mut next = || all.next().expect("there are six links");
        let (one, two, three) = (next(), next(), next());
        put(&mut conn, &EnrolmentLink { expires_at: Instant(i64::MAX), ..one.clone() });
        put(&mut conn, &EnrolmentLink { device: FactId(9), ..two.clone() });
        drop_row(&mut conn, &three);
        let invented = EnrolmentLink { digest: [3; 32], device: FactId::NONE, ..three.clone() };
        put(&mut conn, &invented);
        put(&mut conn, &EnrolmentLink { digest: [2; 32], ..invented.clone() });
        drop(conn);
        let report = report(db, &[]);
        let hex = |digest: [u8; 32]| {
            let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            digits.concat()
        };
        for link in [one, two, three, invented] {
            must_name(&report, &["enrolment_link"], "enrolment_link", &hex(link.digest));
        }
    }

    fn a_reopened_and_an_invented_switch_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let row = rows::<Switch>(&mut conn, &sql::SWITCHES).remove(0);
        drop_row(&mut conn, &row);
        put(&mut conn, &Switch { subject: 1, ..row });
        drop(conn);
        let report = report(db, &[]);
        must_name(&report, &["switch"], "switch", "1, 2, 4");
        must_name(&report, &["switch"], "switch", "1, 2, 1");
    }

    fn a_resumed_terminal_and_a_moved_store_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        conn.run_script("UPDATE terminal SET suspended = 0 WHERE number = 8").expect("sql");
        conn.run_script("UPDATE store SET merchant = 2 WHERE number = 1").expect("sql");
        drop(conn);
        let report = report(db, &[]);
        must_name(&report, &["store"], "store", "1");
        must_name(&report, &["store"], "terminal", "8");
    }

    fn a_changed_payment_state_is_found(db: &mut TestDatabase) {
        after(db, |conn| {
            let all: Vec<PaymentState> = rows(conn, &sql::PAYMENT_STATES_AFTER);
            let row = all.into_iter().find(|row| row.refunded == 500).expect("one is refunded");
            put(conn, &PaymentState { refunded: 0, ..row.clone() });
            ("payment_state", row.payment.0.to_string())
        });
    }

    fn a_deleted_and_an_invented_payment_state_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let row = rows::<PaymentState>(&mut conn, &sql::PAYMENT_STATES_AFTER).remove(0);
        drop_row(&mut conn, &row);
        let payment = FactId(row.payment.0 + 1);
        put(&mut conn, &PaymentState { payment, status: PaymentStatus::Paid, ..row.clone() });
        drop(conn);
        let report = report(db, &[]);
        for payment in [row.payment, payment] {
            must_name(&report, &["payment_state"], "payment_state", &payment.0.to_string());
        }
    }

    fn a_changed_and_an_invented_daily_balance_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let row = rows::<Balance>(&mut conn, &sql::BALANCES_AFTER).remove(0);
        put(&mut conn, &Balance { amount: row.amount + 1, ..row.clone() });
        put(&mut conn, &Balance { day: row.day + 1, ..row.clone() });
        drop(conn);
        let report = report(db, &[]);
        for day in [row.day, row.day + 1] {
            let key = format!("{}, {day}", row.account.0);
            must_name(&report, &["balance"], "balance", &key);
        }
    }

    fn a_changed_a_deleted_and_an_invented_tally_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let arguments = [0, 0, 0, 0, 100].map(Value::Int);
        let all: Vec<Tally> = conn.query(&sql::TALLIES_AFTER, &arguments).expect("rows");
        let (changed, deleted) = (&all[0], &all[1]);
        put(&mut conn, &Tally { amount: changed.amount + 1, ..changed.clone() });
        drop_row(&mut conn, deleted);
        let invented = Tally { hour: changed.hour + 1, ..changed.clone() };
        put(&mut conn, &invented);
        drop(conn);
        let report = report(db, &[]);
        for row in [changed, deleted, &invented] {
            let (kind, outcome) = (row.kind.code(), row.outcome.code());
            let key = format!("{}, {}, {kind}, {outcome}", row.hour, row.store.0);
            must_name(&report, &["tally"], "tally", &key);
        }
        assert_eq!(report.found, 3, "{report}");
    }

    fn a_deleted_and_an_invented_list_entry_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        let all: Vec<LedgerList> = rows(&mut conn, &sql::LEDGER_LIST_AFTER);
        drop_row(&mut conn, &all[0]);
        drop_row(&mut conn, &all[1]);
        let invented = LedgerList { operation: FactId(5), ..all[0].clone() };
        assert_eq!(conn.insert(&[&invented]).expect("it can be written"), 1);
        drop(conn);
        let report = report(db, &[]);
        for row in [&all[0], &all[1], &invented] {
            let key = format!("{}, {}", row.account.0, row.operation.0);
            must_name(&report, &["ledger_list"], "ledger_list", &key);
        }
    }

    fn a_lane_and_a_book_that_were_set_back_are_found(db: &mut TestDatabase) {
        lived(db);
        let mut conn = db.connect(Purpose::Admin);
        conn.run_script("UPDATE lane SET seq = seq - 1 WHERE id = 0").expect("sql");
        conn.run_script("UPDATE book SET code_generation = 2").expect("sql");
        conn.run_script("DELETE FROM switchboard").expect("sql");
        drop(conn);
        let report = report(db, &[]);
        for (table, key) in [("lane", "0"), ("book", "1"), ("switchboard", "1")] {
            must_name(&report, &["position", "batch", "lane"], table, key);
        }
    }

    fn a_recomputed_chain_is_found_with_an_anchor_only(db: &mut TestDatabase) {
        let book = lived(db);
        let anchor = anchor(db, book.clock.now());
        let mut conn = db.connect(Purpose::Admin);
        let event = rewrite(&mut conn);
        drop(conn);
        let text = must_be_clean(db).to_string();
        assert!(text.contains("not proof against someone who could rewrite all of it"), "{text}");
        let report = report(db, &[anchor]);
        let key = format!("{}, {}", event.id.lane().0, event.seq);
        must_name(&report, &["batch"], "batch", &key);
        assert!(report.to_string().contains("computed anew"), "{report}");
    }

    fn a_cut_tail_is_found_with_an_anchor_only(db: &mut TestDatabase) {
        let book = lived(db);
        let anchor = anchor(db, book.clock.now());
        let mut conn = db.connect(Purpose::Admin);
        let (lane, seq) = cut(&mut conn);
        drop(conn);
        let text = must_be_clean(db).to_string();
        assert!(text.contains("not proof against someone who could rewrite all of it"), "{text}");
        let report = report(db, &[anchor]);
        must_name(&report, &["batch"], "batch", &format!("{}, {seq}", lane.0));
        assert!(report.to_string().contains("the tail was cut"), "{report}");
    }
}
