//! One payment with everything that belongs to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::account::Account;
use yaoki_core::facts::{OperationKind, Transfer};
use yaoki_core::ids::{FactId, RequestId};
use yaoki_core::state::PaymentState;
use yaoki_core::view::Directory;
use yaoki_store::read::console::PaymentLife;
use yaoki_store::{Conn, StoreError, read};

use super::operations::ConsoleOperation;
use super::session::{Operator, caller_of, for_operator};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Which payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRequest<'a> {
    /// `pay_…`.
    #[serde(borrow)]
    payment: Cow<'a, str>,
}

/// A payment's whole life.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsolePayment)]
pub struct PaymentAnswer {
    payment: String,
    /// `authorized`, `paid`, `captured`, `voided`, `expired` or `reversed`.
    #[schema(example = "paid")]
    status: &'static str,
    /// Minor units that were asked for.
    amount: i64,
    /// Minor units held.
    held: i64,
    /// Minor units paid or captured.
    captured: i64,
    /// Minor units given back.
    refunded: i64,
    /// ISO 4217.
    currency: String,
    /// Until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
    /// What was done, oldest first.
    operations: Vec<Step>,
}

/// One operation on a payment, what it moved, and whether its register knows.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleStep)]
pub struct Step {
    #[serde(flatten)]
    operation: ConsoleOperation,
    /// What moved; none where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<Movement>,
    /// When its register said that it knows the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    acknowledged_at: Option<String>,
    /// The clerk who asked for it at the register, where one had to sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    clerk: Option<String>,
}

/// Money that went from one account to another.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleTransfer)]
pub struct Movement {
    from: Party,
    to: Party,
    /// Minor units.
    amount: i64,
}

/// An account, by who has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleAccount)]
pub struct Party {
    /// `member`, `store`, `suspense`, `funding` or `points-issued`.
    account: &'static str,
    /// Which member or store.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What the store is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Party {
    fn of(account: Account, directory: &Directory) -> Self {
        let of = |account, id| Self { account, id, name: None };
        if let Some(member) = account.member() {
            return of("member", Some(identifier::text(Kind::Member, member.0)));
        }
        if let Some(store) = account.store() {
            let name = directory.stores.get(&store).map(|store| store.name.clone());
            return Self { name, ..of("store", Some(identifier::text(Kind::Store, store.0))) };
        }
        match account {
            Account::FUNDING => of("funding", None),
            Account::POINTS_ISSUED => of("points-issued", None),
            _ => of("suspense", None),
        }
    }
}

impl Movement {
    fn of(transfer: &Transfer, directory: &Directory) -> Self {
        let (from, to) = (transfer.debit, transfer.credit);
        let [from, to] = [from, to].map(|account| Party::of(account, directory));
        Self { from, to, amount: transfer.amount }
    }
}

impl PaymentAnswer {
    fn of(
        (life, clerks): (&PaymentLife, &BTreeMap<FactId, String>),
        directory: &Directory,
        currency: &str,
    ) -> Self {
        let PaymentState { status, held, captured, refunded, expires_at, .. } = life.history.state;
        let step = |row: &yaoki_core::facts::Operation| Step {
            operation: ConsoleOperation::of(row, directory),
            transfer: life.transfers.get(&row.id).map(|moved| Movement::of(moved, directory)),
            acknowledged_at: life.acknowledged.get(&row.id).map(|at| time::text(*at)),
            clerk: clerks.get(&row.id).cloned(),
        };
        Self {
            payment: identifier::text(Kind::Payment, life.history.begun.id.0),
            status: status.name(),
            amount: life.history.begun.amount,
            held,
            captured,
            refunded,
            currency: currency.to_owned(),
            hold_expires_at: (expires_at.0 != 0).then(|| time::text(expires_at)),
            operations: life.history.operations.iter().map(step).collect(),
        }
    }
}

/// Which clerks asked for what: the book names them beside the operation.
fn clerks_of(conn: &mut Conn, life: &PaymentLife) -> Result<BTreeMap<FactId, String>, StoreError> {
    let mut clerks = BTreeMap::new();
    for row in &life.history.operations {
        if let OperationKind::Refund | OperationKind::Reverse = row.kind
            && let Some(event) = read::event(conn, RequestId::of_clerks_act(row.id))?
        {
            clerks.insert(row.id, event.actor);
        }
    }
    Ok(clerks)
}

/// A payment's whole life: every operation on it, what each moved, and which its register knows.
#[utoipa::path(
    post,
    path = "/v1/console/payment",
    tag = "console",
    security(("operator" = [])),
    request_body = PaymentRequest,
    responses(
        (status = 200, description = "The payment", body = PaymentAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn payment(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: PaymentRequest<'_> = request::json(&operator.body)?;
        let id = fields::payment(&asked.payment)?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            let life = read::console::payment_life(conn, id)?;
            let clerks = life.as_ref().map_or(Ok(BTreeMap::new()), |life| clerks_of(conn, life))?;
            Ok((life, clerks, read::directory(conn)?))
        });
        let (life, clerks, directory) = read.await?;
        let missing = "The book has no such payment; search for it by what is at hand.";
        let life = life.ok_or_else(|| Problem::with_detail(EdgeError::PaymentNotFound, missing))?;
        let currency = app.book.currency();
        Ok(render::said(&PaymentAnswer::of((&life, &clerks), &directory, currency.as_str())))
    };
    for_operator(app.answer(Endpoint::ConsolePayment, work).await, &app, &caller)
}
