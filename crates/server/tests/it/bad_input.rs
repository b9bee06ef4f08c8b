//! Malformed, wrongly signed, replayed, late and out-of-order requests: a problem document that
//! says what to do, nothing changed, no panic.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::admin::Order;
use yaoki_server::client::Answer;
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::signature::{RequestParts, body_digest, sign};
use yaoki_store::on_both_storages;

use crate::raw;
use crate::world::{MONEY, World, text, told};

pub(crate) fn post(world: &World, target: &str, body: &[u8]) -> Answer {
    let mut register = world.register(&world.till);
    world.run(register.send("POST", target, body)).expect("an answer")
}

/// Every answer that is no outcome is a problem document that says `unknown` and what to do.
pub(crate) fn must_be_a_problem(answer: &Answer, what: &str) {
    assert!((400..600).contains(&answer.status), "{what}: {}", answer.status);
    assert_eq!(answer.content_type, "application/problem+json", "{what}");
    let json = answer.json();
    assert_eq!(json["outcome"], "unknown", "{what}");
    assert_eq!(json["status"], answer.status, "{what}");
    for name in ["type", "title", "detail", "refusal"] {
        assert!(json[name].as_str().is_some_and(|text| !text.is_empty()), "{what}: {name}");
    }
}

/// A good body with one field changed, left out (null), or added.
pub(crate) fn changed(good: &Value, name: &str, value: &Value) -> String {
    let mut body = good.clone();
    let fields = body.as_object_mut().expect("an object");
    if value == &json!("<none>") {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), value.clone());
    }
    body.to_string()
}

