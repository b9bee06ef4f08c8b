//! The mailbox of a book that is not live: the newest messages as they would have been sent. It
//! loads our style and runs nothing; the browser reads it again by itself.
//!
//! Everybody who reaches the listener sees every code in it: that is what it is for, and why a live
//! book refuses to start with it.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use hyper::header::{CACHE_CONTROL, HeaderValue, VARY};
use yaoki_core::message::{Channel, Message, MessageState};
use yaoki_store::outbox;

use super::shell::language;
use super::text;
use super::texts::{Language, Texts};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::listener::ListenerName;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::jobs::messages::words::Words;
use crate::metrics::{Class, Endpoint, Said};

/// Where the page is.
pub const PATH: &str = "/mailbox";
/// The most messages that it shows.
const SHOWN_MAX: i64 = 100;

/// The page.
#[derive(Template)]
#[template(path = "mailbox.html")]
struct Page {
    texts: &'static Texts,
    language: Language,
    kind: &'static str,
    messages: Vec<Shown>,
}

impl Page {
    fn say(&self, key: &str) -> &str {
        self.texts.say(key)
    }

    const fn other_language(&self) -> Language {
        match self.language {
            Language::Japanese => Language::English,
            Language::English => Language::Japanese,
        }
    }
}

/// One message, as the page shows it.
struct Shown {
    /// The keys of the texts for channel and state.
    channel: &'static str,
    state: &'static str,
    language: &'static str,
    at: String,
    address: String,
    subject: Option<String>,
    /// None where it is erased.
    lines: Option<Vec<Line>>,
}

/// One line of a message.
struct Line {
    text: String,
    is_link: bool,
}

impl Shown {
    fn of(message: &Message, words: &Words) -> Self {
        let is_there = message.arguments.all().next().is_some();
        let said = is_there.then(|| words.shown(message));
        let (subject, body) = said.map_or((None, None), |(subject, body)| (subject, Some(body)));
        let line = |text: &str| Line { text: text.to_owned(), is_link: words.is_link(text) };
        Self {
            channel: match message.channel {
                Channel::Mail => "mailbox-mail",
                Channel::Sms => "mailbox-sms",
            },
            state: match message.state {
                MessageState::Waiting => "mailbox-waiting",
                MessageState::Sent => "mailbox-sent",
                MessageState::GivenUp => "mailbox-given-up",
                MessageState::Suppressed => "mailbox-suppressed",
            },
            language: message.language.name(),
            at: words.time_of(message.created_at),
            address: message.address.0.clone(),
            subject,
            lines: body.map(|body| body.trim_end().lines().map(line).collect()),
        }
    }
}

/// The newest mail and SMS of a book that is not live.
#[utoipa::path(
    get,
    path = "/mailbox",
    operation_id = "mailbox_page",
    tag = "public",
    responses(
        (status = 200, description = "The page", content_type = "text/html"),
        (status = "default", description = "This server has no mailbox",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub async fn mailbox(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let work = async {
        let words = app.words.get().filter(|_| app.mailbox);
        let words = words.ok_or_else(|| Problem::from(EdgeError::NotFound))?;
        let _flight = app.stranger(ListenerName::Public)?;
        let newest = |conn: &mut yaoki_store::Conn| outbox::newest(conn, SHOWN_MAX);
        let messages = app.read(Side::Devices, app.deadline(), newest).await?;
        let language = language(&uri, &headers);
        let page = Page {
            texts: Texts::of_messages(language),
            language,
            kind: app.book.kind().name(),
            messages: messages.iter().map(|message| Shown::of(message, words)).collect(),
        };
        let html = page.render().map_err(|_| EdgeError::FaultOfOurs)?;
        let mut response = text(html, "text/html; charset=utf-8");
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
        Ok(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}
