//! Recovery codes: ten codes on paper, each of which counts once when everything else is lost.
//!
//! ```text
//! shown: XXXX-XXXX-XXXX-XXXX, 80 bits in Crockford's base32
//! kept:  key (32 bytes) | ten digests (32 bytes each), keyed BLAKE3 of the code's bytes
//! ```
//!
//! The key is chance, and kept beside: nobody searches for the codes of two members at once. A
//! thief of the database has 80 bits before him, which is why no slow digest is needed.
//!
//! What is typed is read as it is meant: small letters, `O` for 0, `I` and `L` for 1, spaces and
//! dashes anywhere, full-width characters as an input method leaves them. `U` is in no code.
//!
//! The caller keeps which codes were used, by the index that [`check`] gives, in the commit that a
//! code leads to. Not here: how often codes may be tried.

use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// How many codes a sheet has.
pub const CODES: usize = 10;

/// Bytes of chance that a sheet takes.
pub const CHANCE_BYTES: usize = KEY_BYTES + CODES * CODE_BYTES;

/// Bytes that are kept of a sheet.
pub const KEPT_BYTES: usize = KEY_BYTES + CODES * DIGEST_BYTES;

const KEY_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
const CODE_BYTES: usize = 10;
const CODE_CHARACTERS: usize = 16;
const GROUP_CHARACTERS: usize = 4;

/// Crockford's base32: no `I`, `L`, `O`, `U`.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A sheet of codes.
pub struct Sheet {
    /// What a person sees once; wiped when dropped.
    pub codes: Zeroizing<Vec<String>>,
    /// What is kept.
    pub kept: [u8; KEPT_BYTES],
}

/// A new sheet, from bytes of chance.
pub fn new(mut chance: [u8; CHANCE_BYTES]) -> Sheet {
    let mut kept = [0; KEPT_BYTES];
    let (key, codes) = chance.split_at(KEY_BYTES);
    let (kept_key, digests) = kept.split_at_mut(KEY_BYTES);
    kept_key.copy_from_slice(key);
    let (codes, _) = codes.as_chunks::<CODE_BYTES>();
    let (digests, _) = digests.as_chunks_mut::<DIGEST_BYTES>();
    let mut texts = Zeroizing::new(Vec::with_capacity(CODES));
    for (code, kept) in codes.iter().zip(digests) {
        *kept = digest(kept_key, code);
        texts.push(text(code));
    }
    chance.zeroize();
    Sheet { codes: texts, kept }
}

/// Which code of a sheet was typed, from 0. The same time for every code, used or not; none for
/// what is no code, and for what was kept of no sheet.
pub fn check(kept: &[u8], typed: &str) -> Option<usize> {
    let kept: &[u8; KEPT_BYTES] = kept.try_into().ok()?;
    let code = read(typed)?;
    let (key, digests) = kept.split_at(KEY_BYTES);
    let typed = digest(key, &code);
    let mut found = u8::MAX;
    for (index, kept) in (0_u8..).zip(digests.as_chunks::<DIGEST_BYTES>().0) {
        found.conditional_assign(&index, kept.ct_eq(&typed));
    }
    (found != u8::MAX).then(|| usize::from(found))
}

fn digest(key: &[u8], code: &[u8; CODE_BYTES]) -> [u8; DIGEST_BYTES] {
    let key = key.try_into().expect("a key has 32 bytes");
    *blake3::keyed_hash(key, code).as_bytes()
}

/// Groups of four, dashes between.
fn text(code: &[u8; CODE_BYTES]) -> String {
    let mut text = String::with_capacity(CODE_CHARACTERS + CODE_CHARACTERS / GROUP_CHARACTERS);
    let (mut bits, mut held) = (0_u16, 0_u32);
    for byte in code {
        bits = (bits << 8) | u16::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            if !text.is_empty() && text.replace('-', "").len().is_multiple_of(GROUP_CHARACTERS) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from((bits >> held) & 31)]));
        }
    }
    text
}

/// The bytes of what was typed; none if it is no code.
fn read(typed: &str) -> Option<Zeroizing<[u8; CODE_BYTES]>> {
    let mut code = Zeroizing::new([0; CODE_BYTES]);
    let mut places = code.iter_mut();
    let (mut bits, mut held, mut count) = (0_u16, 0_u32, 0_usize);
    for character in typed.chars().map(half_width) {
        if character == '-' || character.is_whitespace() {
            continue;
        }
        bits = (bits << 5) | value(character)?;
        held += 5;
        count += 1;
        if held >= 8 {
            held -= 8;
            *places.next()? = (bits >> held).to_le_bytes()[0];
        }
    }
    (count == CODE_CHARACTERS).then_some(code)
}

/// As the Latin character of the same form (U+FF01 to U+FF5E stand 0xFEE0 behind ASCII); the other
/// dashes of an input method as a dash.
fn half_width(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        'ー' | '―' | '‐' | '−' => '-',
        _ => character,
    }
}

fn value(character: char) -> Option<u16> {
    let character = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = DIGITS.iter().position(|digit| char::from(*digit) == character)?;
    u16::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn sheet() -> Sheet {
        let mut chance = [0; CHANCE_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut chance);
        new(chance)
    }

    #[test]
    fn every_code_of_a_sheet_is_found_and_all_differ() {
        let sheet = sheet();
        for (index, code) in sheet.codes.iter().enumerate() {
            assert_eq!(check(&sheet.kept, code), Some(index));
            let groups: Vec<_> = code.split('-').map(str::len).collect();
            assert_eq!(groups, [4; 4], "{code}");
            assert!(!code.contains(['I', 'L', 'O', 'U']), "{code}");
        }
        let codes: BTreeSet<_> = sheet.codes.iter().collect();
        assert_eq!(codes.len(), CODES);
    }

    #[test]
    fn a_code_is_read_as_it_is_meant() {
        let mut chance = [0; CHANCE_BYTES];
        chance[KEY_BYTES..KEY_BYTES + CODE_BYTES]
            .copy_from_slice(&[0, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        let sheet = new(chance);
        assert_eq!(sheet.codes[0], "0123-4567-89AB-CDEF");
        for typed in [
            "0123456789abcdef",
            "o1 23 45 67 89 AB CD EF",
            " Oi23-4567-89ab-cdef ",
            "0l23--4567-89ABCDEF",
            "０１２３ー４５６７－８９ａｂ−ｃｄｅｆ",
        ] {
            assert_eq!(check(&sheet.kept, typed), Some(0), "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_of_a_sheet_is_none() {
        let (first, mut chance) = (sheet(), [0; CHANCE_BYTES]);
        blake3::Hasher::new_derive_key("another").finalize_xof().fill(&mut chance);
        let second = new(chance);
        assert_eq!(check(&first.kept, &second.codes[0]), None);
        let code = first.codes[0].clone();
        let (short, long) = (&code[1..], format!("{code}0"));
        for wrong in
            ["", "-", short, &long, "UUUU-UUUU-UUUU-UUUU", "日本語日本語日本語日本語日本語日"]
        {
            assert_eq!(check(&first.kept, wrong), None, "{wrong}");
        }
        assert_eq!(check(&first.kept[1..], &code), None);
        assert_eq!(check(&[], &code), None);
    }

    #[test]
    fn no_code_is_in_what_is_kept() {
        let sheet = sheet();
        for code in sheet.codes.iter() {
            let bytes = read(code).expect("a code");
            assert!(!sheet.kept.windows(4).any(|window| window == &bytes[..4]));
        }
    }
}
