//! The rows of the members of a batch, and how events change them: the same folds in a commit and
//! in `yaoki verify`.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Event, EventKind, Operation};
use crate::identity::contact::{Contact, ContactState};
use crate::identity::credential::{Credential, CredentialState};
use crate::identity::recovery::Recovery;
use crate::ids::{FactId, MemberNumber};
use crate::message::Address;
use crate::row;
use crate::state::Device;
use crate::time::Instant;
use crate::top_up::{Card, TopUp};

row! {
    /// What a member has agreed to last.
    pub struct Consent in "consent" {
        /// Who.
        pub member: MemberNumber,
        /// The version of terms and notices.
        pub terms: i64,
        /// The event that says so.
        pub event: FactId,
    }
}

row! {
    /// The proof by which a member's device has confirmed a payment: whoever doubts it can check
    /// the signature by the device's key.
    pub struct PaymentProof in "payment_proof" {
        /// The payment.
        pub payment: FactId,
        /// Whose money.
        pub member: MemberNumber,
        /// Which device signed.
        pub device: FactId,
        /// The proof (RFC 9449), a line end, and the body whose digest it carries.
        pub proof: Vec<u8>,
    }
}

/// What an event may not carry, beside its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Private {
    /// The code secret of the device that pays.
    pub code_secret: Option<[u8; 32]>,
    /// The key of a device: P-256, SEC 1 uncompressed.
    pub public_key: Vec<u8>,
    /// By which a factor is found.
    pub lookup: Vec<u8>,
    /// What a factor is checked with.
    pub secret: Vec<u8>,
    /// An address.
    pub address: Address,
    /// A device's proof and what it covers.
    pub proof: Vec<u8>,
}

impl Default for Private {
    fn default() -> Self {
        Self {
            code_secret: None,
            public_key: Vec::new(),
            lookup: Vec::new(),
            secret: Vec::new(),
            address: Address(String::new()),
            proof: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

/// The row that an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// A device.
    Device(FactId),
    /// A factor.
    Credential(FactId),
    /// An address.
    Contact([u8; 32]),
    /// A recovery.
    Recovery(FactId),
    /// What a member agreed to.
    Consent(MemberNumber),
    /// The proof of a payment.
    Proof(FactId),
    /// A card.
    Card(FactId),
    /// A top-up.
    TopUp(FactId),
}

/// Devices, factors, addresses, recoveries and consents, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Devices.
    pub devices: BTreeMap<FactId, Device>,
    /// Factors.
    pub credentials: BTreeMap<FactId, Credential>,
    /// Addresses.
    pub contacts: BTreeMap<[u8; 32], Contact>,
    /// Recoveries.
    pub recoveries: BTreeMap<FactId, Recovery>,
    /// Consents.
    pub consents: BTreeMap<MemberNumber, Consent>,
    /// Proofs of payments, of this batch only.
    pub proofs: BTreeMap<FactId, PaymentProof>,
    /// Cards; of other members those that are the same card.
    pub cards: BTreeMap<FactId, Card>,
    /// Top-ups: those that count in limits, and those that a command names.
    pub top_ups: BTreeMap<FactId, TopUp>,
    /// Who topped up by card from a network within 24 hours, as far as a command asks for it.
    pub networks: BTreeMap<Vec<u8>, BTreeSet<MemberNumber>>,
}

impl People {
    /// Books an event of a member's, and says which row it changed.
    ///
    /// # Panics
    /// If a row that the event changes is not loaded.
    pub fn fold_event(&mut self, event: &Event, private: Private) -> Option<Touched> {
        use EventKind as Kind;
        let object = FactId(event.object);
        let touched = match event.kind {
            Kind::DeviceEnrolled | Kind::DeviceAdded | Kind::DevicePending => {
                self.devices.insert(object, Device::of_event(event, private.public_key));
                Touched::Device(object)
            }
            Kind::DeviceEnded
            | Kind::DeviceApproved
            | Kind::DeviceRestored
            | Kind::DeviceEvidence
            | Kind::SessionOpened
            | Kind::SessionEnded
            | Kind::UserVerified
            | Kind::PayingRightAsked
            | Kind::PayingRightRefused
            | Kind::PayingRightMoved => {
                let device = self.devices.get_mut(&object).expect("the device is loaded");
                device.fold_event(event, private.public_key);
                Touched::Device(object)
            }
            Kind::CredentialAdded | Kind::CredentialEnded | Kind::CredentialUsed => {
                self.fold_credential(event, private);
                Touched::Credential(object)
            }
            Kind::ContactAdded | Kind::ContactEnded => {
                Touched::Contact(self.fold_contact(event, private))
            }
            Kind::RecoveryStarted => {
                self.recoveries.insert(event.id, Recovery::of_event(event));
                Touched::Recovery(event.id)
            }
            Kind::RecoveryContested
            | Kind::RecoveryAllowed
            | Kind::RecoveryEnded
            | Kind::RecoveryCancelled
            | Kind::RecoveryFinished => {
                let row = self.recoveries.get_mut(&object).expect("the recovery is loaded");
                row.fold_event(event);
                Touched::Recovery(object)
            }
            Kind::Consented => {
                let member = MemberNumber(event.subject);
                let row = Consent { member, terms: event.number, event: event.id };
                self.consents.insert(member, row);
                Touched::Consent(member)
            }
            Kind::PaymentProven => {
                let member = MemberNumber(event.subject);
                let (device, proof) = (FactId(event.number), private.proof);
                let row = PaymentProof { payment: object, member, device, proof };
                self.proofs.insert(object, row);
                Touched::Proof(object)
            }
            _ => return self.fold_money_in(event, private),
        };
        Some(touched)
    }

