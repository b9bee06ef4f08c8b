//! As whom the cluster runs: as ourselves, or, where we are root, as someone who owns nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// A user and its first group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    user: u32,
    group: u32,
}

impl User {
    /// Whoever runs this process.
    pub(super) fn current() -> Result<Self> {
        // What /proc/self shows is owned by the effective user, without asking libc.
        let own = fs::metadata("/proc/self").context("cannot look at /proc/self")?;
        Ok(Self { user: own.uid(), group: own.gid() })
    }

    /// Ourselves; `postgres`, else `nobody`, where we are root.
    pub(super) fn unprivileged() -> Result<Self> {
        let current = Self::current()?;
        if !current.is_root() {
            return Ok(current);
        }
        let list = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let found = Self::named("postgres", &list).or_else(|| Self::named("nobody", &list));
        found.context("PostgreSQL refuses to run as root: add a user `postgres` or `nobody`")
    }

    pub(super) fn is_root(self) -> bool {
        self.user == 0
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.user), Some(self.group))
            .with_context(|| format!("cannot give {} away", path.display()))
    }

    /// Makes a command run as this user, in none of root's groups.
    pub(super) fn run(self, command: &mut Command) -> Result<()> {
        if Self::current()? != self {
            // std drops the supplementary groups too, where root sets the user.
            command.gid(self.group).uid(self.user);
        }
        Ok(())
    }

    fn named(name: &str, list: &str) -> Option<Self> {
        let line = list.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let user = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Self { user, group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let list = "postgresql:x:1:1::/:/bin/sh\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(User::named("nobody", list), Some(User { user: 65534, group: 65533 }));
        assert_eq!(User::named("postgres", list), None);
    }
}
