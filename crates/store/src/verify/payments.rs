//! Payments that have come further than being paid at once, rebuilt from the operations on them.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::ids::FactId;
use yaoki_core::row::Value;
use yaoki_core::state::PaymentState;

use super::page::{Checked, Pages};
use super::report::Findings;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// Whether this operation changes how far its payment has come, as a commit judges it.
fn counts(operation: &Operation) -> bool {
    let undoes_nothing = matches!(operation.effect, Effect::NeverSeen | Effect::NothingToUndo);
    let about_payment = operation.payment.is_some() && !operation.is_of_top_up();
    operation.succeeded() && about_payment && !undoes_nothing
}

/// Every payment that these operations bring further has a state.
pub(super) fn must_be_there(
    conn: &mut Conn,
    operations: &[Operation],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let further = operations.iter().filter(|row| {
        counts(row) && (row.kind == OperationKind::Authorize || row.payment != row.id)
    });
    let payments: BTreeSet<FactId> = further.map(|row| row.payment).collect();
    let keys: Vec<FactId> = payments.iter().copied().collect();
    let stored = conn.find::<Checked<PaymentState>, _>(&keys)?;
    let stored: BTreeSet<FactId> = stored.iter().map(|row| FactId(row.number())).collect();
    for payment in payments.difference(&stored) {
        findings.add("payment_state", payment.0, "is missing".to_owned());
    }
    Ok(())
}

/// Compares every payment's state; says how many there are.
pub(super) fn check(conn: &mut Conn, findings: &mut Findings) -> Result<u64, StoreError> {
    let mut pages: Pages<PaymentState> = Pages::new();
    let mut count = 0;
    loop {
        let page = pages.page(conn)?;
        let Some((first, last)) = page.first().zip(page.last()) else { return Ok(count) };
        count += u64::try_from(page.len()).unwrap_or(0);
        let range = [first.number(), last.number()].map(Value::Int);
        let found: Vec<Checked<Operation>> = conn.query(&sql::OPERATIONS_OF_PAYMENTS, &range)?;
        let mut later: BTreeMap<FactId, Vec<Operation>> = BTreeMap::new();
        for operation in found.into_iter().filter_map(|checked| checked.row.ok()) {
            if counts(&operation) {
                later.entry(operation.payment).or_default().push(operation);
            }
        }
        let keys: Vec<FactId> = page.iter().map(|row| FactId(row.number())).collect();
        let begun = conn.find::<Checked<Operation>, _>(&keys)?;
        let begun: BTreeMap<FactId, Operation> = begun
            .into_iter()
            .filter_map(|checked| checked.row.ok())
            .map(|operation| (operation.id, operation))
            .collect();
        for checked in page {
            let Some(stored) = findings.readable(checked) else { continue };
            let later = later.remove(&stored.payment).unwrap_or_default();
            compare(&stored, begun.get(&stored.payment), &later, findings);
        }
    }
}

fn compare(
    stored: &PaymentState,
    begun: Option<&Operation>,
    later: &[Operation],
    findings: &mut Findings,
) {
    let key = stored.payment.0;
    let Some(begun) = begun.filter(|begun| begun.begins_payment()) else {
        findings.add("payment_state", key, "no payment began it".to_owned());
        return;
    };
    if later.is_empty() && begun.kind != OperationKind::Authorize {
        findings.add("payment_state", key, "no operation gives it".to_owned());
        return;
    }
    let mut expected = PaymentState::began(begun);
    for operation in later {
        let folded =
            findings.folds::<Operation>(operation.id.0, || expected.fold_operation(operation));
        if !folded {
            return;
        }
    }
    findings.must_equal(key, stored, &expected);
}
