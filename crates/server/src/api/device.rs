//! What a member's device asks: to be enrolled, a code to show, the wallet; [`confirm`] has paying
//! what a shop shows, [`movements`] what came and went. Every request is proven by the device's
//! key, and every answer carries the nonce for the next proof.

pub mod confirm;
pub mod movements;

use std::borrow::Cow;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::code::IssuedCode;
use yaoki_core::decide::may_show_code;
use yaoki_core::facts::Operation;
use yaoki_core::identity::{FRESH_MS, SESSION_IDLE_MS_MAX};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Device, DeviceState, Member};
use yaoki_core::time::Instant;
use yaoki_core::view::Directory;
use yaoki_formats::one_time_code::{code128_svg, qr_svg};
use yaoki_store::{Conn, StoreError, read};

use self::movements::{Around, Movement};
use super::enrolment::{Grant, enrol as enrol_device};
use super::member::{Renewal, SignedIn, renew_token, signed_in, with_cookie};
use super::{render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::listener::ListenerName;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proven::{Newcomer, Proven, Who, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// How many movements the wallet shows.
const MOVEMENTS_SHOWN: usize = 20;
/// The longest text that is looked at as a link's token, bytes.
const LINK_BYTES_MAX: usize = 200;

/// Redeeming a one-time link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest<'a> {
    /// The token of the link.
    #[serde(borrow)]
    link_token: Cow<'a, str>,
}

/// A nonce.
#[derive(Serialize, ToSchema)]
#[schema(as = Nonce)]
pub struct NonceAnswer {
    /// The same as in the header `DPoP-Nonce`.
    nonce: String,
}

/// Asking for a code.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// Whether the code is also drawn.
    #[serde(default)]
    pictures: bool,
}

/// A code to show.
#[derive(Serialize, ToSchema)]
#[schema(as = Code)]
pub struct CodeAnswer {
    /// 24 digits.
    digits: String,
    /// The digits in groups of four, for people.
    grouped: String,
    /// When the next one can be obtained.
    #[schema(format = "date-time")]
    renew_at: String,
    /// When it stops paying, if nothing ends it before.
    #[schema(format = "date-time")]
    dies_at: String,
    /// Code 128 in set C, SVG.
    #[serde(skip_serializing_if = "Option::is_none")]
    code128_svg: Option<String>,
    /// QR, SVG.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_svg: Option<String>,
}

/// Asking for the wallet. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletRequest {}

/// A member's wallet.
#[derive(Serialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletAnswer {
    /// Minor units, open holds included.
    money: i64,
    /// Minor units of open holds.
    held: i64,
    /// What can be spent now.
    available: i64,
    points: i64,
    /// ISO 4217.
    currency: String,
    /// Newest first.
    movements: Vec<Movement>,
    /// A payment that a rule did not let through: the member is to confirm that it is he, by
    /// verifying himself on this device, and to show another code.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<AskedAgain>,
}

/// A payment that waits for its member to confirm that it is he.
#[derive(Serialize, ToSchema)]
pub struct AskedAgain {
    /// Minor units.
    amount: i64,
    /// The shop that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    #[schema(format = "date-time")]
    asked_at: String,
}

impl AskedAgain {
    /// The member's last operation, if it was declined so a moment ago and he has not confirmed
    /// since.
    fn read(conn: &mut Conn, member: &Member, now: Instant) -> Result<Option<Self>, StoreError> {
        let last = member.last_operation;
        let recent = last.is_some() && last.at().plus_ms(FRESH_MS) > now;
        if !recent || member.confirmed_at > last.at() {
            return Ok(None);
        }
        let row = conn.find::<Operation, _>(&[last])?.pop();
        let asked = Refusal::PaymentMustBeConfirmed.number();
        let Some(row) = row.filter(|row| row.refusal == asked) else { return Ok(None) };
        let shops = read::shops_of(conn, [row.terminal].into_iter())?;
        let store = shops.get(&row.terminal).map(|shop| shop.store.name.clone());
        Ok(Some(Self { amount: row.amount, store, asked_at: time::text(row.id.at()) }))
    }
}

/// Enrols a device with a one-time link. The proof carries the device's public key.
#[utoipa::path(
    post,
    path = "/v1/device/enrol",
    tag = "device",
    security(("new_device" = [])),
    request_body = EnrolRequest,
    responses(
        (status = 200, description = "Enrolled", body = SignedIn),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn enrol(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        let asked: EnrolRequest<'_> = request::json(&newcomer.body)?;
        if asked.link_token.is_empty() || asked.link_token.len() > LINK_BYTES_MAX {
            return Err(Problem::field("link_token", "must be the token of a link"));
        }
        let (grant, deadline) = (Grant::Link(&asked.link_token), newcomer.deadline);
        let enrolled = enrol_device(&app, grant, &newcomer.key, deadline).await?;
        let (device, member) = (enrolled.device, enrolled.member);
        let thumbprint = &newcomer.key.thumbprint;
        let answer = signed_in(&app, (device, member, device), thumbprint, true);
        Ok(with_cookie(&app, render::said(&answer), (device, member)))
    };
    for_device(app.answer(Endpoint::Enrol, work).await, &app, NO_DEVICE)
}

