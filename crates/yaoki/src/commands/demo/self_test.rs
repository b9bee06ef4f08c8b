//! `yaoki demo --self-test`: a book of its own, the real server, and the whole path through HTTP,
//! as a register, a device and an operator walk it. Nothing is reached but through the listeners
//! and the admin socket. At the end the book is verified against its anchors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;
use yaoki_server::admin::{By, Message, Order};
use yaoki_server::client::register::{Credentials, Payment, Receipt, receipt};
use yaoki_server::client::{Answer, ClientError, DeviceClient, RegisterClient};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::key_from_text;
use yaoki_server::jobs::checkpoint::checkpoint;
use yaoki_store::BookKind;

use super::steps::Steps;
use crate::commands::serve::{self, Served};
use crate::commands::{init, verify};
use crate::door::Door;
use crate::exit::Failure;
use crate::folder::DataFolder;
use crate::settings::Settings;
use crate::settings::source::Values;
use crate::{logs, outside, say};

/// What the member has at the start, yen.
const MONEY: i64 = 10_000;
/// What the first payment is, and what of it goes back.
const PAID: i64 = 1_200;
const REFUNDED: i64 = 200;
/// What is held, and what of it is taken.
const HELD: i64 = 3_000;
const CAPTURED: i64 = 2_000;
/// What is paid of an order and at a sign.
const SCANNED: i64 = 700;

/// Walks the path and prints it.
pub(super) fn run(mut values: Values) -> Result<(), Failure> {
    values.set_default("log", "error".to_owned());
    let place = tempfile::Builder::new().prefix("yaoki-self-test-").tempdir()?;
    let settings = settings_in(place.path(), &values)?;
    logs::start(&settings)?;
    DataFolder::create(&settings.data)?;
    init::make(&settings, BookKind::Demo)?;
    say::line(format_args!("Self-test on {}.", settings.database));
    let served = serve::start(&settings, |_| ())?;
    let mut steps = Steps::default();
    let walked = walk(&settings, &served, &mut steps);
    let anchored = checkpoint(&served.running.app, Some(&settings.anchor_file));
    served.end();
    let receipt = walked?;
    anchored.map_err(Failure::fault)?;
    let report = verify::report(&settings.database, Some(&settings.anchor_file), false)?;
    let first = report.first().map(ToString::to_string);
    steps.must("the book verifies against its anchors", report.is_clean(), first)?;
    say::space();
    say::line(receipt);
    say::space();
    say::line(format_args!("self-test passed: {} steps", steps.count()));
    Ok(())
}

/// Everything in a temporary folder and on free ports; only the database may be another.
fn settings_in(place: &Path, values: &Values) -> Result<Settings, Failure> {
    let mut settings = Settings::read(values)?;
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    place.clone_into(&mut settings.data);
    settings.keys = place.join("keys.json");
    settings.anchor_file = place.join("anchors.jsonl");
    if !values.is_set("database") {
        settings.database = yaoki_store::Database::Sqlite(place.join("yaoki.db"));
    }
    (settings.registers, settings.devices, settings.public) = (free, free, free);
    (settings.tls_cert, settings.tls_key) = (None, None);
    settings.proxies.0.clear();
    Ok(settings)
}

/// The walker: an operator at the socket, a register, a device.
struct Walker {
    door: Door,
    runtime: Runtime,
    register: RegisterClient,
    phone: DeviceClient,
    names: (String, String),
}

fn walk(settings: &Settings, served: &Served, steps: &mut Steps) -> Result<String, Failure> {
    let mut walker = Walker::arrive(settings, served, steps)?;
    let paid = walker.pays(steps)?;
    walker.gets_money_back(steps, &paid)?;
    walker.undoes(steps)?;
    walker.holds(steps)?;
    walker.is_scanned(steps)?;
    walker.looks(steps, &paid)?;
    walker.closes_a_switch(steps, &paid)?;
    let anchored = checkpoint(&served.running.app, Some(&settings.anchor_file));
    let anchor = anchored.map_err(Failure::fault)?.short();
    walker.is_anchored(steps, &paid, &anchor)?;
    Ok(walker.receipt(&paid, &anchor))
}

