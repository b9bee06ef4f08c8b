//! What operators do, as messages: over the admin socket of a running server, or by the binary
//! itself when none runs. One message, one reply, both JSON.
//!
//! Who does it, and why, is part of the message; the rules say what must be given. A message may
//! carry a request id, and then doing it twice does it once.

mod bulk;
mod clerks;
mod listing;
mod message;
mod operators;
mod told;

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use yaoki_core::bulk::BulkRoot;
use yaoki_core::code::CodeSettingError;
use yaoki_core::command::{Act, Administer, Asset, Command, Credit};
use yaoki_core::decide::{Outcome, Refused};
use yaoki_core::facts::{Event, EventKind};
use yaoki_core::ids::{
    FactId, MemberNumber, MerchantNumber, RequestId, StoreNumber, TerminalNumber, WebhookNumber,
};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Terminal;
use yaoki_core::switches::{Capability, Scope, Switch, provider_number};
use yaoki_core::time::{Instant, SECOND_MS};
use yaoki_store::{Answer, Book, BookKind, Clock, Part, StoreError, Unknown, read};

use crate::api::enrolment::{LINK_TOKEN_BYTES, link_digest};
use crate::api::{fields, time};
use crate::app::{App, Entropy};
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::keys::{KeyFile, KeyFileError, KeyName};
use crate::edge::proof::token::ACTOR_CHARS_MAX;
use crate::jobs::webhooks::message::secret_text;
use crate::serve::MEMBERS_MIN;

pub use self::bulk::BulkRowOrder;
pub use self::listing::LISTED;
pub use self::message::{By, Message, Order};
pub(crate) use self::operators::operator_page;
use self::told::told;

/// How long an act may wait for its turn, milliseconds.
const DEADLINE_MS: i64 = 30 * SECOND_MS;
/// How long a link lives when nothing is said, seconds: one day.
const LINK_SECONDS: i64 = 24 * 60 * 60;

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The message does not say what is meant.
    #[error("{0}")]
    Wrong(String),
    /// The rules refuse.
    #[error("{} {}", .0.sentence(), .0.cure())]
    Refused(Refusal),
    /// Nothing is known.
    #[error("{} Try again.", .0.sentence())]
    Unknown(Unknown),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key file failed.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Codes would be too easy to guess.
    #[error("{0}, or keep no older key (`keep_seconds` 0)")]
    Code(#[from] CodeSettingError),
    /// What was asked for is in the memory of a server.
    #[error(
        "a server must run over this data folder: console links and sessions are kept in its \
        memory. Start it with `yaoki serve`, then try again"
    )]
    NoServer,
    /// Links to the console are for books without operators.
    #[error(
        "this book has operators: each signs in at the console with a passkey, and no link opens it"
    )]
    HasOperators,
    /// The key file is of before a restore.
    #[error(
        "the key file must be at least as new as the book: its code key is of generation {file}, \
         the book was restored with generation {book}. Bring the newer key file"
    )]
    KeysOld {
        /// The generation of the code key in the file.
        file: u32,
        /// The least that the book accepts.
        book: i64,
    },
}

/// What kind of error ends an order, for callers who tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The message does not say what is meant.
    Malformed,
    /// The rules refuse.
    Refused,
    /// Nothing is known: it may have been done.
    Unknown,
    /// Something outside the rules stands in the way.
    Fault,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Malformed, Self::Refused, Self::Unknown, Self::Fault];

    /// As in replies.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Fault => "fault",
        }
    }

    /// The kind of this text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text() == text)
    }
}

impl AdminError {
    /// What kind of error it is, as replies name it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Wrong(_) => ErrorKind::Malformed,
            Self::Refused(_)
            | Self::Code(_)
            | Self::HasOperators
            | Self::Store(StoreError::Refused(_)) => ErrorKind::Refused,
            Self::Unknown(_) => ErrorKind::Unknown,
            Self::Store(_) | Self::Keys(_) | Self::NoServer | Self::KeysOld { .. } => {
                ErrorKind::Fault
            }
        }
    }

    /// As a reply: `{"error": {…}}`.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "kind": self.kind().text(), "message": self.to_string() });
        if let Self::Refused(refusal) = self {
            error["refusal"] = refusal.name().into();
            error["number"] = refusal.number().into();
        }
        json!({ "error": error })
    }
}

