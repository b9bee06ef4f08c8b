//! How the program ends: an exit code for each kind of end, and a text that says what to do.

use std::fmt;
use std::process::ExitCode;

use yaoki_store::StoreError;

/// Why a command ends, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Something was looked at and is not as it must be, or the rules refuse.
    Bad,
    /// The command line or a setting is not understood. Also what clap ends with.
    Usage,
    /// Something outside stands in the way: a file, a port, the storage.
    Fault,
    /// Nothing is known: it may have been done.
    Unknown,
}

/// Every exit code with what it says, for the help and the reference.
pub(crate) const CODES: [(u8, &str); 8] = [
    (0, "done"),
    (1, "looked at and found bad (verify, doctor, self-test), or refused by the rules"),
    (2, "the command line or a setting is not understood"),
    (3, "something outside stands in the way: a file, a port, the storage, another server"),
    (4, "unknown: it may have been done; look, or do it again with the same --request-id"),
    (70, "the storage failed while serving"),
    (130, "told to end twice: ended at once, requests under way were cut off"),
    (141, "whoever read the answer has gone"),
];

impl Code {
    const fn number(self) -> u8 {
        match self {
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Fault => 3,
            Self::Unknown => 4,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    error: anyhow::Error,
}

impl Failure {
    /// A failure with a text for people.
    pub(crate) fn new(code: Code, text: impl fmt::Display) -> Self {
        Self { code, error: anyhow::anyhow!("{text}") }
    }

    /// The rules refuse, or something looked at is bad.
    pub(crate) fn bad(text: impl fmt::Display) -> Self {
        Self::new(Code::Bad, text)
    }

    /// The command line or a setting is wrong.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::new(Code::Usage, text)
    }

    /// Something outside stands in the way.
    pub(crate) fn fault(text: impl fmt::Display) -> Self {
        Self::new(Code::Fault, text)
    }

    /// The same end, with a text before its own.
    #[must_use]
    pub(crate) fn after(self, text: impl fmt::Display) -> Self {
        Self { code: self.code, error: self.error.context(text.to_string()) }
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code.number())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#}", self.error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: Code::Fault, error }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Refused(_) | StoreError::BookExists => Code::Bad,
            _ => Code::Fault,
        };
        Self { code, error: error.into() }
    }
}

macro_rules! faults {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { code: Code::Fault, error: error.into() }
            }
        }
    )+};
}

faults!(
    std::io::Error,
    yaoki_server::ServeError,
    yaoki_server::edge::keys::KeyFileError,
    yaoki_server::client::ClientError,
    serde_json::Error,
);
