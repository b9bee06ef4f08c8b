//! Sessions of devices: signing in on a known one, signing out, verifying the user again, and
//! giving a browser that lost its key another one.

use super::{Acting, Says};
use crate::decide::{Stop, must};
use crate::facts::EventKind;
use crate::identity::act::{By, IdentityAct, NewDevice, Use};
use crate::identity::credential::{Credential, CredentialKind};
use crate::identity::people::Private;
use crate::ids::FactId;
use crate::message::Template;
use crate::refusal::Refusal;
use crate::state::Verification;
use crate::switches::{Capability, Place, provider_number};

pub(super) fn decide(act: &mut Acting<'_>) -> Result<(), Stop> {
    match &act.identity.act {
        IdentityAct::OpenSession(device, verified, used) => {
            // Who has left sees his balance.
            act.member()?;
            // The device's key has signed; its last session, if there is one, does not count.
            let theirs = matches!(act.identity.by, By::Device { device: by, .. } if by == *device);
            must(theirs && act.device(*device)?.is_active(), Refusal::DeviceMustBeActive)?;
            must_be_enough(act, *verified, *used)?;
            let used = will_verify(act, *verified, *used)?;
            book(act, EventKind::SessionOpened, *device, verified.code());
            book_use(act, used);
        }
        IdentityAct::EndSession => {
            let device = act.acting_device()?.id;
            book(act, EventKind::SessionEnded, device, 0);
        }
        IdentityAct::Verify(verified, used) => {
            let device = act.acting_device()?.id;
            let enough = verified.is_strong() || is_all_there_is(act, *verified);
            must(enough, Refusal::UserMustBeVerified)?;
            let used = will_verify(act, *verified, *used)?;
            book(act, EventKind::UserVerified, device, verified.code());
            book_use(act, used);
        }
        IdentityAct::RestoreDevice(device, new, verified, used) => {
            restore(act, *device, (new, *verified), *used)?;
        }
        other => unreachable!("{other:?} is not about a session"),
    }
    Ok(())
}

/// The device's cookie was checked before; alone it does nothing, and neither does what is asked
/// with it.
fn restore(
    act: &mut Acting<'_>,
    device: FactId,
    (new, verified): (&NewDevice, Verification),
    used: Use,
) -> Result<(), Stop> {
    act.member()?;
    let by_browser = act.browser().is_ok();
    let row = act.device(device)?;
    must(by_browser && row.is_active(), Refusal::DeviceMustBeActive)?;
    must(verified.is_strong(), Refusal::UserMustBeVerified)?;
    let used = will_verify(act, verified, used)?;
    let digest = blake3::hash(&new.public_key).as_bytes().to_vec();
    let says = Says { object: device.0, number: verified.code(), digest, ..Says::default() };
    act.book(act.identity.member, EventKind::DeviceRestored, says);
    act.keep(Private { public_key: new.public_key.to_vec(), ..Private::default() });
    book_use(act, used);
    if verified != Verification::Passkey {
        act.tell(Template::DeviceAdded, &new.label);
    }
    Ok(())
}

/// On an enrolled device, whose key has signed, the password is the second proof of a wallet that
/// has nothing stronger: else who signed up with one could never add it.
pub(super) fn is_all_there_is(act: &Acting<'_>, verified: Verification) -> bool {
    use CredentialKind::{Passkey, Totp};
    let mut factors = act.view.people.credentials_of(act.identity.member);
    let stronger = factors.any(|row| matches!(row.kind, Passkey | Totp));
    verified == Verification::Password && !stronger
}

/// A password alone signs in where the wallet has no second factor; the device is known.
fn must_be_enough(act: &Acting<'_>, verified: Verification, used: Use) -> Result<(), Refusal> {
    use CredentialKind as Kind;
    let member = act.identity.member;
    let has = |kind| act.view.people.credentials_of(member).any(|row| row.kind == kind);
    let enough = match verified {
        Verification::Passkey | Verification::PasswordAndFactor => true,
        Verification::Password => !has(Kind::Totp),
        Verification::ExternalId => {
            let external = |row: &&Credential| row.kind == Kind::ExternalId;
            let factor = used.and_then(|(id, _)| act.view.people.credentials.get(&id));
            let factor = factor.filter(external).ok_or(Refusal::FactorMustExist)?;
            must_take_provider(act, &factor.label)?;
            !has(Kind::Totp)
        }
        Verification::DeviceKey => false,
    };
    must(enough, Refusal::UserMustBeVerified)
}

/// Whether external ids of this provider are taken: a factor's label is its provider's name.
pub(super) fn must_take_provider(act: &Acting<'_>, name: &str) -> Result<(), Refusal> {
    let place = Place { provider: provider_number(name), ..Place::default() };
    let closed = act.view.directory.is_closed(Capability::ExternalId, &place, act.view.now);
    must(!closed, Refusal::ExternalIdIsClosed)
}

fn book(act: &mut Acting<'_>, kind: EventKind, device: FactId, number: i64) {
    let says = Says { object: device.0, number, ..Says::default() };
    act.book(act.identity.member, kind, says);
}

/// What becomes of the second factor that a user was verified with: there is one where one is
/// claimed.
fn will_verify(act: &Acting<'_>, verified: Verification, used: Use) -> Result<Use, Refusal> {
    if verified == Verification::PasswordAndFactor {
        let factor = used.and_then(|(factor, _)| act.view.people.credentials.get(&factor));
        let second = |kind| matches!(kind, CredentialKind::Totp | CredentialKind::RecoveryCodes);
        must(factor.is_some_and(|row| second(row.kind)), Refusal::FactorMustExist)?;
    }
    will_use(act, used)
}

/// What becomes of a factor that is good once.
pub(super) fn will_use(act: &Acting<'_>, used: Use) -> Result<Use, Refusal> {
    let Some((factor, place)) = used else { return Ok(None) };
    let row = act.view.people.credentials.get(&factor);
    let row = row.filter(|row| row.member == act.identity.member && row.is_active());
    let row = row.ok_or(Refusal::FactorMustExist)?;
    let after = row.after_use(place).ok_or(Refusal::FactorMustBeUnused)?;
    Ok((after != row.used).then_some((factor, after)))
}

pub(super) fn book_use(act: &mut Acting<'_>, used: Use) {
    if let Some((factor, after)) = used {
        let says = Says { object: factor.0, number: after, ..Says::default() };
        act.book(act.identity.member, EventKind::CredentialUsed, says);
    }
}
