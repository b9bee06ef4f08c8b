//! The PostgreSQL form: one round trip for many rows, by `UNNEST` arrays and statements prepared
//! once.

use std::collections::HashMap;
use std::time::Duration;

use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row as PostgresRow, Statement as Prepared};
use yaoki_core::row::{Kind, Row, Source, Value};

use super::{LockMode, Purpose, assignments, rest};
use crate::error::StoreError;
use crate::sql::Statement;
use crate::table::{Key, Lookup, Record};

const CONNECT: Duration = Duration::from_secs(3);

/// Settings of a lane. Without them a statement that was planned while a table was young keeps a
/// scan plan, at half the speed.
const LANE: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET lock_timeout = '1s';
    SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';
    SET synchronous_commit = on; SET client_min_messages = warning;";
const READER: &str = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;
    SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET statement_timeout = '2s'; SET idle_in_transaction_session_timeout = '10s';
    SET default_transaction_read_only = on; SET client_min_messages = warning;";
const ADMIN: &str = "SET lock_timeout = '1s'; SET client_min_messages = warning;";

/// A PostgreSQL session.
pub struct PostgresConn {
    client: Client,
    reader: bool,
    in_transaction: bool,
    prepared: HashMap<String, Prepared>,
    texts: HashMap<(&'static str, &'static str, &'static str), String>,
}

impl PostgresConn {
    pub(super) fn open(url: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(StoreError::connect)?;
        config.connect_timeout(CONNECT).keepalives(true).keepalives_idle(Duration::from_secs(10));
        config.application_name("yaoki");
        let several = config.get_hosts().len() > 1;
        if several && purpose != Purpose::Reader {
            config.target_session_attrs(postgres::config::TargetSessionAttrs::ReadWrite);
        }
        let encrypted = config.get_ssl_mode() == postgres::config::SslMode::Require;
        let connected = if encrypted { config.connect(tls()) } else { config.connect(NoTls) };
        let mut client = connected.map_err(StoreError::connect)?;
        let reader = purpose == Purpose::Reader;
        let settings = match purpose {
            Purpose::Lane | Purpose::LaneWithoutSync => LANE,
            Purpose::Reader => READER,
            Purpose::Admin => ADMIN,
        };
        client.batch_execute(settings).map_err(StoreError::connect)?;
        let (prepared, texts) = (HashMap::new(), HashMap::new());
        Ok(Self { client, reader, in_transaction: false, prepared, texts })
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        let text = if self.reader { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
        self.client.batch_execute(text).map_err(|error| StoreError::server("begin", error))?;
        self.in_transaction = true;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.in_transaction = false;
        self.client.batch_execute("COMMIT").map_err(|error| StoreError::server("commit", error))
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        self.client.batch_execute("ROLLBACK").map_err(|error| StoreError::server("rollback", error))
    }

    fn prepare(&mut self, text: &str) -> Result<Prepared, StoreError> {
        if let Some(prepared) = self.prepared.get(text) {
            return Ok(prepared.clone());
        }
        let prepared =
            self.client.prepare(text).map_err(|error| StoreError::server(text, error))?;
        self.prepared.insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }

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
        self.write(&text, T::KINDS, rows.iter().copied(), Row::values)
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
        self.write(&text, T::KINDS, rows.iter().copied(), Row::values)
    }

    pub(super) fn update<T: Record>(&mut self, rows: &[&T]) -> Result<u64, StoreError> {
        let text = self.text("update", T::TABLE, "", || {
            let others = rest(T::COLUMNS, T::KEY);
            let set = others.iter().map(|column| format!("{column} = u.{column}"));
            let key = T::KEY.iter().map(|column| format!("t.{column} = u.{column}"));
            format!(
                "UPDATE {table} t SET {set} FROM UNNEST({arrays}) AS u ({columns}) WHERE {key}",
                table = T::TABLE,
                set = set.collect::<Vec<_>>().join(", "),
                arrays = arrays(T::KINDS),
                columns = T::COLUMNS.join(", "),
                key = key.collect::<Vec<_>>().join(" AND "),
            )
        });
        self.write(&text, T::KINDS, rows.iter().copied(), Row::values)
    }

    pub(super) fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        let text = format!("DELETE FROM {} WHERE {}", T::TABLE, assignments(T::KEY, 1, " AND "));
        let mut all = Vec::new();
        row.values(&mut all);
        let key: Vec<Value<'_>> = T::KEY
            .iter()
            .map(|column| {
                let at = T::COLUMNS.iter().position(|other| other == column);
                all[at.expect("a key column is a column")]
            })
            .collect();
        self.run(&text, &key)
    }

