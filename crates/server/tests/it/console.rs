//! The console: who is let in, and that what is shown is what was booked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::admin::Order;
use yaoki_server::client::DeviceClient;
use yaoki_server::client::http::Request;
use yaoki_server::edge::listener::ListenerName;
use yaoki_store::on_both_storages;

use crate::raw;
use crate::world::{World, message, text, told};

const STREAM: &str = "/v1/console/stream";

/// An open stream.
pub(crate) struct Lines {
    pub(crate) status: u16,
    reader: BufReader<TcpStream>,
}

impl Lines {
    /// Asks for a stream. A request before it brings the nonce.
    pub(crate) fn open(world: &World, operator: &mut DeviceClient) -> Self {
        world.run(operator.post("/v1/console/switches", b"{}")).expect("an answer");
        let proof = operator.proof("POST", STREAM, b"{}").expect("a proof");
        let token = operator.token().expect("it is signed in");
        let address = world.running.console;
        let mut stream = raw::connect(address);
        let head = format!(
            "POST {STREAM} HTTP/1.1\r\nHost: {address}\r\nAuthorization: DPoP {token}\r\n\
             DPoP: {proof}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(head.as_bytes()).expect("the server listens");
        let mut reader = BufReader::new(stream);
        let status = line(&mut reader).split(' ').nth(1).and_then(|status| status.parse().ok());
        while !line(&mut reader).is_empty() {}
        Self { status: status.expect("a status"), reader }
    }

    /// The next line; none at the end.
    fn next(&mut self) -> Option<Value> {
        let length = usize::from_str_radix(&line(&mut self.reader), 16).expect("a length");
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).expect("a chunk");
        (length > 0).then(|| serde_json::from_slice(&chunk).expect("a line is JSON"))
    }

    /// The next line that is not only a sign of life.
    fn news(&mut self) -> Option<Value> {
        loop {
            match self.next() {
                Some(line) if line["line"] == "alive" => {}
                other => return other,
            }
        }
    }
}

fn line(reader: &mut impl BufRead) -> String {
    let mut text = String::new();
    reader.read_line(&mut text).expect("the server answers");
    text.trim_end().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "how soon the server tells is what is tested")]
fn now() -> Instant {
    Instant::now()
}

/// Signs a browser in; what it is told.
fn sign_in(world: &World, browser: &mut DeviceClient, link: &str) -> String {
    let body = json!({ "link_token": link }).to_string();
    let answer = world.run(browser.post("/v1/console/session", body.as_bytes()));
    told(&answer.expect("an answer"))
}

fn ask(world: &World, browser: &mut DeviceClient, path: &str, body: &Value) -> String {
    let path = format!("/v1/console/{path}");
    told(&world.run(browser.post(&path, body.to_string().as_bytes())).expect("an answer"))
}

/// Payments, a hold that is taken, a refund, a reversal, declines, a reversal of nothing.
fn a_morning(world: &World) {
    let mut register = world.register(&world.till);
    let mut other = world.register(&world.foreign_till);
    for amount in [100, 250, 40] {
        world.run(register.pay(&world.payment(0, amount))).expect("paid");
        world.run(other.pay(&world.payment(1, 2 * amount))).expect("paid");
    }
    let too_much = world.payment(0, 90_000_000);
    assert!(!world.run(register.pay(&too_much)).expect("an outcome").succeeded());
    let pay = |amount, hold_seconds| {
        let mut payment = world.payment(0, amount);
        payment.hold_seconds = hold_seconds;
        let mut register = world.register(&world.till);
        let receipt = world.run(register.pay(&payment)).expect("an outcome");
        (receipt.payment.expect("it succeeded"), payment.request_id)
    };
    let valid_until = yaoki_server::api::time::text(world.clock.now().plus_ms(30_000));
    let mut settle = |path: &str, payment: &str, amount: i64| {
        let body = json!({
            "request_id": Uuid::now_v7().to_string(), "payment": payment, "amount": amount,
            "currency": "JPY", "valid_until": valid_until,
        });
        let answer = world.run(register.send("POST", path, body.to_string().as_bytes()));
        assert_eq!(told(&answer.expect("an answer")), "200 succeeded", "{path}");
    };
    settle("/v1/captures", &pay(600, Some(600)).0, 500);
    settle("/v1/refunds", &pay(700, None).0, 300);
    let reverse = |target: Uuid| {
        let request_id = Uuid::now_v7().to_string();
        let body = json!({ "request_id": request_id, "target_request_id": target.to_string() });
        let mut register = world.register(&world.till);
        let answer = world.run(register.send("POST", "/v1/reversals", body.to_string().as_bytes()));
        assert_eq!(told(&answer.expect("an answer")), "200 succeeded");
    };
    reverse(pay(80, None).1);
    reverse(pay(90, Some(600)).1);
    reverse(Uuid::now_v7());
}

