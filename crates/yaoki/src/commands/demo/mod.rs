//! `yaoki demo`: a book to play with, and the server over it.
//!
//! | module      | what it is                                                           |
//! | ----------- | -------------------------------------------------------------------- |
//! | [`seed`]    | shops and members, made once however often the demo is started       |
//! | `guide`     | what is printed: how to go on from here                              |
//! | `reach`     | `--host` and `--tls`: a demo that phones reach                       |
//! | `authority` | the demo's own certificate authority                                 |
//! | `self_test` | the whole path through HTTP, on a book of its own                    |

mod authority;
mod guide;
mod reach;
pub(crate) mod seed;
mod self_test;
mod steps;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::rails::demo::{DemoAcquirer, DemoOptions};
use yaoki_store::{BookKind, Database, StoreError};

use crate::commands::{init, serve};
use crate::exit::Failure;
use crate::folder::DataFolder;
use crate::settings::Settings;
use crate::settings::source::Values;
use crate::{logs, open, outside, say, signals};

/// Where the demo's acquirer is, unless the port is taken.
const ACQUIRER_PORT: u16 = 8085;

/// The data folder of the demo, when nobody says.
pub(crate) const FOLDER: &str = "yaoki-demo";

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Walk the whole path through HTTP on a book of its own, print the receipt, and end: exit code
    /// 0 when all went as it must. With --database, on that database, which must be empty
    #[arg(long)]
    self_test: bool,
    #[command(flatten)]
    reach: reach::Reach,
}

/// Serves a demo, or tests itself.
pub(crate) fn run(demo: &Demo, mut values: Values) -> Result<(), Failure> {
    if demo.self_test {
        return self_test::run(values);
    }
    // The log of a demo is for people who look at something else.
    values.set_default("log", "warn".to_owned());
    let mut settings = Settings::read(&values)?;
    settings.mailbox = true;
    demo.reach.check(&settings)?;
    logs::start(&settings)?;
    make_or_continue(&settings)?;
    let reached = demo.reach.apply(&mut settings, &values, outside::now())?;
    if reached.is_none() {
        free_ports(&mut settings, &values);
    }
    let told = signals::listen()?;
    let acquirer = acquirer(&settings, reached.as_ref())?;
    let served = serve::start(&settings, |options| {
        options.demo_authority = reached.as_ref().map(|one| one.authority.certificate.clone());
        if let (Some(one), None) = (&reached, &options.messages.origin) {
            options.messages.origin = Some(one.url(settings.devices));
        }
        options.acquirer = options.acquirer.take().or_else(|| Some(acquirer.options()));
    })?;
    // Over TLS of the demo's own authority it is not told, and is asked every few seconds.
    if reached.is_none() {
        acquirer.tell(format!("http://{}/v1/acquirer/events", served.running.public));
    }
    let desk = open::desk(&settings, &served.book);
    let seeded = seed::seed(&desk)?;
    let around = guide::Around { reached: reached.as_ref(), acquirer: acquirer.origin() };
    guide::say(&settings, &served.running, &desk, &seeded, &around)?;
    serve::until_told(served, &told);
    say::line("Ended. Start again over the same folder to go on.");
    Ok(())
}

/// The acquirer of the demo: where browsers reach the wallet they reach it, too, at a port of its
/// own.
fn acquirer(
    settings: &Settings,
    reached: Option<&reach::Reached>,
) -> Result<DemoAcquirer, Failure> {
    let usual = SocketAddr::new(settings.devices.ip(), ACQUIRER_PORT);
    let address = match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::new(usual.ip(), 0),
    };
    let options = |address| DemoOptions {
        address,
        origin: None,
        file: Some(settings.data.join("demo-acquirer.json")),
        clock: outside::clock(),
        entropy: outside::entropy(),
    };
    let mut asked = options(address);
    if let Some(reached) = reached {
        let host = reached.url(address);
        let host = host.split_once("://").map_or(host.as_str(), |(_, rest)| rest);
        asked.origin = Some(format!("http://{host}"));
    }
    DemoAcquirer::start(asked)
        .map_err(|error| Failure::fault(format!("the demo acquirer cannot start: {error}")))
}

/// Makes the book where there is none; another kind of book is left alone.
fn make_or_continue(settings: &Settings) -> Result<(), Failure> {
    let folder = DataFolder::create(&settings.data)?;
    // Another process is told before anything is made.
    drop(folder.lock()?);
    if is_new(&settings.database)? {
        init::make(settings, BookKind::Demo)?;
        return Ok(());
    }
    let kind = open::book_row(&settings.database)?.kind;
    if kind != BookKind::Demo {
        return Err(Failure::bad(format!(
            "the book in {} is {kind}, and demo parts are for demo books only: give another place \
             with --data or --database",
            settings.database
        )));
    }
    Ok(())
}

fn is_new(database: &Database) -> Result<bool, Failure> {
    if let Database::Sqlite(path) = database
        && !path.exists()
    {
        return Ok(true);
    }
    let mut conn = open::connect(database, yaoki_store::conn::Purpose::Admin)?;
    if yaoki_store::migrate::schema_version(&mut conn)? == 0 {
        return Ok(true);
    }
    match yaoki_store::table::Book::load(&mut conn) {
        Ok(_) => Ok(false),
        Err(StoreError::BookMissing) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Ports that nobody asked for are replaced where they are taken.
fn free_ports(settings: &mut Settings, values: &Values) {
    for name in ListenerName::ALL {
        let address = address_of(settings, name);
        if !values.is_set(name.text()) && TcpListener::bind(*address).is_err() {
            *address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        }
    }
}

/// Where a listener is to be.
const fn address_of(settings: &mut Settings, name: ListenerName) -> &mut SocketAddr {
    match name {
        ListenerName::Registers => &mut settings.registers,
        ListenerName::Devices => &mut settings.devices,
        ListenerName::Public => &mut settings.public,
        ListenerName::Console => &mut settings.console,
    }
}
