//! The one-time code: 24 digits, `prefix · body · Luhn digit`.
//!
//! `body = FF1-AES-256(code key, tweak "yaoki code 1" ‖ prefix, handle ‖ tag)` (NIST SP 800-38G).
//! The *handle* is the member number, ten digits. The *tag* is BLAKE3, keyed with the paying
//! device's own secret, of slot and epoch, reduced to the digits that are left. A *slot* is a whole
//! half minute of Unix time; the *epoch* is a counter beside the secret. Issuing is a pure function
//! of the member row and the time: nothing is written, and every node shows the same code.
//!
//! Slot and epoch go into the tag as two u64, big-endian; its first eight bytes, big-endian, modulo
//! 10 to the power of the digits, are the tag. Tests hold the layout to vectors that another
//! program made: with code key `00 01 … 1f`, secret `20 21 … 3f`, prefix 9900, member 1, slot
//! 58,907,880 and epoch 1 the tag is 122611587 and the code 9900 8387 1874 3476 3836 3832.
//!
//! Limits: prefix 4 to 6 digits, lifetime 30 to 300 s. Not here: who may obtain a code, how it is
//! drawn.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use crate::ids::{MEMBER_NUMBER_MAX, MemberNumber};
use crate::routing::issuer_overlapping;
use crate::state::{CodeSecret, Member};
use crate::time::Instant;

/// Digits of a code, all told.
pub const CODE_DIGITS: usize = 24;
/// Milliseconds of one slot.
pub const SLOT_MS: i64 = 30_000;
/// The next slot counts this much early, for nodes whose clocks differ.
pub const SLOT_EARLY_MS: i64 = 2_000;
/// The longest lifetime that can be set, seconds.
pub const LIFETIME_SECONDS_MAX: i64 = 300;
/// A code that was good within this many slots, but is not now, is stale and not forged: one hour.
const STALE_SLOTS: i64 = 120;
/// So many epochs back a code still counts as stale.
const STALE_EPOCHS: i64 = 3;
const HANDLE_DIGITS: usize = 10;
const TWEAK: &[u8] = b"yaoki code 1";

/// What is wrong with a setting of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSettingError {
    /// The prefix is not 4 to 6 digits.
    PrefixMustBe4To6Digits,
    /// Registers would take our codes for this issuer's, or its codes for ours.
    PrefixMustBeOurs(&'static str),
    /// The lifetime is not a multiple of 30 s from 30 to 300 s.
    LifetimeMustBe30To300Seconds,
    /// A guess would pay with a probability of 1e-9 or more.
    CodeMustBeStrong,
}

impl std::fmt::Display for CodeSettingError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::PrefixMustBeOurs(issuer) => {
                return write!(
                    out,
                    "the code prefix must overlap no other issuer's: {issuer} has it"
                );
            }
            Self::PrefixMustBe4To6Digits => "the code prefix must be 4 to 6 digits",
            Self::LifetimeMustBe30To300Seconds => {
                "the code lifetime must be a multiple of 30 from 30 to 300 seconds"
            }
            Self::CodeMustBeStrong => {
                "a guessed code would pay with a probability of 1e-9 or more: \
                 choose a shorter prefix or a shorter lifetime"
            }
        })
    }
}

impl std::error::Error for CodeSettingError {}

/// The public settings of the code: everything but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRules {
    prefix: String,
    lifetime_ms: i64,
    body_digits: usize,
}

