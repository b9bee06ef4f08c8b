//! Writing a payload: strictly, in the order of the specification.

use super::{ACCOUNTS, CHARACTERS_MAX, CRC_CHARACTERS, crc_text};
use std::error::Error;
use std::fmt::{self, Write};

/// What is written. Nothing that the specification asks for can be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing<'a> {
    /// Made for one payment: its amount, in major units as the specification writes them, at most
    /// 13 characters of digits and one point. None: the same for every payment.
    pub amount: Option<&'a str>,
    /// The merchant's account with its scheme.
    pub account: Account<'a>,
    /// Merchant category (ISO 18245), four digits; `0000` where it is not told.
    pub category: &'a str,
    /// ISO 4217, three digits.
    pub currency: &'a str,
    /// ISO 3166-1, two capital letters.
    pub country: &'a str,
    /// Printable ASCII, 1 to 25 characters.
    pub name: &'a str,
    /// Printable ASCII, 1 to 15 characters.
    pub city: &'a str,
    /// The name in another language.
    pub language: Option<Language<'a>>,
}

/// One account of the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// 26 to 51.
    pub id: u8,
    /// Whose it is, printable ASCII, 1 to 32 characters.
    pub guid: &'a str,
    /// Its other objects: ids from 1 on, ascending, and printable ASCII.
    pub objects: &'a [(u8, &'a str)],
}

/// A name in another language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language<'a> {
    /// ISO 639, two capital letters.
    pub language: &'a str,
    /// 1 to 25 characters, no control characters.
    pub name: &'a str,
}

/// Why a payload was not written: the object whose value must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The value of this object, or its id.
    Object(u8),
    /// The whole is longer than [`CHARACTERS_MAX`].
    TooLong,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => write!(f, "object {id:02} must have a value of its own form"),
            Self::TooLong => {
                write!(f, "a payload must have at most {CHARACTERS_MAX} characters and bytes")
            }
        }
    }
}

impl Error for WriteError {}

impl Writing<'_> {
    /// The text.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn text(&self) -> Result<String, WriteError> {
        let mut text = String::from("000201");
        put(&mut text, 1, if self.amount.is_some() { "12" } else { "11" });
        put(&mut text, self.account.id, &self.account.text()?);
        put_if(&mut text, 52, self.category, |value| digits(value, 4))?;
        put_if(&mut text, 53, self.currency, |value| digits(value, 3))?;
        if let Some(amount) = self.amount {
            put_if(&mut text, 54, amount, is_amount)?;
        }
        put_if(&mut text, 58, self.country, capitals)?;
        put_if(&mut text, 59, self.name, |value| printable(value, 25))?;
        put_if(&mut text, 60, self.city, |value| printable(value, 15))?;
        let language = self.language.as_ref().map(Language::text).transpose()?;
        // The CRC counts what stands before it, so the other language is written first.
        if let Some(language) = language {
            put(&mut text, 64, &language);
        }
        text.push_str("6304");
        if text.len() - 4 + CRC_CHARACTERS > CHARACTERS_MAX {
            return Err(WriteError::TooLong);
        }
        let crc = crc_text(&text);
        text.push_str(&crc);
        Ok(text)
    }
}

impl Account<'_> {
    fn text(&self) -> Result<String, WriteError> {
        let ascending = self.objects.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let first = self.objects.first().is_none_or(|(id, _)| *id > 0);
        let last = self.objects.last().is_none_or(|(id, _)| *id <= 99);
        if !(ACCOUNTS.contains(&self.id) && ascending && first && last) {
            return Err(WriteError::Object(self.id));
        }
        let mut text = String::new();
        put_if(&mut text, 0, self.guid, |value| printable(value, 32))
            .map_err(|_| WriteError::Object(self.id))?;
        for (id, value) in self.objects {
            put_if(&mut text, *id, value, |value| printable(value, 99))
                .map_err(|_| WriteError::Object(self.id))?;
        }
        if text.len() > 99 { Err(WriteError::Object(self.id)) } else { Ok(text) }
    }
}

impl Language<'_> {
    fn text(&self) -> Result<String, WriteError> {
        let count = self.name.chars().count();
        let plain = !self.name.chars().any(char::is_control);
        if !(capitals(self.language) && (1..=25).contains(&count) && plain) {
            return Err(WriteError::Object(64));
        }
        let mut text = String::new();
        put(&mut text, 0, self.language);
        put(&mut text, 1, self.name);
        Ok(text)
    }
}

fn put(text: &mut String, id: u8, value: &str) {
    let length = value.chars().count();
    assert!(id <= 99 && (1..=99).contains(&length), "an object is checked before it is written");
    write!(text, "{id:02}{length:02}{value}").expect("writing to a String does not fail");
}

fn put_if(
    text: &mut String,
    id: u8,
    value: &str,
    holds: impl Fn(&str) -> bool,
) -> Result<(), WriteError> {
    if !holds(value) {
        return Err(WriteError::Object(id));
    }
    put(text, id, value);
    Ok(())
}

