//! The denied persons list of the Bureau of Industry and Security: tab-separated, with headers, one line per person or
//! body and address. Lines of the same name are one entry.

use std::collections::HashMap;

use super::table::Table;
use super::{File, ListError, Read};
use crate::entity::{Entity, Kind, NameKind};
use crate::names;

pub fn read(file: File<'_>) -> Result<Read, ListError> {
    let table = Table::read(file, b'\t', |header| header.contains("Street_Address"))?;
    let mut entities: Vec<Entity> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for row in table.rows() {
        let name = row.get("Name").to_owned();
        let at = *at.entry(name.clone()).or_insert_with(|| {
            // The file does not say what a line is, nor has it numbers: the name is the key.
            let kind = if names::looks_like_organisation(&name) { Kind::Organisation } else { Kind::Person };
            let mut entity = Entity::new(&name, kind);
            entity.add_name(&name, NameKind::Primary);
            entities.push(entity);
            entities.len() - 1
        });
        let parts = ["Street_Address", "City", "State", "Postal_Code"].map(|column| row.get(column));
        entities[at].add_address(&parts, row.get("Country"));
        entities[at].add_program("DPL");
    }
    Ok(Read { date: None, entities })
}
