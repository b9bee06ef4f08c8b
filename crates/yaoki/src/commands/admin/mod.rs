//! `yaoki admin`: what operators do. Each command becomes one order of [`yaoki_server::admin`];
//! this module only gives it a command line and prints its reply.
//!
//! | module             | what it is                          |
//! | ------------------ | ----------------------------------- |
//! | `order`            | the commands, and the order of each |
//! | `bulk`             | credits in bulk, from a CSV file    |
//! | `list`             | what there is, page by page         |
//! | `rotate`           | keys                                |
//! | `leaked_passwords` | a filter of them, of a list         |
//! | [`reply`]          | replies as people read them         |

mod bulk;
mod leaked_passwords;
mod list;
mod order;
pub(crate) mod reply;
mod rotate;

use clap::Args;
use yaoki_server::admin::{By, Message, Order};

use self::order::Act;
use crate::commands::account;
use crate::door::Door;
use crate::exit::Failure;
use crate::settings::Settings;
use crate::{open, outside, say};

/// The variable that says who works at this machine.
const ACTOR_HELP: &str =
    "Who does it; the book keeps it [env: YAOKI_ACTOR] [default: who is logged in]";
const ACTOR_VARIABLE: &str = "YAOKI_ACTOR";

#[derive(Debug, Args)]
#[command(max_term_width = 100)]
pub(crate) struct Admin {
    #[command(flatten)]
    by: ByArguments,
    /// Print replies as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Args)]
struct ByArguments {
    #[arg(long, value_name = "NAME", global = true, help = ACTOR_HELP)]
    actor: Option<String>,
    /// The second person, where two are needed: opening, resuming, unfreezing
    #[arg(long, value_name = "NAME", global = true)]
    second: Option<String>,
    /// Where there are operators: the proposal on which two of them have agreed, as prp_…
    #[arg(long, value_name = "ID", global = true)]
    proposal: Option<String>,
    /// Why; closing, suspending and freezing need it, and the book keeps it
    #[arg(long, value_name = "TEXT", global = true)]
    reason: Option<String>,
    /// A UUID of yours: the same order given again with it is carried out once
    #[arg(long, value_name = "UUID", global = true)]
    request_id: Option<String>,
}

impl ByArguments {
    /// Who does it, and why. Whoever only looks may be nobody.
    fn by(&self, only_looks: bool) -> Result<By, Failure> {
        let variables = [ACTOR_VARIABLE, "USER", "LOGNAME"].into_iter();
        let known = || variables.filter_map(outside::variable).find(|name| !name.trim().is_empty());
        let actor = self.actor.clone().or_else(known).unwrap_or_default();
        if actor.trim().is_empty() && !only_looks {
            return Err(Failure::usage(format!(
                "who does this must be said, because the book keeps it: give --actor NAME, or set \
                 {ACTOR_VARIABLE}"
            )));
        }
        Ok(By {
            actor,
            second: self.second.clone().unwrap_or_default(),
            reason: self.reason.clone().unwrap_or_default(),
            proposal: self.proposal.clone(),
            request_id: self.request_id.clone(),
        })
    }
}

/// Carries out one command of an operator.
pub(crate) fn run(admin: &Admin, settings: &Settings) -> Result<(), Failure> {
    if let Act::LeakedPasswords(act) = &admin.act {
        return leaked_passwords::run(act);
    }
    let by = admin.by.by(admin.act.only_looks())?;
    let desk = Desk { door: Door::open(settings)?, settings, by, json: admin.json };
    match &admin.act {
        Act::Balance(balance) => account::balance(&desk, balance),
        Act::Statement(statement) => account::statement(&desk, statement),
        Act::Rotate(rotate) => rotate::run(&desk, rotate),
        Act::Bulk(bulk) => bulk::run(&desk, bulk),
        Act::CreateMember { count } => (0..*count).try_for_each(|_| desk.say(Order::CreateMember)),
        Act::Credit { .. } => {
            desk.must_not_be_live("credit without a payment rail (the money issue brings them)")?;
            desk.say(admin.act.order())
        }
        act => desk.say(act.order()),
    }
}

/// An open door, and who stands in it.
pub(crate) struct Desk<'a> {
    /// Where orders go.
    pub(crate) door: Door,
    /// The settings.
    pub(crate) settings: &'a Settings,
    /// Whether replies are printed as JSON.
    pub(crate) json: bool,
    by: By,
}

impl Desk<'_> {
    /// Carries out an order and prints its reply.
    fn say(&self, order: Order) -> Result<(), Failure> {
        let reply = self.order(order)?;
        if self.json {
            say::line(serde_json::to_string_pretty(&reply)?);
        } else {
            reply::say(&reply);
        }
        Ok(())
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// As [`Door::order`].
    pub(crate) fn order(&self, order: Order) -> Result<serde_json::Value, Failure> {
        self.door.order(&Message { by: self.by.clone(), order })
    }

    fn must_not_be_live(&self, what: &str) -> Result<(), Failure> {
        open::must_not_be_live(open::book_row(&self.settings.database)?.kind, what)
    }
}
