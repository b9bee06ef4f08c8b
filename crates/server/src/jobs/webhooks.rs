//! Webhooks: merchants are told of what the ledger says, in its order, at least once.
//!
//! An endpoint keeps a position, one seq a lane; there is no row an event. Each turn reads what
//! follows in bounded stretches, which endpoints share, and posts what is the endpoint's to it, one
//! event after another. The position moves after the endpoint has answered 2xx, between batches of
//! a lane, so nothing of this is in the way of a payment. An endpoint that fails is left alone for
//! longer each time; nothing is skipped and none is given up.
//!
//! A node tells of the lanes that it holds; lanes that nobody holds belong to the node that holds
//! the lowest. Form and signature are those of Standard Webhooks.
//!
//! Limits: [`CONCURRENT_MAX`] endpoints at once, [`AT_ONCE`] events to one and no event begun after
//! [`ROUND`] before others have a turn, [`STRETCHES_MAX`] readings a turn, [`TIMEOUT`] and
//! [`ANSWER_BYTES_MAX`] an answer.

pub mod board;
mod endpoint;
pub mod message;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::Uri;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant as Moment;
use yaoki_core::ids::{LaneNumber, WebhookNumber};
use yaoki_core::state::Lane;
use yaoki_core::time::{DAY_MS, Instant, SECOND_MS};
use yaoki_core::view::Directory;
use yaoki_core::webhook::Webhook;
use yaoki_store::position::{Move, Positions, webhook_of_name};
use yaoki_store::read::events::{self, Followed, MerchantEvent, Stretch};
use yaoki_store::{BookKind, StoreError, read};

use self::endpoint::Endpoint;
pub use self::endpoint::FAILING_AFTER_MS;
use self::message::Message;
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::jobs::post::{Bounds, Client, Open, PostError, Reach};
use crate::metrics::WebhookCounters;

/// Between two turns.
pub const PAUSE: Duration = Duration::from_millis(100);
/// How long one event may take, from the connection to the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// More of an answer is not read.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// The most endpoints that are told something at once.
pub const CONCURRENT_MAX: usize = 32;
/// The most events that one endpoint is told before others have a turn.
const AT_ONCE: usize = 64;
/// No event is begun so long after the first one of its round. One that answers slowly would
/// otherwise keep others from their turn for [`AT_ONCE`] times as long as one event may take.
const ROUND: Duration = TIMEOUT;
/// The most readings of the ledger in one turn.
const STRETCHES_MAX: usize = 8;
/// A lane that has not moved its time for so long is held by nobody, whatever it says.
const ABANDONED_AFTER_MS: i64 = 30 * SECOND_MS;
/// Without endpoints only every so manieth turn looks for one.
const TURNS_ASLEEP: usize = 10;

/// What a task has to say.
enum Report {
    /// An event was taken; once more, where it was asked for.
    Taken { webhook: WebhookNumber, epoch: u64, once_more: bool },
    /// An event was not taken.
    Failed { webhook: WebhookNumber, epoch: u64, once_more: bool, failure: Failure },
    /// Nothing is under way to the endpoint any more.
    Ended { webhook: WebhookNumber },
    /// Positions were moved: where each is now.
    Moved { moves: Vec<Move>, result: Result<Vec<i64>, StoreError> },
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Post(#[from] PostError),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its URL cannot be posted to")]
    Url,
}

/// Tells every endpoint what it is to be told.
pub struct Courier {
    app: App,
    client: Client,
    counters: WebhookCounters,
    endpoints: BTreeMap<WebhookNumber, Endpoint>,
    /// This node's, and those that it looks after.
    lanes: Vec<LaneNumber>,
    /// The last commit of each.
    heads: Positions,
    directory: Arc<Directory>,
    version: i64,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    /// Whether positions are being moved.
    is_moving: bool,
    turns: usize,
    /// Ends what is under way when it is dropped; none once it was.
    runtime: Option<Runtime>,
}

/// How a courier works.
#[derive(Clone)]
pub struct CourierOptions {
    /// Whether endpoints on this machine are posted to.
    pub loopback: bool,
    /// How long one event may take.
    pub timeout: Duration,
    /// Whom TLS trusts.
    pub tls: Arc<rustls::ClientConfig>,
}

impl Default for CourierOptions {
    fn default() -> Self {
        Self { loopback: false, timeout: TIMEOUT, tls: crate::jobs::post::tls() }
    }
}

impl Courier {
    /// A courier of this node.
    ///
    /// # Errors
    /// When the system has no room for its thread.
    ///
    /// # Panics
    /// When a live book is to be served with endpoints on this machine: whoever starts refuses
    /// that.
    pub fn new(app: App, options: &CourierOptions) -> io::Result<Self> {
        let is_live = app.book.kind() == BookKind::Live;
        assert!(!(is_live && options.loopback), "a live book posts to public addresses only");
        let reach = if options.loopback { Reach::PublicAndLoopback } else { Reach::Public };
        let bounds = Bounds { timeout: options.timeout, answer_bytes_max: ANSWER_BYTES_MAX };
        let (sender, reports) = channel();
        let mut threads = Builder::new_multi_thread();
        let runtime = threads.worker_threads(1).thread_name("webhooks").enable_all().build()?;
        Ok(Self {
            client: Client::new(Arc::clone(&options.tls), reach, bounds),
            counters: app.metrics.webhooks(),
            app,
            endpoints: BTreeMap::new(),
            lanes: Vec::new(),
            heads: Positions::new(),
            directory: Arc::default(),
            version: -1,
            sender,
            reports,
            is_moving: false,
            turns: 0,
            runtime: Some(runtime),
        })
    }

