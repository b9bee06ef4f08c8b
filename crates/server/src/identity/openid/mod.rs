//! External ids: the relying party of OpenID Connect Core 1.0, code flow with PKCE (RFC 7636) and a
//! confidential client, hardened as RFC 9700 says.
//!
//! | module        | what it is                                                  |
//! | ------------- | ----------------------------------------------------------- |
//! | [`provider`]  | one provider, as an operator names it                       |
//! | `attempt`     | what is kept of an attempt, sealed, in the browser          |
//! | `source`      | configuration and keys of a provider, and how they are had  |
//! | `token`       | every check of an ID token                                  |
//! | [`error`]     | which check failed: for the log, never for the member       |
//!
//! [`Provider::begin`] gives the address that the browser goes to and the sealed attempt;
//! [`Provider::finish`] takes what the browser came back with. The server keeps nothing between the
//! two: verifier, nonce, state and the thumbprint of the asking browser's key are in the attempt,
//! which only this server can open and which lasts [`ATTEMPT_MS`].
//!
//! An external id is issuer and subject, never a mail address, and never anything that an app
//! sends: both come out of a signed token that this server fetched itself. Nothing else of the
//! provider is used; the access token is dropped unread.
//!
//! Limits: [`UNDER_WAY_MAX`] calls of a provider at once, [`TIMEOUT`] and [`ANSWER_BYTES_MAX`] an
//! answer, no redirects, `https` only (`http` to this machine where the book is not live).
//!
//! Not here: whose an external id is, whether it may be linked, and what it opens. It says who
//! somebody is; it makes no device.

mod attempt;
pub mod error;
pub mod provider;
mod source;
mod token;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreTokenResponse, CoreTokenType};
use openidconnect::url::Url;
use openidconnect::{
    AuthType, AuthorizationCode, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, TokenResponse,
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use yaoki_core::time::{Instant, MINUTE_MS};

use self::attempt::Attempt;
pub use self::error::{OpenidError, TokenError};
pub use self::provider::{Algorithm, ProviderOptions, Providers};
use self::source::{Source, Standing};
use crate::edge::hex;

/// How long an attempt lasts from its beginning, milliseconds.
pub const ATTEMPT_MS: i64 = 10 * MINUTE_MS;
/// How long one answer of a provider may take, from the connection to its end.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read, bytes; it is no answer then.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The most calls of [`Provider::begin`] and [`Provider::finish`] of one provider at once. More are
/// turned away, so that a slow provider keeps nobody else's requests.
pub const UNDER_WAY_MAX: usize = 32;
/// The longest code that is taken to a provider, bytes.
pub const CODE_BYTES_MAX: usize = 4096;
/// The chance that an attempt takes: 32 bytes each for state, nonce and verifier.
pub const CHANCE_BYTES: usize = 96;

/// Keeps what leaves this server from being read or changed by whoever carries it.
pub trait Sealing: Send + Sync {
    /// Seals `plain` for one purpose.
    fn seal(&self, purpose: &str, plain: &[u8]) -> String;
    /// What was sealed for this purpose; none when it was not, or was changed.
    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>>;
}

/// Who begins an attempt, and where it comes back to.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The SHA-256 thumbprint (RFC 7638) of the asking browser's key.
    pub binding: &'a [u8; 32],
    /// Where the provider sends the browser back to, as it is registered there: from the settings,
    /// never from a request.
    pub redirect: &'a str,
}

/// An attempt that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where the browser goes.
    pub address: String,
    /// What the browser keeps until it comes back. It can neither read nor change it.
    pub attempt: String,
}

/// What a browser came back with.
#[derive(Clone, Copy, Debug)]
pub struct Returned<'a> {
    /// The parameter `code`.
    pub code: &'a str,
    /// The parameter `state`.
    pub state: &'a str,
    /// The parameter `iss` (RFC 9207).
    pub issuer: Option<&'a str>,
    /// What it has kept.
    pub attempt: &'a str,
}

/// Who somebody is, as a provider says.
#[derive(Clone, PartialEq, Eq)]
pub struct Identified {
    /// The issuer, as it is in the settings.
    pub issuer: String,
    /// The issuer's name of the person: 1 to 255 characters of ASCII.
    pub subject: String,
    /// When the provider last asked the person, where it says so.
    pub authenticated_at: Option<Instant>,
    /// How surely, in the provider's words (`acr`).
    pub context: Option<String>,
    /// By what, in the provider's words (`amr`).
    pub methods: Vec<String>,
    /// Names the attempt, so that whoever keeps it sees one that is used again.
    pub attempt: [u8; 32],
}

