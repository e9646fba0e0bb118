//! Fits: the newest classifier of each collection, sealed under the data key of its account.

use std::fmt;

use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Micros};
use crate::tx::Tx;

/// A classifier as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Fit {
    /// The model of the embeddings that it was fitted to.
    pub model: String,
    /// The version of the collection that it was fitted to.
    pub version: i64,
    /// Embeddings of other models that were left out.
    pub outdated: u64,
    /// When it was fitted.
    pub fitted: Micros,
    /// The classifier, in a form that the program knows.
    pub data: Vec<u8>,
}

impl fmt::Debug for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fit({}, version {}, {} bytes)", self.model, self.version, self.data.len())
    }
}

/// Stores the classifier of a collection, unless a later version by the same model exists. Does nothing if the collection
/// was deleted meanwhile.
pub async fn save(tx: &mut Tx, account: Id, collection: Id, fit: &Fit) -> Result<()> {
    let text = "insert into fits (collection_id, account_id, model, version, outdated, fitted, data) \
                select c.id, c.account_id, $3, $4, $5, $6, $7 from collections c where c.account_id = $1 and c.id = $2 \
                on conflict (collection_id) do update set model = excluded.model, version = excluded.version, \
                outdated = excluded.outdated, fitted = excluded.fitted, data = excluded.data \
                where fits.model <> excluded.model or fits.version <= excluded.version";
    let key = data_keys::get_or_insert(tx, account).await?;
    let (model, data) = (fit.model.as_str(), key.seal_bytes(Sealed::Classifier, collection, &fit.data)?);
    sql!(execute, tx, text, account, collection, model, fit.version, fit.outdated as i64, fit.fitted, data)?;
    Ok(())
}

/// The classifier of a collection, if it has one that can be opened: none where the stored one was changed, was put in the place of
/// another, or was not sealed.
pub async fn of_collection(db: &Db, account: Id, collection: Id) -> Result<Option<Fit>> {
    let mut conn = db.read().await?;
    let text = "select model, version, outdated, fitted, data from fits where account_id = $1 and collection_id = $2";
    let row: Option<(String, i64, i64, Micros, Vec<u8>)> = sql!(fetch_optional, &mut conn, text, account, collection)?;
    let Some((model, version, outdated, fitted, sealed)) = row else { return Ok(None) };
    match data_keys::of(&mut conn, account).await?.open_bytes(Sealed::Classifier, collection, &sealed) {
        Ok(data) => Ok(Some(Fit { model, version, outdated: outdated as u64, fitted, data })),
        Err(Error::Seal(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
