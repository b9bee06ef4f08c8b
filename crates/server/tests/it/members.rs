//! What members do about themselves, over HTTP: signing up, signing in, devices, recovery.

use serde_json::{Value, json};
use yaoki_core::message::{Argument, Message, Template};
use yaoki_core::row::Value as Column;
use yaoki_server::client::DeviceClient;
use yaoki_store::{on_both_storages, sql};

use crate::world::{World, told};

/// What a browser that signs up goes through.
pub(crate) struct Member {
    pub(crate) device: DeviceClient,
    pub(crate) address: String,
}

pub(crate) const PASSWORD: &str = "correct horse 電池 staple";

impl World {
    /// A request of a browser or device, and its answer.
    pub(crate) fn told(&self, device: &mut DeviceClient, path: &str, body: &Value) -> Value {
        let answer = self.run(device.post(path, body.to_string().as_bytes())).expect("an answer");
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.json());
        answer.json()
    }

    /// The same where it is refused: status and name of the refusal.
    pub(crate) fn refused(&self, device: &mut DeviceClient, path: &str, body: &Value) -> String {
        let answer = self.run(device.post(path, body.to_string().as_bytes())).expect("an answer");
        told(&answer)
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

    /// How many messages of a template there are.
    pub(crate) fn count_of(&self, template: Template) -> usize {
        self.messages().iter().filter(|message| message.template == template).count()
    }

    /// Signs up with a password.
    pub(crate) fn sign_up(&self, address: &str) -> Member {
        let mut device = self.device();
        let begin = json!({ "act": "begin", "address": address, "language": "ja" });
        self.told(&mut device, "/v1/member/sign-up", &begin);
        let code = self.code_sent(address).expect("a code was sent");
        let typed =
            self.told(&mut device, "/v1/member/sign-up", &json!({ "act": "code", "code": code }));
        assert_eq!(typed["confirmed"], json!(true));
        let finish = json!({
            "act": "finish",
            "request_id": uuid::Uuid::now_v7(),
            "terms": 1,
            "password": PASSWORD,
        });
        let signed_in = self.told(&mut device, "/v1/member/sign-up", &finish);
        device.set_token(signed_in["token"].as_str().expect("a token").to_owned());
        Member { device, address: address.to_owned() }
    }
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
