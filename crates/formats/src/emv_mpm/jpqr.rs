//! JPQR: what the Japanese scheme (Payments Japan) puts into its account of a merchant-presented
//! QR.
//!
//! It is read, never written: the numbers are given out by the scheme.

use super::Payload;

/// Whose account it is.
pub const JPQR_GUID: &str = "jp.or.paymentsjapan";

/// A shop's place in the scheme: four levels of numbers, from the company down to the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jpqr<'a> {
    /// 13 digits.
    pub level_1: &'a str,
    /// 4 digits.
    pub level_2: &'a str,
    /// 6 digits.
    pub level_3: &'a str,
    /// 6 digits.
    pub level_4: &'a str,
    /// The shop's name in Japanese.
    pub name: &'a str,
}

/// Reads the JPQR of a payload; none where it is not one by the scheme's own rules: the levels are
/// whole, the currency is the yen, the country is Japan, there is a postal code, and a Japanese
/// name without a city.
pub fn jpqr<'a>(payload: &Payload<'a>) -> Option<Jpqr<'a>> {
    let account = payload.account(JPQR_GUID)?;
    let level = |id, digits: usize| {
        let value = account.objects.get(id)?;
        let whole = value.len() == digits && value.bytes().all(|byte| byte.is_ascii_digit());
        whole.then_some(value)
    };
    let language = payload.objects().template(64)?;
    let holds = payload.get(53) == Some("392")
        && payload.get(58) == Some("JP")
        && payload.get(61).is_some()
        && language.get(0) == Some("JA")
        && language.get(2).is_none();
    let [level_1, level_2, level_3, level_4] =
        [level(1, 13)?, level(2, 4)?, level(3, 6)?, level(4, 6)?];
    holds.then_some(Jpqr { level_1, level_2, level_3, level_4, name: language.get(1)? })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BEST_TRANSPORT, MERPAY_CAFE};
    use super::*;

    #[test]
    fn the_sample_of_a_japanese_shop_is_read_and_a_foreign_one_is_none() {
        let payload = Payload::parse(MERPAY_CAFE).expect("it verifies");
        let expected = Jpqr {
            level_1: "0000000000001",
            level_2: "0001",
            level_3: "000001",
            level_4: "000001",
            name: "メルペイ カフェ",
        };
        assert_eq!(jpqr(&payload), Some(expected));
        let payload = Payload::parse(BEST_TRANSPORT).expect("it verifies");
        assert_eq!(jpqr(&payload), None);
    }
}
