//! What one side, terminal or device takes is taken from no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use uuid::Uuid;
use yaoki_core::ids::TerminalNumber;
use yaoki_server::admin::Order;
use yaoki_server::client::RegisterClient;
use yaoki_server::client::http::Request;
use yaoki_server::client::register::Receipt;
use yaoki_server::edge::deadline::Deadline;
use yaoki_server::edge::fruitless::{BURST, EACH_MS, Fruitless};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::reads::Side;
use yaoki_store::on_both_storages;

use crate::raw;
use crate::world::{World, told};

/// Keeps one reader busy for a side until the sender is dropped.
fn occupy(world: &World, side: Side) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (taking, taken) = channel::<()>();
    let app = world.running.app.clone();
    world.spawn(async move {
        let work = move |_: &mut yaoki_store::Conn| {
            taking.send(()).expect("the test waits");
            // Ends when the test drops the other end.
            let _ = released.recv();
            Ok(())
        };
        app.read(side, app.deadline(), work).await.map(drop)
    });
    taken.recv().expect("a reader takes it");
    release
}

fn ready(world: &World) -> u16 {
    let request = Request { method: "GET", target: "/ready", headers: &[], body: b"" };
    world.anonymous(ListenerName::Public, &request).status
}

/// Counts for the first till as many requests in vain.
fn wear_out(world: &World, kind: Fruitless, count: i64) {
    let terminal = TerminalNumber(i64::try_from(world.till.terminal).expect("small"));
    for _ in 0..count {
        world.running.app.fruitless.note(terminal, kind, world.clock.now());
    }
}

