//! `yaoki serve`: checks, opens, serves, ends in order.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use yaoki_server::edge::listener::ListenerName;
use yaoki_server::{Running, ServerOptions};
use yaoki_store::Book;

use crate::exit::Failure;
use crate::folder::Lock;
use crate::settings::Settings;
use crate::{door, logs, open, signals};

/// A server with its book and its folder.
pub(crate) struct Served {
    /// The running server.
    pub(crate) running: Running,
    /// Its book.
    pub(crate) book: Arc<Book>,
    _lock: Lock,
}

/// Serves until it is told to end.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    logs::start(settings)?;
    let told = signals::listen()?;
    let served = start(settings, |_| ())?;
    tracing::info!(
        registers = %served.running.address(ListenerName::Registers),
        devices = %served.running.address(ListenerName::Devices),
        public = %served.running.address(ListenerName::Public),
        console = %served.running.address(ListenerName::Console),
        book = served.book.kind().name(),
        database = %settings.database,
        node = settings.node_name(),
        "serving"
    );
    until_told(served, &told);
    Ok(())
}

/// Opens folder, book and listeners. `change` has the last word on the server's options.
///
/// # Errors
/// Everything that `serve` refuses.
pub(crate) fn start(
    settings: &Settings,
    change: impl FnOnce(&mut ServerOptions),
) -> Result<Served, Failure> {
    let folder = door::of(settings)?;
    let lock = folder.lock()?;
    let book = open::book(settings, &settings.node_name(), settings.lanes.count())?;
    let started = open::server_options(settings, &folder, &book).and_then(|mut options| {
        change(&mut options);
        Ok(yaoki_server::serve(&options)?)
    });
    match started {
        Ok(running) => Ok(Served { running, book, _lock: lock }),
        Err(failure) => {
            // Its lanes are given back.
            book.close();
            Err(failure)
        }
    }
}

/// Serves until the first signal, then ends in order: no more connections, requests under way are
/// answered, the lanes commit and are given back.
pub(crate) fn until_told(served: Served, told: &Receiver<()>) {
    // The sender lives as long as the process.
    let _ = told.recv();
    tracing::info!("ending: requests under way are answered first");
    served.end();
    tracing::info!("ended");
}

impl Served {
    /// Ends in order.
    pub(crate) fn end(self) {
        self.running.shutdown();
        self.book.close();
    }
}
