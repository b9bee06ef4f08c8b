//! Requests that are recorded and move nothing: declines, and reversals of what never arrived.
//!
//! Each is a row for ever, and whoever has a terminal's key can make them without a code, without a
//! member and without end. A terminal may have [`BURST`] of each kind at once and one every
//! [`EACH_MS`] in the long run, as a generic cell rate (ITU-T I.371) counts it; past that it hears
//! so, and nothing is recorded. Each kind has its own count: declined payments stand in the way of
//! no reversal. What gives money back or ends a hold is never turned away: refunds, captures and
//! voids are counted for risk alone, and a reversal waits only where its request was never seen
//! (the register API looks). Queries and acknowledgements are not counted.
//!
//! Limits: [`COUNTED_MAX`] counts; past that those that are through are forgotten. Counted in
//! memory, a node for itself.

use std::collections::HashMap;
use std::sync::Mutex;

use yaoki_core::facts::OperationKind;
use yaoki_core::ids::TerminalNumber;
use yaoki_core::time::{Instant, SECOND_MS};

/// So many at once: a morning of an honest shop whose network fails.
pub const BURST: i64 = 600;
/// In the long run one every so many milliseconds, milliseconds.
pub const EACH_MS: i64 = SECOND_MS / 2;
/// The most counts that are kept before those that are through are forgotten.
pub const COUNTED_MAX: usize = 20_000;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fruitless {
    /// A payment or a hold that was declined.
    Payment,
    /// A reversal that undid nothing, or was declined.
    Reversal,
    /// A refund, capture or void that was declined: told to risk, never turned away.
    Settlement,
}

impl Fruitless {
    /// Where an operation of this kind counts.
    pub const fn of(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Reverse | OperationKind::Tombstone => Self::Reversal,
            OperationKind::Pay | OperationKind::Authorize => Self::Payment,
            _ => Self::Settlement,
        }
    }
}

/// What each terminal asked for in vain.
#[derive(Debug, Default)]
pub struct FruitlessRequests {
    /// When each count would be through, had one come every [`EACH_MS`].
    through: Mutex<HashMap<(TerminalNumber, Fruitless), Instant>>,
}

impl FruitlessRequests {
    /// Whether the terminal has to wait before it may ask.
    pub fn must_wait(&self, terminal: TerminalNumber, kind: Fruitless, now: Instant) -> bool {
        let through = self.through.lock().expect("no holder panics");
        through.get(&(terminal, kind)).is_some_and(|through| is_full(*through, now))
    }

    /// Counts a request. True when the terminal has to wait from now on and had not before: the
    /// moment to tell risk.
    pub fn note(&self, terminal: TerminalNumber, kind: Fruitless, now: Instant) -> bool {
        let mut through = self.through.lock().expect("no holder panics");
        if through.len() >= COUNTED_MAX {
            through.retain(|_, through| *through > now);
        }
        let count = through.entry((terminal, kind)).or_default();
        let before = is_full(*count, now);
        *count = (*count).max(now).plus_ms(EACH_MS);
        !before && is_full(*count, now)
    }
}

/// Whether another one would be more than [`BURST`] at once.
const fn is_full(through: Instant, now: Instant) -> bool {
    through.0 - now.0 > (BURST - 1) * EACH_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_700_000_000_000);
    const TILL: TerminalNumber = TerminalNumber(7);

    fn worn_out(kind: Fruitless) -> FruitlessRequests {
        let requests = FruitlessRequests::default();
        for count in 1..=BURST {
            assert!(!requests.must_wait(TILL, kind, NOW), "{count}");
            assert_eq!(requests.note(TILL, kind, NOW), count == BURST, "risk is told once");
        }
        requests
    }

    #[test]
    fn after_six_hundred_one_every_half_second() {
        let requests = worn_out(Fruitless::Payment);
        assert!(requests.must_wait(TILL, Fruitless::Payment, NOW));
        let later = NOW.plus_ms(EACH_MS);
        assert!(!requests.must_wait(TILL, Fruitless::Payment, later));
        requests.note(TILL, Fruitless::Payment, later);
        assert!(requests.must_wait(TILL, Fruitless::Payment, later));
        let rested = later.plus_ms(BURST * EACH_MS);
        assert!(!requests.must_wait(TILL, Fruitless::Payment, rested));
    }

    #[test]
    fn declined_payments_stand_in_the_way_of_no_reversal_and_of_no_other_terminal() {
        let requests = worn_out(Fruitless::Payment);
        assert!(!requests.must_wait(TILL, Fruitless::Reversal, NOW));
        assert!(!requests.must_wait(TerminalNumber(8), Fruitless::Payment, NOW));
    }

    #[test]
    fn counts_that_are_through_are_forgotten_when_there_are_many() {
        let requests = FruitlessRequests::default();
        for number in 0..i64::try_from(COUNTED_MAX).expect("a count") {
            requests.note(TerminalNumber(number), Fruitless::Payment, NOW);
        }
        requests.note(TILL, Fruitless::Payment, NOW.plus_ms(EACH_MS));
        assert_eq!(requests.through.lock().expect("no holder panics").len(), 1);
    }
}