impl CodeRules {
    /// Checks and takes the settings. `lifetime_seconds` is a multiple of 30.
    pub fn new(prefix: &str, lifetime_seconds: i64) -> Result<Self, CodeSettingError> {
        if !(4..=6).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeSettingError::PrefixMustBe4To6Digits);
        }
        if let Some(issuer) = issuer_overlapping(prefix) {
            return Err(CodeSettingError::PrefixMustBeOurs(issuer));
        }
        let in_range = (30..=LIFETIME_SECONDS_MAX).contains(&lifetime_seconds);
        if !in_range || lifetime_seconds % 30 != 0 {
            return Err(CodeSettingError::LifetimeMustBe30To300Seconds);
        }
        let body_digits = CODE_DIGITS - 1 - prefix.len();
        Ok(Self { prefix: prefix.to_owned(), lifetime_ms: lifetime_seconds * 1000, body_digits })
    }

    /// Rules with a small body, to test the acceptance formula by simulation.
    #[doc(hidden)]
    pub fn with_tag_digits(prefix: &str, lifetime_seconds: i64, tag_digits: usize) -> Self {
        let mut rules = Self::new(prefix, lifetime_seconds).expect("good settings");
        rules.body_digits = HANDLE_DIGITS + tag_digits;
        rules
    }

    /// How long a code can be paid with, milliseconds.
    pub const fn lifetime_ms(&self) -> i64 {
        self.lifetime_ms
    }

    /// The digits in front, which route the code here.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    const fn tag_digits(&self) -> usize {
        self.body_digits - HANDLE_DIGITS
    }

    /// Slots whose codes are live at one moment, the early one included.
    pub const fn live_slots(&self) -> i64 {
        self.lifetime_ms / SLOT_MS + 1
    }

    /// Refuses settings under which a random guess pays with probability 1e-9 or more:
    /// paying devices × live slots ÷ 10^body, twice that while a rotation keeps the old key.
    pub fn check_strength(&self, devices: i64, rotating: bool) -> Result<(), CodeSettingError> {
        let keys = if rotating { 2 } else { 1 };
        let accepted = i128::from(devices.max(0)) * i128::from(self.live_slots()) * keys;
        let exponent = u32::try_from(self.body_digits).expect("a body has at most 19 digits");
        if accepted * 1_000_000_000 >= 10_i128.pow(exponent) {
            return Err(CodeSettingError::CodeMustBeStrong);
        }
        Ok(())
    }

    fn tag(&self, secret: &[u8; 32], slot: i64, epoch: i64) -> u64 {
        let mut input = [0; 16];
        input[..8].copy_from_slice(&slot.to_be_bytes());
        input[8..].copy_from_slice(&epoch.to_be_bytes());
        let hash = blake3::keyed_hash(secret, &input);
        let first: [u8; 8] = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
        let exponent = u32::try_from(self.tag_digits()).expect("a tag has at most 9 digits");
        u64::from_be_bytes(first) % 10_u64.pow(exponent)
    }

    fn is_live(&self, secret: &[u8; 32], epoch: i64, tag: u64, now: Instant) -> bool {
        let newest = (now.0 + SLOT_EARLY_MS).div_euclid(SLOT_MS);
        let oldest = now.0.div_euclid(SLOT_MS) - (self.lifetime_ms / SLOT_MS - 1);
        (oldest..=newest).any(|slot| self.tag(secret, slot, epoch) == tag)
    }

    /// What a presented tag is worth at `now` to the member whose handle it came with.
    pub fn judge(&self, member: &Member, tag: u64, now: Instant) -> TagJudgement {
        if member.code_secret == CodeSecret::NONE {
            return TagJudgement::Forged;
        }
        // The secret outlives its device, so that a code it showed just before counts as stale.
        let live = self.is_live(&member.code_secret.0, member.code_epoch, tag, now);
        if live && member.device.is_some() {
            return TagJudgement::Live;
        }
        let last = member.last_epoch;
        if last != 0 && self.is_live(&member.code_secret.0, last, tag, now) {
            return TagJudgement::Spent;
        }
        let newest = (now.0 + SLOT_EARLY_MS).div_euclid(SLOT_MS);
        let epochs = (member.code_epoch - STALE_EPOCHS).max(0)..=member.code_epoch;
        let stale = epochs.into_iter().any(|epoch| {
            (newest - STALE_SLOTS..=newest)
                .any(|slot| self.tag(&member.code_secret.0, slot, epoch) == tag)
        });
        if stale { TagJudgement::Stale } else { TagJudgement::Forged }
    }
}

/// What a presented tag is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagJudgement {
    /// It pays.
    Live,
    /// The last payment spent it.
    Spent,
    /// It was good within the hour and is not now.
    Stale,
    /// No device of the member's showed it within the hour.
    Forged,
}

/// A code as opened before the queue: the handles and tags it may stand for, one for each code key.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenedCode {
    /// At most two: under the present key, and under the one before while a rotation lasts.
    pub candidates: [Option<(MemberNumber, u64)>; 2],
}

impl std::fmt::Debug for OpenedCode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It names the member and is half of what pays, so a log shows neither.
        out.write_str("OpenedCode([redacted])")
    }
}

