//! The power-cut shim: a small C library for `LD_PRELOAD`, for tests of what survives a crash of
//! the machine, and of what comes days later.
//!
//! What it does, and the environment that tells it when, is written at the head of
//! `shim/powercut.c`. The names of the variables are here, so that a test can't misspell one and
//! pass.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};

use anyhow::{Context, Result, ensure};

use crate::{target_folder, workspace_root};

/// Files whose absolute path begins with this are under the shim. Without it the shim does nothing.
pub const ROOT: &str = "YAOKI_SHIM_ROOT";
/// `sync:N:EIO`, `write:N:ENOSPC`…: the N-th such call and every later one fails.
pub const FAIL: &str = "YAOKI_SHIM_FAIL";
/// The power is cut in place of the N-th write or sync.
pub const CUT: &str = "YAOKI_SHIM_CUT";
/// The power is cut once this file exists.
pub const CUT_FILE: &str = "YAOKI_SHIM_CUT_FILE";
/// The wall clock is so many seconds ahead.
pub const AHEAD: &str = "YAOKI_SHIM_AHEAD";

/// Builds the shim with the C compiler and returns the library's path, to be given as `LD_PRELOAD`.
///
/// Safe to call from several processes at once: the library is moved into its place whole.
pub fn build() -> Result<PathBuf> {
    let source = workspace_root().join("xtask/shim/powercut.c");
    let folder = target_folder().join("shim");
    let library = folder.join("libpowercut.so");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let unfinished = folder.join(format!("libpowercut.{}.so", process::id()));
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&unfinished, &source])
        .status()
        .context("cannot run `cc`: install a C compiler (Debian: apt-get install gcc libc6-dev)")?;
    ensure!(status.success(), "`cc` could not build {}: {status}", source.display());
    fs::rename(&unfinished, &library)
        .with_context(|| format!("cannot move the shim to {}", library.display()))?;
    Ok(library)
}
