//! `yaoki admin bulk`: credits in bulk from a CSV file, such as payroll or a town's benefits.
//!
//! Checked first, then opened by two people, then run. A run that ended half-way is run again:
//! what is credited is credited once. The server needs no trust in this program: each row proves
//! that it is in the file on which two people have agreed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use yaoki_core::bulk::{BulkRow, BulkTree, Node, ROWS_MAX};
use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::money::{AMOUNT_MAX, amount_is_in_range};
use yaoki_server::admin::{BulkRowOrder, Order};
use yaoki_server::api::fields;
use yaoki_server::edge::identifier::{self, Kind};

use super::Desk;
use crate::exit::Failure;
use crate::say;

/// Bytes of one message to the server, at the most: its line has 16 KiB.
const MESSAGE_BYTES_MAX: usize = 12 * 1024;
/// Rows of one message, at the most.
const ROWS_OF_MESSAGE_MAX: usize = 64;

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
    /// Two people agree on a file
    ///
    /// Where there are operators, with --proposal: one has proposed "Credits in bulk" at the
    /// console, another has approved it, and a live book takes nothing else. Otherwise --actor and
    /// --second name two. The same file under the same name is opened once.
    Open {
        /// The file
        file: PathBuf,
        /// What it is, such as "Benefits of June"
        #[arg(long)]
        name: String,
    },
    /// Credits the rows; run again, it goes on where it ended
    ///
    /// Each row once. Exit code 1: some were not credited; they are listed with the reason.
    Run {
        /// The very file that was opened
        file: PathBuf,
        /// The name that it was opened under
        #[arg(long)]
        name: String,
        /// A CSV file for what became of each row, written anew, row by row
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
#[derive(Clone, Serialize)]
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
        Step::Run { file, name, results } => credit(desk, file, name, results.as_deref()),
    }
}

/// Every row, or what is wrong with the first wrong one.
fn read(file: &Path) -> Result<Vec<BulkRow>, Failure> {
    let name = file.display();
    let bad = |error: csv::Error| match error.kind() {
        csv::ErrorKind::Io(_) => Failure::fault(format!("{name} must be readable: {error}")),
        _ => Failure::bad(format!("{name} must be CSV in UTF-8, with commas: {error}")),
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(bad)?;
    let names = reader.headers().map_err(bad)?;
    if !["member", "amount"].iter().all(|wanted| names.iter().any(|name| name == *wanted)) {
        return Err(Failure::bad(format!(
            "the first line of {name} must name its columns: member,amount"
        )));
    }
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
        let minor = amount.parse().ok().filter(|amount| amount_is_in_range(*amount));
        let must =
            || wrong(format!("the amount {amount:?} must be minor units, 1 to {AMOUNT_MAX}"));
        rows.push(BulkRow { index, member: MemberNumber(number), amount: minor.ok_or_else(must)? });
    }
    Ok(rows)
}

fn tree(file: &Path, rows: &[BulkRow]) -> Result<BulkTree, Failure> {
    let must = || {
        let name = file.display();
        Failure::bad(format!("{name} must have 1 to {ROWS_MAX} rows below its first line"))
    };
    BulkTree::new(rows).ok_or_else(must)
}

