//! Tokens that the server gives to the holder of a key, and opens again in each of his requests:
//! one for an enrolled device's session, one that says which device a browser was, one for links in
//! messages, and one for an operator's console session.
//!
//! Shape: base64url of version, content and an HMAC-SHA256 over both under the device token key.
//! Each kind has a label and a version of its own, so that none is ever taken for the other. A
//! token is no secret worth stealing: without a proof by its key it is refused.
//!
//! Not here: whether device or session still stand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq;
use yaoki_core::ids::FactId;
use yaoki_core::session::{SESSION_MS_MAX, StaffSession};

use super::{NO_DEVICE, ProofError, ProofKeys, SCHEME, current, part, sha256};

/// The length of a device token's text, in bytes.
pub const TOKEN_BYTES: usize = 130;
/// The longest name of an operator, characters.
pub const ACTOR_CHARS_MAX: usize = 100;
/// The longest text of a console session's token, in bytes: an actor of 4 bytes a character.
pub const SESSION_TOKEN_BYTES_MAX: usize = 660;

const TAG_BYTES: usize = 32;
/// Version, device, member, thumbprint, session, time of issue.
const DEVICE_BODY_BYTES: usize = 1 + 8 + 8 + 32 + 8 + 8;
/// Version, device, member, time of issue.
const COOKIE_BODY_BYTES: usize = 1 + 8 + 8 + 8;
/// Version, act, member, object, end, chance.
const LINK_BODY_BYTES: usize = 1 + 1 + 8 + 32 + 8 + 16;
/// The longest text of a cookie or link that is looked at, bytes.
const OTHERS_BYTES_MAX: usize = 200;
/// Version, session, times, thumbprint; the actor follows.
const SESSION_BODY_BYTES: usize = 1 + 8 + 8 + 8 + 32;

/// A kind of token.
struct Sort {
    label: &'static [u8],
    version: u8,
}

const DEVICE: Sort = Sort { label: b"yaoki device token 1", version: 4 };
const COOKIE: Sort = Sort { label: b"yaoki device cookie 1", version: 5 };
const LINK: Sort = Sort { label: b"yaoki message link 1", version: 6 };
const SESSION: Sort = Sort { label: b"yaoki console session 1", version: 2 };

/// What a proof is held against: an opened token of either kind.
pub trait Bound {
    /// For whom nonces are made: a device's number, or a session's.
    fn caller(&self) -> u64;
    /// SHA-256 thumbprint of the public key (RFC 7638).
    fn thumbprint(&self) -> &[u8; 32];
    /// What `ath` must be.
    fn text_digest(&self) -> &[u8; 32];
}

/// A device's token, opened. It says who asks; the proof shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceToken {
    /// The device's number.
    pub device: u64,
    /// The member's number.
    pub member: u64,
    /// SHA-256 thumbprint of the device's public key (RFC 7638).
    pub thumbprint: [u8; 32],
    /// The event that opened its session.
    pub session: u64,
    /// When the token was given, Unix milliseconds: it is renewed as it is used, so an old one is
    /// of a session that nobody uses.
    pub issued_at_ms: i64,
    text_digest: [u8; 32],
}

/// Whose token it is and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSession {
    /// The device's number.
    pub device: u64,
    /// The member's number.
    pub member: u64,
    /// The event that opened its session.
    pub session: u64,
    /// Now, Unix milliseconds.
    pub issued_at_ms: i64,
}

/// Which device a browser was: all that is left when it lost its key. Alone it allows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceCookie {
    /// The device's number.
    pub device: u64,
    /// The member's number.
    pub member: u64,
    /// When it was given, Unix milliseconds.
    pub issued_at_ms: i64,
}

/// What the holder of a link in a message may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAct {
    /// Freeze the wallet.
    Freeze = 1,
    /// Contest a recovery.
    Contest = 2,
    /// Put a removed address on file again.
    Return = 3,
}

/// A link in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLink {
    /// What it does.
    pub act: LinkAct,
    /// Whose wallet.
    pub member: u64,
    /// The address's keyed digest, or zeros.
    pub object: [u8; 32],
    /// Until when, Unix milliseconds.
    pub until_ms: i64,
    /// Chance: what makes it count once.
    pub chance: [u8; 16],
}

