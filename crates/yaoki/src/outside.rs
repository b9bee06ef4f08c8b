//! Time, chance and the environment: the one place of the program that reads them. Everything else
//! takes them as arguments.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yaoki_core::time::{Instant, ZoneOffset};
use yaoki_server::app::Entropy;
use yaoki_store::{Clock, Zone};

use crate::exit::Failure;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    Instant(i64::try_from(since.as_millis()).expect("the clock is before the year 292278994"))
}

/// The system's clock.
pub(crate) fn clock() -> Clock {
    Arc::new(now)
}

/// The system's source of chance. Where it fails nothing may go on: keys are made of it.
#[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
pub(crate) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gives random bytes");
}

/// [`fill`] as servers take it.
pub(crate) fn entropy() -> Entropy {
    Arc::new(fill)
}

/// A variable of the environment; none where it is not set, or no Unicode.
#[expect(clippy::disallowed_methods, reason = "settings are read here, once")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all variables that begin so.
pub(crate) fn variables(prefix: &str) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// How this program was called, to be printed in hints.
pub(crate) fn program() -> String {
    let name = std::env::args_os().next().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "yaoki".to_owned())
}

/// Files that are made from now on are for their owner only: ledgers, anchors and backups are not
/// for everybody on a machine.
pub(crate) fn keep_files_to_owner() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// This machine's name; `node` where it has none.
pub(crate) fn host_name() -> String {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let found = files.iter().find_map(|path| std::fs::read_to_string(path).ok());
    let name = found.or_else(|| variable("HOSTNAME")).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "node".to_owned() } else { name.to_owned() }
}

/// The zone of this IANA name, as lanes ask for it: the offset at a time.
///
/// # Errors
/// When there is no such zone.
pub(crate) fn zone(name: &str) -> Result<Zone, Failure> {
    let zone = TimeZone::get(name)
        .map_err(|_| Failure::usage(format!("there is no zone {name:?}: give an IANA name")))?;
    Ok(Arc::new(move |at| offset_at(&zone, at)))
}

fn offset_at(zone: &TimeZone, at: Instant) -> ZoneOffset {
    let at = Timestamp::from_millisecond(at.0).expect("the book's times are within jiff's");
    ZoneOffset { minutes: i64::from(zone.to_offset(at).seconds()) / 60 }
}

/// A time as people read it.
pub(crate) fn time_text(at: Instant) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_follows_its_own_summer() {
        let berlin = zone("Europe/Berlin").expect("a zone");
        assert_eq!(berlin(Instant(1_767_225_600_000)).minutes, 60);
        assert_eq!(berlin(Instant(1_782_864_000_000)).minutes, 120);
        assert_eq!(zone("Asia/Tokyo").expect("a zone")(Instant(0)).minutes, 540);
        assert!(zone("Asia/Nowhere").is_err());
    }
}
