//! A book is not opened on a PostgreSQL that can lose acknowledged payments, unless whoever starts
//! it says that it may.

use std::io::Write as _;
use std::process::{Child, Command as Process, Stdio};

use xtask::postgres::Cluster;
use yaoki_core::ids::MemberNumber;
use yaoki_store::conn::Purpose;
use yaoki_store::testing::{REQUIRE, TestBook, TestClock, options};
use yaoki_store::{Book, Conn, Database, StoreError};

use crate::crash::variable;
use crate::holders::wait_until_selected;

const MEMBER: MemberNumber = MemberNumber(1);

/// A PostgreSQL of its own with a book in it, made while nothing was held against its settings.
fn cluster(name: &str, settings: &[(&str, &str)]) -> Option<(Cluster, Database)> {
    let cluster = match Cluster::start_with(name, settings) {
        Ok(cluster) => cluster,
        Err(error) => {
            assert!(variable(REQUIRE).is_none(), "no PostgreSQL of its own: {error}");
            let said = writeln!(std::io::stderr(), "SKIPPED: {name}: {error}");
            said.expect("standard error can be written");
            return None;
        }
    };
    let database = cluster.create_database("book").expect("a database can be made");
    Some((cluster, database.parse().expect("the cluster gives a URL")))
}

/// Opening is refused, and says which setting is weak; told to, it opens and pays.
fn refused_unless_overridden(database: &Database, setting: &str) {
    let clock = TestClock::default();
    let Err(error) = Book::open(options(database, &clock, "strict")) else {
        panic!("{setting}: it can lose payments");
    };
    assert!(matches!(error, StoreError::NotDurable { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains(setting) && said.contains("--accept-losing-payments"), "{said}");
    let mut careless = options(database, &clock, "careless");
    careless.accept_losing_payments = true;
    Book::open(careless).expect("whoever starts it says that it may");
}

/// A book with a member, whatever the server's settings.
fn book(database: &Database) {
    let clock = TestClock::default();
    let (kind, currency) = (yaoki_store::BookKind::Demo, yaoki_core::money::Currency::JPY);
    yaoki_store::create(database, kind, currency, "Asia/Tokyo", clock.now())
        .expect("the book can be made");
}

// one storage: SQLite has no settings of a server
#[test]
fn a_server_that_does_not_sync_is_refused_unless_overridden() {
    for setting in ["fsync", "full_page_writes"] {
        let Some((_cluster, database)) = cluster("not_durable", &[(setting, "off")]) else {
            return;
        };
        book(&database);
        refused_unless_overridden(&database, &format!("{setting} = off"));
    }
}

/// A standby as far as its server can tell: it takes the log, and writes it to its disk.
struct Standby(Child);

impl Standby {
    fn start(cluster: &Cluster) -> Self {
        let folder = cluster.folder().join("standby");
        std::fs::create_dir_all(&folder).expect("the cluster's folder can be written");
        let mut program: Process = cluster.binaries().command("pg_receivewal");
        program.arg("--directory").arg(&folder).args(["--synchronous", "--no-loop"]);
        program.args(["--dbname", &cluster.url()]).stdout(Stdio::null()).stderr(Stdio::null());
        Self(program.spawn().expect("pg_receivewal comes with PostgreSQL"))
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

// one storage: SQLite has no standbys
#[test]
fn standbys_that_nobody_waits_for_are_refused_unless_overridden() {
    let Some((cluster, database)) = cluster("standbys", &[]) else { return };
    drop(TestBook::create(&database, 1));
    let _standby = Standby::start(&cluster);
    wait_until_selected(&database, "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'");
    refused_unless_overridden(&database, "synchronous_standby_names is empty");
    let mut conn = Conn::open(&database, Purpose::Admin).expect("the server can be reached");
    conn.run_script("ALTER SYSTEM SET synchronous_standby_names = '*'").expect("it can be set");
    conn.run_script("SELECT pg_reload_conf()").expect("it can be told");
    wait_until_selected(&database, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
    let clock = TestClock::default();
    clock.advance_ms(60_000);
    let waited_for = TestBook::open(&database, clock, "strict");
    waited_for.paid(MEMBER, 1, 10);
}
