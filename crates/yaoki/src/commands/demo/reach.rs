//! How others reach a demo: `--host` and `--tls`, for two people with a phone and a laptop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use clap::Args;
use rustls::pki_types::ServerName;
use yaoki_core::time::Instant;
use yaoki_server::edge::listener::ListenerName;

use super::address_of;
use super::authority::{Authority, LOCALHOST};
use crate::exit::Failure;
use crate::settings::Settings;
use crate::settings::kind::Hosts;
use crate::settings::source::Values;

/// What the command line says about it.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// The name or address by which a phone reaches this machine, as laptop.local or 192.168.1.20:
    /// every listener is then on all interfaces. Needs --tls
    #[arg(long, value_name = "NAME", conflicts_with = "self_test")]
    host: Option<String>,
    /// Serve HTTPS under a certificate authority of the demo's own, which phones trust once;
    /// docs/guides/demo-on-a-phone.md says how
    #[arg(long, conflicts_with = "self_test")]
    tls: bool,
}

/// A demo that others reach.
pub(crate) struct Reached {
    /// As it stands in URLs.
    host: String,
    /// What phones trust.
    pub(crate) authority: Authority,
}

/// A name or an address in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    text: String,
    address: Option<IpAddr>,
}

impl Host {
    fn read(text: &str) -> Result<Self, Failure> {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        let host = ServerName::try_from(text.as_str()).map_err(|_| {
            Failure::usage(format!(
                "--host {text:?} must be the name or the address by which a phone reaches this \
                 machine, as laptop.local or 192.168.1.20, without a scheme and a port"
            ))
        })?;
        let address = match &host {
            ServerName::IpAddress(address) => Some(IpAddr::from(*address)),
            _ => None,
        };
        Ok(Self { text: address.map_or(text.clone(), |address| address.to_string()), address })
    }

    /// Whether nobody but this machine reaches it.
    fn is_local(&self) -> bool {
        self.text == LOCALHOST || self.address.is_some_and(|address| address.is_loopback())
    }

    /// As in a URL: an address of IPv6 has brackets there.
    fn in_url(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.text.clone(),
        }
    }

    /// Where listeners are that serve it.
    fn listened_on(&self) -> IpAddr {
        match self.address {
            Some(address) if address.is_loopback() => address,
            Some(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            _ if self.is_local() => Ipv4Addr::LOCALHOST.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

impl Reach {
    /// What can be refused before anything is made.
    ///
    /// # Errors
    /// When the host is none, would be served in the clear, or has a certificate already.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), Failure> {
        let host = Host::read(self.host())?;
        if !self.tls && !host.is_local() {
            return Err(Failure::usage(format!(
                "--host {} would be served in the clear, and no browser there shows a code: add \
                 --tls, which makes a certificate authority for this demo alone",
                host.text
            )));
        }
        if self.tls && (settings.tls_cert.is_some() || settings.proxies.are_there()) {
            return Err(Failure::usage(
                "--tls brings a certificate of the demo's own: leave out tls_cert and \
                 proxies, or leave out --tls",
            ));
        }
        Ok(())
    }

    /// Sets listeners, certificate and hosts as `--host` and `--tls` say; none where `--tls` was
    /// not given, and nothing is changed.
    ///
    /// # Errors
    /// When there is no port, or the data folder cannot be written.
    pub(crate) fn apply(
        &self,
        settings: &mut Settings,
        values: &Values,
        now: Instant,
    ) -> Result<Option<Reached>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let host = Host::read(self.host())?;
        for name in ListenerName::ALL {
            let is_set = values.is_set(name.text());
            let address = address_of(settings, name);
            if !is_set {
                address.set_ip(host.listened_on());
            }
            *address = with_port(*address, is_set)?;
        }
        let authority = Authority::open(&settings.data, &host.text, now)?;
        let files = authority.issue(&settings.data, now)?;
        (settings.tls_cert, settings.tls_key) = (Some(files.certificates), Some(files.key));
        let reached = |address: SocketAddr| {
            let names = [host.in_url(), LOCALHOST.to_owned(), Ipv4Addr::LOCALHOST.to_string()];
            Hosts(names.map(|name| format!("{name}:{}", address.port())).into())
        };
        if !values.is_set("register_host") {
            settings.register_host = reached(settings.registers);
        }
        if !values.is_set("device_host") {
            settings.device_host = reached(settings.devices);
        }
        if !values.is_set("console_host") {
            settings.console_host = reached(settings.console);
        }
        Ok(Some(Reached { host: host.in_url(), authority }))
    }

    fn host(&self) -> &str {
        self.host.as_deref().unwrap_or(LOCALHOST)
    }
}

impl Reached {
    /// The URL of a listener, as a phone opens it.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        format!("https://{}:{}", self.host, address.port())
    }
}

/// The same with a port that is known before it is served: callers name it in `Host`. One that
/// nobody asked for is replaced where it is taken.
fn with_port(address: SocketAddr, is_set: bool) -> Result<SocketAddr, Failure> {
    let opened = TcpListener::bind(address);
    match opened {
        Ok(listener) => Ok(listener.local_addr()?),
        Err(_) if !is_set => Ok(TcpListener::bind((address.ip(), 0))?.local_addr()?),
        // The listener says what stands in the way.
        Err(_) => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form_and_tells_who_reaches_it() {
        for (text, form, url, local, on) in [
            ("Laptop.Local.", "laptop.local", "laptop.local", false, "0.0.0.0"),
            ("192.168.1.20", "192.168.1.20", "192.168.1.20", false, "0.0.0.0"),
            ("FD00:0:0::1", "fd00::1", "[fd00::1]", false, "::"),
            ("localhost", "localhost", "localhost", true, "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1", true, "127.0.0.1"),
            ("::1", "::1", "[::1]", true, "::1"),
        ] {
            let host = Host::read(text).expect("a host");
            assert_eq!((host.text.as_str(), host.in_url().as_str()), (form, url));
            assert_eq!(host.is_local(), local, "{text}");
            assert_eq!(host.listened_on().to_string(), on, "{text}");
        }
        for text in ["", "https://a", "a:1", "a b", "a/b", "[::1]"] {
            assert!(Host::read(text).is_err(), "{text}");
        }
    }
}
