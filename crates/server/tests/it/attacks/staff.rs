//! Whoever works here (mix 17): no order sets or reads a password, or changes an address.

use serde_json::{Value, json};
use yaoki_core::act::ActKind;
use yaoki_server::admin::Order;
use yaoki_store::on_both_storages;

use crate::members::PASSWORD;
use crate::world::World;

/// The names of all orders, as reading a wrong one tells them.
pub(crate) fn orders() -> Vec<String> {
    let wrong = serde_json::from_value::<Order>(json!({ "act": "none of them" }));
    let told = wrong.expect_err("it is none").to_string();
    let names = told.split('`').skip(3).step_by(2).map(str::to_owned);
    names.collect()
}

#[test]
fn no_order_and_no_act_is_about_a_password_a_factor_or_an_address() {
    let orders = orders();
    assert!(orders.len() > 20, "{orders:?}");
    let acts = ActKind::ALL.iter().map(|kind| kind.name().to_owned());
    let names: Vec<String> = orders.into_iter().chain(acts).collect();
    for word in ["password", "factor", "contact", "address", "mail", "phone", "totp", "passkey"] {
        // Those of operators are their own, and no member's.
        let own = ["add_passkey", "end_passkey"];
        let found = names.iter().find(|name| name.contains(word) && !own.contains(&name.as_str()));
        assert_eq!(found, None, "{word}");
    }
}

on_both_storages! {
    fn lists_for_staff_show_no_address_no_password_and_no_secret(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let member = world.sign_up("hanako@example.jp");
        for what in ["members", "devices", "switches"] {
            let order = Order::List { what: what.to_owned(), after: None, limit: None };
            let reply: Value = world.order(order);
            let text = reply.to_string();
            for secret in [member.address.as_str(), PASSWORD, "$argon2", "secret", "hanako"] {
                assert!(!text.contains(secret), "{what}: {secret}");
            }
        }
    }
}
