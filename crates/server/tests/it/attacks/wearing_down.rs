//! Somebody has a wallet, a profile or a cookie, and uses it to wear others' defences down: tries,
//! budgets of messages, and what the owner is told.

use serde_json::json;
use yaoki_core::message::{Argument, Template};
use yaoki_store::on_both_storages;

use crate::authenticator::Authenticator;
use crate::members::{
    CONTACTS, DAY, FACTORS, HOUR, LINK, Member, PASSWORD, RECOVERY, SESSION, SIGN_IN, WALLET,
    new_id, totp_code,
};
use crate::world::{World, text};

const WRONG: &str = "not the password of anybody";

on_both_storages! {
    fn a_code_that_somebody_makes_himself_gives_no_further_tries(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let verify = || {
            json!({ "act": "verify", "request_id": new_id(), "password": WRONG })
        };
        let mut judged = 0;
        for _ in 0..3 {
            for _ in 0..9 {
                let told = world.refused(&mut member.device, SESSION, &verify());
                judged += usize::from(told == "password_must_match");
            }
            let begin = json!({ "act": "begin_generator" });
            let begun = world.told(&mut member.device, FACTORS, &begin);
            let code = totp_code(&text(&begun, "text"), world.clock.now().0);
            let body = json!({
                "act": "generator", "request_id": new_id(), "sealed": begun["sealed"],
                "code": code,
            });
            let told = world.refused(&mut member.device, FACTORS, &body);
            assert_eq!(told, "user_must_be_verified");
        }
        assert_eq!(judged, 10, "as many as there are in a quarter of an hour");
    }

    fn who_stole_a_cookie_takes_no_tries_from_who_has_the_key(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let wrong = || json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": WRONG,
        });
        for _ in 0..12 {
            let mut thief = world.device();
            thief.set_header("Cookie", &member.cookie);
            world.refused(&mut thief, SIGN_IN, &wrong());
        }
        let verify = json!({ "act": "verify", "request_id": new_id(), "password": PASSWORD });
        assert_eq!(world.refused(&mut member.device, SESSION, &verify), "ok");
    }

    fn a_member_has_codes_sent_to_ten_addresses_a_day_and_no_more(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let mut asks = |number: usize| {
            let address = format!("victim{number}@example.jp");
            let begin = json!({ "act": "begin", "address": address, "language": "ja" });
            world.refused(&mut member.device, CONTACTS, &begin)
        };
        for number in 0..10 {
            assert_eq!(asks(number), "ok");
        }
        for number in 10..20 {
            assert_eq!(asks(number), "codes_must_be_few");
        }
        assert_eq!(world.count_of(Template::AddressCode), 10);
    }

    fn freezing_again_and_again_uses_up_nothing_that_the_owner_is_told(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        for _ in 0..30 {
            assert_eq!(world.acts(&mut member.device, "freeze"), "ok");
        }
        assert_eq!(world.count_of(Template::WalletFrozen), 1);
    }

    fn an_owner_who_signed_within_the_hour_before_a_recovery_has_three_days(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut owned = world.settled();
        world.account(&mut owned.member.device);
        let noted = (0..200).any(|_| {
            world.rest(std::time::Duration::from_millis(10));
            world.account(&mut owned.member.device)["devices"][0]["seen_at"].is_string()
        });
        assert!(noted, "it is written down when the device signs");
        world.clock.advance_ms(HOUR / 2);
        let (mut browser, started) = world.recovering(&mut owned);
        world.clock.advance_ms(2 * DAY);
        let finish = json!({
            "act": "finish", "request_id": new_id(), "recovery": started["recovery"],
            "token": started["token"],
        });
        assert_eq!(world.refused(&mut browser, RECOVERY, &finish), "recovery_must_be_due");
    }

    fn a_link_contests_the_recovery_that_it_was_sent_for_and_no_later_one(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut owned = world.settled();
        let (_, started) = world.recovering(&mut owned);
        let token = world.argument(Template::RecoveryStarted, Argument::ContestToken);
        world.verify(&mut owned.member);
        let cancel = json!({
            "act": "cancel_recovery", "request_id": new_id(), "recovery": started["recovery"],
        });
        world.told(&mut owned.member.device, WALLET, &cancel);
        let (mut browser, later) = world.recovering(&mut owned);
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        let confirm = json!({ "act": "confirm", "token": token, "digits": look["digits"] });
        assert_eq!(world.refused(&mut reader, LINK, &confirm), "recovery_must_be_open");
        let state = json!({ "act": "state", "recovery": later["recovery"] });
        assert_eq!(world.told(&mut browser, RECOVERY, &state)["state"], json!("waiting"));
    }

    fn whoever_recovered_without_his_passkey_adds_another_after_the_week(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut owned = world.settled();
        let (mut browser, started) = world.recovering(&mut owned);
        world.clock.advance_ms(DAY + 1_000);
        let finish = json!({
            "act": "finish", "request_id": new_id(), "recovery": started["recovery"],
            "token": started["token"],
        });
        let signed_in = world.told(&mut browser, RECOVERY, &finish);
        browser.set_token(text(&signed_in, "token"));
        // The passkey went with the phone; here is another authenticator.
        let mut member = Member { device: browser, ..owned.member };
        member.authenticator = Authenticator::at(world.running.app.wallet_origin());
        let add = |member: &mut Member| {
            let begin = (FACTORS, &json!({ "act": "begin_passkey" }));
            let made = world.made(&mut member.device, begin, &mut member.authenticator);
            let body = json!({ "act": "passkey", "request_id": new_id(), "passkey": made });
            world.refused(&mut member.device, FACTORS, &body)
        };
        world.clock.advance_ms(6 * DAY);
        assert_eq!(add(&mut member), "user_must_be_verified");
        world.clock.advance_ms(DAY + 1_000);
        member.authenticator = Authenticator::at(world.running.app.wallet_origin());
        assert_eq!(add(&mut member), "ok");
        // It verifies from then on, and nothing is added without.
        world.verify(&mut member);
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let password = json!({ "act": "password", "request_id": new_id(), "password": PASSWORD });
        let again = world.refused(&mut member.device, FACTORS, &password);
        assert_eq!(again, "user_must_be_verified");
    }

    fn a_recovery_code_is_the_second_factor_of_who_has_lost_his_generator(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.generator(&mut member.device);
        let sheet = json!({ "act": "recovery_codes", "request_id": new_id() });
        let sheet = world.told(&mut member.device, FACTORS, &sheet);
        let code = sheet["codes"][3].as_str().expect("a code").to_owned();
        let verify = |code: &str| json!({
            "act": "verify", "request_id": new_id(), "password": PASSWORD, "code": code,
        });
        assert_eq!(world.refused(&mut member.device, SESSION, &verify(&code)), "ok");
        let again = world.refused(&mut member.device, SESSION, &verify(&code));
        assert_eq!(again, "factor_must_be_unused");
        let wrong = world.refused(&mut member.device, SESSION, &verify("AAAA-AAAA-AAAA-AAAA"));
        assert_eq!(wrong, "password_must_match");
    }
}
