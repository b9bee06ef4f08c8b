//! What members do about themselves: becoming one, signing in, devices, factors, addresses,
//! freezing and recovery.
//!
//! | module        | what it is                                                     | who asks    |
//! | ------------- | -------------------------------------------------------------- | ----------- |
//! | [`sign_up`]   | becoming a member                                              | a browser   |
//! | [`sign_in`]   | a device again, or another one by a passkey                    | a browser   |
//! | [`join`]      | redeeming an invitation                                        | a browser   |
//! | [`recovery`]  | the way back without a device                                  | a browser   |
//! | [`link`]      | links in messages: freezing, contesting                        | a browser   |
//! | [`session`]   | signing in, out, and proving oneself again                     | a device    |
//! | [`external`]  | external ids: signing in by one, and linking one               | a device    |
//! | [`account`]   | everything a member has about himself                          | a device    |
//! | [`devices`]   | inviting, approving, ending, and which one pays                | a device    |
//! | [`factors`]   | passkeys, passwords, one-time passwords, recovery codes        | a device    |
//! | [`contacts`]  | addresses on file                                              | a device    |
//! | [`money`]     | cards, top-ups by card, what limits leave                      | a device    |
//! | [`wallet`]    | freezing, terms, closing, what becomes of a recovery           | a device    |
//!
//! A browser is a key that proves its requests and that the book does not know. Each route takes
//! one of a few acts, named in its body. Whoever asks about an address hears the same and causes
//! the same work, whether it is a member's or not.

pub mod account;
pub mod address;
pub mod contacts;
pub mod devices;
pub mod external;
pub mod factors;
pub mod join;
pub mod link;
pub mod money;
pub mod passkeys;
pub mod recovery;
pub mod services;
pub mod session;
pub mod sign_in;
pub mod sign_up;
pub mod wallet;

use axum::response::Response;
use hyper::header::{HeaderName, HeaderValue, SET_COOKIE};
use serde::Serialize;
use utoipa::ToSchema;
use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::identity::SESSION_MS_MAX;
use yaoki_core::identity::act::{By, Identity, IdentityAct, NewDevice, Tokens};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::{DAY_MS, Instant, SECOND_MS};
use yaoki_store::{Part, read};

use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::Problem;
use crate::edge::proof::VerifiedKey;
use crate::edge::proof::token::{DeviceCookie, DeviceSession, LinkAct, MessageLink};
use crate::edge::proven::{Newcomer, Proven, Who};
use crate::edge::reads::Side;
use crate::metrics::Said;

/// The cookie that says which device a browser was. It allows nothing by itself.
pub const DEVICE_COOKIE: &str = "__Host-yaoki-device";
/// Where a renewed token stands.
pub const DEVICE_TOKEN: HeaderName = HeaderName::from_static("yaoki-device-token");
/// A token that is older is renewed when it is used, milliseconds.
const TOKEN_RENEWED_AFTER_MS: i64 = DAY_MS;
/// How long a link in a message works, milliseconds.
const LINK_MS: i64 = 14 * DAY_MS;

/// A device that is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub struct SignedIn {
    device: String,
    member: String,
    /// What the device sends as `Authorization: DPoP …`; of no use without its key.
    token: String,
    /// Whether this device may show codes.
    pays: bool,
}

/// Something was done.
#[derive(Serialize, ToSchema)]
#[schema(as = MemberActDone)]
pub struct Done {
    /// Always true.
    pub done: bool,
}

impl Done {
    /// It was.
    pub const ANSWER: Self = Self { done: true };
}

/// Who does something, for whom, and under which id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acting {
    pub(super) by: By,
    pub(super) member: MemberNumber,
    pub(super) request: RequestId,
    pub(super) deadline: Deadline,
    pub(super) part: Part,
    /// The address that a link in its notices brings back, or zeros.
    pub(super) object: [u8; 32],
    /// The device's key, where that it is the book's is still to be seen.
    pub(super) who: Option<Who>,
}

