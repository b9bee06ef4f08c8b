//! What members are told, at every address on file before the act: who takes an address over is
//! told nothing, who loses it is.

use super::Acting;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::identity::UNFREEZE_WAIT_MS;
use crate::identity::act::Tokens;
use crate::identity::contact::Contact;
use crate::ids::{FactId, MemberNumber, RequestId};
use crate::message::{Address, Argument, Arguments, Channel, Message, Once, Template};
use crate::state::MemberState;
use crate::time::{BusinessDate, Instant};
use crate::view::{Effects, View};

/// What a notice says besides when, and its links.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    /// A device.
    pub(super) device: &'a str,
    /// A factor, by the name that messages give it.
    pub(super) factor: &'a str,
    /// An address, with most of it left out.
    pub(super) masked: &'a str,
    /// Until when, or from when.
    pub(super) until: Instant,
}

/// Tells the member of `template`.
pub(super) fn tell(act: &mut Acting<'_>, template: Template, device: &str) {
    tell_of(act, template, About { device, ..About::default() });
}

/// Tells the member of `template`, with what it is about.
pub(super) fn tell_of(act: &mut Acting<'_>, template: Template, about: About<'_>) {
    let once = match template {
        Template::SignInAttempt => Once::Day(day_of(act.view)),
        _ => Once::Request(act.identity.request),
    };
    let arguments = arguments(act.view.now, template, about, Some(&act.identity.tokens));
    let messages = to_all(act.view, act.identity.member, (template, once), &arguments);
    act.effects.messages.extend(messages);
}

/// Tells a member of what became of a card or of a top-up by one; `freeze` is the token of the link
/// by which he stops it.
pub(in crate::decide) fn tell_of_money(
    view: &View,
    member: MemberNumber,
    (template, request): (Template, RequestId),
    (masked, until, freeze): (&str, Instant, &str),
) -> Vec<Message> {
    let about = About { masked, until, ..About::default() };
    let tokens = Tokens { freeze: freeze.to_owned(), ..Tokens::default() };
    let arguments = arguments(view.now, template, about, Some(&tokens));
    to_all(view, member, (template, Once::Request(request)), &arguments)
}

/// A message to every address on file.
fn to_all(
    view: &View,
    member: MemberNumber,
    (template, once): (Template, Once),
    arguments: &Arguments,
) -> Vec<Message> {
    let contacts = view.people.contacts_of(member);
    let messages = contacts.map(|contact| {
        Message::new(template, &contact.recipient(), once, arguments.clone(), view.now)
    });
    messages.collect()
}

/// Tells a member of what staff has done to his wallet, as its event says.
pub(in crate::decide) fn tell_by_staff(view: &View, event: &Event, effects: &mut Effects) {
    let member = MemberNumber(event.subject);
    let state = view.members.get(&member).map(|row| row.state);
    let device = view.people.devices.get(&FactId(event.object));
    let label = device.map_or("", |row| row.label.as_str());
    let (template, device) = match event.kind {
        EventKind::MemberFrozen if state == Some(MemberState::Open) => (Template::WalletFrozen, ""),
        EventKind::MemberUnfrozen => (Template::UnfrozenByStaff, ""),
        EventKind::MemberClosed => (Template::AccountClosed, ""),
        EventKind::RecoveryAllowed => (Template::RecoveryAllowed, ""),
        EventKind::RecoveryEnded => (Template::RecoveryEnded, ""),
        EventKind::DeviceEnded => (Template::DeviceEndedByStaff, label),
        _ => return,
    };
    let about = About { device, ..About::default() };
    let arguments = arguments(view.now, template, about, None);
    let once = (template, Once::Request(event.request_id));
    effects.messages.extend(to_all(view, member, once, &arguments));
}

/// Tells a member that staff is about to unfreeze what he has frozen.
pub(in crate::decide) fn tell_of_proposal(
    view: &View,
    act: &Act,
    event: &Event,
    effects: &mut Effects,
) {
    let Act::UnfreezeMember(member) = act else { return };
    let state = view.members.get(member).map(|row| row.state);
    if state != Some(MemberState::FrozenByMember) {
        return;
    }
    let until = view.now.plus_ms(UNFREEZE_WAIT_MS);
    let about = About { until, ..About::default() };
    let arguments = arguments(view.now, Template::UnfreezeProposed, about, None);
    let once = (Template::UnfreezeProposed, Once::Request(event.request_id));
    effects.messages.extend(to_all(view, *member, once, &arguments));
}

/// Fills a template; only what a member or a stranger does has links.
fn arguments(
    now: Instant,
    template: Template,
    about: About<'_>,
    tokens: Option<&Tokens>,
) -> Arguments {
    let token = |of: fn(&Tokens) -> &String| tokens.map(of).expect("staff sends no links");
    template.takes().iter().fold(Arguments::new(), |given, argument| match argument {
        Argument::At => given.at(Argument::At, now),
        Argument::Until => given.at(Argument::Until, about.until),
        Argument::Device => given.with(Argument::Device, about.device),
        Argument::Factor => given.with(Argument::Factor, about.factor),
        Argument::Masked => given.with(Argument::Masked, about.masked),
        Argument::FreezeToken => given.with(Argument::FreezeToken, token(|tokens| &tokens.freeze)),
        Argument::ContestToken => {
            given.with(Argument::ContestToken, token(|tokens| &tokens.contest))
        }
        Argument::ReturnToken => given.with(Argument::ReturnToken, token(|tokens| &tokens.back)),
        Argument::Code => unreachable!("no notice to a member takes {argument}"),
    })
}

/// The owner of an address is told that somebody signs up with it; once a day.
pub(super) fn address_in_use(view: &View, owned: &Contact) -> Message {
    let arguments = Arguments::new().at(Argument::At, view.now);
    let once = Once::Day(day_of(view));
    Message::new(Template::AddressInUse, &owned.recipient(), once, arguments, view.now)
}

fn day_of(view: &View) -> BusinessDate {
    BusinessDate::of(view.now, view.rules.zone, 0)
}

/// An address of which most is left out: enough for its owner to know it by.
pub(super) fn masked(channel: Channel, Address(address): &Address) -> String {
    match channel {
        Channel::Mail => {
            let (local, domain) = address.split_once('@').unwrap_or((address, ""));
            let first: String = local.chars().take(1).collect();
            format!("{first}…@{domain}")
        }
        Channel::Sms => {
            let last = address.chars().count().saturating_sub(2);
            format!("…{}", address.chars().skip(last).collect::<String>())
        }
    }
}
