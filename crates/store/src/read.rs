//! Reads, over a reader's connection: two hops, handler → query. None changes anything.
//!
//! Lists and balances of accounts that are no member's are filled behind a position; each reader
//! here adds the tail after it, inside one snapshot, so that what was answered is listed at once.

pub mod console;
pub mod dry_run;
pub mod events;
pub mod listing;
pub mod money_in;
pub mod staff;

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::account::Account;
use yaoki_core::facts::{Acknowledgement, Effect, Event, Operation, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, MemberNumber, RequestId, StoreNumber, TerminalNumber};
use yaoki_core::policy::{Policy, PolicyInForce};
use yaoki_core::row::{Corrupt, Value};
use yaoki_core::state::{Device, Lane, Member, Merchant, PaymentState, Store, Terminal};
use yaoki_core::switches::Switch;
use yaoki_core::time::{DAY_MS, Instant, MINUTE_MS, SECOND_MS};
use yaoki_core::view::Directory;
use yaoki_core::webhook::Webhook;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::follow::{ROLL_UP, Step, day_of};
use crate::sql;
use crate::table::{Balance, EVENT_BY_REQUEST, Number, Position};

pub(crate) mod member;
mod people;
mod scan;
mod shop;

pub use self::member::{history, movements, recent_movements};
pub use self::people::{
    challenge, contact, credential_by_lookup, devices_seen, link, note_seen, payment_proof,
    people_of, recovery, sweep_challenges,
};
use self::scan::{Source, scan};
pub use self::shop::{Shop, first_terminal, shop, shops_of, terminal};

/// What a register has not acknowledged after this long is listed.
pub const UNACKNOWLEDGED_AFTER_MS: i64 = 10 * MINUTE_MS;
/// How far back unacknowledged operations are looked for.
const UNACKNOWLEDGED_WITHIN_MS: i64 = 2 * DAY_MS;
/// The longest page of a list.
pub const PAGE_MAX: usize = 200;
/// Rows of a store's list that are looked at for one page: a quiet terminal of a busy store gets a
/// short page and where it goes on, and holds no reader for the whole list.
pub const ROWS_SCANNED_MAX: usize = 10 * PAGE_MAX;
/// Commits of the tail that a reader adds; the follower is never that far behind for long.
const TAIL_BATCHES_MAX: i64 = 100_000;

/// The member of this number.
pub fn member(conn: &mut Conn, number: MemberNumber) -> Result<Option<Member>, StoreError> {
    Ok(conn.find::<Member, _>(&[number])?.pop())
}

/// The device of this id.
pub fn device(conn: &mut Conn, id: FactId) -> Result<Option<Device>, StoreError> {
    Ok(conn.find::<Device, _>(&[id])?.pop())
}

/// Every merchant, store, terminal, webhook endpoint, closed switch and operator, and the newest
/// proposals.
pub fn directory(conn: &mut Conn) -> Result<Directory, StoreError> {
    let merchants: Vec<Merchant> = conn.query(&sql::MERCHANTS, &[])?;
    let stores: Vec<Store> = conn.query(&sql::STORES, &[])?;
    let terminals: Vec<Terminal> = conn.query(&sql::TERMINALS, &[])?;
    let webhooks: Vec<Webhook> = conn.query(&sql::WEBHOOKS, &[])?;
    Ok(Directory {
        merchants: merchants.into_iter().map(|row| (row.number, row)).collect(),
        stores: stores.into_iter().map(|row| (row.number, row)).collect(),
        terminals: terminals.into_iter().map(|row| (row.number, row)).collect(),
        switches: switches(conn)?,
        webhooks: webhooks.into_iter().map(|row| (row.number, row)).collect(),
        staff: staff::directory(conn)?,
        policy: policy(conn)?,
    })
}

/// The limits on money that are in force.
pub fn policy(conn: &mut Conn) -> Result<PolicyInForce, StoreError> {
    let Some(event) = policy_event(conn)? else { return Ok(PolicyInForce::default()) };
    let corrupt = |problem| {
        let corrupt = Corrupt { column: "text", problem };
        StoreError::corrupt::<Event>(corrupt, &event.id.0.to_string())
    };
    Ok(Policy::read(&event.text).map_err(corrupt)?.into())
}

/// The event that brought them; none where they are the default's.
pub fn policy_event(conn: &mut Conn) -> Result<Option<Event>, StoreError> {
    Ok(conn.query::<Event>(&sql::PRESENT_POLICY, &[Value::Int(0)])?.pop())
}

