//! Factors and addresses: changed only by a device whose user was verified a moment ago, told to
//! the addresses that were there before.

use super::notices::{About, masked, tell_of};
use super::{Acting, Says, challenge, sessions, wallet};
use crate::decide::{Stop, must};
use crate::facts::EventKind;
use crate::identity::act::{By, IdentityAct};
use crate::identity::challenge::{Challenge, Purpose};
use crate::identity::contact::Contact;
use crate::identity::credential::{Credential, CredentialKind, NewCredential};
use crate::identity::people::Private;
use crate::identity::{CONTACTS_MAX, CREDENTIALS_MAX, REST_AFTER_RECOVERY_MS};
use crate::ids::{FactId, MemberNumber};
use crate::message::{Factor, Template};
use crate::refusal::Refusal;
use crate::state::{Device, EnrolmentWay, Verification};
use crate::time::Instant;
use crate::view::View;

/// How long an address that was removed can be taken back.
pub(super) const RETURN_MS: i64 = REST_AFTER_RECOVERY_MS;

pub(super) fn decide(act: &mut Acting<'_>) -> Result<(), Stop> {
    match &act.identity.act {
        IdentityAct::AddFactor(factor) => add_factor(act, factor),
        IdentityAct::ReplacePassword(factor) => replace_password(act, factor),
        IdentityAct::EndFactor(factor) => end_factor(act, *factor),
        IdentityAct::AddContact(challenge) => add_contact(act, challenge),
        IdentityAct::EndContact(digest) => end_contact(act, digest),
        IdentityAct::ReturnContact(digest) => return_contact(act, digest),
        other => unreachable!("{other:?} is not about a factor or an address"),
    }
}

/// What every change of factors and addresses asks.
fn must_be_allowed(act: &Acting<'_>) -> Result<(), Stop> {
    act.must_be_open()?;
    act.trusted_device()?;
    must_have_rested(act)
}

fn must_have_rested(act: &Acting<'_>) -> Result<(), Stop> {
    let recent = |row: &Device| {
        let recovered = row.way == EnrolmentWay::Recovery;
        recovered && act.view.now < row.id.at().plus_ms(REST_AFTER_RECOVERY_MS)
    };
    let rests = act.view.people.devices_of(act.identity.member).any(recent);
    Ok(must(!rests, Refusal::WalletMustRest)?)
}

/// Whether nobody has this factor, where it is one that is found by itself.
pub(super) fn must_be_free(view: &View, factor: &NewCredential) -> Result<(), Refusal> {
    let same = |row: &Credential| {
        row.is_active() && row.kind == factor.kind && row.lookup == factor.lookup
    };
    let taken = !factor.lookup.is_empty() && view.people.credentials.values().any(same);
    must(!taken, Refusal::FactorMustBeFree)
}

/// Whoever recovered lost with his phone what verifies him: when the week of rest is over, the
/// device that the recovery gave him adds a factor without, as long as nothing verified him since.
fn has_nothing_left(act: &Acting<'_>) -> bool {
    let Ok(device) = act.acting_device() else { return false };
    let began = device.id.at();
    let rested = act.view.now >= began.plus_ms(REST_AFTER_RECOVERY_MS);
    device.way == EnrolmentWay::Recovery && rested && device.verified_at <= began
}

fn add_factor(act: &mut Acting<'_>, factor: &NewCredential) -> Result<(), Stop> {
    if has_nothing_left(act) {
        act.must_be_open()?;
    } else {
        must_be_allowed(act)?;
    }
    book_new_factor(act, factor)
}

/// A leaked password verifies nobody, so who has nothing else gives it once more to be rid of it.
fn replace_password(act: &mut Acting<'_>, factor: &NewCredential) -> Result<(), Stop> {
    act.must_be_open()?;
    let young = act.acting_device()?.is_young(act.view.now);
    must(!young, Refusal::DeviceMustNotBeYoung)?;
    must_have_rested(act)?;
    let password = factor.kind == CredentialKind::Password;
    let all = sessions::is_all_there_is(act, Verification::Password);
    must(password && all, Refusal::UserMustBeVerified)?;
    book_new_factor(act, factor)
}

fn book_new_factor(act: &mut Acting<'_>, factor: &NewCredential) -> Result<(), Stop> {
    must_be_free(act.view, factor)?;
    if factor.kind == CredentialKind::ExternalId {
        sessions::must_take_provider(act, &factor.label)?;
    }
    let member = act.identity.member;
    let all: Vec<&Credential> = act.view.people.credentials_of(member).collect();
    must(all.len() < CREDENTIALS_MAX, Refusal::FactorsMustBeFew)?;
    let of_kind: Vec<&Credential> = all.into_iter().filter(|row| row.kind == factor.kind).collect();
    let most = factor.kind.most();
    must(most == 1 || of_kind.len() < most, Refusal::FactorsMustBeFew)?;
    book_factor(act, member, factor);
    if most == 1 {
        for row in &of_kind {
            book_end(act, row.id);
        }
    }
    tell_change(act, factor.kind, Template::FactorAdded);
    Ok(())
}

