//! The OpenAPI document and the first page.

use std::collections::BTreeSet;

use axum::response::IntoResponse;
use insta::assert_snapshot;
use serde_json::Value;
use yaoki_core::refusal::{Finality, Refusal};
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::client::http::Request;
use yaoki_server::edge::error::EdgeError;
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::problem::Problem;
use yaoki_server::web::refusals::PATH;
use yaoki_store::on_both_storages;

use crate::world::World;

#[test]
fn the_document_is_as_it_was_reviewed() {
    assert_snapshot!("document", openapi_json());
}

#[test]
fn every_operation_says_what_is_answered_and_how_callers_are_known() {
    let document: Value = serde_json::from_str(&openapi_json()).expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let name = format!("{method} {path}");
            assert!(operation["responses"]["200"].is_object(), "{name}");
            let signed = path.starts_with("/v1/") && !path.ends_with("/nonce");
            assert_eq!(operation["security"].is_array(), signed, "{name}");
            let may_refuse =
                path.starts_with("/v1/") || ["/demo/ca.crt", "/mailbox"].contains(&path.as_str());
            assert_eq!(operation["responses"]["default"].is_object(), may_refuse, "{name}");
        }
    }
}

on_both_storages! {
    fn the_first_page_loads_only_its_own_style_and_runs_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let get = |target| {
            let request = Request { method: "GET", target, headers: &[], body: b"" };
            world.anonymous(ListenerName::Public, &request)
        };
        let page = get("/");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        let html = String::from_utf8(page.body.clone()).expect("text");
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("<style"));
        for name in ListenerName::ALL {
            let address = format!("http://{}<", world.address(name));
            assert!(html.contains(&address), "{address}");
        }
        for link in html.split("href=\"").skip(1) {
            let target = link.split('"').next().expect("a link ends");
            assert_eq!(get(target).status, 200, "{target}");
        }
        assert_eq!(get("/openapi.json").body, openapi_json().into_bytes());
        let metrics = String::from_utf8(get("/metrics").body).expect("text");
        assert!(metrics.contains("yaoki_requests_total"), "{metrics}");
    }

    fn every_link_of_a_problem_leads_to_its_anchor_on_every_listener(db: &mut TestDatabase) {
        let world = World::new(db);
        let names: BTreeSet<&str> = (EdgeError::ALL.iter().map(|error| error.name()))
            .chain(Refusal::ALL.iter().map(|refusal| refusal.name()))
            .collect();
        for listener in ListenerName::ALL {
            let get = |target: &str| {
                let request = Request { method: "GET", target, headers: &[], body: b"" };
                world.anonymous(listener, &request)
            };
            // What a problem says, as it comes over the wire.
            let problem = get("/nothing/here").json();
            let link = problem["type"].as_str().expect("a link");
            assert_eq!(link, format!("{PATH}#not_found"));
            let page = get(PATH);
            assert_eq!(page.status, 200, "{}", listener.text());
            assert!(page.header("content-security-policy").is_some());
            assert_eq!(get("/static/style.css").status, 200);
            let html = String::from_utf8(page.body).expect("text");
            let anchors = html.split(" id=\"").skip(1);
            let anchors: Vec<&str> = anchors.filter_map(|rest| rest.split('"').next()).collect();
            assert_eq!(anchors.len(), names.len(), "each once");
            assert_eq!(anchors.into_iter().collect::<BTreeSet<_>>(), names);
        }
        for &error in EdgeError::ALL {
            assert_eq!(type_of(error.into()), format!("{PATH}#{}", error.name()));
        }
        let unrecorded = |refusal: &&Refusal| refusal.finality() == Finality::Unrecorded;
        for &refusal in Refusal::ALL.iter().filter(unrecorded) {
            assert_eq!(type_of(refusal.into()), format!("{PATH}#{}", refusal.name()));
        }
    }
}

/// The `type` of a problem document.
fn type_of(problem: Problem) -> String {
    let body = axum::body::to_bytes(problem.into_response().into_body(), 64 * 1024);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let body = runtime.block_on(body).expect("a body");
    let document: Value = serde_json::from_slice(&body).expect("JSON");
    document["type"].as_str().expect("a link").to_owned()
}
