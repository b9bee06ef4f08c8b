//! What members do, one line a case: a life, and what its last step is answered.

use yaoki_core::command::{Act, Command};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::EventKind;
use yaoki_core::ids::FactId;
use yaoki_core::state::{DeviceState, MemberState, Verification};
use yaoki_core::time::HOUR_MS;

use crate::life::{Life, MEMBER, digest};

const CLOSED_CODE: &str = "refused challenge_must_be_open";
const NO_DEVICE: &str = "refused device_must_be_active";
const SIGNED_OUT: &str = "refused device_must_be_signed_in";
const STALE: &str = "refused user_must_be_verified";
const YOUNG: &str = "refused device_must_not_be_young";
const NOT_OPEN: &str = "refused member_must_be_open";
const PAY_LATER: &str = "refused paying_right_must_wait";
const NO_LINK: &str = "refused link_must_be_valid";
const NOT_WAITING: &str = "refused device_must_wait";
const NO_FACTOR: &str = "refused factor_must_exist";
const NO_CONTACT: &str = "refused contact_must_exist";
const NO_RECOVERY: &str = "refused recovery_must_be_open";
const CONTESTED: &str = "refused recovery_must_be_uncontested";
const ALIKE: &str = "refused proofs_must_differ";

/// A life in words, and what the last of it is answered. `&` stands for the words of [`words`].
type Case = (&'static str, &'static str);

/// What many lives have in common.
fn words(script: &str) -> String {
    script
        .replace("&join", "old verify; old invite; key:new redeem; old approve new")
        .replace("&waits", "old verify; old invite; key:new redeem")
        .replace("&old new", "old verify; old invite; key:new redeem; old approve new; wait 3d")
        .replace("&mail", "key:lost open recover_by_mail mail; key:lost try recover_by_mail")
        .replace("&phone", "key:lost open recover_by_phone phone; key:lost try recover_by_phone")
        .replace("&lost", "key:lost open recover_by_mail mail; key:lost try recover_by_mail; key:lost recover mail+code")
        .replace("&typed", "old open add_contact other; old try add_contact")
}

/// In a life that has only begun.
const NEWCOMERS: &[Case] = &[
    ("key:x open sign_up a", "waiting"),
    ("key:x open sign_up a; key:x try sign_up", "confirmed"),
    (
        "key:x open sign_up a; key:x try sign_up; key:x sign_up passkey",
        "refused factor_must_be_free",
    ),
    ("key:x open sign_up a; key:x try sign_up; key:x sign_up password", "member_created"),
    (
        "key:x open sign_up a; key:x try sign_up; key:x sign_up totp",
        "refused last_factor_must_stay",
    ),
    (
        "key:x open sign_up a; key:x try sign_up; key:x sign_up password unread",
        "refused terms_must_be_accepted",
    ),
    ("key:x open sign_up a; key:x sign_up password", CLOSED_CODE),
    ("key:x open sign_up a; key:y try sign_up", CLOSED_CODE),
    ("key:x open sign_up a; key:x try sign_up; key:y sign_up password", CLOSED_CODE),
    ("key:x open sign_up a; key:x try sign_up wrong", "waiting"),
    ("key:x open sign_up a; key:x try sign_up; wait 10m; key:x sign_up password", CLOSED_CODE),
    ("key:x open sign_up a; wait 10m; key:x try sign_up", CLOSED_CODE),
    (
        "key:x open sign_up a; key:x try sign_up; key:x sign_up password; key:x sign_up password",
        CLOSED_CODE,
    ),
    ("key:x open sign_up mail", "waiting"),
    (
        "key:x open sign_up a; key:x try sign_up; shut enrolment everything 0; key:x sign_up password",
        "refused enrolment_is_closed",
    ),
    (
        "key:x open recover_by_mail a; key:x try recover_by_mail; key:x sign_up password",
        CLOSED_CODE,
    ),
    ("old open sign_up a", CLOSED_CODE),
    ("old invite", "link_created"),
    ("wait 5m; old invite", STALE),
    ("old factor totp; old sign_in password", STALE),
    ("old sign_out; old sign_in password; old invite", STALE),
    ("old sign_in password", "session_opened"),
    // Nothing of what is new is asked in a recovery.
    ("&mail; wait 1ms", ""),
    ("key:lost open recover_by_mail mail; key:lost recover mail", CLOSED_CODE),
];

