//! Acts on operators, their links and passkeys, and signing in.

use super::admin::{plain_name, text_must_be_short};
use super::staff::{counter_must_go_on, passkey_of};
use super::{Stop, must};
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::ids::{MEMBER_NUMBER_MAX, OperatorNumber};
use crate::operator::{OPERATOR_LINK_MS, Operator, OperatorLink, PasskeyState, Role};
use crate::refusal::Refusal;
use crate::time::Instant;
use crate::view::{Effects, View};

/// Whether this act is the one that the event books; links are drawn anew for each try.
pub(super) fn is_meant(event: &Event, act: &Act) -> bool {
    let is = |kind, subject| event.kind == kind && event.subject == subject;
    match act {
        Act::CreateFirstOperators { names, .. } => {
            event.kind == EventKind::FirstOperatorsCreated && event.text == names.join("\n")
        }
        Act::CreateOperator { name, roles, .. } => {
            let same = event.text == *name && event.object == roles.bits();
            event.kind == EventKind::OperatorCreated && same
        }
        Act::ChangeRoles(operator, roles) => {
            is(EventKind::OperatorRolesChanged, operator.0) && event.object == roles.bits()
        }
        Act::EndOperator(operator) => is(EventKind::OperatorEnded, operator.0),
        Act::LinkOperator(operator, ..) => is(EventKind::OperatorLinked, operator.0),
        Act::AddPasskey { link, lookup, .. } => {
            event.kind == EventKind::OperatorPasskeyAdded
                && event.digest.starts_with(lookup)
                && event.digest.ends_with(link)
        }
        Act::EndPasskey(lookup) => {
            event.kind == EventKind::OperatorPasskeyEnded && event.digest == lookup
        }
        Act::OpenSession { passkey, key, .. } => {
            let digest = [passkey.as_slice(), key].concat();
            event.kind == EventKind::StaffSessionOpened && event.digest == digest
        }
        _ => false,
    }
}

pub(super) fn decide(
    view: &View,
    (act, by): (&Act, OperatorNumber),
    event: Event,
    effects: &mut Effects,
) -> Result<Event, Stop> {
    match act {
        Act::CreateFirstOperators { .. } | Act::CreateOperator { .. } => {
            create(view, (act, by), event)
        }
        Act::AddPasskey { link, lookup, secret } => {
            let (operator, link_row) = link_of(view, link)?;
            must(!view.staff.passkeys.contains_key(lookup), Refusal::PasskeyMustBeNew)?;
            effects.private.insert(event.id, secret.private());
            let digest = [*lookup, secret.digest(), *link].concat();
            let (subject, object) = (operator.number.0, link_row.made_by.0);
            Ok(Event { kind: EventKind::OperatorPasskeyAdded, subject, object, digest, ..event })
        }
        Act::OpenSession { passkey: lookup, counter, key } => {
            let (passkey, operator) = passkey_of(view, lookup)?;
            counter_must_go_on(passkey, *counter)?;
            let digest = [*lookup, *key].concat();
            let (kind, subject) = (EventKind::StaffSessionOpened, operator.number.0);
            Ok(Event { kind, subject, number: *counter, digest, ..event })
        }
        act => Ok(change(view, (act, by), event)?),
    }
}

fn create(view: &View, (act, by): (&Act, OperatorNumber), event: Event) -> Result<Event, Stop> {
    let Some(numbers) = view.numbers else { return Err(Stop::Later) };
    let subject = numbers.operator + 1;
    let event = match act {
        Act::CreateFirstOperators { names, links, expires_at, among_members } => {
            let empty = numbers.operator == 0 && (*among_members || numbers.member == 0);
            must(empty, Refusal::FirstOperatorsMustComeFirst)?;
            names.iter().try_for_each(|name| text_must_be_short(name))?;
            let [one, two] = [plain_name(&names[0]), plain_name(&names[1])];
            let people = !one.is_empty() && !two.is_empty() && one != two;
            must(people, Refusal::ReopeningTakesTwoPeople)?;
            link_must_be_good(view, *expires_at)?;
            let (kind, number) = (EventKind::FirstOperatorsCreated, expires_at.0);
            Event { kind, subject, number, digest: links.concat(), text: names.join("\n"), ..event }
        }
        Act::CreateOperator { name, roles, link, expires_at } => {
            text_must_be_short(name)?;
            must(roles.fit(), Refusal::RolesMustFit)?;
            link_must_be_good(view, *expires_at)?;
            Event {
                kind: EventKind::OperatorCreated,
                subject,
                object: roles.bits(),
                number: expires_at.0,
                digest: [link.as_slice(), &by.0.to_be_bytes()].concat(),
                text: name.clone(),
                ..event
            }
        }
        other => unreachable!("{other:?} makes no operator"),
    };
    must(event.subject < MEMBER_NUMBER_MAX, Refusal::NumbersAreUsedUp)?;
    Ok(event)
}

