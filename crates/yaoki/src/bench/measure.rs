//! What a row measures: latencies of closed and open loops, CPU, bytes written. The clock of the
//! bench is here.

use std::fs;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The time of the bench: monotonic.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Unix time in milliseconds, for the book.
#[expect(clippy::disallowed_methods, reason = "the bench opens a real book")]
pub(crate) fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).expect("milliseconds fit")
}

/// What one run of a loop gave.
pub(crate) struct Measured {
    /// Nanoseconds of each answer.
    pub(crate) latencies: Histogram<u64>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// The longest time without an answer while requests were under way.
    pub(crate) stall: Duration,
    /// CPU of the load generator.
    pub(crate) generator_cpu: Duration,
    /// CPU of everything else in this process.
    pub(crate) engine_cpu: Duration,
    /// Answers that were not "succeeded".
    pub(crate) failed: u64,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            latencies: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("good bounds"),
            took: Duration::ZERO,
            stall: Duration::ZERO,
            generator_cpu: Duration::ZERO,
            engine_cpu: Duration::ZERO,
            failed: 0,
        }
    }
}

impl Measured {
    /// Counts an answer that came after `latency`.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(nanoseconds(latency));
    }

    /// How many answers.
    pub(crate) fn answers(&self) -> u64 {
        self.latencies.len()
    }

    /// Answers a second.
    pub(crate) fn per_second(&self) -> u64 {
        per_second(self.answers(), self.took)
    }

    /// The latency that this share of the answers did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(share))
    }

    /// Adds what another generator thread measured at the same time.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("the bounds are the same");
        self.took = self.took.max(other.took);
        self.stall = self.stall.max(other.stall);
        self.generator_cpu += other.generator_cpu;
        self.engine_cpu += other.engine_cpu;
        self.failed += other.failed;
    }
}

/// So many a second.
pub(crate) fn per_second(count: u64, took: Duration) -> u64 {
    let nanoseconds = took.as_nanos().max(1);
    u64::try_from(u128::from(count) * 1_000_000_000 / nanoseconds).expect("a rate fits")
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU that this thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let used = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(used.unwrap_or(0))
}

/// CPU that all threads of this process have used that still run.
pub(crate) fn process_cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

/// Bytes that this process caused to be written to its disks.
pub(crate) fn bytes_written() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// The machine, in a line.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| -> String {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cpu = read("/proc/cpuinfo");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores {}, {memory}, Linux {}", after(&cpu, "model name"), kernel.trim())
}

/// The load average of the last minute: who else computes here.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
