//! What members do, one line a case: a life, and what its last step is answered.

use crate::life::Life;

pub(crate) const CLOSED_CODE: &str = "refused challenge_must_be_open";
const NO_DEVICE: &str = "refused device_must_be_active";
const SIGNED_OUT: &str = "refused device_must_be_signed_in";
const STALE: &str = "refused user_must_be_verified";
const YOUNG: &str = "refused device_must_not_be_young";
pub(crate) const NOT_OPEN: &str = "refused member_must_be_open";
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
pub(crate) fn words(script: &str) -> String {
    script
        .replace("&join", "old verify; old invite; key:new redeem; old approve new")
        .replace("&waits", "old verify; old invite; key:new redeem")
        .replace("&old new", "old verify; old invite; key:new redeem; old approve new; wait 3d")
        .replace("&mail", "key:lost open recover_by_mail mail; key:lost try recover_by_mail")
        .replace("&phone", "key:lost open recover_by_phone phone; key:lost try recover_by_phone")
        .replace(
            "&lost",
            "key:lost open recover_by_mail mail; key:lost try recover_by_mail; \
         key:lost recover mail+code",
        )
        .replace("&ten_codes", &["old open add_contact a"; 10].join("; "))
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
        "key:x open sign_up a; key:x try sign_up; shut enrolment everything 0; \
         key:x sign_up password",
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
    ("old verify external_id", STALE),
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
        "key:a add; key:b add; key:c add; key:d add; key:e add; key:f add; key:g add; \
         key:h add; key:i add",
        "device_added",
    ),
    (
        "key:a add; key:b add; key:c add; key:d add; key:e add; key:f add; key:g add; \
         key:h add; key:i add; key:j add",
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
    ("&join; mail evidence new card_challenge", YOUNG),
    ("&join; mail evidence new first_device", YOUNG),
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
    ("mail factor password", NO_DEVICE),
    ("key:x factor password", NO_DEVICE),
    ("&join; new verify; new factor external_id", YOUNG),
    (
        "old verify; old factor external_id 1; old factor external_id 2; \
         old factor external_id 3; old factor external_id 4; old factor external_id 5; \
          old factor external_id 6",
        "refused factors_must_be_few",
    ),
    ("old verify; old unfactor totp", "credential_ended"),
    ("old verify; old unfactor totp; old unfactor totp", NO_FACTOR),
    ("old verify; old unfactor external_id", NO_FACTOR),
    ("old verify; old unfactor passkey; old unfactor password", "refused last_factor_must_stay"),
    ("old unfactor totp", STALE),
    ("old open add_contact other", STALE),
    ("old verify; &ten_codes", "waiting"),
    ("old verify; &ten_codes; old open add_contact other", "refused codes_must_be_few"),
    ("old verify; &ten_codes; key:x open sign_up other", "waiting"),
    ("old verify; &ten_codes; wait 24h; old verify; old open add_contact other", "waiting"),
    ("old verify; &typed", "confirmed"),
    ("old verify; &typed; old contact", "contact_added"),
    ("old verify; &typed; old contact; old contact", CLOSED_CODE),
    ("old verify; old open add_contact other; old contact", CLOSED_CODE),
    ("old verify; &typed; wait 5m; old contact", STALE),
    ("old verify; &typed; freeze 4; old contact", NOT_OPEN),
    ("old verify; key:x open add_contact other", "refused member_must_exist"),
    (
        "old verify; old open add_contact a; old try add_contact; old contact; \
         old open add_contact b; old try add_contact; old contact; old open add_contact c; \
          old try add_contact; old contact",
        "refused contacts_must_be_few",
    ),
    // Another was first.
    (
        "old verify; &typed; key:x open sign_up other; key:x try sign_up; \
         key:x sign_up password; old contact",
        CLOSED_CODE,
    ),
    ("old verify; old uncontact phone", "contact_ended"),
    ("old verify; old uncontact phone; old uncontact mail", "refused last_contact_must_stay"),
    ("old verify; old uncontact phone; old uncontact phone", NO_CONTACT),
    ("old verify; old uncontact other", NO_CONTACT),
    ("old uncontact phone", STALE),
    ("&join; new verify; new uncontact mail", YOUNG),
    ("old verify; old uncontact phone; mail return phone", "contact_added"),
    ("old verify; old uncontact phone; mail return phone; mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; old return phone", NO_CONTACT),
    // Who has lost a mailbox to somebody gets rid of it at the second try.
    (
        "old verify; old uncontact phone; mail return phone; old unfreeze; old uncontact phone; \
         mail return phone",
        NO_CONTACT,
    ),
    (
        "old verify; old uncontact phone; mail return phone; old unfreeze; wait 7d; old verify; \
         old uncontact phone; mail return phone",
        "contact_added",
    ),
    ("old verify; old uncontact phone; wait 7d; mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; wait 6d; mail return phone", "contact_added"),
    ("mail return phone", NO_CONTACT),
    ("old verify; old uncontact phone; close 4; mail return phone", NOT_OPEN),
    // It has become another's.
    (
        "old verify; old uncontact phone; key:x open sign_up phone; key:x try sign_up; \
         key:x sign_up password; mail return phone",
        NO_CONTACT,
    ),
    // An address that was taken back was never gone.
    (
        "old verify; old uncontact phone; mail return phone; &phone; &mail; \
         key:lost recover mail+phone",
        "recovery_started",
    ),
];

