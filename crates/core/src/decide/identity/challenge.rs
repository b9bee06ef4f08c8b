//! Codes that are typed: opened, tried, and spent by what they were asked for.
//!
//! Whoever asks hears the same and causes the same work, whether the address is on file or not. For
//! an address of which nothing may be told the code is never sent, so that none is right.

use super::{Acting, notices};
use crate::decide::{Outcome, Stop, must};
use crate::identity::CHALLENGE_TRIES_MAX;
use crate::identity::act::{By, Identity};
use crate::identity::challenge::{
    CODES_A_DAY_MAX, Challenge, ChallengeState, GUESSES_A_DAY_MAX, Purpose,
};
use crate::identity::contact::Contact;
use crate::ids::MemberNumber;
use crate::message::{Argument, Arguments, Message, Once, Recipient, Template};
use crate::refusal::Refusal;
use crate::view::{Effects, View};

pub(super) fn open(
    view: &View,
    identity: &Identity,
    (asked, code): (&Challenge, &str),
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let act = Acting::new(view, identity, effects);
    match asked.purpose {
        // Nobody asks for what only two members of staff say.
        Purpose::Counter => return Err(Refusal::ChallengeMustBeOpen.into()),
        Purpose::AddContact => {
            act.must_be_open()?;
            act.trusted_device()?;
            must(asked.member == identity.member, Refusal::ChallengeMustBeOpen)?;
            let asked_before = view.challenges.get(&Challenge::asked_id_of(asked.member));
            let counted = asked_before.filter(|row| view.now < row.expires_at);
            let few = counted.is_none_or(|row| row.tries < CODES_A_DAY_MAX);
            must(few, Refusal::CodesMustBeFew)?;
            effects.challenges.push(asked.asked(asked_before, view.now));
        }
        Purpose::SignUp | Purpose::RecoverByMail | Purpose::RecoverByPhone => {
            let own = Challenge::id_of(asked.purpose, &act.browser()?);
            must(asked.id == own, Refusal::ChallengeMustBeOpen)?;
        }
    }
    let message = sent(view, identity, (asked, code));
    let real = message.as_ref().filter(|message| view.now < message.expires_at);
    let key = real.map_or([0; 32], |message| message.key);
    effects.messages.extend(message);
    let challenge = Challenge { message: key, ..asked.clone() };
    effects.challenges.push(challenge.clone());
    Ok(Outcome::Challenged(challenge))
}

/// What is written to be sent, if anything may be.
fn sent(view: &View, identity: &Identity, (asked, code): (&Challenge, &str)) -> Option<Message> {
    let once = Once::Request(identity.request);
    let on_file = view.people.contacts.get(&asked.contact).filter(|row| row.is_active());
    let with_code = |template, to: &Recipient| {
        let arguments = Arguments::new().with(Argument::Code, code);
        Message::new(template, to, once, arguments, view.now)
    };
    let typed = Recipient {
        member: asked.member,
        channel: asked.channel,
        address: asked.address.clone(),
        address_digest: asked.contact,
        language: asked.language,
    };
    match (asked.purpose, on_file) {
        (Purpose::Counter, _) => None,
        (Purpose::SignUp, None) => Some(with_code(Template::SignUpCode, &typed)),
        (Purpose::AddContact, None) => Some(with_code(Template::AddressCode, &typed)),
        (Purpose::SignUp | Purpose::AddContact, Some(owned)) => {
            (owned.member != asked.member).then(|| notices::address_in_use(view, owned))
        }
        (Purpose::RecoverByMail | Purpose::RecoverByPhone, on_file) => {
            let theirs = |row: &&Contact| row.member == asked.member && row.is_settled(view.now);
            Some(match on_file.filter(theirs) {
                Some(row) => with_code(Template::RecoveryCode, &row.recipient()),
                // The same work, for nobody: it is over before it could be sent.
                None => {
                    Message { expires_at: view.now, ..with_code(Template::RecoveryCode, &typed) }
                }
            })
        }
    }
}

pub(super) fn try_code(
    view: &View,
    identity: &Identity,
    (id, code): (&[u8; 32], &[u8; 32]),
    effects: &mut Effects,
) -> Result<Outcome, Stop> {
    let mut challenge = opened(view, identity, id)?.clone();
    if challenge.state == ChallengeState::Waiting {
        must(challenge.tries < CHALLENGE_TRIES_MAX, Refusal::ChallengeMustBeOpen)?;
        let guesses =
            view.challenges.get(&Challenge::guesses_id_of(challenge.purpose, &challenge.contact));
        let counted = guesses.filter(|row| view.now < row.expires_at);
        let may_be_right = counted.is_none_or(|row| row.tries < GUESSES_A_DAY_MAX);
        // Hashes are compared in constant time.
        let right = blake3::Hash::from(challenge.code) == blake3::Hash::from(*code);
        if right && may_be_right {
            challenge.state = ChallengeState::Confirmed;
            effects.confirmed.extend((challenge.message != [0; 32]).then_some(challenge.message));
        } else {
            challenge.tries += 1;
            effects.challenges.push(challenge.guessed(guesses, view.now));
        }
        effects.challenges.push(challenge.clone());
    }
    Ok(Outcome::Challenged(challenge))
}

/// The challenge of who acts, while it counts.
fn opened<'a>(
    view: &'a View,
    identity: &Identity,
    id: &[u8; 32],
) -> Result<&'a Challenge, Refusal> {
    let row = view.challenges.get(id).filter(|row| {
        let theirs = match identity.by {
            By::Browser(thumbprint) if row.purpose == Purpose::Counter => {
                row.id == Challenge::id_of_counter(&Challenge::shown_of(&thumbprint))
            }
            By::Browser(thumbprint) => row.id == Challenge::id_of(row.purpose, &thumbprint),
            By::Device { .. } => row.member == identity.member,
            By::Message => false,
        };
        theirs && row.state != ChallengeState::Spent && view.now < row.expires_at
    });
    row.ok_or(Refusal::ChallengeMustBeOpen)
}

/// Spends a confirmed challenge of who acts: it proves its address now, and nothing later.
pub(super) fn spend<'a>(
    act: &mut Acting<'a>,
    id: &[u8; 32],
    purposes: &[Purpose],
) -> Result<&'a Challenge, Refusal> {
    let row = opened(act.view, act.identity, id)?;
    let confirmed = row.state == ChallengeState::Confirmed && purposes.contains(&row.purpose);
    must(confirmed, Refusal::ChallengeMustBeOpen)?;
    let spent = Challenge { state: ChallengeState::Spent, ..row.clone() };
    act.effects.challenges.push(spent);
    Ok(row)
}

/// Whether an address can be put on the file of `member`: it is nobody else's.
pub(super) fn is_free(view: &View, contact: &[u8; 32], member: MemberNumber) -> bool {
    let row = view.people.contacts.get(contact);
    row.is_none_or(|row| !row.is_active() || row.member == member)
}
