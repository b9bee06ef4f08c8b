//! Devices: invited, added by a passkey, ended, and which one pays.

use serde_json::{Value, json};
use yaoki_server::client::DeviceClient;
use yaoki_store::on_both_storages;

use super::{DAY, DEVICES, HOUR, JOIN, Member, new_id};
use crate::world::{World, text};

/// An act on a device.
fn act(act: &str, device: &str) -> Value {
    json!({ "act": act, "request_id": new_id(), "device": device })
}

impl World {
    /// The characters of a new invitation, and a browser that has redeemed them with its device.
    pub(crate) fn invited(&self, member: &mut Member) -> (DeviceClient, String) {
        let invite = json!({ "act": "invite", "request_id": new_id() });
        let shown = self.told(&mut member.device, DEVICES, &invite);
        assert_eq!(self.told(&mut member.device, DEVICES, &invite), shown, "lost answer");
        let mut browser = self.device();
        let redeem = json!({
            "act": "redeem", "request_id": new_id(), "invitation": shown["invitation"],
        });
        let joined = self.told(&mut browser, JOIN, &redeem);
        assert_eq!(self.told(&mut browser, JOIN, &redeem), joined, "lost answer");
        assert_eq!((&joined["state"], &joined["signed_in"]), (&json!("pending"), &Value::Null));
        (browser, text(&joined, "device"))
    }

    /// The same, approved.
    pub(crate) fn added(&self, member: &mut Member, pays: bool) -> (DeviceClient, String) {
        let (mut browser, device) = self.invited(member);
        let mut approve = act("approve", &device);
        approve["pays"] = json!(pays);
        for _ in 0..2 {
            self.told(&mut member.device, DEVICES, &approve);
        }
        let state = json!({ "act": "state", "device": device });
        let joined = self.told(&mut browser, JOIN, &state);
        assert_eq!(joined["signed_in"]["pays"], json!(pays));
        browser.set_token(text(&joined["signed_in"], "token"));
        (browser, device)
    }
}

