//! `yaoki admin bulk`: credits in bulk from a CSV file, such as payroll or a town's benefits.
//!
//! Checked first, then opened by two people, then run. A run that ended half-way is run again:
//! what is credited is credited once. The server needs no trust in this program: each row proves
//! that it is in the file on which two people have agreed.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use yaoki_core::bulk::{BulkRow, BulkTree, ROWS_MAX};
use yaoki_core::ids::MemberNumber;
use yaoki_server::admin::{BulkRowOrder, Order};
use yaoki_server::edge::identifier::{self, Kind};

use super::Desk;
use crate::exit::Failure;
use crate::say;

/// Bytes of one message to the server, at the most: its line has 16 KiB.
const MESSAGE_BYTES_MAX: usize = 12 * 1024;

#[derive(Debug, Args)]
pub(super) struct Bulk {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// A dry run: what each row would come to, and what two people agree on
    ///
    /// Changes nothing. The file is CSV in UTF-8 whose first line names its columns: member (mem_…
    /// or the number) and amount (minor units); other columns are passed over.
    Check {
        /// The file
        file: PathBuf,
    },
    /// Two people agree on a file; prints the id under which it is run
    Open {
        /// The file
        file: PathBuf,
        /// What it is, such as "Benefits of June"
        #[arg(long)]
        name: String,
    },
    /// Credits the rows; run again, it goes on where it ended
    Run {
        /// The file, as it was agreed on
        file: PathBuf,
        /// What `bulk open` printed
        #[arg(long, value_name = "UUID")]
        bulk: String,
        /// A CSV file for what became of each row, written anew
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
    },
}

impl Bulk {
    pub(super) const fn only_looks(&self) -> bool {
        matches!(self.step, Step::Check { .. })
    }
}

#[derive(Deserialize)]
struct Line {
    member: String,
    amount: String,
}

/// What became of a row.
#[derive(Serialize)]
struct Told {
    line: usize,
    member: String,
    amount: i64,
    outcome: String,
}

pub(super) fn run(desk: &Desk<'_>, bulk: &Bulk) -> Result<(), Failure> {
    match &bulk.step {
        Step::Check { file } => check(desk, file),
        Step::Open { file, name } => {
            let root = tree(file, &read(file)?)?.root();
            let (rows, sum) = (root.rows, root.sum);
            let root = yaoki_server::edge::key_text(&root.hash);
            desk.say(Order::OpenBulk { name: name.clone(), root, rows, sum })
        }
        Step::Run { file, bulk, results } => credit(desk, file, bulk, results.as_deref()),
    }
}

