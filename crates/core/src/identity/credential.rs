//! Factors: what a member proves himself with. None of them has authority by itself: a device key
//! has.

use crate::coded;
use crate::facts::{Event, EventKind};
use crate::ids::{FactId, MemberNumber};
use crate::row;

coded! {
    /// What a factor is.
    pub enum CredentialKind {
        /// A WebAuthn credential that verifies its user.
        Passkey = 1 => "passkey",
        /// A password, as an Argon2id PHC string.
        Password = 2 => "password",
        /// The seed of time-based one-time passwords (RFC 6238), sealed.
        Totp = 3 => "totp",
        /// Ten codes, each good once, as keyed digests.
        RecoveryCodes = 4 => "recovery_codes",
        /// An account at an `OpenID` provider, by issuer and subject.
        ExternalId = 5 => "external_id",
    }
}

impl CredentialKind {
    /// How many of it a member may have.
    pub const fn most(self) -> usize {
        match self {
            Self::Passkey => 10,
            Self::ExternalId => 5,
            Self::Password | Self::Totp | Self::RecoveryCodes => 1,
        }
    }

    /// Whether a member can sign in with it alone on a known device. A wallet keeps one of these.
    pub const fn signs_in(self) -> bool {
        matches!(self, Self::Passkey | Self::Password | Self::ExternalId)
    }
}

coded! {
    /// Whether a factor counts.
    pub enum CredentialState {
        /// It does.
        Active = 0 => "active",
        /// It does not any more.
        Ended = 1 => "ended",
    }
}

row! {
    /// A factor of a member.
    pub struct Credential in "credential" {
        /// Identity: the event that added it.
        pub id: FactId,
        /// Whose.
        pub member: MemberNumber,
        /// What it is.
        pub kind: CredentialKind,
        /// Whether it counts.
        pub state: CredentialState,
        /// By which it is found: a digest of the passkey's id, or of issuer and subject; empty for
        /// others.
        pub lookup: Vec<u8>,
        /// What it is checked with. Its digest, with `lookup`, is in the event.
        pub secret: Vec<u8>,
        /// What of it was used: the last time step of one-time passwords, or one bit for each
        /// recovery code.
        pub used: i64,
        /// As its member knows it.
        pub label: String,
    }
}

/// A factor that is to be added.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// What it is.
    pub kind: CredentialKind,
    /// See [`Credential::lookup`].
    pub lookup: Vec<u8>,
    /// See [`Credential::secret`].
    pub secret: Vec<u8>,
    /// As its member knows it.
    pub label: String,
}

impl std::fmt::Debug for NewCredential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewCredential({})", self.kind)
    }
}

impl Credential {
    /// What the event names of a factor.
    pub fn digest(lookup: &[u8], secret: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("yaoki credential 1");
        hasher.update(&u64::try_from(lookup.len()).expect("it is short").to_be_bytes());
        hasher.update(lookup);
        hasher.update(secret);
        *hasher.finalize().as_bytes()
    }

    /// The factor that an event added.
    pub fn of_event(event: &Event, lookup: Vec<u8>, secret: Vec<u8>) -> Self {
        assert!(event.kind == EventKind::CredentialAdded);
        Self {
            id: FactId(event.object),
            member: MemberNumber(event.subject),
            kind: CredentialKind::from_code(event.number).expect("a kind of factor"),
            state: CredentialState::Active,
            lookup,
            secret,
            used: 0,
            label: event.text.clone(),
        }
    }

    /// Whether it counts.
    pub fn is_active(&self) -> bool {
        self.state == CredentialState::Active
    }

    /// What `used` becomes when `use_` of it is made: a time step, the place of a recovery code, or
    /// a passkey's counter, 0 where it counts none. None where that was used already.
    pub fn after_use(&self, use_: i64) -> Option<i64> {
        match self.kind {
            CredentialKind::Totp => (use_ > self.used).then_some(use_),
            CredentialKind::Passkey => {
                let counts = use_ != 0 || self.used != 0;
                (!counts || use_ > self.used).then_some(use_)
            }
            CredentialKind::RecoveryCodes => {
                let bit = 1_i64.checked_shl(u32::try_from(use_).ok()?).filter(|bit| *bit > 0)?;
                (self.used & bit == 0).then_some(self.used | bit)
            }
            _ => Some(self.used),
        }
    }
}
