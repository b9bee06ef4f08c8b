//! Errands: short commits of work rows, run by a lane's thread between batches.
//!
//! On SQLite everything that writes goes through the lane. What writes no facts (taking up a
//! message, marking it sent) asks for its commit here; on PostgreSQL it goes the same way, and rows
//! that another node holds are left out or waited for by the errand itself. An errand that fails
//! changes nothing and is told so; whoever asked comes again.
//!
//! Limits: [`WAITING_MAX`] in line; a busy lane runs one at a time, and lets it wait for
//! [`PATIENCE_MS`] at most.

use std::collections::VecDeque;
use std::sync::Mutex;

use yaoki_core::time::{Instant, SECOND_MS};

use crate::conn::Conn;
use crate::error::StoreError;

/// The most errands in line.
const WAITING_MAX: usize = 256;
/// How long a busy lane lets one wait, milliseconds: each commit costs a payment's time.
const PATIENCE_MS: i64 = SECOND_MS;

/// Runs in a commit of its own; without a connection it says that nothing was done.
type Run = Box<dyn FnOnce(Option<&mut Conn>) -> Result<(), StoreError> + Send>;

struct Entry {
    run: Run,
    since: Instant,
}

/// What waits for a lane's thread.
#[derive(Default)]
pub(crate) struct Errands {
    line: Mutex<(VecDeque<Entry>, bool)>,
}

impl Errands {
    /// Puts `work` in line; refused at once when the line is full or the lane has stopped.
    pub(crate) fn push<T: Send + 'static>(
        &self,
        now: Instant,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        let run: Run = Box::new(move |conn| {
            let Some(conn) = conn else {
                reply(Err(StoreError::ReadersBusy));
                return Ok(());
            };
            match committed(conn, work) {
                Ok(done) => {
                    reply(Ok(done));
                    Ok(())
                }
                // The lane cannot go on as it is, and says why.
                Err(error) if error.is_connection_lost() || error.is_disk_failure() => {
                    reply(Err(StoreError::AnotherWasFirst { table: "errand" }));
                    Err(error)
                }
                Err(error) => {
                    let rolled_back = conn.rollback();
                    reply(Err(error));
                    rolled_back
                }
            }
        });
        let mut line = self.line.lock().expect("no holder panics");
        if line.1 || line.0.len() >= WAITING_MAX {
            drop(line);
            // Without a connection nothing is done, and so nothing fails.
            return run(None).unwrap_or_default();
        }
        line.0.push_back(Entry { run, since: now });
    }

    /// Runs what waits; on a busy lane only the first one, and only when it has waited long.
    pub(crate) fn work(&self, conn: &mut Conn, now: Instant, busy: bool) -> Result<(), StoreError> {
        while let Some(run) = self.next(now, busy) {
            run(Some(conn))?;
            if busy {
                break;
            }
        }
        Ok(())
    }

    fn next(&self, now: Instant, busy: bool) -> Option<Run> {
        let mut line = self.line.lock().expect("no holder panics");
        let waits = line.0.front().is_some_and(|entry| {
            // A clock that was set back is no reason to wait for it.
            !busy || now.0.abs_diff(entry.since.0) >= PATIENCE_MS.unsigned_abs()
        });
        if waits { line.0.pop_front().map(|entry| entry.run) } else { None }
    }

    /// The lane ends: what waits is refused, and whatever comes.
    pub(crate) fn stop(&self) {
        let waiting = {
            let mut line = self.line.lock().expect("no holder panics");
            line.1 = true;
            std::mem::take(&mut line.0)
        };
        for entry in waiting {
            (entry.run)(None).unwrap_or_default();
        }
    }
}

fn committed<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.begin()?;
    let done = work(conn)?;
    conn.commit()?;
    Ok(done)
}
