//! Elements to values: names split, dates by jurisdiction, units.

use super::super::date::{Date, digits};
use super::super::mrz::Sex;
use super::elements::is_canadian;
use super::{Element, Header, Licence};

/// A height, in the unit of the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Height {
    /// Inches.
    Inches(u32),
    /// Centimetres.
    Centimetres(u32),
}

/// A weight, in the unit of the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Pounds.
    Pounds(u32),
    /// Kilograms.
    Kilograms(u32),
}

/// Fills a licence from its elements.
pub fn licence(header: Header, elements: Vec<Element>) -> Licence {
    let source = Source { header: &header, elements: &elements };
    let names = source.names();
    let jurisdiction = source.text("DAJ").or_else(|| header.jurisdiction.map(str::to_owned));
    Licence {
        family_name: names.family,
        first_name: names.first,
        middle_names: names.middle,
        suffix: names.suffix,
        number: source.text("DAQ"),
        birth: source.date("DBB"),
        issue: source.date("DBD"),
        expiry: source.date("DBA"),
        sex: source.text("DBC").and_then(|text| sex(&text)),
        height: source.height(),
        weight: source.weight(),
        street: source.text("DAG").or_else(|| source.text("DAL")),
        street2: source.text("DAH").or_else(|| source.text("DAM")),
        city: source.text("DAI").or_else(|| source.text("DAN")),
        postal_code: source.text("DAK").or_else(|| source.text("DAP")).map(|text| postal_code(&text)),
        country: source.country(jurisdiction.as_deref()),
        class: ["DCA", "DAR", "DCM"].into_iter().find_map(|id| source.text(id)),
        discriminator: source.text("DCF"),
        jurisdiction,
        header,
        elements,
    }
}

#[derive(Default)]
struct Names {
    family: Option<String>,
    first: Option<String>,
    middle: Option<String>,
    suffix: Option<String>,
}

struct Source<'e> {
    header: &'e Header,
    elements: &'e [Element],
}

impl Source<'_> {
    /// The first value of an element that says something.
    fn text(&self, id: &str) -> Option<String> {
        let values = self.elements.iter().filter(|element| element.id == id).map(|element| element.value.as_str());
        let mut said = values.filter(|value| !matches!(*value, "" | "NONE" | "UNAVL" | "UNAV" | "UNK" | "N/A"));
        said.next().map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Separate elements where the card has them, else one that holds several names: given names (versions 2 and 3),
    /// or everything in the order family, first, middle, suffix (version 1).
    fn names(&self) -> Names {
        let whole = self.text("DAA").map(|text| in_order(&text)).unwrap_or_default();
        let (given_first, given_middle) = self.text("DCT").map(|text| first_and_rest(&text)).unwrap_or_default();
        Names {
            family: self.text("DCS").or_else(|| self.text("DAB")).or(whole.family),
            first: self.text("DAC").or(given_first).or(whole.first),
            middle: self.text("DAD").or(given_middle).or(whole.middle).map(|text| text.replace(',', " ")),
            suffix: self.text("DCU").or_else(|| self.text("DAE")).or(whole.suffix),
        }
    }

    /// The US write month, day, year from version 2 on. Canada and version 1 write year, month, day. Cards that do it the
    /// other way are recognised too: for every year that a card can have, only one order gives a date.
    fn date(&self, id: &str) -> Option<Date> {
        let digits: String = self.text(id)?.chars().filter(char::is_ascii_digit).collect();
        let canadian = self.header.jurisdiction.is_some_and(is_canadian) || self.text("DCG").as_deref() == Some("CAN");
        let orders = [Date::from_yyyymmdd(&digits), Date::from_mmddyyyy(&digits)];
        let first = usize::from(!(canadian || self.header.version <= 1));
        let plausible = |date: &Date| (1850..=2200).contains(&date.year());
        orders[first].filter(plausible).or(orders[1 - first].filter(plausible))
    }

    fn height(&self) -> Option<Height> {
        if let Some(centimetres) = self.text("DAV").and_then(|text| leading_number(&text)) {
            return Some(Height::Centimetres(centimetres));
        }
        let text = self.text("DAU")?;
        let number = leading_number(&text)?;
        let unit = text.to_ascii_uppercase();
        if unit.ends_with("CM") {
            Some(Height::Centimetres(number))
        } else if unit.ends_with("IN") {
            Some(Height::Inches(number))
        } else if digits(&text, 3).is_some() && number % 100 < 12 && number < 900 {
            // Version 1 writes feet and two digits of inches.
            Some(Height::Inches(number / 100 * 12 + number % 100))
        } else {
            None
        }
    }

    fn weight(&self) -> Option<Weight> {
        if let Some(kilograms) = self.text("DAX").and_then(|text| leading_number(&text)) {
            return Some(Weight::Kilograms(kilograms));
        }
        let text = self.text("DAW")?;
        let number = leading_number(&text)?;
        Some(if text.to_ascii_uppercase().ends_with("KG") { Weight::Kilograms(number) } else { Weight::Pounds(number) })
    }

    fn country(&self, jurisdiction: Option<&str>) -> Option<String> {
        let of_place = |place: &str| if is_canadian(place) { "CAN" } else { "USA" };
        self.text("DCG").or_else(|| jurisdiction.map(|place| of_place(place).to_owned()))
    }
}

fn sex(text: &str) -> Option<Sex> {
    match text {
        "1" | "M" => Some(Sex::Male),
        "2" | "F" => Some(Sex::Female),
        "9" | "0" | "X" => Some(Sex::Unspecified),
        _ => None,
    }
}

/// `FAMILY,FIRST,MIDDLE,SUFFIX`; some write first and middle names as one.
fn in_order(text: &str) -> Names {
    let mut parts = text.split(',').map(|part| Some(part.trim().to_owned()).filter(|part| !part.is_empty()));
    let mut next = || parts.next().flatten();
    let (family, given, middle, suffix) = (next(), next(), next(), next());
    let (first, rest) = given.map(|given| first_and_rest(&given)).unwrap_or_default();
    Names { family, first, middle: middle.or(rest), suffix }
}

/// The first name and the others, parted by a comma or, without one, by a space.
fn first_and_rest(given: &str) -> (Option<String>, Option<String>) {
    let (first, rest) = given.split_once(',').or_else(|| given.split_once(' ')).unwrap_or((given, ""));
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    (some(first), some(rest))
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|&number| number > 0)
}

/// Nine digits get the hyphen of ZIP+4, and zeros of padding go.
fn postal_code(text: &str) -> String {
    match text.split_at_checked(5) {
        Some((zip, more)) if digits(zip, 5).is_some() => match more.trim() {
            padding if padding.bytes().all(|b| b == b'0') => zip.to_owned(),
            more if digits(more, 4).is_some() => format!("{zip}-{more}"),
            _ => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}
