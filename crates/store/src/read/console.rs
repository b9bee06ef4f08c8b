//! What operators look at: the figures of a day, the newest operations of the whole book, one
//! payment with everything that belongs to it, shops.
//!
//! Figures are the hourly tallies and the tail after their position. Lists look through a bounded
//! number of rows and say where they go on.

use std::collections::BTreeMap;
use std::ops::Range;

use yaoki_core::account::Account;
use yaoki_core::facts::{Acknowledgement, Batch, Operation, OperationKind, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, RequestId, StoreNumber, TerminalNumber};
use yaoki_core::row::Value;
use yaoki_core::state::{Store, Terminal};
use yaoki_core::time::Instant;
use yaoki_core::view::Directory;

use super::scan::{Source, scan};
use super::{
    Before, PAGE_MAX, Page, PaymentHistory, Tail, directory, in_snapshot, page_of, payment,
    unacknowledged_of, with_list,
};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::follow::{Added, hour_of};
use crate::sql;
use crate::table::{Tally, TallyOutcome};

pub use crate::follow::Figure;

/// Stores on one page of shops.
pub const SHOPS_MAX: usize = 50;
/// Rows of a store's list that are looked at for when its terminals were last seen.
pub const SEEN_ROWS_MAX: usize = 100;

/// What was asked for and how it ended.
pub type Figures = BTreeMap<(OperationKind, TallyOutcome), Figure>;

/// The figures of some hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// By whole hours of Unix time; those in which nothing was asked for are left out.
    pub by_hour: BTreeMap<i64, Figures>,
    /// By store.
    pub by_store: BTreeMap<StoreNumber, Figures>,
}

/// The whole hours of Unix time from an instant to before another. A day of a zone that is not
/// whole hours off UTC begins and ends with the hour that its midnight is in.
pub const fn hours(from: Instant, to: Instant) -> Range<i64> {
    hour_of(from)..hour_of(to)
}

/// The figures of a range of hours.
pub fn day(conn: &mut Conn, hours: Range<i64>) -> Result<Day, StoreError> {
    in_snapshot(conn, |conn| {
        let tail = Tail::load(conn)?;
        let directory = directory(conn)?;
        let arguments = [Value::Int(hours.start), Value::Int(hours.end)];
        let by_hour: Vec<Tally> = conn.query(&sql::TALLY_BY_HOUR, &arguments)?;
        let mut day = Day::default();
        for row in by_hour {
            add(day.by_hour.entry(row.hour).or_default(), &row);
        }
        day.by_store = by_store(conn, &hours, &tail, &directory)?;
        for row in tallies_of(&tail, &hours, &directory) {
            add(day.by_hour.entry(row.hour).or_default(), &row);
        }
        Ok(day)
    })
}

fn by_store(
    conn: &mut Conn,
    hours: &Range<i64>,
    tail: &Tail,
    directory: &Directory,
) -> Result<BTreeMap<StoreNumber, Figures>, StoreError> {
    let arguments = [Value::Int(hours.start), Value::Int(hours.end)];
    let stored: Vec<Tally> = conn.query(&sql::TALLY_BY_STORE, &arguments)?;
    let mut by_store: BTreeMap<StoreNumber, Figures> = BTreeMap::new();
    for row in stored.into_iter().chain(tallies_of(tail, hours, directory)) {
        add(by_store.entry(row.store).or_default(), &row);
    }
    Ok(by_store)
}

/// What the tail adds to these hours.
fn tallies_of(tail: &Tail, hours: &Range<i64>, directory: &Directory) -> Vec<Tally> {
    let added = Added::of(&tail.step.operations, &[], directory).tallies;
    let inside = added.iter().filter(|((hour, ..), _)| hours.contains(hour));
    inside.map(crate::follow::tally).collect()
}

fn add(figures: &mut Figures, row: &Tally) {
    let figure = Figure { count: row.count, amount: row.amount };
    figures.entry((row.kind, row.outcome)).or_default().add(figure);
}

