//! What a lane does between batches: heartbeat, roll-ups and lists behind a position, and the size
//! of SQLite's write-ahead log.
//!
//! The payment path keeps no row of a merchant, store or system account. This job follows the
//! ledger by position (one seq a lane, never a time, never an id) and adds what it finds to daily
//! balances and to the list of each account, in sorted batches. Readers add the tail after the
//! position. Doing a step twice is impossible: the position is locked and moves in the same commit.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::account::Account;
use yaoki_core::facts::{Batch, Operation, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, StoreNumber, TerminalNumber};
use yaoki_core::row::Value;
use yaoki_core::state::Lane;
use yaoki_core::time::{DAY_MS, Instant, SECOND_MS};

use crate::conn::{CheckpointMode, Conn, LockMode};
use crate::error::StoreError;
use crate::read;
use crate::sql;
use crate::table::{Balance, LedgerList, Position};

/// The follower that fills balances and lists.
pub(crate) const ROLL_UP: &str = "roll_up";
/// An idle lane moves its time on this often, so that the watermark follows the clock.
const HEARTBEAT_MS: i64 = SECOND_MS;
/// How often the ledger is followed while nobody waits.
const FOLLOW_MS: i64 = SECOND_MS;
/// So many facts may be unfollowed while somebody waits; readers add them as the tail.
const UNFOLLOWED_MAX: usize = 500_000;
/// The most commits, and about the most operations, of one step.
const STEP_BATCHES_MAX: i64 = 256;
const STEP_OPERATIONS_MAX: usize = 4096;
/// Write-ahead log: checkpoint between batches, force a checkpoint, refuse new writes. Bytes.
const WAL_CHECKPOINT: u64 = 64 << 20;
const WAL_FORCE: u64 = 128 << 20;
const WAL_REFUSE: u64 = 512 << 20;

/// What a lane remembers of its own upkeep.
pub(crate) struct Maintenance {
    leads: bool,
    beaten_at: Instant,
    followed_at: Instant,
    behind: bool,
    unfollowed: usize,
    wal_bytes: u64,
}

impl Maintenance {
    /// `leads`: this lane follows the ledger for the node.
    pub(crate) const fn new(leads: bool) -> Self {
        let never = Instant(0);
        Self {
            leads,
            beaten_at: never,
            followed_at: never,
            behind: false,
            unfollowed: 0,
            wal_bytes: 0,
        }
    }

    /// So many facts were committed.
    pub(crate) const fn note(&mut self, facts: usize) {
        self.unfollowed = self.unfollowed.saturating_add(facts);
    }

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

    /// One step of whatever is due.
    pub(crate) fn work(
        &mut self,
        conn: &mut Conn,
        now: Instant,
        busy: bool,
    ) -> Result<(), StoreError> {
        self.checkpoint(conn, busy)?;
        let due = self.behind || now.0 - self.followed_at.0 >= FOLLOW_MS;
        let must = self.unfollowed > UNFOLLOWED_MAX;
        if self.leads && (must || (due && !busy)) {
            self.behind = follow(conn)?;
            self.unfollowed = self.unfollowed.saturating_sub(STEP_OPERATIONS_MAX);
            if !self.behind {
                self.followed_at = now;
                self.unfollowed = 0;
            }
        }
        Ok(())
    }

    /// The last thing a lane does.
    pub(crate) fn finish(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        conn.checkpoint(CheckpointMode::Truncate)
    }

    fn checkpoint(&mut self, conn: &mut Conn, busy: bool) -> Result<(), StoreError> {
        self.wal_bytes = conn.wal_bytes();
        if self.wal_bytes > WAL_FORCE {
            conn.checkpoint(CheckpointMode::Restart)?;
        } else if self.wal_bytes > WAL_CHECKPOINT && !busy {
            conn.checkpoint(CheckpointMode::Passive)?;
        }
        self.wal_bytes = conn.wal_bytes();
        Ok(())
    }
}

/// One step behind the ledger in one transaction; true when there is more to do.
pub(crate) fn follow(conn: &mut Conn) -> Result<bool, StoreError> {
    conn.begin()?;
    let lanes: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    let names: Vec<(String, LaneNumber)> =
        lanes.iter().map(|lane| (ROLL_UP.to_owned(), lane.id)).collect();
    let held = conn.lock::<Position>(&names, LockMode::SkipLocked)?;
    let mut positions: BTreeMap<LaneNumber, i64> = lanes.iter().map(|lane| (lane.id, 0)).collect();
    positions.extend(held.iter().map(|position| (position.lane, position.seq)));
    if conn.may_skip() && held.len() < conn.find::<Position, _>(&names)?.len() {
        // Another node is at it.
        conn.rollback()?;
        return Ok(false);
    }
    let step = Step::load(conn, &positions)?;
    if step.reached == positions {
        conn.rollback()?;
        return Ok(false);
    }
    save(conn, &step)?;
    conn.commit()?;
    Ok(step.more)
}

