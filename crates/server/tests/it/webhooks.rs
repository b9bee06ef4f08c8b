//! Webhooks: a merchant's own system is told of everything, in order and at least once, whatever
//! becomes of it, of us, or of the way between; and it can ask.

pub(crate) mod receiver;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use yaoki_server::admin::{Order, perform};
use yaoki_server::client::Answer;
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::signature::{RequestParts, Signer, body_digest, sign_as};
use yaoki_server::jobs::webhooks::message::secret_from_text;
use yaoki_server::{ServerOptions, serve};
use yaoki_store::testing::options as node_options;
use yaoki_store::{Book, on_both_storages};

use self::receiver::{Came, Mood, Stand, Trap, wait_until};
use crate::routes::{TABLE, listener_of};
use crate::world::{World, message, text, told};

/// A world whose courier may go to this machine, and hurries.
fn hurried(options: &mut ServerOptions) {
    options.webhooks.loopback = true;
    options.webhooks.timeout = Duration::from_millis(500);
    options.webhook_pause = Duration::from_millis(5);
}

fn world(db: &mut yaoki_store::testing::TestDatabase) -> World {
    World::with(db, 2, hurried)
}

/// An endpoint, as its merchant keeps it.
#[derive(Clone)]
struct Hook {
    id: String,
    generation: u32,
    secret: String,
}

impl Hook {
    fn of(reply: &Value) -> Self {
        let generation = reply["generation"].as_u64().and_then(|number| number.try_into().ok());
        let generation = generation.expect("a generation");
        Self { id: text(reply, "webhook"), generation, secret: text(reply, "secret") }
    }

    /// An endpoint of the first merchant.
    fn new(world: &World, url: &str) -> Self {
        let (merchant, url) = ("1".to_owned(), url.to_owned());
        Self::of(&world.order(Order::CreateWebhook { merchant, url }))
    }

    /// Asks the partner API with the secret.
    fn ask(&self, world: &World, method: &str, target: &str, body: &str) -> Answer {
        self.ask_at(world, ListenerName::Registers, (method, target, body))
    }

    fn ask_at(
        &self,
        world: &World,
        listener: ListenerName,
        (method, target, body): (&str, &str, &str),
    ) -> Answer {
        let mut connection = Connection::new(world.address(listener));
        let host = connection.host().to_owned();
        let digest = body_digest(body.as_bytes());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts = RequestParts { method, path, query, host: &host, body_digest: &digest };
        let number = identifier::parse(Kind::Webhook, &self.id).expect("an id").cast_unsigned();
        let key = secret_from_text(&self.secret).expect("a secret");
        let timestamp = world.clock.now().0 / 1000;
        let signer = (Signer::Webhook, number);
        let authorization = sign_as(signer, self.generation, key.expose(), &parts, timestamp);
        let headers = [("Authorization", authorization.as_str())];
        let request = Request { method, target, headers: &headers, body: body.as_bytes() };
        world.run(connection.send(&request)).expect("an answer comes")
    }

    /// Every event that is listed after a cursor, and the cursor after them.
    fn listed(&self, world: &World, after: &str) -> (Vec<Value>, String) {
        let (mut all, mut after) = (Vec::new(), after.to_owned());
        loop {
            let given = if after.is_empty() { String::new() } else { format!("&after={after}") };
            let answer = self.ask(world, "GET", &format!("/v1/events?limit=3{given}"), "");
            assert_eq!(answer.status, 200, "{}", answer.json());
            let page = answer.json();
            all.extend(page["events"].as_array().expect("a list").iter().cloned());
            after = text(&page, "after");
            if page["more"] == false {
                return (all, after);
            }
        }
    }
}

