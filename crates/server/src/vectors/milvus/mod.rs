//! Search in Milvus, for more embeddings than a machine or a database should hold.
//!
//! The rows stay in PostgreSQL, which is the truth. Milvus follows: before every search the version of the collection is
//! known from the store, and when Milvus has an older one, whoever searches first brings it up to date, on whichever node.
//! Where Milvus is with each collection is in the database as well (`vultus_store::cursors`), with Milvus's own stamp of the
//! last write: a search waits until Milvus is sure to have seen that, and for nothing newer.

mod follower;
mod repair;
mod writer;

use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use vultus_milvus::Client;
use vultus_store::cursors::{Cursors, Followed};
use vultus_store::{Db, Id};

use self::follower::Follower;
use super::{Check, Hit, Space, VectorIndex};
use crate::error::Error;
use crate::model::Model;

/// Neighbours that a search of the index keeps, and members of a collection for each: as in PostgreSQL, whose index is the same.
const BREADTH: RangeInclusive<u64> = 100..=1000;
const MEMBERS_EACH: u64 = 350;
/// Rows asked for in the first place for each person wanted: people rarely have more among the nearest.
const ROWS_EACH: usize = 8;
/// Rows asked for where those were of too few people.
const MANY_ROWS: usize = 1000;

/// Milvus, and how far it has followed the database.
pub struct Milvus(Arc<Follower>);

impl Milvus {
    /// Searches embeddings of this model in the Milvus at an address such as `milvus://localhost:19530`; it is connected to
    /// when it is needed.
    ///
    /// # Errors
    /// When the address cannot be used, or the database is not PostgreSQL.
    pub fn new(db: Db, address: &str, model: Model) -> anyhow::Result<Self> {
        let cursors = Cursors::of(&db)
            .context("--vectors milvus://... needs a PostgreSQL database for the rows: give one with --database-url")?;
        let client = Client::new(address).context("--vectors")?;
        Ok(Self(Arc::new(Follower::new(db, cursors, client, model))))
    }

    async fn search(&self, space: &Space<'_>, probes: &[Vec<f32>], limit: usize) -> Result<Vec<Vec<Hit>>, Error> {
        let (engine, seen) = self.0.arrive(space).await?;
        let partition = space.collection.to_string();
        let breadth = (space.state.members / MEMBERS_EACH).clamp(*BREADTH.start(), *BREADTH.end()) as usize;
        let first = limit.saturating_mul(ROWS_EACH);
        let mut found = Vec::new();
        for rows in [first, first.max(MANY_ROWS)] {
            let hits = engine.table.search(&partition, probes, rows, breadth, seen).await?;
            let all = hits.iter().all(|hits| hits.len() < rows);
            found = hits.into_iter().map(|hits| people(hits, limit)).collect::<Vec<_>>();
            if all || found.iter().all(|people| people.len() == limit) {
                break;
            }
        }
        Ok(found)
    }
}

impl VectorIndex for Milvus {
    fn search<'a>(
        &'a self,
        space: Space<'a>,
        probes: Vec<Vec<f32>>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<Hit>>, Error>> {
        async move { self.0.noticed(self.search(&space, &probes, limit).await) }.boxed()
    }

    /// What cannot be done now is done by [`tend`](VectorIndex::tend): the person is deleted, and cannot be found.
    fn forget<'a>(&'a self, account: Id, _: Id, collections: &'a [Id]) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for collection in collections {
                let of = Followed { account, collection: *collection };
                if let Err(error) = self.0.noticed(self.0.follow_to_the_end(of).await) {
                    tracing::warn!(
                        error = format!("{:#}", anyhow::Error::from(error)),
                        "embeddings are removed from Milvus later"
                    );
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// What cannot be done now is done by [`tend`](VectorIndex::tend).
    fn forget_collection(&self, account: Id, collection: Id) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            if let Err(error) = self.0.noticed(self.0.clear(Followed { account, collection }).await) {
                tracing::warn!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "a collection is removed from Milvus later"
                );
            }
            Ok(())
        }
        .boxed()
    }

    fn tend(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.0.noticed(self.0.tend().await) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<Option<Check>, Error>> {
        async move { self.0.check().await.map(Some) }.boxed()
    }

    fn rebuild(&self) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        async move { self.0.rebuild().await.map(Some) }.boxed()
    }
}

impl From<vultus_milvus::Error> for Error {
    fn from(error: vultus_milvus::Error) -> Self {
        Self::Unavailable { part: "vector engine", source: error.into() }
    }
}

/// The first hit of each person, at most `limit`.
fn people(hits: Vec<(String, f32)>, limit: usize) -> Vec<Hit> {
    let mut people: Vec<Hit> = Vec::with_capacity(limit);
    for (key, cosine) in hits {
        // A key that is none of ours names nobody.
        let Some(enrollment) = writer::person_of(&key) else { continue };
        if people.len() < limit && people.iter().all(|hit| hit.enrollment != enrollment) {
            people.push(Hit { enrollment, cosine });
        }
    }
    people
}
