//! Messages: what members and operators are told outside of the program, by mail and by SMS.
//!
//! A decision puts messages beside its facts ([`crate::view::Effects::messages`]); they are saved
//! in the same commit, so that nothing is announced that did not happen and nothing that happened
//! goes unannounced. A job delivers them, at least once.
//!
//! A message is a *work row*: neither a fact nor folded from facts. It changes as it is delivered
//! and is deleted after [`KEPT_MS`]; `verify` says nothing about it, and nothing is decided by it.
//! Its key is made from what it is about ([`Once`]), so that a command which is decided again
//! announces nothing twice.
//!
//! What only the addressee may know (codes, tokens of links) is in [`Arguments`], shows in no log,
//! and is erased once the message was sent or given up.
//!
//! Limits: [`ARGUMENT_CHARS_MAX`] a value, [`Template::valid_ms`] to be delivered in.
//!
//! Not here: words (the server's texts), transports, how much may be sent (the store counts it).

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use self::template::{Argument, CODE_VALID_MS, Factor, Purse, Template};
use crate::ids::{MemberNumber, RequestId};
use crate::row::{Field, Kind, Source, Value};
use crate::time::{BusinessDate, DAY_MS, Instant};
use crate::{coded, row};

/// The longest value of an argument, characters; more is cut off.
pub const ARGUMENT_CHARS_MAX: usize = 200;
/// How long a message is kept, whatever became of it, milliseconds: budgets look back a day, people
/// who ask what was sent to them a month.
pub const KEPT_MS: i64 = 30 * DAY_MS;
/// Signs of a phone number that say where it is: `+`, country, area. Numbers that differ in the
/// rest are of one prefix.
const PHONE_PREFIX_CHARS: usize = 7;

coded! {
    /// How a message gets to whom it is for.
    pub enum Channel {
        /// Mail, through SMTP.
        Mail = 1 => "mail",
        /// Short messages, through an adapter.
        Sms = 2 => "sms",
    }
}

coded! {
    /// The language of a message.
    pub enum Language {
        /// Japanese.
        Japanese = 1 => "ja",
        /// English.
        English = 2 => "en",
    }
}

coded! {
    /// How far a message has come.
    pub enum MessageState {
        /// It is to be sent, or being sent.
        Waiting = 0 => "waiting",
        /// The next server has taken it.
        Sent = 1 => "sent",
        /// It could not be delivered, or not in time.
        GivenUp = 2 => "given_up",
        /// A budget was spent: it was not sent, and nobody was told so.
        Suppressed = 3 => "suppressed",
    }
}

coded! {
    /// Whether the addressee has answered a message.
    pub enum Confirmation {
        /// There is nothing to answer.
        NotAsked = 0 => "not_asked",
        /// It brought a code, which was not typed yet.
        Awaited = 1 => "awaited",
        /// Its code was typed.
        Given = 2 => "given",
    }
}

/// A mail address, or a phone number in E.164 form (`+819012345678`). It shows in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl Field for Address {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(&self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        String::read(source, index).map(Self)
    }
}

impl Address {
    /// What many addresses of one owner have in common: a mail address's domain, a phone number's
    /// country and area.
    pub fn prefix(&self, channel: Channel) -> String {
        match channel {
            Channel::Mail => {
                let domain = self.0.rsplit_once('@').map_or("", |(_, domain)| domain);
                domain.to_ascii_lowercase()
            }
            Channel::Sms => self.0.chars().take(PHONE_PREFIX_CHARS).collect(),
        }
    }
}

/// What is filled into a message's text, by name. It shows in no log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Arguments(String);

impl fmt::Debug for Arguments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl Field for Arguments {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(&self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        String::read(source, index).map(Self)
    }
}

impl Arguments {
    /// None yet.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// The same and one more. Line ends and other controls become spaces, so that a device's name
    /// cannot write a line of its own; what is too long is cut off.
    #[must_use]
    pub fn with(mut self, argument: Argument, value: &str) -> Self {
        assert!(self.get(argument).is_none(), "each argument is given once");
        let signs = value.chars().take(ARGUMENT_CHARS_MAX);
        self.0.push_str(argument.name());
        self.0.push('=');
        self.0.extend(signs.map(|sign| if sign.is_control() { ' ' } else { sign }));
        self.0.push('\n');
        self
    }

