//! Posting to servers of others, and asking them: HTTP/1.1 by hyper, over TLS by rustls. No
//! redirect is followed, no proxy is asked, and of an answer no more is read than is said.
//!
//! A host is resolved once, every address that it has is judged ([`Reach`]), and the connection
//! goes to an address that was judged: a name that resolves otherwise a moment later reaches
//! nothing.

pub(crate) mod address;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An open connection.
pub(crate) type Open = SendRequest<Full<Bytes>>;

/// Which addresses are posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// An operator has named the server: any address by `https`, this machine by `http`.
    Named,
    /// A stranger has named it: public addresses by `https`, and nothing else.
    Public,
    /// The same, and this machine, by `http` too: for demonstrations and tests.
    PublicAndLoopback,
}

impl Reach {
    fn allows(self, address: SocketAddr, is_https: bool) -> bool {
        let ip = address.ip().to_canonical();
        let is_loopback = ip.is_loopback();
        match self {
            Self::Named => is_https || is_loopback,
            Self::Public => is_https && address::is_public(ip),
            Self::PublicAndLoopback => is_loopback || (is_https && address::is_public(ip)),
        }
    }
}

/// Why nothing was answered.
#[derive(Debug, Error)]
pub(crate) enum PostError {
    /// The connection, or TLS.
    #[error("the connection failed: {0}")]
    Connection(#[source] io::Error),
    /// An address that is not posted to.
    #[error("its host must resolve to public addresses only")]
    AddressNotPublic,
    /// HTTP.
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// No answer in time.
    #[error("it did not answer in time")]
    Late,
    /// An answer that was asked for, and is longer than is read.
    #[error("its answer is too long")]
    Long,
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the connection to the end of the answer.
    pub(crate) timeout: Duration,
    /// More of an answer is not read; the connection is closed then.
    pub(crate) answer_bytes_max: usize,
}

/// Posts, to whatever it may reach.
#[derive(Clone)]
pub(crate) struct Client {
    tls: TlsConnector,
    reach: Reach,
    bounds: Bounds,
}

impl Client {
    pub(crate) fn new(tls: Arc<ClientConfig>, reach: Reach, bounds: Bounds) -> Self {
        Self { tls: TlsConnector::from(tls), reach, bounds }
    }

    /// Posts JSON and says with which status it was answered. `open` is the connection, before and
    /// afterwards, where it is kept.
    pub(crate) async fn post(
        &self,
        url: &Uri,
        open: &mut Option<Open>,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<u16, PostError> {
        let kept = open.take().filter(|open| !open.is_closed());
        // The clock of the time-out is the runtime's.
        let work = timeout(self.bounds.timeout, self.exchange(url, kept, headers, body)).await;
        let (status, kept) = work.unwrap_or(Err(PostError::Late))?;
        *open = kept;
        Ok(status)
    }

    /// Asks for an answer, over a connection of its own: the whole of it, or an error. `request`
    /// has the whole URL; its host is put into the headers.
    pub(crate) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, PostError> {
        let work = timeout(self.bounds.timeout, self.answered(request)).await;
        work.unwrap_or(Err(PostError::Late))
    }

    async fn answered(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, PostError> {
        let url = request.uri().clone();
        let mut open = self.connect(&url).await?;
        open.ready().await?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = target.parse().expect("a part of a URL");
        let host = url.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(host).expect("a host is visible ASCII");
        request.headers_mut().insert(HOST, host);
        let (head, body) = open.send_request(request).await?.into_parts();
        let body = Limited::new(body, self.bounds.answer_bytes_max).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => PostError::Http(*error),
            Err(_) => PostError::Long,
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    async fn exchange(
        &self,
        url: &Uri,
        open: Option<Open>,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<(u16, Option<Open>), PostError> {
        let mut open = match open {
            Some(open) => open,
            None => self.connect(url).await?,
        };
        open.ready().await?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let host = url.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(target)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("a URL has a target and a host");
        request.headers_mut().extend(headers);
        let answer = open.send_request(request).await?;
        let status = answer.status().as_u16();
        // What it says besides is of no use, and a long answer ends the connection.
        let rest = Limited::new(answer.into_body(), self.bounds.answer_bytes_max).collect().await;
        Ok((status, rest.is_ok().then_some(open)))
    }

    async fn connect(&self, url: &Uri) -> Result<Open, PostError> {
        let host = url.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_https = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let found = lookup_host((bare, port)).await.map_err(PostError::Connection)?;
        let addresses: Vec<SocketAddr> = found.collect();
        if !addresses.iter().all(|address| self.reach.allows(*address, is_https)) {
            return Err(PostError::AddressNotPublic);
        }
        let stream = first_of(&addresses).await.map_err(PostError::Connection)?;
        if !is_https {
            return spoken(stream).await;
        }
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|error| PostError::Connection(io::Error::other(error)))?;
        spoken(self.tls.connect(name, stream).await.map_err(PostError::Connection)?).await
    }
}

/// The first address that takes a connection; no name is resolved again.
async fn first_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn spoken<S>(stream: S) -> Result<Open, PostError>
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

/// The TLS settings for servers of others: the usual authorities.
pub(crate) fn tls() -> Arc<ClientConfig> {
    let mut trusted = rustls::RootCertStore::empty();
    trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the usual versions")
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), answer_bytes_max: 64 };

    fn tried(url: &str, reach: Reach) -> Result<u16, PostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let url: Uri = url.parse().expect("a URL");
        let client = Client::new(tls(), reach, BOUNDS);
        let work = async { client.post(&url, &mut None, Vec::new(), Bytes::new()).await };
        runtime.expect("a runtime").block_on(work)
    }

    #[test]
    fn a_stranger_reaches_no_address_that_is_not_public_by_whatever_name() {
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://localhost:9/",
            "http://127.0.0.1:9/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://0.0.0.0/",
            "https://0x7f000001/",
            "https://127.1/",
        ] {
            let error = tried(url, Reach::Public).expect_err("it is refused");
            let names_nothing = matches!(error, PostError::Connection(_)) && url.contains("0x");
            assert!(
                matches!(error, PostError::AddressNotPublic) || names_nothing,
                "{url}: {error}"
            );
        }
        for url in ["https://10.0.0.1/", "http://10.0.0.1/"] {
            let error = tried(url, Reach::PublicAndLoopback).expect_err("it is refused");
            assert!(matches!(error, PostError::AddressNotPublic), "{url}: {error}");
        }
        let error = tried("http://192.0.2.1/", Reach::Named).expect_err("it is refused");
        assert!(matches!(error, PostError::AddressNotPublic));
    }
}
