//! The policy: limits on money, as an operator reads and changes them. One TOML text; every line
//! that fits a request must hold, so a further line only ever makes it stricter.
//!
//! The defaults follow what `PayPay` publishes (24 h and 30 d, by rail, 3-D Secure and
//! verification), except for new devices: there they are what a thief may have at the most.
//!
//! Beside limits it has rules ([`rule`]), which look at more than sums and say more than no.
//!
//! Not here: counting ([`crate::window`]) and judging ([`crate::limits`]).

pub mod rule;

use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use self::rule::{Rule, holds};
use crate::money::AMOUNT_MAX;
use crate::state::MemberVerification;

/// The longest text of a policy, bytes.
pub const POLICY_BYTES_MAX: usize = 8 * 1024;
/// The most lines of each kind.
pub const LINES_MAX: usize = 200;

/// The policy of a new book.
pub const DEFAULT: &str = include_str!("policy/default.toml");

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// Paying from the balance.
    Payment,
    /// Topping up by a card.
    Card,
    /// Topping up with cash at a register.
    Cash,
}

/// What 3-D Secure said of a payment by card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secured {
    /// The issuer knows who pays: without a question, or with one.
    Yes,
    /// It does not.
    No,
}

/// How long something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Not long enough, or nothing speaks for it.
    New,
    /// Long enough.
    Known,
}

impl Known {
    /// By what a rule of the book says.
    pub const fn of(is_new: bool) -> Self {
        if is_new { Self::New } else { Self::Known }
    }
}

/// One line: what it is for, and how much there may be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it limits.
    pub on: Limited,
    /// Only where 3-D Secure said so.
    pub three_d_secure: Option<Secured>,
    /// Only members who are verified so far.
    pub member: Option<Verified>,
    /// Only devices that are known so long.
    pub device: Option<Known>,
    /// Only cards that are known so long.
    pub card: Option<Known>,
    /// Minor units of one request.
    pub once: Option<i64>,
    /// Minor units within 24 hours.
    pub day: Option<i64>,
    /// Minor units within 30 days.
    pub month: Option<i64>,
}

/// How far a member is verified, as a policy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// An address answers.
    Basic,
    /// Staff has seen the person.
    Verified,
}

impl From<MemberVerification> for Verified {
    fn from(level: MemberVerification) -> Self {
        match level {
            MemberVerification::Basic => Self::Basic,
            MemberVerification::Verified => Self::Verified,
        }
    }
}

/// How often in how short a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity {
    /// What it limits; paying is not counted.
    pub on: Limited,
    /// At most so many.
    pub count: i64,
    /// Within so many seconds.
    pub within_seconds: i64,
}

/// What one balance may hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceCap {
    /// Minor units; money that comes back ignores it.
    pub max: i64,
}

/// How many cards, and how long a new one is new.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cards {
    /// Cards of one member.
    pub per_member: i64,
    /// Members of one card.
    pub members_per_card: i64,
    /// Seconds in which a card is new, from when it was registered.
    pub new_seconds: i64,
}

/// What cash at registers may come to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashCaps {
    /// What one store may owe, minor units: cash that it took and has not paid in.
    pub per_store: i64,
    /// What one terminal may take in one shift.
    pub per_shift: i64,
    /// What one clerk may take within 24 hours.
    pub per_clerk: i64,
    /// Above this a second person signs in for it.
    pub second_person_above: i64,
}

/// Limits and caps of a book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What one balance may hold.
    pub balance: BalanceCap,
    /// Cards.
    pub cards: Cards,
    /// Cash at registers.
    pub cash: CashCaps,
    /// Limits, each of which must hold where it fits.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
    /// How often.
    #[serde(default, rename = "velocity")]
    pub velocities: Vec<Velocity>,
    /// What requests of a certain look come to; the first that fits decides.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::read(DEFAULT).expect("a test reads the default")
    }
}

/// The policy in force, shared; a book without one of its own has the default.
#[derive(Clone, Debug)]
pub struct PolicyInForce(Arc<Policy>);

impl Default for PolicyInForce {
    fn default() -> Self {
        static DEFAULT: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(Policy::default()));
        Self(Arc::clone(&DEFAULT))
    }
}

