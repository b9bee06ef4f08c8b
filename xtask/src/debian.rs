//! Debian's packages, where we may install them: a clean machine of continuous integration.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Whether this is Debian and we are root.
pub(crate) fn can_install() -> bool {
    // What /proc/self shows is owned by the effective user, without asking libc.
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    is_root && Path::new("/etc/debian_version").exists()
}

/// Installs packages, and nothing that they only recommend.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    eprintln!("  apt-get {}", arguments.join(" "));
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // In runlevel 1 Debian doesn't start the services: we want the programs, not a cluster that
        // isn't ours.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .output()
        .context("cannot run `apt-get`")?;
    ensure!(
        output.status.success(),
        "`apt-get {}` failed: {}\n{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
