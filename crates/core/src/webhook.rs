//! Webhooks: where a merchant is told of what happened at its stores, and what is told.
//!
//! There is no row an event: an event is an operation of the ledger, seen by its merchant
//! ([`EventType::of`]). An endpoint is a derived row, folded from events of operators.
//!
//! Limits: [`WEBHOOKS_PER_MERCHANT_MAX`] endpoints in use, URLs of [`URL_BYTES_MAX`].
//!
//! Not here: what a host resolves to, which is judged on the address that is connected to;
//! secrets, which are derived from the key file and stored nowhere.

use std::net::Ipv6Addr;

use crate::facts::{Effect, Event, EventKind, Operation, OperationKind};
use crate::ids::{MerchantNumber, WebhookNumber};
use crate::refusal::Refusal;
use crate::time::Instant;
use crate::{coded, row};

/// The most endpoints of one merchant that are in use.
pub const WEBHOOKS_PER_MERCHANT_MAX: usize = 8;
/// The longest URL of an endpoint, bytes.
pub const URL_BYTES_MAX: usize = 500;

coded! {
    /// Whether an endpoint is told anything.
    pub enum WebhookState {
        /// In use.
        Active = 0 => "active",
        /// Ended for ever.
        Ended = 1 => "ended",
    }
}

row! {
    /// Where a merchant is told of what happened.
    pub struct Webhook in "webhook" {
        /// Identity.
        pub number: WebhookNumber,
        /// Who is told.
        pub merchant: MerchantNumber,
        /// Where.
        pub url: String,
        /// Whether anything is told.
        pub state: WebhookState,
        /// The generation of its secret.
        pub generation: i64,
        /// Until when the generation before still signs and is still believed.
        pub previous_until: Instant,
    }
}

impl Webhook {
    /// The endpoint that an event created.
    pub fn of_event(event: &Event) -> Self {
        Self {
            number: WebhookNumber(event.subject),
            merchant: MerchantNumber(event.object),
            url: event.text.clone(),
            state: WebhookState::Active,
            generation: 1,
            previous_until: Instant(0),
        }
    }

    /// Books an event about this endpoint.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::WebhookEnded => self.state = WebhookState::Ended,
            EventKind::WebhookSecretRotated => {
                self.generation += 1;
                self.previous_until = Instant(event.number);
            }
            _ => {}
        }
    }

    /// Whether it is in use.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, WebhookState::Active)
    }

    /// The generations of its secret that sign at `now`, the newest first.
    pub fn generations(&self, now: Instant) -> impl Iterator<Item = i64> {
        let previous =
            (self.generation > 1 && now < self.previous_until).then(|| self.generation - 1);
        std::iter::once(self.generation).chain(previous)
    }
}

/// What must hold of whoever asks with the secret of an endpoint: it is in use, and the secret is
/// of a generation that still counts.
///
/// # Errors
/// [`Refusal::WebhookSecretMustBeCurrent`], whichever does not hold.
pub fn may_ask(
    webhook: Option<&Webhook>,
    generation: i64,
    now: Instant,
) -> Result<&Webhook, Refusal> {
    let webhook = webhook.filter(|webhook| webhook.is_active());
    let webhook = webhook.filter(|webhook| webhook.generations(now).any(|one| one == generation));
    webhook.ok_or(Refusal::WebhookSecretMustBeCurrent)
}

/// Whether a URL has the form of an endpoint's: `https`, a host, no user, no fragment, ASCII
/// without spaces and signs that programs read differently. `loopback`: `http://127.0.0.1` will do
/// as well.
pub fn url_is_good(url: &str, loopback: bool) -> bool {
    let plain = url.len() <= URL_BYTES_MAX
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !br#"#\"<>^`{|}"#.contains(&byte));
    let (rest, only_loopback) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) if loopback => (rest, true),
        _ => return false,
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A query without a path is read differently by different programs.
    plain && !rest[end..].starts_with('?') && authority_is_good(&rest[..end], only_loopback)
}