/// Every operation that the console lists.
fn every_operation(world: &World, operator: &mut DeviceClient) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), Value::Null);
    loop {
        let body = json!({ "limit": 7, "before": before });
        let page = world.console(operator, "operations", &body);
        all.extend(page["operations"].as_array().expect("a list").iter().cloned());
        before = page["before"].clone();
        if before.is_null() {
            return all;
        }
    }
}

/// Totals, counted the long way from the list.
fn naive(operations: &[Value]) -> Value {
    let mut totals: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for name in ["paid", "refunded", "reversed", "declined", "held"] {
        totals.insert(name, (0, 0));
    }
    for row in operations.iter().filter(|row| row["terminal"].is_string()) {
        let amount = row["amount"].as_i64().expect("an amount");
        let (name, amount) = match (row["operation"].as_str(), row["outcome"].as_str()) {
            (Some("tombstone"), _) => continue,
            (_, Some("declined")) => ("declined", amount),
            (Some("pay" | "capture"), _) => ("paid", amount),
            (Some("refund"), _) => ("refunded", amount),
            (Some("authorize"), _) => ("held", amount),
            (Some("reverse"), _) if row["effect"] == "gave_back" => ("reversed", amount),
            (Some("reverse"), _) if row["effect"] == "released" => ("reversed", 0),
            _ => continue,
        };
        let sum = totals.get_mut(name).expect("it is counted");
        (sum.0, sum.1) = (sum.0 + 1, sum.1 + amount);
    }
    let totals = totals.into_iter();
    totals
        .map(|(name, (count, amount))| (name, json!({ "count": count, "amount": amount })))
        .collect()
}

