//! The clock of this node against the database's: a node whose clock is off must not write, for
//! lanes take their time from it, and no lane's time ever goes back.

use yaoki_core::time::{Instant, SECOND_MS};

use crate::book::Clock;
use crate::conn::Conn;
use crate::error::StoreError;

/// So far apart two clocks may be.
pub const CLOCK_SKEW_MS_MAX: i64 = 500;
/// A lane's time may be so far ahead of its node's clock; beyond it, nothing that has a time limit
/// of its own is decided: it would be declined as too late for a fault of ours.
pub(crate) const AHEAD_MS_MAX: i64 = 2 * SECOND_MS;

/// Refuses a clock that is further off the database's than it may be. What the question took on its
/// way is not held against it. SQLite has no clock of its own.
///
/// # Errors
/// [`StoreError::ClockIsOff`], or what the database says.
pub fn check(conn: &mut Conn, clock: &Clock) -> Result<(), StoreError> {
    let asked_at = clock();
    let Some(theirs) = conn.server_time()? else { return Ok(()) };
    let off_ms = off(theirs, asked_at, clock());
    if off_ms.abs() > CLOCK_SKEW_MS_MAX {
        return Err(StoreError::ClockIsOff { off_ms });
    }
    Ok(())
}

/// How far ours is ahead of theirs, which was read between these two times of ours; milliseconds.
const fn off(theirs: Instant, asked_at: Instant, answered_at: Instant) -> i64 {
    if theirs.0 < asked_at.0 {
        asked_at.0 - theirs.0
    } else if theirs.0 > answered_at.0 {
        answered_at.0 - theirs.0
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_question_took_on_its_way_is_not_held_against_a_clock() {
        for (theirs, asked_at, answered_at, expected) in [
            (1000, 1000, 1000, 0),
            (1000, 900, 1800, 0),
            (1000, 1600, 1700, 600),
            (1000, 200, 300, -700),
        ] {
            let [theirs, asked_at, answered_at] = [theirs, asked_at, answered_at].map(Instant);
            assert_eq!(off(theirs, asked_at, answered_at), expected);
        }
    }
}
