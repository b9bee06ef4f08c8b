//! The device's side of a proof: a P-256 key that signs. For the demo, the bench and tests; real
//! devices are browsers and apps, which keep the key where it cannot be taken out.
//!
//! Not here: where the key is kept, and fetching a nonce.

use super::{Request, VerifiedKey, canonical_jwk, part, sha256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a device's key was not made or did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeviceKeyError {
    /// The source of randomness failed.
    #[error("the source of randomness must work; check the system's")]
    Random,
    /// Not PKCS#8 of a P-256 key with its public half.
    #[error(
        "the device's key must be PKCS#8 (version 1) of a P-256 key with its public half, as \
        `generate` makes it"
    )]
    Pkcs8,
}

/// What a device says in one proof.
#[derive(Clone, Copy, Debug)]
pub struct ProofInput<'a> {
    /// The request that will be sent.
    pub request: Request<'a>,
    /// The device's token; `None` while it enrols.
    pub token: Option<&'a str>,
    /// The last `DPoP-Nonce` that the server gave; `None` before the first.
    pub nonce: Option<&'a str>,
    /// A name that no other proof of this device has.
    pub jti: &'a str,
    /// Unix seconds.
    pub issued_at_seconds: i64,
}

/// A device's key pair.
pub struct DeviceKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    key: VerifiedKey,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl DeviceKey {
    /// A new key.
    ///
    /// # Errors
    /// [`DeviceKeyError::Random`].
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, DeviceKeyError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random)
            .map_err(|_| DeviceKeyError::Random)?;
        Self::from_pkcs8(pkcs8.as_ref(), random)
    }

    /// A key kept as [`pkcs8`](Self::pkcs8).
    ///
    /// # Errors
    /// [`DeviceKeyError::Pkcs8`] for anything else.
    pub fn from_pkcs8(pkcs8: &[u8], random: &dyn SecureRandom) -> Result<Self, DeviceKeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, random)
            .map_err(|_| DeviceKeyError::Pkcs8)?;
        let point = pair.public_key().as_ref();
        assert!(point.len() == 65, "ring gives an uncompressed point of P-256");
        let key = VerifiedKey::of_point(&part(point, 1), &part(point, 33));
        Ok(Self { pair, pkcs8: Zeroizing::new(pkcs8.to_vec()), key })
    }

    /// The private key (RFC 5958), to be kept secret.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Point and thumbprint of the public key.
    pub fn public_key(&self) -> &VerifiedKey {
        &self.key
    }

    /// The public key as JWK (RFC 7517), in the form that its thumbprint is of.
    pub fn public_jwk(&self) -> String {
        let point = &self.key.public_key;
        canonical_jwk(&part(point, 1), &part(point, 33))
    }

    /// The value of the `DPoP` header for one request.
    ///
    /// # Errors
    /// [`DeviceKeyError::Random`]: ES256 takes fresh randomness for each signature.
    pub fn proof(
        &self,
        input: &ProofInput<'_>,
        random: &dyn SecureRandom,
    ) -> Result<String, DeviceKeyError> {
        self.sign(&self.header(), &claims(input), random)
    }

    pub(super) fn header(&self) -> Value {
        let point = &self.key.public_key;
        let [x, y] = [1, 33].map(|from| URL_SAFE_NO_PAD.encode(part::<32>(point, from)));
        json!({
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
        })
    }

    /// A JWT of any header and claims, right or wrong.
    pub(super) fn sign(
        &self,
        header: &Value,
        claims: &Value,
        random: &dyn SecureRandom,
    ) -> Result<String, DeviceKeyError> {
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature =
            self.pair.sign(random, signed.as_bytes()).map_err(|_| DeviceKeyError::Random)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

/// The claims of a proof, those without a value left out.
pub(super) fn claims(input: &ProofInput<'_>) -> Value {
    let Request { method, scheme, host, path, body_digest } = input.request;
    let mut claims = json!({
        "jti": input.jti,
        "iat": input.issued_at_seconds,
        "htm": method,
        "htu": format!("{scheme}://{host}{path}"),
        "bd": URL_SAFE_NO_PAD.encode(body_digest),
    });
    if let Some(token) = input.token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes())).into();
    }
    if let Some(nonce) = input.nonce {
        claims["nonce"] = nonce.into();
    }
    claims
}
