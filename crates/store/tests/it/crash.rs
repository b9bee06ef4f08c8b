//! What survives a crash: `kill -9` of the process, power cuts, a failing disk, and `kill -9` of
//! PostgreSQL itself. Every acknowledged payment and every acknowledged act of a member is there,
//! nothing is half there.
//!
//! Each round runs a child (this very test binary) that pays as fast as it can, 16 in flight, and
//! writes a line for each payment once it was answered. The parent ends it at a moment nobody
//! chose, opens the book again, and asks for every request that was acknowledged.
//!
//! Rounds by the environment: `YAOKI_CRASH_POWER_CUTS`, `_KILLS`, `_KILLS_POSTGRES`,
//! `_SERVER_KILLS`; a few where it says nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::ids::{MemberNumber, RequestId, RequestKey, TerminalNumber};
use yaoki_core::row::Value;
use yaoki_core::time::Instant;
use yaoki_store::conn::{Conn, Purpose};
use yaoki_store::table::{EVENT_BY_REQUEST, OPERATION_BY_REQUEST};
use yaoki_store::testing::{TestBook, TestClock, TestDatabase, options};
use yaoki_store::verify::{VerifyOptions, verify};
use yaoki_store::{Answer, Book, Database, Part, Unknown, read, sql};

use crate::crash_members::live_in_turn;

const MEMBERS: i64 = 64;
const IN_FLIGHT: i64 = 16;
/// How many people live at once meanwhile.
const LIVES: i64 = 2;
const DATABASE: &str = "YAOKI_CRASH_DATABASE";
const WITHOUT_SYNC: &str = "YAOKI_CRASH_WITHOUT_SYNC";
/// Seconds after which a child ends by itself, so that a test that dies leaves nothing behind.
const CHILD_SECONDS_MAX: u64 = 120;
/// With this status a process ends whose storage failed.
const STORAGE_FAILED: i32 = 70;
/// The signal of a process whose power was cut.
const SIGKILL: i32 = 9;

#[expect(clippy::disallowed_methods, reason = "a child is told by its parent's environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn rounds(name: &str, usual: u32) -> u32 {
    variable(&format!("YAOKI_CRASH_{name}"))
        .map_or(usual, |text| text.parse().expect("rounds are a number"))
}

/// The child: not a promise of its own; it does nothing unless a parent told it where the book is.
// one storage: the child of the loops below, on whichever storage its parent names
#[test]
fn child_that_pays_until_it_is_ended() {
    let Some(database) = variable(DATABASE) else { return };
    std::thread::spawn(|| {
        std::thread::park_timeout(Duration::from_secs(CHILD_SECONDS_MAX));
        std::process::exit(3);
    });
    let database: Database = database.parse().expect("the parent names a database");
    let clock = TestClock::default();
    clock.advance_ms(3_600_000);
    let mut options = options(&database, &clock, "child");
    options.unsafe_without_sync = variable(WITHOUT_SYNC).is_some();
    let book = Book::open(options).expect("the child opens the book");
    let cipher = yaoki_core::code::CodeCipher::new(
        yaoki_store::testing::code_rules(),
        &yaoki_store::testing::CODE_KEY,
        None,
    );
    let payer = TestBook::around(book, clock, cipher);
    std::thread::scope(|scope| {
        for first in 1..=IN_FLIGHT {
            let payer = &payer;
            scope.spawn(move || pay_in_turn(payer, first));
        }
        for thread in 0..LIVES {
            let payer = &payer;
            scope.spawn(move || live_in_turn(payer, thread));
        }
    });
}

/// Pays with the members `first`, `first + 16`…; says so in one line for each answer.
fn pay_in_turn(payer: &TestBook, first: i64) {
    let numbers = (first..=MEMBERS).step_by(usize::try_from(IN_FLIGHT).expect("small"));
    let mut members: Vec<_> = numbers.map(|n| payer.member(MemberNumber(n))).collect();
    let mut turn = 0;
    loop {
        let index = turn % members.len();
        let member = &mut members[index];
        let code = payer.cipher.issue(member, payer.clock.now()).expect("it has a device").digits;
        let ask = payer.ask(1, 1);
        let command = payer.pay(ask, &code, 1, None);
        match pay_until_known(payer, &command) {
            Outcome::Decided { operation, .. } if operation.succeeded() => {
                member.code_epoch = operation.epoch + 1;
                say(&paid(ask.caller.key.request));
                turn += 1;
            }
            other => panic!("a payment of 1 with a fresh code succeeds: {other:?}"),
        }
    }
}

