//! Who reads: while somebody does, SQLite's log cannot begin anew. So when it is full the oldest
//! reader is named, for whoever has to end it.
//!
//! Readers of this process are known by their threads. Of other processes (a backup, a shell on the
//! file) Linux tells who holds a lock of a reader on the log's index, but not since when; elsewhere
//! nothing is known of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

use yaoki_core::time::Instant;

use crate::database::Database;
use crate::verify::anchor::time_text;

/// The bytes of the log's index that readers lock (SQLite, `walformat.html`, 2.3.2).
const READ_LOCKS: std::ops::RangeInclusive<u64> = 123..=127;

/// The readers of this process that are at work, by name.
#[derive(Debug, Default)]
pub(crate) struct Reading(Mutex<BTreeMap<String, Instant>>);

impl Reading {
    /// A reader begins.
    pub(crate) fn begin(&self, name: &str, now: Instant) {
        self.0.lock().expect("no holder panics").insert(name.to_owned(), now);
    }

    /// It has ended.
    pub(crate) fn end(&self, name: &str) {
        self.0.lock().expect("no holder panics").remove(name);
    }

    /// The oldest reader, in words; none where nobody is known to read.
    pub(crate) fn oldest(&self, database: &Database) -> Option<String> {
        let reading = self.0.lock().expect("no holder panics");
        let oldest = reading.iter().min_by_key(|(_, since)| **since);
        let own = oldest.map(|(name, since)| format!("{name}, since {}", time_text(*since)));
        drop(reading);
        own.or_else(|| match database {
            Database::Sqlite(path) => other_processes(path),
            Database::Postgres(_) => None,
        })
    }
}

/// The processes besides this one that read the book in `path`, in words.
fn other_processes(path: &Path) -> Option<String> {
    let mut index = path.as_os_str().to_owned();
    index.push("-shm");
    // Never opened: closing it would drop the locks that this process has on it.
    let inode = fs::metadata(index).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let others = readers_of(inode, &locks).into_iter().filter(|id| *id != std::process::id());
    let named: Vec<String> = others.map(process_text).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The processes that hold a reader's lock on the file `inode`, by the text of `/proc/locks`.
fn readers_of(inode: u64, locks: &str) -> Vec<u32> {
    let reader = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "READ", process, file, first, last] = fields[..] else { return None };
        let of_file = file.rsplit(':').next()?.parse() == Ok(inode);
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        let reads = READ_LOCKS.contains(&first) && READ_LOCKS.contains(&last);
        process.parse().ok().filter(|_| of_file && reads)
    };
    let mut found: Vec<u32> = locks.lines().filter_map(reader).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn process_text(id: u32) -> String {
    match fs::read_to_string(format!("/proc/{id}/comm")) {
        Ok(name) => format!("process {id} ({})", name.trim()),
        Err(_) => format!("process {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_reader_of_this_process_is_named() {
        let reading = Reading::default();
        let database = Database::Sqlite("no-such-folder/book.db".into());
        assert_eq!(reading.oldest(&database), None);
        reading.begin("reader-1", Instant(1_767_582_000_000));
        reading.begin("reader-0", Instant(1_767_582_000_500));
        let named = Some("reader-1, since 2026-01-05T03:00:00Z".to_owned());
        assert_eq!(reading.oldest(&database), named);
        reading.end("reader-1");
        assert!(reading.oldest(&database).is_some_and(|named| named.starts_with("reader-0")));
    }

    #[test]
    fn readers_of_other_processes_are_told_by_their_locks() {
        let locks = "\
1: POSIX  ADVISORY  READ 4711 08:01:2531452 123 123
2: POSIX  ADVISORY  READ 4712 08:01:2531452 127 127
3: POSIX  ADVISORY  READ 4711 08:01:2531452 124 124
4: POSIX  ADVISORY  READ 4713 08:01:2531452 128 128
5: POSIX  ADVISORY  WRITE 4714 08:01:2531452 123 123
6: POSIX  ADVISORY  READ 4715 08:01:9999999 123 123
7: FLOCK  ADVISORY  READ 4716 08:01:2531452 0 EOF
8: -> POSIX  ADVISORY  READ 4717 08:01:2531452 123 123
";
        assert_eq!(readers_of(2_531_452, locks), [4711, 4712]);
        assert!(readers_of(1, locks).is_empty() && readers_of(1, "").is_empty());
    }
}
