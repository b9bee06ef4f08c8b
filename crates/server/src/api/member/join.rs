//! Redeeming an invitation: the browser is a device that waits until the inviting one approves it.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::identity::act::IdentityAct;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{DeviceState, EnrolmentWay};
use yaoki_core::time::MINUTE_MS;
use yaoki_store::{Conn, StoreError, read};

use super::address::digest;
use super::{Acting, SignedIn, book, new_device, signed_in, with_cookie};
use crate::api::{fields, render};
use crate::app::App;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proof::NO_DEVICE;
use crate::edge::proven::{Newcomer, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::{Endpoint, Said};

/// The digits of an invitation: Crockford's base 32, without those that look alike.
pub(super) const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How many there are: 40 bits. A guess finds a device that waits, and that nobody approves.
pub(super) const CHARACTERS: usize = 8;

/// A step of joining.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum JoinRequest {
    /// An invitation is redeemed.
    Redeem {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// Eight characters.
        invitation: String,
    },
    /// Whether it was approved.
    State {
        /// The device, as `redeem` named it.
        device: String,
    },
}

/// How a device that was invited stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Joining)]
pub struct JoinAnswer {
    /// The device.
    device: String,
    /// `pending`, `active` or `ended`.
    state: &'static str,
    /// Once it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_in: Option<SignedIn>,
}

/// Makes a browser a device that waits for approval, and says what became of it.
#[utoipa::path(
    post,
    path = "/v1/member/join",
    tag = "member",
    security(("new_device" = [])),
    request_body = JoinRequest,
    responses(
        (status = 200, description = "How it stands", body = JoinAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn join(State(app): State<App>, newcomer: Result<Newcomer, Problem>) -> Response {
    let work = async {
        let newcomer = newcomer?;
        match request::json(&newcomer.body)? {
            JoinRequest::Redeem { request_id, invitation } => {
                let request = fields::request_id("request_id", &request_id)?;
                let digest = invitation_digest(&app, &invitation)?;
                let read = app
                    .read(Side::Devices, newcomer.deadline, move |conn| read::link(conn, digest));
                let inviting = read.await?.map_or(MemberNumber::NONE, |link| link.member);
                let acting = Acting::browser(&newcomer, inviting, request);
                let device = new_device(&app, &newcomer.key, &newcomer.seen.label);
                let act = IdentityAct::RedeemInvitation(digest, device);
                let event = book(&app, acting, act).await?;
                let network = newcomer.seen.network.clone();
                app.write_down(FactId(event.object), network);
                stands(&app, &newcomer, FactId(event.object)).await
            }
            JoinRequest::State { device } => {
                let device = fields::device(&device)?;
                stands(&app, &newcomer, device).await
            }
        }
    };
    for_device(app.answer(Endpoint::Join, work).await, &app, NO_DEVICE)
}

/// What an invitation is found by, however it was typed.
pub(super) fn invitation_digest(app: &App, typed: &str) -> Result<[u8; 32], Problem> {
    let plain: String = typed
        .chars()
        .filter(|sign| !matches!(sign, ' ' | '-'))
        .map(|sign| match sign.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let good = plain.len() == CHARACTERS && plain.bytes().all(|byte| DIGITS.contains(&byte));
    if !good {
        return Err(Problem::field("invitation", "must be the eight characters of an invitation"));
    }
    Ok(digest(app, "invitation", &[plain.as_bytes()]))
}

/// How long after its approval a device that was invited is told its token.
const TOLD_MS: i64 = 15 * MINUTE_MS;

/// How the device of this key stands; of another's nothing is said.
async fn stands(app: &App, newcomer: &Newcomer, device: FactId) -> Result<Said, Problem> {
    let key = newcomer.key.public_key;
    let read = app.read(Side::Devices, newcomer.deadline, move |conn| own(conn, device, key));
    let (row, pays) = read.await?.ok_or(Refusal::DeviceMustBeActive)?;
    let of = (row.id, row.member, row.session);
    // Once it was approved, and not as a way in later: for that there are passkey and password.
    let active = row.state == DeviceState::Active
        && row.way == EnrolmentWay::Invitation
        && app.now() < row.session.at().plus_ms(TOLD_MS);
    let signed_in = active.then(|| signed_in(app, of, &newcomer.key.thumbprint, pays));
    let device = crate::edge::identifier::text(crate::edge::identifier::Kind::Device, row.id.0);
    let said = render::said(&JoinAnswer { device, state: row.state.name(), signed_in });
    Ok(if active { with_cookie(app, said, (row.id, row.member)) } else { said })
}

/// A device that is being added, and whether it pays.
type Own = Option<(yaoki_core::state::Device, bool)>;

fn own(conn: &mut Conn, device: FactId, key: [u8; 65]) -> Result<Own, StoreError> {
    let Some(row) = read::device(conn, device)?.filter(|row| row.public_key == key) else {
        return Ok(None);
    };
    let member = read::member(conn, row.member)?;
    let pays = member.is_some_and(|member| member.device == row.id);
    Ok(Some((row, pays)))
}
