//! Embeddings: the face vectors of enrollments, each with a dense position from 0.

use crate::blobs::{self, Key};
use crate::collections;
use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind, Micros};
use crate::tombstones;
use crate::tx::{Handle, Tx};
use crate::vectors;
use std::fmt;

/// A stored embedding.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    /// The id.
    pub id: Id,
    /// Its place among the embeddings of the enrollment, from 0 without gaps.
    pub position: u32,
    /// The model that made it. Vectors of different models cannot be compared.
    pub model: String,
    /// The vector as it was stored.
    pub vector: Vec<f32>,
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedding")
            .field("id", &self.id)
            .field("position", &self.position)
            .field("model", &self.model)
            .field("vector", &format_args!("{} values", self.vector.len()))
            .finish()
    }
}

/// An embedding to be stored.
#[derive(Clone)]
pub struct NewEmbedding {
    /// A new id of [`Kind::Embedding`].
    pub id: Id,
    /// The model that made it.
    pub model: String,
    /// The vector.
    pub vector: Vec<f32>,
    /// The quality of the image, as JSON.
    pub quality: Option<String>,
}

impl fmt::Debug for NewEmbedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEmbedding")
            .field("id", &self.id)
            .field("model", &self.model)
            .field("vector", &format_args!("{} values", self.vector.len()))
            .field("quality", &self.quality)
            .finish()
    }
}

/// The work that is left after a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The kept images. The jobs that remove them are queued.
    pub images: Vec<Key>,
    /// The collections whose searches would have found the deleted embeddings.
    pub collections: Vec<Id>,
}

/// Adds embeddings behind those that an enrollment has, of which there may be `max` in all.
pub(crate) async fn append_to(
    tx: &mut Tx,
    account: Id,
    enrollment: Id,
    new: &[NewEmbedding],
    max: u32,
    now: Micros,
) -> Result<()> {
    let added = new.len() as i64;
    let text = "update enrollments set embedding_count = embedding_count + $3, updated = $4 \
                where account_id = $1 and id = $2 returning embedding_count";
    let row: Option<(i64,)> = sql!(fetch_optional, tx, text, account, enrollment, added, now)?;
    let Some((total,)) = row else {
        return Err(tombstones::missing(tx, account, Kind::Enrollment, enrollment).await);
    };
    let stored = total - added;
    if total > i64::from(max) {
        return Err(Error::TooManyEmbeddings { limit: max, stored: stored as u32, added: added as u32 });
    }
    insert_from(tx, account, enrollment, stored, new, now).await?;
    collections::record_change(tx, account, None, enrollment, collections::Change::Gains, now).await?;
    Ok(())
}

/// Deletes one embedding of an enrollment. Those behind it move up.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] for the enrollment or the embedding, and [`Error::LastEmbedding`].
pub async fn delete(tx: &mut Tx, account: Id, enrollment: Id, id: Id, now: Micros) -> Result<Deleted> {
    check_enrollment(tx, account, enrollment).await?;
    let text = "delete from embeddings where account_id = $1 and enrollment_id = $2 and id = $3 \
                returning position";
    let row: Option<(i64,)> = sql!(fetch_optional, tx, text, account, enrollment, id)?;
    let Some((position,)) = row else {
        return Err(tombstones::missing(tx, account, Kind::Embedding, id).await);
    };
    let text = "update enrollments set embedding_count = embedding_count - 1, updated = $3 \
                where account_id = $1 and id = $2 and embedding_count > 1";
    if sql!(execute, tx, text, account, enrollment, now)? == 0 {
        return Err(Error::LastEmbedding);
    }
    // Negative numbers are an intermediate step: positions must differ at every moment, even while they move.
    let text = "update embeddings set position = -position \
                where account_id = $1 and enrollment_id = $2 and position > $3";
    sql!(execute, tx, text, account, enrollment, position)?;
    let text = "update embeddings set position = -position - 1 \
                where account_id = $1 and enrollment_id = $2 and position < 0";
    sql!(execute, tx, text, account, enrollment)?;
    let collections =
        collections::record_change(tx, account, None, enrollment, collections::Change::Loses, now).await?;
    tombstones::insert(tx, account, Kind::Embedding, id, now).await?;
    let image = blobs::delete(tx, Key { account, kind: blobs::Kind::Image, id }, now).await?;
    Ok(Deleted { images: image.into_iter().collect(), collections })
}

/// The embeddings of an enrollment with their vectors, in the order of their positions.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Gone`] for the enrollment.
pub async fn list(db: &Db, account: Id, enrollment: Id) -> Result<Vec<Embedding>> {
    let mut conn = db.read().await?;
    let text = "select id, position, model, vector from embeddings \
                where account_id = $1 and enrollment_id = $2 order by position";
    let rows: Vec<(Id, i64, String, Vec<u8>)> = sql!(fetch_all, &mut conn, text, account, enrollment)?;
    if rows.is_empty() {
        check_enrollment(&mut conn, account, enrollment).await?;
    }
    let key = data_keys::of(&mut conn, account).await?;
    let embedding = |(id, position, model, vector): (Id, i64, String, Vec<u8>)| {
        let position = i64::cast_unsigned(position) as u32;
        Ok(Embedding { id, position, model, vector: key.open(Sealed::Embedding, id, &vector)? })
    };
    rows.into_iter().map(embedding).collect()
}

/// Stores embeddings at the positions from `position` on.
pub(crate) async fn insert_from(
    tx: &mut Tx,
    account: Id,
    enrollment: Id,
    position: i64,
    new: &[NewEmbedding],
    now: Micros,
) -> Result<()> {
    let text = "insert into embeddings \
                (id, account_id, enrollment_id, position, model, dimension, vector, quality, created) \
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let key = data_keys::get_or_insert(tx, account).await?;
    for (position, embedding) in (position..).zip(new) {
        let NewEmbedding { id, model, vector, quality } = embedding;
        let (model, quality) = (model.as_str(), quality.as_deref());
        let (dimension, bytes) = (vector.len() as i64, key.seal(Sealed::Embedding, *id, vector)?);
        sql!(execute, tx, text, id, account, enrollment, position, model, dimension, bytes, quality, now)?;
    }
    vectors::add(tx, account, enrollment, new).await
}

/// Deletes the embeddings of an enrollment, has their images removed, and returns these.
pub(crate) async fn delete_all_of(tx: &mut Tx, account: Id, enrollment: Id, now: Micros) -> Result<Vec<Key>> {
    let text = "delete from embeddings where account_id = $1 and enrollment_id = $2 returning id";
    let rows: Vec<(Id,)> = sql!(fetch_all, tx, text, account, enrollment)?;
    let mut images = Vec::new();
    for (id,) in rows {
        images.extend(blobs::delete(tx, Key { account, kind: blobs::Kind::Image, id }, now).await?);
    }
    Ok(images)
}

/// Fails unless the account has this enrollment.
pub(crate) async fn check_enrollment(conn: &mut impl Handle, account: Id, id: Id) -> Result<()> {
    let text = "select id from enrollments where account_id = $1 and id = $2";
    let row: Option<(Id,)> = sql!(fetch_optional, conn, text, account, id)?;
    match row {
        Some(_) => Ok(()),
        None => Err(tombstones::missing(conn, account, Kind::Enrollment, id).await),
    }
}
