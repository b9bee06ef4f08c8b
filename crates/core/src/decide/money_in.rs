//! Cards and top-ups by a card: what a device asks for, and what the acquirer has said.
//!
//! A step that the state does not allow any more changes nothing: the acquirer says everything
//! twice, out of order, and to several nodes at once.

use super::card::Judge;
use super::identity::tell_of_money;
use super::risk;
use super::{Outcome, Stop, must};
use crate::account::Account;
use crate::command::{MoneyIn, MoneyInStep, OnDevice};
use crate::facts::{Effect, Event, EventKind, Operation, OperationKind, Transfer};
use crate::identity::people::Private;
use crate::ids::{FactId, RequestId, RequestKey, TerminalNumber};
use crate::limits::AskedTopUp;
use crate::message::Template;
use crate::money::amount_is_in_range;
use crate::policy::rule::{Goods, Verdict};
use crate::refusal::Refusal;
use crate::state::{Device, Evidence, Member, MemberState};
use crate::switches::{Capability, Place};
use crate::time::{Instant, SECOND_MS};
use crate::top_up::{
    Card, CardState, NETWORK_BYTES, NewCard, Rail, ThreeDSecure, TopUp, TopUpState,
};
use crate::view::{Directory, Effects, View};

/// The most facts of one step.
const FACTS_MAX: i64 = 4;
/// Why a wallet is frozen by a dispute, as operators read it.
const DISPUTED: &str = "a top-up was disputed by the card's holder";
/// The longest name that an acquirer gives, bytes.
const REFERENCE_BYTES_MAX: usize = 255;

pub(super) fn decide(
    view: &View,
    command: &MoneyIn,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    if let Some(outcome) = repeat(view, command)? {
        return Ok(outcome);
    }
    let member = view.members.get(&command.member).ok_or(Refusal::MemberMustExist)?;
    let (judge, first) = (Judge { view, member }, view.next_ids(FACTS_MAX));
    let step = Step { view, command, member, judge, first };
    match &command.step {
        MoneyInStep::AddCard(by, card) => step.add_card(*by, card, effects),
        MoneyInStep::EndCard(by, card) => step.end_card(*by, *card, effects),
        MoneyInStep::Request { by, card, amount, network } => {
            step.request(*by, *card, (*amount, network), effects)
        }
        MoneyInStep::GiveUp(by, id) => step.give_up(*by, *id, effects),
        _ => step.of_top_up(effects),
    }
}

/// The same answer again, if this step was booked before.
fn repeat(view: &View, command: &MoneyIn) -> Result<Option<Outcome>, Stop> {
    if let Some(event) = view.events.get(&command.request) {
        must(is_meant(event, command), Refusal::RequestIdHasAnotherMeaning)?;
        return Ok(Some(Outcome::Done { event: event.clone(), replayed: true }));
    }
    let key = RequestKey { request: command.request, terminal: TerminalNumber::NONE };
    let Some(operation) = view.operations.get(&key) else { return Ok(None) };
    let about = operation.is_of_top_up() && command.step.top_up() == Some(operation.payment);
    if !about {
        return Err(Stop::AnotherMeaning(Box::new(operation.clone())));
    }
    let operation = operation.clone();
    Ok(Some(Outcome::Decided { operation, replayed: true, forged: false }))
}

fn is_meant(event: &Event, command: &MoneyIn) -> bool {
    if event.subject != command.member.0 {
        return false;
    }
    let is = |kind, object: FactId| event.kind == kind && event.object == object.0;
    match &command.step {
        MoneyInStep::AddCard(by, card) => {
            let same = event.digest.starts_with(&card.fingerprint);
            is(EventKind::CardAdded, by.device) && same
        }
        MoneyInStep::EndCard(_, card) => is(EventKind::CardEnded, *card),
        MoneyInStep::Request { by, card, amount, .. } => {
            let same =
                event.number == *amount && event.digest.starts_with(&by.device.0.to_be_bytes());
            is(EventKind::TopUpRequested, *card) && same
        }
        step => step.top_up() == Some(FactId(event.object)),
    }
}

