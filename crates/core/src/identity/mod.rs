//! Who a member is: addresses, factors, devices, recovery, and what each may do.
//!
//! Authority belongs to a device key. A password, an external id or a typed code says who somebody
//! claims to be; only an enrolled device, and for what weighs more its user's fresh verification,
//! changes anything. Every row here is a fold over events, changed under its member's lock only.
//!
//! | module         | what it holds                                                 |
//! | -------------- | ------------------------------------------------------------- |
//! | [`act`]        | the commands                                                  |
//! | [`contact`]    | mail addresses and telephone numbers on file                  |
//! | [`credential`] | passkeys, passwords, one-time passwords, external ids         |
//! | [`recovery`]   | a lost phone's way back                                       |
//! | [`challenge`]  | a typed code, bound to the key that asks                      |
//! | [`people`]     | these rows of a batch, and how events change them             |
//!
//! Not here: hashing, `WebAuthn`, `OpenID` Connect and sealing (the server does them before the
//! queue), and the rules themselves ([`crate::decide`]).

pub mod act;
pub mod challenge;
pub mod contact;
pub mod credential;
pub mod people;
pub mod recovery;

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// How long a user's verification counts as fresh.
pub const FRESH_MS: i64 = 5 * MINUTE_MS;
/// How long an invitation of a new device can be redeemed.
pub const INVITATION_MS: i64 = 5 * MINUTE_MS;
/// How long a typed code lives (OWASP ASVS 5.0, 6.5.5).
pub const CHALLENGE_MS: i64 = 10 * MINUTE_MS;
/// Wrong codes after which a challenge is over (eight digits: account-wide guessing finds 0.075 of
/// one and a half million).
pub const CHALLENGE_TRIES_MAX: i64 = 5;
/// A device is young for so long, unless it is a member's first.
pub const YOUNG_MS: i64 = 72 * HOUR_MS;
/// How long after it lost the paying right an old device may take it back.
pub const TAKE_BACK_MS: i64 = 72 * HOUR_MS;
/// How long a device that nobody approved waits for the paying right, with notice.
pub const PAYING_RIGHT_WAIT_MS: i64 = 24 * HOUR_MS;
/// How long a recovery waits.
pub const RECOVERY_WAIT_MS: i64 = 24 * HOUR_MS;
/// How long it waits while a known device still signs requests.
pub const RECOVERY_WAIT_KNOWN_MS: i64 = 72 * HOUR_MS;
/// When a device signs is noted once in so long.
pub const SEEN_EVERY_MS: i64 = HOUR_MS;
/// What a member has frozen himself, staff unfreezes after so long and with notice.
pub const UNFREEZE_WAIT_MS: i64 = 24 * HOUR_MS;
/// How long after its time a recovery can be finished.
pub const RECOVERY_OPEN_MS: i64 = 7 * DAY_MS;
/// An address proves something in a recovery only when it is on file for so long.
pub const CONTACT_SETTLED_MS: i64 = 7 * DAY_MS;
/// After a recovery no address and no factor is changed for so long.
pub const REST_AFTER_RECOVERY_MS: i64 = 7 * DAY_MS;
/// A session of a device ends after so long, however often it is used.
pub const SESSION_MS_MAX: i64 = 400 * DAY_MS;
/// A session that is not used for so long ends.
pub const SESSION_IDLE_MS_MAX: i64 = 90 * DAY_MS;
/// The most active devices of a member.
pub const DEVICES_MAX: usize = 10;
/// The most addresses of a member.
pub const CONTACTS_MAX: usize = 4;
/// The most factors of a member.
pub const CREDENTIALS_MAX: usize = 20;
/// The longest description of a device or a factor, characters.
pub const LABEL_CHARACTERS_MAX: usize = 60;
