//! The SQLite form: prepared statements, a row at a time, in process.
//!
//! The write-ahead log is moved into the file when the caller says so, never inside a commit. How
//! much of it is in use is told by a hook that every commit calls: the file itself never gets
//! smaller.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OpenFlags, wal};
use yaoki_core::row::{Row, Source, Value};

use super::{CheckpointMode, Purpose, corrupt, first_columns, key_of};
use crate::error::StoreError;
use crate::sql::Statement;
use crate::table::{Key, Record};

/// How long a writer waits for another writer of the same file.
const BUSY: Duration = Duration::from_secs(5);
/// The longest a reader's transaction may take.
const READER_TIME_MAX: Duration = Duration::from_secs(2);
/// Virtual machine steps between two looks at a reader's clock.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// Statements kept prepared: more than there are.
const CACHE: usize = 256;
/// Bytes of a page.
const PAGE_BYTES: u64 = 4096;
/// One page in the write-ahead log, with its header.
pub(crate) const FRAME_BYTES: u64 = PAGE_BYTES + 24;

/// A connection to an SQLite file.
pub struct SqliteConn {
    connection: Connection,
    reader: bool,
    /// When the present read began.
    began: Arc<Mutex<Option<std::time::Instant>>>,
    /// Frames of the write-ahead log that are in use.
    frames: Arc<AtomicU64>,
}

impl SqliteConn {
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self, StoreError> {
        if purpose == Purpose::Admin {
            create_private(path)?;
        } else if !path.exists() {
            return Err(StoreError::NoFile { path: path.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(StoreError::open)?;
        let reader = purpose == Purpose::Reader;
        let mut conn = Self { connection, reader, began: Arc::default(), frames: Arc::default() };
        conn.set_up(purpose).map_err(StoreError::open)?;
        Ok(conn)
    }

    /// Opens a file that nobody else uses, as it is, and never writes to it.
    pub(crate) fn open_unchanged(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(StoreError::open)?;
        let (frames, began) = (Arc::default(), Arc::default());
        Ok(Self { connection, reader: false, began, frames })
    }

    fn set_up(&mut self, purpose: Purpose) -> rusqlite::Result<()> {
        let connection = &mut self.connection;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(CACHE);
        let sync = if purpose == Purpose::LaneWithoutSync { "OFF" } else { "FULL" };
        let settings = format!(
            "PRAGMA page_size = 4096; PRAGMA synchronous = {sync}; PRAGMA fullfsync = ON;
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728;
             PRAGMA cache_size = -{}; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;
             PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF; PRAGMA query_only = {};",
            if self.reader { 32_768 } else { 262_144 },
            if self.reader { "ON" } else { "OFF" },
        );
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
        if mode != "wal" {
            return Err(refused(format!("the file system has no write-ahead log, only {mode}")));
        }
        connection.execute_batch(&settings)?;
        let frames = Arc::clone(&self.frames);
        connection.wal_hook(Some(move |_: &mut Wal, count: i32| {
            frames.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        if self.reader {
            // So that no reader pins the log for long.
            let began = Arc::clone(&self.began);
            let is_over = move || {
                let began = began.lock().expect("no holder panics");
                began.is_some_and(|began| began.elapsed() > READER_TIME_MAX)
            };
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
        }
        Ok(())
    }

    /// A reader's time begins with its transaction, or with a statement outside of one.
    fn start_clock(&self) {
        if self.reader && self.connection.is_autocommit() {
            #[expect(clippy::disallowed_methods, reason = "a limit of time spent, not of the day")]
            let now = std::time::Instant::now();
            *self.began.lock().expect("no holder panics") = Some(now);
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.start_clock();
        self.control(if self.reader { "BEGIN" } else { "BEGIN IMMEDIATE" })
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.control("COMMIT")
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            // None was begun, or SQLite rolled back by itself, as it does on a full disk.
            return Ok(());
        }
        self.control("ROLLBACK")
    }

    fn control(&self, text: &str) -> Result<(), StoreError> {
        let failed = |error| StoreError::write(text, error);
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        statement.raw_execute().map(drop).map_err(failed)
    }

    fn prepare(&self, statement: &Statement) -> Result<CachedStatement<'_>, StoreError> {
        let prepared = self.connection.prepare_cached(statement.sqlite());
        prepared.map_err(|error| StoreError::write(statement.name, error))
    }

    pub(super) fn write<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
    ) -> Result<u64, StoreError> {
        let mut prepared = self.prepare(statement)?;
        let mut values = Vec::with_capacity(T::COLUMNS.len());
        let mut changed = 0;
        for row in rows {
            values.clear();
            row.values(&mut values);
            changed += run(&mut prepared, statement, &values)?;
        }
        Ok(changed)
    }

    pub(super) fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        let statement = &T::statements().delete;
        run(&mut self.prepare(statement)?, statement, &key_of(row))
    }

    pub(super) fn find<T: Record, K: Key>(
        &mut self,
        statement: &Statement,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        self.start_clock();
        let mut prepared = self.prepare(statement)?;
        let mut values = Vec::new();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            values.clear();
            key.values(&mut values);
            read(&mut prepared, statement, &values, T::KEY, &mut found)?;
        }
        Ok(found)
    }

    pub(super) fn query<T: Row>(
        &self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.start_clock();
        let mut prepared = self.prepare(statement)?;
        let mut found = Vec::new();
        read(&mut prepared, statement, arguments, first_columns::<T>(), &mut found)?;
        Ok(found)
    }

    pub(super) fn execute(
        &self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        run(&mut self.prepare(statement)?, statement, arguments)
    }

    pub(super) fn run_script(&self, script: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(script).map_err(|error| StoreError::write("script", error))
    }

    pub(super) fn wal_bytes(&self) -> u64 {
        self.frames.load(Ordering::Relaxed) * FRAME_BYTES
    }

    /// How many frames of the log are in the file now.
    pub(super) fn checkpoint(&self, mode: CheckpointMode) -> Result<u64, StoreError> {
        let mode = match mode {
            CheckpointMode::Passive => wal::CheckpointMode::PASSIVE,
            CheckpointMode::Restart => wal::CheckpointMode::RESTART,
            CheckpointMode::Truncate => wal::CheckpointMode::TRUNCATE,
        };
        let (frames, moved) = match self.connection.wal_checkpoint_v2(None::<&str>, mode) {
            Ok(counts) => counts,
            // A reader in the way is no error: the next one goes further.
            Err(error) if is_busy(&error) => return Ok(0),
            Err(error) => return Err(StoreError::write("checkpoint", error)),
        };
        // When all of it is moved, the next commit begins the log anew.
        let left = if frames == moved { 0 } else { u64::try_from(frames).unwrap_or(0) };
        self.frames.store(left, Ordering::Relaxed);
        Ok(u64::try_from(moved).unwrap_or(0))
    }

    pub(super) fn database_bytes(&self) -> Result<u64, StoreError> {
        let pages: i64 = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .map_err(|error| StoreError::write("page_count", error))?;
        Ok(u64::try_from(pages).unwrap_or(0) * PAGE_BYTES)
    }

    pub(super) fn explain(&self, text: &str) -> Result<Vec<String>, StoreError> {
        let failed = |error| StoreError::write("explain", error);
        let text = format!("EXPLAIN QUERY PLAN {text}");
        let mut prepared = self.connection.prepare(&text).map_err(failed)?;
        let mut rows = prepared.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            lines.push(row.get(3).map_err(failed)?);
        }
        Ok(lines)
    }

    /// The raw connection, for backup and for tests that damage a file on purpose.
    pub(crate) const fn raw(&self) -> &Connection {
        &self.connection
    }
}

/// Makes the file where there is none, for its owner only: it holds code secrets. SQLite gives its
/// log the same permissions.
fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::open(refused(format!("{}: {error}", path.display()))))
        }
        _ => Ok(()),
    }
}

