//! A lane: one thread, one connection, one order of commits.
//!
//! ```text
//! queue → take what is there → run as one commit → answer
//!                  ↑ roll back, run again; at the third failure one at a time
//! ```
//!
//! One routine isolates the culprit for every cause: another node was first, a serialisation
//! failure, a deadlock, a lock time-out, a panic in `decide`. Limits: 3 tries together, 3 alone, 3
//! times `Later`. On SQLite a failed write, sync or full disk answers `unknown` and stops the
//! process; on PostgreSQL the lane connects anew, reads its lane row, and knows whether the commit
//! is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use yaoki_core::decide::Decision;
use yaoki_core::ids::{LaneNumber, RequestKey};
use yaoki_core::state::Lane;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};
use yaoki_core::view::{Directory, Rules};

use crate::answer::{Answer, Unknown};
use crate::batch::{Circumstances, Failed, LaneState, Pending, Slot, Tried, lock_lane, run};
use crate::book::Shared;
use crate::checkpointer::Checkpointer;
use crate::clock;
use crate::conn::{Conn, LockMode};
use crate::errand::Errands;
use crate::error::StoreError;
use crate::follow::Follower;
use crate::lease;
use crate::maintain::Maintenance;
use crate::position::Moves;
use crate::queue::{Entry, Next, Queue};
use crate::sql;

/// How often a batch is tried as a whole, and a single command alone.
const TRIES_MAX: usize = 3;
/// How often a command may be put off for a row that is not at hand.
const LATER_MAX: u32 = 3;
/// How long the request id of a command that made `decide` panic is refused.
const POISONED_MS: i64 = 10 * MINUTE_MS;
/// The most request ids that are remembered as poisoned.
const POISONED_MAX: usize = 10_000;
/// How long an idle lane waits before it looks after itself.
const IDLE: Duration = Duration::from_millis(100);
/// How long a lane tries to get back to a lost database for one batch.
const RECONNECT_MS: i64 = 5 * SECOND_MS;

/// One lane of this node.
pub(crate) struct LaneThread {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    moves: Arc<Moves>,
    errands: Arc<Errands>,
    conn: Conn,
    state: LaneState,
    maintenance: Maintenance,
    follower: Follower,
    poisoned: BTreeMap<RequestKey, Instant>,
}

impl LaneThread {
    /// Takes over a leased lane.
    pub(crate) fn new(
        shared: Arc<Shared>,
        (queue, moves, errands): (Arc<Queue>, Arc<Moves>, Arc<Errands>),
        (conn, checkpointer): (Conn, Option<Checkpointer>),
        lane: &Lane,
    ) -> Self {
        let state = LaneState {
            lane: lane.id,
            generation: lane.generation,
            seq: lane.seq,
            directory: Arc::new(Directory::default()),
            version: -1,
            closed: Arc::clone(&shared.closed),
        };
        let maintenance = Maintenance::new(checkpointer, shared.log);
        let follower = Follower::new(lane.id, lane.seq);
        let poisoned = BTreeMap::new();
        Self { shared, queue, moves, errands, conn, state, maintenance, follower, poisoned }
    }

    /// Runs until the queue is stopped and empty, or the lane cannot go on.
    pub(crate) fn work(mut self) {
        let mut leaders = Vec::new();
        let mut more = false;
        loop {
            let patience = if more { Duration::ZERO } else { IDLE };
            let busy = match self.queue.take(std::mem::take(&mut leaders), patience) {
                Next::Batch(batch) => {
                    leaders = self.serve(batch);
                    true
                }
                Next::Idle => false,
                Next::Stop => break,
            };
            more = self.look_after(busy).unwrap_or_else(|error| {
                // Whoever holds the lane's row, or keeps the storage busy, is no fault of it: the
                // next heartbeat comes in a second.
                if error.is_conflict() {
                    self.count_conflict(&error);
                } else {
                    self.recover(&error);
                }
                false
            });
        }
        let finished = self.finish();
        self.moves.stop();
        self.errands.stop();
        let given_back = lease::release(&mut self.conn, self.state.lane, self.state.generation);
        if let Err(error) = finished.and(given_back) {
            tracing::warn!(lane = self.state.lane.0, %error, "the lane was not put away");
        }
    }

    fn now(&self) -> Instant {
        (self.shared.clock)()
    }

