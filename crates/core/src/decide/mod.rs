//! Deciding: `decide(&View, command) -> (Decision, Effects)`, pure.
//!
//! Shape of every rule: answer a repeat; check everything in order of precedence; then change. A
//! refusal that ends a request is recorded as an operation of its own, so that it is final. The
//! view is not changed here; [`View::apply`] does that with the effects.

mod admin;
mod bulk;
mod card;
mod clerk;
mod help_desk;
mod identity;
mod limit;
mod money_in;
mod operator;
mod pay;
mod pay_shop;
mod policy;
mod proposal;
pub mod replay;
mod reverse;
mod risk;
mod settle;
mod show;
mod staff;
mod top_up;

pub use money_in::may_add_card;
pub use pay_shop::may_show_order;
pub(crate) use risk::looks_of_payment;
pub use show::may_show_code;

use crate::command::{Ask, Caller, Command};
use crate::facts::{Acknowledgement, Effect, Event, Operation, OperationKind};
use crate::identity::challenge::Challenge;
use crate::ids::{FactId, MemberNumber, OperatorNumber, RequestKey, TerminalNumber};
use crate::money::{Currency, amount_is_in_range};
use crate::refusal::{Finality, Refusal};
use crate::state::Terminal;
use crate::time::{BusinessDate, Instant, MINUTE_MS, SECOND_MS};
use crate::view::{Effects, View};

/// `valid_until` may be at most this far ahead.
pub const VALID_UNTIL_MS_MAX: i64 = 60 * SECOND_MS;
/// That of an order which a register shows may be at most this far ahead.
pub const ORDER_MS_MAX: i64 = 5 * MINUTE_MS;

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An operation: succeeded or declined, stored and final.
    Decided {
        /// The stored row that the answer is rendered from.
        operation: Operation,
        /// Whether it was decided before, and this is the same answer again.
        replayed: bool,
        /// Whether the code was forged (right length, prefix and Luhn digit, but no tag of the
        /// device's last hour). Evidence, not stored.
        forged: bool,
    },
    /// Query: no such request has been seen; only a reverse makes that final.
    NotSeen,
    /// So many operations are acknowledged now that were not before.
    Acknowledged(usize),
    /// An event was booked.
    Done {
        /// The event; `subject` or `object` is the number that was given out.
        event: Event,
        /// Whether it was booked before.
        replayed: bool,
    },
    /// How a challenge stands now. Nothing was booked.
    Challenged(Challenge),
    /// It was done, and nothing was booked.
    Noted,
}

/// What `decide` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Decided.
    Done(Outcome),
    /// Refused without a record: the request is still open.
    Refused(Refused),
    /// A row is needed that was not loaded: lead the next batch.
    Later,
}

/// A refusal that is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The first request of this id, where another meaning was sent.
    pub first: Option<Operation>,
}

/// Decides one command. Changes nothing.
pub fn decide(view: &View, command: &Command) -> (Decision, Effects) {
    let mut effects = Effects::default();
    let result = match command {
        Command::PayWithCode(pay) => pay::decide(view, pay, &mut effects),
        Command::PayShop(pay) => pay_shop::decide(view, pay, &mut effects),
        Command::Settle(settle) => settle::decide(view, settle, &mut effects),
        Command::Reverse(reverse) => reverse::decide(view, reverse, &mut effects),
        Command::Query(caller) => query(view, caller),
        Command::Acknowledge(caller, requests) => {
            let keys = requests
                .iter()
                .map(|&request| RequestKey { request, terminal: caller.key.terminal });
            acknowledge(view, caller, keys, &mut effects)
        }
        Command::ExpireHold(payment) => settle::expire(view, *payment, &mut effects),
        Command::Credit(credit) => pay::credit(view, credit, &mut effects),
        Command::BulkCredit(credit) => bulk::decide(view, credit, &mut effects),
        Command::Administer(administer) => {
            admin::decide(view, administer, OperatorNumber::NONE, &mut effects)
        }
        Command::Identity(identity) => identity::decide(view, identity, &mut effects),
        Command::Operate(operate) => staff::operate(view, operate, &mut effects),
        Command::MoneyIn(step) => money_in::decide(view, step, &mut effects),
        Command::TopUpWithCode(top_up) => top_up::decide(view, top_up, &mut effects),
    };
    match result {
        Ok(outcome) => (Decision::Done(outcome), effects),
        Err(Stop::Later) => (Decision::Later, Effects::default()),
        Err(Stop::Refused(refusal)) => {
            assert!(refusal.finality() == Finality::Unrecorded, "a final refusal is recorded");
            (Decision::Refused(Refused { refusal, first: None }), Effects::default())
        }
        Err(Stop::AnotherMeaning(first)) => {
            let refusal = Refusal::RequestIdHasAnotherMeaning;
            (Decision::Refused(Refused { refusal, first: Some(*first) }), Effects::default())
        }
    }
}

