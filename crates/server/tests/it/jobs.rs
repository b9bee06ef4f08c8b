//! What a server does by itself.

use std::time::Duration;

use uuid::Uuid;
use yaoki_server::client::RegisterClient;
use yaoki_server::jobs::checkpoint::checkpoint;
use yaoki_server::jobs::sweeper::sweep;
use yaoki_store::verify::anchor::{Anchor, parse_file};
use yaoki_store::{on_both_storages, read};

use crate::world::{MONEY, World};

on_both_storages! {
    fn the_sweeper_ends_holds_whose_time_is_over_and_nothing_else(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut register = world.register(&world.till);
        let paid = world.payment(0, 300);
        assert!(world.run(register.pay(&paid)).expect("an outcome").succeeded());
        let mut short = world.payment(1, 700);
        short.hold_seconds = Some(60);
        let held = world.run(register.pay(&short)).expect("an outcome").payment.expect("held");
        sweep(&world.running.app);
        assert_eq!(world.member(1).held, 700);
        world.clock.advance_ms(61_000);
        sweep(&world.running.app);
        sweep(&world.running.app);
        let member = world.member(1);
        assert_eq!((member.money, member.held), (MONEY, 0));
        assert_eq!(world.member(0).money, MONEY - 300);
        let life = world.run(register.payment(&held)).expect("its life");
        assert_eq!(life["status"], "expired");
        assert_eq!(life["operations"].as_array().map(Vec::len), Some(2));
    }

    fn checkpoints_are_signed_booked_and_anchored_in_order(db: &mut TestDatabase) {
        let world = World::with(db, 1, |options| {
            options.checkpoint_pause = Duration::from_hours(1);
            options.anchor_file = None;
        });
        let anchor = world.folder.join("anchors");
        let app = &world.running.app;
        let first = checkpoint(app, Some(&anchor)).expect("a checkpoint");
        let mut register = world.register(&world.till);
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("paid").succeeded());
        let second = checkpoint(app, Some(&anchor)).expect("a checkpoint");
        let text = std::fs::read_to_string(&anchor).expect("an anchor file");
        let anchors = parse_file(&text).expect("every line is an anchor");
        assert_eq!(anchors, [first, second]);
        assert!(anchors.iter().all(Anchor::signature_holds));
        let seq = |anchor: &Anchor| -> i64 { anchor.heads.iter().map(|(_, seq, _)| seq).sum() };
        assert!(seq(&anchors[0]) < seq(&anchors[1]));
        assert_eq!(anchors[0].public_key, app.keyring().file.checkpoint.public.public);
        let mut forged = anchors[0].clone();
        forged.heads[0].1 += 1;
        assert!(!forged.signature_holds());
    }

    fn a_payments_life_names_the_checkpoint_that_covers_it(db: &mut TestDatabase) {
        let hour = Duration::from_hours(1);
        let world = World::with(db, 1, |options| options.checkpoint_pause = hour);
        let app = &world.running.app;
        let mut register = world.register(&world.till);
        // After the one of the start, whenever that came.
        let first = checkpoint(app, None).expect("a checkpoint");
        let paid = world.run(register.pay(&world.payment(0, 100))).expect("an outcome");
        let payment = paid.payment.expect("it succeeded");
        let named = |register: &mut RegisterClient| {
            world.run(register.payment(&payment)).expect("its life")["checkpoint"].clone()
        };
        assert!(named(&mut register).is_null(), "{} came before it", first.short());
        let second = checkpoint(app, None).expect("a checkpoint");
        let short = named(&mut register);
        assert_eq!(short["digest"], second.short());
        assert_eq!(short["at"], yaoki_server::api::time::text(second.at));
        world.run(register.refund(Uuid::now_v7(), &payment, 40)).expect("an outcome");
        assert!(named(&mut register).is_null(), "its refund is in no checkpoint yet");
        let third = checkpoint(app, None).expect("a checkpoint");
        assert_eq!(named(&mut register)["digest"], third.short());
    }

    fn a_server_anchors_by_itself_and_its_clock_is_watched(db: &mut TestDatabase) {
        let mut world = World::new(db);
        let anchor = world.folder.join("anchors");
        let end = std::time::Duration::from_secs(10);
        let made = world.run(async {
            let wait = async {
                while !anchor.exists() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(end, wait).await
        });
        assert!(made.is_ok(), "the first checkpoint is made at the start");
        let ready = |world: &World| {
            let request = yaoki_server::client::http::Request {
                method: "GET",
                target: "/ready",
                headers: &[],
                body: b"",
            };
            let name = yaoki_server::edge::listener::ListenerName::Public;
            let answer = world.anonymous(name, &request);
            (answer.status, answer.json())
        };
        let (status, told) = ready(&world);
        assert_eq!((status, &told["ready"]), (200, &true.into()), "{told}");
        let lanes = world.book.read_and_wait(read::lanes).expect("lanes");
        assert_eq!(told["lanes"].as_u64(), u64::try_from(lanes.len()).ok());
        world.clock.advance_ms(-60_000);
        let (status, told) = ready(&world);
        assert_eq!((status, &told["clock"]), (503, &false.into()), "{told}");
        world.stop();
    }
}
