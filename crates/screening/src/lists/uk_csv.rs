//! The UK Sanctions List in CSV, and the older consolidated list of the Treasury: one line per name, the columns of both
//! known by their names.

use std::collections::HashMap;

use super::table::{Row, Table};
use super::{File, ListError, Read, british_date};
use crate::entity::{Entity, Gender, Kind, NameKind};

const NAME_PARTS: [&str; 6] = ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5", "Name 6"];

pub fn read(file: File<'_>) -> Result<Read, ListError> {
    let table = Table::read(file, b',', |line| line.contains("Name 6") && line.contains("Name 1"))?;
    let mut entities: Vec<Entity> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for row in table.rows() {
        let id = row.first(&["Unique ID", "Group ID"]);
        if id.is_empty() {
            continue;
        }
        let at = *at.entry(id.to_owned()).or_insert_with(|| {
            entities.push(Entity::new(id, kind(row)));
            entities.len() - 1
        });
        add(&mut entities[at], row);
    }
    for entity in &mut entities {
        entity.names.sort_by_key(|name| name.kind != NameKind::Primary);
    }
    let dated = table.preamble.split(['\n', ',', ' ']).find_map(british_date);
    Ok(Read { date: dated, entities })
}

fn kind(row: Row<'_>) -> Kind {
    match row.first(&["Designation Type", "Group Type", "Individual, Entity, Ship"]) {
        "Individual" => Kind::Person,
        "Ship" => Kind::Vessel,
        _ => Kind::Organisation,
    }
}

fn add(entity: &mut Entity, row: Row<'_>) {
    let parts: Vec<&str> = NAME_PARTS.iter().map(|part| row.get(part)).filter(|part| !part.is_empty()).collect();
    entity.add_name(&parts.join(" "), name_kind(row));
    entity.add_name(row.get("Name non-latin script"), NameKind::Alias);
    for date in row.first(&["D.O.B", "DOB"]).split(';') {
        entity.add_birth(&date.replace(['d', 'm'], "0"));
    }
    for country in row.first(&["Nationality(/ies)", "Nationality"]).split([';', ')']) {
        // The older list numbers them: (1) Iran (2) Iraq.
        entity.add_nationality(country.trim_end_matches(['(', '1', '2', '3', '4', ' ']));
    }
    entity.gender = entity.gender.or_else(|| Gender::parse(row.get("Gender")));
    entity.add_program(row.first(&["Regime Name", "Regime"]));
    for (kind, columns) in [
        ("Passport", ["Passport number", "Passport Details"]),
        ("National ID", ["National Identifier number", "National Identification Number"]),
        ("Business registration", ["Business registration number (s)", "Business registration number"]),
        ("IMO", ["IMO number", "IMO"]),
    ] {
        let number = row.first(&columns);
        if entity.ids.iter().all(|id| id.number != number) {
            entity.add_id(kind, number, "");
        }
    }
    let lines = ["1", "2", "3", "4", "5", "6"].map(|line| {
        let (new, old) = (format!("Address Line {line}"), format!("Address {line}"));
        row.first(&[&new, &old]).to_owned()
    });
    let mut parts: Vec<&str> = lines.iter().map(String::as_str).collect();
    parts.push(row.first(&["Address Postal Code", "Post/Zip Code"]));
    entity.add_address(&parts, row.first(&["Address Country", "Country"]));
}

fn name_kind(row: Row<'_>) -> NameKind {
    let quality = row.first(&["Alias strength", "Alias Quality"]);
    match row.first(&["Name type", "Alias Type"]) {
        "Primary name" | "Primary Name" => NameKind::Primary,
        _ if quality.starts_with("Low") => NameKind::WeakAlias,
        _ => NameKind::Alias,
    }
}
