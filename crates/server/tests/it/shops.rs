//! What a shop shows, and what members' devices pay of it.

use std::io::Write;

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::ids::TerminalNumber;
use yaoki_formats::emv_mpm::Payload;
use yaoki_server::admin::Order;
use yaoki_server::client::http::Request;
use yaoki_server::client::{Answer, DeviceClient};
use yaoki_server::edge::frames::{FRAME_BYTES_MAX, FRAMES_OF_STRANGERS_MAX};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::sign::Shown;
use yaoki_store::on_both_storages;

use crate::raw;
use crate::world::{MONEY, World, told};

/// An order of the till: the request, and the payload.
fn shown(world: &World, amount: i64) -> (Uuid, String) {
    let request = Uuid::now_v7();
    let mut register = world.register(&world.till);
    let order = world.run(register.order(request, amount)).expect("an order");
    assert!(order["qr_svg"].as_str().is_some_and(|svg| svg.starts_with("<svg")));
    (request, text(&order, "payload"))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn confirm(world: &World, device: &mut DeviceClient, payload: &str) -> Answer {
    world.run(device.confirm(payload)).expect("an answer")
}

fn post(world: &World, device: &mut DeviceClient, target: &str, body: &Value) -> Answer {
    world.run(device.post(target, body.to_string().as_bytes())).expect("an answer")
}

/// The body that confirms an order of the till.
fn body_of(world: &World, device: &mut DeviceClient, payload: &str) -> Value {
    let shop = world.run(device.shop("payload", payload)).expect("a shop");
    json!({
        "request_id": shop.request_id, "payload": payload, "amount": shop.amount,
        "currency": "JPY", "valid_until": shop.valid_until,
    })
}

fn later(world: &World, ms: i64) -> String {
    yaoki_server::api::time::text(world.clock.now().plus_ms(ms))
}

/// A text with another CRC, so that the change of it is not found by that.
fn with_crc(text: &str) -> String {
    let any = (0..=0xFFFF_u32).map(|crc| format!("{}{crc:04X}", &text[..text.len() - 4]));
    any.into_iter().find(|text| Payload::parse(text).is_ok()).expect("one fits")
}

on_both_storages! {
    fn an_order_is_shown_looked_at_confirmed_seen_and_refunded(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut device, mut register) = (world.enrolled(0), world.register(&world.till));
        let before = world.size();
        let (request, payload) = shown(&world, 1200);
        assert_eq!(world.run(register.query(request)).expect("it answers"), None);
        let shop = world.run(device.shop("payload", &payload)).expect("a shop");
        assert_eq!((shop.mode.as_str(), shop.amount), ("order", Some(1200)));
        let store = (&shop.store["name"], &shop.store["place"], &shop.merchant["name"]);
        let expected = (&json!("Hinode station"), &json!("Hinode-ku, Tokyo"), &json!("Hinode"));
        assert_eq!(store, expected);
        assert_eq!(world.size(), before, "nothing is written before the money moves");
        let code = world.code(0);
        let paid = confirm(&world, &mut device, &payload);
        assert_eq!((told(&paid).as_str(), paid.replayed), ("200 succeeded", false));
        assert_eq!(world.code(0), code, "a code that is shown stays good");
        let seen = world.run(register.query(request)).expect("it answers").expect("it is seen");
        assert_eq!(seen.payment.as_deref(), paid.json()["payment"].as_str());
        let listed = world.run(register.send("GET", "/v1/payments?limit=1", b"")).expect("it");
        assert_eq!(listed.json()["operations"][0]["presented"], "order");
        let payment = seen.payment.expect("it succeeded");
        let refund = world.run(register.refund(Uuid::now_v7(), &payment, 200)).expect("it");
        assert!(refund.succeeded());
        assert_eq!(world.member(0).money, MONEY - 1000);
        let asked = json!({ "payment": payment });
        let receipt = post(&world, &mut device, "/v1/device/payment", &asked).json();
        let told = (&receipt["status"], &receipt["refunded"], &receipt["presented"]);
        assert_eq!(told, (&json!("paid"), &json!(200), &json!("order")));
        assert_eq!(receipt["movements"][1]["kind"], "refund");
        let mut other = world.enrolled(1);
        let foreign = post(&world, &mut other, "/v1/device/payment", &asked);
        assert_eq!(crate::world::told(&foreign), "404 payment_not_found");
    }

    fn a_confirmation_sent_again_charges_once_and_a_proof_is_used_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let (_, payload) = shown(&world, 700);
        let body = body_of(&world, &mut device, &payload).to_string();
        let target = "/v1/device/payments";
        let token = format!("DPoP {}", device.token().expect("enrolled"));
        let proof = device.proof("POST", target, body.as_bytes()).expect("a proof");
        let headers = [("Authorization", token.as_str()), ("DPoP", proof.as_str())];
        let request = Request { method: "POST", target, headers: &headers, body: body.as_bytes() };
        let first = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(told(&first), "200 succeeded");
        let overheard = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(overheard.status, 401, "the same bytes again are nobody's");
        let again = world.run(device.post(target, body.as_bytes())).expect("an answer");
        assert!(again.replayed);
        assert_eq!(again.body, first.body);
        world.order(Order::RotateKey { key: "fingerprint".to_owned(), keep_seconds: 0 });
        world.running.app.reload_keys().expect("the keys can be read");
        let rotated = world.run(device.post(target, body.as_bytes())).expect("an answer");
        assert!(rotated.replayed && rotated.body == first.body, "also after a rotation");
        assert_eq!(world.member(0).money, MONEY - 700);
    }

    fn an_order_that_two_members_confirm_is_paid_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut one, mut two) = (world.enrolled(0), world.enrolled(1));
        for _ in 0..8 {
            let before = world.member(0).money + world.member(1).money;
            let (_, payload) = shown(&world, 100);
            let bodies = [&mut one, &mut two].map(|device| body_of(&world, device, &payload));
            let [first, second] = bodies.map(|body| body.to_string());
            let target = "/v1/device/payments";
            let (first, second) = world.run(async {
                tokio::join!(
                    one.post(target, first.as_bytes()),
                    two.post(target, second.as_bytes())
                )
            });
            let mut heard = [first, second].map(|answer| told(&answer.expect("an answer")));
            heard.sort();
            assert_eq!(heard, ["200 succeeded", "409 order_is_settled"]);
            let after = world.member(0).money + world.member(1).money;
            assert_eq!(before - after, 100);
        }
    }

    fn a_withdrawn_order_cannot_be_confirmed_and_an_old_one_neither(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut device, mut register) = (world.enrolled(0), world.register(&world.till));
        let (request, payload) = shown(&world, 700);
        let withdrawn = world.run(register.reverse(Uuid::now_v7(), request)).expect("it");
        assert_eq!(withdrawn.effect.as_deref(), Some("never_seen"));
        assert_eq!(told(&confirm(&world, &mut device, &payload)), "409 order_is_settled");
        let (_, payload) = shown(&world, 700);
        world.clock.advance_ms(45_001);
        assert_eq!(told(&confirm(&world, &mut device, &payload)), "409 order_is_over");
        let (_, dear) = shown(&world, MONEY + 1);
        let refused = confirm(&world, &mut device, &dear);
        assert_eq!(told(&refused), "409 balance_does_not_cover");
        let member = world.members[0].0.to_string();
        world.order(Order::Credit { member, asset: "money".to_owned(), amount: 1 });
        assert_eq!(told(&confirm(&world, &mut device, &dear)), "200 succeeded", "it stays open");
    }

    fn a_faked_or_foreign_order_is_refused(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let before = world.size();
        let (_, payload) = shown(&world, 1200);
        let cheaper = with_crc(&payload.replace("54041200", "54040012"));
        let cut = &payload[..payload.len() - 9];
        let foreign = "0002016003xxx01021129300012D156000000000510A93FO3230Q31280012D1560000000\
                       103081234567826680019jp.or.paymentsjapan01130000000000001020400010306000\
                       001040600000153033925903xxx64180002JA0108メルペイ カフェ520441115802JP6107106\
                       61436304DEE9";
        for (payload, expected) in [
            (cheaper.as_str(), "400 sign_must_hold"),
            (cut, "400 payload_must_be_whole"),
            ("12", "400 payload_must_be_whole"),
            (foreign, "400 sign_must_be_ours"),
        ] {
            let asked = json!({ "payload": payload });
            let answer = post(&world, &mut device, "/v1/device/shop", &asked);
            assert_eq!(told(&answer), expected, "{payload}");
        }
        let good = body_of(&world, &mut device, &payload);
        for (name, value) in [
            ("amount", json!(12)),
            ("request_id", json!(Uuid::now_v7().to_string())),
            ("valid_until", json!(later(&world, 200_000))),
            ("store", json!("1")),
        ] {
            let mut body = good.clone();
            body[name] = value;
            let answer = post(&world, &mut device, "/v1/device/payments", &body);
            assert_eq!(told(&answer), "400 field_must_be_valid", "{name}");
        }
        let mut dollars = good.clone();
        dollars["currency"] = "USD".into();
        let answer = post(&world, &mut device, "/v1/device/payments", &dollars);
        assert_eq!(told(&answer), "400 currency_must_be_the_books");
        // An order of a terminal that this book does not have, under its own key.
        let keyring = world.running.app.keyring();
        let order = yaoki_server::edge::sign::Order {
            terminal: TerminalNumber(99),
            request: yaoki_core::ids::RequestId([1; 16]),
            amount: 5,
            valid_until: world.clock.now().plus_ms(1000),
        };
        let strange = world.running.app.signs(&keyring).text(&Shown::Order(order), "x");
        let asked = json!({ "payload": strange.expect("it has a form") });
        let answer = post(&world, &mut device, "/v1/device/shop", &asked);
        assert_eq!(told(&answer), "404 store_must_exist");
        assert_eq!(world.size(), before, "nothing was recorded");
    }

    fn a_sign_shows_its_own_store_and_pays_there(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let mut register = world.register(&world.foreign_till);
        let sign = world.run(register.sign_of_store()).expect("a sign");
        let payload = text(&sign, "payload");
        let again = world.run(register.sign_of_store()).expect("a sign");
        assert_eq!(text(&again, "payload"), payload, "printed once, good for ever");
        // Pasted over that of another store it still says whose it is.
        let shop = world.run(device.shop("payload", &payload)).expect("a shop");
        assert_eq!((shop.mode.as_str(), shop.amount), ("sign", None));
        assert_eq!(shop.store["name"], "Tsukimi station");
        let number = shop.store["number"].to_string();
        let typed = world.run(device.shop("store", &number)).expect("a shop");
        assert_eq!((typed.store, typed.mode), (shop.store, shop.mode));
        let request = Uuid::now_v7().to_string();
        let pay = |device: &mut DeviceClient, amount| {
            world.run(device.pay_at_sign(&payload, &request, amount)).expect("an answer")
        };
        let paid = pay(&mut device, 300);
        assert_eq!(told(&paid), "200 succeeded");
        assert_eq!(text(&paid.json(), "request_id"), request);
        world.clock.advance_ms(1000);
        let again = pay(&mut device, 300);
        assert!(again.replayed && again.body == paid.body);
        assert_eq!(told(&pay(&mut device, 301)), "409 request_id_has_another_meaning");
        let mut other = world.enrolled(1);
        assert_eq!(told(&pay(&mut other, 300)), "200 succeeded", "an id is a member's own");
        assert_eq!((world.member(0).money, world.member(1).money), (MONEY - 300, MONEY - 300));
        let listed = world.run(register.send("GET", "/v1/payments?store=true", b"")).expect("it");
        assert_eq!(listed.json()["operations"].as_array().map(Vec::len), Some(2));
        let mut late = json!({
            "request_id": Uuid::now_v7().to_string(), "store": number, "amount": 5,
            "currency": "JPY", "valid_until": later(&world, 61_000),
        });
        let answer = post(&world, &mut device, "/v1/device/payments", &late);
        assert_eq!(told(&answer), "400 valid_until_must_be_near");
        late["valid_until"] = later(&world, -1).into();
        let answer = post(&world, &mut device, "/v1/device/payments", &late);
        assert_eq!(told(&answer), "409 order_is_over");
    }

    fn the_id_of_an_order_used_at_a_sign_takes_nothing_from_the_order(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut thief, mut payer) = (world.enrolled(0), world.enrolled(1));
        let sign = world.run(world.register(&world.till).sign_of_store()).expect("a sign");
        let (request, payload) = shown(&world, 9000);
        let (sign, id) = (text(&sign, "payload"), request.to_string());
        let one_yen = world.run(thief.pay_at_sign(&sign, &id, 1)).expect("an answer");
        assert_eq!(told(&one_yen), "200 succeeded");
        let mut register = world.register(&world.till);
        assert_eq!(world.run(register.query(request)).expect("it answers"), None);
        assert_eq!(told(&confirm(&world, &mut payer, &payload)), "200 succeeded");
        let seen = world.run(register.query(request)).expect("it answers").expect("it is seen");
        assert_eq!(seen.amount, 9000);
    }

    fn only_the_paying_device_of_an_open_member_pays_where_payments_are_taken(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut old = world.enrolled(0);
        let mut device = world.enrolled(0);
        let (_, payload) = shown(&world, 100);
        assert_eq!(told(&confirm(&world, &mut old, &payload)), "401 device_must_be_active");
        let member = world.members[0].0.to_string();
        world.order(Order::FreezeMember { member: member.clone() });
        assert_eq!(told(&confirm(&world, &mut device, &payload)), "409 member_must_be_open");
        world.order(Order::UnfreezeMember { member });
        let terminal = world.till.terminal.to_string();
        world.order(Order::SuspendTerminal { terminal: terminal.clone() });
        let closed = "503 shop_takes_no_payments";
        assert_eq!(told(&confirm(&world, &mut device, &payload)), closed);
        let mut register = world.register(&world.till);
        let refused = world.run(register.order(Uuid::now_v7(), 1)).expect_err("suspended");
        assert!(refused.to_string().contains("shop_takes_no_payments"), "{refused}");
        let itself = world.run(register.send("GET", "/v1/terminal", b"")).expect("it").json();
        let expected = (&json!(true), &json!(false), &json!("Asia/Tokyo"), &json!("demo"));
        let found =
            (&itself["suspended"], &itself["payments_closed"], &itself["zone"], &itself["book"]);
        assert_eq!(found, expected);
        world.order(Order::ResumeTerminal { terminal });
        let (capability, scope) = ("payment".to_owned(), "everything".to_owned());
        world.order(Order::CloseSwitch {
            capability: capability.clone(),
            scope: scope.clone(),
            subject: None,
            lapse_seconds: None,
        });
        assert_eq!(told(&confirm(&world, &mut device, &payload)), closed);
        world.order(Order::OpenSwitch { capability, scope, subject: None });
        assert_eq!(told(&confirm(&world, &mut device, &payload)), "200 succeeded");
    }

    fn an_order_that_cannot_be_paid_is_not_shown(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let good = json!({
            "request_id": Uuid::now_v7().to_string(), "amount": 5, "currency": "JPY",
            "valid_until": later(&world, 300_000),
        });
        for (name, value, expected) in [
            ("amount", json!(5), "200 ok"),
            ("amount", json!(0), "400 amount_must_be_in_range"),
            ("currency", json!("USD"), "400 currency_must_be_the_books"),
            ("valid_until", json!(later(&world, 300_001)), "400 valid_until_must_be_near"),
            ("valid_until", json!(later(&world, 0)), "409 order_is_over"),
            ("request_id", json!("7"), "400 field_must_be_valid"),
        ] {
            let mut body = good.clone();
            body[name] = value;
            let body = body.to_string();
            let answer = world.run(register.send("POST", "/v1/orders", body.as_bytes()));
            assert_eq!(told(&answer.expect("an answer")), expected, "{name}");
        }
    }

    fn movements_are_told_page_by_page_with_shop_and_state(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut device, mut register) = (world.enrolled(0), world.register(&world.till));
        let first = world.run(register.pay(&world.payment(0, 500))).expect("an outcome");
        let payment = first.payment.expect("it succeeded");
        world.run(register.refund(Uuid::now_v7(), &payment, 200)).expect("an outcome");
        let (mut kinds, mut before) = (Vec::new(), Value::Null);
        loop {
            let mut asked = json!({ "limit": 2 });
            if !before.is_null() {
                asked["before"] = before;
            }
            let page = post(&world, &mut device, "/v1/device/movements", &asked).json();
            for movement in page["movements"].as_array().expect("a list") {
                kinds.push(text(movement, "kind"));
                if movement["kind"] == "pay" {
                    assert_eq!(movement["payment"], payment.as_str());
                    let state = (&movement["status"], &movement["refunded"]);
                    assert_eq!(state, (&json!("paid"), &json!(200)));
                    assert_eq!(movement["merchant"], "Hinode");
                    assert_eq!(movement["place"], "Hinode-ku, Tokyo");
                }
            }
            before = page["before"].clone();
            if before.is_null() {
                break;
            }
        }
        assert_eq!(kinds, ["refund", "pay", "credit"]);
        for wrong in [json!({ "limit": 0 }), json!({ "limit": 201 }), json!({ "before": "x" })] {
            let answer = post(&world, &mut device, "/v1/device/movements", &wrong);
            assert_eq!(told(&answer), "400 field_must_be_valid", "{wrong}");
        }
    }

    fn the_longest_payload_fits_into_a_confirmation(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let body = json!({
            "request_id": Uuid::now_v7().to_string(), "payload": "あ".repeat(170) + "ab",
            "amount": 1_000_000_000, "currency": "JPY", "valid_until": later(&world, 0),
        });
        let answer = post(&world, &mut device, "/v1/device/payments", &body);
        assert_eq!(told(&answer), "400 payload_must_be_whole", "and not too large");
    }

    fn a_frame_is_read_for_devices_and_registers(db: &mut TestDatabase) {
        let world = World::new(db);
        let (mut device, mut register) = (world.enrolled(0), world.register(&world.till));
        let (_, payload) = shown(&world, 700);
        let (side, luma) = pixels_of(&payload);
        for (texts, about) in [
            (world.run(device.frame(&format!("/v1/device/frames/{side}/{side}"), &luma)), "device"),
            (world.run(register.frame(&format!("/v1/frames/{side}/{side}"), &luma)), "register"),
        ] {
            assert_eq!(texts.expect("an answer").json(), json!({ "texts": [payload] }), "{about}");
        }
        let blank = world.run(device.frame("/v1/device/frames/4/4", &[128; 16])).expect("it");
        assert_eq!(blank.json(), json!({ "texts": [] }));
        let wrong = world.run(device.frame("/v1/device/frames/5/4", &[128; 16])).expect("it");
        assert_eq!(told(&wrong), "400 frame_must_fit");
        let as_json = world.run(register.send("POST", "/v1/frames/1/2", b"{}")).expect("it");
        assert_eq!(told(&as_json), "415 content_type_must_be_octets");
        let (address, signed) = (world.running.registers, register.sign("POST", "/", b""));
        let head = format!(
            "POST /v1/frames/1280/960 HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signed}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            FRAME_BYTES_MAX + 1
        );
        let refusal = raw::refusal(&raw::exchange(address, head.as_bytes()));
        assert_eq!(refusal, "body_too_large", "said before a byte of it is read");
    }
}