on_both_storages! {
    fn a_malformed_payment_says_what_to_mend_and_changes_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let good = world.register(&world.till).payment_body(&world.payment(0, 100));
        let before = world.size();
        let fields = "400 request_must_have_its_fields";
        let field = "400 field_must_be_valid";
        let cases: &[(&str, Value, &str)] = &[
            ("amount", json!("<none>"), fields),
            ("amount", json!("100"), fields),
            ("amount", json!(100.5), fields),
            ("amount", json!(null), fields),
            ("amount", json!([100]), fields),
            ("amount", json!(0), "400 amount_must_be_in_range"),
            ("amount", json!(-100), "400 amount_must_be_in_range"),
            ("amount", json!(1_000_000_001), "400 amount_must_be_in_range"),
            ("currency", json!("<none>"), fields),
            ("currency", json!("jpy"), field),
            ("currency", json!("EUR"), "400 currency_must_be_the_books"),
            ("request_id", json!("<none>"), fields),
            ("request_id", json!("7"), field),
            ("request_id", json!("00000000-0000-0000-0000-000000000000"), field),
            ("request_id", json!("0190a6b48d6c7cc1b1c33ad9a1d2e3f4"), field),
            ("valid_until", json!("<none>"), fields),
            ("valid_until", json!("soon"), field),
            ("valid_until", json!(1_800_000_000), fields),
            ("valid_until", json!("2099-01-01T00:00:00Z"), "400 valid_until_must_be_near"),
            ("code", json!("<none>"), fields),
            ("code", json!(""), field),
            ("code", json!("9".repeat(65)), field),
            ("capture", json!("<none>"), fields),
            ("capture", json!("never"), fields),
            ("hold_seconds", json!(60), field),
            ("tip", json!(5), fields),
        ];
        for (name, value, expected) in cases {
            let body = changed(&good, name, value);
            let answer = post(&world, "/v1/payments", body.as_bytes());
            assert_eq!(told(&answer), *expected, "{name}: {value}");
            must_be_a_problem(&answer, name);
        }
        let mut hold = good.clone();
        (hold["capture"], hold["hold_seconds"]) = (json!("later"), json!(0));
        let answer = post(&world, "/v1/payments", hold.to_string().as_bytes());
        assert_eq!(told(&answer), "400 hold_must_be_in_range");
        let doubled = good.to_string().replacen('{', "{\"amount\":1,", 1);
        assert_eq!(told(&post(&world, "/v1/payments", doubled.as_bytes())), fields);
        for body in ["", "null", "[]", "{", "\u{feff}{}", "{}{}", "amount=100"] {
            let answer = post(&world, "/v1/payments", body.as_bytes());
            must_be_a_problem(&answer, body);
        }
        assert_eq!((world.size(), world.member(0).money), (before, MONEY));
        // The same request id was never used up by any of these.
        let paid = post(&world, "/v1/payments", good.to_string().as_bytes());
        assert_eq!(told(&paid), "200 succeeded");
    }

    fn a_problem_never_repeats_the_code(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut good = world.register(&world.till).payment_body(&world.payment(0, 100));
        let code = world.code(0);
        for (name, value) in [
            ("amount", json!(code)),
            ("request_id", json!(code)),
            ("capture", json!(code)),
            ("currency", json!(code)),
            ("valid_until", json!(code)),
        ] {
            let body = changed(&good, name, &value);
            let answer = post(&world, "/v1/payments", body.as_bytes());
            must_be_a_problem(&answer, name);
            let text = String::from_utf8(answer.body).expect("text");
            assert!(!text.contains(&code), "{name}: {text}");
        }
        good["code"] = json!("<digits>");
        let as_number = good.to_string().replace("\"<digits>\"", &code);
        let answer = post(&world, "/v1/payments", as_number.as_bytes());
        must_be_a_problem(&answer, "a number");
        assert!(!String::from_utf8(answer.body).expect("text").contains(&code));
    }

    fn a_wrongly_signed_request_is_refused_before_anything_is_read(db: &mut TestDatabase) {
        let world = World::new(db);
        let before = world.size();
        let mut register = world.register(&world.till);
        let body = register.payment_body(&world.payment(0, 100)).to_string();
        let good = register.sign("POST", "/v1/payments", body.as_bytes());
        let ask = |method: &str, target: &str, authorization: &str, body: &str| {
            let headers = [("Authorization", authorization)];
            let request = Request { method, target, headers: &headers, body: body.as_bytes() };
            let mut connection = Connection::new(world.running.registers);
            world.run(connection.send(&request)).expect("an answer")
        };
        let other_amount = body.replace("100", "900");
        let mut stolen = world.till.clone();
        stolen.key[0] ^= 1;
        let stolen = world.register(&stolen).sign("POST", "/v1/payments", body.as_bytes());
        let given = "401 signature_must_be_given";
        let matching = "401 signature_must_match";
        for (target, authorization, body, expected) in [
            ("/v1/payments", "", &body, given),
            ("/v1/payments", "Bearer token", &body, given),
            ("/v1/payments", good.trim_end_matches(|hex: char| hex != '='), &body, given),
            ("/v1/payments", good.as_str(), &other_amount, matching),
            ("/v1/payments?a=1", good.as_str(), &body, matching),
            ("/v1/refunds", good.as_str(), &body, matching),
            ("/v1/payments", stolen.as_str(), &body, matching),
        ] {
            let answer = ask("POST", target, authorization, body);
            assert_eq!(told(&answer), expected, "{target} {authorization}");
            must_be_a_problem(&answer, expected);
            assert!(answer.header("www-authenticate").is_some());
        }
        world.clock.advance_ms(61_000);
        let late = ask("POST", "/v1/payments", &good, &body);
        assert_eq!(told(&late), "401 signature_must_be_timely");
        let unknown = yaoki_server::client::register::Credentials {
            terminal: 999,
            key: *world.running.app.keyring().file.terminal_key(999, 1).expose(),
            ..world.till.clone()
        };
        register = world.register(&unknown);
        let stranger = world.run(register.recent(5, false)).expect_err("no such terminal");
        assert!(stranger.to_string().contains("terminal_must_exist"), "{stranger}");
        let pays = world.run(register.pay(&world.payment(0, 100))).expect_err("no such terminal");
        assert!(pays.to_string().contains("terminal_must_exist"), "{pays}");
        assert_eq!((world.size(), world.member(0).money), (before, MONEY));
    }

    fn what_its_head_shows_to_be_wrong_is_refused_without_its_body(db: &mut TestDatabase) {
        let world = World::new(db);
        let address = world.running.registers;
        let fresh = world.register(&world.till).sign("POST", "/v1/payments", b"{}");
        world.clock.advance_ms(-61_000);
        let stale = world.register(&world.till).sign("POST", "/v1/payments", b"{}");
        world.clock.advance_ms(61_000);
        let json = "Content-Type: application/json";
        for (authorization, more, expected) in [
            ("", "Content-Length: 100", "signature_must_be_given"),
            (&stale, "Content-Length: 100", "signature_must_be_timely"),
            (&fresh, "Content-Length: 100", "content_type_must_be_json"),
            (&fresh, "Content-Length: 8193", "body_too_large"),
            (&fresh, "Transfer-Encoding: chunked", "length_must_be_given"),
        ] {
            let more = match expected {
                "content_type_must_be_json" => more.to_owned(),
                _ => format!("{more}\r\n{json}"),
            };
            // No byte of the body follows, and none is waited for.
            let head = format!(
                "POST /v1/payments HTTP/1.1\r\nHost: {address}\r\n\
                 Authorization: {authorization}\r\n{more}\r\n\r\n"
            );
            let answer = raw::exchange(address, head.as_bytes());
            assert_eq!(raw::refusal(&answer), expected);
        }
    }

    fn a_request_signed_for_another_server_is_misdirected(db: &mut TestDatabase) {
        let names = vec!["pay.example.jp".to_owned(), "pay.example.jp:8443".to_owned()];
        let world = World::with(db, 1, |options| options.register_hosts = names);
        let before = world.size();
        let (method, path, query) = ("GET", "/v1/payments", "");
        for (host, expected) in [
            ("pay.example.jp", ""),
            ("Pay.Example.JP:8443", ""),
            ("pay.example.jp:443", "host_must_be_ours"),
            ("pay.example.com", "host_must_be_ours"),
            ("127.0.0.1", "host_must_be_ours"),
        ] {
            let body_digest = body_digest(b"");
            let parts = RequestParts { method, path, query, host, body_digest: &body_digest };
            let till = &world.till;
            let seconds = world.clock.now().0.div_euclid(1000);
            let signed = sign(till.terminal, till.generation, &till.key, &parts, seconds);
            let bytes = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {signed}\r\n\r\n"
            );
            let answer = raw::exchange(world.running.registers, bytes.as_bytes());
            let status = if expected.is_empty() { "HTTP/1.1 200" } else { "HTTP/1.1 421" };
            assert!(answer.starts_with(status), "{host}: {answer}");
            assert_eq!(raw::refusal(&answer), expected, "{host}");
        }
        assert_eq!(world.size(), before);
    }

    fn a_proof_made_for_another_server_is_misdirected(db: &mut TestDatabase) {
        let names = vec!["wallet.example.jp".to_owned()];
        let world = World::with(db, 0, |options| options.device_hosts = names);
        let request =
            Request { method: "POST", target: "/v1/device/enrol", headers: &[], body: b"{}" };
        let answer = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(told(&answer), "421 host_must_be_ours");
        let ours = "POST /v1/device/enrol HTTP/1.1\r\nHost: Wallet.example.jp\r\n\
                    Content-Length: 2\r\n\r\n{}";
        let answer = raw::exchange(world.running.devices, ours.as_bytes());
        assert_eq!(raw::refusal(&answer), "proof_must_hold", "{answer}");
    }

    fn a_proof_made_for_another_console_is_misdirected(db: &mut TestDatabase) {
        let names = vec!["console.example.jp".to_owned()];
        let world = World::with(db, 0, |options| options.console_hosts = names);
        let mut browser = world.browser();
        let body = json!({ "link_token": world.console_link() }).to_string();
        let answer = world.run(browser.post("/v1/console/session", body.as_bytes()));
        assert_eq!(told(&answer.expect("an answer")), "421 host_must_be_ours");
        let url = text(&world.ask(Order::ConsoleLink), "url");
        assert!(url.starts_with("http://console.example.jp/console#"), "{url}");
    }

    fn a_path_that_is_no_text_is_judged_after_its_signature(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        for target in ["/v1/requests/%ff", "/v1/payments/%ff"] {
            let request = Request { method: "GET", target, headers: &[], body: b"" };
            let unsigned = world.anonymous(ListenerName::Registers, &request);
            assert_eq!(told(&unsigned), "401 signature_must_be_given");
            let signed = world.run(register.send("GET", target, b"")).expect("an answer");
            assert_eq!(told(&signed), "400 field_must_be_valid");
        }
    }

    fn a_replayed_request_charges_nothing_more(db: &mut TestDatabase) {
        let world = World::new(db);
        let register = world.register(&world.till);
        let body = register.payment_body(&world.payment(0, 100)).to_string();
        let authorization = register.sign("POST", "/v1/payments", body.as_bytes());
        let headers = [("Authorization", authorization.as_str())];
        let (method, target) = ("POST", "/v1/payments");
        let request = Request { method, target, headers: &headers, body: body.as_bytes() };
        let mut connection = Connection::new(world.running.registers);
        let first = world.run(connection.send(&request)).expect("an answer");
        let again = world.run(connection.send(&request)).expect("an answer");
        assert_eq!((first.status, &first.body), (200, &again.body));
        assert!(again.replayed);
        assert_eq!(world.member(0).money, MONEY - 100);
    }

    fn what_comes_out_of_order_is_declined_or_undone(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let nothing = yaoki_server::edge::identifier::text(
            yaoki_server::edge::identifier::Kind::Payment,
            1 << 40,
        );
        for receipt in [
            world.run(register.refund(Uuid::now_v7(), &nothing, 100)),
            world.run(register.capture(Uuid::now_v7(), &nothing, 100)),
            world.run(register.void(Uuid::now_v7(), &nothing)),
        ] {
            assert_eq!(receipt.expect("an outcome").refusal_name(), "payment_must_exist");
        }
        let (payment, reversal) = (world.payment(0, 100), Uuid::now_v7());
        let buried = world.run(register.reverse(reversal, payment.request_id));
        assert_eq!(buried.expect("an outcome").effect.as_deref(), Some("never_seen"));
        let late = world.run(register.pay(&payment)).expect("an outcome");
        assert_eq!(late.refusal_name(), "reversed_before_arrival");
        assert_eq!(world.member(0).money, MONEY);
    }

    fn no_signed_bytes_make_the_server_panic_or_move_money(db: &mut TestDatabase) {
        let world = World::new(db);
        let before = world.size();
        let targets = [
            "/v1/payments", "/v1/reversals", "/v1/refunds", "/v1/captures", "/v1/voids",
            "/v1/acknowledgements",
        ];
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 200,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let bodies = prop_oneof![
            any::<Vec<u8>>(),
            "[{}\\[\\]\":,a-z0-9 ]{0,80}".prop_map(String::into_bytes),
        ];
        let result = runner.run(&(0..targets.len(), bodies), |(place, body)| {
            let answer = post(&world, targets[place], &body);
            prop_assert!((400..500).contains(&answer.status), "{}", answer.status);
            Ok(())
        });
        result.expect("every answer is a refusal");
        assert_eq!(world.size(), before);
    }
}
