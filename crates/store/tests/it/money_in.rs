//! Promises of money that comes in, and of limits: exact under 64 requests at once on two nodes,
//! across a restart, and rebuilt by verify.

use std::sync::atomic::{AtomicUsize, Ordering};

use yaoki_core::account::Account;
use yaoki_core::command::{Act, Command, MoneyIn, MoneyInStep, OnDevice, TopUpWithCode};
use yaoki_core::decide::Outcome;
use yaoki_core::ids::{ClerkNumber, FactId, MemberNumber, RequestId, StoreNumber, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::operator::Sealed;
use yaoki_core::policy::DEFAULT;
use yaoki_core::refusal::Refusal;
use yaoki_core::row::Row;
use yaoki_core::session::ClerkToken;
use yaoki_core::shift::Shift;
use yaoki_core::state::{Device, Member, Store};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_core::top_up::{Card, NewCard, ThreeDSecure, TopUp, TopUpState};
use yaoki_store::conn::Purpose;
use yaoki_store::table::Record;
use yaoki_store::testing::{TestBook, TestDatabase};
use yaoki_store::{Answer, on_both_storages, read};

use crate::transfers::owed;
use crate::verify::{must_be_clean, report};

const ONE: MemberNumber = MemberNumber(1);
const TWO: MemberNumber = MemberNumber(2);

fn device(book: &TestBook, member: MemberNumber) -> OnDevice {
    let id = book.member(member).device;
    let row = book.book.read_and_wait(move |conn| read::device(conn, id)).unwrap().unwrap();
    let Device { id: device, session, .. } = row;
    OnDevice { device, session }
}

fn step(book: &TestBook, step: MoneyInStep) -> Outcome {
    let top_up = step.top_up().unwrap();
    book.decided(Command::MoneyIn(MoneyIn::step(ONE, top_up, step)))
}

fn ask(book: &TestBook, member: MemberNumber, step: MoneyInStep) -> FactId {
    let command = MoneyIn { request: book.request(), member, freeze: String::new(), step };
    match book.decided(Command::MoneyIn(command)) {
        Outcome::Done { event, .. } => event.id,
        other => panic!("{other:?}"),
    }
}

fn add_card(book: &TestBook, member: MemberNumber, print: u8) -> FactId {
    let card = NewCard {
        fingerprint: [print; 32],
        token: format!("pm_{print}"),
        label: format!("Visa {print}"),
    };
    ask(book, member, MoneyInStep::AddCard(device(book, member), card))
}

fn request(book: &TestBook, card: FactId, amount: i64) -> FactId {
    let id = ask(book, ONE, asking(device(book, ONE), card, amount));
    step(book, MoneyInStep::Refer(id, format!("pi_{}", id.0)));
    book.clock.advance_ms(61_000);
    id
}

fn posted(book: &TestBook, card: FactId, amount: i64) -> FactId {
    let id = request(book, card, amount);
    step(book, MoneyInStep::Authorize(id, ThreeDSecure::Challenge));
    step(book, MoneyInStep::Post(id));
    id
}

/// A clerk of store 1 with a shift at terminal 1.
fn clerk(book: &TestBook) -> ClerkToken {
    let pin = Sealed(b"digest of a pin".to_vec());
    let tried = pin.digest();
    let (store, name) = (StoreNumber(1), "Yui".to_owned());
    let clerk = ClerkNumber(book.administer(Act::CreateClerk { store, name, pin }).subject);
    let (terminal, key) = (TerminalNumber(1), [7; 32]);
    let session = book.administer(Act::SignInClerk { terminal, clerk, tried, right: true, key }).id;
    let token = ClerkToken { clerk, session, key };
    book.administer(Act::OpenShift(terminal, token, 5_000));
    token
}

fn cash(book: &TestBook, token: ClerkToken, member: MemberNumber, amount: i64) -> Command {
    Command::TopUpWithCode(TopUpWithCode {
        ask: book.ask(1, 1),
        code: book.cipher.open(&book.code(member)),
        amount,
        currency: Currency::JPY,
        clerk: Some(token),
        second: None,
    })
}

/// Money that came in in every way, and every way in which it did not.
fn live(book: &TestBook) {
    let card = add_card(book, ONE, 1);
    add_card(book, TWO, 1);
    let ended = add_card(book, ONE, 2);
    ask(book, ONE, MoneyInStep::EndCard(device(book, ONE), ended));
    let taken = posted(book, card, 3_000);
    step(book, MoneyInStep::TakeBack(taken));
    step(book, MoneyInStep::Returned(taken));
    let declined = request(book, card, 2_000);
    step(book, MoneyInStep::Unknown(declined));
    step(book, MoneyInStep::Decline(declined, Refusal::CardWasDeclined));
    book.clock.advance_ms(3_600_000);
    request(book, card, 1_000);
    book.clock.advance_ms(DAY_MS);
    // One who goes leaves a drawer open.
    let emi = clerk(book);
    book.administer(Act::EndClerk(emi.clerk));
    let yui = clerk(book);
    let kept = book.operation(cash(book, yui, ONE, 700));
    assert!(kept.succeeded());
    let undone = book.operation(cash(book, yui, TWO, 500));
    let mut back = book.reverse(book.ask(1, 2), undone.request_id);
    if let Command::Reverse(reverse) = &mut back {
        reverse.clerk = Some(yui);
    }
    assert!(book.operation(back).succeeded());
    let disputed = posted(book, card, 4_000);
    let lost = MoneyInStep::Dispute { top_up: disputed, amount: 4_000, won: false };
    let id = RequestId::of_reference("dispute", "dp_1");
    book.decided(Command::MoneyIn(MoneyIn {
        request: id,
        member: ONE,
        freeze: String::new(),
        step: lost,
    }));
    book.paid(TWO, 1, 900);
    book.clock.advance_ms(2 * DAY_MS);
    book.paid(TWO, 1, 100);
}

fn must_be_found<T: Record + Clone>(db: &TestDatabase, row: &T, changed: &T) {
    let conn = &mut db.connect(Purpose::Admin);
    conn.update(&[changed]).unwrap();
    let report = report(db, &[]);
    let table = <T as Row>::TABLE;
    assert!(report.findings.iter().any(|found| found.table == table), "{table}: {report}");
    conn.update(&[row]).unwrap();
}

on_both_storages! {
    fn what_came_in_is_rebuilt_by_verify_and_every_change_of_it_is_found(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        live(&book);
        book.book.close();
        must_be_clean(db);
        let conn = &mut db.connect(Purpose::Admin);
        let cards = read::money_in::cards_of(conn, ONE).unwrap();
        let card = &cards[0];
        must_be_found(db, card, &Card { token: "pm_other".to_owned(), ..card.clone() });
        must_be_found(db, card, &Card { device: FactId(1), ..card.clone() });
        must_be_found(db, card, &Card { trusted: 0, ..card.clone() });
        let top_ups = read::money_in::top_ups_before(conn, ONE, None, 9).unwrap();
        assert_eq!(top_ups.len(), 5);
        let row = top_ups.iter().find(|row| row.state == TopUpState::Disputed).unwrap();
        must_be_found(db, row, &TopUp { amount: 1, ..row.clone() });
        must_be_found(db, row, &TopUp { state: TopUpState::Posted, ..row.clone() });
        must_be_found(db, row, &TopUp { reference: "pi_x".to_owned(), ..row.clone() });
        must_be_found(db, row, &TopUp { changed_at: Instant(1), ..row.clone() });
        let shift = read::money_in::shifts_of(conn, TerminalNumber(1), 1).unwrap().remove(0);
        must_be_found(db, &shift, &Shift { cash: 0, ..shift.clone() });
        must_be_found(db, &shift, &Shift { allotted: 1, ..shift.clone() });
        let store = read::directory(conn).unwrap().stores[&StoreNumber(1)].clone();
        must_be_found(db, &store, &Store { cash_taken: 1, ..store.clone() });
        // Windows: less than was paid, and one that begins too late.
        let member = read::member(conn, TWO).unwrap().unwrap();
        let paid = member.last_operation;
        must_be_found(db, &member, &Member { paid_month: 100, ..member.clone() });
        let late = Member { paid_month: 100, paid_month_oldest: paid, ..member.clone() };
        must_be_found(db, &member, &late);
        must_be_found(db, &member, &Member { paid_day: 1, ..member.clone() });
        must_be_found(db, &member, &Member { device_evidence: 0, ..member.clone() });
        must_be_clean(db);
    }

    fn money_for_a_wallet_that_was_closed_meanwhile_waits_in_suspense(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        let card = add_card(&book, ONE, 1);
        let before = book.member(ONE).money;
        let late = request(&book, card, 3_000);
        book.administer(Act::CloseMember(ONE));
        step(&book, MoneyInStep::Post(late));
        assert_eq!(owed(&book, Account::SUSPENSE), 3_000);
        assert_eq!(owed(&book, Account::ACQUIRER), -3_000);
        assert_eq!(book.member(ONE).money, before);
        book.book.close();
        must_be_clean(db);
    }

    fn what_the_acquirer_owes_is_what_was_posted_less_what_went_back(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 2);
        live(&book);
        // 3,000 and 4,000 came, 3,000 went back, 4,000 were disputed.
        assert_eq!(owed(&book, Account::ACQUIRER), 0);
        assert_eq!(owed(&book, Account::DISPUTES), -4_000);
        assert_eq!(owed(&book, Account::cash(StoreNumber(1))), -700);
    }

    fn sixty_four_payments_at_once_on_two_nodes_stay_within_the_limit(db: &mut TestDatabase) {
        let first = TestBook::create(&db.database, 1);
        let base = DEFAULT.split("[[limit]]").next().unwrap();
        let limit = "[[limit]]\non = \"payment\"\nday = 1_000\n";
        first.administer(Act::ChangePolicy(format!("{base}{limit}")));
        // One file has one node; the second is another handle of the same.
        let two = db.connect(Purpose::Reader).is_postgres();
        let second = two.then(|| {
            TestBook::open(&db.database, first.clock.clone(), "second")
        });
        let paid = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for place in 0..64 {
                let (first, second, paid) = (&first, second.as_ref(), &paid);
                scope.spawn(move || {
                    let node = second.filter(|_| place % 2 == 1).unwrap_or(first);
                    let mut request = [9; 16];
                    request[0] = place;
                    let mut key = first.ask(1, 1).caller.key;
                    key.request = RequestId(request);
                    let command = first.confirm(key, ONE, 90);
                    // A lane that lost against the other node says so: it is asked again.
                    for _ in 0..200 {
                        match node.submit(command.clone()) {
                            Answer::Decided(_) => {
                                paid.fetch_add(1, Ordering::SeqCst);
                                return;
                            }
                            Answer::Refused(refused) => {
                                assert_eq!(refused.refusal, Refusal::LimitMustHold);
                                return;
                            }
                            Answer::Unknown(_) => {}
                        }
                    }
                    panic!("it is never decided");
                });
            }
        });
        assert_eq!(paid.into_inner(), 11, "11 times 90 is 990");
        assert_eq!(first.member(ONE).money, 100_000 - 990);
        drop(second);
        // Across a restart, and until the oldest falls out.
        let again = first.reopened(&db.database, |_| {});
        let refused = again.confirm(again.ask(1, 1).caller.key, ONE, 90);
        assert_eq!(again.refused(refused).refusal, Refusal::LimitMustHold);
        again.clock.advance_ms(DAY_MS + 1_000);
        let late = again.confirm(again.ask(1, 1).caller.key, ONE, 1_000);
        assert!(again.operation(late).succeeded());
        drop(again);
        must_be_clean(db);
    }

    fn sixty_four_top_ups_at_once_stay_within_the_limit(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let base = DEFAULT.split("[[limit]]").next().unwrap();
        let limit = "[[limit]]\non = \"card\"\nday = 20_000\n";
        book.administer(Act::ChangePolicy(format!("{base}{limit}")));
        let (card, by) = (add_card(&book, ONE, 1), device(&book, ONE));
        let asked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    let step = asking(by, card, 3_000);
                    let (request, freeze) = (book.request(), String::new());
                    let command = MoneyIn { request, member: ONE, freeze, step };
                    match book.submit(Command::MoneyIn(command)) {
                        Answer::Decided(_) => drop(asked.fetch_add(1, Ordering::SeqCst)),
                        Answer::Refused(refused) => {
                            assert_eq!(refused.refusal, Refusal::TopUpLimitMustHold);
                        }
                        Answer::Unknown(unknown) => panic!("{unknown:?}"),
                    }
                });
            }
        });
        assert_eq!(asked.into_inner(), 6, "6 times 3,000 is 18,000");
    }

    fn one_card_is_in_two_wallets_at_most_whoever_asks_at_once(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 8);
        let added = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 1..=8 {
                let (book, added) = (&book, &added);
                scope.spawn(move || {
                    let member = MemberNumber(number);
                    let token = format!("pm_{number}");
                    let card = NewCard { fingerprint: [1; 32], token, label: "Visa".to_owned() };
                    let step = MoneyInStep::AddCard(device(book, member), card);
                    let (request, freeze) = (book.request(), String::new());
                    let command = MoneyIn { request, member, freeze, step };
                    match book.submit(Command::MoneyIn(command)) {
                        Answer::Decided(_) => drop(added.fetch_add(1, Ordering::SeqCst)),
                        Answer::Refused(refused) => {
                            assert_eq!(refused.refusal, Refusal::CardIsInManyWallets);
                        }
                        Answer::Unknown(unknown) => panic!("{unknown:?}"),
                    }
                });
            }
        });
        assert_eq!(added.into_inner(), 2);
        book.book.close();
        must_be_clean(db);
    }
}

/// Asking for a top-up from a network that nobody knows.
const fn asking(by: OnDevice, card: FactId, amount: i64) -> MoneyInStep {
    MoneyInStep::Request { by, card, amount, network: Vec::new() }
}
