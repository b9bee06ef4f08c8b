//! A member's factors: passkeys, the password, a code generator, recovery codes.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::identity::credential::{CredentialKind, NewCredential};
use yaoki_core::identity::people::People;
use yaoki_core::ids::RequestId;
use yaoki_store::read;

use super::passkeys::{self, Answered, Asker, Named, Options};
use super::services::Trier;
use super::sign_in::{self, Offered};
use super::sign_up::new_password;
use super::{Acting, Done, Renewal, book, booked, renew_token};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::password::Line;
use crate::identity::seal::{Purpose, Sealer};
use crate::identity::{recovery_codes, totp};
use crate::metrics::{Endpoint, Said};

const PASSKEY: &str = "member new passkey";

/// What is done to a factor.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum FactorsRequest {
    /// A passkey is to be made.
    BeginPasskey {},
    /// It was made.
    Passkey {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// What the browser answered.
        passkey: Answered,
    },
    /// A password is set, or another one.
    Password {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// The new password.
        password: String,
        /// The present one, where it leaked and there is nothing else: it verifies nobody any more,
        /// and is good for this.
        present: Option<String>,
    },
    /// A code generator is to be set up.
    BeginGenerator {},
    /// It was, and shows this code.
    Generator {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As `begin_generator` gave it.
        sealed: String,
        /// Six digits.
        code: String,
    },
    /// A new sheet of recovery codes; the one before counts no longer.
    RecoveryCodes {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
    },
    /// A factor is removed.
    End {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which, as the account names it.
        factor: String,
    },
}

