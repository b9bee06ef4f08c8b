//! What waits in line for a lane's thread, besides its commands: moves of positions, errands.
//!
//! Each costs a commit, and so a payment's time: a busy lane passes them over for a while.
//!
//! Limits: [`WAITING_MAX`] in line; on a busy lane the first waits for [`PATIENCE_MS`] or
//! [`PASSED_OVER_MAX`] batches, whichever is over sooner.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use yaoki_core::time::{Instant, SECOND_MS};

/// The most in line.
const WAITING_MAX: usize = 256;
/// How long a busy lane lets them wait, milliseconds.
const PATIENCE_MS: i64 = SECOND_MS;
/// How many batches go first: a clock may stand still, and batches come nevertheless.
const PASSED_OVER_MAX: u32 = 128;

/// Those who wait, and how long already.
pub(crate) struct Line<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    waiting: VecDeque<(Instant, T)>,
    passed_over: u32,
    stopped: bool,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        let inner = Inner { waiting: VecDeque::new(), passed_over: 0, stopped: false };
        Self { inner: Mutex::new(inner) }
    }
}

impl<T> Line<T> {
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().expect("no holder panics")
    }

    /// Puts it in line, or hands it back when the line is full or the lane has stopped.
    pub(crate) fn push(&self, now: Instant, one: T) -> Result<(), T> {
        let mut inner = self.lock();
        if inner.stopped || inner.waiting.len() >= WAITING_MAX {
            return Err(one);
        }
        inner.waiting.push_back((now, one));
        Ok(())
    }

    /// The first `most` of them, if it is their turn.
    pub(crate) fn take(&self, now: Instant, busy: bool, most: usize) -> Vec<T> {
        let mut inner = self.lock();
        let Some((since, _)) = inner.waiting.front() else { return Vec::new() };
        // A clock that was set back is no reason to wait for it.
        let has_waited = now.0.abs_diff(since.0) >= PATIENCE_MS.unsigned_abs();
        if busy && !has_waited && inner.passed_over < PASSED_OVER_MAX {
            inner.passed_over += 1;
            return Vec::new();
        }
        inner.passed_over = 0;
        let most = most.min(inner.waiting.len());
        inner.waiting.drain(..most).map(|(_, one)| one).collect()
    }

    /// The lane ends: hands back what waits, and takes nothing any more.
    pub(crate) fn stop(&self) -> Vec<T> {
        let mut inner = self.lock();
        inner.stopped = true;
        inner.waiting.drain(..).map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_800_000_000_000);

    fn line(count: u32) -> Line<u32> {
        let line = Line::default();
        for one in 0..count {
            line.push(NOW, one).expect("there is room");
        }
        line
    }

    #[test]
    fn an_idle_lane_takes_what_waits_at_once_and_in_order() {
        let line = line(3);
        assert_eq!(line.take(NOW, false, 2), [0, 1]);
        assert_eq!(line.take(NOW, false, 2), [2]);
        assert!(line.take(NOW, false, 2).is_empty());
    }

    #[test]
    fn a_busy_lane_takes_what_has_waited_long() {
        let line = line(2);
        assert!(line.take(NOW.plus_ms(PATIENCE_MS - 1), true, 1).is_empty());
        assert_eq!(line.take(NOW.plus_ms(PATIENCE_MS), true, 1), [0]);
        assert_eq!(line.take(NOW.plus_ms(-PATIENCE_MS), true, 1), [1], "the clock was set back");
    }

    #[test]
    fn a_busy_lane_takes_what_waits_although_its_clock_stands_still() {
        let line = line(2);
        for expected in [0, 1] {
            for _ in 0..PASSED_OVER_MAX {
                assert!(line.take(NOW, true, 1).is_empty());
            }
            assert_eq!(line.take(NOW, true, 1), [expected]);
        }
    }

    #[test]
    fn a_full_line_and_one_that_has_stopped_take_nothing() {
        let line = line(u32::try_from(WAITING_MAX).expect("few"));
        assert_eq!(line.push(NOW, 7), Err(7));
        assert_eq!(line.stop().len(), WAITING_MAX);
        assert_eq!(line.push(NOW, 7), Err(7));
        assert!(line.take(NOW, false, 1).is_empty());
    }
}
