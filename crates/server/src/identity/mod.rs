//! What is checked when someone signs in, and what is kept for it.
//!
//! | module             | what it checks or keeps                                        |
//! | ------------------ | -------------------------------------------------------------- |
//! | [`passkey`]        | passkeys: registered, and asked for (WebAuthn)                 |
//! | [`password`]       | passwords, on a pool of threads                                |
//! | [`leaked`]         | passwords that are tried first                                 |
//! | [`openid`]         | external ids: the relying party of OpenID Connect              |
//! | [`totp`]           | codes of a code generator                                      |
//! | [`recovery_codes`] | codes on paper, each for once                                  |
//! | [`seal`]           | secrets that leave this process, under a key of the key file   |
//!
//! Plain functions and types: they know neither HTTP nor the book. Time and chance are arguments;
//! what was used once is remembered by the caller, in the commit that it leads to.
//!
//! Not here: who may sign in, how often it may be tried, sessions.

pub mod leaked;
pub mod openid;
pub mod passkey;
pub mod password;
pub mod recovery_codes;
pub mod seal;
pub mod totp;
