//! `yaoki backup` and `yaoki restore`. The store copies and checks; the keys are this command's: a
//! restored book gets a new code key before it can be served.

use std::path::{Path, PathBuf};

use clap::Args;
use yaoki_server::edge::keys::{KeyFile, KeyFileError};
use yaoki_store::backup::RestoreOptions;
use yaoki_store::verify::Progress;
use yaoki_store::verify::anchor::parse_file;

use crate::exit::Failure;
use crate::folder::DataFolder;
use crate::settings::Settings;
use crate::{open, outside, say};

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Where the copy is written, one SQLite file whatever the book is kept in; nothing may be
    /// there
    path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    path: PathBuf,
    /// An anchor file kept elsewhere: it tells which commits the backup lacks
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Make a new key file where the old one is lost: every terminal then needs its new key, and
    /// every device enrols again
    #[arg(long)]
    new_keys: bool,
    /// Who restores it; the book keeps it
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// Why; the book keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Copies the book into a file and verifies the copy.
pub(crate) fn backup(backup: &Backup, settings: &Settings) -> Result<(), Failure> {
    open::file_must_exist(&settings.database)?;
    let report = yaoki_store::backup::backup(&settings.database, &backup.path, &mut telling())?;
    say::line(report.to_string().trim_end());
    say::line(format_args!(
        "No key is in it. Keep {} apart from it: whoever has both has every wallet.",
        settings.keys.display()
    ));
    Ok(())
}

/// Makes a book from a copy.
pub(crate) fn restore(restore: &Restore, settings: &Settings) -> Result<(), Failure> {
    let folder = DataFolder::create(&settings.data)?;
    let _lock = folder.lock()?;
    let anchors = match &restore.anchor {
        Some(path) => parse_file(&std::fs::read_to_string(path)?)?,
        None => Vec::new(),
    };
    keys_must_be_there(settings, restore.new_keys)?;
    // Before the book is there: a restore that breaks off leaves no book whose old codes pay.
    new_code_key(&settings.keys)?;
    let options = RestoreOptions {
        actor: restore.actor.clone(),
        reason: restore.reason.clone(),
        now: outside::now(),
        anchors,
        progress: &mut telling(),
    };
    let report = yaoki_store::backup::restore(&restore.path, &settings.database, options)?;
    while i64::from(KeyFile::load(&settings.keys)?.code.generation) < report.code_generation {
        new_code_key(&settings.keys)?;
    }
    say::line(report.to_string().trim_end());
    set_anchors_aside(&settings.anchor_file)?;
    say::line(format_args!(
        "Give {} to every node. Then `yaoki serve`, compare what is missing, and \
         `yaoki admin open-restored --actor ONE --second ANOTHER`, or operators at the console.",
        settings.keys.display()
    ));
    Ok(())
}

fn keys_must_be_there(settings: &Settings, may_be_new: bool) -> Result<(), Failure> {
    let path = &settings.keys;
    if path.exists() {
        KeyFile::load(path)?;
    } else if may_be_new {
        KeyFile::generate(&mut outside::fill).create(path)?;
    } else {
        return Err(Failure::fault(format!(
            "the key file {} must be there: bring it from its copy. Where it is lost, --new-keys \
             makes \
             another; every terminal then needs its new key, and every device enrols again",
            path.display()
        )));
    }
    Ok(())
}

/// A new code key; the one before is forgotten at once.
fn new_code_key(path: &Path) -> Result<(), KeyFileError> {
    let now = outside::now().0;
    KeyFile::update(path, |keys| keys.rotate_code_key(&mut outside::fill, now, 0)).map(drop)
}

/// A restored book begins a new anchor file; the old one stays as evidence.
fn set_anchors_aside(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-{}", outside::now().0));
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside)?;
    say::line(format_args!("The anchors of before are in {}.", aside.display()));
    Ok(())
}

/// Says each step once, on standard error.
fn telling() -> impl FnMut(Progress) {
    let mut step = "";
    move |progress: Progress| {
        if progress.step != step {
            step = progress.step;
            say::aside(step);
        }
    }
}
