//! Money by a card, against an acquirer that is asked over HTTP: the demo's own, which does what it
//! is asked also where its answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use yaoki_core::account::Account;
use yaoki_core::ids::FactId;
use yaoki_core::top_up::{TopUp, TopUpState};
use yaoki_server::admin::Order;
use yaoki_server::client::DeviceClient;
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::rails::demo::{DemoAcquirer, DemoOptions, SILENT_MS};
use yaoki_server::rails::drive::drive;
use yaoki_store::testing::TestClock;
use yaoki_store::verify::{VerifyOptions, verify};
use yaoki_store::{conn::Purpose, on_both_storages, read};

use crate::members::{DAY, new_id};
use crate::world::{World, text, told};

const MONEY: &str = "/v1/member/money";
/// A little more, since no test stands exactly on a limit.
const MINUTE: i64 = 61_000;

/// Asking for money from a card.
fn asking(card: &str, amount: i64) -> Value {
    json!({
        "act": "top_up", "request_id": new_id(), "card": card, "amount": amount, "language": "ja",
    })
}

/// A world in which cards are taken, and who takes them.
struct Cards {
    world: World,
    acquirer: DemoAcquirer,
    clock: TestClock,
}

impl Cards {
    fn new(db: &mut yaoki_store::testing::TestDatabase) -> Self {
        let clock = TestClock::default();
        let counter = AtomicU64::new(9);
        let entropy = move |bytes: &mut [u8]| {
            bytes.fill(u8::try_from(counter.fetch_add(1, Ordering::SeqCst) % 251).unwrap_or(1));
        };
        let options = DemoOptions {
            address: ([127, 0, 0, 1], 0).into(),
            origin: None,
            file: None,
            clock: clock.as_clock(),
            entropy: Arc::new(entropy),
        };
        let acquirer = DemoAcquirer::start(options).expect("it starts");
        let world = World::with(db, 2, |server| {
            server.acquirer = Some(acquirer.options());
            server.top_up_pause = std::time::Duration::from_hours(1);
        });
        let public = world.address(ListenerName::Public);
        acquirer.tell(format!("http://{public}/v1/acquirer/events"));
        Self { world, acquirer, clock }
    }

    /// What a person does on the acquirer's pages; says where he is sent.
    fn click(&self, url: &str, body: &str) -> String {
        let rest = url.split_once("://").expect("a URL").1;
        let (host, path) = rest.split_once('/').expect("a path");
        let port = host.rsplit_once(':').expect("a port").1.parse().expect("a number");
        let mut connection = Connection::new(([127, 0, 0, 1], port).into());
        let path = format!("/{path}");
        let request =
            Request { method: "POST", target: &path, headers: &[], body: body.as_bytes() };
        let answer = self.world.run(connection.send(&request)).expect("it answers");
        answer.header("location").unwrap_or_default().to_owned()
    }

    fn ask(&self, device: &mut DeviceClient, body: &Value) -> Value {
        self.world.told(device, MONEY, body)
    }

    /// Adds the card of this number on a device.
    fn add(&self, device: &mut DeviceClient, number: &str, passed: bool) -> (Value, String) {
        let begun = self.ask(device, &json!({"act": "begin_card", "language": "ja"}));
        let url = text(&begun, "url");
        let next = self.click(&url, &format!("number={number}"));
        let asks = format!("{}{next}", self.acquirer.origin());
        let back = self.click(&asks, if passed { "answer=yes" } else { "answer=no" });
        let session = text(&begun, "session");
        let body = json!({"act": "finish_card", "session": session});
        (body, back)
    }

    fn card(&self, device: &mut DeviceClient, number: &str) -> String {
        let (finish, back) = self.add(device, number, true);
        assert!(back.contains("/wallet?lang=ja#/money/cs_"), "{back}");
        text(&self.ask(device, &finish), "card")
    }

    fn top_up(&self, device: &mut DeviceClient, card: &str, amount: i64) -> Value {
        self.ask(device, &asking(card, amount))
    }

