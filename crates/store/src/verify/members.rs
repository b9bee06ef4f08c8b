//! Members, devices and enrolment links, rebuilt from their facts.
//!
//! Members are folded a range of numbers at a time, so that ten million of them need no more than
//! about 300 MB. Secrets are the one thing that facts do not carry: the digest is folded in its
//! place and compared with the digest of what the row holds.

use std::collections::HashSet;

use yaoki_core::facts::{Event, EventKind, Operation, Transfer};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::state::{CodeSecret, EnrolmentLink, EnrolmentWay, Member};
use yaoki_core::view::{Directory, link_of_event, link_used_by, member_of_event};
use yaoki_core::window::Recount;

use super::derived::Known;
use super::page::{Checked, Pages, hex};
use super::people::{self, Folded};
use super::report::Findings;
use super::sums::count;
use super::{Progress, Progressing};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// So many members are folded at once.
const MEMBERS_AT_ONCE: i64 = 500_000;

/// How many rows there are, and what members have.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) members: u64,
    pub(super) devices: u64,
    pub(super) links: u64,
    /// Factors, addresses, recoveries and consents.
    pub(super) people: u64,
    /// Money and points of all stored members.
    pub(super) sum: i64,
}

/// Checks every member, device and link.
pub(super) fn check(
    conn: &mut Conn,
    known: &Known,
    findings: &mut Findings,
    progress: Progressing<'_>,
) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let mut low = 0;
    loop {
        let high = (low + MEMBERS_AT_ONCE).min(known.members);
        let of = u64::try_from(known.members).unwrap_or(0);
        progress(Progress { step: "members", done: u64::try_from(low).unwrap_or(0), of });
        let mut range = Range::new(low, high);
        range.begin_windows(conn)?;
        range.fold_facts(conn, &known.directory, findings)?;
        range.fold_transfers(conn, findings)?;
        let last = high >= known.members;
        let people = std::mem::take(&mut range.people);
        let is_of_range = |member: MemberNumber| {
            let (first, beyond) = (low == 0, member.0 > high);
            (first || member.0 > low) && (last || !beyond)
        };
        let compared = people.compare(conn, is_of_range, findings)?;
        totals.devices += compared.devices;
        totals.people += compared.others;
        range.compare(conn, last, &mut totals, findings)?;
        low = high;
        if last {
            break;
        }
    }
    progress(Progress { step: "links", done: 0, of: 0 });
    totals.people += people::check_proofs(conn, findings)?;
    totals.links = check_links(conn, known, findings)?;
    Ok(totals)
}

/// A member, as far as it is folded.
#[derive(Clone)]
enum Slot {
    /// Not created yet.
    Absent,
    /// As its facts give it; the secret is its digest.
    Whole(Member),
    /// A fact of it cannot have been booked, and is a finding.
    Broken,
}

/// The members after `low`, up to `high`.
struct Range {
    low: i64,
    high: i64,
    slots: Vec<Slot>,
    /// How the windows of stored rows come out, by the same places.
    windows: Vec<Option<Recount>>,
    people: Folded,
}

impl Range {
    fn new(low: i64, high: i64) -> Self {
        let count = usize::try_from(high - low).unwrap_or(0);
        let (slots, windows) = (vec![Slot::Absent; count], vec![None; count]);
        Self { low, high, slots, windows, people: Folded::default() }
    }

    /// Where windows begin is said by the stored rows.
    fn begin_windows(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut rows: Pages<Member> =
            if self.low == 0 { Pages::new() } else { Pages::after(self.low) };
        while rows.peek(conn)?.is_some_and(|row| row.number() <= self.high) {
            let Some(Ok(row)) = rows.next(conn)?.map(|checked| checked.row) else { continue };
            if let Some(place) = self.place(row.number.0) {
                self.windows[place] = Some(Recount::of(&row));
            }
        }
        Ok(())
    }

    fn place(&self, number: i64) -> Option<usize> {
        let place = usize::try_from(number.checked_sub(self.low + 1)?).ok()?;
        (place < self.slots.len()).then_some(place)
    }

    fn slot(&mut self, number: i64) -> Option<&mut Slot> {
        let place = self.place(number)?;
        self.slots.get_mut(place)
    }

