//! Checkpoints: each minute the heads of all lanes are signed, booked, and anchored outside the
//! book.
//!
//! What is signed, and the line of the anchor file, are the store's: see
//! [`yaoki_store::verify::anchor`]. Each line is synced before the next; `yaoki verify --anchor`
//! compares it with the book, and finds a cut tail or a chain that was computed anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use yaoki_core::command::{Act, Administer, Command};
use yaoki_core::ids::RequestId;
use yaoki_core::state::Lane;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};
use yaoki_store::verify::anchor::{Anchor, Head};
use yaoki_store::{Answer, Part, StoreError, read};

use crate::app::App;
use crate::edge::keys::KeyFileError;

/// Who books checkpoints.
const ACTOR: &str = "yaoki";
/// How long a checkpoint may wait for its turn, milliseconds.
const DEADLINE_MS: i64 = 10 * SECOND_MS;

/// Why no checkpoint was made.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The heads could not be read.
    #[error("the heads could not be read: {0}")]
    Read(#[from] StoreError),
    /// The key could not sign.
    #[error("the checkpoint key must sign: {0}")]
    Key(#[from] KeyFileError),
    /// The book did not take it.
    #[error("the checkpoint was not booked: {0}")]
    NotBooked(String),
    /// The anchor file was not written.
    #[error("the anchor file must be written: {0}")]
    Anchor(#[from] io::Error),
}

/// The heads of `lanes` at `at`, not signed yet.
fn unsigned(at: Instant, lanes: &[Lane], public_key: [u8; 32]) -> Anchor {
    let mut heads: Vec<Head> = lanes.iter().map(|lane| (lane.id, lane.seq, lane.head)).collect();
    heads.sort_unstable_by_key(|(lane, ..)| *lane);
    Anchor { at, heads, signature: [0; 64], public_key }
}

/// Makes one checkpoint: read, sign, book, anchor. Without an anchor file it is only booked.
///
/// # Errors
/// [`CheckpointError`]; the next one covers what this one would have.
pub fn checkpoint(app: &App, file: Option<&Path>) -> Result<Anchor, CheckpointError> {
    let lanes = app.book.read_and_wait(read::lanes)?;
    let keyring = app.keyring();
    let key = &keyring.file.checkpoint;
    let mut anchor = unsigned(app.now(), &lanes, key.public.public);
    let signature = key.key_pair()?.sign(anchor.text().as_bytes());
    anchor.signature = signature.as_ref().try_into().expect("Ed25519 is 64 bytes");
    book(app, &anchor)?;
    if let Some(file) = file {
        append(file, &anchor)?;
    }
    *app.checkpoint.write().expect("no holder panics") = Some(Arc::new(anchor.clone()));
    Ok(anchor)
}

fn book(app: &App, anchor: &Anchor) -> Result<(), CheckpointError> {
    let request = RequestId(app.random());
    let act = Act::Checkpoint(anchor.text(), anchor.signature);
    let administer = Administer::alone(request, ACTOR, act);
    let deadline = anchor.at.plus_ms(DEADLINE_MS);
    match app.book.submit_and_wait(Part::Members, Command::Administer(administer), deadline) {
        Answer::Decided(_) => Ok(()),
        Answer::Refused(refused) => {
            Err(CheckpointError::NotBooked(refused.refusal.sentence().to_owned()))
        }
        Answer::Unknown(unknown) => Err(CheckpointError::NotBooked(unknown.sentence().to_owned())),
    }
}

fn append(path: &Path, anchor: &Anchor) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{}\n", anchor.to_line()).as_bytes())?;
    file.sync_all()?;
    if is_new {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// How often a checkpoint is made, milliseconds.
pub const EVERY_MS: i64 = MINUTE_MS;

/// The job: one checkpoint, and what fails is said.
pub fn job(app: App, anchor: Option<PathBuf>) -> impl FnMut() + Send + 'static {
    move || {
        if let Err(error) = checkpoint(&app, anchor.as_deref()) {
            tracing::error!(%error, "no checkpoint");
        }
    }
}
