//! Rejections: users report that a probe did not show a certain person. The next fit of the collection uses them.

use std::fmt;

use crate::collections;
use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::embeddings::check_enrollment;
use crate::error::Result;
use crate::ids::{Id, Micros};
use crate::jobs::{self, Job};
use crate::tx::Tx;

/// A probe that did not show a certain person.
#[derive(Clone, PartialEq)]
pub struct Rejection {
    /// The person that the probe did not show.
    pub enrollment_id: Id,
    /// The embedding of the probe.
    pub vector: Vec<f32>,
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({}, {} values)", self.enrollment_id, self.vector.len())
    }
}

/// A rejection to be stored.
pub struct NewRejection<'a> {
    /// A new id of [`Kind::Rejection`](crate::Kind::Rejection).
    pub id: Id,
    /// The collection in which the probe was identified.
    pub collection_id: Id,
    /// The person that the probe did not show.
    pub enrollment_id: Id,
    /// The model that made the embedding of the probe.
    pub model: &'a str,
    /// The embedding of the probe.
    pub vector: &'a [f32],
}

/// Stores a rejection and queues a fit of the collection. A collection keeps its newest `max` rejections.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) or [`Error::Gone`](crate::Error::Gone) for the collection or the enrollment,
/// and [`Error::Conflict`](crate::Error::Conflict) if the id is there already.
pub async fn insert(tx: &mut Tx, account: Id, new: &NewRejection<'_>, max: u32, now: Micros) -> Result<()> {
    let NewRejection { id, collection_id: collection, enrollment_id, model, vector } = *new;
    collections::check(tx, account, collection).await?;
    check_enrollment(tx, account, enrollment_id).await?;
    let text = "insert into rejections (id, account_id, collection_id, enrollment_id, model, vector, created) \
                values ($1, $2, $3, $4, $5, $6, $7)";
    let bytes = data_keys::get_or_insert(tx, account).await?.seal(Sealed::Rejection, id, vector)?;
    sql!(execute, tx, text, id, account, collection, enrollment_id, model, bytes, now)?;
    let text = "delete from rejections where account_id = $1 and collection_id = $2 and id not in \
                (select id from rejections where account_id = $1 and collection_id = $2 order by id desc limit $3)";
    sql!(execute, tx, text, account, collection, i64::from(max))?;
    jobs::queue(tx, Job::Fit, account, collection, now).await
}

/// The rejections of a collection by embeddings of `model`, oldest first.
pub async fn list(db: &Db, account: Id, collection: Id, model: &str) -> Result<Vec<Rejection>> {
    let mut conn = db.read().await?;
    let text = "select id, enrollment_id, vector from rejections \
                where account_id = $1 and collection_id = $2 and model = $3 order by id";
    let rows: Vec<(Id, Id, Vec<u8>)> = sql!(fetch_all, &mut conn, text, account, collection, model)?;
    let key = data_keys::of(&mut conn, account).await?;
    let rejection = |(id, enrollment_id, vector): (Id, Id, Vec<u8>)| {
        Ok(Rejection { enrollment_id, vector: key.open(Sealed::Rejection, id, &vector)? })
    };
    rows.into_iter().map(rejection).collect()
}
