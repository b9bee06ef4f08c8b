//! Identifiers as they are seen outside: `pay_028t5cy4tqkff5` for the number of a payment.
//!
//! Shape: the prefix of the [`Kind`], `_`, 13 digits of Crockford's base 32 (lower case, most
//! significant first) of a positive `i64`, and one check digit. Reading takes either case, and `i`,
//! `l` for `1`, `o` for `0`, as Crockford asks: these are read aloud and typed from receipts.
//!
//! The check digit is from the same 32 digits, not one of Crockford's five extra symbols (`*~$=u`),
//! which break in URLs and when read aloud. Digits are elements of GF(32) (polynomial x⁵ + x² + 1)
//! and the fourteen, each times its own power of the generator x, sum to a constant of the kind.
//! All fourteen weights differ and none is zero, so **every** wrong digit and **every** exchange of
//! two different digits, adjacent or not, is found, and so is an identifier under another kind's
//! prefix. Any other damage passes once in 32 times: the check is against slips, not against
//! forgers.
//!
//! Limits: 1 to `i64::MAX`; 18 characters.
//!
//! Not here: whether such a thing exists and who may see it. Identifiers are no secret and give no
//! right.

use std::error::Error;
use std::fmt;

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Digits of the number: 13 x 5 = 65 bits, of which a positive `i64` uses 63.
const NUMBER_DIGITS: usize = 13;

/// Digits behind the `_`: those of the number and the check digit.
const BODY_DIGITS: usize = NUMBER_DIGITS + 1;

/// What an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A payment, one-step or authorized first.
    Payment,
    /// A refund of a payment.
    Refund,
    /// A reversal of a request.
    Reversal,
    /// A merchant: who is paid.
    Merchant,
    /// A store of a merchant: where.
    Store,
    /// A terminal of a store: the register that asks.
    Terminal,
    /// A member: who pays.
    Member,
    /// A member's device.
    Device,
    /// An event that a merchant is told of.
    Event,
    /// A merchant's webhook endpoint.
    Webhook,
    /// A factor of a member.
    Factor,
    /// A recovery of a wallet.
    Recovery,
    /// Who works at the console.
    Operator,
    /// An act that two operators must agree on.
    Proposal,
    /// Who gives money back at a register.
    Clerk,
    /// A session of an operator.
    StaffSession,
    /// Money that came in, or was to.
    TopUp,
    /// A card on file.
    Card,
    /// A shift of a clerk at a register.
    Shift,
}

impl Kind {
    /// Every kind. The place in this list is part of the check digit: append, never reorder.
    pub const ALL: [Self; 19] = [
        Self::Payment,
        Self::Refund,
        Self::Reversal,
        Self::Merchant,
        Self::Store,
        Self::Terminal,
        Self::Member,
        Self::Device,
        Self::Event,
        Self::Webhook,
        Self::Factor,
        Self::Recovery,
        Self::Operator,
        Self::Proposal,
        Self::Clerk,
        Self::StaffSession,
        Self::TopUp,
        Self::Card,
        Self::Shift,
    ];

    /// The three letters before the `_`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Payment => "pay",
            Self::Refund => "ref",
            Self::Reversal => "rev",
            Self::Merchant => "mer",
            Self::Store => "sto",
            Self::Terminal => "trm",
            Self::Member => "mem",
            Self::Device => "dev",
            Self::Event => "evt",
            Self::Webhook => "whe",
            Self::Factor => "fac",
            Self::Recovery => "rcv",
            Self::Operator => "opr",
            Self::Proposal => "prp",
            Self::Clerk => "clk",
            Self::StaffSession => "ses",
            Self::TopUp => "top",
            Self::Card => "crd",
            Self::Shift => "shf",
        }
    }

    /// What the weighted digits of this kind sum to.
    const fn constant(self) -> u8 {
        match self {
            Self::Payment => 1,
            Self::Refund => 2,
            Self::Reversal => 3,
            Self::Merchant => 4,
            Self::Store => 5,
            Self::Terminal => 6,
            Self::Member => 7,
            Self::Device => 8,
            Self::Event => 9,
            Self::Webhook => 10,
            Self::Factor => 11,
            Self::Recovery => 12,
            Self::Operator => 13,
            Self::Proposal => 14,
            Self::Clerk => 15,
            Self::StaffSession => 16,
            Self::TopUp => 17,
            Self::Card => 18,
            Self::Shift => 19,
        }
    }
}

/// Why a text is no identifier of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifierError {
    /// Another kind's prefix, or none.
    PrefixWrong {
        /// The prefix that must stand there.
        expected: &'static str,
    },
    /// Not 14 characters behind the `_`.
    LengthWrong {
        /// Bytes found behind the `_`.
        found: usize,
    },
    /// A character that is no base 32 digit.
    CharacterWrong {
        /// Counted from 1, behind the `_`, in bytes.
        position: usize,
    },
    /// The check digit does not fit.
    CheckWrong,
    /// Zero, or above `i64::MAX`, with a fitting check digit: never given out.
    OutOfRange,
}

