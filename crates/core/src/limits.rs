//! Limits: whether a request stays within what the policy allows, and what a member is told of it.
//!
//! A payment is judged by two windows on the member's row, which its commit counts it in; see
//! [`crate::window`] for when the member's list must be walked back first.

use crate::ids::FactId;
use crate::policy::{Allowed, Known, Limited, Policy, Profile};
use crate::state::Member;
use crate::time::Instant;
use crate::window::{Window, WindowKind};

/// The windows that a payment is counted in.
pub const OF_PAYMENTS: [WindowKind; 2] = [WindowKind::PaidDay, WindowKind::PaidMonth];

/// How much a member may pay.
pub fn allowed_to_pay(policy: &Policy, member: &Member, now: Instant) -> Allowed {
    policy.allows(Profile {
        on: Limited::Payment,
        three_d_secure: None,
        member: member.verification.into(),
        device: Some(Known::of(member.pays_as_new(now))),
        card: None,
    })
}

impl Allowed {
    /// What there may be within a window.
    pub const fn within(&self, kind: WindowKind) -> i64 {
        match kind {
            WindowKind::PaidDay | WindowKind::ToppedUpDay => self.day,
            WindowKind::PaidMonth => self.month,
        }
    }
}

/// What is left of a limit, as a member reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which window.
    pub kind: WindowKind,
    /// Minor units that there may be.
    pub limit: i64,
    /// Minor units that are counted.
    pub used: i64,
    /// When the oldest counted operation falls out; nothing is counted: none.
    pub frees_at: Option<Instant>,
}

impl Left {
    /// Of a window that was trimmed at `now`.
    pub fn of(kind: WindowKind, window: Window, limit: i64) -> Self {
        let frees_at = window.oldest.is_some().then(|| window.oldest.at().plus_ms(kind.ms()));
        Self { kind, limit, used: window.sum, frees_at }
    }

    /// Minor units that are left.
    pub fn left(&self) -> i64 {
        (self.limit - self.used).max(0)
    }
}

/// Whether what a window holds, or may hold, leaves room for `asked`: yes, no, or not known before
/// the member's list was walked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Enough,
    /// There is none.
    TooLittle,
    /// The sum holds what is out of time already.
    Unknown,
}

/// Judges one window.
pub fn room(kind: WindowKind, window: Window, limit: i64, asked: i64, now: Instant) -> Room {
    if window.sum.saturating_add(asked) <= limit {
        Room::Enough
    } else if asked > limit || window.is_exact(kind, now) {
        Room::TooLittle
    } else {
        Room::Unknown
    }
}

/// From which operation on a member's list must be walked back so that `asked` can be judged; none
/// where it need not be.
pub fn walk_back_to(policy: &Policy, member: &Member, asked: i64, now: Instant) -> Option<FactId> {
    let allowed = allowed_to_pay(policy, member, now);
    let mut unknown = OF_PAYMENTS.into_iter().filter(|&kind| {
        room(kind, member.window(kind), allowed.within(kind), asked, now) == Room::Unknown
    });
    let longest = unknown.by_ref().max_by_key(|kind| kind.ms())?;
    Some(FactId::least(Instant(now.0 - longest.ms() + 1)))
}