/// Books a factor of a member's.
pub(super) fn book_factor(act: &mut Acting<'_>, member: MemberNumber, factor: &NewCredential) {
    let id = act.next_id();
    let digest = Credential::digest(&factor.lookup, &factor.secret).to_vec();
    let (number, text) = (factor.kind.code(), factor.label.clone());
    act.book(member, EventKind::CredentialAdded, Says { object: id.0, number, digest, text });
    let (lookup, secret) = (factor.lookup.clone(), factor.secret.clone());
    act.keep(Private { lookup, secret, ..Private::default() });
}

fn book_end(act: &mut Acting<'_>, factor: FactId) {
    let says = Says { object: factor.0, ..Says::default() };
    act.book(act.identity.member, EventKind::CredentialEnded, says);
}

fn end_factor(act: &mut Acting<'_>, id: FactId) -> Result<(), Stop> {
    must_be_allowed(act)?;
    let member = act.identity.member;
    let row = act.view.people.credentials.get(&id);
    let row = row.filter(|row| row.member == member && row.is_active());
    let row = row.ok_or(Refusal::FactorMustExist)?;
    let others = act.view.people.credentials_of(member).filter(|other| other.id != id);
    let signs_in = others.into_iter().any(|other| other.kind.signs_in());
    must(signs_in, Refusal::LastFactorMustStay)?;
    book_end(act, id);
    tell_change(act, row.kind, Template::FactorRemoved);
    Ok(())
}

fn tell_change(act: &mut Acting<'_>, kind: CredentialKind, template: Template) {
    let password = kind == CredentialKind::Password && template == Template::FactorAdded;
    let template = if password { Template::PasswordChanged } else { template };
    let factor = match kind {
        CredentialKind::Passkey => Factor::Passkey,
        CredentialKind::Password => Factor::Password,
        CredentialKind::Totp => Factor::Totp,
        CredentialKind::RecoveryCodes => Factor::RecoveryCodes,
        CredentialKind::ExternalId => Factor::ExternalId,
    };
    tell_of(act, template, About { factor: factor.name(), ..About::default() });
}

fn add_contact(act: &mut Acting<'_>, challenge: &[u8; 32]) -> Result<(), Stop> {
    must_be_allowed(act)?;
    let member = act.identity.member;
    let count = act.view.people.contacts_of(member).count();
    must(count < CONTACTS_MAX, Refusal::ContactsMustBeFew)?;
    let proved = challenge::spend(act, challenge, &[Purpose::AddContact])?;
    let free = challenge::is_free(act.view, &proved.contact, member);
    must(free, Refusal::ChallengeMustBeOpen)?;
    book_contact(act, member, proved);
    let masked = masked(proved.channel, &proved.address);
    tell_of(act, Template::AddressAdded, About { masked: &masked, ..About::default() });
    Ok(())
}

/// Books the address that a challenge proves.
pub(super) fn book_contact(act: &mut Acting<'_>, member: MemberNumber, proved: &Challenge) {
    let says = Says {
        number: proved.channel.code(),
        digest: proved.contact.to_vec(),
        text: proved.language.name().to_owned(),
        ..Says::default()
    };
    act.book(member, EventKind::ContactAdded, says);
    act.keep(Private { address: proved.address.clone(), ..Private::default() });
}

fn own_contact<'a>(act: &Acting<'a>, digest: &[u8; 32]) -> Result<&'a Contact, Refusal> {
    let row = act.view.people.contacts.get(digest);
    row.filter(|row| row.member == act.identity.member).ok_or(Refusal::ContactMustExist)
}

fn end_contact(act: &mut Acting<'_>, digest: &[u8; 32]) -> Result<(), Stop> {
    must_be_allowed(act)?;
    let row = own_contact(act, digest)?;
    must(row.is_active(), Refusal::ContactMustExist)?;
    let others = act.view.people.contacts_of(act.identity.member);
    let left = others.filter(|other| other.digest != *digest).count();
    must(left > 0, Refusal::LastContactMustStay)?;
    let says = Says { digest: digest.to_vec(), ..Says::default() };
    act.book(act.identity.member, EventKind::ContactEnded, says);
    let masked = masked(row.channel, &row.address);
    let until = act.view.now.plus_ms(RETURN_MS);
    tell_of(act, Template::AddressChanged, About { masked: &masked, until, ..About::default() });
    Ok(())
}

/// The way back: whoever reads what arrives at the address puts it on file again. What else may
/// have been changed is unknown, so the wallet is frozen.
fn return_contact(act: &mut Acting<'_>, digest: &[u8; 32]) -> Result<(), Stop> {
    must(act.identity.by == By::Message, Refusal::ContactMustExist)?;
    act.must_not_be_closed()?;
    let row = own_contact(act, digest)?;
    let ended_lately = !row.is_active() && act.view.now < row.ended_at.plus_ms(RETURN_MS);
    must(ended_lately, Refusal::ContactMustExist)?;
    // Once: who has lost a mailbox to somebody gets rid of it at the second try.
    let lately = row.returned_at.plus_ms(RETURN_MS) > row.ended_at;
    must(row.returned_at == Instant(0) || !lately, Refusal::ContactMustExist)?;
    let says = Says {
        object: row.since.0,
        number: row.channel.code(),
        digest: digest.to_vec(),
        text: row.language.name().to_owned(),
    };
    act.book(act.identity.member, EventKind::ContactAdded, says);
    act.keep(Private { address: row.address.clone(), ..Private::default() });
    wallet::book_freeze(act);
    act.tell(Template::WalletFrozen, "");
    Ok(())
}