    fn write<'a, T: 'a>(
        &mut self,
        text: &str,
        kinds: &[Kind],
        rows: impl Iterator<Item = &'a T>,
        fill: impl Fn(&'a T, &mut Vec<Value<'a>>),
    ) -> Result<u64, StoreError> {
        let prepared = self.prepare(text)?;
        let mut arrays = Arrays::new(kinds);
        let mut values = Vec::with_capacity(kinds.len());
        for row in rows {
            values.clear();
            fill(row, &mut values);
            arrays.push(&values);
        }
        let changed = self.client.execute(&prepared, &arrays.arguments());
        changed.map_err(|error| StoreError::server(text, error))
    }

    pub(super) fn find_by<T: Record, K: Key>(
        &mut self,
        lookup: &Lookup,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        let text = self.text("find", T::TABLE, lookup.columns[0], || {
            format!("{}{}", select_text::<T>(lookup.columns), "")
        });
        self.find_with::<T, K>(&text, lookup.columns, keys)
    }

    pub(super) fn lock<T: Record>(
        &mut self,
        keys: &[impl Key],
        mode: LockMode,
    ) -> Result<Vec<T>, StoreError> {
        let (verb, skip) = match mode {
            LockMode::Wait => ("lock", ""),
            LockMode::SkipLocked => ("lock skipping", " SKIP LOCKED"),
        };
        let text = self.text(verb, T::TABLE, "", || {
            let order = T::KEY.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>();
            let select = select_text::<T>(T::KEY);
            format!("{select} ORDER BY {} FOR NO KEY UPDATE OF t{skip}", order.join(", "))
        });
        self.find_with(&text, T::KEY, keys)
    }

    fn find_with<T: Record, K: Key>(
        &mut self,
        text: &str,
        columns: &[&str],
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        let prepared = self.prepare(text)?;
        let kinds = kinds_of::<T>(columns);
        let mut arrays = Arrays::new(&kinds);
        let mut values = Vec::with_capacity(kinds.len());
        for key in keys {
            values.clear();
            key.values(&mut values);
            arrays.push(&values);
        }
        let rows = self.client.query(&prepared, &arrays.arguments());
        read_rows(&rows.map_err(|error| StoreError::server(text, error))?)
    }

    pub(super) fn query<T: Row>(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let prepared = self.prepare(&statement.postgres())?;
        let arguments: Vec<Argument<'_>> = arguments.iter().map(Argument::from).collect();
        let arguments: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(Argument::as_sql).collect();
        let rows = self.client.query(&prepared, &arguments);
        read_rows(&rows.map_err(|error| StoreError::server(statement.name, error))?)
    }

    pub(super) fn execute(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.run(&statement.postgres(), arguments)
    }

    fn run(&mut self, text: &str, arguments: &[Value<'_>]) -> Result<u64, StoreError> {
        let prepared = self.prepare(text)?;
        let arguments: Vec<Argument<'_>> = arguments.iter().map(Argument::from).collect();
        let arguments: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(Argument::as_sql).collect();
        let changed = self.client.execute(&prepared, &arguments);
        changed.map_err(|error| StoreError::server(text, error))
    }

    pub(super) fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.client.batch_execute(script).map_err(|error| StoreError::server("script", error))
    }

    /// Refuses settings under which an acknowledged commit can be lost.
    pub(super) fn check_durability(&mut self) -> Result<(), StoreError> {
        let mut setting = |name: &str| -> Result<String, StoreError> {
            let row = self.client.query_one(&format!("SHOW {name}"), &[]);
            row.map(|row| row.get(0)).map_err(|error| StoreError::server("show", error))
        };
        for (name, weak) in [
            ("fsync", &["off"][..]),
            ("full_page_writes", &["off"]),
            ("synchronous_commit", &["off", "local"]),
        ] {
            let value = setting(name)?;
            if weak.contains(&value.as_str()) {
                let setting = format!("{name} = {value}");
                return Err(StoreError::NotDurable { setting });
            }
        }
        let names = setting("synchronous_standby_names")?;
        let standbys = self
            .client
            .query_one("SELECT count(*) FROM pg_stat_replication", &[])
            .map_err(|error| StoreError::server("standbys", error))?
            .get::<_, i64>(0);
        if standbys > 0 && names.is_empty() {
            let setting = "synchronous_standby_names is empty, and there are standbys".to_owned();
            return Err(StoreError::NotDurable { setting });
        }
        Ok(())
    }

    pub(super) fn database_bytes(&mut self) -> Result<u64, StoreError> {
        let text = "SELECT pg_database_size(current_database())";
        let row = self.client.query_one(text, &[]);
        let bytes: i64 = row.map_err(|error| StoreError::server("database size", error))?.get(0);
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    pub(super) fn explain(
        &mut self,
        text: &str,
        arguments: usize,
    ) -> Result<Vec<String>, StoreError> {
        let failed = |error| StoreError::server("explain", error);
        let name = "yaoki_explain";
        self.client.batch_execute(&format!("PREPARE {name} AS {text}")).map_err(failed)?;
        let nulls = vec!["NULL"; arguments].join(", ");
        let call = if arguments == 0 { name.to_owned() } else { format!("{name}({nulls})") };
        let rows = self.client.query(&format!("EXPLAIN EXECUTE {call}"), &[]);
        self.client.batch_execute(&format!("DEALLOCATE {name}")).map_err(failed)?;
        Ok(rows.map_err(failed)?.iter().map(|row| row.get(0)).collect())
    }
}

/// TLS with the roots of the web: what managed services present.
fn tls() -> tokio_postgres_rustls::MakeRustlsConnect {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_postgres_rustls::MakeRustlsConnect::new(config)
}

const fn array_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "BIGINT[]",
        Kind::Bytes => "BYTEA[]",
        Kind::Text => "TEXT[]",
    }
}

