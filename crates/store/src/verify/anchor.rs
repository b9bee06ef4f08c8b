//! Anchors: the heads of all lanes, signed and kept outside the database.
//!
//! What is signed is a text, [`heads_text`]: the label, the time in Unix milliseconds, and a line
//! `lane seq head` for each lane by ascending number. An anchor file has one JSON object a line,
//! [`Anchor::to_line`]: `time` (RFC 3339, for people), `heads` (the text), `signature` (Ed25519)
//! and `public_key`, both in hexadecimal digits. Whoever verifies compares the public key with
//! those that he trusts.
//!
//! Limits: what was booked after the last anchor is not proved by any.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ring::signature::{ED25519, UnparsedPublicKey};
use yaoki_core::facts::Batch;
use yaoki_core::ids::LaneNumber;
use yaoki_core::state::Lane;
use yaoki_core::time::Instant;

use super::page::{Checked, hex};
use super::report::Findings;
use crate::conn::Conn;
use crate::error::StoreError;

/// The first line of what is signed.
pub const LABEL: &str = "yaoki checkpoint 1";

/// Bytes of the digest in an anchor's short form.
const SHORT_BYTES: usize = 8;

/// The head of a lane: lane, last commit, head of the chain after it.
pub type Head = (LaneNumber, i64, [u8; 32]);

/// The heads of all lanes at a time, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When the heads were read.
    pub at: Instant,
    /// By ascending lane.
    pub heads: Vec<Head>,
    /// Ed25519 over [`Anchor::text`].
    pub signature: [u8; 64],
    /// Whose.
    pub public_key: [u8; 32],
}

/// The text that is signed.
pub fn heads_text(at: Instant, lanes: &[Lane]) -> String {
    let mut heads: Vec<Head> = lanes.iter().map(|lane| (lane.id, lane.seq, lane.head)).collect();
    heads.sort_unstable_by_key(|(lane, ..)| *lane);
    text_of(at, &heads)
}

fn text_of(at: Instant, heads: &[Head]) -> String {
    let mut text = format!("{LABEL}\n{}\n", at.0);
    for (lane, seq, head) in heads {
        writeln!(text, "{} {seq} {}", lane.0, hex(head)).expect("a String takes all");
    }
    text
}

/// Reads what [`heads_text`] wrote; none for anything else.
pub fn parse_heads(text: &str) -> Option<(Instant, Vec<Head>)> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(LABEL) {
        return None;
    }
    let at = Instant(lines.next()?.parse().ok()?);
    let heads = lines.map(parse_head).collect::<Option<Vec<Head>>>()?;
    // Only the canonical form is ever signed.
    (text_of(at, &heads) == text).then_some((at, heads))
}

fn parse_head(line: &str) -> Option<Head> {
    let mut parts = line.split(' ');
    let number = LaneNumber(parts.next()?.parse().ok()?);
    Some((number, parts.next()?.parse().ok()?, bytes(parts.next()?)?))
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let whole = digits.len() == 2 * N && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
    let read = (0..N).map(byte).collect::<Option<Vec<u8>>>()?;
    if whole { read.try_into().ok() } else { None }
}

/// An instant as people write it, RFC 3339.
pub(crate) fn time_text(at: Instant) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| format!("{} ms", at.0), |time| time.to_string())
}

/// One line of an anchor file; the error says what is wrong with it.
pub fn parse_line(line: &str) -> Result<Anchor, String> {
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("is no JSON: {error}"))?;
    let field = |name: &str| {
        let text = value.get(name).and_then(serde_json::Value::as_str);
        text.ok_or_else(|| format!("has no {name}"))
    };
    let heads = parse_heads(field("heads")?).ok_or("has heads that no one of us signed")?;
    let signature = bytes(field("signature")?).ok_or("has a signature that is not 64 bytes")?;
    let public_key = bytes(field("public_key")?).ok_or("has a public key that is not 32 bytes")?;
    let (at, heads) = heads;
    Ok(Anchor { at, heads, signature, public_key })
}

/// Every line of an anchor file; the error names the line.
pub fn parse_file(text: &str) -> Result<Vec<Anchor>, StoreError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let refused = |number: usize, problem: String| {
        StoreError::Refused(format!("line {} of the anchor file {problem}", number + 1))
    };
    lines.map(|(at, line)| parse_line(line).map_err(|problem| refused(at, problem))).collect()
}

impl Anchor {
    /// What is signed.
    pub fn text(&self) -> String {
        text_of(self.at, &self.heads)
    }

    /// One line of an anchor file, without the end of line.
    pub fn to_line(&self) -> String {
        let line = serde_json::json!({
            "time": time_text(self.at),
            "heads": self.text(),
            "signature": hex(&self.signature),
            "public_key": hex(&self.public_key),
        });
        line.to_string()
    }

    /// The short form, as on receipts: the first 16 hexadecimal digits of the SHA-256 of what is
    /// signed. Too short to prove anything by itself, and enough to find the anchor that does.
    pub fn short(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.text().as_bytes());
        hex(&digest.as_ref()[..SHORT_BYTES])
    }

    /// Whether commit `seq` of `lane` was there when the heads were read.
    pub fn covers(&self, lane: LaneNumber, seq: i64) -> bool {
        self.heads.iter().any(|(other, last, _)| *other == lane && seq <= *last)
    }

    /// Whether the signature holds under the key that the anchor names.
    pub fn signature_holds(&self) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.public_key);
        key.verify(self.text().as_bytes(), &self.signature).is_ok()
    }
}

