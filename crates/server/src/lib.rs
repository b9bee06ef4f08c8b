//! The server: HTTP in front of the rules and the store.

pub mod edge;
