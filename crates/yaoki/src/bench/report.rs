//! The one table, for people and as JSON.

use std::time::Duration;

use serde::Serialize;

use super::measure::Measured;

/// One row: what was measured under one name.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    /// What.
    pub(crate) name: String,
    /// `sqlite`, `postgres`, or `-`.
    pub(crate) storage: String,
    /// Requests under way at once; 0 in an open loop.
    pub(crate) in_flight: usize,
    /// Runs of which this is the median by `per_second`.
    pub(crate) runs: usize,
    /// Answers a second.
    pub(crate) per_second: u64,
    /// Median latency.
    pub(crate) p50_ms: Milliseconds,
    /// 99 of 100.
    pub(crate) p99_ms: Milliseconds,
    /// 999 of 1,000.
    pub(crate) p999_ms: Milliseconds,
    /// The slowest answer.
    pub(crate) max_ms: Milliseconds,
    /// The longest time without an answer.
    pub(crate) stall_ms: Milliseconds,
    /// Lowest and highest `per_second` of the runs.
    pub(crate) spread: [u64; 2],
    /// Answers in the median run.
    pub(crate) answers: u64,
    /// Answers that were not "succeeded".
    pub(crate) failed: u64,
    /// CPU that the load generator used, percent of one core.
    pub(crate) generator_cpu_percent: u64,
    /// CPU of everything else in this process, microseconds an answer.
    pub(crate) engine_cpu_us: Milliseconds,
    /// Payments a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<u64>,
    /// What a payment costs on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk: Option<Disk>,
    /// What a reader must know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

/// What a payment costs on disk.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Disk {
    /// Rows a payment, in hundredths.
    pub(crate) rows_percent: u64,
    /// Entries of indexes a payment besides the rows, in hundredths.
    pub(crate) index_entries_percent: u64,
    /// Bytes on disk a payment, indexes included.
    pub(crate) bytes_kept: u64,
    /// Bytes written a payment, log and checkpoints included.
    pub(crate) bytes_written: u64,
}

/// A time in milliseconds, kept in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Milliseconds(u64);

impl From<Duration> for Milliseconds {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        let text = match whole {
            0..10 => format!("{whole}.{:02}", rest / 10),
            10..100 => format!("{whole}.{}", rest / 100),
            _ => whole.to_string(),
        };
        out.pad(&text)
    }
}

impl Serialize for Milliseconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        serializer.serialize_f64(text.parse().map_err(serde::ser::Error::custom)?)
    }
}

impl Row {
    /// A row of what was measured.
    pub(crate) fn of(name: &str, storage: &str, in_flight: usize, measured: &Measured) -> Self {
        let took = measured.took.as_nanos().max(1);
        let cpu = measured.generator_cpu.as_nanos() * 100 / took;
        let per_second = measured.per_second();
        Self {
            name: name.to_owned(),
            storage: storage.to_owned(),
            in_flight,
            runs: 1,
            per_second,
            p50_ms: measured.quantile(0.5).into(),
            p99_ms: measured.quantile(0.99).into(),
            p999_ms: measured.quantile(0.999).into(),
            max_ms: Duration::from_nanos(measured.latencies.max()).into(),
            stall_ms: measured.stall.into(),
            spread: [per_second, per_second],
            answers: measured.answers(),
            failed: measured.failed,
            engine_cpu_us: Milliseconds(
                u64::try_from(measured.engine_cpu.as_nanos()).unwrap_or(0)
                    / measured.answers().max(1),
            ),
            generator_cpu_percent: u64::try_from(cpu).unwrap_or(0),
            ..Self::default()
        }
    }

    /// The median of several runs by `per_second`, with their spread.
    pub(crate) fn median(mut runs: Vec<Self>) -> Option<Self> {
        runs.sort_by_key(|row| row.per_second);
        let spread = [runs.first()?.per_second, runs.last()?.per_second];
        let count = runs.len();
        let row = runs.swap_remove(count / 2);
        Some(Self { runs: count, spread, ..row })
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Cores, memory, kernel.
    pub(crate) machine: String,
    /// When, RFC 3339.
    pub(crate) date: String,
    /// The load average before the first row: who else computed here.
    pub(crate) load_before: String,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n{}, load {}\n\n", self.machine, self.date, self.load_before);
        text.push_str(
            "| row | storage | in flight | a second | p50 ms | p99 ms | p99.9 ms | max ms | \
             stall ms | batch | CPU us | generator CPU % | note |\n",
        );
        text.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n");
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}

fn line(row: &Row) -> String {
    let in_flight = if row.in_flight == 0 { "open".to_owned() } else { row.in_flight.to_string() };
    let batch = row.batch.map_or_else(String::new, |batch| batch.to_string());
    let mut notes = Vec::new();
    if row.failed > 0 {
        notes.push(format!("{} FAILED", row.failed));
    }
    if row.runs > 1 {
        notes.push(format!("{} runs, {} to {}", row.runs, row.spread[0], row.spread[1]));
    }
    if let Some(disk) = row.disk {
        notes.push(format!(
            "a payment: {} rows, {} index entries, {} bytes kept, {} bytes written",
            hundredths(disk.rows_percent),
            hundredths(disk.index_entries_percent),
            disk.bytes_kept,
            disk.bytes_written,
        ));
    }
    if !row.note.is_empty() {
        notes.push(row.note.clone());
    }
    format!(
        "| {} | {} | {in_flight} | {} | {} | {} | {} | {} | {} | {batch} | {} | {} | {} |\n",
        row.name,
        row.storage,
        row.per_second,
        row.p50_ms,
        row.p99_ms,
        row.p999_ms,
        row.max_ms,
        row.stall_ms,
        row.engine_cpu_us,
        row.generator_cpu_percent,
        notes.join("; "),
    )
}

fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}
