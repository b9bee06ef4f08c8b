//! The text of a merchant-presented QR (`EMVCo` QRCPS merchant-presented mode 1.1): what a shop
//! shows and a member's device scans.
//!
//! Shape: data objects, each two digits of id, two digits of length, and the value. **A length
//! counts characters, not bytes.** Some values are templates: objects again. The last object, `63`,
//! is the CRC-16/CCITT-FALSE of the UTF-8 bytes before its own value.
//!
//! | id | what |
//! | --- | --- |
//! | 00, 01 | format `01`; `11`: the same for every payment, `12`: made for one |
//! | 26 to 51 | accounts of the merchant: templates, `00` says whose (a GUID) |
//! | 52, 53, 54 | category (ISO 18245), currency (ISO 4217, three digits), amount |
//! | 58, 59, 60, 61 | country, name, city, postal code |
//! | 62, 64 | more about this sale; name and city in another language: templates |
//! | 63 | CRC |
//!
//! Phases: [`Payload::parse`] reads what anybody wrote, in any order of objects, and refuses only
//! what cannot be told apart; [`Writing::text`] writes ours, strictly and in the order of the
//! specification. [`jpqr`] reads what the Japanese scheme puts into its account.
//!
//! Limits: [`CHARACTERS_MAX`], also in bytes; each value 1 to 99 characters.
//!
//! Not here: what an account means and who signed it; tips and convenience fees (`55` to `57`),
//! which are read as objects and never written.

mod jpqr;
mod write;

pub use jpqr::{JPQR_GUID, Jpqr, jpqr};
pub use write::{Account, Language, WriteError, Writing};

use std::error::Error;
use std::fmt;

/// The longest text, in characters and in bytes of UTF-8.
pub const CHARACTERS_MAX: usize = 512;

/// The object of the CRC.
const CRC: u8 = 63;

/// The characters of the CRC's object: id, length, four hex digits.
const CRC_CHARACTERS: usize = 8;

/// Ids of the templates of a merchant's accounts.
const ACCOUNTS: std::ops::RangeInclusive<u8> = 26..=51;

/// Why a text is no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MpmError {
    /// Longer than [`CHARACTERS_MAX`].
    TooLong,
    /// Not begun as every such text is: `000201`.
    NotMerchantPresented,
    /// An object's id or length is no two digits, or its value is cut off.
    ObjectBroken {
        /// Where the object begins, in characters from 0.
        position: usize,
    },
    /// An object stands twice: nobody can say which is meant.
    ObjectTwice {
        /// Its id.
        id: u8,
    },
    /// The last object is not the CRC.
    CrcMissing,
    /// The CRC is that of another text.
    CrcWrong,
}

impl fmt::Display for MpmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "a payload must have at most {CHARACTERS_MAX} characters and bytes")
            }
            Self::NotMerchantPresented => write!(f, "a payload must begin with 000201"),
            Self::ObjectBroken { position } => write!(
                f,
                "the object at character {position} must have two digits of id, two of length, and \
                 as many characters; scan the whole code again"
            ),
            Self::ObjectTwice { id } => write!(f, "object {id:02} must stand once"),
            Self::CrcMissing => write!(f, "a payload must end with its CRC, object 63"),
            Self::CrcWrong => {
                write!(f, "the CRC must be that of the text before it; scan the code again")
            }
        }
    }
}

impl Error for MpmError {}

/// A data object: its id, 0 to 99, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// 0 to 99.
    pub id: u8,
    /// 1 to 99 characters.
    pub value: &'a str,
}

/// The objects of a payload or of a template, in the order in which they stand, each id once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects<'a>(Vec<Object<'a>>);

impl<'a> Objects<'a> {
    /// Reads objects that fill `text`.
    ///
    /// # Errors
    /// [`MpmError::ObjectBroken`] or [`MpmError::ObjectTwice`].
    pub fn parse(text: &'a str) -> Result<Self, MpmError> {
        let (mut rest, mut position) = (text, 0);
        let mut found: Vec<Object<'a>> = Vec::new();
        while !rest.is_empty() {
            let broken = MpmError::ObjectBroken { position };
            let (object, after) = first_object(rest).ok_or(broken)?;
            if found.iter().any(|other| other.id == object.id) {
                return Err(MpmError::ObjectTwice { id: object.id });
            }
            position += 4 + object.value.chars().count();
            rest = after;
            found.push(object);
        }
        Ok(Self(found))
    }

