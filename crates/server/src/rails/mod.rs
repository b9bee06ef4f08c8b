//! Rails by which money comes in from outside, as far as other servers are asked: the acquirer of
//! cards.
//!
//! | module       | what it is                                                     |
//! | ------------ | -------------------------------------------------------------- |
//! | [`acquirer`] | the acquirer's API: what is asked, and what it may answer      |
//! | [`drive`]    | one top-up brought as far as the acquirer lets it              |
//! | [`event`]    | what the acquirer tells by itself, its signature checked       |
//! | [`demo`]     | an acquirer of our own with a 3-D Secure page, for play        |
//!
//! Whatever is lost on the way is asked again: a top-up is created without effect, and only the one
//! whose name is in the book is ever confirmed. So no reply that gets lost charges twice.

pub mod acquirer;
pub mod demo;
pub mod drive;
pub mod event;
pub mod options;
