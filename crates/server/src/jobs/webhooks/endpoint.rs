//! One endpoint, as its courier sees it: what it is told next, where it is, and when it is tried.

use std::collections::VecDeque;
use std::sync::Arc;

use yaoki_core::ids::LaneNumber;
use yaoki_core::time::{DAY_MS, Instant, MINUTE_MS, SECOND_MS};
use yaoki_core::webhook::Webhook;
use yaoki_store::position::{Move, Positions, webhook_name};
use yaoki_store::read::events::{MerchantEvent, Stretch};

use super::board::Attempt;

/// About the most events of one endpoint that are at hand.
pub(super) const PENDING_MAX: usize = 256;
/// An endpoint whose oldest event is older is said to be failing.
pub const FAILING_AFTER_MS: i64 = 3 * DAY_MS;
/// How long an endpoint that failed is left alone, the longer the more often it did.
const WAITS_MS: [i64; 7] = [
    5 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    60 * MINUTE_MS,
    120 * MINUTE_MS,
    360 * MINUTE_MS,
];

/// One endpoint in use.
pub(super) struct Endpoint {
    /// Shared with what is under way, which ends when this is another.
    pub(super) webhook: Arc<Webhook>,
    /// What is told next, in this order.
    pub(super) pending: VecDeque<MerchantEvent>,
    /// Raised when it begins anew elsewhere: what is under way then counts for nothing.
    pub(super) epoch: u64,
    /// Whether something is under way.
    pub(super) in_flight: bool,
    /// Where it is as far as it is stored, of this node's lanes.
    stored: Positions,
    /// Where it is once all that is pending is told.
    reached: Positions,
    failures: usize,
    attempt: Attempt,
    /// Whether it was said that it is failing.
    is_said: bool,
}

impl Endpoint {
    pub(super) fn new(webhook: Webhook, stored: Positions) -> Self {
        Self {
            webhook: Arc::new(webhook),
            pending: VecDeque::new(),
            epoch: 0,
            in_flight: false,
            reached: stored.clone(),
            stored,
            failures: 0,
            attempt: Attempt::default(),
            is_said: false,
        }
    }

    /// It is this now. What is under way to what it was before posts no further event.
    pub(super) fn is_now(&mut self, webhook: Webhook) {
        if *self.webhook != webhook {
            self.webhook = Arc::new(webhook);
        }
    }

    /// Goes on from where it is stored, whatever was at hand.
    pub(super) fn begin_anew(&mut self, stored: Positions) {
        self.pending.clear();
        self.epoch += 1;
        self.reached.clone_from(&stored);
        self.stored = stored;
    }

    /// Whether it is stored elsewhere than is known here.
    pub(super) fn is_elsewhere(&self, stored: &Positions) -> bool {
        self.stored != *stored
    }

    /// Where it is: everything before is told.
    fn position(&self) -> Positions {
        let mut position = self.reached.clone();
        for event in &self.pending {
            let (lane, seq) = event.place();
            let at = position.entry(lane).or_insert(0);
            *at = (*at).min(seq - 1);
        }
        position
    }

    /// What is to be stored.
    pub(super) fn moves(&self) -> Vec<Move> {
        let moves = self.position().into_iter().filter_map(|(lane, to)| {
            let from = self.stored.get(&lane).copied().unwrap_or(0);
            let name = webhook_name(self.webhook.number);
            (to > from).then_some(Move { name, lane, from: Some(from), to })
        });
        moves.collect()
    }

    /// A move was answered. Where somebody else has moved it, what is known here stays as it was,
    /// and the next look finds it elsewhere.
    pub(super) fn is_moved_to(&mut self, lane: LaneNumber, (asked, now): (i64, i64)) {
        if now == asked {
            self.stored.insert(lane, now);
        }
    }

    /// Where everything up to there was looked at, and nothing is at hand.
    pub(super) fn looks_from(&self) -> Option<&Positions> {
        self.pending.is_empty().then_some(&self.reached)
    }

    /// Takes what a stretch has for it.
    pub(super) fn take(&mut self, stretch: &Stretch) {
        let (events, reached) =
            stretch.events_of(self.webhook.merchant, &self.reached, PENDING_MAX);
        self.pending.extend(events);
        self.reached = reached;
    }

