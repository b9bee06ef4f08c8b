//! The key file on disk: for its owner only, never half written, never overwritten by accident.

use super::{FILE_BYTES_MAX, KeyFile, KeyFileError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

impl KeyFile {
    /// Reads the key file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`] when it cannot be read, is readable by others (Unix), too large, or as
    /// [`parse`](Self::parse).
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let owned = || path.to_owned();
        let file =
            File::open(path).map_err(|source| KeyFileError::Open { path: owned(), source })?;
        let metadata =
            file.metadata().map_err(|source| KeyFileError::Read { path: owned(), source })?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotRegular { path: owned() });
        }
        refuse_readable_by_others(path, &metadata)?;
        // Room for all of it at once: a growing buffer would leave copies behind.
        let mut text =
            Zeroizing::new(String::with_capacity(usize::try_from(FILE_BYTES_MAX + 1).unwrap_or(0)));
        file.take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|source| KeyFileError::Read { path: owned(), source })?;
        if u64::try_from(text.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
            return Err(KeyFileError::TooLarge { path: owned() });
        }
        Self::parse(&text)
    }

    /// Writes a new key file with mode 0600, on disk with its folder when this returns.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] when there is anything at `path`; [`KeyFileError`] when writing
    /// fails.
    pub fn create(&self, path: &Path) -> Result<(), KeyFileError> {
        let exists = || KeyFileError::Exists { path: path.to_owned() };
        write_new(path, &self.to_text(), exists, path)?;
        sync_folder(path)
    }

    /// Puts this in the place of the key file at `path` in one step: whoever reads meets the older
    /// or this one whole. A rotation uses [`update`](Self::update), which does not lose another's.
    ///
    /// # Errors
    /// [`KeyFileError::Busy`] while another writes; [`KeyFileError`] when writing fails, and the
    /// older file stays.
    pub fn replace(&self, path: &Path) -> Result<(), KeyFileError> {
        let (target, beside) = beside(path)?;
        replace_through(&target, &beside, || Ok(self.clone())).map(drop)
    }

    /// Reads the key file, changes it and puts it back, while no other update can: the way to
    /// rotate.
    ///
    /// # Errors
    /// As [`load`](Self::load), `change` and [`replace`](Self::replace); the file is then as it
    /// was.
    pub fn update(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<(), KeyFileError>,
    ) -> Result<Self, KeyFileError> {
        let (target, beside) = beside(path)?;
        replace_through(&target, &beside, || {
            let mut keys = Self::load(&target)?;
            change(&mut keys)?;
            Ok(keys)
        })
    }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    let group_and_others = mode & 0o077;
    if group_and_others == 0 {
        Ok(())
    } else {
        Err(KeyFileError::ReadableByOthers { path: path.to_owned(), mode })
    }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_path: &Path, _metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}

/// The file itself, links followed, and the name written beside it, which is also the lock of an
/// update.
fn beside(path: &Path) -> Result<(PathBuf, PathBuf), KeyFileError> {
    let target = path
        .canonicalize()
        .map_err(|source| KeyFileError::Open { path: path.to_owned(), source })?;
    let Some(name) = target.file_name() else {
        return Err(KeyFileError::NotRegular { path: target });
    };
    let mut beside_name = name.to_owned();
    beside_name.push(".new");
    let beside = target.with_file_name(beside_name);
    Ok((target, beside))
}

/// Makes the new text while `beside` is ours, then puts it in place of `target`.
fn replace_through(
    target: &Path,
    beside: &Path,
    make: impl FnOnce() -> Result<KeyFile, KeyFileError>,
) -> Result<KeyFile, KeyFileError> {
    let busy = || KeyFileError::Busy { path: beside.to_owned() };
    write_new(beside, "", busy, target)?;
    let written = make().and_then(|keys| {
        let write = |source| KeyFileError::Write { path: target.to_owned(), source };
        let mut file = OpenOptions::new().write(true).open(beside).map_err(write)?;
        write_synced(&mut file, &keys.to_text()).map_err(write)?;
        fs::rename(beside, target).map_err(write)?;
        Ok(keys)
    });
    if written.is_err() {
        // The error that counts is the first one; a name left behind is reported by the next update
        // as `Busy`.
        let _ = fs::remove_file(beside);
    }
    let keys = written?;
    sync_folder(target)?;
    Ok(keys)
}

/// Writes a file that must not exist yet, with mode 0600, and syncs it; nothing stays behind on
/// failure.
fn write_new(
    path: &Path,
    text: &str,
    exists: impl FnOnce() -> KeyFileError,
    named: &Path,
) -> Result<(), KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => KeyFileError::Write { path: named.to_owned(), source },
    })?;
    write_synced(&mut file, text).map_err(|source| {
        let _ = fs::remove_file(path);
        KeyFileError::Write { path: named.to_owned(), source }
    })
}

