//! Becoming a member: an address proved by a typed code, then a passkey or a password, and the
//! browser is the member's first device.
//!
//! An address that is a member's already causes the same answers; its owner is told, and no code is
//! ever right.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::CHALLENGE_MS;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::identity::credential::{CredentialKind, NewCredential};
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::message::Language;
use yaoki_store::read;

use super::address::{Typed, digest};
use super::passkeys::{self, Answered, Asker, Named, Options};
use super::services::evenly;
use super::{Acting, SignedIn, book, booked, challenge, new_device, signed_in, with_cookie};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proven::{Newcomer, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::password::{Line, Password};
use crate::metrics::{Endpoint, Said};

const PASSKEY: &str = "member sign up";

/// A step of signing up.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignUpRequest {
    /// A code is sent to this address.
    Begin {
        /// A mail address or a telephone number.
        address: String,
        /// `ja` or `en`.
        language: String,
    },
    /// The code is typed.
    Code {
        /// Eight digits.
        code: String,
    },
    /// A passkey is to be made.
    Passkey {},
    /// The wallet is made, with a passkey or a password.
    Finish {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// The version of terms and notices that was agreed to.
        terms: i64,
        /// The passkey that the browser made.
        passkey: Option<Answered>,
        /// Or a password.
        password: Option<String>,
    },
}

/// How the code stands.
#[derive(Serialize, ToSchema)]
#[schema(as = TypedCode)]
pub struct CodeAnswer {
    /// Whether it was typed rightly.
    confirmed: bool,
    /// How often it can still be typed wrongly.
    tries_left: i64,
    /// Until when.
    #[schema(format = "date-time")]
    expires_at: String,
}

impl CodeAnswer {
    pub(super) fn of(challenge: &Challenge) -> Self {
        Self {
            confirmed: challenge.state != ChallengeState::Waiting,
            tries_left: yaoki_core::identity::CHALLENGE_TRIES_MAX - challenge.tries,
            expires_at: time::text(challenge.expires_at),
        }
    }
}

/// What a step answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignUpAnswer {
    /// To `begin` and `code`.
    Code(CodeAnswer),
    /// To `passkey`.
    Passkey(Options),
    /// To `finish`.
    SignedIn(SignedIn),
}

/// Signs somebody up, step by step. The proof is by the key that becomes the device's.
#[utoipa::path(
    post,
    path = "/v1/member/sign-up",
    tag = "member",
    security(("new_device" = [])),
    request_body = SignUpRequest,
    responses(
        (status = 200, description = "The step was taken", body = SignUpAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign_up(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            SignUpRequest::Begin { address, language } => {
                let typed = Typed::read(&address)?;
                let asked = Asked { purpose: Purpose::SignUp, member: MemberNumber::NONE };
                let language = language_of(&language)?;
                let work = open(&app, &newcomer, asked, (&typed, language));
                let opened = evenly(work).await?;
                Ok(render::said(&CodeAnswer::of(&opened)))
            }
            SignUpRequest::Code { code } => {
                let tried = try_code(&app, &newcomer, Purpose::SignUp, &code).await?;
                Ok(render::said(&CodeAnswer::of(&tried)))
            }
            SignUpRequest::Passkey {} => passkey(&app, &newcomer).await,
            SignUpRequest::Finish { request_id, terms, passkey, password } => {
                let request = fields::request_id("request_id", &request_id)?;
                app.terms_must_be_present(terms)?;
                finish(&app, &newcomer, (request, terms), (passkey, password)).await
            }
        }
    };
    for_device(app.answer(Endpoint::SignUp, work).await, &app, NO_DEVICE)
}

/// `ja` or `en`.
pub(super) fn language_of(text: &str) -> Result<Language, Problem> {
    Language::from_name(text).ok_or_else(|| Problem::field("language", "must be `ja` or `en`"))
}

/// What a code is asked for, and whom it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) purpose: Purpose,
    pub(super) member: MemberNumber,
}

/// A code of eight digits, from chance.
fn new_code(app: &App) -> String {
    let chance = u64::from_be_bytes(app.random());
    format!("{:08}", chance % 100_000_000)
}

/// What a typed code is compared by: bound to its challenge.
pub(super) fn code_digest(app: &App, challenge: &[u8; 32], code: &str) -> [u8; 32] {
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    digest(app, "code", &[challenge, digits.as_bytes()])
}

