//! The program as a process: what it answers, what it refuses, and how it ends.

mod admin;
mod commands;
mod device;
mod help;
mod killed;
mod life;
mod phone;
mod postgres;
mod process;
mod python;
mod refused;
mod restored;
mod self_test;
mod settings;
mod tour;
