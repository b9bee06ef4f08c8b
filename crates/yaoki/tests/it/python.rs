//! `docs/guides/register_client.py`, as it is written: the client of the guide, run against a
//! server, and against a line that loses answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::process::{Place, Server, ended};
use crate::tour::tools_are_there;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/register_client.py");
const JOURNAL: &str = "register-journal.jsonl";

/// A shop's terminal, and a member with 10,000 yen before it.
struct Till {
    place: Place,
    server: Server,
    terminal: String,
}

impl Till {
    /// None where there is no Python.
    fn open() -> Option<Self> {
        if !tools_are_there(&["python3"]) {
            return None;
        }
        let place = Place::with_book("demo");
        place.done(&["admin", "create-merchant", "Hinode"]);
        place.done(&["admin", "create-store", "1", "Station"]);
        let terminal = place.reply(&["admin", "create-terminal", "1", "till 1"]);
        place.file("till.key", terminal["key"].as_str().expect("a key"));
        let terminal = terminal["terminal"].as_str().expect("an id").to_owned();
        place.done(&["admin", "create-member"]);
        place.done(&["admin", "credit", "1", "10000"]);
        let server = Server::start(&place, &[]);
        let till = Self { place, server, terminal };
        let link = till.place.reply(&["admin", "link", "1"]);
        till.phone(&["enrol", link["link_token"].as_str().expect("a token")]);
        Some(till)
    }

    fn phone(&self, act: &[&str]) -> String {
        let server = self.server.devices.to_string();
        let device = ["device", "--device=phone.json", "--server", &server];
        self.place.done(&[&device[..], act].concat())
    }

    /// What the member shows.
    fn code(&self) -> String {
        let shown = self.phone(&["code"]);
        let line = shown.lines().find_map(|line| line.strip_prefix("code"));
        line.unwrap_or_else(|| panic!("{shown}")).trim().to_owned()
    }

    /// The client, which asks at this address.
    fn client(&self, address: SocketAddr, words: &[&str]) -> Command {
        let url = format!("http://{address}");
        let mut command = Command::new("python3");
        command.args([CLIENT, "--url", &url, "--terminal", &self.terminal]);
        command.args(["--key-file", "till.key"]).args(words);
        command.current_dir(self.place.path()).stdin(Stdio::null());
        command
    }

    /// What the client prints when it asks the server itself and ends with this code.
    fn told(&self, code: i32, words: &[&str]) -> Vec<Value> {
        let ended = ended(self.client(self.server.registers, words));
        assert_eq!(ended.code, code, "{words:?}: {ended:?}");
        lines(&ended.out)
    }

    /// The amounts that were charged, newest first, whatever was given back later.
    fn charges(&self) -> Vec<i64> {
        let recent = self.told(0, &["recent"]);
        let is_charge = |one: &&Value| one["operation"] == "pay" && one["outcome"] == "succeeded";
        let amount = |one: &Value| one["amount"].as_i64().expect("an amount");
        recent.iter().filter(is_charge).map(amount).collect()
    }
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The server's whole answer to what this client asks.
fn answer(client: &TcpStream, server: SocketAddr) -> Vec<u8> {
    let mut server = TcpStream::connect(server).expect("it listens");
    let mut from = client.try_clone().expect("a socket");
    let mut to = server.try_clone().expect("a socket");
    // It ends when the client's connection is shut down.
    let _asking = thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).expect("it answers");
    answer
}

/// Hands one request on to the server, and loses the answer.
fn lose_an_answer(line: &TcpListener, server: SocketAddr) {
    let (client, _) = line.accept().expect("a connection");
    let lost = answer(&client, server);
    assert!(lost.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&lost));
    client.shutdown(Shutdown::Both).expect("it is connected");
}

/// Hands every further request on to the server, and every answer back.
fn mend(line: TcpListener, server: SocketAddr) {
    let _serving = thread::spawn(move || {
        for client in line.incoming() {
            let mut client = client.expect("a connection");
            let answer = answer(&client, server);
            client.write_all(&answer).expect("it listens");
            // It may have closed the connection already: it has its answer.
            let _ = client.shutdown(Shutdown::Both);
        }
    });
}

