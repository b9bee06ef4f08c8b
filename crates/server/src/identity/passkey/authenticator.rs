//! A person's authenticator and the browser in front of it: makes a passkey and uses it. For tests,
//! of this library and of the running server.

use async_trait::async_trait;
use passkey::authenticator::{Authenticator as Device, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey as Held;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use webauthn_rs::prelude::Url;

/// Whoever holds the authenticator.
#[derive(Clone, Copy)]
struct Holder {
    verifies: bool,
}

#[async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Held;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Held>,
        presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification: self.verifies })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// An authenticator that holds at most one passkey, in a browser that shows a page.
#[derive(Clone)]
pub(crate) struct Authenticator {
    /// The passkey.
    pub(crate) held: Option<Held>,
    /// Whether its holder shows that it is he.
    pub(crate) verifies: bool,
    /// Where the page is that the browser shows.
    pub(crate) origin: String,
}

impl Authenticator {
    /// One that holds nothing.
    pub(crate) fn at(origin: impl Into<String>) -> Self {
        Self { held: None, verifies: true, origin: origin.into() }
    }

    /// Makes a passkey, and forgets the one before.
    pub(crate) async fn make(&mut self, options: &Value) -> Option<Value> {
        let request: CredentialCreationOptions = read(options);
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let answer = client.register(&self.url(), request, DefaultClientData).await.ok()?;
        self.held.clone_from(client.authenticator().store());
        Some(json!(answer))
    }

    /// Uses the passkey.
    pub(crate) async fn sign(&mut self, options: &Value) -> Option<Value> {
        let request: CredentialRequestOptions = read(options);
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let answer = client.authenticate(&self.url(), request, DefaultClientData).await.ok()?;
        self.held.clone_from(client.authenticator().store());
        Some(json!(answer))
    }

    fn device(&self) -> Device<Option<Held>, Holder, RustCryptoBackend> {
        let holder = Holder { verifies: self.verifies };
        let (held, id) = (self.held.clone(), Aaguid::new_empty());
        let mut device = Device::new(id, held, holder, RustCryptoBackend);
        device.set_make_credentials_with_signature_counter(true);
        device
    }

    fn url(&self) -> Url {
        Url::parse(&self.origin).expect("an origin")
    }
}

fn read<T: DeserializeOwned>(options: &Value) -> T {
    serde_json::from_value(json!({ "publicKey": options })).expect("a browser reads them")
}
