//! Checks of a document, as pure functions of the evidence and a date. A check passes, fails or does not apply, and gives the
//! reason in a sentence.

use super::aamva::Licence;
use super::copy::CopySigns;
use super::date::Date;
use super::fields::{DocumentType, Field, Kind};
use super::mrz::{Checked, Mrz};

/// The evidence from a document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'e> {
    /// The machine readable zone.
    pub mrz: Option<&'e Mrz>,
    /// The payload of the barcode.
    pub barcode: Option<&'e Licence>,
    /// The printed lines of the front, without the zone.
    pub lines: &'e [String],
    /// The fields that were taken from all sources.
    pub fields: &'e [Field],
    /// The type of the document, if it is known.
    pub document_type: Option<DocumentType>,
    /// Signs of a copy in the picture.
    pub copy: Option<CopySigns>,
    /// Whether a portrait was found. `None` if nobody looked for one.
    pub portrait: Option<bool>,
}

/// The kind of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// The date of expiry has not passed.
    NotExpired,
    /// The date of issue has come.
    AlreadyValid,
    /// Every check digit of the zone holds.
    CheckDigits,
    /// Surname and number of the zone are printed on the front.
    ZoneAgainstPrint,
    /// Family name, first name and number of the barcode are printed on the front.
    BarcodeAgainstPrint,
    /// The holder is at least as old as is asked for.
    Age,
    /// The issuing state or jurisdiction is the claimed one.
    Region,
    /// The document is of the claimed type.
    Type,
    /// There is a portrait.
    Portrait,
    /// The picture shows no sign of a photocopy or a screen.
    Original,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The evidence or the claim that it needs is absent.
    NotApplicable,
}

/// A check, its result and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of the check.
    pub check: Check,
    /// The result.
    pub verdict: Verdict,
    /// A sentence for people.
    pub reason: String,
}

/// The demands of the caller on the document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claims<'c> {
    /// Least age of the holder in years.
    pub min_age: Option<u16>,
    /// Issuing state (three letters, as in a zone) or jurisdiction (two letters, as in a barcode).
    pub region: Option<&'c str>,
    /// Type of the document.
    pub document_type: Option<DocumentType>,
}

/// All checks, always in the same order.
pub fn all(evidence: &Evidence<'_>, claims: &Claims<'_>, today: Date) -> Vec<Finding> {
    let finding = |check, (verdict, reason)| Finding { check, verdict, reason };
    vec![
        finding(Check::NotExpired, not_expired(evidence, today)),
        finding(Check::AlreadyValid, already_valid(evidence, today)),
        finding(Check::CheckDigits, check_digits(evidence)),
        finding(Check::ZoneAgainstPrint, zone_against_print(evidence)),
        finding(Check::BarcodeAgainstPrint, barcode_against_print(evidence)),
        finding(Check::Age, age(evidence, claims, today)),
        finding(Check::Region, region(evidence, claims)),
        finding(Check::Type, document_type(evidence, claims)),
        finding(Check::Portrait, portrait(evidence)),
        finding(Check::Original, original(evidence)),
    ]
}

type Outcome = (Verdict, String);

fn decided(pass: bool, reason: String) -> Outcome {
    (if pass { Verdict::Pass } else { Verdict::Fail }, reason)
}

fn absent(what: &str) -> Outcome {
    (Verdict::NotApplicable, format!("{what}."))
}

fn not_expired(evidence: &Evidence<'_>, today: Date) -> Outcome {
    let machine = [evidence.mrz.and_then(|mrz| mrz.expiry), evidence.barcode.and_then(|licence| licence.expiry)];
    let dates = machine.into_iter().chain([printed_date(evidence, Kind::Expiry)]);
    // Where two sources differ the earlier date counts.
    match dates.flatten().min() {
        Some(expiry) if expiry < today => decided(false, format!("The document expired on {expiry}.")),
        Some(expiry) => decided(true, format!("The document is valid until {expiry}.")),
        None => absent("No date of expiry was read"),
    }
}

fn already_valid(evidence: &Evidence<'_>, today: Date) -> Outcome {
    match evidence.barcode.and_then(|licence| licence.issue).or(printed_date(evidence, Kind::Issue)) {
        Some(issue) if issue > today => decided(false, format!("The date of issue, {issue}, has not come.")),
        Some(issue) => decided(true, format!("The document was issued on {issue}.")),
        None => absent("No date of issue was read"),
    }
}

/// The date of a field. Another source gives it if the machine readable ones have none.
fn printed_date(evidence: &Evidence<'_>, kind: Kind) -> Option<Date> {
    let field = evidence.fields.iter().find(|field| field.kind == kind)?;
    Date::from_yyyymmdd(&field.value.replace('-', ""))
}

