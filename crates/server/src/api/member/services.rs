//! What the handlers of members share: who makes passkeys, who hashes, what was used once, and who
//! tries too often.
//!
//! Limits: [`TRIES_MAX`] wrong tries of a device in [`TRIES_WINDOW_MS`]; [`REMEMBERED_MAX`]
//! finished ceremonies and devices are remembered, past which the oldest are forgotten. Both
//! memories are one node's: what counts once everywhere is settled by request ids and the book.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use yaoki_core::identity::SEEN_EVERY_MS;
use yaoki_core::identity::credential::Credential;
use yaoki_core::ids::FactId;
use yaoki_core::time::{Instant, MINUTE_MS};
use yaoki_store::read;
use yaoki_store::table::DeviceSeen;

use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::listener::ListenerName;
use crate::edge::problem::{Problem, sentence};
use crate::edge::proven::Proven;
use crate::identity::openid::Providers;
use crate::identity::passkey::{PasskeyError, Relying};
use crate::identity::password::{PasswordError, Passwords};
use crate::identity::seal::{Purpose, Sealer};
use crate::identity::totp;

/// The most wrong passwords and codes of one device in a window.
pub const TRIES_MAX: u32 = 10;
/// How long wrong tries count, milliseconds.
pub const TRIES_WINDOW_MS: i64 = 15 * MINUTE_MS;
/// The most devices that are remembered.
pub const REMEMBERED_MAX: usize = 1 << 16;
/// The most ceremonies that are remembered: what a node finishes in five minutes, and far more.
pub const CEREMONIES_MAX: usize = 1 << 20;

/// When an answer about an address is given at the soonest: ten times what its work takes.
const EVEN: Duration = Duration::from_millis(20);

/// What the handlers of members share.
pub struct MemberServices {
    /// Who makes passkeys for the wallet page; said once every listener listens.
    pub passkeys: OnceLock<Relying>,
    /// Who hashes.
    pub passwords: Passwords,
    /// Whose wallets these are, as people read it.
    pub operator_name: String,
    /// Providers of external ids.
    pub providers: Providers,
    /// Where the wallet page is, if that is set.
    pub origin: Option<String>,
    /// The present version of terms and notices.
    pub terms: i64,
    /// Ceremonies that are finished.
    pub ceremonies: Ceremonies,
    /// Wrong tries of devices.
    pub tries: Tries,
    /// When each device was last written down.
    pub seen: Mutex<HashMap<FactId, Instant>>,
}

/// Ceremonies that are finished: none counts twice on this node.
#[derive(Debug, Default)]
pub struct Ceremonies {
    taken: Mutex<BTreeSet<(i64, [u8; 32])>>,
}

impl Ceremonies {
    /// Whether it is taken for the first time.
    pub fn take(&self, mark: [u8; 32], until_ms: i64, now: Instant) -> bool {
        let mut taken = self.taken.lock().expect("no holder panics");
        let kept = taken.split_off(&(now.0, [0; 32]));
        *taken = kept;
        // A full memory refuses: what is forgotten could be taken again.
        let first = taken.len() < CEREMONIES_MAX && !taken.contains(&(until_ms, mark));
        if first {
            taken.insert((until_ms, mark));
        }
        first
    }
}

/// With what somebody tries: each has tries of its own, so that who holds a cookie takes none from
/// who holds the key, and nobody begins anew with a code that he made himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trier {
    /// The device's key.
    Key,
    /// Its cookie.
    Cookie,
    /// The seed of a generator that is being set up.
    Seed,
    /// A card that is being added: each takes calls at the acquirer, which are few.
    Card,
}

/// Wrong passwords and codes of known devices. Nobody but who has a device's key or cookie adds to
/// them.
#[derive(Debug, Default)]
pub struct Tries {
    counted: Mutex<HashMap<(FactId, Trier), (u32, Instant)>>,
}

