//! The folder of a cluster, and the folders that ended runs left behind.
//!
//! A folder belongs to the process that holds the lock on its file `owner`. The lock ends with the
//! process, however that ends (Ctrl-C, SIGKILL), so that the next run knows which folders nobody
//! needs any more.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, process};

use anyhow::{Context, Result, bail};

use super::user::User;

const PREFIX: &str = "yaoki-pg-";
/// A younger folder may be one that is being made, and isn't locked yet.
const LEFT_BEHIND_AGE_MIN: Duration = Duration::from_mins(1);
/// The longest temporary folder in which the path of a socket (107 bytes at most) still fits.
const PARENT_BYTES_MAX: usize = 40;

/// A folder that its user can reach and nobody else can read.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked for as long as this lives.
    _owner: File,
}

impl Folder {
    /// Makes one, and first removes those left behind.
    pub(super) fn fresh(name: &str, user: User) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let parent = parent_for(user)?;
        remove_left_behind(&parent);
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        // A process before us may have had our id and left its folder: go on counting.
        for _ in 0..1000 {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{PREFIX}{plain}-{}-{count}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => bail!("cannot make {}: {error}", path.display()),
            }
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            let owner = File::create(path.join("owner")).context("cannot write `owner`")?;
            owner.lock().context("cannot lock `owner`")?;
            user.own(&path)?;
            return Ok(Self { path, _owner: owner });
        }
        bail!("too many old folders {PREFIX}* in {}: remove them", parent.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all it holds. What can't be removed is said, and left to a later run.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn parent_for(user: User) -> Result<PathBuf> {
    let own = env::temp_dir();
    // A temporary folder of root's own is closed to others.
    let fits = user == User::current()? && own.as_os_str().len() <= PARENT_BYTES_MAX;
    Ok(if fits { own } else { PathBuf::from("/tmp") })
}

fn remove_left_behind(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_left_behind(&entry.path()) == Some(true) {
            // Another run may be removing it too, and whoever comes later tries again.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// None where we can't tell, for one because the folder is another user's.
fn is_left_behind(folder: &Path) -> Option<bool> {
    let owner = File::open(folder.join("owner")).ok()?;
    let age = owner.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    if age < LEFT_BEHIND_AGE_MIN || owner.try_lock().is_err() {
        return Some(false);
    }
    // A cluster may outlive its owner that was killed: it isn't ours to stop. While PostgreSQL is
    // made or recovers alone, it writes its id with a minus.
    let Ok(text) = fs::read_to_string(folder.join("data/postmaster.pid")) else {
        return Some(true);
    };
    let id: i32 = text.lines().next()?.trim().parse().ok()?;
    Some(!Path::new(&format!("/proc/{}", id.unsigned_abs())).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_left_behind_once_its_owner_has_ended_and_its_postgresql_too() {
        let user = User::current().expect("we are someone");
        let folder = Folder::fresh("left", user).expect("there is room");
        let path = folder.path().to_owned();
        let make_old = || {
            let owner = File::options().write(true).open(path.join("owner")).expect("it is there");
            let then = owner.metadata().and_then(|data| data.modified()).expect("Linux knows");
            owner.set_modified(then - 2 * LEFT_BEHIND_AGE_MIN).expect("it is ours");
        };
        make_old();
        assert_eq!(is_left_behind(&path), Some(false), "its owner lives");
        fs::create_dir(path.join("data")).expect("there is room");
        let running = format!("{}\n{}/data\n", process::id(), path.display());
        fs::write(path.join("data/postmaster.pid"), running).expect("there is room");
        drop(folder);
        assert_eq!(is_left_behind(&path), Some(false), "its PostgreSQL lives");
        fs::write(path.join("data/postmaster.pid"), "-2147483647\n").expect("there is room");
        assert_eq!(is_left_behind(&path), Some(true));
        fs::remove_file(path.join("data/postmaster.pid")).expect("it is there");
        let owner = File::create(path.join("owner")).expect("it is ours");
        drop(owner.set_modified(std::time::SystemTime::now()));
        assert_eq!(is_left_behind(&path), Some(false), "too young to tell");
        make_old();
        remove_left_behind(path.parent().expect("a temporary folder"));
        assert!(!path.exists());
    }
}
