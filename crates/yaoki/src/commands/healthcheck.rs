//! `yaoki healthcheck`, hidden: for a supervisor. Asks the server of the data folder through its
//! socket, and its public listener whether it is ready.

use serde_json::Value;
use yaoki_server::admin::{By, Message, Order};
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::edge::listener::ListenerName;

use crate::door::{self, Door};
use crate::exit::Failure;
use crate::open;
use crate::settings::Settings;

/// Succeeds when the server can do its work.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let socket = door::of(settings)?.socket();
    let status =
        Door::Server(socket).order(&Message { by: By::default(), order: Order::Status })?;
    if status["storage_ok"] != Value::Bool(true) {
        return Err(Failure::bad("the storage has failed"));
    }
    if open::tls_files(settings)?.is_some() || settings.public.port() == 0 {
        return Ok(());
    }
    let mut public = Connection::new(local(open::address(settings, ListenerName::Public)));
    let ready = Request { method: "GET", target: "/ready", headers: &[], body: b"" };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(public.send(&ready))?;
    if answer.status == 200 {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.body);
    Err(Failure::bad(format!("the server is not ready: {text}")))
}

/// Where a listener on every address is met from this machine.
fn local(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}