/// What orders are carried out with.
#[derive(Clone)]
pub struct Desk {
    /// The book.
    pub book: Arc<Book>,
    /// Where the keys are kept.
    pub key_file: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub entropy: Entropy,
    /// The running server; none where this process works on the store itself.
    pub server: Option<App>,
}

/// Carries out one message and gives the reply. Blocks until the commit is on disk: for threads
/// that are not a runtime's.
///
/// # Errors
/// [`AdminError`]; nothing was changed, but for `Unknown`, where it may have been.
pub fn perform(desk: &Desk, message: &Message) -> Result<Value, AdminError> {
    let by = &message.by;
    match &message.order {
        Order::Status => Ok(status(desk)),
        Order::ListSwitches => list_switches(desk),
        Order::ReloadKeys => reload_keys(desk),
        Order::ConsoleLink => console_link(desk, by),
        Order::EndConsoleSessions => end_console_sessions(desk, by),
        Order::List { what, after, limit } => listing::list(desk, what, after.as_deref(), *limit),
        Order::OpenRestored if by.proposal.is_some() => {
            let (event, replayed) = administer(desk, by, Act::OpenBook)?;
            Ok(told(&event, replayed))
        }
        Order::OpenRestored => {
            desk.book.open_restored(&by.actor, &by.second)?;
            Ok(json!({ "done": "book_opened" }))
        }
        Order::RotateKey { key, keep_seconds } => rotate_key(desk, key, *keep_seconds),
        Order::ShowTerminalKey { terminal } => {
            show_terminal_key(desk, TerminalNumber(number(Kind::Terminal, terminal)?))
        }
        Order::Credit { member, asset, amount } => credit(desk, by, (member, asset, *amount)),
        Order::CreateFirstOperators { one, two } => operators::create_first(desk, by, [one, two]),
        Order::CheckBulk { rows } => bulk::check(desk, rows),
        Order::CreditBulk { bulk, rows } => bulk::credit(desk, bulk, rows),
        Order::RenewOperatorLink { operator } => operators::renew_link(desk, by, operator),
        Order::CreateClerk { store, name } => clerks::create(desk, by, store, name),
        Order::ResetClerkPin { clerk } => clerks::reset_pin(desk, by, clerk),
        Order::CreateLink { member, lifetime_seconds } => {
            create_link(desk, by, member, lifetime_seconds.unwrap_or(LINK_SECONDS))
        }
        order => {
            if matches!(order, Order::OpenBulk { .. }) {
                bulk::must_be_agreed_on(desk, by)?;
            }
            let (event, replayed) = administer(desk, by, act_of(desk, order)?)?;
            let mut reply = told(&event, replayed);
            if let EventKind::TerminalCreated | EventKind::TerminalKeyRotated = event.kind {
                let key = show_terminal_key(desk, TerminalNumber(event.subject))?;
                reply["key"] = key["key"].clone();
                reply["page"] = key["page"].clone();
                reply["generation"] = key["generation"].clone();
            }
            if let EventKind::WebhookCreated | EventKind::WebhookSecretRotated = event.kind {
                let (generation, secret) = webhook_secret(desk, WebhookNumber(event.subject))?;
                reply["secret"] = secret.into();
                reply["generation"] = generation.into();
            }
            Ok(reply)
        }
    }
}

