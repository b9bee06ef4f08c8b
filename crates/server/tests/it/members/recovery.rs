//! Recovery: its proofs, its waits, who ends it, and what it leaves.

use serde_json::{Value, json};
use yaoki_core::message::{Argument, Template};
use yaoki_server::client::DeviceClient;
use yaoki_store::on_both_storages;

use super::{CONTACTS, DAY, FACTORS, HOUR, LINK, Member, PASSWORD, RECOVERY, WALLET, new_id};
use crate::world::{World, text};

/// What somebody has besides a device.
pub(crate) struct Owned {
    pub(crate) member: Member,
    pub(crate) codes: Vec<String>,
}

const MAIL: &str = "hanako@example.jp";
const PHONE: &str = "+819012345678";

impl World {
    /// A member with a passkey, two addresses and recovery codes, all on file for a week.
    pub(crate) fn settled(&self) -> Owned {
        let mut member = self.sign_up_by_passkey(MAIL);
        let begin = json!({ "act": "begin", "address": PHONE, "language": "ja" });
        self.told(&mut member.device, CONTACTS, &begin);
        let code = self.code_sent(PHONE).expect("a code");
        let typed = json!({ "act": "code", "request_id": new_id(), "code": code });
        self.told(&mut member.device, CONTACTS, &typed);
        let sheet = json!({ "act": "recovery_codes", "request_id": new_id() });
        let sheet = self.told(&mut member.device, FACTORS, &sheet);
        let codes = sheet["codes"].as_array().expect("codes").iter();
        let codes = codes.map(|code| code.as_str().expect("a code").to_owned()).collect();
        self.clock.advance_ms(7 * DAY + 1_000);
        Owned { member, codes }
    }

    /// The code that is sent to the address on file of this channel is typed.
    pub(crate) fn proves(&self, browser: &mut DeviceClient, named: &str, channel: &str) {
        self.clock.advance_ms(1);
        let begin = json!({
            "act": "begin", "address": named, "channel": channel, "language": "ja",
        });
        self.told(browser, RECOVERY, &begin);
        let code = self.code_sent(if channel == "mail" { MAIL } else { PHONE });
        let code = code.expect("a code was sent");
        let typed = json!({ "act": "code", "channel": channel, "code": code });
        assert_eq!(self.told(browser, RECOVERY, &typed)["confirmed"], json!(true));
    }

    /// What starts a recovery of this address.
    pub(crate) fn start(address: &str) -> Value {
        json!({ "act": "start", "request_id": new_id(), "address": address })
    }

    /// A recovery with mail and a recovery code: the browser that asked, and what it was told.
    pub(crate) fn recovering(&self, owned: &mut Owned) -> (DeviceClient, Value) {
        let mut browser = self.device();
        self.proves(&mut browser, MAIL, "mail");
        let mut start = Self::start(MAIL);
        start["code"] = json!(owned.codes.pop().expect("one is left"));
        let started = self.told(&mut browser, RECOVERY, &start);
        assert_eq!(self.told(&mut browser, RECOVERY, &start), started, "lost answer");
        (browser, started)
    }
}

fn finish(started: &Value) -> Value {
    json!({
        "act": "finish", "request_id": new_id(), "recovery": started["recovery"],
        "token": started["token"],
    })
}

