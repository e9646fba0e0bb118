//! OFAC's CSV sets: SDN (`sdn.csv`, `alt.csv`, `add.csv`, `sdn_comments.csv`) and consolidated non-SDN (`cons_prim.csv`
//! and so on). No headers; `-0-` stands for nothing; the first column is the entry's number in every file.

use std::collections::HashMap;

use csv::StringRecord;

use super::ofac_remarks;
use super::{File, ListError, Read, check_quotes, damaged, text};
use crate::entity::{Entity, Kind, NameKind};

/// Columns of the primary file: number, name, type, programme, title, call sign, vessel type, tonnage, gross registered
/// tonnage, flag, owner, remarks.
const PRIMARY_COLUMNS: usize = 12;
/// Number, alias number, type (aka, fka, nka), name, remarks.
const ALIAS_COLUMNS: usize = 5;
/// Number, address number, street, city with region and postal code, country, remarks.
const ADDRESS_COLUMNS: usize = 6;
/// Number, what did not fit into the remarks of the primary file.
const COMMENT_COLUMNS: usize = 2;

pub fn read(
    primary: File<'_>,
    aliases: File<'_>,
    addresses: Option<File<'_>>,
    comments: Option<File<'_>>,
) -> Result<Read, ListError> {
    // The comments go on in the middle of a word where the remarks stop.
    let mut rest: HashMap<String, String> = HashMap::new();
    if let Some(file) = comments {
        for row in rows(file, COMMENT_COLUMNS)? {
            rest.entry(row[0].trim().into()).or_default().push_str(&row[1]);
        }
    }
    let mut entities = Vec::new();
    let mut at = HashMap::new();
    for row in rows(primary, PRIMARY_COLUMNS)? {
        let mut entity = entity(&row);
        let more = rest.get(&entity.id).map_or("", String::as_str);
        ofac_remarks::apply(&mut entity, &[value(&row[11]), more].concat());
        at.insert(entity.id.clone(), entities.len());
        entities.push(entity);
    }
    let unknown = |file: File<'_>, id: &str| {
        damaged(
            file,
            format_args!("entry {id} is not in {}: the files are of two publications or cut short", primary.name),
        )
    };
    for row in rows(aliases, ALIAS_COLUMNS)? {
        let at = *at.get(row[0].trim()).ok_or_else(|| unknown(aliases, &row[0]))?;
        entities[at].add_name(value(&row[3]), NameKind::Alias);
    }
    if let Some(file) = addresses {
        for row in rows(file, ADDRESS_COLUMNS)? {
            let at = *at.get(row[0].trim()).ok_or_else(|| unknown(file, &row[0]))?;
            entities[at].add_address(&[value(&row[2]), value(&row[3])], value(&row[4]));
        }
    }
    Ok(Read { date: None, entities })
}

fn entity(row: &StringRecord) -> Entity {
    let kind = match value(&row[2]) {
        "individual" => Kind::Person,
        "vessel" => Kind::Vessel,
        "aircraft" => Kind::Aircraft,
        _ => Kind::Organisation,
    };
    let mut entity = Entity::new(&row[0], kind);
    entity.add_name(value(&row[1]), NameKind::Primary);
    // Several programmes are written as `SDGT] [IFSR`.
    for program in value(&row[3]).split("] [") {
        entity.add_program(program.trim_matches(['[', ']']));
    }
    entity.add_id("Call sign", value(&row[5]), "");
    entity.add_nationality(if kind == Kind::Vessel { value(&row[9]) } else { "" });
    entity
}

fn value(cell: &str) -> &str {
    let cell = cell.trim();
    if cell == "-0-" { "" } else { cell }
}

fn rows(file: File<'_>, columns: usize) -> Result<Vec<StringRecord>, ListError> {
    let text = text(file);
    check_quotes(file, &text)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| damaged(file, error))?;
        let line = row.position().map_or(0, csv::Position::line);
        if row.len() != columns {
            return Err(damaged(file, format_args!("line {line} has {} columns, not {columns}", row.len())));
        }
        if row[0].trim().parse::<u32>().is_err() {
            return Err(damaged(file, format_args!("line {line} does not begin with the number of an entry")));
        }
        rows.push(row);
    }
    Ok(rows)
}
