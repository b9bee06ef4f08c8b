//! Tables: where each row type lives, by which key, and whether it is a fact, derived from facts,
//! or work: something to be done, which changes as it is done and which `verify` cannot rebuild.
//!
//! The column names and kinds come from core's rows; this file adds what only storage knows.

mod generate;

use std::marker::PhantomData;
use std::sync::OnceLock;

use yaoki_core::account::Account;
use yaoki_core::clerk::Clerk;
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation, OperationKind, Transfer};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::ids::{
    ClerkNumber, FactId, LaneNumber, MemberNumber, RequestId, RequestKey, StoreNumber,
};
use yaoki_core::message::Message;
use yaoki_core::money::Currency;
use yaoki_core::operator::{Operator, OperatorLink, OperatorPasskey};
use yaoki_core::proposal::Proposal;
use yaoki_core::row::{Field, Kind, Row, Value};
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::state::{
    Device, EnrolmentLink, Lane, Member, Merchant, PaymentState, Store, Terminal,
};
use yaoki_core::switches::Switch;
use yaoki_core::time::Instant;
use yaoki_core::top_up::{Card, Rail, TopUp, TopUpState};
use yaoki_core::webhook::Webhook;
use yaoki_core::{coded, row};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql::Statement;

pub use self::generate::Statements;

/// A row with a home.
pub trait Record: Row {
    /// The columns of the primary key, in order.
    const KEY: &'static [&'static str];
    /// Whether rows are only ever inserted.
    const FACT: bool = false;

    /// The table's statements, made once a process.
    fn statements() -> &'static Statements {
        generate::of_table::<Self>()
    }
}

/// Lists the tables: `Row: fact, derived or work, grows or stays, key columns`.
macro_rules! records {
    ($($row:ty: $fact:ident, $grows:ident, $($key:literal),+;)+) => {
        $(impl Record for $row {
            const KEY: &'static [&'static str] = &[$($key),+];
            const FACT: bool = records!($fact);
        })+

        /// Every table: name, columns, key.
        pub const TABLES: &[Table] = &[$(Table {
            name: <$row as Row>::TABLE,
            columns: <$row as Row>::COLUMNS,
            kinds: <$row as Row>::KINDS,
            key: &[$($key),+],
            fact: records!($fact),
            grows: records!($grows),
            statements: <$row as Record>::statements,
        }),+];
    };
    (fact) => { true };
    (derived) => { false };
    (work) => { false };
    (grows) => { true };
    (stays) => { false };
}

/// One table, as data.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [&'static str],
    /// Their kinds.
    pub kinds: &'static [Kind],
    /// Its primary key.
    pub key: &'static [&'static str],
    /// Whether rows are only ever inserted.
    pub fact: bool,
    /// Whether it grows with members or payments, so that no statement may scan it.
    pub grows: bool,
    /// Its statements.
    pub statements: fn() -> &'static Statements,
}

/// The statements of every table and lookup that the product may run.
pub fn all_statements() -> Vec<&'static Statement> {
    let mut all = vec![OPERATION_BY_REQUEST.statement(), EVENT_BY_REQUEST.statement()];
    all.extend([DEVICES_OF_MEMBER.statement(), CREDENTIALS_OF_MEMBER.statement()]);
    all.extend([CONTACTS_OF_MEMBER.statement(), RECOVERIES_OF_MEMBER.statement()]);
    all.push(CARDS_OF_MEMBER.statement());
    all.extend([BALANCES.statement(), TALLIES.statement()]);
    for table in TABLES {
        let made = (table.statements)();
        all.extend([&made.insert, &made.find]);
        if !table.fact {
            all.extend([&made.upsert, &made.update, &made.delete, &made.lock, &made.lock_free]);
        }
    }
    all
}

