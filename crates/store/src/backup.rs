//! Backup while serving, restore, and opening a restored book.
//!
//! A backup is one SQLite file, whatever the book is kept in: a snapshot of every table at one
//! moment, verified before it gets its name. On SQLite the pages are copied under one read
//! snapshot, so a busy writer neither waits nor makes it begin anew; on PostgreSQL every table is
//! read page by page in one repeatable-read snapshot. No key is in it.
//!
//! A restore goes where there is no book yet, on either storage. What was acknowledged after the
//! backup is lost then, so spent codes and known request ids could look fresh. Therefore
//!
//! - every lane begins a new generation without a holder: a node that still runs stops;
//! - the book's code generation is raised: `serve` makes a new code key, of that generation, and
//!   forgets the one before ([`crate::Book::code_generation`]), so that no code shown before pays;
//! - the book is closed: it answers no register and no member ([`crate::Unknown::Closed`]) until
//!   two people have looked at what is missing and open it.
//!
//! The chain goes on: that it was restored, and that it was opened, are events. Anchors made after
//! the backup prove which commits are missing; a restored book begins a new anchor file.
//!
//! Limits: on SQLite a backup's snapshot keeps the write-ahead log from being shortened, so new
//! writes are refused when it has 512 MB, until the copy is done.

mod copy;
mod file;

use std::fmt;
use std::path::{Path, PathBuf};

use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{LaneNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;

use self::file::Part;
use crate::conn::{Conn, LockMode, Purpose, SqliteConn};
use crate::database::Database;
use crate::error::StoreError;
use crate::table::{Book, Switchboard};
use crate::verify::anchor::{self, time_text};
use crate::verify::{Anchor, Progress, Progressing, Report, VerifyOptions, verify_within};
use crate::{migrate, save, sql};

/// A finished backup.
#[derive(Clone, Debug)]
pub struct BackupReport {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What verifying the copy found: nothing wrong. `lanes` is the ledger's position in it.
    pub verified: Report,
}

impl fmt::Display for BackupReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "backup {}, {} bytes, verified", self.path.display(), self.bytes)?;
        write!(out, "{}", self.verified)
    }
}

/// Copies a book into a new file, also while it is being written, and verifies the copy.
///
/// # Errors
/// Where `target` exists, where there is too little room, where the copy is not clean, and faults
/// of storage and disk. Then there is no file of that name.
pub fn backup(
    database: &Database,
    target: &Path,
    progress: Progressing<'_>,
) -> Result<BackupReport, StoreError> {
    let mut source = Conn::open(database, Purpose::Admin)?;
    migrate::check(&mut source)?;
    let part = Part::create(target, source.database_bytes()?)?;
    source.begin_snapshot()?;
    let copied = match &source {
        Conn::Sqlite(conn) => copy::pages(conn, part.path(), progress),
        Conn::Postgres(_) => copy::into_file(&mut source, part.path(), progress),
    };
    copied?;
    source.end_snapshot()?;
    drop(source);
    let mut copy = Conn::open(&Database::Sqlite(part.path().to_owned()), Purpose::Admin)?;
    let verified = check(&mut copy, progress)?;
    let bytes = copy.database_bytes()?;
    part.keep(copy)?;
    Ok(BackupReport { path: target.to_owned(), bytes, verified })
}

/// Schema, pages, and everything that verify looks at.
fn check(conn: &mut Conn, progress: Progressing<'_>) -> Result<Report, StoreError> {
    migrate::check(conn)?;
    if let Conn::Sqlite(file) = conn {
        progress(Progress { step: "pages of the copy", done: 0, of: 0 });
        file::quick_check(file)?;
    }
    let report = verify_within(conn, VerifyOptions { anchors: Vec::new(), progress })?;
    match report.first() {
        None => Ok(report),
        Some(first) => {
            let count = report.found;
            let problem = format!("the copy is not clean ({count} findings; the first: {first})");
            Err(StoreError::Refused(problem))
        }
    }
}

/// How a book is restored.
pub struct RestoreOptions<'a> {
    /// Who restores it; must be said.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The time.
    pub now: Instant,
    /// What an anchor file has: it proves what the backup lacks.
    pub anchors: Vec<Anchor>,
    /// Told now and then.
    pub progress: Progressing<'a>,
}

/// Commits that were anchored and are not in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The lane.
    pub lane: LaneNumber,
    /// The first commit that is missing.
    pub first: i64,
    /// The last one that is proved to be missing.
    pub last: i64,
    /// When the anchor that proves it was made.
    pub anchored_at: Instant,
}

