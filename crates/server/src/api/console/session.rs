//! Who asks at the console, and signing in by a link, until there are operators (see
//! [`super::sign_in`]). Where there are, no link opens it, and no session of a link goes on.
//!
//! `yaoki admin console-link` makes a link for a name. A browser redeems it, once, with a key that
//! it has just made; the token that it gets is bound to that key, says who works, and ends after
//! [`SESSION_HOURS`]. Nothing is written: links, ended sessions and the time before which all are
//! ended are in the memory of this server. So that a restart does not open again what was ended,
//! sessions that were begun before this server started are refused: it kills every link and every
//! session here. A rotation of the device token key ends them everywhere.
//!
//! Limits: [`LINKS_MAX`] links, the oldest makes room; [`ENDED_MAX`] ended sessions, past which all
//! sessions are ended.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::refusal::Refusal;
use yaoki_core::time::{HOUR_MS, Instant, MINUTE_MS};

use super::staff::{Staff, has_operators, may_ask, standing};
use super::{Operators, own};
use crate::api::enrolment::link_digest;
use crate::api::{render, time};
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::pace::Flight;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proof::token::{Bound, Session, SessionToken};
use crate::edge::proven::{Newcomer, Proved, for_caller, prove, text_of, with_nonce};
use crate::edge::request::{self, Intake, device_bytes_max};
use crate::metrics::Endpoint;

/// How long a link lives, milliseconds.
pub const LINK_LIFETIME_MS: i64 = 10 * MINUTE_MS;
/// Where a renewed token stands.
pub const CONSOLE_TOKEN: HeaderName = HeaderName::from_static("yaoki-console-token");
/// A token that is older is renewed when it is used, milliseconds.
const TOKEN_RENEWED_AFTER_MS: i64 = MINUTE_MS;
/// How long a session lasts, hours.
pub const SESSION_HOURS: i64 = 12;
/// The most links that wait to be redeemed.
pub const LINKS_MAX: usize = 32;
/// The most sessions that are remembered as ended.
pub const ENDED_MAX: usize = 4096;
/// The longest text that is looked at as a link's token, bytes.
pub(super) const LINK_BYTES_MAX: usize = 200;

/// What this server knows of links and sessions.
#[derive(Debug)]
pub struct Sessions {
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    /// Oldest first.
    links: VecDeque<Link>,
    /// Until when each would have lasted.
    ended: HashMap<u64, i64>,
    /// Sessions that were begun before this are over, Unix milliseconds.
    floor_ms: i64,
}

#[derive(Debug)]
struct Link {
    digest: [u8; 32],
    actor: String,
    expires_at: Instant,
}

impl Sessions {
    /// No links, and no session goes on that was begun before `now`.
    pub fn starting_at(now: Instant) -> Self {
        // What was begun in this very millisecond was begun before.
        let floor_ms = now.0 + 1;
        let (links, ended) = (VecDeque::new(), HashMap::new());
        Self { memory: Mutex::new(Memory { links, ended, floor_ms }) }
    }

    /// Keeps a link for an actor; until when.
    pub fn offer(&self, digest: [u8; 32], actor: &str, now: Instant) -> Instant {
        let expires_at = now.plus_ms(LINK_LIFETIME_MS);
        let mut memory = self.memory.lock().expect("no holder panics");
        memory.links.retain(|link| link.expires_at > now);
        if memory.links.len() == LINKS_MAX {
            memory.links.pop_front();
        }
        memory.links.push_back(Link { digest, actor: actor.to_owned(), expires_at });
        expires_at
    }

    /// Takes a link away, and begins the session that it is for; none where it is none.
    fn redeem(&self, digest: &[u8; 32], number: u64, now: Instant) -> Option<Session> {
        let mut memory = self.memory.lock().expect("no holder panics");
        let place = memory.links.iter().position(|link| link.digest == *digest)?;
        let link = memory.links.remove(place).filter(|link| link.expires_at > now)?;
        let issued_at_ms = now.0.max(memory.floor_ms);
        let expires_at_ms = now.0 + SESSION_HOURS * HOUR_MS;
        Some(Session { number, issued_at_ms, expires_at_ms, actor: link.actor })
    }

    /// Whether a session goes on.
    pub fn is_open(&self, session: &Session, now: Instant) -> bool {
        let memory = self.memory.lock().expect("no holder panics");
        session.expires_at_ms > now.0
            && session.issued_at_ms >= memory.floor_ms
            && !memory.ended.contains_key(&session.number)
    }

    /// Ends one session.
    fn end(&self, session: &Session, now: Instant) {
        let mut memory = self.memory.lock().expect("no holder panics");
        memory.ended.retain(|_, expires_at_ms| *expires_at_ms > now.0);
        if memory.ended.len() < ENDED_MAX {
            memory.ended.insert(session.number, session.expires_at_ms);
        } else {
            memory.end_all(now);
        }
    }

    /// Ends every session and every link.
    pub fn end_all(&self, now: Instant) {
        self.memory.lock().expect("no holder panics").end_all(now);
    }
}

