//! The words of messages: `texts/messages.LANGUAGE.ftl`, filled in.
//!
//! A mail is its own text, then a paragraph for each link that it brings, then who sends. A link
//! begins with the origin of the settings and has its token behind `#`, which no browser sends
//! anywhere. There are three: freeze the wallet, contest a recovery, take back a change. None leads
//! to where a password is asked for, and people can be told so.
//!
//! What comes from outside (the label of a device) is filled in once and never read as a text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yaoki_core::message::{Argument, Channel, Language, Message};
use yaoki_core::time::Instant;

use super::MessageOptions;
use crate::web::texts::{self, Texts};

/// A mail, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// Each token, the path that its link leads to, and the texts that it stands in.
const LINKS: [(Argument, &str, &str); 3] = [
    (Argument::FreezeToken, "/freeze", "freeze"),
    (Argument::ContestToken, "/contest", "contest"),
    (Argument::ReturnToken, "/return", "return"),
];

/// Puts messages into words.
#[derive(Clone, Debug)]
pub struct Words {
    sender: String,
    origin: String,
    zone: TimeZone,
}

impl Words {
    /// `fallback` is the origin where the options have none.
    pub(crate) fn new(options: &MessageOptions, zone: TimeZone, fallback: &str) -> Self {
        let origin = options.origin.as_deref().unwrap_or(fallback);
        let origin = origin.trim_end_matches('/').to_owned();
        Self { sender: options.sender.clone(), origin, zone }
    }

    /// A mail.
    pub(crate) fn letter(&self, message: &Message) -> Letter {
        let texts = texts_of(message.language);
        let own = |part: &str| texts.say(&format!("message-{}-{part}", message.template));
        let values = self.values(message);
        let mut paragraphs = vec![fill(own("mail"), &values)];
        paragraphs.extend(self.links(message, "mail"));
        paragraphs.push(fill(texts.say("message-footer"), &values));
        let body = paragraphs.join("\n\n") + "\n";
        Letter { subject: fill(own("subject"), &values), body }
    }

    /// An SMS.
    pub(crate) fn text(&self, message: &Message) -> String {
        let texts = texts_of(message.language);
        let own = texts.say(&format!("message-{}-sms", message.template));
        let mut parts = vec![fill(own, &self.values(message))];
        parts.extend(self.links(message, "sms"));
        parts.join("\n")
    }

    /// As a page shows it: the subject of a mail, none of an SMS, and what it says.
    pub(crate) fn shown(&self, message: &Message) -> (Option<String>, String) {
        match message.channel {
            Channel::Mail => {
                let letter = self.letter(message);
                (Some(letter.subject), letter.body)
            }
            Channel::Sms => (None, self.text(message)),
        }
    }

    /// Whether a line is a link of ours and nothing else.
    pub(crate) fn is_link(&self, line: &str) -> bool {
        LINKS.iter().any(|(_, path, _)| line.starts_with(&format!("{}{path}#", self.origin)))
            && !line.contains(char::is_whitespace)
    }

    fn links(&self, message: &Message, form: &str) -> Vec<String> {
        let texts = texts_of(message.language);
        let given = LINKS.iter().filter_map(|(argument, path, name)| {
            let token = message.arguments.get(*argument)?;
            let link = format!("{}{path}#{token}", self.origin);
            let text = texts.say(&format!("message-{name}-{form}"));
            Some(fill(text, &[("link", link)]))
        });
        given.collect()
    }

    /// What texts are filled with, by name.
    fn values(&self, message: &Message) -> Vec<(&'static str, String)> {
        let texts = texts_of(message.language);
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        let host = host.split(':').next().unwrap_or_default();
        let mut values = vec![("sender", self.sender.clone()), ("host", host.to_owned())];
        values.extend(message.arguments.all().map(|(argument, value)| {
            let said = match argument {
                _ if argument.is_time() => self.time(value),
                Argument::Factor => {
                    texts.say(&format!("message-factor-{}", value.replace('_', "-"))).to_owned()
                }
                _ => value.to_owned(),
            };
            (argument.name(), said)
        }));
        values
    }

    /// A time in the operator's zone, which is named.
    pub(crate) fn time_of(&self, at: Instant) -> String {
        // Past the year 9999 it is a number.
        let known = Timestamp::from_millisecond(at.0);
        known.map_or_else(
            |_| at.0.to_string(),
            |at| at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M (%Q)").to_string(),
        )
    }

    /// What is no time stays as it is.
    fn time(&self, value: &str) -> String {
        value.parse().map_or_else(|_| value.to_owned(), |ms| self.time_of(Instant(ms)))
    }
}

/// The texts of messages.
pub(crate) fn texts_of(language: Language) -> &'static Texts {
    Texts::of_messages(match language {
        Language::Japanese => texts::Language::Japanese,
        Language::English => texts::Language::English,
    })
}

