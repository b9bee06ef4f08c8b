//! Who a member is: devices, factors, addresses, recoveries, challenges.

use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof, People};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::row::Value;
use yaoki_core::state::{Device, EnrolmentLink};
use yaoki_core::time::Instant;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::{
    CONTACTS_OF_MEMBER, CREDENTIALS_OF_MEMBER, DEVICES_OF_MEMBER, DeviceSeen, RECOVERIES_OF_MEMBER,
};

/// The most challenges that one sweep deletes.
const CHALLENGES_SWEPT_MAX: i64 = 500;

/// Everything that belongs to a member, what has ended included.
pub fn people_of(conn: &mut Conn, member: MemberNumber) -> Result<People, StoreError> {
    let devices = conn.find_by::<Device, _>(&DEVICES_OF_MEMBER, &[member])?;
    let credentials = conn.find_by::<Credential, _>(&CREDENTIALS_OF_MEMBER, &[member])?;
    let contacts = conn.find_by::<Contact, _>(&CONTACTS_OF_MEMBER, &[member])?;
    let recoveries = conn.find_by::<Recovery, _>(&RECOVERIES_OF_MEMBER, &[member])?;
    let consents = conn.find::<Consent, _>(&[member])?;
    Ok(People {
        devices: devices.into_iter().map(|row| (row.id, row)).collect(),
        credentials: credentials.into_iter().map(|row| (row.id, row)).collect(),
        contacts: contacts.into_iter().map(|row| (row.digest, row)).collect(),
        recoveries: recoveries.into_iter().map(|row| (row.id, row)).collect(),
        consents: consents.into_iter().map(|row| (row.member, row)).collect(),
        ..People::default()
    })
}

/// When devices signed last.
pub fn devices_seen(conn: &mut Conn, people: &People) -> Result<Vec<DeviceSeen>, StoreError> {
    let devices: Vec<_> = people.devices.keys().copied().collect();
    conn.find::<DeviceSeen, _>(&devices)
}

/// The address of this keyed digest.
pub fn contact(conn: &mut Conn, digest: [u8; 32]) -> Result<Option<Contact>, StoreError> {
    Ok(conn.find::<Contact, _>(&[digest])?.pop())
}

/// The factor that is found by itself: a passkey's, or an external id's.
pub fn credential_by_lookup(
    conn: &mut Conn,
    lookup: &[u8],
) -> Result<Option<Credential>, StoreError> {
    Ok(conn.query::<Credential>(&sql::CREDENTIAL_BY_LOOKUP, &[Value::Bytes(lookup)])?.pop())
}

/// The proof by which a payment was confirmed; none where it was made on a code.
pub fn payment_proof(conn: &mut Conn, id: FactId) -> Result<Option<PaymentProof>, StoreError> {
    Ok(conn.find::<PaymentProof, _>(&[id])?.pop())
}

/// The recovery of this id.
pub fn recovery(conn: &mut Conn, id: FactId) -> Result<Option<Recovery>, StoreError> {
    Ok(conn.find::<Recovery, _>(&[id])?.pop())
}

/// The challenge of this id.
pub fn challenge(conn: &mut Conn, id: [u8; 32]) -> Result<Option<Challenge>, StoreError> {
    Ok(conn.find::<Challenge, _>(&[id])?.pop())
}

/// The link, or invitation, of this digest.
pub fn link(conn: &mut Conn, digest: [u8; 32]) -> Result<Option<EnrolmentLink>, StoreError> {
    Ok(conn.find::<EnrolmentLink, _>(&[digest])?.pop())
}

/// Says when and whence a device has signed. Work, for an errand.
///
/// # Errors
/// When the storage fails.
pub fn note_seen(conn: &mut Conn, seen: &DeviceSeen) -> Result<(), StoreError> {
    conn.upsert(&[seen]).map(drop)
}

/// Deletes challenges that are over; true where there may be more. Work, for an errand.
///
/// # Errors
/// When the storage fails.
pub fn sweep_challenges(conn: &mut Conn, now: Instant) -> Result<bool, StoreError> {
    let arguments = [Value::Int(now.0), Value::Int(CHALLENGES_SWEPT_MAX)];
    let over: Vec<Challenge> = conn.query(&sql::CHALLENGES_OVER, &arguments)?;
    for challenge in &over {
        conn.delete(challenge)?;
    }
    Ok(i64::try_from(over.len()).is_ok_and(|count| count == CHALLENGES_SWEPT_MAX))
}
