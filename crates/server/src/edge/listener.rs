//! Listeners: an accept loop of our own over hyper, because a listener without timers is held open
//! by whoever sends nothing.
//!
//! Shape: accept → place in the table → TLS handshake → requests, one after another, until the peer
//! is done, silent or slow. Each listener has threads, table and caps of its own, so that a flood
//! on one takes nothing from another but its turn on the cores.
//!
//! Limits: [`HANDSHAKE_SECONDS_MAX`], [`HEAD_SECONDS_MAX`] from the first byte of a head to its
//! last, [`IDLE_SECONDS_MAX`] between requests or while an answer is not read,
//! [`STREAM_SECONDS_MAX`] in which a [`Streamed`] answer could not be written on,
//! [`HEAD_BYTES_MAX`]; what a body may take is in [`super::request`]. Time is counted in ticks of a
//! second, so each may last one more.
//!
//! A handler that panics is answered with a problem document and logged; its connection goes on.
//!
//! Not here: HTTP/2 (its streams would need limits of their own), addresses of clients behind a
//! proxy.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tower::Service;

use super::connections::{Connected, Connections, Full};
use super::error::EdgeError;
use super::problem::Problem;
use super::proxies::{Peer, Proxies};
use super::tls::Certificates;

/// How long a TLS handshake may take, seconds.
pub const HANDSHAKE_SECONDS_MAX: u64 = 5;
/// How long a request's head may take from its first byte, seconds.
pub const HEAD_SECONDS_MAX: u32 = 5;
/// How long a connection may be idle, seconds.
pub const IDLE_SECONDS_MAX: u32 = 30;
/// How long a streamed answer may be silent, or not be read, seconds.
pub const STREAM_SECONDS_MAX: u32 = 30;
/// What hyper buffers at most, bytes; the head's own limit is in [`super::request`].
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Connections that wait in the kernel before they are accepted.
const BACKLOG: u32 = 1024;
/// How long is waited after the system had no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

/// Who is served where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenerName {
    /// Terminals.
    Registers,
    /// Enrolled devices, and those that enrol.
    Devices,
    /// Everybody: the first page, OpenAPI, health.
    Public,
    /// Operators' browsers.
    Console,
}

impl ListenerName {
    /// Every listener.
    pub const ALL: [Self; 4] = [Self::Registers, Self::Devices, Self::Public, Self::Console];

    /// A number of its own.
    pub const fn number(self) -> i64 {
        match self {
            Self::Registers => 1,
            Self::Devices => 2,
            Self::Public => 3,
            Self::Console => 4,
        }
    }

    /// As in logs and metrics.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::Devices => "devices",
            Self::Public => "public",
            Self::Console => "console",
        }
    }
}

/// Certificate and key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How one listener is opened.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// Where; port 0 lets the system choose.
    pub address: SocketAddr,
    /// HTTPS; without it only loopback is listened on, unless proxies stand in front.
    pub tls: Option<TlsFiles>,
    /// They end TLS in front: plain HTTP is listened for on any address, and taken from them and
    /// from this machine only.
    pub proxies: Proxies,
    /// Threads that serve it.
    pub threads: usize,
    /// The most connections.
    pub connections_max: usize,
    /// The most connections of one IPv4 address or IPv6 /64; the networks around it have
    /// [`super::connections::WIDE`].
    pub connections_per_prefix_max: usize,
    /// Whether loopback counts toward the total only.
    pub loopback_is_exempt: bool,
}

impl ListenerOptions {
    /// A listener at `address` with the usual limits of `name`.
    pub fn new(name: ListenerName, address: SocketAddr) -> Self {
        let (threads, connections_max, connections_per_prefix_max) = match name {
            ListenerName::Registers => (2, 8192, 1024),
            ListenerName::Devices => (2, 8192, 64),
            ListenerName::Public => (1, 1024, 32),
            ListenerName::Console => (1, 256, 32),
        };
        Self {
            address,
            tls: None,
            proxies: Proxies::default(),
            threads,
            connections_max,
            connections_per_prefix_max,
            loopback_is_exempt: true,
        }
    }

    /// Whether clients see `https`.
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some() || self.proxies.are_there()
    }
}

/// What a listener counts.
pub trait Tally: Send + Sync + 'static {
    /// A connection was taken.
    fn accepted(&self);
    /// A connection was dropped before a byte was read.
    fn refused(&self, why: Full);
    /// A connection past the proxies was dropped before a byte was read.
    fn came_past_the_proxies(&self);
    /// A connection was cut because it was silent or slow.
    fn cut(&self);
    /// A stranger's connection was cut because the listener was full and another came.
    fn evicted(&self);
    /// A handler panicked.
    fn panicked(&self);
}

