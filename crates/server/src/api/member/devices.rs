//! A member's devices: inviting another, approving and ending them, and which one pays.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::identity::INVITATION_MS;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::ids::{FactId, RequestId};
use yaoki_formats::qr_text::qr_svg;

use super::join::{CHARACTERS, DIGITS, invitation_digest};
use super::{Acting, Done, Renewal, book, renew_token};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, for_device};
use crate::edge::request;
use crate::metrics::{Endpoint, Said};

/// What is done to a device.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum DevicesRequest {
    /// Another device is invited.
    Invite {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
    },
    /// A device that waits has authority.
    Approve {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        device: String,
        /// Whether it pays from now on, in the place of this one.
        pays: bool,
    },
    /// A device is ended, or one that waits is refused.
    End {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        device: String,
    },
    /// A device pays from now on: another one, or this one where it may take that over.
    Pay {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        device: String,
    },
    /// A device that waits for the paying right does not get it.
    Refuse {
        /// A UUID that the device made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Which.
        device: String,
    },
}

/// An invitation, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationAnswer {
    /// Eight characters, in two groups.
    invitation: String,
    /// The same as a link to the wallet page, QR, SVG.
    qr_svg: String,
    /// Until when it can be redeemed.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum DevicesAnswer {
    /// To `invite`.
    Invitation(InvitationAnswer),
    /// To everything else.
    Done(Done),
}

/// Invites, approves and ends devices, and moves the paying right.
#[utoipa::path(
    post,
    path = "/v1/member/devices",
    tag = "member",
    security(("device" = [])),
    request_body = DevicesRequest,
    responses(
        (status = 200, description = "Done", body = DevicesAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn devices(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let (request, act) = match request::json(&proven.body)? {
            DevicesRequest::Invite { request_id } => {
                let request = fields::request_id("request_id", &request_id)?;
                return invite(&app, &proven, request).await;
            }
            DevicesRequest::Approve { request_id, device, pays } => {
                let secret = pays.then(|| app.random());
                (request_id, IdentityAct::ApproveDevice(fields::device(&device)?, secret))
            }
            DevicesRequest::End { request_id, device } => {
                (request_id, IdentityAct::EndDevice(fields::device(&device)?))
            }
            DevicesRequest::Pay { request_id, device } => {
                let act = IdentityAct::MovePayingRight(fields::device(&device)?, app.random());
                (request_id, act)
            }
            DevicesRequest::Refuse { request_id, device } => {
                (request_id, IdentityAct::RefusePayingRight(fields::device(&device)?))
            }
        };
        let request = fields::request_id("request_id", &request)?;
        book(&app, Acting::device(&proven, request), act).await?;
        proven.is_believed();
        Ok(render::said(&Done::ANSWER))
    };
    let response = app.answer(Endpoint::MemberDevices, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

/// The characters are made from the request, so that a lost answer is given again.
async fn invite(app: &App, proven: &Proven, request: RequestId) -> Result<Said, Problem> {
    let text = invitation_of(app, proven.device, request);
    let digest = invitation_digest(app, &text)?;
    let expires_at = app.now().plus_ms(INVITATION_MS);
    let act = IdentityAct::Invite(digest, expires_at);
    let event = book(app, Acting::device(proven, request), act).await?;
    proven.is_believed();
    let (one, two) = text.split_at(CHARACTERS / 2);
    let link = format!("{}/wallet#invite={text}", app.wallet_origin());
    Ok(render::said(&InvitationAnswer {
        invitation: format!("{one} {two}"),
        qr_svg: qr_svg(&link).map_err(|_| EdgeError::FaultOfOurs)?,
        expires_at: time::text(yaoki_core::time::Instant(event.number)),
    }))
}

/// Eight characters that nobody can tell beforehand who has not the key file.
fn invitation_of(app: &App, device: FactId, request: RequestId) -> String {
    let parts: [&[u8]; 2] = [&device.0.to_be_bytes(), &request.0];
    let digest = super::address::digest(app, "invitation of", &parts);
    digest[..CHARACTERS].iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
}
