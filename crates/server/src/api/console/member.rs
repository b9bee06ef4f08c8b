//! One member, as the help desk needs him: state, devices, and recoveries that are open. Neither
//! balance nor address nor secret: none of them is needed to help, and all are worth stealing.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::identity::people::People;
use yaoki_core::ids::MemberNumber;
use yaoki_core::message::Channel;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Device, DeviceState, Member};
use yaoki_core::time::Instant;
use yaoki_store::read;
use yaoki_store::table::DeviceSeen;

use super::session::{Operator, caller_of, for_operator};
use crate::api::member::address::Typed;
use crate::api::member::sign_in::owner_of;
use crate::api::{render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

/// Which member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleMemberRequest)]
pub struct MemberRequest<'a> {
    /// `mem_…`, as the member's account page shows it; or an address on file, as the caller says
    /// it.
    #[serde(borrow)]
    member: Cow<'a, str>,
}

/// A member.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleMember)]
pub struct MemberAnswer {
    member: String,
    /// `open`, `frozen_by_member`, `frozen` or `closed`.
    state: &'static str,
    /// Those that are not ended, oldest first.
    devices: Vec<ShownDevice>,
    /// With what the member signs in or proves himself, by kind.
    factors: Vec<&'static str>,
    /// How many mail addresses are on file.
    mail_addresses: usize,
    /// How many telephone numbers are.
    phone_numbers: usize,
    /// A recovery that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<ShownRecovery>,
}

/// A device.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleDevice)]
pub struct ShownDevice {
    device: String,
    /// What it is, as its browser said.
    label: String,
    /// `active` or `pending`.
    state: &'static str,
    /// How it became one, such as `sign_up` or `recovery`.
    way: &'static str,
    /// It pays.
    pays: bool,
    #[schema(format = "date-time")]
    added_at: String,
    /// When it signed last, to the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    seen_at: Option<String>,
}

/// A recovery.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleRecovery)]
pub struct ShownRecovery {
    recovery: String,
    /// `waiting`, `contested`, `with_staff` or `allowed`.
    state: &'static str,
    #[schema(format = "date-time")]
    started_at: String,
    /// From when it can be finished, where nothing stands in its way.
    #[schema(format = "date-time")]
    due_at: String,
}

/// One member.
#[utoipa::path(
    post,
    path = "/v1/console/member",
    operation_id = "console_member",
    tag = "console",
    security(("operator" = [])),
    request_body = MemberRequest,
    responses(
        (status = 200, description = "The member", body = MemberAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn member(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: MemberRequest<'_> = request::json(&operator.body)?;
        let sought = Sought::read(&app, &asked.member)?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            let number = match sought {
                Sought::Number(number) => number,
                Sought::Address(digest) => match owner_of(conn, digest)? {
                    Some((number, _)) => number,
                    None => return Ok(None),
                },
            };
            let Some(row) = read::member(conn, number)? else { return Ok(None) };
            let people = read::people_of(conn, number)?;
            let seen = read::devices_seen(conn, &people)?;
            Ok(Some((row, people, seen)))
        });
        let found = read.await?.ok_or(Refusal::MemberMustExist)?;
        Ok(render::said(&shown(&found, app.now())))
    };
    for_operator(app.answer(Endpoint::ConsoleMember, work).await, &app, &caller)
}

/// Who is meant.
#[derive(Clone, Copy)]
enum Sought {
    Number(MemberNumber),
    Address([u8; 32]),
}

impl Sought {
    fn read(app: &App, text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        if !text.starts_with("mem_")
            && let Ok(typed) = Typed::read(text)
        {
            return Ok(Self::Address(typed.digest(app)));
        }
        let number = identifier::parse(Kind::Member, text).map(MemberNumber);
        let wrong = "must be an identifier (mem_…) or an address on file";
        number.map(Self::Number).map_err(|_| Problem::field("member", wrong))
    }
}

fn shown(found: &(Member, People, Vec<DeviceSeen>), now: Instant) -> MemberAnswer {
    let (member, people, seen) = found;
    let devices = people.devices_of(member.number).filter(|row| row.state != DeviceState::Ended);
    let count = |channel: Channel| {
        people.contacts_of(member.number).filter(|row| row.channel == channel).count()
    };
    let recovery = people.recovery_of(member.number, now);
    MemberAnswer {
        member: identifier::text(Kind::Member, member.number.0),
        state: member.state.name(),
        devices: devices.map(|row| device_shown(member, row, seen)).collect(),
        factors: people.credentials_of(member.number).map(|row| row.kind.name()).collect(),
        mail_addresses: count(Channel::Mail),
        phone_numbers: count(Channel::Sms),
        recovery: recovery.map(|row| ShownRecovery {
            recovery: identifier::text(Kind::Recovery, row.id.0),
            state: row.state.name(),
            started_at: time::text(row.id.at()),
            due_at: time::text(row.due_at(DeviceSeen::latest(seen))),
        }),
    }
}

fn device_shown(member: &Member, row: &Device, seen: &[DeviceSeen]) -> ShownDevice {
    let seen = seen.iter().find(|seen| seen.device == row.id);
    ShownDevice {
        device: identifier::text(Kind::Device, row.id.0),
        label: row.label.clone(),
        state: row.state.name(),
        way: row.way.name(),
        pays: row.id == member.device,
        added_at: time::text(row.id.at()),
        seen_at: seen.map(|seen| time::text(seen.at)),
    }
}
