//! Every order over the admin socket, by everybody who can try: its owner, another user of the
//! machine, whoever writes it wrongly or with a field that there is not. The table is data; that it
//! is complete is proved against the enum.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use yaoki_server::admin::Message;
use yaoki_server::edge::admin_socket::SOCKET_NAME;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::on_both_storages;

use crate::world::World;

/// An order, its fields, a field made wrong, and what its owner is told is done, or why not.
/// `DEVICE` stands for a member's. Each can be done after those above it.
type Row = (&'static str, &'static str, (&'static str, &'static str), &'static str);

const TABLE: &[Row] = &[
    ("create_merchant", r#"{"name":"Kaze"}"#, ("name", "7"), "merchant_created"),
    (
        "create_store",
        r#"{"merchant":"1","name":"Kaze main","cutoff_minutes":60}"#,
        ("merchant", r#""sto_1""#),
        "store_created",
    ),
    (
        "create_terminal",
        r#"{"store":"1","name":"till 9"}"#,
        ("store", r#""nowhere""#),
        "terminal_created",
    ),
    ("show_terminal_key", r#"{"terminal":"1"}"#, ("terminal", r#""0""#), "ok"),
    ("suspend_terminal", r#"{"terminal":"2"}"#, ("terminal", r#""trm_x""#), "terminal_suspended"),
    ("resume_terminal", r#"{"terminal":"2"}"#, ("terminal", "2"), "terminal_resumed"),
    (
        "rotate_terminal_key",
        r#"{"terminal":"2","keep_seconds":60}"#,
        ("keep_seconds", "-1"),
        "terminal_key_rotated",
    ),
    ("create_member", "{}", ("actor", "7"), "member_created"),
    ("freeze_member", r#"{"member":"1"}"#, ("member", r#""-1""#), "member_frozen"),
    ("unfreeze_member", r#"{"member":"1"}"#, ("member", "null"), "member_unfrozen"),
    ("credit", r#"{"member":"1","asset":"points","amount":5}"#, ("asset", r#""gold""#), "credit"),
    (
        "create_link",
        r#"{"member":"1","lifetime_seconds":60}"#,
        ("lifetime_seconds", r#""soon""#),
        "link_created",
    ),
    ("rotate_code_secret", r#"{"member":"1"}"#, ("member", r#""""#), "code_secret_rotated"),
    ("end_device", r#"{"device":"DEVICE"}"#, ("device", r#""dev_0""#), "device_ended"),
    (
        "close_switch",
        r#"{"capability":"payment","scope":"member","subject":"1","lapse_seconds":null}"#,
        ("scope", r#""town""#),
        "switch_closed",
    ),
    (
        "create_webhook",
        r#"{"merchant":"1","url":"https://shop.example/hooks"}"#,
        ("merchant", r#""sto_1""#),
        "webhook_created",
    ),
    (
        "rotate_webhook_secret",
        r#"{"webhook":"1","keep_seconds":60}"#,
        ("keep_seconds", "-1"),
        "webhook_secret_rotated",
    ),
    ("end_webhook", r#"{"webhook":"1"}"#, ("webhook", r#""whe_x""#), "webhook_ended"),
    ("list_switches", "{}", ("actor", "null"), "ok"),
    ("list", r#"{"what":"members","after":"0","limit":1}"#, ("limit", "0"), "ok"),
    (
        "open_switch",
        r#"{"capability":"payment","scope":"member","subject":"1"}"#,
        ("capability", r#""paying""#),
        "switch_opened",
    ),
    (
        "rotate_key",
        r#"{"key":"nonce","keep_seconds":0}"#,
        ("key", r#""front door""#),
        "key_rotated",
    ),
    // It was never restored, and is not closed.
    ("open_restored", "{}", ("second", "7"), "refused"),
    ("create_clerk", r#"{"store":"1","name":"Yui"}"#, ("store", r#""trm_1""#), "clerk_created"),
    ("reset_clerk_pin", r#"{"clerk":"1"}"#, ("clerk", "1"), "clerk_pin_reset"),
    ("end_clerk", r#"{"clerk":"1"}"#, ("clerk", r#""mem_1""#), "clerk_ended"),
    (
        "open_bulk",
        concat!(
            r#"{"name":"June","rows":1,"sum":5,"#,
            r#""root":"0101010101010101010101010101010101010101010101010101010101010101"}"#
        ),
        ("root", r#""0x""#),
        "bulk_opened",
    ),
    ("check_bulk", r#"{"rows":[]}"#, ("rows", "7"), "ok"),
    (
        "credit_bulk",
        r#"{"bulk":"0190a6b4-8d6c-7cc1-b1c3-3ad9a1d2e3f4","rows":[]}"#,
        ("bulk", r#""june""#),
        "ok",
    ),
    ("console_link", "{}", ("actor", r#""""#), "console_link_created"),
    ("end_console_sessions", "{}", ("second", "[]"), "console_sessions_ended"),
    ("reload_keys", "{}", ("second", "[]"), "ok"),
    ("status", "{}", ("reason", "{}"), "ok"),
    ("close_member", r#"{"member":"2"}"#, ("member", r#""mem_""#), "member_closed"),
    // From then on two of them agree, and no link opens the console.
    (
        "create_first_operators",
        r#"{"one":"Aoi","two":"Ren"}"#,
        ("two", "7"),
        "first_operators_created",
    ),
    ("renew_operator_link", r#"{"operator":"2"}"#, ("operator", r#""mem_1""#), "operator_linked"),
];

/// The names of the enum, as serde lists them where none fits.
fn names() -> BTreeSet<String> {
    let nothing = r#"{"act":"fly","actor":"A"}"#;
    let error = serde_json::from_str::<Message>(nothing).expect_err("nobody flies").to_string();
    let (_, expected) = error.split_once("expected one of ").expect("the names are listed");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_has_every_order_once() {
    let table: BTreeSet<String> = TABLE.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(table, names());
    assert_eq!(table.len(), TABLE.len());
}

/// A row as its owner sends it.
fn good(row: &Row, device: &str) -> Value {
    let (name, fields, ..) = row;
    let mut order: Value =
        serde_json::from_str(&fields.replace("DEVICE", device)).expect("the table is JSON");
    order["act"] = (*name).into();
    for (field, value) in [("actor", "Asa"), ("second", "Ben"), ("reason", "a test")] {
        order[field] = value.into();
    }
    order
}

fn malformed(row: &Row, device: &str) -> Value {
    let (field, value) = row.2;
    let mut order = good(row, device);
    order[field] = serde_json::from_str(value).expect("the table is JSON");
    order
}

fn with_unknown_field(row: &Row, device: &str) -> Value {
    let mut order = good(row, device);
    order["colour"] = json!("red");
    order
}

fn send(path: &Path, order: &Value) -> io::Result<Value> {
    let mut stream = UnixStream::connect(path)?;
    writeln!(stream, "{order}")?;
    let mut reply = String::new();
    BufReader::new(&stream).read_line(&mut reply)?;
    Ok(serde_json::from_str(&reply)?)
}

fn device(world: &World) -> String {
    identifier::text(Kind::Device, world.member(0).device.0)
}

/// Where the socket is that another user tries, when this process is that user.
const SOCKET: &str = "YAOKI_TEST_ADMIN_SOCKET";
/// A user who owns nothing here.
const NOBODY: u32 = 65_534;

/// No test by itself: what another user does, in a process of his.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent process says where the socket is")]
fn another_user_tries_every_order() {
    let Some(path) = std::env::var_os(SOCKET) else { return };
    for row in TABLE {
        let error = send(Path::new(&path), &good(row, "dev_0")).expect_err("he is kept out");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{}: {error}", row.0);
    }
}

on_both_storages! {
    fn every_order_is_done_for_its_owner_and_for_nobody_else(db: &mut TestDatabase) {
        let world = World::new(db);
        let path = world.folder.join(SOCKET_NAME);
        let (before, device) = (world.size(), device(&world));
        for row in TABLE {
            for wrong in [malformed(row, &device), with_unknown_field(row, &device)] {
                let reply = send(&path, &wrong).expect("a reply");
                assert!(reply["error"]["message"].is_string(), "{wrong}: {reply}");
                assert_eq!(reply["error"]["kind"], "malformed", "{wrong}: {reply}");
                assert!(reply["error"]["refusal"].is_null(), "{wrong} is no order: {reply}");
            }
        }
        let mode = path.metadata().expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let test = "admin_orders::another_user_tries_every_order";
        let mut other = Command::new(std::env::current_exe().expect("this program"));
        other.args(["--exact", test]).env(SOCKET, &path).uid(NOBODY).current_dir("/");
        match other.output() {
            Ok(tried) => {
                let said = String::from_utf8_lossy(&tried.stdout);
                assert!(tried.status.success() && said.contains("1 passed"), "{tried:?}");
            }
            // Only root can be another user; the mode is what keeps him out.
            Err(error) => {
                let said = writeln!(io::stderr(), "by its mode only, no other user: {error}");
                said.expect("standard error can be written");
            }
        }
        assert_eq!(world.size(), before, "nothing was done yet");
        for row in TABLE {
            let reply = send(&path, &good(row, &device)).expect("a reply");
            let (done, kind) = (reply["done"].as_str(), reply["error"]["kind"].as_str());
            assert_eq!(done.or(kind).unwrap_or("ok"), row.3, "{}: {reply}", row.0);
        }
    }

    fn an_order_of_which_nothing_is_known_says_so(db: &mut TestDatabase) {
        let world = World::new(db);
        let path = world.folder.join(SOCKET_NAME);
        let create = &TABLE[0];
        let malformed = send(&path, &malformed(&TABLE[1], "dev_0")).expect("a reply");
        assert_eq!(malformed["error"]["kind"], "malformed");
        world.book.close();
        let reply = send(&path, &good(create, "dev_0")).expect("a reply");
        assert_eq!(reply["error"]["kind"], "unknown", "{reply}");
    }
}
