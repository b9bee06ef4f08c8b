//! Facts: what happened. Insert-only, part of the chain, ids and digests only, no personal data.
//!
//! Every derived row (see [`crate::state`]) is a fold over these, by the same functions that a
//! commit uses and `yaoki verify` uses.

use crate::account::Account;
use crate::ids::{FactId, LaneNumber, MemberNumber, RequestId, TerminalNumber};
use crate::state::Member;
use crate::time::{BusinessDate, Instant};
use crate::{coded, row};

coded! {
    /// What an operation was asked to do.
    pub enum OperationKind {
        /// Money moves from a member to a store: on a one-time code, or on what the shop shows.
        Pay = 1 => "pay",
        /// Money is held on a one-time code.
        Authorize = 2 => "authorize",
        /// A hold is taken, in part or whole; the rest is released.
        Capture = 3 => "capture",
        /// A hold is released.
        Void = 4 => "void",
        /// Paid money goes back, in part or whole.
        Refund = 5 => "refund",
        /// A request is undone, whatever became of it.
        Reverse = 6 => "reverse",
        /// A request is undone that had not been seen; it can never take effect later.
        Tombstone = 7 => "tombstone",
        /// A hold whose time is over is released.
        Expire = 8 => "expire",
        /// Money or points are given to a member from outside by the operator (bulk, seed).
        Credit = 9 => "credit",
        /// Money comes in by a rail: a card, cash at a register.
        TopUp = 10 => "top_up",
        /// A top-up goes back to the card that it came from.
        TakeBack = 11 => "take_back",
        /// The acquirer takes a top-up back from us, or gives it back, by a dispute.
        Dispute = 12 => "dispute",
    }
}

coded! {
    /// What exactly a succeeded operation did.
    pub enum Effect {
        /// Nothing to say, or the operation was declined.
        Plain = 0 => "plain",
        /// Reverse: the request had never been seen; a tombstone stands in its place.
        NeverSeen = 1 => "never_seen",
        /// Reverse: the request had been declined or reversed already.
        NothingToUndo = 2 => "nothing_to_undo",
        /// Reverse: paid money went back.
        GaveBack = 3 => "gave_back",
        /// Reverse: a hold was released.
        Released = 4 => "released",
        /// Refund or reverse: the member is closed, the money waits in suspense.
        ToSuspense = 5 => "to_suspense",
        /// Credit: points, not money.
        Points = 6 => "points",
        /// Pay: at the sign of a store; no register asked for it or showed it.
        AtSign = 7 => "at_sign",
        /// Reverse: a top-up at a register was taken back.
        TookBack = 8 => "took_back",
        /// Dispute: it ended in our favour.
        DisputeWon = 9 => "dispute_won",
    }
}

row! {
    /// One decided request, refused or not: the request row and the fact it caused are one.
    pub struct Operation in "operation" {
        /// Identity; for pay and authorize also the payment's.
        pub id: FactId,
        /// The commit in its lane.
        pub seq: i64,
        /// What the caller made; unique with `terminal`.
        pub request_id: RequestId,
        /// Who asked; none for jobs and operators.
        pub terminal: TerminalNumber,
        /// What was asked.
        pub kind: OperationKind,
        /// 0: succeeded; else the number of the refusal.
        pub refusal: i64,
        /// What exactly was done.
        pub effect: Effect,
        /// 16 bytes of keyed BLAKE3 over the request's meaning; zeros where there is no meaning.
        pub fingerprint: [u8; 16],
        /// Whose money; none where no member was found.
        pub member: MemberNumber,
        /// Minor units: asked for (pay, authorize, capture, refund) or given back or released.
        pub amount: i64,
        /// Change of the member's open holds, minor units.
        pub held_change: i64,
        /// The code epoch that was spent or shown, else 0: what a member paid of an order or a sign
        /// has none.
        pub epoch: i64,
        /// The payment this is about; for a declined code the store's own first payment.
        pub payment: FactId,
        /// The member's operation before this one; none where it is the first.
        pub previous: FactId,
        /// Authorize: when the hold lapses, Unix milliseconds; else 0.
        pub expires_at: Instant,
        /// The label fixed from the store's cut-off.
        pub business_date: BusinessDate,
    }
}

row! {
    /// One movement between two accounts.
    pub struct Transfer in "transfer" {
        /// Identity: the operation's id and its place after it.
        pub id: FactId,
        /// The member whose statement it is on.
        pub member: MemberNumber,
        /// The account that gives.
        pub debit: Account,
        /// The account that receives.
        pub credit: Account,
        /// Minor units, more than zero.
        pub amount: i64,
        /// The operation's kind.
        pub kind: OperationKind,
        /// The command that caused it.
        pub operation: FactId,
        /// The commit in its lane.
        pub seq: i64,
    }
}

