//! The SQLite form: prepared statements, a row at a time, in process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement as Prepared};
use yaoki_core::row::{Kind, Row, Source, Value};

use super::{CheckpointMode, Purpose, assignments, rest};
use crate::error::StoreError;
use crate::sql::Statement;
use crate::table::{Key, Lookup, Record};

/// How long a writer waits for another writer of the same file.
const BUSY: Duration = Duration::from_secs(5);
/// The longest a reader's transaction may take.
const READER_TIME_MAX: Duration = Duration::from_secs(2);
/// Statements kept prepared.
const CACHE: usize = 128;

/// Bytes of a page.
const PAGE_BYTES: u64 = 4096;

/// A connection to an SQLite file.
pub struct SqliteConn {
    connection: Connection,
    wal_pages: Arc<AtomicU64>,
    reader: bool,
    began: Arc<Mutex<Option<std::time::Instant>>>,
    texts: HashMap<(&'static str, &'static str, &'static str), String>,
}

impl SqliteConn {
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(StoreError::open)?;
        connection.busy_timeout(BUSY).map_err(StoreError::open)?;
        connection.set_prepared_statement_cache_capacity(CACHE);
        let sync = if purpose == Purpose::LaneWithoutSync { "OFF" } else { "FULL" };
        let reader = purpose == Purpose::Reader;
        let settings = format!(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = {sync};
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728;
             PRAGMA cache_size = -{}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;
             PRAGMA query_only = {};",
            if reader { 32_768 } else { 262_144 },
            if reader { "ON" } else { "OFF" },
        );
        connection.execute_batch(&settings).map_err(StoreError::open)?;
        let wal_pages = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&wal_pages);
        let count = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            counted.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(count)).map_err(StoreError::open)?;
        let began = Arc::default();
        if reader {
            limit_time(&mut connection, &began)?;
        }
        Ok(Self { connection, wal_pages, reader, began, texts: HashMap::new() })
    }

    /// Opens a file that nobody else uses, as it is, and never writes to it.
    pub(crate) fn open_unchanged(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(StoreError::open)?;
        let (wal_pages, began) = (Arc::default(), Arc::default());
        Ok(Self { connection, wal_pages, reader: false, began, texts: HashMap::new() })
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
        let text = if self.reader { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.simple(text, StoreError::begin)
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.simple("COMMIT", StoreError::commit)
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.simple("ROLLBACK", StoreError::rollback)
    }

    fn simple(
        &self,
        text: &str,
        error: impl Fn(rusqlite::Error) -> StoreError,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(text).map_err(&error)?;
        statement.raw_execute().map(drop).map_err(error)
    }

    /// The text of a generated statement, made once.
    fn text(
        &mut self,
        verb: &'static str,
        table: &'static str,
        by: &'static str,
        make: impl FnOnce() -> String,
    ) -> String {
        self.texts.entry((verb, table, by)).or_insert_with(make).clone()
    }

    pub(super) fn insert<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        let text = self.text("insert", T::TABLE, "", || insert_text::<T>("ON CONFLICT DO NOTHING"));
        self.write(&text, rows, Row::values)
    }

    pub(super) fn upsert<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        let text = self.text("upsert", T::TABLE, "", || {
            let set = rest(T::COLUMNS, T::KEY)
                .iter()
                .map(|column| format!("{column} = excluded.{column}"))
                .collect::<Vec<_>>()
                .join(", ");
            insert_text::<T>(&format!("ON CONFLICT ({}) DO UPDATE SET {set}", T::KEY.join(", ")))
        });
        self.write(&text, rows, Row::values)
    }

    pub(super) fn update<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        let text = self.text("update", T::TABLE, "", || {
            let others = rest(T::COLUMNS, T::KEY);
            let set = others
                .iter()
                .map(|column| format!("{column} = ?{}", place::<T>(column)))
                .collect::<Vec<_>>()
                .join(", ");
            let key = T::KEY
                .iter()
                .map(|column| format!("{column} = ?{}", place::<T>(column)))
                .collect::<Vec<_>>()
                .join(" AND ");
            format!("UPDATE {} SET {set} WHERE {key}", T::TABLE)
        });
        self.write(&text, rows, Row::values)
    }

    pub(super) fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        let text = self.text("delete", T::TABLE, "", || {
            format!("DELETE FROM {} WHERE {}", T::TABLE, assignments(T::KEY, 1, " AND "))
                .replace('$', "?")
        });
        self.write(&text, &[row], |row, values| {
            let mut all = Vec::new();
            row.values(&mut all);
            for column in T::KEY {
                values.push(all[place::<T>(column) - 1]);
            }
        })
    }

    fn write<'a, T>(
        &self,
        text: &str,
        rows: &[&'a T],
        fill: impl Fn(&'a T, &mut Vec<Value<'a>>),
    ) -> Result<u64, StoreError> {
        let failed = |error| StoreError::write(text, error);
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let mut values = Vec::new();
        let mut changed = 0;
        for row in rows {
            values.clear();
            fill(row, &mut values);
            bind(&mut statement, &values).map_err(failed)?;
            let count = statement.raw_execute().map_err(failed)?;
            changed += u64::try_from(count).expect("a count fits");
        }
        Ok(changed)
    }

    pub(super) fn find_by<T: Record, K: Key>(
        &mut self,
        lookup: &Lookup,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        self.start_clock();
        let text = self.text("find", T::TABLE, lookup.columns[0], || {
            let by = assignments(lookup.columns, 1, " AND ").replace('$', "?");
            format!("SELECT {} FROM {} WHERE {by}", T::COLUMNS.join(", "), T::TABLE)
        });
        let failed = |error| StoreError::read(&text, error);
        let mut statement = self.connection.prepare_cached(&text).map_err(failed)?;
        let mut values = Vec::new();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            values.clear();
            key.values(&mut values);
            bind(&mut statement, &values).map_err(failed)?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(failed)? {
                found.push(read_row(row)?);
            }
        }
        Ok(found)
    }

    pub(super) fn query<T: Row>(
        &self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.start_clock();
        let text = statement.sqlite();
        let failed = |error| StoreError::read(statement.name, error);
        let mut prepared = self.connection.prepare_cached(&text).map_err(failed)?;
        bind(&mut prepared, arguments).map_err(failed)?;
        let mut rows = prepared.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            found.push(read_row(row)?);
        }
        Ok(found)
    }

    pub(super) fn execute(
        &self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let text = statement.sqlite();
        let failed = |error| StoreError::write(statement.name, error);
        let mut prepared = self.connection.prepare_cached(&text).map_err(failed)?;
        bind(&mut prepared, arguments).map_err(failed)?;
        let count = prepared.raw_execute().map_err(failed)?;
        Ok(u64::try_from(count).expect("a count fits"))
    }

    pub(super) fn run_script(&self, script: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(script).map_err(|error| StoreError::write("script", error))
    }

    /// Bytes of the write-ahead log that are in use: the file itself does not shrink.
    pub(super) fn wal_bytes(&self) -> u64 {
        self.wal_pages.load(Ordering::Relaxed) * PAGE_BYTES
    }

    pub(super) fn checkpoint(&self, mode: CheckpointMode) -> Result<(), StoreError> {
        let mode = match mode {
            CheckpointMode::Passive => "PASSIVE",
            CheckpointMode::Restart => "RESTART",
            CheckpointMode::Truncate => "TRUNCATE",
        };
        let text = format!("PRAGMA wal_checkpoint({mode})");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (log, done) = self
            .connection
            .query_row(&text, [], read)
            .map_err(|error| StoreError::write("checkpoint", error))?;
        // A reader in the way is no error: the next checkpoint goes further.
        if log == done {
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn database_bytes(&self) -> Result<u64, StoreError> {
        let pages: i64 = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .map_err(|error| StoreError::read("page_count", error))?;
        Ok(u64::try_from(pages).unwrap_or(0) * PAGE_BYTES)
    }

    pub(super) fn explain(&self, text: &str, arguments: usize) -> Result<Vec<String>, StoreError> {
        let failed = |error| StoreError::read("explain", error);
        let text = format!("EXPLAIN QUERY PLAN {}", text.replace('$', "?"));
        let mut prepared = self.connection.prepare(&text).map_err(failed)?;
        assert!(prepared.parameter_count() == arguments, "every argument has a placeholder");
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

/// A reader's transaction ends after two seconds, so that no reader pins the log for long.
fn limit_time(
    connection: &mut Connection,
    began: &Arc<Mutex<Option<std::time::Instant>>>,
) -> Result<(), StoreError> {
    let began = Arc::clone(began);
    let is_over = move || {
        let began = began.lock().expect("no holder panics");
        began.is_some_and(|began| began.elapsed() > READER_TIME_MAX)
    };
    connection.progress_handler(10_000, Some(is_over)).map_err(StoreError::open)
}

fn insert_text<T: Record>(conflict: &str) -> String {
    let places = (1..=T::COLUMNS.len()).map(|place| format!("?{place}")).collect::<Vec<_>>();
    let (columns, places) = (T::COLUMNS.join(", "), places.join(", "));
    format!("INSERT INTO {} ({columns}) VALUES ({places}) {conflict}", T::TABLE)
}

/// The place of a column among the row's values, from 1.
fn place<T: Record>(column: &str) -> usize {
    let at = T::COLUMNS.iter().position(|other| *other == column);
    at.expect("a key column is a column") + 1
}

fn bind(statement: &mut Prepared<'_>, values: &[Value<'_>]) -> Result<(), rusqlite::Error> {
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Int(number) => statement.raw_bind_parameter(index + 1, number)?,
            Value::Bytes(bytes) => statement.raw_bind_parameter(index + 1, bytes)?,
            Value::Text(text) => statement.raw_bind_parameter(index + 1, text)?,
        }
    }
    Ok(())
}

fn read_row<T: Row>(row: &rusqlite::Row<'_>) -> Result<T, StoreError> {
    T::read(&SqliteRow(row)).map_err(|corrupt| StoreError::corrupt::<T>(corrupt, &key_of::<T>(row)))
}

/// The first columns of a row as text, to name it.
fn key_of<T: Row>(row: &rusqlite::Row<'_>) -> String {
    let first = T::KINDS.first().map(|kind| match kind {
        Kind::Int => row.get::<_, i64>(0).map(|number| number.to_string()).unwrap_or_default(),
        _ => String::new(),
    });
    first.unwrap_or_default()
}

struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl Source for SqliteRow<'_> {
    fn int(&self, index: usize) -> Result<i64, String> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Integer(number)) => Ok(number),
            other => Err(format!("is no integer: {other:?}")),
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
