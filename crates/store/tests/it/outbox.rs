//! Promises of the outbox: a message is one node's at a time, budgets hold, what is old goes.

use std::collections::BTreeSet;

use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::message::{
    Address, Argument, Arguments, Channel, Confirmation, KEPT_MS, Language, Message, MessageState,
    Once, Recipient, Template, key_of,
};
use yaoki_core::time::{BusinessDate, DAY_MS, HOUR_MS, Instant, MINUTE_MS};
use yaoki_store::conn::Purpose;
use yaoki_store::outbox::{
    self, Budget, Budgets, Codes, Settled, TAKEN_MAX, TakeUp, TakenUp, delete_old, settle,
};
use yaoki_store::testing::TestBook;
use yaoki_store::{Conn, on_both_storages};

const NOW: Instant = Instant(1_767_582_000_000);
const LEASE_MS: i64 = MINUTE_MS;
const WIDE: Budget =
    Budget { address_per_hour: 99, address_per_day: 99, prefix_per_day: 99, per_day: 99 };

fn ask(now: Instant) -> TakeUp {
    TakeUp {
        channel: Channel::Mail,
        budgets: Budgets { strangers: WIDE, members: WIDE },
        without_strangers: false,
        lease_ms: LEASE_MS,
        now,
    }
}

fn with(budget: Budget, now: Instant) -> TakeUp {
    TakeUp { budgets: Budgets { strangers: budget, ..ask(now).budgets }, ..ask(now) }
}

fn to(address: &str) -> Recipient {
    Recipient {
        member: MemberNumber::NONE,
        channel: Channel::Mail,
        address: Address(address.to_owned()),
        address_digest: *blake3::hash(address.as_bytes()).as_bytes(),
        language: Language::English,
    }
}

fn code(address: &str, request: u8, now: Instant) -> Message {
    let arguments = Arguments::new().with(Argument::Code, "31415926");
    let once = Once::Request(RequestId([request; 16]));
    Message::new(Template::SignUpCode, &to(address), once, arguments, now)
}

fn put(conn: &mut Conn, messages: &[Message]) -> u64 {
    conn.insert(&messages.iter().collect::<Vec<_>>()).expect("they go in")
}

/// Takes up in a commit of its own, as an errand does.
fn take_up(conn: &mut Conn, ask: &TakeUp) -> TakenUp {
    conn.begin().expect("it begins");
    let taken = outbox::take_up(conn, ask).expect("they can be taken up");
    conn.commit().expect("it is kept");
    taken
}

fn settled(conn: &mut Conn, message: &Message, settled: Settled) -> bool {
    conn.begin().expect("it begins");
    let done = settle(conn, (message.key, message.tries), settled).expect("it can be said");
    conn.commit().expect("it is kept");
    done
}

fn stored(conn: &mut Conn, message: &Message) -> Message {
    conn.find::<Message, _>(&[message.key]).expect("it can be read").pop().expect("it is there")
}

