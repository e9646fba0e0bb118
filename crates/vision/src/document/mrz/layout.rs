//! The positions of the fields in each format: ICAO Doc 9303 parts 4 to 7, the French identity card of 1988 to 2021, and the
//! one-line zone of European driving licences (ISO/IEC 18013-1), with France's own division of it.

use super::{Checked, Format};

/// Part of a line: line number from 0, first column, column after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub usize, pub usize, pub usize);

impl Span {
    /// The characters of the span; lines are ASCII of the length that the format asks for.
    pub fn of<'l>(&self, lines: &'l [String]) -> &'l str {
        &lines[self.0][self.1..self.2]
    }
}

/// The content of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Code,
    Issuer,
    Names,
    Surname,
    GivenNames,
    Number,
    Nationality,
    Birth,
    Expiry,
    Sex,
    Optional,
}

/// A check digit: the part that it protects, the spans that it covers, and its position.
#[derive(Debug)]
pub struct Digit {
    pub of: Checked,
    pub over: &'static [Span],
    pub at: (usize, usize),
}

/// Fields and check digits of a format.
#[derive(Debug)]
pub struct Layout {
    pub fields: &'static [(Field, Span)],
    pub digits: &'static [Digit],
    /// Where a document number goes on that is too long for its field.
    pub long_number: Option<Span>,
}

/// The characters that can stand at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `A` to `Z` and the filler.
    Letter,
    /// `0` to `9` and the filler.
    Digit,
    /// `M`, `F`, `X` and the filler.
    Sex,
    /// Second character of the document code: letters, and the digits of US cards (C1, C2) and driving licences (D1).
    Code,
    /// Every character of the zone.
    Any,
}

impl Class {
    /// Whether `c` can stand where this class is expected.
    pub fn allows(self, c: char) -> bool {
        c == '<'
            || match self {
                Class::Letter => c.is_ascii_uppercase(),
                Class::Digit => c.is_ascii_digit(),
                Class::Sex => matches!(c, 'M' | 'F' | 'X'),
                Class::Code => c.is_ascii_uppercase() || matches!(c, '1' | '2'),
                Class::Any => c.is_ascii_uppercase() || c.is_ascii_digit(),
            }
    }
}

impl Layout {
    /// The layout of a format.
    pub fn of(format: Format) -> &'static Layout {
        match format {
            Format::Td1 => &TD1,
            Format::Td2 => &TD2,
            Format::Td3 => &TD3,
            Format::MrvA => &MRV_A,
            Format::MrvB => &MRV_B,
            Format::FrenchId => &FRENCH_ID,
            Format::DrivingLicence => &DRIVING_LICENCE,
            Format::FrenchDrivingLicence => &FRENCH_DRIVING_LICENCE,
        }
    }

    /// Which characters can stand at a column of a line.
    pub fn class(&self, line: usize, column: usize) -> Class {
        if self.digits.iter().any(|digit| digit.at == (line, column)) {
            return Class::Digit;
        }
        let inside = |span: &Span| span.0 == line && (span.1..span.2).contains(&column);
        match self.fields.iter().find(|(_, span)| inside(span)).map(|(field, _)| field) {
            Some(Field::Issuer | Field::Names | Field::Surname | Field::GivenNames | Field::Nationality) => {
                Class::Letter
            }
            Some(Field::Birth | Field::Expiry) => Class::Digit,
            Some(Field::Sex) => Class::Sex,
            // The first letter is the type of the document. The second is the state's own choice.
            Some(Field::Code) => {
                if column == 0 {
                    Class::Letter
                } else {
                    Class::Code
                }
            }
            Some(Field::Number | Field::Optional) | None => Class::Any,
        }
    }

    pub fn span(&self, field: Field) -> Option<Span> {
        self.fields.iter().find(|(f, _)| *f == field).map(|(_, span)| *span)
    }
}

const TD1: Layout = Layout {
    fields: &[
        (Field::Code, Span(0, 0, 2)),
        (Field::Issuer, Span(0, 2, 5)),
        (Field::Number, Span(0, 5, 14)),
        (Field::Optional, Span(0, 15, 30)),
        (Field::Birth, Span(1, 0, 6)),
        (Field::Sex, Span(1, 7, 8)),
        (Field::Expiry, Span(1, 8, 14)),
        (Field::Nationality, Span(1, 15, 18)),
        (Field::Optional, Span(1, 18, 29)),
        (Field::Names, Span(2, 0, 30)),
    ],
    digits: &[
        Digit { of: Checked::Number, over: &[Span(0, 5, 14)], at: (0, 14) },
        Digit { of: Checked::Birth, over: &[Span(1, 0, 6)], at: (1, 6) },
        Digit { of: Checked::Expiry, over: &[Span(1, 8, 14)], at: (1, 14) },
        Digit {
            of: Checked::Composite,
            over: &[Span(0, 5, 30), Span(1, 0, 7), Span(1, 8, 15), Span(1, 18, 29)],
            at: (1, 29),
        },
    ],
    long_number: Some(Span(0, 15, 30)),
};

