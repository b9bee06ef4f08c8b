//! The types of settings: how each is read from text, and what it may be.

use std::net::SocketAddr;
use std::path::PathBuf;

use yaoki_core::money::Currency;
use yaoki_core::webhook::url_is_good;
use yaoki_server::edge::proxies::Proxies;
use yaoki_server::edge::sign::IDENTIFIER_CHARACTERS_MAX;
use yaoki_server::jobs::messages::mail::{MAIL_SERVER, MailServer, Sender};
use yaoki_server::jobs::messages::sms::{ADAPTER_URL, Uri, adapter_url};
use yaoki_server::jobs::witness::WitnessUrl;
use yaoki_store::Database;

/// A type that a setting can have.
pub(crate) trait Kind: Sized {
    /// Whether it is a yes or no, and its flag needs no value.
    const IS_FLAG: bool = false;
    /// Whether it may be given several times; its texts are joined by spaces.
    const IS_LIST: bool = false;
    /// What it may be, for the reference and for errors.
    fn may_be() -> String;
    /// The value of a text; the error says what is wrong, where more than [`Kind::may_be`] can be
    /// said.
    fn read(text: &str) -> Result<Self, String>;
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Number<MIN, MAX> {
    /// The number.
    pub(crate) const fn get(self) -> i64 {
        self.0
    }

    /// The number as a count; every `MIN` is zero or more.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).expect("a count is not negative")
    }
}

impl<const MIN: i64, const MAX: i64> Kind for Number<MIN, MAX> {
    fn may_be() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(Self::may_be)
    }
}

/// Four to six digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(pub(crate) String);

impl Kind for Prefix {
    fn may_be() -> String {
        "4 to 6 digits".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let good = (4..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err(Self::may_be()) }
    }
}

/// A reversed domain that fits into the QR of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QrIdentifier(pub(crate) String);

impl Kind for QrIdentifier {
    fn may_be() -> String {
        format!("1 to {IDENTIFIER_CHARACTERS_MAX} small letters, digits, hyphens and points")
    }

    fn read(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
        };
        let good = (1..=IDENTIFIER_CHARACTERS_MAX).contains(&text.len());
        let good = good && text.bytes().all(plain);
        if good { Ok(Self(text.to_owned())) } else { Err(Self::may_be()) }
    }
}

/// The IANA name of a zone that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneName(pub(crate) String);

impl Kind for ZoneName {
    fn may_be() -> String {
        "an IANA name, as `Asia/Tokyo`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let known = jiff::tz::TimeZone::get(text).is_ok();
        if known { Ok(Self(text.to_owned())) } else { Err(Self::may_be()) }
    }
}

/// Where anchors are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Witnesses(pub(crate) Vec<WitnessUrl>);

impl Kind for Witnesses {
    const IS_LIST: bool = true;

