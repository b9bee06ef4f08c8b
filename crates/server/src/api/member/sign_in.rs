//! Signing in where the book does not know the key: a browser that lost it, or another device.
//!
//! | what the browser has          | what it gets                                              |
//! | ----------------------------- | --------------------------------------------------------- |
//! | its key, but no token         | the same device, by what signs in on it                    |
//! | cookie and passkey            | the same device, at once                                  |
//! | cookie, password, one-time password | the same device, under the limits of a new one      |
//! | a passkey                     | a device that does not pay, and asks to                    |
//! | a password, right or wrong    | one answer: go on on your device, or with a passkey       |
//!
//! A password is checked with the same work whether it is right, wrong, or of nobody; what follows
//! is seen on known devices and at the addresses on file only, once a day.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::identity::act::{IdentityAct, Use};
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::CredentialKind;
use yaoki_core::identity::people::People;
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::state::Verification;
use yaoki_store::{Conn, StoreError, read};

use super::address::Typed;
use super::external::{self, BegunAnswer, ProvidersAnswer, ReturnedBody};
use super::passkeys::{self, Answered, Asker, Options, Used};
use super::services::Trier;
use super::with_cookie;
use super::{Acting, SignedIn, book, booked, cookie_of, new_device, signed_in, submit};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proven::{Newcomer, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::password::{Line, Password};
use crate::identity::{recovery_codes, totp};
use crate::metrics::{Endpoint, Said};

const PASSKEY: &str = "member sign in";

/// A step of signing in.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignInRequest {
    /// Which passkey may be used is asked for.
    Begin {},
    /// A passkey was used.
    Passkey {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// What the browser answered.
        passkey: Answered,
    },
    /// A password, and where the wallet has one a code of its generator.
    Password {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Mail address or telephone number.
        address: String,
        /// The password.
        password: String,
        /// Six digits.
        code: Option<String>,
    },
    /// Which providers of external ids there are.
    Providers {},
    /// The browser is to go to one of them.
    BeginExternal {
        /// By its name.
        provider: String,
    },
    /// It came back.
    External(ReturnedBody),
}

/// What a step answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignInAnswer {
    /// To `begin`.
    Passkey(Options),
    /// Signed in.
    SignedIn(SignedIn),
    /// To `providers`.
    Providers(ProvidersAnswer),
    /// To `begin_external`.
    Begun(BegunAnswer),
}

/// Signs a browser in whose key the book does not know.
#[utoipa::path(
    post,
    path = "/v1/member/sign-in",
    tag = "member",
    security(("new_device" = [])),
    request_body = SignInRequest,
    responses(
        (status = 200, description = "The step was taken", body = SignInAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            SignInRequest::Begin {} => {
                let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
                Ok(render::said(&passkeys::begin_any(&app, asker)?))
            }
            SignInRequest::Passkey { request_id, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                by_passkey(&app, &newcomer, request, &passkey).await
            }
            SignInRequest::Password { request_id, address, password, code } => {
                let request = fields::request_id("request_id", &request_id)?;
                let typed = Typed::read(&address)?;
                let proof = Offered { password: &password, code: code.as_deref() };
                by_password(&app, &newcomer, (request, &typed), proof).await
            }
            SignInRequest::Providers {} => Ok(render::said(&external::providers(&app))),
            SignInRequest::BeginExternal { provider } => {
                let (key, deadline) = (&newcomer.key.thumbprint, newcomer.deadline);
                Ok(render::said(&external::begin(&app, key, &provider, deadline).await?))
            }
            SignInRequest::External(returned) => by_external(&app, &newcomer, &returned).await,
        }
    };
    for_device(app.answer(Endpoint::SignIn, work).await, &app, NO_DEVICE)
}

async fn by_passkey(
    app: &App,
    newcomer: &Newcomer,
    request: RequestId,
    answered: &Answered,
) -> Result<Said, Problem> {
    if let Some(said) = again(app, newcomer, request).await? {
        return Ok(said);
    }
    let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
    let used = passkeys::finish(app, asker, answered, newcomer.deadline).await?;
    let device = new_device(app, &newcomer.key, &newcomer.seen.label);
    let acting = Acting::browser(newcomer, used.member, request);
    let verified = Verification::Passkey;
    let (member, key) = (used.member, newcomer.key.public_key);
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| {
        Ok(own_device(&read::people_of(conn, member)?, member, &key))
    });
    if let Some(own) = read.await? {
        let act = IdentityAct::OpenSession(own, verified, Some(used.counted()));
        return done(app, newcomer, acting.as_device(own), act).await;
    }
    if let Some(known) = known_device(app, newcomer, used).await? {
        let act = IdentityAct::RestoreDevice(known, device, verified, Some(used.counted()));
        return done(app, newcomer, acting, act).await;
    }
    done(app, newcomer, acting, IdentityAct::AddDevice(used.factor, device)).await
}