impl Tries {
    /// Counts a try before it is judged.
    ///
    /// # Errors
    /// [`EdgeError::TooManyTries`].
    pub fn take(&self, device: (FactId, Trier), now: Instant) -> Result<(), Problem> {
        let mut counted = self.counted.lock().expect("no holder panics");
        counted.retain(|_, (_, since)| now < since.plus_ms(TRIES_WINDOW_MS));
        if counted.len() >= REMEMBERED_MAX && !counted.contains_key(&device) {
            return Err(Problem::from(EdgeError::Busy).and_retry_after(1));
        }
        let (count, since) = counted.entry(device).or_insert((0, now));
        if *count >= TRIES_MAX {
            let left = since.plus_ms(TRIES_WINDOW_MS).0 - now.0;
            let seconds = u32::try_from(left / 1000 + 1).unwrap_or(u32::MAX);
            return Err(Problem::from(EdgeError::TooManyTries).and_retry_after(seconds));
        }
        *count += 1;
        Ok(())
    }

    /// It was right: what was wrong before counts no longer.
    pub fn forget(&self, device: (FactId, Trier)) {
        self.counted.lock().expect("no holder panics").remove(&device);
    }
}

/// Answers no sooner than [`EVEN`] after it was asked: what is done for an address on file and for
/// any other takes a little time, not quite the same, and neither shows.
pub(super) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    tokio::join!(work, tokio::time::sleep(EVEN)).0
}

/// The host of an origin, without its port.
fn host_of(origin: &str) -> &str {
    let host = origin.split("://").nth(1).unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(weak) => {
                Self::with_detail(EdgeError::PasswordMustBeStrong, sentence(&weak.to_string()))
            }
            PasswordError::Busy => Self::from(EdgeError::Busy).and_retry_after(2),
            PasswordError::Stopped => EdgeError::Stopping.into(),
            PasswordError::Kept => {
                tracing::error!(%error, "a password could not be checked");
                EdgeError::FaultOfOurs.into()
            }
        }
    }
}

impl App {
    /// Where the wallet page is, as a phone sees it.
    pub fn wallet_origin(&self) -> String {
        if let Some(origin) = &self.members.origin {
            return origin.clone();
        }
        let doors = self.doors.get().map(Vec::as_slice).unwrap_or_default();
        let door = doors.iter().find(|door| door.name == ListenerName::Devices);
        let here = |address: SocketAddr| format!("localhost:{}", address.port());
        let host = self.device_hosts.first().cloned();
        let host = host.or_else(|| door.map(|door| here(door.address))).unwrap_or_default();
        format!("{}://{host}", self.device_scheme())
    }

    /// Names the relying party of the wallet's passkeys, once every listener listens: by `name`, or
    /// by the host of the wallet page. Where that page is served in the clear under a name of its
    /// own, browsers make no passkeys, so that without a `name` there are none.
    ///
    /// # Errors
    /// [`PasskeyError::Origin`].
    pub fn name_passkeys(&self, name: Option<&str>) -> Result<(), PasskeyError> {
        let mut origins = vec![self.wallet_origin()];
        let hosts = self.device_hosts.iter();
        origins.extend(hosts.map(|host| format!("{}://{host}", self.device_scheme())));
        let first = host_of(&origins[0]).to_owned();
        let id = name.unwrap_or(&first);
        // Where the page is reached under other names, too, there are no passkeys under those.
        let own = |origin: &String| {
            let host = host_of(origin);
            host == id || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'))
        };
        let safe = |origin: &String| {
            origin.starts_with("https://") || origin.starts_with("http://localhost")
        };
        let is_name = id.parse::<std::net::IpAddr>().is_err();
        if name.is_none() {
            origins.retain(|origin| own(origin) && safe(origin) && is_name);
        } else {
            let others = origins.split_off(1);
            origins.extend(others.into_iter().filter(|origin| own(origin)));
        }
        origins.dedup();
        if origins.is_empty() {
            tracing::warn!(
                "there are no passkeys: the wallet page has no name that browsers trust"
            );
            return Ok(());
        }
        let relying = Relying::new(id, &self.members.operator_name, &origins)?;
        // It is said once; a second server in the process has a state of its own.
        let _ = self.members.passkeys.set(relying);
        Ok(())
    }