/// Asks again with the same request id until the answer is known.
fn pay_until_known(payer: &TestBook, command: &Command) -> Outcome {
    loop {
        let answer = payer.book.submit_and_wait(Part::Money, command.clone(), Instant(i64::MAX));
        match answer {
            Answer::Decided(outcome) => return outcome,
            Answer::Unknown(unknown) => {
                say(&format!("unknown {unknown:?}"));
                std::thread::park_timeout(Duration::from_millis(20));
            }
            Answer::Refused(refused) => panic!("{refused:?}"),
        }
    }
}

fn paid(request: RequestId) -> String {
    let mut line = String::from("paid ");
    for byte in request.0 {
        use std::fmt::Write as _;
        write!(line, "{byte:02x}").expect("text can be written");
    }
    line
}

pub(crate) fn say(what: &str) {
    let line = format!("{what}\n");
    // One write a line: a killed child leaves at most one line unfinished.
    std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
}

/// A running child and what it has acknowledged.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    status: Option<ExitStatus>,
    /// Whether a payment was answered `unknown` because the storage failed.
    heard_of_the_failure: bool,
}

/// What the book must have: a payment, or an act of somebody who lives.
#[derive(Clone, Copy)]
enum Acknowledged {
    Paid(RequestId),
    Done(RequestId),
}

impl Running {
    fn start(database: &str, environment: &[(&str, String)]) -> Self {
        let mut process = Process::new(std::env::current_exe().expect("this test has a file"));
        process
            .args(["--exact", "crash::child_that_pays_until_it_is_ended", "--nocapture"])
            .env(DATABASE, database)
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = process.spawn().expect("the child starts");
        let output = child.stdout.take().expect("its output is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, status: None, heard_of_the_failure: false }
    }

    /// Waits for the first acknowledged payment, so that a slow start is not taken for a round.
    fn first(&self) -> Option<Acknowledged> {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            if let Some(paid @ Acknowledged::Paid(_)) = acknowledged_by(&line) {
                return Some(paid);
            }
        }
        None
    }

    fn kill(mut self) -> Vec<Acknowledged> {
        self.child.kill().expect("the child can be killed");
        self.rest()
    }

    /// Everything acknowledged until the child ended.
    fn rest(&mut self) -> Vec<Acknowledged> {
        self.status = Some(self.child.wait().expect("the child ends"));
        let mut acknowledged = Vec::new();
        while let Ok(line) = self.lines.recv() {
            self.heard_of_the_failure |= line == format!("unknown {:?}", Unknown::StorageFailed);
            acknowledged.extend(acknowledged_by(&line));
        }
        acknowledged
    }
}

fn acknowledged_by(line: &str) -> Option<Acknowledged> {
    let (what, digits) = line.split_once(' ')?;
    let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..16).map(byte).collect();
    let request = RequestId(bytes?.try_into().ok()?);
    match what {
        "paid" => Some(Acknowledged::Paid(request)),
        "done" => Some(Acknowledged::Done(request)),
        _ => None,
    }
}

/// What was acknowledged and is not in the book.
fn missing(database: &Database, acknowledged: &[Acknowledged]) -> usize {
    let mut conn = Conn::open(database, Purpose::Admin).expect("the book opens after a crash");
    let (mut keys, mut acts) = (Vec::new(), Vec::new());
    for one in acknowledged {
        match *one {
            Acknowledged::Paid(request) => {
                keys.push(RequestKey { request, terminal: TerminalNumber(1) });
            }
            Acknowledged::Done(request) => acts.push(request),
        }
    }
    let found = conn.find_by::<yaoki_core::facts::Operation, _>(&OPERATION_BY_REQUEST, &keys);
    let found = found.expect("operations can be read");
    assert!(found.iter().all(yaoki_core::facts::Operation::succeeded));
    let done = conn.find_by::<yaoki_core::facts::Event, _>(&EVENT_BY_REQUEST, &acts);
    let done = done.expect("events can be read");
    acknowledged.len() - found.len() - done.len()
}

