//! The machine readable zone as text: formats, fields, check digits. These are pure functions. Other modules read pixels.
//!
//! [`parse`] takes the lines as they are. It repairs nothing, and a failed digit is a fact of the result, not an error.
//! [`corrected`] also undoes typical misreadings if a check digit then holds, and lists them.

mod correct;
mod country;
mod dates;
pub(crate) mod layout;
#[cfg(test)]
mod tests;

pub use correct::{Correction, corrected};
pub use country::is_known as is_country_code;

use super::date::Date;
use layout::{Digit, Field, Layout, Span};

/// A kind of machine readable zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Cards: three lines of 30.
    Td1,
    /// Larger cards: two lines of 36.
    Td2,
    /// Passports: two lines of 44.
    Td3,
    /// Visas of passport size: two lines of 44, the first letter V.
    MrvA,
    /// Smaller visas: two lines of 36, the first letter V.
    MrvB,
    /// French identity cards of 1988 to 2021: two lines of 36, beginning with IDFRA.
    FrenchId,
    /// European driving licences: one line of 30, the first letter D.
    DrivingLicence,
    /// The French division of that line.
    FrenchDrivingLicence,
}

impl Format {
    /// Number of lines and of characters in each.
    pub fn size(self) -> (usize, usize) {
        match self {
            Format::Td1 => (3, 30),
            Format::Td2 | Format::MrvB | Format::FrenchId => (2, 36),
            Format::Td3 | Format::MrvA => (2, 44),
            Format::DrivingLicence | Format::FrenchDrivingLicence => (1, 30),
        }
    }

    /// The usual short name, such as `TD3`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Td1 => "TD1",
            Format::Td2 => "TD2",
            Format::Td3 => "TD3",
            Format::MrvA => "MRVA",
            Format::MrvB => "MRVB",
            Format::FrenchId => "IDFRA",
            Format::DrivingLicence | Format::FrenchDrivingLicence => "IDL",
        }
    }

    /// Whether a zone of this format can begin with `c`.
    pub(crate) fn begins_with(self, c: char) -> bool {
        match self {
            Format::Td1 | Format::Td2 => matches!(c, 'A' | 'C' | 'I'),
            Format::Td3 => c == 'P',
            Format::MrvA | Format::MrvB => c == 'V',
            Format::FrenchId => c == 'I',
            Format::DrivingLicence | Format::FrenchDrivingLicence => c == 'D',
        }
    }

    /// The format of lines of equal length. `None` if no format has that many lines of that length.
    pub fn of(lines: &[impl AsRef<str>]) -> Option<Self> {
        let first = lines.first()?.as_ref();
        let length = first.len();
        if lines.iter().any(|line| line.as_ref().len() != length) {
            return None;
        }
        let visa = first.starts_with('V');
        match (lines.len(), length) {
            (3, 30) => Some(Format::Td1),
            (2, 44) => Some(if visa { Format::MrvA } else { Format::Td3 }),
            (2, 36) if first.starts_with("IDFRA") => Some(Format::FrenchId),
            (2, 36) => Some(if visa { Format::MrvB } else { Format::Td2 }),
            (1, 30) if first.starts_with('D') && first.get(2..5) == Some("FRA") => Some(Format::FrenchDrivingLicence),
            (1, 30) if first.starts_with('D') => Some(Format::DrivingLicence),
            _ => None,
        }
    }
}

/// The part of the zone that a check digit protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checked {
    /// The document number.
    Number,
    /// The date of birth.
    Birth,
    /// The date of expiry.
    Expiry,
    /// The optional data (personal number) of a passport.
    Optional,
    /// Everything that 9303 puts under the last digit of a zone.
    Composite,
}

/// One check digit, computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckDigit {
    /// The part that it protects.
    pub of: Checked,
    /// The character at its place.
    pub printed: char,
    /// The correct digit, 0 to 9.
    pub computed: u8,
    /// Whether it holds.
    pub holds: bool,
    /// Whether the number goes on in the optional data because it is too long for its own field (9303 part 5, 4.2.2);
    /// `printed` and `computed` are then of the digit behind the whole number.
    pub continued: bool,
}

/// Sex as printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// F
    Female,
    /// M
    Male,
    /// X or a filler
    Unspecified,
}

/// A parsed zone. Texts have fillers turned into spaces and trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mrz {
    /// Which kind it is.
    pub format: Format,
    /// The lines that the fields were taken from.
    pub lines: Vec<String>,
    /// Document code, such as `P`, `ID` or `AC`.
    pub code: String,
    /// Issuing state or organisation.
    pub issuer: String,
    /// Primary identifier.
    pub surname: String,
    /// Secondary identifiers.
    pub given_names: String,
    /// Document number, whole.
    pub number: String,
    /// Nationality. Empty if the format has none.
    pub nationality: String,
    /// Date of birth. `None` if it is partly unknown or not a date.
    pub birth: Option<Date>,
    /// Date of expiry. `None` if it is absent or not a date.
    pub expiry: Option<Date>,
    /// Sex. `None` if the character is not M, F, X or a filler, or if the format has no sex.
    pub sex: Option<Sex>,
    /// Optional data, in the order of the lines, without the rest of a long number.
    pub optional: Vec<String>,
    /// Every check digit of the format, the composite one last.
    pub checks: Vec<CheckDigit>,
    /// The corrected characters. Empty from [`parse`].
    pub corrections: Vec<Correction>,
}

impl Mrz {
    /// Whether every check digit holds.
    pub fn all_hold(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }

    /// The parts whose digits failed.
    pub fn failed(&self) -> impl Iterator<Item = Checked> {
        self.checks.iter().filter(|check| !check.holds).map(|check| check.of)
    }
}

