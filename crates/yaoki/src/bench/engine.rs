//! The engine in process: one payment a request through queue and lane, all checks, durable.
//!
//! One generator thread keeps so many requests under way (closed loop), or sends at an even pace
//! whatever comes back (open loop; latency counts from when a request should have been sent, so
//! that a stall is not hidden by the requests that it held up). Answers come by callback.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant as Moment};

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::time::Instant;
use yaoki_store::{Answer, Book, Part};

use super::measure::{Measured, now, process_cpu, thread_cpu};

/// An answer: when its request began, and whether it succeeded.
type Answered = (Moment, bool);

fn submit(book: &Book, command: Command, began: Moment, answered: &Sender<Answered>) {
    let answered = answered.clone();
    let reply = Box::new(move |answer: Answer| {
        let good = is_paid(&answer);
        // The generator has given up; nobody listens.
        let _ = answered.send((began, good));
    });
    book.submit(Part::Money, command, Instant(i64::MAX), reply);
}

fn is_paid(answer: &Answer) -> bool {
    let Answer::Decided(Outcome::Decided { operation, replayed: false, .. }) = answer else {
        tracing::warn!(?answer, "a payment of the bench was not decided");
        return false;
    };
    if !operation.succeeded() {
        tracing::warn!(refusal = operation.refusal, "a payment of the bench was declined");
    }
    operation.succeeded()
}

/// What is measured between two answers.
struct Meter {
    measured: Measured,
    began: Moment,
    last: Moment,
    cpu: Duration,
    process_cpu: Duration,
}

impl Meter {
    fn start() -> Self {
        let began = now();
        let (cpu, process_cpu) = (thread_cpu(), process_cpu());
        Self { measured: Measured::default(), began, last: began, cpu, process_cpu }
    }

    fn take(&mut self, (began, good): Answered, at: Moment) {
        self.measured.record(at - began);
        self.measured.stall = self.measured.stall.max(at - self.last);
        self.last = at;
        if !good {
            self.measured.failed += 1;
        }
    }

    fn finish(mut self) -> Measured {
        self.measured.took = self.last - self.began;
        self.measured.generator_cpu = thread_cpu().saturating_sub(self.cpu);
        let all = process_cpu().saturating_sub(self.process_cpu);
        self.measured.engine_cpu = all.saturating_sub(self.measured.generator_cpu);
        self.measured
    }
}

/// Keeps `in_flight` payments under way until `limit` has passed or there are no more.
pub(crate) fn closed_loop(
    book: &Book,
    payments: &mut impl Iterator<Item = Command>,
    in_flight: usize,
    limit: Duration,
) -> Measured {
    let (sender, receiver) = channel();
    let mut under_way = 0;
    let mut meter = Meter::start();
    for payment in payments.take(in_flight) {
        submit(book, payment, now(), &sender);
        under_way += 1;
    }
    let until = meter.began + limit;
    while under_way > 0 {
        let answered = receiver.recv().expect("every command is answered");
        let at = now();
        meter.take(answered, at);
        under_way -= 1;
        if at < until
            && let Some(payment) = payments.next()
        {
            submit(book, payment, at, &sender);
            under_way += 1;
        }
    }
    meter.finish()
}

/// Sends `per_second` payments a second until there are no more.
pub(crate) fn open_loop(
    book: &Book,
    payments: impl Iterator<Item = Command>,
    per_second: u64,
) -> Measured {
    let (sender, receiver) = channel();
    let apart = Duration::from_nanos(1_000_000_000 / per_second.max(1));
    let mut meter = Meter::start();
    let mut due = meter.began;
    let mut under_way = 0_usize;
    for payment in payments {
        while let Some(wait) = due.checked_duration_since(now()).filter(|wait| !wait.is_zero()) {
            under_way -= drain_for(&receiver, wait, &mut meter);
        }
        submit(book, payment, due, &sender);
        under_way += 1;
        due += apart;
    }
    while under_way > 0 {
        let answered = receiver.recv().expect("every command is answered");
        meter.take(answered, now());
        under_way -= 1;
    }
    meter.finish()
}

/// Takes at most one answer, waiting at most `wait`; says how many.
fn drain_for(receiver: &Receiver<Answered>, wait: Duration, meter: &mut Meter) -> usize {
    match receiver.recv_timeout(wait) {
        Ok(answered) => {
            meter.take(answered, now());
            1
        }
        Err(RecvTimeoutError::Timeout) => 0,
        Err(RecvTimeoutError::Disconnected) => unreachable!("a sender is held here"),
    }
}
