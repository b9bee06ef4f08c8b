//! `yaoki admin rotate`: new generations of keys, without a stop.

use clap::{Subcommand, ValueEnum};
use serde_json::Value;
use yaoki_server::admin::Order;
use yaoki_store::read;

use super::Desk;
use crate::exit::Failure;
use crate::say;

#[derive(Debug, Subcommand)]
pub(super) enum Rotate {
    /// The key of one terminal: after its register was lost, or was served by someone who left
    TerminalKey {
        /// The terminal, as trm_… or its number
        terminal: String,
        /// How long the old key still works, seconds; 0 after a theft
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        keep_seconds: i64,
    },
    /// The key that codes are made with
    CodeKey {
        /// How long codes of the old key still pay, seconds; 0 after a theft
        /// [default: the lifetime of a code]
        #[arg(long, value_name = "SECONDS")]
        keep_seconds: Option<i64>,
    },
    /// The code secret of members' devices: after the database was seen by others
    #[command(group = clap::ArgGroup::new("whose").required(true))]
    CodeSecrets {
        /// Of this member, as mem_… or the number
        #[arg(long, group = "whose", value_name = "ID")]
        member: Option<String>,
        /// Of every member
        #[arg(long, group = "whose")]
        all: bool,
    },
    /// Any key of the key file
    Key {
        /// Which
        name: KeyOfFile,
        /// How long the old generation is still accepted, seconds; fingerprints, checkpoints and
        /// seals keep what they need for ever, nonces a minute
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        keep_seconds: i64,
    },
}

/// The keys of the key file; their names are the server's.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum KeyOfFile {
    /// What codes are made with
    Code,
    /// What terminal keys are derived from: every terminal gets a new key
    TerminalRoot,
    /// Tokens of devices
    DeviceToken,
    /// Nonces of proofs
    Nonce,
    /// Fingerprints of requests
    Fingerprint,
    /// Signatures of checkpoints
    Checkpoint,
    /// Sealed secrets in the database
    Seal,
}

impl KeyOfFile {
    const fn server(self) -> yaoki_server::edge::keys::KeyName {
        use yaoki_server::edge::keys::KeyName;
        match self {
            Self::Code => KeyName::Code,
            Self::TerminalRoot => KeyName::TerminalRoot,
            Self::DeviceToken => KeyName::DeviceToken,
            Self::Nonce => KeyName::Nonce,
            Self::Fingerprint => KeyName::Fingerprint,
            Self::Checkpoint => KeyName::Checkpoint,
            Self::Seal => KeyName::Seal,
        }
    }
}

/// Carries out one rotation.
pub(super) fn run(desk: &Desk<'_>, rotate: &Rotate) -> Result<(), Failure> {
    match rotate {
        Rotate::TerminalKey { terminal, keep_seconds } => desk.say(Order::RotateTerminalKey {
            terminal: terminal.clone(),
            keep_seconds: *keep_seconds,
        }),
        Rotate::CodeKey { keep_seconds } => {
            let lifetime = desk.settings.code_lifetime_seconds.get();
            desk.say(key(KeyOfFile::Code, keep_seconds.unwrap_or(lifetime)))
        }
        Rotate::Key { name, keep_seconds } => desk.say(key(*name, *keep_seconds)),
        Rotate::CodeSecrets { member: Some(member), .. } => {
            desk.say(Order::RotateCodeSecret { member: member.clone() })
        }
        Rotate::CodeSecrets { member: None, .. } => every_code_secret(desk),
    }
}

fn key(name: KeyOfFile, keep_seconds: i64) -> Order {
    Order::RotateKey { key: name.server().text().to_owned(), keep_seconds }
}

/// One order a member, in order of numbers. Broken off, it can be begun again: a secret that is
/// replaced twice is as new.
fn every_code_secret(desk: &Desk<'_>) -> Result<(), Failure> {
    let last = desk.door.read(&desk.settings.database, read::last_member_number)?;
    for number in 1..=last {
        let replaced = desk.order(Order::RotateCodeSecret { member: number.to_string() });
        replaced.map_err(|failure| {
            failure.after(format_args!("stopped at member {number} of {last}"))
        })?;
        if number % 10_000 == 0 {
            say::aside(format_args!("{number} of {last}"));
        }
    }
    let reply = serde_json::json!({ "done": "code_secrets_rotated", "members": last });
    let text = if desk.json { reply.to_string() } else { said(&reply) };
    say::line(text);
    Ok(())
}

fn said(reply: &Value) -> String {
    format!("The code secrets of {} members are new.", reply["members"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_key_file_can_be_rotated() {
        let here: Vec<_> = KeyOfFile::value_variants().iter().map(|name| name.server()).collect();
        assert_eq!(here, yaoki_server::edge::keys::KeyName::ALL);
    }
}
