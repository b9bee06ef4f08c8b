//! The rows: what is run, on what, in which order.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use yaoki_core::policy;
use yaoki_store::conn::{CheckpointMode, Purpose};
use yaoki_store::table::Number;
use yaoki_store::{Conn, Database, sql};

use super::http::Server;
use super::measure::{self, Measured};
use super::plain_postgres::{self, Plain, Sizes};
use super::progress::Progress;
use super::report::{Disk, Row};
use super::world::{self, Spread, World};
use super::{Options, engine, start};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Closed(Spread),
    /// As the row before it on the same book, under a policy that has neither limits nor rules.
    WithoutLimits,
    Open,
    Disk,
    TenMillion,
    TenMinutes,
    Start,
    Plain(Spread),
    HttpPay,
    HttpOpen,
    HttpCodes,
}

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Sqlite,
    Postgres,
}

impl On {
    const fn text(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// One row before it is run.
#[derive(Clone, Copy, Debug)]
struct Job {
    what: What,
    on: On,
    in_flight: usize,
}

/// The batch size at which bytes are counted.
const DISK_IN_FLIGHT: usize = 64;
const DISK_PAYMENTS: usize = 200_000;
const TEN_MILLION: i64 = 10_000_000;
/// Connections over which the open loop is offered.
const HTTP_OPEN_CONNECTIONS: usize = 256;
/// No limit of time.
const NEVER: Duration = Duration::from_secs(1 << 30);
/// Runs before the clock starts: statements prepared, caches warm.
const WARM_UP: usize = 5_000;

impl Job {
    const fn name(self) -> &'static str {
        match self.what {
            What::Closed(Spread::Even) => "engine spread",
            What::Closed(Spread::HotMerchant) => "engine hot merchant",
            What::WithoutLimits => "engine without limits",
            What::Open => "engine open loop",
            What::Disk => "engine disk",
            What::TenMillion => "engine ten million members",
            What::TenMinutes => "engine ten minutes",
            What::Start => "start after a kill",
            What::HttpPay => "http payments",
            What::HttpOpen => "http payments open loop",
            What::HttpCodes => "http codes",
            What::Plain(Spread::Even) => "plain function spread",
            What::Plain(Spread::HotMerchant) => "plain function hot merchant",
        }
    }

    fn is_wanted(self, rows: &[String]) -> bool {
        let own = format!("{} {} {}", self.on.text(), self.name(), self.in_flight);
        let only_when_named =
            matches!(self.what, What::TenMillion | What::TenMinutes | What::Start);
        (rows.is_empty() && !only_when_named) || rows.iter().any(|text| own.contains(text.as_str()))
    }

    /// The most payments that a run of so many seconds can use, generously.
    fn payments_max(self, options: &Options) -> usize {
        let seconds = usize::try_from(options.seconds).expect("a count fits");
        let a_second = match (self.what, self.in_flight) {
            (What::Open | What::HttpOpen, _) => {
                usize::try_from(options.offered).expect("a count fits")
            }
            (What::HttpCodes, _) => 15_000,
            (_, 0..=1) => 12_000,
            (What::HttpPay, _) | (_, 2..=16) => 60_000,
            (_, 17..=64) => 110_000,
            _ => 150_000,
        };
        a_second * seconds
    }
}

fn jobs(options: &Options) -> Vec<Job> {
    let mut jobs = Vec::new();
    for on in [On::Sqlite, On::Postgres] {
        if on == On::Postgres && options.postgres.is_none() {
            continue;
        }
        let largest = options.in_flight.iter().copied().max().unwrap_or(256);
        let mut add = |what, in_flight| jobs.push(Job { what, on, in_flight });
        for &in_flight in &options.in_flight {
            add(What::Closed(Spread::Even), in_flight);
        }
        add(What::WithoutLimits, largest.min(64));
        add(What::Closed(Spread::HotMerchant), largest);
        if on == On::Postgres {
            for in_flight in [16, largest] {
                add(What::Plain(Spread::Even), in_flight);
                add(What::Plain(Spread::HotMerchant), in_flight);
            }
        }
        add(What::Open, 0);
        add(What::Disk, DISK_IN_FLIGHT);
        for &in_flight in &options.in_flight {
            add(What::HttpPay, in_flight);
        }
        add(What::HttpOpen, 0);
        add(What::HttpCodes, largest);
        add(What::TenMillion, 64);
        add(What::TenMillion, largest);
        add(What::TenMinutes, largest);
        if on == On::Sqlite {
            add(What::Start, 0);
        }
    }
    jobs.retain(|job| job.is_wanted(&options.rows));
    jobs
}

/// Runs every wanted row, `rounds` times over.
/// A row that fails is left out and said at the end; the others are still measured.
pub(crate) fn measure(options: &Options) -> Result<(Vec<Row>, Vec<anyhow::Error>)> {
    let jobs = jobs(options);
    ensure!(!jobs.is_empty(), "no row is called so");
    let mut field = Field::new(options)?;
    let mut runs: Vec<Vec<Row>> = vec![Vec::new(); jobs.len()];
    let mut failures = Vec::new();
    for round in 1..=options.rounds.max(1) {
        for (job, rows) in jobs.iter().zip(&mut runs) {
            let what = format!("{round}: {} {} {}", job.on.text(), job.name(), job.in_flight);
            match field.run(*job, &what) {
                Ok(row) => rows.push(row),
                Err(error) => failures.push(error.context(what)),
            }
        }
    }
    field.clear()?;
    Ok((runs.into_iter().filter_map(Row::median).collect(), failures))
}

/// The books that rows are run on, made when the first row needs them.
struct Field<'a> {
    options: &'a Options,
    folder: PathBuf,
    worlds: Vec<((On, i64), World)>,
    plain: Option<Plain>,
    databases: Vec<String>,
    servers: Vec<(On, Server)>,
}

