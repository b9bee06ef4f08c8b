//! Commands of money that comes in.

use super::{Ask, Refer};
use crate::code::OpenedCode;
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::money::Currency;
use crate::refusal::Refusal;
use crate::session::ClerkToken;
use crate::top_up::{NewCard, ThreeDSecure};
use crate::view::Touch;

/// The device that asks, and the session that its token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDevice {
    /// Which.
    pub device: FactId,
    /// Its session.
    pub session: FactId,
}

/// A step of a card, or of a top-up that is not booked at once.
#[derive(Clone, PartialEq, Eq)]
pub struct MoneyIn {
    /// What the caller made; of a step, see [`RequestId::of_step`].
    pub request: RequestId,
    /// Whose.
    pub member: MemberNumber,
    /// The token of the link in a notice of it that freezes the wallet; empty where none is sent.
    pub freeze: String,
    /// What.
    pub step: MoneyInStep,
}

/// What is done, or what the acquirer has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyInStep {
    /// A card is added on a device, its holder's challenge passed there.
    AddCard(OnDevice, NewCard),
    /// A card is removed.
    EndCard(OnDevice, FactId),
    /// A top-up by a card is asked for.
    Request {
        /// The device that asks.
        by: OnDevice,
        /// The card.
        card: FactId,
        /// Minor units.
        amount: i64,
        /// See [`crate::top_up::TopUp::network`].
        network: Vec<u8>,
    },
    /// The acquirer knows the top-up by this name.
    Refer(FactId, String),
    /// The acquirer holds the money; what 3-D Secure said.
    Authorize(FactId, ThreeDSecure),
    /// It was held long enough, and the acquirer may take it.
    Release(FactId),
    /// Its member does not want it after all.
    GiveUp(OnDevice, FactId),
    /// The acquirer has the money.
    Post(FactId),
    /// The acquirer was asked and has not answered.
    Unknown(FactId),
    /// The acquirer says that it did not take place: why, where we did not say so before.
    Decline(FactId, Refusal),
    /// The acquirer was never told of it, and will not be: why.
    Unmade(FactId, Refusal),
    /// What is not spent goes back to the card.
    TakeBack(FactId),
    /// The acquirer has given it back to the card.
    Returned(FactId),
    /// The acquirer takes so much back from us by a dispute, or gives it back.
    Dispute {
        /// Which.
        top_up: FactId,
        /// Minor units.
        amount: i64,
        /// Whether it ended in our favour.
        won: bool,
    },
}

impl MoneyInStep {
    /// The top-up that it is about.
    pub const fn top_up(&self) -> Option<FactId> {
        match self {
            Self::AddCard(..) | Self::EndCard(..) | Self::Request { .. } => None,
            Self::Refer(id, _)
            | Self::Authorize(id, _)
            | Self::Release(id)
            | Self::GiveUp(_, id)
            | Self::Post(id)
            | Self::Unknown(id)
            | Self::Decline(id, _)
            | Self::Unmade(id, _)
            | Self::TakeBack(id)
            | Self::Returned(id)
            | Self::Dispute { top_up: id, .. } => Some(*id),
        }
    }

    /// Its name, for the request ids of steps.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AddCard(..) => "add card",
            Self::EndCard(..) => "end card",
            Self::Request { .. } => "request",
            Self::Refer(..) => "refer",
            Self::Authorize(..) => "authorize",
            Self::Release(_) => "release",
            Self::GiveUp(..) => "give up",
            Self::Post(_) => "post",
            Self::Unknown(_) => "unknown",
            Self::Decline(..) => "decline",
            Self::Unmade(..) => "unmade",
            Self::TakeBack(_) => "take back",
            Self::Returned(_) => "returned",
            Self::Dispute { .. } => "dispute",
        }
    }
}

impl std::fmt::Debug for MoneyIn {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The link in a notice is for its reader.
        write!(out, "MoneyIn({} {:?} {:?})", self.member.0, self.request, self.step)
    }
}

impl MoneyIn {
    /// A step that every node makes alike: doing it twice does it once.
    pub fn step(member: MemberNumber, top_up: FactId, step: MoneyInStep) -> Self {
        let (request, freeze) = (RequestId::of_step(step.name(), top_up), String::new());
        Self { request, member, freeze, step }
    }

    /// The same, whose notices freeze the wallet by this token.
    #[must_use]
    pub fn freezing_by(self, freeze: String) -> Self {
        Self { freeze, ..self }
    }
}

/// Cash over the counter of a register, into the wallet of who shows a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUpWithCode {
    /// The request.
    pub ask: Ask,
    /// The code as opened before the queue; none where it is not one of ours.
    pub code: Option<OpenedCode>,
    /// Minor units that were taken.
    pub amount: i64,
    /// Must be the book's.
    pub currency: Currency,
    /// Who takes it.
    pub clerk: Option<ClerkToken>,
    /// Who agrees to it, where it is more than one alone may take.
    pub second: Option<ClerkToken>,
}

/// Names what a step refers to.
pub(super) fn refer_money_in(command: &MoneyIn, refer: &mut Refer) {
    refer.events.push(command.request);
    refer.requests.push(crate::ids::RequestKey {
        request: command.request,
        terminal: crate::ids::TerminalNumber::NONE,
    });
    refer.top_ups.extend(command.step.top_up());
    if let MoneyInStep::AddCard(_, card) = &command.step {
        refer.fingerprints.push(card.fingerprint);
    }
    refer.judges_top_ups |= matches!(command.step, MoneyInStep::Authorize(..));
    if let MoneyInStep::Request { network, .. } = &command.step
        && !network.is_empty()
    {
        refer.networks.push(network.clone());
    }
}

/// Names the rows that a step locks and loads.
pub fn touch_money_in(command: &MoneyIn, touch: &mut Touch) {
    touch.members.push(command.member);
    touch.people.push(command.member);
    touch.money.push(command.member);
}
