//! SMS through an adapter: a small program of the operator's that speaks to whichever company
//! sends them.
//!
//! One POST a message: JSON `{"to", "text", "id"}`, signed as our webhooks are (Standard Webhooks)
//! under a secret that both have. 2xx: it is taken. 400 or 422: this number never gets it. Anything
//! else, and silence: it is posted again, with the same `id`. The contract is in
//! `docs/guides/messages.md`.
//!
//! The operator has named the adapter: any address by `https`, this machine by `http`.

use std::sync::Arc;
use std::time::Duration;

pub use hyper::Uri;
use hyper::body::Bytes;
use serde::Serialize;
use yaoki_core::message::Message;
use yaoki_core::time::Instant;
use yaoki_core::webhook::url_is_good;

use super::Delivery;
use crate::edge::hex;
use crate::edge::keys::Secret;
use crate::jobs::post::{Bounds, Client, Reach};
use crate::jobs::webhooks::ANSWER_BYTES_MAX;
use crate::jobs::webhooks::message::Message as Posted;

/// How SMS go out.
#[derive(Clone, Debug)]
pub struct SmsOptions {
    /// The adapter.
    pub url: Uri,
    /// What signs.
    pub secret: Secret<32>,
    /// Whom TLS trusts.
    pub tls: Arc<rustls::ClientConfig>,
}

impl SmsOptions {
    /// An adapter whose certificate is by one of the usual authorities.
    pub fn new(url: Uri, secret: Secret<32>) -> Self {
        Self { url, secret, tls: crate::jobs::post::tls() }
    }
}

/// What an adapter's URL may be.
pub const ADAPTER_URL: &str =
    "`https://HOST/PATH`, or `http://127.0.0.1:PORT/PATH` on this machine";

/// The URL of an adapter.
///
/// # Errors
/// What it may be.
pub fn adapter_url(text: &str) -> Result<Uri, String> {
    let good = url_is_good(text, true).then(|| text.parse().ok()).flatten();
    good.ok_or_else(|| ADAPTER_URL.to_owned())
}

/// What is posted.
#[derive(Serialize)]
struct Sms<'a> {
    /// E.164, `+819012345678`.
    to: &'a str,
    /// What is said.
    text: &'a str,
    /// The same however often it is posted.
    id: &'a str,
}

/// Posts SMS.
#[derive(Clone)]
pub(super) struct Texter {
    client: Client,
    url: Uri,
    secret: Secret<32>,
}

impl Texter {
    pub(super) fn new(options: &SmsOptions, timeout: Duration) -> Self {
        let bounds = Bounds { timeout, answer_bytes_max: ANSWER_BYTES_MAX };
        let client = Client::new(Arc::clone(&options.tls), Reach::Named, bounds);
        Self { client, url: options.url.clone(), secret: options.secret.clone() }
    }

    pub(super) async fn send(&self, text: &str, message: &Message, now: Instant) -> Delivery {
        let id = format!("msg_{}", hex::text(&message.key));
        let sms = Sms { to: &message.address.0, text, id: &id };
        let body = serde_json::to_vec(&sms).expect("texts have a form in JSON");
        let posted = Posted { id, body: Bytes::from(body) };
        let headers = posted.headers(std::slice::from_ref(&self.secret), now);
        match self.client.post(&self.url, &mut None, headers, posted.body).await {
            Ok(status) => delivery_of(status),
            Err(error) => Delivery::Unreachable(format!("the SMS adapter: {error}")),
        }
    }
}

fn delivery_of(status: u16) -> Delivery {
    let why = format!("the SMS adapter answered {status}");
    match status {
        200..300 => Delivery::Taken,
        400 | 422 => Delivery::Refused(why),
        429 => Delivery::Later(why),
        _ => Delivery::Unreachable(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_that_never_gets_it_is_given_up() {
        assert_eq!(delivery_of(204), Delivery::Taken);
        for status in 100..600 {
            let given_up = matches!(delivery_of(status), Delivery::Refused(_));
            assert_eq!(given_up, [400, 422].contains(&status), "{status}");
        }
    }

    #[test]
    fn an_adapter_is_reached_by_https_or_on_this_machine() {
        assert!(adapter_url("https://sms.example/send").is_ok());
        assert!(adapter_url("http://127.0.0.1:9000/send").is_ok());
        assert!(adapter_url("http://sms.example/send").is_err());
    }
}
