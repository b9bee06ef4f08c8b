//! What a lane does between batches besides following itself: its heartbeat, and the size of
//! SQLite's write-ahead log.

use yaoki_core::time::{Instant, SECOND_MS};

use crate::checkpointer::Checkpointer;
use crate::conn::{CheckpointMode, Conn};
use crate::error::StoreError;

/// An idle lane moves its time on this often, so that the watermark follows the clock.
const HEARTBEAT_MS: i64 = SECOND_MS;
/// What is done about SQLite's write-ahead log at which length, bytes.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// It is moved into the file beside the lane.
    pub ask: u64,
    /// The lane itself moves it, and waits for readers.
    pub force: u64,
    /// New writes are refused.
    pub refuse: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { ask: 64 << 20, force: 128 << 20, refuse: 512 << 20 }
    }
}

impl LogLimits {
    /// So much longer it gets before the same is tried again: a reader may have kept a part of it.
    const fn step(&self) -> u64 {
        self.ask / 8
    }
}

/// What a lane remembers of its own upkeep.
pub(crate) struct Maintenance {
    beaten_at: Instant,
    limits: LogLimits,
    wal_bytes: u64,
    ask_at: u64,
    force_at: u64,
    told_full: bool,
    /// On SQLite.
    checkpointer: Option<Checkpointer>,
}

impl Maintenance {
    pub(crate) const fn new(checkpointer: Option<Checkpointer>, limits: LogLimits) -> Self {
        Self {
            beaten_at: Instant(0),
            limits,
            wal_bytes: 0,
            ask_at: limits.ask,
            force_at: limits.force,
            told_full: false,
            checkpointer,
        }
    }

    pub(crate) fn heartbeat_is_due(&mut self, now: Instant) -> bool {
        // A clock that was set back by a day is no reason to wait for a day.
        let due = now.0.abs_diff(self.beaten_at.0) >= HEARTBEAT_MS.unsigned_abs();
        if due {
            self.beaten_at = now;
        }
        due
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.wal_bytes > self.limits.refuse
    }

    /// Whether the log is full and was not when this was last asked.
    pub(crate) fn became_full(&mut self) -> bool {
        let full = self.wal_bytes > self.limits.refuse;
        let before = std::mem::replace(&mut self.told_full, full);
        full && !before
    }

    pub(crate) const fn wal_bytes(&self) -> u64 {
        self.wal_bytes
    }

    /// Keeps the write-ahead log short.
    pub(crate) fn checkpoint(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        self.wal_bytes = conn.wal_bytes();
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        if self.wal_bytes > self.force_at {
            checkpointer.rest()?;
            conn.checkpoint(CheckpointMode::Restart)?;
        } else if self.wal_bytes > self.limits.refuse {
            // It gets no longer now. Without waiting: those who are turned away hear so at once.
            checkpointer.rest()?;
            conn.checkpoint(CheckpointMode::Passive)?;
        } else if self.wal_bytes > self.ask_at && checkpointer.ask()? {
            conn.checkpoint(CheckpointMode::Passive)?;
        } else {
            return Ok(());
        }
        self.wal_bytes = conn.wal_bytes();
        // A reader may have kept a part of it in use: then not again at once.
        let longer = self.wal_bytes + self.limits.step();
        (self.ask_at, self.force_at) = (self.limits.ask.max(longer), self.limits.force.max(longer));
        Ok(())
    }

    /// Moves all of the log and cuts the file: the last thing that a lane does.
    pub(crate) fn finish(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        checkpointer.rest()?;
        conn.checkpoint(CheckpointMode::Truncate).map(drop)
    }
}
