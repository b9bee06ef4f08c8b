//! Saving what a view has changed: facts first, in (table, key) order, then each derived row once.
//!
//! Uniqueness is settled here: facts go in with `ON CONFLICT DO NOTHING`, and a shortfall means
//! that another node was first. The caller rolls back, loads again, and decides again.

use yaoki_core::chain::{self, Facts};
use yaoki_core::facts::{Batch, Event, EventKind};
use yaoki_core::identity::people::Touched;
use yaoki_core::ids::{FactId, LaneNumber, WebhookNumber};
use yaoki_core::row::Value;
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;
use yaoki_core::view::View;

use crate::batch::{batch_row, request_key, sorted};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::position;
use crate::sql;
use crate::table::{Position, Switchboard};

/// Whether an event closes something, so that no commit under the old setting may follow the
/// answer.
pub(crate) const fn closes(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::SwitchClosed
            | EventKind::PolicyChanged
            | EventKind::TerminalSuspended
            | EventKind::TerminalKeyRotated
            | EventKind::OperatorRolesChanged
            | EventKind::OperatorEnded
            | EventKind::OperatorPasskeyEnded
            | EventKind::OperatorSessionsEnded
            | EventKind::ProposalRefused
    )
}

/// Whether an event opens a book that was closed after a restore.
pub(crate) fn opens_book(event: &Event) -> bool {
    event.kind == EventKind::BookOpened
}

/// Whether something changed that every lane keeps.
pub(crate) fn changes_directory(view: &View) -> bool {
    view.changed.directory() || view.staff.changed.directory()
}

/// Saves facts, derived rows, the batch row and the lane row.
pub(crate) fn save(
    conn: &mut Conn,
    view: &View,
    lane: &Lane,
    head: [u8; 32],
    version: i64,
) -> Result<(), StoreError> {
    save_facts(conn, view)?;
    save_members(conn, view)?;
    save_staff(conn, view)?;
    save_directory(conn, view, version)?;
    save_work(conn, view)?;
    conn.insert_all(&[&batch_row(view, lane, head)])?;
    let lane = Lane {
        seq: view.seq,
        head,
        last_at: view.now.max(view.last_id.at()),
        last_id: view.last_id,
        ..lane.clone()
    };
    conn.update_all(&[&lane])?;
    conn.flush()
}

fn save_facts(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let facts = &view.facts;
    conn.insert_all(&sorted(&facts.operations, request_key))?;
    conn.insert_all(&sorted(&facts.transfers, |transfer| transfer.id))?;
    conn.insert_all(&sorted(&facts.events, |event| event.request_id))?;
    conn.insert_all(&sorted(&facts.acknowledgements, |fact| fact.operation))
}

