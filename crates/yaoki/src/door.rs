//! The operators' door: orders go to the running server through its socket in the data folder, else
//! straight to the store. The lock on the folder decides which, so the two never carry out orders
//! at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use yaoki_server::admin::{AdminError, Desk, ErrorKind, Message, perform};
use yaoki_server::edge::admin_socket::send;
use yaoki_store::conn::Purpose;
use yaoki_store::{Book, Conn, Database, StoreError};

use crate::exit::{Code, Failure};
use crate::folder::{DataFolder, Lock};
use crate::open;
use crate::settings::Settings;

/// An open door.
pub(crate) enum Door {
    /// A server runs.
    Server(PathBuf),
    /// None does, and none can start while this is open.
    Store(Box<Offline>),
}

/// The book, opened by this process.
pub(crate) struct Offline {
    desk: Desk,
    book: Arc<Book>,
    _lock: Lock,
}

impl Door {
    /// Opens the door.
    ///
    /// # Errors
    /// When there is no book, or a process holds the folder and does not answer.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let folder = of(settings)?;
        let Some(lock) = folder.try_lock()? else {
            return Ok(Self::Server(folder.socket()));
        };
        let book = open::book(settings, &open::command_node(settings), 1)?;
        let desk = open::desk(settings, &book);
        Ok(Self::Store(Box::new(Offline { desk, book, _lock: lock })))
    }

    /// Carries out one order and gives the reply.
    ///
    /// # Errors
    /// When it is refused, malformed, or nothing is known.
    pub(crate) fn order(&self, message: &Message) -> Result<Value, Failure> {
        match self {
            Self::Server(socket) => ask(socket, message),
            Self::Store(offline) => perform(&offline.desk, message).map_err(failure),
        }
    }

    /// Reads the book.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        database: &Database,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        match self {
            Self::Server(_) => Ok(work(&mut Conn::open(database, Purpose::Reader)?)?),
            Self::Store(offline) => Ok(offline.book.read_and_wait(work)?),
        }
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        // Before the lock goes: its lane is given back.
        self.book.close();
    }
}

/// The data folder. On PostgreSQL it holds nothing that must be there before.
///
/// # Errors
/// When it is not there and cannot be made.
pub(crate) fn of(settings: &Settings) -> Result<DataFolder, Failure> {
    match settings.database {
        Database::Sqlite(_) => DataFolder::existing(&settings.data),
        Database::Postgres(_) => DataFolder::create(&settings.data),
    }
}

/// Asks the server that holds the folder.
fn ask(socket: &Path, message: &Message) -> Result<Value, Failure> {
    let reply = send(socket, message).map_err(|error| {
        Failure::new(Code::Unknown, format!("the server broke off, and may have done it: {error}"))
    })?;
    let Some(reply) = reply else {
        let folder = socket.parent().map(|path| path.display().to_string()).unwrap_or_default();
        return Err(Failure::fault(format!(
            "a yaoki holds the data folder {folder}, but nobody answers at {}. It is starting or \
             ending, or it is another command: try again in a moment; if it hangs, end the process \
             whose number is in {folder}/lock",
            socket.display()
        )));
    };
    let error = &reply["error"];
    if error.is_null() {
        return Ok(reply);
    }
    let text = error["message"].as_str().unwrap_or("the server refused without a text");
    let kind = error["kind"].as_str().and_then(ErrorKind::from_text);
    Err(Failure::new(code_of(kind.unwrap_or(ErrorKind::Fault)), text))
}

fn failure(error: AdminError) -> Failure {
    Failure::new(code_of(error.kind()), error)
}

/// The same end, whether a server or this process carried the order out.
const fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Malformed => Code::Usage,
        ErrorKind::Refused => Code::Bad,
        ErrorKind::Unknown => Code::Unknown,
        ErrorKind::Fault => Code::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        let codes = ErrorKind::ALL.map(code_of);
        assert_eq!(codes, [Code::Usage, Code::Bad, Code::Unknown, Code::Fault]);
        assert!(ErrorKind::ALL.iter().all(|kind| ErrorKind::from_text(kind.text()) == Some(*kind)));
    }
}
