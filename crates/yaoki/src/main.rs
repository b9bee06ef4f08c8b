//! The program `yaoki`: code payment that can be run by oneself.
//!
//! | module       | what it is                                                          |
//! | ------------ | ------------------------------------------------------------------- |
//! | [`cli`]      | the command line; every help text                                   |
//! | [`settings`] | one table of settings: flags, environment, file, reference          |
//! | [`commands`] | the commands, one file each                                         |
//! | [`bench`]    | `yaoki bench`                                                       |
//! | [`folder`], [`open`], [`door`] | the data folder and its lock; opening a book; operators |
//! | [`messages`] | how messages go out                                                 |
//! | [`openid`]   | providers of external ids, from their file                          |
//! | [`outside`]  | time, chance, environment                                           |
//! | [`logs`], [`signals`], [`say`], [`exit`] | what is said where; how it ends       |

mod acquirer;
mod bench;
mod cli;
mod commands;
mod door;
mod exit;
mod folder;
mod logs;
mod messages;
mod open;
mod openid;
mod outside;
mod say;
mod settings;
mod signals;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::aside(format_args!("yaoki: {failure}"));
            failure.exit_code()
        }
    }
}
