//! Recovery: started with two proofs, announced, waited for, contested or cancelled, finished.
//!
//! Its time is measured at its end, by when an enrolled device signed last: whoever still has his
//! phone has three days to see it.

use super::notices::{About, tell_of};
use super::{Acting, Says, challenge, devices, sessions, wallet};
use crate::decide::{Stop, must};
use crate::facts::EventKind;
use crate::identity::RECOVERY_WAIT_KNOWN_MS;
use crate::identity::act::{By, IdentityAct, NewDevice, Use};
use crate::identity::challenge::Purpose;
use crate::identity::credential::CredentialKind;
use crate::identity::recovery::{Recovery, RecoveryProof, RecoveryState};
use crate::ids::FactId;
use crate::message::{Channel, Template};
use crate::refusal::Refusal;
use crate::state::{DeviceState, EnrolmentWay, MemberState};
use crate::switches::{Capability, Place};
use crate::time::Instant;

pub(super) fn decide(act: &mut Acting<'_>) -> Result<(), Stop> {
    match &act.identity.act {
        IdentityAct::StartRecovery { .. } => start(act),
        IdentityAct::ContestRecovery(recovery) => contest(act, *recovery),
        IdentityAct::CancelRecovery(recovery) => cancel(act, *recovery),
        IdentityAct::FinishRecovery(recovery, token, device, seen_at) => {
            finish(act, (*recovery, token), device, *seen_at)
        }
        other => unreachable!("{other:?} is not about a recovery"),
    }
}

fn start(act: &mut Acting<'_>) -> Result<(), Stop> {
    let IdentityAct::StartRecovery { challenges, code, passkey, token, binding } =
        &act.identity.act
    else {
        unreachable!("asked for a start only");
    };
    act.must_not_be_closed()?;
    recoveries_must_be_open(act)?;
    let asks = matches!(act.identity.by, By::Browser(key) if key == *binding);
    must(asks, Refusal::RecoveryMustBeOpen)?;
    let member = act.identity.member;
    // One at a time: a new start changes nothing, and neither shortens nor prolongs it.
    let open = act.view.people.recovery_of(member, act.view.now);
    must(open.is_none(), Refusal::RecoveryIsUnderWay)?;
    let used = sessions::will_use(act, *code)?;
    let proofs = proofs(act, challenges, (*code, *passkey))?;
    must(proofs.count_ones() >= 2, Refusal::ProofsMustDiffer)?;
    let digest = [*token, *binding].concat();
    let says = Says { number: proofs, digest, ..Says::default() };
    act.book(member, EventKind::RecoveryStarted, says);
    sessions::book_use(act, used);
    let until = act.view.now.plus_ms(RECOVERY_WAIT_KNOWN_MS);
    tell_of(act, Template::RecoveryStarted, About { until, ..About::default() });
    Ok(())
}

fn recoveries_must_be_open(act: &Acting<'_>) -> Result<(), Refusal> {
    let place = Place { member: act.identity.member, ..Place::default() };
    let closed = act.view.directory.is_closed(Capability::Recovery, &place, act.view.now);
    must(!closed, Refusal::RecoveryIsClosed)
}

/// The kinds of proof there are, each once.
fn proofs(
    act: &mut Acting<'_>,
    challenges: &[[u8; 32]],
    (code, passkey): (Use, Option<FactId>),
) -> Result<i64, Refusal> {
    let member = act.identity.member;
    let mut proofs = 0;
    for id in challenges {
        let purposes = [Purpose::RecoverByMail, Purpose::RecoverByPhone, Purpose::Counter];
        let proved = challenge::spend(act, id, &purposes)?;
        if proved.purpose == Purpose::Counter {
            must(proved.member == member, Refusal::ChallengeMustBeOpen)?;
            proofs |= RecoveryProof::Counter.code();
            continue;
        }
        let contact = act.view.people.contacts.get(&proved.contact);
        let settled = |row: &&crate::identity::contact::Contact| {
            row.member == member && row.is_settled(act.view.now)
        };
        let contact = contact.filter(settled).ok_or(Refusal::ChallengeMustBeOpen)?;
        proofs |= match contact.channel {
            Channel::Mail => RecoveryProof::Mail.code(),
            Channel::Sms => RecoveryProof::Phone.code(),
        };
    }
    let is = |factor: &FactId, kind| {
        let row = act.view.people.credentials.get(factor);
        row.is_some_and(|row| row.member == member && row.is_active() && row.kind == kind)
    };
    if let Some((factor, _)) = code {
        must(is(&factor, CredentialKind::RecoveryCodes), Refusal::FactorMustExist)?;
        proofs |= RecoveryProof::Code.code();
    }
    if let Some(factor) = passkey {
        must(is(&factor, CredentialKind::Passkey), Refusal::FactorMustExist)?;
        proofs |= RecoveryProof::Passkey.code();
    }
    Ok(proofs)
}

