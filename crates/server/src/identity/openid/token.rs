//! Every check of an ID token (OpenID Connect Core 1.0, 3.1.3.7), and what is taken out of it.
//!
//! The library parses, finds the key, checks signature, `iss`, `aud`, `exp`, `nonce` and the type;
//! what it leaves to its user (`alg` by our list, `kid`, `azp`, `nbf`, `iat`, `at_hash`, `sub`) is
//! checked here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use openidconnect::core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, JsonWebKey, JsonWebTokenType, Nonce,
    SignatureVerificationError,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};

use super::{Algorithm, Identified, ProviderOptions, TokenError};

/// By how much a provider's clock may be ahead of ours, milliseconds.
const AHEAD_MS: i64 = 60 * SECOND_MS;
/// For how long a token is fresh after it was made, milliseconds: whatever `exp` says.
const FRESH_MS: i64 = 10 * MINUTE_MS;
/// The longest subject (Core 1.0, 2), characters.
const SUBJECT_CHARS_MAX: usize = 255;

/// What a token must fit.
pub(super) struct Expected<'a> {
    /// The provider.
    pub(super) options: &'a ProviderOptions,
    /// The attempt's nonce.
    pub(super) nonce: Nonce,
    /// Now.
    pub(super) now: Instant,
}

/// The head of a JWT, before anything of it is believed.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
}

/// What the library does not read of the claims.
#[derive(Deserialize)]
struct More {
    /// From when on it counts, Unix seconds.
    nbf: Option<i64>,
}

impl Expected<'_> {
    /// Who the token is about, after every check.
    pub(super) fn check(
        &self,
        token: &CoreIdToken,
        access: &AccessToken,
        keys: &CoreJsonWebKeySet,
    ) -> Result<Identified, TokenError> {
        self.check_head(token, keys)?;
        let verifier = self.verifier(keys);
        let claims = token.claims(&verifier, &self.nonce).map_err(|error| failed(&error))?;
        self.check_authorized_party(claims)?;
        self.check_begun(token)?;
        self.check_made(claims)?;
        check_access_token(token, claims, access, &verifier)?;
        self.identified(claims)
    }

    /// The algorithm is on our list and the key is the provider's, before either is used.
    fn check_head(&self, token: &CoreIdToken, keys: &CoreJsonWebKeySet) -> Result<(), TokenError> {
        let head: Head = part_of(token, 0)?;
        let allowed = Algorithm::named(&head.alg);
        if !allowed.is_some_and(|algorithm| self.options.algorithms.contains(&algorithm)) {
            return Err(TokenError::Algorithm);
        }
        let named = head.kid.ok_or(TokenError::Key)?;
        let mut known = keys.keys().iter().filter_map(|key| key.key_id());
        if known.any(|kid| kid.as_str() == named) { Ok(()) } else { Err(TokenError::Key) }
    }

    fn verifier(&self, keys: &CoreJsonWebKeySet) -> CoreIdTokenVerifier<'static> {
        let (client, issuer) = (self.options.client_id.clone(), self.options.issuer.clone());
        let now = DateTime::<Utc>::from_timestamp_millis(self.now.0).unwrap_or_default();
        let kind = JsonWebTokenType::new("JWT".to_owned()).normalize().expect("a type");
        // Without our secret it can check no HMAC, whatever a token says.
        CoreIdTokenVerifier::new_public_client(client, issuer, keys.clone())
            .set_allowed_algs(self.options.algorithms.iter().map(|algorithm| algorithm.core()))
            .set_allowed_jose_types([kind])
            .set_time_fn(move || now)
            // Those beside us are judged by `azp`.
            .set_other_audience_verifier_fn(|_| true)
    }

    fn check_authorized_party(&self, claims: &CoreIdTokenClaims) -> Result<(), TokenError> {
        let holds = match claims.authorized_party() {
            Some(party) => *party == self.options.client_id,
            None => claims.audiences().len() == 1,
        };
        if holds { Ok(()) } else { Err(TokenError::AuthorizedParty) }
    }

    fn check_begun(&self, token: &CoreIdToken) -> Result<(), TokenError> {
        let More { nbf } = part_of(token, 1)?;
        let from = nbf.map_or(0, |seconds| seconds.saturating_mul(SECOND_MS));
        if from > self.now.plus_ms(AHEAD_MS).0 { Err(TokenError::NotBegun) } else { Ok(()) }
    }

    fn check_made(&self, claims: &CoreIdTokenClaims) -> Result<(), TokenError> {
        let made = instant(claims.issue_time());
        if made > self.now.plus_ms(AHEAD_MS) {
            return Err(TokenError::IssuedAhead);
        }
        if self.now >= made.plus_ms(FRESH_MS) {
            return Err(TokenError::IssuedLongAgo);
        }
        Ok(())
    }

    fn identified(&self, claims: &CoreIdTokenClaims) -> Result<Identified, TokenError> {
        let subject = claims.subject().as_str();
        if !(1..=SUBJECT_CHARS_MAX).contains(&subject.len()) || !subject.is_ascii() {
            return Err(TokenError::Subject);
        }
        let methods = claims.auth_method_refs().map(Vec::as_slice).unwrap_or_default();
        Ok(Identified {
            issuer: self.options.issuer.to_string(),
            subject: subject.to_owned(),
            authenticated_at: claims.auth_time().map(instant),
            context: claims.auth_context_ref().map(|context| context.to_string()),
            methods: methods.iter().map(|method| method.to_string()).collect(),
            attempt: [0; 32],
        })
    }
}