records! {
    Operation: fact, grows, "id";
    Transfer: fact, grows, "id";
    Event: fact, grows, "id";
    Acknowledgement: fact, grows, "operation";
    Batch: fact, grows, "lane", "seq";
    Lane: derived, stays, "id";
    Member: derived, grows, "number";
    Device: derived, grows, "id";
    EnrolmentLink: derived, grows, "digest";
    Merchant: derived, stays, "number";
    Store: derived, stays, "number";
    Terminal: derived, stays, "number";
    Switch: derived, stays, "capability", "scope", "subject";
    PaymentState: derived, grows, "payment";
    Switchboard: derived, stays, "id";
    Balance: derived, stays, "account", "day";
    Tally: derived, grows, "hour", "store", "kind", "outcome";
    Position: derived, stays, "name", "lane";
    LedgerList: derived, grows, "account", "operation";
    Book: derived, stays, "id";
    Webhook: derived, stays, "number";
    Operator: derived, stays, "number";
    OperatorLink: derived, stays, "digest";
    OperatorPasskey: derived, stays, "lookup";
    Proposal: derived, grows, "id";
    StaffSession: derived, grows, "id";
    Clerk: derived, grows, "number";
    Message: work, grows, "key";
    Credential: derived, grows, "id";
    Contact: derived, grows, "digest";
    Recovery: derived, grows, "id";
    Consent: derived, grows, "member";
    PaymentProof: derived, grows, "payment";
    Card: derived, grows, "id";
    TopUp: derived, grows, "id";
    Shift: derived, grows, "id";
    Challenge: work, grows, "id";
    DeviceSeen: work, grows, "device";
}

row! {
    /// When a device has signed last, and from where: work, written once an hour at most.
    pub struct DeviceSeen in "device_seen" {
        /// The device.
        pub device: FactId,
        /// When.
        pub at: Instant,
        /// From which network: the first three numbers of an IPv4 address, /48 of an IPv6 one.
        pub network: String,
    }
}

impl DeviceSeen {
    /// When any of these was noted last; the beginning of time where none was.
    pub fn latest(all: &[Self]) -> Instant {
        all.iter().map(|row| row.at).max().unwrap_or(Instant(0))
    }
}

row! {
    /// The version of merchants, stores, terminals, webhooks, switches, operators and proposals,
    /// read by every batch.
    pub struct Switchboard in "switchboard" {
        /// Always 1.
        pub id: i64,
        /// Raised with every change, to the last id of the commit that made it.
        pub version: i64,
    }
}

impl Switchboard {
    /// The one row.
    pub(crate) fn load(conn: &mut Conn) -> Result<Self, StoreError> {
        let row = conn.find::<Self, _>(&[1_i64])?.pop();
        row.ok_or(StoreError::BookMissing)
    }

    /// Raises the version from `from`; false when another node did so first.
    pub(crate) fn raise(&self, conn: &mut Conn, from: i64) -> Result<bool, StoreError> {
        let arguments = [Value::Int(self.version), Value::Int(from)];
        Ok(conn.execute(&crate::sql::RAISE_SWITCHBOARD, &arguments)? == 1)
    }
}

row! {
    /// What an account that is no member's gained or lost in one UTC day, up to a position.
    pub struct Balance in "balance" {
        /// The account.
        pub account: Account,
        /// Days since 1970, UTC.
        pub day: i64,
        /// Minor units, net.
        pub amount: i64,
    }
}

coded! {
    /// How the requests of a tally ended.
    pub enum TallyOutcome {
        /// They moved, held or released something.
        WithEffect = 0 => "with_effect",
        /// They were declined; for tombstones: they never took effect.
        Declined = 1 => "declined",
    }
}

row! {
    /// Top-ups of one rail and state, added up.
    pub struct RailSum in "top_up" {
        /// How.
        pub rail: Rail,
        /// How far they have come.
        pub state: TopUpState,
        /// How many.
        pub count: i64,
        /// Minor units.
        pub amount: i64,
    }
}

row! {
    /// What the terminals of a store asked for in one hour, up to a position. What succeeded and
    /// had nothing to do is not in it.
    pub struct Tally in "tally" {
        /// Whole hours of Unix time.
        pub hour: i64,
        /// Whose terminals.
        pub store: StoreNumber,
        /// What was asked.
        pub kind: OperationKind,
        /// How it ended.
        pub outcome: TallyOutcome,
        /// How many.
        pub count: i64,
        /// Minor units; reversals that only released a hold add none.
        pub amount: i64,
    }
}

row! {
    /// How far a follower of the ledger has come in one lane.
    pub struct Position in "position" {
        /// Who follows.
        pub name: String,
        /// The lane.
        pub lane: LaneNumber,
        /// The last commit that it has seen.
        pub seq: i64,
    }
}

row! {
    /// An operation that belongs to an account that is no member's, up to a position.
    pub struct LedgerList in "ledger_list" {
        /// The account; a store's payable stands for every request of its terminals.
        pub account: Account,
        /// The operation.
        pub operation: FactId,
    }
}

