//! The chain of each lane: commits without gaps, each head computed anew over that commit's facts,
//! no fact outside of any commit.
//!
//! Facts are read once, in windows of ids across all lanes; a lane goes on as far as the window
//! reaches. Acknowledgements have no ids of their own: they are gathered by commit, in as many
//! passes as keep them small.

use std::collections::{BTreeMap, VecDeque};

use yaoki_core::chain::{Facts, extend};
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation, Transfer};
use yaoki_core::ids::{FactId, LaneNumber};
use yaoki_core::row::Value;
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;

use super::page::{Checked, PAGE_ROWS, Pages};
use super::report::Findings;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::Number;

/// The most acknowledgements that are held at once; more are gathered in several passes.
const ACKNOWLEDGEMENTS_HELD_MAX: i64 = 16_000_000;
/// The most facts of a bad commit that a finding names.
const NAMED_MAX: usize = 6;

/// Facts of all lanes in a range of ids.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// By id.
    pub(super) operations: Vec<Operation>,
    /// Theirs, by id.
    pub(super) transfers: Vec<Transfer>,
    /// By id.
    pub(super) events: Vec<Event>,
    /// Every fact up to this id has been given.
    until: i64,
}

/// The ledger, read in windows.
pub(super) struct Windows {
    operations: Pages<Operation>,
    events: Pages<Event>,
    ended: bool,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self { operations: Pages::new(), events: Pages::new(), ended: false }
    }

    /// The next window; none after the last.
    pub(super) fn next(
        &mut self,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<Option<Window>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        self.operations.fill(conn)?;
        self.events.fill(conn)?;
        let until = self.operations.at_hand().min(self.events.at_hand());
        self.ended = until == i64::MAX;
        let operations = self.operations.take_until(until);
        let range = operations.first().zip(operations.last());
        let range = range.map(|(first, last)| [first.number(), last.number()]);
        let mut window = Window { until, ..Window::default() };
        if let Some(range) = range {
            // An operation's transfers follow its own id, and so may the next operation and its
            // own.
            let [first, last] = range;
            let ids = [Value::Int(first), Value::Int(last.saturating_add(2))];
            let found: Vec<Checked<Transfer>> = conn.query(&sql::TRANSFERS_BETWEEN, &ids)?;
            window.transfers = readable(found, findings);
            window.transfers.retain(|row| (first..=last).contains(&row.operation.0));
        }
        window.operations = readable(operations, findings);
        window.events = readable(self.events.take_until(until), findings);
        Ok(Some(window))
    }
}

fn readable<T: crate::table::Record>(rows: Vec<Checked<T>>, findings: &mut Findings) -> Vec<T> {
    rows.into_iter().filter_map(|row| findings.readable(row)).collect()
}

/// How far a lane has been followed.
struct Followed {
    /// The lane's row, unless only commits of it are there.
    row: Option<Lane>,
    seq: i64,
    /// None after a commit that cannot be read or is missing: then the next one stands unproved.
    head: Option<[u8; 32]>,
    at: Instant,
    last_id: FactId,
    loaded: i64,
    ready: VecDeque<Checked<Batch>>,
}

impl Followed {
    const fn new(row: Option<Lane>) -> Self {
        Self {
            row,
            seq: 0,
            head: Some([0; 32]),
            at: Instant(i64::MIN),
            last_id: FactId::NONE,
            loaded: i64::MIN,
            ready: VecDeque::new(),
        }
    }

    fn fill(&mut self, conn: &mut Conn, lane: LaneNumber) -> Result<(), StoreError> {
        if self.ready.is_empty() {
            let arguments = [lane.0, self.loaded, PAGE_ROWS].map(Value::Int);
            self.ready = conn.query(&sql::BATCHES_AFTER, &arguments)?.into();
            if let Some(last) = self.ready.back() {
                self.loaded = last.seq();
            }
        }
        Ok(())
    }
}

impl Checked<Batch> {
    /// The commit's number, readable or not.
    fn seq(&self) -> i64 {
        self.row.as_ref().map_or_else(|_| self.second(), |batch| batch.seq)
    }
}

