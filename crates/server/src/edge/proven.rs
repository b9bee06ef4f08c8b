//! A request that is proven by the key of who sends it: a member's device, or an operator's
//! browser. Taken in whole, its proof checked, before anything touches storage.
//!
//! A [`Gate`] is a listener where that is asked. Every answer carries the nonce for the next proof,
//! refusals included, so that a device whose nonce is old is two requests from its code and never
//! asks its own clock.

use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use hyper::body::Bytes;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use yaoki_core::ids::{FactId, MemberNumber};

use super::deadline::Deadline;
use super::error::EdgeError;
use super::frames::FramePlace;
use super::listener::ListenerName;
use super::pace::Flight;
use super::problem::{Problem, sentence};
use super::proof::seen::SeenProofs;
use super::proof::token::Bound;
use super::proof::{self, NO_DEVICE, ProofError, VerifiedKey};
use super::request::{self, Intake, device_bytes_max};
use super::seen::Seen;
use crate::app::App;

/// Where the next nonce stands (RFC 9449, 8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A listener whose callers prove their requests, each with a key of his own.
pub trait Gate: Send + Sync + 'static {
    /// Which.
    const LISTENER: ListenerName;
    /// What its callers call this server; none: anything.
    fn hosts(app: &App) -> &[String];
    /// The scheme that they see.
    fn scheme(app: &App) -> &'static str;
    /// Their proofs that were accepted.
    fn proofs(app: &App) -> &SeenProofs;
}

/// Where members' devices ask.
#[derive(Clone, Copy, Debug)]
pub struct Devices;

impl Gate for Devices {
    const LISTENER: ListenerName = ListenerName::Devices;

    fn hosts(app: &App) -> &[String] {
        &app.device_hosts
    }

    fn scheme(app: &App) -> &'static str {
        app.device_scheme()
    }

    fn proofs(app: &App) -> &SeenProofs {
        &app.proofs
    }
}

/// A request that an enrolled device signed.
#[derive(Debug)]
pub struct Proven {
    /// Which device.
    pub device: FactId,
    /// Whose.
    pub member: MemberNumber,
    /// The session that its token names; that it is open is for the book's row to say.
    pub session: FactId,
    /// When its token was given, Unix milliseconds.
    pub issued_at_ms: i64,
    /// The key that signed; that it is the device's is for the book's row to say.
    pub key: VerifiedKey,
    /// What its browser says that it is, and from which network it asks.
    pub seen: Seen,
    /// The proof itself, to be kept where money moves by it.
    pub proof: String,
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    extensions: Extensions,
    _flight: Flight,
}

/// A frame that an enrolled device signed, and its place.
#[derive(Debug)]
pub struct ProvenFrame(pub Proven, pub FramePlace);

impl FromRequest<App> for ProvenFrame {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (proven, place) = Proven::take(request, app, Intake::Frame).await?;
        Ok(Self(proven, place.expect("a frame has a place")))
    }
}

/// Who asks, to be taken to a reader.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// Which device.
    pub device: FactId,
    /// Whose.
    pub member: MemberNumber,
    /// The session that its token names.
    pub session: FactId,
    /// When its token was given, Unix milliseconds.
    pub issued_at_ms: i64,
    /// The point of the key that signed.
    pub public_key: [u8; 65],
}

impl Proven {
    /// Who asks.
    pub const fn who(&self) -> Who {
        Who {
            device: self.device,
            member: self.member,
            session: self.session,
            issued_at_ms: self.issued_at_ms,
            public_key: self.key.public_key,
        }
    }

    /// The book has the device, and it is active: its connection keeps its place.
    pub fn is_believed(&self) {
        request::is_known(&self.extensions, self.device.0);
    }
}

/// A request by a key that is not known yet: of a device that is being enrolled, or of a browser
/// that signs in.
#[derive(Debug)]
pub struct Newcomer<G = Devices> {
    /// Its key, proven.
    pub key: VerifiedKey,
    /// What its browser says that it is, and from which network it asks.
    pub seen: Seen,
    /// The cookies that it sent.
    pub cookies: String,
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    _flight: Flight,
    gate: PhantomData<G>,
}

impl FromRequest<App> for Proven {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let intake = Intake::Json(device_bytes_max(request.uri().path()));
        Self::take(request, app, intake).await.map(|(proven, _)| proven)
    }
}