    /// The same and a time, which is written in the operator's zone when it is sent.
    #[must_use]
    pub fn at(self, argument: Argument, at: Instant) -> Self {
        self.with(argument, &at.0.to_string())
    }

    /// The value of one, if it is given.
    pub fn get(&self, argument: Argument) -> Option<&str> {
        self.all().find(|(given, _)| *given == argument).map(|(_, value)| value)
    }

    /// Each with its value, in the order they were given. Lines that are none are left out.
    pub fn all(&self) -> impl Iterator<Item = (Argument, &str)> {
        self.0.lines().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((Argument::from_name(name)?, value))
        })
    }
}

/// To whom, where and in which language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The member; none for strangers and operators.
    pub member: MemberNumber,
    /// Mail or SMS.
    pub channel: Channel,
    /// Where.
    pub address: Address,
    /// The address's keyed digest, the same for the same address.
    pub address_digest: [u8; 32],
    /// In which language.
    pub language: Language,
}

/// What makes two messages of one template to one address the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// They come from the same request.
    Request(RequestId),
    /// They are of the same day: at most one a day.
    Day(BusinessDate),
}

row! {
    /// A message on its way, and for [`KEPT_MS`] afterwards.
    pub struct Message in "message" {
        /// Identity: a digest of template, address and [`Once`].
        pub key: [u8; 32],
        /// The member it is about; none for strangers and operators.
        pub member: MemberNumber,
        /// Mail or SMS.
        pub channel: Channel,
        /// What it says.
        pub template: Template,
        /// In which language.
        pub language: Language,
        /// Out of whose budget it goes.
        pub purse: Purse,
        /// How far it has come.
        pub state: MessageState,
        /// How often it was taken up to be sent.
        pub tries: i64,
        /// While it waits: when it is taken up, again where it was before. A node that takes it up
        /// moves this on by its lease, so that another does so only when the node is gone.
        pub next_at: Instant,
        /// When it was decided.
        pub created_at: Instant,
        /// When a budget let it pass, at its first try; 0 before, and where none did.
        pub admitted_at: Instant,
        /// From when on it is of no use and is given up.
        pub expires_at: Instant,
        /// Whether the addressee has typed the code that it brought.
        pub confirmation: Confirmation,
        /// The address's keyed digest.
        pub address_digest: [u8; 32],
        /// What many addresses of one owner have in common, see [`Address::prefix`].
        pub prefix: String,
        /// Where it goes.
        pub address: Address,
        /// What is filled in; erased when it was sent or given up.
        pub arguments: Arguments,
    }
}

impl Message {
    /// A message that waits to be sent.
    ///
    /// # Panics
    /// When `arguments` are not exactly those that the template takes.
    pub fn new(
        template: Template,
        to: &Recipient,
        once: Once,
        arguments: Arguments,
        now: Instant,
    ) -> Self {
        let mut given: Vec<Argument> = arguments.all().map(|(argument, _)| argument).collect();
        given.sort_unstable();
        assert!(given == template.takes(), "{template} takes other arguments than {given:?}");
        Self {
            key: key_of(template, to, once),
            member: to.member,
            channel: to.channel,
            template,
            language: to.language,
            purse: template.purse(),
            state: MessageState::Waiting,
            tries: 0,
            next_at: now,
            created_at: now,
            admitted_at: Instant(0),
            expires_at: now.plus_ms(template.valid_ms()),
            confirmation: if template.is_code() {
                Confirmation::Awaited
            } else {
                Confirmation::NotAsked
            },
            address_digest: to.address_digest,
            prefix: to.address.prefix(to.channel),
            address: to.address.clone(),
            arguments,
        }
    }
}

/// What a batch tells people, and what they have answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Messages to be sent, by key.
    pub messages: BTreeMap<[u8; 32], Message>,
    /// Keys of messages whose codes were typed.
    pub confirmed: BTreeSet<[u8; 32]>,
}

