//! The one place that reads the system clock. Times are microseconds since 1970, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// Microseconds of a second.
pub const SECOND_US: i64 = 1_000_000;

const NAIVE: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");

/// Now.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A duration in microseconds.
pub const fn micros(duration: Duration) -> i64 {
    duration.as_micros() as i64
}

/// A time as the API shows it: naive UTC with six decimals, `2017-10-25T18:41:00.190750`.
pub fn format(time_us: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1000)
        .ok()
        .and_then(|time| time.format(NAIVE).ok())
        .unwrap_or_default()
}

/// Reads a date (`2027-01-31`, its first moment) or a naive UTC time (`2027-01-31T12:00:00`).
pub fn parse(text: &str) -> Option<i64> {
    const DATE: &[FormatItem<'static>] = format_description!("[year]-[month]-[day]");
    const TIME: &[FormatItem<'static>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let moment = time::PrimitiveDateTime::parse(text, TIME)
        .or_else(|_| time::Date::parse(text, DATE).map(time::Date::midnight))
        .ok()?;
    Some(moment.assume_utc().unix_timestamp() * SECOND_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_decimals_and_no_zone() {
        assert_eq!(format(1_508_956_860_190_750), "2017-10-25T18:41:00.190750");
        assert_eq!(format(0), "1970-01-01T00:00:00.000000");
    }

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(format(parse("2027-01-31").unwrap()), "2027-01-31T00:00:00.000000");
        assert_eq!(format(parse("2027-01-31T12:30:05").unwrap()), "2027-01-31T12:30:05.000000");
        assert_eq!(parse("31.1.2027"), None);
    }
}
