//! Opening a book as the settings say, and saying why where that cannot be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use yaoki_core::code::CodeRules;
use yaoki_server::ServerOptions;
use yaoki_server::admin::Desk;
use yaoki_server::edge::keys::KeyFile;
use yaoki_server::edge::listener::{ListenerName, ListenerOptions, TlsFiles};
use yaoki_store::conn::Purpose;
use yaoki_store::migrate::schema_version;
use yaoki_store::table::Book as BookRow;
use yaoki_store::{Book, BookKind, BookOptions, Conn, Database, StoreError};

use crate::exit::Failure;
use crate::folder::DataFolder;
use crate::outside;
use crate::settings::Settings;

/// A connection to a book that is there.
///
/// # Errors
/// When there is none, or the storage cannot be reached.
pub(crate) fn connect(database: &Database, purpose: Purpose) -> Result<Conn, Failure> {
    file_must_exist(database)?;
    Ok(Conn::open(database, purpose)?)
}

/// Opening an SQLite file that is not there would make an empty one.
pub(crate) fn file_must_exist(database: &Database) -> Result<(), Failure> {
    match database {
        Database::Sqlite(path) if !path.is_file() => Err(Failure::fault(format!(
            "there is no book at {}: make one with `yaoki init`, or give its place with --data or \
             --database",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The row that says what the book is for.
///
/// # Errors
/// When there is no book, or the storage cannot be reached.
pub(crate) fn book_row(database: &Database) -> Result<BookRow, Failure> {
    let mut conn = connect(database, Purpose::Admin)?;
    if schema_version(&mut conn)? == 0 {
        return Err(StoreError::BookMissing.into());
    }
    Ok(BookRow::load(&mut conn)?)
}

/// The settings of the one-time code.
///
/// # Errors
/// When they are out of range.
pub(crate) fn code_rules(settings: &Settings) -> Result<CodeRules, Failure> {
    CodeRules::new(&settings.code_prefix.0, settings.code_lifetime_seconds.get())
        .map_err(Failure::usage)
}

/// Opens the book for a node of this name with so many lanes. Nothing is changed before key file,
/// settings and book are known to fit.
///
/// # Errors
/// When something does not fit, or the storage cannot be reached.
pub(crate) fn book(settings: &Settings, node: &str, lanes: usize) -> Result<Arc<Book>, Failure> {
    let keys = KeyFile::load(&settings.keys)?;
    let row = book_row(&settings.database)?;
    keys_must_fit(&keys, &row)?;
    let zone = outside::zone(&row.zone)?;
    let code = code_rules(settings)?;
    let mut options = BookOptions::new(settings.database.clone(), code, outside::clock(), zone);
    node.clone_into(&mut options.node);
    options.lanes = lanes;
    options.readers = settings.readers.count();
    options.accept_losing_payments = settings.accept_losing_payments_on_failover;
    Ok(Book::open(options)?)
}

/// A restore gives the book a newer code key, so that nothing issued before is payable.
///
/// # Errors
/// When the key file is of before a restore.
pub(crate) fn keys_must_fit(keys: &KeyFile, row: &BookRow) -> Result<(), Failure> {
    let (file, book) = (keys.code.generation, row.code_generation);
    if i64::from(file) < book {
        return Err(Failure::fault(format!(
            "the key file must be at least as new as the book: its code key is of generation \
             {file}, \
             the book was restored with generation {book}. Bring the newer key file"
        )));
    }
    Ok(())
}

/// What operators' orders are carried out with, in this process.
pub(crate) fn desk(settings: &Settings, book: &Arc<Book>) -> Desk {
    Desk {
        book: Arc::clone(book),
        key_file: settings.keys.clone(),
        clock: outside::clock(),
        entropy: outside::entropy(),
        server: None,
    }
}

/// The name under which commands work on the book while no server runs. Always the same on a
/// machine, so that a command that was killed leaves no lane behind.
pub(crate) fn command_node(settings: &Settings) -> String {
    format!("admin@{}", settings.node_name())
}

/// How the server of an open book runs.
///
/// # Errors
/// When certificate and key are not given together, or something is for play and the book is not.
pub(crate) fn server_options(
    settings: &Settings,
    folder: &DataFolder,
    book: &Arc<Book>,
) -> Result<ServerOptions, Failure> {
    let mut options = ServerOptions::new(
        Arc::clone(book),
        code_rules(settings)?,
        settings.keys.clone(),
        outside::clock(),
        outside::entropy(),
    );
    let tls = tls_files(settings)?;
    let listener = |name: ListenerName| {
        let mut options = ListenerOptions::new(name, address(settings, name));
        options.tls.clone_from(&tls);
        options.proxies.clone_from(&settings.proxies);
        options.connections_max = match name {
            ListenerName::Registers => settings.registers_connections_max.count(),
            ListenerName::Devices => settings.devices_connections_max.count(),
            ListenerName::Public => settings.public_connections_max.count(),
            ListenerName::Console => settings.console_connections_max.count(),
        };
        options
    };
    options.registers = listener(ListenerName::Registers);
    options.register_hosts.clone_from(&settings.register_host.0);
    options.device_hosts.clone_from(&settings.device_host.0);
    options.devices = listener(ListenerName::Devices);
    options.public = listener(ListenerName::Public);
    options.qr_identifier.clone_from(&settings.qr_identifier.0);
    options.console_hosts.clone_from(&settings.console_host.0);
    options.console = listener(ListenerName::Console);
    options.operations_for_all = settings.operations_for_all;
    options.leaked_passwords.clone_from(&settings.leaked_passwords);
    options.readers = settings.readers.count();
    options.limits.deadline_ms = settings.deadline_ms.get();
    options.limits.hold_seconds = settings.hold_seconds.get();
    options.limits.in_flight_per_terminal_max = settings.in_flight_per_terminal_max.count();
    options.admin_socket = Some(folder.socket());
    options.anchor_file = Some(settings.anchor_file.clone());
    options.witnesses.clone_from(&settings.witness.0);
    if settings.webhook_loopback {
        must_not_be_live(book.kind(), "webhook_loopback")?;
    }
    options.webhooks.loopback = settings.webhook_loopback;
    options.messages = crate::messages::options(settings, book.kind())?;
    options.openid = crate::openid::providers(settings.openid.as_deref())?;
    options.acquirer = crate::acquirer::acquirer(settings.acquirer.as_deref())?;
    options.passkey_name.clone_from(&settings.passkey_name);
    options.terms = settings.terms_version.get();
    options.checkpoint_pause = seconds(settings.checkpoint_seconds.get());
    options.sweep_pause = seconds(settings.sweep_seconds.get());
    options.drain = seconds(settings.drain_seconds.get());
    Ok(options)
}

/// Where a listener is, by the settings.
pub(crate) const fn address(settings: &Settings, name: ListenerName) -> SocketAddr {
    match name {
        ListenerName::Registers => settings.registers,
        ListenerName::Devices => settings.devices,
        ListenerName::Public => settings.public,
        ListenerName::Console => settings.console,
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).expect("settings of time are not negative"))
}

/// Certificate and key, where HTTPS is served.
///
/// # Errors
/// When only one of them is given.
pub(crate) fn tls_files(settings: &Settings) -> Result<Option<TlsFiles>, Failure> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(certificates), Some(key)) => {
            Ok(Some(TlsFiles { certificates: certificates.clone(), key: key.clone() }))
        }
        _ => Err(Failure::usage("tls_cert and tls_key must be given together")),
    }
}

/// Some parts are for play: they refuse a book of real money.
///
/// # Errors
/// When the book is live.
pub(crate) fn must_not_be_live(kind: BookKind, what: &str) -> Result<(), Failure> {
    if kind == BookKind::Live {
        return Err(Failure::bad(format!(
            "{what} is refused on a live book; what a book is for is said once, when it is made"
        )));
    }
    Ok(())
}
