//! Slow heads, slow bodies and silent connections are cut, while payments go on. And a terminal
//! that presents forged codes is slowed, alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use yaoki_core::ids::TerminalNumber;
use yaoki_server::edge::pace::FORGED_MAX;
use yaoki_store::on_both_storages;

use crate::raw;
use crate::world::{MONEY, World, told};

const ATTACKERS: usize = 30;

/// Waits until the server has closed every stream; what it said before is of no interest.
fn closed_within(streams: &mut [TcpStream], seconds: u64) -> bool {
    let end = now() + Duration::from_secs(seconds);
    streams.iter_mut().all(|stream| {
        let left = end.saturating_duration_since(now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).expect("a time");
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).is_ok()
    })
}

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what is tested")]
fn now() -> Instant {
    Instant::now()
}

/// How many requests of the public listener were answered.
fn answered(world: &World) -> usize {
    let metrics = world.running.app.metrics.render(&world.book);
    let of_public = |line: &&str| {
        line.starts_with("yaoki_requests_total{") && line.contains("endpoint=\"public\"")
    };
    let counts = metrics.lines().filter(of_public);
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

on_both_storages! {
    fn answers_that_nobody_reads_are_not_made(db: &mut TestDatabase) {
        const ASKED: usize = 2_000;
        let world = World::new(db);
        let mut stream = raw::connect(world.running.public);
        let requests = "GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n".repeat(ASKED);
        stream.write_all(requests.as_bytes()).expect("the system keeps it");
        let (mut count, mut rounds) = (0, 0);
        while rounds < 5 {
            world.run(async { tokio::time::sleep(Duration::from_millis(100)).await });
            let now = answered(&world);
            rounds = if now == count && now > 0 { rounds + 1 } else { 0 };
            count = now;
        }
        assert!(count < ASKED / 4, "{count} answers lie in memory");
        let mut register = world.register(&world.till);
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("an outcome").succeeded());
        drop(stream);
    }

    fn slow_and_silent_connections_are_cut_while_payments_go_on(db: &mut TestDatabase) {
        let world = World::new(db);
        let address = world.running.registers;
        let open = |bytes: &[u8]| -> Vec<TcpStream> {
            (0..ATTACKERS)
                .map(|_| {
                    let mut stream = raw::connect(address);
                    stream.write_all(bytes).expect("the server listens");
                    stream
                })
                .collect()
        };
        let _silent = open(b"");
        let mut heads = open(b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        let signed = world.register(&world.till).sign("POST", "/v1/payments", b"");
        // One terminal's own slow bodies fill no other's places: those are counted after the body.
        let mut bodies = open(
            format!(
                "POST /v1/payments HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signed}\r\n\
                 Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
            )
            .as_bytes(),
        );
        let mut register = world.register(&world.till);
        for count in 1..=10 {
            for stream in &mut heads {
                stream.write_all(b"x").expect("still within its time");
            }
            let began = now();
            let receipt = world.run(register.pay(&world.payment(0, 100))).expect("an outcome");
            assert!(receipt.succeeded());
            assert!(began.elapsed() < Duration::from_secs(1), "a payment is not held up");
            assert_eq!(world.member(0).money, MONEY - 100 * count);
        }
        assert!(closed_within(&mut heads, 9), "slow heads are cut after five seconds");
        assert!(closed_within(&mut bodies, 15), "slow bodies are cut after ten seconds");
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("paid").succeeded());
    }

    fn after_sixty_forged_codes_a_terminal_waits_and_is_not_suspended(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        for _ in 0..60 {
            let mut payment = world.payment(0, 1);
            payment.code = world.forged_code(0);
            let receipt = world.run(register.pay(&payment)).expect("an outcome");
            assert_eq!(receipt.refusal_name(), "code_not_valid");
        }
        let mut pay = |what: &str| {
            let began = now();
            let receipt = world.run(register.pay(&world.payment(0, 100))).expect("an outcome");
            assert!(receipt.succeeded(), "{what}: an honest customer still pays");
            began.elapsed()
        };
        assert!(pay("first") < Duration::from_secs(1));
        assert!(pay("second") >= Duration::from_millis(1900), "one every two seconds");
        let mut neighbour = world.register(&world.other_till);
        let began = now();
        assert!(world.run(neighbour.pay(&world.payment(1, 100))).expect("paid").succeeded());
        assert!(world.run(register.recent(5, false)).is_ok(), "looking is not paced");
        assert!(began.elapsed() < Duration::from_secs(1), "nobody else waits");
    }

    fn a_paced_payment_has_one_deadline_from_when_it_was_received(db: &mut TestDatabase) {
        let world = World::new(db);
        let (app, terminal) = (world.running.app.clone(), world.till.terminal);
        let terminal = TerminalNumber(i64::try_from(terminal).expect("small"));
        for _ in 0..FORGED_MAX {
            app.pace.forged(terminal, world.clock.now());
        }
        // Two turns are taken, so the payment waits for the third: 4 s of its 5.
        for _ in 0..2 {
            app.pace.turn(terminal, world.clock.now(), 4000).expect("a turn");
        }
        let mut register = world.register(&world.till);
        let body = register.payment_body(&world.payment(0, 100)).to_string();
        let paid = world.spawn(async move {
            register.send("POST", "/v1/payments", body.as_bytes()).await.expect("an answer")
        });
        while app.flights.count(terminal.0) == 0 {
            std::thread::yield_now();
        }
        // By the book's clock the deadline passes while the payment waits.
        world.clock.advance_ms(app.limits.deadline_ms + 1);
        let answer = world.run(paid).expect("no panic");
        assert_eq!(told(&answer), "504 deadline_passed");
        assert_eq!(world.member(0).money, MONEY, "it was never run");
    }

    fn a_used_a_stale_and_a_mistyped_code_are_not_counted_as_forged(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let mut stale = world.payment(0, 1);
        world.clock.advance_ms(5 * 60_000);
        let mut mistyped = world.payment(0, 1);
        mistyped.code.replace_range(10..11, "x");
        for count in 0..70 {
            let payment = if count % 2 == 0 { &mut stale } else { &mut mistyped };
            payment.request_id = uuid::Uuid::now_v7();
            let receipt = world.run(register.pay(payment)).expect("an outcome");
            assert_eq!(receipt.refusal_name(), "code_not_valid");
        }
        let began = now();
        for _ in 0..3 {
            assert!(world.run(register.pay(&world.payment(0, 100))).expect("paid").succeeded());
        }
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
