//! The rules of Yaoki. Pure: no async, clock, randomness, SQL, HTTP or environment in here.
//!
//! A batch runs so: [`view::refer_all`] names references, the store loads them into a
//! [`view::View`], [`view::touch`] names the rows to lock, the store locks and loads them, and then
//! for each command [`decide::decide`] and [`view::View::apply`]. The store saves what the view
//! says was changed.

pub mod account;
pub mod act;
pub mod bulk;
pub mod chain;
pub mod clerk;
pub mod code;
pub mod command;
pub mod decide;
pub mod facts;
pub mod identifier;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod message;
pub mod money;
pub mod operator;
pub mod payment_states;
pub mod policy;
pub mod proposal;
pub mod refusal;
pub mod routing;
pub mod row;
pub mod session;
pub mod shift;
pub mod staff;
pub mod state;
pub mod switches;
pub mod time;
pub mod top_up;
pub mod view;
pub mod webhook;
pub mod window;