    fn follow(&self, device: &mut DeviceClient, top_up: &Value) -> Value {
        self.ask(device, &json!({"act": "follow", "top_up": text(top_up, "top_up")}))
    }

    fn money(&self) -> i64 {
        self.world.member(0).money - crate::world::MONEY
    }

    /// Both clocks go on.
    fn wait(&self, ms: i64) {
        self.world.clock.advance_ms(ms);
        self.clock.advance_ms(ms);
    }

    /// What the book says that the acquirer owes: as transfers give it.
    fn owed(&self) -> i64 {
        let read = |conn: &mut yaoki_store::Conn| {
            let all: Vec<yaoki_core::facts::Transfer> = conn.query(
                &yaoki_store::sql::TRANSFERS_AFTER,
                &[yaoki_core::row::Value::Int(0), yaoki_core::row::Value::Int(100_000)],
            )?;
            let sign = |row: &yaoki_core::facts::Transfer| {
                let gone = i64::from(row.debit == Account::ACQUIRER) * row.amount;
                gone - i64::from(row.credit == Account::ACQUIRER) * row.amount
            };
            Ok(all.iter().map(sign).sum())
        };
        self.world.book.read_and_wait(read).expect("transfers can be read")
    }

    fn open(&self) -> Vec<TopUp> {
        let read =
            |conn: &mut yaoki_store::Conn| read::money_in::top_ups_open(conn, FactId::NONE, 99);
        self.world.book.read_and_wait(read).expect("they can be read")
    }

    /// What the job does, until nothing is open.
    fn resolve(&self) {
        let app = &self.world.running.app;
        let acquirer = app.acquirer.as_ref().expect("there is one");
        for row in self.open() {
            self.world.run(drive(app, acquirer, row.id)).expect("the book is there");
        }
    }
}

