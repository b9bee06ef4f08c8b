//! Recovery: two proofs, a wait, and a new device in the browser that asked.
//!
//! Whoever asks names an address on file to say who he is; codes go to addresses that have been on
//! file for seven days, whichever he named. Nobody hears whether an address is known.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::identity::credential::CredentialKind;
use yaoki_core::identity::people::People;
use yaoki_core::identity::recovery::{Recovery, RecoveryState};
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::message::{Address, Channel, Language};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::Instant;
use yaoki_store::table::DeviceSeen;
use yaoki_store::{Conn, StoreError, read};

use super::address::{Typed, digest};
use super::passkeys::{self, Answered, Asker, Options};
use super::services::evenly;
use super::sign_in::owner_of;
use super::sign_up::{Asked, CodeAnswer, language_of, new_challenge, try_code};
use super::{Acting, SignedIn, book, booked, challenge, new_device, signed_in, with_cookie};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proven::{Newcomer, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::recovery_codes;
use crate::metrics::{Endpoint, Said};

const PASSKEY: &str = "member recovery";

/// A step of a recovery.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum RecoveryRequest {
    /// A code is sent to an address on file.
    Begin {
        /// Any address on file: it says who is meant, not where the code goes.
        address: String,
        /// `mail` or `sms`: to which kind of address on file.
        channel: String,
        /// `ja` or `en`.
        language: String,
    },
    /// The code is typed.
    Code {
        /// `mail` or `sms`.
        channel: String,
        /// Eight digits.
        code: String,
    },
    /// What this browser shows at a counter, where a person's identity is checked.
    Counter {},
    /// A passkey is asked for, as one of the proofs.
    BeginPasskey {},
    /// The recovery starts, with two proofs of different kinds.
    Start {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Any address on file.
        address: String,
        /// A recovery code.
        code: Option<String>,
        /// A passkey that was used.
        passkey: Option<Answered>,
    },
    /// How it stands.
    State {
        /// As `start` named it.
        recovery: String,
    },
    /// Its time has come: the browser becomes a device, and every other one is ended.
    Finish {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As `start` named it.
        recovery: String,
        /// As `start` gave it.
        token: String,
    },
}

