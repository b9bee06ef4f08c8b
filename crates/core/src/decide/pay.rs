//! Paying on a one-time code, at once or as a hold; and money given from outside.

use super::limit::may_pay;
use super::risk::{self, Paying};
use super::{Outcome, Stop, amount_must_hold, blank, deadline_must_be_near, decline, must, record};
use super::{repeat, signer};
use crate::account::Account;
use crate::code::{OpenedCode, TagJudgement};
use crate::command::{Ask, Asset, Caller, Credit, HOLD_SECONDS_MAX, PayWithCode};
use crate::facts::{Effect, Operation, OperationKind, Transfer};
use crate::ids::{FactId, MemberNumber, RequestKey, TerminalNumber};
use crate::refusal::Refusal;
use crate::state::{Member, MemberState, Terminal};
use crate::switches::{Capability, Place};
use crate::time::{Instant, SECOND_MS};
use crate::view::{Effects, View};

pub(super) fn decide(
    view: &View,
    pay: &PayWithCode,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let kind = match pay.hold_seconds {
        None => OperationKind::Pay,
        Some(_) => OperationKind::Authorize,
    };
    let terminal = signer(view, &pay.ask.caller)?;
    if let Some(outcome) = repeat(view, &pay.ask, kind)? {
        return Ok(outcome);
    }
    deadline_must_be_near(view, &pay.ask)?;
    amount_must_hold(view, pay.amount, pay.currency)?;
    if let Some(seconds) = pay.hold_seconds {
        let in_range = (1..=HOLD_SECONDS_MAX).contains(&seconds);
        must(in_range, Refusal::HoldMustBeInRange)?;
    }
    let mut operation = blank(view, &pay.ask, kind, pay.amount);
    let place = view.directory.place(terminal.number).ok_or(Refusal::StoreMustExist)?;
    if let Err(refusal) = terminal_must_take_payments(view, pay, terminal, &place) {
        return Ok(decline(view, operation, refusal, effects));
    }
    let code = (pay.code.as_ref(), Capability::Payment);
    let shown = match judge_code(view, code, &place) {
        Ok(member) => member,
        Err(unusable) => {
            operation.payment = unusable.first;
            let outcome = decline(view, operation, unusable.refusal, effects);
            return Ok(mark_forged(outcome, unusable.forged));
        }
    };
    operation.put_on_list_of(shown);
    operation.epoch = shown.code_epoch;
    if shown.available() < pay.amount {
        return Ok(decline(view, operation, Refusal::BalanceTooLow, effects));
    }
    if !may_pay(view, shown, pay.amount)? {
        return Ok(decline(view, operation, Refusal::PaymentIsDeclined, effects));
    }
    let paying = Paying { member: shown, amount: pay.amount, goods: pay.goods, place: &place };
    let (rule, refusal) = risk::of_payment(view, &paying)?;
    let outcome = match refusal {
        Some(refusal) => decline(view, operation, refusal, effects),
        // After this point the payment succeeds.
        None => book(view, pay, operation, &place, effects),
    };
    risk::note(view, pay.goods, rule, effects);
    Ok(outcome)
}

fn terminal_must_take_payments(
    view: &View,
    pay: &PayWithCode,
    terminal: &Terminal,
    place: &Place,
) -> Result<(), Refusal> {
    must(view.now <= pay.ask.valid_until, Refusal::RequestTooLate)?;
    must(terminal.suspended == 0, Refusal::TerminalIsSuspended)?;
    let closed = view.directory.is_closed(Capability::Payment, place, view.now);
    must(!closed, Refusal::PaymentsAreClosed)
}

/// A code that cannot be used, as the terminal hears it.
pub(super) struct Unusable {
    pub(super) refusal: Refusal,
    pub(super) first: FactId,
    pub(super) forged: bool,
}

