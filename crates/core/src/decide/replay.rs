//! A dry run: what other limits and rules would have said of requests that are on record, and whom
//! they would have bothered.
//!
//! A member's life is folded again, fact by fact, by the folds that commits use, and before each
//! request that was judged then, the judges are asked anew. So a dry run of the policy that was in
//! force finds nothing.
//!
//! Limits: what followed of a decision stays as it was (whoever would have been stopped paid all
//! the same, and counts); requests by members' devices that were refused are on no record; a
//! card's request is judged with what its issuer said, and one that was let go of then is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::card::Judge;
use super::limit::may_pay;
use super::risk::{self, Paying};
use super::top_up::judge_cash;
use crate::facts::{Event, EventKind, Operation, OperationKind};
use crate::ids::{FactId, LaneNumber, MemberNumber};
use crate::policy::Policy;
use crate::policy::rule::{Goods, Rule, Verdict};
use crate::refusal::Refusal;
use crate::state::Member;
use crate::time::{DAY_MS, Instant};
use crate::top_up::{ThreeDSecure, TopUp};
use crate::view::{Directory, Effects, History, Rules, View};

/// How far back a life must be known before the first request that is judged, milliseconds.
pub const BEFORE_MS: i64 = 30 * DAY_MS;
/// The most members that are named.
pub const NAMED_MAX: usize = 50;
/// The kinds of events that say how a member's devices, cards and top-ups stood.
pub const KINDS: [EventKind; 29] = {
    use EventKind as Kind;
    [
        Kind::DeviceEnrolled,
        Kind::DeviceEnded,
        Kind::SessionOpened,
        Kind::SessionEnded,
        Kind::UserVerified,
        Kind::DevicePending,
        Kind::DeviceApproved,
        Kind::PayingRightMoved,
        Kind::PayingRightAsked,
        Kind::PayingRightRefused,
        Kind::DeviceRestored,
        Kind::DeviceEvidence,
        Kind::DeviceAdded,
        Kind::MemberFrozen,
        Kind::MemberUnfrozen,
        Kind::MemberVerified,
        Kind::CardAdded,
        Kind::CardChallenged,
        Kind::CardEnded,
        Kind::TopUpRequested,
        Kind::TopUpReferenced,
        Kind::TopUpAuthorized,
        Kind::TopUpUnknown,
        Kind::TopUpDeclining,
        Kind::TopUpDeclined,
        Kind::TopUpReturned,
        Kind::TopUpReleased,
        Kind::RuleFitted,
        Kind::MemberClosed,
    ]
};

/// What a member did and what became of his devices: every event of [`KINDS`], and every operation
/// of the last [`BEFORE_MS`] before the first that is judged, each ascending by id.
#[derive(Clone, Debug)]
pub struct Life {
    /// The row as it is now.
    pub member: Member,
    /// Events.
    pub events: Vec<Event>,
    /// Operations.
    pub operations: Vec<Operation>,
}

/// Who topped up by card from a network, and when.
pub type Networks = BTreeMap<Vec<u8>, Vec<(FactId, MemberNumber)>>;

/// How many requests, of how many members, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub count: i64,
    /// Members.
    pub members: i64,
    /// Minor units.
    pub amount: i64,
    last: MemberNumber,
}

impl Tally {
    fn take(&mut self, member: MemberNumber, amount: i64) {
        self.members += i64::from(self.last != member);
        (self.last, self.count, self.amount) = (member, self.count + 1, self.amount + amount);
    }
}

/// What a dry run found.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// What was judged.
    pub judged: Tally,
    /// What took place and would have been stopped.
    pub stopped: Tally,
    /// What took place at once and would have been asked for again.
    pub asked: Tally,
    /// What came into the balance at once and would have been held.
    pub held: Tally,
    /// What was stopped, asked again or held and would have taken place at once.
    pub let_through: Tally,
    /// The same by what decided: a rule's name, or `limit` for every limit.
    pub by: BTreeMap<String, Tally>,
    /// Members who would have been bothered, and how often: the first [`NAMED_MAX`].
    pub bothered: BTreeMap<MemberNumber, i64>,
}

