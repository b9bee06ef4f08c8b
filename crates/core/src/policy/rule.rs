//! Rules: what a request looks like, and what is done about it then. They are read from the top;
//! the first that fits decides, and limits hold whatever it says.
//!
//! A rule looks at facts that its commit has under lock: the request, the member's row, the
//! member's own list where that is walked back, and his top-ups. Nothing is looked up elsewhere,
//! so that a rule says the same at a dry run as it would have said then.
//!
//! Not here: what follows of what a rule says ([`crate::decide`]).

use serde::{Deserialize, Deserializer};

use super::{Known, Limited, Profile, Secured, Verified};
use crate::coded;
use crate::identifier::{self, Kind};
use crate::ids::StoreNumber;
use crate::money::AMOUNT_MAX;
use crate::time::{DAY_MS, SECOND_MS};

/// The longest name of a rule, bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest that a top-up is held, seconds: an acquirer lets go of the money after seven days.
pub const HOLD_SECONDS_MAX: i64 = 5 * 24 * 60 * 60;
/// The furthest that a rule looks back, seconds.
const WITHIN_SECONDS_MAX: i64 = 30 * 24 * 60 * 60;

coded! {
    /// What a rule says of a request that it fits.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Verdict {
        /// It is let through, and no later rule is asked.
        Allow = 0 => "allow",
        /// Only if the user of the device was verified a moment ago; else he is asked for it.
        Ask = 1 => "ask",
        /// The acquirer holds the money, and it comes into the balance later, if nobody objects.
        Hold = 2 => "hold",
        /// It is refused.
        Decline = 3 => "decline",
    }
}

coded! {
    /// What is bought, as far as a register says: goods that are turned into money again. Each has
    /// a bit of its own.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Good {
        /// Tobacco.
        Tobacco = 1 => "tobacco",
        /// Gift cards, prepaid codes and the charging of other wallets.
        GiftCard = 2 => "gift_card",
        /// Postage and revenue stamps.
        Stamps = 4 => "stamps",
        /// Tickets and vouchers.
        Ticket = 8 => "ticket",
        /// Telephones, consoles and other goods that sell again at once.
        Electronics = 16 => "electronics",
    }
}

/// Classes of goods, a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goods(i64);

impl Goods {
    /// No class was said.
    pub const NONE: Self = Self(0);
    /// The number of a set is below this.
    pub const CODES: i64 = 256;

    /// The set of these.
    pub fn of(goods: impl IntoIterator<Item = Good>) -> Self {
        Self(goods.into_iter().fold(0, |set, good| set | good.code()))
    }

    /// Its number in facts.
    pub const fn code(self) -> i64 {
        self.0
    }

    /// The set of a number in facts.
    pub const fn from_code(code: i64) -> Self {
        Self(code % Self::CODES)
    }

    /// Whether any class of `goods` is in it.
    pub fn has_any(self, goods: &[Good]) -> bool {
        goods.iter().any(|good| self.0 & good.code() != 0)
    }
}

/// One rule. A condition that is not said always holds; all that are said must.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What operators know it by: `a-z`, `0-9` and `-`.
    pub name: String,
    /// What it is about.
    pub on: Limited,
    /// What is done.
    pub then: Verdict,
    /// How long a top-up is held, seconds.
    pub hold_seconds: Option<i64>,
    /// Only where 3-D Secure said so.
    pub three_d_secure: Option<Secured>,
    /// Only members who are verified so far.
    pub member: Option<Verified>,
    /// Only devices that are known so long.
    pub device: Option<Known>,
    /// Only cards that are known so long.
    pub card: Option<Known>,
    /// Only more than so many minor units.
    pub amount_over: Option<i64>,
    /// Only at these stores.
    #[serde(default, deserialize_with = "store_numbers")]
    pub stores: Vec<StoreNumber>,
    /// Only where any of these is bought.
    #[serde(default, deserialize_with = "some_goods")]
    pub goods: Vec<Good>,
    /// Only where it is, with this one, more than so many of the member's...
    pub count_over: Option<i64>,
    /// ... within so many seconds.
    pub within_seconds: Option<i64>,
    /// Only where at least so many minor units came in by top-ups within 24 hours...
    pub topped_up_from: Option<i64>,
    /// ... and at least so many hundredths of them are spent within 24 hours, this one counted.
    pub spent_percent_from: Option<i64>,
    /// Only where, with this one, more than so many members topped up by card from this network
    /// within 24 hours.
    pub network_members_over: Option<i64>,
}

