//! Passkeys of members: asking a browser to make one or to use one, and what is kept.
//!
//! What is kept of a passkey begins with the number that its member is known by to all his
//! passkeys.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use yaoki_core::identity::credential::{Credential, CredentialKind, NewCredential};
use yaoki_core::identity::people::People;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_store::{Conn, StoreError, read};

use super::address::digest;
use super::services::Ceremonies;
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::problem::Problem;
use crate::edge::reads::Side;
use crate::identity::passkey::{
    Asking, Handle, Once, Owner, PasskeyError, Relying, Started, claimed, handle_from, known,
    parted, together,
};
use crate::identity::seal::Sealer;

/// What a browser is asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyOptions)]
pub struct Options {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`.
    options: Value,
    /// To be given back, unread.
    ceremony: String,
}

impl From<Started> for Options {
    fn from(started: Started) -> Self {
        Self { options: started.options, ceremony: started.ceremony }
    }
}

/// What a browser answers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// As it was given.
    pub(crate) ceremony: String,
    /// What `toJSON` of the browser's credential gives.
    pub(crate) answer: Value,
}

/// A passkey that signed, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) factor: FactId,
    pub(super) member: MemberNumber,
    /// The passkey's counter; 0 where it counts none.
    pub(super) counter: i64,
}

impl Used {
    /// The use that it is of the passkey, which the rules compare with the last.
    pub(super) const fn counted(&self) -> (FactId, i64) {
        (self.factor, self.counter)
    }
}

/// Whose passkey is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) handle: Handle,
    /// As he calls his account: shown by his authenticator only.
    pub(super) name: &'a str,
}

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) act: &'static str,
    pub(crate) browser: &'a [u8; 32],
}

fn relying(app: &App) -> Result<&Relying, Problem> {
    app.members.passkeys.get().ok_or_else(|| EdgeError::PasskeysMustBeSetUp.into())
}

/// The number of a member who signs up, from what only he has: his challenge.
pub(super) fn new_handle(app: &App, challenge: &[u8; 32]) -> Handle {
    handle_from(&digest(app, "passkey handle", &[challenge]))
}

/// The number of a member: that of his passkeys, or one from his number where he has none.
///
/// # Errors
/// [`PasskeyError::Kept`].
pub(super) fn handle_of(
    app: &App,
    member: MemberNumber,
    people: &People,
) -> Result<Handle, PasskeyError> {
    if let Some(secret) = passkeys_of(people, member).next() {
        return Ok(parted(secret)?.0);
    }
    let digest = digest(app, "passkey handle of member", &[&member.0.to_be_bytes()]);
    Ok(handle_from(&digest))
}

/// What is kept of a member's passkeys.
fn passkeys_of(people: &People, member: MemberNumber) -> impl Iterator<Item = &[u8]> {
    let rows = people.credentials_of(member).filter(|row| row.kind == CredentialKind::Passkey);
    rows.map(|row| row.secret.as_slice())
}

/// Asks for a new passkey.
///
/// # Errors
/// A [`Problem`].
pub(super) fn begin_new(
    app: &App,
    asker: Asker<'_>,
    named: Named<'_>,
    others: Option<(MemberNumber, &People)>,
) -> Result<Options, Problem> {
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let owner = Owner { handle: &named.handle, name: named.name, display_name: named.name };
    let others = others.into_iter();
    let existing = known(others.flat_map(|(member, people)| passkeys_of(people, member)))?;
    let started = relying(app)?.start_registration(&asking, app.random(), &owner, &existing);
    Ok(started?.into())
}

/// The new passkey that a browser has made.
///
/// # Errors
/// A [`Problem`].
pub(super) fn finish_new(
    app: &App,
    asker: Asker<'_>,
    handle: Handle,
    answered: &Answered,
    label: &str,
) -> Result<NewCredential, Problem> {
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let made = relying(app)?.finish_registration(
        &asking,
        &handle,
        &answered.ceremony,
        &answered.answer,
    )?;
    count_once(app, &app.members.ceremonies, made.once)?;
    Ok(NewCredential {
        kind: CredentialKind::Passkey,
        lookup: made.credential_id_digest.to_vec(),
        secret: together(&handle, &made.kept),
        label: label.to_owned(),
    })
}

/// Asks for any passkey that its holder has here.
///
/// # Errors
/// A [`Problem`].
pub(super) fn begin_any(app: &App, asker: Asker<'_>) -> Result<Options, Problem> {
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    Ok(relying(app)?.start_sign_in(&asking, app.random())?.into())
}

/// Asks for one of a member's passkeys.
///
/// # Errors
/// A [`Problem`].
pub(super) fn begin_own(
    app: &App,
    asker: Asker<'_>,
    member: MemberNumber,
    people: &People,
) -> Result<Options, Problem> {
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let known = known(passkeys_of(people, member))?;
    let handle = handle_of(app, member, people)?;
    Ok(relying(app)?.start_proof(&asking, app.random(), &handle, &known)?.into())
}

/// The passkey that signed, its user verified.
///
/// # Errors
/// A [`Problem`]; it does not say whether the passkey is known.
pub(super) async fn finish(
    app: &App,
    asker: Asker<'_>,
    answered: &Answered,
    deadline: Deadline,
) -> Result<Used, Problem> {
    let claimed = claimed(&answered.answer)?;
    let lookup = claimed.credential_id_digest;
    let read = app.read(Side::Devices, deadline, move |conn| find(conn, lookup));
    let row = read.await?.ok_or(PasskeyError::OtherPasskey)?;
    let (handle, kept) = parted(&row.secret)?;
    let keyring = app.keyring();
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let (ceremony, answer) = (&answered.ceremony, &answered.answer);
    let asserted = relying(app)?.finish_assertion(&asking, ceremony, answer, &handle, kept)?;
    count_once(app, &app.members.ceremonies, asserted.once)?;
    Ok(Used { factor: row.id, member: row.member, counter: i64::from(asserted.counter) })
}

fn find(conn: &mut Conn, lookup: [u8; 32]) -> Result<Option<Credential>, StoreError> {
    let row = read::credential_by_lookup(conn, &lookup)?;
    Ok(row.filter(|row| row.kind == CredentialKind::Passkey))
}

/// What a ceremony of `asker` is bound to.
pub(crate) fn asking<'a>(app: &App, sealer: Sealer<'a>, asker: Asker<'a>) -> Asking<'a> {
    Asking { sealer, act: asker.act, browser: asker.browser, now_ms: app.now().0 }
}

/// A ceremony counts once on this node; its browser's proofs and the request id do the rest.
///
/// # Errors
/// [`PasskeyError::Ceremony`].
pub(crate) fn count_once(app: &App, ceremonies: &Ceremonies, once: Once) -> Result<(), Problem> {
    let first = ceremonies.take(once.mark, once.until_ms, app.now());
    if first { Ok(()) } else { Err(PasskeyError::Ceremony.into()) }
}

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        let kind = match error {
            PasskeyError::Origin(_) | PasskeyError::Kept => EdgeError::FaultOfOurs,
            _ => EdgeError::PasskeyMustHold,
        };
        if matches!(kind, EdgeError::FaultOfOurs) {
            tracing::error!(%error, "a passkey could not be used");
        }
        Self::with_detail(kind, crate::edge::problem::sentence(&error.to_string()))
    }
}
