//! Proposals: what two operators must agree on, and how far they have come.
//!
//! One proposes exactly one act; another approves it or refuses it; then the act is carried out,
//! once, by naming the proposal. What both saw is the act's canonical text, and what is carried out
//! must have the same digest ([`crate::act`]).
//!
//! | from     | by                              | to       |
//! | -------- | ------------------------------- | -------- |
//! |          | one with the role proposes      | open     |
//! | open     | another with the role approves  | approved |
//! | open     | anyone with the role refuses    | refused  |
//! | open, approved | its hours pass            | expired  |
//! | open, approved | what it undoes is done anew | refused |
//! | approved | the act is carried out          | used     |
//!
//! Limits: [`PROPOSALS_OPEN_MAX`] of one operator at a time, [`ACT_TEXT_BYTES_MAX`].

use crate::act::ActKind;
use crate::facts::{Event, EventKind};
use crate::ids::{FactId, OperatorNumber, RequestId};
use crate::time::{HOUR_MS, Instant};
use crate::{coded, row};

/// How long a proposal lives, from being made to being carried out, milliseconds.
pub const PROPOSAL_MS: i64 = 24 * HOUR_MS;
/// The most proposals of one operator that are neither decided nor over.
pub const PROPOSALS_OPEN_MAX: usize = 20;
/// The longest canonical text of an act that is proposed, bytes; a policy has a bound of its own,
/// [`POLICY_BYTES_MAX`](crate::policy::POLICY_BYTES_MAX).
pub const ACT_TEXT_BYTES_MAX: usize = 2000;

coded! {
    /// How far a proposal has come.
    pub enum ProposalState {
        /// Somebody else must look at it.
        Open = 0 => "open",
        /// The act may be carried out, once.
        Approved = 1 => "approved",
        /// It never will be.
        Refused = 2 => "refused",
        /// The act was carried out.
        Used = 3 => "used",
        /// Its time is over. Said by time alone: no row has it.
        Expired = 4 => "expired",
    }
}

row! {
    /// An act that two operators must agree on.
    pub struct Proposal in "proposal" {
        /// Identity: the event that made it.
        pub id: FactId,
        /// Which act.
        pub kind: ActKind,
        /// BLAKE3 of the act's canonical text.
        pub digest: [u8; 32],
        /// The act's canonical text, JSON: what both see.
        pub act: String,
        /// Why, as the proposer said.
        pub reason: String,
        /// Who proposed it.
        pub proposer: OperatorNumber,
        /// Until when it may be approved and carried out.
        pub expires_at: Instant,
        /// How far it has come, time apart.
        pub state: ProposalState,
        /// Who approved or refused it, or none.
        pub decided_by: OperatorNumber,
    }
}

impl Proposal {
    /// The proposal that an event made; none where no such act exists.
    pub fn of_event(event: &Event) -> Option<Self> {
        let (act, reason) = event.text.split_once('\n')?;
        Some(Self {
            id: event.id,
            kind: ActKind::from_code(event.object)?,
            digest: event.digest.as_slice().try_into().ok()?,
            act: act.to_owned(),
            reason: reason.to_owned(),
            proposer: OperatorNumber(event.subject),
            expires_at: Instant(event.number),
            state: ProposalState::Open,
            decided_by: OperatorNumber::NONE,
        })
    }

    /// Books an event about this proposal.
    pub const fn fold_event(&mut self, event: &Event) {
        let state = match event.kind {
            // Once it is refused or void it stays so.
            EventKind::ProposalApproved if matches!(self.state, ProposalState::Open) => {
                ProposalState::Approved
            }
            EventKind::ProposalRefused => ProposalState::Refused,
            EventKind::ProposalUsed => ProposalState::Used,
            _ => return,
        };
        self.state = state;
        if !matches!(state, ProposalState::Used) {
            self.decided_by = OperatorNumber(event.subject);
        }
    }

    /// What it would undo was done anew: nobody carries it out.
    pub const fn make_void(&mut self) {
        self.state = ProposalState::Refused;
    }

    /// How far it has come at `now`.
    pub fn state_at(&self, now: Instant) -> ProposalState {
        let lives = matches!(self.state, ProposalState::Open | ProposalState::Approved);
        if lives && now >= self.expires_at { ProposalState::Expired } else { self.state }
    }
}

/// The request id under which a proposal is used: events have it once, so on every node together a
/// proposal is used once.
pub fn use_of(proposal: FactId) -> RequestId {
    RequestId::deterministic("use proposal", proposal.0)
}
