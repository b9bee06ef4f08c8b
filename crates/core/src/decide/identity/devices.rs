//! Devices: inviting, approving and ending them, and which one pays.

use super::{Acting, Says};
use crate::decide::{Stop, must};
use crate::facts::EventKind;
use crate::identity::act::{By, IdentityAct, NewDevice};
use crate::identity::credential::CredentialKind;
use crate::identity::people::Private;
use crate::identity::{DEVICES_MAX, INVITATION_MS, PAYING_RIGHT_WAIT_MS, TAKE_BACK_MS};
use crate::ids::{FactId, MemberNumber};
use crate::message::Template;
use crate::refusal::Refusal;
use crate::state::{Device, DeviceState, EnrolmentWay, Evidence, MemberState};
use crate::switches::{Capability, Place};
use crate::time::Instant;

pub(super) fn decide(act: &mut Acting<'_>) -> Result<(), Stop> {
    match &act.identity.act {
        IdentityAct::Invite(digest, expires_at) => invite(act, digest, *expires_at),
        IdentityAct::RedeemInvitation(digest, device) => redeem(act, digest, device),
        IdentityAct::ApproveDevice(device, secret) => approve(act, *device, secret.as_ref()),
        IdentityAct::EndDevice(device) => end(act, *device),
        IdentityAct::AddDevice(passkey, device) => add(act, *passkey, device),
        IdentityAct::MovePayingRight(device, secret) => move_paying_right(act, *device, secret),
        IdentityAct::RefusePayingRight(device) => refuse_paying_right(act, *device),
        IdentityAct::AddEvidence(device, evidence) => add_evidence(act, *device, *evidence),
        other => unreachable!("{other:?} is not about a device"),
    }
}

fn enrolment_must_be_open(act: &Acting<'_>, member: MemberNumber) -> Result<(), Refusal> {
    let place = Place { member, ..Place::default() };
    let closed = act.view.directory.is_closed(Capability::Enrolment, &place, act.view.now);
    must(!closed, Refusal::EnrolmentIsClosed)
}

fn devices_must_be_few(act: &Acting<'_>, member: MemberNumber) -> Result<(), Refusal> {
    let active = act.view.people.devices_of(member).filter(|row| row.is_active());
    must(active.count() < DEVICES_MAX, Refusal::DevicesMustBeFew)
}

fn invite(act: &mut Acting<'_>, digest: &[u8; 32], expires_at: Instant) -> Result<(), Stop> {
    act.must_be_open()?;
    let inviter = act.trusted_device()?.id;
    let now = act.view.now;
    let near = now < expires_at && expires_at <= now.plus_ms(INVITATION_MS);
    must(near, Refusal::LinkMustBeValid)?;
    let says = Says {
        object: inviter.0,
        number: expires_at.0,
        digest: digest.to_vec(),
        ..Says::default()
    };
    act.book(act.identity.member, EventKind::LinkCreated, says);
    Ok(())
}

/// An invitation makes a device that waits: whoever guessed or overheard it has nothing yet.
fn redeem(act: &mut Acting<'_>, digest: &[u8; 32], device: &NewDevice) -> Result<(), Stop> {
    let link = act.view.links.get(digest).ok_or(Refusal::LinkMustBeValid)?;
    // What an ended device has left behind invites nobody.
    let inviter = act.view.people.devices.get(&link.inviter);
    let open = inviter.is_some_and(Device::is_active) && !link.device.is_some();
    must(open && act.view.now < link.expires_at, Refusal::LinkMustBeValid)?;
    let Some(member) = act.view.members.get(&link.member) else { return Err(Stop::Later) };
    must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
    enrolment_must_be_open(act, member.number)?;
    devices_must_be_few(act, member.number)?;
    let pending = |row: &&Device| row.state == DeviceState::Pending;
    let pending: Vec<&Device> = act.view.people.devices_of(member.number).filter(pending).collect();
    let waiting = pending.iter().any(|row| !waited_too_long(row, act.view.now));
    must(!waiting, Refusal::OneDeviceMayWait)?;
    book_key(
        act,
        (member.number, EventKind::DevicePending),
        device,
        (EnrolmentWay::Invitation, digest),
    );
    // Told where the server has said whose invitation it is, so that the notice's link is his.
    act.tell(Template::InvitationUsed, &device.label);
    // Whoever was never answered stands in nobody's way.
    for late in pending {
        let says = Says { object: late.id.0, ..Says::default() };
        act.book(member.number, EventKind::DeviceEnded, says);
    }
    Ok(())
}

