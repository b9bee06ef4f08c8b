//! A page between a member and us that passes everything on at once (mix 13).
//!
//! What remains is a device that the member himself approves on his old one: it is under the limits
//! of a new device, which money issues enforce, and the old one takes everything back for 72 hours.

use serde_json::json;
use yaoki_core::message::Template;
use yaoki_store::on_both_storages;

use super::pair;
use crate::members::{
    CONTACTS, DAY, DEVICES, FACTORS, PASSWORD, SIGN_IN, SIGN_UP, new_id, totp_code,
};
use crate::world::World;

on_both_storages! {
    fn password_and_code_passed_on_in_time_sign_nobody_in(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up("hanako@example.jp");
        let seed = world.generator(&mut member.device);
        for _ in 0..3 {
            world.clock.advance_ms(60_000 + 1_000);
            let mut phisher = pair(&member.address, PASSWORD);
            phisher["code"] = json!(totp_code(&seed, world.clock.now().0));
            let refused = world.refused(&mut world.device(), SIGN_IN, &phisher);
            assert_eq!(refused, "continue_on_your_device");
        }
        assert!(world.count_comes_to(Template::SignInAttempt, 1));
        assert_eq!(world.active(&member).len(), 1);
    }

    fn a_passkey_signs_for_no_page_but_ours(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let mut phisher = world.device();
        let asked = world.told(&mut phisher, SIGN_IN, &json!({ "act": "begin" }));
        for origin in ["https://wallet.example.com", "http://localhost:1"] {
            origin.clone_into(&mut member.authenticator.origin);
            // A real browser refuses another page's name; this one signs what it is told.
            let signed = world.run(member.authenticator.sign(&asked["options"]));
            let passkey = json!({ "ceremony": asked["ceremony"], "answer": signed });
            let body = json!({ "act": "passkey", "request_id": new_id(), "passkey": passkey });
            let refused = world.refused(&mut phisher, SIGN_IN, &body);
            assert_eq!(refused, "passkey_must_hold", "{origin}");
        }
        assert_eq!(world.active(&member).len(), 1);
    }

    fn a_sign_up_code_passed_on_makes_a_wallet_of_the_phishers_own(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let member = world.sign_up("hanako@example.jp");
        let mut phisher = world.device();
        let begin = json!({ "act": "begin", "address": member.address, "language": "ja" });
        world.told(&mut phisher, SIGN_UP, &begin);
        // The member has no code to pass on: none was sent.
        assert_eq!(world.count_of(Template::SignUpCode), 1);
        assert_eq!(world.active(&member).len(), 1);
        // Somebody who is no member yet passes his on: it makes a wallet that has nothing of his.
        let theirs = world.sign_up("taro@example.jp");
        assert_ne!(theirs.wallet, member.wallet);
        assert_eq!(world.active(&member).len(), 1);
        let mut late = world.device();
        let begin = json!({ "act": "begin", "address": "taro@example.jp", "language": "ja" });
        world.told(&mut late, SIGN_UP, &begin);
        assert_eq!(world.count_of(Template::AddressInUse), 2, "whoever reads it hears of it");
    }

    fn an_invitation_passed_on_is_a_device_that_waits_and_spends_nothing(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut phisher, device) = world.invited(&mut member);
        assert_eq!(world.shows(&mut phisher), "token_must_be_ours");
        assert_eq!(world.active(&member).len(), 1);
        // The member, who sees a device that he does not know, refuses it or does nothing.
        world.clock.advance_ms(10 * 60_000 + 1_000);
        world.verify(&mut member);
        let approve = json!({
            "act": "approve", "request_id": new_id(), "device": device, "pays": true,
        });
        let late = world.refused(&mut member.device, DEVICES, &approve);
        assert_eq!(late, "device_must_wait");
        assert_eq!(world.active(&member).len(), 1);
    }

    fn a_device_that_was_phished_is_limited_and_the_old_one_takes_all_back(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut phisher, device) = world.added(&mut member, true);
        // It shows codes: what they pay is what the limits of a new device let pass.
        assert_eq!(world.shows(&mut phisher), "ok");
        let shown = world.account(&mut phisher);
        let shown = shown["devices"].as_array().expect("devices").clone();
        let this = shown.iter().find(|one| one["this"] == json!(true)).expect("this one");
        assert_eq!(this["limited"], json!(true));
        assert_eq!(world.count_of(Template::DeviceAdded), 1);
        assert_eq!(world.count_of(Template::PayingDeviceMoved), 1);
        // Neither a factor nor an address nor another device is its to change, whatever it proves.
        let id = new_id;
        for (path, body) in [
            (FACTORS, json!({ "act": "password", "request_id": id(), "password": PASSWORD })),
            (CONTACTS, json!({ "act": "begin", "address": "e@example.com", "language": "en" })),
            (DEVICES, json!({ "act": "invite", "request_id": id() })),
            (DEVICES, json!({ "act": "end", "request_id": id(), "device": member.id })),
        ] {
            let refused = world.refused(&mut phisher, path, &body);
            let bounds = ["user_must_be_verified", "device_must_not_be_young"];
            assert!(bounds.contains(&refused.as_str()), "{path} {body}: {refused}");
        }
        world.clock.advance_ms(3 * DAY - 1);
        assert_eq!(world.acts(&mut member.device, "freeze"), "ok");
        assert_eq!(world.shows(&mut phisher), "member_must_be_open");
        world.verify(&mut member);
        let end = json!({ "act": "end", "request_id": new_id(), "device": device });
        assert_eq!(world.refused(&mut member.device, DEVICES, &end), "ok");
        assert_eq!(world.shows(&mut phisher), "device_must_be_active");
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "ok");
        let back = json!({ "act": "pay", "request_id": new_id(), "device": member.id });
        assert_eq!(world.refused(&mut member.device, DEVICES, &back), "ok");
        assert_eq!(world.shows(&mut member.device), "ok");
    }
}
