//! Signing in at the console with a passkey, and registering one at a link.
//!
//! ```text
//! link:    begin_registration -> what the browser makes;  register -> the book has the passkey
//! passkey: begin              -> what the browser uses;   passkey  -> a session of this key
//! ```
//!
//! A link is the book's: made for one operator by the host or by two others, for ten minutes and
//! one passkey. What is kept of a passkey begins with the number that its operator is known by to
//! all his passkeys. Counters are the book's, too: a copy is found on whichever node it signs.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{Act, Administer};
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{OperatorNumber, RequestId};
use yaoki_core::operator::{Operator, OperatorPasskey, PasskeyState, Sealed};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::Instant;
use yaoki_store::{Conn, Part, StoreError, read};

use super::Operators;
use super::session::LINK_BYTES_MAX;
use super::staff::request_of;
use crate::api::enrolment::link_digest;
use crate::api::member::address::digest;
use crate::api::member::passkeys::{Answered, Asker, Options, asking, count_once};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proof::token::Session;
use crate::edge::proven::{Newcomer, for_caller};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::passkey::{
    Handle, Owner, PasskeyError, Relying, claimed, handle_from, known, parted, together,
};
use crate::identity::seal::Sealer;
use crate::metrics::{Endpoint, Said};

const SIGN_IN: &str = "operator sign in";
const REGISTER: &str = "operator registration";

/// A step of signing in, or of registering a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ConsoleSignInRequest)]
pub enum SignInRequest {
    /// What is to be made at a link is asked for.
    BeginRegistration {
        /// What stands behind `#operator=` in the link.
        link_token: String,
    },
    /// It was made.
    Register {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As before.
        link_token: String,
        /// What the browser answered.
        passkey: Answered,
    },
    /// Which passkey may be used is asked for.
    Begin {},
    /// It was used.
    Passkey {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// What the browser answered.
        passkey: Answered,
    },
}

/// What a step answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ConsoleSignInAnswer)]
pub enum SignInAnswer {
    /// To `begin_registration` and `begin`.
    Asked(Options),
    /// To `register`.
    Registered(Registered),
    /// To `passkey`.
    SignedIn(SignedIn),
}

/// A passkey that was registered.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleRegistered)]
pub struct Registered {
    /// By which colleagues find it: its first digits are what its owner reads to the one who
    /// confirms it.
    passkey: String,
    /// `active`, or `waiting` for a colleague to confirm it.
    state: &'static str,
}

impl Registered {
    fn of(event: &Event) -> Self {
        let row = OperatorPasskey::of_event(event, Sealed::default());
        Self { passkey: hex::text(&row.lookup), state: row.state.name() }
    }
}

/// A session that was begun.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleSignedIn)]
pub struct SignedIn {
    /// What the browser sends as `Authorization: DPoP …`; of no use without its key.
    token: String,
    /// Who works in it, by name.
    actor: String,
    /// Who works in it.
    operator: String,
    /// What he may do.
    roles: Vec<&'static str>,
    /// When it ends by itself.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Signs an operator's browser in with a passkey, or registers one at a link. The proof carries the
/// key that the session is bound to.
#[utoipa::path(
    post,
    path = "/v1/console/sign-in",
    operation_id = "console_sign_in",
    tag = "console",
    security(("new_operator" = [])),
    request_body = SignInRequest,
    responses(
        (status = 200, description = "The step was taken", body = SignInAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(
    State(app): State<App>,
    newcomer: Result<Newcomer<Operators>, Problem>,
) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            SignInRequest::BeginRegistration { link_token } => {
                begin_registration(&app, &newcomer, &link_token).await
            }
            SignInRequest::Register { request_id, link_token, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                register(&app, &newcomer, (request, &link_token), &passkey).await
            }
            SignInRequest::Begin {} => {
                let keyring = app.keyring();
                let asker = Asker { act: SIGN_IN, browser: &newcomer.key.thumbprint };
                let asking = asking(&app, Sealer::new(&keyring.file.seal), asker);
                let started = relying(&app)?.start_sign_in(&asking, app.random())?;
                Ok(render::said(&Options::from(started)))
            }
            SignInRequest::Passkey { request_id, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                by_passkey(&app, &newcomer, request, &passkey).await
            }
        }
    };
    let response = app.answer(Endpoint::ConsoleSignIn, work).await;
    for_caller::<Operators>(response, &app, NO_DEVICE)
}

