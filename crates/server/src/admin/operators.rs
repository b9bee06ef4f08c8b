//! The first two operators, who are made on the host, and their links, which the host renews until
//! both have registered. Every later one is made by two of them, at the console.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use yaoki_core::command::Act;
use yaoki_core::ids::OperatorNumber;
use yaoki_core::operator::OPERATOR_LINK_MS;
use yaoki_store::BookKind;

use super::{AdminError, By, Desk, administer, number, random, told};
use crate::api::enrolment::{LINK_TOKEN_BYTES, link_digest};
use crate::api::time;
use crate::edge::identifier::Kind;

/// Tokens are random; only their digests are kept. A repeat tells none: those of the first time are
/// the ones that work.
///
/// # Errors
/// [`AdminError`]: there are operators, or members of a live book, or the names are one.
pub(super) fn create_first(desk: &Desk, by: &By, names: [&String; 2]) -> Result<Value, AdminError> {
    let tokens = [(); 2].map(|()| token(desk));
    let expires_at = (desk.clock)().plus_ms(OPERATOR_LINK_MS);
    let act = Act::CreateFirstOperators {
        names: names.map(Clone::clone),
        links: [&tokens[0], &tokens[1]].map(|token| link_digest(token)),
        expires_at,
        among_members: desk.book.kind() != BookKind::Live,
    };
    let (event, replayed) = administer(desk, by, act)?;
    let mut reply = told(&event, replayed);
    if !replayed {
        let [one, two] = tokens.map(|token| page(desk, &token));
        reply["one"] = one.into();
        reply["two"] = two.into();
        reply["expires_at"] = time::text(expires_at).into();
    }
    Ok(reply)
}

/// A new link for one of the first two who let his go by. A repeat tells none, as above.
///
/// # Errors
/// [`AdminError`]: he has registered, or two others have.
pub(super) fn renew_link(desk: &Desk, by: &By, operator: &str) -> Result<Value, AdminError> {
    let token = token(desk);
    let expires_at = (desk.clock)().plus_ms(OPERATOR_LINK_MS);
    let operator = OperatorNumber(number(Kind::Operator, operator)?);
    let act = Act::LinkOperator(operator, link_digest(&token), expires_at);
    let (event, replayed) = administer(desk, by, act)?;
    let mut reply = told(&event, replayed);
    if !replayed {
        reply["link"] = page(desk, &token).into();
        reply["expires_at"] = time::text(expires_at).into();
    }
    Ok(reply)
}

fn token(desk: &Desk) -> String {
    URL_SAFE_NO_PAD.encode(random::<LINK_TOKEN_BYTES>(desk))
}

fn page(desk: &Desk, token: &str) -> String {
    let app = desk.server.as_ref();
    let origin = app.map(|app| app.console.passkey_origin(app)).unwrap_or_default();
    format!("{origin}{}", operator_page(token))
}

/// The page at which an operator registers a passkey; a browser sends nothing of the token.
pub(crate) fn operator_page(token: &str) -> String {
    format!("/console#operator={token}")
}
