//! Derived rows: what is true now. Each is a fold over facts; `yaoki verify` folds again and
//! compares.
//!
//! A fold is the only way such a row changes. Secrets are the one thing a fact cannot carry: the
//! fact holds their digest, the row the secret, and `verify` compares the two.

mod device;

use self::device::limited;
pub use self::device::{Device, DeviceState, EnrolmentWay, Evidence, Verification};
use crate::account::Account;
use crate::facts::{Effect, Event, EventKind, Operation, OperationKind, Transfer};
use crate::identity::FRESH_MS;
use crate::ids::{FactId, LaneNumber, MemberNumber, MerchantNumber, StoreNumber, TerminalNumber};
use crate::refusal::Refusal;
use crate::row::{Field, Kind, Source, Value};
use crate::time::Instant;
use crate::window::{Window, WindowKind};
use crate::{coded, row};

/// 32 random bytes of a device that never show in a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeSecret(pub [u8; 32]);

impl CodeSecret {
    /// No device was ever enrolled.
    pub const NONE: Self = Self([0; 32]);
}

impl std::fmt::Debug for CodeSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

impl Field for CodeSecret {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        <[u8; 32]>::read(source, index).map(Self)
    }
}

/// After this many recorded declines every code of the device dies.
pub const CODE_DECLINES_MAX: i64 = 3;

coded! {
    /// Whether a member's money may leave.
    pub enum MemberState {
        /// In use.
        Open = 0 => "open",
        /// No money leaves by the member's act; money still comes back.
        Frozen = 1 => "frozen",
        /// Ended for ever.
        Closed = 2 => "closed",
        /// The same as frozen, by the member's own act: he lifts it himself.
        FrozenByMember = 3 => "frozen_by_member",
    }
}

impl MemberState {
    /// The state after a freeze: the operator's is not lifted by one of the member's own.
    const fn frozen(self, by_member: i64) -> Self {
        match self {
            Self::Open | Self::FrozenByMember if by_member == 1 => Self::FrozenByMember,
            _ => Self::Frozen,
        }
    }

    /// Whether money may not leave, for now.
    pub const fn is_frozen(self) -> bool {
        matches!(self, Self::Frozen | Self::FrozenByMember)
    }
}

row! {
    /// A member's wallet and the code secret of the device that pays: the one row a payment
    /// changes.
    pub struct Member in "member" {
        /// Identity, at most ten digits.
        pub number: MemberNumber,
        /// Whether money may leave.
        pub state: MemberState,
        /// Minor units, open holds included.
        pub money: i64,
        /// Points, apart from money.
        pub points: i64,
        /// Minor units of open holds; `money - held` can be spent.
        pub held: i64,
        /// The paying device, or none.
        pub device: FactId,
        /// 32 random bytes of that device.
        pub code_secret: CodeSecret,
        /// Raised whenever every shown code must die.
        pub code_epoch: i64,
        /// Recorded declines since the epoch was last raised.
        pub code_declines: i64,
        /// The epoch that the last payment spent.
        pub last_epoch: i64,
        /// The last payment on a code.
        pub last_payment: FactId,
        /// Where that was.
        pub last_store: StoreNumber,
        /// The last operation or event booked on this member; a later one has a larger id.
        pub last_id: FactId,
        /// The last operation booked on this member: here its list begins, each names the one
        /// before.
        pub last_operation: FactId,
        /// Paid and held within 24 hours, minor units: see [`Window`].
        pub paid_day: i64,
        /// The oldest operation that is counted in it.
        pub paid_day_oldest: FactId,
        /// Paid and held within 30 days, minor units.
        pub paid_month: i64,
        /// The oldest operation that is counted in it.
        pub paid_month_oldest: FactId,
        /// Since when the age of the paying device counts.
        pub device_since: Instant,
        /// What shows that the paying device is the member's own: a sum of [`Evidence`].
        pub device_evidence: i64,
        /// When the user of the paying device was verified last; 0: never.
        pub confirmed_at: Instant,
        /// How far it is known who the member is.
        pub verification: MemberVerification,
    }
}

coded! {
    /// How far it is known who a member is. Limits depend on it.
    pub enum MemberVerification {
        /// An address answers.
        Basic = 0 => "basic",
        /// Staff has seen the person and an official document.
        Verified = 1 => "verified",
    }
}

impl Member {
    /// A new member without money and device.
    pub const fn new(number: MemberNumber) -> Self {
        Self {
            number,
            state: MemberState::Open,
            money: 0,
            points: 0,
            held: 0,
            device: FactId::NONE,
            code_secret: CodeSecret::NONE,
            code_epoch: 1,
            code_declines: 0,
            last_epoch: 0,
            last_payment: FactId::NONE,
            last_store: StoreNumber::NONE,
            last_id: FactId::NONE,
            last_operation: FactId::NONE,
            paid_day: 0,
            paid_day_oldest: FactId::NONE,
            paid_month: 0,
            paid_month_oldest: FactId::NONE,
            device_since: Instant(0),
            device_evidence: 0,
            confirmed_at: Instant(0),
            verification: MemberVerification::Basic,
        }
    }

