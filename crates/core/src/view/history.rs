//! Members' own lists, walked back so far that a rolling window can be trimmed.

use std::collections::BTreeMap;

use super::View;
use crate::command::Command;
use crate::facts::Operation;
use crate::ids::{FactId, MemberNumber};
use crate::limits::walk_back_to;
use crate::state::Member;
use crate::time::Instant;
use crate::window::{WALKED_MAX, Window, WindowKind};

/// A member's operations from one of them on, ascending by id.
#[derive(Clone, Debug)]
pub struct History {
    /// Every operation from here on is there.
    since: FactId,
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
}

impl View {
    /// The lists that must be walked back before `commands` can be decided, members in order. Most
    /// batches need none.
    pub fn walks(&self, commands: &[&Command]) -> Vec<Walk> {
        let mut asked: BTreeMap<MemberNumber, (i64, i64)> = BTreeMap::new();
        for command in commands {
            let (amount, members) = match command {
                Command::PayWithCode(pay) => {
                    let candidates = pay.code.iter().flat_map(|code| code.candidates).flatten();
                    (pay.amount, candidates.map(|(member, _)| member).collect())
                }
                Command::PayShop(pay) => (pay.amount, vec![pay.member]),
                _ => continue,
            };
            for member in members {
                let (least, sum) = asked.entry(member).or_insert((amount, 0));
                *least = amount.min(*least);
                *sum = sum.saturating_add(amount);
            }
        }
        let walk = |(number, amounts): (MemberNumber, (i64, i64))| {
            let member = self.members.get(&number)?;
            let least = walk_back_to(&self.directory.policy, member, amounts, self.now)?;
            Some(Walk { member: number, from: member.last_operation, least })
        };
        asked.into_iter().filter_map(walk).collect()
    }

    /// Keeps what a walk has found, in any order.
    pub fn keep_history(&mut self, walk: &Walk, operations: Vec<Operation>) {
        self.histories.insert(walk.member, History::new(walk.least, operations));
    }

    /// A member's window now, trimmed where his list was walked back, and whether it was.
    pub fn window(&self, member: &Member, kind: WindowKind) -> (Window, bool) {
        let Some(history) = self.histories.get(&member.number) else {
            return (member.window(kind), false);
        };
        (history.trimmed(kind, self.now).unwrap_or_else(|| member.window(kind)), true)
    }

    /// Trims the windows in which a member's next operation will be counted, and keeps it.
    pub(super) fn trim_windows(&mut self, operation: &Operation) {
        let Some(history) = self.histories.get_mut(&operation.member) else { return };
        let member = self.members.get_mut(&operation.member).expect("it was walked back from");
        for kind in WindowKind::ALL {
            let counts = operation.begins_payment() && Window::change(operation) > 0;
            if let Some(window) = history.trimmed(kind, self.now).filter(|_| counts) {
                member.set_window(kind, window);
            }
        }
        history.operations.push(operation.clone());
    }
}

impl History {
    /// What a walk back to `least` has found, in any order. A list of [`WALKED_MAX`] operations or
    /// more is known to the oldest of them, and not to its end.
    pub fn new(least: FactId, mut operations: Vec<Operation>) -> Self {
        operations.sort_by_key(|operation| operation.id);
        let cut = operations.len() >= WALKED_MAX;
        let oldest = operations.first().map(|operation| operation.id);
        Self { since: oldest.filter(|_| cut).unwrap_or(least), operations }
    }

    /// A window as it truly is; nothing where the list was not walked back far enough.
    pub fn trimmed(&self, kind: WindowKind, now: Instant) -> Option<Window> {
        let needed = FactId::least(Instant(now.0 - kind.ms() + 1));
        (self.since <= needed).then(|| Window::trimmed(kind, now, &self.operations))
    }
}
