//! What every handler shares: the book, the keys, time and chance, and who has to wait.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};

use axum::response::{IntoResponse, Response};
use hyper::body::Bytes;
use hyper::http::Extensions;
use jiff::tz::TimeZone;
use tokio::sync::{oneshot, watch};
use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::command::{Administer, Command};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::Event;
use yaoki_core::time::Instant;
use yaoki_store::verify::anchor::Anchor;
use yaoki_store::{Answer, Book, Clock, Conn, Part, StoreError, Unknown};

use crate::api::console::Console;
use crate::api::member::services::MemberServices;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::frames::{Frame, FramePlace, FramePlaces, FrameReaders, Receiving};
use crate::edge::fruitless::FruitlessRequests;
use crate::edge::keys::{KeyFile, KeyFileError};
use crate::edge::listener::ListenerName;
use crate::edge::pace::{Flight, InFlight, Pace};
use crate::edge::problem::{Cause, Problem};
use crate::edge::proof::ProofKeys;
use crate::edge::proof::seen::{PROOFS_REMEMBERED_MAX, SeenProofs};
use crate::edge::reads::{ReadLines, Side};
use crate::edge::request::{self, Intake};
use crate::edge::sign::Signs;
use crate::jobs::messages::words::Words;
use crate::jobs::webhooks::board::Board;
use crate::metrics::{Class, Endpoint, Metrics, Said};
use crate::rails::acquirer::Acquirer;

/// Where chance comes from: fills what it is given with unpredictable bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The limits of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a call may take, milliseconds: past it the answer is `unknown`.
    pub deadline_ms: i64,
    /// The most requests of one terminal under way.
    pub in_flight_per_terminal_max: usize,
    /// The most lists and payments that one terminal looks at at once.
    pub looks_per_terminal_max: usize,
    /// The most requests under way of one merchant's own system, by the webhook that signs.
    pub in_flight_per_partner_max: usize,
    /// The most requests of one device under way.
    pub in_flight_per_device_max: usize,
    /// The most requests of strangers under way on one listener: enrolments and nonces for them,
    /// the API document.
    pub strangers_in_flight_max: usize,
    /// The most requests of one console session under way, streams apart.
    pub in_flight_per_session_max: usize,
    /// The most streams of one console session.
    pub streams_per_session_max: usize,
    /// The most streams of all console sessions.
    pub streams_max: usize,
    /// The most proofs of devices that are remembered.
    pub proofs_remembered_max: usize,
    /// How long a hold lasts when the register does not say, seconds.
    pub hold_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: 5_000,
            in_flight_per_terminal_max: 32,
            looks_per_terminal_max: 2,
            in_flight_per_partner_max: 2,
            in_flight_per_device_max: 2,
            strangers_in_flight_max: 64,
            in_flight_per_session_max: 8,
            streams_per_session_max: 4,
            streams_max: 64,
            proofs_remembered_max: PROOFS_REMEMBERED_MAX,
            hold_seconds: 7 * 24 * 60 * 60,
        }
    }
}

/// The keys in use, ready to be used.
#[derive(Debug)]
pub struct Keyring {
    /// The file they are from.
    pub file: KeyFile,
    /// Issues and opens codes.
    pub cipher: CodeCipher,
    /// Nonces and tokens.
    pub proof: ProofKeys,
}

impl Keyring {
    /// The keys of `file` that are accepted at `now`.
    pub fn new(file: KeyFile, code: &CodeRules, now: Instant) -> Self {
        let previous = file.code.accepted(now.0).nth(1);
        let previous = previous.map(crate::edge::keys::Secret::expose);
        Self {
            cipher: CodeCipher::new(code.clone(), file.code.secret.expose(), previous),
            proof: ProofKeys::new(&file, now.0),
            file,
        }
    }

    /// Whether codes of an older key are still opened.
    pub fn is_rotating(&self, now: Instant) -> bool {
        self.file.code.accepted(now.0).count() > 1
    }
}

