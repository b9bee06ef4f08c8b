//! The book: storage, its lanes, and its readers, as the rest of the program sees it.
//!
//! A write is [`Book::submit`]: handler → queue → lane. A read is [`Book::read`]: handler → reader.
//! No SQL runs on the caller's thread. Limits: 4,096 commands a lane, 4 readers, 256 reads in line.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use yaoki_core::code::CodeRules;
use yaoki_core::command::Command;
use yaoki_core::ids::LaneNumber;
use yaoki_core::money::Currency;
use yaoki_core::state::Lane;
use yaoki_core::time::{Instant, ZoneOffset};

use crate::answer::{Answer, Reply, Unknown};
use crate::backup::open_after_restore;
use crate::checkpointer::{self, Checkpointer};
use crate::clock;
use crate::conn::{Conn, Purpose};
use crate::database::Database;
use crate::errand::Errands;
use crate::error::StoreError;
use crate::lane::{LaneThread, route};
use crate::lease;
pub use crate::maintain::LogLimits;
use crate::position::{Move, Moves};
use crate::queue::{Entry, Part, Queue};
use crate::reading::Reading;
use crate::table::{Book as BookRow, BookKind};

/// The most reads in line.
const READS_QUEUED_MAX: usize = 256;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;
/// The operator's zone at a time.
pub type Zone = Arc<dyn Fn(Instant) -> ZoneOffset + Send + Sync>;
/// What happens when the storage fails: by default the process ends with status 70.
pub type Fatal = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// How a book is opened.
#[derive(Clone)]
pub struct BookOptions {
    /// Where it is kept.
    pub database: Database,
    /// The one-time code.
    pub code: CodeRules,
    /// Where the time comes from.
    pub clock: Clock,
    /// The operator's zone.
    pub zone: Zone,
    /// Lanes of this node on PostgreSQL; SQLite has one.
    pub lanes: usize,
    /// This node's name, unique among the nodes of a book.
    pub node: String,
    /// Start on a PostgreSQL whose settings can lose acknowledged commits.
    pub accept_losing_payments: bool,
    /// Whether this node's clock is held against the database's and the book's. Not where a test
    /// makes up the time.
    pub clock_is_real: bool,
    /// Reader threads.
    pub readers: usize,
    /// What is done about SQLite's write-ahead log at which length.
    pub log: LogLimits,
    /// What happens when the storage fails.
    pub fatal: Fatal,
    /// Only for the control of the power-cut loop: do not sync.
    pub unsafe_without_sync: bool,
}

impl BookOptions {
    /// The usual options for a book in `database`.
    pub fn new(database: Database, code: CodeRules, clock: Clock, zone: Zone) -> Self {
        Self {
            database,
            code,
            clock,
            zone,
            lanes: 4,
            node: "node".to_owned(),
            accept_losing_payments: false,
            clock_is_real: true,
            readers: 4,
            log: LogLimits::default(),
            fatal: Arc::new(end_the_process),
            unsafe_without_sync: false,
        }
    }
}

/// Ends the process shortly, so that the answers `unknown` still leave it.
fn end_the_process(error: &StoreError) {
    tracing::error!(%error, "the storage failed; the process ends");
    #[expect(clippy::disallowed_methods, reason = "answers need a moment to leave the process")]
    std::thread::sleep(std::time::Duration::from_millis(200));
    std::process::exit(70);
}

/// Counts for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Commits, empty ones included.
    pub batches: AtomicU64,
    /// Commands answered.
    pub commands: AtomicU64,
    /// Facts committed.
    pub facts: AtomicU64,
    /// Batches that were run again.
    pub conflicts: AtomicU64,
    /// Bytes of SQLite's write-ahead log.
    pub wal_bytes: AtomicU64,
}

/// What lanes share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) purpose: Purpose,
    pub(crate) code: CodeRules,
    pub(crate) currency: Currency,
    pub(crate) clock: Clock,
    pub(crate) zone: Zone,
    pub(crate) fatal: Fatal,
    pub(crate) failed: AtomicBool,
    pub(crate) clock_is_real: bool,
    pub(crate) log: LogLimits,
    pub(crate) reading: Reading,
    /// Whether a lane has found this node's clock to be off.
    pub(crate) clock_is_off: AtomicBool,
    /// Whether the book is closed after a restore; lanes keep it up to date.
    pub(crate) closed: Arc<AtomicBool>,
    pub(crate) counters: Counters,
}

