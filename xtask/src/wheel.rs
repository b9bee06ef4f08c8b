//! Python packages that carry somebody else's program as it is: pinned by their digests, fetched by
//! pip, unpacked into the target folder and kept there.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{target_folder, workspace_root};

/// A package, named by its file of requirements under `xtask`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wheel {
    /// The file, from `xtask`.
    pub(crate) requirements: &'static str,
    /// A file of the package that is used.
    pub(crate) file: &'static str,
}

impl Wheel {
    /// Where the file is kept: another version is kept elsewhere.
    pub(crate) fn kept(&self) -> PathBuf {
        self.folder().join(self.file)
    }

    fn requirements(&self) -> PathBuf {
        workspace_root().join("xtask").join(self.requirements)
    }

    fn folder(&self) -> PathBuf {
        let pinned = fs::read_to_string(self.requirements()).unwrap_or_default();
        let line = pinned.lines().find(|line| line.contains("==")).unwrap_or_default();
        let name = line.split_whitespace().next().unwrap_or_default();
        target_folder().join("wheels").join(name)
    }

    /// Fetches the package where it is not in the target folder yet. pip compares the digest.
    pub(crate) fn fetch(&self) -> Result<PathBuf> {
        let file = self.kept();
        if file.is_file() {
            return Ok(file);
        }
        let kept = self.folder();
        let fresh = kept.with_file_name(format!("fresh-{}", process::id()));
        fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
        let mut pip =
            python(&["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]);
        pip.args(["--only-binary=:all:", "--disable-pip-version-check", "--dest"]).arg(&fresh);
        succeed(pip.arg("--requirement").arg(self.requirements()), "pip download")?;
        let mut entries = fs::read_dir(&fresh)?.flatten().map(|entry| entry.path());
        let wheel = entries.find(|path| path.extension().is_some_and(|end| end == "whl"));
        let wheel = wheel.context("pip downloaded no wheel")?;
        let mut unpack = python(&["-m", "zipfile", "-e"]);
        succeed(unpack.arg(&wheel).arg(&fresh), "unpacking the wheel")?;
        fs::remove_file(&wheel)?;
        // Moved into its place whole: another run may be doing the same, and one of them is enough.
        if fs::rename(&fresh, &kept).is_err() {
            fs::remove_dir_all(&fresh)?;
        }
        ensure!(file.is_file(), "no {} in {}", self.file, kept.display());
        Ok(file)
    }
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end; the error has what it said.
pub(crate) fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {what}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} failed: {}\n{said}", output.status);
    Ok(())
}
