//! The table state × command, cell by cell, against what DESIGN.md and the issue say.

use std::collections::BTreeMap;

use yaoki_core::payment_states::{cells, markdown};

/// Written from the text of the design, never from the output. `D x` is declined, `U x` unknown,
/// `A` the stored answer again.
const ASKING_AGAIN: &[(&str, [&str; 5])] = &[
    // same request again, same id with another meaning, the member confirms, query, expire
    ("unseen", ["S → paid", "S → paid", "S → paid", "U not_seen", "U hold_must_be_over"]),
    (
        "declined",
        ["A D balance_too_low", MEANING, SETTLED, "D balance_too_low", "U hold_must_be_over"],
    ),
    (
        "tombstoned",
        [
            "A D reversed_before_arrival",
            "A D reversed_before_arrival",
            SETTLED,
            "D reversed_before_arrival",
            "U hold_must_be_over",
        ],
    ),
    ("paid", SEEN),
    ("partly refunded", SEEN),
    ("wholly refunded", SEEN),
    ("reversed", SEEN),
    ("authorized", SEEN),
    ("authorized, past its time", ["A S", MEANING, SETTLED, "S", "S → expired"]),
    ("captured in part", SEEN),
    ("captured in whole", SEEN),
    ("captured, partly refunded", SEEN),
    ("captured, wholly refunded", SEEN),
    ("captured, then reversed", SEEN),
    ("released by a reverse", SEEN),
    ("voided", SEEN),
    ("expired", ["A S", MEANING, SETTLED, "S", "A S"]),
];
const MEANING: &str = "U request_id_has_another_meaning";
const SETTLED: &str = "U order_is_settled";
const SEEN: [&str; 5] = ["A S", MEANING, SETTLED, "S", "U hold_must_be_over"];

const SETTLING: &[(&str, [&str; 7])] = &[
    // refund a part, what is left, more; capture a part, what is held, more; void
    ("unseen", [NO_PAYMENT; 7]),
    ("declined", [NO_PAYMENT; 7]),
    ("tombstoned", [NO_PAYMENT; 7]),
    ("paid", ["S → partly refunded", "S → wholly refunded", EXCEEDS, PAID, PAID, PAID, PAID]),
    ("partly refunded", ["S", "S → wholly refunded", EXCEEDS, PAID, PAID, PAID, PAID]),
    ("wholly refunded", [EXCEEDS, EXCEEDS, EXCEEDS, PAID, PAID, PAID, PAID]),
    ("reversed", [REVERSED; 7]),
    (
        "authorized",
        [
            UNPAID,
            UNPAID,
            UNPAID,
            "S → captured in part",
            "S → captured in whole",
            "D capture_exceeds_hold",
            "S → voided",
        ],
    ),
    ("authorized, past its time", [UNPAID, UNPAID, UNPAID, OVER, OVER, OVER, OVER]),
    (
        "captured in part",
        [
            "S → captured, wholly refunded",
            "S → captured, wholly refunded",
            EXCEEDS,
            TAKEN,
            TAKEN,
            TAKEN,
            TAKEN,
        ],
    ),
    (
        "captured in whole",
        [
            "S → captured, partly refunded",
            "S → captured, wholly refunded",
            EXCEEDS,
            TAKEN,
            TAKEN,
            TAKEN,
            TAKEN,
        ],
    ),
    (
        "captured, partly refunded",
        ["S", "S → captured, wholly refunded", EXCEEDS, TAKEN, TAKEN, TAKEN, TAKEN],
    ),
    ("captured, wholly refunded", [EXCEEDS, EXCEEDS, EXCEEDS, TAKEN, TAKEN, TAKEN, TAKEN]),
    ("captured, then reversed", [REVERSED; 7]),
    ("released by a reverse", [OVER; 7]),
    ("voided", [OVER; 7]),
    ("expired", [OVER; 7]),
];
const NO_PAYMENT: &str = "D payment_must_exist";
const EXCEEDS: &str = "D refund_exceeds_payment";
const PAID: &str = "D payment_must_be_authorized";
const UNPAID: &str = "D payment_must_be_paid";
const OVER: &str = "D authorization_is_over";
const TAKEN: &str = "D already_captured";
const REVERSED: &str = "D payment_is_reversed";

