//! The key file: every secret that is not in the database, in one small file outside it.
//!
//! Shape: JSON text of [`FORMAT`], version [`VERSION`]; a key a member, each with an id, a
//! generation and its value in lower-case hex. An id is 16 hex digits of a hash of the value, so a
//! damaged file is found when it is read, and ids may be logged and stored beside what the key
//! made.
//!
//! | key | size | what it does | older generations |
//! | --- | --- | --- | --- |
//! | code | AES-256 | FF1 over the body of a one-time code | one, while its codes live |
//! | terminal root | HMAC-SHA256 | makes terminal keys, webhook secrets | one, for a time given |
//! | device token | HMAC-SHA256 | tokens of enrolled devices | one, until devices have new tokens |
//! | nonce | HMAC-SHA256 | nonces for proofs of device | one, for two steps of 30 s |
//! | fingerprint | BLAKE3, keyed | the code's hash in a request's fingerprint | all, for ever |
//! | checkpoint | Ed25519 seed | signs the heads of the chains | public halves, for ever |
//! | seal | 256 bits | seals secrets that are in the database, and ceremonies | all, for ever |
//!
//! Rotation stops nothing: the new generation makes, the new and the previous one are accepted
//! until `until_ms`. At most one previous generation of a key that proves something, because each
//! counts once more in what a guess may hit. Rotating with a lifetime of 0 drops the old key at
//! once: that is what is done after a theft or a restore.
//!
//! On disk: mode 0600 or stricter, judged on the open file, refused otherwise (Unix). Written
//! beside, synced, renamed, and the folder synced. Two rotations at once refuse each other through
//! the name of the file written beside.
//!
//! Limits: a file of at most [`FILE_BYTES_MAX`]; at most [`GENERATIONS_MAX`] older generations of a
//! key.
//!
//! Not here: code secrets, and TOTP seeds under the seal key (database); TLS keys; who may rotate;
//! a KMS.

mod disk;
mod error;
mod text;

pub use error::KeyFileError;

use super::hex;
use ring::digest::{Context, SHA256};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// What the file says it is.
pub const FORMAT: &str = "yaoki keys";

/// The version of the file's form.
pub const VERSION: u32 = 1;

/// The largest key file read, in bytes.
pub const FILE_BYTES_MAX: u64 = 65_536;

/// The most older generations of one key that a file keeps.
pub const GENERATIONS_MAX: usize = 32;

/// How long a nonce may be used after its key was rotated, in milliseconds: two steps of 30 s.
pub const NONCE_LIFETIME_MS: i64 = 60_000;

/// What a terminal key is derived for, before terminal and generation.
const TERMINAL_KEY_LABEL: &[u8] = b"yaoki terminal key 1";

/// What a webhook's secret is derived for, before endpoint and generation.
const WEBHOOK_SECRET_LABEL: &[u8] = b"yaoki webhook secret 1";

/// What the first seal key is derived for, in a file written before there was one.
const SEAL_KEY_LABEL: &[u8] = b"yaoki seal key 1";

/// What a key's id is a hash of, before its name and value.
const KEY_ID_LABEL: &[u8] = b"yaoki key id 1";

/// Secret bytes: never printed, compared in constant time, wiped when dropped.
#[derive(Clone)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes; the caller wipes its own copy.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one call that needs them.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    fn random(random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut secret = Self([0; N]);
        random(&mut secret.0);
        assert!(secret.0 != [0; N], "the source of randomness left the key empty");
        secret
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An older generation of a key, still accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Its id, 16 hex digits.
    pub id: String,
    /// Its generation.
    pub generation: u32,
    /// Its value.
    pub secret: Secret<32>,
    /// The first moment, in Unix milliseconds, at which it is no longer accepted; `None`: it is
    /// kept.
    pub until_ms: Option<i64>,
}

/// A key with its generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatingKey {
    /// Id of the current generation, 16 hex digits: safe to log and to store.
    pub id: String,
    /// The current generation, from 1.
    pub generation: u32,
    /// The current value.
    pub secret: Secret<32>,
    /// Older generations, newest first.
    pub retired: Vec<Retired>,
}

impl RotatingKey {
    fn new(name: KeyName, generation: u32, secret: Secret<32>) -> Self {
        Self { id: key_id(name, secret.expose()), generation, secret, retired: Vec::new() }
    }

