//! The routes of each listener and the OpenAPI document of all of them, from one declaration: a
//! route that is served is documented, and the other way round.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::{confirm, movements};
use super::register::{clerk, lists, renew, settle, shop, top_up};
use super::{console, device, headers, member, partner, register};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::listener::{ListenerName, Routes};
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};
use crate::rails;
use crate::web;
use crate::web::shell::home;
use crate::web::texts::PageName;

/// The head of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Yaoki",
        description = "Code payment. Every answer with status 200 to a request that moves money \
                       is recorded and final: `succeeded` or `declined`. Everything else is \
                       `unknown`: ask again with the same request id, or reverse.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "1"
    ),
    tags(
        (name = "register", description = "Terminals, on the listener `registers`."),
        (name = "partner", description = "Merchants' own systems, on the listener `registers`."),
        (name = "device", description = "Members' devices, on the listener `devices`."),
        (name = "member", description = "Members about themselves, on the listener `devices`."),
        (name = "public", description = "Everybody, on the listener `public`."),
        (name = "console", description = "Operators' browsers, on the listener `console`.")
    ),
    modifiers(&Schemes)
)]
struct Head;

/// How callers show who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        for (name, header, text) in [
            (
                "terminal",
                "Authorization",
                "`Yaoki-HMAC-SHA256 terminal=…, generation=…, timestamp=…, signature=…`: \
                 HMAC-SHA256 under the terminal's key over method, path, query, host, key \
                 generation, timestamp and body digest, each on a line of its own.",
            ),
            (
                "webhook",
                "Authorization",
                "`Yaoki-HMAC-SHA256 webhook=…, generation=…, timestamp=…, signature=…`: as a \
                 terminal's, under the secret of a webhook endpoint.",
            ),
            (
                "acquirer",
                "Stripe-Signature",
                "`t=…,v1=…`: HMAC-SHA256 under the endpoint's secret over time, `.` and body, as \
                 Stripe signs its events.",
            ),
            (
                "device",
                "Authorization",
                "`DPoP` and the device's token; and in the header `DPoP` a proof (RFC 9449, \
                 ES256) with the server's nonce and `bd`, the base64url SHA-256 of the body.",
            ),
            (
                "new_device",
                "DPoP",
                "A proof (RFC 9449, ES256) by the key that is to be enrolled, without a token.",
            ),
            (
                "operator",
                "Authorization",
                "`DPoP` and the token of a console session; and in the header `DPoP` a proof as \
                 devices make it, by the browser's key.",
            ),
            (
                "new_operator",
                "DPoP",
                "A proof (RFC 9449, ES256) by the key of a browser that signs in, without a token.",
            ),
        ] {
            let key = ApiKey::Header(ApiKeyValue::with_description(header, text));
            components.add_security_scheme(name, SecurityScheme::ApiKey(key));
        }
    }
}

/// The routes of `name`, before their state is given.
fn router_of(name: ListenerName) -> OpenApiRouter<App> {
    match name {
        ListenerName::Registers => OpenApiRouter::new()
            .routes(routes!(register::pay, lists::list))
            .routes(routes!(lists::payment))
            .routes(routes!(register::query))
            .routes(routes!(settle::reverse))
            .routes(routes!(settle::refund))
            .routes(routes!(settle::capture))
            .routes(routes!(settle::void))
            .routes(routes!(settle::acknowledge))
            .routes(routes!(web::shell::register))
            .routes(routes!(clerk::sign_in))
            .routes(routes!(top_up::top_up))
            .routes(routes!(top_up::shifts))
            .routes(routes!(clerk::sign_out))
            .routes(routes!(shop::order))
            .routes(routes!(shop::sign))
            .routes(routes!(shop::terminal))
            .routes(routes!(renew::renew))
            .routes(routes!(shop::frame))
            .routes(routes!(partner::list))
            .routes(routes!(partner::webhook))
            .routes(routes!(partner::redeliver)),
        ListenerName::Devices => OpenApiRouter::new()
            .routes(routes!(device::enrol))
            .routes(routes!(device::nonce))
            .routes(routes!(device::code))
            .routes(routes!(device::wallet))
            .routes(routes!(web::shell::wallet))
            .routes(routes!(web::shell::freeze))
            .routes(routes!(web::shell::contest))
            .routes(routes!(web::shell::take_back))
            .routes(routes!(web::terms::terms))
            .routes(routes!(confirm::shop))
            .routes(routes!(confirm::confirm))
            .routes(routes!(confirm::frame))
            .routes(routes!(movements::list))
            .routes(routes!(movements::receipt))
            .routes(routes!(member::sign_up::sign_up))
            .routes(routes!(member::sign_in::sign_in))
            .routes(routes!(member::join::join))
            .routes(routes!(member::recovery::recovery))
            .routes(routes!(member::link::link))
            .routes(routes!(member::session::session))
            .routes(routes!(member::external::external))
            .routes(routes!(member::account::account))
            .routes(routes!(member::devices::devices))
            .routes(routes!(member::factors::factors))
            .routes(routes!(member::contacts::contacts))
            .routes(routes!(member::money::money))
            .routes(routes!(member::wallet::wallet)),
        ListenerName::Public => OpenApiRouter::new()
            .routes(routes!(web::first_page))
            .routes(routes!(web::demo::authority))
            .routes(routes!(web::mailbox::mailbox))
            .routes(routes!(rails::event::event))
            .routes(routes!(document)),
        ListenerName::Console => of_console(),
    }
}

