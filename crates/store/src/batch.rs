//! One batch, one commit: lock the lane, refer, touch, lock and load, decide, save, commit.
//!
//! | phase  | what is read or written                                              |
//! | ------ | -------------------------------------------------------------------- |
//! | lane   | lock the lane row, read the switchboard's version                    |
//! | refer  | operations by request, payments by id, events, links, devices        |
//! | load   | members (locked), payment states, acknowledgements, staff (locked)   |
//! | decide | pure; a panic is caught and changes nothing                          |
//! | save   | facts in key order, each changed row once, the batch, the lane       |
//! | commit | then, and only then, the answers                                     |
//!
//! Not here: retrying, isolating a culprit, answering (see [`crate::lane`]).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use yaoki_core::chain::{self, Facts};
use yaoki_core::clerk::Clerk;
use yaoki_core::command::{Act, Command, Refer};
use yaoki_core::decide::{Decision, Outcome, decide};
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::Consent;
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::operator::{OperatorLink, OperatorPasskey};
use yaoki_core::row::Value;
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::staff::{StaffKeys, StaffRows};
use yaoki_core::state::{Device, EnrolmentLink, Lane, Member, PaymentState};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_core::top_up::{Card, TopUp};
use yaoki_core::view::{Directory, Numbers, Rules, Touch, View, refer_all, touch};
use yaoki_core::window::WALKED_MAX;

use crate::clock::AHEAD_MS_MAX;
use crate::conn::{Conn, LockMode};
use crate::error::StoreError;
use crate::read;
use crate::save;
use crate::sql::{CARDS_BY_FINGERPRINT, CREDENTIAL_BY_LOOKUP, MEMBERS_OF_NETWORK};
use crate::table::{
    Book, CARDS_OF_MEMBER, CONTACTS_OF_MEMBER, CREDENTIALS_OF_MEMBER, DEVICES_OF_MEMBER,
    EVENT_BY_REQUEST, Number, RECOVERIES_OF_MEMBER,
};

/// The most top-ups of one network that are looked at: no rule asks for more than 1,000 members.
const OF_NETWORK_MAX: i64 = 4_000;

/// What a lane keeps between batches.
pub(crate) struct LaneState {
    /// The lane's number and the generation under which this node holds it.
    pub(crate) lane: yaoki_core::ids::LaneNumber,
    pub(crate) generation: i64,
    /// The last commit that this holder knows of: a lower one means the database went back in time.
    pub(crate) seq: i64,
    /// Merchants, stores, terminals, webhooks and switches, and the switchboard version they are
    /// of.
    pub(crate) directory: Arc<Directory>,
    pub(crate) version: i64,
    /// Whether the book is closed after a restore, as of that version; every lane of this node has
    /// the same one.
    pub(crate) closed: Arc<AtomicBool>,
}

/// What one try of a batch gives for each command.
pub(crate) enum Slot {
    /// Decided or refused.
    Decision(Decision),
    /// The book is closed: not decided.
    Closed,
    /// The lane's time is far ahead of the clock: what has a time limit is not decided.
    Ahead,
    /// `decide` panicked with this message.
    Panicked(String),
}

impl Slot {
    /// Whether something was closed. A repeat says so again: whoever asked first may have had no
    /// answer, because other lanes were waited for.
    fn closes(&self) -> bool {
        match self {
            Self::Decision(Decision::Done(Outcome::Done { event, .. })) => save::closes(event),
            _ => false,
        }
    }
}

/// One finished try.
pub(crate) struct Tried {
    /// In the order of the commands.
    pub(crate) slots: Vec<Slot>,
    /// What was committed; nothing means that nothing was written.
    pub(crate) facts: Facts,
    /// Under which merchants, stores and terminals.
    pub(crate) directory: Arc<Directory>,
    /// Whether every lane must be passed through before the answer: something was closed.
    pub(crate) closed: bool,
}

/// What a batch is decided with besides the rows.
pub(crate) struct Circumstances {
    pub(crate) clock: Instant,
    pub(crate) rules: Arc<Rules>,
    /// Members that another lane holds are left out, except on a command's last try.
    pub(crate) members: LockMode,
    /// Whether the clock is the world's, so that a lane far ahead of it is a fault.
    pub(crate) clock_is_real: bool,
}

