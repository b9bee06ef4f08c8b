//! Top-ups by card of which something is still to come: the acquirer is asked, until it answers.

use yaoki_core::ids::FactId;
use yaoki_core::time::SECOND_MS;
use yaoki_core::top_up::TopUp;
use yaoki_store::{StoreError, read};

use crate::app::App;
use crate::rails::drive;

/// One that is younger is still with the page that asked for it, milliseconds.
const LEFT_ALONE_MS: i64 = 10 * SECOND_MS;
/// The most that one turn looks at.
const TURN_MAX: usize = 200;

/// Asks about each.
pub struct Follower {
    app: App,
    runtime: tokio::runtime::Runtime,
    after: FactId,
}

impl Follower {
    /// Ready for its first turn.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new(app: App) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { app, runtime, after: FactId::NONE })
    }

    /// One turn: some of them, the next ones in the next turn.
    pub fn turn(&mut self) {
        let Some(acquirer) = &self.app.acquirer else { return };
        let after = self.after;
        let read = self.app.book.read_and_wait(move |conn| -> Result<_, StoreError> {
            read::money_in::top_ups_open(conn, after, TURN_MAX)
        });
        let open = match read {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, "top-ups that are open cannot be read");
                return;
            }
        };
        self.after = if open.len() < TURN_MAX { FactId::NONE } else { open[TURN_MAX - 1].id };
        let now = self.app.now();
        let due = |row: &&TopUp| {
            row.id.at().plus_ms(LEFT_ALONE_MS) <= now && (!row.is_held() || row.held_until <= now)
        };
        for row in open.iter().filter(due) {
            if *self.app.stopping.borrow() {
                return;
            }
            let driven = self.runtime.block_on(drive::drive(&self.app, acquirer, row.id));
            if let Err(problem) = driven {
                problem.log("top_ups");
            }
        }
    }
}