/// Every lane, being followed.
pub(super) struct Chain {
    lanes: BTreeMap<LaneNumber, Followed>,
    pending: BTreeMap<(LaneNumber, i64), Facts>,
    acknowledgements: Acknowledgements,
    /// Commits checked.
    pub(super) batches: u64,
}

impl Chain {
    /// Begins before the first commit of every lane.
    pub(super) fn begin(conn: &mut Conn, findings: &mut Findings) -> Result<Self, StoreError> {
        let mut lanes = BTreeMap::new();
        let rows: Vec<Checked<Lane>> = conn.query(&sql::LANES, &[])?;
        for row in rows {
            if let Some(lane) = findings.readable(row) {
                lanes.insert(lane.id, Followed::new(Some(lane)));
            }
        }
        let mut after = i64::MIN;
        loop {
            let found: Vec<Checked<Batch>> =
                conn.query(&sql::NEXT_LANE_WITH_BATCHES, &[Value::Int(after)])?;
            let Some(first) = found.first() else { break };
            after = first.number();
            lanes.entry(LaneNumber(after)).or_insert_with(|| Followed::new(None));
        }
        let seqs = lanes.iter().filter_map(|(&id, lane)| Some((id, lane.row.as_ref()?.seq)));
        let acknowledgements = Acknowledgements::new(conn, seqs.collect())?;
        Ok(Self { lanes, pending: BTreeMap::new(), acknowledgements, batches: 0 })
    }

    /// The last commit of each lane, as its row says.
    pub(super) fn position(&self) -> Vec<(LaneNumber, i64)> {
        let rows = self.lanes.values().filter_map(|lane| lane.row.as_ref());
        rows.map(|lane| (lane.id, lane.seq)).collect()
    }

    /// Takes a window's facts and follows every lane as far as it reaches.
    pub(super) fn advance(
        &mut self,
        conn: &mut Conn,
        window: Window,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let until = window.until;
        let pending = &mut self.pending;
        for row in window.operations {
            pending.entry((row.id.lane(), row.seq)).or_default().operations.push(row);
        }
        for row in window.transfers {
            pending.entry((row.id.lane(), row.seq)).or_default().transfers.push(row);
        }
        for row in window.events {
            pending.entry((row.id.lane(), row.seq)).or_default().events.push(row);
        }
        let mut lanes = std::mem::take(&mut self.lanes);
        for (&id, lane) in &mut lanes {
            self.follow(conn, (id, lane), until, findings)?;
        }
        self.lanes = lanes;
        Ok(())
    }

    fn follow(
        &mut self,
        conn: &mut Conn,
        (id, lane): (LaneNumber, &mut Followed),
        until: i64,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        loop {
            lane.fill(conn, id)?;
            let whole = |batch: &Checked<Batch>| {
                batch.row.as_ref().is_ok_and(|batch| batch.last_id.0 <= until)
                    || (batch.row.is_err() && until == i64::MAX)
            };
            if !lane.ready.front().is_some_and(whole) {
                return Ok(());
            }
            let Some(checked) = lane.ready.pop_front() else { return Ok(()) };
            let seq = checked.seq();
            self.batches += 1;
            if seq != lane.seq + 1 {
                let key = format!("{}, {}", id.0, lane.seq + 1);
                findings.add("batch", key, format!("is missing; the next one is {seq}"));
                lane.head = None;
            }
            let mut facts = self.pending.remove(&(id, seq)).unwrap_or_default();
            facts.acknowledgements = self.acknowledgements.of(conn, (id, seq), findings)?;
            lane.seq = seq;
            let Some(batch) = findings.readable(checked) else {
                lane.head = None;
                continue;
            };
            check(lane, &batch, facts, findings);
            (lane.head, lane.at, lane.last_id) = (Some(batch.head), batch.at, batch.last_id);
        }
    }

