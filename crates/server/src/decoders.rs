//! Every decoder of bytes that come from outside, as data: each has a target in `fuzz/` and seeds
//! that the tests run, and a test proves the list complete against both. None may panic.

use std::sync::LazyLock;

use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_store::Database;

use crate::admin::Message;
use crate::api::console::day::DayRequest;
use crate::api::console::operations::{FindRequest, OperationsRequest, Sought};
use crate::api::console::session::SessionRequest;
use crate::api::device::{CodeRequest, EnrolRequest};
use crate::api::fields;
use crate::api::register::PaymentRequest;
use crate::api::register::settle::{
    AcknowledgementRequest, ReversalRequest, SettleRequest, VoidRequest,
};
use crate::edge::identifier::{self, Kind};
use crate::edge::keys::KeyFile;
use crate::edge::proof::{ProofKeys, Request, sha256};
use crate::edge::{request, signature};

/// One decoder: its name, and a run over any bytes.
pub type Decoder = (&'static str, fn(&[u8]));

/// Every decoder.
pub const DECODERS: &[Decoder] = &[
    ("code", code),
    ("identifier", any_identifier),
    ("signature", |bytes| drop(signature::parse(&text(bytes)))),
    ("proof", proof),
    ("token", any_token),
    ("register_request", register_request),
    ("device_request", device_request),
    ("console_request", console_request),
    ("fields", any_field),
    ("admin_message", |bytes| drop(serde_json::from_slice::<Message>(bytes))),
    ("key_file", |bytes| drop(KeyFile::parse(&text(bytes)))),
    ("database", |bytes| drop(text(bytes).parse::<Database>())),
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

static KEYS: LazyLock<ProofKeys> =
    LazyLock::new(|| ProofKeys::new(&KeyFile::generate(&mut |bytes| bytes.fill(7)), 0));

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(bytes: &[u8]) {
    std::hint::black_box(CIPHER.open(&text(bytes)));
}

fn any_identifier(bytes: &[u8]) {
    let text = text(bytes);
    for kind in [Kind::Payment, Kind::Merchant, Kind::Store, Kind::Terminal, Kind::Member] {
        std::hint::black_box(identifier::parse(kind, &text).is_ok());
    }
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
}

fn device_request(bytes: &[u8]) {
    drop(request::json::<EnrolRequest<'_>>(bytes));
    drop(request::json::<CodeRequest>(bytes));
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
    drop(fields::currency(&text));
    drop(fields::instant("valid_until", &text));
}