    /// Refuses terms that are not the present ones.
    ///
    /// # Errors
    /// [`EdgeError::TermsMustBePresent`].
    pub fn terms_must_be_present(&self, terms: i64) -> Result<(), Problem> {
        if terms == self.members.terms { Ok(()) } else { Err(EdgeError::TermsMustBePresent.into()) }
    }

    /// Seals for a purpose and row.
    pub fn seal(&self, purpose: Purpose, row: &[u8], plain: &[u8]) -> Vec<u8> {
        let keyring = self.keyring();
        Sealer::new(&keyring.file.seal).seal(purpose, row, self.random(), plain)
    }

    /// The seed of a member's code generator; none where its key is gone, which is logged.
    pub fn totp_seed(&self, row: &Credential) -> Option<totp::Seed> {
        let keyring = self.keyring();
        let sealer = Sealer::new(&keyring.file.seal);
        let opened = sealer.open(Purpose::TotpSeed, &row.member.0.to_be_bytes(), &row.secret);
        match opened {
            Ok(plain) => plain.as_slice().try_into().ok().map(totp::Seed::new),
            Err(error) => {
                tracing::error!(factor = row.id.0, %error, "a seed cannot be opened");
                None
            }
        }
    }

    /// Writes down, once an hour, when and whence a device has signed. Nobody waits for it.
    pub fn note_seen(&self, proven: &Proven) {
        let now = self.now();
        {
            let mut seen = self.members.seen.lock().expect("no holder panics");
            let lately = |at: &Instant| now < at.plus_ms(SEEN_EVERY_MS);
            if seen.get(&proven.device).is_some_and(lately) {
                return;
            }
            if seen.len() >= REMEMBERED_MAX {
                seen.clear();
            }
            seen.insert(proven.device, now);
        }
        self.write_down(proven.device, proven.seen.network.clone());
    }

    /// Writes down whence a device signs now. Nobody waits for it; where it fails, the next request
    /// tries again.
    pub(super) fn write_down(&self, device: FactId, network: String) {
        let row = DeviceSeen { device, at: self.now(), network };
        let work = move |conn: &mut yaoki_store::Conn| read::note_seen(conn, &row);
        let app = self.clone();
        self.book.send_errand(work, move |done| {
            if let Err(error) = done {
                tracing::warn!(%error, "it was not written down when a device signed last");
                app.members.seen.lock().expect("no holder panics").remove(&device);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_800_000_000_000);

    #[test]
    fn a_ceremony_counts_once_and_is_forgotten_when_it_is_over() {
        let ceremonies = Ceremonies::default();
        let until = NOW.plus_ms(300_000).0;
        assert!(ceremonies.take([1; 32], until, NOW));
        assert!(!ceremonies.take([1; 32], until, NOW.plus_ms(299_999)));
        assert!(ceremonies.take([2; 32], until, NOW.plus_ms(299_999)));
        assert!(ceremonies.take([3; 32], until + 300_000, NOW.plus_ms(300_001)));
        assert_eq!(ceremonies.taken.lock().expect("held by nobody").len(), 1);
    }

    #[test]
    fn ten_wrong_tries_end_a_devices_tries_for_a_quarter_of_an_hour_and_no_other_devices() {
        let tries = Tries::default();
        let (one, two) = ((FactId(1), Trier::Key), (FactId(1), Trier::Cookie));
        for _ in 0..TRIES_MAX {
            assert!(tries.take(one, NOW).is_ok());
        }
        assert!(tries.take(one, NOW.plus_ms(TRIES_WINDOW_MS - 1)).is_err());
        assert!(tries.take(two, NOW).is_ok());
        assert!(tries.take(one, NOW.plus_ms(TRIES_WINDOW_MS)).is_ok());
        for _ in 0..TRIES_MAX {
            tries.forget(one);
            assert!(tries.take(one, NOW).is_ok(), "a right one begins anew");
        }
    }
}