    /// One turn. What fails is said, and met again at the next.
    pub fn turn(&mut self) {
        self.hear();
        self.turns = self.turns.wrapping_add(1);
        let asleep = self.endpoints.is_empty() && !self.turns.is_multiple_of(TURNS_ASLEEP);
        // A restored book may lack what merchants were told of: people look at it first.
        if asleep || self.app.book.health().closed {
            return;
        }
        if let Err(error) = self.look().and_then(|()| self.fill()) {
            tracing::warn!(%error, "webhooks could not read the ledger");
        }
        self.send();
        self.store();
        self.tell();
    }

    /// Takes up what tasks have said.
    fn hear(&mut self) {
        let now = self.app.now();
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Moved { moves, result } => self.moved(&moves, result),
                Report::Ended { webhook } => {
                    if let Some(endpoint) = self.endpoints.get_mut(&webhook) {
                        endpoint.in_flight = false;
                    }
                }
                Report::Taken { webhook, epoch, once_more } => {
                    self.counters.delivered();
                    let endpoint = self.endpoints.get_mut(&webhook);
                    if let Some(endpoint) = endpoint.filter(|one| one.epoch == epoch && !once_more)
                    {
                        endpoint.pending.pop_front();
                        self.app.webhooks.tell(webhook, endpoint.succeeded());
                    }
                }
                Report::Failed { webhook, epoch, once_more, failure } => {
                    self.counters.failed();
                    let endpoint = self.endpoints.get_mut(&webhook);
                    if let Some(endpoint) = endpoint.filter(|one| one.epoch == epoch && !once_more)
                    {
                        let is_gone = matches!(failure, Failure::Status(410));
                        let chance = self.app.random::<1>()[0];
                        let attempt = endpoint.failed(now, failure.to_string(), (is_gone, chance));
                        self.app.webhooks.tell(webhook, attempt);
                    }
                }
            }
        }
    }

    /// Looks at which endpoints and lanes there are, and whether a position was moved by others.
    fn look(&mut self) -> Result<(), StoreError> {
        let followed = self.app.book.read_and_wait(events::followed)?;
        if followed.version != self.version {
            self.directory = Arc::new(self.app.book.read_and_wait(read::directory)?);
            self.version = followed.version;
        }
        let held: Vec<LaneNumber> = self.app.book.lanes().collect();
        let lanes = lanes_of(&held, &followed.lanes, self.app.now());
        let others = lanes != self.lanes;
        self.lanes = lanes;
        let heads = followed.lanes.iter().map(|lane| (lane.id, lane.seq));
        self.heads = heads.filter(|(lane, _)| self.lanes.contains(lane)).collect();
        let Followed { webhooks, positions, .. } = followed;
        self.endpoints.retain(|number, _| {
            let kept = webhooks.iter().any(|row| row.number == *number && row.is_active());
            if !kept {
                self.app.webhooks.forget(*number);
            }
            kept
        });
        for webhook in webhooks.into_iter().filter(Webhook::is_active) {
            let stored = positions.get(&webhook.number);
            let at = |lane: &LaneNumber| stored.and_then(|stored| stored.get(lane)).copied();
            let stored: Positions =
                self.lanes.iter().map(|lane| (*lane, at(lane).unwrap_or(0))).collect();
            match self.endpoints.get_mut(&webhook.number) {
                None => {
                    self.endpoints.insert(webhook.number, Endpoint::new(webhook, stored));
                }
                Some(endpoint) => {
                    endpoint.is_now(webhook);
                    if others || (!self.is_moving && endpoint.is_elsewhere(&stored)) {
                        endpoint.begin_anew(stored);
                    }
                }
            }
        }
        for webhook in self.app.webhooks.woken() {
            if let Some(endpoint) = self.endpoints.get_mut(&webhook) {
                endpoint.wake();
            }
        }
        Ok(())
    }

    /// Reads what follows for endpoints that have nothing at hand. One reading serves all that it
    /// covers; those that are far behind and those that are not have a turn each.
    fn fill(&mut self) -> Result<(), StoreError> {
        for step in 0..STRETCHES_MAX {
            let places = self.endpoints.values().filter_map(Endpoint::looks_from);
            let mut places: Vec<&Positions> = places.filter(|at| self.is_behind(at)).collect();
            places.sort_unstable();
            places.dedup();
            if places.is_empty() {
                break;
            }
            let place = places[self.turns.wrapping_add(step) % places.len()].clone();
            let directory = Arc::clone(&self.directory);
            let read = move |conn: &mut _| events::stretch(conn, &place, &directory);
            let stretch: Stretch = self.app.book.read_and_wait(read)?;
            for endpoint in self.endpoints.values_mut() {
                while endpoint.looks_from().is_some_and(|at| stretch.covers(at)) {
                    endpoint.take(&stretch);
                }
            }
        }
        Ok(())
    }

    fn is_behind(&self, place: &Positions) -> bool {
        self.heads.iter().any(|(lane, seq)| place.get(lane).is_none_or(|at| at < seq))
    }

    /// Begins to tell whoever has something to hear.
    fn send(&mut self) {
        let now = self.app.now();
        let mut free = CONCURRENT_MAX - self.endpoints.values().filter(|one| one.in_flight).count();
        // Not always the same ones first.
        let count = self.endpoints.len().max(1);
        let begin = self.turns % count;
        let numbers: Vec<WebhookNumber> = self.endpoints.keys().copied().collect();
        for number in numbers.iter().cycle().skip(begin).take(numbers.len()) {
            let endpoint = self.endpoints.get_mut(number).expect("it is one of them");
            if endpoint.in_flight || free == 0 {
                continue;
            }
            let (due, once_more) = match self.app.webhooks.next_resend(*number) {
                Some(event) => (vec![event], true),
                None if endpoint.is_due(now) => {
                    (endpoint.pending.iter().take(AT_ONCE).cloned().collect(), false)
                }
                None => continue,
            };
            if due.is_empty() {
                continue;
            }
            endpoint.in_flight = true;
            free -= 1;
            let round = Round {
                app: self.app.clone(),
                client: self.client.clone(),
                number: *number,
                webhook: Arc::downgrade(&endpoint.webhook),
                epoch: endpoint.epoch,
                once_more,
                sender: self.sender.clone(),
            };
            let runtime = self.runtime.as_ref().expect("it is there until the courier ends");
            runtime.spawn(round.run(due));
        }
    }

    /// Stores where endpoints are. While one storing waits for its lane, no other begins.
    fn store(&mut self) {
        if self.is_moving {
            return;
        }
        let moves: Vec<Move> = self.endpoints.values().flat_map(Endpoint::moves).collect();
        if moves.is_empty() {
            return;
        }
        self.is_moving = true;
        let (sender, asked) = (self.sender.clone(), moves.clone());
        self.app.book.move_positions(moves, move |result| {
            // The courier has ended: it has stored what it could by itself.
            let _ = sender.send(Report::Moved { moves: asked, result });
        });
    }

    fn moved(&mut self, moves: &[Move], result: Result<Vec<i64>, StoreError>) {
        self.is_moving = false;
        let seqs = match result {
            Ok(seqs) => seqs,
            Err(error) => {
                tracing::debug!(%error, "positions of webhooks are stored later");
                return;
            }
        };
        for (asked, now) in moves.iter().zip(seqs) {
            let number = webhook_of_name(&asked.name);
            let endpoint = number.and_then(|number| self.endpoints.get_mut(&number));
            // Another was there: the next look begins anew where it is.
            if let Some(endpoint) = endpoint {
                endpoint.is_moved_to(asked.lane, (asked.to, now));
            }
        }
    }

    /// Says how far behind the endpoints are, and which have been failing for days.
    fn tell(&mut self) {
        let now = self.app.now();
        let mut oldest = now;
        for (number, endpoint) in &mut self.endpoints {
            let since = endpoint.undelivered_since();
            oldest = oldest.min(since.unwrap_or(now));
            if endpoint.must_be_said(now) {
                let webhook = identifier::text(Kind::Webhook, number.0);
                let days = (now.0 - since.unwrap_or(now).0) / DAY_MS;
                tracing::error!(webhook, days, "a webhook endpoint has been failing for days");
            }
        }
        self.counters.oldest_ms(now.0 - oldest.0);
    }
}

