//! What is seen of who asks: what the browser says that it is, and from which network it comes.
//! Shown to members beside their devices, so that they know them. Of a top-up by card a rule may
//! count who else came from the same network; nothing else is decided by it.

use std::net::IpAddr;

use hyper::header::USER_AGENT;
use hyper::http::request::Parts;

use super::connections::Connected;

/// What is seen of who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Browser and system, such as `Safari on iPhone`.
    pub label: String,
    /// The network, such as `203.0.113.0/24`; empty where it is not known.
    pub network: String,
}

/// Browsers by what stands in `User-Agent`; the first that does is meant, because most claim to be
/// others, too.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
];

/// Systems in the same way.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

impl Seen {
    /// Of a request.
    pub fn of(parts: &Parts) -> Self {
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let peer = parts.extensions.get::<Connected>().and_then(Connected::peer);
        Self {
            label: label_of(agent.unwrap_or_default()),
            network: peer.map(network_of).unwrap_or_default(),
        }
    }
}

/// Browser and system, in words of ours only: what a stranger writes is not shown to a member.
fn label_of(agent: &str) -> String {
    let named = |list: &[(&str, &'static str)]| {
        list.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name)
    };
    match (named(BROWSERS), named(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

/// So much of an address as says where, and not who.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [one, two, three, _] = address.octets();
            format!("{one}.{two}.{three}.0/24")
        }
        IpAddr::V6(address) => {
            let [one, two, three, ..] = address.segments();
            format!("{one:x}:{two:x}:{three:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_by_what_it_is_and_nothing_it_writes_is_shown() {
        let mobile = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1";
        let android = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like \
                       Gecko) Chrome/140.0 Mobile Safari/537.36";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                    Gecko) Chrome/140.0 Safari/537.36 Edg/140.0";
        for (agent, label) in [
            (mobile, "Safari on iPhone"),
            (android, "Chrome on Android"),
            (edge, "Edge on Windows"),
            ("curl/8", "Unknown device"),
            ("Your bank: call 090 Safari", "Safari"),
        ] {
            assert_eq!(label_of(agent), label);
        }
    }

    #[test]
    fn a_network_says_where_and_not_who() {
        for (address, network) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ] {
            assert_eq!(network_of(address.parse().expect("an address")), network);
        }
    }
}
