//! Starting and stopping a server: listeners, each on threads of its own, jobs, the admin socket.
//!
//! Synchronous: it is called from a plain thread and returns when every socket listens. Stopping
//! takes no more connections, lets requests under way end, then the jobs; the book is left open.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use yaoki_core::code::CodeSettingError;
use yaoki_core::message::Channel;
use yaoki_store::{BookKind, StoreError, read};

use crate::api::console::Console;
use crate::api::member::services::{Ceremonies, MemberServices, Tries};
use crate::api::openapi;
use crate::app::{App, Door, Keyring, Shared};
use crate::edge::admin_socket::AdminSocket;
use crate::edge::connections::Connections;
use crate::edge::frames::{FramePlaces, FrameReaders};
use crate::edge::fruitless::FruitlessRequests;
use crate::edge::keys::{KeyFile, KeyFileError};
use crate::edge::listener::{Listener, ListenerName};
use crate::edge::pace::{InFlight, Pace};
use crate::edge::proof::seen::SeenProofs;
use crate::edge::reads::ReadLines;
use crate::edge::tls::{Certificates, TlsError};
use crate::identity::leaked::{FileError, Filter, Leaked};
use crate::identity::openid::Providers;
use crate::identity::passkey::PasskeyError;
use crate::identity::password::{Passwords, SALT_BYTES};
use crate::jobs::messages::Postman;
use crate::jobs::messages::words::Words;
use crate::jobs::top_ups::Follower;
use crate::jobs::webhooks::Courier;
use crate::jobs::webhooks::board::Board;
use crate::jobs::witness::Witness;
use crate::jobs::{Job, checkpoint, housekeeping, sweeper};
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::rails::acquirer::Acquirer;
use crate::rails::options::AcquirerOptions;

