//! The rules of Yaoki, proved: tables of cases, a naive model, every order, every switch.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod admin_cases;
mod clerks;
mod codes;
mod comes_back;
mod identity_cases;
mod identity_lives;
mod life;
mod limits;
mod model;
mod money_in;
mod orders;
mod properties;
mod refusals;
mod register_cases;
mod script;
mod staff;
mod staff_cases;
mod staff_links;
mod staff_sessions;
mod states;
mod switched;
mod world;