    fn may_be() -> String {
        "URLs as `https://HOST/PATH`, or `http://` for this machine; or not set".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// What links in messages begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkOrigin(pub(crate) String);

impl Kind for LinkOrigin {
    fn may_be() -> String {
        "`https://HOST` or `https://HOST:PORT`, without a path".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").unwrap_or_default();
        let good = url_is_good(text, false) && !host.contains(['/', '?']);
        if good { Ok(Self(text.to_owned())) } else { Err(Self::may_be()) }
    }
}

impl Kind for MailServer {
    fn may_be() -> String {
        MAIL_SERVER.to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl Kind for Sender {
    fn may_be() -> String {
        "a mail address, or `Name <address>`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// Where SMS are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmsAdapter(pub(crate) Uri);

impl Kind for SmsAdapter {
    fn may_be() -> String {
        ADAPTER_URL.to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        adapter_url(text).map(Self)
    }
}

impl Kind for Proxies {
    const IS_LIST: bool = true;

    fn may_be() -> String {
        "addresses or networks, as `10.0.0.7` or `10.0.0.0/24`; or not set".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        let networks = text.split_whitespace().map(str::parse).collect::<Result<_, _>>();
        networks.map(Self).map_err(|_| Self::may_be())
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Kind for LogFormat {
    fn may_be() -> String {
        "`text` or `json`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Self::may_be()),
        }
    }
}

impl Kind for bool {
    const IS_FLAG: bool = true;

    fn may_be() -> String {
        "`true` or `false`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::may_be())
    }
}

impl Kind for String {
    fn may_be() -> String {
        "any text".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Kind for PathBuf {
    fn may_be() -> String {
        "a path; a relative one begins where the program is started".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path, not nothing".to_owned()) } else { Ok(text.into()) }
    }
}

impl Kind for SocketAddr {
    fn may_be() -> String {
        "an address and a port, as `127.0.0.1:7701` or `[::]:7701`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::may_be())
    }
}

impl Kind for Database {
    fn may_be() -> String {
        "`sqlite:PATH` or `postgres://USER@HOST/NAME`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::may_be())
    }
}

/// Names of hosts, each with its port where one is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(pub(crate) Vec<String>);

impl Kind for Hosts {
    fn may_be() -> String {
        "names as they stand in `Host`, with the port where one is sent, separated by commas: \
         `pay.example.jp,pay.example.jp:8443`; or not set"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let is_host = |name: &&str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
            !name.is_empty() && name.bytes().all(known)
        };
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        if names.iter().all(is_host) {
            Ok(Self(names.into_iter().map(str::to_owned).collect()))
        } else {
            Err(Self::may_be())
        }
    }
}

impl Kind for Currency {
    fn may_be() -> String {
        "three capital letters, as `JPY`".to_owned()
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(Self::may_be)
    }
}

impl<T: Kind> Kind for Option<T> {
    const IS_FLAG: bool = T::IS_FLAG;

    fn may_be() -> String {
        format!("{}; or not set", T::may_be())
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_its_range_is_refused_with_the_range() {
        assert_eq!(Number::<30, 300>::read("120"), Ok(Number(120)));
        for wrong in ["29", "301", "", "1e2", " 60"] {
            let refused = Number::<30, 300>::read(wrong);
            assert_eq!(refused, Err("a whole number from 30 to 300".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn an_empty_text_unsets_what_may_be_unset() {
        assert_eq!(Option::<PathBuf>::read(""), Ok(None));
        assert!(PathBuf::read("").is_err());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        assert!(Prefix::read("987").is_err() && Prefix::read("98765a").is_err());
        assert!(ZoneName::read("Tokyo").is_err() && ZoneName::read("Asia/Tokyo").is_ok());
        assert!(Currency::read("yen").is_err());
        assert!(SocketAddr::read("localhost").is_err());
        assert!(Database::read("yaoki.db").is_err());
        assert!(bool::read("yes").is_err());
        assert!(LogFormat::read("xml").is_err());
        assert!(Witnesses::read("http://witness.example/").is_err());
        let two = Witnesses::read("https://a.example/x https://b.example/y").expect("two");
        assert_eq!((two.0.len(), Witnesses::read("").expect("none").0.len()), (2, 0));
        assert!(LinkOrigin::read("https://pay.example.jp:8443").is_ok());
        for wrong in ["http://pay.example.jp", "https://pay.example.jp/", "https://a.jp?b", ""] {
            assert!(LinkOrigin::read(wrong).is_err(), "{wrong}");
        }
        assert!(MailServer::read("mail.example").is_err() && Sender::read("nobody").is_err());
        assert!(SmsAdapter::read("http://sms.example/").is_err());
        assert!(Hosts::read("a.jp,").is_err() && Hosts::read("https://a.jp").is_err());
    }

    #[test]
    fn proxies_are_addresses_and_networks_and_none_is_none() {
        assert_eq!(Proxies::read(""), Ok(Proxies::default()));
        assert_eq!(Proxies::read("10.0.0.7 2001:db8::/32").expect("two").0.len(), 2);
        assert!(Proxies::read("true").is_err());
    }

    #[test]
    fn hosts_are_separated_by_commas_and_none_is_none() {
        assert_eq!(Hosts::read(""), Ok(Hosts::default()));
        let two = ["a.jp".to_owned(), "[::1]:8443".to_owned()];
        assert_eq!(Hosts::read("a.jp, [::1]:8443"), Ok(Hosts(two.into())));
    }
}