    /// The secrets accepted at `now_ms`, the one to make new things with first.
    pub fn accepted(&self, now_ms: i64) -> impl Iterator<Item = &Secret<32>> {
        let retired = self
            .retired
            .iter()
            .filter(move |retired| retired.until_ms.is_none_or(|until| now_ms < until));
        std::iter::once(&self.secret).chain(retired.map(|retired| &retired.secret))
    }

    /// Puts a new generation in front; `lifetime_ms` is how long the old one is still accepted,
    /// `None` for ever.
    fn rotate(
        &mut self,
        name: KeyName,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
        lifetime_ms: Option<i64>,
    ) -> Result<(), KeyFileError> {
        assert!(lifetime_ms.is_none_or(|lifetime| lifetime >= 0), "a lifetime is not negative");
        self.retired.retain(|retired| retired.until_ms.is_none_or(|until| now_ms < until));
        if lifetime_ms == Some(0) {
            self.retired.clear();
        }
        if let Some(until_ms) = self.retired.iter().find_map(|retired| retired.until_ms) {
            return Err(KeyFileError::RotationRunning { name, until_ms });
        }
        if self.retired.len() >= GENERATIONS_MAX {
            return Err(KeyFileError::GenerationsFull { name });
        }
        let generation = next_generation(name, self.generation)?;
        // From here on nothing is refused.
        let mut old = std::mem::replace(self, Self::new(name, generation, Secret::random(random)));
        self.retired = std::mem::take(&mut old.retired);
        if lifetime_ms != Some(0) {
            let until_ms = lifetime_ms.map(|lifetime| now_ms.saturating_add(lifetime));
            self.retired.insert(
                0,
                Retired { id: old.id, generation: old.generation, secret: old.secret, until_ms },
            );
        }
        Ok(())
    }
}

/// The public half of a checkpoint key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointPublicKey {
    /// Id of the public half, 16 hex digits: what a checkpoint names.
    pub id: String,
    /// Its generation.
    pub generation: u32,
    /// Ed25519 public key (RFC 8032).
    pub public: [u8; 32],
}

impl CheckpointPublicKey {
    fn new(generation: u32, public: [u8; 32]) -> Self {
        Self { id: key_id(KeyName::Checkpoint, &public), generation, public }
    }
}

/// The key that signs checkpoints. Unlike the others it has public halves, which are kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointKey {
    /// The Ed25519 seed (RFC 8032, 5.1.5).
    pub seed: Secret<32>,
    /// The public half of `seed`.
    pub public: CheckpointPublicKey,
    /// Public halves of older generations, newest first. Their secrets are gone.
    pub retired: Vec<CheckpointPublicKey>,
}

impl CheckpointKey {
    fn new(generation: u32, seed: Secret<32>) -> Result<Self, KeyFileError> {
        let public = CheckpointPublicKey::new(generation, ed25519_public(&seed)?);
        Ok(Self { seed, public, retired: Vec::new() })
    }

    /// The key pair that signs.
    ///
    /// # Errors
    /// [`KeyFileError::CheckpointSeed`] when `ring` refuses the seed, which it does not for 32
    /// bytes.
    pub fn key_pair(&self) -> Result<Ed25519KeyPair, KeyFileError> {
        Ed25519KeyPair::from_seed_unchecked(self.seed.expose())
            .map_err(|_| KeyFileError::CheckpointSeed)
    }
}

/// Which key of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// FF1 over one-time codes.
    Code,
    /// The root of terminal keys.
    TerminalRoot,
    /// Device tokens.
    DeviceToken,
    /// Nonces.
    Nonce,
    /// Fingerprints of requests.
    Fingerprint,
    /// Checkpoints.
    Checkpoint,
    /// Sealed secrets.
    Seal,
}

impl KeyName {
    /// Every key of the file.
    pub const ALL: [Self; 7] = [
        Self::Code,
        Self::TerminalRoot,
        Self::DeviceToken,
        Self::Nonce,
        Self::Fingerprint,
        Self::Checkpoint,
        Self::Seal,
    ];

    /// Its name in the file.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::TerminalRoot => "terminal_root",
            Self::DeviceToken => "device_token",
            Self::Nonce => "nonce",
            Self::Fingerprint => "fingerprint",
            Self::Checkpoint => "checkpoint",
            Self::Seal => "seal",
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Every key that is not in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// AES-256 key of FF1 over one-time codes.
    pub code: RotatingKey,
    /// Root of terminal keys.
    pub terminal_root: RotatingKey,
    /// HMAC key of device tokens.
    pub device_token: RotatingKey,
    /// HMAC key of nonces.
    pub nonce: RotatingKey,
    /// BLAKE3 key of the code's hash in a request's fingerprint.
    pub fingerprint: RotatingKey,
    /// Ed25519 key of checkpoints.
    pub checkpoint: CheckpointKey,
    /// What secrets in the database are sealed with.
    pub seal: RotatingKey,
}

