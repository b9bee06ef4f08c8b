//! What a register shows to be scanned: an order, the sign of its store; who it is; and frames of
//! its camera. All of these are reads: nothing is written before a member confirms.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::decide::may_show_order;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Terminal;
use yaoki_core::switches::Capability;
use yaoki_core::view::Directory;
use yaoki_formats::qr_text::qr_svg;
use yaoki_store::read::Shop;
use yaoki_store::{Conn, StoreError, read};

use super::lists::{Signer, look, signer};
use crate::api::shop::{MerchantAnswer, StoreAnswer, named};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::frames::Frame;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::edge::sign::{Order, Shown};
use crate::edge::signed::{Signed, SignedFrame};
use crate::metrics::Endpoint;

/// An order that members' devices scan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest<'a> {
    /// A UUID that the register made and kept before sending. The payment is recorded under it.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// Minor units, an integer.
    #[schema(example = 1200, minimum = 1, maximum = 1_000_000_000)]
    #[serde(deserialize_with = "fields::amount")]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "JPY")]
    #[serde(borrow)]
    currency: Cow<'a, str>,
    /// Until when it can be confirmed: at most 5 minutes ahead.
    #[schema(format = "date-time")]
    #[serde(borrow)]
    valid_until: Cow<'a, str>,
}

/// An order as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderAnswer<'a> {
    #[schema(format = "uuid")]
    request_id: String,
    /// Minor units.
    amount: i64,
    /// ISO 4217.
    currency: &'a str,
    #[schema(format = "date-time")]
    valid_until: String,
    /// The text of the QR.
    payload: String,
    /// The QR, SVG.
    qr_svg: String,
    store: StoreAnswer,
    merchant: MerchantAnswer,
}

/// The sign of a store, to be printed.
#[derive(Serialize, ToSchema)]
#[schema(as = Sign)]
pub struct SignAnswer {
    /// The text of the QR.
    payload: String,
    /// The QR, SVG.
    qr_svg: String,
    store: StoreAnswer,
    merchant: MerchantAnswer,
}

/// A register, as its book knows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Terminal)]
pub struct TerminalAnswer<'a> {
    terminal: String,
    name: String,
    /// It takes no payments, and settles its own.
    suspended: bool,
    /// Code payment is closed here for the moment.
    payments_closed: bool,
    /// Clerks work here: giving money back takes one who has signed in.
    clerks: bool,
    store: StoreAnswer,
    merchant: MerchantAnswer,
    /// ISO 4217.
    currency: &'a str,
    /// The operator's, an IANA name.
    zone: &'a str,
    /// `demo`, `staging` or `live`.
    book: &'static str,
}

/// What was found in a frame.
#[derive(Serialize, ToSchema)]
#[schema(as = Frame)]
pub struct FrameAnswer {
    /// The texts of the symbols; none where none was found.
    pub texts: Vec<String>,
}

/// A register, its shop, and the switches that may stop it.
struct Standing {
    terminal: Terminal,
    shop: Shop,
    directory: Directory,
}

