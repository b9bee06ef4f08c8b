//! Rows: what goes in comes out, what is there stays, what is held is passed over.

use std::collections::BTreeSet;
use std::fmt::Debug;

use yaoki_core::account::Account;
use yaoki_core::act::ActKind;
use yaoki_core::clerk::{Clerk, ClerkState};
use yaoki_core::facts::{
    Acknowledgement, Batch, Effect, Event, EventKind, Operation, OperationKind, Transfer,
};
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose as Asked};
use yaoki_core::identity::contact::{Contact, ContactState};
use yaoki_core::identity::credential::{Credential, CredentialKind, CredentialState};
use yaoki_core::identity::people::{Consent, PaymentProof};
use yaoki_core::identity::recovery::{Recovery, RecoveryState};
use yaoki_core::ids::{
    ClerkNumber, FactId, LaneNumber, MemberNumber, MerchantNumber, OperatorNumber, RequestId,
    RequestKey, StoreNumber, TerminalNumber, WebhookNumber,
};
use yaoki_core::message::{
    Address, Argument, Arguments, Channel, Confirmation, Language, Message, MessageState, Purse,
    Template,
};
use yaoki_core::money::Currency;
use yaoki_core::operator::{
    Operator, OperatorLink, OperatorPasskey, OperatorState, PasskeyState, Roles, Sealed,
};
use yaoki_core::proposal::{Proposal, ProposalState};
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::state::{
    CodeSecret, Device, DeviceState, EnrolmentLink, EnrolmentWay, Lane, Member, MemberState,
    Merchant, PaymentState, PaymentStatus, Store, Terminal,
};
use yaoki_core::switches::{Capability, Scope, Switch};
use yaoki_core::time::{BusinessDate, Instant};
use yaoki_core::top_up::{Card, CardState, Rail, ThreeDSecure, TopUp, TopUpState};
use yaoki_core::webhook::{Webhook, WebhookState};
use yaoki_store::conn::{LockMode, Purpose};
use yaoki_store::table::{
    Balance, Book, DeviceSeen, EVENT_BY_REQUEST, Key, LedgerList, OPERATION_BY_REQUEST, Position,
    Record, Switchboard, TABLES, Tally, TallyOutcome,
};
use yaoki_store::{BookKind, Conn, on_both_storages};

/// As large as an id or an amount can be.
const LARGE: i64 = i64::MAX;

fn operation(id: i64) -> Operation {
    let mut request = [0xff; 16];
    request[8..].copy_from_slice(&id.to_be_bytes());
    Operation {
        id: FactId(id),
        seq: LARGE,
        request_id: RequestId(request),
        terminal: TerminalNumber(3),
        kind: OperationKind::Reverse,
        refusal: 0,
        effect: Effect::GaveBack,
        fingerprint: [0; 16],
        member: MemberNumber(9_999_999_999),
        amount: LARGE,
        held_change: -LARGE,
        epoch: 5,
        payment: FactId(6),
        previous: FactId(8),
        expires_at: Instant(7),
        business_date: BusinessDate(20_700),
    }
}

fn event(id: i64) -> Event {
    let mut request = [7; 16];
    request[8..].copy_from_slice(&id.to_be_bytes());
    Event {
        id: FactId(id),
        seq: 1,
        request_id: RequestId(request),
        kind: EventKind::CodeSecretRotated,
        subject: -LARGE,
        object: 2,
        number: 3,
        digest: vec![0, 1, 255],
        actor: "店員 'x'; --".to_owned(),
        second: String::new(),
        text: "\u{10ffff}".to_owned(),
    }
}

fn member(number: i64) -> Member {
    let mut member = Member::new(MemberNumber(number));
    member.state = MemberState::Frozen;
    member.money = LARGE;
    member.code_secret = CodeSecret([0xfe; 32]);
    member.last_id = FactId(LARGE);
    member
}

