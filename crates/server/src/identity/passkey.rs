//! Passkeys (WebAuthn, W3C Level 3): registered, and asked for.
//!
//! ```text
//! start  -> options for the browser, and a ceremony: what the server must know again, sealed
//! finish <- the browser's answer, and the ceremony
//! ```
//!
//! The server keeps nothing in between. A ceremony opens for [`LIFETIME_MS`], for whoever it was
//! given to and for what it was begun: the thumbprint of the asking browser's key and the name of
//! the act are part of its seal. It can be finished more than once, as any signed text can, so the
//! caller remembers [`Once::mark`] until [`Once::until_ms`] and refuses what it remembers: each
//! node in its own memory. On another node the same answer is worth nothing without the browser's
//! key, and the counter, where the passkey has one, must be larger than the last that was booked.
//!
//! Asked of every passkey: that it can be found without a name (a discoverable credential), that it
//! verifies its user, and no attestation. Refused beside what WebAuthn asks: a counter that does
//! not rise, a passkey of someone else, and one that lacks its user's handle where no name was
//! given.
//!
//! Options are in the forms that `PublicKeyCredential.parseCreationOptionsFromJSON` and
//! `parseRequestOptionsFromJSON` read, answers in the one that `toJSON` writes.
//!
//! The challenge is chance of `webauthn-rs`, which takes it from nobody; the nonce of the seal is
//! an argument.
//!
//! Limits: an origin whose host is a name, not an address, since a relying party's id is a name
//! (5.1.2 of the standard). Not here: which model a passkey is; attestation is not asked for, and
//! without it the model is hearsay.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, WebauthnBuilder, WebauthnError,
};

use super::seal::{NONCE_BYTES, Purpose, Sealer};
use crate::edge::deadline::milliseconds;

/// How long a ceremony may take, in milliseconds: what WebAuthn recommends (15.1), and what the
/// browser is told.
pub const LIFETIME_MS: i64 = 300_000;

/// The most passkeys of one person; more would not fit into what a browser is sent.
pub const PASSKEYS_MAX: usize = 20;

/// What a mark is derived for.
const MARK_LABEL: &str = "yaoki passkey ceremony 1";

/// What a credential's digest is derived for.
const CREDENTIAL_LABEL: &str = "yaoki passkey credential 1";

/// The number that a person is known by to his passkeys: of chance, his own for ever, and telling
/// nothing (14.6.1 of the standard).
pub type Handle = [u8; 16];

/// Why a passkey was not registered or not accepted. No text holds an answer or a secret.
#[derive(Debug, Error)]
pub enum PasskeyError {
    /// The relying party cannot be one.
    #[error(
        "passkeys need a name such as `pay.example.jp` and the origins of its pages, such as \
         `https://pay.example.jp`; {0:?} is none, or of another name"
    )]
    Origin(String),
    /// Nobody can be asked.
    #[error("there must be a passkey to ask for")]
    NoPasskey,
    /// More than [`PASSKEYS_MAX`].
    #[error("one person has at most {PASSKEYS_MAX} passkeys")]
    TooMany,
    /// No ceremony of ours, or begun by another browser, for another act or under a key that is
    /// gone.
    #[error("a passkey is asked for and answered by the same browser, for the same purpose")]
    Ceremony,
    /// The ceremony's time is over.
    #[error("a passkey must be used within {} minutes of being asked for", LIFETIME_MS / 60_000)]
    Over,
    /// Not what a browser answers.
    #[error("the answer must be the one that a browser gives, as its `toJSON` writes it")]
    Answer,
    /// A passkey of another person, or one that is not kept here.
    #[error("the passkey must be one of the person who is asked for")]
    OtherPasskey,
    /// The authenticator did not verify its user.
    #[error("a passkey must verify its user, by a fingerprint, a face or a code")]
    Unverified,
    /// The counter did not rise.
    #[error("the counter of a passkey must rise; this one may have been copied")]
    CounterWentBack,
    /// What is kept cannot be read.
    #[error("a kept passkey must be readable; this is of another release, or damaged")]
    Kept,
    /// Anything else that the standard refuses.
    #[error("a passkey must be made and used as WebAuthn says")]
    Refused(#[source] WebauthnError),
}

impl From<WebauthnError> for PasskeyError {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::UserNotVerified => Self::Unverified,
            WebauthnError::CredentialPossibleCompromise => Self::CounterWentBack,
            WebauthnError::CredentialNotFound => Self::OtherPasskey,
            other => Self::Refused(other),
        }
    }
}