/// The code key, ready to use. Costs about 5 µs an operation, so it is used before the queue.
pub struct CodeCipher {
    rules: CodeRules,
    current: FF1<Aes256>,
    previous: Option<FF1<Aes256>>,
    tweak: Vec<u8>,
}

impl std::fmt::Debug for CodeCipher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CodeCipher").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl CodeCipher {
    /// A cipher under the present key, which also opens codes of the key before.
    pub fn new(rules: CodeRules, current: &[u8; 32], previous: Option<&[u8; 32]>) -> Self {
        let cipher = |key: &[u8; 32]| FF1::new(key, 10).expect("ten is a radix");
        let tweak = [TWEAK, rules.prefix.as_bytes()].concat();
        Self { current: cipher(current), previous: previous.map(cipher), tweak, rules }
    }

    /// The settings it works under.
    pub const fn rules(&self) -> &CodeRules {
        &self.rules
    }

    /// The code that the member's paying device shows at `now`, or none without such a device.
    pub fn issue(&self, member: &Member, now: Instant) -> Option<IssuedCode> {
        let slot = now.0.div_euclid(SLOT_MS);
        let digits = self.mint(member, slot)?;
        let dies_at = Instant(slot * SLOT_MS + self.rules.lifetime_ms);
        Some(IssuedCode { digits, renew_at: Instant((slot + 1) * SLOT_MS), dies_at })
    }

    fn mint(&self, member: &Member, slot: i64) -> Option<String> {
        if !member.device.is_some() {
            return None;
        }
        assert!((1..=MEMBER_NUMBER_MAX).contains(&member.number.0), "a handle has ten digits");
        let tag = self.rules.tag(&member.code_secret.0, slot, member.code_epoch);
        let width = self.rules.tag_digits();
        let plain = format!("{:0HANDLE_DIGITS$}{tag:0width$}", member.number.0);
        let plain = FlexibleNumeralString::from(numerals(&plain));
        let body = self.current.encrypt(&self.tweak, &plain).expect("digits are in radix ten");
        let mut digits = self.rules.prefix.clone();
        for numeral in Vec::<u16>::from(body) {
            digits.push(char::from_digit(u32::from(numeral), 10).expect("a numeral is a digit"));
        }
        digits.push(luhn(&digits));
        Some(digits)
    }

    /// Opens a presented code: none where length, prefix or Luhn digit are not ours.
    pub fn open(&self, digits: &str) -> Option<OpenedCode> {
        let length = self.rules.prefix.len() + self.rules.body_digits + 1;
        if digits.len() != length || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (payload, check) = digits.split_at(length - 1);
        let body = payload.strip_prefix(self.rules.prefix.as_str())?;
        if !check.starts_with(luhn(payload)) {
            return None;
        }
        let body = FlexibleNumeralString::from(numerals(body));
        let mut opened = OpenedCode::default();
        let ciphers = [Some(&self.current), self.previous.as_ref()];
        for (candidate, cipher) in opened.candidates.iter_mut().zip(ciphers) {
            *candidate = cipher.map(|cipher| {
                let plain = cipher.decrypt(&self.tweak, &body).expect("digits are in radix ten");
                let plain = Vec::<u16>::from(plain);
                let (handle, tag) = plain.split_at(HANDLE_DIGITS);
                let handle_number = i64::try_from(number(handle)).expect("ten digits fit");
                (MemberNumber(handle_number), number(tag))
            });
        }
        Some(opened)
    }
}

fn number(numerals: &[u16]) -> u64 {
    numerals.iter().fold(0, |sum, &numeral| sum * 10 + u64::from(numeral))
}

fn numerals(digits: &str) -> Vec<u16> {
    digits.bytes().map(|byte| u16::from(byte - b'0')).collect()
}

/// The Luhn digit over `digits` (ISO/IEC 7812-1 annex B).
fn luhn(digits: &str) -> char {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit * 2) {
                (0, double) if double > 9 => double - 9,
                (0, double) => double,
                _ => digit,
            }
        })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).expect("a remainder is a digit")
}

/// A code to show.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// 24 digits.
    pub digits: String,
    /// When the next one can be obtained.
    pub renew_at: Instant,
    /// When it stops paying, if nothing ends it before.
    pub dies_at: Instant,
}

impl std::fmt::Debug for IssuedCode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("IssuedCode").field("dies_at", &self.dies_at).finish_non_exhaustive()
    }
}
