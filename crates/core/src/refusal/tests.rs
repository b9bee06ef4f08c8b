//! Promises of the list of refusals.

use super::*;
use std::collections::BTreeSet;

#[test]
fn numbers_and_names_are_unique_and_ascend_with_precedence() {
    let numbers: Vec<i64> = Refusal::ALL.iter().map(|refusal| refusal.number()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let names: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
}

#[test]
fn every_refusal_says_what_must_hold_and_what_to_do() {
    for &refusal in Refusal::ALL {
        assert!(refusal.sentence().ends_with('.') && refusal.cure().ends_with('.'));
        assert_eq!(Refusal::from_number(refusal.number()), Some(refusal));
        assert_eq!(refusal.status() == 200, refusal.finality() == Finality::Recorded);
    }
}

#[test]
fn the_page_has_a_line_for_each_refusal() {
    let page = markdown();
    for refusal in Refusal::ALL {
        let start = format!("| {} | `{}` |", refusal.number(), refusal.name());
        let line = page.lines().find(|line| line.starts_with(&start)).expect("a line");
        assert!(line.contains(refusal.sentence()) && line.contains(refusal.cure()));
        assert_eq!(line.matches('|').count(), 7, "six cells: {line}");
    }
}