impl Transfer {
    /// The one movement of an operation, all of its amount.
    pub const fn of(operation: &Operation, (debit, credit): (Account, Account)) -> Self {
        Self {
            id: operation.id.plus(1),
            member: operation.member,
            debit,
            credit,
            amount: operation.amount,
            kind: operation.kind,
            operation: operation.id,
            seq: operation.seq,
        }
    }
}

coded! {
    /// What an event says.
    pub enum EventKind {
        /// A lane exists.
        LaneCreated = 1 => "lane_created",
        /// A merchant exists. text: name.
        MerchantCreated = 2 => "merchant_created",
        /// A store exists. object: merchant, number: cut-off minutes, text: name, and on a second
        /// line the place where one was given.
        StoreCreated = 3 => "store_created",
        /// A terminal exists. object: store, text: name.
        TerminalCreated = 4 => "terminal_created",
        /// A terminal may no longer take payments.
        TerminalSuspended = 5 => "terminal_suspended",
        /// A terminal may take payments again. actor and second: two people.
        TerminalResumed = 6 => "terminal_resumed",
        /// A terminal has a new key. number: until when the old one works, Unix milliseconds.
        TerminalKeyRotated = 7 => "terminal_key_rotated",
        /// A member exists. digest: of the key that signed up; empty where an operator made it.
        MemberCreated = 8 => "member_created",
        /// A member's money cannot leave by the member's act. number: 1, by the member himself.
        MemberFrozen = 9 => "member_frozen",
        /// A member's money can leave again. actor and second: two people.
        MemberUnfrozen = 10 => "member_unfrozen",
        /// A member is closed for ever.
        MemberClosed = 11 => "member_closed",
        /// A one-time enrolment link exists. digest: of its token, number: until when, object: the
        /// device that invites another, or 0.
        LinkCreated = 12 => "link_created",
        /// A device was enrolled and pays from now on. object: device, number: the way, text: what
        /// it is; digest, in three parts of 32 bytes: of its public key, of its code secret, of the
        /// link's token or what else allowed it.
        DeviceEnrolled = 13 => "device_enrolled",
        /// A device was ended. object: device.
        DeviceEnded = 14 => "device_ended",
        /// A switch was closed. object: capability and scope, number: lapse time or 0.
        SwitchClosed = 15 => "switch_closed",
        /// A switch was opened. actor and second: two people.
        SwitchOpened = 16 => "switch_opened",
        /// All lanes' heads, signed. digest: signature; text: the heads.
        Checkpoint = 17 => "checkpoint",
        /// The book was restored from a backup. number: new code key generation.
        Restored = 18 => "restored",
        /// The paying device's code secret was replaced. digest: of the new one.
        CodeSecretRotated = 19 => "code_secret_rotated",
        /// The book was opened after a restore. actor and second: two people.
        BookOpened = 20 => "book_opened",
        /// A webhook endpoint exists. object: merchant, text: URL.
        WebhookCreated = 21 => "webhook_created",
        /// A webhook endpoint is told nothing more.
        WebhookEnded = 22 => "webhook_ended",
        /// A webhook endpoint has a new secret. number: until when the old one works, Unix
        /// milliseconds.
        WebhookSecretRotated = 23 => "webhook_secret_rotated",
        /// An address is on file. number: its kind, digest: its keyed one, text: the language,
        /// object: where it was taken back, the event that had put it there.
        ContactAdded = 24 => "contact_added",
        /// An address is on file no longer. digest: its keyed one.
        ContactEnded = 25 => "contact_ended",
        /// A factor was added. object: factor, number: its kind, digest: of what it is found and
        /// checked by, text: what it is.
        CredentialAdded = 26 => "credential_added",
        /// A factor counts no longer. object: factor.
        CredentialEnded = 27 => "credential_ended",
        /// A factor that is good once was used. object: factor, number: what of it is used now.
        CredentialUsed = 28 => "credential_used",
        /// A device signed in. object: device, number: how its user was verified.
        SessionOpened = 29 => "session_opened",
        /// A device signed out, or was signed out. object: device.
        SessionEnded = 30 => "session_ended",
        /// A device's user was verified again. object: device, number: how.
        UserVerified = 31 => "user_verified",
        /// A device redeemed an invitation and waits. object: device, number: the way, digest, in
        /// three parts of 32 bytes: of its key, zeros, of the invitation. text: what it is.
        DevicePending = 32 => "device_pending",
        /// A device that waited has authority. object: device, number: 1, it pays too.
        DeviceApproved = 33 => "device_approved",
        /// A device has the paying right. object: device, digest: of its code secret, number: since
        /// when its age counts and what speaks for it, see [`Device::standing`].
        ///
        /// [`Device::standing`]: crate::state::Device::standing
        PayingRightMoved = 34 => "paying_right_moved",
        /// A device asks for the paying right. object: device, number: from when it may take it.
        PayingRightAsked = 35 => "paying_right_asked",
        /// A device does not get the paying right that it asked for. object: device.
        PayingRightRefused = 36 => "paying_right_refused",
        /// A device whose browser had lost its key has another. object: device, number: how its
        /// user was verified, digest: of the key.
        DeviceRestored = 37 => "device_restored",
        /// Something shows that a device is the member's own. object: device, number: what.
        DeviceEvidence = 38 => "device_evidence",
        /// A recovery was started. number: its proofs, digest, in two parts of 32 bytes: of its
        /// token, of the asking key.
        RecoveryStarted = 39 => "recovery_started",
        /// A recovery was contested. object: recovery.
        RecoveryContested = 40 => "recovery_contested",
        /// A recovery was cancelled. object: recovery.
        RecoveryCancelled = 41 => "recovery_cancelled",
        /// A recovery gave its member a device. object: recovery, number: the device.
        RecoveryFinished = 42 => "recovery_finished",
        /// A member agreed. number: the version of the terms, text: the language read.
        Consented = 43 => "consented",
        /// A device was enrolled and does not pay. As `device_enrolled`, without a code secret.
        DeviceAdded = 44 => "device_added",
        /// Members of staff allow a recovery that was contested twice. object: recovery.
        RecoveryAllowed = 45 => "recovery_allowed",
        /// A device has confirmed a payment. object: payment, number: device, digest: of its proof
        /// and the body that this covers.
        PaymentProven = 46 => "payment_proven",
        /// Members of staff have checked a person's identity. digest: what his browser shows.
        RecoveryVouched = 47 => "recovery_vouched",
        /// Two members of staff ended a recovery. object: recovery.
        RecoveryEnded = 48 => "recovery_ended",
        /// The first two operators exist. subject: the first's number, the second's is the next;
        /// text: a name a line; digest: of each one's link, number: until when both work.
        FirstOperatorsCreated = 50 => "first_operators_created",
        /// An operator exists. object: roles; text: name; digest: of his link, number: until when.
        OperatorCreated = 51 => "operator_created",
        /// An operator has other roles. object: roles.
        OperatorRolesChanged = 52 => "operator_roles_changed",
        /// An operator works here no more.
        OperatorEnded = 53 => "operator_ended",
        /// An operator may register another passkey. digest: of the link's token, number: until
        /// when.
        OperatorLinked = 54 => "operator_linked",
        /// An operator registered a passkey. digest, in three parts of 32 bytes: of the
        /// credential's id, of the credential, of the link's token.
        OperatorPasskeyAdded = 55 => "operator_passkey_added",
        /// A passkey of an operator was ended. digest: of the credential's id.
        OperatorPasskeyEnded = 56 => "operator_passkey_ended",
        /// An operator signed in. digest, in two parts of 32 bytes: of the credential's id, of the
        /// browser's key; number: the authenticator's counter.
        StaffSessionOpened = 57 => "staff_session_opened",
        /// An operator's user was verified again. object: session; digest: of the credential's id;
        /// number: the authenticator's counter.
        StaffSessionVerified = 58 => "staff_session_verified",
        /// A session of an operator was ended. object: session.
        StaffSessionEnded = 59 => "staff_session_ended",
        /// All sessions of an operator were ended.
        OperatorSessionsEnded = 60 => "operator_sessions_ended",
        /// An operator proposed an act. subject: who, object: which act, digest: of its text,
        /// number: until when; text: the act, and on a second line why.
        Proposed = 61 => "proposed",
        /// Another operator approved it. subject: who, object: proposal.
        ProposalApproved = 62 => "proposal_approved",
        /// An operator refused it, or withdrew it. subject: who, object: proposal.
        ProposalRefused = 63 => "proposal_refused",
        /// The act was carried out. object: proposal, number: the act's event.
        ProposalUsed = 64 => "proposal_used",
        /// A clerk exists. object: store, text: name, digest: of what the PIN is compared with.
        ClerkCreated = 65 => "clerk_created",
        /// A clerk's PIN is another. digest: of what it is compared with.
        ClerkPinReset = 66 => "clerk_pin_reset",
        /// A clerk works here no more.
        /// object: store.
        ClerkEnded = 67 => "clerk_ended",
        /// A clerk signed in. object: terminal, digest: of the session's secret.
        ClerkSignedIn = 68 => "clerk_signed_in",
        /// A clerk's number was tried with a wrong PIN. object: terminal.
        ClerkPinWrong = 69 => "clerk_pin_wrong",
        /// A clerk gave money back, or undid what another terminal asked. object: the operation,
        /// number: his session.
        ClerkActed = 70 => "clerk_acted",
        /// A colleague has confirmed a passkey. subject: operator, object: who confirmed it,
        /// digest: of its credential's id.
        OperatorPasskeyConfirmed = 71 => "operator_passkey_confirmed",
        /// Limits on money are others from here on. text: the policy; actor and second: two people.
        PolicyChanged = 72 => "policy_changed",
        /// A clerk opened a shift. subject: clerk, object: terminal, number: what the drawer held;
        /// digest, in two parts of 8 bytes: what it may take, its store.
        ShiftOpened = 73 => "shift_opened",
        /// Cash went over the counter. subject: clerk, object: the operation, number: minor units,
        /// less than zero where it went back; digest: the shift.
        CashTaken = 74 => "cash_taken",
        /// A clerk closed a shift. subject: clerk, object: shift, number: what was in the drawer;
        /// digest, in two parts of 8 bytes: what it might have taken besides, its store.
        ShiftClosed = 75 => "shift_closed",
        /// A store has paid in cash that it owed: it may owe as much again. subject: store, number:
        /// minor units.
        CashCreditReleased = 76 => "cash_credit_released",
        /// Two operators agreed on credits in bulk. object: how many rows, number: minor units of
        /// all, digest: the root, text: what it is called.
        BulkOpened = 77 => "bulk_opened",
        /// Members of staff have seen who a member is. number: how far, see [`MemberVerification`].
        ///
        /// [`MemberVerification`]: crate::state::MemberVerification
        MemberVerified = 80 => "member_verified",
        /// A card is on file. object: the device, number: its place among wallets × 2, + 1 where
        /// the device was no newcomer; digest, in two parts of 32 bytes: the card's fingerprint, of
        /// token and label.
        CardAdded = 81 => "card_added",
        /// A card's holder has passed a challenge. object: card, number: the device.
        CardChallenged = 82 => "card_challenged",
        /// A card is on file no longer. object: card.
        CardEnded = 83 => "card_ended",
        /// A top-up was asked for. object: card, number: amount; digest, in three parts of 8 bytes:
        /// device, rail, whether only a challenge will do; and one of 16: the network, if known.
        TopUpRequested = 84 => "top_up_requested",
        /// The acquirer knows a top-up. object: top-up, text: by what name.
        TopUpReferenced = 85 => "top_up_referenced",
        /// The acquirer holds the money. object: top-up, number: what 3-D Secure said + 16 × the
        /// seconds for which it is held before it is taken.
        TopUpAuthorized = 86 => "top_up_authorized",
        /// The acquirer has not answered. object: top-up.
        TopUpUnknown = 87 => "top_up_unknown",
        /// We do not want a top-up. object: top-up, number: the refusal.
        TopUpDeclining = 88 => "top_up_declining",
        /// A top-up did not take place. object: top-up, number: the refusal.
        TopUpDeclined = 89 => "top_up_declined",
        /// The acquirer gives the money back to the card. object: top-up.
        TopUpReturned = 90 => "top_up_returned",
        /// A top-up was held for a while, and nobody objected. object: top-up.
        TopUpReleased = 91 => "top_up_released",
        /// A rule of the policy fitted, or a register said what is bought. object: the operation or
        /// top-up, number: classes of goods + 256 × what the rule said, text: the rule's name.
        RuleFitted = 92 => "rule_fitted",
    }
}

