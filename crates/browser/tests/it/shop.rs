//! A shop with one till, spoken for by a client of the register API.

use serde_json::Value;
use uuid::Uuid;
use yaoki_browser::Stage;
use yaoki_server::admin::Order;
use yaoki_server::client::RegisterClient;
use yaoki_server::client::register::{Credentials, Payment, Receipt};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::listener::ListenerName;

/// What the shop is called, and where it is.
pub(crate) const STORE: &str = "ひので駅前店";
pub(crate) const PLACE: &str = "東京都港区";
pub(crate) const MERCHANT: &str = "ひので商店";

/// A store with a till.
pub(crate) struct Shop<'stage> {
    stage: &'stage Stage,
    till: RegisterClient,
}

impl<'stage> Shop<'stage> {
    /// Makes merchant, store and terminal.
    pub(crate) fn open(stage: &'stage Stage) -> Self {
        let text = |reply: &Value, name: &str| reply[name].as_str().expect("a text").to_owned();
        let merchant = stage.order(Order::CreateMerchant { name: MERCHANT.to_owned() });
        let store = stage.order(Order::CreateStore {
            merchant: text(&merchant, "merchant"),
            name: STORE.to_owned(),
            place: PLACE.to_owned(),
            cutoff_minutes: 0,
        });
        let (store, name) = (text(&store, "store"), "till 1".to_owned());
        let made = stage.order(Order::CreateTerminal { store, name });
        let terminal = identifier::parse(Kind::Terminal, &text(&made, "terminal"));
        let generation = made["generation"].as_u64().and_then(|number| number.try_into().ok());
        let credentials = Credentials {
            terminal: terminal.expect("an identifier").cast_unsigned(),
            generation: generation.expect("a generation"),
            key: key(&text(&made, "key")),
        };
        let address = stage.address(ListenerName::Registers);
        Self { stage, till: RegisterClient::new(address, credentials, Stage::clock()) }
    }

    /// Charges a code that was scanned.
    pub(crate) fn charge(&mut self, code: &str, amount: i64) -> Receipt {
        let (request_id, code) = (Uuid::now_v7(), code.to_owned());
        let payment = Payment { request_id, amount, code, hold_seconds: None };
        self.till.close();
        self.stage.run(self.till.pay(&payment)).expect("the server answers")
    }

    /// Holds money by a code that was scanned.
    pub(crate) fn hold(&mut self, code: &str, amount: i64) -> Receipt {
        let (request_id, code) = (Uuid::now_v7(), code.to_owned());
        let payment = Payment { request_id, amount, code, hold_seconds: Some(3_600) };
        self.till.close();
        self.stage.run(self.till.pay(&payment)).expect("the server answers")
    }

    /// Gives money back.
    pub(crate) fn refund(&mut self, payment: &str, amount: i64) -> Receipt {
        self.till.close();
        let refunded = self.till.refund(Uuid::now_v7(), payment, amount);
        self.stage.run(refunded).expect("the server answers")
    }

    /// Makes an order: its id, and what its QR says.
    pub(crate) fn order(&mut self, amount: i64) -> (Uuid, String) {
        let (id, order) = self.order_shown(amount);
        (id, order["payload"].as_str().expect("a payload").to_owned())
    }

    /// Makes an order: its id, and its QR as SVG.
    pub(crate) fn order_drawn(&mut self, amount: i64) -> (Uuid, String) {
        let (id, order) = self.order_shown(amount);
        (id, order["qr_svg"].as_str().expect("a picture").to_owned())
    }

    fn order_shown(&mut self, amount: i64) -> (Uuid, Value) {
        let id = Uuid::now_v7();
        (id, self.stage.run(self.till.order(id, amount)).expect("the server answers"))
    }

    /// What the sign of the store says, and the store's number.
    pub(crate) fn sign(&mut self) -> (String, i64) {
        let sign = self.stage.run(self.till.sign_of_store()).expect("the server answers");
        let payload = sign["payload"].as_str().expect("a payload").to_owned();
        (payload, sign["store"]["number"].as_i64().expect("a number"))
    }

    /// Withdraws an order, or undoes its payment.
    pub(crate) fn withdraw(&mut self, order: Uuid) -> Receipt {
        let reversed = self.till.reverse(Uuid::now_v7(), order);
        self.stage.run(reversed).expect("the server answers")
    }

    /// What became of a request.
    pub(crate) fn outcome(&mut self, id: Uuid) -> Option<Receipt> {
        self.stage.run(self.till.query(id)).expect("the server answers")
    }

    /// How many payments the till has seen succeed.
    pub(crate) fn paid(&mut self) -> usize {
        let recent = self.stage.run(self.till.recent(100, false)).expect("the server answers");
        recent.iter().filter(|row| row.operation == "pay" && row.succeeded()).count()
    }
}

fn key(hex: &str) -> [u8; 32] {
    std::array::from_fn(|place| {
        u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).expect("two hex digits")
    })
}
