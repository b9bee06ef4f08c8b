//! The commands of operators, and the order that each of them is.

use clap::{Args, Subcommand, ValueEnum};
use yaoki_core::money::{AMOUNT_MAX, amount_is_in_range};
use yaoki_server::admin::Order;

use super::bulk::Bulk;
use super::leaked_passwords::LeakedPasswords;
use super::list::List;
use super::rotate::Rotate;
use crate::commands::account::{Balance, Statement};

#[derive(Debug, Subcommand)]
pub(super) enum Act {
    /// A new merchant: who is paid
    CreateMerchant {
        /// Its name, as on receipts
        name: String,
    },
    /// A new store of a merchant: where it is paid
    CreateStore {
        /// The merchant, as mer_… or its number
        merchant: String,
        /// Its name, as on receipts
        name: String,
        /// City or street, as members are shown before they confirm a payment
        #[arg(long, default_value = "", hide_default_value = true)]
        place: String,
        /// When its business day ends, as HH:MM in the operator's zone
        #[arg(long, value_name = "HH:MM", default_value = "00:00", value_parser = minutes_of)]
        cutoff: i64,
    },
    /// A new terminal of a store: a register; prints its key
    CreateTerminal {
        /// The store, as sto_… or its number
        store: String,
        /// What its owner calls it
        name: String,
    },
    /// The key of a terminal, once more
    ShowTerminalKey {
        /// The terminal, as trm_… or its number
        terminal: String,
    },
    /// A terminal takes no more payments; it can still query, reverse, capture, void and refund
    SuspendTerminal {
        /// The terminal, as trm_… or its number
        terminal: String,
    },
    /// It takes payments again (two people)
    ResumeTerminal {
        /// The terminal, as trm_… or its number
        terminal: String,
    },
    /// New members
    CreateMember {
        /// How many
        #[arg(long, default_value_t = 1, value_name = "COUNT")]
        count: u32,
    },
    /// A one-time enrolment link; whoever has its token becomes the member's paying device
    Link {
        /// The member, as mem_… or the number
        member: String,
        /// How long it lives, seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        lifetime_seconds: i64,
    },
    /// A device loses its authority at once
    EndDevice {
        /// The device, as dev_…
        device: String,
    },
    /// A new webhook endpoint of a merchant; prints its secret
    CreateWebhook {
        /// The merchant, as mer_… or its number
        merchant: String,
        /// Where its events are posted, an https URL
        url: String,
    },
    /// A webhook endpoint is told nothing more, for ever
    EndWebhook {
        /// The endpoint, as whe_… or its number
        webhook: String,
    },
    /// A new secret for a webhook endpoint; prints it
    RotateWebhook {
        /// The endpoint, as whe_… or its number
        webhook: String,
        /// How long the old secret still signs and is believed, seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        keep_seconds: i64,
    },
    /// Credits in bulk from a CSV file: check, open by two people, run
    Bulk(Bulk),
    /// Money or points from nowhere, on demo and staging books only
    Credit {
        /// The member, as mem_… or the number
        member: String,
        /// How much, in minor units
        #[arg(allow_negative_numbers = true, value_parser = amount_of)]
        amount: i64,
        /// Points, not money
        #[arg(long)]
        points: bool,
    },
    /// No money leaves by the member's act; refunds still arrive
    FreezeMember {
        /// The member, as mem_… or the number
        member: String,
    },
    /// It may leave again (two people)
    UnfreezeMember {
        /// The member, as mem_… or the number
        member: String,
    },
    /// A member is closed for ever; refunds that come later wait in suspense
    CloseMember {
        /// The member, as mem_… or the number
        member: String,
    },
    /// Close a capability, within a second on every node (one person and a reason)
    CloseSwitch {
        /// What is closed
        capability: Capability,
        #[command(flatten)]
        subject: Subject,
        /// After so many seconds it opens by itself; only for what moves no money
        #[arg(long, value_name = "SECONDS")]
        lapse_seconds: Option<i64>,
    },
    /// Open it again (two people)
    OpenSwitch {
        /// What is opened
        capability: Capability,
        #[command(flatten)]
        subject: Subject,
    },
    /// What there is, by ascending number: shops, members, devices, switches, webhooks, operators
    List(List),
    /// Every closed switch
    Switches,
    /// Open a book that was restored, once it is known what it lacks (two people)
    OpenRestored,
    /// The first two operators, before there is a member; prints the links at which they register
    FirstOperators {
        /// One of them
        #[arg(long, value_name = "NAME")]
        one: String,
        /// The other
        #[arg(long, value_name = "NAME")]
        two: String,
    },
    /// A new link for one of the first two who let his go by; until two have registered
    RenewOperatorLink {
        /// `opr_…`, as `list operators` says it
        #[arg(long, value_name = "OPERATOR")]
        operator: String,
    },
    /// A new clerk of a store; prints the PIN: where clerks work, refunds take one who signed in
    CreateClerk {
        /// `sto_…`
        #[arg(long, value_name = "STORE")]
        store: String,
        /// As colleagues read it
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Another PIN for a clerk; unlocks, and ends what the clerk began
    ResetClerkPin {
        /// `clk_…`
        #[arg(long, value_name = "CLERK")]
        clerk: String,
    },
    /// A clerk works here no more
    EndClerk {
        /// `clk_…`
        #[arg(long, value_name = "CLERK")]
        clerk: String,
    },
    /// A link that signs you in at the console of the running server: works once, for ten minutes
    ConsoleLink,
    /// Every console session of the running server ends, and every link to it
    EndConsoleSessions,
    /// A new generation of a key, without a stop
    #[command(subcommand)]
    Rotate(Rotate),
    /// The running server reads the key file again
    ReloadKeys,
    /// The passwords that nobody may have; without a book and without a server
    #[command(subcommand)]
    LeakedPasswords(LeakedPasswords),
    /// A balance, now or as of a time
    Balance(Balance),
    /// The movements of an account, oldest first
    Statement(Statement),
    /// How the book is doing
    Status,
}

/// What can be closed; its names are core's.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Capability {
    /// Paying and authorizing on a code
    Payment,
    /// Refunds that do not go back to the balance they came from
    Refund,
    /// Showing codes
    CodeIssue,
    /// Enrolling devices
    Enrolment,
    /// Giving money or points to members
    Credit,
    /// Becoming a member
    SignUp,
    /// Starting and finishing recoveries
    Recovery,
    /// Signing in by an external id, and linking one
    ExternalId,
    /// Topping up by a card, and adding cards
    CardTopUp,
    /// Topping up with cash at a register
    CashTopUp,
}

