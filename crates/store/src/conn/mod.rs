//! The connection: two fast forms behind one enum.
//!
//! "Find, lock, insert, update many rows of this table" is what a batch needs. SQLite does it with
//! prepared statements in process, a row at a time; PostgreSQL with one round trip of `UNNEST`
//! arrays. A typed query language would hide neither; this batch-shaped enum does. Everything else
//! is plain SQL from [`crate::sql`].
//!
//! Differences that end here: placeholders, BLOB and BYTEA, `BEGIN IMMEDIATE`, `FOR UPDATE`, the
//! write-ahead log, what a lost connection and a failed disk look like.

mod postgres;
mod sqlite;
mod tls;
mod wire;

use yaoki_core::facts::Operation;
use yaoki_core::ids::{LaneNumber, RequestKey};
use yaoki_core::row::{Corrupt, Kind, Row, Source, Value};
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;

use crate::database::Database;
use crate::error::StoreError;
use crate::sql::Statement;
use crate::table::{Key, Lookup, OPERATION_BY_REQUEST, Record, Sums, Switchboard};

pub use self::postgres::PostgresConn;
pub(crate) use self::postgres::check_url;
pub(crate) use self::sqlite::FRAME_BYTES;
pub use self::sqlite::SqliteConn;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A lane: writes, durable.
    Lane,
    /// A lane that does not sync: only for the control of the power-cut loop.
    LaneWithoutSync,
    /// Reads only, at most 2 s a statement.
    Reader,
    /// Schema changes and offline work.
    Admin,
}

/// How rows are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Wait for whoever holds them, at most the lock time-out.
    Wait,
    /// Leave out what another transaction holds.
    SkipLocked,
}

/// How far a checkpoint of SQLite's write-ahead log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointMode {
    /// What can be done without waiting for readers.
    Passive,
    /// Wait for readers, then begin the log anew.
    Restart,
    /// The same, and cut the file.
    Truncate,
}

/// What a statement is to give.
#[derive(Clone, Copy)]
enum Expects {
    /// Rows.
    Rows,
    /// Any number of changed rows.
    Count,
    /// So many rows go into this table, or another node was first.
    Inserted(&'static str, u64),
    /// So many rows of this table change: they are locked.
    Updated(&'static str, u64),
}

impl Expects {
    fn check(self, given: u64) -> Result<(), StoreError> {
        match self {
            Self::Inserted(table, count) if given != count => {
                Err(StoreError::AnotherWasFirst { table })
            }
            Self::Updated(table, count) => {
                assert!(given == count, "a locked row of {table} is still there");
                Ok(())
            }
            Self::Rows | Self::Count | Self::Inserted(..) => Ok(()),
        }
    }
}

fn count<T>(rows: &[&T]) -> u64 {
    u64::try_from(rows.len()).expect("a batch has few rows")
}

/// What a lane's batch begins with.
pub(crate) struct BatchBegun {
    /// The lane's row, locked.
    pub(crate) lane: Option<Lane>,
    /// The version of merchants, stores, terminals and switches, read after the lock.
    pub(crate) switchboard: Option<Switchboard>,
    /// Operations of the requests that were asked for.
    pub(crate) operations: Vec<Operation>,
}

/// A connection to where the book is kept.
pub enum Conn {
    /// An SQLite file.
    Sqlite(SqliteConn),
    /// A PostgreSQL session.
    Postgres(Box<PostgresConn>),
}

macro_rules! either {
    ($self:ident, $conn:ident => $work:expr) => {
        match $self {
            Conn::Sqlite($conn) => $work,
            Conn::Postgres($conn) => $work,
        }
    };
}

impl Conn {
    /// Opens a connection with the settings of its purpose.
    pub fn open(database: &Database, purpose: Purpose) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite(path) => SqliteConn::open(path, purpose).map(Self::Sqlite),
            Database::Postgres(url) => {
                PostgresConn::open(url, purpose).map(Box::new).map(Self::Postgres)
            }
        }
    }

