//! The PostgreSQL form: many rows a statement, by `UNNEST` arrays, and many statements a round
//! trip.
//!
//! A batch is four round trips: what it begins with, the members' lock, every write, the commit.
//! `BEGIN` and the writes of a batch wait for the next round trip. The server runs what it was sent
//! in order, so a lock that was asked for first is held by what follows; each write says how many
//! rows it must touch, and its answer is held against that. (`tokio_postgres` on a runtime of the
//! connection's own, driven while a call waits: its synchronous wrapper waits after each
//! statement.)
//!
//! Sessions of lanes and readers plan for keys alone. Without those settings a statement that was
//! planned while a table was young keeps a scan plan, at half the speed.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{
    Client, Config, Error, NoTls, Row as PostgresRow, Socket, Statement as Prepared,
};
use yaoki_core::row::{Row, Value};
use yaoki_core::time::Instant;

use super::wire::{Column, Encoded, PostgresSource, Single};
use super::{Expects, Purpose, corrupt, first_columns, key_of, tls};
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
    runtime: Runtime,
    client: Client,
    reader: bool,
    in_transaction: bool,
    /// What goes with the next round trip.
    waiting: Vec<Call>,
    /// A statement of the transaction failed: the server would answer its COMMIT with a silent
    /// ROLLBACK.
    failed: bool,
    prepared: HashMap<&'static str, Prepared>,
}

/// A statement on its way.
pub(super) struct Call {
    name: &'static str,
    /// None: the name is the text.
    prepared: Option<Prepared>,
    arguments: Vec<Encoded>,
    expects: Expects,
}

/// What a statement gave.
enum Reply {
    Count(u64),
    Rows(Vec<PostgresRow>),
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + 'a>>;

impl Call {
    fn new(
        (statement, prepared): (&Statement, Prepared),
        arguments: Vec<Encoded>,
        expects: Expects,
    ) -> Self {
        Self { name: statement.name, prepared: Some(prepared), arguments, expects }
    }

    fn send<'a>(&'a self, client: &'a Client) -> Sent<'a> {
        Box::pin(async move {
            let Some(prepared) = &self.prepared else {
                return client.batch_execute(self.name).await.map(|()| Reply::Count(0));
            };
            let arguments: Vec<&(dyn ToSql + Sync)> =
                self.arguments.iter().map(|argument| -> &(dyn ToSql + Sync) { argument }).collect();
            match self.expects {
                Expects::Rows => client.query(prepared, &arguments).await.map(Reply::Rows),
                _ => client.execute(prepared, &arguments).await.map(Reply::Count),
            }
        })
    }
}

/// Drives all at once, each begun in its turn; their results in the same order.
async fn together(mut sent: Vec<Sent<'_>>) -> Vec<Result<Reply, Error>> {
    let mut given: Vec<_> = sent.iter().map(|_| None).collect();
    let driven = std::future::poll_fn(|context| {
        for (one, given) in sent.iter_mut().zip(&mut given) {
            if given.is_none()
                && let Poll::Ready(result) = one.as_mut().poll(context)
            {
                *given = Some(result);
            }
        }
        if given.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    });
    driven.await;
    given.into_iter().map(|given| given.expect("all are ready")).collect()
}

impl PostgresConn {
    pub(super) fn open(url: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system has room for a runtime");
        let client = Address::parse(url)?.connect(&runtime)?;
        let settings = match purpose {
            Purpose::Lane => [EVERY, BY_KEY, LANE].concat(),
            Purpose::LaneWithoutSync => [EVERY, BY_KEY, LANE_WITHOUT_SYNC].concat(),
            Purpose::Reader => [EVERY, BY_KEY, READER].concat(),
            Purpose::Admin => EVERY.to_owned(),
        };
        runtime.block_on(client.batch_execute(&settings)).map_err(StoreError::connect)?;
        let (waiting, prepared) = (Vec::new(), HashMap::new());
        let reader = purpose == Purpose::Reader;
        let (in_transaction, failed) = (false, false);
        Ok(Self { runtime, client, reader, in_transaction, waiting, failed, prepared })
    }

