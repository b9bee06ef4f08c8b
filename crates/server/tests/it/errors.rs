//! Every error of the edge is reached: by a request where one can reach it, else by what the store
//! says.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::{Value, json};
use yaoki_core::ids::TerminalNumber;
use yaoki_server::api::member::services::TRIES_MAX;
use yaoki_server::client::DeviceClient;
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::client::register::Credentials;
use yaoki_server::edge::error::EdgeError;
use yaoki_server::edge::fruitless::{BURST, EACH_MS, Fruitless};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::problem::{Cause, Problem};
use yaoki_server::edge::proof::token::{LinkAct, MessageLink};
use yaoki_server::edge::request;
use yaoki_server::identity::leaked::build;
use yaoki_server::identity::openid::ProviderOptions;
use yaoki_server::rails::options::AcquirerOptions;
use yaoki_server::serve;
use yaoki_store::{StoreError, Unknown, on_both_storages};

use crate::members;
use crate::openid::provider::Stand;
use crate::raw;
use crate::world::World;

/// What requests to a world of the usual limits reach.
fn by_requests(world: &World) -> Vec<String> {
    let mut reached = Vec::new();
    let mut note = |answer: &yaoki_server::client::Answer| {
        reached.push(answer.json()["refusal"].as_str().unwrap_or_default().to_owned());
    };
    let mut register = world.register(&world.till);
    let mut send = |method: &str, target: &str, body: &str| {
        world.run(register.send(method, target, body.as_bytes())).expect("an answer")
    };
    note(&send("GET", "/v1/nothing", ""));
    note(&send("DELETE", "/v1/payments", ""));
    note(&send("POST", "/v1/payments", "x"));
    note(&send("POST", "/v1/payments", "{}"));
    note(&send("GET", "/v1/requests/7", ""));
    note(&send("GET", "/v1/payments?limit=0", ""));
    let nothing = yaoki_server::edge::identifier::Kind::Payment;
    let nothing = yaoki_server::edge::identifier::text(nothing, 1 << 40);
    note(&send("GET", &format!("/v1/payments/{nothing}"), ""));
    let mut raw_request = |listener, headers: &[(&str, &str)], body: &[u8]| {
        let request = Request { method: "POST", target: "/v1/payments", headers, body };
        note(&world.anonymous(listener, &request));
    };
    let registers = ListenerName::Registers;
    raw_request(registers, &[], b"{}");
    raw_request(registers, &[("X-Long", "x".repeat(9000).as_str())], b"");
    let register = world.register(&world.till);
    let signed = register.sign("POST", "/v1/payments", b"{}");
    raw_request(registers, &[("Authorization", &signed)], b"{ }");
    let text = [("Authorization", signed.as_str()), ("Content-Type", "text/plain")];
    raw_request(registers, &text, b"{}");
    raw_request(registers, &[("Authorization", &signed)], &vec![b' '; 70_000]);
    world.clock.advance_ms(-61_000);
    raw_request(registers, &[("Authorization", &signed)], b"{}");
    world.clock.advance_ms(61_000);
    let mut device = world.enrolled(0);
    let stale = world.run(device.post_once("/v1/device/code", b"{}")).expect("an answer");
    note(&stale);
    device.set_token("made up".to_owned());
    note(&world.run(device.post("/v1/device/code", b"{}")).expect("an answer"));
    let mut newcomer = world.device();
    let target = "/v1/device/enrol";
    let proof = newcomer.proof("POST", "/v1/device/code", b"{}").expect("a proof");
    let headers = [("DPoP", proof.as_str())];
    let request = Request { method: "POST", target, headers: &headers, body: b"{}" };
    note(&world.anonymous(ListenerName::Devices, &request));
    let mut browser = world.browser();
    note(&world.run(browser.post("/v1/console/today", b"{}")).expect("an answer"));
    let body = br#"{"link_token":"made up"}"#;
    note(&world.run(browser.post("/v1/console/session", body)).expect("an answer"));
    reached.push(raw::refusal(&raw::exchange(
        world.running.registers,
        format!("POST /v1/payments HTTP/1.1\r\nAuthorization: {signed}\r\n\r\n").as_bytes(),
    )));
    reached.push(raw::refusal(&raw::exchange(
        world.running.registers,
        format!(
            "POST /v1/payments HTTP/1.1\r\nHost: here\r\nAuthorization: {signed}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        .as_bytes(),
    )));
    reached
}

/// What is scanned wrongly, and frames that are none, reach.
fn by_scans(world: &World) -> Vec<String> {
    let mut reached = Vec::new();
    let mut note = |answer: &yaoki_server::client::Answer| {
        reached.push(answer.json()["refusal"].as_str().unwrap_or_default().to_owned());
    };
    let mut device = world.enrolled(0);
    let begin = device.post("/v1/member/money", br#"{"act":"begin_card","language":"ja"}"#);
    note(&world.run(begin).expect("an answer"));
    for body in [
        r#"{"payload":"x"}"#,
        r#"{"payload":"00020126100006jp.abc5303392630438CB"}"#,
        r#"{"payload":"00020130120008jp.yaoki5303392630438CB"}"#,
    ] {
        let body = with_crc(body);
        let answer = device.post("/v1/device/shop", body.as_bytes());
        note(&world.run(answer).expect("an answer"));
    }
    note(&world.run(device.frame("/v1/device/frames/1/1", b"")).expect("an answer"));
    note(&world.run(device.post("/v1/device/frames/1/1", b"x")).expect("an answer"));
    reached
}

/// What passwords, codes, passkeys and links that do not hold reach.
fn by_members(world: &World) -> Vec<String> {
    let mut member = world.sign_up("errors@example.jp");
    let (mut browser, id) = (world.device(), members::new_id());
    let mut reached = Vec::new();
    let mut by = |device: &mut DeviceClient, path: &str, body: &Value| {
        reached.push(world.refused(device, path, body));
    };
    let of = |address: &str| {
        json!({
            "act": "password", "request_id": id, "address": address, "password": "wrong",
        })
    };
    by(&mut browser, members::SIGN_IN, &of("errors@example.jp"));
    let passkey = json!({ "ceremony": "made up", "answer": {} });
    let passkey = json!({ "act": "passkey", "request_id": id, "passkey": passkey });
    by(&mut browser, members::SIGN_IN, &passkey);
    let link = MessageLink {
        act: LinkAct::Freeze,
        member: 1,
        object: [0; 32],
        until_ms: i64::MAX,
        chance: [7; 16],
    };
    let token = world.running.app.keyring().proof.issue_link(&link);
    let confirm = json!({ "act": "confirm", "token": token, "digits": "x" });
    by(&mut browser, members::LINK, &confirm);
    by(&mut browser, members::LINK, &json!({ "act": "look", "token": "made up" }));
    let consent = json!({ "act": "consent", "request_id": id, "terms": 7 });
    by(&mut member.device, members::WALLET, &consent);
    let weak = json!({ "act": "password", "request_id": id, "password": "password" });
    by(&mut member.device, members::FACTORS, &weak);
    for _ in 0..=TRIES_MAX {
        let wrong = json!({ "act": "sign_in", "request_id": id, "password": "wrong" });
        by(&mut member.device, members::SESSION, &wrong);
    }
    reached
}

/// A payload in a body with the CRC that it should have.
fn with_crc(body: &str) -> String {
    let Some((start, _)) = body.split_once("6304") else { return body.to_owned() };
    let payload = start.rsplit('"').next().unwrap_or_default();
    let whole = (0..=0xFFFF_u32).map(|crc| format!("{payload}6304{crc:04X}"));
    let mut whole = whole.filter(|text| yaoki_formats::emv_mpm::Payload::parse(text).is_ok());
    format!("{{\"payload\":\"{}\"}}", whole.next().unwrap_or_default())
}

/// A body that breaks off. The connection is gone then, so nobody hears of it.
struct Broken;

impl hyper::body::Body for Broken {
    type Data = hyper::body::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(1)
    }
}

/// What a body that stops in the middle reaches.
fn by_slow_body(world: &World) -> String {
    let signed = world.register(&world.till).sign("POST", "/v1/payments", b"{}");
    let mut stream = raw::connect(world.running.registers);
    let head = format!(
        "POST /v1/payments HTTP/1.1\r\nHost: {}\r\nAuthorization: {signed}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        world.running.registers
    );
    stream.write_all(head.as_bytes()).expect("the server listens");
    raw::refusal(&raw::read_answer(&mut stream))
}

/// What a payment with no code of ours hears.
fn refusal_of_payment(world: &World, till: &Credentials) -> String {
    let mut register = world.register(till);
    let body = register.payment_body(&yaoki_server::client::register::Payment {
        request_id: uuid::Uuid::now_v7(),
        amount: 1,
        code: "1".to_owned(),
        hold_seconds: None,
    });
    let body = body.to_string();
    let answer = world.run(register.send("POST", "/v1/payments", body.as_bytes()));
    answer.expect("an answer").json()["refusal"].as_str().unwrap_or_default().to_owned()
}

/// What a terminal hears whose requests move nothing.
fn by_much_in_vain(world: &World) -> String {
    let terminal = TerminalNumber(i64::try_from(world.other_till.terminal).expect("small"));
    for _ in 0..BURST {
        world.running.app.fruitless.note(terminal, Fruitless::Payment, world.clock.now());
    }
    refusal_of_payment(world, &world.other_till)
}

fn by_the_store() -> impl Iterator<Item = Problem> {
    let unknowns = Unknown::ALL.into_iter().map(Problem::from);
    unknowns.chain([Problem::from(StoreError::BookMissing), Problem::from(StoreError::ReadersBusy)])
}

on_both_storages! {
    fn every_error_of_the_edge_is_reached(db: &mut TestDatabase) {
        // An acquirer that is not there.
        let nobody = AcquirerOptions::new("http://127.0.0.1:9", "sk".into(), "whsec".into());
        let nobody = nobody.expect("it is one");
        let mut world = World::with(db, 2, |server| server.acquirer = Some(nobody));
        let before = world.size();
        let mut reached: BTreeSet<String> = by_requests(&world).into_iter().collect();
        reached.extend(by_scans(&world));
        // Two devices were enrolled by a link each, and nothing else.
        assert_eq!(world.size(), before + 4);
        reached.insert(by_slow_body(&world));
        reached.extend(by_members(&world));
        for _ in 0..60 {
            let forged = world.forged_code(0);
            let mut payment = world.payment(0, 1);
            payment.code = forged;
            let mut register = world.register(&world.till);
            world.run(register.pay(&payment)).expect("an outcome");
        }
        let paced: BTreeSet<String> = world.run(async {
            let tries: Vec<_> = (0..4)
                .map(|_| {
                    let mut register = world.register(&world.till);
                    let mut payment = world.payment(0, 1);
                    payment.code = world.forged_code(0);
                    let body = register.payment_body(&payment).to_string();
                    async move { register.send("POST", "/v1/payments", body.as_bytes()).await }
                })
                .map(tokio::spawn)
                .collect();
            let mut refusals = BTreeSet::new();
            for one in tries {
                let answer = one.await.expect("no panic").expect("an answer");
                refusals.extend(answer.json()["refusal"].as_str().map(str::to_owned));
            }
            refusals
        });
        reached.extend(paced);
        reached.insert(by_much_in_vain(&world));
        world.clock.advance_ms(EACH_MS);
        world.book.close();
        let stopping = refusal_of_payment(&world, &world.other_till);
        assert_eq!(stopping, "stopping");
        reached.insert(stopping);
        world.stop();
        let broken = world.run(request::body(axum::body::Body::new(Broken), 1));
        let broken = broken.expect_err("it broke off");
        for problem in by_the_store().chain([broken]) {
            let Cause::Edge(error) = problem.cause() else { panic!("the edge says this") };
            reached.insert(error.name().to_owned());
        }
        // These need other limits or settings; they are reached below, `host_must_be_ours` in
        // `bad_input`, and `pin_must_match` in `clerks`.
        let elsewhere = [
            "deadline_passed",
            "too_many_in_flight",
            "host_must_be_ours",
            "passkeys_must_be_set_up",
            "password_must_be_changed",
            "pin_must_match",
            "external_id_must_hold",
            "provider_must_answer",
        ];
        reached.extend(elsewhere.map(str::to_owned));
        let all: BTreeSet<String> =
            EdgeError::ALL.iter().map(|error| error.name().to_owned()).collect();
        let missing: Vec<&String> = all.difference(&reached).collect();
        assert!(missing.is_empty(), "never reached: {missing:?}");
    }

    fn where_the_wallet_page_is_in_the_clear_there_are_no_passkeys(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            // The name under which the tests connect, and a server cannot know beforehand.
            options.messages.origin = Some("http://wallet.example.jp".to_owned());
        });
        let begin = json!({ "act": "begin" });
        let refused = world.refused(&mut world.device(), members::SIGN_IN, &begin);
        assert_eq!(refused, "passkeys_must_be_set_up");
    }

    fn a_password_that_leaked_since_it_was_set_proves_nothing(db: &mut TestDatabase) {
        let file = db.folder().join("leaked");
        let text = format!("{}\n", members::PASSWORD);
        let filter = build(&mut text.as_bytes(), 1, &mut |_| ()).expect("a filter");
        filter.write(&mut std::fs::File::create(&file).expect("a file")).expect("written");
        let mut options = None;
        let world = World::with(db, 0, |used| options = Some(used.clone()));
        let mut member = world.sign_up("hanako@example.jp");
        // Another node knows more than the one where it was set.
        let mut options = options.expect("they were used");
        options.admin_socket = None;
        options.leaked_passwords = Some(file);
        let other = serve(&options).expect("it starts");
        let elsewhere = other.devices;
        let mut device = world.twin_of(&member.device, elsewhere);
        let verify = json!({
            "act": "verify", "request_id": members::new_id(), "password": members::PASSWORD,
        });
        let here = world.refused(&mut member.device, members::SESSION, &verify);
        assert_eq!(here, "ok", "it is right, and all there is");
        let again = json!({
            "act": "verify", "request_id": members::new_id(), "password": members::PASSWORD,
        });
        let refused = world.refused(&mut device, members::SESSION, &again);
        assert_eq!(refused, "password_must_be_changed");
        // It is good for being replaced, by one that is not, and for nothing else.
        let replace = |present: &str, password: &str| {
            json!({
                "act": "password", "request_id": members::new_id(), "present": present,
                "password": password,
            })
        };
        let new = "another password of nobody else, 44";
        for (present, password, said) in [
            (members::PASSWORD, members::PASSWORD, "password_must_be_strong"),
            ("not this one", new, "password_must_match"),
            (members::PASSWORD, new, "ok"),
        ] {
            let body = replace(present, password);
            assert_eq!(world.refused(&mut device, members::FACTORS, &body), said);
        }
        let verify = json!({
            "act": "verify", "request_id": members::new_id(), "password": new,
        });
        assert_eq!(world.refused(&mut device, members::SESSION, &verify), "ok");
        // Whoever has a passkey uses that: a leaked password does not even sign in.
        let mut taro = world.sign_up_by_passkey("taro@example.jp");
        let set = json!({
            "act": "password", "request_id": members::new_id(), "password": members::PASSWORD,
        });
        world.told(&mut taro.device, members::FACTORS, &set);
        let mut there = world.twin_of(&taro.device, elsewhere);
        let sign_in = json!({
            "act": "sign_in", "request_id": members::new_id(), "password": members::PASSWORD,
        });
        let refused = world.refused(&mut there, members::SESSION, &sign_in);
        assert_eq!(refused, "password_must_be_changed");
    }

    fn a_provider_that_is_away_or_says_nothing_of_use_proves_nobody(db: &mut TestDatabase) {
        let stand = Stand::new();
        let provider = ProviderOptions::new("id", &stand.issuer(), ("yaoki", "a secret"));
        let provider = provider.expect("an issuer");
        let world = World::with(db, 0, |options| options.openid = vec![provider]);
        let mut browser = world.device();
        stand.mind().status = Some(503);
        let begin = json!({ "act": "begin_external", "provider": "id" });
        let away = world.refused(&mut browser, members::SIGN_IN, &begin);
        assert_eq!(away, "provider_must_answer");
        let back = json!({
            "act": "external", "request_id": members::new_id(), "provider": "id",
            "code": "1", "state": "2", "attempt": "made up",
        });
        let refused = world.refused(&mut browser, members::SIGN_IN, &back);
        assert_eq!(refused, "external_id_must_hold");
    }

    fn past_the_deadline_the_answer_is_unknown(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| options.limits.deadline_ms = 0);
        assert_eq!(refusal_of_payment(&world, &world.till), "deadline_passed");
    }

    fn a_terminal_with_too_many_requests_under_way_is_told_so(db: &mut TestDatabase) {
        let world =
            World::with(db, 0, |options| options.limits.in_flight_per_terminal_max = 0);
        assert_eq!(refusal_of_payment(&world, &world.till), "too_many_in_flight");
    }

    fn an_address_with_too_many_connections_is_cut_before_a_byte(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| {
            options.public.connections_per_prefix_max = 2;
            options.public.loopback_is_exempt = false;
        });
        let request = b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n";
        let held: Vec<_> = (0..2)
            .map(|_| {
                let mut stream = raw::connect(world.running.public);
                stream.write_all(request).expect("it is taken");
                assert!(raw::read_answer(&mut stream).starts_with("HTTP/1.1 200"));
                stream
            })
            .collect();
        assert_eq!(raw::exchange(world.running.public, request), "");
        let mut register = world.register(&world.till);
        assert!(world.run(register.pay(&world.payment(0, 100))).is_ok(), "registers are served");
        drop(held);
        let mut connection = Connection::new(world.running.public);
        let again = world.run(async {
            for _ in 0..200 {
                let health =
                    Request { method: "GET", target: "/health", headers: &[], body: b"" };
                if let Ok(answer) = connection.send(&health).await {
                    return Some(answer.status);
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            None
        });
        assert_eq!(again, Some(200));
    }
}