/// What a ceremony is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Seals and opens it.
    pub sealer: Sealer<'a>,
    /// What it is for, such as `member sign in`: finished for anything else it does not open.
    pub act: &'static str,
    /// Thumbprint of the asking browser's key.
    pub browser: &'a [u8; 32],
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// Whose passkey is made.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// His number.
    pub handle: &'a Handle,
    /// What he calls his account, such as his address: shown by his authenticator.
    pub name: &'a str,
    /// His name.
    pub display_name: &'a str,
}

/// A ceremony begun.
#[derive(Clone, Debug)]
pub struct Started {
    /// For the browser: `PublicKeyCredentialCreationOptionsJSON` or
    /// `PublicKeyCredentialRequestOptionsJSON`.
    pub options: Value,
    /// For the browser to give back, unread.
    pub ceremony: String,
}

/// What makes a finished ceremony count once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// The ceremony's digest: remembered by the caller, refused when it comes again.
    pub mark: [u8; 32],
    /// The first moment, in Unix milliseconds, at which the ceremony is over and the mark can be
    /// forgotten.
    pub until_ms: i64,
}

/// A passkey that was registered.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What it is found by.
    pub credential_id_digest: [u8; 32],
    /// What is kept of it: its public half, its id, its counter. It opens nothing, but the id is
    /// told to nobody else.
    pub kept: Vec<u8>,
    /// It is held by a service that copies it to other devices, at this moment.
    pub backed_up: bool,
    /// The ceremony.
    pub once: Once,
}

/// What an answer says before it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which passkey.
    pub credential_id_digest: [u8; 32],
    /// Whose, if it says so.
    pub handle: Option<Handle>,
}

/// A passkey that signed.
#[derive(Clone, Debug)]
pub struct Asserted {
    /// Which.
    pub credential_id_digest: [u8; 32],
    /// It verified its user; never false, since it is refused otherwise.
    pub user_verified: bool,
    /// It is held by a service that copies it to other devices, at this moment.
    pub backed_up: bool,
    /// Its counter; 0 if it has none.
    pub counter: u32,
    /// What is to be kept from now on, if that changed.
    pub kept: Option<Vec<u8>>,
    /// The ceremony.
    pub once: Once,
}

/// A name that passkeys are made for, and the pages that may ask for them.
#[derive(Clone, Debug)]
pub struct Relying {
    webauthn: Webauthn,
}

/// What of a ceremony is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed<S> {
    until_ms: i64,
    /// Whose passkey it has to be; none: anybody's who says so.
    handle: Option<Handle>,
    state: S,
}

impl Relying {
    /// `id` is the name, which can never change without losing every passkey; `name` is shown by
    /// authenticators; `origins` are the pages' own, scheme, host and port, exactly.
    ///
    /// # Errors
    /// [`PasskeyError::Origin`] for one that is not below `id`, not an origin alone, or neither
    /// `https` nor on `localhost`.
    pub fn new(id: &str, name: &str, origins: &[String]) -> Result<Self, PasskeyError> {
        let mut read = Vec::with_capacity(origins.len());
        for origin in origins {
            read.push(own_origin(id, origin)?);
        }
        let (first, rest) =
            read.split_first().ok_or_else(|| PasskeyError::Origin(String::new()))?;
        let mut builder = WebauthnBuilder::new(id, first)?.rp_name(name);
        builder = builder.timeout(milliseconds(LIFETIME_MS));
        for origin in rest {
            builder = builder.append_allowed_origin(origin);
        }
        Ok(Self { webauthn: builder.build()? })
    }

    /// Begins the registration of a passkey. `existing` are what is kept of the owner's others: an
    /// authenticator that has one of them refuses to make a second.
    ///
    /// # Errors
    /// [`PasskeyError::TooMany`], [`PasskeyError::Kept`].
    pub fn start_registration(
        &self,
        asking: &Asking<'_>,
        nonce: [u8; NONCE_BYTES],
        owner: &Owner<'_>,
        existing: &[&[u8]],
    ) -> Result<Started, PasskeyError> {
        if existing.len() >= PASSKEYS_MAX {
            return Err(PasskeyError::TooMany);
        }
        let existing = read_all(existing)?.into_iter().map(|passkey| passkey.cred_id).collect();
        let (options, state) = self.webauthn.start_passkey_registration(
            Uuid::from_bytes(*owner.handle),
            owner.name,
            owner.display_name,
            Some(existing),
        )?;
        let mut options = json(&options.public_key);
        // `webauthn-rs` asks for no discoverable credential, to spare the room in security keys;
        // without one nobody signs in without a name.
        options["authenticatorSelection"]["residentKey"] = json!("required");
        options["authenticatorSelection"]["requireResidentKey"] = json!(true);
        let handle = Some(*owner.handle);
        let ceremony = close(asking, nonce, Purpose::PasskeyRegistration, (handle, &state));
        Ok(Started { options, ceremony })
    }