impl Proven {
    async fn take(
        request: Request,
        app: &App,
        intake: Intake,
    ) -> Result<(Self, Option<FramePlace>), Problem> {
        let (parts, body) = request.into_parts();
        let token = request::check_head(&parts).and_then(|()| {
            let opened = app.keyring().proof.open_token(text_of(&parts, &AUTHORIZATION));
            opened.map_err(Problem::from)
        });
        let token = token.map_err(|problem| with_nonce::<Devices>(problem, app, NO_DEVICE))?;
        let number = |number: u64| i64::try_from(number).expect("we made the token");
        let (device, member) = (number(token.device), number(token.member));
        let proven = async {
            let receiving = app.receive_frame(intake, ListenerName::Devices, &parts.extensions)?;
            let asked = prove::<Devices, _>(app, &parts, (body, intake), &token).await?;
            let Proved { body, deadline, key } = asked;
            // Only now: a token alone, which others may have seen, takes no device's own place.
            let own = |receiving| app.frame_places.own(receiving, device);
            let place = receiving.map(own).transpose()?;
            let flight = app.device_flights.start(device);
            let flight = flight
                .ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))?;
            let proven = Self {
                device: FactId(device),
                member: MemberNumber(member),
                session: FactId(number(token.session)),
                issued_at_ms: token.issued_at_ms,
                key,
                seen: Seen::of(&parts),
                proof: text_of(&parts, &DPOP).to_owned(),
                body,
                deadline,
                extensions: parts.extensions,
                _flight: flight,
            };
            Ok((proven, place))
        };
        proven.await.map_err(|problem| with_nonce::<Devices>(problem, app, token.device))
    }
}

/// A request that the holder of a token signed.
pub struct Proved {
    /// The body.
    pub body: Bytes,
    /// By when it must be answered.
    pub deadline: Deadline,
    /// The key that signed.
    pub key: VerifiedKey,
}

/// A request that the holder of `token` signed.
///
/// # Errors
/// The first that does not hold of body, host, proof, replay and type of content.
pub async fn prove<G: Gate, T: Bound + Sync>(
    app: &App,
    parts: &Parts,
    (body, intake): (Body, Intake),
    token: &T,
) -> Result<Proved, Problem> {
    let body = request::body(body, intake.bytes_max()).await?;
    let deadline = app.deadline();
    let digest = proof::sha256(&body);
    let asked = asked::<G>(app, parts, &digest)?;
    let time = G::proofs(app).time(app.now().0);
    let verified = app.keyring().proof.verify(token, text_of(parts, &DPOP), &asked, time)?;
    G::proofs(app).accept(verified.mark, time)?;
    if !body.is_empty() {
        intake.check_content_type(parts)?;
    }
    Ok(Proved { body, deadline, key: verified.key })
}

impl<G: Gate> FromRequest<App> for Newcomer<G> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let newcomer = async {
            request::check_head(&parts)?;
            let body = request::body(body, device_bytes_max(parts.uri.path())).await?;
            // After the body: whoever sends slowly holds none of these places.
            let flight = app.stranger(G::LISTENER)?;
            let deadline = app.deadline();
            let digest = proof::sha256(&body);
            let asked = asked::<G>(app, &parts, &digest)?;
            let proof = text_of(&parts, &DPOP);
            let time = G::proofs(app).time(app.now().0);
            let key = app.keyring().proof.verify_enrolment(proof, &asked, time)?;
            request::check_content_type(&parts)?;
            let seen = Seen::of(&parts);
            let cookies = text_of(&parts, &COOKIE).to_owned();
            Ok(Self { key, seen, cookies, body, deadline, _flight: flight, gate: PhantomData })
        };
        newcomer.await.map_err(|problem| with_nonce::<G>(problem, app, NO_DEVICE))
    }
}

fn asked<'a, G: Gate>(
    app: &App,
    parts: &'a Parts,
    body_digest: &'a [u8; 32],
) -> Result<proof::Request<'a>, Problem> {
    let host = request::host(parts)?;
    request::check_host(host, G::hosts(app))?;
    Ok(proof::Request {
        method: parts.method.as_str(),
        scheme: G::scheme(app),
        host,
        path: parts.uri.path(),
        body_digest,
    })
}

/// The text of a header; empty where there is none.
pub fn text_of<'a>(parts: &'a Parts, name: &HeaderName) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The nonce for the next proof of `caller`, a device or a session.
pub fn nonce<G: Gate>(app: &App, caller: u64) -> HeaderValue {
    let nonce = app.keyring().proof.nonce(caller, G::proofs(app).time(app.now().0));
    HeaderValue::from_str(&nonce).expect("base64url is ASCII")
}

/// The same problem, with the nonce for the next proof.
pub fn with_nonce<G: Gate>(problem: Problem, app: &App, caller: u64) -> Problem {
    problem.and_header(DPOP_NONCE, nonce::<G>(app, caller))
}

/// What every answer to a device carries.
pub fn for_device(response: Response, app: &App, device: u64) -> Response {
    for_caller::<Devices>(response, app, device)
}

/// What every answer to a proven request carries: the next nonce, and that it is kept nowhere.
pub fn for_caller<G: Gate>(mut response: Response, app: &App, caller: u64) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(DPOP_NONCE) {
        headers.insert(DPOP_NONCE, nonce::<G>(app, caller));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let kind = match error {
            ProofError::NonceMissing | ProofError::NonceStale => EdgeError::NonceMustBeFresh,
            ProofError::TokenMissing | ProofError::TokenWrong => EdgeError::TokenMustBeOurs,
            _ => EdgeError::ProofMustHold,
        };
        let challenge = format!("DPoP error=\"{}\", algs=\"ES256\"", error.code());
        let challenge = HeaderValue::from_str(&challenge).expect("the codes are ASCII");
        Self::with_detail(kind, sentence(&error.to_string()))
            .and_header(WWW_AUTHENTICATE, challenge)
    }
}
