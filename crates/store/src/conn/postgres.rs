//! The PostgreSQL form: one round trip for many rows, by `UNNEST` arrays and statements prepared
//! once.
//!
//! Sessions of lanes and readers plan for keys alone. Without those settings a statement that was
//! planned while a table was young keeps a scan plan, at half the speed.

use std::collections::HashMap;
use std::time::Duration;

use postgres::config::{SslMode, TargetSessionAttrs};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row as PostgresRow, Statement as Prepared};
use yaoki_core::row::{Row, Value};

use super::wire::{Column, PostgresSource, Single};
use super::{Purpose, corrupt, first_columns, key_of, tls};
use crate::error::{Fault, StoreError};
use crate::sql::Statement;
use crate::table::{Key, Record};

const CONNECT: Duration = Duration::from_secs(3);
/// A server that acknowledges nothing for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);

const EVERY: &str = "SET client_min_messages = warning; SET synchronous_commit = on; SET jit = off;
    SET lock_timeout = '1s';";
const BY_KEY: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET idle_in_transaction_session_timeout = '10s';";
const LANE: &str = "SET statement_timeout = '5s';";
const LANE_WITHOUT_SYNC: &str = "SET statement_timeout = '5s'; SET synchronous_commit = off;";
const READER: &str = "SET statement_timeout = '2s'; SET default_transaction_read_only = on;";

/// A PostgreSQL session.
pub struct PostgresConn {
    client: Client,
    reader: bool,
    in_transaction: bool,
    /// A statement of the transaction failed: the server would answer its COMMIT with a silent
    /// ROLLBACK.
    failed: bool,
    prepared: HashMap<&'static str, Prepared>,
}

impl PostgresConn {
    pub(super) fn open(url: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let mut client = Address::parse(url)?.connect()?;
        let settings = match purpose {
            Purpose::Lane => [EVERY, BY_KEY, LANE].concat(),
            Purpose::LaneWithoutSync => [EVERY, BY_KEY, LANE_WITHOUT_SYNC].concat(),
            Purpose::Reader => [EVERY, BY_KEY, READER].concat(),
            Purpose::Admin => EVERY.to_owned(),
        };
        client.batch_execute(&settings).map_err(StoreError::connect)?;
        let reader = purpose == Purpose::Reader;
        Ok(Self { client, reader, in_transaction: false, failed: false, prepared: HashMap::new() })
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        let text = if self.reader {
            "BEGIN ISOLATION LEVEL REPEATABLE READ"
        } else {
            "BEGIN ISOLATION LEVEL READ COMMITTED"
        };
        self.client.batch_execute(text).map_err(|error| StoreError::server("begin", error))?;
        (self.in_transaction, self.failed) = (true, false);
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        assert!(!self.failed, "a transaction with a failed statement is rolled back");
        self.in_transaction = false;
        self.client.batch_execute("COMMIT").map_err(|error| StoreError::server("commit", error))
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        self.failed = false;
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        self.client.batch_execute("ROLLBACK").map_err(|error| StoreError::server("rollback", error))
    }

    fn failure(&mut self, step: &str, error: postgres::Error) -> StoreError {
        self.failed = self.in_transaction;
        StoreError::server(step, error)
    }

    fn prepare(&mut self, statement: &Statement) -> Result<Prepared, StoreError> {
        if let Some(prepared) = self.prepared.get(statement.name) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(statement.postgres());
        let prepared = prepared.map_err(|error| self.failure(statement.name, error))?;
        self.prepared.insert(statement.name, prepared.clone());
        Ok(prepared)
    }

    fn run(
        &mut self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let prepared = self.prepare(statement)?;
        let changed = self.client.execute(&prepared, arguments);
        changed.map_err(|error| self.failure(statement.name, error))
    }

    fn read<T: Row>(
        &mut self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
        named_by: &[&str],
    ) -> Result<Vec<T>, StoreError> {
        let prepared = self.prepare(statement)?;
        let rows = self.client.query(&prepared, arguments);
        let rows = rows.map_err(|error| self.failure(statement.name, error))?;
        let read = |row: &PostgresRow| {
            let source = PostgresSource(row);
            T::read(&source).map_err(|problem| corrupt::<T, _>(&source, problem, named_by))
        };
        rows.iter().map(read).collect()
    }

