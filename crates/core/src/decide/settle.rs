//! Settling a payment: capture, void, refund, and the expiry of a hold.
//!
//! No switch, freeze, limit or suspension stops these: money comes back, or moves up to a hold that
//! the member made. A suspended terminal settles its own payments only.

use super::clerk::{note, who_gives_back};
use super::{Outcome, Stop, amount_must_hold, blank, deadline_must_be_near, decline, must, record};
use super::{repeat, signer};
use crate::account::Account;
use crate::command::{Ask, Caller, Command, Settle};
use crate::facts::{Effect, Operation, OperationKind, Transfer};
use crate::ids::{FactId, StoreNumber};
use crate::refusal::Refusal;
use crate::state::{Member, MemberState, PaymentState, PaymentStatus, Terminal};
use crate::switches::{Capability, Place};
use crate::time::Instant;
use crate::view::{Effects, View};

pub(super) fn decide(view: &View, settle: &Settle, effects: &mut Effects) -> Result<Outcome, Stop> {
    let settles = [OperationKind::Capture, OperationKind::Void, OperationKind::Refund];
    assert!(settles.contains(&settle.kind), "{} does not settle a payment", settle.kind);
    let terminal = signer(view, &settle.ask.caller)?;
    if let Some(outcome) = repeat(view, &settle.ask, settle.kind)? {
        return Ok(outcome);
    }
    deadline_must_be_near(view, &settle.ask)?;
    let clerk = match settle.kind {
        OperationKind::Refund => who_gives_back(view, terminal, settle.clerk.as_ref())?,
        _ => None,
    };
    if settle.kind != OperationKind::Void {
        amount_must_hold(view, settle.amount, settle.currency)?;
    }
    let mut operation = blank(view, &settle.ask, settle.kind, settle.amount);
    let begun = match payment_of(view, settle, terminal) {
        Ok(begun) => begun,
        Err(refusal) => return Ok(decline(view, operation, refusal, effects)),
    };
    let Some(member) = view.members.get(&begun.member) else { return Err(Stop::Later) };
    let state = view.payment_state(begun);
    operation.payment = begun.id;
    operation.put_on_list_of(member);
    if let Err(refusal) = must_hold(view, settle, &state, member) {
        return Ok(decline(view, operation, refusal, effects));
    }
    // After this point it succeeds.
    operation.id = view.next_ids(3);
    let store = view.directory.store_of(begun.terminal);
    Ok(match settle.kind {
        OperationKind::Capture => capture(operation, &state, store, effects),
        OperationKind::Void => release(operation, &state, effects),
        _ => {
            let outcome = give_back(operation, member, store, effects);
            if let (Some(clerk), Some(token)) = (clerk, &settle.clerk) {
                note(view, clerk, token.session, effects);
            }
            outcome
        }
    })
}

/// The payment that is settled, if this terminal may.
fn payment_of<'a>(
    view: &'a View,
    settle: &Settle,
    terminal: &Terminal,
) -> Result<&'a Operation, Refusal> {
    must(view.now <= settle.ask.valid_until, Refusal::RequestTooLate)?;
    let begun = view.payment(settle.payment).ok_or(Refusal::PaymentMustExist)?;
    let own_store = view.directory.store_of(begun.terminal) == terminal.store;
    must(own_store, Refusal::PaymentMustExist)?;
    let own = begun.terminal == terminal.number;
    must(own || terminal.suspended == 0, Refusal::PaymentMustBeTheTerminalsOwn)?;
    Ok(begun)
}

fn must_hold(
    view: &View,
    settle: &Settle,
    state: &PaymentState,
    member: &Member,
) -> Result<(), Refusal> {
    if settle.kind == OperationKind::Refund {
        return refund_must_hold(view, settle, state, member);
    }
    match state.status {
        PaymentStatus::Authorized => {}
        PaymentStatus::Paid => return Err(Refusal::PaymentMustBeAuthorized),
        PaymentStatus::Captured => return Err(Refusal::AlreadyCaptured),
        PaymentStatus::Reversed if state.captured > 0 => return Err(Refusal::PaymentIsReversed),
        PaymentStatus::Voided | PaymentStatus::Expired | PaymentStatus::Reversed => {
            return Err(Refusal::AuthorizationIsOver);
        }
    }
    must(view.now < state.expires_at, Refusal::AuthorizationIsOver)?;
    let too_much = settle.kind == OperationKind::Capture && settle.amount > state.held;
    must(!too_much, Refusal::CaptureExceedsHold)
}

