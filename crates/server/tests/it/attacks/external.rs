//! External ids of somebody else (mix 11). What is forged in a token is in `openid`.

use serde_json::{Value, json};
use yaoki_server::client::DeviceClient;
use yaoki_server::identity::openid::Begun;
use yaoki_store::on_both_storages;

use super::seen;
use crate::members::{SIGN_IN, new_id};
use crate::openid::provider::Stand;
use crate::openid::{NOW, options};
use crate::world::{World, text};

const EXTERNAL: &str = "/v1/member/external";

/// What a browser brings back that went to the provider and came back.
fn came(
    world: &World,
    stand: &Stand,
    browser: &mut DeviceClient,
    (path, begin, act): (&str, &str, &str),
) -> Value {
    let where_to = world.told(browser, path, &json!({ "act": begin, "provider": "id" }));
    let (address, attempt) = (text(&where_to, "address"), text(&where_to, "attempt"));
    let given = stand.consent(&Begun { address, attempt: attempt.clone() });
    json!({
        "act": act, "request_id": new_id(), "provider": "id", "code": given.code,
        "state": given.state, "attempt": attempt,
    })
}

on_both_storages! {
    fn an_external_id_on_an_unknown_device_says_nothing_whosever_it_is(db: &mut TestDatabase) {
        let stand = Stand::new();
        let world = World::with(db, 0, |used| used.openid = vec![options(&stand.issuer())]);
        world.clock.advance_ms(NOW.0 - world.clock.now().0);
        let mut member = world.sign_up("hanako@example.jp");
        let unknown = (SIGN_IN, "begin_external", "external");
        let mut browser = world.device();
        let body = came(&world, &stand, &mut browser, unknown);
        let nobodys = seen(&world.asked(&mut browser, SIGN_IN, &body));
        let link = came(&world, &stand, &mut member.device, (EXTERNAL, "begin", "link"));
        assert_eq!(world.refused(&mut member.device, EXTERNAL, &link), "ok");
        let mut browser = world.device();
        let body = came(&world, &stand, &mut browser, unknown);
        // Passed on to another browser than the one that went there, it is none.
        let passed_on = world.refused(&mut world.device(), SIGN_IN, &body);
        assert_eq!(passed_on, "external_id_must_hold");
        let body = came(&world, &stand, &mut browser, unknown);
        assert_eq!(seen(&world.asked(&mut browser, SIGN_IN, &body)), nobodys);
        assert_eq!(nobodys.0, 403);
        assert_eq!(world.active(&member).len(), 1);
        // On the known device it signs in, and on another member's it does not.
        let body = came(&world, &stand, &mut member.device, (EXTERNAL, "begin", "sign_in"));
        assert_eq!(world.refused(&mut member.device, EXTERNAL, &body), "ok");
        let mut other = world.sign_up("taro@example.jp");
        let body = came(&world, &stand, &mut other.device, (EXTERNAL, "begin", "sign_in"));
        let refused = world.refused(&mut other.device, EXTERNAL, &body);
        assert_eq!(refused, "factor_must_exist");
        // One account at a provider is linked to one wallet.
        let link = came(&world, &stand, &mut other.device, (EXTERNAL, "begin", "link"));
        let refused = world.refused(&mut other.device, EXTERNAL, &link);
        assert_eq!(refused, "factor_must_be_free");
    }

    fn linking_asks_for_a_fresh_verification_and_no_id_from_the_app_counts(db: &mut TestDatabase) {
        let stand = Stand::new();
        let world = World::with(db, 0, |used| used.openid = vec![options(&stand.issuer())]);
        world.clock.advance_ms(NOW.0 - world.clock.now().0 - 5 * 60_000);
        let mut member = world.sign_up("hanako@example.jp");
        world.clock.advance_ms(5 * 60_000 + 1_000);
        let link = came(&world, &stand, &mut member.device, (EXTERNAL, "begin", "link"));
        let refused = world.refused(&mut member.device, EXTERNAL, &link);
        assert_eq!(refused, "user_must_be_verified");
        // What an app says of who signed in is no field (7pay took it).
        for (name, value) in [("sub", "1"), ("email", "a@example.jp"), ("id_token", "x")] {
            let mut body = came(&world, &stand, &mut member.device, (EXTERNAL, "begin", "sign_in"));
            body[name] = json!(value);
            let refused = world.refused(&mut member.device, EXTERNAL, &body);
            assert_eq!(refused, "request_must_have_its_fields", "{name}");
        }
    }
}
