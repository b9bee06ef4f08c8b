//! Money: an integer of minor units in the book's one currency.

use crate::row::{Field, Kind, Source, Value};

/// The largest amount of one request, minor units.
pub const AMOUNT_MAX: i64 = 1_000_000_000;

/// Whether an amount of this size can be asked for.
pub const fn amount_is_in_range(amount: i64) -> bool {
    1 <= amount && amount <= AMOUNT_MAX
}

/// An ISO 4217 currency code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Japanese yen, no minor unit.
    pub const JPY: Self = Self(*b"JPY");

    /// Reads a three-letter code.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters are ASCII")
    }
}

impl Field for Currency {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        let text = source.text(index)?;
        Self::parse(text).ok_or_else(|| format!("is no ISO 4217 code: {text:?}"))
    }
}