impl Outgoing {
    /// Takes what one decision has to say. The first of the same message is the one that is sent.
    pub fn take(&mut self, messages: Vec<Message>, confirmed: Vec<[u8; 32]>) {
        for message in messages {
            self.messages.entry(message.key).or_insert(message);
        }
        self.confirmed.extend(confirmed);
    }
}

/// The key of a message: whoever makes the same message anew can name it, to say that its code was
/// typed ([`crate::view::Effects::confirmed`]).
pub fn key_of(template: Template, to: &Recipient, once: Once) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki message 1");
    for number in [template.code(), to.channel.code(), to.member.0] {
        hasher.update(&number.to_be_bytes());
    }
    hasher.update(&to.address_digest);
    match once {
        Once::Request(request) => hasher.update(&[1]).update(&request.0),
        Once::Day(day) => hasher.update(&[2]).update(&day.0.to_be_bytes()),
    };
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_700_000_000_000);

    fn recipient(address: &str) -> Recipient {
        Recipient {
            member: MemberNumber(7),
            channel: Channel::Mail,
            address: Address(address.to_owned()),
            address_digest: *blake3::hash(address.as_bytes()).as_bytes(),
            language: Language::Japanese,
        }
    }

    #[test]
    fn a_message_is_the_same_for_the_same_request_and_another_for_anything_else() {
        let (one, other) = (recipient("one@a.example"), recipient("two@a.example"));
        let request = |byte| Once::Request(RequestId([byte; 16]));
        let key = key_of(Template::SignUpCode, &one, request(1));
        assert_eq!(key, key_of(Template::SignUpCode, &one, request(1)));
        let changed = Recipient { member: MemberNumber(8), ..one.clone() };
        let texted = Recipient { channel: Channel::Sms, ..one.clone() };
        for different in [
            key_of(Template::RecoveryCode, &one, request(1)),
            key_of(Template::SignUpCode, &other, request(1)),
            key_of(Template::SignUpCode, &changed, request(1)),
            key_of(Template::SignUpCode, &texted, request(1)),
            key_of(Template::SignUpCode, &one, request(2)),
            key_of(Template::SignUpCode, &one, Once::Day(BusinessDate(1))),
        ] {
            assert_ne!(key, different);
        }
    }

    #[test]
    fn a_value_cannot_write_a_line_of_its_own_and_is_cut_off_where_it_is_too_long() {
        let long = "あ".repeat(ARGUMENT_CHARS_MAX + 1);
        let arguments = Arguments::new()
            .with(Argument::Device, "Safari\ncode=1\r\nx=\u{7}y")
            .with(Argument::Masked, &long);
        assert_eq!(arguments.get(Argument::Device), Some("Safari code=1  x= y"));
        assert_eq!(arguments.get(Argument::Code), None);
        let cut = arguments.get(Argument::Masked).map(|value| value.chars().count());
        assert_eq!(cut, Some(ARGUMENT_CHARS_MAX));
    }

    #[test]
    fn neither_address_nor_code_shows_in_a_log() {
        let arguments = Arguments::new().with(Argument::Code, "31415926");
        let once = Once::Request(RequestId([1; 16]));
        let to = recipient("secret@a.example");
        let message = Message::new(Template::SignUpCode, &to, once, arguments, NOW);
        let said = format!("{message:?} {to:?}");
        assert!(!said.contains("31415926") && !said.contains("secret@"), "{said}");
        assert_eq!(message.expires_at, NOW.plus_ms(Template::SignUpCode.valid_ms()));
    }

    #[test]
    #[should_panic(expected = "takes other arguments")]
    fn a_message_without_what_its_text_names_is_a_bug_of_ours() {
        let once = Once::Day(BusinessDate(1));
        let to = recipient("one@a.example");
        drop(Message::new(Template::SignUpCode, &to, once, Arguments::new(), NOW));
    }

    #[test]
    fn a_prefix_is_a_domain_or_a_country_with_its_area() {
        let mail = Address("Some.One@Mail.EXAMPLE".to_owned());
        assert_eq!(mail.prefix(Channel::Mail), "mail.example");
        let phone = Address("+819012345678".to_owned());
        assert_eq!(phone.prefix(Channel::Sms), "+819012");
    }
}
