//! Every request that is recorded, sent again: the same answer byte for byte, marked as a repeat,
//! also long after its `valid_until`, and to a query of it.

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::client::Answer;
use yaoki_store::on_both_storages;

use crate::bad_input::post;
use crate::world::{MONEY, World, told};

/// What a register makes and keeps before sending.
fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// Sends a request once; what it was answered is remembered.
fn ask(world: &World, sent: &mut Vec<(String, Value, Answer)>, target: &str, body: Value) -> Value {
    let first = post(world, target, body.to_string().as_bytes());
    assert!(first.status == 200 && !first.replayed, "{target}: {}", told(&first));
    let answer = first.json();
    sent.push((target.to_owned(), body, first));
    answer
}

on_both_storages! {
    fn every_recorded_request_is_answered_again_with_the_same_bytes(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let pay = |amount, hold_seconds| {
            let mut payment = world.payment(0, amount);
            payment.hold_seconds = hold_seconds;
            world.register(&world.till).payment_body(&payment)
        };
        let until = pay(1, None)["valid_until"].clone();
        let settle = |payment: &Value, amount: i64| json!({
            "request_id": new_id(), "payment": payment["payment"], "amount": amount,
            "currency": "JPY", "valid_until": until,
        });
        let void = |payment: &Value| json!({
            "request_id": new_id(), "payment": payment["payment"], "valid_until": until,
        });
        let reverse = |target: &Value| json!({
            "request_id": new_id(), "target_request_id": target,
        });
        let mut sent = Vec::new();
        let paid = ask(&world, &mut sent, "/v1/payments", pay(1000, None));
        ask(&world, &mut sent, "/v1/payments", pay(MONEY + 1, None));
        let held = ask(&world, &mut sent, "/v1/payments", pay(700, Some(600)));
        ask(&world, &mut sent, "/v1/captures", settle(&held, 500));
        ask(&world, &mut sent, "/v1/captures", settle(&held, 1));
        ask(&world, &mut sent, "/v1/voids", void(&held));
        let released = ask(&world, &mut sent, "/v1/payments", pay(70, Some(600)));
        ask(&world, &mut sent, "/v1/voids", void(&released));
        ask(&world, &mut sent, "/v1/refunds", settle(&paid, 300));
        ask(&world, &mut sent, "/v1/refunds", settle(&paid, 9000));
        ask(&world, &mut sent, "/v1/reversals", reverse(&json!(new_id())));
        ask(&world, &mut sent, "/v1/reversals", reverse(&paid["request_id"]));
        ask(&world, &mut sent, "/v1/reversals", reverse(&held["request_id"]));
        ask(&world, &mut sent, "/v1/refunds", settle(&paid, 1));
        let outcomes: Vec<String> = sent.iter().map(|(.., answer)| told(answer)).collect();
        assert!(outcomes.iter().any(|told| told == "200 already_captured"), "{outcomes:?}");
        let (size, money) = (world.size(), world.member(0).money);
        for wait_ms in [0, 120_000] {
            world.clock.advance_ms(wait_ms);
            for (target, body, first) in &sent {
                let again = post(&world, target, body.to_string().as_bytes());
                assert_eq!((again.status, &again.body), (200, &first.body), "{target} {body}");
                assert!(again.replayed, "{target} {body}");
                let id = body["request_id"].as_str().expect("an id");
                let path = format!("/v1/requests/{id}");
                let query = world.run(register.send("GET", &path, b"")).expect("an answer");
                assert_eq!((query.status, &query.body), (200, &first.body), "{target} {body}");
                assert!(query.replayed, "{target} {body}");
            }
        }
        assert_eq!((world.size(), world.member(0).money), (size, money));
        assert_eq!((money, world.member(0).held), (MONEY - 500, 0));
    }
}