    /// Goes with the next round trip.
    pub(super) fn begin(&mut self) {
        assert!(!self.in_transaction, "a transaction begins after another has ended");
        let name = if self.reader { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
        let arguments = Vec::new();
        self.waiting.push(Call { name, prepared: None, arguments, expects: Expects::Count });
        (self.in_transaction, self.failed) = (true, false);
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        assert!(!self.failed, "a transaction with a failed statement is rolled back");
        self.in_transaction = false;
        let sent = self.runtime.block_on(self.client.batch_execute("COMMIT"));
        sent.map_err(|error| StoreError::server("commit", error))
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        let begins = self.waiting.first().is_some_and(|call| call.prepared.is_none());
        let unsent = begins && !self.failed;
        self.waiting.clear();
        self.failed = false;
        if !std::mem::take(&mut self.in_transaction) || unsent {
            return Ok(());
        }
        let sent = self.runtime.block_on(self.client.batch_execute("ROLLBACK"));
        sent.map_err(|error| StoreError::server("rollback", error))
    }

    /// Sends what waits; every answer was as expected when this returns.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        self.send(Vec::new()).map(drop)
    }

    /// One round trip: what waits, then `calls`; the replies to `calls`. The first failure counts:
    /// those after it only say that the transaction has failed.
    fn send(&mut self, calls: Vec<Call>) -> Result<Vec<Reply>, StoreError> {
        let mut all = std::mem::take(&mut self.waiting);
        let waited = all.len();
        all.extend(calls);
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let sent = all.iter().map(|call| call.send(&self.client)).collect();
        let replies = self.runtime.block_on(together(sent));
        let mut given = Vec::with_capacity(all.len());
        for (call, reply) in all.iter().zip(replies) {
            let reply = reply.map_err(|error| self.failure(call.name, error))?;
            if let Reply::Count(count) = reply {
                call.expects.check(count)?;
            }
            given.push(reply);
        }
        Ok(given.split_off(waited))
    }

    fn failure(&mut self, step: &str, error: Error) -> StoreError {
        self.failed = self.in_transaction;
        StoreError::server(step, error)
    }

    fn prepare(&mut self, statement: &Statement) -> Result<Prepared, StoreError> {
        if let Some(prepared) = self.prepared.get(statement.name) {
            return Ok(prepared.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(statement.postgres()));
        let prepared = prepared.map_err(|error| self.failure(statement.name, error))?;
        self.prepared.insert(statement.name, prepared.clone());
        Ok(prepared)
    }

    /// A statement with one array a column of these rows.
    fn writing<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
        expects: Expects,
    ) -> Result<Call, StoreError> {
        let mut values = Vec::with_capacity(rows.len() * T::COLUMNS.len());
        for row in rows {
            row.values(&mut values);
        }
        let prepared = self.prepare(statement)?;
        Ok(Call::new((statement, prepared.clone()), columns(&values, &prepared), expects))
    }

    /// A statement with one array a column of these keys.
    pub(super) fn finding<K: Key>(
        &mut self,
        statement: &Statement,
        keys: &[K],
    ) -> Result<Call, StoreError> {
        let mut values = Vec::with_capacity(keys.len() * 2);
        for key in keys {
            key.values(&mut values);
        }
        let prepared = self.prepare(statement)?;
        Ok(Call::new((statement, prepared.clone()), columns(&values, &prepared), Expects::Rows))
    }

    /// A statement with single arguments.
    fn calling(
        &mut self,
        statement: &Statement,
        arguments: &[Value<'_>],
        expects: Expects,
    ) -> Result<Call, StoreError> {
        let prepared = self.prepare(statement)?;
        let each = arguments.iter().zip(prepared.params());
        let arguments = each.map(|(value, kind)| Encoded::of(&Single(*value), kind)).collect();
        Ok(Call::new((statement, prepared.clone()), arguments, expects))
    }

    fn count(&mut self, call: Call) -> Result<u64, StoreError> {
        match self.send(vec![call])?.pop() {
            Some(Reply::Count(count)) => Ok(count),
            _ => unreachable!("a write gives a count"),
        }
    }

    /// One round trip for several reads of `finding`; the rows of each.
    pub(super) fn rows<const N: usize>(
        &mut self,
        calls: [Call; N],
    ) -> Result<[Vec<PostgresRow>; N], StoreError> {
        let mut replies = self.send(Vec::from(calls))?.into_iter();
        Ok(std::array::from_fn(|_| match replies.next() {
            Some(Reply::Rows(rows)) => rows,
            _ => unreachable!("a read gives rows"),
        }))
    }

    pub(super) fn write<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
    ) -> Result<u64, StoreError> {
        let call = self.writing(statement, rows, Expects::Count)?;
        self.count(call)
    }

