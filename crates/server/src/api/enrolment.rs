//! The door through which a device of a demo, or of a book to try things in, gets its authority: a
//! one-time link that the host made. A live book refuses to make one. Members' own ways (sign-up,
//! invitation, passkey, recovery) are acts of the member, see [`crate::api::member`].

use yaoki_core::command::{Act, Administer};
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_store::Part;

use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::problem::Problem;
use crate::edge::proof::VerifiedKey;

/// Random bytes of a link's token.
pub const LINK_TOKEN_BYTES: usize = 32;

/// What allows a device to be enrolled.
#[derive(Clone, Copy)]
pub enum Grant<'a> {
    /// The token of a one-time link.
    Link(&'a str),
}

/// A device that was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its number.
    pub device: FactId,
    /// Whose.
    pub member: MemberNumber,
}

/// The digest under which a link is kept; its token is kept nowhere.
pub fn link_digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// Enrols the device of `key`. Asked again with the same grant and key it gives the same answer.
///
/// # Errors
/// A [`Problem`]: the grant does not hold, or nothing is known.
pub async fn enrol(
    app: &App,
    grant: Grant<'_>,
    key: &VerifiedKey,
    deadline: Deadline,
) -> Result<Enrolled, Problem> {
    let Grant::Link(token) = grant;
    let link = link_digest(token);
    let public_key = key.public_key;
    let act = Act::EnrolDevice { link, public_key, secret: app.random() };
    let administer = Administer::alone(request_of(&link, key), "link", act);
    let event = app.administer(Part::Strangers, administer, deadline).await?;
    Ok(Enrolled { device: FactId(event.object), member: MemberNumber(event.subject) })
}

/// Made from link and key, so that a device whose answer was lost asks the same again.
fn request_of(link: &[u8; 32], key: &VerifiedKey) -> RequestId {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki enrolment request 1");
    hasher.update(link);
    hasher.update(&key.thumbprint);
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    RequestId(bytes)
}