/// Inserts a row, finds it, and notes that its table was tried.
fn comes_back<T, K>(conn: &mut Conn, tried: &mut BTreeSet<&'static str>, row: &T, key: K)
where
    T: Record + PartialEq + Debug + Clone,
    K: Key,
{
    assert_eq!(conn.insert(&[row]).expect("a row goes in"), 1, "{}", T::TABLE);
    let found = conn.find::<T, K>(&[key]).expect("rows can be found");
    assert_eq!(found, std::slice::from_ref(row));
    tried.insert(T::TABLE);
}

fn facts_come_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    comes_back(conn, tried, &operation(LARGE), FactId(LARGE));
    comes_back(conn, tried, &event(LARGE), FactId(LARGE));
    let (member, id) = (MemberNumber(9_999_999_999), FactId(LARGE));
    let (debit, credit) = (Account::money(member), Account::payable(StoreNumber(77)));
    let (kind, operation) = (OperationKind::Pay, FactId(LARGE - 1));
    let transfer = Transfer { member, id, debit, credit, amount: 1, kind, operation, seq: 4 };
    comes_back(conn, tried, &transfer, id);
    let fact = Acknowledgement { operation: FactId(9), lane: LaneNumber(1023), seq: 2 };
    comes_back(conn, tried, &fact, FactId(9));
    let (lane, at, head) = (LaneNumber(1023), Instant(LARGE), [9; 32]);
    let (first_id, last_id) = (FactId(1), FactId(LARGE));
    let batch = Batch { lane, seq: LARGE, at, first_id, last_id, facts: 256, head };
    comes_back(conn, tried, &batch, (lane, LARGE));
}

fn members_and_lanes_come_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    comes_back(conn, tried, &member(9_999_999_999), MemberNumber(9_999_999_999));
    let (id, member) = (FactId(LARGE), MemberNumber(1));
    let state = DeviceState::Ended;
    let device = Device {
        id,
        member,
        public_key: vec![4; 65],
        state,
        way: EnrolmentWay::Recovery,
        label: "Safari on iPhone".to_owned(),
        session: FactId(LARGE),
        verified_at: Instant(LARGE),
        evidence: 15,
        pays_since: Instant(LARGE),
        pays_from: Instant(-1),
        counts_from: Instant(LARGE),
    };
    comes_back(conn, tried, &device, id);
    let (digest, expires_at) = ([0; 32], Instant(-1));
    let (device, inviter) = (FactId::NONE, FactId(LARGE));
    let link = EnrolmentLink { digest, member, expires_at, device, inviter };
    comes_back(conn, tried, &link, digest);
    let (held, captured, refunded) = (1, 2, 3);
    let (payment, status) = (FactId(LARGE), PaymentStatus::Authorized);
    let state = PaymentState { payment, member, status, held, captured, refunded, expires_at };
    comes_back(conn, tried, &state, payment);
    let (id, holder) = (LaneNumber(1023), "ノード".to_owned());
    let (last_at, last_id) = (Instant(LARGE), FactId(LARGE));
    let (seq, generation) = (LARGE, LARGE);
    let lane = Lane { id, seq, head: [255; 32], last_at, last_id, holder, generation };
    comes_back(conn, tried, &lane, id);
}

