//! Does the time of an answer tell an address on file from any other?
//!
//! Asks a server on loopback with SQLite, one question at a time, about as many addresses on file
//! as others, and prints for each kind of question the area under the curve of telling them apart
//! by the mean of an address's times, in thousandths: 500 is a coin, 1000 is certainty. A report,
//! and no test: what else the machine does is in it.
//!
//! `cargo run --release -p yaoki-server --example enumeration -- [ADDRESSES [PROBES [QUESTION]]]`,
//! 200 and 100 where they are left out; a part of a question's name asks that one alone.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use yaoki_core::message::{Argument, Message};
use yaoki_core::money::Currency;
use yaoki_core::row::Value as Column;
use yaoki_core::time::DAY_MS;
use yaoki_server::client::DeviceClient;
use yaoki_server::edge::keys::KeyFile;
use yaoki_server::{Running, ServerOptions, serve};
use yaoki_store::testing::{TestClock, TestDatabase, code_rules, options};
use yaoki_store::{Book, BookKind, create, sql};

const SIGN_UP: &str = "/v1/member/sign-up";
const SIGN_IN: &str = "/v1/member/sign-in";
const RECOVERY: &str = "/v1/member/recovery";
const PASSWORD: &str = "a password of nobody else, 42";

/// Bytes that differ at every call.
fn counting() -> impl Fn(&mut [u8]) + Send + Sync {
    let count = AtomicU64::new(1);
    move |bytes: &mut [u8]| {
        let mut hash = blake3::Hasher::new();
        hash.update(&count.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        hash.finalize_xof().fill(bytes);
    }
}

/// A server, and one who asks.
struct Scene {
    running: Running,
    book: Arc<Book>,
    clock: TestClock,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new(db: &mut TestDatabase) -> Self {
        let (clock, folder) = (TestClock::default(), db.folder());
        let now = clock.now();
        create(&db.database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", now).expect("a book");
        let book = Book::open(options(&db.database, &clock, "node")).expect("it opens");
        let key_file = folder.join("keys");
        let keys = KeyFile::generate(&mut |bytes: &mut [u8]| counting()(bytes));
        keys.create(&key_file).expect("a key file");
        let entropy: yaoki_server::app::Entropy = Arc::new(counting());
        let at = clock.as_clock();
        let mut server = ServerOptions::new(Arc::clone(&book), code_rules(), key_file, at, entropy);
        // What goes out is not measured.
        server.messages.pause = Duration::from_hours(1);
        let running = serve(&server).expect("it starts");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { running, book, clock, runtime: runtime.expect("a runtime") }
    }

    fn browser(&self) -> DeviceClient {
        DeviceClient::new(self.running.devices, self.clock.as_clock()).expect("a key")
    }

    /// How long the answer took, nanoseconds.
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    fn time(&self, browser: &mut DeviceClient, path: &str, body: &Value) -> u128 {
        self.clock.advance_ms(10);
        let body = body.to_string();
        let since = std::time::Instant::now();
        let answer = self.runtime.block_on(browser.post(path, body.as_bytes()));
        let took = since.elapsed().as_nanos();
        let status = answer.expect("an answer").status;
        assert!(status == 200 || status == 403, "{path}: {status}");
        took
    }

    fn code(&self, address: &str) -> String {
        let all = self.book.read_and_wait(|conn| {
            conn.query::<Message>(&sql::MESSAGES_AFTER, &[Column::Bytes(&[]), Column::Int(9999)])
        });
        let mut all = all.expect("they can be read").into_iter();
        let message = all.find(|one| one.address.0 == address && one.template.is_code());
        let message = message.expect("a code was sent");
        message.arguments.get(Argument::Code).expect("it has one").to_owned()
    }

    fn sign_up(&self, address: &str) {
        let mut browser = self.browser();
        let begin = json!({ "act": "begin", "address": address, "language": "ja" });
        self.time(&mut browser, SIGN_UP, &begin);
        let typed = json!({ "act": "code", "code": self.code(address) });
        self.time(&mut browser, SIGN_UP, &typed);
        let finish = json!({
            "act": "finish", "request_id": uuid::Uuid::now_v7(), "terms": 1, "password": PASSWORD,
        });
        self.time(&mut browser, SIGN_UP, &finish);
    }
}

/// The area under the curve, thousandths, of telling two lists of times apart.
fn area(known: &[u128], unknown: &[u128]) -> usize {
    let pairs = known.iter().flat_map(|one| unknown.iter().map(move |other| one.cmp(other)));
    let halves = pairs.map(|order| match order {
        std::cmp::Ordering::Greater => 2,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Less => 0,
    });
    let area = halves.sum::<usize>() * 1000 / (2 * known.len() * unknown.len());
    area.max(1000 - area)
}

/// What is asked about an address.
type Question<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> Value);

/// The times of each address, of those on file and of the others, in turns.
fn measure(
    scene: &Scene,
    (addresses, probes): (usize, usize),
    question: (&str, &dyn Fn(&str) -> Value),
) -> (Vec<u128>, Vec<u128>) {
    let mut browser = scene.browser();
    let (path, body) = question;
    let mut times = vec![[0; 2]; addresses];
    for probe in 0..probes {
        for (place, of_place) in times.iter_mut().enumerate() {
            for turn in 0..2 {
                let side = (probe + place + turn) % 2;
                let name = if side == 0 { "known" } else { "other" };
                let body = body(&format!("{name}{place}@example.jp"));
                of_place[side] += scene.time(&mut browser, path, &body);
            }
        }
    }
    times.into_iter().map(|[known, unknown]| (known, unknown)).unzip()
}

/// What asks for a recovery's code.
fn recovery_of(address: &str) -> Value {
    json!({ "act": "begin", "address": address, "channel": "mail", "language": "ja" })
}

fn main() {
    let mut given = std::env::args().skip(1);
    let mut number = |usual| given.next().map_or(usual, |text| text.parse().expect("a number"));
    let (addresses, probes): (usize, usize) = (number(200), number(100));
    let only = given.next().unwrap_or_default();
    let mut db = TestDatabase::sqlite("enumeration");
    let scene = Scene::new(&mut db);
    for place in 0..addresses {
        scene.sign_up(&format!("known{place}@example.jp"));
    }
    scene.clock.advance_ms(8 * DAY_MS);
    let sign_in = |address: &str| {
        let id = uuid::Uuid::now_v7();
        json!({ "act": "password", "request_id": id, "address": address, "password": "wrong one" })
    };
    let right = |address: &str| {
        let id = uuid::Uuid::now_v7();
        json!({ "act": "password", "request_id": id, "address": address, "password": PASSWORD })
    };
    let sign_up = |address: &str| json!({ "act": "begin", "address": address, "language": "ja" });
    let questions: [Question<'_>; 4] = [
        ("sign-in, wrong password", SIGN_IN, &sign_in),
        ("sign-in, right password", SIGN_IN, &right),
        ("sign-up, begin", SIGN_UP, &sign_up),
        ("recovery, begin", RECOVERY, &recovery_of),
    ];
    let mut out = std::io::stdout();
    for (name, path, body) in questions.into_iter().filter(|(name, ..)| name.contains(&only)) {
        let (known, unknown) = measure(&scene, (addresses, probes), (path, body));
        let mean = |times: &[u128]| {
            let count = u128::try_from(times.len() * probes).expect("it is small");
            times.iter().sum::<u128>() / count / 1000
        };
        let (area, known, unknown) = (area(&known, &unknown), mean(&known), mean(&unknown));
        writeln!(out, "{name:24} area 0.{area:03}  mean µs {known} on file, {unknown} not")
            .expect("it is printed");
    }
    scene.book.close();
}
