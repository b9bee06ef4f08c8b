//! What the console and registers ask about staff: operators, passkeys, proposals, sessions,
//! clerks.

use yaoki_core::clerk::Clerk;
use yaoki_core::ids::{ClerkNumber, FactId, OperatorNumber, StoreNumber};
use yaoki_core::operator::{Operator, OperatorLink, OperatorPasskey};
use yaoki_core::proposal::Proposal;
use yaoki_core::row::Value;
use yaoki_core::session::StaffSession;
use yaoki_core::staff::StaffDirectory;

use super::page_of;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::Number;

/// The most proposals that a lane keeps, newest first: those that are neither refused nor used. An
/// operator has few at a time.
pub const PROPOSALS_KEPT_MAX: usize = 1000;

/// Every operator, and the proposals that may still be carried out.
pub fn directory(conn: &mut Conn) -> Result<StaffDirectory, StoreError> {
    let limit = [Value::Int(0), page_of(PROPOSALS_KEPT_MAX)];
    let proposals: Vec<Proposal> = conn.query(&sql::LIVE_PROPOSALS, &limit)?;
    let operators = operators(conn)?;
    Ok(StaffDirectory {
        operators: operators.into_iter().map(|row| (row.number, row)).collect(),
        proposals: proposals.into_iter().map(|row| (row.id, row)).collect(),
    })
}

/// Every operator.
pub fn operators(conn: &mut Conn) -> Result<Vec<Operator>, StoreError> {
    conn.query(&sql::OPERATORS, &[])
}

/// The operator of this number.
pub fn operator(conn: &mut Conn, number: OperatorNumber) -> Result<Option<Operator>, StoreError> {
    Ok(conn.find::<Operator, _>(&[number.0])?.pop())
}

/// Every passkey of every operator: they are few.
pub fn passkeys(conn: &mut Conn) -> Result<Vec<OperatorPasskey>, StoreError> {
    conn.query(&sql::OPERATOR_PASSKEYS, &[])
}

/// The passkey of this credential, by the digest of its id.
pub fn passkey(conn: &mut Conn, lookup: [u8; 32]) -> Result<Option<OperatorPasskey>, StoreError> {
    Ok(conn.find::<OperatorPasskey, _>(&[lookup])?.pop())
}

/// The link of this digest.
pub fn link(conn: &mut Conn, digest: [u8; 32]) -> Result<Option<OperatorLink>, StoreError> {
    Ok(conn.find::<OperatorLink, _>(&[digest])?.pop())
}

/// The session of this id, and its operator; none where it is no operator's.
pub fn session(
    conn: &mut Conn,
    id: FactId,
) -> Result<Option<(StaffSession, Operator)>, StoreError> {
    let Some(session) = conn.find::<StaffSession, _>(&[id])?.pop() else { return Ok(None) };
    let operator = operator(conn, session.operator)?;
    Ok(operator.map(|operator| (session, operator)))
}

/// The session of a clerk, and who he is; none where it is no clerk's.
pub fn clerk_session(
    conn: &mut Conn,
    id: FactId,
) -> Result<Option<(StaffSession, Clerk)>, StoreError> {
    let Some(session) = conn.find::<StaffSession, _>(&[id])?.pop() else { return Ok(None) };
    let clerk = clerk(conn, session.clerk)?;
    Ok(clerk.map(|clerk| (session, clerk)))
}

/// The newest proposals before one, the newest first.
pub fn proposals(
    conn: &mut Conn,
    before: FactId,
    limit: usize,
) -> Result<Vec<Proposal>, StoreError> {
    conn.query(&sql::PROPOSALS_BEFORE, &[Value::Int(before.0), page_of(limit.min(super::PAGE_MAX))])
}

/// The proposal of this id.
pub fn proposal(conn: &mut Conn, id: FactId) -> Result<Option<Proposal>, StoreError> {
    Ok(conn.find::<Proposal, _>(&[id])?.pop())
}

/// The clerk of this number.
pub fn clerk(conn: &mut Conn, number: ClerkNumber) -> Result<Option<Clerk>, StoreError> {
    Ok(conn.find::<Clerk, _>(&[number])?.pop())
}

/// A page of the clerks of a store, after one.
pub fn clerks(
    conn: &mut Conn,
    store: StoreNumber,
    after: ClerkNumber,
    limit: usize,
) -> Result<Vec<Clerk>, StoreError> {
    let limit = page_of(limit.min(super::PAGE_MAX));
    conn.query(&sql::CLERKS_OF_STORE, &[Value::Int(store.0), Value::Int(after.0), limit])
}

/// The last number that was given to a clerk; 0 when there is none.
pub(crate) fn last_clerk_number(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(conn.query::<Number>(&sql::LAST_CLERK, &[])?.pop().map_or(0, |row| row.number))
}
