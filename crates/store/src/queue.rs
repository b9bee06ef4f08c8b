//! The queue in front of a lane: three parts, each with a cap and a share of every batch.
//!
//! The lane takes whatever queued while its previous commit ran. There is no timer window: batches
//! form under load, and a lone request is not delayed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use yaoki_core::command::Command;
use yaoki_core::time::Instant;

use crate::answer::Reply;

/// The most commands of one commit.
pub(crate) const BATCH_COMMANDS_MAX: usize = 256;

/// Who is served: a share of each batch and a cap of its own, so that one cannot starve another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Registers and jobs that move money.
    Money = 0,
    /// Enrolled devices and operators.
    Members = 1,
    /// Everybody else.
    Strangers = 2,
}

impl Part {
    const ALL: [Self; 3] = [Self::Money, Self::Members, Self::Strangers];

    const fn index(self) -> usize {
        match self {
            Self::Money => 0,
            Self::Members => 1,
            Self::Strangers => 2,
        }
    }

    /// Places in a batch that are this part's own; what it leaves free, others may take.
    const fn share(self) -> usize {
        match self {
            Self::Money => 192,
            Self::Members => 48,
            Self::Strangers => 16,
        }
    }

    /// The most that may wait in front of one lane: 4,096 in all.
    const fn queued_max(self) -> usize {
        match self {
            Self::Money => 3072,
            Self::Members => 768,
            Self::Strangers => 256,
        }
    }
}

/// A command on its way.
pub(crate) struct Entry {
    pub(crate) command: Command,
    pub(crate) part: Part,
    pub(crate) deadline: Instant,
    pub(crate) reply: Reply,
    /// How often it was put off for a row that was not at hand.
    pub(crate) later: u32,
}

#[derive(Default)]
struct Inner {
    parts: [VecDeque<Entry>; 3],
    waiting: bool,
    stopping: bool,
}

impl Inner {
    fn queued(&self) -> usize {
        self.parts.iter().map(VecDeque::len).sum()
    }
}

/// The queue in front of one lane.
#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

/// What the lane does next.
pub(crate) enum Next {
    /// These commands, one commit.
    Batch(Vec<Entry>),
    /// Nothing came for a while.
    Idle,
    /// Stop: nothing is left.
    Stop,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the queue panics")
    }

    /// Puts a command in line, or hands it back when its part is full or the lane is stopping.
    pub(crate) fn push(&self, entry: Box<Entry>) -> Result<(), (Box<Entry>, bool)> {
        let mut inner = self.lock();
        let part = entry.part;
        if inner.stopping {
            return Err((entry, true));
        }
        let line = &mut inner.parts[part.index()];
        if line.len() >= part.queued_max() {
            return Err((entry, false));
        }
        line.push_back(*entry);
        if inner.waiting {
            inner.waiting = false;
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// How many wait.
    pub(crate) fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Takes what is next, `leaders` of the last batch first. Waits at most `patience`.
    pub(crate) fn take(&self, mut batch: Vec<Entry>, patience: Duration) -> Next {
        let mut inner = self.lock();
        if batch.is_empty() && inner.queued() == 0 && !inner.stopping {
            inner.waiting = true;
            let wait = self.arrived.wait_timeout(inner, patience);
            (inner, _) = wait.expect("no holder of the queue panics");
            inner.waiting = false;
        }
        for part in Part::ALL {
            let free = BATCH_COMMANDS_MAX.saturating_sub(batch.len());
            let line = &mut inner.parts[part.index()];
            let count = part.share().min(free).min(line.len());
            batch.extend(line.drain(..count));
        }
        for part in Part::ALL {
            let free = BATCH_COMMANDS_MAX.saturating_sub(batch.len());
            let line = &mut inner.parts[part.index()];
            let count = free.min(line.len());
            batch.extend(line.drain(..count));
        }
        match (batch.is_empty(), inner.stopping) {
            (false, _) => Next::Batch(batch),
            (true, false) => Next::Idle,
            (true, true) => Next::Stop,
        }
    }

    /// Takes no more commands; those in line are still run.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaoki_core::ids::FactId;

    fn entry(part: Part) -> Entry {
        let command = Command::ExpireHold(FactId(1));
        let deadline = Instant(i64::MAX);
        Entry { command, part, deadline, reply: Box::new(|_| {}), later: 0 }
    }

    fn taken(queue: &Queue) -> [usize; 3] {
        let Next::Batch(batch) = queue.take(Vec::new(), Duration::ZERO) else { return [0; 3] };
        Part::ALL.map(|part| batch.iter().filter(|entry| entry.part == part).count())
    }

    #[test]
    fn each_part_has_its_share_of_a_batch_and_free_places_go_to_others() {
        let queue = Queue::default();
        for part in [Part::Money, Part::Strangers] {
            for _ in 0..256 {
                assert!(queue.push(Box::new(entry(part))).is_ok());
            }
        }
        assert_eq!(taken(&queue), [240, 0, 16]);
        assert_eq!(taken(&queue), [16, 0, 240]);
        assert_eq!(taken(&queue), [0, 0, 0]);
    }

    #[test]
    fn a_full_part_refuses_and_leaves_the_others_room() {
        let queue = Queue::default();
        while queue.push(Box::new(entry(Part::Strangers))).is_ok() {}
        assert_eq!(queue.queued(), 256);
        assert!(queue.push(Box::new(entry(Part::Money))).is_ok());
    }

    #[test]
    fn a_stopping_queue_runs_what_is_in_line_and_takes_no_more() {
        let queue = Queue::default();
        assert!(queue.push(Box::new(entry(Part::Money))).is_ok());
        queue.stop();
        assert!(queue.push(Box::new(entry(Part::Money))).is_err());
        assert_eq!(taken(&queue), [1, 0, 0]);
        assert!(matches!(queue.take(Vec::new(), Duration::ZERO), Next::Stop));
    }
}
