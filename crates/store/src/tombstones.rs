//! Ids of deleted rows.

use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::tx::{Handle, Tx};

pub(crate) async fn insert(tx: &mut Tx, account: Id, kind: Kind, id: Id, now: Micros) -> Result<()> {
    let text = "insert into tombstones (id, account_id, kind, deleted) values ($1, $2, $3, $4)";
    sql!(execute, tx, text, id, account, kind.as_str(), now)?;
    Ok(())
}

/// The error for a row that does not exist: it was deleted, or was never in this account.
pub(crate) async fn missing(conn: &mut impl Handle, account: Id, kind: Kind, id: Id) -> Error {
    let text = "select kind from tombstones where account_id = $1 and id = $2 and kind = $3";
    let found: Result<Option<(String,)>, _> = sql!(fetch_optional, conn, text, account, id, kind.as_str());
    match found {
        Ok(Some(_)) => Error::Gone { kind, id },
        Ok(None) => Error::NotFound { kind, id },
        Err(error) => error.into(),
    }
}
