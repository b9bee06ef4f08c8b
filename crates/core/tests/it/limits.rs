//! Rolling limits against a model that keeps every payment and sums what is within the time.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use yaoki_core::command::Command;
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::{Effect, OperationKind};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::time::DAY_MS;
use yaoki_core::window::WindowKind;

use crate::world::World;

const DAY: i64 = 1_000;
const MONTH: i64 = 2_500;

/// One thing that counts: when it was decided, and minor units.
#[derive(Debug)]
struct Counted {
    id: FactId,
    at: i64,
    amount: i64,
}

/// Every payment that succeeded, kept for ever.
#[derive(Default)]
struct Model(Vec<Counted>);

impl Model {
    fn within(&self, now: i64, ms: i64) -> i64 {
        self.0.iter().filter(|counted| counted.at + ms > now).map(|counted| counted.amount).sum()
    }

    fn has_room(&self, now: i64, amount: i64) -> bool {
        self.within(now, DAY_MS) + amount <= DAY && self.within(now, 30 * DAY_MS) + amount <= MONTH
    }

    /// Takes what an operation did.
    fn take(&mut self, decision: &Decision) {
        let Decision::Done(Outcome::Decided { operation, replayed: false, .. }) = decision else {
            return;
        };
        if !operation.has_effect() {
            return;
        }
        if operation.begins_payment() {
            let (id, at) = (operation.id, operation.id.at().0);
            self.0.push(Counted { id, at, amount: operation.amount });
        } else if let Some(begun) = self.0.iter_mut().find(|row| row.id == operation.payment) {
            begun.amount = match (operation.kind, operation.effect) {
                (OperationKind::Capture, _) => operation.amount,
                // What went back before by a refund was spent.
                (OperationKind::Refund, _) => begun.amount,
                (_, Effect::GaveBack) => begun.amount - operation.amount,
                _ => 0,
            };
        }
    }
}

/// Steps of one member: what is asked, and how long after the one before.
fn steps() -> impl Strategy<Value = Vec<(i64, u8, i64)>> {
    let wait = prop_oneof![
        4 => 0..3_600_000_i64,
        4 => prop::sample::select(vec![0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1, DAY_MS / 2]),
        1 => prop::sample::select(vec![29 * DAY_MS, 30 * DAY_MS, 30 * DAY_MS + 1]),
    ];
    prop::collection::vec((wait, 0..8_u8, 1..700_i64), 1..60)
}

fn line(place: usize, verb: u8, amount: i64) -> String {
    // What was begun up to four steps before.
    let before = place.saturating_sub(1 + usize::try_from(amount).unwrap() % 4);
    match verb {
        0..=2 => format!("pay r{place} {amount}"),
        3 => format!("authorize r{place} {amount} hold 20d"),
        4 => format!("capture r{place} r{before} {}", amount.min(100)),
        5 => format!("reverse r{place} r{before}"),
        6 => format!("refund r{place} r{before} 1"),
        _ => format!("void r{place} r{before}"),
    }
}

/// A member with much money, under the model's limits.
fn rich() -> World {
    let mut world = World::new();
    world.play(&format!("limit {DAY} {MONTH}; credit rich 1 900000000"));
    world
}

#[test]
fn what_is_paid_within_a_day_and_a_month_is_what_a_model_of_every_payment_allows() {
    let mut runner = TestRunner::default();
    let outcome = runner.run(&steps(), |steps| {
        let (mut world, mut model) = (rich(), Model::default());
        for (place, (wait, verb, amount)) in steps.into_iter().enumerate() {
            world.now = world.now.plus_ms(wait);
            let line = line(place, verb, amount);
            let command = world.command(&line);
            let answer = world.run(&[command]).remove(0);
            if verb <= 3 {
                let paid = !world.say(&answer).starts_with("declined");
                let room = model.has_room(world.now.0, amount);
                prop_assert_eq!(paid, room, "{} at {}: {:?}", line, world.now.0, model.0);
            }
            model.take(&answer);
            let member = &world.members[&MemberNumber(1)];
            for kind in [WindowKind::PaidDay, WindowKind::PaidMonth] {
                // What is kept is never less than the truth, and exact until something falls out.
                let (window, truth) = (member.window(kind), model.within(world.now.0, kind.ms()));
                prop_assert!(window.sum >= truth, "{:?} {} {}", kind, window.sum, truth);
                if window.is_exact(kind, world.now) {
                    prop_assert_eq!(window.sum, truth, "{:?} after {}", kind, line);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn payments_of_one_batch_are_counted_as_if_they_came_one_by_one() {
    let mut world = rich();
    world.play("confirm a 900; wait 24h");
    let commands: Vec<Command> =
        (0..64).map(|place| world.command(&format!("confirm b{place} 90"))).collect();
    let answers = world.run(&commands);
    let paid = |answer: &&Decision| matches!(answer, Decision::Done(_));
    assert_eq!(answers.iter().filter(paid).count(), 11, "11 times 90 is 990");
    let refused = "refused limit_must_hold";
    assert!(answers[11..].iter().all(|answer| world.say(answer) == refused));
    assert_eq!(world.members[&MemberNumber(1)].window(WindowKind::PaidDay).sum, 990);
}

#[test]
fn two_payments_at_once_that_exceed_a_limit_only_together_are_both_judged() {
    let mut world = rich();
    world.play("confirm a 900; wait 24h");
    let commands = [world.command("confirm b 600"), world.command("confirm c 600")];
    let answers = world.run(&commands);
    let said: Vec<String> = answers.iter().map(|answer| world.say(answer)).collect();
    assert_eq!(said, ["pay 600", "refused limit_must_hold"]);
}
