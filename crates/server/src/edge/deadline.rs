//! The one deadline of a request. It runs from when the request was received whole, and every wait
//! on the way takes from it: for a turn, in a line, for a commit.

use std::time::Duration;

use yaoki_core::time::Instant;

/// By when a request must be answered.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    ends: tokio::time::Instant,
    at: Instant,
}

impl Deadline {
    /// The deadline of a request received at `now` that may take `ms` milliseconds.
    pub fn after(ms: i64, now: Instant) -> Self {
        let ends = tokio::time::Instant::now() + milliseconds(ms);
        Self { ends, at: now.plus_ms(ms) }
    }

    /// The same by the clock of the book: nothing is decided past it.
    pub const fn at(self) -> Instant {
        self.at
    }

    /// What is left, milliseconds; 0 past it.
    pub fn left_ms(self) -> i64 {
        let left = self.ends.saturating_duration_since(tokio::time::Instant::now());
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
    }

    /// What `work` gives; none when the deadline passes first.
    pub async fn wait_for<T>(self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.ends, work).await.ok()
    }
}

/// So many milliseconds; a negative number is none.
pub fn milliseconds(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