/// What is said of a request, before and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Passes,
    Asks,
    Holds,
    Stops,
}

impl DryRun {
    fn take(&mut self, (member, amount): (MemberNumber, i64), (before, now): (Said, &Judgement)) {
        self.judged.take(member, amount);
        let tally = match (before, now.said) {
            (Said::Passes | Said::Holds, Said::Stops) => &mut self.stopped,
            (Said::Passes | Said::Holds, Said::Asks) => &mut self.asked,
            (Said::Passes, Said::Holds) => &mut self.held,
            (Said::Asks | Said::Stops, Said::Passes | Said::Holds)
            | (Said::Holds, Said::Passes) => {
                self.let_through.take(member, amount);
                return;
            }
            _ => return,
        };
        tally.take(member, amount);
        self.by.entry(now.by.clone()).or_default().take(member, amount);
        if self.bothered.len() < NAMED_MAX || self.bothered.contains_key(&member) {
            *self.bothered.entry(member).or_default() += 1;
        }
    }
}

struct Judgement {
    said: Said,
    by: String,
}

impl Judgement {
    fn limit() -> Self {
        Self { said: Said::Stops, by: "limit".to_owned() }
    }

    fn of(rule: Option<&Rule>, refusal: Option<Refusal>) -> Self {
        let said = match (rule.map(|rule| rule.then), refusal) {
            (_, Some(Refusal::PaymentMustBeConfirmed | Refusal::UserMustBeVerified)) => Said::Asks,
            (_, Some(_)) => Said::Stops,
            (Some(Verdict::Hold), None) => Said::Holds,
            _ => Said::Passes,
        };
        Self { said, by: rule.map_or_else(|| "limit".to_owned(), |rule| rule.name.clone()) }
    }
}

/// What every life is judged by.
#[derive(Clone, Debug)]
pub struct Replay {
    rules: Arc<Rules>,
    directory: Arc<Directory>,
    since: Instant,
}

impl Replay {
    /// Judges by `policy` what was asked at `since` or later. Switches say nothing: they are no
    /// part of a policy.
    pub fn new(rules: Arc<Rules>, directory: &Directory, policy: Policy, since: Instant) -> Self {
        let (switches, policy) = (Vec::new(), policy.into());
        let directory = Arc::new(Directory { switches, policy, ..directory.clone() });
        Self { rules, directory, since }
    }

    /// Plays a life, and counts what would have been otherwise.
    pub fn play(&self, life: &Life, networks: &Networks, found: &mut DryRun) {
        let mut play = Play::new(self, life);
        let (mut events, mut operations) =
            (life.events.iter().peekable(), life.operations.iter().peekable());
        loop {
            let event = events.peek().map_or(FactId(i64::MAX), |event| event.id);
            let operation = operations.peek().map_or(FactId(i64::MAX), |row| row.id);
            if event < operation {
                let Some(event) = events.next() else { return };
                play.event(event, networks, found);
            } else {
                let Some(operation) = operations.next() else { return };
                play.operation(operation, found);
            }
        }
    }
}

/// One life that is being played.
struct Play<'a> {
    replay: &'a Replay,
    member: MemberNumber,
    view: View,
    /// What was bought, by operation.
    goods: BTreeMap<i64, Goods>,
}

impl<'a> Play<'a> {
    fn new(replay: &'a Replay, life: &Life) -> Self {
        let number = life.member.number;
        let (rules, directory) = (Arc::clone(&replay.rules), Arc::clone(&replay.directory));
        let mut view = View::new(LaneNumber(0), 1, Instant(0), rules, directory);
        // What was there before the first operation that is known.
        let gained: i64 = life.operations.iter().map(Operation::gain).sum();
        let money = life.member.money - gained;
        view.members.insert(number, Member { money, ..Member::new(number) });
        let since = FactId::least(replay.since.plus_ms(-BEFORE_MS));
        view.histories.insert(number, History::new(since, Vec::new()));
        let fitted = life.events.iter().filter(|event| event.kind == EventKind::RuleFitted);
        let goods = fitted.map(|event| (event.object, Goods::from_code(event.number))).collect();
        Self { replay, member: number, view, goods }
    }

