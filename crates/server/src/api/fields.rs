//! Fields of requests, read from text into the rules' own types. Each error says what must stand
//! there.

use std::fmt;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use uuid::Uuid;
use yaoki_core::ids::{ClerkNumber, FactId, RequestId, StoreNumber};
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

/// A part of the path as text; empty, which names nothing, where it is no UTF-8.
pub fn of_path(path: &Result<Path<String>, PathRejection>) -> &str {
    path.as_ref().map_or("", |Path(text)| text)
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

fn identified(name: &'static str, kind: Kind, text: &str) -> Result<FactId, Problem> {
    let number = identifier::parse(kind, text).map(FactId);
    number.map_err(|error| Problem::field(name, format_args!("is wrong: {error}")))
}

/// The id of a device.
///
/// # Errors
/// Says what is wrong with it.
pub fn device(text: &str) -> Result<FactId, Problem> {
    identified("device", Kind::Device, text)
}

/// The id of a factor.
///
/// # Errors
/// Says what is wrong with it.
pub fn factor(text: &str) -> Result<FactId, Problem> {
    identified("factor", Kind::Factor, text)
}

/// The id of a card.
///
/// # Errors
/// Says what is wrong with it.
pub fn card(text: &str) -> Result<FactId, Problem> {
    identified("card", Kind::Card, text)
}

/// The id of a top-up.
///
/// # Errors
/// Says what is wrong with it.
pub fn top_up(text: &str) -> Result<FactId, Problem> {
    identified("top_up", Kind::TopUp, text)
}

/// The id of a recovery.
///
/// # Errors
/// Says what is wrong with it.
pub fn recovery(text: &str) -> Result<FactId, Problem> {
    identified("recovery", Kind::Recovery, text)
}

/// An address, by its keyed digest.
///
/// # Errors
/// Says what it must be.
pub fn contact(text: &str) -> Result<[u8; 32], Problem> {
    let digest = crate::edge::hex::bytes(text);
    digest.ok_or_else(|| Problem::field("contact", "must be as the account names it"))
}

/// The number of a store, as a member types it or as `sto_…`.
///
/// # Errors
/// Says what it may be.
pub fn store(text: &str) -> Result<StoreNumber, Problem> {
    let must = "must be the number that the shop shows";
    let number = typed(Kind::Store, text).map(StoreNumber);
    number.ok_or_else(|| Problem::field("store", must))
}

/// A clerk: `clk_…`, or the number that the clerk was given.
///
/// # Errors
/// Says what it may be.
pub fn clerk(text: &str) -> Result<ClerkNumber, Problem> {
    let must = "must be the number that the clerk was given";
    let number = typed(Kind::Clerk, text).map(ClerkNumber);
    number.ok_or_else(|| Problem::field("clerk", must))
}

/// A number as people type it, or the identifier.
fn typed(kind: Kind, text: &str) -> Option<i64> {
    let typed = text.trim();
    if !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit()) {
        typed.parse().ok().filter(|number| *number > 0)
    } else {
        identifier::parse(kind, typed).ok()
    }
}

/// A whole number that may be out of its range, which the rules judge; anything else is refused
/// with the range, not with the name of a type.
struct Whole(&'static str);

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// An amount of money.
///
/// # Errors
/// Says what an amount is.
pub fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_i64(Whole(AMOUNT_MUST_BE))
}

/// How long a hold lasts, where that is said.
///
/// # Errors
/// Says what it may be.
pub fn hold_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct OrNull;
    impl<'de> Visitor<'de> for OrNull {
        type Value = Option<i64>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str(HOLD_MUST_BE)
        }

        fn visit_none<E: Error>(self) -> Result<Option<i64>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Option<i64>, D::Error> {
            some.deserialize_i64(Whole(HOLD_MUST_BE)).map(Some)
        }
    }
    deserializer.deserialize_option(OrNull)
}

/// What an amount is, as callers are told.
pub const AMOUNT_MUST_BE: &str =
    "an amount as an integer of minor units, from 1 to 1000000000, without quotes or a fraction";
const HOLD_MUST_BE: &str = "hold_seconds as an integer of seconds, from 1 to 2592000, or left out";

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

#[cfg(test)]
mod tests {
    use yaoki_core::money::AMOUNT_MAX;

    use super::*;

    #[test]
    fn an_amount_is_refused_with_its_range_and_never_with_the_name_of_a_type() {
        let read = |text: &str| amount(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read("1200").expect("an amount"), 1200);
        assert_eq!(read("-1").expect("the rules judge it"), -1);
        assert!(AMOUNT_MUST_BE.contains(&AMOUNT_MAX.to_string()));
        for wrong in ["\"1200\"", "12.5", "null", "[1]", "18446744073709551615", "1e3"] {
            let error = read(wrong).expect_err("no amount").to_string();
            assert!(error.contains(AMOUNT_MUST_BE) && !error.contains("i64"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_hold_may_be_left_open_and_is_refused_with_its_range() {
        let read = |text: &str| hold_seconds(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read("60").expect("seconds"), Some(60));
        assert_eq!(read("null").expect("none"), None);
        for wrong in ["\"60\"", "0.5", "[]"] {
            let error = read(wrong).expect_err("no seconds").to_string();
            assert!(error.contains(HOLD_MUST_BE), "{wrong}: {error}");
        }
    }
}
