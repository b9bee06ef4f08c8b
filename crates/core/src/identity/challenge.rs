//! A challenge: a code of eight digits, sent to an address, typed where it was asked for.
//!
//! It proves that who asks reads what arrives there, and nothing else: no code opens a wallet. A
//! challenge is bound to the key of the browser that asked and to what it asked for; it is work,
//! not a fact: it is deleted when it is over.

use crate::ids::MemberNumber;
use crate::message::{Address, Channel, Language};
use crate::time::{DAY_MS, Instant};
use crate::{coded, row};

coded! {
    /// What a code was asked for.
    pub enum Purpose {
        /// To become a member.
        SignUp = 1 => "sign_up",
        /// To put another address on file.
        AddContact = 2 => "add_contact",
        /// To recover a wallet, by mail.
        RecoverByMail = 3 => "recover_by_mail",
        /// To recover a wallet, by telephone number.
        RecoverByPhone = 4 => "recover_by_phone",
        /// None: a person's identity was checked at a counter.
        Counter = 5 => "counter",
    }
}

coded! {
    /// How far a challenge has come.
    pub enum ChallengeState {
        /// The code was not typed yet.
        Waiting = 0 => "waiting",
        /// It was.
        Confirmed = 1 => "confirmed",
        /// What it was asked for was done.
        Spent = 2 => "spent",
    }
}

row! {
    /// A code that was sent, or that only seems to be: whoever asks never hears which.
    pub struct Challenge in "challenge" {
        /// Identity: a digest of purpose and asking key, so a key has one for each purpose.
        pub id: [u8; 32],
        /// What it is for.
        pub purpose: Purpose,
        /// Who must be meant; none where nobody is, or nobody yet.
        pub member: MemberNumber,
        /// What the address is.
        pub channel: Channel,
        /// The address's keyed digest, see [`crate::identity::contact::Contact`].
        pub contact: [u8; 32],
        /// The address; empty where it is on file already.
        pub address: Address,
        /// In which language.
        pub language: Language,
        /// The keyed digest of the code.
        pub code: [u8; 32],
        /// Wrong codes typed.
        pub tries: i64,
        /// The message that brings it, or zeros where none was sent.
        pub message: [u8; 32],
        /// How far it has come.
        pub state: ChallengeState,
        /// Until when the code can be typed, and what it is for be done.
        pub expires_at: Instant,
    }
}

/// Codes for further addresses that a member asks for in a day, at the most: they go wherever he
/// says.
pub const CODES_A_DAY_MAX: i64 = 10;

/// Wrong codes for one address and one purpose after which none is right for the rest of a day,
/// whoever types it: a key is free, so that a bound on the codes of one alone is none.
pub const GUESSES_A_DAY_MAX: i64 = 50;

impl Challenge {
    /// What a browser shows at a counter: enough of its key's thumbprint that nobody has another
    /// key that begins so.
    pub fn shown_of(binding: &[u8; 32]) -> [u8; 10] {
        binding[..10].try_into().expect("a thumbprint is longer")
    }

    /// The identity of what was said at a counter of the browser that shows this.
    pub fn id_of_counter(shown: &[u8; 10]) -> [u8; 32] {
        let mut padded = [0; 32];
        padded[..10].copy_from_slice(shown);
        Self::id_of(Purpose::Counter, &padded)
    }

    /// The identity of the row that counts the wrong codes for an address, of one purpose. Nobody
    /// can ask for a challenge of this identity.
    pub fn guesses_id_of(purpose: Purpose, contact: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("yaoki guesses 2");
        hasher.update(&purpose.code().to_be_bytes());
        hasher.update(contact);
        *hasher.finalize().as_bytes()
    }

    /// The identity of the row that counts for how many addresses a member asked for codes.
    pub fn asked_id_of(member: MemberNumber) -> [u8; 32] {
        blake3::derive_key("yaoki codes asked for 1", &member.0.to_be_bytes())
    }

    /// The row that counts the wrong codes for the address of this one, after another.
    #[must_use]
    pub fn guessed(&self, before: Option<&Self>, now: Instant) -> Self {
        self.counted(Self::guesses_id_of(self.purpose, &self.contact), before, now)
    }

    /// The row that counts the codes that the member of this one asked for, after another.
    #[must_use]
    pub fn asked(&self, before: Option<&Self>, now: Instant) -> Self {
        self.counted(Self::asked_id_of(self.member), before, now)
    }

    fn counted(&self, id: [u8; 32], before: Option<&Self>, now: Instant) -> Self {
        let before = before.filter(|row| now < row.expires_at);
        Self {
            id,
            member: MemberNumber::NONE,
            address: Address(String::new()),
            code: [0; 32],
            tries: before.map_or(0, |row| row.tries) + 1,
            message: [0; 32],
            state: ChallengeState::Spent,
            expires_at: before.map_or(now.plus_ms(DAY_MS), |row| row.expires_at),
            ..self.clone()
        }
    }

    /// The identity of the challenge of a key for a purpose.
    pub fn id_of(purpose: Purpose, binding: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("yaoki challenge 1");
        hasher.update(&purpose.code().to_be_bytes());
        hasher.update(binding);
        *hasher.finalize().as_bytes()
    }
}
