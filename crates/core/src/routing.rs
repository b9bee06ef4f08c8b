//! The routing table: which digits in front of a scanned code are whose. Registers and gateways
//! send a code to its issuer by the longest entry that it begins with, so a prefix of ours must
//! overlap none of them: neither begin with an entry, nor be the beginning of one.
//!
//! Sources: the issuer codes of Japan's code payments (JPQR, shown by the consumer) as Android
//! phones showed them in February 2020 (ri25r.hatenablog.jp); Payments Japan assigns them and
//! publishes no list. `WeChat` Pay and Alipay: their manuals for payment codes (18 digits from 10
//! to 15; 16 to 24 digits from 25 to 30).
//!
//! Not here: routing. This product opens codes of its own only.

/// Digits in front of codes, and who issues those.
pub const ISSUERS: &[(&str, &str)] = &[
    ("10", "WeChat Pay"),
    ("11", "WeChat Pay"),
    ("12", "WeChat Pay"),
    ("13", "WeChat Pay"),
    ("14", "WeChat Pay"),
    ("15", "WeChat Pay"),
    ("25", "Alipay"),
    ("26", "Alipay"),
    ("27", "Alipay"),
    ("28", "Alipay"),
    ("29", "Alipay"),
    ("30", "Alipay"),
    ("31589900", "Merpay"),
    ("31589921", "au PAY"),
    ("31589931", "Yucho Pay"),
    ("31589932", "Yucho Pay"),
    ("31589933", "Yucho Pay"),
    ("31589934", "Yucho Pay"),
    ("31589935", "Yucho Pay"),
    ("31589936", "Yucho Pay"),
    ("31589937", "Yucho Pay"),
    ("31589938", "Yucho Pay"),
    ("31589939", "Yucho Pay"),
    ("31589940", "Yucho Pay"),
    ("31589995", "pring"),
    ("9000000000", "LINE Pay"),
    ("90000001", "Origami Pay"),
    ("90000002", "d Barai"),
    ("900001", "Rakuten Pay"),
    ("9000818188", "PayPay"),
];

/// The issuer whose codes a register could take for those of `prefix`, or the other way round.
pub fn issuer_overlapping(prefix: &str) -> Option<&'static str> {
    let overlaps = |entry: &str| entry.starts_with(prefix) || prefix.starts_with(entry);
    ISSUERS.iter().find(|(entry, _)| overlaps(entry)).map(|(_, issuer)| *issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_digits_in_order_and_overlap_only_their_own_issuers() {
        assert!(ISSUERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (entry, issuer) in ISSUERS {
            assert!(entry.bytes().all(|byte| byte.is_ascii_digit()), "{entry}");
            assert_eq!(issuer_overlapping(entry), Some(*issuer));
        }
    }

    #[test]
    fn a_prefix_overlaps_what_it_begins_with_and_what_begins_with_it() {
        for (prefix, issuer) in [
            ("9000", Some("LINE Pay")),
            ("900001", Some("Rakuten Pay")),
            ("90008", Some("PayPay")),
            ("315899", Some("Merpay")),
            ("3158", Some("Merpay")),
            ("1299", Some("WeChat Pay")),
            ("2876", Some("Alipay")),
            ("9876", None),
            ("9001", None),
            ("900002", None),
            ("315898", None),
            ("1600", None),
            ("3100", None),
        ] {
            assert_eq!(issuer_overlapping(prefix), issuer, "{prefix}");
        }
    }
}
