//! Cash over the counter of a register into the wallet of who shows a code; shifts; and what a
//! store pays in of the cash that it owes.
//!
//! A clerk who has opened his shift at this terminal takes it; above a sum a second person signs in
//! for it. The store owes the cash in the same commit. What all shifts of a store may take together
//! is allotted to each when it is opened, so that nothing is asked of a shared row meanwhile.

use super::clerk::signed_in_at;
use super::money_in::balance_must_hold;
use super::pay::{Unusable, judge_code, mark_forged};
use super::risk::{self, Judged, ToppingUp};
use super::staff::blank as blank_event;
use super::{Outcome, Stop, amount_must_hold, blank, deadline_must_be_near, decline, must, record};
use super::{repeat, signer};
use crate::account::Account;
use crate::clerk::Clerk;
use crate::command::TopUpWithCode;
use crate::facts::{Effect, Event, EventKind, Operation, OperationKind, Transfer};
use crate::ids::{RequestId, StoreNumber, TerminalNumber};
use crate::limits::{AskedTopUp, top_up_must_be_within};
use crate::policy::rule::{Goods, Rule, Verdict};
use crate::policy::{Limited, Profile};
use crate::refusal::Refusal;
use crate::shift::Shift;
use crate::state::{Member, MemberState, Terminal};
use crate::switches::{Capability, Place};
use crate::top_up::TopUpState;
use crate::view::{Effects, View};

pub(super) fn decide(
    view: &View,
    top_up: &TopUpWithCode,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let terminal = signer(view, &top_up.ask.caller)?;
    if let Some(outcome) = repeat(view, &top_up.ask, OperationKind::TopUp)? {
        return Ok(outcome);
    }
    deadline_must_be_near(view, &top_up.ask)?;
    amount_must_hold(view, top_up.amount, top_up.currency)?;
    let clerk = who_takes_it(view, terminal, top_up)?;
    let shift = shift_of(view, clerk, terminal.number)?;
    let mut operation = blank(view, &top_up.ask, OperationKind::TopUp, top_up.amount);
    let place = view.directory.place(terminal.number).ok_or(Refusal::StoreMustExist)?;
    if let Err(refusal) = terminal_must_take_cash(view, top_up, terminal, &place) {
        return Ok(decline(view, operation, refusal, effects));
    }
    let capability = Capability::CashTopUp;
    let shown = match judge_code(view, (top_up.code.as_ref(), capability), &place) {
        Ok(member) => member,
        Err(Unusable { refusal, forged, .. }) => {
            let outcome = decline(view, operation, refusal, effects);
            return Ok(mark_forged(outcome, forged));
        }
    };
    operation.put_on_list_of(shown);
    operation.epoch = shown.code_epoch;
    let rule = match judge_cash(view, (shown, place), top_up.amount) {
        Ok(rule) => rule,
        Err((rule, refusal)) => {
            let outcome = decline(view, operation, refusal, effects);
            risk::note(view, Goods::NONE, rule, effects);
            return Ok(outcome);
        }
    };
    if !may_take(view, clerk, shift, top_up.amount) {
        return Ok(decline(view, operation, Refusal::CashCapIsReached, effects));
    }
    // After this point the cash is the store's debt and the member's money.
    operation.id = view.next_ids(4);
    operation.payment = operation.id;
    let accounts = (Account::cash(terminal.store), Account::money(shown.number));
    effects.transfers.push(Transfer::of(&operation, accounts));
    note(view, (clerk, shift), &operation, top_up.amount, effects);
    let outcome = record(operation, effects);
    risk::note(view, Goods::NONE, rule, effects);
    Ok(outcome)
}

/// What limits and rules say of cash for a member: the rule that fits, or why it is not taken and
/// which rule says so.
pub(super) fn judge_cash<'a>(
    view: &'a View,
    (member, place): (&Member, Place),
    amount: i64,
) -> Judged<'a, Option<&'a Rule>> {
    may_have(view, member, amount).map_err(|refusal| (None, refusal))?;
    let (network, itself, profile): (&[u8], _, _) = (&[], None, profile_of(member));
    let asked = ToppingUp { member, profile, amount, place, network, itself };
    let rule = risk::of_top_up(view, &asked);
    let declines = rule.is_some_and(|rule| rule.then == Verdict::Decline);
    if declines { Err((rule, Refusal::TopUpIsDeclined)) } else { Ok(rule) }
}

fn profile_of(member: &Member) -> Profile {
    Profile {
        on: Limited::Cash,
        three_d_secure: None,
        member: member.verification.into(),
        device: None,
        card: None,
    }
}