/// Nothing half: every member's money is what the transfers say, and every payment has its
/// transfer.
fn check_whole(database: &Database) {
    let mut conn = Conn::open(database, Purpose::Admin).expect("the book opens after a crash");
    let everything = [Value::Int(0), Value::Int(i64::MAX)];
    // One snapshot: PostgreSQL may still be ending what the killed child had asked for.
    conn.begin_snapshot().expect("a snapshot begins");
    let operations: Vec<yaoki_core::facts::Operation> =
        conn.query(&sql::OPERATIONS_BETWEEN, &everything).expect("operations can be read");
    let transfers: Vec<yaoki_core::facts::Transfer> =
        conn.query(&sql::TRANSFERS_BETWEEN, &everything).expect("transfers can be read");
    assert_eq!(
        operations.iter().filter(|operation| operation.succeeded()).count(),
        transfers.len()
    );
    let mut money: BTreeMap<MemberNumber, i64> = BTreeMap::new();
    for transfer in &transfers {
        let own = yaoki_core::account::Account::money(transfer.member);
        let sign = if transfer.credit == own { 1 } else { -1 };
        *money.entry(transfer.member).or_default() += sign * transfer.amount;
    }
    for (number, money) in money {
        let member = read::member(&mut conn, number).expect("members can be read");
        assert_eq!(member.expect("the member is there").money, money);
    }
    conn.end_snapshot().expect("the snapshot ends");
    let mut quiet = |_| {};
    let options = VerifyOptions { anchors: Vec::new(), progress: &mut quiet };
    let report = verify(&mut conn, options).expect("the book can be read");
    assert!(report.findings.is_empty(), "{report}");
}

/// The shim, built once a run.
static SHIM: OnceLock<PathBuf> = OnceLock::new();

fn environment(database: &TestDatabase) -> Vec<(&'static str, String)> {
    let Database::Sqlite(path) = &database.database else { return Vec::new() };
    let folder = path.parent().expect("a file is in a folder").to_string_lossy().into_owned();
    let shim = SHIM.get_or_init(|| xtask::shim::build().expect("the shim can be built"));
    vec![("LD_PRELOAD", shim.to_string_lossy().into_owned()), (xtask::shim::ROOT, folder)]
}

/// A small generator of moments: no round is like another, and a failing one can be run again.
fn moment(round: u32) -> u64 {
    let hash = blake3::hash(&round.to_be_bytes());
    let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
    u64::from_be_bytes(first)
}

/// One round of power cuts; how many payments were acknowledged, and how many of them were lost.
fn power_cut(database: &TestDatabase, round: u32, without_sync: bool) -> (usize, usize) {
    let mut environment = environment(database);
    environment.push((xtask::shim::CUT, (20 + moment(round) % 2500).to_string()));
    if without_sync {
        environment.push((WITHOUT_SYNC, "1".to_owned()));
    }
    let mut running = Running::start(&database.database.to_string(), &environment);
    let acknowledged = running.rest();
    let signal = running.status.and_then(|status| status.signal());
    assert_eq!(signal, Some(SIGKILL), "round {round}: the power was not cut");
    (acknowledged.len(), missing(&database.database, &acknowledged))
}

// one storage: the shim fails the file calls of SQLite
#[test]
fn every_acknowledged_payment_survives_power_cuts() {
    let database = TestDatabase::sqlite("power_cuts");
    drop(TestBook::create(&database.database, MEMBERS));
    let mut all = 0;
    for round in 0..rounds("POWER_CUTS", 5) {
        let (acknowledged, lost) = power_cut(&database, round, false);
        assert_eq!(lost, 0, "round {round} lost payments");
        all += acknowledged;
        if round % 10 == 0 {
            check_whole(&database.database);
        }
    }
    check_whole(&database.database);
    assert!(all > 0, "no payment was acknowledged before a cut, so nothing was proved");
}

// one storage: the control of the shim
#[test]
fn without_syncing_power_cuts_lose_payments_so_the_loop_can_fail() {
    let database = TestDatabase::sqlite("control");
    drop(TestBook::create(&database.database, MEMBERS));
    let mut cuts = (0..10).map(|round| power_cut(&database, round, true));
    assert!(cuts.any(|(_, lost)| lost > 0), "ten power cuts without syncing lost nothing");
}