impl<'a> Field<'a> {
    fn new(options: &'a Options) -> Result<Self> {
        let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
        let folder = parent.join(format!("yaoki-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let (worlds, databases) = (Vec::new(), Vec::new());
        Ok(Self { options, folder, worlds, plain: None, databases, servers: Vec::new() })
    }

    /// Removes what the bench made.
    fn clear(&mut self) -> Result<()> {
        self.servers.clear();
        self.worlds.clear();
        std::fs::remove_dir_all(&self.folder)?;
        if let Some(server) = &self.options.postgres {
            for name in &self.databases {
                plain_postgres::drop_database(server, name)?;
            }
        }
        Ok(())
    }

    fn fresh_postgres(&mut self, name: &str) -> Result<String> {
        let server = self.options.postgres.as_deref().context("a row needs --postgres")?;
        let name = format!("yaoki_bench_{}_{name}", std::process::id());
        let url = plain_postgres::fresh_database(server, &name)?;
        self.databases.push(name);
        Ok(url)
    }

    fn world(&mut self, on: On, members: i64) -> Result<&mut World> {
        if let Some(at) = self.worlds.iter().position(|(key, _)| *key == (on, members)) {
            return Ok(&mut self.worlds[at].1);
        }
        let name = format!("{}_{members}", on.text());
        let database = match on {
            On::Sqlite => world::sqlite(&self.folder, &name),
            On::Postgres => Database::Postgres(self.fresh_postgres(&name)?),
        };
        let many = members >= start::MEMBERS;
        let keys = self.folder.join(format!("{name}.keys"));
        let world = World::create((database, keys), (members, many), self.options.lanes)?;
        self.worlds.push(((on, members), world));
        Ok(&mut self.worlds.last_mut().expect("just pushed").1)
    }

    fn run(&mut self, job: Job, what: &str) -> Result<Row> {
        if let What::Plain(spread) = job.what {
            return self.run_plain(job, spread, what);
        }
        if matches!(job.what, What::HttpPay | What::HttpOpen | What::HttpCodes) {
            return self.run_http(job, what);
        }
        let options = self.options;
        let members = match job.what {
            What::TenMillion => TEN_MILLION,
            What::Start => start::MEMBERS,
            _ => options.members,
        };
        let folder = self.folder.clone();
        self.world(job.on, members)?;
        let bar = Progress::spinning(what);
        let world = self.world(job.on, members)?;
        let row = match job.what {
            What::Disk => disk(world, job)?,
            What::TenMinutes => ten_minutes(world, job),
            What::Start => {
                let (measured, bytes) = start::measure(world, &folder)?;
                let mut row = row(world, job, &measured, 0);
                row.batch = None;
                row.note = format!("{members} members, {} MB of log", bytes >> 20);
                row
            }
            What::WithoutLimits => {
                world.change_policy(&world::policy_without_limits())?;
                let row = timed(world, job, options);
                world.change_policy(policy::DEFAULT)?;
                row
            }
            _ => timed(world, job, options),
        };
        bar.finish_and_clear();
        Ok(row)
    }

    fn run_http(&mut self, job: Job, what: &str) -> Result<Row> {
        let options = self.options;
        self.world(job.on, options.members)?;
        let at = self.servers.iter().position(|(on, _)| *on == job.on);
        let (on, mut server) = match at {
            Some(at) => self.servers.swap_remove(at),
            None => (job.on, Server::start(self.world(job.on, options.members)?)?),
        };
        let bar = Progress::spinning(what);
        let world = self.world(job.on, options.members)?;
        let limit = Duration::from_secs(options.seconds);
        let count = job.payments_max(options);
        let commits = world.book.counters().batches.load(Ordering::Relaxed);
        let measured = match job.what {
            What::HttpCodes => server.codes((job.in_flight, count), limit)?,
            What::HttpOpen => {
                server.pay(world, (HTTP_OPEN_CONNECTIONS, count), limit, Some(options.offered))?
            }
            _ => {
                server.pay(world, (job.in_flight, WARM_UP), limit, None)?;
                server.pay(world, (job.in_flight, count), limit, None)?
            }
        };
        bar.finish_and_clear();
        let row = row(world, job, &measured, commits);
        self.servers.push((on, server));
        Ok(row)
    }

    fn run_plain(&mut self, job: Job, spread: Spread, what: &str) -> Result<Row> {
        if self.plain.is_none() {
            let url = self.fresh_postgres("plain")?;
            self.plain = Some(Plain::create(&url, self.options.members)?);
        }
        let bar = Progress::spinning(what);
        let plain = self.plain.as_ref().expect("just made");
        let time = Duration::from_secs(self.options.seconds);
        let measured = plain.run(job.in_flight, spread, time)?;
        bar.finish_and_clear();
        Ok(Row::of(job.name(), job.on.text(), job.in_flight, &measured))
    }
}

/// A closed or open loop of some seconds.
fn timed(world: &mut World, job: Job, options: &Options) -> Row {
    let spread = if let What::Closed(spread) = job.what { spread } else { Spread::Even };
    let mut warm_up = world.payments(WARM_UP, spread).into_iter();
    engine::closed_loop(&world.book, &mut warm_up, job.in_flight.max(16), NEVER);
    let mut payments = world.payments(job.payments_max(options), spread).into_iter();
    world.settle();
    let commits = world.book.counters().batches.load(Ordering::Relaxed);
    let limit = Duration::from_secs(options.seconds);
    let measured = if job.what == What::Open {
        engine::open_loop(&world.book, payments.by_ref(), options.offered)
    } else {
        engine::closed_loop(&world.book, &mut payments, job.in_flight, limit)
    };
    world.take_back(payments);
    row(world, job, &measured, commits)
}

fn row(world: &World, job: Job, measured: &Measured, commits_before: u64) -> Row {
    let commits = world.book.counters().batches.load(Ordering::Relaxed) - commits_before;
    let mut row = Row::of(job.name(), job.on.text(), job.in_flight, measured);
    row.batch = Some(measured.answers() / commits.max(1));
    if world.without_facts {
        "members seeded without facts".clone_into(&mut row.note);
    }
    if job.what == What::HttpCodes {
        row.batch = None;
    }
    row
}

/// Ten minutes, in stretches whose payments are made in between; the longest stall of all.
fn ten_minutes(world: &mut World, job: Job) -> Row {
    let commits = world.book.counters().batches.load(Ordering::Relaxed);
    let mut all = Measured::default();
    let mut left = Duration::from_mins(10);
    while !left.is_zero() {
        let mut payments = world.payments(1_500_000, Spread::Even).into_iter();
        let stretch = left.min(Duration::from_secs(30));
        let measured = engine::closed_loop(&world.book, &mut payments, job.in_flight, stretch);
        world.take_back(payments);
        left = left.saturating_sub(measured.took);
        let took = all.took + measured.took;
        all.merge(&measured);
        all.took = took;
    }
    row(world, job, &all, commits)
}

/// What a payment costs on disk, at a fixed number under way.
fn disk(world: &mut World, job: Job) -> Result<Row> {
    let mut payments = world.payments(DISK_PAYMENTS, Spread::Even).into_iter();
    let before = sizes(world)?;
    let commits = world.book.counters().batches.load(Ordering::Relaxed);
    let measured = engine::closed_loop(&world.book, &mut payments, job.in_flight, NEVER);
    let after = sizes(world)?;
    let mut row = row(world, job, &measured, commits);
    let count = measured.answers().max(1);
    let each = |after: u64, before: u64, times: u64| after.saturating_sub(before) * times / count;
    row.disk = Some(Disk {
        rows_percent: each(after.rows, before.rows, 100),
        index_entries_percent: each(after.index_entries, before.index_entries, 100),
        bytes_kept: each(after.bytes, before.bytes, 1),
        bytes_written: each(after.written, before.written, 1),
    });
    Ok(row)
}

/// Sizes once the book has come to rest, lists and balances filled.
fn sizes(world: &World) -> Result<Sizes> {
    world.come_to_rest()?;
    let path = match &world.database {
        Database::Postgres(url) => return plain_postgres::sizes(url),
        Database::Sqlite(path) => path,
    };
    let mut conn = Conn::open(&world.database, Purpose::Lane)?;
    conn.checkpoint(CheckpointMode::Restart)?;
    let mut count = |statement| -> Result<u64> {
        let found = conn.query::<Number>(statement, &[])?.pop();
        Ok(u64::try_from(found.map_or(0, |row| row.number))?)
    };
    let operations = count(&sql::COUNT_OPERATIONS)?;
    let transfers = count(&sql::COUNT_TRANSFERS)?;
    // Each payment's operation is listed once, under its store; each row of a table is an entry of
    // the tree that the table is, and an operation also one of `operation_by_request`.
    Ok(Sizes {
        bytes: std::fs::metadata(path)?.len(),
        written: measure::bytes_written(),
        rows: operations * 2 + transfers,
        index_entries: operations,
    })
}