/// The act that an order is, for those that are nothing more.
fn act_of(desk: &Desk, order: &Order) -> Result<Act, AdminError> {
    let terminal = |text: &str| number(Kind::Terminal, text).map(TerminalNumber);
    let member = |text: &str| number(Kind::Member, text).map(MemberNumber);
    let webhook = |text: &str| number(Kind::Webhook, text).map(WebhookNumber);
    let now = (desk.clock)();
    Ok(match order {
        Order::CreateMerchant { name } => Act::CreateMerchant(name.clone()),
        Order::CreateStore { merchant, name, place, cutoff_minutes } => Act::CreateStore {
            merchant: MerchantNumber(number(Kind::Merchant, merchant)?),
            name: name.clone(),
            place: place.clone(),
            cutoff_minutes: *cutoff_minutes,
        },
        Order::CreateTerminal { store, name } => {
            Act::CreateTerminal(StoreNumber(number(Kind::Store, store)?), name.clone())
        }
        Order::SuspendTerminal { terminal: text } => Act::SuspendTerminal(terminal(text)?),
        Order::ResumeTerminal { terminal: text } => Act::ResumeTerminal(terminal(text)?),
        Order::RotateTerminalKey { terminal: text, keep_seconds } => {
            Act::RotateTerminalKey(terminal(text)?, later(now, *keep_seconds)?)
        }
        Order::CreateMember => Act::CreateMember,
        Order::FreezeMember { member: text } => Act::FreezeMember(member(text)?),
        Order::UnfreezeMember { member: text } => Act::UnfreezeMember(member(text)?),
        Order::CloseMember { member: text } => Act::CloseMember(member(text)?),
        Order::EndDevice { device } => Act::EndDevice(FactId(number(Kind::Device, device)?)),
        Order::RotateCodeSecret { member: text } => {
            Act::RotateCodeSecret(member(text)?, random(desk))
        }
        Order::CloseSwitch { capability, scope, subject, lapse_seconds } => {
            let (capability, scope, subject) = switch(capability, scope, subject.as_deref())?;
            let lapses_at = match lapse_seconds {
                Some(seconds) => later(now, *seconds)?,
                None => Instant(0),
            };
            Act::CloseSwitch(capability, scope, subject, lapses_at)
        }
        Order::OpenSwitch { capability, scope, subject } => {
            let (capability, scope, subject) = switch(capability, scope, subject.as_deref())?;
            Act::OpenSwitch(capability, scope, subject)
        }
        Order::CreateWebhook { merchant, url } => Act::CreateWebhook {
            merchant: MerchantNumber(number(Kind::Merchant, merchant)?),
            url: url.clone(),
            loopback: desk.book.kind() != BookKind::Live,
        },
        Order::EndWebhook { webhook: text } => Act::EndWebhook(webhook(text)?),
        Order::RotateWebhookSecret { webhook: text, keep_seconds } => {
            Act::RotateWebhookSecret(webhook(text)?, later(now, *keep_seconds)?)
        }
        Order::EndClerk { clerk } => Act::EndClerk(clerks::of_text(clerk)?),
        Order::OpenBulk { name, root, rows, sum } => {
            let must = || AdminError::Wrong("the root must be 64 hex digits".to_owned());
            let hash = hex::bytes(root).ok_or_else(must)?;
            Act::OpenBulk(name.clone(), BulkRoot { hash, rows: *rows, sum: *sum })
        }
        other => unreachable!("{other:?} is carried out by itself"),
    })
}

fn administer(desk: &Desk, by: &By, act: Act) -> Result<(Event, bool), AdminError> {
    let command = Command::Administer(Administer {
        request: request_of(desk, by)?,
        actor: by.actor.clone(),
        second: by.second.clone(),
        reason: by.reason.clone(),
        act: agreed(by, act)?,
    });
    match submit(desk, command)? {
        Outcome::Done { event, replayed } => Ok((event, replayed)),
        other => unreachable!("an act becomes an event, not {other:?}"),
    }
}

/// The act, under the proposal on which two operators have agreed, if one is named.
fn agreed(by: &By, act: Act) -> Result<Act, AdminError> {
    let Some(text) = &by.proposal else { return Ok(act) };
    Ok(Act::Agreed(FactId(number(Kind::Proposal, text)?), Box::new(act)))
}

