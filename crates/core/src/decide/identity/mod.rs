//! Acts of members: who may do what, and what they are told of it.
//!
//! Shape of every rule: answer a repeat; who acts, and may he; does what he names exist; then book.
//! An act books one to a few events of one member, under ids of one block; the first carries the
//! request id, the others ids made from it. Notices are written in the same commit.
//!
//! | rule                                   | device   | fresh | not young | not frozen |
//! | -------------------------------------- | -------- | ----- | --------- | ---------- |
//! | sign out, freeze, consent, ask to pay  | own      |       |           |            |
//! | end the own device                     | own      |       |           |            |
//! | invite, approve, move the paying right | any      | yes   | yes       | yes        |
//! | end another device, cancel a recovery  | any      | yes   | yes       |            |
//! | factors, addresses, close              | any      | yes   | yes       | yes        |
//! | lift the member's own freeze           | any      | yes   | yes       |            |

mod challenge;
mod devices;
mod factors;
mod notices;
mod recovery;
mod sessions;
mod wallet;

pub(super) use self::notices::{tell_by_staff, tell_of_money, tell_of_proposal};
use super::{Outcome, Stop, must};
use crate::facts::{Event, EventKind};
use crate::identity::act::{By, Identity, IdentityAct};
use crate::identity::people::Private;
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::message::Template;
use crate::refusal::Refusal;
use crate::state::{Device, Member, MemberState};
use crate::view::{Effects, View};

/// The most events of one act, apart from one for each device of the member: a recovery ends all of
/// them, and an operator's links may have made any number.
const EVENTS_MAX: i64 = 16;

pub(super) fn decide(
    view: &View,
    identity: &Identity,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    if let IdentityAct::OpenChallenge(asked, code) = &identity.act {
        return challenge::open(view, identity, (asked, code), effects);
    }
    if let IdentityAct::TryChallenge(id, code) = &identity.act {
        return challenge::try_code(view, identity, (id, code), effects);
    }
    if let Some(event) = view.events.get(&identity.request) {
        must(is_meant(event, identity), Refusal::RequestIdHasAnotherMeaning)?;
        return Ok(Outcome::Done { event: event.clone(), replayed: true });
    }
    let mut act = Acting::new(view, identity, effects);
    match &identity.act {
        IdentityAct::SignUp { .. } => wallet::sign_up(&mut act)?,
        IdentityAct::OpenSession(..)
        | IdentityAct::EndSession
        | IdentityAct::Verify(..)
        | IdentityAct::RestoreDevice(..) => sessions::decide(&mut act)?,
        IdentityAct::Invite(..)
        | IdentityAct::RedeemInvitation(..)
        | IdentityAct::ApproveDevice(..)
        | IdentityAct::EndDevice(_)
        | IdentityAct::AddDevice(..)
        | IdentityAct::MovePayingRight(..)
        | IdentityAct::RefusePayingRight(_)
        | IdentityAct::AddEvidence(..) => devices::decide(&mut act)?,
        IdentityAct::AddFactor(_)
        | IdentityAct::ReplacePassword(_)
        | IdentityAct::EndFactor(_)
        | IdentityAct::AddContact(_)
        | IdentityAct::EndContact(_)
        | IdentityAct::ReturnContact(_) => factors::decide(&mut act)?,
        IdentityAct::StartRecovery { .. }
        | IdentityAct::ContestRecovery(_)
        | IdentityAct::CancelRecovery(_)
        | IdentityAct::FinishRecovery(..) => recovery::decide(&mut act)?,
        IdentityAct::Consent(_)
        | IdentityAct::Freeze
        | IdentityAct::Unfreeze
        | IdentityAct::NoticeSignIn(_)
        | IdentityAct::Close => wallet::decide(&mut act)?,
        IdentityAct::OpenChallenge(..) | IdentityAct::TryChallenge(..) => {
            unreachable!("challenges are decided above")
        }
    }
    Ok(act.end())
}

