//! What a register hears when the book cannot take or finish its request: `unknown`, when to ask
//! again, and later the outcome under the same request id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use yaoki_core::facts::Operation;
use yaoki_core::ids::{FactId, RequestId};
use yaoki_core::time::Instant;
use yaoki_server::client::Answer;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::conn::Purpose;
use yaoki_store::testing::{TestDatabase, nothing_in_lane};
use yaoki_store::{Answer as Said, Part, Unknown, on_both_storages, read};

use crate::bad_input::{must_be_a_problem, post};
use crate::world::{MONEY, World, told};

/// The most that wait in front of one lane.
const QUEUED_MAX: usize = 4096;

/// A refusal for the moment, that says when to ask again.
fn must_ask_again(answer: &Answer, expected: &str) {
    assert_eq!(told(answer), expected);
    must_be_a_problem(answer, expected);
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{expected}: {seconds:?}");
}

/// Fills one part of one lane's queue with commands that change nothing.
fn fill(world: &World, part: Part, lane: usize) {
    let is_full = Arc::new(AtomicBool::new(false));
    while !is_full.load(Ordering::SeqCst) {
        let full = Arc::clone(&is_full);
        let reply = Box::new(move |answer| {
            if matches!(answer, Said::Unknown(Unknown::QueueFull)) {
                full.store(true, Ordering::SeqCst);
            }
        });
        world.book.submit(part, nothing_in_lane(lane), Instant(i64::MAX), reply);
    }
}

fn body(world: &World, amount: i64) -> String {
    world.register(&world.till).payment_body(&world.payment(0, amount)).to_string()
}

fn payment_of(answer: &Value) -> FactId {
    let text = answer["payment"].as_str().expect("a payment");
    FactId(identifier::parse(Kind::Payment, text).expect("an identifier"))
}

on_both_storages! {
    fn when_4096_wait_a_register_is_told_to_ask_again_and_then_pays_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let body = body(&world, 100);
        let held = db.hold_lanes(&world.book, "node");
        let lanes = world.book.health().lanes;
        for lane in 0..lanes {
            for part in [Part::Money, Part::Members, Part::Strangers] {
                fill(&world, part, lane);
            }
        }
        assert_eq!(world.book.health().queued, QUEUED_MAX * lanes);
        must_ask_again(&post(&world, "/v1/payments", body.as_bytes()), "503 busy");
        // Whoever only looks is served: no queue is in front of readers.
        world.run(device.wallet()).expect("a wallet");
        held.release();
        while world.book.health().queued > 0 {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        assert_eq!(world.member(0).money, MONEY);
        assert_eq!(told(&post(&world, "/v1/payments", body.as_bytes())), "200 succeeded");
        assert_eq!(world.member(0).money, MONEY - 100);
    }

    fn a_request_that_others_keep_stopping_may_be_asked_again(db: &mut TestDatabase) {
        let world = World::new(db);
        let paid = post(&world, "/v1/payments", body(&world, 100).as_bytes()).json();
        // Somebody else's operations have the ids of this millisecond already.
        let mut conn = db.connect(Purpose::Admin);
        let paid = conn.find::<Operation, _>(&[payment_of(&paid)]).expect("it can be read");
        let foreign: Vec<Operation> = (1..=64_u8)
            .map(|n| {
                let request_id = RequestId([n; 16]);
                Operation { id: paid[0].id.plus(i64::from(n)), request_id, ..paid[0].clone() }
            })
            .collect();
        conn.insert(&foreign.iter().collect::<Vec<_>>()).expect("the ids are free");
        let body = body(&world, 100);
        must_ask_again(&post(&world, "/v1/payments", body.as_bytes()), "503 interrupted");
        world.clock.advance_ms(1_000);
        assert_eq!(told(&post(&world, "/v1/payments", body.as_bytes())), "200 succeeded");
        assert_eq!(world.member(0).money, MONEY - 200);
    }

    fn when_the_storage_fails_a_register_is_told_that_nothing_is_known(db: &mut TestDatabase) {
        let quiet = |node: &mut yaoki_store::BookOptions| node.fatal = Arc::new(|_| {});
        let world = World::with_node(db, 1, quiet, |_| {});
        let body = body(&world, 100);
        db.take_lanes();
        must_ask_again(&post(&world, "/v1/payments", body.as_bytes()), "503 storage_failed");
        let lanes = read::lanes(&mut db.connect(Purpose::Admin)).expect("lanes can be read");
        assert!(lanes.iter().all(|lane| lane.holder == "other"), "what was taken stays taken");
        assert_eq!(world.member(0).money, MONEY);
    }
}

#[test]
fn when_the_clock_is_behind_the_book_a_register_is_told_to_ask_again() {
    // SQLite, whose clock is the node's: no test can set that of the other one.
    let mut db = TestDatabase::sqlite("clock_is_off");
    let real = |node: &mut yaoki_store::BookOptions| node.clock_is_real = true;
    let world = World::with_node(&mut db, 1, real, |_| {});
    let body = body(&world, 100);
    world.clock.advance_ms(-10_000);
    must_ask_again(&post(&world, "/v1/payments", body.as_bytes()), "503 clock_is_off");
    world.clock.advance_ms(10_000);
    assert_eq!(told(&post(&world, "/v1/payments", body.as_bytes())), "200 succeeded");
    assert_eq!(world.member(0).money, MONEY - 100);
}
