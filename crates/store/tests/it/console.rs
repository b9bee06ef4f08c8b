//! What operators look at is what naive counts of the whole book give, whatever is followed yet.

use std::collections::BTreeMap;

use yaoki_core::command::Command;
use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::ids::{FactId, MemberNumber, StoreNumber, TerminalNumber};
use yaoki_core::row::Value;
use yaoki_core::time::{HOUR_MS, Instant};
use yaoki_store::read::console::{self, Day, Figure, Figures, Filter};
use yaoki_store::read::{Before, PAGE_MAX, Page};
use yaoki_store::table::TallyOutcome;
use yaoki_store::testing::TestBook;
use yaoki_store::{Conn, StoreError, on_both_storages, sql};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from((self.0 >> 33) % sides.unsigned_abs()).expect("small")
    }
}

/// Whatever registers do, over some hours.
fn random_script(book: &TestBook, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut begun: Vec<Operation> = Vec::new();
    for _ in 0..steps {
        let terminal = 1 + dice.roll(8);
        let ask = || book.ask(terminal, 1);
        let member = MemberNumber(1 + dice.roll(3));
        let amount = 1 + dice.roll(500);
        let chosen = usize::try_from(dice.roll(1 + i64::try_from(begun.len()).expect("few")));
        let chosen = begun.get(chosen.expect("not negative")).cloned();
        let command = match (dice.roll(8), chosen) {
            (0 | 1, _) | (_, None) => book.pay(ask(), &book.code(member), amount, None),
            (2, _) => book.pay(ask(), &book.code(member), amount, Some(600)),
            (3, _) => book.pay(ask(), "1234", amount, None),
            (4, Some(chosen)) => {
                let ask = book.ask(chosen.terminal.0, 2);
                book.settle(ask, OperationKind::Refund, chosen.id, amount)
            }
            (5, Some(chosen)) => {
                let ask = book.ask(chosen.terminal.0, 3);
                book.settle(ask, OperationKind::Capture, chosen.id, amount)
            }
            (6, Some(chosen)) => book.reverse(book.ask(chosen.terminal.0, 4), chosen.request_id),
            (_, Some(_)) => book.reverse(ask(), book.request()),
        };
        let operation = book.operation(command);
        if operation.begins_payment() {
            begun.push(operation);
        }
        book.clock.advance_ms(dice.roll(HOUR_MS / 10));
    }
}

fn read<T: Send + 'static>(
    book: &TestBook,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
) -> T {
    book.book.read_and_wait(work).expect("the book can be read")
}

/// Every operation of the book, newest first.
fn all(book: &TestBook) -> Vec<Operation> {
    let mut all = read(book, |conn| {
        let everything = [Value::Int(0), Value::Int(i64::MAX)];
        conn.query::<Operation>(&sql::OPERATIONS_BETWEEN, &everything)
    });
    all.reverse();
    all
}

/// Terminals 1 and 2 are of the first store, and so on.
fn store_of(operation: &Operation) -> StoreNumber {
    StoreNumber((operation.terminal.0 + 1) / 2)
}

/// The figures, counted the long way.
fn naive(all: &[Operation], hours: &std::ops::Range<i64>) -> Day {
    let mut day = Day::default();
    for row in all.iter().filter(|row| row.terminal.is_some()) {
        let hour = row.id.at().0 / HOUR_MS;
        let outcome = match (row.has_effect(), row.succeeded()) {
            (true, _) => TallyOutcome::WithEffect,
            (false, true) => continue,
            (false, false) => TallyOutcome::Declined,
        };
        if !hours.contains(&hour) {
            continue;
        }
        let amount = if row.effect == Effect::Released { 0 } else { row.amount };
        let amount = if row.kind == OperationKind::Reverse { amount } else { row.amount };
        for figures in
            [day.by_hour.entry(hour).or_default(), day.by_store.entry(store_of(row)).or_default()]
        {
            let figure: &mut Figure = figures.entry((row.kind, outcome)).or_default();
            figure.add(Figure { count: 1, amount });
        }
    }
    day
}

/// Every page of a list, one after another.
fn pages(
    book: &TestBook,
    page: impl Fn(&mut Conn, Before) -> Result<Page, StoreError> + Clone + Send + 'static,
) -> Vec<FactId> {
    let (mut before, mut found) = (None, Vec::new());
    loop {
        let page = page.clone();
        let next = read(book, move |conn| page(conn, before));
        found.extend(next.operations.iter().map(|row| row.id));
        if next.before.is_none() {
            return found;
        }
        before = next.before;
    }
}

fn sum(figures: &Figures) -> i64 {
    figures.values().map(|figure| figure.count).sum()
}

