//! Problem documents (RFC 9457): everything that is not an outcome, said in one form.
//!
//! `type` is a link to the page of refusals, which every listener serves, `title` what must hold,
//! `detail` what to do, `refusal` and `number` are stable, and `outcome` is always `unknown`:
//! `succeeded` and `declined` are said only of what is recorded. A 409 names the first request of
//! the id.

use std::borrow::Cow;
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;
use yaoki_core::decide::Refused;
use yaoki_core::facts::Operation;
use yaoki_core::refusal::{Finality, Refusal};
use yaoki_store::{StoreError, Unknown};

use super::error::EdgeError;
use super::signature::SignatureError;
use crate::api::time;
use crate::web::refusals;

/// The media type of a problem document.
pub const CONTENT_TYPE_PROBLEM: &str = "application/problem+json";

/// Why there is no outcome.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

struct Inner {
    cause: Cause,
    detail: Option<Cow<'static, str>>,
    first: Option<Operation>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log only: may name tables and files, never secrets.
    source: Option<String>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A detail may quote the request, so it is not printed.
        out.debug_struct("Problem").field("cause", &self.cause).finish_non_exhaustive()
    }
}

/// Who says no: the edge, or the rules without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The edge.
    Edge(EdgeError),
    /// The rules.
    Rule(Refusal),
}

impl Cause {
    const fn status(self) -> u16 {
        match self {
            Self::Edge(error) => error.status(),
            Self::Rule(refusal) => refusal.status(),
        }
    }

    const fn words(self) -> (&'static str, i64, &'static str, &'static str) {
        match self {
            Self::Edge(error) => (error.name(), error.number(), error.sentence(), error.cure()),
            Self::Rule(refusal) => {
                (refusal.name(), refusal.number(), refusal.sentence(), refusal.cure())
            }
        }
    }
}

impl Problem {
    fn new(cause: Cause) -> Self {
        let inner = Inner { cause, detail: None, first: None, headers: Vec::new(), source: None };
        Self(Box::new(inner))
    }

    /// An error of the edge, with a text that says what to do in this very case.
    pub fn with_detail(error: EdgeError, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::from(error);
        problem.0.detail = Some(detail.into());
        problem
    }

    /// A field that must be mended.
    pub fn field(name: &'static str, must: impl fmt::Display) -> Self {
        Self::with_detail(EdgeError::FieldMustBeValid, format!("`{name}` {must}."))
    }

    /// The same, with another header.
    #[must_use]
    pub fn and_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The same; after so many seconds it makes sense to ask again.
    #[must_use]
    pub fn and_retry_after(self, seconds: u32) -> Self {
        self.and_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Who says no.
    pub fn cause(&self) -> Cause {
        self.0.cause
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.cause.status()).expect("every status in the lists is one")
    }

    /// The first request of the id, where another meaning was sent.
    pub fn first(&self) -> Option<&Operation> {
        self.0.first.as_ref()
    }

    /// Writes it to the log, once: faults of ours as errors, the rest for who looks closely.
    pub fn log(&self, endpoint: &'static str) {
        let (refusal, ..) = self.0.cause.words();
        let status = self.0.cause.status();
        match &self.0.source {
            Some(source) => tracing::error!(endpoint, refusal, status, %source, "not answered"),
            None if status >= 500 => tracing::warn!(endpoint, refusal, status, "not answered"),
            None => tracing::debug!(endpoint, refusal, status, "refused"),
        }
    }
}

impl From<EdgeError> for Problem {
    fn from(error: EdgeError) -> Self {
        Self::new(Cause::Edge(error))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        assert!(refusal.finality() == Finality::Unrecorded, "a recorded refusal is an outcome");
        Self::new(Cause::Rule(refusal))
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let mut problem = Self::from(refused.refusal);
        problem.0.first = refused.first;
        problem
    }
}

impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        Self::from(EdgeError::from(unknown)).and_retry_after(unknown.retry_after_seconds())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::ReadersBusy) {
            return Self::from(EdgeError::Busy).and_retry_after(1);
        }
        let mut problem = Self::from(EdgeError::FaultOfOurs).and_retry_after(3);
        problem.0.source = Some(error.to_string());
        problem
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let kind = match error {
            SignatureError::TimestampFar { .. } => EdgeError::SignatureMustBeTimely,
            SignatureError::SignatureWrong => EdgeError::SignatureMustMatch,
            _ => EdgeError::SignatureMustBeGiven,
        };
        let challenge = HeaderValue::from_static(super::signature::SCHEME);
        Self::with_detail(kind, sentence(&error.to_string()))
            .and_header(hyper::header::WWW_AUTHENTICATE, challenge)
    }
}

/// A text of ours as a sentence: a capital first and a full stop last.
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let mut sentence: String =
        characters.next().into_iter().flat_map(char::to_uppercase).chain(characters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// Where the refusal is explained.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// What must hold, or what happened.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What to do.
    detail: &'a str,
    /// The refusal's stable name.
    refusal: &'a str,
    /// The refusal's stable number.
    number: i64,
    /// Always `unknown`: nothing was recorded under this request id by this answer.
    #[schema(example = "unknown")]
    outcome: &'a str,
    /// 409: the first request of this id, whose outcome stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<FirstRequest>,
}

/// The first request of an id that was used again with another meaning.
#[derive(Serialize, ToSchema)]
pub struct FirstRequest {
    /// `succeeded` or `declined`.
    outcome: &'static str,
    /// What it asked.
    operation: &'static str,
    /// Minor units.
    amount: i64,
    /// The payment it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    /// When it was booked.
    booked_at: String,
}

impl FirstRequest {
    fn of(operation: &Operation) -> Self {
        Self {
            outcome: if operation.succeeded() { "succeeded" } else { "declined" },
            operation: operation.kind.name(),
            amount: operation.amount,
            payment: crate::api::render::payment_of(operation),
            booked_at: time::text(operation.id.at()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let Inner { cause, detail, first, headers, .. } = *self.0;
        let (refusal, number, title, cure) = cause.words();
        let document = ProblemDocument {
            r#type: format!("{}#{refusal}", refusals::PATH),
            title,
            status: cause.status(),
            detail: detail.as_deref().unwrap_or(cure),
            refusal,
            number,
            outcome: "unknown",
            first: first.as_ref().map(FirstRequest::of),
        };
        let body = serde_json::to_vec(&document).expect("a document of texts and numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let all = response.headers_mut();
        all.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_PROBLEM));
        all.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        all.extend(headers);
        response
    }
}
