//! Every route by every actor. The table is data; that it is complete is proved against the
//! document, which is made from the routes themselves.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::client::http::Request;
use yaoki_server::client::register::Credentials;
use yaoki_server::client::{Answer, DeviceClient};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::proof::token::{LinkAct, MessageLink};
use yaoki_server::web::assets::version;
use yaoki_server::web::refusals::PATH;
use yaoki_store::on_both_storages;

use crate::cash::of_clerks;
use crate::members;
use crate::schemas::Document;
use crate::world::{World, told};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actor {
    /// Nobody we know.
    Anon,
    /// A member's enrolled device.
    Member,
    /// The register that made the payment.
    Register,
    /// Another register of the same store.
    Neighbour,
    /// A register of another merchant.
    Foreigner,
    /// A suspended register of the same store.
    Suspended,
    /// An operator who is signed in at the console.
    Operator,
}

const ACTORS: [Actor; 6] = [
    Actor::Anon,
    Actor::Member,
    Actor::Register,
    Actor::Neighbour,
    Actor::Foreigner,
    Actor::Suspended,
];

/// What everybody but an operator is told by the console.
const NOT_SIGNED_IN: &str = "401 session_must_be_open";
const NO_ACCOUNT: &str = "401 staff_session_must_be_open";
const UNSIGNED: &str = "401 signature_must_be_given";
const UNPROVEN: &str = "401 token_must_be_ours";
const NEWCOMER: &str = "401 proof_must_hold";
const SUCCEEDED: &str = "200 succeeded";
const OK: &str = "200 ok";
const NO_CLERK: &str = "403 clerk_must_be_active";
const NO_CARDS: &str = "404 not_found";
const NO_ONE: &str = "403 clerk_must_sign_in";