fn write_synced(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes a new name in the folder of `path` survive a power cut.
fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced =
        if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()) } else { Ok(()) };
    synced.map_err(|source| KeyFileError::SyncFolder { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW_MS, keys};
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for the test")
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    #[test]
    fn create_writes_a_file_for_its_owner_only_and_never_overwrites() {
        let folder = folder();
        let path = folder.path().join("keys.json");
        keys().create(&path).expect("a new file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o7777, 0o600);
        }
        assert_eq!(KeyFile::load(&path).expect("its own file"), keys());
        let again = KeyFile::generate(&mut |bytes| bytes.fill(9)).create(&path);
        assert!(matches!(again, Err(KeyFileError::Exists { .. })));
        assert_eq!(KeyFile::load(&path).expect("the first file"), keys());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_readable_by_others_is_refused_with_the_cure() {
        let folder = folder();
        let path = folder.path().join("keys.json");
        keys().create(&path).expect("a new file");
        for mode in [0o640, 0o604, 0o610, 0o602, 0o644, 0o777] {
            set_mode(&path, mode);
            let error = KeyFile::load(&path).expect_err("readable by others");
            assert!(matches!(error, KeyFileError::ReadableByOthers { .. }), "{mode:o}");
            assert!(
                error.to_string().contains(&format!("chmod 600 {}", path.display())),
                "{error}"
            );
        }
        for mode in [0o600, 0o400] {
            set_mode(&path, mode);
            KeyFile::load(&path).expect("0600 or stricter");
        }
    }

    #[test]
    fn missing_folders_large_files_and_bytes_are_refused() {
        let folder = folder();
        let missing = folder.path().join("missing.json");
        assert!(matches!(KeyFile::load(&missing), Err(KeyFileError::Open { .. })));
        assert!(matches!(keys().replace(&missing), Err(KeyFileError::Open { .. })));
        assert!(matches!(KeyFile::load(folder.path()), Err(KeyFileError::NotRegular { .. })));
        let nowhere = folder.path().join("nowhere").join("keys.json");
        assert!(matches!(keys().create(&nowhere), Err(KeyFileError::Write { .. })));
        let path = folder.path().join("large.json");
        let spaces = " ".repeat(usize::try_from(FILE_BYTES_MAX).expect("small") + 1);
        write_new(&path, &spaces, || unreachable!("a new file"), &path).expect("a new file");
        assert!(matches!(KeyFile::load(&path), Err(KeyFileError::TooLarge { .. })));
        fs::write(&path, [0xff]).expect("the file is ours");
        assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Read { .. })));
    }

    #[test]
    fn an_update_is_one_step_and_refuses_a_second_at_the_same_time() {
        let folder = folder();
        let path = folder.path().join("keys.json");
        keys().create(&path).expect("a new file");
        let updated = KeyFile::update(&path, |keys| {
            let second = KeyFile::update(&path, |_| Ok(()));
            assert!(matches!(second, Err(KeyFileError::Busy { .. })));
            keys.rotate_nonce_key(&mut |bytes| bytes.fill(0xaa), NOW_MS)
        })
        .expect("alone");
        assert_eq!(updated.nonce.generation, 2);
        assert_eq!(KeyFile::load(&path).expect("the new file"), updated);
        let names: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
        assert_eq!(names.len(), 1, "nothing stays beside it");
    }

    #[test]
    fn a_refused_update_leaves_the_file_as_it_was() {
        let folder = folder();
        let path = folder.path().join("keys.json");
        keys().create(&path).expect("a new file");
        let refused = KeyFile::update(&path, |keys| {
            keys.rotate_code_key(&mut |bytes| bytes.fill(0xaa), NOW_MS, 1)?;
            keys.rotate_code_key(&mut |bytes| bytes.fill(0xbb), NOW_MS, 1)
        });
        assert!(matches!(refused, Err(KeyFileError::RotationRunning { .. })));
        assert_eq!(KeyFile::load(&path).expect("the first file"), keys());
        KeyFile::update(&path, |_| Ok(())).expect("nothing stays beside it");
    }

    #[cfg(unix)]
    #[test]
    fn replace_follows_a_link_and_keeps_the_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let (path, link) = (folder.path().join("keys.json"), folder.path().join("link.json"));
        keys().create(&path).expect("a new file");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let other = KeyFile::generate(&mut |bytes| bytes.fill(9));
        other.replace(&link).expect("through the link");
        assert_eq!(KeyFile::load(&path).expect("the file itself"), other);
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o7777, 0o600);
    }
}
