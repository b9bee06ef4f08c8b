//! What can go wrong with storage: operating faults, one variant a failing step. Expected refusals
//! are core's; bugs of ours are asserted.
//!
//! A driver's error is kept as code and message only: PostgreSQL's details may quote a row, and a
//! row may hold a secret.

use std::error::Error as _;

use rusqlite::ErrorCode;
use thiserror::Error;
use yaoki_core::row::{Corrupt, Row};

/// An operating fault of the storage. Never carries a secret or a whole URL.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database's name is not understood.
    #[error("{0}; write sqlite:PATH or postgres://USER@HOST/NAME")]
    BadDatabase(String),
    /// The file cannot be opened.
    #[error("the SQLite file cannot be opened: {0}")]
    Open(Fault),
    /// There is no file, and this is not the one who makes it.
    #[error("there is no book at {}: run `yaoki init` or `yaoki demo`", path.display())]
    NoFile {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
    /// The server cannot be reached or does not let us in.
    #[error("PostgreSQL cannot be reached: {0}")]
    Connect(Fault),
    /// The certificates that the URL names cannot be used.
    #[error("TLS to PostgreSQL cannot be set up: {0}")]
    Tls(String),
    /// A statement of SQLite failed.
    #[error("SQLite failed at {step}: {fault}")]
    Sqlite {
        /// The failing step.
        step: String,
        /// Why.
        fault: Fault,
    },
    /// A statement of PostgreSQL failed.
    #[error("PostgreSQL failed at {step}: {fault}")]
    Server {
        /// The failing step.
        step: String,
        /// Why.
        fault: Fault,
    },
    /// A stored row is not one of ours.
    #[error("table {table}, row {key}: {corrupt}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The columns that name the row, as `name=value`.
        key: String,
        /// The column and what is wrong with it.
        corrupt: Corrupt,
    },
    /// Another node was first: run the batch again.
    #[error("another node was first in table {table}")]
    AnotherWasFirst {
        /// The table with the shortfall.
        table: &'static str,
    },
    /// The lane's row is not there.
    #[error("lane {lane} is not in this database")]
    LaneGone {
        /// The lane.
        lane: i64,
    },
    /// Another node has leased the lane.
    #[error("lane {lane} was taken over by {holder:?}")]
    LaneTaken {
        /// The lane.
        lane: i64,
        /// Who holds it now.
        holder: String,
    },
    /// Commits that were acknowledged are not there.
    #[error(
        "lane {lane} is at commit {stored}, but {known} was acknowledged: the database went back"
    )]
    WentBackInTime {
        /// The lane.
        lane: i64,
        /// The commit that is stored.
        stored: i64,
        /// The commit that was acknowledged.
        known: i64,
    },
    /// All 1,024 lanes are held.
    #[error("no lane is free: release those of nodes that are gone")]
    NoFreeLane,
    /// The database has no book.
    #[error("there is no book in this database: run `yaoki init` or `yaoki demo`")]
    BookMissing,
    /// The database has a book already.
    #[error("there is a book in this database already")]
    BookExists,
    /// The schema is older than this release works on.
    #[error("the schema is at {found}, this release needs {needed}: run `yaoki migrate`")]
    SchemaTooOld {
        /// The schema's number.
        found: i64,
        /// What this release needs.
        needed: i64,
    },
    /// The schema is newer than this release knows.
    #[error("the schema is at {found}, this release knows {known}: run a newer release")]
    SchemaTooNew {
        /// The schema's number.
        found: i64,
        /// What this release knows.
        known: i64,
    },
    /// The server can lose acknowledged commits.
    #[error(
        "PostgreSQL can lose acknowledged payments ({setting}): mend it, or start with \
         --accept-losing-payments-on-failover"
    )]
    NotDurable {
        /// The setting.
        setting: String,
    },
    /// This node's clock is not the database's.
    #[error(
        "this node's clock is {off_ms} ms ahead of the database's, and may be 500 ms off: set both \
         by NTP"
    )]
    ClockIsOff {
        /// How far ahead; negative when it is behind.
        off_ms: i64,
    },
    /// Too many reads are in line, or the book is closing.
    #[error("too many reads are in line: try again")]
    ReadersBusy,
    /// A file operation of backup, restore or a checkpoint failed.
    #[error("{step}: {source}")]
    File {
        /// What was done to which file.
        step: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Something that was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    pub(crate) fn open(error: rusqlite::Error) -> Self {
        Self::Open(error.into())
    }

    pub(crate) fn connect(error: postgres::Error) -> Self {
        Self::Connect(Fault::connecting(error))
    }

    pub(crate) fn write(step: &str, error: rusqlite::Error) -> Self {
        Self::Sqlite { step: step.to_owned(), fault: error.into() }
    }

    pub(crate) fn read(step: &str, error: rusqlite::Error) -> Self {
        Self::Sqlite { step: step.to_owned(), fault: error.into() }
    }

    pub(crate) fn sync(source: std::io::Error) -> Self {
        Self::File { step: "syncing the file that holds the book".to_owned(), source }
    }

    pub(crate) fn server(step: &str, error: postgres::Error) -> Self {
        Self::Server { step: step.to_owned(), fault: error.into() }
    }

    pub(crate) fn corrupt<T: Row>(corrupt: Corrupt, key: &str) -> Self {
        Self::Corrupt { table: T::TABLE, key: key.to_owned(), corrupt }
    }

    /// What follows from it, where a storage said it.
    const fn kind(&self) -> FaultKind {
        match self {
            Self::Open(fault)
            | Self::Connect(fault)
            | Self::Sqlite { fault, .. }
            | Self::Server { fault, .. } => fault.kind,
            _ => FaultKind::Other,
        }
    }

    /// Whether running the same batch again can succeed: another node was first, a serialisation
    /// failure (40001), a deadlock (40P01), a lock time-out (55P03), a statement time-out (57014),
    /// an SQLite file that somebody else holds.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::AnotherWasFirst { .. })
            || matches!(self.kind(), FaultKind::Conflict | FaultKind::Deadline)
    }

    /// Whether the time that a statement or a read is given was over.
    pub fn is_deadline(&self) -> bool {
        self.kind() == FaultKind::Deadline
    }

    /// Whether the session is gone (or was ended), so that nothing is known of what was under way.
    pub fn is_connection_lost(&self) -> bool {
        self.kind() == FaultKind::ConnectionLost
    }

    /// Whether the disk or the file failed: the frames may be on disk or not.
    pub fn is_disk_failure(&self) -> bool {
        self.kind() == FaultKind::DiskFailure
    }
}