    /// Begins a transaction: a writer's on a lane, one snapshot on a reader.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => conn.begin(),
            Self::Postgres(conn) => {
                conn.begin();
                Ok(())
            }
        }
    }

    /// Begins a lane's batch: locks the lane's row, and with the lock held reads the switchboard
    /// and the operations of these requests. On PostgreSQL in one round trip.
    pub(crate) fn begin_batch(
        &mut self,
        lane: LaneNumber,
        requests: &[RequestKey],
    ) -> Result<BatchBegun, StoreError> {
        self.begin()?;
        let Self::Postgres(conn) = self else {
            return Ok(BatchBegun {
                lane: self.find(&[lane])?.pop(),
                switchboard: self.find(&[1_i64])?.pop(),
                operations: self.find_by(&OPERATION_BY_REQUEST, requests)?,
            });
        };
        let calls = [
            conn.finding(&Lane::statements().lock, &[lane])?,
            conn.finding(&Switchboard::statements().find, &[1_i64])?,
            conn.finding(OPERATION_BY_REQUEST.statement(), requests)?,
        ];
        let [lanes, switchboards, operations] = conn.rows(calls)?;
        Ok(BatchBegun {
            lane: postgres::read(&lanes, Lane::KEY)?.pop(),
            switchboard: postgres::read(&switchboards, Switchboard::KEY)?.pop(),
            operations: postgres::read(&operations, Operation::KEY)?,
        })
    }

    /// Commits; on return it is on disk.
    ///
    /// # Panics
    /// If a statement of this transaction failed: it must be rolled back.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        either!(self, conn => conn.commit())
    }

    /// Rolls back; nothing to roll back is no error.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        either!(self, conn => conn.rollback())
    }

    /// Inserts rows, none of which may be there yet. On PostgreSQL it goes with the next round
    /// trip, [`Conn::flush`] or [`Conn::commit`] at the latest, and may fail there.
    pub(crate) fn insert_all<T: Record>(&mut self, rows: &[&T]) -> Result<(), StoreError> {
        let expects = Expects::Inserted(T::TABLE, count(rows));
        self.write_later(&T::statements().insert, rows, expects)
    }

    /// Inserts rows, passing over those that are there; goes as [`Conn::insert_all`] does.
    pub(crate) fn insert_missing<T: Record>(&mut self, rows: &[&T]) -> Result<(), StoreError> {
        self.write_later(&T::statements().insert, rows, Expects::Count)
    }

    /// Overwrites rows that are locked; goes as [`Conn::insert_all`] does.
    pub(crate) fn update_all<T: Record>(&mut self, rows: &[&T]) -> Result<(), StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        let expects = Expects::Updated(T::TABLE, count(rows));
        self.write_later(&T::statements().update, rows, expects)
    }

    /// Inserts rows, or overwrites those of the same key; goes as [`Conn::insert_all`] does.
    pub(crate) fn upsert_all<T: Record>(&mut self, rows: &[&T]) -> Result<(), StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        self.write_later(&T::statements().upsert, rows, Expects::Count)
    }

    fn write_later<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
        expects: Expects,
    ) -> Result<(), StoreError> {
        match self {
            _ if rows.is_empty() => Ok(()),
            Self::Sqlite(conn) => expects.check(conn.write(statement, rows)?),
            Self::Postgres(conn) => conn.write_later(statement, rows, expects),
        }
    }

    /// Sends what waits. When this returns, every row is in.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(conn) => conn.flush(),
        }
    }

    /// Inserts rows that are not there yet; says how many went in.
    pub fn insert<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        if rows.is_empty() {
            return Ok(0);
        }
        either!(self, conn => conn.write(&T::statements().insert, rows))
    }

    /// Inserts rows, or overwrites those of the same key.
    pub fn upsert<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        if rows.is_empty() {
            return Ok(0);
        }
        either!(self, conn => conn.write(&T::statements().upsert, rows))
    }

    /// Adds rows to those of the same key; says how many.
    pub(crate) fn add<T: Record>(
        &mut self,
        sums: &Sums<T>,
        rows: &[&T],
    ) -> Result<u64, StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        if rows.is_empty() {
            return Ok(0);
        }
        either!(self, conn => conn.write(sums.statement(), rows))
    }

    /// Overwrites rows by key; says how many were there.
    pub fn update<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        if rows.is_empty() {
            return Ok(0);
        }
        either!(self, conn => conn.write(&T::statements().update, rows))
    }

    /// Deletes the row of the same key; says how many were there.
    pub fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        const { assert!(may_change::<T>(), "facts are only inserted") };
        either!(self, conn => conn.delete(row))
    }

    /// Rows by primary key, those that are there.
    pub fn find<T: Record, K: Key>(&mut self, keys: &[K]) -> Result<Vec<T>, StoreError> {
        self.find_with(&T::statements().find, keys)
    }

    /// Rows by another unique key, those that are there.
    pub fn find_by<T: Record, K: Key>(
        &mut self,
        lookup: &Lookup<T>,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        self.find_with(lookup.statement(), keys)
    }

    fn find_with<T: Record, K: Key>(
        &mut self,
        statement: &Statement,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        either!(self, conn => conn.find(statement, keys))
    }

    /// Rows by primary key, locked in order of the key. On SQLite the writer holds the file, so it
    /// is [`Conn::find`].
    pub fn lock<T: Record>(
        &mut self,
        keys: &[impl Key],
        mode: LockMode,
    ) -> Result<Vec<T>, StoreError> {
        const { assert!(!T::FACT, "facts never change") };
        let statements = T::statements();
        self.find_with(
            match mode {
                LockMode::Wait => &statements.lock,
                LockMode::SkipLocked => &statements.lock_free,
            },
            keys,
        )
    }

    /// Whether [`LockMode::SkipLocked`] can leave out rows that are there.
    pub const fn may_skip(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Rows of a named statement.
    pub fn query<T: Row>(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        either!(self, conn => conn.query(statement, arguments))
    }

    /// Runs a named statement; says how many rows it changed.
    pub fn execute(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        either!(self, conn => conn.execute(statement, arguments))
    }

    /// Runs the statements of a migration.
    pub fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        either!(self, conn => conn.run_script(script))
    }

    /// Bytes of SQLite's write-ahead log that are in use: those after its last new beginning, 0
    /// when all are moved. 0 on PostgreSQL.
    pub fn wal_bytes(&self) -> u64 {
        match self {
            Self::Sqlite(conn) => conn.wal_bytes(),
            Self::Postgres(_) => 0,
        }
    }

    /// Moves SQLite's write-ahead log into the file; says how many of its pages have been moved
    /// since it began, 0 where somebody was in the way. Nothing to do on PostgreSQL.
    pub fn checkpoint(&mut self, mode: CheckpointMode) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(conn) => conn.checkpoint(mode),
            Self::Postgres(_) => Ok(0),
        }
    }

    /// What the database's own clock shows; none on SQLite, whose clock is the caller's.
    pub(crate) fn server_time(&mut self) -> Result<Option<Instant>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(conn) => conn.server_time().map(Some),
        }
    }

    /// Refuses a PostgreSQL that can lose acknowledged commits.
    pub fn check_durability(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(conn) => conn.check_durability(),
        }
    }

    /// Whether this is PostgreSQL, for the few places that speak of it.
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Bytes of the whole database.
    pub fn database_bytes(&mut self) -> Result<u64, StoreError> {
        either!(self, conn => conn.database_bytes())
    }

    /// Begins one snapshot to read from, without any lock and for as long as it takes: for verify
    /// and backup. [`Conn::end_snapshot`] ends it.
    pub fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.run_script(match self {
            Self::Sqlite(_) => "BEGIN DEFERRED",
            // A table that was not analysed yet is read by its keys all the same.
            Self::Postgres(_) => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
                 SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
                 SET LOCAL enable_mergejoin = off"
            }
        })
    }

    /// Ends a snapshot.
    pub fn end_snapshot(&mut self) -> Result<(), StoreError> {
        self.run_script("ROLLBACK")
    }

    /// The plan of a statement, as text a line a step; on PostgreSQL, with this session's settings.
    pub fn explain(&mut self, statement: &Statement) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(conn) => conn.explain(statement.sqlite()),
            Self::Postgres(conn) => conn.explain(statement),
        }
    }
}

