//! What a developer runs (`cargo x`), and what tests borrow from it.
//!
//! - [`browser`]: finds, installs or fetches what the tests of pages need.
//! - [`node`]: finds or fetches what the tests of external ids need.
//! - [`postgres`]: finds or installs PostgreSQL and runs private clusters that can be crashed and
//!   restarted.
//! - [`shim`]: builds the library that cuts the power under a process.
//! - [`tidy`]: our own linter.
//! - [`tools`]: finds or installs the other programs that tests run.
//! - [`stages`]: the commands as timed stages, stopping at the first that fails.
//!
//! Nothing here depends on a crate of ours: it must build and run when they don't.
#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool reads the environment, measures time and waits for other programs"
)]

pub mod browser;
mod debian;
pub mod node;
pub mod postgres;
pub mod shim;
pub mod stages;
pub mod tidy;
pub mod tools;
mod wheel;

use std::path::{Path, PathBuf};

/// The top folder of the workspace.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the top folder")
}

/// The folder that cargo builds into.
pub fn target_folder() -> PathBuf {
    // A relative CARGO_TARGET_DIR is meant from where cargo was started, which for us is the top
    // folder.
    let chosen = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace_root().join(chosen)
}
