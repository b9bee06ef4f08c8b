//! What is kept of an attempt while the browser is away, sealed, in the browser itself.

use serde::{Deserialize, Serialize};

use super::Sealing;

/// For what attempts are sealed: nothing else that is sealed is ever taken for one.
const PURPOSE: &str = "openid attempt 1";
/// No sealed attempt is longer, bytes.
const SEALED_BYTES_MAX: usize = 8 * 1024;

/// An attempt.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The provider's name.
    pub(super) provider: String,
    /// Its issuer, which its name may come to stand for another of.
    pub(super) issuer: String,
    /// Where the browser comes back to.
    pub(super) redirect: String,
    /// What the provider gives back.
    pub(super) state: String,
    /// What the ID token must have.
    pub(super) nonce: String,
    /// What only whoever began can show (RFC 7636).
    pub(super) verifier: String,
    /// The thumbprint of the asking browser's key, hex.
    pub(super) binding: String,
    /// When it ends, Unix milliseconds.
    pub(super) ends_at_ms: i64,
}

impl Attempt {
    /// As the browser keeps it.
    pub(super) fn seal(&self, seal: &dyn Sealing) -> String {
        seal.seal(PURPOSE, &serde_json::to_vec(self).expect("texts can be written"))
    }

    /// What the browser has kept; none when it is not ours.
    pub(super) fn open(text: &str, seal: &dyn Sealing) -> Option<Self> {
        if text.len() > SEALED_BYTES_MAX {
            return None;
        }
        serde_json::from_slice(&seal.open(PURPOSE, text)?).ok()
    }
}
