//! Cards, top-ups, shifts, and what limits leave.

use yaoki_core::ids::{FactId, MemberNumber, TerminalNumber};
use yaoki_core::limits::{Left, allowed_to_pay};
use yaoki_core::policy::Policy;
use yaoki_core::row::{Field, Value};
use yaoki_core::shift::Shift;
use yaoki_core::state::Member;
use yaoki_core::time::Instant;
use yaoki_core::top_up::{COUNTED_MS, Card, TopUp};
use yaoki_core::view::History;
use yaoki_core::window::{WALKED_MAX, WindowKind};

use super::member::walked_back;
use super::{Before, page_of};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::{CARDS_OF_MEMBER, RailSum};

/// A member's cards, ended ones included.
pub fn cards_of(conn: &mut Conn, member: MemberNumber) -> Result<Vec<Card>, StoreError> {
    conn.find_by::<Card, _>(&CARDS_OF_MEMBER, &[member])
}

/// The card of this id.
pub fn card(conn: &mut Conn, id: FactId) -> Result<Option<Card>, StoreError> {
    Ok(conn.find::<Card, _>(&[id])?.pop())
}

/// The top-up of this id.
pub fn top_up(conn: &mut Conn, id: FactId) -> Result<Option<TopUp>, StoreError> {
    Ok(conn.find::<TopUp, _>(&[id])?.pop())
}

/// The top-up that the acquirer calls so.
pub fn top_up_by_reference(conn: &mut Conn, reference: &str) -> Result<Option<TopUp>, StoreError> {
    Ok(conn.query::<TopUp>(&sql::TOP_UP_BY_REFERENCE, &[Value::Text(reference)])?.pop())
}

/// A member's top-ups, newest first.
pub fn top_ups_before(
    conn: &mut Conn,
    member: MemberNumber,
    before: Before,
    most: usize,
) -> Result<Vec<TopUp>, StoreError> {
    let before = before.unwrap_or(FactId(i64::MAX));
    conn.query(&sql::TOP_UPS_BEFORE, &[member.value(), before.value(), page_of(most)])
}

/// A member's top-ups that count in limits at `now`.
pub fn top_ups_counted(
    conn: &mut Conn,
    member: MemberNumber,
    now: Instant,
) -> Result<Vec<TopUp>, StoreError> {
    let since = FactId::least(now.plus_ms(-COUNTED_MS));
    conn.query(&sql::TOP_UPS_SINCE, &[member.value(), since.value()])
}

/// Top-ups of which something is still to come, oldest first.
pub fn top_ups_open(conn: &mut Conn, after: FactId, most: usize) -> Result<Vec<TopUp>, StoreError> {
    conn.query(&sql::TOP_UPS_OPEN, &[after.value(), page_of(most)])
}

/// Top-ups that were asked for since then, added up by rail and state.
pub fn rail_sums(conn: &mut Conn, since: Instant) -> Result<Vec<RailSum>, StoreError> {
    conn.query(&sql::TOP_UPS_SUMMED, &[FactId::least(since).value()])
}

/// The newest shifts of a terminal.
pub fn shifts_of(
    conn: &mut Conn,
    terminal: TerminalNumber,
    most: usize,
) -> Result<Vec<Shift>, StoreError> {
    conn.query(&sql::SHIFTS_OF_TERMINAL, &[terminal.value(), page_of(most)])
}

/// What limits leave a member to pay, exactly: within 24 hours, and within 30 days.
pub fn left_to_pay(
    conn: &mut Conn,
    policy: &Policy,
    member: &Member,
    now: Instant,
) -> Result<Vec<Left>, StoreError> {
    let allowed = allowed_to_pay(policy, member, now);
    let longest = WindowKind::ALL.iter().map(|kind| kind.ms()).max().unwrap_or(0);
    let exact = WindowKind::ALL.iter().all(|&kind| member.window(kind).is_exact(kind, now));
    let least = FactId::least(now.plus_ms(1 - longest));
    let history = if exact {
        None
    } else {
        let walked = walked_back(conn, (member.last_operation, least), WALKED_MAX)?;
        Some(History::new(least, walked))
    };
    let trimmed = |kind| history.as_ref().and_then(|history| history.trimmed(kind, now));
    Ok(WindowKind::ALL
        .iter()
        .map(|&kind| {
            let window = trimmed(kind).unwrap_or_else(|| member.window(kind));
            Left::of(kind, window, allowed.within(kind))
        })
        .collect())
}
