//! Keys, codes, and the book: reachable, migrated, durable, on time.

use std::io::ErrorKind;

use yaoki_core::time::Instant;
use yaoki_server::edge::keys::{KeyFile, KeyFileError};
use yaoki_store::clock::{self, CLOCK_SKEW_MS_MAX};
use yaoki_store::conn::Purpose;
use yaoki_store::migrate::{MIGRATIONS, check_number, schema_version};
use yaoki_store::table::Book as BookRow;
use yaoki_store::verify::anchor::parse_file;
use yaoki_store::{BookKind, Conn, StoreError, read};

use super::Findings;
use crate::acquirer::acquirer;
use crate::open;
use crate::outside::{self, time_text};
use crate::settings::Settings;

/// For so many members at the least a code must be strong enough.
const MEMBERS_MIN: i64 = 10_000_000;
/// Anchors older than this are said while a server should write them, milliseconds.
const ANCHOR_AGE_MS: i64 = 10 * 60 * 1000;

pub(super) fn look(settings: &Settings, runs: bool, findings: &mut Findings) {
    let keys = keys(settings, findings);
    let mut members = 0;
    if let Some(mut conn) = database(settings, findings) {
        members = members_of(&mut conn, findings);
        durability(&mut conn, findings);
        check_clock(&mut conn, findings);
        if let Some(row) = row(settings, &mut conn, findings) {
            fits(keys.as_ref(), &row, findings);
            hosts(settings, row.kind, findings);
            cards(settings, row.kind, findings);
        }
    }
    codes(settings, keys.as_ref(), members, findings);
    anchors(settings, runs, findings);
}

/// So many members there are; 0 where that cannot be read.
fn members_of(conn: &mut Conn, findings: &mut Findings) -> i64 {
    read::last_member_number(conn).unwrap_or_else(|error| {
        findings.bad("members", error, "run `yaoki verify`");
        0
    })
}

fn keys(settings: &Settings, findings: &mut Findings) -> Option<KeyFile> {
    match KeyFile::load(&settings.keys) {
        Ok(keys) => {
            findings.good("keys", settings.keys.display());
            Some(keys)
        }
        Err(error) => {
            let cure = cure_of(&error, settings);
            findings.bad("keys", error, cure);
            None
        }
    }
}

/// What mends a key file that does not load.
fn cure_of(error: &KeyFileError, settings: &Settings) -> String {
    let path = settings.keys.display();
    match error {
        KeyFileError::ReadableByOthers { .. } => {
            format!("run `chmod 600 {path}`, and rotate the keys if others were on this machine")
        }
        KeyFileError::Open { source, .. } if source.kind() == ErrorKind::NotFound => {
            "where there is no book yet `yaoki init` makes one; a lost one comes from its copy only"
                .to_owned()
        }
        KeyFileError::Open { .. } | KeyFileError::Read { .. } => {
            format!(
                "give {path} to the user who runs `yaoki`, with `chown`, and look at its folder"
            )
        }
        KeyFileError::NotRegular { .. } | KeyFileError::TooLarge { .. } => {
            "name the key file with --keys".to_owned()
        }
        _ => format!("bring {path} back from its copy"),
    }
}

fn codes(settings: &Settings, keys: Option<&KeyFile>, members: i64, findings: &mut Findings) {
    let now = outside::now();
    let rotating = keys.is_some_and(|keys| keys.code.accepted(now.0).count() > 1);
    let rules = match open::code_rules(settings) {
        Ok(rules) => rules,
        Err(failure) => return findings.bad("codes", failure, "change code_prefix"),
    };
    let devices = members.max(MEMBERS_MIN);
    let text = format!(
        "prefix {}, {} s, for {devices} paying devices{}",
        rules.prefix(),
        rules.lifetime_ms() / 1000,
        if rotating { ", while an older key still pays" } else { "" }
    );
    match rules.check_strength(devices, rotating) {
        Ok(()) => findings.good("codes", text),
        Err(error) => findings.bad("codes", format_args!("{text}: {error}"), "see settings.md"),
    }
}

/// A connection to the database, where it is there and migrated.
fn database(settings: &Settings, findings: &mut Findings) -> Option<Conn> {
    let database = &settings.database;
    let reached = open::connect(database, Purpose::Admin);
    let version = reached.and_then(|mut conn| Ok((schema_version(&mut conn)?, conn)));
    let (found, conn) = match version {
        Ok(found) => found,
        Err(failure) => {
            let cure = "check --database, and that the server runs and lets us in";
            findings.bad("database", failure, cure);
            return None;
        }
    };
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if found == known {
        findings.good("database", format_args!("{database}, schema {found}"));
        return Some(conn);
    }
    if check_number(found).is_ok() {
        let text = format!("{database} is at schema {found}, this release brings {known}");
        findings.look("database", text, "run `yaoki migrate` when every node has this release");
        return Some(conn);
    }
    let text = format!("{database} is at schema {found}, this release needs {known}");
    let cure = match found {
        0 => "run `yaoki init --kind demo|staging|live`",
        found if found < known => "run `yaoki migrate`",
        _ => "run a newer release",
    };
    findings.bad("database", text, cure);
    None
}

