//! A small world around a running server: a merchant with two registers and a suspended one,
//! another merchant with one, and members with devices. Everything is made through the admin
//! messages and the API, as in life.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::code::CodeCipher;
use yaoki_core::ids::MemberNumber;
use yaoki_core::money::Currency;
use yaoki_core::state::Member;
use yaoki_server::admin::{By, Desk, Message, Order, perform};
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::client::register::{Credentials, Payment};
use yaoki_server::client::{Answer, DeviceClient, RegisterClient};
use yaoki_server::edge::admin_socket::{SOCKET_NAME, send};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::keys::KeyFile;
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::reads::READERS_MIN;
use yaoki_server::{Running, ServerOptions, serve};
use yaoki_store::testing::{TestClock, TestDatabase, code_rules, options};
use yaoki_store::{Book, BookKind, BookOptions, create, read};

/// What each member has at the start.
pub(crate) const MONEY: i64 = 100_000;

/// A running server and what is known about its book.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) book: Arc<Book>,
    pub(crate) clock: TestClock,
    pub(crate) desk: Desk,
    pub(crate) folder: PathBuf,
    pub(crate) members: Vec<MemberNumber>,
    pub(crate) till: Credentials,
    pub(crate) other_till: Credentials,
    pub(crate) suspended_till: Credentials,
    pub(crate) foreign_till: Credentials,
    runtime: tokio::runtime::Runtime,
}

/// Bytes that differ at every call and are the same in every run.
fn counting() -> impl Fn(&mut [u8]) + Send + Sync {
    let count = AtomicU64::new(1);
    move |bytes: &mut [u8]| {
        let count = count.fetch_add(1, Ordering::SeqCst);
        let mut hash = blake3::Hasher::new();
        hash.update(&count.to_be_bytes());
        hash.finalize_xof().fill(bytes);
    }
}

impl World {
    /// A world with two members.
    pub(crate) fn new(db: &mut TestDatabase) -> Self {
        Self::with(db, 2, |_| {})
    }

    /// A world whose server is opened with other options.
    pub(crate) fn with(
        db: &mut TestDatabase,
        members: usize,
        change: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        Self::with_node(db, members, |_| {}, change)
    }

