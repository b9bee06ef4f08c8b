//! Every statement that is not generated from a table, by name. A test prepares each on both
//! storages and reads its plan: none scans a table that grows, except those marked so, for offline
//! work.
//!
//! Placeholders are `$1`, `$2`… in order of first use. A `{columns of TABLE}` token stands for the
//! row's columns.

use std::sync::OnceLock;

use yaoki_core::clerk::Clerk;
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation, Transfer};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::message::Message;
use yaoki_core::operator::{Operator, OperatorLink, OperatorPasskey};
use yaoki_core::proposal::Proposal;
use yaoki_core::row::Row;
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::state::{
    Device, EnrolmentLink, Lane, Member, Merchant, PaymentState, Store, Terminal,
};
use yaoki_core::switches::Switch;
use yaoki_core::top_up::{Card, TopUp};
use yaoki_core::webhook::Webhook;

use crate::table::{
    Balance, Book, DeviceSeen, LedgerList, Number, Position, RailSum, Switchboard, Tally,
};

/// A named statement.
#[derive(Debug)]
pub struct Statement {
    /// Its name, unique, as it is in errors.
    pub name: &'static str,
    /// Whether it reads a whole growing table, for offline work only.
    pub scans: bool,
    /// How many arguments it takes; arrays, where it was made from a table, on PostgreSQL.
    pub arguments: usize,
    columns: fn() -> &'static [&'static str],
    prefix: &'static str,
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Statement {
    /// A statement made from a table. Its name is kept for the life of the process: there are a few
    /// a table, each made once.
    pub(crate) fn generated(
        name: String,
        arguments: usize,
        sqlite: String,
        postgres: String,
    ) -> Self {
        Self {
            name: name.leak(),
            scans: false,
            arguments,
            columns: || &[],
            prefix: "",
            text: "",
            sqlite: OnceLock::from(sqlite),
            postgres: OnceLock::from(postgres),
        }
    }

    /// The text for PostgreSQL, made once.
    pub fn postgres(&self) -> &str {
        self.postgres.get_or_init(|| {
            let columns = (self.columns)().iter();
            let columns = columns.map(|column| format!("{}{column}", self.prefix));
            self.text.replace("{columns}", &columns.collect::<Vec<_>>().join(", "))
        })
    }

    /// The text for SQLite, made once.
    pub fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| self.postgres().replace('$', "?"))
    }
}

