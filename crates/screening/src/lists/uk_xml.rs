//! The UK Sanctions List in XML.

use super::xml::{self, Element};
use super::{File, ListError, Read, text};
use crate::entity::{Entity, Gender, Kind, NameKind};

/// The last part is the family name or the whole name of a body.
const NAME_PARTS: [&str; 6] = ["Name1", "Name2", "Name3", "Name4", "Name5", "Name6"];

pub fn read(file: File<'_>) -> Result<Read, ListError> {
    let (mut entities, mut date) = (Vec::new(), None);
    xml::each(file, &text(file), &["Designation", "DateGenerated"], |element| {
        if element.name == "DateGenerated" {
            date = super::british_date(&element.text);
        } else {
            entities.push(entity(&element));
        }
        Ok(())
    })?;
    Ok(Read { date, entities })
}

fn entity(element: &Element) -> Entity {
    let kind = match element.text_of("IndividualEntityShip") {
        "Individual" => Kind::Person,
        "Ship" => Kind::Vessel,
        _ => Kind::Organisation,
    };
    let mut entity = Entity::new(element.text_of("UniqueID"), kind);
    let mut names: Vec<(NameKind, String)> = element.deep("Name").into_iter().map(name).collect();
    names.sort_by_key(|(kind, _)| *kind != NameKind::Primary);
    for (kind, full) in names {
        entity.add_name(&full, kind);
    }
    for name in element.deep("NameNonLatinScript") {
        entity.add_name(&name.text, NameKind::Alias);
    }
    entity.gender = element.deep("Gender").first().and_then(|gender| Gender::parse(&gender.text));
    for date in element.deep("DOB") {
        entity.add_birth(&date.text.replace(['d', 'm'], "0"));
    }
    for nationality in element.deep("Nationality") {
        entity.add_nationality(&nationality.text);
    }
    entity.add_program(element.text_of("RegimeName"));
    for (kind, tag) in
        [("Passport", "PassportNumber"), ("National ID", "NationalIdentifierNumber"), ("IMO", "IMONumber")]
    {
        for number in element.deep(tag) {
            entity.add_id(kind, &number.text, "");
        }
    }
    for number in element.deep("BusinessRegistrationNumber") {
        entity.add_id("Business registration", &number.text, "");
    }
    for address in element.deep("Address") {
        let parts: Vec<&str> = address
            .children
            .iter()
            .filter(|part| part.name != "AddressCountry")
            .map(|part| part.text.as_str())
            .collect();
        entity.add_address(&parts, address.text_of("AddressCountry"));
    }
    entity
}

fn name(element: &Element) -> (NameKind, String) {
    let parts: Vec<&str> =
        NAME_PARTS.iter().map(|part| element.text_of(part)).filter(|part| !part.is_empty()).collect();
    let kind = match (element.text_of("NameType"), element.text_of("AliasStrength")) {
        ("Primary Name", _) => NameKind::Primary,
        (_, strength) if strength.starts_with("Low") => NameKind::WeakAlias,
        _ => NameKind::Alias,
    };
    (kind, parts.join(" "))
}
