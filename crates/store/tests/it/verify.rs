//! Promises of verify: a book that nobody touched is clean, whatever happened in it.

use yaoki_core::command::{Act, Asset, Command, Credit};
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{MemberNumber, MerchantNumber, TerminalNumber, WebhookNumber};
use yaoki_core::state::Lane;
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::Instant;
use yaoki_store::conn::Purpose;
use yaoki_store::testing::{TestBook, TestDatabase};
use yaoki_store::verify::anchor::{Anchor, heads_text, parse_heads};
use yaoki_store::verify::{Report, VerifyOptions, verify};
use yaoki_store::{on_both_storages, read};

/// Verifies a book that nobody writes to.
pub(crate) fn report(db: &TestDatabase, anchors: &[Anchor]) -> Report {
    let mut conn = db.connect(Purpose::Admin);
    let options = VerifyOptions { anchors: anchors.to_vec(), progress: &mut |_| {} };
    verify(&mut conn, options).expect("the storage works")
}

pub(crate) fn must_be_clean(db: &TestDatabase) -> Report {
    let report = report(db, &[]);
    assert!(report.is_clean(), "{report}");
    report
}

/// The heads of a book, as its server would sign and keep them.
pub(crate) fn anchor(db: &TestDatabase, at: Instant) -> Anchor {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let mut conn = db.connect(Purpose::Admin);
    let lanes: Vec<Lane> = read::lanes(&mut conn).expect("lanes can be read");
    let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a seed has 32 bytes");
    let text = heads_text(at, &lanes);
    let (at, heads) = parse_heads(&text).expect("it is what we write");
    Anchor {
        at,
        heads,
        signature: pair.sign(text.as_bytes()).as_ref().try_into().expect("64 bytes"),
        public_key: pair.public_key().as_ref().try_into().expect("32 bytes"),
    }
}

/// Moves money in every way there is, with four members.
pub(crate) fn live(book: &TestBook) {
    let [one, two, three, four] = [1, 2, 3, 4].map(MemberNumber);
    let paid = book.paid(one, 1, 1500);
    let refund = |amount| book.settle(book.ask(1, 2), OperationKind::Refund, paid.id, amount);
    assert!(book.operation(refund(400)).succeeded());
    assert!(book.operation(refund(100)).succeeded());
    assert!(!book.operation(refund(100_000)).succeeded());
    let again = book.paid(one, 1, 70);
    let reversed = book.operation(book.reverse(book.ask(1, 3), again.request_id));
    assert!(reversed.succeeded() && reversed.amount == 70);
    let unseen = book.request();
    assert!(book.operation(book.reverse(book.ask(2, 4), unseen)).succeeded());
    let order = book.ask(2, 6).caller.key;
    assert!(book.operation(book.confirm(order, two, 250)).succeeded());
    hold(book, two, OperationKind::Capture);
    hold(book, two, OperationKind::Void);
    let held = book.operation(book.pay(book.ask(3, 5), &book.code(two), 900, Some(60)));
    book.operation(book.pay(book.ask(3, 5), &book.code(two), 600, Some(3600)));
    book.clock.advance_ms(61_000);
    assert!(book.operation(Command::ExpireHold(held.id)).succeeded());
    let too_much = book.pay(book.ask(5, 1), &book.code(two), 900_000, None);
    assert!(!book.operation(too_much).succeeded());
    assert!(!book.operation(book.pay(book.ask(5, 1), "1234", 1, None)).succeeded());
    let (request, asset) = (book.request(), Asset::Points);
    book.operation(Command::Credit(Credit { request, member: three, asset, amount: 55 }));
    let known = Command::Acknowledge(book.ask(1, 0).caller, vec![paid.request_id]);
    book.decided(known);
    administer(book, (three, four));
}

fn hold(book: &TestBook, member: MemberNumber, kind: OperationKind) {
    let held = book.operation(book.pay(book.ask(3, 5), &book.code(member), 900, Some(600)));
    assert!(book.operation(book.settle(book.ask(4, 6), kind, held.id, 300)).succeeded());
}

/// Everything else that is booked; the last commit creates a merchant.
fn administer(book: &TestBook, (three, four): (MemberNumber, MemberNumber)) {
    book.administer(Act::FreezeMember(three));
    book.administer(Act::UnfreezeMember(three));
    book.administer(Act::RotateCodeSecret(three, [9; 32]));
    let first = book.member(three).device;
    book.enrol(three);
    book.administer(Act::EndDevice(first));
    let late = book.paid(four, 6, 800);
    book.administer(Act::EndDevice(book.member(four).device));
    book.administer(Act::CloseMember(four));
    let refund = book.settle(book.ask(6, 9), OperationKind::Refund, late.id, 800);
    assert!(book.operation(refund).succeeded());
    book.administer(Act::CreateLink(three, [8; 32], book.clock.now().plus_ms(1000)));
    let terminal = TerminalNumber(7);
    book.administer(Act::SuspendTerminal(terminal));
    book.administer(Act::ResumeTerminal(terminal));
    book.administer(Act::RotateTerminalKey(terminal, book.clock.now()));
    book.administer(Act::SuspendTerminal(TerminalNumber(8)));
    let everything = (Capability::Payment, Scope::Everything, 0);
    let shut =
        |(capability, scope, subject)| Act::CloseSwitch(capability, scope, subject, Instant(0));
    book.administer(shut(everything));
    book.administer(Act::OpenSwitch(everything.0, everything.1, everything.2));
    book.administer(shut((Capability::Payment, Scope::Store, 4)));
    for _ in 0..2 {
        let (merchant, url) = (MerchantNumber(1), "https://shop.example/hooks".to_owned());
        book.administer(Act::CreateWebhook { merchant, url, loopback: false });
    }
    book.administer(Act::RotateWebhookSecret(WebhookNumber(1), book.clock.now()));
    book.administer(Act::EndWebhook(WebhookNumber(2)));
    book.administer(Act::CreateMerchant("the last one".to_owned()));
}