impl KeyFile {
    /// New keys, each of generation 1. `random` fills what it is given with unpredictable bytes.
    ///
    /// # Panics
    /// When `random` leaves 32 bytes at zero.
    pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut key = |name| RotatingKey::new(name, 1, Secret::random(random));
        let code = key(KeyName::Code);
        let terminal_root = key(KeyName::TerminalRoot);
        let device_token = key(KeyName::DeviceToken);
        let nonce = key(KeyName::Nonce);
        let fingerprint = key(KeyName::Fingerprint);
        let checkpoint = CheckpointKey::new(1, Secret::random(random))
            .expect("Ed25519 takes any 32 bytes as a seed");
        let seal = RotatingKey::new(KeyName::Seal, 1, Secret::random(random));
        Self { code, terminal_root, device_token, nonce, fingerprint, checkpoint, seal }
    }

    /// A new code key. Codes of the old one pay until `now_ms + code_lifetime_ms`; 0 ends them at
    /// once.
    ///
    /// # Errors
    /// [`KeyFileError::RotationRunning`] while the last rotation's old key still pays and the
    /// lifetime is not 0.
    pub fn rotate_code_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
        code_lifetime_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.code.rotate(KeyName::Code, random, now_ms, Some(code_lifetime_ms))
    }

    /// A new root: every terminal gets another key. Those of the old root are accepted for
    /// `lifetime_ms`, the time in which registers fetch theirs; 0 ends them at once. One lost
    /// register needs only its own generation raised.
    ///
    /// # Errors
    /// [`KeyFileError::RotationRunning`] while the last rotation's old root is accepted and the
    /// lifetime is not 0.
    pub fn rotate_terminal_root(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
        lifetime_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.terminal_root.rotate(KeyName::TerminalRoot, random, now_ms, Some(lifetime_ms))
    }

    /// A new key of device tokens. Old tokens are accepted for `lifetime_ms`, the time in which
    /// devices exchange them.
    ///
    /// # Errors
    /// [`KeyFileError::RotationRunning`] while the last rotation's old key is accepted and the
    /// lifetime is not 0.
    pub fn rotate_device_token_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
        lifetime_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.device_token.rotate(KeyName::DeviceToken, random, now_ms, Some(lifetime_ms))
    }

    /// A new nonce key. Nonces given out are accepted for [`NONCE_LIFETIME_MS`].
    ///
    /// # Errors
    /// [`KeyFileError::RotationRunning`] within [`NONCE_LIFETIME_MS`] of the last rotation.
    pub fn rotate_nonce_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.nonce.rotate(KeyName::Nonce, random, now_ms, Some(NONCE_LIFETIME_MS))
    }

    /// A new fingerprint key. The old ones stay: a request repeated years later is compared under
    /// the key of its time.
    ///
    /// # Errors
    /// [`KeyFileError::GenerationsFull`] after [`GENERATIONS_MAX`] rotations.
    pub fn rotate_fingerprint_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.fingerprint.rotate(KeyName::Fingerprint, random, now_ms, None)
    }

    /// A new checkpoint key. Of the old one only the public half stays, for whoever verifies old
    /// checkpoints.
    ///
    /// # Errors
    /// [`KeyFileError::GenerationsFull`] after [`GENERATIONS_MAX`] rotations.
    pub fn rotate_checkpoint_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), KeyFileError> {
        if self.checkpoint.retired.len() >= GENERATIONS_MAX {
            return Err(KeyFileError::GenerationsFull { name: KeyName::Checkpoint });
        }
        let generation = next_generation(KeyName::Checkpoint, self.checkpoint.public.generation)?;
        let fresh = CheckpointKey::new(generation, Secret::random(random))?;
        let mut old = std::mem::replace(&mut self.checkpoint, fresh);
        self.checkpoint.retired = std::mem::take(&mut old.retired);
        self.checkpoint.retired.insert(0, old.public);
        Ok(())
    }

    /// A new seal key. The old ones stay, and open what they sealed; nothing is sealed anew.
    ///
    /// # Errors
    /// [`KeyFileError::GenerationsFull`] after [`GENERATIONS_MAX`] rotations.
    pub fn rotate_seal_key(
        &mut self,
        random: &mut dyn FnMut(&mut [u8]),
        now_ms: i64,
    ) -> Result<(), KeyFileError> {
        self.seal.rotate(KeyName::Seal, random, now_ms, None)
    }

    /// The key of a terminal, under the current root: what is handed to a register. Never stored.
    ///
    /// HMAC-SHA256(root, "yaoki terminal key 1" ‖ terminal ‖ generation), both big-endian;
    /// `generation` is that of the terminal, raised when its register is lost.
    pub fn terminal_key(&self, terminal: u64, generation: u32) -> Secret<32> {
        derive(&self.terminal_root.secret, TERMINAL_KEY_LABEL, terminal, generation)
    }

    /// The keys of a terminal that are accepted at `now_ms`: under the current root, then under the
    /// previous one.
    pub fn terminal_keys(
        &self,
        terminal: u64,
        generation: u32,
        now_ms: i64,
    ) -> impl Iterator<Item = Secret<32>> {
        self.terminal_root
            .accepted(now_ms)
            .map(move |root| derive(root, TERMINAL_KEY_LABEL, terminal, generation))
    }

    /// The secret of a webhook endpoint, under the current root: what is handed to its merchant.
    /// Never stored. Made as a terminal's key is, with the label "yaoki webhook secret 1".
    pub fn webhook_secret(&self, webhook: u64, generation: u32) -> Secret<32> {
        derive(&self.terminal_root.secret, WEBHOOK_SECRET_LABEL, webhook, generation)
    }

    /// The secrets of a webhook endpoint that are accepted, and sign, at `now_ms`: under the
    /// current root, then under the previous one.
    pub fn webhook_secrets(
        &self,
        webhook: u64,
        generation: u32,
        now_ms: i64,
    ) -> impl Iterator<Item = Secret<32>> {
        self.terminal_root
            .accepted(now_ms)
            .map(move |root| derive(root, WEBHOOK_SECRET_LABEL, webhook, generation))
    }
}