/// Every closed switch.
pub fn switches(conn: &mut Conn) -> Result<Vec<Switch>, StoreError> {
    conn.query(&sql::SWITCHES, &[])
}

/// The event that was booked under a request id.
pub fn event(conn: &mut Conn, request: RequestId) -> Result<Option<Event>, StoreError> {
    Ok(conn.find_by::<Event, _>(&EVENT_BY_REQUEST, &[request])?.pop())
}

/// Every lane.
pub fn lanes(conn: &mut Conn) -> Result<Vec<Lane>, StoreError> {
    conn.query(&sql::LANES, &[])
}

/// The last member number given out; 0 when there is none.
pub fn last_member_number(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(conn.query::<Number>(&sql::LAST_MEMBER, &[])?.pop().map_or(0, |row| row.number))
}

/// A payment's whole life.
#[derive(Clone, Debug)]
pub struct PaymentHistory {
    /// The operation that began it.
    pub begun: Operation,
    /// How far it has come.
    pub state: PaymentState,
    /// Every operation on it that moved or released money, oldest first, the first included.
    pub operations: Vec<Operation>,
}

/// A payment's whole life, or none if there is no such payment.
pub fn payment(conn: &mut Conn, id: FactId) -> Result<Option<PaymentHistory>, StoreError> {
    let begun = conn.find::<Operation, _>(&[id])?.pop().filter(Operation::begins_payment);
    let Some(begun) = begun else { return Ok(None) };
    let stored = conn.find::<PaymentState, _>(&[id])?.pop();
    let state = stored.unwrap_or_else(|| PaymentState::began(&begun));
    let mut operations: Vec<Operation> =
        conn.query(&sql::OPERATIONS_OF_PAYMENT, &[Value::Int(id.0)])?;
    operations.retain(|operation| operation.id != id);
    operations.insert(0, begun.clone());
    Ok(Some(PaymentHistory { begun, state, operations }))
}

/// Where a list goes on: everything before this operation.
pub type Before = Option<FactId>;

/// One page of a list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for; fewer, or none, where [`ROWS_SCANNED_MAX`] was reached.
    pub operations: Vec<Operation>,
    /// Where the next page goes on; none at the end.
    pub before: Before,
}

/// Whose operations a list has.
#[derive(Clone, Copy)]
struct Whose<'a> {
    store: StoreNumber,
    terminal: Option<TerminalNumber>,
    tail: &'a Tail,
    directory: &'a Directory,
}

impl Whose<'_> {
    fn has(&self, operation: &Operation) -> bool {
        match self.terminal {
            Some(terminal) => operation.terminal == terminal,
            None => self.directory.store_of(operation.terminal) == self.store,
        }
    }

    /// Their operations before `before`, newest first, while rows may be scanned: `rows_left` is
    /// counted down.
    fn page(
        &self,
        conn: &mut Conn,
        before: FactId,
        limit: usize,
        rows_left: &mut usize,
    ) -> Result<Page, StoreError> {
        let new = self.tail.step.operations.iter();
        let new = new.filter(|operation| self.has(operation) && operation.id < before);
        let mut found: BTreeMap<FactId, Operation> =
            new.map(|operation| (operation.id, operation.clone())).collect();
        let (mut next, mut ended) = (before, false);
        while found.len() < limit && *rows_left > 0 && !ended {
            let rows = list_page(conn, Account::payable(self.store), next)?;
            *rows_left = rows_left.saturating_sub(rows.len());
            ended = rows.len() < PAGE_MAX;
            next = rows.last().map_or(next, |last| last.id);
            found.extend(rows.into_iter().filter(|row| self.has(row)).map(|row| (row.id, row)));
        }
        if found.len() < limit && !ended {
            // What the tail has beyond the scanned rows belongs to the pages that follow.
            found = found.split_off(&next);
        }
        let is_full = found.len() >= limit;
        let operations: Vec<Operation> = found.into_values().rev().take(limit).collect();
        let before = match operations.last() {
            Some(last) if is_full => Some(last.id),
            _ => (!ended).then_some(next),
        };
        Ok(Page { operations, before })
    }
}

