//! `yaoki init`: a new book.

use clap::{Args, ValueEnum};
use yaoki_server::edge::keys::KeyFile;
use yaoki_store::{BookKind, StoreError};

use crate::exit::Failure;
use crate::folder::DataFolder;
use crate::outside;
use crate::say;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the book is for, for ever
    #[arg(long, value_name = "KIND")]
    kind: ForWhat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ForWhat {
    /// To play with; money can be made from nothing
    Demo,
    /// To rehearse on; money can be made from nothing
    Staging,
    /// Real money
    Live,
}

impl ForWhat {
    const fn kind(self) -> BookKind {
        match self {
            Self::Demo => BookKind::Demo,
            Self::Staging => BookKind::Staging,
            Self::Live => BookKind::Live,
        }
    }
}

/// Makes a book and says what to do next.
pub(crate) fn run(init: &Init, settings: &Settings) -> Result<(), Failure> {
    crate::logs::start_quietly();
    let folder = DataFolder::create(&settings.data)?;
    let _lock = folder.lock()?;
    let new_keys = make(settings, init.kind.kind())?;
    say::line(format_args!("A {} book is in {}.", init.kind.kind(), settings.database));
    let keys = settings.keys.display();
    if new_keys {
        say::line(format_args!(
            "Its keys are in {keys}, readable by you only. Keep a copy where no backup of the \
             data is: \
             without it no code and no terminal works."
        ));
    } else {
        say::line(format_args!("The key file {keys} was there, and is used."));
    }
    say::line("Next: `yaoki doctor`, then `yaoki serve`, and `yaoki admin create-merchant NAME`.");
    say::line(
        "Before the first member: `yaoki admin first-operators`; no live book takes them later.",
    );
    Ok(())
}

/// Makes keys, where there are none, and the book; whether the keys are new. Begun again after a
/// failure it goes on.
///
/// # Errors
/// When there is a book already, or something cannot be written.
pub(crate) fn make(settings: &Settings, kind: BookKind) -> Result<bool, Failure> {
    let new_keys = !settings.keys.exists();
    if new_keys {
        KeyFile::generate(&mut outside::fill).create(&settings.keys)?;
    } else {
        KeyFile::load(&settings.keys)?;
    }
    let made = yaoki_store::create(
        &settings.database,
        kind,
        settings.currency,
        &settings.zone.0,
        outside::now(),
    );
    match made {
        Ok(()) => Ok(new_keys),
        Err(StoreError::BookExists) => Err(Failure::bad(format!(
            "there is a book in {} already, and none is ever overwritten: give another place with \
             --data or --database",
            settings.database
        ))),
        Err(error) => Err(error.into()),
    }
}
