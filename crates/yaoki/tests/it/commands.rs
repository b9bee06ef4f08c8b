//! Commands that are not walked by the other tests: the demo that serves, the schema, a copy beside
//! a server, what the doctor finds, and the bench's JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;
use yaoki_store::conn::Purpose;
use yaoki_store::migrate::{MIGRATIONS, schema_version};
use yaoki_store::{Conn, Database};

use crate::process::{FREE_PORTS, Place, Server};

/// A demo that serves, and where its first page is.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    guide: String,
}

impl Demo {
    /// Starts it and reads its guide to the end.
    fn start(place: &Place) -> Self {
        let mut command = place.command(&[&["demo"], &FREE_PORTS[..]].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut guide = String::new();
        while !guide.contains("Ctrl-C ends it") {
            let read = out.read_line(&mut guide).expect("the guide can be read");
            assert!(read > 0, "the demo ended: {guide}");
        }
        Self { child, out, guide }
    }

    fn first_page(&self) -> String {
        let (_, rest) = self.guide.split_once("http://").expect("the guide names the first page");
        let (address, _) = rest.split_once('/').expect("an address");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Ends it as an operator would; what it said after its guide.
    fn end(mut self) -> String {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let signal = rustix::process::Signal::INT;
        rustix::process::kill_process(process.expect("a process"), signal).expect("it runs");
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("it can be read");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{rest}");
        rest
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_serves_a_first_page_and_goes_on_where_it_ended() {
    let place = Place::new();
    let demo = Demo::start(&place);
    let page = demo.first_page();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<html"), "{page}");
    let key = |guide: &str| guide.lines().find(|line| line.contains(" trm_")).map(str::to_owned);
    let till = key(&demo.guide).expect("a terminal with its key");
    assert!(demo.end().contains("Ended."));
    let again = Demo::start(&place);
    assert_eq!(key(&again.guide), Some(till), "the same shops");
    assert!(again.first_page().starts_with("HTTP/1.1 200"));
    again.end();
    assert!(place.done(&["verify", "--data=yaoki-demo"]).contains("nothing is wrong"));
}

#[test]
fn a_schema_is_shown_first_and_made_once() {
    let place = Place::with_book("staging");
    let path = place.path().join("data/empty.db");
    let database = Database::Sqlite(path);
    drop(Conn::open(&database, Purpose::Admin).expect("a file can be made"));
    let version = || {
        let mut conn = Conn::open(&database, Purpose::Admin).expect("it opens");
        schema_version(&mut conn).expect("it can be read")
    };
    let on = "--database=sqlite:data/empty.db";
    let shown = place.done(&["migrate", "--dry-run", on]);
    for migration in MIGRATIONS {
        assert!(shown.contains(migration.title), "{shown}");
    }
    assert_eq!(version(), 0, "nothing was made yet");
    let newest = MIGRATIONS.last().expect("there is a first one").number;
    let made = place.done(&["migrate", on]);
    assert!(made.contains(&format!("The schema is at {newest}")), "{made}");
    assert_eq!(version(), newest);
    let again = place.done(&["migrate", on]);
    assert!(again.contains("as this release needs it"), "{again}");
}

#[test]
fn a_copy_is_made_beside_a_server_and_is_never_written_over() {
    let place = Place::with_book("staging");
    let server = Server::start(&place, &[]);
    place.done(&["admin", "create-member"]);
    place.done(&["admin", "credit", "1", "700"]);
    let said = place.done(&["backup", "copy.db"]);
    assert!(said.contains("No key is in it"), "{said}");
    let again = place.run(&["backup", "copy.db"]);
    assert!(again.code != 0 && again.err.contains("exists already"), "{again:?}");
    place.done(&["admin", "credit", "1", "300"]);
    assert_eq!(server.end().0, Some(0));
    let verified = place.done(&["verify", "--database=sqlite:copy.db"]);
    assert!(verified.contains("nothing is wrong"), "{verified}");
    let balance = place.reply(&["admin", "balance", "member:1"]);
    assert_eq!(balance["amount"], 1000);
}

/// What the doctor finds under these settings: a verdict for each thing that it looked at.
fn found(place: &Place, settings: &[&str]) -> Vec<(String, String, String)> {
    let arguments = [&["doctor", "--json"], &FREE_PORTS[..], settings].concat();
    let out = place.run(&arguments).out;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let findings = report["findings"].as_array().expect("a list");
    let text = |finding: &Value, name: &str| finding[name].as_str().expect("a text").to_owned();
    let three = |finding| (text(finding, "what"), text(finding, "verdict"), text(finding, "cure"));
    findings.iter().map(three).collect()
}

#[test]
fn the_doctor_finds_weak_codes_and_certificates_that_cannot_be_served() {
    let place = Place::with_book("staging");
    let verdict = |settings: &[&str], what: &str| {
        let findings = found(&place, settings);
        let finding = findings.iter().find(|(found, ..)| found == what);
        let (_, verdict, cure) = finding.unwrap_or_else(|| panic!("no {what}: {findings:?}"));
        assert_eq!(verdict == "bad", !cure.is_empty(), "{what}: {findings:?}");
        verdict.clone()
    };
    assert_eq!(verdict(&[], "codes"), "good");
    let weak = ["--code-prefix=987654", "--code-lifetime-seconds=300"];
    assert_eq!(verdict(&weak, "codes"), "bad");
    assert_eq!(verdict(&["--tls-cert=cert.pem"], "tls"), "bad");
    place.file("cert.pem", "no certificate");
    place.file("key.pem", "no key");
    let both = ["--tls-cert=cert.pem", "--tls-key=key.pem"];
    assert_eq!(verdict(&both, "tls"), "bad");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/data/one");
    let both = [format!("--tls-cert={data}.crt"), format!("--tls-key={data}.key")];
    assert_eq!(verdict(&both.each_ref().map(String::as_str), "tls"), "good");
    let findings = found(&place, &[]);
    assert!(findings.iter().any(|(what, ..)| what == "disk"), "{findings:?}");
}

#[test]
fn the_doctor_finds_an_acquirer_whose_file_is_wrong_or_who_is_for_play_on_a_live_book() {
    use std::os::unix::fs::PermissionsExt as _;
    for (kind, key, mode, expected) in [
        ("live", "sk_live_1", 0o600, "good"),
        ("live", "sk_test_1", 0o600, "bad"),
        ("staging", "sk_test_1", 0o600, "good"),
        ("live", "sk_live_1", 0o644, "bad"),
        ("live", "hello", 0o600, "bad"),
        ("live", "sk_live_…", 0o600, "bad"),
    ] {
        let place = Place::with_book(kind);
        let text = format!("secret_key = \"{key}\"\nwebhook_secret = \"whsec_1\"\n");
        let file = place.file("acquirer.toml", &text);
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&file, permissions).expect("they are set");
        let findings = found(&place, &["--acquirer=acquirer.toml"]);
        let verdict = |what: &str| {
            let of = |name: &str| name == what || name == "settings";
            findings.iter().filter(|(name, ..)| of(name)).any(|(_, verdict, _)| verdict == "bad")
        };
        assert_eq!(verdict("cards"), expected == "bad", "{kind} {key} {mode:o}: {findings:?}");
    }
}

#[test]
fn the_bench_says_as_json_what_its_table_says() {
    let place = Place::new();
    let rows = "--rows=sqlite engine spread 1,sqlite http payments 1";
    let few = ["--seconds=1", "--members=200", "--in-flight=1", "--folder=."];
    let out = place.done(&[&["bench", "--json", rows], &few[..]].concat());
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let rows = report["rows"].as_array().expect("a list");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["engine spread", "http payments"], "{out}");
    for row in rows {
        assert_eq!((&row["storage"], &row["in_flight"]), (&"sqlite".into(), &1.into()));
        assert!(row["per_second"].as_u64() > Some(0) && row["failed"] == 0, "{row}");
        for time in ["p50_ms", "p99_ms", "p999_ms", "max_ms"] {
            assert!(row[time].as_f64() > Some(0.0), "{time}: {row}");
        }
    }
    let left = std::fs::read_dir(place.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn a_takeover_costs_little_by_the_rules_of_a_new_book_and_much_by_those_of_2019() {
    let place = Place::new();
    let arguments = ["rehearse", "takeover", "--victims", "24", "--seed", "7", "--json"];
    let report: Value = serde_json::from_str(&place.done(&arguments)).expect("JSON");
    let lost = |row: usize, name: &str| {
        let last = &report["takeovers"][row]["losses"][4];
        assert_eq!(last["hours"], 720);
        last[name].as_i64().expect("a number")
    };
    for row in [0, 1] {
        assert!(lost(row, "worst") <= 9_000, "{report}");
        assert!(lost(row, "robbed") > 0, "the thief buys something: {report}");
        assert_eq!(lost(row, "fresh"), 0, "no card pays for a thief who has no challenge");
    }
    assert!(lost(1, "froze") > 0);
    assert!((lost(3, "fresh") + lost(3, "of_balances")) / 24 > 30_000, "{report}");
    let [key, pin] = [0, 1].map(|row| &report["stolen_terminals"][row]);
    assert_eq!(key["printed"], 0, "a key alone prints nothing");
    assert!(key["refused"].as_i64() > Some(0) && pin["printed"].as_i64() > Some(0), "{report}");
    assert!(pin["printed"].as_i64() <= Some(500_000), "a shift takes no more: {report}");
}