impl Error for IdentifierError {}

impl fmt::Display for IdentifierError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrefixWrong { expected } => write!(
                out,
                "the identifier must begin with `{expected}_`; send the one that the answer about \
                 it gave"
            ),
            Self::LengthWrong { found } => write!(
                out,
                "the identifier must have {BODY_DIGITS} characters behind `_`, not {found}; copy \
                 it whole"
            ),
            Self::CharacterWrong { position } => write!(
                out,
                "the identifier must have only digits and the letters a to z without u behind \
                 `_`; look at character {position} behind `_`"
            ),
            Self::CheckWrong => out.write_str(
                "the identifier has a typing error or belongs to another kind of thing; copy it \
                 again",
            ),
            Self::OutOfRange => out.write_str(
                "the identifier names nothing that was ever given out; send one that an answer \
                 gave",
            ),
        }
    }
}

/// The identifier of `number`.
///
/// # Panics
/// When `number` is not positive: such numbers are never given out.
pub fn text(kind: Kind, number: i64) -> String {
    assert!(number > 0, "only positive numbers are shown outside");
    let mut body = [0; BODY_DIGITS];
    let mut rest = number.cast_unsigned();
    for digit in body[..NUMBER_DIGITS].iter_mut().rev() {
        *digit = (rest & 31).to_le_bytes()[0];
        rest >>= 5;
    }
    assert!(rest == 0, "65 bits hold 63");
    body[NUMBER_DIGITS] = check_digit(kind, &body);
    let mut text = String::with_capacity(kind.prefix().len() + 1 + BODY_DIGITS);
    text.push_str(kind.prefix());
    text.push('_');
    text.extend(body.iter().map(|digit| char::from(DIGITS[usize::from(*digit)])));
    text
}

/// The number that `text` names, 1 to `i64::MAX`, in either case and with the usual slips (`o`,
/// `i`, `l`).
///
/// # Errors
/// [`IdentifierError`], each with what to do.
pub fn parse(kind: Kind, text: &str) -> Result<i64, IdentifierError> {
    let expected = kind.prefix();
    let (prefix, body_text) =
        text.split_once('_').ok_or(IdentifierError::PrefixWrong { expected })?;
    if !prefix.eq_ignore_ascii_case(expected) {
        return Err(IdentifierError::PrefixWrong { expected });
    }
    let body: [u8; BODY_DIGITS] = body_text
        .as_bytes()
        .try_into()
        .map_err(|_| IdentifierError::LengthWrong { found: body_text.len() })?;
    let mut digits = [0; BODY_DIGITS];
    for ((digit, character), position) in digits.iter_mut().zip(body).zip(1..) {
        *digit = value(character).ok_or(IdentifierError::CharacterWrong { position })?;
    }
    if check_digit(kind, &digits) != digits[NUMBER_DIGITS] {
        return Err(IdentifierError::CheckWrong);
    }
    // 65 bits: the first digit must leave the two above an i64 free.
    if digits[0] >= 8 {
        return Err(IdentifierError::OutOfRange);
    }
    let number = digits[..NUMBER_DIGITS]
        .iter()
        .fold(0_i64, |number, digit| (number << 5) | i64::from(*digit));
    if number == 0 { Err(IdentifierError::OutOfRange) } else { Ok(number) }
}

/// The value of a base 32 digit, `None` for any other character.
fn value(character: u8) -> Option<u8> {
    let character = match character.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    DIGITS.iter().zip(0..).find_map(|(digit, value)| (*digit == character).then_some(value))
}

/// The last digit, of weight 1, that makes the sum the kind's constant. What stands in its place is
/// not looked at.
fn check_digit(kind: Kind, digits: &[u8; BODY_DIGITS]) -> u8 {
    // Horner's rule: the first digit ends with weight x^13, the last of the number with x.
    let sum = digits[..NUMBER_DIGITS].iter().fold(0, |sum, digit| times_x(sum ^ digit));
    sum ^ kind.constant()
}

