//! Passwords that attackers try first: those that leaked, and those that everybody thinks of.
//!
//! Two judges, and either is enough:
//!
//! - **Common**: what `zxcvbn` guesses in fewer than [`GUESSES_MIN`] tries. Its lists (30,000
//!   passwords, names, words, keyboards, dates) are in the program, so there is no server without
//!   this one. It covers the 3,000 most common passwords that ASVS 6.2.4 asks for: an entry of its
//!   list takes at most as many guesses as its rank.
//! - **Leaked**: a filter that an operator makes of a list of leaked passwords
//!   ([`build`], ASVS 6.2.12). The list is not needed afterwards.
//!
//! ```text
//! magic (16 bytes) | passwords (8) | 256 segments: descriptor (20), length (4), 16 bits each
//! BLAKE3 of all of it (32)
//! ```
//!
//! A segment is a binary fuse filter (Graf and Lemire, 2022) over the passwords whose SHA-1 begins
//! with its byte, keyed by the first 64 bits of SHA-1, which is what lists of hashes have. No
//! password of the list is missed; of others one in 65,536 is refused with them, and its owner
//! chooses another. It takes 2.3 bytes a password, in the file and in memory.
//!
//! A file that is damaged or of another version is refused when it is loaded: a server does not
//! start without the list that it was told to use.
//!
//! Limits: [`PASSWORDS_MAX`] passwords; making a filter takes 8 bytes of memory for each, and lines
//! of at most [`LINE_BYTES_MAX`] bytes. Of a longer list, take the passwords seen most often.
//!
//! Not here: variants of leaked passwords, unless `zxcvbn` knows the change.

mod build;
mod file;

pub use build::{BuildError, build};
pub use file::{FileError, MAGIC};

use std::fmt;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use unicode_normalization::UnicodeNormalization;
use xorf::{BinaryFuse16, Filter as _};
use zeroize::Zeroizing;

/// Fewer guesses than this make a password common: what an attack over the network can try
/// (Wheeler, zxcvbn, USENIX Security 2016, section 5).
pub const GUESSES_MIN: u64 = 1_000_000;

/// The most passwords of a filter.
pub const PASSWORDS_MAX: u64 = 67_108_864;

/// The longest line of a list, in bytes.
pub const LINE_BYTES_MAX: u64 = 4_096;

/// Filters of a file, one for each first byte of SHA-1.
const SEGMENTS: usize = 256;

/// A filter over leaked passwords.
pub struct Filter {
    /// How many passwords are in it.
    passwords: u64,
    /// By the first byte of the key; none where there is no password.
    segments: Vec<Option<BinaryFuse16>>,
}

impl Filter {
    /// How many passwords are in it.
    pub const fn passwords(&self) -> u64 {
        self.passwords
    }

    fn contains(&self, key: u64) -> bool {
        self.segments[segment(key)].as_ref().is_some_and(|filter| filter.contains(&key))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("passwords", &self.passwords).finish_non_exhaustive()
    }
}

/// Knows passwords that are tried first.
#[derive(Debug, Default)]
pub struct Leaked {
    filter: Option<Filter>,
}

impl Leaked {
    /// With a filter of leaked passwords; without one only common passwords are known.
    pub const fn new(filter: Option<Filter>) -> Self {
        Self { filter }
    }

    /// Whether a password leaked, or is common. Asked when one is set, and when one is used.
    pub fn is_leaked(&self, password: &str) -> bool {
        let password = Zeroizing::new(password.nfc().collect::<String>());
        let leaked = self.filter.as_ref().is_some_and(|filter| filter.contains(key(&password)));
        leaked || zxcvbn::zxcvbn(&password, &[]).guesses() < GUESSES_MIN
    }
}

/// What a password is found by: the first 64 bits of its SHA-1.
fn key(password: &str) -> u64 {
    key_of_hash(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref())
        .expect("SHA-1 has 20 bytes")
}

fn key_of_hash(hash: &[u8]) -> Option<u64> {
    hash.first_chunk().map(|first| u64::from_be_bytes(*first))
}

fn segment(key: u64) -> usize {
    usize::from(key.to_be_bytes()[0])
}

#[cfg(test)]
mod tests;
