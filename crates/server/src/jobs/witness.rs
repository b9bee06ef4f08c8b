//! Witnesses: servers of others that keep our anchors, so that whoever can write both the database
//! and the anchor file still cannot rewrite the ledger unseen.
//!
//! Each line of the anchor file is sent once it is there: `POST`, a JSON object, `https`, or `http`
//! to this machine. Any status from 200 to 299 acknowledges it; redirects are not followed. What is
//! acknowledged is kept beside the anchor file, so that a witness that was away, or a server that
//! was ended, goes on where it was; a line whose answer was lost is sent again.
//!
//! Limits: a job and a connection a witness, [`LINES_AT_ONCE`] a turn, [`TIMEOUT`] a line. A
//! witness that fails is asked again after [`PAUSE`], then half as often each time, up to
//! [`PAUSES_MAX`] pauses. Nothing waits for it: checkpoints go on without.

mod post;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::post::Poster;
use super::post::PostError;
use crate::edge::hex;
use crate::metrics::WitnessCounters;

/// Between two turns.
pub const PAUSE: Duration = Duration::from_secs(5);
/// The longest that a failing witness is left alone, in pauses.
const PAUSES_MAX: u32 = 60;
/// How long one line may take, from the connection to the answer.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// How many lines are sent in one turn.
const LINES_AT_ONCE: usize = 1_000;
/// No anchor is longer, bytes.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Where a witness is. Shown without its path, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessUrl(Uri);

/// Why a line was not acknowledged.
#[derive(Debug, Error)]
pub enum WitnessError {
    /// The anchor file or what is kept beside it.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The connection, or TLS.
    #[error("the connection failed: {0}")]
    Connection(#[source] io::Error),
    /// HTTP.
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// Not acknowledged.
    #[error("it answered with status {0}")]
    Status(u16),
    /// No answer in time.
    #[error("it did not answer within {} s", TIMEOUT.as_secs())]
    Late,
}

impl FromStr for WitnessUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let must = || {
            "a URL `https://HOST/PATH`, or `http://` for this machine, without a user".to_owned()
        };
        let url: Uri = text.parse().map_err(|_| must())?;
        let authority = url.authority().ok_or_else(must)?;
        let host = authority.host();
        let is_good = match url.scheme_str() {
            Some("https") => true,
            Some("http") => is_this_machine(host),
            _ => false,
        };
        let has_user = authority.as_str().contains('@');
        if is_good && !has_user && !host.is_empty() { Ok(Self(url)) } else { Err(must()) }
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl WitnessUrl {
    /// Host and port, as metrics and logs name the witness.
    pub fn name(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }
}

impl fmt::Display for WitnessUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.0.scheme_str().unwrap_or_default(), self.name())
    }
}

impl fmt::Debug for WitnessUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// How far a witness has acknowledged the anchor file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Bytes of the anchor file.
    bytes: u64,
    /// The length of the last line of them, with its end.
    last_bytes: u64,
    /// BLAKE3 of that line, hex: another file in the same place begins anew.
    last: String,
}

/// One witness and how far it is.
pub struct Witness {
    url: WitnessUrl,
    anchors: PathBuf,
    kept: PathBuf,
    poster: Poster,
    counters: WitnessCounters,
    /// Turns that failed since one did not.
    failed: u32,
    /// Turns to be left out.
    resting: u32,
}

impl Witness {
    /// The witness at `url` of the anchors in `anchors`.
    ///
    /// # Errors
    /// When the system has no room for what it needs.
    pub fn new(
        url: WitnessUrl,
        anchors: &Path,
        counters: WitnessCounters,
    ) -> Result<Self, io::Error> {
        let digest = blake3::hash(url.0.to_string().as_bytes());
        let mut kept = anchors.as_os_str().to_owned();
        kept.push(format!(".witness-{}", hex::text(&digest.as_bytes()[..8])));
        let poster = Poster::new(url.0.clone())?;
        let (anchors, kept) = (anchors.to_owned(), kept.into());
        Ok(Self { url, anchors, kept, poster, counters, failed: 0, resting: 0 })
    }