macro_rules! statements {
    ($(
        $(#[$meta:meta])*
        $name:ident: $row:ty, $prefix:literal, $arguments:literal, $scans:literal, $text:literal;
    )+) => {
        $(
            $(#[$meta])*
            pub static $name: Statement = Statement {
                name: stringify!($name),
                scans: $scans,
                arguments: $arguments,
                columns: || <$row as Row>::COLUMNS,
                prefix: $prefix,
                text: $text,
                sqlite: OnceLock::new(),
                postgres: OnceLock::new(),
            };
        )+

        /// Every named statement.
        pub static ALL: &[&Statement] = &[$(&$name),+];
    };
}

statements! {
    /// Every lane.
    LANES: Lane, "", 0, false, "SELECT {columns} FROM lane ORDER BY id";
    /// Every merchant.
    MERCHANTS: Merchant, "", 0, false, "SELECT {columns} FROM merchant ORDER BY number";
    /// Every store.
    STORES: Store, "", 0, false, "SELECT {columns} FROM store ORDER BY number";
    /// Every terminal.
    TERMINALS: Terminal, "", 0, false, "SELECT {columns} FROM terminal ORDER BY number";
    /// The first terminal of a store.
    FIRST_TERMINAL_OF_STORE: Terminal, "", 1, false,
        "SELECT {columns} FROM terminal WHERE store = $1 ORDER BY number LIMIT 1";
    /// Every closed switch.
    SWITCHES: Switch, "", 0, false,
        "SELECT {columns} FROM switch ORDER BY capability, scope, subject";
    /// Every webhook endpoint.
    WEBHOOKS: Webhook, "", 0, false, "SELECT {columns} FROM webhook ORDER BY number";
    /// Every operator.
    OPERATORS: Operator, "", 0, false, "SELECT {columns} FROM operator ORDER BY number";
    /// Every link of an operator's.
    OPERATOR_LINKS: OperatorLink, "", 0, false,
        "SELECT {columns} FROM operator_link ORDER BY digest";
    /// Every passkey of an operator's.
    OPERATOR_PASSKEYS: OperatorPasskey, "", 0, false,
        "SELECT {columns} FROM operator_passkey ORDER BY lookup";
    /// The newest proposals after one that are neither refused nor used.
    LIVE_PROPOSALS: Proposal, "", 2, false,
        "SELECT {columns} FROM proposal WHERE state < 2 AND id > $1 ORDER BY id DESC LIMIT $2";
    /// The newest proposals before one.
    PROPOSALS_BEFORE: Proposal, "", 2, false,
        "SELECT {columns} FROM proposal WHERE id < $1 ORDER BY id DESC LIMIT $2";
    /// Every proposal, from one on.
    PROPOSALS_AFTER: Proposal, "", 2, false,
        "SELECT {columns} FROM proposal WHERE id > $1 ORDER BY id LIMIT $2";
    /// Every session of staff, from one on.
    STAFF_SESSIONS_AFTER: StaffSession, "", 2, false,
        "SELECT {columns} FROM staff_session WHERE id > $1 ORDER BY id LIMIT $2";
    /// Every clerk, from one on.
    CLERKS_AFTER: Clerk, "", 2, false,
        "SELECT {columns} FROM clerk WHERE number > $1 ORDER BY number LIMIT $2";
    /// The clerks of a store, from one on.
    CLERKS_OF_STORE: Clerk, "", 3, false,
        "SELECT {columns} FROM clerk WHERE store = $1 AND number > $2 ORDER BY number LIMIT $3";
    /// The last clerk's number.
    LAST_CLERK: Number, "", 0, false,
        "SELECT number FROM clerk ORDER BY number DESC LIMIT 1";
    /// A member's top-ups, from one on.
    TOP_UPS_SINCE: TopUp, "", 2, false,
        "SELECT {columns} FROM top_up WHERE member = $1 AND id >= $2 ORDER BY id";
    /// Who topped up by card from a network, from one on; the newest, one line each time.
    MEMBERS_OF_NETWORK: Number, "", 3, false,
        "SELECT member AS number FROM top_up
         WHERE network = $1 AND rail = 1 AND id >= $2 ORDER BY id DESC LIMIT $3";
    /// Operations from one back to another, newest first.
    OPERATIONS_BACK: Operation, "", 3, false,
        "SELECT {columns} FROM operation WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    /// What says how a member's devices, cards and top-ups stood.
    EVENTS_OF_STANDING: Event, "", 1, false,
        "SELECT {columns} FROM event WHERE subject = $1
         AND kind IN (9, 10, 11, 13, 14, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 44, 80, 81, 82, 83,
         84, 85, 86, 87, 88, 89, 90, 91, 92)
         ORDER BY id";
    /// A member's newest top-ups before one.
    TOP_UPS_BEFORE: TopUp, "", 3, false,
        "SELECT {columns} FROM top_up WHERE member = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    /// Top-ups of which something is still to come, from one on.
    TOP_UPS_OPEN: TopUp, "", 2, false,
        "SELECT {columns} FROM top_up WHERE state IN (1, 2, 5, 6, 9) AND id > $1
         ORDER BY id LIMIT $2";
    /// Top-ups since one, added up by rail and state.
    TOP_UPS_SUMMED: RailSum, "", 1, false,
        "SELECT rail, state, CAST(COUNT(*) AS BIGINT) AS count,
            CAST(SUM(amount) AS BIGINT) AS amount
         FROM top_up WHERE id >= $1 GROUP BY rail, state ORDER BY rail, state";
    /// The top-up that the acquirer calls so.
    TOP_UP_BY_REFERENCE: TopUp, "", 1, false,
        "SELECT {columns} FROM top_up WHERE reference = $1 AND reference <> ''";
    /// Cards of a fingerprint that can be used, or were disputed, whoever's.
    CARDS_BY_FINGERPRINT: Card, "", 1, false,
        "SELECT {columns} FROM card WHERE fingerprint = $1 AND state IN (0, 2)";
    /// One page of cards, for verify and backup.
    CARDS_AFTER: Card, "", 2, false,
        "SELECT {columns} FROM card WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of top-ups, for verify and backup.
    TOP_UPS_AFTER: TopUp, "", 2, false,
        "SELECT {columns} FROM top_up WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of shifts, for verify and backup.
    SHIFTS_AFTER: Shift, "", 2, false,
        "SELECT {columns} FROM shift WHERE id > $1 ORDER BY id LIMIT $2";
    /// The newest shifts of a terminal.
    SHIFTS_OF_TERMINAL: Shift, "", 2, false,
        "SELECT {columns} FROM shift WHERE terminal = $1 ORDER BY id DESC LIMIT $2";
    /// The event that brought the policy in force.
    PRESENT_POLICY: Event, "", 1, false,
        "SELECT {columns} FROM event WHERE kind = 72 AND id > $1 ORDER BY id DESC LIMIT 1";
    /// Opens a book that was closed after a restore.
    OPEN_BOOK: Number, "", 0, false, "UPDATE book SET closed = 0 WHERE id = 1";
    /// Raises the switchboard's version, if nobody else did.
    RAISE_SWITCHBOARD: Number, "", 2, false,
        "UPDATE switchboard SET version = $1 WHERE id = 1 AND version = $2";
    /// The schema's number.
    SCHEMA_VERSION: Number, "", 0, false,
        "SELECT COALESCE(MAX(number), 0) AS number FROM migration";
    /// Says that a migration was run.
    RECORD_MIGRATION: Number, "", 2, false,
        "INSERT INTO migration (number, title) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// The last member number.
    LAST_MEMBER: Number, "", 0, false,
        "SELECT number FROM member ORDER BY number DESC LIMIT 1";
    /// Commits of a lane after a position.
    BATCHES_AFTER: Batch, "", 3, false,
        "SELECT {columns} FROM batch WHERE lane = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    /// Operations of a range of ids.
    OPERATIONS_BETWEEN: Operation, "", 2, false,
        "SELECT {columns} FROM operation WHERE id BETWEEN $1 AND $2 ORDER BY id";
    /// The first operations of a range of ids.
    OPERATIONS_BETWEEN_SOME: Operation, "", 3, false,
        "SELECT {columns} FROM operation WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3";
    /// Transfers of a range of ids.
    TRANSFERS_BETWEEN: Transfer, "", 2, false,
        "SELECT {columns} FROM transfer WHERE id BETWEEN $1 AND $2 ORDER BY id";
    /// Events of a range of ids.
    EVENTS_BETWEEN: Event, "", 2, false,
        "SELECT {columns} FROM event WHERE id BETWEEN $1 AND $2 ORDER BY id";
    /// Later operations on a payment.
    OPERATIONS_OF_PAYMENT: Operation, "", 1, false,
        "SELECT {columns} FROM operation
         WHERE payment = $1 AND payment <> 0 AND payment <> id ORDER BY id";
    /// One page of an account's list, newest first.
    OPERATIONS_OF_ACCOUNT: Operation, "o.", 3, false,
        "SELECT {columns} FROM ledger_list l JOIN operation o ON o.id = l.operation
         WHERE l.account = $1 AND l.operation < $2 ORDER BY l.operation DESC LIMIT $3";
    /// Holds whose time is over.
    LAPSED_HOLDS: PaymentState, "", 2, false,
        "SELECT {columns} FROM payment_state
         WHERE held > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
    /// What an account gained, by day.
    BALANCES_OF_ACCOUNT: Balance, "", 1, false,
        "SELECT {columns} FROM balance WHERE account = $1 ORDER BY day";
    /// What was asked for in a range of hours, by hour; of all stores, as store 0.
    TALLY_BY_HOUR: Tally, "", 2, false,
        "SELECT hour, CAST(0 AS BIGINT) AS store, kind, outcome,
            CAST(SUM(count) AS BIGINT) AS count, CAST(SUM(amount) AS BIGINT) AS amount
         FROM tally WHERE hour >= $1 AND hour < $2
         GROUP BY hour, kind, outcome ORDER BY hour, kind, outcome";
    /// The same by store, in all hours together, as hour 0.
    TALLY_BY_STORE: Tally, "", 2, false,
        "SELECT CAST(0 AS BIGINT) AS hour, store, kind, outcome,
            CAST(SUM(count) AS BIGINT) AS count, CAST(SUM(amount) AS BIGINT) AS amount
         FROM tally WHERE hour >= $1 AND hour < $2
         GROUP BY store, kind, outcome ORDER BY store, kind, outcome";
    /// Operations before one id and not before another, newest first.
    OPERATIONS_BEFORE: Operation, "", 3, false,
        "SELECT {columns} FROM operation WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3";
    /// Operations of one request id, whichever terminal made it.
    OPERATIONS_OF_REQUEST: Operation, "", 2, false,
        "SELECT {columns} FROM operation WHERE request_id = $1 ORDER BY terminal LIMIT $2";
    /// Transfers of an account's list in a range of ids.
    TRANSFERS_OF_ACCOUNT: Transfer, "t.", 3, false,
        "SELECT {columns} FROM ledger_list l JOIN operation o ON o.id = l.operation
         JOIN transfer t ON t.id > o.id AND t.id <= o.id + 2 AND t.operation = o.id
         WHERE l.account = $1 AND l.operation >= $2 AND l.operation < $3
            AND (t.debit = $1 OR t.credit = $1) ORDER BY t.id";
    /// One page of the same, oldest first.
    TRANSFERS_OF_ACCOUNT_PAGE: Transfer, "t.", 4, false,
        "SELECT {columns} FROM ledger_list l JOIN operation o ON o.id = l.operation
         JOIN transfer t ON t.id > o.id AND t.id <= o.id + 2 AND t.operation = o.id
         WHERE l.account = $1 AND l.operation >= $2 AND l.operation < $3
            AND (t.debit = $1 OR t.credit = $1) ORDER BY l.operation LIMIT $4";
    /// Operations of one member from one of them back, newest first: not before an id, at most so
    /// many. Each names the one before it.
    OPERATIONS_BACK_FROM: Operation, "o.", 3, false,
        "WITH RECURSIVE walk (id, previous, step) AS (
            SELECT id, previous, 1 FROM operation WHERE id = $1 AND id >= $2
            UNION ALL
            SELECT b.id, b.previous, w.step + 1 FROM walk w CROSS JOIN operation b
            WHERE b.id = w.previous AND b.id >= $2 AND w.step < $3
         )
         SELECT {columns} FROM walk CROSS JOIN operation o WHERE o.id = walk.id ORDER BY o.id DESC";
    /// One page of members, for verify.
    MEMBERS_AFTER: Member, "", 2, false,
        "SELECT {columns} FROM member WHERE number > $1 ORDER BY number LIMIT $2";
    /// One page of devices, for verify.
    DEVICES_AFTER: Device, "", 2, false,
        "SELECT {columns} FROM device WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of payment states, for verify.
    PAYMENT_STATES_AFTER: PaymentState, "", 2, false,
        "SELECT {columns} FROM payment_state WHERE payment > $1 ORDER BY payment LIMIT $2";
    /// One page of an account list, for verify.
    LEDGER_LIST_AFTER: LedgerList, "", 3, false,
        "SELECT {columns} FROM ledger_list WHERE (account, operation) > ($1, $2)
         ORDER BY account, operation LIMIT $3";
    /// How many operations there are, for verify.
    COUNT_OPERATIONS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM operation";
    /// How many transfers there are, for verify.
    COUNT_TRANSFERS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM transfer";
    /// How many events there are, for verify.
    COUNT_EVENTS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM event";
    /// How many acknowledgements there are, for verify.
    COUNT_ACKNOWLEDGEMENTS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM acknowledgement";
    /// How many enrolment links there are, for verify.
    COUNT_LINKS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM enrolment_link";
    /// How many proofs of payments there are, for verify.
    COUNT_PROOFS: Number, "", 0, true, "SELECT COUNT(*) AS number FROM payment_proof";
    /// How many list entries there are, for verify.
    COUNT_LEDGER_LIST: Number, "", 0, true, "SELECT COUNT(*) AS number FROM ledger_list";
    /// One page of operations, for verify and backup.
    OPERATIONS_AFTER: Operation, "", 2, false,
        "SELECT {columns} FROM operation WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of events, for verify and backup.
    EVENTS_AFTER: Event, "", 2, false,
        "SELECT {columns} FROM event WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of transfers, for verify and backup.
    TRANSFERS_AFTER: Transfer, "", 2, false,
        "SELECT {columns} FROM transfer WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of acknowledgements, for verify and backup.
    ACKNOWLEDGEMENTS_AFTER: Acknowledgement, "", 2, false,
        "SELECT {columns} FROM acknowledgement WHERE operation > $1 ORDER BY operation LIMIT $2";
    /// One page of commits of every lane, for verify and backup.
    ALL_BATCHES_AFTER: Batch, "", 3, false,
        "SELECT {columns} FROM batch WHERE (lane, seq) > ($1, $2) ORDER BY lane, seq LIMIT $3";
    /// One page of enrolment links, for verify and backup.
    LINKS_AFTER: EnrolmentLink, "", 2, false,
        "SELECT {columns} FROM enrolment_link WHERE digest > $1 ORDER BY digest LIMIT $2";
    /// One page of daily balances, for verify and backup.
    BALANCES_AFTER: Balance, "", 3, false,
        "SELECT {columns} FROM balance WHERE (account, day) > ($1, $2)
         ORDER BY account, day LIMIT $3";
    /// One page of hourly tallies, for verify and backup.
    TALLIES_AFTER: Tally, "", 5, false,
        "SELECT {columns} FROM tally WHERE (hour, store, kind, outcome) > ($1, $2, $3, $4)
         ORDER BY hour, store, kind, outcome LIMIT $5";
    /// One page of factors, for verify and backup.
    CREDENTIALS_AFTER: Credential, "", 2, false,
        "SELECT {columns} FROM credential WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of addresses, for verify and backup.
    CONTACTS_AFTER: Contact, "", 2, false,
        "SELECT {columns} FROM contact WHERE digest > $1 ORDER BY digest LIMIT $2";
    /// One page of recoveries, for verify and backup.
    RECOVERIES_AFTER: Recovery, "", 2, false,
        "SELECT {columns} FROM recovery WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of consents, for verify and backup.
    CONSENTS_AFTER: Consent, "", 2, false,
        "SELECT {columns} FROM consent WHERE member > $1 ORDER BY member LIMIT $2";
    /// One page of proofs of payments, for verify and backup.
    PROOFS_AFTER: PaymentProof, "", 2, false,
        "SELECT {columns} FROM payment_proof WHERE payment > $1 ORDER BY payment LIMIT $2";
    /// One page of challenges, for backup.
    CHALLENGES_AFTER: Challenge, "", 2, false,
        "SELECT {columns} FROM challenge WHERE id > $1 ORDER BY id LIMIT $2";
    /// One page of when devices signed, for backup.
    DEVICES_SEEN_AFTER: DeviceSeen, "", 2, false,
        "SELECT {columns} FROM device_seen WHERE device > $1 ORDER BY device LIMIT $2";
    /// The factor that is found by itself: a passkey's, or an external id's.
    CREDENTIAL_BY_LOOKUP: Credential, "", 1, false,
        "SELECT {columns} FROM credential
         WHERE lookup = $1 AND state = 0 AND length(lookup) > 0";
    /// Challenges that are over.
    CHALLENGES_OVER: Challenge, "", 2, false,
        "SELECT {columns} FROM challenge WHERE expires_at < $1 ORDER BY expires_at LIMIT $2";
    /// Every follower's position.
    POSITIONS: Position, "", 0, false, "SELECT {columns} FROM position ORDER BY name, lane";
    /// The switchboard's version.
    SWITCHBOARDS: Switchboard, "", 0, false, "SELECT {columns} FROM switchboard ORDER BY id";
    /// The book itself.
    BOOKS: Book, "", 0, false, "SELECT {columns} FROM book ORDER BY id";
    /// Later operations on a range of payments that have a state, for verify.
    OPERATIONS_OF_PAYMENTS: Operation, "o.", 2, false,
        "SELECT {columns} FROM payment_state p JOIN operation o ON o.payment = p.payment
         WHERE p.payment BETWEEN $1 AND $2 AND o.payment <> 0 AND o.payment <> o.id ORDER BY o.id";
    /// Transfers that no operation has caused, for verify.
    STRAY_TRANSFERS: Transfer, "t.", 1, true,
        "SELECT {columns} FROM transfer t WHERE NOT EXISTS (SELECT 1 FROM operation o
            WHERE o.id = t.operation AND t.id > o.id AND t.id <= o.id + 2)
         ORDER BY t.id LIMIT $1";
    /// The first commit of the next lane that has any, for verify.
    NEXT_LANE_WITH_BATCHES: Batch, "", 1, false,
        "SELECT {columns} FROM batch WHERE lane > $1 ORDER BY lane, seq LIMIT 1";
    /// Messages of a channel that are to be sent, those that wait longest first.
    MESSAGES_DUE: Message, "", 3, false,
        "SELECT {columns} FROM message
         WHERE state = 0 AND channel = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3";
    /// How many messages out of a purse went to an address since a time, as far as a limit.
    MESSAGES_TO_ADDRESS: Number, "", 4, false,
        "SELECT COUNT(*) AS number FROM (SELECT key FROM message
            WHERE address_digest = $1 AND purse = $2 AND admitted_at > $3 LIMIT $4) AS sent";
    /// The same to addresses of a prefix.
    MESSAGES_TO_PREFIX: Number, "", 4, false,
        "SELECT COUNT(*) AS number FROM (SELECT key FROM message
            WHERE prefix = $1 AND purse = $2 AND admitted_at > $3 LIMIT $4) AS sent";
    /// The same by a channel.
    MESSAGES_BY_CHANNEL: Number, "", 4, false,
        "SELECT COUNT(*) AS number FROM (SELECT key FROM message
            WHERE channel = $1 AND purse = $2 AND admitted_at > $3 LIMIT $4) AS sent";
    /// How many messages out of a purse, sent by a channel between two times, were answered so.
    MESSAGES_ANSWERED: Number, "", 5, false,
        "SELECT COUNT(*) AS number FROM message WHERE channel = $1 AND purse = $2
            AND admitted_at > $3 AND admitted_at <= $4 AND confirmation = $5";
    /// Says that a message's code was typed.
    CONFIRM_MESSAGE: Message, "", 1, false,
        "UPDATE message SET confirmation = 2 WHERE key = $1 AND confirmation = 1";
    /// The newest messages.
    NEWEST_MESSAGES: Message, "", 1, false,
        "SELECT {columns} FROM message ORDER BY created_at DESC, key DESC LIMIT $1";
    /// Deletes some messages from before a time.
    DELETE_MESSAGES: Message, "", 2, false,
        "DELETE FROM message WHERE key IN (SELECT key FROM message
            WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    /// One page of messages, for backup.
    MESSAGES_AFTER: Message, "", 2, false,
        "SELECT {columns} FROM message WHERE key > $1 ORDER BY key LIMIT $2";
}
