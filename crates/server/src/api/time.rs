//! Times as texts: RFC 3339 in UTC with milliseconds, always of the same length, so that an answer
//! is equal byte for byte whenever it is rendered.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use yaoki_core::time::{BusinessDate, DAY_MS, Instant};

/// `2019-07-01T03:04:05.678Z`.
pub fn text(at: Instant) -> String {
    let timestamp = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = Offset::UTC.to_datetime(timestamp);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// `2019-07-01`.
pub fn date(date: BusinessDate) -> String {
    let midnight = Timestamp::from_millisecond(date.0.saturating_mul(DAY_MS));
    let date: Date = Offset::UTC.to_datetime(midnight.unwrap_or(Timestamp::UNIX_EPOCH)).date();
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// Reads RFC 3339 with any offset; none for anything else.
pub fn parse(text: &str) -> Option<Instant> {
    text.parse::<Timestamp>().ok().map(|timestamp| Instant(timestamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_one_form_and_read_with_any_offset() {
        let at = Instant(1_561_906_800_120);
        assert_eq!(text(at), "2019-06-30T15:00:00.120Z");
        for same in [text(at).as_str(), "2019-07-01T00:00:00.12+09:00"] {
            assert_eq!(parse(same), Some(at), "{same}");
        }
        for wrong in ["", "2019-07-01", "2019-07-01T00:00:00", "1561906800", "tomorrow"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_business_date_is_a_day() {
        assert_eq!(date(BusinessDate(18_078)), "2019-07-01");
        assert_eq!(date(BusinessDate(0)), "1970-01-01");
    }
}
