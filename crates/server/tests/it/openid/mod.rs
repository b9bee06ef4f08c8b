//! External ids: against a provider of the test's own, which forges, and against a certified one.

mod attempts;
mod certified;
mod forged;
pub(crate) mod provider;
mod standing;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use yaoki_core::time::Instant;
use yaoki_server::identity::openid::{
    Asked, Begun, CHANCE_BYTES, Identified, OpenidError, Provider, ProviderOptions, Returned,
    Sealing,
};

use self::provider::{Came, Stand};

/// When the tests are.
pub(crate) const NOW: Instant = Instant(1_900_000_000_000);
/// What the providers call us.
const CLIENT: &str = "yaoki";
/// What we show them.
const SECRET: &str = "a secret of forty characters, or about it";
/// Where the browser comes back to.
const REDIRECT: &str = "https://pay.example/back";
/// The thumbprint of the browser's key.
const BROWSER: [u8; 32] = [7; 32];

/// A seal that everybody can read, and nobody can change.
struct Seal(hmac::Key);

impl Seal {
    fn new(key: u8) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &[key; 32]))
    }

    fn text(purpose: &str, plain: &str) -> String {
        format!("{purpose}.{plain}")
    }
}

impl Sealing for Seal {
    fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        let plain = URL_SAFE_NO_PAD.encode(plain);
        let tag = hmac::sign(&self.0, Self::text(purpose, &plain).as_bytes());
        format!("{plain}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let (plain, tag) = text.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, Self::text(purpose, plain).as_bytes(), &tag).ok()?;
        URL_SAFE_NO_PAD.decode(plain).ok()
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

pub(crate) fn options(issuer: &str) -> ProviderOptions {
    ProviderOptions::new("id", issuer, (CLIENT, SECRET)).expect("an issuer")
}

fn provider_at(issuer: &str) -> Provider {
    Provider::new(options(issuer), true).expect("a provider")
}

/// Begins with chance of its own.
fn begun(provider: &Provider, chance: u8) -> Begun {
    tried(provider, chance, NOW).expect("the provider is there")
}

fn tried(provider: &Provider, chance: u8, now: Instant) -> Result<Begun, OpenidError> {
    let asked = Asked { binding: &BROWSER, redirect: REDIRECT };
    let mut bytes = [chance; CHANCE_BYTES];
    // State, nonce and verifier differ.
    (bytes[0], bytes[32], bytes[64]) = (1, 2, 3);
    wait(provider.begin(asked, now, &bytes, &Seal::new(1)))
}

/// Finishes with what the provider of the test gave.
fn finished(
    provider: &Provider,
    begun: &Begun,
    came: &Came,
    now: Instant,
) -> Result<Identified, OpenidError> {
    wait(provider.finish(came.with(begun), &BROWSER, now, &Seal::new(1)))
}

/// Begins, lets the person consent, and finishes.
fn walked(stand: &Stand, provider: &Provider) -> Result<Identified, OpenidError> {
    let begun = begun(provider, 9);
    finished(provider, &begun, &stand.consent(&begun), NOW)
}

impl Came {
    fn with<'a>(&'a self, begun: &'a Begun) -> Returned<'a> {
        Returned {
            code: &self.code,
            state: &self.state,
            issuer: self.issuer.as_deref(),
            attempt: &begun.attempt,
        }
    }
}
