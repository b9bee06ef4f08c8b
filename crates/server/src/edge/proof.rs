//! A member's device, or an operator's browser, proves that it sent this request, with this body,
//! now: DPoP (RFC 9449).
//!
//! Shape: `Authorization: DPoP <token>` and `DPoP: <proof>`. The token ([`token`]) binds who asks
//! and the thumbprint of his public key under the server's key, so that nothing is looked up to
//! check it. What is said of devices here holds of browsers, too. The proof is a JWT signed by the
//! device (ES256 only) whose header carries the public key and whose claims are
//!
//! | claim | what must stand there |
//! | --- | --- |
//! | `jti` | anything that no other proof of the device has |
//! | `iat` | anything: it must be there (RFC 9449, 4.2) and is not judged |
//! | `htm` | the method |
//! | `htu` | scheme, host and path; no query, no fragment |
//! | `ath` | base64url SHA-256 of the token's text; not in an enrolment |
//! | `nonce` | what the server gave this device within the last 30 to 60 s |
//! | `bd` | base64url SHA-256 of the body, of an empty one too (our own claim) |
//!
//! Freshness comes from the nonce alone, because phones' clocks are wrong: HMAC of device and
//! 30-second step, the current and the previous step accepted. Device 0 stands for a device that is
//! only being enrolled. An enrolled device's proof is accepted once ([`seen`]); what changes state
//! carries a request id besides.
//!
//! Phases: [`ProofKeys::open_token`] or [`ProofKeys::open_session`] (a keyed hash), then
//! [`ProofKeys::verify`]: shape, key, claims, nonce, and only then the signature, the dearest step.
//! [`ProofKeys::verify_enrolment`] is the same without a token. [`device_key`] is the device's
//! side, for the demo, the bench and tests.
//!
//! Limits: a proof of [`PROOF_BYTES_MAX`]. Of members that are known here a repeated one is
//! refused; unknown ones are ignored, as JWT asks (RFC 7519, 4), but for `crit` (RFC 7515, 4.1.11).
//!
//! Not here: whether device, session or member still stand (the ledger says), request ids, cookies.

pub mod device_key;
pub mod seen;
pub mod token;

#[cfg(test)]
mod tests;

use self::seen::{NonceTime, ProofMark};
use self::token::Bound;
use super::keys::{KeyFile, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use ring::{digest, hmac};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The authentication scheme of a token, compared without case (RFC 9110, 11.1).
pub const SCHEME: &str = "DPoP";

/// The longest proof read, in bytes; a true one has about 700.
pub const PROOF_BYTES_MAX: usize = 4096;

/// How long one nonce is given out, in milliseconds. It is accepted in the step after, too.
pub const NONCE_STEP_MS: i64 = 30_000;

/// The device for which a nonce is made before there is one.
pub const NO_DEVICE: u64 = 0;

const NONCE_LABEL: &[u8] = b"yaoki nonce 1";
/// What was asked, as it stood on the wire; all of it must be in the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `POST`, `GET`…
    pub method: &'a str,
    /// `https`, or `http` on loopback.
    pub scheme: &'a str,
    /// The origin's host, with its port unless it is the scheme's own.
    pub host: &'a str,
    /// From the first `/`, percent-encoding untouched, without query: no member route has one.
    pub path: &'a str,
    /// SHA-256 of the body: [`sha256`].
    pub body_digest: &'a [u8; 32],
}

/// A request that the holder of a token sent, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRequest {
    /// The key that signed.
    pub key: VerifiedKey,
    /// By which the proof is known again.
    pub mark: ProofMark,
}

/// A public key whose holder signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKey {
    /// SHA-256 thumbprint (RFC 7638).
    pub thumbprint: [u8; 32],
    /// Point on P-256, uncompressed (SEC 1, 2.3.3): 4, x, y.
    pub public_key: [u8; 65],
}