impl From<Policy> for PolicyInForce {
    fn from(policy: Policy) -> Self {
        Self(Arc::new(policy))
    }
}

impl std::ops::Deref for PolicyInForce {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0
    }
}

/// What of a request the lines of a policy look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it is.
    pub on: Limited,
    /// What 3-D Secure said; nothing where no card pays.
    pub three_d_secure: Option<Secured>,
    /// How far the member is verified.
    pub member: Verified,
    /// The device; nothing where none asks.
    pub device: Option<Known>,
    /// The card; nothing where none pays.
    pub card: Option<Known>,
}

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Of one request, minor units.
    pub once: i64,
    /// Within 24 hours.
    pub day: i64,
    /// Within 30 days.
    pub month: i64,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with the text and where, for whoever wrote it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(format!("it is longer than {POLICY_BYTES_MAX} bytes"));
        }
        let policy: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        let lines = [
            ("limit", self.limits.len()),
            ("velocity", self.velocities.len()),
            ("rule", self.rules.len()),
        ];
        for (what, lines) in lines {
            if lines > LINES_MAX {
                return Err(format!("there are more than {LINES_MAX} lines [[{what}]]"));
            }
        }
        for (place, rule) in self.rules.iter().enumerate() {
            rule.check()?;
            if self.rules[..place].iter().any(|other| other.name == rule.name) {
                return Err(format!("two [[rule]] are called {}", rule.name));
            }
        }
        self.check_amounts()
    }

    fn check_amounts(&self) -> Result<(), String> {
        let mut amounts = vec![
            ("balance.max", self.balance.max),
            ("cash.per_store", self.cash.per_store),
            ("cash.per_shift", self.cash.per_shift),
            ("cash.per_clerk", self.cash.per_clerk),
            ("cash.second_person_above", self.cash.second_person_above),
            ("cards.per_member", self.cards.per_member),
            ("cards.members_per_card", self.cards.members_per_card),
            ("cards.new_seconds", self.cards.new_seconds),
        ];
        for limit in &self.limits {
            let said = [("once", limit.once), ("day", limit.day), ("month", limit.month)];
            amounts.extend(said.iter().filter_map(|(name, said)| Some((*name, (*said)?))));
            if said.iter().all(|(_, said)| said.is_none()) {
                return Err("a [[limit]] says once, day or month".to_owned());
            }
            if limit.on != Limited::Card && (limit.three_d_secure.is_some() || limit.card.is_some())
            {
                return Err("three_d_secure and card are of a [[limit]] on \"card\"".to_owned());
            }
            if limit.on == Limited::Cash && limit.device.is_some() {
                return Err("a [[limit]] on \"cash\" has no device: a register asks".to_owned());
            }
        }
        for velocity in &self.velocities {
            amounts.push(("count", velocity.count));
            if !(1..=30 * 24 * 60 * 60).contains(&velocity.within_seconds) {
                return Err("within_seconds is from 1 second to 30 days".to_owned());
            }
            if velocity.on == Limited::Payment {
                return Err("a [[velocity]] counts top-ups, not payments".to_owned());
            }
        }
        match amounts.iter().find(|(_, amount)| !(0..=AMOUNT_MAX).contains(amount)) {
            Some((name, _)) => Err(format!("{name} is from 0 to {AMOUNT_MAX}")),
            None => Ok(()),
        }
    }

    /// What every fitting line allows together.
    pub fn allows(&self, profile: Profile) -> Allowed {
        let mut allowed = Allowed { once: AMOUNT_MAX, day: i64::MAX, month: i64::MAX };
        for limit in self.limits.iter().filter(|limit| limit.fits(profile)) {
            let least = |one: i64, said: Option<i64>| said.map_or(one, |said| one.min(said));
            allowed.once = least(allowed.once, limit.once);
            allowed.day = least(allowed.day, limit.day);
            allowed.month = least(allowed.month, limit.month);
        }
        allowed
    }
}

