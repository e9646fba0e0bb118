//! Dates of birth as lists give them: full, partial, a range of years, or about a year.

/// A span of days in which somebody was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BirthDate {
    /// First possible day as year * 10000 + month * 100 + day.
    from: u32,
    /// Last possible day in the same form, never before `from`.
    to: u32,
    /// The publisher says that the date is approximate.
    circa: bool,
}

/// How two dates of birth compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The same day.
    SameDay,
    /// Compatible, at least one of them being partial, a range or approximate.
    Compatible,
    /// Different, but a typing error or a wrongly converted calendar can explain it: day and month exchanged, one digit of
    /// the date off, or a year next to an approximate one.
    Near,
    /// Irreconcilable.
    Different,
}

/// Years around an approximate date that are still taken as compatible.
const CIRCA_YEARS: u32 = 2;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl BirthDate {
    /// A known day; `None` when there is no such day in the Gregorian calendar.
    pub fn day(year: u32, month: u32, day: u32) -> Option<BirthDate> {
        let known =
            (1000..=2999).contains(&year) && (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
        known.then(|| year * 10_000 + month * 100 + day).map(|at| BirthDate { from: at, to: at, circa: false })
    }

    /// Every day of the years, which may be one; `None` when they are out of order or not of four digits.
    pub fn years(first: u32, last: u32) -> Option<BirthDate> {
        let known = 1000 <= first && first <= last && last <= 2999;
        known.then_some(BirthDate { from: first * 10_000 + 101, to: last * 10_000 + 1231, circa: false })
    }

    /// Every day of a month.
    pub fn month(year: u32, month: u32) -> Option<BirthDate> {
        let last = BirthDate::day(year, month, length(year, month))?;
        Some(BirthDate { from: BirthDate::day(year, month, 1)?.from, ..last })
    }

    /// Reads what lists and callers write: `1960-06-29`, `1969-7-16`, `1960`, `29 Jun 1978`, `Jun 1978`, `27/03/1955`,
    /// `00/00/1955`, `circa 1961`, `1929 to 1930`, `1979-1982`, `01 Jan 1955 to 31 Dec 1956`.
    pub fn parse(text: &str) -> Option<BirthDate> {
        let text = text.trim().trim_end_matches(['.', ',']).to_ascii_lowercase();
        let marks = ["circa", "approximately", "approx", "about", "c."];
        let mark = marks.iter().find_map(|mark| text.strip_prefix(mark));
        let (circa, text) = mark.map_or((false, text.as_str()), |rest| (true, rest.trim_start_matches('.').trim()));
        let parts = ["between ", ""].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
        let ends =
            [" to ", " and ", " - "].iter().find_map(|word| parts.split_once(word)).or_else(|| years_apart(parts));
        let mut date = match ends {
            Some((first, last)) => {
                let (first, last) = (BirthDate::single(first)?, BirthDate::single(last)?);
                (first.from <= last.to).then_some(BirthDate { from: first.from, to: last.to, circa: false })?
            }
            None => BirthDate::single(text)?,
        };
        date.circa = circa;
        Some(date)
    }

    /// The same date, marked as approximate.
    #[must_use]
    pub fn approximate(self) -> BirthDate {
        BirthDate { circa: true, ..self }
    }

    fn single(text: &str) -> Option<BirthDate> {
        let parts: Vec<&str> = text.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
        match *parts.as_slice() {
            [year] => number(year).and_then(|year| BirthDate::years(year, year)),
            [month, year] => BirthDate::month(number(year)?, month_number(month)?),
            [a, b, c] if a.len() == 4 => BirthDate::partial(number(a)?, month_number(b)?, number(c)?),
            [a, b, c] => BirthDate::partial(number(c)?, month_number(b)?, number(a)?),
            _ => None,
        }
    }

    /// A date whose unknown parts are zero.
    fn partial(year: u32, month: u32, day: u32) -> Option<BirthDate> {
        match (month, day) {
            (0, _) => BirthDate::years(year, year),
            (_, 0) => BirthDate::month(year, month),
            _ => BirthDate::day(year, month, day),
        }
    }

    /// How `self` and `other` compare. The order does not matter.
    pub fn agreement(&self, other: &BirthDate) -> Agreement {
        let (a, b) = (self.widened(), other.widened());
        if self.is_day() && other.is_day() && self.from == other.from {
            Agreement::SameDay
        } else if a.from <= b.to && b.from <= a.to {
            Agreement::Compatible
        } else if self.is_day() && other.is_day() && slip(self.from, other.from) || adjacent(&a, &b) {
            Agreement::Near
        } else {
            Agreement::Different
        }
    }

    fn is_day(&self) -> bool {
        self.from == self.to && !self.circa
    }

    fn widened(self) -> BirthDate {
        let years = if self.circa { CIRCA_YEARS } else { 0 };
        BirthDate { from: self.from - years * 10_000, to: self.to + years * 10_000, circa: self.circa }
    }
}

/// As `1960-06-29`, `1960-06`, `1960`, `1960 to 1962` or a span of days, with `circa` before it where it applies.
impl std::fmt::Display for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let split = |at: u32| (at / 10_000, at / 100 % 100, at % 100);
        let ((y1, m1, d1), (y2, m2, d2)) = (split(self.from), split(self.to));
        if self.circa {
            f.write_str("circa ")?;
        }
        match (m1, d1, m2, d2) {
            _ if self.from == self.to => write!(f, "{y1:04}-{m1:02}-{d1:02}"),
            (1, 1, 12, 31) if y1 == y2 => write!(f, "{y1:04}"),
            (1, 1, 12, 31) => write!(f, "{y1:04} to {y2:04}"),
            _ if (y1, m1) == (y2, m2) => write!(f, "{y1:04}-{m1:02}"),
            _ => write!(f, "{y1:04}-{m1:02}-{d1:02} to {y2:04}-{m2:02}-{d2:02}"),
        }
    }
}

