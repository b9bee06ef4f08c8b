//! Operators, their links and passkeys, proposals, sessions of staff and clerks, rebuilt from
//! events by the fold that commits use, and compared row for row.
//!
//! Of a credential and of what a PIN is compared with, the events have the digest: the row's bytes
//! must have it. All is held whole: some hundred bytes a session that was ever opened.

use std::collections::BTreeMap;

use yaoki_core::clerk::Clerk;
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::operator::{OperatorPasskey, Sealed, part};
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::staff::{StaffChanged, StaffDirectory, StaffRows, fold};

use super::derived::compare_all;
use super::page::{Checked, Paged, Pages, hex};
use super::report::Findings;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql::{self, Statement};
use crate::table::Record;

/// What the events say of staff. Where a secret belongs there is its digest.
#[derive(Debug, Default)]
pub(super) struct Staff {
    rows: StaffRows,
}

impl Staff {
    /// Books an event about staff.
    pub(super) fn fold(
        &mut self,
        directory: &mut StaffDirectory,
        event: &Event,
        findings: &mut Findings,
    ) {
        let rows = &mut self.rows;
        findings.folds::<Event>(event.id.0, || {
            let digest = match event.kind {
                EventKind::OperatorPasskeyAdded => Some(part(&event.digest, 1)),
                EventKind::ClerkCreated | EventKind::ClerkPinReset => Some(part(&event.digest, 0)),
                _ => None,
            };
            let secret = digest.map(|digest| Sealed(digest.to_vec()));
            fold(move || directory, rows, event, secret);
            rows.changed = StaffChanged::default();
        });
    }

    /// Compares every row; says how many there are.
    pub(super) fn compare(
        &self,
        directory: &StaffDirectory,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        let stored = few(conn, &sql::OPERATORS, &mut count)?;
        compare_all(stored, &directory.operators, |row| row.number, |key| key.0, findings);
        let stored = few(conn, &sql::OPERATOR_LINKS, &mut count)?;
        compare_all(stored, &self.rows.links, |row| row.digest, |key| hex(key), findings);
        let stored = many(conn, &mut count)?;
        compare_all(stored, &directory.proposals, |row| row.id, |key| key.0, findings);
        let stored: Vec<Checked<StaffSession>> = many(conn, &mut count)?;
        compare_all(stored, &self.rows.sessions, |row| row.id, |key| key.0, findings);
        let stored: Vec<Checked<OperatorPasskey>> = few(conn, &sql::OPERATOR_PASSKEYS, &mut count)?;
        let expected = unsealed(&self.rows.passkeys, &stored, |row| (row.lookup, &row.secret));
        let expected = expected.map(|(row, secret)| OperatorPasskey { secret, ..row });
        let expected = expected.map(|row| (row.lookup, row)).collect();
        compare_all(stored, &expected, |row| row.lookup, |key| hex(key), findings);
        let stored: Vec<Checked<Clerk>> = many(conn, &mut count)?;
        let expected = unsealed(&self.rows.clerks, &stored, |row| (row.number, &row.pin));
        let expected = expected.map(|(row, pin)| Clerk { pin, ..row });
        let expected = expected.map(|row| (row.number, row)).collect();
        compare_all(stored, &expected, |row| row.number, |key| key.0, findings);
        let stored: Vec<Checked<Shift>> = many(conn, &mut count)?;
        compare_all(stored, &self.rows.shifts, |row| row.id, |key| key.0, findings);
        Ok(count)
    }
}

fn few<T: Record>(
    conn: &mut Conn,
    statement: &'static Statement,
    count: &mut usize,
) -> Result<Vec<Checked<T>>, StoreError> {
    let rows: Vec<Checked<T>> = conn.query(statement, &[])?;
    *count += rows.len();
    Ok(rows)
}

fn many<T: Paged>(conn: &mut Conn, count: &mut usize) -> Result<Vec<Checked<T>>, StoreError> {
    let (mut pages, mut rows) = (Pages::new(), Vec::new());
    while let Some(row) = pages.next(conn)? {
        rows.push(row);
    }
    *count += rows.len();
    Ok(rows)
}

/// Expected rows, each with the stored secret where that has the digest which the events say, else
/// with the digest, which no stored secret equals.
fn unsealed<'a, K: Ord, T: Record + Clone>(
    expected: &'a BTreeMap<K, T>,
    stored: &'a [Checked<T>],
    of: impl Fn(&T) -> (K, &Sealed) + 'a,
) -> impl Iterator<Item = (T, Sealed)> + 'a {
    let stored = stored.iter().filter_map(|checked| checked.row.as_ref().ok());
    let stored: BTreeMap<K, Sealed> = stored
        .map(|row| {
            let (key, secret) = of(row);
            (key, secret.clone())
        })
        .collect();
    expected.iter().map(move |(key, row)| {
        let digest = of(row).1;
        let secret = stored.get(key).filter(|secret| secret.digest().as_slice() == digest.0);
        (row.clone(), secret.unwrap_or(digest).clone())
    })
}
