//! Promises of the server: a real server on loopback, a real book, real signatures.

mod admin;
mod admin_orders;
mod bad_bodies;
mod bad_input;
mod console;
mod crowded;
mod decoders;
mod devices;
mod errors;
mod faults;
mod jobs;
mod openapi;
mod outcomes;
mod proxy;
mod raw;
mod repeats;
mod retries;
mod routes;
mod schemas;
mod shares;
mod shops;
mod slow;
mod tls;
mod webhooks;
mod witness;
mod world;
