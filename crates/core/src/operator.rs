//! Operators: who works at the console, with which roles and which passkeys.
//!
//! Operators are few and stand in the directory, so that every lane judges by the same ones. Their
//! passkeys and links are found by digest. The first two are made on the host, once; each later one
//! by two who are there (see [`crate::act`] and [`crate::proposal`]).
//!
//! Not here: whether a passkey signed, which the server proves before it asks; sessions, see
//! [`crate::session`].

use crate::facts::{Event, EventKind};
use crate::identity::people::Private;
use crate::ids::{FactId, OperatorNumber};
use crate::row::{Field, Kind, Source, Value};
use crate::time::{Instant, MINUTE_MS};
use crate::{coded, row};

/// How long a link lives at which an operator registers a passkey, milliseconds.
pub const OPERATOR_LINK_MS: i64 = 10 * MINUTE_MS;

coded! {
    /// What an operator is there for.
    pub enum Role {
        /// The help desk: sees members, freezes, starts recoveries.
        Support = 0 => "support",
        /// The watch over fraud and incidents.
        Risk = 1 => "risk",
        /// Shops, money and what merchants are told.
        Finance = 2 => "finance",
        /// Operators, and everything about the book.
        Admin = 3 => "admin",
        /// Sees everything and changes nothing.
        Auditor = 4 => "auditor",
    }
}

/// A set of roles, one bit a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Roles(i64);

impl Roles {
    /// None.
    pub const NONE: Self = Self(0);
    /// Everything that changes something: what the first two operators have.
    pub const WORKING: Self = Self::of(&[Role::Support, Role::Risk, Role::Finance, Role::Admin]);
    /// Every role.
    pub const ALL: Self = Self::of(Role::ALL);

    /// These roles.
    pub const fn of(roles: &[Role]) -> Self {
        let (mut bits, mut place) = (0, 0);
        while place < roles.len() {
            bits |= 1 << roles[place].code();
            place += 1;
        }
        Self(bits)
    }

    /// The set of these bits; none where one of them is no role's.
    pub const fn from_bits(bits: i64) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// One bit a role, the bit of its code.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// Whether `role` is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role.code()) != 0
    }

    /// Whether one of them is among `others`.
    pub const fn meet(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether somebody may be given them: at least one, and an auditor changes nothing.
    pub const fn fit(self) -> bool {
        self.0 != 0 && (!self.has(Role::Auditor) || self.0 == Self::of(&[Role::Auditor]).0)
    }

    /// Each of them, in order.
    pub fn each(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }
}

impl Field for Roles {
    const KIND: Kind = Kind::Int;
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        let bits = source.int(index)?;
        Self::from_bits(bits).ok_or_else(|| format!("has a bit of no role: {bits}"))
    }
}

coded! {
    /// Whether an operator works here.
    pub enum OperatorState {
        /// Has registered a passkey.
        Active = 0 => "active",
        /// Ended for ever.
        Ended = 1 => "ended",
        /// Was made and has registered no passkey yet.
        Invited = 2 => "invited",
    }
}

row! {
    /// Who works at the console.
    pub struct Operator in "operator" {
        /// Identity.
        pub number: OperatorNumber,
        /// As colleagues read it.
        pub name: String,
        /// What he may do.
        pub roles: Roles,
        /// Whether he works here.
        pub state: OperatorState,
        /// Sessions that were opened before this event are over.
        pub sessions_since: FactId,
    }
}

impl Operator {
    /// The operators that an event made, each with the link at which he registers.
    pub fn of_event(event: &Event) -> Vec<(Self, OperatorLink)> {
        let first = event.kind == EventKind::FirstOperatorsCreated;
        let roles = if first { Roles::WORKING } else { Roles(event.object) };
        let numbers = event.subject..;
        // Behind the link's digest.
        let made_by = event.digest.as_chunks::<32>().1.try_into().map(i64::from_be_bytes);
        let made_by = OperatorNumber(made_by.unwrap_or(0));
        let made = numbers.zip(event.text.lines()).zip(event.digest.as_chunks::<32>().0);
        made.map(|((number, name), digest)| {
            let number = OperatorNumber(number);
            let (state, sessions_since) = (OperatorState::Invited, FactId::NONE);
            let operator = Self { number, name: name.to_owned(), roles, state, sessions_since };
            (operator, OperatorLink::new(*digest, number, made_by, event))
        })
        .collect()
    }

