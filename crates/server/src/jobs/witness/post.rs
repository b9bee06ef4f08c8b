//! One line to a witness: HTTP/1.1 by hyper, over TLS by rustls, a connection a turn.

use std::io;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{TIMEOUT, WitnessError, tls};

/// More of an answer is not read; the connection is closed then.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends lines to one place.
pub(super) struct Poster {
    url: Uri,
    tls: TlsConnector,
    runtime: Runtime,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Poster {
    /// Nothing is opened yet.
    pub(super) fn new(url: Uri) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { url, tls: TlsConnector::from(tls()), runtime, open: None })
    }

    /// Sends one line, and it is acknowledged.
    pub(super) fn post(&mut self, line: &[u8]) -> Result<(), WitnessError> {
        let open = self.open.take();
        let (url, tls) = (&self.url, &self.tls);
        // The clock of the time-out is the runtime's.
        let work = async { timeout(TIMEOUT, exchange(url, tls, open, line)).await };
        let answered = self.runtime.block_on(work).unwrap_or(Err(WitnessError::Late));
        self.open = answered?;
        Ok(())
    }

    /// Closes the connection: nothing is sent for a while.
    pub(super) fn close(&mut self) {
        self.open = None;
        // The task of the connection sees that nobody is left, and ends.
        self.runtime.block_on(tokio::task::yield_now());
    }
}

type Open = SendRequest<Full<Bytes>>;

/// The connection, where the witness keeps it.
async fn exchange(
    url: &Uri,
    tls: &TlsConnector,
    open: Option<Open>,
    line: &[u8],
) -> Result<Option<Open>, WitnessError> {
    let mut open = match open {
        Some(open) if !open.is_closed() => open,
        _ => connect(url, tls).await?,
    };
    open.ready().await?;
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let host = url.authority().map_or("", |authority| authority.as_str());
    let request = Request::post(target)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::copy_from_slice(line)))
        .expect("a URL has a target and a host");
    let answer = open.send_request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        return Err(WitnessError::Status(status.as_u16()));
    }
    // Acknowledged. What it says besides is of no use, and a long answer ends the connection.
    let rest = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    Ok(rest.is_ok().then_some(open))
}

async fn connect(url: &Uri, tls: &TlsConnector) -> Result<Open, WitnessError> {
    let host = url.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_https = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let stream = TcpStream::connect((bare, port)).await.map_err(WitnessError::Connection)?;
    if !is_https {
        let peer = stream.peer_addr().map_err(WitnessError::Connection)?;
        if !peer.ip().is_loopback() {
            let error = io::Error::other("plain HTTP is for this machine only");
            return Err(WitnessError::Connection(error));
        }
        return spoken(stream).await;
    }
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|error| WitnessError::Connection(io::Error::other(error)))?;
    spoken(tls.connect(name, stream).await.map_err(WitnessError::Connection)?).await
}

async fn spoken<S>(stream: S) -> Result<Open, WitnessError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (open, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; what fails is heard by whoever sends.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(open)
}
