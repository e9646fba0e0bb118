//! The consolidated list of the European Union: XML (schema 1.1) and CSV (version 1.1).

use std::collections::HashMap;

use super::table::{Row, Table};
use super::xml::{self, Element};
use super::{File, ListError, Read, british_date, iso_date, text};
use crate::dates::BirthDate;
use crate::entity::{Entity, Gender, Kind, NameKind};

pub fn read_xml(file: File<'_>) -> Result<Read, ListError> {
    let mut entities = Vec::new();
    let root = xml::each(file, &text(file), &["sanctionEntity"], |element| {
        entities.push(entity(&element));
        Ok(())
    })?;
    Ok(Read { date: iso_date(root.attribute("generationDate")), entities })
}

fn entity(element: &Element) -> Entity {
    let class = element.all("subjectType").next().map_or("", |subject| subject.attribute("classificationCode"));
    let mut entity = Entity::new(element.attribute("logicalId"), kind(class));
    for alias in element.all("nameAlias") {
        let full = whole_name(
            alias.attribute("wholeName"),
            [alias.attribute("firstName"), alias.attribute("middleName"), alias.attribute("lastName")],
        );
        let kind = name_kind(&entity, alias.attribute("strong") == "false");
        entity.add_name(&full, kind);
        entity.gender = entity.gender.or_else(|| Gender::parse(alias.attribute("gender")));
    }
    for birth in element.all("birthdate") {
        let get = |name| birth.attribute(name);
        entity.births.extend(born(
            get("birthdate"),
            [get("year"), get("monthOfYear"), get("dayOfMonth")],
            [get("yearRangeFrom"), get("yearRangeTo")],
            get("circa") == "true",
        ));
    }
    for country in element.all("citizenship") {
        entity.add_nationality(country.attribute("countryIso2Code"));
    }
    for regulation in element.all("regulation") {
        entity.add_program(regulation.attribute("programme"));
    }
    for id in element.all("identification") {
        let kind = id.attribute("identificationTypeDescription");
        entity.add_id(kind, id.attribute("number"), id.attribute("countryIso2Code"));
    }
    for address in element.all("address") {
        let parts = ["street", "poBox", "zipCode", "city", "region", "place"].map(|part| address.attribute(part));
        entity.add_address(&parts, address.attribute("countryIso2Code"));
    }
    entity
}

/// Each line has one name, address, date of birth, number or citizenship of an entity.
pub fn read_csv(file: File<'_>) -> Result<Read, ListError> {
    let table = Table::read(file, b';', |line| line.contains("Entity_LogicalId"))?;
    let mut entities: Vec<Entity> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut date = None;
    for row in table.rows() {
        let id = row.get("Entity_LogicalId");
        if id.is_empty() {
            continue;
        }
        date = date.or_else(|| {
            british_date(row.get("fileGenerationDate")).or_else(|| iso_date(row.get("fileGenerationDate")))
        });
        let at = *at.entry(id.to_owned()).or_insert_with(|| {
            entities.push(Entity::new(id, kind(row.get("Entity_SubjectType_ClassificationCode"))));
            entities.len() - 1
        });
        add(&mut entities[at], row);
    }
    Ok(Read { date, entities })
}

fn add(entity: &mut Entity, row: Row<'_>) {
    let parts = ["NameAlias_FirstName", "NameAlias_MiddleName", "NameAlias_LastName"].map(|part| row.get(part));
    let kind = name_kind(entity, row.get("NameAlias_Strong") == "false");
    entity.add_name(&whole_name(row.get("NameAlias_WholeName"), parts), kind);
    entity.gender = entity.gender.or_else(|| Gender::parse(row.get("NameAlias_Gender")));
    let birth = born(
        row.get("BirthDate_BirthDate"),
        ["BirthDate_Year", "BirthDate_Month", "BirthDate_Day"].map(|part| row.get(part)),
        ["BirthDate_YearRangeFrom", "BirthDate_YearRangeTo"].map(|part| row.get(part)),
        row.get("BirthDate_Circa") == "true",
    );
    entity.births.extend(birth.filter(|birth| !entity.births.contains(birth)));
    entity.add_nationality(row.get("Citizenship_CountryIso2Code"));
    entity.add_program(row.get("Entity_Regulation_Programme"));
    let kind = row.first(&["Identification_TypeDescription", "Identification_TypeCode"]);
    entity.add_id(kind, row.get("Identification_Number"), row.get("Identification_CountryIso2Code"));
    let address = ["Street", "PoBox", "ZipCode", "City", "Region", "Place"]
        .map(|part| row.get(&format!("Address_{part}")).to_owned());
    entity.add_address(&address.each_ref().map(String::as_str), row.get("Address_CountryIso2Code"));
}

fn kind(class: &str) -> Kind {
    if class == "P" { Kind::Person } else { Kind::Organisation }
}

/// The list does not say which name is the primary one; its first is.
fn name_kind(entity: &Entity, weak: bool) -> NameKind {
    match (entity.names.is_empty(), weak) {
        (true, _) => NameKind::Primary,
        (_, true) => NameKind::WeakAlias,
        _ => NameKind::Alias,
    }
}

fn whole_name(whole: &str, parts: [&str; 3]) -> String {
    if whole.is_empty() { parts.join(" ") } else { whole.to_owned() }
}

fn born(date: &str, parts: [&str; 3], years: [&str; 2], circa: bool) -> Option<BirthDate> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    let [year, month, day] = parts.map(number);
    let [first, last] = years.map(number);
    let known = BirthDate::parse(date)
        .or_else(|| BirthDate::day(year, month, day))
        .or_else(|| BirthDate::month(year, month))
        .or_else(|| BirthDate::years(year, year))
        .or_else(|| BirthDate::years(first, last))?;
    Some(if circa { known.approximate() } else { known })
}