/// A list that says nothing would fit everything.
fn must_say<E: serde::de::Error>(is_empty: bool) -> Result<(), E> {
    if is_empty {
        return Err(E::custom(
            "an empty list would fit everything: leave it out, or name something",
        ));
    }
    Ok(())
}

fn some_goods<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Good>, D::Error> {
    let goods = Vec::<Good>::deserialize(from)?;
    must_say(goods.is_empty())?;
    Ok(goods)
}

fn store_numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<StoreNumber>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    must_say(texts.is_empty())?;
    let number = |text: &String| {
        let number = identifier::parse(Kind::Store, text);
        number
            .map(StoreNumber)
            .map_err(|error| serde::de::Error::custom(format_args!("{text:?}: {error}")))
    };
    texts.iter().map(number).collect()
}

/// What a request looks like, as far as it is known without looking back.
#[derive(Clone, Copy, Debug)]
pub struct Looks {
    /// What it is, who asks, and with what.
    pub profile: Profile,
    /// Minor units.
    pub amount: i64,
    /// Where; none where no shop is.
    pub store: StoreNumber,
    /// What is bought, as far as it was said.
    pub goods: Goods,
    /// Minor units paid within 24 hours: not less than the truth.
    pub paid_at_most: i64,
}

/// A member's last 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Minor units that came in by top-ups, and that were paid or held.
    Sums(i64, i64),
    /// So much was done that it is not looked through: whoever floods his list gains nothing by it.
    TooMuch,
}

/// What a member did before. Where it is not known, it must be looked up first.
pub trait Before {
    /// How many requests of the same kind there were within so many milliseconds.
    fn count(&self, ms: i64) -> Option<i64>;
    /// What came in and went out within 24 hours.
    fn day(&self) -> Option<Day>;
    /// How many other members topped up by card from this network within 24 hours.
    fn network_members(&self) -> i64;
}

/// Something must be looked up before it can be said what fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKnown;