impl Walker {
    /// A merchant, a store, a terminal, and a member with money and a device.
    fn arrive(settings: &Settings, served: &Served, steps: &mut Steps) -> Result<Self, Failure> {
        let door = Door::Server(DataFolder::existing(&settings.data)?.socket());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (merchant, store) = ("ひので商店 Hinode", "ひので駅前店 Hinode Station");
        let (till, key) = terminal(&door, merchant, store)?;
        steps.must("an operator makes a merchant, a store and a terminal", true, ())?;
        let member = text(&order(&door, Order::CreateMember)?, "member")?;
        let credit =
            Order::Credit { member: member.clone(), asset: "money".to_owned(), amount: MONEY };
        order(&door, credit)?;
        let link = Order::CreateLink { member: member.clone(), lifetime_seconds: Some(600) };
        let link = text(&order(&door, link)?, "link_token")?;
        let mut phone = DeviceClient::new(served.running.devices, outside::clock())?;
        let (_, enrolled) = runtime.block_on(phone.enrol(&link))?;
        steps.must("a device enrols by a one-time link", enrolled == member, &enrolled)?;
        let mut stranger = DeviceClient::new(served.running.devices, outside::clock())?;
        let again = refused_as(&runtime.block_on(stranger.enrol(&link)));
        steps.must("the link works once", again == "link_must_be_valid", again)?;
        let credentials = Credentials { terminal: till, generation: 1, key };
        let register = RegisterClient::new(served.running.registers, credentials, outside::clock());
        let names = (merchant.to_owned(), store.to_owned());
        Ok(Self { door, runtime, register, phone, names })
    }

    /// A code, a payment, and what may be asked about it.
    fn pays(&mut self, steps: &mut Steps) -> Result<Paid, Failure> {
        let code = self.runtime.block_on(self.phone.code(true))?;
        let pictures = [&code.code128_svg, &code.qr_svg];
        let drawn = pictures.iter().all(|svg| svg.as_ref().is_some_and(|svg| svg.contains("<svg")));
        let whole = code.digits.len() == 24 && drawn;
        steps.must("the device shows 24 digits, Code 128 and QR", whole, &code.digits)?;
        let payment = Payment {
            request_id: Uuid::now_v7(),
            amount: PAID,
            code: code.digits,
            hold_seconds: None,
        };
        let body = self.register.payment_body(&payment).to_string();
        let first = self.send("/v1/payments", &body)?;
        let paid = receipt(first.clone())?;
        steps.must("the register charges it", paid.succeeded(), &paid)?;
        let again = self.send("/v1/payments", &body)?;
        let same = again.replayed && again.body == first.body;
        steps.must("the same request again gives the same bytes", same, again.summary())?;
        let queried = self.runtime.block_on(self.register.query(payment.request_id))?;
        let same = queried.as_ref() == Some(&paid);
        steps.must("a query gives the same outcome", same, queried)?;
        let second = Payment { request_id: Uuid::now_v7(), ..payment.clone() };
        let second = self.runtime.block_on(self.register.pay(&second))?;
        let used = second.refusal_name() == "code_already_used";
        steps.must("the same code does not pay twice", used, &second)?;
        self.must_have(steps, "one charge left the wallet", MONEY - PAID)?;
        let id = paid.payment.clone().unwrap_or_default();
        Ok(Paid { id, request_id: payment.request_id, receipt: paid })
    }

    /// Refunds: in part, and not more than was paid.
    fn gets_money_back(&mut self, steps: &mut Steps, paid: &Paid) -> Result<(), Failure> {
        let part = self.refund(&paid.id, REFUNDED)?;
        steps.must("a part is refunded", part.succeeded(), &part)?;
        let too_much = self.refund(&paid.id, PAID - REFUNDED + 1)?;
        let refused = too_much.refusal_name() == "refund_exceeds_payment";
        steps.must("no more goes back than was paid", refused, &too_much)?;
        self.must_have(steps, "the refund is in the wallet", MONEY - PAID + REFUNDED)
    }

    /// Reverse: a payment that is there, and one that never arrived.
    fn undoes(&mut self, steps: &mut Steps) -> Result<(), Failure> {
        let payment = self.payment(500, None)?;
        let paid = self.runtime.block_on(self.register.pay(&payment))?;
        let undone = self.reverse(payment.request_id)?;
        let gave_back = paid.succeeded() && undone.effect.as_deref() == Some("gave_back");
        steps.must("a payment is reversed, and its money is back", gave_back, &undone)?;
        let late = self.payment(500, None)?;
        let unseen = self.runtime.block_on(self.register.query(late.request_id))?;
        steps.must("a request that never arrived is unknown", unseen.is_none(), &unseen)?;
        let undone = self.reverse(late.request_id)?;
        let tombstone = undone.effect.as_deref() == Some("never_seen");
        steps.must("it is reversed all the same", undone.succeeded() && tombstone, &undone)?;
        let original = self.runtime.block_on(self.register.pay(&late))?;
        let declined = original.refusal_name() == "reversed_before_arrival";
        steps.must("arriving late it is declined", declined, &original)
    }

