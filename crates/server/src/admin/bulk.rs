//! Credits in bulk, row by row: what each would come to, and what it came to.

use std::sync::mpsc::sync_channel;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use yaoki_core::bulk::{BulkRow, Node};
use yaoki_core::command::{BulkCredit, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Member, MemberState};
use yaoki_core::switches::{Capability, Place};
use yaoki_store::{Answer, BookKind, Conn, Part, StoreError, read};

use super::{AdminError, By, DEADLINE_MS, Desk};
use crate::api::fields;
use crate::edge::hex;

/// The most rows of one order.
const ROWS_MAX: usize = 64;

/// One row of a file, and what shows that it is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkRowOrder {
    /// Its place, from 0.
    index: i64,
    /// The member's number.
    member: i64,
    /// Minor units.
    amount: i64,
    /// Neighbours on the way to the root, from below: hash, and minor units below it.
    path: Vec<(String, i64)>,
}

impl BulkRowOrder {
    /// Of a row and its path.
    pub fn of(row: &BulkRow, path: &[Node]) -> Self {
        let node = |node: &Node| (hex::text(&node.hash), node.sum);
        let path = path.iter().map(node).collect();
        Self { index: row.index, member: row.member.0, amount: row.amount, path }
    }

    fn read(&self) -> Result<(BulkRow, Vec<Node>), AdminError> {
        let (index, amount) = (self.index, self.amount);
        let row = BulkRow { index, member: MemberNumber(self.member), amount };
        let wrong = || AdminError::Wrong("a path is of hashes, 64 hex digits each".to_owned());
        let node = |(hash, sum): &(String, i64)| {
            Ok(Node { hash: hex::bytes(hash).ok_or_else(wrong)?, sum: *sum })
        };
        Ok((row, self.path.iter().map(node).collect::<Result<_, AdminError>>()?))
    }
}

fn must_be_few(rows: &[BulkRowOrder]) -> Result<(), AdminError> {
    if rows.len() > ROWS_MAX {
        return Err(AdminError::Wrong(format!("one order has at most {ROWS_MAX} rows")));
    }
    Ok(())
}

/// On a live book no two names that somebody types are two people.
pub(super) fn must_be_agreed_on(desk: &Desk, by: &By) -> Result<(), AdminError> {
    if desk.book.kind() == BookKind::Live && by.proposal.is_none() {
        return Err(AdminError::Refused(Refusal::ActTakesAProposal));
    }
    Ok(())
}

/// What each row would come to if it were credited now: `good`, or the name of a refusal. A row's
/// amount is what its member is given by it and by those before it.
pub(super) fn check(desk: &Desk, rows: &[BulkRowOrder]) -> Result<Value, AdminError> {
    must_be_few(rows)?;
    let numbers: Vec<MemberNumber> = rows.iter().map(|row| MemberNumber(row.member)).collect();
    let now = (desk.clock)();
    let read = move |conn: &mut Conn| -> Result<_, StoreError> {
        let mut numbers = numbers;
        numbers.sort_unstable();
        numbers.dedup();
        Ok((conn.find::<Member, _>(&numbers)?, read::directory(conn)?))
    };
    let (members, directory) = desk.book.read_and_wait(read)?;
    let said = rows.iter().map(|row| {
        let member = members.iter().find(|member| member.number.0 == row.member);
        let Some(member) = member else { return Refusal::MemberMustExist.name() };
        let after = member.money.saturating_add(row.amount);
        let place = Place { member: member.number, ..Place::default() };
        if member.state == MemberState::Closed {
            Refusal::MemberMustBeOpen.name()
        } else if directory.is_closed(Capability::Credit, &place, now) {
            Refusal::CreditsAreClosed.name()
        } else if after > directory.policy.balance.max {
            Refusal::BalanceMustStayBelowCap.name()
        } else {
            "good"
        }
    });
    Ok(json!({ "rows": said.collect::<Vec<_>>() }))
}

/// Credits rows: `credited`, `credited_before`, `unknown`, or the name of a refusal. All wait for
/// their commits together.
pub(super) fn credit(desk: &Desk, bulk: &str, rows: &[BulkRowOrder]) -> Result<Value, AdminError> {
    must_be_few(rows)?;
    let wrong = |_| AdminError::Wrong("`bulk` must be the id of what was opened".to_owned());
    let bulk: RequestId = fields::request_id("bulk", bulk).map_err(wrong)?;
    let rows = rows.iter().map(BulkRowOrder::read).collect::<Result<Vec<_>, AdminError>>()?;
    let deadline = (desk.clock)().plus_ms(DEADLINE_MS);
    let waiting: Vec<_> = rows
        .into_iter()
        .map(|(row, path)| {
            let (sender, receiver) = sync_channel(1);
            // Who asked has gone: what is decided stays decided.
            let reply = Box::new(move |answer| drop(sender.send(answer)));
            let command = Command::BulkCredit(BulkCredit { bulk, row, path });
            desk.book.submit(Part::Members, command, deadline, reply);
            receiver
        })
        .collect();
    let said = waiting.into_iter().map(|answer| match answer.recv() {
        Ok(Answer::Decided(Outcome::Decided { replayed: true, .. })) => "credited_before",
        Ok(Answer::Decided(_)) => "credited",
        Ok(Answer::Refused(refused)) => refused.refusal.name(),
        Ok(Answer::Unknown(_)) | Err(_) => "unknown",
    });
    Ok(json!({ "rows": said.collect::<Vec<_>>() }))
}