/// What a console session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number: that of the row which it is in the book; or, of one that a server's memory has,
    /// chance with the highest bit set.
    pub number: u64,
    /// When it was begun, Unix milliseconds.
    pub issued_at_ms: i64,
    /// When it ends by itself, Unix milliseconds.
    pub expires_at_ms: i64,
    /// Who works in it.
    pub actor: String,
}

impl Session {
    /// A number for a session, from chance.
    pub const fn number_of(chance: [u8; 8]) -> u64 {
        u64::from_be_bytes(chance) | 1 << 63
    }

    /// The session of a row, as a token given at `issued_at_ms` names it.
    ///
    /// # Panics
    /// When the row has no id: it was never booked.
    pub fn of_row(row: &StaffSession, actor: &str, issued_at_ms: i64) -> Self {
        assert!(row.id.is_some(), "a session is an event");
        Self {
            number: row.id.0.cast_unsigned(),
            issued_at_ms,
            expires_at_ms: row.id.at().plus_ms(SESSION_MS_MAX).0,
            actor: actor.to_owned(),
        }
    }

    /// The row that it is in the book; none: a server's memory has it.
    pub fn row(&self) -> Option<FactId> {
        i64::try_from(self.number).ok().map(FactId)
    }
}

/// A console session's token, opened. It says who asks; the proof shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionToken {
    /// The session.
    pub session: Session,
    thumbprint: [u8; 32],
    text_digest: [u8; 32],
}

impl Bound for DeviceToken {
    fn caller(&self) -> u64 {
        self.device
    }

    fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    fn text_digest(&self) -> &[u8; 32] {
        &self.text_digest
    }
}

impl Bound for SessionToken {
    fn caller(&self) -> u64 {
        self.session.number
    }

    fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    fn text_digest(&self) -> &[u8; 32] {
        &self.text_digest
    }
}

impl ProofKeys {
    /// The token of an enrolled device, [`TOKEN_BYTES`] long: what it sends in each request, of no
    /// use without its key.
    ///
    /// # Panics
    /// When `device` is [`NO_DEVICE`].
    pub fn issue_token(&self, of: DeviceSession, thumbprint: &[u8; 32]) -> String {
        assert!(of.device != NO_DEVICE, "a token is given to a device that exists");
        let content = [
            &of.device.to_be_bytes()[..],
            &of.member.to_be_bytes(),
            thumbprint,
            &of.session.to_be_bytes(),
            &of.issued_at_ms.to_be_bytes(),
        ];
        self.seal(&DEVICE, &content.concat())
    }

    /// Opens the token in the value of an `Authorization` header. Constant time in the token's tag.
    ///
    /// # Errors
    /// [`ProofError::TokenMissing`] or [`ProofError::TokenWrong`].
    pub fn open_token(&self, authorization: &str) -> Result<DeviceToken, ProofError> {
        let text = text_of(authorization)?;
        if text.len() != TOKEN_BYTES {
            return Err(ProofError::TokenWrong);
        }
        let body = self.unseal(&DEVICE, text)?;
        assert!(body.len() == DEVICE_BODY_BYTES, "the text has one length");
        Ok(DeviceToken {
            device: u64::from_be_bytes(part(&body, 1)),
            member: u64::from_be_bytes(part(&body, 9)),
            thumbprint: part(&body, 17),
            session: u64::from_be_bytes(part(&body, 49)),
            issued_at_ms: i64::from_be_bytes(part(&body, 57)),
            text_digest: sha256(text.as_bytes()),
        })
    }

    /// The cookie of a device's browser.
    pub fn issue_cookie(&self, cookie: DeviceCookie) -> String {
        let content = [
            cookie.device.to_be_bytes(),
            cookie.member.to_be_bytes(),
            cookie.issued_at_ms.to_be_bytes(),
        ];
        self.seal(&COOKIE, &content.concat())
    }

    /// Opens a device's cookie. Constant time in its tag.
    ///
    /// # Errors
    /// [`ProofError::TokenWrong`].
    pub fn open_cookie(&self, text: &str) -> Result<DeviceCookie, ProofError> {
        let body = self.unseal_other(&COOKIE, text, COOKIE_BODY_BYTES)?;
        Ok(DeviceCookie {
            device: u64::from_be_bytes(part(&body, 1)),
            member: u64::from_be_bytes(part(&body, 9)),
            issued_at_ms: i64::from_be_bytes(part(&body, 17)),
        })
    }

