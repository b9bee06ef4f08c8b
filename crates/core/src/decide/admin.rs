//! Acts of operators and of the book: members, devices, shops, switches, checkpoints.

use super::identity::tell_by_staff;
use super::{Outcome, Stop, bulk, clerk, help_desk, must, operator, policy, proposal};
use crate::command::{Act, Administer};
use crate::facts::{Event, EventKind};
use crate::identity::UNFREEZE_WAIT_MS;
use crate::identity::people::Private;
use crate::ids::{
    FactId, MEMBER_NUMBER_MAX, MemberNumber, OperatorNumber, TerminalNumber, WebhookNumber,
};
use crate::refusal::Refusal;
use crate::state::{DeviceState, EnrolmentLink, Member, MemberState};
use crate::switches::{self, Capability, Place, Scope};
use crate::time::Instant;
use crate::view::{Effects, View};
use crate::webhook::{WEBHOOKS_PER_MERCHANT_MAX, Webhook, url_is_good};

/// The longest name of a merchant, store, terminal or actor, and the longest reason, characters.
const NAME_CHARACTERS_MAX: usize = 100;

/// Decides an act; `by` is the operator who carries it out, or none.
pub(super) fn decide(
    view: &View,
    administer: &Administer,
    by: OperatorNumber,
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    if let Some(event) = view.events.get(&administer.request) {
        must(is_meant(event, administer.act.inner()), Refusal::RequestIdHasAnotherMeaning)?;
        return Ok(Outcome::Done { event: event.clone(), replayed: true });
    }
    if let Some(event) = bulk::opened(view, administer.act.inner()) {
        return Ok(Outcome::Done { event: event.clone(), replayed: true });
    }
    must(!administer.actor.trim().is_empty(), Refusal::ActorAndReasonMustBeGiven)?;
    for text in [&administer.actor, &administer.second, &administer.reason] {
        if !text.is_empty() {
            text_must_be_short(text)?;
        }
    }
    let agreed = proposal::agreed(view, administer)?;
    let id = view.next_ids(if agreed.is_some() { 2 } else { 1 });
    let people = agreed.as_ref().map(|agreed| agreed.names.clone());
    let [actor, second] =
        people.unwrap_or_else(|| [administer.actor.clone(), administer.second.clone()]);
    let event = Event {
        id,
        seq: view.seq,
        request_id: administer.request,
        kind: EventKind::LaneCreated,
        subject: 0,
        object: 0,
        number: 0,
        digest: Vec::new(),
        actor,
        second,
        text: administer.reason.clone(),
    };
    let event = event_of(view, (administer, by), event, effects)?;
    tell_by_staff(view, &event, effects);
    effects.events.push(event.clone());
    effects.events.extend(agreed.map(|agreed| agreed.used));
    Ok(Outcome::Done { event, replayed: false })
}

fn event_of(
    view: &View,
    (administer, by): (&Administer, OperatorNumber),
    event: Event,
    effects: &mut Effects,
) -> Result<Event, Stop> {
    let act = administer.act.inner();
    Ok(match act {
        Act::CreateMerchant(_)
        | Act::CreateStore { .. }
        | Act::CreateTerminal(..)
        | Act::CreateMember
        | Act::CreateWebhook { .. } => create(view, act, event)?,
        Act::SuspendTerminal(_) | Act::ResumeTerminal(_) | Act::RotateTerminalKey(..) => {
            terminal_act(view, administer, event)?
        }
        Act::FreezeMember(_)
        | Act::FreezeOnCall(_)
        | Act::UnfreezeMember(_)
        | Act::CloseMember(_) => member_act(view, administer, event)?,
        Act::VouchForMember(..) | Act::AllowRecovery(..) | Act::EndRecovery(..) => {
            two_people_must_agree(administer)?;
            help_desk::decide(view, act, event, effects)?
        }
        Act::CreateLink(..) | Act::EnrolDevice { .. } | Act::EndDevice(_) => {
            device_act(view, act, event, effects)?
        }
        Act::RotateCodeSecret(member, secret) => {
            member_of(view, *member)?;
            let private = Private { code_secret: Some(*secret), ..Private::default() };
            effects.private.insert(event.id, private);
            Event {
                kind: EventKind::CodeSecretRotated,
                subject: member.0,
                digest: blake3::hash(secret).as_bytes().to_vec(),
                ..event
            }
        }
        Act::CloseSwitch(..) | Act::OpenSwitch(..) => switch_act(view, administer, event)?,
        Act::Checkpoint(heads, signature) => Event {
            kind: EventKind::Checkpoint,
            digest: signature.to_vec(),
            text: heads.clone(),
            ..event
        },
        Act::Restored(generation) => {
            Event { kind: EventKind::Restored, number: *generation, ..event }
        }
        Act::EndWebhook(_) | Act::RotateWebhookSecret(..) => webhook_act(view, act, event)?,
        Act::CreateClerk { .. }
        | Act::ResetClerkPin(..)
        | Act::EndClerk(_)
        | Act::SignInClerk { .. }
        | Act::SignOutClerk(..)
        | Act::OpenShift(..)
        | Act::CloseShift(..)
        | Act::ReleaseCashCredit(..) => clerk::decide(view, act, event, effects)?,
        Act::ChangePolicy(_) | Act::VerifyMember(..) | Act::OpenBulk(..) => {
            money_act(view, administer, event)?
        }
        Act::OpenBook => {
            // Two who are named open it where the store is, outside of any batch.
            let agreed = matches!(administer.act, Act::Agreed(..));
            must(agreed, Refusal::ActTakesAProposal)?;
            Event { kind: EventKind::BookOpened, ..event }
        }
        _ => operator::decide(view, (act, by), event, effects)?,
    })
}