/// An invitation that nobody approved is no standing offer.
fn waited_too_long(row: &Device, now: Instant) -> bool {
    now >= row.id.at().plus_ms(2 * INVITATION_MS)
}

/// Books that a device has this key; it pays only where `kind` says so.
fn book_key(
    act: &mut Acting<'_>,
    (member, kind): (MemberNumber, EventKind),
    device: &NewDevice,
    (way, grant): (EnrolmentWay, &[u8; 32]),
) -> FactId {
    let id = act.next_id();
    let pays = kind == EventKind::DeviceEnrolled;
    let key = *blake3::hash(&device.public_key).as_bytes();
    let secret = if pays { *blake3::hash(&device.secret).as_bytes() } else { [0; 32] };
    let says = Says {
        object: id.0,
        number: way.code(),
        digest: [key, secret, *grant].concat(),
        text: device.label.clone(),
    };
    act.book(member, kind, says);
    act.keep(Private {
        public_key: device.public_key.to_vec(),
        code_secret: pays.then_some(device.secret),
        ..Private::default()
    });
    id
}

/// Books a device that pays from now on.
pub(super) fn book_paying(
    act: &mut Acting<'_>,
    member: MemberNumber,
    (device, way): (&NewDevice, EnrolmentWay),
    grant: &[u8; 32],
) -> FactId {
    book_key(act, (member, EventKind::DeviceEnrolled), device, (way, grant))
}

fn approve(act: &mut Acting<'_>, id: FactId, secret: Option<&[u8; 32]>) -> Result<(), Stop> {
    act.must_be_open()?;
    let by = act.trusted_device()?.id;
    enrolment_must_be_open(act, act.identity.member)?;
    let row = act.device(id)?;
    let waits = row.state == DeviceState::Pending && !waited_too_long(row, act.view.now);
    must(waits, Refusal::DeviceMustWait)?;
    // The paying right is given by who has it, here as everywhere.
    let pays = act.member()?.device;
    let may_give = by == pays || !pays.is_some();
    must(secret.is_none() || may_give, Refusal::PayingRightMustWait)?;
    devices_must_be_few(act, act.identity.member)?;
    let label = row.label.clone();
    let number = i64::from(secret.is_some());
    let says = Says { object: id.0, number, ..Says::default() };
    act.book(act.identity.member, EventKind::DeviceApproved, says);
    act.tell(Template::DeviceAdded, &label);
    if let Some(secret) = secret {
        book_paying_right(act, id, secret);
        act.tell(Template::PayingDeviceMoved, &label);
    }
    Ok(())
}

fn book_paying_right(act: &mut Acting<'_>, device: FactId, secret: &[u8; 32]) {
    let digest = blake3::hash(secret).as_bytes().to_vec();
    let row = act.view.people.devices.get(&device);
    let number = row.map_or(0, Device::standing);
    let says = Says { object: device.0, number, digest, ..Says::default() };
    act.book(act.identity.member, EventKind::PayingRightMoved, says);
    act.keep(Private { code_secret: Some(*secret), ..Private::default() });
}

/// A device ends itself at once, and one that waits is refused at once by any that is no newcomer.
/// Another one is ended only by a device whose user was verified, and by no newcomer.
fn end(act: &mut Acting<'_>, id: FactId) -> Result<(), Stop> {
    let row = act.device(id)?;
    must(row.state != DeviceState::Ended, Refusal::DeviceMustBeActive)?;
    let by = act.acting_device()?;
    if row.state == DeviceState::Pending {
        must(!by.is_young(act.view.now), Refusal::DeviceMustNotBeYoung)?;
    } else if by.id != id {
        act.trusted_device()?;
    }
    // A session alone, or an unlocked phone, speaks for no other device.
    let now = act.view.now;
    // Nor does one that is new itself: whoever added two would speak for himself.
    let is_evidence = by.id == id && by.is_fresh(now) && !by.is_limited(now);
    let label = row.label.clone();
    let says = Says { object: id.0, ..Says::default() };
    act.book(act.identity.member, EventKind::DeviceEnded, says);
    act.tell(Template::DeviceEnded, &label);
    if is_evidence {
        book_evidence_for_younger(act, id);
    }
    Ok(())
}

