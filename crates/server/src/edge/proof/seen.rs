//! Proofs that were accepted: none is accepted twice, so that what was overheard once shows no
//! code.
//!
//! A proof is remembered by a digest of what was signed, not of its signature: anybody can make a
//! second valid ECDSA signature out of a first. It is forgotten when its nonce is too old to be
//! accepted. When [`PROOFS_REMEMBERED_MAX`] are remembered, all are forgotten at once and every
//! nonce given until then becomes invalid ([`NonceEpoch`]): devices are two requests from their
//! code again, and nothing forgotten is ever accepted.
//!
//! Not here: other nodes. Nonces are every node's alike and this memory is one node's, so a proof
//! may be accepted once by each node in the 30 to 60 s that its nonce lives. What changes state
//! carries a request id, which the ledger settles.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use super::{ProofError, nonce_step};

/// The most proofs remembered; at 8,000 codes a second a minute's. About 20 MB.
pub const PROOFS_REMEMBERED_MAX: usize = 1 << 19;

/// Which nonces this node still accepts. Nonces of steps before `step` were forgotten; those of
/// `step` are salted, so that they differ from what was given in that step before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonceEpoch {
    step: u64,
    salt: u32,
}

impl NonceEpoch {
    /// What nonces of a step are made with, 0 for those of every node; none when they were
    /// forgotten.
    pub(super) const fn salt_of(self, step: u64) -> Option<u32> {
        if step > self.step {
            Some(0)
        } else if step == self.step {
            Some(self.salt)
        } else {
            None
        }
    }

    /// The epoch that begins when everything is forgotten in `step`.
    fn next(self, step: u64) -> Self {
        let salt = if step > self.step { 1 } else { self.salt.wrapping_add(1).max(1) };
        Self { step: step.max(self.step), salt }
    }
}

/// What a nonce is made from or judged by: the time, and the epoch of the node.
#[derive(Clone, Copy, Debug)]
pub struct NonceTime {
    /// Unix.
    pub now_ms: i64,
    /// Which nonces are still accepted.
    pub epoch: NonceEpoch,
}

impl From<i64> for NonceTime {
    /// A node that has forgotten nothing.
    fn from(now_ms: i64) -> Self {
        Self { now_ms, epoch: NonceEpoch::default() }
    }
}

/// A proof as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofMark {
    /// The step of its nonce.
    pub(super) step: u64,
    /// Of what was signed.
    pub(super) digest: [u8; 16],
}

/// The proofs that this node has accepted.
#[derive(Debug)]
pub struct SeenProofs {
    max: usize,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    epoch: NonceEpoch,
    steps: BTreeMap<u64, HashSet<[u8; 16]>>,
}

impl SeenProofs {
    /// None seen; at most `max` are remembered.
    pub fn new(max: usize) -> Self {
        Self { max, memory: Mutex::default() }
    }

    /// What nonces are made from and judged by at `now_ms` (Unix).
    pub fn time(&self, now_ms: i64) -> NonceTime {
        let epoch = self.memory.lock().expect("no holder panics").epoch;
        NonceTime { now_ms, epoch }
    }

    /// Remembers a proof that was verified at `time`.
    ///
    /// # Errors
    /// [`ProofError::Replayed`] when it was accepted before, [`ProofError::NonceStale`] when its
    /// nonce was forgotten since it was verified.
    pub fn accept(&self, mark: ProofMark, time: NonceTime) -> Result<(), ProofError> {
        let mut memory = self.memory.lock().expect("no holder panics");
        if memory.epoch.salt_of(mark.step) != time.epoch.salt_of(mark.step) {
            return Err(ProofError::NonceStale);
        }
        let now = nonce_step(time.now_ms);
        memory.steps.retain(|step, _| step.saturating_add(1) >= now);
        let known = memory.steps.get(&mark.step).is_some_and(|seen| seen.contains(&mark.digest));
        if known {
            return Err(ProofError::Replayed);
        }
        if memory.steps.values().map(HashSet::len).sum::<usize>() >= self.max {
            memory.steps.clear();
            memory.epoch = memory.epoch.next(now);
            tracing::warn!("every accepted proof was forgotten, and every nonce with them");
            // This one's nonce is invalid from now on: it needs no memory.
            return Ok(());
        }
        memory.steps.entry(mark.step).or_default().insert(mark.digest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::NONCE_STEP_MS;
    use super::*;

    const NOW_MS: i64 = 1_800_000_015_000;

    fn mark(step: u64, number: u8) -> ProofMark {
        ProofMark { step, digest: [number; 16] }
    }

    #[test]
    fn a_proof_is_accepted_once_and_forgotten_when_its_nonce_is_too_old() {
        let (seen, step) = (SeenProofs::new(9), nonce_step(NOW_MS));
        let at = |now_ms| seen.time(now_ms);
        assert_eq!(seen.accept(mark(step, 1), at(NOW_MS)), Ok(()));
        assert_eq!(seen.accept(mark(step, 1), at(NOW_MS)), Err(ProofError::Replayed));
        assert_eq!(seen.accept(mark(step, 2), at(NOW_MS)), Ok(()));
        let later = NOW_MS + NONCE_STEP_MS;
        assert_eq!(seen.accept(mark(step, 1), at(later)), Err(ProofError::Replayed));
        let much_later = later + NONCE_STEP_MS;
        assert_eq!(seen.accept(mark(step + 2, 1), at(much_later)), Ok(()));
        let memory = seen.memory.lock().expect("no holder panics");
        assert_eq!(memory.steps.len(), 1, "no longer than its nonce lives");
    }

    #[test]
    fn a_full_memory_is_forgotten_with_every_nonce_that_was_given() {
        let (seen, step) = (SeenProofs::new(2), nonce_step(NOW_MS));
        let before = seen.time(NOW_MS);
        for number in 1..=3 {
            assert_eq!(seen.accept(mark(step, number), before), Ok(()), "{number}");
        }
        // Verified before, and not remembered: its nonce is no longer one.
        assert_eq!(seen.accept(mark(step, 4), before), Err(ProofError::NonceStale));
        let after = seen.time(NOW_MS);
        assert_ne!(after.epoch.salt_of(step), before.epoch.salt_of(step));
        assert_eq!(after.epoch.salt_of(step - 1), None);
        assert_eq!(after.epoch.salt_of(step + 1), Some(0), "the next step is every node's alike");
        for number in 1..=3 {
            assert_eq!(seen.accept(mark(step, number), after), Ok(()), "{number}");
        }
        let again = seen.time(NOW_MS);
        assert_ne!(again.epoch.salt_of(step), after.epoch.salt_of(step), "twice in one step");
    }
}