/// Marks an answer, as an extension, that goes on while there is something to say. It must send
/// something more often than every [`STREAM_SECONDS_MAX`], and close its connection at its end.
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// Which paths a peer is served: by whether it is on this machine.
#[derive(Clone)]
pub struct Routes {
    /// For peers on loopback.
    pub local: Router,
    /// For everybody else.
    pub remote: Router,
}

/// An open listener, ready to be served.
pub struct Listener {
    name: ListenerName,
    socket: TcpListener,
    connections: Arc<Connections>,
    tls: Option<Arc<Certificates>>,
    proxies: Proxies,
    routes: Routes,
    tally: Arc<dyn Tally>,
    stop: watch::Receiver<bool>,
}

impl Listener {
    /// Opens the socket, inside a runtime.
    ///
    /// # Errors
    /// When plain HTTP was asked for on an address that is not loopback, or the system refuses.
    pub fn open(
        name: ListenerName,
        options: &ListenerOptions,
        tls: Option<Arc<Certificates>>,
        (routes, tally): (Routes, Arc<dyn Tally>),
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let address = options.address;
        if !options.is_secure() && !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "plain HTTP is served on loopback only: give a certificate, or list the proxies \
                 that stand in front",
            ));
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let (total, prefix) = (options.connections_max, options.connections_per_prefix_max);
        Ok(Self {
            name,
            socket: socket.listen(BACKLOG)?,
            connections: Connections::new(total, prefix, options.loopback_is_exempt),
            tls,
            proxies: options.proxies.clone(),
            routes,
            tally,
            stop,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The table of connections.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// Takes connections until it is told to stop. Connections that are open then finish the
    /// request they are at.
    pub async fn serve(mut self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = self.stop.changed() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    // A connection that broke before it was taken, or no file descriptor is left.
                    tracing::warn!(listener = self.name.text(), %error, "no connection accepted");
                    sleep(NO_ROOM_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let router = match self.proxies.judge(peer.ip(), self.tls.is_some()) {
            Peer::Local => self.routes.local.clone(),
            Peer::Remote => self.routes.remote.clone(),
            Peer::PastTheProxies => return self.tally.came_past_the_proxies(),
        };
        let place = match self.connections.admit(peer.ip()) {
            Ok((place, evicts)) => {
                if evicts {
                    self.tally.evicted();
                }
                place
            }
            Err(full) => {
                self.tally.refused(full);
                return;
            }
        };
        self.tally.accepted();
        let (tls, tally) = (self.tls.clone(), Arc::clone(&self.tally));
        let stop = self.stop.clone();
        tokio::spawn(async move {
            // A peer that does not take small answers at once only slows itself down.
            let _ = stream.set_nodelay(true);
            let known = (place.connected(), Arc::clone(&tally));
            let served = async {
                let Some(tls) = tls else {
                    return serve_requests(stream, router, known, stop).await;
                };
                let handshake = tls.acceptor().accept(stream);
                match timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), handshake).await {
                    Ok(Ok(stream)) => serve_requests(stream, router, known, stop).await,
                    Ok(Err(_)) => End::Closed,
                    Err(_) => End::Cut,
                }
            };
            tokio::select! {
                biased;
                () = place.evicted() => {}
                end = served => if matches!(end, End::Cut) { tally.cut() },
            }
            drop(place);
        });
    }
}

/// How a connection ended.
enum End {
    Closed,
    Cut,
}

async fn serve_requests<S>(
    stream: S,
    router: Router,
    (connected, tally): (Connected, Arc<dyn Tally>),
    mut stop: watch::Receiver<bool>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::new(Pulse::default());
    let watched = TokioIo::new(Watched { stream, pulse: Arc::clone(&pulse) });
    let requests = Arc::clone(&pulse);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        requests.enter(Phase::Answering);
        request.extensions_mut().insert(connected.clone());
        let (mut router, tally) = (router.clone(), Arc::clone(&tally));
        let pulse = Arc::clone(&requests);
        async move {
            let path = request.uri().path().to_owned();
            let answer = caught(async move { router.call(request).await }).await;
            let streams = |answer: &Result<Response, Infallible>| {
                answer.as_ref().is_ok_and(|sent| sent.extensions().get::<Streamed>().is_some())
            };
            let streamed = answer.as_ref().is_some_and(streams);
            pulse.enter(if streamed { Phase::Streaming } else { Phase::Idle });
            answer.unwrap_or_else(|| {
                tally.panicked();
                tracing::error!(path, "a handler panicked");
                Ok(Problem::from(EdgeError::FaultOfOurs).into_response())
            })
        }
    });
    // Without `pipeline_flush`, which lifts the bound on answers that nobody reads.
    let mut connection = pin!(
        http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .header_read_timeout(None)
            .serve_connection(watched, service)
    );
    let mut ticks = every_second();
    let mut stopping = *stop.borrow();
    loop {
        if stopping {
            connection.as_mut().graceful_shutdown();
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => return End::Closed,
            _ = stop.changed(), if !stopping => stopping = true,
            _ = ticks.tick() => if pulse.tick() { return End::Cut },
        }
    }
}

