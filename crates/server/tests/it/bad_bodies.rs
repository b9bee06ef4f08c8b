//! Malformed bodies of every route but the payment, whose table is in `bad_input`: a problem that
//! says what to mend, and nothing changed.

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::client::DeviceClient;
use yaoki_store::on_both_storages;

use crate::bad_input::{changed, must_be_a_problem, post};
use crate::members;
use crate::world::{MONEY, World, told};

const FIELDS: &str = "400 request_must_have_its_fields";
const FIELD: &str = "400 field_must_be_valid";
const RANGE: &str = "400 amount_must_be_in_range";

/// What is no JSON object.
const NO_OBJECTS: [&str; 7] = ["", "null", "[]", "{", "\u{feff}{}", "{}{}", "amount=100"];

/// What a register makes and keeps before sending.
fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// A name, a value, and what is said.
type Case = (&'static str, Value, &'static str);

/// How a request id can be wrong.
fn wrong_ids(name: &'static str) -> Vec<Case> {
    vec![
        (name, json!("<none>"), FIELDS),
        (name, json!(7), FIELDS),
        (name, json!(null), FIELDS),
        (name, json!("7"), FIELD),
        (name, json!("00000000-0000-0000-0000-000000000000"), FIELD),
    ]
}

fn wrong_payments() -> Vec<Case> {
    vec![
        ("payment", json!("<none>"), FIELDS),
        ("payment", json!(7), FIELDS),
        ("payment", json!(""), FIELD),
        ("payment", json!("7"), FIELD),
        ("payment", json!("dev_0000000000000"), FIELD),
    ]
}

fn wrong_times() -> Vec<Case> {
    vec![
        ("valid_until", json!("<none>"), FIELDS),
        ("valid_until", json!(1_800_000_000), FIELDS),
        ("valid_until", json!("soon"), FIELD),
        ("valid_until", json!("2099-01-01T00:00:00Z"), "400 valid_until_must_be_near"),
    ]
}

fn wrong_amounts() -> Vec<Case> {
    vec![
        ("amount", json!("<none>"), FIELDS),
        ("amount", json!("100"), FIELDS),
        ("amount", json!(100.5), FIELDS),
        ("amount", json!(0), RANGE),
        ("amount", json!(-1), RANGE),
        ("amount", json!(1_000_000_001), RANGE),
        ("currency", json!("<none>"), FIELDS),
        ("currency", json!("jpy"), FIELD),
        ("currency", json!("EUR"), "400 currency_must_be_the_books"),
    ]
}

fn unknown_field() -> Vec<Case> {
    vec![("tip", json!(5), FIELDS)]
}

/// Each case is refused as it says, and so is what is no JSON object.
fn must_refuse(world: &World, target: &str, good: &Value, cases: &[Vec<Case>]) {
    for (name, value, expected) in cases.concat() {
        let answer = post(world, target, changed(good, name, &value).as_bytes());
        assert_eq!(told(&answer), expected, "{target} {name}: {value}");
        must_be_a_problem(&answer, name);
    }
    for body in NO_OBJECTS {
        must_be_a_problem(&post(world, target, body.as_bytes()), body);
    }
    let doubled = good.to_string().replacen('{', "{\"request_id\":\"7\",", 1);
    must_be_a_problem(&post(world, target, doubled.as_bytes()), "a field twice");
}