/// The routes of operators' browsers.
fn of_console() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(console::session::begin))
        .routes(routes!(console::session::end))
        .routes(routes!(console::day::today))
        .routes(routes!(console::operations::list))
        .routes(routes!(console::operations::find))
        .routes(routes!(console::operations::unacknowledged))
        .routes(routes!(console::payment::payment))
        .routes(routes!(console::rails::rails))
        .routes(routes!(console::rails::query))
        .routes(routes!(console::dry_run::dry_run))
        .routes(routes!(console::shops::shops))
        .routes(routes!(console::shops::switches))
        .routes(routes!(console::stream::stream))
        .routes(routes!(console::sign_in::sign_in))
        .routes(routes!(console::own::own))
        .routes(routes!(console::proposals::list))
        .routes(routes!(console::proposals::propose))
        .routes(routes!(console::proposals::decide))
        .routes(routes!(console::proposals::act))
        .routes(routes!(console::colleagues::operators))
        .routes(routes!(console::colleagues::clerks))
        .routes(routes!(console::member::member))
        .routes(routes!(web::shell::console))
}

/// What only peers on this machine are served.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(web::health::alive))
        .routes(routes!(web::health::ready))
        .routes(routes!(web::health::metrics))
}

/// What every listener serves: the page that problem documents link to, its style, and the files
/// of the pages.
fn everywhere() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(web::refusals::page))
        .routes(routes!(web::style))
        .routes(routes!(web::assets::asset))
}

/// The whole document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut all = OpenApiRouter::<App>::with_openapi(Head::openapi());
    for name in ListenerName::ALL {
        all = all.merge(router_of(name));
    }
    let mut document = all.merge(operations()).merge(everywhere()).into_openapi();
    headers::declare(&mut document);
    document
}

/// The document in JSON.
pub fn openapi_json() -> String {
    openapi().to_pretty_json().expect("the document has a form in JSON")
}

/// The page that lives on a listener, where `/` leads to it.
const fn page_of(name: ListenerName) -> Option<PageName> {
    match name {
        ListenerName::Registers => Some(PageName::Register),
        ListenerName::Devices => Some(PageName::Wallet),
        ListenerName::Console => Some(PageName::Console),
        ListenerName::Public => None,
    }
}

/// What `name` serves to peers on this machine and to others. `operations_for_all`: health and
/// metrics are served to everybody.
pub fn routes(name: ListenerName, app: &App, operations_for_all: bool) -> Routes {
    let finished = |router: OpenApiRouter<App>| -> Router {
        let router: Router<App> = router.merge(everywhere()).into();
        let router = match page_of(name) {
            Some(page) => router.route("/", get(move || async move { home(page) })),
            None => router,
        };
        router
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .with_state(app.clone())
    };
    let (mut local, mut remote) = (router_of(name), router_of(name));
    if name == ListenerName::Public {
        local = local.merge(operations());
        if operations_for_all {
            remote = remote.merge(operations());
        }
    }
    Routes { local: finished(local), remote: finished(remote) }
}

async fn not_found(State(app): State<App>) -> Response {
    let work = async { Err(Problem::from(EdgeError::NotFound)) };
    app.answer(Endpoint::Public, work).await
}

async fn method_not_allowed(State(app): State<App>) -> Response {
    let work = async { Err(Problem::from(EdgeError::MethodNotAllowed)) };
    app.answer(Endpoint::Public, work).await
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "public",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub async fn document(State(app): State<App>) -> Response {
    let work = async {
        let _stranger = app.stranger(ListenerName::Public)?;
        let mut response = Response::new(Body::from(made_once()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

/// The document's bytes. Making it costs milliseconds, and anybody may ask for it.
fn made_once() -> Bytes {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi_json()));
    DOCUMENT.clone()
}

#[cfg(test)]
mod tests {
    use super::made_once;

    #[test]
    fn the_document_is_made_once_however_often_it_is_asked_for() {
        let (first, second) = (made_once(), made_once());
        assert!(!first.is_empty());
        assert_eq!(first.as_ptr(), second.as_ptr());
    }
}