/// In a settled life: sessions.
const SESSIONS: &[Case] = &[
    ("old sign_in", "session_opened"),
    ("old! sign_in", "session_opened"),
    ("old sign_in device_key", STALE),
    ("old sign_in password", STALE),
    ("old sign_in external_id", NO_FACTOR),
    ("old sign_in totp", NO_FACTOR),
    ("old sign_in totp:7", "session_opened"),
    ("old sign_in totp:7; old sign_in totp:7", "refused factor_must_be_unused"),
    ("old sign_in totp:7; old sign_in totp:6", "refused factor_must_be_unused"),
    ("old sign_in totp:7; old verify totp:8", "user_verified"),
    ("old verify totp:7; old verify totp:7", "refused factor_must_be_unused"),
    ("old verify code:0; old verify code:1", "user_verified"),
    ("old verify code:0; old verify code:0", "refused factor_must_be_unused"),
    ("old verify code:63", "refused factor_must_be_unused"),
    ("old verify code:-1", "refused factor_must_be_unused"),
    ("old verify; old unfactor totp; old verify totp:7", NO_FACTOR),
    ("old verify password", STALE),
    ("old! verify", SIGNED_OUT),
    ("old sign_out", "session_ended"),
    ("old sign_out; old sign_out", SIGNED_OUT),
    ("old sign_out; old verify", SIGNED_OUT),
    ("wait 392d; old verify", SIGNED_OUT),
    ("wait 391d; old verify", "user_verified"),
    ("wait 392d; old sign_in", "session_opened"),
    ("&waits; new sign_in", NO_DEVICE),
    ("&join; new sign_in", "session_opened"),
    ("&join; old end new; new sign_in", NO_DEVICE),
    ("close 4; old sign_in", "session_opened"),
    ("close 4; old verify", "user_verified"),
    ("freeze 4; old sign_in", "session_opened"),
    ("key:x restore old passkey", "device_restored"),
    ("key:x restore old totp:7", "device_restored"),
    ("key:x restore old totp", NO_FACTOR),
    ("key:x restore old password", STALE),
    ("key:x restore old device_key", STALE),
    ("key:x restore nobody passkey", NO_DEVICE),
    ("mail restore old passkey", NO_DEVICE),
    ("staff restore old passkey", NO_DEVICE),
    ("&waits; key:x restore new passkey", NO_DEVICE),
    ("close 4; key:x restore old passkey", "device_restored"),
    ("key:x restore old passkey; old invite", "link_created"),
    // Cookie, password and second factor: a newcomer, whatever its age.
    ("key:x restore old totp:7; old invite", YOUNG),
    ("key:x restore old totp:7; wait 71h; old verify; old invite", YOUNG),
    ("key:x restore old totp:7; wait 72h; old verify; old invite", "link_created"),
];

