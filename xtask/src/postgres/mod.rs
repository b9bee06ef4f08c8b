//! PostgreSQL for tests: find the programs, run a private cluster, crash it, start it again.
//!
//! A cluster lives in a fresh folder under the temporary folder, listens on a free loopback port
//! and on a Unix socket in its folder, trusts whoever connects, and runs as an unprivileged user,
//! because PostgreSQL refuses to run as root. It keeps PostgreSQL's durable defaults: what these
//! tests prove is worth nothing without them. Dropping the [`Cluster`] stops it and removes the
//! folder; what a run that was killed left behind is removed by the next. Nothing that this module
//! didn't start is ever stopped.

mod binaries;
mod cluster;
mod folder;
mod user;

pub use binaries::Binaries;
pub use cluster::Cluster;