/// A generator's seed, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewGenerator)]
pub struct GeneratorAnswer {
    /// For a generator on this device.
    uri: String,
    /// To be typed.
    text: String,
    /// To be scanned, SVG.
    qr_svg: String,
    /// To be given back with the first code.
    sealed: String,
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub struct CodesAnswer {
    /// Ten; each counts once.
    codes: Vec<String>,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum FactorsAnswer {
    /// To `begin_passkey`.
    Passkey(Options),
    /// To `begin_generator`.
    Generator(GeneratorAnswer),
    /// To `recovery_codes`.
    Codes(CodesAnswer),
    /// To everything else.
    Done(Done),
}

/// Adds and removes factors.
#[utoipa::path(
    post,
    path = "/v1/member/factors",
    tag = "member",
    security(("device" = [])),
    request_body = FactorsRequest,
    responses(
        (status = 200, description = "Done", body = FactorsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn factors(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        match request::json(&proven.body)? {
            FactorsRequest::BeginPasskey {} => begin_passkey(&app, &proven).await,
            FactorsRequest::Passkey { request_id, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                if was_added(&app, &proven, request).await? {
                    return Ok(render::said(&Done::ANSWER));
                }
                let people = own(&app, &proven).await?;
                let asker = Asker { act: PASSKEY, browser: &proven.key.thumbprint };
                let handle = passkeys::handle_of(&app, proven.member, &people)?;
                let label = &proven.seen.label;
                let factor = passkeys::finish_new(&app, asker, handle, &passkey, label)?;
                add(&app, &proven, request, factor).await
            }
            FactorsRequest::Password { request_id, password, present } => {
                let request = fields::request_id("request_id", &request_id)?;
                if was_added(&app, &proven, request).await? {
                    return Ok(render::said(&Done::ANSWER));
                }
                let people = own(&app, &proven).await?;
                if let Some(present) = &present {
                    must_be_the_present(&app, &proven, &people, present).await?;
                }
                let address = people.contacts_of(proven.member).next();
                let address = address.map_or("", |row| row.address.0.as_str()).to_owned();
                let factor = new_password(&app, Line::Known, &password, &address).await?;
                let act = match present {
                    Some(_) => IdentityAct::ReplacePassword(factor),
                    None => IdentityAct::AddFactor(factor),
                };
                added(&app, &proven, request, act).await
            }
            FactorsRequest::BeginGenerator {} => begin_generator(&app, &proven).await,
            FactorsRequest::Generator { request_id, sealed, code } => {
                let request = fields::request_id("request_id", &request_id)?;
                if was_added(&app, &proven, request).await? {
                    return Ok(render::said(&Done::ANSWER));
                }
                let factor = generator(&app, &proven, &sealed, &code)?;
                add(&app, &proven, request, factor).await
            }
            FactorsRequest::RecoveryCodes { request_id } => {
                let request = fields::request_id("request_id", &request_id)?;
                recovery_sheet(&app, &proven, request).await
            }
            FactorsRequest::End { request_id, factor } => {
                let request = fields::request_id("request_id", &request_id)?;
                let act = IdentityAct::EndFactor(fields::factor(&factor)?);
                book(&app, Acting::device(&proven, request), act).await?;
                proven.is_believed();
                Ok(render::said(&Done::ANSWER))
            }
        }
    };
    let response = app.answer(Endpoint::MemberFactors, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

/// What is the member's, where the device is signed in.
pub(super) async fn own(app: &App, proven: &Proven) -> Result<People, Problem> {
    let (who, now) = (proven.who(), app.now());
    let read = app.read(Side::Devices, proven.deadline, move |conn| {
        match crate::api::device::standing(conn, who, now)? {
            Ok(_) => Ok(Ok(read::people_of(conn, who.member)?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    });
    let people = read.await??;
    proven.is_believed();
    Ok(people)
}

/// Whether the same request has added a factor: its ceremony or code does not count once more.
async fn was_added(app: &App, proven: &Proven, request: RequestId) -> Result<bool, Problem> {
    let acting = Acting::device(proven, request);
    Ok(booked(app, acting, &[EventKind::CredentialAdded]).await?.is_some())
}

async fn add(
    app: &App,
    proven: &Proven,
    request: RequestId,
    factor: NewCredential,
) -> Result<Said, Problem> {
    added(app, proven, request, IdentityAct::AddFactor(factor)).await
}

async fn added(
    app: &App,
    proven: &Proven,
    request: RequestId,
    act: IdentityAct,
) -> Result<Said, Problem> {
    book(app, Acting::device(proven, request), act).await?;
    proven.is_believed();
    Ok(render::said(&Done::ANSWER))
}

/// Refuses what is not the member's password now; that it leaked is no matter here.
async fn must_be_the_present(
    app: &App,
    proven: &Proven,
    people: &People,
    present: &str,
) -> Result<(), Problem> {
    let tries = (proven.device, Trier::Key);
    app.members.tries.take(tries, app.now())?;
    let offered = Offered { password: present, code: None };
    let right = sign_in::check(app, Line::Known, Some((proven.member, people)), offered).await?;
    right.ok_or(EdgeError::PasswordMustMatch)?;
    app.members.tries.forget(tries);
    Ok(())
}

async fn begin_passkey(app: &App, proven: &Proven) -> Result<Said, Problem> {
    let people = own(app, proven).await?;
    let handle = passkeys::handle_of(app, proven.member, &people)?;
    let address = people.contacts_of(proven.member).next();
    let name = address.map_or("", |row| row.address.0.as_str());
    let asker = Asker { act: PASSKEY, browser: &proven.key.thumbprint };
    let others = Some((proven.member, &people));
    let options = passkeys::begin_new(app, asker, Named { handle, name }, others)?;
    Ok(render::said(&options))
}

async fn begin_generator(app: &App, proven: &Proven) -> Result<Said, Problem> {
    let people = own(app, proven).await?;
    let address = people.contacts_of(proven.member).next();
    let account = address.map_or("", |row| row.address.0.as_str());
    let seed = totp::Seed::new(app.random());
    let shown = totp::shown(&seed, &app.members.operator_name, account)
        .map_err(|_| EdgeError::FaultOfOurs)?;
    let sealed = app.seal(Purpose::TotpSeed, &row_of(proven), seed.expose());
    Ok(render::said(&GeneratorAnswer {
        uri: shown.uri.to_string(),
        text: shown.text.to_string(),
        qr_svg: shown.svg.to_string(),
        sealed: crate::edge::hex::text(&sealed),
    }))
}

/// The row that a seed is sealed for: its member.
fn row_of(proven: &Proven) -> [u8; 8] {
    proven.member.0.to_be_bytes()
}

fn generator(
    app: &App,
    proven: &Proven,
    sealed: &str,
    code: &str,
) -> Result<NewCredential, Problem> {
    app.members.tries.take((proven.device, Trier::Seed), app.now())?;
    let must = || Problem::field("sealed", "must be what `begin_generator` gave");
    let sealed = crate::edge::hex::any(sealed).ok_or_else(must)?;
    let keyring = app.keyring();
    let opened = Sealer::new(&keyring.file.seal)
        .open(Purpose::TotpSeed, &row_of(proven), &sealed)
        .map_err(|_| must())?;
    let seed = opened.as_slice().try_into().map(totp::Seed::new).map_err(|_| must())?;
    // The step is not kept: the first code may be used once more, within its minute and a half.
    totp::check(&seed, code, app.now().0, 0).ok_or(EdgeError::PasswordMustMatch)?;
    Ok(NewCredential {
        kind: CredentialKind::Totp,
        lookup: Vec::new(),
        secret: sealed,
        label: String::new(),
    })
}

/// The codes are told once; whose answer was lost asks for another sheet.
async fn recovery_sheet(app: &App, proven: &Proven, request: RequestId) -> Result<Said, Problem> {
    let sheet = recovery_codes::new(app.random());
    let factor = NewCredential {
        kind: CredentialKind::RecoveryCodes,
        lookup: Vec::new(),
        secret: sheet.kept.to_vec(),
        label: String::new(),
    };
    let digest = yaoki_core::identity::credential::Credential::digest(&[], &factor.secret);
    let act = IdentityAct::AddFactor(factor);
    let event = book(app, Acting::device(proven, request), act).await?;
    proven.is_believed();
    if event.digest != digest {
        // The request was booked before, with a sheet that nobody can be told any more.
        return Err(Problem::field("request_id", "was used for a sheet before: take another one"));
    }
    Ok(render::said(&CodesAnswer { codes: sheet.codes.to_vec() }))
}
