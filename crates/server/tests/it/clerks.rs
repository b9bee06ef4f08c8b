//! Clerks at registers: signing in with a PIN, and what only they may do.

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_server::admin::Order;
use yaoki_server::client::register::Credentials;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::on_both_storages;

use crate::world::{World, text, told};

const SIGN_IN: &str = "/v1/clerk/sign-in";
const SIGN_OUT: &str = "/v1/clerk/sign-out";
const MUST_SIGN_IN: &str = "403 clerk_must_sign_in";
const MINUTE: i64 = 60 * 1000;

/// A store where Yui works: her number and PIN.
struct Yui {
    clerk: String,
    pin: String,
}

impl World {
    fn hires(&self, store: &str) -> Yui {
        let reply =
            self.order(Order::CreateClerk { store: store.to_owned(), name: "Yui".to_owned() });
        Yui { clerk: text(&reply, "clerk"), pin: text(&reply, "pin") }
    }

    /// What a terminal hears.
    fn hears(&self, who: &Credentials, path: &str, body: &Value) -> (String, Value) {
        let mut register = self.register(who);
        let answer = self.run(register.send("POST", path, body.to_string().as_bytes()));
        let answer = answer.expect("an answer");
        (told(&answer), answer.json())
    }

    fn signs_in_clerk(&self, who: &Credentials, clerk: &str, pin: &str) -> (String, Value) {
        self.hears(who, SIGN_IN, &json!({ "request_id": new(), "clerk": clerk, "pin": pin }))
    }

    /// A session of hers at this terminal.
    fn session(&self, who: &Credentials, yui: &Yui) -> String {
        let (said, answer) = self.signs_in_clerk(who, &yui.clerk, &yui.pin);
        assert_eq!(said, "200 ok");
        text(&answer, "clerk_session")
    }

    /// A payment of 100 at the till: what a refund of it is, and the request that paid.
    fn charged(&self) -> (Value, String) {
        let register = self.register(&self.till);
        let body = register.payment_body(&self.payment(0, 100));
        let (said, paid) = self.hears(&self.till, "/v1/payments", &body);
        assert_eq!(said, "200 succeeded");
        let refund = json!({
            "request_id": new(), "payment": paid["payment"], "amount": 60, "currency": "JPY",
            "valid_until": body["valid_until"],
        });
        (refund, text(&body, "request_id"))
    }
}

fn new() -> String {
    Uuid::now_v7().to_string()
}

fn with(body: &Value, name: &str, value: &str) -> Value {
    let mut body = body.clone();
    body[name] = value.into();
    body
}

