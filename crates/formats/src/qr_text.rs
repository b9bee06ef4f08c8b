//! A short text as QR (ISO/IEC 18004): what a shop shows or prints.
//!
//! Shape: text → [`Modules`] → SVG text, as for a one-time code. Error correction M, the smallest
//! version that holds the text. ASCII is cut into the segments that are shortest; any other text is
//! one segment, the bytes of its UTF-8, as readers of EMV texts expect.
//!
//! Limits: 1 to [`BYTES_MAX`] bytes of UTF-8.

use crate::symbol::{Modules, QR_QUIET_MODULES, svg};
use qrcode::bits::Bits;
use qrcode::{EcLevel, QrCode, Version};
use std::error::Error;
use std::fmt;

/// The longest text drawn, bytes of UTF-8: the longest that `EMVCo` allows, version 18 at M.
pub const BYTES_MAX: usize = 512;

/// The highest QR version tried: 18-M holds 560 bytes.
const QR_VERSION_MAX: i16 = 18;

/// Why a text was not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrTextError {
    /// Nothing to draw.
    Empty,
    /// More than [`BYTES_MAX`] bytes.
    TooLong {
        /// Length of what was given, in bytes.
        length: usize,
    },
    /// The encoder of a dependency refused a checked text: a bug, but one that costs a picture.
    Encoder,
}

impl fmt::Display for QrTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a text must have characters to be drawn"),
            Self::TooLong { length } => {
                write!(f, "a text must have at most {BYTES_MAX} bytes, not {length}; shorten it")
            }
            Self::Encoder => write!(f, "the symbol could not be drawn; report this"),
        }
    }
}

impl Error for QrTextError {}

/// `text` as a QR symbol at error correction M, without quiet zone.
///
/// # Errors
/// [`QrTextError`] when `text` is empty or longer than [`BYTES_MAX`].
pub fn qr_modules(text: &str) -> Result<Modules, QrTextError> {
    let length = text.len();
    if length == 0 {
        return Err(QrTextError::Empty);
    }
    if length > BYTES_MAX {
        return Err(QrTextError::TooLong { length });
    }
    if text.is_ascii() {
        let code = QrCode::with_error_correction_level(text, EcLevel::M);
        return code.map(Modules::of_qr).map_err(|_| QrTextError::Encoder);
    }
    let code = (1..=QR_VERSION_MAX).find_map(|version| bytes_qr(text, Version::Normal(version)));
    code.map(Modules::of_qr).ok_or(QrTextError::Encoder)
}

/// The symbol in this version as one segment of bytes, `None` where it does not fit. The encoder's
/// own choice would take pairs of UTF-8 bytes for kanji of Shift JIS.
fn bytes_qr(text: &str, version: Version) -> Option<QrCode> {
    let mut bits = Bits::new(version);
    bits.push_byte_data(text.as_bytes()).ok()?;
    bits.push_terminator(EcLevel::M).ok()?;
    QrCode::with_bits(bits, EcLevel::M).ok()
}

/// An SVG of `text` as QR, quiet zone included.
///
/// # Errors
/// As [`qr_modules`].
pub fn qr_svg(text: &str) -> Result<String, QrTextError> {
    let modules = qr_modules(text)?;
    Ok(svg(&modules, QR_QUIET_MODULES, QR_QUIET_MODULES, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::picture::scan;
    use proptest::prelude::*;
    use rxing::BarcodeFormat;

    #[test]
    fn a_scanner_reads_back_a_text_with_kana_and_digits() {
        for text in [
            "1",
            "日の出 ﾃﾝ あ漢字",
            "00020101021229300012D15600000000",
            "64180002JA0108メルペイ カフェ",
        ] {
            let read = scan(&qr_svg(text).expect("short"), BarcodeFormat::QR_CODE);
            assert_eq!(read.getText(), text);
        }
    }

    #[test]
    fn the_longest_text_is_drawn_and_a_longer_one_refused() {
        let longest = "あ".repeat(170) + "ab";
        assert_eq!(longest.len(), BYTES_MAX);
        assert_eq!(qr_modules(&longest).expect("it fits").width(), 17 + 4 * 18);
        let refused = qr_svg(&format!("{longest}c")).expect_err("too long");
        assert_eq!(refused, QrTextError::TooLong { length: BYTES_MAX + 1 });
        assert_eq!(qr_svg(""), Err(QrTextError::Empty));
        for error in [refused, QrTextError::Empty, QrTextError::Encoder] {
            assert!(error.to_string().contains("must") || error == QrTextError::Encoder);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_scanner_reads_back_the_same_text(text in "[ -~]{1,300}") {
            let read = scan(&qr_svg(&text).expect("short"), BarcodeFormat::QR_CODE);
            prop_assert_eq!(read.getText(), text.as_str());
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = qr_svg(&text);
        }
    }
}