/// A finished restore.
#[derive(Clone, Debug)]
pub struct RestoreReport {
    /// The ledger's position in the backup.
    pub position: Vec<(LaneNumber, i64)>,
    /// What the anchors prove to be missing.
    pub missing: Vec<Missing>,
    /// How many anchors there were.
    pub anchors: usize,
    /// The generation that the new code key must have.
    pub code_generation: i64,
    /// What verifying the restored book found: nothing wrong.
    pub verified: Report,
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (lane, seq) in &self.position {
            writeln!(out, "lane {}: restored up to commit {seq}", lane.0)?;
        }
        for missing in &self.missing {
            let Missing { lane, first, last, anchored_at } = missing;
            let time = time_text(*anchored_at);
            writeln!(
                out,
                "lane {}: commits {first} to {last} are missing (anchor of {time})",
                lane.0
            )?;
        }
        match (self.anchors, self.missing.is_empty()) {
            (0, _) => writeln!(out, "what is missing cannot be said without an anchor file")?,
            (count, true) => writeln!(out, "{count} anchors, none later than the backup")?,
            (_, false) => {}
        }
        writeln!(
            out,
            "closed until two people open it; codes are under a new key, generation {}; begin a \
             new anchor file",
            self.code_generation
        )
    }
}

/// Restores a backup where there is no book yet.
///
/// # Errors
/// Where there is a book already, where the backup is not clean or contradicts the anchors, and
/// faults of storage and disk. Then nothing is changed.
pub fn restore(
    backup: &Path,
    target: &Database,
    options: RestoreOptions<'_>,
) -> Result<RestoreReport, StoreError> {
    if options.actor.trim().is_empty() {
        return Err(StoreError::Refused("who restores the book must be said".to_owned()));
    }
    match target {
        Database::Sqlite(path) => restore_file(backup, path, options),
        Database::Postgres(_) => restore_server(backup, target, options),
    }
}

fn restore_file(
    backup: &Path,
    target: &Path,
    mut options: RestoreOptions<'_>,
) -> Result<RestoreReport, StoreError> {
    let part = Part::copy_of(backup, target)?;
    let mut conn = Conn::open(&Database::Sqlite(part.path().to_owned()), Purpose::Admin)?;
    migrate::check(&mut conn)?;
    conn.begin()?;
    let report = start_anew(&mut conn, &mut options)?;
    conn.commit()?;
    part.keep(conn)?;
    Ok(report)
}

fn restore_server(
    backup: &Path,
    target: &Database,
    mut options: RestoreOptions<'_>,
) -> Result<RestoreReport, StoreError> {
    let mut source = Conn::Sqlite(SqliteConn::open_unchanged(backup)?);
    let mut conn = Conn::open(target, Purpose::Admin)?;
    migrate::migrate(&mut conn)?;
    if !matches!(Book::load(&mut conn), Err(StoreError::BookMissing)) {
        return Err(StoreError::BookExists);
    }
    file::must_be_of_this_schema(&source)?;
    // One transaction: a restore that is interrupted leaves an empty book behind.
    conn.begin()?;
    copy::tables(&mut source, &mut conn, &mut *options.progress)?;
    conn.run_script(
        "ANALYZE; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
         SET LOCAL enable_mergejoin = off",
    )?;
    let report = start_anew(&mut conn, &mut options)?;
    conn.commit()?;
    Ok(report)
}

/// Turns a copy into a book of its own, closed, and verifies it; in the caller's transaction.
fn start_anew(
    conn: &mut Conn,
    options: &mut RestoreOptions<'_>,
) -> Result<RestoreReport, StoreError> {
    let mut lanes: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    let position: Vec<(LaneNumber, i64)> = lanes.iter().map(|lane| (lane.id, lane.seq)).collect();
    let missing = missing(conn, &position, &options.anchors)?;
    let mut book = Book::load(conn)?;
    book.code_generation += 1;
    book.closed = 1;
    conn.update(&[&book])?;
    for lane in &mut lanes {
        lane.generation += 1;
        lane.holder.clear();
    }
    conn.update(&lanes.iter().collect::<Vec<_>>())?;
    let Some(first) = lanes.into_iter().next() else {
        let problem = "the backup has no lane: its book was never opened".to_owned();
        return Err(StoreError::Refused(problem));
    };
    let code_generation = book.code_generation;
    let said = Said {
        kind: EventKind::Restored,
        number: code_generation,
        request_id: RequestId::deterministic("restore", code_generation),
        people: (options.actor.trim(), ""),
        text: &options.reason,
    };
    book_event(conn, first, said, options.now)?;
    let verified = check(conn, &mut *options.progress)?;
    let anchors = options.anchors.len();
    Ok(RestoreReport { position, missing, anchors, code_generation, verified })
}

