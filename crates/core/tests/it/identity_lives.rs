//! What members do, and what else it changes: whom it tells, which codes die, what is done once.

use yaoki_core::command::{Act, Administer, Command};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::EventKind;
use yaoki_core::identity::act::Identity;
use yaoki_core::ids::FactId;
use yaoki_core::state::{DeviceState, MemberState, Verification};
use yaoki_core::time::HOUR_MS;

use crate::identity_cases::{CLOSED_CODE, NOT_OPEN, words};
use crate::life::{Life, MEMBER, digest};

/// A life, its last step, and which messages that sends to which addresses.
const TOLD: &[(&str, &str, &[&str])] = &[
    ("", "key:x open sign_up a", &["sign-up-code a"]),
    ("", "key:x open sign_up mail", &["address-in-use mail"]),
    ("key:x open sign_up mail", "key:y open sign_up mail", &[]),
    ("", "key:x open recover_by_mail mail", &["recovery-code mail"]),
    ("", "key:x open recover_by_mail nobody", &[]),
    ("old verify; old uncontact phone", "key:x open recover_by_phone phone", &[]),
    ("old verify; &typed; old contact", "key:x open recover_by_mail other", &[]),
    ("old verify", "old open add_contact other", &["address-code other"]),
    ("old verify", "old open add_contact mail", &[]),
    ("&waits", "old approve new", &["device-added mail", "device-added phone"]),
    (
        "&waits",
        "old approve new paying",
        &[
            "device-added mail",
            "device-added phone",
            "paying-device-moved mail",
            "paying-device-moved phone",
        ],
    ),
    ("", "key:x add", &["device-added mail", "device-added phone"]),
    ("", "old end old", &["device-ended mail", "device-ended phone"]),
    ("&join", "old move new", &["paying-device-moved mail", "paying-device-moved phone"]),
    ("", "key:x restore old passkey", &[]),
    ("", "key:x restore old totp:7", &["device-added mail", "device-added phone"]),
    ("", "old sign_in", &[]),
    ("", "old freeze", &["wallet-frozen mail", "wallet-frozen phone"]),
    ("old freeze; old verify", "old unfreeze", &["wallet-unfrozen mail", "wallet-unfrozen phone"]),
    ("old verify", "old factor password", &["password-changed mail", "password-changed phone"]),
    ("old verify", "old factor totp", &["factor-added mail", "factor-added phone"]),
    ("old verify", "old unfactor totp", &["factor-removed mail", "factor-removed phone"]),
    // The addresses from before a change: who loses one is told, who takes it is not.
    ("old verify; &typed", "old contact", &["address-added mail", "address-added phone"]),
    ("old verify", "old uncontact phone", &["address-changed mail", "address-changed phone"]),
    ("old verify; old uncontact phone", "mail return phone", &["wallet-frozen mail"]),
    ("", "old consent 4", &[]),
    ("old verify", "old close", &["account-closed mail", "account-closed phone"]),
    ("&mail", "key:lost recover mail+code", &["recovery-started mail", "recovery-started phone"]),
    ("&mail", "key:lost recover mail", &[]),
    ("&lost", "mail contest", &["recovery-contested mail", "recovery-contested phone"]),
    ("&lost; old verify", "old cancel", &["recovery-cancelled mail", "recovery-cancelled phone"]),
    ("&lost; wait 24h", "key:lost finish", &["recovery-done mail", "recovery-done phone"]),
    ("", "key:x notice", &["sign-in-attempt mail", "sign-in-attempt phone"]),
    ("key:x notice", "key:y notice", &[]),
    ("key:x notice; wait 24h", "key:y notice", &["sign-in-attempt mail", "sign-in-attempt phone"]),
];

#[test]
fn members_are_told_at_the_addresses_from_before() {
    let begin = Life::settled();
    for (script, step, expected) in TOLD {
        let mut life = begin.clone();
        life.play(&words(script));
        assert_eq!(life.told(&words(step)), *expected, "{script}: {step}");
    }
}

