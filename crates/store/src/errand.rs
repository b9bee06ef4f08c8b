//! Errands: short commits of work rows, run by a lane's thread between batches.
//!
//! On SQLite everything that writes goes through the lane. What writes no facts (taking up a
//! message, marking it sent) asks for its commit here; on PostgreSQL it goes the same way, and rows
//! that another node holds are left out or waited for by the errand itself. An errand that fails
//! changes nothing and is told so; whoever asked comes again.
//!
//! Limits: those of the [`Line`]; a busy lane runs one at a time.

use yaoki_core::time::Instant;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::line::Line;

/// Runs in a commit of its own; without a connection it says that nothing was done.
type Run = Box<dyn FnOnce(Option<&mut Conn>) -> Result<(), StoreError> + Send>;

/// What waits for a lane's thread.
#[derive(Default)]
pub(crate) struct Errands {
    line: Line<Run>,
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
        if let Err(run) = self.line.push(now, run) {
            refuse(run);
        }
    }

    /// Runs what waits; on a busy lane only the first one, and only when it has waited long.
    pub(crate) fn work(&self, conn: &mut Conn, now: Instant, busy: bool) -> Result<(), StoreError> {
        while let Some(run) = self.line.take(now, busy, 1).pop() {
            run(Some(conn))?;
            if busy {
                break;
            }
        }
        Ok(())
    }

    /// The lane ends: what waits is refused, and whatever comes.
    pub(crate) fn stop(&self) {
        self.line.stop().into_iter().for_each(refuse);
    }
}

/// Without a connection nothing is done, and so nothing fails.
fn refuse(run: Run) {
    run(None).unwrap_or_default();
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
