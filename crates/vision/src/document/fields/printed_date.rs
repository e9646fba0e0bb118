//! Dates as people print them.

use crate::document::date::Date;

/// Which comes first where both can be a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As nearly everywhere.
    DayFirst,
    /// As in the United States.
    MonthFirst,
}

/// First three letters of the months in English, French, German, Spanish, Italian, Portuguese and Dutch where they
/// differ; `JUI` is June in French and July with a fourth letter, and is told apart below.
const MONTHS: [&[&str]; 12] = [
    &["JAN", "GEN", "ENE"],
    &["FEB", "FEV"],
    &["MAR", "MÄR", "MRT", "MAE"],
    &["APR", "AVR", "ABR"],
    &["MAY", "MAI", "MAG", "MEI"],
    &["JUN", "GIU"],
    &["JUL", "LUG"],
    &["AUG", "AOU", "AGO", "AOÛ"],
    &["SEP", "SET"],
    &["OCT", "OKT", "OTT", "OUT"],
    &["NOV"],
    &["DEC", "DEZ", "DIC", "DÉC"],
];

/// The first date in a text; `past` dates with two digits of the year are not after `today`, others less than 50 years
/// after it.
pub fn parse(text: &str, order: Order, past: bool, today: Date) -> Option<Date> {
    let tokens = tokens(text);
    (0..tokens.len()).find_map(|start| at_start(&tokens[start..], order, past, today))
}

/// Runs of digits and runs of letters, in capitals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars().flat_map(char::to_uppercase) {
        let class = if c.is_ascii_digit() { Some(true) } else { c.is_alphabetic().then_some(false) };
        match (class, tokens.last_mut()) {
            (Some(_), Some(token)) if class == last => token.push(c),
            (Some(_), _) => tokens.push(c.into()),
            (None, _) => {}
        }
        last = class;
    }
    tokens
}

fn at_start(tokens: &[String], order: Order, past: bool, today: Date) -> Option<Date> {
    let number =
        |at: usize| tokens.get(at).filter(|token| token.len() <= 4).and_then(|token| token.parse::<u16>().ok());
    let first = tokens.first()?;
    if let Some(date) = eight_digits(first, order) {
        return Some(date);
    }
    let month_first = month(first);
    if let (Some(month), Some(day)) = (month_first, number(1)) {
        return date(number(2)?, tokens[2].len(), month, day, past, today);
    }
    let (a, b) = (number(0)?, tokens.get(1)?);
    if let Some(month) = month(b) {
        // "12 AUG/AOUT 1974" names the month twice.
        let year_at = if tokens.get(2).is_some_and(|token| token.starts_with(char::is_alphabetic)) { 3 } else { 2 };
        return date(number(year_at)?, tokens[year_at].len(), month, a, past, today);
    }
    let (b, c) = (number(1)?, number(2)?);
    if first.len() == 4 {
        return date(a, 4, b, c, past, today);
    }
    let (day, month) = if (order == Order::MonthFirst && a <= 12) || b > 12 { (b, a) } else { (a, b) };
    date(c, tokens[2].len(), month, day, past, today)
}

fn eight_digits(token: &str, order: Order) -> Option<Date> {
    let number = crate::document::date::digits(token, 8)?;
    let (a, b, year) = (number / 1_000_000, number / 10_000 % 100, (number % 10_000) as u16);
    let (day, month) = if order == Order::MonthFirst { (b, a) } else { (a, b) };
    Date::new(year, month as u8, day as u8).filter(|date| (1900..2100).contains(&date.year()))
}

fn month(token: &str) -> Option<u16> {
    if token.starts_with("JUI") {
        return Some(if token.starts_with("JUIN") || token.len() == 3 { 6 } else { 7 });
    }
    let start: String = token.chars().take(3).collect();
    let at = MONTHS.iter().position(|names| names.contains(&start.as_str()))?;
    Some(at as u16 + 1)
}

fn date(year: u16, year_digits: usize, month: u16, day: u16, past: bool, today: Date) -> Option<Date> {
    let year = match year_digits {
        4 => year,
        2 => {
            let this_century = today.year() / 100 * 100 + year;
            let limit = if past { today.year() } else { today.year() + 50 };
            if this_century > limit { this_century - 100 } else { this_century }
        }
        _ => return None,
    };
    let date = Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    (1850..2150).contains(&date.year()).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, order: Order) -> String {
        let today = Date::new(2026, 11, 22).unwrap();
        parse(text, order, true, today).map_or("-".into(), |date| date.to_string())
    }

    #[test]
    fn printed_dates() {
        for text in [
            "12.08.1974",
            "12/08/1974 PARIS",
            "12 AUG/AOUT 1974",
            "1974-08-12",
            "12 août 74",
            "Aug 12, 1974",
            "12081974",
            "12 08 1974",
        ] {
            assert_eq!(parsed(text, Order::DayFirst), "1974-08-12", "{text}");
        }
        assert_eq!(parsed("08/12/1974", Order::MonthFirst), "1974-08-12");
        assert_eq!(parsed("13/08/1974", Order::MonthFirst), "1974-08-13");
        assert_eq!(parsed("31 DEC/DES 66", Order::DayFirst), "1966-12-31");
        assert_eq!(parsed("03 JUIL/JUL 2020", Order::DayFirst), "2020-07-03");
        for text in ["", "L898902C3", "99.99.1974", "12 ABC 1974", "1974"] {
            assert_eq!(parsed(text, Order::DayFirst), "-", "{text}");
        }
    }
}