impl Memory {
    fn end_all(&mut self, now: Instant) {
        self.links.clear();
        self.ended.clear();
        self.floor_ms = self.floor_ms.max(now.0) + 1;
    }
}

/// A request of an operator who is signed in.
#[derive(Debug)]
pub struct Operator {
    /// The token of his session.
    pub token: SessionToken,
    /// Who he is; none: he signed in by a link.
    pub staff: Option<Staff>,
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    _flight: Flight,
}

impl FromRequest<App> for Operator {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let token = request::check_head(&parts).and_then(|()| {
            let opened = app.keyring().proof.open_session(text_of(&parts, &AUTHORIZATION));
            opened.map_err(|_| not_signed_in())
        });
        let token = token.map_err(|problem| with_nonce::<Operators>(problem, app, NO_DEVICE))?;
        let caller = token.caller();
        let proven = async {
            let path = parts.uri.path();
            let intake = Intake::Json(device_bytes_max(path));
            let proved = prove::<Operators, _>(app, &parts, (body, intake), &token).await?;
            let Proved { body, deadline, .. } = proved;
            let flight = app.console.flights.start(caller.cast_signed());
            let flight = flight.ok_or_else(too_many)?;
            let staff = standing(app, &token, deadline).await?;
            may_ask(staff.as_ref(), path)?;
            request::is_known(&parts.extensions, caller.cast_signed());
            Ok(Self { token: token.clone(), staff, body, deadline, _flight: flight })
        };
        proven.await.map_err(|problem| with_nonce::<Operators>(problem, app, caller))
    }
}

/// Nobody is signed in, or no longer.
pub(super) fn not_signed_in() -> Problem {
    let challenge = HeaderValue::from_static("DPoP error=\"invalid_token\", algs=\"ES256\"");
    Problem::from(EdgeError::SessionMustBeOpen).and_header(WWW_AUTHENTICATE, challenge)
}

/// Too much of one session is under way.
pub(super) fn too_many() -> Problem {
    Problem::from(EdgeError::TooManyInFlight).and_retry_after(1)
}

impl Operator {
    /// Who he is.
    ///
    /// # Errors
    /// [`Refusal::StaffSessionMustBeOpen`]: he signed in by a link, and only looks.
    pub fn staff(&self) -> Result<&Staff, Problem> {
        self.staff.as_ref().ok_or_else(|| Refusal::StaffSessionMustBeOpen.into())
    }
}

/// For whom an answer is.
#[derive(Debug)]
pub(super) struct Caller {
    number: u64,
    /// The token that is renewed as it is used.
    token: Option<SessionToken>,
}

/// For whom the answer is.
pub(super) fn caller_of(operator: &Result<Operator, Problem>) -> Caller {
    match operator {
        Ok(Operator { token, staff, .. }) => {
            let renewed = staff.is_some().then(|| token.clone());
            Caller { number: token.caller(), token: renewed }
        }
        Err(_) => Caller { number: NO_DEVICE, token: None },
    }
}

/// What every answer to an operator carries: the next nonce, and a newer token now and then, so
/// that a session that is used does not become idle.
pub(super) fn for_operator(mut response: Response, app: &App, caller: &Caller) -> Response {
    if let Some(token) = &caller.token
        && response.status().is_success()
        && app.now() >= Instant(token.session.issued_at_ms).plus_ms(TOKEN_RENEWED_AFTER_MS)
    {
        let session = Session { issued_at_ms: app.now().0, ..token.session.clone() };
        let text = app.keyring().proof.issue_session(&session, token.thumbprint());
        let value = HeaderValue::from_str(&text).expect("base64url is ASCII");
        response.headers_mut().insert(CONSOLE_TOKEN, value);
    }
    for_caller::<Operators>(response, app, caller.number)
}

/// Redeeming a link to the console.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest<'a> {
    /// What stands behind `#` in the link.
    #[serde(borrow)]
    link_token: Cow<'a, str>,
}

