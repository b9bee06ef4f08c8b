//! Factors and addresses: changed after fresh proof only, and the way back.

use serde_json::{Value, json};
use yaoki_core::message::{Argument, Template};
use yaoki_store::on_both_storages;

use super::{CONTACTS, DAY, FACTORS, LINK, PASSWORD, SESSION, new_id};
use crate::authenticator::Authenticator;
use crate::world::{World, text};

on_both_storages! {
    fn factors_are_added_and_removed_and_the_last_that_signs_in_stays(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let password = json!({ "act": "password", "request_id": new_id(), "password": PASSWORD });
        world.told(&mut member.device, FACTORS, &password);
        let mut second = Authenticator::at(world.running.app.wallet_origin());
        let begin = (FACTORS, &json!({ "act": "begin_passkey" }));
        let made = world.made(&mut member.device, begin, &mut second);
        let add = json!({ "act": "passkey", "request_id": new_id(), "passkey": made });
        for _ in 0..2 {
            world.told(&mut member.device, FACTORS, &add);
        }
        // An authenticator that has one already makes no second.
        let asked = world.told(&mut member.device, FACTORS, begin.1);
        let existing = asked["options"]["excludeCredentials"].as_array().map(Vec::len);
        assert_eq!(existing, Some(2));
        world.generator(&mut member.device);
        let sheet = json!({ "act": "recovery_codes", "request_id": new_id() });
        let codes = world.told(&mut member.device, FACTORS, &sheet);
        assert_eq!(codes["codes"].as_array().map(Vec::len), Some(10));
        let again = world.refused(&mut member.device, FACTORS, &sheet);
        assert_eq!(again, "field_must_be_valid", "they are told once");
        let account = world.account(&mut member.device);
        let factors = account["factors"].as_array().expect("factors").clone();
        let kinds: Vec<&str> = factors.iter().filter_map(|one| one["kind"].as_str()).collect();
        assert_eq!(kinds, ["passkey", "password", "passkey", "totp", "recovery_codes"]);
        assert_eq!(factors[4]["left"], json!(10));
        let end = |factor: &Value| json!({
            "act": "end", "request_id": new_id(), "factor": factor["factor"],
        });
        for (factor, expected) in factors.iter().zip(["ok", "ok", "last_factor_must_stay"]) {
            let told = world.refused(&mut member.device, FACTORS, &end(factor));
            assert_eq!(told, expected, "{factor}");
        }
        assert_eq!(world.count_of(Template::FactorRemoved), 2);
        world.clock.advance_ms(5 * 60_000 + 1_000);
        for body in [&password, &end(&factors[2])] {
            let mut body = body.clone();
            body["request_id"] = json!(new_id());
            let stale = world.refused(&mut member.device, FACTORS, &body);
            assert_eq!(stale, "user_must_be_verified");
        }
    }

    fn a_password_is_changed_after_it_was_given_once_more_and_the_old_one_is_over(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(5 * 60_000 + 1000);
        let new = "another password of nobody else, 43";
        let set = json!({ "act": "password", "request_id": new_id(), "password": new });
        let refused = world.refused(&mut member.device, FACTORS, &set);
        assert_eq!(refused, "user_must_be_verified");
        let verify = json!({ "act": "verify", "request_id": new_id(), "password": PASSWORD });
        assert_eq!(world.refused(&mut member.device, SESSION, &verify), "ok");
        assert_eq!(world.refused(&mut member.device, FACTORS, &set), "ok");
        assert_eq!(world.count_of(Template::PasswordChanged), 1);
        for (password, expected) in [(PASSWORD, "password_must_match"), (new, "ok")] {
            let body = json!({ "act": "sign_in", "request_id": new_id(), "password": password });
            assert_eq!(world.refused(&mut member.device, SESSION, &body), expected);
        }
    }

    fn a_password_is_as_good_after_years_as_on_its_first_day(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(800 * DAY);
        assert_eq!(world.shows(&mut member.device), "device_must_be_signed_in");
        let body = json!({ "act": "sign_in", "request_id": new_id(), "password": PASSWORD });
        let signed_in = world.told(&mut member.device, SESSION, &body);
        member.device.set_token(text(&signed_in, "token"));
        assert_eq!(world.shows(&mut member.device), "ok");
    }

    fn an_address_is_added_by_its_code_removed_and_taken_back(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let begin = json!({ "act": "begin", "address": "090-1234-5678", "language": "en" });
        world.told(&mut member.device, CONTACTS, &begin);
        let code = world.code_sent("+819012345678").expect("a code");
        let mut typed = json!({ "act": "code", "request_id": new_id(), "code": "00000000" });
        let wrong = world.told(&mut member.device, CONTACTS, &typed);
        assert_eq!((&wrong["confirmed"], &wrong["tries_left"]), (&json!(false), &json!(4)));
        typed["code"] = json!(code);
        let right = world.told(&mut member.device, CONTACTS, &typed);
        assert_eq!(right["confirmed"], json!(true));
        assert_eq!(world.told(&mut member.device, CONTACTS, &typed), right, "lost answer");
        assert_eq!(world.count_of(Template::AddressAdded), 1, "to the old one only");
        let account = world.account(&mut member.device);
        let mut all = account["contacts"].as_array().expect("addresses").iter();
        let mail = all.find(|one| one["channel"] == json!("mail")).expect("the mail");
        let end = json!({ "act": "end", "request_id": new_id(), "contact": mail["contact"] });
        for _ in 0..2 {
            world.told(&mut member.device, CONTACTS, &end);
        }
        let account = world.account(&mut member.device);
        let last = json!({
            "act": "end", "request_id": new_id(), "contact": account["contacts"][0]["contact"],
        });
        let refused = world.refused(&mut member.device, CONTACTS, &last);
        assert_eq!(refused, "last_contact_must_stay");
        // The way back: whoever reads what comes to the old address.
        let token = world.argument(Template::AddressChanged, Argument::ReturnToken);
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        assert_eq!(look["purpose"], json!("return"));
        let confirm = json!({ "act": "confirm", "token": token, "digits": look["digits"] });
        for _ in 0..2 {
            world.told(&mut reader, LINK, &confirm);
        }
        let account = world.account(&mut member.device);
        assert_eq!(account["contacts"].as_array().map(Vec::len), Some(2));
        assert_eq!(account["state"], json!("frozen_by_member"), "what else was changed?");
    }

    fn the_way_back_is_closed_after_a_week(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let begin = json!({ "act": "begin", "address": "two@example.jp", "language": "en" });
        world.told(&mut member.device, CONTACTS, &begin);
        let code = world.code_sent("two@example.jp").expect("a code");
        let typed = json!({ "act": "code", "request_id": new_id(), "code": code });
        world.told(&mut member.device, CONTACTS, &typed);
        let account = world.account(&mut member.device);
        let mut all = account["contacts"].as_array().expect("addresses").iter();
        let first = all.find(|one| one["address"] == json!(member.address));
        let contact = text(first.expect("the first"), "contact");
        let end = json!({ "act": "end", "request_id": new_id(), "contact": contact });
        world.told(&mut member.device, CONTACTS, &end);
        let token = world.argument(Template::AddressChanged, Argument::ReturnToken);
        world.clock.advance_ms(7 * DAY + 1_000);
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        let confirm = json!({ "act": "confirm", "token": token, "digits": look["digits"] });
        assert_eq!(world.refused(&mut reader, LINK, &confirm), "contact_must_exist");
    }
}