    /// Goes with the next round trip.
    pub(super) fn write_later<T: Record>(
        &mut self,
        statement: &Statement,
        rows: &[&T],
        expects: Expects,
    ) -> Result<(), StoreError> {
        let call = self.writing(statement, rows, expects)?;
        self.waiting.push(call);
        Ok(())
    }

    pub(super) fn delete<T: Record>(&mut self, row: &T) -> Result<u64, StoreError> {
        let call = self.calling(&T::statements().delete, &key_of(row), Expects::Count)?;
        self.count(call)
    }

    pub(super) fn find<T: Record, K: Key>(
        &mut self,
        statement: &Statement,
        keys: &[K],
    ) -> Result<Vec<T>, StoreError> {
        let call = self.finding(statement, keys)?;
        let [rows] = self.rows([call])?;
        read(&rows, T::KEY)
    }

    pub(super) fn query<T: Row>(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let call = self.calling(statement, arguments, Expects::Rows)?;
        let [rows] = self.rows([call])?;
        read(&rows, first_columns::<T>())
    }

    pub(super) fn execute(
        &mut self,
        statement: &'static Statement,
        arguments: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let call = self.calling(statement, arguments, Expects::Count)?;
        self.count(call)
    }

    pub(super) fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.flush()?;
        let run = self.runtime.block_on(self.client.batch_execute(script));
        run.map_err(|error| self.failure("script", error))
    }

    /// Refuses settings under which an acknowledged commit can be lost.
    pub(super) fn server_time(&self) -> Result<Instant, StoreError> {
        let asked = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        let row = self.runtime.block_on(self.client.query_one(asked, &[]));
        let row = row.map_err(|error| StoreError::server("clock", error))?;
        Ok(Instant(row.get(0)))
    }

    pub(super) fn check_durability(&mut self) -> Result<(), StoreError> {
        // A synchronous_commit that names no standby's disk is weak; a copy being taken is no
        // standby.
        let asked = "SELECT current_setting('fsync'), current_setting('full_page_writes'),
            (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
            current_setting('synchronous_standby_names'),
            (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup')";
        let row = self.runtime.block_on(self.client.query_one(asked, &[]));
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
        let row = self.runtime.block_on(self.client.query_one(text, &[]));
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
        let (client, runtime) = (&self.client, &self.runtime);
        runtime.block_on(client.batch_execute(&prepare)).map_err(failed)?;
        let rows =
            runtime.block_on(client.query(&format!("EXPLAIN EXECUTE explained{nulls}"), &[]));
        runtime.block_on(client.batch_execute("DEALLOCATE explained")).map_err(failed)?;
        Ok(rows.map_err(failed)?.iter().map(|row| row.get(0)).collect())
    }
}

/// The arguments of a statement that takes an array a column.
fn columns(values: &[Value<'_>], prepared: &Prepared) -> Vec<Encoded> {
    let width = prepared.params().len();
    let each = prepared.params().iter().enumerate();
    each.map(|(index, kind)| Encoded::of(&Column { values, index, width }, kind)).collect()
}

/// Reads rows; a corrupt one is named by these columns.
pub(super) fn read<T: Row>(rows: &[PostgresRow], named_by: &[&str]) -> Result<Vec<T>, StoreError> {
    let read = |row: &PostgresRow| {
        let source = PostgresSource(row);
        T::read(&source).map_err(|problem| corrupt::<T, _>(&source, problem, named_by))
    };
    rows.iter().map(read).collect()
}

/// Connects; the connection is driven by the runtime that this runs on.
async fn connect<T>(config: &Config, tls: T) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    // How it ended is what the next call says.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
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
            format!("{place}?{}", kept.join("&")).parse().map_err(|error: Error| {
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

    fn connect(&self, runtime: &Runtime) -> Result<Client, StoreError> {
        let connected = if self.config.get_ssl_mode() == SslMode::Disable {
            runtime.block_on(connect(&self.config, NoTls))
        } else {
            let tls = tls::connector(self.roots.as_deref())?;
            runtime.block_on(connect(&self.config, tls))
        };
        connected.map_err(StoreError::connect)
    }
}