/// What each step of these does to shown codes, to the paying device and to the state.
#[test]
fn shown_codes_die_with_session_device_paying_right_and_freeze_and_with_nothing_else() {
    let steps = [
        ("", "old sign_in", false),
        ("", "old verify", false),
        ("", "old sign_out", true),
        ("", "old freeze", true),
        ("", "old end old", true),
        ("", "key:x restore old passkey", true),
        ("&join", "old move new", true),
        ("&join", "old end new", false),
        ("&join", "new sign_out", false),
        ("&join", "key:x restore new passkey", false),
        ("&waits", "old approve new", false),
        ("&waits", "old approve new paying", true),
        ("", "key:x add", false),
        ("old verify", "old factor external_id", false),
        ("&lost", "mail contest", true),
        ("&lost; wait 24h", "key:lost finish", true),
    ];
    for (script, step, dies) in steps {
        let mut life = Life::settled();
        life.play(&words(script));
        let before = life.member().code_epoch;
        let said = life.play(step);
        assert!(!said.contains("refused"), "{step}: {said}");
        assert_eq!(life.member().code_epoch > before, dies, "{script}: {step}");
    }
}

#[test]
fn a_recovery_leaves_one_device_which_pays_and_every_factor_and_address() {
    let mut life = Life::settled();
    life.play(&words("&join; old invite b; key:x redeem b; &lost; wait 24h"));
    let theirs = |life: &Life| {
        let people = &life.world.people;
        (people.credentials_of(MEMBER).count(), people.contacts_of(MEMBER).count())
    };
    let before = theirs(&life);
    assert_eq!(life.play("key:lost finish"), "recovery_finished");
    assert_eq!(theirs(&life), before);
    let active = life.world.people.devices_of(MEMBER).filter(|row| row.is_active());
    let active: Vec<FactId> = active.map(|row| row.id).collect();
    assert_eq!(active, [life.device("lost").id]);
    assert_eq!(life.member().device, life.device("lost").id);
    for ended in ["old", "new", "x"] {
        assert_eq!(life.device(ended).state, DeviceState::Ended, "{ended}");
        assert!(!life.device(ended).session.is_some(), "{ended}");
    }
    let lost = life.device("lost");
    assert!(lost.is_young(life.world.now) && lost.is_limited(life.world.now));
}

#[test]
fn a_recovery_ends_more_devices_than_a_member_may_have() {
    let mut life = Life::settled();
    for _ in 0..50 {
        life.world.enrol(MEMBER);
    }
    life.play(&words("&lost; wait 24h"));
    assert_eq!(life.play("key:lost finish"), "recovery_finished");
    assert_eq!(life.world.people.devices_of(MEMBER).filter(|row| row.is_active()).count(), 1);
}

#[test]
fn new_device_limits_end_with_age_and_evidence_and_with_neither_alone() {
    let limited = |script: &str| {
        let mut life = Life::settled();
        life.play(&words(script));
        life.device("new").is_limited(life.world.now)
    };
    assert!(limited("&join"));
    assert!(limited("&join; wait 30d"), "age alone is none");
    assert!(limited("&join; mail evidence new notice_acknowledged"), "evidence alone is none");
    assert!(limited("&join; mail evidence new notice_acknowledged; wait 71h"));
    assert!(!limited("&join; mail evidence new notice_acknowledged; wait 72h"));
    assert!(!limited("&join; old end old; wait 72h"), "its user was verified on the old one");
    assert!(limited("&join; wait 5m; old end old; wait 72h"), "an unlocked phone shows nothing");
    assert!(limited("&join; old end new; wait 72h"));
    // Two that a thief adds with a synced passkey: one does not speak for the other.
    assert!(limited("key:x add; key:new add; x end x; wait 72h"));
    assert!(limited(
        "&join; mail evidence new notice_acknowledged; wait 72h; key:n restore new totp:9"
    ));
    let old = Life::settled();
    assert!(!old.device("old").is_limited(old.world.now), "the first one never was");
}

#[test]
fn five_wrong_codes_close_a_challenge_and_fifty_an_address_whatever_the_keys() {
    let mut life = Life::settled();
    life.play("key:a open recover_by_mail mail");
    for _ in 0..5 {
        assert_eq!(life.play("key:a try recover_by_mail wrong"), "waiting");
    }
    assert_eq!(life.play("key:a try recover_by_mail"), CLOSED_CODE);
    for key in 1..10 {
        life.play(&format!("key:k{key} open recover_by_mail mail"));
        for _ in 0..5 {
            assert_eq!(life.play(&format!("key:k{key} try recover_by_mail wrong")), "waiting");
        }
    }
    // The right one looks like a wrong one, also to a key that has not guessed yet.
    life.play("key:b open recover_by_mail mail");
    assert_eq!(life.play("key:b try recover_by_mail"), "waiting");
    let other = "key:b open recover_by_phone phone; key:b try recover_by_phone";
    assert_eq!(life.play(other), "confirmed", "another address");
    life.play("wait 24h; key:c open recover_by_mail mail");
    assert_eq!(life.play("key:c try recover_by_mail"), "confirmed", "another day");
}

