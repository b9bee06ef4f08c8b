//! Dry runs: what other rules would have said of what is on record.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use yaoki_core::decide::replay::{DryRun, KINDS, Life, Networks, Replay};
use yaoki_core::ids::FactId;
use yaoki_core::policy::{DEFAULT, Policy};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_core::top_up::Rail;
use yaoki_core::top_up::ThreeDSecure::Challenge;

use super::{MINUTE, Wallet};
use crate::world::World;

/// What a policy would have said of everything that a world has on record since then.
fn dry_run(world: &World, policy: &str, since: Instant) -> DryRun {
    let policy = Policy::read(policy).expect("it is right");
    let replay = Replay::new(world.rules.clone(), &world.directory, policy, since);
    let mut networks = Networks::new();
    for row in world.people.top_ups.values().filter(|row| row.rail == Rail::Card) {
        networks.entry(row.network.clone()).or_default().push((row.id, row.member));
    }
    let mut found = DryRun::default();
    for member in world.members.values() {
        let least = FactId::least(since.plus_ms(-30 * DAY_MS));
        let mut events: Vec<_> = world.events.values().cloned().collect();
        events.retain(|row| row.subject == member.number.0 && KINDS.contains(&row.kind));
        let mut operations: Vec<_> = world.operations.values().cloned().collect();
        operations.retain(|row| row.member == member.number && row.id >= least);
        events.sort_by_key(|row| row.id);
        operations.sort_by_key(|row| row.id);
        let life = Life { member: member.clone(), events, operations };
        replay.play(&life, &networks, &mut found);
    }
    found
}

fn policy(rules: &str) -> String {
    let base = DEFAULT.split("[[limit]]").next().expect("a beginning");
    format!("{base}{rules}")
}

/// Limits and rules of every kind, so low that a short life meets them.
const LOW: &str = "[[limit]]\non = \"payment\"\nday = 3000\nmonth = 9000\n\
    [[limit]]\non = \"card\"\nday = 2500\n\
    [[velocity]]\non = \"card\"\ncount = 2\nwithin_seconds = 600\n\
    [[rule]]\nname = \"goods\"\non = \"payment\"\ngoods = [\"ticket\"]\namount_over = 300\n\
    then = \"decline\"\n\
    [[rule]]\nname = \"emptied\"\non = \"payment\"\ntopped_up_from = 500\n\
    spent_percent_from = 80\nthen = \"ask\"\n\
    [[rule]]\nname = \"often\"\non = \"payment\"\ncount_over = 3\nwithin_seconds = 3600\n\
    then = \"decline\"\n\
    [[rule]]\nname = \"waits\"\non = \"card\"\namount_over = 800\nthen = \"hold\"\n\
    hold_seconds = 600\n";

fn steps() -> impl Strategy<Value = Vec<(i64, u8, i64)>> {
    let wait = prop_oneof![3 => 0..900_000_i64, 2 => 0..60 * 3_600_000_i64];
    prop::collection::vec((wait, 0..10_u8, 1..1_200_i64), 1..50)
}

fn live(wallet: &mut Wallet, steps: Vec<(i64, u8, i64)>) {
    for (place, (wait, verb, amount)) in steps.into_iter().enumerate() {
        wallet.wait(wait);
        let before = place.saturating_sub(1);
        match verb {
            0..=2 => drop(wallet.world.play(&format!("pay r{place} {amount}"))),
            3 => drop(wallet.world.play(&format!("pay r{place} {amount} for ticket"))),
            4 => drop(wallet.world.play(&format!("authorize r{place} {amount} hold 20d"))),
            5 => drop(wallet.world.play(&format!("reverse r{place} r{before}"))),
            6 => drop(wallet.world.play(&format!("confirm r{place} {amount}"))),
            7 => wallet.verify(),
            _ => drop(wallet.top_up(amount, Challenge)),
        }
    }
}

#[test]
fn a_dry_run_of_what_is_in_force_finds_nothing() {
    let mut runner = TestRunner::default();
    let outcome = runner.run(&steps(), |steps| {
        let mut wallet = Wallet::new();
        wallet.world.act(yaoki_core::command::Act::ChangePolicy(policy(LOW)));
        let begun = wallet.world.now;
        live(&mut wallet, steps);
        // From the beginning, and of a life of which the first days are not looked at.
        let later = begun.plus_ms((wallet.world.now.0 - begun.0) / 2);
        let last = begun.plus_ms((wallet.world.now.0 - begun.0) * 9 / 10);
        for since in [begun, later, last] {
            let found = dry_run(&wallet.world, &policy(LOW), since);
            let DryRun { stopped, asked, held, let_through, .. } = &found;
            let otherwise = [stopped, asked, held, let_through].map(|tally| tally.count);
            prop_assert_eq!(otherwise, [0; 4], "{:?}", found);
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_dry_run_says_what_would_have_been_stopped_and_whom_it_would_have_bothered() {
    let mut wallet = Wallet::new();
    let since = wallet.world.now;
    wallet.top_up(9_000, Challenge);
    wallet.wait(MINUTE);
    for step in ["pay a 400", "pay b 600 by 2", "pay c 700", "pay d 3000"] {
        wallet.world.play(step);
        wallet.wait(MINUTE);
    }
    let run = |rules: &str| {
        let found = dry_run(&wallet.world, &policy(rules), since);
        let DryRun { judged, stopped, asked, held, let_through, bothered, .. } = found;
        let tallies = [stopped, asked, held, let_through].map(|tally| (tally.count, tally.amount));
        (judged.count, tallies, stopped.members, bothered.into_values().sum::<i64>())
    };
    let nothing = (5, [(0, 0); 4], 0, 0);
    assert_eq!(run(""), nothing);
    let big = "[[rule]]\nname = \"big\"\non = \"payment\"\namount_over = 500\nthen = ";
    assert_eq!(run(&format!("{big}\"allow\"\n")), nothing);
    let stopped = (5, [(3, 4_300), (0, 0), (0, 0), (0, 0)], 2, 3);
    assert_eq!(run(&format!("{big}\"decline\"\n")), stopped);
    let asked = (5, [(0, 0), (3, 4_300), (0, 0), (0, 0)], 0, 3);
    assert_eq!(run(&format!("{big}\"ask\"\n")), asked);
    let held = (5, [(0, 0), (0, 0), (1, 9_000), (0, 0)], 0, 1);
    let wait = "[[rule]]\nname = \"w\"\non = \"card\"\nthen = \"hold\"\nhold_seconds = 600\n";
    assert_eq!(run(wait), held);
    // The second and third of the first member are more than the limit; the first is not.
    let limited = (5, [(2, 3_700), (0, 0), (0, 0), (0, 0)], 1, 2);
    assert_eq!(run("[[limit]]\non = \"payment\"\nday = 1000\n"), limited);
    let found = dry_run(&wallet.world, &policy(&format!("{big}\"decline\"\n")), since);
    assert_eq!(found.by.keys().collect::<Vec<_>>(), ["big"]);
}

#[test]
fn what_was_stopped_and_would_pass_is_said_too() {
    let mut wallet = Wallet::new();
    let since = wallet.world.now;
    let big = "[[rule]]\nname = \"big\"\non = \"payment\"\namount_over = 500\nthen = \"decline\"\n";
    wallet.world.act(yaoki_core::command::Act::ChangePolicy(policy(big)));
    wallet.world.play("pay a 600");
    let found = dry_run(&wallet.world, &policy(""), since);
    assert_eq!((found.let_through.count, found.let_through.amount), (1, 600));
}
