//! Figures and newest operations as they change: an answer that goes on, read by `fetch`, a JSON
//! object a line.
//!
//! However many look, the book is read once a second ([`Feed`]), and only when a lane has gone on.
//! A stream ends when its session does, or the server. It closes its connection then; whoever does
//! not read it is cut by the listener.
//!
//! Limits: streams of a session and of all ([`crate::app::Limits`]), one line waiting in each,
//! a line at the least every [`ALIVE_SECONDS`].

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, MissedTickBehavior, interval};
use utoipa::ToSchema;
use yaoki_core::ids::LaneNumber;
use yaoki_store::read;
use yaoki_store::read::console::{Day, Filter};

use super::day::{DayTotals, OperatorsDay};
use super::operations::{ConsoleOperation, rows};
use super::session::{Operator, caller_of, for_operator, too_many};
use super::staff::standing;
use crate::api::time;
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::listener::{STREAM_SECONDS_MAX, Streamed};
use crate::edge::pace::Flight;
use crate::edge::problem::{Cause, Problem, ProblemDocument};
use crate::edge::proof::token::{Bound, SessionToken};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::{Class, Endpoint, Said};

/// How often the book is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After so many seconds without a change a line says that the stream is alive.
pub const ALIVE_SECONDS: u32 = 15;
const _: () = assert!(ALIVE_SECONDS < STREAM_SECONDS_MAX, "a stream is not cut while it is alive");
/// How many of the newest operations are told.
const NEWEST: usize = 20;
/// The caller of the count of all streams.
const ALL: i64 = 0;

/// Asking for a stream. No fields yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {}

/// One line of the stream.
#[derive(Serialize, ToSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
#[schema(as = ConsoleLine)]
pub enum Line {
    /// The figures of today and the newest operations: at once, then whenever they have changed.
    Figures {
        /// Today.
        day: Box<DayTotals>,
        /// Newest first.
        newest: Vec<ConsoleOperation>,
    },
    /// Nothing has changed.
    Alive {
        /// The time of the server.
        #[schema(format = "date-time")]
        now: String,
    },
    /// The book cannot be read at the moment; the stream goes on.
    Unavailable,
    /// The last line.
    End {
        /// `session_must_be_open` or `stopping`, as errors name them.
        refusal: &'static str,
    },
}

impl Line {
    fn bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("texts, numbers and lists have a form");
        bytes.push(b'\n');
        Bytes::from(bytes)
    }
}

/// What streams tell, read once for all of them.
#[derive(Debug, Default)]
pub struct Feed {
    newest: tokio::sync::Mutex<Newest>,
}

#[derive(Debug, Default)]
struct Newest {
    looked_at: Option<Moment>,
    /// Of which day and up to which commits the line is; none when it could not be read.
    of: Option<(OperatorsDay, Position)>,
    /// Raised with every line that differs.
    version: u64,
    line: Bytes,
}

/// The last commit of each lane.
type Position = Vec<(LaneNumber, i64)>;

impl Feed {
    /// The newest line and its version, at most a second old.
    async fn newest(&self, app: &App) -> (u64, Bytes) {
        let mut newest = self.newest.lock().await;
        if newest.looked_at.is_none_or(|at| at.elapsed() >= LOOK) {
            newest.look(app).await;
            newest.looked_at = Some(Moment::now());
        }
        (newest.version, newest.line.clone())
    }
}

impl Newest {
    async fn look(&mut self, app: &App) {
        let line = match self.read(app).await {
            Ok(None) => return,
            Ok(Some(line)) => line,
            Err(problem) => {
                problem.log(Endpoint::ConsoleStream.text());
                self.of = None;
                Line::Unavailable
            }
        };
        let bytes = line.bytes();
        if bytes != self.line {
            self.version += 1;
            self.line = bytes;
        }
    }