    /// The token of a link in a message.
    pub fn issue_link(&self, link: &MessageLink) -> String {
        let act = match link.act {
            LinkAct::Freeze => 1,
            LinkAct::Contest => 2,
            LinkAct::Return => 3,
        };
        let content = [
            &[act][..],
            &link.member.to_be_bytes(),
            &link.object,
            &link.until_ms.to_be_bytes(),
            &link.chance,
        ];
        self.seal(&LINK, &content.concat())
    }

    /// Opens the token of a link. Whether it is over is not looked at.
    ///
    /// # Errors
    /// [`ProofError::TokenWrong`].
    pub fn open_link(&self, text: &str) -> Result<MessageLink, ProofError> {
        let body = self.unseal_other(&LINK, text, LINK_BODY_BYTES)?;
        let act = match body.get(1) {
            Some(1) => LinkAct::Freeze,
            Some(2) => LinkAct::Contest,
            Some(3) => LinkAct::Return,
            _ => return Err(ProofError::TokenWrong),
        };
        Ok(MessageLink {
            act,
            member: u64::from_be_bytes(part(&body, 2)),
            object: part(&body, 10),
            until_ms: i64::from_be_bytes(part(&body, 42)),
            chance: part(&body, 50),
        })
    }

    fn unseal_other(&self, sort: &Sort, text: &str, bytes: usize) -> Result<Vec<u8>, ProofError> {
        if text.len() > OTHERS_BYTES_MAX {
            return Err(ProofError::TokenWrong);
        }
        let body = self.unseal(sort, text)?;
        if body.len() == bytes { Ok(body) } else { Err(ProofError::TokenWrong) }
    }

    /// The token of a console session, bound to the browser's key.
    ///
    /// # Panics
    /// When the number is nobody's, or the actor is longer than [`ACTOR_CHARS_MAX`].
    pub fn issue_session(&self, session: &Session, thumbprint: &[u8; 32]) -> String {
        assert!(session.number != NO_DEVICE, "a token is given to a session that exists");
        assert!(session.actor.chars().count() <= ACTOR_CHARS_MAX, "an actor has a short name");
        let content = [
            &session.number.to_be_bytes()[..],
            &session.issued_at_ms.to_be_bytes(),
            &session.expires_at_ms.to_be_bytes(),
            thumbprint,
            session.actor.as_bytes(),
        ];
        self.seal(&SESSION, &content.concat())
    }

    /// The same as [`open_token`](Self::open_token) for the token of a console session. Whether it
    /// is over is not looked at.
    ///
    /// # Errors
    /// [`ProofError::TokenMissing`] or [`ProofError::TokenWrong`].
    pub fn open_session(&self, authorization: &str) -> Result<SessionToken, ProofError> {
        let text = text_of(authorization)?;
        if text.len() > SESSION_TOKEN_BYTES_MAX {
            return Err(ProofError::TokenWrong);
        }
        let body = self.unseal(&SESSION, text)?;
        let (body, actor) = body.split_at(SESSION_BODY_BYTES);
        let session = Session {
            number: u64::from_be_bytes(part(body, 1)),
            issued_at_ms: i64::from_be_bytes(part(body, 9)),
            expires_at_ms: i64::from_be_bytes(part(body, 17)),
            actor: String::from_utf8(actor.to_vec()).map_err(|_| ProofError::TokenWrong)?,
        };
        let (thumbprint, text_digest) = (part(body, 25), sha256(text.as_bytes()));
        Ok(SessionToken { session, thumbprint, text_digest })
    }