fn check_digits(evidence: &Evidence<'_>) -> Outcome {
    let Some(mrz) = evidence.mrz else { return absent("No machine readable zone was read") };
    let failed: Vec<&str> = mrz.failed().map(name).collect();
    if failed.is_empty() {
        decided(true, format!("All {} check digits hold.", mrz.checks.len()))
    } else {
        decided(false, format!("The check digit of the {} does not hold.", failed.join(", the ")))
    }
}

fn name(of: Checked) -> &'static str {
    match of {
        Checked::Number => "document number",
        Checked::Birth => "date of birth",
        Checked::Expiry => "date of expiry",
        Checked::Optional => "optional data",
        Checked::Composite => "whole zone",
    }
}

fn zone_against_print(evidence: &Evidence<'_>) -> Outcome {
    let Some(mrz) = evidence.mrz else { return absent("No machine readable zone was read") };
    printed(evidence, "zone", &[("surname", Some(mrz.surname.as_str())), ("number", Some(mrz.number.as_str()))])
}

fn barcode_against_print(evidence: &Evidence<'_>) -> Outcome {
    let Some(licence) = evidence.barcode else { return absent("No barcode was read") };
    let facts = [
        ("family name", licence.family_name.as_deref()),
        ("first name", licence.first_name.as_deref()),
        ("number", licence.number.as_deref()),
    ];
    printed(evidence, "barcode", &facts)
}

