//! Commands: everything that changes state, and what each needs to be decided.
//!
//! Loading has two phases. [`refer`] names references that never change once written (request →
//! payment → member). [`crate::touch`] then names the rows to lock and load.

mod bulk;
mod meaning;
mod money_in;
mod refer;

pub use self::bulk::BulkCredit;
pub use self::meaning::Meaning;
pub use self::money_in::{MoneyIn, MoneyInStep, OnDevice, TopUpWithCode, touch_money_in};
pub use self::refer::{Refer, refer};
use crate::bulk::BulkRoot;
use crate::code::OpenedCode;
use crate::decide::{ORDER_MS_MAX, VALID_UNTIL_MS_MAX};
use crate::facts::OperationKind;
use crate::identity::act::Identity;
use crate::ids::{
    ClerkNumber, FactId, MemberNumber, MerchantNumber, OperatorNumber, RequestId, RequestKey,
    StoreNumber, TerminalNumber, WebhookNumber,
};
use crate::money::Currency;
use crate::operator::{Roles, Sealed};
use crate::policy::rule::Goods;
use crate::session::ClerkToken;
use crate::staff::{Deed, Operate};
use crate::state::MemberVerification;
use crate::switches::{Capability, Scope};
use crate::time::Instant;

/// The most request ids that one acknowledgement names.
pub const ACKNOWLEDGEMENTS_MAX: usize = 100;

/// The longest that a hold lasts: 30 days.
pub const HOLD_SECONDS_MAX: i64 = 30 * 24 * 60 * 60;

/// Who asks, as the signature proved, and under which request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The request.
    pub key: RequestKey,
    /// The key generation that signed.
    pub generation: i64,
}

/// A register's request: who, by when, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub caller: Caller,
    /// Decided later, it is declined.
    pub valid_until: Instant,
    /// What the request means, see [`Meaning`].
    pub fingerprint: [u8; 16],
}

/// Paying or authorizing on a one-time code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayWithCode {
    /// The request.
    pub ask: Ask,
    /// The code as opened before the queue; none where it is not one of ours.
    pub code: Option<OpenedCode>,
    /// Minor units.
    pub amount: i64,
    /// Must be the book's.
    pub currency: Currency,
    /// None: pay at once. Else hold, for so many seconds, at most [`HOLD_SECONDS_MAX`].
    pub hold_seconds: Option<i64>,
    /// What is bought, as far as the register says.
    pub goods: Goods,
}

/// What a member's device scanned, or typed the number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownBy {
    /// An order that a register made: its request id, and its amount.
    Order,
    /// The sign of a store: no id and no amount.
    Sign,
}

impl ShownBy {
    /// How far ahead `valid_until` may be, milliseconds.
    pub const fn valid_ms_max(self) -> i64 {
        match self {
            Self::Order => ORDER_MS_MAX,
            Self::Sign => VALID_UNTIL_MS_MAX,
        }
    }
}

/// Paying what a shop shows, confirmed by the member's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayShop {
    /// An order's own request id and terminal. For a sign: the id that
    /// [`RequestId::of_member`] makes, and the first terminal of the store.
    pub key: RequestKey,
    /// What the request means, see [`PayShop::meaning`].
    pub fingerprint: [u8; 16],
    /// Who pays.
    pub member: MemberNumber,
    /// The device that has proved itself.
    pub device: FactId,
    /// Minor units.
    pub amount: i64,
    /// Must be the book's.
    pub currency: Currency,
    /// Decided later, it is refused, and stays refused.
    pub valid_until: Instant,
    /// What was scanned.
    pub by: ShownBy,
    /// The device's proof and the body that it covers: kept with the payment.
    pub proof: Vec<u8>,
}

