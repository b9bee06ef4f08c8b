//! What merchants are told of, read from the ledger: the operations of their stores, behind
//! positions, in the order in which they were booked.
//!
//! A [`Stretch`] is one bounded reading of the ledger after a position in several lanes. It serves
//! every merchant: endpoints that are at the same place share it. Commits are taken whole and in
//! order of their first fact, so what a member did is told in the order in which it was done,
//! whatever lane booked it.
//!
//! Limits: [`STRETCH_BATCHES_MAX`] commits a lane and about [`STRETCH_OPERATIONS_MAX`] operations a
//! stretch.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::facts::{Batch, Operation};
use yaoki_core::ids::{
    FactId, LaneNumber, MerchantNumber, StoreNumber, TerminalNumber, WebhookNumber,
};
use yaoki_core::row::Value;
use yaoki_core::state::{Lane, Store, Terminal};
use yaoki_core::time::Instant;
use yaoki_core::view::Directory;
use yaoki_core::webhook::{EventType, Webhook};

use super::{directory, in_snapshot, lanes};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::position::{Positions, webhook_name, webhook_of_name};
use crate::sql;
use crate::table::{Position, Switchboard};

/// The most commits of a lane in one stretch.
pub const STRETCH_BATCHES_MAX: i64 = 256;
/// About the most operations of one stretch; a commit is never divided.
pub const STRETCH_OPERATIONS_MAX: usize = 4096;
/// The most stretches that one page of a merchant's list reads.
const STRETCHES_PER_PAGE_MAX: usize = 4;

/// Something that a merchant is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantEvent {
    /// What is told.
    pub kind: EventType,
    /// What happened; its id is the event's.
    pub operation: Operation,
    /// The terminal that asked; for a hold that lapsed, the one that asked for the hold.
    pub terminal: TerminalNumber,
    /// Where.
    pub store: StoreNumber,
    /// Whose.
    pub merchant: MerchantNumber,
}

impl MerchantEvent {
    /// The lane and the commit in it.
    pub const fn place(&self) -> (LaneNumber, i64) {
        (self.operation.id.lane(), self.operation.seq)
    }
}

/// A part of the ledger after a position.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Every merchant's events, in order of their ids.
    pub events: Vec<MerchantEvent>,
    /// Where it begins.
    pub after: Positions,
    /// Where it ends.
    pub reached: Positions,
    /// Whether the ledger goes on after it.
    pub more: bool,
}

impl Stretch {
    /// Whether a follower at `position` finds what comes next in here.
    pub fn covers(&self, position: &Positions) -> bool {
        let at = |positions: &Positions, lane| positions.get(lane).copied().unwrap_or(0);
        position.keys().eq(self.after.keys())
            && position
                .iter()
                .all(|(lane, &seq)| at(&self.after, lane) <= seq && seq <= at(&self.reached, lane))
            && *position != self.reached
    }

    /// The events of one merchant after `position`, at most about `limit`: whole commits, in order
    /// of their first fact. Says where a follower is once it has told them.
    pub fn events_of(
        &self,
        merchant: MerchantNumber,
        position: &Positions,
        limit: usize,
    ) -> (Vec<MerchantEvent>, Positions) {
        let after = |lane: LaneNumber| position.get(&lane).copied().unwrap_or(i64::MAX);
        let mut commits: BTreeMap<(LaneNumber, i64), Vec<&MerchantEvent>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.merchant == merchant) {
            let (lane, seq) = event.place();
            if after(lane) < seq {
                commits.entry((lane, seq)).or_default().push(event);
            }
        }
        let mut ordered: Vec<_> = commits.into_iter().collect();
        ordered.sort_by_key(|(_, events)| events[0].operation.id);
        let (mut taken, mut reached) = (Vec::new(), self.reached.clone());
        for ((lane, seq), events) in ordered {
            if taken.len() < limit {
                taken.extend(events.into_iter().cloned());
            } else if let Some(end) = reached.get_mut(&lane) {
                *end = (*end).min(seq - 1);
            }
        }
        taken.sort_by_key(|event| event.operation.id);
        (taken, reached)
    }
}

/// Reads what follows `after`, of those lanes.
pub fn stretch(
    conn: &mut Conn,
    after: &Positions,
    directory: &Directory,
) -> Result<Stretch, StoreError> {
    in_snapshot(conn, |conn| stretch_within(conn, after, directory))
}

