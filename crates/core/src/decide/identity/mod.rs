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

use super::{Outcome, Stop, must};
use crate::facts::{Event, EventKind};
use crate::identity::act::{By, Identity, IdentityAct};
use crate::identity::people::Private;
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::message::Template;
use crate::refusal::Refusal;
use crate::state::{Device, Member, MemberState};
use crate::view::{Effects, View};

/// The most events of one act: a recovery ends every device, and books a few of its own.
const EVENTS_MAX: i64 = 40;

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
        let same = identity.act.books(event.kind);
        let member = MemberNumber(event.subject);
        let theirs = !identity.member.is_some() || identity.member == member;
        must(same && theirs, Refusal::RequestIdHasAnotherMeaning)?;
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
    act.end()
}

impl IdentityAct {
    /// Whether the first event of this act is of this kind.
    const fn books(&self, kind: EventKind) -> bool {
        use EventKind as Kind;
        match self {
            Self::OpenChallenge(..) | Self::TryChallenge(..) | Self::NoticeSignIn(_) => false,
            Self::SignUp { .. } => matches!(kind, Kind::MemberCreated),
            Self::OpenSession(..) => matches!(kind, Kind::SessionOpened),
            Self::EndSession => matches!(kind, Kind::SessionEnded),
            Self::Verify(..) => matches!(kind, Kind::UserVerified),
            Self::RestoreDevice(..) => matches!(kind, Kind::DeviceRestored),
            Self::Invite(..) => matches!(kind, Kind::LinkCreated),
            Self::RedeemInvitation(..) => matches!(kind, Kind::DevicePending),
            Self::ApproveDevice(..) => matches!(kind, Kind::DeviceApproved),
            Self::EndDevice(_) => matches!(kind, Kind::DeviceEnded),
            Self::AddDevice(..) => matches!(kind, Kind::DeviceAdded),
            Self::MovePayingRight(..) => matches!(kind, Kind::PayingRightMoved),
            Self::RefusePayingRight(_) => matches!(kind, Kind::PayingRightRefused),
            Self::AddEvidence(..) => matches!(kind, Kind::DeviceEvidence),
            Self::AddFactor(_) => matches!(kind, Kind::CredentialAdded),
            Self::EndFactor(_) => matches!(kind, Kind::CredentialEnded),
            Self::AddContact(_) | Self::ReturnContact(_) => matches!(kind, Kind::ContactAdded),
            Self::EndContact(_) => matches!(kind, Kind::ContactEnded),
            Self::Consent(_) => matches!(kind, Kind::Consented),
            Self::Freeze => matches!(kind, Kind::MemberFrozen),
            Self::Unfreeze => matches!(kind, Kind::MemberUnfrozen),
            Self::StartRecovery { .. } => matches!(kind, Kind::RecoveryStarted),
            Self::ContestRecovery(_) => matches!(kind, Kind::RecoveryContested),
            Self::CancelRecovery(_) => matches!(kind, Kind::RecoveryCancelled),
            Self::FinishRecovery(..) => matches!(kind, Kind::RecoveryFinished),
            Self::Close => matches!(kind, Kind::MemberClosed),
        }
    }
}

/// An act that is being decided: what it books so far.
struct Acting<'a> {
    view: &'a View,
    identity: &'a Identity,
    effects: &'a mut Effects,
    first: FactId,
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
        Self { view, identity, effects, first: view.next_ids(EVENTS_MAX) }
    }

    /// The id of the next event.
    fn next_id(&self) -> FactId {
        let count = i64::try_from(self.effects.events.len()).expect("an act has few events");
        assert!(count < EVENTS_MAX, "an act has few events");
        self.first.plus(count)
    }

    /// Books an event of `member`.
    fn book(&mut self, member: MemberNumber, kind: EventKind, says: Says) -> FactId {
        let id = self.next_id();
        let number = self.effects.events.len();
        let actor = match self.identity.by {
            By::Device { device, .. } => format!("device {}", device.0),
            By::Browser(_) => "browser".to_owned(),
            By::Message => "message".to_owned(),
            By::Staff => "staff".to_owned(),
        };
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
    fn end(self) -> Result<Outcome, Stop> {
        match self.effects.events.first() {
            Some(event) => Ok(Outcome::Done { event: event.clone(), replayed: false }),
            None => Ok(Outcome::Noted),
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
