//! Pages and what belongs to them. Everything comes from here. The pages of this file and of
//! [`refusals`] may load our style and nothing else, and run nothing; those of [`shell`] run the
//! scripts of [`assets`] and say what is in [`texts`].

pub mod assets;
pub mod demo;
pub mod health;
pub mod mailbox;
pub mod refusals;
pub mod shell;
pub mod terms;
pub mod texts;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::uri::Authority;
use axum::response::Response;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use yaoki_store::BookKind;

use crate::app::{App, Door};
use crate::edge::error::EdgeError;
use crate::edge::listener::ListenerName;
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};

/// What a page may load and do.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
const STYLE: &str = include_str!("../../static/style.css");

/// The first page.
#[derive(Template)]
#[template(path = "first_page.html")]
struct FirstPage {
    kind: &'static str,
    /// After a restore, until two people open it.
    closed: bool,
    listeners: Vec<Listed>,
    /// What to do next, and what to type for it.
    steps: Vec<Step>,
}

/// One listener, as the page shows it.
struct Listed {
    name: &'static str,
    /// Where it is.
    url: String,
    japanese: &'static str,
    english: &'static str,
}

/// One thing to do next.
struct Step {
    japanese: &'static str,
    english: &'static str,
    command: String,
}

/// What a visitor of a demo does next; `devices` is where phones are served.
fn demo_steps(devices: &str) -> Vec<Step> {
    vec![
        Step {
            japanese: "会員の端末になる（リンクは demo が表示したもの）",
            english: "Be a member’s phone, with a link that the demo printed",
            command: format!("yaoki device --server {devices} enrol LINK"),
        },
        Step {
            japanese: "ワンタイムコードを表示する",
            english: "Show a one-time code",
            command: format!("yaoki device --server {devices} code"),
        },
        Step {
            japanese: "送られるはずのメールと SMS を見る",
            english: "See the mail and SMS that would be sent",
            command: "/mailbox".to_owned(),
        },
        Step {
            japanese: "全体を確かめる",
            english: "Check the whole ledger",
            command: "yaoki verify --data yaoki-demo".to_owned(),
        },
    ]
}

/// What the operator of a book does first.
fn steps() -> Vec<Step> {
    vec![
        Step {
            japanese: "設定を調べる",
            english: "See whether anything is wrong",
            command: "yaoki doctor".to_owned(),
        },
        Step {
            japanese: "加盟店、店舗、レジを作る",
            english: "Make a merchant, a store, a register",
            command: "yaoki admin create-merchant NAME".to_owned(),
        },
        Step {
            japanese: "会員を作り、端末の登録リンクを出す",
            english: "Make a member, and a link that enrols a device",
            command: "yaoki admin create-member\nyaoki admin link MEMBER".to_owned(),
        },
    ]
}

/// What this is, where everything is, and what to do next, in Japanese and English.
#[utoipa::path(
    get,
    path = "/",
    tag = "public",
    responses((status = 200, description = "The first page", content_type = "text/html"))
)]
pub async fn first_page(State(app): State<App>, headers: HeaderMap) -> Response {
    let work = async {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let doors = app.doors.get().map(Vec::as_slice).unwrap_or_default();
        let devices = doors.iter().find(|door| door.name == ListenerName::Devices);
        let page = FirstPage {
            kind: app.book.kind().name(),
            closed: app.book.health().closed,
            listeners: doors.iter().map(|door| Listed::of(door, host)).collect(),
            steps: match (app.book.kind(), devices) {
                (BookKind::Demo, Some(door)) => demo_steps(&door.address.to_string()),
                _ => steps(),
            },
        };
        let html = page.render().map_err(|_| EdgeError::FaultOfOurs)?;
        Ok(Said { response: text(html, "text/html; charset=utf-8"), class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

impl Listed {
    /// `host` is how the caller reached us: one that listens everywhere is reached by it, too.
    fn of(door: &Door, host: &str) -> Self {
        let (japanese, english) = match door.name {
            ListenerName::Registers => ("レジ：署名つき API（/v1）", "Registers: signed API, /v1"),
            ListenerName::Devices => {
                ("会員の端末：登録、コード、残高", "Members’ devices: enrolment, code, wallet")
            }
            ListenerName::Public => ("このページと API の仕様", "This page and the API document"),
            ListenerName::Console => ("運営者の管理画面", "The operator’s console"),
        };
        let name = door.name.text();
        Self { name, url: url_of(door, host), japanese, english }
    }
}

fn url_of(door: &Door, host: &str) -> String {
    let (address, port) = (door.address, door.address.port());
    if door.behind_proxy {
        return format!("→ {address}");
    }
    let scheme = if door.is_secure { "https" } else { "http" };
    let name = host.parse::<Authority>();
    match name.as_ref().map(Authority::host) {
        Ok(name) if address.ip().is_unspecified() => format!("{scheme}://{name}:{port}"),
        _ => format!("{scheme}://{address}"),
    }
}

/// The style of every page.
#[utoipa::path(
    get,
    path = "/static/style.css",
    tag = "public",
    responses((status = 200, description = "CSS", content_type = "text/css"))
)]
pub async fn style(State(app): State<App>) -> Response {
    let work = async {
        let mut response = text(STYLE, "text/css; charset=utf-8");
        let cache = HeaderValue::from_static("public, max-age=3600");
        response.headers_mut().insert(CACHE_CONTROL, cache);
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

/// An answer of text, with the policy of pages.
fn text(body: impl Into<Body>, media_type: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_named_as_its_callers_reach_it() {
        let door = |address: &str, is_secure, behind_proxy| Door {
            name: ListenerName::Registers,
            address: address.parse().expect("an address"),
            is_secure,
            behind_proxy,
        };
        for (door, host, url) in [
            (door("127.0.0.1:7701", false, false), "localhost:7700", "http://127.0.0.1:7701"),
            (
                door("0.0.0.0:7701", true, false),
                "pay.example.jp:7700",
                "https://pay.example.jp:7701",
            ),
            (door("[::]:7701", true, false), "[2001:db8::1]:7700", "https://[2001:db8::1]:7701"),
            (door("0.0.0.0:7701", true, false), "<script>", "https://0.0.0.0:7701"),
            (door("0.0.0.0:7701", true, true), "pay.example.jp", "→ 0.0.0.0:7701"),
        ] {
            assert_eq!(url_of(&door, host), url);
        }
    }
}
