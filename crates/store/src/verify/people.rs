//! Devices, factors, addresses, recoveries and consents of a range of members, rebuilt from their
//! events by the folds that commits use.
//!
//! What events name by digest only is folded as that digest, and compared with the digest of what
//! the row holds. An address itself is no part of it: its keyed digest, which is the row's key, is.

use std::collections::BTreeMap;

use yaoki_core::facts::{Event, EventKind, Operation};
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof, People, Private};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::message::Address;
use yaoki_core::row::Row;
use yaoki_core::state::Device;
use yaoki_core::top_up::{Card, TopUp};

use super::page::{Checked, Paged, Pages, hex};
use super::report::Findings;
use super::sums::count;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// What the events of a range of members give.
#[derive(Default)]
pub(super) struct Folded {
    people: People,
}

/// How many rows were compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) devices: u64,
    pub(super) others: u64,
}

/// A row of a member's.
trait Personal: Paged {
    /// Its key.
    type Key: Ord + Clone;
    fn key(&self) -> Self::Key;
    fn member(&self) -> MemberNumber;
    fn named(key: &Self::Key) -> String;
    /// The row with digests in the place of what no event carries.
    fn with_digests(self) -> Self;
}

macro_rules! personal {
    ($row:ty, $key:ty, $field:ident, $named:expr, $with_digests:expr) => {
        impl Personal for $row {
            type Key = $key;
            fn key(&self) -> $key {
                self.$field
            }
            fn member(&self) -> MemberNumber {
                self.member
            }
            fn named(key: &$key) -> String {
                let named: fn(&$key) -> String = $named;
                named(key)
            }
            fn with_digests(self) -> Self {
                let with_digests: fn(Self) -> Self = $with_digests;
                with_digests(self)
            }
        }
    };
}

personal!(Device, FactId, id, |id| id.0.to_string(), |row| Self {
    public_key: blake3::hash(&row.public_key).as_bytes().to_vec(),
    ..row
});
personal!(Credential, FactId, id, |id| id.0.to_string(), |row| Self {
    secret: Credential::digest(&row.lookup, &row.secret).to_vec(),
    lookup: Vec::new(),
    ..row
});
personal!(Contact, [u8; 32], digest, |digest| hex(digest), |row| Self {
    address: Address(String::new()),
    ..row
});
personal!(Card, FactId, id, |id| id.0.to_string(), |row| Self {
    token: hex(&Card::digest(&row.token, &row.label)),
    label: String::new(),
    ..row
});
personal!(TopUp, FactId, id, |id| id.0.to_string(), |row| row);
personal!(Recovery, FactId, id, |id| id.0.to_string(), |row| row);
personal!(Consent, MemberNumber, member, |member| member.0.to_string(), |row| row);

impl Folded {
    /// Books an event of a member of the range.
    pub(super) fn fold(&mut self, event: &Event, findings: &mut Findings) {
        if event.kind == EventKind::PaymentProven {
            // As many as payments: compared page by page.
            return;
        }
        let people = &mut self.people;
        findings.folds::<Event>(event.id.0, || {
            people.fold_event(event, digests(event));
        });
    }

    /// Books an operation of a member of the range.
    pub(super) fn fold_operation(&mut self, operation: &Operation, findings: &mut Findings) {
        let people = &mut self.people;
        findings.folds::<Operation>(operation.id.0, || {
            people.fold_operation(operation);
        });
    }

    /// Compares with the stored rows of members that `is_of_range` names.
    pub(super) fn compare(
        self,
        conn: &mut Conn,
        is_of_range: impl Fn(MemberNumber) -> bool,
        findings: &mut Findings,
    ) -> Result<Compared, StoreError> {
        let People { devices, credentials, contacts, recoveries, consents, cards, top_ups, .. } =
            self.people;
        let devices = compare(conn, devices, &is_of_range, findings)?;
        let others = [
            compare(conn, credentials, &is_of_range, findings)?,
            compare(conn, contacts, &is_of_range, findings)?,
            compare(conn, recoveries, &is_of_range, findings)?,
            compare(conn, consents, &is_of_range, findings)?,
            compare(conn, cards, &is_of_range, findings)?,
            compare(conn, top_ups, &is_of_range, findings)?,
        ];
        Ok(Compared { devices, others: others.iter().sum() })
    }
}

