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
            EventKind::ShiftClosed => (self.counted, self.closed) = (event.number, event.id),
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
        EventKind::CashTaken => Some(FactId(part(event, 0))),
        _ => None,
    }
}

/// How an event changes what its store may still owe: the store, and minor units.
pub fn credit_of_event(event: &Event) -> Option<(StoreNumber, i64)> {
    match event.kind {
        EventKind::ShiftOpened => Some((StoreNumber(part(event, 1)), part(event, 0))),
        EventKind::ShiftClosed => Some((StoreNumber(part(event, 1)), -part(event, 0))),
        EventKind::CashCreditReleased => Some((StoreNumber(event.subject), -event.number)),
        _ => None,
    }
}

/// Two numbers as an event's digest.
pub fn parts(one: i64, other: i64) -> Vec<u8> {
    [one.to_be_bytes(), other.to_be_bytes()].concat()
}

fn part(event: &Event, place: usize) -> i64 {
    let bytes = event.digest[place * 8..place * 8 + 8].try_into();
    i64::from_be_bytes(bytes.expect("8 bytes"))
}
