//! Accounts: where money and points stand. An account is a class and the number of its owner in one
//! integer, so that a transfer is one row and an account needs none.
//!
//! Signs: a positive balance is what the book owes the owner. System accounts stand on the other
//! side, so the sum over all accounts is always zero.

use crate::ids::{MemberNumber, StoreNumber};
use crate::row::{Field, Kind, Source, Value};

/// One account: class × 10^12 + number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(pub i64);

const CLASS: i64 = 1_000_000_000_000;

impl Account {
    /// Money that came in from outside (the other side of every top-up).
    pub const FUNDING: Self = Self(9 * CLASS + 1);
    /// Points that were given out (the other side of every grant).
    pub const POINTS_ISSUED: Self = Self(9 * CLASS + 2);
    /// Money whose owner cannot be booked, such as a refund to a closed member.
    pub const SUSPENSE: Self = Self(9 * CLASS + 3);
    /// What the acquirer owes for top-ups by card: negative, as long as it owes.
    pub const ACQUIRER: Self = Self(9 * CLASS + 4);
    /// What the acquirer took back by disputes and nobody has made good yet.
    pub const DISPUTES: Self = Self(9 * CLASS + 5);
    /// Every system account.
    pub const SYSTEM: [Self; 5] =
        [Self::FUNDING, Self::POINTS_ISSUED, Self::SUSPENSE, Self::ACQUIRER, Self::DISPUTES];

    /// A member's money.
    pub const fn money(member: MemberNumber) -> Self {
        Self(CLASS + member.0)
    }

    /// A member's points.
    pub const fn points(member: MemberNumber) -> Self {
        Self(2 * CLASS + member.0)
    }

    /// What a store is owed; may go negative by refunds and is carried over.
    pub const fn payable(store: StoreNumber) -> Self {
        Self(3 * CLASS + store.0)
    }

    /// What a store owes for cash that it took for top-ups: negative, as long as it owes.
    pub const fn cash(store: StoreNumber) -> Self {
        Self(4 * CLASS + store.0)
    }

    /// The member whose money or points this is.
    pub const fn member(self) -> Option<MemberNumber> {
        match self.0 / CLASS {
            1 | 2 => Some(MemberNumber(self.0 % CLASS)),
            _ => None,
        }
    }

    /// The store whose cash this is.
    pub const fn cash_of(self) -> Option<StoreNumber> {
        match self.0 / CLASS {
            4 => Some(StoreNumber(self.0 % CLASS)),
            _ => None,
        }
    }

    /// The store whose payable this is.
    pub const fn store(self) -> Option<StoreNumber> {
        match self.0 / CLASS {
            3 => Some(StoreNumber(self.0 % CLASS)),
            _ => None,
        }
    }

    /// Reads `member:7`, `points:7`, `store:3`, `cash:3`, or the name of a system account, such as
    /// `suspense`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| -> Option<i64> {
            let number = digits.parse().ok()?;
            (0 < number && number < CLASS).then_some(number)
        };
        match text.split_once(':') {
            Some(("member", digits)) => number(digits).map(|n| Self::money(MemberNumber(n))),
            Some(("points", digits)) => number(digits).map(|n| Self::points(MemberNumber(n))),
            Some(("store", digits)) => number(digits).map(|n| Self::payable(StoreNumber(n))),
            Some(("cash", digits)) => number(digits).map(|n| Self::cash(StoreNumber(n))),
            Some(_) => None,
            None => match text {
                "funding" => Some(Self::FUNDING),
                "points-issued" => Some(Self::POINTS_ISSUED),
                "suspense" => Some(Self::SUSPENSE),
                "acquirer" => Some(Self::ACQUIRER),
                "disputes" => Some(Self::DISPUTES),
                _ => None,
            },
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (*self, self.0 / CLASS, self.0 % CLASS) {
            (Self::FUNDING, ..) => out.write_str("funding"),
            (Self::POINTS_ISSUED, ..) => out.write_str("points-issued"),
            (Self::SUSPENSE, ..) => out.write_str("suspense"),
            (Self::ACQUIRER, ..) => out.write_str("acquirer"),
            (Self::DISPUTES, ..) => out.write_str("disputes"),
            (_, 1, number) => write!(out, "member:{number}"),
            (_, 2, number) => write!(out, "points:{number}"),
            (_, 3, number) => write!(out, "store:{number}"),
            (_, 4, number) => write!(out, "cash:{number}"),
            _ => write!(out, "account:{}", self.0),
        }
    }
}

impl Field for Account {
    const KIND: Kind = Kind::Int;
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.int(index).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_is_read_back_as_it_is_written() {
        let mut all = Account::SYSTEM.to_vec();
        all.push(Account::money(MemberNumber(9_999_999_999)));
        all.push(Account::points(MemberNumber(1)));
        all.push(Account::payable(StoreNumber(77)));
        all.push(Account::cash(StoreNumber(77)));
        for account in all {
            assert_eq!(Account::parse(&account.to_string()), Some(account));
        }
        for bad in ["member:", "member:0", "member:-1", "store:x", "bank:1", "", "suspense:1"] {
            assert_eq!(Account::parse(bad), None, "{bad}");
        }
    }
}
