//! Terms of use and the notices that an issuer of prepaid means owes (Payment Services Act, article
//! 13), in the version that members agree to. It loads our style and runs nothing.
//!
//! Not here: who agreed to which version; that is an event of the member's.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use hyper::header::{CACHE_CONTROL, HeaderValue, VARY};

use super::shell::language;
use super::text;
use super::texts::{Language, Texts};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};

/// Title and text of each part, in order.
const PARTS: [(&str, &str); 10] = [
    ("terms-issuer", "terms-issuer-text"),
    ("terms-use", "terms-use-text"),
    ("terms-limits", "terms-limits-text"),
    ("terms-expiry", "terms-expiry-text"),
    ("terms-refund", "terms-refund-text"),
    ("terms-safety", "terms-safety-text"),
    ("terms-loss", "terms-loss-text"),
    ("terms-data", "terms-data-text"),
    ("terms-contact", "terms-contact-text"),
    ("terms-changes", "terms-changes-text"),
];

/// The page.
#[derive(Template)]
#[template(path = "terms.html")]
struct Page<'a> {
    language: Language,
    operator: &'a str,
    version: i64,
    parts: &'static [(&'static str, &'static str)],
}

impl Page<'_> {
    fn say(&self, key: &str) -> String {
        let said = Texts::of_terms(self.language).say(key);
        let version = self.version.to_string();
        said.replace("{operator}", self.operator).replace("{version}", &version)
    }

    const fn other_language(&self) -> Language {
        match self.language {
            Language::Japanese => Language::English,
            Language::English => Language::Japanese,
        }
    }
}

/// The terms and notices, in the present version.
#[utoipa::path(
    get,
    path = "/terms",
    operation_id = "terms_page",
    tag = "public",
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub async fn terms(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let work = async {
        let page = Page {
            language: language(&uri, &headers),
            operator: &app.members.operator_name,
            version: app.members.terms,
            parts: &PARTS,
        };
        let html = page.render().map_err(|_| EdgeError::FaultOfOurs)?;
        let mut response = text(html, "text/html; charset=utf-8");
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_page_says_every_text_of_its_file_with_its_values() {
        let parts = PARTS.iter().flat_map(|(title, body)| [*title, *body]);
        let around = ["terms-title", "terms-other-language", "terms-version"];
        let said: BTreeSet<&str> = parts.chain(around).collect();
        for language in Language::ALL {
            let keys: BTreeSet<&str> = Texts::of_terms(language).keys().collect();
            assert_eq!(keys, said, "{language:?}");
            let page = Page { language, operator: "A & B", version: 7, parts: &PARTS };
            let html = page.render();
            let html = html.expect("it renders");
            assert!(html.contains("A &#38; B") && html.contains('7') && !html.contains('{'));
        }
    }
}
