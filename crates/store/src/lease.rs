//! Leasing lanes: which lanes this node writes, and how no commit slips past a watermark.
//!
//! A lease locks every lane row, so no lane commits meanwhile, raises the generation of the lanes
//! it takes (a holder of an older one stops), and lifts their time to the latest of all lanes: so a
//! watermark that was given out before stays true.
//!
//! On SQLite there is one lane, and the file belongs to one process: the lease takes it over. On
//! PostgreSQL a node takes back the lanes that carry its name, then free ones, then new ones.

use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{FactId, LANE_NUMBER_MAX, LaneNumber, RequestId};
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;

use crate::book::BookOptions;
use crate::conn::{Conn, LockMode};
use crate::error::StoreError;
use crate::lane::FIRST_LANE;
use crate::sql;

/// Takes this node's lanes, creating what is missing.
pub(crate) fn lease(conn: &mut Conn, options: &BookOptions) -> Result<Vec<Lane>, StoreError> {
    let wanted = if conn.may_skip() { options.lanes.max(1) } else { 1 };
    conn.begin()?;
    let result = take(conn, options, wanted);
    match &result {
        Ok(_) => conn.commit()?,
        Err(_) => conn.rollback()?,
    }
    result
}

fn take(conn: &mut Conn, options: &BookOptions, wanted: usize) -> Result<Vec<Lane>, StoreError> {
    let known: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    let ids: Vec<LaneNumber> = known.iter().map(|lane| lane.id).collect();
    let mut lanes = conn.lock::<Lane>(&ids, LockMode::Wait)?;
    lanes.sort_by_key(|lane| lane.id);
    let now = (options.clock)();
    let latest = lanes.iter().map(|lane| lane.last_at).max().unwrap_or(now).max(now);
    let sqlite = !conn.may_skip();
    let mine = |lane: &Lane| sqlite || lane.holder == options.node;
    let mut taken: Vec<Lane> = lanes.iter().filter(|lane| mine(lane)).cloned().collect();
    taken.extend(lanes.iter().filter(|lane| !mine(lane) && lane.holder.is_empty()).cloned());
    taken.truncate(wanted);
    for lane in &mut taken {
        lane.holder.clone_from(&options.node);
        lane.generation += 1;
        lane.last_at = latest;
    }
    conn.update(&taken.iter().collect::<Vec<_>>())?;
    while taken.len() < wanted {
        let next = lanes.iter().chain(&taken).map(|lane| lane.id.0 + 1).max();
        let lane = create(conn, LaneNumber(next.unwrap_or(FIRST_LANE.0)), options, latest)?;
        taken.push(lane);
    }
    Ok(taken)
}

/// A new lane; its first commit says so.
fn create(
    conn: &mut Conn,
    id: LaneNumber,
    options: &BookOptions,
    now: Instant,
) -> Result<Lane, StoreError> {
    if id.0 > LANE_NUMBER_MAX {
        return Err(StoreError::NoFreeLane);
    }
    let lane = Lane {
        id,
        seq: 0,
        head: [0; 32],
        last_at: now,
        last_id: FactId::NONE,
        holder: options.node.clone(),
        generation: 1,
    };
    if conn.insert(&[&lane])? != 1 {
        return Err(StoreError::AnotherWasFirst { table: "lane" });
    }
    let event = Event {
        id: FactId::NONE.next_block(id, now, 1),
        seq: 1,
        request_id: RequestId::deterministic("create lane", id.0),
        kind: EventKind::LaneCreated,
        subject: id.0,
        object: 0,
        number: 0,
        digest: Vec::new(),
        actor: "yaoki".to_owned(),
        second: String::new(),
        text: options.node.clone(),
    };
    crate::save::book_event(conn, lane, event, now)
}

/// Gives a lane back, so that another node may take it at once.
pub(crate) fn release(
    conn: &mut Conn,
    lane: LaneNumber,
    generation: i64,
) -> Result<(), StoreError> {
    conn.begin()?;
    let mut held = conn.lock::<Lane>(&[lane], LockMode::Wait)?;
    held.retain(|row| row.generation == generation);
    for row in &mut held {
        row.holder.clear();
    }
    conn.update(&held.iter().collect::<Vec<_>>())?;
    conn.commit()
}
