//! API keys. The key itself is never stored, only a keyed hash of it.

use std::fmt;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::settings::{self, Settings};
use crate::tx::Tx;

/// An API key as stored. The caller decides by `expires` and `revoked` whether it is good.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id, which is not a secret.
    pub id: Id,
    /// The account that the key speaks for.
    pub account_id: Id,
    /// The keyed hash of the secret.
    pub hash: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, as the server wrote it.
    pub scopes: String,
    /// Whether it may ask for errors, so that a client can be tested.
    pub test: bool,
    /// The form of its answers, as the server wrote it.
    pub answers: String,
    /// When it was made.
    pub created: Micros,
    /// From when on it is no longer good; `None` is never.
    pub expires: Option<Micros>,
    /// When it was revoked.
    pub revoked: Option<Micros>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("account_id", &self.account_id)
            .field("hash", &format_args!("{} bytes", self.hash.len()))
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .field("test", &self.test)
            .field("answers", &self.answers)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("revoked", &self.revoked)
            .finish()
    }
}

/// A key to be stored.
#[derive(Clone)]
pub struct NewApiKey<'a> {
    /// A new id of [`Kind::Key`].
    pub id: Id,
    /// The keyed hash of the secret, unique on this server.
    pub hash: &'a [u8],
    /// What its owner calls it.
    pub name: &'a str,
    /// What it may do, in a form of the server's choice.
    pub scopes: &'a str,
    /// Whether it may ask for errors, so that a client can be tested.
    pub test: bool,
    /// The form of its answers, in a word of the server's choice.
    pub answers: &'a str,
    /// From when on it is no longer good; `None` is never.
    pub expires: Option<Micros>,
}

type KeyRow = (Id, Id, Vec<u8>, String, String, bool, String, Micros, Option<Micros>, Option<Micros>);
/// [`KeyRow`] and the settings of the account.
type FoundRow = (Id, Id, Vec<u8>, String, String, bool, String, Micros, Option<Micros>, Option<Micros>, Option<String>);

/// Stores a key.
///
/// # Errors
/// [`Error::NotFound`] for an unknown account, [`Error::Conflict`] if the id or the hash is there already.
pub async fn insert(tx: &mut Tx, account: Id, new: &NewApiKey<'_>, now: Micros) -> Result<()> {
    let text = "insert into api_keys (id, account_id, hash, name, scopes, test, answers, created, expires) \
                select $1, a.id, $3, $4, $5, $6, $7, $8, $9 from accounts a where a.id = $2";
    let NewApiKey { id, hash, name, scopes, test, answers, expires } = *new;
    let done = sql!(execute, tx, text, id, account, hash, name, scopes, test, answers, now, expires)?;
    if done == 0 {
        return Err(Error::NotFound { kind: Kind::Account, id: account });
    }
    Ok(())
}

/// The key with this id, of whichever account: for the operator.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(db: &Db, id: Id) -> Result<ApiKey> {
    let mut conn = db.read().await?;
    let text = "select id, account_id, hash, name, scopes, test, answers, created, expires, revoked from api_keys where id = $1";
    let row = sql!(fetch_optional, &mut conn, text, id)?;
    row.map(from_row).ok_or(Error::NotFound { kind: Kind::Key, id })
}

/// The key with this keyed hash, of whichever account, and the settings of its account: this is how a request learns both.
pub async fn by_hash(db: &Db, hash: &[u8]) -> Result<Option<(ApiKey, Settings)>> {
    let mut conn = db.read().await?;
    let text = "select k.id, k.account_id, k.hash, k.name, k.scopes, k.test, k.answers, k.created, k.expires, k.revoked, \
                a.settings from api_keys k join accounts a on a.id = k.account_id where k.hash = $1";
    let row: Option<FoundRow> = sql!(fetch_optional, &mut conn, text, hash)?;
    let found = |(id, account, hash, name, scopes, test, answers, created, expires, revoked, set): FoundRow| {
        let key = from_row((id, account, hash, name, scopes, test, answers, created, expires, revoked));
        Ok((key, settings::read(set.as_deref())?))
    };
    row.map(found).transpose()
}

/// The keys of an account, or for the operator of all accounts, oldest first, with those that are no longer good.
pub async fn list(db: &Db, account: Option<Id>) -> Result<Vec<ApiKey>> {
    let mut conn = db.read().await?;
    let text = "select id, account_id, hash, name, scopes, test, answers, created, expires, revoked from api_keys \
                where $1 is null or account_id = $1 order by id";
    let rows: Vec<_> = sql!(fetch_all, &mut conn, text, account)?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Revokes a key for good. A key that was revoked before keeps that time.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn revoke(tx: &mut Tx, account: Id, id: Id, now: Micros) -> Result<()> {
    let text = "update api_keys set revoked = coalesce(revoked, $3) where account_id = $1 and id = $2";
    if sql!(execute, tx, text, account, id, now)? == 0 {
        return Err(Error::NotFound { kind: Kind::Key, id });
    }
    Ok(())
}

/// Replaces the keyed hash of a key by one under another secret.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn update_hash(tx: &mut Tx, account: Id, id: Id, hash: &[u8]) -> Result<()> {
    let text = "update api_keys set hash = $3 where account_id = $1 and id = $2";
    if sql!(execute, tx, text, account, id, hash)? == 0 {
        return Err(Error::NotFound { kind: Kind::Key, id });
    }
    Ok(())
}

/// How many keys were ever made, in an account or in all.
pub async fn count(db: &Db, account: Option<Id>) -> Result<u64> {
    let mut conn = db.read().await?;
    let text = "select count(*) from api_keys where $1 is null or account_id = $1";
    let (count,): (i64,) = sql!(fetch_one, &mut conn, text, account)?;
    Ok(count as u64)
}

fn from_row((id, account_id, hash, name, scopes, test, answers, created, expires, revoked): KeyRow) -> ApiKey {
    ApiKey { id, account_id, hash, name, scopes, test, answers, created, expires, revoked }
}
