//! Derived rows that are few: the book, merchants, stores, terminals, webhooks, switches, rebuilt
//! from events by the folds that commits use, and compared row for row. On the way, what the events
//! say of everything else is counted, and checkpoints in the book are compared with its commits.

use std::collections::BTreeMap;
use std::fmt::Display;

use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{MerchantNumber, TerminalNumber, WebhookNumber};
use yaoki_core::shift::credit_of_event;
use yaoki_core::state::{Merchant, Store, Terminal};
use yaoki_core::switches::Switch;
use yaoki_core::view::{Directory, store_of_event, switch_of_event, terminal_of_event};
use yaoki_core::webhook::Webhook;

use super::anchor::{self, Said};
use super::page::{Checked, Pages};
use super::report::Findings;
use super::staff::Staff;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::{Book, Record, Switchboard};

/// What the events say.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Merchants, stores, terminals, webhooks and closed switches.
    pub(super) directory: Directory,
    /// How many members were created: their numbers are 1, 2, 3…
    pub(super) members: i64,
    /// How many enrolment links were created.
    pub(super) links: i64,
    /// Links, passkeys, sessions and clerks of staff.
    staff: Staff,
    pub(super) events: u64,
    pub(super) checkpoints: u64,
    /// The generation of the code key since the last restore; 0: never restored.
    restored: i64,
    closed: bool,
}

impl Known {
    /// Reads every event once.
    pub(super) fn read(conn: &mut Conn, findings: &mut Findings) -> Result<Self, StoreError> {
        let mut known = Self::default();
        let mut said = Said::default();
        let mut pages: Pages<Event> = Pages::new();
        while let Some(checked) = pages.next(conn)? {
            known.events += 1;
            // Rows that cannot be read are found where the chain is.
            let Ok(event) = checked.row else { continue };
            if event.kind == EventKind::Checkpoint {
                known.checkpoints += 1;
                check_checkpoint(conn, &event, &mut said, findings)?;
            }
            known.fold(&event, findings);
        }
        Ok(known)
    }

    fn fold(&mut self, event: &Event, findings: &mut Findings) {
        let directory = &mut self.directory;
        for void in directory.staff.made_void_by(event) {
            directory.staff.proposals.get_mut(&void).expect("it was just found").make_void();
        }
        fold_store(directory, event, findings);
        match event.kind {
            EventKind::MerchantCreated => {
                let number = MerchantNumber(event.subject);
                let merchant = Merchant { number, name: event.text.clone() };
                directory.merchants.insert(number, merchant);
            }
            EventKind::StoreCreated => {
                let store = store_of_event(event);
                directory.stores.insert(store.number, store);
            }
            EventKind::TerminalCreated => {
                let terminal = terminal_of_event(event);
                directory.terminals.insert(terminal.number, terminal);
            }
            EventKind::TerminalSuspended
            | EventKind::TerminalResumed
            | EventKind::TerminalKeyRotated => {
                let number = TerminalNumber(event.subject);
                if let Some(terminal) = directory.terminals.get_mut(&number) {
                    terminal.fold_event(event);
                } else {
                    let problem = format!("terminal {} is not there", event.subject);
                    findings.add("event", event.id.0, problem);
                }
            }
            EventKind::SwitchClosed | EventKind::SwitchOpened => {
                let switches = &mut directory.switches;
                findings.folds::<Event>(event.id.0, || fold_switch(switches, event));
            }
            EventKind::WebhookCreated => {
                let webhook = Webhook::of_event(event);
                directory.webhooks.insert(webhook.number, webhook);
            }
            EventKind::WebhookEnded | EventKind::WebhookSecretRotated => {
                if let Some(webhook) = directory.webhooks.get_mut(&WebhookNumber(event.subject)) {
                    webhook.fold_event(event);
                } else {
                    let problem = format!("webhook {} is not there", event.subject);
                    findings.add("event", event.id.0, problem);
                }
            }
            EventKind::MemberCreated => self.members += 1,
            EventKind::LinkCreated => self.links += 1,
            EventKind::Restored => (self.restored, self.closed) = (event.number, true),
            EventKind::BookOpened => self.closed = false,
            kind if kind.is_of_staff() => {
                self.staff.fold(&mut directory.staff, event, findings);
            }
            _ => {}
        }
    }

