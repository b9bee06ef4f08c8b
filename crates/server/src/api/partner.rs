//! The partner API: what a merchant's own system asks, signed with the secret of one of its webhook
//! endpoints. It reads the events that its endpoint is told of, sees how that goes, and has them
//! told again.

use std::borrow::Cow;

use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yaoki_core::ids::{FactId, WebhookNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::Instant;
use yaoki_core::webhook::{EventType, Webhook, may_ask};
use yaoki_store::position::{Move, Positions, webhook_name};
use yaoki_store::{Conn, StoreError, read};

use super::render;
use super::{cursor, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::identifier::{self, Kind};
use crate::edge::partner::Partner;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::jobs::webhooks::FAILING_AFTER_MS;
use crate::jobs::webhooks::message::EventAnswer;
use crate::metrics::Endpoint;

/// How many are listed when nothing is said.
const LIMIT_USUAL: usize = 50;

/// Which events are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// `after` of the page before; from the first when left out.
    after: Option<String>,
    /// 1 to 200; 50 when left out. What was booked at once is not divided, so a page may be longer.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Only events of this type.
    r#type: Option<String>,
}

impl EventsQuery {
    fn of(partner: &Partner) -> Result<(Positions, usize, Option<EventType>), Problem> {
        let wrong = |detail| Problem::with_detail(EdgeError::QueryMustBeValid, detail);
        let query = Query::<Self>::try_from_uri(&partner.parts.uri);
        let Query(query) = query.map_err(|_| EdgeError::QueryMustBeValid)?;
        let limit = query.limit.unwrap_or(LIMIT_USUAL);
        if !(1..=read::PAGE_MAX).contains(&limit) {
            return Err(wrong("`limit` must be from 1 to 200."));
        }
        let after = match query.after.as_deref() {
            None => Positions::new(),
            Some(text) => cursor::parse(text).ok_or_else(|| wrong(AFTER_MUST_BE))?,
        };
        let kind = match query.r#type.as_deref() {
            None => None,
            Some(name) => Some(EventType::from_name(name).ok_or_else(|| {
                wrong("`type` must be a type of event, such as payment.succeeded.")
            })?),
        };
        Ok((after, limit, kind))
    }
}

const AFTER_MUST_BE: &str = "`after` must be what an answer gave as `after`.";

/// Who asks, to be taken to a reader.
#[derive(Clone, Copy)]
struct Asker {
    webhook: WebhookNumber,
    generation: i64,
    now: Instant,
}

impl Asker {
    fn of(app: &App, partner: &Partner) -> Self {
        Self { webhook: partner.webhook, generation: partner.generation, now: app.now() }
    }

    /// The endpoint, if its secret is believed.
    fn endpoint(self, conn: &mut Conn) -> Result<Result<Webhook, Refusal>, StoreError> {
        let webhook = read::events::webhook(conn, self.webhook)?;
        Ok(may_ask(webhook.as_ref(), self.generation, self.now).cloned())
    }

    /// Reads what belongs to the endpoint.
    async fn read<T: Send + 'static>(
        self,
        app: &App,
        partner: &Partner,
        work: impl FnOnce(&mut Conn, Webhook) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let found =
            app.read(Side::Registers, partner.deadline, move |conn| match self.endpoint(conn)? {
                Ok(webhook) => work(conn, webhook).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            });
        let found = found.await??;
        partner.is_believed();
        Ok(found)
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub struct EventList<'a> {
    /// Oldest first.
    events: Vec<EventAnswer<'a>>,
    /// What to give as `after` for the next page, and for what happens later.
    #[schema(example = "0-1520")]
    after: String,
    /// Whether there may be more already.
    more: bool,
}

/// What happened at the merchant's stores, oldest first: the very bytes that its endpoints are
/// posted.
///
/// A page may be short, or empty, and still say by `after` where the next one goes on.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "partner",
    security(("webhook" = [])),
    params(EventsQuery),
    responses(
        (status = 200, description = "A page", body = EventList),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, partner: Result<Partner, Problem>) -> Response {
    let work = async {
        let partner = partner?;
        let (after, limit, kind) = EventsQuery::of(&partner)?;
        let page = Asker::of(&app, &partner).read(&app, &partner, move |conn, webhook| {
            read::events::events(conn, webhook.merchant, &after, limit)
        });
        let page = page.await?;
        let currency = app.book.currency();
        let listed = page.events.iter().filter(|event| kind.is_none_or(|kind| kind == event.kind));
        Ok(render::said(&EventList {
            events: listed.map(|event| EventAnswer::of(event, &currency)).collect(),
            after: cursor::text(&page.after),
            more: page.more,
        }))
    };
    app.answer(Endpoint::Events, work).await
}

/// How an endpoint is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookAnswer {
    /// The endpoint, `whe_…`.
    webhook: String,
    /// Who is told, `mer_…`.
    merchant: String,
    /// Where.
    url: String,
    /// `active`, or `failing` when the oldest event has waited for three days.
    #[schema(example = "active")]
    state: &'static str,
    /// The generation of its secret.
    generation: i64,
    /// When the oldest event was booked that it has not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    undelivered_since: Option<String>,
    /// Since when no attempt has succeeded, as far as this node has made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    failing_since: Option<String>,
    /// When this node tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    next_attempt_at: Option<String>,
    /// Why the last attempt of this node failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
}

