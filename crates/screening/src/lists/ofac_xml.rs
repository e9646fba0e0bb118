//! OFAC's lists in the advanced XML format (`sdn_advanced.xml`, `cons_advanced.xml`), the UN's advanced sanctions data
//! model: values are numbers that reference tables at the head of the file explain.

use std::collections::HashMap;

use super::xml::{self, Element};
use super::{File, ListError, Read, damaged, iso_date, text};
use crate::dates::BirthDate;
use crate::entity::{Entity, Gender, Kind, NameKind};

/// The explained values: element name and `ID` to text.
#[derive(Default)]
struct References {
    texts: HashMap<(String, String), String>,
    /// Party type of a party subtype.
    party_types: HashMap<String, String>,
    /// Country of a location, in words.
    locations: HashMap<String, (String, String)>,
    /// Identity to number kind, number and country.
    documents: HashMap<String, Vec<[String; 3]>>,
}

const WANTED: [&str; 6] =
    ["DateOfIssue", "ReferenceValueSets", "Location", "IDRegDocument", "DistinctParty", "SanctionsEntry"];

pub fn read(file: File<'_>) -> Result<Read, ListError> {
    let mut references = References::default();
    let (mut date, mut entities) = (None, Vec::<Entity>::new());
    let mut at: HashMap<String, usize> = HashMap::new();
    xml::each(file, &text(file), &WANTED, |element| {
        match element.name.as_str() {
            "DateOfIssue" => date = day(&element).map(|day| day.to_string()).as_deref().and_then(iso_date),
            "ReferenceValueSets" => references.add_sets(&element),
            "Location" => references.add_location(&element),
            "IDRegDocument" => references.add_document(&element),
            "DistinctParty" => {
                let (profile, entity) = references.party(&element).ok_or_else(|| {
                    damaged(file, format_args!("party {} has no profile", element.attribute("FixedRef")))
                })?;
                at.insert(profile, entities.len());
                entities.push(entity);
            }
            _ => {
                if let Some(at) = at.get(element.attribute("ProfileID")) {
                    for measure in element.all("SanctionsMeasure") {
                        entities[*at].add_program(measure.text_of("Comment"));
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(Read { date, entities })
}

impl References {
    fn add_sets(&mut self, sets: &Element) {
        for value in sets.children.iter().flat_map(|set| &set.children) {
            let id = value.attribute("ID").to_owned();
            if value.name == "PartySubType" {
                self.party_types.insert(id.clone(), value.attribute("PartyTypeID").to_owned());
            }
            self.texts.insert((value.name.clone(), id), value.text.clone());
        }
    }

    fn text(&self, set: &str, id: &str) -> &str {
        self.texts.get(&(set.to_owned(), id.to_owned())).map_or("", String::as_str)
    }

    fn add_location(&mut self, location: &Element) {
        let country = location.all("LocationCountry").next().map_or("", |c| c.attribute("CountryID"));
        let area = location.all("LocationAreaCode").next().map_or("", |c| c.attribute("AreaCodeID"));
        let named = [self.text("Country", country), self.text("AreaCode", area)];
        let country = named.iter().find(|name| !name.is_empty()).copied().unwrap_or_default().to_owned();
        let parts: Vec<&str> = location.deep("Value").into_iter().map(|value| value.text.as_str()).collect();
        self.locations.insert(location.attribute("ID").to_owned(), (parts.join(", "), country));
    }

    fn add_document(&mut self, document: &Element) {
        let kind = self.text("IDRegDocType", document.attribute("IDRegDocTypeID")).to_owned();
        let country = self.text("Country", document.attribute("IssuedBy-CountryID")).to_owned();
        let number = document.text_of("IDRegistrationNo").to_owned();
        self.documents.entry(document.attribute("IdentityID").to_owned()).or_default().push([kind, number, country]);
    }

    /// The profile's ID and the entity.
    fn party(&self, party: &Element) -> Option<(String, Entity)> {
        let profile = party.all("Profile").next()?;
        let mut entity = Entity::new(party.attribute("FixedRef"), self.kind(profile.attribute("PartySubTypeID")));
        let mut names: Vec<(NameKind, String)> = Vec::new();
        for identity in profile.all("Identity") {
            names.extend(identity.all("Alias").flat_map(aliases));
            for [kind, number, country] in self.documents.get(identity.attribute("ID")).into_iter().flatten() {
                entity.add_id(kind, number, country);
            }
        }
        names.sort_by_key(|(kind, _)| *kind != NameKind::Primary);
        for (kind, full) in names {
            entity.add_name(&full, kind);
        }
        for feature in profile.all("Feature") {
            self.add_feature(&mut entity, feature);
        }
        Some((profile.attribute("ID").to_owned(), entity))
    }

    fn kind(&self, sub_type: &str) -> Kind {
        let party_type = self.party_types.get(sub_type).map_or("", String::as_str);
        match (self.text("PartySubType", sub_type), self.text("PartyType", party_type)) {
            ("Vessel", _) => Kind::Vessel,
            ("Aircraft", _) => Kind::Aircraft,
            (_, "Individual") => Kind::Person,
            _ => Kind::Organisation,
        }
    }

    fn add_feature(&self, entity: &mut Entity, feature: &Element) {
        let kind = self.text("FeatureType", feature.attribute("FeatureTypeID"));
        for version in feature.all("FeatureVersion") {
            let place = version
                .all("VersionLocation")
                .next()
                .and_then(|place| self.locations.get(place.attribute("LocationID")));
            let detail = version.all("VersionDetail").next();
            let word = detail.map_or("", |detail| self.text("DetailReference", detail.attribute("DetailReferenceID")));
            match (kind, place) {
                ("Birthdate", _) => entity.births.extend(version.all("DatePeriod").filter_map(period)),
                ("Gender", _) => entity.gender = Gender::parse(word),
                ("Nationality Country" | "Citizenship Country" | "Nationality of Registration", Some((_, country))) => {
                    entity.add_nationality(country);
                }
                ("Location", Some((parts, country))) => entity.add_address(&[parts], country),
                _ => {}
            }
        }
    }
}

/// One name in several scripts may stand in one alias.
fn aliases(alias: &Element) -> Vec<(NameKind, String)> {
    let weak = alias.attribute("LowQuality") == "true";
    let primary = alias.attribute("Primary") == "true";
    let names = alias.all("DocumentedName").map(|name| {
        let parts: Vec<&str> = name.deep("NamePartValue").into_iter().map(|part| part.text.as_str()).collect();
        parts.join(" ")
    });
    let kind = |at: usize| match (primary && at == 0, weak) {
        (true, _) => NameKind::Primary,
        (_, true) => NameKind::WeakAlias,
        _ => NameKind::Alias,
    };
    names.enumerate().map(|(at, full)| (kind(at), full)).collect()
}

/// From the first day of the start to the last of the end.
fn period(period: &Element) -> Option<BirthDate> {
    let (start, end) = (period.all("Start").next()?, period.all("End").next());
    let first = start.all("From").next().and_then(day)?;
    let last = end.and_then(|end| end.all("To").next()).and_then(day).unwrap_or(first);
    let about = start.attribute("Approximate") == "true";
    let span = BirthDate::parse(&format!("{first} to {last}"))?;
    Some(if about { span.approximate() } else { span })
}

fn day(date: &Element) -> Option<BirthDate> {
    let number = |name: &str| date.text_of(name).parse::<u32>().ok();
    BirthDate::day(number("Year")?, number("Month")?, number("Day")?)
}
