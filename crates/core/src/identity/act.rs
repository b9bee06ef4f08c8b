//! Acts of members, and of people who want to become or to prove to be one.
//!
//! What a key, a password or a passkey proves is checked before the queue; what is checked here,
//! under the member's lock, is that what it proves still holds.

use super::challenge::{Challenge, Purpose};
use super::credential::NewCredential;
use crate::command::Refer;
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::state::{Evidence, Verification};
use crate::time::Instant;
use crate::view::{Touch, View};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An enrolled device, in this session; its key has signed.
    Device {
        /// Which.
        device: FactId,
        /// The session that its token names.
        session: FactId,
    },
    /// A browser that only has a key, by the key's thumbprint (RFC 7638).
    Browser([u8; 32]),
    /// The holder of a link from a message.
    Message,
}

/// The tokens of links that notices of an act carry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Freezes the wallet.
    pub freeze: String,
    /// Contests a recovery.
    pub contest: String,
    /// Takes a change of an address back.
    pub back: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What the caller made; the same again is answered with the same event.
    pub request: RequestId,
    /// Whose wallet; none where there is none yet.
    pub member: MemberNumber,
    /// Who acts.
    pub by: By,
    /// What notices carry.
    pub tokens: Tokens,
    /// What.
    pub act: IdentityAct,
}

/// A key and what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// P-256, SEC 1 uncompressed.
    pub public_key: [u8; 65],
    /// What it is, such as "Safari on iPhone".
    pub label: String,
    /// 32 random bytes, of use where the device pays at once.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewDevice({:?})", self.label)
    }
}

/// A factor that is good once, and what of it is used.
pub type Use = Option<(FactId, i64)>;

/// What a member or a stranger does.
#[derive(Clone, PartialEq, Eq)]
pub enum IdentityAct {
    /// A code is sent, or seems to be. The code itself, to be sent.
    OpenChallenge(Challenge, String),
    /// A code was typed: challenge and keyed digest of the code.
    TryChallenge([u8; 32], [u8; 32]),
    /// A member, with the address that a confirmed challenge proves.
    SignUp {
        /// The challenge.
        challenge: [u8; 32],
        /// The first device.
        device: NewDevice,
        /// What the member signs in with.
        factor: NewCredential,
        /// The version of terms and notices that was agreed to.
        terms: i64,
    },
    /// A known device signs in.
    OpenSession(FactId, Verification, Use),
    /// A device signs out.
    EndSession,
    /// A device's user is verified again.
    Verify(Verification, Use),
    /// A known device whose browser lost the key has another.
    RestoreDevice(FactId, NewDevice, Verification, Use),
    /// A device invites another: digest of the invitation, until when.
    Invite([u8; 32], Instant),
    /// An invited device is there and waits.
    RedeemInvitation([u8; 32], NewDevice),
    /// A device that waits has authority; with a code secret also the paying right.
    ApproveDevice(FactId, Option<[u8; 32]>),
    /// A device loses its authority, or one that waits gets none.
    EndDevice(FactId),
    /// A device by this passkey, without approval: it does not pay.
    AddDevice(FactId, NewDevice),
    /// Another device pays: with the code secret it gets.
    MovePayingRight(FactId, [u8; 32]),
    /// A device does not get the paying right that it waits for.
    RefusePayingRight(FactId),
    /// Something shows that a device is the member's own.
    AddEvidence(FactId, Evidence),
    /// A factor is added, in the place of one of its kind where there may be one only.
    AddFactor(NewCredential),
    /// Another password, by one that was just given and verifies nobody any more: it leaked.
    ReplacePassword(NewCredential),
    /// A factor counts no longer.
    EndFactor(FactId),
    /// An address is on file that a confirmed challenge proves.
    AddContact([u8; 32]),
    /// An address is on file no longer.
    EndContact([u8; 32]),
    /// An address that was removed is on file again, and the wallet is frozen.
    ReturnContact([u8; 32]),
    /// Terms and notices of this version are agreed to.
    Consent(i64),
    /// The wallet is frozen by its member.
    Freeze,
    /// He lifts it.
    Unfreeze,
    /// A wallet is to be recovered.
    StartRecovery {
        /// Confirmed challenges.
        challenges: Vec<[u8; 32]>,
        /// A recovery code.
        code: Use,
        /// A passkey, its user verified.
        passkey: Option<FactId>,
        /// BLAKE3 of the one-use token.
        token: [u8; 32],
        /// The thumbprint of the key that finishes it.
        binding: [u8; 32],
    },
    /// A recovery is not the member's.
    ContestRecovery(FactId),
    /// A recovery is ended by an enrolled device.
    CancelRecovery(FactId),
    /// A recovery gives its member a new device: recovery, BLAKE3 of its token, device, and when an
    /// enrolled device signed last.
    FinishRecovery(FactId, [u8; 32], NewDevice, Instant),
    /// Somebody with the right or a wrong password on a device that is not known: told once a day.
    NoticeSignIn(String),
    /// The account is closed. The right to the balance stays.
    Close,
}