/// What was about to be committed, so that a lost answer can be looked up.
#[derive(Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) seq: i64,
    pub(crate) head: [u8; 32],
}

/// Why a try failed, and what had been sent to be committed by then.
pub(crate) struct Failed {
    pub(crate) error: StoreError,
    pub(crate) committing: Option<Box<(Pending, Tried)>>,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error, committing: None }
    }
}

/// Runs one batch in one transaction. On an error the caller rolls back.
pub(crate) fn run(
    conn: &mut Conn,
    state: &mut LaneState,
    circumstances: &Circumstances,
    commands: &[&Command],
) -> Result<Tried, Failed> {
    let refer = refer_all(commands);
    let begun = conn.begin_batch(state.lane, &refer.requests)?;
    let lane = own_lane(begun.lane, state)?;
    let switchboard = begun.switchboard.ok_or(StoreError::BookMissing)?;
    refresh_directory(conn, state, switchboard.version)?;
    let now = circumstances.clock.max(lane.last_at);
    let now = now.max(save::after_changes(state.version, lane.id));
    let rules = Arc::clone(&circumstances.rules);
    let mut view = View::new(lane.id, lane.seq + 1, now, rules, Arc::clone(&state.directory));
    view.last_id = lane.last_id;
    let staff = refer.staff.clone();
    load_references(conn, &mut view, refer, begun.operations)?;
    let ahead = circumstances.clock_is_real && now.0 - circumstances.clock.0 > AHEAD_MS_MAX;
    let rows = touch(commands, &view);
    let skipped = lock_and_load(conn, &mut view, &rows, circumstances.members)?;
    for walk in view.walks(commands) {
        let found = read::member::walked_back(conn, (walk.from, walk.least), WALKED_MAX)?;
        view.keep_history(&walk, found);
    }
    lock_staff(conn, &mut view, &staff)?;
    let closed = state.closed.load(Ordering::SeqCst);
    let slots = decide_all(&mut view, commands, &skipped, (closed, ahead));
    let closed = slots.iter().any(Slot::closes);
    if view.facts.is_empty() {
        // What strangers ask for can be a code and a message, and nothing else.
        save::save_work(conn, &view)?;
        conn.commit()?;
        return Ok(Tried { slots, facts: view.facts, directory: view.directory, closed });
    }
    let head = chain::extend(&lane.head, lane.id, view.seq, view.now, &view.facts);
    save::save(conn, &view, &lane, head, state.version)?;
    let pending = Pending { seq: view.seq, head };
    let changed = save::changes_directory(&view);
    let opened = view.facts.events.iter().any(save::opens_book);
    let version = save::next_version(state.version, view.last_id);
    let tried = Tried { slots, facts: view.facts, directory: view.directory, closed };
    if let Err(error) = conn.commit() {
        return Err(Failed { error, committing: Some(Box::new((pending, tried))) });
    }
    state.seq = pending.seq;
    if changed {
        state.version = version;
        state.directory = Arc::clone(&tried.directory);
    }
    if opened {
        state.closed.store(false, Ordering::SeqCst);
    }
    Ok(tried)
}

/// Locks the lane's row and checks that it is still ours and has not gone back.
pub(crate) fn lock_lane(conn: &mut Conn, state: &LaneState) -> Result<Lane, StoreError> {
    own_lane(conn.lock::<Lane>(&[state.lane], LockMode::Wait)?.pop(), state)
}

fn own_lane(lane: Option<Lane>, state: &LaneState) -> Result<Lane, StoreError> {
    let lane = lane.ok_or(StoreError::LaneGone { lane: state.lane.0 })?;
    if lane.generation != state.generation {
        return Err(StoreError::LaneTaken { lane: lane.id.0, holder: lane.holder });
    }
    if lane.seq < state.seq {
        let (stored, known) = (lane.seq, state.seq);
        return Err(StoreError::WentBackInTime { lane: lane.id.0, stored, known });
    }
    Ok(lane)
}

/// Reads what the switchboard stands for, when its version changed.
fn refresh_directory(
    conn: &mut Conn,
    state: &mut LaneState,
    version: i64,
) -> Result<(), StoreError> {
    if version != state.version {
        state.directory = Arc::new(read::directory(conn)?);
        state.closed.store(Book::load(conn)?.closed != 0, Ordering::SeqCst);
        state.version = version;
    }
    Ok(())
}

