//! The acquirer's API, as Stripe publishes it: `PaymentIntents` that are captured by hand, Checkout
//! Sessions for new cards, refunds, disputes. A card's number never comes near us.
//!
//! Every call may fail in two ways, and they are never mixed up: the acquirer said no
//! ([`AcquirerError::Refused`]), or it has not said anything ([`AcquirerError::NoAnswer`]) and what
//! became of it must be asked.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request};
use openidconnect::url::form_urlencoded::Serializer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::money::Currency;
use yaoki_core::top_up::ThreeDSecure;

use super::options::AcquirerOptions;
use crate::edge::identifier::{self, Kind};
use crate::jobs::post::{self, Bounds, Client, Reach};

/// From the connection to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Under which a call that is made twice is done once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Why there is no answer to go on with.
#[derive(Debug, Error)]
pub enum AcquirerError {
    /// It did not answer, or not in a form that is known: what became of it must be asked.
    #[error("the acquirer has not answered: {0}")]
    NoAnswer(String),
    /// It said no, and nothing was done.
    #[error("the acquirer refused with {status}: {message}")]
    Refused {
        /// HTTP.
        status: u16,
        /// What it says.
        message: String,
    },
}

/// How a payment stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Made, without effect.
    Made,
    /// Its holder is asked, at this address.
    Asks(Option<String>),
    /// Under way.
    Processing,
    /// The money is held for us.
    Held(ThreeDSecure),
    /// The money is ours.
    Taken(ThreeDSecure),
    /// The issuer said no; it could be tried again, which we do not.
    Failed,
    /// It is over, and nothing was taken.
    Cancelled,
}

/// A payment there.
#[derive(Clone, Debug)]
pub struct Intent {
    /// What it is called there.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// How it stands.
    pub standing: Standing,
}

/// A card that was added there.
#[derive(Clone, Debug)]
pub struct SavedCard {
    /// Whose, as we said when it was begun.
    pub member: Option<i64>,
    /// On which device.
    pub device: Option<i64>,
    /// Nothing: it is not finished, or failed.
    pub card: Option<CardThere>,
}

/// What is known of it.
#[derive(Clone, Debug)]
pub struct CardThere {
    /// Customer and payment method, with a `/` between.
    pub token: String,
    /// The same for the same card.
    pub fingerprint: String,
    /// Such as "Visa 4242".
    pub label: String,
    /// What 3-D Secure said.
    pub secured: ThreeDSecure,
}

/// A dispute there.
#[derive(Clone, Debug, Deserialize)]
pub struct DisputeThere {
    /// What it is called there.
    pub id: String,
    /// Which payment.
    pub payment_intent: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// Such as `needs_response`, `won`.
    pub status: String,
}

/// Asks the acquirer.
pub struct Acquirer {
    options: AcquirerOptions,
    client: Client,
}