// one storage: the shim fails the file calls of SQLite
#[test]
fn a_failing_disk_answers_unknown_and_stops_the_process() {
    // A slow machine may meet the failure in a heartbeat, which nobody waits for: but not each
    // time.
    let mut heard = false;
    for (round, failure) in
        ["sync:40:EIO", "write:200:ENOSPC", "sync:3:EIO", "write:90:EIO"].iter().enumerate()
    {
        let database = TestDatabase::sqlite("failing_disk");
        drop(TestBook::create(&database.database, MEMBERS));
        let mut environment = environment(&database);
        environment.push((xtask::shim::FAIL, (*failure).to_owned()));
        let mut running = Running::start(&database.database.to_string(), &environment);
        let acknowledged = running.rest();
        let code = running.status.and_then(|status| status.code());
        assert_eq!(code, Some(STORAGE_FAILED), "round {round}: {failure} must stop the process");
        heard |= running.heard_of_the_failure;
        assert_eq!(missing(&database.database, &acknowledged), 0, "round {round}: {failure}");
        check_whole(&database.database);
    }
    assert!(heard, "no payment was answered `unknown`");
}

fn kills(database: &TestDatabase, rounds: u32) {
    drop(TestBook::create(&database.database, MEMBERS));
    let url = match &database.database {
        Database::Sqlite(path) => format!("sqlite:{}", path.display()),
        Database::Postgres(url) => url.clone(),
    };
    let mut lived = false;
    for round in 0..rounds {
        let running = Running::start(&url, &[]);
        let first = running.first().expect("the child pays");
        std::thread::park_timeout(Duration::from_millis(50 + moment(round) % 900));
        let mut acknowledged = running.kill();
        acknowledged.push(first);
        lived |= acknowledged.iter().any(|one| matches!(one, Acknowledged::Done(_)));
        assert_eq!(missing(&database.database, &acknowledged), 0, "round {round} lost payments");
        if round % 10 == 0 {
            check_whole(&database.database);
        }
    }
    check_whole(&database.database);
    assert!(lived, "no act of a member was acknowledged before a kill");
}

// one storage: the same promise on PostgreSQL follows, with rounds of its own
#[test]
fn every_acknowledged_payment_survives_kills_on_sqlite() {
    kills(&TestDatabase::sqlite("kills"), rounds("KILLS", 5));
}

// one storage: the same promise on SQLite is above, with rounds of its own
#[test]
fn every_acknowledged_payment_survives_kills_on_postgres() {
    if let Some(database) = TestDatabase::postgres("kills") {
        kills(&database, rounds("KILLS_POSTGRES", 3));
    }
}

// one storage: it is PostgreSQL that is killed
#[test]
fn every_acknowledged_payment_survives_kills_of_postgresql_itself() {
    let mut cluster = match xtask::postgres::Cluster::start("kills") {
        Ok(cluster) => cluster,
        Err(error) => {
            let required = variable(yaoki_store::testing::REQUIRE).is_some();
            assert!(!required, "no PostgreSQL of its own: {error}");
            writeln!(std::io::stderr(), "SKIPPED: kills of PostgreSQL: {error}").expect("stderr");
            return;
        }
    };
    let url = cluster.create_database("crash").expect("a database can be made");
    let database: Database = url.parse().expect("the cluster gives a URL");
    drop(TestBook::create(&database, MEMBERS));
    for round in 0..rounds("SERVER_KILLS", 2) {
        let running = Running::start(&url, &[]);
        let first = running.first().expect("the child pays");
        std::thread::park_timeout(Duration::from_millis(50 + moment(round) % 700));
        cluster.kill().expect("PostgreSQL can be killed");
        cluster.restart().expect("PostgreSQL starts again");
        // What was acknowledged before is no proof that the child goes on.
        let mut acknowledged: Vec<Acknowledged> =
            running.lines.try_iter().filter_map(|line| acknowledged_by(&line)).collect();
        // It goes on by itself: it connects anew, looks its commit up, and asks again.
        let again = running.first().unwrap_or_else(|| panic!("round {round}: it did not go on"));
        std::thread::park_timeout(Duration::from_millis(300));
        acknowledged.extend(running.kill());
        acknowledged.extend([first, again]);
        assert_eq!(missing(&database, &acknowledged), 0, "round {round} lost payments");
        check_whole(&database);
    }
}
