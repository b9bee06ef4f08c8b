//! Every order: a payment with its own query, refund, capture, void and reverse, in one batch, in
//! every permutation, and cut into two batches at every place.

use yaoki_core::ids::{MemberNumber, RequestKey, TerminalNumber};
use yaoki_core::state::PaymentStatus;

use crate::script::request;
use crate::world::{BEGINNING, World};

const ONE: MemberNumber = MemberNumber(1);

fn permutations<'a>(steps: &[&'a str]) -> Vec<Vec<&'a str>> {
    let Some((&first, rest)) = steps.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, first);
            all.push(longer);
        }
    }
    all
}

/// Plays the steps in every order, one by one and as batches, and hands each end to `judge`.
fn in_every_order(given: &str, steps: &[&str], judge: impl Fn(&World, &str)) {
    let mut start = World::new();
    start.play(given);
    for order in permutations(steps) {
        let about = order.join("; ");
        let (commands, answers, one_by_one) = start.rehearse(&order);
        for cut in 0..commands.len() {
            let mut batched = start.clone();
            let mut together = batched.run(&commands[..cut]);
            together.extend(batched.run(&commands[cut..]));
            let say = |world: &World, all: &[_]| -> Vec<String> {
                all.iter().map(|answer| world.say(answer)).collect()
            };
            let expected = say(&one_by_one, &answers);
            assert_eq!(say(&batched, &together), expected, "{about}, cut at {cut}");
            batched.must_equal(&one_by_one, &about);
        }
        judge(&one_by_one, &about);
    }
}

#[test]
fn a_payment_and_its_query_refund_and_reverse_in_every_order() {
    let steps = ["pay a 1000 code x", "query a", "refund b a 300", "reverse r a"];
    in_every_order("show x", &steps, |world, about| {
        assert_eq!(world.members[&ONE].money, BEGINNING, "{about}");
        let said = world.clone().play("pay z 1 code x");
        let late = about.find("reverse") < about.find("pay");
        assert_eq!(said == "pay 1", late, "{about}: a code that paid never pays again");
    });
}

#[test]
fn a_payment_and_its_retries_in_every_order() {
    let pay = "pay a 1000 code x";
    let steps = [pay, pay, pay, "query a", "pay b 1000 code x"];
    in_every_order("show x", &steps, |world, about| {
        assert_eq!(world.members[&ONE].money, BEGINNING - 1000, "{about}");
    });
}

#[test]
fn a_stored_payment_and_what_settles_it_in_every_order() {
    let steps = ["refund b a 600", "refund c a 600", "reverse r a", "reverse s b", "query a"];
    in_every_order("pay a 1000", &steps, |world, about| {
        let member = &world.members[&ONE];
        assert!((BEGINNING - 400..=BEGINNING).contains(&member.money), "{about}");
    });
}

/// Exactly one: the capture stands, the hold is released, or nothing was ever authorized.
fn one_outcome(world: &World, about: &str) {
    let member = &world.members[&ONE];
    let refusal = |name| {
        let terminal = TerminalNumber(1);
        let key = RequestKey { request: request(name), terminal };
        world.operations[&key].refusal
    };
    let (captured, reversed) = (refusal("c") == 0, refusal("r") == 0);
    let held_or_money = (member.held, member.money);
    match world.states.values().next().map(|state| state.status) {
        Some(PaymentStatus::Captured) => {
            assert!(captured && !reversed, "{about}");
            assert_eq!(held_or_money, (0, BEGINNING - 400), "{about}");
        }
        Some(PaymentStatus::Reversed) | None => {
            assert!(reversed && !captured, "{about}");
            assert_eq!(held_or_money, (0, BEGINNING), "{about}");
        }
        Some(other) => panic!("{about} ends {other}"),
    }
}

#[test]
fn any_order_of_reverse_and_capture_ends_in_exactly_one_of_the_two() {
    in_every_order("authorize a 1000", &["capture c a 400", "reverse r a"], one_outcome);
    let steps = ["authorize a 1000 code x", "capture c a 400", "reverse r a", "query a"];
    in_every_order("show x", &steps, one_outcome);
}

#[test]
fn a_hold_is_closed_once_whatever_comes_first() {
    let steps = ["capture c a 400", "void v a", "reverse r a", "reverse s c", "expire a"];
    in_every_order("authorize a 1000", &steps, |world, about| {
        let member = &world.members[&ONE];
        assert_eq!(member.held, 0, "{about}");
        assert!([BEGINNING, BEGINNING - 400].contains(&member.money), "{about}");
    });
    in_every_order("authorize a 1000; wait 10m", &steps, |world, about| {
        let member = &world.members[&ONE];
        assert_eq!(member.money, BEGINNING, "{about}");
    });
}

#[test]
fn tombstones_and_reversals_of_reversals_in_every_order() {
    let steps = ["pay a 1000 code x", "reverse r a", "reverse s a", "reverse t r", "query r"];
    in_every_order("show x", &steps, |world, about| {
        assert_eq!(world.members[&ONE].money % 1000, 0, "{about}");
    });
}

#[test]
fn freezing_and_closing_fall_anywhere_between() {
    for act in ["freeze 1", "close 1", "suspend 1", "shut payment everything"] {
        for order in permutations(&["authorize a 1000 code x", "capture c a 400", "reverse r c"]) {
            for place in 0..=order.len() {
                let mut script = order.clone();
                script.insert(place, act);
                let mut world = World::new();
                world.play("show x");
                world.play(&script.join("; "));
            }
        }
    }
}