const REVERSING: &[(&str, [&str; 6])] = &[
    // the request; then again with a new id; the capture; a refund; a void; a reversal
    ("unseen", ["S never_seen → tombstoned", "S never_seen", NONE, NONE, NONE, NONE]),
    ("declined", [NOTHING, NOTHING, NONE, NONE, NONE, NONE]),
    ("tombstoned", ["S never_seen", "S never_seen", NONE, NONE, NONE, UNDOING]),
    ("paid", ["gives back 1000 → reversed", NOTHING, NONE, NONE, NONE, NONE]),
    ("partly refunded", ["gives back 700 → reversed", NOTHING, NONE, REFUND, NONE, NONE]),
    ("wholly refunded", ["gives back 0 → reversed", NOTHING, NONE, REFUND, NONE, NONE]),
    ("reversed", [NOTHING, NOTHING, NONE, NONE, NONE, UNDOING]),
    ("authorized", ["releases 1000 → released by a reverse", NOTHING, NONE, NONE, NONE, NONE]),
    (
        "authorized, past its time",
        ["releases 1000 → released by a reverse", NOTHING, NONE, NONE, NONE, NONE],
    ),
    (
        "captured in part",
        [TAKEN, TAKEN, "gives back 300 → captured, then reversed", NONE, NONE, NONE],
    ),
    (
        "captured in whole",
        [TAKEN, TAKEN, "gives back 1000 → captured, then reversed", NONE, NONE, NONE],
    ),
    (
        "captured, partly refunded",
        [TAKEN, TAKEN, "gives back 700 → captured, then reversed", REFUND, NONE, NONE],
    ),
    (
        "captured, wholly refunded",
        [TAKEN, TAKEN, "gives back 0 → captured, then reversed", REFUND, NONE, NONE],
    ),
    ("captured, then reversed", [NOTHING, NOTHING, NOTHING, NONE, NONE, UNDOING]),
    ("released by a reverse", [NOTHING, NOTHING, NONE, NONE, NONE, UNDOING]),
    ("voided", [NOTHING, NOTHING, NONE, NONE, "D void_is_final", NONE]),
    ("expired", [NOTHING, NOTHING, NONE, NONE, NONE, NONE]),
];
const NONE: &str = "–";
const NOTHING: &str = "S nothing_to_undo";
const REFUND: &str = "D refund_is_final";
const UNDOING: &str = "D reversal_is_final";

const COMMANDS: [&str; 18] = [
    "the same request again",
    "the same id, another meaning",
    "the member confirms it as an order",
    "query",
    "expire",
    "refund a part",
    "refund what is left",
    "refund more",
    "capture a part",
    "capture what is held",
    "capture more",
    "void",
    "reverse the request",
    "reverse it, then again with a new id",
    "reverse the capture",
    "reverse a refund",
    "reverse a void",
    "reverse a reversal",
];

/// The page's words in the short form of the tables above.
fn short(answer: &str) -> String {
    answer
        .replace("again: ", "A ")
        .replace("succeeded", "S")
        .replace("declined", "D")
        .replace("unknown", "U")
        .replace('`', "")
}

fn expected() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let mut expected = BTreeMap::new();
    for (index, &(state, again)) in ASKING_AGAIN.iter().enumerate() {
        assert_eq!((SETTLING[index].0, REVERSING[index].0), (state, state));
        let row = again.iter().chain(&SETTLING[index].1).chain(&REVERSING[index].1);
        for (command, &answer) in COMMANDS.iter().zip(row) {
            expected.insert((state, *command), answer);
        }
    }
    expected
}

#[test]
fn every_cell_says_what_the_design_says() {
    let mut expected = expected();
    for cell in cells() {
        let wanted = expected.remove(&(cell.state, cell.command));
        let found = short(&cell.answer);
        assert_eq!(Some(found.as_str()), wanted, "{} × {}", cell.state, cell.command);
    }
    assert!(expected.is_empty(), "expected, but not in the table: {expected:?}");
}

#[test]
fn the_page_has_a_line_for_each_state_in_each_of_its_tables() {
    let page = markdown();
    for (state, _) in ASKING_AGAIN {
        assert_eq!(page.matches(&format!("| **{state}** |")).count(), 3, "{state}");
    }
    for command in COMMANDS {
        assert!(page.contains(&format!("| {command} |")), "{command}");
    }
    assert_eq!(page.matches("\n# ").count() + usize::from(page.starts_with("# ")), 1);
}
