//! The statements that follow from a row's columns and key, in the fast form of each storage: one
//! row at a time for SQLite, in process; arrays for PostgreSQL, one round trip. Made once a
//! process.

use std::collections::BTreeMap;
use std::sync::Mutex;

use yaoki_core::row::Kind;

use crate::sql::Statement;
use crate::table::Record;

/// The statements of one table.
#[derive(Debug)]
pub struct Statements {
    /// Inserts rows, passing over those that are there.
    pub insert: Statement,
    /// Inserts rows, or overwrites those of the same key.
    pub upsert: Statement,
    /// Overwrites rows by key.
    pub update: Statement,
    /// Deletes rows by key.
    pub delete: Statement,
    /// Finds rows by key.
    pub find: Statement,
    /// Locks rows by key, in its order, waiting for whoever holds one.
    pub lock: Statement,
    /// The same, leaving out what is held.
    pub lock_free: Statement,
}

/// The statements of a table: made by the first who asks, kept for the life of the process.
pub(super) fn of_table<T: Record>() -> &'static Statements {
    static MADE: Mutex<BTreeMap<&str, &Statements>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().expect("no holder panics");
    made.entry(T::TABLE).or_insert_with(|| Box::leak(Box::new(Statements::of::<T>())))
}

impl Statements {
    /// Makes them from the row's columns and key.
    fn of<T: Record>() -> Self {
        Self {
            insert: insert::<T>(),
            upsert: upsert::<T>(),
            update: update::<T>(),
            delete: delete::<T>(),
            find: find::<T>(T::KEY),
            lock: lock::<T>(""),
            lock_free: lock::<T>(" SKIP LOCKED"),
        }
    }
}

/// A statement that takes whole rows.
fn of_rows<T: Record>(verb: &str, sqlite: String, postgres: String) -> Statement {
    Statement::generated(format!("{verb} {}", T::TABLE), T::COLUMNS.len(), sqlite, postgres)
}

/// A statement that takes keys.
fn of_keys<T: Record>(verb: &str, sqlite: String, postgres: String) -> Statement {
    Statement::generated(format!("{verb} {}", T::TABLE), T::KEY.len(), sqlite, postgres)
}

fn insert<T: Record>() -> Statement {
    let (sqlite, postgres) = insert_texts::<T>();
    let clause = " ON CONFLICT DO NOTHING";
    of_rows::<T>("insert", sqlite + clause, postgres + clause)
}

fn upsert<T: Record>() -> Statement {
    let (sqlite, postgres) = insert_texts::<T>();
    let set = joined(&others::<T>(), ", ", |column| format!("{column} = excluded.{column}"));
    let set = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {set}") };
    let clause = format!(" ON CONFLICT ({}) DO {set}", T::KEY.join(", "));
    of_rows::<T>("upsert", sqlite + &clause, postgres + &clause)
}

/// Inserts rows, or adds to those of the same key: every column that is no key is a sum.
pub(crate) fn add<T: Record>() -> Statement {
    let (sqlite, postgres) = insert_texts::<T>();
    let sum = |column: &str| format!("{column} = {}.{column} + excluded.{column}", T::TABLE);
    let set = joined(&others::<T>(), ", ", sum);
    let clause = format!(" ON CONFLICT ({}) DO UPDATE SET {set}", T::KEY.join(", "));
    of_rows::<T>("add to", sqlite + &clause, postgres + &clause)
}

fn insert_texts<T: Record>() -> (String, String) {
    let head = format!("INSERT INTO {} ({})", T::TABLE, T::COLUMNS.join(", "));
    let places = joined(T::COLUMNS, ", ", |column| format!("?{}", place::<T>(column)));
    let arrays = arrays::<T>(T::COLUMNS);
    (format!("{head} VALUES ({places})"), format!("{head} SELECT * FROM UNNEST({arrays})"))
}

