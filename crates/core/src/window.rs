//! Rolling windows: what a member paid within the last 24 hours or 30 days.
//!
//! A window is two integers on the member's row: a sum, and the oldest operation that is counted in
//! it. It is exact as long as that operation is within the time; after that the sum is at least
//! what it should be, which settles most questions without reading anything. Only when the sum
//! would refuse is the member's own list walked back ([`crate::view::View::walks`]) and the window
//! trimmed to what is truly within it. There are no buckets, so nothing frees up early or late.
//!
//! What begins counts when it begins, holds included. What takes it back (a reverse, a void, the
//! rest of a capture) is taken off again as long as what it takes back is counted. A refund frees
//! nothing: the money was spent.

use crate::facts::{Effect, Operation, OperationKind};
use crate::ids::FactId;
use crate::state::Member;
use crate::time::{DAY_MS, Instant};

/// The most operations of one member that are walked back: a window that holds more is not trimmed,
/// and its sum, which is not less than the truth, stands.
pub const WALKED_MAX: usize = 5_000;

/// Which window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowKind {
    /// Paid or held within 24 hours.
    PaidDay,
    /// Paid or held within 30 days.
    PaidMonth,
}

impl WindowKind {
    /// Every window of a member's row.
    pub const ALL: [Self; 2] = [Self::PaidDay, Self::PaidMonth];

    /// How long it is, milliseconds.
    pub const fn ms(self) -> i64 {
        match self {
            Self::PaidDay => DAY_MS,
            Self::PaidMonth => 30 * DAY_MS,
        }
    }

    /// Whether an operation of a member falls out before or at `now`.
    pub const fn is_over(self, operation: FactId, now: Instant) -> bool {
        operation.at().0 + self.ms() <= now.0
    }
}

/// A sum and the oldest operation that is counted in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Minor units.
    pub sum: i64,
    /// The oldest counted operation; none: nothing is counted.
    pub oldest: FactId,
}

impl Window {
    /// What an operation adds, or takes off where it takes back another; 0 where it is not
    /// counted.
    pub const fn change(operation: &Operation) -> i64 {
        use OperationKind as Kind;
        if !operation.has_effect() {
            return 0;
        }
        match (operation.kind, operation.effect) {
            (Kind::Pay, _) => operation.amount,
            (Kind::Capture, _) => operation.amount + operation.held_change,
            (Kind::Authorize | Kind::Void | Kind::Expire, _)
            | (Kind::Reverse, Effect::Released) => operation.held_change,
            (Kind::Reverse, Effect::GaveBack | Effect::ToSuspense) => -operation.amount,
            _ => 0,
        }
    }

    /// Whether the sum is exactly what is within the time at `now`.
    pub const fn is_exact(&self, kind: WindowKind, now: Instant) -> bool {
        !self.oldest.is_some() || !kind.is_over(self.oldest, now)
    }

    /// Counts the member's next operation. Where the one before it is out of time already, so is
    /// everything that was counted.
    pub fn take(&mut self, kind: WindowKind, operation: &Operation) {
        let change = Self::change(operation);
        if operation.begins_payment() && change > 0 {
            let before = operation.previous;
            if before.is_some() && kind.is_over(before, operation.id.at()) {
                *self = Self::default();
            }
            if !self.oldest.is_some() {
                self.oldest = operation.id;
            }
            self.sum += change;
        } else if self.oldest.is_some() && operation.payment >= self.oldest {
            self.sum += change;
        }
    }

    /// Counts `operations`, ascending by id, from `oldest` on: what [`Self::take`] comes to.
    fn recount(oldest: FactId, operations: &[Operation]) -> i64 {
        operations.iter().map(|operation| Self::counted(oldest, operation)).sum()
    }

    /// What one operation adds to a window whose oldest counted operation is `oldest`.
    fn counted(oldest: FactId, operation: &Operation) -> i64 {
        let begun = if operation.begins_payment() { operation.id } else { operation.payment };
        if oldest.is_some() && begun >= oldest { Self::change(operation) } else { 0 }
    }

    /// The window that holds exactly what is within the time at `now`; `operations` are all of the
    /// member's from then on, ascending by id.
    pub fn trimmed(kind: WindowKind, now: Instant, operations: &[Operation]) -> Self {
        let first = operations.iter().find(|operation| {
            operation.begins_payment()
                && Self::change(operation) > 0
                && !kind.is_over(operation.id, now)
        });
        let Some(first) = first else { return Self::default() };
        Self { sum: Self::recount(first.id, operations), oldest: first.id }
    }
}

/// Counts a member's windows again from all of his operations. Where a window begins is not said by
/// a fact: it is taken from the stored row, and held to leave out nothing that was within the time
/// when the window was counted last.
#[derive(Clone, Debug)]
pub struct Recount([Counting; WindowKind::ALL.len()]);

#[derive(Clone, Copy, Debug)]
struct Counting {
    kind: WindowKind,
    oldest: FactId,
    sum: i64,
    /// Whether the operation that the window begins with was there.
    begun: bool,
    /// The newest that is left out, and what it would add.
    left_out: (FactId, i64),
    newest: FactId,
}

impl Recount {
    /// For a stored row.
    pub fn of(stored: &Member) -> Self {
        Self(WindowKind::ALL.map(|kind| Counting {
            kind,
            oldest: stored.window(kind).oldest,
            sum: 0,
            begun: false,
            left_out: (FactId::NONE, 0),
            newest: FactId::NONE,
        }))
    }

    /// Takes the member's next operation.
    pub fn take(&mut self, operation: &Operation) {
        for counting in &mut self.0 {
            counting.sum += Window::counted(counting.oldest, operation);
            let change = Window::change(operation);
            if !operation.begins_payment() || change <= 0 {
                continue;
            }
            counting.begun |= operation.id == counting.oldest;
            counting.newest = operation.id;
            if !counting.oldest.is_some() || operation.id < counting.oldest {
                counting.left_out = (operation.id, change);
            }
        }
    }

    /// Puts the windows as they must be in the place of what a fold has counted.
    pub fn put(&self, folded: &mut Member) {
        for counting in &self.0 {
            let (left_out, change) = counting.left_out;
            let kind = counting.kind;
            let mut window = Window { sum: counting.sum, oldest: counting.oldest };
            if left_out.is_some() && !kind.is_over(left_out, counting.newest.at()) {
                window = Window { sum: counting.sum + change, oldest: left_out };
            } else if !counting.begun {
                window = Window::default();
            }
            folded.set_window(kind, window);
        }
    }
}
