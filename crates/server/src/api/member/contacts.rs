//! A member's addresses: another one proved by a typed code, and one removed, with a way back.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::ids::RequestId;
use yaoki_core::refusal::Refusal;
use yaoki_store::read;

use super::address::Typed;
use super::sign_up::{Asked, CodeAnswer, code_digest, language_of, new_challenge};
use super::{Acting, Done, Renewal, book, booked, challenge, renew_token};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// What is done to an address.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum ContactsRequest {
    /// A code is sent to this address.
    Begin {
        /// A mail address or a telephone number.
        address: String,
        /// `ja` or `en`.
        language: String,
    },
    /// The code is typed; typed rightly, the address is on file.
    Code {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Eight digits.
        code: String,
    },
    /// An address is removed.
    End {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which, as the account names it.
        contact: String,
    },
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ContactsAnswer {
    /// To `begin`, and to `code`.
    Code(CodeAnswer),
    /// To `end`.
    Done(Done),
}

/// Puts addresses on file and removes them.
#[utoipa::path(
    post,
    path = "/v1/member/contacts",
    tag = "member",
    security(("device" = [])),
    request_body = ContactsRequest,
    responses(
        (status = 200, description = "Done", body = ContactsAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn contacts(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let id = Challenge::id_of(Purpose::AddContact, &proven.key.thumbprint);
        match request::json(&proven.body)? {
            ContactsRequest::Begin { address, language } => {
                let (typed, language) = (Typed::read(&address)?, language_of(&language)?);
                let asked = Asked { purpose: Purpose::AddContact, member: proven.member };
                let binding = &proven.key.thumbprint;
                let (opened, code) = new_challenge(&app, asked, binding, (&typed, language));
                let acting = Acting::device(&proven, RequestId(app.random()));
                let act = IdentityAct::OpenChallenge(opened, code);
                let opened = challenge(&app, acting, act).await?;
                proven.is_believed();
                Ok(render::said(&CodeAnswer::of(&opened)))
            }
            ContactsRequest::Code { request_id, code } => {
                let request = fields::request_id("request_id", &request_id)?;
                let acting = Acting::device(&proven, request);
                if booked(&app, acting, &[EventKind::ContactAdded]).await?.is_some() {
                    // The code is spent: a repeat is answered by the challenge as it stands.
                    let read = app.read(Side::Devices, acting.deadline, move |conn| {
                        read::challenge(conn, id)
                    });
                    let spent = read.await?.ok_or(Refusal::ChallengeMustBeOpen)?;
                    return Ok(render::said(&CodeAnswer::of(&spent)));
                }
                let tried = Acting::device(&proven, RequestId(app.random()));
                let act = IdentityAct::TryChallenge(id, code_digest(&app, &id, &code));
                let tried = challenge(&app, tried, act).await?;
                if tried.state == ChallengeState::Confirmed {
                    book(&app, acting, IdentityAct::AddContact(id)).await?;
                }
                proven.is_believed();
                Ok(render::said(&CodeAnswer::of(&tried)))
            }
            ContactsRequest::End { request_id, contact } => {
                let request = fields::request_id("request_id", &request_id)?;
                let digest = fields::contact(&contact)?;
                let acting = Acting { object: digest, ..Acting::device(&proven, request) };
                book(&app, acting, IdentityAct::EndContact(digest)).await?;
                proven.is_believed();
                Ok(render::said(&Done::ANSWER))
            }
        }
    };
    let response = app.answer(Endpoint::MemberContacts, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}
