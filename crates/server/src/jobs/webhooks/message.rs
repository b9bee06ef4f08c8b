//! An event as it is posted and listed, byte for byte the same, and its signature.
//!
//! Standard Webhooks: `webhook-id`, `webhook-timestamp` (Unix seconds of the sending) and
//! `webhook-signature`, `v1,` and the base64 of HMAC-SHA256 under the endpoint's secret over
//! `id.timestamp.body`; while a secret is replaced there is one signature a secret, separated by
//! spaces. A secret is shown as `whsec_` and the base64 of its 32 bytes.
//!
//! Nothing here names or numbers the member.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use ring::hmac;
use serde::Serialize;
use utoipa::ToSchema;
use yaoki_core::facts::OperationKind;
use yaoki_core::money::Currency;
use yaoki_core::time::{Instant, SECOND_MS};
use yaoki_core::webhook::Webhook;
use yaoki_store::read::events::MerchantEvent;

use crate::api::fields::request_id_text;
use crate::api::time;
use crate::edge::identifier::{self, Kind};
use crate::edge::keys::{KeyFile, Secret};

/// What a secret begins with when it is shown.
const SECRET_PREFIX: &str = "whsec_";
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Something that happened at a merchant's stores.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventAnswer<'a> {
    /// The event's identity, `evt_…`: the same however often it is sent.
    id: String,
    /// `payment.succeeded`, `payment.authorized`, `payment.captured`, `payment.voided`,
    /// `payment.expired`, `payment.reversed` or `refund.succeeded`.
    #[schema(example = "payment.succeeded")]
    r#type: &'static str,
    /// When it was booked.
    #[schema(format = "date-time")]
    timestamp: String,
    /// What happened.
    data: EventData<'a>,
}

/// What happened.
#[derive(Serialize, ToSchema)]
pub struct EventData<'a> {
    /// The payment, `pay_…`.
    payment: String,
    /// `refund.succeeded`: the refund, `ref_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<String>,
    /// What was asked: `pay`, `authorize`, `capture`, `void`, `expire`, `reverse` or `refund`.
    #[schema(example = "pay")]
    operation: &'static str,
    /// The register's own id of the request; none where a hold ended by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    request_id: Option<String>,
    /// Where, `sto_…`.
    store: String,
    /// The register, `trm_…`; where a hold ended by time, the one that asked for it.
    terminal: String,
    /// Minor units: paid, held, taken, given back or released.
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    currency: &'a str,
    /// When it was booked.
    #[schema(format = "date-time")]
    booked_at: String,
    /// The store's business date.
    #[schema(format = "date")]
    business_date: String,
    /// `payment.authorized`: until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
}

impl<'a> EventAnswer<'a> {
    /// Renders one event from the stored operation and its place.
    pub fn of(event: &MerchantEvent, currency: &'a Currency) -> Self {
        let operation = &event.operation;
        let booked_at = time::text(operation.id.at());
        let begins = operation.begins_payment();
        let payment = if begins { operation.id } else { operation.payment };
        let is_refund = operation.kind == OperationKind::Refund;
        let asked = operation.terminal.is_some();
        let data = EventData {
            payment: identifier::text(Kind::Payment, payment.0),
            refund: is_refund.then(|| identifier::text(Kind::Refund, operation.id.0)),
            operation: operation.kind.name(),
            request_id: asked.then(|| request_id_text(operation.request_id)),
            store: identifier::text(Kind::Store, event.store.0),
            terminal: identifier::text(Kind::Terminal, event.terminal.0),
            amount: operation.amount,
            currency: currency.as_str(),
            booked_at: booked_at.clone(),
            business_date: time::date(operation.business_date),
            hold_expires_at: (operation.expires_at.0 != 0)
                .then(|| time::text(operation.expires_at)),
        };
        let id = identifier::text(Kind::Event, operation.id.0);
        Self { id, r#type: event.kind.name(), timestamp: booked_at, data }
    }
}

/// An event that is ready to be posted.
#[derive(Clone, Debug)]
pub struct Message {
    /// `evt_…`.
    pub id: String,
    /// JSON.
    pub body: Bytes,
}

impl Message {
    /// What is posted about an event.
    pub fn of(event: &MerchantEvent, currency: &Currency) -> Self {
        let answer = EventAnswer::of(event, currency);
        let body = serde_json::to_vec(&answer).expect("texts and numbers have a form in JSON");
        Self { id: answer.id, body: Bytes::from(body) }
    }

    /// The headers of Standard Webhooks, signed now with each of `secrets`.
    pub fn headers(&self, secrets: &[Secret<32>], now: Instant) -> Vec<(HeaderName, HeaderValue)> {
        let timestamp = now.0.div_euclid(SECOND_MS);
        let signatures = secrets.iter().map(|secret| self.signature(secret.expose(), timestamp));
        let signatures = signatures.collect::<Vec<_>>().join(" ");
        let value = |text: &str| HeaderValue::from_str(text).expect("it is plain ASCII");
        vec![
            (ID, value(&self.id)),
            (TIMESTAMP, HeaderValue::from(timestamp)),
            (SIGNATURE, value(&signatures)),
        ]
    }

    /// One signature, with its version.
    fn signature(&self, secret: &[u8], timestamp: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{}.{timestamp}.", self.id).as_bytes());
        context.update(&self.body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// The secrets that sign for an endpoint at `now`, the newest first: of its own generations, and of
/// the root that they are derived from.
pub fn secrets(keys: &KeyFile, webhook: &Webhook, now: Instant) -> Vec<Secret<32>> {
    let number = webhook.number.0.cast_unsigned();
    let generations = webhook.generations(now);
    // A generation past u32 was never given out; such a row signs nothing.
    let generations = generations.filter_map(|generation| u32::try_from(generation).ok());
    generations
        .flat_map(|one| keys.webhook_secrets(number, one, now.0).collect::<Vec<_>>())
        .collect()
}

/// A secret as it is shown.
pub fn secret_text(secret: &Secret<32>) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.expose()))
}

/// Reads a secret as it is shown.
pub fn secret_from_text(text: &str) -> Option<Secret<32>> {
    let bytes = STANDARD.decode(text.strip_prefix(SECRET_PREFIX)?).ok()?;
    bytes.try_into().ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that Standard Webhooks and its libraries publish.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let message = Message {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            body: Bytes::from_static(b"{\"test\": 2432232314}"),
        };
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(message.signature(&secret, 1_614_265_330), signature);
    }

    #[test]
    fn a_secret_is_read_as_it_is_shown() {
        let secret = Secret::new([7; 32]);
        assert_eq!(secret_from_text(&secret_text(&secret)), Some(secret));
        for wrong in ["", "whsec_", "whsec_AAAA", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="] {
            assert_eq!(secret_from_text(wrong), None, "{wrong}");
        }
    }
}
