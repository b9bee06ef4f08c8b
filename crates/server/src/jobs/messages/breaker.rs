//! The breaker of a channel: stops it while its server fails, and stops what strangers cause while
//! nobody types the codes that they ask for.
//!
//! The first is of this node, which sees its own connections only. The second follows from the
//! outbox, so every node comes to it alike; it ends by itself when the hour that was counted is
//! over, because nothing is added to it meanwhile.

use yaoki_core::time::{Instant, MINUTE_MS};
use yaoki_store::outbox::Codes;

/// So many failures in a row stop a channel.
pub const FAILURES_MAX: u32 = 10;
/// For so long, milliseconds; then one failure more stops it again.
pub const STOPPED_MS: i64 = 5 * MINUTE_MS;
/// Fewer codes than this within an hour say nothing.
pub const CODES_MIN: i64 = 50;
/// Of the codes that strangers asked for, so many in a hundred are typed at the least.
pub const ANSWERED_PERCENT_MIN: i64 = 20;

/// What has changed, to be said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The channel is stopped.
    Stopped {
        /// After so many failures in a row.
        failures: u32,
    },
    /// The channel's server takes messages again.
    GoesOn,
    /// Strangers are sent nothing.
    StrangersStopped {
        /// So many codes nobody has typed.
        unanswered: i64,
        /// So many were typed.
        answered: i64,
    },
    /// Strangers are sent codes again.
    StrangersGoOn,
}

/// Stops a channel.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    failures: u32,
    stopped_until: Option<Instant>,
    strangers: bool,
}

impl Breaker {
    /// Whether nothing is sent.
    pub fn is_stopped(&self, now: Instant) -> bool {
        // A clock that was set back is no reason to wait for it.
        self.stopped_until.is_some_and(|until| now < until && until.0 - now.0 <= STOPPED_MS)
    }

    /// Whether what strangers cause is suppressed.
    pub const fn stops_strangers(&self) -> bool {
        self.strangers
    }

    /// The server has answered.
    pub const fn succeeded(&mut self) -> Change {
        self.failures = 0;
        match self.stopped_until.take() {
            Some(_) => Change::GoesOn,
            None => Change::None,
        }
    }

    /// The server could not be spoken to.
    pub fn failed(&mut self, now: Instant) -> Change {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX || self.is_stopped(now) {
            return Change::None;
        }
        self.stopped_until = Some(now.plus_ms(STOPPED_MS));
        Change::Stopped { failures: self.failures }
    }

    /// So many codes were typed, and so many were not.
    pub const fn codes_went(&mut self, codes: Codes) -> Change {
        let Codes { unanswered, answered } = codes;
        let all = unanswered + answered;
        let stops = all >= CODES_MIN && answered * 100 < all * ANSWERED_PERCENT_MIN;
        let before = std::mem::replace(&mut self.strangers, stops);
        match (before, stops) {
            (false, true) => Change::StrangersStopped { unanswered, answered },
            (true, false) => Change::StrangersGoOn,
            _ => Change::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_700_000_000_000);

    #[test]
    fn a_channel_is_stopped_by_failures_in_a_row_and_one_more_stops_it_again() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            assert_eq!(breaker.failed(NOW), Change::None);
        }
        assert_eq!(breaker.succeeded(), Change::None);
        for _ in 1..FAILURES_MAX {
            assert_eq!(breaker.failed(NOW), Change::None);
        }
        assert!(!breaker.is_stopped(NOW));
        assert_eq!(breaker.failed(NOW), Change::Stopped { failures: FAILURES_MAX });
        assert!(breaker.is_stopped(NOW) && breaker.is_stopped(NOW.plus_ms(STOPPED_MS - 1)));
        assert!(!breaker.is_stopped(NOW.plus_ms(-1)), "the clock was set back");
        let later = NOW.plus_ms(STOPPED_MS);
        assert!(!breaker.is_stopped(later));
        assert_eq!(breaker.failed(later), Change::Stopped { failures: FAILURES_MAX + 1 });
        assert_eq!(breaker.succeeded(), Change::GoesOn);
        assert!(!breaker.is_stopped(later));
    }

    #[test]
    fn strangers_are_stopped_while_few_of_their_many_codes_are_typed() {
        let mut breaker = Breaker::default();
        let went = |unanswered, answered| Codes { unanswered, answered };
        assert_eq!(breaker.codes_went(went(CODES_MIN - 1, 0)), Change::None);
        assert_eq!(breaker.codes_went(went(80, 20)), Change::None);
        let stopped = Change::StrangersStopped { unanswered: 81, answered: 19 };
        assert_eq!(breaker.codes_went(went(81, 19)), stopped);
        assert!(breaker.stops_strangers());
        assert_eq!(breaker.codes_went(went(81, 19)), Change::None);
        assert_eq!(breaker.codes_went(went(0, 0)), Change::StrangersGoOn);
    }
}
