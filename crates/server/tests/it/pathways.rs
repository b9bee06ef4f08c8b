//! Pathways to authority: every route and every order has its row, and every attack its test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::pathways::{Door, ORDERS_WITHOUT, PATHWAYS, ROUTES_WITHOUT, markdown};

use crate::attacks::staff::orders;

fn doors() -> impl Iterator<Item = Door> {
    PATHWAYS.iter().flat_map(|pathway| pathway.doors).copied()
}

#[test]
fn every_route_is_a_door_of_a_pathway_or_gives_no_authority() {
    let document: Value = serde_json::from_str(&openapi_json()).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("the document has paths");
    let there: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("a path has methods").keys();
            methods.map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    let owned = |(method, path): (&str, &str)| (method.to_owned(), path.to_owned());
    let with: BTreeSet<_> = doors()
        .filter_map(|door| match door {
            Door::Route(method, path) => Some(owned((method, path))),
            Door::Order(_) | Door::Host(_) => None,
        })
        .collect();
    let without: BTreeSet<_> = ROUTES_WITHOUT.iter().copied().map(owned).collect();
    assert_eq!(with.intersection(&without).count(), 0, "no route is both");
    let rows: BTreeSet<_> = with.union(&without).cloned().collect();
    assert_eq!(rows, there);
}

#[test]
fn every_order_is_a_door_of_a_pathway_or_gives_no_authority() {
    let there: BTreeSet<String> = orders().into_iter().collect();
    let with: BTreeSet<String> = doors()
        .filter_map(|door| match door {
            Door::Order(name) => Some(name.to_owned()),
            Door::Route(..) | Door::Host(_) => None,
        })
        .collect();
    let without: BTreeSet<String> = ORDERS_WITHOUT.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(with.intersection(&without).count(), 0, "no order is both");
    let rows: BTreeSet<_> = with.union(&without).cloned().collect();
    assert_eq!(rows, there);
}

/// Every Rust source below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_pathway_is_attacked_and_every_named_test_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates").to_owned();
    let mut found = Vec::new();
    sources(&crates, &mut found);
    let texts = found.iter().map(|path| fs::read_to_string(path).expect("a source"));
    let all: String = texts.collect();
    for pathway in PATHWAYS {
        assert!(!pathway.attacks.is_empty(), "{}", pathway.name);
        for attack in pathway.attacks {
            let there = all.contains(&format!("fn {}(", attack.test));
            assert!(there, "{}: {}", pathway.name, attack.test);
        }
    }
}

#[test]
fn the_page_names_every_pathway_and_door() {
    let page = markdown();
    for pathway in PATHWAYS {
        assert!(page.contains(&format!("## {}\n", pathway.name)));
    }
    assert!(page.contains("`POST /v1/member/recovery`") && page.contains("order `create_link`"));
}