/// Whether each fact stands in the printed lines: letters and digits compared, case and all other characters ignored.
fn printed(evidence: &Evidence<'_>, source: &str, facts: &[(&str, Option<&str>)]) -> Outcome {
    if evidence.lines.is_empty() {
        return absent("No printed text of the front was read");
    }
    let print = evidence.lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n");
    let known = || facts.iter().filter_map(|(what, fact)| Some((what, plain((*fact)?)))).filter(|(_, f)| !f.is_empty());
    let missing: Vec<&str> = known().filter(|(_, fact)| !print.contains(fact)).map(|(what, _)| *what).collect();
    match (known().count(), missing.as_slice()) {
        (0, _) => absent("There is nothing to compare"),
        (_, []) => decided(true, format!("The front agrees with the {source}.")),
        _ => decided(false, format!("The {} of the {source} is not printed on the front.", missing.join(" and the "))),
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn age(evidence: &Evidence<'_>, claims: &Claims<'_>, today: Date) -> Outcome {
    let Some(least) = claims.min_age else { return absent("No least age is asked for") };
    let machine = [evidence.mrz.and_then(|mrz| mrz.birth), evidence.barcode.and_then(|licence| licence.birth)];
    let dates = machine.into_iter().chain([printed_date(evidence, Kind::Birth)]);
    // Where two sources differ the younger age counts.
    let Some(birth) = dates.flatten().max() else { return absent("No date of birth was read") };
    let age = birth.years_until(today);
    decided(age >= least, format!("The holder is {age} years old; {least} are asked for."))
}

fn region(evidence: &Evidence<'_>, claims: &Claims<'_>) -> Outcome {
    let Some(claimed) = claims.region else { return absent("No region is claimed") };
    let licence = |licence: &Licence| [licence.jurisdiction.clone(), licence.country.clone()];
    let of_zone = evidence.mrz.map(|mrz| mrz.issuer.clone());
    let found: Vec<String> =
        of_zone.into_iter().chain(evidence.barcode.map(licence).into_iter().flatten().flatten()).collect();
    if found.is_empty() {
        return absent("No issuer was read");
    }
    let same = found.iter().any(|issuer| issuer.eq_ignore_ascii_case(claimed));
    decided(same, format!("The document is issued by {}; {claimed} is claimed.", found.join(", ")))
}

fn document_type(evidence: &Evidence<'_>, claims: &Claims<'_>) -> Outcome {
    let Some(claimed) = claims.document_type else { return absent("No type is claimed") };
    let Some(found) = evidence.document_type else { return absent("Nothing says what the document is") };
    decided(found == claimed, format!("The document is {}; {} is claimed.", type_name(found), type_name(claimed)))
}

fn type_name(document_type: DocumentType) -> &'static str {
    match document_type {
        DocumentType::DrivingLicence => "a driving licence",
        DocumentType::IdentityCard => "an identity card",
        DocumentType::Passport => "a passport",
        DocumentType::Visa => "a visa",
        DocumentType::InsuranceCard => "a medical insurance card",
    }
}

fn original(evidence: &Evidence<'_>) -> Outcome {
    match evidence.copy {
        None => absent("The picture was not looked at for signs of a copy"),
        Some(signs) if signs.looks_like_a_screen() => {
            decided(false, "The picture has the grid of a screen: photograph the document itself.".into())
        }
        Some(signs) if signs.looks_photocopied() => {
            decided(false, "The picture has no colour, as of a photocopy: photograph the document itself.".into())
        }
        Some(_) => decided(true, "There is no sign of a photocopy or a screen; a good colour print has none.".into()),
    }
}

fn portrait(evidence: &Evidence<'_>) -> Outcome {
    match evidence.portrait {
        Some(true) => decided(true, "There is a portrait.".into()),
        Some(false) => decided(false, "There is no portrait.".into()),
        None => absent("No portrait was looked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::fields::Source;
    use crate::document::mrz::parse;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    fn verdicts(evidence: &Evidence<'_>, claims: &Claims<'_>) -> Vec<(Check, Verdict)> {
        all(evidence, claims, today()).into_iter().map(|finding| (finding.check, finding.verdict)).collect()
    }

    #[test]
    fn nothing_applies_to_no_evidence() {
        let claims = Claims { min_age: Some(18), region: Some("UTO"), document_type: Some(DocumentType::Passport) };
        let verdicts = verdicts(&Evidence::default(), &claims);
        assert!(verdicts.iter().all(|(_, verdict)| *verdict == Verdict::NotApplicable), "{verdicts:?}");
    }

    #[test]
    fn a_specimen_passport() {
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        let mrz = parse(&lines, today()).unwrap();
        let print = ["Eriksson".to_owned(), "L898902 C3".to_owned()];
        let evidence = Evidence {
            mrz: Some(&mrz),
            lines: &print,
            portrait: Some(true),
            document_type: Some(DocumentType::Passport),
            copy: Some(CopySigns { colour: 20.0, grid: 0.0 }),
            ..Evidence::default()
        };
        let claims = Claims { min_age: Some(53), region: Some("uto"), document_type: Some(DocumentType::Visa) };
        let found = verdicts(&evidence, &claims);
        let expected = [
            (Check::NotExpired, Verdict::Fail),
            (Check::AlreadyValid, Verdict::NotApplicable),
            (Check::CheckDigits, Verdict::Pass),
            (Check::ZoneAgainstPrint, Verdict::Pass),
            (Check::BarcodeAgainstPrint, Verdict::NotApplicable),
            (Check::Age, Verdict::Fail),
            (Check::Region, Verdict::Pass),
            (Check::Type, Verdict::Fail),
            (Check::Portrait, Verdict::Pass),
            (Check::Original, Verdict::Pass),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn printed_dates_count_where_nothing_else_has_them() {
        let field = |kind, value: &str| Field {
            kind,
            value: value.into(),
            source: Source::Ocr,
            confidence: 0.9,
            agreement: None,
        };
        let fields =
            [field(Kind::Issue, "2027-01-01"), field(Kind::Expiry, "2026-11-21"), field(Kind::Birth, "2008-11-22")];
        let evidence = Evidence { fields: &fields, ..Evidence::default() };
        let findings = all(&evidence, &Claims { min_age: Some(18), ..Claims::default() }, today());
        let verdict = |check| findings.iter().find(|finding| finding.check == check).unwrap().verdict;
        assert_eq!(verdict(Check::NotExpired), Verdict::Pass);
        assert_eq!(verdict(Check::AlreadyValid), Verdict::Fail);
        assert_eq!(verdict(Check::Age), Verdict::Fail);
    }

    #[test]
    fn copies_are_named() {
        let reason = |colour, grid| {
            let evidence = Evidence { copy: Some(CopySigns { colour, grid }), ..Evidence::default() };
            let findings = all(&evidence, &Claims::default(), today());
            findings.into_iter().find(|f| f.check == Check::Original).map(|f| (f.verdict, f.reason)).unwrap()
        };
        assert!(reason(20.0, 0.9).1.contains("screen") && reason(20.0, 0.9).0 == Verdict::Fail);
        assert!(reason(1.0, 0.0).1.contains("photocopy") && reason(1.0, 0.0).0 == Verdict::Fail);
    }

    #[test]
    fn a_changed_digit_and_another_name_are_named() {
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408132F1204159ZE184226B<<<<<10"];
        let mrz = parse(&lines, today()).unwrap();
        let print = ["ERICSSON".to_owned(), "L898902C3".to_owned()];
        let evidence = Evidence { mrz: Some(&mrz), lines: &print, ..Evidence::default() };
        let findings = all(&evidence, &Claims::default(), today());
        assert_eq!(findings[2].reason, "The check digit of the date of birth, the whole zone does not hold.");
        assert_eq!(findings[3].reason, "The surname of the zone is not printed on the front.");
    }
}
