//! `yaoki rules`: what other limits and rules would have done with what is on record, before
//! anybody proposes them. Reads; the server may go on.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use yaoki_core::decide::replay::Tally;
use yaoki_core::policy::{self, Policy};
use yaoki_core::time::DAY_MS;
use yaoki_server::api::time;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::conn::Purpose;
use yaoki_store::read;
use yaoki_store::read::dry_run::{DryRunOf, MostOf, dry_run};

use crate::exit::Failure;
use crate::settings::Settings;
use crate::{open, outside, say};

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Limits and rules, TOML: all of them. Without a file those in force are printed
    file: Option<PathBuf>,
    /// How many days back
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=366))]
    days: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Judges what is on record, and prints what would have been otherwise.
pub(crate) fn run(arguments: &Rules, settings: &Settings) -> Result<(), Failure> {
    let mut conn = open::connect(&settings.database, Purpose::Admin)?;
    let Some(file) = &arguments.file else {
        let event = read::policy_event(&mut conn)?;
        let text = event.map_or_else(|| policy::DEFAULT.to_owned(), |event| event.text);
        say::line(text.trim_end());
        return Ok(());
    };
    let path = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::fault(format!("{path} must be readable: {error}")))?;
    let policy = Policy::read(text.trim())
        .map_err(|error| Failure::bad(format!("{path} must be limits and rules: {error}")))?;
    let since = outside::now().plus_ms(-arguments.days * DAY_MS);
    let run = dry_run(&mut conn, policy, since, MostOf::ALL)?;
    if arguments.json {
        say::line(told(&run));
    } else {
        print(&run);
    }
    Ok(())
}

fn rows(run: &DryRunOf) -> [(&'static str, &'static str, Tally); 5] {
    let found = &run.found;
    [
        ("judged", "judged", found.judged),
        ("stopped", "would have been stopped", found.stopped),
        ("asked", "would have been asked to confirm", found.asked),
        ("held", "would have been held", found.held),
        ("let_through", "were stopped, and would have passed at once", found.let_through),
    ]
}

fn tally(tally: &Tally) -> Value {
    json!({"count": tally.count, "members": tally.members, "amount": tally.amount})
}

fn told(run: &DryRunOf) -> Value {
    let mut all = serde_json::Map::new();
    all.insert("since".to_owned(), time::text(run.since).into());
    all.insert("unreadable".to_owned(), run.unreadable.into());
    for (name, _, found) in rows(run) {
        all.insert(name.to_owned(), tally(&found));
    }
    let rules = run.found.by.iter().map(|(rule, found)| (rule.clone(), tally(found)));
    all.insert("rules".to_owned(), Value::Object(rules.collect()));
    let bothered = run.found.bothered.iter();
    let bothered = bothered
        .map(|(member, count)| (identifier::text(Kind::Member, member.0), Value::from(*count)));
    all.insert("bothered".to_owned(), Value::Object(bothered.collect()));
    Value::Object(all)
}

fn print(run: &DryRunOf) {
    say::line(format_args!("Requests since {}, amounts in minor units\n", time::text(run.since)));
    let line = |what: &str, found: &Tally| {
        let Tally { count, members, amount, .. } = found;
        say::line(format_args!("{what:<38} {count:>9} of {members:>7} members {amount:>14}"));
    };
    for (_, what, found) in rows(run) {
        line(what, &found);
    }
    for (rule, found) in &run.found.by {
        line(&format!("  by {rule}"), found);
    }
    for (member, count) in &run.found.bothered {
        let member = identifier::text(Kind::Member, member.0);
        say::line(format_args!("bothered: {member} {count} times"));
    }
    say::line(
        "Each is judged by what was lived: a payment that would have been stopped counts in those \
         after it all the same.",
    );
    if run.unreadable > 0 {
        let unreadable = run.unreadable;
        say::line(format_args!("{unreadable} members cannot be read: run `yaoki verify`"));
    }
}
