//! Promises of what webhooks follow: whole, in order, bounded, and moved by nobody twice.

use std::collections::{BTreeMap, BTreeSet};

use yaoki_core::command::Act;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{FactId, LaneNumber, MemberNumber, MerchantNumber, WebhookNumber};
use yaoki_core::webhook::EventType;
use yaoki_store::conn::Purpose;
use yaoki_store::position::{Move, Positions, webhook_name};
use yaoki_store::read::events::{self, EventPage};
use yaoki_store::testing::TestBook;
use yaoki_store::{on_both_storages, read};

use crate::verify::{live, must_be_clean};

const HOME: MerchantNumber = MerchantNumber(1);
const ABROAD: MerchantNumber = MerchantNumber(2);

fn hook(book: &TestBook, merchant: MerchantNumber) -> WebhookNumber {
    let url = "https://shop.example/hooks".to_owned();
    let act = Act::CreateWebhook { merchant, url, loopback: false };
    WebhookNumber(book.administer(act).subject)
}

/// Every event of a merchant after a position, page by page.
fn told(book: &TestBook, merchant: MerchantNumber, after: &Positions, limit: usize) -> Vec<FactId> {
    let (mut all, mut after) = (Vec::new(), after.clone());
    loop {
        let from = after.clone();
        let page: EventPage = (book.book)
            .read_and_wait(move |conn| events::events(conn, merchant, &from, limit))
            .expect("events can be read");
        assert!(page.more || !page.events.is_empty() || page.after >= after);
        all.extend(page.events.iter().map(|event| event.operation.id));
        after = page.after;
        if !page.more {
            return all;
        }
    }
}

fn position(book: &TestBook, webhook: WebhookNumber) -> Positions {
    let followed = book.book.read_and_wait(events::followed).expect("it can be read");
    followed.positions.get(&webhook).cloned().unwrap_or_default()
}

