//! What members do about themselves, over HTTP: signing up, signing in, devices, recovery.

mod devices;
mod factors;
mod links;
pub(crate) mod recovery;
mod sign_in;

use std::net::SocketAddr;

use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::message::{Argument, Message, Template};
use yaoki_core::row::Value as Column;
use yaoki_server::client::{Answer, DeviceClient};
use yaoki_server::edge::proof::device_key::DeviceKey;
use yaoki_store::{on_both_storages, sql};

use crate::authenticator::Authenticator;
use crate::world::{World, text, told};

pub(crate) const SIGN_UP: &str = "/v1/member/sign-up";
pub(crate) const SIGN_IN: &str = "/v1/member/sign-in";
pub(crate) const SESSION: &str = "/v1/member/session";
pub(crate) const ACCOUNT: &str = "/v1/member/account";
pub(crate) const DEVICES: &str = "/v1/member/devices";
pub(crate) const FACTORS: &str = "/v1/member/factors";
pub(crate) const CONTACTS: &str = "/v1/member/contacts";
pub(crate) const WALLET: &str = "/v1/member/wallet";
pub(crate) const JOIN: &str = "/v1/member/join";
pub(crate) const LINK: &str = "/v1/member/link";
pub(crate) const RECOVERY: &str = "/v1/member/recovery";

pub(crate) const PASSWORD: &str = "correct horse 電池 staple";
/// Milliseconds.
pub(crate) const HOUR: i64 = 3_600_000;
/// Milliseconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// Somebody with a wallet: his device, and what he signed up with.
pub(crate) struct Member {
    pub(crate) device: DeviceClient,
    pub(crate) address: String,
    pub(crate) authenticator: Authenticator,
    /// What the browser keeps besides its key.
    pub(crate) cookie: String,
    /// Device and member, as the answers name them.
    pub(crate) id: String,
    pub(crate) wallet: String,
}

/// A new request id.
pub(crate) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The cookie that an answer sets, as a browser sends it back.
pub(crate) fn cookie_of(answer: &Answer) -> Option<String> {
    let set = answer.header("set-cookie")?;
    assert!(set.contains("; Secure; HttpOnly; SameSite=Strict"), "{set}");
    Some(set.split(';').next().unwrap_or_default().to_owned())
}

/// The code of a generator with this seed, in base32, at this time.
pub(crate) fn totp_code(seed: &str, now_ms: i64) -> String {
    let mut bits = seed.bytes().flat_map(|sign| {
        let digit = match sign {
            b'A'..=b'Z' => sign - b'A',
            _ => sign - b'2' + 26,
        };
        (0..5).rev().map(move |place| digit >> place & 1)
    });
    let mut bytes = Vec::new();
    for _ in 0..seed.len() * 5 / 8 {
        bytes.push((0..8).fold(0, |byte, _| byte << 1 | bits.next().expect("a whole byte")));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let step = now_ms.div_euclid(30_000);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let start = usize::from(tag.as_ref()[19] & 15);
    let part = tag.as_ref()[start..start + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(part) & 0x7fff_ffff) % 1_000_000)
}

impl World {
    /// A request of a browser or device, and what comes.
    pub(crate) fn asked(&self, device: &mut DeviceClient, path: &str, body: &Value) -> Answer {
        self.run(device.post(path, body.to_string().as_bytes())).expect("an answer")
    }

