//! What a shop shows to be scanned: orders and store signs, as EMV texts with a claim of our own
//! under our own MAC.
//!
//! ```text
//! 30  00  our identifier (setting `qr_identifier`)
//!     01  the claim, base64url: kind, then
//!         1 an order: terminal (5 bytes), request id (16), until when (6, Unix milliseconds)
//!         2 a sign: store (5 bytes)
//!     02  the MAC, base64url: 16 bytes of keyed BLAKE3 over identifier, claim, amount, currency
//! 54  the amount of an order, as the MAC counts it
//! ```
//!
//! The MAC key is derived from the fingerprint key, all of whose generations are kept: a printed
//! sign outlives rotations. What the MAC is worth: no foreign code passes for ours, and nothing of
//! an order can be changed. It does not keep a true sign from being pasted over another, so a
//! member is shown name and place before he confirms, and a shop trusts its own screen only.
//!
//! Nothing else of a text is believed: names on it are for readers that are not ours.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use yaoki_core::ids::{RequestId, StoreNumber, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::time::Instant;
use yaoki_formats::emv_mpm::{Account, Language, Payload, WriteError, Writing, jpqr};

use super::error::EdgeError;
use super::keys::{RotatingKey, Secret};
use super::problem::{Problem, sentence};

/// The longest identifier, characters: with it the template is full.
pub const IDENTIFIER_CHARACTERS_MAX: usize = 20;

/// What an identifier is when nothing is set.
pub const IDENTIFIER_USUAL: &str = "jp.yaoki";

/// The template that is ours among a merchant's accounts.
const TEMPLATE: u8 = 30;
const CLAIM: u8 = 1;
const MAC: u8 = 2;
const MAC_BYTES: usize = 16;

/// What the MAC key is derived for.
const KEY_LABEL: &str = "yaoki shop sign 1";

/// The name of a shop that has none in ASCII.
const NAME_USUAL: &str = "SHOP";

/// What was scanned and is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An order that a register made.
    Order(Order),
    /// The sign of a store.
    Sign(StoreNumber),
}

/// An order: nothing of it is written anywhere but in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The register that made it.
    pub terminal: TerminalNumber,
    /// Its id for it.
    pub request: RequestId,
    /// Minor units.
    pub amount: i64,
    /// Until when it can be confirmed.
    pub valid_until: Instant,
}

/// Makes and opens texts under one identifier and in one currency.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The fingerprint key, with all its generations.
    pub key: &'a RotatingKey,
    /// Whose template it is.
    pub identifier: &'a str,
    /// The book's.
    pub currency: Currency,
}

impl Signs<'_> {
    /// The text of what a shop of this name shows.
    ///
    /// # Errors
    /// [`WriteError`] when identifier or name have no form in an EMV text.
    pub fn text(&self, shown: &Shown, name: &str) -> Result<String, WriteError> {
        let claim = claim_of(shown);
        let amount = match shown {
            Shown::Order(order) => Some(order.amount),
            Shown::Sign(_) => None,
        };
        let mac = self.mac(&self.key.secret, &claim, amount.unwrap_or(0));
        let (claim, mac) = (URL_SAFE_NO_PAD.encode(&claim), URL_SAFE_NO_PAD.encode(mac));
        let amount = amount.map(|amount| amount_text(self.currency, amount));
        let name_ascii = ascii(name);
        let name_japanese: String = name.chars().take(25).collect();
        Writing {
            amount: amount.as_deref(),
            account: Account {
                id: TEMPLATE,
                guid: self.identifier,
                objects: &[(CLAIM, &claim), (MAC, &mac)],
            },
            category: "0000",
            currency: form_of(self.currency).0,
            country: "JP",
            name: &name_ascii,
            city: "JP",
            language: (!name.is_ascii())
                .then_some(Language { language: "JA", name: &name_japanese }),
        }
        .text()
    }

    /// What a scanned text claims, if we made it for this book.
    ///
    /// # Errors
    /// [`EdgeError::PayloadMustBeWhole`], [`EdgeError::SignMustBeOurs`] or
    /// [`EdgeError::SignMustHold`].
    pub fn open(&self, text: &str) -> Result<Shown, Problem> {
        let payload = Payload::parse(text).map_err(|error| {
            Problem::with_detail(EdgeError::PayloadMustBeWhole, sentence(&error.to_string()))
        })?;
        let account = payload.account(self.identifier).ok_or_else(|| foreign(&payload))?;
        let bytes = |id| URL_SAFE_NO_PAD.decode(account.objects.get(id).unwrap_or_default());
        let (Ok(claim), Ok(mac)) = (bytes(CLAIM), bytes(MAC)) else {
            return Err(EdgeError::SignMustHold.into());
        };
        let amount = payload.get(54).map_or(Some(0), |text| amount_of(self.currency, text));
        let amount = amount.ok_or(EdgeError::SignMustHold)?;
        let is_made = |key: &Secret<32>| bool::from(self.mac(key, &claim, amount).ct_eq(&mac));
        if !self.key.accepted(i64::MIN).any(is_made) {
            return Err(EdgeError::SignMustHold.into());
        }
        shown_of(&claim, amount).ok_or_else(|| EdgeError::SignMustHold.into())
    }

    fn mac(&self, key: &Secret<32>, claim: &[u8], amount: i64) -> [u8; MAC_BYTES] {
        let key = blake3::derive_key(KEY_LABEL, key.expose());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for part in [self.identifier.as_bytes(), claim] {
            let length = u64::try_from(part.len()).expect("a part is short");
            hasher.update(&length.to_be_bytes());
            hasher.update(part);
        }
        hasher.update(&amount.to_be_bytes());
        hasher.update(self.currency.as_str().as_bytes());
        let mut mac = [0; MAC_BYTES];
        hasher.finalize_xof().fill(&mut mac);
        mac
    }
}

