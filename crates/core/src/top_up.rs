//! Money that comes in: cards on file, and each top-up by whatever rail as one row of one state
//! model.
//!
//! ```text
//! requested → authorized → posted → taking back → taken back
//!     │    ↘      ↓  ↘ unknown ↗  ↘ disputed
//!     └────→ declining → declined
//! ```
//!
//! *Authorized* lasts as long as a rule holds it; after that whoever may object has had his time.
//! *Unknown* is said as long as the other side has not answered; it ends by asking, never by hand.
//! What is requested, authorized, declining or unknown counts in every limit: only what the other
//! side has declined, or cancelled, frees up. Rows are folds over events and operations, and change
//! under their member's lock only.

use crate::facts::{Effect, Event, EventKind, Operation, OperationKind};
use crate::ids::{FactId, MemberNumber, TerminalNumber};
use crate::time::{Instant, SECOND_MS};
use crate::{coded, row};

/// How far back top-ups are loaded where limits are judged, milliseconds.
pub const COUNTED_MS: i64 = 30 * crate::time::DAY_MS;
/// A top-up by card that its member does not go on with is ended after this, milliseconds.
pub const ABANDONED_MS: i64 = 15 * crate::time::MINUTE_MS;

coded! {
    /// How money comes in.
    pub enum Rail {
        /// A credit or debit card, through an acquirer.
        Card = 1 => "card",
        /// Cash at a register.
        Cash = 2 => "cash",
    }
}

coded! {
    /// How far a top-up has come.
    pub enum TopUpState {
        /// Asked for; the other side may know of it.
        Requested = 1 => "requested",
        /// The other side holds the money for us.
        Authorized = 2 => "authorized",
        /// It is in the balance.
        Posted = 3 => "posted",
        /// It did not take place, and never will.
        Declined = 4 => "declined",
        /// The other side was asked and has not answered.
        Unknown = 5 => "unknown",
        /// We do not want it; the other side is told so.
        Declining = 6 => "declining",
        /// It went back to where it came from.
        TakenBack = 7 => "taken_back",
        /// The holder of the card disputes it: the acquirer has taken it back from us.
        Disputed = 8 => "disputed",
        /// It is out of the balance; the acquirer has not yet said that it gives it back.
        TakingBack = 9 => "taking_back",
    }
}

impl TopUpState {
    /// Whether something is still to come of it.
    pub const fn is_open(self) -> bool {
        self.is_coming() || matches!(self, Self::TakingBack)
    }

    /// Whether it may still come into the balance.
    pub const fn is_coming(self) -> bool {
        matches!(self, Self::Requested | Self::Authorized | Self::Unknown | Self::Declining)
    }
}

coded! {
    /// What 3-D Secure said.
    pub enum ThreeDSecure {
        /// Nothing: the issuer does not know who paid.
        Absent = 0 => "absent",
        /// The issuer was content without a question.
        Frictionless = 1 => "frictionless",
        /// The issuer has asked, and the card's holder has answered.
        Challenge = 2 => "challenge",
    }
}

row! {
    /// One top-up.
    pub struct TopUp in "top_up" {
        /// Identity: the event that asked for it, or the operation that booked it at once.
        pub id: FactId,
        /// Whose.
        pub member: MemberNumber,
        /// How.
        pub rail: Rail,
        /// How far it has come.
        pub state: TopUpState,
        /// Minor units.
        pub amount: i64,
        /// The device that asked; none where a register did.
        pub device: FactId,
        /// The card; none.
        pub card: FactId,
        /// The register; none.
        pub terminal: TerminalNumber,
        /// What 3-D Secure said.
        pub secured: ThreeDSecure,
        /// 1: only a challenge will do.
        pub challenge: i64,
        /// What the other side calls it; empty as long as it has not said.
        pub reference: String,
        /// The number of the refusal that ended it, or will.
        pub reason: i64,
        /// When it changed last.
        pub changed_at: Instant,
        /// The operation that put it into the balance.
        pub posted: FactId,
        /// Minor units that the acquirer has taken back by disputes.
        pub disputed: i64,
        /// Until when a rule has it held before it is taken; 0: it is not.
        pub held_until: Instant,
        /// 1: limits and rules have let it through, with what its issuer said.
        pub judged: i64,
        /// 16 bytes that are the same for the same network; empty where none is known.
        pub network: Vec<u8>,
    }
}

