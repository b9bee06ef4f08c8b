//! Lists of what there is, a page at a time, by ascending number.

use serde_json::{Value, json};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::operator::{Operator, Role};
use yaoki_core::state::{Device, Member, Merchant, Store, Terminal};
use yaoki_core::time::Instant;
use yaoki_core::webhook::Webhook;
use yaoki_store::read::{self, PAGE_MAX, listing};
use yaoki_store::{Conn, StoreError};

use super::{AdminError, Desk, number, told_of_switch};
use crate::api::partner::state_of;
use crate::edge::identifier::{self, Kind};

/// What can be listed.
pub const LISTED: [&str; 8] =
    ["merchants", "stores", "terminals", "members", "devices", "switches", "webhooks", "operators"];

/// Rows, each with the number that the next page begins after.
type Rows = Vec<(i64, Value)>;
/// A question of one page: those after a number, so many at most.
type Page = fn(&mut Conn, i64, usize) -> Result<Rows, StoreError>;

/// One page.
///
/// # Errors
/// When there is no such list, or `after` or `limit` is none.
pub(super) fn list(
    desk: &Desk,
    what: &str,
    after: Option<&str>,
    limit: Option<i64>,
) -> Result<Value, AdminError> {
    let (kind, page): (Option<Kind>, Page) = match what {
        "merchants" => (Some(Kind::Merchant), merchants),
        "stores" => (Some(Kind::Store), stores),
        "terminals" => (Some(Kind::Terminal), terminals),
        "members" => (Some(Kind::Member), members),
        "devices" => (Some(Kind::Device), devices),
        "switches" => (None, switches),
        "webhooks" => (Some(Kind::Webhook), webhooks),
        "operators" => (Some(Kind::Operator), operators),
        _ => return Err(AdminError::Wrong(format!("there is no list of {what:?}"))),
    };
    let after = after.map_or(Ok(0), |text| number_of(kind, text))?;
    let limit = limit.map_or(Some(PAGE_MAX), |limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
        AdminError::Wrong(format!("`limit` must be a whole number from 1 to {PAGE_MAX}"))
    })?;
    // One more than is shown tells whether there are more.
    let mut rows = desk.book.read_and_wait(move |conn| page(conn, after, limit + 1))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().map(|(number, _)| *number);
    let next = last.filter(|_| more).map(|last| match kind {
        Some(kind) => identifier::text(kind, last),
        None => last.to_string(),
    });
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    let mut reply = json!({ "listed": what, "next": next });
    reply[what] = rows.into();
    Ok(reply)
}

/// Zero is before the first.
fn number_of(kind: Option<Kind>, text: &str) -> Result<i64, AdminError> {
    match (kind, text) {
        (_, "0") => Ok(0),
        (Some(kind), _) => number(kind, text),
        (None, _) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            AdminError::Wrong(format!("{text:?}: switches are counted, give a number"))
        }),
    }
}

fn merchants(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |merchant: Merchant| {
        let number = merchant.number.0;
        let id = identifier::text(Kind::Merchant, number);
        (number, json!({ "merchant": id, "number": number, "name": merchant.name }))
    };
    Ok(listing::merchants(conn, after, limit)?.into_iter().map(row).collect())
}

fn stores(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |store: Store| {
        let number = store.number.0;
        let cutoff = store.cutoff_minutes;
        let row = json!({
            "store": identifier::text(Kind::Store, number),
            "number": number,
            "merchant": identifier::text(Kind::Merchant, store.merchant.0),
            "cutoff": format!("{:02}:{:02}", cutoff / 60, cutoff % 60),
            "name": store.name,
            "place": store.place,
        });
        (number, row)
    };
    Ok(listing::stores(conn, after, limit)?.into_iter().map(row).collect())
}

fn terminals(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |terminal: Terminal| {
        let number = terminal.number.0;
        let row = json!({
            "terminal": identifier::text(Kind::Terminal, number),
            "number": number,
            "store": identifier::text(Kind::Store, terminal.store.0),
            "state": if terminal.suspended == 0 { "open" } else { "suspended" },
            "generation": terminal.generation,
            "name": terminal.name,
        });
        (number, row)
    };
    Ok(listing::terminals(conn, after, limit)?.into_iter().map(row).collect())
}

fn members(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |member: Member| {
        let number = member.number.0;
        let device = member.device;
        let row = json!({
            "member": identifier::text(Kind::Member, number),
            "number": number,
            "state": member.state.name(),
            "money": member.money,
            "held": member.held,
            "points": member.points,
            "device": device.is_some().then(|| identifier::text(Kind::Device, device.0)),
        });
        (number, row)
    };
    Ok(listing::members(conn, MemberNumber(after), limit)?.into_iter().map(row).collect())
}

/// There are few: they are read at once.
fn operators(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |operator: Operator| {
        let number = operator.number.0;
        let row = json!({
            "operator": identifier::text(Kind::Operator, number),
            "number": number,
            "name": operator.name,
            "roles": operator.roles.each().map(Role::name).collect::<Vec<_>>(),
            "state": operator.state.name(),
        });
        (number, row)
    };
    let all = read::staff::operators(conn)?.into_iter();
    Ok(all.filter(|operator| operator.number.0 > after).take(limit).map(row).collect())
}

fn devices(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let row = |device: Device| {
        let row = json!({
            "device": identifier::text(Kind::Device, device.id.0),
            "member": identifier::text(Kind::Member, device.member.0),
            "state": device.state.name(),
            "enrolled_at": crate::api::time::text(device.id.at()),
        });
        (device.id.0, row)
    };
    Ok(listing::devices(conn, FactId(after), limit)?.into_iter().map(row).collect())
}

/// What time it is, the lanes say: `failing` is a matter of days.
fn webhooks(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let now = read::lanes(conn)?.iter().map(|lane| lane.last_at).max().unwrap_or(Instant(0));
    let row = |(webhook, since): (Webhook, Option<Instant>)| {
        let number = webhook.number.0;
        let row = json!({
            "webhook": identifier::text(Kind::Webhook, number),
            "number": number,
            "merchant": identifier::text(Kind::Merchant, webhook.merchant.0),
            "state": state_of(&webhook, since, now),
            "generation": webhook.generation,
            "undelivered_since": since.map(crate::api::time::text),
            "url": webhook.url,
        });
        (number, row)
    };
    Ok(read::events::webhooks(conn, after, limit)?.into_iter().map(row).collect())
}

/// Switches have no number: they are counted, in the order in which they are listed.
fn switches(conn: &mut Conn, after: i64, limit: usize) -> Result<Rows, StoreError> {
    let rows = (1..).zip(read::switches(conn)?).filter(|(place, _)| *place > after).take(limit);
    Ok(rows.map(|(place, switch)| (place, told_of_switch(&switch))).collect())
}
