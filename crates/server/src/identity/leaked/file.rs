//! A filter in its file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use xorf::{BinaryFuse16, Descriptor};

use super::{Filter, PASSWORDS_MAX, SEGMENTS};

/// What a file begins with; the last character counts its form.
pub const MAGIC: &[u8; 16] = b"yaoki leaked pw1";

/// 2.3 bytes a password, and the smallest segments.
const FILE_BYTES_MAX: u64 = PASSWORDS_MAX * 3 + 65_536;

/// Why a filter was not read.
#[derive(Debug, Error)]
pub enum FileError {
    /// Opening failed.
    #[error(
        "the filter of leaked passwords {} could not be opened; check the setting \
         `leaked_passwords` and who owns the file", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed.
    #[error("the filter of leaked passwords could not be read")]
    Read(#[from] io::Error),
    /// Another file, or another version.
    #[error(
        "the filter of leaked passwords must be one that `yaoki admin leaked-passwords build` of \
         this release made"
    )]
    Form,
    /// Not what was written.
    #[error(
        "the filter of leaked passwords must be as it was made; this one is damaged: make it again"
    )]
    Damaged,
}

impl Filter {
    /// Writes it, checksum last.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut hasher = blake3::Hasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
            out.write_all(bytes)
        };
        put(MAGIC)?;
        put(&self.passwords.to_le_bytes())?;
        for segment in &self.segments {
            let Some(filter) = segment else {
                put(&[0; DESCRIPTOR_BYTES + 4])?;
                continue;
            };
            let descriptor = &filter.descriptor;
            put(&descriptor.seed.to_le_bytes())?;
            put(&descriptor.segment_length.to_le_bytes())?;
            put(&descriptor.segment_length_mask.to_le_bytes())?;
            put(&descriptor.segment_count_length.to_le_bytes())?;
            let length = u32::try_from(filter.fingerprints.len()).map_err(io::Error::other)?;
            put(&length.to_le_bytes())?;
            let fingerprints: Vec<u8> =
                filter.fingerprints.iter().flat_map(|print| print.to_le_bytes()).collect();
            put(&fingerprints)?;
        }
        let sum = hasher.finalize();
        out.write_all(sum.as_bytes())
    }

    /// Reads the file at `path`, as [`read`](Self::read) does.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let open = |source| FileError::Open { path: path.to_owned(), source };
        Self::read(&mut File::open(path).map_err(open)?)
    }

    /// Reads one that was written, and nothing else.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(file: &mut impl Read) -> Result<Self, FileError> {
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        if !bytes.starts_with(MAGIC) {
            return Err(FileError::Form);
        }
        let (content, sum) =
            bytes.split_last_chunk::<{ blake3::OUT_LEN }>().ok_or(FileError::Damaged)?;
        if blake3::hash(content) != *sum {
            return Err(FileError::Damaged);
        }
        let mut rest = content.get(MAGIC.len()..).ok_or(FileError::Damaged)?;
        let passwords = u64::from_le_bytes(*take(&mut rest)?);
        let segments = (0..SEGMENTS).map(|_| segment(&mut rest)).collect::<Result<_, _>>()?;
        if rest.is_empty() { Ok(Self { passwords, segments }) } else { Err(FileError::Damaged) }
    }
}

/// Seed, length, mask and count of a segment.
const DESCRIPTOR_BYTES: usize = 20;

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], FileError> {
    let (first, after) = rest.split_first_chunk().ok_or(FileError::Damaged)?;
    *rest = after;
    Ok(first)
}

fn number(rest: &mut &[u8]) -> Result<u32, FileError> {
    Ok(u32::from_le_bytes(*take(rest)?))
}

fn segment(rest: &mut &[u8]) -> Result<Option<BinaryFuse16>, FileError> {
    let seed = u64::from_le_bytes(*take(rest)?);
    let length = number(rest)?;
    let mask = number(rest)?;
    let count_length = number(rest)?;
    let prints = number(rest)?;
    if prints == 0 {
        return Ok(None);
    }
    // As the filter looks its three places up: none may lie behind the last fingerprint.
    let spans = length.checked_mul(2).and_then(|two| two.checked_add(count_length));
    let is_whole = length.is_power_of_two() && mask == length - 1 && spans == Some(prints);
    let bytes = usize::try_from(prints).ok().and_then(|prints| prints.checked_mul(2));
    let bytes = bytes.filter(|bytes| is_whole && *bytes <= rest.len()).ok_or(FileError::Damaged)?;
    let (fingerprints, after) = rest.split_at(bytes);
    *rest = after;
    let pairs = fingerprints.as_chunks::<2>().0;
    let descriptor = Descriptor {
        seed,
        segment_length: length,
        segment_length_mask: mask,
        segment_count_length: count_length,
    };
    let fingerprints = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    Ok(Some(BinaryFuse16 { descriptor, fingerprints }))
}
