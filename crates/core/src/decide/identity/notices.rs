//! What members are told, at every address on file before the act: who takes an address over is
//! told nothing, who loses it is.

use super::Acting;
use crate::identity::contact::Contact;
use crate::message::{Argument, Arguments, Channel, Message, Once, Template};
use crate::time::{BusinessDate, Instant};
use crate::view::View;

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
    let arguments = arguments(act, template, about);
    let contacts = act.view.people.contacts_of(act.identity.member);
    let messages = contacts.map(|contact| {
        Message::new(template, &contact.recipient(), once, arguments.clone(), act.view.now)
    });
    let messages: Vec<Message> = messages.collect();
    act.effects.messages.extend(messages);
}

fn arguments(act: &Acting<'_>, template: Template, about: About<'_>) -> Arguments {
    let tokens = &act.identity.tokens;
    template.takes().iter().fold(Arguments::new(), |given, argument| match argument {
        Argument::At => given.at(Argument::At, act.view.now),
        Argument::Until => given.at(Argument::Until, about.until),
        Argument::Device => given.with(Argument::Device, about.device),
        Argument::Factor => given.with(Argument::Factor, about.factor),
        Argument::Masked => given.with(Argument::Masked, about.masked),
        Argument::FreezeToken => given.with(Argument::FreezeToken, &tokens.freeze),
        Argument::ContestToken => given.with(Argument::ContestToken, &tokens.contest),
        Argument::ReturnToken => given.with(Argument::ReturnToken, &tokens.back),
        Argument::Code | Argument::Who | Argument::What => {
            unreachable!("no notice to a member takes {argument}")
        }
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
pub(super) fn masked(contact: &Contact) -> String {
    let address = &contact.address.0;
    match contact.channel {
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