fn refused(message: String) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(message))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

fn bind(prepared: &mut CachedStatement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Int(number) => prepared.raw_bind_parameter(index + 1, number)?,
            Value::Bytes(bytes) => prepared.raw_bind_parameter(index + 1, bytes)?,
            Value::Text(text) => prepared.raw_bind_parameter(index + 1, text)?,
        }
    }
    Ok(())
}

fn run(
    prepared: &mut CachedStatement<'_>,
    statement: &Statement,
    values: &[Value<'_>],
) -> Result<u64, StoreError> {
    let changed = bind(prepared, values).and_then(|()| prepared.raw_execute());
    let changed = changed.map_err(|error| StoreError::write(statement.name, error))?;
    Ok(u64::try_from(changed).expect("a count fits"))
}

fn read<T: Row>(
    prepared: &mut CachedStatement<'_>,
    statement: &Statement,
    values: &[Value<'_>],
    named_by: &[&str],
    found: &mut Vec<T>,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::write(statement.name, error);
    bind(prepared, values).map_err(failed)?;
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        let source = SqliteRow(row);
        let row = T::read(&source);
        found.push(row.map_err(|problem| corrupt::<T, _>(&source, problem, named_by))?);
    }
    Ok(())
}

struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl Source for SqliteRow<'_> {
    fn int(&self, index: usize) -> Result<i64, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Integer(number)) => Ok(number),
            _ => Err("is no integer".to_owned()),
        }
    }

    fn bytes(&self, index: usize) -> Result<&[u8], String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Blob(bytes)) => Ok(bytes),
            _ => Err("is no byte string".to_owned()),
        }
    }

    fn text(&self, index: usize) -> Result<&str, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Text(text)) => {
                std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())
            }
            _ => Err("is no text".to_owned()),
        }
    }
}
