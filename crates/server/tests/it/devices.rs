//! What a member's device is told.

use serde_json::json;
use yaoki_server::admin::Order;
use yaoki_server::client::http::Request;
use yaoki_server::client::{Answer, ClientError};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::proof::token::DeviceSession;
use yaoki_store::on_both_storages;

use crate::world::{MONEY, World, text, told};

fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result {
        Err(ClientError::Problem(answer)) => told(&answer),
        other => panic!("not refused: {other:?}"),
    }
}

fn nonce_of(answer: &Answer) -> &str {
    answer.nonce.as_deref().expect("every answer to a device carries a nonce")
}

on_both_storages! {
    fn a_device_enrols_shows_a_code_and_the_code_pays(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.device();
        let link = world.link(&world.members[0].0.to_string());
        let (first, member) = world.run(device.enrol(&link)).expect("it enrols");
        assert!(first.starts_with("dev_") && member.starts_with("mem_"));
        let code = world.run(device.code(true)).expect("a code");
        assert_eq!(code.digits, world.code(0));
        assert_eq!(code.grouped.replace(' ', ""), code.digits);
        assert!(code.code128_svg.is_some_and(|svg| svg.starts_with("<svg")));
        assert!(code.qr_svg.is_some_and(|svg| svg.starts_with("<svg")));
        assert!(world.run(device.code(false)).expect("a code").qr_svg.is_none());
        let mut register = world.register(&world.till);
        let mut payment = world.payment(0, 1200);
        payment.code = code.digits;
        assert!(world.run(register.pay(&payment)).expect("an outcome").succeeded());
        let wallet = world.run(device.wallet()).expect("a wallet");
        assert_eq!((wallet.money, wallet.available, wallet.held), (MONEY - 1200, MONEY - 1200, 0));
        let newest = &wallet.movements[0];
        let told = (&newest["kind"], &newest["amount"], &newest["store"]);
        assert_eq!(told, (&json!("pay"), &json!(-1200), &json!("Hinode station")));
    }

    fn a_token_sealed_for_another_key_is_of_no_use(db: &mut TestDatabase) {
        let world = World::new(db);
        let device = world.enrolled(0);
        let keys = &world.running.app.keyring().proof;
        let own = format!("DPoP {}", device.token().expect("it is enrolled"));
        let own = keys.open_token(&own).expect("it is ours");
        // Whoever stole the key that seals tokens, and knows the numbers.
        let mut thief = world.device();
        let thumbprint = thief.key().public_key().thumbprint;
        let of = DeviceSession {
            device: own.device,
            member: own.member,
            session: own.session,
            issued_at_ms: own.issued_at_ms,
        };
        thief.set_token(keys.issue_token(of, &thumbprint));
        let not_active = "401 device_must_be_active";
        assert_eq!(refusal(world.run(thief.code(false))), not_active);
        assert_eq!(refusal(world.run(thief.wallet())), not_active);
        for (path, body) in [
            ("/v1/device/movements", json!({})),
            ("/v1/device/shop", json!({ "store": "1" })),
            ("/v1/device/payments", json!({
                "request_id": "0199b0a0-0000-7000-8000-000000000001", "store": "1", "amount": 100,
                "currency": "JPY",
                "valid_until": yaoki_server::api::time::text(world.clock.now().plus_ms(30_000)),
            })),
        ] {
            let answer = world.run(thief.post(path, body.to_string().as_bytes())).expect("it");
            assert_eq!(told(&answer), not_active, "{path}");
        }
        assert_eq!(world.member(0).money, MONEY);
    }

    fn a_member_sees_who_holds_what_and_that_it_was_released(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let mut register = world.register(&world.till);
        let mut payment = world.payment(0, 700);
        payment.hold_seconds = Some(600);
        let held = world.run(register.pay(&payment)).expect("an outcome");
        let hold = held.payment.expect("it succeeded");
        assert!(!world.run(register.pay(&world.payment(0, MONEY))).expect("it").succeeded());
        let wallet = world.run(device.wallet()).expect("a wallet");
        assert_eq!((wallet.money, wallet.held, wallet.available), (MONEY, 700, MONEY - 700));
        let newest = &wallet.movements[0];
        assert_eq!(newest["kind"], "authorize", "a decline is no movement");
        assert_eq!((&newest["amount"], &newest["held_change"]), (&json!(0), &json!(700)));
        assert_eq!(newest["store"], "Hinode station");
        assert!(world.run(register.void(uuid::Uuid::now_v7(), &hold)).expect("it").succeeded());
        let wallet = world.run(device.wallet()).expect("a wallet");
        let newest = &wallet.movements[0];
        assert_eq!((&newest["kind"], &newest["held_change"]), (&json!("void"), &json!(-700)));
    }

    fn a_link_works_once_and_a_lost_answer_is_given_again(db: &mut TestDatabase) {
        let world = World::new(db);
        let link = world.link(&world.members[0].0.to_string());
        let mut device = world.device();
        let first = world.run(device.enrol(&link)).expect("it enrols");
        let token = device.token().map(str::to_owned);
        assert_eq!(world.run(device.enrol(&link)).expect("the same again"), first);
        assert_eq!(device.token().map(str::to_owned), token);
        let mut thief = world.device();
        assert_eq!(refusal(world.run(thief.enrol(&link))), "403 link_must_be_valid");
        assert_eq!(refusal(world.run(thief.enrol("no such link"))), "403 link_must_be_valid");
    }

    fn every_answer_carries_a_nonce_and_an_old_one_is_asked_to_be_renewed(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let first = world.run(device.post_once("/v1/device/code", b"{}")).expect("an answer");
        assert_eq!(told(&first), "401 nonce_must_be_fresh");
        let challenge = first.header("www-authenticate").expect("a challenge");
        assert_eq!(challenge, "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"");
        assert_eq!(first.header("cache-control"), Some("no-store"));
        let nonce = nonce_of(&first).to_owned();
        let second = world.run(device.post_once("/v1/device/code", b"{}")).expect("an answer");
        assert_eq!((second.status, nonce_of(&second)), (200, nonce.as_str()));
        assert_eq!(second.header("cache-control"), Some("no-store"));
        world.clock.advance_ms(61_000);
        let stale = world.run(device.post_once("/v1/device/code", b"{}")).expect("an answer");
        assert_eq!(told(&stale), "401 nonce_must_be_fresh");
        assert_ne!(nonce_of(&stale), nonce);
        let request =
            Request { method: "GET", target: "/v1/device/nonce", headers: &[], body: b"" };
        let anybody = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(anybody.json()["nonce"].as_str(), anybody.nonce.as_deref());
        assert_ne!(anybody.nonce, stale.nonce);
    }

    fn a_proof_for_another_body_or_by_another_key_shows_no_code(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        world.run(device.code(false)).expect("it has a nonce now");
        let token = format!("DPoP {}", device.token().expect("enrolled"));
        let proof = device.proof("POST", "/v1/device/code", b"{}").expect("a proof");
        let mut thief = world.device();
        thief.set_token(device.token().expect("enrolled").to_owned());
        let stolen = world.run(thief.post("/v1/device/code", b"{}")).expect("an answer");
        assert_eq!(told(&stolen), "401 proof_must_hold");
        for (target, body) in [
            ("/v1/device/code", &b"{\"pictures\":true}"[..]),
            ("/v1/device/wallet", b"{}"),
        ] {
            let headers = [("Authorization", token.as_str()), ("DPoP", proof.as_str())];
            let request = Request { method: "POST", target, headers: &headers, body };
            let answer = world.anonymous(ListenerName::Devices, &request);
            assert_eq!(told(&answer), "401 proof_must_hold", "{target}");
            assert!(!nonce_of(&answer).is_empty());
        }
    }

    fn a_proof_that_was_overheard_shows_no_code(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        world.run(device.code(false)).expect("it has a nonce now");
        let token = format!("DPoP {}", device.token().expect("enrolled"));
        let proof = device.proof("POST", "/v1/device/code", b"{}").expect("a proof");
        let headers = [("Authorization", token.as_str()), ("DPoP", proof.as_str())];
        let request =
            Request { method: "POST", target: "/v1/device/code", headers: &headers, body: b"{}" };
        assert_eq!(world.anonymous(ListenerName::Devices, &request).status, 200);
        for later_ms in [0, 29_000, 20_000, 20_000] {
            world.clock.advance_ms(later_ms);
            let replayed = world.anonymous(ListenerName::Devices, &request);
            assert_eq!(replayed.status, 401, "{later_ms}");
            assert!(!replayed.json()["digits"].is_string());
        }
        assert!(world.run(device.code(false)).is_ok(), "the device itself signs another");
    }

    fn when_proofs_are_forgotten_their_nonces_are_and_devices_go_on(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| options.limits.proofs_remembered_max = 3);
        let mut device = world.enrolled(0);
        let mut accepted: Vec<(String, u16)> = Vec::new();
        let mut renewed = 0;
        for _ in 0..12 {
            let token = format!("DPoP {}", device.token().expect("enrolled"));
            let proof = device.proof("POST", "/v1/device/code", b"{}").expect("a proof");
            let ask = |proof: &str| {
                let headers = [("Authorization", token.as_str()), ("DPoP", proof)];
                let (method, target) = ("POST", "/v1/device/code");
                let request = Request { method, target, headers: &headers, body: b"{}" };
                world.anonymous(ListenerName::Devices, &request).status
            };
            accepted.push((proof.clone(), ask(&proof)));
            for (proof, _) in &accepted {
                assert_eq!(ask(proof), 401, "no proof is accepted twice");
            }
            // One more request at the most, and the device has its code.
            let first = world.run(device.post_once("/v1/device/code", b"{}")).expect("an answer");
            if first.status == 401 {
                assert_eq!(told(&first), "401 nonce_must_be_fresh");
                renewed += 1;
                assert!(world.run(device.code(false)).is_ok());
            }
        }
        assert!(renewed > 1, "the memory of three was full more than once");
        assert!(accepted.iter().any(|(_, status)| *status == 200));
    }

    fn only_the_paying_device_of_an_open_member_shows_codes_while_the_switch_is_open(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut old = world.enrolled(0);
        let mut device = world.device();
        let member = world.members[0].0.to_string();
        let link = world.link(&member);
        let (name, _) = world.run(device.enrol(&link)).expect("it enrols");
        assert_eq!(refusal(world.run(old.code(false))), "401 device_must_be_active");
        assert!(world.run(old.wallet()).is_ok());
        let (capability, scope) = ("code_issue".to_owned(), "member".to_owned());
        let subject = Some(member.clone());
        world.order(Order::CloseSwitch {
            capability: capability.clone(),
            scope: scope.clone(),
            subject: subject.clone(),
            lapse_seconds: None,
        });
        assert_eq!(refusal(world.run(device.code(false))), "503 code_issue_is_closed");
        world.order(Order::OpenSwitch { capability, scope, subject });
        assert!(world.run(device.code(false)).is_ok());
        world.order(Order::FreezeMember { member: member.clone() });
        assert_eq!(refusal(world.run(device.code(false))), "409 member_must_be_open");
        assert!(world.run(device.wallet()).is_ok());
        world.order(Order::UnfreezeMember { member });
        world.order(Order::EndDevice { device: name });
        assert_eq!(refusal(world.run(device.code(false))), "401 device_must_be_active");
        assert_eq!(refusal(world.run(device.wallet())), "401 device_must_be_active");
    }

    fn a_code_shown_before_the_code_key_was_rotated_still_pays(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let mut payment = world.payment(0, 100);
        payment.code = world.run(device.code(false)).expect("a code").digits;
        let rotated = world.order(Order::RotateKey { key: "code".to_owned(), keep_seconds: 300 });
        assert_eq!(text(&rotated, "key"), "code");
        world.running.app.reload_keys().expect("the keys can be read");
        let shown = world.run(device.code(false)).expect("a code").digits;
        assert_ne!(shown, payment.code);
        let mut register = world.register(&world.till);
        assert!(world.run(register.pay(&payment)).expect("an outcome").succeeded());
    }
}