/// The first rule that fits.
///
/// # Errors
/// [`NotKnown`].
pub fn first_fit<'a>(
    rules: &'a [Rule],
    looks: &Looks,
    before: &impl Before,
) -> Result<Option<&'a Rule>, NotKnown> {
    for rule in rules.iter().filter(|rule| rule.may_fit(looks)) {
        if rule.fits(looks, before)? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// How far back it must be known what a member did so that rules can be judged, milliseconds; none
/// where it need not be. Where it is asked is not looked at.
pub fn reach(rules: &[Rule], looks: &Looks) -> Option<i64> {
    let mut furthest = None;
    for rule in rules.iter().filter(|rule| rule.may_fit_anywhere(looks)) {
        let certain = rule.stores.is_empty() && rule.network_members_over.is_none();
        match rule.looks_back() {
            Some(ms) => furthest = furthest.max(Some(ms)),
            // It fits as it stands, and no later one is asked.
            None if certain => break,
            None => {}
        }
    }
    furthest
}

impl Rule {
    /// Whether all that is known without looking back speaks for it.
    fn may_fit(&self, looks: &Looks) -> bool {
        let here = self.stores.is_empty() || self.stores.contains(&looks.store);
        here && self.may_fit_anywhere(looks)
    }

    /// The same, wherever it is.
    fn may_fit_anywhere(&self, looks: &Looks) -> bool {
        let profile = &looks.profile;
        self.on == profile.on
            && holds(self.three_d_secure, profile.three_d_secure)
            && holds(self.member, Some(profile.member))
            && holds(self.device, profile.device)
            && holds(self.card, profile.card)
            && self.amount_over.is_none_or(|amount| looks.amount > amount)
            && (self.goods.is_empty() || looks.goods.has_any(&self.goods))
            && self.spent_least().is_none_or(|least| {
                looks.paid_at_most.saturating_add(looks.amount).saturating_mul(100) >= least
            })
    }

    /// A hundred times the least that must be spent for it to fit, minor units.
    fn spent_least(&self) -> Option<i64> {
        Some(self.topped_up_from?.saturating_mul(self.spent_percent_from?))
    }

    fn looks_back(&self) -> Option<i64> {
        let count = self.within_seconds.map(|seconds| seconds * SECOND_MS);
        count.max(self.topped_up_from.map(|_| DAY_MS))
    }

    fn fits(&self, looks: &Looks, before: &impl Before) -> Result<bool, NotKnown> {
        if let (Some(over), Some(seconds)) = (self.count_over, self.within_seconds)
            && before.count(seconds * SECOND_MS).ok_or(NotKnown)? < over
        {
            return Ok(false);
        }
        if let (Some(from), Some(percent)) = (self.topped_up_from, self.spent_percent_from) {
            let Day::Sums(topped_up, paid) = before.day().ok_or(NotKnown)? else {
                return Ok(true);
            };
            let spent = paid.saturating_add(looks.amount).saturating_mul(100);
            if topped_up < from || spent < topped_up.saturating_mul(percent) {
                return Ok(false);
            }
        }
        Ok(self.network_members_over.is_none_or(|over| before.network_members() >= over))
    }

    /// Whether it is a rule that can be followed.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote it.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(good) {
            return Err(format!(
                "the name of a [[rule]] is a-z, 0-9 and -, at most {NAME_BYTES_MAX}"
            ));
        }
        let problem = |says: &str| Err(format!("[[rule]] {name}: {says}"));
        let card = self.on == Limited::Card;
        let payment = self.on == Limited::Payment;
        if (self.then == Verdict::Hold) != self.hold_seconds.is_some() {
            return problem("then = \"hold\" says hold_seconds, and nothing else does");
        }
        if self.then == Verdict::Hold && !card {
            return problem("only a top-up by card can be held");
        }
        if self.then == Verdict::Ask && self.on == Limited::Cash {
            return problem("nobody can be asked again at a register; use \"decline\"");
        }
        if !card && (self.three_d_secure.is_some() || self.card.is_some()) {
            return problem("three_d_secure and card are of a rule on \"card\"");
        }
        if !card && self.network_members_over.is_some() {
            return problem("network_members_over is of a rule on \"card\"");
        }
        if self.on == Limited::Cash && self.device.is_some() {
            return problem("a rule on \"cash\" has no device: a register asks");
        }
        if card && !self.stores.is_empty() {
            return problem("a top-up by card has no store");
        }
        if !payment && !self.goods.is_empty() {
            return problem("goods are of a rule on \"payment\"");
        }
        if self.count_over.is_some() != self.within_seconds.is_some() {
            return problem("count_over and within_seconds are said together");
        }
        if self.topped_up_from.is_some() != self.spent_percent_from.is_some() {
            return problem("topped_up_from and spent_percent_from are said together");
        }
        if !payment && self.topped_up_from.is_some() {
            return problem("topped_up_from is of a rule on \"payment\"");
        }
        for (what, said, least, most) in [
            ("hold_seconds", self.hold_seconds, 60, HOLD_SECONDS_MAX),
            ("amount_over", self.amount_over, 0, AMOUNT_MAX),
            ("count_over", self.count_over, 0, AMOUNT_MAX),
            ("within_seconds", self.within_seconds, 1, WITHIN_SECONDS_MAX),
            ("topped_up_from", self.topped_up_from, 1, AMOUNT_MAX),
            ("spent_percent_from", self.spent_percent_from, 1, 100),
            ("network_members_over", self.network_members_over, 1, 1_000),
        ] {
            if said.is_some_and(|said| !(least..=most).contains(&said)) {
                return problem(&format!("{what} is from {least} to {most}"));
            }
        }
        Ok(())
    }
}

/// A condition that is not said always holds; one that is said holds only where the request has
/// such a thing.
pub(super) fn holds<T: PartialEq + Copy>(said: Option<T>, is: Option<T>) -> bool {
    said.is_none() || said == is
}
