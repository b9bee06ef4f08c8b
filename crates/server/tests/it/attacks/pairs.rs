//! Bought pairs of address and password, and many tries at once (mixes 5 and 16).

use serde_json::json;
use yaoki_core::message::Template;
use yaoki_server::api::member::services::{TRIES_MAX, TRIES_WINDOW_MS};
use yaoki_store::on_both_storages;

use super::{pair, seen};
use crate::members::{DAY, PASSWORD, SESSION, SIGN_IN, SIGN_UP, new_id};
use crate::world::{World, told};

on_both_storages! {
    fn a_right_password_on_an_unknown_device_is_told_what_a_wrong_one_is(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let addresses: Vec<String> = (0..8).map(|n| format!("m{n}@example.jp")).collect();
        let mut members: Vec<_> = addresses.iter().map(|one| world.sign_up(one)).collect();
        assert_eq!(world.acts(&mut members[7].device, "freeze"), "ok");
        let expected = seen(&world.asked(&mut world.device(), SIGN_IN, &pair("x@y.jp", "x")));
        assert_eq!(expected.0, 403);
        for round in 0..2 {
            for address in addresses.iter().map(String::as_str).chain(["nobody@example.jp"]) {
                for password in [PASSWORD, "wrong", "", &"x".repeat(500)] {
                    let pair = pair(address, password);
                    let answer = world.asked(&mut world.device(), SIGN_IN, &pair);
                    assert_eq!(seen(&answer), expected, "{address}, {password}");
                }
            }
            // At most one notice a day for each.
            let count = 8 * (round + 1);
            assert!(world.count_comes_to(Template::SignInAttempt, count), "{round}");
            world.clock.advance_ms(DAY + 1_000);
        }
        for member in &members {
            assert_eq!(world.active(member).len(), 1, "{}", member.address);
        }
    }

    fn an_address_on_file_is_told_what_another_is_at_sign_up_and_recovery(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        world.sign_up("known@example.jp");
        world.clock.advance_ms(8 * DAY + 1_000);
        for (path, body) in [
            (SIGN_UP, json!({ "act": "begin", "language": "ja" })),
            ("/v1/member/recovery", json!({ "act": "begin", "language": "ja", "channel": "mail" })),
            ("/v1/member/recovery", json!({ "act": "begin", "language": "ja", "channel": "sms" })),
            ("/v1/member/recovery", json!({ "act": "start", "request_id": new_id() })),
        ] {
            let [known, unknown] = ["known@example.jp", "unknown@example.jp"].map(|address| {
                let mut body = body.clone();
                body["address"] = json!(address);
                seen(&world.asked(&mut world.device(), path, &body))
            });
            assert_eq!(known, unknown, "{path} {body}");
        }
    }

    fn two_hundred_tries_at_once_are_judged_ten_times_in_a_window(db: &mut TestDatabase) {
        let world = World::with(db, 0, |used| used.limits.in_flight_per_device_max = 200);
        let member = world.sign_up("hanako@example.jp");
        let tries = |count: usize| {
            let asks = (0..count).map(|_| {
                let twin = world.twin_of(&member.device, world.running.devices);
                let body = json!({
                    "act": "verify", "request_id": new_id(), "password": "wrong",
                });
                (twin, body)
            });
            let answers = world.at_once(SESSION, asks.collect());
            let judged = |answer: &&yaoki_server::client::Answer| {
                told(answer) == "403 password_must_match"
            };
            answers.iter().filter(judged).count()
        };
        let most = usize::try_from(TRIES_MAX).expect("it is small");
        assert_eq!(tries(200), most);
        // At the edge of the window: the last moment belongs to the one before.
        world.clock.advance_ms(TRIES_WINDOW_MS - 1);
        assert_eq!(tries(20), 0);
        world.clock.advance_ms(1);
        assert_eq!(tries(20), most);
    }

    fn two_hundred_strangers_at_once_confirm_no_password(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| options.limits.strangers_in_flight_max = 200);
        let member = world.sign_up("hanako@example.jp");
        let asks = (0..200).map(|_| (world.device(), pair(&member.address, PASSWORD)));
        for answer in world.at_once(SIGN_IN, asks.collect()) {
            let told = told(&answer);
            let good = ["403 continue_on_your_device", "503 busy", "429 too_many_in_flight"];
            assert!(good.contains(&told.as_str()), "{told}");
        }
        assert_eq!(world.active(&member).len(), 1);
    }
}
