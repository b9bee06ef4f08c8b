//! Proxies that end TLS in front of a listener: whose plain HTTP is taken, and who counts as being
//! on this machine.
//!
//! Not here: the addresses of a proxy's clients, which only it knows.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// The proxies in front of a listener; none: callers come directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Network>);

/// What a peer is to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine.
    Local,
    /// Anybody else, or a proxy that speaks for anybody.
    Remote,
    /// It came past the proxies, and would be served in the clear.
    PastTheProxies,
}

impl Proxies {
    /// Whether there are any.
    pub const fn are_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// What `peer` is to a listener behind these that has TLS of its own or not.
    pub fn judge(&self, peer: IpAddr, has_tls: bool) -> Peer {
        let peer = peer.to_canonical();
        if self.0.iter().any(|network| network.contains(peer)) {
            return Peer::Remote;
        }
        match (peer.is_loopback(), self.are_there() && !has_tls) {
            (true, _) => Peer::Local,
            (false, true) => Peer::PastTheProxies,
            (false, false) => Peer::Remote,
        }
    }
}

impl Network {
    fn contains(&self, peer: IpAddr) -> bool {
        let first = |bits: u128, width: u32| bits.checked_shr(width - self.bits).unwrap_or(0);
        match (self.address, peer) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                first(own.to_bits().into(), 32) == first(peer.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(peer)) => {
                first(own.to_bits(), 128) == first(peer.to_bits(), 128)
            }
            _ => false,
        }
    }
}

/// The text is no address, and no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| NotANetwork)?)),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(NotANetwork);
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies(texts.iter().map(|text| text.parse().expect("a network")).collect())
    }

    fn judged(proxies: &Proxies, peer: &str, has_tls: bool) -> Peer {
        proxies.judge(peer.parse().expect("an address"), has_tls)
    }

    #[test]
    fn only_the_listed_are_served_in_the_clear_and_they_are_nobody_of_this_machine() {
        let listed = proxies(&["10.0.0.7", "192.168.4.0/22", "2001:db8::/32", "127.0.0.1"]);
        for (peer, expected) in [
            ("10.0.0.7", Peer::Remote),
            ("::ffff:10.0.0.7", Peer::Remote),
            ("10.0.0.8", Peer::PastTheProxies),
            ("192.168.7.255", Peer::Remote),
            ("192.168.8.0", Peer::PastTheProxies),
            ("2001:db8:ffff::1", Peer::Remote),
            ("2001:db9::1", Peer::PastTheProxies),
            ("127.0.0.1", Peer::Remote),
            ("127.0.0.2", Peer::Local),
            ("::1", Peer::Local),
        ] {
            assert_eq!(judged(&listed, peer, false), expected, "{peer}");
        }
        assert_eq!(judged(&listed, "10.0.0.8", true), Peer::Remote, "it is served with TLS");
    }

    #[test]
    fn without_proxies_callers_come_directly() {
        let none = Proxies::default();
        assert_eq!(judged(&none, "10.0.0.8", false), Peer::Remote);
        assert_eq!(judged(&none, "::ffff:127.0.0.1", false), Peer::Local);
    }

    #[test]
    fn a_network_of_no_bits_is_everybody_of_its_family() {
        let all = proxies(&["0.0.0.0/0"]);
        assert_eq!(judged(&all, "203.0.113.9", false), Peer::Remote);
        assert_eq!(judged(&all, "2001:db8::1", false), Peer::PastTheProxies);
    }

    #[test]
    fn what_is_no_network_is_not_read() {
        for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "proxy.example", "1/2/3"]
        {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
        assert_eq!("::/0".parse::<Network>().expect("a network").to_string(), "::/0");
    }
}
