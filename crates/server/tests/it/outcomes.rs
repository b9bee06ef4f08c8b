//! What a register is answered, outcome class by outcome class.

use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;
use yaoki_server::admin::Order;
use yaoki_server::client::Answer;
use yaoki_store::on_both_storages;

use crate::world::{MONEY, World, redacted, told};

fn pay(world: &World, payment: &yaoki_server::client::register::Payment) -> Answer {
    let mut register = world.register(&world.till);
    let body = register.payment_body(payment).to_string();
    world.run(register.send("POST", "/v1/payments", body.as_bytes())).expect("an answer")
}

fn send(world: &World, method: &str, target: &str, body: &serde_json::Value) -> Answer {
    let mut register = world.register(&world.till);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.run(register.send(method, target, body.as_bytes())).expect("an answer")
}

on_both_storages! {
    fn a_payment_is_answered_with_its_recorded_outcome_again_and_again(db: &mut TestDatabase) {
        let world = World::new(db);
        let payment = world.payment(0, 1200);
        let first = pay(&world, &payment);
        assert_snapshot!("paid", redacted(&first));
        let again = pay(&world, &payment);
        assert!(again.replayed && !first.replayed);
        assert_eq!(first.body, again.body);
        let path = format!("/v1/requests/{}", payment.request_id);
        let query = send(&world, "GET", &path, &json!(null));
        assert!(query.replayed);
        assert_eq!(first.body, query.body);
        assert_eq!(world.member(0).money, MONEY - 1200);
    }

    fn a_decline_is_final_and_says_why(db: &mut TestDatabase) {
        let world = World::new(db);
        let too_much = world.payment(0, MONEY + 1);
        let declined = pay(&world, &too_much);
        assert_snapshot!("declined", redacted(&declined));
        assert_eq!(pay(&world, &too_much).body, declined.body);
        let mut wrong = world.payment(0, 500);
        "0000".clone_into(&mut wrong.code);
        assert_eq!(told(&pay(&world, &wrong)), "200 code_not_valid");
        assert_eq!(world.member(0).money, MONEY);
    }

    fn a_code_used_twice_names_the_stores_own_first_payment(db: &mut TestDatabase) {
        let world = World::new(db);
        let first = world.payment(0, 700);
        let mut second = world.payment(0, 700);
        second.code.clone_from(&first.code);
        let paid = pay(&world, &first).json();
        let used = pay(&world, &second);
        assert_eq!(used.json()["first_payment"]["payment"], paid["payment"]);
        assert_snapshot!("used", redacted(&used));
        let mut abroad = world.register(&world.foreign_till);
        let mut third = first.clone();
        third.request_id = Uuid::now_v7();
        let heard = world.run(abroad.pay(&third)).expect("an outcome");
        assert_eq!(heard.refusal_name(), "code_not_valid");
    }

    fn another_meaning_is_refused_and_names_the_first(db: &mut TestDatabase) {
        let world = World::new(db);
        let payment = world.payment(0, 1200);
        pay(&world, &payment);
        let mut other = payment;
        other.amount = 1300;
        let refused = pay(&world, &other);
        assert_snapshot!("another_meaning", redacted(&refused));
        assert_eq!(world.member(0).money, MONEY - 1200);
    }

    fn a_retry_is_recognised_after_the_fingerprint_key_was_rotated(db: &mut TestDatabase) {
        let world = World::new(db);
        let payment = world.payment(0, 1200);
        let first = pay(&world, &payment);
        world.order(Order::RotateKey { key: "fingerprint".to_owned(), keep_seconds: 0 });
        world.running.app.reload_keys().expect("the keys can be read");
        let again = pay(&world, &payment);
        assert!(again.replayed);
        assert_eq!(first.body, again.body);
        let mut other = payment;
        other.amount = 1300;
        assert_eq!(told(&pay(&world, &other)), "409 request_id_has_another_meaning");
    }

    fn what_was_never_seen_is_unknown_until_it_is_reversed(db: &mut TestDatabase) {
        let world = World::new(db);
        let payment = world.payment(0, 1200);
        let target = payment.request_id.to_string();
        let not_seen = send(&world, "GET", &format!("/v1/requests/{target}"), &json!(null));
        assert_snapshot!("not_seen", redacted(&not_seen));
        let body = json!({ "request_id": Uuid::now_v7().to_string(), "target_request_id": target });
        let reversed = send(&world, "POST", "/v1/reversals", &body);
        assert_snapshot!("tombstone", redacted(&reversed));
        let late = pay(&world, &payment);
        assert_snapshot!("reversed_before_arrival", redacted(&late));
        assert_eq!(world.member(0).money, MONEY);
    }

    fn a_hold_is_captured_in_part_and_the_payment_tells_its_life(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut hold = world.payment(0, 5000);
        hold.hold_seconds = Some(600);
        let held = pay(&world, &hold);
        assert_snapshot!("held", redacted(&held));
        assert_eq!(world.member(0).available(), MONEY - 5000);
        let payment = held.json()["payment"].as_str().expect("a payment").to_owned();
        let mut register = world.register(&world.till);
        let (capture, refund) = (Uuid::now_v7(), Uuid::now_v7());
        let captured = world.run(register.capture(capture, &payment, 3000)).expect("an outcome");
        assert!(captured.succeeded());
        let refunded = world.run(register.refund(refund, &payment, 1000)).expect("an outcome");
        assert!(refunded.succeeded());
        let life = send(&world, "GET", &format!("/v1/payments/{payment}"), &json!(null));
        assert_snapshot!("life", redacted(&life));
        let member = world.member(0);
        assert_eq!((member.money, member.held), (MONEY - 2000, 0));
    }

    fn a_void_releases_and_a_reverse_gives_back(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let mut hold = world.payment(0, 5000);
        hold.hold_seconds = Some(600);
        let held = world.run(register.pay(&hold)).expect("an outcome");
        let payment = held.payment.expect("a payment");
        let voided = world.run(register.void(Uuid::now_v7(), &payment)).expect("an outcome");
        assert!(voided.succeeded());
        let paid = world.payment(0, 900);
        world.run(register.pay(&paid)).expect("an outcome");
        let reverse = register.reverse(Uuid::now_v7(), paid.request_id);
        let reversed = world.run(reverse).expect("an outcome");
        assert_eq!(reversed.effect.as_deref(), Some("gave_back"));
        let member = world.member(0);
        assert_eq!((member.money, member.held), (MONEY, 0));
    }

    fn a_register_cannot_tell_from_a_refund_that_the_member_has_left(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let first = world.payment(0, 900);
        let paid = world.run(register.pay(&first)).expect("an outcome").payment.expect("paid");
        let second = world.payment(0, 500);
        world.run(register.pay(&second)).expect("an outcome");
        let member = world.members[0].0.to_string();
        world.order(Order::CloseMember { member });
        let refund = register.refund(Uuid::now_v7(), &paid, 300);
        let refunded = world.run(refund).expect("an outcome");
        assert_eq!((refunded.succeeded(), refunded.effect), (true, None));
        let reverse = register.reverse(Uuid::now_v7(), second.request_id);
        let reversed = world.run(reverse).expect("an outcome");
        assert_eq!(reversed.effect.as_deref(), Some("gave_back"));
    }

    fn a_request_that_comes_too_late_is_declined_and_one_too_far_ahead_is_refused(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let register = world.register(&world.till);
        let mut body = register.payment_body(&world.payment(0, 100));
        let at = |ms: i64| yaoki_server::api::time::text(world.clock.now().plus_ms(ms));
        body["valid_until"] = at(-1).into();
        assert_eq!(told(&send(&world, "POST", "/v1/payments", &body)), "200 request_too_late");
        body["request_id"] = Uuid::now_v7().to_string().into();
        body["valid_until"] = at(61_000).into();
        let far = send(&world, "POST", "/v1/payments", &body);
        assert_eq!(told(&far), "400 valid_until_must_be_near");
        assert_eq!(world.member(0).money, MONEY);
    }

    fn a_terminal_lists_its_own_and_what_it_did_not_acknowledge(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let payments: Vec<_> = (0..3)
            .map(|_| {
                let payment = world.payment(0, 100);
                world.run(register.pay(&payment)).expect("an outcome");
                world.clock.advance_ms(1000);
                payment.request_id
            })
            .collect();
        let listed = world.run(register.recent(2, false)).expect("a list");
        let ids: Vec<_> = listed.iter().map(|row| row.request_id.clone()).collect();
        assert_eq!(ids, [payments[2].to_string(), payments[1].to_string()]);
        let page = send(&world, "GET", "/v1/payments?limit=2", &json!(null)).json();
        let before = page["before"].as_str().expect("there is more");
        let target = format!("/v1/payments?limit=2&before={before}");
        let rest = send(&world, "GET", &target, &json!(null)).json();
        assert_eq!(rest["operations"].as_array().map(Vec::len), Some(1));
        assert!(rest["before"].is_null());
        assert_eq!(world.run(register.recent(20, true)).expect("a list"), []);
        assert_eq!(world.run(register.acknowledge(&payments[..2])).expect("a count"), 2);
        assert_eq!(world.run(register.acknowledge(&payments[..2])).expect("a count"), 0);
        world.clock.advance_ms(11 * 60_000);
        let open = world.run(register.recent(20, true)).expect("a list");
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].request_id, payments[2].to_string());
        let mut other = world.register(&world.other_till);
        assert_eq!(world.run(other.recent(20, false)).expect("a list"), []);
    }
}
