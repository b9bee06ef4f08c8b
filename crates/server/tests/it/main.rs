//! Promises of the server: a real server on loopback, a real book, real signatures.

mod admin;
mod admin_orders;
mod bad_input;
mod console;
mod decoders;
mod devices;
mod errors;
mod faults;
mod jobs;
mod openapi;
mod outcomes;
mod proxy;
mod raw;
mod retries;
mod routes;
mod shares;
mod slow;
mod tls;
mod witness;
mod world;
