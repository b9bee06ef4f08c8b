//! Sessions of staff: an operator's browser, or a clerk at a register.
//!
//! A session is a row that its opening event made. Nothing of it is in the memory of a server: it
//! ends for every node with the commit that ends it. How long it may be idle is the server's to
//! say, by the age of the token that stands for it.

use crate::clerk::Clerk;
use crate::facts::{Event, EventKind};
use crate::ids::{ClerkNumber, FactId, OperatorNumber, TerminalNumber};
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
        /// The terminal that a clerk signed in at; none: an operator's.
        pub terminal: TerminalNumber,
        /// An operator's: digest of the browser's key that its token is bound to. A clerk's: digest
        /// of the secret that his register was told.
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
            terminal: TerminalNumber::NONE,
            key: part(&event.digest, 1),
            verified_at: event.id.at(),
            ended: FactId::NONE,
        }
    }

    /// The session of a clerk that an event opened.
    pub fn of_clerk(event: &Event) -> Self {
        Self {
            id: event.id,
            operator: OperatorNumber::NONE,
            clerk: ClerkNumber(event.subject),
            terminal: TerminalNumber(event.object),
            key: part(&event.digest, 0),
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

/// What a register shows of the clerk who signed in there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClerkToken {
    /// Who.
    pub clerk: ClerkNumber,
    /// The session that his PIN opened.
    pub session: FactId,
    /// BLAKE3 of the session's secret, which its register alone was told.
    pub key: [u8; 32],
}

impl std::fmt::Debug for ClerkToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ClerkToken({}, {})", self.clerk.0, self.session.0)
    }
}

/// What must hold of the clerk who gives money back at a register: he signed in there, a short
/// while ago, and works there still.
///
/// # Errors
/// [`Refusal::ClerkMustSignIn`], whichever does not hold.
pub fn clerk_may_act<'a>(
    token: &ClerkToken,
    (session, clerk): (Option<&StaffSession>, Option<&'a Clerk>),
    terminal: TerminalNumber,
    now: Instant,
) -> Result<&'a Clerk, Refusal> {
    let (Some(session), Some(clerk)) = (session, clerk) else {
        return Err(Refusal::ClerkMustSignIn);
    };
    let own = session.clerk == clerk.number && clerk.is_active();
    let here = session.terminal == terminal && session.key == token.key;
    let open = session.id > clerk.sessions_since && !session.ended.is_some();
    let short = now < session.id.at().plus_ms(CLERK_SESSION_MS_MAX);
    if own && here && open && short { Ok(clerk) } else { Err(Refusal::ClerkMustSignIn) }
}
