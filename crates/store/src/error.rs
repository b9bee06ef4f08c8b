//! What can go wrong with storage: operating faults, one variant a failing step. Expected refusals
//! are core's; bugs of ours are asserted.

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
    Open(#[source] rusqlite::Error),
    /// The server cannot be reached or does not let us in.
    #[error("PostgreSQL cannot be reached: {0}")]
    Connect(#[source] postgres::Error),
    /// A statement of SQLite failed.
    #[error("SQLite failed at {step}: {source}")]
    Sqlite {
        /// The failing step.
        step: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// A statement of PostgreSQL failed.
    #[error("PostgreSQL failed at {step}: {source}")]
    Server {
        /// The failing step.
        step: String,
        /// Why.
        source: postgres::Error,
    },
    /// A stored row is not one of ours.
    #[error("table {table}, row {key}: {corrupt}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's first key column.
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
    /// Too many reads are in line, or the book is closing.
    #[error("too many reads are in line: try again")]
    ReadersBusy,
    /// A file operation of backup or restore failed.
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
        Self::Open(error)
    }

    pub(crate) fn connect(error: postgres::Error) -> Self {
        Self::Connect(error)
    }

    pub(crate) fn begin(source: rusqlite::Error) -> Self {
        Self::Sqlite { step: "begin".to_owned(), source }
    }

    pub(crate) fn commit(source: rusqlite::Error) -> Self {
        Self::Sqlite { step: "commit".to_owned(), source }
    }

    pub(crate) fn rollback(source: rusqlite::Error) -> Self {
        Self::Sqlite { step: "rollback".to_owned(), source }
    }

    pub(crate) fn write(step: &str, source: rusqlite::Error) -> Self {
        Self::Sqlite { step: step.to_owned(), source }
    }

    pub(crate) fn read(step: &str, source: rusqlite::Error) -> Self {
        Self::Sqlite { step: step.to_owned(), source }
    }

    pub(crate) fn server(step: &str, source: postgres::Error) -> Self {
        Self::Server { step: step.to_owned(), source }
    }

    pub(crate) fn corrupt<T: Row>(corrupt: Corrupt, key: &str) -> Self {
        Self::Corrupt { table: T::TABLE, key: key.to_owned(), corrupt }
    }

    /// Whether running the same batch again can succeed: another node was first, a serialisation
    /// failure, a deadlock, a lock time-out.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::AnotherWasFirst { .. } => true,
            Self::Server { source, .. } => {
                source.code().is_some_and(|code| ["40001", "40P01", "55P03"].contains(&code.code()))
            }
            _ => false,
        }
    }

    /// Whether the session is gone (or was ended), so that nothing is known of what was under way.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Connect(source) => source.as_db_error().is_none_or(|error| {
                // Starting up, shutting down, too many connections: worth another try.
                ["57P03", "57P01", "57P02", "53300"].contains(&error.code().code())
            }),
            Self::Server { source, .. } => {
                source.is_closed()
                    || source.as_db_error().is_none_or(|error| {
                        let code = error.code().code();
                        ["57P01", "57P02", "57P03", "25P03"].contains(&code)
                            || code.starts_with("08")
                    })
            }
            _ => false,
        }
    }

    /// Whether the disk or the file failed: the frames may be on disk or not.
    pub fn is_disk_failure(&self) -> bool {
        use rusqlite::ErrorCode;
        match self {
            Self::Open(source) | Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(
                    ErrorCode::SystemIoFailure
                        | ErrorCode::DiskFull
                        | ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::ReadOnly
                )
            ),
            _ => false,
        }
    }
}