/// The lanes of which something was said already: the first bad commit of a lane is enough.
#[derive(Debug, Default)]
pub(super) struct Said {
    missing: BTreeSet<LaneNumber>,
    differing: BTreeSet<LaneNumber>,
}

/// Compares anchors with the book.
pub(super) fn check(
    conn: &mut Conn,
    anchors: &[Anchor],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut said = Said::default();
    for anchor in anchors {
        let time = time_text(anchor.at);
        if !anchor.signature_holds() {
            let problem = "is not signed by the key that it names".to_owned();
            findings.add("anchor", &time, problem);
            continue;
        }
        let witness = format!("the anchor of {time}");
        compare(conn, &anchor.heads, (&witness, &mut said), findings)?;
    }
    Ok(())
}

/// The first commit of the book that an anchor says was another one; later commits may be missing.
pub(crate) fn contradiction(
    conn: &mut Conn,
    position: &[(LaneNumber, i64)],
    anchors: &[Anchor],
) -> Result<Option<String>, StoreError> {
    let mut findings = Findings::default();
    for anchor in anchors {
        let time = time_text(anchor.at);
        if !anchor.signature_holds() {
            return Ok(Some(format!("the anchor of {time} is not signed by the key it names")));
        }
        let is_there = |&&(lane, seq, _): &&Head| {
            position.iter().any(|(other, last)| *other == lane && seq <= *last)
        };
        let heads: Vec<Head> = anchor.heads.iter().filter(is_there).copied().collect();
        let witness = format!("the anchor of {time}");
        compare(conn, &heads, (&witness, &mut Said::default()), &mut findings)?;
        if let Some(first) = findings.kept.first() {
            return Ok(Some(first.to_string()));
        }
    }
    Ok(None)
}

/// Compares heads that somebody witnessed with the commits of the book.
pub(super) fn compare(
    conn: &mut Conn,
    heads: &[Head],
    (witness, said): (&str, &mut Said),
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let keys: Vec<(LaneNumber, i64)> = heads.iter().map(|(lane, seq, _)| (*lane, *seq)).collect();
    let found = conn.find::<Checked<Batch>, _>(&keys)?;
    let found: Vec<Batch> = found.into_iter().filter_map(|batch| batch.row.ok()).collect();
    for &(lane, seq, head) in heads.iter().filter(|(_, seq, _)| *seq > 0) {
        let key = format!("{}, {seq}", lane.0);
        match found.iter().find(|batch| (batch.lane, batch.seq) == (lane, seq)) {
            Some(batch) if batch.head == head => {}
            Some(_) if said.differing.insert(lane) => {
                let problem = format!(
                    "is not the commit that {witness} saw: facts of it, or before it, were \
                     rewritten and the chain computed anew"
                );
                findings.add("batch", key, problem);
            }
            None if said.missing.insert(lane) => {
                let problem = format!("is missing, but {witness} saw it: the tail was cut");
                findings.add("batch", key, problem);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    fn signed() -> Anchor {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a seed has 32 bytes");
        let public_key = pair.public_key().as_ref().try_into().expect("a key has 32 bytes");
        let heads = vec![(LaneNumber(0), 7, [1; 32]), (LaneNumber(5), 9, [2; 32])];
        let at = Instant(1_767_582_000_000);
        let mut anchor = Anchor { at, heads, signature: [0; 64], public_key };
        let signature = pair.sign(anchor.text().as_bytes());
        anchor.signature = signature.as_ref().try_into().expect("a signature has 64 bytes");
        anchor
    }

    #[test]
    fn an_anchor_is_read_as_it_is_written() {
        let anchor = signed();
        assert!(anchor.signature_holds());
        let line = anchor.to_line();
        assert!(line.contains("\"2026-01-05T03:00:00Z\""), "{line}");
        assert_eq!(parse_line(&line), Ok(anchor));
    }

    #[test]
    fn the_short_form_is_of_what_is_signed_and_commits_up_to_the_heads_are_covered() {
        let anchor = signed();
        // `jq -r .heads | sha256sum` over the line gives the same.
        assert_eq!(anchor.short(), "8de3fd20a62f9ff4");
        for (lane, seq, covered) in [(0, 1, true), (0, 7, true), (0, 8, false), (5, 9, true)] {
            assert_eq!(anchor.covers(LaneNumber(lane), seq), covered, "{lane} {seq}");
        }
        assert!(!anchor.covers(LaneNumber(1), 1), "that lane had no commit yet");
    }

    #[test]
    fn a_changed_anchor_is_not_signed() {
        let mut anchor = signed();
        anchor.heads[0].1 += 1;
        assert!(!anchor.signature_holds());
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let text = signed().text();
        assert!(parse_heads(&text).is_some());
        for wrong in [
            String::new(),
            LABEL.to_owned(),
            text[1..].to_owned(),
            text[..text.len() - 1].to_owned(),
            format!("{text}\n"),
            format!("{text}x 1 2\n"),
            text.replace(" 7 ", " 7  "),
            text.replace(" 7 ", " +7 "),
            text.replace("01", "0A"),
        ] {
            assert_eq!(parse_heads(&wrong), None, "{wrong}");
        }
        for wrong in ["", "{}", "[1]", "{\"heads\":\"x\"}", &signed().to_line()[1..]] {
            assert!(parse_line(wrong).is_err(), "{wrong}");
        }
    }
}