    /// The value of an object.
    pub fn get(&self, id: u8) -> Option<&'a str> {
        self.iter().find(|object| object.id == id).map(|object| object.value)
    }

    /// The objects of an object whose value is a template; none where it is not.
    pub fn template(&self, id: u8) -> Option<Self> {
        Self::parse(self.get(id)?).ok()
    }

    /// All of them, as they stand.
    pub fn iter(&self) -> impl Iterator<Item = Object<'a>> + '_ {
        self.0.iter().copied()
    }
}

/// The object that `text` begins with, and what is behind it.
fn first_object(text: &str) -> Option<(Object<'_>, &str)> {
    let (id, rest) = two_digits(text)?;
    let (length, rest) = two_digits(rest)?;
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    let end = ends.nth(usize::from(length))?;
    let (value, after) = rest.split_at(end);
    (length > 0).then_some((Object { id, value }, after))
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    Some((number?, rest))
}

/// A payload whose CRC holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    objects: Objects<'a>,
}

/// One account of the merchant: a template of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFound<'a> {
    /// Under which id it stands, 26 to 51.
    pub id: u8,
    /// Whose it is: a reversed domain or an application id.
    pub guid: &'a str,
    /// Its objects, the GUID included.
    pub objects: Objects<'a>,
}

impl<'a> Payload<'a> {
    /// Reads a text that was scanned. Objects may stand in any order, but for the format in front
    /// and the CRC at the end; those that nobody knows are kept.
    ///
    /// # Errors
    /// [`MpmError`].
    pub fn parse(text: &'a str) -> Result<Self, MpmError> {
        if text.len() > CHARACTERS_MAX {
            return Err(MpmError::TooLong);
        }
        if !text.starts_with("000201") {
            return Err(MpmError::NotMerchantPresented);
        }
        let objects = Objects::parse(text)?;
        let last = objects.iter().last().filter(|object| object.id == CRC);
        let written = last.filter(|object| object.value.len() == 4).ok_or(MpmError::CrcMissing)?;
        let (signed, _) = text.split_at(text.len() - 4);
        if !written.value.eq_ignore_ascii_case(&crc_text(signed)) {
            return Err(MpmError::CrcWrong);
        }
        Ok(Self { objects })
    }

