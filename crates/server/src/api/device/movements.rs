//! What came, went, was held and released in a wallet: page by page, and payment by payment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::{Effect, Operation};
use yaoki_core::ids::{FactId, TerminalNumber};
use yaoki_core::state::PaymentState;
use yaoki_store::read::{self, PAGE_MAX, PaymentHistory, Shop};
use yaoki_store::{Conn, StoreError};

use super::{number_of, standing};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// How many are listed when nothing is said.
const LIMIT_USUAL: usize = 20;

/// Money or points that came, went, were held or released.
#[derive(Serialize, ToSchema)]
pub struct Movement {
    /// What tells it from every other.
    operation: String,
    /// `pay`, `authorize`, `capture`, `void`, `expire`, `refund`, `reverse` or `credit`.
    kind: &'static str,
    /// Minor units or points; negative when they went; 0 where they were only held or released.
    amount: i64,
    /// Minor units that are held since, or, negative, no longer.
    held_change: i64,
    /// `money` or `points`.
    asset: &'static str,
    #[schema(format = "date-time")]
    booked_at: String,
    /// The shop whose terminal asked, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    /// Where the shop is; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// Whose shop it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant: Option<String>,
    /// The payment that this began or is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    /// How far that payment has come: `authorized`, `paid`, `captured`, `voided`, `expired` or
    /// `reversed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Minor units that came back of that payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<i64>,
}

/// What movements are told with besides their own rows.
pub(super) struct Around {
    shops: BTreeMap<TerminalNumber, Shop>,
    states: BTreeMap<FactId, PaymentState>,
}

impl Around {
    /// Reads shops and payments of these operations.
    pub(super) fn read(conn: &mut Conn, operations: &[Operation]) -> Result<Self, StoreError> {
        let shops = read::shops_of(conn, operations.iter().map(|row| row.terminal))?;
        let mut payments: Vec<FactId> = operations.iter().map(|row| row.payment).collect();
        payments.sort_unstable();
        payments.dedup();
        let states: Vec<PaymentState> = conn.find(&payments)?;
        Ok(Self { shops, states: states.into_iter().map(|row| (row.payment, row)).collect() })
    }

    /// These operations, in their order.
    pub(super) fn movements(&self, operations: &[Operation]) -> Vec<Movement> {
        operations.iter().map(|row| Movement::of(row, self)).collect()
    }
}

impl Movement {
    fn of(operation: &Operation, around: &Around) -> Self {
        let is_points = operation.effect == Effect::Points;
        let shop = around.shops.get(&operation.terminal);
        // A payment without a row of its own was paid at once, and nothing of it came back.
        let of_payment = operation.payment.is_some() && !operation.is_of_top_up();
        let about = of_payment.then_some(operation.payment);
        let state = about.map(|payment| {
            let state = around.states.get(&payment);
            state.map_or(("paid", 0), |state| (state.status.name(), state.refunded))
        });
        Self {
            operation: operation.id.0.to_string(),
            kind: operation.kind_told().name(),
            amount: operation.gain(),
            held_change: operation.held_change,
            asset: if is_points { "points" } else { "money" },
            booked_at: time::text(operation.id.at()),
            store: shop.map(|shop| shop.store.name.clone()),
            place: shop.map(|shop| shop.store.place.clone()),
            merchant: shop.map(|shop| shop.merchant.name.clone()),
            payment: about.map(|payment| identifier::text(Kind::Payment, payment.0)),
            status: state.map(|state| state.0),
            refunded: state.map(|state| state.1),
        }
    }
}

/// Asking for a page of movements.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovementsRequest<'a> {
    /// `before` of the page before.
    #[serde(borrow, default)]
    before: Option<Cow<'a, str>>,
    /// 1 to 200; 20 when left out.
    #[schema(minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<usize>,
}

/// A page of movements.
#[derive(Serialize, ToSchema)]
#[schema(as = Movements)]
pub struct MovementsAnswer {
    /// Newest first.
    movements: Vec<Movement>,
    /// What to give as `before` for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// Asking for a receipt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRequest<'a> {
    /// The payment, `pay_…`.
    #[serde(borrow)]
    payment: Cow<'a, str>,
}