impl PayShop {
    /// 16 bytes of BLAKE3 keyed with the fingerprint key: what must be equal in a retry. Of another
    /// form than that of a register's [`Meaning`], so that neither passes for the other.
    pub fn meaning(&self, key: &[u8; 32]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(b"yaoki pay shop 1");
        let by = i64::from(self.by == ShownBy::Sign);
        for number in [by, self.key.terminal.0, self.member.0, self.amount] {
            hasher.update(&number.to_be_bytes());
        }
        hasher.update(self.currency.as_str().as_bytes());
        let mut fingerprint = [0; 16];
        hasher.finalize_xof().fill(&mut fingerprint);
        fingerprint
    }
}

/// Settling a payment: capture, void, refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The request.
    pub ask: Ask,
    /// Capture, Void or Refund.
    pub kind: OperationKind,
    /// The payment.
    pub payment: FactId,
    /// Minor units; not used by void.
    pub amount: i64,
    /// Must be the book's.
    pub currency: Currency,
    /// Who gives money back, where clerks work.
    pub clerk: Option<ClerkToken>,
}

/// Undoing a request, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The request; its `valid_until` is not judged, because a reverse must always end.
    pub ask: Ask,
    /// The request that is undone: of this terminal, or with a clerk of another of its store.
    pub target: RequestKey,
    /// Who asks for it.
    pub clerk: Option<ClerkToken>,
}

/// What is given to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// Money.
    Money,
    /// Points.
    Points,
}

/// Giving money or points to a member from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// What the caller made.
    pub request: RequestId,
    /// To whom.
    pub member: MemberNumber,
    /// Money or points.
    pub asset: Asset,
    /// Minor units.
    pub amount: i64,
}

/// An act of an operator or of the book itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administer {
    /// What the caller made.
    pub request: RequestId,
    /// Who; must be said.
    pub actor: String,
    /// The second person, where two are needed.
    pub second: String,
    /// Why; must be said for closing, suspending and freezing.
    pub reason: String,
    /// What.
    pub act: Act,
}

impl Administer {
    /// An act that takes neither a second person nor a reason.
    pub fn alone(request: RequestId, actor: impl Into<String>, act: Act) -> Self {
        let (actor, second, reason) = (actor.into(), String::new(), String::new());
        Self { request, actor, second, reason, act }
    }
}

