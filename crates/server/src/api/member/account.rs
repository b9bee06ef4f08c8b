//! Everything that a member has about himself, for the pages of his devices.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::identity::people::People;
use yaoki_core::ids::FactId;
use yaoki_core::state::{Device, DeviceState, Member};
use yaoki_core::time::Instant;
use yaoki_store::table::DeviceSeen;
use yaoki_store::{Conn, StoreError, read};

use super::recovery::is_alarming;
use super::{Renewal, renew_token};
use crate::api::{render, time};
use crate::app::App;
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::proven::{Proven, Who, for_device};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Asking for the account. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {}

/// A device of the member's.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountDevice)]
#[expect(clippy::struct_excessive_bools, reason = "an answer of the API, each a fact of its own")]
pub struct DeviceShown {
    device: String,
    /// Such as "Safari on iPhone".
    label: String,
    /// `active` or `pending`.
    state: &'static str,
    /// `link`, `sign_up`, `invitation`, `passkey` or `recovery`.
    way: &'static str,
    /// Whether it is the one that asks.
    this: bool,
    /// Whether it shows codes.
    pays: bool,
    /// Whether it is signed in.
    signed_in: bool,
    /// Whether the limits of a new device hold for it.
    limited: bool,
    #[schema(format = "date-time")]
    added_at: String,
    /// When it signed last, to the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    seen_at: Option<String>,
    /// From which network.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// From when it takes the paying right, unless another device refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    pays_from: Option<String>,
}

/// A factor of the member's.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountFactor)]
pub struct FactorShown {
    factor: String,
    /// `passkey`, `password`, `totp`, `recovery_codes` or `external_id`.
    kind: &'static str,
    label: String,
    #[schema(format = "date-time")]
    added_at: String,
    /// Of recovery codes, how many are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
}

/// An address of the member's.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountContact)]
pub struct ContactShown {
    contact: String,
    /// `mail` or `sms`.
    channel: &'static str,
    address: String,
    #[schema(format = "date-time")]
    since: String,
}

/// A recovery that is under way.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountRecovery)]
pub struct RecoveryShown {
    recovery: String,
    state: &'static str,
    #[schema(format = "date-time")]
    started_at: String,
    /// From when it can be finished.
    #[schema(format = "date-time")]
    due_at: String,
}

/// A member's account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountAnswer {
    member: String,
    /// `open`, `frozen`, `frozen_by_member` or `closed`.
    state: &'static str,
    devices: Vec<DeviceShown>,
    factors: Vec<FactorShown>,
    contacts: Vec<ContactShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<RecoveryShown>,
    /// Whether this device's user was verified in the last five minutes.
    verified: bool,
    /// Whether this device was added within three days, and may do less.
    young: bool,
    /// The version of the terms that was agreed to; 0: none.
    terms: i64,
    /// The present version.
    terms_present: i64,
}

/// Everything that a member has about himself.
#[utoipa::path(
    post,
    path = "/v1/member/account",
    tag = "member",
    security(("device" = [])),
    request_body = AccountRequest,
    responses(
        (status = 200, description = "The account", body = AccountAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn account(State(app): State<App>, proven: Result<Proven, Problem>) -> Response {
    let device = crate::api::device::number_of(&proven);
    let renewal = proven.as_ref().ok().map(Renewal::of);
    let work = async {
        let proven = proven?;
        let AccountRequest {} = request::json(&proven.body)?;
        let (who, now) = (proven.who(), app.now());
        let read = app.read(Side::Devices, proven.deadline, move |conn| all_of(conn, who, now));
        let all = read.await??;
        proven.is_believed();
        app.note_seen(&proven);
        Ok(render::said(&shown(&app, &all, proven.device)))
    };
    let response = app.answer(Endpoint::MemberAccount, work).await;
    for_device(renew_token(response, &app, renewal.as_ref()), &app, device)
}

struct All {
    member: Member,
    people: People,
    seen: Vec<DeviceSeen>,
}

type Refused = yaoki_core::refusal::Refusal;

fn all_of(conn: &mut Conn, who: Who, now: Instant) -> Result<Result<All, Refused>, StoreError> {
    let member = match crate::api::device::standing(conn, who, now)? {
        Ok((_, member)) => member,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let people = read::people_of(conn, who.member)?;
    let seen = read::devices_seen(conn, &people)?;
    Ok(Ok(All { member, people, seen }))
}

fn shown(app: &App, all: &All, asks: FactId) -> AccountAnswer {
    let (member, people, now) = (&all.member, &all.people, app.now());
    let this = people.devices.get(&asks);
    let devices = people.devices_of(member.number).filter(|row| row.state != DeviceState::Ended);
    let factors = people.credentials_of(member.number);
    let contacts = people.contacts_of(member.number);
    let recovery = people.recovery_of(member.number, now).filter(|row| is_alarming(row.state));
    let seen_at = DeviceSeen::latest(&all.seen);
    AccountAnswer {
        member: identifier::text(Kind::Member, member.number.0),
        state: member.state.name(),
        devices: devices.map(|row| device_shown(all, row, (asks, now))).collect(),
        factors: factors.map(factor_shown).collect(),
        contacts: contacts
            .map(|row| ContactShown {
                contact: hex::text(&row.digest),
                channel: row.channel.name(),
                address: row.address.0.clone(),
                since: time::text(row.since.at()),
            })
            .collect(),
        recovery: recovery.map(|row| RecoveryShown {
            recovery: identifier::text(Kind::Recovery, row.id.0),
            state: row.state.name(),
            started_at: time::text(row.id.at()),
            due_at: time::text(row.due_at(seen_at)),
        }),
        verified: this.is_some_and(|row| row.is_fresh(now)),
        young: this.is_some_and(|row| row.is_young(now)),
        terms: people.consents.get(&member.number).map_or(0, |row| row.terms),
        terms_present: app.members.terms,
    }
}

fn device_shown(all: &All, row: &Device, (asks, now): (FactId, Instant)) -> DeviceShown {
    let seen = all.seen.iter().find(|seen| seen.device == row.id);
    DeviceShown {
        device: identifier::text(Kind::Device, row.id.0),
        label: row.label.clone(),
        state: row.state.name(),
        way: row.way.name(),
        this: row.id == asks,
        pays: row.id == all.member.device,
        signed_in: row.is_signed_in(now),
        limited: row.is_limited(now),
        added_at: time::text(row.id.at()),
        seen_at: seen.map(|seen| time::text(seen.at)),
        network: seen.map(|seen| seen.network.clone()).filter(|text| !text.is_empty()),
        pays_from: (row.pays_from != Instant(0)).then(|| time::text(row.pays_from)),
    }
}

fn factor_shown(row: &yaoki_core::identity::credential::Credential) -> FactorShown {
    use yaoki_core::identity::credential::CredentialKind;
    let codes = u32::try_from(crate::identity::recovery_codes::CODES).expect("there are ten");
    let of_codes = row.kind == CredentialKind::RecoveryCodes;
    FactorShown {
        factor: identifier::text(Kind::Factor, row.id.0),
        kind: row.kind.name(),
        label: row.label.clone(),
        added_at: time::text(row.id.at()),
        left: of_codes.then(|| codes.saturating_sub(row.used.count_ones())),
    }
}