on_both_storages! {
    fn every_pair_of_different_proofs_starts_a_recovery_and_a_verified_device_cancels_it(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let Owned { mut member, mut codes } = world.settled();
        for pair in [
            ["mail", "phone"], ["mail", "code"], ["mail", "passkey"], ["phone", "code"],
            ["phone", "passkey"], ["code", "passkey"],
        ] {
            let mut browser = world.device();
            let mut start = World::start(PHONE);
            for proof in pair {
                // One proof less than two starts nothing.
                let early = world.refused(&mut browser, RECOVERY, &start);
                assert_eq!(early, "proofs_must_differ", "{pair:?}");
                match proof {
                    "mail" => world.proves(&mut browser, PHONE, "mail"),
                    "phone" => world.proves(&mut browser, MAIL, "sms"),
                    "code" => start["code"] = json!(codes.pop().expect("one is left")),
                    _ => {
                        let begin = (RECOVERY, &json!({ "act": "begin_passkey" }));
                        let signed = world.signed(&mut browser, begin, &mut member.authenticator);
                        start["passkey"] = signed;
                    }
                }
            }
            start["request_id"] = json!(new_id());
            let started = world.told(&mut browser, RECOVERY, &start);
            assert_eq!(started["state"], json!("waiting"), "{pair:?}");
            assert_eq!(world.told(&mut browser, RECOVERY, &start), started, "lost answer");
            world.verify(&mut member);
            let recovery = world.account(&mut member.device)["recovery"]["recovery"].clone();
            let cancel = json!({
                "act": "cancel_recovery", "request_id": new_id(), "recovery": recovery,
            });
            for _ in 0..2 {
                world.told(&mut member.device, WALLET, &cancel);
            }
            world.clock.advance_ms(DAY + 1_000);
            let over = world.refused(&mut browser, RECOVERY, &finish(&started));
            assert_eq!(over, "recovery_must_be_open", "{pair:?}");
        }
    }

    fn a_recovery_ends_every_device_after_a_day_and_the_wallet_rests(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut owned = world.settled();
        let (mut browser, started) = world.recovering(&mut owned);
        assert_eq!(world.count_of(Template::RecoveryStarted), 2, "at every address");
        world.clock.advance_ms(DAY - 1);
        let finish = finish(&started);
        assert_eq!(world.refused(&mut browser, RECOVERY, &finish), "recovery_must_be_due");
        world.clock.advance_ms(1);
        // The token is bound to the browser that asked.
        let stolen = world.refused(&mut world.device(), RECOVERY, &finish);
        assert_eq!(stolen, "recovery_must_be_open");
        let signed_in = world.told(&mut browser, RECOVERY, &finish);
        assert_eq!(world.told(&mut browser, RECOVERY, &finish), signed_in, "lost answer");
        browser.set_token(text(&signed_in, "token"));
        assert_eq!(world.shows(&mut browser), "ok");
        let mut old = owned.member;
        assert_eq!(world.shows(&mut old.device), "device_must_be_active");
        let account = world.account(&mut browser);
        assert_eq!(account["devices"].as_array().map(Vec::len), Some(1));
        assert_eq!(account["factors"].as_array().map(Vec::len), Some(2), "none is removed");
        let change =
            || json!({ "act": "password", "request_id": new_id(), "password": PASSWORD });
        let young = world.refused(&mut browser, FACTORS, &change());
        assert_eq!(young, "device_must_not_be_young");
        world.clock.advance_ms(3 * DAY + 1_000);
        old.device = browser;
        world.verify(&mut old);
        let rests = world.refused(&mut old.device, FACTORS, &change());
        assert_eq!(rests, "wallet_must_rest");
        world.clock.advance_ms(4 * DAY + 1_000);
        world.verify(&mut old);
        assert_eq!(world.refused(&mut old.device, FACTORS, &change()), "ok");
    }

    fn while_a_known_device_signs_a_recovery_waits_three_days(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut owned = world.settled();
        let (mut browser, started) = world.recovering(&mut owned);
        world.clock.advance_ms(2 * HOUR + 1_000);
        let account = world.account(&mut owned.member.device);
        assert_eq!(account["recovery"]["state"], json!("waiting"), "it sees it at once");
        let state = json!({ "act": "state", "recovery": started["recovery"] });
        let waits_longer = (0..200).any(|_| {
            world.rest(std::time::Duration::from_millis(10));
            world.told(&mut browser, RECOVERY, &state)["due_at"] != started["due_at"]
        });
        assert!(waits_longer, "what the device signed is written down");
        world.clock.advance_ms(DAY + 1_000);
        let finish = finish(&started);
        assert_eq!(world.refused(&mut browser, RECOVERY, &finish), "recovery_must_be_due");
        world.clock.advance_ms(2 * DAY + 1_000);
        assert_eq!(world.refused(&mut browser, RECOVERY, &finish), "ok");
    }

    fn a_recovery_that_is_contested_freezes_and_twice_goes_to_staff(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut owned = world.settled();
        let (mut browser, started) = world.recovering(&mut owned);
        // A second start changes nothing.
        let mut other = world.device();
        world.proves(&mut other, MAIL, "mail");
        let mut again = World::start(MAIL);
        again["code"] = json!(owned.codes.pop());
        let refused = world.refused(&mut other, RECOVERY, &again);
        assert_eq!(refused, "recovery_is_under_way");
        let token = world.argument(Template::RecoveryStarted, Argument::ContestToken);
        let mut reader = world.device();
        let look = world.told(&mut reader, LINK, &json!({ "act": "look", "token": token }));
        assert_eq!(look["purpose"], json!("contest"));
        let confirm = json!({ "act": "confirm", "token": token, "digits": look["digits"] });
        for _ in 0..2 {
            world.told(&mut reader, LINK, &confirm);
        }
        assert_eq!(world.shows(&mut owned.member.device), "member_must_be_open");
        let state = json!({ "act": "state", "recovery": started["recovery"] });
        assert_eq!(world.told(&mut browser, RECOVERY, &state)["state"], json!("contested"));
        let contest = json!({
            "act": "contest_recovery", "request_id": new_id(), "recovery": started["recovery"],
        });
        for _ in 0..2 {
            world.told(&mut owned.member.device, WALLET, &contest);
        }
        assert_eq!(world.told(&mut browser, RECOVERY, &state)["state"], json!("with_staff"));
        world.clock.advance_ms(4 * DAY + 1_000);
        let refused = world.refused(&mut browser, RECOVERY, &finish(&started));
        assert_eq!(refused, "recovery_must_be_uncontested");
    }
}
