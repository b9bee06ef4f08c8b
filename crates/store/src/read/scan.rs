//! Looking through a list for what is asked, newest first, within a bound of rows.

use yaoki_core::facts::Operation;
use yaoki_core::ids::FactId;
use yaoki_core::row::Value;

use super::{PAGE_MAX, Page, ROWS_SCANNED_MAX, Whose, page_of};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// What is looked through.
pub(super) enum Source<'a> {
    /// The list of a store, or of one of its terminals.
    List(Whose<'a>),
    /// The whole book.
    Book,
}

impl Source<'_> {
    /// A page of it from `before` back to `oldest`.
    fn page(
        &self,
        conn: &mut Conn,
        (oldest, before): (FactId, FactId),
        rows_left: &mut usize,
    ) -> Result<Page, StoreError> {
        if let Self::List(whose) = self {
            return whose.page(conn, before, PAGE_MAX, rows_left);
        }
        let arguments = [Value::Int(before.0), Value::Int(oldest.0), page_of(PAGE_MAX)];
        let operations: Vec<Operation> = conn.query(&sql::OPERATIONS_BEFORE, &arguments)?;
        *rows_left = rows_left.saturating_sub(operations.len());
        let last = operations.last().map(|last| last.id);
        let before = last.filter(|_| operations.len() == PAGE_MAX);
        Ok(Page { operations, before })
    }
}

/// One page of the operations of `source` that `keep` leaves over, from `before` back to `oldest`.
/// `keep` may count rows that it reads itself.
pub(super) fn scan(
    conn: &mut Conn,
    source: &Source<'_>,
    (oldest, before): (FactId, FactId),
    limit: usize,
    mut keep: impl FnMut(&mut Conn, &mut Vec<Operation>, &mut usize) -> Result<(), StoreError>,
) -> Result<Page, StoreError> {
    let limit = limit.min(PAGE_MAX);
    let mut rows_left = ROWS_SCANNED_MAX;
    let (mut next, mut found) = (Some(before), Vec::new());
    while let Some(before) = next
        && found.len() < limit
        && rows_left > 0
    {
        let page = source.page(conn, (oldest, before), &mut rows_left)?;
        next = page.before.filter(|&before| before > oldest);
        let mut operations = page.operations;
        operations.retain(|row| row.id >= oldest);
        keep(conn, &mut operations, &mut rows_left)?;
        found.append(&mut operations);
    }
    if found.len() > limit {
        found.truncate(limit);
        next = found.last().map(|last| last.id);
    }
    Ok(Page { operations: found, before: next })
}