/// A text that is whole and of another scheme.
fn foreign(payload: &Payload<'_>) -> Problem {
    match jpqr(payload) {
        Some(_) => Problem::with_detail(
            EdgeError::SignMustBeOurs,
            "This is a JPQR of other schemes: pay it with an app of theirs, or ask the shop for \
             our code.",
        ),
        None => EdgeError::SignMustBeOurs.into(),
    }
}

fn claim_of(shown: &Shown) -> Vec<u8> {
    match shown {
        Shown::Order(order) => {
            let mut claim = vec![1];
            claim.extend(last_bytes::<5>(order.terminal.0));
            claim.extend(order.request.0);
            claim.extend(last_bytes::<6>(order.valid_until.0));
            claim
        }
        Shown::Sign(store) => {
            let mut claim = vec![2];
            claim.extend(last_bytes::<5>(store.0));
            claim
        }
    }
}

fn shown_of(claim: &[u8], amount: i64) -> Option<Shown> {
    let (kind, rest) = claim.split_first()?;
    match (kind, rest.len()) {
        (1, 27) => {
            let (terminal, rest) = rest.split_at(5);
            let (request, valid_until) = rest.split_at(16);
            Some(Shown::Order(Order {
                terminal: TerminalNumber(number_of(terminal)),
                request: RequestId(request.try_into().ok()?),
                amount,
                valid_until: Instant(number_of(valid_until)),
            }))
        }
        (2, 5) => Some(Shown::Sign(StoreNumber(number_of(rest)))),
        _ => None,
    }
}

/// The last `N` bytes of a number that needs no more: those of shops have ten digits, those of
/// times end in the year 10889.
fn last_bytes<const N: usize>(number: i64) -> [u8; N] {
    let bytes = number.to_be_bytes();
    let (first, last) = bytes.split_at(8 - N);
    assert!(first.iter().all(|byte| *byte == 0), "the number is small and not negative");
    last.try_into().expect("it was split there")
}