/// The clerk who takes the cash; above a sum two of them are signed in at this terminal.
fn who_takes_it<'a>(
    view: &'a View,
    terminal: &Terminal,
    top_up: &TopUpWithCode,
) -> Result<&'a Clerk, Refusal> {
    let token = top_up.clerk.as_ref().ok_or(Refusal::ClerkMustSignIn)?;
    let clerk = signed_in_at(view, terminal.number, token)?;
    if top_up.amount > view.directory.policy.cash.second_person_above {
        let token = top_up.second.as_ref().ok_or(Refusal::SecondClerkMustSignIn)?;
        let second = signed_in_at(view, terminal.number, token)?;
        must(second.number != clerk.number, Refusal::SecondClerkMustSignIn)?;
    }
    Ok(clerk)
}

/// The shift that a clerk has open at this terminal.
pub(super) fn shift_of<'a>(
    view: &'a View,
    clerk: &Clerk,
    terminal: TerminalNumber,
) -> Result<&'a Shift, Refusal> {
    let here = open_shift(view, clerk).filter(|shift| shift.terminal == terminal);
    here.ok_or(Refusal::ShiftMustBeOpen)
}

/// The shift that a clerk has open, wherever that is.
pub(super) fn open_shift<'a>(view: &'a View, clerk: &Clerk) -> Option<&'a Shift> {
    view.staff.shifts.get(&clerk.shift).filter(|shift| shift.is_open())
}

fn terminal_must_take_cash(
    view: &View,
    top_up: &TopUpWithCode,
    terminal: &Terminal,
    place: &Place,
) -> Result<(), Refusal> {
    must(view.now <= top_up.ask.valid_until, Refusal::RequestTooLate)?;
    must(terminal.suspended == 0, Refusal::TerminalIsSuspended)?;
    let closed = view.directory.is_closed(Capability::CashTopUp, place, view.now);
    must(!closed, Refusal::TopUpsAreClosed)
}

/// What the member's own limits say; a shop hears one word of them.
fn may_have(view: &View, member: &Member, amount: i64) -> Result<(), Refusal> {
    let policy = &view.directory.policy;
    let asked = AskedTopUp { profile: profile_of(member), amount, itself: None };
    let top_ups = view.people.top_ups.values().filter(|row| row.member == member.number);
    let within = top_up_must_be_within(policy, top_ups, &asked, view.now);
    let fits = balance_must_hold(view, member, amount).is_ok();
    must(fits && within.is_ok(), Refusal::TopUpIsDeclined)
}

fn may_take(view: &View, clerk: &Clerk, shift: &Shift, amount: i64) -> bool {
    let cap = view.directory.policy.cash.per_clerk;
    let day = clerk.cash_within_a_day(view.now).saturating_add(amount);
    shift.cash.saturating_add(amount) <= shift.allotted && day <= cap
}

/// Books beside an operation by which clerk's hands the cash went, and in which shift.
fn note(
    view: &View,
    (clerk, shift): (&Clerk, &Shift),
    operation: &Operation,
    amount: i64,
    effects: &mut Effects,
) {
    let request = RequestId::of_clerks_act(operation.id);
    effects.events.push(Event {
        id: operation.id.plus(2),
        kind: EventKind::CashTaken,
        subject: clerk.number.0,
        object: operation.id.0,
        number: amount,
        digest: shift.id.0.to_be_bytes().to_vec(),
        ..blank_event(view, request, &clerk.name, "")
    });
}

/// Books that cash went out of the drawer of a clerk, where it did.
pub(super) fn note_given_back(view: &View, who: (&Clerk, &Shift), effects: &mut Effects) {
    let took_back = effects.operations.last().filter(|row| row.effect == Effect::TookBack);
    let Some(operation) = took_back.cloned() else { return };
    note(view, who, &operation, -operation.amount, effects);
}

/// The reverse of a top-up: the cash goes back over the counter, as long as it is not spent.
pub(super) fn take_back(
    view: &View,
    mut operation: Operation,
    target: &Operation,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let Some(member) = view.members.get(&target.member) else { return Err(Stop::Later) };
    let Some(row) = view.people.top_ups.get(&target.payment) else { return Err(Stop::Later) };
    operation.payment = target.payment;
    if row.state == TopUpState::TakenBack {
        operation.effect = Effect::NothingToUndo;
        operation.id = view.next_ids(1);
        return Ok(record(operation, effects));
    }
    let unspent = member.available() >= target.amount && member.state != MemberState::Closed;
    if !unspent {
        return Ok(decline(view, operation, Refusal::TopUpIsSpent, effects));
    }
    // After this point the cash goes back.
    operation.put_on_list_of(member);
    operation.id = view.next_ids(3);
    (operation.amount, operation.effect) = (target.amount, Effect::TookBack);
    let store: StoreNumber = view.directory.store_of(target.terminal);
    let accounts = (Account::money(member.number), Account::cash(store));
    effects.transfers.push(Transfer::of(&operation, accounts));
    Ok(record(operation, effects))
}
