//! Recovery led elsewhere, hurried, raced, and used to flood a mailbox (mix 9).

use serde_json::json;
use yaoki_core::message::{MessageState, Template};
use yaoki_store::on_both_storages;

use super::seen;
use crate::members::{CONTACTS, DAY, LINK, RECOVERY, SIGN_UP, new_id};
use crate::world::{World, text};

const MAIL: &str = "hanako@example.jp";

on_both_storages! {
    fn no_field_and_no_header_leads_a_code_to_another_address(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        world.sign_up(MAIL);
        world.clock.advance_ms(8 * DAY + 1_000);
        let mut browser = world.device();
        let good = json!({
            "act": "begin", "address": MAIL, "channel": "mail", "language": "ja",
        });
        for (name, value) in [
            ("send_to", json!("evil@example.com")),
            ("addresses", json!([MAIL, "evil@example.com"])),
            ("address", json!([MAIL, "evil@example.com"])),
            ("address", json!({ "0": MAIL })),
            ("birth_date", json!("2000-01-01")),
        ] {
            let mut body = good.clone();
            body[name] = value;
            let refused = world.refused(&mut browser, RECOVERY, &body);
            assert_eq!(refused, "request_must_have_its_fields", "{name}");
        }
        let doubled = good.to_string().replacen('{', "{\"address\":\"evil@example.com\",", 1);
        let answer = world.run(browser.post(RECOVERY, doubled.as_bytes())).expect("an answer");
        assert_eq!(crate::world::told(&answer), "400 request_must_have_its_fields");
        for address in ["a@b.jp,evil@example.com", "a@b.jp\r\nBcc: evil@example.com", "a@b.jp;c"] {
            let mut body = good.clone();
            body["address"] = json!(address);
            assert_eq!(world.refused(&mut browser, RECOVERY, &body), "field_must_be_valid");
        }
        assert_eq!(world.count_of(Template::RecoveryCode), 0);
        for (name, value) in [
            ("X-Forwarded-Host", "evil.example.com"),
            ("Forwarded", "host=evil.example.com"),
            ("X-Original-URL", "https://evil.example.com"),
            ("Origin", "https://evil.example.com"),
            ("Referer", "https://evil.example.com/"),
        ] {
            browser.set_header(name, value);
        }
        world.told(&mut browser, RECOVERY, &good);
        let sent = world.messages();
        let sent = sent.iter().filter(|one| one.template == Template::RecoveryCode);
        let to: Vec<&str> = sent.map(|one| one.address.0.as_str()).collect();
        assert_eq!(to, [MAIL]);
        // Where a link leads is a setting, which no request changes.
        assert!(!world.running.app.wallet_origin().contains("evil"));
    }

    fn an_address_younger_than_a_week_recovers_nothing(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey(MAIL);
        world.clock.advance_ms(8 * DAY + 1_000);
        world.verify(&mut member);
        // Somebody at the member's unlocked phone has put his own number on file.
        let begin = json!({ "act": "begin", "address": "+819000000000", "language": "ja" });
        world.told(&mut member.device, CONTACTS, &begin);
        let code = world.code_sent("+819000000000").expect("a code");
        let typed = json!({ "act": "code", "request_id": new_id(), "code": code });
        world.told(&mut member.device, CONTACTS, &typed);
        let mut browser = world.device();
        let begin = json!({
            "act": "begin", "address": MAIL, "channel": "sms", "language": "ja",
        });
        world.clock.advance_ms(7 * DAY - 1);
        world.told(&mut browser, RECOVERY, &begin);
        assert_eq!(world.count_of(Template::RecoveryCode), 0, "nobody hears that it is too young");
        world.clock.advance_ms(1);
        world.told(&mut browser, RECOVERY, &begin);
        assert_eq!(world.count_of(Template::RecoveryCode), 1);
    }

    fn a_token_finishes_once_however_many_race_and_only_in_its_browser(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| options.limits.strangers_in_flight_max = 200);
        let mut owned = world.settled();
        let (browser, started) = world.recovering(&mut owned);
        world.clock.advance_ms(DAY + 1_000);
        let finish = || json!({
            "act": "finish", "request_id": new_id(), "recovery": started["recovery"],
            "token": started["token"],
        });
        let mut thief = world.device();
        for _ in 0..3 {
            let refused = world.refused(&mut thief, RECOVERY, &finish());
            assert_eq!(refused, "recovery_must_be_open");
        }
        let asks = (0..20).map(|_| {
            (world.copy_of(&browser, world.running.devices), finish())
        });
        let answers = world.at_once(RECOVERY, asks.collect());
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((done, world.active(&owned.member).len()), (1, 1));
        // Another browser with the right token hears what one with a wrong one hears.
        let mut wrong = finish();
        wrong["token"] = json!("0".repeat(32));
        let right = seen(&world.asked(&mut thief, RECOVERY, &finish()));
        assert_eq!(right, seen(&world.asked(&mut thief, RECOVERY, &wrong)));
    }

    fn a_mailbox_gets_at_most_its_budget_of_what_strangers_ask_for(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            options.messages.mailbox = true;
            options.messages.pause = std::time::Duration::from_millis(5);
        });
        let mut browser = world.device();
        let begin = json!({ "act": "begin", "address": "victim@example.jp", "language": "ja" });
        for _ in 0..40 {
            world.told(&mut browser, SIGN_UP, &begin);
        }
        let count = |state| {
            world.messages().iter().filter(|message| message.state == state).count()
        };
        let quiet = (0..200).any(|_| {
            world.rest(std::time::Duration::from_millis(20));
            count(MessageState::Sent) == 5
        });
        assert!(quiet, "{} were sent", count(MessageState::Sent));
        world.rest(std::time::Duration::from_millis(200));
        assert_eq!(count(MessageState::Sent), 5, "of forty, in an hour");
    }

    fn codes_relayed_by_a_phisher_start_a_recovery_that_a_link_ends(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let owned = world.settled();
        let mut phisher = world.device();
        world.proves(&mut phisher, MAIL, "mail");
        world.proves(&mut phisher, MAIL, "sms");
        let started = world.told(&mut phisher, RECOVERY, &World::start(MAIL));
        let (argument, template) =
            (yaoki_core::message::Argument::ContestToken, Template::RecoveryStarted);
        let token = world.argument(template, argument);
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        let digits = text(&look, "digits");
        world.told(&mut reader, LINK, &json!({
            "act": "confirm", "token": token, "digits": digits,
        }));
        world.clock.advance_ms(4 * DAY + 1_000);
        let refused = world.refused(&mut phisher, RECOVERY, &json!({
            "act": "finish", "request_id": new_id(), "recovery": started["recovery"],
            "token": started["token"],
        }));
        assert_eq!(refused, "recovery_must_be_uncontested");
        let devices = world.active(&owned.member);
        assert_eq!(devices.len(), 1, "the member's own");
    }
}