    /// Compares book, switchboard, merchants, stores, terminals, webhooks, switches and staff; says
    /// how many there are of the latter.
    pub(super) fn compare(
        &self,
        conn: &mut Conn,
        findings: &mut Findings,
    ) -> Result<u64, StoreError> {
        self.compare_book(conn, findings)?;
        let directory = &self.directory;
        let mut rows = 0;
        let stored: Vec<Checked<Merchant>> = conn.query(&sql::MERCHANTS, &[])?;
        rows += stored.len();
        compare_all(stored, &directory.merchants, |row| row.number, |key| key.0, findings);
        let stored: Vec<Checked<Store>> = conn.query(&sql::STORES, &[])?;
        rows += stored.len();
        compare_all(stored, &directory.stores, |row| row.number, |key| key.0, findings);
        let stored: Vec<Checked<Terminal>> = conn.query(&sql::TERMINALS, &[])?;
        rows += stored.len();
        compare_all(stored, &directory.terminals, |row| row.number, |key| key.0, findings);
        let stored: Vec<Checked<Webhook>> = conn.query(&sql::WEBHOOKS, &[])?;
        rows += stored.len();
        compare_all(stored, &directory.webhooks, |row| row.number, |key| key.0, findings);
        let switches = directory.switches.iter().map(|row| (switch_key(row), row.clone()));
        let stored: Vec<Checked<Switch>> = conn.query(&sql::SWITCHES, &[])?;
        rows += stored.len();
        let named = |key: &(i64, i64, i64)| format!("{}, {}, {}", key.0, key.1, key.2);
        compare_all(stored, &switches.collect(), switch_key, named, findings);
        rows += self.staff.compare(&directory.staff, conn, findings)?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    fn compare_book(&self, conn: &mut Conn, findings: &mut Findings) -> Result<(), StoreError> {
        let switchboards: Vec<Checked<Switchboard>> = conn.query(&sql::SWITCHBOARDS, &[])?;
        let ids: Vec<i64> = switchboards.iter().map(Checked::number).collect();
        if ids != [1] {
            findings.add("switchboard", 1, format!("there are {} rows, not one", ids.len()));
        }
        let books: Vec<Checked<Book>> = conn.query(&sql::BOOKS, &[])?;
        if books.len() != 1 {
            findings.add("book", 1, format!("there are {} rows, not one", books.len()));
        }
        for checked in books {
            let Some(book) = findings.readable(checked) else { continue };
            let code_generation = self.restored.max(1);
            let closed = i64::from(self.closed);
            let expected = Book { id: 1, code_generation, closed, ..book.clone() };
            findings.must_equal(book.id, &book, &expected);
        }
        Ok(())
    }
}

fn fold_switch(switches: &mut Vec<Switch>, event: &Event) {
    let switch = switch_of_event(event);
    switches.retain(|other| switch_key(other) != switch_key(&switch));
    if event.kind == EventKind::SwitchClosed {
        switches.push(switch);
    }
}

const fn switch_key(switch: &Switch) -> (i64, i64, i64) {
    (switch.capability.code(), switch.scope.code(), switch.subject)
}

fn check_checkpoint(
    conn: &mut Conn,
    event: &Event,
    said: &mut Said,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let Some((_, heads)) = anchor::parse_heads(&event.text) else {
        let problem = "is a checkpoint whose heads no one of us wrote".to_owned();
        findings.add("event", event.id.0, problem);
        return Ok(());
    };
    let witness = format!("the checkpoint in event {}", event.id.0);
    anchor::compare(conn, &heads, (&witness, said), findings)
}

/// Stored rows against expected ones, each in order of its key.
pub(super) fn compare_all<T: Record, K: Ord, D: Display>(
    stored: Vec<Checked<T>>,
    expected: &BTreeMap<K, T>,
    key_of: impl Fn(&T) -> K,
    show: impl Fn(&K) -> D,
    findings: &mut Findings,
) {
    let mut left: BTreeMap<&K, &T> = expected.iter().collect();
    for checked in stored {
        let Some(row) = findings.readable(checked) else { continue };
        let key = key_of(&row);
        match left.remove(&key) {
            Some(expected) => findings.must_equal(show(&key), &row, expected),
            None => findings.add(T::TABLE, show(&key), "no event gives it".to_owned()),
        }
    }
    for key in left.keys() {
        findings.add(T::TABLE, show(key), "is missing, or cannot be read".to_owned());
    }
}

/// What events of clerks and shifts change of a store.
fn fold_store(directory: &mut Directory, event: &Event, findings: &mut Findings) {
    let credit = credit_of_event(event);
    let Some(number) = Store::of_event(event).or(credit.map(|(store, ..)| store)) else { return };
    let Some(store) = directory.stores.get_mut(&number) else {
        findings.add("event", event.id.0, format!("store {} is not there", number.0));
        return;
    };
    store.fold_event(event);
    if let Some((_, change, taken)) = credit {
        store.allot(change, taken);
    }
}