fn stretch_within(
    conn: &mut Conn,
    after: &Positions,
    directory: &Directory,
) -> Result<Stretch, StoreError> {
    let (mut commits, mut more) = commits_after(conn, after)?;
    let mut operations = Vec::new();
    if let (Some(first), Some(last)) =
        (commits.first(), commits.iter().map(|commit| commit.last_id).max())
    {
        let whole_until;
        (operations, whole_until) = operations_of(conn, (first, last))?;
        let count = commits.len();
        // A commit is told of whole, and none before those that came earlier.
        let end = commits.iter().position(|commit| commit.last_id > whole_until);
        commits.truncate(end.unwrap_or(count));
        more |= commits.len() < count;
    }
    let mut reached = after.clone();
    for commit in &commits {
        let seq = reached.entry(commit.lane).or_insert(0);
        *seq = (*seq).max(commit.seq);
    }
    let inside = |operation: &Operation| {
        let lane = operation.id.lane();
        let (from, to) = (after.get(&lane), reached.get(&lane));
        from.zip(to).is_some_and(|(from, to)| *from < operation.seq && operation.seq <= *to)
    };
    operations.retain(|operation| inside(operation) && EventType::of(operation).is_some());
    let events = events_of_operations(conn, operations, directory)?;
    Ok(Stretch { events, after: after.clone(), reached, more })
}

/// Commits after a position, by their first fact; of each lane no more than what comes before the
/// first that was left out of any lane. Says whether any was.
fn commits_after(conn: &mut Conn, after: &Positions) -> Result<(Vec<Batch>, bool), StoreError> {
    let mut all = Vec::new();
    let mut cut = FactId(i64::MAX);
    for (&lane, &seq) in after {
        let arguments = [Value::Int(lane.0), Value::Int(seq), Value::Int(STRETCH_BATCHES_MAX)];
        let found: Vec<Batch> = conn.query(&sql::BATCHES_AFTER, &arguments)?;
        let is_full = i64::try_from(found.len()).is_ok_and(|count| count == STRETCH_BATCHES_MAX);
        if let Some(last) = found.last().filter(|_| is_full) {
            cut = cut.min(last.first_id);
        }
        all.extend(found);
    }
    let count = all.len();
    all.retain(|commit| commit.first_id <= cut);
    // One that has no id of its own begins with the last of the one before it.
    all.sort_unstable_by_key(|commit| (commit.first_id, commit.lane, commit.seq));
    let more = cut != FactId(i64::MAX) || all.len() < count;
    Ok((all, more))
}

/// Operations from the first commit on, and the id up to which all of them are there: those of the
/// first commit at the least.
fn operations_of(
    conn: &mut Conn,
    (first, last): (&Batch, FactId),
) -> Result<(Vec<Operation>, FactId), StoreError> {
    let limit = i64::try_from(STRETCH_OPERATIONS_MAX).expect("a stretch is short");
    let range = [Value::Int(first.first_id.0), Value::Int(last.0), Value::Int(limit)];
    let found: Vec<Operation> = conn.query(&sql::OPERATIONS_BETWEEN_SOME, &range)?;
    let whole_until = match found.last() {
        Some(at) if found.len() >= STRETCH_OPERATIONS_MAX => at.id,
        _ => last,
    };
    if whole_until >= first.last_id {
        return Ok((found, whole_until));
    }
    // Many lanes commit in the same milliseconds: one commit has few ids between its ends.
    let range = [Value::Int(first.first_id.0), Value::Int(first.last_id.0)];
    Ok((conn.query(&sql::OPERATIONS_BETWEEN, &range)?, first.last_id))
}

/// Each operation with its terminal, store and merchant. A hold that lapsed was asked for by the
/// terminal of its payment.
fn events_of_operations(
    conn: &mut Conn,
    operations: Vec<Operation>,
    directory: &Directory,
) -> Result<Vec<MerchantEvent>, StoreError> {
    let of_jobs = operations.iter().filter(|operation| !operation.terminal.is_some());
    let payments: BTreeSet<FactId> = of_jobs.map(|operation| operation.payment).collect();
    let payments: Vec<FactId> = payments.into_iter().collect();
    let begun: BTreeMap<FactId, TerminalNumber> =
        (conn.find::<Operation, _>(&payments)?.into_iter())
            .map(|operation| (operation.id, operation.terminal))
            .collect();
    let events = operations.into_iter().filter_map(|operation| {
        let kind = EventType::of(&operation)?;
        let own = operation.terminal.is_some().then_some(operation.terminal);
        let terminal = own.or_else(|| begun.get(&operation.payment).copied())?;
        let place = directory.place(terminal)?;
        let (store, merchant) = (place.store, place.merchant);
        Some(MerchantEvent { kind, operation, terminal, store, merchant })
    });
    Ok(events.collect())
}

/// A page of what a merchant is told of, oldest first.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// About as many as were asked for at the most; fewer, or none, where much was read for them.
    pub events: Vec<MerchantEvent>,
    /// Where the next page goes on.
    pub after: Positions,
    /// Whether the ledger goes on.
    pub more: bool,
}

