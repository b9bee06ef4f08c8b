//! What a command answers, on standard output. Everything else (logs, progress, errors) goes to
//! standard error, so that answers can be piped.

use std::fmt;
use std::io::{self, Write};

/// The exit code of a program whose reader has gone: that of SIGPIPE.
const READER_GONE: i32 = 141;
/// The exit code where an answer cannot be written: something outside stands in the way.
const NOT_WRITTEN: i32 = 3;

/// Prints one line. A reader that has gone ends the program without a word, as `yaoki … | head`
/// must; never with exit code 0, because what was to be found out was not said.
pub(crate) fn line(text: impl fmt::Display) {
    let Err(error) = writeln!(io::stdout().lock(), "{text}") else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(READER_GONE);
    }
    aside(format_args!("yaoki: the answer cannot be written: {error}"));
    std::process::exit(NOT_WRITTEN);
}

/// Prints an empty line.
pub(crate) fn space() {
    line("");
}

/// Prints one line on standard error.
pub(crate) fn aside(text: impl fmt::Display) {
    // Where standard error is closed, nobody can be told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints lines in two columns, the first as wide as it must be.
pub(crate) fn columns(rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in rows {
        line(format_args!("{name:width$}  {value}"));
    }
}
