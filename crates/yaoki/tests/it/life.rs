use std::path::Path;

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::ids::MemberNumber;
use yaoki_core::state::Member;
use yaoki_server::client::RegisterClient;
use yaoki_server::client::register::{Credentials, Payment};
use yaoki_server::edge::identifier::{Kind, parse};
use yaoki_server::edge::key_from_text;
use yaoki_store::conn::Purpose;
use yaoki_store::{Clock, Conn, Database};

use crate::process::{FREE_PORTS, Place, Server};

fn text(reply: &Value, name: &str) -> String {
    reply[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}")).to_owned()
}

fn clock() -> Clock {
    std::sync::Arc::new(|| {
        let since = std::time::UNIX_EPOCH.elapsed().expect("it is past 1970");
        yaoki_core::time::Instant(i64::try_from(since.as_millis()).expect("not so late"))
    })
}

/// A terminal made by commands: its number and its key.
fn terminal(place: &Place) -> Credentials {
    let merchant = text(&place.reply(&["admin", "create-merchant", "Hinode"]), "merchant");
    let store = place.reply(&["admin", "create-store", &merchant, "Station", "--cutoff=05:00"]);
    let reply = place.reply(&["admin", "create-terminal", &text(&store, "store"), "till 1"]);
    let terminal = parse(Kind::Terminal, &text(&reply, "terminal")).expect("an identifier");
    let key = key_from_text(&text(&reply, "key")).expect("a key");
    Credentials { terminal: terminal.cast_unsigned(), generation: 1, key }
}

/// A member made by commands, with money and a device in `phone.json`.
fn member(place: &Place, server: &Server) -> String {
    let member = text(&place.reply(&["admin", "create-member"]), "member");
    place.done(&["admin", "credit", &member, "1000"]);
    let link = text(&place.reply(&["admin", "link", &member]), "link_token");
    let address = server.devices.to_string();
    place.done(&["device", "--device=phone.json", "--server", &address, "enrol", &link]);
    member
}

fn code(place: &Place, server: &Server) -> String {
    let address = server.devices.to_string();
    let out = place.done(&["device", "--device=phone.json", "--server", &address, "code"]);
    let line = out.lines().find_map(|line| line.strip_prefix("code "));
    line.expect("a code").trim().to_owned()
}

fn pay(server: &Server, till: &Credentials, code: String, amount: i64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut register = RegisterClient::new(server.registers, till.clone(), clock());
    let payment = Payment { request_id: Uuid::now_v7(), amount, code, hold_seconds: None };
    let paid = runtime.expect("a runtime").block_on(register.pay(&payment)).expect("an outcome");
    if paid.succeeded() { paid.outcome } else { paid.refusal_name().to_owned() }
}

