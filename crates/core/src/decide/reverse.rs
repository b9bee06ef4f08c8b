//! Reverse: undoing a request, whatever became of it, so that `unknown` can always be resolved.
//!
//! | the request was        | reverse                                                        |
//! | ---------------------- | -------------------------------------------------------------- |
//! | unseen                 | tombstone, succeeds; the late original is declined             |
//! | declined               | succeeds, nothing to undo                                      |
//! | paid                   | gives back paid less refunded; later refunds are declined      |
//! | authorized             | releases the hold                                              |
//! | authorized, captured   | declined `already_captured`                                    |
//! | a capture              | money back, authorization closed                               |
//! | a refund, void, reverse| declined: final                                                |
//!
//! No switch, freeze or suspension stops that of a payment. In time until 15 minutes after the
//! booking date has ended at the store's cut-off; tombstones at any time. By the terminal that sent
//! the request, or by another of its store where a clerk has signed in.
//!
//! Cash that was taken goes back by the hands of a clerk who has a shift there, also at the
//! terminal that took it, and at none that is suspended: it goes out of a drawer that is counted.

use super::clerk::{note, signed_in_at};
use super::settle::{give_back, release};
use super::top_up::{note_given_back, shift_of};
use super::{Outcome, Stop, blank, decline, must, record, repeat, signer};
use crate::command::Reverse;
use crate::facts::{Effect, Operation, OperationKind};
use crate::ids::RequestKey;
use crate::refusal::Refusal;
use crate::state::{PaymentState, PaymentStatus};
use crate::view::{Effects, View};

pub(super) fn decide(
    view: &View,
    reverse: &Reverse,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let terminal = signer(view, &reverse.ask.caller)?;
    if let Some(outcome) = repeat(view, &reverse.ask, OperationKind::Reverse)? {
        return Ok(outcome);
    }
    let operation = blank(view, &reverse.ask, OperationKind::Reverse, 0);
    let took_cash = |row: &Operation| row.kind == OperationKind::TopUp && row.refusal == 0;
    let cash = view.operations.get(&reverse.target).is_some_and(took_cash);
    let own = reverse.target.terminal == terminal.number;
    if own && !cash {
        return undo_request(view, reverse.target, operation, effects);
    }
    if view.directory.store_of(reverse.target.terminal) != terminal.store {
        return Ok(decline(view, operation, Refusal::PaymentMustExist, effects));
    }
    if terminal.suspended != 0 {
        let refusal =
            if own { Refusal::TerminalIsSuspended } else { Refusal::PaymentMustBeTheTerminalsOwn };
        return Ok(decline(view, operation, refusal, effects));
    }
    let token = reverse.clerk.as_ref().ok_or(Refusal::ClerkMustSignIn)?;
    let clerk = signed_in_at(view, terminal.number, token)?;
    if cash {
        let shift = shift_of(view, clerk, terminal.number)?;
        let outcome = undo_request(view, reverse.target, operation, effects)?;
        note_given_back(view, (clerk, shift), effects);
        return Ok(outcome);
    }
    let outcome = undo_request(view, reverse.target, operation, effects)?;
    note(view, clerk, token.session, effects);
    Ok(outcome)
}

fn undo_request(
    view: &View,
    key: RequestKey,
    operation: Operation,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    if key.request == operation.request_id && key.terminal == operation.terminal {
        // It names itself: there is nothing else it could mean than "this never was".
        return Ok(decline(view, operation, Refusal::ReversalIsFinal, effects));
    }
    let Some(target) = view.operations.get(&key) else {
        return Ok(bury(view, operation, key, effects));
    };
    if target.kind == OperationKind::Tombstone {
        return Ok(succeed(view, operation, Effect::NeverSeen, effects));
    }
    if target.refusal != 0 {
        return Ok(succeed(view, operation, Effect::NothingToUndo, effects));
    }
    match target.kind {
        OperationKind::Refund => Ok(decline(view, operation, Refusal::RefundIsFinal, effects)),
        OperationKind::Void => Ok(decline(view, operation, Refusal::VoidIsFinal, effects)),
        OperationKind::Pay | OperationKind::Authorize | OperationKind::Capture => {
            undo(view, operation, target, effects)
        }
        OperationKind::TopUp => {
            if let Err(refusal) = must_be_in_time(view, target) {
                return Ok(decline(view, operation, refusal, effects));
            }
            super::top_up::take_back(view, operation, target, effects)
        }
        _ => Ok(decline(view, operation, Refusal::ReversalIsFinal, effects)),
    }
}

/// Puts a tombstone where the request would have been, so that it can never take effect later.
fn bury(
    view: &View,
    mut operation: Operation,
    target: RequestKey,
    effects: &mut Effects,
) -> Outcome {
    let tombstone_id = view.next_ids(3);
    let tombstone = Operation {
        id: tombstone_id,
        request_id: target.request,
        terminal: target.terminal,
        kind: OperationKind::Tombstone,
        refusal: Refusal::ReversedBeforeArrival.number(),
        fingerprint: [0; 16],
        ..operation.clone()
    };
    effects.operations.push(tombstone);
    operation.id = tombstone_id.plus(1);
    operation.effect = Effect::NeverSeen;
    record(operation, effects)
}

fn succeed(
    view: &View,
    mut operation: Operation,
    effect: Effect,
    effects: &mut Effects,
) -> Outcome {
    operation.id = view.next_ids(2);
    operation.effect = effect;
    record(operation, effects)
}

/// Undoes a request that succeeded.
fn undo(
    view: &View,
    mut operation: Operation,
    target: &Operation,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let Some(begun) = view.payment(target.payment) else { return Err(Stop::Later) };
    let Some(member) = view.members.get(&begun.member) else { return Err(Stop::Later) };
    let state = view.payment_state(begun);
    operation.payment = begun.id;
    if matches!(
        state.status,
        PaymentStatus::Reversed | PaymentStatus::Voided | PaymentStatus::Expired
    ) {
        return Ok(succeed(view, operation, Effect::NothingToUndo, effects));
    }
    if let Err(refusal) = must_be_reversible(view, target, &state) {
        return Ok(decline(view, operation, refusal, effects));
    }
    // After this point it succeeds.
    operation.put_on_list_of(member);
    operation.id = view.next_ids(3);
    if state.status == PaymentStatus::Authorized {
        operation.effect = Effect::Released;
        return Ok(release(operation, &state, effects));
    }
    operation.amount = state.refundable();
    operation.effect = Effect::GaveBack;
    if operation.amount == 0 {
        // Refunds gave everything back before; what is left is to close the payment.
        return Ok(record(operation, effects));
    }
    let store = view.directory.store_of(begun.terminal);
    Ok(give_back(operation, member, store, effects))
}

fn must_be_reversible(
    view: &View,
    target: &Operation,
    state: &PaymentState,
) -> Result<(), Refusal> {
    let captured =
        target.kind == OperationKind::Authorize && state.status == PaymentStatus::Captured;
    must(!captured, Refusal::AlreadyCaptured)?;
    must_be_in_time(view, target)
}

fn must_be_in_time(view: &View, target: &Operation) -> Result<(), Refusal> {
    let store = view.directory.stores.get(&view.directory.store_of(target.terminal));
    let cutoff_minutes = store.map_or(0, |store| store.cutoff_minutes);
    let until = target.business_date.reversible_until(view.rules.zone, cutoff_minutes);
    must(view.now < until, Refusal::ReverseWindowIsOver)
}