/// A challenge that is to be opened, and its code.
pub(super) fn new_challenge(
    app: &App,
    asked: Asked,
    binding: &[u8; 32],
    (typed, language): (&Typed, Language),
) -> (Challenge, String) {
    let (id, code) = (Challenge::id_of(asked.purpose, binding), new_code(app));
    let challenge = Challenge {
        id,
        purpose: asked.purpose,
        member: asked.member,
        channel: typed.channel,
        contact: typed.digest(app),
        address: typed.address.clone(),
        language,
        code: code_digest(app, &id, &code),
        tries: 0,
        message: [0; 32],
        state: ChallengeState::Waiting,
        expires_at: app.now().plus_ms(CHALLENGE_MS),
    };
    (challenge, code)
}

/// Opens a challenge of a browser.
pub(super) async fn open(
    app: &App,
    newcomer: &Newcomer,
    asked: Asked,
    address: (&Typed, Language),
) -> Result<Challenge, Problem> {
    let (opened, code) = new_challenge(app, asked, &newcomer.key.thumbprint, address);
    let acting = Acting::browser(newcomer, asked.member, RequestId(app.random()));
    challenge(app, acting, IdentityAct::OpenChallenge(opened, code)).await
}

/// Tries a code that was typed in a browser.
pub(super) async fn try_code(
    app: &App,
    newcomer: &Newcomer,
    purpose: Purpose,
    code: &str,
) -> Result<Challenge, Problem> {
    let id = Challenge::id_of(purpose, &newcomer.key.thumbprint);
    let acting = Acting::browser(newcomer, MemberNumber::NONE, RequestId(app.random()));
    let act = IdentityAct::TryChallenge(id, code_digest(app, &id, code));
    challenge(app, acting, act).await
}

/// The challenge of a browser, as it stands.
async fn own_challenge(app: &App, newcomer: &Newcomer) -> Result<Challenge, Problem> {
    let id = Challenge::id_of(Purpose::SignUp, &newcomer.key.thumbprint);
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| read::challenge(conn, id));
    let found = read
        .await?
        .filter(|row| row.state == ChallengeState::Confirmed && app.now() < row.expires_at);
    found.ok_or_else(|| yaoki_core::refusal::Refusal::ChallengeMustBeOpen.into())
}

async fn passkey(app: &App, newcomer: &Newcomer) -> Result<Said, Problem> {
    let challenge = own_challenge(app, newcomer).await?;
    let handle = passkeys::new_handle(app, &challenge.id);
    let named = Named { handle, name: &challenge.address.0 };
    let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
    Ok(render::said(&passkeys::begin_new(app, asker, named, None)?))
}

async fn finish(
    app: &App,
    newcomer: &Newcomer,
    (request, terms): (RequestId, i64),
    factor: (Option<Answered>, Option<String>),
) -> Result<Said, Problem> {
    let acting = Acting::browser(newcomer, MemberNumber::NONE, request);
    let id = Challenge::id_of(Purpose::SignUp, &newcomer.key.thumbprint);
    let seen = booked(app, acting, &[EventKind::MemberCreated]).await?;
    let event = if let Some(event) = seen {
        event
    } else {
        let challenge = own_challenge(app, newcomer).await?;
        let factor = new_factor(app, newcomer, &challenge, factor).await?;
        let device = new_device(app, &newcomer.key, &newcomer.seen.label);
        let act = IdentityAct::SignUp { challenge: id, device, factor, terms };
        book(app, acting, act).await?
    };
    let member = MemberNumber(event.subject);
    // The device's event follows those of member and address.
    let device = FactId(event.id.0).plus(2);
    let answer = signed_in(app, (device, member, device), &newcomer.key.thumbprint, true);
    Ok(with_cookie(app, render::said(&answer), (device, member)))
}

async fn new_factor(
    app: &App,
    newcomer: &Newcomer,
    challenge: &Challenge,
    (passkey, password): (Option<Answered>, Option<String>),
) -> Result<NewCredential, Problem> {
    match (passkey, password) {
        (Some(answered), None) => {
            let handle = passkeys::new_handle(app, &challenge.id);
            let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
            passkeys::finish_new(app, asker, handle, &answered, &newcomer.seen.label)
        }
        (None, Some(password)) => {
            new_password(app, Line::Stranger, &password, &challenge.address.0).await
        }
        _ => Err(Problem::field("passkey", "or `password` must be given, and not both")),
    }
}

/// A password as a factor, if it may be one.
pub(super) async fn new_password(
    app: &App,
    line: Line,
    typed: &str,
    address: &str,
) -> Result<NewCredential, Problem> {
    let words = [address, app.members.operator_name.as_str(), "yaoki"];
    let kept = app.members.passwords.set(line, &Password::new(typed), &words, app.random()).await?;
    Ok(NewCredential {
        kind: CredentialKind::Password,
        lookup: Vec::new(),
        secret: kept.into_bytes(),
        label: String::new(),
    })
}