impl Acting {
    /// A device that proved itself.
    pub(super) fn device(proven: &Proven, request: RequestId) -> Self {
        Self {
            by: By::Device { device: proven.device, session: proven.session },
            member: proven.member,
            request: request_of(&proven.device.0.to_be_bytes(), request),
            deadline: proven.deadline,
            part: Part::Members,
            object: [0; 32],
            who: Some(proven.who()),
        }
    }

    /// A browser that has only its key.
    pub(super) fn browser(newcomer: &Newcomer, member: MemberNumber, request: RequestId) -> Self {
        Self {
            by: By::Browser(newcomer.key.thumbprint),
            member,
            request: request_of(&newcomer.key.thumbprint, request),
            deadline: newcomer.deadline,
            part: Part::Strangers,
            object: [0; 32],
            who: None,
        }
    }
}

impl Acting {
    /// The same, of the device whose key has signed, though no session of it was named.
    pub(super) fn as_device(self, device: FactId) -> Self {
        Self { by: By::Device { device, session: FactId::NONE }, ..self }
    }
}

/// The id of an act: of who asks, and of what he made. So nobody's repeat is another's.
fn request_of(who: &[u8], request: RequestId) -> RequestId {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki member act request 1");
    hasher.update(&u64::try_from(who.len()).expect("it is short").to_be_bytes());
    hasher.update(who);
    hasher.update(&request.0);
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    RequestId(bytes)
}

/// Submits an act and waits for what it books.
///
/// # Errors
/// A [`Problem`]: refused, or unknown.
pub(super) async fn submit(
    app: &App,
    acting: Acting,
    act: IdentityAct,
) -> Result<Outcome, Problem> {
    let Acting { by, member, request, deadline, part, object, who } = acting;
    if let Some(who) = who {
        // Rules know devices by number: that the key is the device's own is seen here.
        let read =
            app.read(Side::Devices, deadline, move |conn| crate::api::device::enrolled(conn, who));
        read.await??;
    }
    let contested = match &act {
        IdentityAct::StartRecovery { token, .. } => *token,
        _ => [0; 32],
    };
    let tokens = tokens(app, member, (object, contested));
    let identity = Identity { request, member, by, tokens, act };
    app.submit(part, Command::Identity(identity), deadline).await
}

/// The same, where it books an event.
pub(super) async fn book(app: &App, acting: Acting, act: IdentityAct) -> Result<Event, Problem> {
    match submit(app, acting, act).await? {
        Outcome::Done { event, .. } => Ok(event),
        other => unreachable!("an act becomes an event, not {other:?}"),
    }
}

/// What the same request has booked before, so that a lost answer is given again without a second
/// ceremony or hash.
///
/// # Errors
/// When its event is of another kind, or nothing could be read in time.
pub(super) async fn booked(
    app: &App,
    acting: Acting,
    kinds: &[EventKind],
) -> Result<Option<Event>, Problem> {
    let request = acting.request;
    let read =
        app.read(Side::Devices, acting.deadline, move |conn| read::event(conn, request)).await?;
    let same = read.as_ref().is_none_or(|event| kinds.contains(&event.kind));
    if same { Ok(read) } else { Err(Refusal::RequestIdHasAnotherMeaning.into()) }
}

/// The same, where it opens or changes a challenge.
pub(super) async fn challenge(
    app: &App,
    acting: Acting,
    act: IdentityAct,
) -> Result<Challenge, Problem> {
    match submit(app, acting, act).await? {
        Outcome::Challenged(challenge) => Ok(challenge),
        other => unreachable!("a code is asked for or typed, not {other:?}"),
    }
}

/// The links that notices of an act carry.
fn tokens(app: &App, member: MemberNumber, (object, contested): ([u8; 32], [u8; 32])) -> Tokens {
    Tokens {
        freeze: freeze_token(app, member),
        contest: link_token(app, member, LinkAct::Contest, contested),
        back: link_token(app, member, LinkAct::Return, object),
    }
}

/// The token of a link that freezes a wallet.
pub(crate) fn freeze_token(app: &App, member: MemberNumber) -> String {
    link_token(app, member, LinkAct::Freeze, [0; 32])
}