fn load_references(
    conn: &mut Conn,
    view: &mut View,
    refer: Refer,
    operations: Vec<Operation>,
) -> Result<(), StoreError> {
    let mut payments = refer.payments;
    for operation in operations {
        if operation.payment.is_some() && operation.payment != operation.id {
            payments.push(operation.payment);
        }
        view.keep_operation(operation);
    }
    payments.retain(|payment| !view.payments.contains_key(payment));
    payments.sort_unstable();
    payments.dedup();
    for operation in conn.find::<Operation, _>(&payments)? {
        if operation.begins_payment() {
            view.payments.insert(operation.id, operation);
        }
    }
    for event in conn.find_by::<Event, _>(&EVENT_BY_REQUEST, &refer.events)? {
        view.events.insert(event.request_id, event);
    }
    for link in conn.find::<EnrolmentLink, _>(&refer.links)? {
        view.links.insert(link.digest, link);
    }
    for device in conn.find::<Device, _>(&refer.devices)? {
        view.people.devices.insert(device.id, device);
    }
    let mut contacts = refer.contacts;
    let mut guesses = BTreeSet::new();
    for challenge in conn.find::<Challenge, _>(&refer.challenges)? {
        contacts.push(challenge.contact);
        guesses.insert(Challenge::guesses_id_of(challenge.purpose, &challenge.contact));
        view.challenges.insert(challenge.id, challenge);
    }
    // How often was guessed for the addresses of those challenges.
    let guesses: Vec<[u8; 32]> = guesses.into_iter().collect();
    for row in conn.find::<Challenge, _>(&guesses)? {
        view.challenges.insert(row.id, row);
    }
    contacts.sort_unstable();
    contacts.dedup();
    for contact in conn.find::<Contact, _>(&contacts)? {
        view.people.contacts.insert(contact.digest, contact);
    }
    load_money_in(conn, view, (refer.top_ups, refer.judges_top_ups), refer.networks)?;
    for print in &refer.fingerprints {
        for row in conn.query::<Card>(&CARDS_BY_FINGERPRINT, &[Value::Bytes(print)])? {
            view.people.cards.insert(row.id, row);
        }
    }
    for lookup in &refer.lookups {
        for row in conn.query::<Credential>(&CREDENTIAL_BY_LOOKUP, &[Value::Bytes(lookup)])? {
            view.people.credentials.insert(row.id, row);
        }
    }
    if refer.numbers {
        view.numbers = Some(last_numbers(conn, view)?);
    }
    Ok(())
}

/// Top-ups that are named, and who else used the networks of those that are judged.
fn load_money_in(
    conn: &mut Conn,
    view: &mut View,
    (top_ups, judged): (Vec<FactId>, bool),
    mut networks: Vec<Vec<u8>>,
) -> Result<(), StoreError> {
    for row in conn.find::<TopUp, _>(&top_ups)? {
        if judged && !row.network.is_empty() {
            networks.push(row.network.clone());
        }
        view.people.top_ups.insert(row.id, row);
    }
    networks.sort_unstable();
    networks.dedup();
    for network in networks {
        let members = members_of_network(conn, &network, view.now)?;
        view.people.networks.insert(network, members);
    }
    Ok(())
}

/// Who topped up by card from a network within 24 hours; of very many, some.
fn members_of_network(
    conn: &mut Conn,
    network: &[u8],
    now: Instant,
) -> Result<BTreeSet<MemberNumber>, StoreError> {
    let since = FactId::least(Instant(now.0 - DAY_MS + 1));
    let asked = [Value::Bytes(network), Value::Int(since.0), Value::Int(OF_NETWORK_MAX)];
    let rows = conn.query::<Number>(&MEMBERS_OF_NETWORK, &asked)?;
    Ok(rows.into_iter().map(|row| MemberNumber(row.number)).collect())
}