    /// One of the member's rolling windows.
    pub const fn window(&self, kind: WindowKind) -> Window {
        let (sum, oldest) = match kind {
            WindowKind::PaidDay => (self.paid_day, self.paid_day_oldest),
            WindowKind::PaidMonth => (self.paid_month, self.paid_month_oldest),
        };
        Window { sum, oldest }
    }

    /// Puts a window in its place.
    pub const fn set_window(&mut self, kind: WindowKind, window: Window) {
        let (sum, oldest) = match kind {
            WindowKind::PaidDay => (&mut self.paid_day, &mut self.paid_day_oldest),
            WindowKind::PaidMonth => (&mut self.paid_month, &mut self.paid_month_oldest),
        };
        (*sum, *oldest) = (window.sum, window.oldest);
    }

    /// Whether the paying device is under the limits of a new one at `now`, as
    /// [`Device::is_limited`].
    pub const fn pays_as_new(&self, now: Instant) -> bool {
        limited(self.device_evidence, self.device_since, now)
    }

    /// What can be spent now, minor units.
    pub const fn available(&self) -> i64 {
        self.money - self.held
    }

    /// Books a transfer of this member's.
    pub fn fold_transfer(&mut self, transfer: &Transfer) {
        for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
            if account == Account::money(self.number) {
                self.money += sign * transfer.amount;
            } else if account == Account::points(self.number) {
                self.points += sign * transfer.amount;
            }
        }
        assert!(self.money >= 0, "no wallet goes below zero");
        assert!(self.points >= 0, "no points go below zero");
    }

    /// Books an operation of this member's at `store`.
    pub fn fold_operation(&mut self, operation: &Operation, store: StoreNumber) {
        assert!(operation.member == self.number, "an operation is folded into its own member");
        assert!(operation.id > self.last_id, "a member's facts are in order of their ids");
        assert!(operation.previous == self.last_operation, "a member's list has no gap");
        self.last_id = operation.id;
        self.last_operation = operation.id;
        self.held += operation.held_change;
        assert!(self.held >= 0, "no more is released than was held");
        for kind in WindowKind::ALL {
            let mut window = self.window(kind);
            window.take(kind, operation);
            self.set_window(kind, window);
        }
        if operation.is_of_shop() {
            // No code was shown, so none dies and none is spent.
        } else if operation.begins_payment() {
            assert!(operation.epoch == self.code_epoch, "a code spends the present epoch");
            self.last_epoch = operation.epoch;
            self.last_payment = operation.id;
            self.last_store = store;
            self.raise_epoch();
        } else if operation.begins() && operation.epoch != 0 {
            // A top-up at a register spends the code, too, and is nobody's first payment.
            self.last_epoch = operation.epoch;
            (self.last_payment, self.last_store) = (FactId::NONE, StoreNumber::NONE);
            self.raise_epoch();
        } else if operation.refusal != 0 && operation.epoch != 0 && operation.kind.takes_a_code() {
            self.code_declines += 1;
            if self.code_declines >= CODE_DECLINES_MAX {
                self.raise_epoch();
            }
        }
    }

    /// Books an event about this member. `secret` is the code secret that the event's digest names.
    pub fn fold_event(&mut self, event: &Event, secret: Option<[u8; 32]>) {
        assert!(event.id > self.last_id, "a member's facts are in order of their ids");
        self.last_id = event.id;
        match event.kind {
            EventKind::MemberFrozen => self.state = self.state.frozen(event.number),
            EventKind::MemberUnfrozen => self.state = MemberState::Open,
            EventKind::MemberClosed => self.state = MemberState::Closed,
            EventKind::DeviceEnrolled => {
                let device = Device::of_event(event, Vec::new());
                self.pay_by(device.id, device.standing());
            }
            EventKind::PayingRightMoved => self.pay_by(FactId(event.object), event.number),
            EventKind::DeviceEnded => self.pay_by(FactId::NONE, 0),
            EventKind::DeviceEvidence
            | EventKind::UserVerified
            | EventKind::SessionOpened
            | EventKind::MemberVerified => return self.learn(event),
            EventKind::CodeSecretRotated => {}
            EventKind::SessionEnded | EventKind::DeviceRestored
                if self.device == FactId(event.object) =>
            {
                self.confirmed_at = Instant(0);
                // As the device itself: by less than a passkey it is a newcomer again.
                let restored = event.kind == EventKind::DeviceRestored;
                if restored && event.number != Verification::Passkey.code() {
                    (self.device_since, self.device_evidence) = (event.id.at(), 0);
                }
            }
            _ => return,
        }
        if let Some(secret) = secret {
            self.code_secret = CodeSecret(secret);
        }
        self.raise_epoch();
    }

    /// A device has the paying right; `standing` is its [`Device::standing`].
    const fn pay_by(&mut self, device: FactId, standing: i64) {
        self.device = device;
        (self.device_since, self.device_evidence) = (Instant(standing / 16), standing % 16);
        self.confirmed_at = Instant(0);
    }

    /// Takes what raises a limit and ends no code.
    fn learn(&mut self, event: &Event) {
        let paying = self.device.is_some() && self.device == FactId(event.object);
        match event.kind {
            EventKind::DeviceEvidence if paying => self.device_evidence |= event.number,
            // As the device itself: the rule has judged what was enough, or it is judged here.
            EventKind::UserVerified if paying => self.confirmed_at = event.id.at(),
            EventKind::SessionOpened if paying => {
                let way = Verification::from_code(event.number);
                if way.is_some_and(Verification::is_strong) {
                    self.confirmed_at = event.id.at();
                }
            }
            EventKind::MemberVerified => {
                let verification = MemberVerification::from_code(event.number);
                self.verification = verification.expect("a level of verification");
            }
            _ => {}
        }
    }

    /// Whether it is known of a moment ago that it is the member who has the paying device.
    pub fn is_confirmed(&self, now: Instant) -> bool {
        self.confirmed_at.plus_ms(FRESH_MS) > now
    }

    /// Whether an event changes a member's row: all about him do, except that only the paying
    /// device takes anything from it by its end.
    pub fn takes(&self, event: &Event) -> bool {
        match event.kind {
            EventKind::DeviceEnded => self.device == FactId(event.object),
            kind => kind.is_of_member(),
        }
    }

    const fn raise_epoch(&mut self) {
        self.code_epoch += 1;
        self.code_declines = 0;
    }
}