/// Reads who asks: refused as every request of a terminal is.
async fn standing(app: &App, signed: &Signed) -> Result<Standing, Problem> {
    let who = Signer::of(app, signed);
    let _look = look(app, signed)?;
    let read = move |conn: &mut Conn| -> Result<Result<Standing, Refusal>, StoreError> {
        let terminal = match signer(conn, who)? {
            Ok(terminal) => terminal,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(shop) = read::shop(conn, terminal.store)? else {
            return Ok(Err(Refusal::StoreMustExist));
        };
        let mut directory = Directory { switches: read::switches(conn)?, ..Directory::default() };
        directory.terminals.insert(terminal.number, terminal.clone());
        directory.stores.insert(shop.store.number, shop.store.clone());
        Ok(Ok(Standing { terminal, shop, directory }))
    };
    let standing = app.read(Side::Registers, signed.deadline, read).await??;
    signed.is_believed();
    Ok(standing)
}

/// Text and picture of what a shop shows.
fn drawn(app: &App, shown: &Shown, shop: &Shop) -> Result<(String, String), Problem> {
    let keyring = app.keyring();
    let text = app.signs(&keyring).text(shown, &shop.store.name);
    let text = text.map_err(|_| EdgeError::FaultOfOurs)?;
    let svg = qr_svg(&text).map_err(|_| EdgeError::FaultOfOurs)?;
    Ok((text, svg))
}

/// Shows an order: a member's device scans it and confirms.
///
/// Nothing is recorded. Whether it was paid is asked by the query of its `request_id`, which
/// answers `not_seen` until then; a reverse withdraws it for ever, or gives the money back.
#[utoipa::path(
    post,
    path = "/v1/orders",
    tag = "register",
    security(("terminal" = [])),
    request_body = OrderRequest,
    responses(
        (status = 200, description = "An order to show", body = OrderAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn order(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: OrderRequest<'_> = request::json(&signed.body)?;
        let order = Order {
            terminal: signed.terminal,
            request: fields::request_id("request_id", &asked.request_id)?,
            amount: asked.amount,
            valid_until: fields::instant("valid_until", &asked.valid_until)?,
        };
        let currency = app.book.currency();
        if fields::currency(&asked.currency)? != currency {
            return Err(Refusal::CurrencyMustBeTheBooks.into());
        }
        let Standing { terminal, shop, directory } = standing(&app, &signed).await?;
        let (amount, until) = (order.amount, order.valid_until);
        may_show_order(&directory, terminal.number, amount, until, app.now())?;
        let (payload, qr_svg) = drawn(&app, &Shown::Order(order), &shop)?;
        let (store, merchant) = named(shop);
        Ok(render::said(&OrderAnswer {
            request_id: fields::request_id_text(order.request),
            amount,
            currency: currency.as_str(),
            valid_until: time::text(until),
            payload,
            qr_svg,
            store,
            merchant,
        }))
    };
    app.answer(Endpoint::Order, work).await
}

/// The sign of the terminal's store: the same for ever, to be printed.
#[utoipa::path(
    get,
    path = "/v1/sign",
    tag = "register",
    security(("terminal" = [])),
    responses(
        (status = 200, description = "The sign", body = SignAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let Standing { shop, .. } = standing(&app, &signed?).await?;
        let (payload, qr_svg) = drawn(&app, &Shown::Sign(shop.store.number), &shop)?;
        let (store, merchant) = named(shop);
        Ok(render::said(&SignAnswer { payload, qr_svg, store, merchant }))
    };
    app.answer(Endpoint::Sign, work).await
}

/// Which terminal this is, where it stands, and whether it takes payments now.
#[utoipa::path(
    get,
    path = "/v1/terminal",
    tag = "register",
    security(("terminal" = [])),
    responses(
        (status = 200, description = "The terminal", body = TerminalAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn terminal(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let Standing { terminal, shop, directory } = standing(&app, &signed?).await?;
        let place = directory.place(terminal.number).ok_or(Refusal::StoreMustExist)?;
        let clerks = shop.store.clerks > 0;
        let (store, merchant) = named(shop);
        Ok(render::said(&TerminalAnswer {
            terminal: identifier::text(Kind::Terminal, terminal.number.0),
            name: terminal.name,
            suspended: terminal.suspended != 0,
            payments_closed: directory.is_closed(Capability::Payment, &place, app.now()),
            clerks,
            store,
            merchant,
            currency: app.book.currency().as_str(),
            zone: app.book.zone(),
            book: app.book.kind().name(),
        }))
    };
    app.answer(Endpoint::Terminal, work).await
}

/// Reads the QR or Code 128 in a frame of the register's camera: grey pixels, one byte each, row by
/// row, at most 1280 by 960 and 1 MiB. One frame at a time.
#[utoipa::path(
    post,
    path = "/v1/frames/{width}/{height}",
    tag = "register",
    security(("terminal" = [])),
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
    signed: Result<SignedFrame, Problem>,
) -> Response {
    let work = async {
        let SignedFrame(signed, place) = signed?;
        // Whose key signs without being the book's reads no frames.
        standing(&app, &signed).await?;
        let Path((width, height)) = sides.map_err(|_| EdgeError::FrameMustFit)?;
        let frame = Frame::new(&width, &height, signed.body.clone())?;
        let texts = app.texts(frame, place, signed.deadline).await?;
        Ok(render::said(&FrameAnswer { texts }))
    };
    app.answer(Endpoint::Frame, work).await
}
