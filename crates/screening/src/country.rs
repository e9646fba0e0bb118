//! Countries by ISO 3166-1, from the codes, names and demonyms that lists and callers write.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use any_ascii::any_ascii;

/// A country or territory: its ISO 3166-1 alpha-2 code; Kosovo has the user-assigned `xk`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

/// One country a line: alpha-2, alpha-3, then lower-case names without punctuation.
const TABLE: &str = include_str!("tables/countries.txt");

static BY_NAME: LazyLock<HashMap<&'static str, Country>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter_map(|line| Some((line, Country(line.as_bytes().first_chunk().copied()?))));
    lines.flat_map(|(line, country)| line.split('|').map(move |name| (name, country))).collect()
});

impl Country {
    /// Reads a code or a name of a country, without regard to case, accents and punctuation.
    pub fn parse(text: &str) -> Option<Country> {
        let plain = any_ascii(text).to_ascii_lowercase();
        let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        BY_NAME.get(words.collect::<Vec<_>>().join(" ").as_str()).copied()
    }

    /// The alpha-2 code in lower case.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// As its code.
impl serde::Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_names_and_demonyms_are_the_same_country() {
        for text in ["kp", "PRK", "Korea, North", "Democratic People's Republic of Korea", "North Korean"] {
            assert_eq!(Country::parse(text).map(|c| c.to_string()).as_deref(), Some("kp"), "{text}");
        }
        assert_eq!(Country::parse("Türkiye"), Country::parse("Turkey"));
        assert_eq!(Country::parse("Côte d'Ivoire"), Country::parse("ci"));
        assert_eq!(Country::parse("Atlantis"), None);
        assert_eq!(Country::parse(""), None);
    }

    #[test]
    fn no_name_means_two_countries() {
        let names = TABLE.lines().flat_map(|line| line.split('|')).count();
        assert_eq!(BY_NAME.len(), names);
    }
}
