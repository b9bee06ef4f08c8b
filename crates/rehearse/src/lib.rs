//! The world model: members, shops and attackers, and what a bank loses to them.
//!
//! - [`bank`]: what a scenario asks of the real rules and the real store; the program brings it.
//! - [`people`]: seeded draws: what a victim has, and when he notices.
//! - [`takeover`]: devices were taken over, of 808 members as in 2019: what does it cost them?
//! - [`till`]: a terminal was stolen.
//!
//! Limits: what is here plays against the rules and the store, in one process, by a clock that the
//! scenario moves. Listeners, proofs and passwords are not in it: it is assumed that they failed.

pub mod bank;
pub mod people;
pub mod takeover;
pub mod till;