impl Limit {
    fn fits(&self, profile: Profile) -> bool {
        self.on == profile.on
            && holds(self.three_d_secure, profile.three_d_secure)
            && holds(self.member, Some(profile.member))
            && holds(self.device, profile.device)
            && holds(self.card, profile.card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYING: Profile = Profile {
        on: Limited::Payment,
        three_d_secure: None,
        member: Verified::Basic,
        device: Some(Known::Known),
        card: None,
    };

    #[test]
    fn the_default_is_what_the_reference_says() {
        let policy = Policy::default();
        let allowed = |profile| {
            let Allowed { day, month, .. } = policy.allows(profile);
            (day, month)
        };
        assert_eq!(allowed(PAYING), (500_000, 2_000_000));
        let card = Profile { on: Limited::Card, card: Some(Known::Known), ..PAYING };
        let secure = |yes| Some(if yes { Secured::Yes } else { Secured::No });
        assert_eq!(allowed(Profile { three_d_secure: secure(false), ..card }), (5_000, 5_000));
        let secured = Profile { three_d_secure: secure(true), ..card };
        assert_eq!(allowed(secured), (20_000, 50_000));
        let verified = Profile { member: Verified::Verified, ..secured };
        assert_eq!(allowed(verified), (250_000, 250_000));
    }

    #[test]
    fn whoever_took_a_device_over_has_less_than_ten_thousand_in_thirty_days() {
        let policy = Policy::default();
        for member in [Verified::Basic, Verified::Verified] {
            let profile = Profile { device: Some(Known::New), member, ..PAYING };
            assert!(policy.allows(profile).month < 10_000, "{member:?}");
        }
    }

    #[test]
    fn a_line_that_does_not_fit_changes_nothing_and_the_strictest_that_fits_holds() {
        let base = DEFAULT.split("[[limit]]").next().expect("a beginning");
        let lines = "[[limit]]\non = \"payment\"\nday = 9\n\
                     [[limit]]\non = \"payment\"\ndevice = \"new\"\nday = 5\n\
                     [[limit]]\non = \"cash\"\nday = 1\n";
        let policy = Policy::read(&format!("{base}{lines}")).expect("it is right");
        assert_eq!(policy.allows(PAYING).day, 9);
        assert_eq!(policy.allows(Profile { device: Some(Known::New), ..PAYING }).day, 5);
        assert_eq!(policy.allows(Profile { device: None, ..PAYING }).day, 9);
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said() {
        let with = |line: &str| Policy::read(&format!("{DEFAULT}\n{line}\n"));
        for (line, says) in [
            ("[[limit]]\non = \"payment\"", "says once, day or month"),
            ("[[limit]]\non = \"payment\"\nday = -1", "day is from 0"),
            ("[[limit]]\non = \"payments\"\nday = 1", "payments"),
            ("[[limit]]\non = \"cash\"\ncard = \"new\"\nday = 1", "three_d_secure and card"),
            ("[[limit]]\non = \"cash\"\nweek = 1", "week"),
            ("[[velocity]]\non = \"cash\"\ncount = 1\nwithin_seconds = 0", "within_seconds"),
            ("[[velocity]]\non = \"payment\"\ncount = 1\nwithin_seconds = 9", "counts top-ups"),
            ("[[rule]]\nname = \"A\"\non = \"cash\"\nthen = \"allow\"", "a-z, 0-9"),
            ("[[rule]]\nname = \"a\"\non = \"cash\"\nthen = \"ask\"", "asked again"),
            ("[[rule]]\nname = \"a\"\non = \"card\"\nthen = \"hold\"", "hold_seconds"),
            ("[[rule]]\nname = \"a\"\non = \"card\"\nthen = \"forbid\"", "forbid"),
            ("[[rule]]\nname = \"a\"\non = \"payment\"\nstores = []\nthen = \"ask\"", "empty"),
            ("[[rule]]\nname = \"a\"\non = \"payment\"\ngoods = []\nthen = \"ask\"", "empty"),
        ] {
            let problem = with(line).expect_err(line);
            assert!(problem.contains(says), "{line}: {problem}");
        }
        let many = "[[limit]]\non = \"cash\"\nday = 1\n".repeat(LINES_MAX + 1);
        assert!(with(&many).is_err());
        assert!(Policy::read(&" ".repeat(POLICY_BYTES_MAX + 1)).is_err());
    }
}
