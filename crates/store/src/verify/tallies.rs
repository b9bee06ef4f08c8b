//! Hourly tallies are what the followed part of the ledger gives. Compared while it is read, so
//! that only the hours of one window are held.

use std::collections::BTreeMap;

use super::page::Pages;
use super::report::Findings;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::follow::{Figure, TallyKey, tally};
use crate::table::Tally;

/// What is counted while the ledger is read.
pub(super) struct Tallies {
    /// Of the hours that are not compared yet.
    expected: BTreeMap<TallyKey, Figure>,
    stored: Pages<Tally>,
    /// Rows that were compared.
    pub(super) compared: u64,
}

impl Tallies {
    /// Nothing read yet.
    pub(super) fn begin() -> Self {
        Self { expected: BTreeMap::new(), stored: Pages::new(), compared: 0 }
    }

    /// Takes what a window of the ledger gives.
    pub(super) fn take(&mut self, tallies: BTreeMap<TallyKey, Figure>) {
        for (key, figure) in tallies {
            self.expected.entry(key).or_default().add(figure);
        }
    }

    /// Compares the hours before `hour`, of which nothing more will be taken.
    pub(super) fn compare(
        &mut self,
        conn: &mut Conn,
        hour: i64,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        while let Some(row) = self.stored.peek(conn)?
            && row.number() < hour
        {
            let Some(checked) = self.stored.next(conn)? else { break };
            self.compared += 1;
            let key = checked.key();
            let Some(stored) = findings.readable(checked) else { continue };
            let place = (stored.hour, stored.store, stored.kind, stored.outcome);
            match self.expected.remove(&place) {
                Some(figure) => findings.must_equal(key, &stored, &tally((&place, &figure))),
                None => findings.add("tally", key, "no operation gives it".to_owned()),
            }
        }
        while let Some(first) = self.expected.first_entry()
            && first.key().0 < hour
        {
            let (hour, store, kind, outcome) = first.remove_entry().0;
            let key = format!("{hour}, {}, {}, {}", store.0, kind.code(), outcome.code());
            findings.add("tally", key, "is missing".to_owned());
        }
        Ok(())
    }
}