/// What a storage said, as far as it may be shown.
#[derive(Clone, Debug, Error)]
#[error("{message} ({code})")]
pub struct Fault {
    /// SQLSTATE, or SQLite's extended result code; `no code` where the driver itself failed.
    pub code: String,
    /// Its own words, without the values of a row.
    pub message: String,
    /// What follows from it.
    pub kind: FaultKind,
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Somebody else was in the way: roll back and run again.
    Conflict,
    /// The time allowed was over: roll back; again later.
    Deadline,
    /// The server is gone, restarting, or no longer the one that writes: connect anew.
    ConnectionLost,
    /// The disk failed or is full, or holds damaged pages: write nothing any more.
    DiskFailure,
    /// Anything else: a fault of ours, of settings or of the schema.
    Other,
}

const NO_CODE: &str = "no code";

impl Fault {
    /// A server that cannot be reached may be on its way back; one that answers and refuses is not.
    fn connecting(error: postgres::Error) -> Self {
        let fault = Self::from(error);
        let kind = if fault.code == NO_CODE { FaultKind::ConnectionLost } else { fault.kind };
        Self { kind, ..fault }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        let Some(said) = error.sqlite_error() else {
            return Self { code: NO_CODE.to_owned(), message, kind: FaultKind::Other };
        };
        let kind = match said.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => FaultKind::Conflict,
            ErrorCode::OperationInterrupted => FaultKind::Deadline,
            ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::ReadOnly => FaultKind::DiskFailure,
            _ => FaultKind::Other,
        };
        Self { code: said.extended_code.to_string(), message, kind }
    }
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            let code = said.code().code();
            let (message, kind) = (said.message().to_owned(), kind_of(code));
            return Self { code: code.to_owned(), message, kind };
        }
        let cause = error.source();
        let message = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        let by_network = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()).is_some();
        let lost = error.is_closed() || by_network;
        let kind = if lost { FaultKind::ConnectionLost } else { FaultKind::Other };
        Self { code: NO_CODE.to_owned(), message, kind }
    }
}

/// What follows from a SQLSTATE (PostgreSQL, appendix A).
fn kind_of(code: &str) -> FaultKind {
    match code {
        "40001" | "40P01" | "55P03" => FaultKind::Conflict,
        "57014" => FaultKind::Deadline,
        // Shutting down, crashed, starting up, ended while idle, too many sessions; a writer that
        // became a standby (25006) is to be looked for elsewhere.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" | "25006" => {
            FaultKind::ConnectionLost
        }
        code if code.starts_with("08") => FaultKind::ConnectionLost,
        // Disk full, I/O error, data or index corrupted.
        "53100" | "58030" | "XX001" | "XX002" => FaultKind::DiskFailure,
        _ => FaultKind::Other,
    }
}
