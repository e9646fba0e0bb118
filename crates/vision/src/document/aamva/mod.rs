//! The payload of the barcode on US and Canadian driving licences and identity cards: the AAMVA card design standard,
//! versions 1 to 10, and the older `AAMVA` header.
//!
//! Issuers depart from the standard: wrong offsets in the directory, other separators, dates in the neighbour's order.
//! So the parser ignores the offsets of the directory, and finds elements by their identifiers.

mod elements;
mod header;
#[cfg(test)]
mod tests;
mod values;

pub use elements::{jurisdiction, name as element_name};
pub use header::Header;
pub use values::{Height, Weight};

use super::date::Date;
use super::mrz::Sex;

/// One element as the card has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Three letters, such as `DAQ`.
    pub id: String,
    /// The value without spaces around it.
    pub value: String,
}

/// A parsed payload. A text is `None` if the card has no such element, or if the element is empty, `NONE` or `UNAVL`.
#[derive(Debug, Clone, PartialEq)]
pub struct Licence {
    /// Issuer and versions.
    pub header: Header,
    /// All elements, in the order of the card.
    pub elements: Vec<Element>,
    /// Family name.
    pub family_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Middle names, parted by a space.
    pub middle_names: Option<String>,
    /// Name suffix, such as `JR`.
    pub suffix: Option<String>,
    /// Customer (licence) number.
    pub number: Option<String>,
    /// Date of birth.
    pub birth: Option<Date>,
    /// Date of issue.
    pub issue: Option<Date>,
    /// Date of expiry.
    pub expiry: Option<Date>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Height.
    pub height: Option<Height>,
    /// Weight.
    pub weight: Option<Weight>,
    /// Street, first line.
    pub street: Option<String>,
    /// Street, second line.
    pub street2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province, as a postal abbreviation.
    pub jurisdiction: Option<String>,
    /// Postal code: five or nine digits with a hyphen in the US, as printed elsewhere.
    pub postal_code: Option<String>,
    /// `USA` or `CAN`, from the card or from its issuer.
    pub country: Option<String>,
    /// Vehicle class.
    pub class: Option<String>,
    /// Document discriminator: tells apart two cards of one person.
    pub discriminator: Option<String>,
}

impl Licence {
    /// The raw value of the first element with this identifier.
    pub fn element(&self, id: &str) -> Option<&str> {
        self.elements.iter().find(|element| element.id == id).map(|element| element.value.as_str())
    }
}

/// Why a text is not an AAMVA payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither `ANSI ` nor `AAMVA` is followed by an issuer's number and a version.
    #[error("the text has no AAMVA header: it is not the barcode of a US or Canadian licence")]
    Header,
    /// Nothing after the header is an element.
    #[error("there is no element after the AAMVA header")]
    Elements,
}

/// Parses the text of the barcode.
///
/// # Errors
/// [`Error`] when it is another kind of text. Missing elements are no error.
pub fn parse(payload: &str) -> Result<Licence, Error> {
    let (header, body) = header::parse(payload).ok_or(Error::Header)?;
    let elements = split(body, &header.subfiles);
    if elements.is_empty() {
        return Err(Error::Elements);
    }
    Ok(values::licence(header, elements))
}

/// Cuts the subfiles into elements: pieces between separators that begin with an identifier.
fn split(body: &str, subfiles: &[String]) -> Vec<Element> {
    // The standard's separators are line feed and carriage return; cards have pipes and other control characters too.
    let pieces = body.split(|c: char| c.is_control() || c == '|').filter(|piece| !piece.is_empty());
    let elements = pieces.filter_map(|piece| {
        let piece = without_subfile_type(piece, subfiles);
        let (id, value) = piece.split_at_checked(3)?;
        let is_id = id.starts_with(['D', 'P', 'Z']) && id.bytes().all(|b| b.is_ascii_uppercase());
        is_id.then(|| Element { id: id.to_owned(), value: value.trim().to_owned() })
    });
    elements.collect()
}

/// The first element of a subfile is glued to the subfile's type: `DLDAQ...`, `ZMZMA...`.
fn without_subfile_type<'p>(piece: &'p str, subfiles: &[String]) -> &'p str {
    let rest = |subfile: &String| {
        let rest = piece.strip_prefix(subfile.as_str())?;
        let first = if subfile.starts_with('Z') { subfile.as_str() } else { "D" };
        (rest.starts_with(first) && elements_like(rest)).then_some(rest)
    };
    subfiles.iter().find_map(rest).unwrap_or(piece)
}

fn elements_like(text: &str) -> bool {
    text.get(..3).is_some_and(|id| id.bytes().all(|b| b.is_ascii_uppercase()))
}