    /// Folds operations and events in order of their ids.
    fn fold_facts(
        &mut self,
        conn: &mut Conn,
        directory: &Directory,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut operations: Pages<Operation> = Pages::new();
        let mut events: Pages<Event> = Pages::new();
        loop {
            let operation = operations.peek(conn)?.map(Checked::number);
            let event = events.peek(conn)?.map(Checked::number);
            match (operation, event) {
                (None, None) => return Ok(()),
                (Some(operation), event) if event.is_none_or(|event| operation < event) => {
                    if let Some(Ok(row)) = operations.next(conn)?.map(|checked| checked.row) {
                        self.fold_operation(&row, directory, findings);
                    }
                }
                _ => {
                    if let Some(Ok(row)) = events.next(conn)?.map(|checked| checked.row) {
                        self.fold_event(&row, findings);
                    }
                }
            }
        }
    }

    fn fold_operation(
        &mut self,
        operation: &Operation,
        directory: &Directory,
        findings: &mut Findings,
    ) {
        let store = directory.store_of(operation.terminal);
        if let Some(place) = self.place(operation.member.0)
            && let Some(windows) = &mut self.windows[place]
        {
            windows.take(operation);
        }
        let Some(slot) = self.slot(operation.member.0) else { return };
        fold::<Operation>(slot, operation.id.0, findings, |member| {
            member.fold_operation(operation, store);
        });
        if operation.is_of_top_up() {
            self.people.fold_operation(operation, findings);
        }
    }

    fn fold_event(&mut self, event: &Event, findings: &mut Findings) {
        let Some(slot) = self.slot(event.subject) else {
            let later = self.high < event.subject || event.subject <= self.low;
            debug_assert!(later, "a number of the range has a slot");
            return;
        };
        if event.kind == EventKind::MemberCreated {
            *slot = Slot::Whole(member_of_event(event));
            return;
        }
        if !event.kind.is_of_member() {
            return;
        }
        let secret = match event.kind {
            EventKind::DeviceEnrolled => event.digest.get(32..64),
            EventKind::CodeSecretRotated | EventKind::PayingRightMoved => {
                Some(event.digest.as_slice())
            }
            _ => None,
        };
        let secret = secret.and_then(|digest| digest.try_into().ok());
        let takes = match &*slot {
            Slot::Whole(member) => member.takes(event),
            Slot::Absent | Slot::Broken => true,
        };
        if takes {
            fold::<Event>(slot, event.id.0, findings, |member| member.fold_event(event, secret));
        }
        self.people.fold(event, findings);
    }

    /// Folds transfers: they touch nothing that operations touch.
    fn fold_transfers(
        &mut self,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut transfers: Pages<Transfer> = Pages::new();
        while let Some(checked) = transfers.next(conn)? {
            let key = checked.key();
            let Ok(transfer) = checked.row else { continue };
            let Some(slot) = self.slot(transfer.member.0) else { continue };
            fold::<Transfer>(slot, key, findings, |member| member.fold_transfer(&transfer));
        }
        Ok(())
    }

    /// Compares with the stored rows; the last range also takes those that are too many.
    fn compare(
        mut self,
        conn: &mut Conn,
        last: bool,
        totals: &mut Totals,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut rows: Pages<Member> =
            if self.low == 0 { Pages::new() } else { Pages::after(self.low) };
        let high = self.high;
        while rows.peek(conn)?.is_some_and(|row| last || row.number() <= high) {
            let Some(checked) = rows.next(conn)? else { break };
            totals.members += 1;
            let number = checked.number();
            let Some(stored) = findings.readable(checked) else {
                self.put_away(number);
                continue;
            };
            totals.sum += stored.money + stored.points;
            match self.slot(number).map(|slot| std::mem::replace(slot, Slot::Broken)) {
                Some(Slot::Whole(mut expected)) => {
                    let place = self.place(number).expect("its slot was there");
                    if let Some(windows) = &self.windows[place] {
                        windows.put(&mut expected);
                    }
                    compare_member(&stored, expected, findings);
                }
                Some(Slot::Broken) => {}
                Some(Slot::Absent) | None => {
                    findings.add("member", number, "no event has created it".to_owned());
                }
            }
        }
        for (at, slot) in self.slots.iter().enumerate() {
            let number = self.low + 1 + i64::try_from(at).unwrap_or(0);
            if matches!(slot, Slot::Whole(_)) {
                findings.add("member", number, "is missing".to_owned());
            }
        }
        Ok(())
    }

    fn put_away(&mut self, number: i64) {
        if let Some(slot) = self.slot(number) {
            *slot = Slot::Broken;
        }
    }
}

/// Folds one fact of type `F` into a member; a member that breaks by it is folded no further.
fn fold<F: yaoki_core::row::Row>(
    slot: &mut Slot,
    key: impl std::fmt::Display,
    findings: &mut Findings,
    fold: impl FnOnce(&mut Member),
) {
    match slot {
        Slot::Whole(member) => {
            if !findings.folds::<F>(key, || fold(member)) {
                *slot = Slot::Broken;
            }
        }
        Slot::Absent => {
            findings.add(F::TABLE, key, "is of a member who is not there yet".to_owned());
            *slot = Slot::Broken;
        }
        Slot::Broken => {}
    }
}