/// Why a proof is refused. The texts may be sent: they tell nothing that is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// No or another scheme.
    #[error("the request must carry the device's token; send `Authorization: DPoP <token>`")]
    TokenMissing,
    /// Damaged, forged, or under a key that was rotated away.
    #[error("the device token must be one that this server gave; enrol the device again")]
    TokenWrong,
    /// Longer than [`PROOF_BYTES_MAX`].
    #[error(
        "the proof must be at most {PROOF_BYTES_MAX} bytes; leave out claims that are not \
        asked for"
    )]
    ProofTooLong,
    /// No JWT, or a member twice or of another type.
    #[error(
        "the `DPoP` header must be one JWT: JSON header, JSON claims and 64 bytes of signature in \
         base64url without \
         padding, joined by dots, each member once and of its type"
    )]
    ProofForm,
    /// Another `typ`.
    #[error("the proof's `typ` must be `dpop+jwt`")]
    TypeWrong,
    /// Another `alg`.
    #[error("the proof's `alg` must be `ES256`; make a P-256 key")]
    AlgorithmWrong,
    /// There is a `crit`.
    #[error("the proof must have no `crit`; no extension is known here")]
    CriticalUnknown,
    /// No P-256 public key.
    #[error(
        "the proof's `jwk` must be a public key of kty `EC`, crv `P-256`, with x and y of 32 \
        bytes in base64url"
    )]
    KeyForm,
    /// The private key was sent.
    #[error(
        "the proof's `jwk` must not hold the private key `d`; it is no secret any more: make \
        a new key and enrol it"
    )]
    KeyPrivate,
    /// Another key than the token's.
    #[error(
        "the proof must be signed by the key that the token was given to; use that key, or enrol \
        this one"
    )]
    KeyWrong,
    /// A claim not given.
    #[error("the proof must have the claim `{name}`; add it")]
    ClaimMissing {
        /// Its name.
        name: &'static str,
    },
    /// Another method.
    #[error("the proof's `htm` must be the request's method; make a proof for each request")]
    MethodWrong,
    /// Another address.
    #[error(
        "the proof's `htu` must be the request's scheme, host and path, without query and \
        fragment"
    )]
    UriWrong,
    /// Another token.
    #[error("the proof's `ath` must be the base64url SHA-256 of the token sent with it")]
    TokenHashWrong,
    /// Another body.
    #[error("the proof's `bd` must be the base64url SHA-256 of the body's bytes as sent")]
    BodyWrong,
    /// No nonce yet.
    #[error(
        "the proof must have the server's nonce; put the answer's `DPoP-Nonce` into `nonce` \
        and send again"
    )]
    NonceMissing,
    /// Older than two steps, another device's, or forged.
    #[error(
        "the proof's nonce must be a recent one; put the answer's `DPoP-Nonce` into `nonce` \
        and send again"
    )]
    NonceStale,
    /// Signed by another key, or changed after.
    #[error(
        "the proof's signature must be that of its first two parts by the key in `jwk`; sign \
        again"
    )]
    SignatureWrong,
    /// Accepted before.
    #[error(
        "the proof must be a new one; sign another for each request, with a `jti` that no other \
        has"
    )]
    Replayed,
}

impl ProofError {
    /// The `error` of the `WWW-Authenticate` header (RFC 9449, 7.1 and 9). With `use_dpop_nonce`
    /// the answer is 401 and carries a `DPoP-Nonce`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NonceMissing | Self::NonceStale => "use_dpop_nonce",
            Self::TokenMissing | Self::TokenWrong | Self::KeyWrong => "invalid_token",
            _ => "invalid_dpop_proof",
        }
    }
}

/// SHA-256 of a body, of an empty one too.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 is 32 bytes")
}

/// The server's keys for tokens and nonces, ready for use. Made anew when the key file changes.
#[derive(Clone, Debug)]
pub struct ProofKeys {
    /// The first makes, all are accepted.
    nonce: Vec<hmac::Key>,
    token: Vec<hmac::Key>,
}

impl ProofKeys {
    /// The keys of the file that are accepted at `now_ms` (Unix). Made anew after each rotation and
    /// when its time ends.
    pub fn new(keys: &KeyFile, now_ms: i64) -> Self {
        Self {
            nonce: keys.nonce.accepted(now_ms).map(hmac_key).collect(),
            token: keys.device_token.accepted(now_ms).map(hmac_key).collect(),
        }
    }