/// What an event says of what it may not carry.
fn digests(event: &Event) -> Private {
    let first = || event.digest.get(..32).map(<[u8]>::to_vec).unwrap_or_default();
    let mut private = Private::default();
    match event.kind {
        EventKind::DeviceEnrolled
        | EventKind::DeviceAdded
        | EventKind::DevicePending
        | EventKind::DeviceRestored => private.public_key = first(),
        EventKind::CredentialAdded => private.secret = first(),
        EventKind::CardAdded => {
            let digest = event.digest.get(32..).unwrap_or_default();
            private.secret = hex(digest).into_bytes();
        }
        _ => {}
    }
    private
}

/// Stored rows against what the events give; says how many there are.
fn compare<T: Personal>(
    conn: &mut Conn,
    mut expected: BTreeMap<T::Key, T>,
    is_of_range: &impl Fn(MemberNumber) -> bool,
    findings: &mut Findings,
) -> Result<u64, StoreError> {
    let mut count = 0;
    let mut pages: Pages<T> = Pages::new();
    while let Some(checked) = pages.next(conn)? {
        // A row that cannot be read is a finding once: in the first range.
        let Some(stored) = read(checked, is_of_range, findings) else { continue };
        let (key, member) = (stored.key(), stored.member());
        // An address that changed hands is its last owner's, whose events may be another range's.
        let given = expected.remove(&key);
        if !is_of_range(member) {
            if let Some(given) = given.filter(|_| T::TABLE != Contact::TABLE) {
                findings.must_equal(T::named(&key), &stored.with_digests(), &given);
            }
            continue;
        }
        count += 1;
        match given {
            Some(given) => {
                findings.must_equal(T::named(&key), &stored.with_digests(), &given);
            }
            None => findings.add(T::TABLE, T::named(&key), "no event gives it".to_owned()),
        }
    }
    for key in expected.keys() {
        findings.add(T::TABLE, T::named(key), "is missing, or cannot be read".to_owned());
    }
    Ok(count)
}

fn read<T: Personal>(
    checked: Checked<T>,
    is_of_range: &impl Fn(MemberNumber) -> bool,
    findings: &mut Findings,
) -> Option<T> {
    match checked.row {
        Ok(row) => Some(row),
        Err(_) if !is_of_range(MemberNumber(1)) => None,
        Err(_) => findings.readable(checked),
    }
}

/// Proofs of payments, looked up from the events that name them; says how many there are.
pub(super) fn check_proofs(conn: &mut Conn, findings: &mut Findings) -> Result<u64, StoreError> {
    let mut named = 0;
    let mut events: Pages<Event> = Pages::new();
    loop {
        let page = events.page(conn)?;
        if page.is_empty() {
            break;
        }
        let page = page.into_iter().filter_map(|checked| checked.row.ok());
        let page: Vec<Event> =
            page.filter(|event| event.kind == EventKind::PaymentProven).collect();
        named += u64::try_from(page.len()).unwrap_or(0);
        let keys: Vec<FactId> = page.iter().map(|event| FactId(event.object)).collect();
        let stored = conn.find::<Checked<PaymentProof>, _>(&keys)?;
        let stored = stored.into_iter().filter_map(|checked| findings.readable(checked));
        let stored: BTreeMap<FactId, PaymentProof> = stored.map(|row| (row.payment, row)).collect();
        for event in &page {
            let payment = FactId(event.object);
            match stored.get(&payment) {
                None => findings.add("payment_proof", payment.0, "is missing".to_owned()),
                Some(row) => {
                    let given = PaymentProof {
                        payment,
                        member: MemberNumber(event.subject),
                        device: FactId(event.number),
                        proof: event.digest.clone(),
                    };
                    let proof = blake3::hash(&row.proof).as_bytes().to_vec();
                    let stored = PaymentProof { proof, ..row.clone() };
                    findings.must_equal(payment.0, &stored, &given);
                }
            }
        }
    }
    let stored = count(conn, &sql::COUNT_PROOFS)?;
    if u64::try_from(stored).is_ok_and(|stored| stored != named) {
        let problem = format!("there are {stored} rows, and events name {named}");
        findings.add("payment_proof", "all", problem);
    }
    Ok(named)
}
