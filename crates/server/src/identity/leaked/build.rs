//! A filter from a list, read once from its beginning.

use std::io::{self, BufRead, Read};

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use xorf::BinaryFuse16;

use super::{Filter, LINE_BYTES_MAX, PASSWORDS_MAX, SEGMENTS, key, key_of_hash, segment};

/// Digits of a SHA-1 in hex.
const HASH_DIGITS: usize = 40;

/// Why no filter was made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Reading failed.
    #[error("the list could not be read at line {line}")]
    Read {
        /// From 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A line among hashes that is none.
    #[error(
        "line {line} must be 40 hex digits of SHA-1, a colon and a count, as the first one is; the \
         list is damaged, or two lists in one"
    )]
    Line {
        /// From 1.
        line: u64,
    },
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("line {line} must be at most {LINE_BYTES_MAX} bytes; is this a list of passwords?")]
    LineTooLong {
        /// From 1.
        line: u64,
    },
    /// Counts are wanted, and passwords have none.
    #[error("a list of plain passwords has no counts; leave `--count-min` out")]
    NoCounts,
    /// More than [`PASSWORDS_MAX`].
    #[error(
        "a filter has at most {PASSWORDS_MAX} passwords, which are reached at line {line}; take \
         those seen most often, with a higher `--count-min`, or the beginning of a plain list"
    )]
    TooMany {
        /// From 1.
        line: u64,
    },
    /// Nothing was taken.
    #[error("the list must have a password that is seen often enough")]
    Empty,
    /// The filter's construction failed a thousand times.
    #[error("the filter could not be made of this list; report it")]
    Filter,
}

/// The form of a list, by its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `SHA1:COUNT`, as Have I Been Pwned gives them; the count may be missing.
    Hashes,
    /// A password a line.
    Plain,
}

/// Makes a filter of a list: lines of `SHA1:COUNT` in hex, or of a password each; which, its first
/// line says. Of hashes those are taken that were seen `count_min` times. `progress` is told how
/// many bytes were read, now and then.
///
/// # Errors
/// [`BuildError`], with the line.
pub fn build(
    list: &mut impl BufRead,
    count_min: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Filter, BuildError> {
    let mut segments = vec![Vec::new(); SEGMENTS];
    let (mut form, mut bytes, mut taken) = (None, 0_u64, 0_u64);
    let mut text = Vec::new();
    for line in 1_u64.. {
        bytes += read_line(list, &mut text, line)?;
        if text.is_empty() {
            break;
        }
        let content = text.trim_ascii_end();
        if content.is_empty() {
            continue;
        }
        let form = *form.get_or_insert_with(|| form_of(content));
        if form == Form::Plain && count_min > 1 {
            return Err(BuildError::NoCounts);
        }
        if let Some(key) = key_of_line(form, &text, count_min, line)? {
            taken += 1;
            if taken > PASSWORDS_MAX {
                return Err(BuildError::TooMany { line });
            }
            segments[segment(key)].push(key);
        }
        if line.is_multiple_of(65_536) {
            progress(bytes);
        }
    }
    progress(bytes);
    filter(segments)
}

/// Reads a line with its end; nothing where the list ends.
fn read_line(list: &mut impl BufRead, text: &mut Vec<u8>, line: u64) -> Result<u64, BuildError> {
    text.clear();
    let read = list.take(LINE_BYTES_MAX + 1).read_until(b'\n', text);
    let read = read.map_err(|source| BuildError::Read { line, source })?;
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    if read > LINE_BYTES_MAX { Err(BuildError::LineTooLong { line }) } else { Ok(read) }
}

fn form_of(line: &[u8]) -> Form {
    if hash_of(line).is_some() { Form::Hashes } else { Form::Plain }
}

/// Hash and count; a hash alone was seen once.
fn hash_of(line: &[u8]) -> Option<([u8; HASH_DIGITS / 2], u64)> {
    let (digits, rest) = line.split_first_chunk::<HASH_DIGITS>()?;
    let mut hash = [0; HASH_DIGITS / 2];
    for (byte, pair) in hash.iter_mut().zip(digits.as_chunks::<2>().0) {
        let pair = std::str::from_utf8(pair).ok()?;
        // Signs are no digits here.
        let digits = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits)?;
    }
    let count = match rest {
        [] => 1,
        [b':', count @ ..] => std::str::from_utf8(count).ok()?.trim().parse().ok()?,
        _ => return None,
    };
    Some((hash, count))
}

fn key_of_line(
    form: Form,
    text: &[u8],
    count_min: u64,
    line: u64,
) -> Result<Option<u64>, BuildError> {
    match form {
        Form::Hashes => {
            let found = hash_of(text.trim_ascii_end()).ok_or(BuildError::Line { line })?;
            let (hash, count) = found;
            Ok(key_of_hash(&hash).filter(|_| count >= count_min))
        }
        Form::Plain => {
            let end = text.strip_suffix(b"\n").unwrap_or(text);
            let end = end.strip_suffix(b"\r").unwrap_or(end);
            // Another encoding is no password that anybody can give here.
            let password = std::str::from_utf8(end).ok();
            Ok(password.map(|password| key(&password.nfc().collect::<String>())))
        }
    }
}

fn filter(segments: Vec<Vec<u64>>) -> Result<Filter, BuildError> {
    let (mut passwords, mut filters) = (0, Vec::with_capacity(SEGMENTS));
    for mut keys in segments {
        keys.sort_unstable();
        keys.dedup();
        passwords += u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let made = match keys.as_slice() {
            [] => None,
            keys => Some(BinaryFuse16::try_from(keys).map_err(|_| BuildError::Filter)?),
        };
        filters.push(made);
    }
    if passwords == 0 {
        Err(BuildError::Empty)
    } else {
        Ok(Filter { passwords, segments: filters })
    }
}
