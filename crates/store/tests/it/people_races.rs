//! What of a member must happen once, done by two nodes at once: PostgreSQL only, as in `races`.

use std::sync::Arc;

use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::identity::act::{By, IdentityAct};
use yaoki_core::identity::challenge::{Challenge, Purpose};
use yaoki_core::identity::credential::CredentialKind;
use yaoki_core::ids::MemberNumber;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Device, DeviceState, Verification};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_store::Answer;
use yaoki_store::conn::Purpose as Use;
use yaoki_store::testing::TestBook;

use crate::lanes::two_nodes::nodes;
use crate::people::{
    Person, TOKEN, command, device, digest, event, factor, of_browser, proved, sign_up,
};
use crate::verify::must_be_clean;

/// Gives each node its command at the same time; their answers.
fn at_once(one: (&Arc<TestBook>, Command), two: (&Arc<TestBook>, Command)) -> [Answer; 2] {
    std::thread::scope(|scope| {
        let running = [one, two].map(|(node, command)| scope.spawn(move || node.submit(command)));
        running.map(|one| one.join().expect("it ends"))
    })
}

/// How many were done, and why the others were not.
fn outcome(answers: &[Answer]) -> (usize, Vec<Refusal>) {
    let mut refusals = Vec::new();
    for answer in answers {
        match answer {
            Answer::Decided(Outcome::Done { .. }) => {}
            Answer::Refused(refused) => refusals.push(refused.refusal),
            other => panic!("not decided: {other:?}"),
        }
    }
    (answers.len() - refusals.len(), refusals)
}

const ROUNDS: usize = 8;

