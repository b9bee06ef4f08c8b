//! Switches: every capability can be closed, for everything or for one merchant, store, terminal or
//! member. Closing takes one person, reopening two. No switch stops query, reverse, void, capture of an
//! existing hold, or a refund to the balance it came from.

use crate::coded;
use crate::ids::{MemberNumber, MerchantNumber, StoreNumber, TerminalNumber};
use crate::row;
use crate::time::Instant;

coded! {
    /// What can be closed.
    pub enum Capability {
        /// Paying and authorizing on a code.
        Payment = 1 => "payment",
        /// Refunds that do not go back to the balance they came from.
        Refund = 2 => "refund",
        /// Showing codes.
        CodeIssue = 3 => "code_issue",
        /// Enrolling devices.
        Enrolment = 4 => "enrolment",
        /// Giving money or points to members.
        Credit = 5 => "credit",
    }
}

impl Capability {
    /// Whether closing may lapse by itself: only where no money can move by it.
    pub const fn may_lapse(self) -> bool {
        matches!(self, Self::Enrolment)
    }
}

coded! {
    /// For whom it is closed.
    pub enum Scope {
        /// For everybody.
        Everything = 0 => "everything",
        /// For one merchant.
        Merchant = 1 => "merchant",
        /// For one store.
        Store = 2 => "store",
        /// For one terminal.
        Terminal = 3 => "terminal",
        /// For one member.
        Member = 4 => "member",
    }
}

row! {
    /// One closed switch. A switch that was opened has no row.
    pub struct Switch in "switch" {
        /// What is closed.
        pub capability: Capability,
        /// For which kind of subject.
        pub scope: Scope,
        /// For which one; 0 for everything.
        pub subject: i64,
        /// Since when.
        pub closed_at: Instant,
        /// When it opens by itself; 0: never.
        pub lapses_at: Instant,
        /// Who closed it.
        pub actor: String,
        /// Why.
        pub reason: String,
    }
}

/// The object number under which an event names a switch.
pub const fn object(capability: Capability, scope: Scope) -> i64 {
    capability.code() * 16 + scope.code()
}

/// The capability and scope of an event's object number.
pub const fn from_object(object: i64) -> Option<(Capability, Scope)> {
    match (Capability::from_code(object / 16), Scope::from_code(object % 16)) {
        (Some(capability), Some(scope)) => Some((capability, scope)),
        _ => None,
    }
}

/// Where something happens: what the scopes of switches are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// The merchant, or none.
    pub merchant: MerchantNumber,
    /// The store, or none.
    pub store: StoreNumber,
    /// The terminal, or none.
    pub terminal: TerminalNumber,
    /// The member, or none.
    pub member: MemberNumber,
}

impl Switch {
    /// Whether this switch stops `capability` at `place` at `now`.
    pub fn stops(&self, capability: Capability, place: &Place, now: Instant) -> bool {
        let in_force = self.lapses_at.0 == 0 || now < self.lapses_at;
        let subject = match self.scope {
            Scope::Everything => 0,
            Scope::Merchant => place.merchant.0,
            Scope::Store => place.store.0,
            Scope::Terminal => place.terminal.0,
            Scope::Member => place.member.0,
        };
        let here = self.scope == Scope::Everything || (subject != 0 && subject == self.subject);
        self.capability == capability && in_force && here
    }
}