/// Every kind of event, at the first merchant's store, and a payment at the other's. Says how many
/// are the first merchant's.
fn live(world: &World) -> usize {
    let mut till = world.register(&world.till);
    let paid = world.run(till.pay(&world.payment(0, 300))).expect("paid").payment.expect("an id");
    world.run(till.refund(uuid::Uuid::now_v7(), &paid, 100)).expect("refunded");
    for capture in [true, false] {
        let mut asked = world.payment(1, 700);
        asked.hold_seconds = Some(600);
        let held = world.run(till.pay(&asked)).expect("held").payment.expect("an id");
        if capture {
            world.run(till.capture(uuid::Uuid::now_v7(), &held, 500)).expect("captured");
        } else {
            world.run(till.void(uuid::Uuid::now_v7(), &held)).expect("voided");
        }
    }
    let last = world.payment(0, 50);
    world.run(till.pay(&last)).expect("paid");
    world.run(till.reverse(uuid::Uuid::now_v7(), last.request_id)).expect("reversed");
    let mut abroad = world.register(&world.foreign_till);
    world.run(abroad.pay(&world.payment(0, 77))).expect("paid");
    8
}

fn pay(world: &World, amount: i64) {
    let mut till = world.register(&world.till);
    let paid = world.run(till.pay(&world.payment(0, amount))).expect("an outcome");
    assert!(paid.succeeded());
}

/// The amounts of what was taken, repeats of one id left out.
fn amounts(taken: &[Came]) -> Vec<i64> {
    let mut seen = BTreeSet::new();
    let first = taken.iter().filter(|came| seen.insert(came.id.clone()));
    first.map(|came| came.json()["data"]["amount"].as_i64().expect("an amount")).collect()
}

