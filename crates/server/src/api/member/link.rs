//! Links in messages. One opens a page; what it is for happens by a `POST` with two digits that the
//! page shows and a person types, because scanners of mail follow links and submit forms.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use yaoki_core::decide::Outcome;
use yaoki_core::identity::act::{By, IdentityAct};
use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::MemberState;
use yaoki_store::{Part, read};

use super::address::digest;
use super::{Acting, Done, request_of, submit};
use crate::api::render;
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proof::token::{LinkAct, MessageLink};
use crate::edge::proven::{Newcomer, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::{Endpoint, Said};

/// A step with a link.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkRequest {
    /// What it is for, and the digits.
    Look {
        /// What stands behind `#` in the link.
        token: String,
    },
    /// It is done.
    Confirm {
        /// What stands behind `#` in the link.
        token: String,
        /// The two digits that the page showed.
        digits: String,
    },
}

/// What a link is for.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageLink)]
pub struct LinkAnswer {
    /// `freeze`, `contest` or `return`.
    purpose: &'static str,
    /// To be typed.
    digits: String,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum LinkSaid {
    /// To `look`.
    Link(LinkAnswer),
    /// To `confirm`.
    Done(Done),
}

/// Freezes a wallet, contests a recovery or takes an address back, by a link from a message.
#[utoipa::path(
    post,
    path = "/v1/member/link",
    tag = "member",
    security(("new_device" = [])),
    request_body = LinkRequest,
    responses(
        (status = 200, description = "Done", body = LinkSaid),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn link(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            LinkRequest::Look { token } => {
                let link = opened(&app, &token)?;
                let purpose = match link.act {
                    LinkAct::Freeze => "freeze",
                    LinkAct::Contest => "contest",
                    LinkAct::Return => "return",
                };
                Ok(render::said(&LinkAnswer { purpose, digits: digits_of(&app, &link) }))
            }
            LinkRequest::Confirm { token, digits } => {
                let link = opened(&app, &token)?;
                let right = digits_of(&app, &link).as_bytes().ct_eq(digits.trim().as_bytes());
                if !bool::from(right) {
                    return Err(EdgeError::DigitsMustMatch.into());
                }
                confirm(&app, &newcomer, link).await
            }
        }
    };
    for_device(app.answer(Endpoint::MemberLink, work).await, &app, NO_DEVICE)
}

fn opened(app: &App, token: &str) -> Result<MessageLink, Problem> {
    let link = app.keyring().proof.open_link(token).ok();
    let link = link.filter(|link| app.now().0 < link.until_ms && link.member != 0);
    link.ok_or_else(|| EdgeError::MessageLinkMustHold.into())
}

fn digits_of(app: &App, link: &MessageLink) -> String {
    let digest = digest(app, "link digits", &[&link.chance]);
    format!("{:02}", u16::from_be_bytes([digest[0], digest[1]]) % 100)
}

/// What its chance made is its request: done again, it is answered again and changes nothing.
async fn confirm(app: &App, newcomer: &Newcomer, link: MessageLink) -> Result<Said, Problem> {
    let member = MemberNumber(i64::try_from(link.member).expect("we made the token"));
    let act = match link.act {
        LinkAct::Freeze => IdentityAct::Freeze,
        LinkAct::Return => IdentityAct::ReturnContact(link.object),
        LinkAct::Contest => {
            let (now, token) = (app.now(), link.object);
            // The recovery that the message told of, and no later one.
            let read = app.read(Side::Devices, newcomer.deadline, move |conn| {
                let people = read::people_of(conn, member)?;
                let row = people.recovery_of(member, now).filter(|row| row.token == token);
                Ok(row.map(|row| row.id))
            });
            let recovery = read.await?.ok_or(Refusal::RecoveryMustBeOpen)?;
            IdentityAct::ContestRecovery(recovery)
        }
    };
    let acting = Acting {
        by: By::Message,
        member,
        request: request_of(b"message link", RequestId(link.chance)),
        deadline: newcomer.deadline,
        part: Part::Strangers,
        object: [0; 32],
        who: None,
    };
    let done = submit(app, acting, act).await?;
    if link.act == LinkAct::Freeze && matches!(done, Outcome::Done { replayed: true, .. }) {
        // A link counts once: what was lifted since is not said to be frozen.
        let read =
            app.read(Side::Devices, newcomer.deadline, move |conn| read::member(conn, member));
        let open = read.await?.is_some_and(|row| row.state == MemberState::Open);
        if open {
            return Err(EdgeError::MessageLinkMustHold.into());
        }
    }
    Ok(render::said(&Done::ANSWER))
}