/// Multiplies by the generator in GF(32).
const fn times_x(element: u8) -> u8 {
    let shifted = element << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn kinds() -> impl Strategy<Value = Kind> {
        proptest::sample::select(Kind::ALL.to_vec())
    }

    /// The 14 characters behind the `_`, as values.
    fn with_body(kind: Kind, body: &[u8]) -> String {
        format!("{}_{}", kind.prefix(), String::from_utf8_lossy(body))
    }

    #[test]
    fn the_form_is_fixed() {
        assert_eq!(text(Kind::Payment, 1), "pay_00000000000013");
        assert_eq!(text(Kind::Terminal, 1), "trm_00000000000014");
        assert_eq!(text(Kind::Member, i64::MAX), "mem_7zzzzzzzzzzzz1");
        assert_eq!(text(Kind::Payment, 0x0123_4567_89ab_cdef), "pay_028t5cy4tqkff5");
    }

    #[test]
    fn prefixes_and_constants_differ() {
        let prefixes: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.prefix()).collect();
        let constants: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.constant()).collect();
        assert_eq!(prefixes.len(), Kind::ALL.len());
        assert_eq!(constants.len(), Kind::ALL.len());
        for (kind, place) in Kind::ALL.iter().zip(1..) {
            assert_eq!(kind.constant(), place, "the list is appended to, never reordered");
            assert!(
                kind.prefix().len() == 3
                    && kind.prefix().bytes().all(|byte| byte.is_ascii_lowercase())
            );
        }
    }

    #[test]
    fn every_refusal_is_reached() {
        let long = IdentifierError::LengthWrong { found: 15 };
        let cases = [
            ("", IdentifierError::PrefixWrong { expected: "pay" }),
            ("pay", IdentifierError::PrefixWrong { expected: "pay" }),
            ("ref_00000000000013", IdentifierError::PrefixWrong { expected: "pay" }),
            ("pay_0000000000013", IdentifierError::LengthWrong { found: 13 }),
            ("pay_000000000000013", long),
            ("pay__0000000000013", IdentifierError::CharacterWrong { position: 1 }),
            ("pay_000000000000u3", IdentifierError::CharacterWrong { position: 13 }),
            ("pay_00000000000014", IdentifierError::CheckWrong),
            ("pay_00000000000001", IdentifierError::OutOfRange),
        ];
        for (input, error) in cases {
            assert_eq!(parse(Kind::Payment, input), Err(error), "{input}");
            assert!(error.to_string().starts_with("the identifier "));
        }
        // 2^63 with its own check digit.
        let mut digits = [0; BODY_DIGITS];
        digits[0] = 8;
        digits[NUMBER_DIGITS] = check_digit(Kind::Payment, &digits);
        let body = digits.map(|digit| DIGITS[usize::from(digit)]);
        assert_eq!(
            parse(Kind::Payment, &with_body(Kind::Payment, &body)),
            Err(IdentifierError::OutOfRange)
        );
    }

    #[test]
    fn the_weights_differ_and_none_is_zero() {
        let weights: BTreeSet<u8> = std::iter::successors(Some(1), |weight| Some(times_x(*weight)))
            .take(BODY_DIGITS)
            .collect();
        assert_eq!(weights.len(), BODY_DIGITS);
        assert!(!weights.contains(&0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(kind in kinds(), number in 1..=i64::MAX) {
            let identifier = text(kind, number);
            prop_assert_eq!(identifier.len(), 18);
            prop_assert_eq!(parse(kind, &identifier), Ok(number));
            prop_assert_eq!(parse(kind, &identifier.to_ascii_uppercase()), Ok(number));
            let (prefix, body) = identifier.split_once('_').expect("a prefix");
            for (zero, one) in [("O", "I"), ("o", "l")] {
                let slip = body.replace('0', zero).replace('1', one);
                prop_assert_eq!(parse(kind, &format!("{prefix}_{slip}")), Ok(number));
            }
        }

        #[test]
        fn every_wrong_digit_is_found(
            kind in kinds(), number in 1..=i64::MAX, place in 0..BODY_DIGITS, wrong in 0_usize..32
        ) {
            let identifier = text(kind, number);
            let mut body = identifier.as_bytes()[4..].to_vec();
            prop_assume!(body[place] != DIGITS[wrong]);
            body[place] = DIGITS[wrong];
            prop_assert_eq!(parse(kind, &with_body(kind, &body)), Err(IdentifierError::CheckWrong));
        }

        #[test]
        fn every_exchange_of_two_digits_is_found(
            kind in kinds(), number in 1..=i64::MAX, one in 0..BODY_DIGITS, other in 0..BODY_DIGITS
        ) {
            let identifier = text(kind, number);
            let mut body = identifier.as_bytes()[4..].to_vec();
            prop_assume!(body[one] != body[other]);
            body.swap(one, other);
            prop_assert_eq!(parse(kind, &with_body(kind, &body)), Err(IdentifierError::CheckWrong));
        }

        #[test]
        fn another_kinds_body_is_found(kind in kinds(), other in kinds(), number in 1..=i64::MAX) {
            prop_assume!(kind != other);
            let identifier = text(other, number);
            prop_assert_eq!(
                parse(kind, &with_body(kind, &identifier.as_bytes()[4..])),
                Err(IdentifierError::CheckWrong)
            );
        }

        #[test]
        fn no_text_panics(kind in kinds(), input in any::<String>(), body in "\\PC{0,16}") {
            let _ = parse(kind, &input);
            if let Ok(number) = parse(kind, &format!("{}_{body}", kind.prefix())) {
                prop_assert!(number > 0);
            }
        }
    }
}