impl Capability {
    const fn core(self) -> yaoki_core::switches::Capability {
        use yaoki_core::switches::Capability as Core;
        match self {
            Self::Payment => Core::Payment,
            Self::Refund => Core::Refund,
            Self::CodeIssue => Core::CodeIssue,
            Self::Enrolment => Core::Enrolment,
            Self::Credit => Core::Credit,
            Self::SignUp => Core::SignUp,
            Self::Recovery => Core::Recovery,
            Self::ExternalId => Core::ExternalId,
            Self::CardTopUp => Core::CardTopUp,
            Self::CashTopUp => Core::CashTopUp,
        }
    }
}

/// For whom; for everybody when nothing is said.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Subject {
    /// Only for this merchant, as mer_… or its number
    #[arg(long, value_name = "ID")]
    merchant: Option<String>,
    /// Only for this store, as sto_… or its number
    #[arg(long, value_name = "ID")]
    store: Option<String>,
    /// Only for this terminal, as trm_… or its number
    #[arg(long, value_name = "ID")]
    terminal: Option<String>,
    /// Only for this member, as mem_… or the number
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Only for this provider of external ids, by its name
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

impl Subject {
    /// Scope and subject as an order names them.
    fn scope(&self) -> (String, Option<String>) {
        let given = [
            ("merchant", &self.merchant),
            ("store", &self.store),
            ("terminal", &self.terminal),
            ("member", &self.member),
            ("provider", &self.provider),
        ];
        let found = given.into_iter().find_map(|(scope, id)| Some((scope, id.clone()?)));
        match found {
            Some((scope, id)) => (scope.to_owned(), Some(id)),
            None => ("everything".to_owned(), None),
        }
    }
}

