//! The edge: what stands between a socket and a handler.
//!
//! - [`identifier`]: numbers as people and programs outside see them (`pay_…`).
//! - [`keys`]: the key file, and every key derived from it.
//! - [`signature`]: a terminal's signature over its request.
//! - [`proof`]: a member's device proves that it sent this request, now.
//!
//! The modules here are pure, but for reading and writing the key file: time and chance are
//! arguments, and each speaks plain numbers that the rest wraps in the rules' own types.

mod hex;
pub mod identifier;
pub mod keys;
pub mod proof;
pub mod signature;