fn link_token(app: &App, member: MemberNumber, act: LinkAct, object: [u8; 32]) -> String {
    app.keyring().proof.issue_link(&MessageLink {
        act,
        member: member.0.cast_unsigned(),
        object,
        until_ms: app.now().plus_ms(LINK_MS).0,
        chance: app.random(),
    })
}

/// The key of a browser as a device, with a secret in case it pays at once.
pub(super) fn new_device(app: &App, key: &VerifiedKey, label: &str) -> NewDevice {
    NewDevice { public_key: key.public_key, label: label.to_owned(), secret: app.random() }
}

/// The token of a session that begins now.
pub(super) fn signed_in(
    app: &App,
    (device, member, session): (FactId, MemberNumber, FactId),
    thumbprint: &[u8; 32],
    pays: bool,
) -> SignedIn {
    let of = DeviceSession {
        device: device.0.cast_unsigned(),
        member: member.0.cast_unsigned(),
        session: session.0.cast_unsigned(),
        issued_at_ms: app.now().0,
    };
    SignedIn {
        device: identifier::text(Kind::Device, device.0),
        member: identifier::text(Kind::Member, member.0),
        token: app.keyring().proof.issue_token(of, thumbprint),
        pays,
    }
}

/// An answer that also says to the browser which device it is.
pub(super) fn with_cookie(
    app: &App,
    mut said: Said,
    (device, member): (FactId, MemberNumber),
) -> Said {
    let cookie = DeviceCookie {
        device: device.0.cast_unsigned(),
        member: member.0.cast_unsigned(),
        issued_at_ms: app.now().0,
    };
    let text = app.keyring().proof.issue_cookie(cookie);
    let seconds = SESSION_MS_MAX / SECOND_MS;
    let value = format!(
        "{DEVICE_COOKIE}={text}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"
    );
    let value = HeaderValue::from_str(&value).expect("base64url is ASCII");
    said.response.headers_mut().insert(SET_COOKIE, value);
    said
}

/// The device that a browser was, if its cookie says so and is not too old.
pub(super) fn cookie_of(app: &App, cookies: &str) -> Option<(FactId, MemberNumber)> {
    let ours = |pair: &&str| pair.trim_start().starts_with(DEVICE_COOKIE);
    let pair = cookies.split(';').find(ours)?;
    let (name, text) = pair.trim().split_once('=')?;
    let opened = app.keyring().proof.open_cookie(text).ok().filter(|_| name == DEVICE_COOKIE)?;
    let fresh = app.now() < Instant(opened.issued_at_ms).plus_ms(SESSION_MS_MAX);
    let number = |number: u64| i64::try_from(number).expect("we made the cookie");
    fresh.then(|| (FactId(number(opened.device)), MemberNumber(number(opened.member))))
}

/// Renews the token of a device that was believed, when it is a day old: its session is in use.
pub fn renew_token(mut response: Response, app: &App, proven: Option<&Renewal>) -> Response {
    if let Some(renewal) = proven
        && response.status().is_success()
        && app.now() >= Instant(renewal.of.issued_at_ms).plus_ms(TOKEN_RENEWED_AFTER_MS)
    {
        let of = DeviceSession { issued_at_ms: app.now().0, ..renewal.of };
        let token = app.keyring().proof.issue_token(of, &renewal.thumbprint);
        let value = HeaderValue::from_str(&token).expect("base64url is ASCII");
        response.headers_mut().insert(DEVICE_TOKEN, value);
    }
    response
}

/// What a token is renewed from.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    of: DeviceSession,
    thumbprint: [u8; 32],
}

impl Renewal {
    /// Of a device that proved itself.
    pub fn of(proven: &Proven) -> Self {
        let of = DeviceSession {
            device: proven.device.0.cast_unsigned(),
            member: proven.member.0.cast_unsigned(),
            session: proven.session.0.cast_unsigned(),
            issued_at_ms: proven.issued_at_ms,
        };
        Self { of, thumbprint: proven.key.thumbprint }
    }
}
