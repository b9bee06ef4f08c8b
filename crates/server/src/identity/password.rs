//! Passwords: what may be one, how one is kept, and how one is checked without being told apart.
//!
//! Argon2id as OWASP says ([`MEMORY_KIB`], [`PASSES`], [`LANES`]), as PHC strings. A check takes
//! the same work for an unknown account, one without a password, an empty password and a wrong one:
//! where there is nothing to compare with, it compares with the digest of chance that was made at
//! the start.
//!
//! Hashing is what an attack floods, so it has a pool of its own, of at most half of the cores.
//! Known devices and strangers wait in lines of their own; known devices go first, and strangers
//! never hold the last thread where there are two. A full line answers [`PasswordError::Busy`] at
//! once. Who is a stranger, the caller knows. A check whose caller has gone is not run.
//!
//! A password is taken as it is typed, spaces and all, but in Unicode's form C (RFC 8265, 4.2, the
//! profile `OpaqueString`): a Mac and a phone write `が` with different characters, and mean the
//! same. There are no rules of composition (ASVS 6.2.5).
//!
//! A password in memory is wiped when dropped and never printed; what `zxcvbn` copies of it while
//! it judges is not wiped.
//!
//! Limits: [`CHARACTERS_MIN`] to [`CHARACTERS_MAX`] characters, [`BYTES_MAX`] bytes;
//! [`STRANGERS_MAX`] and [`KNOWN_MAX`] waiting for each thread. Not here: how often one may be
//! tried.

mod pool;

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use self::pool::Pool;
use super::leaked::Leaked;

/// Memory of one hash, in KiB (OWASP Password Storage Cheat Sheet, 2025: 19 MiB, 2, 1).
pub const MEMORY_KIB: u32 = 19_456;

/// Passes over it.
pub const PASSES: u32 = 2;

/// How many PINs there are: six digits.
pub const PINS: u64 = 1_000_000;

/// Lanes.
pub const LANES: u32 = 1;

/// The fewest characters of a password, Unicode scalar values (ASVS 6.2.1).
pub const CHARACTERS_MIN: usize = 8;

/// The most (ASVS 6.2.9 asks for at least 64).
pub const CHARACTERS_MAX: usize = 128;

/// The most bytes of UTF-8.
pub const BYTES_MAX: usize = 512;

/// Bytes of chance that a salt is.
pub const SALT_BYTES: usize = 16;

/// The most strangers waiting for each thread: a quarter of a second of hashing.
pub const STRANGERS_MAX: usize = 10;

/// The most known devices waiting for each thread.
pub const KNOWN_MAX: usize = 64;

/// The shortest word that says something of its context.
const WORD_CHARACTERS_MIN: usize = 3;

/// A password as it was typed, in form C.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes what was typed; whether it may be one is asked when it is set.
    pub fn new(typed: &str) -> Self {
        // Room for all of it at once: a growing text would leave copies behind. No character grows
        // to more than three times its length in form C (UAX #15, 9.3).
        let mut text = Zeroizing::new(String::with_capacity(typed.len().saturating_mul(3)));
        text.extend(typed.nfc());
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Who waits for a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A device that signed in before.
    Known,
    /// Anybody.
    Stranger,
}

/// Why a password cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Weakness {
    /// Fewer than [`CHARACTERS_MIN`].
    #[error("a password must have at least {CHARACTERS_MIN} characters")]
    Short,
    /// More than [`CHARACTERS_MAX`], or than [`BYTES_MAX`] bytes.
    #[error("a password must have at most {CHARACTERS_MAX} characters")]
    Long,
    /// Without a word of its context too little is left (ASVS 6.2.11).
    #[error("a password must not be made of your address or of our name")]
    OfContext,
    /// Everybody tries it first.
    #[error("a password must not be one that leaked or that many people use")]
    Leaked,
}

/// Why nothing was hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// It may not be set.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The line is full.
    #[error("too many people sign in at this moment; try again in a few seconds")]
    Busy,
    /// What is kept is no digest of a password.
    #[error("a kept password must be a PHC string; this is of another release, or damaged")]
    Kept,
    /// The pool has stopped, or a thread of it died.
    #[error("passwords are not checked while the server stops")]
    Stopped,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// It is the one.
    pub is_right: bool,
    /// It leaked since it was set, or is common: right or not, it proves nothing any more.
    pub is_leaked: bool,
}

/// Hashes and checks passwords, on threads of its own. Dropped, it ends them.
pub struct Passwords {
    pool: Pool,
    judge: Arc<Judge>,
}

struct Judge {
    leaked: Leaked,
    /// The digest of chance that stands where there is none.
    nobody: String,
}

