//! Metrics, as Prometheus reads them. Every handle is made at the start, so that counting is one
//! atomic addition.

mod endpoint;

use axum::response::Response;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::atomic::Ordering;
use std::time::Duration;
use yaoki_core::message::Channel;
use yaoki_store::Book;

pub use self::endpoint::Endpoint;
use crate::edge::connections::Full;
use crate::edge::listener::{ListenerName, Tally};

/// How a request ended, as metrics tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Recorded as succeeded.
    Succeeded,
    /// Recorded as declined.
    Declined,
    /// Answered; there was nothing to record.
    Answered,
    /// Refused without a record: the caller has to mend or wait.
    Refused,
    /// Nothing could be said because of us.
    Failed,
}

impl Class {
    const ALL: [Self; 5] =
        [Self::Succeeded, Self::Declined, Self::Answered, Self::Refused, Self::Failed];

    const fn text(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Declined => "declined",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Succeeded => 0,
            Self::Declined => 1,
            Self::Answered => 2,
            Self::Refused => 3,
            Self::Failed => 4,
        }
    }
}

/// What a handler has to say.
#[derive(Debug)]
pub struct Said {
    /// The answer.
    pub response: Response,
    /// What it was.
    pub class: Class,
}

/// Every metric of one server.
pub struct Metrics {
    handle: PrometheusHandle,
    requests: Vec<[Counter; Class::ALL.len()]>,
    seconds: Vec<Histogram>,
    forged: Counter,
    paced: Counter,
    gauges: BookGauges,
    // Gauges and counters are only written through handles; the recorder must outlive them.
    recorder: PrometheusRecorder,
}

struct BookGauges {
    queued: Gauge,
    lanes: Gauge,
    storage_ok: Gauge,
    wal_bytes: Gauge,
    batches: Counter,
    commands: Counter,
    facts: Counter,
    conflicts: Counter,
}

const METADATA: Metadata<'static> = Metadata::new("yaoki", Level::INFO, None);

