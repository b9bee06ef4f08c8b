//! The sweeper: releases holds whose time is over, and deletes typed codes that are. Never touches
//! a payment that succeeded.

use std::sync::mpsc::channel;

use yaoki_core::command::Command;
use yaoki_core::ids::FactId;
use yaoki_core::refusal::Refusal;
use yaoki_core::time::SECOND_MS;
use yaoki_store::{Answer, Part, StoreError, read};

use crate::app::App;

/// How many holds are taken up at a time.
const HOLDS_AT_ONCE: i64 = 200;
/// How long one expiry may wait for its turn, milliseconds.
const DEADLINE_MS: i64 = 10 * SECOND_MS;

/// Deletes challenges and releases holds that are over. What fails is met again at the next sweep.
pub fn sweep(app: &App) {
    let now = app.now();
    while let Some(true) =
        logged(app.book.run_errand(move |conn| read::sweep_challenges(conn, now)))
    {}
    sweep_holds(app);
}

fn logged(swept: Result<bool, StoreError>) -> Option<bool> {
    swept.inspect_err(|error| tracing::warn!(%error, "challenges that are over stay for now")).ok()
}

/// Releases every hold that is over, page by page.
fn sweep_holds(app: &App) {
    loop {
        match sweep_page(app) {
            // A page that released nothing would be met again at once.
            Ok((found, released)) => {
                let full = i64::try_from(found).is_ok_and(|found| found == HOLDS_AT_ONCE);
                if !full || released == 0 {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the sweeper could not read the holds that are over");
                return;
            }
        }
    }
}

fn sweep_page(app: &App) -> Result<(usize, usize), StoreError> {
    let now = app.now();
    let over = app.book.read_and_wait(move |conn| read::lapsed_holds(conn, now, HOLDS_AT_ONCE))?;
    let released = release(app, &over);
    if released > 0 {
        tracing::info!(released, "holds were released because their time was over");
    }
    Ok((over.len(), released))
}

fn release(app: &App, holds: &[FactId]) -> usize {
    let deadline = app.now().plus_ms(DEADLINE_MS);
    let (sender, answers) = channel();
    for &hold in holds {
        let sender = sender.clone();
        let reply = Box::new(move |answer| {
            // The receiver lives until every sender is gone.
            let _ = sender.send((hold, answer));
        });
        app.book.submit(Part::Money, Command::ExpireHold(hold), deadline, reply);
    }
    drop(sender);
    answers.into_iter().filter(|(hold, answer)| is_released(*hold, answer)).count()
}

fn is_released(hold: FactId, answer: &Answer) -> bool {
    match answer {
        Answer::Decided(_) => true,
        // A register settled it, or another node released it, since we looked.
        Answer::Refused(refused) if refused.refusal == Refusal::HoldMustBeOver => false,
        Answer::Refused(refused) => {
            let refusal = refused.refusal.name();
            tracing::error!(hold = hold.0, refusal, "a hold that is over was not released");
            false
        }
        Answer::Unknown(unknown) => {
            tracing::warn!(hold = hold.0, ?unknown, "a hold that is over was not released");
            false
        }
    }
}