/// Which operations are listed; everything that is left out is any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Asked for by a terminal of this store.
    pub store: Option<StoreNumber>,
    /// Asked for by this terminal.
    pub terminal: Option<TerminalNumber>,
    /// What was asked.
    pub kind: Option<OperationKind>,
    /// Whether it succeeded.
    pub succeeded: Option<bool>,
    /// Booked at this time or later.
    pub from: Option<Instant>,
    /// Booked before this time.
    pub to: Option<Instant>,
}

impl Filter {
    fn has(&self, operation: &Operation) -> bool {
        self.kind.is_none_or(|kind| operation.kind == kind)
            && self.succeeded.is_none_or(|succeeded| operation.succeeded() == succeeded)
    }
}

/// The operations of the book that `filter` has, newest first.
pub fn operations(
    conn: &mut Conn,
    filter: &Filter,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    let oldest = filter.from.map_or(FactId::NONE, FactId::least);
    let end = filter.to.map_or(FactId(i64::MAX), FactId::least);
    let range = (oldest, before.map_or(end, |before| before.min(end)));
    let keep = |_: &mut Conn, operations: &mut Vec<Operation>, _: &mut usize| {
        operations.retain(|row| filter.has(row));
        Ok(())
    };
    let Some((store, terminal)) = list_of(conn, filter)? else {
        return in_snapshot(conn, |conn| scan(conn, &Source::Book, range, limit, keep));
    };
    if !store.is_some() {
        return Ok(Page::default());
    }
    with_list(conn, store, terminal, |conn, whose| {
        scan(conn, &Source::List(whose), range, limit, keep)
    })
}

/// The one list that has all of it; that of store 0 where there can be none.
fn list_of(
    conn: &mut Conn,
    filter: &Filter,
) -> Result<Option<(StoreNumber, Option<TerminalNumber>)>, StoreError> {
    let Some(terminal) = filter.terminal else {
        return Ok(filter.store.map(|store| (store, None)));
    };
    let found = conn.find::<Terminal, _>(&[terminal.0])?.pop();
    let fits = |row: &Terminal| filter.store.is_none_or(|store| store == row.store);
    let store = found.filter(fits).map_or(StoreNumber::NONE, |row| row.store);
    Ok(Some((store, Some(terminal))))
}

/// Succeeded operations of every store that nobody has acknowledged for ten minutes; those of the
/// last two days, newest first.
pub fn unacknowledged(
    conn: &mut Conn,
    now: Instant,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    in_snapshot(conn, |conn| unacknowledged_of(conn, &Source::Book, now, before, limit))
}

/// The operation of this id.
pub fn operation(conn: &mut Conn, id: FactId) -> Result<Option<Operation>, StoreError> {
    Ok(conn.find::<Operation, _>(&[id])?.pop())
}

/// The operations under a request id, one a terminal that used it.
pub fn of_request(conn: &mut Conn, request: RequestId) -> Result<Vec<Operation>, StoreError> {
    let arguments = [Value::Bytes(&request.0), page_of(PAGE_MAX)];
    conn.query(&sql::OPERATIONS_OF_REQUEST, &arguments)
}

/// A payment and everything that belongs to it.
#[derive(Clone, Debug)]
pub struct PaymentLife {
    /// Its operations and how far it has come.
    pub history: PaymentHistory,
    /// What each operation moved.
    pub transfers: BTreeMap<FactId, Transfer>,
    /// When a register said that it knows the outcome of an operation.
    pub acknowledged: BTreeMap<FactId, Instant>,
}

