//! The outbox: messages that wait, taken up by whichever node comes first, within their budgets.
//!
//! ```text
//! waiting → take_up (lease, budgets) → sent | given up | waiting again, later
//!                 ↳ suppressed: a budget is spent     ↳ given up: its time is over
//! ```
//!
//! A message that was taken up belongs to its taker until the lease ends; the count of its tries
//! fences whoever comes back later ([`settle`] then changes nothing). So two nodes never send one
//! message at the same time. Delivery is at least once: a node that ends after the next server took
//! the message and before that is marked lets it be sent a second time.
//!
//! Budgets are counted from the rows, so they hold across restarts and nodes. Two nodes that take
//! up at the same instant do not see each other's: the most that goes out beyond a budget is what
//! the other nodes take up at that instant, [`TAKEN_MAX`] each.
//!
//! All of this runs as errands, [`crate::Book::run_errand`], except reading.

use yaoki_core::message::{
    Arguments, Channel, Confirmation, KEPT_MS, Message, MessageState, Purse,
};
use yaoki_core::row::{Field, Value};
use yaoki_core::time::{DAY_MS, HOUR_MS, Instant, MINUTE_MS};

use crate::conn::{Conn, LockMode};
use crate::error::StoreError;
use crate::sql::{self, Statement};
use crate::table::Number;

/// What is over a budget that strangers cannot use up is looked at again after so long,
/// milliseconds.
const POSTPONED_MS: i64 = 15 * MINUTE_MS;
/// The most messages that are taken up at once: each is counted against its budgets in the commit
/// that takes it up, between two batches of payments.
pub const TAKEN_MAX: i64 = 16;
/// The most messages that are deleted at once.
const DELETED_MAX: i64 = 500;
/// How long the addressee of a code has had before it counts as not answered, milliseconds.
const ANSWERED_AFTER_MS: i64 = 10 * MINUTE_MS;

/// How many messages may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// To one address in an hour.
    pub address_per_hour: i64,
    /// To one address in a day.
    pub address_per_day: i64,
    /// To all addresses of one prefix in a day.
    pub prefix_per_day: i64,
    /// In a day.
    pub per_day: i64,
}

/// The budgets of one channel, by purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// What strangers can cause.
    pub strangers: Budget,
    /// What members are told.
    pub members: Budget,
}

impl Budgets {
    /// The budget of a purse.
    pub const fn of(&self, purse: Purse) -> &Budget {
        match purse {
            Purse::SignUps | Purse::Recoveries | Purse::Attempts | Purse::Additions => {
                &self.strangers
            }
            Purse::Members | Purse::Alarms => &self.members,
        }
    }
}

/// What is taken up.
#[derive(Clone, Copy, Debug)]
pub struct TakeUp {
    /// By which channel it goes.
    pub channel: Channel,
    /// Within which budgets.
    pub budgets: Budgets,
    /// Whether what strangers cause is suppressed, whatever its budget: see [`Codes`].
    pub without_strangers: bool,
    /// How long it belongs to its taker, milliseconds.
    pub lease_ms: i64,
    /// The time.
    pub now: Instant,
}

/// What was taken up, and what became of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenUp {
    /// To be sent now.
    pub messages: Vec<Message>,
    /// How many were suppressed.
    pub suppressed: u64,
    /// How many wait until their budget has room.
    pub postponed: u64,
    /// How many were given up, because their time is over.
    pub given_up: u64,
}

/// Takes up messages of one channel that are due, [`TAKEN_MAX`] at most.
///
/// # Errors
/// When the storage fails.
pub fn take_up(conn: &mut Conn, ask: &TakeUp) -> Result<TakenUp, StoreError> {
    let due = [ask.channel.value(), Value::Int(ask.now.0), Value::Int(TAKEN_MAX)];
    let due: Vec<Message> = conn.query(&sql::MESSAGES_DUE, &due)?;
    let keys: Vec<[u8; 32]> = due.iter().map(|message| message.key).collect();
    let mut taken = TakenUp::default();
    // Another node may have taken one up since, or hold it: it is that node's.
    let free = conn.lock::<Message>(&keys, LockMode::SkipLocked)?;
    let is_due = |one: &Message| one.state == MessageState::Waiting && one.next_at <= ask.now;
    for message in free.into_iter().filter(is_due) {
        take_up_one(conn, ask, message, &mut taken)?;
    }
    Ok(taken)
}

fn take_up_one(
    conn: &mut Conn,
    ask: &TakeUp,
    mut message: Message,
    taken: &mut TakenUp,
) -> Result<(), StoreError> {
    let is_new = message.admitted_at == Instant(0);
    if message.expires_at <= ask.now {
        end(&mut message, MessageState::GivenUp);
        taken.given_up += 1;
    } else if is_new && !may_go(conn, ask, &message)? {
        if message.purse.is_of_strangers() {
            end(&mut message, MessageState::Suppressed);
            taken.suppressed += 1;
        } else {
            message.next_at = ask.now.plus_ms(POSTPONED_MS);
            taken.postponed += 1;
        }
    } else {
        if is_new {
            message.admitted_at = ask.now;
        }
        message.tries += 1;
        message.next_at = ask.now.plus_ms(ask.lease_ms);
        taken.messages.push(message.clone());
    }
    // At once, so that the next one is counted with it.
    conn.update(&[&message])?;
    Ok(())
}

