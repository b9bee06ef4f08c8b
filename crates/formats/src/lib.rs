//! Codecs between Yaoki's values and what scanners, phones and banks read.
//!
//! Purpose: every format that is written or read outside the rules, each in a module of its own,
//! pure and free of panics for any input. Nothing here knows a member, a shop or money.
//!
//! - [`one_time_code`]: the digits of a one-time code as Code 128 (set C) and as QR, drawn as SVG.
//!
//! Not here: what the digits mean (`yaoki-core`), pages and HTTP (`yaoki-server`).
//! Merchant-presented and consumer-presented EMV QR, JPQR and Zengin bank files come with their own
//! issues.

pub mod one_time_code;