/// What the same request of this key was answered before: its ceremony does not count once more.
async fn again(
    app: &App,
    newcomer: &Newcomer,
    request: RequestId,
) -> Result<Option<Said>, Problem> {
    let acting = Acting::browser(newcomer, MemberNumber::NONE, request);
    let kinds = [EventKind::DeviceRestored, EventKind::DeviceAdded, EventKind::SessionOpened];
    let Some(event) = booked(app, acting, &kinds).await? else { return Ok(None) };
    let acting = Acting { member: MemberNumber(event.subject), ..acting };
    answered(app, newcomer, acting, &event).await.map(Some)
}

/// The device whose key the browser still has, though it lost its token, or the key that seals
/// tokens was changed: it is known as it was.
fn own_device(people: &People, member: MemberNumber, key: &[u8; 65]) -> Option<FactId> {
    let mut own = people.devices_of(member).filter(|row| row.is_active());
    own.find(|row| row.public_key == *key).map(|row| row.id)
}

/// The device that the browser's cookie names, while it is the member's and has authority.
async fn known_device(
    app: &App,
    newcomer: &Newcomer,
    used: Used,
) -> Result<Option<FactId>, Problem> {
    let Some((device, member)) = cookie_of(app, &newcomer.cookies) else { return Ok(None) };
    if member != used.member {
        return Ok(None);
    }
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| read::device(conn, device));
    let row = read.await?.filter(|row| row.is_active() && row.member == member);
    Ok(row.map(|row| row.id))
}

/// Does what gives a device of this key a session.
async fn done(
    app: &App,
    newcomer: &Newcomer,
    acting: Acting,
    act: IdentityAct,
) -> Result<Said, Problem> {
    let event = book(app, acting, act).await?;
    answered(app, newcomer, acting, &event).await
}

/// The session that the event of a device of this key has opened.
async fn answered(
    app: &App,
    newcomer: &Newcomer,
    acting: Acting,
    event: &Event,
) -> Result<Said, Problem> {
    let (device, member) = (FactId(event.object), acting.member);
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| read::member(conn, member));
    let pays = read.await?.is_some_and(|row| row.device == device);
    let of = (device, member, event.id);
    let answer = signed_in(app, of, &newcomer.key.thumbprint, pays);
    Ok(with_cookie(app, render::said(&answer), (device, member)))
}

/// What somebody offers besides his address.
#[derive(Clone, Copy)]
pub(super) struct Offered<'a> {
    pub(super) password: &'a str,
    pub(super) code: Option<&'a str>,
}

/// What a password and a code prove.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proved {
    pub(super) verified: Verification,
    pub(super) used: Use,
    /// It leaked since it was set: it proves nothing until it is changed.
    pub(super) is_leaked: bool,
}

/// Checks a password, and a code where there is a generator, against a member's factors; none:
/// nobody's. The work is the same for all.
pub(super) async fn check(
    app: &App,
    line: Line,
    people: Option<(MemberNumber, &People)>,
    offered: Offered<'_>,
) -> Result<Option<Proved>, Problem> {
    let factor = |kind| {
        let (member, people) = people?;
        people.credentials_of(member).find(|row| row.kind == kind)
    };
    let kept = factor(CredentialKind::Password);
    let kept = kept.and_then(|row| String::from_utf8(row.secret.clone()).ok());
    let checked = app.members.passwords.check(line, &Password::new(offered.password), kept).await?;
    let generator = factor(CredentialKind::Totp);
    let step = generator.zip(offered.code).and_then(|(row, code)| {
        let seed = app.totp_seed(row)?;
        totp::check(&seed, code, app.now().0, row.used).map(|step| (row.id, step))
    });
    // Whoever has lost his generator has a sheet of codes.
    let sheet = factor(CredentialKind::RecoveryCodes).zip(offered.code);
    let sheet = sheet.and_then(|(row, code)| {
        let place = recovery_codes::check(&row.secret, code)?;
        Some((row.id, i64::try_from(place).ok()?))
    });
    let second = step.or(sheet);
    let verified = match (generator, second) {
        (_, Some(_)) => Verification::PasswordAndFactor,
        (None, None) => Verification::Password,
        (Some(_), None) => return Ok(None),
    };
    let proved = Proved { verified, used: second, is_leaked: checked.is_leaked };
    Ok(checked.is_right.then_some(proved))
}

