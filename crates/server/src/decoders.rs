//! Every decoder of bytes that come from outside, as data: each has a target in `fuzz/` and seeds
//! that the tests run, and a test proves the list complete against both. None may panic.

use std::sync::LazyLock;

use axum::extract::Query;
use axum::http::Uri;
use hyper::body::Bytes;
use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::money::Currency;
use yaoki_store::Database;
use yaoki_store::verify::anchor;

use crate::admin::Message;
use crate::api::console::day::DayRequest;
use crate::api::console::operations::{FindRequest, OperationsRequest, Sought};
use crate::api::console::session::SessionRequest;
use crate::api::device::confirm::{ConfirmRequest, ShopRequest};
use crate::api::device::movements::{MovementsRequest, ReceiptRequest};
use crate::api::device::{CodeRequest, EnrolRequest, WalletRequest};
use crate::api::partner::RedeliverRequest;
use crate::api::register::PaymentRequest;
use crate::api::register::clerk::{self, ClerkSignInRequest, ClerkSignOutRequest};
use crate::api::register::lists::ListQuery;
use crate::api::register::renew::RenewRequest;
use crate::api::register::settle::{
    AcknowledgementRequest, ReversalRequest, SettleRequest, VoidRequest,
};
use crate::api::register::shop::OrderRequest;
use crate::api::{cursor, fields};
use crate::edge::frames::Frame;
use crate::edge::identifier::{self, Kind};
use crate::edge::keys::KeyFile;
use crate::edge::proof::{ProofKeys, Request, sha256};
use crate::edge::sign::{IDENTIFIER_USUAL, Signs};
use crate::edge::signature::Signer;
use crate::edge::{request, signature};
use crate::jobs::witness::WitnessUrl;

/// One decoder: its name, and a run over any bytes.
pub type Decoder = (&'static str, fn(&[u8]));

/// Every decoder.
pub const DECODERS: &[Decoder] = &[
    ("code", code),
    ("identifier", any_identifier),
    ("signature", any_signature),
    ("proof", proof),
    ("token", any_token),
    ("register_request", register_request),
    ("device_request", device_request),
    ("payload", payload),
    ("frame", frame),
    ("query", query),
    ("console_request", console_request),
    ("fields", any_field),
    ("admin_message", |bytes| drop(serde_json::from_slice::<Message>(bytes))),
    ("key_file", |bytes| drop(KeyFile::parse(&text(bytes)))),
    ("database", |bytes| drop(text(bytes).parse::<Database>())),
    ("anchor_file", |bytes| drop(anchor::parse_file(&text(bytes)))),
    ("witness_url", |bytes| drop(text(bytes).parse::<WitnessUrl>())),
];

/// Runs the decoder of this name.
///
/// # Panics
/// If there is none of this name, or if it panics: both are bugs.
pub fn run(name: &str, bytes: &[u8]) {
    let decoder = DECODERS.iter().find(|(other, _)| *other == name);
    (decoder.expect("the name is in the list").1)(bytes);
}

static CIPHER: LazyLock<CodeCipher> = LazyLock::new(|| {
    let rules = CodeRules::new("9876", 120).expect("these are good settings");
    CodeCipher::new(rules, &[7; 32], Some(&[8; 32]))
});

static FILE: LazyLock<KeyFile> = LazyLock::new(|| KeyFile::generate(&mut |bytes| bytes.fill(7)));

static KEYS: LazyLock<ProofKeys> = LazyLock::new(|| ProofKeys::new(&FILE, 0));

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(bytes: &[u8]) {
    std::hint::black_box(CIPHER.open(&text(bytes)));
}

fn any_identifier(bytes: &[u8]) {
    let text = text(bytes);
    for kind in Kind::ALL {
        std::hint::black_box(identifier::parse(kind, &text).is_ok());
    }
}

fn any_signature(bytes: &[u8]) {
    let text = text(bytes);
    drop(signature::parse(&text));
    drop(signature::parse_of(Signer::Webhook, &text));
}

fn proof(bytes: &[u8]) {
    let body_digest = sha256(b"");
    let request = Request {
        method: "POST",
        scheme: "http",
        host: "127.0.0.1:7702",
        path: "/v1/device/enrol",
        body_digest: &body_digest,
    };
    drop(KEYS.verify_enrolment(&text(bytes), &request, 0));
}

fn register_request(bytes: &[u8]) {
    drop(request::json::<PaymentRequest<'_>>(bytes));
    drop(request::json::<ReversalRequest<'_>>(bytes));
    drop(request::json::<SettleRequest<'_>>(bytes));
    drop(request::json::<VoidRequest<'_>>(bytes));
    drop(request::json::<AcknowledgementRequest<'_>>(bytes));
    drop(request::json::<OrderRequest<'_>>(bytes));
    drop(request::json::<RenewRequest<'_>>(bytes));
    drop(request::json::<ClerkSignInRequest<'_>>(bytes));
    drop(request::json::<ClerkSignOutRequest<'_>>(bytes));
    drop(clerk::token(&text(bytes)));
    drop(request::json::<RedeliverRequest<'_>>(bytes));
}

fn device_request(bytes: &[u8]) {
    drop(request::json::<EnrolRequest<'_>>(bytes));
    drop(request::json::<CodeRequest>(bytes));
    drop(request::json::<ShopRequest<'_>>(bytes));
    drop(request::json::<ConfirmRequest<'_>>(bytes));
    drop(request::json::<MovementsRequest<'_>>(bytes));
    drop(request::json::<ReceiptRequest<'_>>(bytes));
    drop(request::json::<WalletRequest>(bytes));
}

fn payload(bytes: &[u8]) {
    let (key, identifier) = (&FILE.fingerprint, IDENTIFIER_USUAL);
    drop(Signs { key, identifier, currency: Currency::JPY }.open(&text(bytes)));
}

/// The first byte is the width, the rest are as many rows as there are.
fn frame(bytes: &[u8]) {
    let Some((&width, pixels)) = bytes.split_first() else { return };
    let rows = pixels.len() / usize::from(width).max(1);
    let luma = Bytes::copy_from_slice(&pixels[..rows * usize::from(width)]);
    if let Ok(frame) = Frame::new(&width.to_string(), &rows.to_string(), luma) {
        std::hint::black_box(frame.texts());
    }
}

fn query(bytes: &[u8]) {
    if let Ok(uri) = format!("/v1/payments?{}", text(bytes)).parse::<Uri>() {
        drop(Query::<ListQuery>::try_from_uri(&uri));
    }
}

fn console_request(bytes: &[u8]) {
    drop(request::json::<SessionRequest<'_>>(bytes));
    drop(request::json::<DayRequest<'_>>(bytes));
    drop(request::json::<OperationsRequest<'_>>(bytes).map(|asked| asked.filter()));
    drop(request::json::<FindRequest<'_>>(bytes).map(|asked| Sought::read(asked.text())));
}

fn any_token(bytes: &[u8]) {
    drop(KEYS.open_token(&text(bytes)));
    drop(KEYS.open_session(&text(bytes)));
}

fn any_field(bytes: &[u8]) {
    let text = text(bytes);
    drop(fields::request_id("request_id", &text));
    drop(fields::payment(&text));
    drop(fields::store(&text));
    drop(fields::currency(&text));
    drop(fields::instant("valid_until", &text));
    drop(cursor::parse(&text));
}
