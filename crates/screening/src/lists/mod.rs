//! Readers for the lists as their publishers hand them out; one file per format, one [`Entity`] model for all.
//!
//! A file that is damaged or cut short is an error, never a shorter list.

mod denied_persons;
mod eu;
mod ofac_csv;
mod ofac_remarks;
mod ofac_xml;
mod table;
#[cfg(test)]
mod tests;
mod uk_csv;
mod uk_xml;
mod un_xml;
mod xml;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::dates::BirthDate;
use crate::entity::Entity;

/// A publisher's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Specially designated nationals, US Treasury (OFAC).
    OfacSdn,
    /// Consolidated non-SDN list, US Treasury (OFAC).
    OfacConsolidated,
    /// Consolidated list of the UN Security Council.
    UnConsolidated,
    /// Consolidated list of financial sanctions, European Union.
    EuConsolidated,
    /// UK Sanctions List.
    UkSanctions,
    /// Denied persons, US Department of Commerce (BIS).
    BisDeniedPersons,
}

impl Source {
    /// All lists that can be read.
    pub const ALL: [Source; 6] = [
        Source::OfacSdn,
        Source::OfacConsolidated,
        Source::UnConsolidated,
        Source::EuConsolidated,
        Source::UkSanctions,
        Source::BisDeniedPersons,
    ];

    /// Short name, as in answers and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Source::OfacSdn => "ofac-sdn",
            Source::OfacConsolidated => "ofac-consolidated",
            Source::UnConsolidated => "un-consolidated",
            Source::EuConsolidated => "eu-consolidated",
            Source::UkSanctions => "uk-sanctions",
            Source::BisDeniedPersons => "bis-denied-persons",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which state of a list something was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The list.
    pub source: Source,
    /// Day of publication as `YYYY-MM-DD`, where the files say it; OFAC's CSV set and BIS's file do not.
    pub date: Option<String>,
    /// SHA-256 in hexadecimal over the files in the order of their roles: primary, aliases, addresses, comments.
    pub sha256: String,
    /// Number of entries.
    pub entries: usize,
}

/// A list that was read as a whole.
#[derive(Debug, Clone)]
pub struct List {
    /// Which state of which list this is.
    pub version: Version,
    /// The entries in the publisher's order.
    pub entities: Vec<Entity>,
}

/// A file as it came from a publisher.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Its name; OFAC's CSV files are told apart by it.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {} bytes)", self.name, self.bytes.len())
    }
}

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No known format.
    #[error("{0} is not a sanctions list in a known format: docs/screening.md names the files that vultus reads")]
    Unrecognised(String),
    /// A file that the set needs is not there.
    #[error("{0} belongs to a set of files: give {1} as well")]
    Incomplete(String, &'static str),
    /// Two files have the same role in the same list.
    #[error("{0} and {1} are the same part of the list {2}: give only one of them")]
    Twice(String, String, Source),
    /// Broken or cut short.
    #[error("{file} is damaged: {what}; get it again from its publisher")]
    Damaged {
        /// Name of the file.
        file: String,
        /// What is wrong, and where.
        what: String,
    },
}

/// The formats, and for OFAC's CSV set the part that a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    OfacPrimary,
    OfacAliases,
    OfacAddresses,
    OfacComments,
    OfacAdvancedXml,
    UnXml,
    EuXml,
    EuCsv,
    UkXml,
    UkCsv,
    DeniedPersons,
}

/// Which list a file belongs to; `None` when its format is not known. Looks at the beginning only.
pub fn recognise(file: &File<'_>) -> Option<Source> {
    part(file).map(|(source, _)| source)
}

