//! The edge: what stands between a socket and a handler.
//!
//! - [`listener`], [`connections`], [`tls`], [`proxies`]: sockets, their caps and their time, who
//!   may speak in the clear.
//! - [`request`]: a request's head, body and JSON within bounds.
//! - [`signed`], [`partner`], [`proven`]: whose request it is; [`signature`], [`proof`]: how that
//!   is shown.
//! - [`seen`]: what a browser is and whence it asks, for people to see.
//! - [`pace`], [`reads`]: who has to wait; [`deadline`]: how long at most.
//! - [`sign`], [`frames`]: what a shop shows, and reading it from a camera's frame.
//! - [`error`], [`problem`]: what is said when nothing can be said.
//! - [`identifier`]: numbers as people and programs outside see them (`pay_…`).
//! - [`keys`]: the key file, and every key derived from it.
//! - [`admin_socket`]: operators on this machine.

pub mod admin_socket;
pub mod connections;
pub mod deadline;
pub mod error;
pub mod frames;
pub mod fruitless;
pub(crate) mod hex;
pub use yaoki_core::identifier;
pub mod keys;
pub mod listener;
pub mod pace;
pub mod partner;
pub mod problem;
pub mod proof;
pub mod proven;
pub mod proxies;
pub mod reads;
pub mod request;
pub mod seen;
pub mod sign;
pub mod signature;
pub mod signed;
pub mod tls;

/// A key as it is handed over: lower-case hex.
pub fn key_text(key: &[u8; 32]) -> String {
    hex::text(key)
}

/// Reads a key as it is handed over.
pub fn key_from_text(text: &str) -> Option<[u8; 32]> {
    hex::bytes(text)
}