/// As its written form.
impl serde::Serialize for BirthDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `1979-1982`: two years, not a date.
fn years_apart(text: &str) -> Option<(&str, &str)> {
    text.split_once('-').filter(|(a, b)| a.trim().len() == 4 && b.trim().len() == 4 && number(b.trim()).is_some())
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn month_number(text: &str) -> Option<u32> {
    let name = text.get(..3).and_then(|start| MONTHS.iter().position(|month| *month == start));
    name.map(|at| at as u32 + 1).or_else(|| number(text)).filter(|month| *month <= 12)
}

fn length(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day and month exchanged, or exactly one digit different.
fn slip(a: u32, b: u32) -> bool {
    let exchanged = a / 10_000 == b / 10_000 && a / 100 % 100 == b % 100 && a % 100 == b / 100 % 100;
    let digits = |mut n: u32| {
        std::iter::repeat_with(move || {
            let digit = n % 10;
            n /= 10;
            digit
        })
        .take(8)
    };
    exchanged || digits(a).zip(digits(b)).filter(|(x, y)| x != y).count() == 1
}

/// Years that touch, where at least one date is no better than a year: conversions between calendars are off by one.
fn adjacent(a: &BirthDate, b: &BirthDate) -> bool {
    let (earlier, later) = if a.from <= b.from { (a, b) } else { (b, a) };
    (a.from != a.to || b.from != b.to) && later.from / 10_000 - earlier.to / 10_000 <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> BirthDate {
        BirthDate::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn written_forms_are_read() {
        for (text, shown) in [
            ("1960-06-29", "1960-06-29"),
            ("1969-7-16", "1969-07-16"),
            ("29 Jun 1978", "1978-06-29"),
            ("27/03/1955", "1955-03-27"),
            ("00/00/1955", "1955"),
            ("00/03/1955", "1955-03"),
            ("Jun 1978.", "1978-06"),
            ("circa 1961", "circa 1961"),
            ("1929 to 1930", "1929 to 1930"),
            ("1979-1982", "1979 to 1982"),
            ("01 Jan 1955 to 31 Dec 1956", "1955 to 1956"),
            ("26 Sep 1946 to 07 Dec 1946", "1946-09-26 to 1946-12-07"),
        ] {
            assert_eq!(date(text).to_string(), shown, "{text}");
        }
        for text in ["", "unknown", "31 Feb 1960", "1960 to 1950", "19", "12/1960/13/1", "\u{661}\u{669}"] {
            assert_eq!(BirthDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn agreement_is_graded_and_symmetric() {
        for (a, b, expected) in [
            ("1960-06-29", "1960-06-29", Agreement::SameDay),
            ("1960-06-29", "1960", Agreement::Compatible),
            ("1962", "circa 1961", Agreement::Compatible),
            ("1960-06-05", "1960-05-06", Agreement::Near),
            ("1960-06-05", "1960-06-15", Agreement::Near),
            ("1961-02-01", "1960", Agreement::Near),
            ("1960-06-29", "1961-07-29", Agreement::Different),
            ("1950", "1960", Agreement::Different),
        ] {
            assert_eq!(date(a).agreement(&date(b)), expected, "{a} {b}");
            assert_eq!(date(b).agreement(&date(a)), expected, "{b} {a}");
        }
    }
}