    /// Its objects.
    pub const fn objects(&self) -> &Objects<'a> {
        &self.objects
    }

    /// The value of an object.
    pub fn get(&self, id: u8) -> Option<&'a str> {
        self.objects.get(id)
    }

    /// Whether it was made for one payment.
    pub fn is_dynamic(&self) -> bool {
        self.get(1) == Some("12")
    }

    /// The merchant's accounts; templates that cannot be read are no accounts.
    pub fn accounts(&self) -> impl Iterator<Item = AccountFound<'a>> + '_ {
        let templates = self.objects.iter().filter(|object| ACCOUNTS.contains(&object.id));
        templates.filter_map(|Object { id, value }| {
            let objects = Objects::parse(value).ok()?;
            Some(AccountFound { id, guid: objects.get(0)?, objects })
        })
    }

    /// The account of one scheme. The first one, where somebody wrote two.
    pub fn account(&self, guid: &str) -> Option<AccountFound<'a>> {
        self.accounts().find(|account| account.guid.eq_ignore_ascii_case(guid))
    }

    /// The name in another language, with that language's code; none where there is none.
    pub fn name_in_language(&self) -> Option<(&'a str, &'a str)> {
        let language = self.objects.template(64)?;
        language.get(0).zip(language.get(1))
    }
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, nothing reflected.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| {
            let shifted = sum << 1;
            if sum & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

/// The CRC of a text up to and with `6304`, as it is written.
fn crc_text(signed: &str) -> String {
    format!("{:04X}", crc(signed.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A sample of `EMVCo`, and one of a Japanese shop: both verify.
    pub(super) const BEST_TRANSPORT: &str = "00020101021229300012D156000000000510A93FO3230\
         Q31280012D15600000001030812345678520441115303156540523.725502015802CN5914BEST TRANSPORT6\
         007BEIJING6233030412340603***0708A60086670902ME8036003239401ff0c21a4543a8ed5fbaa30ab02e8\
         1360032c2fbf6dd646f4f36b617f10747c0b9616304EBCA";
    pub(super) const MERPAY_CAFE: &str = "0002016003xxx01021129300012D156000000000510A9\
         3FO3230Q31280012D1560000000103081234567826680019jp.or.paymentsjapan011300000000000010204\
         00010306000001040600000153033925903xxx64180002JA0108メルペイ カフェ520441115802JP61071066143630\
         4DEE9";

    #[test]
    fn the_crc_is_the_published_one() {
        assert_eq!(crc(b"123456789"), 0x29B1);
        assert_eq!(crc(b""), 0xFFFF);
    }

    #[test]
    fn the_samples_are_read_whatever_the_order_of_their_objects() {
        let payload = Payload::parse(BEST_TRANSPORT).expect("it verifies");
        assert!(payload.is_dynamic());
        let read = [53, 54, 58, 59, 60].map(|id| payload.get(id).expect("it is there"));
        assert_eq!(read, ["156", "23.72", "CN", "BEST TRANSPORT", "BEIJING"]);
        let more = payload.objects().template(62).expect("a template");
        assert_eq!((more.get(3), more.get(7)), (Some("1234"), Some("A6008667")));
        let guids: Vec<&str> = payload.accounts().map(|account| account.guid).collect();
        assert_eq!(guids, ["D15600000000", "D15600000001"]);
        let account = payload.account("d15600000001").expect("in either case");
        assert_eq!((account.id, account.objects.get(3)), (31, Some("12345678")));
        let payload = Payload::parse(MERPAY_CAFE).expect("it verifies");
        assert!(!payload.is_dynamic());
        assert_eq!(payload.name_in_language(), Some(("JA", "メルペイ カフェ")), "in characters");
        assert_eq!(payload.get(54), None);
    }

    #[test]
    fn a_text_that_is_none_is_refused_with_its_reason() {
        let wrong_crc = MERPAY_CAFE.replace("DEE9", "6D60");
        let changed = BEST_TRANSPORT.replace("23.72", "23.71");
        let twice = with_crc("00020101021201021163045");
        let cases = [
            ("", MpmError::NotMerchantPresented),
            ("https://example.com", MpmError::NotMerchantPresented),
            (wrong_crc.as_str(), MpmError::CrcWrong),
            (changed.as_str(), MpmError::CrcWrong),
            (
                &BEST_TRANSPORT[..BEST_TRANSPORT.len() - 1],
                MpmError::ObjectBroken { position: BEST_TRANSPORT.len() - 8 },
            ),
            (&BEST_TRANSPORT[..BEST_TRANSPORT.len() - 8], MpmError::CrcMissing),
            ("000201", MpmError::CrcMissing),
            ("0002015900", MpmError::ObjectBroken { position: 6 }),
            ("000201５90312", MpmError::ObjectBroken { position: 6 }),
            ("000201+10312", MpmError::ObjectBroken { position: 6 }),
            (twice.as_str(), MpmError::ObjectTwice { id: 1 }),
            (&"0".repeat(513), MpmError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(Payload::parse(text), Err(error), "{text}");
            assert!(error.to_string().contains("must"), "{error}");
        }
        let lower = BEST_TRANSPORT.replace("EBCA", "ebca");
        assert!(Payload::parse(&lower).is_ok(), "some write the CRC in lower case");
    }

    fn with_crc(text: &str) -> String {
        let signed = &text[..text.len() - 1];
        format!("{signed}{}", crc_text(signed))
    }

    proptest! {
        #[test]
        fn no_text_panics(
            text in any::<String>(), digits in "[0-9]{0,80}", tail in "\\PC{0,20}"
        ) {
            let fitting = with_crc(&format!("000201{digits}63040"));
            for text in [text, format!("000201{digits}"), fitting] {
                if let Ok(payload) = Payload::parse(&text) {
                    let _ = (payload.accounts().count(), payload.name_in_language());
                    let _ = jpqr(&payload);
                }
                let _ = Objects::parse(&format!("{text}{tail}"));
            }
        }

        #[test]
        fn one_changed_character_never_verifies(
            at in 6..BEST_TRANSPORT.len(), new in "[0-9A-Za-z]"
        ) {
            prop_assume!(!BEST_TRANSPORT[at..].starts_with(&new));
            // A digit of the CRC may be written in either case.
            prop_assume!(!BEST_TRANSPORT[at..=at].eq_ignore_ascii_case(&new));
            let mut text = BEST_TRANSPORT.to_owned();
            text.replace_range(at..=at, &new);
            prop_assert!(Payload::parse(&text).is_err());
        }
    }
}
