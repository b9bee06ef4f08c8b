//! Fields of requests, read from text into the rules' own types. Each error says what must stand
//! there.

use uuid::Uuid;
use yaoki_core::ids::{FactId, RequestId};
use yaoki_core::money::Currency;
use yaoki_core::time::Instant;

use super::time;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::Problem;

/// A UUID with hyphens, not all zeros.
///
/// # Errors
/// Names the field.
pub fn request_id(name: &'static str, text: &str) -> Result<RequestId, Problem> {
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
    match uuid {
        Some(uuid) if !uuid.is_nil() => Ok(RequestId(uuid.into_bytes())),
        _ => Err(Problem::field(
            name,
            "must be a UUID that the caller made and kept before sending (version 7 is advised), \
             such as 0190a6b4-8d6c-7cc1-b1c3-3ad9a1d2e3f4",
        )),
    }
}

/// A request id as it is shown.
pub fn request_id_text(request: RequestId) -> String {
    Uuid::from_bytes(request.0).hyphenated().to_string()
}

/// The id of a payment.
///
/// # Errors
/// Says what is wrong with it.
pub fn payment(text: &str) -> Result<FactId, Problem> {
    identifier::parse(Kind::Payment, text)
        .map(FactId)
        .map_err(|error| Problem::field("payment", format_args!("is wrong: {error}")))
}

/// Three capital letters.
///
/// # Errors
/// Names the field.
pub fn currency(text: &str) -> Result<Currency, Problem> {
    let must = "must be an ISO 4217 code of three capital letters, such as JPY";
    Currency::parse(text).ok_or_else(|| Problem::field("currency", must))
}

/// A time with an offset.
///
/// # Errors
/// Names the field.
pub fn instant(name: &'static str, text: &str) -> Result<Instant, Problem> {
    let must = "must be an RFC 3339 time with an offset, such as 2019-07-01T12:00:00+09:00";
    time::parse(text).ok_or_else(|| Problem::field(name, must))
}
