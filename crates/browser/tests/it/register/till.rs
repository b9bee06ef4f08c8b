//! A till as tests use it: the page in a tab, a member with a device before it, and the same
//! terminal's API, to compare what the page says with what is booked.

use serde_json::{Value, json};
use yaoki_browser::{Stage, Tab};
use yaoki_server::admin::Order;
use yaoki_server::client::register::{Credentials, Receipt};
use yaoki_server::client::{DeviceClient, RegisterClient};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::listener::ListenerName;

/// What the member has at first, minor units.
pub(crate) const BALANCE: i64 = 10_000;

/// A shop with one register, and a member of the shop's town.
pub(crate) struct Till {
    /// Where the page asks.
    url: String,
    /// What pairs a browser with the terminal.
    fragment: String,
    /// `sto_…`.
    pub(crate) store: String,
    /// `trm_…`.
    pub(crate) terminal: String,
    /// The same terminal, without a page.
    pub(crate) register: RegisterClient,
    /// The member's device.
    pub(crate) device: DeviceClient,
}

impl Till {
    /// Makes shop and member.
    pub(crate) fn new(stage: &Stage) -> Self {
        let named = |reply: &Value, name: &str| reply[name].as_str().expect(name).to_owned();
        let order = Order::CreateMerchant { name: "八起商店".to_owned() };
        let merchant = named(&stage.order(order), "merchant");
        let order = Order::CreateStore {
            merchant,
            name: "駅前店".to_owned(),
            place: "千代田区".to_owned(),
            cutoff_minutes: 0,
        };
        let store = named(&stage.order(order), "store");
        let order = Order::CreateTerminal { store: store.clone(), name: "レジ 1".to_owned() };
        let made = stage.order(order);
        let (terminal, key) = (named(&made, "terminal"), named(&made, "key"));
        let number = identifier::parse(Kind::Terminal, &terminal).expect("it is ours");
        let credentials =
            Credentials { terminal: number.unsigned_abs(), generation: 1, key: bytes(&key) };
        let address = stage.address(ListenerName::Registers);
        let register = RegisterClient::new(address, credentials, Stage::clock());
        let (_, device) = stage.device(BALANCE);
        let url = stage.url(ListenerName::Registers, "/register");
        let fragment = format!("terminal={terminal}&generation=1&key={key}");
        Self { url, fragment, store, terminal, register, device }
    }

    /// Takes the key that the terminal has now: each browser that is paired takes a new one, and
    /// the link before is dead soon after.
    pub(crate) fn take_new_key(&mut self, stage: &Stage) {
        let told = stage.order(Order::ShowTerminalKey { terminal: self.terminal.clone() });
        let page = told["page"].as_str().expect("a page");
        page.split_once('#').expect("a key").1.clone_into(&mut self.fragment);
        let generation = told["generation"].as_u64().and_then(|number| u32::try_from(number).ok());
        let terminal = identifier::parse(Kind::Terminal, &self.terminal).expect("it is ours");
        let credentials = Credentials {
            terminal: terminal.unsigned_abs(),
            generation: generation.expect("a generation"),
            key: bytes(told["key"].as_str().expect("a key")),
        };
        let address = stage.address(ListenerName::Registers);
        self.register = RegisterClient::new(address, credentials, Stage::clock());
    }

    /// Where the page is, in a language.
    pub(crate) fn url(&self, language: &str) -> String {
        format!("{}?lang={language}", self.url)
    }

    /// The link that pairs a browser.
    pub(crate) fn link(&self, language: &str) -> String {
        format!("{}#{}", self.url(language), self.fragment)
    }

    /// A member pays a sum, and the page is ready for the next.
    pub(crate) fn charge(&mut self, stage: &Stage, tab: &mut Tab, sum: &str) {
        key_in(tab, sum);
        let code = self.code(stage);
        scan(tab, &code);
        result(tab, "succeeded");
        tab.click("#outcome-next");
    }

    /// Pairs the tab's browser, opens the till, and waits until it can charge.
    pub(crate) fn open(&self, tab: &mut Tab, language: &str) {
        tab.open(&self.link(language));
        tab.type_text("#open-clerk", "佐藤").press("Enter");
        is_ready(tab);
    }

    /// A fresh code of the member.
    pub(crate) fn code(&mut self, stage: &Stage) -> String {
        self.wake_device(stage);
        stage.run(self.device.code(false)).expect("it shows a code").digits
    }

    /// After a while, or a restart, the server has closed the device's connection. The call that
    /// finds out opens another.
    fn wake_device(&mut self, stage: &Stage) {
        if stage.run(self.device.wallet()).is_err() {
            stage.run(self.device.wallet()).expect("it shows its wallet");
        }
    }