    /// One turn: sends what is not acknowledged yet. What fails is said once, and again when the
    /// witness is back.
    pub fn turn(&mut self) {
        if self.resting > 0 {
            self.resting -= 1;
            return;
        }
        match self.send() {
            Ok(()) => {
                if self.failed > 0 {
                    tracing::info!(witness = %self.url, "a witness takes anchors again");
                }
                self.failed = 0;
            }
            Err(error) => {
                self.counters.failed();
                if self.failed == 0 {
                    tracing::error!(witness = %self.url, %error, "a witness took no anchor");
                }
                self.resting = (1_u32 << self.failed.min(16)).min(PAUSES_MAX) - 1;
                self.failed = self.failed.saturating_add(1);
            }
        }
    }

    /// Sends line after line; what was acknowledged stays so.
    ///
    /// # Errors
    /// [`WitnessError`] at the first that was not.
    pub fn send(&mut self) -> Result<(), WitnessError> {
        let Some(mut file) = opened(&self.anchors)? else { return Ok(()) };
        let mut kept = self.read_kept(&mut file)?;
        let mut lines = BufReader::new(file);
        let mut left = LINES_AT_ONCE;
        let sent = loop {
            let line = next_line(&mut lines)?;
            let Some(line) = line.filter(|_| left > 0) else { break Ok(()) };
            left -= 1;
            if let Err(error) = self.poster.post(line.trim_ascii_end()) {
                break Err(error);
            }
            self.counters.acknowledged();
            let length = u64::try_from(line.len()).expect("a line is short");
            let last = hex::text(blake3::hash(&line).as_bytes());
            kept = Kept { bytes: kept.bytes + length, last_bytes: length, last };
            self.write_kept(&kept)?;
        };
        self.poster.close();
        let whole = self.anchors.metadata()?.len();
        self.counters.waiting(whole.saturating_sub(kept.bytes));
        sent
    }

    /// How far the witness is, with the file just behind that. A file that is not the one of which
    /// it was kept is sent from its beginning.
    fn read_kept(&self, file: &mut File) -> Result<Kept, WitnessError> {
        let kept: Kept = match std::fs::read(&self.kept) {
            // What cannot be read is as good as nothing: lines are sent again.
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error.into()),
        };
        let whole = file.metadata()?.len();
        let begin = kept.bytes.checked_sub(kept.last_bytes);
        if let Some(begin) = begin.filter(|_| kept.bytes <= whole) {
            file.seek(SeekFrom::Start(begin))?;
            let mut last = Vec::new();
            (&mut *file).take(kept.last_bytes.min(LINE_BYTES_MAX)).read_to_end(&mut last)?;
            if last.is_empty() || hex::text(blake3::hash(&last).as_bytes()) == kept.last {
                return Ok(kept);
            }
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(Kept::default())
    }

    /// Beside it and renamed: a half written one is never read.
    fn write_kept(&self, kept: &Kept) -> io::Result<()> {
        let mut beside = self.kept.as_os_str().to_owned();
        beside.push(".new");
        std::fs::write(&beside, serde_json::to_vec(kept)?)?;
        std::fs::rename(beside, &self.kept)
    }
}

/// The anchor file; none before the first checkpoint.
fn opened(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The next whole line with its end; one that is still written is met at the next turn.
fn next_line(lines: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = lines.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if u64::try_from(read) == Ok(LINE_BYTES_MAX) && line.last() != Some(&b'\n') {
        let text = "a line of the anchor file is too long to be one";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok((line.last() == Some(&b'\n')).then_some(line))
}

impl From<PostError> for WitnessError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Connection(error) => Self::Connection(error),
            PostError::Http(error) => Self::Http(error),
            PostError::Late => Self::Late,
            PostError::AddressNotPublic => {
                Self::Connection(io::Error::other("plain HTTP is for this machine only"))
            }
            PostError::Long => Self::Connection(io::Error::other("its answer is too long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_is_reached_by_https_or_on_this_machine_and_shows_no_path() {
        for good in [
            "https://witness.example/anchors?token=s3cret",
            "https://192.0.2.7:8443/",
            "http://127.0.0.1:9000/a",
            "http://[::1]:9000/a",
            "http://localhost/a",
        ] {
            let url: WitnessUrl = good.parse().unwrap_or_else(|error| panic!("{good}: {error}"));
            assert!(!format!("{url} {url:?}").contains("s3cret"));
        }
        for wrong in [
            "",
            "/anchors",
            "witness.example",
            "ftp://witness.example/",
            "http://witness.example/",
            "http://192.0.2.7/",
            "https://user:word@witness.example/",
            "https://",
        ] {
            assert!(wrong.parse::<WitnessUrl>().is_err(), "{wrong}");
        }
    }
}