/// What `work` gives; none when it panics. Nothing that it held is used again but what its drops
/// left in order.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

fn every_second() -> Interval {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come since the last answer.
    Idle,
    /// A head has begun to come.
    Head,
    /// A request is being answered; its own deadlines hold.
    Answering,
    /// An answer is sent that has no end yet; each write begins the phase anew.
    Streaming,
}

impl Phase {
    const fn code(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::Head => 1,
            Self::Answering => 2,
            Self::Streaming => 3,
        }
    }

    const fn seconds_max(code: u8) -> u32 {
        match code {
            0 => IDLE_SECONDS_MAX,
            1 => HEAD_SECONDS_MAX,
            3 => STREAM_SECONDS_MAX,
            _ => u32::MAX,
        }
    }
}

/// Since how many ticks a connection is in its phase. One task writes and reads it.
#[derive(Debug, Default)]
struct Pulse {
    now: AtomicU32,
    since: AtomicU32,
    phase: AtomicU8,
}

impl Pulse {
    fn enter(&self, phase: Phase) {
        self.phase.store(phase.code(), Ordering::Relaxed);
        self.since.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn bytes_came(&self) {
        if self.phase.load(Ordering::Relaxed) == Phase::Idle.code() {
            self.enter(Phase::Head);
        }
    }

    fn bytes_went(&self) {
        if self.phase.load(Ordering::Relaxed) == Phase::Streaming.code() {
            self.enter(Phase::Streaming);
        }
    }

    /// A second has passed; whether the phase lasts too long now.
    fn tick(&self) -> bool {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let spent = now - self.since.load(Ordering::Relaxed);
        spent > Phase::seconds_max(self.phase.load(Ordering::Relaxed))
    }
}

/// A stream that tells when bytes come, and when they go.
struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Watched<S> {
    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.pulse.bytes_went();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if poll.is_ready() && buffer.filled().len() > before {
            self.pulse.bytes_came();
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.told(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.told(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks_until_cut(pulse: &Pulse) -> u32 {
        let mut ticks = 0;
        while !pulse.tick() {
            ticks += 1;
            assert!(ticks < 1000, "never cut");
        }
        ticks
    }

    #[test]
    fn a_silent_connection_is_cut_after_thirty_seconds_and_a_slow_head_after_five() {
        assert_eq!(ticks_until_cut(&Pulse::default()), IDLE_SECONDS_MAX);
        let pulse = Pulse::default();
        pulse.bytes_came();
        assert_eq!(ticks_until_cut(&pulse), HEAD_SECONDS_MAX);
    }

    #[test]
    fn a_byte_now_and_then_does_not_make_a_head_last_longer() {
        let pulse = Pulse::default();
        pulse.bytes_came();
        for _ in 0..HEAD_SECONDS_MAX {
            assert!(!pulse.tick());
            pulse.bytes_came();
        }
        assert!(pulse.tick());
    }

    #[test]
    fn a_stream_is_cut_when_nothing_is_written_on_it_and_goes_on_while_something_is() {
        let pulse = Pulse::default();
        pulse.enter(Phase::Streaming);
        for _ in 0..10 * STREAM_SECONDS_MAX {
            pulse.bytes_came();
            assert!(!pulse.tick());
            pulse.bytes_went();
        }
        assert_eq!(ticks_until_cut(&pulse), STREAM_SECONDS_MAX);
        pulse.enter(Phase::Idle);
        pulse.bytes_went();
        assert_eq!(ticks_until_cut(&pulse), IDLE_SECONDS_MAX, "an answer is read in its time");
    }

    #[test]
    fn a_request_under_way_is_not_cut_and_the_next_head_has_its_own_time() {
        let pulse = Pulse::default();
        pulse.bytes_came();
        pulse.enter(Phase::Answering);
        for _ in 0..100 {
            pulse.bytes_came();
            assert!(!pulse.tick());
        }
        pulse.enter(Phase::Idle);
        pulse.bytes_came();
        assert_eq!(ticks_until_cut(&pulse), HEAD_SECONDS_MAX);
    }
}