#[test]
fn a_code_that_is_sent_for_nobody_is_asked_for_like_any_other() {
    let mut life = Life::settled();
    for address in ["mail", "nobody"] {
        let open = format!("key:{address} open recover_by_mail {address}");
        assert_eq!(life.play(&open), "waiting", "{address}");
        for _ in 0..5 {
            let said = life.play(&format!("key:{address} try recover_by_mail wrong"));
            assert_eq!(said, "waiting", "{address}");
        }
        let said = life.play(&format!("key:{address} try recover_by_mail wrong"));
        assert_eq!(said, CLOSED_CODE, "{address}");
    }
}

/// Acts that book something, each in the life where it does, and another act of the same kind.
const REPEATED: &[(&str, &str, &str)] = &[
    ("", "old sign_in", "old verify"),
    ("", "old sign_out", "old freeze"),
    ("", "old verify", "old sign_in"),
    ("", "key:x restore old passkey", "key:y restore old passkey"),
    ("old verify", "old invite a", "old invite b"),
    ("old verify; old invite", "key:x redeem", "key:y redeem"),
    ("&waits", "old approve new", "old approve new paying"),
    ("&join", "old end new", "old end old"),
    ("", "key:x add", "key:y add"),
    ("&join", "old move new", "old move old"),
    ("key:x add; key:y add", "old refuse x", "old refuse y"),
    ("&join", "mail evidence new notice_acknowledged", "mail evidence old notice_acknowledged"),
    ("old verify", "old factor external_id a", "old factor external_id b"),
    ("old verify", "old unfactor totp", "old unfactor recovery_codes"),
    ("old verify; &typed", "old contact", "old verify"),
    ("old verify", "old uncontact phone", "old uncontact mail"),
    ("old verify; old uncontact phone", "mail return phone", "mail return mail"),
    ("", "old consent 3", "old consent 4"),
    ("&join", "old freeze", "new freeze"),
    ("old freeze; old verify", "old unfreeze", "old freeze"),
    ("&mail", "key:lost recover mail+code", "key:x recover passkey+code"),
    ("&lost", "mail contest", "mail freeze"),
    ("&lost; mail contest", "staff allow", "staff freeze"),
    ("&lost; old verify", "old cancel", "old freeze"),
    ("&lost; wait 24h", "key:lost finish", "key:lost add"),
    ("old verify", "old close", "old freeze"),
    ("key:x open sign_up a; key:x try sign_up", "key:x sign_up password", "key:y sign_up password"),
];

#[test]
fn an_act_asked_again_is_done_once_and_another_act_under_its_id_is_refused() {
    let begin = Life::settled();
    for (script, step, other) in REPEATED {
        let mut life = begin.clone();
        life.play(&words(script));
        let command = life.command(step).unwrap();
        let another = life.command(other).unwrap();
        let first = life.ask(&command);
        assert!(!first.starts_with("refused"), "{script}: {step}: {first}");
        let kept = life.clone();
        assert_eq!(life.ask(&command), format!("again {first}"), "{script}: {step}");
        let another = match (&command, another) {
            (Command::Identity(done), Command::Identity(another)) => {
                Command::Identity(Identity { request: done.request, ..another })
            }
            (Command::Administer(done), Command::Administer(another)) => {
                Command::Administer(Administer { request: done.request, ..another })
            }
            _ => panic!("these are acts of a member's, or of staff"),
        };
        let said = life.ask(&another);
        assert_eq!(said, "refused request_id_has_another_meaning", "{step}, then {other}");
        life.world.must_equal(&kept.world, step);
        assert_eq!(life.world.events, kept.world.events, "{step}");
        assert_eq!(life.world.messages, kept.world.messages, "{step}");
    }
}