fn people_come_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    let (id, member, label) = (FactId(LARGE), MemberNumber(9_999_999_999), "鍵".to_owned());
    let (kind, state) = (CredentialKind::RecoveryCodes, CredentialState::Ended);
    let (lookup, secret, used) = (vec![0; 32], vec![255; 4], LARGE);
    let factor = Credential { id, member, kind, state, lookup, secret, used, label };
    comes_back(conn, tried, &factor, id);
    let (digest, channel, language) = ([0; 32], Channel::Sms, Language::English);
    let contact = Contact {
        digest,
        member,
        channel,
        address: Address("+819012345678".to_owned()),
        language,
        state: ContactState::Ended,
        since: id,
        ended_at: Instant(LARGE),
        returned_at: Instant(LARGE),
    };
    comes_back(conn, tried, &contact, digest);
    let (state, proofs, contested) = (RecoveryState::WithStaff, 31, LARGE);
    let (token, binding) = ([0; 32], [255; 32]);
    let recovery = Recovery { id, member, state, proofs, token, binding, contested };
    comes_back(conn, tried, &recovery, id);
    comes_back(conn, tried, &Consent { member, terms: LARGE, event: id }, member);
    let proof = PaymentProof { payment: id, member, device: id, proof: vec![0, 255] };
    comes_back(conn, tried, &proof, id);
    let challenge = Challenge {
        id: digest,
        purpose: Asked::RecoverByPhone,
        member,
        channel,
        contact: digest,
        address: Address(String::new()),
        language,
        code: [7; 32],
        tries: LARGE,
        message: [0; 32],
        state: ChallengeState::Spent,
        expires_at: Instant(LARGE),
    };
    comes_back(conn, tried, &challenge, digest);
    let network = "2001:db8::/48".to_owned();
    comes_back(conn, tried, &DeviceSeen { device: id, at: Instant(LARGE), network }, id);
}

fn shops_and_the_book_come_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    let (number, name) = (MerchantNumber(1), "八百屋".to_owned());
    comes_back(conn, tried, &Merchant { number, name: name.clone() }, 1_i64);
    let (merchant, number) = (number, StoreNumber(LARGE));
    let place = "東京都港区".to_owned();
    let (cutoff_minutes, clerks) = (-60, LARGE);
    let store = Store {
        number,
        merchant,
        cutoff_minutes,
        name: name.clone(),
        place,
        clerks,
        cash_allotted: -1,
        cash_taken: 0,
    };
    comes_back(conn, tried, &store, LARGE);
    let (store, number, previous_until) = (number, TerminalNumber(1), Instant(LARGE));
    let terminal =
        Terminal { number, store, suspended: 1, generation: 2, previous_until, name: name.clone() };
    comes_back(conn, tried, &terminal, 1_i64);
    let (capability, scope, subject) = (Capability::Payment, Scope::Member, LARGE);
    let (closed_at, lapses_at, actor) = (Instant(1), Instant(0), name.clone());
    let reason = String::new();
    let switch = Switch { capability, scope, subject, closed_at, lapses_at, actor, reason };
    comes_back(conn, tried, &switch, (capability.code(), (scope.code(), subject)));
    let board = Switchboard { id: 2, version: LARGE };
    comes_back(conn, tried, &board, 2_i64);
    let account = Account::SUSPENSE;
    comes_back(conn, tried, &Balance { account, day: -1, amount: -LARGE }, (account, -1_i64));
    let (store, kind, outcome) =
        (StoreNumber(LARGE), OperationKind::Credit, TallyOutcome::Declined);
    let tally = Tally { hour: -1, store, kind, outcome, count: LARGE, amount: -LARGE };
    let key = ((-1_i64, LARGE), (kind.code(), outcome.code()));
    comes_back(conn, tried, &tally, key);
    let webhook = Webhook {
        number: WebhookNumber(LARGE),
        merchant: MerchantNumber(LARGE),
        url: name.clone(),
        state: WebhookState::Ended,
        generation: LARGE,
        previous_until: Instant(LARGE),
    };
    comes_back(conn, tried, &webhook, LARGE);
    let (lane, seq) = (LaneNumber(0), LARGE);
    let position = Position { name: name.clone(), lane, seq };
    comes_back(conn, tried, &position, (name, lane));
    let operation = FactId(LARGE);
    comes_back(conn, tried, &LedgerList { account, operation }, (account, operation));
    money_in_comes_back(conn, tried);
    message_comes_back(conn, tried);
    staff_comes_back(conn, tried);
    let (kind, currency, created_at) = (BookKind::Staging, Currency::JPY, Instant(5));
    let zone = "Asia/Tokyo".to_owned();
    let (code_generation, closed) = (3, 1);
    let book = Book { id: 1, kind, currency, zone, created_at, code_generation, closed };
    comes_back(conn, tried, &book, 1_i64);
}

