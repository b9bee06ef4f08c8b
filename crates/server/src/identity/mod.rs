//! What a member shows to be known. Nothing here knows HTTP routes or the store: plain functions
//! and types; time and chance are arguments.
//!
//! | module     | what it is                                    |
//! | ---------- | --------------------------------------------- |
//! | [`openid`] | external ids: the relying party of OpenID Connect |

pub mod openid;
