//! Members who sign up, add devices, change what they prove themselves with, and recover: saved,
//! read back, verified, tampered with, and backed up.

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::facts::Event;
use yaoki_core::identity::CHALLENGE_MS;
use yaoki_core::identity::act::{By, Identity, IdentityAct, NewDevice, Tokens};
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::identity::contact::{Contact, ContactState};
use yaoki_core::identity::credential::{
    Credential, CredentialKind, CredentialState, NewCredential,
};
use yaoki_core::identity::people::Consent;
use yaoki_core::identity::recovery::{Recovery, RecoveryState};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::message::{Address, Channel, Language};

use yaoki_core::state::{Device, DeviceState, Evidence, Verification};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_store::backup::{RestoreOptions, backup, restore};
use yaoki_store::conn::{Conn, Purpose as Use};
use yaoki_store::on_both_storages;
use yaoki_store::table::{
    CONTACTS_OF_MEMBER, CREDENTIALS_OF_MEMBER, DEVICES_OF_MEMBER, Lookup, RECOVERIES_OF_MEMBER,
    Record,
};
use yaoki_store::testing::{TestBook, TestDatabase};
use yaoki_store::verify::Finding;

use crate::verify::{must_be_clean, report};

pub(crate) const CODE: &str = "12345678";
pub(crate) const TOKEN: [u8; 32] = [0x7C; 32];

pub(crate) fn digest(name: &str) -> [u8; 32] {
    *blake3::hash(name.as_bytes()).as_bytes()
}

pub(crate) fn device(name: &str) -> NewDevice {
    let mut public_key = [4; 65];
    public_key[1..33].copy_from_slice(&digest(name));
    NewDevice { public_key, label: name.to_owned(), secret: digest(&format!("of {name}")) }
}

pub(crate) fn factor(kind: CredentialKind, name: &str) -> NewCredential {
    let found = matches!(kind, CredentialKind::Passkey | CredentialKind::ExternalId);
    let lookup = if found { digest(name).to_vec() } else { Vec::new() };
    let secret = format!("secret of {name}").into_bytes();
    NewCredential { kind, lookup, secret, label: name.to_owned() }
}

/// The command of an act under a request id of its own.
pub(crate) fn command(book: &TestBook, member: MemberNumber, by: By, act: IdentityAct) -> Command {
    let request = book.request();
    Command::Identity(Identity { request, member, by, tokens: Tokens::default(), act })
}

pub(crate) fn of_browser(
    book: &TestBook,
    member: MemberNumber,
    key: &str,
    act: IdentityAct,
) -> Command {
    command(book, member, By::Browser(digest(key)), act)
}

pub(crate) fn event(book: &TestBook, command: Command) -> Event {
    match book.decided(command) {
        Outcome::Done { event, replayed: false } => event,
        other => panic!("no new event: {other:?}"),
    }
}

/// The challenge of a browser that asks for a code.
pub(crate) fn asked(
    book: &TestBook,
    member: MemberNumber,
    (purpose, key): (Purpose, &str),
    address: &str,
) -> Challenge {
    let recovers = matches!(purpose, Purpose::RecoverByMail | Purpose::RecoverByPhone);
    Challenge {
        id: Challenge::id_of(purpose, &digest(key)),
        purpose,
        member,
        channel: if address.starts_with('+') { Channel::Sms } else { Channel::Mail },
        contact: digest(address),
        address: Address(if recovers { String::new() } else { address.to_owned() }),
        language: Language::Japanese,
        code: digest(CODE),
        tries: 0,
        message: [0; 32],
        state: ChallengeState::Waiting,
        expires_at: book.clock.now().plus_ms(CHALLENGE_MS),
    }
}