/// The numbers that were given out last.
fn last_numbers(conn: &mut Conn, view: &View) -> Result<Numbers, StoreError> {
    let last = |values: Option<i64>| values.unwrap_or(0);
    let directory = &view.directory;
    Ok(Numbers {
        merchant: last(directory.merchants.keys().next_back().map(|number| number.0)),
        store: last(directory.stores.keys().next_back().map(|number| number.0)),
        terminal: last(directory.terminals.keys().next_back().map(|number| number.0)),
        member: read::last_member_number(conn)?,
        webhook: last(directory.webhooks.keys().next_back().map(|number| number.0)),
        operator: last(directory.staff.operators.keys().next_back().map(|number| number.0)),
        clerk: read::staff::last_clerk_number(conn)?,
    })
}

/// Locks and loads; returns the members that another lane holds at the moment.
fn lock_and_load(
    conn: &mut Conn,
    view: &mut View,
    rows: &Touch,
    members: LockMode,
) -> Result<BTreeSet<MemberNumber>, StoreError> {
    for member in conn.lock::<Member>(&rows.members, members)? {
        view.keep_member(member);
    }
    // Links and devices change under their member's lock only: what was read before it may be old.
    let links: Vec<_> = view.links.keys().copied().collect();
    for link in conn.find::<EnrolmentLink, _>(&links)? {
        view.links.insert(link.digest, link);
    }
    load_people(conn, view, &rows.people)?;
    load_money(conn, view, rows)?;
    let mut skipped = BTreeSet::new();
    if conn.may_skip() && view.members.len() < rows.members.len() {
        let missing: Vec<MemberNumber> = rows
            .members
            .iter()
            .copied()
            .filter(|number| !view.members.contains_key(number))
            .collect();
        let held = conn.find::<Member, _>(&missing)?;
        skipped.extend(held.into_iter().map(|member| member.number));
    }
    for state in conn.find::<PaymentState, _>(&rows.payment_states)? {
        view.payment_states.insert(state.payment, state);
    }
    for acknowledgement in conn.find::<Acknowledgement, _>(&rows.acknowledgements)? {
        view.acknowledged.insert(acknowledgement.operation);
    }
    Ok(skipped)
}

/// Loads what belongs to members, under their locks, and again what was read before them.
fn load_people(
    conn: &mut Conn,
    view: &mut View,
    members: &[MemberNumber],
) -> Result<(), StoreError> {
    let people = &mut view.people;
    let keys: Vec<FactId> = people.devices.keys().copied().collect();
    let mut devices = conn.find::<Device, _>(&keys)?;
    let keys: Vec<[u8; 32]> = people.contacts.keys().copied().collect();
    let mut contacts = conn.find::<Contact, _>(&keys)?;
    let keys: Vec<[u8; 32]> = view.challenges.keys().copied().collect();
    // Locked, so that codes which are tried on two nodes at once are both counted.
    let challenges = conn.lock::<Challenge>(&keys, LockMode::Wait)?;
    view.challenges = challenges.into_iter().map(|row| (row.id, row)).collect();
    if !members.is_empty() {
        devices.extend(conn.find_by::<Device, _>(&DEVICES_OF_MEMBER, members)?);
        contacts.extend(conn.find_by::<Contact, _>(&CONTACTS_OF_MEMBER, members)?);
        let rows = conn.find_by::<Credential, _>(&CREDENTIALS_OF_MEMBER, members)?;
        people.credentials.extend(rows.into_iter().map(|row| (row.id, row)));
        let rows = conn.find_by::<Recovery, _>(&RECOVERIES_OF_MEMBER, members)?;
        people.recoveries.extend(rows.into_iter().map(|row| (row.id, row)));
        let rows = conn.find::<Consent, _>(members)?;
        people.consents.extend(rows.into_iter().map(|row| (row.member, row)));
    }
    people.devices.extend(devices.into_iter().map(|row| (row.id, row)));
    people.contacts.extend(contacts.into_iter().map(|row| (row.digest, row)));
    Ok(())
}

/// Loads cards and top-ups under their members' locks: of members, and those that a command names.
fn load_money(conn: &mut Conn, view: &mut View, rows: &Touch) -> Result<(), StoreError> {
    let named = view.people.top_ups.keys().chain(&rows.top_ups).copied();
    let named: BTreeSet<FactId> = named.collect();
    let mut top_ups = conn.find::<TopUp, _>(&named.into_iter().collect::<Vec<_>>())?;
    for member in &rows.money {
        top_ups.extend(read::money_in::top_ups_counted(conn, *member, view.now)?);
    }
    let cards = conn.find_by::<Card, _>(&CARDS_OF_MEMBER, &rows.money)?;
    view.people.top_ups.extend(top_ups.into_iter().map(|row| (row.id, row)));
    view.people.cards.extend(cards.into_iter().map(|row| (row.id, row)));
    Ok(())
}

