//! What the courier and the merchants' own requests tell each other, in this process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use yaoki_core::ids::WebhookNumber;
use yaoki_core::time::Instant;
use yaoki_store::read::events::MerchantEvent;

/// The most events of one endpoint that wait to be sent once more.
pub const RESENDS_MAX: usize = 16;

/// How the last attempts at an endpoint went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Since when none has succeeded.
    pub failing_since: Option<Instant>,
    /// When the next one is due.
    pub next_at: Option<Instant>,
    /// Why the last one failed, as its owner may read it.
    pub failure: Option<String>,
}

/// Attempts at each endpoint, and what was asked for.
#[derive(Debug, Default)]
pub struct Board(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    attempts: BTreeMap<WebhookNumber, Attempt>,
    resends: BTreeMap<WebhookNumber, VecDeque<MerchantEvent>>,
    woken: Vec<WebhookNumber>,
}

impl Board {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder panics")
    }

    /// How the last attempts at an endpoint went, as far as this node has made them.
    pub fn attempt(&self, webhook: WebhookNumber) -> Attempt {
        self.lock().attempts.get(&webhook).cloned().unwrap_or_default()
    }

    /// Asks for one event to be sent once more; false when too many wait.
    pub fn resend(&self, webhook: WebhookNumber, event: MerchantEvent) -> bool {
        let mut inner = self.lock();
        let line = inner.resends.entry(webhook).or_default();
        let room = line.len() < RESENDS_MAX;
        if room {
            line.push_back(event);
        }
        room
    }

    /// Asks for an attempt now, however long the endpoint was to be left alone.
    pub fn wake(&self, webhook: WebhookNumber) {
        let mut inner = self.lock();
        if !inner.woken.contains(&webhook) {
            inner.woken.push(webhook);
        }
    }

    /// What is to be sent once more to an endpoint next.
    pub(super) fn next_resend(&self, webhook: WebhookNumber) -> Option<MerchantEvent> {
        self.lock().resends.get_mut(&webhook).and_then(VecDeque::pop_front)
    }

    /// Who is to be tried now.
    pub(super) fn woken(&self) -> Vec<WebhookNumber> {
        std::mem::take(&mut self.lock().woken)
    }

    /// Tells how an attempt went.
    pub(super) fn tell(&self, webhook: WebhookNumber, attempt: Attempt) {
        self.lock().attempts.insert(webhook, attempt);
    }

    /// Forgets an endpoint that was ended.
    pub(super) fn forget(&self, webhook: WebhookNumber) {
        let mut inner = self.lock();
        inner.attempts.remove(&webhook);
        inner.resends.remove(&webhook);
    }
}
