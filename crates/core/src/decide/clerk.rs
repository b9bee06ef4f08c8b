//! Acts on clerks, their signing in at a register that signed, and what they do there.

use super::admin::text_must_be_short;
use super::staff::blank;
use super::top_up::{open_shift, shift_of};
use super::{Stop, must};
use crate::clerk::Clerk;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, FactId, MEMBER_NUMBER_MAX, RequestId, TerminalNumber};
use crate::money::AMOUNT_MAX;
use crate::refusal::Refusal;
use crate::session::{ClerkToken, clerk_may_act};
use crate::shift::{closing, parts};
use crate::state::Terminal;
use crate::view::{Effects, View};

/// Whether this act is the one that the event books; the salt of a PIN's digest is drawn anew for
/// each try.
pub(super) fn is_meant(event: &Event, act: &Act) -> bool {
    let is = |kind, subject| event.kind == kind && event.subject == subject;
    match act {
        Act::CreateClerk { store, name, .. } => {
            let same = event.text == *name && event.object == store.0;
            event.kind == EventKind::ClerkCreated && same
        }
        Act::ResetClerkPin(clerk, _) => is(EventKind::ClerkPinReset, clerk.0),
        Act::EndClerk(clerk) => is(EventKind::ClerkEnded, clerk.0),
        Act::SignInClerk { terminal, clerk, right, .. } => {
            is(signed_in(*right), clerk.0) && event.object == terminal.0
        }
        Act::SignOutClerk(_, token) => {
            event.kind == EventKind::StaffSessionEnded && event.object == token.session.0
        }
        Act::OpenShift(terminal, token, float) => {
            let same = (event.object, event.number) == (terminal.0, *float);
            is(EventKind::ShiftOpened, token.clerk.0) && same
        }
        Act::CloseShift(_, token, counted) => {
            is(EventKind::ShiftClosed, token.clerk.0) && event.number == *counted
        }
        Act::ReleaseCashCredit(store, amount) => {
            is(EventKind::CashCreditReleased, store.0) && event.number == *amount
        }
        _ => false,
    }
}

const fn signed_in(right: bool) -> EventKind {
    if right { EventKind::ClerkSignedIn } else { EventKind::ClerkPinWrong }
}

pub(super) fn decide(
    view: &View,
    act: &Act,
    event: Event,
    effects: &mut Effects,
) -> Result<Event, Stop> {
    Ok(match act {
        Act::CreateClerk { store, name, pin } => {
            let Some(numbers) = view.numbers else { return Err(Stop::Later) };
            must(view.directory.stores.contains_key(store), Refusal::StoreMustExist)?;
            text_must_be_short(name)?;
            let subject = numbers.clerk + 1;
            must(subject <= MEMBER_NUMBER_MAX, Refusal::NumbersAreUsedUp)?;
            effects.private.insert(event.id, pin.private());
            let (kind, digest) = (EventKind::ClerkCreated, pin.digest().to_vec());
            Event { kind, subject, object: store.0, digest, text: name.clone(), ..event }
        }
        Act::ResetClerkPin(clerk, pin) => {
            active(view, *clerk)?;
            effects.private.insert(event.id, pin.private());
            let (kind, digest) = (EventKind::ClerkPinReset, pin.digest().to_vec());
            Event { kind, subject: clerk.0, digest, ..event }
        }
        Act::EndClerk(clerk) => {
            let row = active(view, *clerk)?;
            // Nobody else could close his shift, and its store's credit would be used up for ever.
            let shift = open_shift(view, row);
            let digest = shift.map(|shift| closing(shift, row.store)).unwrap_or_default();
            let (kind, object) = (EventKind::ClerkEnded, row.store.0);
            Event { kind, subject: clerk.0, object, digest, ..event }
        }
        Act::SignInClerk { terminal, clerk, tried, right, key } => {
            let row = active(view, *clerk)?;
            let own = view.directory.store_of(*terminal) == row.store;
            must(own, Refusal::ClerkMustBeActive)?;
            must(view.now >= row.locked_until, Refusal::ClerkIsLocked)?;
            // The PIN was reset between the comparison and now.
            must(row.pin.digest() == *tried, Refusal::ClerkMustSignIn)?;
            let digest = if *right { key.to_vec() } else { Vec::new() };
            let (kind, object) = (signed_in(*right), terminal.0);
            Event { kind, subject: clerk.0, object, digest, ..event }
        }
        Act::SignOutClerk(terminal, token) => {
            let subject = signed_in_at(view, *terminal, token)?.number.0;
            let (kind, object) = (EventKind::StaffSessionEnded, token.session.0);
            Event { kind, subject, object, ..event }
        }
        act => shift_act(view, act, event)?,
    })
}