/// A small book with a life behind it, put away.
pub(crate) fn lived(db: &TestDatabase) -> TestBook {
    let book = TestBook::create(&db.database, 4);
    live(&book);
    book.book.close();
    book
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_node_whose_clock_is_behind_opens_and_suspends_after_what_it_saw() {
    let Some(db) = TestDatabase::postgres("clock_behind") else { return };
    let one = TestBook::create(&db.database, 2);
    let behind = yaoki_store::testing::TestClock::default();
    let two = TestBook::open(&db.database, behind, "second");
    for round in 1..=5 {
        one.clock.advance_ms(400);
        let (capability, scope) = (Capability::Payment, Scope::Everything);
        one.administer(Act::CloseSwitch(capability, scope, 0, Instant(0)));
        two.administer(Act::OpenSwitch(capability, scope, 0));
        one.administer(Act::RotateTerminalKey(TerminalNumber(1), Instant(round)));
        two.administer(Act::RotateTerminalKey(TerminalNumber(1), Instant(100 + round)));
    }
    assert!(two.paid(MemberNumber(1), 2, 10).succeeded());
    must_be_clean(&db);
}

on_both_storages! {
    fn a_book_that_nobody_touched_is_clean(db: &mut TestDatabase) {
        lived(db);
        let report = must_be_clean(db);
        let counts = &report.counts;
        let all = [
            counts.batches, counts.operations, counts.transfers, counts.events,
            counts.acknowledgements, counts.members, counts.devices, counts.links,
            counts.payment_states, counts.directory, counts.balances, counts.ledger_list,
            counts.tallies,
        ];
        assert!(all.iter().all(|&count| count > 0), "everything was there to be checked: {report}");
        assert_eq!((counts.members, counts.devices, counts.links), (4, 5, 6));
    }

    fn a_new_book_and_one_without_lanes_are_clean(db: &mut TestDatabase) {
        let clock = yaoki_store::testing::TestClock::default();
        yaoki_store::create(
            &db.database,
            yaoki_store::BookKind::Demo,
            yaoki_core::money::Currency::JPY,
            "Asia/Tokyo",
            clock.now(),
        ).expect("the book can be made");
        must_be_clean(db);
        TestBook::open(&db.database, clock, "first").book.close();
        must_be_clean(db);
    }

    fn a_book_whose_ledger_is_not_followed_to_its_end_is_clean(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 4);
        for round in 0..20 {
            book.paid(MemberNumber(1 + round % 4), 1 + round % 8, 10);
            // While it serves: one snapshot is read.
            must_be_clean(db);
        }
    }

    fn what_many_commits_add_to_an_account_is_counted_once(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        // More than one chunk of list entries, written between batches and while nobody waits.
        let member = MemberNumber(1);
        for _ in 0..3 {
            let credit = |_| {
                let (request, asset) = (book.request(), Asset::Money);
                Command::Credit(Credit { request, member, asset, amount: 1 })
            };
            book.submit_all((0..3000).map(credit).collect());
            std::thread::park_timeout(std::time::Duration::from_millis(1200));
        }
        book.book.close();
        must_be_clean(db);
    }

    fn a_checkpoint_in_the_book_is_compared_with_its_commits(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        for _ in 0..3 {
            let anchor = anchor(db, book.clock.now());
            book.administer(Act::Checkpoint(anchor.text(), anchor.signature));
        }
        assert_eq!(must_be_clean(db).counts.checkpoints, 3);
        let mut anchor = anchor(db, book.clock.now());
        anchor.heads[0].2 = [1; 32];
        let event = book.administer(Act::Checkpoint(anchor.text(), anchor.signature));
        let report = report(db, &[]);
        let first = report.first().expect("the head is another");
        assert!(first.problem.contains(&event.id.0.to_string()), "{first}");
        assert_eq!((first.table, report.found), ("batch", 1));
    }

    fn a_clean_report_says_what_it_proves(db: &mut TestDatabase) {
        let book = lived(db);
        let without = must_be_clean(db).to_string();
        assert!(without.contains("nothing is wrong"), "{without}");
        let proof = "consistent with itself; not proof against someone who could rewrite all of it";
        assert!(without.contains(proof), "{without}");
        let anchor = anchor(db, book.clock.now());
        let report = report(db, std::slice::from_ref(&anchor));
        let with = report.to_string();
        assert!(report.is_clean() && !with.contains(proof), "{with}");
        assert!(with.contains("compared with 1 anchors"), "{with}");
        let mut forged = anchor;
        forged.signature[0] ^= 1;
        let report = crate::verify::report(db, &[forged]);
        assert_eq!(report.first().map(|first| first.table), Some("anchor"), "{report}");
    }

    fn many_findings_are_counted_and_the_first_hundred_named(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 120);
        book.book.close();
        let mut conn = db.connect(Purpose::Admin);
        conn.run_script("UPDATE member SET points = points + 1").expect("it can be changed");
        let report = report(db, &[]);
        assert_eq!((report.found, report.findings.len()), (121, 100));
        assert_eq!(report.findings[0].key, "1");
        assert!(report.to_string().contains("and 21 more"), "{report}");
    }
}