row! {
    /// A one-time link that enrols one device of one member.
    pub struct EnrolmentLink in "enrolment_link" {
        /// BLAKE3 of the token; the token itself is kept nowhere.
        pub digest: [u8; 32],
        /// Whose device it enrols.
        pub member: MemberNumber,
        /// Until when.
        pub expires_at: Instant,
        /// The device it enrolled, or none yet.
        pub device: FactId,
        /// The device that invites another; none: the link is the operator's.
        pub inviter: FactId,
    }
}

row! {
    /// Who is paid.
    pub struct Merchant in "merchant" {
        /// Identity.
        pub number: MerchantNumber,
        /// As on receipts.
        pub name: String,
    }
}

row! {
    /// Where it is paid.
    pub struct Store in "store" {
        /// Identity.
        pub number: StoreNumber,
        /// Whose.
        pub merchant: MerchantNumber,
        /// Minutes after midnight at which its business day ends.
        pub cutoff_minutes: i64,
        /// As on receipts.
        pub name: String,
        /// City or street, as a member is shown before confirming; may be empty.
        pub place: String,
        /// How many clerks work there: with one, giving money back takes one who has signed in.
        pub clerks: i64,
        /// Minor units of cash that its shifts have taken, or may take, and that were not paid in.
        pub cash_allotted: i64,
        /// Minor units of it that closed shifts have taken: what the store can pay in.
        pub cash_taken: i64,
    }
}

impl Store {
    /// Books an event about this store: a clerk who comes or goes.
    pub const fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::ClerkCreated => self.clerks += 1,
            EventKind::ClerkEnded => self.clerks -= 1,
            _ => {}
        }
    }

    /// Books how an event changes what the store may still owe, and what it can pay in.
    pub const fn allot(&mut self, change: i64, taken: i64) {
        self.cash_allotted += change;
        self.cash_taken += taken;
    }

    /// The store that an event is about, where it is about one that is there.
    pub const fn of_event(event: &Event) -> Option<StoreNumber> {
        match event.kind {
            EventKind::ClerkCreated | EventKind::ClerkEnded => Some(StoreNumber(event.object)),
            _ => None,
        }
    }
}

row! {
    /// A register.
    pub struct Terminal in "terminal" {
        /// Identity.
        pub number: TerminalNumber,
        /// Where it stands, for ever.
        pub store: StoreNumber,
        /// 1: may not take payments; may still settle its own.
        pub suspended: i64,
        /// The generation of its key.
        pub generation: i64,
        /// Until when the generation before still works.
        pub previous_until: Instant,
        /// As its owner calls it.
        pub name: String,
    }
}

