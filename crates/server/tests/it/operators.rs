//! Operators: two register and sign in with passkeys, agree on what takes two, and look after
//! members; who may do what; sessions that end.

mod agreed;

use serde_json::{Value, json};
use yaoki_server::admin::Order;
use yaoki_server::client::DeviceClient;
use yaoki_store::on_both_storages;

use crate::authenticator::Authenticator;
use crate::members::new_id;
use crate::world::{World, told};

pub(crate) const SIGN_IN: &str = "/v1/console/sign-in";
const OWN: &str = "/v1/console/own";
const END: &str = "/v1/console/session/end";
pub(crate) const ACT: &str = "/v1/console/act";
const TODAY: &str = "/v1/console/today";
/// Half an hour and twelve hours, milliseconds.
const IDLE: i64 = 30 * 60 * 1000;
const LONGEST: i64 = 12 * 60 * 60 * 1000;
const NOT_SIGNED_IN: &str = "session_must_be_open";

/// An operator with his authenticator, signed in in a browser.
pub(crate) struct Colleague {
    pub(crate) browser: DeviceClient,
    pub(crate) authenticator: Authenticator,
}

impl World {
    /// The tokens of the links of the first two operators.
    fn first_links(&self) -> [String; 2] {
        let (one, two) = ("Aoi".to_owned(), "Ren".to_owned());
        let reply = self.ask(Order::CreateFirstOperators { one, two });
        [token_of(&reply["one"]), token_of(&reply["two"])]
    }

    /// The first two operators, signed in.
    pub(crate) fn first_operators(&self) -> [Colleague; 2] {
        self.first_links().map(|link| self.colleague(&link))
    }

    /// Registers a passkey at a link and signs in with it.
    pub(crate) fn colleague(&self, link: &str) -> Colleague {
        let authenticator = self.registered(link);
        let mut colleague = Colleague { browser: self.browser(), authenticator };
        self.signs_in(&mut colleague);
        colleague
    }

    /// Registers a passkey at a link that `made_by` carried out; `another` confirms it.
    pub(crate) fn hired(&self, link: &str, [made_by, another]: &mut [Colleague; 2]) -> Colleague {
        let (mut browser, mut authenticator) = (self.browser(), self.blank());
        let body = self.registration(&mut browser, &mut authenticator, link);
        let told = self.told(&mut browser, SIGN_IN, &body);
        assert_eq!(told["state"], json!("waiting"));
        let mut hired = Colleague { browser, authenticator };
        let early = self.signing_in(&mut hired);
        let early = self.refused(&mut hired.browser, SIGN_IN, &early);
        assert_eq!(early, "passkey_must_be_confirmed");
        let confirm = json!({
            "act": "confirm_passkey", "request_id": new_id(), "passkey": told["passkey"],
        });
        let alone = self.refused(&mut made_by.browser, OWN, &confirm);
        assert_eq!(alone, "another_must_confirm");
        for _ in 0..2 {
            self.told(&mut another.browser, OWN, &confirm);
        }
        self.signs_in(&mut hired);
        hired
    }

    /// An authenticator of an operator's that holds nothing.
    fn blank(&self) -> Authenticator {
        let mut authenticator = Authenticator::at(self.running.app.wallet_origin());
        let app = &self.running.app;
        authenticator.origin = app.console.passkey_origin(app);
        authenticator
    }

    fn registered(&self, link: &str) -> Authenticator {
        let (mut browser, mut authenticator) = (self.browser(), self.blank());
        let body = self.registration(&mut browser, &mut authenticator, link);
        self.told(&mut browser, SIGN_IN, &body);
        authenticator
    }

    /// The last step of registering a passkey at a link.
    fn registration(
        &self,
        browser: &mut DeviceClient,
        authenticator: &mut Authenticator,
        link: &str,
    ) -> Value {
        let begin = json!({ "act": "begin_registration", "link_token": link });
        let passkey = self.made(browser, (SIGN_IN, &begin), authenticator);
        json!({
            "act": "register", "request_id": new_id(), "link_token": link, "passkey": passkey,
        })
    }

    /// The last step of signing in.
    fn signing_in(&self, colleague: &mut Colleague) -> Value {
        let Colleague { browser, authenticator } = colleague;
        let passkey = self.signed(browser, (SIGN_IN, &json!({ "act": "begin" })), authenticator);
        json!({ "act": "passkey", "request_id": new_id(), "passkey": passkey })
    }