/// Whether an endpoint whose oldest event is of this time is said to be failing.
pub fn state_of(
    webhook: &Webhook,
    undelivered_since: Option<Instant>,
    now: Instant,
) -> &'static str {
    match undelivered_since {
        Some(since) if now.0 - since.0 >= FAILING_AFTER_MS => "failing",
        _ => webhook.state.name(),
    }
}

/// The endpoint whose secret signs, and how it is doing.
#[utoipa::path(
    get,
    path = "/v1/webhook",
    tag = "partner",
    security(("webhook" = [])),
    responses(
        (status = 200, description = "The endpoint", body = WebhookAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn webhook(State(app): State<App>, partner: Result<Partner, Problem>) -> Response {
    let work = async {
        let partner = partner?;
        let found = Asker::of(&app, &partner).read(&app, &partner, |conn, webhook| {
            let since = read::events::undelivered_since(conn, &webhook)?;
            Ok((webhook, since))
        });
        let (webhook, since) = found.await?;
        let attempt = app.webhooks.attempt(webhook.number);
        Ok(render::said(&WebhookAnswer {
            webhook: identifier::text(Kind::Webhook, webhook.number.0),
            merchant: identifier::text(Kind::Merchant, webhook.merchant.0),
            state: state_of(&webhook, since, app.now()),
            url: webhook.url,
            generation: webhook.generation,
            undelivered_since: since.map(time::text),
            failing_since: attempt.failing_since.map(time::text),
            next_attempt_at: attempt.next_at.map(time::text),
            last_failure: attempt.failure,
        }))
    };
    app.answer(Endpoint::Webhook, work).await
}

/// What is told again: one event, or everything after a position.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliverRequest<'a> {
    /// One event, `evt_…`: it is sent once more, now.
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    /// `after` of a page of events: everything after it is sent again, in order.
    #[serde(borrow, default)]
    after: Option<Cow<'a, str>>,
}

/// What is told again.
enum Again {
    Event(FactId),
    After(Positions),
}

impl RedeliverRequest<'_> {
    fn asked(&self) -> Result<Again, Problem> {
        match (self.event.as_deref(), self.after.as_deref()) {
            (Some(text), None) => identifier::parse(Kind::Event, text)
                .map(|id| Again::Event(FactId(id)))
                .map_err(|error| Problem::field("event", format_args!("is wrong: {error}"))),
            (None, Some(text)) => cursor::parse(text)
                .map(Again::After)
                .ok_or_else(|| Problem::field("after", "must be what an answer gave as `after`")),
            _ => Err(Problem::field("event", "or `after` must be given, and not both")),
        }
    }
}

/// What is done.
#[derive(Serialize, ToSchema)]
pub struct Redelivering {
    /// The endpoint, `whe_…`.
    webhook: String,
    /// Always `redelivering`.
    #[schema(example = "redelivering")]
    state: &'static str,
}

/// Sends one event once more, or everything after a position.
///
/// A position only goes back: what has not been taken yet is sent anyway.
#[utoipa::path(
    post,
    path = "/v1/webhook/redeliver",
    tag = "partner",
    security(("webhook" = [])),
    request_body = RedeliverRequest,
    responses(
        (status = 200, description = "It is sent", body = Redelivering),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn redeliver(State(app): State<App>, partner: Result<Partner, Problem>) -> Response {
    let work = async {
        let partner = partner?;
        let asked: RedeliverRequest<'_> = request::json(&partner.body)?;
        match asked.asked()? {
            Again::Event(id) => send_once_more(&app, &partner, id).await?,
            Again::After(after) => send_from(&app, &partner, after).await?,
        }
        let webhook = identifier::text(Kind::Webhook, partner.webhook.0);
        Ok(render::said(&Redelivering { webhook, state: "redelivering" }))
    };
    app.answer(Endpoint::Redeliver, work).await
}

async fn send_once_more(app: &App, partner: &Partner, id: FactId) -> Result<(), Problem> {
    let event = Asker::of(app, partner)
        .read(app, partner, move |conn, webhook| read::events::event(conn, webhook.merchant, id));
    let event = event.await?;
    let must = "must be an event of this merchant, as `/v1/events` lists it";
    let event = event.ok_or_else(|| Problem::field("event", must))?;
    if app.webhooks.resend(partner.webhook, event) {
        return Ok(());
    }
    Err(Problem::from(EdgeError::TooManyInFlight).and_retry_after(10))
}

async fn send_from(app: &App, partner: &Partner, after: Positions) -> Result<(), Problem> {
    let lanes = Asker::of(app, partner).read(app, partner, |conn, _| read::lanes(conn));
    let name = webhook_name(partner.webhook);
    let moves = lanes.await?.into_iter().map(|lane| {
        let to = after.get(&lane.id).copied().unwrap_or(0);
        Move { name: name.clone(), lane: lane.id, from: None, to }
    });
    let moves = moves.collect();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    app.book.move_positions(moves, move |result| {
        // Whoever asked has gone; asking again does the same.
        let _ = sender.send(result);
    });
    match partner.deadline.wait_for(receiver).await {
        None => Err(Problem::from(EdgeError::DeadlinePassed).and_retry_after(1)),
        Some(Err(_)) => Err(EdgeError::Stopping.into()),
        Some(Ok(result)) => {
            result?;
            app.webhooks.wake(partner.webhook);
            Ok(())
        }
    }
}