coded! {
    /// What a book is for; it is born so, for ever.
    pub enum BookKind {
        /// To play with: enrolment links are printed, money is seeded.
        Demo = 1 => "demo",
        /// To rehearse on.
        Staging = 2 => "staging",
        /// Real money.
        Live = 3 => "live",
    }
}

row! {
    /// The book itself: one row.
    pub struct Book in "book" {
        /// Always 1.
        pub id: i64,
        /// What it is for.
        pub kind: BookKind,
        /// The one currency, ISO 4217.
        pub currency: Currency,
        /// The operator's zone, an IANA name.
        pub zone: String,
        /// When it was born.
        pub created_at: Instant,
        /// The generation of the code key that codes are issued under; a restore raises it.
        pub code_generation: i64,
        /// 1 after a restore, until two people open it.
        pub closed: i64,
    }
}

impl Book {
    /// The one row.
    pub fn load(conn: &mut Conn) -> Result<Self, StoreError> {
        let row = conn.find::<Self, _>(&[1_i64])?.pop();
        row.ok_or(StoreError::BookMissing)
    }
}

row! {
    /// One number, as an aggregate gives it.
    pub struct Number in "number" {
        /// The number.
        pub number: i64,
    }
}

/// A unique key besides the primary one.
#[derive(Debug)]
pub struct Lookup<T> {
    /// Its columns, in order.
    pub columns: &'static [&'static str],
    statement: OnceLock<Statement>,
    row: PhantomData<fn() -> T>,
}

impl<T: Record> Lookup<T> {
    const fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, statement: OnceLock::new(), row: PhantomData }
    }

    /// The statement that finds rows by it.
    pub fn statement(&self) -> &Statement {
        self.statement.get_or_init(|| generate::find::<T>(self.columns))
    }
}

/// Operations by request id and terminal.
pub static OPERATION_BY_REQUEST: Lookup<Operation> = Lookup::new(&["request_id", "terminal"]);
/// Events by request id.
pub static EVENT_BY_REQUEST: Lookup<Event> = Lookup::new(&["request_id"]);

/// Devices by member.
pub static DEVICES_OF_MEMBER: Lookup<Device> = Lookup::new(&["member"]);
/// Factors by member.
pub static CREDENTIALS_OF_MEMBER: Lookup<Credential> = Lookup::new(&["member"]);
/// Addresses by member.
pub static CONTACTS_OF_MEMBER: Lookup<Contact> = Lookup::new(&["member"]);
/// Cards by member.
pub static CARDS_OF_MEMBER: Lookup<Card> = Lookup::new(&["member"]);
/// Recoveries by member.
pub static RECOVERIES_OF_MEMBER: Lookup<Recovery> = Lookup::new(&["member"]);

/// A table of sums that is added to.
#[derive(Debug)]
pub struct Sums<T> {
    statement: OnceLock<Statement>,
    row: PhantomData<fn() -> T>,
}

impl<T: Record> Sums<T> {
    const fn new() -> Self {
        Self { statement: OnceLock::new(), row: PhantomData }
    }

    /// The statement that adds rows to those of the same key.
    pub fn statement(&self) -> &Statement {
        self.statement.get_or_init(generate::add::<T>)
    }
}

/// Daily balances.
pub static BALANCES: Sums<Balance> = Sums::new();
/// Hourly tallies.
pub static TALLIES: Sums<Tally> = Sums::new();

/// Something rows are found by: the values of a key.
pub trait Key {
    /// Appends the values, in the order of the key's columns.
    fn values<'a>(&'a self, out: &mut Vec<Value<'a>>);
}

macro_rules! keys {
    ($($type:ty),+) => {$(
        impl Key for $type {
            fn values<'a>(&'a self, out: &mut Vec<Value<'a>>) {
                out.push(self.value());
            }
        }
    )+};
}

keys!(i64, FactId, LaneNumber, MemberNumber, RequestId, [u8; 32]);

impl<A: Key, B: Key> Key for (A, B) {
    fn values<'a>(&'a self, out: &mut Vec<Value<'a>>) {
        self.0.values(out);
        self.1.values(out);
    }
}

keys!(String, Account, ClerkNumber);

impl Key for RequestKey {
    fn values<'a>(&'a self, out: &mut Vec<Value<'a>>) {
        out.push(self.request.value());
        out.push(self.terminal.value());
    }
}