    /// Signs in in a new browser.
    fn signs_in(&self, colleague: &mut Colleague) -> Value {
        colleague.browser = self.browser();
        let body = self.signing_in(colleague);
        let told = self.told(&mut colleague.browser, SIGN_IN, &body);
        colleague.browser.set_token(told["token"].as_str().expect("a token").to_owned());
        told
    }

    /// Shows once more that it is he.
    pub(crate) fn verifies(&self, colleague: &mut Colleague) {
        let begin = json!({ "act": "begin_verification" });
        let Colleague { browser, authenticator } = colleague;
        let passkey = self.signed(browser, (OWN, &begin), authenticator);
        let verify = json!({ "act": "verify", "request_id": new_id(), "passkey": passkey });
        self.told(browser, OWN, &verify);
    }
}

/// The token in a link.
pub(crate) fn token_of(link: &Value) -> String {
    let link = link.as_str().expect("a link");
    link.split_once("/console#operator=").expect("a token stands behind #").1.to_owned()
}

on_both_storages! {
    fn two_first_operators_register_at_their_links_once_and_sign_in(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let links = world.first_links();
        let (mut browser, mut own) = (world.browser(), world.blank());
        let begin = json!({ "act": "begin_registration", "link_token": "made up" });
        let refused = world.refused(&mut browser, SIGN_IN, &begin);
        assert_eq!(refused, "operator_link_must_be_valid");
        let body = world.registration(&mut browser, &mut own, &links[0]);
        world.told(&mut browser, SIGN_IN, &body);
        // The answer was lost: it is given again.
        world.told(&mut browser, SIGN_IN, &body);
        let begin = json!({ "act": "begin_registration", "link_token": links[0] });
        let refused = world.refused(&mut browser, SIGN_IN, &begin);
        assert_eq!(refused, "operator_link_must_be_valid", "it was used");
        let mut aoi = Colleague { browser: world.browser(), authenticator: own };
        let told = world.signs_in(&mut aoi);
        assert_eq!(told["actor"], json!("Aoi"));
        assert_eq!(told["roles"], json!(["support", "risk", "finance", "admin"]));
        let look = world.told(&mut aoi.browser, OWN, &json!({ "act": "look" }));
        assert_eq!((&look["name"], &look["operator"]), (&json!("Aoi"), &told["operator"]));
        world.told(&mut aoi.browser, TODAY, &json!({}));
        world.clock.advance_ms(10 * 60 * 1000);
        let begin = json!({ "act": "begin_registration", "link_token": links[1] });
        let refused = world.refused(&mut browser, SIGN_IN, &begin);
        assert_eq!(refused, "operator_link_must_be_valid", "it is too old");
    }

    fn a_link_that_went_by_is_renewed_by_the_host_until_two_have_registered(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 1, |_| {});
        let [link, _] = world.first_links();
        let mut aoi = world.colleague(&link);
        world.clock.advance_ms(10 * 60 * 1000);
        let listed = world.ask(Order::List {
            what: "operators".to_owned(), after: Some("1".to_owned()), limit: None,
        });
        assert_eq!(listed["operators"][0]["state"], json!("invited"), "{listed}");
        let renew = |number: &str| {
            world.ask(Order::RenewOperatorLink { operator: number.to_owned() })
        };
        let refused = |reply: &Value| reply["error"]["refusal"].clone();
        assert_eq!(refused(&renew("1")), json!("act_takes_a_proposal"), "Aoi has registered");
        let ren = listed["operators"][0]["operator"].as_str().expect("an id").to_owned();
        let body = json!({
            "request_id": new_id(), "reason": "his went by",
            "what": { "act": "link_operator", "operator": ren },
        });
        world.verifies(&mut aoi);
        let alone = world.refused(&mut aoi.browser, ACT, &body);
        assert_eq!(alone, "act_takes_a_proposal");
        let kept = token_of(&renew(&ren)["link"]);
        world.colleague(&token_of(&renew(&ren)["link"]));
        // Whoever kept another link of his is too late.
        let begin = json!({ "act": "begin_registration", "link_token": kept });
        let late = world.refused(&mut world.browser(), SIGN_IN, &begin);
        assert_eq!(late, "operator_link_must_be_valid");
        assert_eq!(refused(&renew(&ren)), json!("act_takes_a_proposal"), "both have registered");
    }

    fn where_there_are_operators_no_link_of_the_hosts_opens_the_console(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let (mut before, link) = (world.operator(), world.console_link());
        assert_eq!(world.refused(&mut before, TODAY, &json!({})), "ok");
        world.first_operators();
        assert_eq!(world.refused(&mut before, TODAY, &json!({})), NOT_SIGNED_IN);
        let body = json!({ "link_token": link });
        let refused = world.refused(&mut world.browser(), "/v1/console/session", &body);
        assert_eq!(refused, "console_link_must_be_open");
        let reply = world.ask(Order::ConsoleLink);
        assert_eq!(reply["error"]["kind"], json!("refused"), "{reply}");
    }

    fn a_passkey_signs_in_for_its_own_browser_and_purpose_only(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        // What one browser began, another does not finish.
        let body = world.signing_in(&mut aoi);
        let refused = world.refused(&mut world.browser(), SIGN_IN, &body);
        assert_eq!(refused, "passkey_must_hold");
        // Nobody is verified by a colleague's passkey, or by one used to sign in.
        let begin = json!({ "act": "begin_verification" });
        let asked = world.told(&mut aoi.browser, OWN, &begin);
        let mut options = asked["options"].clone();
        options["allowCredentials"] = json!([]);
        let answer = world.run(ren.authenticator.sign(&options)).expect("it signs");
        let passkey = json!({ "ceremony": asked["ceremony"], "answer": answer });
        let verify = json!({ "act": "verify", "request_id": new_id(), "passkey": passkey });
        assert_eq!(world.refused(&mut aoi.browser, OWN, &verify), "passkey_must_hold");
        let mut other = Colleague { browser: world.browser(), ..aoi };
        let passkey = world.signing_in(&mut other)["passkey"].clone();
        let verify = json!({ "act": "verify", "request_id": new_id(), "passkey": passkey });
        assert_eq!(world.refused(&mut ren.browser, OWN, &verify), "passkey_must_hold");
        // Whose user is not verified is not believed.
        other.authenticator.verifies = false;
        let asked = world.told(&mut other.browser, SIGN_IN, &json!({ "act": "begin" }));
        assert!(world.run(other.authenticator.sign(&asked["options"])).is_none());
    }

    fn a_copied_passkey_is_refused_though_another_node_saw_the_first(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let [mut aoi, _] = world.first_operators();
        let copy = aoi.authenticator.clone();
        world.signs_in(&mut aoi);
        let mut thief = Colleague { browser: world.browser(), authenticator: copy };
        let body = world.signing_in(&mut thief);
        let refused = world.refused(&mut thief.browser, SIGN_IN, &body);
        assert_eq!(refused, "passkey_must_be_active");
    }

    fn a_session_ends_at_the_next_request_and_by_itself(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let empty = json!({});
        assert_eq!(world.refused(&mut aoi.browser, END, &empty), "ok");
        assert_eq!(world.refused(&mut aoi.browser, TODAY, &empty), NOT_SIGNED_IN);
        assert_eq!(world.refused(&mut aoi.browser, END, &empty), NOT_SIGNED_IN);
        assert_eq!(world.refused(&mut ren.browser, TODAY, &empty), "ok");
        world.signs_in(&mut aoi);
        let mut first = std::mem::replace(&mut aoi.browser, world.browser());
        world.signs_in(&mut aoi);
        let all = json!({ "act": "end_sessions", "request_id": new_id() });
        world.told(&mut aoi.browser, OWN, &all);
        for browser in [&mut first, &mut aoi.browser] {
            assert_eq!(world.refused(browser, TODAY, &empty), NOT_SIGNED_IN);
        }
        // A stolen token is of no use without the browser's key.
        let mut thief = world.browser();
        thief.set_token(ren.browser.token().expect("a token").to_owned());
        assert_eq!(world.refused(&mut thief, TODAY, &empty), "proof_must_hold");
        world.clock.advance_ms(IDLE);
        assert_eq!(world.refused(&mut ren.browser, TODAY, &empty), NOT_SIGNED_IN, "it was idle");
    }

    fn a_session_that_is_used_lasts_half_a_day_and_no_longer(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let [mut aoi, _] = world.first_operators();
        let step = IDLE - 1000;
        let mut passed = 0;
        while passed + step < LONGEST {
            world.clock.advance_ms(step);
            passed += step;
            let sent = aoi.browser.post(TODAY, b"{}");
            let answer = world.run(sent).expect("an answer");
            assert_eq!(told(&answer), "200 ok", "after {passed}");
            let token = answer.header("yaoki-console-token").expect("a newer token").to_owned();
            aoi.browser.set_token(token);
        }
        world.clock.advance_ms(LONGEST - passed + 1000);
        assert_eq!(world.refused(&mut aoi.browser, TODAY, &json!({})), NOT_SIGNED_IN);
    }
}
