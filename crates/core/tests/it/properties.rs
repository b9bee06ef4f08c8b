//! Random lives of a book against the naive model: each answer, each balance, and a batch of n
//! equal to n batches of one. The audit of the world runs after every commit.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use yaoki_core::account::Account;
use yaoki_core::command::Command;
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::ids::{MemberNumber, StoreNumber};
use yaoki_core::refusal::Refusal;

use crate::model::{Model, Shown, Step, Verb};
use crate::world::World;

fn amount() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0, 1, 200, 300, 300, 300, 500, 500, 700, 4000, 20_000])
}

fn command() -> impl Strategy<Value = Step> {
    let terminal = || prop::sample::select(vec![1_i64, 1, 1, 2, 2, 3]);
    // A few names collide on purpose; the others let a life go on.
    let name = || prop_oneof![1 => 0..4_u8, 3 => 0..30_u8];
    let payment = || 0..6_usize;
    let code = prop_oneof![
        3 => (1..=3_i64).prop_map(Shown::Fresh),
        2 => (0..9_usize).prop_map(Shown::Kept),
    ];
    let hold = prop::option::of(prop::sample::select(vec![1_i64, 60, 600, 90_000]));
    let late = || prop::bool::weighted(0.05);
    let verb = prop::sample::select(vec![Verb::Capture, Verb::Void, Verb::Refund, Verb::Refund]);
    prop_oneof![
        6 => (terminal(), name(), code, amount(), hold, late()).prop_map(
            |(terminal, name, code, amount, hold, late)| {
                Step::Begin { terminal, name, code, amount, hold, late }
            }
        ),
        4 => (terminal(), name(), 1..=3_i64, amount(), prop::bool::weighted(0.3), late()).prop_map(
            |(terminal, name, member, amount, sign, late)| {
                Step::Confirm { terminal, name, member, amount, sign, late }
            }
        ),
        6 => (verb, terminal(), name(), payment(), amount()).prop_map(
            |(verb, terminal, name, payment, amount)| {
                Step::Settle { verb, terminal, name, payment, amount }
            }
        ),
        6 => (terminal(), name(), name())
            .prop_map(|(terminal, name, target)| Step::Reverse { terminal, name, target }),
        1 => (terminal(), name()).prop_map(|(terminal, name)| Step::Query { terminal, name }),
        1 => (terminal(), [name(), name()])
            .prop_map(|(terminal, names)| Step::Acknowledge { terminal, names }),
        2 => payment().prop_map(|payment| Step::Expire { payment }),
        1 => (name(), 1..=3_i64, amount())
            .prop_map(|(name, member, amount)| Step::Credit { name, member, amount }),
    ]
}

fn happening() -> impl Strategy<Value = Step> {
    let member = || 1..=3_i64;
    let waits = vec![1, 1000, 28_500, 30_000, 120_000, 660_000, 40_000_000];
    prop_oneof![
        6 => member().prop_map(|member| Step::Show { member }),
        8 => prop::sample::select(waits).prop_map(|ms| Step::Wait { ms }),
        2 => member().prop_map(|member| Step::Freeze { member }),
        3 => member().prop_map(|member| Step::Unfreeze { member }),
        1 => member().prop_map(|member| Step::Close { member }),
        1 => (1..=3_i64).prop_map(|terminal| Step::Suspend { terminal }),
        2 => (1..=3_i64).prop_map(|terminal| Step::Resume { terminal }),
        1 => Just(Step::Shut),
        3 => Just(Step::Open),
    ]
}

fn life() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![6 => command(), 1 => happening()], 1..120)
}

/// The book one by one, the book in batches, and the model, side by side.
struct Side {
    model: Model,
    one_by_one: World,
    batched: World,
    batch: Vec<Command>,
    answers: Vec<Decision>,
    asked: Vec<Command>,
}

