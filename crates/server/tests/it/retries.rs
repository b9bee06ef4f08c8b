//! Silence, retries and crowds: no request charges twice.

use std::sync::Arc;

use uuid::Uuid;
use yaoki_server::client::register::Known;
use yaoki_store::on_both_storages;

use crate::proxy::Proxy;
use crate::world::{MONEY, World};

/// Registers of the double-charge morning of December 2018.
const REGISTERS: usize = 24;
const TRIES: usize = 6;
const SEED: u64 = 20_181_204;

on_both_storages! {
    fn on_a_morning_of_lost_replies_each_customer_is_charged_once(db: &mut TestDatabase) {
        let world = World::with(db, REGISTERS, |_| {});
        let proxy = world.run(Proxy::start(world.running.registers, SEED));
        let registers: Vec<_> = (0..REGISTERS)
            .map(|place| {
                let mut register = yaoki_server::client::RegisterClient::new(
                    proxy.address,
                    world.till.clone(),
                    world.clock.as_clock(),
                );
                let payment = world.payment(place, 1000);
                async move {
                    let mut known = None;
                    for _ in 0..TRIES {
                        // The machine of that morning: the same request again, whatever was heard.
                        register.close();
                        known = register.pay(&payment).await.ok().or(known);
                    }
                    (payment, known)
                }
            })
            .collect();
        let heard = world.run(async {
            let running: Vec<_> = registers.into_iter().map(tokio::spawn).collect();
            let mut heard = Vec::new();
            for register in running {
                heard.push(register.await.expect("a register does not panic"));
            }
            heard
        });
        assert!(proxy.dropped() > REGISTERS, "the proxy dropped too little to prove anything");
        let mut direct = world.register(&world.till);
        for (place, (payment, known)) in heard.into_iter().enumerate() {
            let receipt = world.run(direct.query(payment.request_id)).expect("an answer");
            let left = world.member(place).money;
            match receipt {
                Some(receipt) => {
                    assert!(receipt.succeeded());
                    assert_eq!(left, MONEY - 1000, "member {place} is charged exactly once");
                    assert!(known.is_none_or(|known| known == receipt));
                }
                None => assert_eq!(left, MONEY, "no try of register {place} arrived"),
            }
        }
    }

    fn a_register_that_follows_its_payment_to_the_end_always_knows(db: &mut TestDatabase) {
        let world = World::with(db, 8, |_| {});
        let proxy = world.run(Proxy::start(world.running.registers, SEED + 1));
        for place in 0..8 {
            let mut register = yaoki_server::client::RegisterClient::new(
                proxy.address,
                world.till.clone(),
                world.clock.as_clock(),
            );
            register.query_pause = std::time::Duration::from_millis(1);
            register.queries_max = 2;
            let payment = world.payment(place, 1000);
            let known = world.run(register.pay_until_known(&payment, Uuid::now_v7()));
            let left = world.member(place).money;
            match known {
                Known::Outcome(receipt) => {
                    assert!(receipt.succeeded());
                    assert_eq!(left, MONEY - 1000);
                }
                Known::Reversed(receipt) => {
                    assert!(receipt.succeeded());
                    assert_eq!(left, MONEY);
                }
            }
        }
    }

    fn fifty_at_once_with_one_request_id_are_one_charge(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| options.limits.in_flight_per_terminal_max = 64);
        let payment = world.payment(0, 1000);
        let register = world.register(&world.till);
        let body: Arc<str> = register.payment_body(&payment).to_string().into();
        let answers = world.run(async {
            let tries: Vec<_> = (0..50)
                .map(|_| {
                    let (mut register, body) = (register.another(), Arc::clone(&body));
                    tokio::spawn(async move {
                        register.send("POST", "/v1/payments", body.as_bytes()).await
                    })
                })
                .collect();
            let mut answers = Vec::new();
            for one in tries {
                answers.push(one.await.expect("no panic").expect("an answer"));
            }
            answers
        });
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(world.member(0).money, MONEY - 1000);
    }

    fn a_request_id_with_another_members_code_charges_the_first_alone(db: &mut TestDatabase) {
        let world = World::new(db);
        let first = world.payment(0, 1000);
        let mut second = world.payment(1, 1000);
        second.request_id = first.request_id;
        let mut register = world.register(&world.till);
        world.run(register.pay(&first)).expect("an outcome");
        assert!(world.run(register.pay(&second)).is_err());
        assert_eq!((world.member(0).money, world.member(1).money), (MONEY - 1000, MONEY));
    }

    fn a_server_that_stops_answers_what_is_under_way(db: &mut TestDatabase) {
        let mut world = World::with(db, 4, |_| {});
        let register = world.register(&world.till);
        let payments: Vec<_> = (0..4).map(|place| world.payment(place, 1000)).collect();
        let held = db.hold_lanes(&world.book, "node");
        let running = payments.iter().map(|payment| {
            let (mut register, payment) = (register.another(), payment.clone());
            async move { register.pay(&payment).await }
        });
        let running: Vec<_> = running.map(|work| world.spawn(work)).collect();
        while world.book.health().queued < 4 {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        let registers = world.running.registers;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // It has begun to stop when it takes no more connections.
                while std::net::TcpStream::connect(registers).is_ok() {
                    std::thread::park_timeout(std::time::Duration::from_millis(1));
                }
                held.release();
            });
            world.stop();
        });
        for (place, one) in running.into_iter().enumerate() {
            let receipt = world.run(one).expect("no panic").expect("it is answered");
            assert!(receipt.succeeded(), "{receipt:?}");
            assert_eq!(world.member(place).money, MONEY - 1000);
        }
    }
}