/// Bytes of [`TopUp::network`].
pub const NETWORK_BYTES: usize = 16;
/// How many things 3-D Secure can say, in an event that says for how long a top-up is held too.
const SECURED_MAX: i64 = 16;

coded! {
    /// Whether a card can be used.
    pub enum CardState {
        /// It can.
        Active = 0 => "active",
        /// It was removed.
        Ended = 1 => "ended",
        /// Its holder said that a top-up was not his. It is not added again, to no wallet.
        Disputed = 2 => "disputed",
    }
}

row! {
    /// A card on file: the acquirer's token for it. Its number is never here.
    pub struct Card in "card" {
        /// Identity: the event that added it.
        pub id: FactId,
        /// Whose.
        pub member: MemberNumber,
        /// Whether it can be used.
        pub state: CardState,
        /// The device on which its holder passed a challenge last.
        pub device: FactId,
        /// 1: it came by a device that was no newcomer then.
        pub trusted: i64,
        /// Which of the wallets that may have this card: 1, 2…
        pub place: i64,
        /// The same for the same card, whoever's wallet it is in.
        pub fingerprint: [u8; 32],
        /// What the acquirer knows it by.
        pub token: String,
        /// As its holder knows it, such as "Visa 4242".
        pub label: String,
    }
}

/// A card that is to be added, its holder's challenge passed.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCard {
    /// See [`Card::fingerprint`].
    pub fingerprint: [u8; 32],
    /// See [`Card::token`].
    pub token: String,
    /// See [`Card::label`].
    pub label: String,
}

impl std::fmt::Debug for NewCard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewCard({})", self.label)
    }
}

impl Card {
    /// What the event says of token and label, which it may not carry.
    pub fn digest(token: &str, label: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("yaoki card 1");
        hasher.update(&u64::try_from(token.len()).expect("it is short").to_be_bytes());
        hasher.update(token.as_bytes());
        hasher.update(label.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The card that an event added. The event's number is its place × 2 + `trusted`, its digest
    /// the fingerprint and [`Self::digest`].
    pub fn of_event(event: &Event, token: String, label: String) -> Self {
        Self {
            id: event.id,
            member: MemberNumber(event.subject),
            state: CardState::Active,
            device: FactId(event.object),
            trusted: event.number % 2,
            place: event.number / 2,
            fingerprint: event.digest[..32].try_into().expect("32 bytes"),
            token,
            label,
        }
    }

    /// Books an event about this card.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::CardChallenged => self.device = FactId(event.number),
            EventKind::CardEnded if event.number == 1 => self.state = CardState::Disputed,
            EventKind::CardEnded => self.state = CardState::Ended,
            _ => {}
        }
    }

    /// Whether it can be used.
    pub fn is_active(&self) -> bool {
        self.state == CardState::Active
    }

    /// Whether it is so new that it is under limits of its own.
    pub const fn is_new(&self, new_seconds: i64, now: Instant) -> bool {
        self.id.at().0 + new_seconds * crate::time::SECOND_MS > now.0
    }
}

impl TopUp {
    /// The top-up that an event asks for: object: card, number: amount, digest: device, rail and
    /// whether only a challenge will do, each as 8 bytes, and the network where it is known.
    pub fn of_event(event: &Event) -> Self {
        let part = |place: usize| -> i64 {
            let bytes = event.digest[place * 8..place * 8 + 8].try_into();
            i64::from_be_bytes(bytes.expect("8 bytes"))
        };
        Self {
            id: event.id,
            member: MemberNumber(event.subject),
            rail: Rail::from_code(part(1)).expect("a rail"),
            state: TopUpState::Requested,
            amount: event.number,
            device: FactId(part(0)),
            card: FactId(event.object),
            terminal: TerminalNumber::NONE,
            secured: ThreeDSecure::Absent,
            challenge: part(2),
            reference: String::new(),
            reason: 0,
            changed_at: event.id.at(),
            posted: FactId::NONE,
            disputed: 0,
            held_until: Instant(0),
            judged: 0,
            network: event.digest[24..].to_vec(),
        }
    }

