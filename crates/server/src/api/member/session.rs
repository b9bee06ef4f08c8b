//! Sessions of an enrolled device: signing in on it again, proving oneself anew, signing out.
//!
//! Its key has signed, so its password is checked in a line of its own, and a stranger's flood does
//! not hold it up.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::{IdentityAct, Use};
use yaoki_core::identity::people::People;
use yaoki_core::ids::RequestId;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Verification;
use yaoki_store::{Conn, StoreError, read};

use super::passkeys::{self, Answered, Asker, Options};
use super::services::Trier;
use super::sign_in::{self, Offered, may_sign_in, must_be_strong};
use super::{Acting, Done, SignedIn, book, booked, signed_in, with_cookie};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, Who, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::password::Line;
use crate::metrics::{Endpoint, Said};

const SIGN_IN: &str = "member device sign in";
const VERIFY: &str = "member verify";
/// What a repeat proves: nothing, so that it is answered by what was booked or refused.
pub(super) const REPEAT: (Verification, Use) = (Verification::DeviceKey, None);

/// What a device proves.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionRequest {
    /// A passkey of the member's is asked for.
    Begin {
        /// `sign_in` or `verify`.
        purpose: String,
    },
    /// The device signs in.
    SignIn(ProofBody),
    /// Its user is verified anew, for what weighs more.
    Verify(ProofBody),
    /// It signs out; codes that it shows die.
    SignOut {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
    },
}

/// A proof: a passkey, or a password and where the wallet has a generator its code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofBody {
    /// A UUID that the device made and kept before sending.
    #[schema(format = "uuid")]
    request_id: String,
    /// What the browser answered.
    passkey: Option<Answered>,
    /// The password.
    password: Option<String>,
    /// Six digits.
    code: Option<String>,
}

/// What a step answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SessionAnswer {
    /// To `begin`.
    Passkey(Options),
    /// To `sign_in`.
    SignedIn(SignedIn),
    /// To `verify` and `sign_out`.
    Done(Done),
}

/// Signs an enrolled device in or out, or verifies its user anew.
#[utoipa::path(
    post,
    path = "/v1/member/session",
    tag = "member",
    security(("device" = [])),
    request_body = SessionRequest,
    responses(
        (status = 200, description = "Done", body = SessionAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn session(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let work = async {
        let proven = proven?;
        match request::json(&proven.body)? {
            SessionRequest::Begin { purpose } => begin(&app, &proven, &purpose).await,
            SessionRequest::SignIn(proof) => {
                let request = fields::request_id("request_id", &proof.request_id)?;
                let repeat = was_done(&app, &proven, request, EventKind::SessionOpened).await?;
                let (verified, used) =
                    if repeat { REPEAT } else { prove(&app, &proven, SIGN_IN, &proof).await? };
                sign_in(&app, &proven, request, (verified, used)).await
            }
            SessionRequest::Verify(proof) => {
                let request = fields::request_id("request_id", &proof.request_id)?;
                let repeat = was_done(&app, &proven, request, EventKind::UserVerified).await?;
                let (verified, used) =
                    if repeat { REPEAT } else { prove(&app, &proven, VERIFY, &proof).await? };
                let acting = Acting::device(&proven, request);
                book(&app, acting, IdentityAct::Verify(verified, used)).await?;
                Ok(render::said(&Done::ANSWER))
            }
            SessionRequest::SignOut { request_id } => {
                let request = fields::request_id("request_id", &request_id)?;
                book(&app, Acting::device(&proven, request), IdentityAct::EndSession).await?;
                Ok(render::said(&Done::ANSWER))
            }
        }
    };
    for_device(app.answer(Endpoint::MemberSession, work).await, &app, device)
}

/// Whether the same request was booked before: its ceremony does not count once more.
pub(super) async fn was_done(
    app: &App,
    proven: &Proven,
    request: RequestId,
    kind: EventKind,
) -> Result<bool, Problem> {
    Ok(booked(app, Acting::device(proven, request), &[kind]).await?.is_some())
}

/// What is the member's, where the device is enrolled; that it is signed in is not asked.
fn enrolled(conn: &mut Conn, who: Who) -> Result<Result<People, Refusal>, StoreError> {
    match crate::api::device::enrolled(conn, who)? {
        Ok(_) => Ok(Ok(read::people_of(conn, who.member)?)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

async fn people(app: &App, proven: &Proven) -> Result<People, Problem> {
    let who = proven.who();
    let people =
        app.read(Side::Devices, proven.deadline, move |conn| enrolled(conn, who)).await??;
    proven.is_believed();
    Ok(people)
}

async fn begin(app: &App, proven: &Proven, purpose: &str) -> Result<Said, Problem> {
    let act = match purpose {
        "sign_in" => SIGN_IN,
        "verify" => VERIFY,
        _ => return Err(Problem::field("purpose", "must be `sign_in` or `verify`")),
    };
    let people = people(app, proven).await?;
    let asker = Asker { act, browser: &proven.key.thumbprint };
    Ok(render::said(&passkeys::begin_own(app, asker, proven.member, &people)?))
}

async fn prove(
    app: &App,
    proven: &Proven,
    act: &'static str,
    proof: &ProofBody,
) -> Result<(Verification, Use), Problem> {
    let people = people(app, proven).await?;
    match (&proof.passkey, &proof.password) {
        (Some(answered), None) => {
            let asker = Asker { act, browser: &proven.key.thumbprint };
            let used = passkeys::finish(app, asker, answered, proven.deadline).await?;
            if used.member != proven.member {
                return Err(EdgeError::PasskeyMustHold.into());
            }
            Ok((Verification::Passkey, Some(used.counted())))
        }
        (None, Some(password)) => {
            let tries = (proven.device, Trier::Key);
            app.members.tries.take(tries, app.now())?;
            let offered = Offered { password, code: proof.code.as_deref() };
            let member = Some((proven.member, &people));
            let right = sign_in::check(app, Line::Known, member, offered).await?;
            if right.is_some() {
                app.members.tries.forget(tries);
            }
            let right = if act == VERIFY {
                must_be_strong(right)?
            } else {
                may_sign_in(right.ok_or(EdgeError::PasswordMustMatch)?, member)?
            };
            Ok((right.verified, right.used))
        }
        _ => Err(Problem::field("passkey", "or `password` must be given, and not both")),
    }
}

pub(super) async fn sign_in(
    app: &App,
    proven: &Proven,
    request: RequestId,
    (verified, used): (Verification, Use),
) -> Result<Said, Problem> {
    let act = IdentityAct::OpenSession(proven.device, verified, used);
    let event = book(app, Acting::device(proven, request), act).await?;
    let member = proven.member;
    let read = app.read(Side::Devices, proven.deadline, move |conn| read::member(conn, member));
    let pays = read.await?.is_some_and(|row| row.device == proven.device);
    let of = (proven.device, member, event.id);
    let answer = signed_in(app, of, &proven.key.thumbprint, pays);
    Ok(with_cookie(app, render::said(&answer), (proven.device, member)))
}
