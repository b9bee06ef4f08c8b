//! Following the ledger: daily balances and lists of accounts that are no member's, and hourly
//! tallies of stores, behind a position.
//!
//! The payment path keeps no row of a merchant, store or system account. Each lane remembers what
//! its own commits add, and writes it between batches: the list in sorted chunks, then balances,
//! tallies and position in one commit. What a crash left unfollowed is read from the ledger again.
//! A position is one seq a lane, never a time, never an id; doing a step twice is impossible,
//! because the position is locked and moves in the commit that adds the sums. Readers add the tail
//! after it.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::account::Account;
use yaoki_core::chain::Facts;
use yaoki_core::facts::{Batch, Effect, Operation, OperationKind, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, StoreNumber};
use yaoki_core::row::Value;
use yaoki_core::time::{DAY_MS, HOUR_MS, Instant};
use yaoki_core::view::Directory;

use crate::conn::{Conn, LockMode};
use crate::error::StoreError;
use crate::read;
use crate::sql;
use crate::table::{BALANCES, Balance, LedgerList, Position, TALLIES, Tally, TallyOutcome};

/// The follower that fills balances and lists.
pub(crate) const ROLL_UP: &str = "roll_up";
/// The most commits, and about the most operations, that one step reads back.
const STEP_BATCHES_MAX: i64 = 256;
const STEP_OPERATIONS_MAX: usize = 4096;
/// So many list entries are remembered before they are written although somebody waits.
const PENDING_MAX: usize = 16_384;
/// The most list entries that one commit writes: a few milliseconds on either storage.
const CHUNK_SQLITE_MAX: usize = 512;
const CHUNK_POSTGRES_MAX: usize = 256;

/// Hour, store, kind, outcome: the key of a [`Tally`].
pub(crate) type TallyKey = (i64, StoreNumber, OperationKind, TallyOutcome);

/// How many, and minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// How many.
    pub count: i64,
    /// Minor units.
    pub amount: i64,
}

impl Figure {
    /// Adds another.
    pub const fn add(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
    }
}

/// What operations and transfers add to accounts that are no member's, and to stores' tallies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Added {
    /// One entry under the store of the terminal that asked, one under each other account.
    pub(crate) list: BTreeSet<(Account, FactId)>,
    /// Net change by account and UTC day.
    pub(crate) balances: BTreeMap<(Account, i64), i64>,
    /// What was asked for.
    pub(crate) tallies: BTreeMap<TallyKey, Figure>,
}

impl Added {
    /// What these facts add.
    pub(crate) fn of(
        operations: &[Operation],
        transfers: &[Transfer],
        directory: &Directory,
    ) -> Self {
        let mut added = Self::default();
        for operation in operations {
            let store = directory.store_of(operation.terminal);
            if store.is_some() {
                added.list.insert((Account::payable(store), operation.id));
                if let Some((key, figure)) = counted(operation, store) {
                    added.tallies.entry(key).or_default().add(figure);
                }
            }
        }
        for transfer in transfers {
            let day = day_of(transfer.id.at());
            for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
                if account.member().is_none() {
                    added.list.insert((account, transfer.operation));
                    *added.balances.entry((account, day)).or_default() += sign * transfer.amount;
                }
            }
        }
        added
    }

    pub(crate) fn take(&mut self, other: Self) {
        self.list.extend(other.list);
        for (key, amount) in other.balances {
            *self.balances.entry(key).or_default() += amount;
        }
        for (key, figure) in other.tallies {
            self.tallies.entry(key).or_default().add(figure);
        }
    }
}

/// Where an operation is counted, and with what; none where it succeeded and had nothing to do.
fn counted(operation: &Operation, store: StoreNumber) -> Option<(TallyKey, Figure)> {
    let outcome = match (operation.succeeded(), operation.has_effect()) {
        (false, _) => TallyOutcome::Declined,
        (true, true) => TallyOutcome::WithEffect,
        (true, false) => return None,
    };
    // So that what was paid less what went back is what is left.
    let only_released =
        operation.kind == OperationKind::Reverse && operation.effect == Effect::Released;
    let amount = if only_released { 0 } else { operation.amount };
    let key = (hour_of(operation.id.at()), store, operation.kind_told(), outcome);
    Some((key, Figure { count: 1, amount }))
}

