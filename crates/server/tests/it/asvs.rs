//! The list of ASVS requirements: whole, and with no tick that nothing proves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use yaoki_server::asvs::{Verdict, markdown, requirements};

use crate::pathways::sources;

/// Each chapter's requirements that are about who somebody is and what he may do, with their
/// levels.
const ALL: [&[(&str, u8)]; 8] = [
    &[
        ("2.1.3", 2),
        ("2.3.1", 1),
        ("2.3.2", 2),
        ("2.3.3", 2),
        ("2.3.4", 2),
        ("2.3.5", 3),
        ("2.4.1", 2),
        ("2.4.2", 3),
    ],
    &[
        ("6.1.1", 1),
        ("6.1.2", 2),
        ("6.1.3", 2),
        ("6.2.1", 1),
        ("6.2.2", 1),
        ("6.2.3", 1),
        ("6.2.4", 1),
        ("6.2.5", 1),
        ("6.2.7", 1),
        ("6.2.8", 1),
        ("6.2.9", 2),
        ("6.2.10", 2),
        ("6.2.11", 2),
        ("6.2.12", 2),
        ("6.3.1", 1),
        ("6.3.2", 1),
        ("6.3.3", 2),
        ("6.3.4", 2),
        ("6.3.5", 3),
        ("6.3.6", 3),
        ("6.3.7", 3),
        ("6.3.8", 3),
        ("6.4.1", 1),
        ("6.4.2", 1),
        ("6.4.3", 2),
        ("6.4.4", 2),
        ("6.4.6", 3),
        ("6.5.1", 2),
        ("6.5.2", 2),
        ("6.5.3", 2),
        ("6.5.4", 2),
        ("6.5.5", 2),
        ("6.5.6", 3),
        ("6.6.1", 2),
        ("6.6.2", 2),
        ("6.6.3", 2),
        ("6.6.4", 3),
        ("6.7.2", 3),
        ("6.8.1", 2),
        ("6.8.2", 2),
        ("6.8.4", 2),
    ],
    &[
        ("7.1.1", 2),
        ("7.1.2", 2),
        ("7.1.3", 2),
        ("7.2.1", 1),
        ("7.2.2", 1),
        ("7.2.3", 1),
        ("7.2.4", 1),
        ("7.3.1", 2),
        ("7.3.2", 2),
        ("7.4.1", 1),
        ("7.4.2", 1),
        ("7.4.3", 2),
        ("7.4.5", 2),
        ("7.5.1", 2),
        ("7.5.2", 2),
        ("7.5.3", 3),
    ],
    &[("8.1.3", 3), ("8.1.4", 3), ("8.2.4", 3), ("8.3.2", 3)],
    &[("9.1.1", 1), ("9.1.2", 1), ("9.1.3", 1), ("9.2.1", 1), ("9.2.2", 2), ("9.2.3", 2)],
    &[
        ("10.1.2", 2),
        ("10.2.1", 2),
        ("10.2.2", 2),
        ("10.5.1", 2),
        ("10.5.2", 2),
        ("10.5.3", 2),
        ("10.5.4", 2),
    ],
    &[("11.2.4", 3), ("11.4.2", 2), ("11.5.1", 2)],
    &[
        ("16.2.5", 2),
        ("16.3.1", 2),
        ("16.3.2", 2),
        ("16.3.3", 2),
        ("16.3.4", 2),
        ("16.4.3", 2),
        ("16.5.2", 2),
        ("16.5.3", 2),
    ],
];

#[test]
fn every_requirement_is_there_once_and_in_order() {
    let found: Vec<(&str, u8)> = requirements().map(|one| (one.id, one.level)).collect();
    assert_eq!(found, ALL.concat());
}

#[test]
fn what_is_met_names_its_place_and_tests_that_exist_and_the_rest_its_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the top folder");
    let mut found = Vec::new();
    sources(&top.join("crates"), &mut found);
    let all: String =
        found.iter().map(|path| fs::read_to_string(path).expect("a source")).collect();
    for one in requirements() {
        match one.verdict {
            Verdict::Met { place, tests } => {
                assert!(top.join(place).is_file(), "{}: {place}", one.id);
                assert!(!tests.is_empty(), "{}: a tick without a test", one.id);
                let names: BTreeSet<&str> = tests.iter().copied().collect();
                assert_eq!(names.len(), tests.len(), "{}: a test twice", one.id);
                for test in tests {
                    assert!(all.contains(&format!("fn {test}(")), "{}: {test}", one.id);
                }
            }
            Verdict::NotMet(why) | Verdict::NotApplicable(why) => {
                assert!(why.ends_with('.'), "{}: {why}", one.id);
            }
        }
    }
}

#[test]
fn the_page_has_a_line_for_each_requirement() {
    let page = markdown();
    for one in requirements() {
        assert!(page.contains(&format!("\n| {} | {} | ", one.id, one.level)), "{}", one.id);
        assert!(!one.what.contains('|'));
    }
}