/// What an operator or the book itself does.
#[derive(Clone, PartialEq, Eq)]
pub enum Act {
    /// A new merchant of this name.
    CreateMerchant(String),
    /// A new store.
    CreateStore {
        /// Whose.
        merchant: MerchantNumber,
        /// Its name.
        name: String,
        /// City or street, as a member is shown before confirming; may be empty.
        place: String,
        /// When its business day ends, minutes after midnight.
        cutoff_minutes: i64,
    },
    /// A new terminal of this store and name.
    CreateTerminal(StoreNumber, String),
    /// A terminal takes no more payments.
    SuspendTerminal(TerminalNumber),
    /// It does again; takes two people.
    ResumeTerminal(TerminalNumber),
    /// A new key; the old one works until then.
    RotateTerminalKey(TerminalNumber, Instant),
    /// A new member.
    CreateMember,
    /// No money leaves by the member's act.
    FreezeMember(MemberNumber),
    /// The same for a member who asks staff for it: he lifts it himself.
    FreezeOnCall(MemberNumber),
    /// It may again; takes two people.
    UnfreezeMember(MemberNumber),
    /// The member is closed for ever.
    CloseMember(MemberNumber),
    /// A person's identity was checked at a counter: his member, and what his browser shows, see
    /// [`crate::identity::challenge::Challenge::id_of_counter`]. One of two proofs of a recovery.
    VouchForMember(MemberNumber, [u8; 10]),
    /// A recovery that was contested may go on, at its time.
    AllowRecovery(MemberNumber, FactId),
    /// A recovery that is not the member's is ended; takes two.
    EndRecovery(MemberNumber, FactId),
    /// A one-time enrolment link: member, digest of its token, until when.
    CreateLink(MemberNumber, [u8; 32], Instant),
    /// A device redeems a link.
    EnrolDevice {
        /// Digest of the link's token.
        link: [u8; 32],
        /// P-256, SEC 1 uncompressed.
        public_key: [u8; 65],
        /// 32 random bytes drawn before the queue.
        secret: [u8; 32],
    },
    /// A device loses its authority.
    EndDevice(FactId),
    /// The paying device of a member gets a new code secret.
    RotateCodeSecret(MemberNumber, [u8; 32]),
    /// A capability is closed for a scope and subject, until a lapse time (0: until opened).
    CloseSwitch(Capability, Scope, i64, Instant),
    /// It is opened; takes two people.
    OpenSwitch(Capability, Scope, i64),
    /// All lanes' heads as text, and the signature over it.
    Checkpoint(String, [u8; 64]),
    /// The book was restored; the generation of its new code key.
    Restored(i64),
    /// A new webhook endpoint.
    CreateWebhook {
        /// Who is told.
        merchant: MerchantNumber,
        /// Where.
        url: String,
        /// Whether this machine will do, by plain HTTP: never in a live book.
        loopback: bool,
    },
    /// A webhook endpoint is told nothing more, for ever.
    EndWebhook(WebhookNumber),
    /// A new secret; the old one signs and is believed until then.
    RotateWebhookSecret(WebhookNumber, Instant),
    /// The first two operators, once, and the links at which they register.
    CreateFirstOperators {
        /// Two people.
        names: [String; 2],
        /// Digests of the links' tokens.
        links: [[u8; 32]; 2],
        /// Until when both links work.
        expires_at: Instant,
        /// Whether members may be there already: only in a book to play with.
        among_members: bool,
    },
    /// A new operator, and the link at which he registers: digest of its token, until when.
    CreateOperator {
        /// As colleagues read it.
        name: String,
        /// What he may do.
        roles: Roles,
        /// Digest of the link's token.
        link: [u8; 32],
        /// Until when the link works.
        expires_at: Instant,
    },
    /// Other roles.
    ChangeRoles(OperatorNumber, Roles),
    /// An operator is ended for ever.
    EndOperator(OperatorNumber),
    /// A link for another passkey: digest of its token, until when.
    LinkOperator(OperatorNumber, [u8; 32], Instant),
    /// An operator registers a passkey at a link.
    AddPasskey {
        /// Digest of the link's token.
        link: [u8; 32],
        /// Digest of the credential's id.
        lookup: [u8; 32],
        /// The credential as the server keeps it.
        secret: Sealed,
    },
    /// A passkey is ended for ever: digest of its credential's id.
    EndPasskey([u8; 32]),
    /// An operator signs in, his user verified.
    OpenSession {
        /// Digest of the credential's id.
        passkey: [u8; 32],
        /// The counter that the authenticator showed.
        counter: i64,
        /// Digest of the browser's key.
        key: [u8; 32],
    },
    /// A new clerk.
    CreateClerk {
        /// Where.
        store: StoreNumber,
        /// As colleagues read it.
        name: String,
        /// Digest of the PIN, in the PHC form.
        pin: Sealed,
    },
    /// A clerk's PIN is another, and no session of his goes on.
    ResetClerkPin(ClerkNumber, Sealed),
    /// A clerk is ended for ever.
    EndClerk(ClerkNumber),
    /// A clerk tries a PIN at a terminal that signed.
    SignInClerk {
        /// Which terminal.
        terminal: TerminalNumber,
        /// Who, as he says.
        clerk: ClerkNumber,
        /// BLAKE3 of the digest that the PIN was compared with.
        tried: [u8; 32],
        /// Whether it is the one.
        right: bool,
        /// BLAKE3 of the session's secret.
        key: [u8; 32],
    },
    /// A clerk's session ends at the terminal that has it.
    SignOutClerk(TerminalNumber, ClerkToken),
    /// A clerk opens a shift at the terminal where he has signed in: minor units in the drawer.
    OpenShift(TerminalNumber, ClerkToken, i64),
    /// He closes it: minor units in the drawer.
    CloseShift(TerminalNumber, ClerkToken, i64),
    /// A store has paid in so much of the cash that it owed.
    ReleaseCashCredit(StoreNumber, i64),
    /// A restored book is opened.
    OpenBook,
    /// Credits in bulk: what it is called, and the root of the file. Takes two people.
    OpenBulk(String, BulkRoot),
    /// Other limits on money: the whole text, see [`crate::policy::Policy`]; takes two people.
    ChangePolicy(String),
    /// Staff has seen who a member is, or takes that back.
    VerifyMember(MemberNumber, MemberVerification),
    /// This act, on which two operators have agreed under this proposal.
    Agreed(FactId, Box<Act>),
}