    fn circumstances(&self, batch: &[Entry]) -> Circumstances {
        let last_try = batch.iter().any(|entry| entry.later >= LATER_MAX);
        let members = if last_try { LockMode::Wait } else { LockMode::SkipLocked };
        let clock = self.now();
        let rules = Rules {
            currency: self.shared.currency,
            zone: (self.shared.zone)(clock),
            code: self.shared.code.clone(),
        };
        let clock_is_real = self.shared.clock_is_real;
        Circumstances { clock, rules: Arc::new(rules), members, clock_is_real }
    }

    /// Runs a batch and answers it; returns those that lead the next one.
    fn serve(&mut self, batch: Vec<Entry>) -> Vec<Entry> {
        let mut batch = self.turn_away(batch);
        if batch.is_empty() {
            return Vec::new();
        }
        for _ in 0..TRIES_MAX {
            match self.attempt(&batch) {
                Ok(tried) => return self.answer(batch, tried),
                Err(error) if error.is_conflict() => self.count_conflict(&error),
                Err(error) if error.is_connection_lost() => {
                    batch = self.turn_away(batch);
                    if !self.recover(&error) {
                        return give_up(batch, Unknown::StorageFailed);
                    }
                }
                Err(error) => {
                    self.stop_on(&error, batch);
                    return Vec::new();
                }
            }
        }
        self.one_at_a_time(batch)
    }

    /// One try of a whole batch; rolled back when it fails.
    fn attempt(&mut self, batch: &[Entry]) -> Result<Tried, StoreError> {
        let circumstances = self.circumstances(batch);
        let commands: Vec<_> = batch.iter().map(|entry| &entry.command).collect();
        match run(&mut self.conn, &mut self.state, &circumstances, &commands) {
            Ok(tried) => {
                self.shared.counters.batches.fetch_add(1, Ordering::Relaxed);
                self.remember(&tried);
                Ok(tried)
            }
            Err(Failed { error, committing: None }) => {
                if !error.is_connection_lost() && !error.is_disk_failure() {
                    self.conn.rollback()?;
                }
                Err(error)
            }
            Err(Failed { error, committing: Some(committing) }) => {
                self.look_up_commit(error, *committing)
            }
        }
    }

    /// What a commit added is written to lists and balances later.
    fn remember(&mut self, tried: &Tried) {
        if !tried.facts.is_empty() {
            self.follower.note(self.state.seq, &tried.facts, &tried.directory);
        }
    }

    /// A commit whose answer was lost: the lane row tells whether it is there.
    fn look_up_commit(
        &mut self,
        error: StoreError,
        (pending, tried): (Pending, Tried),
    ) -> Result<Tried, StoreError> {
        if !error.is_connection_lost() || !self.recover(&error) {
            return Err(error);
        }
        let lane = self.conn.find::<Lane, _>(&[self.state.lane])?.pop();
        let committed =
            lane.is_some_and(|lane| lane.seq == pending.seq && lane.head == pending.head);
        if !committed {
            return Err(error);
        }
        self.state.seq = pending.seq;
        self.remember(&tried);
        // The directory may have changed with that commit: read it anew.
        self.state.version = -1;
        Ok(tried)
    }

    fn one_at_a_time(&mut self, batch: Vec<Entry>) -> Vec<Entry> {
        let mut leaders = Vec::new();
        for entry in batch {
            let mut alone = vec![entry];
            for _ in 0..TRIES_MAX {
                match self.attempt(&alone) {
                    Ok(tried) => {
                        leaders.append(&mut self.answer(std::mem::take(&mut alone), tried));
                        break;
                    }
                    Err(error) if error.is_conflict() => self.count_conflict(&error),
                    Err(error) if error.is_connection_lost() => {
                        self.recover(&error);
                    }
                    Err(error) => {
                        self.stop_on(&error, std::mem::take(&mut alone));
                        return leaders;
                    }
                }
            }
            give_up(alone, Unknown::TooManyTries);
        }
        leaders
    }

    fn count_conflict(&self, error: &StoreError) {
        self.shared.counters.conflicts.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(lane = self.state.lane.0, %error, "somebody was in the way");
    }

