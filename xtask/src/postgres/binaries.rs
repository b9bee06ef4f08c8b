//! Where the programs of PostgreSQL are, and how they get there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::debian;

/// The oldest major version that Yaoki supports.
const VERSION_MIN: u32 = 15;

/// Where Debian and its kin keep one folder a version.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// What to do where PostgreSQL is missing and we may not install it.
const INSTALL: &str = "install PostgreSQL 15 or newer. \
    Debian, Ubuntu: `sudo apt-get install postgresql`; Fedora: `sudo dnf install \
    postgresql-server`; macOS: `brew install postgresql@17`. Then, unless `initdb` is on the PATH, \
    set YAOKI_TEST_PG_BIN to the folder that holds it";

/// A folder with `initdb`, `postgres` and `psql` of a version that Yaoki supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: u32,
}

impl Binaries {
    /// Finds them: in `YAOKI_TEST_PG_BIN` where that is set, else on the PATH, else the newest that
    /// Debian keeps.
    ///
    /// The error names what to install.
    pub fn find() -> Result<Self> {
        if let Some(folder) = env::var_os("YAOKI_TEST_PG_BIN") {
            let folder = PathBuf::from(folder);
            return Self::at(&folder)
                .with_context(|| format!("YAOKI_TEST_PG_BIN is {}", folder.display()));
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).find_map(|folder| Self::at(&folder).ok());
        on_path.or_else(Self::newest_of_debian).with_context(|| format!("no PostgreSQL: {INSTALL}"))
    }

    /// Finds them, or installs Debian's package where we are root.
    pub fn find_or_install() -> Result<Self> {
        let missing = match Self::find() {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        if !debian::can_install() || env::var_os("YAOKI_TEST_PG_BIN").is_some() {
            return Err(missing);
        }
        debian::install(&["postgresql"])?;
        Self::find().context("installed Debian's package `postgresql`, yet it isn't there")
    }

    /// The folder that holds the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version: 15, 16…
    pub fn version(&self) -> u32 {
        self.version
    }

    /// A command that runs one of the programs with none of our environment: no `PG*` variable, no
    /// `LD_PRELOAD`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.env_clear().env("PATH", &self.folder).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn at(folder: &Path) -> Result<Self> {
        for program in ["initdb", "postgres", "psql"] {
            ensure!(folder.join(program).is_file(), "no `{program}` in {}", folder.display());
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output()?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = major_version(&answer).with_context(|| {
            format!("`postgres --version` in {} said: {answer}", folder.display())
        })?;
        if version < VERSION_MIN {
            bail!("PostgreSQL {version} in {} is too old: {INSTALL}", folder.display());
        }
        // The programs find each other, and their share folder, from where they really are.
        Ok(Self { folder: folder.canonicalize()?, version })
    }

    fn newest_of_debian() -> Option<Self> {
        let entries = fs::read_dir(DEBIAN_FOLDER).ok()?;
        let found = entries.flatten().filter_map(|entry| Self::at(&entry.path().join("bin")).ok());
        found.max_by_key(Self::version)
    }
}

/// "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" is 15.
fn major_version(answer: &str) -> Option<u32> {
    let version = answer.split_whitespace().nth(2)?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_every_packager_prints() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(major_version(debian), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) devel\n"), None);
        assert_eq!(major_version(""), None);
    }
}