on_both_storages! {
    fn a_card_tops_up_after_its_holder_was_asked_and_the_books_agree(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let card = cards.card(&mut device, "4000000000003220");
        let asked = cards.top_up(&mut device, &card, 5_000);
        assert_eq!(text(&asked, "state"), "requested");
        assert_eq!(cards.money(), 0, "nothing comes before the bank was content");
        let back = cards.click(&text(&asked, "asks_at"), "answer=yes");
        assert!(back.ends_with("/wallet?lang=ja#/money"), "{back}");
        let now = cards.follow(&mut device, &asked);
        assert_eq!((text(&now, "state").as_str(), cards.money()), ("posted", 5_000));
        assert_eq!((cards.acquirer.owes(), cards.owed()), (5_000, 5_000));
        // Who is content without a question.
        cards.wait(MINUTE);
        let plain = cards.card(&mut device, "4242424242424242");
        let done = cards.top_up(&mut device, &plain, 1_000);
        assert_eq!((text(&done, "state").as_str(), cards.money()), ("posted", 6_000));
        let look = cards.ask(&mut device, &json!({"act": "look"}));
        assert_eq!(look["cards"].as_array().expect("a list").len(), 2);
        let limits = look["limits"].as_array().expect("a list");
        let day = limits.iter().find(|row| row["on"] == "card" && row["period"] == "day");
        let day = day.expect("a limit");
        assert_eq!((day["used"].as_i64(), day["left"].as_i64()), (Some(6_000), Some(14_000)));
    }

    fn what_fails_or_is_abandoned_takes_nothing(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let (finish, back) = cards.add(&mut device, "4242424242424242", false);
        assert!(back.ends_with("/wallet?lang=ja#/money"), "{back}");
        let answer = cards.world.asked(&mut device, MONEY, &finish);
        assert_eq!(told(&answer), "409 card_was_declined");
        let card = cards.card(&mut device, "4000000000003220");
        let failed = cards.top_up(&mut device, &card, 1_000);
        cards.click(&text(&failed, "asks_at"), "answer=no");
        let failed = cards.follow(&mut device, &failed);
        assert_eq!(text(&failed, "state"), "declined");
        assert_eq!(text(&failed, "reason"), "card_was_declined");
        cards.wait(MINUTE);
        let left = cards.top_up(&mut device, &card, 1_000);
        cards.wait(15 * MINUTE);
        cards.resolve();
        let left = cards.follow(&mut device, &left);
        assert_eq!(text(&left, "state"), "declined");
        assert_eq!(text(&left, "reason"), "top_up_was_abandoned");
        // Whoever comes back to the bank's page after that pays nothing.
        cards.wait(MINUTE);
        let declines = cards.card(&mut device, "4000000000000002");
        let no = cards.top_up(&mut device, &declines, 1_000);
        assert_eq!(text(&no, "state"), "declined");
        assert_eq!((cards.money(), cards.acquirer.owes(), cards.owed()), (0, 0, 0));
    }

    fn silence_is_unknown_and_ends_by_asking(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let card = cards.card(&mut device, "4000000000003220");
        let asked = cards.top_up(&mut device, &card, 5_000);
        cards.click(&text(&asked, "asks_at"), "answer=yes");
        cards.wait(MINUTE);
        let asked = cards.top_up(&mut device, &card, 700);
        cards.acquirer.keep_silent();
        cards.click(&text(&asked, "asks_at"), "answer=yes");
        let unknown = cards.follow(&mut device, &asked);
        assert_eq!(text(&unknown, "state"), "unknown");
        let begin = json!({"act": "begin_card", "language": "ja"});
        let again = cards.world.asked(&mut device, MONEY, &begin);
        assert_eq!(told(&again), "503 acquirer_unreachable");
        cards.wait(SILENT_MS + 1_000);
        cards.resolve();
        let known = cards.follow(&mut device, &asked);
        assert_eq!(text(&known, "state"), "posted");
        assert_eq!((cards.acquirer.owes(), cards.owed()), (5_700, 5_700));
        assert!(cards.open().is_empty());
    }

    fn an_acquirer_that_misses_an_answer_ends_no_hold(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let card = cards.card(&mut device, "4000000000003220");
        // A new card's large top-up is held; the acquirer was silent when its holder answered.
        let asked = cards.top_up(&mut device, &card, 6_000);
        cards.acquirer.keep_silent();
        cards.click(&text(&asked, "asks_at"), "answer=yes");
        assert_eq!(text(&cards.follow(&mut device, &asked), "state"), "unknown");
        cards.wait(SILENT_MS + 1_000);
        cards.resolve();
        let held = cards.follow(&mut device, &asked);
        assert_eq!(text(&held, "state"), "authorized");
        assert!(held["held_until"].is_string(), "{held}");
        assert_eq!((cards.acquirer.owes(), cards.money()), (0, 0), "nothing was taken");
        // It is silent again when the hold ends, and the wallet is frozen meanwhile.
        cards.wait(60 * MINUTE);
        cards.acquirer.keep_silent();
        cards.resolve();
        let member = cards.world.members[0].0.to_string();
        cards.world.order(Order::FreezeMember { member });
        cards.wait(SILENT_MS + 1_000);
        cards.resolve();
        assert_eq!((cards.acquirer.owes(), cards.money()), (0, 0), "whoever freezes has objected");
        assert!(cards.open().is_empty(), "it was let go");
    }

    fn what_is_given_up_while_it_is_held_is_never_taken(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let card = cards.card(&mut device, "4242424242424242");
        let held = cards.top_up(&mut device, &card, 6_000);
        assert_eq!(text(&held, "state"), "authorized");
        let give_up = |device: &mut DeviceClient| {
            let body =
                json!({"act": "give_up", "request_id": new_id(), "top_up": text(&held, "top_up")});
            cards.world.asked(device, MONEY, &body)
        };
        let mut stranger = cards.world.enrolled(1);
        assert_eq!(told(&give_up(&mut stranger)), "404 top_up_must_exist");
        let answer = give_up(&mut device);
        assert_eq!(text(&answer.json(), "state"), "declined");
        assert_eq!(text(&answer.json(), "reason"), "top_up_was_given_up");
        cards.wait(61 * MINUTE);
        cards.resolve();
        assert_eq!((cards.acquirer.owes(), cards.money()), (0, 0));
        // What is not objected to comes, and no minute before its time.
        cards.wait(MINUTE);
        let second = cards.top_up(&mut device, &card, 6_000);
        cards.wait(58 * MINUTE);
        assert_eq!(text(&cards.follow(&mut device, &second), "state"), "authorized");
        cards.wait(2 * MINUTE);
        assert_eq!(text(&cards.follow(&mut device, &second), "state"), "posted");
        assert_eq!((cards.acquirer.owes(), cards.money()), (6_000, 6_000));
    }

    fn the_card_of_another_device_asks_first_on_this_one(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut old = cards.world.enrolled(0);
        let card = cards.card(&mut old, "4242424242424242");
        let mut new = cards.world.enrolled(0);
        let asked = cards.top_up(&mut new, &card, 1_000);
        assert!(asked["asks_at"].is_string(), "the bank asks on this device: {asked}");
        cards.click(&text(&asked, "asks_at"), "answer=yes");
        assert_eq!(text(&cards.follow(&mut new, &asked), "state"), "posted");
        cards.wait(MINUTE);
        let then = cards.top_up(&mut new, &card, 1_000);
        assert_eq!(text(&then, "state"), "posted", "once it has asked here it need not again");
        // Another member knows neither card nor top-up.
        let mut stranger = cards.world.enrolled(1);
        let answer = cards.world.asked(&mut stranger, MONEY, &asking(&card, 1));
        assert_eq!(told(&answer), "404 card_must_exist");
        let body = json!({"act": "follow", "top_up": text(&then, "top_up")});
        assert_eq!(told(&cards.world.asked(&mut stranger, MONEY, &body)), "404 top_up_must_exist");
        let (finish, _) = cards.add(&mut new, "4000000000003220", true);
        let answer = cards.world.asked(&mut stranger, MONEY, &finish);
        assert_eq!(answer.status, 400, "a session of another device: {}", answer.json());
    }

    fn a_dispute_is_booked_after_the_money_is_spent_and_ends_in_our_favour(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let mut device = cards.world.enrolled(0);
        let card = cards.card(&mut device, "4242424242424242");
        cards.top_up(&mut device, &card, 2_000);
        let code = cards.world.code(0);
        let paid = yaoki_server::client::register::Payment {
            request_id: uuid::Uuid::now_v7(), amount: 102_000, code, hold_seconds: None,
        };
        let mut register = cards.world.register(&cards.world.till);
        let receipt = cards.world.run(register.pay(&paid)).expect("it is decided");
        assert!(receipt.succeeded(), "{receipt:?}");
        let intent = cards.world.book.read_and_wait(|conn| {
            let member = yaoki_core::ids::MemberNumber(1);
            read::money_in::top_ups_before(conn, member, None, 1)
        });
        let intent = intent.expect("it can be read").remove(0).reference;
        let url = format!("{}/dispute/{intent}", cards.acquirer.origin());
        for state in ["disputed", "posted"] {
            cards.click(&url, "");
            let mut last = String::new();
            for _ in 0..100 {
                let look = cards.ask(&mut device, &json!({"act": "look"}));
                last = text(&look["top_ups"][0], "state");
                if last == state {
                    break;
                }
                cards.world.rest(std::time::Duration::from_millis(50));
            }
            assert_eq!(last, state);
            assert_eq!(cards.acquirer.owes(), cards.owed(), "{state}");
        }
        assert_eq!(cards.world.member(0).money, 0, "no balance goes below zero");
    }

    fn what_an_acquirer_tells_is_believed_with_its_signature_only(db: &mut TestDatabase) {
        let cards = Cards::new(db);
        let body = br#"{"type":"payment_intent.succeeded","data":{"object":{"id":"pi_demo1"}}}"#;
        // The last is whole and of this second, and signed with another secret.
        let fresh = format!("t={},v1={}", cards.clock.now().0 / 1000, "5a".repeat(32));
        for signature in ["", "t=1,v1=00", "t=1767582000,v1=zz", &fresh] {
            let headers = [("content-type", "application/json"), ("stripe-signature", signature)];
            let request =
                Request { method: "POST", target: "/v1/acquirer/events", headers: &headers, body };
            let answer = cards.world.anonymous(ListenerName::Public, &request);
            assert_eq!(answer.status, 401, "{signature}");
        }
    }
}

