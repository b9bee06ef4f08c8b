//! Credits in bulk: the file that two agreed on, and its rows one by one.

use super::money_in::balance_must_hold;
use super::pay::who_is_credited;
use super::{Outcome, Stop, amount_must_hold, blank, must, record};
use crate::account::Account;
use crate::bulk::{BulkRoot, ROWS_MAX};
use crate::command::{Act, Ask, BulkCredit, Caller};
use crate::facts::{Event, EventKind, OperationKind, Transfer};
use crate::ids::RequestId;
use crate::refusal::Refusal;
use crate::time::Instant;
use crate::view::{Effects, View};

/// What two operators have agreed on.
pub(super) fn open(name: &str, root: &BulkRoot, event: Event) -> Result<Event, Refusal> {
    let good = (1..=ROWS_MAX).contains(&root.rows) && root.sum >= root.rows;
    must(good, Refusal::BulkMustBeRight)?;
    let (kind, digest) = (EventKind::BulkOpened, root.hash.to_vec());
    let (object, number, text) = (root.rows, root.sum, name.trim().to_owned());
    let request_id = RequestId::of_bulk(name, &root.hash);
    Ok(Event { request_id, kind, object, number, digest, text, ..event })
}

/// What was agreed on before under the same name: the same file is agreed on once.
pub(super) fn opened<'a>(view: &'a View, act: &Act) -> Option<&'a Event> {
    let Act::OpenBulk(name, root) = act else { return None };
    view.events.get(&RequestId::of_bulk(name, &root.hash))
}

/// Whether this act is the one that the event books.
pub(super) fn is_meant(event: &Event, root: &BulkRoot) -> bool {
    root_of(event) == Some(*root)
}

/// The root of the file that an event is about.
fn root_of(event: &Event) -> Option<BulkRoot> {
    let hash = event.digest.as_slice().try_into().ok()?;
    let root = BulkRoot { hash, rows: event.object, sum: event.number };
    (event.kind == EventKind::BulkOpened).then_some(root)
}

/// One row: it is in the file, so two have agreed on it, and it is credited once.
pub(super) fn decide(
    view: &View,
    credit: &BulkCredit,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let root = view.events.get(&credit.bulk).and_then(root_of);
    let root = root.ok_or(Refusal::BulkMustBeOpen)?;
    must(credit.row.is_in(&root, &credit.path), Refusal::BulkRowMustBeInTheFile)?;
    let key = credit.key();
    if let Some(operation) = view.operations.get(&key) {
        let operation = operation.clone();
        return Ok(Outcome::Decided { operation, replayed: true, forged: false });
    }
    let amount = credit.row.amount;
    amount_must_hold(view, amount, view.rules.currency)?;
    let member = who_is_credited(view, credit.row.member)?;
    balance_must_hold(view, member, amount)?;
    // After this point the credit succeeds.
    let (caller, valid_until) = (Caller { key, generation: 0 }, Instant(i64::MAX));
    // The row says of which file it is.
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&root.hash[..16]);
    let ask = Ask { caller, valid_until, fingerprint };
    let mut operation = blank(view, &ask, OperationKind::Credit, amount);
    operation.id = view.next_ids(2);
    operation.put_on_list_of(member);
    let accounts = (Account::FUNDING, Account::money(member.number));
    effects.transfers.push(Transfer::of(&operation, accounts));
    Ok(record(operation, effects))
}