/// Facts are never changed, except by the tests of tampering.
const fn may_change<T: Record>() -> bool {
    !T::FACT || cfg!(feature = "testing")
}

/// The values of a row's key, in the order of the key.
fn key_of<T: Record>(row: &T) -> Vec<Value<'_>> {
    let mut values = Vec::with_capacity(T::COLUMNS.len());
    row.values(&mut values);
    T::KEY.iter().map(|column| values[place::<T>(column)]).collect()
}

/// The place of a column among the row's values, from 0.
fn place<T: Row>(column: &str) -> usize {
    let at = T::COLUMNS.iter().position(|other| *other == column);
    at.expect("a key is made of columns")
}

/// What names a row of a named statement in an error: its first two columns.
fn first_columns<T: Row>() -> &'static [&'static str] {
    &T::COLUMNS[..T::COLUMNS.len().min(2)]
}

/// The error for a row that no code of ours can have written, named by these columns.
fn corrupt<T: Row, S: Source>(source: &S, corrupt: Corrupt, named_by: &[&str]) -> StoreError {
    let named = named_by.iter().map(|name| {
        let index = place::<T>(name);
        let value = match T::KINDS[index] {
            Kind::Int => source.int(index).map(|number| number.to_string()),
            Kind::Text => source.text(index).map(|text| format!("{text:?}")),
            Kind::Bytes => source.bytes(index).map(|bytes| format!("{bytes:02x?}")),
        };
        format!("{name}={}", value.unwrap_or_else(|problem| format!("({problem})")))
    });
    StoreError::corrupt::<T>(corrupt, &named.collect::<Vec<_>>().join(" "))
}
