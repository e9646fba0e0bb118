//! OFAC's remarks: facts separated by semicolons, such as `DOB 29 Jun 1978; nationality Iran; Passport A0030940 (Iran)`.

use crate::entity::{Entity, Gender, Kind, NameKind};

/// Words before a number that make it an identifier.
const NUMBERS: [&str; 14] = [
    "Passport",
    "National ID No.",
    "Cedula No.",
    "Tax ID No.",
    "Registration Number",
    "Registration ID",
    "Identification Number",
    "Vessel Registration Identification",
    "Company Number",
    "UK Company Number",
    "C.U.R.P.",
    "R.F.C.",
    "NIT #",
    "RUC #",
];

/// Adds what the remarks say to the entity; what is not understood is passed over.
pub fn apply(entity: &mut Entity, remarks: &str) {
    for fact in remarks.split(';') {
        let fact = fact.trim().trim_end_matches('.').trim();
        let fact = fact.strip_prefix("alt. ").unwrap_or(fact);
        if let Some(name) = fact.strip_prefix("a.k.a. ").or_else(|| fact.strip_prefix("f.k.a. ")) {
            // OFAC moves its weak aliases into the remarks and quotes them.
            entity.add_name(name.trim_matches('\''), NameKind::WeakAlias);
        } else if let Some(date) = fact.strip_prefix("DOB ") {
            entity.add_birth(date);
        } else if let Some(country) = fact.strip_prefix("nationality ").or_else(|| fact.strip_prefix("citizen ")) {
            entity.add_nationality(country);
        } else if let Some(gender) = fact.strip_prefix("Gender ") {
            entity.gender = Gender::parse(gender);
        } else if let (Some(flag), Kind::Vessel) = (fact.strip_prefix("Flag "), entity.kind) {
            entity.add_nationality(flag);
        } else if let Some((kind, number)) = number(fact) {
            let (number, country) = number.split_once('(').unwrap_or((number, ""));
            entity.add_id(kind, number, country.split(')').next().unwrap_or_default());
        }
    }
}

fn number(fact: &str) -> Option<(&'static str, &str)> {
    let (kind, rest) = NUMBERS.iter().find_map(|kind| Some((*kind, fact.strip_prefix(kind)?)))?;
    Some((kind.trim_end_matches([' ', '#']).trim_end_matches(" No."), rest.trim()))
}