    fn seal(&self, sort: &Sort, content: &[u8]) -> String {
        let mut bytes = vec![sort.version];
        bytes.extend_from_slice(content);
        let tag = tag_of(current(&self.token), sort, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Version and content of a token that was made here.
    fn unseal(&self, sort: &Sort, text: &str) -> Result<Vec<u8>, ProofError> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ProofError::TokenWrong)?;
        let length = bytes.len().checked_sub(TAG_BYTES).ok_or(ProofError::TokenWrong)?;
        let (body, tag) = bytes.split_at(length);
        let made_here =
            self.token.iter().any(|key| tag_of(key, sort, body).as_ref().ct_eq(tag).into());
        if !made_here || body.first() != Some(&sort.version) {
            return Err(ProofError::TokenWrong);
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// The token in the value of an `Authorization` header.
fn text_of(authorization: &str) -> Result<&str, ProofError> {
    let (scheme, text) = authorization.trim().split_once(' ').ok_or(ProofError::TokenMissing)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(ProofError::TokenMissing);
    }
    Ok(text.trim_start())
}

fn tag_of(key: &hmac::Key, sort: &Sort, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(sort.label);
    context.update(body);
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::keys::KeyFile;

    fn keys() -> ProofKeys {
        ProofKeys::new(&KeyFile::generate(&mut |bytes| bytes.fill(7)), 0)
    }

    fn session(actor: &str) -> Session {
        let number = Session::number_of([1; 8]);
        Session { number, issued_at_ms: 5, expires_at_ms: 9, actor: actor.to_owned() }
    }

    #[test]
    fn a_session_comes_back_as_it_was_given_with_the_longest_name_too() {
        let keys = keys();
        for actor in ["Asa", &"朝".repeat(ACTOR_CHARS_MAX), &"🦀".repeat(ACTOR_CHARS_MAX)] {
            let session = session(actor);
            let text = keys.issue_session(&session, &[3; 32]);
            assert!(text.len() <= SESSION_TOKEN_BYTES_MAX);
            let opened = keys.open_session(&format!("DPoP {text}")).expect("our own");
            assert_eq!((&opened.session, opened.thumbprint()), (&session, &[3; 32]));
            assert_eq!(opened.caller(), session.number);
        }
    }

    #[test]
    fn no_kind_of_token_is_taken_for_the_other() {
        let keys = keys();
        let of = DeviceSession { device: 7, member: 8, session: 7, issued_at_ms: 5 };
        let device = format!("DPoP {}", keys.issue_token(of, &[3; 32]));
        let cookie = keys.issue_cookie(DeviceCookie { device: 7, member: 8, issued_at_ms: 5 });
        let link = MessageLink {
            act: LinkAct::Freeze,
            member: 8,
            object: [0; 32],
            until_ms: 5,
            chance: [4; 16],
        };
        let text = keys.issue_link(&link);
        assert_eq!(keys.open_link(&text), Ok(link));
        for other in [&cookie, &text] {
            assert_eq!(keys.open_token(&format!("DPoP {other}")), Err(ProofError::TokenWrong));
            assert_eq!(keys.open_session(&format!("DPoP {other}")), Err(ProofError::TokenWrong));
        }
        assert_eq!(keys.open_cookie(&text), Err(ProofError::TokenWrong));
        assert_eq!(keys.open_link(&cookie), Err(ProofError::TokenWrong));
        assert_eq!(keys.open_session(&device), Err(ProofError::TokenWrong));
        // Of the same length as a device's, by the length of its name or by none.
        for length in 0..=ACTOR_CHARS_MAX {
            let session = session(&"a".repeat(length));
            let session = format!("DPoP {}", keys.issue_session(&session, &[3; 32]));
            assert_eq!(keys.open_token(&session), Err(ProofError::TokenWrong), "{length}");
        }
    }

    #[test]
    fn a_version_of_another_kind_is_refused_though_it_was_sealed_here() {
        let keys = keys();
        for sort in [&DEVICE, &SESSION] {
            let other = Sort { label: sort.label, version: sort.version + 1 };
            let text = keys.seal(&other, &[0; DEVICE_BODY_BYTES - 1]);
            assert_eq!(keys.unseal(sort, &text), Err(ProofError::TokenWrong));
        }
    }

    #[test]
    fn a_session_token_that_was_changed_is_refused() {
        let keys = keys();
        let text = keys.issue_session(&session("Asa"), &[3; 32]);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            let refused = keys.open_session(&format!("DPoP {changed}"));
            assert_eq!(refused, Err(ProofError::TokenWrong), "{place}");
        }
        for wrong in ["A", &"A".repeat(SESSION_TOKEN_BYTES_MAX + 1)] {
            let refused = keys.open_session(&format!("DPoP {wrong}"));
            assert_eq!(refused, Err(ProofError::TokenWrong));
        }
    }
}