    /// When the oldest event was booked that it has not taken.
    pub(super) fn undelivered_since(&self) -> Option<Instant> {
        self.pending.front().map(|event| event.operation.id.at())
    }

    /// Whether it may be tried.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.attempt.next_at.is_none_or(|at| at <= now)
    }

    /// It is tried now, however long it was to be left alone.
    pub(super) const fn wake(&mut self) {
        self.attempt.next_at = None;
    }

    /// It has taken what it was told.
    pub(super) fn succeeded(&mut self) -> Attempt {
        self.failures = 0;
        self.is_said = false;
        self.attempt = Attempt::default();
        self.attempt.clone()
    }

    /// It has not; it is left alone for longer than the last time. `is_gone`: it wants no more.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        failure: String,
        (is_gone, chance): (bool, u8),
    ) -> Attempt {
        let last = WAITS_MS.len() - 1;
        let wait_ms = WAITS_MS[if is_gone { last } else { self.failures.min(last) }];
        // Up to a quarter more, so that endpoints of one machine do not come back at once.
        let wait_ms = wait_ms + wait_ms * i64::from(chance) / 1024;
        self.failures = self.failures.saturating_add(1);
        self.attempt = Attempt {
            failing_since: self.attempt.failing_since.or(Some(now)),
            next_at: Some(now.plus_ms(wait_ms)),
            failure: Some(failure),
        };
        self.attempt.clone()
    }

    /// Whether it is to be said now that it has been failing for days.
    pub(super) fn must_be_said(&mut self, now: Instant) -> bool {
        let since = self.undelivered_since().filter(|_| self.failures > 0);
        let is_failing = since.is_some_and(|since| now.0 - since.0 >= FAILING_AFTER_MS);
        let says = is_failing && !self.is_said;
        self.is_said |= says;
        says
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaoki_core::ids::{MerchantNumber, WebhookNumber};
    use yaoki_core::webhook::WebhookState;

    fn endpoint() -> Endpoint {
        let webhook = Webhook {
            number: WebhookNumber(1),
            merchant: MerchantNumber(1),
            url: String::new(),
            state: WebhookState::Active,
            generation: 1,
            previous_until: Instant(0),
        };
        Endpoint::new(webhook, Positions::new())
    }

    #[test]
    fn it_is_left_alone_longer_each_time_up_to_six_hours_and_never_given_up() {
        let mut endpoint = endpoint();
        let mut waits = Vec::new();
        for _ in 0..20 {
            let attempt = endpoint.failed(Instant(0), String::new(), (false, 0));
            waits.push(attempt.next_at.expect("it is tried again").0);
            assert_eq!(attempt.failing_since, Some(Instant(0)));
        }
        assert_eq!(waits[..7], WAITS_MS);
        assert!(waits[7..].iter().all(|wait| *wait == 6 * 60 * MINUTE_MS));
        endpoint.succeeded();
        assert!(endpoint.is_due(Instant(0)));
        let attempt = endpoint.failed(Instant(0), String::new(), (false, u8::MAX));
        assert_eq!(attempt.next_at, Some(Instant(6245)));
    }

    #[test]
    fn what_is_under_way_knows_it_until_it_is_another() {
        let mut endpoint = endpoint();
        let (known, same) = (Arc::downgrade(&endpoint.webhook), Webhook::clone(&endpoint.webhook));
        endpoint.is_now(same.clone());
        assert!(known.upgrade().is_some());
        endpoint.is_now(Webhook { generation: 2, ..same });
        assert!(known.upgrade().is_none());
        let known = Arc::downgrade(&endpoint.webhook);
        drop(endpoint);
        assert!(known.upgrade().is_none(), "it was ended");
    }

    #[test]
    fn one_that_wants_no_more_is_left_alone_for_long_until_it_is_woken() {
        let mut endpoint = endpoint();
        endpoint.failed(Instant(0), String::new(), (true, 0));
        assert!(!endpoint.is_due(Instant(359 * MINUTE_MS)));
        endpoint.wake();
        assert!(endpoint.is_due(Instant(0)));
    }
}