fn row(settings: &Settings, conn: &mut Conn, findings: &mut Findings) -> Option<BookRow> {
    let row = match BookRow::load(conn) {
        Ok(row) => row,
        Err(error) => {
            let cure = match error {
                StoreError::BookMissing => "run `yaoki init --kind demo|staging|live`",
                _ => "run `yaoki verify`",
            };
            findings.bad("book", error, cure);
            return None;
        }
    };
    let (currency, zone) = (row.currency.as_str(), &row.zone);
    findings.good("book", format_args!("{}, {currency}, {zone}", row.kind));
    if outside::zone(zone).is_err() {
        let text = format!("this release knows no zone {zone}");
        findings.bad("book", text, "run a release that knows it");
    }
    if row.closed != 0 {
        findings.look("book", "it was restored and is closed", "two people open it");
    }
    let wanted = (settings.currency.as_str(), &settings.zone.0);
    if wanted != (currency, zone) {
        let text = format!("settings say {} and {}", wanted.0, wanted.1);
        findings.look("book", text, "the book's own hold, for ever: mend the settings");
    }
    Some(row)
}

fn fits(keys: Option<&KeyFile>, row: &BookRow, findings: &mut Findings) {
    if let Some(Err(failure)) = keys.map(|keys| open::keys_must_fit(keys, row)) {
        findings.bad("keys", failure, "bring the key file that `yaoki restore` wrote");
    }
}

/// What registers and devices sign is meant for one server; only we can say whether that is us.
fn hosts(settings: &Settings, kind: BookKind, findings: &mut Findings) {
    let callers = [
        ("registers", "register_host", &settings.register_host),
        ("devices", "device_host", &settings.device_host),
    ];
    for (who, setting, hosts) in callers {
        match &hosts.0[..] {
            [] if kind == BookKind::Live => findings.look(
                "hosts",
                format_args!(
                    "{who} may call this server by any name, also one that is somebody else's"
                ),
                format_args!("set {setting} to the name that {who} connect to"),
            ),
            [] => findings.good("hosts", format_args!("{who} may call this server by any name")),
            names => findings.good("hosts", format_args!("{who} call it {}", names.join(", "))),
        }
    }
}

/// Who takes cards, and whether this book may have him.
fn cards(settings: &Settings, kind: BookKind, findings: &mut Findings) {
    let guide = "see docs/guides/cards.md";
    match acquirer(settings.acquirer.as_deref()) {
        Ok(None) => findings.good("cards", "no acquirer: members top up with cash"),
        Err(failure) => findings.bad("cards", failure, guide),
        Ok(Some(options)) if kind == BookKind::Live && options.is_for_play() => {
            findings.bad("cards", "the acquirer takes no real card, and the book is live", guide);
        }
        Ok(Some(options)) => findings.good("cards", format_args!("by {options:?}")),
    }
}

fn durability(conn: &mut Conn, findings: &mut Findings) {
    match conn.check_durability() {
        Ok(()) => findings.good("durable", "an acknowledged payment is on disk"),
        Err(error) => findings.bad("durable", error, "see docs/guides/postgresql.md"),
    }
}

/// The clock against the database's and the ledger: the time of every lane was written by a clock
/// like ours.
fn check_clock(conn: &mut Conn, findings: &mut Findings) {
    if let Err(error) = clock::check(conn, &outside::clock()) {
        return findings.bad("clock", error, "set the clocks by NTP; no node writes so far off");
    }
    let lanes = match read::lanes(conn) {
        Ok(lanes) => lanes,
        Err(error) => return findings.bad("clock", error, "run `yaoki verify`"),
    };
    let now = outside::now();
    let booked = lanes.iter().map(|lane| lane.last_at).max().unwrap_or(Instant(0));
    let behind = booked.0 - now.0;
    if behind > CLOCK_SKEW_MS_MAX {
        let text = format!("{behind} ms behind what is booked already");
        findings.bad("clock", text, "set the clock by NTP; no node is ready so far off");
    } else {
        findings.good("clock", time_text(now));
    }
}

fn anchors(settings: &Settings, runs: bool, findings: &mut Findings) {
    let path = &settings.anchor_file;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return findings.good("anchors", format_args!("none yet in {}", path.display()));
        }
        Err(error) => {
            let text = format!("{} cannot be read: {error}", path.display());
            return findings.bad("anchors", text, "check its owner, or bring it from its copy");
        }
    };
    match parse_file(&text) {
        Err(error) => findings.bad("anchors", error, "bring the file back from its copy"),
        Ok(anchors) => {
            let last = anchors.last().map_or(Instant(0), |anchor| anchor.at);
            let late = outside::now().0 - last.0 > ANCHOR_AGE_MS;
            let text =
                format!("{} in {}, the last of {}", anchors.len(), path.display(), time_text(last));
            if runs && late {
                let cure = "the server should write one a minute: read its log";
                findings.look("anchors", text, cure);
            } else {
                findings.good("anchors", text);
            }
        }
    }
}
