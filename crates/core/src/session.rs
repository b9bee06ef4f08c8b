//! Sessions of staff: an operator's browser, or a clerk at a register.
//!
//! A session is a row that its opening event made. Nothing of it is in the memory of a server: it
//! ends for every node with the commit that ends it. How long it may be idle is the server's to
//! say, by the age of the token that stands for it.

use crate::clerk::Clerk;
use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, FactId, OperatorNumber, StoreNumber};
use crate::operator::{Operator, part};
use crate::refusal::Refusal;
use crate::row;
use crate::time::{HOUR_MS, Instant, MINUTE_MS};

/// The longest that a session of an operator lasts, milliseconds.
pub const SESSION_MS_MAX: i64 = 12 * HOUR_MS;
/// The longest that a session of a clerk lasts, milliseconds.
pub const CLERK_SESSION_MS_MAX: i64 = 15 * MINUTE_MS;
/// How long after a verification of the user sensitive acts are taken, milliseconds.
pub const FRESH_MS_MAX: i64 = 5 * MINUTE_MS;

row! {
    /// A session of an operator or of a clerk.
    pub struct StaffSession in "staff_session" {
        /// Identity: the event that opened it, which says when.
        pub id: FactId,
        /// Whose; none: a clerk's.
        pub operator: OperatorNumber,
        /// Whose; none: an operator's.
        pub clerk: ClerkNumber,
        /// The store that a clerk works at; none: an operator's.
        pub store: StoreNumber,
        /// Digest of the browser's key that its token is bound to; zeros: a clerk's.
        pub key: [u8; 32],
        /// When the user was verified last.
        pub verified_at: Instant,
        /// The event that ended it, or none.
        pub ended: FactId,
    }
}

impl StaffSession {
    /// The session of an operator that an event opened.
    pub fn of_operator(event: &Event) -> Self {
        Self {
            id: event.id,
            operator: OperatorNumber(event.subject),
            clerk: ClerkNumber::NONE,
            store: StoreNumber::NONE,
            key: part(&event.digest, 1),
            verified_at: event.id.at(),
            ended: FactId::NONE,
        }
    }

    /// The session of a clerk that an event opened.
    pub const fn of_clerk(event: &Event, clerk: &Clerk) -> Self {
        Self {
            id: event.id,
            operator: OperatorNumber::NONE,
            clerk: clerk.number,
            store: clerk.store,
            key: [0; 32],
            verified_at: event.id.at(),
            ended: FactId::NONE,
        }
    }

    /// Books an event about this session. Two lanes may book theirs in any order.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::StaffSessionVerified => {
                self.verified_at = self.verified_at.max(event.id.at());
            }
            EventKind::StaffSessionEnded => self.ended = event.id,
            _ => {}
        }
    }

    /// Whether it goes on for `operator`, whose it is.
    pub fn is_open(&self, operator: &Operator, now: Instant) -> bool {
        let own = self.operator == operator.number && operator.is_active();
        let since = self.id > operator.sessions_since;
        own && since && !self.ended.is_some() && now < self.id.at().plus_ms(SESSION_MS_MAX)
    }

    /// Whether its user was verified a moment ago.
    pub const fn is_fresh(&self, now: Instant) -> bool {
        now.0 < self.verified_at.0 + FRESH_MS_MAX
    }
}

/// What must hold of the clerk who gives money back at a register of `store`.
///
/// # Errors
/// [`Refusal::ClerkMustSignIn`], whichever does not hold.
pub fn clerk_may_act(
    session: Option<&StaffSession>,
    clerk: Option<&Clerk>,
    store: StoreNumber,
    now: Instant,
) -> Result<ClerkNumber, Refusal> {
    let (Some(session), Some(clerk)) = (session, clerk) else {
        return Err(Refusal::ClerkMustSignIn);
    };
    let own = session.clerk == clerk.number && clerk.is_active() && session.store == store;
    let open = session.id > clerk.sessions_since && !session.ended.is_some();
    let short = now < session.id.at().plus_ms(CLERK_SESSION_MS_MAX);
    if own && open && short { Ok(clerk.number) } else { Err(Refusal::ClerkMustSignIn) }
}