    fn is_judged(&self, id: FactId) -> bool {
        id.at() >= self.replay.since
    }

    fn operation(&mut self, operation: &Operation, found: &mut DryRun) {
        self.view.now = operation.id.at();
        let before = match Refusal::from_number(operation.refusal) {
            None => Some(Said::Passes),
            Some(Refusal::PaymentIsDeclined | Refusal::TopUpIsDeclined) => Some(Said::Stops),
            Some(Refusal::PaymentMustBeConfirmed) => Some(Said::Asks),
            Some(_) => None,
        };
        let before = before.filter(|_| self.is_judged(operation.id));
        if let Some(before) = before
            && let Some(now) = self.judge(operation)
        {
            found.take((self.member, operation.amount), (before, &now));
        }
        // What is about something older changes no window and no rule any more.
        let known = operation.begins_payment()
            || !operation.has_effect()
            || self.view.payments.contains_key(&operation.payment)
            || self.view.people.top_ups.contains_key(&operation.payment)
            || operation.kind == OperationKind::TopUp && operation.terminal.is_some();
        let member = self.view.members.get_mut(&self.member).expect("it was put in");
        // The list begins where it is known, and leaves out what is passed over.
        member.last_operation = operation.previous;
        if operation.epoch != 0 {
            member.code_epoch = operation.epoch;
        }
        if known {
            let operations = vec![operation.clone()];
            self.view.apply(Effects { operations, ..Effects::default() });
        }
        let member = self.view.members.get_mut(&self.member).expect("it was put in");
        member.money += operation.gain();
    }

    fn judge(&self, operation: &Operation) -> Option<Judgement> {
        let member = self.view.members.get(&self.member)?;
        let place = self.view.directory.place(operation.terminal)?;
        let amount = operation.amount;
        match operation.kind {
            OperationKind::Pay | OperationKind::Authorize => {
                if !may_pay(&self.view, member, amount).ok()? {
                    return Some(Judgement::limit());
                }
                let goods = self.goods.get(&operation.id.0).copied().unwrap_or_default();
                let paying = Paying { member, amount, goods, place: &place };
                let (rule, refusal) = risk::of_payment(&self.view, &paying).ok()?;
                Some(Judgement::of(rule, refusal))
            }
            OperationKind::TopUp => Some(match judge_cash(&self.view, (member, place), amount) {
                Ok(rule) => Judgement::of(rule, None),
                Err((None, _)) => Judgement::limit(),
                Err((rule, refusal)) => Judgement::of(rule, Some(refusal)),
            }),
            _ => None,
        }
    }

    fn event(&mut self, event: &Event, networks: &Networks, found: &mut DryRun) {
        self.view.now = event.id.at();
        if event.kind == EventKind::TopUpAuthorized && self.is_judged(event.id) {
            self.judge_card(event, networks, found);
        }
        self.view.apply(Effects { events: vec![event.clone()], ..Effects::default() });
    }

    fn judge_card(&mut self, event: &Event, networks: &Networks, found: &mut DryRun) {
        let Some(row) = self.view.people.top_ups.get(&FactId(event.object)).cloned() else {
            return;
        };
        if !row.network.is_empty() {
            let day = FactId::least(row.id.at().plus_ms(1 - DAY_MS));
            let others = networks.get(&row.network).into_iter().flatten();
            let others = others.filter(|(id, _)| (day..row.id).contains(id));
            let others: BTreeSet<MemberNumber> = others.map(|(_, member)| *member).collect();
            self.view.people.networks.insert(row.network.clone(), others);
        }
        let (code, held) = TopUp::read_secured(event.number);
        let Some(said) = ThreeDSecure::from_code(code) else { return };
        let before = if held > 0 { Said::Holds } else { Said::Passes };
        let (view, member) = (&self.view, &self.view.members[&self.member]);
        let now = match (Judge { view, member }).may_be_taken(&row, said) {
            Ok((rule, _)) => Judgement::of(rule, None),
            Err((None, _)) => Judgement::limit(),
            Err((rule, refusal)) => Judgement::of(rule, Some(refusal)),
        };
        found.take((self.member, row.amount), (before, &now));
    }
}
