//! Opaque public ids: a kind byte and a version 7 UUID, on the wire as 23 URL-safe characters.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use thiserror::Error;

/// Microseconds since 1970-01-01 in UTC.
pub type Micros = i64;

/// The longest text that is looked at as an id. Ids of this server have 23 characters; clients may hold longer ones
/// of other servers, which are merely unknown.
pub const MAX_TEXT_CHARS: usize = 512;

/// What an [`Id`] names.
///
/// The discriminant is the first byte of the id. Its upper six bits select the first letter of the text form, so that
/// an id can be told by eye: `A`ccount, `C`ollection, `E`nrollment, `K`ey, `R`ejection,
/// `S`napshot, and `T`emplate for an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A tenant.
    Account = 0 << 2,
    /// A group of enrollments to identify against.
    Collection = 2 << 2,
    /// A person with a name and embeddings.
    Enrollment = 4 << 2,
    /// An API key.
    Key = 10 << 2,
    /// A probe that was not somebody.
    Rejection = 17 << 2,
    /// A stored presentation attack check.
    Snapshot = 18 << 2,
    /// One face vector of an enrollment.
    Embedding = 19 << 2,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Account,
        Kind::Collection,
        Kind::Enrollment,
        Kind::Key,
        Kind::Rejection,
        Kind::Snapshot,
        Kind::Embedding,
    ];

    fn from_byte(byte: u8) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The lower-case noun, as used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Collection => "collection",
            Kind::Enrollment => "enrollment",
            Kind::Key => "key",
            Kind::Rejection => "rejection",
            Kind::Snapshot => "snapshot",
            Kind::Embedding => "embedding",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a row. Ids of one kind sort by creation time, in Rust and in both databases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    kind: Kind,
    uuid: [u8; 16],
}

impl Id {
    /// A new id of this `kind` from the clock and 62 of the random bits.
    ///
    /// The part of `now` below a millisecond goes where RFC 9562 section 6.2 (method 3) puts it, so that ids sort by
    /// microsecond. A time before 1970 counts as 1970.
    pub fn new(kind: Kind, now: Micros, random: [u8; 8]) -> Id {
        let micros = now.max(0) as u64;
        let fraction = ((micros % 1000) * 4096 / 1000) as u16;
        let mut tail = [0; 10];
        tail[..2].copy_from_slice(&fraction.to_be_bytes());
        tail[2..].copy_from_slice(&random);
        let uuid = uuid::Builder::from_unix_timestamp_millis(micros / 1000, &tail).into_uuid();
        Id { kind, uuid: uuid.into_bytes() }
    }

    /// What the id names.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The kind and the rest, as the database holds it: 17 bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        [&[self.kind as u8], self.uuid.as_slice()].concat()
    }

    /// The part that tells ids of one kind apart, as a number that sorts like them.
    pub fn number(self) -> u128 {
        u128::from_be_bytes(self.uuid)
    }

    /// The id of a `kind` with this [`number`](Self::number).
    pub fn from_number(kind: Kind, number: u128) -> Id {
        Id { kind, uuid: number.to_be_bytes() }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Id> {
        let (kind, uuid) = bytes.split_first()?;
        Some(Id { kind: Kind::from_byte(*kind)?, uuid: uuid.try_into().ok()? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an id of this server.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ParseIdError {
    /// The text is longer than any id that a client may hold.
    #[error("an id has at most {MAX_TEXT_CHARS} characters, this one has {0}")]
    TooLong(usize),
    /// The text was not issued by this server.
    #[error("this is not an id that the server has issued: send it exactly as it was received")]
    Unrecognised,
}

impl FromStr for Id {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Id, ParseIdError> {
        let chars = text.chars().count();
        if chars > MAX_TEXT_CHARS {
            return Err(ParseIdError::TooLong(chars));
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseIdError::Unrecognised)?;
        Id::from_bytes(&bytes).ok_or(ParseIdError::Unrecognised)
    }
}

impl<DB: Database> Type<DB> for Id
where
    Vec<u8>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <Vec<u8> as Type<DB>>::type_info()
    }
}

impl<'q, DB: Database> Encode<'q, DB> for Id
where
    Vec<u8>: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.to_bytes().encode(buffer)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Id
where
    &'r [u8]: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Id, BoxDynError> {
        Id::from_bytes(<&[u8]>::decode(value)?).ok_or_else(|| "not the bytes of an id".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_795_000_000_123_456;

    #[test]
    fn the_text_form_comes_back_and_is_safe_in_urls() {
        for (kind, first) in Kind::ALL.into_iter().zip("ACEKRST".chars()) {
            let id = Id::new(kind, NOW, [0xff; 8]);
            let text = id.to_string();
            assert_eq!((text.len(), text.chars().next(), id.kind()), (23, Some(first), kind));
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{text}");
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn later_ids_sort_later_even_within_a_millisecond() {
        let first = Id::new(Kind::Enrollment, NOW, [0xff; 8]);
        let second = Id::new(Kind::Enrollment, NOW + 1, [0; 8]);
        assert!(first < second);
    }

    #[test]
    fn foreign_and_damaged_texts_are_refused() {
        let id = Id::new(Kind::Snapshot, NOW, [7; 8]).to_string();
        let foreign = "ahBzfmNodWlzcGRldGVjdG9ychULEghTbmFwc2hvdBiAgICAgtCJCgw";
        let unknown_kind = id.replacen('S', "B", 1);
        for text in ["", "x", "ä", &id[..22], &format!("{id}A"), &format!("{id}="), foreign, &unknown_kind] {
            assert_eq!(text.parse::<Id>(), Err(ParseIdError::Unrecognised), "{text}");
        }
        assert_eq!("A".repeat(513).parse::<Id>(), Err(ParseIdError::TooLong(513)));
    }
}
