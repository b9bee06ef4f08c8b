//! Paying what a shop shows: an order of a register, or the sign of a store. The member's paying
//! device confirms, and nothing was written before.
//!
//! An order is decided under the request id and terminal that its register made, so all that holds
//! of a register's request holds of it: one outcome, asked for by query, ended by reverse, refunded
//! as a payment. A sign is decided under an id made from the member and what the device made
//! ([`crate::ids::RequestId::of_member`]), at the store's first terminal, which never changes.
//!
//! Nothing but success is recorded: an order whose member lacks money stays open, so that he tops
//! up or another one pays. Only success ends it, or the register.

use super::limit::may_pay;
use super::risk::{self, Paying};
use super::{ORDER_MS_MAX, Outcome, Stop, amount_must_hold, blank, must, record};
use crate::account::Account;
use crate::command::{Ask, Caller, PayShop, ShownBy};
use crate::facts::{Effect, Event, EventKind, OperationKind, Transfer};
use crate::identity::people::Private;
use crate::ids::{RequestId, TerminalNumber};
use crate::money::amount_is_in_range;
use crate::policy::rule::Goods;
use crate::refusal::Refusal;
use crate::state::{Member, MemberState, Terminal};
use crate::switches::{Capability, Place};
use crate::time::Instant;
use crate::view::{Directory, Effects, View};

pub(super) fn decide(view: &View, pay: &PayShop, effects: &mut Effects) -> Result<Outcome, Stop> {
    if let Some(outcome) = repeat(view, pay)? {
        return Ok(outcome);
    }
    let place = view.directory.place(pay.key.terminal).ok_or(Refusal::StoreMustExist)?;
    let place = Place { member: pay.member, ..place };
    must(view.now <= pay.valid_until, Refusal::OrderIsOver)?;
    let latest = view.now.plus_ms(pay.by.valid_ms_max());
    must(pay.valid_until <= latest, Refusal::ValidUntilMustBeNear)?;
    amount_must_hold(view, pay.amount, pay.currency)?;
    let Some(member) = view.members.get(&pay.member) else {
        return Err(Refusal::MemberMustExist.into());
    };
    must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
    let pays = pay.device.is_some() && member.device == pay.device;
    must(pays, Refusal::DeviceMustBeActive)?;
    must(takes_payments(view, pay, &place), Refusal::ShopTakesNoPayments)?;
    must(pay.amount <= member.available(), Refusal::BalanceDoesNotCover)?;
    must(may_pay(view, member, pay.amount)?, Refusal::LimitMustHold)?;
    let goods = Goods::NONE;
    let paying = Paying { member, amount: pay.amount, goods, place: &place };
    let (rule, refusal) = risk::of_payment(view, &paying)?;
    match refusal {
        Some(Refusal::PaymentMustBeConfirmed) => return Err(Refusal::UserMustBeVerified.into()),
        Some(_) => return Err(Refusal::RuleMustAllow.into()),
        None => {}
    }
    // After this point the payment succeeds.
    let outcome = book(view, pay, (member, &place), effects);
    risk::note(view, goods, rule, effects);
    Ok(outcome)
}

/// Whether `terminal` may show an order of this amount until `valid_until`. A read, no command: an
/// order is written nowhere before it is paid.
pub fn may_show_order(
    directory: &Directory,
    terminal: TerminalNumber,
    amount: i64,
    valid_until: Instant,
    now: Instant,
) -> Result<(), Refusal> {
    must(now < valid_until, Refusal::OrderIsOver)?;
    must(valid_until <= now.plus_ms(ORDER_MS_MAX), Refusal::ValidUntilMustBeNear)?;
    must(amount_is_in_range(amount), Refusal::AmountMustBeInRange)?;
    let place = directory.place(terminal).ok_or(Refusal::TerminalMustExist)?;
    let row = directory.terminals.get(&terminal).ok_or(Refusal::TerminalMustExist)?;
    let takes = terminal_takes_payments(directory, row, &place, now);
    must(takes, Refusal::ShopTakesNoPayments)
}

/// The same answer again, if this member has confirmed the same before. What became of the id by
/// anybody else is not this member's to know, but that it is settled.
fn repeat(view: &View, pay: &PayShop) -> Result<Option<Outcome>, Stop> {
    let Some(operation) = view.operations.get(&pay.key) else { return Ok(None) };
    let own = operation.is_of_shop() && operation.member == pay.member;
    must(own, Refusal::OrderIsSettled)?;
    if operation.fingerprint != pay.fingerprint {
        return Err(Stop::AnotherMeaning(Box::new(operation.clone())));
    }
    let operation = operation.clone();
    Ok(Some(Outcome::Decided { operation, replayed: true, forged: false }))
}

/// Whether the terminal of the order takes payments, or any terminal of the store of the sign.
fn takes_payments(view: &View, pay: &PayShop, place: &Place) -> bool {
    let directory = &view.directory;
    let takes = |row: &Terminal| terminal_takes_payments(directory, row, place, view.now);
    match pay.by {
        ShownBy::Order => directory.terminals.get(&place.terminal).is_some_and(takes),
        ShownBy::Sign => {
            let mut rows = directory.terminals.values();
            rows.any(|row| row.store == place.store && takes(row))
        }
    }
}

/// Whether a terminal of `place`'s store takes payments, as far as switches and suspension go.
fn terminal_takes_payments(
    directory: &Directory,
    terminal: &Terminal,
    place: &Place,
    now: Instant,
) -> bool {
    let here = Place { terminal: terminal.number, ..*place };
    terminal.suspended == 0 && !directory.is_closed(Capability::Payment, &here, now)
}

fn book(
    view: &View,
    pay: &PayShop,
    (member, place): (&Member, &Place),
    effects: &mut Effects,
) -> Outcome {
    let caller = Caller { key: pay.key, generation: 0 };
    let ask = Ask { caller, valid_until: pay.valid_until, fingerprint: pay.fingerprint };
    let mut operation = blank(view, &ask, OperationKind::Pay, pay.amount);
    operation.id = view.next_ids(4);
    operation.payment = operation.id;
    if pay.by == ShownBy::Sign {
        operation.effect = Effect::AtSign;
    }
    operation.put_on_list_of(member);
    effects.transfers.push(Transfer::of(
        &operation,
        (Account::money(member.number), Account::payable(place.store)),
    ));
    let proven = Event {
        id: operation.id.plus(2),
        seq: view.seq,
        request_id: RequestId::of_proof(pay.key),
        kind: EventKind::PaymentProven,
        subject: member.number.0,
        object: operation.id.0,
        number: pay.device.0,
        digest: blake3::hash(&pay.proof).as_bytes().to_vec(),
        actor: String::new(),
        second: String::new(),
        text: String::new(),
    };
    let private = Private { proof: pay.proof.clone(), ..Private::default() };
    effects.private.insert(proven.id, private);
    effects.events.push(proven);
    record(operation, effects)
}