impl Act {
    /// The order that this is.
    ///
    /// # Panics
    /// For the commands that are more than one order.
    pub(super) fn order(&self) -> Order {
        match self {
            Self::CreateMerchant { name } => Order::CreateMerchant { name: name.clone() },
            Self::CreateStore { merchant, name, place, cutoff } => Order::CreateStore {
                merchant: merchant.clone(),
                name: name.clone(),
                place: place.clone(),
                cutoff_minutes: *cutoff,
            },
            Self::CreateTerminal { store, name } => {
                Order::CreateTerminal { store: store.clone(), name: name.clone() }
            }
            Self::ShowTerminalKey { terminal } => {
                Order::ShowTerminalKey { terminal: terminal.clone() }
            }
            Self::SuspendTerminal { terminal } => {
                Order::SuspendTerminal { terminal: terminal.clone() }
            }
            Self::ResumeTerminal { terminal } => {
                Order::ResumeTerminal { terminal: terminal.clone() }
            }
            Self::Link { member, lifetime_seconds } => Order::CreateLink {
                member: member.clone(),
                lifetime_seconds: Some(*lifetime_seconds),
            },
            Self::EndDevice { device } => Order::EndDevice { device: device.clone() },
            Self::CreateWebhook { merchant, url } => {
                Order::CreateWebhook { merchant: merchant.clone(), url: url.clone() }
            }
            Self::EndWebhook { webhook } => Order::EndWebhook { webhook: webhook.clone() },
            Self::RotateWebhook { webhook, keep_seconds } => {
                Order::RotateWebhookSecret { webhook: webhook.clone(), keep_seconds: *keep_seconds }
            }
            Self::Credit { member, amount, points } => Order::Credit {
                member: member.clone(),
                asset: if *points { "points" } else { "money" }.to_owned(),
                amount: *amount,
            },
            Self::FreezeMember { member } => Order::FreezeMember { member: member.clone() },
            Self::UnfreezeMember { member } => Order::UnfreezeMember { member: member.clone() },
            Self::CloseMember { member } => Order::CloseMember { member: member.clone() },
            Self::CloseSwitch { .. } | Self::OpenSwitch { .. } => self.switch_order(),
            Self::List(list) => list.order(),
            Self::Switches => Order::ListSwitches,
            Self::OpenRestored => Order::OpenRestored,
            Self::FirstOperators { one, two } => {
                Order::CreateFirstOperators { one: one.clone(), two: two.clone() }
            }
            Self::RenewOperatorLink { operator } => {
                Order::RenewOperatorLink { operator: operator.clone() }
            }
            Self::CreateClerk { store, name } => {
                Order::CreateClerk { store: store.clone(), name: name.clone() }
            }
            Self::ResetClerkPin { clerk } => Order::ResetClerkPin { clerk: clerk.clone() },
            Self::EndClerk { clerk } => Order::EndClerk { clerk: clerk.clone() },
            Self::ConsoleLink => Order::ConsoleLink,
            Self::EndConsoleSessions => Order::EndConsoleSessions,
            Self::ReloadKeys => Order::ReloadKeys,
            Self::Status => Order::Status,
            Self::CreateMember { .. }
            | Self::Rotate(_)
            | Self::Bulk(_)
            | Self::LeakedPasswords(_)
            | Self::Balance(_)
            | Self::Statement(_) => unreachable!("{self:?} is not one order"),
        }
    }

    /// Whether it only looks, so that nobody has to say who looks.
    pub(super) const fn only_looks(&self) -> bool {
        if let Self::Bulk(bulk) = self {
            return bulk.only_looks();
        }
        matches!(
            self,
            Self::ShowTerminalKey { .. }
                | Self::List(_)
                | Self::Switches
                | Self::ReloadKeys
                | Self::Balance(_)
                | Self::Statement(_)
                | Self::Status
        )
    }

    fn switch_order(&self) -> Order {
        match self {
            Self::CloseSwitch { capability, subject, lapse_seconds } => {
                let (scope, subject) = subject.scope();
                let capability = capability.core().name().to_owned();
                Order::CloseSwitch { capability, scope, subject, lapse_seconds: *lapse_seconds }
            }
            Self::OpenSwitch { capability, subject } => {
                let (scope, subject) = subject.scope();
                let capability = capability.core().name().to_owned();
                Order::OpenSwitch { capability, scope, subject }
            }
            other => unreachable!("{other:?} is no switch"),
        }
    }
}

/// An amount that can be given.
fn amount_of(text: &str) -> Result<i64, String> {
    let amount = text.parse().ok().filter(|amount| amount_is_in_range(*amount));
    amount.ok_or_else(|| {
        format!("an amount must be an integer of minor units, from 1 to {AMOUNT_MAX}")
    })
}

/// Minutes after midnight of `HH:MM`.
fn minutes_of(text: &str) -> Result<i64, String> {
    let must = || "a time of day as HH:MM, from 00:00 to 23:59".to_owned();
    let (hours, minutes) = text.split_once(':').ok_or_else(must)?;
    let part = |text: &str, max| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i64| digits && *number <= max).ok_or_else(must)
    };
    Ok(part(hours, 23)? * 60 + part(minutes, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_of_the_rules_can_be_closed_and_opened() {
        let here: Vec<_> = Capability::value_variants().iter().map(|value| value.core()).collect();
        assert_eq!(here, yaoki_core::switches::Capability::ALL);
    }

    #[test]
    fn a_time_of_day_is_read_or_refused() {
        assert_eq!(minutes_of("00:00"), Ok(0));
        assert_eq!(minutes_of("23:59"), Ok(1439));
        for wrong in ["24:00", "1:00", "12", "12:60", "-1:00", "12:5"] {
            assert!(minutes_of(wrong).is_err(), "{wrong}");
        }
    }
}
