//! Pages of what there is, by ascending number, for operators.

use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::row::Value;
use yaoki_core::state::{Device, Member, Merchant, Store, Terminal};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// Merchants after a number. Shops are few: all are read, as every batch reads them.
pub fn merchants(conn: &mut Conn, after: i64, limit: usize) -> Result<Vec<Merchant>, StoreError> {
    let rows: Vec<Merchant> = conn.query(&sql::MERCHANTS, &[])?;
    Ok(rows.into_iter().filter(|row| row.number.0 > after).take(limit).collect())
}

/// Stores after a number.
pub fn stores(conn: &mut Conn, after: i64, limit: usize) -> Result<Vec<Store>, StoreError> {
    let rows: Vec<Store> = conn.query(&sql::STORES, &[])?;
    Ok(rows.into_iter().filter(|row| row.number.0 > after).take(limit).collect())
}

/// Terminals after a number.
pub fn terminals(conn: &mut Conn, after: i64, limit: usize) -> Result<Vec<Terminal>, StoreError> {
    let rows: Vec<Terminal> = conn.query(&sql::TERMINALS, &[])?;
    Ok(rows.into_iter().filter(|row| row.number.0 > after).take(limit).collect())
}

/// Members after a number.
pub fn members(
    conn: &mut Conn,
    after: MemberNumber,
    limit: usize,
) -> Result<Vec<Member>, StoreError> {
    conn.query(&sql::MEMBERS_AFTER, &[Value::Int(after.0), super::page_of(limit)])
}

/// Devices after an id.
pub fn devices(conn: &mut Conn, after: FactId, limit: usize) -> Result<Vec<Device>, StoreError> {
    conn.query(&sql::DEVICES_AFTER, &[Value::Int(after.0), super::page_of(limit)])
}