/// In a settled life: other devices.
const DEVICES: &[Case] = &[
    ("old invite", STALE),
    ("old verify; old invite", "link_created"),
    ("old verify; old invite long", NO_LINK),
    ("old verify; wait 5m; old invite", STALE),
    ("old verify; old sign_out; old invite", SIGNED_OUT),
    ("old verify; old! invite", SIGNED_OUT),
    ("old verify; freeze 4; old invite", NOT_OPEN),
    ("key:x invite", NO_DEVICE),
    ("mail invite", NO_DEVICE),
    ("staff invite", NO_DEVICE),
    ("&waits", "device_pending"),
    ("key:new redeem", NO_LINK),
    ("&waits; key:x redeem", NO_LINK),
    ("old verify; old invite; wait 5m; key:new redeem", NO_LINK),
    ("old verify; old invite; freeze 4; key:new redeem", NOT_OPEN),
    ("old verify; old invite; close 4; key:new redeem", NOT_OPEN),
    ("old verify; old invite; old end old; key:new redeem", NO_LINK),
    (
        "old verify; old invite; shut enrolment member 4; key:new redeem",
        "refused enrolment_is_closed",
    ),
    ("&waits; old invite b; key:x redeem b", "refused one_device_may_wait"),
    ("&waits; wait 10m; old verify; old invite b; key:x redeem b", "device_pending"),
    ("&waits; old end new; old invite b; key:x redeem b", "device_pending"),
    ("&waits; new freeze", NO_DEVICE),
    ("&waits; new invite", NO_DEVICE),
    ("&waits; new approve new", NO_DEVICE),
    ("&waits; new end new", NO_DEVICE),
    ("&join", "device_approved"),
    ("&waits; old approve new paying", "device_approved"),
    ("&join; old approve new", NOT_WAITING),
    ("&waits; wait 10m; old verify; old approve new", NOT_WAITING),
    ("&waits; wait 5m; old approve new", STALE),
    ("&waits; old end new; old approve new", NOT_WAITING),
    ("&waits; freeze 4; old approve new", NOT_OPEN),
    ("&waits; shut enrolment everything 0; old approve new", "refused enrolment_is_closed"),
    ("old verify; old approve nobody", NO_DEVICE),
    ("&waits; staff approve new", NO_DEVICE),
    ("&waits; mail approve new", NO_DEVICE),
    // Another device than the paying one approves, and gives nothing that is not its own.
    ("&old new; new verify; new invite b; key:x redeem b; new approve x", "device_approved"),
    ("&old new; new verify; new invite b; key:x redeem b; new approve x paying", PAY_LATER),
    // A newcomer.
    ("&join; new invite", STALE),
    ("&join; new verify; new invite", YOUNG),
    ("&join; wait 71h; new verify; new invite", YOUNG),
    ("&join; wait 72h; new verify; new invite", "link_created"),
    ("&join; new verify; new end old", YOUNG),
    ("&join; wait 72h; new verify; new end old", "device_ended"),
    ("&join; wait 72h; new end old", STALE),
    ("&join; old verify; old invite b; key:x redeem b; new end x", YOUNG),
    ("&waits; wait 5m; old end new", "device_ended"),
    ("&join; old end new", "device_ended"),
    ("&join; wait 5m; old end new", STALE),
    ("&join; new end new", "device_ended"),
    ("old end old", "device_ended"),
    ("old! end old", SIGNED_OUT),
    ("old end old; old freeze", NO_DEVICE),
    ("old end old; staff end old", NO_DEVICE),
    ("staff end old", "device_ended"),
    ("mail end old", NO_DEVICE),
    ("key:x end old", NO_DEVICE),
    ("old verify; old end nobody", NO_DEVICE),
    ("key:x add", "device_added"),
    ("old add", CLOSED_CODE),
    ("freeze 4; key:x add", NOT_OPEN),
    ("shut enrolment everything 0; key:x add", "refused enrolment_is_closed"),
    ("old verify; old unfactor passkey; key:x add", NO_FACTOR),
    (
        "key:a add; key:b add; key:c add; key:d add; key:e add; key:f add; key:g add; key:h add; key:i add",
        "device_added",
    ),
    (
        "key:a add; key:b add; key:c add; key:d add; key:e add; key:f add; key:g add; key:h add; key:i add; key:j add",
        "refused devices_must_be_few",
    ),
];