    /// Finishes the registration of a passkey of the person with this handle.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn finish_registration(
        &self,
        asking: &Asking<'_>,
        handle: &Handle,
        ceremony: &str,
        answer: &Value,
    ) -> Result<NewPasskey, PasskeyError> {
        let (sealed, once) =
            open::<PasskeyRegistration>(asking, Purpose::PasskeyRegistration, ceremony)?;
        if sealed.handle != Some(*handle) {
            return Err(PasskeyError::Ceremony);
        }
        let answer =
            RegisterPublicKeyCredential::deserialize(answer).map_err(|_| PasskeyError::Answer)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &sealed.state)?;
        let kept = bytes(&passkey);
        let credential = Credential::from(passkey);
        Ok(NewPasskey {
            credential_id_digest: digest(&credential.cred_id),
            kept,
            backed_up: credential.backup_state,
            once,
        })
    }

    /// Asks for any passkey of this relying party: who signs in says so by it.
    ///
    /// # Errors
    /// [`PasskeyError::Refused`], which does not happen.
    pub fn start_sign_in(
        &self,
        asking: &Asking<'_>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Started, PasskeyError> {
        self.start_assertion(asking, nonce, None, &[])
    }

    /// Asks one person, by his handle, for one of his passkeys, of which `known` are what is kept.
    ///
    /// # Errors
    /// [`PasskeyError::NoPasskey`] when `known` is empty; [`PasskeyError::Kept`].
    pub fn start_proof(
        &self,
        asking: &Asking<'_>,
        nonce: [u8; NONCE_BYTES],
        handle: &Handle,
        known: &[&[u8]],
    ) -> Result<Started, PasskeyError> {
        if known.is_empty() {
            return Err(PasskeyError::NoPasskey);
        }
        self.start_assertion(asking, nonce, Some(*handle), known)
    }

    fn start_assertion(
        &self,
        asking: &Asking<'_>,
        nonce: [u8; NONCE_BYTES],
        handle: Option<Handle>,
        known: &[&[u8]],
    ) -> Result<Started, PasskeyError> {
        // The list is told to the browser only. What an answer is checked against is what is kept
        // when it comes: a passkey that was removed in between signs nothing.
        let (options, state) = self.webauthn.start_discoverable_authentication()?;
        let mut options = json(&options.public_key);
        let allowed = read_all(known)?.into_iter().map(|passkey| {
            let id = URL_SAFE_NO_PAD.encode(&passkey.cred_id);
            match passkey.transports {
                Some(transports) => {
                    json!({ "type": "public-key", "id": id, "transports": transports })
                }
                None => json!({ "type": "public-key", "id": id }),
            }
        });
        options["allowCredentials"] = allowed.collect();
        let ceremony = close(asking, nonce, Purpose::PasskeyAssertion, (handle, &state));
        Ok(Started { options, ceremony })
    }

    /// Finishes either, with what is kept of the passkey that the answer [claims](claimed) and the
    /// handle of the person whose it is.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn finish_assertion(
        &self,
        asking: &Asking<'_>,
        ceremony: &str,
        answer: &Value,
        owner: &Handle,
        kept: &[u8],
    ) -> Result<Asserted, PasskeyError> {
        let (sealed, once) =
            open::<DiscoverableAuthentication>(asking, Purpose::PasskeyAssertion, ceremony)?;
        let said = claimed(answer)?.handle;
        // The standard (7.2, step 6): one who was asked by name may leave his handle out, one who
        // was not may not.
        let is_owner = said.is_none_or(|said| said == *owner)
            && sealed.handle.or(said).is_some_and(|asked| asked == *owner);
        if !is_owner {
            return Err(PasskeyError::OtherPasskey);
        }
        let answer = PublicKeyCredential::deserialize(answer).map_err(|_| PasskeyError::Answer)?;
        let mut passkey = read(kept)?;
        let result =
            self.webauthn.finish_discoverable_authentication_v2(&answer, sealed.state, &passkey)?;
        if !result.user_verified() {
            return Err(PasskeyError::Unverified);
        }
        let changed = passkey.update_credential(&result).ok_or(PasskeyError::OtherPasskey)?;
        Ok(Asserted {
            credential_id_digest: digest(result.cred_id()),
            user_verified: result.user_verified(),
            backed_up: result.backup_state(),
            counter: result.counter(),
            kept: changed.then(|| bytes(&passkey)),
            once,
        })
    }
}

