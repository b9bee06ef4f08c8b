//! The programs that the tests run beside ours: the tour of `docs/start.md` is a shell that signs
//! with `openssl` and asks with `curl`; the client of `docs/guides/register.md` is Python.

use std::env;

use anyhow::{Result, bail};

use crate::debian;

/// Each program, which is also the name of Debian's package that has it.
const TOOLS: [&str; 4] = ["bash", "curl", "openssl", "python3"];

/// Finds every tool on the PATH, or installs Debian's packages where we are root.
///
/// The error names what to install.
pub fn find_or_install() -> Result<()> {
    let wanted = missing(&TOOLS);
    if wanted.is_empty() {
        return Ok(());
    }
    if debian::can_install() {
        debian::install(&wanted)?;
    }
    let still = missing(&TOOLS);
    if !still.is_empty() {
        let names = still.join(" ");
        bail!("not on the PATH: {names}. Debian, Ubuntu: `sudo apt-get install {names}`");
    }
    Ok(())
}

/// Those of `tools` that are not on the PATH.
fn missing<'a>(tools: &[&'a str]) -> Vec<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    tools.iter().copied().filter(|tool| !is_there(tool)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_path_is_found_and_the_rest_is_named() {
        assert_eq!(missing(&["cargo", "yaoki-has-no-such-tool"]), ["yaoki-has-no-such-tool"]);
    }
}
