//! Settings: one table, from which come the flags, the variables of the environment, the keys of
//! the file, the typed [`Settings`], and `docs/reference/settings.md`.
//!
//! | module   | what it is                                                     |
//! | -------- | -------------------------------------------------------------- |
//! | [`kind`] | the types of settings: how each is read, and what it may be    |
//! | [`flags`] | the table as arguments of commands                            |
//! | [`source`] | file < environment < flag, and who said what                 |
//! | [`page`] | the page of the reference                                      |

pub(crate) mod flags;
pub(crate) mod kind;
pub(crate) mod page;
pub(crate) mod source;

use std::net::SocketAddr;
use std::path::PathBuf;

use yaoki_core::money::Currency;
use yaoki_server::edge::proxies::Proxies;
use yaoki_server::jobs::messages::mail::{MailServer, Sender};
use yaoki_store::Database;

use self::kind::{
    Hosts, Kind, LinkOrigin, LogFormat, Number, Prefix, QrIdentifier, SmsAdapter, Witnesses,
    ZoneName,
};
use self::source::Values;
use crate::exit::Failure;

/// What a setting is about: which commands take it as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Where everything is: every command.
    Place,
    /// What a book is born with: `init`, `demo`.
    Birth,
    /// How a server runs: `serve`, `demo`, `doctor`.
    Serving,
}

impl Group {
    /// Every group.
    pub(crate) const ALL: [Self; 3] = [Self::Place, Self::Birth, Self::Serving];
}

/// One setting, as data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The key of the file; the flag has hyphens, the variable `YAOKI_` and capitals.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) group: Group,
    /// What stands for its value in help.
    pub(crate) value: &'static str,
    /// What it is when nobody says; `DIR` stands for the data folder.
    pub(crate) default: &'static str,
    /// What it does, in Markdown.
    pub(crate) doc: &'static str,
    /// What it may be.
    pub(crate) kind: fn() -> String,
    /// Whether it is a yes or no, and its flag needs no value.
    pub(crate) is_flag: bool,
    /// Whether it may be given several times.
    pub(crate) is_list: bool,
}

impl Setting {
    /// The flag without its two hyphens.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        variable_of(self.name)
    }
}