/// A browser asks for a code and types it: the challenge that is confirmed.
pub(crate) fn proved(
    book: &TestBook,
    (member, by): (MemberNumber, By),
    (purpose, key): (Purpose, &str),
    address: &str,
) -> [u8; 32] {
    let challenge = asked(book, member, (purpose, key), address);
    let id = challenge.id;
    let open = IdentityAct::OpenChallenge(challenge, CODE.to_owned());
    book.decided(command(book, member, by, open));
    let wrong = IdentityAct::TryChallenge(id, digest("87654321"));
    let typed = book.decided(command(book, member, by, wrong));
    assert!(matches!(typed, Outcome::Challenged(row) if row.tries == 1), "a wrong code");
    let right = IdentityAct::TryChallenge(id, digest(CODE));
    let typed = book.decided(command(book, member, by, right));
    assert!(matches!(typed, Outcome::Challenged(row) if row.state == ChallengeState::Confirmed));
    id
}

/// The command by which a browser with this key becomes a member.
pub(crate) fn sign_up(book: &TestBook, key: &str, address: &str, passkey: &str) -> Command {
    let browser = By::Browser(digest(key));
    let challenge = proved(book, (MemberNumber::NONE, browser), (Purpose::SignUp, key), address);
    let factor = factor(CredentialKind::Passkey, passkey);
    let act = IdentityAct::SignUp { challenge, device: device(key), factor, terms: 1 };
    of_browser(book, MemberNumber::NONE, key, act)
}

/// A member with a device that is signed in.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) member: MemberNumber,
    device: FactId,
    session: FactId,
}

impl Person {
    pub(crate) fn new(book: &TestBook, name: &str) -> Self {
        let mail = format!("{name}@a.example");
        let created = event(book, sign_up(book, name, &mail, &format!("passkey of {name}")));
        let member = MemberNumber(created.subject);
        let device = book.member(member).device;
        Self { member, device, session: device }
    }

    fn by(self) -> By {
        By::Device { device: self.device, session: self.session }
    }

    pub(crate) fn command(self, book: &TestBook, act: IdentityAct) -> Command {
        command(book, self.member, self.by(), act)
    }

    pub(crate) fn does(self, book: &TestBook, act: IdentityAct) -> Event {
        event(book, self.command(book, act))
    }

    fn verifies(self, book: &TestBook) {
        self.does(book, IdentityAct::Verify(Verification::Passkey, None));
    }

    /// An invitation of the member's, redeemed by a browser with this key.
    pub(crate) fn invites(self, book: &TestBook, key: &str) -> FactId {
        let link = digest(&format!("invitation of {key}"));
        self.does(book, IdentityAct::Invite(link, book.clock.now().plus_ms(60_000)));
        let redeem = IdentityAct::RedeemInvitation(link, device(key));
        FactId(event(book, of_browser(book, MemberNumber::NONE, key, redeem)).object)
    }

    fn adds_address(self, book: &TestBook, address: &str) {
        let purpose = (Purpose::AddContact, address);
        let challenge = proved(book, (self.member, self.by()), purpose, address);
        self.does(book, IdentityAct::AddContact(challenge));
    }

    pub(crate) fn factor(self, conn: &mut Conn, kind: CredentialKind) -> Credential {
        let all: Vec<Credential> =
            conn.find_by(&CREDENTIALS_OF_MEMBER, &[self.member]).expect("factors can be read");
        let found = all.into_iter().rfind(|row| row.kind == kind);
        found.expect("the member has one")
    }

    /// The command that starts a recovery by recovery code and mail, and the key it is bound to.
    pub(crate) fn recovers(
        self,
        book: &TestBook,
        (key, mail): (&str, &str),
        code: (FactId, i64),
    ) -> Command {
        let browser = By::Browser(digest(key));
        let purpose = (Purpose::RecoverByMail, key);
        let challenge = proved(book, (self.member, browser), purpose, mail);
        let act = IdentityAct::StartRecovery {
            challenges: vec![challenge],
            code: Some(code),
            passkey: None,
            token: TOKEN,
            binding: digest(key),
        };
        of_browser(book, self.member, key, act)
    }
}