impl Drop for Courier {
    /// What was taken is stored, so that it is not told again.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.hear();
        let moves: Vec<Move> = self.endpoints.values().flat_map(Endpoint::moves).collect();
        if !moves.is_empty()
            && let Err(error) = self.app.book.move_positions_and_wait(moves)
        {
            tracing::warn!(%error, "some events of webhooks are told again after the next start");
        }
    }
}

/// The lanes that a node tells of: its own, and where its own are the lowest, those of nobody.
fn lanes_of(held: &[LaneNumber], lanes: &[Lane], now: Instant) -> Vec<LaneNumber> {
    let is_mine = |lane: &Lane| held.contains(&lane.id);
    let is_nobodys = |lane: &Lane| {
        let stands_still = now.0.saturating_sub(lane.last_at.0) > ABANDONED_AFTER_MS;
        !is_mine(lane) && (lane.holder.is_empty() || stands_still)
    };
    let lowest = lanes.iter().filter(|lane| !is_nobodys(lane)).map(|lane| lane.id).min();
    let looks_after = lowest.is_some_and(|lowest| held.contains(&lowest));
    let told = lanes.iter().filter(|lane| is_mine(lane) || (looks_after && is_nobodys(lane)));
    told.map(|lane| lane.id).collect()
}

/// What one endpoint is told in one go.
struct Round {
    app: App,
    client: Client,
    number: WebhookNumber,
    /// As the courier knows it; nothing once it was ended or changed, and the next round is told
    /// what it is now.
    webhook: Weak<Webhook>,
    epoch: u64,
    /// It was asked for by the endpoint's owner and moves nothing.
    once_more: bool,
    sender: Sender<Report>,
}