/// Rows as orders, as many to each as a message has room for.
fn chunks(rows: &[BulkRow], path: impl Fn(usize) -> Vec<Node>) -> Vec<Vec<BulkRowOrder>> {
    let mut chunks = vec![Vec::new()];
    let mut bytes = 0;
    for (row, place) in rows.iter().zip(0..) {
        let path = path(place);
        // Two hex digits a byte of hash, a number of at most 20, and signs.
        let length = 120 + path.len() * 100;
        let full = chunks.last().is_some_and(|chunk: &Vec<_>| chunk.len() >= ROWS_OF_MESSAGE_MAX);
        if full || bytes + length > MESSAGE_BYTES_MAX {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        chunks.last_mut().expect("there is one").push(BulkRowOrder::of(row, &path));
    }
    chunks
}

/// Sends every row to `order`, and hands on what was said of each as it comes.
fn each(
    desk: &Desk<'_>,
    (rows, chunks): (&[BulkRow], Vec<Vec<BulkRowOrder>>),
    order: impl Fn(Vec<BulkRowOrder>) -> Order,
    mut tell: impl FnMut(&Told) -> Result<(), Failure>,
) -> Result<Vec<Told>, Failure> {
    let mut all = Vec::new();
    for chunk in chunks {
        let reply = desk.order(order(chunk))?;
        for outcome in reply["rows"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let row = rows.get(all.len()).ok_or_else(|| {
                Failure::fault("the server must say one thing of each row".to_owned())
            })?;
            let told = Told {
                line: all.len() + 2,
                member: identifier::text(Kind::Member, row.member.0),
                amount: row.amount,
                outcome: outcome.as_str().unwrap_or_default().to_owned(),
            };
            tell(&told)?;
            all.push(told);
        }
    }
    Ok(all)
}

fn check(desk: &Desk<'_>, file: &Path) -> Result<(), Failure> {
    let rows = read(file)?;
    let root = tree(file, &rows)?.root();
    // What a member is given by this row and by those before it.
    let mut given = BTreeMap::new();
    let sums: Vec<BulkRow> = rows
        .iter()
        .map(|row| {
            let sum = given.entry(row.member).or_insert(0_i64);
            *sum = sum.saturating_add(row.amount);
            BulkRow { amount: *sum, ..*row }
        })
        .collect();
    let chunks = chunks(&sums, |_| Vec::new());
    let told = each(desk, (&rows, chunks), |rows| Order::CheckBulk { rows }, |_| Ok(()))?;
    let wrong: Vec<&Told> = told.iter().filter(|row| row.outcome != "good").collect();
    let twice = rows.len() - given.len();
    let hash = yaoki_server::edge::key_text(&root.hash);
    if desk.json {
        say::line(serde_json::to_string_pretty(&json!({
            "rows": root.rows, "sum": root.sum, "root": hash,
            "rows_of_members_named_before": twice, "wrong": wrong,
        }))?);
    } else {
        for row in &wrong {
            say::line(format_args!("line {}: {} {}", row.line, row.member, row.outcome));
        }
        say::line(format_args!("rows  {}", root.rows));
        say::line(format_args!("sum   {} minor units", root.sum));
        say::line(format_args!("root  {hash}"));
        if twice > 0 {
            say::line(format_args!("{twice} rows are of members who are named before"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    Err(Failure::bad(format!(
        "{count} rows would not be credited: mend the file before two people open it"
    )))
}

/// Where results go.
fn results_file(path: &Path, input: &Path) -> Result<csv::Writer<File>, Failure> {
    let same = |path: &Path| std::fs::canonicalize(path).ok();
    if same(path).is_some() && same(path) == same(input) {
        return Err(Failure::usage("--results must be another file than the input".to_owned()));
    }
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    Ok(csv::Writer::from_writer(file))
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let path = path.display();
    Failure::fault(format!("{path} must be writable: {error}; run it again"))
}

fn credit(desk: &Desk<'_>, file: &Path, name: &str, results: Option<&Path>) -> Result<(), Failure> {
    let rows = read(file)?;
    let tree = tree(file, &rows)?;
    let bulk = fields::request_id_text(RequestId::of_bulk(name, &tree.root().hash));
    let order = |rows| Order::CreditBulk { bulk: bulk.clone(), rows };
    let mut writer = results.map(|path| results_file(path, file)).transpose()?;
    let tell = |told: &Told| {
        let (Some(writer), Some(path)) = (&mut writer, results) else { return Ok(()) };
        writer.serialize(told).map_err(|error| unwritable(path, &error))?;
        writer.flush().map_err(|error| unwritable(path, &error))
    };
    let not_open = |told: &Told| told.outcome == "bulk_must_be_open";
    let chunks = chunks(&rows, |place| tree.path(place).unwrap_or_default());
    let mut chunks = chunks.into_iter();
    // The first message tells whether it is the file that was opened at all.
    let first = chunks.next().into_iter().collect();
    let mut tell = tell;
    let mut told = each(desk, (&rows, first), order, &mut tell)?;
    if told.first().is_some_and(not_open) {
        return Err(Failure::bad(format!(
            "no two people have opened this file under the name {name:?}: give the very file and \
             the name that were opened, or open it with `yaoki admin bulk open`"
        )));
    }
    let rest = &rows[told.len()..];
    let mut more = each(desk, (rest, chunks.collect()), order, |row| {
        tell(&Told { line: row.line + told.len(), ..row.clone() })
    })?;
    for row in &mut more {
        row.line += told.len();
    }
    told.append(&mut more);
    report(desk, &told)
}

fn report(desk: &Desk<'_>, told: &[Told]) -> Result<(), Failure> {
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
    Err(Failure::bad(format!(
        "{count} rows were not credited. What can be mended, such as a closed switch, mend, and \
         run the same again; a closed wallet stays as it is"
    )))
}
