//! The headers of answers that callers act on, declared in the OpenAPI document in one place: what
//! is sent depends on who asks and how it ended, not on the handler.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Object, OpenApi, RefOr, Response, Type};

/// The answers that are rendered from a recorded outcome, by the names of their schemas.
const RECORDED: [&str; 2] = ["Operation", "QueryAnswer"];
/// The tags of routes that take proofs: of devices, of browsers, of operators' browsers.
const PROVEN: [&str; 3] = ["device", "member", "console"];
/// The tags of routes that renew the token of a device.
const RENEWING: [&str; 2] = ["device", "member"];

/// Declares every header on every answer that may carry it.
pub fn declare(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            declare_in(operation);
        }
    }
}

fn declare_in(operation: &mut Operation) {
    let tags: Vec<&str> = operation.tags.iter().flatten().map(|tag| &**tag).collect();
    let is_proven = tags.iter().any(|tag| PROVEN.contains(tag));
    let is_of_console = tags.contains(&"console");
    let renews = tags.iter().any(|tag| RENEWING.contains(tag));
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if is_proven {
            add(response, "DPoP-Nonce", Type::String, "The nonce for the caller's next proof.");
        }
        if renews && status == "200" {
            let text = "A newer token for this device, now and then: to be sent from now on.";
            add(response, "Yaoki-Device-Token", Type::String, text);
        }
        if is_of_console && status == "200" {
            let text = "A newer token for this session, now and then: to be sent from now on.";
            add(response, "Yaoki-Console-Token", Type::String, text);
        }
        if status == "default" {
            let text = "After so many seconds it makes sense to ask again; not on every answer.";
            add(response, "Retry-After", Type::Integer, text);
            let text = "With status 401: how callers show who they are.";
            add(response, "WWW-Authenticate", Type::String, text);
        } else if is_recorded(response) {
            let text = "`true` where the same answer was given before: nothing was done anew.";
            add(response, "Idempotent-Replayed", Type::String, text);
        }
    }
}

fn is_recorded(response: &Response) -> bool {
    let schemas = response.content.values().filter_map(|content| match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    });
    let mut names = schemas.filter_map(|schema| match schema {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next(),
        RefOr::T(_) => None,
    });
    names.any(|name| RECORDED.contains(&name))
}

fn add(response: &mut Response, name: &str, kind: Type, description: &str) {
    let schema = Object::with_type(kind);
    let header: Header =
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
    response.headers.insert(name.to_owned(), header.into());
}
