//! How many connections a listener holds, in all and for each network. Asked before the TLS
//! handshake, which is the dearest thing a stranger can make us do.
//!
//! A network that holds as many as it may is refused. A listener that is full is not: the newcomer
//! takes the place of the oldest connection that no believed request has come on yet, so that
//! whoever only holds connections open holds nobody out, and terminals and devices that are known
//! keep theirs. Believed is what the book believes: a key that it has ended keeps nothing, and one
//! that it has not keeps [`KNOWN_EACH_MAX`]; whatever else it opens can be evicted.
//!
//! Limits: `total_max`; `prefix_max` for an IPv4 address or an IPv6 /64, which one subscriber has
//! to himself; [`WIDE`] for the networks around it, at most half of the listener. The tables have
//! at most [`NETWORKS`] rows a connection.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Notify;

/// The networks that an address counts for: itself (IPv6: its /64), and those around it.
const NETWORKS: usize = 3;

/// The most connections that one terminal or device keeps.
pub const KNOWN_EACH_MAX: usize = 32;

/// Bits of a network, and how many times `prefix_max` it may hold. A provider gives a household a
/// /56 or less and a company a /48; many customers of a mobile one share an IPv4 /24.
pub const WIDE: [(u8, usize); NETWORKS] = [(V4_24, 16), (V6_56, 4), (V6_48, 16)];
const V4_24: u8 = 24;
const V6_56: u8 = 56;
const V6_48: u8 = 48;
/// An IPv4 address, and an IPv6 /64, bits.
const V4_OWN: u8 = 32;
const V6_OWN: u8 = 64;

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
    networks: HashMap<Network, usize>,
    next: u64,
    /// Connections that may be evicted, oldest first.
    strangers: BTreeMap<u64, Arc<Seat>>,
    /// How many connections each caller keeps.
    known: HashMap<i64, usize>,
}

/// A network, and its bits.
type Network = (IpAddr, u8);

#[derive(Debug)]
struct Seat {
    number: u64,
    networks: Vec<Network>,
    /// Who keeps it.
    caller: OnceLock<i64>,
    evicted: AtomicBool,
    told: Notify,
}

/// A place in the table; given back when dropped.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    seat: Arc<Seat>,
}

/// What a handler says of the connection that its request came on. A request carries it as an
/// extension.
#[derive(Clone, Debug)]
pub struct Connected {
    connections: Arc<Connections>,
    seat: Arc<Seat>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The listener holds as many as it may, and all of them are known.
    Total,
    /// This network does.
    Prefix,
}

impl Connections {
    /// An empty table. A loopback address counts toward the total only, if it is exempt.
    pub fn new(total_max: usize, prefix_max: usize, loopback_is_exempt: bool) -> Arc<Self> {
        let table = Mutex::default();
        Arc::new(Self { total_max, prefix_max, loopback_is_exempt, table })
    }

