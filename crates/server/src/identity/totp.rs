//! Codes of a code generator (TOTP, RFC 6238): six digits of SHA-1, a new one every 30 seconds, the
//! one form that every generator knows.
//!
//! A code counts in the step before its own, in its own and in the one after it, for clocks that
//! are off and people who type. It counts once: the caller keeps the step that matched, in the
//! commit that the code leads to, and gives it with the next check, which matches later steps only
//! (5.2 of the RFC).
//!
//! Not here: sealing the seed, with [`Purpose::TotpSeed`](super::seal::Purpose), before it is kept;
//! how often codes may be tried. Three of a million codes are right at a time, so tries have to be
//! few.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;
use totp_rs::{Builder, Totp, TotpError};
use yaoki_formats::qr_text::{QrTextError, qr_svg};
use zeroize::Zeroizing;

use crate::edge::keys::Secret;

/// Bytes of a seed: the length of what SHA-1 gives (RFC 4226, 4, R6).
pub const SEED_BYTES: usize = 20;

/// Milliseconds of a step.
pub const STEP_MS: i64 = 30_000;

/// How many digits a code has.
pub const DIGITS: usize = 6;

/// What a generator and this server share: chance, never printed, wiped when dropped.
pub type Seed = Secret<SEED_BYTES>;

/// Why a seed was not shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShowError {
    /// A colon divides the names in what a generator reads.
    #[error("the names that a code generator shows must not be empty, nor have a colon in them")]
    Names,
    /// Too long for a symbol.
    #[error("the names that a code generator shows must be shorter")]
    TooLong(#[from] QrTextError),
}

/// What a person sees once, to set up a generator. It holds the seed, and is wiped when dropped.
pub struct Shown {
    /// For a generator on the same device: `otpauth://…`.
    pub uri: Zeroizing<String>,
    /// To be typed: the seed in base32.
    pub text: Zeroizing<String>,
    /// To be scanned: the URI as a QR symbol.
    pub svg: Zeroizing<String>,
}

/// Shows a seed under the issuer's name and the account's.
///
/// # Errors
/// [`ShowError`].
pub fn shown(seed: &Seed, issuer: &str, account: &str) -> Result<Shown, ShowError> {
    if issuer.is_empty() {
        return Err(ShowError::Names);
    }
    let generator = Builder::new()
        .with_secret(*seed.expose())
        .with_issuer(Some(issuer))
        .with_account_name(account)
        .build()
        .map_err(|_| ShowError::Names)?;
    let uri = Zeroizing::new(generator.to_url().map_err(|_| ShowError::Names)?);
    let text = Zeroizing::new(totp_rs::Secret::from(*seed.expose()).to_base32());
    let svg = Zeroizing::new(qr_svg(&uri)?);
    Ok(Shown { uri, text, svg })
}

/// The step of which this is the code, if it is one of three around `now_ms` and later than
/// `after`, the last one that counted; 0 if none did yet. The same time for every code of six
/// digits.
pub fn check(seed: &Seed, code: &str, now_ms: i64, after: i64) -> Option<i64> {
    let digits: Vec<u8> = code.bytes().filter(|byte| *byte != b' ').collect();
    if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let generator = generator(seed).expect("20 bytes are a seed");
    let now = now_ms.div_euclid(STEP_MS);
    let mut matched = -1_i64;
    // From the last: where two steps have the same code, the earlier one is taken, and the later
    // one is left.
    for step in [now + 1, now, now - 1] {
        let Ok(seconds) = u64::try_from(step.saturating_mul(STEP_MS / 1000)) else {
            continue;
        };
        let right = Zeroizing::new(generator.generate(seconds).to_string());
        let is_right = right.as_bytes().ct_eq(&digits);
        matched.conditional_assign(&step, is_right & Choice::from(u8::from(step > after)));
    }
    (matched >= 0).then_some(matched)
}

fn generator(seed: &Seed) -> Result<Totp, TotpError> {
    Builder::new().with_secret(*seed.expose()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed of RFC 6238, appendix B.
    fn seed() -> Seed {
        Secret::new(*b"12345678901234567890")
    }

    /// The moment of such a step's middle.
    const fn middle(step: i64) -> i64 {
        step * STEP_MS + STEP_MS / 2
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the last six of eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(check(&seed(), code, seconds * 1000, 0), Some(seconds / 30), "{code}");
        }
        assert_eq!(check(&seed(), "287 082", 59_000, 0), Some(1));
    }

    #[test]
    fn a_code_counts_one_step_early_and_one_late_and_no_further() {
        let step = 1_111_111_109 / 30;
        for (now, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = check(&seed(), "081804", middle(step + now), 0);
            assert_eq!(found, counts.then_some(step), "{now}");
        }
    }

    #[test]
    fn a_code_counts_once() {
        let step = check(&seed(), "287082", 59_000, 0).expect("a first time");
        assert_eq!(check(&seed(), "287082", 59_000, step), None);
        assert_eq!(check(&seed(), "287082", 61_000, step), None);
    }

    #[test]
    fn what_is_no_code_of_this_seed_is_none() {
        for wrong in
            ["", "287083", "28708", "2870820", "287O82", "+87082", "２８７０８２", "-28708"]
        {
            assert_eq!(check(&seed(), wrong, 59_000, 0), None, "{wrong}");
        }
        assert_eq!(check(&Secret::new([7; SEED_BYTES]), "287082", 59_000, 0), None);
        assert_eq!(check(&seed(), "287082", -59_000, 0), None);
    }

    #[test]
    fn a_seed_is_shown_as_generators_read_it() {
        let shown = shown(&seed(), "Yaoki Pay", "hanako@example.jp").expect("names");
        assert_eq!(
            shown.uri.as_str(),
            "otpauth://totp/Yaoki%20Pay:hanako%40example.jp?\
             secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Yaoki%20Pay"
        );
        assert_eq!(shown.text.as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(shown.svg.starts_with("<svg"));
        for (issuer, account) in [("", "a"), ("a", ""), ("a:b", "a"), ("a", "a:b")] {
            let wrong = super::shown(&seed(), issuer, account).err();
            assert_eq!(wrong, Some(ShowError::Names), "{issuer} {account}");
        }
        let long = super::shown(&seed(), "Yaoki", &"a".repeat(500)).err();
        assert!(matches!(long, Some(ShowError::TooLong(_))));
    }
}
