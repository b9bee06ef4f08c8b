//! Promises of the store, each on both storages.

mod crash;
mod lanes;
mod transfers;