on_both_storages! {
    fn a_forged_frame_takes_no_terminals_place(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        world.run(register.order(Uuid::now_v7(), 100)).expect("its connection is believed");
        let address = world.running.registers;
        // Signed for another body, and stalled after its first byte.
        let forged = register.sign("POST", "/v1/frames/4/4", b"");
        let head = format!(
            "POST /v1/frames/4/4 HTTP/1.1\r\nHost: {address}\r\nAuthorization: {forged}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: 16\r\n\r\nx"
        );
        let stalled: Vec<_> = (0..FRAMES_OF_STRANGERS_MAX)
            .map(|_| {
                let mut stream = raw::connect(address);
                stream.write_all(head.as_bytes()).expect("the server listens");
                stream
            })
            .collect();
        let places = &world.running.app.frame_places;
        while places.of_strangers(ListenerName::Registers) < FRAMES_OF_STRANGERS_MAX {
            std::thread::yield_now();
        }
        let refusal = raw::refusal(&raw::exchange(address, head.as_bytes()));
        assert_eq!(refusal, "busy", "strangers are in each other's way");
        let read = world.run(register.frame("/v1/frames/4/4", &[128; 16])).expect("an answer");
        assert_eq!(read.json(), json!({ "texts": [] }));
        drop(stalled);
    }
}

/// A QR as a camera sees it: the side in pixels, and the pixels.
fn pixels_of(text: &str) -> (usize, Vec<u8>) {
    let modules = yaoki_formats::qr_text::qr_modules(text).expect("short");
    let side = (modules.width() + 8) * 4;
    let mut luma = vec![220; side * side];
    for (y, row) in modules.rows().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            for line in 0..4 {
                let start = ((y + 4) * 4 + line) * side + (x + 4) * 4;
                luma[start..start + 4].fill(30);
            }
        }
    }
    (side, luma)
}