/// Why lines are not a machine readable zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No format has this shape.
    #[error(
        "{lines} lines of {length} characters are not a machine readable zone: send 3 x 30, 2 x 36, 2 x 44 or 1 x 30"
    )]
    Shape {
        /// How many lines there are.
        lines: usize,
        /// Length of the first.
        length: usize,
    },
    /// A character that no zone has.
    #[error("line {line}, column {column} is not one of A to Z, 0 to 9 and <")]
    Character {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Parses lines as they are. Spaces at their ends are ignored. `today` decides the centuries.
///
/// # Errors
/// [`Error`] when the lines have no format's shape or hold other characters. Failed check digits are no error.
pub fn parse(lines: &[impl AsRef<str>], today: Date) -> Result<Mrz, Error> {
    let lines: Vec<String> = lines.iter().map(|line| line.as_ref().trim().to_owned()).collect();
    for (line, text) in lines.iter().enumerate() {
        let foreign = |c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '<');
        if let Some(column) = text.chars().position(foreign) {
            return Err(Error::Character { line: line + 1, column: column + 1 });
        }
    }
    let length = lines.first().map_or(0, String::len);
    let format = Format::of(&lines).ok_or(Error::Shape { lines: lines.len(), length })?;
    Ok(read(format, lines, today))
}

/// Takes the fields from lines of the right shape and alphabet.
fn read(format: Format, lines: Vec<String>, today: Date) -> Mrz {
    let layout = Layout::of(format);
    let raw = |field| layout.span(field).map_or("", |span| span.of(&lines));
    let (surname, given_names) = match layout.span(Field::Names) {
        Some(span) => names(span.of(&lines)),
        None => (text(raw(Field::Surname)), text(raw(Field::GivenNames))),
    };
    let continuation = continuation(layout, &lines);
    let mut number = text(raw(Field::Number));
    let mut optional: Vec<&str> =
        layout.fields.iter().filter(|(field, _)| *field == Field::Optional).map(|(_, span)| span.of(&lines)).collect();
    if let Some((rest, _)) = continuation {
        number += rest;
        optional[0] = &optional[0][rest.len() + 1..];
    }
    let (birth, expiry) = dates::resolve(raw(Field::Birth), raw(Field::Expiry), today);
    Mrz {
        format,
        code: text(raw(Field::Code)),
        issuer: text(raw(Field::Issuer)),
        surname,
        given_names,
        number,
        nationality: text(raw(Field::Nationality)),
        birth,
        expiry,
        sex: match raw(Field::Sex) {
            "F" => Some(Sex::Female),
            "M" => Some(Sex::Male),
            "X" | "<" => Some(Sex::Unspecified),
            _ => None,
        },
        optional: optional.into_iter().map(text).filter(|text| !text.is_empty()).collect(),
        checks: checks(layout, &lines),
        corrections: Vec::new(),
        lines,
    }
}

/// All check digits of a layout.
fn checks(layout: &Layout, lines: &[String]) -> Vec<CheckDigit> {
    layout.digits.iter().map(|digit| check(layout, digit, lines)).collect()
}

fn check(layout: &Layout, digit: &Digit, lines: &[String]) -> CheckDigit {
    let Digit { of, over, at } = *digit;
    let printed = char::from(lines[at.0].as_bytes()[at.1]);
    let covered = || over.iter().flat_map(|span: &Span| span.of(lines).bytes());
    if let (Checked::Number, Some((rest, printed))) = (of, continuation(layout, lines)) {
        let computed = check_digit(covered().chain(rest.bytes()));
        return CheckDigit { of, printed, computed, holds: holds(printed, computed), continued: true };
    }
    let computed = check_digit(covered());
    // 9303 part 4 lets the digit of empty optional data be a filler.
    let blank = of == Checked::Optional && printed == '<' && covered().all(|b| b == b'<');
    CheckDigit { of, printed, computed, holds: blank || holds(printed, computed), continued: false }
}

fn holds(printed: char, computed: u8) -> bool {
    printed.to_digit(10) == Some(computed.into())
}

/// The rest of a document number that is too long for its field, and the check digit behind it: where the digit's place
/// holds a filler, they stand at the start of the optional data, and a filler ends them.
fn continuation<'l>(layout: &Layout, lines: &'l [String]) -> Option<(&'l str, char)> {
    let digit = layout.digits.iter().find(|digit| digit.of == Checked::Number)?;
    let span = layout.span(Field::Number)?;
    let next = layout.long_number?;
    let long = &lines[digit.at.0][digit.at.1..=digit.at.1] == "<" && !span.of(lines).contains('<');
    let rest = next.of(lines).split('<').next().filter(|rest| long && rest.len() >= 2)?;
    let (rest, printed) = rest.split_at(rest.len() - 1);
    Some((rest, printed.chars().next()?)).filter(|(_, printed)| printed.is_ascii_digit())
}

/// Doc 9303 part 3, section 4.9: digits count as themselves, letters as 10 to 35, fillers as 0; weights 7, 3, 1; the sum
/// modulo 10.
pub(crate) fn check_digit(characters: impl Iterator<Item = u8>) -> u8 {
    let value = |character| match character {
        b'0'..=b'9' => u32::from(character - b'0'),
        b'A'..=b'Z' => u32::from(character - b'A') + 10,
        _ => 0,
    };
    let sum: u32 = characters.zip([7, 3, 1].into_iter().cycle()).map(|(c, weight)| value(c) * weight).sum();
    (sum % 10) as u8
}

/// Fillers to spaces, runs of them to one, none at the ends.
fn text(raw: &str) -> String {
    raw.split('<').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Primary and secondary identifiers: two fillers part them.
fn names(raw: &str) -> (String, String) {
    let (surname, given_names) = raw.split_once("<<").unwrap_or((raw, ""));
    (text(surname), text(given_names))
}
