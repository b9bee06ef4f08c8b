//! Where a list of events goes on: one commit a lane, as one opaque word, `0-15.3-2`.

use yaoki_core::ids::{LANE_NUMBER_MAX, LaneNumber};
use yaoki_store::position::Positions;

/// A position as it is shown.
pub fn text(positions: &Positions) -> String {
    let lanes = positions.iter().map(|(lane, seq)| format!("{}-{seq}", lane.0));
    lanes.collect::<Vec<_>>().join(".")
}

/// Reads a position as it was shown; none for anything else.
pub fn parse(text: &str) -> Option<Positions> {
    let mut positions = Positions::new();
    for part in text.split('.') {
        let (lane, seq) = part.split_once('-')?;
        let (lane, seq) = (LaneNumber(number(lane)?), number(seq)?);
        let known = positions.last_key_value().is_none_or(|(last, _)| *last < lane);
        if lane.0 > LANE_NUMBER_MAX || !known {
            return None;
        }
        positions.insert(lane, seq);
    }
    Some(positions)
}

/// A number in the one way of writing it.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_shown_and_in_no_other_way() {
        let positions = Positions::from([(LaneNumber(0), 15), (LaneNumber(3), i64::MAX)]);
        assert_eq!(text(&positions), "0-15.3-9223372036854775807");
        assert_eq!(parse(&text(&positions)), Some(positions));
        for wrong in [
            "",
            "0",
            "0-",
            "-1",
            "0-1.",
            ".0-1",
            "0-01",
            "00-1",
            "0-1.0-2",
            "3-1.0-2",
            "1024-1",
            "0-9223372036854775808",
            "0--1",
            "0-1 ",
            "0-\u{ff11}",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