/// Fields that the second lines of the two-line formats share.
const NUMBER: Digit = Digit { of: Checked::Number, over: &[Span(1, 0, 9)], at: (1, 9) };
const BIRTH: Digit = Digit { of: Checked::Birth, over: &[Span(1, 13, 19)], at: (1, 19) };
const EXPIRY: Digit = Digit { of: Checked::Expiry, over: &[Span(1, 21, 27)], at: (1, 27) };

const fn two_lines(names: Span, optional: Span) -> [(Field, Span); 9] {
    [
        (Field::Code, Span(0, 0, 2)),
        (Field::Issuer, Span(0, 2, 5)),
        (Field::Names, names),
        (Field::Number, Span(1, 0, 9)),
        (Field::Nationality, Span(1, 10, 13)),
        (Field::Birth, Span(1, 13, 19)),
        (Field::Sex, Span(1, 20, 21)),
        (Field::Expiry, Span(1, 21, 27)),
        (Field::Optional, optional),
    ]
}

const TD2: Layout = Layout {
    fields: &two_lines(Span(0, 5, 36), Span(1, 28, 35)),
    digits: &[
        NUMBER,
        BIRTH,
        EXPIRY,
        Digit { of: Checked::Composite, over: &[Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 35)], at: (1, 35) },
    ],
    long_number: Some(Span(1, 28, 35)),
};

const TD3: Layout = Layout {
    fields: &two_lines(Span(0, 5, 44), Span(1, 28, 42)),
    digits: &[
        NUMBER,
        BIRTH,
        EXPIRY,
        Digit { of: Checked::Optional, over: &[Span(1, 28, 42)], at: (1, 42) },
        Digit { of: Checked::Composite, over: &[Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 43)], at: (1, 43) },
    ],
    long_number: None,
};

const MRV_A: Layout =
    Layout { fields: &two_lines(Span(0, 5, 44), Span(1, 28, 44)), digits: &[NUMBER, BIRTH, EXPIRY], long_number: None };

const MRV_B: Layout =
    Layout { fields: &two_lines(Span(0, 5, 36), Span(1, 28, 36)), digits: &[NUMBER, BIRTH, EXPIRY], long_number: None };

const FRENCH_ID: Layout = Layout {
    fields: &[
        (Field::Code, Span(0, 0, 2)),
        (Field::Issuer, Span(0, 2, 5)),
        (Field::Surname, Span(0, 5, 30)),
        (Field::Optional, Span(0, 30, 36)),
        (Field::Number, Span(1, 0, 12)),
        (Field::GivenNames, Span(1, 13, 27)),
        (Field::Birth, Span(1, 27, 33)),
        (Field::Sex, Span(1, 34, 35)),
    ],
    digits: &[
        Digit { of: Checked::Number, over: &[Span(1, 0, 12)], at: (1, 12) },
        Digit { of: Checked::Birth, over: &[Span(1, 27, 33)], at: (1, 33) },
        Digit { of: Checked::Composite, over: &[Span(0, 0, 36), Span(1, 0, 35)], at: (1, 35) },
    ],
    long_number: None,
};

/// Only the country and the check digit over the whole line are common to all states; what lies between them is the
/// state's own, and stays one optional field.
const DRIVING_LICENCE: Layout = Layout {
    fields: &[(Field::Code, Span(0, 0, 2)), (Field::Issuer, Span(0, 2, 5)), (Field::Optional, Span(0, 5, 29))],
    digits: &[Digit { of: Checked::Composite, over: &[Span(0, 0, 29)], at: (0, 29) }],
    long_number: None,
};

/// As printed since 2013. The number's digit covers the line from its start (verified on the published specimen).
const FRENCH_DRIVING_LICENCE: Layout = Layout {
    fields: &[
        (Field::Code, Span(0, 0, 2)),
        (Field::Issuer, Span(0, 2, 5)),
        (Field::Number, Span(0, 5, 14)),
        (Field::Expiry, Span(0, 15, 21)),
        (Field::Surname, Span(0, 21, 29)),
    ],
    digits: &[
        Digit { of: Checked::Number, over: &[Span(0, 0, 14)], at: (0, 14) },
        Digit { of: Checked::Composite, over: &[Span(0, 0, 29)], at: (0, 29) },
    ],
    long_number: None,
};
