//! Lines to a witness: a runtime of its own, and a connection a turn.

use std::io;

use hyper::Uri;
use hyper::body::Bytes;
use tokio::runtime::{Builder, Runtime};

use super::{TIMEOUT, WitnessError};
use crate::jobs::post::{self, Bounds, Client, Open, Reach};

/// More of an answer is not read; the connection is closed then.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends lines to one place.
pub(super) struct Poster {
    url: Uri,
    client: Client,
    runtime: Runtime,
    open: Option<Open>,
}

impl Poster {
    /// Nothing is opened yet.
    pub(super) fn new(url: Uri) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let bounds = Bounds { timeout: TIMEOUT, answer_bytes_max: ANSWER_BYTES_MAX };
        let client = Client::new(post::tls(), Reach::Named, bounds);
        Ok(Self { url, client, runtime, open: None })
    }

    /// Sends one line, and it is acknowledged.
    pub(super) fn post(&mut self, line: &[u8]) -> Result<(), WitnessError> {
        let line = Bytes::copy_from_slice(line);
        let work = self.client.post(&self.url, &mut self.open, Vec::new(), line);
        let status = self.runtime.block_on(work)?;
        if (200..300).contains(&status) { Ok(()) } else { Err(WitnessError::Status(status)) }
    }

    /// Closes the connection: nothing is sent for a while.
    pub(super) fn close(&mut self) {
        self.open = None;
        // The task of the connection sees that nobody is left, and ends.
        self.runtime.block_on(tokio::task::yield_now());
    }
}