on_both_storages! {
    fn a_link_signs_one_browser_in_once_and_dies_after_ten_minutes(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let link = world.console_link();
        let mut browser = world.browser();
        assert_eq!(sign_in(&world, &mut browser, "made up"), "403 console_link_must_be_open");
        assert_eq!(sign_in(&world, &mut browser, ""), "400 field_must_be_valid");
        assert_eq!(sign_in(&world, &mut browser, &link), "200 ok");
        for mut again in [world.browser(), browser] {
            assert_eq!(sign_in(&world, &mut again, &link), "403 console_link_must_be_open");
        }
        let late = world.console_link();
        world.clock.advance_ms(10 * 60_000);
        let refused = sign_in(&world, &mut world.browser(), &late);
        assert_eq!(refused, "403 console_link_must_be_open");
    }

    fn a_session_is_worth_nothing_without_its_key(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut operator = world.operator();
        assert_eq!(ask(&world, &mut operator, "today", &json!({})), "200 ok");
        let mut thief = world.browser();
        thief.set_token(operator.token().expect("it is signed in").to_owned());
        assert_eq!(ask(&world, &mut thief, "today", &json!({})), "401 proof_must_hold");
        let path = "/v1/console/switches";
        let proof = operator.proof("POST", path, b"{}").expect("a proof");
        let token = format!("DPoP {}", operator.token().expect("it is signed in"));
        let headers = [("Authorization", token.as_str()), ("DPoP", proof.as_str())];
        let request = Request { method: "POST", target: path, headers: &headers, body: b"{}" };
        let heard = [1, 2].map(|_| told(&world.anonymous(ListenerName::Console, &request)));
        assert_eq!(heard, ["200 ok", "401 proof_must_hold"], "each proof is taken once");
        let changed = Request { body: b"{ }", ..request };
        assert_eq!(told(&world.anonymous(ListenerName::Console, &changed)), "401 proof_must_hold");
    }

    fn a_device_is_no_operator_and_an_operator_no_device(db: &mut TestDatabase) {
        let world = World::new(db);
        let (device, operator) = (world.enrolled(0), world.operator());
        let mut browser = world.browser();
        browser.set_token(device.token().expect("it is enrolled").to_owned());
        assert_eq!(ask(&world, &mut browser, "today", &json!({})), "401 session_must_be_open");
        let mut phone = world.device();
        phone.set_token(operator.token().expect("it is signed in").to_owned());
        for path in ["/v1/device/code", "/v1/device/wallet"] {
            let answer = world.run(phone.post(path, b"{}")).expect("an answer");
            assert_eq!(told(&answer), "401 token_must_be_ours");
        }
    }

    fn a_session_that_is_over_is_refused(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let over = "401 session_must_be_open";
        let today = |browser: &mut DeviceClient| ask(&world, browser, "today", &json!({}));
        let [mut ended, mut rotated, mut expired] = [(); 3].map(|()| world.operator());
        assert_eq!(ask(&world, &mut ended, "session/end", &json!({})), "200 ok");
        assert_eq!(today(&mut ended), over);
        assert_eq!(today(&mut expired), "200 ok");
        world.clock.advance_ms(12 * 60 * 60_000 - 1);
        assert_eq!(today(&mut expired), "200 ok");
        world.clock.advance_ms(1);
        assert_eq!(today(&mut expired), over);
        let (mut all, link) = (world.operator(), world.console_link());
        assert_eq!(world.ask(Order::EndConsoleSessions)["done"], "console_sessions_ended");
        assert_eq!(today(&mut all), over);
        let refused = sign_in(&world, &mut world.browser(), &link);
        assert_eq!(refused, "403 console_link_must_be_open", "links end with sessions");
        assert_eq!(today(&mut rotated), over);
        let mut rotated = world.operator();
        assert_eq!(today(&mut rotated), "200 ok");
        world.ask(Order::RotateKey { key: "device_token".to_owned(), keep_seconds: 0 });
        assert_eq!(today(&mut rotated), over);
    }

    fn a_link_is_made_by_a_running_server_for_a_name(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let refused = yaoki_server::admin::perform(&world.desk, &message(Order::ConsoleLink));
        let refused = refused.expect_err("no server is at hand").to_string();
        assert!(refused.contains("a server must run"), "{refused}");
        let path = world.folder.join("admin.socket");
        for actor in ["", "  ", &"a".repeat(101)] {
            let mut nobody = message(Order::ConsoleLink);
            actor.clone_into(&mut nobody.by.actor);
            let reply = yaoki_server::edge::admin_socket::send(&path, &nobody);
            let reply = reply.expect("an answer").expect("a server runs");
            assert_eq!(reply["error"]["kind"], "malformed", "{actor}: {reply}");
        }
        let url = text(&world.ask(Order::ConsoleLink), "url");
        let console = format!("http://{}/console#", world.running.console);
        assert!(url.starts_with(&console), "{url}");
    }

    fn the_figures_of_today_are_those_of_the_operations_listed(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut operator = world.operator();
        let empty = world.console(&mut operator, "today", &json!({}));
        assert_eq!(empty["totals"]["paid"], json!({ "count": 0, "amount": 0 }));
        a_morning(&world);
        for _ in 0..2 {
            let today = world.console(&mut operator, "today", &json!({}));
            let operations = every_operation(&world, &mut operator);
            assert_eq!(today["totals"], naive(&operations), "{today}");
            let zone = (today["date"].as_str(), today["zone"].as_str());
            assert_eq!(zone, (Some("2026-01-05"), Some("Asia/Tokyo")));
            let hours = today["by_hour"].as_array().expect("hours");
            assert_eq!((hours.len(), &hours[0]["from"]), (24, &json!("2026-01-04T15:00:00.000Z")));
            assert_eq!(hours[12]["paid"], today["totals"]["paid"], "it is noon");
            let stores = today["by_store"].as_array().expect("stores");
            assert_eq!(stores.len(), 2);
            for store in stores {
                let of_store = json!({ "store": store["store"], "limit": 200 });
                let listed = world.console(&mut operator, "operations", &of_store);
                let naive = naive(listed["operations"].as_array().expect("a list"));
                assert_eq!(store["paid"], naive["paid"], "{store}");
                assert_eq!(store["declined"], naive["declined"], "{store}");
            }
            // The lane has followed by now, and it has not at first, or the other way round.
            world.run(async { tokio::time::sleep(Duration::from_millis(300)).await });
        }
        let yesterday = world.console(&mut operator, "today", &json!({ "date": "2026-01-04" }));
        assert_eq!(yesterday["totals"], naive(&[]));
        let shops = world.console(&mut operator, "shops", &json!({}));
        let stores = shops["stores"].as_array().expect("stores");
        assert_eq!((stores.len(), shops["merchants"].as_array().map(Vec::len)), (2, Some(2)));
        let its = |store: &Value| store["terminals"].as_array().expect("a list").clone();
        let terminals: Vec<Value> = stores.iter().flat_map(its).collect();
        let suspended = terminals.iter().filter(|row| row["suspended"] == true).count();
        let seen = terminals.iter().filter(|row| row["last_operation_at"].is_string()).count();
        assert_eq!((terminals.len(), suspended, seen), (4, 1, 2));
    }

    fn a_payments_whole_life_is_on_one_page_and_no_secret_is(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut operator = world.operator();
        let payment = world.payment(0, 700);
        let mut register = world.register(&world.till);
        let paid = world.run(register.pay(&payment)).expect("paid").payment.expect("a payment");
        let valid_until = yaoki_server::api::time::text(world.clock.now().plus_ms(30_000));
        let refund = json!({
            "request_id": Uuid::now_v7().to_string(), "payment": paid, "amount": 300,
            "currency": "JPY", "valid_until": valid_until,
        });
        world.run(register.send("POST", "/v1/refunds", refund.to_string().as_bytes())).expect("it");
        let known = json!({ "request_ids": [payment.request_id.to_string()] }).to_string();
        world.run(register.send("POST", "/v1/acknowledgements", known.as_bytes())).expect("it");
        let life = world.console(&mut operator, "payment", &json!({ "payment": paid }));
        assert_eq!((&life["status"], &life["refunded"]), (&json!("paid"), &json!(300)));
        let steps = life["operations"].as_array().expect("steps");
        assert_eq!(steps.len(), 2);
        assert!(steps[0]["acknowledged_at"].is_string() && steps[1]["acknowledged_at"].is_null());
        let moved = &steps[1]["transfer"];
        assert_eq!((&moved["from"]["account"], &moved["amount"]), (&json!("store"), &json!(300)));
        assert_eq!(moved["from"]["name"], "Hinode station");
        assert_eq!(moved["to"]["id"], steps[0]["member"]);
        assert_eq!(steps[0]["terminal_name"], "till 1");
        assert!(!life.to_string().contains(&payment.code), "{life}");
        let member = text(&steps[0], "member");
        let refund_id = text(&steps[1], "id");
        let [store, terminal, number] =
            ["store", "terminal", "number"].map(|name| text(&steps[0], name));
        let request = payment.request_id.to_string();
        for sought in [
            paid.clone(), paid.to_uppercase(), request, refund_id.clone(), member, store, terminal,
            number,
        ] {
            let found = world.console(&mut operator, "find", &json!({ "text": sought }));
            let payments = found["payments"].as_array().expect("a list");
            assert!(payments.contains(&json!(paid)), "{sought}");
        }
        let unused = json!({ "text": Uuid::now_v7().to_string() });
        let found = world.console(&mut operator, "find", &unused);
        assert_eq!(found, json!({ "payments": [], "operations": [] }));
        let wrong = ask(&world, &mut operator, "payment", &json!({ "payment": refund_id }));
        assert_eq!(wrong, "400 field_must_be_valid");
    }

    fn what_no_register_acknowledged_and_what_is_closed_is_listed(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let paid = world.run(register.pay(&world.payment(0, 70))).expect("paid");
        world.order(Order::CloseSwitch {
            capability: "refund".to_owned(),
            scope: "store".to_owned(),
            subject: Some("1".to_owned()),
            lapse_seconds: None,
        });
        world.clock.advance_ms(11 * 60_000);
        let mut operator = world.operator();
        let open = world.console(&mut operator, "unacknowledged", &json!({}));
        assert_eq!(open["operations"].as_array().map(Vec::len), Some(1));
        assert_eq!(open["operations"][0]["payment"], json!(paid.payment));
        let switches = world.console(&mut operator, "switches", &json!({}));
        assert_eq!(switches["switches"][0]["capability"], "refund");
        let shops = world.console(&mut operator, "shops", &json!({}));
        assert_eq!(shops["stores"][0]["closed"][0]["capability"], "refund");
        assert_eq!(shops["stores"][1]["closed"], json!([]));
    }

    fn what_cannot_be_meant_is_refused_with_its_field(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut operator = world.operator();
        for (path, body) in [
            ("today", json!({ "date": "yesterday" })),
            ("today", json!({ "date": "2026-1-5" })),
            ("today", json!({ "date": "9999-12-31" })),
            ("operations", json!({ "store": "sto_1" })),
            ("operations", json!({ "terminal": "7" })),
            ("operations", json!({ "kind": "gift" })),
            ("operations", json!({ "outcome": "unknown" })),
            ("operations", json!({ "from": "noon" })),
            ("operations", json!({ "before": "0" })),
            ("operations", json!({ "limit": 201 })),
            ("unacknowledged", json!({ "limit": 0 })),
            ("shops", json!({ "after": "mer_1" })),
            ("find", json!({ "text": "Hinode" })),
            ("find", json!({ "text": "pay_1" })),
            ("find", json!({ "text": "x".repeat(200) })),
            ("payment", json!({ "payment": "1" })),
        ] {
            let told = ask(&world, &mut operator, path, &body);
            assert_eq!(told, "400 field_must_be_valid", "{path} {body}");
        }
        let gone = yaoki_server::edge::identifier::Kind::Payment;
        let gone = yaoki_server::edge::identifier::text(gone, 1 << 40);
        let missing = ask(&world, &mut operator, "payment", &json!({ "payment": gone }));
        assert_eq!(missing, "404 payment_not_found");
    }

    fn a_stream_tells_of_a_payment_within_two_seconds(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut operator = world.operator();
        let mut lines = Lines::open(&world, &mut operator);
        let first = lines.news().expect("a line at once");
        assert_eq!(first["line"], "figures");
        assert_eq!(first["day"]["totals"]["paid"]["count"], 0);
        let mut register = world.register(&world.till);
        let paid = world.run(register.pay(&world.payment(0, 123))).expect("paid");
        let began = now();
        let news = lines.news().expect("news");
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
        assert_eq!(news["day"]["totals"]["paid"], json!({ "count": 1, "amount": 123 }));
        assert_eq!(news["newest"][0]["payment"], json!(paid.payment));
    }

    fn a_stream_ends_with_its_session_and_with_the_server(db: &mut TestDatabase) {
        let mut world = World::with(db, 0, |_| {});
        let mut operator = world.operator();
        let mut lines = Lines::open(&world, &mut operator);
        assert_eq!(lines.news().expect("a line")["line"], "figures");
        assert_eq!(ask(&world, &mut operator, "session/end", &json!({})), "200 ok");
        let last = json!({ "line": "end", "refusal": "session_must_be_open" });
        assert_eq!((lines.news(), lines.next()), (Some(last), None));
        let mut operator = world.operator();
        let mut lines = Lines::open(&world, &mut operator);
        assert_eq!(lines.news().expect("a line")["line"], "figures");
        let began = now();
        world.stop();
        assert!(began.elapsed() < Duration::from_secs(5), "no stream holds the server up");
        let last = json!({ "line": "end", "refusal": "stopping" });
        assert_eq!((lines.news(), lines.next()), (Some(last), None));
    }

    fn a_session_and_all_together_have_so_many_streams(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            options.limits.streams_per_session_max = 2;
            options.limits.streams_max = 3;
        });
        let (mut one, mut two) = (world.operator(), world.operator());
        let status = |operator: &mut DeviceClient| {
            let lines = Lines::open(&world, operator);
            (lines.status, lines)
        };
        let held = [status(&mut one), status(&mut one), status(&mut two)];
        assert_eq!([held[0].0, held[1].0, held[2].0], [200; 3]);
        assert_eq!((status(&mut one).0, status(&mut two).0), (429, 429));
        drop(held);
        let again = (0..100).any(|_| {
            world.run(async { tokio::time::sleep(Duration::from_millis(50)).await });
            status(&mut two).0 == 200
        });
        assert!(again, "whoever hangs up gives the place back");
    }
}