    /// Books an event about this operator.
    pub const fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::OperatorRolesChanged => self.roles = Roles(event.object),
            EventKind::OperatorEnded => self.state = OperatorState::Ended,
            EventKind::OperatorPasskeyAdded if event.object == 0 => {
                self.state = OperatorState::Active;
            }
            EventKind::OperatorPasskeyConfirmed => self.state = OperatorState::Active,
            EventKind::OperatorPasskeyEnded | EventKind::OperatorSessionsEnded => {
                self.sessions_since = event.id;
            }
            _ => {}
        }
    }

    /// Whether he works here and has registered.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, OperatorState::Active)
    }

    /// Whether he was not ended.
    pub const fn is_there(&self) -> bool {
        self.is_active() || self.is_invited()
    }

    /// Whether he was made and has not registered.
    pub const fn is_invited(&self) -> bool {
        matches!(self.state, OperatorState::Invited)
    }
}

row! {
    /// A one-time link at which one operator registers one passkey.
    pub struct OperatorLink in "operator_link" {
        /// BLAKE3 of the token; the token itself is kept nowhere.
        pub digest: [u8; 32],
        /// Whose passkey.
        pub operator: OperatorNumber,
        /// The operator who made it and saw its token; none: the host.
        pub made_by: OperatorNumber,
        /// Until when.
        pub expires_at: Instant,
        /// The event that used it, or none yet.
        pub used: FactId,
    }
}

impl OperatorLink {
    const fn new(
        digest: [u8; 32],
        operator: OperatorNumber,
        made_by: OperatorNumber,
        event: &Event,
    ) -> Self {
        let (expires_at, used) = (Instant(event.number), FactId::NONE);
        Self { digest, operator, made_by, expires_at, used }
    }

    /// The link that an event made for an operator who was there.
    ///
    /// # Panics
    /// When the event carries no digest of a link.
    pub fn of_event(event: &Event) -> Self {
        let digest = event.digest.as_slice().try_into().expect("a link's digest has 32 bytes");
        let (operator, made_by) = (OperatorNumber(event.subject), OperatorNumber(event.object));
        Self::new(digest, operator, made_by, event)
    }
}

coded! {
    /// Whether a passkey signs in.
    pub enum PasskeyState {
        /// Registered.
        Active = 0 => "active",
        /// Ended for ever.
        Ended = 1 => "ended",
        /// Registered at a colleague's link: another colleague must confirm it.
        Waiting = 2 => "waiting",
    }
}

/// Bytes that never show in a log: a credential, a digest of a PIN.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Sealed {
    /// What an event says of them: BLAKE3.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }

    /// As it goes beside its event.
    pub(crate) fn private(&self) -> Private {
        Private { secret: self.0.clone(), ..Private::default() }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

impl Field for Sealed {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        Vec::<u8>::read(source, index).map(Self)
    }
}

row! {
    /// A passkey of an operator's.
    pub struct OperatorPasskey in "operator_passkey" {
        /// Digest of the credential's id, by which it is found: the whole book has it once.
        pub lookup: [u8; 32],
        /// The event that registered it.
        pub id: FactId,
        /// Whose.
        pub operator: OperatorNumber,
        /// The operator who made the link that it was registered at; none: the host.
        pub made_by: OperatorNumber,
        /// The credential as the server keeps it; the event has its BLAKE3.
        pub secret: Sealed,
        /// The greatest counter of signatures that it has shown; 0 where it counts none.
        pub counter: i64,
        /// Whether it signs in.
        pub state: PasskeyState,
    }
}

impl OperatorPasskey {
    /// The passkey that an event registered.
    ///
    /// # Panics
    /// When the event has not the digests of one.
    pub fn of_event(event: &Event, secret: Sealed) -> Self {
        Self {
            lookup: part(&event.digest, 0),
            id: event.id,
            operator: OperatorNumber(event.subject),
            made_by: OperatorNumber(event.object),
            secret,
            counter: 0,
            state: if event.object == 0 { PasskeyState::Active } else { PasskeyState::Waiting },
        }
    }

    /// Books an event about this passkey.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::OperatorPasskeyEnded => self.state = PasskeyState::Ended,
            EventKind::OperatorPasskeyConfirmed => self.state = PasskeyState::Active,
            EventKind::StaffSessionOpened | EventKind::StaffSessionVerified => {
                self.counter = self.counter.max(event.number);
            }
            _ => {}
        }
    }
}

/// The digest at this place of those that an event carries, 32 bytes each.
///
/// # Panics
/// When there is none: no event of ours is so short.
pub fn part(digests: &[u8], place: usize) -> [u8; 32] {
    *digests.as_chunks::<32>().0.get(place).expect("an event has the digests of its kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_has_no_other_role_and_nobody_has_none() {
        let fit = |roles: &[Role]| Roles::of(roles).fit();
        assert!(fit(&[Role::Auditor]) && fit(&[Role::Support, Role::Admin]));
        assert!(!fit(&[]) && !fit(&[Role::Auditor, Role::Support]));
        assert_eq!(Roles::from_bits(32), None);
        assert_eq!(Roles::from_bits(31), Some(Roles::ALL));
        assert!(Roles::ALL.each().eq(Role::ALL.iter().copied()));
    }
}