    /// Takes a place for a connection from `peer`; and whether another was evicted for it, which
    /// learns of it by [`Place::evicted`].
    ///
    /// # Errors
    /// [`Full`]: the connection is to be dropped at once.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<(Place, bool), Full> {
        let peer = peer.to_canonical();
        let exempt = self.loopback_is_exempt && peer.is_loopback();
        let networks = if exempt { Vec::new() } else { networks_of(peer) };
        let mut table = self.table.lock().expect("no holder panics");
        let count = |network| table.networks.get(network).copied().unwrap_or(0);
        if networks.iter().any(|network| count(network) >= self.most(network.1)) {
            return Err(Full::Prefix);
        }
        let evicts = table.total >= self.total_max;
        if evicts && !table.evict_the_oldest_stranger() {
            return Err(Full::Total);
        }
        table.total += 1;
        for network in &networks {
            *table.networks.entry(*network).or_default() += 1;
        }
        table.next += 1;
        let number = table.next;
        let (caller, evicted) = (OnceLock::new(), AtomicBool::new(false));
        let seat = Arc::new(Seat { number, networks, caller, evicted, told: Notify::new() });
        table.strangers.insert(number, Arc::clone(&seat));
        Ok((Place { connections: Arc::clone(self), seat }, evicts))
    }

    /// The most connections of a network of so many bits.
    fn most(&self, bits: u8) -> usize {
        match WIDE.iter().find(|(wide, _)| *wide == bits) {
            None => self.prefix_max,
            Some((_, times)) => {
                let half = self.total_max / 2;
                self.prefix_max.saturating_mul(*times).min(half.max(self.prefix_max))
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table.lock().expect("no holder panics").total
    }
}

impl Table {
    /// Takes the place of the connection that has been a stranger longest; false if there is none.
    fn evict_the_oldest_stranger(&mut self) -> bool {
        let Some((_, seat)) = self.strangers.pop_first() else { return false };
        self.leave(&seat.networks);
        seat.evicted.store(true, Ordering::Relaxed);
        seat.told.notify_one();
        true
    }

    fn forget(&mut self, caller: i64) {
        let kept = self.known.get_mut(&caller).expect("a known connection was counted");
        *kept -= 1;
        if *kept == 0 {
            self.known.remove(&caller);
        }
    }

    fn leave(&mut self, networks: &[Network]) {
        self.total -= 1;
        for network in networks {
            let count = self.networks.get_mut(network).expect("a place was counted");
            *count -= 1;
            if *count == 0 {
                self.networks.remove(network);
            }
        }
    }
}

impl Place {
    /// Waits until the place is another's.
    pub async fn evicted(&self) {
        self.seat.told.notified().await;
    }

    /// For the handlers of this connection's requests.
    pub fn connected(&self) -> Connected {
        Connected { connections: Arc::clone(&self.connections), seat: Arc::clone(&self.seat) }
    }
}

impl Connected {
    /// The address at the other end; of IPv6 its /64.
    pub fn peer(&self) -> Option<IpAddr> {
        self.seat.networks.first().map(|(address, _)| *address)
    }

    /// The caller that keeps the connection: the book believed a request of it. None: a stranger's.
    pub fn believed(&self) -> Option<i64> {
        self.seat.caller.get().copied()
    }

    /// The connection has sent a request of `caller` that was believed: it keeps its place, unless
    /// the caller keeps [`KNOWN_EACH_MAX`] already.
    pub fn is_known(&self, caller: i64) {
        if self.seat.caller.get().is_some() {
            return;
        }
        let mut table = self.connections.table.lock().expect("no holder panics");
        let kept = table.known.get(&caller).copied().unwrap_or(0);
        if kept < KNOWN_EACH_MAX && table.strangers.remove(&self.seat.number).is_some() {
            table.known.insert(caller, kept + 1);
            self.seat.caller.set(caller).expect("a stranger has no caller");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.connections.table.lock().expect("no holder panics");
        table.strangers.remove(&self.seat.number);
        if let Some(caller) = self.seat.caller.get() {
            table.forget(*caller);
        }
        // The place of an evicted one was given back then.
        if !self.seat.evicted.load(Ordering::Relaxed) {
            table.leave(&self.seat.networks);
        }
    }
}

/// The networks that an address counts for.
fn networks_of(address: IpAddr) -> Vec<Network> {
    let bits: &[u8] = match address {
        IpAddr::V4(_) => &[V4_OWN, V4_24],
        IpAddr::V6(_) => &[V6_OWN, V6_56, V6_48],
    };
    bits.iter().map(|&bits| (network_of(address, bits), bits)).collect()
}

/// The first `bits` of an address, 1 to as many as it has.
fn network_of(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let kept = u32::MAX << (32 - u32::from(bits));
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & kept))
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX << (128 - u32::from(bits));
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn admit(connections: &Arc<Connections>, text: &str) -> Result<Place, Full> {
        connections.admit(ip(text)).map(|(place, _)| place)
    }

    fn known(connections: &Arc<Connections>, text: &str) -> Place {
        let place = admit(connections, text).expect("room");
        place.connected().is_known(1);
        place
    }

    fn is_evicted(place: &Place) -> bool {
        let evicted = pin!(place.evicted());
        matches!(evicted.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn a_prefix_takes_nothing_from_another() {
        let connections = Connections::new(4, 2, true);
        let first = known(&connections, "192.0.2.1");
        let _second = known(&connections, "192.0.2.1");
        assert_eq!(admit(&connections, "192.0.2.1").err(), Some(Full::Prefix));
        let _other = known(&connections, "198.51.100.2");
        drop(first);
        let _again = known(&connections, "192.0.2.1");
        let _last = known(&connections, "203.0.113.3");
        assert_eq!(admit(&connections, "203.0.113.4").err(), Some(Full::Total));
    }

    #[test]
    fn one_network_of_ipv6_is_one_prefix_and_a_mapped_address_is_its_own() {
        let connections = Connections::new(99, 1, true);
        let _one = admit(&connections, "2001:db8::1").expect("room");
        assert_eq!(admit(&connections, "2001:db8::ffff:2").err(), Some(Full::Prefix));
        let _next = admit(&connections, "2001:db8:0:1::1").expect("another network");
        let _v4 = admit(&connections, "192.0.2.1").expect("room");
        assert_eq!(admit(&connections, "::ffff:192.0.2.1").err(), Some(Full::Prefix));
    }

    #[test]
    fn many_prefixes_of_one_wide_network_hold_so_many_times_one_and_no_more() {
        type Address = fn(usize) -> String;
        let cases: [(u8, Address, &str); NETWORKS] = [
            (V4_24, |host| format!("192.0.2.{host}"), "192.0.3.1"),
            (V6_56, |net| format!("2001:db8:0:{net:x}::1"), "2001:db8:0:100::1"),
            (V6_48, |net| format!("2001:db8:0:{:x}::1", net << 8), "2001:db8:1::1"),
        ];
        for (bits, address, elsewhere) in cases {
            let connections = Connections::new(1000, 2, true);
            let (_, times) = WIDE.into_iter().find(|(wide, _)| *wide == bits).expect("a limit");
            let places: Vec<_> =
                (0..200).map_while(|count| admit(&connections, &address(count)).ok()).collect();
            assert_eq!(places.len(), 2 * times, "/{bits}");
            assert!(admit(&connections, elsewhere).is_ok(), "/{bits}");
        }
    }

    #[test]
    fn no_wide_network_holds_more_than_half_of_a_listener() {
        let connections = Connections::new(10, 4, true);
        let places: Vec<_> =
            (0..9).map_while(|host| admit(&connections, &format!("192.0.2.{host}")).ok()).collect();
        assert_eq!(places.len(), 5);
    }

    #[test]
    fn a_full_listener_evicts_the_oldest_stranger_and_nobody_who_is_known() {
        let connections = Connections::new(3, 3, true);
        let friend = known(&connections, "192.0.2.1");
        let oldest = admit(&connections, "198.51.100.1").expect("room");
        let older = admit(&connections, "198.51.100.2").expect("room");
        let (newcomer, evicts) = connections.admit(ip("203.0.113.1")).expect("a place is made");
        assert!(evicts && is_evicted(&oldest));
        assert!(!is_evicted(&friend) && !is_evicted(&older) && !is_evicted(&newcomer));
        assert_eq!(connections.count(), 3);
        drop(oldest);
        assert_eq!(connections.count(), 3, "its place was given back already");
        for place in [&older, &newcomer] {
            place.connected().is_known(1);
        }
        assert_eq!(admit(&connections, "203.0.113.2").err(), Some(Full::Total));
        drop((friend, older, newcomer));
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn loopback_is_exempt_where_it_is_set_so_and_nothing_is_left_behind() {
        let exempt = Connections::new(9, 1, true);
        let places: Vec<_> = (0..5).map(|_| admit(&exempt, "127.0.0.1").expect("room")).collect();
        assert_eq!(exempt.count(), 5);
        drop(places);
        assert_eq!(exempt.count(), 0);
        let counted = Connections::new(9, 1, false);
        let place = admit(&counted, "::1").expect("room");
        assert_eq!(admit(&counted, "::1").err(), Some(Full::Prefix));
        drop(place);
        let table = counted.table.lock().expect("no holder panics");
        assert!(table.networks.is_empty() && table.strangers.is_empty());
    }

    #[test]
    fn one_caller_keeps_so_many_connections_and_the_rest_make_room() {
        let connections = Connections::new(KNOWN_EACH_MAX + 2, 99, true);
        let caller = |number| {
            let place = admit(&connections, "127.0.0.1").expect("room");
            place.connected().is_known(number);
            place
        };
        let kept: Vec<_> = (0..KNOWN_EACH_MAX).map(|_| caller(1)).collect();
        let beyond = caller(1);
        let other = caller(2);
        let newcomer = caller(3);
        assert!(is_evicted(&beyond), "it was one too many");
        assert!(!is_evicted(&other) && kept.iter().all(|place| !is_evicted(place)));
        drop(kept);
        let again = caller(1);
        for _ in 0..=KNOWN_EACH_MAX {
            caller(4);
        }
        assert!(!is_evicted(&again) && !is_evicted(&newcomer), "its count went back");
        assert_eq!(connections.table.lock().expect("no holder panics").known.len(), 3);
    }
}