    /// Answers what must not run: past its deadline, poisoned, no room.
    fn turn_away(&mut self, batch: Vec<Entry>) -> Vec<Entry> {
        let now = self.now();
        self.poisoned.retain(|_, until| now < *until);
        let no_room = self.maintenance.is_full();
        let clock_is_off = self.shared.clock_is_off.load(Ordering::SeqCst);
        let mut kept = Vec::with_capacity(batch.len());
        for entry in batch {
            let key = entry.command.key();
            let poisoned = key.is_some_and(|key| self.poisoned.contains_key(&key));
            let unknown = match () {
                () if entry.deadline <= now => Unknown::DeadlinePassed,
                () if poisoned => Unknown::Poisoned,
                () if no_room => Unknown::NoRoom,
                () if clock_is_off => Unknown::ClockIsOff,
                () => {
                    kept.push(entry);
                    continue;
                }
            };
            (entry.reply)(Answer::Unknown(unknown));
        }
        kept
    }

    /// Answers a committed batch; returns those that were put off.
    fn answer(&mut self, batch: Vec<Entry>, tried: Tried) -> Vec<Entry> {
        if tried.closed {
            self.pass_through_every_lane();
        }
        let facts = u64::try_from(tried.facts.count()).expect("a batch has few facts");
        self.shared.counters.facts.fetch_add(facts, Ordering::Relaxed);
        let commands = u64::try_from(batch.len()).expect("a batch is small");
        self.shared.counters.commands.fetch_add(commands, Ordering::Relaxed);
        let mut leaders = Vec::new();
        for (mut entry, slot) in batch.into_iter().zip(tried.slots) {
            let answer = match slot {
                Slot::Decision(Decision::Done(outcome)) => Answer::Decided(outcome),
                Slot::Decision(Decision::Refused(refused)) => Answer::Refused(refused),
                Slot::Decision(Decision::Later) if entry.later < LATER_MAX => {
                    entry.later += 1;
                    leaders.push(entry);
                    continue;
                }
                Slot::Decision(Decision::Later) => Answer::Unknown(Unknown::TooManyTries),
                Slot::Closed => Answer::Unknown(Unknown::Closed),
                Slot::Ahead => Answer::Unknown(Unknown::ClockIsOff),
                Slot::Panicked(message) => self.poison(&entry, &message),
            };
            (entry.reply)(answer);
        }
        leaders
    }

    fn poison(&mut self, entry: &Entry, message: &str) -> Answer {
        tracing::error!(command = ?entry.command, message, "a command panicked in decide");
        if let Some(key) = entry.command.key()
            && self.poisoned.len() < POISONED_MAX
        {
            self.poisoned.insert(key, self.now().plus_ms(POISONED_MS));
        }
        Answer::Unknown(Unknown::Poisoned)
    }

    /// Something was closed: wait until every lane has ended the batch it may have begun before.
    fn pass_through_every_lane(&mut self) {
        while let Err(error) = pass_through(&mut self.conn) {
            tracing::warn!(%error, "waiting for other lanes to see a closed switch");
            if error.is_connection_lost() {
                self.recover(&error);
            } else if let Err(error) = self.conn.rollback() {
                self.recover(&error);
            }
        }
    }

    /// Between batches: heartbeat, positions, errands, lists and balances, write-ahead log. True
    /// when there is more to do.
    fn look_after(&mut self, busy: bool) -> Result<bool, StoreError> {
        let now = self.now();
        if self.maintenance.heartbeat_is_due(now) {
            let clock_is_off = self.clock_is_off()?;
            if !busy && !clock_is_off {
                self.beat(now)?;
            }
        }
        self.maintenance.checkpoint(&mut self.conn)?;
        self.shared.counters.wal_bytes.store(self.maintenance.wal_bytes(), Ordering::Relaxed);
        if self.maintenance.became_full() {
            self.shared.tell_full();
        }
        let moved = self.moves.work(&mut self.conn, now, busy);
        let moved = moved.and_then(|()| self.errands.work(&mut self.conn, now, busy));
        match moved.and_then(|()| self.follower.work(&mut self.conn, busy)) {
            Ok(more) => Ok(more && !busy),
            Err(error) => {
                self.follower.forget(self.state.seq);
                if error.is_connection_lost() {
                    return Err(error);
                }
                self.conn.rollback()?;
                if error.is_conflict() { Ok(false) } else { Err(error) }
            }
        }
    }