async fn by_password(
    app: &App,
    newcomer: &Newcomer,
    (request, typed): (RequestId, &Typed),
    offered: Offered<'_>,
) -> Result<Said, Problem> {
    if let Some(said) = again(app, newcomer, request).await? {
        return Ok(said);
    }
    let digest = typed.digest(app);
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| owner_of(conn, digest));
    let owner = read.await?;
    let people = owner.as_ref().map(|(member, people)| (*member, people));
    let key = &newcomer.key.public_key;
    let own = people.and_then(|(member, people)| own_device(people, member, key));
    // Whoever has a device's key or cookie hears whether he is right, so he has a device's tries.
    let cookie = cookie_of(app, &newcomer.cookies).map(|(device, _)| device);
    let own_tries = own.map(|device| (device, Trier::Key));
    let tries = own_tries.or(cookie.map(|device| (device, Trier::Cookie)));
    tries.map_or(Ok(()), |device| app.members.tries.take(device, app.now()))?;
    let proved = check(app, Line::Stranger, people, offered).await?;
    let member = owner.as_ref().map(|(member, _)| *member);
    if let Some(((member, proved), own)) = member.zip(proved).zip(own) {
        app.members.tries.forget((own, Trier::Key));
        let proved = may_sign_in(proved, people)?;
        let acting = Acting::browser(newcomer, member, request).as_device(own);
        let act = IdentityAct::OpenSession(own, proved.verified, proved.used);
        return done(app, newcomer, acting, act).await;
    }
    if let Some((member, proved)) = member.zip(proved)
        && proved.verified == Verification::PasswordAndFactor
        && !proved.is_leaked
    {
        let used = Used { factor: FactId::NONE, member, counter: 0 };
        if let Some(known) = known_device(app, newcomer, used).await? {
            app.members.tries.forget((known, Trier::Cookie));
            let device = new_device(app, &newcomer.key, &newcomer.seen.label);
            let act = IdentityAct::RestoreDevice(known, device, proved.verified, proved.used);
            let acting = Acting::browser(newcomer, member, request);
            return done(app, newcomer, acting, act).await;
        }
    }
    if let Some(member) = member {
        notice(app, newcomer, member);
    }
    Err(EdgeError::ContinueOnYourDevice.into())
}

/// A new device is a new device, whoever says who its user is.
async fn by_external(
    app: &App,
    newcomer: &Newcomer,
    returned: &ReturnedBody,
) -> Result<Said, Problem> {
    let (key, deadline) = (&newcomer.key.thumbprint, newcomer.deadline);
    let found = external::identify(app, key, returned, deadline).await?;
    if let Some(row) = external::factor_of(app, &found, deadline).await? {
        notice(app, newcomer, row.member);
    }
    Err(EdgeError::ContinueOnYourDevice.into())
}

/// The member is told, once a day, that somebody tries; who tries is not told that anybody was, and
/// does not wait: how long the answer takes would tell him.
fn notice(app: &App, newcomer: &Newcomer, member: MemberNumber) {
    let acting = Acting::browser(newcomer, member, RequestId(app.random()));
    let act = IdentityAct::NoticeSignIn(newcomer.seen.label.clone());
    let app = app.clone();
    tokio::spawn(async move {
        // A notice that cannot be written now is written at the next try.
        if submit(&app, acting, act).await.is_err() {
            tracing::warn!(member = member.0, "a member was not told of a try to sign in");
        }
    });
}

/// The member of an address on file, and what is his.
pub(crate) fn owner_of(
    conn: &mut Conn,
    digest: [u8; 32],
) -> Result<Option<(MemberNumber, People)>, StoreError> {
    let contact = read::contact(conn, digest)?.filter(Contact::is_active);
    let Some(contact) = contact else { return Ok(None) };
    let people = read::people_of(conn, contact.member)?;
    Ok(Some((contact.member, people)))
}

/// What lets a device's user in. A password that leaked does so only where there is nothing better:
/// then it is good for being replaced, and the page says so.
pub(super) fn may_sign_in(
    proved: Proved,
    people: Option<(MemberNumber, &People)>,
) -> Result<Proved, Problem> {
    let passkey = people.is_some_and(|(member, people)| {
        people.credentials_of(member).any(|row| row.kind == CredentialKind::Passkey)
    });
    if proved.is_leaked && passkey {
        return Err(EdgeError::PasswordMustBeChanged.into());
    }
    Ok(proved)
}

/// What a device's user has proved, for what weighs more; whether a password alone is enough is for
/// the rule to say, which knows what else there is. One that leaked is not.
pub(super) fn must_be_strong(proved: Option<Proved>) -> Result<Proved, Problem> {
    let proved = proved.ok_or(EdgeError::PasswordMustMatch)?;
    if proved.is_leaked {
        return Err(EdgeError::PasswordMustBeChanged.into());
    }
    Ok(proved)
}