impl Shared {
    /// Says that nothing more is written, and who has to end before it is.
    pub(crate) fn tell_full(&self) {
        let reader = self.reading.oldest(&self.database);
        let reader = reader.as_deref().unwrap_or("nobody that is known");
        let wal_bytes = self.counters.wal_bytes.load(Ordering::Relaxed);
        tracing::error!(
            wal_bytes,
            reader,
            "the log is full: new writes are refused while it reads"
        );
    }
}

/// How the book is doing.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Whether no lane has failed.
    pub storage_ok: bool,
    /// Whether this node's clock is the database's, as far as lanes have asked.
    pub clock_ok: bool,
    /// Lanes that this node holds.
    pub lanes: usize,
    /// Commands in line.
    pub queued: usize,
    /// Bytes of SQLite's write-ahead log.
    pub wal_bytes: u64,
    /// Whether the book is closed after a restore.
    pub closed: bool,
}

/// An open book.
pub struct Book {
    shared: Arc<Shared>,
    row: BookRow,
    queues: Vec<Arc<Queue>>,
    /// The lanes of this node, and what waits for each besides commands.
    lanes: Vec<(LaneNumber, Arc<Moves>, Arc<Errands>)>,
    readers: Arc<Readers>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// SQLite's file, held until every thread has closed its connection.
    file: Option<Arc<File>>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Book").field("database", &self.shared.database).finish_non_exhaustive()
    }
}

impl Book {
    /// Opens a book: checks schema and durability, leases lanes, starts lane and reader threads.
    pub fn open(options: BookOptions) -> Result<Arc<Self>, StoreError> {
        let unsafe_lane = options.unsafe_without_sync;
        let purpose = if unsafe_lane { Purpose::LaneWithoutSync } else { Purpose::Lane };
        let mut conn = Conn::open(&options.database, purpose)?;
        crate::migrate::check(&mut conn)?;
        if !options.accept_losing_payments {
            conn.check_durability()?;
        }
        if options.clock_is_real {
            clock::check(&mut conn, &options.clock)?;
        }
        let row = BookRow::load(&mut conn)?;
        let lanes = lease::lease(&mut conn, &options)?;
        let shared = Arc::new(Shared {
            database: options.database.clone(),
            purpose,
            code: options.code,
            currency: row.currency,
            clock: options.clock,
            zone: options.zone,
            fatal: options.fatal,
            failed: AtomicBool::new(false),
            clock_is_real: options.clock_is_real,
            log: options.log,
            reading: Reading::default(),
            clock_is_off: AtomicBool::new(false),
            closed: Arc::new(AtomicBool::new(row.closed != 0)),
            counters: Counters::default(),
        });
        let file = match &options.database {
            Database::Sqlite(path) if !unsafe_lane => Some(checkpointer::open(path)?),
            _ => None,
        };
        let mut book = Self {
            shared,
            row,
            queues: Vec::new(),
            lanes: Vec::new(),
            readers: Arc::new(Readers::default()),
            threads: Mutex::new(Vec::new()),
            file,
        };
        book.start_lanes(Some(conn), &lanes)?;
        book.start_readers(options.readers)?;
        Ok(Arc::new(book))
    }

    fn start_lanes(&mut self, mut first: Option<Conn>, lanes: &[Lane]) -> Result<(), StoreError> {
        for lane in lanes {
            let conn = match first.take() {
                Some(conn) => conn,
                None => Conn::open(&self.shared.database, self.shared.purpose)?,
            };
            let queue = Arc::new(Queue::default());
            self.queues.push(Arc::clone(&queue));
            let moves = Arc::new(Moves::default());
            let errands = Arc::new(Errands::default());
            self.lanes.push((lane.id, Arc::clone(&moves), Arc::clone(&errands)));
            let checkpointer = self.start_checkpointer()?;
            let shared = Arc::clone(&self.shared);
            let waiting = (queue, moves, errands);
            let thread = LaneThread::new(shared, waiting, (conn, checkpointer), lane);
            self.start(format!("lane-{}", lane.id.0), move || thread.work());
        }
        Ok(())
    }

