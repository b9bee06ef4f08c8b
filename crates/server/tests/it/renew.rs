//! A register that takes a new key in place of the one that its link said.

use serde_json::json;
use uuid::Uuid;
use yaoki_server::client::register::Credentials;
use yaoki_server::edge::key_from_text;
use yaoki_store::on_both_storages;

use crate::world::{World, told};

const CURRENT: &str = "401 terminal_key_must_be_current";

fn ask(world: &World, credentials: &Credentials, request_id: &str) -> yaoki_server::client::Answer {
    let body = json!({ "request_id": request_id }).to_string();
    let mut register = world.register(credentials);
    world.run(register.send("POST", "/v1/terminal/key", body.as_bytes())).expect("an answer")
}

on_both_storages! {
    fn what_a_link_said_is_dead_soon_after_the_register_took_a_new_key(db: &mut TestDatabase) {
        let world = World::new(db);
        let linked = world.till.clone();
        let request_id = Uuid::now_v7().to_string();
        let first = ask(&world, &linked, &request_id);
        assert_eq!(told(&first), "200 ok");
        let again = ask(&world, &linked, &request_id);
        assert_eq!(again.json(), first.json(), "a lost answer is asked for again");
        // Whoever found the link in a history, while it still signs.
        let stolen = ask(&world, &linked, &Uuid::now_v7().to_string());
        assert_eq!(told(&stolen), CURRENT);
        let key = first.json()["key"].as_str().map(str::to_owned).expect("a key");
        let renewed = Credentials {
            generation: 2,
            key: key_from_text(&key).expect("a key"),
            ..linked.clone()
        };
        let pays = |credentials: &Credentials| {
            let mut register = world.register(credentials);
            let payment = world.payment(0, 100);
            let body = register.payment_body(&payment).to_string();
            told(&world.run(register.send("POST", "/v1/payments", body.as_bytes())).expect("it"))
        };
        assert_eq!(pays(&renewed), "200 succeeded");
        world.clock.advance_ms(2 * 60_000);
        assert_eq!(pays(&linked), CURRENT);
        assert_eq!(pays(&renewed), "200 succeeded");
        assert_eq!(told(&ask(&world, &linked, &request_id)), CURRENT, "nor is it told again");
    }

    fn a_renewal_is_of_the_terminal_that_asked(db: &mut TestDatabase) {
        let world = World::new(db);
        let request_id = Uuid::now_v7().to_string();
        let own = ask(&world, &world.till, &request_id).json();
        let other = ask(&world, &world.other_till, &request_id).json();
        assert_ne!(own["key"], other["key"]);
        assert_ne!(own["terminal"], other["terminal"]);
    }
}
