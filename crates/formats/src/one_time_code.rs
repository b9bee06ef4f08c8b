//! A one-time code as something a register scans: Code 128 and QR.
//!
//! Shape: digits → [`Modules`] (a matrix of dark and light) → SVG text. Both symbols are built from
//! the same matrix that is exposed, so what is tested is what is drawn.
//!
//! - Code 128 in set C (ISO/IEC 15417): one symbol for two digits. 24 digits are start C, 12 data
//!   symbols, the check symbol and stop: 167 modules, with quiet zones of 10 modules.
//! - QR (ISO/IEC 18004): one numeric segment, error correction M. 24 digits fit version 1: 21 by 21
//!   modules, with a quiet zone of 4 modules.
//!
//! Limits: an even number of decimal digits, at most [`DIGITS_MAX`].
//!
//! Not here: Luhn digit, prefix and meaning of the digits, and how long they live.

use crate::symbol::{Modules, QR_QUIET_MODULES, svg};
use barcoders::sym::code128::Code128;
use qrcode::bits::Bits;
use qrcode::{EcLevel, QrCode, Version};
use std::error::Error;
use std::fmt;

/// The most digits drawn, in digits. A one-time code has 24; 48 leaves room for a longer format
/// without a barcode too wide for a phone.
pub const DIGITS_MAX: usize = 48;

/// Light modules on each side of a Code 128 symbol (ISO/IEC 15417, 4.6: at least 10).
pub const CODE128_QUIET_MODULES: usize = 10;

/// Height of the bars in modules. 15 % of the symbol's length is the least for scanning by hand (25
/// of 167).
const CODE128_HEIGHT_MODULES: usize = 60;

/// Start symbol, 11 modules a symbol, check symbol, stop of 13: what 24 digits cost beside their 12
/// symbols.
const CODE128_FRAME_MODULES: usize = 11 + 11 + 13;

/// The highest QR version tried. Version 2-M holds 63 digits, more than [`DIGITS_MAX`].
const QR_VERSION_MAX: i16 = 2;

/// Why digits were not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeError {
    /// Nothing to draw.
    Empty,
    /// More than [`DIGITS_MAX`] bytes.
    TooLong {
        /// Length of what was given, in bytes.
        length: usize,
    },
    /// A character that is no ASCII digit.
    NotDigit {
        /// Where the first one stands, in bytes from 0.
        position: usize,
    },
    /// An odd number of digits: set C writes pairs.
    Odd {
        /// Length of what was given, in digits.
        length: usize,
    },
    /// The encoder of a dependency refused checked digits, or drew another symbol: a bug, but one
    /// that costs a picture.
    Encoder,
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a code must have digits; give an even number of them"),
            Self::TooLong { length } => {
                write!(f, "a code must have at most {DIGITS_MAX} digits, not {length}; shorten it")
            }
            Self::NotDigit { position } => write!(
                f,
                "a code must have only the digits 0 to 9; remove the character at byte {position} \
                 (spaces too)"
            ),
            Self::Odd { length } => write!(
                f,
                "a code must have an even number of digits, not {length}; Code 128 set C writes \
                 pairs"
            ),
            Self::Encoder => {
                write!(f, "the symbol could not be drawn; show the digits instead and report this")
            }
        }
    }
}

impl Error for CodeError {}

/// The bars of `digits` as Code 128 in set C: one row, from start symbol to stop, without quiet
/// zone.
///
/// # Errors
/// [`CodeError`] when `digits` is no even, non-empty string of at most [`DIGITS_MAX`] ASCII digits.
pub fn code128_modules(digits: &str) -> Result<Modules, CodeError> {
    check(digits)?;
    // "Ć" is how barcoders writes "start in set C".
    let symbol = Code128::new(format!("Ć{digits}")).map_err(|_| CodeError::Encoder)?;
    let dark: Vec<bool> = symbol.encode().into_iter().map(|module| module == 1).collect();
    let width = CODE128_FRAME_MODULES + digits.len() / 2 * 11;
    if dark.len() != width {
        return Err(CodeError::Encoder);
    }
    Ok(Modules::new(width, dark))
}

/// `digits` as a QR symbol of one numeric segment at error correction M, without quiet zone.
///
/// # Errors
/// [`CodeError`] when `digits` is no even, non-empty string of at most [`DIGITS_MAX`] ASCII digits.
pub fn qr_modules(digits: &str) -> Result<Modules, CodeError> {
    check(digits)?;
    let code = (1..=QR_VERSION_MAX)
        .find_map(|version| numeric_qr(digits, Version::Normal(version)))
        .ok_or(CodeError::Encoder)?;
    Ok(Modules::of_qr(code))
}

/// The symbol in this version, `None` where it does not fit.
fn numeric_qr(digits: &str, version: Version) -> Option<QrCode> {
    let mut bits = Bits::new(version);
    bits.push_numeric_data(digits.as_bytes()).ok()?;
    bits.push_terminator(EcLevel::M).ok()?;
    QrCode::with_bits(bits, EcLevel::M).ok()
}

/// An SVG of `digits` as Code 128 in set C, quiet zones included: 187 by 60 units for 24 digits.
///
/// # Errors
/// As [`code128_modules`].
pub fn code128_svg(digits: &str) -> Result<String, CodeError> {
    let modules = code128_modules(digits)?;
    Ok(svg(&modules, CODE128_QUIET_MODULES, 0, CODE128_HEIGHT_MODULES))
}

/// An SVG of `digits` as QR, quiet zone included: 29 by 29 units for 24 digits.
///
/// # Errors
/// As [`qr_modules`].
pub fn qr_svg(digits: &str) -> Result<String, CodeError> {
    let modules = qr_modules(digits)?;
    Ok(svg(&modules, QR_QUIET_MODULES, QR_QUIET_MODULES, 1))
}