on_both_storages! {
    fn registers_that_look_for_ever_keep_no_device_from_its_code(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let held = occupy(&world, Side::Registers);
        let app = world.running.app.clone();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let app = app.clone();
                let look =
                    async move { app.read(Side::Registers, app.deadline(), |_| Ok(())).await };
                world.spawn(look)
            })
            .collect();
        assert!(world.run(device.code(false)).is_ok());
        assert!(world.run(device.wallet()).is_ok());
        assert_eq!(ready(&world), 200);
        drop(held);
        for one in waiting {
            assert!(world.run(one).expect("no panic").is_ok(), "each had its turn in the end");
        }
    }

    fn devices_that_look_for_ever_keep_no_register_from_its_list(db: &mut TestDatabase) {
        let world = World::new(db);
        let held = occupy(&world, Side::Devices);
        let mut register = world.register(&world.till);
        assert!(world.run(register.recent(5, false)).is_ok());
        assert_eq!(ready(&world), 200);
        drop(held);
    }

    fn a_read_whose_deadline_passes_in_line_is_never_run(db: &mut TestDatabase) {
        let world = World::new(db);
        let held = occupy(&world, Side::Devices);
        let (app, runs) = (world.running.app.clone(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&runs);
        let late = Deadline::after(0, world.clock.now());
        let work = move |_: &mut yaoki_store::Conn| Ok(counter.fetch_add(1, Ordering::SeqCst));
        let refused = world.run(app.read(Side::Devices, late, work)).expect_err("it is late");
        assert_eq!(refused.status(), 504);
        drop(held);
        world.run(app.read(Side::Devices, app.deadline(), |_| Ok(()))).expect("the line goes on");
        assert_eq!(runs.load(Ordering::SeqCst), 0);
    }

    fn a_terminal_looks_at_two_things_at_once_and_pays_all_the_same(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let paid = world.run(register.pay(&world.payment(0, 100))).expect("an outcome");
        let payment = format!("/v1/payments/{}", paid.payment.expect("it succeeded"));
        let terminal = i64::try_from(world.till.terminal).expect("small");
        let app = world.running.app.clone();
        let looks: Vec<_> = std::iter::from_fn(|| app.looks.start(terminal)).collect();
        assert_eq!(looks.len(), 2);
        for target in ["/v1/payments", payment.as_str()] {
            let refused = world.run(register.send("GET", target, b"")).expect("an answer");
            assert_eq!(told(&refused), "429 too_many_in_flight");
            assert_eq!(refused.header("retry-after"), Some("1"));
        }
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("an outcome").succeeded());
        let mut neighbour = world.register(&world.other_till);
        assert!(world.run(neighbour.recent(5, false)).is_ok());
        drop(looks);
        assert!(world.run(register.recent(5, false)).is_ok());
    }

    fn connections_that_only_stay_open_hold_no_newcomer_out(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| options.registers.connections_max = 3);
        let address = world.running.registers;
        let mut friend = world.register(&world.till);
        assert!(world.run(friend.pay(&world.payment(0, 100))).expect("an outcome").succeeded());
        let mut silent: Vec<_> = (0..10).map(|_| raw::connect(address)).collect();
        let mut newcomer = world.register(&world.other_till);
        assert!(world.run(newcomer.pay(&world.payment(0, 100))).expect("an outcome").succeeded());
        assert!(world.run(friend.recent(5, false)).is_ok(), "its connection was never closed");
        assert_eq!(raw::read_answer(&mut silent[0]), "", "the oldest stranger made room");
    }

    fn a_key_that_was_ended_keeps_no_connection_and_holds_nobody_out(db: &mut TestDatabase) {
        let world = World::with(db, 2, |options| {
            options.registers.connections_max = 3;
            options.devices.connections_max = 3;
        });
        let terminal = world.till.terminal.to_string();
        world.order(Order::RotateTerminalKey { terminal, keep_seconds: 0 });
        let mut thief = world.enrolled(0);
        let device = identifier::text(Kind::Device, world.member(0).device.0);
        world.order(Order::EndDevice { device });
        let mut tills: Vec<_> = (0..5).map(|_| world.register(&world.till)).collect();
        for till in &mut tills {
            let refused = world.run(till.send("GET", "/v1/payments", b"")).expect("an answer");
            assert_eq!(told(&refused), "401 terminal_key_must_be_current");
        }
        let mut newcomer = world.register(&world.other_till);
        assert!(world.run(newcomer.pay(&world.payment(1, 100))).expect("an outcome").succeeded());
        let refused = world.run(thief.post("/v1/device/code", b"{}")).expect("an answer");
        assert_eq!(told(&refused), "401 device_must_be_active");
        let _silent: Vec<_> = (0..3).map(|_| raw::connect(world.running.devices)).collect();
        let mut member = world.enrolled(1);
        assert!(world.run(member.code(false)).is_ok());
        let evicted = world.run(thief.post_once("/v1/device/code", b"{}"));
        assert!(evicted.is_err(), "it was the oldest that nobody believed");
    }

    fn declines_without_end_are_told_to_wait_and_stop_no_reversal(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        wear_out(&world, Fruitless::Payment, BURST - 1);
        let dear = world.payment(0, 900_000_000);
        let declined = world.run(register.pay(&dear)).expect("an outcome");
        assert!(!declined.succeeded(), "it was the last that is recorded");
        let before = world.size();
        let paid = world.payment(0, 100);
        let body = register.payment_body(&paid).to_string();
        let refused = world.run(register.send("POST", "/v1/payments", body.as_bytes()));
        let refused = refused.expect("an answer");
        assert_eq!(told(&refused), "429 too_many_without_effect");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(world.size(), before, "nothing was recorded");
        let mut neighbour = world.register(&world.other_till);
        assert!(world.run(neighbour.pay(&world.payment(0, 100))).expect("an outcome").succeeded());
        assert!(world.run(register.recent(5, false)).is_ok());
        let undone = world.run(register.reverse(Uuid::now_v7(), paid.request_id));
        assert!(undone.expect("an outcome").succeeded(), "the way out is open");
        world.clock.advance_ms(EACH_MS);
        let dear = world.payment(0, 900_000_000);
        assert!(!world.run(register.pay(&dear)).expect("a second one waits").succeeded());
    }

    fn a_terminal_with_much_in_vain_refunds_captures_voids_and_reverses(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let pay = |register: &mut RegisterClient, hold_seconds| {
            let mut payment = world.payment(0, 300);
            payment.hold_seconds = hold_seconds;
            let receipt = world.run(register.pay(&payment)).expect("an outcome");
            (payment.request_id, receipt.payment.expect("it succeeded"))
        };
        let (_, refunded) = pay(&mut register, None);
        let (request, _) = pay(&mut register, None);
        let [captured, voided] = [(); 2].map(|()| pay(&mut register, Some(600)).1);
        for kind in [Fruitless::Payment, Fruitless::Reversal, Fruitless::Settlement] {
            wear_out(&world, kind, BURST);
        }
        let id = Uuid::now_v7;
        let refund = world.run(register.refund(id(), &refunded, 100)).expect("an outcome");
        let capture = world.run(register.capture(id(), &captured, 100)).expect("an outcome");
        let void = world.run(register.void(id(), &voided)).expect("an outcome");
        assert!([refund, capture, void].iter().all(Receipt::succeeded));
        let too_much = world.run(register.refund(id(), &refunded, 900)).expect("an outcome");
        assert_eq!(too_much.refusal_name(), "refund_exceeds_payment", "each has its answer");
        let reversal = id();
        let reversed = world.run(register.reverse(reversal, request)).expect("an outcome");
        assert_eq!(reversed.effect.as_deref(), Some("gave_back"));
        assert!(world.run(register.reverse(reversal, request)).expect("again").succeeded());
        let before = world.size();
        let [request_id, target_request_id] = [(); 2].map(|()| id().to_string());
        let body = serde_json::json!({
            "request_id": request_id, "target_request_id": target_request_id,
        });
        let body = body.to_string();
        let refused = world.run(register.send("POST", "/v1/reversals", body.as_bytes()));
        let refused = refused.expect("an answer");
        assert_eq!(told(&refused), "429 too_many_without_effect", "nothing of it ever arrived");
        assert_eq!(world.size(), before, "nothing was recorded");
        world.clock.advance_ms(EACH_MS);
        let buried = world.run(register.reverse(id(), id())).expect("it only had to wait");
        assert_eq!(buried.effect.as_deref(), Some("never_seen"));
    }

    fn strangers_on_the_devices_listener_wait_for_strangers_and_members_do_not(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let mut device = world.enrolled(0);
        let app = world.running.app.clone();
        let strangers: Vec<_> =
            std::iter::from_fn(|| app.stranger(ListenerName::Devices).ok()).collect();
        assert_eq!(strangers.len(), app.limits.strangers_in_flight_max);
        let nonce =
            Request { method: "GET", target: "/v1/device/nonce", headers: &[], body: b"" };
        let mut newcomer = world.device();
        let link = world.link(&world.members[0].0.to_string());
        let body = serde_json::json!({ "link_token": link }).to_string();
        let enrol = world.run(newcomer.post("/v1/device/enrol", body.as_bytes()));
        for answer in [world.anonymous(ListenerName::Devices, &nonce), enrol.expect("an answer")] {
            assert_eq!(told(&answer), "503 busy");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        assert!(world.run(device.code(false)).is_ok());
        let token = format!("DPoP {}", device.token().expect("it is enrolled"));
        let headers = [("Authorization", token.as_str())];
        let own = Request { headers: &headers, ..nonce };
        assert_eq!(world.anonymous(ListenerName::Devices, &own).status, 200);
        drop(strangers);
        assert!(world.run(newcomer.enrol(&link)).is_ok(), "the link was not used up");
    }

    fn whoever_asks_for_the_api_document_waits_for_others_who_do_and_health_does_not(
        db: &mut TestDatabase
    ) {
        let world = World::new(db);
        let get = |target| Request { method: "GET", target, headers: &[], body: b"" };
        let app = world.running.app.clone();
        let strangers: Vec<_> =
            std::iter::from_fn(|| app.stranger(ListenerName::Public).ok()).collect();
        let document = || world.anonymous(ListenerName::Public, &get("/openapi.json"));
        assert_eq!(told(&document()), "503 busy");
        assert_eq!(ready(&world), 200);
        assert_eq!(world.anonymous(ListenerName::Devices, &get("/v1/device/nonce")).status, 200);
        drop(strangers);
        assert_eq!(document().status, 200);
    }
}