/// Everything that a member does; ends with a recovery. Returns who lived.
fn live(book: &TestBook, db: &TestDatabase) -> Person {
    let person = Person::new(book, "aoi");
    person.adds_address(book, "+819012345678");
    for kind in [CredentialKind::Totp, CredentialKind::RecoveryCodes, CredentialKind::Password] {
        person.does(book, IdentityAct::AddFactor(factor(kind, kind.name())));
    }
    person.does(book, IdentityAct::AddFactor(factor(CredentialKind::Password, "another")));
    let new = person.invites(book, "tablet");
    person.does(book, IdentityAct::ApproveDevice(new, None));
    person.does(book, IdentityAct::MovePayingRight(new, [5; 32]));
    person.does(book, IdentityAct::MovePayingRight(person.device, [6; 32]));
    let mut conn = db.connect(Use::Admin);
    let passkey = person.factor(&mut conn, CredentialKind::Passkey).id;
    let totp = person.factor(&mut conn, CredentialKind::Totp).id;
    let codes = person.factor(&mut conn, CredentialKind::RecoveryCodes).id;
    let add = IdentityAct::AddDevice(passkey, device("laptop"));
    let laptop = FactId(event(book, of_browser(book, person.member, "laptop", add)).object);
    person.does(book, IdentityAct::RefusePayingRight(laptop));
    let acknowledged = IdentityAct::AddEvidence(laptop, Evidence::NoticeAcknowledged);
    event(book, command(book, person.member, By::Message, acknowledged));
    let verified = Verification::PasswordAndFactor;
    let restore = IdentityAct::RestoreDevice(laptop, device("again"), verified, Some((totp, 9)));
    event(book, of_browser(book, person.member, "again", restore));
    person.does(book, IdentityAct::EndDevice(laptop));
    let phone = digest("+819012345678");
    person.does(book, IdentityAct::EndContact(phone));
    event(book, command(book, person.member, By::Message, IdentityAct::ReturnContact(phone)));
    person.does(book, IdentityAct::Unfreeze);
    person.does(book, IdentityAct::EndFactor(totp));
    person.does(book, IdentityAct::Consent(2));
    recover(book, person, codes);
    person
}

/// A recovery that is contested and cancelled, and one that is finished.
fn recover(book: &TestBook, person: Person, codes: FactId) {
    book.clock.advance_ms(8 * DAY_MS);
    let mail = "aoi@a.example";
    let begun = event(book, person.recovers(book, ("found", mail), (codes, 3)));
    let contest = IdentityAct::ContestRecovery(begun.id);
    event(book, command(book, person.member, By::Message, contest));
    person.verifies(book);
    person.does(book, IdentityAct::CancelRecovery(begun.id));
    person.does(book, IdentityAct::Unfreeze);
    let begun = event(book, person.recovers(book, ("lost", mail), (codes, 4)));
    book.clock.advance_ms(2 * DAY_MS);
    let finish = IdentityAct::FinishRecovery(begun.id, TOKEN, device("lost"), Instant(0));
    event(book, of_browser(book, person.member, "lost", finish));
}

/// A book in which a member has lived.
fn lived(db: &TestDatabase) -> (TestBook, Person) {
    let book = TestBook::create(&db.database, 2);
    let person = live(&book, db);
    book.book.close();
    (book, person)
}

/// The member's rows.
fn of<T: Record>(conn: &mut Conn, by: &Lookup<T>, person: Person) -> Vec<T> {
    conn.find_by(by, &[person.member]).expect("rows can be read")
}

/// Changes a row behind the book's back: `verify` names it. Then it is as it was.
fn must_be_found<T: Record>(db: &TestDatabase, (was, changed): (&T, &T), key: &str) {
    let put = |row: &T| {
        let written = db.connect(Use::Admin).upsert(&[row]).expect("it can be written");
        assert_eq!(written, 1);
    };
    put(changed);
    let report = report(db, &[]);
    let named = |found: &Finding| found.table == T::TABLE && found.key == key;
    assert!(report.findings.iter().any(named), "{} {key}:\n{report}", T::TABLE);
    put(was);
}

