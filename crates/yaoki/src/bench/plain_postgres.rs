//! The plain way on PostgreSQL, to compare with: one PL/pgSQL function a payment, one connection a
//! request under way. Key insert, guarded debit, two entries, merchant credit; no code, no lanes,
//! no chain, no checks besides the balance. And the sizes of a database.
//!
//! The one file outside the store where SQL is allowed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::{Client, NoTls};

use super::measure::{Measured, now, thread_cpu};
use super::world::{Random, Spread};

const SCHEMA: &str = "
    CREATE TABLE plain_member (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0))
        WITH (fillfactor = 70);
    CREATE TABLE plain_merchant (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)
        WITH (fillfactor = 70);
    CREATE TABLE plain_payment (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, request_id UUID NOT NULL UNIQUE,
        member BIGINT NOT NULL, merchant BIGINT NOT NULL, amount BIGINT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE TABLE plain_entry (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payment BIGINT NOT NULL,
        account BIGINT NOT NULL, amount BIGINT NOT NULL);
    CREATE INDEX plain_entry_by_account ON plain_entry (account, id);
    CREATE FUNCTION plain_pay(request UUID, payer BIGINT, payee BIGINT, yen BIGINT)
        RETURNS BOOLEAN LANGUAGE plpgsql AS $$
    DECLARE paid BIGINT;
    BEGIN
        INSERT INTO plain_payment (request_id, member, merchant, amount)
            VALUES (request, payer, payee, yen) ON CONFLICT (request_id) DO NOTHING
            RETURNING id INTO paid;
        IF paid IS NULL THEN RETURN FALSE; END IF;
        UPDATE plain_member SET balance = balance - yen WHERE id = payer AND balance >= yen;
        IF NOT FOUND THEN RAISE EXCEPTION 'balance too low'; END IF;
        INSERT INTO plain_entry (payment, account, amount) VALUES (paid, payer, -yen);
        INSERT INTO plain_entry (payment, account, amount)
            VALUES (paid, 1000000000 + payee, yen);
        UPDATE plain_merchant SET balance = balance + yen WHERE id = payee;
        RETURN TRUE;
    END $$;";

/// The plain way's book.
pub(crate) struct Plain {
    url: String,
    members: i64,
    runs: AtomicI64,
}

const MERCHANTS: u64 = 1000;

impl Plain {
    /// Makes it in an empty database.
    pub(crate) fn create(url: &str, members: i64) -> Result<Self> {
        let mut client = connect(url)?;
        client.batch_execute(SCHEMA)?;
        client.execute(
            "INSERT INTO plain_member SELECT n, 100000000 FROM generate_series(1, $1::BIGINT) n",
            &[&members],
        )?;
        client.batch_execute(
            "INSERT INTO plain_merchant SELECT n, 0 FROM generate_series(1, 1000) n;
             ANALYZE; CHECKPOINT;",
        )?;
        Ok(Self { url: url.to_owned(), members, runs: AtomicI64::new(0) })
    }

    /// Pays from so many connections, a thread each, for `time`.
    pub(crate) fn run(
        &self,
        connections: usize,
        spread: Spread,
        time: Duration,
    ) -> Result<Measured> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(connect(&self.url)?);
        }
        let until = now() + time;
        let members = u64::try_from(self.members)?;
        std::thread::scope(|scope| {
            let each = clients.into_iter().enumerate();
            let threads: Vec<_> = each
                .map(|(number, client)| {
                    let seed = Random(seed_of(run, number));
                    scope.spawn(move || pay_until(client, seed, members, spread, until))
                })
                .collect();
            let mut all = Measured::default();
            for thread in threads {
                all.merge(&thread.join().expect("a payer does not panic")?);
            }
            Ok(all)
        })
    }
}

fn pay_until(
    mut client: Client,
    mut random: Random,
    members: u64,
    spread: Spread,
    until: std::time::Instant,
) -> Result<Measured> {
    let pay = client.prepare("SELECT plain_pay(($1::TEXT)::UUID, $2, $3, $4)")?;
    let mut measured = Measured::default();
    let (began, cpu) = (now(), thread_cpu());
    let mut last = began;
    while last < until {
        let request = uuid::Uuid::now_v7().to_string();
        let member = i64::try_from(1 + random.below(members))?;
        let merchant = match spread {
            Spread::Even => i64::try_from(1 + random.below(MERCHANTS))?,
            Spread::HotMerchant => 1,
        };
        let amount = i64::try_from(1 + random.below(997))?;
        let row = client.query_one(&pay, &[&request, &member, &merchant, &amount])?;
        ensure!(row.get::<_, bool>(0), "a request id came twice");
        let at = now();
        measured.record(at - last);
        measured.stall = measured.stall.max(at - last);
        last = at;
    }
    measured.took = last - began;
    measured.generator_cpu = thread_cpu().saturating_sub(cpu);
    Ok(measured)
}

fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls).context("the bench cannot reach PostgreSQL")
}

/// Makes an empty database beside the one that `url` names and returns its URL.
pub(crate) fn fresh_database(url: &str, name: &str) -> Result<String> {
    connect(url)?.batch_execute(&format!("CREATE DATABASE \"{name}\""))?;
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let (place, _) = front.rsplit_once('/').context("the URL must name a database")?;
    Ok(if query.is_empty() { format!("{place}/{name}") } else { format!("{place}/{name}?{query}") })
}

/// Drops what [`fresh_database`] made.
pub(crate) fn drop_database(url: &str, name: &str) -> Result<()> {
    Ok(connect(url)?.batch_execute(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"))?)
}

/// What a database holds at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) bytes: u64,
    pub(crate) written: u64,
    pub(crate) rows: u64,
    pub(crate) index_entries: u64,
}

/// Sizes of every table of the database and the position of its write-ahead log, after a
/// checkpoint.
pub(crate) fn sizes(url: &str) -> Result<Sizes> {
    let mut client = connect(url)?;
    // Counts of rows reach the statistics within a second of a session's last statement.
    super::world::pause(Duration::from_secs(2));
    let row = client.query_one(
        "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0)::BIGINT,
                pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::BIGINT,
                COALESCE(SUM(s.n_tup_ins - s.n_tup_del), 0)::BIGINT,
                COALESCE(SUM((s.n_tup_ins - s.n_tup_del)
                    * (SELECT count(*) FROM pg_index i
                       WHERE i.indrelid = c.oid AND i.indpred IS NULL)), 0)::BIGINT
         FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.relkind = 'r'",
        &[],
    )?;
    let number = |at: usize| u64::try_from(row.get::<_, i64>(at));
    Ok(Sizes {
        bytes: number(0)?,
        written: number(1)?,
        rows: number(2)?,
        index_entries: number(3)?,
    })
}

fn seed_of(run: i64, connection: usize) -> u64 {
    let run = u64::try_from(run).expect("runs are counted from zero");
    let connection = u64::try_from(connection).expect("connections are few");
    (run << 32) + connection
}