fn compare_member(stored: &Member, mut expected: Member, findings: &mut Findings) {
    let digest = expected.code_secret;
    let is_named = if digest == CodeSecret::NONE {
        stored.code_secret == CodeSecret::NONE
    } else {
        *blake3::hash(&stored.code_secret.0).as_bytes() == digest.0
    };
    if is_named {
        expected.code_secret = stored.code_secret;
    }
    findings.must_equal(stored.number.0, stored, &expected);
}

/// Enrolment links, looked up from the events that made and used them.
fn check_links(conn: &mut Conn, known: &Known, findings: &mut Findings) -> Result<u64, StoreError> {
    let mut events: Pages<Event> = Pages::new();
    loop {
        let page = events.page(conn)?;
        if page.is_empty() {
            break;
        }
        let page: Vec<Event> = page.into_iter().filter_map(|checked| checked.row.ok()).collect();
        check_links_of(conn, &page, findings)?;
    }
    let stored = count(conn, &sql::COUNT_LINKS)?;
    if stored != known.links {
        find_extra_links(conn, findings)?;
    }
    Ok(u64::try_from(stored).unwrap_or(0))
}

/// The digest of the link that an event names.
fn link_digest(event: &Event) -> Option<[u8; 32]> {
    match event.kind {
        EventKind::LinkCreated => event.digest.as_slice().try_into().ok(),
        _ => link_used_by(event),
    }
}

fn check_links_of(
    conn: &mut Conn,
    page: &[Event],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let digests: Vec<[u8; 32]> = page.iter().filter_map(link_digest).collect();
    let stored = conn.find::<Checked<EnrolmentLink>, _>(&digests)?;
    let stored: std::collections::HashMap<[u8; 32], EnrolmentLink> = stored
        .into_iter()
        .filter_map(|checked| checked.row.ok())
        .map(|link| (link.digest, link))
        .collect();
    let devices: Vec<FactId> =
        stored.values().map(|link| link.device).filter(|device| device.is_some()).collect();
    let uses = conn.find::<Checked<Event>, _>(&devices)?;
    let uses: std::collections::HashMap<FactId, Option<[u8; 32]>> = uses
        .into_iter()
        .filter_map(|checked| checked.row.ok())
        .filter(|event| event.kind != EventKind::LinkCreated)
        .map(|event| (event.id, link_digest(&event)))
        .collect();
    for event in page {
        let Some(digest) = link_digest(event) else {
            let by_link = event.number == EnrolmentWay::Link.code();
            let enrolled = event.kind == EventKind::DeviceEnrolled && by_link;
            if enrolled || matches!(event.kind, EventKind::LinkCreated | EventKind::DevicePending) {
                let problem = "has a digest of another length".to_owned();
                findings.add("event", event.id.0, problem);
            }
            continue;
        };
        let Some(link) = stored.get(&digest) else {
            findings.add("enrolment_link", hex(&digest), "is missing".to_owned());
            continue;
        };
        let mut expected = link.clone();
        if event.kind == EventKind::LinkCreated {
            expected = EnrolmentLink { device: link.device, ..link_of_event(event) };
        } else {
            expected.device = FactId(event.object);
            if link.device.is_some() && uses.get(&link.device) != Some(&Some(digest)) {
                expected.device = FactId::NONE;
            }
        }
        findings.must_equal(hex(&digest), link, &expected);
    }
    Ok(())
}

/// Reads all links and names those that no event has made.
fn find_extra_links(conn: &mut Conn, findings: &mut Findings) -> Result<(), StoreError> {
    let start =
        |digest: [u8; 32]| -> [u8; 8] { digest[..8].try_into().expect("a digest has 32 bytes") };
    let mut made = HashSet::new();
    let mut events: Pages<Event> = Pages::new();
    while let Some(checked) = events.next(conn)? {
        if let Ok(event) = checked.row
            && event.kind == EventKind::LinkCreated
        {
            made.extend(link_digest(&event).map(start));
        }
    }
    let mut links: Pages<EnrolmentLink> = Pages::new();
    while let Some(checked) = links.next(conn)? {
        let key = checked.key();
        if let Some(link) = findings.readable(checked)
            && !made.contains(&start(link.digest))
        {
            findings.add("enrolment_link", key, "no event has made it".to_owned());
        }
    }
    Ok(())
}