/// A lane following itself.
pub(crate) struct Follower {
    lane: LaneNumber,
    /// The commit up to which everything is written; none until the position was read.
    written: Option<i64>,
    /// The commit after which this holder remembers everything itself.
    since: i64,
    /// What was remembered after `since`, up to `until`.
    remembered: Added,
    until: i64,
    /// What is being written, and up to which commit it reaches.
    writing: Option<(Vec<LedgerList>, Added, i64)>,
}

impl Follower {
    /// A follower of a lane that was leased at commit `seq`.
    pub(crate) fn new(lane: LaneNumber, seq: i64) -> Self {
        Self {
            lane,
            written: None,
            since: seq,
            remembered: Added::default(),
            until: seq,
            writing: None,
        }
    }

    /// Remembers what a commit of this lane added.
    pub(crate) fn note(&mut self, seq: i64, facts: &Facts, directory: &Directory) {
        assert!(seq > self.until, "a lane goes on");
        if seq > self.until + 1 {
            // A restored book was opened from outside: what was committed before is read back.
            self.forget(seq - 1);
        }
        self.remembered.take(Added::of(&facts.operations, &facts.transfers, directory));
        self.until = seq;
    }

    /// Forgets what was remembered: the lane does not know its last commits by itself any more.
    pub(crate) fn forget(&mut self, seq: i64) {
        *self = Self::new(self.lane, seq);
    }

    /// One short step of whatever is due; true when there is more to do.
    pub(crate) fn work(&mut self, conn: &mut Conn, busy: bool) -> Result<bool, StoreError> {
        if busy && self.writing.is_none() && self.remembered.list.len() < PENDING_MAX {
            return Ok(false);
        }
        let Some(written) = self.written else {
            self.written = Some(position(conn, self.lane)?);
            return Ok(true);
        };
        if self.writing.is_none() && written < self.since {
            return self.catch_up(conn, written);
        }
        if self.writing.is_none() {
            if self.until == written {
                return Ok(false);
            }
            let added = std::mem::take(&mut self.remembered);
            let mut rows: Vec<LedgerList> = added.list.iter().map(entry).collect();
            rows.reverse();
            self.since = self.until;
            self.writing = Some((rows, added, self.until));
        }
        self.write_chunk(conn, written)
    }

    /// Writes one chunk; with the last one, sums and position.
    fn write_chunk(&mut self, conn: &mut Conn, written: i64) -> Result<bool, StoreError> {
        let Some((rows, added, reached)) = &mut self.writing else { return Ok(false) };
        let most = if conn.is_postgres() { CHUNK_POSTGRES_MAX } else { CHUNK_SQLITE_MAX };
        let chunk = rows.split_off(rows.len().saturating_sub(most));
        let sorted: Vec<&LedgerList> = chunk.iter().rev().collect();
        conn.begin()?;
        conn.insert(&sorted)?;
        let last = rows.is_empty();
        if last {
            move_position(conn, self.lane, (written, *reached), added)?;
        }
        conn.commit()?;
        if last {
            self.written = Some(*reached);
            self.writing = None;
        }
        Ok(!last)
    }

    /// Reads back a part of what was committed before this holder took the lane.
    fn catch_up(&mut self, conn: &mut Conn, written: i64) -> Result<bool, StoreError> {
        let step = Step::load_some(
            conn,
            &BTreeMap::from([(self.lane, written)]),
            (STEP_BATCHES_MAX, STEP_OPERATIONS_MAX),
        )?;
        let reached = step.reached.get(&self.lane).copied().unwrap_or(written).min(self.since);
        let until = |seq| seq <= reached;
        let operations: Vec<_> = step.operations.into_iter().filter(|o| until(o.seq)).collect();
        let transfers: Vec<_> = step.transfers.into_iter().filter(|t| until(t.seq)).collect();
        let added = Added::of(&operations, &transfers, &read::directory(conn)?);
        let rows: Vec<LedgerList> = added.list.iter().map(entry).collect();
        conn.begin()?;
        conn.insert(&rows.iter().collect::<Vec<_>>())?;
        move_position(conn, self.lane, (written, reached), &added)?;
        conn.commit()?;
        self.written = Some(reached);
        Ok(reached < self.until)
    }
}

fn entry((account, operation): &(Account, FactId)) -> LedgerList {
    LedgerList { account: *account, operation: *operation }
}

