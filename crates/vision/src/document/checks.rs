//! Checks of a document as pure functions of the evidence and a date. Each gives pass, fail or not applicable, and a
//! sentence that says why. Nothing here looks at pixels: whether a picture is of a screen or a photocopy is not checked.

use super::aamva::Licence;
use super::date::Date;
use super::mrz::{Checked, Mrz};

/// What was found on a document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'e> {
    /// The machine readable zone.
    pub mrz: Option<&'e Mrz>,
    /// The payload of the barcode.
    pub barcode: Option<&'e Licence>,
    /// The printed lines of the front, without the zone.
    pub lines: &'e [String],
    /// Whether a portrait was found; `None` when nobody looked.
    pub portrait: Option<bool>,
}

/// What is checked.
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
    /// There is a portrait.
    Portrait,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The evidence or the claim that it needs is absent.
    NotApplicable,
}

/// A check, how it came out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// How it came out.
    pub verdict: Verdict,
    /// A sentence for people.
    pub reason: String,
}

/// What the caller asks of the document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claims<'c> {
    /// Least age of the holder in years.
    pub min_age: Option<u16>,
    /// Issuing state (three letters, as in a zone) or jurisdiction (two letters, as in a barcode).
    pub region: Option<&'c str>,
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
        finding(Check::Portrait, portrait(evidence)),
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
    let dates = [evidence.mrz.and_then(|mrz| mrz.expiry), evidence.barcode.and_then(|licence| licence.expiry)];
    // Where two sources differ the earlier date counts.
    match dates.into_iter().flatten().min() {
        Some(expiry) if expiry < today => decided(false, format!("The document expired on {expiry}.")),
        Some(expiry) => decided(true, format!("The document is valid until {expiry}.")),
        None => absent("No date of expiry was read"),
    }
}

fn already_valid(evidence: &Evidence<'_>, today: Date) -> Outcome {
    match evidence.barcode.and_then(|licence| licence.issue) {
        Some(issue) if issue > today => decided(false, format!("The date of issue, {issue}, has not come.")),
        Some(issue) => decided(true, format!("The document was issued on {issue}.")),
        None => absent("No date of issue was read"),
    }
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
    let dates = [evidence.mrz.and_then(|mrz| mrz.birth), evidence.barcode.and_then(|licence| licence.birth)];
    // Where two sources differ the younger age counts.
    let Some(birth) = dates.into_iter().flatten().max() else { return absent("No date of birth was read") };
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
    use crate::document::mrz::parse;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    fn verdicts(evidence: &Evidence<'_>, claims: &Claims<'_>) -> Vec<(Check, Verdict)> {
        all(evidence, claims, today()).into_iter().map(|finding| (finding.check, finding.verdict)).collect()
    }

    #[test]
    fn nothing_applies_to_no_evidence() {
        let verdicts = verdicts(&Evidence::default(), &Claims { min_age: Some(18), region: Some("UTO") });
        assert!(verdicts.iter().all(|(_, verdict)| *verdict == Verdict::NotApplicable), "{verdicts:?}");
    }

    #[test]
    fn a_specimen_passport() {
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        let mrz = parse(&lines, today()).unwrap();
        let print = ["Eriksson".to_owned(), "L898902 C3".to_owned()];
        let evidence = Evidence { mrz: Some(&mrz), lines: &print, portrait: Some(true), ..Evidence::default() };
        let found = verdicts(&evidence, &Claims { min_age: Some(53), region: Some("uto") });
        let expected = [
            (Check::NotExpired, Verdict::Fail),
            (Check::AlreadyValid, Verdict::NotApplicable),
            (Check::CheckDigits, Verdict::Pass),
            (Check::ZoneAgainstPrint, Verdict::Pass),
            (Check::BarcodeAgainstPrint, Verdict::NotApplicable),
            (Check::Age, Verdict::Fail),
            (Check::Region, Verdict::Pass),
            (Check::Portrait, Verdict::Pass),
        ];
        assert_eq!(found, expected);
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
