//! The file of a backup: made beside its name, readable by its owner only, synced, then renamed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::conn::{CheckpointMode, Conn, SqliteConn};
use crate::error::StoreError;
use crate::migrate;

/// Free room that is asked for besides the copy itself, bytes.
const ROOM_BESIDES: u64 = 64 << 20;

fn failed(step: &str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { step: format!("{step} {}", path.display()), source }
}

/// A file that is being made. Dropped, it is removed.
pub(super) struct Part {
    path: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl Part {
    /// Begins an empty file that will be `target`, where there is room for `bytes`.
    pub(super) fn create(target: &Path, bytes: u64) -> Result<Self, StoreError> {
        let wal = beside(target, "-wal");
        if let Some(there) = [target, &wal].into_iter().find(|path| path.exists()) {
            return Err(StoreError::Refused(format!("{} exists already", there.display())));
        }
        must_have_room(folder_of(target), bytes)?;
        let path = beside(target, ".part");
        // What an interrupted run left behind is nobody's.
        for left in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
            if left.exists() {
                std::fs::remove_file(&left).map_err(|error| failed("remove", &left, error))?;
            }
        }
        let mut new = OpenOptions::new();
        new.write(true).create_new(true).mode(0o600);
        new.open(&path).map_err(|error| failed("create", &path, error))?;
        Ok(Self { path, target: target.to_owned(), kept: false })
    }

    /// Begins with the contents of another file.
    pub(super) fn copy_of(source: &Path, target: &Path) -> Result<Self, StoreError> {
        let opened = File::open(source).map_err(|error| failed("open", source, error));
        let mut from = opened?;
        let bytes = from.metadata().map_err(|error| failed("read", source, error))?.len();
        let part = Self::create(target, bytes)?;
        let mut to = OpenOptions::new();
        let to = to.write(true).open(&part.path);
        let mut to = to.map_err(|error| failed("write", &part.path, error))?;
        io::copy(&mut from, &mut to).map_err(|error| failed("write", &part.path, error))?;
        Ok(part)
    }

    /// Where it is made.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the connection to it, syncs it, and gives it its name.
    pub(super) fn keep(mut self, mut conn: Conn) -> Result<(), StoreError> {
        conn.checkpoint(CheckpointMode::Truncate)?;
        // One file that can be read from a medium that cannot be written.
        conn.run_script("PRAGMA journal_mode = DELETE")?;
        drop(conn);
        let file = File::open(&self.path).map_err(|error| failed("open", &self.path, error))?;
        file.sync_all().map_err(|error| failed("sync", &self.path, error))?;
        std::fs::rename(&self.path, &self.target)
            .map_err(|error| failed("rename", &self.path, error))?;
        self.kept = true;
        let folder = folder_of(&self.target);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync", folder, error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            for left in [self.path.clone(), beside(&self.path, "-wal"), beside(&self.path, "-shm")]
            {
                // It is only litter, and the failure that led here is the one to be heard of.
                let _ = std::fs::remove_file(left);
            }
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn must_have_room(folder: &Path, bytes: u64) -> Result<(), StoreError> {
    let space = rustix::fs::statvfs(folder)
        .map_err(|error| failed("look at the room in", folder, error.into()))?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let needed = bytes.saturating_add(ROOM_BESIDES);
    if free < needed {
        let problem = format!("{} has {free} bytes free, {needed} are needed", folder.display());
        return Err(StoreError::Refused(problem));
    }
    Ok(())
}

/// SQLite's own look at the pages.
pub(super) fn quick_check(conn: &SqliteConn) -> Result<(), StoreError> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let said = conn.raw().query_row("PRAGMA quick_check(1)", [], read);
    match said.map_err(|error| StoreError::read("quick_check", error))?.as_str() {
        "ok" => Ok(()),
        problem => Err(StoreError::Refused(format!("the file is damaged: {problem}"))),
    }
}

/// Refuses a backup of another schema, without writing to it.
pub(super) fn must_be_of_this_schema(backup: &Conn) -> Result<(), StoreError> {
    let Conn::Sqlite(file) = backup else { return Ok(()) };
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let found = file.raw().query_row("SELECT MAX(number) FROM migration", [], read);
    let found = found.map_err(|error| StoreError::read("schema of the backup", error))?;
    migrate::check_number(found)
}
