//! What a register can look at: the recent operations of its own or of its store, and the life of
//! one payment of its store.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use yaoki_core::ids::FactId;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Terminal;
use yaoki_core::time::Instant;
use yaoki_store::{Conn, StoreError, read};

use crate::api::fields;
use crate::api::render::{self, OperationList, PaymentAnswer};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::pace::Flight;
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::signed::Signed;
use crate::metrics::Endpoint;

/// How many are listed when nothing is said.
const LIMIT_USUAL: usize = 20;

/// Which operations are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 200; 20 when left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `before` of the page before.
    before: Option<i64>,
    /// Those of every terminal of the store, not only of the one that asks.
    store: Option<bool>,
    /// Only those that succeeded more than 10 minutes ago and were not acknowledged.
    unacknowledged: Option<bool>,
}

impl ListQuery {
    fn of(signed: &Signed) -> Result<Self, Problem> {
        let query = Query::<Self>::try_from_uri(&signed.parts.uri);
        let Query(query) = query.map_err(|_| EdgeError::QueryMustBeValid)?;
        let limit = query.limit.unwrap_or(LIMIT_USUAL);
        if !(1..=read::PAGE_MAX).contains(&limit) {
            let detail = "`limit` must be from 1 to 200.";
            return Err(Problem::with_detail(EdgeError::QueryMustBeValid, detail));
        }
        Ok(query)
    }
}

/// What the rules ask of a terminal that only looks: it is in the book, and its key is current.
pub(super) fn signer(
    conn: &mut Conn,
    signed: Signer,
) -> Result<Result<Terminal, Refusal>, StoreError> {
    let terminal = conn.find::<Terminal, _>(&[signed.terminal.0])?.pop();
    Ok(match terminal {
        None => Err(Refusal::TerminalMustExist),
        Some(terminal) if terminal.believes(signed.generation, signed.now) => Ok(terminal),
        Some(_) => Err(Refusal::TerminalKeyMustBeCurrent),
    })
}

/// Who looks, to be taken to a reader.
#[derive(Clone, Copy)]
pub(super) struct Signer {
    pub(super) terminal: yaoki_core::ids::TerminalNumber,
    pub(super) generation: i64,
    pub(super) now: Instant,
}

impl Signer {
    pub(super) fn of(app: &App, signed: &Signed) -> Self {
        Self { terminal: signed.terminal, generation: signed.generation, now: app.now() }
    }
}

/// A terminal that looks at many things at once is answered one after another.
pub(super) fn look(app: &App, signed: &Signed) -> Result<Flight, Problem> {
    let look = app.looks.start(signed.terminal.0);
    look.ok_or_else(|| Problem::from(EdgeError::TooManyInFlight).and_retry_after(1))
}

/// The recent operations of the terminal, or of its whole store, newest first.
///
/// A page may be short, or empty, and still say by `before` where the next one goes on.
#[utoipa::path(
    get,
    path = "/v1/payments",
    tag = "register",
    security(("terminal" = [])),
    params(ListQuery),
    responses(
        (status = 200, description = "A page", body = OperationList),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, signed: Result<Signed, Problem>) -> Response {
    let work = async {
        let signed = signed?;
        let query = ListQuery::of(&signed)?;
        let (who, limit) = (Signer::of(&app, &signed), query.limit.unwrap_or(LIMIT_USUAL));
        let _look = look(&app, &signed)?;
        let page = app.read(Side::Registers, signed.deadline, move |conn| {
            let terminal = match signer(conn, who)? {
                Ok(terminal) => terminal,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let whole = query.store == Some(true);
            let (store, own) = (terminal.store, (!whole).then_some(terminal.number));
            let before = query.before.map(FactId);
            if query.unacknowledged == Some(true) {
                return read::unacknowledged(conn, (store, own), who.now, before, limit).map(Ok);
            }
            read::recent(conn, store, own, before, limit).map(Ok)
        });
        let page = page.await??;
        signed.is_believed();
        let before = page.before.map(|before| before.0.to_string());
        let currency = app.book.currency();
        let operations = render::operations(&page.operations, &currency);
        Ok(render::said(&OperationList { operations, before }))
    };
    app.answer(Endpoint::List, work).await
}

/// The life of one payment of the terminal's store.
#[utoipa::path(
    get,
    path = "/v1/payments/{payment}",
    tag = "register",
    security(("terminal" = [])),
    params(("payment" = String, Path, description = "The payment, `pay_…`")),
    responses(
        (status = 200, description = "The payment", body = PaymentAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn payment(
    State(app): State<App>,
    payment: Result<Path<String>, PathRejection>,
    signed: Result<Signed, Problem>,
) -> Response {
    let work = async {
        let signed = signed?;
        let (who, id) = (Signer::of(&app, &signed), fields::payment(fields::of_path(&payment))?);
        let _look = look(&app, &signed)?;
        let history = app.read(Side::Registers, signed.deadline, move |conn| {
            let terminal = match signer(conn, who)? {
                Ok(terminal) => terminal,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let Some(history) = read::payment(conn, id)? else { return Ok(Ok(None)) };
            let begun = conn.find::<Terminal, _>(&[history.begun.terminal.0])?.pop();
            let own = begun.is_some_and(|begun| begun.store == terminal.store);
            Ok(Ok(own.then_some(history)))
        });
        let history = history.await??;
        signed.is_believed();
        let history = history.ok_or(EdgeError::PaymentNotFound)?;
        let anchor = app.checkpoint.read().expect("no holder panics").clone();
        let currency = app.book.currency();
        Ok(render::said(&PaymentAnswer::of(&history, &currency, anchor.as_deref())))
    };
    app.answer(Endpoint::Payment, work).await
}