/// The variable of the environment that sets `name`.
pub(crate) fn variable_of(name: &str) -> String {
    format!("YAOKI_{}", name.to_uppercase())
}

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $group:ident $name:ident: $type:ty = $default:literal, $value:literal;
    )+) => {
        /// Every setting, read.
        #[derive(Clone, Debug)]
        pub(crate) struct Settings {
            $($(#[doc = $doc])+ pub(crate) $name: $type,)+
        }

        /// Every setting, in the order of the reference.
        pub(crate) const TABLE: &[Setting] = &[$(Setting {
            name: stringify!($name),
            group: Group::$group,
            value: $value,
            default: $default,
            doc: concat!($($doc),+),
            kind: <$type as Kind>::may_be,
            is_flag: <$type as Kind>::IS_FLAG,
            is_list: <$type as Kind>::IS_LIST,
        },)+];

        impl Settings {
            /// Reads every setting.
            ///
            /// # Errors
            /// The first that is not what it may be, with who set it.
            pub(crate) fn read(values: &Values) -> Result<Self, Failure> {
                Ok(Self { $($name: values.read(stringify!($name))?,)+ })
            }
        }
    };
}

settings! {
    /// The data folder: the SQLite file, the admin socket, the lock, the anchors and, unless said
    /// otherwise, the key file. `yaoki init` and `yaoki demo` make it, for its owner only.
    Place data: PathBuf = "data", "DIR";
    /// Where the book is kept: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`. A password
    /// belongs into the file or the environment, not on the command line, where everybody on the
    /// machine can read it.
    Place database: Database = "sqlite:DIR/yaoki.db", "URL";
    /// The key file: every secret that is not in the database. Mode 0600, never in a backup of the
    /// data, and the same on every node of a book. See [keys](keys.md).
    Place keys: PathBuf = "DIR/keys.json", "FILE";

    /// The zone of the operator, an IANA name: business dates end by it. The book keeps it for
    /// ever; afterwards this setting is only compared.
    Birth zone: ZoneName = "Asia/Tokyo", "ZONE";
    /// The currency, an ISO 4217 code. A book has one, for ever; afterwards this setting is only
    /// compared.
    Birth currency: Currency = "JPY", "CODE";

    /// The digits in front of every one-time code, 4 to 6 of them; registers route by them. One
    /// that overlaps an issuer that we know of (those of Japan begin with 9000 or 3158, those of
    /// China with 10 to 15 or 25 to 30) is refused. 9876 is used by none of them: good to try
    /// things out. To be accepted at the registers of others, obtain an issuer code of your own.
    /// Each digit more leaves one less against guessing.
    Serving code_prefix: Prefix = "9876", "DIGITS";
    /// How long a code can be paid with, seconds, in steps of 30.
    Serving code_lifetime_seconds: Number<30, 300> = "120", "SECONDS";

    /// Whose the codes that shops show are: a reversed domain of yours. It stands in every printed
    /// sign, so changing it makes those foreign.
    Serving qr_identifier: QrIdentifier = "jp.yaoki", "NAME";

    /// Where terminals are served.
    Serving registers: SocketAddr = "127.0.0.1:7701", "ADDRESS";
    /// What terminals call this server in `Host`. They sign that name, so a request that was signed
    /// for another server and brought here is refused. When not set, any name is taken.
    Serving register_host: Hosts = "", "NAMES";
    /// Where members' devices are served.
    Serving devices: SocketAddr = "127.0.0.1:7702", "ADDRESS";
    /// What members' devices call this server in `Host`. Their proofs are made for that name, so
    /// one that was made for another server is refused. When not set, any name is taken.
    Serving device_host: Hosts = "", "NAMES";
    /// Where everybody is served: the first page and the API document, and to peers on this machine
    /// also health and metrics.
    Serving public: SocketAddr = "127.0.0.1:7700", "ADDRESS";
    /// Where operators' browsers are served: the console. Better only to this machine or a network
    /// of the operator's.
    Serving console: SocketAddr = "127.0.0.1:7703", "ADDRESS";
    /// What operators' browsers call this server in `Host`; `yaoki admin console-link` makes its
    /// links with the first. Proofs are made for that name, so one that was made for another server
    /// is refused. When not set, any name is taken, and links name the address.
    Serving console_host: Hosts = "", "NAMES";
    /// The certificate chain of all listeners, PEM, the server's own certificate first. Read again
    /// when the file changes. Without it only loopback is listened on.
    Serving tls_cert: Option<PathBuf> = "", "FILE";
    /// The private key to `tls_cert`, PEM.
    Serving tls_key: Option<PathBuf> = "", "FILE";
    /// The proxies that end TLS in front of all listeners, as addresses or networks. Plain HTTP is
    /// then listened for on any address, and taken from these and from this machine only. Several:
    /// the flag again, a list in the file, spaces in the environment.
    Serving proxies: Proxies = "", "NETWORK";
    /// Health and metrics are served to everybody on the public listener, not only to this machine.
    Serving operations_for_all: bool = "false", "BOOL";

    /// Passwords that leaked, which nobody may have: a filter that `yaoki admin leaked-passwords
    /// build` makes of a list. Common passwords are refused without it. The server does not start
    /// with one that is damaged, and reads a new one when it starts.
    Serving leaked_passwords: Option<PathBuf> = "", "FILE";

    /// How long a call may take, milliseconds. Past it the answer is `unknown`, and a request that
    /// still waits in line is never run.
    Serving deadline_ms: Number<100, 60_000> = "5000", "MS";
    /// How long a hold lasts when the register does not say, seconds.
    Serving hold_seconds: Number<60, 2_592_000> = "604800", "SECONDS";
    /// The most requests of one terminal under way.
    Serving in_flight_per_terminal_max: Number<1, 4_096> = "32", "COUNT";
    /// The most connections of the listener `registers`.
    Serving registers_connections_max: Number<1, 1_000_000> = "8192", "COUNT";
    /// The most connections of the listener `devices`.
    Serving devices_connections_max: Number<1, 1_000_000> = "8192", "COUNT";
    /// The most connections of the listener `public`.
    Serving public_connections_max: Number<1, 1_000_000> = "1024", "COUNT";
    /// The most connections of the listener `console`.
    Serving console_connections_max: Number<1, 1_000_000> = "256", "COUNT";
    /// How long requests that are under way may take at shutdown, seconds.
    Serving drain_seconds: Number<0, 300> = "10", "SECONDS";

    /// This node's name, unique among the nodes of a book; it takes back the lanes that carry it.
    /// The machine's name when not set.
    Serving node: Option<String> = "", "NAME";
    /// Lanes of this node on PostgreSQL, each a writer of its own; SQLite has one.
    Serving lanes: Number<1, 64> = "4", "COUNT";
    /// Threads that read. One is kept for registers, one for devices, one for the console and one
    /// for readiness; the rest are for whichever of the first two needs them.
    Serving readers: Number<4, 64> = "5", "COUNT";
    /// Start on a PostgreSQL that can lose acknowledged payments (`fsync` off, weak
    /// `synchronous_commit`, standbys that are not synchronous). Whoever sets this decides that.
    Serving accept_losing_payments_on_failover: bool = "false", "BOOL";

    /// Where each checkpoint is anchored, one JSON line each. Keep it, or a copy of it, where
    /// whoever can write the database cannot: `yaoki verify --anchor` finds a rewritten ledger by
    /// it.
    Serving anchor_file: PathBuf = "DIR/anchors.jsonl", "FILE";
    /// A witness: a server of others that keeps our anchors, `https`, or `http` on this machine.
    /// Each line of the anchor file is posted to it as JSON, and posted again until it is
    /// acknowledged; nothing waits for it. Several: the flag again, a list in the file, spaces in
    /// the environment.
    Serving witness: Witnesses = "", "URL";
    /// Webhooks may go to this machine, `http://127.0.0.1` included: to try them out. A live book
    /// refuses that.
    Serving webhook_loopback: bool = "false", "BOOL";
    /// Who sends messages, as people know you: it stands in every mail and SMS.
    Serving sender_name: String = "Yaoki", "NAME";
    /// What links in messages begin with: the place where browsers reach the member's page, such as
    /// `https://wallet.example.jp`. Needed where mail or SMS go out; when not set, the listener
    /// `devices` as this machine reaches it. Never taken from a request.
    Serving link_origin: Option<LinkOrigin> = "", "URL";
    /// The file that names the providers of external ids, TOML: `docs/guides/external-id.md` says
    /// how. Without it there are none.
    Serving openid: Option<PathBuf> = "", "FILE";
    /// The file that names the acquirer of cards, TOML: `docs/guides/cards.md` says how. Without it
    /// no card is taken; `yaoki demo` has one of its own.
    Serving acquirer: Option<PathBuf> = "", "FILE";
    /// The name that passkeys are made for: a domain, the wallet page's own or one above it. When
    /// not set, the host of `link_origin`. Changed, every passkey is lost.
    Serving passkey_name: Option<String> = "", "DOMAIN";
    /// The version of the terms and notices that members agree to. Raise it when they change:
    /// everybody is asked again.
    Serving terms_version: Number<1, 1_000_000> = "1", "NUMBER";
    /// The mail server that takes our mail. Without it mail is given up, or shown in the mailbox.
    Serving smtp: Option<MailServer> = "", "URL";
    /// From whom mail is. Needed with `smtp`.
    Serving mail_from: Option<Sender> = "", "ADDRESS";
    /// Who we are to the mail server; with `smtp_password`.
    Serving smtp_user: Option<String> = "", "NAME";
    /// The file with the password for the mail server, on its first line.
    Serving smtp_password: Option<PathBuf> = "", "FILE";
    /// The authority that the mail server's certificate is by, PEM, where it is none of the usual
    /// ones.
    Serving smtp_authority: Option<PathBuf> = "", "FILE";
    /// The SMS adapter: a program of yours that is posted each SMS; `docs/guides/messages.md` says
    /// how. Without it SMS are given up, or shown in the mailbox.
    Serving sms: Option<SmsAdapter> = "", "URL";
    /// The file with the secret that signs what the SMS adapter is posted: `whsec_` and the base64
    /// of 32 random bytes, on its first line. Needed with `sms`.
    Serving sms_secret: Option<PathBuf> = "", "FILE";
    /// The most mails in a day that strangers can cause, such as sign-up codes.
    Serving mail_strangers_per_day: Number<0, 10_000_000> = "5000", "COUNT";
    /// The most mails in a day that members are told something by.
    Serving mail_members_per_day: Number<1, 100_000_000> = "50000", "COUNT";
    /// The most SMS in a day that strangers can cause. Each costs money, and some people earn by
    /// what they make others send.
    Serving sms_strangers_per_day: Number<0, 10_000_000> = "500", "COUNT";
    /// The most of them to numbers of one country and area.
    Serving sms_strangers_per_prefix_per_day: Number<0, 10_000_000> = "100", "COUNT";
    /// The most SMS in a day that members are told something by.
    Serving sms_members_per_day: Number<1, 100_000_000> = "5000", "COUNT";
    /// A page, `/mailbox` on the listener `public`, shows the newest messages to everybody, codes
    /// included, and stands in for a mail server or SMS adapter that is not set. `yaoki demo` has
    /// it always; a live book refuses it.
    Serving mailbox: bool = "false", "BOOL";
    /// Pause between checkpoints, seconds.
    Serving checkpoint_seconds: Number<1, 3_600> = "60", "SECONDS";
    /// Pause between sweeps for holds whose time is over, seconds.
    Serving sweep_seconds: Number<1, 3_600> = "5", "SECONDS";

    /// The form of the log on standard error: `text` for people, `json` for machines.
    Serving log_format: LogFormat = "text", "FORMAT";
    /// What is logged: a level (`error`, `warn`, `info`, `debug`), or levels by module, as
    /// `info,yaoki_store=debug`.
    Serving log: String = "info", "FILTER";
}

impl Settings {
    /// This node's name.
    pub(crate) fn node_name(&self) -> String {
        self.node.clone().unwrap_or_else(crate::outside::host_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_what_its_setting_may_be() {
        let settings = Settings::read(&Values::default()).expect("the defaults can be read");
        assert_eq!(settings.database.to_string(), "sqlite:data/yaoki.db");
        assert_eq!(settings.keys, PathBuf::from("data/keys.json"));
        assert_eq!(settings.code_lifetime_seconds.get(), 120);
        assert_eq!(settings.tls_cert, None);
    }

    #[test]
    fn every_setting_says_what_it_does_and_has_a_name_of_its_own() {
        for (place, setting) in TABLE.iter().enumerate() {
            assert!(setting.doc.trim().ends_with('.'), "{}", setting.name);
            assert!(!(setting.kind)().is_empty());
            let same = TABLE.iter().position(|other| other.name == setting.name);
            assert_eq!(same, Some(place), "{} is there twice", setting.name);
        }
    }
}
