//! What concerns a whole wallet: freezing it, agreeing to terms, what becomes of a recovery, and
//! closing the account.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use yaoki_core::identity::act::IdentityAct;

use super::{Acting, Done, book};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::request;
use crate::metrics::Endpoint;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WalletAct {
    /// No money leaves by the member's act, until he lifts it.
    Freeze,
    /// He lifts it.
    Unfreeze,
    /// Terms and notices are agreed to.
    Consent,
    /// A recovery is ended.
    CancelRecovery,
    /// A recovery is not the member's: the wallet freezes.
    ContestRecovery,
    /// The account is closed; the right to the balance stays.
    Close,
}

/// An act on a whole wallet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletActRequest {
    /// A UUID that the device made and kept before sending.
    #[schema(format = "uuid")]
    request_id: String,
    /// What.
    act: WalletAct,
    /// The recovery, where one is meant, as the account names it.
    recovery: Option<String>,
    /// The version of the terms, where they are agreed to.
    terms: Option<i64>,
}

/// Acts on a whole wallet.
#[utoipa::path(
    post,
    path = "/v1/member/wallet",
    tag = "member",
    security(("device" = [])),
    request_body = WalletActRequest,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn wallet(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let work = async {
        let proven = proven?;
        let asked: WalletActRequest = request::json(&proven.body)?;
        let request = fields::request_id("request_id", &asked.request_id)?;
        let recovery = || fields::recovery(asked.recovery.as_deref().unwrap_or_default());
        let act = match asked.act {
            WalletAct::Freeze => IdentityAct::Freeze,
            WalletAct::Unfreeze => IdentityAct::Unfreeze,
            WalletAct::Consent => {
                let terms = asked.terms.unwrap_or_default();
                app.terms_must_be_present(terms)?;
                IdentityAct::Consent(terms)
            }
            WalletAct::CancelRecovery => IdentityAct::CancelRecovery(recovery()?),
            WalletAct::ContestRecovery => IdentityAct::ContestRecovery(recovery()?),
            WalletAct::Close => IdentityAct::Close,
        };
        book(&app, Acting::device(&proven, request), act).await?;
        proven.is_believed();
        Ok(render::said(&Done::ANSWER))
    };
    for_device(app.answer(Endpoint::MemberWallet, work).await, &app, device)
}
