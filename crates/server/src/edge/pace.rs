//! Pacing: what a terminal that presents forged codes, or too many requests at once, has to wait
//! for.
//!
//! A code is forged when it has our length, prefix and Luhn digit but no tag of the device's last
//! hour: no honest customer shows such a one. After [`FORGED_MAX`] in an hour the terminal's code
//! payments are answered one every [`PACE_MS`], and risk is told. Nothing here suspends a terminal:
//! then anybody with printed codes could close a shop. Query, reverse, refund, capture and void are
//! never paced.
//!
//! Limits: [`TERMINALS_MAX`] terminals are watched; past that the one that has been quiet longest
//! is forgotten. Counted in memory, a node for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use yaoki_core::ids::TerminalNumber;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};

/// So many forged codes within the window are nobody's accident.
pub const FORGED_MAX: usize = 60;
/// The window, milliseconds.
pub const WINDOW_MS: i64 = 60 * MINUTE_MS;
/// One code payment every so many milliseconds, milliseconds.
pub const PACE_MS: i64 = 2 * SECOND_MS;
/// The most terminals that are watched.
pub const TERMINALS_MAX: usize = 10_000;

/// The terminals that presented forged codes within the window.
#[derive(Debug, Default)]
pub struct Pace {
    terminals: Mutex<HashMap<TerminalNumber, Suspicion>>,
}

#[derive(Debug, Default)]
struct Suspicion {
    /// The last [`FORGED_MAX`] times, oldest first.
    forged: VecDeque<Instant>,
    /// When the next code payment may be answered.
    next: Instant,
}

impl Suspicion {
    fn is_paced(&self, now: Instant) -> bool {
        let oldest = self.forged.front().copied().unwrap_or_default();
        self.forged.len() == FORGED_MAX && oldest > now.plus_ms(-WINDOW_MS)
    }
}

impl Pace {
    /// Counts a forged code. True when the terminal is paced from now on and was not before: the
    /// moment to tell risk.
    pub fn forged(&self, terminal: TerminalNumber, now: Instant) -> bool {
        let mut terminals = self.terminals.lock().expect("no holder panics");
        if terminals.len() >= TERMINALS_MAX && !terminals.contains_key(&terminal) {
            forget_the_quietest(&mut terminals, now);
        }
        let suspicion = terminals.entry(terminal).or_default();
        let before = suspicion.is_paced(now);
        if suspicion.forged.len() == FORGED_MAX {
            suspicion.forged.pop_front();
        }
        suspicion.forged.push_back(now);
        !before && suspicion.is_paced(now)
    }

    /// How long a code payment of this terminal has to wait, milliseconds; its turn is taken by
    /// asking. None when that would be longer than `patience_ms`: then no turn is taken.
    pub fn turn(&self, terminal: TerminalNumber, now: Instant, patience_ms: i64) -> Option<i64> {
        let mut terminals = self.terminals.lock().expect("no holder panics");
        let Some(suspicion) = terminals.get_mut(&terminal) else { return Some(0) };
        if !suspicion.is_paced(now) {
            return Some(0);
        }
        let turn = suspicion.next.max(now);
        let wait_ms = turn.0 - now.0;
        if wait_ms > patience_ms {
            return None;
        }
        suspicion.next = turn.plus_ms(PACE_MS);
        Some(wait_ms)
    }
}

fn forget_the_quietest(terminals: &mut HashMap<TerminalNumber, Suspicion>, now: Instant) {
    let last = |suspicion: &Suspicion| suspicion.forged.back().copied().unwrap_or_default();
    terminals.retain(|_, suspicion| last(suspicion) > now.plus_ms(-WINDOW_MS));
    if terminals.len() >= TERMINALS_MAX {
        let quietest = terminals.iter().min_by_key(|(_, suspicion)| last(suspicion));
        let quietest = *quietest.expect("the table is full").0;
        terminals.remove(&quietest);
    }
}

/// How many requests each caller has under way.
#[derive(Debug)]
pub struct InFlight {
    each_max: usize,
    callers: Mutex<HashMap<i64, usize>>,
}

/// One request under way; over when dropped.
#[derive(Debug)]
pub struct Flight {
    flights: Arc<InFlight>,
    caller: i64,
}

impl InFlight {
    /// None under way; `each_max` for each caller.
    pub fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, callers: Mutex::default() })
    }

    /// Starts a request of `caller`; none when it has too many.
    pub fn start(self: &Arc<Self>, caller: i64) -> Option<Flight> {
        let mut callers = self.callers.lock().expect("no holder panics");
        let count = callers.entry(caller).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Flight { flights: Arc::clone(self), caller })
    }

    /// How many requests of `caller` are under way.
    pub fn count(&self, caller: i64) -> usize {
        self.callers.lock().expect("no holder panics").get(&caller).copied().unwrap_or(0)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut callers = self.flights.callers.lock().expect("no holder panics");
        let count = callers.get_mut(&self.caller).expect("a flight was counted");
        *count -= 1;
        if *count == 0 {
            callers.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILL: TerminalNumber = TerminalNumber(7);
    const NOW: Instant = Instant(1_800_000_000_000);

    fn suspected() -> Pace {
        let pace = Pace::default();
        for count in 1..=FORGED_MAX {
            assert_eq!(pace.forged(TILL, NOW), count == FORGED_MAX, "{count}");
        }
        pace
    }

    #[test]
    fn fifty_nine_forged_codes_slow_nobody_down() {
        let pace = Pace::default();
        for _ in 1..FORGED_MAX {
            pace.forged(TILL, NOW);
        }
        assert_eq!(pace.turn(TILL, NOW, 0), Some(0));
    }

    #[test]
    fn after_sixty_a_terminal_is_answered_one_every_two_seconds() {
        let pace = suspected();
        assert_eq!(pace.turn(TILL, NOW, 5000), Some(0));
        assert_eq!(pace.turn(TILL, NOW, 5000), Some(2000));
        assert_eq!(pace.turn(TILL, NOW, 5000), Some(4000));
        assert_eq!(pace.turn(TILL, NOW, 5000), None);
        assert_eq!(pace.turn(TILL, NOW.plus_ms(1500), 5000), Some(4500));
        assert_eq!(pace.turn(TerminalNumber(8), NOW, 0), Some(0));
    }

    #[test]
    fn an_hour_later_it_is_as_any_other() {
        let pace = suspected();
        let later = NOW.plus_ms(WINDOW_MS);
        assert_eq!(pace.turn(TILL, later, 0), Some(0));
        assert_eq!(pace.turn(TILL, later, 0), Some(0));
    }

    #[test]
    fn risk_is_told_once_while_it_lasts() {
        let pace = suspected();
        assert!(!pace.forged(TILL, NOW.plus_ms(1)));
    }

    #[test]
    fn the_table_is_bounded() {
        let pace = Pace::default();
        for number in 0..=i64::try_from(TERMINALS_MAX).expect("small") {
            pace.forged(TerminalNumber(number + 1), NOW.plus_ms(number));
        }
        let terminals = pace.terminals.lock().expect("no holder panics");
        assert_eq!(terminals.len(), TERMINALS_MAX);
        assert!(!terminals.contains_key(&TerminalNumber(1)));
    }

    #[test]
    fn a_caller_has_so_many_requests_under_way_and_no_more() {
        let flights = InFlight::new(2);
        let first = flights.start(7).expect("room");
        let _second = flights.start(7).expect("room");
        assert!(flights.start(7).is_none());
        assert!(flights.start(8).is_some());
        drop(first);
        assert!(flights.start(7).is_some());
    }
}