    fn fold_money_in(&mut self, event: &Event, private: Private) -> Option<Touched> {
        use EventKind as Kind;
        let object = FactId(event.object);
        Some(match event.kind {
            Kind::CardAdded => {
                let text = |bytes| String::from_utf8(bytes).expect("it was a text");
                let (token, label) = (text(private.secret), text(private.lookup));
                self.cards.insert(event.id, Card::of_event(event, token, label));
                Touched::Card(event.id)
            }
            Kind::CardChallenged | Kind::CardEnded => {
                self.cards.get_mut(&object).expect("the card is loaded").fold_event(event);
                Touched::Card(object)
            }
            Kind::TopUpRequested => {
                self.top_ups.insert(event.id, TopUp::of_event(event));
                Touched::TopUp(event.id)
            }
            Kind::TopUpReferenced
            | Kind::TopUpAuthorized
            | Kind::TopUpUnknown
            | Kind::TopUpDeclining
            | Kind::TopUpDeclined
            | Kind::TopUpReturned
            | Kind::TopUpReleased => {
                self.top_ups.get_mut(&object).expect("the top-up is loaded").fold_event(event);
                Touched::TopUp(object)
            }
            _ => return None,
        })
    }

    /// Books an operation that is about a top-up, and says which row it changed.
    ///
    /// # Panics
    /// If the row is not loaded.
    pub fn fold_operation(&mut self, operation: &Operation) -> Option<Touched> {
        if !operation.is_of_top_up() {
            return None;
        }
        if operation.payment == operation.id {
            self.top_ups.insert(operation.id, TopUp::of_operation(operation));
        } else {
            let row = self.top_ups.get_mut(&operation.payment).expect("the top-up is loaded");
            row.fold_operation(operation);
        }
        Some(Touched::TopUp(operation.payment))
    }

    fn fold_credential(&mut self, event: &Event, private: Private) {
        let id = FactId(event.object);
        if event.kind == EventKind::CredentialAdded {
            let row = Credential::of_event(event, private.lookup, private.secret);
            self.credentials.insert(id, row);
            return;
        }
        let row = self.credentials.get_mut(&id).expect("the factor is loaded");
        if event.kind == EventKind::CredentialEnded {
            row.state = CredentialState::Ended;
        } else {
            row.used = event.number;
        }
    }

    fn fold_contact(&mut self, event: &Event, private: Private) -> [u8; 32] {
        let digest: [u8; 32] = event.digest.as_slice().try_into().expect("a digest");
        if event.kind == EventKind::ContactAdded {
            self.contacts.insert(digest, Contact::of_event(event, private.address));
        } else {
            let row = self.contacts.get_mut(&digest).expect("the address is loaded");
            (row.state, row.ended_at) = (ContactState::Ended, event.id.at());
        }
        digest
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.devices.len()
            + self.credentials.len()
            + self.contacts.len()
            + self.recoveries.len()
            + self.consents.len()
            + self.proofs.len()
            + self.cards.len()
            + self.top_ups.len()
    }

    /// The devices of a member.
    pub fn devices_of(&self, member: MemberNumber) -> impl Iterator<Item = &Device> {
        self.devices.values().filter(move |row| row.member == member)
    }

    /// The cards of a member that can be used.
    pub fn cards_of(&self, member: MemberNumber) -> impl Iterator<Item = &Card> {
        self.cards.values().filter(move |row| row.member == member && row.is_active())
    }

    /// The top-ups of a member that count in limits.
    pub fn top_ups_of(&self, member: MemberNumber) -> impl Iterator<Item = &TopUp> {
        self.top_ups.values().filter(move |row| row.member == member && row.counts())
    }

    /// The factors of a member that count.
    pub fn credentials_of(&self, member: MemberNumber) -> impl Iterator<Item = &Credential> {
        self.credentials.values().filter(move |row| row.member == member && row.is_active())
    }

    /// The addresses of a member that are on file.
    pub fn contacts_of(&self, member: MemberNumber) -> impl Iterator<Item = &Contact> {
        self.contacts.values().filter(move |row| row.member == member && row.is_active())
    }

    /// The recovery of a member that is under way.
    pub fn recovery_of(&self, member: MemberNumber, now: Instant) -> Option<&Recovery> {
        self.recoveries.values().find(|row| row.member == member && row.is_open(now))
    }
}
