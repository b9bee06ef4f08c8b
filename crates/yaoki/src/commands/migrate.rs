//! `yaoki migrate`: the schema, brought up to this release.

use clap::Args;
use yaoki_store::Conn;
use yaoki_store::conn::Purpose;
use yaoki_store::migrate::{MIGRATIONS, Migration, Mode, migrate, schema_version};

use crate::exit::Failure;
use crate::settings::Settings;
use crate::{door, open, say};

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Only say what is missing
    #[arg(long)]
    dry_run: bool,
}

/// Runs what is missing.
pub(crate) fn run(arguments: &Migrate, settings: &Settings) -> Result<(), Failure> {
    let folder = door::of(settings)?;
    open::file_must_exist(&settings.database)?;
    let mut conn = Conn::open(&settings.database, Purpose::Admin)?;
    let found = schema_version(&mut conn)?;
    let missing: Vec<&Migration> =
        MIGRATIONS.iter().filter(|migration| migration.number > found).collect();
    if missing.is_empty() {
        // Newer than this release knows is an error, which `migrate` tells.
        migrate(&mut conn)?;
        say::line(format_args!("The schema is at {found}, as this release needs it."));
        return Ok(());
    }
    for migration in &missing {
        let nodes = match migration.mode {
            Mode::Online => "nodes may run meanwhile",
            Mode::Stop => "every node stops first",
        };
        say::line(format_args!("{}  {} ({nodes})", migration.number, migration.title));
    }
    if arguments.dry_run {
        return Ok(());
    }
    let must_stop = missing.iter().any(|migration| migration.mode == Mode::Stop);
    let lock = folder.try_lock()?;
    if must_stop && lock.is_none() {
        return Err(Failure::bad(format!(
            "these need every node to stop first, and one works in {}{}: stop it, and those on \
             other \
             machines, then run this again",
            settings.data.display(),
            folder.holder()
        )));
    }
    let run = migrate(&mut conn)?;
    let last = run.last().map_or(found, |migration| migration.number);
    say::line(format_args!("The schema is at {last}."));
    Ok(())
}