impl EventKind {
    /// Whether an event of this kind is about a member: its subject is one.
    pub const fn is_of_member(self) -> bool {
        use EventKind as Kind;
        match self {
            Kind::MemberFrozen
            | Kind::MemberUnfrozen
            | Kind::MemberClosed
            | Kind::DeviceEnrolled
            | Kind::DeviceEnded
            | Kind::CodeSecretRotated => true,
            kind => matches!(kind.code(), 24..=49 | 80..=99),
        }
    }
}

row! {
    /// Something that happened to the book other than to money.
    pub struct Event in "event" {
        /// Identity.
        pub id: FactId,
        /// The commit in its lane.
        pub seq: i64,
        /// What the caller made; unique among events.
        pub request_id: RequestId,
        /// What happened.
        pub kind: EventKind,
        /// To whom or what.
        pub subject: i64,
        /// What else is named.
        pub object: i64,
        /// A number that the kind explains.
        pub number: i64,
        /// A digest that the kind explains; may be empty.
        pub digest: Vec<u8>,
        /// Who did it; an operator's name until operators have ids.
        pub actor: String,
        /// The second person, where two are needed.
        pub second: String,
        /// A reason, a shop's name; never personal data of a member.
        pub text: String,
    }
}

row! {
    /// A register said that it knows the outcome of one of its operations.
    pub struct Acknowledgement in "acknowledgement" {
        /// The operation.
        pub operation: FactId,
        /// In which lane this was booked.
        pub lane: LaneNumber,
        /// The commit in that lane.
        pub seq: i64,
    }
}