/// The member whose paying device showed the code, or why it cannot be used. A terminal hears one
/// refusal for forged, expired, superseded, ended and frozen.
pub(super) fn judge_code<'a>(
    view: &'a View,
    (code, capability): (Option<&OpenedCode>, Capability),
    place: &Place,
) -> Result<&'a Member, Unusable> {
    let not_valid =
        |forged| Unusable { refusal: Refusal::CodeNotValid, first: FactId::NONE, forged };
    let Some(code) = code else { return Err(not_valid(false)) };
    let mut worst = not_valid(true);
    for (number, tag) in code.candidates.into_iter().flatten() {
        let Some(member) = view.members.get(&number) else { continue };
        match view.rules.code.judge(member, tag, view.now) {
            TagJudgement::Forged => {}
            TagJudgement::Spent if member.last_store == place.store => {
                let refusal = Refusal::CodeAlreadyUsed;
                worst = Unusable { refusal, first: member.last_payment, forged: false };
            }
            TagJudgement::Spent | TagJudgement::Stale => worst.forged = false,
            TagJudgement::Live => {
                let here = Place { member: number, ..*place };
                let closed = view.directory.is_closed(capability, &here, view.now);
                if member.state == MemberState::Open && !closed {
                    return Ok(member);
                }
                worst.forged = false;
            }
        }
    }
    Err(worst)
}

pub(super) fn mark_forged(outcome: Outcome, forged: bool) -> Outcome {
    match outcome {
        Outcome::Decided { operation, replayed, .. } => {
            Outcome::Decided { operation, replayed, forged }
        }
        other => other,
    }
}

fn book(
    view: &View,
    pay: &PayWithCode,
    mut operation: Operation,
    place: &Place,
    effects: &mut Effects,
) -> Outcome {
    operation.id = view.next_ids(3);
    operation.payment = operation.id;
    match pay.hold_seconds {
        Some(seconds) => {
            operation.held_change = pay.amount;
            operation.expires_at = view.now.plus_ms(seconds * SECOND_MS);
        }
        None => effects.transfers.push(Transfer::of(
            &operation,
            (Account::money(operation.member), Account::payable(place.store)),
        )),
    }
    record(operation, effects)
}

/// Money or points from outside.
pub(super) fn credit(view: &View, credit: &Credit, effects: &mut Effects) -> Result<Outcome, Stop> {
    let key = RequestKey { request: credit.request, terminal: TerminalNumber::NONE };
    if let Some(operation) = view.operations.get(&key) {
        let effect = effect_of(credit.asset);
        let asked = (OperationKind::Credit, credit.member, credit.amount, effect);
        let stored = (operation.kind, operation.member, operation.amount, operation.effect);
        if asked != stored {
            return Err(Stop::AnotherMeaning(Box::new(operation.clone())));
        }
        let operation = operation.clone();
        return Ok(Outcome::Decided { operation, replayed: true, forged: false });
    }
    amount_must_hold(view, credit.amount, view.rules.currency)?;
    let member = who_is_credited(view, credit.member)?;
    // After this point the credit succeeds.
    let caller = Caller { key, generation: 0 };
    let ask = Ask { caller, valid_until: Instant(i64::MAX), fingerprint: [0; 16] };
    let mut operation = blank(view, &ask, OperationKind::Credit, credit.amount);
    operation.id = view.next_ids(2);
    operation.put_on_list_of(member);
    operation.effect = effect_of(credit.asset);
    let (debit, to) = match credit.asset {
        Asset::Money => (Account::FUNDING, Account::money(member.number)),
        Asset::Points => (Account::POINTS_ISSUED, Account::points(member.number)),
    };
    effects.transfers.push(Transfer::of(&operation, (debit, to)));
    Ok(record(operation, effects))
}

/// Whom a credit reaches: a freeze stops money that leaves, not money that comes.
pub(super) fn who_is_credited(view: &View, member: MemberNumber) -> Result<&Member, Refusal> {
    let member = view.members.get(&member).ok_or(Refusal::MemberMustExist)?;
    must(member.state != MemberState::Closed, Refusal::MemberMustBeOpen)?;
    let place = Place { member: member.number, ..Place::default() };
    let closed = view.directory.is_closed(Capability::Credit, &place, view.now);
    must(!closed, Refusal::CreditsAreClosed)?;
    Ok(member)
}

const fn effect_of(asset: Asset) -> Effect {
    match asset {
        Asset::Money => Effect::Plain,
        Asset::Points => Effect::Points,
    }
}
