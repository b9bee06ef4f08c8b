//! Addresses on file: where a member is told of things, and what a recovery may ask.

use crate::facts::{Event, EventKind};
use crate::identity::CONTACT_SETTLED_MS;
use crate::ids::{FactId, MemberNumber};
use crate::message::{Address, Channel, Language, Recipient};
use crate::time::Instant;
use crate::{coded, row};

coded! {
    /// Whether an address is on file.
    pub enum ContactState {
        /// On file.
        Active = 0 => "active",
        /// No longer.
        Ended = 1 => "ended",
    }
}

row! {
    /// An address of a member, proved by a typed code. One address is one member's.
    pub struct Contact in "contact" {
        /// Identity: BLAKE3 of kind and normalised address, keyed, so that a copy of the book alone
        /// does not tell by trying who is a member.
        pub digest: [u8; 32],
        /// Whose.
        pub member: MemberNumber,
        /// What it is.
        pub channel: Channel,
        /// The address, normalised. Personal data: in no fact.
        pub address: Address,
        /// In which language.
        pub language: Language,
        /// Whether it is on file.
        pub state: ContactState,
        /// The event that put it there last; one that was taken back was never gone.
        pub since: FactId,
        /// When it ended; 0 while it is on file.
        pub ended_at: Instant,
        /// When it was taken back last; 0: never.
        pub returned_at: Instant,
    }
}

impl Contact {
    /// The address that an event put on file. `address` is what the event's digest names.
    pub fn of_event(event: &Event, address: Address) -> Self {
        assert!(event.kind == EventKind::ContactAdded);
        Self {
            digest: event.digest.as_slice().try_into().expect("a digest has 32 bytes"),
            member: MemberNumber(event.subject),
            channel: Channel::from_code(event.number).expect("a kind of address"),
            address,
            language: Language::from_name(&event.text).unwrap_or(Language::Japanese),
            state: ContactState::Active,
            since: if event.object == 0 { event.id } else { FactId(event.object) },
            ended_at: Instant(0),
            returned_at: if event.object == 0 { Instant(0) } else { event.id.at() },
        }
    }

    /// Whom to write to.
    pub fn recipient(&self) -> Recipient {
        Recipient {
            member: self.member,
            channel: self.channel,
            address: self.address.clone(),
            address_digest: self.digest,
            language: self.language,
        }
    }

    /// Whether it is on file.
    pub fn is_active(&self) -> bool {
        self.state == ContactState::Active
    }

    /// Whether it is on file for so long that a recovery may ask it.
    pub fn is_settled(&self, now: Instant) -> bool {
        self.is_active() && self.since.at().plus_ms(CONTACT_SETTLED_MS) <= now
    }
}