/// Whether this act, by who acts here, is the one that the event books. Secrets and times that a
/// caller draws anew for each try are no part of the meaning.
fn is_meant(event: &Event, identity: &Identity) -> bool {
    use EventKind as Kind;
    let member = MemberNumber(event.subject);
    let theirs = !identity.member.is_some() || identity.member == member;
    if !theirs || event.actor != actor_of(identity.by) {
        return false;
    }
    let kind = event.kind;
    let about = |expected, object: FactId| kind == expected && event.object == object.0;
    let key_is = |key: &[u8; 65]| event.digest.starts_with(blake3::hash(key).as_bytes());
    match &identity.act {
        IdentityAct::OpenChallenge(..)
        | IdentityAct::TryChallenge(..)
        | IdentityAct::NoticeSignIn(_) => false,
        IdentityAct::SignUp { device, .. } => {
            kind == Kind::MemberCreated && key_is(&device.public_key)
        }
        IdentityAct::OpenSession(device, ..) => about(Kind::SessionOpened, *device),
        IdentityAct::EndSession => kind == Kind::SessionEnded,
        IdentityAct::Verify(..) => kind == Kind::UserVerified,
        IdentityAct::RestoreDevice(device, new, ..) => {
            about(Kind::DeviceRestored, *device) && key_is(&new.public_key)
        }
        IdentityAct::Invite(digest, _) => kind == Kind::LinkCreated && event.digest == digest,
        IdentityAct::RedeemInvitation(digest, device) => {
            let same = key_is(&device.public_key) && event.digest.ends_with(digest);
            kind == Kind::DevicePending && same
        }
        IdentityAct::ApproveDevice(device, secret) => {
            let same = event.number == i64::from(secret.is_some());
            about(Kind::DeviceApproved, *device) && same
        }
        IdentityAct::EndDevice(device) => about(Kind::DeviceEnded, *device),
        IdentityAct::AddDevice(_, device) => {
            kind == Kind::DeviceAdded && key_is(&device.public_key)
        }
        IdentityAct::MovePayingRight(device, _) => about(Kind::PayingRightMoved, *device),
        IdentityAct::RefusePayingRight(device) => about(Kind::PayingRightRefused, *device),
        IdentityAct::AddEvidence(device, evidence) => {
            about(Kind::DeviceEvidence, *device) && event.number == evidence.code()
        }
        act => is_meant_of_wallet(event, act),
    }
}

/// The same for factors, addresses, recoveries and the whole wallet.
fn is_meant_of_wallet(event: &Event, act: &IdentityAct) -> bool {
    use EventKind as Kind;
    let kind = event.kind;
    let about = |expected, object: FactId| kind == expected && event.object == object.0;
    match act {
        IdentityAct::AddFactor(factor) | IdentityAct::ReplacePassword(factor) => {
            let same = (event.number, &event.text) == (factor.kind.code(), &factor.label);
            kind == Kind::CredentialAdded && same
        }
        IdentityAct::EndFactor(factor) => about(Kind::CredentialEnded, *factor),
        IdentityAct::AddContact(_) => about(Kind::ContactAdded, FactId::NONE),
        IdentityAct::ReturnContact(digest) => {
            kind == Kind::ContactAdded && event.object != 0 && event.digest == digest
        }
        IdentityAct::EndContact(digest) => kind == Kind::ContactEnded && event.digest == digest,
        IdentityAct::Consent(terms) => kind == Kind::Consented && event.number == *terms,
        IdentityAct::Freeze => kind == Kind::MemberFrozen,
        IdentityAct::Unfreeze => kind == Kind::MemberUnfrozen,
        IdentityAct::StartRecovery { token, binding, .. } => {
            kind == Kind::RecoveryStarted && event.digest == [*token, *binding].concat()
        }
        IdentityAct::ContestRecovery(recovery) => about(Kind::RecoveryContested, *recovery),
        IdentityAct::CancelRecovery(recovery) => about(Kind::RecoveryCancelled, *recovery),
        IdentityAct::FinishRecovery(recovery, ..) => about(Kind::RecoveryFinished, *recovery),
        IdentityAct::Close => kind == Kind::MemberClosed,
        other => unreachable!("{other:?} is looked at above"),
    }
}

/// Who acts, as an event names him.
fn actor_of(by: By) -> String {
    match by {
        By::Device { device, .. } => format!("device {}", device.0),
        By::Browser(_) => "browser".to_owned(),
        By::Message => "message".to_owned(),
    }
}