/// What every handler shares.
pub struct Shared {
    /// The book.
    pub book: Arc<Book>,
    /// The settings of the one-time code.
    pub code: CodeRules,
    /// Where the keys are kept.
    pub key_file: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub entropy: Entropy,
    /// The limits of requests.
    pub limits: Limits,
    /// What terminals call this server in `Host`; none: anything.
    pub register_hosts: Vec<String>,
    /// What devices call it; none: anything.
    pub device_hosts: Vec<String>,
    /// Whether devices see `https`.
    pub device_is_secure: bool,
    /// Where operators are served, and what is known of their sessions.
    pub console: Console,
    /// The operator's zone: a day of his begins and ends by it.
    pub zone: TimeZone,
    /// Becomes true when the server is to stop.
    pub stopping: watch::Receiver<bool>,
    /// Which terminals have to wait.
    pub pace: Pace,
    /// Which terminals ask for much that moves nothing.
    pub fruitless: FruitlessRequests,
    /// Requests of terminals under way.
    pub flights: Arc<InFlight>,
    /// Lists and payments that terminals look at.
    pub looks: Arc<InFlight>,
    /// Requests of merchants' own systems under way.
    pub partners: Arc<InFlight>,
    /// What the courier of webhooks and merchants tell each other.
    pub webhooks: Board,
    /// Requests of devices under way.
    pub device_flights: Arc<InFlight>,
    /// Places of frames that are received or read.
    pub frame_places: FramePlaces,
    /// Threads that read frames.
    pub frames: FrameReaders,
    /// Whose template the codes of shops are: see [`crate::edge::sign`].
    pub qr_identifier: String,
    /// Requests of strangers under way, each listener for itself.
    pub strangers: Arc<InFlight>,
    /// Proofs of devices that were accepted.
    pub proofs: SeenProofs,
    /// Turns of the book's readers.
    pub reads: ReadLines,
    /// What is counted.
    pub metrics: Metrics,
    /// The keys in use.
    pub keyring: RwLock<Arc<Keyring>>,
    /// The last signed checkpoint that this server made.
    pub checkpoint: RwLock<Option<Arc<Anchor>>>,
    /// What puts messages into words; said once all listeners listen.
    pub words: OnceLock<Arc<Words>>,
    /// Whether a page shows messages.
    pub mailbox: bool,
    /// The certificate of a demo's own authority, DER.
    pub demo_authority: Option<Bytes>,
    /// What members' acts share.
    pub members: MemberServices,
    /// Whom cards are charged by; none: no card is taken.
    pub acquirer: Option<Acquirer>,
    /// Where every listener is; said once all of them listen.
    pub doors: OnceLock<Vec<Door>>,
}

/// Where one listener is, for the first page.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Which.
    pub name: ListenerName,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether callers see `https`.
    pub is_secure: bool,
    /// Whether callers see a proxy, whose address is not known here.
    pub behind_proxy: bool,
}