    /// Authorize, then capture in part; authorize, then void.
    fn holds(&mut self, steps: &mut Steps) -> Result<(), Failure> {
        let payment = self.payment(HELD, Some(3600))?;
        let held = self.runtime.block_on(self.register.pay(&payment))?;
        let wallet = self.runtime.block_on(self.phone.wallet())?;
        let is_held = held.succeeded() && wallet.held == HELD;
        steps.must("money is held", is_held, (&held, wallet.held))?;
        let id = held.payment.unwrap_or_default();
        let captured =
            self.runtime.block_on(self.register.capture(Uuid::now_v7(), &id, CAPTURED))?;
        steps.must("a part of the hold is captured", captured.succeeded(), &captured)?;
        let left = MONEY - PAID + REFUNDED - CAPTURED;
        self.must_have(steps, "the rest of it is free again", left)?;
        let payment = self.payment(HELD, Some(3600))?;
        let held = self.runtime.block_on(self.register.pay(&payment))?;
        let id = held.payment.unwrap_or_default();
        let voided = self.runtime.block_on(self.register.void(Uuid::now_v7(), &id))?;
        steps.must("another hold is voided", voided.succeeded(), &voided)?;
        self.must_have(steps, "nothing is held any more", left)
    }

    /// The member scans the shop: an order, one that is withdrawn, and the store's sign.
    fn is_scanned(&mut self, steps: &mut Steps) -> Result<(), Failure> {
        let request = Uuid::now_v7();
        let shown = self.order(request, SCANNED)?;
        let unseen = self.runtime.block_on(self.register.query(request))?;
        steps.must(
            "the register shows an order, and nothing is recorded",
            unseen.is_none(),
            unseen,
        )?;
        let confirmed = self.runtime.block_on(self.phone.confirm(&shown))?;
        steps.must("the device confirms it", confirmed.status == 200, confirmed.summary())?;
        let again = self.runtime.block_on(self.phone.confirm(&shown))?;
        let same = again.replayed && again.body == confirmed.body;
        steps.must("confirmed again it charges nothing", same, again.summary())?;
        let seen = self.runtime.block_on(self.register.query(request))?;
        let payment = seen.as_ref().and_then(|receipt| receipt.payment.clone()).unwrap_or_default();
        steps.must("the register sees it paid", !payment.is_empty(), seen)?;
        let refund = self.refund(&payment, SCANNED)?;
        steps.must("and gives the money back", refund.succeeded(), &refund)?;
        let request = Uuid::now_v7();
        let shown = self.order(request, SCANNED)?;
        self.reverse(request)?;
        let refused = self.runtime.block_on(self.phone.confirm(&shown))?;
        let settled = refused.json()["refusal"] == "order_is_settled";
        steps.must("a withdrawn order cannot be confirmed", settled, refused.summary())?;
        let sign = self.runtime.block_on(self.register.sign_of_store())?;
        let (sign, id) = (text(&sign, "payload")?, Uuid::now_v7().to_string());
        let paid = self.runtime.block_on(self.phone.pay_at_sign(&sign, &id, SCANNED))?;
        steps.must("the sign of the store is paid at", paid.status == 200, paid.summary())?;
        let back = paid.json()["payment"].as_str().unwrap_or_default().to_owned();
        let back = self.refund(&back, SCANNED)?;
        steps.must("what was paid at it goes back, too", back.succeeded(), &back)
    }

    /// What registers look at.
    fn looks(&mut self, steps: &mut Steps, paid: &Paid) -> Result<(), Failure> {
        let known = self.runtime.block_on(self.register.acknowledge(&[paid.request_id]))?;
        steps.must("the register acknowledges an outcome", known == 1, known)?;
        let recent = self.runtime.block_on(self.register.recent(50, false))?;
        let listed = recent.iter().any(|receipt| receipt.payment.as_deref() == Some(&paid.id));
        steps.must("its payments are listed at once", listed, recent.len())?;
        let life = self.runtime.block_on(self.register.payment(&paid.id))?;
        steps.must("the life of a payment is told", life.is_object(), &life)
    }

    /// The short form that stands on the receipt.
    fn is_anchored(&mut self, steps: &mut Steps, paid: &Paid, anchor: &str) -> Result<(), Failure> {
        let life = self.runtime.block_on(self.register.payment(&paid.id))?;
        let named = &life["checkpoint"]["digest"];
        steps.must("a signed checkpoint covers the payment", named == anchor, named)
    }