/// Whether this act is the one that the event books. Times and secrets that a caller draws anew for
/// each try are no part of the meaning.
fn is_meant(event: &Event, act: &Act) -> bool {
    let is = |kind, subject| event.kind == kind && event.subject == subject;
    match act {
        Act::CreateMerchant(name) => {
            event.kind == EventKind::MerchantCreated && event.text == *name
        }
        Act::CreateStore { merchant, name, place, cutoff_minutes } => {
            let text = store_text(name, place);
            let named = event.kind == EventKind::StoreCreated && event.text == text;
            named && (event.object, event.number) == (merchant.0, *cutoff_minutes)
        }
        Act::CreateTerminal(store, name) => {
            let named = event.kind == EventKind::TerminalCreated && event.text == *name;
            named && event.object == store.0
        }
        Act::SuspendTerminal(terminal) => is(EventKind::TerminalSuspended, terminal.0),
        Act::ResumeTerminal(terminal) => is(EventKind::TerminalResumed, terminal.0),
        Act::RotateTerminalKey(terminal, _) => is(EventKind::TerminalKeyRotated, terminal.0),
        Act::CreateMember => event.kind == EventKind::MemberCreated,
        Act::FreezeMember(member) => is(EventKind::MemberFrozen, member.0) && event.number == 0,
        Act::FreezeOnCall(member) => is(EventKind::MemberFrozen, member.0) && event.number == 1,
        Act::UnfreezeMember(member) => is(EventKind::MemberUnfrozen, member.0),
        Act::CloseMember(member) => is(EventKind::MemberClosed, member.0),
        Act::VouchForMember(member, shown) => {
            is(EventKind::RecoveryVouched, member.0) && event.digest == shown
        }
        Act::AllowRecovery(member, recovery) => {
            is(EventKind::RecoveryAllowed, member.0) && event.object == recovery.0
        }
        Act::EndRecovery(member, recovery) => {
            is(EventKind::RecoveryEnded, member.0) && event.object == recovery.0
        }
        Act::CreateLink(member, digest, _) => {
            is(EventKind::LinkCreated, member.0) && event.digest == digest
        }
        Act::EnrolDevice { link, public_key, .. } => {
            event.kind == EventKind::DeviceEnrolled
                && event.digest.starts_with(blake3::hash(public_key).as_bytes())
                && event.digest.ends_with(link)
        }
        Act::EndDevice(device) => event.kind == EventKind::DeviceEnded && event.object == device.0,
        Act::RotateCodeSecret(member, _) => is(EventKind::CodeSecretRotated, member.0),
        Act::CloseSwitch(capability, scope, subject, _) => {
            is(EventKind::SwitchClosed, *subject)
                && event.object == switches::object(*capability, *scope)
        }
        Act::OpenSwitch(capability, scope, subject) => {
            is(EventKind::SwitchOpened, *subject)
                && event.object == switches::object(*capability, *scope)
        }
        Act::Checkpoint(heads, _) => event.kind == EventKind::Checkpoint && event.text == *heads,
        Act::Restored(generation) => {
            event.kind == EventKind::Restored && event.number == *generation
        }
        Act::CreateWebhook { merchant, url, .. } => {
            let same = event.object == merchant.0 && event.text == *url;
            event.kind == EventKind::WebhookCreated && same
        }
        Act::EndWebhook(webhook) => is(EventKind::WebhookEnded, webhook.0),
        Act::RotateWebhookSecret(webhook, _) => is(EventKind::WebhookSecretRotated, webhook.0),
        Act::OpenBook => event.kind == EventKind::BookOpened,
        act => {
            let meant = operator::is_meant(event, act) || clerk::is_meant(event, act);
            let is_bulk = matches!(act, Act::OpenBulk(_, root) if bulk::is_meant(event, root));
            meant || is_bulk || policy::is_meant(event, act)
        }
    }
}

