//! A member's money that comes in: cards, top-ups by card, and what limits leave. The acquirer is
//! asked here, beside the book: whatever it does not answer is shown as unknown, and asked again.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{Command, MoneyIn, MoneyInStep, OnDevice};
use yaoki_core::decide::{Outcome, may_add_card};
use yaoki_core::ids::{FactId, RequestId};
use yaoki_core::limits::{Left, left_of_rail};
use yaoki_core::policy::{Known, Limited, PolicyInForce, Profile, Secured};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Device, Member};
use yaoki_core::time::Instant;
use yaoki_core::top_up::{Card, NETWORK_BYTES, NewCard, ThreeDSecure, TopUp};
use yaoki_core::window::WindowKind;
use yaoki_store::{Conn, Part, StoreError, read};

use super::services::Trier;
use super::{Renewal, renew_token, request_of};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::{Endpoint, Said};
use crate::rails::drive::{self, Driven, acquirer};
use crate::web::texts::Language;

/// How many top-ups are shown.
const TOP_UPS_SHOWN: usize = 20;
/// The longest name of a session at the acquirer, bytes.
const SESSION_BYTES_MAX: usize = 255;

/// What a device asks.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum MoneyRequest {
    /// Cards, top-ups, and what limits leave.
    Look {},
    /// A card is added at the acquirer's page.
    BeginCard {
        /// `ja` or `en`: that of the page to come back to.
        language: String,
    },
    /// What became of that.
    FinishCard {
        /// What `begin_card` has answered.
        session: String,
    },
    /// A card is removed.
    EndCard {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        card: String,
    },
    /// Money is asked for from a card.
    TopUp {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        card: String,
        /// Minor units.
        #[schema(minimum = 1, maximum = 1_000_000_000)]
        amount: i64,
        /// `ja` or `en`: that of the page to come back to.
        language: String,
    },
    /// How a top-up stands: the acquirer is asked.
    Follow {
        /// Which.
        top_up: String,
    },
    /// A top-up that is held is not wanted after all.
    GiveUp {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        top_up: String,
    },
}

/// A card on file.
#[derive(Serialize, ToSchema)]
#[schema(as = CardOnFile)]
pub struct CardAnswer {
    card: String,
    /// As its holder knows it.
    label: String,
    #[schema(format = "date-time")]
    added_at: String,
    /// Whether the bank must ask on this device first.
    asks_here: bool,
}

/// A top-up.
#[derive(Serialize, ToSchema)]
#[schema(as = TopUp)]
pub struct TopUpAnswer {
    top_up: String,
    /// `card` or `cash`.
    rail: &'static str,
    /// `requested`, `authorized`, `posted`, `declined`, `unknown`, `declining`, `taking_back`,
    /// `taken_back` or `disputed`.
    state: &'static str,
    /// Minor units.
    amount: i64,
    #[schema(format = "date-time")]
    asked_at: String,
    #[schema(format = "date-time")]
    changed_at: String,
    /// Why it was declined, or will be: the name of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Until when it is held before it is taken, where a rule says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    held_until: Option<String>,
    /// Where the bank asks, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks_at: Option<String>,
}

/// What a limit leaves.
#[derive(Serialize, ToSchema)]
#[schema(as = LimitLeft)]
pub struct LeftAnswer {
    /// `payment` or `card`.
    on: &'static str,
    /// `day`: 24 hours back from now; `month`: 30 days.
    period: &'static str,
    /// Minor units.
    limit: i64,
    /// Minor units that are counted.
    used: i64,
    /// Minor units.
    left: i64,
    /// When the oldest counted falls out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    frees_at: Option<String>,
}

/// Everything that is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = MoneyInOverview)]
pub struct LookAnswer {
    /// Whether cards are taken here.
    takes_cards: bool,
    cards: Vec<CardAnswer>,
    /// Newest first.
    top_ups: Vec<TopUpAnswer>,
    limits: Vec<LeftAnswer>,
    /// Minor units that a balance may hold.
    balance_max: i64,
    /// Whether the limits of a new device hold for this one.
    new_device: bool,
    /// ISO 4217.
    currency: String,
}