on_both_storages! {
    fn malformed_settlements_say_what_to_mend_and_change_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let (paid, mut held) = (world.payment(0, 1000), world.payment(1, 1000));
        held.hold_seconds = Some(600);
        let paid = world.run(register.pay(&paid)).expect("an outcome").payment.expect("an id");
        let held = world.run(register.pay(&held)).expect("an outcome").payment.expect("an id");
        let before = world.size();
        let valid_until = register.payment_body(&world.payment(0, 1))["valid_until"].clone();
        for (target, payment) in [("/v1/refunds", &paid), ("/v1/captures", &held)] {
            let good = json!({
                "request_id": new_id(), "payment": payment, "amount": 100,
                "currency": "JPY", "valid_until": valid_until,
            });
            let ids = wrong_ids("request_id");
            let rest = [wrong_payments(), wrong_amounts(), wrong_times(), unknown_field()];
            must_refuse(&world, target, &good, &[&[ids], &rest[..]].concat());
        }
        let void = json!({
            "request_id": new_id(), "payment": held, "valid_until": valid_until,
        });
        let unknown = vec![("amount", json!(100), FIELDS), ("currency", json!("JPY"), FIELDS)];
        let cases = [wrong_ids("request_id"), wrong_payments(), wrong_times(), unknown];
        must_refuse(&world, "/v1/voids", &void, &cases);
        let reversal = json!({
            "request_id": new_id(), "target_request_id": new_id(),
        });
        let (own, target) = (wrong_ids("request_id"), wrong_ids("target_request_id"));
        let unknown = vec![("valid_until", valid_until, FIELDS), ("amount", json!(1), FIELDS)];
        must_refuse(&world, "/v1/reversals", &reversal, &[own, target, unknown]);
        assert_eq!(world.size(), before);
        assert_eq!((world.member(0).money, world.member(1).held), (MONEY - 1000, 1000));
        // None of the request ids was used up.
        assert_eq!(told(&post(&world, "/v1/voids", void.to_string().as_bytes())), "200 succeeded");
    }

    fn an_acknowledgement_names_one_to_a_hundred_requests(db: &mut TestDatabase) {
        let world = World::new(db);
        let before = world.size();
        let ids = |count: usize| json!((0..count).map(|_| new_id()).collect::<Vec<String>>());
        let good = json!({ "request_ids": ids(1) });
        let cases = vec![
            ("request_ids", json!("<none>"), FIELDS),
            ("request_ids", json!(null), FIELDS),
            ("request_ids", json!("7"), FIELDS),
            ("request_ids", json!([7]), FIELDS),
            ("request_ids", json!(["7"]), FIELD),
            ("request_ids", ids(0), FIELD),
            ("request_ids", ids(101), FIELD),
        ];
        must_refuse(&world, "/v1/acknowledgements", &good, &[cases, unknown_field()]);
        for count in [1, 100] {
            let body = json!({ "request_ids": ids(count) }).to_string();
            let answer = post(&world, "/v1/acknowledgements", body.as_bytes());
            assert_eq!(told(&answer), "200 ok", "{count}");
        }
        assert_eq!(world.size(), before, "nobody has seen any of these requests");
    }

    fn a_malformed_body_of_a_member_says_what_to_mend_and_changes_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        let before = world.size();
        let id = new_id();
        let begin = json!({ "act": "begin", "address": "a@b.jp", "language": "ja" });
        let recover =
            json!({ "act": "begin", "address": "a@b.jp", "channel": "mail", "language": "ja" });
        let redeem = json!({ "act": "redeem", "request_id": id, "invitation": "0000 0000" });
        let link = json!({ "act": "confirm", "token": "x", "digits": "00" });
        let password = json!({ "act": "password", "request_id": id, "password": "x" });
        let end = json!({ "act": "end", "request_id": id, "device": "dev_0000000000000" });
        let freeze = json!({ "act": "cancel_recovery", "request_id": id, "recovery": "x" });
        let provider = json!({ "act": "begin", "provider": "x" });
        let session = json!({ "act": "begin", "purpose": "verify" });
        for (path, good, field, value) in [
            (members::SIGN_UP, &begin, "address", json!("nobody")),
            (members::SIGN_UP, &begin, "language", json!("tlh")),
            (members::SIGN_IN, &password, "address", json!("")),
            (members::JOIN, &redeem, "invitation", json!("7")),
            (members::RECOVERY, &recover, "channel", json!("pigeon")),
            (members::LINK, &link, "token", json!(7)),
            (members::SESSION, &session, "purpose", json!("x")),
            (members::DEVICES, &end, "device", json!("7x")),
            (members::FACTORS, &password, "request_id", json!("7")),
            (members::CONTACTS, &begin, "address", json!("+1")),
            (members::WALLET, &freeze, "recovery", json!("7x")),
            ("/v1/member/external", &provider, "provider", json!("y")),
            ("/v1/member/account", &json!({}), "limit", json!(5)),
        ] {
            use members::{JOIN, LINK, RECOVERY, SIGN_IN, SIGN_UP};
            let newcomers =
                [SIGN_UP, SIGN_IN, JOIN, RECOVERY, LINK];
            let is_newcomer = newcomers.contains(&path);
            let mut newcomer = world.device();
            let device = if is_newcomer { &mut newcomer } else { &mut member.device };
            let unknown_act = changed(good, "act", &json!("none"));
            let more = changed(good, "tip", &json!(5));
            let wrong = changed(good, field, &value);
            for body in NO_OBJECTS.into_iter().chain([&*unknown_act, &more, &wrong]) {
                let answer = world.run(device.post(path, body.as_bytes())).expect("an answer");
                must_be_a_problem(&answer, path);
                assert_eq!(answer.status, 400, "{path} {body}: {}", answer.json());
            }
            let long = format!("{{}}{}", " ".repeat(16 * 1024 - 1));
            let answer = world.run(device.post(path, long.as_bytes())).expect("an answer");
            assert_eq!(told(&answer), "413 body_too_large", "{path}");
        }
        assert_eq!(world.size(), before);
    }

    fn a_malformed_body_of_a_device_says_what_to_mend_and_changes_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut enrolled, mut newcomer) = (world.enrolled(0), world.device());
        let link = world.link(&world.members[1].0.to_string());
        let before = world.size();
        let must_refuse = |device: &mut DeviceClient, path: &str, bodies: &[(Value, &str)]| {
            for (body, expected) in bodies {
                let answer = world.run(device.post(path, body.to_string().as_bytes()));
                let answer = answer.expect("an answer");
                assert_eq!(told(&answer), *expected, "{path} {body}");
                must_be_a_problem(&answer, path);
            }
            for body in NO_OBJECTS {
                let answer = world.run(device.post(path, body.as_bytes())).expect("an answer");
                must_be_a_problem(&answer, path);
            }
            let long = format!("{{}}{}", " ".repeat(1023));
            let answer = world.run(device.post(path, long.as_bytes())).expect("an answer");
            assert_eq!(told(&answer), "413 body_too_large", "{path}");
        };
        must_refuse(&mut newcomer, "/v1/device/enrol", &[
            (json!({}), FIELDS),
            (json!({ "link_token": 7 }), FIELDS),
            (json!({ "link_token": null }), FIELDS),
            (json!({ "link_token": "" }), FIELD),
            (json!({ "link_token": "x".repeat(201) }), FIELD),
            (json!({ "link_token": link, "member": "1" }), FIELDS),
        ]);
        must_refuse(&mut enrolled, "/v1/device/code", &[
            (json!({ "pictures": "yes" }), FIELDS),
            (json!({ "pictures": null }), FIELDS),
            (json!({ "size": 24 }), FIELDS),
        ]);
        must_refuse(&mut enrolled, "/v1/device/wallet", &[(json!({ "limit": 5 }), FIELDS)]);
        assert_eq!(world.size(), before);
        // The link was not used up, and the device shows codes.
        world.run(newcomer.enrol(&link)).expect("it enrols");
        world.run(enrolled.code(false)).expect("a code");
    }
}