impl Side {
    fn new() -> Self {
        let world = World::new();
        Self {
            model: Model::new(),
            one_by_one: world.clone(),
            batched: world,
            batch: Vec::new(),
            answers: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn ask(&mut self, step: &Step) {
        let line = self.model.line(step);
        let command = self.one_by_one.command(&line);
        let answer = self.one_by_one.run(std::slice::from_ref(&command)).remove(0);
        let said = self.one_by_one.say(&answer);
        let expected = self.model.answer(step);
        assert_eq!(said.trim_end_matches(" forged"), expected, "{line}");
        self.batch.push(command);
        self.answers.push(answer);
        self.compare_with_model();
    }

    fn happen(&mut self, step: &Step) {
        self.flush();
        if !self.model.can(step) {
            return;
        }
        let line = self.model.line(step);
        assert!(self.one_by_one.happen(&line) && self.batched.happen(&line));
        self.model.happen(step);
    }

    /// Runs as one batch what was run one by one.
    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let expected: Vec<Decision> =
            std::mem::take(&mut self.answers).into_iter().map(without_seq).collect();
        let found = self.batched.run(&batch).into_iter().map(without_seq);
        assert_eq!(found.collect::<Vec<_>>(), expected, "a batch of n is n batches of one");
        self.batched.must_equal(&self.one_by_one, "a batch of n is n batches of one");
        self.asked.extend(batch);
    }

    fn compare_with_model(&self) {
        let world = &self.one_by_one;
        for (number, member) in &world.members {
            assert_eq!((member.money, member.held), self.model.purse(number.0), "{number:?}");
        }
        let payable = |store| world.balance(Account::payable(StoreNumber(store)));
        let owed = [payable(1), payable(2), world.balance(Account::SUSPENSE)];
        assert_eq!(owed, self.model.owed());
        assert!(self.model.is_whole());
    }

    /// Everything again, long after: the stored answers, and not one yen moves.
    fn ask_again(&mut self) {
        let transfers = self.one_by_one.transfers.clone();
        let stored = self.one_by_one.operations.clone();
        self.one_by_one.happen("wait 3d");
        for command in &self.asked {
            let Some(first) = command.key().and_then(|key| stored.get(&key)) else { continue };
            let again = self.one_by_one.run(std::slice::from_ref(command)).remove(0);
            match again {
                Decision::Done(Outcome::Decided { operation, replayed, .. }) => {
                    assert!(replayed && operation == *first);
                }
                // A member who confirms what is another's hears nothing of that.
                Decision::Refused(refused) if refused.refusal == Refusal::OrderIsSettled => {}
                Decision::Refused(refused) => assert_eq!(refused.first.as_ref(), Some(first)),
                other => panic!("a stored request answers {other:?}"),
            }
        }
        assert_eq!(self.one_by_one.transfers, transfers);
        assert_eq!(self.one_by_one.operations, stored);
    }
}

/// Which commit an answer was stored in differs, and nothing else may.
fn without_seq(decision: Decision) -> Decision {
    match decision {
        Decision::Done(Outcome::Decided { mut operation, replayed, forged }) => {
            operation.seq = 0;
            Decision::Done(Outcome::Decided { operation, replayed, forged })
        }
        Decision::Refused(mut refused) => {
            if let Some(first) = &mut refused.first {
                first.seq = 0;
            }
            Decision::Refused(refused)
        }
        other => other,
    }
}

fn live(steps: &[Step]) {
    let mut side = Side::new();
    for step in steps {
        if step.is_command() { side.ask(step) } else { side.happen(step) }
    }
    side.flush();
    side.ask_again();
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn every_life_of_a_book_is_the_models(steps in life()) {
        live(&steps);
    }

    #[test]
    fn two_lanes_keep_one_book(steps in prop::collection::vec((0..2_usize, command()), 1..40)) {
        let (mut model, mut world) = (Model::new(), World::new());
        for (lane, step) in &steps {
            // Payments are named by their place, which is by id only where each has its own time.
            model.happen(&Step::Wait { ms: 1 });
            world.happen("wait 1ms");
            let line = model.line(step);
            let command = world.command(&line);
            let answer = world.run_on(*lane, &[command]).remove(0);
            let said = world.say(&answer);
            let expected = model.answer(step);
            prop_assert_eq!(said.trim_end_matches(" forged"), expected, "{}", line);
        }
    }
}

#[test]
fn the_lives_reach_every_kind_of_answer() {
    let mut runner = TestRunner::deterministic();
    let mut heard: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..300 {
        let steps = life().new_tree(&mut runner).unwrap().current();
        let mut model = Model::new();
        for step in &steps {
            if step.is_command() {
                let kind = model.answer(step).replace(|c: char| c.is_ascii_digit(), "");
                *heard.entry(kind).or_default() += 1;
            } else if model.can(step) {
                model.happen(step);
            }
        }
    }
    let wanted = [
        "pay ",
        "authorize ",
        "capture ",
        "void ",
        "refund ",
        "refund  to_suspense",
        "expire ",
        "credit ",
        "reverse  never_seen",
        "reverse  nothing_to_undo",
        "reverse  gave_back",
        "reverse  released",
        "reverse  to_suspense",
        "not_seen",
        "again pay ",
        "again expire ",
        "again declined reversed_before_arrival",
        "declined already_captured",
        "declined authorization_is_over",
        "declined balance_too_low",
        "declined capture_exceeds_hold",
        "declined code_already_used of ",
        "declined code_not_valid",
        "declined payment_is_reversed",
        "declined payment_must_be_authorized",
        "declined payment_must_be_paid",
        "declined payment_must_be_the_terminals_own",
        "declined payment_must_exist",
        "declined payments_are_closed",
        "declined refund_exceeds_payment",
        "declined refund_is_final",
        "declined request_too_late",
        "declined reversal_is_final",
        "declined reverse_window_is_over",
        "declined terminal_is_suspended",
        "declined void_is_final",
        "refused balance_does_not_cover",
        "refused hold_must_be_over",
        "refused member_must_be_open",
        "refused order_is_over",
        "refused order_is_settled",
        "refused shop_takes_no_payments",
    ];
    let missed = wanted.iter().filter(|kind| !heard.contains_key(**kind));
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&&str>::new(), "{heard:#?}");
}

#[test]
fn a_member_whose_last_fact_is_from_a_lane_ahead_gets_a_later_id() {
    let mut world = World::new();
    world.now = world.now.plus_ms(400);
    let command = world.command("pay a 100");
    world.run_on(1, &[command]);
    world.now = world.now.plus_ms(-400);
    let command = world.command("pay b 100");
    world.run_on(0, &[command]);
    let member = &world.members[&MemberNumber(1)];
    assert_eq!(member.last_id, world.payment("b"));
    assert!(world.payment("b") > world.payment("a"));
}