    /// After the last window: lane rows, and facts that belong to no commit.
    pub(super) fn finish(
        &mut self,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for (id, lane) in &self.lanes {
            let Some(row) = &lane.row else {
                findings.add("lane", id.0, "is missing, but has commits".to_owned());
                continue;
            };
            let head = lane.head.unwrap_or(row.head);
            let last_at = row.last_at.max(lane.at);
            let expected =
                Lane { seq: lane.seq, head, last_id: lane.last_id, last_at, ..row.clone() };
            findings.must_equal(id.0, row, &expected);
        }
        for ((lane, seq), facts) in std::mem::take(&mut self.pending) {
            let outside = format!("is outside of any commit: lane {} has no {seq}", lane.0);
            for row in &facts.operations {
                findings.add("operation", row.id.0, outside.clone());
            }
            for row in &facts.transfers {
                let key = format!("{}, {}", row.member.0, row.id.0);
                findings.add("transfer", key, outside.clone());
            }
            for row in &facts.events {
                findings.add("event", row.id.0, outside.clone());
            }
        }
        self.acknowledgements.finish(conn, findings)
    }

    /// Acknowledgements checked.
    pub(super) const fn acknowledgements(&self) -> u64 {
        self.acknowledgements.taken
    }
}

/// One commit after another: at most one finding, on the fact where there is only one.
fn check(lane: &Followed, batch: &Batch, mut facts: Facts, findings: &mut Findings) {
    facts.operations.sort_unstable_by_key(|row| row.id);
    facts.transfers.sort_unstable_by_key(|row| row.id);
    facts.events.sort_unstable_by_key(|row| row.id);
    let count = i64::try_from(facts.count()).unwrap_or(i64::MAX);
    let operations = facts.operations.iter().map(|row| row.id);
    let events = facts.events.iter().map(|row| row.id);
    let transfers = facts.transfers.iter().map(|row| row.id);
    let first_id = operations.clone().chain(events.clone()).min().unwrap_or(lane.last_id);
    let last_id = operations.chain(events).chain(transfers).max().unwrap_or(lane.last_id);
    let head = lane.head.map(|head| extend(&head, batch.lane, batch.seq, batch.at, &facts));
    let problem = if count != batch.facts {
        format!("{} facts were booked, {count} are there{}", batch.facts, named(&facts))
    } else if head.is_some_and(|head| head != batch.head) {
        if let (1, Some((table, key))) = (count, names(&facts).pop()) {
            let problem = format!(
                "is not what was booked: the head of lane {}, commit {} says otherwise",
                batch.lane.0, batch.seq
            );
            findings.add(table, key, problem);
            return;
        }
        format!("its facts do not give its head{}", named(&facts))
    } else if (first_id, last_id) != (batch.first_id, batch.last_id) {
        let ids = [batch.first_id, batch.last_id, first_id, last_id].map(|id| id.0);
        format!("ids are {} to {}, the facts give {} to {}", ids[0], ids[1], ids[2], ids[3])
    } else if batch.at < lane.at || first_id < lane.last_id {
        "is earlier than the commit before it".to_owned()
    } else {
        return;
    };
    findings.add("batch", format!("{}, {}", batch.lane.0, batch.seq), problem);
}

fn names(facts: &Facts) -> Vec<(&'static str, String)> {
    let operations = facts.operations.iter().map(|row| ("operation", row.id.0.to_string()));
    let transfers = facts.transfers.iter();
    let transfers = transfers.map(|row| ("transfer", format!("{}, {}", row.member.0, row.id.0)));
    let events = facts.events.iter().map(|row| ("event", row.id.0.to_string()));
    let known = facts.acknowledgements.iter();
    let known = known.map(|row| ("acknowledgement", row.operation.0.to_string()));
    operations.chain(transfers).chain(events).chain(known).collect()
}

/// The facts of a bad commit, if they are few: one of them is the culprit.
fn named(facts: &Facts) -> String {
    let names = names(facts);
    if names.is_empty() || names.len() > NAMED_MAX {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|(table, key)| format!("{table} {key}")).collect();
    format!(" ({})", names.join("; "))
}

/// Where an acknowledgement was booked, and of which operation.
type Acknowledged = (LaneNumber, i64, FactId);

/// Acknowledgements by commit.
struct Acknowledgements {
    /// The last commit of each lane.
    seqs: BTreeMap<LaneNumber, i64>,
    parts: i64,
    held: VecDeque<(i64, Vec<Acknowledged>)>,
    total: u64,
    outside: u64,
    taken: u64,
}