/// A tally as a row.
pub(crate) fn tally(
    (&(hour, store, kind, outcome), &Figure { count, amount }): (&TallyKey, &Figure),
) -> Tally {
    Tally { hour, store, kind, outcome, count, amount }
}

fn position(conn: &mut Conn, lane: LaneNumber) -> Result<i64, StoreError> {
    let found = conn.find::<Position, _>(&[(ROLL_UP.to_owned(), lane)])?.pop();
    Ok(found.map_or(0, |position| position.seq))
}

/// Adds balances and tallies, and moves the position, once.
fn move_position(
    conn: &mut Conn,
    lane: LaneNumber,
    (from, to): (i64, i64),
    added: &Added,
) -> Result<(), StoreError> {
    let name = ROLL_UP.to_owned();
    let held = conn.lock::<Position>(&[(name.clone(), lane)], LockMode::Wait)?.pop();
    if held.map_or(0, |position| position.seq) != from {
        return Err(StoreError::AnotherWasFirst { table: "position" });
    }
    let balances = added.balances.iter();
    let balances: Vec<Balance> =
        balances.map(|(&(account, day), &amount)| Balance { account, day, amount }).collect();
    conn.add(&BALANCES, &balances.iter().collect::<Vec<_>>())?;
    let tallies: Vec<Tally> = added.tallies.iter().map(tally).collect();
    conn.add(&TALLIES, &tallies.iter().collect::<Vec<_>>())?;
    conn.upsert(&[&Position { name, lane, seq: to }])?;
    Ok(())
}

/// The part of the ledger after a position, as it is read back.
pub(crate) struct Step {
    /// Operations after the position, by id.
    pub(crate) operations: Vec<Operation>,
    /// Their transfers.
    pub(crate) transfers: Vec<Transfer>,
    /// The position after it.
    reached: BTreeMap<LaneNumber, i64>,
}

impl Step {
    /// Loads everything after `positions`, at most `batches` commits of each lane.
    pub(crate) fn load_all(
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        batches: i64,
    ) -> Result<Self, StoreError> {
        Self::load_some(conn, positions, (batches, usize::MAX))
    }

    fn load_some(
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        (batches, operations): (i64, usize),
    ) -> Result<Self, StoreError> {
        let mut reached = positions.clone();
        let (mut first, mut last) = (FactId(i64::MAX), FactId::NONE);
        for (&lane, seq) in &mut reached {
            let arguments = [Value::Int(lane.0), Value::Int(*seq), Value::Int(batches)];
            let found: Vec<Batch> = conn.query(&sql::BATCHES_AFTER, &arguments)?;
            let mut taken = 0;
            for batch in &found {
                taken += usize::try_from(batch.facts).unwrap_or(operations);
                first = first.min(batch.first_id);
                last = last.max(batch.last_id);
                *seq = batch.seq;
                if taken >= operations {
                    break;
                }
            }
        }
        let mut step = Self { operations: Vec::new(), transfers: Vec::new(), reached };
        if last.is_some() {
            step.load_facts(conn, positions, (first, last))?;
        }
        Ok(step)
    }

    fn load_facts(
        &mut self,
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        (first, last): (FactId, FactId),
    ) -> Result<(), StoreError> {
        let range = [Value::Int(first.0), Value::Int(last.0)];
        let reached = &self.reached;
        let inside = |id: FactId, seq: i64| {
            let lane = id.lane();
            let after = positions.get(&lane).copied().unwrap_or(i64::MAX);
            after < seq && seq <= reached.get(&lane).copied().unwrap_or(0)
        };
        let mut operations: Vec<Operation> = conn.query(&sql::OPERATIONS_BETWEEN, &range)?;
        operations.retain(|operation| inside(operation.id, operation.seq));
        let mut transfers: Vec<Transfer> = conn.query(&sql::TRANSFERS_BETWEEN, &range)?;
        transfers.retain(|transfer| inside(transfer.id, transfer.seq));
        (self.operations, self.transfers) = (operations, transfers);
        Ok(())
    }
}

/// The hour of an instant: whole hours of Unix time.
pub(crate) const fn hour_of(at: Instant) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

/// The UTC day of an instant, days since 1970.
pub(crate) const fn day_of(at: Instant) -> i64 {
    at.0.div_euclid(DAY_MS)
}