/// Name and place of a store as its event keeps them. Neither has a line break of its own.
fn store_text(name: &str, place: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{name}\n{place}") }
}

pub(super) fn text_must_be_short(text: &str) -> Result<(), Refusal> {
    let count = text.chars().count();
    let plain = !text.chars().any(char::is_control);
    let good = (1..=NAME_CHARACTERS_MAX).contains(&count) && plain;
    must(good, Refusal::NameMustBeShort)
}

fn reason_must_be_given(administer: &Administer) -> Result<(), Refusal> {
    must(!administer.reason.trim().is_empty(), Refusal::ActorAndReasonMustBeGiven)
}

/// Two named people, where there are no operators; else a proposal, which was looked at before.
fn two_people_must_agree(administer: &Administer) -> Result<(), Refusal> {
    if let Act::Agreed(..) = administer.act {
        return Ok(());
    }
    let (one, two) = (plain_name(&administer.actor), plain_name(&administer.second));
    must(!one.is_empty() && !two.is_empty() && one != two, Refusal::ReopeningTakesTwoPeople)
}

/// A name without what the eye passes over: case, spaces, signs, characters without a width.
pub(super) fn plain_name(name: &str) -> String {
    name.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Acts on limits, and on money that is given out.
fn money_act(view: &View, administer: &Administer, event: Event) -> Result<Event, Refusal> {
    match administer.act.inner() {
        Act::OpenBulk(name, root) => {
            two_people_must_agree(administer)?;
            text_must_be_short(name.trim())?;
            return bulk::open(name, root, event);
        }
        Act::ChangePolicy(_) => two_people_must_agree(administer)?,
        _ => reason_must_be_given(administer)?,
    }
    policy::decide(view, administer.act.inner(), event)
}

fn create(view: &View, act: &Act, event: Event) -> Result<Event, Stop> {
    let Some(numbers) = view.numbers else { return Err(Stop::Later) };
    let event = match act {
        Act::CreateMerchant(name) => {
            text_must_be_short(name)?;
            let subject = numbers.merchant + 1;
            Event { kind: EventKind::MerchantCreated, subject, text: name.clone(), ..event }
        }
        Act::CreateStore { merchant, name, place, cutoff_minutes } => {
            let known = view.directory.merchants.contains_key(merchant);
            must(known, Refusal::MerchantMustExist)?;
            text_must_be_short(name)?;
            if !place.is_empty() {
                text_must_be_short(place)?;
            }
            must((0..1440).contains(cutoff_minutes), Refusal::CutoffMustBeATimeOfDay)?;
            Event {
                kind: EventKind::StoreCreated,
                subject: numbers.store + 1,
                object: merchant.0,
                number: *cutoff_minutes,
                text: store_text(name, place),
                ..event
            }
        }
        Act::CreateTerminal(store, name) => {
            must(view.directory.stores.contains_key(store), Refusal::StoreMustExist)?;
            text_must_be_short(name)?;
            Event {
                kind: EventKind::TerminalCreated,
                subject: numbers.terminal + 1,
                object: store.0,
                text: name.clone(),
                ..event
            }
        }
        Act::CreateWebhook { merchant, url, loopback } => {
            let known = view.directory.merchants.contains_key(merchant);
            must(known, Refusal::MerchantMustExist)?;
            must(url_is_good(url, *loopback), Refusal::WebhookUrlMustBeHttps)?;
            let all = view.directory.webhooks.values();
            let used = all.filter(|row| row.merchant == *merchant && row.is_active()).count();
            must(used < WEBHOOKS_PER_MERCHANT_MAX, Refusal::WebhooksMustBeFew)?;
            let (subject, text) = (numbers.webhook + 1, url.clone());
            Event { kind: EventKind::WebhookCreated, subject, object: merchant.0, text, ..event }
        }
        _ => Event { kind: EventKind::MemberCreated, subject: numbers.member + 1, ..event },
    };
    must(event.subject <= MEMBER_NUMBER_MAX, Refusal::NumbersAreUsedUp)?;
    Ok(event)
}

fn terminal_act(view: &View, administer: &Administer, event: Event) -> Result<Event, Refusal> {
    let known = |terminal: &TerminalNumber| {
        let known = view.directory.terminals.contains_key(terminal);
        must(known, Refusal::TerminalMustExist).map(|()| terminal.0)
    };
    Ok(match administer.act.inner() {
        Act::SuspendTerminal(terminal) => {
            reason_must_be_given(administer)?;
            Event { kind: EventKind::TerminalSuspended, subject: known(terminal)?, ..event }
        }
        Act::RotateTerminalKey(terminal, previous_until) => Event {
            kind: EventKind::TerminalKeyRotated,
            subject: known(terminal)?,
            number: previous_until.0,
            ..event
        },
        Act::ResumeTerminal(terminal) => {
            two_people_must_agree(administer)?;
            Event { kind: EventKind::TerminalResumed, subject: known(terminal)?, ..event }
        }
        other => unreachable!("{other:?} is no act on a terminal"),
    })
}

fn webhook_act(view: &View, act: &Act, event: Event) -> Result<Event, Refusal> {
    let known = |webhook: &WebhookNumber| {
        let found = view.directory.webhooks.get(webhook);
        must(found.is_some_and(Webhook::is_active), Refusal::WebhookMustExist).map(|()| webhook.0)
    };
    Ok(match act {
        Act::EndWebhook(webhook) => {
            Event { kind: EventKind::WebhookEnded, subject: known(webhook)?, ..event }
        }
        Act::RotateWebhookSecret(webhook, previous_until) => Event {
            kind: EventKind::WebhookSecretRotated,
            subject: known(webhook)?,
            number: previous_until.0,
            ..event
        },
        other => unreachable!("{other:?} is no act on a webhook"),
    })
}

fn member_of(view: &View, member: MemberNumber) -> Result<&Member, Refusal> {
    view.members.get(&member).ok_or(Refusal::MemberMustExist)
}

fn member_act(view: &View, administer: &Administer, event: Event) -> Result<Event, Refusal> {
    let (kind, number, member) = match administer.act.inner() {
        Act::FreezeMember(member) => (EventKind::MemberFrozen, 0, *member),
        Act::FreezeOnCall(member) => (EventKind::MemberFrozen, 1, *member),
        Act::UnfreezeMember(member) => (EventKind::MemberUnfrozen, 0, *member),
        Act::CloseMember(member) => (EventKind::MemberClosed, 0, *member),
        other => unreachable!("{other:?} is no act on a member"),
    };
    if kind == EventKind::MemberUnfrozen {
        two_people_must_agree(administer)?;
    } else {
        reason_must_be_given(administer)?;
    }
    let state = member_of(view, member)?.state;
    must(state != MemberState::Closed, Refusal::MemberMustBeOpen)?;
    if let (EventKind::MemberUnfrozen, Act::Agreed(proposal, _)) = (kind, &administer.act) {
        let own = state == MemberState::FrozenByMember;
        let waited = proposal.at().plus_ms(UNFREEZE_WAIT_MS) <= view.now;
        must(!own || waited, Refusal::UnfreezeMustWait)?;
    }
    Ok(Event { kind, number, subject: member.0, ..event })
}

fn device_act(view: &View, act: &Act, event: Event, effects: &mut Effects) -> Result<Event, Stop> {
    match act {
        Act::CreateLink(member, digest, expires_at) => {
            let member = member_of(view, *member)?;
            must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
            must(view.now < *expires_at, Refusal::LinkMustBeValid)?;
            Ok(Event {
                kind: EventKind::LinkCreated,
                subject: member.number.0,
                number: expires_at.0,
                digest: digest.to_vec(),
                ..event
            })
        }
        Act::EnrolDevice { link, public_key, secret } => {
            let link = link_of(view, link)?;
            must(!link.inviter.is_some(), Refusal::LinkMustBeValid)?;
            let code_secret = Some(*secret);
            let public_key_kept = public_key.to_vec();
            let private =
                Private { code_secret, public_key: public_key_kept, ..Private::default() };
            effects.private.insert(event.id, private);
            let (key, secret) = (blake3::hash(public_key), blake3::hash(secret));
            let digests = [*key.as_bytes(), *secret.as_bytes(), link.digest];
            Ok(Event {
                kind: EventKind::DeviceEnrolled,
                subject: link.member.0,
                object: event.id.0,
                digest: digests.concat(),
                ..event
            })
        }
        Act::EndDevice(device) => {
            let row = view.people.devices.get(device).ok_or(Refusal::DeviceMustBeActive)?;
            must(row.state == DeviceState::Active, Refusal::DeviceMustBeActive)?;
            if !view.members.contains_key(&row.member) {
                return Err(Stop::Later);
            }
            // It may be the one that sees the recovery and ends it; a freeze is what helps.
            let open = view.people.recovery_of(row.member, view.now);
            must(open.is_none(), Refusal::RecoveryIsUnderWay)?;
            let (kind, subject) = (EventKind::DeviceEnded, row.member.0);
            Ok(Event { kind, subject, object: device.0, ..event })
        }
        other => unreachable!("{other:?} is no act on a device"),
    }
}

/// The link that a device redeems, if it may.
fn link_of<'a>(view: &'a View, digest: &[u8; 32]) -> Result<&'a EnrolmentLink, Stop> {
    let link = view.links.get(digest).ok_or(Refusal::LinkMustBeValid)?;
    let unused = link.device == FactId::NONE && view.now < link.expires_at;
    must(unused, Refusal::LinkMustBeValid)?;
    let Some(member) = view.members.get(&link.member) else { return Err(Stop::Later) };
    must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
    let place = Place { member: member.number, ..Place::default() };
    let closed = view.directory.is_closed(Capability::Enrolment, &place, view.now);
    must(!closed, Refusal::EnrolmentIsClosed)?;
    Ok(link)
}

