//! Six digits to a date: the zone leaves out the century.

use crate::document::date::{Date, digits};

/// No document is valid for more years than this. An expiry beyond that belongs to the century before.
const LONGEST_VALIDITY_YEARS: i32 = 50;

/// Birth and expiry, each `YYMMDD`. Nobody is born after `today`; an expiry is within 50 years of it, and not before the
/// birth.
pub fn resolve(birth: &str, expiry: &str, today: Date) -> (Option<Date>, Option<Date>) {
    let born = in_century_of(birth, today);
    let born = born.and_then(|date| if date > today { date.plus_years(-100) } else { Some(date) });
    let expires = in_century_of(expiry, today).and_then(|date| {
        let limit = |years| today.plus_years(years).unwrap_or(today);
        let too_late = date > limit(LONGEST_VALIDITY_YEARS) && born.is_none_or(|b| date.plus_years(-100) > Some(b));
        let too_early = date <= limit(-LONGEST_VALIDITY_YEARS) || born.is_some_and(|b| date < b);
        match (too_late, too_early) {
            (true, _) => date.plus_years(-100),
            (_, true) => date.plus_years(100),
            _ => Some(date),
        }
    });
    (born, expires)
}

/// `YYMMDD` in the century of `today`. 29 February is tried in the neighbouring centuries by the caller's shift only,
/// so a leap day that this century lacks is no date.
fn in_century_of(text: &str, today: Date) -> Option<Date> {
    let number = digits(text, 6)?;
    let year = u32::from(today.year()) / 100 * 100 + number / 10_000;
    Date::new(year as u16, (number / 100 % 100) as u8, (number % 100) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(birth: &str, expiry: &str) -> (String, String) {
        let today = Date::new(2026, 11, 21).unwrap();
        let (birth, expiry) = resolve(birth, expiry, today);
        let text = |date: Option<Date>| date.map_or("-".into(), |date| date.to_string());
        (text(birth), text(expiry))
    }

    #[test]
    fn the_century_follows_from_today() {
        assert_eq!(resolved("740812", "120415"), ("1974-08-12".into(), "2012-04-15".into()));
        assert_eq!(resolved("261121", "700601"), ("2026-11-21".into(), "2070-06-01".into()));
        assert_eq!(resolved("261122", "940101"), ("1926-11-22".into(), "1994-01-01".into()));
        assert_eq!(resolved("491004", "941101"), ("1949-10-04".into(), "1994-11-01".into()));
    }

    #[test]
    fn no_date_is_none() {
        assert_eq!(resolved("74<<<<", "<<<<<<"), ("-".into(), "-".into()));
        assert_eq!(resolved("BB0911", "2ZZ716"), ("-".into(), "-".into()));
        assert_eq!(resolved("990230", "231301"), ("-".into(), "-".into()));
    }
}
