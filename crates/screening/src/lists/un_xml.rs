//! The consolidated list of the UN Security Council in XML (schema `sc-sanctions.xsd`).

use super::xml::{self, Element};
use super::{File, ListError, Read, iso_date, text};
use crate::dates::BirthDate;
use crate::entity::{Entity, Gender, Kind, NameKind};

const NAME_PARTS: [&str; 4] = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"];

pub fn read(file: File<'_>) -> Result<Read, ListError> {
    let mut entities = Vec::new();
    let root = xml::each(file, &text(file), &["INDIVIDUAL", "ENTITY"], |element| {
        entities.push(entity(&element));
        Ok(())
    })?;
    Ok(Read { date: iso_date(root.attribute("dateGenerated")), entities })
}

fn entity(element: &Element) -> Entity {
    let kind = if element.name == "INDIVIDUAL" { Kind::Person } else { Kind::Organisation };
    let mut entity = Entity::new(element.text_of("DATAID"), kind);
    let parts: Vec<&str> = NAME_PARTS.iter().map(|part| element.text_of(part)).filter(|part| !is_blank(part)).collect();
    // Some entities have two names in one element, with a semicolon between them.
    for (at, name) in parts.join(" ").split(" ; ").enumerate() {
        entity.add_name(name, if at == 0 { NameKind::Primary } else { NameKind::Alias });
    }
    entity.add_name(element.text_of("NAME_ORIGINAL_SCRIPT"), NameKind::Alias);
    for alias in element.all("INDIVIDUAL_ALIAS").chain(element.all("ENTITY_ALIAS")) {
        let kind = if alias.text_of("QUALITY") == "Low" { NameKind::WeakAlias } else { NameKind::Alias };
        entity.add_name(alias.text_of("ALIAS_NAME"), kind);
        entity.add_birth(alias.text_of("DATE_OF_BIRTH"));
    }
    entity.gender = Gender::parse(element.text_of("GENDER"));
    for date in element.all("INDIVIDUAL_DATE_OF_BIRTH") {
        entity.births.extend(birth(date));
    }
    for value in element.all("NATIONALITY").flat_map(|nationality| nationality.all("VALUE")) {
        entity.add_nationality(&value.text);
    }
    entity.add_program(element.text_of("UN_LIST_TYPE"));
    for document in element.all("INDIVIDUAL_DOCUMENT") {
        let kind = [document.text_of("TYPE_OF_DOCUMENT"), document.text_of("TYPE_OF_DOCUMENT2")].join(" ");
        let country = [document.text_of("ISSUING_COUNTRY"), document.text_of("COUNTRY_OF_ISSUE")];
        entity.add_id(&kind, document.text_of("NUMBER"), country.iter().find(|name| !name.is_empty()).unwrap_or(&""));
    }
    for address in element.all("INDIVIDUAL_ADDRESS").chain(element.all("ENTITY_ADDRESS")) {
        let parts = ["STREET", "CITY", "STATE_PROVINCE", "ZIP_CODE"].map(|part| address.text_of(part));
        entity.add_address(&parts, address.text_of("COUNTRY"));
    }
    entity
}

/// The list writes `na` for a name part that does not exist.
fn is_blank(part: &str) -> bool {
    part.is_empty() || part == "na"
}

fn birth(date: &Element) -> Option<BirthDate> {
    let year = |name: &str| date.text_of(name).parse::<u32>().ok();
    let known = match (year("FROM_YEAR"), year("TO_YEAR")) {
        (Some(first), Some(last)) => BirthDate::years(first, last),
        _ => ["DATE", "YEAR", "NOTE"].iter().find_map(|name| {
            let text = date.text_of(name);
            // A time may stand behind the day.
            BirthDate::parse(text).or_else(|| BirthDate::parse(text.get(..10)?))
        }),
    };
    known.map(|known| if date.text_of("TYPE_OF_DATE") == "APPROXIMATELY" { known.approximate() } else { known })
}