fn switch_act(view: &View, administer: &Administer, event: Event) -> Result<Event, Refusal> {
    match *administer.act.inner() {
        Act::CloseSwitch(capability, scope, subject, lapses_at) => {
            reason_must_be_given(administer)?;
            let lapses = lapses_at != Instant(0);
            must(!lapses || capability.may_lapse(), Refusal::MoneySwitchMustNotLapse)?;
            must(capability.scopes().contains(&scope), Refusal::ScopeMustFitCapability)?;
            subject_must_exist(view, scope, subject)?;
            let lapses_at = later_lapse(view, (capability, scope, subject), lapses_at);
            Ok(Event {
                kind: EventKind::SwitchClosed,
                subject,
                object: switches::object(capability, scope),
                number: lapses_at.0,
                ..event
            })
        }
        Act::OpenSwitch(capability, scope, subject) => {
            two_people_must_agree(administer)?;
            let closed = view.directory.switches.iter().any(|switch| {
                (switch.capability, switch.scope, switch.subject) == (capability, scope, subject)
            });
            must(closed, Refusal::SwitchMustBeClosed)?;
            let object = switches::object(capability, scope);
            Ok(Event { kind: EventKind::SwitchOpened, subject, object, ..event })
        }
        ref other => unreachable!("{other:?} is no act on a switch"),
    }
}

