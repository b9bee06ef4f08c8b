//! What a command answers, on standard output. Everything else (logs, progress, errors) goes to
//! standard error, so that answers can be piped.

use std::fmt;
use std::io::{self, Write};

/// Prints one line. A reader that has gone ends the program without a word, as `yaoki … | head`
/// must.
pub(crate) fn line(text: impl fmt::Display) {
    let written = writeln!(io::stdout().lock(), "{text}");
    if written.is_err() {
        std::process::exit(0);
    }
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