/// The seal key of a file that was written before there was one: derived, so that every reading
/// gives the same, from the oldest fingerprint key, which a file keeps for ever. The next writing
/// of the file writes it down; a rotation makes one that hangs on nothing.
fn first_seal_key(fingerprint: &RotatingKey) -> RotatingKey {
    let oldest = fingerprint.retired.last().map_or(&fingerprint.secret, |retired| &retired.secret);
    RotatingKey::new(KeyName::Seal, 1, derive(oldest, SEAL_KEY_LABEL, 0, 1))
}

impl KeyFile {
    /// What addresses, typed codes and invitations are digested under, so that a copy of the book
    /// alone does not tell them by trying. It hangs on the oldest fingerprint key, which a file
    /// keeps for ever: an address is found by its digest as long as there is a book.
    pub fn people_key(&self) -> [u8; 32] {
        let retired = self.fingerprint.retired.last();
        let oldest = retired.map_or(&self.fingerprint.secret, |retired| &retired.secret);
        *derive(oldest, b"yaoki people 1", 0, 1).expose()
    }
}

fn derive(root: &Secret<32>, label: &[u8], number: u64, generation: u32) -> Secret<32> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, root.expose()));
    context.update(label);
    context.update(&number.to_be_bytes());
    context.update(&generation.to_be_bytes());
    let tag = context.sign();
    Secret::new(tag.as_ref().try_into().expect("HMAC-SHA256 is 32 bytes"))
}

/// The first 8 bytes of SHA-256 over label, name and value, in hex. 64 bits tell nothing of 256
/// random ones.
fn key_id(name: KeyName, value: &[u8; 32]) -> String {
    let mut context = Context::new(&SHA256);
    for part in [KEY_ID_LABEL, name.text().as_bytes(), value] {
        context.update(part);
    }
    hex::text(&context.finish().as_ref()[..8])
}

fn next_generation(name: KeyName, generation: u32) -> Result<u32, KeyFileError> {
    generation.checked_add(1).ok_or(KeyFileError::GenerationsFull { name })
}

fn ed25519_public(seed: &Secret<32>) -> Result<[u8; 32], KeyFileError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
        .map_err(|_| KeyFileError::CheckpointSeed)?;
    pair.public_key().as_ref().try_into().map_err(|_| KeyFileError::CheckpointSeed)
}

#[cfg(test)]
mod tests;
