//! Moving SQLite's write-ahead log into the file, on a thread and a connection of its own.
//!
//! ```text
//! lane: log > 64 MB → ask                       …→ moved: move the short rest, begin the log anew
//! checkpointer:       move all that is there, and what came meanwhile, until little is left
//! ```
//!
//! A checkpoint that does not wait (`PASSIVE`) goes on beside a writer, so the lane stands still
//! only for the rest. Why the lane moves the rest itself: the log begins anew only at a moment in
//! which nothing is left in it, and a lane under load leaves no such moment to another thread.
//! SQLite syncs the file only when all is moved, which would leave that to the lane: so the file is
//! synced here as well.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use crate::conn::{CheckpointMode, Conn, FRAME_BYTES};
use crate::error::StoreError;

/// A pass that moves so little leaves about as little to the lane. Bytes.
const REST_MAX: u64 = 2 << 20;
/// How often it is tried to leave so little.
const PASSES_MAX: usize = 4;

/// The lane's end: asks, and hears when it is done.
pub(crate) struct Checkpointer {
    asking: SyncSender<()>,
    done: Receiver<Result<(), StoreError>>,
    waiting: bool,
}

/// The thread's end.
pub(crate) struct Work {
    asked: Receiver<()>,
    doing: SyncSender<Result<(), StoreError>>,
    /// None where nothing is synced.
    file: Option<Arc<File>>,
}

/// The file that holds the book, to be synced. It must stay open until every connection of this
/// process to it is closed: POSIX drops a process's locks on a file when it closes any one of the
/// file's descriptors.
pub(crate) fn open(path: &Path) -> Result<Arc<File>, StoreError> {
    File::open(path).map(Arc::new).map_err(StoreError::sync)
}

/// Both ends.
pub(crate) fn pair(file: Option<Arc<File>>) -> (Checkpointer, Work) {
    let (asking, asked) = sync_channel(1);
    let (doing, done) = sync_channel(1);
    (Checkpointer { asking, done, waiting: false }, Work { asked, doing, file })
}

impl Checkpointer {
    /// Asks for the log to be moved, unless that is under way; true when it has just been done.
    pub(crate) fn ask(&mut self) -> Result<bool, StoreError> {
        if self.waiting {
            return match self.done.try_recv() {
                Ok(result) => {
                    self.waiting = false;
                    result.map(|()| true)
                }
                Err(TryRecvError::Empty) => Ok(false),
                Err(TryRecvError::Disconnected) => unreachable!("the thread outlives the lane"),
            };
        }
        match self.asking.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => self.waiting = true,
            Err(TrySendError::Disconnected(())) => unreachable!("the thread outlives the lane"),
        }
        Ok(false)
    }

    /// Waits until nothing is under way.
    pub(crate) fn rest(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.waiting) {
            return Ok(());
        }
        self.done.recv().expect("the thread outlives the lane")
    }
}

impl Work {
    /// Works until the lane has ended.
    pub(crate) fn run(self, mut conn: Conn) {
        while self.asked.recv().is_ok() {
            if self.doing.send(self.move_most(&mut conn)).is_err() {
                break;
            }
        }
    }

    fn move_most(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut before = 0;
        for _ in 0..PASSES_MAX {
            let moved = conn.checkpoint(CheckpointMode::Passive)?;
            if let Some(file) = &self.file {
                file.sync_data().map_err(StoreError::sync)?;
            }
            if moved.saturating_sub(before) * FRAME_BYTES <= REST_MAX {
                break;
            }
            before = moved;
        }
        Ok(())
    }
}
