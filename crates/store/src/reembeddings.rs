//! Change of the recognition model: new vectors are gathered beside the old ones, and then take their place.
//!
//! These functions are for the operator of the server, so they see all accounts.

use crate::blobs::{Key, Kind};
use crate::collections;
use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::embeddings::{self, NewEmbedding};
use crate::error::Result;
use crate::ids::{Id, Micros};
use crate::tx::Tx;

/// How far the change to a model is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Embeddings by that model, in use.
    pub current: u64,
    /// Embeddings by others that have a new vector waiting.
    pub staged: u64,
    /// Embeddings by others without a new vector, whose images are kept.
    pub pending: u64,
    /// Embeddings by others whose images are not kept: the people have to be enrolled again.
    pub lost: u64,
}

/// The kept images of embeddings that need a new vector by `model`, behind the embedding `after` in the order of their ids.
pub async fn pending(db: &Db, model: &str, after: Option<Id>, limit: u32) -> Result<Vec<Key>> {
    let mut conn = db.read().await?;
    let text = "select b.id, b.account_id from embeddings b \
                join blobs i on i.account_id = b.account_id and i.kind = 'image' and i.id = b.id \
                where b.model <> $1 and b.id > $2 and not exists \
                (select 1 from reembeddings r where r.embedding_id = b.id and r.model = $1) order by b.id limit $3";
    let after = after.map(Id::to_bytes).unwrap_or_default();
    let rows: Vec<(Id, Id)> = sql!(fetch_all, &mut conn, text, model, after.as_slice(), i64::from(limit))?;
    Ok(rows.into_iter().map(|(id, account)| Key { account, kind: Kind::Image, id }).collect())
}

/// Keeps a new vector of an embedding until [`switch`]. An embedding that was deleted meanwhile needs none.
pub async fn stage(tx: &mut Tx, account: Id, embedding: Id, model: &str, vector: &[f32]) -> Result<()> {
    let text = "insert into reembeddings (embedding_id, account_id, model, vector) \
                select b.id, b.account_id, $3, $4 from embeddings b where b.account_id = $1 and b.id = $2 \
                on conflict (embedding_id) do update set model = excluded.model, vector = excluded.vector";
    let bytes = data_keys::get_or_insert(tx, account).await?.seal(Sealed::Reembedding, embedding, vector)?;
    sql!(execute, tx, text, account, embedding, model, bytes)?;
    Ok(())
}

/// How far the change to `model` is.
pub async fn progress(db: &Db, model: &str) -> Result<Progress> {
    let mut tx = db.read_snapshot().await?;
    let text = "select count(case when b.model = $1 then 1 end), \
                count(case when b.model <> $1 and r.embedding_id is not null then 1 end), \
                count(case when b.model <> $1 and r.embedding_id is null and i.id is not null then 1 end), \
                count(case when b.model <> $1 and r.embedding_id is null and i.id is null then 1 end) \
                from embeddings b left join reembeddings r on r.embedding_id = b.id and r.model = $1 \
                left join blobs i on i.account_id = b.account_id and i.kind = 'image' and i.id = b.id";
    let (current, staged, pending, lost): (i64, i64, i64, i64) = sql!(fetch_one, &mut tx, text, model)?;
    let [current, staged, pending, lost] = [current, staged, pending, lost].map(i64::cast_unsigned);
    Ok(Progress { current, staged, pending, lost })
}

/// One row for each embedding of an enrollment with a new vector.
type StagedRow = (Id, i64, Option<String>, Vec<u8>);

/// An enrollment with new vectors by `model`, and its account; `None` when no more are waiting.
pub async fn next_staged(db: &Db, model: &str) -> Result<Option<(Id, Id)>> {
    let mut conn = db.read().await?;
    let text = "select b.account_id, b.enrollment_id from reembeddings r join embeddings b on b.id = r.embedding_id \
                where r.model = $1 limit 1";
    Ok(sql!(fetch_optional, &mut conn, text, model)?)
}

/// Puts the new vectors by `model` of an enrollment in the place of the old ones.
pub async fn switch(tx: &mut Tx, account: Id, enrollment: Id, model: &str, now: Micros) -> Result<()> {
    let text = "select b.id, b.position, b.quality, r.vector from embeddings b \
                join reembeddings r on r.embedding_id = b.id \
                where b.account_id = $1 and b.enrollment_id = $2 and r.model = $3";
    let rows: Vec<StagedRow> = sql!(fetch_all, tx, text, account, enrollment, model)?;
    let key = data_keys::of(tx, account).await?;
    for (id, position, quality, vector) in rows {
        let vector = key.open(Sealed::Reembedding, id, &vector)?;
        // The new vector goes with the old row.
        sql!(execute, tx, "delete from embeddings where account_id = $1 and id = $2", account, id)?;
        let new = NewEmbedding { id, model: model.to_owned(), vector, quality };
        embeddings::insert_from(tx, account, enrollment, position, &[new], now).await?;
    }
    collections::record_change(tx, account, None, enrollment, collections::Change::Loses, now).await?;
    Ok(())
}