/// An act that is being decided: what it books so far.
struct Acting<'a> {
    view: &'a View,
    identity: &'a Identity,
    effects: &'a mut Effects,
    first: FactId,
    most: i64,
}

/// What an event says besides its kind.
#[derive(Default)]
struct Says {
    object: i64,
    number: i64,
    digest: Vec<u8>,
    text: String,
}

impl<'a> Acting<'a> {
    fn new(view: &'a View, identity: &'a Identity, effects: &'a mut Effects) -> Self {
        let devices = view.people.devices_of(identity.member).count();
        let most = EVENTS_MAX + i64::try_from(devices).expect("a member has few devices");
        Self { view, identity, effects, first: view.next_ids(most), most }
    }

    /// The id of the next event.
    fn next_id(&self) -> FactId {
        let count = i64::try_from(self.effects.events.len()).expect("an act has few events");
        assert!(count < self.most, "an act has few events");
        self.first.plus(count)
    }

    /// Books an event of `member`.
    fn book(&mut self, member: MemberNumber, kind: EventKind, says: Says) -> FactId {
        let id = self.next_id();
        let number = self.effects.events.len();
        let actor = actor_of(self.identity.by);
        let request_id = if number == 0 {
            self.identity.request
        } else {
            RequestId::following(self.identity.request, number)
        };
        self.effects.events.push(Event {
            id,
            seq: self.view.seq,
            request_id,
            kind,
            subject: member.0,
            object: says.object,
            number: says.number,
            digest: says.digest,
            actor,
            second: String::new(),
            text: says.text,
        });
        id
    }

    /// Keeps what the event that was booked last names by digest only.
    fn keep(&mut self, private: Private) {
        let last = self.effects.events.last().expect("an event was booked").id;
        self.effects.private.insert(last, private);
    }

    /// The first event is the answer.
    fn end(self) -> Outcome {
        match self.effects.events.first() {
            Some(event) => Outcome::Done { event: event.clone(), replayed: false },
            None => Outcome::Noted,
        }
    }

    /// The member whose wallet it is.
    fn member(&self) -> Result<&'a Member, Stop> {
        let member = self.view.members.get(&self.identity.member);
        member.ok_or(Stop::Refused(Refusal::MemberMustExist))
    }

    fn must_be_open(&self) -> Result<(), Stop> {
        Ok(must(self.member()?.state == MemberState::Open, Refusal::MemberMustBeOpen)?)
    }

    fn must_not_be_closed(&self) -> Result<(), Stop> {
        Ok(must(self.member()?.state != MemberState::Closed, Refusal::MemberMustBeOpen)?)
    }

    /// A device of the member, whatever its state.
    fn device(&self, id: FactId) -> Result<&'a Device, Refusal> {
        let row = self.view.people.devices.get(&id);
        let row = row.filter(|row| row.member == self.identity.member);
        row.ok_or(Refusal::DeviceMustBeActive)
    }

    /// The device that acts: enrolled, and signed in under the session that its token names.
    fn acting_device(&self) -> Result<&'a Device, Stop> {
        let By::Device { device, session } = self.identity.by else {
            return Err(Refusal::DeviceMustBeActive.into());
        };
        let row = self.device(device)?;
        must(row.is_active(), Refusal::DeviceMustBeActive)?;
        let signed_in = row.is_signed_in(self.view.now) && row.session == session;
        must(signed_in, Refusal::DeviceMustBeSignedIn)?;
        Ok(row)
    }

    /// The device that acts, whose user was verified a moment ago, and which is no newcomer.
    fn trusted_device(&self) -> Result<&'a Device, Stop> {
        let row = self.acting_device()?;
        must(row.is_fresh(self.view.now), Refusal::UserMustBeVerified)?;
        must(!row.is_young(self.view.now), Refusal::DeviceMustNotBeYoung)?;
        Ok(row)
    }

    /// The key of the browser that acts.
    fn browser(&self) -> Result<[u8; 32], Refusal> {
        match self.identity.by {
            By::Browser(thumbprint) => Ok(thumbprint),
            _ => Err(Refusal::ChallengeMustBeOpen),
        }
    }

    /// Tells the member, at every address on file, what has happened.
    fn tell(&mut self, template: Template, device: &str) {
        notices::tell(self, template, device);
    }
}
