//! Support for tests of this crate and of those above it: a database of its own for each test, on
//! both storages, and a small busy book. Behind the feature `testing`; no part of the product.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::command::{
    Act, Administer, Ask, Asset, Caller, Command, Credit, PayShop, PayWithCode, Reverse, Settle,
    ShownBy,
};
use yaoki_core::decide::{Outcome, Refused};
use yaoki_core::facts::{Event, Operation, OperationKind};
use yaoki_core::ids::{
    FactId, LaneNumber, MemberNumber, MerchantNumber, RequestId, RequestKey, StoreNumber,
    TerminalNumber,
};
use yaoki_core::money::Currency;
use yaoki_core::policy::rule::Goods;
use yaoki_core::state::{Lane, Member};
use yaoki_core::time::{Instant, ZoneOffset};

use crate::answer::{Answer, Unknown};
use crate::book::{Book, BookOptions, Clock};
use crate::conn::{Conn, LockMode, Purpose};
use crate::database::Database;
use crate::queue::Part;
use crate::table::BookKind;
use crate::{migrate, read, sql};

/// The environment variable with the URL of a PostgreSQL that tests may make databases in.
pub const POSTGRES: &str = "YAOKI_TEST_POSTGRES";
/// The environment variable that makes a skipped test fail.
pub const REQUIRE: &str = "YAOKI_TEST_REQUIRE";

/// A database for one test, gone afterwards.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub database: Database,
    folder: Option<PathBuf>,
    server: Option<(String, String)>,
}

static COUNT: AtomicU64 = AtomicU64::new(0);

fn unique(name: &str) -> String {
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let name: String = name.chars().take(30).collect();
    format!("yaoki_{}_{count}_{name}", std::process::id())
}

#[expect(clippy::disallowed_methods, reason = "tests are told of their server by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl TestDatabase {
    /// An SQLite file in a folder of its own.
    pub fn sqlite(name: &str) -> Self {
        let folder = std::env::temp_dir().join(unique(name));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let database = Database::Sqlite(folder.join("book.db"));
        Self { database, folder: Some(folder), server: None }
    }

    /// A database on the server that the tests were given; none, said out loud, where there is
    /// none.
    pub fn postgres(name: &str) -> Option<Self> {
        let Some(server) = variable(POSTGRES) else {
            use std::io::Write as _;
            let said = writeln!(std::io::stderr(), "SKIPPED: {name} on PostgreSQL: set {POSTGRES}");
            said.expect("standard error can be written");
            assert!(variable(REQUIRE).is_none(), "a skipped test fails here: {name}");
            return None;
        };
        let unique = unique(name).to_lowercase();
        run(&server, &format!("CREATE DATABASE \"{unique}\""));
        let (front, query) = server.split_once('?').unwrap_or((&server, ""));
        let (place, _) = front.rsplit_once('/').expect("a URL names a database");
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let database = Database::Postgres(format!("{place}/{unique}{query}"));
        Some(Self { database, folder: None, server: Some((server, unique)) })
    }

    /// A folder that goes with the test.
    pub fn folder(&mut self) -> PathBuf {
        let folder = self.folder.get_or_insert_with(|| std::env::temp_dir().join(unique("folder")));
        std::fs::create_dir_all(&*folder).expect("the temporary folder can be written");
        folder.clone()
    }

    /// A connection to it.
    pub fn connect(&self, purpose: Purpose) -> Conn {
        Conn::open(&self.database, purpose).expect("the test database can be opened")
    }

    /// Closes its book as a restore does, also for nodes that have it open.
    pub fn close_as_restored(&self) {
        let text = "UPDATE book SET closed = 1; UPDATE switchboard SET version = version + 1";
        self.connect(Purpose::Admin).run_script(text).expect("there is a book");
    }

    /// A connection to it whose schema is there.
    pub fn migrated(&self) -> Conn {
        let mut conn = self.connect(Purpose::Admin);
        migrate::migrate(&mut conn).expect("the schema can be made");
        conn
    }

    /// Every lane is another node's from now on; whoever held one stops.
    pub fn take_lanes(&self) {
        let taken = "UPDATE lane SET generation = generation + 1, holder = 'other'";
        self.connect(Purpose::Admin).run_script(taken).expect("lanes can be taken");
    }

    /// Holds the lanes of a node, once each of them waits with a command that changes nothing.
    pub fn hold_lanes(&self, book: &Book, node: &str) -> HeldLanes {
        let mut conn = self.connect(Purpose::Lane);
        conn.begin().expect("a transaction begins");
        let lanes: Vec<Lane> = conn.query(&sql::LANES, &[]).expect("lanes can be read");
        let own = lanes.iter().filter(|lane| lane.holder == node);
        let ids: Vec<LaneNumber> = own.map(|lane| lane.id).collect();
        assert_eq!(ids.len(), book.health().lanes, "the lanes of {node} are those of the book");
        conn.lock::<Lane>(&ids, LockMode::Wait).expect("lanes can be locked");
        for place in 0..ids.len() {
            let nothing = nothing_in_lane(place);
            book.submit(Part::Money, nothing, Instant(i64::MAX), Box::new(|_| {}));
        }
        while book.health().queued > 0 {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        HeldLanes(conn)
    }
}