#[derive(Deserialize)]
struct IntentBody {
    id: String,
    amount: i64,
    #[serde(default)]
    amount_received: Option<i64>,
    status: String,
    #[serde(default)]
    next_action: Option<NextAction>,
    #[serde(default)]
    latest_charge: Option<Charge>,
    #[serde(default)]
    last_payment_error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct NextAction {
    #[serde(default)]
    redirect_to_url: Option<Redirect>,
}

#[derive(Deserialize)]
struct Redirect {
    url: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Charge {
    Whole {
        #[serde(default)]
        payment_method_details: Option<Details>,
    },
    Named(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    card: Option<DetailsOfCard>,
}

#[derive(Deserialize)]
struct DetailsOfCard {
    #[serde(default)]
    three_d_secure: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    authentication_flow: Option<String>,
    #[serde(default)]
    result: Option<String>,
}

impl Details {
    fn said(&self) -> ThreeDSecure {
        let said = self.card.as_ref().and_then(|card| card.three_d_secure.as_ref());
        let Some(said) = said else { return ThreeDSecure::Absent };
        match (said.result.as_deref(), said.authentication_flow.as_deref()) {
            (Some("authenticated"), Some("challenge")) => ThreeDSecure::Challenge,
            (Some("authenticated"), _) => ThreeDSecure::Frictionless,
            _ => ThreeDSecure::Absent,
        }
    }
}

impl IntentBody {
    fn read(self) -> Result<Intent, AcquirerError> {
        let said = match &self.latest_charge {
            Some(Charge::Whole { payment_method_details: Some(details) }) => details.said(),
            Some(Charge::Whole { .. } | Charge::Named(_)) | None => ThreeDSecure::Absent,
        };
        let failed = self.last_payment_error.as_ref().is_some_and(|error| !error.is_null());
        let standing = match self.status.as_str() {
            "requires_confirmation" if failed => Standing::Failed,
            "requires_confirmation" => Standing::Made,
            "requires_action" => {
                let redirect = self.next_action.and_then(|action| action.redirect_to_url);
                Standing::Asks(redirect.map(|redirect| redirect.url))
            }
            "processing" => Standing::Processing,
            "requires_capture" => Standing::Held(said),
            "succeeded" => Standing::Taken(said),
            "requires_payment_method" => Standing::Failed,
            "canceled" => Standing::Cancelled,
            other => {
                let text = format!("a payment stands {other:?}, which is not known");
                return Err(AcquirerError::NoAnswer(text));
            }
        };
        // What was taken may be less than what was asked for.
        let amount = match standing {
            Standing::Taken(_) => self.amount_received.unwrap_or(self.amount),
            _ => self.amount,
        };
        Ok(Intent { id: self.id, amount, standing })
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct SessionBody {
    id: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    customer: Option<String>,
    #[serde(default)]
    setup_intent: Option<SetupBody>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    member: Option<String>,
    #[serde(default)]
    device: Option<String>,
}

#[derive(Deserialize)]
struct SetupBody {
    status: String,
    #[serde(default)]
    payment_method: Option<MethodBody>,
    #[serde(default)]
    latest_attempt: Option<AttemptBody>,
}

#[derive(Deserialize)]
struct MethodBody {
    id: String,
    card: MethodCard,
}

#[derive(Deserialize)]
struct MethodCard {
    brand: String,
    last4: String,
    fingerprint: String,
}

#[derive(Deserialize)]
struct AttemptBody {
    #[serde(default)]
    payment_method_details: Option<Details>,
}

#[derive(Deserialize)]
struct ListBody<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct RefundBody {
    status: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorSaid,
}

#[derive(Deserialize)]
struct ErrorSaid {
    #[serde(default)]
    message: Option<String>,
}

impl Acquirer {
    /// Ready to ask.
    pub fn new(options: AcquirerOptions) -> Self {
        let bounds = Bounds { timeout: TIMEOUT, answer_bytes_max: ANSWER_BYTES_MAX };
        let client = Client::new(post::tls(), Reach::Named, bounds);
        Self { options, client }
    }

    /// The secret that signs what it tells us.
    pub fn webhook_secret(&self) -> &str {
        &self.options.webhook_secret
    }

    /// Makes a payment without effect. Called twice, the first is never confirmed.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn make(
        &self,
        top_up: FactId,
        (amount, currency): (i64, Currency),
        token: &str,
        challenge: bool,
    ) -> Result<Intent, AcquirerError> {
        let (customer, method) = token.split_once('/').unwrap_or(("", token));
        let amount = amount.to_string();
        let currency = currency.as_str().to_lowercase();
        let name = identifier::text(Kind::TopUp, top_up.0);
        let mut form = vec![
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("payment_method", method),
            ("capture_method", "manual"),
            ("payment_method_types[0]", "card"),
            ("metadata[top_up]", &name),
            (
                "payment_method_options[card][request_three_d_secure]",
                if challenge { "challenge" } else { "any" },
            ),
        ];
        if !customer.is_empty() {
            form.push(("customer", customer));
        }
        let key = format!("{name} make");
        let body: IntentBody = self.post("/v1/payment_intents", &form, &key).await?;
        body.read()
    }

    /// Asks the issuer for the money; its holder comes back to `return_url`.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn confirm(&self, intent: &str, return_url: &str) -> Result<(), AcquirerError> {
        let path = format!("/v1/payment_intents/{intent}/confirm");
        let form = [("return_url", return_url)];
        let said: Result<Named, _> = self.post(&path, &form, &format!("{intent} confirm")).await;
        said.map(drop)
    }

    /// How a payment stands.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn look(&self, intent: &str) -> Result<Intent, AcquirerError> {
        let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge");
        let body: IntentBody = self.get(&path).await?;
        body.read()
    }

    /// Takes the money that is held.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn capture(&self, intent: &str) -> Result<(), AcquirerError> {
        let path = format!("/v1/payment_intents/{intent}/capture");
        let said: Result<Named, _> = self.post(&path, &[], &format!("{intent} capture")).await;
        said.map(drop)
    }

    /// Lets go of a payment.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn cancel(&self, intent: &str) -> Result<(), AcquirerError> {
        let path = format!("/v1/payment_intents/{intent}/cancel");
        let said: Result<Named, _> = self.post(&path, &[], &format!("{intent} cancel")).await;
        said.map(drop)
    }