/// For so many members at the least a code must be strong enough.
pub const MEMBERS_MIN: i64 = 10_000_000;
/// How often the table of connections is looked at while it drains.
const DRAIN_STEP: Duration = Duration::from_millis(5);
const HOUSEKEEPING_PAUSE: Duration = Duration::from_secs(5);

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The key file.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// A certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The settings of the code.
    #[error(transparent)]
    Code(#[from] CodeSettingError),
    /// The book.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A socket.
    #[error("{what} cannot be opened: {source}")]
    Socket {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A part that is for play.
    #[error("an authority of our own is for demo books only: this book takes a public one's")]
    DemoPart,
    /// An acquirer for play.
    #[error(
        "the setting `acquirer` names one for play (a test key, or on this machine): a live book \
         takes real cards"
    )]
    DemoAcquirer,
    /// A page for play.
    #[error("the mailbox shows every code to everybody: a live book must not have one")]
    Mailbox,
    /// The book's zone.
    #[error("the book's zone must be known here; install the system's zones: {0}")]
    Zone(#[source] jiff::Error),
    /// Passkeys cannot be made for the wallet page or the console.
    #[error(transparent)]
    Passkeys(#[from] PasskeyError),
    /// A provider of external ids cannot be asked.
    #[error("{0}")]
    Openid(String),
    /// The filter of leaked passwords.
    #[error(transparent)]
    Leaked(#[from] FileError),
    /// The system has no room for threads.
    #[error("a thread must start: {0}")]
    Thread(#[source] io::Error),
}

/// A running server.
pub struct Running {
    /// Where terminals are served.
    pub registers: SocketAddr,
    /// Where devices are served.
    pub devices: SocketAddr,
    /// Where everybody is served.
    pub public: SocketAddr,
    /// Where operators are served.
    pub console: SocketAddr,
    /// What the handlers share.
    pub app: App,
    stopping: watch::Sender<bool>,
    listening: Vec<Listening>,
    jobs: Vec<Job>,
    admin: Option<AdminSocket>,
    drain: Duration,
}

struct Listening {
    runtime: Runtime,
    address: SocketAddr,
    connections: Arc<Connections>,
}

/// Starts a server. Every socket listens when this returns. Not to be called inside a runtime.
///
/// # Errors
/// [`ServeError`]: nothing listens.
pub fn serve(options: &ServerOptions) -> Result<Running, ServeError> {
    let (stopping, stopped) = watch::channel(false);
    let app = app_of(options, stopped.clone())?;
    let mut certificates = Vec::new();
    let mut listening = Vec::new();
    for name in ListenerName::ALL {
        let tls = options.listener(name).tls.as_ref().map(Certificates::load).transpose()?;
        certificates.extend(tls.clone());
        listening.push(listen(name, options, tls, &app, stopped.clone())?);
    }
    let doors = ListenerName::ALL.into_iter().zip(&listening).map(|(name, listening)| {
        let listener = options.listener(name);
        let (is_secure, behind_proxy) = (listener.is_secure(), listener.proxies.are_there());
        Door { name, address: listening.address, is_secure, behind_proxy }
    });
    app.doors.set(doors.collect()).expect("it is said once");
    app.name_passkeys(options.passkey_name.as_deref())?;
    app.console.name_passkeys(&app)?;
    let words = Words::new(&options.messages, app.zone.clone(), &app.wallet_origin());
    app.words.set(Arc::new(words)).expect("it is said once");
    let admin = match &options.admin_socket {
        Some(path) => Some(AdminSocket::open(path, app.clone()).map_err(|source| {
            ServeError::Socket { what: format!("the admin socket {}", path.display()), source }
        })?),
        None => None,
    };
    let jobs = start_jobs(options, &app, certificates).map_err(ServeError::Thread)?;
    let [registers, devices, public, console] =
        [0, 1, 2, 3].map(|place: usize| listening[place].address);
    let drain = options.drain;
    Ok(Running {
        registers,
        devices,
        public,
        console,
        app,
        stopping,
        listening,
        jobs,
        admin,
        drain,
    })
}

fn app_of(options: &ServerOptions, stopping: watch::Receiver<bool>) -> Result<App, ServeError> {
    if options.demo_authority.is_some() && options.book.kind() != BookKind::Demo {
        return Err(ServeError::DemoPart);
    }
    let plays = options.acquirer.as_ref().is_some_and(AcquirerOptions::is_for_play);
    if plays && options.book.kind() == BookKind::Live {
        return Err(ServeError::DemoAcquirer);
    }
    if options.messages.mailbox && options.book.kind() == BookKind::Live {
        return Err(ServeError::Mailbox);
    }
    let now = (options.clock)();
    let zone = TimeZone::get(options.book.zone()).map_err(ServeError::Zone)?;
    let keyring = Keyring::new(KeyFile::load(&options.key_file)?, &options.code, now);
    let members = options.book.read_and_wait(read::last_member_number)?.max(MEMBERS_MIN);
    options.code.check_strength(members, keyring.is_rotating(now))?;
    let limits = options.limits;
    let members = members_of(options)?;
    Ok(App::new(Shared {
        book: Arc::clone(&options.book),
        code: options.code.clone(),
        key_file: options.key_file.clone(),
        clock: Arc::clone(&options.clock),
        entropy: Arc::clone(&options.entropy),
        limits,
        register_hosts: options.register_hosts.clone(),
        device_hosts: options.device_hosts.clone(),
        device_is_secure: options.devices.is_secure(),
        console: Console::new(options),
        words: OnceLock::new(),
        mailbox: options.messages.mailbox,
        zone,
        stopping,
        pace: Pace::default(),
        fruitless: FruitlessRequests::default(),
        flights: InFlight::new(limits.in_flight_per_terminal_max),
        looks: InFlight::new(limits.looks_per_terminal_max),
        partners: InFlight::new(limits.in_flight_per_partner_max),
        webhooks: Board::default(),
        device_flights: InFlight::new(limits.in_flight_per_device_max),
        frame_places: FramePlaces::default(),
        frames: FrameReaders::start().map_err(ServeError::Thread)?,
        qr_identifier: options.qr_identifier.clone(),
        strangers: InFlight::new(limits.strangers_in_flight_max),
        proofs: SeenProofs::new(limits.proofs_remembered_max),
        reads: ReadLines::new(options.readers),
        metrics: Metrics::new(),
        keyring: RwLock::new(Arc::new(keyring)),
        checkpoint: RwLock::new(None),
        demo_authority: options.demo_authority.clone().map(Into::into),
        members,
        acquirer: options.acquirer.clone().map(Acquirer::new),
        doors: OnceLock::new(),
    }))
}

fn members_of(options: &ServerOptions) -> Result<MemberServices, ServeError> {
    let filter = options.leaked_passwords.as_deref().map(Filter::load).transpose()?;
    let loopback = options.book.kind() != BookKind::Live;
    let providers = Providers::new(options.openid.clone(), loopback).map_err(ServeError::Openid)?;
    let mut chance = [0; 2 * SALT_BYTES];
    (options.entropy)(&mut chance);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let passwords = Passwords::start(Leaked::new(filter), cores, &chance);
    Ok(MemberServices {
        passkeys: OnceLock::new(),
        passwords: passwords.map_err(ServeError::Thread)?,
        operator_name: options.messages.sender.clone(),
        origin: options.messages.origin.clone(),
        providers,
        terms: options.terms,
        ceremonies: Ceremonies::default(),
        tries: Tries::default(),
        seen: std::sync::Mutex::default(),
    })
}

fn listen(
    name: ListenerName,
    options: &ServerOptions,
    tls: Option<Arc<Certificates>>,
    app: &App,
    stopped: watch::Receiver<bool>,
) -> Result<Listening, ServeError> {
    let listener = options.listener(name);
    let runtime = Builder::new_multi_thread()
        .worker_threads(listener.threads)
        .thread_name(name.text())
        .enable_all()
        .build()
        .map_err(ServeError::Thread)?;
    let routes = openapi::routes(name, app, options.operations_for_all);
    let tally = Arc::new(app.metrics.tally(name));
    let entered = runtime.enter();
    let opened = Listener::open(name, listener, tls, (routes, tally), stopped)
        .and_then(|opened| Ok((opened.address()?, opened)));
    drop(entered);
    let (address, opened) = opened.map_err(|source| {
        let what = format!("the listener {} at {}", name.text(), listener.address);
        ServeError::Socket { what, source }
    })?;
    let connections = Arc::clone(opened.connections());
    runtime.spawn(opened.serve());
    Ok(Listening { runtime, address, connections })
}

fn start_jobs(
    options: &ServerOptions,
    app: &App,
    certificates: Vec<Arc<Certificates>>,
) -> io::Result<Vec<Job>> {
    let (sweeping, tidying) = (app.clone(), app.clone());
    let checkpoint = checkpoint::job(app.clone(), options.anchor_file.clone());
    let mut jobs = vec![
        Job::start("sweeper", options.sweep_pause, move || sweeper::sweep(&sweeping))?,
        Job::start("checkpoint", options.checkpoint_pause, checkpoint)?,
        Job::start("housekeeping", HOUSEKEEPING_PAUSE, move || {
            housekeeping::tidy(&tidying, &certificates);
        })?,
    ];
    let mut courier = Courier::new(app.clone(), &options.webhooks)?;
    jobs.push(Job::start("webhooks", options.webhook_pause, move || courier.turn())?);
    if options.acquirer.is_some() {
        let mut follower = Follower::new(app.clone())?;
        jobs.push(Job::start("top_ups", options.top_up_pause, move || follower.turn())?);
    }
    for channel in Channel::ALL {
        let mut postman = Postman::new(app.clone(), &options.messages, *channel)?;
        jobs.push(Job::start(channel.name(), options.messages.pause, move || postman.turn())?);
    }
    for url in &options.witnesses {
        let anchors = options.anchor_file.as_deref().expect("witnesses are sent the anchor file");
        let mut witness = Witness::new(url.clone(), anchors, app.metrics.witness(url.name()))?;
        jobs.push(Job::start("witness", options.witness_pause, move || witness.turn())?);
    }
    Ok(jobs)
}

impl Running {
    /// Where `name` is served.
    pub const fn address(&self, name: ListenerName) -> SocketAddr {
        match name {
            ListenerName::Registers => self.registers,
            ListenerName::Devices => self.devices,
            ListenerName::Public => self.public,
            ListenerName::Console => self.console,
        }
    }

    /// Stops: no more connections, requests under way end, then the jobs. The book stays open. Not
    /// to be called inside a runtime. Dropping does the same.
    pub fn shutdown(mut self) {
        self.stop();
    }

    /// As [`shutdown`](Self::shutdown); a second time does nothing.
    pub fn stop(&mut self) {
        // Every connection holds a receiver, or there is none and nothing to tell.
        let _ = self.stopping.send(true);
        for listening in self.listening.drain(..) {
            let drained = listening.runtime.block_on(async {
                let empty = async {
                    while listening.connections.count() > 0 {
                        tokio::time::sleep(DRAIN_STEP).await;
                    }
                };
                tokio::time::timeout(self.drain, empty).await.is_ok()
            });
            if !drained {
                let left = listening.connections.count();
                tracing::warn!(left, "connections were cut at shutdown");
            }
            listening.runtime.shutdown_background();
        }
        if let Some(admin) = self.admin.take() {
            admin.close();
        }
        self.jobs.drain(..).for_each(Job::stop);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
