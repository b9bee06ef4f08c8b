//! Two nodes that do at once what must happen once: PostgreSQL only, because an SQLite file belongs
//! to one process. See `lanes` for the races of one request id.

use std::sync::Arc;

use yaoki_core::command::{Act, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::{Effect, OperationKind};
use yaoki_core::ids::MemberNumber;
use yaoki_core::refusal::Refusal;
use yaoki_store::Answer;
use yaoki_store::testing::TestBook;

use crate::lanes::two_nodes::nodes;
use crate::verify::must_be_clean;

const MEMBER: MemberNumber = MemberNumber(1);
const ROUNDS: i64 = 20;

/// Gives each node its command at the same time; their answers.
pub(crate) fn at_once(
    one: (&Arc<TestBook>, Command),
    two: (&Arc<TestBook>, Command),
) -> [Answer; 2] {
    std::thread::scope(|scope| {
        let running = [one, two].map(|(node, command)| scope.spawn(move || node.submit(command)));
        running.map(|one| one.join().expect("it ends"))
    })
}

/// The refusal of a decided request, 0 where it succeeded.
fn refusal(answer: &Answer) -> i64 {
    match answer {
        Answer::Decided(Outcome::Decided { operation, .. }) => operation.refusal,
        other => panic!("not decided: {other:?}"),
    }
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_reverse_and_a_capture_on_two_nodes_end_in_exactly_one_of_the_two() {
    let Some((database, one, two)) = nodes("capture_race") else { return };
    for round in 0..ROUNDS {
        let member = MemberNumber(1 + round % 8);
        let before = one.member(member).money;
        let held = one.pay(one.ask(1, 1), &one.code(member), 100, Some(600));
        let held = one.operation(held);
        let capture = one.settle(one.ask(1, 2), OperationKind::Capture, held.id, 60);
        let reverse = two.reverse(two.ask(1, 3), held.request_id);
        let ended = at_once((&one, capture), (&two, reverse));
        let member = one.member(member);
        assert_eq!(member.held, 0, "round {round}");
        match [refusal(&ended[0]), refusal(&ended[1])] {
            [0, reversed] => {
                assert_eq!(reversed, Refusal::AlreadyCaptured.number(), "round {round}");
                assert_eq!(member.money, before - 60, "round {round}");
            }
            [_, reversed] => {
                assert_eq!(reversed, 0, "round {round}");
                assert_eq!(member.money, before, "round {round}");
                let Answer::Decided(Outcome::Decided { operation, .. }) = &ended[1] else {
                    panic!("{ended:?}")
                };
                assert_eq!(operation.effect, Effect::Released, "round {round}");
            }
        }
    }
    closed_and_clean(&database, one, two);
}

pub(crate) fn closed_and_clean(
    database: &yaoki_store::testing::TestDatabase,
    one: Arc<TestBook>,
    two: Arc<TestBook>,
) {
    drop((one, two));
    must_be_clean(database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn two_nodes_that_refund_one_payment_give_back_no_more_than_was_paid() {
    let Some((database, one, two)) = nodes("refund_race") else { return };
    for round in 0..ROUNDS {
        let member = MemberNumber(1 + round % 8);
        let before = one.member(member).money;
        let paid = one.paid(member, 1, 100);
        let refund =
            |node: &TestBook| node.settle(node.ask(1, 2), OperationKind::Refund, paid.id, 70);
        let ended = at_once((&one, refund(&one)), (&two, refund(&two)));
        let succeeded = ended.iter().filter(|answer| refusal(answer) == 0);
        assert_eq!(succeeded.count(), 1, "round {round}: {ended:?}");
        assert_eq!(one.member(member).money, before - 30, "round {round}");
    }
    closed_and_clean(&database, one, two);
}

// one storage: two nodes need PostgreSQL
#[test]
fn one_code_that_two_nodes_take_at_once_pays_once() {
    let Some((database, one, two)) = nodes("code_race") else { return };
    for round in 0..ROUNDS {
        let member = MemberNumber(1 + round % 8);
        let (before, code) = (one.member(member).money, one.code(member));
        let pay = |node: &TestBook, till| node.pay(node.ask(till, 1), &code, 10, None);
        let ended = at_once((&one, pay(&one, 1)), (&two, pay(&two, 3)));
        let succeeded = ended.iter().filter(|answer| refusal(answer) == 0);
        assert_eq!(succeeded.count(), 1, "round {round}: {ended:?}");
        assert_eq!(one.member(member).money, before - 10, "round {round}");
    }
    closed_and_clean(&database, one, two);
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_link_that_two_devices_redeem_on_two_nodes_enrols_one_of_them() {
    let Some((database, one, two)) = nodes("link_race") else { return };
    for round in 0..40_u8 {
        let link = [100 + round; 32];
        one.administer(Act::CreateLink(MEMBER, link, one.clock.now().plus_ms(60_000)));
        let enrol = |node: &TestBook, key: u8| {
            node.act(Act::EnrolDevice { link, public_key: [key; 65], secret: [key; 32] })
        };
        let ended = at_once((&one, enrol(&one, 4)), (&two, enrol(&two, 5)));
        let done: Vec<_> = ended
            .iter()
            .filter_map(|answer| match answer {
                Answer::Decided(Outcome::Done { event, .. }) => Some(event.subject),
                Answer::Refused(_) => None,
                other => panic!("round {round}: {other:?}"),
            })
            .collect();
        assert_eq!(done.len(), 1, "round {round}: {ended:?}");
    }
    closed_and_clean(&database, one, two);
}

// one storage: two nodes need PostgreSQL
#[test]
fn an_operators_order_that_two_nodes_hear_is_carried_out_once() {
    let Some((database, one, two)) = nodes("order_race") else { return };
    let mut last = 0;
    for round in 0..ROUNDS {
        let order = one.act(Act::CreateMember);
        let ended = at_once((&one, order.clone()), (&two, order));
        let members = ended.each_ref().map(|answer| match answer {
            Answer::Decided(Outcome::Done { event, .. }) => event.subject,
            other => panic!("round {round}: {other:?}"),
        });
        assert_eq!(members[0], members[1], "round {round}");
        assert!(last == 0 || members[0] == last + 1, "round {round}: {members:?} after {last}");
        last = members[0];
    }
    closed_and_clean(&database, one, two);
}
