//! Money comes back whatever is closed: query, reverse, void, capture of a hold and refund go
//! through under every switch, freeze and suspension; paying and authorizing do not.

use yaoki_core::switches::{Capability, Scope};

use crate::world::{BEGINNING, World};

/// Everything that can stand in the way, and whether it stops paying.
fn obstacles() -> Vec<(String, bool)> {
    let mut all = vec![
        ("freeze 1".to_owned(), true),
        ("close 1".to_owned(), true),
        ("suspend 1".to_owned(), true),
        ("end 1".to_owned(), true),
    ];
    let mut everything = Vec::new();
    for capability in Capability::ALL {
        for scope in capability.scopes() {
            let subject = i64::from(*scope != Scope::Everything);
            let shut = format!("shut {capability} {scope} {subject}");
            everything.push(shut.clone());
            all.push((shut, *capability == Capability::Payment));
        }
    }
    let everything = everything.join("; ");
    all.push((format!("{everything}; freeze 1; suspend 1; end 1"), true));
    all
}

/// What must go through, each step after the others, and what it says.
const BACK: [(&str, &str); 12] = [
    ("query a", "again pay 1000"),
    ("capture c h 300", "capture 300"),
    ("void w v", "void 500"),
    ("refund f a 400", "refund 400"),
    ("refund g c2 100", "refund 100"),
    ("reverse r a", "reverse 600 gave_back"),
    ("reverse s c", "reverse 300 gave_back"),
    ("reverse t h2", "reverse 500 released"),
    ("reverse u unseen", "reverse 0 never_seen"),
    ("query o", "again pay 200"),
    ("refund i o 50", "refund 50"),
    ("reverse n o", "reverse 150 gave_back"),
];

/// Every kind of payment there is to settle.
const GIVEN: &str = "pay a 1000; authorize h 500; authorize h2 500; authorize v 500; \
                     pay c2 100; confirm o 200; ack a";

fn to_suspense(expected: &str) -> String {
    match expected.strip_suffix(" gave_back") {
        Some(reverse) => format!("{reverse} to_suspense"),
        None if expected.starts_with("refund") => format!("{expected} to_suspense"),
        None => expected.to_owned(),
    }
}

#[test]
fn money_comes_back_under_every_switch_freeze_and_suspension() {
    for (obstacle, _) in obstacles() {
        let mut world = World::new();
        world.play(&format!("{GIVEN}; {obstacle}"));
        for (step, expected) in BACK {
            let closed = obstacle == "close 1";
            let expected = if closed { to_suspense(expected) } else { expected.to_owned() };
            assert_eq!(world.play(step), expected, "{step} under: {obstacle}");
        }
        world.play("wait 10m");
        let member = world.members.values().next().unwrap();
        assert_eq!(member.held, 0, "{obstacle}");
        let back = if obstacle == "close 1" { BEGINNING - 1600 } else { BEGINNING };
        assert_eq!(member.money, back, "{obstacle}");
    }
}

#[test]
fn paying_and_authorizing_do_not_go_through_where_they_are_stopped() {
    for (obstacle, stops) in obstacles() {
        for step in ["pay p 10 code x", "authorize p 10 code x", "confirm p 10"] {
            let mut world = World::new();
            world.play(&format!("{GIVEN}; show x; {obstacle}"));
            let said = world.play(step);
            let stopped = said.starts_with("declined") || said.starts_with("refused");
            assert_eq!(stopped, stops, "{step} under {obstacle}: {said}");
        }
    }
}

#[test]
fn each_goes_through_alone_and_first() {
    for (obstacle, _) in obstacles().into_iter().filter(|(obstacle, _)| obstacle != "close 1") {
        for step in ["capture c h 500", "void w h", "reverse r h", "refund f a 1000", "reverse r a"]
        {
            let mut world = World::new();
            world.play(&format!("{GIVEN}; {obstacle}"));
            let said = world.play(step);
            assert!(!said.contains("declined") && !said.contains("refused"), "{step}: {said}");
        }
    }
}

#[test]
fn a_hold_lapses_under_every_switch_freeze_and_suspension() {
    for (obstacle, _) in obstacles() {
        let mut world = World::new();
        world.play(&format!("{GIVEN}; {obstacle}; wait 10m"));
        assert_eq!(world.play("expire h"), "expire 500", "{obstacle}");
    }
}

#[test]
fn a_suspended_terminal_settles_its_own_requests_and_no_others() {
    let own = "declined payment_must_be_the_terminals_own";
    for step in ["capture c h 500 @2", "void w h @2", "refund f a 1 @2"] {
        let mut world = World::new();
        world.play(&format!("{GIVEN}; suspend 2"));
        assert_eq!(world.play(step), own, "{step}");
    }
}