fn change(view: &View, (act, by): (&Act, OperatorNumber), event: Event) -> Result<Event, Refusal> {
    Ok(match act {
        Act::ChangeRoles(operator, roles) => {
            must(roles.fit(), Refusal::RolesMustFit)?;
            there(view, *operator)?;
            if !roles.has(Role::Admin) {
                admins_must_remain(view, *operator)?;
            }
            let (kind, object) = (EventKind::OperatorRolesChanged, roles.bits());
            Event { kind, subject: operator.0, object, ..event }
        }
        Act::EndOperator(operator) => {
            there(view, *operator)?;
            admins_must_remain(view, *operator)?;
            Event { kind: EventKind::OperatorEnded, subject: operator.0, ..event }
        }
        Act::LinkOperator(operator, digest, expires_at) => {
            there(view, *operator)?;
            link_must_be_good(view, *expires_at)?;
            Event {
                kind: EventKind::OperatorLinked,
                subject: operator.0,
                object: by.0,
                number: expires_at.0,
                digest: digest.to_vec(),
                ..event
            }
        }
        Act::EndPasskey(lookup) => {
            let passkey = view.staff.passkeys.get(lookup).ok_or(Refusal::PasskeyMustBeActive)?;
            must(passkey.state != PasskeyState::Ended, Refusal::PasskeyMustBeActive)?;
            let (kind, subject) = (EventKind::OperatorPasskeyEnded, passkey.operator.0);
            Event { kind, subject, digest: lookup.to_vec(), ..event }
        }
        other => unreachable!("{other:?} is no act on an operator"),
    })
}

/// Who is not ended, whether he has registered or not.
fn there(view: &View, number: OperatorNumber) -> Result<&Operator, Refusal> {
    let operator = view.directory.staff.operators.get(&number);
    operator.filter(|operator| operator.is_there()).ok_or(Refusal::OperatorMustBeActive)
}

/// Without `number` there are still two who make operators, and who have registered.
fn admins_must_remain(view: &View, number: OperatorNumber) -> Result<(), Refusal> {
    let left = view.directory.staff.admins().filter(|other| other.number != number).count();
    must(left >= 2, Refusal::AdminsMustRemain)
}

/// Whether the host may renew this operator's link by himself: until two have registered there is
/// nobody else who could, and a passkey that was registered is nobody's to replace.
pub(super) fn is_renewal(view: &View, act: &Act) -> bool {
    let Act::LinkOperator(number, ..) = act else { return false };
    let staff = &view.directory.staff;
    !staff.is_in_office() && staff.operators.get(number).is_some_and(Operator::is_invited)
}

fn link_must_be_good(view: &View, expires_at: Instant) -> Result<(), Refusal> {
    let short = expires_at <= view.now.plus_ms(OPERATOR_LINK_MS);
    must(view.now < expires_at && short, Refusal::OperatorLinkMustBeValid)
}

/// Whose passkey is registered at this link.
fn link_of<'a>(
    view: &'a View,
    digest: &[u8; 32],
) -> Result<(&'a Operator, &'a OperatorLink), Refusal> {
    let link = view.staff.links.get(digest).ok_or(Refusal::OperatorLinkMustBeValid)?;
    let unused = !link.used.is_some() && view.now < link.expires_at;
    must(unused, Refusal::OperatorLinkMustBeValid)?;
    let operator = there(view, link.operator)?;
    // One of the host's is for who has not registered: whoever kept another one of his is too late.
    must(link.made_by.is_some() || operator.is_invited(), Refusal::OperatorLinkMustBeValid)?;
    Ok((operator, link))
}
