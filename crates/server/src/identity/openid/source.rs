//! Configuration (OpenID Connect Discovery 1.0) and keys of a provider: fetched when somebody needs
//! them, kept for [`KEPT_MS`].
//!
//! Keys are fetched again when a token names one that is not known, at most once in
//! [`KEYS_PAUSE_MS`]: strangers' tokens make no more calls than that. A provider that failed is
//! left alone for [`RESTING_MS`], so that those who wait for it do not wait one after the other.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, AuthUrl, DiscoveryError, HttpRequest,
    HttpResponse, IssuerUrl, JsonWebKeySetUrl, ProviderMetadata, TokenUrl,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Mutex;
use yaoki_core::time::{HOUR_MS, Instant, MINUTE_MS, SECOND_MS};

use super::{ANSWER_BYTES_MAX, OpenidError, TIMEOUT, is_asked};
use crate::jobs::post::{self, Bounds, Client, PostError, Reach};

/// How long configuration and keys are kept, milliseconds.
const KEPT_MS: i64 = HOUR_MS;
/// The least between two fetches of the keys, milliseconds.
const KEYS_PAUSE_MS: i64 = MINUTE_MS;
/// How long a provider that failed is left alone, milliseconds.
const RESTING_MS: i64 = 5 * SECOND_MS;

/// What we read of a configuration beyond what everybody does.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    /// RFC 9207: it names itself in its answers.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Why nothing was answered.
#[derive(Debug, Error)]
pub(super) enum AskError {
    /// An address that is not asked.
    #[error("its addresses must be `https`")]
    Address,
    /// The call itself.
    #[error(transparent)]
    Post(#[from] PostError),
}

/// How a provider stands at a time: where it is asked, and its keys.
pub(super) struct Standing {
    metadata: Metadata,
    token: TokenUrl,
    keys: CoreJsonWebKeySet,
    fetched_at: Instant,
    keys_fetched_at: Instant,
}

impl Standing {
    /// Where the browser goes.
    pub(super) fn authorization(&self) -> &AuthUrl {
        self.metadata.authorization_endpoint()
    }

    /// Where a code is changed into tokens.
    pub(super) const fn token(&self) -> &TokenUrl {
        &self.token
    }

    /// Its public keys.
    pub(super) const fn keys(&self) -> &CoreJsonWebKeySet {
        &self.keys
    }

    /// Whether its answers always name it (RFC 9207).
    pub(super) fn names_itself(&self) -> bool {
        self.metadata.additional_metadata().authorization_response_iss_parameter_supported
    }

    /// Whether it takes our secret in the body only. When it does not say, it takes it in the
    /// header (Discovery 1.0, 3).
    pub(super) fn takes_secret_in_body(&self) -> bool {
        let methods = self.metadata.token_endpoint_auth_methods_supported();
        methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        })
    }
}

/// What is known of a provider, and since when not more.
#[derive(Default)]
struct Known {
    standing: Option<Arc<Standing>>,
    failed_at: Option<Instant>,
}

/// Asks a provider, at addresses that may be asked.
pub(super) struct Asker {
    client: Client,
    loopback: bool,
}

