//! The data folder, the disk, the listeners, and whether a server runs.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use yaoki_server::admin::{By, Message, Order};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::edge::tls::Certificates;
use yaoki_store::Database;

use super::Findings;
use crate::door::Door;
use crate::folder::DataFolder;
use crate::open;
use crate::settings::Settings;

/// The longest path of a Unix socket, bytes (Linux: 108 with the closing zero).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Free space below which a server soon stops, and below which somebody should look, bytes.
const FREE_BYTES_MIN: u64 = 512 << 20;
const FREE_BYTES_LOOK: u64 = 5 << 30;

/// Looks; whether a server runs.
pub(super) fn look(settings: &Settings, findings: &mut Findings) -> bool {
    let runs = folder(settings, findings);
    disk(settings, findings);
    tls(settings, findings);
    for name in ListenerName::ALL {
        listener(settings, name, runs, findings);
    }
    runs
}

/// The data folder; whether a server works in it.
fn folder(settings: &Settings, findings: &mut Findings) -> bool {
    let path = &settings.data;
    let folder = match DataFolder::existing(path) {
        Ok(folder) => folder,
        Err(failure) => {
            findings.bad("folder", failure, "run `yaoki init --kind demo|staging|live`");
            return false;
        }
    };
    match path.metadata().map(|found| found.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o022 != 0 => findings.bad(
            "folder",
            format_args!("others can write into {} (mode {mode:04o})", path.display()),
            format_args!("run `chmod 700 {}`", path.display()),
        ),
        Ok(mode) if mode & 0o055 != 0 && matches!(settings.database, Database::Sqlite(_)) => {
            findings.look(
                "folder",
                format_args!("others can look into {} (mode {mode:04o})", path.display()),
                format_args!("run `chmod 700 {}`: the ledger is in it", path.display()),
            );
        }
        Ok(_) => findings.good("folder", path.display()),
        Err(error) => findings.bad("folder", error, "check its owner"),
    }
    let socket = folder.socket();
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        findings.bad(
            "folder",
            format_args!("the path of the admin socket is too long: {}", socket.display()),
            format_args!(
                "choose a data folder so that it has at most {SOCKET_PATH_BYTES_MAX} bytes"
            ),
        );
    }
    server(&folder, findings)
}

fn server(folder: &DataFolder, findings: &mut Findings) -> bool {
    match folder.try_lock() {
        Ok(Some(_)) => {
            findings.good("server", "none runs over this folder");
            return false;
        }
        Ok(None) => {}
        Err(failure) => {
            findings.bad("server", failure, "check the folder's owner");
            return false;
        }
    }
    let holder = folder.holder();
    let status = Message { by: By::default(), order: Order::Status };
    match Door::Server(folder.socket()).order(&status) {
        Ok(status) if status["storage_ok"] == true => {
            findings.good("server", format_args!("runs{holder}, {} queued", status["queued"]));
        }
        Ok(_) => findings.bad(
            "server",
            format_args!("runs{holder}, but its storage has failed"),
            "read its log; it ends by itself, and is started again once the storage is mended",
        ),
        Err(failure) => findings.bad("server", failure, "look at its log"),
    }
    true
}

fn disk(settings: &Settings, findings: &mut Findings) {
    let place = match &settings.database {
        Database::Sqlite(path) => path.parent().filter(|path| !path.as_os_str().is_empty()),
        Database::Postgres(_) => Some(settings.data.as_path()),
    };
    let place = place.unwrap_or(Path::new("."));
    let found = match rustix::fs::statvfs(place) {
        Ok(found) => found,
        Err(error) => {
            let text = format!("what is free in {} cannot be told: {error}", place.display());
            return findings.bad("disk", text, "check that the folder is there, and its owner");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} MB free in {}", free >> 20, place.display());
    let cure = "make room: a full disk stops the server, and nothing is lost";
    match free {
        0..FREE_BYTES_MIN => findings.bad("disk", text, cure),
        FREE_BYTES_MIN..FREE_BYTES_LOOK => findings.look("disk", text, cure),
        _ => findings.good("disk", text),
    }
}

fn tls(settings: &Settings, findings: &mut Findings) {
    match open::tls_files(settings) {
        Err(failure) => findings.bad("tls", failure, "give both, or neither"),
        Ok(None) => {}
        Ok(Some(files)) => match Certificates::load(&files) {
            Ok(_) => findings.good("tls", format_args!("{}", files.certificates.display())),
            Err(error) => findings.bad("tls", error, "bring a chain and its key, both PEM"),
        },
    }
}

fn listener(settings: &Settings, name: ListenerName, runs: bool, findings: &mut Findings) {
    let address = open::address(settings, name);
    let secure = settings.tls_cert.is_some() || settings.proxies.are_there();
    if !secure && !address.ip().is_loopback() {
        return findings.bad(
            "listener",
            format_args!("{} at {address} would be plain HTTP beyond this machine", name.text()),
            "give tls_cert and tls_key, or list in proxies those that end TLS in front",
        );
    }
    let text = format!("{} at {address}", name.text());
    match TcpListener::bind(address) {
        Ok(_) => findings.good("listener", text),
        Err(_) if runs => findings.good("listener", format_args!("{text}, in use by the server")),
        Err(error) => findings.bad(
            "listener",
            format_args!("{text} cannot be opened: {error}"),
            format_args!("end what listens there, or choose another with --{}", name.text()),
        ),
    }
}