impl Terminal {
    /// Books an event about this terminal.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::TerminalSuspended => self.suspended = 1,
            EventKind::TerminalResumed => self.suspended = 0,
            EventKind::TerminalKeyRotated => {
                self.generation += 1;
                self.previous_until = Instant(event.number);
            }
            _ => {}
        }
    }

    /// Whether a request signed with this key generation is believed at `now`.
    pub fn believes(&self, generation: i64, now: Instant) -> bool {
        generation == self.generation
            || (generation + 1 == self.generation && now < self.previous_until)
    }
}

/// The terminal that an event created.
pub fn terminal_of_event(event: &Event) -> Terminal {
    Terminal {
        number: TerminalNumber(event.subject),
        store: StoreNumber(event.object),
        suspended: 0,
        generation: 1,
        previous_until: Instant(0),
        name: event.text.clone(),
    }
}

coded! {
    /// How far a payment has come.
    pub enum PaymentStatus {
        /// Held, not yet captured.
        Authorized = 1 => "authorized",
        /// Paid at once.
        Paid = 2 => "paid",
        /// Held, then captured.
        Captured = 3 => "captured",
        /// The hold was released by a void.
        Voided = 4 => "voided",
        /// The hold was released by time.
        Expired = 5 => "expired",
        /// Undone by a reverse.
        Reversed = 6 => "reversed",
    }
}

row! {
    /// A payment that has come further than being paid at once. A plain payment has no such row.
    pub struct PaymentState in "payment_state" {
        /// The operation that began it.
        pub payment: FactId,
        /// Whose money.
        pub member: MemberNumber,
        /// How far it has come.
        pub status: PaymentStatus,
        /// Minor units held and not yet captured or released.
        pub held: i64,
        /// Minor units that were paid or captured.
        pub captured: i64,
        /// Minor units that went back, reversal included.
        pub refunded: i64,
        /// When the hold lapses; 0 when there is none.
        pub expires_at: Instant,
    }
}

impl PaymentState {
    /// How a payment stands right after the operation that began it.
    pub fn began(operation: &Operation) -> Self {
        assert!(operation.begins_payment(), "only pay and authorize begin a payment");
        let authorized = operation.kind == OperationKind::Authorize;
        Self {
            payment: operation.id,
            member: operation.member,
            status: if authorized { PaymentStatus::Authorized } else { PaymentStatus::Paid },
            held: if authorized { operation.amount } else { 0 },
            captured: if authorized { 0 } else { operation.amount },
            refunded: 0,
            expires_at: operation.expires_at,
        }
    }

    /// Minor units that can still go back.
    pub const fn refundable(&self) -> i64 {
        self.captured - self.refunded
    }

    /// Books a succeeded operation on this payment.
    pub fn fold_operation(&mut self, operation: &Operation) {
        assert!(operation.succeeded() && operation.payment == self.payment);
        match (operation.kind, operation.effect) {
            (OperationKind::Capture, _) => {
                self.status = PaymentStatus::Captured;
                self.captured = operation.amount;
            }
            (OperationKind::Void, _) => self.status = PaymentStatus::Voided,
            (OperationKind::Expire, _) => self.status = PaymentStatus::Expired,
            (OperationKind::Refund, _) => self.refunded += operation.amount,
            (OperationKind::Reverse, Effect::GaveBack | Effect::ToSuspense) => {
                self.status = PaymentStatus::Reversed;
                self.refunded += operation.amount;
            }
            (OperationKind::Reverse, Effect::Released) => self.status = PaymentStatus::Reversed,
            _ => return,
        }
        self.held += operation.held_change;
        if self.held == 0 {
            self.expires_at = Instant(0);
        }
        assert!(self.held >= 0, "no more is released than was held");
        assert!(self.refunded <= self.captured, "no more goes back than was paid");
    }
}

row! {
    /// A lane: the order of commits. Locked first in every batch.
    pub struct Lane in "lane" {
        /// Identity.
        pub id: LaneNumber,
        /// The last commit.
        pub seq: i64,
        /// The head of the chain after it.
        pub head: [u8; 32],
        /// No later commit has an earlier time.
        pub last_at: Instant,
        /// The last id given out.
        pub last_id: FactId,
        /// The node that writes it, or empty.
        pub holder: String,
        /// Raised at every lease; a holder whose generation is gone stops.
        pub generation: i64,
    }
}

/// The refusal of this number, where a stored operation was declined.
///
/// # Panics
/// If no such refusal was ever given out: the row is not ours.
pub fn refusal_of(operation: &Operation) -> Option<Refusal> {
    (operation.refusal != 0).then(|| {
        Refusal::from_number(operation.refusal).expect("a stored refusal is in the closed list")
    })
}
