//! Checkpoints: each minute the heads of all lanes are signed, booked, and anchored outside the
//! book.
//!
//! What is signed is a text: [`LABEL`], the time, and a line `lane seq head` for each lane by
//! ascending number. The anchor file gets one JSON line for each, synced before the next; `yaoki
//! verify --anchor` compares it with the book, and finds a cut tail or a chain that was computed
//! anew.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use yaoki_core::command::{Act, Administer, Command};
use yaoki_core::ids::{LaneNumber, RequestId};
use yaoki_core::state::Lane;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};
use yaoki_store::{Answer, Part, StoreError, read};

use crate::api::time;
use crate::app::App;
use crate::edge::hex;
use crate::edge::keys::KeyFileError;

/// The first line of what is signed.
pub const LABEL: &str = "yaoki checkpoint 1";
/// Who books checkpoints.
const ACTOR: &str = "yaoki";
/// How long a checkpoint may wait for its turn, milliseconds.
const DEADLINE_MS: i64 = 10 * SECOND_MS;

/// How far one lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which lane.
    pub lane: LaneNumber,
    /// Its last commit.
    pub seq: i64,
    /// The head of its chain after that.
    pub head: [u8; 32],
}

/// How far every lane was at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When the heads were read.
    pub at: Instant,
    /// By ascending lane.
    pub heads: Vec<Head>,
}

/// One line of the anchor file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorLine {
    /// When, RFC 3339.
    pub time: String,
    /// What was signed: [`Checkpoint::text`].
    pub heads: String,
    /// Ed25519 over the bytes of `heads`, hex.
    pub signature: String,
    /// The public key, hex. Whoever verifies compares it with the keys that he trusts.
    pub public_key: String,
}

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

impl Checkpoint {
    /// The heads of `lanes` at `at`.
    pub fn of(at: Instant, lanes: &[Lane]) -> Self {
        let head = |lane: &Lane| Head { lane: lane.id, seq: lane.seq, head: lane.head };
        let mut heads: Vec<Head> = lanes.iter().map(head).collect();
        heads.sort_unstable_by_key(|head| head.lane);
        Self { at, heads }
    }

    /// What is signed, and what the event keeps.
    pub fn text(&self) -> String {
        let mut text = format!("{LABEL}\n{}\n", self.at.0);
        for Head { lane, seq, head } in &self.heads {
            let head = hex::text(head);
            writeln!(text, "{} {seq} {head}", lane.0).expect("a text takes what is written");
        }
        text
    }

    /// Reads what [`text`](Self::text) wrote; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next() != Some(LABEL) {
            return None;
        }
        let at = Instant(lines.next()?.parse().ok()?);
        let heads: Option<Vec<Head>> = lines.map(parse_head).collect();
        Some(Self { at, heads: heads? })
    }
}

fn parse_head(text: &str) -> Option<Head> {
    let mut parts = text.split(' ');
    let (lane, seq, head) = (parts.next()?, parts.next()?, parts.next()?);
    let rest = parts.next();
    let head = Head {
        lane: LaneNumber(lane.parse().ok()?),
        seq: seq.parse().ok()?,
        head: hex::bytes(head)?,
    };
    rest.is_none().then_some(head)
}

impl AnchorLine {
    /// The checkpoint, if the signature over it holds under the key that the line names.
    pub fn open(&self) -> Option<Checkpoint> {
        let public: [u8; 32] = hex::bytes(&self.public_key)?;
        let signature: [u8; 64] = hex::bytes(&self.signature)?;
        let verified = UnparsedPublicKey::new(&ED25519, public);
        verified.verify(self.heads.as_bytes(), &signature).ok()?;
        Checkpoint::parse(&self.heads)
    }
}

/// Makes one checkpoint: read, sign, book, anchor. Without an anchor file it is only booked.
///
/// # Errors
/// [`CheckpointError`]; the next one covers what this one would have.
pub fn checkpoint(app: &App, anchor: Option<&Path>) -> Result<AnchorLine, CheckpointError> {
    let lanes = app.book.read_and_wait(read::lanes)?;
    let checkpoint = Checkpoint::of(app.now(), &lanes);
    let heads = checkpoint.text();
    let keyring = app.keyring();
    let key = &keyring.file.checkpoint;
    let signature = key.key_pair()?.sign(heads.as_bytes());
    let signature: [u8; 64] = signature.as_ref().try_into().expect("Ed25519 is 64 bytes");
    book(app, &checkpoint, &heads, signature)?;
    let line = AnchorLine {
        time: time::text(checkpoint.at),
        heads,
        signature: hex::text(&signature),
        public_key: hex::text(&key.public.public),
    };
    if let Some(anchor) = anchor {
        append(anchor, &line)?;
    }
    Ok(line)
}

fn book(
    app: &App,
    checkpoint: &Checkpoint,
    heads: &str,
    signature: [u8; 64],
) -> Result<(), CheckpointError> {
    let request = RequestId(app.random());
    let act = Act::Checkpoint(heads.to_owned(), signature);
    let administer = Administer {
        request,
        actor: ACTOR.to_owned(),
        second: String::new(),
        reason: String::new(),
        act,
    };
    let deadline = checkpoint.at.plus_ms(DEADLINE_MS);
    match app.book.submit_and_wait(Part::Members, Command::Administer(administer), deadline) {
        Answer::Decided(_) => Ok(()),
        Answer::Refused(refused) => {
            Err(CheckpointError::NotBooked(refused.refusal.sentence().to_owned()))
        }
        Answer::Unknown(unknown) => Err(CheckpointError::NotBooked(unknown.sentence().to_owned())),
    }
}

fn append(path: &Path, line: &AnchorLine) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_is_written_and_nothing_else_is() {
        let head = |lane, seq, byte| Head { lane: LaneNumber(lane), seq, head: [byte; 32] };
        let checkpoint = Checkpoint {
            at: Instant(1_800_000_000_000),
            heads: vec![head(0, 7, 1), head(5, 9, 2)],
        };
        let text = checkpoint.text();
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint));
        for wrong in [
            "",
            LABEL,
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}\n"),
            &format!("{text}x 1 2\n"),
            &text.replace(" 7 ", " 7  "),
        ] {
            assert_eq!(Checkpoint::parse(wrong), None, "{wrong}");
        }
    }
}