/// The subject is personal: it stays out of logs.
impl std::fmt::Debug for Identified {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = out.debug_struct("Identified");
        shown.field("issuer", &self.issuer).field("attempt", &hex::text(&self.attempt));
        shown.finish_non_exhaustive()
    }
}

impl Identified {
    /// By what the credential is found.
    pub fn lookup(&self) -> [u8; 32] {
        lookup(&self.issuer, &self.subject)
    }
}

/// By what the credential of an external id is found: BLAKE3 over issuer and subject, each with its
/// length in front, so that no two pairs are one.
pub fn lookup(issuer: &str, subject: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki external id 1");
    for part in [issuer, subject] {
        let length = u64::try_from(part.len()).expect("a text fits into memory");
        hasher.update(&length.to_be_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// One provider, ready to be asked. Nothing is fetched before somebody asks.
pub struct Provider {
    options: ProviderOptions,
    source: Source,
    turns: Semaphore,
}

/// Without the secret.
impl std::fmt::Debug for Provider {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Provider").field(&self.options.name).finish()
    }
}

impl Provider {
    /// A provider. `loopback` allows `http` to this machine, for books that are not live.
    ///
    /// # Errors
    /// What must hold of the options, and does not.
    pub fn new(options: ProviderOptions, loopback: bool) -> Result<Self, String> {
        options.check(loopback)?;
        let source = Source::new(options.issuer.clone(), loopback);
        Ok(Self { options, source, turns: Semaphore::new(UNDER_WAY_MAX) })
    }

    /// What the operator has named.
    pub const fn options(&self) -> &ProviderOptions {
        &self.options
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// When the provider's configuration cannot be had.
    pub async fn begin(
        &self,
        asked: Asked<'_>,
        now: Instant,
        chance: &[u8; CHANCE_BYTES],
        seal: &dyn Sealing,
    ) -> Result<Begun, OpenidError> {
        let _turn = self.turns.try_acquire().map_err(|_| OpenidError::Busy)?;
        let redirect = redirect_url(asked.redirect)?;
        let standing = self.source.standing(now).await?;
        let part = |number: usize| URL_SAFE_NO_PAD.encode(&chance[number * 32..][..32]);
        let attempt = Attempt {
            provider: self.options.name.clone(),
            issuer: self.options.issuer.to_string(),
            redirect: asked.redirect.to_owned(),
            state: part(0),
            nonce: part(1),
            verifier: part(2),
            binding: hex::text(asked.binding),
            ends_at_ms: now.plus_ms(ATTEMPT_MS).0,
        };
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let client = self.client(&standing).set_redirect_uri(redirect);
        let (address, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(Begun { address: address.into(), attempt: attempt.seal(seal) })
    }

    /// Finishes an attempt: who the person is, after every check.
    ///
    /// # Errors
    /// The first check that fails. The member hears one sentence, whichever it is.
    pub async fn finish(
        &self,
        returned: Returned<'_>,
        binding: &[u8; 32],
        now: Instant,
        seal: &dyn Sealing,
    ) -> Result<Identified, OpenidError> {
        let attempt = self.attempt_of(returned, binding, now, seal)?;
        let _turn = self.turns.try_acquire().map_err(|_| OpenidError::Busy)?;
        let mut standing = self.source.standing(now).await?;
        self.check_answering(returned.issuer, &standing)?;

        let answer = self.exchange(&standing, returned.code, &attempt).await?;
        if *answer.token_type() != CoreTokenType::Bearer {
            return Err(OpenidError::TokenKind);
        }
        let id_token = answer.id_token().ok_or(TokenError::Missing)?;
        let expected =
            token::Expected { options: &self.options, nonce: Nonce::new(attempt.nonce), now };
        let mut checked = expected.check(id_token, answer.access_token(), standing.keys());
        if matches!(checked, Err(TokenError::Key)) {
            // A provider changes its keys whenever it likes.
            standing = self.source.newer(&standing, now).await?;
            checked = expected.check(id_token, answer.access_token(), standing.keys());
        }
        let mut identified = checked?;
        identified.attempt = *blake3::hash(returned.attempt.as_bytes()).as_bytes();
        Ok(identified)
    }

    /// The attempt of this browser with this provider, that is answered with its own state.
    fn attempt_of(
        &self,
        returned: Returned<'_>,
        binding: &[u8; 32],
        now: Instant,
        seal: &dyn Sealing,
    ) -> Result<Attempt, OpenidError> {
        let attempt = Attempt::open(returned.attempt, seal).ok_or(OpenidError::Attempt)?;
        let same = |one: &str, other: &str| bool::from(one.as_bytes().ct_eq(other.as_bytes()));
        if !same(&attempt.binding, &hex::text(binding)) {
            return Err(OpenidError::Browser);
        }
        if now.0 >= attempt.ends_at_ms {
            return Err(OpenidError::Over);
        }
        let is_ours =
            attempt.provider == self.options.name && attempt.issuer == self.options.issuer.as_str();
        if !is_ours {
            return Err(OpenidError::Provider);
        }
        if !same(&attempt.state, returned.state) {
            return Err(OpenidError::State);
        }
        if returned.code.is_empty() || returned.code.len() > CODE_BYTES_MAX {
            return Err(OpenidError::Code("it must have 1 to 4096 bytes".to_owned()));
        }
        Ok(attempt)
    }

    /// The provider that answered is the one that was asked (RFC 9207): against mix-up.
    fn check_answering(
        &self,
        issuer: Option<&str>,
        standing: &Standing,
    ) -> Result<(), OpenidError> {
        match issuer {
            Some(issuer) if issuer == self.options.issuer.as_str() => Ok(()),
            None if !standing.names_itself() => Ok(()),
            _ => Err(OpenidError::Answering),
        }
    }

    async fn exchange(
        &self,
        standing: &Standing,
        code: &str,
        attempt: &Attempt,
    ) -> Result<CoreTokenResponse, OpenidError> {
        let client = self.client(standing).set_redirect_uri(redirect_url(&attempt.redirect)?);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(self.source.asker())
            .await;
        // What it answered may hold tokens: only its own name of the error is told.
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) => OpenidError::Code(said.error().to_string()),
            RequestTokenError::Request(error) => OpenidError::Away(error.to_string()),
            RequestTokenError::Parse(error, _) => OpenidError::Answer(error.to_string()),
            RequestTokenError::Other(problem) => OpenidError::Answer(problem),
        })
    }

    fn client(&self, standing: &Standing) -> Client {
        let how = if standing.takes_secret_in_body() {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        let (issuer, keys) = (self.options.issuer.clone(), standing.keys().clone());
        CoreClient::new(self.options.client_id.clone(), issuer, keys)
            .set_client_secret(self.options.client_secret.clone())
            .set_auth_type(how)
            .set_auth_uri(standing.authorization().clone())
            .set_token_uri(standing.token().clone())
    }
}

/// A client that knows where codes are asked for and where they are changed into tokens.
type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointSet,
>;

fn redirect_url(text: &str) -> Result<RedirectUrl, OpenidError> {
    RedirectUrl::new(text.to_owned()).map_err(|_| OpenidError::Redirect)
}

/// Whether something may be asked of this address: `https`, or `http` to this machine where that is
/// allowed; no user, no fragment.
fn is_asked(url: &Url, loopback: bool) -> bool {
    use openidconnect::url::Host;
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_good = match url.scheme() {
        "https" => true,
        "http" => loopback && is_this_machine,
        _ => false,
    };
    is_good && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_of_issuer_and_subject_and_of_where_one_ends() {
        let one = lookup("https://a.example", "bc");
        assert_eq!(one, lookup("https://a.example", "bc"));
        for other in [("https://a.exampleb", "c"), ("https://a.example/", "bc"), ("bc", "")] {
            assert_ne!(one, lookup(other.0, other.1), "{other:?}");
        }
    }

    #[test]
    fn only_https_is_asked_and_this_machine_where_that_is_allowed() {
        let asked = |text: &str, loopback| is_asked(&text.parse().expect("a URL"), loopback);
        assert!(asked("https://id.example/", false) && asked("http://127.0.0.1:1/", true));
        assert!(asked("http://[::1]:1/", true) && asked("http://localhost:1/", true));
        for never in [
            "http://id.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example/",
            "https://user@id.example/",
            "https://id.example/#part",
            "ftp://id.example/",
            "data:,x",
        ] {
            assert!(!asked(never, true), "{never}");
        }
        assert!(!asked("http://127.0.0.1:1/", false));
    }
}