/// Lanes that wait: what is submitted meanwhile queues up, and each lane takes it as one batch.
/// They go on when this is dropped.
pub struct HeldLanes(Conn);

impl HeldLanes {
    /// Lets them go on.
    pub fn release(mut self) {
        self.0.rollback().expect("a transaction ends");
    }
}

fn run(server: &str, text: &str) {
    let database = Database::Postgres(server.to_owned());
    let mut conn = Conn::open(&database, Purpose::Admin).expect("the test server can be reached");
    conn.run_script(text).expect("the test server makes and drops databases");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder
            && !std::thread::panicking()
        {
            std::fs::remove_dir_all(folder).expect("the test's folder can be removed");
        }
        if let Some((server, unique)) = &self.server
            && !std::thread::panicking()
        {
            run(server, &format!("DROP DATABASE \"{unique}\" WITH (FORCE)"));
        }
    }
}

/// Declares a test that runs on both storages: `on_both_storages! { fn promise(db: &mut
/// TestDatabase) {} }`.
#[macro_export]
macro_rules! on_both_storages {
    ($($(#[$meta:meta])* fn $name:ident($db:ident: &mut TestDatabase) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn promise($db: &mut $crate::testing::TestDatabase) $body

            $(#[$meta])*
            #[test]
            fn on_sqlite() {
                promise(&mut $crate::testing::TestDatabase::sqlite(stringify!($name)));
            }

            $(#[$meta])*
            #[test]
            fn on_postgres() {
                let database = $crate::testing::TestDatabase::postgres(stringify!($name));
                if let Some(mut database) = database {
                    promise(&mut database);
                }
            }
        }
    )+};
}

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    fn default() -> Self {
        // 2026-01-05T03:00:00Z, noon in Tokyo.
        Self(Arc::new(AtomicI64::new(1_767_582_000_000)))
    }
}

impl TestClock {
    /// The time it shows.
    pub fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }

    /// Moves it on, or back.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// As a book takes it.
    pub fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// The code key of test books.
pub const CODE_KEY: [u8; 32] = [7; 32];

/// A small book: 2 merchants, 4 stores, 8 terminals (two a store), and members with 100,000 each
/// and an enrolled device.
pub struct TestBook {
    /// The open book.
    pub book: Arc<Book>,
    /// Its clock.
    pub clock: TestClock,
    /// Its code cipher.
    pub cipher: CodeCipher,
    requests: AtomicU64,
}

/// The code settings of test books.
pub fn code_rules() -> CodeRules {
    CodeRules::new("9876", 120).expect("these are good settings")
}

/// The options of a node of a test book.
pub fn options(database: &Database, clock: &TestClock, node: &str) -> BookOptions {
    let zone = Arc::new(|_| ZoneOffset { minutes: 540 });
    let mut options = BookOptions::new(database.clone(), code_rules(), clock.as_clock(), zone);
    node.clone_into(&mut options.node);
    options.lanes = 2;
    options.readers = 1;
    options.clock_is_real = false;
    options
}

impl TestBook {
    /// Makes a book with this many members and opens it.
    pub fn create(database: &Database, members: i64) -> Self {
        let clock = TestClock::default();
        crate::create(database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", clock.now())
            .expect("the book can be made");
        let book = Self::open(database, clock, "first");
        for merchant in 1..=2 {
            book.administer(Act::CreateMerchant(format!("merchant {merchant}")));
            for store in 0..2 {
                let (merchant, name) = (MerchantNumber(merchant), format!("store {store}"));
                let place = String::new();
                let act = Act::CreateStore { merchant, name, place, cutoff_minutes: 0 };
                let store = book.administer(act);
                for terminal in 0..2 {
                    let (store, name) = (StoreNumber(store.subject), format!("till {terminal}"));
                    book.administer(Act::CreateTerminal(store, name));
                }
            }
        }
        for _ in 0..members {
            let member = MemberNumber(book.administer(Act::CreateMember).subject);
            book.credit(member, 100_000);
            book.enrol(member);
        }
        book
    }

    /// Opens a node of a book that is there.
    pub fn open(database: &Database, clock: TestClock, node: &str) -> Self {
        let book = Book::open(options(database, &clock, node)).expect("the book can be opened");
        let cipher = CodeCipher::new(code_rules(), &CODE_KEY, None);
        Self { book, clock, cipher, requests: AtomicU64::new(0) }
    }

    /// Closes it and opens it again as the same node, with other options.
    #[must_use]
    pub fn reopened(self, database: &Database, change: impl FnOnce(&mut BookOptions)) -> Self {
        let Self { book, clock, cipher, .. } = self;
        drop(book);
        let mut options = options(database, &clock, "first");
        change(&mut options);
        Self::around(Book::open(options).expect("the book can be opened"), clock, cipher)
    }

    /// Puts the conveniences of a test book around an open book.
    pub fn around(book: Arc<Book>, clock: TestClock, cipher: CodeCipher) -> Self {
        Self { book, clock, cipher, requests: AtomicU64::new(0) }
    }

    /// A request id that no other test request has.
    pub fn request(&self) -> RequestId {
        let count = self.requests.fetch_add(1, Ordering::SeqCst);
        let unique = COUNT.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&count.to_be_bytes()[2..]);
        bytes[6..10].copy_from_slice(&std::process::id().to_be_bytes());
        bytes[10..].copy_from_slice(&unique.to_be_bytes()[2..]);
        RequestId(bytes)
    }

    /// Submits a command and waits.
    pub fn submit(&self, command: Command) -> Answer {
        self.book.submit_and_wait(Part::Money, command, Instant(i64::MAX))
    }

    /// Submits commands at once and waits for all answers, in their order.
    pub fn submit_all(&self, commands: Vec<Command>) -> Vec<Answer> {
        answers_of(self.start_all(commands))
    }

    /// Submits commands at once; their answers come in the same order.
    pub fn start_all(&self, commands: Vec<Command>) -> Vec<Receiver<Answer>> {
        commands
            .into_iter()
            .map(|command| {
                let (sender, receiver) = sync_channel(1);
                let reply = Box::new(move |answer| sender.send(answer).expect("the test waits"));
                self.book.submit(Part::Money, command, Instant(i64::MAX), reply);
                receiver
            })
            .collect()
    }

    /// Submits a command that must be decided.
    pub fn decided(&self, command: Command) -> Outcome {
        match self.submit(command) {
            Answer::Decided(outcome) => outcome,
            other => panic!("not decided: {other:?}"),
        }
    }

    /// Submits a command that must be refused without a record.
    pub fn refused(&self, command: Command) -> Refused {
        match self.submit(command) {
            Answer::Refused(refused) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Submits a command that must stay unknown.
    pub fn unknown(&self, command: Command) -> Unknown {
        match self.submit(command) {
            Answer::Unknown(unknown) => unknown,
            other => panic!("known: {other:?}"),
        }
    }

    /// Submits a command that must give an operation, succeeded or declined.
    pub fn operation(&self, command: Command) -> Operation {
        match self.decided(command) {
            Outcome::Decided { operation, .. } => operation,
            other => panic!("no operation: {other:?}"),
        }
    }

    /// An act, by two people for a reason.
    pub fn act(&self, act: Act) -> Command {
        Command::Administer(Administer {
            request: self.request(),
            actor: "tester one".to_owned(),
            second: "tester two".to_owned(),
            reason: "a test".to_owned(),
            act,
        })
    }

    /// Does an act.
    pub fn administer(&self, act: Act) -> Event {
        match self.decided(self.act(act)) {
            Outcome::Done { event, .. } => event,
            other => panic!("no event: {other:?}"),
        }
    }

    /// Gives a member money.
    pub fn credit(&self, member: MemberNumber, amount: i64) -> Operation {
        let (request, asset) = (self.request(), Asset::Money);
        self.operation(Command::Credit(Credit { request, member, asset, amount }))
    }

    /// Enrols a device for a member.
    pub fn enrol(&self, member: MemberNumber) -> Event {
        let mut link = [1; 32];
        link[..16].copy_from_slice(&self.request().0);
        let until = self.clock.now().plus_ms(60_000);
        self.administer(Act::CreateLink(member, link, until));
        let secret = *blake3::hash(&link).as_bytes();
        self.administer(Act::EnrolDevice { link, public_key: [4; 65], secret })
    }

    /// A member as it is now.
    pub fn member(&self, member: MemberNumber) -> Member {
        let found = self.book.read_and_wait(move |conn| read::member(conn, member));
        found.expect("members can be read").expect("the member is there")
    }

    /// The code that a member's device shows now.
    pub fn code(&self, member: MemberNumber) -> String {
        let issued = self.cipher.issue(&self.member(member), self.clock.now());
        issued.expect("the member has a device").digits
    }

    /// A request of a terminal.
    pub fn ask(&self, terminal: i64, fingerprint: u8) -> Ask {
        let key = RequestKey { request: self.request(), terminal: TerminalNumber(terminal) };
        Ask {
            caller: Caller { key, generation: 1 },
            valid_until: self.clock.now().plus_ms(30_000),
            fingerprint: [fingerprint; 16],
        }
    }

    /// Paying `amount` at a terminal with a code; `hold_seconds` for a hold.
    pub fn pay(&self, ask: Ask, digits: &str, amount: i64, hold_seconds: Option<i64>) -> Command {
        self.pay_for(ask, digits, (amount, Goods::NONE), hold_seconds)
    }

    /// The same, where the register says what is bought.
    pub fn pay_for(
        &self,
        ask: Ask,
        digits: &str,
        (amount, goods): (i64, Goods),
        hold_seconds: Option<i64>,
    ) -> Command {
        let (code, currency) = (self.cipher.open(digits), Currency::JPY);
        Command::PayWithCode(PayWithCode { ask, code, amount, currency, hold_seconds, goods })
    }

    /// A member's paying device confirms an order of this key.
    pub fn confirm(&self, key: RequestKey, member: MemberNumber, amount: i64) -> Command {
        let pay = PayShop {
            key,
            fingerprint: [0; 16],
            member,
            device: self.member(member).device,
            amount,
            currency: Currency::JPY,
            valid_until: self.clock.now().plus_ms(30_000),
            by: ShownBy::Order,
            proof: b"a proof".to_vec(),
        };
        Command::PayShop(PayShop { fingerprint: pay.meaning(&CODE_KEY), ..pay })
    }

    /// Capture, void or refund.
    pub fn settle(&self, ask: Ask, kind: OperationKind, payment: FactId, amount: i64) -> Command {
        Command::Settle(Settle { ask, kind, payment, amount, currency: Currency::JPY, clerk: None })
    }

    /// Undoing a request of the same terminal.
    pub fn reverse(&self, ask: Ask, target: RequestId) -> Command {
        let target = RequestKey { request: target, ..ask.caller.key };
        Command::Reverse(Reverse { ask, target, clerk: None })
    }

    /// A member pays at a terminal, and it must succeed.
    pub fn paid(&self, member: MemberNumber, terminal: i64, amount: i64) -> Operation {
        let command = self.pay(self.ask(terminal, 1), &self.code(member), amount, None);
        let operation = self.operation(command);
        assert!(operation.succeeded(), "refused: {}", operation.refusal);
        operation
    }
}

/// A command of the node's lane of this place that is refused without a record: its terminal is not
/// there.
pub fn nothing_in_lane(place: usize) -> Command {
    let mut request = RequestId([0; 16]);
    request.0[15] = u8::try_from(place).expect("a node has few lanes");
    let key = RequestKey { request, terminal: TerminalNumber(i64::MAX) };
    let caller = Caller { key, generation: 1 };
    let ask = Ask { caller, valid_until: Instant(i64::MAX), fingerprint: [0; 16] };
    let target = RequestKey { request: RequestId([1; 16]), ..key };
    Command::Reverse(Reverse { ask, target, clerk: None })
}

/// Waits for the answers to commands that were started.
pub fn answers_of(receivers: Vec<Receiver<Answer>>) -> Vec<Answer> {
    let answers = receivers.into_iter().map(|receiver| receiver.recv());
    answers.map(|answer| answer.expect("every command is answered")).collect()
}
