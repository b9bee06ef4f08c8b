//! Promises of the store, each on both storages.

mod addresses;
mod crash;
mod lanes;
mod migrations;
mod rows;
mod tamper;
mod transfers;
mod verify;