    /// The nonce that `device` puts into its next proof, [`NO_DEVICE`] before there is one: 32
    /// characters, the same for a whole step. Every answer to a device carries it.
    pub fn nonce(&self, device: u64, time: impl Into<NonceTime>) -> String {
        let time = time.into();
        let step = nonce_step(time.now_ms);
        // A clock that went back gives a nonce that is refused until it has caught up.
        let salt = time.epoch.salt_of(step).unwrap_or_default();
        let tag = nonce_tag(current(&self.nonce), device, step, salt);
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&step.to_be_bytes());
        bytes[8..].copy_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whether the holder of an opened token sent `request`, by the value of its `DPoP` header.
    ///
    /// # Errors
    /// [`ProofError`]: the first of shape, key, claims, nonce, signature that does not hold.
    pub fn verify(
        &self,
        token: &impl Bound,
        proof: &str,
        request: &Request<'_>,
        time: impl Into<NonceTime>,
    ) -> Result<VerifiedRequest, ProofError> {
        let proof = Proof::parse(proof)?;
        if proof.key.thumbprint != *token.thumbprint() {
            return Err(ProofError::KeyWrong);
        }
        proof.claims.check_request(request)?;
        let ath = claim(proof.claims.ath.as_deref(), "ath")?;
        if !is_digest(ath, token.text_digest()) {
            return Err(ProofError::TokenHashWrong);
        }
        let step = self.check_nonce(proof.claims.nonce.as_deref(), token.caller(), time.into())?;
        proof.check_signature()?;
        let mark = ProofMark { step, digest: part(&sha256(proof.signed.as_bytes()), 0) };
        Ok(VerifiedRequest { key: proof.key, mark })
    }

    /// The key of a device that is being enrolled, by the value of its `DPoP` header: it has no
    /// token yet, and a nonce of [`NO_DEVICE`]. What allows it to enrol is in the body, which the
    /// proof covers.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_enrolment(
        &self,
        proof: &str,
        request: &Request<'_>,
        time: impl Into<NonceTime>,
    ) -> Result<VerifiedKey, ProofError> {
        let proof = Proof::parse(proof)?;
        proof.claims.check_request(request)?;
        self.check_nonce(proof.claims.nonce.as_deref(), NO_DEVICE, time.into())?;
        proof.check_signature()?;
        Ok(proof.key)
    }

    /// The step of a nonce that was given to `device` and is still accepted.
    fn check_nonce(
        &self,
        nonce: Option<&str>,
        device: u64,
        time: NonceTime,
    ) -> Result<u64, ProofError> {
        let nonce = nonce.ok_or(ProofError::NonceMissing)?;
        // What is no nonce at all is cured like an old one: by taking the new one.
        let bytes = URL_SAFE_NO_PAD.decode(nonce).map_err(|_| ProofError::NonceStale)?;
        let bytes: [u8; 24] = bytes.try_into().map_err(|_| ProofError::NonceStale)?;
        let step = u64::from_be_bytes(part(&bytes, 0));
        let now = nonce_step(time.now_ms);
        if step != now && step.checked_add(1) != Some(now) {
            return Err(ProofError::NonceStale);
        }
        let salt = time.epoch.salt_of(step).ok_or(ProofError::NonceStale)?;
        let tag: [u8; 16] = part(&bytes, 8);
        let made_here =
            self.nonce.iter().any(|key| nonce_tag(key, device, step, salt).ct_eq(&tag).into());
        if made_here { Ok(step) } else { Err(ProofError::NonceStale) }
    }
}

fn hmac_key(secret: &Secret<32>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose())
}

fn current(keys: &[hmac::Key]) -> &hmac::Key {
    keys.first().expect("the current key is always accepted")
}

fn nonce_step(now_ms: i64) -> u64 {
    u64::try_from(now_ms / NONCE_STEP_MS).expect("the server's clock is after 1970")
}

/// Salt 0 is no salt: what every node makes alike.
fn nonce_tag(key: &hmac::Key, device: u64, step: u64, salt: u32) -> [u8; 16] {
    let mut context = hmac::Context::with_key(key);
    context.update(NONCE_LABEL);
    context.update(&device.to_be_bytes());
    context.update(&step.to_be_bytes());
    if salt != 0 {
        context.update(&salt.to_be_bytes());
    }
    part(context.sign().as_ref(), 0)
}

/// `N` bytes of a record of known length.
fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes[from..from + N].try_into().expect("a range of N bytes")
}

/// Whether `text` is the base64url of `digest`. Digests of what was sent are no secret.
fn is_digest(text: &str, digest: &[u8; 32]) -> bool {
    text == URL_SAFE_NO_PAD.encode(digest)
}

fn claim<'a>(value: Option<&'a str>, name: &'static str) -> Result<&'a str, ProofError> {
    value.filter(|value| !value.is_empty()).ok_or(ProofError::ClaimMissing { name })
}