/// Seconds: from a fast code to a deadline.
const BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .expect("the buckets are not empty")
            .build_recorder();
        describe(&recorder);
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge =
            |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        Self {
            handle: recorder.handle(),
            requests: Endpoint::ALL.map(|endpoint| requests_of(&recorder, endpoint)).into(),
            seconds: Endpoint::ALL.map(|endpoint| seconds_of(&recorder, endpoint)).into(),
            forged: counter("yaoki_forged_codes_total"),
            paced: counter("yaoki_terminals_paced_total"),
            gauges: BookGauges {
                queued: gauge("yaoki_commands_queued"),
                lanes: gauge("yaoki_lanes_held"),
                storage_ok: gauge("yaoki_storage_ok"),
                wal_bytes: gauge("yaoki_wal_bytes"),
                batches: counter("yaoki_batches_total"),
                commands: counter("yaoki_commands_total"),
                facts: counter("yaoki_facts_total"),
                conflicts: counter("yaoki_batch_conflicts_total"),
            },
            recorder,
        }
    }

    /// Counts an answered request and how long it took.
    pub fn answered(&self, endpoint: Endpoint, class: Class, took: Duration) {
        let place = Endpoint::ALL.iter().position(|known| *known == endpoint);
        let place = place.expect("every endpoint is in the list");
        self.requests[place][class.index()].increment(1);
        self.seconds[place].record(took.as_secs_f64());
    }

    /// Counts a forged code.
    pub fn forged(&self) {
        self.forged.increment(1);
    }

    /// Counts a terminal that is paced from now on.
    pub fn paced(&self) {
        self.paced.increment(1);
    }

    /// The counters of one listener.
    pub fn tally(&self, listener: ListenerName) -> ListenerCounters {
        let counter = |name: &'static str, label: &'static str, value: &'static str| {
            let labels = vec![Label::new("listener", listener.text()), Label::new(label, value)];
            self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        ListenerCounters {
            accepted: counter("yaoki_connections_total", "end", "accepted"),
            full: counter("yaoki_connections_total", "end", "refused_total"),
            prefix_full: counter("yaoki_connections_total", "end", "refused_prefix"),
            past_the_proxies: counter("yaoki_connections_total", "end", "refused_past_proxies"),
            cut: counter("yaoki_connections_total", "end", "cut"),
            panicked: counter("yaoki_faults_total", "kind", "handler_panicked"),
            evicted: counter("yaoki_connections_total", "end", "evicted"),
        }
    }

    /// The counters of one witness, by its host.
    pub fn witness(&self, name: &str) -> WitnessCounters {
        let labels = |end: Option<&'static str>| {
            let end = end.map(|end| Label::new("end", end));
            [Label::new("witness", name.to_owned())].into_iter().chain(end).collect::<Vec<_>>()
        };
        let counter = |end| {
            let key = Key::from_parts("yaoki_witness_posts_total", labels(Some(end)));
            self.recorder.register_counter(&key, &METADATA)
        };
        let waiting = Key::from_parts("yaoki_witness_bytes_waiting", labels(None));
        WitnessCounters {
            acknowledged: counter("acknowledged"),
            failed: counter("failed"),
            waiting: self.recorder.register_gauge(&waiting, &METADATA),
        }
    }

    /// The counters of webhooks.
    pub fn webhooks(&self) -> WebhookCounters {
        let counter = |end| {
            let labels = vec![Label::new("end", end)];
            let key = Key::from_parts("yaoki_webhook_posts_total", labels);
            self.recorder.register_counter(&key, &METADATA)
        };
        let oldest = Key::from_static_name("yaoki_webhook_oldest_undelivered_seconds");
        WebhookCounters {
            delivered: counter("delivered"),
            failed: counter("failed"),
            oldest: self.recorder.register_gauge(&oldest, &METADATA),
        }
    }

    /// The counters of a channel of messages.
    pub fn messages(&self, channel: Channel) -> MessageCounters {
        let label = || Label::new("channel", channel.name());
        let counter = |end| {
            let labels = vec![label(), Label::new("end", end)];
            let key = Key::from_parts("yaoki_messages_total", labels);
            self.recorder.register_counter(&key, &METADATA)
        };
        let gauge = |whose| {
            let labels = vec![label(), Label::new("whose", whose)];
            let key = Key::from_parts("yaoki_messages_stopped", labels);
            self.recorder.register_gauge(&key, &METADATA)
        };
        MessageCounters {
            sent: counter("sent"),
            failed: counter("failed"),
            given_up: counter("given_up"),
            suppressed: counter("suppressed"),
            stopped: gauge("everybody"),
            strangers_stopped: gauge("strangers"),
        }
    }

    /// Moves what was recorded into its buckets; to be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Everything, as Prometheus reads it.
    pub fn render(&self, book: &Book) -> String {
        let (health, counters) = (book.health(), book.counters());
        let gauges = &self.gauges;
        set(&gauges.queued, health.queued);
        set(&gauges.lanes, health.lanes);
        set(&gauges.storage_ok, usize::from(health.storage_ok));
        set(&gauges.wal_bytes, usize::try_from(health.wal_bytes).unwrap_or(usize::MAX));
        for (counter, count) in [
            (&gauges.batches, &counters.batches),
            (&gauges.commands, &counters.commands),
            (&gauges.facts, &counters.facts),
            (&gauges.conflicts, &counters.conflicts),
        ] {
            counter.absolute(count.load(Ordering::Relaxed));
        }
        self.handle.render()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Past four thousand millions a gauge stands still: nothing measured here gets that far.
fn set(gauge: &Gauge, value: usize) {
    gauge.set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
}

fn requests_of(recorder: &PrometheusRecorder, endpoint: Endpoint) -> [Counter; Class::ALL.len()] {
    Class::ALL.map(|class| {
        let labels =
            vec![Label::new("endpoint", endpoint.text()), Label::new("outcome", class.text())];
        recorder.register_counter(&Key::from_parts("yaoki_requests_total", labels), &METADATA)
    })
}

fn seconds_of(recorder: &PrometheusRecorder, endpoint: Endpoint) -> Histogram {
    let labels = vec![Label::new("endpoint", endpoint.text())];
    recorder.register_histogram(&Key::from_parts("yaoki_request_seconds", labels), &METADATA)
}

fn describe(recorder: &PrometheusRecorder) {
    for (name, text) in [
        ("yaoki_requests_total", "Requests by endpoint and outcome."),
        ("yaoki_connections_total", "Connections by listener and how they were met."),
        ("yaoki_faults_total", "Requests that met a bug of ours, by listener and kind."),
        ("yaoki_forged_codes_total", "Codes that no device showed within the hour."),
        ("yaoki_terminals_paced_total", "Terminals that presented too many forged codes."),
        ("yaoki_batches_total", "Commits."),
        ("yaoki_commands_total", "Commands answered; by commits: the size of a batch."),
        ("yaoki_facts_total", "Facts committed."),
        ("yaoki_batch_conflicts_total", "Batches that were run again."),
        ("yaoki_webhook_posts_total", "Events sent to webhooks, by how that ended."),
        ("yaoki_messages_total", "Messages by channel and how they ended; failed: tried again."),
        ("yaoki_witness_posts_total", "Anchors sent to witnesses, by how that ended."),
    ] {
        recorder.describe_counter(KeyName::from_const_str(name), None, text.into());
    }
    for (name, text) in [
        ("yaoki_commands_queued", "Commands in line."),
        ("yaoki_lanes_held", "Lanes that this node holds."),
        ("yaoki_storage_ok", "1 while no lane has failed."),
        ("yaoki_wal_bytes", "Bytes of SQLite's write-ahead log."),
        (
            "yaoki_webhook_oldest_undelivered_seconds",
            "Age of the oldest event that this node has not delivered to a webhook.",
        ),
        ("yaoki_messages_stopped", "1 while a channel sends nothing, or nothing to strangers."),
        ("yaoki_witness_bytes_waiting", "Bytes of anchors that a witness has not acknowledged."),
    ] {
        recorder.describe_gauge(KeyName::from_const_str(name), None, text.into());
    }
    let (name, text) = ("yaoki_request_seconds", "From the whole head to the answer.");
    let unit = Some(Unit::Seconds);
    recorder.describe_histogram(KeyName::from_const_str(name), unit, text.into());
}

/// The counters of one witness.
pub struct WitnessCounters {
    acknowledged: Counter,
    failed: Counter,
    waiting: Gauge,
}

impl WitnessCounters {
    /// A line was acknowledged.
    pub(crate) fn acknowledged(&self) {
        self.acknowledged.increment(1);
    }

    /// A turn failed.
    pub(crate) fn failed(&self) {
        self.failed.increment(1);
    }

    /// So many bytes of anchors are still to be acknowledged.
    pub(crate) fn waiting(&self, bytes: u64) {
        set(&self.waiting, usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

/// The counters of a channel of messages.
pub struct MessageCounters {
    sent: Counter,
    failed: Counter,
    given_up: Counter,
    suppressed: Counter,
    stopped: Gauge,
    strangers_stopped: Gauge,
}

impl MessageCounters {
    /// The next server has taken one.
    pub(crate) fn sent(&self) {
        self.sent.increment(1);
    }

    /// One is tried again.
    pub(crate) fn failed(&self) {
        self.failed.increment(1);
    }

    /// So many are given up.
    pub(crate) fn given_up(&self, count: u64) {
        self.given_up.increment(count);
    }

    /// So many are over a budget.
    pub(crate) fn suppressed(&self, count: u64) {
        self.suppressed.increment(count);
    }

    /// Whether nothing is sent.
    pub(crate) fn stopped(&self, is_stopped: bool) {
        set(&self.stopped, usize::from(is_stopped));
    }

    /// Whether nothing is sent that strangers cause.
    pub(crate) fn strangers_stopped(&self, is_stopped: bool) {
        set(&self.strangers_stopped, usize::from(is_stopped));
    }
}

/// The counters of webhooks.
pub struct WebhookCounters {
    delivered: Counter,
    failed: Counter,
    oldest: Gauge,
}

impl WebhookCounters {
    /// An event was taken.
    pub(crate) fn delivered(&self) {
        self.delivered.increment(1);
    }

    /// An event was not taken.
    pub(crate) fn failed(&self) {
        self.failed.increment(1);
    }

    /// The oldest event that waits is so old, milliseconds.
    pub(crate) fn oldest_ms(&self, age_ms: i64) {
        set(&self.oldest, usize::try_from(age_ms / 1000).unwrap_or(0));
    }
}

/// The counters of one listener.
pub struct ListenerCounters {
    accepted: Counter,
    full: Counter,
    prefix_full: Counter,
    past_the_proxies: Counter,
    cut: Counter,
    evicted: Counter,
    panicked: Counter,
}

impl Tally for ListenerCounters {
    fn accepted(&self) {
        self.accepted.increment(1);
    }

    fn refused(&self, why: Full) {
        match why {
            Full::Total => self.full.increment(1),
            Full::Prefix => self.prefix_full.increment(1),
        }
    }

    fn came_past_the_proxies(&self) {
        self.past_the_proxies.increment(1);
    }

    fn cut(&self) {
        self.cut.increment(1);
    }

    fn evicted(&self) {
        self.evicted.increment(1);
    }

    fn panicked(&self) {
        self.panicked.increment(1);
    }
}