fn save(conn: &mut Conn, step: &Step) -> Result<(), StoreError> {
    let directory = read::directory(conn)?;
    let list: Vec<LedgerList> = step
        .list(|terminal| directory.store_of(terminal))
        .into_iter()
        .map(|(account, operation)| LedgerList { account, operation })
        .collect();
    if !list.is_empty() {
        conn.insert(&list.iter().collect::<Vec<_>>())?;
    }
    let keys: Vec<(Account, i64)> = step.balances.keys().copied().collect();
    let mut balances: BTreeMap<(Account, i64), i64> = step.balances.clone();
    for balance in conn.find::<Balance, _>(&keys)? {
        *balances.get_mut(&(balance.account, balance.day)).expect("it was asked for") +=
            balance.amount;
    }
    let rows: Vec<Balance> = balances
        .into_iter()
        .map(|((account, day), amount)| Balance { account, day, amount })
        .collect();
    if !rows.is_empty() {
        conn.upsert(&rows.iter().collect::<Vec<_>>())?;
    }
    let positions: Vec<Position> = step
        .reached
        .iter()
        .map(|(&lane, &seq)| Position { name: ROLL_UP.to_owned(), lane, seq })
        .collect();
    conn.upsert(&positions.iter().collect::<Vec<_>>())?;
    Ok(())
}

/// The part of the ledger after a position.
pub(crate) struct Step {
    /// Operations after the position, by id.
    pub(crate) operations: Vec<Operation>,
    /// Their transfers.
    pub(crate) transfers: Vec<Transfer>,
    /// Net change of each account that is no member's, by UTC day.
    pub(crate) balances: BTreeMap<(Account, i64), i64>,
    /// The position after it.
    pub(crate) reached: BTreeMap<LaneNumber, i64>,
    /// Whether there is more.
    pub(crate) more: bool,
}

impl Step {
    /// Loads one step after `positions`.
    fn load(conn: &mut Conn, positions: &BTreeMap<LaneNumber, i64>) -> Result<Self, StoreError> {
        Self::load_some(conn, positions, STEP_BATCHES_MAX, STEP_OPERATIONS_MAX)
    }

    /// Loads everything after `positions`, at most `batches` commits of each lane.
    pub(crate) fn load_all(
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        batches: i64,
    ) -> Result<Self, StoreError> {
        Self::load_some(conn, positions, batches, usize::MAX)
    }

    fn load_some(
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        batches: i64,
        operations: usize,
    ) -> Result<Self, StoreError> {
        let mut reached = positions.clone();
        let mut more = false;
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
                    more = true;
                    break;
                }
            }
            more |= i64::try_from(found.len()).is_ok_and(|count| count == batches);
        }
        let mut step = Self {
            operations: vec![],
            transfers: vec![],
            balances: BTreeMap::new(),
            reached,
            more,
        };
        if last.is_some() {
            step.load_facts(conn, positions, first, last)?;
        }
        Ok(step)
    }

    fn load_facts(
        &mut self,
        conn: &mut Conn,
        positions: &BTreeMap<LaneNumber, i64>,
        first: FactId,
        last: FactId,
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
        for transfer in &transfers {
            let day = day_of(transfer.id.at());
            for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
                if account.member().is_none() {
                    *self.balances.entry((account, day)).or_default() += sign * transfer.amount;
                }
            }
        }
        (self.operations, self.transfers) = (operations, transfers);
        Ok(())
    }

    /// The list entries of these operations, sorted: one under the store of the terminal that
    /// asked, one under each other account that is no member's.
    pub(crate) fn list(
        &self,
        store_of: impl Fn(TerminalNumber) -> StoreNumber,
    ) -> BTreeSet<(Account, FactId)> {
        let stores = self.operations.iter().filter_map(|operation| {
            let store = store_of(operation.terminal);
            let account = Account::payable(store);
            store.is_some().then_some((account, operation.id))
        });
        let accounts = self.transfers.iter().flat_map(|transfer| {
            [transfer.debit, transfer.credit]
                .into_iter()
                .filter(|account| account.member().is_none())
                .map(|account| (account, transfer.operation))
        });
        stores.chain(accounts).collect()
    }
}

/// The UTC day of an instant, days since 1970.
pub(crate) const fn day_of(at: Instant) -> i64 {
    at.0.div_euclid(DAY_MS)
}