    /// A world whose book is opened with other options, too.
    pub(crate) fn with_node(
        db: &mut TestDatabase,
        members: usize,
        change_node: impl FnOnce(&mut BookOptions),
        change: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let clock = TestClock::default();
        let folder = db.folder();
        create(&db.database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", clock.now())
            .expect("the book can be made");
        let mut node = options(&db.database, &clock, "node");
        node.readers = READERS_MIN;
        change_node(&mut node);
        let book = Book::open(node).expect("it can be opened");
        let key_file = folder.join("keys");
        KeyFile::generate(&mut |bytes: &mut [u8]| counting()(bytes))
            .create(&key_file)
            .expect("the key file can be written");
        let entropy: yaoki_server::app::Entropy = Arc::new(counting());
        let desk = Desk {
            book: Arc::clone(&book),
            key_file: key_file.clone(),
            clock: clock.as_clock(),
            entropy: Arc::clone(&entropy),
            server: None,
        };
        let mut server = ServerOptions::new(
            Arc::clone(&book),
            code_rules(),
            key_file,
            clock.as_clock(),
            entropy,
        );
        server.readers = READERS_MIN;
        server.admin_socket = Some(folder.join("admin.socket"));
        server.anchor_file = Some(folder.join("anchors"));
        // Nothing goes out by itself: tests read what waits.
        server.messages.pause = std::time::Duration::from_hours(1);
        change(&mut server);
        let shops = Shops::make(&desk);
        let running = serve(&server).expect("the server starts");
        let mut world = Self {
            running,
            book,
            clock,
            desk,
            folder,
            members: Vec::new(),
            till: shops.till,
            other_till: shops.other_till,
            suspended_till: shops.suspended_till,
            foreign_till: shops.foreign_till,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime"),
        };
        for _ in 0..members {
            world.add_member();
        }
        world
    }

    fn add_member(&mut self) {
        let member = text(&done(&self.desk, Order::CreateMember), "member");
        let (asset, amount) = ("money".to_owned(), MONEY);
        done(&self.desk, Order::Credit { member: member.clone(), asset, amount });
        let number = identifier::parse(Kind::Member, &member).expect("an identifier");
        self.members.push(MemberNumber(number));
        let mut device = self.device();
        let link = self.link(&member);
        self.run(device.enrol(&link)).expect("a device can be enrolled");
    }

    /// Runs something that waits.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Lets others work for a while.
    pub(crate) fn rest(&self, time: std::time::Duration) {
        self.run(async { tokio::time::sleep(time).await });
    }

    /// Starts something that waits.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// Stops the server; the book stays open.
    pub(crate) fn stop(&mut self) {
        self.running.stop();
    }

    /// Where a listener is.
    pub(crate) fn address(&self, name: ListenerName) -> SocketAddr {
        self.running.address(name)
    }

    /// A register with these credentials.
    pub(crate) fn register(&self, credentials: &Credentials) -> RegisterClient {
        let address = self.running.registers;
        let mut client = RegisterClient::new(address, credentials.clone(), self.clock.as_clock());
        client.query_pause = std::time::Duration::from_millis(10);
        client
    }

    /// A device that is not enrolled.
    pub(crate) fn device(&self) -> DeviceClient {
        DeviceClient::new(self.running.devices, self.clock.as_clock()).expect("a key can be made")
    }

    /// A new device of a member, enrolled; the one before no longer pays.
    pub(crate) fn enrolled(&self, place: usize) -> DeviceClient {
        let link = self.link(&self.members[place].0.to_string());
        let mut device = self.device();
        self.run(device.enrol(&link)).expect("a device can be enrolled");
        device
    }

    /// The token of a new link.
    pub(crate) fn link(&self, member: &str) -> String {
        let order = Order::CreateLink { member: member.to_owned(), lifetime_seconds: None };
        text(&done(&self.desk, order), "link_token")
    }

    /// A member as it is now.
    pub(crate) fn member(&self, place: usize) -> Member {
        let number = self.members[place];
        let found = self.book.read_and_wait(move |conn| read::member(conn, number));
        found.expect("members can be read").expect("the member is there")
    }

    /// The code that a member's device shows now.
    pub(crate) fn code(&self, place: usize) -> String {
        let member = self.member(place);
        let issued = self.running.app.keyring().cipher.issue(&member, self.clock.now());
        issued.expect("the member has a device").digits
    }

    /// A code of our form that no device ever showed.
    pub(crate) fn forged_code(&self, place: usize) -> String {
        let cipher = CodeCipher::new(code_rules(), &[9; 32], None);
        cipher.issue(&self.member(place), self.clock.now()).expect("a device").digits
    }

    /// What a register keeps before it charges a member.
    pub(crate) fn payment(&self, place: usize, amount: i64) -> Payment {
        let request_id = Uuid::now_v7();
        Payment { request_id, amount, code: self.code(place), hold_seconds: None }
    }

    /// Sends a request without any signature.
    pub(crate) fn anonymous(&self, listener: ListenerName, request: &Request<'_>) -> Answer {
        let mut connection = Connection::new(self.address(listener));
        self.run(connection.send(request)).expect("an answer comes")
    }

    /// Carries out an order, and it must be done.
    pub(crate) fn order(&self, order: Order) -> Value {
        done(&self.desk, order)
    }

    /// A message over the admin socket, by one who is signed in there.
    pub(crate) fn ask(&self, order: Order) -> Value {
        let path = self.folder.join(SOCKET_NAME);
        let reply = send(&path, &message(order)).expect("the server answers");
        reply.expect("a server runs")
    }

    /// The token of a new link to the console.
    pub(crate) fn console_link(&self) -> String {
        let url = text(&self.ask(Order::ConsoleLink), "url");
        url.split_once('#').expect("a token stands behind #").1.to_owned()
    }

    /// A browser that is not signed in.
    pub(crate) fn browser(&self) -> DeviceClient {
        DeviceClient::new(self.running.console, self.clock.as_clock()).expect("a key can be made")
    }

    /// A browser that is signed in at the console.
    pub(crate) fn operator(&self) -> DeviceClient {
        let mut browser = self.browser();
        let body = json!({ "link_token": self.console_link() }).to_string();
        let answer = self.run(browser.post("/v1/console/session", body.as_bytes()));
        let token = text(&answer.expect("an answer").json(), "token");
        browser.set_token(token);
        browser
    }

    /// What the console answers; it must be good.
    pub(crate) fn console(&self, browser: &mut DeviceClient, path: &str, body: &Value) -> Value {
        let path = format!("/v1/console/{path}");
        let answer = self.run(browser.post(&path, body.to_string().as_bytes()));
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        answer.json()
    }

    /// How many operations and transfers the book has: the same before and after what changes
    /// nothing.
    pub(crate) fn size(&self) -> u64 {
        self.book.counters().facts.load(Ordering::SeqCst)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.book.close();
    }
}

struct Shops {
    till: Credentials,
    other_till: Credentials,
    suspended_till: Credentials,
    foreign_till: Credentials,
}

impl Shops {
    fn make(desk: &Desk) -> Self {
        let [home, abroad] = ["Hinode", "Tsukimi"].map(|name| {
            let merchant = done(desk, Order::CreateMerchant { name: name.to_owned() });
            let place = format!("{name}-ku, Tokyo");
            let (merchant, name) = (text(&merchant, "merchant"), format!("{name} station"));
            let store = Order::CreateStore { merchant, name, place, cutoff_minutes: 0 };
            let store = done(desk, store);
            text(&store, "store")
        });
        let terminal = |store: &str, name: &str| {
            let (store, name) = (store.to_owned(), name.to_owned());
            credentials(&done(desk, Order::CreateTerminal { store, name }))
        };
        let suspended_till = terminal(&home, "till 3");
        let number = suspended_till.terminal.to_string();
        done(desk, Order::SuspendTerminal { terminal: number });
        Self {
            till: terminal(&home, "till 1"),
            other_till: terminal(&home, "till 2"),
            suspended_till,
            foreign_till: terminal(&abroad, "till 1"),
        }
    }
}

/// A message by two people for a reason.
pub(crate) fn message(order: Order) -> Message {
    let by = By {
        actor: "Asa".to_owned(),
        second: "Ben".to_owned(),
        reason: "a test".to_owned(),
        ..By::default()
    };
    Message { by, order }
}

fn done(desk: &Desk, order: Order) -> Value {
    perform(desk, &message(order)).expect("the order can be carried out")
}

/// A text of a reply.
pub(crate) fn text(reply: &Value, name: &str) -> String {
    reply[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}")).to_owned()
}

/// The credentials in a reply about a terminal.
pub(crate) fn credentials(reply: &Value) -> Credentials {
    let terminal = identifier::parse(Kind::Terminal, &text(reply, "terminal")).expect("an id");
    let generation = reply["generation"].as_u64().and_then(|number| number.try_into().ok());
    let key = yaoki_server::edge::key_from_text(&text(reply, "key"));
    Credentials {
        terminal: terminal.cast_unsigned(),
        generation: generation.expect("a generation"),
        key: key.expect("a key"),
    }
}

/// Status, and outcome or refusal: what a table of expectations says of an answer.
pub(crate) fn told(answer: &Answer) -> String {
    let json = answer.json();
    let word = [&json["refusal"]["name"], &json["refusal"], &json["reason"], &json["outcome"]]
        .into_iter()
        .find_map(Value::as_str);
    format!("{} {}", answer.status, word.unwrap_or("ok"))
}

/// The body with what differs between runs left out: ids, and times, which a lane may push on.
pub(crate) fn redacted(answer: &Answer) -> String {
    fn redact(value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(redact),
            Value::Object(fields) => {
                // Made by the minute, by a job.
                fields.remove("checkpoint");
                for (name, value) in fields {
                    match (name.as_str(), value.as_str()) {
                        ("id" | "payment" | "device" | "member", Some(text)) => {
                            *value = format!("{}_…", &text[..3]).into();
                        }
                        ("request_id" | "token" | "booked_at" | "hold_expires_at", Some(_)) => {
                            *value = "…".into();
                        }
                        _ => redact(value),
                    }
                }
            }
            _ => {}
        }
    }
    let mut json = answer.json();
    redact(&mut json);
    // A crate of the tests lets JSON keep its order.
    json.sort_all_objects();
    let replayed = if answer.replayed { "Idempotent-Replayed: true\n" } else { "" };
    let body = serde_json::to_string_pretty(&json).expect("JSON");
    format!("{} {}\n{replayed}\n{body}", answer.status, answer.content_type)
}
