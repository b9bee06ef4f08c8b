//! From opening the book to serving, over the files as `kill -9` leaves them: the log is full and
//! its index is gone. They are copied while nobody writes, which gives the same bytes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use yaoki_store::{Book, Database};

use super::measure::{self, Measured};
use super::world::{self, Spread, World};
use super::{engine, http};

/// The members of the book that is started.
pub(crate) const MEMBERS: i64 = 1_000_000;
/// A log this full is about to be moved. Bytes.
const LOG_BYTES: u64 = 60 << 20;
/// How often it is started.
const STARTS: usize = 5;
const NEVER: Duration = Duration::from_secs(1 << 30);

/// Starts copies of the book; the bytes of its log, too.
pub(crate) fn measure(world: &mut World, folder: &Path) -> Result<(Measured, u64)> {
    fill_log(world)?;
    let Database::Sqlite(from) = world.database.clone() else { bail!("only SQLite has a log") };
    let mut measured = Measured::default();
    let mut bytes = 0;
    for number in 0..STARTS {
        let copy = folder.join(format!("killed_{number}.db"));
        bytes = copy_files(&from, &copy)?;
        let began = measure::now();
        let book = Book::open(world::book_options(&Database::Sqlite(copy)))?;
        let running = http::start(&book, &world.keys)?;
        let took = began.elapsed();
        measured.record(took);
        measured.took += took;
        drop(running);
        book.close();
    }
    Ok((measured, bytes))
}

fn fill_log(world: &mut World) -> Result<()> {
    for _ in 0..1000 {
        let mut payments = world.payments(500, Spread::Even).into_iter();
        engine::closed_loop(&world.book, &mut payments, 64, NEVER);
        let bytes = world.book.health().wal_bytes;
        if (LOG_BYTES..).contains(&bytes) {
            world.settle();
            return Ok(());
        }
    }
    bail!("the log does not fill")
}

fn copy_files(from: &Path, to: &Path) -> Result<u64> {
    let log = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        name
    };
    std::fs::copy(from, to).context("the book cannot be copied")?;
    let bytes = std::fs::copy(log(from), log(to)).context("its log cannot be copied")?;
    ensure!(bytes >= LOG_BYTES, "the log has been moved meanwhile: run it again");
    Ok(bytes)
}