/// A payment of the member's, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptAnswer<'a> {
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
    /// Minor units that came back.
    refunded: i64,
    /// ISO 4217.
    currency: &'a str,
    #[schema(format = "date-time")]
    booked_at: String,
    /// Until when the money is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    hold_expires_at: Option<String>,
    /// `member`: a code was shown. `shop`: the member confirmed what the shop showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    presented: Option<&'static str>,
    /// What was done, oldest first, the payment itself included.
    movements: Vec<Movement>,
}

/// What came and went, newest first.
///
/// A page may be short, or empty, and still say by `before` where the next one goes on.
#[utoipa::path(
    post,
    path = "/v1/device/movements",
    tag = "device",
    security(("device" = [])),
    request_body = MovementsRequest,
    responses(
        (status = 200, description = "A page", body = MovementsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let number = number_of(&proven);
    let work = async {
        let proven = proven?;
        let asked: MovementsRequest<'_> = request::json(&proven.body)?;
        let limit = asked.limit.unwrap_or(LIMIT_USUAL);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::field("limit", "must be from 1 to 200"));
        }
        let before = asked.before.as_deref().map(|text| {
            let number: Option<i64> = text.parse().ok();
            let must = "must be that of the page before";
            number.map(FactId).ok_or_else(|| Problem::field("before", must))
        });
        let before = before.transpose()?;
        let (who, member, now) = (proven.who(), proven.member, app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            if let Err(refusal) = standing(conn, who, now)? {
                return Ok(Err(refusal));
            }
            let page = read::movements(conn, member, before, limit)?;
            let around = Around::read(conn, &page.operations)?;
            Ok(Ok((page, around)))
        });
        let (page, around) = read.await??;
        proven.is_believed();
        let movements = around.movements(&page.operations);
        let before = page.before.map(|before| before.0.to_string());
        Ok(render::said(&MovementsAnswer { movements, before }))
    };
    for_device(app.answer(Endpoint::Movements, work).await, &app, number)
}

/// The member's own receipt of a payment, with its refunds.
#[utoipa::path(
    post,
    path = "/v1/device/payment",
    tag = "device",
    security(("device" = [])),
    request_body = ReceiptRequest,
    responses(
        (status = 200, description = "The receipt", body = ReceiptAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn receipt(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let number = number_of(&proven);
    let work = async {
        let proven = proven?;
        let asked: ReceiptRequest<'_> = request::json(&proven.body)?;
        let id = fields::payment(&asked.payment)?;
        let (who, member, now) = (proven.who(), proven.member, app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            if let Err(refusal) = standing(conn, who, now)? {
                return Ok(Err(refusal));
            }
            let own = read::payment(conn, id)?.filter(|history| history.begun.member == member);
            let Some(history) = own else { return Ok(Ok(None)) };
            let around = Around::read(conn, &history.operations)?;
            Ok(Ok(Some((history, around))))
        });
        let found = read.await??;
        proven.is_believed();
        let (history, around) = found.ok_or(EdgeError::PaymentNotFound)?;
        let currency = app.book.currency();
        Ok(render::said(&receipt_of(&history, &around, currency.as_str())))
    };
    for_device(app.answer(Endpoint::Receipt, work).await, &app, number)
}

fn receipt_of<'a>(
    history: &PaymentHistory,
    around: &Around,
    currency: &'a str,
) -> ReceiptAnswer<'a> {
    let PaymentState { status, held, captured, refunded, expires_at, .. } = history.state;
    ReceiptAnswer {
        payment: identifier::text(Kind::Payment, history.begun.id.0),
        status: status.name(),
        amount: history.begun.amount,
        held,
        captured,
        refunded,
        currency,
        booked_at: time::text(history.begun.id.at()),
        hold_expires_at: (expires_at.0 != 0).then(|| time::text(expires_at)),
        presented: render::presented(&history.begun),
        movements: around.movements(&history.operations),
    }
}