struct Step<'a> {
    view: &'a View,
    command: &'a MoneyIn,
    member: &'a Member,
    judge: Judge<'a>,
    first: FactId,
}

impl Step<'_> {
    /// The device that acts: enrolled, the member's, and signed in.
    fn device(&self, by: OnDevice) -> Result<&Device, Refusal> {
        let row = self.view.people.devices.get(&by.device);
        let row = row.filter(|row| row.member == self.member.number && row.is_active());
        let row = row.ok_or(Refusal::DeviceMustBeActive)?;
        let signed_in = row.is_signed_in(self.view.now) && row.session == by.session;
        must(signed_in, Refusal::DeviceMustBeSignedIn)?;
        Ok(row)
    }

    fn event(&self, place: usize, kind: EventKind, actor: String) -> Event {
        let number = i64::try_from(place).expect("a step has few facts");
        let request = self.command.request;
        Event {
            id: self.first.plus(number),
            seq: self.view.seq,
            request_id: if place == 0 { request } else { RequestId::following(request, place) },
            kind,
            subject: self.member.number.0,
            object: 0,
            number: 0,
            digest: Vec::new(),
            actor,
            second: String::new(),
            text: String::new(),
        }
    }

    /// Tells the member at every address on file.
    fn tell(&self, template: Template, card: &str, until: Instant, effects: &mut Effects) {
        let (request, freeze) = (self.command.request, &self.command.freeze);
        let what = (template, request);
        let messages = tell_of_money(self.view, self.member.number, what, (card, until, freeze));
        effects.messages.extend(messages);
    }

    fn add_card(
        &self,
        by: OnDevice,
        card: &NewCard,
        effects: &mut Effects,
    ) -> Result<Outcome, Stop> {
        let people = &self.view.people;
        let count = people.cards_of(self.member.number).count();
        may_add_card(&self.view.directory, self.member, count, self.view.now)?;
        let device = self.device(by)?;
        let caps = &self.view.directory.policy.cards;
        let known = || people.cards.values().filter(|row| row.fingerprint == card.fingerprint);
        let disputed = known().any(|row| row.state == CardState::Disputed);
        must(!disputed, Refusal::CardWasDeclined)?;
        let same: Vec<&Card> = known().filter(|row| row.is_active()).collect();
        let own = same.iter().any(|row| row.member == self.member.number);
        must(!own, Refusal::CardMustBeNew)?;
        let free = |place: &i64| same.iter().all(|row| row.place != *place);
        let place = (1..=caps.members_per_card).find(free).ok_or(Refusal::CardIsInManyWallets)?;
        let trusted = i64::from(!device.is_limited(self.view.now));
        let event = Event {
            object: device.id.0,
            number: place * 2 + trusted,
            digest: [card.fingerprint, Card::digest(&card.token, &card.label)].concat(),
            ..self.event(0, EventKind::CardAdded, actor(by))
        };
        let private = Private {
            secret: card.token.clone().into_bytes(),
            lookup: card.label.clone().into_bytes(),
            ..Private::default()
        };
        effects.private.insert(event.id, private);
        self.tell(Template::CardAdded, &card.label, self.view.now, effects);
        Ok(book(event, effects))
    }

    fn end_card(&self, by: OnDevice, card: FactId, effects: &mut Effects) -> Result<Outcome, Stop> {
        self.device(by)?;
        self.judge.card(card)?;
        let event = self.event(0, EventKind::CardEnded, actor(by));
        Ok(book(Event { object: card.0, ..event }, effects))
    }

    fn request(
        &self,
        by: OnDevice,
        card: FactId,
        (amount, network): (i64, &[u8]),
        effects: &mut Effects,
    ) -> Result<Outcome, Stop> {
        self.judge.must_be_open()?;
        let device = self.device(by)?;
        let good = network.is_empty() || network.len() == NETWORK_BYTES;
        assert!(good, "a network is 16 bytes");
        let card = self.judge.card(card)?;
        must(amount_is_in_range(amount), Refusal::AmountMustBeInRange)?;
        balance_must_hold(self.view, self.member, amount)?;
        let asked =
            AskedTopUp { profile: self.judge.profile(device, card, None), amount, itself: None };
        self.judge.must_be_within(&asked)?;
        match self.judge.rule(&asked, network).map(|rule| rule.then) {
            Some(Verdict::Decline) => return Err(Refusal::RuleMustAllowTopUp.into()),
            Some(Verdict::Ask) => {
                must(device.is_fresh(self.view.now), Refusal::UserMustBeVerified)?;
            }
            Some(Verdict::Allow | Verdict::Hold) | None => {}
        }
        // A restored device has its old name and may be in other hands.
        let restored = device.counts_from > device.id.at() && device.is_limited(self.view.now);
        let challenge = card.device != device.id || restored;
        // After this point it is requested.
        let event = Event {
            object: card.id.0,
            number: amount,
            digest: TopUp::digest(device.id, Rail::Card, challenge, network),
            ..self.event(0, EventKind::TopUpRequested, actor(by))
        };
        Ok(book(event, effects))
    }

    fn top_up(&self, id: FactId) -> Result<&TopUp, Refusal> {
        let row = self.view.people.top_ups.get(&id);
        row.filter(|row| row.member == self.member.number).ok_or(Refusal::TopUpMustExist)
    }

    /// Its member does not want what is held, and the acquirer is told so.
    fn give_up(&self, by: OnDevice, id: FactId, effects: &mut Effects) -> Result<Outcome, Stop> {
        self.device(by)?;
        let row = self.top_up(id)?;
        must(row.state.is_coming() && row.is_held(), Refusal::TopUpMustBeOpen)?;
        let why = Refusal::TopUpWasGivenUp.number();
        Ok(self.says(row, EventKind::TopUpDeclining, why, String::new(), effects))
    }

    /// Steps of a top-up that is there.
    fn of_top_up(&self, effects: &mut Effects) -> Result<Outcome, Stop> {
        let id = self.command.step.top_up().expect("the others are decided above");
        let row = self.top_up(id)?;
        Ok(match &self.command.step {
            MoneyInStep::Refer(_, reference) => {
                let open = matches!(row.state, TopUpState::Requested | TopUpState::Unknown);
                let first = row.reference.is_empty() && open;
                must(first && good_reference(reference), Refusal::TopUpMustBeOpen)?;
                self.says(row, EventKind::TopUpReferenced, 0, reference.clone(), effects)
            }
            MoneyInStep::Authorize(_, said) => self.authorize(row, *said, effects)?,
            MoneyInStep::Release(_) => self.release(row, effects)?,
            MoneyInStep::Unknown(_) => {
                let may = matches!(row.state, TopUpState::Requested | TopUpState::Authorized);
                must(may, Refusal::TopUpMustBeOpen)?;
                self.says(row, EventKind::TopUpUnknown, 0, String::new(), effects)
            }
            step @ (MoneyInStep::Decline(_, reason) | MoneyInStep::Unmade(_, reason)) => {
                let named = !row.reference.is_empty() && matches!(step, MoneyInStep::Unmade(..));
                must(row.state.is_coming() && !named, Refusal::TopUpMustBeOpen)?;
                let ours = row.state == TopUpState::Declining;
                let number = if ours { row.reason } else { reason.number() };
                self.says(row, EventKind::TopUpDeclined, number, String::new(), effects)
            }
            MoneyInStep::Post(_) => {
                // Whatever we wanted: the acquirer has the money, so it is the member's.
                must(row.state.is_coming(), Refusal::TopUpMustBeOpen)?;
                let (effect, credit) = match self.member.state {
                    MemberState::Closed => (Effect::ToSuspense, Account::SUSPENSE),
                    _ => (Effect::Plain, Account::money(self.member.number)),
                };
                let accounts = (Account::ACQUIRER, credit);
                self.book(row, (OperationKind::TopUp, effect), row.amount, accounts, effects)
            }
            MoneyInStep::TakeBack(_) => {
                must(row.state == TopUpState::Posted, Refusal::TopUpMustBeOpen)?;
                must(row.amount <= self.member.available(), Refusal::TopUpMustBeUnspent)?;
                let accounts = (Account::money(self.member.number), Account::ACQUIRER);
                let kind = (OperationKind::TakeBack, Effect::Plain);
                self.book(row, kind, row.amount, accounts, effects)
            }
            MoneyInStep::Returned(_) => {
                must(row.state == TopUpState::TakingBack, Refusal::TopUpMustBeOpen)?;
                self.says(row, EventKind::TopUpReturned, 0, String::new(), effects)
            }
            MoneyInStep::Dispute { amount, won, .. } => {
                self.dispute(row, *amount, *won, effects)?
            }
            other => unreachable!("{} is no step of a top-up", other.name()),
        })
    }

    fn says(
        &self,
        row: &TopUp,
        kind: EventKind,
        number: i64,
        text: String,
        effects: &mut Effects,
    ) -> Outcome {
        let event = self.event(0, kind, String::new());
        book(Event { object: row.id.0, number, text, ..event }, effects)
    }

    /// The issuer has said who pays: the limits are judged by it. Where they do not hold the
    /// acquirer is told to let go of the money, and nobody has lost anything.
    fn authorize(
        &self,
        row: &TopUp,
        said: ThreeDSecure,
        effects: &mut Effects,
    ) -> Result<Outcome, Stop> {
        let may = matches!(row.state, TopUpState::Requested | TopUpState::Unknown);
        must(may && !row.was_judged(), Refusal::TopUpMustBeOpen)?;
        let (rule, seconds) = match self.judge.may_be_taken(row, said) {
            Ok(taken) => taken,
            Err((_, reason)) => {
                let kind = EventKind::TopUpDeclining;
                return Ok(self.says(row, kind, reason.number(), String::new(), effects));
            }
        };
        // After this point the money is taken, or held.
        let number = TopUp::secured_and_held(said, seconds);
        let outcome = self.says(row, EventKind::TopUpAuthorized, number, String::new(), effects);
        if said == ThreeDSecure::Challenge {
            self.learn(row, effects);
        }
        if seconds > 0 {
            let label = self.view.people.cards.get(&row.card).map_or("", |card| &card.label);
            let until = self.view.now.plus_ms(seconds * SECOND_MS);
            self.tell(Template::TopUpHeld, label, until, effects);
        }
        if let Some(rule) = rule {
            let event = self.event(effects.events.len(), EventKind::RuleFitted, String::new());
            let number = risk::number_of(Goods::NONE, Some(rule));
            let text = risk::name_of(Some(rule));
            effects.events.push(Event { object: row.id.0, number, text, ..event });
        }
        Ok(outcome)
    }

    /// What was held long enough is taken, if nobody has objected: neither wallet, device nor card
    /// was stopped meanwhile.
    fn release(&self, row: &TopUp, effects: &mut Effects) -> Result<Outcome, Stop> {
        let due = row.is_held() && row.held_until <= self.view.now;
        must(row.state.is_coming() && due, Refusal::TopUpMustBeOpen)?;
        let (kind, why) = match self.judge.may_go_on(row) {
            Ok(_) => (EventKind::TopUpReleased, 0),
            Err(reason) => (EventKind::TopUpDeclining, reason.number()),
        };
        Ok(self.says(row, kind, why, String::new(), effects))
    }

    /// Who passed a challenge on this device holds the card. That the device is the member's own is
    /// shown by a card only that was on file before the device came, and came by one that was no
    /// newcomer: else a thief would bring his own.
    fn learn(&self, row: &TopUp, effects: &mut Effects) {
        let card = &self.view.people.cards[&row.card];
        let about = |place: usize, kind: EventKind, object: FactId, number: i64| Event {
            object: object.0,
            number,
            ..self.event(place, kind, String::new())
        };
        if card.device != row.device {
            let place = effects.events.len();
            let event = about(place, EventKind::CardChallenged, card.id, row.device.0);
            effects.events.push(event);
        }
        if card.trusted != 0 && card.id < row.device {
            let (place, evidence) = (effects.events.len(), Evidence::CardChallenge.code());
            let event = about(place, EventKind::DeviceEvidence, row.device, evidence);
            effects.events.push(event);
        }
    }

    fn dispute(
        &self,
        row: &TopUp,
        amount: i64,
        won: bool,
        effects: &mut Effects,
    ) -> Result<Outcome, Stop> {
        // What is going back, or has gone, is settled with the acquirer by itself.
        let posted = matches!(row.state, TopUpState::Posted | TopUpState::Disputed);
        let left = if won { row.disputed } else { row.amount - row.disputed };
        must(posted && (1..=left).contains(&amount), Refusal::TopUpMustBeOpen)?;
        let (effect, accounts) = if won {
            (Effect::DisputeWon, (Account::ACQUIRER, Account::DISPUTES))
        } else {
            (Effect::Plain, (Account::DISPUTES, Account::ACQUIRER))
        };
        let outcome = self.book(row, (OperationKind::Dispute, effect), amount, accounts, effects);
        if won {
            return Ok(outcome);
        }
        // Whose card it is says that it was not he. No wallet has the card again, and of this one
        // no money leaves before two operators have looked.
        let mut place = 2;
        if self.view.people.cards.contains_key(&row.card) {
            let event = self.event(place, EventKind::CardEnded, String::new());
            effects.events.push(Event { object: row.card.0, number: 1, ..event });
            place += 1;
        }
        if matches!(self.member.state, MemberState::Open | MemberState::FrozenByMember) {
            let event = self.event(place, EventKind::MemberFrozen, String::new());
            effects.events.push(Event { text: DISPUTED.to_owned(), ..event });
            self.tell(Template::TopUpDisputed, "", self.view.now, effects);
        }
        Ok(outcome)
    }

    fn book(
        &self,
        row: &TopUp,
        (kind, effect): (OperationKind, Effect),
        amount: i64,
        (debit, credit): (Account, Account),
        effects: &mut Effects,
    ) -> Outcome {
        let key = RequestKey { request: self.command.request, terminal: TerminalNumber::NONE };
        let caller = crate::command::Caller { key, generation: 0 };
        let (valid_until, fingerprint) = (Instant(i64::MAX), [0; 16]);
        let ask = crate::command::Ask { caller, valid_until, fingerprint };
        let mut operation: Operation = super::blank(self.view, &ask, kind, amount);
        operation.id = self.first;
        operation.effect = effect;
        operation.payment = row.id;
        operation.put_on_list_of(self.member);
        effects.transfers.push(Transfer::of(&operation, (debit, credit)));
        super::record(operation, effects)
    }
}

