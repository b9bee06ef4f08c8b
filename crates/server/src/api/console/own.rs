//! An operator about himself: who he is, verified again, his sessions ended.
//!
//! Acts that two must agree on and some others are taken only when the user was verified a moment
//! ago; the rules say so (`verification_must_be_fresh`), and the page asks for the passkey again.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yaoki_core::ids::RequestId;
use yaoki_core::operator::Role;
use yaoki_core::session::FRESH_MS_MAX;
use yaoki_core::staff::Deed;

use super::acts::operator_of;
use super::session::{Operator, caller_of, for_operator};
use super::sign_in::{handle_of, known_of, passkeys_of, relying, used};
use super::staff::{Staff, operate};
use crate::api::member::Done;
use crate::api::member::passkeys::{Answered, Asker, Options, asking};
use crate::api::{fields, render, time};
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::identity::passkey::PasskeyError;
use crate::identity::seal::Sealer;
use crate::metrics::{Endpoint, Said};

const VERIFY: &str = "operator verification";

/// What an operator does about himself.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ConsoleOwnRequest)]
pub enum OwnRequest {
    /// Who he is.
    Look {},
    /// One of his passkeys is asked for.
    BeginVerification {},
    /// It was used.
    Verify {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// What the browser answered.
        passkey: Answered,
    },
    /// He has compared a colleague's passkey with its owner: it signs in from now on. For an admin
    /// who neither owns it nor made the link that it was registered at.
    ConfirmPasskey {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// As the list of operators names it.
        passkey: String,
    },
    /// All his sessions end, this one too; or a colleague's, for risk and admins.
    EndSessions {
        /// A UUID that the browser made and kept before sending.
        #[schema(format = "uuid")]
        request_id: String,
        /// `opr_…`; left out: his own.
        operator: Option<String>,
    },
}

/// What is answered.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ConsoleOwnAnswer)]
pub enum OwnAnswer {
    /// To `look`.
    Own(Own),
    /// To `begin_verification`.
    Asked(Options),
    /// To `verify`, `confirm_passkey` and `end_sessions`.
    Done(Done),
}

/// Who asks.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleOwn)]
pub struct Own {
    operator: String,
    name: String,
    roles: Vec<&'static str>,
    session: String,
    /// Until when acts are taken that need the user verified a moment ago.
    #[schema(format = "date-time")]
    fresh_until: String,
}

/// What an operator does about himself.
#[utoipa::path(
    post,
    path = "/v1/console/own",
    operation_id = "console_own",
    tag = "console",
    security(("operator" = [])),
    request_body = OwnRequest,
    responses(
        (status = 200, description = "It was done", body = OwnAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn own(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let staff = operator.staff()?;
        match request::json(&operator.body)? {
            OwnRequest::Look {} => Ok(render::said(&look(staff))),
            OwnRequest::BeginVerification {} => begin(&app, staff, operator.deadline).await,
            OwnRequest::Verify { request_id, passkey } => {
                let request = fields::request_id("request_id", &request_id)?;
                verify(&app, staff, request, (&passkey, operator.deadline)).await
            }
            OwnRequest::ConfirmPasskey { request_id, passkey } => {
                let request = staff.request(fields::request_id("request_id", &request_id)?);
                let must = "must be 64 hex digits, as the list of operators says";
                let lookup = hex::bytes(&passkey).ok_or_else(|| Problem::field("passkey", must))?;
                let deed = Deed::ConfirmPasskey(lookup);
                operate(&app, staff, (request, ""), deed, operator.deadline).await?;
                Ok(render::said(&Done::ANSWER))
            }
            OwnRequest::EndSessions { request_id, operator: named } => {
                let request = staff.request(fields::request_id("request_id", &request_id)?);
                let whose = named.map_or(Ok(staff.operator.number), |text| operator_of(&text));
                let deed = Deed::EndSessions(whose?);
                operate(&app, staff, (request, ""), deed, operator.deadline).await?;
                Ok(render::said(&Done::ANSWER))
            }
        }
    };
    for_operator(app.answer(Endpoint::ConsoleOwn, work).await, &app, &caller)
}

fn look(staff: &Staff) -> Own {
    let (session, operator) = (&staff.session, &staff.operator);
    Own {
        operator: identifier::text(Kind::Operator, operator.number.0),
        name: operator.name.clone(),
        roles: operator.roles.each().map(Role::name).collect(),
        session: identifier::text(Kind::StaffSession, session.id.0),
        fresh_until: time::text(session.verified_at.plus_ms(FRESH_MS_MAX)),
    }
}

async fn begin(app: &App, staff: &Staff, deadline: Deadline) -> Result<Said, Problem> {
    let number = staff.operator.number;
    let passkeys = app.read(Side::Console, deadline, move |conn| passkeys_of(conn, number)).await?;
    let (handle, known) = (handle_of(app, number, &passkeys)?, known_of(&passkeys)?);
    let keyring = app.keyring();
    let asker = Asker { act: VERIFY, browser: &staff.session.key };
    let asking = asking(app, Sealer::new(&keyring.file.seal), asker);
    let started = relying(app)?.start_proof(&asking, app.random(), &handle, &known)?;
    Ok(render::said(&Options::from(started)))
}

async fn verify(
    app: &App,
    staff: &Staff,
    request: RequestId,
    (answered, deadline): (&Answered, Deadline),
) -> Result<Said, Problem> {
    let asker = Asker { act: VERIFY, browser: &staff.session.key };
    let used = used(app, asker, answered, deadline).await?;
    if used.operator != staff.operator.number {
        return Err(PasskeyError::OtherPasskey.into());
    }
    let deed = Deed::Verify(used.lookup, used.counter);
    operate(app, staff, (staff.request(request), ""), deed, deadline).await?;
    Ok(render::said(&Done::ANSWER))
}

/// Ends the session that asks, on every node.
///
/// # Errors
/// A [`Problem`]: refused, or unknown.
pub(super) async fn end(app: &App, staff: &Staff, deadline: Deadline) -> Result<(), Problem> {
    let id = staff.session.id;
    // One session is ended once, so a repeat is the same act.
    let request = RequestId::deterministic("end staff session", id.0);
    operate(app, staff, (request, ""), Deed::EndSession(id), deadline).await.map(|_| ())
}
