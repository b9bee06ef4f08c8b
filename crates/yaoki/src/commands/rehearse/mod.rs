//! `yaoki rehearse`: attacks on a private book by the real rules, and what they cost.

mod bank;

use clap::{Args, Subcommand};
use serde::Serialize;
use yaoki_core::time::HOUR_MS;
use yaoki_rehearse::people::NOTICE;
use yaoki_rehearse::takeover::{self, Loss, Plan, SEVEN_PAY};
use yaoki_rehearse::till::{self, Stolen};

use self::bank::PrivateBook;
use crate::exit::Failure;
use crate::say;

/// What the victims of 2019 lost on average: ¥38,615,473 of 808 members.
const LOST_IN_2019: i64 = 47_792;
/// What a victim may lose at the most, on average, for the default to pass.
const GOAL: i64 = 10_000;
/// In a thousand: whose card's challenge the thief passes too, in the row that assumes so.
const CHALLENGED_IN_VAIN: u64 = 100;

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Devices of members were taken over: what the rules let the thief have in 30 days
    ///
    /// The thief has an approved device that pays, knows every rule, passes for the member whenever
    /// he is asked, and can wait. Plays the rules of a new book, noticed and unnoticed, and beside
    /// them the rules of July 2019; and a stolen terminal.
    Takeover(Takeover),
}

#[derive(Debug, Args)]
struct Takeover {
    /// What people and their wallets are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many members are taken over; 808 were in 2019
    #[arg(long, default_value_t = 808, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    victims: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    row: &'static str,
    losses: Vec<Loss>,
}

#[derive(Serialize)]
struct Report {
    seed: u64,
    victims: i64,
    takeovers: Vec<Row>,
    stolen_terminals: Vec<Stolen>,
}

/// Plays a scenario and prints what it cost.
pub(crate) fn run(arguments: &Rehearse) -> Result<(), Failure> {
    let Scenario::Takeover(takeover) = &arguments.scenario;
    let report = takeover.play().map_err(|error| Failure::fault(format!("{error:#}")))?;
    if takeover.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| {
            Failure::fault(format!("the report must be written as JSON: {error}"))
        })?;
        say::line(text);
    } else {
        report.print();
    }
    report.judge()
}

impl Takeover {
    fn play(&self) -> anyhow::Result<Report> {
        let victims = i64::from(self.victims);
        let plan = Plan {
            victims,
            seed: self.seed,
            policy: None,
            is_noticed: false,
            challenged_in_vain: 0,
        };
        let plans = [
            ("defaults, nobody ever notices", plan.clone()),
            ("defaults, noticed as stated", Plan { is_noticed: true, ..plan.clone() }),
            (
                "defaults, unnoticed, 10 % of cards challenged in vain",
                Plan { challenged_in_vain: CHALLENGED_IN_VAIN, ..plan.clone() },
            ),
            // There was no challenge to pass.
            (
                "the rules of July 2019, noticed as stated",
                Plan {
                    policy: Some(SEVEN_PAY),
                    is_noticed: true,
                    challenged_in_vain: 1000,
                    ..plan
                },
            ),
        ];
        let mut takeovers = Vec::new();
        for (row, plan) in plans {
            if !self.json {
                say::aside(format_args!("playing: {row}"));
            }
            let losses = takeover::play(&mut PrivateBook::create()?, &plan)?;
            takeovers.push(Row { row, losses });
        }
        let mut stolen_terminals = Vec::new();
        for with_pin in [false, true] {
            stolen_terminals.push(till::play(&mut PrivateBook::create()?, with_pin)?);
        }
        Ok(Report { seed: self.seed, victims, takeovers, stolen_terminals })
    }
}

impl Report {
    fn print(&self) {
        let Self { seed, victims, .. } = self;
        say::line(format_args!("{victims} members whose device was taken over, seed {seed}."));
        say::line(
            "Minor units a victim, on average: lost = what was in the wallet + fresh from cards.",
        );
        say::line("worst: of one victim. robbed: who lost anything. froze: who noticed and froze.");
        let mut since = 0;
        let mut shares = Vec::new();
        for (share, until) in NOTICE {
            since += share;
            shares.push(format!("{} % within {} h", since / 10, until / HOUR_MS));
        }
        say::line(format_args!("Noticed as stated: {}.\n", shares.join(", ")));
        for Row { row, losses } in &self.takeovers {
            say::line(format_args!("{row}"));
            for loss in losses {
                let each = |sum: i64| sum / (*victims).max(1);
                say::line(format_args!(
                    "  {:>4} h  {:>7} = {:>6} + {:>6}   worst {:>7}   robbed {:>4}   froze {:>4}   \
                     still in wallets {:>6}",
                    loss.hours,
                    each(loss.of_balances) + each(loss.fresh),
                    each(loss.of_balances),
                    each(loss.fresh),
                    loss.worst,
                    loss.robbed,
                    loss.froze,
                    each(loss.still_there),
                ));
            }
        }
        say::line(format_args!("\nIn 2019 it was {LOST_IN_2019} a victim.\n"));
        say::line(
            "A stolen terminal of a store with clerks, for 24 hours: minor units, and attempts",
        );
        for stolen in &self.stolen_terminals {
            let with = if stolen.with_pin { "key and a clerk's PIN" } else { "key alone" };
            let Stolen { printed, spent, refused, .. } = stolen;
            say::line(format_args!(
                "  {with:<22} printed {printed:>8}   spent {spent:>8}   refused {refused:>6}"
            ));
        }
    }

    /// Void where the rules of 2019 do not lose; bad where ours lose more than they may.
    fn judge(&self) -> Result<(), Failure> {
        let last = |row: &Row| row.losses.last().map_or(0, |loss| loss.per_victim(self.victims));
        let control = self.takeovers.last().map_or(0, last);
        if control <= GOAL {
            return Err(Failure::bad(format!(
                "the rules of 2019 lost {control} a victim: this play says nothing"
            )));
        }
        let ours = self.takeovers.iter().take(2).map(last).max().unwrap_or(0);
        if ours >= GOAL {
            return Err(Failure::bad(format!(
                "the rules of a new book lost {ours} a victim, which must be under {GOAL}"
            )));
        }
        Ok(())
    }
}
