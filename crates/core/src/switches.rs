//! Switches: every capability can be closed, for everything or for one merchant, store, terminal or
//! member. Closing takes one person, reopening two. No switch stops query, reverse, void, capture
//! of an existing hold, or a refund to the balance it came from. [`markdown`] is
//! `docs/reference/switches.md`.

use std::fmt::Write as _;

use crate::coded;
use crate::facts::Event;
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
        /// Becoming a member.
        SignUp = 6 => "sign_up",
        /// Starting and finishing recoveries.
        Recovery = 7 => "recovery",
        /// Signing in by an external id, and linking one.
        ExternalId = 8 => "external_id",
        /// Topping up by a card, and adding cards.
        CardTopUp = 9 => "card_top_up",
        /// Topping up with cash at a register.
        CashTopUp = 10 => "cash_top_up",
    }
}

impl Capability {
    /// Whether closing may lapse by itself: only where no money can move by it.
    pub const fn may_lapse(self) -> bool {
        matches!(self, Self::Enrolment | Self::SignUp | Self::Recovery | Self::ExternalId)
    }

    /// For whom it can be closed. For any other scope a switch would stop nothing.
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Payment | Self::Refund | Self::CashTopUp => {
                &[Scope::Everything, Scope::Merchant, Scope::Store, Scope::Terminal, Scope::Member]
            }
            Self::CodeIssue | Self::Enrolment | Self::Credit | Self::Recovery | Self::CardTopUp => {
                &[Scope::Everything, Scope::Member]
            }
            Self::SignUp => &[Scope::Everything],
            Self::ExternalId => &[Scope::Everything, Scope::Provider],
        }
    }

    /// What closing it stops, as operators read it.
    pub const fn stops(self) -> &'static str {
        match self {
            Self::Payment => "Paying and authorizing on a one-time code.",
            Self::Refund => {
                "Refunds to members who are closed: they would wait in suspense. Refunds to the \
                 balance they came from go on."
            }
            Self::CodeIssue => "Showing codes. Codes that are shown already still pay.",
            Self::Enrolment => "Enrolling devices. Links stay good until their time.",
            Self::Credit => "Giving money or points to members from outside.",
            Self::SignUp => "Becoming a member.",
            Self::Recovery => "Starting and finishing recoveries; contesting and cancelling go on.",
            Self::ExternalId => "Signing in by an external id on a known device, and linking one.",
            Self::CardTopUp => {
                "Topping up by a card, and adding cards. What the acquirer holds or has taken \
                 already is still booked."
            }
            Self::CashTopUp => "Topping up with cash at a register. Taking one back goes on.",
        }
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
        /// For one provider of external ids.
        Provider = 5 => "provider",
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
    /// The provider of external ids, see [`provider_number`]; 0: none.
    pub provider: i64,
}

/// The number by which a switch names a provider of external ids: made from the name that the
/// operator gave it, so that it needs no row.
pub fn provider_number(name: &str) -> i64 {
    let digest = blake3::derive_key("yaoki provider number 1", name.as_bytes());
    let [one, two, three, four, ..] = digest;
    i64::from(u32::from_be_bytes([one, two, three, four])).max(1)
}

/// The page of the reference.
pub fn markdown() -> String {
    let mut page = String::from(HEADER);
    for capability in Capability::ALL {
        let scopes: Vec<&str> = capability.scopes().iter().map(|scope| scope.name()).collect();
        let lapses = if capability.may_lapse() { "yes" } else { "no" };
        let _ = writeln!(
            page,
            "| `{capability}` | {} | {} | {lapses} |",
            capability.stops(),
            scopes.join(", ")
        );
    }
    page.push_str(FOOTER);
    page
}

const HEADER: &str = "\
# Switches

Generated from the rules (`crates/core/src/switches.rs`).

Every capability can be closed, for everything or for one subject of a scope. Closing takes one
person and a reason, and holds within a second on every node; opening takes two different people.
Closing again never shortens what is closed already.

| capability | what closing it stops | for | may lapse by itself |
| --- | --- | --- | --- |
";

const FOOTER: &str = "
A switch for a merchant, store or terminal compares with the register that asks; one for a member
with the member whose money it is. A register hears of a member's switch only that the code cannot
be used.

**No switch, freeze, limit or suspension ever stops** query, reverse, void, capture of an existing
hold, or a refund to the balance it came from. Only steps that touch no money may lapse by
themselves.
";

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
            Scope::Provider => place.provider,
        };
        let here = self.scope == Scope::Everything || (subject != 0 && subject == self.subject);
        self.capability == capability && in_force && here
    }
}

/// The switch that an event closed or opened.
pub fn switch_of_event(event: &Event) -> Switch {
    let (capability, scope) =
        from_object(event.object).expect("an event names capability and scope");
    let subject = if scope == Scope::Everything { 0 } else { event.subject };
    Switch {
        capability,
        scope,
        subject,
        closed_at: event.id.at(),
        lapses_at: Instant(event.number),
        actor: event.actor.clone(),
        reason: event.text.clone(),
    }
}

/// Whether both close the same capability for the same subject.
pub(crate) fn same_switch(one: &Switch, other: &Switch) -> bool {
    let key = |switch: &Switch| (switch.capability, switch.scope, switch.subject);
    key(one) == key(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_line_for_each_capability() {
        let page = markdown();
        for capability in Capability::ALL {
            let line = page.lines().find(|line| line.starts_with(&format!("| `{capability}` |")));
            let line = line.expect("a line");
            assert!(line.contains(capability.stops()));
            assert_eq!(line.ends_with("| yes |"), capability.may_lapse());
        }
    }

    #[test]
    fn capability_and_scope_are_read_back_from_an_events_object() {
        for &capability in Capability::ALL {
            for &scope in Scope::ALL {
                assert_eq!(from_object(object(capability, scope)), Some((capability, scope)));
            }
        }
        assert_eq!(from_object(0), None);
    }

    #[test]
    fn a_switch_stops_its_capability_where_it_is_closed_until_it_lapses() {
        let place = Place {
            merchant: MerchantNumber(1),
            store: StoreNumber(2),
            terminal: TerminalNumber(3),
            member: MemberNumber(4),
            provider: 5,
        };
        for &scope in Scope::ALL {
            let switch = |subject| Switch {
                capability: Capability::Payment,
                scope,
                subject,
                closed_at: Instant(5),
                lapses_at: Instant(10),
                actor: String::new(),
                reason: String::new(),
            };
            let own = scope.code();
            let stops =
                |subject, now| switch(subject).stops(Capability::Payment, &place, Instant(now));
            assert!(stops(own, 9) && !stops(own, 10), "{scope}");
            assert_eq!(stops(own + 1, 9), scope == Scope::Everything, "{scope}");
            assert!(!switch(own).stops(Capability::Refund, &place, Instant(9)));
            let nowhere = switch(0).stops(Capability::Payment, &Place::default(), Instant(9));
            assert_eq!(nowhere, scope == Scope::Everything, "no subject is nobody's: {scope}");
        }
    }
}
