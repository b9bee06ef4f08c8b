//! What a lane does between batches besides following itself: its heartbeat, and the size of
//! SQLite's write-ahead log.

use yaoki_core::time::{Instant, SECOND_MS};

use crate::checkpointer::Checkpointer;
use crate::conn::{CheckpointMode, Conn};
use crate::error::StoreError;

/// An idle lane moves its time on this often, so that the watermark follows the clock.
const HEARTBEAT_MS: i64 = SECOND_MS;
/// Write-ahead log: checkpoint beside the lane, wait for readers, refuse new writes. Bytes.
const WAL_CHECKPOINT: u64 = 64 << 20;
const WAL_FORCE: u64 = 128 << 20;
const WAL_REFUSE: u64 = 512 << 20;

/// What a lane remembers of its own upkeep.
pub(crate) struct Maintenance {
    beaten_at: Instant,
    wal_bytes: u64,
    checkpoint_at: u64,
    /// On SQLite.
    checkpointer: Option<Checkpointer>,
}

impl Maintenance {
    pub(crate) const fn new(checkpointer: Option<Checkpointer>) -> Self {
        let checkpoint_at = WAL_CHECKPOINT;
        Self { beaten_at: Instant(0), wal_bytes: 0, checkpoint_at, checkpointer }
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
        self.wal_bytes > WAL_REFUSE
    }

    pub(crate) const fn wal_bytes(&self) -> u64 {
        self.wal_bytes
    }

    /// Keeps the write-ahead log short.
    pub(crate) fn checkpoint(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        self.wal_bytes = conn.wal_bytes();
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        if self.wal_bytes > WAL_FORCE {
            checkpointer.rest()?;
            conn.checkpoint(CheckpointMode::Restart)?;
        } else if self.wal_bytes > self.checkpoint_at && checkpointer.ask()? {
            conn.checkpoint(CheckpointMode::Passive)?;
        } else {
            return Ok(());
        }
        self.wal_bytes = conn.wal_bytes();
        // A reader may have kept a part of it in use: then not again at once.
        self.checkpoint_at = WAL_CHECKPOINT.max(self.wal_bytes + WAL_CHECKPOINT / 8);
        Ok(())
    }

    /// Moves all of the log and cuts the file: the last thing that a lane does.
    pub(crate) fn finish(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let Some(checkpointer) = &mut self.checkpointer else { return Ok(()) };
        checkpointer.rest()?;
        conn.checkpoint(CheckpointMode::Truncate).map(drop)
    }
}
