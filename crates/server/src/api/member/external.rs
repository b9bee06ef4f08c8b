//! External ids: signing in on a known device by an account at a provider, and linking one.
//!
//! What counts is issuer and subject of a token that this server fetched and checked itself. On a
//! browser that the book does not know an external id is what a password is there: nothing, and a
//! notice to whoever's it is.

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::identity::credential::{Credential, CredentialKind, NewCredential};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Verification;
use yaoki_store::read;

use super::factors::own;
use super::session;
use super::{Acting, Done, Renewal, SignedIn, book, renew_token};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::openid::{Asked, Identified, OpenidError, Returned, Sealing};
use crate::identity::seal::{Purpose, Sealer};
use crate::metrics::Endpoint;

/// A step with an external id.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExternalRequest {
    /// Which providers there are.
    Providers {},
    /// The browser is to go to one of them.
    Begin {
        /// By its name.
        provider: String,
    },
    /// It came back, and the device signs in.
    SignIn(ReturnedBody),
    /// It came back, and the account there is linked.
    Link(ReturnedBody),
}

/// What a browser came back with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnedBody {
    /// A UUID that the browser made and kept before sending.
    #[schema(format = "uuid")]
    pub(super) request_id: String,
    /// By its name.
    provider: String,
    /// The parameter `code`.
    code: String,
    /// The parameter `state`.
    state: String,
    /// The parameter `iss`, where there was one.
    iss: Option<String>,
    /// As `begin` gave it.
    attempt: String,
}

/// A provider.
#[derive(Serialize, ToSchema)]
#[schema(as = ExternalProvider)]
pub struct ProviderShown {
    name: String,
    shown: String,
}

/// The providers.
#[derive(Serialize, ToSchema)]
#[schema(as = ExternalProviders)]
pub struct ProvidersAnswer {
    providers: Vec<ProviderShown>,
}