fn staff_comes_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    let (number, name, since) = (OperatorNumber(LARGE), "葵".to_owned(), FactId(LARGE));
    let (roles, state) = (Roles::ALL, OperatorState::Ended);
    let row = Operator { number, name: name.clone(), roles, state, sessions_since: since };
    comes_back(conn, tried, &row, LARGE);
    let (operator, expires_at) = (number, Instant(-1));
    let link = OperatorLink {
        digest: [255; 32],
        operator,
        made_by: OperatorNumber(LARGE),
        expires_at,
        used: since,
    };
    comes_back(conn, tried, &link, link.digest);
    let (secret, state) = (Sealed(vec![0, 255]), PasskeyState::Ended);
    let passkey = OperatorPasskey {
        lookup: [254; 32],
        id: since,
        operator,
        made_by: OperatorNumber(LARGE),
        secret,
        counter: LARGE,
        state,
    };
    comes_back(conn, tried, &passkey, passkey.lookup);
    let proposal = Proposal {
        id: since,
        kind: ActKind::OpenBook,
        digest: [9; 32],
        act: "{\"act\":\"'; --\"}".to_owned(),
        reason: name.clone(),
        proposer: operator,
        expires_at,
        state: ProposalState::Used,
        decided_by: OperatorNumber(2),
    };
    comes_back(conn, tried, &proposal, since);
    let session = StaffSession {
        id: since,
        operator,
        clerk: ClerkNumber(LARGE),
        terminal: TerminalNumber(LARGE),
        key: [1; 32],
        verified_at: expires_at,
        ended: FactId(1),
    };
    comes_back(conn, tried, &session, since);
    let clerk = Clerk {
        number: ClerkNumber(LARGE),
        store: StoreNumber(1),
        name,
        pin: Sealed(vec![255; 96]),
        tries: LARGE,
        locked_until: Instant(LARGE),
        sessions_since: since,
        last_id: FactId(2),
        state: ClerkState::Ended,
        shift: since,
        cash: LARGE,
        cash_since: Instant(LARGE),
    };
    comes_back(conn, tried, &clerk, clerk.number);
}

fn money_in_comes_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    let (id, member, digest) = (FactId(LARGE), MemberNumber(1), [9; 32]);
    let since = id;
    let card = Card {
        id,
        member,
        state: CardState::Ended,
        device: id,
        trusted: 1,
        place: LARGE,
        fingerprint: digest,
        token: "pm_\u{1}".to_owned(),
        label: "Visa 4242".to_owned(),
    };
    comes_back(conn, tried, &card, id);
    let top_up = TopUp {
        id,
        member,
        rail: Rail::Cash,
        state: TopUpState::Disputed,
        amount: LARGE,
        device: id,
        card: id,
        terminal: TerminalNumber(LARGE),
        secured: ThreeDSecure::Challenge,
        challenge: 1,
        reference: "pi_1".to_owned(),
        reason: LARGE,
        changed_at: Instant(LARGE),
        posted: id,
        disputed: LARGE,
        held_until: Instant(LARGE),
        judged: 1,
        network: vec![0, 255],
    };
    comes_back(conn, tried, &top_up, id);
    let shift = Shift {
        id: since,
        clerk: ClerkNumber(LARGE),
        terminal: TerminalNumber(1),
        float: LARGE,
        allotted: LARGE,
        cash: -1,
        count: LARGE,
        counted: 0,
        closed: FactId(2),
    };
    comes_back(conn, tried, &shift, since);
}

