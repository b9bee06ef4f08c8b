//! A clerk signs in at a register, with a number and a PIN, and signs out.
//!
//! Where clerks work at a store, giving money back takes one who has signed in; so does undoing
//! what another terminal of the store asked. What the register is told is good at this terminal
//! alone, for a quarter of an hour, and is made anew from the request where an answer was lost: the
//! book has its digest only.

use std::borrow::Cow;
use std::fmt;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::clerk::Clerk;
use yaoki_core::command::{Act, Administer};
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{ClerkNumber, FactId, RequestId, TerminalNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::session::{CLERK_SESSION_MS_MAX, ClerkToken};
use yaoki_store::{Conn, Part, StoreError, read};

use super::lists::Signer;
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::edge::signed::Signed;
use crate::identity::password::{Line, Password};
use crate::metrics::Endpoint;

/// Bytes of a session's secret.
const SECRET_BYTES: usize = 16;
/// The longest PIN that is looked at, bytes: those that are drawn have six digits.
const PIN_BYTES_MAX: usize = 32;

/// A clerk who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClerkSignInRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// `clk_…`, or its number.
    #[serde(borrow)]
    clerk: Cow<'a, str>,
    /// As it was given to the clerk. Five wrong ones lock the clerk for 15 minutes.
    #[schema(example = "014528")]
    #[serde(borrow)]
    pin: Cow<'a, str>,
}

/// A clerk who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = ClerkSession)]
pub struct ClerkSessionAnswer {
    /// To be sent with refunds, and with reversals of another terminal's requests. Good at this
    /// terminal only.
    clerk_session: String,
    /// `clk_…`.
    clerk: String,
    /// As colleagues read it.
    name: String,
    /// Until when it is good.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// A clerk who signs out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClerkSignOutRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    /// What the sign-in answered.
    #[serde(borrow)]
    clerk_session: Cow<'a, str>,
}

/// It is ended.
#[derive(Serialize, ToSchema)]
#[schema(as = ClerkSignedOut)]
pub struct ClerkSignedOutAnswer {
    signed_out: bool,
}

/// Signs a clerk of this terminal's store in, for a quarter of an hour.
#[utoipa::path(
    post,
    path = "/v1/clerk/sign-in",
    operation_id = "clerk_sign_in",
    tag = "register",
    security(("terminal" = [])),
    request_body = ClerkSignInRequest,
    responses(
        (status = 200, description = "Signed in", body = ClerkSessionAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: ClerkSignInRequest<'_> = request::json(&signed.body)?;
        let request_id = fields::request_id("request_id", &asked.request_id)?;
        let number = fields::clerk(&asked.clerk)?;
        if asked.pin.is_empty() || asked.pin.len() > PIN_BYTES_MAX {
            return Err(Problem::field("pin", "must be the digits that the clerk was given"));
        }
        let request = RequestId::of_clerk(signed.terminal, request_id);
        let found = look(&app, &signed, (request, number)).await?;
        let secret = secret_of(&app, request);
        let Found { clerk, told } = found;
        let clerk = clerk.ok_or(Refusal::ClerkMustBeActive)?;
        let event = match told {
            // It was compared when it was asked first; the answer was lost.
            Some(event) => event,
            None => try_pin(&app, &signed, (request, &clerk), (&asked.pin, secret)).await?,
        };
        if event.kind != EventKind::ClerkSignedIn || event.subject != number.0 {
            return Err(EdgeError::PinMustMatch.into());
        }
        Ok(render::said(&ClerkSessionAnswer {
            clerk_session: Shown { clerk: number, session: event.id, secret }.to_string(),
            clerk: identifier::text(Kind::Clerk, number.0),
            name: clerk.name,
            expires_at: time::text(event.id.at().plus_ms(CLERK_SESSION_MS_MAX)),
        }))
    };
    app.answer(Endpoint::ClerkSignIn, work).await
}