    /// What there is to tell; none where no lane has gone on.
    async fn read(&mut self, app: &App) -> Result<Option<Line>, Problem> {
        let day = OperatorsDay::today(app)?;
        let known = self.of.take();
        let told = known.clone();
        let read = app.read(Side::Console, app.deadline(), move |conn| {
            let lanes = read::lanes(conn)?;
            let position: Position = lanes.iter().map(|lane| (lane.id, lane.seq)).collect();
            if told.is_some_and(|(of, at)| of == day && at == position) {
                return Ok(None);
            }
            let figures: Day = read::console::day(conn, day.hours())?;
            let page = read::console::operations(conn, &Filter::default(), None, NEWEST)?;
            Ok(Some((position, figures, page.operations, read::directory(conn)?)))
        });
        let Some((position, figures, newest, directory)) = read.await? else {
            self.of = known;
            return Ok(None);
        };
        self.of = Some((day, position));
        let day = Box::new(day.totals(app, &figures));
        Ok(Some(Line::Figures { day, newest: rows(&newest, &directory) }))
    }
}

/// The body of a stream: lines as they come.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// One stream.
struct Stream {
    app: App,
    token: SessionToken,
    lines: mpsc::Sender<Bytes>,
    stopping: watch::Receiver<bool>,
    _flights: [Flight; 2],
}

impl Stream {
    /// Tells what changes until the session or the server ends, or nobody reads any more.
    async fn run(mut self) {
        let mut stopping = self.stopping.clone();
        let refusal = tokio::select! {
            biased;
            // Without a sender the server is gone.
            _ = stopping.wait_for(|stopping| *stopping) => EdgeError::Stopping,
            told = self.tell() => match told {
                Some(refusal) => refusal,
                None => return,
            },
        };
        // Whoever has not read the line before does not hear of the end.
        let _ = self.lines.try_send(Line::End { refusal: refusal.name() }.bytes());
    }

    /// Whether its session does. Where the book cannot be read, nothing can be told either.
    async fn goes_on(&self) -> bool {
        match standing(&self.app, &self.token, self.app.deadline()).await {
            Ok(_) => true,
            Err(problem) => problem.cause() != Cause::Edge(EdgeError::SessionMustBeOpen),
        }
    }

    /// Why there is no more to tell; none where nobody hears it.
    async fn tell(&mut self) -> Option<EdgeError> {
        let (mut told, mut silent) = (0, 0);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.lines.closed() => return None,
                _ = looks.tick() => {}
            }
            if !self.goes_on().await {
                return Some(EdgeError::SessionMustBeOpen);
            }
            let (version, line) = self.app.console.feed.newest(&self.app).await;
            silent += 1;
            let line = match () {
                () if version != told => line,
                () if silent >= ALIVE_SECONDS => {
                    Line::Alive { now: time::text(self.app.now()) }.bytes()
                }
                () => continue,
            };
            (told, silent) = (version, 0);
            self.lines.send(line).await.ok()?;
        }
    }
}

/// Today's figures and the newest operations, a JSON object a line, as they change.
#[utoipa::path(
    post,
    path = "/v1/console/stream",
    tag = "console",
    security(("operator" = [])),
    request_body = StreamRequest,
    responses(
        (status = 200, description = "Lines, until the session or the server ends", body = Line,
            content_type = "application/x-ndjson"),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn stream(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let StreamRequest {} = request::json(&operator.body)?;
        let console = &app.console;
        let own =
            console.streams.start(operator.token.caller().cast_signed()).ok_or_else(too_many)?;
        let all = console.all_streams.start(ALL).ok_or_else(too_many)?;
        let (lines, received) = mpsc::channel(1);
        let stream = Stream {
            app: app.clone(),
            token: operator.token,
            lines,
            stopping: app.stopping.clone(),
            _flights: [own, all],
        };
        tokio::spawn(stream.run());
        Ok(Said { response: response(received), class: Class::Answered })
    };
    for_operator(app.answer(Endpoint::ConsoleStream, work).await, &app, &caller)
}

fn response(received: mpsc::Receiver<Bytes>) -> Response {
    let mut response = Response::new(Body::new(Lines(received)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response.extensions_mut().insert(Streamed);
    response
}
