//! Pages and what belongs to them, on the public listener. Everything comes from here: the policy
//! lets a page load our style and nothing else, and run nothing.

pub mod health;
pub mod refusals;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::app::App;
use crate::edge::error::EdgeError;
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
    listeners: Vec<(&'static str, &'static str, &'static str)>,
}

/// What this is, in Japanese and English.
#[utoipa::path(
    get,
    path = "/",
    tag = "public",
    responses((status = 200, description = "The first page", content_type = "text/html"))
)]
pub async fn first_page(State(app): State<App>) -> Response {
    let work = async {
        let page = FirstPage {
            kind: app.book.kind().name(),
            listeners: vec![
                ("registers", "レジ：署名つき API", "Registers: signed API under /v1"),
                ("devices", "会員の端末：登録、コード、残高", "Devices: enrolment, code, wallet"),
                ("public", "このページ、OpenAPI、稼働状況", "This page, OpenAPI, health"),
            ],
        };
        let html = page.render().map_err(|_| EdgeError::FaultOfOurs)?;
        Ok(Said { response: text(html, "text/html; charset=utf-8"), class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
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