/// In a settled life: which device pays.
const PAYING: &[Case] = &[
    ("&join; old move new", "paying_right_moved"),
    ("&join; wait 5m; old move new", STALE),
    ("&join; freeze 4; old move new", NOT_OPEN),
    ("&waits; old move new", NO_DEVICE),
    ("&join; new move new", STALE),
    ("&join; new verify; new move new", PAY_LATER),
    ("&join; wait 72h; new verify; new move new", PAY_LATER),
    ("&join; mail move new", NO_DEVICE),
    ("&join; staff move new", NO_DEVICE),
    // Taken back, by the older one only.
    ("&join; old move new; old move old", "paying_right_moved"),
    ("&join; old move new; wait 71h; old verify; old move old", "paying_right_moved"),
    ("&join; old move new; wait 72h; old verify; old move old", PAY_LATER),
    ("&join; old move new; wait 71h; old move old", STALE),
    ("&join; old move new; old move old; new verify; new move new", PAY_LATER),
    ("&join; old move new; new verify; new move old", YOUNG),
    // Asked for with a passkey, and waited for.
    ("key:x add; x move x", PAY_LATER),
    ("key:x add; wait 23h; x verify; x move x", PAY_LATER),
    ("key:x add; wait 24h; x verify; x move x", "paying_right_moved"),
    ("key:x add; wait 24h; x move x", STALE),
    ("key:x add; wait 24h; freeze 4; x verify; x move x", NOT_OPEN),
    ("key:x add; old refuse x", "paying_right_refused"),
    ("key:x add; old refuse x; wait 24h; x verify; x move x", PAY_LATER),
    ("key:x add; old refuse x; old refuse x", NOT_WAITING),
    ("key:x add; x refuse x", YOUNG),
    ("key:x add; mail refuse x", NO_DEVICE),
    ("key:x add; old sign_out; old refuse x", SIGNED_OUT),
    ("key:x add; old verify; old move x; x refuse x", NOT_WAITING),
    (
        "key:x add; wait 24h; x verify; x move x; old verify; old move old; x verify; x move x",
        PAY_LATER,
    ),
    // No device pays.
    ("&join; old end old; new verify; new move new", PAY_LATER),
    ("&join; old end old; wait 72h; new verify; new move new", "paying_right_moved"),
    ("key:x add; old end old; wait 24h; x verify; x move x", "paying_right_moved"),
    // What shows that a device is its member's.
    ("&join; mail evidence new notice_acknowledged", "device_evidence"),
    ("&join; new evidence new notice_acknowledged", YOUNG),
    ("&join; staff evidence new card_challenge", "device_evidence"),
    ("&join; mail evidence new card_challenge", YOUNG),
    ("&join; staff evidence new first_device", YOUNG),
    ("&join; mail evidence new old_device_ended", YOUNG),
    ("&waits; mail evidence new notice_acknowledged", NO_DEVICE),
];

/// In a settled life: factors and addresses.
const FACTORS: &[Case] = &[
    ("old factor external_id", STALE),
    ("old verify; old factor external_id", "credential_added"),
    ("old verify; old factor passkey", "refused factor_must_be_free"),
    ("old verify; old factor passkey b", "credential_added"),
    ("old verify; old unfactor passkey; old factor passkey", "credential_added"),
    ("old verify; freeze 4; old factor external_id", NOT_OPEN),
    ("staff factor password", NO_DEVICE),
    ("mail factor password", NO_DEVICE),
    ("key:x factor password", NO_DEVICE),
    ("&join; new verify; new factor external_id", YOUNG),
    (
        "old verify; old factor external_id 1; old factor external_id 2; old factor external_id 3; old factor external_id 4; old factor external_id 5; old factor external_id 6",
        "refused factors_must_be_few",
    ),
    ("old verify; old unfactor totp", "credential_ended"),
    ("old verify; old unfactor totp; old unfactor totp", NO_FACTOR),
    ("old verify; old unfactor external_id", NO_FACTOR),
    ("old verify; old unfactor passkey; old unfactor password", "refused last_factor_must_stay"),
    ("old unfactor totp", STALE),
    ("staff unfactor totp", NO_DEVICE),
    ("old open add_contact other", STALE),
    ("old verify; &typed", "confirmed"),
    ("old verify; &typed; old contact", "contact_added"),
    ("old verify; &typed; old contact; old contact", CLOSED_CODE),
    ("old verify; old open add_contact other; old contact", CLOSED_CODE),
    ("old verify; &typed; wait 5m; old contact", STALE),
    ("old verify; &typed; freeze 4; old contact", NOT_OPEN),
    ("old verify; key:x open add_contact other", "refused member_must_exist"),
    ("staff contact", NO_DEVICE),
    (
        "old verify; old open add_contact a; old try add_contact; old contact; old open add_contact b; old try add_contact; old contact; old open add_contact c; old try add_contact; old contact",
        "refused contacts_must_be_few",
    ),
    // Another was first.
    (
        "old verify; &typed; key:x open sign_up other; key:x try sign_up; key:x sign_up password; old contact",
        CLOSED_CODE,
    ),
    ("old verify; old uncontact phone", "contact_ended"),
    ("old verify; old uncontact phone; old uncontact mail", "refused last_contact_must_stay"),
    ("old verify; old uncontact phone; old uncontact phone", NO_CONTACT),
    ("old verify; old uncontact other", NO_CONTACT),
    ("old uncontact phone", STALE),
    ("staff uncontact phone", NO_DEVICE),
    ("&join; new verify; new uncontact mail", YOUNG),
    ("old verify; old uncontact phone; mail return phone", "contact_added"),
    ("old verify; old uncontact phone; mail return phone; mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; old return phone", NO_CONTACT),
    ("old verify; old uncontact phone; staff return phone", NO_CONTACT),
    ("old verify; old uncontact phone; wait 7d; mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; wait 6d; mail return phone", "contact_added"),
    ("mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; close 4; mail return phone", NOT_OPEN),
    // It has become another's.
    (
        "old verify; old uncontact phone; key:x open sign_up phone; key:x try sign_up; key:x sign_up password; mail return phone",
        NO_CONTACT,
    ),
    // An address that was taken back was never gone.
    (
        "old verify; old uncontact phone; mail return phone; &phone; &mail; key:lost recover mail+phone",
        "recovery_started",
    ),
];