#[test]
fn a_book_lives_from_init_to_shutdown_and_verifies() {
    let place = Place::with_book("staging");
    // Offline, and then through the socket of the server.
    let till = terminal(&place);
    let server = Server::start(&place, &["--checkpoint-seconds=1"]);
    let member = member(&place, &server);
    assert_eq!(pay(&server, &till, code(&place, &server), 300), "succeeded");
    let closed = place.reply(&["admin", "close-switch", "payment", "--reason=a test"]);
    assert_eq!(closed["done"], "switch_closed");
    assert_eq!(pay(&server, &till, code(&place, &server), 300), "payments_are_closed");
    let alone = place.run(&["admin", "open-switch", "payment"]);
    assert_eq!(alone.code, 1, "{alone:?}");
    place.done(&["admin", "open-switch", "payment", "--second=Ben"]);
    assert_eq!(pay(&server, &till, code(&place, &server), 100), "succeeded");
    place.done(&["admin", "rotate", "code-key", "--keep-seconds=0"]);
    place.done(&["admin", "rotate", "code-secrets", "--all"]);
    assert_eq!(pay(&server, &till, code(&place, &server), 100), "succeeded");
    let doctor = place.done(&[&["doctor"], &FREE_PORTS[..]].concat());
    assert!(doctor.contains("good  server     runs"), "{doctor}");
    let public = format!("YAOKI_PUBLIC={}", server.public);
    let (name, value) = public.split_once('=').expect("a pair");
    let mut health = place.command(&["healthcheck"]);
    health.env(name, value);
    assert_eq!(crate::process::ended(health).code, 0);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(r#""message":"ended""#), "{log}");
    let verified = place.done(&["verify", "--quiet", "--anchor", "data/anchors.jsonl"]);
    assert!(verified.contains("nothing is wrong"), "{verified}");
    let balance = place.reply(&["admin", "balance", &member]);
    assert_eq!(balance["amount"], 500);
    let owed = place.reply(&["admin", "balance", "store:1"]);
    assert_eq!(owed["amount"], 500);
    let statement = place.done(&["admin", "statement", &member, "--json"]);
    let amounts: Vec<i64> = statement.lines().map(amount_of).collect();
    assert_eq!(amounts, [1000, -300, -100, -100]);
    assert_eq!(place.run(&["healthcheck"]).code, 3);
}

fn amount_of(line: &str) -> i64 {
    let transfer: Value = serde_json::from_str(line).expect("a line of JSON");
    transfer["amount"].as_i64().expect("an amount")
}

#[test]
fn one_process_works_in_a_folder_at_a_time() {
    let place = Place::with_book("demo");
    let server = Server::start(&place, &[]);
    let second = place.run(&[&["serve"], &FREE_PORTS[..]].concat());
    assert_eq!(second.code, 3);
    assert!(second.err.contains("works in the data folder data"), "{second:?}");
    // The socket is gone, but the lock is held: nobody may open the store beside the server.
    std::fs::remove_file(place.path().join("data/admin.socket")).expect("the socket is there");
    let deaf = place.run(&["admin", "status"]);
    assert_eq!(deaf.code, 3);
    assert!(deaf.err.contains("nobody answers at data/admin.socket"), "{deaf:?}");
    // A server that was killed holds nothing.
    server.signal(rustix::process::Signal::KILL);
    drop(server);
    assert_eq!(place.reply(&["admin", "status"])["book"], "demo");
}

#[test]
fn an_order_with_the_same_request_id_is_carried_out_once() {
    let place = Place::with_book("demo");
    let id = "--request-id=0190a6b4-8d6c-7cc1-b1c3-3ad9a1d2e3f4";
    let first = place.reply(&["admin", "create-member", id]);
    let again = place.reply(&["admin", "create-member", id]);
    assert_eq!((&again["member"], &again["replayed"]), (&first["member"], &json!(true)));
    assert_eq!(first["replayed"], false);
}

#[test]
fn a_balance_that_no_fact_explains_is_found_and_named() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-member"]);
    place.done(&["admin", "credit", "1", "100"]);
    place.done(&["verify"]);
    raise_balance(&place.path().join("data/yaoki.db"));
    let bad = place.run(&["verify"]);
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.out.contains("the first: member 1: money is 1100, the facts give 100"), "{bad:?}");
}

fn raise_balance(path: &Path) {
    let database = Database::Sqlite(path.to_owned());
    let mut conn = Conn::open(&database, Purpose::Admin).expect("the book opens");
    let mut member = conn.find::<Member, _>(&[MemberNumber(1)]).expect("it can be read").remove(0);
    member.money += 1000;
    conn.update(&[&member]).expect("it can be written");
}

#[test]
fn the_log_holds_no_secret_even_when_everything_is_logged() {
    let place = Place::with_book("demo");
    let till = terminal(&place);
    let server = Server::start(&place, &["--log=debug"]);
    let member = text(&place.reply(&["admin", "create-member"]), "member");
    let link = text(&place.reply(&["admin", "link", &member]), "link_token");
    let address = server.devices.to_string();
    place.done(&["device", "--device=phone.json", "--server", &address, "enrol", &link]);
    let shown = code(&place, &server);
    assert_eq!(pay(&server, &till, shown.clone(), 300), "balance_too_low");
    place.run(&["admin", "open-switch", "payment"]);
    let phone = std::fs::read_to_string(place.path().join("phone.json")).expect("a device");
    let phone: Value = serde_json::from_str(&phone).expect("JSON");
    let keys = std::fs::read_to_string(place.path().join("data/keys.json")).expect("the keys");
    let keys: Value = serde_json::from_str(&keys).expect("JSON");
    let root = text(&keys["terminal_root"], "secret");
    let (_, log) = server.end();
    assert!(log.lines().count() > 1, "{log}");
    for secret in [link, shown, text(&phone, "token"), text(&phone, "key"), root] {
        assert!(!log.contains(&secret), "{secret} is in the log: {log}");
    }
}