    /// Beside the lane of an SQLite file.
    fn start_checkpointer(&self) -> Result<Option<Checkpointer>, StoreError> {
        if matches!(self.shared.database, Database::Postgres(_)) {
            return Ok(None);
        }
        let conn = Conn::open(&self.shared.database, self.shared.purpose)?;
        let (checkpointer, work) = checkpointer::pair(self.file.clone());
        self.start("checkpointer".to_owned(), move || work.run(conn));
        Ok(Some(checkpointer))
    }

    fn start_readers(&self, count: usize) -> Result<(), StoreError> {
        for number in 0..count {
            let conn = Conn::open(&self.shared.database, Purpose::Reader)?;
            let (readers, shared) = (Arc::clone(&self.readers), Arc::clone(&self.shared));
            let name = format!("reader-{number}");
            self.start(name.clone(), move || readers.work(conn, &shared, &name));
        }
        Ok(())
    }

    /// Starts a thread whose panic ends the process: a server without its writer helps nobody.
    fn start(&self, name: String, work: impl FnOnce() + Send + 'static) {
        let abort_on_panic = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                std::process::abort();
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(abort_on_panic);
        let thread = thread.expect("the system has room for a thread");
        self.threads.lock().expect("no holder panics").push(thread);
    }

    /// Puts a command in line. Never blocks; the answer, `QueueFull` included, comes by `reply`.
    pub fn submit(&self, part: Part, command: Command, deadline: Instant, reply: Reply) {
        let queue = &self.queues[route(&command, self.queues.len())];
        let entry = Box::new(Entry { command, part, deadline, reply, later: 0 });
        if let Err((entry, stopping)) = queue.push(entry) {
            let unknown = if stopping { Unknown::Stopping } else { Unknown::QueueFull };
            (entry.reply)(Answer::Unknown(unknown));
        }
    }

    /// Puts a command in line and waits for its answer: for threads that are not a runtime's.
    pub fn submit_and_wait(&self, part: Part, command: Command, deadline: Instant) -> Answer {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let reply = Box::new(move |answer| {
            // Nobody waits any more if this fails, and the command is on disk all the same.
            let _ = sender.send(answer);
        });
        self.submit(part, command, deadline, reply);
        receiver.recv().unwrap_or(Answer::Unknown(Unknown::Stopping))
    }

