//! Verifying a book, offline: is everything that is stored what the facts give, and are the facts
//! the ones that were booked?
//!
//! | step       | what is compared                                                            |
//! | ---------- | ---------------------------------------------------------------------------- |
//! | `derived`  | book, merchants, stores, terminals, webhooks, switches with the events      |
//! | `staff`    | operators, passkeys, proposals, sessions, clerks with the events            |
//! | `chain`    | each commit's head, computed anew over its facts; no gap, no fact outside    |
//! | `sums`     | operations with transfers, daily balances and lists with the ledger          |
//! | `tallies`  | hourly tallies of stores with the ledger                                     |
//! | `payments` | how far each payment has come, with the operations on it                     |
//! | `members`  | members, devices, links with their facts; all accounts together are zero     |
//! | [`anchor`] | commits with what was signed and kept outside of the database                |
//!
//! Derived rows are folded by the functions that commits use. One snapshot is read page by page.
//! Without an anchor this proves that the book is consistent with itself, not that nobody rewrote
//! all of it: the report says so.
//!
//! Limits: 2 million members and 16 million acknowledgements at once (more in several passes), 100
//! findings; daily balances, closed switches, shops, staff and ended devices are held whole.

pub mod anchor;
mod chain;
mod derived;
mod members;
pub(crate) mod page;
mod payments;
mod people;
mod report;
mod staff;
mod sums;
mod tallies;

pub use anchor::Anchor;
pub use report::{Counts, FINDINGS_MAX, Finding, Report};

use self::chain::{Chain, Windows};
use self::derived::Known;
use self::report::Findings;
use self::sums::Sums;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// How far a long piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// Of how much; 0 where that is not known.
    pub of: u64,
}

/// Who is told.
pub type Progressing<'a> = &'a mut dyn FnMut(Progress);

/// What to compare the book with, and whom to tell how far it has come.
pub struct VerifyOptions<'a> {
    /// Heads that were signed and kept outside of the database, oldest first.
    pub anchors: Vec<Anchor>,
    /// Told now and then.
    pub progress: Progressing<'a>,
}

/// Verifies the whole book over a connection that no batch and no reader uses
/// ([`crate::conn::Purpose::Admin`]).
///
/// # Errors
/// Only faults of the storage. What is wrong with the book is in the report.
pub fn verify(conn: &mut Conn, options: VerifyOptions<'_>) -> Result<Report, StoreError> {
    conn.begin_snapshot()?;
    let report = verify_within(conn, options);
    conn.end_snapshot()?;
    report
}

/// The same within the transaction that the caller began.
pub(crate) fn verify_within(
    conn: &mut Conn,
    options: VerifyOptions<'_>,
) -> Result<Report, StoreError> {
    let VerifyOptions { anchors, progress } = options;
    let mut findings = Findings::default();
    progress(Progress { step: "events", done: 0, of: 0 });
    let known = Known::read(conn, &mut findings)?;
    let mut counts =
        Counts { events: known.events, checkpoints: known.checkpoints, ..Counts::default() };
    let lanes = verify_ledger(conn, &known, (&mut counts, &mut findings), progress)?;
    progress(Progress { step: "anchors", done: 0, of: 0 });
    anchor::check(conn, &anchors, &mut findings)?;
    let anchor_keys = anchors.iter().map(|anchor| page::hex(&anchor.public_key)).collect();
    Ok(Report {
        lanes,
        counts,
        anchors: anchors.len(),
        anchor_keys,
        findings: findings.kept,
        found: findings.count,
    })
}

fn verify_ledger(
    conn: &mut Conn,
    known: &Known,
    (counts, findings): (&mut Counts, &mut Findings),
    progress: Progressing<'_>,
) -> Result<Vec<(yaoki_core::ids::LaneNumber, i64)>, StoreError> {
    let of = u64::try_from(sums::count(conn, &sql::COUNT_OPERATIONS)?).unwrap_or(0);
    let book = (&known.directory, known.members);
    let mut chain = Chain::begin(conn, findings)?;
    let lanes = chain.position();
    let mut sums = Sums::begin(conn, (&lanes, &known.directory), findings)?;
    let mut windows = Windows::new();
    while let Some(window) = windows.next(conn, findings)? {
        sums.take(conn, &window, book, findings)?;
        payments::must_be_there(conn, &window.operations, findings)?;
        chain.advance(conn, window, findings)?;
        progress(Progress { step: "ledger", done: sums.operations, of });
    }
    chain.finish(conn, findings)?;
    let followed = sums.finish(conn, book, findings)?;
    counts.directory = known.compare(conn, findings)?;
    counts.payment_states = payments::check(conn, findings)?;
    let members = members::check(conn, known, findings, progress)?;
    let sum = members.sum + followed.sum;
    if sum != 0 {
        let problem = format!("all accounts together are {sum}, and must be zero");
        findings.add("book", 1, problem);
    }
    counts.batches = chain.batches;
    counts.acknowledgements = chain.acknowledgements();
    (counts.operations, counts.transfers) = (sums.operations, sums.transfers);
    (counts.balances, counts.ledger_list) =
        (followed.balances, u64::try_from(followed.ledger_list).unwrap_or(0));
    counts.tallies = followed.tallies;
    (counts.members, counts.devices, counts.links) =
        (members.members, members.devices, members.links);
    Ok(lanes)
}