/// Why a rule stops short of a stored outcome.
enum Stop {
    Later,
    Refused(Refusal),
    AnotherMeaning(Box<Operation>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Refuses with `refusal` unless `holds`.
fn must(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

/// The terminal that signed, if its key is believed.
fn signer<'a>(view: &'a View, caller: &Caller) -> Result<&'a Terminal, Refusal> {
    let terminal = view.directory.terminals.get(&caller.key.terminal);
    let terminal = terminal.ok_or(Refusal::TerminalMustExist)?;
    must(terminal.believes(caller.generation, view.now), Refusal::TerminalKeyMustBeCurrent)?;
    Ok(terminal)
}

/// The same answer again, if this request was decided before.
fn repeat(view: &View, ask: &Ask, kind: OperationKind) -> Result<Option<Outcome>, Stop> {
    let Some(operation) = view.operations.get(&ask.caller.key) else { return Ok(None) };
    let tombstone = operation.kind == OperationKind::Tombstone;
    let same = operation.kind == kind && operation.fingerprint == ask.fingerprint;
    if !tombstone && !same {
        return Err(Stop::AnotherMeaning(Box::new(operation.clone())));
    }
    let operation = operation.clone();
    Ok(Some(Outcome::Decided { operation, replayed: true, forged: false }))
}

/// What must hold of any amount.
fn amount_must_hold(view: &View, amount: i64, currency: Currency) -> Result<(), Refusal> {
    must(currency == view.rules.currency, Refusal::CurrencyMustBeTheBooks)?;
    must(amount_is_in_range(amount), Refusal::AmountMustBeInRange)
}

/// What must hold of the deadline before anything is recorded.
fn deadline_must_be_near(view: &View, ask: &Ask) -> Result<(), Refusal> {
    let latest = view.now.plus_ms(VALID_UNTIL_MS_MAX);
    must(ask.valid_until <= latest, Refusal::ValidUntilMustBeNear)
}

/// An operation of this request that has not moved anything yet.
fn blank(view: &View, ask: &Ask, kind: OperationKind, amount: i64) -> Operation {
    let key = ask.caller.key;
    Operation {
        id: FactId::NONE,
        seq: view.seq,
        request_id: key.request,
        terminal: key.terminal,
        kind,
        refusal: 0,
        effect: Effect::Plain,
        fingerprint: ask.fingerprint,
        member: MemberNumber::NONE,
        amount,
        held_change: 0,
        epoch: 0,
        payment: FactId::NONE,
        previous: FactId::NONE,
        expires_at: Instant(0),
        business_date: business_date(view, key.terminal),
    }
}

fn business_date(view: &View, terminal: TerminalNumber) -> BusinessDate {
    let store = view.directory.stores.get(&view.directory.store_of(terminal));
    let cutoff_minutes = store.map_or(0, |store| store.cutoff_minutes);
    BusinessDate::of(view.now, view.rules.zone, cutoff_minutes)
}

/// Records a decline: the request id has its final outcome, and nothing else changes.
fn decline(
    view: &View,
    mut operation: Operation,
    refusal: Refusal,
    effects: &mut Effects,
) -> Outcome {
    assert!(refusal.finality() == Finality::Recorded, "an open refusal is not recorded");
    // Beside it may stand which rule fitted it.
    operation.id = view.next_ids(3);
    operation.refusal = refusal.number();
    operation.held_change = 0;
    record(operation, effects)
}

/// Records an operation as it stands.
fn record(operation: Operation, effects: &mut Effects) -> Outcome {
    assert!(operation.id.is_some(), "a recorded operation has an id");
    effects.operations.push(operation.clone());
    Outcome::Decided { operation, replayed: false, forged: false }
}

fn query(view: &View, caller: &Caller) -> Result<Outcome, Stop> {
    signer(view, caller)?;
    Ok(match view.operations.get(&caller.key) {
        Some(operation) => {
            Outcome::Decided { operation: operation.clone(), replayed: true, forged: false }
        }
        None => Outcome::NotSeen,
    })
}

fn acknowledge(
    view: &View,
    caller: &Caller,
    keys: impl Iterator<Item = RequestKey>,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    signer(view, caller)?;
    let mut operations: Vec<FactId> = keys
        .filter_map(|key| view.operations.get(&key))
        .map(|operation| operation.id)
        .filter(|operation| !view.acknowledged.contains(operation))
        .collect();
    operations.sort_unstable();
    operations.dedup();
    effects.acknowledgements = operations
        .into_iter()
        .map(|operation| Acknowledgement { operation, lane: view.lane, seq: view.seq })
        .collect();
    Ok(Outcome::Acknowledged(effects.acknowledgements.len()))
}