/// Closing again never shortens: one person alone would reopen by a short lapse.
fn later_lapse(view: &View, which: (Capability, Scope, i64), asked: Instant) -> Instant {
    let closed = view.directory.switches.iter().find(|switch| {
        let in_force = switch.lapses_at == Instant(0) || view.now < switch.lapses_at;
        in_force && (switch.capability, switch.scope, switch.subject) == which
    });
    match closed {
        Some(switch) if switch.lapses_at == Instant(0) || asked == Instant(0) => Instant(0),
        Some(switch) => switch.lapses_at.max(asked),
        None => asked,
    }
}

fn subject_must_exist(view: &View, scope: Scope, subject: i64) -> Result<(), Refusal> {
    use crate::ids::{MerchantNumber, StoreNumber};
    let directory = &view.directory;
    match scope {
        Scope::Everything => must(subject == 0, Refusal::SubjectMustFitScope),
        Scope::Merchant => {
            let known = directory.merchants.contains_key(&MerchantNumber(subject));
            must(known, Refusal::MerchantMustExist)
        }
        Scope::Store => {
            let known = directory.stores.contains_key(&StoreNumber(subject));
            must(known, Refusal::StoreMustExist)
        }
        Scope::Terminal => {
            let known = directory.terminals.contains_key(&TerminalNumber(subject));
            must(known, Refusal::TerminalMustExist)
        }
        Scope::Provider => must(subject > 0, Refusal::SubjectMustFitScope),
        Scope::Member => {
            let known = (1..=MEMBER_NUMBER_MAX).contains(&subject);
            must(known, Refusal::MemberMustExist)
        }
    }
}