/// A nonce for the next proof: of the device whose token is sent, or of one that is to be enrolled.
#[utoipa::path(
    get,
    path = "/v1/device/nonce",
    tag = "device",
    responses(
        (status = 200, description = "A nonce", body = NonceAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn nonce(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut device = NO_DEVICE;
    let work = async {
        let _stranger = match headers.get(AUTHORIZATION) {
            None => Some(app.stranger(ListenerName::Devices)?),
            Some(value) => {
                let token = app.keyring().proof.open_token(value.to_str().unwrap_or_default())?;
                device = token.device;
                None
            }
        };
        let nonce = app.keyring().proof.nonce(device, app.proofs.time(app.now().0));
        Ok(render::said(&NonceAnswer { nonce }))
    };
    let response = app.answer(Endpoint::Nonce, work).await;
    for_device(response, &app, device)
}

/// A code to show. Nothing is written; every node shows the same one.
#[utoipa::path(
    post,
    path = "/v1/device/code",
    tag = "device",
    security(("device" = [])),
    request_body = CodeRequest,
    responses(
        (status = 200, description = "A code", body = CodeAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn code(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let asked: CodeRequest = request::json(&proven.body)?;
        let (who, now) = (proven.who(), app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            let (device, member) = match standing(conn, who, now)? {
                Ok(standing) => standing,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let switches = read::switches(conn)?;
            let directory = Directory { switches, ..Directory::default() };
            Ok(may_show_code(&directory, &member, device.id, now).map(|()| member))
        });
        let member = read.await??;
        proven.is_believed();
        app.note_seen(&proven);
        let issued = app.keyring().cipher.issue(&member, now);
        let issued = issued.ok_or(Refusal::DeviceMustBeActive)?;
        Ok(render::said(&drawn(issued, asked.pictures)?))
    };
    let response = app.answer(Endpoint::Code, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

/// Balance and latest movements.
#[utoipa::path(
    post,
    path = "/v1/device/wallet",
    tag = "device",
    security(("device" = [])),
    request_body = WalletRequest,
    responses(
        (status = 200, description = "The wallet", body = WalletAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn wallet(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let WalletRequest {} = request::json(&proven.body)?;
        let (who, now) = (proven.who(), app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| {
            let member = match standing(conn, who, now)? {
                Ok((_, member)) => member,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let operations = read::recent_movements(conn, member.number, MOVEMENTS_SHOWN)?;
            let around = Around::read(conn, &operations)?;
            let confirm = AskedAgain::read(conn, &member, now)?;
            Ok(Ok((member, operations, around, confirm)))
        });
        let (member, operations, around, confirm) = read.await??;
        proven.is_believed();
        app.note_seen(&proven);
        Ok(render::said(&WalletAnswer {
            money: member.money,
            held: member.held,
            available: member.available(),
            points: member.points,
            currency: app.book.currency().as_str().to_owned(),
            movements: around.movements(&operations),
            confirm,
        }))
    };
    let response = app.answer(Endpoint::Wallet, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

pub(super) fn number_of(proven: &Result<Proven, Problem>) -> u64 {
    proven.as_ref().map_or(NO_DEVICE, |proven| proven.device.0.cast_unsigned())
}

/// The rows behind a proof, where the device is enrolled and signed in: its session is the one that
/// its token names, and neither too old nor too long unused.
pub(super) fn standing(
    conn: &mut Conn,
    who: Who,
    now: Instant,
) -> Result<Result<(Device, Member), Refusal>, StoreError> {
    Ok(enrolled(conn, who)?.and_then(|(device, member)| {
        let used = now < Instant(who.issued_at_ms).plus_ms(SESSION_IDLE_MS_MAX);
        let signed_in = used && device.is_signed_in(now) && device.session == who.session;
        if signed_in { Ok((device, member)) } else { Err(Refusal::DeviceMustBeSignedIn) }
    }))
}

/// The same where it is enrolled, signed in or not: it has authority, is the member's, and the key
/// that signed is its own. So whoever stole the key that seals tokens seals one in vain.
pub(super) fn enrolled(
    conn: &mut Conn,
    who: Who,
) -> Result<Result<(Device, Member), Refusal>, StoreError> {
    let holds = |device: &Device| {
        device.state == DeviceState::Active
            && device.member == who.member
            && device.public_key == who.public_key
    };
    let Some(device) = read::device(conn, who.device)?.filter(holds) else {
        return Ok(Err(Refusal::DeviceMustBeActive));
    };
    let member = read::member(conn, who.member)?;
    Ok(member.map(|member| (device, member)).ok_or(Refusal::MemberMustExist))
}

fn drawn(issued: IssuedCode, pictures: bool) -> Result<CodeAnswer, Problem> {
    let picture = |draw: fn(&str) -> Result<String, _>| {
        let svg = pictures.then(|| draw(&issued.digits)).transpose();
        svg.map_err(|_: yaoki_formats::one_time_code::CodeError| EdgeError::FaultOfOurs)
    };
    Ok(CodeAnswer {
        code128_svg: picture(code128_svg)?,
        qr_svg: picture(qr_svg)?,
        grouped: grouped(&issued.digits),
        renew_at: time::text(issued.renew_at),
        dies_at: time::text(issued.dies_at),
        digits: issued.digits,
    })
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_grouped_in_fours() {
        assert_eq!(super::grouped("123456789012"), "1234 5678 9012");
        assert_eq!(super::grouped("12345"), "1234 5");
    }
}