impl std::fmt::Debug for IdentityAct {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Some acts carry secrets, so only the name is printed.
        out.write_str(self.name())
    }
}

impl IdentityAct {
    /// The name of the act, for logs and panics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OpenChallenge(..) => "OpenChallenge",
            Self::TryChallenge(..) => "TryChallenge",
            Self::SignUp { .. } => "SignUp",
            Self::OpenSession(..) => "OpenSession",
            Self::EndSession => "EndSession",
            Self::Verify(..) => "Verify",
            Self::RestoreDevice(..) => "RestoreDevice",
            Self::Invite(..) => "Invite",
            Self::RedeemInvitation(..) => "RedeemInvitation",
            Self::ApproveDevice(..) => "ApproveDevice",
            Self::EndDevice(_) => "EndDevice",
            Self::AddDevice(..) => "AddDevice",
            Self::MovePayingRight(..) => "MovePayingRight",
            Self::RefusePayingRight(_) => "RefusePayingRight",
            Self::AddEvidence(..) => "AddEvidence",
            Self::AddFactor(_) => "AddFactor",
            Self::ReplacePassword(_) => "ReplacePassword",
            Self::EndFactor(_) => "EndFactor",
            Self::AddContact(_) => "AddContact",
            Self::EndContact(_) => "EndContact",
            Self::ReturnContact(_) => "ReturnContact",
            Self::Consent(_) => "Consent",
            Self::Freeze => "Freeze",
            Self::Unfreeze => "Unfreeze",
            Self::StartRecovery { .. } => "StartRecovery",
            Self::ContestRecovery(_) => "ContestRecovery",
            Self::CancelRecovery(_) => "CancelRecovery",
            Self::FinishRecovery(..) => "FinishRecovery",
            Self::NoticeSignIn(_) => "NoticeSignIn",
            Self::Close => "Close",
        }
    }
}

/// Names what an act refers to.
pub fn refer_identity(identity: &Identity, refer: &mut Refer) {
    refer.events.push(identity.request);
    match &identity.act {
        IdentityAct::OpenChallenge(challenge, _) => {
            refer.challenges.push(challenge.id);
            if challenge.purpose == Purpose::AddContact {
                refer.challenges.push(Challenge::asked_id_of(challenge.member));
            }
            refer.contacts.push(challenge.contact);
        }
        IdentityAct::TryChallenge(challenge, _) | IdentityAct::AddContact(challenge) => {
            refer.challenges.push(*challenge);
        }
        IdentityAct::SignUp { challenge, factor, .. } => {
            refer.challenges.push(*challenge);
            refer.numbers = true;
            refer.lookups.extend((!factor.lookup.is_empty()).then(|| factor.lookup.clone()));
        }
        IdentityAct::AddFactor(factor) | IdentityAct::ReplacePassword(factor) => {
            refer.lookups.extend((!factor.lookup.is_empty()).then(|| factor.lookup.clone()));
        }
        IdentityAct::RedeemInvitation(link, _) => refer.links.push(*link),
        IdentityAct::StartRecovery { challenges, .. } => refer.challenges.extend(challenges),
        _ => {}
    }
}

/// Names the rows that an act locks and loads.
pub fn touch_identity(identity: &Identity, view: &View, touch: &mut Touch) {
    let invited = match &identity.act {
        IdentityAct::RedeemInvitation(link, _) => view.links.get(link).map(|link| link.member),
        IdentityAct::OpenChallenge(challenge, _) => {
            view.people.contacts.get(&challenge.contact).map(|contact| contact.member)
        }
        // Whoever had the address before: it changes hands under the locks of both.
        IdentityAct::SignUp { challenge, .. } | IdentityAct::AddContact(challenge) => {
            let challenge = view.challenges.get(challenge);
            let contact = challenge.and_then(|row| view.people.contacts.get(&row.contact));
            contact.map(|contact| contact.member)
        }
        _ => None,
    };
    let named = identity.member.is_some().then_some(identity.member);
    for member in named.into_iter().chain(invited) {
        touch.members.push(member);
        touch.people.push(member);
    }
}
