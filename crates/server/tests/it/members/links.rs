//! Freezing, by a device and by a link, unfreezing, and closing.

use serde_json::json;
use yaoki_core::message::{Argument, Template};
use yaoki_server::client::http::Request;
use yaoki_server::edge::listener::ListenerName;
use yaoki_store::on_both_storages;

use super::{DAY, FACTORS, LINK, PASSWORD, SESSION, SIGN_IN, SIGN_UP, new_id};
use crate::world::{World, told};

on_both_storages! {
    fn every_device_freezes_signed_in_or_not_and_only_a_verified_user_unfreezes(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        assert_eq!(world.acts(&mut member.device, "freeze"), "ok");
        assert_eq!(world.shows(&mut member.device), "member_must_be_open");
        assert_eq!(world.count_of(Template::WalletFrozen), 1);
        world.clock.advance_ms(5 * 60_000 + 1_000);
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "user_must_be_verified");
        world.verify(&mut member);
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "ok");
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "member_must_be_frozen");
        let out = json!({ "act": "sign_out", "request_id": new_id() });
        world.told(&mut member.device, SESSION, &out);
        assert_eq!(world.acts(&mut member.device, "freeze"), "ok", "signed out");
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "device_must_be_signed_in");
    }

    fn a_link_freezes_by_the_digits_of_its_page_and_by_nothing_that_a_scanner_does(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let password = json!({
            "act": "password", "request_id": new_id(), "address": member.address,
            "password": PASSWORD,
        });
        world.refused(&mut world.device(), SIGN_IN, &password);
        assert!(world.count_comes_to(Template::SignInAttempt, 1));
        let token = world.argument(Template::SignInAttempt, Argument::FreezeToken);
        // A scanner follows the link, and asks every route by GET.
        for target in ["/wallet".to_owned(), format!("{LINK}?token={token}"), LINK.to_owned()] {
            let request = Request { method: "GET", target: &target, headers: &[], body: b"" };
            world.anonymous(ListenerName::Devices, &request);
        }
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        assert_eq!(look["purpose"], json!("freeze"));
        let right = look["digits"].as_str().expect("digits").to_owned();
        let wrong = if right == "00" { "01" } else { "00" };
        for digits in [wrong, "", "0", "000"] {
            let confirm = json!({ "act": "confirm", "token": token, "digits": digits });
            let refused = world.refused(&mut reader, LINK, &confirm);
            assert_eq!(refused, "digits_must_match", "{digits}");
        }
        // A form without a proof by a key is none.
        let body = json!({ "act": "confirm", "token": token, "digits": right }).to_string();
        let request =
            Request { method: "POST", target: LINK, headers: &[], body: body.as_bytes() };
        let answer = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(told(&answer), "401 proof_must_hold");
        assert_eq!(world.shows(&mut member.device), "ok", "nothing is frozen so far");
        let confirm = json!({ "act": "confirm", "token": token, "digits": right });
        for _ in 0..2 {
            assert_eq!(world.refused(&mut reader, LINK, &confirm), "ok");
        }
        assert_eq!(world.shows(&mut member.device), "member_must_be_open");
        assert_eq!(world.count_of(Template::WalletFrozen), 1);
        world.verify(&mut member);
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "ok");
        // It counted once, and does not say that it froze again.
        let again = world.refused(&mut reader, LINK, &confirm);
        assert_eq!(again, "message_link_must_hold");
        assert_eq!(world.shows(&mut member.device), "ok");
    }

    fn a_link_is_over_after_fourteen_days_and_a_made_up_one_is_none(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        world.verify(&mut member);
        let set = json!({ "act": "password", "request_id": new_id(), "password": PASSWORD });
        world.told(&mut member.device, FACTORS, &set);
        let token = world.argument(Template::PasswordChanged, Argument::FreezeToken);
        let mut reader = world.device();
        let look = |token: &str| json!({ "act": "look", "token": token });
        world.clock.advance_ms(14 * DAY - 1);
        assert_eq!(world.refused(&mut reader, LINK, &look(&token)), "ok");
        world.clock.advance_ms(1);
        for wrong in [token.as_str(), "", "made up", &member.cookie] {
            let refused = world.refused(&mut reader, LINK, &look(wrong));
            assert_eq!(refused, "message_link_must_hold", "{wrong}");
        }
    }

    fn who_closes_keeps_the_right_to_the_balance(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (asset, amount) = ("money".to_owned(), 500);
        let order = yaoki_server::admin::Order::Credit {
            member: member.wallet.clone(), asset, amount,
        };
        world.order(order);
        world.clock.advance_ms(5 * 60_000 + 1_000);
        assert_eq!(world.acts(&mut member.device, "close"), "user_must_be_verified");
        world.verify(&mut member);
        assert_eq!(world.acts(&mut member.device, "close"), "ok");
        assert_eq!(world.shows(&mut member.device), "member_must_be_open");
        let wallet = world.run(member.device.wallet()).expect("the wallet is still shown");
        assert_eq!(wallet.money, 500);
        assert_eq!(world.account(&mut member.device)["state"], json!("closed"));
        assert_eq!(world.count_of(Template::AccountClosed), 1);
        // The address is on file still: nobody else signs up with it.
        let mut browser = world.device();
        let begin = json!({ "act": "begin", "address": member.address, "language": "ja" });
        world.told(&mut browser, SIGN_UP, &begin);
        assert_eq!(world.count_of(Template::AddressInUse), 1);
    }
}