/// Who makes operators' passkeys.
///
/// # Errors
/// [`EdgeError::PasskeysMustBeSetUp`].
pub(super) fn relying(app: &App) -> Result<&Relying, Problem> {
    app.console.passkeys.get().ok_or_else(|| EdgeError::PasskeysMustBeSetUp.into())
}

/// Whose passkey is registered at a link, and those that he has.
struct Registering {
    operator: Operator,
    passkeys: Vec<OperatorPasskey>,
}

impl Registering {
    async fn at(
        app: &App,
        link_token: &str,
        deadline: Deadline,
    ) -> Result<([u8; 32], Self), Problem> {
        if link_token.is_empty() || link_token.len() > LINK_BYTES_MAX {
            return Err(Problem::field("link_token", "must be the token of a link"));
        }
        let (link, now) = (link_digest(link_token), app.now());
        let read = app.read(Side::Console, deadline, move |conn| Self::read(conn, link, now));
        let found = read.await?.ok_or(Refusal::OperatorLinkMustBeValid)?;
        Ok((link, found))
    }

    fn read(conn: &mut Conn, link: [u8; 32], now: Instant) -> Result<Option<Self>, StoreError> {
        let link = read::staff::link(conn, link)?;
        let link = link.filter(|link| !link.used.is_some() && now < link.expires_at);
        let Some(link) = link else { return Ok(None) };
        let operator = read::staff::operator(conn, link.operator)?;
        // One of the host's links is for who has not registered.
        let may = |row: &Operator| {
            if link.made_by.is_some() { row.is_there() } else { row.is_invited() }
        };
        let Some(operator) = operator.filter(may) else { return Ok(None) };
        let passkeys = passkeys_of(conn, operator.number)?;
        Ok(Some(Self { operator, passkeys }))
    }

    /// The number that he is known by to his passkeys.
    fn handle(&self, app: &App) -> Result<Handle, PasskeyError> {
        handle_of(app, self.operator.number, &self.passkeys)
    }
}

/// The passkeys with which an operator signs in.
pub(super) fn passkeys_of(
    conn: &mut Conn,
    operator: OperatorNumber,
) -> Result<Vec<OperatorPasskey>, StoreError> {
    let mut rows = read::staff::passkeys(conn)?;
    rows.retain(|row| row.operator == operator && row.state == PasskeyState::Active);
    Ok(rows)
}

/// The number that an operator is known by to his passkeys.
///
/// # Errors
/// [`PasskeyError::Kept`].
pub(super) fn handle_of(
    app: &App,
    operator: OperatorNumber,
    passkeys: &[OperatorPasskey],
) -> Result<Handle, PasskeyError> {
    if let Some(row) = passkeys.first() {
        return Ok(parted(&row.secret.0)?.0);
    }
    let digest = digest(app, "passkey handle of operator", &[&operator.0.to_be_bytes()]);
    Ok(handle_from(&digest))
}

/// The passkeys as they are kept.
///
/// # Errors
/// [`PasskeyError::Kept`].
pub(super) fn known_of(passkeys: &[OperatorPasskey]) -> Result<Vec<&[u8]>, PasskeyError> {
    known(passkeys.iter().map(|row| row.secret.0.as_slice()))
}

async fn begin_registration(
    app: &App,
    newcomer: &Newcomer<Operators>,
    link_token: &str,
) -> Result<Said, Problem> {
    let (_, registering) = Registering::at(app, link_token, newcomer.deadline).await?;
    let keyring = app.keyring();
    let asker = Asker { act: REGISTER, browser: &newcomer.key.thumbprint };
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let (handle, name) = (registering.handle(app)?, registering.operator.name.as_str());
    let owner = Owner { handle: &handle, name, display_name: name };
    let existing = known_of(&registering.passkeys)?;
    let started = relying(app)?.start_registration(&asking, app.random(), &owner, &existing)?;
    Ok(render::said(&Options::from(started)))
}