    /// Closing stops payments and nothing else; opening takes two.
    fn closes_a_switch(&mut self, steps: &mut Steps, paid: &Paid) -> Result<(), Failure> {
        let (capability, scope) = ("payment".to_owned(), "everything".to_owned());
        let close = Order::CloseSwitch {
            capability: capability.clone(),
            scope: scope.clone(),
            subject: None,
            lapse_seconds: None,
        };
        order(&self.door, close)?;
        let payment = self.payment(100, None)?;
        let declined = self.runtime.block_on(self.register.pay(&payment))?;
        let closed = declined.refusal_name() == "payments_are_closed";
        steps.must("one person closes payments", closed, &declined)?;
        let refund = self.refund(&paid.id, 100)?;
        steps.must("money still goes back meanwhile", refund.succeeded(), &refund)?;
        let open = Order::OpenSwitch { capability, scope, subject: None };
        let alone = Message { by: by(""), order: open.clone() };
        let alone = self.door.order(&alone).is_err();
        steps.must("one person cannot open them", alone, ())?;
        order(&self.door, open)?;
        let payment = self.payment(100, None)?;
        let paid = self.runtime.block_on(self.register.pay(&payment))?;
        steps.must("two people open them", paid.succeeded(), &paid)
    }

    fn payment(&mut self, amount: i64, hold_seconds: Option<i64>) -> Result<Payment, Failure> {
        let code = self.runtime.block_on(self.phone.code(false))?.digits;
        Ok(Payment { request_id: Uuid::now_v7(), amount, code, hold_seconds })
    }

    fn send(&mut self, target: &str, body: &str) -> Result<Answer, Failure> {
        let sent = self.register.send("POST", target, body.as_bytes());
        Ok(self.runtime.block_on(sent)?)
    }

    /// The payload of an order.
    fn order(&mut self, request: Uuid, amount: i64) -> Result<String, Failure> {
        text(&self.runtime.block_on(self.register.order(request, amount))?, "payload")
    }

    fn refund(&mut self, payment: &str, amount: i64) -> Result<Receipt, Failure> {
        let refund = self.register.refund(Uuid::now_v7(), payment, amount);
        Ok(self.runtime.block_on(refund)?)
    }

    fn reverse(&mut self, target: Uuid) -> Result<Receipt, Failure> {
        let reverse = self.register.reverse(Uuid::now_v7(), target);
        Ok(self.runtime.block_on(reverse)?)
    }

    fn must_have(
        &mut self,
        steps: &mut Steps,
        sentence: &str,
        available: i64,
    ) -> Result<(), Failure> {
        let wallet = self.runtime.block_on(self.phone.wallet())?;
        let right = (wallet.available, wallet.held) == (available, 0);
        steps.must(sentence, right, (wallet.available, wallet.held))
    }

    fn receipt(&self, paid: &Paid, anchor: &str) -> String {
        let Receipt { amount, currency, booked_at, business_date, .. } = &paid.receipt;
        let (merchant, store) = &self.names;
        format!(
            "{merchant}\n{store}\n{booked_at} (business date {business_date})\n\
             payment  {}\nrequest  {}\npaid     {amount} {currency}\nrefunded {} {currency}\n\
             anchor   {anchor}",
            paid.id,
            paid.request_id,
            REFUNDED + 100
        )
    }
}

/// The first payment.
struct Paid {
    id: String,
    request_id: Uuid,
    receipt: Receipt,
}

fn terminal(door: &Door, merchant: &str, store: &str) -> Result<(u64, [u8; 32]), Failure> {
    let merchant = order(door, Order::CreateMerchant { name: merchant.to_owned() })?;
    let merchant = text(&merchant, "merchant")?;
    let (name, place) = (store.to_owned(), "東京都港区 Minato, Tokyo".to_owned());
    let store = Order::CreateStore { merchant, name, place, cutoff_minutes: 0 };
    let store = text(&order(door, store)?, "store")?;
    let reply = order(door, Order::CreateTerminal { store, name: "till 1".to_owned() })?;
    let number = identifier::parse(Kind::Terminal, &text(&reply, "terminal")?);
    let number = number.map_err(Failure::fault)?.cast_unsigned();
    let key = key_from_text(&text(&reply, "key")?);
    Ok((number, key.ok_or_else(|| Failure::fault("the terminal's key is no key"))?))
}

fn by(second: &str) -> By {
    By {
        actor: "the self-test".to_owned(),
        second: second.to_owned(),
        reason: "a test".to_owned(),
        ..By::default()
    }
}

fn order(door: &Door, order: Order) -> Result<Value, Failure> {
    door.order(&Message { by: by("its second person"), order })
}

fn text(reply: &Value, name: &str) -> Result<String, Failure> {
    let text = reply[name].as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::fault(format!("a reply has no {name}")))
}

/// The refusal of a problem document; empty for anything else.
fn refused_as<T>(result: &Result<T, ClientError>) -> String {
    match result {
        Err(ClientError::Problem(answer)) => text(&answer.json(), "refusal").unwrap_or_default(),
        _ => String::new(),
    }
}