/// Locks and loads rows of staff, after the members': each kind in order of its keys. They change
/// under their own locks.
fn lock_staff(conn: &mut Conn, view: &mut View, keys: &StaffKeys) -> Result<(), StoreError> {
    let mut rows = StaffRows::default();
    let links = conn.lock::<OperatorLink>(&keys.links, LockMode::Wait)?;
    rows.links = links.into_iter().map(|row| (row.digest, row)).collect();
    let passkeys = conn.lock::<OperatorPasskey>(&keys.passkeys, LockMode::Wait)?;
    rows.passkeys = passkeys.into_iter().map(|row| (row.lookup, row)).collect();
    let sessions = conn.lock::<StaffSession>(&keys.sessions, LockMode::Wait)?;
    rows.sessions = sessions.into_iter().map(|row| (row.id, row)).collect();
    let clerks = conn.lock::<Clerk>(&keys.clerks, LockMode::Wait)?;
    rows.clerks = clerks.into_iter().map(|row| (row.number, row)).collect();
    let shifts: Vec<FactId> = rows.clerks.values().map(|row| row.shift).collect();
    let shifts: Vec<FactId> = shifts.into_iter().filter(|shift| shift.is_some()).collect();
    let shifts = conn.find::<Shift, _>(&shifts)?;
    rows.shifts = shifts.into_iter().map(|row| (row.id, row)).collect();
    view.keep_staff(rows);
    Ok(())
}

fn decide_all(
    view: &mut View,
    commands: &[&Command],
    skipped: &BTreeSet<MemberNumber>,
    (closed, ahead): (bool, bool),
) -> Vec<Slot> {
    let mut slots = Vec::with_capacity(commands.len());
    for command in commands {
        if closed && !is_operators(command) {
            slots.push(Slot::Closed);
            continue;
        }
        if ahead && command.valid_until().is_some() {
            slots.push(Slot::Ahead);
            continue;
        }
        if !skipped.is_empty() && needs_skipped(view, command, skipped) {
            slots.push(Slot::Decision(Decision::Later));
            continue;
        }
        // `decide` has only `&View`: a panic in it cannot have changed anything.
        slots.push(match catch_unwind(AssertUnwindSafe(|| decide(view, command))) {
            Ok((decision, effects)) => {
                view.apply(effects);
                Slot::Decision(decision)
            }
            Err(panic) => Slot::Panicked(message_of(panic.as_ref())),
        });
    }
    slots
}

/// What a closed book still takes. It may lack what was acknowledged after its backup, so it
/// answers no register and no member: not even a query, which would say "not seen".
const fn is_operators(command: &Command) -> bool {
    match command {
        Command::Administer(administer) => {
            !matches!(administer.act, Act::EnrolDevice { .. } | Act::SignInClerk { .. })
        }
        Command::Operate(_) => true,
        _ => false,
    }
}

fn needs_skipped(view: &View, command: &Command, skipped: &BTreeSet<MemberNumber>) -> bool {
    touch(&[command], view).members.iter().any(|member| skipped.contains(member))
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Facts by key, as the save phase inserts them.
pub(crate) fn sorted<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = rows.iter().collect();
    sorted.sort_by_key(|row| key(row));
    sorted
}

/// The key under which two lanes must insert operations in the same order.
pub(crate) fn request_key(operation: &Operation) -> ([u8; 16], i64) {
    (operation.request_id.0, operation.terminal.0)
}

/// The row of a commit.
pub(crate) fn batch_row(view: &View, lane: &Lane, head: [u8; 32]) -> Batch {
    let first = view.facts.operations.iter().map(|operation| operation.id);
    let events = view.facts.events.iter().map(|event| event.id);
    let first_id = first.chain(events).min().unwrap_or(view.last_id);
    let facts = i64::try_from(view.facts.count()).expect("a batch has few facts");
    let (seq, at, last_id) = (view.seq, view.now, view.last_id);
    Batch { lane: lane.id, seq, at, first_id, last_id, facts, head }
}