/// A session that was begun.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleSession)]
pub struct SessionAnswer {
    /// What the browser sends as `Authorization: DPoP …`; of no use without its key.
    token: String,
    /// Who works in it.
    actor: String,
    /// When it ends by itself.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Ending the session. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionEndRequest {}

/// A session that was ended.
#[derive(Serialize, ToSchema)]
pub struct SessionEnded {
    /// Always true.
    ended: bool,
}

/// Signs a browser in with a one-time link. The proof carries the key that the session is bound to.
#[utoipa::path(
    post,
    path = "/v1/console/session",
    tag = "console",
    security(("new_operator" = [])),
    request_body = SessionRequest,
    responses(
        (status = 200, description = "Signed in", body = SessionAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn begin(
    State(app): State<App>,
    newcomer: Result<Newcomer<Operators>, Problem>,
) -> Response {
    let work = async {
        let newcomer = newcomer?;
        let asked: SessionRequest<'_> = request::json(&newcomer.body)?;
        if asked.link_token.is_empty() || asked.link_token.len() > LINK_BYTES_MAX {
            return Err(Problem::field("link_token", "must be the token of a link"));
        }
        if has_operators(&app, newcomer.deadline).await? {
            return Err(EdgeError::ConsoleLinkMustBeOpen.into());
        }
        let (digest, number) = (link_digest(&asked.link_token), Session::number_of(app.random()));
        let session = app.console.sessions.redeem(&digest, number, app.now());
        let session = session.ok_or(EdgeError::ConsoleLinkMustBeOpen)?;
        tracing::info!(actor = session.actor, "an operator signed in at the console");
        Ok(render::said(&SessionAnswer {
            token: app.keyring().proof.issue_session(&session, &newcomer.key.thumbprint),
            expires_at: time::text(Instant(session.expires_at_ms)),
            actor: session.actor,
        }))
    };
    for_caller::<Operators>(app.answer(Endpoint::ConsoleSession, work).await, &app, NO_DEVICE)
}

/// Ends the session that asks: one by a passkey on every node, one by a link on this one.
#[utoipa::path(
    post,
    path = "/v1/console/session/end",
    tag = "console",
    security(("operator" = [])),
    request_body = SessionEndRequest,
    responses(
        (status = 200, description = "Ended", body = SessionEnded),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn end(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let SessionEndRequest {} = request::json(&operator.body)?;
        match &operator.staff {
            Some(staff) => own::end(&app, staff, operator.deadline).await?,
            None => app.console.sessions.end(&operator.token.session, app.now()),
        }
        Ok(render::said(&SessionEnded { ended: true }))
    };
    for_operator(app.answer(Endpoint::ConsoleEnd, work).await, &app, &caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_800_000_000_000);

    fn digest(number: usize) -> [u8; 32] {
        link_digest(&number.to_string())
    }

    #[test]
    fn a_link_works_once_within_ten_minutes_and_the_oldest_makes_room() {
        let sessions = Sessions::starting_at(NOW);
        for number in 0..=LINKS_MAX {
            sessions.offer(digest(number), "Asa", NOW);
        }
        assert!(sessions.redeem(&digest(0), 1, NOW).is_none(), "it made room");
        assert!(sessions.redeem(&digest(1), 1, NOW).is_some());
        assert!(sessions.redeem(&digest(1), 1, NOW).is_none(), "it was used");
        let late = NOW.plus_ms(LINK_LIFETIME_MS);
        assert!(sessions.redeem(&digest(2), 1, late.plus_ms(-1)).is_some());
        assert!(sessions.redeem(&digest(3), 1, late).is_none());
        sessions.end_all(NOW);
        assert!(sessions.redeem(&digest(4), 1, NOW).is_none());
    }

    #[test]
    fn sessions_end_one_by_one_all_at_once_and_by_themselves() {
        let sessions = Sessions::starting_at(NOW);
        let begin = |number: usize| {
            sessions.offer(digest(number), "Asa", NOW);
            let numbered = u64::try_from(number).expect("small");
            sessions.redeem(&digest(number), numbered, NOW).expect("a session")
        };
        let (one, two) = (begin(1), begin(2));
        sessions.end(&one, NOW);
        assert!(!sessions.is_open(&one, NOW) && sessions.is_open(&two, NOW));
        assert!(!sessions.is_open(&two, NOW.plus_ms(SESSION_HOURS * HOUR_MS)));
        sessions.end_all(NOW);
        assert!(!sessions.is_open(&two, NOW));
        assert!(sessions.is_open(&begin(3), NOW), "begun in the same millisecond, after it");
    }

    #[test]
    fn a_restart_opens_no_session_again() {
        let before = Sessions::starting_at(NOW);
        before.offer(digest(1), "Asa", NOW);
        let session = before.redeem(&digest(1), 1, NOW).expect("a session");
        assert!(before.is_open(&session, NOW));
        before.end(&session, NOW);
        let later = NOW.plus_ms(1);
        let after = Sessions::starting_at(later);
        assert!(!after.is_open(&session, later));
        after.offer(digest(2), "Asa", later);
        let session = after.redeem(&digest(2), 2, later).expect("a session");
        assert!(after.is_open(&session, later));
    }

    #[test]
    fn more_ended_sessions_than_are_remembered_end_all() {
        let sessions = Sessions::starting_at(NOW);
        let session = |number| {
            let expires_at_ms = NOW.0 + SESSION_HOURS * HOUR_MS;
            Session { number, issued_at_ms: NOW.0 + 1, expires_at_ms, actor: "Asa".to_owned() }
        };
        let last = u64::try_from(ENDED_MAX).expect("small");
        for number in 0..last {
            sessions.end(&session(number), NOW);
        }
        assert!(sessions.is_open(&session(last + 1), NOW));
        sessions.end(&session(last), NOW);
        for number in [0, last, last + 1] {
            assert!(!sessions.is_open(&session(number), NOW), "{number}");
        }
    }
}
