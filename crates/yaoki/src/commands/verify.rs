//! `yaoki verify`: the whole ledger, offline. The store checks; this command says what it found,
//! and whether anchors were signed by keys that are known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use yaoki_server::edge::key_text;
use yaoki_server::edge::keys::KeyFile;
use yaoki_store::Database;
use yaoki_store::conn::Purpose;
use yaoki_store::verify::anchor::parse_file;
use yaoki_store::verify::{Progress, Report, VerifyOptions, verify};

use crate::exit::Failure;
use crate::settings::Settings;
use crate::{open, say};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Compare with the anchors in this file: finds a chain that was computed anew, and a cut tail
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// A public key, hex, that anchors may be signed with; besides those of the key file, where
    /// that can be read
    #[arg(long, value_name = "HEX")]
    public_key: Vec<String>,
    /// Say nothing of progress
    #[arg(long, short)]
    quiet: bool,
}

/// Verifies, and prints the report.
pub(crate) fn run(arguments: &Verify, settings: &Settings) -> Result<(), Failure> {
    let report = report(&settings.database, arguments.anchor.as_deref(), !arguments.quiet)?;
    say::line(report.to_string().trim_end());
    let unknown = unknown_keys(&report, arguments, settings);
    for key in &unknown {
        say::line(format_args!(
            "anchors are signed by {key}, which is no key of {} and was not given by --public-key",
            settings.keys.display()
        ));
    }
    match (report.is_clean(), unknown.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => {
            Err(Failure::bad("the anchors are signed by a key that nobody vouches for"))
        }
        (false, _) => Err(Failure::bad(
            "the book is not what its facts give: close every switch, keep this report and a copy \
             of \
             the database, and compare with the last backup that verifies",
        )),
    }
}

/// Verifies a book.
///
/// # Errors
/// When there is none, the anchors cannot be read, or the storage fails.
pub(crate) fn report(
    database: &Database,
    anchor: Option<&Path>,
    telling: bool,
) -> Result<Report, Failure> {
    let anchors = match anchor {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::fault(format!(
                    "the anchors in {} must be readable: {error}",
                    path.display()
                ))
            })?;
            parse_file(&text)?
        }
    };
    let mut conn = open::connect(database, Purpose::Admin)?;
    let mut step = "";
    let mut progress = |progress: Progress| {
        if telling && progress.step != step {
            step = progress.step;
            say::aside(format_args!("checking {step}"));
        }
    };
    Ok(verify(&mut conn, VerifyOptions { anchors, progress: &mut progress })?)
}

/// The keys of anchors that nobody vouches for. Where neither a key file nor a key is at hand, the
/// report's own list is all there is, and whoever reads it compares.
fn unknown_keys(report: &Report, arguments: &Verify, settings: &Settings) -> BTreeSet<String> {
    let mut known: BTreeSet<String> =
        arguments.public_key.iter().map(|key| key.to_lowercase()).collect();
    if let Ok(keys) = KeyFile::load(&settings.keys) {
        let checkpoint = &keys.checkpoint;
        let every = checkpoint.retired.iter().chain([&checkpoint.public]);
        known.extend(every.map(|key| key_text(&key.public)));
    }
    if known.is_empty() {
        return BTreeSet::new();
    }
    report.anchor_keys.difference(&known).cloned().collect()
}