on_both_storages! {
    fn a_merchant_is_told_of_everything_and_may_list_the_same_bytes(db: &mut TestDatabase) {
        let world = world(db);
        let stand = Stand::new(None);
        let hook = Hook::new(&world, &stand.url());
        let (_, begin) = hook.listed(&world, "");
        let count = live(&world);
        let taken = stand.wait_for(count);
        assert_eq!(taken.len(), count, "and nobody else's");
        let kinds: Vec<String> = taken.iter().map(|came| text(&came.json(), "type")).collect();
        let expected = [
            "payment.succeeded", "refund.succeeded", "payment.authorized", "payment.captured",
            "payment.authorized", "payment.voided", "payment.succeeded", "payment.reversed",
        ];
        let of = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(of(&kinds), of(&expected.map(str::to_owned)));
        if !matches!(db.database, yaoki_store::Database::Postgres(_)) {
            assert_eq!(kinds, expected, "one lane has one order");
        }
        for came in &taken {
            assert!(came.is_signed_by(&hook.secret) && came.signatures.len() == 1, "{came:?}");
            assert!(!came.is_signed_by("whsec_AAAA"));
            assert_eq!(text(&came.json(), "id"), came.id);
            let shown = String::from_utf8_lossy(&came.body).into_owned();
            assert!(!shown.contains("mem_") && !shown.contains("member"), "{shown}");
        }
        let page = hook.ask(&world, "GET", &format!("/v1/events?limit=200&after={begin}"), "");
        let page = String::from_utf8(page.body).expect("text");
        for came in &taken {
            let body = String::from_utf8(came.body.clone()).expect("text");
            assert!(page.contains(&body), "{body} is not in {page}");
        }
        let (listed, end) = hook.listed(&world, &begin);
        assert_eq!(listed.len(), count);
        assert_eq!(hook.listed(&world, &end).0, Vec::<Value>::new());
        let only = hook.ask(&world, "GET", "/v1/events?type=refund.succeeded&limit=200", "");
        assert_eq!(only.json()["events"].as_array().map(Vec::len), Some(1));
        let state = hook.ask(&world, "GET", "/v1/webhook", "").json();
        assert_eq!((&state["state"], &state["last_failure"]), (&json!("active"), &Value::Null));
    }

    fn a_receiver_that_is_down_or_strange_loses_nothing_and_hears_each_again(
        db: &mut TestDatabase
    ) {
        let world = world(db);
        let (stand, elsewhere) = (Stand::new(None), Stand::new(None));
        Hook::new(&world, &stand.url());
        let faults = [
            Mood::Status(500), Mood::Status(404), Mood::Status(410), Mood::BreakOff, Mood::Silent,
            Mood::Redirect(elsewhere.url()), Mood::Status(302),
        ];
        for (place, fault) in faults.into_iter().enumerate() {
            stand.is_in(fault);
            let (before, taken) = (stand.came().len(), stand.taken().len());
            let amount = i64::try_from(place).expect("few") + 1;
            pay(&world, amount);
            stand.wait_for_attempts(before + 1);
            wait_until(|| world.running.app.webhooks.attempt(yaoki_core::ids::WebhookNumber(1))
                .next_at.is_some());
            stand.is_in(Mood::Take);
            world.clock.advance_ms(8 * 60 * 60 * 1000);
            stand.wait_for(taken + 1);
            let came = stand.came();
            assert_eq!(came[before].id, came.last().expect("it came").id, "the same event");
            assert_eq!(came[before].body, came.last().expect("it came").body);
        }
        stand.is_in(Mood::Talk);
        pay(&world, 8);
        pay(&world, 9);
        assert_eq!(amounts(&stand.wait_for(9)), (1..=9).collect::<Vec<_>>());
        assert!(elsewhere.came().is_empty(), "no redirect is followed");
    }

    fn every_event_is_told_in_order_across_restarts(db: &mut TestDatabase) {
        let mut saved = None;
        let mut world = World::with(db, 2, |options| {
            hurried(options);
            saved = Some(options.clone());
        });
        let saved = saved.expect("it was called");
        let stand = Stand::new(None);
        Hook::new(&world, &stand.url());
        let mut expected = Vec::new();
        for round in 0..4 {
            for step in 0..5 {
                // The receiver is down for a part of each round, and so are we.
                let down = step >= 3;
                stand.is_in(if down { Mood::Status(503) } else { Mood::Take });
                let amount = round * 5 + step + 1;
                pay(&world, amount);
                expected.push(amount);
                if !down {
                    stand.wait_for(1);
                }
            }
            world.stop();
            pay_in_book(&world);
            expected.push(1000);
            stand.is_in(Mood::Take);
            world.running = serve(&saved).expect("it starts again");
            wait_until(|| amounts(&stand.taken()).len() >= expected.len());
        }
        let mut found = amounts(&stand.taken());
        if matches!(db.database, yaoki_store::Database::Postgres(_)) {
            found.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(found, expected);
    }

    fn while_a_secret_is_replaced_both_sign_and_afterwards_the_new_one(db: &mut TestDatabase) {
        let world = world(db);
        let stand = Stand::new(None);
        let old = Hook::new(&world, &stand.url());
        let (webhook, keep_seconds) = (old.id.clone(), 60);
        let new = Hook::of(&world.order(Order::RotateWebhookSecret { webhook, keep_seconds }));
        assert_eq!((new.generation, new.secret == old.secret), (2, false));
        pay(&world, 1);
        let came = stand.wait_for(1).remove(0);
        assert_eq!(came.signatures.len(), 2);
        assert!(came.is_signed_by(&old.secret) && came.is_signed_by(&new.secret));
        for hook in [&old, &new] {
            assert_eq!(hook.ask(&world, "GET", "/v1/webhook", "").status, 200);
        }
        world.clock.advance_ms(60_000);
        pay(&world, 2);
        let came = stand.wait_for(2).remove(1);
        assert_eq!(came.signatures.len(), 1);
        assert!(!came.is_signed_by(&old.secret) && came.is_signed_by(&new.secret));
        let refused = old.ask(&world, "GET", "/v1/webhook", "");
        assert_eq!(told(&refused), "401 webhook_secret_must_be_current");
        assert_eq!(new.ask(&world, "GET", "/v1/webhook", "").status, 200);
    }

    fn an_endpoint_that_is_ended_is_told_nothing_more_and_asks_nothing(db: &mut TestDatabase) {
        let world = world(db);
        let (stand, other) = (Stand::new(None), Stand::new(None));
        let hook = Hook::new(&world, &stand.url());
        Hook::new(&world, &other.url());
        pay(&world, 1);
        stand.wait_for(1);
        world.order(Order::EndWebhook { webhook: hook.id.clone() });
        pay(&world, 2);
        other.wait_for(2);
        assert_eq!(stand.came().len(), 1);
        let refused = hook.ask(&world, "GET", "/v1/events", "");
        assert_eq!(told(&refused), "401 webhook_secret_must_be_current");
        let list = Order::List { what: "webhooks".to_owned(), after: None, limit: None };
        let list = world.order(list);
        assert_eq!((&list["webhooks"][0]["state"], &list["webhooks"][1]["state"]), (
            &json!("ended"),
            &json!("active"),
        ));
    }

    fn an_endpoint_that_is_ended_amid_its_events_is_told_no_further_one(db: &mut TestDatabase) {
        let world = World::with(db, 2, |options| {
            hurried(options);
            options.webhooks.timeout = Duration::from_mins(1);
        });
        let (stand, other) = (Stand::new(None), Stand::new(None));
        let hook = Hook::new(&world, &stand.url());
        Hook::new(&world, &other.url());
        stand.is_in(Mood::Status(503));
        for amount in 1..=3 {
            pay(&world, amount);
        }
        other.wait_for(3);
        let number = yaoki_core::ids::WebhookNumber(1);
        wait_until(|| world.running.app.webhooks.attempt(number).next_at.is_some());
        stand.is_in(Mood::Wait);
        world.clock.advance_ms(10_000);
        stand.wait_for_attempts(2);
        world.order(Order::EndWebhook { webhook: hook.id });
        // The courier has looked again once the other is told.
        pay(&world, 4);
        other.wait_for(4);
        stand.is_in(Mood::Take);
        pay(&world, 5);
        other.wait_for(5);
        assert_eq!(stand.came().len(), 2, "what was under way, and nothing after it");
    }

    fn a_merchant_has_one_event_or_all_after_a_place_told_again(db: &mut TestDatabase) {
        let world = world(db);
        let stand = Stand::new(None);
        let hook = Hook::new(&world, &stand.url());
        let (_, begin) = hook.listed(&world, "");
        for amount in 1..=5 {
            pay(&world, amount);
        }
        let first = stand.wait_for(5);
        let again = json!({ "event": first[1].id }).to_string();
        let answer = hook.ask(&world, "POST", "/v1/webhook/redeliver", &again);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let came = stand.wait_for(6);
        assert_eq!((&came[5].id, &came[5].body), (&first[1].id, &first[1].body));
        let again = json!({ "after": begin }).to_string();
        assert_eq!(hook.ask(&world, "POST", "/v1/webhook/redeliver", &again).status, 200);
        let came = stand.wait_for(11);
        let ids = |came: &[Came]| came.iter().map(|came| came.id.clone()).collect::<BTreeSet<_>>();
        assert_eq!(ids(&came[6..]), ids(&first));
        assert_eq!(came.len(), 11);
        let mut abroad = world.register(&world.foreign_till);
        let paid = world.run(abroad.pay(&world.payment(0, 9))).expect("paid").payment;
        let foreign = identifier::parse(Kind::Payment, &paid.expect("an id")).expect("an id");
        let foreign = json!({ "event": identifier::text(Kind::Event, foreign) }).to_string();
        for (body, expected) in [
            (foreign.as_str(), "400 field_must_be_valid"),
            ("{\"event\":\"pay_00000000000013\"}", "400 field_must_be_valid"),
            ("{\"after\":\"x\"}", "400 field_must_be_valid"),
            ("{}", "400 field_must_be_valid"),
            ("{\"event\":\"evt_1\",\"after\":\"0-1\"}", "400 field_must_be_valid"),
            ("{\"all\":true}", "400 request_must_have_its_fields"),
        ] {
            let answer = hook.ask(&world, "POST", "/v1/webhook/redeliver", body);
            assert_eq!(told(&answer), expected, "{body}");
        }
        for query in ["limit=0", "limit=201", "after=1", "type=payment.declined", "before=1"] {
            let answer = hook.ask(&world, "GET", &format!("/v1/events?{query}"), "");
            assert_eq!(told(&answer), "400 query_must_be_valid", "{query}");
        }
    }

    fn nothing_goes_to_addresses_that_are_not_public(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| {
            hurried(options);
            options.webhooks.loopback = false;
        });
        let trap = Trap::new();
        let port = trap.address().port();
        let hooks = [
            format!("http://127.0.0.1:{port}/"), format!("https://127.0.0.1:{port}/"),
            format!("https://localhost:{port}/"), format!("https://[::ffff:127.0.0.1]:{port}/"),
            format!("https://127.1:{port}/"), "https://10.0.0.1/".to_owned(),
        ]
        .map(|url| Hook::new(&world, &url));
        pay(&world, 1);
        for hook in &hooks {
            let state = || hook.ask(&world, "GET", "/v1/webhook", "").json();
            wait_until(|| state()["last_failure"].is_string());
            let state = state();
            let failure = "its host must resolve to public addresses only";
            assert_eq!(state["last_failure"], failure, "{state}");
            assert!(state["next_attempt_at"].is_string() && state["failing_since"].is_string());
        }
        assert!(trap.caught().is_none(), "nobody even knocked");
        world.clock.advance_ms(4 * 24 * 60 * 60 * 1000);
        wait_until(|| hooks[0].ask(&world, "GET", "/v1/webhook", "").json()["state"] == "failing");
        let act = Order::CreateWebhook {
            merchant: "1".to_owned(),
            url: "http://192.0.2.1/".to_owned(),
        };
        let refused = perform(&world.desk, &message(act)).expect_err("it is not https");
        assert_eq!(refused.to_json()["error"]["refusal"], "webhook_url_must_be_https");
    }

    fn payments_wait_for_no_webhook(db: &mut TestDatabase) {
        let world = World::with(db, 2, |options| {
            hurried(options);
            options.webhooks.timeout = Duration::from_mins(1);
        });
        let (silent, good) = (Stand::new(None), Stand::new(None));
        silent.is_in(Mood::Silent);
        Hook::new(&world, &silent.url());
        Hook::new(&world, &good.url());
        for amount in 1..=30 {
            pay(&world, amount);
        }
        assert_eq!(amounts(&good.wait_for(30)).len(), 30, "nor does another endpoint");
        assert_eq!(silent.came().len(), 1);
    }

    fn a_webhooks_secret_opens_its_own_routes_and_no_other(db: &mut TestDatabase) {
        let world = world(db);
        let hook = Hook::new(&world, "https://shop.example/hooks");
        for (method, path, _) in TABLE {
            let method = method.to_uppercase();
            let body = if method == "POST" { "{\"after\":\"0-0\"}" } else { "" };
            let listener = listener_of(path);
            let target = path.replace("{version}", "0").replace("{file}", "page.js");
            let answer = hook.ask_at(&world, listener, (&method, &target, body));
            let own = ["/v1/events", "/v1/webhook", "/v1/webhook/redeliver"].contains(path);
            let expected = match *path {
                _ if own => "200",
                "/demo/ca.crt" | "/mailbox" | "/v1/acquirer/events" => "404",
                path if path.starts_with("/v1/") => "401",
                _ => "200",
            };
            assert!(told(&answer).starts_with(expected), "{method} {path}: {}", told(&answer));
        }
        let forged = Hook { secret: format!("whsec_{}=", "A".repeat(43)), ..hook.clone() };
        let answer = forged.ask(&world, "GET", "/v1/events", "");
        assert_eq!(told(&answer), "401 signature_must_match");
        let stranger = Hook { id: identifier::text(Kind::Webhook, 2), ..hook };
        let answer = stranger.ask(&world, "GET", "/v1/events", "");
        assert_eq!(told(&answer), "401 signature_must_match");
    }

    fn a_receiver_is_told_by_https_under_its_own_certificate_only(db: &mut TestDatabase) {
        let (trusted, other) = (tls_of("one"), tls_of("two"));
        let world = World::with(db, 1, |options| {
            hurried(options);
            options.webhooks.tls = trust("one");
        });
        let (good, bad) = (Stand::new(Some(trusted)), Stand::new(Some(other)));
        let url = |stand: &Stand| format!("https://localhost:{}/hooks?of=us", stand.address.port());
        let hook = Hook::new(&world, &url(&good));
        let wrong = Hook::new(&world, &url(&bad));
        pay(&world, 5);
        assert!(good.wait_for(1)[0].is_signed_by(&hook.secret));
        wait_until(|| {
            wrong.ask(&world, "GET", "/v1/webhook", "").json()["last_failure"].is_string()
        });
        assert!(bad.came().is_empty());
    }
}