#[test]
fn the_guides_client_pays_refunds_asks_and_reverses() {
    let Some(till) = Till::open() else { return };
    let code = till.code();
    let paid = till.told(0, &["pay", &code, "1200"]);
    assert_eq!(paid[0]["outcome"], "succeeded", "{paid:?}");
    let request = paid[0]["request_id"].as_str().expect("an id");
    let payment = paid[0]["operation"]["payment"].as_str().expect("a payment");
    let again = till.told(1, &["pay", &code, "1200"]);
    assert_eq!(again[0]["operation"]["refusal"]["name"], "code_already_used", "{again:?}");
    let refunded = till.told(0, &["refund", payment, "200"]);
    assert_eq!(refunded[0]["operation"]["operation"], "refund", "{refunded:?}");
    let known = till.told(0, &["query", request]);
    assert_eq!(known[0], paid[0]["operation"]);
    let reversed = till.told(0, &["reverse", request]);
    assert_eq!(reversed[0]["operation"]["amount"], 1000, "{reversed:?}");
    assert_eq!(till.charges(), [1200]);
}

#[test]
fn a_request_that_cannot_be_decided_is_undone() {
    let Some(till) = Till::open() else { return };
    let undone = till.told(1, &["pay", &till.code(), "0"]);
    assert_eq!(undone[0]["outcome"], "reversed", "{undone:?}");
    assert!(till.charges().is_empty());
}

#[test]
fn a_client_whose_answer_was_lost_asks_and_has_charged_once() {
    let Some(till) = Till::open() else { return };
    assert!(till.told(0, &["settle"]).is_empty());
    let line = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = line.local_addr().expect("an address");
    let mut client = till.client(address, &["pay", &till.code(), "300"]);
    let client = client.stdout(Stdio::piped()).spawn().expect("it can be started");
    lose_an_answer(&line, till.server.registers);
    mend(line, till.server.registers);
    let output = client.wait_with_output().expect("it ends");
    let told = lines(&String::from_utf8(output.stdout).expect("UTF-8"));
    assert_eq!(told[0]["outcome"], "succeeded", "{told:?}");
    assert_eq!(till.charges(), [300]);
}

#[test]
fn a_client_that_is_killed_before_the_answer_settles_and_has_charged_once() {
    let Some(till) = Till::open() else { return };
    assert!(till.told(0, &["settle"]).is_empty());
    let line = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = line.local_addr().expect("an address");
    let mut client = till.client(address, &["pay", &till.code(), "400"]);
    let mut client = client.spawn().expect("it can be started");
    // Nobody hands on what it asks after this: it cannot settle before it is killed.
    lose_an_answer(&line, till.server.registers);
    client.kill().expect("it runs");
    client.wait().expect("it ends");
    let settled = till.told(0, &["settle"]);
    assert_eq!(settled[0]["outcome"], "succeeded", "{settled:?}");
    assert!(till.told(0, &["settle"]).is_empty());
    assert_eq!(till.charges(), [400]);
}

#[test]
fn a_request_of_yesterday_that_never_arrived_is_undone_and_half_a_line_forgotten() {
    let Some(till) = Till::open() else { return };
    let id = "01890000-0000-7000-8000-000000000001";
    let begun = serde_json::json!({
        "request_id": id,
        "path": "/v1/payments",
        "body": {
            "request_id": id, "amount": 500, "currency": "JPY", "code": till.code(),
            "capture": "now", "valid_until": "2026-01-01T00:00:00Z",
        },
    });
    till.place.file(JOURNAL, &format!("{begun}\n{{\"request_id\":\"0189"));
    let settled = till.told(0, &["settle"]);
    assert_eq!(settled[0]["outcome"], "reversed", "{settled:?}");
    assert_eq!(settled[0]["operation"]["effect"], "never_seen", "{settled:?}");
    assert!(till.charges().is_empty());
}

#[test]
fn a_charge_whose_reversal_had_begun_is_given_back_not_believed() {
    let Some(till) = Till::open() else { return };
    let paid = till.told(0, &["pay", &till.code(), "600"]);
    let target = paid[0]["request_id"].as_str().expect("an id");
    let journal = std::fs::read_to_string(till.place.path().join(JOURNAL)).expect("a journal");
    let begun = journal.lines().next().expect("the request");
    let id = "01890000-0000-7000-8000-000000000002";
    let reversal = serde_json::json!({
        "request_id": id,
        "path": "/v1/reversals",
        "body": { "request_id": id, "target_request_id": target },
    });
    till.place.file(JOURNAL, &format!("{begun}\n{reversal}\n"));
    let settled = till.told(0, &["settle"]);
    assert_eq!(settled[0]["outcome"], "reversed", "{settled:?}");
    assert_eq!(settled[0]["operation"]["request_id"], id, "{settled:?}");
    assert_eq!(settled[0]["operation"]["amount"], 600, "{settled:?}");
}
