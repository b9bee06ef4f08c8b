//! Signing in: on a known device, and in a browser that lost its key.

use serde_json::json;
use yaoki_core::message::Template;
use yaoki_store::on_both_storages;

use super::{DAY, FACTORS, PASSWORD, SESSION, SIGN_IN, cookie_of, new_id, totp_code};
use crate::world::{World, text};

on_both_storages! {
    fn a_known_device_signs_out_and_in_again_by_passkey_or_password(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let set = json!({ "act": "password", "request_id": new_id(), "password": PASSWORD });
        world.told(&mut member.device, FACTORS, &set);
        let out = || json!({ "act": "sign_out", "request_id": new_id() });
        world.told(&mut member.device, SESSION, &out());
        assert_eq!(world.shows(&mut member.device), "device_must_be_signed_in");
        let begin = (SESSION, &json!({ "act": "begin", "purpose": "sign_in" }));
        let passkey = world.signed(&mut member.device, begin, &mut member.authenticator);
        let by_passkey = json!({ "act": "sign_in", "request_id": new_id(), "passkey": passkey });
        let by_password =
            json!({ "act": "sign_in", "request_id": new_id(), "password": PASSWORD });
        for body in [by_passkey, by_password] {
            let signed_in = world.told(&mut member.device, SESSION, &body);
            assert_eq!(world.told(&mut member.device, SESSION, &body), signed_in, "lost answer");
            let said = (&signed_in["device"], &signed_in["pays"]);
            assert_eq!(said, (&json!(member.id), &json!(true)));
            member.device.set_token(text(&signed_in, "token"));
            assert_eq!(world.shows(&mut member.device), "ok");
            world.told(&mut member.device, SESSION, &out());
        }
        let wrong = json!({ "act": "sign_in", "request_id": new_id(), "password": "wrong" });
        assert_eq!(world.refused(&mut member.device, SESSION, &wrong), "password_must_match");
    }

    fn with_a_generator_a_password_alone_signs_in_nowhere(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        let seed = world.generator(&mut member.device);
        world.told(&mut member.device, SESSION, &json!({
            "act": "sign_out", "request_id": new_id(),
        }));
        world.clock.advance_ms(60_000 + 1_000);
        let mut body = json!({ "act": "sign_in", "request_id": new_id(), "password": PASSWORD });
        assert_eq!(world.refused(&mut member.device, SESSION, &body), "password_must_match");
        body["code"] = json!("000000");
        assert_eq!(world.refused(&mut member.device, SESSION, &body), "password_must_match");
        let code = totp_code(&seed, world.clock.now().0);
        body["code"] = json!(code);
        let signed_in = world.told(&mut member.device, SESSION, &body);
        member.device.set_token(text(&signed_in, "token"));
        // The same code does not count again.
        let again = json!({
            "act": "verify", "request_id": new_id(), "password": PASSWORD, "code": code,
        });
        assert_eq!(world.refused(&mut member.device, SESSION, &again), "password_must_match");
        world.clock.advance_ms(60_000 + 1_000);
        let verify = json!({
            "act": "verify", "request_id": new_id(), "password": PASSWORD,
            "code": totp_code(&seed, world.clock.now().0),
        });
        assert_eq!(world.refused(&mut member.device, SESSION, &verify), "ok");
    }

    fn cookie_and_passkey_restore_the_same_device_and_the_old_key_is_over(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let cookie = member.cookie.clone();
        let (mut browser, answer) = world.by_passkey(&mut member, Some(&cookie));
        assert_eq!(answer.json()["device"], json!(member.id));
        assert_eq!(answer.json()["pays"], json!(true));
        assert!(cookie_of(&answer).is_some());
        assert_eq!(world.shows(&mut browser), "ok");
        assert_eq!(world.shows(&mut member.device), "device_must_be_active");
        let account = world.account(&mut browser);
        assert_eq!(account["devices"].as_array().map(Vec::len), Some(1));
        assert_eq!(account["devices"][0]["limited"], json!(false));
    }

    fn neither_cookie_nor_password_alone_makes_a_device(db: &mut TestDatabase) {
        let world = World::new(db);
        let member = world.sign_up("hanako@example.jp");
        let mut browser = world.device();
        browser.set_header("Cookie", &member.cookie);
        for path in ["/v1/device/code", "/v1/device/wallet", "/v1/member/account"] {
            let refused = world.refused(&mut browser, path, &json!({}));
            assert_eq!(refused, "token_must_be_ours", "{path}");
        }
        let password = json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": PASSWORD,
        });
        // With the cookie, but without a second factor; and without the cookie.
        for browser in [&mut browser, &mut world.device()] {
            let refused = world.refused(browser, SIGN_IN, &password);
            assert_eq!(refused, "continue_on_your_device");
        }
        assert!(world.count_comes_to(Template::SignInAttempt, 1), "once a day");
    }

    fn cookie_password_and_generator_restore_the_device_under_limits(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        let seed = world.generator(&mut member.device);
        world.clock.advance_ms(60_000 + 1_000);
        let body = json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": PASSWORD, "code": totp_code(&seed, world.clock.now().0),
        });
        let stranger = world.refused(&mut world.device(), SIGN_IN, &body);
        assert_eq!(stranger, "continue_on_your_device", "the cookie is missing");
        let mut browser = world.device();
        browser.set_header("Cookie", &member.cookie);
        let signed_in = world.told(&mut browser, SIGN_IN, &body);
        assert_eq!(world.told(&mut browser, SIGN_IN, &body), signed_in, "lost answer");
        assert_eq!(signed_in["device"], json!(member.id));
        browser.set_token(text(&signed_in, "token"));
        let account = world.account(&mut browser);
        assert_eq!(account["devices"][0]["limited"], json!(true));
        assert_eq!(world.shows(&mut member.device), "device_must_be_active");
    }

    fn a_cookie_of_another_wallet_restores_nothing_and_an_old_one_neither(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let other = world.sign_up_by_passkey("taro@example.jp");
        let (_, answer) = world.by_passkey(&mut member, Some(&other.cookie));
        let json = answer.json();
        assert_eq!((&json["member"], &json["pays"]), (&json!(member.wallet), &json!(false)));
        assert_ne!(json["device"], json!(member.id));
        world.clock.advance_ms(401 * DAY + 1_000);
        let cookie = member.cookie.clone();
        let (_, answer) = world.by_passkey(&mut member, Some(&cookie));
        assert_ne!(answer.json()["device"], json!(member.id));
    }

    fn a_passkey_without_its_holders_verification_or_of_another_page_counts_nothing(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let mut browser = world.device();
        let begin = json!({ "act": "begin" });
        let asked = world.told(&mut browser, SIGN_IN, &begin);
        member.authenticator.verifies = false;
        assert!(world.run(member.authenticator.sign(&asked["options"])).is_none());
        member.authenticator.verifies = true;
        // Signed for this page, but asked for by another browser.
        let signed = world.signed(&mut browser, (SIGN_IN, &begin), &mut member.authenticator);
        let body = json!({ "act": "passkey", "request_id": new_id(), "passkey": signed });
        let refused = world.refused(&mut world.device(), SIGN_IN, &body);
        assert_eq!(refused, "passkey_must_hold");
        assert_eq!(world.refused(&mut browser, SIGN_IN, &body), "ok");
        let mut twice = body.clone();
        twice["request_id"] = json!(new_id());
        assert_eq!(world.refused(&mut browser, SIGN_IN, &twice), "passkey_must_hold");
        "http://localhost:1".clone_into(&mut member.authenticator.origin);
        let signed = world.signed(&mut browser, (SIGN_IN, &begin), &mut member.authenticator);
        let body = json!({ "act": "passkey", "request_id": new_id(), "passkey": signed });
        assert_eq!(world.refused(&mut browser, SIGN_IN, &body), "passkey_must_hold");
    }

    fn who_has_a_cookie_and_the_password_tries_ten_codes_in_a_quarter_of_an_hour(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        let seed = world.generator(&mut member.device);
        world.clock.advance_ms(60_000 + 1_000);
        let body = |code: &str| json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": PASSWORD, "code": code,
        });
        // Every time in another browser.
        let tries = |code: &str| {
            let mut browser = world.device();
            browser.set_header("Cookie", &member.cookie);
            world.refused(&mut browser, SIGN_IN, &body(code))
        };
        for _ in 0..10 {
            assert_eq!(tries("000000"), "continue_on_your_device");
        }
        let right = totp_code(&seed, world.clock.now().0);
        assert_eq!(tries(&right), "too_many_tries");
        world.clock.advance_ms(15 * 60_000 + 1_000);
        assert_eq!(tries(&totp_code(&seed, world.clock.now().0)), "ok");
    }

    fn a_device_that_has_its_key_and_lost_its_token_signs_in_as_it_was(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        let mut browser = world.copy_of(&member.device, world.running.devices);
        let body = json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": PASSWORD,
        });
        let signed_in = world.told(&mut browser, SIGN_IN, &body);
        assert_eq!(world.told(&mut browser, SIGN_IN, &body), signed_in, "lost answer");
        assert_eq!(signed_in["device"], json!(member.id));
        browser.set_token(text(&signed_in, "token"));
        assert_eq!(world.shows(&mut browser), "ok");
        // It is one device with one session.
        assert_eq!(world.shows(&mut member.device), "device_must_be_signed_in");
    }
}
