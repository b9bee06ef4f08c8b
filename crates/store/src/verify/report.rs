//! What verify found: counts of what was checked, and the rows that are wrong, the first one first.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use yaoki_core::ids::LaneNumber;
use yaoki_core::row::{Row, Value};

use super::page::Checked;
use crate::table::Record;

/// The most findings that are kept; more are only counted.
pub const FINDINGS_MAX: usize = 100;

/// One row that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The row's key.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.table, self.key, self.problem)
    }
}

/// Where findings are put.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<Finding>,
    pub(crate) count: u64,
}

impl Findings {
    /// One more.
    pub(crate) fn add(&mut self, table: &'static str, key: impl fmt::Display, problem: String) {
        self.count += 1;
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(Finding { table, key: key.to_string(), problem });
        }
    }

    /// The row, where it can be read; else it is a finding.
    pub(crate) fn readable<T: Record>(&mut self, checked: Checked<T>) -> Option<T> {
        let key = checked.key();
        match checked.row {
            Ok(row) => Some(row),
            Err(corrupt) => {
                self.add(T::TABLE, key, corrupt.to_string());
                None
            }
        }
    }

    /// The stored row must be the expected one.
    pub(crate) fn must_equal<T: Row>(&mut self, key: impl fmt::Display, stored: &T, expected: &T) {
        if let Some(problem) = difference(stored, expected) {
            self.add(T::TABLE, key, problem);
        }
    }

    /// Runs a fold, which asserts on nonsense; false, and a finding on the fact, when it did.
    pub(crate) fn folds<F: Row>(&mut self, key: impl fmt::Display, fold: impl FnOnce()) -> bool {
        match catch_unwind(AssertUnwindSafe(fold)) {
            Ok(()) => true,
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                let text = text.unwrap_or_default();
                self.add(F::TABLE, key, format!("cannot have been booked: it breaks \"{text}\""));
                false
            }
        }
    }
}

/// What differs, column by column. Bytes are not shown: some are secrets.
pub(crate) fn difference<T: Row>(stored: &T, expected: &T) -> Option<String> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    stored.values(&mut left);
    expected.values(&mut right);
    let columns = T::COLUMNS.iter().zip(left.into_iter().zip(right));
    let differing: Vec<String> = columns
        .filter(|(_, (stored, expected))| stored != expected)
        .map(|(column, values)| match values {
            (Value::Int(stored), Value::Int(expected)) => {
                format!("{column} is {stored}, the facts give {expected}")
            }
            (Value::Text(stored), Value::Text(expected)) => {
                format!("{column} is {stored:?}, the facts give {expected:?}")
            }
            _ => format!("{column} is not what the facts give"),
        })
        .collect();
    (!differing.is_empty()).then(|| differing.join("; "))
}

/// How many rows of each table were checked.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Commits.
    pub batches: u64,
    /// Operations.
    pub operations: u64,
    /// Transfers.
    pub transfers: u64,
    /// Events.
    pub events: u64,
    /// Acknowledgements.
    pub acknowledgements: u64,
    /// Members.
    pub members: u64,
    /// Devices.
    pub devices: u64,
    /// Enrolment links.
    pub links: u64,
    /// Payment states.
    pub payment_states: u64,
    /// Merchants, stores, terminals and closed switches.
    pub directory: u64,
    /// Daily balances.
    pub balances: u64,
    /// Hourly tallies.
    pub tallies: u64,
    /// List entries.
    pub ledger_list: u64,
    /// Checkpoints in the book.
    pub checkpoints: u64,
}

/// What verify found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The ledger's position: the last commit of each lane.
    pub lanes: Vec<(LaneNumber, i64)>,
    /// What was checked.
    pub counts: Counts,
    /// How many anchors were compared with the book.
    pub anchors: usize,
    /// The public keys that signed them, hexadecimal: whoever reads this compares them with the
    /// keys that he trusts.
    pub anchor_keys: BTreeSet<String>,
    /// The first [`FINDINGS_MAX`] findings, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// How many there are.
    pub found: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.found == 0
    }

    /// The first bad row.
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let lines = [
            ("commits", counts.batches),
            ("operations", counts.operations),
            ("transfers", counts.transfers),
            ("events", counts.events),
            ("acknowledgements", counts.acknowledgements),
            ("members", counts.members),
            ("devices", counts.devices),
            ("enrolment links", counts.links),
            ("payment states", counts.payment_states),
            ("merchants, stores, terminals, switches", counts.directory),
            ("daily balances", counts.balances),
            ("hourly tallies", counts.tallies),
            ("list entries", counts.ledger_list),
            ("checkpoints", counts.checkpoints),
        ];
        writeln!(out, "checked, each against the facts that it comes from:")?;
        for (name, count) in lines {
            writeln!(out, "  {count:>12}  {name}")?;
        }
        for (lane, seq) in &self.lanes {
            writeln!(out, "lane {}: {seq} commits", lane.0)?;
        }
        self.say_anchors(out)?;
        match self.first() {
            None => writeln!(out, "nothing is wrong"),
            Some(first) => {
                writeln!(out, "{} findings; the first: {first}", self.found)?;
                for finding in self.findings.iter().skip(1) {
                    writeln!(out, "  {finding}")?;
                }
                let more = usize::try_from(self.found).unwrap_or(usize::MAX) - self.findings.len();
                if more > 0 {
                    writeln!(out, "  and {more} more")?;
                }
                Ok(())
            }
        }
    }
}

impl Report {
    fn say_anchors(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clean = self.is_clean();
        match self.anchors {
            0 if clean => writeln!(
                out,
                "consistent with itself; not proof against someone who could rewrite all of it: \
                 give --anchor FILE"
            ),
            0 => Ok(()),
            count => {
                writeln!(out, "compared with {count} anchors, signed by:")?;
                self.anchor_keys.iter().try_for_each(|key| writeln!(out, "  {key}"))
            }
        }
    }
}