pub(super) fn must_be_open(
    directory: &Directory,
    member: &Member,
    now: Instant,
) -> Result<(), Refusal> {
    let place = Place { member: member.number, ..Place::default() };
    must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
    must(!directory.is_closed(Capability::CardTopUp, &place, now), Refusal::TopUpIsClosed)
}

/// Whether a member who has `count` cards may add another now, as far as that can be said before
/// the acquirer knows which.
///
/// # Errors
/// [`Refusal::MemberMustBeOpen`], [`Refusal::TopUpIsClosed`], [`Refusal::CardsMustBeFew`].
pub fn may_add_card(
    directory: &Directory,
    member: &Member,
    count: usize,
    now: Instant,
) -> Result<(), Refusal> {
    must_be_open(directory, member, now)?;
    let few = i64::try_from(count).is_ok_and(|count| count < directory.policy.cards.per_member);
    must(few, Refusal::CardsMustBeFew)
}

/// Whether a balance stays below its cap with `amount` more, and all that is on its way.
pub(super) fn balance_must_hold(view: &View, member: &Member, amount: i64) -> Result<(), Refusal> {
    let open = view.people.top_ups_of(member.number).filter(|row| row.state.is_coming());
    let coming: i64 = open.map(|row| row.amount).sum();
    let after = member.money.saturating_add(coming).saturating_add(amount);
    must(after <= view.directory.policy.balance.max, Refusal::BalanceMustStayBelowCap)
}

fn good_reference(reference: &str) -> bool {
    let length = (1..=REFERENCE_BYTES_MAX).contains(&reference.len());
    length && reference.bytes().all(|byte| byte.is_ascii_graphic())
}

fn actor(by: OnDevice) -> String {
    format!("device {}", by.device.0)
}

fn book(event: Event, effects: &mut Effects) -> Outcome {
    effects.events.push(event.clone());
    Outcome::Done { event, replayed: false }
}
