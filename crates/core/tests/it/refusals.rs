//! Every refusal is reached by a case.

use std::collections::BTreeSet;

use yaoki_core::refusal::Refusal;

use crate::{admin_cases, identity_cases, money_in, register_cases, staff_cases, switched};

#[test]
fn every_refusal_is_reached_by_a_case() {
    let mut said: Vec<String> = admin_cases::all().into_iter().map(|case| case.0).collect();
    said.push(admin_cases::full());
    said.extend(money_in::all().into_iter().map(|case| case.0));
    said.extend(staff_cases::all().into_iter().map(|case| case.0));
    let shown = admin_cases::shows().into_iter().filter_map(|(said, _)| said.err());
    let asked = admin_cases::partners().into_iter().filter_map(|(said, _)| said.err());
    said.extend(shown.chain(asked).map(|refusal| refusal.name().to_owned()));
    said.extend(switched::refused());
    // The tables are held to these words by tests of their own.
    said.extend(register_cases::all().map(|(_, expected)| expected.to_owned()));
    said.extend(identity_cases::all().map(|(_, expected)| expected.to_owned()));
    let words = said.iter().flat_map(|said| said.split([' ', ',']));
    let words: BTreeSet<&str> = words.collect();
    let missed = Refusal::ALL.iter().filter(|refusal| !words.contains(refusal.name()));
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&Refusal>::new());
}