    /// The same where it is done.
    pub(crate) fn told(&self, device: &mut DeviceClient, path: &str, body: &Value) -> Value {
        let answer = self.asked(device, path, body);
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.json());
        answer.json()
    }

    /// The name of the refusal; `ok` where it is done.
    pub(crate) fn refused(&self, device: &mut DeviceClient, path: &str, body: &Value) -> String {
        let told = told(&self.asked(device, path, body));
        told.split_once(' ').expect("a status and a name").1.to_owned()
    }

    /// The same of showing a code.
    pub(crate) fn shows(&self, device: &mut DeviceClient) -> String {
        self.refused(device, "/v1/device/code", &json!({ "pictures": false }))
    }

    /// Every message there is, newest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let all = self.book.read_and_wait(|conn| {
            conn.query::<Message>(&sql::MESSAGES_AFTER, &[Column::Bytes(&[]), Column::Int(1000)])
        });
        let mut all = all.expect("they can be read");
        all.sort_by_key(|message| std::cmp::Reverse(message.created_at));
        all
    }

    /// The newest code that was sent to an address.
    pub(crate) fn code_sent(&self, address: &str) -> Option<String> {
        let mut all = self.messages().into_iter();
        let sent = all.find(|one| one.address.0 == address && one.template.is_code())?;
        sent.arguments.get(Argument::Code).map(str::to_owned)
    }

    /// What stands in the newest message of a template.
    pub(crate) fn argument(&self, template: Template, argument: Argument) -> String {
        let mut all = self.messages().into_iter().filter(|one| one.template == template);
        let newest = all.next().expect("there is one");
        newest.arguments.get(argument).expect("it has this").to_owned()
    }

    /// How many messages of a template there are.
    pub(crate) fn count_of(&self, template: Template) -> usize {
        // What is written for nobody, so that the work is the same, has no address.
        let real = |message: &&Message| !message.address.0.is_empty();
        self.messages().iter().filter(real).filter(|one| one.template == template).count()
    }

    /// The same, where somebody writes it whom nobody waits for.
    pub(crate) fn count_comes_to(&self, template: Template, count: usize) -> bool {
        (0..200).any(|_| {
            let there = self.count_of(template) == count;
            if !there {
                self.rest(std::time::Duration::from_millis(10));
            }
            there
        })
    }

    /// A browser whose key has proved an address by its code.
    pub(crate) fn proved(&self, address: &str) -> DeviceClient {
        let mut device = self.device();
        // Of two codes the newer one is later.
        self.clock.advance_ms(1);
        let begin = json!({ "act": "begin", "address": address, "language": "ja" });
        self.told(&mut device, SIGN_UP, &begin);
        let code = self.code_sent(address).expect("a code was sent");
        let typed = self.told(&mut device, SIGN_UP, &json!({ "act": "code", "code": code }));
        assert_eq!(typed["confirmed"], json!(true));
        device
    }

    fn finishes(&self, mut device: DeviceClient, address: &str, factor: Factor) -> Member {
        let mut authenticator = Authenticator::at(self.running.app.wallet_origin());
        let mut finish = json!({ "act": "finish", "request_id": new_id(), "terms": 1 });
        match factor {
            Factor::Password => finish["password"] = json!(PASSWORD),
            Factor::Passkey => {
                let begin = (SIGN_UP, &json!({ "act": "passkey" }));
                finish["passkey"] = self.made(&mut device, begin, &mut authenticator);
            }
        }
        let answer = self.asked(&mut device, SIGN_UP, &finish);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let again = self.asked(&mut device, SIGN_UP, &finish);
        assert_eq!(again.json(), answer.json(), "a lost answer is given again");
        let cookie = cookie_of(&answer).expect("a cookie");
        let json = answer.json();
        device.set_token(text(&json, "token"));
        let (id, wallet) = (text(&json, "device"), text(&json, "member"));
        Member { device, address: address.to_owned(), authenticator, cookie, id, wallet }
    }

    /// Signs up with a password.
    pub(crate) fn sign_up(&self, address: &str) -> Member {
        self.finishes(self.proved(address), address, Factor::Password)
    }

    /// Signs up with a passkey.
    pub(crate) fn sign_up_by_passkey(&self, address: &str) -> Member {
        self.finishes(self.proved(address), address, Factor::Passkey)
    }

    /// The user of the member's device is verified anew.
    pub(crate) fn verify(&self, member: &mut Member) {
        let begin = (SESSION, &json!({ "act": "begin", "purpose": "verify" }));
        let passkey = self.signed(&mut member.device, begin, &mut member.authenticator);
        let verify = json!({ "act": "verify", "request_id": new_id(), "passkey": passkey });
        self.told(&mut member.device, SESSION, &verify);
    }

    /// Another browser that signs in by the member's passkey, with what `cookie` says.
    pub(crate) fn by_passkey(
        &self,
        member: &mut Member,
        cookie: Option<&str>,
    ) -> (DeviceClient, Answer) {
        let mut browser = self.device();
        if let Some(cookie) = cookie {
            browser.set_header("Cookie", cookie);
        }
        let begin = (SIGN_IN, &json!({ "act": "begin" }));
        let passkey = self.signed(&mut browser, begin, &mut member.authenticator);
        let body = json!({ "act": "passkey", "request_id": new_id(), "passkey": passkey });
        let answer = self.asked(&mut browser, SIGN_IN, &body);
        if answer.status == 200 {
            let again = self.asked(&mut browser, SIGN_IN, &body);
            assert_eq!(again.json(), answer.json(), "a lost answer is given again");
            browser.set_token(text(&answer.json(), "token"));
        }
        (browser, answer)
    }

    /// A copy of a device, without its token, that asks at `address`.
    pub(crate) fn copy_of(&self, device: &DeviceClient, address: SocketAddr) -> DeviceClient {
        let key = DeviceKey::from_pkcs8(device.key().pkcs8(), &SystemRandom::new());
        let key = key.expect("it is a key");
        let copy = DeviceClient::with_key(address, self.clock.as_clock(), key);
        copy.expect("a client")
    }

    /// The same, with its token.
    pub(crate) fn twin_of(&self, device: &DeviceClient, address: SocketAddr) -> DeviceClient {
        let mut twin = self.copy_of(device, address);
        twin.set_token(device.token().expect("it is signed in").to_owned());
        twin
    }

    /// Everything that a member has about himself.
    pub(crate) fn account(&self, device: &mut DeviceClient) -> Value {
        self.told(device, ACCOUNT, &json!({}))
    }

    /// The member's device acts on his wallet.
    pub(crate) fn acts(&self, device: &mut DeviceClient, act: &str) -> String {
        self.refused(device, WALLET, &json!({ "act": act, "request_id": new_id() }))
    }

    /// Sets up a code generator: its seed. The device's user was verified.
    pub(crate) fn generator(&self, device: &mut DeviceClient) -> String {
        let begun = self.told(device, FACTORS, &json!({ "act": "begin_generator" }));
        let seed = text(&begun, "text");
        let code = totp_code(&seed, self.clock.now().0);
        let (act, sealed) = ("generator", &begun["sealed"]);
        let body = json!({ "act": act, "request_id": new_id(), "sealed": sealed, "code": code });
        self.told(device, FACTORS, &body);
        assert_eq!(self.told(device, FACTORS, &body)["done"], json!(true), "and again");
        seed
    }
}

