//! Acts on clerks, and their signing in at a register that signed.

use super::admin::text_must_be_short;
use super::{Stop, must};
use crate::clerk::Clerk;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, MEMBER_NUMBER_MAX};
use crate::refusal::Refusal;
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
            active(view, *clerk)?;
            Event { kind: EventKind::ClerkEnded, subject: clerk.0, ..event }
        }
        Act::SignInClerk { terminal, clerk, tried, right } => {
            let row = active(view, *clerk)?;
            let own = view.directory.store_of(*terminal) == row.store;
            must(own, Refusal::ClerkMustBeActive)?;
            must(view.now >= row.locked_until, Refusal::ClerkIsLocked)?;
            // The PIN was reset between the comparison and now.
            must(row.pin.digest() == *tried, Refusal::ClerkMustSignIn)?;
            Event { kind: signed_in(*right), subject: clerk.0, object: terminal.0, ..event }
        }
        other => unreachable!("{other:?} is no act on a clerk"),
    })
}

fn active(view: &View, clerk: ClerkNumber) -> Result<&Clerk, Refusal> {
    let clerk = view.staff.clerks.get(&clerk);
    clerk.filter(|clerk| clerk.is_active()).ok_or(Refusal::ClerkMustBeActive)
}
