//! Proves the machinery that other tests stand on.
#![expect(
    clippy::disallowed_methods,
    reason = "whether a test may be skipped is in the environment"
)]

mod postgres;
mod shim;