    /// What the member can spend.
    pub(crate) fn balance(&mut self, stage: &Stage) -> i64 {
        self.wake_device(stage);
        stage.run(self.device.wallet()).expect("it shows its wallet").available
    }

    /// What is booked at the terminal, newest first.
    pub(crate) fn booked(&mut self, stage: &Stage) -> Vec<Receipt> {
        self.register.close();
        stage.run(self.register.recent(50, false)).expect("the list can be read")
    }

    /// How many payments went through, reversed or not.
    pub(crate) fn payments(&mut self, stage: &Stage) -> usize {
        let booked = self.booked(stage);
        booked.iter().filter(|one| one.operation == "pay" && one.succeeded()).count()
    }

    /// The member's device confirms what it has scanned.
    pub(crate) fn confirm(&mut self, stage: &Stage, payload: &str) -> Value {
        self.wake_device(stage);
        let asked = json!({ "payload": payload }).to_string();
        let shop = stage.run(self.device.post("/v1/device/shop", asked.as_bytes()));
        let shop = shop.expect("an answer").json();
        let body = json!({
            "request_id": shop["request_id"],
            "payload": payload,
            "amount": shop["amount"],
            "currency": shop["currency"],
            "valid_until": shop["valid_until"],
        });
        self.post_payment(stage, &body)
    }

    /// The member's device pays at a sign, under an id and until a time that it made.
    pub(crate) fn pay_at_sign(
        &mut self,
        stage: &Stage,
        tab: &Tab,
        payload: &str,
        amount: i64,
    ) -> Value {
        self.wake_device(stage);
        let body = json!({
            "request_id": tab.evaluate("crypto.randomUUID()"),
            "payload": payload,
            "amount": amount,
            "currency": "JPY",
            "valid_until": tab.evaluate("new Date(Date.now() + 30_000).toISOString()"),
        });
        self.post_payment(stage, &body)
    }

    fn post_payment(&mut self, stage: &Stage, body: &Value) -> Value {
        let body = body.to_string();
        let answer = stage.run(self.device.post("/v1/device/payments", body.as_bytes()));
        answer.expect("an answer").json()
    }
}

/// The till can charge: nothing is open, and the server answers.
pub(crate) fn is_ready(tab: &Tab) {
    tab.wait_for("#charge-sign:enabled");
}

/// Types an amount on the page's keypad.
pub(crate) fn key_in(tab: &mut Tab, amount: &str) {
    for digit in amount.chars() {
        tab.click(&format!("[data-key='{digit}']"));
    }
}

/// Types as a barcode scanner does: wherever the focus is, all at once, with Enter at the end.
pub(crate) fn scan(tab: &Tab, digits: &str) {
    tab.evaluate(&format!(
        "for (const key of [...'{digits}', 'Enter']) (document.activeElement ?? document.body)\
         .dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true }}))"
    ));
}

/// Waits for a result and gives its words.
pub(crate) fn result(tab: &Tab, tone: &str) -> String {
    tab.wait_for(&format!("#outcome[open][data-tone='{tone}']"));
    tab.text("#outcome")
}

/// Loses every charge of the page: before it is sent, or only what is answered.
pub(crate) fn lose_charges(tab: &Tab, is_sent: bool) {
    let send = if is_sent { "await fetchWas(path, options);" } else { "" };
    tab.evaluate(&format!(
        "globalThis.fetchWas ??= fetch; globalThis.fetch = async (path, options) => {{
            if (path !== '/v1/payments') return fetchWas(path, options);
            {send}
            throw new TypeError('lost');
        }}; 0"
    ));
}

/// Has charges be sent and never answered, so that the page waits in the middle of it.
pub(crate) fn hang_charges(tab: &Tab, is_sent: bool) {
    let send = if is_sent { "fetchWas(path, options);" } else { "" };
    tab.evaluate(&format!(
        "globalThis.fetchWas ??= fetch; globalThis.fetch = (path, options) => {{
            if (path !== '/v1/payments') return fetchWas(path, options);
            {send}
            return new Promise((_, failed) => options.signal.addEventListener('abort',
                () => failed(options.signal.reason)));
        }}; 0"
    ));
}

/// The network is as it was.
pub(crate) fn find_charges(tab: &Tab) {
    tab.evaluate("globalThis.fetch = fetchWas; 0");
}

fn bytes(hex: &str) -> [u8; 32] {
    let byte = |place: usize| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16);
    std::array::from_fn(|place| byte(place).expect("a key is hex"))
}