/// Reads every list that the files make up, in the order of [`Source::ALL`].
///
/// # Errors
/// When a file is of no known format, damaged, one of two for the same part, or when a set is not complete.
pub fn read(files: &[File<'_>]) -> Result<Vec<List>, ListError> {
    let mut parts = Vec::with_capacity(files.len());
    for file in files {
        let (source, part) = part(file).ok_or_else(|| ListError::Unrecognised(file.name.to_owned()))?;
        parts.push((source, part, *file));
    }
    parts.sort_by_key(|(source, part, _)| (*source, *part));
    parts.chunk_by(|a, b| a.0 == b.0).map(|parts| read_one(parts[0].0, parts)).collect()
}

fn read_one(source: Source, parts: &[(Source, Part, File<'_>)]) -> Result<List, ListError> {
    for pair in parts.windows(2) {
        if pair[0].1 == pair[1].1 || pair[1].1 > Part::OfacComments {
            return Err(ListError::Twice(pair[0].2.name.into(), pair[1].2.name.into(), source));
        }
    }
    let (_, part, file) = parts[0];
    let read = match part {
        Part::OfacPrimary | Part::OfacAliases | Part::OfacAddresses | Part::OfacComments => {
            let of = |wanted| parts.iter().find(|(_, part, _)| *part == wanted).map(|(_, _, file)| *file);
            let primary = of(Part::OfacPrimary)
                .ok_or_else(|| ListError::Incomplete(file.name.into(), "sdn.csv or cons_prim.csv"))?;
            let aliases = of(Part::OfacAliases)
                .ok_or_else(|| ListError::Incomplete(file.name.into(), "alt.csv or cons_alt.csv"))?;
            ofac_csv::read(primary, aliases, of(Part::OfacAddresses), of(Part::OfacComments))?
        }
        Part::OfacAdvancedXml => ofac_xml::read(file)?,
        Part::UnXml => un_xml::read(file)?,
        Part::EuXml => eu::read_xml(file)?,
        Part::EuCsv => eu::read_csv(file)?,
        Part::UkXml => uk_xml::read(file)?,
        Part::UkCsv => uk_csv::read(file)?,
        Part::DeniedPersons => denied_persons::read(file)?,
    };
    let Read { date, mut entities } = read;
    entities.retain(|entity| !entity.names.is_empty());
    if entities.is_empty() {
        return Err(damaged(file, "it has no entries"));
    }
    let mut hash = Sha256::new();
    for (_, _, file) in parts {
        hash.update(file.bytes);
    }
    let mut sha256 = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(List { version: Version { source, date, sha256, entries: entities.len() }, entities })
}

/// What a reader gives.
struct Read {
    /// `YYYY-MM-DD`.
    date: Option<String>,
    entities: Vec<Entity>,
}

fn part(file: &File<'_>) -> Option<(Source, Part)> {
    let name = file.name.to_ascii_lowercase();
    let base = name.rsplit(['/', '\\']).next().unwrap_or(&name);
    let consolidated = base.starts_with("cons");
    let ofac = if consolidated { Source::OfacConsolidated } else { Source::OfacSdn };
    match base {
        "sdn.csv" | "cons_prim.csv" => return Some((ofac, Part::OfacPrimary)),
        "alt.csv" | "cons_alt.csv" => return Some((ofac, Part::OfacAliases)),
        "add.csv" | "cons_add.csv" => return Some((ofac, Part::OfacAddresses)),
        "sdn_comments.csv" | "cons_comments.csv" => return Some((ofac, Part::OfacComments)),
        _ => {}
    }
    let head = String::from_utf8_lossy(&file.bytes[..file.bytes.len().min(4096)]);
    let head = head.trim_start_matches('\u{feff}');
    if head.trim_start().starts_with('<') {
        return match xml::root_name(head)? {
            "CONSOLIDATED_LIST" => Some((Source::UnConsolidated, Part::UnXml)),
            "Sanctions" => Some((ofac, Part::OfacAdvancedXml)),
            "export" => Some((Source::EuConsolidated, Part::EuXml)),
            "Designations" => Some((Source::UkSanctions, Part::UkXml)),
            _ => None,
        };
    }
    if head.contains("Street_Address") && head.contains("Standard_Order") {
        Some((Source::BisDeniedPersons, Part::DeniedPersons))
    } else if head.contains("Entity_LogicalId") {
        Some((Source::EuConsolidated, Part::EuCsv))
    } else if head.contains("Name 6") && head.contains("Name 1") {
        Some((Source::UkSanctions, Part::UkCsv))
    } else {
        None
    }
}

fn damaged(file: File<'_>, what: impl fmt::Display) -> ListError {
    ListError::Damaged { file: file.name.to_owned(), what: what.to_string() }
}

/// The text of a file: UTF-8, with or without a byte order mark, else Latin-1, in which older exports are written.
/// OFAC ends its files with the end-of-file mark of DOS.
fn text(file: File<'_>) -> Cow<'_, str> {
    let bytes = file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file.bytes);
    let end = bytes.iter().rposition(|byte| *byte != 0x1a).map_or(0, |last| last + 1);
    match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes[..end].iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

/// A table that was cut in the middle of a quoted cell still parses; its quotes are odd in number.
fn check_quotes(file: File<'_>, text: &str) -> Result<(), ListError> {
    if text.bytes().filter(|byte| *byte == b'"').count().is_multiple_of(2) {
        Ok(())
    } else {
        Err(damaged(file, "it ends inside a quoted cell"))
    }
}

/// The first ten characters of an ISO 8601 time, when they look like a date.
fn iso_date(text: &str) -> Option<String> {
    let date = text.trim().get(..10)?;
    let digits = |range: std::ops::Range<usize>| date.as_bytes()[range].iter().all(u8::is_ascii_digit);
    let shaped = digits(0..4) && digits(5..7) && digits(8..10) && date.matches('-').count() == 2;
    shaped.then(|| date.to_owned())
}

/// A day written as `27/03/2025` or `27-Mar-2025`, as `2025-03-27`.
fn british_date(text: &str) -> Option<String> {
    let text = text.trim();
    let has_year = text.len() >= 8 && text.get(text.len() - 4..)?.bytes().all(|byte| byte.is_ascii_digit());
    let date = has_year.then(|| BirthDate::parse(text))??.to_string();
    iso_date(&date).filter(|_| date.len() == 10)
}