row! {
    /// One commit of a lane and the head of its chain after it.
    pub struct Batch in "batch" {
        /// The lane.
        pub lane: LaneNumber,
        /// 1, 2, 3… in order of commit, without gaps.
        pub seq: i64,
        /// The time that `decide` was given.
        pub at: Instant,
        /// The first id of the commit's facts.
        pub first_id: FactId,
        /// The last id of the commit's facts.
        pub last_id: FactId,
        /// How many facts, acknowledgements included.
        pub facts: i64,
        /// BLAKE3 over the previous head and the canonical bytes of this commit.
        pub head: [u8; 32],
    }
}

impl OperationKind {
    /// Whether it is asked for with a one-time code.
    pub const fn takes_a_code(self) -> bool {
        matches!(self, Self::Pay | Self::Authorize | Self::TopUp)
    }
}

impl Operation {
    /// Makes this the next operation on a member's list.
    pub(crate) const fn put_on_list_of(&mut self, member: &Member) {
        self.member = member.number;
        self.previous = member.last_operation;
    }

    /// Whether the request succeeded.
    pub const fn succeeded(&self) -> bool {
        self.refusal == 0 && !matches!(self.kind, OperationKind::Tombstone)
    }

    /// Whether it moved, held or released anything.
    pub const fn has_effect(&self) -> bool {
        self.succeeded() && !matches!(self.effect, Effect::NeverSeen | Effect::NothingToUndo)
    }

