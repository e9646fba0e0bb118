//! Fronts as lists of lines at their places; the people do not exist.

use super::*;
use crate::document::aamva;
use crate::document::mrz::parse;
use crate::document::text::TextBox;
use crate::geometry::Point;

fn today() -> Date {
    Date::new(2026, 11, 22).unwrap()
}

/// Lines of 20 pixels in height at (left, middle), as long as their text.
fn front(lines: &[(f32, f32, &str)]) -> Vec<TextLine> {
    let line = |&(left, y, text): &(f32, f32, &str)| {
        let width = 11.0 * text.chars().count() as f32;
        let center = Point::new(left + width / 2.0, y);
        let position = TextBox { center, angle: 0.0, width, height: 20.0, confidence: 0.9 };
        TextLine { position, text: text.into(), confidence: 0.95 }
    };
    lines.iter().map(line).collect()
}

fn value(fields: &[Field], kind: Kind) -> Option<&str> {
    fields.iter().find(|field| field.kind == kind).map(|field| field.value.as_str())
}

#[test]
fn a_passport_with_labels_above_the_values() {
    let lines = front(&[
        (300.0, 40.0, "PASSPORT"),
        (300.0, 80.0, "Surname/Nom"),
        (300.0, 105.0, "ERIKSSON"),
        (300.0, 140.0, "Given names / Prénoms"),
        (300.0, 165.0, "ANNA MARIA"),
        (300.0, 200.0, "Date of birth/Date de naissance"),
        (300.0, 225.0, "12 AUG/AOUT 74"),
        (700.0, 200.0, "Sex/Sexe"),
        (700.0, 225.0, "F"),
        (300.0, 260.0, "Date of expiry"),
        (300.0, 285.0, "15 APR/AVR 2032"),
        (700.0, 80.0, "Passport No./No. du passeport"),
        (700.0, 105.0, "L898902C3"),
    ]);
    let sources = Sources { lines: &lines, ..Sources::default() };
    assert_eq!(sources.document_type(), Some(DocumentType::Passport));
    let fields = sources.fields(today());
    let expected = [
        (Kind::Surname, "ERIKSSON"),
        (Kind::GivenNames, "ANNA MARIA"),
        (Kind::Birth, "1974-08-12"),
        (Kind::Sex, "F"),
        (Kind::Expiry, "2032-04-15"),
        (Kind::Number, "L898902C3"),
    ];
    for (kind, expected) in expected {
        assert_eq!(value(&fields, kind), Some(expected), "{kind:?}");
    }
    assert!(fields.iter().all(|field| field.source == Source::Ocr && field.agreement.is_none()));
}

#[test]
fn the_zone_is_compared_with_the_print() {
    let zone = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    let zone = Zone { mrz: parse(&zone, today()).unwrap(), lines: Vec::new(), score: -0.1 };
    let lines = front(&[
        (300.0, 80.0, "Surname"),
        (300.0, 105.0, "Eriksson"),
        (300.0, 140.0, "Date of birth"),
        (300.0, 165.0, "13.08.1974"),
    ]);
    let fields = Sources { zone: Some(&zone), lines: &lines, ..Sources::default() }.fields(today());
    let of = |kind| fields.iter().find(|field| field.kind == kind).unwrap();
    assert_eq!((of(Kind::Surname).source, of(Kind::Surname).agreement), (Source::Mrz, Some(true)));
    assert_eq!((of(Kind::Birth).value.as_str(), of(Kind::Birth).agreement), ("1974-08-12", Some(false)));
    assert_eq!((of(Kind::Number).confidence, of(Kind::Number).agreement), (1.0, None));
    assert!((of(Kind::Surname).confidence - 0.905).abs() < 0.001);
}

