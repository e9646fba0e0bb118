//! Calendar dates as documents print them. The clock is never read: "today" is an argument wherever it matters.

use std::fmt;

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if there is one: month 1 to 12, day 1 to the length of the month, year 1 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=length).contains(&day)).then_some(Self { year, month, day })
    }

    /// Year, 1 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// Month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Whole years from this day to a later one. 0 if `later` is not later.
    pub fn years_until(self, later: Date) -> u16 {
        let before_anniversary = (later.month, later.day) < (self.month, self.day);
        later.year.saturating_sub(self.year).saturating_sub(before_anniversary.into())
    }

    /// The same day of the calendar some years later or earlier. 29 February becomes the 28th if the year has no such day.
    pub(crate) fn plus_years(self, years: i32) -> Option<Date> {
        let year = u16::try_from(i32::from(self.year) + years).ok()?;
        Date::new(year, self.month, self.day).or_else(|| Date::new(year, self.month, self.day - 1))
    }

    /// Reads eight digits, year first.
    pub(crate) fn from_yyyymmdd(text: &str) -> Option<Date> {
        let number = digits(text, 8)?;
        Date::new((number / 10_000) as u16, (number / 100 % 100) as u8, (number % 100) as u8)
    }

    /// Reads eight digits, month first.
    pub(crate) fn from_mmddyyyy(text: &str) -> Option<Date> {
        let number = digits(text, 8)?;
        Date::new((number % 10_000) as u16, (number / 1_000_000) as u8, (number / 10_000 % 100) as u8)
    }
}

/// The number that exactly `count` ASCII digits write.
pub(crate) fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Date {
    /// ISO 8601: `2026-11-21`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert!(Date::new(2023, 2, 29).is_none());
        assert!(Date::new(1900, 2, 29).is_none());
        assert_eq!(Date::new(2000, 2, 29).unwrap().to_string(), "2000-02-29");
        assert!(Date::from_mmddyyyy("13012000").is_none());
        assert_eq!(Date::from_mmddyyyy("12312000"), Date::from_yyyymmdd("20001231"));
        assert!(Date::from_yyyymmdd("+2000123").is_none());
    }

    #[test]
    fn age_counts_whole_years() {
        let birth = Date::new(2000, 6, 15).unwrap();
        assert_eq!(birth.years_until(Date::new(2018, 6, 14).unwrap()), 17);
        assert_eq!(birth.years_until(Date::new(2018, 6, 15).unwrap()), 18);
        assert_eq!(birth.years_until(Date::new(1999, 1, 1).unwrap()), 0);
    }
}
