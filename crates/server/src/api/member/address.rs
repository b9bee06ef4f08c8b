//! Addresses as members type them, in the one form in which they are kept, and what they are
//! digested to.

use yaoki_core::message::{Address, Channel};

use crate::app::App;
use crate::edge::problem::Problem;

/// The longest mail address, bytes (RFC 5321, 4.5.3.1.3).
const MAIL_BYTES_MAX: usize = 254;
/// The longest telephone number, digits (E.164).
const PHONE_DIGITS_MAX: usize = 15;
const PHONE_DIGITS_MIN: usize = 8;
/// Where a number without a country is: Japan.
const COUNTRY: &str = "+81";

/// An address in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Mail or telephone.
    pub channel: Channel,
    /// As it is kept.
    pub address: Address,
}

impl Typed {
    /// Reads a mail address or a telephone number.
    ///
    /// # Errors
    /// Says what must stand there.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        let found = if text.contains('@') { mail(text) } else { phone(text) };
        found.ok_or_else(|| {
            let must = "must be a mail address, or a telephone number such as 090-1234-5678 or \
                        +81 90 1234 5678";
            Problem::field("address", must)
        })
    }

    /// What the address is found by.
    pub fn digest(&self, app: &App) -> [u8; 32] {
        digest(app, "address", &[&self.channel.code().to_be_bytes(), self.address.0.as_bytes()])
    }
}

fn mail(text: &str) -> Option<Typed> {
    // The part before @ is the provider's to compare; nearly all take it without case.
    let address = text.to_lowercase();
    let parsed: lettre::Address = address.parse().ok()?;
    let plain = address.len() <= MAIL_BYTES_MAX && parsed.domain().contains('.');
    plain.then_some(Typed { channel: Channel::Mail, address: Address(address) })
}

fn phone(text: &str) -> Option<Typed> {
    let between = |sign: &char| matches!(sign, ' ' | '-' | '(' | ')' | '.');
    let text: String = text.chars().filter(|sign| !between(sign)).collect();
    let text = match (text.strip_prefix('+'), text.strip_prefix('0')) {
        (Some(_), _) => text,
        (None, Some(national)) => format!("{COUNTRY}{national}"),
        (None, None) => return None,
    };
    let digits = text.strip_prefix('+')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let fits = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len());
    (plain && fits).then_some(Typed { channel: Channel::Sms, address: Address(text) })
}

/// A keyed digest of what people type or are shown.
pub fn digest(app: &App, what: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(&app.keyring().file.people_key());
    for part in [what.as_bytes()].iter().chain(parts) {
        hasher.update(&u64::try_from(part.len()).expect("it is short").to_be_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form_however_it_is_typed() {
        for (typed, kept) in [
            ("  Hanako@Example.JP ", "hanako@example.jp"),
            ("090-1234-5678", "+819012345678"),
            ("+81 (90) 1234.5678", "+819012345678"),
        ] {
            assert_eq!(Typed::read(typed).expect(typed).address.0, kept);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in ["", "@", "a@b", "a@@example.jp", "12345678", "+0123456789", "+1", "a b@c.d"] {
            assert!(Typed::read(typed).is_err(), "{typed}");
        }
        assert!(Typed::read(&format!("{}@example.jp", "a".repeat(300))).is_err());
    }
}
