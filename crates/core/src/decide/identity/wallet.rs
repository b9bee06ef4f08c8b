//! Becoming a member, agreeing to terms, freezing one's own wallet, and closing the account.

use super::{Acting, Says, challenge, devices, factors};
use crate::decide::{Stop, must};
use crate::facts::EventKind;
use crate::identity::act::{By, IdentityAct};
use crate::identity::challenge::Purpose;
use crate::ids::{MEMBER_NUMBER_MAX, MemberNumber};
use crate::message::Template;
use crate::refusal::Refusal;
use crate::state::{EnrolmentWay, MemberState};
use crate::switches::{Capability, Place};

pub(super) fn sign_up(act: &mut Acting<'_>) -> Result<(), Stop> {
    let IdentityAct::SignUp { challenge, device, factor, terms } = &act.identity.act else {
        unreachable!("asked for a sign-up only");
    };
    let Some(numbers) = act.view.numbers else { return Err(Stop::Later) };
    let member = MemberNumber(numbers.member + 1);
    let proved = challenge::spend(act, challenge, &[Purpose::SignUp])?;
    let free = challenge::is_free(act.view, &proved.contact, member);
    must(free, Refusal::ChallengeMustBeOpen)?;
    must(*terms > 0, Refusal::TermsMustBeAccepted)?;
    must(factor.kind.signs_in(), Refusal::LastFactorMustStay)?;
    factors::must_be_free(act.view, factor)?;
    must(member.0 <= MEMBER_NUMBER_MAX, Refusal::NumbersAreUsedUp)?;
    let everywhere = Place::default();
    let closed = |what| act.view.directory.is_closed(what, &everywhere, act.view.now);
    must(!closed(Capability::SignUp), Refusal::SignUpIsClosed)?;
    must(!closed(Capability::Enrolment), Refusal::EnrolmentIsClosed)?;
    // Everything holds; now it is booked.
    let digest = blake3::hash(&device.public_key).as_bytes().to_vec();
    act.book(member, EventKind::MemberCreated, Says { digest, ..Says::default() });
    factors::book_contact(act, member, proved);
    devices::book_paying(act, member, (device, EnrolmentWay::SignUp), challenge);
    factors::book_factor(act, member, factor);
    let text = proved.language.name().to_owned();
    let says = Says { number: *terms, text, ..Says::default() };
    act.book(member, EventKind::Consented, says);
    Ok(())
}

pub(super) fn decide(act: &mut Acting<'_>) -> Result<(), Stop> {
    match &act.identity.act {
        IdentityAct::Consent(terms) => consent(act, *terms),
        IdentityAct::Freeze => freeze(act),
        IdentityAct::Unfreeze => unfreeze(act),
        IdentityAct::NoticeSignIn(device) => {
            act.must_not_be_closed()?;
            act.tell(Template::SignInAttempt, device);
            Ok(())
        }
        IdentityAct::Close => close(act),
        other => unreachable!("{other:?} is not about the whole wallet"),
    }
}

fn consent(act: &mut Acting<'_>, terms: i64) -> Result<(), Stop> {
    act.acting_device()?;
    let last = act.view.people.consents.get(&act.identity.member).map_or(0, |row| row.terms);
    must(terms > 0 && terms >= last, Refusal::TermsMustBeAccepted)?;
    let says = Says { number: terms, ..Says::default() };
    act.book(act.identity.member, EventKind::Consented, says);
    Ok(())
}

/// Every enrolled device freezes, signed in or not: nothing else is asked of who is in a hurry.
fn freeze(act: &mut Acting<'_>) -> Result<(), Stop> {
    act.must_not_be_closed()?;
    if let By::Device { device, .. } = act.identity.by {
        must(act.device(device)?.is_active(), Refusal::DeviceMustBeActive)?;
    } else {
        must(act.identity.by == By::Message, Refusal::DeviceMustBeActive)?;
    }
    let is_news = act.member()?.state == MemberState::Open;
    book_freeze(act);
    // Whoever holds a device does not use up what its member is told.
    if is_news {
        act.tell(Template::WalletFrozen, "");
    }
    Ok(())
}

/// Freezes as the member's own act.
pub(super) fn book_freeze(act: &mut Acting<'_>) {
    let says = Says { number: 1, ..Says::default() };
    act.book(act.identity.member, EventKind::MemberFrozen, says);
}

fn unfreeze(act: &mut Acting<'_>) -> Result<(), Stop> {
    act.trusted_device()?;
    let state = act.member()?.state;
    must(state != MemberState::Frozen, Refusal::FreezeMustBeTheMembers)?;
    must(state == MemberState::FrozenByMember, Refusal::MemberMustBeFrozen)?;
    act.book(act.identity.member, EventKind::MemberUnfrozen, Says::default());
    act.tell(Template::WalletUnfrozen, "");
    Ok(())
}

/// The balance stays the member's, and his devices still show it.
fn close(act: &mut Acting<'_>) -> Result<(), Stop> {
    act.trusted_device()?;
    act.must_be_open()?;
    act.book(act.identity.member, EventKind::MemberClosed, Says::default());
    act.tell(Template::AccountClosed, "");
    Ok(())
}