fn arrays(kinds: &[Kind]) -> String {
    let each = kinds.iter().enumerate();
    let each = each.map(|(index, kind)| format!("${}::{}", index + 1, array_type(*kind)));
    each.collect::<Vec<_>>().join(", ")
}

fn kinds_of<T: Row>(columns: &[&str]) -> Vec<Kind> {
    let kind = |column: &&str| {
        let at = T::COLUMNS.iter().position(|other| other == column);
        T::KINDS[at.expect("a key column is a column")]
    };
    columns.iter().map(kind).collect()
}

fn insert_text<T: Record>(conflict: &str) -> String {
    let (columns, arrays) = (T::COLUMNS.join(", "), arrays(T::KINDS));
    format!("INSERT INTO {} ({columns}) SELECT * FROM UNNEST({arrays}) {conflict}", T::TABLE)
}

fn select_text<T: Record>(by: &[&str]) -> String {
    let columns = T::COLUMNS.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>();
    let columns = columns.join(", ");
    let table = T::TABLE;
    let arrays = arrays(&kinds_of::<T>(by));
    if let [column] = by {
        return format!("SELECT {columns} FROM {table} t WHERE t.{column} = ANY({arrays})");
    }
    let on = by.iter().map(|column| format!("t.{column} = k.{column}")).collect::<Vec<_>>();
    let (names, on) = (by.join(", "), on.join(" AND "));
    format!("SELECT {columns} FROM UNNEST({arrays}) AS k ({names}) JOIN {table} t ON {on}")
}

/// One array a column.
enum Array<'a> {
    Ints(Vec<i64>),
    Bytes(Vec<&'a [u8]>),
    Texts(Vec<&'a str>),
}

struct Arrays<'a>(Vec<Array<'a>>);

impl<'a> Arrays<'a> {
    fn new(kinds: &[Kind]) -> Self {
        Self(
            kinds
                .iter()
                .map(|kind| match kind {
                    Kind::Int => Array::Ints(Vec::new()),
                    Kind::Bytes => Array::Bytes(Vec::new()),
                    Kind::Text => Array::Texts(Vec::new()),
                })
                .collect(),
        )
    }

    fn push(&mut self, values: &[Value<'a>]) {
        assert!(values.len() == self.0.len(), "a row has all its columns");
        for (array, value) in self.0.iter_mut().zip(values) {
            match (array, value) {
                (Array::Ints(array), Value::Int(value)) => array.push(*value),
                (Array::Bytes(array), Value::Bytes(value)) => array.push(value),
                (Array::Texts(array), Value::Text(value)) => array.push(value),
                (_, value) => panic!("{value:?} is not of its column's kind"),
            }
        }
    }

    fn arguments(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0
            .iter()
            .map(|array| -> &(dyn ToSql + Sync) {
                match array {
                    Array::Ints(array) => array,
                    Array::Bytes(array) => array,
                    Array::Texts(array) => array,
                }
            })
            .collect()
    }
}

/// One argument of a named statement.
enum Argument<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl<'a> From<&Value<'a>> for Argument<'a> {
    fn from(value: &Value<'a>) -> Self {
        match value {
            Value::Int(value) => Self::Int(*value),
            Value::Bytes(value) => Self::Bytes(value),
            Value::Text(value) => Self::Text(value),
        }
    }
}

impl Argument<'_> {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Int(value) => value,
            Self::Bytes(value) => value,
            Self::Text(value) => value,
        }
    }
}

fn read_rows<T: Row>(rows: &[PostgresRow]) -> Result<Vec<T>, StoreError> {
    let read = |row: &PostgresRow| {
        T::read(&PostgresSource(row)).map_err(|corrupt| {
            let key = row.try_get::<_, i64>(0).map(|key| key.to_string()).unwrap_or_default();
            StoreError::corrupt::<T>(corrupt, &key)
        })
    };
    rows.iter().map(read).collect()
}

struct PostgresSource<'a>(&'a PostgresRow);

impl Source for PostgresSource<'_> {
    fn int(&self, index: usize) -> Result<i64, String> {
        self.0.try_get(index).map_err(|error| error.to_string())
    }

    fn bytes(&self, index: usize) -> Result<&[u8], String> {
        self.0.try_get(index).map_err(|error| error.to_string())
    }

    fn text(&self, index: usize) -> Result<&str, String> {
        self.0.try_get(index).map_err(|error| error.to_string())
    }
}
