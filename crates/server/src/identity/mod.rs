//! What is checked when someone signs in, and what is kept for it.
//!
//! | module             | what it checks or keeps                                        |
//! | ------------------ | -------------------------------------------------------------- |
//! | [`passkey`]        | passkeys: registered, and asked for (WebAuthn)                 |
//! | [`seal`]           | secrets that leave this process, under a key of the key file   |
//!
//! Plain functions and types: they know neither HTTP nor the book. Time and chance are arguments;
//! what was used once is remembered by the caller, in the commit that it leads to.
//!
//! Not here: who may sign in, how often it may be tried, sessions.

pub mod passkey;
pub mod seal;
