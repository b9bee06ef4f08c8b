//! `kill -9` of the served program, at a random moment, under payments over HTTP: what it
//! acknowledged is there when it runs again, and what nobody knows of can be settled.
//!
//! Rounds by the environment: `YAOKI_CRASH_SERVE_KILLS`, three where it says nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use yaoki_core::time::Instant;
use yaoki_server::admin::{By, Message, Order};
use yaoki_server::client::register::{Credentials, Payment};
use yaoki_server::client::{DeviceClient, RegisterClient};
use yaoki_server::edge::admin_socket::{SOCKET_NAME, send};
use yaoki_server::edge::identifier::{Kind, parse};
use yaoki_server::edge::key_from_text;
use yaoki_store::testing::TestDatabase;
use yaoki_store::{Clock, Database};

use crate::process::{Place, Server};

const CONNECTIONS: usize = 4;
/// What each member has: more than can be paid in any number of rounds.
const MONEY: i64 = 1_000_000_000;

/// A payment whose outcome its register heard.
struct Heard {
    request_id: Uuid,
    payment: Option<String>,
    amount: i64,
}

/// What one connection did until its server was killed.
struct Paid {
    heard: Vec<Heard>,
    /// Sent, and no answer came.
    unknown: Option<Payment>,
}

/// A book with its terminal, and how commands reach it.
struct Scene {
    place: Place,
    /// Flags of every command.
    flags: Vec<String>,
    till: Credentials,
    members: Vec<String>,
}

fn clock() -> Clock {
    Arc::new(|| {
        let since = std::time::UNIX_EPOCH.elapsed().expect("it is past 1970");
        Instant(i64::try_from(since.as_millis()).expect("not so late"))
    })
}

fn text(reply: &Value, name: &str) -> String {
    reply[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}")).to_owned()
}

impl Scene {
    fn new(flags: &[String]) -> Self {
        let place = Place::new();
        let with = |arguments: &[&str]| {
            let flags = flags.iter().map(String::as_str);
            place.done(&arguments.iter().copied().chain(flags).collect::<Vec<&str>>())
        };
        let reply = |arguments: &[&str]| -> Value {
            serde_json::from_str(&with(&[arguments, &["--json"]].concat())).expect("JSON")
        };
        with(&["init", "--kind=demo"]);
        with(&["admin", "create-merchant", "Hinode"]);
        with(&["admin", "create-store", "1", "Station"]);
        let terminal = reply(&["admin", "create-terminal", "1", "till 1"]);
        let members = (0..CONNECTIONS).map(|_| {
            let member = text(&reply(&["admin", "create-member"]), "member");
            with(&["admin", "credit", &member, &MONEY.to_string()]);
            member
        });
        let members = members.collect();
        let number = parse(Kind::Terminal, &text(&terminal, "terminal")).expect("an identifier");
        let till = Credentials {
            terminal: number.cast_unsigned(),
            generation: 1,
            key: key_from_text(&text(&terminal, "key")).expect("a key"),
        };
        Self { place, flags: flags.to_vec(), till, members }
    }

    fn flags(&self) -> Vec<&str> {
        self.flags.iter().map(String::as_str).collect()
    }

    fn serve(&self) -> Server {
        let mut arguments = self.flags();
        arguments.push("--checkpoint-seconds=1");
        if self.flags.iter().any(|flag| flag.contains("postgres")) {
            arguments.extend(["--accept-losing-payments-on-failover", "--lanes=2"]);
        }
        Server::start(&self.place, &arguments)
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.place.done(&[arguments, &self.flags()].concat())
    }

    fn register(&self, server: &Server) -> RegisterClient {
        RegisterClient::new(server.registers, self.till.clone(), clock())
    }

    fn link(&self, member: &str) -> String {
        let by = By { actor: "Asa".to_owned(), ..By::default() };
        let order = Order::CreateLink { member: member.to_owned(), lifetime_seconds: None };
        let socket = self.place.path().join("data").join(SOCKET_NAME);
        let reply = send(&socket, &Message { by, order }).expect("the server answers");
        text(&reply.expect("a server runs"), "link_token")
    }