impl Acknowledgements {
    fn new(conn: &mut Conn, seqs: BTreeMap<LaneNumber, i64>) -> Result<Self, StoreError> {
        let count: Vec<Number> = conn.query(&sql::COUNT_ACKNOWLEDGEMENTS, &[])?;
        let count = count.first().map_or(0, |row| row.number);
        let parts = count / ACKNOWLEDGEMENTS_HELD_MAX + 1;
        Ok(Self { seqs, parts, held: VecDeque::new(), total: 0, outside: 0, taken: 0 })
    }

    /// In which pass the acknowledgements of a commit are gathered; none for a commit that cannot
    /// be.
    fn part(&self, (lane, seq): (LaneNumber, i64)) -> Option<i64> {
        let last = *self.seqs.get(&lane)?;
        if !(1..=last).contains(&seq) {
            return None;
        }
        let part = i128::from(seq - 1) * i128::from(self.parts) / i128::from(last);
        i64::try_from(part).ok()
    }

    /// Those of a commit, by operation.
    fn of(
        &mut self,
        conn: &mut Conn,
        commit: (LaneNumber, i64),
        findings: &mut Findings,
    ) -> Result<Vec<Acknowledgement>, StoreError> {
        let Some(part) = self.part(commit) else { return Ok(Vec::new()) };
        if !self.held.iter().any(|(held, _)| *held == part) {
            self.gather(conn, part, findings)?;
        }
        let Some((_, rows)) = self.held.iter().find(|(held, _)| *held == part) else {
            return Ok(Vec::new());
        };
        let (lane, seq) = commit;
        let from = rows.partition_point(|row| (row.0, row.1) < commit);
        let of_commit = rows[from..].iter().take_while(|row| (row.0, row.1) == commit);
        let found: Vec<Acknowledgement> =
            of_commit.map(|&(.., operation)| Acknowledgement { operation, lane, seq }).collect();
        self.taken += u64::try_from(found.len()).unwrap_or(0);
        Ok(found)
    }

    /// Reads them all, and keeps one part. The first time, each is checked by itself.
    fn gather(
        &mut self,
        conn: &mut Conn,
        part: i64,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let first = self.total == 0;
        let mut rows = Vec::new();
        let mut pages: Pages<Acknowledgement> = Pages::new();
        loop {
            let page = pages.page(conn)?;
            if page.is_empty() {
                break;
            }
            if first {
                self.total += u64::try_from(page.len()).unwrap_or(0);
                self.judge(conn, &page, findings)?;
            }
            let good = page.into_iter().filter_map(|row| row.row.ok());
            let ours = good.filter(|row| self.part((row.lane, row.seq)) == Some(part));
            rows.extend(ours.map(|row| (row.lane, row.seq, row.operation)));
        }
        rows.sort_unstable();
        // Lanes are followed side by side: at most two parts are in use.
        if self.held.len() > 1 {
            self.held.pop_front();
        }
        self.held.push_back((part, rows));
        Ok(())
    }

    fn judge(
        &mut self,
        conn: &mut Conn,
        page: &[Checked<Acknowledgement>],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let ids: Vec<FactId> = page.iter().map(|row| FactId(row.number())).collect();
        let known = conn.find::<Checked<Operation>, _>(&ids)?;
        let known: std::collections::BTreeSet<i64> = known.iter().map(Checked::number).collect();
        for row in page {
            let problem = match &row.row {
                Err(corrupt) => corrupt.to_string(),
                Ok(fact) if self.part((fact.lane, fact.seq)).is_none() => {
                    let (lane, seq) = (fact.lane.0, fact.seq);
                    format!("is outside of any commit: lane {lane} has no {seq}")
                }
                Ok(_) if !known.contains(&row.number()) => {
                    findings.add("acknowledgement", row.key(), "has no operation".to_owned());
                    continue;
                }
                Ok(_) => continue,
            };
            self.outside += 1;
            findings.add("acknowledgement", row.key(), problem);
        }
        Ok(())
    }

    fn finish(&mut self, conn: &mut Conn, findings: &mut Findings) -> Result<(), StoreError> {
        if self.total == 0 {
            self.gather(conn, 0, findings)?;
        }
        let left = self.total - self.outside - self.taken;
        if left > 0 {
            let problem = format!("{left} of them are of commits that are not there");
            findings.add("acknowledgement", "", problem);
        }
        Ok(())
    }
}