    /// What the member gained by it, or lost: minor units, or points where the effect says so. A
    /// hold moves nothing; see `held_change`.
    pub const fn gain(&self) -> i64 {
        use OperationKind::{Authorize, Capture, Credit, Expire, Pay, Refund, Reverse};
        use OperationKind::{Dispute, TakeBack, Tombstone, TopUp, Void};
        if !self.has_effect() || matches!(self.effect, Effect::Released | Effect::ToSuspense) {
            return 0;
        }
        match self.kind {
            Reverse if matches!(self.effect, Effect::TookBack) => -self.amount,
            Pay | Capture | TakeBack => -self.amount,
            Refund | Reverse | Credit | TopUp => self.amount,
            Authorize | Void | Expire | Tombstone | Dispute => 0,
        }
    }

    /// Whether a member paid what the shop showed, and not on a code.
    pub const fn is_of_shop(&self) -> bool {
        self.begins_payment() && self.epoch == 0
    }

    /// Whether this operation stands at the beginning of something: a payment, or money that came
    /// in by a rail.
    pub const fn begins(&self) -> bool {
        self.begins_payment() || (self.succeeded() && matches!(self.kind, OperationKind::TopUp))
    }

    /// What it is in lists and figures: a top-up that goes back over the counter is no reversed
    /// payment.
    pub const fn kind_told(&self) -> OperationKind {
        match self.effect {
            Effect::TookBack => OperationKind::TakeBack,
            _ => self.kind,
        }
    }

    /// Whether it succeeded on a top-up: `payment` names that.
    pub const fn is_of_top_up(&self) -> bool {
        use OperationKind::{Dispute, Reverse, TakeBack, TopUp};
        let took_back = matches!(self.kind, Reverse) && matches!(self.effect, Effect::TookBack);
        self.succeeded() && (matches!(self.kind, TopUp | TakeBack | Dispute) || took_back)
    }

    /// Whether this operation began a payment (and is the payment's identity).
    pub const fn begins_payment(&self) -> bool {
        self.succeeded() && matches!(self.kind, OperationKind::Pay | OperationKind::Authorize)
    }
}
