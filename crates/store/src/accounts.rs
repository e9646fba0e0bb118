//! Accounts. An account owns every other row. The wire calls its id the owner.

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::tx::Tx;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id.
    pub id: Id,
    /// The name, unique on this server.
    pub name: String,
    /// When it was made.
    pub created: Micros,
}

/// The account called `name`. Creates it with `id` if it does not exist.
pub async fn get_or_insert(tx: &mut Tx, id: Id, name: &str, now: Micros) -> Result<Account> {
    let text = "insert into accounts (id, name, created) values ($1, $2, $3) on conflict (name) do nothing";
    sql!(execute, tx, text, id, name, now)?;
    let text = "select id, name, created from accounts where name = $1";
    let row = sql!(fetch_one, tx, text, name)?;
    Ok(from_row(row))
}

/// The account with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(db: &Db, id: Id) -> Result<Account> {
    let mut conn = db.read().await?;
    let row = sql!(fetch_optional, &mut conn, "select id, name, created from accounts where id = $1", id)?;
    row.map(from_row).ok_or(Error::NotFound { kind: Kind::Account, id })
}

/// All accounts, oldest first; for the operator.
pub async fn list(db: &Db) -> Result<Vec<Account>> {
    let mut conn = db.read().await?;
    let rows: Vec<_> = sql!(fetch_all, &mut conn, "select id, name, created from accounts order by id")?;
    Ok(rows.into_iter().map(from_row).collect())
}

fn from_row((id, name, created): (Id, String, Micros)) -> Account {
    Account { id, name, created }
}
