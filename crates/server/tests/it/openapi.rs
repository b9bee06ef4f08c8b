//! The OpenAPI document and the first page.

use insta::assert_snapshot;
use serde_json::Value;
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::client::http::Request;
use yaoki_server::edge::listener::ListenerName;
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
            assert_eq!(operation["responses"]["default"].is_object(), path.starts_with("/v1/"));
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
        for link in html.split("href=\"").skip(1) {
            let target = link.split('"').next().expect("a link ends");
            assert_eq!(get(target).status, 200, "{target}");
        }
        assert_eq!(get("/openapi.json").body, openapi_json().into_bytes());
        let metrics = String::from_utf8(get("/metrics").body).expect("text");
        assert!(metrics.contains("yaoki_requests_total"), "{metrics}");
    }
}
