//! What the tests of pages need: Chromium, a font with Japanese, zbarimg, and axe-core.
//!
//! axe-core is MPL-2.0 and half a megabyte of somebody else's script, so it is not in the
//! repository. It comes from a Python package that ships it as it is, pinned by its digest in
//! `browser/requirements.txt`, and stays in the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use anyhow::{Context, Result, ensure};

use crate::wheel::Wheel;
use crate::{debian, target_folder};

/// Each tool, as its packages are called by Debian.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("chromium", &["chromium"]),
    ("zbarimg", &["zbar-tools"]),
    ("a font with Japanese", &["fontconfig", "fonts-ipafont-gothic"]),
    ("pip", &["python3", "python3-pip"]),
];
/// As others call Chromium.
const CHROMIUM_NAMES: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// axe-core, carried by a Python package.
const AXE: Wheel =
    Wheel { requirements: "browser/requirements.txt", file: "axe_playwright_python/axe.min.js" };

/// What to do where something is missing and we may not install it.
const INSTALL: &str = "Debian, Ubuntu: `sudo apt-get install chromium zbar-tools fontconfig \
    fonts-ipafont-gothic python3-pip`; Fedora: `sudo dnf install chromium zbar \
    google-noto-sans-cjk-fonts python3-pip`; macOS: `brew install chromium zbar fontconfig \
    python`. A browser or a zbarimg that is not on the PATH is named by YAOKI_TEST_CHROMIUM and \
    YAOKI_TEST_ZBARIMG";

/// Where the tools of the tests of pages are.
#[derive(Clone, Debug)]
pub struct BrowserTools {
    /// Chromium, or Chrome.
    pub chromium: PathBuf,
    /// The reader of codes.
    pub zbarimg: PathBuf,
    /// `axe.min.js`.
    pub axe: PathBuf,
}

impl BrowserTools {
    /// Finds them, or installs Debian's packages where we are root. The error names what to
    /// install.
    pub fn find_or_install() -> Result<Self> {
        let packages: Vec<&str> = PACKAGES
            .iter()
            .filter(|(tool, _)| !is_there(tool))
            .flat_map(|(_, all)| *all)
            .copied()
            .collect();
        if !packages.is_empty() && debian::can_install() {
            debian::install(&packages)?;
        }
        for (tool, _) in PACKAGES {
            ensure!(is_there(tool), "no {tool}: install it. {INSTALL}");
        }
        let chromium = chromium().context("no chromium")?;
        let zbarimg = named("YAOKI_TEST_ZBARIMG", &["zbarimg"]).context("no zbarimg")?;
        Ok(Self { chromium, zbarimg, axe: AXE.fetch()? })
    }
}

/// The finished program under a name of this run, gone afterwards: whoever builds into the same
/// target folder meanwhile replaces the file that cargo made.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Keeps what cargo has built.
    pub fn keep() -> Result<Self> {
        let target = target_folder();
        let folder = target.join("browser");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let program = Self { path: folder.join(format!("yaoki-{}", process::id())) };
        fs::hard_link(target.join("debug/yaoki"), &program.path)
            .with_context(|| format!("cannot make {}", program.path.display()))?;
        Ok(program)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn is_there(tool: &str) -> bool {
    match tool {
        "chromium" => chromium().is_some(),
        "zbarimg" => named("YAOKI_TEST_ZBARIMG", &["zbarimg"]).is_some(),
        "pip" => AXE.kept().is_file() || answers("python3", &["-m", "pip", "--version"]).is_some(),
        // A font is there for those that ask fontconfig, as Chromium does.
        _ => {
            answers("fc-list", &[":lang=ja", "family"]).is_some_and(|list| !list.trim().is_empty())
        }
    }
}

fn chromium() -> Option<PathBuf> {
    named("YAOKI_TEST_CHROMIUM", &CHROMIUM_NAMES)
}

/// The file that a variable names; where it is not set, the first of these on the PATH.
fn named(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// What a program prints; none where it is missing or fails.
fn answers(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