on_both_storages! {
    fn an_invited_device_waits_until_the_inviting_one_approves_it(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut browser, device) = world.invited(&mut member);
        // Nobody else hears how it stands, and a second one may not wait.
        let state = json!({ "act": "state", "device": device });
        let stranger = world.refused(&mut world.device(), JOIN, &state);
        assert_eq!(stranger, "device_must_be_active");
        let invite = json!({ "act": "invite", "request_id": new_id() });
        let shown = world.told(&mut member.device, DEVICES, &invite);
        let redeem = json!({
            "act": "redeem", "request_id": new_id(), "invitation": shown["invitation"],
        });
        let second = world.refused(&mut world.device(), JOIN, &redeem);
        assert_eq!(second, "one_device_may_wait");
        // Approving asks for a fresh verification.
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let mut approve = act("approve", &device);
        approve["pays"] = json!(true);
        let stale = world.refused(&mut member.device, DEVICES, &approve);
        assert_eq!(stale, "user_must_be_verified");
        world.verify(&mut member);
        world.told(&mut member.device, DEVICES, &approve);
        let joined = world.told(&mut browser, JOIN, &state);
        browser.set_token(text(&joined["signed_in"], "token"));
        assert_eq!(world.shows(&mut browser), "ok");
        assert_eq!(world.shows(&mut member.device), "device_must_be_active", "the right has moved");
        let account = world.account(&mut browser);
        assert_eq!((&account["young"], &account["verified"]), (&json!(true), &json!(false)));
    }

    fn an_invitation_is_redeemed_within_five_minutes_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let invite = json!({ "act": "invite", "request_id": new_id() });
        let shown = world.told(&mut member.device, DEVICES, &invite);
        let redeem = |text: &str| json!({
            "act": "redeem", "request_id": new_id(), "invitation": text,
        });
        let right = text(&shown, "invitation");
        for wrong in ["", "0000 000", "UUUU UUUU"] {
            let refused = world.refused(&mut world.device(), JOIN, &redeem(wrong));
            assert_eq!(refused, "field_must_be_valid", "{wrong}");
        }
        let guessed = world.refused(&mut world.device(), JOIN, &redeem("0000-0000"));
        assert_eq!(guessed, "link_must_be_valid");
        let typed = right.to_lowercase().replace(' ', "-").replace('0', "o").replace('1', "l");
        assert_eq!(world.refused(&mut world.device(), JOIN, &redeem(&typed)), "ok");
        let again = world.refused(&mut world.device(), JOIN, &redeem(&right));
        assert_eq!(again, "link_must_be_valid");
        let shown = world.told(&mut member.device, DEVICES, &json!({
            "act": "invite", "request_id": new_id(),
        }));
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let late = redeem(&text(&shown, "invitation"));
        let late = world.refused(&mut world.device(), JOIN, &late);
        assert_eq!(late, "link_must_be_valid");
    }

    fn a_device_that_waits_can_be_refused_and_cannot_freeze(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut browser, device) = world.invited(&mut member);
        assert_eq!(world.acts(&mut browser, "freeze"), "token_must_be_ours");
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let refused = world.refused(&mut member.device, DEVICES, &act("end", &device));
        assert_eq!(refused, "ok", "at once, and without a passkey");
        let state = json!({ "act": "state", "device": device });
        assert_eq!(world.told(&mut browser, JOIN, &state)["state"], json!("ended"));
        let mut approve = act("approve", &device);
        approve["pays"] = json!(false);
        world.verify(&mut member);
        let late = world.refused(&mut member.device, DEVICES, &approve);
        assert_eq!(late, "device_must_wait");
    }

    fn a_device_by_passkey_takes_the_paying_right_after_a_day(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut browser, answer) = world.by_passkey(&mut member, None);
        let device = text(&answer.json(), "device");
        assert_eq!(answer.json()["pays"], json!(false));
        assert_eq!(world.shows(&mut browser), "device_must_be_active");
        let account = world.account(&mut browser);
        let shown = account["devices"].as_array().expect("devices");
        let this = shown.iter().find(|one| one["this"] == json!(true)).expect("this one");
        assert_eq!((&this["way"], &this["limited"]), (&json!("passkey"), &json!(true)));
        assert!(this["pays_from"].is_string());
        let early = world.refused(&mut browser, DEVICES, &act("pay", &device));
        assert_eq!(early, "paying_right_must_wait");
        world.clock.advance_ms(DAY + 1_000);
        let stale = world.refused(&mut browser, DEVICES, &act("pay", &device));
        assert_eq!(stale, "user_must_be_verified");
        let authenticator = member.authenticator.clone();
        let mut new = Member { device: browser, authenticator, ..member };
        world.verify(&mut new);
        assert_eq!(world.refused(&mut new.device, DEVICES, &act("pay", &device)), "ok");
        assert_eq!(world.shows(&mut new.device), "ok");
    }

    fn the_old_device_gives_the_paying_right_at_once_and_takes_it_back(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (mut browser, answer) = world.by_passkey(&mut member, None);
        let device = text(&answer.json(), "device");
        world.clock.advance_ms(60_000 + 1_000);
        let pay = act("pay", &device);
        for _ in 0..2 {
            assert_eq!(world.refused(&mut member.device, DEVICES, &pay), "ok");
        }
        assert_eq!(world.shows(&mut browser), "ok");
        assert_eq!(world.shows(&mut member.device), "device_must_be_active");
        world.clock.advance_ms(71 * HOUR + 1_000);
        world.verify(&mut member);
        let back = act("pay", &member.id);
        assert_eq!(world.refused(&mut member.device, DEVICES, &back), "ok");
        assert_eq!(world.shows(&mut browser), "device_must_be_active");
        // What is young ends no older device.
        let end = world.refused(&mut browser, DEVICES, &act("end", &member.id));
        assert_eq!(end, "user_must_be_verified");
        assert_eq!(world.refused(&mut member.device, DEVICES, &act("end", &device)), "ok");
        assert_eq!(world.shows(&mut browser), "device_must_be_active");
    }

    fn a_device_whose_paying_right_another_refused_never_takes_it(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let (browser, answer) = world.by_passkey(&mut member, None);
        let device = text(&answer.json(), "device");
        world.clock.advance_ms(HOUR + 1_000);
        let refuse = act("refuse", &device);
        assert_eq!(world.refused(&mut member.device, DEVICES, &refuse), "ok");
        world.clock.advance_ms(2 * DAY + 1_000);
        let authenticator = member.authenticator.clone();
        let mut new = Member { device: browser, authenticator, ..member };
        world.verify(&mut new);
        let refused = world.refused(&mut new.device, DEVICES, &act("pay", &device));
        assert_eq!(refused, "paying_right_must_wait");
    }
}
