//! Sums: every operation has the transfer that it must have and no other, between accounts that are
//! there; all accounts together are zero; daily balances and lists are what the followed part of
//! the ledger gives.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::account::Account;
use yaoki_core::facts::{Effect, Operation, OperationKind, Transfer};
use yaoki_core::ids::{FactId, LaneNumber, StoreNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::row::Value;
use yaoki_core::view::Directory;

use super::chain::Window;
use super::page::{Checked, Pages};
use super::report::Findings;
use super::tallies::Tallies;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::follow::{Added, ROLL_UP, hour_of};
use crate::position::webhook_of_name;
use crate::sql;
use crate::table::{Balance, LedgerList, Number, Position};

/// The most transfers that nobody caused that are named.
const STRAYS_MAX: i64 = 100;

/// What is summed while the ledger is read.
pub(super) struct Sums {
    positions: BTreeMap<LaneNumber, i64>,
    balances: BTreeMap<(Account, i64), i64>,
    tallies: Tallies,
    /// Of accounts that are no member's, after the positions.
    tail: i64,
    /// List entries that are there and right.
    listed: i64,
    pub(super) operations: u64,
    pub(super) transfers: u64,
}

impl Sums {
    /// Begins with the followers' positions.
    pub(super) fn begin(
        conn: &mut Conn,
        (lanes, directory): (&[(LaneNumber, i64)], &Directory),
        findings: &mut Findings,
    ) -> Result<Self, StoreError> {
        let seqs: BTreeMap<LaneNumber, i64> = lanes.iter().copied().collect();
        let mut positions = BTreeMap::new();
        let rows: Vec<Checked<Position>> = conn.query(&sql::POSITIONS, &[])?;
        for row in rows {
            let Some(row) = findings.readable(row) else { continue };
            let last = seqs.get(&row.lane).copied().unwrap_or(0);
            let webhook = webhook_of_name(&row.name);
            let known = webhook.is_some_and(|number| directory.webhooks.contains_key(&number));
            if (row.name != ROLL_UP && !known) || row.seq > last {
                let key = format!("{}, {}", row.name, row.lane.0);
                findings.add("position", key, format!("is at {}, the lane at {last}", row.seq));
            }
            if row.name == ROLL_UP {
                positions.insert(row.lane, row.seq);
            }
        }
        Ok(Self {
            positions,
            balances: BTreeMap::new(),
            tallies: Tallies::begin(),
            tail: 0,
            listed: 0,
            operations: 0,
            transfers: 0,
        })
    }

    /// Takes a window of the ledger.
    pub(super) fn take(
        &mut self,
        conn: &mut Conn,
        window: &Window,
        book: (&Directory, i64),
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let (directory, members) = book;
        self.operations += u64::try_from(window.operations.len()).unwrap_or(0);
        self.transfers += u64::try_from(window.transfers.len()).unwrap_or(0);
        let mut caused: BTreeMap<FactId, Vec<&Transfer>> = BTreeMap::new();
        for transfer in &window.transfers {
            caused.entry(transfer.operation).or_default().push(transfer);
        }
        for operation in &window.operations {
            check_operation(operation, (directory, members), findings);
            let transfers = caused.remove(&operation.id).unwrap_or_default();
            check_transfers(operation, &transfers, directory, findings);
        }
        for stray in caused.into_values().flatten() {
            findings.add("transfer", stray.id.0, "no operation has caused it".to_owned());
        }
        self.take_followed(conn, window, directory, findings)
    }

    fn take_followed(
        &mut self,
        conn: &mut Conn,
        window: &Window,
        directory: &Directory,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let positions = &self.positions;
        let followed = |id: FactId, seq: i64| {
            positions.get(&id.lane()).is_some_and(|position| seq <= *position)
        };
        let (operations, later): (Vec<Operation>, Vec<Operation>) =
            window.operations.iter().cloned().partition(|row| followed(row.id, row.seq));
        let (transfers, tail): (Vec<Transfer>, Vec<Transfer>) =
            window.transfers.iter().cloned().partition(|row| followed(row.id, row.seq));
        let added = Added::of(&operations, &transfers, directory);
        let later = Added::of(&later, &tail, directory);
        self.tail += later.balances.values().sum::<i64>();
        for (key, amount) in added.balances {
            *self.balances.entry(key).or_default() += amount;
        }
        self.tallies.take(added.tallies);
        if let Some(last) = window.operations.last() {
            // Windows go on by id, so everything of the hours before was given.
            self.tallies.compare(conn, hour_of(last.id.at()), findings)?;
        }
        let present = find_listed(conn, &added.list)?;
        for (account, operation) in added.list.difference(&present) {
            let key = format!("{}, {}", account.0, operation.0);
            findings.add("ledger_list", key, "is missing".to_owned());
        }
        // A part of what comes after the position may be written already.
        let early = find_listed(conn, &later.list)?;
        self.listed += i64::try_from(present.len() + early.len()).unwrap_or(0);
        Ok(())
    }

    /// After the last window: transfers that nobody caused, daily balances, list entries.
    pub(super) fn finish(
        &mut self,
        conn: &mut Conn,
        book: (&Directory, i64),
        findings: &mut Findings,
    ) -> Result<Followed, StoreError> {
        let stored = count(conn, &sql::COUNT_TRANSFERS)?;
        if u64::try_from(stored) != Ok(self.transfers) {
            let strays: Vec<Checked<Transfer>> =
                conn.query(&sql::STRAY_TRANSFERS, &[Value::Int(STRAYS_MAX)])?;
            for stray in strays {
                findings.add("transfer", stray.key(), "no operation has caused it".to_owned());
            }
        }
        let balances = self.compare_balances(conn, findings)?;
        self.tallies.compare(conn, i64::MAX, findings)?;
        let listed = count(conn, &sql::COUNT_LEDGER_LIST)?;
        if listed != self.listed {
            find_extra_entries(conn, book.0, findings)?;
        }
        let (rows, sum) = balances;
        let tallies = self.tallies.compared;
        Ok(Followed { balances: rows, tallies, ledger_list: listed, sum: sum + self.tail })
    }

    fn compare_balances(
        &mut self,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<(u64, i64), StoreError> {
        let mut pages: Pages<Balance> = Pages::new();
        let (mut rows, mut sum) = (0, 0);
        while let Some(checked) = pages.next(conn)? {
            rows += 1;
            let Some(stored) = findings.readable(checked) else { continue };
            sum += stored.amount;
            let key = format!("{}, {}", stored.account.0, stored.day);
            match self.balances.remove(&(stored.account, stored.day)) {
                Some(amount) => {
                    let expected = Balance { amount, ..stored.clone() };
                    findings.must_equal(key, &stored, &expected);
                }
                None => findings.add("balance", key, "no transfer gives it".to_owned()),
            }
        }
        for (account, day) in self.balances.keys() {
            let key = format!("{}, {day}", account.0);
            findings.add("balance", key, "is missing".to_owned());
        }
        Ok((rows, sum))
    }
}

/// What the followed part of the ledger came to.
pub(super) struct Followed {
    /// Daily balances.
    pub(super) balances: u64,
    /// Hourly tallies.
    pub(super) tallies: u64,
    /// List entries.
    pub(super) ledger_list: i64,
    /// Of every account that is no member's, as stored, the tail included.
    pub(super) sum: i64,
}

pub(super) fn count(
    conn: &mut Conn,
    statement: &'static sql::Statement,
) -> Result<i64, StoreError> {
    let rows: Vec<Number> = conn.query(statement, &[])?;
    Ok(rows.first().map_or(0, |row| row.number))
}

fn find_listed(
    conn: &mut Conn,
    list: &BTreeSet<(Account, FactId)>,
) -> Result<BTreeSet<(Account, FactId)>, StoreError> {
    let keys: Vec<(Account, FactId)> = list.iter().copied().collect();
    let rows = conn.find::<LedgerList, _>(&keys)?;
    Ok(rows.into_iter().map(|row| (row.account, row.operation)).collect())
}

/// Reads the whole list and names what no operation gives.
fn find_extra_entries(
    conn: &mut Conn,
    directory: &Directory,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut pages: Pages<LedgerList> = Pages::new();
    loop {
        let page = pages.page(conn)?;
        if page.is_empty() {
            return Ok(());
        }
        let rows: Vec<LedgerList> =
            page.into_iter().filter_map(|row| findings.readable(row)).collect();
        let ids: Vec<FactId> = rows.iter().map(|row| row.operation).collect();
        let operations = conn.find::<Checked<Operation>, _>(&ids)?;
        let operations: Vec<Operation> =
            operations.into_iter().filter_map(|row| row.row.ok()).collect();
        let keys: Vec<FactId> = operations.iter().map(|row| row.id.plus(1)).collect();
        let transfers = conn.find::<Checked<Transfer>, _>(&keys)?;
        let mut transfers: Vec<Transfer> =
            transfers.into_iter().filter_map(|row| row.row.ok()).collect();
        let caused: BTreeSet<FactId> = ids.iter().copied().collect();
        transfers.retain(|row| caused.contains(&row.operation));
        let right = Added::of(&operations, &transfers, directory).list;
        for row in rows.iter().filter(|row| !right.contains(&(row.account, row.operation))) {
            let key = format!("{}, {}", row.account.0, row.operation.0);
            findings.add("ledger_list", key, "no operation gives it".to_owned());
        }
    }
}

/// What an operation names is there.
fn check_operation(
    operation: &Operation,
    (directory, members): (&Directory, i64),
    findings: &mut Findings,
) {
    let refusal = operation.refusal;
    let problem = if refusal != 0 && Refusal::from_number(refusal).is_none() {
        format!("has the unknown refusal {refusal}")
    } else if operation.terminal.is_some() && !directory.terminals.contains_key(&operation.terminal)
    {
        format!("names terminal {}, which is not there", operation.terminal.0)
    } else if operation.member.is_some() && !(1..=members).contains(&operation.member.0) {
        format!("names member {}, who is not there", operation.member.0)
    } else {
        return;
    };
    findings.add("operation", operation.id.0, problem);
}

fn check_transfers(
    operation: &Operation,
    transfers: &[&Transfer],
    directory: &Directory,
    findings: &mut Findings,
) {
    let key = |transfer: &Transfer| transfer.id.0;
    match (expected_transfer(operation, directory), transfers) {
        (None, []) => {}
        (Some(expected), []) => {
            let problem = format!("its transfer of {} is missing", expected.amount);
            findings.add("operation", operation.id.0, problem);
        }
        (Some(expected), [stored, extra @ ..]) => {
            if let Some(problem) = super::report::difference(*stored, &expected) {
                let problem = format!("{problem} (operation {})", operation.id.0);
                findings.add("transfer", key(stored), problem);
            }
            for extra in extra {
                let problem = format!("operation {} has another already", operation.id.0);
                findings.add("transfer", key(extra), problem);
            }
        }
        (None, extra) => {
            for extra in extra {
                let problem = format!("operation {} moves nothing", operation.id.0);
                findings.add("transfer", key(extra), problem);
            }
        }
    }
}

/// The one transfer that an operation must have caused, or none.
fn expected_transfer(operation: &Operation, directory: &Directory) -> Option<Transfer> {
    if !operation.succeeded() || operation.amount == 0 {
        return None;
    }
    let member = operation.member;
    let (money, points) = (Account::money(member), Account::points(member));
    // Whoever settles a payment is a terminal of the store that was paid.
    let store: StoreNumber = directory.store_of(operation.terminal);
    let payable = Account::payable(store);
    let (debit, credit) = match (operation.kind, operation.effect) {
        (OperationKind::Pay | OperationKind::Capture, _) => (money, payable),
        (OperationKind::Refund | OperationKind::Reverse, Effect::ToSuspense) => {
            (payable, Account::SUSPENSE)
        }
        (OperationKind::Refund, _) | (OperationKind::Reverse, Effect::GaveBack) => (payable, money),
        (OperationKind::Credit, Effect::Points) => (Account::POINTS_ISSUED, points),
        (OperationKind::Credit, _) => (Account::FUNDING, money),
        (OperationKind::TopUp, _) if operation.terminal.is_some() => (Account::cash(store), money),
        (OperationKind::TopUp, Effect::ToSuspense) => (Account::ACQUIRER, Account::SUSPENSE),
        (OperationKind::TopUp, _) => (Account::ACQUIRER, money),
        (OperationKind::Reverse, Effect::TookBack) => (money, Account::cash(store)),
        (OperationKind::TakeBack, _) => (money, Account::ACQUIRER),
        (OperationKind::Dispute, Effect::DisputeWon) => (Account::ACQUIRER, Account::DISPUTES),
        (OperationKind::Dispute, _) => (Account::DISPUTES, Account::ACQUIRER),
        _ => return None,
    };
    Some(Transfer::of(operation, (debit, credit)))
}
