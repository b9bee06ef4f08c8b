//! Paying what a shop shows: the device says what it scanned and is told whose it is, the member
//! looks, and the device confirms with its key.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{Command, PayShop, ShownBy};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::Operation;
use yaoki_core::ids::{RequestId, RequestKey, TerminalNumber};
use yaoki_core::refusal::Refusal;
use yaoki_store::read::{self, Shop};
use yaoki_store::{Conn, Part, StoreError};

use super::{number_of, standing};
use crate::api::register::shop::FrameAnswer;
use crate::api::shop::{MerchantAnswer, StoreAnswer, named};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::frames::Frame;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, ProvenFrame, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::edge::sign::{Order, Shown};
use crate::metrics::{Class, Endpoint, Said};

/// What was scanned, or the number that was typed: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShopRequest<'a> {
    /// The text of the QR.
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    /// The number of the store, as the shop shows it.
    #[serde(borrow, default)]
    store: Option<Cow<'a, str>>,
}

/// What a member is shown before he confirms.
#[derive(Serialize, ToSchema)]
#[schema(as = Shop)]
pub struct ShopAnswer<'a> {
    /// `order`: the shop says the amount. `sign`: the member does.
    #[schema(example = "order")]
    mode: &'static str,
    store: StoreAnswer,
    merchant: MerchantAnswer,
    /// `order`: minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    /// ISO 4217.
    #[schema(example = "JPY")]
    currency: &'a str,
    /// `order`: until when it can be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    valid_until: Option<String>,
    /// `order`: the id under which it is confirmed. For a sign the device makes one and keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    request_id: Option<String>,
    /// The server's time: a device whose clock is wrong makes `valid_until` from this.
    #[schema(format = "date-time")]
    now: String,
}

/// A confirmation. What the member has seen is in it, and the device's proof covers it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest<'a> {
    /// The order's, or a UUID that the device made for a sign and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// The text of the QR.
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    /// Or the number of the store.
    #[serde(borrow, default)]
    store: Option<Cow<'a, str>>,
    /// Minor units, an integer.
    #[schema(example = 1200, minimum = 1, maximum = 1_000_000_000)]
    #[serde(deserialize_with = "fields::amount")]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    #[serde(borrow)]
    currency: Cow<'a, str>,
    /// The order's; for a sign at most 60 s ahead.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
}

/// A member's receipt. Final.
#[derive(Serialize, ToSchema)]
#[schema(as = Confirmed)]
pub struct ConfirmAnswer<'a> {
    /// Always `succeeded`: nothing else is recorded.
    #[schema(example = "succeeded")]
    outcome: &'static str,
    payment: String,
    /// Minor units.
    amount: i64,
    /// ISO 4217.
    currency: &'a str,
    store: StoreAnswer,
    merchant: MerchantAnswer,
    #[schema(format = "date-time")]
    booked_at: String,
    /// The same as was sent.
    #[schema(format = "uuid")]
    request_id: String,
}

/// What was scanned or typed, opened. A typed number is a sign without a MAC: the member sees whose
/// it is all the same.
fn opened(app: &App, payload: Option<&str>, store: Option<&str>) -> Result<Shown, Problem> {
    match (payload, store) {
        (Some(payload), None) => app.signs(&app.keyring()).open(payload),
        (None, Some(store)) => fields::store(store).map(Shown::Sign),
        _ => Err(Problem::field("payload", "must be given, or `store`, and not both")),
    }
}

/// The shop of what was opened, and at which terminal a confirmation of it is decided.
fn shop_of(
    conn: &mut Conn,
    shown: &Shown,
) -> Result<Result<(Shop, TerminalNumber), Refusal>, StoreError> {
    let terminal = match shown {
        Shown::Order(order) => read::terminal(conn, order.terminal)?,
        Shown::Sign(store) => read::first_terminal(conn, *store)?,
    };
    let Some(terminal) = terminal else { return Ok(Err(Refusal::StoreMustExist)) };
    let shop = read::shop(conn, terminal.store)?;
    Ok(shop.map(|shop| (shop, terminal.number)).ok_or(Refusal::StoreMustExist))
}

