//! A private PostgreSQL starts, survives a crash with what was acknowledged, and leaves nothing
//! behind.

use std::io::Write as _;
use std::process::Command;

use xtask::postgres::{Binaries, Cluster};

/// Runs a statement and returns what `psql` prints, or its complaint.
fn ask(url: &str, statement: &str) -> Result<String, String> {
    let binaries = Binaries::find().expect("PostgreSQL is installed");
    let mut command = Command::new(binaries.folder().join("psql"));
    command.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--command",
        statement,
        url,
    ]);
    let output = command.output().expect("psql runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn available() -> bool {
    let found = Binaries::find();
    if let Err(error) = &found {
        assert!(std::env::var_os("YAOKI_TEST_REQUIRE").is_none(), "{error:#}");
        // Past the test harness, which would swallow it.
        writeln!(std::io::stderr(), "SKIPPED: {error:#}").expect("standard error is open");
    }
    found.is_ok()
}

#[test]
fn a_cluster_is_durable_answers_on_both_ways_and_leaves_nothing_behind() {
    if !available() {
        return;
    }
    let cluster = Cluster::start_with("ways", &[("work_mem", "7MB")]).expect("it starts");
    for url in [cluster.url(), cluster.socket_url()] {
        assert_eq!(ask(&url, "SHOW fsync").as_deref(), Ok("on"));
        assert_eq!(ask(&url, "SHOW synchronous_commit").as_deref(), Ok("on"));
        assert_eq!(ask(&url, "SHOW max_connections").as_deref(), Ok("200"));
        assert_eq!(ask(&url, "SHOW work_mem").as_deref(), Ok("7MB"));
    }
    let url = cluster.create_database("till").expect("the name is free");
    assert_eq!(ask(&url, "VALUES (current_database())").as_deref(), Ok("till"));
    assert!(cluster.create_database("till").is_err(), "the name is taken");
    assert!(cluster.create_database("till\"; --").is_err(), "not an identifier");

    let folder = cluster.folder().to_owned();
    drop(cluster);
    assert!(!folder.exists());
    assert!(ask(&url, "VALUES (1)").is_err(), "it is stopped");
}

#[test]
fn a_killed_cluster_comes_back_on_its_port_with_everything_committed() {
    if !available() {
        return;
    }
    let mut cluster = Cluster::start("crash").expect("it starts");
    let url = cluster.create_database("book").expect("the name is free");
    ask(&url, "CREATE TABLE line (n int)").expect("the table is new");
    for round in 1..=3 {
        ask(&url, &format!("COPY line FROM PROGRAM 'echo {round}'")).expect("it accepts");
        cluster.kill().expect("it can be killed");
        assert!(ask(&url, "VALUES (1)").is_err(), "a killed cluster answers nobody");
        cluster.restart().expect("it recovers");
        assert_eq!(ask(&url, "TABLE line").map(|lines| lines.lines().count()), Ok(round));
    }
    cluster.restart().expect("a running one is killed first");
    assert_eq!(ask(&url, "TABLE line").as_deref(), Ok("1\n2\n3"));
}

#[test]
fn two_clusters_run_side_by_side() {
    if !available() {
        return;
    }
    let one = Cluster::start("same").expect("it starts");
    let two = Cluster::start("same").expect("it starts");
    assert_ne!(one.port(), two.port());
    drop(one);
    assert_eq!(ask(&two.url(), "VALUES (1)").as_deref(), Ok("1"));
}
