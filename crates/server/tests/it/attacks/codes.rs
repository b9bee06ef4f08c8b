//! Typed codes guessed over many accounts (mix 10).

use serde_json::json;
use yaoki_core::message::Template;
use yaoki_store::on_both_storages;

use crate::members::{DAY, RECOVERY, SIGN_UP, new_id};
use crate::world::World;

on_both_storages! {
    fn a_code_is_tried_five_times_and_then_the_right_one_is_wrong(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut browser = world.device();
        let begin = json!({ "act": "begin", "address": "a@example.jp", "language": "ja" });
        world.told(&mut browser, SIGN_UP, &begin);
        let right = world.code_sent("a@example.jp").expect("a code");
        let typed = |code: &str| json!({ "act": "code", "code": code });
        for left in (0..5).rev() {
            let tried = world.told(&mut browser, SIGN_UP, &typed("00000000"));
            assert_eq!(tried["tries_left"], json!(left));
        }
        let over = world.refused(&mut browser, SIGN_UP, &typed(&right));
        assert_eq!(over, "challenge_must_be_open");
    }

    fn a_code_counts_only_in_the_browser_that_asked_for_it_and_ten_minutes(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut browser = world.device();
        let begin = json!({ "act": "begin", "address": "a@example.jp", "language": "ja" });
        world.told(&mut browser, SIGN_UP, &begin);
        let right = world.code_sent("a@example.jp").expect("a code");
        let typed = json!({ "act": "code", "code": right });
        // Another browser has asked for the same address, and for none.
        let mut other = world.device();
        assert_eq!(world.refused(&mut other, SIGN_UP, &typed), "challenge_must_be_open");
        world.told(&mut other, SIGN_UP, &begin);
        assert_eq!(world.told(&mut other, SIGN_UP, &typed)["confirmed"], json!(false));
        // A code for one purpose is none for another.
        let other_purpose = json!({ "act": "code", "channel": "mail", "code": right });
        let refused = world.refused(&mut browser, RECOVERY, &other_purpose);
        assert_eq!(refused, "challenge_must_be_open");
        world.clock.advance_ms(10 * 60_000 + 1_000);
        assert_eq!(world.refused(&mut browser, SIGN_UP, &typed), "challenge_must_be_open");
    }

    fn codes_typed_at_once_are_judged_five_times(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| options.limits.strangers_in_flight_max = 200);
        let mut browser = world.device();
        let begin = json!({ "act": "begin", "address": "a@example.jp", "language": "ja" });
        world.told(&mut browser, SIGN_UP, &begin);
        let asks = (0..100).map(|guess| {
            let twin = world.copy_of(&browser, world.running.devices);
            (twin, json!({ "act": "code", "code": format!("{guess:08}") }))
        });
        let answers = world.at_once(SIGN_UP, asks.collect());
        let judged = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(judged, 5);
    }

    fn a_sweep_over_all_accounts_recovers_none_even_where_a_guess_is_right(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let members: Vec<_> =
            (0..10).map(|n| world.sign_up_by_passkey(&format!("m{n}@example.jp"))).collect();
        world.clock.advance_ms(8 * DAY + 1_000);
        for member in &members {
            let mut browser = world.device();
            let begin = json!({
                "act": "begin", "address": member.address, "channel": "mail", "language": "ja",
            });
            world.told(&mut browser, RECOVERY, &begin);
            for guess in 0..4 {
                let code = format!("{guess:08}");
                let typed = json!({ "act": "code", "channel": "mail", "code": code });
                world.told(&mut browser, RECOVERY, &typed);
            }
            // The luckiest of all guesses.
            let code = world.code_sent(&member.address);
            let typed = json!({ "act": "code", "channel": "mail", "code": code });
            let tried = world.told(&mut browser, RECOVERY, &typed);
            assert_eq!(tried["confirmed"], json!(true));
            let start = json!({
                "act": "start", "request_id": new_id(), "address": member.address,
            });
            let refused = world.refused(&mut browser, RECOVERY, &start);
            assert_eq!(refused, "proofs_must_differ", "a code alone");
        }
        assert_eq!(world.count_of(Template::RecoveryStarted), 0);
    }

    fn an_address_is_guessed_at_a_limited_number_of_times_a_day_from_all_browsers(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 0, |_| {});
        world.sign_up_by_passkey("a@example.jp");
        world.clock.advance_ms(8 * DAY + 1_000);
        let begin = json!({
            "act": "begin", "address": "a@example.jp", "channel": "mail", "language": "ja",
        });
        let typed = |code: &str| json!({ "act": "code", "channel": "mail", "code": code });
        let most = yaoki_core::identity::challenge::GUESSES_A_DAY_MAX;
        for _ in 0..=(most / 5) {
            let mut browser = world.device();
            world.told(&mut browser, RECOVERY, &begin);
            for _ in 0..5 {
                world.told(&mut browser, RECOVERY, &typed("00000000"));
            }
        }
        let mut browser = world.device();
        world.clock.advance_ms(1);
        world.told(&mut browser, RECOVERY, &begin);
        let right = world.code_sent("a@example.jp").expect("a code");
        let tried = world.told(&mut browser, RECOVERY, &typed(&right));
        assert_eq!(tried["confirmed"], json!(false), "not even the right one");
    }
}
