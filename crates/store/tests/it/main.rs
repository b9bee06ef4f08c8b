//! Promises of the store, each on both storages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod aborts;
mod addresses;
mod backup;
mod clocks;
mod console;
mod crash;
mod crash_members;
mod dry_runs;
mod durability;
mod holders;
mod lanes;
mod lists;
mod migrations;
mod money_in;
mod outbox;
mod people;
mod people_races;
mod races;
mod room;
mod rows;
mod sessions;
mod shops;
mod staff;
mod statements;
mod tamper;
mod transfers;
mod verify;
mod webhooks;
