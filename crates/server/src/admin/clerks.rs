//! Clerks, as the host makes them. Operators do the same at the console.

use serde_json::Value;
use yaoki_core::command::Act;
use yaoki_core::ids::{ClerkNumber, StoreNumber};
use yaoki_core::operator::Sealed;

use super::{AdminError, By, Desk, administer, number, random, told};
use crate::edge::identifier::Kind;
use crate::identity::password::{PINS, Password, pin_digest};

/// A new clerk. A repeat tells no PIN: that of the first time is the one that works.
///
/// # Errors
/// [`AdminError`]: there is no such store, or the name is too long.
pub(super) fn create(desk: &Desk, by: &By, store: &str, name: &str) -> Result<Value, AdminError> {
    let store = StoreNumber(number(Kind::Store, store)?);
    with_pin(desk, by, |pin| Act::CreateClerk { store, name: name.to_owned(), pin })
}

/// Another PIN.
///
/// # Errors
/// [`AdminError`]: there is no such clerk.
pub(super) fn reset_pin(desk: &Desk, by: &By, clerk: &str) -> Result<Value, AdminError> {
    let clerk = of_text(clerk)?;
    with_pin(desk, by, |pin| Act::ResetClerkPin(clerk, pin))
}

pub(super) fn of_text(text: &str) -> Result<ClerkNumber, AdminError> {
    number(Kind::Clerk, text).map(ClerkNumber)
}

fn with_pin(desk: &Desk, by: &By, act: impl FnOnce(Sealed) -> Act) -> Result<Value, AdminError> {
    let text = format!("{:06}", u64::from_be_bytes(random(desk)) % PINS);
    let kept = pin_digest(&Password::new(&text), &random(desk));
    let (event, replayed) = administer(desk, by, act(Sealed(kept.into_bytes())))?;
    let mut reply = told(&event, replayed);
    if !replayed {
        reply["pin"] = text.into();
        // What is typed at the register.
        reply["number"] = event.subject.into();
    }
    Ok(reply)
}
