//! What can go wrong with a key file: one variant a failing step, each with its cure.

use super::{FILE_BYTES_MAX, FORMAT, GENERATIONS_MAX, KeyName, VERSION};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a key file was not read, written or changed. The texts never hold a key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// Opening failed.
    #[error("the key file {} could not be opened; check `--keys` and who owns it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the key file {} must be readable by its owner only, but its mode is {mode:04o}; run \
         `chmod 600 {}`, and \
         rotate the keys if others were on this machine", path.display(), path.display()
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a pipe, a device.
    #[error("the key file {} must be a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Larger than [`FILE_BYTES_MAX`].
    #[error(
        "the key file {} must be at most {FILE_BYTES_MAX} bytes; this is another file",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("the key file {} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is one already.
    #[error(
        "the key file {} exists and is never overwritten: without it no code and no terminal key \
         would be valid; \
         give another path, or rotate its keys", path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file written beside is there.
    #[error(
        "another rotation is writing {}; wait for it, or remove that file if its process is \
         gone", path.display()
    )]
    Busy {
        /// The file written beside.
        path: PathBuf,
    },
    /// Writing or syncing failed; an older file is untouched.
    #[error(
        "the key file {} could not be written; check the folder's owner and free space",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is in place, but its folder was not synced: a power cut may bring the older one
    /// back.
    #[error("the folder of the key file {} could not be synced; check the disk, then read the \
        file again", path.display())]
    SyncFolder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No key file, or a damaged one. The parser's words are left out where they could quote the
    /// text.
    #[error(
        "the key file must be JSON as `yaoki admin` wrote it, but line {line}, column {column} is \
         not; \
         bring it back from its copy"
    )]
    Form {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Another format or version.
    #[error(
        "the key file must say format `{FORMAT}`, version {VERSION}; it is of another release or \
         another program"
    )]
    Version,
    /// A value that does not match its id.
    #[error("the {name} key must match its id; the file is damaged: bring it back from its copy")]
    IdWrong {
        /// The key.
        name: KeyName,
    },
    /// Generations that do not fall, or are 0.
    #[error(
        "the generations of the {name} key must fall from newest to oldest, down to 1 at the least"
    )]
    GenerationsDisordered {
        /// The key.
        name: KeyName,
    },
    /// The last rotation still runs.
    #[error(
        "the {name} key was rotated and the previous one is accepted until {until_ms} (Unix \
         milliseconds); \
         wait until then, or rotate with a lifetime of 0 to drop both"
    )]
    RotationRunning {
        /// The key.
        name: KeyName,
        /// When it ends, in Unix milliseconds.
        until_ms: i64,
    },
    /// [`GENERATIONS_MAX`] reached.
    #[error("the {name} key has {GENERATIONS_MAX} older generations, the most a key file keeps")]
    GenerationsFull {
        /// The key.
        name: KeyName,
    },
    /// Ed25519 refused the seed.
    #[error(
        "the seed of the checkpoint key must be an Ed25519 seed; bring the key file back from its \
         copy"
    )]
    CheckpointSeed,
}
