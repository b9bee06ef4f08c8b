//! What the policy's rules say of a payment or a top-up, and the record of it.

use std::collections::BTreeSet;

use super::Stop;
use super::staff::blank as blank_event;
use crate::facts::{Event, EventKind, Operation};
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::limits::profile_of_payment;
use crate::policy::rule::{Before, Day, Goods, Looks, Rule, Verdict, first_fit};
use crate::policy::{Limited, Profile};
use crate::refusal::Refusal;
use crate::state::Member;
use crate::switches::Place;
use crate::time::{DAY_MS, Instant};
use crate::top_up::{Rail, TopUp};
use crate::view::{Effects, View};
use crate::window::WindowKind;

/// What is said of a request that goes on, or which rule says no, if it is a rule, and why.
pub(super) type Judged<'a, T> = Result<T, (Option<&'a Rule>, Refusal)>;

/// A payment that is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paying<'a> {
    pub(super) member: &'a Member,
    pub(super) amount: i64,
    pub(super) goods: Goods,
    pub(super) place: &'a Place,
}

/// What a payment looks like.
pub(crate) fn looks_of_payment(
    member: &Member,
    place: &Place,
    (amount, goods): (i64, Goods),
    now: Instant,
) -> Looks {
    Looks {
        profile: profile_of_payment(member, now),
        amount,
        store: place.store,
        goods,
        paid_at_most: member.window(WindowKind::PaidDay).sum,
    }
}

/// A member's own list as far as it was walked back.
struct Walked<'a>(&'a View, &'a Member);

impl Before for Walked<'_> {
    fn count(&self, ms: i64) -> Option<i64> {
        let history = self.0.histories.get(&self.1.number)?;
        if history.is_too_long_for(ms, self.0.now) {
            return Some(i64::MAX);
        }
        history.payments_within(ms, self.0.now)
    }

    fn day(&self) -> Option<Day> {
        let history = self.0.histories.get(&self.1.number)?;
        if history.is_too_long_for(DAY_MS, self.0.now) {
            return Some(Day::TooMuch);
        }
        let topped_up = history.topped_up_within(DAY_MS, self.0.now)?;
        Some(Day::Sums(topped_up, self.0.window(self.1, WindowKind::PaidDay).0.sum))
    }

    fn network_members(&self) -> i64 {
        unreachable!("no rule on payments looks at a network")
    }
}

/// The rule that fits a payment, and why it is not let through, if it is not.
///
/// # Errors
/// [`Stop::Later`]: the member's list must be walked back first.
pub(super) fn of_payment<'a>(
    view: &'a View,
    paying: &Paying,
) -> Result<(Option<&'a Rule>, Option<Refusal>), Stop> {
    let Paying { member, amount, goods, place } = *paying;
    let looks = looks_of_payment(member, place, (amount, goods), view.now);
    let rules = &view.directory.policy.rules;
    let fits = first_fit(rules, &looks, &Walked(view, member)).map_err(|_| Stop::Later)?;
    let refusal = match fits.map(|rule| rule.then) {
        Some(Verdict::Decline) => Some(Refusal::PaymentIsDeclined),
        Some(Verdict::Ask) if !member.is_confirmed(view.now) => {
            Some(Refusal::PaymentMustBeConfirmed)
        }
        _ => None,
    };
    Ok((fits, refusal))
}

/// A member's top-ups, and those of others from the same network.
struct ToppedUp<'a> {
    top_ups: Vec<&'a TopUp>,
    others: i64,
    now: Instant,
}

impl Before for ToppedUp<'_> {
    fn count(&self, ms: i64) -> Option<i64> {
        let within = |row: &&&TopUp| row.id.at().0 + ms > self.now.0;
        i64::try_from(self.top_ups.iter().filter(within).count()).ok()
    }

    fn day(&self) -> Option<Day> {
        unreachable!("only rules on payments look at a day")
    }

    fn network_members(&self) -> i64 {
        self.others
    }
}

/// A top-up that is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToppingUp<'a> {
    pub(super) member: &'a Member,
    pub(super) profile: Profile,
    pub(super) amount: i64,
    pub(super) place: Place,
    /// See [`TopUp::network`].
    pub(super) network: &'a [u8],
    /// Its own row, which is not counted twice.
    pub(super) itself: Option<FactId>,
}

/// The rule that fits a top-up.
pub(super) fn of_top_up<'a>(view: &'a View, topping_up: &ToppingUp) -> Option<&'a Rule> {
    let ToppingUp { member, profile, amount, place, network, itself } = *topping_up;
    let rail = match profile.on {
        Limited::Cash => Rail::Cash,
        Limited::Card | Limited::Payment => Rail::Card,
    };
    let theirs = view.people.top_ups_of(member.number);
    let earlier = |row: &&TopUp| row.rail == rail && itself.is_none_or(|id| row.id < id);
    let top_ups = theirs.filter(earlier).collect();
    let before = itself.unwrap_or(FactId(i64::MAX));
    let others = others_of_network(view, (member.number, network), before);
    let past = ToppedUp { top_ups, others, now: view.now };
    let (store, goods) = (place.store, Goods::NONE);
    let looks = Looks { profile, amount, store, goods, paid_at_most: 0 };
    first_fit(&view.directory.policy.rules, &looks, &past).expect("all of it is known")
}

/// How many other members topped up from a network within 24 hours, this batch's included.
fn others_of_network(view: &View, (member, network): (MemberNumber, &[u8]), before: FactId) -> i64 {
    if network.is_empty() {
        return 0;
    }
    let since = FactId::least(Instant(view.now.0 - DAY_MS + 1));
    let stored = view.people.networks.get(network).into_iter().flatten().copied();
    let rows = view.people.top_ups.values();
    let here = rows
        .filter(|row| row.network == network && (since..before).contains(&row.id))
        .map(|row| row.member);
    let members: BTreeSet<MemberNumber> =
        stored.chain(here).filter(|other| *other != member).collect();
    i64::try_from(members.len()).unwrap_or(i64::MAX)
}

/// Books beside an operation which rule fitted it, and what was bought, where there is either.
pub(super) fn note(view: &View, goods: Goods, rule: Option<&Rule>, effects: &mut Effects) {
    if goods == Goods::NONE && rule.is_none() {
        return;
    }
    let operation: &Operation = effects.operations.last().expect("it was recorded");
    let last = effects.events.last().map_or(operation.id.plus(1), |event| event.id);
    let event = Event {
        id: last.plus(1),
        kind: EventKind::RuleFitted,
        subject: operation.member.0,
        object: operation.id.0,
        number: number_of(goods, rule),
        text: name_of(rule),
        ..blank_event(view, RequestId::of_rule(operation.id), "", "")
    };
    effects.events.push(event);
}

/// The number of [`EventKind::RuleFitted`].
pub(super) fn number_of(goods: Goods, rule: Option<&Rule>) -> i64 {
    goods.code() + Goods::CODES * rule.map_or(0, |rule| rule.then.code())
}

/// The text of [`EventKind::RuleFitted`].
pub(super) fn name_of(rule: Option<&Rule>) -> String {
    rule.map(|rule| rule.name.clone()).unwrap_or_default()
}