on_both_storages! {
    fn a_message_is_one_takers_until_its_lease_is_over(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        assert_eq!(put(conn, &[code("a@x.example", 1, NOW), code("a@x.example", 1, NOW)]), 1);
        let [first] = &take_up(conn, &ask(NOW)).messages[..] else { panic!("one is due") };
        assert_eq!(take_up(conn, &ask(NOW.plus_ms(LEASE_MS - 1))), TakenUp::default());
        let later = NOW.plus_ms(LEASE_MS);
        let [second] = &take_up(conn, &ask(later)).messages[..] else { panic!("it is due again") };
        assert_eq!((first.tries, second.tries), (1, 2));
        assert!(!settled(conn, first, Settled::GivenUp), "it is another's by now");
        let again = later.plus_ms(30_000);
        assert!(settled(conn, second, Settled::Again { at: again }));
        assert_eq!(take_up(conn, &ask(again.plus_ms(-1))), TakenUp::default());
        let [third] = &take_up(conn, &ask(again)).messages[..] else { panic!("it is due again") };
        assert!(settled(conn, third, Settled::Sent));
        assert!(!settled(conn, third, Settled::Again { at: again }), "it is over");
        let sent = stored(conn, third);
        assert_eq!((sent.state, sent.arguments), (MessageState::Sent, Arguments::new()));
        assert_eq!(sent.admitted_at, NOW);
    }

    fn what_is_shown_keeps_its_words_and_what_is_late_is_given_up(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        put(conn, &[code("a@x.example", 1, NOW)]);
        let [shown] = &take_up(conn, &ask(NOW)).messages[..] else { panic!("it is due") };
        assert!(settled(conn, shown, Settled::Shown));
        assert_eq!(stored(conn, shown).arguments.get(Argument::Code), Some("31415926"));
        let late = code("a@x.example", 2, NOW);
        put(conn, std::slice::from_ref(&late));
        let taken = take_up(conn, &ask(late.expires_at));
        assert_eq!((taken.given_up, taken.messages.len()), (1, 0));
        let late = stored(conn, &late);
        assert_eq!((late.state, late.arguments), (MessageState::GivenUp, Arguments::new()));
    }

    fn no_more_goes_to_an_address_a_prefix_or_at_all_than_the_budget_says(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let mut request = 0;
        let mut go = |conn: &mut Conn, addresses: &[&str], budget, now| {
            let all: Vec<Message> = addresses
                .iter()
                .map(|address| {
                    request += 1;
                    code(address, request, now)
                })
                .collect();
            put(conn, &all);
            let taken = take_up(conn, &with(budget, now));
            (taken.messages.len(), taken.suppressed)
        };
        let hourly = Budget { address_per_hour: 2, ..WIDE };
        let [one, two] = ["one@a.example", "two@a.example"];
        assert_eq!(go(conn, &[one, one, one, two], hourly, NOW), (3, 1));
        assert_eq!(go(conn, &[one], hourly, NOW.plus_ms(HOUR_MS)), (1, 0), "an hour is over");
        let daily = Budget { address_per_day: 3, ..WIDE };
        assert_eq!(go(conn, &[one], daily, NOW.plus_ms(2 * HOUR_MS)), (0, 1));
        let prefix = Budget { prefix_per_day: 4, ..WIDE };
        let third = "three@A.example";
        assert_eq!(go(conn, &[third, "x@b.example"], prefix, NOW.plus_ms(2 * HOUR_MS)), (1, 1));
        let all = Budget { per_day: 5, ..WIDE };
        assert_eq!(go(conn, &["y@c.example"], all, NOW.plus_ms(2 * HOUR_MS)), (0, 1));
        let none = TakeUp { without_strangers: true, ..ask(NOW.plus_ms(DAY_MS)) };
        put(conn, &[code("z@d.example", 99, none.now)]);
        assert_eq!(take_up(conn, &none).suppressed, 1);
    }

    fn a_budget_is_spent_for_every_node_and_after_a_restart(db: &mut TestDatabase) {
        let tight = Budget { address_per_hour: 1, ..WIDE };
        put(&mut db.migrated(), &[code("a@x.example", 1, NOW)]);
        assert_eq!(take_up(&mut db.connect(Purpose::Admin), &with(tight, NOW)).messages.len(), 1);
        put(&mut db.connect(Purpose::Admin), &[code("a@x.example", 2, NOW)]);
        assert_eq!(take_up(&mut db.connect(Purpose::Admin), &with(tight, NOW)).suppressed, 1);
    }

    fn codes_are_counted_once_their_addressees_have_had_time(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let sent = |request, minutes: i64, confirmation| Message {
            admitted_at: NOW.plus_ms(-minutes * MINUTE_MS),
            confirmation,
            ..code("a@x.example", request, NOW)
        };
        put(conn, &[
            sent(1, 5, Confirmation::Awaited),
            sent(2, 15, Confirmation::Awaited),
            sent(3, 60, Confirmation::Awaited),
            sent(4, 20, Confirmation::Given),
            sent(5, 75, Confirmation::Given),
        ]);
        let codes = outbox::codes(conn, Channel::Mail, NOW).expect("they can be counted");
        assert_eq!(codes, Codes { unanswered: 2, answered: 1 });
        let codes = outbox::codes(conn, Channel::Sms, NOW).expect("they can be counted");
        assert_eq!(codes, Codes::default());
    }

    fn old_messages_are_deleted_and_the_newest_come_first(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let made = |request, at: Instant| code("a@x.example", request, at);
        let oldest = NOW.plus_ms(-KEPT_MS);
        put(conn, &[made(1, oldest.plus_ms(-1)), made(2, oldest), made(3, NOW)]);
        assert_eq!(delete_old(conn, NOW).expect("it can be done"), 1);
        assert_eq!(delete_old(conn, NOW).expect("it can be done"), 0);
        let left = outbox::newest(conn, 9).expect("they can be read");
        let left: Vec<Instant> = left.iter().map(|message| message.created_at).collect();
        assert_eq!(left, [NOW, oldest]);
    }

    fn an_errand_is_one_commit_between_batches_and_leaves_nothing_where_it_fails(
        db: &mut TestDatabase
    ) {
        let book = TestBook::create(&db.database, 1);
        let message = code("a@x.example", 1, NOW);
        let (kept, failed) = (message.clone(), code("a@x.example", 2, NOW));
        let put = book.book.run_errand(move |conn| conn.insert(&[&kept]));
        assert_eq!(put.expect("it is done"), 1);
        let refused = book.book.run_errand(move |conn| {
            conn.insert(&[&failed])?;
            Err::<(), _>(yaoki_store::StoreError::ReadersBusy)
        });
        assert!(refused.is_err());
        book.paid(MemberNumber(1), 1, 10);
        let found = book.book.read_and_wait(|conn| outbox::newest(conn, 9));
        assert_eq!(found.expect("they can be read"), [message]);
        book.book.close();
        assert!(book.book.run_errand(|_| Ok(())).is_err(), "the lane has stopped");
        crate::verify::must_be_clean(db);
    }
}

// one storage: a key is the same on both.
#[test]
fn a_notice_of_the_day_is_the_same_message_all_day() {
    let to = to("a@x.example");
    let key = |day| key_of(Template::SignInAttempt, &to, Once::Day(BusinessDate(day)));
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
}

// one storage: an SQLite writer holds the whole file.
#[test]
fn what_one_node_is_taking_up_another_leaves_out() {
    let Some(db) = yaoki_store::testing::TestDatabase::postgres("taken_up") else { return };
    drop(db.migrated());
    let (mut one, mut two) = (db.connect(Purpose::Lane), db.connect(Purpose::Lane));
    let count = u8::try_from(2 * TAKEN_MAX).expect("few");
    let all: Vec<Message> = (0..count).map(|n| code(&format!("{n}@x.example"), n, NOW)).collect();
    put(&mut one, &all);
    one.begin().expect("it begins");
    let first = outbox::take_up(&mut one, &ask(NOW)).expect("it takes some");
    let second = take_up(&mut two, &ask(NOW));
    one.commit().expect("it is kept");
    let third = take_up(&mut two, &ask(NOW));
    let taken: Vec<[u8; 32]> = [first, second, third]
        .iter()
        .flat_map(|taken| taken.messages.iter().map(|message| message.key))
        .collect();
    let different: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), different.len()), (all.len(), all.len()), "each once");
}
