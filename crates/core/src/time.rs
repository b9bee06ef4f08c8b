//! Time as an argument: milliseconds of Unix time, a zone as an offset, a business date as a label.

use crate::row::{Field, Kind, Source, Value};

/// Milliseconds of Unix time (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

/// One second in milliseconds.
pub const SECOND_MS: i64 = 1000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

impl Instant {
    /// This instant, `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0 + ms)
    }
}

impl Field for Instant {
    const KIND: Kind = Kind::Int;
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.int(index).map(Self)
    }
}

/// The operator's zone at the time of a batch: minutes east of UTC (Japan: 540).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneOffset {
    /// Minutes east of UTC.
    pub minutes: i64,
}

/// A business date: days since 1970-01-01 in the operator's zone. A label, never a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDate(pub i64);

impl Field for BusinessDate {
    const KIND: Kind = Kind::Int;
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        source.int(index).map(Self)
    }
}

impl BusinessDate {
    /// The date of a booking at `at` in a store whose day ends `cutoff_minutes` after midnight.
    pub fn of(at: Instant, zone: ZoneOffset, cutoff_minutes: i64) -> Self {
        let local = at.0 + (zone.minutes - cutoff_minutes) * MINUTE_MS;
        Self(local.div_euclid(DAY_MS))
    }

    /// Until when a payment of this booking date can be reversed: 15 minutes after it has ended at
    /// the store's cut-off. Registers of `PayPay` and `Alipay` know the rule as 00:15 of the day
    /// after, their cut-off being midnight.
    pub fn reversible_until(self, zone: ZoneOffset, cutoff_minutes: i64) -> Instant {
        Instant(
            (self.0 + 1) * DAY_MS - (zone.minutes - cutoff_minutes) * MINUTE_MS + 15 * MINUTE_MS,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKYO: ZoneOffset = ZoneOffset { minutes: 540 };

    #[test]
    fn a_business_date_ends_at_the_cutoff_in_the_operators_zone() {
        // 2019-07-01T00:00:00+09:00
        let midnight = Instant(1_561_906_800_000);
        assert_eq!(BusinessDate::of(midnight, TOKYO, 0), BusinessDate(18_078));
        assert_eq!(BusinessDate::of(Instant(midnight.0 - 1), TOKYO, 0), BusinessDate(18_077));
        assert_eq!(BusinessDate::of(midnight, TOKYO, 60), BusinessDate(18_077));
    }

    #[test]
    fn a_payment_can_be_reversed_until_a_quarter_past_the_cutoff() {
        let midnight = Instant(1_561_906_800_000);
        let until = BusinessDate(18_077).reversible_until(TOKYO, 0);
        assert_eq!(until, midnight.plus_ms(15 * MINUTE_MS));
        let five = BusinessDate(18_077).reversible_until(TOKYO, 300);
        assert_eq!(five, midnight.plus_ms((5 * 60 + 15) * MINUTE_MS));
    }
}
