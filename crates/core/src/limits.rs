//! Limits: whether a request stays within what the policy allows, and what a member is told of it.
//!
//! A payment is judged by two windows on the member's row, which its commit counts it in; see
//! [`crate::window`] for when the member's list must be walked back first.

use crate::ids::FactId;
use crate::policy::{Allowed, Known, Limited, Policy, Profile};
use crate::refusal::Refusal;
use crate::state::Member;
use crate::time::{Instant, SECOND_MS};
use crate::top_up::{COUNTED_MS, Rail, TopUp};
use crate::window::{Window, WindowKind};

/// What limits and rules look at in a payment of a member.
pub fn profile_of_payment(member: &Member, now: Instant) -> Profile {
    Profile {
        on: Limited::Payment,
        three_d_secure: None,
        member: member.verification.into(),
        device: Some(Known::of(member.pays_as_new(now))),
        card: None,
    }
}

/// How much a member may pay.
pub fn allowed_to_pay(policy: &Policy, member: &Member, now: Instant) -> Allowed {
    policy.allows(profile_of_payment(member, now))
}

impl Allowed {
    /// What there may be within a window.
    pub const fn within(&self, kind: WindowKind) -> i64 {
        match kind {
            WindowKind::PaidDay => self.day,
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

/// From which operation on a member's list must be walked back so that requests can be judged, of
/// which `least` is the smallest and `sum` what all ask for together; none where it need not be.
/// Whatever is walked for, every window that is not exact is trimmed: an untrimmed one would say
/// no.
pub fn walk_back_to(
    policy: &Policy,
    member: &Member,
    (least, sum): (i64, i64),
    now: Instant,
) -> Option<FactId> {
    let allowed = allowed_to_pay(policy, member, now);
    let open = |kind: &WindowKind| !member.window(*kind).is_exact(*kind, now);
    let unsure = |kind: WindowKind| {
        let limit = allowed.within(kind);
        least <= limit && member.window(kind).sum.saturating_add(sum) > limit
    };
    let longest = WindowKind::ALL.into_iter().filter(open).max_by_key(|kind| kind.ms())?;
    let any = WindowKind::ALL.into_iter().filter(open).any(unsure);
    any.then(|| FactId::least(Instant(now.0 - longest.ms() + 1)))
}

/// A top-up that is judged.
#[derive(Clone, Copy, Debug)]
pub struct AskedTopUp {
    /// What lines look at.
    pub profile: Profile,
    /// Minor units.
    pub amount: i64,
    /// Its own row, which is not counted twice.
    pub itself: Option<FactId>,
}

/// The rail whose sums a line of a policy looks at.
pub const fn rail_of(limited: Limited) -> Option<Rail> {
    match limited {
        Limited::Payment => None,
        Limited::Card => Some(Rail::Card),
        Limited::Cash => Some(Rail::Cash),
    }
}

/// What of a rail counts within a time; several cards share the sum.
fn within<'a>(top_ups: &[&'a TopUp], asked: &AskedTopUp, ms: i64, now: Instant) -> Vec<&'a TopUp> {
    let rail = rail_of(asked.profile.on);
    let counts = |row: &&TopUp| {
        Some(row.rail) == rail && Some(row.id) != asked.itself && row.id.at().0 + ms > now.0
    };
    top_ups.iter().copied().filter(counts).collect()
}

/// What a rail's limits leave a member, within 24 hours and 30 days.
pub fn left_of_rail(
    policy: &Policy,
    top_ups: &[&TopUp],
    profile: Profile,
    now: Instant,
) -> [Left; 2] {
    let allowed = policy.allows(profile);
    let asked = AskedTopUp { profile, amount: 0, itself: None };
    [(WindowKind::PaidDay, allowed.day), (WindowKind::PaidMonth, allowed.month)].map(
        |(kind, limit)| {
            let counted = within(top_ups, &asked, kind.ms(), now);
            let counted: Vec<_> = counted.into_iter().filter(|row| row.counts()).collect();
            let oldest = counted.iter().map(|row| row.id).min();
            Left {
                kind,
                limit,
                used: counted.iter().map(|row| row.amount).sum(),
                frees_at: oldest.map(|id| id.at().plus_ms(kind.ms())),
            }
        },
    )
}

/// Whether a top-up stays within every limit of its rail. `top_ups` are the member's of the last 30
/// days, whatever became of them: attempts count in how often, amounts only where they took place
/// or may yet.
///
/// # Errors
/// The refusal that says which.
pub fn top_up_must_be_within<'a>(
    policy: &Policy,
    top_ups: impl Iterator<Item = &'a TopUp>,
    asked: &AskedTopUp,
    now: Instant,
) -> Result<(), Refusal> {
    let top_ups: Vec<&TopUp> = top_ups.collect();
    let allowed = policy.allows(asked.profile);
    for (ms, limit) in [(WindowKind::PaidDay.ms(), allowed.day), (COUNTED_MS, allowed.month)] {
        let counted = within(&top_ups, asked, ms, now);
        let sum: i64 = counted.iter().filter(|row| row.counts()).map(|row| row.amount).sum();
        if sum.saturating_add(asked.amount) > limit || asked.amount > allowed.once {
            return Err(Refusal::TopUpLimitMustHold);
        }
    }
    // A top-up that is asked for already was fast enough then.
    let velocities = policy.velocities.iter().filter(|_| asked.itself.is_none());
    for velocity in velocities.filter(|velocity| velocity.on == asked.profile.on) {
        let ms = velocity.within_seconds * SECOND_MS;
        let count = within(&top_ups, asked, ms, now).len();
        if i64::try_from(count).unwrap_or(i64::MAX) >= velocity.count {
            return Err(Refusal::TopUpsMustBeSlow);
        }
    }
    Ok(())
}
