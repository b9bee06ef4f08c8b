//! What a batch needs before it is decided: the references that it names, and the rows to lock.

use super::View;
use crate::command::{Act, Command, Refer, touch_money_in};
use crate::identity::act::touch_identity;
use crate::ids::{FactId, MemberNumber, RequestKey};
use crate::staff::{Deed, Operate};

/// Rows to lock and load, once the references are known.
#[derive(Debug, Default)]
pub struct Touch {
    /// Members to lock, ascending.
    pub members: Vec<MemberNumber>,
    /// Payments that may have come further.
    pub payment_states: Vec<FactId>,
    /// Operations that may be acknowledged.
    pub acknowledgements: Vec<FactId>,
    /// Members whose devices, factors, addresses and recoveries are loaded too, ascending.
    pub people: Vec<MemberNumber>,
    /// Members whose cards and latest top-ups are loaded too, ascending.
    pub money: Vec<MemberNumber>,
    /// Top-ups that a command is about.
    pub top_ups: Vec<FactId>,
}

/// Names the rows that a batch locks and loads. References are looked up in `view` and, where a
/// request of this very batch is meant, among the batch's own commands.
pub fn touch(commands: &[&Command], view: &View) -> Touch {
    let mut touch = Touch::default();
    for command in commands {
        touch_one(command, view, &mut touch);
        if let Command::Reverse(reverse) = command {
            let key = reverse.target;
            let same_batch = commands.iter().filter(|other| other.key() == Some(key));
            for other in same_batch {
                touch_one(other, view, &mut touch);
            }
        }
    }
    touch.members.sort_unstable();
    touch.members.dedup();
    touch.payment_states.sort_unstable();
    touch.payment_states.dedup();
    touch.acknowledgements.sort_unstable();
    touch.acknowledgements.dedup();
    touch.people.sort_unstable();
    touch.people.dedup();
    touch.money.sort_unstable();
    touch.money.dedup();
    touch.top_ups.sort_unstable();
    touch.top_ups.dedup();
    touch
}

fn touch_one(command: &Command, view: &View, touch: &mut Touch) {
    match command {
        Command::PayWithCode(pay) => {
            let candidates = pay.code.iter().flat_map(|code| code.candidates);
            touch.members.extend(candidates.flatten().map(|(member, _)| member));
        }
        Command::PayShop(pay) => touch.members.push(pay.member),
        Command::Settle(settle) => touch_payment(settle.payment, view, touch),
        Command::ExpireHold(payment) => touch_payment(*payment, view, touch),
        Command::Reverse(reverse) => {
            if let Some(target) = view.operations.get(&reverse.target) {
                touch.members.extend(target.member.is_some().then_some(target.member));
                if target.is_of_top_up() {
                    touch.top_ups.push(target.payment);
                }
                touch_payment(target.payment, view, touch);
            }
        }
        Command::Query(_) => {}
        Command::Acknowledge(caller, requests) => {
            let terminal = caller.key.terminal;
            for &request in requests {
                let operation = view.operations.get(&RequestKey { request, terminal });
                touch.acknowledgements.extend(operation.map(|operation| operation.id));
            }
        }
        Command::Credit(credit) => touch.members.push(credit.member),
        Command::BulkCredit(credit) => {
            touch.members.push(credit.row.member);
            touch.money.push(credit.row.member);
        }
        Command::Administer(_) | Command::Operate(_) => match command.act().or(proposed(command)) {
            Some(Act::CreateLink(member, ..) | Act::RotateCodeSecret(member, _)) => {
                touch.members.push(*member);
            }
            Some(Act::VerifyMember(member, _)) => touch.members.push(*member),
            Some(
                Act::FreezeMember(member)
                | Act::FreezeOnCall(member)
                | Act::UnfreezeMember(member)
                | Act::CloseMember(member)
                | Act::VouchForMember(member, _)
                | Act::AllowRecovery(member, _)
                | Act::EndRecovery(member, _),
            ) => {
                touch.members.push(*member);
                touch.people.push(*member);
            }
            Some(Act::EnrolDevice { link, .. }) => {
                touch.members.extend(view.links.get(link).map(|link| link.member));
            }
            Some(Act::EndDevice(device)) => {
                let device = view.people.devices.get(device);
                touch.members.extend(device.map(|device| device.member));
                touch.people.extend(device.map(|device| device.member));
            }
            _ => {}
        },
        Command::Identity(identity) => touch_identity(identity, view, touch),
        Command::MoneyIn(step) => touch_money_in(step, touch),
        Command::TopUpWithCode(top_up) => {
            let candidates = top_up.code.iter().flat_map(|code| code.candidates);
            let members: Vec<_> = candidates.flatten().map(|(member, _)| member).collect();
            touch.members.extend(&members);
            touch.money.extend(&members);
        }
    }
}

/// The act of which a member is told when it is proposed.
fn proposed(command: &Command) -> Option<&Act> {
    match command {
        Command::Operate(Operate { deed: Deed::Propose(act @ Act::UnfreezeMember(_)), .. }) => {
            Some(act)
        }
        _ => None,
    }
}

fn touch_payment(payment: FactId, view: &View, touch: &mut Touch) {
    if let Some(begun) = view.payments.get(&payment) {
        touch.members.extend(begun.member.is_some().then_some(begun.member));
        touch.payment_states.push(payment);
    }
}

/// The references of a whole batch.
pub fn refer_all(commands: &[&Command]) -> Refer {
    let mut all = Refer::default();
    for command in commands {
        crate::command::refer(command, &mut all);
    }
    all.sort();
    all
}