    /// What [`Self::of_event`] reads.
    pub fn digest(device: FactId, rail: Rail, challenge: bool, network: &[u8]) -> Vec<u8> {
        let parts = [device.0, rail.code(), i64::from(challenge)];
        let mut digest: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
        digest.extend_from_slice(network);
        digest
    }

    /// The number of an event that says what 3-D Secure said, and for how many seconds it is held.
    pub const fn secured_and_held(said: ThreeDSecure, seconds: i64) -> i64 {
        said.code() + SECURED_MAX * seconds
    }

    /// The top-up that an operation booked at once, at a register.
    pub fn of_operation(operation: &Operation) -> Self {
        Self {
            id: operation.id,
            member: operation.member,
            rail: Rail::Cash,
            state: TopUpState::Posted,
            amount: operation.amount,
            device: FactId::NONE,
            card: FactId::NONE,
            terminal: operation.terminal,
            secured: ThreeDSecure::Absent,
            challenge: 0,
            reference: String::new(),
            reason: 0,
            changed_at: operation.id.at(),
            posted: operation.id,
            disputed: 0,
            held_until: Instant(0),
            judged: 1,
            network: Vec::new(),
        }
    }

    /// What [`Self::secured_and_held`] says: the code of what 3-D Secure said, and seconds.
    pub const fn read_secured(number: i64) -> (i64, i64) {
        (number % SECURED_MAX, number / SECURED_MAX)
    }

    /// Books an event about this top-up.
    pub fn fold_event(&mut self, event: &Event) {
        self.changed_at = event.id.at();
        match event.kind {
            EventKind::TopUpReferenced => {
                // The other side has answered.
                self.state = TopUpState::Requested;
                self.reference.clone_from(&event.text);
            }
            EventKind::TopUpAuthorized => {
                (self.state, self.judged) = (TopUpState::Authorized, 1);
                let (said, seconds) = Self::read_secured(event.number);
                self.secured = ThreeDSecure::from_code(said).expect("a result");
                if seconds > 0 {
                    self.held_until = event.id.at().plus_ms(seconds * SECOND_MS);
                }
            }
            EventKind::TopUpReleased => self.held_until = Instant(0),
            EventKind::TopUpUnknown => self.state = TopUpState::Unknown,
            EventKind::TopUpDeclining => {
                (self.state, self.reason) = (TopUpState::Declining, event.number);
                self.held_until = Instant(0);
            }
            EventKind::TopUpDeclined => {
                (self.state, self.reason) = (TopUpState::Declined, event.number);
                self.held_until = Instant(0);
            }
            EventKind::TopUpReturned => self.state = TopUpState::TakenBack,
            _ => {}
        }
    }

    /// Books an operation on this top-up.
    pub fn fold_operation(&mut self, operation: &Operation) {
        self.changed_at = operation.id.at();
        match (operation.kind, operation.effect) {
            (OperationKind::TopUp, _) => {
                (self.state, self.posted) = (TopUpState::Posted, operation.id);
                self.held_until = Instant(0);
            }
            (OperationKind::Dispute, Effect::DisputeWon) => {
                self.disputed -= operation.amount;
                if self.disputed == 0 {
                    self.state = TopUpState::Posted;
                }
            }
            (OperationKind::Dispute, _) => {
                self.disputed += operation.amount;
                self.state = TopUpState::Disputed;
            }
            (OperationKind::TakeBack, _) => self.state = TopUpState::TakingBack,
            (OperationKind::Reverse, _) => self.state = TopUpState::TakenBack,
            _ => {}
        }
    }

    /// Whether limits and rules have let it through, with what its issuer said.
    pub const fn was_judged(&self) -> bool {
        self.judged != 0
    }

    /// Whether a rule has it held still.
    pub const fn is_held(&self) -> bool {
        self.held_until.0 != 0
    }

    /// Whether it counts in limits: it took place, or may yet.
    pub fn counts(&self) -> bool {
        !matches!(self.state, TopUpState::Declined)
    }
}