fn submit(desk: &Desk, command: Command) -> Result<Outcome, AdminError> {
    let deadline = (desk.clock)().plus_ms(DEADLINE_MS);
    match desk.book.submit_and_wait(Part::Members, command, deadline) {
        Answer::Decided(outcome) => Ok(outcome),
        Answer::Refused(Refused { refusal, .. }) => Err(AdminError::Refused(refusal)),
        Answer::Unknown(unknown) => Err(AdminError::Unknown(unknown)),
    }
}

fn credit(
    desk: &Desk,
    by: &By,
    (member, asset, amount): (&str, &str, i64),
) -> Result<Value, AdminError> {
    let asset = match asset {
        "money" => Asset::Money,
        "points" => Asset::Points,
        _ => return Err(AdminError::Wrong("the asset must be `money` or `points`".to_owned())),
    };
    let member = MemberNumber(number(Kind::Member, member)?);
    let request = request_of(desk, by)?;
    let outcome = submit(desk, Command::Credit(Credit { request, member, asset, amount }))?;
    let Outcome::Decided { operation, replayed, .. } = outcome else {
        unreachable!("a credit becomes an operation");
    };
    Ok(json!({
        "done": "credit",
        "replayed": replayed,
        "member": identifier::text(Kind::Member, member.0),
        "amount": operation.amount,
        "booked_at": time::text(operation.id.at()),
    }))
}

/// A link's token is random; only its digest is kept. Asked again under the same request id, the
/// token would be another one, so that is refused by the rules as another meaning.
fn create_link(
    desk: &Desk,
    by: &By,
    member: &str,
    lifetime_seconds: i64,
) -> Result<Value, AdminError> {
    if desk.book.kind() == BookKind::Live {
        let must = "a book of real money makes no enrolment links: members sign up and recover \
                    themselves, so that nobody at this machine becomes one of them";
        return Err(AdminError::Wrong(must.to_owned()));
    }
    let token = URL_SAFE_NO_PAD.encode(random::<LINK_TOKEN_BYTES>(desk));
    let member = MemberNumber(number(Kind::Member, member)?);
    let expires_at = later((desk.clock)(), lifetime_seconds)?;
    let act = Act::CreateLink(member, link_digest(&token), expires_at);
    let (event, replayed) = administer(desk, by, act)?;
    let mut reply = told(&event, replayed);
    reply["page"] = format!("/wallet#{token}").into();
    reply["link_token"] = token.into();
    reply["expires_at"] = time::text(expires_at).into();
    Ok(reply)
}

/// Nothing is booked: a link is in the memory of this server, for ten minutes.
fn console_link(desk: &Desk, by: &By) -> Result<Value, AdminError> {
    let app = desk.server.as_ref().ok_or(AdminError::NoServer)?;
    if !desk.book.read_and_wait(read::staff::operators)?.is_empty() {
        return Err(AdminError::HasOperators);
    }
    let actor = by.actor.trim();
    if actor.is_empty() || actor.chars().count() > ACTOR_CHARS_MAX {
        let must = format!("`actor` must be a name of 1 to {ACTOR_CHARS_MAX} characters");
        return Err(AdminError::Wrong(must));
    }
    let token = URL_SAFE_NO_PAD.encode(random::<LINK_TOKEN_BYTES>(desk));
    let expires_at = app.console.sessions.offer(link_digest(&token), actor, app.now());
    tracing::info!(actor, "a link to the console was made");
    Ok(json!({
        "done": "console_link_created",
        "url": format!("{}/console#{token}", app.console.origin(app)),
        "actor": actor,
        "expires_at": time::text(expires_at),
    }))
}

fn end_console_sessions(desk: &Desk, by: &By) -> Result<Value, AdminError> {
    let app = desk.server.as_ref().ok_or(AdminError::NoServer)?;
    app.console.sessions.end_all(app.now());
    tracing::info!(actor = by.actor, "every console session was ended");
    Ok(json!({ "done": "console_sessions_ended" }))
}