/// A payment that no server hears of: the book alone takes it.
fn pay_in_book(world: &World) {
    use yaoki_core::command::{Ask, Caller, Command, PayWithCode};
    use yaoki_core::ids::{RequestId, RequestKey, TerminalNumber};
    use yaoki_core::policy::rule::Goods;
    let terminal = TerminalNumber(i64::try_from(world.till.terminal).expect("small"));
    let request = RequestId(*uuid::Uuid::now_v7().as_bytes());
    let caller = Caller { key: RequestKey { request, terminal }, generation: 1 };
    let valid_until = world.clock.now().plus_ms(30_000);
    let code = world.running.app.keyring().cipher.open(&world.code(1));
    let currency = yaoki_core::money::Currency::JPY;
    let ask = Ask { caller, valid_until, fingerprint: [7; 16] };
    let goods = Goods::NONE;
    let pay = PayWithCode { ask, code, amount: 1000, currency, hold_seconds: None, goods };
    let part = yaoki_store::Part::Money;
    let answer = world.book.submit_and_wait(part, Command::PayWithCode(pay), valid_until);
    assert!(matches!(answer, yaoki_store::Answer::Decided(_)), "{answer:?}");
}

pub(crate) fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server with certificate `name`.
pub(crate) fn tls_of(name: &str) -> Arc<rustls::ServerConfig> {
    let certificate = CertificateDer::from_pem_file(data(&format!("{name}.crt"))).expect("PEM");
    let key = PrivateKeyDer::from_pem_file(data(&format!("{name}.key"))).expect("PEM");
    let config = rustls::ServerConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.expect("they fit"))
}

