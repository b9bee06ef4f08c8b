//! How a server is opened. Where these come from (file, environment, flags) is the binary's
//! business.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use yaoki_core::code::CodeRules;
use yaoki_store::{Book, Clock};

use crate::app::{Entropy, Limits};
use crate::edge::listener::{ListenerName, ListenerOptions};
use crate::edge::sign;
use crate::identity::openid::ProviderOptions;
use crate::jobs::checkpoint;
use crate::jobs::messages::MessageOptions;
use crate::jobs::webhooks::{self, CourierOptions};
use crate::jobs::witness::{self, WitnessUrl};
use crate::rails::options::AcquirerOptions;

/// How a server is opened.
#[derive(Clone)]
pub struct ServerOptions {
    /// The open book; closed by whoever opened it, after the server.
    pub book: Arc<Book>,
    /// The settings of the one-time code, the same as the book was opened with.
    pub code: CodeRules,
    /// Where the keys are kept.
    pub key_file: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub entropy: Entropy,
    /// Terminals.
    pub registers: ListenerOptions,
    /// What terminals call this server in `Host`, with the port where they send one; none:
    /// anything.
    pub register_hosts: Vec<String>,
    /// What devices call it; none: anything.
    pub device_hosts: Vec<String>,
    /// Members' devices.
    pub devices: ListenerOptions,
    /// What operators' browsers call it; none: anything.
    pub console_hosts: Vec<String>,
    /// Operators' browsers.
    pub console: ListenerOptions,
    /// Everybody.
    pub public: ListenerOptions,
    /// Whose template the codes of shops are: a reversed domain, at most
    /// [`sign::IDENTIFIER_CHARACTERS_MAX`] characters. A printed sign has it in it.
    pub qr_identifier: String,
    /// Passwords that nobody may have, beside the common ones; none: only those. A filter that
    /// cannot be read keeps the server from starting.
    pub leaked_passwords: Option<PathBuf>,
    /// Health and metrics for everybody, not only for peers on this machine.
    pub operations_for_all: bool,
    /// Reader threads of the book.
    pub readers: usize,
    /// The limits of requests.
    pub limits: Limits,
    /// Where operators on this machine are heard; none: nowhere.
    pub admin_socket: Option<PathBuf>,
    /// The certificate of a demo's own authority, DER, for phones to take; none: it has none. For
    /// demo books only.
    pub demo_authority: Option<Vec<u8>>,
    /// Where checkpoints are anchored; none: they are only booked.
    pub anchor_file: Option<PathBuf>,
    /// Where each line of the anchor file is sent; needs an anchor file.
    pub witnesses: Vec<WitnessUrl>,
    /// Pause between turns of a witness.
    pub witness_pause: Duration,
    /// The name that passkeys are made for; none: the host of the wallet page. It can never change
    /// without losing every passkey.
    pub passkey_name: Option<String>,
    /// The present version of terms and notices; a new one is agreed to by everybody.
    pub terms: i64,
    /// Providers of external ids.
    pub openid: Vec<ProviderOptions>,
    /// How merchants are told of events.
    pub webhooks: CourierOptions,
    /// Whom cards are charged by; none: no card is taken.
    pub acquirer: Option<AcquirerOptions>,
    /// Pause between turns of who asks about open top-ups.
    pub top_up_pause: Duration,
    /// Pause between turns of the courier of webhooks.
    pub webhook_pause: Duration,
    /// How members and operators are told of events.
    pub messages: MessageOptions,
    /// Pause between checkpoints.
    pub checkpoint_pause: Duration,
    /// Pause between sweeps for holds that are over.
    pub sweep_pause: Duration,
    /// How long requests that are under way may take at shutdown.
    pub drain: Duration,
}

impl ServerOptions {
    /// The usual options, each listener on loopback at a port that the system chooses.
    pub fn new(
        book: Arc<Book>,
        code: CodeRules,
        key_file: PathBuf,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            book,
            code,
            key_file,
            clock,
            entropy,
            registers: ListenerOptions::new(ListenerName::Registers, loopback),
            register_hosts: Vec::new(),
            device_hosts: Vec::new(),
            devices: ListenerOptions::new(ListenerName::Devices, loopback),
            console_hosts: Vec::new(),
            console: ListenerOptions::new(ListenerName::Console, loopback),
            public: ListenerOptions::new(ListenerName::Public, loopback),
            qr_identifier: sign::IDENTIFIER_USUAL.to_owned(),
            operations_for_all: false,
            readers: 5,
            limits: Limits::default(),
            admin_socket: None,
            demo_authority: None,
            anchor_file: None,
            witnesses: Vec::new(),
            witness_pause: witness::PAUSE,
            passkey_name: None,
            terms: 1,
            leaked_passwords: None,
            openid: Vec::new(),
            webhooks: CourierOptions::default(),
            acquirer: None,
            top_up_pause: Duration::from_secs(5),
            webhook_pause: webhooks::PAUSE,
            messages: MessageOptions::default(),
            checkpoint_pause: crate::edge::deadline::milliseconds(checkpoint::EVERY_MS),
            sweep_pause: Duration::from_secs(5),
            drain: Duration::from_secs(10),
        }
    }

    /// The options of one listener.
    pub const fn listener(&self, name: ListenerName) -> &ListenerOptions {
        match name {
            ListenerName::Registers => &self.registers,
            ListenerName::Devices => &self.devices,
            ListenerName::Public => &self.public,
            ListenerName::Console => &self.console,
        }
    }
}
