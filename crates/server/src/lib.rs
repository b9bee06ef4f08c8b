//! The server: HTTP in front of the rules and the store.
//!
//! | module      | what it is                                                          |
//! | ----------- | ------------------------------------------------------------------- |
//! | [`serve`]   | starting and stopping; [`options`] says how                         |
//! | [`edge`]    | sockets, signatures, proofs, limits, problem documents              |
//! | [`api`]     | registers and devices; the OpenAPI document                         |
//! | [`identity`] | passkeys, passwords, codes, seals: what is checked when someone signs in |
//! | [`web`]     | pages, health, metrics                                              |
//! | [`jobs`]    | sweeper, checkpoints, webhooks, housekeeping                        |
//! | [`pathways`] | every pathway to authority, and what it was tested against         |
//! | [`asvs`]    | what of OWASP's standard is met, and which test proves it           |
//! | [`admin`]   | what operators do                                                   |
//! | [`client`]  | a register and a device, for the demo, the bench and tests          |
//!
//! A request is three hops: handler, lane, decide. A read is two: handler, reader.

pub mod admin;
pub mod api;
pub mod app;
pub mod asvs;
pub mod client;
pub mod decoders;
pub mod edge;
pub mod identity;
pub mod jobs;
pub mod metrics;
pub mod options;
pub mod pathways;
pub mod rails;
pub mod serve;
pub mod web;

pub use options::ServerOptions;
pub use serve::{Running, ServeError, serve};