on_both_storages! {
    fn a_merchant_is_told_of_all_that_moved_at_its_stores_in_order(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 4);
        live(&book);
        let held = book.pay(book.ask(5, 9), &book.code(MemberNumber(1)), 300, Some(60));
        let held = book.operation(held);
        book.clock.advance_ms(61_000);
        let lapsed = book.operation(yaoki_core::command::Command::ExpireHold(held.id));
        let all = book.book.read_and_wait(|conn| {
            events::events(conn, HOME, &BTreeMap::new(), 10_000)
        });
        let all = all.expect("events can be read");
        assert!(!all.more);
        let kinds: BTreeSet<&str> = all.events.iter().map(|event| event.kind.name()).collect();
        assert!(all.events.iter().all(|event| event.merchant == HOME && event.store.0 <= 2));
        let other = told(&book, ABROAD, &BTreeMap::new(), 3);
        assert!(other.contains(&held.id) && other.contains(&lapsed.id), "its own hold lapsed");
        let ids = told(&book, HOME, &BTreeMap::new(), 10_000);
        assert!(ids.is_sorted() && ids.iter().all(|id| !other.contains(id)));
        for limit in [1, 2, 7] {
            let mut paged = told(&book, HOME, &BTreeMap::new(), limit);
            paged.sort_unstable();
            assert_eq!(paged, ids, "pages of {limit} have each once");
        }
        let every: BTreeSet<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        let abroad = book.book.read_and_wait(move |conn| {
            events::event(conn, ABROAD, lapsed.id)
        });
        let abroad = abroad.expect("it can be read").expect("it is the merchant's");
        assert_eq!((abroad.kind, abroad.terminal.0), (EventType::PaymentExpired, 5));
        let mut seen = kinds;
        seen.insert(abroad.kind.name());
        assert_eq!(seen, every);
        let foreign = book.book.read_and_wait(move |conn| events::event(conn, HOME, lapsed.id));
        assert_eq!(foreign.expect("it can be read"), None);
    }

    fn a_new_endpoint_begins_at_the_present_and_moves_as_it_is_told(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 3);
        book.paid(MemberNumber(1), 1, 10);
        let webhook = hook(&book, HOME);
        let begin = position(&book, webhook);
        assert_eq!(told(&book, HOME, &begin, 10), []);
        let mut ids = [1, 2, 3].map(|member| book.paid(MemberNumber(member), 1, 20).id);
        ids.sort_unstable();
        let mut found = told(&book, HOME, &begin, 10);
        found.sort_unstable();
        assert_eq!(found, ids);
        let name = webhook_name(webhook);
        let (&lane, &from) = begin.iter().next().expect("a lane");
        let step = |from, to| Move { name: name.clone(), lane, from, to };
        let moved = book.book.move_positions_and_wait(vec![step(Some(from), from + 1)]);
        assert_eq!(moved.expect("it is moved"), [from + 1]);
        let late = book.book.move_positions_and_wait(vec![step(Some(from), from + 1)]);
        assert_eq!(late.expect("it is asked"), [from + 1], "another was first, and it is told");
        let ahead = book.book.move_positions_and_wait(vec![step(Some(from), from + 9)]);
        assert_eq!(ahead.expect("it is asked"), [from + 1], "it is left as it is");
        let back = book.book.move_positions_and_wait(vec![step(None, 1), step(None, 7)]);
        assert_eq!(back.expect("it goes back"), [1, 1], "and never on");
        assert_eq!(position(&book, webhook).get(&lane), Some(&1));
        book.book.close();
        assert!(book.book.move_positions_and_wait(vec![step(None, 0)]).is_err());
        must_be_clean(db);
    }

    fn a_stretch_serves_every_endpoint_that_is_within_it(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 4);
        for round in 0..40 {
            book.paid(MemberNumber(1 + round % 4), 1 + round % 8, 10);
        }
        let mut conn = db.connect(Purpose::Reader);
        let directory = read::directory(&mut conn).expect("it can be read");
        let lanes = read::lanes(&mut conn).expect("lanes");
        let begin: Positions = lanes.iter().map(|lane| (lane.id, 0)).collect();
        let stretch = events::stretch(&mut conn, &begin, &directory).expect("a stretch");
        assert!(!stretch.more && stretch.covers(&begin) && !stretch.covers(&stretch.reached));
        for merchant in [HOME, ABROAD] {
            let mut at = begin.clone();
            let mut seen = Vec::new();
            while stretch.covers(&at) {
                let (found, reached) = stretch.events_of(merchant, &at, 3);
                assert!(found.len() <= 3, "each commit has one payment here");
                seen.extend(found.into_iter().map(|event| event.operation.id));
                at = reached;
            }
            assert_eq!((seen.len(), &at), (20, &stretch.reached));
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 20);
        }
        let other: Positions = BTreeMap::from([(LaneNumber(77), 0)]);
        assert!(!stretch.covers(&other));
    }

    fn a_long_ledger_is_read_in_bounded_stretches(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let mut expected = Vec::new();
        for _ in 0..300 {
            expected.push(book.paid(MemberNumber(1), 1, 1).id);
        }
        let mut conn = db.connect(Purpose::Reader);
        let directory = read::directory(&mut conn).expect("it can be read");
        let lanes = read::lanes(&mut conn).expect("lanes");
        let mut at: Positions = lanes.iter().map(|lane| (lane.id, 0)).collect();
        let (mut seen, mut steps) = (Vec::new(), 0);
        loop {
            let stretch = events::stretch(&mut conn, &at, &directory).expect("a stretch");
            let ends = stretch.reached.iter().map(|(lane, seq)| seq - at[lane]);
            assert!(ends.max() <= Some(events::STRETCH_BATCHES_MAX));
            seen.extend(stretch.events.iter().map(|event| event.operation.id));
            at = stretch.reached;
            steps += 1;
            if !stretch.more {
                break;
            }
        }
        assert!(steps > 1);
        assert_eq!(seen, expected);
    }

    fn a_payment_is_told_of_before_what_settles_it_whatever_lane_books_that(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 2);
        let mut settled = Vec::new();
        for _ in 0..20 {
            let paid = book.paid(MemberNumber(1), 1, 100);
            let refund = book.settle(book.ask(1, 2), OperationKind::Refund, paid.id, 40);
            settled.push((paid.id, book.operation(refund).id));
        }
        for limit in [1, 3, 1000] {
            let told = told(&book, HOME, &BTreeMap::new(), limit);
            let place = |id| told.iter().position(|other| *other == id).expect("it is told");
            assert!(settled.iter().all(|(paid, refund)| place(*paid) < place(*refund)));
            assert_eq!(told.len(), 40);
        }
    }
}