/// How a recovery stands.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryStanding)]
pub struct RecoveryAnswer {
    recovery: String,
    /// `waiting`, `contested`, `with_staff`, `cancelled` or `finished`.
    state: &'static str,
    /// From when it can be finished.
    #[schema(format = "date-time")]
    due_at: String,
    /// To finish it with; told once, to be kept in this browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What a browser shows at a counter.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryAtCounter)]
pub struct CounterAnswer {
    /// 20 hexadecimal digits, for the operator to type.
    shown: String,
    /// Whether two members of staff have vouched for who shows it, and that still counts.
    vouched: bool,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum RecoverySaid {
    /// To `counter`.
    Counter(CounterAnswer),
    /// To `begin` and `code`.
    Code(CodeAnswer),
    /// To `begin_passkey`.
    Passkey(Options),
    /// To `start` and `state`.
    Recovery(RecoveryAnswer),
    /// To `finish`.
    SignedIn(SignedIn),
}

/// Recovers a wallet, step by step. The proof is by the key that becomes the device's.
#[utoipa::path(
    post,
    path = "/v1/member/recovery",
    tag = "member",
    security(("new_device" = [])),
    request_body = RecoveryRequest,
    responses(
        (status = 200, description = "The step was taken", body = RecoverySaid),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn recovery(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            RecoveryRequest::Begin { address, channel, language } => {
                let (typed, language) = (Typed::read(&address)?, language_of(&language)?);
                let channel = channel_of(&channel)?;
                evenly(begin(&app, &newcomer, (&typed, language), channel)).await
            }
            RecoveryRequest::Code { channel, code } => {
                let purpose = purpose_of(channel_of(&channel)?);
                let tried = try_code(&app, &newcomer, purpose, &code).await?;
                Ok(render::said(&CodeAnswer::of(&tried)))
            }
            RecoveryRequest::Counter {} => {
                let shown = Challenge::shown_of(&newcomer.key.thumbprint);
                let (id, now) = (Challenge::id_of_counter(&shown), app.now());
                let read = app
                    .read(Side::Devices, newcomer.deadline, move |conn| read::challenge(conn, id));
                let counts =
                    |row: Challenge| row.state == ChallengeState::Confirmed && now < row.expires_at;
                let vouched = read.await?.is_some_and(counts);
                let shown = crate::edge::hex::text(&shown);
                Ok(render::said(&CounterAnswer { shown, vouched }))
            }
            RecoveryRequest::BeginPasskey {} => {
                let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
                Ok(render::said(&passkeys::begin_any(&app, asker)?))
            }
            RecoveryRequest::Start { request_id, address, code, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                let typed = Typed::read(&address)?;
                start(&app, &newcomer, (request, &typed), (code, passkey)).await
            }
            RecoveryRequest::State { recovery } => {
                let id = fields::recovery(&recovery)?;
                let (row, seen_at) = own(&app, &newcomer, id).await?;
                Ok(render::said(&answer(&row, seen_at, None)))
            }
            RecoveryRequest::Finish { request_id, recovery, token } => {
                let request = fields::request_id("request_id", &request_id)?;
                let id = fields::recovery(&recovery)?;
                finish(&app, &newcomer, (request, id), &token).await
            }
        }
    };
    for_device(app.answer(Endpoint::Recovery, work).await, &app, NO_DEVICE)
}

fn channel_of(text: &str) -> Result<Channel, Problem> {
    Channel::from_name(text).ok_or_else(|| Problem::field("channel", "must be `mail` or `sms`"))
}

const fn purpose_of(channel: Channel) -> Purpose {
    match channel {
        Channel::Mail => Purpose::RecoverByMail,
        Channel::Sms => Purpose::RecoverByPhone,
    }
}

/// The code goes to the member's settled address of this kind, or to nobody: the answer is one.
async fn begin(
    app: &App,
    newcomer: &Newcomer,
    (typed, language): (&Typed, Language),
    channel: Channel,
) -> Result<Said, Problem> {
    let digest = typed.digest(app);
    let now = app.now();
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| owner_of(conn, digest));
    let owner = read.await?;
    let on_file = owner.as_ref().and_then(|(member, people)| {
        let mut contacts = people.contacts_of(*member);
        contacts.find(|row| row.channel == channel && row.is_settled(now))
    });
    let member = on_file.map_or(MemberNumber::NONE, |row| row.member);
    let asked = Asked { purpose: purpose_of(channel), member };
    let nobody = Typed { channel, address: Address(String::new()) };
    let address = (&nobody, on_file.map_or(language, |row| row.language));
    let (mut opened, code) = new_challenge(app, asked, &newcomer.key.thumbprint, address);
    if let Some(row) = on_file {
        opened.contact = row.digest;
    }
    let acting = Acting::browser(newcomer, MemberNumber::NONE, RequestId(app.random()));
    let opened = challenge(app, acting, IdentityAct::OpenChallenge(opened, code)).await?;
    Ok(render::said(&CodeAnswer::of(&opened)))
}

/// What proves something, of what a browser has.
struct Proofs {
    challenges: Vec<[u8; 32]>,
    code: Option<(FactId, i64)>,
}

fn proofs_of(
    conn: &mut Conn,
    (digest, binding, now): ([u8; 32], [u8; 32], Instant),
    code: Option<&str>,
) -> Result<Option<(MemberNumber, Proofs)>, StoreError> {
    let Some((member, people)) = owner_of(conn, digest)? else { return Ok(None) };
    let mut challenges = Vec::new();
    for purpose in [Purpose::RecoverByMail, Purpose::RecoverByPhone] {
        let id = Challenge::id_of(purpose, &binding);
        let row = read::challenge(conn, id)?;
        let confirmed =
            |row: &Challenge| row.state == ChallengeState::Confirmed && row.member == member;
        challenges.extend(row.filter(confirmed).map(|row| row.id));
    }
    let at_counter = Challenge::id_of_counter(&Challenge::shown_of(&binding));
    let vouched = read::challenge(conn, at_counter)?;
    let counts = |row: &Challenge| {
        row.state == ChallengeState::Confirmed && row.member == member && now < row.expires_at
    };
    challenges.extend(vouched.filter(counts).map(|row| row.id));
    let code = code.and_then(|code| used_code(&people, member, code));
    Ok(Some((member, Proofs { challenges, code })))
}

fn used_code(people: &People, member: MemberNumber, code: &str) -> Option<(FactId, i64)> {
    let mut factors = people.credentials_of(member);
    let sheet = factors.find(|row| row.kind == CredentialKind::RecoveryCodes)?;
    let place = recovery_codes::check(&sheet.secret, code)?;
    Some((sheet.id, i64::try_from(place).ok()?))
}

