//! A new key for the terminal that asks, under its present one.
//!
//! A browser that becomes a register opens a link with the terminal's key behind `#`. The page
//! takes it out of the address, but browsers keep what was opened in their history. So the page
//! asks for a new key at once, and what the link said is dead two minutes later: long enough to ask
//! again under the same request id where the answer was lost, which gives the same key.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::command::{Act, Administer};
use yaoki_core::facts::Event;
use yaoki_core::ids::RequestId;
use yaoki_core::refusal::Refusal;
use yaoki_core::time::MINUTE_MS;
use yaoki_store::{Conn, Part, StoreError, read};

use super::lists::Signer;
use crate::api::fields;
use crate::api::render;
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::key_text;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::edge::signed::Signed;
use crate::metrics::Endpoint;

/// How long the key before still works, milliseconds: until a lost answer was asked for again.
const PREVIOUS_KEY_MS: i64 = 2 * MINUTE_MS;

/// Asking for a new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest<'a> {
    /// A UUID that the register made and kept before sending.
    #[schema(format = "uuid")]
    #[serde(borrow)]
    request_id: Cow<'a, str>,
}

/// The terminal's new key.
#[derive(Serialize, ToSchema)]
#[schema(as = TerminalKey)]
pub struct RenewAnswer {
    terminal: String,
    /// Of the new key.
    generation: i64,
    /// 64 hex digits; the key before ends in two minutes.
    key: String,
}

/// Gives the terminal a new key; the one that signed ends in two minutes.
#[utoipa::path(
    post,
    path = "/v1/terminal/key",
    tag = "register",
    security(("terminal" = [])),
    request_body = RenewRequest,
    responses(
        (status = 200, description = "The new key", body = RenewAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn renew(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let asked: RenewRequest<'_> = request::json(&signed.body)?;
        let asked = fields::request_id("request_id", &asked.request_id)?;
        let request = RequestId::of_renewal(signed.terminal, asked);
        let who = Signer::of(&app, &signed);
        let read =
            app.read(Side::Registers, signed.deadline, move |conn| may_renew(conn, who, request));
        read.await??;
        signed.is_believed();
        let terminal = identifier::text(Kind::Terminal, signed.terminal.0);
        let act = Act::RotateTerminalKey(signed.terminal, app.now().plus_ms(PREVIOUS_KEY_MS));
        let reason = "the register was paired".to_owned();
        let administer = Administer { reason, ..Administer::alone(request, &terminal, act) };
        app.administer(Part::Money, administer, signed.deadline).await?;
        let generation = signed.generation + 1;
        let number = u32::try_from(generation).map_err(|_| Refusal::TerminalKeyMustBeCurrent)?;
        let keyring = app.keyring();
        let key = keyring.file.terminal_key(signed.terminal.0.cast_unsigned(), number);
        Ok(render::said(&RenewAnswer { terminal, generation, key: key_text(key.expose()) }))
    };
    app.answer(Endpoint::Renew, work).await
}

/// The present key renews itself. The one before, while it still works, only hears again what it
/// was told: whoever found it in a history takes nothing over.
fn may_renew(
    conn: &mut Conn,
    who: Signer,
    request: RequestId,
) -> Result<Result<(), Refusal>, StoreError> {
    let terminal = match super::lists::signer(conn, who)? {
        Ok(terminal) => terminal,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let told: Option<Event> = read::event(conn, request)?;
    let holds = match told {
        Some(_) => terminal.generation == who.generation + 1,
        None => terminal.generation == who.generation,
    };
    Ok(if holds { Ok(()) } else { Err(Refusal::TerminalKeyMustBeCurrent) })
}