    pub(super) fn write<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
    ) -> Result<u64, StoreError> {
        let width = T::COLUMNS.len();
        let mut values = Vec::with_capacity(rows.len() * width);
        for row in rows {
            row.values(&mut values);
        }
        self.run(statement, &borrowed(&columns(&values, width)))
    }

    pub(super) fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        let key: Vec<Single<'_>> = key_of(row).into_iter().map(Single).collect();
        self.run(&T::statements().delete, &borrowed(&key))
    }

    pub(super) fn find<T: Record, K: Key>(
        &mut self,
        statement: &Statement,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::with_capacity(keys.len() * 2);
        for key in keys {
            key.values(&mut values);
        }
        let columns = columns(&values, values.len() / keys.len());
        self.read(statement, &borrowed(&columns), T::KEY)
    }

    pub(super) fn query<T: Row>(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let singles: Vec<Single<'_>> = arguments.iter().copied().map(Single).collect();
        self.read(statement, &borrowed(&singles), first_columns::<T>())
    }

    pub(super) fn execute(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let singles: Vec<Single<'_>> = arguments.iter().copied().map(Single).collect();
        self.run(statement, &borrowed(&singles))
    }

    pub(super) fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        let run = self.client.batch_execute(script);
        run.map_err(|error| self.failure("script", error))
    }

    /// Refuses settings under which an acknowledged commit can be lost.
    pub(super) fn check_durability(&mut self) -> Result<(), StoreError> {
        // A synchronous_commit that names no standby's disk is weak; a copy being taken is no
        // standby.
        let asked = "SELECT current_setting('fsync'), current_setting('full_page_writes'),
            (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
            current_setting('synchronous_standby_names'),
            (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup')";
        let row = self.client.query_one(asked, &[]);
        let row = row.map_err(|error| StoreError::server("durability", error))?;
        let text = |index: usize| row.get::<_, &str>(index);
        let refused = |setting: String| Err(StoreError::NotDurable { setting });
        for (index, name) in [(0, "fsync"), (1, "full_page_writes")] {
            if text(index) != "on" {
                return refused(format!("{name} = {}", text(index)));
            }
        }
        if !["on", "remote_apply"].contains(&text(2)) {
            return refused(format!("synchronous_commit = {}", text(2)));
        }
        if row.get::<_, i64>(4) > 0 && text(3).trim().is_empty() {
            return refused(
                "synchronous_standby_names is empty, and there are standbys".to_owned(),
            );
        }
        Ok(())
    }

    pub(super) fn database_bytes(&mut self) -> Result<u64, StoreError> {
        let text = "SELECT pg_database_size(current_database())";
        let row = self.client.query_one(text, &[]);
        let bytes: i64 = row.map_err(|error| StoreError::server("database size", error))?.get(0);
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    pub(super) fn explain(&mut self, statement: &Statement) -> Result<Vec<String>, StoreError> {
        let types = self.prepare(statement)?.params().to_vec();
        let list = |items: Vec<String>| match items.as_slice() {
            [] => String::new(),
            items => format!("({})", items.join(", ")),
        };
        let declared = list(types.iter().map(ToString::to_string).collect());
        let nulls = list(types.iter().map(|_| "NULL".to_owned()).collect());
        let text = statement.postgres();
        let failed = |error| StoreError::server("explain", error);
        let prepare = format!("PREPARE explained {declared} AS {text}");
        self.client.batch_execute(&prepare).map_err(failed)?;
        let rows = self.client.query(&format!("EXPLAIN EXECUTE explained{nulls}"), &[]);
        self.client.batch_execute("DEALLOCATE explained").map_err(failed)?;
        Ok(rows.map_err(failed)?.iter().map(|row| row.get(0)).collect())
    }
}

fn columns<'a>(values: &'a [Value<'a>], width: usize) -> Vec<Column<'a>> {
    (0..width).map(|index| Column { values, index, width }).collect()
}

fn borrowed<T: ToSql + Sync>(arguments: &[T]) -> Vec<&(dyn ToSql + Sync)> {
    arguments.iter().map(|argument| -> &(dyn ToSql + Sync) { argument }).collect()
}

/// Says what is wrong with a URL, if anything is; never its password.
pub(crate) fn check_url(url: &str) -> Result<(), StoreError> {
    Address::parse(url).map(drop)
}

/// A parsed URL.
struct Address {
    config: Config,
    roots: Option<String>,
}

impl Address {
    /// Besides the driver's parameters: `sslmode=verify-full`, which is what `require` means here,
    /// for a certificate is always checked; and `sslrootcert=FILE`.
    fn parse(url: &str) -> Result<Self, StoreError> {
        let bad = |why: String| StoreError::BadDatabase(why);
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut roots, mut mode) = (Vec::new(), None, SslMode::Disable);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", "require" | "verify-full")) => mode = SslMode::Require,
                Some(("sslmode", "prefer")) => mode = SslMode::Prefer,
                Some(("sslmode", "disable")) => mode = SslMode::Disable,
                Some(("sslmode", _)) => {
                    let modes = "sslmode is disable, prefer, require or verify-full";
                    return Err(bad(modes.to_owned()));
                }
                Some(("sslrootcert", path)) => roots = Some(path.to_owned()),
                _ => kept.push(parameter),
            }
        }
        let mut config: Config =
            format!("{place}?{}", kept.join("&")).parse().map_err(|error: postgres::Error| {
                bad(format!("the PostgreSQL URL is malformed: {}", Fault::from(error).message))
            })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("the PostgreSQL URL names no host".to_owned()));
        }
        config
            .ssl_mode(mode)
            .application_name("yaoki")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE_MAX)
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3)
            // A reader too: what was answered is listed at once, and a standby is behind.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, roots })
    }

    fn connect(&self) -> Result<Client, StoreError> {
        let connected = match self.config.get_ssl_mode() {
            SslMode::Disable => self.config.connect(NoTls),
            _ => self.config.connect(tls::connector(self.roots.as_deref())?),
        };
        connected.map_err(StoreError::connect)
    }
}
