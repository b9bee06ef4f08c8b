//! One provider, as an operator names it.

use std::sync::Arc;

use openidconnect::core::CoreJwsSigningAlgorithm;
use openidconnect::{ClientId, ClientSecret, IssuerUrl};

use super::{Provider, is_asked};

/// The longest name, characters.
pub const NAME_CHARS_MAX: usize = 32;
/// The longest text that members are shown, characters.
pub const SHOWN_CHARS_MAX: usize = 40;
/// The most providers.
pub const PROVIDERS_MAX: usize = 16;

/// How an ID token may be signed. There is no `none`, and no HMAC: its key would be one that both
/// sides can sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// RSA, PKCS #1 1.5, with SHA-256.
    Rs256,
    /// RSA, PSS, with SHA-256.
    Ps256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm: what is allowed when nobody says.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// As it is called in JOSE (RFC 7518, RFC 8037).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) const fn core(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            Self::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

/// One provider.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    /// What we call it: in addresses, switches and logs. It stays for ever.
    pub name: String,
    /// What members are shown.
    pub shown: String,
    /// Its issuer, to the letter as it stands in its tokens.
    pub issuer: IssuerUrl,
    /// What it calls us.
    pub client_id: ClientId,
    /// What we show it. Not shown by `Debug`.
    pub client_secret: ClientSecret,
    /// How its ID tokens may be signed.
    pub algorithms: Vec<Algorithm>,
}

impl ProviderOptions {
    /// A provider with these parts, and every algorithm.
    ///
    /// # Errors
    /// When the issuer is no URL.
    pub fn new(name: &str, issuer: &str, client: (&str, &str)) -> Result<Self, String> {
        let (client_id, client_secret) = client;
        Ok(Self {
            name: name.to_owned(),
            shown: name.to_owned(),
            issuer: IssuerUrl::new(issuer.to_owned())
                .map_err(|_| format!("the issuer of {name} must be a URL"))?,
            client_id: ClientId::new(client_id.to_owned()),
            client_secret: ClientSecret::new(client_secret.to_owned()),
            algorithms: Algorithm::ALL.to_vec(),
        })
    }

    /// Checks what must hold.
    ///
    /// # Errors
    /// What must hold, and does not.
    pub(super) fn check(&self, loopback: bool) -> Result<(), String> {
        let name = &self.name;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_named = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(plain);
        let is_shown = (1..=SHOWN_CHARS_MAX).contains(&self.shown.chars().count())
            && !self.shown.chars().any(char::is_control);
        let url = self.issuer.url();
        let rules = [
            (is_named, "name must have 1 to 32 small letters, digits and hyphens"),
            (is_shown, "shown must have 1 to 40 characters"),
            (
                is_asked(url, loopback) && url.query().is_none(),
                "issuer must be `https` without user, query and fragment; a book that is not live \
                 takes `http` to this machine",
            ),
            (!self.client_id.is_empty(), "client_id must not be empty"),
            (!self.client_secret.secret().is_empty(), "the client secret must not be empty"),
            (!self.algorithms.is_empty(), "algorithms must not be empty"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, must)) => Err(format!("the provider {name:?}: its {must}")),
            None => Ok(()),
        }
    }
}

/// Every provider of a server.
#[derive(Debug, Default)]
pub struct Providers(Vec<Arc<Provider>>);

impl Providers {
    /// These providers. `loopback` as for [`Provider::new`].
    ///
    /// # Errors
    /// What must hold of them, and does not.
    pub fn new(options: Vec<ProviderOptions>, loopback: bool) -> Result<Self, String> {
        if options.len() > PROVIDERS_MAX {
            return Err(format!("there must be at most {PROVIDERS_MAX} providers"));
        }
        for (place, one) in options.iter().enumerate() {
            let others = &options[..place];
            if others.iter().any(|other| other.name == one.name || other.issuer == one.issuer) {
                return Err(format!("name and issuer of {:?} must be its own", one.name));
            }
        }
        let all = options.into_iter().map(|one| Provider::new(one, loopback).map(Arc::new));
        all.collect::<Result<_, _>>().map(Self)
    }

    /// The provider of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Provider>> {
        self.iter().find(|provider| provider.options().name == name)
    }

    /// All of them, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, issuer: &str) -> ProviderOptions {
        ProviderOptions::new(name, issuer, ("yaoki", "secret")).expect("a URL")
    }

    #[test]
    fn a_provider_is_refused_with_what_must_hold() {
        let good = one("id", "https://id.example");
        assert_eq!(good.check(false), Ok(()));
        let wrong = [
            (ProviderOptions { name: "Id".to_owned(), ..good.clone() }, "name must"),
            (ProviderOptions { shown: String::new(), ..good.clone() }, "shown must"),
            (one("id", "http://id.example"), "issuer must"),
            (one("id", "https://id.example?x=1"), "issuer must"),
            (one("id", "http://127.0.0.1:8080"), "issuer must"),
            (ProviderOptions { algorithms: Vec::new(), ..good.clone() }, "algorithms must"),
        ];
        for (options, must) in wrong {
            let refused = options.check(false).expect_err(must);
            assert!(refused.contains(must), "{refused}");
        }
        assert_eq!(one("id", "http://127.0.0.1:8080").check(true), Ok(()));
    }

    #[test]
    fn two_providers_have_two_names_and_two_issuers() {
        let (a, b) = (one("a", "https://a.example"), one("b", "https://b.example"));
        let both = Providers::new(vec![a.clone(), b], false).expect("two");
        assert_eq!(both.iter().count(), 2);
        assert!(both.find("b").is_some() && both.find("c").is_none());
        for other in [one("a", "https://c.example"), one("c", "https://a.example")] {
            Providers::new(vec![a.clone(), other], false).expect_err("one is there twice");
        }
    }

    #[test]
    fn neither_none_nor_a_shared_secret_signs() {
        for name in ["none", "HS256", "HS512", "es256", "ES384", ""] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
        assert_eq!(Algorithm::named("EdDSA"), Some(Algorithm::EdDsa));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let options = ProviderOptions::new("a", "https://a.example", ("yaoki", "hunter2"));
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
