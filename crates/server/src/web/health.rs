//! Whether this node lives, and whether it can do its work. For peers on this machine, unless the
//! operator says otherwise.

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use yaoki_core::time::Instant;
use yaoki_store::clock::CLOCK_SKEW_MS_MAX;
use yaoki_store::read;

use super::text;
use crate::api::render;
use crate::app::App;
use crate::edge::problem::Problem;
use crate::edge::reads::Side;
use crate::metrics::{Class, Endpoint, Said};

/// The process lives.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    status: &'static str,
}

/// Whether this node can do its work, and what stands in the way.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the answer of its own")]
pub struct Readiness {
    ready: bool,
    /// The storage can be read, and no lane has failed.
    storage: bool,
    /// The clock is not behind what is booked by more than 500 ms.
    clock: bool,
    /// Lanes that this node holds.
    lanes: usize,
    /// Commands in line.
    queued: usize,
    /// `demo`, `staging` or `live`.
    book: &'static str,
    /// After a restore, until two people open it.
    closed: bool,
}

/// Whether the process lives.
#[utoipa::path(
    get,
    path = "/health",
    tag = "public",
    responses((status = 200, description = "It does", body = Alive))
)]
pub async fn alive(State(app): State<App>) -> Response {
    let work = async { Ok::<_, Problem>(render::said(&Alive { status: "alive" })) };
    app.answer(Endpoint::Public, work).await
}

/// Whether this node can do its work.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "public",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot", body = Readiness),
    )
)]
pub async fn ready(State(app): State<App>) -> Response {
    let work = async {
        let lanes = app.read(Side::Readiness, app.deadline(), read::lanes).await;
        let booked =
            lanes.as_ref().ok().and_then(|lanes| lanes.iter().map(|lane| lane.last_at).max());
        let health = app.book.health();
        let (storage, clock) =
            (health.storage_ok && lanes.is_ok(), health.clock_ok && is_on_time(app.now(), booked));
        let ready = storage && clock && health.lanes > 0;
        let mut said = render::said(&Readiness {
            ready,
            storage,
            clock,
            lanes: health.lanes,
            queued: health.queued,
            book: app.book.kind().name(),
            closed: health.closed,
        });
        if !ready {
            *said.response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            said.class = Class::Failed;
        }
        Ok::<_, Problem>(said)
    };
    app.answer(Endpoint::Public, work).await
}

/// No lane has booked anything later than this clock shows, but for half a second.
fn is_on_time(now: Instant, booked: Option<Instant>) -> bool {
    booked.is_none_or(|booked| booked.0 - now.0 <= CLOCK_SKEW_MS_MAX)
}

/// Metrics, as Prometheus reads them.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "public",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain"))
)]
pub async fn metrics(State(app): State<App>) -> Response {
    let work = async {
        let rendered = app.metrics.render(&app.book);
        let response = text(rendered, "text/plain; version=0.0.4; charset=utf-8");
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_half_a_second_behind_the_book_is_on_time_and_more_is_not() {
        let now = Instant(1_800_000_000_000);
        for (booked, on_time) in [(-60_000, true), (0, true), (500, true), (501, false)] {
            assert_eq!(is_on_time(now, Some(now.plus_ms(booked))), on_time, "{booked}");
        }
        assert!(is_on_time(now, None));
    }
}