/// The state of every handler.
#[derive(Clone)]
pub struct App(Arc<Shared>);

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Shares `shared`.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// `N` unpredictable bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }

    /// The keys in use.
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().expect("no holder panics"))
    }

    /// Reads the key file again: after a rotation, and when the time of an old key has ended.
    ///
    /// # Errors
    /// [`KeyFileError`]; the keys in use stay.
    pub fn reload_keys(&self) -> Result<(), KeyFileError> {
        let file = KeyFile::load(&self.key_file)?;
        let keyring = Arc::new(Keyring::new(file, &self.code, self.now()));
        *self.keyring.write().expect("no holder panics") = keyring;
        Ok(())
    }

    /// Begins a request of somebody we do not know.
    ///
    /// # Errors
    /// [`EdgeError::Busy`]: too many of them are under way on this listener. Nobody who is known
    /// hears that.
    pub fn stranger(&self, listener: ListenerName) -> Result<Flight, Problem> {
        let flight = self.strangers.start(listener.number());
        flight.ok_or_else(|| Problem::from(EdgeError::Busy).and_retry_after(1))
    }

    /// Begins to receive a frame; nothing where it is none. Bodies of a mebibyte are received in
    /// places of their own, because who sends them is not proven before they are there.
    ///
    /// # Errors
    /// [`EdgeError::Busy`].
    pub fn receive_frame(
        &self,
        intake: Intake,
        listener: ListenerName,
        extensions: &Extensions,
    ) -> Result<Option<Receiving>, Problem> {
        if intake != Intake::Frame {
            return Ok(None);
        }
        self.frame_places.receive(listener, request::believed(extensions)).map(Some)
    }

    /// Reads a frame on a thread for frames, and waits for it at most until the deadline. Its place
    /// is held until the thread has finished with it.
    ///
    /// # Errors
    /// A [`Problem`] when it was not read in time.
    pub async fn texts(
        &self,
        frame: Frame,
        place: FramePlace,
        deadline: Deadline,
    ) -> Result<Vec<String>, Problem> {
        let texts = deadline.wait_for(self.frames.read(frame, place)?).await;
        texts.ok_or_else(deadline_passed)?.map_err(|_| EdgeError::Stopping.into())
    }

    /// What makes and opens the codes of shops, under the keys of `keyring`.
    pub fn signs<'a>(&'a self, keyring: &'a Keyring) -> Signs<'a> {
        let (key, identifier) = (&keyring.file.fingerprint, self.qr_identifier.as_str());
        Signs { key, identifier, currency: self.book.currency() }
    }

    /// The scheme that devices see.
    pub fn device_scheme(&self) -> &'static str {
        if self.device_is_secure { "https" } else { "http" }
    }

    /// The deadline of a request that was received now.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.limits.deadline_ms, self.now())
    }

    /// Submits a command and waits for its outcome, at most until the deadline.
    ///
    /// # Errors
    /// A [`Problem`] when there is no outcome: refused without a record, or unknown.
    pub async fn submit(
        &self,
        part: Part,
        command: Command,
        deadline: Deadline,
    ) -> Result<Outcome, Problem> {
        let (sender, receiver) = oneshot::channel();
        let reply = Box::new(move |answer| {
            // Whoever asked has gone: the outcome is recorded, and asking again tells it.
            let _ = sender.send(answer);
        });
        self.book.submit(part, command, deadline.at(), reply);
        match deadline.wait_for(receiver).await {
            None => Err(deadline_passed()),
            Some(Err(_)) => Err(Unknown::StorageFailed.into()),
            Some(Ok(Answer::Decided(outcome))) => Ok(outcome),
            Some(Ok(Answer::Refused(refused))) => Err(refused.into()),
            Some(Ok(Answer::Unknown(unknown))) => Err(unknown.into()),
        }
    }

    /// The same for an act that becomes an event.
    ///
    /// # Errors
    /// A [`Problem`]: refused, or unknown.
    pub async fn administer(
        &self,
        part: Part,
        administer: Administer,
        deadline: Deadline,
    ) -> Result<Event, Problem> {
        match self.submit(part, Command::Administer(administer), deadline).await? {
            Outcome::Done { event, .. } => Ok(event),
            other => unreachable!("an act becomes an event, not {other:?}"),
        }
    }

    /// Reads on one of the book's readers, when it is the side's turn and at most until the
    /// deadline: a read that still waits then is never run.
    ///
    /// # Errors
    /// A [`Problem`] when nothing could be read in time.
    pub async fn read<T: Send + 'static>(
        &self,
        side: Side,
        deadline: Deadline,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = deadline.wait_for(self.reads.turn(side)).await;
        let turn = turn.ok_or_else(deadline_passed)?;
        let turn = turn.ok_or_else(|| Problem::from(EdgeError::Busy).and_retry_after(1))?;
        let (sender, receiver) = oneshot::channel();
        // Alive as long as somebody waits for the answer.
        let waits = Arc::new(());
        let waiting = Arc::downgrade(&waits);
        let work = move |conn: &mut Conn| match waiting.strong_count() {
            0 => Err(StoreError::ReadersBusy),
            _ => work(conn),
        };
        self.book.read(work, move |result| {
            // The reader is free again before anybody hears of it.
            drop(turn);
            // Whoever asked has gone; a read changes nothing.
            let _ = sender.send(result);
        });
        let answer = deadline.wait_for(receiver).await;
        drop(waits);
        match answer {
            None => Err(deadline_passed()),
            Some(Err(_)) => Err(EdgeError::Stopping.into()),
            Some(Ok(result)) => result.map_err(Problem::from),
        }
    }

    /// The end of every handler: counts, logs once, and answers.
    pub async fn answer(
        &self,
        endpoint: Endpoint,
        work: impl Future<Output = Result<Said, Problem>>,
    ) -> Response {
        let began = tokio::time::Instant::now();
        let (response, class) = match work.await {
            Ok(said) => (said.response, said.class),
            Err(problem) => {
                problem.log(endpoint.text());
                let failed =
                    matches!(problem.cause(), Cause::Edge(_)) && problem.status().is_server_error();
                let class = if failed { Class::Failed } else { Class::Refused };
                (problem.into_response(), class)
            }
        };
        self.metrics.answered(endpoint, class, began.elapsed());
        response
    }
}

fn deadline_passed() -> Problem {
    Problem::from(EdgeError::DeadlinePassed).and_retry_after(1)
}