/// A host and perhaps a port.
fn authority_is_good(authority: &str, only_loopback: bool) -> bool {
    let bracket = authority.find(']').map(|at| at + 1);
    let end = bracket.or_else(|| authority.find(':')).unwrap_or(authority.len());
    let (host, port) = authority.split_at(end);
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let host_is_good = match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        None => {
            host.starts_with(|sign: char| sign.is_ascii_alphanumeric()) && host.bytes().all(of_name)
        }
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            plain && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    host_is_good && port_is_good && (!only_loopback || host == "127.0.0.1")
}

coded! {
    /// What a merchant is told of. Declines are not events: whoever asked has heard them.
    pub enum EventType {
        /// Money moved: on a one-time code, or on what the shop shows.
        PaymentSucceeded = 1 => "payment.succeeded",
        /// Money is held on a one-time code.
        PaymentAuthorized = 2 => "payment.authorized",
        /// A hold was taken, in part or whole.
        PaymentCaptured = 3 => "payment.captured",
        /// A hold was released by its store.
        PaymentVoided = 4 => "payment.voided",
        /// A hold was released by time.
        PaymentExpired = 5 => "payment.expired",
        /// A payment was undone.
        PaymentReversed = 6 => "payment.reversed",
        /// Paid money went back, in part or whole.
        RefundSucceeded = 7 => "refund.succeeded",
    }
}

impl EventType {
    /// What a merchant is told of an operation; none where there is nothing to tell.
    pub const fn of(operation: &Operation) -> Option<Self> {
        if !operation.has_effect() {
            return None;
        }
        match operation.kind {
            OperationKind::Pay => Some(Self::PaymentSucceeded),
            OperationKind::Authorize => Some(Self::PaymentAuthorized),
            OperationKind::Capture => Some(Self::PaymentCaptured),
            OperationKind::Void => Some(Self::PaymentVoided),
            OperationKind::Expire => Some(Self::PaymentExpired),
            OperationKind::Reverse if matches!(operation.effect, Effect::TookBack) => None,
            OperationKind::Reverse => Some(Self::PaymentReversed),
            OperationKind::Refund => Some(Self::RefundSucceeded),
            OperationKind::Tombstone
            | OperationKind::Credit
            | OperationKind::TopUp
            | OperationKind::TakeBack
            | OperationKind::Dispute => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_with_a_host_and_nothing_that_programs_read_differently() {
        for good in [
            "https://shop.example",
            "https://shop.example/",
            "https://shop.example:8443/hooks?of=us&key=a-b_c~d",
            "https://192.0.2.7/hooks",
            "https://[2001:db8::1]:8443/hooks",
            "https://xn--r8jz45g.example/%E3%81%82",
        ] {
            assert!(url_is_good(good, false) && url_is_good(good, true), "{good}");
        }
        let long = format!("https://shop.example/{}", "a".repeat(URL_BYTES_MAX));
        for wrong in [
            "",
            "https://",
            "https:///hooks",
            "https://?a",
            "https://shop.example?a",
            "HTTPS://shop.example/",
            "http://shop.example/",
            "ftp://shop.example/",
            "//shop.example/",
            "shop.example",
            "https://user@shop.example/",
            "https://user:word@shop.example/",
            "https://127.0.0.1@shop.example/",
            "https://shop.example\\@127.0.0.1/",
            "https://shop.example/#part",
            "https://shop.example#part",
            "https://shop .example/",
            "https://shop.example/a b",
            "https://shop.example/\u{3042}",
            "https://\u{3042}.example/",
            "https://shop.example:/",
            "https://shop.example:0/",
            "https://shop.example:65536/",
            "https://shop.example:+1/",
            "https://shop.example:80:80/",
            "https://[::1/",
            "https://[shop.example]/",
            "https://[2001:db8::1]a/",
            "https://.example/",
            "https://shop%2eexample/",
            "https://shop.example/\n",
            &long,
        ] {
            assert!(!url_is_good(wrong, false) && !url_is_good(wrong, true), "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_for_the_loopback_address_where_that_is_allowed() {
        for loopback in ["http://127.0.0.1", "http://127.0.0.1:9000/hooks"] {
            assert!(url_is_good(loopback, true) && !url_is_good(loopback, false), "{loopback}");
        }
        for wrong in ["http://127.0.0.2/", "http://localhost/", "http://[::1]/", "http://0x7f.1/"] {
            assert!(!url_is_good(wrong, true), "{wrong}");
        }
    }
}
