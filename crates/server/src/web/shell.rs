//! The shells of the pages: words and places, rendered in the caller's language, and nothing of any
//! member, store or payment. What a page shows comes by `fetch`, with the proof of its key.
//!
//! Each is served on the listener whose API it asks, so that both are of one origin. `/` leads
//! there.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HeaderName, HeaderValue, VARY,
};

use super::texts::{Language, PageName, Texts};
use super::{assets, text};
use crate::api::member::DEVICE_COOKIE;
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};

/// What a page may load and do: our own files, and requests to its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// What of the machine a page may use: the camera, to scan.
const PERMISSIONS: &str = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()";

/// What every shell is rendered from.
struct Shell {
    page: PageName,
    language: Language,
    /// `demo`, `staging` or `live`.
    kind: &'static str,
    /// Of the page's files.
    version: &'static str,
    /// What the shell of the member's page says besides.
    visit: Visit,
}

/// What the member's page is told about the visit, so that it offers the right thing first.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    /// The present version of the terms.
    terms: i64,
    /// Whether the browser says that it was a device. That allows nothing.
    is_known: bool,
}

impl Shell {
    fn say(&self, key: &str) -> &'static str {
        Texts::of(self.page, self.language).say(key)
    }

    const fn language(&self) -> &'static str {
        self.language.tag()
    }

    const fn page(&self) -> &'static str {
        self.page.text()
    }

    /// The language that the page can be switched to.
    const fn other_language(&self) -> &'static str {
        match self.language {
            Language::Japanese => Language::English.tag(),
            Language::English => Language::Japanese.tag(),
        }
    }
}

/// The member's page.
#[derive(Template)]
#[template(path = "wallet.html")]
struct WalletShell {
    shell: Shell,
    terms: i64,
    known: bool,
}

/// The clerk's page.
#[derive(Template)]
#[template(path = "register.html")]
struct RegisterShell {
    shell: Shell,
}

/// The operator's page.
#[derive(Template)]
#[template(path = "console.html")]
struct ConsoleShell {
    shell: Shell,
}

/// The page of links in messages.
#[derive(Template)]
#[template(path = "link.html")]
struct LinkShell {
    shell: Shell,
}

/// The member's page: code, balance, history, scanning a shop.
#[utoipa::path(
    get,
    path = "/wallet",
    operation_id = "wallet_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn wallet(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Wallet, &uri, &headers).await
}

/// The clerk's page: charging, refunds, what is open, the shift.
#[utoipa::path(
    get,
    path = "/register",
    operation_id = "register_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn register(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Register, &uri, &headers).await
}

/// The operator's page: today, search, a payment's life, shops.
#[utoipa::path(
    get,
    path = "/console",
    operation_id = "console_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn console(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Console, &uri, &headers).await
}

/// What a link in a message opens: one that freezes the wallet.
#[utoipa::path(
    get,
    path = "/freeze",
    operation_id = "freeze_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn freeze(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Link, &uri, &headers).await
}

/// What a link in a message opens: one that contests a recovery.
#[utoipa::path(
    get,
    path = "/contest",
    operation_id = "contest_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn contest(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Link, &uri, &headers).await
}

/// What a link in a message opens: one that takes an address back. (`return` is Rust's own word.)
#[utoipa::path(
    get,
    path = "/return",
    operation_id = "return_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn take_back(state: State<App>, uri: Uri, headers: HeaderMap) -> Response {
    page(state, PageName::Link, &uri, &headers).await
}

/// Leads from `/` of a listener to the page that lives there.
pub fn home(page: PageName) -> Redirect {
    Redirect::to(match page {
        PageName::Wallet | PageName::Link => "/wallet",
        PageName::Register => "/register",
        PageName::Console => "/console",
    })
}

async fn page(State(app): State<App>, page: PageName, uri: &Uri, headers: &HeaderMap) -> Response {
    let work = async {
        let (language, kind) = (language(uri, headers), app.book.kind().name());
        let visit = Visit { terms: app.members.terms, is_known: is_known(headers) };
        let shell = Shell { page, language, kind, version: assets::version(), visit };
        let html = render(shell).map_err(|_| EdgeError::FaultOfOurs)?;
        let mut response = text(html, "text/html; charset=utf-8").into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (CACHE_CONTROL, "no-cache"),
            (VARY, "Accept-Language"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

/// Whether a browser has the cookie of a device.
fn is_known(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';'));
    pairs.any(|pair| pair.trim().split_once('=').is_some_and(|(name, _)| name == DEVICE_COOKIE))
}

/// The language that the address asks for, else the one that the browser likes best.
pub(super) fn language(uri: &Uri, headers: &HeaderMap) -> Language {
    let asked = uri.query().unwrap_or_default().split('&').find_map(|pair| {
        let tag = pair.strip_prefix("lang=")?;
        Language::of_tag(tag)
    });
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    asked.unwrap_or_else(|| Language::accepted(accepted.unwrap_or_default()))
}

fn render(shell: Shell) -> Result<String, askama::Error> {
    match shell.page {
        PageName::Wallet => {
            let Visit { terms, is_known: known } = shell.visit;
            WalletShell { shell, terms, known }.render()
        }
        PageName::Register => RegisterShell { shell }.render(),
        PageName::Console => ConsoleShell { shell }.render(),
        PageName::Link => LinkShell { shell }.render(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_rendered_in_every_language_without_a_script_or_style_of_its_own() {
        for page in PageName::ALL {
            for language in Language::ALL {
                let visit = Visit::default();
                let html = render(Shell { page, language, kind: "demo", version: "0", visit });
                let html = html.expect("it renders");
                assert!(html.contains(&format!("<html lang=\"{}\"", language.tag())));
                assert!(!html.contains("style=\"") && !html.contains("<style"), "{page:?}");
                assert!(!html.contains(" onclick") && !html.contains("javascript:"), "{page:?}");
                assert_eq!(html.matches("<script").count(), 1, "{page:?}");
                assert!(html.contains("<script type=\"module\" src=\"/static/"), "{page:?}");
            }
        }
    }

    #[test]
    fn a_browser_that_was_a_device_is_known_by_its_cookie_and_by_no_other() {
        for (cookies, known) in [
            ("", false),
            ("a=b; __Host-yaoki-device=x", true),
            ("__Host-yaoki-device-not=x", false),
            ("a=__Host-yaoki-device", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(cookies));
            assert_eq!(is_known(&headers), known, "{cookies}");
        }
    }

    #[test]
    fn the_address_asks_for_a_language_before_the_browser_does() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("ja"));
        let of = |uri: &'static str| language(&Uri::from_static(uri), &headers);
        assert_eq!(of("/wallet"), Language::Japanese);
        assert_eq!(of("/wallet?lang=en"), Language::English);
        assert_eq!(of("/wallet?x=1&lang=en"), Language::English);
        assert_eq!(of("/wallet?lang=xx"), Language::Japanese);
    }
}