/// What happens while top-ups are under way.
#[derive(Clone, Debug)]
enum Event {
    TopUp(i64, bool),
    Silent,
    Answers,
    Yes(usize),
    No(usize),
    Wait(i64),
    Resolve,
}

fn life() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1..3_000_i64, any::<bool>()).prop_map(|(amount, asks)| Event::TopUp(amount, asks)),
        2 => Just(Event::Silent),
        2 => Just(Event::Answers),
        3 => (0..4_usize).prop_map(Event::Yes),
        1 => (0..4_usize).prop_map(Event::No),
        3 => prop::sample::select(vec![MINUTE, 5 * MINUTE, 16 * MINUTE, DAY]).prop_map(Event::Wait),
        3 => Just(Event::Resolve),
    ];
    prop::collection::vec(event, 1..25)
}

impl Cards {
    fn happen(&self, device: &mut DeviceClient, cards: &[String; 2], event: &Event) {
        match event {
            Event::TopUp(amount, asks) => {
                let card = &cards[usize::from(*asks)];
                let body = asking(card, *amount);
                let answer = self.world.asked(device, MONEY, &body);
                assert!([200, 409].contains(&answer.status), "{}", answer.json());
            }
            Event::Silent => self.acquirer.keep_silent(),
            Event::Answers => self.acquirer.answer(),
            Event::Yes(place) | Event::No(place) => {
                if let Some(row) = self.open().get(*place).filter(|row| !row.reference.is_empty()) {
                    let url = format!("{}/3ds/{}", self.acquirer.origin(), row.reference);
                    let yes = matches!(event, Event::Yes(_));
                    self.click(&url, if yes { "answer=yes" } else { "answer=no" });
                }
            }
            Event::Wait(ms) => self.wait(*ms),
            Event::Resolve => self.resolve(),
        }
    }
}