fn hex(digest: [u8; 32]) -> String {
    let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

on_both_storages! {
    fn what_a_member_has_done_is_there_and_verifies_clean(db: &mut TestDatabase) {
        let (_book, person) = lived(db);
        must_be_clean(db);
        let conn = &mut db.connect(Use::Admin);
        let devices = of::<Device>(conn, &DEVICES_OF_MEMBER, person);
        let active: Vec<&Device> = devices.iter().filter(|row| row.is_active()).collect();
        assert_eq!((devices.len(), active.len()), (4, 1));
        assert_eq!(active[0].label, "lost");
        let contacts = of::<Contact>(conn, &CONTACTS_OF_MEMBER, person);
        assert!(contacts.len() == 2 && contacts.iter().all(Contact::is_active));
        let factors = of::<Credential>(conn, &CREDENTIALS_OF_MEMBER, person);
        let codes = factors.iter().find(|row| row.kind == CredentialKind::RecoveryCodes).unwrap();
        assert_eq!(codes.used, 0b11000);
        let ended = factors.iter().filter(|row| row.state == CredentialState::Ended);
        assert_eq!(ended.count(), 2, "the first password, and what was removed");
        let recoveries = of::<Recovery>(conn, &RECOVERIES_OF_MEMBER, person);
        let mut states: Vec<RecoveryState> = recoveries.iter().map(|row| row.state).collect();
        states.sort();
        assert_eq!(states, [RecoveryState::Cancelled, RecoveryState::Finished]);
        let consent = conn.find::<Consent, _>(&[person.member]).unwrap().remove(0);
        assert_eq!(consent.terms, 2);
    }

    fn a_changed_device_is_found(db: &mut TestDatabase) {
        let (_book, person) = lived(db);
        let all = of::<Device>(&mut db.connect(Use::Admin), &DEVICES_OF_MEMBER, person);
        let ended = all.iter().find(|row| row.state == DeviceState::Ended).unwrap();
        let row = all.iter().find(|row| row.is_active()).unwrap();
        let changed = [
            Device { session: FactId(row.session.0 + 1), ..row.clone() },
            Device { evidence: 15, ..row.clone() },
            Device { pays_since: Instant(1), ..row.clone() },
            Device { pays_from: Instant(1), ..row.clone() },
            Device { counts_from: Instant(1), ..row.clone() },
            Device { verified_at: Instant(i64::MAX), ..row.clone() },
            Device { public_key: vec![6; 65], ..row.clone() },
            Device { label: "another".to_owned(), ..row.clone() },
            Device { member: MemberNumber(1), ..row.clone() },
        ];
        for changed in &changed {
            must_be_found(db, (row, changed), &row.id.0.to_string());
        }
        let revived = Device { state: DeviceState::Active, ..ended.clone() };
        must_be_found(db, (ended, &revived), &ended.id.0.to_string());
        must_be_clean(db);
    }

    fn a_changed_factor_is_found(db: &mut TestDatabase) {
        let (_book, person) = lived(db);
        let all = of::<Credential>(&mut db.connect(Use::Admin), &CREDENTIALS_OF_MEMBER, person);
        let of_kind = |kind| all.iter().rfind(|row: &&Credential| row.kind == kind).unwrap();
        let (passkey, codes) =
            (of_kind(CredentialKind::Passkey), of_kind(CredentialKind::RecoveryCodes));
        let totp = of_kind(CredentialKind::Totp);
        let changed = [
            (passkey, Credential { secret: b"a thief's".to_vec(), ..passkey.clone() }),
            (passkey, Credential { lookup: vec![1; 32], ..passkey.clone() }),
            (passkey, Credential { state: CredentialState::Ended, ..passkey.clone() }),
            (codes, Credential { used: 0, ..codes.clone() }),
            (totp, Credential { state: CredentialState::Active, ..totp.clone() }),
            (totp, Credential { kind: CredentialKind::Password, ..totp.clone() }),
        ];
        for (row, changed) in &changed {
            must_be_found(db, (*row, changed), &row.id.0.to_string());
        }
        must_be_clean(db);
    }

    fn a_changed_address_recovery_or_consent_is_found(db: &mut TestDatabase) {
        let (_book, person) = lived(db);
        let conn = &mut db.connect(Use::Admin);
        let row = of::<Contact>(conn, &CONTACTS_OF_MEMBER, person).remove(0);
        let channel = Channel::ALL[usize::from(row.channel == Channel::Mail)];
        let changed = [
            Contact { member: MemberNumber(1), ..row.clone() },
            Contact { state: ContactState::Ended, ..row.clone() },
            Contact { since: FactId(1), ..row.clone() },
            Contact { channel, ..row.clone() },
        ];
        for changed in &changed {
            must_be_found(db, (&row, changed), &hex(row.digest));
        }
        let all = of::<Recovery>(conn, &RECOVERIES_OF_MEMBER, person);
        let row = all.iter().find(|row| row.state == RecoveryState::Cancelled).unwrap();
        let changed = [
            Recovery { state: RecoveryState::Waiting, ..row.clone() },
            Recovery { token: [1; 32], ..row.clone() },
            Recovery { binding: [1; 32], ..row.clone() },
            Recovery { contested: 0, ..row.clone() },
            Recovery { proofs: 31, ..row.clone() },
        ];
        for changed in &changed {
            must_be_found(db, (row, changed), &row.id.0.to_string());
        }
        let row = conn.find::<Consent, _>(&[person.member]).unwrap().remove(0);
        let changed = Consent { terms: 9, ..row.clone() };
        must_be_found(db, (&row, &changed), &person.member.0.to_string());
        must_be_clean(db);
    }

    fn a_deleted_row_of_a_member_is_found(db: &mut TestDatabase) {
        let (_book, _person) = lived(db);
        for table in ["device", "credential", "contact", "recovery", "consent"] {
            let conn = &mut db.connect(Use::Admin);
            let text = format!("CREATE TABLE kept AS SELECT * FROM {table}; DELETE FROM {table}");
            conn.run_script(&text).unwrap();
            let report = report(db, &[]);
            assert!(report.findings.iter().any(|found| found.table == table), "{table}: {report}");
            let back = format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept");
            conn.run_script(&back).unwrap();
        }
        must_be_clean(db);
    }

    fn an_act_is_answered_once_also_by_the_node_that_comes_after(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let joins = sign_up(&book, "aoi", "aoi@a.example", "passkey");
        let created = event(&book, joins.clone());
        let member = MemberNumber(created.subject);
        let device = book.member(member).device;
        let person = Person { member, device, session: device };
        let freeze = person.command(&book, IdentityAct::Freeze);
        let frozen = event(&book, freeze.clone());
        let clock = book.clock.clone();
        book.book.close();
        drop(book);
        let again = TestBook::open(&db.database, clock, "first");
        for (command, first) in [(joins, created), (freeze, frozen)] {
            let Outcome::Done { event, replayed: true } = again.decided(command) else {
                panic!("it was decided before")
            };
            assert_eq!(event, first);
        }
        again.book.close();
        must_be_clean(db);
    }

    fn a_backup_carries_what_members_prove_themselves_with(db: &mut TestDatabase) {
        let (book, person) = lived(db);
        let file = db.folder().join("people.backup");
        backup(&db.database, &file, &mut |_| {}).unwrap();
        let now = book.clock.now().plus_ms(60_000);
        let target = TestDatabase::sqlite("people_restored");
        let options = RestoreOptions {
            actor: "one".to_owned(),
            reason: "the disk burned".to_owned(),
            now,
            anchors: Vec::new(),
            progress: &mut |_| {},
        };
        restore(&file, &target.database, options).unwrap();
        must_be_clean(&target);
        let (from, to) = (&mut db.connect(Use::Admin), &mut target.connect(Use::Admin));
        let secrets = |conn: &mut Conn| {
            let mut all = of::<Credential>(conn, &CREDENTIALS_OF_MEMBER, person);
            all.sort_by_key(|row| row.id);
            let mut contacts = of::<Contact>(conn, &CONTACTS_OF_MEMBER, person);
            contacts.sort_by_key(|row| row.digest);
            (all, contacts)
        };
        assert_eq!(secrets(from), secrets(to));
    }
}