impl Asker {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, AskError> {
        let url = request.uri().to_string().parse().map_err(|_| AskError::Address)?;
        if !is_asked(&url, self.loopback) {
            return Err(AskError::Address);
        }
        let request: Request<Full<Bytes>> = request.map(|body| Full::new(Bytes::from(body)));
        Ok(self.client.ask(request).await?.map(|body| body.to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Asker {
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AskError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Where configuration and keys of one provider come from.
pub(super) struct Source {
    issuer: IssuerUrl,
    asker: Asker,
    /// Held while it is asked: those who come meanwhile take what the first has fetched.
    known: Mutex<Known>,
}

impl Source {
    pub(super) fn new(issuer: IssuerUrl, loopback: bool) -> Self {
        let bounds = Bounds { timeout: TIMEOUT, answer_bytes_max: ANSWER_BYTES_MAX };
        let client = Client::new(post::tls(), Reach::Named, bounds);
        Self { issuer, asker: Asker { client, loopback }, known: Mutex::default() }
    }

    /// What it is asked with.
    pub(super) const fn asker(&self) -> &Asker {
        &self.asker
    }

    /// How it stands: as is known, or as it says now.
    pub(super) async fn standing(&self, now: Instant) -> Result<Arc<Standing>, OpenidError> {
        let mut known = self.known.lock().await;
        if let Some(standing) = &known.standing
            && now < standing.fetched_at.plus_ms(KEPT_MS)
        {
            return Ok(Arc::clone(standing));
        }
        known.must_not_rest(now)?;
        let fetched = self.fetch(now).await;
        known.keep(fetched, now)
    }

    /// How it stands by the newest keys that may be had, after `seen` had not the right one.
    pub(super) async fn newer(
        &self,
        seen: &Arc<Standing>,
        now: Instant,
    ) -> Result<Arc<Standing>, OpenidError> {
        let mut known = self.known.lock().await;
        if let Some(standing) = &known.standing
            && (!Arc::ptr_eq(standing, seen)
                || now < standing.keys_fetched_at.plus_ms(KEYS_PAUSE_MS))
        {
            return Ok(Arc::clone(standing));
        }
        known.must_not_rest(now)?;
        let fetched = self.keys(seen.metadata.jwks_uri()).await.map(|keys| Standing {
            metadata: seen.metadata.clone(),
            token: seen.token.clone(),
            keys,
            fetched_at: seen.fetched_at,
            keys_fetched_at: now,
        });
        known.keep(fetched, now)
    }

    async fn fetch(&self, now: Instant) -> Result<Standing, OpenidError> {
        // It compares the issuer with the one that was asked, to the letter, and fetches the keys.
        let metadata = Metadata::discover_async(self.issuer.clone(), &self.asker).await;
        let metadata = metadata.map_err(told)?;
        let is_good = |url: &Url| is_asked(url, self.asker.loopback);
        let token = metadata.token_endpoint().cloned();
        let token = token.filter(|token| is_good(token.url()));
        let token = token.ok_or_else(|| unusable("token_endpoint must be there, by `https`"))?;
        if !is_good(metadata.authorization_endpoint().url()) {
            return Err(unusable("authorization_endpoint must be `https`"));
        }
        let keys = metadata.jwks().clone();
        Ok(Standing { metadata, token, keys, fetched_at: now, keys_fetched_at: now })
    }

    async fn keys(&self, url: &JsonWebKeySetUrl) -> Result<CoreJsonWebKeySet, OpenidError> {
        CoreJsonWebKeySet::fetch_async(url, &self.asker).await.map_err(told)
    }
}

impl Known {
    fn must_not_rest(&self, now: Instant) -> Result<(), OpenidError> {
        match self.failed_at {
            Some(at) if now < at.plus_ms(RESTING_MS) => Err(OpenidError::Resting),
            _ => Ok(()),
        }
    }

    fn keep(
        &mut self,
        fetched: Result<Standing, OpenidError>,
        now: Instant,
    ) -> Result<Arc<Standing>, OpenidError> {
        self.failed_at = fetched.is_err().then_some(now);
        let standing = Arc::new(fetched?);
        self.standing = Some(Arc::clone(&standing));
        Ok(standing)
    }
}

fn unusable(must: &str) -> OpenidError {
    OpenidError::Configuration(must.to_owned())
}

/// What went wrong, without what was answered.
fn told(error: DiscoveryError<AskError>) -> OpenidError {
    match error {
        DiscoveryError::Request(AskError::Address) => unusable(&AskError::Address.to_string()),
        DiscoveryError::Request(error) => OpenidError::Away(error.to_string()),
        DiscoveryError::Response(status, _, _) if !status.is_success() => {
            OpenidError::Away(format!("it answered with status {}", status.as_u16()))
        }
        DiscoveryError::Parse(error) => unusable(&error.to_string()),
        other => unusable(&other.to_string()),
    }
}

/// Without its content.
impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Source").field(&self.issuer).finish()
    }
}
