//! What a batch looks up before anything is locked: references that never change once written.

use super::money_in::refer_money_in;
use super::{Act, Command};
use crate::identity::act::refer_identity;
use crate::ids::{FactId, RequestId, RequestKey};
use crate::staff::StaffKeys;

/// References to look up before anything is locked. Sorted and without repeats after
/// [`Refer::sort`].
#[derive(Debug, Default)]
pub struct Refer {
    /// Operations by request key.
    pub requests: Vec<RequestKey>,
    /// Operations by id.
    pub payments: Vec<FactId>,
    /// Events by request id.
    pub events: Vec<RequestId>,
    /// Enrolment links by digest.
    pub links: Vec<[u8; 32]>,
    /// Devices by id.
    pub devices: Vec<FactId>,
    /// Challenges by id.
    pub challenges: Vec<[u8; 32]>,
    /// Addresses by keyed digest.
    pub contacts: Vec<[u8; 32]>,
    /// Factors by what they are found by.
    pub lookups: Vec<Vec<u8>>,
    /// Whether new numbers are given: merchants, stores, terminals, members, webhooks.
    pub numbers: bool,
    /// Rows of staff.
    pub staff: StaffKeys,
    /// Top-ups by id.
    pub top_ups: Vec<FactId>,
    /// Cards by fingerprint: those that can be used, whoever's.
    pub fingerprints: Vec<[u8; 32]>,
    /// Networks from which cards are used: who else did today.
    pub networks: Vec<Vec<u8>>,
    /// Whether top-ups among these are judged: then by their networks, too.
    pub judges_top_ups: bool,
}

impl Refer {
    /// Orders every list by key, without repeats, so that all lanes ask in the same order.
    pub fn sort(&mut self) {
        fn tidy<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        tidy(&mut self.requests);
        tidy(&mut self.payments);
        tidy(&mut self.events);
        tidy(&mut self.links);
        tidy(&mut self.devices);
        tidy(&mut self.challenges);
        tidy(&mut self.contacts);
        tidy(&mut self.lookups);
        tidy(&mut self.top_ups);
        tidy(&mut self.fingerprints);
        tidy(&mut self.networks);
        self.staff.sort();
    }
}

/// Names what `command` refers to.
pub fn refer(command: &Command, refer: &mut Refer) {
    refer.requests.extend(command.key());
    match command {
        Command::PayWithCode(_)
        | Command::PayShop(_)
        | Command::Credit(_)
        | Command::TopUpWithCode(_) => {}
        Command::BulkCredit(credit) => refer.events.push(credit.bulk),
        Command::Settle(settle) => refer.payments.push(settle.payment),
        Command::Reverse(reverse) => {
            refer.requests.push(reverse.target);
        }
        Command::Query(caller) => refer.requests.push(caller.key),
        Command::Acknowledge(caller, requests) => {
            let terminal = caller.key.terminal;
            let keys = requests.iter().map(|&request| RequestKey { request, terminal });
            refer.requests.extend(keys);
        }
        Command::ExpireHold(payment) => refer.payments.push(*payment),
        Command::Administer(administer) => refer.events.push(administer.request),
        Command::Operate(operate) => refer.events.push(operate.request),
        Command::Identity(identity) => refer_identity(identity, refer),
        Command::MoneyIn(step) => refer_money_in(step, refer),
    }
    refer.staff.of_command(command);
    match command.act() {
        Some(Act::OpenBulk(name, root)) => {
            refer.events.push(RequestId::of_bulk(name, &root.hash));
        }
        Some(Act::EnrolDevice { link, .. }) => refer.links.push(*link),
        Some(Act::EndDevice(device)) => refer.devices.push(*device),
        Some(
            Act::CreateMerchant(_)
            | Act::CreateStore { .. }
            | Act::CreateTerminal(..)
            | Act::CreateMember
            | Act::CreateWebhook { .. }
            | Act::CreateFirstOperators { .. }
            | Act::CreateOperator { .. }
            | Act::CreateClerk { .. },
        ) => refer.numbers = true,
        _ => {}
    }
}
