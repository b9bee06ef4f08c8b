//! Lower-case hex, written and read in its one form.

/// Two digits a byte.
pub(crate) fn text(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Any number of bytes; `None` for upper case, an odd length or any other character.
pub(crate) fn any(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let read = |pair: &[u8; 2]| bytes::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte);
    if rest.is_empty() { pairs.iter().map(read).collect() } else { None }
}

/// Exactly `N` bytes; `None` for another length, upper case or any other character.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_one_form_is_read() {
        assert_eq!(super::text(&[0, 0x9a, 0xff]), "009aff");
        assert_eq!(super::bytes("009aff"), Some([0, 0x9a, 0xff]));
        for wrong in ["", "009af", "009aff0", "009aff00", "009AFF", "009ag0", " 09aff", "０９"] {
            assert_eq!(super::bytes::<3>(wrong), None, "{wrong}");
        }
    }
}