/// A payment's whole life, or none if there is no such payment.
pub fn payment_life(conn: &mut Conn, id: FactId) -> Result<Option<PaymentLife>, StoreError> {
    in_snapshot(conn, |conn| {
        let Some(history) = payment(conn, id)? else { return Ok(None) };
        let ids: Vec<FactId> = history.operations.iter().map(|row| row.id).collect();
        let moved: Vec<FactId> = ids.iter().map(|id| id.plus(1)).collect();
        let mut transfers = conn.find::<Transfer, _>(&moved)?;
        // The id after an operation's may be the next operation's own, with a transfer of another.
        transfers.retain(|row| row.operation.plus(1) == row.id);
        let acknowledged = acknowledged(conn, &ids)?;
        let transfers = transfers.into_iter().map(|row| (row.operation, row)).collect();
        Ok(Some(PaymentLife { history, transfers, acknowledged }))
    })
}

/// When each of these operations was acknowledged, those that were.
pub fn acknowledged(
    conn: &mut Conn,
    operations: &[FactId],
) -> Result<BTreeMap<FactId, Instant>, StoreError> {
    let known = conn.find::<Acknowledgement, _>(operations)?;
    let mut commits: Vec<(LaneNumber, i64)> = known.iter().map(|row| (row.lane, row.seq)).collect();
    commits.sort_unstable();
    commits.dedup();
    let commits = conn.find::<Batch, _>(&commits)?;
    let times: BTreeMap<(LaneNumber, i64), Instant> =
        commits.into_iter().map(|row| ((row.lane, row.seq), row.at)).collect();
    let time_of = |row: &Acknowledgement| times.get(&(row.lane, row.seq)).copied();
    Ok(known.iter().filter_map(|row| Some((row.operation, time_of(row)?))).collect())
}

/// A page of stores, with what was asked of them.
#[derive(Clone, Debug, Default)]
pub struct Shops {
    /// The stores of this page, by number.
    pub stores: Vec<Store>,
    /// Every merchant, store and terminal, and what is closed.
    pub directory: Directory,
    /// The figures of each store in the hours asked for.
    pub by_store: BTreeMap<StoreNumber, Figures>,
    /// The newest operation of each terminal, among the newest [`SEEN_ROWS_MAX`] of its store.
    pub seen: BTreeMap<TerminalNumber, FactId>,
    /// Where the next page goes on; none at the end.
    pub after: Option<StoreNumber>,
}

/// Stores after a number, with their figures of a range of hours.
pub fn shops(conn: &mut Conn, hours: Range<i64>, after: StoreNumber) -> Result<Shops, StoreError> {
    in_snapshot(conn, |conn| {
        let tail = Tail::load(conn)?;
        let directory = directory(conn)?;
        let later = directory.stores.values().filter(|store| store.number > after);
        let mut stores: Vec<Store> = later.take(SHOPS_MAX + 1).cloned().collect();
        let is_last = stores.len() <= SHOPS_MAX;
        stores.truncate(SHOPS_MAX);
        let mut seen = BTreeMap::new();
        for store in &stores {
            see(conn, store.number, &mut seen)?;
        }
        for operation in &tail.step.operations {
            let newest = seen.entry(operation.terminal).or_insert(operation.id);
            *newest = operation.id.max(*newest);
        }
        let by_store = by_store(conn, &hours, &tail, &directory)?;
        let after = stores.last().filter(|_| !is_last).map(|last| last.number);
        Ok(Shops { stores, directory, by_store, seen, after })
    })
}

/// When the terminals of a store were last seen, as far as its list is filled.
fn see(
    conn: &mut Conn,
    store: StoreNumber,
    seen: &mut BTreeMap<TerminalNumber, FactId>,
) -> Result<(), StoreError> {
    let account = Value::Int(Account::payable(store).0);
    let arguments = [account, Value::Int(i64::MAX), page_of(SEEN_ROWS_MAX)];
    let newest: Vec<Operation> = conn.query(&sql::OPERATIONS_OF_ACCOUNT, &arguments)?;
    for operation in newest {
        seen.entry(operation.terminal).or_insert(operation.id);
    }
    Ok(())
}
