//! Clerks: who gives money back at the registers of a store.
//!
//! A clerk signs in with a number and a PIN, at a register of his own store that signs the request:
//! nobody else can try, and so nobody else can lock him out. Wrong PINs lock him for a while; an
//! operator's reset unlocks at once.
//!
//! Not here: hashing, which the server does before the queue (Argon2id); the digest that it was
//! compared with is named, so that a PIN that was reset meanwhile does not sign in.

use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, FactId, StoreNumber};
use crate::operator::Sealed;
use crate::time::{DAY_MS, Instant, MINUTE_MS};
use crate::{coded, row};

/// After this many wrong PINs in a row a clerk is locked.
pub const PIN_TRIES_MAX: i64 = 5;
/// For how long, milliseconds.
pub const LOCKED_MS: i64 = 15 * MINUTE_MS;

coded! {
    /// Whether a clerk works here.
    pub enum ClerkState {
        /// In office.
        Active = 0 => "active",
        /// Ended for ever.
        Ended = 1 => "ended",
    }
}

row! {
    /// Who gives money back at the registers of a store.
    pub struct Clerk in "clerk" {
        /// Identity.
        pub number: ClerkNumber,
        /// Where.
        pub store: StoreNumber,
        /// As colleagues read it.
        pub name: String,
        /// The PIN's Argon2id digest in the PHC form; the event has its BLAKE3.
        pub pin: Sealed,
        /// Wrong PINs since the last right one, reset or lock.
        pub tries: i64,
        /// Until when no PIN signs in; 0: it does.
        pub locked_until: Instant,
        /// Sessions that were opened before this event are over.
        pub sessions_since: FactId,
        /// The last event about this clerk; a later one has a larger id.
        pub last_id: FactId,
        /// Whether he works here.
        pub state: ClerkState,
        /// The shift that he has opened last; none.
        pub shift: FactId,
        /// Minor units of cash that he has taken since `cash_since`.
        pub cash: i64,
        /// From when the cash is counted: his first top-up that was not within a day of the count
        /// before.
        pub cash_since: Instant,
    }
}

impl Clerk {
    /// The clerk that an event made.
    pub fn of_event(event: &Event, pin: Sealed) -> Self {
        Self {
            number: ClerkNumber(event.subject),
            store: StoreNumber(event.object),
            name: event.text.clone(),
            pin,
            tries: 0,
            locked_until: Instant(0),
            sessions_since: FactId::NONE,
            last_id: event.id,
            state: ClerkState::Active,
            shift: FactId::NONE,
            cash: 0,
            cash_since: Instant(0),
        }
    }

    /// Minor units of cash that he has taken since the count began, at most 24 hours ago.
    pub const fn cash_within_a_day(&self, now: Instant) -> i64 {
        if self.cash_since.0 + DAY_MS > now.0 { self.cash } else { 0 }
    }

    /// Books an event about this clerk; `pin` is what a reset's digest names.
    pub fn fold_event(&mut self, event: &Event, pin: Option<Sealed>) {
        assert!(event.id > self.last_id, "a clerk's facts are in order of their ids");
        self.last_id = event.id;
        match event.kind {
            EventKind::ClerkPinReset => {
                (self.tries, self.locked_until) = (0, Instant(0));
                self.sessions_since = event.id;
            }
            EventKind::ClerkEnded => self.state = ClerkState::Ended,
            EventKind::ShiftOpened => self.shift = event.id,
            EventKind::CashTaken => {
                let at = event.id.at();
                let counted = self.cash_within_a_day(at);
                if self.cash_since.0 + DAY_MS <= at.0 {
                    self.cash_since = at;
                }
                // What goes back over the counter makes no room for more.
                self.cash = counted + event.number.max(0);
            }
            EventKind::ClerkSignedIn => self.tries = 0,
            EventKind::ClerkPinWrong => {
                self.tries += 1;
                if self.tries >= PIN_TRIES_MAX {
                    (self.tries, self.locked_until) = (0, event.id.at().plus_ms(LOCKED_MS));
                }
            }
            _ => {}
        }
        if let Some(pin) = pin {
            self.pin = pin;
        }
    }

    /// Whether he works here.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, ClerkState::Active)
    }
}
