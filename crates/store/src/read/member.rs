//! A member's list: each operation names the one before it, the member's row names the last.
//!
//! So a payment appends and changes no index of members, and a list is read from its newest end:
//! a page costs what it holds, a far day costs what has happened since.

use std::collections::VecDeque;

use yaoki_core::account::Account;
use yaoki_core::facts::{Operation, OperationKind, Transfer};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::row::Value;

use super::{Before, PAGE_MAX, Page, ROWS_SCANNED_MAX, member};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// The most operations that one statement walks back.
const WALK_MAX: i64 = 1024;

/// Operations of one member, newest first, read page by page.
struct Walk {
    /// Where the next page begins.
    next: FactId,
    /// Nothing before this is wanted.
    oldest: FactId,
}

impl Walk {
    fn page(&mut self, conn: &mut Conn, most: i64) -> Result<Vec<Operation>, StoreError> {
        if !self.next.is_some() || self.next < self.oldest {
            return Ok(Vec::new());
        }
        let arguments = [self.next.0, self.oldest.0, most.min(WALK_MAX)].map(Value::Int);
        let page: Vec<Operation> = conn.query(&sql::OPERATIONS_BACK_FROM, &arguments)?;
        self.next = page.last().map_or(FactId::NONE, |last| last.previous);
        Ok(page)
    }

    /// The same, with the transfers that they caused: newest first.
    fn transfers(&mut self, conn: &mut Conn) -> Result<Option<Vec<Transfer>>, StoreError> {
        let page = self.page(conn, WALK_MAX)?;
        if page.is_empty() {
            return Ok(None);
        }
        let moved = page.iter().rev().filter(|operation| operation.succeeded());
        let ids: Vec<FactId> = moved.map(|operation| operation.id.plus(1)).collect();
        let mut transfers = conn.find::<Transfer, _>(&ids)?;
        // The id after an operation's may be the next operation's own, with a transfer of another.
        let caused = |row: &Transfer| row.operation.plus(1) == row.id;
        transfers.retain(caused);
        transfers.sort_by_key(|row| std::cmp::Reverse(row.id));
        Ok(Some(transfers))
    }
}

/// A member's operations from one of them back to another, at most so many: newest first.
pub(crate) fn walked_back(
    conn: &mut Conn,
    (from, least): (FactId, FactId),
    most: usize,
) -> Result<Vec<Operation>, StoreError> {
    let mut walk = Walk { next: from, oldest: least };
    let mut all: Vec<Operation> = Vec::new();
    while all.len() < most {
        let page = walk.page(conn, i64::try_from(most - all.len()).unwrap_or(WALK_MAX))?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    Ok(all)
}

fn walk(conn: &mut Conn, number: MemberNumber, oldest: FactId) -> Result<Walk, StoreError> {
    let found = member(conn, number)?;
    Ok(Walk { next: found.map_or(FactId::NONE, |row| row.last_operation), oldest })
}

/// What a member's account had before `end`: what it has, less what it gained since.
pub(super) fn amount(
    conn: &mut Conn,
    account: Account,
    number: MemberNumber,
    end: FactId,
) -> Result<i64, StoreError> {
    let Some(row) = member(conn, number)? else { return Ok(0) };
    let mut amount = if account == Account::points(number) { row.points } else { row.money };
    let mut walk = Walk { next: row.last_operation, oldest: end };
    while let Some(transfers) = walk.transfers(conn)? {
        for transfer in transfers {
            amount -= if transfer.credit == account { transfer.amount } else { 0 };
            amount += if transfer.debit == account { transfer.amount } else { 0 };
        }
    }
    Ok(amount)
}

/// The first `limit` transfers of a member's account after `after` and before `end`, oldest first.
pub(super) fn statement(
    conn: &mut Conn,
    (account, number): (Account, MemberNumber),
    (after, end): (FactId, FactId),
    limit: usize,
) -> Result<Vec<Transfer>, StoreError> {
    // An operation's id is the one before its transfer's.
    let mut walk = walk(conn, number, after)?;
    let mut kept = VecDeque::with_capacity(limit + 1);
    while let Some(transfers) = walk.transfers(conn)? {
        let ours = |row: &Transfer| row.debit == account || row.credit == account;
        for transfer in transfers {
            if ours(&transfer) && transfer.id > after && transfer.id < end {
                kept.push_front(transfer);
                kept.truncate(limit);
            }
        }
    }
    Ok(kept.into())
}

/// The newest operations of a member that moved, held or released anything, newest first. Looks
/// through so many operations and no more: declines between them may leave fewer than `limit`.
pub fn recent_movements(
    conn: &mut Conn,
    number: MemberNumber,
    limit: usize,
) -> Result<Vec<Operation>, StoreError> {
    movements(conn, number, None, limit).map(|page| page.operations)
}

/// One page of what [`recent_movements`] gives the first of. An operation that is none of the
/// member's begins no page.
pub fn movements(
    conn: &mut Conn,
    number: MemberNumber,
    before: Before,
    limit: usize,
) -> Result<Page, StoreError> {
    let limit = limit.min(PAGE_MAX);
    let mut walk = match before {
        None => walk(conn, number, FactId::NONE)?,
        Some(before) => {
            let last = conn.find::<Operation, _>(&[before])?.pop();
            let own = last.filter(|row| row.member == number);
            let next = own.map_or(FactId::NONE, |row| row.previous);
            Walk { next, oldest: FactId::NONE }
        }
    };
    let (mut found, mut last) = (Vec::with_capacity(limit), None);
    for most in [limit, ROWS_SCANNED_MAX] {
        let page = walk.page(conn, i64::try_from(most).expect("a page is short"))?;
        last = page.last().map(|row| row.id).or(last);
        // A dispute is between the acquirer and the operator.
        let theirs = |row: &Operation| row.has_effect() && row.kind != OperationKind::Dispute;
        found.extend(page.into_iter().filter(theirs));
        if found.len() >= limit {
            break;
        }
    }
    let before = match found.get(limit.saturating_sub(1)) {
        Some(row) if found.len() > limit => Some(row.id),
        _ => last.filter(|_| walk.next.is_some()),
    };
    found.truncate(limit);
    Ok(Page { operations: found, before })
}

/// The newest operations of a member, newest first: payments, holds, refunds, credits, declines.
pub fn history(
    conn: &mut Conn,
    number: MemberNumber,
    limit: usize,
) -> Result<Vec<Operation>, StoreError> {
    let limit = limit.min(PAGE_MAX);
    let most = i64::try_from(limit).expect("a page is short");
    walk(conn, number, FactId::NONE)?.page(conn, most)
}
