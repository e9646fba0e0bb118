//! Snapshots: stored presentation attack checks.

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::tx::Tx;

/// A presentation attack check.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The id, `key` on the wire.
    pub id: Id,
    /// The account it belongs to.
    pub account_id: Id,
    /// The class that was found, as on the wire.
    pub class: String,
    /// The confidence of that class, [0, 1].
    pub score: f64,
    /// When it was made.
    pub created: Micros,
}

/// A check to be stored.
#[derive(Debug, Clone)]
pub struct NewSnapshot<'a> {
    /// A new id of [`Kind::Snapshot`].
    pub id: Id,
    /// The class that was found, as on the wire.
    pub class: &'a str,
    /// The confidence of that class, [0, 1].
    pub score: f64,
}

/// Stores a check.
///
/// # Errors
/// [`Error::Conflict`] if the id is there already.
pub async fn insert(tx: &mut Tx, account: Id, new: &NewSnapshot<'_>, now: Micros) -> Result<()> {
    let text = "insert into snapshots (id, account_id, class, score, created) \
                values ($1, $2, $3, $4, $5)";
    sql!(execute, tx, text, new.id, account, new.class, new.score, now)?;
    Ok(())
}

/// The check with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(db: &Db, account: Id, id: Id) -> Result<Snapshot> {
    let mut conn = db.read().await?;
    let text = "select class, score, created from snapshots where account_id = $1 and id = $2";
    let row: Option<(String, f64, Micros)> = sql!(fetch_optional, &mut conn, text, account, id)?;
    let (class, score, created) = row.ok_or(Error::NotFound { kind: Kind::Snapshot, id })?;
    Ok(Snapshot { id, account_id: account, class, score, created })
}