fn show_terminal_key(desk: &Desk, terminal: TerminalNumber) -> Result<Value, AdminError> {
    let row =
        desk.book.read_and_wait(move |conn| Ok(conn.find::<Terminal, _>(&[terminal.0])?.pop()));
    let row = row?.ok_or(AdminError::Refused(Refusal::TerminalMustExist))?;
    let keys = KeyFile::load(&desk.key_file)?;
    let generation = u32::try_from(row.generation)
        .map_err(|_| AdminError::Wrong("the terminal has no key generation".to_owned()))?;
    let key = keys.terminal_key(terminal.0.cast_unsigned(), generation);
    let (terminal, key) =
        (identifier::text(Kind::Terminal, terminal.0), crate::edge::key_text(key.expose()));
    Ok(json!({
        // Behind the address of the registers' listener; a browser sends nothing of it.
        "page": format!("/register#terminal={terminal}&generation={generation}&key={key}"),
        "terminal": terminal,
        "generation": generation,
        "key": key,
    }))
}

/// The secret of an endpoint and its generation.
fn webhook_secret(desk: &Desk, webhook: WebhookNumber) -> Result<(u32, String), AdminError> {
    let row = desk.book.read_and_wait(move |conn| read::events::webhook(conn, webhook))?;
    let row = row.ok_or(AdminError::Refused(Refusal::WebhookMustExist))?;
    let generation = u32::try_from(row.generation)
        .map_err(|_| AdminError::Wrong("the webhook has no generation of its secret".to_owned()))?;
    let keys = KeyFile::load(&desk.key_file)?;
    let secret = keys.webhook_secret(webhook.0.cast_unsigned(), generation);
    Ok((generation, secret_text(&secret)))
}

fn rotate_key(desk: &Desk, key: &str, keep_seconds: i64) -> Result<Value, AdminError> {
    let name = KeyName::ALL.into_iter().find(|name| name.text() == key);
    let name = name.ok_or_else(|| AdminError::Wrong(format!("there is no key {key:?}")))?;
    if keep_seconds < 0 {
        return Err(AdminError::Wrong("`keep_seconds` must not be negative".to_owned()));
    }
    if name == KeyName::Code && keep_seconds > 0 {
        // While two keys open codes, a guess has twice the chance.
        let members = desk.book.read_and_wait(read::last_member_number)?.max(MEMBERS_MIN);
        desk.book.code().check_strength(members, true)?;
    }
    let (now_ms, keep_ms) = ((desk.clock)().0, keep_seconds.saturating_mul(SECOND_MS));
    let mut random = |bytes: &mut [u8]| (desk.entropy)(bytes);
    KeyFile::update(&desk.key_file, |keys| match name {
        KeyName::Code => keys.rotate_code_key(&mut random, now_ms, keep_ms),
        KeyName::TerminalRoot => keys.rotate_terminal_root(&mut random, now_ms, keep_ms),
        KeyName::DeviceToken => keys.rotate_device_token_key(&mut random, now_ms, keep_ms),
        KeyName::Nonce => keys.rotate_nonce_key(&mut random, now_ms),
        KeyName::Fingerprint => keys.rotate_fingerprint_key(&mut random, now_ms),
        KeyName::Checkpoint => keys.rotate_checkpoint_key(&mut random),
        KeyName::Seal => keys.rotate_seal_key(&mut random, now_ms),
    })?;
    Ok(json!({ "done": "key_rotated", "key": name.text() }))
}

/// The running server takes the file up after this; one of before a restore would let codes pay
/// that the restore ended.
fn reload_keys(desk: &Desk) -> Result<Value, AdminError> {
    let file = KeyFile::load(&desk.key_file)?.code.generation;
    let book = desk.book.code_generation();
    if i64::from(file) < book {
        return Err(AdminError::KeysOld { file, book });
    }
    Ok(json!({}))
}