/// Method, path, and what each actor of [`ACTORS`] is told, in that order.
pub(crate) type Row = (&'static str, &'static str, [&'static str; 6]);

/// Routes of everybody but operators, who are told [`elsewhere`] the same as strangers there.
pub(crate) const TABLE: &[Row] = &[
    (
        "post",
        "/v1/payments",
        [UNSIGNED, UNSIGNED, SUCCEEDED, SUCCEEDED, SUCCEEDED, "200 terminal_is_suspended"],
    ),
    ("get", "/v1/payments", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    ("get", "/v1/payments/{payment}", [UNSIGNED, UNSIGNED, OK, OK, "404 payment_not_found", OK]),
    (
        "get",
        "/v1/requests/{request_id}",
        [UNSIGNED, UNSIGNED, SUCCEEDED, "200 not_seen", "200 not_seen", "200 not_seen"],
    ),
    ("post", "/v1/reversals", [UNSIGNED, UNSIGNED, SUCCEEDED, SUCCEEDED, SUCCEEDED, SUCCEEDED]),
    (
        "post",
        "/v1/refunds",
        [
            UNSIGNED,
            UNSIGNED,
            SUCCEEDED,
            SUCCEEDED,
            "200 payment_must_exist",
            "200 payment_must_be_the_terminals_own",
        ],
    ),
    (
        "post",
        "/v1/captures",
        [
            UNSIGNED,
            UNSIGNED,
            SUCCEEDED,
            SUCCEEDED,
            "200 payment_must_exist",
            "200 payment_must_be_the_terminals_own",
        ],
    ),
    (
        "post",
        "/v1/voids",
        [
            UNSIGNED,
            UNSIGNED,
            SUCCEEDED,
            SUCCEEDED,
            "200 payment_must_exist",
            "200 payment_must_be_the_terminals_own",
        ],
    ),
    ("post", "/v1/acknowledgements", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    // By who may: see `webhooks`.
    ("get", "/v1/events", [UNSIGNED; 6]),
    ("get", "/v1/webhook", [UNSIGNED; 6]),
    ("post", "/v1/webhook/redeliver", [UNSIGNED; 6]),
    ("post", "/v1/device/enrol", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("get", "/v1/device/nonce", [OK, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/device/code", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/device/wallet", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("get", "/", [OK; 6]),
    ("get", "/wallet", [OK; 6]),
    ("get", "/freeze", [OK; 6]),
    ("get", "/contest", [OK; 6]),
    ("get", "/return", [OK; 6]),
    ("get", "/terms", [OK; 6]),
    ("get", "/register", [OK; 6]),
    ("get", "/console", [OK; 6]),
    ("post", "/v1/orders", [UNSIGNED, UNSIGNED, OK, OK, OK, "503 shop_takes_no_payments"]),
    ("get", "/v1/sign", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    ("get", "/v1/terminal", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    ("post", "/v1/terminal/key", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    ("post", "/v1/clerk/sign-in", [UNSIGNED, UNSIGNED, NO_CLERK, NO_CLERK, NO_CLERK, NO_CLERK]),
    ("post", "/v1/clerk/sign-out", [UNSIGNED, UNSIGNED, NO_ONE, NO_ONE, NO_ONE, NO_ONE]),
    ("post", "/v1/top-ups", [UNSIGNED, UNSIGNED, NO_ONE, NO_ONE, NO_ONE, NO_ONE]),
    ("post", "/v1/shifts", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    // Without an acquirer no card is taken, and nobody is heard as one.
    ("post", "/v1/acquirer/events", [NO_CARDS; 6]),
    ("post", "/v1/member/money", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/frames/{width}/{height}", [UNSIGNED, UNSIGNED, OK, OK, OK, OK]),
    ("post", "/v1/device/shop", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/device/payments", [UNPROVEN, SUCCEEDED, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/device/movements", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/device/payment", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    (
        "post",
        "/v1/device/frames/{width}/{height}",
        [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN],
    ),
    ("post", "/v1/member/sign-up", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("post", "/v1/member/sign-in", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("post", "/v1/member/join", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("post", "/v1/member/recovery", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("post", "/v1/member/link", [NEWCOMER, OK, NEWCOMER, NEWCOMER, NEWCOMER, NEWCOMER]),
    ("post", "/v1/member/session", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/external", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/account", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/devices", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/factors", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/contacts", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("post", "/v1/member/wallet", [UNPROVEN, OK, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN]),
    ("get", "/demo/ca.crt", ["404 not_found"; 6]),
    ("get", "/mailbox", ["404 not_found"; 6]),
    ("get", "/static/style.css", [OK; 6]),
    ("get", "/static/{version}/{file}", [OK; 6]),
    ("get", "/docs/reference/refusals", [OK; 6]),
    ("get", "/openapi.json", [OK; 6]),
    ("get", "/health", [OK; 6]),
    ("get", "/ready", [OK; 6]),
    ("get", "/metrics", [OK; 6]),
];

/// What a key may ask that the book does not know.
const NEWCOMERS: [&str; 6] = [
    "/v1/device/enrol",
    "/v1/member/sign-up",
    "/v1/member/sign-in",
    "/v1/member/join",
    "/v1/member/recovery",
    "/v1/member/link",
];

/// Path of a `post` at the console, and what everybody is told but whoever signed in there. He did
/// it by a link, so he has no account, and is told [`OK`] or [`NO_ACCOUNT`]. Operators with
/// accounts, role by role: see `operators`.
const CONSOLE: &[(&str, &str)] = &[
    ("/v1/console/sign-in", NEWCOMER),
    ("/v1/console/own", NOT_SIGNED_IN),
    ("/v1/console/proposals", NOT_SIGNED_IN),
    ("/v1/console/operators", NOT_SIGNED_IN),
    ("/v1/console/clerks", NOT_SIGNED_IN),
    ("/v1/console/member", NOT_SIGNED_IN),
    ("/v1/console/propose", NOT_SIGNED_IN),
    ("/v1/console/decide", NOT_SIGNED_IN),
    ("/v1/console/act", NOT_SIGNED_IN),
    ("/v1/console/session", NEWCOMER),
    ("/v1/console/session/end", NOT_SIGNED_IN),
    ("/v1/console/today", NOT_SIGNED_IN),
    ("/v1/console/operations", NOT_SIGNED_IN),
    ("/v1/console/find", NOT_SIGNED_IN),
    ("/v1/console/payment", NOT_SIGNED_IN),
    ("/v1/console/rails", NOT_SIGNED_IN),
    ("/v1/console/rails/query", NOT_SIGNED_IN),
    ("/v1/console/rails/dry-run", NOT_SIGNED_IN),
    ("/v1/console/shops", NOT_SIGNED_IN),
    ("/v1/console/unacknowledged", NOT_SIGNED_IN),
    ("/v1/console/switches", NOT_SIGNED_IN),
    ("/v1/console/stream", NOT_SIGNED_IN),
];

/// Routes of operators who have accounts.
const OF_ACCOUNTS: [&str; 7] = [
    "/v1/console/own",
    "/v1/console/propose",
    "/v1/console/decide",
    "/v1/console/act",
    "/v1/console/member",
    "/v1/console/rails/query",
    "/v1/console/rails/dry-run",
];

/// What an operator is told by a route that is not the console's.
fn elsewhere(path: &str) -> &'static str {
    match (listener_of(path), path) {
        (
            _,
            "/wallet" | "/register" | "/console" | "/freeze" | "/contest" | "/return" | "/terms",
        ) => OK,
        (_, "/demo/ca.crt" | "/mailbox") => "404 not_found",
        (_, "/v1/acquirer/events") => NO_CARDS,
        (ListenerName::Registers, _) => UNSIGNED,
        (ListenerName::Devices, path) if NEWCOMERS.contains(&path) => NEWCOMER,
        (ListenerName::Devices, _) => UNPROVEN,
        (ListenerName::Public | ListenerName::Console, _) => OK,
    }
}

/// Every route.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let console = CONSOLE.iter().map(|(path, _)| ("post", *path));
    TABLE.iter().map(|(method, path, _)| (*method, *path)).chain(console)
}

/// Paths that every listener serves.
const EVERYWHERE: [&str; 3] = ["/static/style.css", "/static/{version}/{file}", PATH];

/// Every route of the document.
fn documented() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(&openapi_json()).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("the document has paths");
    let methods = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path has methods");
        methods.keys().map(move |method| (method.clone(), path.clone()))
    });
    methods.collect()
}

#[test]
fn the_table_has_every_route_of_the_document_and_no_other() {
    let table: BTreeSet<(String, String)> =
        all().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(table, documented());
    assert_eq!(table.len(), TABLE.len() + CONSOLE.len());
}

/// What one cell needs: a payment and a hold of the register's, and a device.
struct Scene<'a> {
    world: &'a World,
    device: &'a mut DeviceClient,
}

impl Scene<'_> {
    fn credentials(&self, actor: Actor) -> Option<&Credentials> {
        match actor {
            Actor::Anon | Actor::Member | Actor::Operator => None,
            Actor::Register => Some(&self.world.till),
            Actor::Neighbour => Some(&self.world.other_till),
            Actor::Foreigner => Some(&self.world.foreign_till),
            Actor::Suspended => Some(&self.world.suspended_till),
        }
    }

    /// A payment of the register's: its id, and its request's.
    fn payment(&self, hold_seconds: Option<i64>) -> (String, String) {
        let mut payment = self.world.payment(0, 100);
        payment.hold_seconds = hold_seconds;
        let mut register = self.world.register(&self.world.till);
        let receipt = self.world.run(register.pay(&payment)).expect("an outcome");
        (receipt.payment.expect("it succeeded"), payment.request_id.to_string())
    }

    /// Target and body of a good request for `path`.
    fn request(&self, method: &str, path: &str) -> (String, String) {
        let request_id = Uuid::now_v7().to_string();
        let valid_until = yaoki_server::api::time::text(self.world.clock.now().plus_ms(30_000));
        let settle = |payment: String, amount: i64| {
            json!({
                "request_id": request_id, "payment": payment, "amount": amount,
                "currency": "JPY", "valid_until": valid_until,
            })
        };
        let body = match (method, path) {
            ("post", "/v1/payments") => {
                let register = self.world.register(&self.world.till);
                register.payment_body(&self.world.payment(1, 100))
            }
            ("post", "/v1/reversals") => {
                json!({ "request_id": request_id, "target_request_id": self.payment(None).1 })
            }
            ("post", "/v1/refunds") => settle(self.payment(None).0, 50),
            ("post", "/v1/captures") => settle(self.payment(Some(600)).0, 50),
            ("post", "/v1/voids") => json!({
                "request_id": request_id, "payment": self.payment(Some(600)).0,
                "valid_until": valid_until,
            }),
            ("post", "/v1/clerk/sign-in" | "/v1/clerk/sign-out" | "/v1/top-ups" | "/v1/shifts") => {
                of_clerks(path, &request_id, &self.world.code(1), &valid_until)
            }
            ("post", "/v1/terminal/key") => json!({ "request_id": request_id }),
            ("post", "/v1/acknowledgements") => json!({ "request_ids": [self.payment(None).1] }),
            ("post", "/v1/orders") => json!({
                "request_id": request_id, "amount": 100, "currency": "JPY",
                "valid_until": valid_until,
            }),
            ("post", "/v1/device/shop") => json!({ "store": "1" }),
            ("post", "/v1/device/payments") => json!({
                "request_id": request_id, "store": "1", "amount": 100, "currency": "JPY",
                "valid_until": valid_until,
            }),
            ("post", "/v1/device/payment" | "/v1/console/payment") => {
                json!({ "payment": self.payment(None).0 })
            }
            ("post", "/v1/device/enrol") => {
                json!({ "link_token": self.world.link(&self.world.members[1].0.to_string()) })
            }
            ("post", path) if path.starts_with("/v1/member/") => self.of_member(path, &request_id),
            ("post", "/v1/console/session") => json!({ "link_token": self.world.console_link() }),
            ("post", "/v1/console/sign-in") => json!({ "act": "begin" }),
            ("post", "/v1/console/own") => json!({ "act": "look" }),
            ("post", "/v1/console/clerks") => json!({ "store": "1" }),
            ("post", "/v1/console/member") => json!({ "member": "mem_0" }),
            ("post", "/v1/console/find") => json!({ "text": self.payment(None).1 }),
            ("post", _) => json!({}),
            _ => Value::Null,
        };
        let (payment, request) = if path.starts_with("/v1/") && path.contains('{') {
            self.payment(None)
        } else {
            <_>::default()
        };
        let target = path.replace("{payment}", &payment).replace("{request_id}", &request);
        let target = target.replace("{version}", version()).replace("{file}", "page.js");
        let target = target.replace("{width}", "1").replace("{height}", "2");
        (target, if body.is_null() { String::new() } else { body.to_string() })
    }

    fn ask(&mut self, actor: Actor, method: &str, path: &str) -> Answer {
        let (target, body) = self.request(method, path);
        let (method, body) = (method.to_uppercase(), body.into_bytes());
        let listener = listener_of(path);
        let address = self.world.address(listener);
        let request = Request { method: &method, target: &target, headers: &[], body: &body };
        match (actor, self.credentials(actor)) {
            (_, Some(credentials)) => {
                let clock = self.world.clock.as_clock();
                let credentials = credentials.clone();
                let mut register =
                    yaoki_server::client::RegisterClient::new(address, credentials, clock);
                let answer = if path.contains("{width}") {
                    self.world.run(register.frame(&target, &body))
                } else {
                    self.world.run(register.send(&method, &target, &body))
                };
                answer.expect("an answer")
            }
            (Actor::Member, _) if path.starts_with("/v1/member/") => {
                self.ask_as_member(&target, &body)
            }
            (Actor::Member, _) if path == "/v1/device/enrol" => {
                let mut newcomer = self.world.device();
                self.world.run(newcomer.post(&target, &body)).expect("an answer")
            }
            (Actor::Member, _) if path == "/v1/device/frames/{width}/{height}" => {
                self.world.run(self.device.frame(&target, &body)).expect("an answer")
            }
            (Actor::Member, _) if listener == ListenerName::Devices && method == "POST" => {
                self.world.run(self.device.post(&target, &body)).expect("an answer")
            }
            (Actor::Operator, _) if listener == ListenerName::Console && method == "POST" => {
                operates(self.world, &target, &body)
            }
            (Actor::Member, _) => with_proof(self.world, self.device, listener, &request),
            (Actor::Operator, _) => {
                let mut operator = self.world.operator();
                with_proof(self.world, &mut operator, listener, &request)
            }
            _ => self.world.anonymous(listener, &request),
        }
    }
}

impl Scene<'_> {
    /// The body of a good request about the member himself.
    fn of_member(&self, path: &str, request_id: &str) -> Value {
        match path {
            members::SIGN_UP => {
                json!({ "act": "begin", "address": "new@example.jp", "language": "ja" })
            }
            members::SIGN_IN => json!({ "act": "begin" }),
            members::RECOVERY => json!({
                "act": "begin", "address": "new@example.jp", "channel": "mail", "language": "ja",
            }),
            members::LINK => {
                let link = MessageLink {
                    act: LinkAct::Freeze,
                    member: self.world.members[0].0.cast_unsigned(),
                    object: [0; 32],
                    until_ms: self.world.clock.now().0 + members::DAY,
                    chance: [7; 16],
                };
                let token = self.world.running.app.keyring().proof.issue_link(&link);
                json!({ "act": "look", "token": token })
            }
            "/v1/member/money" => json!({ "act": "look" }),
            members::SESSION => json!({ "act": "begin", "purpose": "verify" }),
            members::DEVICES => json!({ "act": "invite", "request_id": request_id }),
            members::FACTORS => json!({ "act": "begin_generator" }),
            members::CONTACTS => {
                json!({ "act": "begin", "address": "other@example.jp", "language": "ja" })
            }
            members::WALLET => json!({ "act": "consent", "request_id": request_id, "terms": 1 }),
            "/v1/member/external" => json!({ "act": "providers" }),
            _ => json!({}),
        }
    }

    /// Somebody who signed up a moment ago, or his new browser.
    fn ask_as_member(&self, path: &str, body: &[u8]) -> Answer {
        let address = format!("{}@example.jp", Uuid::now_v7().simple());
        let mut member = self.world.sign_up_by_passkey(&address);
        let mut newcomer = self.world.device();
        let ask = |device: &mut DeviceClient, body: &[u8]| {
            self.world.run(device.post(path, body)).expect("an answer")
        };
        if path == members::JOIN {
            let invite = json!({ "act": "invite", "request_id": members::new_id() });
            let shown = self.world.told(&mut member.device, members::DEVICES, &invite);
            let redeem = json!({
                "act": "redeem", "request_id": members::new_id(),
                "invitation": shown["invitation"],
            });
            return ask(&mut newcomer, redeem.to_string().as_bytes());
        }
        if NEWCOMERS.contains(&path) {
            ask(&mut newcomer, body)
        } else {
            ask(&mut member.device, body)
        }
    }
}

/// Sends a request with the token and a proof of a key that is known elsewhere.
fn with_proof(
    world: &World,
    key: &mut DeviceClient,
    listener: ListenerName,
    request: &Request<'_>,
) -> Answer {
    let proof = key.proof(request.method, request.target, request.body).expect("a proof");
    let token = format!("DPoP {}", key.token().expect("it has one"));
    let headers = [("Authorization", token.as_str()), ("DPoP", proof.as_str())];
    world.anonymous(listener, &Request { headers: &headers, ..*request })
}

/// What an operator is told at the console, signed in for this request alone.
fn operates(world: &World, path: &str, body: &[u8]) -> Answer {
    let mut operator = world.operator();
    match path {
        "/v1/console/session" | "/v1/console/sign-in" => {
            let mut browser = world.browser();
            world.run(browser.post(path, body)).expect("an answer")
        }
        "/v1/console/stream" => {
            let status = crate::console::Lines::open(world, &mut operator).status;
            let content_type = "application/x-ndjson".to_owned();
            Answer { status, content_type, body: b"{}".to_vec(), ..Answer::default() }
        }
        _ => world.run(operator.post(path, body)).expect("an answer"),
    }
}

pub(crate) fn listener_of(path: &str) -> ListenerName {
    match path {
        path if path.starts_with("/v1/device/") => ListenerName::Devices,
        path if path.starts_with("/v1/member/") => ListenerName::Devices,
        path if path.starts_with("/v1/console/") => ListenerName::Console,
        path if path.starts_with("/v1/acquirer/") => ListenerName::Public,
        path if path.starts_with("/v1/") => ListenerName::Registers,
        "/wallet" | "/freeze" | "/contest" | "/return" | "/terms" => ListenerName::Devices,
        "/register" => ListenerName::Registers,
        "/console" => ListenerName::Console,
        _ => ListenerName::Public,
    }
}

on_both_storages! {
    fn every_route_tells_every_actor_what_the_table_says(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let mut scene = Scene { world: &world, device: &mut device };
        let document = Document::new();
        let mut wrong = Vec::new();
        let mut try_cell = |actor, method, path, expected: &str| {
            let answer = scene.ask(actor, method, path);
            let unsaid = document.problems(method, path, &answer).into_iter();
            wrong.extend(unsaid.map(|what| format!("{method} {path}, undocumented: {what}")));
            let told = told(&answer);
            if told != expected {
                wrong.push(format!("{method} {path} by {actor:?}: {told}, not {expected}"));
            }
        };
        for (method, path, expected) in TABLE {
            for (actor, expected) in ACTORS.into_iter().zip(expected) {
                try_cell(actor, method, path, expected);
            }
            try_cell(Actor::Operator, method, path, elsewhere(path));
        }
        for (path, expected) in CONSOLE {
            for actor in ACTORS {
                try_cell(actor, "post", path, expected);
            }
            let expected = if OF_ACCOUNTS.contains(path) { NO_ACCOUNT } else { OK };
            try_cell(Actor::Operator, "post", path, expected);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn the_root_of_a_listener_leads_to_the_page_that_lives_there(db: &mut TestDatabase) {
        let world = World::new(db);
        for (listener, status) in [
            (ListenerName::Registers, 303),
            (ListenerName::Devices, 303),
            (ListenerName::Console, 303),
            (ListenerName::Public, 200),
        ] {
            let request = Request { method: "GET", target: "/", headers: &[], body: b"" };
            assert_eq!(world.anonymous(listener, &request).status, status, "{}", listener.text());
        }
    }

    fn answers_given_again_later_or_not_at_all_are_as_the_document_says(db: &mut TestDatabase) {
        let world = World::new(db);
        let document = Document::new();
        let mut register = world.register(&world.till);
        let payment = world.payment(0, 100);
        let body = register.payment_body(&payment).to_string();
        let mut used = world.payment(0, 100);
        used.code.clone_from(&payment.code);
        let used = register.payment_body(&used).to_string();
        let other = body.replace("\"amount\":100", "\"amount\":101");
        let requests = [
            ("post", "/v1/payments", body.clone(), "200 succeeded"),
            ("post", "/v1/payments", body, "200 succeeded"),
            ("post", "/v1/payments", used, "200 code_already_used"),
            ("post", "/v1/payments", other, "409 request_id_has_another_meaning"),
        ];
        for (method, path, body, expected) in requests {
            let sent = register.send("POST", path, body.as_bytes());
            let answer = world.run(sent).expect("an answer");
            assert_eq!(told(&answer), expected);
            assert_eq!(document.problems(method, path, &answer), [""; 0], "{expected}");
        }
        world.book.close();
        let path = "/v1/requests/{request_id}";
        let query = path.replace("{request_id}", &payment.request_id.to_string());
        let later = world.run(register.send("GET", &query, b"")).expect("an answer");
        assert_eq!((later.status, later.header("retry-after").is_some()), (503, true));
        assert_eq!(document.problems("get", path, &later), [""; 0]);
    }

    fn what_one_listener_serves_another_does_not(db: &mut TestDatabase) {
        let world = World::new(db);
        for (method, path) in all() {
            for listener in ListenerName::ALL {
                if listener == listener_of(path) || EVERYWHERE.contains(&path) || path == "/" {
                    continue;
                }
                let method = method.to_uppercase();
                let request = Request { method: &method, target: path, headers: &[], body: b"" };
                let told = told(&world.anonymous(listener, &request));
                assert_eq!(told, "404 not_found", "{method} {path} on {}", listener.text());
            }
        }
    }
}
