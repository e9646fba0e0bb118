//! The fields of a document from all its sources: the machine readable zone, the barcode, and the printed lines by their
//! labels and layout. A field has its source, and whether another source has the same value.

mod labels;
mod print;
mod printed_date;
#[cfg(test)]
mod tests;

use std::fmt;

use super::aamva::Licence;
use super::date::Date;
use super::mrz::{Checked, Mrz, Sex};
use super::reader::TextLine;
use super::zone::Zone;
use print::Print;

/// The kind of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Family name.
    Surname,
    /// First and middle names.
    GivenNames,
    /// The whole name, where a document does not part it.
    Name,
    /// Document or licence number.
    Number,
    /// Date of birth, ISO 8601.
    Birth,
    /// Date of issue, ISO 8601.
    Issue,
    /// Date of expiry, ISO 8601.
    Expiry,
    /// `M`, `F` or `X`.
    Sex,
    /// As in the zone (three letters) or as printed.
    Nationality,
    /// Lines joined by a comma.
    Address,
    /// Vehicle classes of a driving licence.
    Class,
    /// Member number of a medical insurance card.
    MemberId,
    /// Group number of a medical insurance card.
    Group,
    /// Plan of a medical insurance card.
    Plan,
}

/// Where a field was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The machine readable zone.
    Mrz,
    /// The barcode.
    Barcode,
    /// The printed lines.
    Ocr,
}

/// A field of a document.
#[derive(Clone, PartialEq)]
pub struct Field {
    /// The kind of the field.
    pub kind: Kind,
    /// Its value.
    pub value: String,
    /// Where it was read.
    pub source: Source,
    /// How sure the reading is, 0 to 1: 1 where a check digit or error correction proves it, else the mean probability
    /// of a character.
    pub confidence: f32,
    /// Whether another source has the same value. `None` if no other source has the field.
    pub agreement: Option<bool>,
}

impl fmt::Debug for Field {
    /// Personal data of a document never reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({:?} from {:?}, {} characters)", self.kind, self.source, self.value.chars().count())
    }
}

/// The type of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentType {
    /// Driving licence.
    DrivingLicence,
    /// Identity card or residence permit.
    IdentityCard,
    /// Passport.
    Passport,
    /// Visa.
    Visa,
    /// Medical insurance card.
    InsuranceCard,
}

/// The text read from a document. Its sides may come from different pictures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'s> {
    /// The machine readable zone.
    pub zone: Option<&'s Zone>,
    /// The payload of the barcode.
    pub barcode: Option<&'s Licence>,
    /// The printed lines of the front, upright.
    pub lines: &'s [TextLine],
}

impl Sources<'_> {
    /// The type of the document, by its zone, its barcode, or the words on it. `None` if none of them says.
    pub fn document_type(&self) -> Option<DocumentType> {
        let by_zone = self.zone.and_then(|zone| match zone.mrz.code.chars().next()? {
            'P' => Some(DocumentType::Passport),
            'V' => Some(DocumentType::Visa),
            'D' => Some(DocumentType::DrivingLicence),
            _ => Some(DocumentType::IdentityCard),
        });
        let by_barcode = |licence: &Licence| match licence.header.subfiles.first().map(String::as_str) {
            Some("ID") => DocumentType::IdentityCard,
            _ => DocumentType::DrivingLicence,
        };
        by_zone.or_else(|| self.barcode.map(by_barcode)).or_else(|| labels::document_type(self.lines))
    }

    /// All fields that some source has, each from the best of its sources: the barcode, then the zone, then the print.
    /// `today` decides the centuries of dates printed with two digits.
    pub fn fields(&self, today: Date) -> Vec<Field> {
        let document_type = self.document_type();
        // The US print the month first, everybody else the day.
        let country = self.barcode.and_then(|licence| licence.country.as_deref());
        let print = Print::new(self.lines, document_type, country, today);
        let machine = self.barcode.map(of_barcode).into_iter().chain(self.zone.map(of_zone)).flatten();
        let mut fields: Vec<Field> = Vec::new();
        for field in machine {
            match fields.iter_mut().find(|better| better.kind == field.kind) {
                Some(better) => better.agreement = Some(same(better.kind, &better.value, &field.value)),
                None => fields.push(field),
            }
        }
        let printed = print.fields();
        for field in &mut fields {
            let labelled = printed.iter().find(|other| other.kind == field.kind);
            // A label can be misread or absent, so the value itself is searched as well.
            let agrees = labelled.is_some_and(|other| same(field.kind, &field.value, &other.value))
                || print.shows(field.kind, &field.value);
            if agrees || labelled.is_some() {
                field.agreement = Some(agrees && field.agreement != Some(false));
            }
        }
        let new: Vec<Field> =
            printed.into_iter().filter(|other| fields.iter().all(|field| field.kind != other.kind)).collect();
        fields.extend(new);
        fields
    }
}

