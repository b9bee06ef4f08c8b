//! The log: standard error, text for people or JSON for machines. What is logged never holds a
//! secret: keys print as `[redacted]`, orders that carry secrets print their name only, and a
//! database prints without user and password.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::exit::Failure;
use crate::settings::Settings;
use crate::settings::kind::LogFormat;

/// Starts the log of a server.
///
/// # Errors
/// When the filter is malformed.
pub(crate) fn start(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| {
        Failure::usage(format!("the setting log must be a level or levels by module: {error}"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::fault(format!("the log must start: {error}")))
}

/// Starts the log of a command that ends by itself: only what is wrong.
pub(crate) fn start_quietly() {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn"));
    let builder = builder.with_writer(std::io::stderr);
    // A log that runs already is as good.
    let _ = builder.with_ansi(std::io::stderr().is_terminal()).without_time().try_init();
}
