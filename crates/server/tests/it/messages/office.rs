//! A mail server: real, on loopback, in the clear or by STARTTLS, that takes, puts off, refuses or
//! breaks off.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does with the next mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes it.
    Take,
    /// Answers so to whom it is for.
    Answer(u16),
    /// Takes it, and closes the connection without saying so.
    BreakOff,
}

/// One mail that came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) to: String,
    pub(crate) is_encrypted: bool,
    head: String,
    body: String,
}

impl Came {
    /// A header, its lines put together.
    pub(crate) fn header(&self, name: &str) -> String {
        let unfolded = self.head.replace("\r\n ", " ");
        let of = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        unfolded.lines().find_map(of).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// The subject, its encoded words (RFC 2047) read.
    pub(crate) fn subject(&self) -> String {
        let words = self.header("subject");
        let words = words.split(' ').map(|word| {
            let inner = word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?="));
            inner.map_or_else(|| format!("{word} "), decoded)
        });
        words.collect::<String>().trim_end().to_owned()
    }

    /// The words.
    pub(crate) fn text(&self) -> String {
        assert_eq!(self.header("content-transfer-encoding"), "base64");
        decoded(&self.body.replace("\r\n", ""))
    }
}

fn decoded(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8")
}

/// The mail server.
pub(crate) struct Office {
    pub(crate) address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    came: Arc<Mutex<Vec<Came>>>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Office {
    pub(crate) fn new(tls: Option<Arc<ServerConfig>>) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), tls)
    }

    pub(crate) fn at(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let office = Self {
            address,
            mood: Arc::new(Mutex::new(Mood::Take)),
            came: Arc::default(),
            said: Arc::default(),
        };
        let all = (Arc::clone(&office.mood), Arc::clone(&office.came), Arc::clone(&office.said));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mood, came, said) = all.clone();
                let tls = tls.clone();
                thread::spawn(move || {
                    let mut desk = Desk { mood, came, said, to: String::new() };
                    desk.open(stream, tls)
                });
            }
        });
        office
    }

    pub(crate) fn is_in(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics") = mood;
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().expect("nobody panics").clone()
    }

    /// Every command that was said to it.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.said.lock().expect("nobody panics").clone()
    }
}

/// One connection.
struct Desk {
    mood: Arc<Mutex<Mood>>,
    came: Arc<Mutex<Vec<Came>>>,
    said: Arc<Mutex<Vec<String>>>,
    to: String,
}

impl Desk {
    /// Serves until either side ends the connection.
    fn open(&mut self, mut stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Option<()> {
        say(&mut stream, "220 here")?;
        if !self.serve(&mut stream, tls.is_some(), false)? {
            return None;
        }
        let session = ServerConnection::new(tls?).expect("a session");
        self.serve(&mut StreamOwned::new(session, stream), false, true).map(drop)
    }

    /// True when the connection is to be encrypted now.
    fn serve<S: Read + Write>(
        &mut self,
        on: &mut S,
        offers: bool,
        is_encrypted: bool,
    ) -> Option<bool> {
        loop {
            let command = until(on, b"\r\n")?;
            self.said.lock().expect("nobody panics").push(command.trim_end().to_owned());
            let mood = *self.mood.lock().expect("nobody panics");
            match command.get(..4)? {
                "EHLO" if offers => say(on, "250-here\r\n250 STARTTLS")?,
                "STAR" => {
                    say(on, "220 go on")?;
                    return Some(true);
                }
                "RCPT" => {
                    command.split(['<', '>']).nth(1)?.clone_into(&mut self.to);
                    match mood {
                        Mood::Answer(code) => say(on, &format!("{code} not {}", self.to))?,
                        _ => say(on, "250 good")?,
                    }
                }
                "DATA" => {
                    say(on, "354 go on")?;
                    let mail = until(on, b"\r\n.\r\n")?;
                    let (head, body) = mail.split_once("\r\n\r\n")?;
                    let body = body.trim_end_matches("\r\n.\r\n").to_owned();
                    let (head, to) = (head.to_owned(), self.to.clone());
                    let came = Came { to, is_encrypted, head, body };
                    self.came.lock().expect("nobody panics").push(came);
                    if mood == Mood::BreakOff {
                        return None;
                    }
                    say(on, "250 taken")?;
                }
                "QUIT" => {
                    say(on, "221 bye")?;
                    return None;
                }
                _ => say(on, "250 good")?,
            }
        }
    }
}

fn say<S: Write>(on: &mut S, line: &str) -> Option<()> {
    on.write_all(format!("{line}\r\n").as_bytes()).and_then(|()| on.flush()).ok()
}

fn until<S: Read>(on: &mut S, end: &[u8]) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        on.read_exact(&mut byte).ok()?;
        read.push(byte[0]);
    }
    String::from_utf8(read).ok()
}
