//! A merchant's own system: real, on loopback, over HTTP or HTTPS, that takes, refuses, breaks off,
//! sends elsewhere or says nothing. It checks signatures by what Standard Webhooks says, with
//! nothing of ours.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// What it does with the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes it.
    Take,
    /// Answers with this status.
    Status(u16),
    /// Sends elsewhere.
    Redirect(String),
    /// Closes the connection without a word.
    BreakOff,
    /// Says nothing.
    Silent,
    /// Says nothing until it is in another mood, and takes it then.
    Wait,
    /// Takes it, and talks longer than anybody listens.
    Talk,
}

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signatures: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// Whether it was taken.
    pub(crate) taken: bool,
}

impl Came {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether one of the signatures is by this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix"));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.expect("base64"));
        let mut text = format!("{}.{}.", self.id, self.timestamp).into_bytes();
        text.extend_from_slice(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &text)));
        self.signatures.contains(&expected)
    }
}

/// The merchant's system.
pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Stand {
    pub(crate) fn new(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let stand = Self { address, mood: Arc::new(Mutex::new(Mood::Take)), came: Arc::default() };
        let (mood, came) = (Arc::clone(&stand.mood), Arc::clone(&stand.came));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mood, came, tls) = (Arc::clone(&mood), Arc::clone(&came), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &mood, &came),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).expect("a session");
                        serve(StreamOwned::new(session, stream), &mood, &came);
                    }
                });
            }
        });
        stand
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks?of=us", self.address)
    }

    pub(crate) fn is_in(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics") = mood;
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().expect("nobody panics").clone()
    }

    pub(crate) fn taken(&self) -> Vec<Came> {
        self.came().into_iter().filter(|came| came.taken).collect()
    }

    /// Waits until so many were taken.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Came> {
        wait_until(|| self.taken().len() >= count);
        self.taken()
    }

    /// Waits until so many came, taken or not.
    pub(crate) fn wait_for_attempts(&self, count: usize) {
        wait_until(|| self.came().len() >= count);
    }
}

/// Waits, for half a minute at most.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    panic!("it does not come to be");
}

/// Serves one connection until either side ends it.
fn serve<S: Read + Write>(mut stream: S, mood: &Mutex<Mood>, came: &Mutex<Vec<Came>>) {
    while let Some(mut request) = read(&mut stream) {
        let feels = || mood.lock().expect("nobody panics").clone();
        let mood = feels();
        request.taken = matches!(mood, Mood::Take | Mood::Talk);
        came.lock().expect("nobody panics").push(request);
        let answer = match mood {
            Mood::Take => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Mood::Status(status) => {
                format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\nno")
            }
            Mood::Redirect(to) => {
                format!("HTTP/1.1 307 Away\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
            }
            Mood::Talk => {
                let long = "a".repeat(64 * 1024);
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len())
            }
            Mood::Wait => {
                while feels() == Mood::Wait {
                    thread::park_timeout(Duration::from_millis(1));
                }
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            Mood::BreakOff => return,
            Mood::Silent => {
                thread::park_timeout(Duration::from_secs(20));
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// One request; none where the other side has gone.
fn read<S: Read>(stream: &mut S) -> Option<Came> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    assert!(head.starts_with("POST /hooks?of=us HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| {
        let of = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(of).unwrap_or_else(|| panic!("no {name} in {head}"))
    };
    assert_eq!(header("content-type"), "application/json");
    let mut body = vec![0; header("content-length").parse().expect("a length")];
    stream.read_exact(&mut body).ok()?;
    Some(Came {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature").split(' ').map(str::to_owned).collect(),
        body,
        taken: false,
    })
}

/// Who connects to a port that must not be reached.
pub(crate) struct Trap(TcpListener);

impl Trap {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it can be asked");
        Self(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    pub(crate) fn caught(&self) -> Option<TcpStream> {
        self.0.accept().ok().map(|(stream, _)| stream)
    }
}
