//! Cookies, tokens and whole profiles of a browser, used elsewhere (mix 12).

use serde_json::{Value, json};
use yaoki_server::client::http::Request;
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::serve;
use yaoki_store::on_both_storages;

use super::pair;
use crate::members::{
    ACCOUNT, CONTACTS, DAY, DEVICES, FACTORS, JOIN, PASSWORD, SESSION, SIGN_IN, WALLET, new_id,
};
use crate::world::{World, text, told};

/// Everything that a stolen session must not do: path and body.
fn weighty(device: &str) -> Vec<(&'static str, Value)> {
    let id = new_id;
    vec![
        (FACTORS, json!({ "act": "password", "request_id": id(), "password": PASSWORD })),
        (FACTORS, json!({ "act": "recovery_codes", "request_id": id() })),
        (CONTACTS, json!({ "act": "begin", "address": "evil@example.com", "language": "en" })),
        (DEVICES, json!({ "act": "invite", "request_id": id() })),
        (WALLET, json!({ "act": "close", "request_id": id() })),
        (WALLET, json!({ "act": "unfreeze", "request_id": id() })),
        (DEVICES, json!({ "act": "pay", "request_id": id(), "device": device })),
    ]
}

on_both_storages! {
    fn a_cookie_or_token_of_another_key_opens_nothing(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let member = world.sign_up("hanako@example.jp");
        let mut thief = world.device();
        thief.set_header("Cookie", &member.cookie);
        thief.set_token(member.device.token().expect("a token").to_owned());
        for path in ["/v1/device/code", "/v1/device/wallet", ACCOUNT, SESSION, WALLET] {
            let answer = world.asked(&mut thief, path, &json!({}));
            assert_eq!(told(&answer), "401 proof_must_hold", "{path}");
        }
        // Without any proof, as a form of another page would send it.
        let token = format!("DPoP {}", member.device.token().expect("a token"));
        let headers = [("Authorization", token.as_str()), ("Cookie", member.cookie.as_str())];
        let request =
            Request { method: "POST", target: ACCOUNT, headers: &headers, body: b"{}" };
        let answer = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(told(&answer), "401 proof_must_hold");
        let pair = pair(&member.address, PASSWORD);
        let mut thief = world.device();
        thief.set_header("Cookie", &member.cookie);
        let refused = world.refused(&mut thief, SIGN_IN, &pair);
        assert_eq!(refused, "continue_on_your_device", "cookie and password, no second factor");
        assert_eq!(world.active(&member).len(), 1);
    }

    fn a_token_is_over_when_its_session_is_on_every_node_at_the_next_request(
        db: &mut TestDatabase
    ) {
        let mut options = None;
        let world = World::with(db, 0, |used| options = Some(used.clone()));
        let mut options = options.expect("they were used");
        options.admin_socket = None;
        let other = serve(&options).expect("another node");
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let mut here = world.twin_of(&member.device, world.running.devices);
        let mut there = world.twin_of(&member.device, other.devices);
        assert_eq!((world.shows(&mut here), world.shows(&mut there)), ("ok".into(), "ok".into()));
        let out = json!({ "act": "sign_out", "request_id": new_id() });
        world.told(&mut member.device, SESSION, &out);
        for copy in [&mut here, &mut there] {
            assert_eq!(world.shows(copy), "device_must_be_signed_in");
        }
        // Signed in again, the stolen token stays over.
        let begin = (SESSION, &json!({ "act": "begin", "purpose": "sign_in" }));
        let passkey = world.signed(&mut member.device, begin, &mut member.authenticator);
        let body = json!({ "act": "sign_in", "request_id": new_id(), "passkey": passkey });
        let signed_in = world.told(&mut member.device, SESSION, &body);
        member.device.set_token(text(&signed_in, "token"));
        assert_eq!(world.shows(&mut member.device), "ok");
        for copy in [&mut here, &mut there] {
            assert_eq!(world.shows(copy), "device_must_be_signed_in");
        }
        // The same where the browser's key was lost: the copy of the old key is over.
        let mut old = world.twin_of(&member.device, other.devices);
        let cookie = member.cookie.clone();
        let (mut browser, _) = world.by_passkey(&mut member, Some(&cookie));
        assert_eq!(world.shows(&mut old), "device_must_be_active");
        assert_eq!(world.shows(&mut browser), "ok");
    }

    fn a_stolen_profile_with_its_key_changes_nothing_that_weighs(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let mut copy = world.twin_of(&member.device, world.running.devices);
        // What it can do, until its session ends: show codes, look, and freeze.
        assert_eq!(world.shows(&mut copy), "ok");
        world.account(&mut copy);
        for (path, body) in weighty(&member.id) {
            let refused = world.refused(&mut copy, path, &body);
            assert_eq!(refused, "user_must_be_verified", "{path} {body}");
        }
        assert_eq!(world.active(&member).len(), 1);
        // The owner, with his passkey in another browser, ends it.
        let cookie = member.cookie.clone();
        world.by_passkey(&mut member, Some(&cookie));
        assert_eq!(world.shows(&mut copy), "device_must_be_active");
        for (path, body) in weighty(&member.id) {
            let refused = world.refused(&mut copy, path, &body);
            assert_eq!(refused, "device_must_be_active", "{path} {body}");
        }
    }

    fn a_stolen_profile_ends_with_the_devices_session_after_ninety_quiet_days(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 0, |_| {});
        let member = world.sign_up("hanako@example.jp");
        let mut copy = world.twin_of(&member.device, world.running.devices);
        world.clock.advance_ms(90 * DAY - 1);
        assert_eq!(world.shows(&mut copy), "ok");
        world.clock.advance_ms(1);
        assert_eq!(world.shows(&mut copy), "device_must_be_signed_in");
    }

    fn a_key_alone_tells_no_device_its_token_once_its_approval_is_past(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut joined, device) = world.added(&mut member, false);
        for (of, id) in [(&mut joined, &device), (&mut member.device, &member.id)] {
            let mut thief = world.twin_of(of, world.running.devices);
            let state = json!({ "act": "state", "device": id });
            world.clock.advance_ms(15 * 60_000 + 1_000);
            let told = world.told(&mut thief, JOIN, &state);
            assert!(told["signed_in"].is_null(), "{told}");
        }
    }

    fn tokens_renewed_at_once_are_of_one_session_and_end_with_it(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(DAY + 1_000);
        let asks = (0..12).map(|_| {
            (world.twin_of(&member.device, world.running.devices), json!({ "pictures": false }))
        });
        let answers = world.at_once("/v1/device/code", asks.collect());
        let tokens: Vec<&str> =
            answers.iter().filter_map(|answer| answer.header("yaoki-device-token")).collect();
        assert!(!tokens.is_empty());
        let out = json!({ "act": "sign_out", "request_id": new_id() });
        world.told(&mut member.device, SESSION, &out);
        for token in tokens {
            let mut copy = world.copy_of(&member.device, world.running.devices);
            copy.set_token(token.to_owned());
            assert_eq!(world.shows(&mut copy), "device_must_be_signed_in");
        }
    }
}
