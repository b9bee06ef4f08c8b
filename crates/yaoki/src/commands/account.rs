//! `yaoki admin balance` and `statement`: what an account has, and how it came to it, as of any
//! time that every lane has passed.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use yaoki_core::account::Account;
use yaoki_core::facts::Transfer;
use yaoki_core::ids::{FactId, MemberNumber, StoreNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Store;
use yaoki_core::time::Instant;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::read::{self, AsOf, PAGE_MAX};

use super::admin::Desk;
use crate::exit::Failure;
use crate::outside::time_text;
use crate::say;

#[derive(Debug, Args)]
pub(crate) struct Balance {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Statement {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// `mem_…` or `member:N` (money), `points:N`, `sto_…` or `store:N` (what a store is owed),
    /// `funding`, `points-issued`, `suspense`
    #[arg(value_parser = account_of)]
    account: Account,
    /// As of this time, RFC 3339, this moment included [default: as late as can be answered]
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    as_of: Option<Instant>,
}

/// Prints a balance.
pub(crate) fn balance(desk: &Desk<'_>, balance: &Balance) -> Result<(), Failure> {
    let Which { account, as_of } = balance.which;
    must_exist(desk, account)?;
    let answer =
        desk.door.read(&desk.settings.database, move |conn| read::balance(conn, account, as_of));
    let found = answered(answer?)?;
    let as_of = time_text(found.as_of);
    if desk.json {
        let reply =
            json!({ "account": account.to_string(), "amount": found.amount, "as_of": as_of });
        say::line(reply);
    } else {
        say::columns(&[
            ("account", account.to_string()),
            ("amount", found.amount.to_string()),
            ("as_of", as_of),
        ]);
    }
    Ok(())
}

/// Prints every movement, page by page.
pub(crate) fn statement(desk: &Desk<'_>, statement: &Statement) -> Result<(), Failure> {
    let Which { account, as_of } = statement.which;
    must_exist(desk, account)?;
    // All pages end at the same time, so that what is booked meanwhile changes none.
    let end =
        desk.door.read(&desk.settings.database, move |conn| read::balance(conn, account, as_of));
    let end = answered(end?)?;
    let (mut after, mut sum) = (FactId::NONE, 0);
    loop {
        let page = desk.door.read(&desk.settings.database, move |conn| {
            read::statement(conn, account, after, Some(end.as_of), PAGE_MAX)
        });
        let page = answered(page?)?;
        for transfer in &page {
            let amount = signed(account, transfer);
            sum += amount;
            say_transfer(desk.json, account, transfer, amount);
        }
        let Some(last) = page.last() else { break };
        after = last.id;
    }
    if !desk.json {
        say::line(format_args!("{:>14}  as of {}", sum, time_text(end.as_of)));
    }
    if sum == end.amount {
        return Ok(());
    }
    let balance = end.amount;
    Err(Failure::bad(format!(
        "the movements of {account} make {sum}, its balance is {balance}: run `yaoki verify`"
    )))
}

/// Any number makes an account; only those of members and stores that are there are told.
fn must_exist(desk: &Desk<'_>, account: Account) -> Result<(), Failure> {
    let missing = desk.door.read(&desk.settings.database, move |conn| {
        if let Some(member) = account.member() {
            return Ok(read::member(conn, member)?.is_none().then_some(Refusal::MemberMustExist));
        }
        let Some(store) = account.store() else { return Ok(None) };
        Ok(conn.find::<Store, _>(&[store.0])?.is_empty().then_some(Refusal::StoreMustExist))
    })?;
    match missing {
        None => Ok(()),
        Some(refusal) => Err(Failure::bad(format!(
            "{account} is no account: {} `yaoki admin list` shows what there is",
            refusal.sentence()
        ))),
    }
}

fn say_transfer(as_json: bool, account: Account, transfer: &Transfer, amount: i64) {
    let at = time_text(transfer.id.at());
    let other = if transfer.credit == account { transfer.debit } else { transfer.credit };
    let kind = transfer.kind.name();
    if as_json {
        say::line(json!({
            "booked_at": at, "kind": kind, "amount": amount, "other": other.to_string(),
        }));
    } else {
        say::line(format_args!("{amount:>14}  {at}  {kind:<9}  {other}"));
    }
}

fn signed(account: Account, transfer: &Transfer) -> i64 {
    let incoming = if transfer.credit == account { transfer.amount } else { 0 };
    let outgoing = if transfer.debit == account { transfer.amount } else { 0 };
    incoming - outgoing
}

fn answered<T>(answer: AsOf<T>) -> Result<T, Failure> {
    match answer {
        AsOf::Answer(answer) => Ok(answer),
        AsOf::NotYet { ask_again_at } => Err(Failure::bad(format!(
            "some lane has not passed that time yet: ask again at {}",
            time_text(ask_again_at)
        ))),
    }
}

fn account_of(text: &str) -> Result<Account, String> {
    let number = |kind| identifier::parse(kind, text).map_err(|error| error.to_string());
    if text.starts_with("mem_") {
        return number(Kind::Member).map(|number| Account::money(MemberNumber(number)));
    }
    if text.starts_with("sto_") {
        return number(Kind::Store).map(|number| Account::payable(StoreNumber(number)));
    }
    Account::parse(text).ok_or_else(|| {
        "must be mem_…, sto_…, member:N, points:N, store:N, funding, points-issued or suspense"
            .to_owned()
    })
}

fn time_of(text: &str) -> Result<Instant, String> {
    let time: Timestamp = text.parse().map_err(|_| {
        "must be a time as RFC 3339 writes it, as 2019-07-04T14:00:00+09:00".to_owned()
    })?;
    let instant = Instant(time.as_millisecond());
    let since = FactId::NONE.at();
    if instant < since { Err("the ledger begins in 2020".to_owned()) } else { Ok(instant) }
}