/// What the anchors prove to be missing.
fn missing(
    conn: &mut Conn,
    position: &[(LaneNumber, i64)],
    anchors: &[Anchor],
) -> Result<Vec<Missing>, StoreError> {
    if let Some(contradiction) = anchor::contradiction(conn, position, anchors)? {
        let problem = format!("the anchors are not of this backup's ledger: {contradiction}");
        return Err(StoreError::Refused(problem));
    }
    let mut missing: Vec<Missing> = Vec::new();
    for anchor in anchors {
        for &(lane, last, _) in &anchor.heads {
            let restored = position.iter().find(|(other, _)| *other == lane);
            let first = restored.map_or(0, |(_, seq)| *seq) + 1;
            let found = Missing { lane, first, last, anchored_at: anchor.at };
            match missing.iter_mut().find(|other| other.lane == lane) {
                _ if last < first => {}
                Some(other) if other.last < last => *other = found,
                Some(_) => {}
                None => missing.push(found),
            }
        }
    }
    Ok(missing)
}

/// Opens a restored book that has no operators. It takes two people, who say so by name; where
/// there are operators, two of them agree (`Act::OpenBook`). A server that runs takes
/// commands from its next batch on.
///
/// # Errors
/// Where the book is not closed, or there are not two different names; faults of the storage.
pub fn open_after_restore(
    conn: &mut Conn,
    first: &str,
    second: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let (first, second) = (first.trim(), second.trim());
    if first.is_empty() || second.is_empty() || first.to_lowercase() == second.to_lowercase() {
        let problem = Refusal::ReopeningTakesTwoPeople.sentence().to_owned();
        return Err(StoreError::Refused(problem));
    }
    conn.begin()?;
    let opened = open(conn, (first, second), now);
    match &opened {
        Ok(()) => conn.commit()?,
        Err(_) => conn.rollback()?,
    }
    opened
}

fn open(conn: &mut Conn, people: (&str, &str), now: Instant) -> Result<(), StoreError> {
    let lanes: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    let ids: Vec<LaneNumber> = lanes.first().map(|lane| lane.id).into_iter().collect();
    let lane = conn.lock::<Lane>(&ids, LockMode::Wait)?.pop();
    let lane = lane.ok_or(StoreError::BookMissing)?;
    let book = Book::load(conn)?;
    if book.closed == 0 {
        return Err(StoreError::Refused("the book is not closed".to_owned()));
    }
    if !crate::read::staff::operators(conn)?.is_empty() {
        return Err(StoreError::Refused(Refusal::ActTakesAProposal.sentence().to_owned()));
    }
    let generation = book.code_generation;
    conn.update(&[&Book { closed: 0, ..book }])?;
    let said = Said {
        kind: EventKind::BookOpened,
        number: generation,
        request_id: RequestId::deterministic("open after restore", generation),
        people,
        text: "",
    };
    book_event(conn, lane, said, now)?;
    // Lanes look at the book again when the switchboard's version is another.
    let version = Switchboard::load(conn)?.version;
    let raised = Switchboard { id: 1, version: version + 1 };
    if raised.raise(conn, version)? {
        Ok(())
    } else {
        Err(StoreError::AnotherWasFirst { table: "switchboard" })
    }
}

/// What an event of a restored book says.
#[derive(Clone, Copy)]
struct Said<'a> {
    kind: EventKind,
    number: i64,
    request_id: RequestId,
    people: (&'a str, &'a str),
    text: &'a str,
}

fn book_event(conn: &mut Conn, lane: Lane, said: Said<'_>, now: Instant) -> Result<(), StoreError> {
    let at = now.max(lane.last_at);
    let event = Event {
        id: lane.last_id.next_block(lane.id, at, 1),
        seq: lane.seq + 1,
        request_id: said.request_id,
        kind: said.kind,
        subject: 0,
        object: 0,
        number: said.number,
        digest: Vec::new(),
        actor: said.people.0.to_owned(),
        second: said.people.1.to_owned(),
        text: said.text.to_owned(),
    };
    save::book_event(conn, lane, event, at).map(drop)
}
