//! Codecs between Yaoki's values and what scanners, phones and banks read.
//!
//! Purpose: every format that is written or read outside the rules, each in a module of its own,
//! pure and free of panics for any input. Nothing here knows a member, a shop or money.
//!
//! - [`one_time_code`]: the digits of a one-time code as Code 128 (set C) and as QR, drawn as SVG.
//! - [`emv_mpm`]: the text of a merchant-presented QR (`EMVCo`), written strictly and read
//!   tolerantly, with what JPQR puts into it.
//! - [`qr_text`]: a short text as QR, drawn as SVG.
//! - [`symbol`]: modules and drawing, which these share.
//!
//! Not here: what the digits mean (`yaoki-core`), what a shop's QR claims and under which key
//! (`yaoki-server`), pages and HTTP. Consumer-presented EMV QR and Zengin bank files come with
//! their own issues.

pub mod emv_mpm;
pub mod one_time_code;
pub mod qr_text;
pub mod symbol;