    /// Whether this node's clock is off the database's: then nothing is written.
    fn clock_is_off(&mut self) -> Result<bool, StoreError> {
        if !self.shared.clock_is_real {
            return Ok(false);
        }
        let is_off = match clock::check(&mut self.conn, &self.shared.clock) {
            Ok(()) => false,
            Err(error @ StoreError::ClockIsOff { .. }) => {
                tracing::error!(lane = self.state.lane.0, %error, "nothing is written meanwhile");
                true
            }
            Err(error) => return Err(error),
        };
        self.shared.clock_is_off.store(is_off, Ordering::SeqCst);
        Ok(is_off)
    }

    /// The last thing a lane does: everything it remembers is written down.
    fn finish(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        self.moves.work(&mut self.conn, now, false)?;
        self.errands.work(&mut self.conn, now, false)?;
        while self.follower.work(&mut self.conn, false)? {}
        self.maintenance.finish(&mut self.conn)
    }

    /// Moves the watermark on while nobody pays.
    fn beat(&mut self, now: Instant) -> Result<(), StoreError> {
        self.conn.begin()?;
        let beaten = lock_lane(&mut self.conn, &self.state).and_then(|lane| {
            let last_at = now.max(lane.last_at);
            self.conn.update(&[&Lane { last_at, ..lane }])
        });
        match beaten {
            Ok(_) => self.conn.commit(),
            Err(error) => {
                self.conn.rollback()?;
                Err(error)
            }
        }
    }

    /// Connects anew; false when the database did not come back in time or cannot go on.
    fn recover(&mut self, error: &StoreError) -> bool {
        if !error.is_connection_lost() {
            self.stop_on(error, Vec::new());
            return false;
        }
        tracing::warn!(lane = self.state.lane.0, %error, "the database is gone; connecting anew");
        let until = self.now().plus_ms(RECONNECT_MS);
        let mut pause = Duration::from_millis(20);
        while self.now() < until {
            match self.reconnect() {
                Ok(()) => return true,
                Err(error) if error.is_connection_lost() => nap(pause),
                Err(error) => {
                    self.stop_on(&error, Vec::new());
                    return false;
                }
            }
            pause = (pause * 2).min(Duration::from_millis(500));
        }
        false
    }

    fn reconnect(&mut self) -> Result<(), StoreError> {
        let mut conn = Conn::open(&self.shared.database, self.shared.purpose)?;
        conn.begin()?;
        lock_lane(&mut conn, &self.state)?;
        conn.rollback()?;
        self.conn = conn;
        Ok(())
    }

    /// A failure after which this lane cannot go on: answer `unknown`, then stop the process.
    fn stop_on(&mut self, error: &StoreError, batch: Vec<Entry>) {
        tracing::error!(lane = self.state.lane.0, %error, "the storage failed; stopping");
        give_up(batch, Unknown::StorageFailed);
        self.shared.failed.store(true, Ordering::SeqCst);
        (self.shared.fatal)(error);
        // A handler that returns (tests, the crash loops) leaves the lane stopped.
        self.queue.stop();
    }
}

fn give_up(batch: Vec<Entry>, unknown: Unknown) -> Vec<Entry> {
    for entry in batch {
        (entry.reply)(Answer::Unknown(unknown));
    }
    Vec::new()
}

#[expect(clippy::disallowed_methods, reason = "a lane thread waits for its database")]
fn nap(pause: Duration) {
    std::thread::sleep(pause);
}

/// Locks and releases every lane row once.
fn pass_through(conn: &mut Conn) -> Result<(), StoreError> {
    let lanes: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    for lane in lanes {
        conn.begin()?;
        conn.lock::<Lane>(&[lane.id], LockMode::Wait)?;
        conn.rollback()?;
    }
    Ok(())
}

/// The lane of a command among this node's `lanes`.
pub(crate) fn route(command: &yaoki_core::command::Command, lanes: usize) -> usize {
    let spread = match (command.member(), command.key()) {
        (Some(member), _) => member.0.unsigned_abs(),
        (None, Some(key)) => {
            let last: [u8; 8] = key.request.0[8..].try_into().expect("a request id has 16 bytes");
            u64::from_be_bytes(last)
        }
        (None, None) => 0,
    };
    let lanes = u64::try_from(lanes).expect("a node has few lanes");
    usize::try_from(spread % lanes).expect("a remainder is small")
}

/// The number of the first lane, the only one on SQLite.
pub(crate) const FIRST_LANE: LaneNumber = LaneNumber(0);
