//! What the child of [`crate::crash`] does beside paying: people become members, add devices,
//! freeze and begin recoveries, over and over. Each act is said once it was answered, and none that
//! was may be missing after a crash.

use std::time::Duration;

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::facts::Event;
use yaoki_core::identity::act::{By, Identity, IdentityAct, Tokens};
use yaoki_core::identity::challenge::Purpose;
use yaoki_core::identity::credential::CredentialKind;
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::time::Instant;
use yaoki_store::testing::TestBook;
use yaoki_store::{Answer, Part};

use crate::crash::say;
use crate::people::{CODE, TOKEN, asked, device, digest, factor};

/// Asks again under the same request id until the answer is known.
fn known(book: &TestBook, command: &Command) -> Outcome {
    loop {
        let answer = book.book.submit_and_wait(Part::Members, command.clone(), Instant(i64::MAX));
        match answer {
            Answer::Decided(outcome) => return outcome,
            Answer::Unknown(_) => {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            Answer::Refused(refused) => panic!("{command:?}: {refused:?}"),
        }
    }
}

fn identity(book: &TestBook, (member, by): (MemberNumber, By), act: IdentityAct) -> Identity {
    Identity { request: book.request(), member, by, tokens: Tokens::default(), act }
}

/// Does it, and says so.
fn done(book: &TestBook, who: (MemberNumber, By), act: IdentityAct) -> Event {
    let identity = identity(book, who, act);
    let request = identity.request;
    let Outcome::Done { event, .. } = known(book, &Command::Identity(identity)) else {
        panic!("an act becomes an event")
    };
    say(&line(request));
    event
}

/// What is said of an act that was answered.
pub(crate) fn line(request: RequestId) -> String {
    use std::fmt::Write as _;
    request.0.iter().fold(String::from("done "), |mut line, byte| {
        write!(line, "{byte:02x}").expect("text can be written");
        line
    })
}

/// A key asks for a code and types it.
fn proved(
    book: &TestBook,
    (member, purpose, key): (MemberNumber, Purpose, &str),
    address: &str,
) -> [u8; 32] {
    let challenge = asked(book, member, (purpose, key), address);
    let id = challenge.id;
    let who = (member, By::Browser(digest(key)));
    for act in [
        IdentityAct::OpenChallenge(challenge, CODE.to_owned()),
        IdentityAct::TryChallenge(id, digest(CODE)),
    ] {
        known(book, &Command::Identity(identity(book, who, act)));
    }
    id
}

/// One life after another, until the process is ended.
pub(crate) fn live_in_turn(book: &TestBook, thread: i64) {
    let mut turn = 0_u64;
    loop {
        live(book, &format!("{}-{thread}-{turn}", std::process::id()));
        turn += 1;
    }
}

fn live(book: &TestBook, name: &str) {
    let nobody = (MemberNumber::NONE, By::Browser(digest(name)));
    let mail = format!("{name}@a.example");
    let challenge = proved(book, (MemberNumber::NONE, Purpose::SignUp, name), &mail);
    let passkey = factor(CredentialKind::Passkey, name);
    let act = IdentityAct::SignUp { challenge, device: device(name), factor: passkey, terms: 1 };
    let member = MemberNumber(done(book, nobody, act).subject);
    let own = book.member(member).device;
    let by = (member, By::Device { device: own, session: own });
    let tablet = format!("tablet of {name}");
    let link = digest(&tablet);
    done(book, by, IdentityAct::Invite(link, book.clock.now().plus_ms(60_000)));
    let redeem = IdentityAct::RedeemInvitation(link, device(&tablet));
    let joins = (MemberNumber::NONE, By::Browser(digest(&tablet)));
    let added = FactId(done(book, joins, redeem).object);
    done(book, by, IdentityAct::ApproveDevice(added, None));
    done(book, by, IdentityAct::Freeze);
    done(book, by, IdentityAct::Unfreeze);
    let sheet = factor(CredentialKind::RecoveryCodes, name);
    let codes = FactId(done(book, by, IdentityAct::AddFactor(sheet)).object);
    let passkey = book.book.read_and_wait(move |conn| yaoki_store::read::people_of(conn, member));
    let passkey = passkey.expect("it can be read");
    let passkey = passkey.credentials_of(member).find(|row| row.kind == CredentialKind::Passkey);
    let lost = format!("lost {name}");
    let start = IdentityAct::StartRecovery {
        challenges: Vec::new(),
        code: Some((codes, 0)),
        passkey: Some(passkey.expect("he signed up with one").id),
        token: TOKEN,
        binding: digest(&lost),
    };
    let begun = done(book, (member, By::Browser(digest(&lost))), start);
    done(book, by, IdentityAct::CancelRecovery(begun.id));
}
