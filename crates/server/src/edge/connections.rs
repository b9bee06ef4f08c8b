//! How many connections a listener holds, in all and for each address prefix. Asked before the TLS
//! handshake, which is the dearest thing a stranger can make us do.
//!
//! Limits: `total_max`, and `prefix_max` for an IPv4 address or an IPv6 /64 network. The table of
//! prefixes has at most as many rows as there are connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

/// The connections of one listener.
#[derive(Debug)]
pub struct Connections {
    total_max: usize,
    prefix_max: usize,
    loopback_is_exempt: bool,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    total: usize,
    prefixes: HashMap<IpAddr, usize>,
}

/// A place in the table; given back when dropped.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    prefix: Option<IpAddr>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The listener holds as many as it may.
    Total,
    /// This prefix does.
    Prefix,
}

impl Connections {
    /// An empty table. A loopback address counts toward the total only, if it is exempt.
    pub fn new(total_max: usize, prefix_max: usize, loopback_is_exempt: bool) -> Arc<Self> {
        let table = Mutex::default();
        Arc::new(Self { total_max, prefix_max, loopback_is_exempt, table })
    }

    /// Takes a place for a connection from `peer`.
    ///
    /// # Errors
    /// [`Full`]: the connection is to be dropped at once.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let peer = peer.to_canonical();
        let exempt = self.loopback_is_exempt && peer.is_loopback();
        let prefix = (!exempt).then(|| prefix_of(peer));
        let mut table = self.table.lock().expect("no holder panics");
        if table.total >= self.total_max {
            return Err(Full::Total);
        }
        if let Some(prefix) = prefix {
            let count = table.prefixes.entry(prefix).or_default();
            if *count >= self.prefix_max {
                return Err(Full::Prefix);
            }
            *count += 1;
        }
        table.total += 1;
        Ok(Place { connections: Arc::clone(self), prefix })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table.lock().expect("no holder panics").total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.connections.table.lock().expect("no holder panics");
        table.total -= 1;
        let Some(prefix) = self.prefix else { return };
        let count = table.prefixes.get_mut(&prefix).expect("a place was counted");
        *count -= 1;
        if *count == 0 {
            table.prefixes.remove(&prefix);
        }
    }
}

/// An IPv4 address itself; of an IPv6 address the /64, which one subscriber has to himself.
fn prefix_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_prefix_takes_nothing_from_another() {
        let connections = Connections::new(4, 2, true);
        let first = connections.admit(ip("192.0.2.1")).expect("room");
        let _second = connections.admit(ip("192.0.2.1")).expect("room");
        assert_eq!(connections.admit(ip("192.0.2.1")).err(), Some(Full::Prefix));
        let _other = connections.admit(ip("192.0.2.2")).expect("another address");
        drop(first);
        let _again = connections.admit(ip("192.0.2.1")).expect("a place was given back");
        let _last = connections.admit(ip("192.0.2.3")).expect("room");
        assert_eq!(connections.admit(ip("192.0.2.4")).err(), Some(Full::Total));
    }

    #[test]
    fn one_network_of_ipv6_is_one_prefix_and_a_mapped_address_is_its_own() {
        let connections = Connections::new(9, 1, true);
        let _one = connections.admit(ip("2001:db8::1")).expect("room");
        assert_eq!(connections.admit(ip("2001:db8::ffff:2")).err(), Some(Full::Prefix));
        let _next = connections.admit(ip("2001:db8:0:1::1")).expect("another network");
        let _v4 = connections.admit(ip("192.0.2.1")).expect("room");
        assert_eq!(connections.admit(ip("::ffff:192.0.2.1")).err(), Some(Full::Prefix));
    }

    #[test]
    fn loopback_is_exempt_where_it_is_set_so_and_nothing_is_left_behind() {
        let exempt = Connections::new(9, 1, true);
        let places: Vec<_> = (0..5).map(|_| exempt.admit(ip("127.0.0.1")).expect("room")).collect();
        assert_eq!(exempt.count(), 5);
        drop(places);
        assert_eq!(exempt.count(), 0);
        let counted = Connections::new(9, 1, false);
        let place = counted.admit(ip("::1")).expect("room");
        assert_eq!(counted.admit(ip("::1")).err(), Some(Full::Prefix));
        drop(place);
        assert!(counted.table.lock().expect("no holder panics").prefixes.is_empty());
    }
}