/// Whose what was scanned is. Nothing is written.
#[utoipa::path(
    post,
    path = "/v1/device/shop",
    tag = "device",
    security(("device" = [])),
    request_body = ShopRequest,
    responses(
        (status = 200, description = "The shop", body = ShopAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn shop(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let number = number_of(&proven);
    let work = async {
        let proven = proven?;
        let asked: ShopRequest<'_> = request::json(&proven.body)?;
        let shown = opened(&app, asked.payload.as_deref(), asked.store.as_deref())?;
        let (who, now) = (proven.who(), app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            if let Err(refusal) = standing(conn, who, now)? {
                return Ok(Err(refusal));
            }
            shop_of(conn, &shown)
        });
        let (shop, _) = read.await??;
        proven.is_believed();
        let order = match shown {
            Shown::Order(order) => Some(order),
            Shown::Sign(_) => None,
        };
        let (store, merchant) = named(shop);
        Ok(render::said(&ShopAnswer {
            mode: if order.is_some() { "order" } else { "sign" },
            store,
            merchant,
            amount: order.map(|order| order.amount),
            currency: app.book.currency().as_str(),
            valid_until: order.map(|order| time::text(order.valid_until)),
            request_id: order.map(|order| fields::request_id_text(order.request)),
            now: time::text(app.now()),
        }))
    };
    for_device(app.answer(Endpoint::Shop, work).await, &app, number)
}

/// Pays an order or at a sign.
///
/// Whatever happens to an answer, the device sends the same body again, with a new proof, until it
/// hears one: a payment that was made is answered again, and none is made twice. It may stop at
/// `order_is_settled` (another paid, or the shop withdrew it) and at `order_is_over` (this request
/// can pay no more): nothing was charged. `balance_does_not_cover` leaves the order open.
///
/// `valid_until` of a sign is judged by the server's clock. A device whose own is wrong makes it
/// from `now` of the shop's answer; what comes too late is refused, never charged later.
#[utoipa::path(
    post,
    path = "/v1/device/payments",
    tag = "device",
    security(("device" = [])),
    request_body = ConfirmRequest,
    responses(
        (status = 200, description = "Recorded, final", body = ConfirmAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn confirm(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let number = number_of(&proven);
    let work = async {
        let proven = proven?;
        let asked: ConfirmRequest<'_> = request::json(&proven.body)?;
        let request = fields::request_id("request_id", &asked.request_id)?;
        let shown = opened(&app, asked.payload.as_deref(), asked.store.as_deref())?;
        let mut pay = pay_of(&proven, &asked, request, &shown)?;
        let (who, now) = (proven.who(), app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            if let Err(refusal) = standing(conn, who, now)? {
                return Ok(Err(refusal));
            }
            shop_of(conn, &shown)
        });
        let (shop, terminal) = read.await??;
        pay.key.terminal = terminal;
        let (operation, replayed) = submit(&app, &proven, pay).await?;
        Ok(confirmed(&app, &operation, replayed, (shop, request)))
    };
    for_device(app.answer(Endpoint::Confirm, work).await, &app, number)
}

/// The command of a confirmation, but for its terminal and fingerprint.
fn pay_of(
    proven: &Proven,
    asked: &ConfirmRequest<'_>,
    request: RequestId,
    shown: &Shown,
) -> Result<PayShop, Problem> {
    let valid_until = fields::instant("valid_until", &asked.valid_until)?;
    let (by, request) = match shown {
        Shown::Order(order) => {
            let confirmed = Order { request, amount: asked.amount, valid_until, ..*order };
            if confirmed != *order {
                let must = "must be the order's, as must `amount` and `valid_until`";
                return Err(Problem::field("request_id", must));
            }
            (ShownBy::Order, request)
        }
        Shown::Sign(_) => (ShownBy::Sign, RequestId::of_member(proven.member, request)),
    };
    Ok(PayShop {
        key: RequestKey { request, terminal: TerminalNumber::NONE },
        fingerprint: [0; 16],
        member: proven.member,
        device: proven.device,
        amount: asked.amount,
        currency: fields::currency(&asked.currency)?,
        valid_until,
        by,
        proof: [proven.proof.as_bytes(), b"\n", &proven.body].concat(),
    })
}

/// Submits a confirmation: what was recorded, and whether before. One whose first try was
/// fingerprinted under an older key is recognised, as a register's is.
async fn submit(app: &App, proven: &Proven, pay: PayShop) -> Result<(Operation, bool), Problem> {
    let keyring = app.keyring();
    let mut keys = keyring.file.fingerprint.accepted(i64::MIN);
    let current = keys.next().expect("the current key is always accepted");
    let command = PayShop { fingerprint: pay.meaning(current.expose()), ..pay.clone() };
    match app.submit(Part::Money, Command::PayShop(command), proven.deadline).await {
        Ok(Outcome::Decided { operation, replayed, .. }) => {
            proven.is_believed();
            Ok((operation, replayed))
        }
        Ok(other) => unreachable!("a confirmation becomes an operation, not {other:?}"),
        Err(problem) => match problem.first() {
            Some(first) if keys.any(|key| pay.meaning(key.expose()) == first.fingerprint) => {
                Ok((first.clone(), true))
            }
            _ => Err(problem),
        },
    }
}

fn confirmed(
    app: &App,
    operation: &Operation,
    replayed: bool,
    (shop, request): (Shop, RequestId),
) -> Said {
    let (store, merchant) = named(shop);
    let mut response = render::json(&ConfirmAnswer {
        outcome: "succeeded",
        payment: identifier::text(Kind::Payment, operation.id.0),
        amount: operation.amount,
        currency: app.book.currency().as_str(),
        store,
        merchant,
        booked_at: time::text(operation.id.at()),
        request_id: fields::request_id_text(request),
    });
    if replayed {
        let headers = response.headers_mut();
        headers.insert(render::IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Said { response, class: Class::Succeeded }
}

/// Reads the QR or Code 128 in a frame of the device's camera: grey pixels, one byte each, row by
/// row, at most 1280 by 960 and 1 MiB. One frame at a time.
#[utoipa::path(
    post,
    path = "/v1/device/frames/{width}/{height}",
    tag = "device",
    security(("device" = [])),
    params(
        ("width" = u32, Path, minimum = 1, maximum = 1280, description = "Pixels of a row"),
        ("height" = u32, Path, minimum = 1, maximum = 960, description = "Rows"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What was found", body = FrameAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn frame(
    State(app): State<App>,
    sides: Result<Path<(String, String)>, PathRejection>,
    proven: Result<ProvenFrame, Problem>,
) -> Response {
    let (proven, place) = match proven {
        Ok(ProvenFrame(proven, place)) => (Ok(proven), Some(place)),
        Err(problem) => (Err(problem), None),
    };
    let number = number_of(&proven);
    let work = async {
        let proven = proven?;
        let place = place.expect("a proven frame has a place");
        let (who, now) = (proven.who(), app.now());
        // A device that was ended reads no frames.
        let read = app.read(Side::Devices, proven.deadline, move |conn| standing(conn, who, now));
        read.await??;
        proven.is_believed();
        let Path((width, height)) = sides.map_err(|_| EdgeError::FrameMustFit)?;
        let frame = Frame::new(&width, &height, proven.body.clone())?;
        let texts = app.texts(frame, place, proven.deadline).await?;
        Ok(render::said(&FrameAnswer { texts }))
    };
    for_device(app.answer(Endpoint::DeviceFrame, work).await, &app, number)
}