/// Which passkey an answer claims to be of: by it the caller finds what is kept.
///
/// # Errors
/// [`PasskeyError::Answer`].
pub fn claimed(answer: &Value) -> Result<Claimed, PasskeyError> {
    let answer = PublicKeyCredential::deserialize(answer).map_err(|_| PasskeyError::Answer)?;
    let handle = match answer.get_user_unique_id() {
        // A browser may write an absent handle as an empty one.
        None | Some([]) => None,
        Some(handle) => Some(handle.try_into().map_err(|_| PasskeyError::OtherPasskey)?),
    };
    Ok(Claimed { credential_id_digest: digest(answer.get_credential_id()), handle })
}

fn own_origin(id: &str, text: &str) -> Result<Url, PasskeyError> {
    let wrong = || PasskeyError::Origin(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_secure = match url.scheme() {
        "https" => true,
        // Browsers count it as secure, and no other host without TLS.
        "http" => url.domain() == Some("localhost"),
        _ => false,
    };
    let is_origin = url.as_str().trim_end_matches('/') == url.origin().ascii_serialization();
    let is_below = WebauthnBuilder::new(id, &url).is_ok();
    if is_secure && is_origin && is_below { Ok(url) } else { Err(wrong()) }
}

fn close<S: Serialize>(
    asking: &Asking<'_>,
    nonce: [u8; NONCE_BYTES],
    purpose: Purpose,
    (handle, state): (Option<Handle>, &S),
) -> String {
    let until_ms = asking.now_ms.saturating_add(LIFETIME_MS);
    let plain = bytes(&Sealed { until_ms, handle, state });
    URL_SAFE_NO_PAD.encode(asking.sealer.seal(purpose, &row(asking), nonce, &plain))
}

fn open<S: DeserializeOwned>(
    asking: &Asking<'_>,
    purpose: Purpose,
    ceremony: &str,
) -> Result<(Sealed<S>, Once), PasskeyError> {
    let sealed = URL_SAFE_NO_PAD.decode(ceremony).map_err(|_| PasskeyError::Ceremony)?;
    let plain = asking.sealer.open(purpose, &row(asking), &sealed);
    let plain = plain.map_err(|_| PasskeyError::Ceremony)?;
    // Ours, but of another release.
    let opened: Sealed<S> = serde_json::from_slice(&plain).map_err(|_| PasskeyError::Ceremony)?;
    if asking.now_ms >= opened.until_ms {
        return Err(PasskeyError::Over);
    }
    let once = Once { mark: blake3::derive_key(MARK_LABEL, &sealed), until_ms: opened.until_ms };
    Ok((opened, once))
}

/// The thumbprint has a fixed length, so what follows it cannot run into it.
fn row(asking: &Asking<'_>) -> Vec<u8> {
    [asking.browser.as_slice(), asking.act.as_bytes()].concat()
}

/// What is kept of a passkey behind the number of whoever has it; [`parted`] takes them apart.
pub fn together(handle: &Handle, kept: &[u8]) -> Vec<u8> {
    [handle.as_slice(), kept].concat()
}

/// The number of whoever has it, and the passkey.
///
/// # Errors
/// [`PasskeyError::Kept`]: it is shorter than a number.
pub fn parted(secret: &[u8]) -> Result<(Handle, &[u8]), PasskeyError> {
    let (handle, kept) = secret.split_first_chunk().ok_or(PasskeyError::Kept)?;
    Ok((*handle, kept))
}

/// The passkeys, out of what is kept.
///
/// # Errors
/// [`PasskeyError::Kept`].
pub fn known<'a>(
    secrets: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<&'a [u8]>, PasskeyError> {
    secrets.into_iter().map(|secret| parted(secret).map(|(_, kept)| kept)).collect()
}

/// The number of whoever has no passkey yet, out of a keyed digest that is his alone.
pub fn handle_from(digest: &[u8; 32]) -> Handle {
    *digest.first_chunk().expect("a digest is longer")
}

fn read(kept: &[u8]) -> Result<Passkey, PasskeyError> {
    serde_json::from_slice(kept).map_err(|_| PasskeyError::Kept)
}

fn read_all(kept: &[&[u8]]) -> Result<Vec<Credential>, PasskeyError> {
    kept.iter().map(|kept| read(kept).map(Credential::from)).collect()
}

fn digest(credential_id: &[u8]) -> [u8; 32] {
    blake3::derive_key(CREDENTIAL_LABEL, credential_id)
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("options of WebAuthn are always JSON")
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("passkeys and ceremonies are always JSON")
}

#[cfg(test)]
mod authenticator;
#[cfg(test)]
mod tests;