on_both_storages! {
    fn where_clerks_work_a_refund_takes_one_who_signed_in(db: &mut TestDatabase) {
        let world = World::new(db);
        let (refund, _) = world.charged();
        assert_eq!(world.hears(&world.till, "/v1/refunds", &refund).0, "200 succeeded");
        let yui = world.hires("1");
        let (refund, _) = world.charged();
        assert_eq!(world.hears(&world.till, "/v1/refunds", &refund).0, MUST_SIGN_IN);
        let (_, terminal) = {
            let mut register = world.register(&world.till);
            let answer = world.run(register.send("GET", "/v1/terminal", b"")).expect("an answer");
            (told(&answer), answer.json())
        };
        assert_eq!(terminal["clerks"], json!(true));
        let session = world.session(&world.till, &yui);
        // The same request, now that she is there: it was not recorded.
        let asked = with(&refund, "clerk_session", &session);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &asked).0, "200 succeeded");
        world.clock.advance_ms(16 * MINUTE);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &asked).0, "200 succeeded", "again");
        let (refund, _) = world.charged();
        let asked = with(&refund, "clerk_session", &session);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &asked).0, MUST_SIGN_IN);
    }

    fn a_clerks_session_is_good_at_its_own_terminal_only(db: &mut TestDatabase) {
        let world = World::new(db);
        let yui = world.hires("1");
        let session = world.session(&world.till, &yui);
        let (refund, request) = world.charged();
        let asked = with(&refund, "clerk_session", &session);
        assert_eq!(world.hears(&world.other_till, "/v1/refunds", &asked).0, MUST_SIGN_IN);
        let secretless = session.rsplit_once('.').expect("three parts").0;
        let guessed = format!("{secretless}.AAAAAAAAAAAAAAAAAAAAAA");
        let guess = with(&refund, "clerk_session", &guessed);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &guess).0, MUST_SIGN_IN);
        let broken = with(&refund, "clerk_session", secretless);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &broken).0, "400 field_must_be_valid");
        let captured = world.hears(&world.till, "/v1/captures", &asked).0;
        assert_eq!(captured, "400 field_must_be_valid", "a capture takes no clerk");
        // What the till asked is undone at another terminal of the store by her, and by nobody
        // else.
        let till = identifier::text(Kind::Terminal, world.till.terminal.cast_signed());
        let undo = |body: &Value| world.hears(&world.other_till, "/v1/reversals", body).0;
        let body = json!({
            "request_id": new(), "target_request_id": request, "target_terminal": till,
        });
        assert_eq!(undo(&body), MUST_SIGN_IN);
        let session = world.session(&world.other_till, &yui);
        assert_eq!(undo(&with(&body, "clerk_session", &session)), "200 succeeded");
        let (_, request) = world.charged();
        let foreign = json!({
            "request_id": new(), "target_request_id": request, "target_terminal": till,
        });
        let said = world.hears(&world.foreign_till, "/v1/reversals", &foreign).0;
        assert_eq!(said, "200 payment_must_exist");
        let said = world.signs_in_clerk(&world.foreign_till, &yui.clerk, &yui.pin).0;
        assert_eq!(said, "403 clerk_must_be_active", "she does not work there");
    }

    fn five_wrong_pins_lock_a_clerk_and_a_reset_unlocks(db: &mut TestDatabase) {
        let world = World::new(db);
        let yui = world.hires("1");
        let wrong = if yui.pin == "000000" { "000001" } else { "000000" };
        let request_id = new();
        let body = json!({ "request_id": request_id, "clerk": yui.clerk, "pin": wrong });
        for _ in 0..3 {
            // Asked again it is no further try.
            assert_eq!(world.hears(&world.till, SIGN_IN, &body).0, "403 pin_must_match");
        }
        for _ in 0..4 {
            let said = world.signs_in_clerk(&world.other_till, &yui.clerk, wrong).0;
            assert_eq!(said, "403 pin_must_match");
        }
        let said = world.signs_in_clerk(&world.till, &yui.clerk, &yui.pin).0;
        assert_eq!(said, "403 clerk_is_locked", "even with the right one");
        let reply = world.order(Order::ResetClerkPin { clerk: yui.clerk.clone() });
        let said = world.signs_in_clerk(&world.till, &yui.clerk, &text(&reply, "pin")).0;
        assert_eq!(said, "200 ok");
        for clerk in ["clk_0", "9", ""] {
            let said = world.signs_in_clerk(&world.till, clerk, &yui.pin).0;
            assert!(said != "200 ok", "{clerk}: {said}");
        }
    }

    fn a_clerk_who_signed_out_gives_nothing_back(db: &mut TestDatabase) {
        let world = World::new(db);
        let yui = world.hires("1");
        let body = json!({ "request_id": new(), "clerk": yui.clerk, "pin": yui.pin });
        let (_, first) = world.hears(&world.till, SIGN_IN, &body);
        let (_, again) = world.hears(&world.till, SIGN_IN, &body);
        assert_eq!(first, again, "a lost answer is asked for again");
        let session = text(&first, "clerk_session");
        let out = json!({ "request_id": new(), "clerk_session": session });
        assert_eq!(world.hears(&world.other_till, SIGN_OUT, &out).0, MUST_SIGN_IN);
        assert_eq!(world.hears(&world.till, SIGN_OUT, &out).0, "200 ok");
        assert_eq!(world.hears(&world.till, SIGN_OUT, &out).0, "200 ok", "again");
        let (refund, _) = world.charged();
        let asked = with(&refund, "clerk_session", &session);
        assert_eq!(world.hears(&world.till, "/v1/refunds", &asked).0, MUST_SIGN_IN);
    }
}
