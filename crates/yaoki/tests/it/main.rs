//! The program as a process: what it answers, what it refuses, and how it ends.

mod help;
mod life;
mod postgres;
mod process;
mod refused;
mod restored;
mod self_test;
mod settings;
mod tour;
mod admin;
mod device;
mod killed;
