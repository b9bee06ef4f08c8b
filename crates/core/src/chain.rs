//! The chain: one BLAKE3 head a lane, extended by every commit over the canonical bytes of its
//! facts.
//!
//! Order inside a commit: operations by id, transfers by id, events by id, acknowledgements by
//! operation.

use crate::facts::{Acknowledgement, Event, Operation, Transfer};
use crate::ids::LaneNumber;
use crate::row::Row;
use crate::time::Instant;

/// The facts of one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// By id.
    pub operations: Vec<Operation>,
    /// By id.
    pub transfers: Vec<Transfer>,
    /// By id.
    pub events: Vec<Event>,
    /// By operation.
    pub acknowledgements: Vec<Acknowledgement>,
}

impl Facts {
    /// How many facts.
    pub fn count(&self) -> usize {
        self.operations.len()
            + self.transfers.len()
            + self.events.len()
            + self.acknowledgements.len()
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// The head after a commit: BLAKE3 over previous head, lane, seq, time and the facts' canonical
/// bytes.
pub fn extend(
    previous: &[u8; 32],
    lane: LaneNumber,
    seq: i64,
    at: Instant,
    facts: &Facts,
) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(64 + 256 * facts.count());
    bytes.extend_from_slice(previous);
    for number in [lane.0, seq, at.0] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    facts.operations.iter().for_each(|fact| fact.canonical(&mut bytes));
    facts.transfers.iter().for_each(|fact| fact.canonical(&mut bytes));
    facts.events.iter().for_each(|fact| fact.canonical(&mut bytes));
    // Operations, transfers and events are booked by ascending id; acknowledgements name operations
    // of any age, and two commands of one batch may name them in any order.
    let mut acknowledgements: Vec<&Acknowledgement> = facts.acknowledgements.iter().collect();
    acknowledgements.sort_unstable_by_key(|fact| fact.operation);
    for fact in acknowledgements {
        fact.canonical(&mut bytes);
    }
    *blake3::hash(&bytes).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FactId;

    fn facts(operations: &[i64]) -> Facts {
        let acknowledgement = |&operation: &i64| Acknowledgement {
            operation: FactId(operation),
            lane: LaneNumber(1),
            seq: 2,
        };
        let acknowledgements = operations.iter().map(acknowledgement).collect();
        Facts { acknowledgements, ..Facts::default() }
    }

    #[test]
    fn acknowledgements_are_chained_by_operation_whatever_command_came_first() {
        let head =
            |operations: &[i64]| extend(&[0; 32], LaneNumber(1), 2, Instant(3), &facts(operations));
        assert_eq!(head(&[7, 5, 6]), head(&[5, 6, 7]));
        assert_ne!(head(&[5, 6, 7]), head(&[5, 6, 8]));
        assert_ne!(head(&[5, 6, 7]), head(&[5, 6]));
    }

    #[test]
    fn a_head_depends_on_the_head_before_lane_seq_and_time() {
        let facts = facts(&[5]);
        let heads = [
            extend(&[0; 32], LaneNumber(1), 2, Instant(3), &facts),
            extend(&[1; 32], LaneNumber(1), 2, Instant(3), &facts),
            extend(&[0; 32], LaneNumber(2), 2, Instant(3), &facts),
            extend(&[0; 32], LaneNumber(1), 3, Instant(3), &facts),
            extend(&[0; 32], LaneNumber(1), 2, Instant(4), &facts),
        ];
        let different: std::collections::BTreeSet<_> = heads.iter().collect();
        assert_eq!(different.len(), heads.len());
    }
}
