//! The console: what operators look at, in their browsers, on a listener of its own.
//!
//! | module         | what it is                                                    |
//! | -------------- | ------------------------------------------------------------- |
//! | [`session`]    | who asks, and signing in by a link                            |
//! | [`sign_in`]    | signing in with a passkey, and registering one                |
//! | [`own`]        | an operator about himself: verified again, sessions ended     |
//! | [`staff`]      | sessions of operators, and the roles that each route is for   |
//! | [`day`]        | the figures of a day                                          |
//! | [`operations`] | the newest operations, search, what nobody acknowledged       |
//! | [`payment`]    | one payment with everything that belongs to it                |
//! | [`dry_run`]    | what other limits and rules would have done                   |
//! | [`rails`]      | how money comes in, what is on its way, the limits in force   |
//! | [`shops`]      | merchants, stores, terminals, closed switches                 |
//! | [`acts`]       | acts as a page names them, and as they are shown again        |
//! | [`proposals`]  | proposing, deciding, carrying out                             |
//! | [`colleagues`] | operators and clerks                                          |
//! | [`stream`]     | figures and newest operations, as they change                 |
//!
//! Nothing here changes anything but signing in and what [`proposals`] does. A member is only ever
//! named by number, and no code, key or fingerprint is shown. Every request is a `POST` whose proof
//! covers its body.

pub mod acts;
pub mod colleagues;
pub mod day;
pub mod dry_run;
pub mod member;
pub mod operations;
pub mod own;
pub mod payment;
pub mod proposals;
pub mod rails;
pub mod session;
pub mod shops;
pub mod sign_in;
pub mod staff;
pub mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use self::session::Sessions;
use self::stream::Feed;
use crate::api::member::services::Ceremonies;
use crate::app::App;
use crate::edge::listener::ListenerName;
use crate::edge::pace::InFlight;
use crate::edge::proof::seen::SeenProofs;
use crate::edge::proven::Gate;
use crate::identity::passkey::{PasskeyError, Relying};
use crate::options::ServerOptions;

/// The most proofs of operators that are remembered: some hundred a second.
const PROOFS_REMEMBERED_MAX: usize = 1 << 14;
/// The most proposals or clerks of a page.
const PAGE: usize = 50;

/// What the handlers of the console share.
#[derive(Debug)]
pub struct Console {
    /// What browsers call this server; none: anything.
    pub hosts: Vec<String>,
    /// Whether browsers see `https`.
    pub is_secure: bool,
    /// Links and sessions.
    pub sessions: Sessions,
    /// Who makes operators' passkeys; said once every listener listens.
    pub passkeys: OnceLock<Relying>,
    /// Ceremonies of operators that are finished: members fill none of it.
    pub ceremonies: Ceremonies,
    /// Whether the book has operators, once that was seen: there are never fewer.
    pub has_operators: AtomicBool,
    /// Proofs of operators that were accepted. Apart from those of devices, so that neither makes
    /// the others' nonces old.
    pub proofs: SeenProofs,
    /// Requests of each session under way.
    pub flights: Arc<InFlight>,
    /// Streams of each session.
    pub streams: Arc<InFlight>,
    /// Streams of all sessions together.
    pub all_streams: Arc<InFlight>,
    /// What streams tell.
    pub feed: Feed,
}

impl Console {
    /// Nobody is signed in.
    pub fn new(options: &ServerOptions) -> Self {
        let limits = options.limits;
        Self {
            hosts: options.console_hosts.clone(),
            is_secure: options.console.is_secure(),
            sessions: Sessions::starting_at((options.clock)()),
            passkeys: OnceLock::new(),
            ceremonies: Ceremonies::default(),
            has_operators: AtomicBool::new(false),
            proofs: SeenProofs::new(PROOFS_REMEMBERED_MAX),
            flights: InFlight::new(limits.in_flight_per_session_max),
            streams: InFlight::new(limits.streams_per_session_max),
            all_streams: InFlight::new(limits.streams_max),
            feed: Feed::default(),
        }
    }

    /// What a browser on this machine, or one that knows our name, calls the console.
    pub fn origin(&self, app: &App) -> String {
        let doors = app.doors.get().map(Vec::as_slice).unwrap_or_default();
        let door = doors.iter().find(|door| door.name == ListenerName::Console);
        let name = |address: SocketAddr| {
            // Nobody can go to an address that stands for all.
            let anywhere = address.ip().is_unspecified();
            let here = || format!("localhost:{}", address.port());
            if anywhere { here() } else { address.to_string() }
        };
        let address = door.map(|door| name(door.address));
        let host = self.hosts.first().cloned().or(address).unwrap_or_default();
        format!("{}://{host}", self.scheme())
    }

    /// What the page is called where passkeys are used, which need a name.
    pub fn passkey_origin(&self, app: &App) -> String {
        let doors = app.doors.get().map(Vec::as_slice).unwrap_or_default();
        let door = doors.iter().find(|door| door.name == ListenerName::Console);
        let here = door.map(|door| format!("localhost:{}", door.address.port()));
        let host = self.hosts.first().cloned().or(here).unwrap_or_default();
        format!("{}://{host}", self.scheme())
    }

    /// Names the relying party of operators' passkeys, once every listener listens: the host of the
    /// page. Its origins are all names under which the page is served.
    ///
    /// # Errors
    /// [`PasskeyError::Origin`].
    pub fn name_passkeys(&self, app: &App) -> Result<(), PasskeyError> {
        let mut origins = vec![self.passkey_origin(app)];
        origins.extend(self.hosts.iter().map(|host| format!("{}://{host}", self.scheme())));
        origins.dedup();
        let safe = |origin: &String| {
            origin.starts_with("https://") || origin.starts_with("http://localhost")
        };
        let first = origins[0].split("://").nth(1).unwrap_or_default();
        let first = first.rsplit_once(':').map_or(first, |(host, _)| host).to_owned();
        origins.retain(|origin| is_below(origin, &first));
        let is_name = !first.starts_with('[') && first.parse::<IpAddr>().is_err();
        if !is_name || !origins.iter().all(safe) {
            tracing::warn!("no passkeys for operators: the console has no name, or no TLS");
            return Ok(());
        }
        let name = format!("{} console", app.members.operator_name);
        let relying = Relying::new(&first, &name, &origins)?;
        // It is said once; a second server in the process has a state of its own.
        let _ = self.passkeys.set(relying);
        Ok(())
    }

    const fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }
}

/// Whether a page of this origin may use passkeys of this name.
fn is_below(origin: &str, name: &str) -> bool {
    let host = origin.split("://").nth(1).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

/// Where operators' browsers ask.
#[derive(Clone, Copy, Debug)]
pub struct Operators;

impl Gate for Operators {
    const LISTENER: ListenerName = ListenerName::Console;

    fn hosts(app: &App) -> &[String] {
        &app.console.hosts
    }

    fn scheme(app: &App) -> &'static str {
        app.console.scheme()
    }

    fn proofs(app: &App) -> &SeenProofs {
        &app.console.proofs
    }
}