fn shift_act(view: &View, act: &Act, event: Event) -> Result<Event, Refusal> {
    Ok(match act {
        Act::OpenShift(terminal, token, float) => {
            let clerk = signed_in_at(view, *terminal, token)?;
            must((0..=AMOUNT_MAX).contains(float), Refusal::AmountMustBeInRange)?;
            must(open_shift(view, clerk).is_none(), Refusal::ShiftMustBeClosed)?;
            let store = view.directory.stores.get(&clerk.store).ok_or(Refusal::StoreMustExist)?;
            let caps = &view.directory.policy.cash;
            let free = (caps.per_store - store.cash_allotted).clamp(0, caps.per_store);
            let digest = parts(caps.per_shift.min(free), store.number.0);
            let (kind, subject, object) = (EventKind::ShiftOpened, clerk.number.0, terminal.0);
            Event { kind, subject, object, number: *float, digest, ..event }
        }
        Act::CloseShift(terminal, token, counted) => {
            let clerk = signed_in_at(view, *terminal, token)?;
            must((0..=AMOUNT_MAX).contains(counted), Refusal::AmountMustBeInRange)?;
            let shift = shift_of(view, clerk, *terminal)?;
            let digest = closing(shift, clerk.store);
            let (kind, subject, object) = (EventKind::ShiftClosed, clerk.number.0, shift.id.0);
            Event { kind, subject, object, number: *counted, digest, ..event }
        }
        Act::ReleaseCashCredit(store, amount) => {
            let row = view.directory.stores.get(store).ok_or(Refusal::StoreMustExist)?;
            must((1..=row.cash_taken).contains(amount), Refusal::AmountMustBeInRange)?;
            let (kind, subject) = (EventKind::CashCreditReleased, store.0);
            Event { kind, subject, number: *amount, ..event }
        }
        other => unreachable!("{other:?} is no act on a clerk"),
    })
}

/// Who gives money back at this terminal: where clerks work, one who has signed in there.
pub(super) fn who_gives_back<'a>(
    view: &'a View,
    terminal: &Terminal,
    token: Option<&ClerkToken>,
) -> Result<Option<&'a Clerk>, Refusal> {
    let store = view.directory.stores.get(&terminal.store);
    match token {
        Some(token) => signed_in_at(view, terminal.number, token).map(Some),
        None if store.is_some_and(|store| store.clerks > 0) => Err(Refusal::ClerkMustSignIn),
        None => Ok(None),
    }
}

/// The clerk whose token this is, if it is good at this terminal.
pub(super) fn signed_in_at<'a>(
    view: &'a View,
    terminal: TerminalNumber,
    token: &ClerkToken,
) -> Result<&'a Clerk, Refusal> {
    let rows = (view.staff.sessions.get(&token.session), view.staff.clerks.get(&token.clerk));
    clerk_may_act(token, rows, terminal, view.now)
}

/// Books beside an operation which clerk asked for it. What was declined changed nothing, and
/// nobody is named.
pub(super) fn note(view: &View, clerk: &Clerk, session: FactId, effects: &mut Effects) {
    let operation = effects.operations.last().expect("an operation is booked");
    if !operation.succeeded() {
        return;
    }
    let last = effects.transfers.last().map_or(operation.id, |transfer| transfer.id);
    let id = last.max(operation.id).plus(1);
    let request = RequestId::of_clerks_act(operation.id);
    let kind = EventKind::ClerkActed;
    let (subject, object, number) = (clerk.number.0, operation.id.0, session.0);
    let event =
        Event { id, kind, subject, object, number, ..blank(view, request, &clerk.name, "") };
    effects.events.push(event);
}

fn active(view: &View, clerk: ClerkNumber) -> Result<&Clerk, Refusal> {
    let clerk = view.staff.clerks.get(&clerk);
    clerk.filter(|clerk| clerk.is_active()).ok_or(Refusal::ClerkMustBeActive)
}
