//! Members' own lists, walked back so far that a rolling window can be trimmed.

use std::collections::BTreeMap;

use super::View;
use crate::command::Command;
use crate::decide::looks_of_payment;
use crate::facts::{Operation, OperationKind};
use crate::ids::{FactId, MemberNumber};
use crate::limits::walk_back_to;
use crate::policy::rule::{Goods, Looks, reach};
use crate::state::Member;
use crate::switches::Place;
use crate::time::Instant;
use crate::window::{WALKED_MAX, Window, WindowKind};

/// A member's operations from one of them on, ascending by id.
#[derive(Clone, Debug)]
pub struct History {
    /// Every operation from here on is there.
    since: FactId,
    /// Whether the list is longer than what is walked back.
    cut: bool,
    /// See [`Walk::trims`].
    trims: bool,
    operations: Vec<Operation>,
}

/// A list that must be walked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Whose.
    pub member: MemberNumber,
    /// The operation at which the walk begins.
    pub from: FactId,
    /// No operation before this one is needed.
    pub least: FactId,
    /// Whether limits need it: the windows are trimmed then, and stay so.
    pub trims: bool,
}

/// What a batch asks of a member: the smallest amount, and all of them.
type Asked = (i64, i64);

impl View {
    /// The lists that must be walked back before `commands` can be decided, members in order. Most
    /// batches need none.
    pub fn walks(&self, commands: &[&Command]) -> Vec<Walk> {
        let mut asked: BTreeMap<MemberNumber, Asked> = BTreeMap::new();
        let payments = || commands.iter().flat_map(|command| payments_of(command));
        for (member, amount, _) in payments() {
            let (least, sum) = asked.entry(member).or_insert((amount, 0));
            *least = amount.min(*least);
            *sum = sum.saturating_add(amount);
        }
        let mut walks: BTreeMap<MemberNumber, Walk> = BTreeMap::new();
        for (&number, &amounts) in &asked {
            let Some(member) = self.members.get(&number) else { continue };
            let least = walk_back_to(&self.directory.policy, member, amounts, self.now);
            let Some(least) = least else { continue };
            let from = member.last_operation;
            walks.insert(number, Walk { member: number, from, least, trims: true });
        }
        for (number, amount, goods) in payments() {
            let Some(member) = self.members.get(&number) else { continue };
            let Some(ms) = self.reach_of_rules(member, (amount, goods), asked[&number].1) else {
                continue;
            };
            let (from, least) =
                (member.last_operation, FactId::least(Instant(self.now.0 - ms + 1)));
            let walk =
                walks.entry(number).or_insert(Walk { member: number, from, least, trims: false });
            walk.least = walk.least.min(least);
        }
        walks.into_values().collect()
    }

    /// How far rules look back for a payment, milliseconds, wherever it is made and whatever of the
    /// batch's `sum` is paid before it.
    fn reach_of_rules(&self, member: &Member, asked: (i64, Goods), sum: i64) -> Option<i64> {
        let looks = looks_of_payment(member, &Place::default(), asked, self.now);
        let paid_at_most = looks.paid_at_most.saturating_add(sum);
        reach(&self.directory.policy.rules, &Looks { paid_at_most, ..looks })
    }

    /// Keeps what a walk has found, in any order.
    pub fn keep_history(&mut self, walk: &Walk, operations: Vec<Operation>) {
        let history = History { trims: walk.trims, ..History::new(walk.least, operations) };
        self.histories.insert(walk.member, history);
    }

    /// A member's window now, trimmed where his list was walked back, and whether it was.
    pub fn window(&self, member: &Member, kind: WindowKind) -> (Window, bool) {
        let Some(history) = self.histories.get(&member.number) else {
            return (member.window(kind), false);
        };
        match history.trimmed(kind, self.now) {
            Some(window) => (window, true),
            // A list that is too long is counted as it stands.
            None => (member.window(kind), history.cut),
        }
    }

    /// Trims the windows in which a member's next operation will be counted, and keeps it.
    pub(super) fn trim_windows(&mut self, operation: &Operation) {
        let Some(history) = self.histories.get_mut(&operation.member) else { return };
        let member = self.members.get_mut(&operation.member).expect("it was walked back from");
        for kind in WindowKind::ALL {
            let begins = operation.begins_payment() && Window::change(operation) > 0;
            let counts = begins && history.trims;
            if let Some(window) = history.trimmed(kind, self.now).filter(|_| counts) {
                member.set_window(kind, window);
            }
        }
        history.operations.push(operation.clone());
    }
}

/// Whose money a command may take, how much, and what is bought.
fn payments_of(command: &Command) -> impl Iterator<Item = (MemberNumber, i64, Goods)> {
    let by_code = match command {
        Command::PayWithCode(pay) => Some(pay),
        _ => None,
    };
    let of_shop = match command {
        Command::PayShop(pay) => Some((pay.member, pay.amount, Goods::NONE)),
        _ => None,
    };
    let by_code = by_code.into_iter().flat_map(|pay| {
        let candidates = pay.code.iter().flat_map(|code| code.candidates).flatten();
        candidates.map(|(member, _)| (member, pay.amount, pay.goods))
    });
    by_code.chain(of_shop)
}

impl History {
    /// What a walk back to `least` has found, in any order. A list of [`WALKED_MAX`] operations or
    /// more is known to the oldest of them, and not to its end.
    pub fn new(least: FactId, mut operations: Vec<Operation>) -> Self {
        operations.sort_by_key(|operation| operation.id);
        let cut = operations.len() >= WALKED_MAX;
        let oldest = operations.first().map(|operation| operation.id);
        let since = oldest.filter(|_| cut).unwrap_or(least);
        Self { since, cut, trims: true, operations }
    }

    /// A window as it truly is; nothing where the list was not walked back far enough.
    pub fn trimmed(&self, kind: WindowKind, now: Instant) -> Option<Window> {
        let needed = FactId::least(Instant(now.0 - kind.ms() + 1));
        (self.since <= needed).then(|| Window::trimmed(kind, now, &self.operations))
    }

    /// How many payments and holds there were within so many milliseconds; nothing where the list
    /// was not walked back far enough.
    pub fn payments_within(&self, ms: i64, now: Instant) -> Option<i64> {
        let begun =
            |operation: &&Operation| operation.begins_payment() && Window::change(operation) > 0;
        let within = self.within(ms, now)?;
        i64::try_from(within.iter().filter(begun).count()).ok()
    }

    /// Minor units of top-ups within so many milliseconds, as [`Self::payments_within`].
    pub fn topped_up_within(&self, ms: i64, now: Instant) -> Option<i64> {
        let posted = |operation: &&Operation| {
            operation.kind == OperationKind::TopUp && operation.has_effect()
        };
        let within = self.within(ms, now)?;
        Some(within.iter().filter(posted).map(|operation| operation.amount).sum())
    }

    /// Whether more was done within so many milliseconds than is walked back.
    pub fn is_too_long_for(&self, ms: i64, now: Instant) -> bool {
        self.cut && self.since > FactId::least(Instant(now.0 - ms + 1))
    }

    fn within(&self, ms: i64, now: Instant) -> Option<&[Operation]> {
        let least = FactId::least(Instant(now.0 - ms + 1));
        let first = self.operations.partition_point(|operation| operation.id < least);
        (self.since <= least).then(|| &self.operations[first..])
    }
}