/// A proof taken apart. Nothing of it is true before its signature is checked.
struct Proof<'a> {
    /// The first two parts and the dot between.
    signed: &'a str,
    signature: [u8; 64],
    key: VerifiedKey,
    claims: Claims,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: Option<String>,
    jwk: Option<Jwk>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: Option<String>,
    iat: Option<serde_json::Number>,
    htm: Option<String>,
    htu: Option<String>,
    ath: Option<String>,
    nonce: Option<String>,
    bd: Option<String>,
}

impl<'a> Proof<'a> {
    fn parse(text: &'a str) -> Result<Self, ProofError> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(ProofError::ProofTooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(ProofError::ProofForm)?;
        let (header, claims) = signed.split_once('.').ok_or(ProofError::ProofForm)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| ProofError::ProofForm)?;
        let signature = signature.try_into().map_err(|_| ProofError::ProofForm)?;
        let header: Header = object(header)?;
        let claims: Claims = object(claims)?;
        Ok(Self { signed, signature, key: header.key()?, claims })
    }

    fn check_signature(&self) -> Result<(), ProofError> {
        // `ring` refuses a point that is not on the curve, too.
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key.public_key)
            .verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| ProofError::SignatureWrong)
    }
}

/// One part of a JWT: a JSON object in base64url.
fn object<T: DeserializeOwned>(text: &str) -> Result<T, ProofError> {
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| ProofError::ProofForm)?;
    // serde would take an array in the order of the fields, too.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(ProofError::ProofForm);
    }
    serde_json::from_slice(&json).map_err(|_| ProofError::ProofForm)
}

impl Header {
    fn key(&self) -> Result<VerifiedKey, ProofError> {
        if self.typ.as_deref() != Some("dpop+jwt") {
            return Err(ProofError::TypeWrong);
        }
        if self.alg.as_deref() != Some("ES256") {
            return Err(ProofError::AlgorithmWrong);
        }
        if self.crit.is_some() {
            return Err(ProofError::CriticalUnknown);
        }
        self.jwk.as_ref().ok_or(ProofError::KeyForm)?.key()
    }
}

impl Jwk {
    fn key(&self) -> Result<VerifiedKey, ProofError> {
        if self.d.is_some() {
            return Err(ProofError::KeyPrivate);
        }
        if self.kty.as_deref() != Some("EC") || self.crv.as_deref() != Some("P-256") {
            return Err(ProofError::KeyForm);
        }
        let coordinate = |text: Option<&str>| -> Option<[u8; 32]> {
            URL_SAFE_NO_PAD.decode(text?).ok()?.try_into().ok()
        };
        let x = coordinate(self.x.as_deref()).ok_or(ProofError::KeyForm)?;
        let y = coordinate(self.y.as_deref()).ok_or(ProofError::KeyForm)?;
        Ok(VerifiedKey::of_point(&x, &y))
    }
}

impl VerifiedKey {
    fn of_point(x: &[u8; 32], y: &[u8; 32]) -> Self {
        let mut public_key = [4; 65];
        public_key[1..33].copy_from_slice(x);
        public_key[33..].copy_from_slice(y);
        Self { thumbprint: sha256(canonical_jwk(x, y).as_bytes()), public_key }
    }
}

/// The members that RFC 7638, 3.2 asks for, in its order and without spaces: what the thumbprint is
/// of.
fn canonical_jwk(x: &[u8; 32], y: &[u8; 32]) -> String {
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
}

impl Claims {
    fn check_request(&self, request: &Request<'_>) -> Result<(), ProofError> {
        claim(self.jti.as_deref(), "jti")?;
        self.iat.as_ref().ok_or(ProofError::ClaimMissing { name: "iat" })?;
        if claim(self.htm.as_deref(), "htm")? != request.method {
            return Err(ProofError::MethodWrong);
        }
        if !is_uri_of(claim(self.htu.as_deref(), "htu")?, request) {
            return Err(ProofError::UriWrong);
        }
        if !is_digest(claim(self.bd.as_deref(), "bd")?, request.body_digest) {
            return Err(ProofError::BodyWrong);
        }
        Ok(())
    }
}

/// Whether `htu` is scheme, host and path of `request`: the first two without case, nothing else
/// made equal.
fn is_uri_of(htu: &str, request: &Request<'_>) -> bool {
    let Some((scheme, rest)) = htu.split_once("://") else { return false };
    let Some((host, path)) = rest.find('/').and_then(|slash| rest.split_at_checked(slash)) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(request.scheme)
        && host.eq_ignore_ascii_case(request.host)
        && path == request.path
        && !path.contains(['?', '#'])
}