/// Parameters are all columns, in order. A row that is all key is set to what it is.
fn update<T: Record>() -> Statement {
    let others = others::<T>();
    let changed = if others.is_empty() { T::KEY } else { &others };
    let by_place = |column: &str| format!("{column} = ?{}", place::<T>(column));
    let sqlite_set = joined(changed, ", ", by_place);
    let sqlite_key = joined(T::KEY, " AND ", by_place);
    let postgres_set = joined(changed, ", ", |column| format!("{column} = u.{column}"));
    of_rows::<T>(
        "update",
        format!("UPDATE {} SET {sqlite_set} WHERE {sqlite_key}", T::TABLE),
        format!(
            "UPDATE {} AS t SET {postgres_set} FROM {} WHERE {}",
            T::TABLE,
            unnested::<T>(T::COLUMNS),
            same(T::KEY)
        ),
    )
}

fn delete<T: Record>() -> Statement {
    let by = numbered(T::KEY, "?");
    let by_dollar = numbered(T::KEY, "$");
    let table = T::TABLE;
    of_keys::<T>(
        "delete",
        format!("DELETE FROM {table} WHERE {by}"),
        format!("DELETE FROM {table} WHERE {by_dollar}"),
    )
}

/// Finds rows by these columns.
pub(crate) fn find<T: Record>(columns: &[&str]) -> Statement {
    let (sqlite, postgres) = select_texts::<T>(columns);
    let by = if columns == T::KEY { String::new() } else { format!(" by {}", columns.join(", ")) };
    let name = format!("find {}{by}", T::TABLE);
    Statement::generated(name, columns.len(), sqlite, postgres)
}

/// On SQLite the writer holds the file already.
fn lock<T: Record>(skip: &str) -> Statement {
    let (sqlite, postgres) = select_texts::<T>(T::KEY);
    let order = joined(T::KEY, ", ", |column| format!("t.{column}"));
    let verb = if skip.is_empty() { "lock" } else { "lock free" };
    let postgres = format!("{postgres} ORDER BY {order} FOR NO KEY UPDATE OF t{skip}");
    of_keys::<T>(verb, sqlite, postgres)
}

fn select_texts<T: Record>(by: &[&str]) -> (String, String) {
    let table = T::TABLE;
    let columns = joined(T::COLUMNS, ", ", |column| format!("t.{column}"));
    let sqlite = format!("SELECT {columns} FROM {table} AS t WHERE {}", numbered(by, "?"));
    let postgres = if let [column] = by {
        let keys = arrays::<T>(by);
        format!("SELECT {columns} FROM {table} AS t WHERE t.{column} = ANY({keys})")
    } else {
        let (keys, same) = (unnested::<T>(by), same(by));
        format!("SELECT {columns} FROM {keys} JOIN {table} AS t ON {same}")
    };
    (sqlite, postgres)
}

/// The columns that are no part of the key.
fn others<T: Record>() -> Vec<&'static str> {
    T::COLUMNS.iter().copied().filter(|column| !T::KEY.contains(column)).collect()
}

/// The place of a column among the row's values, from 1.
fn place<T: Record>(column: &str) -> usize {
    let at = T::COLUMNS.iter().position(|other| *other == column);
    at.expect("a key is made of columns") + 1
}

fn numbered(columns: &[&str], sign: &str) -> String {
    let each = columns.iter().enumerate();
    let each = each.map(|(index, column)| format!("{column} = {sign}{}", index + 1));
    each.collect::<Vec<_>>().join(" AND ")
}

fn same(columns: &[&str]) -> String {
    joined(columns, " AND ", |column| format!("t.{column} = u.{column}"))
}

fn unnested<T: Record>(columns: &[&str]) -> String {
    format!("UNNEST({}) AS u ({})", arrays::<T>(columns), columns.join(", "))
}

fn arrays<T: Record>(columns: &[&str]) -> String {
    let each = columns.iter().enumerate();
    let each = each.map(|(index, column)| {
        let kind = match T::KINDS[place::<T>(column) - 1] {
            Kind::Int => "bigint",
            Kind::Bytes => "bytea",
            Kind::Text => "text",
        };
        format!("${}::{kind}[]", index + 1)
    });
    each.collect::<Vec<_>>().join(", ")
}

fn joined(columns: &[&str], between: &str, each: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| each(column)).collect::<Vec<_>>().join(between)
}