/// In a settled life: the whole wallet.
const WALLET: &[Case] = &[
    ("old freeze", "member_frozen"),
    ("old sign_out; old freeze", "member_frozen"),
    ("mail freeze", "member_frozen"),
    ("staff freeze", "member_frozen"),
    ("key:x freeze", NO_DEVICE),
    ("&join; new freeze", "member_frozen"),
    ("&join; old end new; new freeze", NO_DEVICE),
    ("close 4; old freeze", NOT_OPEN),
    ("close 4; mail freeze", NOT_OPEN),
    ("old freeze; old unfreeze", STALE),
    ("old freeze; old verify; old unfreeze", "member_unfrozen"),
    ("mail freeze; old verify; old unfreeze", "member_unfrozen"),
    ("staff freeze; old verify; old unfreeze", "member_unfrozen"),
    ("freeze 4; old verify; old unfreeze", "refused freeze_must_be_the_members"),
    ("old freeze; freeze 4; old verify; old unfreeze", "refused freeze_must_be_the_members"),
    ("freeze 4; old freeze; old verify; old unfreeze", "refused freeze_must_be_the_members"),
    ("old verify; old unfreeze", "refused member_must_be_frozen"),
    ("old freeze; mail unfreeze", NO_DEVICE),
    ("old freeze; staff unfreeze", NO_DEVICE),
    ("&join; old freeze; new verify; new unfreeze", YOUNG),
    ("old close", STALE),
    ("old verify; old close", "member_closed"),
    ("old verify; old close; old close", NOT_OPEN),
    ("old verify; old freeze; old close", NOT_OPEN),
    ("staff close", NO_DEVICE),
    ("&join; new verify; new close", YOUNG),
    ("old consent 4", "consented"),
    ("old consent 3", "consented"),
    ("old consent 2", "refused terms_must_be_accepted"),
    ("old consent 0", "refused terms_must_be_accepted"),
    ("old sign_out; old consent 4", SIGNED_OUT),
    ("staff consent 4", NO_DEVICE),
    ("key:x notice", "noted"),
    ("close 4; key:x notice", NOT_OPEN),
];