/// Where a card is added.
#[derive(Serialize, ToSchema)]
#[schema(as = CardBegun)]
pub struct BegunAnswer {
    /// To be sent with `finish_card`.
    session: String,
    /// The acquirer's page.
    url: String,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum MoneyAnswer {
    /// To `look`.
    Look(Box<LookAnswer>),
    /// To `begin_card`.
    Begun(BegunAnswer),
    /// To `finish_card`.
    Card(CardAnswer),
    /// To `top_up`, `follow` and `give_up`.
    TopUp(TopUpAnswer),
    /// To `end_card`.
    Done(super::Done),
}

/// Cards, top-ups by card, and what limits leave.
#[utoipa::path(
    post,
    path = "/v1/member/money",
    tag = "member",
    security(("device" = [])),
    request_body = MoneyRequest,
    responses(
        (status = 200, description = "Done", body = MoneyAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn money(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let asked: MoneyRequest = request::json(&proven.body)?;
        let rows = standing(&app, &proven).await?;
        match asked {
            MoneyRequest::Look {} => look(&app, &proven, rows).await,
            MoneyRequest::BeginCard { language } => {
                let language = language_of(&language)?;
                cards_must_fit(&app, &proven, &rows.1).await?;
                begin_card(&app, &rows, language).await
            }
            MoneyRequest::FinishCard { session } => finish_card(&app, &proven, &session).await,
            MoneyRequest::EndCard { request_id, card } => {
                let card = fields::card(&card)?;
                let request = of(&proven, &request_id)?;
                let step = MoneyInStep::EndCard(on(&proven), card);
                submit(&app, &proven, asking(&app, &proven, request, step)).await?;
                Ok(render::said(&super::Done::ANSWER))
            }
            MoneyRequest::TopUp { request_id, card, amount, language } => {
                let card = fields::card(&card)?;
                let request = of(&proven, &request_id)?;
                let language = language_of(&language)?;
                top_up(&app, &proven, (request, card), (amount, language)).await
            }
            MoneyRequest::Follow { top_up } => {
                let id = fields::top_up(&top_up)?;
                follow(&app, &proven, id).await
            }
            MoneyRequest::GiveUp { request_id, top_up } => {
                let id = fields::top_up(&top_up)?;
                let request = of(&proven, &request_id)?;
                let step = MoneyInStep::GiveUp(on(&proven), id);
                submit(&app, &proven, asking(&app, &proven, request, step)).await?;
                follow(&app, &proven, id).await
            }
        }
    };
    // What it asks the acquirer is a long way.
    let response = Box::pin(app.answer(Endpoint::MemberMoney, work)).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

fn on(proven: &Proven) -> OnDevice {
    OnDevice { device: proven.device, session: proven.session }
}

/// The id of an act: of this device, and of what it made.
fn of(proven: &Proven, request: &str) -> Result<RequestId, Problem> {
    let request = fields::request_id("request_id", request)?;
    Ok(request_of(&proven.device.0.to_be_bytes(), request))
}

/// What this device asks, with the link that freezes the wallet in a notice of it.
fn asking(app: &App, proven: &Proven, request: RequestId, step: MoneyInStep) -> MoneyIn {
    let (member, freeze) = (proven.member, super::freeze_token(app, proven.member));
    MoneyIn { request, member, freeze, step }
}

fn language_of(text: &str) -> Result<Language, Problem> {
    let must = || Problem::field("language", "must be `ja` or `en`");
    Language::ALL.into_iter().find(|language| language.tag() == text).ok_or_else(must)
}

/// The rows behind the proof: the device is signed in, and its key is the book's.
async fn standing(app: &App, proven: &Proven) -> Result<(Device, Member), Problem> {
    let (who, now) = (proven.who(), app.now());
    let read = move |conn: &mut Conn| crate::api::device::standing(conn, who, now);
    let rows = app.read(Side::Devices, proven.deadline, read).await??;
    proven.is_believed();
    app.note_seen(proven);
    Ok(rows)
}

async fn submit(app: &App, proven: &Proven, step: MoneyIn) -> Result<Outcome, Problem> {
    app.submit(Part::Members, Command::MoneyIn(step), proven.deadline).await
}

/// What one look reads.
struct Looked {
    cards: Vec<Card>,
    top_ups: Vec<TopUp>,
    to_pay: Vec<Left>,
    by_card: [Left; 2],
    balance_max: i64,
}

async fn look(
    app: &App,
    proven: &Proven,
    (device, member): (Device, Member),
) -> Result<Said, Problem> {
    let now = app.now();
    let new_device = device.is_limited(now);
    let here = device.id;
    let read = move |conn: &mut Conn| looked(conn, &device, &member, now);
    let looked = app.read(Side::Devices, proven.deadline, read).await?;
    let mut limits: Vec<LeftAnswer> =
        looked.to_pay.iter().map(|left| left_answer("payment", left)).collect();
    limits.extend(looked.by_card.iter().map(|left| left_answer("card", left)));
    let cards = looked.cards.iter().filter(|card| card.is_active());
    Ok(render::said(&LookAnswer {
        takes_cards: app.acquirer.is_some(),
        cards: cards.map(|card| card_answer(card, here)).collect(),
        top_ups: looked.top_ups.iter().map(|row| TopUpAnswer::of(row, None)).collect(),
        limits,
        balance_max: looked.balance_max,
        new_device,
        currency: app.book.currency().as_str().to_owned(),
    }))
}

fn looked(
    conn: &mut Conn,
    device: &Device,
    member: &Member,
    now: Instant,
) -> Result<Looked, StoreError> {
    let policy: PolicyInForce = read::policy(conn)?;
    let counted = read::money_in::top_ups_counted(conn, member.number, now)?;
    let cards = read::money_in::cards_of(conn, member.number)?;
    // What the page says before a card is chosen: what the bank knows, and the oldest of them.
    let new = |card: &Card| card.is_new(policy.cards.new_seconds, now);
    let all_new = cards.iter().filter(|card| card.is_active()).all(new);
    let profile = Profile {
        on: Limited::Card,
        three_d_secure: Some(Secured::Yes),
        member: member.verification.into(),
        device: Some(Known::of(device.is_limited(now))),
        card: Some(Known::of(all_new)),
    };
    let rows: Vec<&TopUp> = counted.iter().collect();
    Ok(Looked {
        cards,
        top_ups: read::money_in::top_ups_before(conn, member.number, None, TOP_UPS_SHOWN)?,
        to_pay: read::money_in::left_to_pay(conn, &policy, member, now)?,
        by_card: left_of_rail(&policy, &rows, profile, now),
        balance_max: policy.balance.max,
    })
}

fn left_answer(on: &'static str, left: &Left) -> LeftAnswer {
    LeftAnswer {
        on,
        period: if left.kind == WindowKind::PaidMonth { "month" } else { "day" },
        limit: left.limit,
        used: left.used,
        left: left.left(),
        frees_at: left.frees_at.map(time::text),
    }
}

fn card_answer(card: &Card, here: FactId) -> CardAnswer {
    CardAnswer {
        card: identifier::text(Kind::Card, card.id.0),
        label: card.label.clone(),
        added_at: time::text(card.id.at()),
        asks_here: card.device != here,
    }
}

impl TopUpAnswer {
    /// How a top-up stands, and where its holder is asked.
    pub(crate) fn of(row: &TopUp, asks_at: Option<String>) -> Self {
        Self {
            top_up: identifier::text(Kind::TopUp, row.id.0),
            rail: row.rail.name(),
            state: row.state.name(),
            amount: row.amount,
            asked_at: time::text(row.id.at()),
            changed_at: time::text(row.changed_at),
            reason: Refusal::from_number(row.reason).map(Refusal::name),
            held_until: row.is_held().then(|| time::text(row.held_until)),
            asks_at,
        }
    }
}

/// Whether a card could be added, before the acquirer hears of it; and not too often.
async fn cards_must_fit(app: &App, proven: &Proven, member: &Member) -> Result<(), Problem> {
    acquirer(app)?;
    let (number, now) = (member.number, app.now());
    let read = move |conn: &mut Conn| -> Result<_, StoreError> {
        Ok((read::directory(conn)?, read::money_in::cards_of(conn, number)?))
    };
    let (directory, cards) = app.read(Side::Devices, proven.deadline, read).await?;
    let count = cards.iter().filter(|card| card.is_active()).count();
    may_add_card(&directory, member, count, now)?;
    app.members.tries.take((proven.device, Trier::Card), now)
}

async fn begin_card(
    app: &App,
    (device, member): &(Device, Member),
    language: Language,
) -> Result<Said, Problem> {
    let cancel = drive::back_to(app, Some(language));
    let success = format!("{cancel}/{{CHECKOUT_SESSION_ID}}");
    let asked = acquirer(app)?.begin_card(
        (member.number, device.id),
        app.book.currency(),
        (&success, &cancel),
    );
    let (session, url) = asked.await.map_err(|error| drive::problem(&error))?;
    Ok(render::said(&BegunAnswer { session, url }))
}

/// The acquirer says which card it is, and whose: as we told it when this device began.
async fn finish_card(app: &App, proven: &Proven, session: &str) -> Result<Said, Problem> {
    let must = "must be what `begin_card` has answered";
    let plain = session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if session.is_empty() || session.len() > SESSION_BYTES_MAX || !plain {
        return Err(Problem::field("session", must));
    }
    app.members.tries.take((proven.device, Trier::Card), app.now())?;
    let saved = acquirer(app)?.card_of(session).await;
    let saved = saved.map_err(|error| drive::problem(&error))?;
    let ours = saved.member == Some(proven.member.0) && saved.device == Some(proven.device.0);
    if !ours {
        return Err(Problem::field("session", must));
    }
    let there = saved.card.ok_or(Refusal::CardWasDeclined)?;
    if there.secured != ThreeDSecure::Challenge {
        return Err(Refusal::CardMustBeChallenged.into());
    }
    // Keyed, so that whoever reads the book cannot tell whose card it is.
    let parts: [&[u8]; 1] = [there.fingerprint.as_bytes()];
    let fingerprint = super::address::digest(app, "card fingerprint", &parts);
    let card = NewCard { fingerprint, token: there.token, label: there.label };
    let request = RequestId::of_reference("add card", session);
    let step = MoneyInStep::AddCard(on(proven), card);
    let outcome = submit(app, proven, asking(app, proven, request, step)).await?;
    let Outcome::Done { event, .. } = outcome else { unreachable!("a card becomes an event") };
    let id = event.id;
    let read = move |conn: &mut Conn| read::money_in::card(conn, id);
    let card = app.read(Side::Devices, proven.deadline, read).await?;
    let card = card.ok_or(Refusal::CardMustExist)?;
    Ok(render::said(&card_answer(&card, proven.device)))
}

async fn top_up(
    app: &App,
    proven: &Proven,
    (request, card): (RequestId, FactId),
    (amount, language): (i64, Language),
) -> Result<Said, Problem> {
    let acquirer = acquirer(app)?;
    // Keyed, so that whoever reads the book cannot tell where it is.
    let from = proven.seen.network.as_bytes();
    let network = match from {
        [] => Vec::new(),
        _ => super::address::digest(app, "network", &[from])[..NETWORK_BYTES].to_vec(),
    };
    let step = MoneyInStep::Request { by: on(proven), card, amount, network };
    let outcome = submit(app, proven, asking(app, proven, request, step)).await?;
    let Outcome::Done { event, .. } = outcome else { unreachable!("a request becomes an event") };
    let Driven { row, asks_at } = drive::drive_for(app, acquirer, event.id, Some(language)).await?;
    Ok(render::said(&TopUpAnswer::of(&row, asks_at)))
}

async fn follow(app: &App, proven: &Proven, id: FactId) -> Result<Said, Problem> {
    let read = move |conn: &mut Conn| read::money_in::top_up(conn, id);
    let row = app.read(Side::Devices, proven.deadline, read).await?;
    let row = row.filter(|row| row.member == proven.member).ok_or(Refusal::TopUpMustExist)?;
    if !row.state.is_open() {
        return Ok(render::said(&TopUpAnswer::of(&row, None)));
    }
    let Driven { row, asks_at } = drive::drive(app, acquirer(app)?, id).await?;
    // Another device's question is not this one's: what is passed counts for the device that asked.
    let asks_at = asks_at.filter(|_| row.device == proven.device);
    Ok(render::said(&TopUpAnswer::of(&row, asks_at)))
}