fn list_switches(desk: &Desk) -> Result<Value, AdminError> {
    let switches = desk.book.read_and_wait(read::switches)?;
    let switches: Vec<Value> = switches.iter().map(told_of_switch).collect();
    Ok(json!({ "switches": switches }))
}

fn told_of_switch(switch: &Switch) -> Value {
    json!({
        "capability": switch.capability.name(),
        "scope": switch.scope.name(),
        "subject": subject_text(switch.scope, switch.subject),
        "closed_at": time::text(switch.closed_at),
        "lapses_at": (switch.lapses_at.0 != 0).then(|| time::text(switch.lapses_at)),
        "actor": switch.actor,
        "reason": switch.reason,
    })
}

fn status(desk: &Desk) -> Value {
    let health = desk.book.health();
    json!({
        "book": desk.book.kind().name(),
        "currency": desk.book.currency().as_str(),
        "storage_ok": health.storage_ok,
        "lanes": health.lanes,
        "queued": health.queued,
        "wal_bytes": health.wal_bytes,
        "oldest_reader": desk.book.oldest_reader(),
        "closed": health.closed,
    })
}

/// An identifier of this kind, or a plain number.
fn number(kind: Kind, text: &str) -> Result<i64, AdminError> {
    if let Ok(number @ 1..) = text.parse::<i64>() {
        return Ok(number);
    }
    identifier::parse(kind, text).map_err(|error| AdminError::Wrong(format!("{text:?}: {error}")))
}

fn switch(
    capability: &str,
    scope: &str,
    subject: Option<&str>,
) -> Result<(Capability, Scope, i64), AdminError> {
    let wrong =
        |what: &str, given: &str| AdminError::Wrong(format!("there is no {what} {given:?}"));
    let capability =
        Capability::from_name(capability).ok_or_else(|| wrong("capability", capability))?;
    let scope = Scope::from_name(scope).ok_or_else(|| wrong("scope", scope))?;
    let subject = match (kind_of(scope), subject) {
        (Some(kind), Some(text)) => number(kind, text)?,
        (None, Some(name)) if scope == Scope::Provider => provider_number(name),
        (None, None) if scope == Scope::Everything => 0,
        _ => return Err(AdminError::Refused(Refusal::SubjectMustFitScope)),
    };
    Ok((capability, scope, subject))
}

/// What the subjects of a scope are; none where they have no identifiers.
pub(crate) const fn kind_of(scope: Scope) -> Option<Kind> {
    match scope {
        Scope::Everything | Scope::Provider => None,
        Scope::Merchant => Some(Kind::Merchant),
        Scope::Store => Some(Kind::Store),
        Scope::Terminal => Some(Kind::Terminal),
        Scope::Member => Some(Kind::Member),
    }
}

fn subject_text(scope: Scope, subject: i64) -> Option<String> {
    if scope == Scope::Provider {
        return Some(subject.to_string());
    }
    kind_of(scope).map(|kind| identifier::text(kind, subject))
}

fn request_of(desk: &Desk, by: &By) -> Result<RequestId, AdminError> {
    let Some(text) = &by.request_id else { return Ok(RequestId(random(desk))) };
    let must = "`request_id` must be a UUID with hyphens, not all zeros";
    fields::request_id("request_id", text).map_err(|_| AdminError::Wrong(must.to_owned()))
}

fn random<const N: usize>(desk: &Desk) -> [u8; N] {
    let mut bytes = [0; N];
    (desk.entropy)(&mut bytes);
    bytes
}

fn later(now: Instant, seconds: i64) -> Result<Instant, AdminError> {
    if !(0..=10 * 365 * 24 * 60 * 60).contains(&seconds) {
        return Err(AdminError::Wrong("a time must be from 0 seconds to ten years".to_owned()));
    }
    Ok(now.plus_ms(seconds * SECOND_MS))
}
