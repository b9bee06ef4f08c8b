//! The data folder: what is where in it, and the lock that keeps it to one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use yaoki_server::edge::admin_socket::SOCKET_NAME;

use crate::exit::Failure;

/// The lock's name in the data folder.
pub(crate) const LOCK_NAME: &str = "lock";

/// A data folder that is there.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// The data folder is ours until this is dropped. The file stays; the lock is on it, not in it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataFolder {
    /// Makes the folder, for its owner only, or takes the one that is there.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
            Failure::fault(format!("the data folder {} must be made: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn existing(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Ok(Self { path: path.to_owned() });
        }
        Err(Failure::fault(format!(
            "there is no data folder {}: make a book with `yaoki init`, or give the folder with \
             --data",
            path.display()
        )))
    }

    /// Where operators on this machine are heard.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join(SOCKET_NAME)
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join(LOCK_NAME)
    }

    /// Takes the folder for this process, or none when another has it.
    ///
    /// # Errors
    /// When the lock file cannot be opened, or others can write into the folder.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, Failure> {
        self.must_be_ours()?;
        let path = self.lock_path();
        let must = |error: std::io::Error| {
            Failure::fault(format!("the lock file {} must open: {error}", path.display()))
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(must)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(must(error)),
        }
        file.set_len(0).map_err(must)?;
        file.seek(SeekFrom::Start(0)).map_err(must)?;
        writeln!(file, "{}", std::process::id()).map_err(must)?;
        Ok(Some(Lock { _file: file }))
    }

    /// Whoever can write into the folder can put another socket or another database in its place.
    fn must_be_ours(&self) -> Result<(), Failure> {
        let path = self.path.display();
        let found = self.path.metadata().map_err(|error| {
            Failure::fault(format!("the data folder {path} must be readable: {error}"))
        })?;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(Failure::fault(format!(
                "others can write into the data folder {path} (mode {mode:04o}), and could put \
                 another socket or database there: run `chmod 700 {path}`"
            )));
        }
        Ok(())
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// When another process has it.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        self.try_lock()?.ok_or_else(|| {
            Failure::fault(format!(
                "another yaoki{} works in the data folder {}: stop it, or give another folder with \
                 --data",
                self.holder(),
                self.path.display()
            ))
        })
    }

    /// The process that holds the lock, as ` (process 4711)`; empty where it is not known.
    pub(crate) fn holder(&self) -> String {
        let mut text = String::new();
        let read = File::open(self.lock_path()).and_then(|file| {
            // A process number is short.
            file.take(32).read_to_string(&mut text)
        });
        match (read, text.trim().parse::<u32>()) {
            (Ok(_), Ok(process)) => format!(" (process {process})"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_free_again() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = DataFolder::create(&place.path().join("a/b")).expect("it can be made");
        let held = folder.lock().expect("nobody holds it");
        assert!(folder.try_lock().expect("the file opens").is_none());
        let refused = folder.lock().expect_err("it is held").to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(held);
        folder.lock().expect("it is free again");
    }

    #[test]
    fn a_folder_that_others_can_write_into_is_not_taken() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = DataFolder::create(&place.path().join("a")).expect("it can be made");
        for (mode, taken) in [(0o777, false), (0o720, false), (0o702, false), (0o755, true)] {
            let rights = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&folder.path, rights).expect("it is ours");
            assert_eq!(folder.lock().is_ok(), taken, "{mode:o}");
        }
    }
}
