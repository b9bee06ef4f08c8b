//! Shops and members of a demo. Every order has a request id made from what it is for, so that
//! seeding again makes nothing twice and gives the same answers.

use serde_json::Value;
use uuid::Uuid;
use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_server::admin::{AdminError, By, Desk, Message, Order, perform};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::read;

use crate::exit::Failure;

/// A store: its name, and its place.
type Shop = (&'static str, &'static str);
/// Merchants with their stores.
const SHOPS: [(&str, [Shop; 2]); 2] = [
    (
        "ひので商店 Hinode",
        [
            ("ひので駅前店 Hinode Station", "東京都港区 Minato, Tokyo"),
            ("ひので大学店 Hinode Campus", "東京都文京区 Bunkyo, Tokyo"),
        ],
    ),
    (
        "つきみ堂 Tsukimi",
        [
            ("つきみ堂本店 Tsukimi Main", "京都市中京区 Nakagyo, Kyoto"),
            ("つきみ堂港店 Tsukimi Harbour", "横浜市中区 Naka, Yokohama"),
        ],
    ),
];
/// Terminals of each store.
const TERMINALS: [&str; 2] = ["till 1", "till 2"];
/// Money and points of each member, minor units.
const MEMBERS: [(i64, i64); 8] = [
    (30_000, 500),
    (10_000, 0),
    (5_000, 1_200),
    (3_000, 50),
    (20_000, 0),
    (1_000, 10),
    (100, 3),
    (50_000, 7_007),
];
/// Who made them.
const ACTOR: &str = "demo";

/// A terminal of the demo.
pub(crate) struct Till {
    /// `trm_…`
    pub(crate) terminal: String,
    /// The generation of its key.
    pub(crate) generation: u32,
    /// Its key, hex.
    pub(crate) key: String,
    /// What makes a browser this terminal, behind the address of the listener.
    pub(crate) page: String,
    /// Its name, with its store's.
    pub(crate) name: String,
}

/// A member of the demo.
pub(crate) struct Person {
    /// `mem_…`
    pub(crate) member: String,
    /// Minor units now.
    pub(crate) money: i64,
    /// Points now.
    pub(crate) points: i64,
    /// The token of a new one-time link, where the member has no device.
    pub(crate) link: Option<String>,
}

/// What the demo has.
pub(crate) struct Seeded {
    /// Every terminal, by store.
    pub(crate) tills: Vec<Till>,
    /// Every member.
    pub(crate) people: Vec<Person>,
}

/// Makes what is not there yet, and new links for members without a device.
///
/// # Errors
/// When the book does not take it.
pub(crate) fn seed(desk: &Desk) -> Result<Seeded, Failure> {
    let mut tills = Vec::new();
    for (shop, (name, stores)) in (0..).zip(SHOPS) {
        let merchant = once(desk, ("merchant", shop), Order::CreateMerchant { name: name.into() })?;
        let merchant = text(&merchant, "merchant")?;
        for (number, (store, place)) in (0..).zip(stores) {
            let number = shop * 10 + number;
            let order = Order::CreateStore {
                merchant: merchant.clone(),
                name: store.to_owned(),
                place: place.to_owned(),
                cutoff_minutes: 0,
            };
            let made = text(&once(desk, ("store", number), order)?, "store")?;
            for (which, till) in (0..).zip(TERMINALS) {
                let order = Order::CreateTerminal { store: made.clone(), name: till.to_owned() };
                let reply = once(desk, ("terminal", number * 10 + which), order)?;
                tills.push(till_of(&reply, format!("{store}, {till}"))?);
            }
        }
    }
    let people = (0..).zip(MEMBERS).map(|(number, given)| person(desk, number, given));
    Ok(Seeded { tills, people: people.collect::<Result<_, _>>()? })
}

fn till_of(reply: &Value, name: String) -> Result<Till, Failure> {
    let generation = reply["generation"].as_u64().and_then(|number| u32::try_from(number).ok());
    Ok(Till {
        terminal: text(reply, "terminal")?,
        generation: generation.ok_or_else(|| missing("generation", reply))?,
        key: text(reply, "key")?,
        page: text(reply, "page")?,
        name,
    })
}

fn person(desk: &Desk, number: i64, (money, points): (i64, i64)) -> Result<Person, Failure> {
    let made = once(desk, ("member", number), Order::CreateMember)?;
    let member = text(&made, "member")?;
    for (asset, amount) in [("money", money), ("points", points)] {
        if amount > 0 {
            let order = Order::Credit { member: member.clone(), asset: asset.to_owned(), amount };
            once(desk, (asset, number), order)?;
        }
    }
    let row = identifier::parse(Kind::Member, &member).map_err(Failure::fault)?;
    let row = desk.book.read_and_wait(move |conn| read::member(conn, MemberNumber(row)))?;
    let row = row.ok_or_else(|| Failure::fault(format!("{member} was made and is not there")))?;
    let link = if row.device.is_some() { None } else { new_link(desk, &member)? };
    Ok(Person { member, money: row.money, points: row.points, link })
}

/// A new link; none where the member may have none, because it was frozen or closed meanwhile.
fn new_link(desk: &Desk, member: &str) -> Result<Option<String>, Failure> {
    let order = Order::CreateLink { member: member.to_owned(), lifetime_seconds: None };
    match perform(desk, &message(order, None)) {
        Ok(reply) => text(&reply, "link_token").map(Some),
        Err(AdminError::Refused(_)) => Ok(None),
        Err(error) => Err(Failure::fault(error)),
    }
}

/// A one-time link to the console of the server that `desk` has.
///
/// # Errors
/// When there is no server.
pub(super) fn console_link(desk: &Desk) -> Result<String, Failure> {
    let reply = perform(desk, &message(Order::ConsoleLink, None)).map_err(Failure::fault)?;
    text(&reply, "url")
}

/// Carries out an order under the request id of what it is for.
fn once(desk: &Desk, (what, number): (&str, i64), order: Order) -> Result<Value, Failure> {
    let request = RequestId::deterministic(&format!("demo {what}"), number);
    let request_id = Uuid::from_bytes(request.0).to_string();
    perform(desk, &message(order, Some(request_id)))
        .map_err(|error| Failure::fault(format!("the demo's {what} {number}: {error}")))
}

fn message(order: Order, request_id: Option<String>) -> Message {
    let by = By {
        actor: ACTOR.to_owned(),
        second: String::new(),
        reason: "made by the demo".to_owned(),
        request_id,
        ..By::default()
    };
    Message { by, order }
}

fn text(reply: &Value, name: &str) -> Result<String, Failure> {
    let text = reply[name].as_str().map(str::to_owned);
    text.ok_or_else(|| missing(name, reply))
}

fn missing(name: &str, reply: &Value) -> Failure {
    Failure::fault(format!("the reply {} has no {name}", reply["done"]))
}
