//! Operators on this machine: a Unix socket in the data folder, for its owner only. A line of JSON
//! is a message, and a line of JSON answers it; see [`crate::admin`].
//!
//! Limits: [`CONNECTIONS_MAX`] at a time, lines of [`LINE_BYTES_MAX`], [`SILENCE`] without a line.
//! A thread each: operators are few, and their acts wait for the disk.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::admin::{AdminError, Desk, Message, Order, perform};
use crate::app::App;

/// The socket's name in the data folder.
pub const SOCKET_NAME: &str = "admin.socket";
/// The most operators at a time.
pub const CONNECTIONS_MAX: usize = 8;
/// The longest message, bytes.
pub const LINE_BYTES_MAX: u64 = 16 * 1024;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_mins(1);

/// An open admin socket.
#[derive(Debug)]
pub struct AdminSocket {
    path: PathBuf,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AdminSocket {
    /// Opens the socket at `path` with mode 0600. One that a dead server left behind is replaced;
    /// one that answers is not.
    ///
    /// # Errors
    /// When another server answers there, or the system refuses.
    pub fn open(path: &Path, app: App) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another server answers on the admin socket of this data folder",
            ));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = bind_for_owner(path)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || accept(&socket, &app, &stop))?;
        Ok(Self { path: path.to_owned(), stopping, thread: Some(thread) })
    }

    /// Takes no more operators and removes the socket.
    pub fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread up; if that fails there is no socket left to wait on.
        let woken = UnixStream::connect(&self.path).is_ok();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the admin socket was not removed");
        }
        if woken && thread.join().is_err() {
            tracing::error!("the admin thread panicked");
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.end();
    }
}

/// Binds beside the path and renames, so that nobody meets the socket before its mode is set.
fn bind_for_owner(path: &Path) -> io::Result<UnixListener> {
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixListener::bind(&beside)?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&beside, path)?;
    Ok(socket)
}

fn accept(socket: &UnixListener, app: &App, stop: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in socket.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (app, ended) = (app.clone(), Arc::clone(&open));
        let spawned = std::thread::Builder::new().name("operator".to_owned()).spawn(move || {
            if let Err(error) = converse(&stream, &app) {
                tracing::debug!(%error, "an operator's connection ended");
            }
            ended.fetch_sub(1, Ordering::SeqCst);
        });
        if let Err(error) = spawned {
            open.fetch_sub(1, Ordering::SeqCst);
            tracing::warn!(%error, "no thread for an operator");
        }
    }
}

fn converse(stream: &UnixStream, app: &App) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let reply = reply(app, &line);
        let mut bytes = serde_json::to_vec(&reply).expect("a value has a form in JSON");
        bytes.push(b'\n');
        (&mut &*stream).write_all(&bytes)?;
        if !line.ends_with(b"\n") {
            return Ok(());
        }
    }
}

/// The reply to one line.
fn reply(app: &App, line: &[u8]) -> Value {
    let message: Message = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(error) => return AdminError::Wrong(format!("no such message: {error}")).to_json(),
    };
    let desk = Desk {
        book: Arc::clone(&app.book),
        key_file: app.key_file.clone(),
        clock: Arc::clone(&app.clock),
        entropy: Arc::clone(&app.entropy),
        server: Some(app.clone()),
    };
    let reply = perform(&desk, &message);
    let keys_changed = matches!(message.order, Order::RotateKey { .. } | Order::ReloadKeys);
    let reply = match reply {
        Ok(reply) if keys_changed => app.reload_keys().map(|()| reply).map_err(Into::into),
        other => other,
    };
    match reply {
        Ok(reply) => reply,
        Err(error) => {
            tracing::info!(order = ?message.order, %error, "an order was not carried out");
            error.to_json()
        }
    }
}

/// Sends one message to the server of a data folder and gives its reply; none where no server runs.
///
/// # Errors
/// When the server broke off.
pub fn send(path: &Path, message: &Message) -> io::Result<Option<Value>> {
    let stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(b'\n');
    (&mut &stream).write_all(&bytes)?;
    let mut line = Vec::new();
    BufReader::new(&stream).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server broke off"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// There is no socket, or one that a dead server left behind.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