fn save_members(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let changed = &view.changed;
    let new = changed.members_new.iter().map(|number| &view.members[number]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.members.difference(&changed.members_new);
    conn.update_all(&old.map(|number| &view.members[number]).collect::<Vec<_>>())?;
    let states = changed.payment_states.iter().map(|payment| &view.payment_states[payment]);
    conn.upsert_all(&states.collect::<Vec<_>>())?;
    save_people(conn, view)?;
    let links = changed.links.iter().map(|link| &view.links[link]);
    conn.upsert_all(&links.collect::<Vec<_>>())
}

/// What is new is inserted, so that two nodes which give one address or passkey to two members
/// find out; what was there is changed under its member's lock.
fn save_people(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let (people, changed) = (&view.people, &view.changed);
    macro_rules! save {
        ($kind:ident, $rows:ident, $key:ident) => {
            let of = |touched: &Touched| match touched {
                Touched::$kind($key) => Some(&people.$rows[$key]),
                _ => None,
            };
            conn.insert_all(&changed.people_new.iter().filter_map(of).collect::<Vec<_>>())?;
            let old = changed.people.difference(&changed.people_new);
            conn.update_all(&old.filter_map(of).collect::<Vec<_>>())?;
        };
    }
    save!(Device, devices, id);
    save!(Credential, credentials, id);
    save!(Contact, contacts, digest);
    save!(Recovery, recoveries, id);
    save!(Consent, consents, member);
    save!(Proof, proofs, payment);
    save!(Card, cards, id);
    save!(TopUp, top_ups, id);
    Ok(())
}

/// What is work and no fact: challenges and messages.
pub(crate) fn save_work(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let challenges = view.changed.challenges.iter().map(|id| &view.challenges[id]);
    conn.upsert_all(&challenges.collect::<Vec<_>>())?;
    save_messages(conn, view)
}

/// Messages are work, no facts: one that is there already is passed over, and nobody was first.
fn save_messages(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    conn.insert_missing(&view.outgoing.messages.values().collect::<Vec<_>>())?;
    for key in &view.outgoing.confirmed {
        conn.execute(&sql::CONFIRM_MESSAGE, &[Value::Bytes(key)])?;
    }
    Ok(())
}

/// The switchboard's version after a commit that changed merchants, stores, terminals or switches:
/// the commit's last id, so that it says when that was and in which lane.
pub(crate) fn next_version(version: i64, last_id: FactId) -> i64 {
    last_id.0.max(version + 1)
}

/// What another lane, whose clock is ahead, changed of them is earlier than every fact that was
/// decided by it: the ids of a shop's or a switch's facts ascend in the order of their commits.
pub(crate) fn after_changes(version: i64, lane: LaneNumber) -> Instant {
    let last = FactId(version);
    if last.lane() == lane { Instant(0) } else { last.at().plus_ms(1) }
}

fn save_directory(conn: &mut Conn, view: &View, version: i64) -> Result<(), StoreError> {
    let changed = &view.changed;
    if !changes_directory(view) {
        return Ok(());
    }
    // The version is raised first: two nodes that change the directory at once cannot both go on.
    let switchboard = Switchboard { id: 1, version: next_version(version, view.last_id) };
    if !switchboard.raise(conn, version)? {
        return Err(StoreError::AnotherWasFirst { table: "switchboard" });
    }
    let directory = &view.directory;
    let merchants = changed.merchants.iter().map(|number| &directory.merchants[number]);
    conn.insert_all(&merchants.collect::<Vec<_>>())?;
    let new = changed.stores_new.iter().map(|number| &directory.stores[number]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.stores.difference(&changed.stores_new);
    conn.update_all(&old.map(|number| &directory.stores[number]).collect::<Vec<_>>())?;
    let new = changed.terminals_new.iter().map(|number| &directory.terminals[number]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.terminals.difference(&changed.terminals_new);
    conn.update_all(&old.map(|number| &directory.terminals[number]).collect::<Vec<_>>())?;
    save_webhooks(conn, view)?;
    save_operators(conn, view)?;
    conn.upsert_all(&changed.switches_closed.iter().collect::<Vec<_>>())?;
    for switch in &changed.switches_opened {
        conn.delete(switch)?;
    }
    Ok(())
}

fn save_operators(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let (changed, staff) = (&view.staff.changed, &view.directory.staff);
    let operators = changed.operators.iter().map(|number| &staff.operators[number]);
    conn.upsert_all(&operators.collect::<Vec<_>>())?;
    let proposals = changed.proposals.iter().map(|proposal| &staff.proposals[proposal]);
    conn.upsert_all(&proposals.collect::<Vec<_>>())?;
    if view.facts.events.iter().any(opens_book) {
        conn.execute(&sql::OPEN_BOOK, &[])?;
    }
    Ok(())
}

/// What is new goes in as facts do: another node that made the same was first.
fn save_staff(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let (changed, rows) = (&view.staff.changed, &view.staff);
    let links = changed.links.iter().map(|link| &rows.links[link]);
    conn.upsert_all(&links.collect::<Vec<_>>())?;
    let new = changed.passkeys_new.iter().map(|lookup| &rows.passkeys[lookup]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.passkeys.difference(&changed.passkeys_new);
    conn.update_all(&old.map(|lookup| &rows.passkeys[lookup]).collect::<Vec<_>>())?;
    let new = changed.clerks_new.iter().map(|number| &rows.clerks[number]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.clerks.difference(&changed.clerks_new);
    conn.update_all(&old.map(|number| &rows.clerks[number]).collect::<Vec<_>>())?;
    let new = changed.shifts_new.iter().map(|shift| &rows.shifts[shift]);
    conn.insert_all(&new.collect::<Vec<_>>())?;
    let old = changed.shifts.difference(&changed.shifts_new);
    conn.update_all(&old.map(|shift| &rows.shifts[shift]).collect::<Vec<_>>())?;
    let sessions = changed.sessions.iter().map(|session| &rows.sessions[session]);
    conn.upsert_all(&sessions.collect::<Vec<_>>())
}

/// A new endpoint is told of what is booked after it: its position is where every lane is now.
fn save_webhooks(conn: &mut Conn, view: &View) -> Result<(), StoreError> {
    let (changed, directory) = (&view.changed, &view.directory);
    let new: Vec<_> = changed.webhooks_new.iter().collect();
    conn.insert_all(&new.iter().map(|number| &directory.webhooks[number]).collect::<Vec<_>>())?;
    let old = changed.webhooks.difference(&changed.webhooks_new);
    conn.update_all(&old.map(|number| &directory.webhooks[number]).collect::<Vec<_>>())?;
    if new.is_empty() {
        return Ok(());
    }
    let lanes: Vec<Lane> = conn.query(&sql::LANES, &[])?;
    let positions = lanes.iter().flat_map(|lane| {
        let seq = if lane.id == view.lane { view.seq } else { lane.seq };
        let of = |number: &&WebhookNumber| {
            let name = position::webhook_name(**number);
            Position { name, lane: lane.id, seq }
        };
        new.iter().map(of).collect::<Vec<_>>()
    });
    let mut positions: Vec<Position> = positions.collect();
    positions.sort_by(|one, other| (&one.name, one.lane).cmp(&(&other.name, other.lane)));
    conn.insert_all(&positions.iter().collect::<Vec<_>>())
}

/// A commit of one event, outside of any batch: that a lane exists, that the book was restored or
/// opened. The lane's row is new or locked.
pub(crate) fn book_event(
    conn: &mut Conn,
    lane: Lane,
    event: Event,
    at: Instant,
) -> Result<Lane, StoreError> {
    let (id, seq) = (event.id, lane.seq + 1);
    assert!(event.seq == seq && id > lane.last_id, "the event is the lane's next fact");
    let facts = Facts { events: vec![event], ..Facts::default() };
    let head = chain::extend(&lane.head, lane.id, seq, at, &facts);
    conn.insert_all(&facts.events.iter().collect::<Vec<_>>())?;
    let batch = Batch { lane: lane.id, seq, at, first_id: id, last_id: id, facts: 1, head };
    conn.insert_all(&[&batch])?;
    let lane = Lane { seq, head, last_at: lane.last_at.max(at), last_id: id, ..lane };
    conn.update_all(&[&lane])?;
    Ok(lane)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use yaoki_core::ids::{MemberNumber, RequestId};
    use yaoki_core::message::{
        Address, Argument, Arguments, Channel, Confirmation, Language, Message, Once, Recipient,
        Template,
    };
    use yaoki_core::money::Currency;
    use yaoki_core::time::ZoneOffset;
    use yaoki_core::view::{Directory, Effects, Rules};

    use super::*;
    use crate::on_both_storages;
    use crate::testing::code_rules;

    const NOW: Instant = Instant(1_767_582_000_000);

    fn code(request: u8) -> Message {
        let to = Recipient {
            member: MemberNumber::NONE,
            channel: Channel::Sms,
            address: Address("+819012345678".to_owned()),
            address_digest: [3; 32],
            language: Language::Japanese,
        };
        let arguments = Arguments::new().with(Argument::Code, "31415926");
        let once = Once::Request(RequestId([request; 16]));
        Message::new(Template::RecoveryCode, &to, once, arguments, NOW)
    }

    /// Saves what one decision has to say, as a batch without facts does.
    fn said(conn: &mut Conn, messages: Vec<Message>, confirmed: Vec<[u8; 32]>) {
        let rules = Rules {
            currency: Currency::JPY,
            zone: ZoneOffset { minutes: 540 },
            code: code_rules(),
        };
        let directory = Arc::new(Directory::default());
        let mut view = View::new(LaneNumber(0), 1, NOW, Arc::new(rules), directory);
        view.apply(Effects { messages, confirmed, ..Effects::default() });
        conn.begin().expect("it begins");
        save_messages(conn, &view).expect("they are saved");
        conn.commit().expect("it is kept");
    }

    on_both_storages! {
        fn a_message_is_saved_once_however_often_it_is_decided(db: &mut TestDatabase) {
            let conn = &mut db.migrated();
            let (first, second) = (code(1), code(2));
            said(conn, vec![first.clone(), first.clone()], Vec::new());
            // What became of it meanwhile stays.
            conn.update(&[&Message { tries: 3, ..first.clone() }]).expect("it is changed");
            said(conn, vec![first.clone(), second.clone()], vec![second.key]);
            let found = |conn: &mut Conn, key| {
                conn.find::<Message, _>(&[key]).expect("it can be read").pop().expect("it is there")
            };
            assert_eq!(found(conn, first.key), Message { tries: 3, ..first });
            assert_eq!(found(conn, second.key).confirmation, Confirmation::Given);
        }
    }
}
