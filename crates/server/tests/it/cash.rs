//! Cash at a register: shifts, top-ups on a code, and taking one back, over HTTP.

use serde_json::{Value, json};
use yaoki_server::admin::Order;
use yaoki_server::client::{Answer, RegisterClient};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::on_both_storages;

use crate::members::new_id;
use crate::world::{MONEY, World, text, told};

/// A session of a clerk's that nobody opened.
fn clerk_session() -> String {
    let clerk = identifier::text(Kind::Clerk, 1);
    let session = identifier::text(Kind::StaffSession, 1);
    format!("{clerk}.{session}.AAAAAAAAAAAAAAAAAAAAAA")
}

/// The body of what clerks do, where no clerk is.
pub(crate) fn of_clerks(path: &str, request: &str, code: &str, until: &str) -> Value {
    match path {
        "/v1/clerk/sign-in" => json!({ "request_id": request, "clerk": "1", "pin": "000000" }),
        "/v1/clerk/sign-out" => {
            json!({ "request_id": request, "clerk_session": clerk_session() })
        }
        "/v1/top-ups" => json!({
            "request_id": request, "amount": 100, "currency": "JPY", "code": code,
            "valid_until": until, "clerk_session": clerk_session(),
        }),
        _ => json!({ "act": "list" }),
    }
}

/// A register at which a clerk has signed in.
struct Till<'a> {
    world: &'a World,
    register: RegisterClient,
    session: String,
}

impl<'a> Till<'a> {
    fn new(world: &'a World) -> Self {
        let store = identifier::text(Kind::Store, 1);
        let made = world.order(Order::CreateClerk { store, name: "Yui".to_owned() });
        let mut till =
            Self { world, register: world.register(&world.till), session: String::new() };
        let (clerk, pin) = (text(&made, "clerk"), text(&made, "pin"));
        let body = json!({ "request_id": new_id(), "clerk": clerk, "pin": pin });
        let answer = till.post("/v1/clerk/sign-in", &body);
        till.session = text(&answer.json(), "clerk_session");
        till
    }

    fn post(&mut self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.world.run(self.register.send("POST", path, body.as_bytes())).expect("an answer")
    }

    fn shift(&mut self, act: &str, counted: i64) -> Answer {
        let session = self.session.clone();
        let body = json!({
            "act": act, "request_id": new_id(), "clerk_session": session, "counted": counted,
        });
        self.post("/v1/shifts", &body)
    }

    fn body(&self, place: usize, amount: i64) -> Value {
        let until = yaoki_server::api::time::text(self.world.clock.now().plus_ms(30_000));
        json!({
            "request_id": new_id(), "amount": amount, "currency": "JPY",
            "code": self.world.code(place), "valid_until": until, "clerk_session": self.session,
        })
    }

    fn take(&mut self, place: usize, amount: i64) -> Answer {
        let body = self.body(place, amount);
        self.post("/v1/top-ups", &body)
    }
}

on_both_storages! {
    fn a_shift_takes_cash_gives_it_back_and_is_counted(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut till = Till::new(&world);
        assert_eq!(told(&till.take(0, 3_000)), "409 shift_must_be_open");
        assert_eq!(till.shift("open", 10_000).status, 200);
        let taken = till.take(0, 3_000);
        assert_eq!(told(&taken), "200 succeeded", "{}", taken.json());
        let taken = taken.json();
        assert_eq!(taken["operation"], "top_up");
        assert!(text(&taken, "id").starts_with("top_"));
        assert_eq!(world.member(0).money, MONEY + 3_000);
        // The customer has changed his mind.
        let undo = json!({
            "request_id": new_id(), "target_request_id": taken["request_id"],
            "clerk_session": till.session,
        });
        let undone = till.post("/v1/reversals", &undo);
        assert_eq!(told(&undone), "200 succeeded", "{}", undone.json());
        assert_eq!(undone.json()["effect"], "took_back");
        assert_eq!(world.member(0).money, MONEY);
        till.take(1, 700);
        let closed = till.shift("close", 10_650).json();
        let shift = &closed["shifts"][0];
        assert_eq!((&shift["taken"], &shift["expected"]), (&json!(700), &json!(10_700)));
        assert_eq!(shift["difference"], -50);
        assert_eq!(told(&till.take(0, 1)), "409 shift_must_be_open");
    }

    fn a_top_up_asked_twice_is_one_and_a_code_that_topped_up_pays_nothing(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut till = Till::new(&world);
        till.shift("open", 0);
        let body = till.body(0, 500);
        let (first, again) = (till.post("/v1/top-ups", &body), till.post("/v1/top-ups", &body));
        assert_eq!(first.json(), again.json());
        assert!(again.replayed);
        assert_eq!(world.member(0).money, MONEY + 500);
        let mut payment = world.payment(0, 1);
        payment.code = text(&body, "code");
        let receipt = world.run(till.register.pay(&payment)).expect("an outcome");
        assert_eq!(receipt.outcome, "declined");
        let id = text(&body, "request_id");
        let query = world.run(till.register.send("GET", &format!("/v1/requests/{id}"), b""));
        assert_eq!(told(&query.expect("an answer")), "200 succeeded");
    }

    fn much_cash_takes_two_clerks_and_not_more_often_than_the_policy_says(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut till = Till::new(&world);
        till.shift("open", 0);
        assert_eq!(told(&till.take(0, 60_000)), "403 second_clerk_must_sign_in");
        let store = identifier::text(Kind::Store, 1);
        let made = world.order(Order::CreateClerk { store, name: "Emi".to_owned() });
        let sign_in = json!({
            "request_id": new_id(), "clerk": text(&made, "clerk"), "pin": text(&made, "pin"),
        });
        let second = text(&till.post("/v1/clerk/sign-in", &sign_in).json(), "clerk_session");
        let mut body = till.body(0, 60_000);
        body["second_clerk_session"] = second.into();
        assert_eq!(told(&till.post("/v1/top-ups", &body)), "200 succeeded");
        // Nobody agrees with himself.
        let mut body = till.body(1, 100_001);
        body["second_clerk_session"] = text(&body, "clerk_session").into();
        assert_eq!(told(&till.post("/v1/top-ups", &body)), "403 second_clerk_must_sign_in");
        // How often is too often is the member's to read; a shop hears that it was declined.
        for _ in 0..3 {
            till.take(1, 100);
        }
        assert_eq!(told(&till.take(1, 100)), "200 top_up_is_declined");
    }
}