impl std::fmt::Debug for Act {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Some acts carry secrets, so only the name is printed.
        out.write_str(match self {
            Self::CreateMerchant(_) => "CreateMerchant",
            Self::CreateStore { .. } => "CreateStore",
            Self::CreateTerminal(..) => "CreateTerminal",
            Self::SuspendTerminal(_) => "SuspendTerminal",
            Self::ResumeTerminal(_) => "ResumeTerminal",
            Self::RotateTerminalKey(..) => "RotateTerminalKey",
            Self::CreateMember => "CreateMember",
            Self::FreezeMember(_) => "FreezeMember",
            Self::FreezeOnCall(_) => "FreezeOnCall",
            Self::UnfreezeMember(_) => "UnfreezeMember",
            Self::CloseMember(_) => "CloseMember",
            Self::VouchForMember(..) => "VouchForMember",
            Self::AllowRecovery(..) => "AllowRecovery",
            Self::EndRecovery(..) => "EndRecovery",
            Self::CreateLink(..) => "CreateLink",
            Self::EnrolDevice { .. } => "EnrolDevice",
            Self::EndDevice(_) => "EndDevice",
            Self::RotateCodeSecret(..) => "RotateCodeSecret",
            Self::CloseSwitch(..) => "CloseSwitch",
            Self::OpenSwitch(..) => "OpenSwitch",
            Self::Checkpoint(..) => "Checkpoint",
            Self::Restored(_) => "Restored",
            Self::CreateWebhook { .. } => "CreateWebhook",
            Self::EndWebhook(_) => "EndWebhook",
            Self::RotateWebhookSecret(..) => "RotateWebhookSecret",
            Self::CreateFirstOperators { .. } => "CreateFirstOperators",
            Self::CreateOperator { .. } => "CreateOperator",
            Self::ChangeRoles(..) => "ChangeRoles",
            Self::EndOperator(_) => "EndOperator",
            Self::LinkOperator(..) => "LinkOperator",
            Self::AddPasskey { .. } => "AddPasskey",
            Self::EndPasskey(_) => "EndPasskey",
            Self::OpenSession { .. } => "OpenSession",
            Self::CreateClerk { .. } => "CreateClerk",
            Self::ResetClerkPin(..) => "ResetClerkPin",
            Self::EndClerk(_) => "EndClerk",
            Self::SignInClerk { .. } => "SignInClerk",
            Self::SignOutClerk(..) => "SignOutClerk",
            Self::OpenShift(..) => "OpenShift",
            Self::CloseShift(..) => "CloseShift",
            Self::ReleaseCashCredit(..) => "ReleaseCashCredit",
            Self::OpenBook => "OpenBook",
            Self::ChangePolicy(_) => "ChangePolicy",
            Self::OpenBulk(..) => "OpenBulk",
            Self::VerifyMember(..) => "VerifyMember",
            Self::Agreed(_, act) => return act.fmt(out),
        })
    }
}

/// Everything that is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Pay or authorize on a code.
    PayWithCode(PayWithCode),
    /// Pay what a shop shows.
    PayShop(PayShop),
    /// Capture, void or refund.
    Settle(Settle),
    /// Undo a request.
    Reverse(Reverse),
    /// What became of a request. Changes nothing.
    Query(Caller),
    /// The register knows these outcomes.
    Acknowledge(Caller, Vec<RequestId>),
    /// A hold whose time is over is released.
    ExpireHold(FactId),
    /// Money or points from outside.
    Credit(Credit),
    /// A row of credits in bulk.
    BulkCredit(BulkCredit),
    /// An act of an operator or of the book.
    Administer(Administer),
    /// An act of a member, or of somebody who wants to become or to prove to be one.
    Identity(Identity),
    /// What an operator does in a session.
    Operate(Operate),
    /// Cash at a register into the wallet of who shows a code.
    TopUpWithCode(TopUpWithCode),
    /// A step of a card, or of a top-up by it.
    MoneyIn(MoneyIn),
}