/// A client that trusts certificate `name` alone.
fn trust(name: &str) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(data(&format!("{name}.crt"))).expect("PEM");
    roots.add(certificate).expect("a certificate");
    let config = rustls::ClientConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Two nodes of one book, each telling of its own lanes; one of them ends in between.
#[test]
fn two_nodes_tell_of_every_event_and_lose_none() {
    let Some(mut db) = yaoki_store::testing::TestDatabase::postgres("two_couriers") else { return };
    let mut saved = None;
    let world = World::with(&mut db, 2, |options| {
        hurried(options);
        saved = Some(options.clone());
    });
    let stand = Stand::new(None);
    Hook::new(&world, &stand.url());
    let second = Book::open(node_options(&db.database, &world.clock, "second")).expect("it opens");
    let mut options = saved.expect("it was called");
    options.book = Arc::clone(&second);
    options.admin_socket = None;
    options.anchor_file = None;
    let other = serve(&options).expect("the second node starts");
    let mut expected = Vec::new();
    for round in 1..=10 {
        pay(&world, round);
        let mut till = yaoki_server::client::RegisterClient::new(
            other.registers,
            world.till.clone(),
            world.clock.as_clock(),
        );
        let paid = world.run(till.pay(&world.payment(1, 100 + round))).expect("an outcome");
        assert!(paid.succeeded());
        expected.extend([round, 100 + round]);
    }
    let all = |expected: &[i64]| {
        wait_until(|| {
            // Time passes for whoever waits after a failure.
            world.clock.advance_ms(50);
            amounts(&stand.taken()).len() >= expected.len()
        });
        let (mut found, mut expected) = (amounts(&stand.taken()), expected.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    };
    all(&expected);
    // What a node books as it ends is told of by the other, which looks after its lanes.
    stand.is_in(Mood::Status(503));
    let mut till = yaoki_server::client::RegisterClient::new(
        other.registers,
        world.till.clone(),
        world.clock.as_clock(),
    );
    world.run(till.pay(&world.payment(1, 999))).expect("an outcome");
    expected.push(999);
    other.shutdown();
    second.close();
    stand.is_in(Mood::Take);
    world.clock.advance_ms(10_000);
    all(&expected);
}
