//! `yaoki bench`: measures and prints one table; with `--json` the same as one JSON object.
//!
//! | module             | what it is                                                        |
//! | ------------------ | ----------------------------------------------------------------- |
//! | [`world`]          | the book that is measured, and payments made in advance           |
//! | [`engine`]         | payments through queue and lane, closed and open loop             |
//! | [`http`], [`load`] | a server in this process, and requests signed in advance          |
//! | [`plain_postgres`] | the plain way, to compare with; sizes on PostgreSQL               |
//! | [`measure`], [`report`], [`progress`] | clock and counters; the table; standard error  |
//!
//! Rows run one after the other, and the whole list `--rounds` times over, so that runs of
//! different rows are interleaved; the median run of each row is printed, with the spread.
//! Everything is made before the clock starts. Nothing is left behind.

mod engine;
mod http;
mod load;
mod measure;
mod plain_postgres;
pub(crate) mod progress;
mod report;
mod rows;
mod start;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};

use self::report::Report;

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds of each run
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    pub(crate) seconds: u64,
    /// How often the whole list is run; the median of each row is printed
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub(crate) rounds: usize,
    /// Only rows whose `STORAGE NAME IN_FLIGHT` contains one of these texts; rows of ten million
    /// members, of ten minutes and of a start run only when they are named
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// One JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// A PostgreSQL on which databases may be made, as `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "URL")]
    pub(crate) postgres: Option<String>,
    /// Lanes on PostgreSQL
    #[arg(long, default_value_t = 4, value_name = "COUNT")]
    pub(crate) lanes: usize,
    /// Members of the book
    #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
    pub(crate) members: i64,
    /// Requests under way
    #[arg(long, default_values_t = [1, 16, 64, 256], value_delimiter = ',', value_name = "COUNT")]
    pub(crate) in_flight: Vec<usize>,
    /// What the open loops offer, payments a second
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    pub(crate) offered: u64,
    /// Where the books are made; the system's temporary folder when not given
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report {
        machine: measure::machine(),
        date: jiff::Timestamp::from_millisecond(measure::unix_ms())?.to_string(),
        load_before: measure::load_average(),
        rows: Vec::new(),
    };
    let (rows, failures) = rows::measure(options)?;
    report.rows = rows;
    let text = if options.json {
        format!("{}\n", serde_json::to_string(&report)?)
    } else {
        report.table()
    };
    std::io::stdout().write_all(text.as_bytes())?;
    match failures.as_slice() {
        [] => Ok(()),
        [first, ..] => bail!("{} rows could not be measured; the first: {first:#}", failures.len()),
    }
}
