//! Blobs: files that are kept beside the database. A row says that a file is there, whether it is sealed, and when it
//! expires.
//!
//! A file is written before its row: [`reserve`] has it removed later, and [`insert`] takes that back. So no file stays
//! without a row, wherever a writer stops.

use std::fmt;

use crate::data_keys;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Micros};
use crate::jobs::{self, Job};
use crate::tx::Tx;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The picture of an embedding, as it was enrolled. Its id is that of the embedding.
    Image,
}

impl Kind {
    const ALL: [Self; 1] = [Self::Image];

    /// The word for the database and the names of files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
        }
    }

    /// The job that removes a file of this kind.
    const fn removal(self) -> Job {
        match self {
            Self::Image => Job::RemoveImage,
        }
    }
}

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The account that it belongs to.
    pub account: Id,
    /// What it is.
    pub kind: Kind,
    /// The id of the row that it belongs to.
    pub id: Id,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.kind.name(), self.id)
    }
}

/// Makes ready for files that are about to be written: the account has a data key, and the files are removed at `until` unless
/// [`insert`] comes first.
pub async fn reserve(tx: &mut Tx, account: Id, kind: Kind, ids: &[Id], until: Micros) -> Result<()> {
    data_keys::get_or_insert(tx, account).await?;
    for id in ids {
        jobs::queue(tx, kind.removal(), account, *id, until).await?;
    }
    Ok(())
}

/// Keeps a file that was written, sealed, until it expires.
///
/// # Errors
/// [`Error::Conflict`] if the file has a row already.
pub async fn insert(tx: &mut Tx, key: Key, expires: Option<Micros>, now: Micros) -> Result<()> {
    let Key { account, kind, id } = key;
    let text = "insert into blobs (account_id, kind, id, sealed, created, expires) values ($1, $2, $3, true, $4, $5)";
    sql!(execute, tx, text, account, kind.name(), id, now, expires)?;
    jobs::cancel(tx, account, id).await
}

/// Forgets a file if there is one, and has it removed.
pub(crate) async fn delete(tx: &mut Tx, key: Key, now: Micros) -> Result<Option<Key>> {
    if !forget(tx, key).await? {
        return Ok(None);
    }
    jobs::queue(tx, key.kind.removal(), key.account, key.id, now).await?;
    Ok(Some(key))
}

/// Forgets files that have expired, at most `limit` of one account, and has them removed. Gives their number: while it is not 0,
/// there may be more.
pub async fn expire(db: &Db, now: Micros, limit: u32) -> Result<usize> {
    let mut conn = db.read().await?;
    let text = "select account_id from blobs where expires <= $1 order by expires limit 1";
    let row: Option<(Id,)> = sql!(fetch_optional, &mut conn, text, now)?;
    drop(conn);
    let Some((account,)) = row else { return Ok(0) };
    let mut tx = db.write(account).await?;
    let text = "select kind, id from blobs where account_id = $1 and expires <= $2 order by expires limit $3";
    let rows: Vec<(String, Id)> = sql!(fetch_all, &mut tx, text, account, now, i64::from(limit))?;
    for (kind, id) in &rows {
        delete(&mut tx, Key { account, kind: read_kind(kind)?, id: *id }, now).await?;
    }
    tx.commit().await?;
    Ok(rows.len())
}

/// Files that were kept before files were sealed, of all accounts.
pub async fn plain(db: &Db, limit: u32) -> Result<Vec<Key>> {
    let mut conn = db.read().await?;
    let text = "select account_id, kind, id from blobs where not sealed order by id limit $1";
    let rows: Vec<(Id, String, Id)> = sql!(fetch_all, &mut conn, text, i64::from(limit))?;
    rows.into_iter().map(|(account, kind, id)| Ok(Key { account, kind: read_kind(&kind)?, id })).collect()
}

/// Notes that a file is sealed now. Returns false if it was deleted meanwhile.
pub async fn set_sealed(tx: &mut Tx, key: Key) -> Result<bool> {
    let text = "update blobs set sealed = true where account_id = $1 and kind = $2 and id = $3";
    Ok(sql!(execute, tx, text, key.account, key.kind.name(), key.id)? > 0)
}

/// Removes the row of a file that turned out to be missing. Returns whether there was one.
pub async fn forget(tx: &mut Tx, key: Key) -> Result<bool> {
    let text = "delete from blobs where account_id = $1 and kind = $2 and id = $3";
    Ok(sql!(execute, tx, text, key.account, key.kind.name(), key.id)? > 0)
}

fn read_kind(name: &str) -> Result<Kind> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.ok_or_else(|| Error::Database(sqlx::Error::Decode(format!("unknown kind of file: {name}").into())))
}
