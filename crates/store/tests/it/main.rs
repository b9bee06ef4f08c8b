//! Promises of the store, each on both storages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod addresses;
mod backup;
mod clocks;
mod console;
mod crash;
mod lanes;
mod lists;
mod migrations;
mod rows;
mod sessions;
mod statements;
mod tamper;
mod transfers;
mod verify;