impl Command {
    /// The key under which the outcome is remembered; none for those that store none.
    pub fn key(&self) -> Option<RequestKey> {
        match self {
            Self::PayWithCode(pay) => Some(pay.ask.caller.key),
            Self::PayShop(pay) => Some(pay.key),
            Self::Settle(settle) => Some(settle.ask.caller.key),
            Self::TopUpWithCode(top_up) => Some(top_up.ask.caller.key),
            Self::Reverse(reverse) => Some(reverse.ask.caller.key),
            Self::ExpireHold(payment) => Some(Self::expiry_key(*payment)),
            Self::Credit(credit) => {
                Some(RequestKey { request: credit.request, terminal: TerminalNumber::NONE })
            }
            Self::BulkCredit(credit) => Some(credit.key()),
            Self::Query(_)
            | Self::Acknowledge(..)
            | Self::Administer(_)
            | Self::Operate(_)
            | Self::MoneyIn(_)
            | Self::Identity(_) => None,
        }
    }

    /// The key of the expiry of a hold: the same on every node.
    pub fn expiry_key(payment: FactId) -> RequestKey {
        RequestKey {
            request: RequestId::deterministic("expire hold", payment.0),
            terminal: TerminalNumber::NONE,
        }
    }

    /// By when it must be decided, where the caller has said so and the rules judge it.
    pub const fn valid_until(&self) -> Option<Instant> {
        match self {
            Self::PayWithCode(pay) => Some(pay.ask.valid_until),
            Self::PayShop(pay) => Some(pay.valid_until),
            Self::Settle(settle) => Some(settle.ask.valid_until),
            Self::TopUpWithCode(top_up) => Some(top_up.ask.valid_until),
            Self::Reverse(_)
            | Self::Query(_)
            | Self::Acknowledge(..)
            | Self::ExpireHold(_)
            | Self::Credit(_)
            | Self::BulkCredit(_)
            | Self::Administer(_)
            | Self::Operate(_)
            | Self::MoneyIn(_)
            | Self::Identity(_) => None,
        }
    }

    /// The act that it is, or is about.
    pub fn act(&self) -> Option<&Act> {
        match self {
            Self::Administer(administer) => Some(administer.act.inner()),
            Self::Operate(Operate { deed: Deed::Act(act), .. }) => Some(act.inner()),
            _ => None,
        }
    }

    /// The clerk who asks for it at a register.
    pub fn clerk(&self) -> Option<ClerkToken> {
        match self {
            Self::Settle(settle) => settle.clerk,
            Self::Reverse(reverse) => reverse.clerk,
            Self::TopUpWithCode(top_up) => top_up.clerk,
            _ => match self.act() {
                Some(
                    Act::SignOutClerk(_, token)
                    | Act::OpenShift(_, token, _)
                    | Act::CloseShift(_, token, _),
                ) => Some(*token),
                _ => None,
            },
        }
    }

    /// The member by which the lane is chosen, where the command names one.
    pub fn member(&self) -> Option<MemberNumber> {
        match self {
            Self::PayWithCode(pay) => {
                let opened = pay.code.as_ref()?;
                opened.candidates[0].map(|(member, _)| member)
            }
            Self::TopUpWithCode(top_up) => {
                let opened = top_up.code.as_ref()?;
                opened.candidates[0].map(|(member, _)| member)
            }
            Self::MoneyIn(step) => Some(step.member),
            Self::PayShop(pay) => Some(pay.member),
            Self::Credit(credit) => Some(credit.member),
            Self::BulkCredit(credit) => Some(credit.row.member),
            Self::Identity(identity) => identity.member.is_some().then_some(identity.member),
            _ => None,
        }
    }
}