/// Signs a clerk out.
#[utoipa::path(
    post,
    path = "/v1/clerk/sign-out",
    operation_id = "clerk_sign_out",
    tag = "register",
    security(("terminal" = [])),
    request_body = ClerkSignOutRequest,
    responses(
        (status = 200, description = "Signed out", body = ClerkSignedOutAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign_out(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: ClerkSignOutRequest<'_> = request::json(&signed.body)?;
        let request_id = fields::request_id("request_id", &asked.request_id)?;
        let token = token(&asked.clerk_session)?;
        let request = RequestId::of_clerk(signed.terminal, request_id);
        look(&app, &signed, (request, token.clerk)).await?;
        administer(&app, &signed, request, Act::SignOutClerk(signed.terminal, token)).await?;
        Ok(render::said(&ClerkSignedOutAnswer { signed_out: true }))
    };
    app.answer(Endpoint::ClerkSignOut, work).await
}

/// The clerk's session in a request, as the rules compare it.
///
/// # Errors
/// When it is not what a sign-in answered.
pub(crate) fn token(text: &str) -> Result<ClerkToken, Problem> {
    let wrong = || Problem::field("clerk_session", "must be what the sign-in answered");
    Shown::parse(text).map(|shown| shown.token()).ok_or_else(wrong)
}

/// What a register is told, and shows: clerk, session and secret.
struct Shown {
    clerk: ClerkNumber,
    session: FactId,
    secret: [u8; SECRET_BYTES],
}

impl Shown {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let clerk = identifier::parse(Kind::Clerk, parts.next()?).ok()?;
        let session = identifier::parse(Kind::StaffSession, parts.next()?).ok()?;
        let secret = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        let whole = parts.next().is_none();
        whole.then_some(Self { clerk: ClerkNumber(clerk), session: FactId(session), secret })
    }

    fn token(&self) -> ClerkToken {
        let Self { clerk, session, secret } = *self;
        ClerkToken { clerk, session, key: digest(&secret) }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clerk = identifier::text(Kind::Clerk, self.clerk.0);
        let session = identifier::text(Kind::StaffSession, self.session.0);
        write!(f, "{clerk}.{session}.{}", URL_SAFE_NO_PAD.encode(self.secret))
    }
}

fn digest(secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
    *blake3::hash(secret).as_bytes()
}

/// The secret of the session that this request opens: the same where it is asked again.
fn secret_of(app: &App, request: RequestId) -> [u8; SECRET_BYTES] {
    let keyring = app.keyring();
    let mut keys = keyring.file.fingerprint.accepted(i64::MIN);
    let current = keys.next().expect("the current key is always accepted");
    let mut hasher = blake3::Hasher::new_keyed(current.expose());
    hasher.update(b"yaoki clerk session 1");
    hasher.update(&request.0);
    let mut secret = [0; SECRET_BYTES];
    hasher.finalize_xof().fill(&mut secret);
    secret
}

/// What the book has of the clerk and of the request.
struct Found {
    clerk: Option<Clerk>,
    told: Option<Event>,
}

/// Reads both, once it is sure that the terminal signed with a key that is believed.
async fn look(
    app: &App,
    signed: &Signed,
    (request, clerk): (RequestId, ClerkNumber),
) -> Result<Found, Problem> {
    let who = Signer::of(app, signed);
    let terminal = signed.terminal;
    let read = move |conn: &mut Conn| -> Result<Result<Found, Refusal>, StoreError> {
        let store = match super::lists::signer(conn, who)? {
            Ok(terminal) => terminal.store,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let clerk = read::staff::clerk(conn, clerk)?.filter(|clerk| clerk.store == store);
        let told = read::event(conn, request)?;
        Ok(Ok(Found { clerk, told: told.filter(|event| event.object == terminal.0) }))
    };
    let found = app.read(Side::Registers, signed.deadline, read).await??;
    signed.is_believed();
    Ok(found)
}

/// Compares the PIN and books what came of it.
async fn try_pin(
    app: &App,
    signed: &Signed,
    (request, clerk): (RequestId, &Clerk),
    (pin, secret): (&str, [u8; SECRET_BYTES]),
) -> Result<Event, Problem> {
    if !clerk.is_active() {
        return Err(Refusal::ClerkMustBeActive.into());
    }
    if app.now() < clerk.locked_until {
        return Err(Refusal::ClerkIsLocked.into());
    }
    let kept = String::from_utf8(clerk.pin.0.clone()).map_err(|_| EdgeError::FaultOfOurs)?;
    let passwords = &app.members.passwords;
    let checked = passwords.check(Line::Known, &Password::new(pin), Some(kept)).await?;
    let act = Act::SignInClerk {
        terminal: signed.terminal,
        clerk: clerk.number,
        tried: clerk.pin.digest(),
        right: checked.is_right,
        key: digest(&secret),
    };
    administer(app, signed, request, act).await
}

async fn administer(
    app: &App,
    signed: &Signed,
    request: RequestId,
    act: Act,
) -> Result<Event, Problem> {
    let actor = identifier::text(Kind::Terminal, signed.terminal.0);
    app.administer(Part::Money, Administer::alone(request, actor, act), signed.deadline).await
}

/// Where a reversal's request was asked: of this terminal, unless another is named.
pub(super) fn asked_at(signed: &Signed, named: Option<&str>) -> Result<TerminalNumber, Problem> {
    let Some(text) = named else { return Ok(signed.terminal) };
    let number = identifier::parse(Kind::Terminal, text).map(TerminalNumber);
    number.map_err(|error| Problem::field("target_terminal", format_args!("is wrong: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_register_shows_is_read_as_it_was_told_and_nothing_else_is() {
        let shown = Shown { clerk: ClerkNumber(7), session: FactId(1 << 40), secret: [9; 16] };
        let text = shown.to_string();
        assert_eq!(token(&text).expect("it is one"), shown.token());
        for wrong in ["", ".", "..", &text[1..], &text[..text.len() - 1], &format!("{text}.")] {
            assert!(token(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", shown.token()).contains("9, 9"));
    }
}
