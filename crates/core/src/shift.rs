//! Shifts: what one clerk takes in cash for top-ups at one register, from counting the drawer to
//! counting it again.
//!
//! What a shift may take is allotted when it is opened, out of what its store may owe together, and
//! what it did not take goes back when it is closed. So the sum over all registers of a store never
//! exceeds its credit, and no top-up waits for another register's.

use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, FactId, StoreNumber, TerminalNumber};
use crate::row;

row! {
    /// One shift.
    pub struct Shift in "shift" {
        /// Identity: the event that opened it.
        pub id: FactId,
        /// Whose.
        pub clerk: ClerkNumber,
        /// At which register.
        pub terminal: TerminalNumber,
        /// Minor units that were in the drawer.
        pub float: i64,
        /// Minor units that it may take at the most.
        pub allotted: i64,
        /// Minor units that it took and did not give back.
        pub cash: i64,
        /// How many top-ups it took.
        pub count: i64,
        /// Minor units that were in the drawer when it was closed.
        pub counted: i64,
        /// The event that closed it; none: it is open.
        pub closed: FactId,
    }
}

impl Shift {
    /// The shift that an event opened: number: the float; digest, in two parts of 8 bytes: what it
    /// may take, and its store.
    pub fn of_event(event: &Event) -> Self {
        Self {
            id: event.id,
            clerk: ClerkNumber(event.subject),
            terminal: TerminalNumber(event.object),
            float: event.number,
            allotted: part(event, 0),
            cash: 0,
            count: 0,
            counted: 0,
            closed: FactId::NONE,
        }
    }

    /// Books an event about this shift.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::CashTaken => {
                self.cash += event.number;
                self.count += i64::from(event.number > 0);
            }
            // Of a clerk who was ended the drawer was not counted: all of it is missing.
            EventKind::ShiftClosed | EventKind::ClerkEnded => {
                (self.counted, self.closed) = (event.number, event.id);
            }
            _ => {}
        }
    }

    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        !self.closed.is_some()
    }

    /// What the drawer must hold, minor units.
    pub const fn expected(&self) -> i64 {
        self.float + self.cash
    }
}

/// The shift that an event is about.
pub fn shift_of_event(event: &Event) -> Option<FactId> {
    match event.kind {
        EventKind::ShiftOpened => Some(event.id),
        EventKind::ShiftClosed => Some(FactId(event.object)),
        EventKind::ClerkEnded if !event.digest.is_empty() => Some(FactId(part(event, 3))),
        EventKind::CashTaken => Some(FactId(part(event, 0))),
        _ => None,
    }
}

/// How an event changes what its store may still owe, and what it took in closed shifts and has not
/// paid in: the store, and minor units of each. The third part of a closed shift is what it took.
pub fn credit_of_event(event: &Event) -> Option<(StoreNumber, i64, i64)> {
    match event.kind {
        EventKind::ShiftOpened => Some((StoreNumber(part(event, 1)), part(event, 0), 0)),
        EventKind::ClerkEnded if event.digest.is_empty() => None,
        EventKind::ShiftClosed | EventKind::ClerkEnded => {
            Some((StoreNumber(part(event, 1)), -part(event, 0), part(event, 2)))
        }
        EventKind::CashCreditReleased => {
            Some((StoreNumber(event.subject), -event.number, -event.number))
        }
        _ => None,
    }
}

/// What an event that closes a shift says in its digest: what the shift did not take of what was
/// allotted to it, its store, what it took, and which it is.
pub fn closing(shift: &Shift, store: StoreNumber) -> Vec<u8> {
    let rest = parts(shift.cash, shift.id.0);
    [parts(shift.allotted - shift.cash, store.0), rest].concat()
}

/// Two numbers as an event's digest.
pub fn parts(one: i64, other: i64) -> Vec<u8> {
    [one.to_be_bytes(), other.to_be_bytes()].concat()
}

/// One of them; 0 in an event that was tampered with: its hash says so.
fn part(event: &Event, place: usize) -> i64 {
    let bytes = event.digest.get(place * 8..place * 8 + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_whose_digest_was_cut_short_is_read_without_a_fall() {
        let event = Event {
            id: FactId(1),
            seq: 1,
            request_id: crate::ids::RequestId::default(),
            kind: EventKind::ShiftOpened,
            subject: 1,
            object: 1,
            number: 0,
            digest: vec![0],
            actor: String::new(),
            second: String::new(),
            text: String::new(),
        };
        assert_eq!(Shift::of_event(&event).allotted, 0);
        assert_eq!(credit_of_event(&event), Some((StoreNumber(0), 0, 0)));
    }
}