async fn register(
    app: &App,
    newcomer: &Newcomer<Operators>,
    (request, link_token): (RequestId, &str),
    answered: &Answered,
) -> Result<Said, Problem> {
    let request = request_of(&newcomer.key.thumbprint, request);
    let kind = EventKind::OperatorPasskeyAdded;
    if let Some(event) = booked(app, request, kind, newcomer.deadline).await? {
        return Ok(render::said(&Registered::of(&event)));
    }
    let (link, registering) = Registering::at(app, link_token, newcomer.deadline).await?;
    let handle = registering.handle(app)?;
    let made = {
        let keyring = app.keyring();
        let asker = Asker { act: REGISTER, browser: &newcomer.key.thumbprint };
        let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
        let (ceremony, answer) = (&answered.ceremony, &answered.answer);
        relying(app)?.finish_registration(&asking, &handle, ceremony, answer)?
    };
    count_once(app, &app.console.ceremonies, made.once)?;
    let secret = Sealed(together(&handle, &made.kept));
    let act = Act::AddPasskey { link, lookup: made.credential_id_digest, secret };
    let name = registering.operator.name;
    let event = app
        .administer(Part::Strangers, Administer::alone(request, &name, act), newcomer.deadline)
        .await?;
    tracing::info!(actor = name, "an operator registered a passkey");
    Ok(render::said(&Registered::of(&event)))
}

async fn by_passkey(
    app: &App,
    newcomer: &Newcomer<Operators>,
    request: RequestId,
    answered: &Answered,
) -> Result<Said, Problem> {
    let (key, deadline) = (newcomer.key.thumbprint, newcomer.deadline);
    let request = request_of(&key, request);
    if let Some(event) = booked(app, request, EventKind::StaffSessionOpened, deadline).await? {
        return signed_in(app, &event, &key, deadline).await;
    }
    let asker = Asker { act: SIGN_IN, browser: &key };
    let used = used(app, asker, answered, deadline).await?;
    let act = Act::OpenSession { passkey: used.lookup, counter: used.counter, key };
    let event = app
        .administer(Part::Strangers, Administer::alone(request, &used.name, act), deadline)
        .await?;
    tracing::info!(actor = used.name, "an operator signed in at the console");
    signed_in(app, &event, &key, deadline).await
}

/// A passkey that signed, its user verified, and whose it is.
pub(super) struct Used {
    pub(super) lookup: [u8; 32],
    pub(super) counter: i64,
    pub(super) operator: OperatorNumber,
    name: String,
}

/// The passkey that signed.
///
/// # Errors
/// A [`Problem`]; it does not say whether the passkey is known.
pub(super) async fn used(
    app: &App,
    asker: Asker<'_>,
    answered: &Answered,
    deadline: Deadline,
) -> Result<Used, Problem> {
    let lookup = claimed(&answered.answer)?.credential_id_digest;
    let read = app.read(Side::Console, deadline, move |conn| {
        let Some(passkey) = read::staff::passkey(conn, lookup)? else { return Ok(None) };
        let operator = read::staff::operator(conn, passkey.operator)?;
        Ok(operator.map(|operator| (passkey, operator)))
    });
    let (passkey, operator) = read.await?.ok_or(PasskeyError::OtherPasskey)?;
    let (handle, kept) = parted(&passkey.secret.0)?;
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let (ceremony, answer) = (&answered.ceremony, &answered.answer);
    let asserted = relying(app)?.finish_assertion(&asking, ceremony, answer, &handle, kept)?;
    count_once(app, &app.console.ceremonies, asserted.once)?;
    let (counter, name) = (i64::from(asserted.counter), operator.name);
    Ok(Used { lookup, counter, operator: operator.number, name })
}

/// What the same request has booked before, so that a lost answer is given again without a second
/// ceremony.
async fn booked(
    app: &App,
    request: RequestId,
    kind: EventKind,
    deadline: Deadline,
) -> Result<Option<Event>, Problem> {
    let read = app.read(Side::Console, deadline, move |conn| read::event(conn, request)).await?;
    let same = read.as_ref().is_none_or(|event| event.kind == kind);
    if same { Ok(read) } else { Err(Refusal::RequestIdHasAnotherMeaning.into()) }
}

/// The token of a session that was opened.
async fn signed_in(
    app: &App,
    opened: &Event,
    thumbprint: &[u8; 32],
    deadline: Deadline,
) -> Result<Said, Problem> {
    let id = opened.id;
    let read = app.read(Side::Console, deadline, move |conn| read::staff::session(conn, id));
    let (row, operator) = read.await?.ok_or(Refusal::StaffSessionMustBeOpen)?;
    let session = Session::of_row(&row, &operator.name, app.now().0);
    Ok(render::said(&SignedIn {
        token: app.keyring().proof.issue_session(&session, thumbprint),
        actor: operator.name,
        operator: identifier::text(Kind::Operator, operator.number.0),
        roles: operator.roles.each().map(yaoki_core::operator::Role::name).collect(),
        expires_at: time::text(Instant(session.expires_at_ms)),
    }))
}