/// Whose user was verified on the old device and ends it by its own key shows that the younger ones
/// are his too.
fn book_evidence_for_younger(act: &mut Acting<'_>, ended: FactId) {
    let member = act.identity.member;
    let younger = act.view.people.devices_of(member);
    let younger = younger.filter(|row| row.is_active() && row.id > ended);
    let younger: Vec<FactId> = younger.map(|row| row.id).collect();
    for device in younger {
        let number = Evidence::OldDeviceEnded.code();
        act.book(
            member,
            EventKind::DeviceEvidence,
            Says { object: device.0, number, ..Says::default() },
        );
    }
}

/// Who has a passkey of the member's and no device gets one that does not pay, and asks to pay.
fn add(act: &mut Acting<'_>, passkey: FactId, device: &NewDevice) -> Result<(), Stop> {
    act.must_be_open()?;
    act.browser()?;
    let member = act.identity.member;
    enrolment_must_be_open(act, member)?;
    devices_must_be_few(act, member)?;
    let row = act.view.people.credentials.get(&passkey);
    let holds = |kind, theirs| kind == CredentialKind::Passkey && theirs == member;
    let row = row.filter(|row| row.is_active() && holds(row.kind, row.member));
    let row = row.ok_or(Refusal::FactorMustExist)?;
    let grant = blake3::hash(&row.lookup);
    let way = (EnrolmentWay::Passkey, grant.as_bytes());
    let id = book_key(act, (member, EventKind::DeviceAdded), device, way);
    let number = act.view.now.plus_ms(PAYING_RIGHT_WAIT_MS).0;
    let says = Says { object: id.0, number, ..Says::default() };
    act.book(member, EventKind::PayingRightAsked, says);
    act.tell(Template::DeviceAdded, &device.label);
    Ok(())
}

/// The paying right goes to another device: by the one that holds it, or to one that takes it: an
/// older one takes it back, one whose time of waiting is over takes it, and where no device holds
/// it any that is no newcomer does.
fn move_paying_right(act: &mut Acting<'_>, id: FactId, secret: &[u8; 32]) -> Result<(), Stop> {
    act.must_be_open()?;
    let by = act.acting_device()?;
    let row = act.device(id)?;
    must(row.is_active(), Refusal::DeviceMustBeActive)?;
    let now = act.view.now;
    let pays = act.member()?.device;
    if by.id == id && pays != id {
        must(by.is_fresh(now), Refusal::UserMustBeVerified)?;
        let waited = by.pays_from != Instant(0) && by.pays_from <= now;
        let ownerless = !pays.is_some() && !by.is_young(now);
        let may = waited || ownerless || may_take_back(act, by, pays);
        must(may, Refusal::PayingRightMustWait)?;
    } else {
        act.trusted_device()?;
        must(by.id == pays || !pays.is_some(), Refusal::PayingRightMustWait)?;
    }
    let label = row.label.clone();
    book_paying_right(act, id, secret);
    act.tell(Template::PayingDeviceMoved, &label);
    Ok(())
}

/// An older device takes back within three days what it paid with before.
fn may_take_back(act: &Acting<'_>, by: &Device, pays: FactId) -> bool {
    let Some(present) = act.view.people.devices.get(&pays) else { return false };
    let lately = act.view.now < present.pays_since.plus_ms(TAKE_BACK_MS);
    let held = by.pays_since != Instant(0) && by.pays_since <= present.pays_since;
    // Only the older of the two: the other one would take it back again.
    held && lately && by.id < present.id
}

fn refuse_paying_right(act: &mut Acting<'_>, id: FactId) -> Result<(), Stop> {
    let by = act.acting_device()?;
    let older = by.id < id || by.id == act.member()?.device;
    must(older, Refusal::DeviceMustNotBeYoung)?;
    let row = act.device(id)?;
    must(row.is_active() && row.pays_from != Instant(0), Refusal::DeviceMustWait)?;
    let says = Says { object: id.0, ..Says::default() };
    act.book(act.identity.member, EventKind::PayingRightRefused, says);
    Ok(())
}

fn add_evidence(act: &mut Acting<'_>, id: FactId, evidence: Evidence) -> Result<(), Stop> {
    let row = act.device(id)?;
    must(row.is_active(), Refusal::DeviceMustBeActive)?;
    let may = match evidence {
        Evidence::NoticeAcknowledged => act.identity.by == By::Message,
        // Booked by what they come of, and claimed by nobody.
        Evidence::CardChallenge | Evidence::FirstDevice | Evidence::OldDeviceEnded => false,
    };
    must(may, Refusal::DeviceMustNotBeYoung)?;
    let says = Says { object: id.0, number: evidence.code(), ..Says::default() };
    act.book(act.identity.member, EventKind::DeviceEvidence, says);
    Ok(())
}