    /// Pays on every connection until the server is killed.
    fn pay_until_killed(&self, server: &Server, after: Duration) -> Vec<Paid> {
        let (killed, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let (killed, count) = (&killed, &count);
            let pay = |member: &String| {
                let member = member.clone();
                scope.spawn(move || self.pay(server, &member, (killed, count)))
            };
            let paying: Vec<_> = self.members.iter().map(pay).collect();
            while count.load(Ordering::SeqCst) == 0 {
                thread::park_timeout(Duration::from_millis(1));
            }
            thread::park_timeout(after);
            killed.store(true, Ordering::SeqCst);
            server.signal(rustix::process::Signal::KILL);
            paying.into_iter().map(|paid| paid.join().expect("no connection panics")).collect()
        })
    }

    fn pay(&self, server: &Server, member: &str, said: (&AtomicBool, &AtomicUsize)) -> Paid {
        let (killed, count) = said;
        let link = self.link(member);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut device = DeviceClient::new(server.devices, clock()).expect("a key");
            device.enrol(&link).await.expect("a new link enrols");
            let mut register = self.register(server);
            let mut paid = Paid { heard: Vec::new(), unknown: None };
            loop {
                let code = match device.code(false).await {
                    Ok(shown) => shown.digits,
                    Err(error) => break assert!(killed.load(Ordering::SeqCst), "{error}"),
                };
                let amount = i64::try_from(paid.heard.len() % 7 + 1).expect("a few yen");
                let request_id = Uuid::now_v7();
                let payment = Payment { request_id, amount, code, hold_seconds: None };
                let Ok(receipt) = register.pay(&payment).await else {
                    paid.unknown = Some(payment);
                    assert!(killed.load(Ordering::SeqCst), "only a killed server does not answer");
                    break;
                };
                assert!(receipt.succeeded(), "{receipt:?}");
                paid.heard.push(Heard { request_id, payment: receipt.payment, amount });
                count.fetch_add(1, Ordering::SeqCst);
            }
            paid
        })
    }

    /// Every payment that was heard of is there, as it was heard; what nobody heard of is settled.
    /// What the store is owed for all of them.
    fn look(&self, server: &Server, paid: &[Paid], round: u32) -> i64 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut register = self.register(server);
            let mut owed = 0;
            for heard in paid.iter().flat_map(|paid| &paid.heard) {
                let found = register.query(heard.request_id).await.expect("an answer");
                let found = found.unwrap_or_else(|| panic!("round {round} lost a payment"));
                assert!(found.succeeded() && found.payment == heard.payment, "{found:?}");
                owed += heard.amount;
            }
            for payment in paid.iter().filter_map(|paid| paid.unknown.as_ref()) {
                let known = register.query(payment.request_id).await.expect("an answer");
                let reversed = register.reverse(Uuid::now_v7(), payment.request_id).await;
                let reversed = reversed.expect("a reversal always has an outcome");
                assert!(reversed.succeeded(), "{reversed:?}, of {known:?}");
            }
            owed
        })
    }

    fn verify(&self) {
        let anchors = self.place.path().join("data/anchors.jsonl");
        let mut arguments = vec!["verify", "--quiet"];
        if Path::new(&anchors).exists() {
            arguments.extend(["--anchor", "data/anchors.jsonl"]);
        }
        let verified = self.run(&arguments);
        assert!(verified.contains("nothing is wrong"), "{verified}");
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how many rounds")]
fn rounds() -> u32 {
    let rounds = std::env::var("YAOKI_CRASH_SERVE_KILLS").ok();
    rounds.map_or(3, |text| text.parse().expect("a number of rounds"))
}

fn kill_again_and_again(flags: &[String]) {
    let scene = Scene::new(flags);
    let mut owed = 0;
    let mut all: Vec<Paid> = Vec::new();
    let mut server = scene.serve();
    for round in 0..rounds() {
        let chance = u64::try_from(Uuid::now_v7().as_u128() % 500).expect("it is short");
        let paid = scene.pay_until_killed(&server, Duration::from_millis(chance));
        drop(server);
        scene.verify();
        server = scene.serve();
        owed += scene.look(&server, &paid, round);
        all.extend(paid);
    }
    let again: Vec<Paid> = all.into_iter().map(|paid| Paid { unknown: None, ..paid }).collect();
    assert_eq!(scene.look(&server, &again, rounds()), owed, "nothing was lost later");
    assert_eq!(server.end().0, Some(0));
    scene.verify();
    let balance = scene.run(&["admin", "balance", "store:1", "--json"]);
    let balance: Value = serde_json::from_str(&balance).expect("JSON");
    assert_eq!(balance["amount"], owed, "what was heard of is owed, and nothing else");
}

#[test]
fn a_served_book_that_is_killed_keeps_every_payment_that_it_acknowledged() {
    kill_again_and_again(&[]);
}

#[test]
fn the_same_on_postgresql() {
    let Some(database) = TestDatabase::postgres("served_and_killed") else { return };
    let Database::Postgres(url) = &database.database else {
        unreachable!("it was asked for on PostgreSQL")
    };
    kill_again_and_again(&[format!("--database={url}")]);
}