/// A text with its values, each looked at once: a value is never read as a text.
fn fill(text: &str, values: &[(&'static str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = after.split_once('}').expect("a test reads every text");
        let value = values.iter().find(|(given, _)| *given == name);
        filled.push_str(&value.expect("a test fills every text").1);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaoki_core::ids::{MemberNumber, RequestId};
    use yaoki_core::message::{Address, Arguments, Factor, Once, Recipient, Template};

    const ORIGIN: &str = "https://pay.example.jp:8443";

    fn words() -> Words {
        let options = MessageOptions {
            sender: "八起 Pay".to_owned(),
            origin: Some(format!("{ORIGIN}/")),
            ..MessageOptions::default()
        };
        Words::new(&options, TimeZone::get("Asia/Tokyo").expect("a zone"), "")
    }

    fn value(argument: Argument) -> &'static str {
        match argument {
            Argument::Code => "31415926",
            Argument::Device => "Safari {code} on iPhone",
            // 2026-01-05T03:00:00Z.
            Argument::At => "1767582000000",
            Argument::Until => "1767668400000",
            Argument::Factor => Factor::RecoveryCodes.name(),
            Argument::Masked => "a…@example.jp",
            Argument::FreezeToken => "freeze-token",
            Argument::ContestToken => "contest-token",
            Argument::ReturnToken => "return-token",
        }
    }

    fn message(template: Template, channel: Channel, language: Language) -> Message {
        let arguments = template.takes().iter();
        let arguments = arguments.fold(Arguments::new(), |all, one| all.with(*one, value(*one)));
        let to = Recipient {
            member: MemberNumber(7),
            channel,
            address: Address("a@example.jp".to_owned()),
            address_digest: [1; 32],
            language,
        };
        Message::new(template, &to, Once::Request(RequestId([1; 16])), arguments, Instant(1))
    }

    /// Every message there is, in words.
    fn all() -> Vec<(Message, String)> {
        let mut all = Vec::new();
        for template in Template::ALL {
            for language in Language::ALL {
                for channel in Channel::ALL {
                    let message = message(*template, *channel, *language);
                    let (subject, body) = words().shown(&message);
                    all.push((message, format!("{}\n{body}", subject.unwrap_or_default())));
                }
            }
        }
        all
    }

    #[test]
    fn every_message_is_said_in_both_languages_by_mail_and_by_sms_with_all_that_it_brings() {
        for (message, said) in all() {
            let what =
                format!("{} {} {}: {said}", message.template, message.language, message.channel);
            for argument in message.template.takes() {
                let told = match argument {
                    Argument::At => "2026-01-05 12:00 (Asia/Tokyo)",
                    Argument::Until => "2026-01-06 12:00 (Asia/Tokyo)",
                    Argument::Factor => continue,
                    other => value(*other),
                };
                // An SMS is short: it may leave out what is no secret.
                let must = message.channel == Channel::Mail || argument.is_secret();
                assert!(!must || said.contains(told), "{argument} in {what}");
            }
            assert!(said.contains("八起 Pay"), "{what}");
            assert!(message.channel == Channel::Mail || said.chars().count() <= 280, "{what}");
        }
    }

    #[test]
    fn a_link_leads_to_one_of_three_places_and_never_to_where_a_password_is_asked_for() {
        for (message, said) in all() {
            for (place, _) in said.match_indices("://") {
                let begin = said[..place].rfind(char::is_whitespace).map_or(0, |at| at + 1);
                let link = said[begin..].split_whitespace().next().unwrap_or_default();
                assert!(words().is_link(link), "{link} in {}", message.template);
            }
            let lower = said.to_lowercase();
            for word in ["www.", "/sign-in", "/login", "/password", "href", "<a"] {
                assert!(!lower.contains(word), "{word} in {}", message.template);
            }
            let tokens = message
                .template
                .takes()
                .iter()
                .filter(|one| LINKS.iter().any(|(argument, ..)| argument == *one));
            assert_eq!(said.matches("://").count(), tokens.count(), "{}", message.template);
        }
    }

    #[test]
    fn every_factor_has_a_name_in_both_languages() {
        for language in Language::ALL {
            for factor in Factor::ALL {
                let key = format!("message-factor-{}", factor.name().replace('_', "-"));
                assert!(!texts_of(*language).say(&key).is_empty());
            }
        }
    }

    #[test]
    fn what_comes_from_outside_is_filled_in_once() {
        let values = [("device", "{code}".to_owned()), ("code", "31415926".to_owned())];
        assert_eq!(fill("a {device} b", &values), "a {code} b");
    }

    #[test]
    fn every_text_belongs_to_a_message_to_a_link_or_to_the_mailbox() {
        let mut known: Vec<String> = ["message-footer"].map(str::to_owned).into();
        for template in Template::ALL {
            known.extend(
                ["subject", "mail", "sms"].map(|part| format!("message-{template}-{part}")),
            );
        }
        known.extend(
            LINKS.iter().flat_map(|(_, _, name)| {
                ["mail", "sms"].map(|form| format!("message-{name}-{form}"))
            }),
        );
        for language in Language::ALL {
            for key in texts_of(*language).keys() {
                let is_known = known.iter().any(|one| one == key)
                    || key.starts_with("message-factor-")
                    || key.starts_with("mailbox-");
                assert!(is_known, "{key}");
            }
        }
    }
}