fn message_comes_back(conn: &mut Conn, tried: &mut BTreeSet<&'static str>) {
    let message = Message {
        key: [255; 32],
        member: MemberNumber(9_999_999_999),
        channel: Channel::Sms,
        template: Template::WalletFrozen,
        language: Language::English,
        purse: Purse::Alarms,
        state: MessageState::Suppressed,
        tries: LARGE,
        next_at: Instant(LARGE),
        created_at: Instant(-1),
        admitted_at: Instant(0),
        expires_at: Instant(LARGE),
        confirmation: Confirmation::Given,
        address_digest: [0; 32],
        prefix: "例.example".to_owned(),
        address: Address("誰か@例.example".to_owned()),
        arguments: Arguments::new().with(Argument::Device, "何か = 'x'; --"),
    };
    comes_back(conn, tried, &message, message.key);
}

on_both_storages! {
    fn every_row_comes_back_as_it_went_in(db: &mut TestDatabase) {
        drop(db.migrated());
        let conn = &mut db.connect(Purpose::Lane);
        let mut tried = BTreeSet::new();
        facts_come_back(conn, &mut tried);
        members_and_lanes_come_back(conn, &mut tried);
        people_come_back(conn, &mut tried);
        shops_and_the_book_come_back(conn, &mut tried);
        let all: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
        assert_eq!(tried, all, "every table is tried");
    }

    fn many_rows_are_found_by_either_key_and_those_that_are_not_there_are_left_out(
        db: &mut TestDatabase
    ) {
        let conn = &mut db.migrated();
        let rows: Vec<Operation> = (1..=300).map(operation).collect();
        assert_eq!(conn.insert(&rows.iter().collect::<Vec<_>>()).unwrap(), 300);
        let key = |row: &Operation| RequestKey { request: row.request_id, terminal: row.terminal };
        let mut keys: Vec<RequestKey> = rows.iter().skip(100).map(key).collect();
        keys.push(RequestKey { request: rows[0].request_id, terminal: TerminalNumber(4) });
        let mut found = conn.find_by::<Operation, _>(&OPERATION_BY_REQUEST, &keys).unwrap();
        found.sort_by_key(|row| row.id);
        assert_eq!(found, rows[100..]);
        let ids: Vec<FactId> = (200..=400).map(FactId).collect();
        assert_eq!(conn.find::<Operation, _>(&ids).unwrap().len(), 101);
        conn.insert(&[&event(1), &event(2)]).unwrap();
        let found = conn.find_by::<Event, _>(&EVENT_BY_REQUEST, &[event(2).request_id]).unwrap();
        assert_eq!(found, [event(2)]);
        assert_eq!(conn.find::<Operation, FactId>(&[]).unwrap(), []);
    }

    fn a_row_that_is_there_is_passed_over_and_missing_in_the_count(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let (first, second) = (operation(1), operation(2));
        assert_eq!(conn.insert(&[&first]).unwrap(), 1);
        let mut same_id = operation(3);
        same_id.id = first.id;
        let mut same_request = operation(4);
        same_request.request_id = first.request_id;
        assert_eq!(conn.insert(&[&same_id, &same_request, &second]).unwrap(), 1);
        let ids: Vec<FactId> = (1..=4).map(FactId).collect();
        let mut found = conn.find::<Operation, _>(&ids).unwrap();
        found.sort_by_key(|row| row.id);
        assert_eq!(found, [first, second], "what was there is as it was");
    }

    fn an_update_changes_what_is_there_and_says_how_many(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let (mut one, two) = (member(1), member(2));
        conn.insert(&[&one]).unwrap();
        one.money = 5;
        one.code_secret = CodeSecret([1; 32]);
        assert_eq!(conn.update(&[&one, &two]).unwrap(), 1);
        assert_eq!(conn.find::<Member, _>(&[1, 2]).unwrap(), [one]);
    }

    fn an_upsert_writes_over_what_is_there(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        let position = |seq| Position { name: "roll_up".to_owned(), lane: LaneNumber(1), seq };
        conn.upsert(&[&position(1)]).unwrap();
        conn.upsert(&[&position(2)]).unwrap();
        let found = conn.find::<Position, _>(&[("roll_up".to_owned(), LaneNumber(1))]).unwrap();
        assert_eq!(found, [position(2)]);
        assert_eq!(conn.delete(&position(9)).unwrap(), 1, "a row is deleted by its key");
        assert_eq!(conn.delete(&position(9)).unwrap(), 0);
    }

    fn what_is_rolled_back_was_never_there_and_what_is_committed_is(db: &mut TestDatabase) {
        drop(db.migrated());
        let writer = &mut db.connect(Purpose::Lane);
        let reader = &mut db.connect(Purpose::Reader);
        let mut seen = || reader.find::<Member, _>(&[1_i64]).unwrap().len();
        writer.begin().unwrap();
        writer.insert(&[&member(1)]).unwrap();
        assert_eq!(seen(), 0, "nobody sees what is not committed");
        writer.rollback().unwrap();
        writer.rollback().expect("nothing to roll back is no error");
        assert_eq!(seen(), 0);
        writer.begin().unwrap();
        writer.insert(&[&member(1)]).unwrap();
        writer.commit().unwrap();
        assert_eq!(seen(), 1);
    }

    fn a_reader_sees_one_snapshot_and_changes_nothing(db: &mut TestDatabase) {
        let writer = &mut db.migrated();
        let reader = &mut db.connect(Purpose::Reader);
        reader.begin().unwrap();
        assert_eq!(reader.find::<Member, _>(&[1_i64]).unwrap(), []);
        writer.insert(&[&member(1)]).unwrap();
        assert_eq!(reader.find::<Member, _>(&[1_i64]).unwrap(), [], "the snapshot stands still");
        reader.rollback().unwrap();
        assert_eq!(reader.find::<Member, _>(&[1_i64]).unwrap().len(), 1);
        reader.insert(&[&member(2)]).expect_err("a reader writes nothing");
    }

    fn a_row_that_is_not_ours_is_named(db: &mut TestDatabase) {
        let conn = &mut db.migrated();
        conn.insert(&[&member(12_345)]).unwrap();
        conn.run_script("UPDATE member SET state = 99").unwrap();
        let error = conn.find::<Member, _>(&[12_345_i64]).expect_err("99 is no state");
        let said = error.to_string();
        for part in ["member", "12345", "state", "99"] {
            assert!(said.contains(part), "{said} names {part}");
        }
        assert!(!error.is_conflict() && !error.is_connection_lost(), "{said}");
    }
}

// one storage: an SQLite writer holds the whole file, so nobody else can hold a row.
#[test]
fn rows_that_another_session_holds_are_left_out_or_waited_for() {
    let Some(db) = yaoki_store::testing::TestDatabase::postgres("held_rows") else { return };
    drop(db.migrated());
    let (mut one, mut two) = (db.connect(Purpose::Lane), db.connect(Purpose::Lane));
    one.insert(&[&member(1), &member(2), &member(3)]).unwrap();
    one.begin().unwrap();
    two.begin().unwrap();
    let numbers = |found: Vec<Member>| found.iter().map(|row| row.number.0).collect::<Vec<_>>();
    let held = one.lock::<Member>(&[2_i64], LockMode::Wait).unwrap();
    assert_eq!(numbers(held), [2]);
    let free = two.lock::<Member>(&[1_i64, 2, 3], LockMode::SkipLocked).unwrap();
    assert_eq!(numbers(free), [1, 3], "in the order of the key, without the held one");
    let error = two.lock::<Member>(&[2_i64], LockMode::Wait).expect_err("it waits a second");
    assert!(error.is_conflict(), "{error}");
    two.rollback().unwrap();
    one.commit().unwrap();
}