/// A page of one merchant's events after a position, of every lane. A commit is never divided, so a
/// page may be a little longer than `limit`.
pub fn events(
    conn: &mut Conn,
    merchant: MerchantNumber,
    after: &Positions,
    limit: usize,
) -> Result<EventPage, StoreError> {
    in_snapshot(conn, |conn| {
        let directory = directory(conn)?;
        let lanes = lanes(conn)?;
        let at = |lane: LaneNumber| after.get(&lane).copied().unwrap_or(0);
        let mut page = EventPage {
            events: Vec::new(),
            after: lanes.iter().map(|lane| (lane.id, at(lane.id).clamp(0, lane.seq))).collect(),
            more: true,
        };
        for _ in 0..STRETCHES_PER_PAGE_MAX {
            let stretch = stretch_within(conn, &page.after, &directory)?;
            let left = limit.saturating_sub(page.events.len());
            let (found, reached) = stretch.events_of(merchant, &page.after, left);
            page.events.extend(found);
            page.more = stretch.more || reached != stretch.reached;
            page.after = reached;
            if page.events.len() >= limit || !page.more {
                break;
            }
        }
        Ok(page)
    })
}

/// One event of a merchant; none where it has no such event.
pub fn event(
    conn: &mut Conn,
    merchant: MerchantNumber,
    id: FactId,
) -> Result<Option<MerchantEvent>, StoreError> {
    in_snapshot(conn, |conn| {
        let mut found = conn.find::<Operation, _>(&[id])?;
        found.retain(|operation| EventType::of(operation).is_some());
        let Some(operation) = found.first() else { return Ok(None) };
        let begun = if operation.terminal.is_some() {
            None
        } else {
            conn.find::<Operation, _>(&[operation.payment])?.pop()
        };
        let asked = begun.map_or(operation.terminal, |begun| begun.terminal);
        let Some(terminal) = conn.find::<Terminal, _>(&[asked.0])?.pop() else { return Ok(None) };
        let Some(store) = conn.find::<Store, _>(&[terminal.store.0])?.pop() else {
            return Ok(None);
        };
        let directory = Directory {
            terminals: BTreeMap::from([(terminal.number, terminal)]),
            stores: BTreeMap::from([(store.number, store)]),
            ..Directory::default()
        };
        let events = events_of_operations(conn, found, &directory)?;
        Ok(events.into_iter().find(|event| event.merchant == merchant))
    })
}

/// The endpoint of this number.
pub fn webhook(conn: &mut Conn, number: WebhookNumber) -> Result<Option<Webhook>, StoreError> {
    Ok(conn.find::<Webhook, _>(&[number.0])?.pop())
}

/// Every endpoint, where each is, and every lane, all of one moment.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The version of stores and terminals that it is of.
    pub version: i64,
    /// Every endpoint, ended ones included.
    pub webhooks: Vec<Webhook>,
    /// Where each is.
    pub positions: BTreeMap<WebhookNumber, Positions>,
    /// Every lane.
    pub lanes: Vec<Lane>,
}

/// What a courier has to know.
pub fn followed(conn: &mut Conn) -> Result<Followed, StoreError> {
    in_snapshot(conn, |conn| {
        let version = Switchboard::load(conn)?.version;
        let webhooks = conn.query(&sql::WEBHOOKS, &[])?;
        let mut positions: BTreeMap<WebhookNumber, Positions> = BTreeMap::new();
        for row in conn.query::<Position>(&sql::POSITIONS, &[])? {
            if let Some(webhook) = webhook_of_name(&row.name) {
                positions.entry(webhook).or_default().insert(row.lane, row.seq);
            }
        }
        Ok(Followed { version, webhooks, positions, lanes: lanes(conn)? })
    })
}

/// Endpoints after a number, each with the time of the oldest event that it has not taken.
pub fn webhooks(
    conn: &mut Conn,
    after: i64,
    limit: usize,
) -> Result<Vec<(Webhook, Option<Instant>)>, StoreError> {
    let rows: Vec<Webhook> = conn.query(&sql::WEBHOOKS, &[])?;
    let rows = rows.into_iter().filter(|row| row.number.0 > after).take(limit);
    rows.map(|row| Ok((row.clone(), undelivered_since(conn, &row)?))).collect()
}

/// The time of the oldest event that an endpoint has not taken. What is further on than one stretch
/// is not looked for: a courier that works is never that far behind what there is to tell.
pub fn undelivered_since(
    conn: &mut Conn,
    webhook: &Webhook,
) -> Result<Option<Instant>, StoreError> {
    if !webhook.is_active() {
        return Ok(None);
    }
    in_snapshot(conn, |conn| {
        let lanes = lanes(conn)?;
        let name = webhook_name(webhook.number);
        let keys: Vec<_> = lanes.iter().map(|lane| (name.clone(), lane.id)).collect();
        let mut after: Positions = lanes.iter().map(|lane| (lane.id, 0)).collect();
        after.extend(conn.find::<Position, _>(&keys)?.into_iter().map(|row| (row.lane, row.seq)));
        if lanes.iter().all(|lane| after.get(&lane.id) == Some(&lane.seq)) {
            return Ok(None);
        }
        let directory = directory(conn)?;
        let stretch = stretch_within(conn, &after, &directory)?;
        let first = stretch.events.iter().find(|event| event.merchant == webhook.merchant);
        Ok(first.map(|event| event.operation.id.at()))
    })
}