fn check(digits: &str) -> Result<(), CodeError> {
    let length = digits.len();
    if length == 0 {
        return Err(CodeError::Empty);
    }
    if length > DIGITS_MAX {
        return Err(CodeError::TooLong { length });
    }
    if let Some(position) = digits.bytes().position(|byte| !byte.is_ascii_digit()) {
        return Err(CodeError::NotDigit { position });
    }
    if !length.is_multiple_of(2) {
        return Err(CodeError::Odd { length });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::picture::{PIXELS, paint, scan};
    use proptest::prelude::*;
    use rxing::BarcodeFormat;

    #[test]
    fn twenty_four_digits_are_start_c_twelve_symbols_check_and_stop() {
        let digits = "123456789012345678901234";
        let read = scan(&code128_svg(digits).expect("digits"), BarcodeFormat::CODE_128);
        let symbols = read.getRawBytes();
        let data = [12, 34, 56, 78, 90, 12, 34, 56, 78, 90, 12, 34];
        let weighted: u32 =
            data.iter().zip(1..).map(|(value, weight)| u32::from(*value) * weight).sum();
        let check = u8::try_from((105 + weighted) % 103).expect("below 103");
        let mut expected = vec![105];
        expected.extend_from_slice(&data);
        expected.extend_from_slice(&[check, 106]);
        assert_eq!(symbols, expected);
        assert_eq!(code128_modules(digits).expect("digits").width(), 167);
    }

    #[test]
    fn twenty_four_digits_fit_the_smallest_qr_which_only_the_numeric_mode_does() {
        // Version 1-M holds 34 digits, but only 20 alphanumeric characters or 14 bytes.
        let modules = qr_modules("999999999999999999999999").expect("digits");
        assert_eq!((modules.width(), modules.height()), (21, 21));
        let read =
            scan(&qr_svg("999999999999999999999999").expect("digits"), BarcodeFormat::QR_CODE);
        let level = read
            .getRXingResultMetadata()
            .get(&rxing::RXingResultMetadataType::ERROR_CORRECTION_LEVEL);
        assert_eq!(format!("{level:?}"), "Some(ErrorCorrectionLevel(\"M\"))");
    }

    #[test]
    fn the_quiet_zones_are_white() {
        for (svg, x, y) in [
            (code128_svg("001122").expect("digits"), CODE128_QUIET_MODULES, 0),
            (qr_svg("001122").expect("digits"), QR_QUIET_MODULES, QR_QUIET_MODULES),
        ] {
            let picture = paint(&svg);
            let (x, y) = (x * PIXELS, y * PIXELS);
            for (row, pixels) in picture.luma.chunks_exact(picture.width).enumerate() {
                let outside = row < y || row >= picture.height - y;
                let quiet = pixels
                    .iter()
                    .enumerate()
                    .filter(|(column, _)| outside || *column < x || *column >= picture.width - x);
                assert!(quiet.into_iter().all(|(_, pixel)| *pixel == 255));
            }
            // The zone ends where the symbol begins.
            assert!(picture.luma.chunks_exact(picture.width).any(|pixels| pixels[x] == 0));
        }
    }

    #[test]
    fn the_svg_suits_a_strict_content_security_policy() {
        for svg in [code128_svg("12").expect("digits"), qr_svg("12").expect("digits")] {
            for banned in ["style", "script", "href", "on", "<text", "<!", "&"] {
                assert!(
                    !svg.replace("http://www.w3.org/2000/svg", "").contains(banned),
                    "{banned}"
                );
            }
        }
    }

    #[test]
    fn anything_but_an_even_number_of_digits_is_refused_with_its_reason() {
        let long = "1".repeat(DIGITS_MAX + 2);
        let cases = [
            ("", CodeError::Empty),
            (long.as_str(), CodeError::TooLong { length: DIGITS_MAX + 2 }),
            ("12 4", CodeError::NotDigit { position: 2 }),
            ("１２", CodeError::NotDigit { position: 0 }),
            ("12Ć4", CodeError::NotDigit { position: 2 }),
            ("123", CodeError::Odd { length: 3 }),
        ];
        for (digits, error) in cases {
            assert_eq!(code128_svg(digits), Err(error));
            assert_eq!(qr_svg(digits), Err(error));
            assert!(error.to_string().starts_with("a code must"), "{error}");
        }
        assert!(CodeError::Encoder.to_string().contains("show the digits"));
    }

    #[test]
    fn every_length_up_to_the_limit_is_drawn() {
        for pairs in 1..=DIGITS_MAX / 2 {
            let digits = "07".repeat(pairs);
            assert_eq!(
                scan(&code128_svg(&digits).expect("digits"), BarcodeFormat::CODE_128).getText(),
                digits
            );
            assert_eq!(
                scan(&qr_svg(&digits).expect("digits"), BarcodeFormat::QR_CODE).getText(),
                digits
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_scanner_reads_back_the_same_digits_from_code_128(digits in "[0-9]{24}") {
            let read = scan(&code128_svg(&digits).expect("digits"), BarcodeFormat::CODE_128);
            prop_assert_eq!(read.getText(), digits.as_str());
            prop_assert_eq!(read.getRawBytes().len(), 15);
            prop_assert_eq!(read.getRawBytes()[0], 105);
        }

        #[test]
        fn a_scanner_reads_back_the_same_digits_from_qr(digits in "[0-9]{24}") {
            let read = scan(&qr_svg(&digits).expect("digits"), BarcodeFormat::QR_CODE);
            prop_assert_eq!(read.getText(), digits.as_str());
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = code128_svg(&text);
            let _ = qr_svg(&text);
        }
    }
}
