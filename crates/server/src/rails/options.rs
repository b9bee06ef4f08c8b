//! Who takes cards for us, as an operator names him.

use hyper::Uri;

/// Which acquirer, and how it knows us.
#[derive(Clone)]
pub struct AcquirerOptions {
    /// Where its API is: `https`, or `http` on this machine.
    pub api: Uri,
    /// The secret key of our account.
    pub secret_key: String,
    /// The secret that signs what it tells us.
    pub webhook_secret: String,
    /// Whether it is for play: a live book refuses it.
    pub demo: bool,
}

impl AcquirerOptions {
    /// A real acquirer.
    ///
    /// # Errors
    /// Says what must hold.
    pub fn new(
        api: &str,
        secret_key: String,
        webhook_secret: String,
    ) -> Result<Self, &'static str> {
        let must = "api must be an https URL, or http on this machine";
        let api: Uri = api.parse().map_err(|_| must)?;
        let here = ["127.0.0.1", "localhost", "[::1]"].contains(&api.host().unwrap_or_default());
        if api.scheme_str() != Some("https") && !(here && api.scheme_str() == Some("http")) {
            return Err(must);
        }
        let plain =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(&secret_key) || !plain(&webhook_secret) {
            return Err("secret_key and webhook_secret must be given, as the acquirer shows them");
        }
        let theirs = api.host().is_some_and(|host| host.ends_with("stripe.com"));
        let ours = secret_key.starts_with("sk_") || secret_key.starts_with("rk_");
        if theirs && !(ours && webhook_secret.starts_with("whsec_")) {
            return Err("secret_key begins with sk_ or rk_, and webhook_secret with whsec_");
        }
        Ok(Self { api, secret_key, webhook_secret, demo: false })
    }

    /// Whether no real money moves there: the demo's, a test key, or one that is on this machine.
    pub fn is_for_play(&self) -> bool {
        let test = ["sk_test_", "rk_test_"].iter().any(|test| self.secret_key.starts_with(test));
        self.demo || test || self.api.scheme_str() != Some("https")
    }
}

impl std::fmt::Debug for AcquirerOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "AcquirerOptions({})", self.api)
    }
}