#[test]
fn a_batch_of_acts_is_as_many_batches_of_one() {
    let steps = [
        "key:lost open recover_by_mail mail",
        "key:lost try recover_by_mail wrong",
        "key:lost try recover_by_mail",
        "old verify totp:7",
        "old verify totp:7",
        "old invite",
        "key:new redeem",
        "key:x redeem",
        "old approve new",
        "old move new",
        "old move old",
        "key:x add",
        "old refuse x",
        "old open add_contact other",
        "old try add_contact",
        "old contact",
        "old uncontact phone",
        "mail return phone",
        "old unfreeze",
        "old factor external_id",
        "old consent 4",
        "key:lost recover mail+code",
        "key:lost recover passkey+code",
        "mail contest",
        "old cancel",
        "old unfreeze",
        "old sign_out",
        "old end new",
    ];
    let mut one_by_one = Life::settled();
    let mut batched = one_by_one.clone();
    let (mut commands, mut answers) = (Vec::new(), Vec::new());
    for step in steps {
        let command = one_by_one.command(step).unwrap();
        answers.push(one_by_one.ask(&command));
        commands.push(command);
    }
    let said = batched.world.run(&commands);
    let said: Vec<String> = said.iter().map(|answer| batched.world.say(answer)).collect();
    assert_eq!(said, answers);
    assert!(answers.iter().filter(|said| said.contains("refused")).count() < 8, "{answers:?}");
    batched.world.must_equal(&one_by_one.world, "a batch of n is n batches of one");
}

#[test]
fn two_sign_ups_of_one_batch_with_one_address_make_one_member() {
    let mut life = Life::new();
    for key in ["x", "y"] {
        life.play(&format!("key:{key} open sign_up a; key:{key} try sign_up"));
    }
    let steps = ["key:x sign_up password", "key:y sign_up password"];
    let commands: Vec<Command> = steps.iter().filter_map(|step| life.command(step)).collect();
    let said = life.world.run(&commands);
    let said: Vec<String> = said.iter().map(|answer| life.world.say(answer)).collect();
    assert_eq!(said, ["member_created", CLOSED_CODE]);
}

#[test]
fn money_comes_back_to_a_wallet_that_its_member_froze_and_none_leaves() {
    for freeze in ["old freeze", "mail freeze", "staff freeze"] {
        let mut life = Life::new();
        let given = "credit c 4 1000; pay a 100 by 4; authorize h 50 by 4; show x by 4";
        life.play(&format!("{given}; {freeze}"));
        assert_eq!(life.member().state, MemberState::FrozenByMember);
        assert_eq!(life.play("pay b 10 by 4 code x"), "declined code_not_valid");
        assert_eq!(life.play("confirm d 10 by 4"), NOT_OPEN);
        assert_eq!(life.play("capture e h 50"), "capture 50");
        assert_eq!(life.play("refund f a 40"), "refund 40");
        assert_eq!(life.play("credit g 4 10"), "credit 10");
        assert_eq!(life.play("reverse r a"), "reverse 60 gave_back");
        assert_eq!(life.play("old verify; old unfreeze"), "member_unfrozen");
        assert_eq!(life.play("pay i 10 by 4"), "pay 10");
    }
}

#[test]
fn whoever_has_left_keeps_his_balance_and_may_look_at_it() {
    let mut life = Life::new();
    life.play("credit c 4 1000; old close");
    assert_eq!((life.member().state, life.member().money), (MemberState::Closed, 1000));
    assert!(life.device("old").is_active());
    assert_eq!(life.play("old sign_out; old sign_in"), "session_opened");
    assert_eq!(life.member().money, 1000);
}

#[test]
fn an_operator_ends_no_freeze_of_his_colleagues_by_the_members_hand() {
    let mut life = Life::settled();
    life.world.act(Act::FreezeMember(MEMBER));
    life.play(&words("&lost; mail contest"));
    assert_eq!(life.member().state, MemberState::Frozen);
    assert_eq!(life.count(EventKind::MemberFrozen), 1, "it was frozen already");
}

#[test]
fn what_a_sign_up_books_is_in_the_order_that_answers_are_made_from() {
    let life = Life::new();
    let old = life.device("old");
    assert_eq!((old.member, old.session), (MEMBER, old.id));
    assert_eq!(life.member().device, old.id);
    assert_eq!(life.world.people.consents[&MEMBER].terms, 3);
    let contact = &life.world.people.contacts[&digest("mail")];
    assert_eq!(contact.address.0, "mail");
    assert!(!life.world.challenges.values().any(|row| format!("{row:?}").contains("\"mail\"")));
}

#[test]
fn a_session_that_was_opened_by_a_password_is_no_fresh_proof() {
    let mut life = Life::new();
    life.play("old factor password; wait 5m");
    let command = life.command("old sign_in password").unwrap();
    let answer = life.world.run(&[command]).remove(0);
    let Decision::Done(Outcome::Done { event, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(event.number, Verification::Password.code());
    assert!(!life.device("old").is_fresh(life.world.now));
    assert!(life.device("old").is_signed_in(life.world.now));
    life.world.now = life.world.now.plus_ms(400 * 24 * HOUR_MS);
    assert!(!life.device("old").is_signed_in(life.world.now));
}