/// The head of a token, 0, or its claims, 1.
fn part_of<T: DeserializeOwned>(token: &CoreIdToken, place: usize) -> Result<T, TokenError> {
    let text = token.to_string();
    let part = text.split('.').nth(place).unwrap_or_default();
    let part = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form)?;
    serde_json::from_slice(&part).map_err(|_| TokenError::Form)
}

/// The access token beside it is its own, where it says which.
fn check_access_token(
    token: &CoreIdToken,
    claims: &CoreIdTokenClaims,
    access: &AccessToken,
    verifier: &CoreIdTokenVerifier<'_>,
) -> Result<(), TokenError> {
    let Some(said) = claims.access_token_hash() else { return Ok(()) };
    let algorithm = token.signing_alg().map_err(|_| TokenError::Algorithm)?;
    let key = token.signing_key(verifier).map_err(|_| TokenError::Key)?;
    let made = AccessTokenHash::from_token(access, algorithm, key);
    let made = made.map_err(|_| TokenError::AccessToken)?;
    if bool::from(made.as_bytes().ct_eq(said.as_bytes())) {
        Ok(())
    } else {
        Err(TokenError::AccessToken)
    }
}

fn instant(at: DateTime<Utc>) -> Instant {
    Instant(at.timestamp_millis())
}

fn failed(error: &ClaimsVerificationError) -> TokenError {
    use SignatureVerificationError as Signature;
    match error {
        ClaimsVerificationError::Unsupported(_) => TokenError::Type,
        ClaimsVerificationError::InvalidIssuer(_) => TokenError::Issuer,
        ClaimsVerificationError::InvalidAudience(_) => TokenError::Audience,
        ClaimsVerificationError::Expired(_) => TokenError::Expired,
        ClaimsVerificationError::InvalidNonce(_) => TokenError::Nonce,
        ClaimsVerificationError::SignatureVerification(error) => match error {
            Signature::NoMatchingKey | Signature::AmbiguousKeyId(_) | Signature::InvalidKey(_) => {
                TokenError::Key
            }
            Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) | Signature::NoSignature => {
                TokenError::Algorithm
            }
            _ => TokenError::Signature,
        },
        _ => TokenError::Form,
    }
}