fn number_of(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// The number of a currency in ISO 4217, and how many digits its minor unit has. Of others than
/// these a text says that it has none of the list: only our own devices read the amount.
fn form_of(currency: Currency) -> (&'static str, usize) {
    match currency.as_str() {
        "JPY" => ("392", 0),
        "KRW" => ("410", 0),
        "TWD" => ("901", 2),
        "CNY" => ("156", 2),
        "EUR" => ("978", 2),
        "USD" => ("840", 2),
        _ => ("999", 0),
    }
}

fn amount_text(currency: Currency, amount: i64) -> String {
    let digits = form_of(currency).1;
    if digits == 0 {
        return amount.to_string();
    }
    let padded = format!("{amount:0width$}", width = digits + 1);
    let (whole, minor) = padded.split_at(padded.len() - digits);
    format!("{whole}.{minor}")
}

/// The amount that this text is the one form of.
fn amount_of(currency: Currency, text: &str) -> Option<i64> {
    let amount: i64 = text.replace('.', "").parse().ok()?;
    (amount >= 0 && amount_text(currency, amount) == text).then_some(amount)
}

/// What of a name readers of ASCII can show.
fn ascii(name: &str) -> String {
    let plain: String =
        name.chars().map(|sign| if sign.is_ascii_graphic() { sign } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(25).collect();
    let text = text.trim_end();
    if text.is_empty() { NAME_USUAL.to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::keys::KeyFile;
    use crate::edge::problem::Cause;
    use proptest::prelude::*;

    fn keys(fill: u8) -> KeyFile {
        let mut count = fill;
        KeyFile::generate(&mut |bytes| {
            count += 1;
            bytes.fill(count);
        })
    }

    fn signs(file: &KeyFile) -> Signs<'_> {
        let currency = Currency::JPY;
        Signs { key: &file.fingerprint, identifier: IDENTIFIER_USUAL, currency }
    }

    const ORDER: Order = Order {
        terminal: TerminalNumber(9_999_999_999),
        request: RequestId([7; 16]),
        amount: 1200,
        valid_until: Instant(1_767_236_400_000),
    };

    /// Who says no, without its detail.
    fn refused(result: Result<Shown, Problem>) -> EdgeError {
        match result.expect_err("it is not ours").cause() {
            Cause::Edge(error) => error,
            Cause::Rule(refusal) => panic!("{refusal:?}"),
        }
    }

    /// The same text with another amount, and a CRC that fits it.
    fn with_crc(text: &str) -> String {
        (0..=0xFFFF_u32)
            .map(|crc| format!("{}{crc:04X}", &text[..text.len() - 4]))
            .find(|text| Payload::parse(text).is_ok())
            .expect("one of them fits")
    }

    #[test]
    fn an_order_and_a_sign_are_read_back_also_after_a_rotation() {
        let mut file = keys(0);
        for (shown, name) in [
            (Shown::Order(ORDER), "ひので駅前店 Hinode Station"),
            (Shown::Sign(StoreNumber(3)), "日の出"),
            (Shown::Sign(StoreNumber(1)), &"a".repeat(100)),
        ] {
            let text = signs(&file).text(&shown, name).expect("it has a form");
            assert!(text.len() <= 512 && signs(&file).open(&text).expect("ours") == shown);
            file.rotate_fingerprint_key(&mut |bytes| bytes.fill(99), 0).expect("a rotation");
            assert_eq!(signs(&file).open(&text).expect("a printed sign outlives it"), shown);
            file = keys(0);
        }
    }

    #[test]
    fn others_read_amount_name_and_currency() {
        let file = keys(0);
        let text = signs(&file).text(&Shown::Order(ORDER), "ひので駅前店 Hinode  Station");
        let text = text.expect("it has a form");
        let payload = Payload::parse(&text).expect("whole");
        let read = [1, 53, 54, 58, 59].map(|id| payload.get(id).expect("it is there"));
        assert_eq!(read, ["12", "392", "1200", "JP", "Hinode Station"]);
        assert_eq!(payload.name_in_language(), Some(("JA", "ひので駅前店 Hinode  Station")));
        assert_eq!(ascii("日の出"), "SHOP");
        assert_eq!(ascii("a b c d e f g h i j k l m n o"), "a b c d e f g h i j k l m");
    }

    #[test]
    fn a_template_with_the_longest_identifier_is_not_too_long() {
        let file = keys(0);
        let identifier = "x".repeat(IDENTIFIER_CHARACTERS_MAX);
        let signs = Signs { identifier: &identifier, ..signs(&file) };
        let text = signs.text(&Shown::Order(ORDER), "x").expect("it fits");
        assert_eq!(signs.open(&text).expect("ours"), Shown::Order(ORDER));
    }

    #[test]
    fn a_foreign_cut_changed_or_faked_text_is_refused_each_with_its_reason() {
        let file = keys(0);
        let signs = signs(&file);
        let text = signs.text(&Shown::Order(ORDER), "Hinode").expect("it has a form");
        let sign = signs.text(&Shown::Sign(StoreNumber(3)), "Hinode").expect("it has a form");
        let foreign = Signs { identifier: "jp.other", ..signs };
        let foreign = foreign.text(&Shown::Order(ORDER), "Hinode").expect("it has a form");
        let other_keys = keys(100);
        let other_book = Signs { key: &other_keys.fingerprint, ..signs };
        let other_book = other_book.text(&Shown::Order(ORDER), "Hinode").expect("a form");
        let cheaper = with_crc(&text.replace("54041200", "54040012"));
        let less = with_crc(&text.replace("54041200", "54041100"));
        let priced = with_crc(&sign.replace("5303392", "530339254041200"));
        for (text, error) in [
            (&text[..text.len() - 1], EdgeError::PayloadMustBeWhole),
            ("https://example.com", EdgeError::PayloadMustBeWhole),
            (&text.replace("54041200", "54041100"), EdgeError::PayloadMustBeWhole),
            (&foreign, EdgeError::SignMustBeOurs),
            (&less, EdgeError::SignMustHold),
            (&cheaper, EdgeError::SignMustHold),
            (&priced, EdgeError::SignMustHold),
            (&other_book, EdgeError::SignMustHold),
        ] {
            assert_eq!(refused(signs.open(text)), error, "{text}");
        }
    }

    #[test]
    fn amounts_have_one_form() {
        let usd = Currency::parse("USD").expect("letters");
        for (amount, text) in [(0, "0.00"), (5, "0.05"), (1234, "12.34")] {
            assert_eq!(amount_text(usd, amount), text);
            assert_eq!(amount_of(usd, text), Some(amount));
        }
        for wrong in ["12", "1.2", "12.340", "-1.00", "+1.00", "01.00"] {
            assert_eq!(amount_of(usd, wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_but_ours_is_opened(
            text in any::<String>(), name in any::<String>()
        ) {
            let file = keys(0);
            prop_assert!(signs(&file).open(&text).is_err());
            let _ = signs(&file).text(&Shown::Sign(StoreNumber(3)), &name);
        }
    }
}