/// In a settled life: a lost phone.
const RECOVERY: &[Case] = &[
    ("&mail", "confirmed"),
    ("&mail; key:lost recover mail", ALIKE),
    ("key:lost recover code", ALIKE),
    ("key:lost recover passkey", ALIKE),
    ("key:lost recover", ALIKE),
    ("&lost", "recovery_started"),
    ("&mail; &phone; key:lost recover mail+phone", "recovery_started"),
    ("key:lost recover code+passkey", "recovery_started"),
    ("&mail; key:lost recover mail+passkey", "recovery_started"),
    ("&mail; staff recover mail", "recovery_started"),
    ("staff recover code", "recovery_started"),
    ("staff recover", ALIKE),
    ("&mail; mail recover mail+code", NO_RECOVERY),
    ("old recover code+passkey", NO_RECOVERY),
    ("&mail; key:x recover mail+code", CLOSED_CODE),
    ("key:lost open recover_by_mail mail; key:lost recover mail+code", CLOSED_CODE),
    // The same address twice is one proof.
    (
        "&mail; key:lost open recover_by_phone mail; key:lost try recover_by_phone; key:lost recover mail+phone",
        ALIKE,
    ),
    // On file for less than seven days.
    (
        "old verify; &typed; old contact; wait 6d; key:lost open recover_by_mail other; key:lost try recover_by_mail; key:lost recover mail+code",
        CLOSED_CODE,
    ),
    (
        "old verify; &typed; old contact; wait 7d; key:lost open recover_by_mail other; key:lost try recover_by_mail; key:lost recover mail+code",
        "recovery_started",
    ),
    ("old verify code:0; &mail; key:lost recover mail+code", "refused factor_must_be_unused"),
    ("old verify code:0; &mail; key:lost recover mail+code1", "recovery_started"),
    ("close 4; &mail; key:lost recover mail+code", NOT_OPEN),
    ("freeze 4; &lost", "recovery_started"),
    // One at a time.
    ("&lost; &mail; key:lost recover mail+code1", "refused recovery_is_under_way"),
    ("&lost; key:x recover code1+passkey", "refused recovery_is_under_way"),
    ("&lost; wait 10d; key:lost recover code1+passkey", "recovery_started"),
    ("&lost; wait 239h; key:lost recover code1+passkey", "refused recovery_is_under_way"),
    ("&lost; old verify; old cancel; key:lost recover code1+passkey", "recovery_started"),
    // Its time.
    ("&lost; wait 23h; key:lost finish", "refused recovery_must_be_due"),
    ("&lost; wait 24h; key:lost finish", "recovery_finished"),
    ("&lost; wait 24h; key:lost finish seen", "refused recovery_must_be_due"),
    ("&lost; wait 71h; key:lost finish seen", "refused recovery_must_be_due"),
    ("&lost; wait 72h; key:lost finish seen", "recovery_finished"),
    ("&lost; wait 239h; key:lost finish", "recovery_finished"),
    ("&lost; wait 10d; key:lost finish", NO_RECOVERY),
    ("&lost; wait 24h; key:lost finish wrong", NO_RECOVERY),
    ("&lost; wait 24h; key:x finish", NO_RECOVERY),
    ("&lost; wait 24h; old finish", NO_RECOVERY),
    ("&lost; wait 24h; staff finish", NO_RECOVERY),
    ("&lost; wait 24h; key:lost finish; key:lost finish", NO_RECOVERY),
    ("&lost; wait 24h; freeze 4; key:lost finish", "recovery_finished"),
    ("&lost; wait 24h; close 4; key:lost finish", NOT_OPEN),
    // Ended, contested, decided by staff.
    ("&lost; old cancel", STALE),
    ("&lost; old verify; old cancel", "recovery_cancelled"),
    ("&lost; mail cancel", NO_DEVICE),
    ("&lost; staff cancel", NO_DEVICE),
    ("&join; &lost; new verify; new cancel", YOUNG),
    ("&lost; old verify; old cancel; wait 24h; key:lost finish", NO_RECOVERY),
    ("&lost; mail contest", "recovery_contested"),
    ("&lost; old sign_out; old contest", "recovery_contested"),
    ("&waits; &lost; new contest", NO_DEVICE),
    ("&lost; key:x contest", NO_RECOVERY),
    ("&lost; staff contest", NO_RECOVERY),
    ("mail contest", NO_RECOVERY),
    ("&lost; mail contest; wait 24h; key:lost finish", CONTESTED),
    ("&lost; mail contest; mail contest; wait 24h; key:lost finish", CONTESTED),
    ("&lost; mail contest; mail contest; mail contest", CONTESTED),
    ("&lost; mail contest; old verify; old cancel", "recovery_cancelled"),
    ("&lost; staff allow", NO_RECOVERY),
    ("&lost; mail contest; mail contest; key:lost allow", NO_RECOVERY),
    ("&lost; mail contest; mail contest; old allow", NO_RECOVERY),
    ("&lost; mail contest; staff allow", "recovery_allowed"),
    ("&lost; mail contest; mail contest; staff allow", "recovery_allowed"),
    ("&lost; mail contest; mail contest; staff allow; mail contest", CONTESTED),
    (
        "&lost; mail contest; mail contest; staff allow; key:lost finish",
        "refused recovery_must_be_due",
    ),
    (
        "&lost; mail contest; mail contest; staff allow; wait 24h; key:lost finish",
        "recovery_finished",
    ),
    (
        "&lost; mail contest; mail contest; staff allow; old verify; old cancel",
        "recovery_cancelled",
    ),
    // Afterwards.
    ("&lost; wait 24h; key:lost finish; old sign_in", NO_DEVICE),
    ("&lost; wait 24h; key:lost finish; old freeze", NO_DEVICE),
    ("&lost; wait 24h; key:lost finish; lost freeze", "member_frozen"),
    ("&lost; wait 24h; key:lost finish; lost invite", YOUNG),
    ("&lost; wait 24h; key:lost finish; wait 72h; lost verify; lost invite", "link_created"),
    (
        "&lost; wait 24h; key:lost finish; wait 72h; lost verify; lost factor external_id",
        "refused wallet_must_rest",
    ),
    (
        "&lost; wait 24h; key:lost finish; wait 72h; lost verify; lost uncontact phone",
        "refused wallet_must_rest",
    ),
    (
        "&lost; wait 24h; key:lost finish; wait 6d; lost verify; lost unfactor totp",
        "refused wallet_must_rest",
    ),
    (
        "&lost; wait 24h; key:lost finish; wait 7d; lost verify; lost factor external_id",
        "credential_added",
    ),
    ("old verify; old invite; &lost; wait 24h; key:lost finish; key:new redeem", NO_LINK),
];