fn of_zone(zone: &Zone) -> Vec<Field> {
    let mrz = &zone.mrz;
    let unproved = zone.score.exp().clamp(0.0, 1.0);
    let proved = |of: Checked| if mrz.checks.iter().any(|c| c.of == of && c.holds) { 1.0 } else { unproved };
    let iso = |date: Option<Date>| date.map(|date| date.to_string());
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let values = [
        (Kind::Surname, text(&mrz.surname), unproved),
        (Kind::GivenNames, text(&mrz.given_names), unproved),
        (Kind::Number, text(&mrz.number), proved(Checked::Number)),
        (Kind::Birth, iso(mrz.birth), proved(Checked::Birth)),
        (Kind::Expiry, iso(mrz.expiry), proved(Checked::Expiry)),
        (Kind::Sex, sex(mrz.sex).filter(|_| has_sex(mrz)), unproved),
        (Kind::Nationality, text(&mrz.nationality), unproved),
    ];
    listed(values, Source::Mrz)
}

/// A filler in the place of the sex says nothing.
fn has_sex(mrz: &Mrz) -> bool {
    matches!(mrz.sex, Some(Sex::Female | Sex::Male))
}

fn of_barcode(licence: &Licence) -> Vec<Field> {
    let join = |parts: &[&Option<String>], by: &str| {
        let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
        Some(parts.join(by)).filter(|text| !text.is_empty())
    };
    let iso = |date: Option<Date>| date.map(|date| date.to_string());
    let place = join(&[&licence.jurisdiction, &licence.postal_code], " ");
    let values = [
        (Kind::Surname, licence.family_name.clone(), 1.0),
        (Kind::GivenNames, join(&[&licence.first_name, &licence.middle_names], " "), 1.0),
        (Kind::Number, licence.number.clone(), 1.0),
        (Kind::Birth, iso(licence.birth), 1.0),
        (Kind::Issue, iso(licence.issue), 1.0),
        (Kind::Expiry, iso(licence.expiry), 1.0),
        (Kind::Sex, sex(licence.sex), 1.0),
        (Kind::Address, join(&[&licence.street, &licence.street2, &licence.city, &place], ", "), 1.0),
        (Kind::Class, licence.class.clone(), 1.0),
    ];
    listed(values, Source::Barcode)
}

fn listed(values: impl IntoIterator<Item = (Kind, Option<String>, f32)>, source: Source) -> Vec<Field> {
    let field = |(kind, value, confidence): (Kind, Option<String>, f32)| {
        Some(Field { kind, value: value?, source, confidence, agreement: None })
    };
    values.into_iter().filter_map(field).collect()
}

fn sex(sex: Option<Sex>) -> Option<String> {
    Some(match sex? {
        Sex::Female => "F".to_owned(),
        Sex::Male => "M".to_owned(),
        Sex::Unspecified => "X".to_owned(),
    })
}

/// Whether two sources say the same: letters and digits compared, marks of letters ignored. Zones cut long names off.
fn same(kind: Kind, one: &str, other: &str) -> bool {
    let (one, other) = (labels::plain(one), labels::plain(other));
    let begins = |long: &str, short: &str| short.len() >= 4 && long.starts_with(short);
    one == other
        || (matches!(kind, Kind::Surname | Kind::GivenNames | Kind::Nationality)
            && (begins(&one, &other) || begins(&other, &one)))
}