#[test]
fn rules_are_tried_on_what_is_on_record_before_anybody_proposes_them() {
    let place = Place::with_book("staging");
    let till = terminal(&place);
    let server = Server::start(&place, &[]);
    let payer = member(&place, &server);
    assert_eq!(pay(&server, &till, code(&place, &server), 300), "succeeded");
    let run = |rule: &str| {
        let text = format!("{}{rule}\n", yaoki_core::policy::DEFAULT);
        let file = place.file("rules.toml", &text);
        place.run(&["rules", file.to_str().expect("a plain name"), "--json"])
    };
    let found = |rule: &str| {
        let ended = run(rule);
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str::<Value>(&ended.out).expect("JSON")
    };
    let same = found("");
    assert_eq!([&same["judged"]["count"], &same["stopped"]["count"]], [1, 0], "{same}");
    let never = found("[[limit]]\non = \"payment\"\nonce = 0\n");
    assert_eq!(never["stopped"], json!({"count": 1, "members": 1, "amount": 300}));
    assert_eq!(never["rules"]["limit"], never["stopped"]);
    assert_eq!(never["bothered"], json!({payer: 1}));
    let wrong = run("[[limit]]");
    assert!(wrong.code != 0 && wrong.err.contains("must be limits and rules"), "{wrong:?}");
}

#[test]
fn credits_in_bulk_are_agreed_on_by_two_and_given_once() {
    let place = Place::with_book("staging");
    let server = Server::start(&place, &[]);
    let members: Vec<String> =
        (0..30).map(|_| text(&place.reply(&["admin", "create-member"]), "member")).collect();
    let line = |(place, member): (usize, &String)| format!("{member},{},June\n", 100 + place);
    let lines: String = members.iter().enumerate().map(line).collect();
    let path = place.file("june.csv", &format!("member,amount,note\n{lines}"));
    let june = path.to_str().expect("a plain name").to_owned();
    let bulk = |arguments: &[&str]| {
        let ended = place.run(&[&["admin", "--json", "bulk"], arguments].concat());
        let told = serde_json::from_str::<Value>(&ended.out).unwrap_or_default();
        (ended.code, told, ended.err)
    };
    let (code, checked, _) = bulk(&["check", &june]);
    assert_eq!((code, &checked["rows"], &checked["sum"]), (0, &json!(30), &json!(3_435)));
    assert_eq!(checked["wrong"], json!([]));
    let alone = bulk(&["open", &june, "--name=Benefits of June"]);
    assert!(alone.0 == 1 && alone.2.contains("two different"), "{alone:?}");
    let opened = bulk(&["open", &june, "--name=Benefits of June", "--second=Ben"]);
    assert_eq!(opened.1["done"], "bulk_opened");
    let again = bulk(&["open", &june, "--name=Benefits of June", "--second=Ben"]);
    assert_eq!(again.1["replayed"], true, "the same under the same name is agreed on once");
    let name = "--name=Benefits of June";
    // What was changed since is not given: neither a row more nor a yen.
    let more = place
        .file("more.csv", &format!("member,amount,note\n{}{}", &lines, line((9, &members[0]))));
    let (code, told, error) = bulk(&["run", more.to_str().expect("plain"), name]);
    assert!(code == 1 && told.is_null() && error.contains("the very file"), "{told} {error}");
    let results = place.path().join("results.csv");
    let out = results.to_str().expect("a plain name");
    let (code, told, error) = bulk(&["run", &june, name, "--results", out]);
    assert_eq!(
        (code, &told["credited"], &told["amount"]),
        (0, &json!(30), &json!(3_435)),
        "{error}"
    );
    let (code, told, _) = bulk(&["run", &june, name]);
    assert_eq!((code, &told["credited"], &told["credited_before"]), (0, &json!(0), &json!(30)));
    let results = std::fs::read_to_string(results).expect("results");
    assert!(results.contains(&format!("2,{},100,credited", members[0])), "{results}");
    let wrong = place.file("wrong.csv", "member,amount\nmem_x,5\n");
    let wrong = bulk(&["check", wrong.to_str().expect("plain")]);
    assert!(wrong.0 != 0 && wrong.2.contains("line 2 of"), "{wrong:?}");
    let nobody = place.file("nobody.csv", "member,amount\n999,5\n");
    let (code, told, _) = bulk(&["check", nobody.to_str().expect("plain")]);
    assert_eq!((code, &told["wrong"][0]["outcome"]), (1, &json!("member_must_exist")));
    drop(server);
    assert!(place.done(&["verify"]).contains("nothing is wrong"));
    // Where money is real no two names that somebody types are two people.
    let real = Place::with_book("live");
    let file = real.file("june.csv", "member,amount\n1,5\n");
    let open = ["admin", "bulk", "open", file.to_str().expect("plain"), "--name=x", "--second=Ben"];
    let opened = real.run(&open);
    assert!(opened.code == 1 && opened.err.contains("ropos"), "{opened:?}");
}