fn refund_must_hold(
    view: &View,
    settle: &Settle,
    state: &PaymentState,
    member: &Member,
) -> Result<(), Refusal> {
    match state.status {
        PaymentStatus::Paid | PaymentStatus::Captured => {}
        PaymentStatus::Authorized => return Err(Refusal::PaymentMustBePaid),
        PaymentStatus::Reversed if state.captured > 0 => return Err(Refusal::PaymentIsReversed),
        PaymentStatus::Voided | PaymentStatus::Expired | PaymentStatus::Reversed => {
            return Err(Refusal::AuthorizationIsOver);
        }
    }
    must(settle.amount <= state.refundable(), Refusal::RefundExceedsPayment)?;
    let place = view.directory.place(settle.ask.caller.key.terminal).unwrap_or_default();
    let place = Place { member: member.number, ..place };
    let closed = view.directory.is_closed(Capability::Refund, &place, view.now);
    must(member.state != MemberState::Closed || !closed, Refusal::RefundsAreClosed)
}

fn capture(
    mut operation: Operation,
    state: &PaymentState,
    store: StoreNumber,
    effects: &mut Effects,
) -> Outcome {
    operation.held_change = -state.held;
    effects.transfers.push(Transfer::of(
        &operation,
        (Account::money(operation.member), Account::payable(store)),
    ));
    record(operation, effects)
}

/// Releases what is held: void, expiry, or the reverse of an authorization.
pub(super) fn release(
    mut operation: Operation,
    state: &PaymentState,
    effects: &mut Effects,
) -> Outcome {
    operation.amount = state.held;
    operation.held_change = -state.held;
    record(operation, effects)
}

/// Gives `operation.amount` back to the balance it came from, or to suspense when the member is
/// closed. Balance caps are not asked: money that comes back is the member's own.
pub(super) fn give_back(
    mut operation: Operation,
    member: &Member,
    store: StoreNumber,
    effects: &mut Effects,
) -> Outcome {
    let closed = member.state == MemberState::Closed;
    let credit = if closed { Account::SUSPENSE } else { Account::money(member.number) };
    if closed {
        operation.effect = Effect::ToSuspense;
    }
    effects.transfers.push(Transfer::of(&operation, (Account::payable(store), credit)));
    record(operation, effects)
}

/// The sweeper's command: a hold whose time is over is released. Doing it twice does it once.
pub(super) fn expire(view: &View, payment: FactId, effects: &mut Effects) -> Result<Outcome, Stop> {
    let key = Command::expiry_key(payment);
    if let Some(operation) = view.operations.get(&key) {
        let operation = operation.clone();
        if operation.kind != OperationKind::Expire || operation.payment != payment {
            return Err(Stop::AnotherMeaning(Box::new(operation)));
        }
        return Ok(Outcome::Decided { operation, replayed: true, forged: false });
    }
    let begun = view.payment(payment).ok_or(Refusal::HoldMustBeOver)?;
    let state = view.payment_state(begun);
    let over = state.status == PaymentStatus::Authorized && state.expires_at <= view.now;
    must(over, Refusal::HoldMustBeOver)?;
    let Some(member) = view.members.get(&begun.member) else { return Err(Stop::Later) };
    // After this point it succeeds.
    let caller = Caller { key, generation: 0 };
    let ask = Ask { caller, valid_until: Instant(i64::MAX), fingerprint: [0; 16] };
    let mut operation = blank(view, &ask, OperationKind::Expire, 0);
    operation.id = view.next_ids(1);
    operation.payment = begun.id;
    operation.put_on_list_of(member);
    operation.business_date = super::business_date(view, begun.terminal);
    Ok(release(operation, &state, effects))
}