/// Runs `work` with what a list of a store, or of one terminal of it, is read by.
fn with_list<T>(
    conn: &mut Conn,
    store: StoreNumber,
    terminal: Option<TerminalNumber>,
    work: impl FnOnce(&mut Conn, Whose<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    in_snapshot(conn, |conn| {
        let tail = Tail::load(conn)?;
        // A terminal is its own answer; only a whole store needs to know whose each terminal is.
        let directory = match terminal {
            Some(_) => Directory::default(),
            None => directory(conn)?,
        };
        work(conn, Whose { store, terminal, tail: &tail, directory: &directory })
    })
}

/// The operations that terminals of a store asked for, newest first.
pub fn recent(
    conn: &mut Conn,
    store: StoreNumber,
    terminal: Option<TerminalNumber>,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    let limit = limit.min(PAGE_MAX);
    with_list(conn, store, terminal, |conn, whose| {
        let before = before.unwrap_or(FactId(i64::MAX));
        whose.page(conn, before, limit, &mut { ROWS_SCANNED_MAX })
    })
}

/// One page of an account's list, newest first.
fn list_page(
    conn: &mut Conn,
    account: Account,
    before: FactId,
) -> Result<Vec<Operation>, StoreError> {
    let page = i64::try_from(PAGE_MAX).expect("a page is short");
    let arguments = [Value::Int(account.0), Value::Int(before.0), Value::Int(page)];
    conn.query(&sql::OPERATIONS_OF_ACCOUNT, &arguments)
}

/// Succeeded operations of a store, or of one terminal of it, that nobody has acknowledged for ten
/// minutes; those of the last two days, newest first.
pub fn unacknowledged(
    conn: &mut Conn,
    (store, terminal): (StoreNumber, Option<TerminalNumber>),
    now: Instant,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    with_list(conn, store, terminal, |conn, whose| {
        unacknowledged_of(conn, &Source::List(whose), now, before, limit)
    })
}

/// The same of any source.
fn unacknowledged_of(
    conn: &mut Conn,
    source: &Source<'_>,
    now: Instant,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    let newest = FactId::least(now.plus_ms(-UNACKNOWLEDGED_AFTER_MS));
    let oldest = FactId::least(now.plus_ms(-UNACKNOWLEDGED_WITHIN_MS));
    let before = before.map_or(newest, |before| before.min(newest));
    scan(conn, source, (oldest, before), limit, |conn, operations, rows_left| {
        // Each of them is looked for among the acknowledgements, too.
        *rows_left = rows_left.saturating_sub(operations.len());
        let ids: Vec<FactId> = operations.iter().map(|row| row.id).rev().collect();
        let known = conn.find::<Acknowledgement, _>(&ids)?;
        let known: BTreeSet<FactId> = known.into_iter().map(|row| row.operation).collect();
        operations.retain(|row| is_for_a_register(row) && !known.contains(&row.id));
        Ok(())
    })
}

/// Whether a register has to know of an outcome: it asked, or showed the order. What was paid at a
/// sign no register asked for.
fn is_for_a_register(operation: &Operation) -> bool {
    let asked = operation.terminal.is_some() && operation.effect != Effect::AtSign;
    operation.succeeded() && asked
}

/// Payments whose hold is over at `now`: the sweeper's work.
pub fn lapsed_holds(conn: &mut Conn, now: Instant, limit: i64) -> Result<Vec<FactId>, StoreError> {
    let arguments = [Value::Int(now.0), Value::Int(limit)];
    let states: Vec<PaymentState> = conn.query(&sql::LAPSED_HOLDS, &arguments)?;
    Ok(states.into_iter().map(|state| state.payment).collect())
}

/// A balance, and the time it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceAsOf {
    /// Minor units (or points).
    pub amount: i64,
    /// Every fact booked at or before this is counted, and none after.
    pub as_of: Instant,
}

/// A question that can be answered only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf<T> {
    /// The answer.
    Answer(T),
    /// Some lane has not passed that time yet.
    NotYet {
        /// When to ask again.
        ask_again_at: Instant,
    },
}

/// The last time that every lane has passed: no fact will be booked at or before it any more.
pub fn watermark(conn: &mut Conn) -> Result<Instant, StoreError> {
    let lanes = lanes(conn)?;
    let held = lanes.iter().filter(|lane| !lane.holder.is_empty());
    // Whoever takes a lane that nobody holds lifts its time to the latest of all.
    let latest = lanes.iter().map(|lane| lane.last_at).max();
    let passed = held.map(|lane| lane.last_at).min().or(latest);
    Ok(passed.unwrap_or(Instant(0)).plus_ms(-1))
}

/// The balance of any account as of a time, or as of the watermark.
pub fn balance(
    conn: &mut Conn,
    account: Account,
    as_of: Option<Instant>,
) -> Result<AsOf<BalanceAsOf>, StoreError> {
    in_snapshot(conn, |conn| {
        let passed = watermark(conn)?;
        let as_of = as_of.unwrap_or(passed);
        if as_of > passed {
            return Ok(AsOf::NotYet { ask_again_at: as_of.plus_ms(6 * SECOND_MS) });
        }
        let end = FactId::least(as_of.plus_ms(1));
        let amount = match account.member() {
            Some(number) => member::amount(conn, account, number, end)?,
            None => account_amount(conn, account, end)?,
        };
        Ok(AsOf::Answer(BalanceAsOf { amount, as_of }))
    })
}