/// Where the browser goes.
#[derive(Serialize, ToSchema)]
#[schema(as = ExternalBegun)]
pub struct BegunAnswer {
    /// Where.
    address: String,
    /// To be kept until it comes back.
    attempt: String,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ExternalAnswer {
    /// To `providers`.
    Providers(ProvidersAnswer),
    /// To `begin`.
    Begun(BegunAnswer),
    /// To `sign_in`.
    SignedIn(SignedIn),
    /// To `link`.
    Done(Done),
}

/// Signs an enrolled device in by an external id, or links one.
#[utoipa::path(
    post,
    path = "/v1/member/external",
    tag = "member",
    security(("device" = [])),
    request_body = ExternalRequest,
    responses(
        (status = 200, description = "Done", body = ExternalAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn external(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let key = &proven.key.thumbprint;
        match request::json(&proven.body)? {
            ExternalRequest::Providers {} => Ok(render::said(&providers(&app))),
            ExternalRequest::Begin { provider } => {
                Ok(render::said(&begin(&app, key, &provider, proven.deadline).await?))
            }
            ExternalRequest::SignIn(returned) => {
                let request = fields::request_id("request_id", &returned.request_id)?;
                if session::was_done(&app, &proven, request, EventKind::SessionOpened).await? {
                    return session::sign_in(&app, &proven, request, session::REPEAT).await;
                }
                let found = identify(&app, key, &returned, proven.deadline).await?;
                let factor = factor_of(&app, &found, proven.deadline).await?;
                let factor = factor.filter(|row| row.member == proven.member);
                let factor = factor.ok_or(Refusal::FactorMustExist)?;
                let verified = (Verification::ExternalId, Some((factor.id, factor.used)));
                session::sign_in(&app, &proven, request, verified).await
            }
            ExternalRequest::Link(returned) => {
                let request = fields::request_id("request_id", &returned.request_id)?;
                own(&app, &proven).await?;
                if session::was_done(&app, &proven, request, EventKind::CredentialAdded).await? {
                    return Ok(render::said(&Done::ANSWER));
                }
                let found = identify(&app, key, &returned, proven.deadline).await?;
                let factor = NewCredential {
                    kind: CredentialKind::ExternalId,
                    lookup: found.lookup().to_vec(),
                    secret: Vec::new(),
                    label: returned.provider,
                };
                let act = IdentityAct::AddFactor(factor);
                book(&app, Acting::device(&proven, request), act).await?;
                Ok(render::said(&Done::ANSWER))
            }
        }
    };
    let response = app.answer(Endpoint::MemberExternal, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

/// The providers, as people read them.
pub(super) fn providers(app: &App) -> ProvidersAnswer {
    let shown = app.members.providers.iter().map(|provider| ProviderShown {
        name: provider.options().name.clone(),
        shown: provider.options().shown.clone(),
    });
    ProvidersAnswer { providers: shown.collect() }
}

/// Where the browser of this key goes.
///
/// # Errors
/// A [`Problem`].
pub(super) async fn begin(
    app: &App,
    key: &[u8; 32],
    name: &str,
    deadline: Deadline,
) -> Result<BegunAnswer, Problem> {
    let provider = app.members.providers.find(name).ok_or_else(unknown)?;
    let redirect = redirect(app);
    let asked = Asked { binding: key, redirect: &redirect };
    let chance = app.random();
    let begun = provider.begin(asked, app.now(), &chance, app);
    let begun = deadline.wait_for(begun).await.ok_or(EdgeError::DeadlinePassed)??;
    Ok(BegunAnswer { address: begun.address, attempt: begun.attempt })
}

/// Who came back, after every check; each attempt counts once on this node.
///
/// # Errors
/// A [`Problem`] that does not say which check failed; the log does.
pub(super) async fn identify(
    app: &App,
    key: &[u8; 32],
    body: &ReturnedBody,
    deadline: Deadline,
) -> Result<Identified, Problem> {
    let provider = app.members.providers.find(&body.provider).ok_or_else(unknown)?;
    let returned = Returned {
        code: &body.code,
        state: &body.state,
        issuer: body.iss.as_deref(),
        attempt: &body.attempt,
    };
    let now = app.now();
    let found = provider.finish(returned, key, now, app);
    let found = deadline.wait_for(found).await.ok_or(EdgeError::DeadlinePassed)??;
    let until_ms = now.plus_ms(crate::identity::openid::ATTEMPT_MS).0;
    let first = app.members.ceremonies.take(found.attempt, until_ms, now);
    if first { Ok(found) } else { Err(EdgeError::ExternalIdMustHold.into()) }
}

/// Whose an external id is.
///
/// # Errors
/// When nothing could be read in time.
pub(super) async fn factor_of(
    app: &App,
    found: &Identified,
    deadline: Deadline,
) -> Result<Option<Credential>, Problem> {
    let lookup = found.lookup();
    let read =
        app.read(Side::Devices, deadline, move |conn| read::credential_by_lookup(conn, &lookup));
    Ok(read.await?.filter(|row| row.kind == CredentialKind::ExternalId))
}

/// The page to which a provider sends the browser back: never from a request.
fn redirect(app: &App) -> String {
    format!("{}/wallet", app.wallet_origin())
}

fn unknown() -> Problem {
    Problem::field("provider", "must be the name of a provider that is set here")
}

impl From<OpenidError> for Problem {
    fn from(error: OpenidError) -> Self {
        tracing::warn!(%error, "an external id was not taken");
        if error.is_outage() {
            return Self::from(EdgeError::ProviderMustAnswer).and_retry_after(30);
        }
        EdgeError::ExternalIdMustHold.into()
    }
}

impl Sealing for App {
    fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        let sealed = App::seal(self, Purpose::ExternalId, purpose.as_bytes(), plain);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let keyring = self.keyring();
        let opened =
            Sealer::new(&keyring.file.seal).open(Purpose::ExternalId, purpose.as_bytes(), &sealed);
        opened.ok().map(|plain| plain.to_vec())
    }
}