#[test]
fn whatever_is_lost_the_acquirers_books_and_ours_agree_in_the_end() {
    let mut db = yaoki_store::testing::TestDatabase::sqlite("whatever_is_lost");
    let cards = Cards::new(&mut db);
    let mut device = cards.world.enrolled(0);
    let two =
        ["4242424242424242", "4000000000003220"].map(|number| cards.card(&mut device, number));
    let device = std::cell::RefCell::new(device);
    let mut runner =
        TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&life(), |events| {
        let before = cards.world.member(0).money - cards.owed();
        for event in &events {
            cards.happen(&mut device.borrow_mut(), &two, event);
        }
        cards.acquirer.answer();
        // Whoever does not go on has a quarter of an hour.
        cards.wait(DAY);
        for _ in 0..3 {
            cards.resolve();
        }
        prop_assert!(cards.open().is_empty(), "everything is decided: {:?}", cards.open());
        prop_assert_eq!(cards.acquirer.owes(), cards.owed(), "after {:?}", events);
        prop_assert_eq!(
            cards.world.member(0).money - cards.owed(),
            before,
            "no yen twice, none lost"
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let posted = cards.world.book.read_and_wait(|conn| {
        read::money_in::top_ups_before(conn, yaoki_core::ids::MemberNumber(1), None, 1000)
    });
    let posted = posted.expect("they can be read");
    let ended = |state| posted.iter().filter(|row| row.state == state).count();
    assert!(ended(TopUpState::Posted) > 5 && ended(TopUpState::Declined) > 5, "both were met");
    cards.world.book.close();
    let mut conn = db.connect(Purpose::Admin);
    let options = VerifyOptions { anchors: Vec::new(), progress: &mut |_| {} };
    let report = verify(&mut conn, options).expect("the storage works");
    assert!(report.is_clean(), "{report}");
}