impl Passwords {
    /// Starts the threads: half of `cores`, at least one. `chance` is for the digest of nobody.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        leaked: Leaked,
        cores: usize,
        chance: &[u8; 2 * SALT_BYTES],
    ) -> std::io::Result<Self> {
        let (salt, secret) = chance.as_chunks::<SALT_BYTES>().0.split_at(1);
        let nobody = digest(&secret[0], &salt[0]);
        let judge = Arc::new(Judge { leaked, nobody });
        Ok(Self { pool: Pool::start((cores / 2).max(1))?, judge })
    }

    /// Whether a password leaked, or is common.
    pub fn is_leaked(&self, password: &Password) -> bool {
        self.judge.leaked.is_leaked(&password.0)
    }

    /// The PHC string to keep of a new password. `words` are of its context: the member's address,
    /// the names of product and operator.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn set(
        &self,
        line: Line,
        password: &Password,
        words: &[&str],
        salt: [u8; SALT_BYTES],
    ) -> Result<String, PasswordError> {
        may_be(password, words)?;
        let (judge, password) = (Arc::clone(&self.judge), password.clone());
        self.pool
            .run(line, move || {
                if judge.leaked.is_leaked(&password.0) {
                    return Err(Weakness::Leaked.into());
                }
                Ok(digest(password.0.as_bytes(), &salt))
            })
            .await?
    }

    /// What to keep of a PIN that was drawn here, see [`pin_digest`].
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Stopped`].
    pub async fn set_pin(
        &self,
        line: Line,
        pin: &Password,
        salt: [u8; SALT_BYTES],
    ) -> Result<String, PasswordError> {
        let pin = pin.clone();
        self.pool.run(line, move || pin_digest(&pin, &salt)).await
    }

    /// Whether it is the password of which `kept` is kept; none: of an account that has none, or
    /// does not exist.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Kept`], [`PasswordError::Stopped`].
    pub async fn check(
        &self,
        line: Line,
        password: &Password,
        kept: Option<String>,
    ) -> Result<Checked, PasswordError> {
        let (judge, password) = (Arc::clone(&self.judge), password.clone());
        self.pool.run(line, move || judge.check(&password, kept.as_deref())).await?
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Judge {
    fn check(&self, password: &Password, kept: Option<&str>) -> Result<Checked, PasswordError> {
        let own = kept.map(PasswordHash::new);
        let nobody = PasswordHash::new(&self.nobody).expect("made by ourselves");
        let compared = match &own {
            Some(Ok(own)) => own,
            _ => &nobody,
        };
        let verified = hasher().verify_password(password.0.as_bytes(), compared);
        let is_leaked = self.leaked.is_leaked(&password.0);
        // From here on no work is left that would tell.
        match &own {
            Some(Err(_)) => Err(PasswordError::Kept),
            Some(Ok(_)) => {
                let is_right = verified.is_ok() && !password.0.is_empty();
                Ok(Checked { is_right, is_leaked })
            }
            None => Ok(Checked { is_right: false, is_leaked }),
        }
    }
}

/// The PHC string to keep of a PIN that was drawn here: nobody chose it, so nothing is asked of it.
/// Takes the work of a hash on this thread.
pub fn pin_digest(pin: &Password, salt: &[u8; SALT_BYTES]) -> String {
    digest(pin.0.as_bytes(), salt)
}

/// Whether a password may be one, without what takes work.
fn may_be(password: &Password, words: &[&str]) -> Result<(), Weakness> {
    let characters = password.0.chars().count();
    if characters < CHARACTERS_MIN {
        return Err(Weakness::Short);
    }
    if characters > CHARACTERS_MAX || password.0.len() > BYTES_MAX {
        return Err(Weakness::Long);
    }
    let mut left = Zeroizing::new(password.0.to_lowercase());
    // An address is left out as a whole, and so is what stands before its sign.
    for word in words.iter().flat_map(|word| [*word, word.split('@').next().unwrap_or_default()]) {
        let word: String = word.nfc().flat_map(char::to_lowercase).collect();
        if word.chars().count() >= WORD_CHARACTERS_MIN {
            left = Zeroizing::new(left.replace(&word, ""));
        }
    }
    if left.chars().count() < CHARACTERS_MIN { Err(Weakness::OfContext) } else { Ok(()) }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("OWASP's are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn digest(password: &[u8], salt: &[u8; SALT_BYTES]) -> String {
    let mut text = [0; Salt::MAX_LENGTH];
    let salt = argon2::password_hash::Encoding::B64.encode(salt, &mut text);
    let salt = Salt::from_b64(salt.expect("16 bytes are a salt")).expect("16 bytes are a salt");
    let digest = hasher().hash_password(password, salt);
    digest.expect("a password is shorter than 4 GiB").to_string()
}

#[cfg(test)]
mod tests;
