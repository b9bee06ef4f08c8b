//! Seals: secrets that are kept in the database, or by a browser, and opened by this server only.
//!
//! ```text
//! version (1 byte) | generation of the seal key (4) | nonce (12) | ciphertext | tag (16)
//! ```
//!
//! ChaCha20-Poly1305 (RFC 8439). The key is made for each purpose and row, by keyed BLAKE3 under
//! the seal key: what is sealed for one purpose or row does not open for another, and nonces of
//! chance need not differ between rows. Version and generation are authenticated.
//!
//! A rotation seals nothing anew: older generations of the seal key stay in the key file, and open
//! what they sealed. So after a theft of database and key file together the secrets themselves have
//! to be made anew, not their seals.
//!
//! Not here: who remembers that a sealed thing was used. The length of what is sealed is seen.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::edge::keys::{RotatingKey, Secret};

/// Bytes of chance a seal takes.
pub const NONCE_BYTES: usize = 12;

/// How many bytes longer a seal is than what is in it.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;
const TAG_BYTES: usize = 16;

/// What the key of a purpose and row is made for.
const KEY_LABEL: &[u8] = b"yaoki seal 1";

/// What is sealed. Each purpose has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The seed of a member's code generator; the row is the member.
    TotpSeed,
    /// A passkey's registration under way; the row is whom it was given to.
    PasskeyRegistration,
    /// A passkey's assertion under way; the row is whom it was given to.
    PasskeyAssertion,
    /// An attempt with a provider of external ids under way; the row is its purpose there.
    ExternalId,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] =
        [Self::TotpSeed, Self::PasskeyRegistration, Self::PasskeyAssertion, Self::ExternalId];

    /// What its keys are made for. Changed, nothing that was sealed opens.
    const fn label(self) -> &'static str {
        match self {
            Self::TotpSeed => "totp seed",
            Self::PasskeyRegistration => "passkey registration",
            Self::PasskeyAssertion => "passkey assertion",
            Self::ExternalId => "external id",
        }
    }
}

/// Why a seal was not opened. What was sealed is never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// No seal of this form.
    #[error("a seal must have the form of this release")]
    Form,
    /// Its key is not in the key file.
    #[error(
        "the key file must have generation {generation} of the seal key; bring the key file back \
         from its copy"
    )]
    KeyGone {
        /// Which.
        generation: u32,
    },
    /// Changed, or sealed for another purpose, row or book.
    #[error("a seal must be as this server made it, for this purpose and row")]
    Broken,
}

/// Seals and opens under the seal key.
#[derive(Clone, Copy, Debug)]
pub struct Sealer<'a> {
    key: &'a RotatingKey,
}

impl<'a> Sealer<'a> {
    /// Under the `seal` key of a [key file](crate::edge::keys::KeyFile).
    pub const fn new(key: &'a RotatingKey) -> Self {
        Self { key }
    }

    /// Seals for a purpose and row. The nonce is of chance, and used for nothing else.
    pub fn seal(
        self,
        purpose: Purpose,
        row: &[u8],
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
    ) -> Vec<u8> {
        let mut header = [VERSION; HEADER_BYTES];
        header[1..].copy_from_slice(&self.key.generation.to_be_bytes());
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let body = &mut sealed[HEADER_BYTES + NONCE_BYTES..];
        let tag = aead(&self.key.secret, purpose, row)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header),
                body,
            )
            .expect("what is sealed is far shorter than 256 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// What was sealed for this purpose and row; wiped when dropped.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(
        self,
        purpose: Purpose,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, rest) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(SealError::Form)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Form)?;
        let [VERSION, generation @ ..] = *header else {
            return Err(SealError::Form);
        };
        let secret = self.secret(u32::from_be_bytes(generation))?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = aead(secret, purpose, row)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(*header),
                body.as_mut_slice(),
            )
            .map_err(|_| SealError::Broken)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn secret(self, generation: u32) -> Result<&'a Secret<32>, SealError> {
        if generation == self.key.generation {
            return Ok(&self.key.secret);
        }
        let mut retired = self.key.retired.iter();
        retired
            .find(|retired| retired.generation == generation)
            .map(|retired| &retired.secret)
            .ok_or(SealError::KeyGone { generation })
    }
}

fn aead(secret: &Secret<32>, purpose: Purpose, row: &[u8]) -> LessSafeKey {
    let label = purpose.label().as_bytes();
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    // The row is last, so no two contexts run together.
    for part in [KEY_LABEL, label, &[0], row] {
        hasher.update(part);
    }
    let key = Zeroizing::new(*hasher.finalize().as_bytes());
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice());
    LessSafeKey::new(key.expect("ChaCha20-Poly1305 takes any 32 bytes as a key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::keys::KeyFile;
    use std::collections::BTreeSet;

    fn keys() -> KeyFile {
        KeyFile::generate(&mut |bytes| bytes.fill(7))
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_and_row_only() {
        let keys = keys();
        let seals = Sealer::new(&keys.seal);
        for purpose in Purpose::ALL {
            let sealed = seals.seal(purpose, b"row", [1; 12], b"a secret");
            assert_eq!(sealed.len(), 8 + OVERHEAD_BYTES);
            assert!(!sealed.windows(6).any(|window| window == b"secret"));
            let opened = seals.open(purpose, b"row", &sealed).expect("its own");
            assert_eq!(opened.as_slice(), b"a secret");
            assert_eq!(seals.open(purpose, b"other", &sealed), Err(SealError::Broken));
            for other in Purpose::ALL.into_iter().filter(|other| *other != purpose) {
                assert_eq!(seals.open(other, b"row", &sealed), Err(SealError::Broken));
            }
        }
        let labels: BTreeSet<_> = Purpose::ALL.map(Purpose::label).into_iter().collect();
        assert_eq!(labels.len(), Purpose::ALL.len());
    }

    #[test]
    fn no_changed_byte_and_no_shorter_seal_opens() {
        let keys = keys();
        let seals = Sealer::new(&keys.seal);
        let sealed = seals.seal(Purpose::TotpSeed, b"row", [1; 12], b"a secret");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            seals.open(Purpose::TotpSeed, b"row", &changed).expect_err("changed");
            seals.open(Purpose::TotpSeed, b"row", &sealed[..place]).expect_err("shorter");
        }
    }

    #[test]
    fn older_generations_open_what_they_sealed_and_the_newest_seals() {
        let mut keys = keys();
        let old = Sealer::new(&keys.seal).seal(Purpose::TotpSeed, b"row", [1; 12], b"old");
        let stranger = keys.clone();
        keys.rotate_seal_key(&mut |bytes| bytes.fill(9), 0).expect("a rotation");
        let seals = Sealer::new(&keys.seal);
        assert_eq!(seals.open(Purpose::TotpSeed, b"row", &old).expect("kept").as_slice(), b"old");
        let new = seals.seal(Purpose::TotpSeed, b"row", [1; 12], b"new");
        assert_eq!(
            Sealer::new(&stranger.seal).open(Purpose::TotpSeed, b"row", &new),
            Err(SealError::KeyGone { generation: 2 })
        );
    }
}
