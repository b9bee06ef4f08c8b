//! Turns of the book's reader threads, so that whoever looks much takes nothing from others.
//!
//! Registers and devices have a line each. Of the readers one is kept for readiness and one for the
//! console, which has no other, and of the rest neither side ever holds the last: a terminal that
//! pages lists for ever cannot keep a member from a code, and no operator slows either. A read in
//! line waits here, outside the book; whoever stops waiting, or whose deadline passes, leaves the
//! line, and that read is never run.
//!
//! Limits: [`READERS_MIN`] for these promises, [`LINE_MAX`] reads of a side waiting or running.
//!
//! Not here: how many reads one terminal or device has under way ([`super::pace`]); jobs and
//! operators, who are few and read without a turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Readers that a server needs: one for each side, one for the console, and one for readiness.
pub const READERS_MIN: usize = 4;
/// Readers that registers and devices do not share.
const KEPT: usize = 2;
/// The most reads of one side, in line or running.
pub const LINE_MAX: usize = 256;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Terminals: lists and the life of a payment.
    Registers,
    /// Members' devices: codes and wallets.
    Devices,
    /// Operators.
    Console,
    /// Whether this node is ready.
    Readiness,
}

/// The lines in front of the readers.
#[derive(Debug)]
pub struct ReadLines {
    /// Readers that registers and devices share.
    shared: Arc<Semaphore>,
    registers: Line,
    devices: Line,
    console: Line,
    readiness: Line,
}

/// A reader is free for whoever holds this.
#[derive(Debug)]
pub struct Turn {
    _permits: Vec<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Line {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Line {
    fn new(turns: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(LINE_MAX)), turns: Arc::new(Semaphore::new(turns)) }
    }
}

impl ReadLines {
    /// Lines in front of so many readers. Fewer than [`READERS_MIN`] keep the lines apart, but
    /// leave a reader to nobody.
    pub fn new(readers: usize) -> Self {
        let shared = readers.saturating_sub(KEPT).max(1);
        let side = shared.saturating_sub(1).max(1);
        Self {
            shared: Arc::new(Semaphore::new(shared)),
            registers: Line::new(side),
            devices: Line::new(side),
            console: Line::new(1),
            readiness: Line::new(1),
        }
    }

    /// Waits for a reader; none when the line is full.
    pub async fn turn(&self, side: Side) -> Option<Turn> {
        let line = match side {
            Side::Registers => &self.registers,
            Side::Devices => &self.devices,
            Side::Console => &self.console,
            Side::Readiness => &self.readiness,
        };
        let place = match Arc::clone(&line.places).try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits) => return None,
            Err(TryAcquireError::Closed) => unreachable!("{NEVER_CLOSED}"),
        };
        let mut permits = vec![place, acquire(&line.turns).await];
        if matches!(side, Side::Registers | Side::Devices) {
            permits.push(acquire(&self.shared).await);
        }
        Some(Turn { _permits: permits })
    }
}

const NEVER_CLOSED: &str = "a line is never closed";

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect(NEVER_CLOSED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// A turn that is to be had at once.
    fn now(lines: &ReadLines, side: Side) -> Option<Turn> {
        let mut turn = pin!(lines.turn(side));
        match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn.expect("the line is short")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn nobody_ever_holds_the_last_reader_of_another_side() {
        for readers in READERS_MIN..9 {
            for (greedy, other) in
                [(Side::Registers, Side::Devices), (Side::Devices, Side::Registers)]
            {
                let lines = ReadLines::new(readers);
                let mut held = Vec::new();
                held.extend(std::iter::from_fn(|| now(&lines, greedy)));
                assert_eq!(held.len(), readers - 3, "{readers} readers");
                for kept in [other, Side::Console, Side::Readiness] {
                    held.push(now(&lines, kept).expect("one is kept"));
                }
                for side in [greedy, other, Side::Console] {
                    assert!(now(&lines, side).is_none());
                }
                assert_eq!(held.len(), readers, "a turn is a reader");
            }
        }
    }

    #[test]
    fn a_full_line_turns_its_own_side_away_and_nobody_else() {
        let lines = ReadLines::new(4);
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> =
            (0..LINE_MAX).map(|_| Box::pin(lines.turn(Side::Registers))).collect();
        let mut held = Vec::new();
        for turn in &mut waiting {
            if let Poll::Ready(turn) = turn.as_mut().poll(&mut context) {
                held.push(turn);
            }
        }
        let mut refused = pin!(lines.turn(Side::Registers));
        assert!(matches!(refused.as_mut().poll(&mut context), Poll::Ready(None)));
        assert!(now(&lines, Side::Devices).is_some());
        drop((waiting, held));
        assert!(now(&lines, Side::Registers).is_some(), "whoever leaves gives the place back");
    }
}