    /// Runs `work` on a reader thread and gives its result to `reply`, also on a reader thread.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        self.readers.push(Box::new(move |conn| {
            let Some(conn) = conn else {
                reply(Err(StoreError::ReadersBusy));
                return false;
            };
            let result = work(conn);
            let lost = result.as_ref().is_err_and(StoreError::is_connection_lost);
            reply(result);
            lost
        }));
    }

    /// Runs `work` on a reader thread and waits: for threads that are not a runtime's.
    pub fn read_and_wait<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.read(work, move |result| {
            // Nobody waits any more if this fails; a read changes nothing.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(StoreError::ReadersBusy))
    }

    /// Opens the book after a restore, see [`open_after_restore`]; lanes hear of it at their next
    /// batch.
    ///
    /// # Errors
    /// As [`open_after_restore`].
    pub fn open_restored(&self, first: &str, second: &str) -> Result<(), StoreError> {
        let mut conn = Conn::open(&self.shared.database, Purpose::Admin)?;
        open_after_restore(&mut conn, first, second, (self.shared.clock)())
    }

    /// The lanes that this node holds.
    pub fn lanes(&self) -> impl Iterator<Item = LaneNumber> {
        self.lanes.iter().map(|(lane, ..)| *lane)
    }

    /// Moves positions of followers, between two batches of this node's first lane. `reply` hears
    /// where each is then, on that lane's thread: a position that was not where its move begins is
    /// left as it is.
    pub fn move_positions(
        &self,
        moves: Vec<Move>,
        reply: impl FnOnce(Result<Vec<i64>, StoreError>) + Send + 'static,
    ) {
        let (_, line, _) = &self.lanes[0];
        line.push(moves, (self.shared.clock)(), Box::new(reply));
    }

    /// The same, and waits: for threads that are not a runtime's.
    pub fn move_positions_and_wait(&self, moves: Vec<Move>) -> Result<Vec<i64>, StoreError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.move_positions(moves, move |result| {
            // Nobody waits any more if this fails; a position that was moved is read again.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(StoreError::ReadersBusy))
    }

    /// Runs `work` in a short commit of its own, between two batches of this node's first lane, and
    /// waits: for threads that are not a runtime's. For work rows only: no fact is booked so.
    ///
    /// # Errors
    /// When it was not done: what waits for the lane is too much, somebody was in the way, or the
    /// storage failed. Nothing was changed then, except where the connection was lost at the
    /// commit.
    pub fn run_errand<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.send_errand(work, move |result| {
            // Nobody waits any more if this fails; whoever asks again sees what was done.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(StoreError::ReadersBusy))
    }

    /// The same for those who do not wait: `reply` is told on the lane's thread.
    pub fn send_errand<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        let (_, _, line) = &self.lanes[0];
        line.push((self.shared.clock)(), work, reply);
    }

    /// How the book is doing.
    pub fn health(&self) -> Health {
        Health {
            storage_ok: !self.shared.failed.load(Ordering::SeqCst),
            clock_ok: !self.shared.clock_is_off.load(Ordering::SeqCst),
            lanes: self.queues.len(),
            queued: self.queues.iter().map(|queue| queue.queued()).sum(),
            wal_bytes: self.shared.counters.wal_bytes.load(Ordering::Relaxed),
            closed: self.shared.closed.load(Ordering::SeqCst),
        }
    }

    /// Who has read longest without an end, in words: SQLite's log cannot begin anew before. None
    /// where nobody is known to read.
    pub fn oldest_reader(&self) -> Option<String> {
        self.shared.reading.oldest(&self.shared.database)
    }

    /// Counts for metrics.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What kind of book this is, for ever.
    pub const fn kind(&self) -> BookKind {
        self.row.kind
    }

    /// The generation that the code key must have at least: a restore raises it, so that no code
    /// issued before pays. Whoever keeps the key file makes a new key where its own is older.
    pub const fn code_generation(&self) -> i64 {
        self.row.code_generation
    }

    /// The settings of the one-time code that the book was opened with.
    pub fn code(&self) -> &CodeRules {
        &self.shared.code
    }

    /// The operator's zone, an IANA name.
    pub fn zone(&self) -> &str {
        &self.row.zone
    }

    /// The book's one currency.
    pub const fn currency(&self) -> Currency {
        self.row.currency
    }

    /// Takes no more commands, runs those in line, commits, and joins every thread.
    pub fn close(&self) {
        self.queues.iter().for_each(|queue| queue.stop());
        self.readers.stop();
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder panics"));
        for thread in threads {
            thread.join().expect("a panic ends the process before this");
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.close();
    }
}

/// A read in line; true when its connection was lost. Without a connection it answers "busy".
type Read = Box<dyn FnOnce(Option<&mut Conn>) -> bool + Send>;

/// The line in front of the readers.
#[derive(Default)]
struct Readers {
    line: Mutex<(VecDeque<Read>, bool)>,
    arrived: Condvar,
}

impl Readers {
    fn push(&self, read: Read) {
        let mut line = self.line.lock().expect("no holder panics");
        if line.1 || line.0.len() >= READS_QUEUED_MAX {
            drop(line);
            read(None);
            return;
        }
        line.0.push_back(read);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Read> {
        let mut line = self.line.lock().expect("no holder panics");
        loop {
            if let Some(read) = line.0.pop_front() {
                return Some(read);
            }
            if line.1 {
                return None;
            }
            line = self.arrived.wait(line).expect("no holder panics");
        }
    }

    fn stop(&self) {
        self.line.lock().expect("no holder panics").1 = true;
        self.arrived.notify_all();
    }

    fn work(&self, mut conn: Conn, shared: &Shared, name: &str) {
        while let Some(read) = self.take() {
            shared.reading.begin(name, (shared.clock)());
            let lost = read(Some(&mut conn));
            shared.reading.end(name);
            if lost {
                match Conn::open(&shared.database, Purpose::Reader) {
                    Ok(anew) => conn = anew,
                    Err(error) => tracing::warn!(%error, "a reader cannot connect anew yet"),
                }
            }
        }
    }
}
