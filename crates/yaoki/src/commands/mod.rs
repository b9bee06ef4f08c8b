//! The commands, one file each.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod backup;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod healthcheck;
pub(crate) mod init;
pub(crate) mod migrate;
pub(crate) mod rehearse;
pub(crate) mod rules;
pub(crate) mod serve;
pub(crate) mod verify;