    /// Gives the money back, once; says whether it is on its way.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn give_back(&self, intent: &str) -> Result<bool, AcquirerError> {
        let good = |refund: &RefundBody| {
            let status = refund.status.as_deref();
            matches!(status, Some("succeeded" | "pending" | "requires_action"))
        };
        let path = format!("/v1/refunds?payment_intent={intent}");
        let there: ListBody<RefundBody> = self.get(&path).await?;
        if there.data.iter().any(good) {
            return Ok(true);
        }
        let form = [("payment_intent", intent)];
        let made: RefundBody =
            self.post("/v1/refunds", &form, &format!("{intent} give back")).await?;
        Ok(good(&made))
    }

    /// Begins to add a card: where its holder types it, and what the session is called.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn begin_card(
        &self,
        (member, device): (MemberNumber, FactId),
        currency: Currency,
        (success, cancel): (&str, &str),
    ) -> Result<(String, String), AcquirerError> {
        let member = member.0.to_string();
        let device = device.0.to_string();
        let customer: Named =
            self.post("/v1/customers", &[("metadata[member]", &member)], "").await?;
        let currency = currency.as_str().to_lowercase();
        let form = [
            ("mode", "setup"),
            ("currency", currency.as_str()),
            ("customer", &customer.id),
            ("payment_method_types[0]", "card"),
            ("payment_method_options[card][request_three_d_secure]", "challenge"),
            ("success_url", success),
            ("cancel_url", cancel),
            ("metadata[member]", &member),
            ("metadata[device]", &device),
        ];
        let session: SessionBody = self.post("/v1/checkout/sessions", &form, "").await?;
        let nowhere = || AcquirerError::NoAnswer("a session has no address".to_owned());
        Ok((session.id, session.url.ok_or_else(nowhere)?))
    }

    /// What became of a session.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn card_of(&self, session: &str) -> Result<SavedCard, AcquirerError> {
        let path = format!(
            "/v1/checkout/sessions/{session}?expand[]=setup_intent.payment_method\
             &expand[]=setup_intent.latest_attempt"
        );
        let body: SessionBody = self.get(&path).await?;
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let complete = body.status.as_deref() == Some("complete");
        let setup = body.setup_intent.filter(|setup| complete && setup.status == "succeeded");
        let card = setup.and_then(|setup| {
            let details = setup.latest_attempt.and_then(|attempt| attempt.payment_method_details);
            let method = setup.payment_method?;
            let customer = body.customer.as_deref().unwrap_or_default();
            Some(CardThere {
                token: format!("{customer}/{}", method.id),
                fingerprint: method.card.fingerprint,
                label: format!("{} {}", brand(&method.card.brand), method.card.last4),
                secured: details.map_or(ThreeDSecure::Absent, |details| details.said()),
            })
        });
        let (member, device) = (number(&body.metadata.member), number(&body.metadata.device));
        Ok(SavedCard { member, device, card })
    }

    /// A dispute as it is now: what a message says of it may be old.
    ///
    /// # Errors
    /// [`AcquirerError`].
    pub async fn dispute(&self, id: &str) -> Result<DisputeThere, AcquirerError> {
        self.get(&format!("/v1/disputes/{id}")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AcquirerError> {
        self.ask(Method::GET, path, String::new(), "").await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
        key: &str,
    ) -> Result<T, AcquirerError> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(Method::POST, path, body, key).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: String,
        key: &str,
    ) -> Result<T, AcquirerError> {
        let request = self.request(method, path, body, key)?;
        let answer = self.client.ask(request).await;
        let answer = answer.map_err(|error| AcquirerError::NoAnswer(error.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            let read = serde_json::from_slice(answer.body());
            return read.map_err(|error| AcquirerError::NoAnswer(error.to_string()));
        }
        let said: Option<ErrorBody> = serde_json::from_slice(answer.body()).ok();
        let message = said.and_then(|said| said.error.message).unwrap_or_default();
        // It may have been done all the same, or be tried again.
        let unclear = status.is_server_error() || status.as_u16() == 429 || status.as_u16() == 409;
        let status = status.as_u16();
        Err(if unclear {
            AcquirerError::NoAnswer(format!("{status} {message}"))
        } else {
            AcquirerError::Refused { status, message }
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: String,
        key: &str,
    ) -> Result<Request<Full<Bytes>>, AcquirerError> {
        let wrong = |what: &str| AcquirerError::NoAnswer(format!("{what} cannot be written"));
        let base = self.options.api.to_string();
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let secret = STANDARD.encode(format!("{}:", self.options.secret_key));
        let mut secret = HeaderValue::from_str(&format!("Basic {secret}"))
            .map_err(|_| wrong("the secret key"))?;
        secret.set_sensitive(true);
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| wrong("an address"))?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, secret);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if !key.is_empty() {
            let key = HeaderValue::from_str(key).map_err(|_| wrong("a key"))?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        Ok(request)
    }
}

/// A brand as people write it.
fn brand(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).filter(char::is_ascii).take(20).collect()
}
