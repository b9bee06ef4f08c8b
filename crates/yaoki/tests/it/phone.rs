//! `yaoki demo --host --tls`: two people with a phone and a laptop.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use yaoki_server::edge::listener::ListenerName;

use crate::process::{FREE_PORTS, Place};

/// As the phone calls the laptop.
const HOST: &str = "laptop.test";

/// A demo that phones reach.
struct Demo {
    child: Child,
    /// What it printed.
    guide: String,
    /// What phones trust.
    authority: Vec<u8>,
}

impl Demo {
    fn start(place: &Place) -> Self {
        let arguments = [&["demo", "--host", HOST, "--tls"], &FREE_PORTS[..]].concat();
        let mut command = place.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
        let mut guide = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        while !guide.contains("Ctrl-C ends it") {
            let read = out.read_line(&mut guide).expect("it can be read");
            assert!(read > 0, "it ended: {guide}");
        }
        let file = place.path().join("yaoki-demo/demo-authority.json");
        let kept = std::fs::read_to_string(&file).expect("the authority is kept");
        let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
        let authority = STANDARD.decode(kept["certificate"].as_str().expect("a text"));
        Self { child, guide, authority: authority.expect("Base64") }
    }

    /// Where a listener is, by what the guide says.
    fn address(&self, name: ListenerName) -> SocketAddr {
        let line = self.guide.lines().find(|line| line.starts_with(name.text()));
        let line = line.unwrap_or_else(|| panic!("{}: {}", name.text(), self.guide));
        let (_, port) = line.split_once(&format!("https://{HOST}:")).expect("its URL");
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")))
    }

    /// The answer to a phone that trusts the authority alone; none when it finds another server.
    fn get(&self, name: ListenerName, server: &str, path: &str) -> Option<Vec<u8>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.clone())).expect("a certificate");
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = self.address(name);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}:{}\r\nConnection: close\r\n\r\n",
            address.port()
        );
        let exchange = async {
            let stream = TcpStream::connect(address).await.expect("it listens");
            let name = ServerName::try_from(server.to_owned()).expect("a name");
            let connector = TlsConnector::from(Arc::new(config));
            let mut stream = connector.connect(name, stream).await.ok()?;
            stream.write_all(request.as_bytes()).await.expect("it is sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("it is answered");
            Some(answer)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(exchange)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

#[test]
fn a_phone_that_trusts_the_authority_reaches_every_listener_under_its_names_alone() {
    let place = Place::new();
    let demo = Demo::start(&place);
    for name in ListenerName::ALL {
        for server in [HOST, "localhost", "127.0.0.1"] {
            let answer = demo.get(name, server, "/docs/reference/refusals");
            let answer = answer.unwrap_or_else(|| panic!("{server} at {}", name.text()));
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "{server} at {}", name.text());
        }
        assert_eq!(demo.get(name, "other.test", "/"), None, "{}", name.text());
    }
    for file in ["demo-authority.json", "demo-server.key"] {
        let path = place.path().join("yaoki-demo").join(file);
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn the_authority_is_downloaded_and_its_fingerprint_compared() {
    let place = Place::new();
    let demo = Demo::start(&place);
    let answer = demo.get(ListenerName::Public, HOST, "/demo/ca.crt").expect("an answer");
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(head.contains("content-type: application/x-x509-ca-cert"), "{head}");
    assert!(answer.ends_with(&demo.authority));
    let hash = ring::digest::digest(&ring::digest::SHA256, &demo.authority);
    let bytes: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(demo.guide.contains(&format!("SHA-256 {}", bytes.join(":"))), "{}", demo.guide);
    let port = demo.address(ListenerName::Public).port();
    assert!(demo.guide.contains(&format!("https://{HOST}:{port}/demo/ca.crt")));
    assert!(demo.guide.contains("スマートフォンで一度だけ"), "{}", demo.guide);
}

#[test]
fn a_demo_that_is_started_again_is_still_trusted_with_a_new_certificate() {
    let place = Place::new();
    let server = place.path().join("yaoki-demo/demo-server.crt");
    let read = || std::fs::read_to_string(&server).expect("it is there");
    let first = Demo::start(&place);
    let (authority, certificate) = (first.authority.clone(), read());
    drop(first);
    let second = Demo::start(&place);
    assert_eq!(second.authority, authority);
    assert_ne!(read(), certificate);
    assert!(second.get(ListenerName::Public, HOST, "/").is_some());
}

#[test]
fn terminals_and_devices_are_taken_under_the_demos_names_only() {
    let place = Place::new();
    let demo = Demo::start(&place);
    let port = demo.address(ListenerName::Devices).port();
    assert_ne!(port, 0);
    let answer = demo.get(ListenerName::Registers, HOST, "/v1/payments").expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("signature_must_be_given"), "the host is taken: {answer}");
}