on_both_storages! {
    fn the_figures_of_a_day_are_those_of_a_naive_count_at_any_moment(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 3);
        let begin = book.clock.now();
        for round in 0..12 {
            random_script(&book, round, 25);
            let hours = console::hours(begin, book.clock.now().plus_ms(HOUR_MS));
            let expected = naive(&all(&book), &hours);
            let part = hours.clone();
            assert_eq!(read(&book, move |conn| console::day(conn, part)), expected);
            let first = hours.start..hours.start + 1;
            let expected = naive(&all(&book), &first);
            assert_eq!(read(&book, move |conn| console::day(conn, first)), expected);
        }
        let hours = console::hours(begin, book.clock.now().plus_ms(HOUR_MS));
        let shops = read(&book, move |conn| console::shops(conn, hours, StoreNumber::NONE));
        assert_eq!((shops.stores.len(), shops.after), (4, None));
        assert!(shops.by_store.values().all(|figures| sum(figures) > 0));
        let newest: BTreeMap<TerminalNumber, FactId> =
            all(&book).iter().rev().map(|row| (row.terminal, row.id)).collect();
        for (terminal, seen) in &shops.seen {
            assert_eq!(newest.get(terminal), Some(seen));
        }
        book.book.close();
        crate::verify::must_be_clean(db);
    }

    fn every_filter_lists_what_a_naive_one_does(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 3);
        random_script(&book, 7, 300);
        let all = all(&book);
        let middle = all[all.len() / 2].id.at();
        let usual = Filter::default();
        for filter in [
            usual,
            Filter { store: Some(StoreNumber(2)), ..usual },
            Filter { terminal: Some(TerminalNumber(5)), ..usual },
            Filter { terminal: Some(TerminalNumber(5)), store: Some(StoreNumber(1)), ..usual },
            Filter { terminal: Some(TerminalNumber(99)), ..usual },
            Filter { kind: Some(OperationKind::Refund), ..usual },
            Filter { succeeded: Some(false), store: Some(StoreNumber(3)), ..usual },
            Filter { from: Some(middle), succeeded: Some(true), ..usual },
            Filter { to: Some(middle), kind: Some(OperationKind::Pay), ..usual },
            Filter { from: Some(middle), to: Some(middle.plus_ms(HOUR_MS)), ..usual },
        ] {
            let has = |row: &&Operation| {
                filter.store.is_none_or(|store| row.terminal.is_some() && store == store_of(row))
                    && filter.terminal.is_none_or(|terminal| terminal == row.terminal)
                    && filter.kind.is_none_or(|kind| kind == row.kind)
                    && filter.succeeded.is_none_or(|succeeded| succeeded == row.succeeded())
                    && filter.from.is_none_or(|from| row.id.at() >= from)
                    && filter.to.is_none_or(|to| row.id.at() < to)
            };
            let expected: Vec<FactId> = all.iter().filter(has).map(|row| row.id).collect();
            for limit in [7, PAGE_MAX] {
                let found = pages(&book, move |conn, before| {
                    console::operations(conn, &filter, before, limit)
                });
                assert_eq!(found, expected, "{filter:?}, {limit} a page");
            }
        }
    }

    fn a_page_looks_at_so_many_rows_and_says_where_it_goes_on(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let seldom = book.paid(MemberNumber(1), 1, 10);
        // Within a millisecond ids are ordered by lane, not by commit; and a lane may be ahead.
        book.clock.advance_ms(1_000);
        let unseen = |_| book.reverse(book.ask(2, 1), book.request());
        book.submit_all((0..2200).map(unseen).collect());
        let filter = Filter { kind: Some(OperationKind::Pay), ..Filter::default() };
        let page = move |conn: &mut Conn, before| console::operations(conn, &filter, before, 5);
        let first = read(&book, move |conn| page(conn, None));
        assert!(first.operations.is_empty() && first.before.is_some());
        assert_eq!(pages(&book, page), [seldom.id]);
    }

    fn what_no_register_acknowledged_is_listed_for_all_stores(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let known = book.paid(MemberNumber(1), 1, 10);
        let open = [3, 8].map(|terminal| book.paid(MemberNumber(2), terminal, 10).id);
        let caller = book.ask(1, 0).caller;
        book.decided(Command::Acknowledge(caller, vec![known.request_id]));
        let list = |now: Instant| {
            pages(&book, move |conn, before| console::unacknowledged(conn, now, before, 1))
        };
        assert!(list(book.clock.now()).is_empty(), "registers have ten minutes");
        book.clock.advance_ms(11 * 60_000);
        assert_eq!(list(book.clock.now()), [open[1], open[0]]);
        let life = read(&book, move |conn| console::payment_life(conn, known.id));
        let life = life.expect("it is there");
        assert_eq!(life.transfers[&known.id].amount, 10);
        // A lane may be ahead of another by some milliseconds.
        assert!((life.acknowledged[&known.id].0 - known.id.at().0).abs() < 1000);
        let late = read(&book, move |conn| console::payment_life(conn, open[0])).expect("there");
        assert!(late.acknowledged.is_empty());
    }

    fn a_request_id_finds_the_operation_of_each_terminal_that_used_it(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let request = book.request();
        for terminal in [1, 5] {
            let mut ask = book.ask(terminal, 1);
            ask.caller.key.request = request;
            book.operation(book.pay(ask, &book.code(MemberNumber(1)), 10, None));
        }
        let found = read(&book, move |conn| console::of_request(conn, request));
        let terminals: Vec<i64> = found.iter().map(|row| row.terminal.0).collect();
        assert_eq!(terminals, [1, 5]);
        let id = found[0].id;
        assert_eq!(read(&book, move |conn| console::operation(conn, id)), Some(found[0].clone()));
    }
}
