//! What a lane does between batches besides following itself: its heartbeat, and the size of
//! SQLite's write-ahead log.

use yaoki_core::time::{Instant, SECOND_MS};

use crate::conn::{CheckpointMode, Conn};
use crate::error::StoreError;

/// An idle lane moves its time on this often, so that the watermark follows the clock.
const HEARTBEAT_MS: i64 = SECOND_MS;
/// Write-ahead log: checkpoint between batches, wait for readers, refuse new writes. Bytes.
const WAL_CHECKPOINT: u64 = 64 << 20;
const WAL_FORCE: u64 = 128 << 20;
const WAL_REFUSE: u64 = 512 << 20;

/// What a lane remembers of its own upkeep.
#[derive(Default)]
pub(crate) struct Maintenance {
    beaten_at: Instant,
    wal_bytes: u64,
}

impl Maintenance {
    pub(crate) fn heartbeat_is_due(&mut self, now: Instant) -> bool {
        let due = now.0 - self.beaten_at.0 >= HEARTBEAT_MS;
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
        if self.wal_bytes > WAL_FORCE {
            conn.checkpoint(CheckpointMode::Restart)?;
        } else if self.wal_bytes > WAL_CHECKPOINT {
            conn.checkpoint(CheckpointMode::Passive)?;
        }
        self.wal_bytes = conn.wal_bytes();
        Ok(())
    }
}