fn open_recovery<'a>(act: &Acting<'a>, id: FactId) -> Result<&'a Recovery, Refusal> {
    let row = act.view.people.recoveries.get(&id);
    let theirs = |row: &&Recovery| row.member == act.identity.member && row.is_open(act.view.now);
    row.filter(theirs).ok_or(Refusal::RecoveryMustBeOpen)
}

/// Anybody who is told of it contests: it costs the member time, and a thief his prey. The wallet
/// freezes, and two members of staff decide.
fn contest(act: &mut Acting<'_>, id: FactId) -> Result<(), Stop> {
    if let By::Device { device, .. } = act.identity.by {
        must(act.device(device)?.is_active(), Refusal::DeviceMustBeActive)?;
    } else {
        must(act.identity.by == By::Message, Refusal::RecoveryMustBeOpen)?;
    }
    let row = open_recovery(act, id)?;
    let decided = matches!(row.state, RecoveryState::WithStaff | RecoveryState::Allowed);
    must(!decided, Refusal::RecoveryMustBeUncontested)?;
    let says = Says { object: id.0, ..Says::default() };
    act.book(act.identity.member, EventKind::RecoveryContested, says);
    if act.member()?.state == MemberState::Open {
        wallet::book_freeze(act);
    }
    act.tell(Template::RecoveryContested, "");
    Ok(())
}

fn cancel(act: &mut Acting<'_>, id: FactId) -> Result<(), Stop> {
    act.trusted_device()?;
    open_recovery(act, id)?;
    let says = Says { object: id.0, ..Says::default() };
    act.book(act.identity.member, EventKind::RecoveryCancelled, says);
    act.tell(Template::RecoveryCancelled, "");
    Ok(())
}

fn finish(
    act: &mut Acting<'_>,
    (id, token): (FactId, &[u8; 32]),
    device: &NewDevice,
    seen_at: Instant,
) -> Result<(), Stop> {
    act.must_not_be_closed()?;
    recoveries_must_be_open(act)?;
    let browser = act.browser().map_err(|_| Refusal::RecoveryMustBeOpen)?;
    let row = open_recovery(act, id)?;
    // Hashes are compared in constant time.
    let right = blake3::Hash::from(row.token) == blake3::Hash::from(*token);
    must(right && row.binding == browser, Refusal::RecoveryMustBeOpen)?;
    let may_go_on = matches!(row.state, RecoveryState::Waiting | RecoveryState::Allowed);
    must(may_go_on, Refusal::RecoveryMustBeUncontested)?;
    must(row.due_at(seen_at) <= act.view.now, Refusal::RecoveryMustBeDue)?;
    let member = act.identity.member;
    // A recovery that leaves an unknown device enrolled would be none.
    let devices = act.view.people.devices_of(member);
    let devices = devices.filter(|row| row.state != DeviceState::Ended);
    let devices: Vec<FactId> = devices.map(|row| row.id).collect();
    let ended = i64::try_from(devices.len()).expect("a member has few devices");
    let number = act.next_id().plus(1 + ended).0;
    let says = Says { object: id.0, number, ..Says::default() };
    act.book(member, EventKind::RecoveryFinished, says);
    for old in devices {
        let says = Says { object: old.0, ..Says::default() };
        act.book(member, EventKind::DeviceEnded, says);
    }
    devices::book_paying(act, member, (device, EnrolmentWay::Recovery), token);
    act.tell(Template::RecoveryDone, &device.label);
    Ok(())
}
