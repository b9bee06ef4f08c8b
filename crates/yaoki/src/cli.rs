//! The command line: every command with its help, and which settings it takes.

use clap::{Args, Parser, Subcommand};

use crate::bench;
use crate::commands::{
    admin, backup, demo, device, docs, doctor, healthcheck, init, migrate, rehearse, rules, serve,
    verify,
};
use crate::exit::Failure;
use crate::outside;
use crate::settings::Settings;
use crate::settings::flags::{Birth, Place, Serving};
use crate::settings::source::{Given, Values};

const AFTER_HELP: &str = "\
Begin with `yaoki demo`: shops, members and money to play with, in a folder of its own.
`yaoki demo --self-test` walks the whole path through HTTP and leaves nothing behind.

Exit codes: 0 done; 1 found bad, or refused by the rules; 2 the command line or a setting is not
understood; 3 something outside stands in the way; 4 unknown, it may have been done; 70 the storage
failed while serving.";

/// Code payment that can be run by oneself: one-time codes at shop registers, on a ledger that
/// neither a crash nor a lost reply can make pay twice.
#[derive(Debug, Parser)]
#[command(name = "yaoki", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Where everything is")]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start with shops, members and money to play with
    ///
    /// Makes a book of kind `demo` in its own data folder (`./yaoki-demo` unless --data says
    /// otherwise), with a key file, two merchants, four stores, eight members with money and
    /// points; prints how to use them, and serves until it is told to end. Started again over the
    /// same folder it goes on. A port that is taken is replaced by a free one.
    Demo(DemoWith),
    /// Make a new book: data folder, keys, database
    ///
    /// A book is born `demo`, `staging` or `live`, for ever: `live` refuses everything that makes
    /// money from nothing.
    Init(InitWith),
    /// Serve registers, devices and the public until SIGINT or SIGTERM
    ///
    /// Refuses to start where it could not keep its promises: a schema that must be migrated first,
    /// a key file that others can read, codes that can be guessed, plain HTTP that leaves this
    /// machine, a PostgreSQL that can lose acknowledged payments. `yaoki doctor` says how to mend
    /// each.
    Serve(ServeWith),
    /// Say what is wrong with settings, storage, keys and machine, and how to mend it
    ///
    /// Exit code 1 when something is wrong.
    Doctor(DoctorWith),
    /// Do what operators do: shops, members, terminals, switches, keys, balances
    ///
    /// Goes to the running server through the socket in the data folder; where none runs, straight
    /// to the store.
    Admin(admin::Admin),
    /// Check the whole ledger offline: sums, derived rows, chains, anchors
    ///
    /// Names the first bad row. Exit code 1 when something is wrong. Without --anchor it cannot
    /// know of a tail that was cut or a chain that was computed anew, and says so.
    Verify(verify::Verify),
    /// Bring the schema of the database up to this release
    Migrate(migrate::Migrate),
    /// Copy the book to a file while it is served, and verify the copy
    Backup(backup::Backup),
    /// Make a book from a backup
    ///
    /// Nothing issued before is payable afterwards: the code key is a new one.
    Restore(backup::Restore),
    /// Act as a member's device, to try things out: enrol, show a code, look at the wallet
    Device(device::Device),
    /// Measure, and print one table
    Bench(bench::Options),
    /// Try limits and rules on what is on record: whom they would have stopped or bothered
    ///
    /// Changes nothing. The console does the same for the last week before limits are proposed.
    Rules(rules::Rules),
    /// Attack a private book by the real rules, and print what it cost
    Rehearse(rehearse::Rehearse),
    /// Write the generated pages of the reference
    #[command(hide = true)]
    Docs(docs::Docs),
    /// Exit code 0 when the server of this data folder can do its work
    #[command(hide = true)]
    Healthcheck,
}

#[derive(Debug, Args)]
struct DemoWith {
    #[command(flatten)]
    demo: demo::Demo,
    #[command(flatten, next_help_heading = "What the book is born with")]
    birth: Birth,
    #[command(flatten, next_help_heading = "How the server runs")]
    serving: Serving,
}

#[derive(Debug, Args)]
struct InitWith {
    #[command(flatten)]
    init: init::Init,
    #[command(flatten, next_help_heading = "What the book is born with")]
    birth: Birth,
}

#[derive(Debug, Args)]
struct ServeWith {
    #[command(flatten, next_help_heading = "How the server runs")]
    serving: Serving,
}

#[derive(Debug, Args)]
struct DoctorWith {
    #[command(flatten)]
    doctor: doctor::Doctor,
    #[command(flatten, next_help_heading = "How the server runs")]
    serving: Serving,
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { place, command } = self;
        if !matches!(command, Command::Docs(_)) {
            outside::keep_files_to_owner();
        }
        match command {
            Command::Demo(DemoWith { demo, birth, serving }) => {
                let more = [birth.0, serving.0].concat_given();
                demo::run(&demo, gather(&place, more, Some(demo::FOLDER))?)
            }
            Command::Init(InitWith { init, birth }) => init::run(&init, &read(&place, birth.0)?),
            Command::Serve(ServeWith { serving }) => serve::run(&read(&place, serving.0)?),
            Command::Doctor(DoctorWith { doctor, serving }) => {
                doctor::run(&doctor, gather(&place, serving.0, None))
            }
            Command::Admin(admin) => admin::run(&admin, &read_quietly(&place)?),
            Command::Verify(verify) => verify::run(&verify, &read_quietly(&place)?),
            Command::Migrate(migrate) => migrate::run(&migrate, &read_quietly(&place)?),
            Command::Backup(backup) => backup::backup(&backup, &read_quietly(&place)?),
            Command::Restore(restore) => backup::restore(&restore, &read_quietly(&place)?),
            Command::Device(device) => device::run(&device, &read_quietly(&place)?),
            Command::Bench(options) => Ok(bench::run(&options)?),
            Command::Rules(rules) => rules::run(&rules, &read_quietly(&place)?),
            Command::Rehearse(rehearse) => rehearse::run(&rehearse),
            Command::Docs(docs) => docs::run(&docs),
            Command::Healthcheck => healthcheck::run(&read_quietly(&place)?),
        }
    }
}

/// Joins what was given for several groups.
trait ConcatGiven {
    fn concat_given(self) -> Given;
}

impl<const N: usize> ConcatGiven for [Given; N] {
    fn concat_given(self) -> Given {
        self.into_iter().flatten().collect()
    }
}

fn gather(place: &Place, more: Given, data: Option<&str>) -> Result<Values, Failure> {
    let given = [place.given.clone(), more].concat_given();
    Values::gather(&given, place.config.as_deref(), data)
}

fn read(place: &Place, more: Given) -> Result<Settings, Failure> {
    Settings::read(&gather(place, more, None)?)
}

fn read_quietly(place: &Place) -> Result<Settings, Failure> {
    crate::logs::start_quietly();
    read(place, Given::new())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