/// Races two commands, each on a node of its own, some rounds; one of them is refused as this says.
fn one_of_two(name: &str, expected: &[Refusal], race: impl Fn(&TestBook, usize) -> [Command; 2]) {
    let Some((database, one, two)) = nodes(name) else { return };
    for round in 0..ROUNDS {
        let [first, second] = race(&one, round);
        let (done, refused) = outcome(&at_once((&one, first), (&two, second)));
        assert_eq!((done, refused.len()), (1, 1), "round {round}: {refused:?}");
        assert!(expected.contains(&refused[0]), "round {round}: {refused:?}");
    }
    drop((one, two));
    must_be_clean(&database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn two_nodes_that_sign_up_with_one_address_make_one_member() {
    one_of_two("address_race", &[Refusal::ChallengeMustBeOpen], |book, round| {
        ["a", "b"].map(|key| {
            let key = format!("{key}{round}");
            let mail = format!("{round}@a.example");
            sign_up(book, &key, &mail, &format!("passkey {key}"))
        })
    });
}

// one storage: two nodes need PostgreSQL
#[test]
fn two_nodes_that_add_one_passkey_add_it_to_one_member() {
    one_of_two("passkey_race", &[Refusal::FactorMustBeFree], |book, round| {
        ["a", "b"].map(|key| {
            let key = format!("{key}{round}");
            sign_up(book, &key, &format!("{key}@a.example"), &format!("passkey {round}"))
        })
    });
}

// one storage: two nodes need PostgreSQL
#[test]
fn two_nodes_that_redeem_one_invitation_make_one_device_wait() {
    let expected = [Refusal::LinkMustBeValid, Refusal::OneDeviceMayWait];
    one_of_two("invitation_race", &expected, |book, round| {
        let person = Person::new(book, &format!("p{round}"));
        let link = digest(&format!("link {round}"));
        person.does(book, IdentityAct::Invite(link, book.clock.now().plus_ms(60_000)));
        ["a", "b"].map(|key| {
            let redeem = IdentityAct::RedeemInvitation(link, device(key));
            of_browser(book, MemberNumber::NONE, key, redeem)
        })
    });
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_recovery_code_is_used_once_on_two_nodes() {
    let Some((database, one, two)) = nodes("code_race") else { return };
    for round in 0..ROUNDS {
        let person = Person::new(&one, &format!("p{round}"));
        person.does(&one, IdentityAct::AddFactor(factor(CredentialKind::RecoveryCodes, "codes")));
        let mut conn = database.connect(Use::Admin);
        let codes = person.factor(&mut conn, CredentialKind::RecoveryCodes).id;
        let verify = IdentityAct::Verify(Verification::PasswordAndFactor, Some((codes, 2)));
        let race = [person.command(&one, verify.clone()), person.command(&two, verify)];
        let [first, second] = race;
        let done = outcome(&at_once((&one, first), (&two, second)));
        assert_eq!(done, (1, vec![Refusal::FactorMustBeUnused]), "round {round}");
    }
    drop((one, two));
    must_be_clean(&database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_device_that_is_approved_and_ended_at_once_is_ended() {
    let Some((database, one, two)) = nodes("approve_race") else { return };
    for round in 0..ROUNDS {
        let person = Person::new(&one, &format!("p{round}"));
        let new = person.invites(&one, &format!("new {round}"));
        let approve = person.command(&one, IdentityAct::ApproveDevice(new, Some([9; 32])));
        let end = person.command(&two, IdentityAct::EndDevice(new));
        let (_, refused) = outcome(&at_once((&one, approve), (&two, end)));
        assert!(refused.iter().all(|refusal| *refusal == Refusal::DeviceMustWait), "{refused:?}");
        let row = database.connect(Use::Admin).find::<Device, _>(&[new]).unwrap().remove(0);
        assert_eq!(row.state, DeviceState::Ended, "round {round}");
        assert_ne!(one.member(person.member).device, new, "round {round}");
    }
    drop((one, two));
    must_be_clean(&database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn a_recovery_is_finished_once_on_two_nodes() {
    let Some((database, one, two)) = nodes("recovery_race") else { return };
    let people: Vec<(usize, Person)> =
        (0..ROUNDS).map(|round| (round, Person::new(&one, &format!("p{round}")))).collect();
    for (_, person) in &people {
        person.does(&one, IdentityAct::AddFactor(factor(CredentialKind::RecoveryCodes, "codes")));
    }
    one.clock.advance_ms(8 * DAY_MS);
    for (round, person) in people {
        let codes = person.factor(&mut database.connect(Use::Admin), CredentialKind::RecoveryCodes);
        let (key, mail) = (format!("lost {round}"), format!("p{round}@a.example"));
        let begun = event(&one, person.recovers(&one, (&key, &mail), (codes.id, 0)));
        one.clock.advance_ms(DAY_MS);
        let finish = IdentityAct::FinishRecovery(begun.id, TOKEN, device(&key), Instant(0));
        let race = [&one, &two].map(|node| of_browser(node, person.member, &key, finish.clone()));
        let [first, second] = race;
        let done = outcome(&at_once((&one, first), (&two, second)));
        assert_eq!(done, (1, vec![Refusal::RecoveryMustBeOpen]), "round {round}");
    }
    drop((one, two));
    must_be_clean(&database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn one_request_on_two_nodes_is_booked_once() {
    let Some((database, one, two)) = nodes("request_race") else { return };
    for round in 0..ROUNDS {
        let person = Person::new(&one, &format!("p{round}"));
        let freeze = person.command(&one, IdentityAct::Freeze);
        let answers = at_once((&one, freeze.clone()), (&two, freeze));
        let mut replays: Vec<bool> = answers
            .iter()
            .map(|answer| match answer {
                Answer::Decided(Outcome::Done { replayed, .. }) => *replayed,
                other => panic!("not done: {other:?}"),
            })
            .collect();
        replays.sort_unstable();
        assert_eq!(replays, [false, true], "round {round}");
    }
    drop((one, two));
    must_be_clean(&database);
}

// one storage: two nodes need PostgreSQL
#[test]
fn codes_that_are_tried_on_two_nodes_at_once_are_both_counted() {
    let Some((database, one, two)) = nodes("tries_race") else { return };
    let key = "guesser";
    let browser = By::Browser(digest(key));
    let purpose = (Purpose::RecoverByMail, key);
    for round in 0..ROUNDS {
        let address = format!("{round}@a.example");
        let id = Challenge::id_of(purpose.0, &digest(key));
        proved(&one, (MemberNumber(1), browser), purpose, &address);
        let text = "UPDATE challenge SET state = 0 WHERE state = 1";
        database.connect(Use::Admin).run_script(text).unwrap();
        let wrong = || {
            let act = IdentityAct::TryChallenge(id, digest("87654321"));
            command(&one, MemberNumber(1), browser, act)
        };
        at_once((&one, wrong()), (&two, wrong()));
        let keys = [id, Challenge::guesses_id_of(purpose.0, &digest(&address))];
        let rows = database.connect(Use::Admin).find::<Challenge, _>(&keys).unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.tries == 3), "{rows:?}");
    }
}
