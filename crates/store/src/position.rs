//! Positions of followers outside of the lanes, moved by a lane's thread between batches.
//!
//! On SQLite everything that writes goes through the lane, so a follower that runs elsewhere (the
//! courier of webhooks) asks for its moves here: each is locked, compared and written in one short
//! commit, all that wait together. A follower that was overtaken hears where the position is now.
//!
//! Limits: those of the [`Line`].

use std::collections::BTreeMap;

use yaoki_core::ids::{LaneNumber, WebhookNumber};
use yaoki_core::time::Instant;

use crate::conn::{Conn, LockMode};
use crate::error::StoreError;
use crate::line::Line;
use crate::table::Position;

/// Where a follower is in each lane; a lane that is not there is at its beginning.
pub type Positions = BTreeMap<LaneNumber, i64>;

/// The name under which the position of a webhook endpoint is kept.
pub fn webhook_name(webhook: WebhookNumber) -> String {
    format!("webhook:{}", webhook.0)
}

/// The endpoint whose position is kept under this name.
pub fn webhook_of_name(name: &str) -> Option<WebhookNumber> {
    let number = name.strip_prefix("webhook:")?.parse().ok()?;
    (webhook_name(WebhookNumber(number)) == name).then_some(WebhookNumber(number))
}

/// One position that is to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Who follows.
    pub name: String,
    /// In which lane.
    pub lane: LaneNumber,
    /// From where; none: from wherever it is, but only back.
    pub from: Option<i64>,
    /// To where.
    pub to: i64,
}

/// Who is told where the positions are now, in the order of the moves.
pub type Moved = Box<dyn FnOnce(Result<Vec<i64>, StoreError>) + Send>;

struct Entry {
    moves: Vec<Move>,
    reply: Moved,
}

/// What waits for a lane's thread.
#[derive(Default)]
pub(crate) struct Moves {
    line: Line<Entry>,
}

impl Moves {
    /// Puts moves in line; refused at once when the line is full or the lane has stopped.
    pub(crate) fn push(&self, moves: Vec<Move>, now: Instant, reply: Moved) {
        if let Err(entry) = self.line.push(now, Entry { moves, reply }) {
            (entry.reply)(Err(StoreError::ReadersBusy));
        }
    }

    /// Runs what waits, in one commit; on a busy lane only when it has waited long.
    pub(crate) fn work(&self, conn: &mut Conn, now: Instant, busy: bool) -> Result<(), StoreError> {
        let waiting = self.line.take(now, busy, usize::MAX);
        if waiting.is_empty() {
            return Ok(());
        }
        let asked: Vec<&[Move]> = waiting.iter().map(|entry| entry.moves.as_slice()).collect();
        match run(conn, &asked) {
            Ok(moved) => {
                for (entry, now) in waiting.into_iter().zip(moved) {
                    (entry.reply)(Ok(now));
                }
                Ok(())
            }
            Err(error) => {
                for entry in waiting {
                    (entry.reply)(Err(StoreError::AnotherWasFirst { table: "position" }));
                }
                Err(error)
            }
        }
    }

    /// The lane ends: what waits is refused, and whatever comes.
    pub(crate) fn stop(&self) {
        for entry in self.line.stop() {
            (entry.reply)(Err(StoreError::ReadersBusy));
        }
    }
}

/// One commit of all requests; says where each position is afterwards.
fn run(conn: &mut Conn, requests: &[&[Move]]) -> Result<Vec<Vec<i64>>, StoreError> {
    let mut keys: Vec<(String, LaneNumber)> =
        (requests.iter().copied().flatten()).map(|one| (one.name.clone(), one.lane)).collect();
    keys.sort_unstable();
    keys.dedup();
    conn.begin()?;
    let held = conn.lock::<Position>(&keys, LockMode::Wait)?;
    let mut seqs: BTreeMap<(String, LaneNumber), i64> =
        held.into_iter().map(|row| ((row.name, row.lane), row.seq)).collect();
    let before = seqs.clone();
    let mut moved = Vec::with_capacity(requests.len());
    for moves in requests {
        let each = moves.iter().map(|one| {
            let seq = seqs.entry((one.name.clone(), one.lane)).or_insert(0);
            let may = one.from.map_or(one.to < *seq, |from| from == *seq);
            if may {
                *seq = one.to;
            }
            *seq
        });
        moved.push(each.collect());
    }
    let changed: Vec<Position> = (seqs.into_iter())
        .filter(|(key, seq)| before.get(key).copied().unwrap_or(0) != *seq)
        .map(|((name, lane), seq)| Position { name, lane, seq })
        .collect();
    conn.upsert(&changed.iter().collect::<Vec<_>>())?;
    conn.commit()?;
    Ok(moved)
}