async fn start(
    app: &App,
    newcomer: &Newcomer,
    (request, typed): (RequestId, &Typed),
    (code, passkey): (Option<String>, Option<Answered>),
) -> Result<Said, Problem> {
    let binding = newcomer.key.thumbprint;
    let token = token_of(app, &binding, request);
    // Its proofs are spent: a repeat is answered by what was booked.
    let acting = Acting::browser(newcomer, MemberNumber::NONE, request);
    if let Some(event) = booked(app, acting, &[EventKind::RecoveryStarted]).await? {
        let (row, seen_at) = own(app, newcomer, event.id).await?;
        return Ok(render::said(&answer(&row, seen_at, Some(token))));
    }
    let passkey = match passkey {
        None => None,
        Some(answered) => {
            let asker = Asker { act: PASSKEY, browser: &newcomer.key.thumbprint };
            Some(passkeys::finish(app, asker, &answered, newcomer.deadline).await?)
        }
    };
    let (digest, now) = (typed.digest(app), app.now());
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| {
        proofs_of(conn, (digest, binding, now), code.as_deref())
    });
    let found = read.await?;
    let (member, proofs) = found.ok_or(Refusal::ProofsMustDiffer)?;
    let passkey = passkey.filter(|used| used.member == member).map(|used| used.factor);
    let kinds = proofs.challenges.len()
        + usize::from(proofs.code.is_some())
        + usize::from(passkey.is_some());
    if kinds < 2 {
        // Whether it is a member's is told to nobody who proves less than two things.
        return Err(Refusal::ProofsMustDiffer.into());
    }
    let act = IdentityAct::StartRecovery {
        challenges: proofs.challenges,
        code: proofs.code,
        passkey,
        token: *blake3::hash(token.as_bytes()).as_bytes(),
        binding,
    };
    let event = book(app, Acting::browser(newcomer, member, request), act).await?;
    let (row, seen_at) = own(app, newcomer, event.id).await?;
    Ok(render::said(&answer(&row, seen_at, Some(token))))
}

/// 128 bits that only this browser is told; made from its request, so that a lost answer is given
/// again.
fn token_of(app: &App, binding: &[u8; 32], request: RequestId) -> String {
    crate::edge::hex::text(&digest(app, "recovery token", &[binding, &request.0])[..16])
}

/// The recovery that this browser has asked for, and when a device of the member's signed last.
async fn own(app: &App, newcomer: &Newcomer, id: FactId) -> Result<(Recovery, Instant), Problem> {
    let binding = newcomer.key.thumbprint;
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| {
        let Some(row) = read::recovery(conn, id)?.filter(|row| row.binding == binding) else {
            return Ok(None);
        };
        let seen_at = seen_at(conn, row.member)?;
        Ok(Some((row, seen_at)))
    });
    read.await?.ok_or_else(|| Refusal::RecoveryMustBeOpen.into())
}

/// When a device of the member's was noted last, ended ones included.
fn seen_at(conn: &mut Conn, member: MemberNumber) -> Result<Instant, StoreError> {
    let people = read::people_of(conn, member)?;
    Ok(DeviceSeen::latest(&read::devices_seen(conn, &people)?))
}

fn answer(row: &Recovery, seen_at: Instant, token: Option<String>) -> RecoveryAnswer {
    RecoveryAnswer {
        recovery: identifier::text(Kind::Recovery, row.id.0),
        state: row.state.name(),
        due_at: time::text(row.due_at(seen_at)),
        token,
    }
}

async fn finish(
    app: &App,
    newcomer: &Newcomer,
    (request, id): (RequestId, FactId),
    token: &str,
) -> Result<Said, Problem> {
    let (row, seen_at) = own(app, newcomer, id).await?;
    let token = *blake3::hash(token.as_bytes()).as_bytes();
    let device = new_device(app, &newcomer.key, &newcomer.seen.label);
    let act = IdentityAct::FinishRecovery(id, token, device, seen_at);
    let event = book(app, Acting::browser(newcomer, row.member, request), act).await?;
    let member = MemberNumber(event.subject);
    let key = newcomer.key.public_key;
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| {
        let people = read::people_of(conn, member)?;
        Ok(people.devices.into_values().find(|row| row.is_active() && row.public_key == key))
    });
    let device = read.await?.ok_or(Refusal::DeviceMustBeActive)?;
    let of = (device.id, member, device.session);
    let answer = signed_in(app, of, &newcomer.key.thumbprint, true);
    Ok(with_cookie(app, render::said(&answer), (device.id, member)))
}

/// Whether a recovery is one that its member should see at once.
pub(super) const fn is_alarming(state: RecoveryState) -> bool {
    use RecoveryState::{Allowed, Contested, Waiting, WithStaff};
    matches!(state, Waiting | Contested | WithStaff | Allowed)
}
