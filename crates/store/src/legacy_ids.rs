//! Legacy ids: what another server called an enrollment or a collection. They are unique among those of an account.

use thiserror::Error as ThisError;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, MAX_TEXT_CHARS};
use crate::tombstones;
use crate::tx::{Handle, Tx};

/// Why a text cannot be a legacy id. Each message continues a sentence that names the text.
#[derive(Debug, ThisError, Clone, Copy, PartialEq, Eq)]
pub enum LegacyIdError {
    /// It is too long.
    #[error("is longer than {MAX_TEXT_CHARS} characters")]
    TooLong,
    /// It has other characters than URLs may have unescaped (the unreserved characters of RFC 3986).
    #[error("has other characters than the letters a to z and A to Z, digits, \"-\", \"_\", \".\" and \"~\"")]
    Character,
    /// It may be the id of something on this server.
    #[error("has the form of an id of this server: send the id that another server issued")]
    OwnForm,
}

/// Checks the form of a legacy id: 1 to 512 letters, digits and `-_.~`, which are not an id of this server.
///
/// # Errors
/// [`LegacyIdError`].
pub fn check(text: &str) -> Result<(), LegacyIdError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_allowed) {
        Err(LegacyIdError::Character)
    } else if text.len() > MAX_TEXT_CHARS {
        Err(LegacyIdError::TooLong)
    } else if text.parse::<Id>().is_ok() {
        Err(LegacyIdError::OwnForm)
    } else {
        Ok(())
    }
}

/// The enrollment or the collection of an account that has this legacy id. Other kinds have none.
pub async fn find(db: &Db, account: Id, kind: Kind, legacy_id: &str) -> Result<Option<Id>> {
    search(&mut db.read().await?, account, kind, legacy_id).await
}

/// Sets the legacy id of an enrollment or a collection. An empty one removes that which is stored.
///
/// # Errors
/// [`Error::LegacyIdTaken`], [`Error::NotFound`] or [`Error::Gone`].
pub async fn set(tx: &mut Tx, account: Id, id: Id, legacy_id: &str) -> Result<()> {
    let kind = id.kind();
    // The transaction rules out other writers of the account.
    if search(tx, account, kind, legacy_id).await?.is_some_and(|holder| holder != id) {
        return Err(Error::LegacyIdTaken { kind });
    }
    let text = match kind {
        Kind::Enrollment => "update enrollments set legacy_id = nullif($3, '') where account_id = $1 and id = $2",
        Kind::Collection => "update collections set legacy_id = nullif($3, '') where account_id = $1 and id = $2",
        _ => return Err(Error::NotFound { kind, id }),
    };
    if sql!(execute, tx, text, account, id, legacy_id)? == 0 {
        return Err(tombstones::missing(tx, account, kind, id).await);
    }
    Ok(())
}

async fn search(conn: &mut impl Handle, account: Id, kind: Kind, legacy_id: &str) -> Result<Option<Id>> {
    let text = match kind {
        Kind::Enrollment => "select id from enrollments where account_id = $1 and legacy_id = $2",
        Kind::Collection => "select id from collections where account_id = $1 and legacy_id = $2",
        _ => return Ok(None),
    };
    let row: Option<(Id,)> = sql!(fetch_optional, conn, text, account, legacy_id)?;
    Ok(row.map(|(id,)| id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_other_servers_are_taken_and_those_of_this_one_are_not() {
        let old = "ahBzfm5vdWlzcGRldGVjdG9ychcLEgpFbnJvbGxtZW50GICAgJDoq_cIDA";
        for text in [old, "7", "5f0c.~-_", &"a".repeat(512)] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["", "a b", "a/b", "\u{e9}", "a\0", "a="] {
            assert_eq!(check(text), Err(LegacyIdError::Character), "{text}");
        }
        assert_eq!(check(&"a".repeat(513)), Err(LegacyIdError::TooLong));
        assert_eq!(check(&Id::new(Kind::Account, 1, [7; 8]).to_string()), Err(LegacyIdError::OwnForm));
    }
}