#[test]
fn an_american_licence_by_its_numbers_and_its_barcode() {
    let lines = front(&[
        (20.0, 30.0, "USA"),
        (200.0, 30.0, "DRIVER LICENSE"),
        (300.0, 80.0, "4d DLN T64235789"),
        (300.0, 110.0, "1 SAMPLE"),
        (300.0, 140.0, "2 MICHAEL JOHN"),
        (300.0, 170.0, "8 2300 WEST BROAD STREET"),
        (300.0, 195.0, "RICHMOND, VA 23269"),
        (300.0, 230.0, "3 DOB 06/07/1986"),
        (300.0, 260.0, "4b EXP 12/10/2034"),
        (600.0, 260.0, "4a ISS 06/08/2026"),
        (300.0, 290.0, "9 CLASS D"),
        (600.0, 290.0, "15 SEX M"),
    ]);
    let fields = Sources { lines: &lines, ..Sources::default() }.fields(today());
    let expected = [
        (Kind::Number, "T64235789"),
        (Kind::Surname, "SAMPLE"),
        (Kind::GivenNames, "MICHAEL JOHN"),
        (Kind::Address, "2300 WEST BROAD STREET, RICHMOND, VA 23269"),
        (Kind::Birth, "1986-06-07"),
        (Kind::Expiry, "2034-12-10"),
        (Kind::Issue, "2026-06-08"),
        (Kind::Class, "D"),
        (Kind::Sex, "M"),
    ];
    for (kind, expected) in expected {
        assert_eq!(value(&fields, kind), Some(expected), "{kind:?}");
    }
    let payload = "@\n\u{1e}\rANSI 636000080002DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDACMICHAEL\nDADJOHN\n\
        DBB06071986\nDBA12102035\nDCAD\nDBC1\nDCGUSA\r";
    let licence = aamva::parse(payload).unwrap();
    let fields = Sources { barcode: Some(&licence), lines: &lines, ..Sources::default() }.fields(today());
    let agreement = |kind| fields.iter().find(|field| field.kind == kind).unwrap().agreement;
    assert_eq!(agreement(Kind::Number), Some(true));
    assert_eq!(agreement(Kind::GivenNames), Some(true));
    assert_eq!(agreement(Kind::Expiry), Some(false));
}

#[test]
fn a_european_licence_by_its_numbers() {
    let lines = front(&[
        (300.0, 30.0, "PERMIS DE CONDUIRE"),
        (300.0, 80.0, "1. MARTIN"),
        (300.0, 110.0, "2. PAUL"),
        (300.0, 140.0, "3. 14.07.81 PARIS"),
        (300.0, 170.0, "4a. 01.03.2020"),
        (500.0, 170.0, "4b. 01.03.2035"),
        (300.0, 200.0, "5. 13AA00002"),
        (300.0, 230.0, "9. AM/B1/B"),
    ]);
    let fields = Sources { lines: &lines, ..Sources::default() }.fields(today());
    let expected = [
        (Kind::Surname, "MARTIN"),
        (Kind::GivenNames, "PAUL"),
        (Kind::Birth, "1981-07-14"),
        (Kind::Issue, "2020-03-01"),
        (Kind::Expiry, "2035-03-01"),
        (Kind::Number, "13AA00002"),
        (Kind::Class, "AM/B1/B"),
    ];
    for (kind, expected) in expected {
        assert_eq!(value(&fields, kind), Some(expected), "{kind:?}");
    }
}

#[test]
fn a_medical_insurance_card() {
    let lines = front(&[
        (20.0, 30.0, "EXAMPLE HEALTH PLAN"),
        (20.0, 80.0, "Member Name: JANE Q SAMPLE"),
        (20.0, 110.0, "Member ID: XYZ123456789"),
        (20.0, 140.0, "Group No."),
        (200.0, 140.0, "0045678"),
        (20.0, 170.0, "Plan"),
        (20.0, 195.0, "PPO GOLD"),
        (400.0, 80.0, "RxBIN 610014"),
    ]);
    let sources = Sources { lines: &lines, ..Sources::default() };
    assert_eq!(sources.document_type(), Some(DocumentType::InsuranceCard));
    let fields = sources.fields(today());
    let expected = [
        (Kind::Name, "JANE Q SAMPLE"),
        (Kind::MemberId, "XYZ123456789"),
        (Kind::Group, "0045678"),
        (Kind::Plan, "PPO GOLD"),
    ];
    for (kind, expected) in expected {
        assert_eq!(value(&fields, kind), Some(expected), "{kind:?}");
    }
}

#[test]
fn a_front_without_labels_has_no_fields_and_debug_shows_none() {
    let lines = front(&[(20.0, 30.0, "Lorem ipsum"), (20.0, 60.0, "4711"), (20.0, 90.0, "")]);
    assert!(Sources { lines: &lines, ..Sources::default() }.fields(today()).is_empty());
    let field =
        Field { kind: Kind::Surname, value: "MARTIN".into(), source: Source::Ocr, confidence: 1.0, agreement: None };
    assert!(!format!("{field:?}").contains("MARTIN"));
}