/// In a settled life: the whole wallet.
const WALLET: &[Case] = &[
    ("old freeze", "member_frozen"),
    ("old sign_out; old freeze", "member_frozen"),
    ("mail freeze", "member_frozen"),
    ("staff freeze", "member_frozen"),
    ("close 4; staff freeze", NOT_OPEN),
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
    ("freeze 4; staff freeze; old verify; old unfreeze", "refused freeze_must_be_the_members"),
    ("old verify; old unfreeze", "refused member_must_be_frozen"),
    ("old freeze; mail unfreeze", NO_DEVICE),
    ("&join; old freeze; new verify; new unfreeze", YOUNG),
    ("old close", STALE),
    ("old verify; old close", "member_closed"),
    ("old verify; old close; old close", NOT_OPEN),
    ("old verify; old freeze; old close", NOT_OPEN),
    ("&join; new verify; new close", YOUNG),
    ("old consent 4", "consented"),
    ("old consent 3", "consented"),
    ("old consent 2", "refused terms_must_be_accepted"),
    ("old consent 0", "refused terms_must_be_accepted"),
    ("old sign_out; old consent 4", SIGNED_OUT),
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
    ("staff vouch lost; &mail; key:lost recover mail+counter", "recovery_started"),
    ("staff vouch lost; key:lost recover counter+code", "recovery_started"),
    ("staff vouch lost; key:lost recover counter", ALIKE),
    ("staff vouch lost; key:x recover counter+code", CLOSED_CODE),
    ("staff vouch lost; wait 24h; key:lost recover counter+code", CLOSED_CODE),
    ("key:lost recover counter+code", CLOSED_CODE),
    ("close 4; staff vouch lost", NOT_OPEN),
    ("&mail; mail recover mail+code", NO_RECOVERY),
    ("old recover code+passkey", NO_RECOVERY),
    ("&mail; key:x recover mail+code", CLOSED_CODE),
    ("key:lost open recover_by_mail mail; key:lost recover mail+code", CLOSED_CODE),
    // The same address twice is one proof.
    (
        "&mail; key:lost open recover_by_phone mail; key:lost try recover_by_phone; \
         key:lost recover mail+phone",
        ALIKE,
    ),
    // On file for less than seven days.
    (
        "old verify; &typed; old contact; wait 6d; key:lost open recover_by_mail other; \
         key:lost try recover_by_mail; key:lost recover mail+code",
        CLOSED_CODE,
    ),
    (
        "old verify; &typed; old contact; wait 7d; key:lost open recover_by_mail other; \
         key:lost try recover_by_mail; key:lost recover mail+code",
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
    ("&lost; wait 24h; key:lost finish noted", "refused recovery_must_be_due"),
    ("&lost; wait 24h; key:lost finish noted_before", "recovery_finished"),
    ("&lost; wait 10d; key:lost finish", NO_RECOVERY),
    ("&lost; wait 24h; key:lost finish wrong", NO_RECOVERY),
    ("&lost; wait 24h; key:x finish", NO_RECOVERY),
    ("&lost; wait 24h; old finish", NO_RECOVERY),
    ("&lost; wait 24h; key:lost finish; key:lost finish", NO_RECOVERY),
    ("&lost; wait 24h; freeze 4; key:lost finish", "recovery_finished"),
    ("&lost; wait 24h; close 4; key:lost finish", NOT_OPEN),
    // Ended, contested, decided by staff.
    ("&lost; old cancel", STALE),
    ("&lost; old verify; old cancel", "recovery_cancelled"),
    ("&lost; mail cancel", NO_DEVICE),
    ("&join; &lost; new verify; new cancel", YOUNG),
    ("&lost; old verify; old cancel; wait 24h; key:lost finish", NO_RECOVERY),
    ("&lost; mail contest", "recovery_contested"),
    ("&lost; old sign_out; old contest", "recovery_contested"),
    ("&waits; &lost; new contest", NO_DEVICE),
    ("&lost; key:x contest", NO_RECOVERY),
    ("mail contest", NO_RECOVERY),
    ("&lost; mail contest; wait 24h; key:lost finish", CONTESTED),
    ("&lost; mail contest; mail contest; wait 24h; key:lost finish", CONTESTED),
    ("&lost; mail contest; mail contest; mail contest", CONTESTED),
    ("&lost; mail contest; old verify; old cancel", "recovery_cancelled"),
    ("&lost; staff allow", NO_RECOVERY),
    ("staff stop", NO_RECOVERY),
    ("&lost; staff stop", "recovery_ended"),
    ("&lost; mail contest; staff stop", "recovery_ended"),
    ("&lost; mail contest; staff allow; staff stop", "recovery_ended"),
    ("&lost; staff stop; staff stop", NO_RECOVERY),
    ("&lost; staff stop; wait 24h; key:lost finish", NO_RECOVERY),
    ("&lost; staff stop; key:lost recover code1+passkey", "recovery_started"),
    // The phone that sees a recovery is not taken away while it waits.
    ("&lost; staff end old", "refused recovery_is_under_way"),
    ("&lost; old verify; old cancel; staff end old", "device_ended"),
    ("&lost; mail contest; staff allow", "recovery_allowed"),
    ("&lost; mail contest; mail contest; staff allow", "recovery_allowed"),
    ("&lost; mail contest; staff allow; staff allow", NO_RECOVERY),
    ("&lost; mail contest; close 4; staff allow", NOT_OPEN),
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
    // What verified him went with the phone.
    ("&lost; wait 24h; key:lost finish; wait 6d; lost factor external_id", STALE),
    ("&lost; wait 24h; key:lost finish; wait 7d; lost factor external_id", "credential_added"),
    ("&lost; wait 24h; key:lost finish; wait 7d; lost unfactor totp", STALE),
    (
        "&lost; wait 24h; key:lost finish; wait 72h; lost verify; wait 7d; lost factor external_id",
        STALE,
    ),
    ("&lost; wait 24h; key:lost finish; wait 7d; freeze 4; lost factor external_id", NOT_OPEN),
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