/// Every case: life, and what is to be said.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    let settled = [SESSIONS, DEVICES, PAYING, FACTORS, WALLET, RECOVERY];
    NEWCOMERS.iter().chain(settled.into_iter().flatten()).copied()
}

fn must_be_answered(begin: &Life, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (script, expected) in cases {
        let said = begin.clone().play(&words(script));
        if said != *expected {
            wrong.push(format!("{script}\n   said: {said}\n  wants: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whoever_begins_is_answered_as_it_says() {
    must_be_answered(&Life::new(), NEWCOMERS);
}

#[test]
fn sessions_and_verifications_are_answered_as_it_says() {
    must_be_answered(&Life::settled(), SESSIONS);
}

#[test]
fn devices_are_invited_approved_and_ended_as_it_says() {
    must_be_answered(&Life::settled(), DEVICES);
}

#[test]
fn the_paying_right_moves_as_it_says() {
    must_be_answered(&Life::settled(), PAYING);
}

#[test]
fn factors_and_addresses_change_as_it_says() {
    must_be_answered(&Life::settled(), FACTORS);
}

#[test]
fn a_wallet_is_frozen_closed_and_agreed_to_as_it_says() {
    must_be_answered(&Life::settled(), WALLET);
}

#[test]
fn recoveries_are_answered_as_it_says() {
    must_be_answered(&Life::settled(), RECOVERY);
}

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
    assert!(!limited("&join; staff evidence new card_challenge; wait 72h"));
    assert!(!limited("&join; old end old; wait 72h"), "its user was verified on the old one");
    assert!(limited("&join; wait 5m; old end old; wait 72h"), "an unlocked phone shows nothing");
    assert!(limited("&join; old end new; wait 72h"));
    assert!(limited(
        "&join; staff evidence new card_challenge; wait 72h; key:n restore new totp:9"
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
    ("&join", "mail evidence new notice_acknowledged", "staff evidence new card_challenge"),
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
        let (Command::Identity(done), Command::Identity(mut another)) = (&command, another) else {
            panic!("these are acts of members")
        };
        another.request = done.request;
        let said = life.ask(&Command::Identity(another));
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
