//! A dry run over a real book: what is in force finds nothing, and what is stricter finds what it
//! should, in whatever book.

use yaoki_core::command::Act;
use yaoki_core::decide::replay::KINDS;
use yaoki_core::ids::MemberNumber;
use yaoki_core::policy::rule::{Good, Goods};
use yaoki_core::policy::{DEFAULT, Policy};
use yaoki_core::time::{DAY_MS, MINUTE_MS};
use yaoki_store::read::dry_run::{MostOf, dry_run};
use yaoki_store::testing::TestBook;
use yaoki_store::{on_both_storages, sql};

const ONE: MemberNumber = MemberNumber(1);
const TWO: MemberNumber = MemberNumber(2);
const MOST: MostOf = MostOf::ALL;

/// The default, and a rule that comes first.
fn with(rule: &str) -> String {
    let (limits, rules) = DEFAULT.split_once("[[rule]]").expect("it has rules");
    format!("{limits}[[rule]]\n{rule}\n[[rule]]{rules}")
}

const TICKETS: &str = "name = \"tickets\"\non = \"payment\"\ngoods = [\"ticket\"]\n\
                       amount_over = 500\nthen = \"decline\"";

on_both_storages! {
    fn what_another_rule_would_have_stopped_is_found_and_what_is_in_force_finds_nothing(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 2);
        book.clock.advance_ms(5 * DAY_MS);
        let since = book.clock.now();
        for (member, amount, goods) in [
            (ONE, 400, vec![Good::Ticket]),
            (ONE, 600, vec![Good::Ticket, Good::Stamps]),
            (TWO, 700, vec![Good::Ticket]),
            (TWO, 800, vec![]),
        ] {
            let (ask, code) = (book.ask(1, 1), book.code(member));
            let pay = book.pay_for(ask, &code, (amount, Goods::of(goods)), None);
            assert!(book.operation(pay).succeeded());
            book.clock.advance_ms(MINUTE_MS);
        }
        let run = |text: String, since, most: MostOf| {
            let policy = Policy::read(&text).expect("it is right");
            book.book.read_and_wait(move |conn| dry_run(conn, policy, since, most)).unwrap()
        };
        let found = run(DEFAULT.to_owned(), since, MOST).found;
        assert_eq!((found.judged.count, found.judged.members), (4, 2));
        assert_eq!((found.stopped.count, found.asked.count, found.let_through.count), (0, 0, 0));
        let found = run(with(TICKETS), since, MOST).found;
        let stopped = found.stopped;
        assert_eq!((stopped.count, stopped.amount, stopped.members), (2, 1_300, 2));
        assert_eq!(found.by["tickets"].count, 2);
        assert_eq!(found.bothered.len(), 2);
        // Of very many the newest are judged, and it is said since when.
        let cut = run(with(TICKETS), since, MostOf { operations: 2, ..MOST });
        assert!(cut.cut && cut.since > since);
        assert_eq!(cut.found.judged.count, 1);
        assert!(run(with(TICKETS), since, MostOf { members: 1, ..MOST }).cut);
        let later = run(with(TICKETS), book.clock.now(), MOST);
        assert_eq!((later.found.judged.count, later.cut), (0, false));
    }

    fn the_rules_that_a_book_has_now_find_what_those_before_let_through(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        book.clock.advance_ms(5 * DAY_MS);
        let since = book.clock.now();
        book.paid(ONE, 1, 5_000);
        book.administer(Act::ChangePolicy(with(
            "name = \"all\"\non = \"payment\"\nthen = \"decline\"",
        )));
        let declined = book.operation(book.pay(book.ask(1, 1), &book.code(ONE), 100, None));
        assert!(!declined.succeeded());
        let run = |text: String| {
            let policy = Policy::read(&text).expect("it is right");
            book.book.read_and_wait(move |conn| dry_run(conn, policy, since, MOST)).unwrap().found
        };
        let before = run(DEFAULT.to_owned());
        assert_eq!((before.let_through.count, before.let_through.amount), (1, 100));
        let ask = "name = \"asks\"\non = \"payment\"\namount_over = 1000\nthen = \"ask\"";
        assert_eq!(run(with(ask)).asked.amount, 5_000);
    }
}

// one storage: it reads a statement, and no book.
#[test]
fn the_events_that_a_dry_run_reads_are_those_that_it_folds() {
    let mut codes: Vec<i64> = KINDS.iter().map(|kind| kind.code()).collect();
    codes.sort_unstable();
    let text = sql::EVENTS_OF_STANDING.postgres();
    let (_, list) = text.split_once("IN (").expect("a list");
    let (list, _) = list.split_once(')').expect("its end");
    let read: Vec<i64> = list.split(',').map(|code| code.trim().parse().expect("a code")).collect();
    assert_eq!(read, codes);
}