fn digits(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn capitals(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn printable(value: &str, longest: usize) -> bool {
    let plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (1..=longest).contains(&value.len()) && plain
}

/// Digits, and at most one point with a digit before it.
fn is_amount(value: &str) -> bool {
    let (whole, rest) = value.split_once('.').unwrap_or((value, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    value.len() <= 13 && !whole.is_empty() && all(whole) && all(rest)
}

#[cfg(test)]
mod tests {
    use super::super::Payload;
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: Account<'_> =
        Account { id: 30, guid: "jp.yaoki", objects: &[(1, "AQID"), (2, "BAUG")] };

    fn writing() -> Writing<'static> {
        Writing {
            amount: None,
            account: ACCOUNT,
            category: "0000",
            currency: "392",
            country: "JP",
            name: "HINODE",
            city: "JP",
            language: Some(Language { language: "JA", name: "日の出 駅前店" }),
        }
    }

    #[test]
    fn a_payload_has_its_objects_in_order_and_its_crc_last() {
        let text = writing().text().expect("it is good");
        let start = "00020101021130280008jp.yaoki0104AQID0204BAUG520400005303392\
                     5802JP5906HINODE6002JP64170002JA0107日の出 駅前店6304";
        assert_eq!(&text[..text.len() - 4], start);
        let order = Writing { amount: Some("1200"), language: None, ..writing() };
        let order = order.text().expect("it is good");
        assert!(order.starts_with("000201010212") && order.contains("54041200"), "{order}");
    }

    #[test]
    fn what_the_specification_does_not_allow_is_not_written() {
        let good = writing();
        let account = |account: Account<'static>| Writing { account, ..good.clone() };
        let language = |language| Writing { language: Some(language), ..good.clone() };
        let long = "x".repeat(95);
        let cases = [
            (Writing { amount: Some(""), ..good.clone() }, 54),
            (Writing { amount: Some("1,2"), ..good.clone() }, 54),
            (Writing { amount: Some(".5"), ..good.clone() }, 54),
            (Writing { amount: Some("1.2.3"), ..good.clone() }, 54),
            (Writing { amount: Some("12345678901234"), ..good.clone() }, 54),
            (Writing { category: "12", ..good.clone() }, 52),
            (Writing { currency: "JPY", ..good.clone() }, 53),
            (Writing { country: "jp", ..good.clone() }, 58),
            (Writing { name: "", ..good.clone() }, 59),
            (Writing { name: "日の出", ..good.clone() }, 59),
            (Writing { name: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", ..good.clone() }, 59),
            (Writing { city: "ABCDEFGHIJKLMNOP", ..good.clone() }, 60),
            (language(Language { language: "ja", name: "x" }), 64),
            (language(Language { language: "JA", name: "" }), 64),
            (language(Language { language: "JA", name: "a\nb" }), 64),
            (account(Account { id: 25, ..ACCOUNT }), 25),
            (account(Account { guid: "", ..ACCOUNT }), 30),
            (account(Account { objects: &[(0, "x")], ..ACCOUNT }), 30),
            (account(Account { objects: &[(2, "x"), (1, "y")], ..ACCOUNT }), 30),
            (account(Account { objects: &[(100, "x")], ..ACCOUNT }), 30),
            (account(Account { objects: &[(1, "é")], ..ACCOUNT }), 30),
        ];
        for (writing, id) in cases {
            assert_eq!(writing.text(), Err(WriteError::Object(id)), "{writing:?}");
        }
        let objects = [(1, long.as_str())];
        let whole = Writing { account: Account { objects: &objects, ..ACCOUNT }, ..good };
        assert_eq!(whole.text(), Err(WriteError::Object(30)), "a template has 99 characters");
        for error in [WriteError::Object(30), WriteError::TooLong] {
            assert!(error.to_string().contains("must"));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            amount in proptest::option::of("[0-9]{1,10}"),
            guid in "[a-z.]{1,20}",
            (one, two) in ("[0-9A-Za-z_-]{1,40}", "[0-9A-Za-z_-]{1,22}"),
            (name, city) in ("[ -~]{1,25}", "[ -~]{1,15}"),
            language in proptest::option::of("[^\\p{Cc}]{1,25}"),
        ) {
            let objects = [(1, one.as_str()), (2, two.as_str())];
            let writing = Writing {
                amount: amount.as_deref(),
                account: Account { id: 30, guid: &guid, objects: &objects },
                name: &name,
                city: &city,
                language: language.as_deref().map(|name| Language { language: "JA", name }),
                ..writing()
            };
            let text = writing.text().expect("it is good");
            let read = Payload::parse(&text).expect("it verifies");
            prop_assert_eq!(read.get(54), amount.as_deref());
            prop_assert_eq!(read.is_dynamic(), amount.is_some());
            prop_assert_eq!((read.get(59), read.get(60)), (Some(&*name), Some(&*city)));
            let account = read.account(&guid).expect("it is there");
            let found = (account.objects.get(1), account.objects.get(2));
            prop_assert_eq!(found, (Some(&*one), Some(&*two)));
            prop_assert_eq!(read.name_in_language().map(|(_, name)| name), language.as_deref());
        }
    }
}