impl Round {
    /// One event after another, until one is not taken, others are to have their turn, or the
    /// endpoint is not what it was.
    async fn run(self, due: Vec<MerchantEvent>) {
        let mut open = None;
        let (webhook, epoch, once_more) = (self.number, self.epoch, self.once_more);
        let began = Moment::now();
        for event in due {
            let Some(current) = self.webhook.upgrade().filter(|_| began.elapsed() < ROUND) else {
                break;
            };
            let report = match self.post(&current, &mut open, &event).await {
                Ok(()) => Report::Taken { webhook, epoch, once_more },
                Err(failure) => Report::Failed { webhook, epoch, once_more, failure },
            };
            let goes_on = matches!(report, Report::Taken { .. });
            if self.sender.send(report).is_err() || !goes_on {
                break;
            }
        }
        // The courier has ended if this fails, and asks no more.
        let _ = self.sender.send(Report::Ended { webhook });
    }

    async fn post(
        &self,
        webhook: &Webhook,
        open: &mut Option<Open>,
        event: &MerchantEvent,
    ) -> Result<(), Failure> {
        let url: Uri = webhook.url.parse().map_err(|_| Failure::Url)?;
        let message = Message::of(event, &self.app.book.currency());
        let now = self.app.now();
        let secrets = message::secrets(&self.app.keyring().file, webhook, now);
        let headers = message.headers(&secrets, now);
        match self.client.post(&url, open, headers, message.body).await? {
            200..=299 => Ok(()),
            status => Err(Failure::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaoki_core::ids::FactId;

    #[test]
    fn every_lane_is_told_of_by_one_node() {
        let now = Instant(1_000_000);
        let lane = |id, holder: &str, beat_ms: i64| Lane {
            id: LaneNumber(id),
            seq: 1,
            head: [0; 32],
            last_at: now.plus_ms(-beat_ms),
            last_id: FactId::NONE,
            holder: holder.to_owned(),
            generation: 1,
        };
        let lanes = [
            lane(0, "", 90_000),
            lane(1, "one", 10),
            lane(2, "two", 20),
            lane(3, "gone", ABANDONED_AFTER_MS + 1),
            lane(4, "two", ABANDONED_AFTER_MS),
        ];
        let told = |held: &[i64]| {
            let held: Vec<LaneNumber> = held.iter().copied().map(LaneNumber).collect();
            lanes_of(&held, &lanes, now).into_iter().map(|lane| lane.0).collect::<Vec<_>>()
        };
        assert_eq!(told(&[1]), [0, 1, 3]);
        assert_eq!(told(&[2, 4]), [2, 4]);
        assert!(told(&[]).is_empty());
    }
}
