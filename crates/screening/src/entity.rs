//! What a sanctions list says of one person, organisation or means of transport, whatever the list's format.

use crate::country::Country;
use crate::dates::BirthDate;

/// What a listed entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A natural person.
    Person,
    /// A company, authority, group or any other body.
    Organisation,
    /// A ship.
    Vessel,
    /// An aircraft.
    Aircraft,
}

/// How a list gives a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// The name under which the entry is listed.
    Primary,
    /// Another or former name that identifies the entity.
    Alias,
    /// A name that the publisher calls weak or of low quality: nicknames, noms de guerre, lone common names.
    WeakAlias,
}

/// A name as published, in any script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Name {
    /// The name, trimmed, otherwise as published.
    pub full: String,
    /// How the list gives it.
    pub kind: NameKind,
}

/// Gender as lists and identity documents give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
}

impl Gender {
    /// Reads the first letter of the English, French or Spanish word; anything else is unknown.
    pub fn parse(text: &str) -> Option<Gender> {
        match text.trim().chars().next()?.to_ascii_lowercase() {
            'f' => Some(Gender::Female),
            'm' | 'h' => Some(Gender::Male),
            _ => None,
        }
    }
}

/// A number that identifies an entity.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Identifier {
    /// What the number is, in the publisher's words, such as `Passport` or `Tax ID`.
    pub kind: String,
    /// The number as published.
    pub number: String,
    /// Country of issue, where given and known.
    pub country: Option<Country>,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Address {
    /// Street, city, region and postal code in the publisher's order, joined by commas; may be empty.
    pub text: String,
    /// Country, where given and known.
    pub country: Option<Country>,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entity {
    /// The publisher's own key of the entry; unique in its list.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// At least one name, the primary name first.
    pub names: Vec<Name>,
    /// Every date of birth that the list gives; several mean that one of them is right.
    pub births: Vec<BirthDate>,
    /// Nationalities and citizenships.
    pub nationalities: Vec<Country>,
    /// Gender, where given.
    pub gender: Option<Gender>,
    /// Sanctions programmes or regimes in the publisher's words.
    pub programs: Vec<String>,
    /// Passports, identity cards, registrations.
    pub ids: Vec<Identifier>,
    /// Addresses.
    pub addresses: Vec<Address>,
}

impl Entity {
    /// An entry that has no more than its key and kind yet.
    pub(crate) fn new(id: &str, kind: Kind) -> Entity {
        Entity {
            id: id.trim().to_owned(),
            kind,
            names: Vec::new(),
            births: Vec::new(),
            nationalities: Vec::new(),
            gender: None,
            programs: Vec::new(),
            ids: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Adds a name unless it is blank or there already.
    pub(crate) fn add_name(&mut self, full: &str, kind: NameKind) {
        let full = full.split_whitespace().collect::<Vec<_>>().join(" ");
        if !full.is_empty() && self.names.iter().all(|name| name.full != full) {
            self.names.push(Name { full, kind });
        }
    }

    /// Adds a date of birth in any form that [`BirthDate::parse`] reads; others are passed over.
    pub(crate) fn add_birth(&mut self, text: &str) {
        if let Some(birth) = BirthDate::parse(text).filter(|birth| !self.births.contains(birth)) {
            self.births.push(birth);
        }
    }

    /// Adds a nationality by name or code; unknown ones are passed over.
    pub(crate) fn add_nationality(&mut self, text: &str) {
        if let Some(country) = Country::parse(text).filter(|country| !self.nationalities.contains(country)) {
            self.nationalities.push(country);
        }
    }

    /// Adds a sanctions programme unless it is blank or there already.
    pub(crate) fn add_program(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.programs.iter().all(|program| program != text) {
            self.programs.push(text.to_owned());
        }
    }

    /// Adds an address of the parts that are not blank.
    pub(crate) fn add_address(&mut self, parts: &[&str], country: &str) {
        let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
        let address = Address { text: parts.join(", "), country: Country::parse(country) };
        if (!address.text.is_empty() || address.country.is_some()) && !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// Adds a number that identifies the entity unless it is blank.
    pub(crate) fn add_id(&mut self, kind: &str, number: &str, country: &str) {
        let number = number.trim();
        if !number.is_empty() {
            let (kind, number) = (kind.trim().to_owned(), number.to_owned());
            self.ids.push(Identifier { kind, number, country: Country::parse(country) });
        }
    }
}