/// What only the addressee may know goes with the end.
fn end(message: &mut Message, state: MessageState) {
    message.state = state;
    message.arguments = Arguments::new();
}

/// Whether every budget of a message has room.
fn may_go(conn: &mut Conn, ask: &TakeUp, message: &Message) -> Result<bool, StoreError> {
    if ask.without_strangers && message.purse.is_of_strangers() {
        return Ok(false);
    }
    let budget = ask.budgets.of(message.purse);
    let digest = message.address_digest.value();
    let prefix = message.prefix.value();
    let channel = message.channel.value();
    let counts: [(&'static Statement, Value<'_>, i64, i64); 4] = [
        (&sql::MESSAGES_TO_ADDRESS, digest, HOUR_MS, budget.address_per_hour),
        (&sql::MESSAGES_TO_ADDRESS, digest, DAY_MS, budget.address_per_day),
        (&sql::MESSAGES_TO_PREFIX, prefix, DAY_MS, budget.prefix_per_day),
        (&sql::MESSAGES_BY_CHANNEL, channel, DAY_MS, budget.per_day),
    ];
    for (statement, whose, since_ms, most) in counts {
        let since = Value::Int(ask.now.0 - since_ms);
        let arguments = [whose, message.purse.value(), since, Value::Int(most)];
        if number(conn, statement, &arguments)? >= most {
            return Ok(false);
        }
    }
    Ok(true)
}

fn number(
    conn: &mut Conn,
    statement: &'static Statement,
    arguments: &[Value<'_>],
) -> Result<i64, StoreError> {
    let row = conn.query::<Number>(statement, arguments)?.pop();
    Ok(row.map_or(0, |row| row.number))
}

/// What became of a message that was taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The next server has it.
    Sent,
    /// It stays here, to be read on a page: a demo's mailbox. Its arguments stay with it.
    Shown,
    /// It is never going to be taken.
    GivenUp,
    /// It is tried again.
    Again {
        /// When.
        at: Instant,
    },
}

/// Says what became of a message. False where it is no longer this taker's, and nothing changes.
///
/// # Errors
/// When the storage fails.
pub fn settle(
    conn: &mut Conn,
    (key, tries): ([u8; 32], i64),
    settled: Settled,
) -> Result<bool, StoreError> {
    let found = conn.lock::<Message>(&[key], LockMode::Wait)?.pop();
    let is_ours = |one: &Message| one.state == MessageState::Waiting && one.tries == tries;
    let Some(mut message) = found.filter(is_ours) else { return Ok(false) };
    match settled {
        Settled::Sent => end(&mut message, MessageState::Sent),
        Settled::Shown => message.state = MessageState::Sent,
        Settled::GivenUp => end(&mut message, MessageState::GivenUp),
        Settled::Again { at } => message.next_at = at,
    }
    conn.update(&[&message])?;
    Ok(true)
}

/// Deletes what is older than [`KEPT_MS`], some at a time; says how many.
///
/// # Errors
/// When the storage fails.
pub fn delete_old(conn: &mut Conn, now: Instant) -> Result<u64, StoreError> {
    let arguments = [Value::Int(now.0 - KEPT_MS), Value::Int(DELETED_MAX)];
    conn.execute(&sql::DELETE_MESSAGES, &arguments)
}

/// What became of the codes that strangers asked for within an hour: many that nobody types are a
/// pump, which earns by the messages themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// Nobody typed them in time.
    pub unanswered: i64,
    /// They were typed.
    pub answered: i64,
}

/// Counts the codes of strangers that went out by a channel within the hour before the last ten
/// minutes.
///
/// # Errors
/// When the storage fails.
pub fn codes(conn: &mut Conn, channel: Channel, now: Instant) -> Result<Codes, StoreError> {
    let until = now.0 - ANSWERED_AFTER_MS;
    let mut count = |confirmation: Confirmation| {
        let mut sum = 0;
        for purse in [Purse::SignUps, Purse::Recoveries, Purse::Additions] {
            let [since, until] = [Value::Int(until - HOUR_MS), Value::Int(until)];
            let arguments = [channel.value(), purse.value(), since, until, confirmation.value()];
            sum += number(conn, &sql::MESSAGES_ANSWERED, &arguments)?;
        }
        Ok::<i64, StoreError>(sum)
    };
    let unanswered = count(Confirmation::Awaited)?;
    Ok(Codes { unanswered, answered: count(Confirmation::Given)? })
}

/// The newest messages, at most `limit`.
///
/// # Errors
/// When the storage fails.
pub fn newest(conn: &mut Conn, limit: i64) -> Result<Vec<Message>, StoreError> {
    conn.query(&sql::NEWEST_MESSAGES, &[Value::Int(limit)])
}