/// Whole days are rolled up; the rest of the last day is read from the list, the tail from the
/// ledger.
fn account_amount(conn: &mut Conn, account: Account, end: FactId) -> Result<i64, StoreError> {
    let day = day_of(end.at());
    let arguments = [Value::Int(account.0)];
    let days: Vec<Balance> = conn.query(&sql::BALANCES_OF_ACCOUNT, &arguments)?;
    let mut amount: i64 = days.iter().filter(|row| row.day < day).map(|row| row.amount).sum();
    let first = FactId::least(Instant(day * DAY_MS));
    let arguments = [Value::Int(account.0), Value::Int(first.0), Value::Int(end.0)];
    let listed: Vec<Transfer> = conn.query(&sql::TRANSFERS_OF_ACCOUNT, &arguments)?;
    let tail = Tail::load(conn)?;
    // The list may be ahead of the position, which the balances are at.
    let listed = listed.iter().filter(|transfer| !tail.holds(transfer));
    let late = tail.step.transfers.iter().filter(|transfer| transfer.id < end);
    for transfer in listed.chain(late) {
        amount += if transfer.credit == account { transfer.amount } else { 0 };
        amount -= if transfer.debit == account { transfer.amount } else { 0 };
    }
    Ok(amount)
}

/// A page of the transfers of any account, oldest first, after `after`, up to the watermark or
/// `as_of`.
pub fn statement(
    conn: &mut Conn,
    account: Account,
    after: FactId,
    as_of: Option<Instant>,
    limit: usize,
) -> Result<AsOf<Vec<Transfer>>, StoreError> {
    let limit = limit.min(PAGE_MAX);
    in_snapshot(conn, |conn| {
        let passed = watermark(conn)?;
        let as_of = as_of.unwrap_or(passed);
        if as_of > passed {
            return Ok(AsOf::NotYet { ask_again_at: as_of.plus_ms(6 * SECOND_MS) });
        }
        let end = FactId::least(as_of.plus_ms(1));
        if let Some(number) = account.member() {
            let found = member::statement(conn, (account, number), (after, end), limit)?;
            return Ok(AsOf::Answer(found));
        }
        let ids = [account.0, after.0 + 1, end.0].map(Value::Int);
        let arguments = [&ids[..], &[page_of(limit)]].concat();
        let mut found: Vec<Transfer> = conn.query(&sql::TRANSFERS_OF_ACCOUNT_PAGE, &arguments)?;
        if found.len() < limit {
            let tail = Tail::load(conn)?.step.transfers.into_iter();
            found.extend(tail.filter(|transfer| {
                let ours = transfer.debit == account || transfer.credit == account;
                ours && transfer.id > after && transfer.id < end
            }));
            found.sort_by_key(|transfer| transfer.id);
            found.dedup_by_key(|transfer| transfer.id);
        }
        found.truncate(limit);
        Ok(AsOf::Answer(found))
    })
}

fn page_of(limit: usize) -> Value<'static> {
    Value::Int(i64::try_from(limit).expect("a page is short"))
}

/// What the follower has not reached yet.
struct Tail {
    step: Step,
    positions: BTreeMap<LaneNumber, i64>,
}

impl Tail {
    /// Whether a transfer is after the position.
    fn holds(&self, transfer: &Transfer) -> bool {
        self.positions.get(&transfer.id.lane()).is_none_or(|&position| position < transfer.seq)
    }

    fn load(conn: &mut Conn) -> Result<Self, StoreError> {
        let lanes = lanes(conn)?;
        let names: Vec<(String, LaneNumber)> =
            lanes.iter().map(|lane| (ROLL_UP.to_owned(), lane.id)).collect();
        let mut positions: BTreeMap<LaneNumber, i64> =
            lanes.iter().map(|lane| (lane.id, 0)).collect();
        for position in conn.find::<Position, _>(&names)? {
            positions.insert(position.lane, position.seq);
        }
        let step = Step::load_all(conn, &positions, TAIL_BATCHES_MAX)?;
        Ok(Self { step, positions })
    }
}

/// Runs several statements in one snapshot.
fn in_snapshot<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.begin()?;
    let result = work(conn);
    conn.rollback()?;
    result
}