/// What somebody signs up with.
#[derive(Clone, Copy)]
enum Factor {
    Password,
    Passkey,
}

on_both_storages! {
    fn somebody_signs_up_and_shows_a_code_at_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up("hanako@example.jp");
        world.run(member.device.code(false)).expect("the first device pays");
        let account = world.told(&mut member.device, "/v1/member/account", &json!({}));
        assert_eq!(account["state"], json!("open"));
        assert_eq!(account["contacts"][0]["address"], json!(member.address));
        assert_eq!(account["factors"][0]["kind"], json!("password"));
        assert_eq!(account["devices"][0]["pays"], json!(true));
    }
}

on_both_storages! {
    fn somebody_signs_up_by_a_passkey_and_may_invite_at_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut member = world.sign_up_by_passkey("taro@example.jp");
        assert_eq!(world.shows(&mut member.device), "ok");
        let account = world.account(&mut member.device);
        assert_eq!(account["factors"][0]["kind"], json!("passkey"));
        assert_eq!(account["devices"][0]["device"], json!(member.id));
        assert_eq!(account["verified"], json!(true));
        // A wallet of another address, by the same authenticator, is another wallet.
        let other = world.sign_up_by_passkey("jiro@example.jp");
        assert_ne!(member.wallet, other.wallet);
    }

    fn an_address_that_is_taken_causes_the_same_answers_and_no_code(db: &mut TestDatabase) {
        let world = World::new(db);
        world.sign_up("hanako@example.jp");
        let mut browser = world.device();
        let begin = |address| json!({ "act": "begin", "address": address, "language": "ja" });
        let taken = world.asked(&mut browser, SIGN_UP, &begin("Hanako@Example.jp"));
        let free = world.asked(&mut world.device(), SIGN_UP, &begin("free@example.jp"));
        assert_eq!((taken.status, &taken.body), (200, &free.body));
        assert_eq!(world.count_of(Template::SignUpCode), 2, "hanako's first, and the free one");
        assert_eq!(world.count_of(Template::AddressInUse), 1);
        world.asked(&mut browser, SIGN_UP, &begin("hanako@example.jp"));
        assert_eq!(world.count_of(Template::AddressInUse), 1, "once a day");
    }

    fn a_password_that_is_common_or_short_is_not_taken_and_the_code_stays_good(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut browser = world.proved("hanako@example.jp");
        let finish = |password| json!({
            "act": "finish", "request_id": new_id(), "terms": 1, "password": password,
        });
        for weak in ["", "short", "password1", "hanako@example.jp"] {
            let refused = world.refused(&mut browser, SIGN_UP, &finish(weak));
            assert_eq!(refused, "password_must_be_strong", "{weak}");
        }
        let mut old = finish(PASSWORD);
        old["terms"] = json!(2);
        assert_eq!(world.refused(&mut browser, SIGN_UP, &old), "terms_must_be_present");
        assert_eq!(world.refused(&mut browser, SIGN_UP, &finish(PASSWORD)), "ok");
    }
}
