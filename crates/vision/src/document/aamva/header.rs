//! The header: issuer, versions, directory of subfiles.

use super::super::date::digits;
use super::elements::jurisdiction;

/// The part before the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Issuer identification number, six digits.
    pub issuer: String,
    /// Postal abbreviation of the issuer, if the number is known.
    pub jurisdiction: Option<&'static str>,
    /// Version of the standard, 0 to 99; 1 to 10 are published.
    pub version: u8,
    /// The issuer's own version. Absent before version 2.
    pub issuer_version: Option<u8>,
    /// Subfile types of the directory, such as `DL`, `ID` and `ZC`.
    pub subfiles: Vec<String>,
}

/// Splits a payload into header and the rest.
pub fn parse(payload: &str) -> Option<(Header, &str)> {
    let mut starts =
        ["ANSI ", "AAMVA"].into_iter().flat_map(|mark| payload.match_indices(mark).map(move |(at, _)| at + 5));
    starts.find_map(|start| after_mark(payload.get(start..)?))
}

fn after_mark(text: &str) -> Option<(Header, &str)> {
    let (issuer, rest) = text.split_at_checked(6)?;
    digits(issuer, 6)?;
    let (version, mut rest) = number(rest)?;
    let mut issuer_version = None;
    if version >= 2 {
        let (own, after) = number(rest)?;
        (issuer_version, rest) = (Some(own), after);
    }
    let (entries, mut rest) = number(rest)?;
    let mut subfiles = Vec::new();
    // Some issuers count more or fewer entries than they write, so an entry has to look like one.
    for _ in 0..entries.max(1) {
        let Some((subfile, after)) = entry(rest) else { break };
        subfiles.push(subfile.to_owned());
        rest = after;
    }
    for known in ["DL", "ID", "EN"] {
        if !subfiles.iter().any(|subfile| subfile == known) {
            subfiles.push(known.into());
        }
    }
    let header =
        Header { jurisdiction: jurisdiction(issuer), issuer: issuer.to_owned(), version, issuer_version, subfiles };
    Some((header, rest))
}

/// Two digits.
fn number(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.split_at_checked(2)?;
    Some((digits(number, 2)? as u8, rest))
}

/// A directory entry: type, offset, length; ten characters, of which the last eight should be digits. A subfile begins
/// with the identifier of an element instead. The shortest malformed entry seen has four letters in place of the digits.
fn entry(text: &str) -> Option<(&str, &str)> {
    let (subfile, rest) = text.split_at_checked(2)?;
    if !subfile.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    if let Some((numbers, rest)) = rest.split_at_checked(8).filter(|(numbers, _)| digits(numbers, 8).is_some()) {
        debug_assert_eq!(numbers.len(), 8);
        return Some((subfile, rest));
    }
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    (letters > 0).then(|| (subfile, &rest[letters..]))
}