/// Every row, or what is wrong with the first wrong one.
fn read(file: &Path) -> Result<Vec<BulkRow>, Failure> {
    let name = file.display();
    let bad = |error: csv::Error| Failure::bad(format!("{name} must be CSV: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(bad)?;
    let mut rows = Vec::new();
    for (line, index) in reader.deserialize().zip(0_i64..) {
        let Line { member, amount } = line.map_err(bad)?;
        let at = index + 2;
        let wrong = |what: String| Failure::bad(format!("line {at} of {name}: {what}"));
        let number = match member.parse::<i64>() {
            Ok(number) if number > 0 => number,
            _ => identifier::parse(Kind::Member, &member)
                .map_err(|error| wrong(format!("the member {member:?}: {error}")))?,
        };
        let minor = amount.parse().ok().filter(|amount| *amount > 0);
        let must = || wrong(format!("the amount {amount:?} must be minor units, above 0"));
        rows.push(BulkRow { index, member: MemberNumber(number), amount: minor.ok_or_else(must)? });
    }
    Ok(rows)
}

fn tree(file: &Path, rows: &[BulkRow]) -> Result<BulkTree, Failure> {
    let must = || {
        let name = file.display();
        Failure::bad(format!("{name} must have 1 to {ROWS_MAX} rows, of at most a billion each"))
    };
    BulkTree::new(rows).ok_or_else(must)
}

/// Rows as orders, as many to each as a message has room for.
fn chunks(rows: &[BulkRow], tree: &BulkTree) -> Vec<Vec<BulkRowOrder>> {
    let mut chunks = vec![Vec::new()];
    let mut bytes = 0;
    for (row, place) in rows.iter().zip(0..) {
        let path = tree.path(place).unwrap_or_default();
        // Two hex digits a byte of hash, a number of at most 20, and signs.
        let length = 120 + path.len() * 100;
        if bytes + length > MESSAGE_BYTES_MAX {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        let order = BulkRowOrder::of(row, &path);
        chunks.last_mut().expect("there is one").push(order);
    }
    chunks
}

/// Sends every row to `order`, and gives what was said of each.
fn each(
    desk: &Desk<'_>,
    (rows, tree): (&[BulkRow], &BulkTree),
    order: impl Fn(Vec<BulkRowOrder>) -> Order,
) -> Result<Vec<Told>, Failure> {
    let mut all = Vec::new();
    for chunk in chunks(rows, tree) {
        let reply = desk.order(order(chunk))?;
        let said = reply["rows"].as_array().cloned().unwrap_or_default();
        for outcome in said {
            let row = rows.get(all.len()).ok_or_else(|| {
                Failure::fault("the server must say one thing of each row".to_owned())
            })?;
            all.push(Told {
                line: all.len() + 2,
                member: identifier::text(Kind::Member, row.member.0),
                amount: row.amount,
                outcome: outcome.as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(all)
}

fn check(desk: &Desk<'_>, file: &Path) -> Result<(), Failure> {
    let rows = read(file)?;
    let tree = tree(file, &rows)?;
    let told = each(desk, (&rows, &tree), |rows| Order::CheckBulk { rows })?;
    let root = tree.root();
    let wrong: Vec<&Told> = told.iter().filter(|row| row.outcome != "good").collect();
    if desk.json {
        say::line(serde_json::to_string_pretty(&json!({
            "rows": root.rows, "sum": root.sum, "root": yaoki_server::edge::key_text(&root.hash),
            "wrong": wrong,
        }))?);
    } else {
        for row in &wrong {
            say::line(format_args!("line {}: {} {}", row.line, row.member, row.outcome));
        }
        say::line(format_args!("rows  {}", root.rows));
        say::line(format_args!("sum   {} minor units", root.sum));
        say::line(format_args!("root  {}", yaoki_server::edge::key_text(&root.hash)));
        say::line("Two people open it: at the console, or with `yaoki admin bulk open`.");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    Err(Failure::bad(format!("{count} rows would not be credited; the others would")))
}

fn credit(desk: &Desk<'_>, file: &Path, bulk: &str, results: Option<&Path>) -> Result<(), Failure> {
    let rows = read(file)?;
    let tree = tree(file, &rows)?;
    let order = |rows| Order::CreditBulk { bulk: bulk.to_owned(), rows };
    let told = each(desk, (&rows, &tree), order)?;
    if let Some(path) = results {
        let fault = |error: String| {
            let path = path.display();
            Failure::fault(format!("{path} must be writable: {error}; run it again"))
        };
        let file = File::create(path).map_err(|error| fault(error.to_string()))?;
        let mut writer = csv::Writer::from_writer(file);
        for row in &told {
            writer.serialize(row).map_err(|error| fault(error.to_string()))?;
        }
        writer.flush().map_err(|error| fault(error.to_string()))?;
    }
    let sum = |outcome: &str| {
        let those = told.iter().filter(|row| row.outcome == outcome);
        those.fold((0_i64, 0_i64), |(count, sum), row| (count + 1, sum + row.amount))
    };
    let (new, before) = (sum("credited"), sum("credited_before"));
    let others: Vec<&Told> =
        told.iter().filter(|row| !row.outcome.starts_with("credited")).collect();
    if desk.json {
        let told: Value = json!({
            "credited": new.0, "amount": new.1, "credited_before": before.0,
            "not_credited": others,
        });
        say::line(serde_json::to_string_pretty(&told)?);
    } else {
        say::line(format_args!("credited         {:>8} rows {:>14} minor units", new.0, new.1));
        let (rows, amount) = before;
        say::line(format_args!("credited before  {rows:>8} rows {amount:>14} minor units"));
        for row in &others {
            let Told { line, member, amount, outcome } = row;
            say::line(format_args!("line {line}: {member} {amount} {outcome}"));
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let count = others.len();
    Err(Failure::bad(format!("{count} rows were not credited: mend why, and run it again")))
}
