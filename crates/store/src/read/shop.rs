//! Shops as members are shown them: a store, and whose it is.

use std::collections::BTreeMap;

use yaoki_core::ids::{MerchantNumber, StoreNumber, TerminalNumber};
use yaoki_core::row::Value;
use yaoki_core::state::{Merchant, Store, Terminal};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;

/// A store, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Who is paid.
    pub merchant: Merchant,
    /// Where.
    pub store: Store,
}

/// The terminal of this number.
pub fn terminal(conn: &mut Conn, number: TerminalNumber) -> Result<Option<Terminal>, StoreError> {
    Ok(conn.find::<Terminal, _>(&[number.0])?.pop())
}

/// The shop of a store.
pub fn shop(conn: &mut Conn, number: StoreNumber) -> Result<Option<Shop>, StoreError> {
    Ok(shops(conn, &[number])?.remove(&number))
}

/// The first terminal of a store: the same for ever, because none is ever removed.
pub fn first_terminal(conn: &mut Conn, store: StoreNumber) -> Result<Option<Terminal>, StoreError> {
    Ok(conn.query(&sql::FIRST_TERMINAL_OF_STORE, &[Value::Int(store.0)])?.pop())
}

/// The shop of each of these terminals.
pub fn shops_of(
    conn: &mut Conn,
    terminals: impl Iterator<Item = TerminalNumber>,
) -> Result<BTreeMap<TerminalNumber, Shop>, StoreError> {
    let mut numbers: Vec<i64> = terminals.map(|number| number.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let terminals: Vec<Terminal> = conn.find(&numbers)?;
    let stores: Vec<StoreNumber> = terminals.iter().map(|terminal| terminal.store).collect();
    let shops = shops(conn, &stores)?;
    let shop = |row: &Terminal| shops.get(&row.store).map(|shop| (row.number, shop.clone()));
    Ok(terminals.iter().filter_map(shop).collect())
}

fn shops(
    conn: &mut Conn,
    stores: &[StoreNumber],
) -> Result<BTreeMap<StoreNumber, Shop>, StoreError> {
    let mut numbers: Vec<i64> = stores.iter().map(|number| number.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let stores: Vec<Store> = conn.find(&numbers)?;
    let mut numbers: Vec<i64> = stores.iter().map(|store| store.merchant.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let merchants: Vec<Merchant> = conn.find(&numbers)?;
    let merchants: BTreeMap<MerchantNumber, Merchant> =
        merchants.into_iter().map(|merchant| (merchant.number, merchant)).collect();
    let shop = |store: Store| {
        let merchant = merchants.get(&store.merchant)?.clone();
        Some((store.number, Shop { merchant, store }))
    };
    Ok(stores.into_iter().filter_map(shop).collect())
}
