//! Search in Milvus, for more embeddings than a machine or a database should hold.
//!
//! The rows stay in PostgreSQL, which is the truth. Milvus follows: before every search the version of the collection is
//! known from the store, and when Milvus has an older one, whoever searches first brings it up to date, on whichever node.
//! Where Milvus is with each collection is in the database as well (`vultus_store::cursors`), with Milvus's own stamp of the
//! last write: a search waits until Milvus is sure to have seen that, and for nothing newer.

mod follower;
mod others;
mod repair;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use vultus_milvus::Client;
use vultus_store::collections::CollectionKey;
use vultus_store::cursors::Cursors;
use vultus_store::{Db, Id, vectors};

use self::follower::Follower;
use self::others::Waiting;
use super::{Comparison, Hit, Space, VectorIndex};
use crate::model::Model;
use crate::search::Error;

/// Milvus, and how far it has followed the database.
pub struct Milvus(Arc<Follower>);

impl Milvus {
    /// How long changes wait for the table of another model that servers use: they look after it every minute.
    pub const PATIENCE: Duration = Duration::from_mins(10);

    /// Searches embeddings of this model in the Milvus at an address such as `milvus://localhost:19530`; it is connected to
    /// when it is needed. The table of another model is removed when changes have waited for it for `patience`.
    ///
    /// # Errors
    /// When the address cannot be used, or the database is not PostgreSQL.
    pub fn new(db: Db, address: &str, model: Model, patience: Duration) -> anyhow::Result<Self> {
        let cursors = Cursors::of(&db)
            .context("--vectors milvus://... needs a PostgreSQL database for the rows: give one with --database-url")?;
        let client = Client::new(address).context("--vectors")?;
        Ok(Self(Arc::new(Follower::new(db, cursors, client, model, Waiting::new(patience)))))
    }

    async fn search(&self, space: &Space<'_>, probes: &[Vec<f32>], limit: usize) -> Result<Vec<Vec<Hit>>, Error> {
        let (table, seen) = self.0.bring_up_to_date(space).await?;
        let partition = space.collection.to_string();
        let breadth = vectors::breadth(space.state.members);
        let mut found = Vec::new();
        for rows in vectors::rounds(limit) {
            let hits = table.rows.search(&partition, probes, rows, breadth, seen).await?;
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

    /// What cannot be done now is done by [`maintain`](VectorIndex::maintain): the person is deleted, and cannot be found.
    fn remove_person<'a>(&'a self, account: Id, _: Id, collections: &'a [Id]) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for collection in collections {
                let of = CollectionKey { account, collection: *collection };
                or_later(self.0.noticed(self.0.follow_to_the_end(of).await), "embeddings to remove");
            }
            Ok(())
        }
        .boxed()
    }

    /// What cannot be done now is done by [`maintain`](VectorIndex::maintain).
    fn remove_collection(&self, account: Id, collection: Id) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            or_later(
                self.0.noticed(self.0.clear(CollectionKey { account, collection }).await),
                "a collection to remove",
            );
            Ok(())
        }
        .boxed()
    }

    fn maintain(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.0.noticed(self.0.maintain().await) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<Option<Comparison>, Error>> {
        async move { self.0.check().await.map(Some) }.boxed()
    }

    fn rebuild(&self) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        async move { self.0.rebuild().await.map(Some) }.boxed()
    }
}

impl From<vultus_milvus::Error> for Error {
    fn from(error: vultus_milvus::Error) -> Self {
        if error.is_denied() {
            return Self::Internal(error.into());
        }
        Self::Unavailable(error.into())
    }
}

/// The first hit of each person, at most `limit`. A key that is none of ours names nobody.
fn people(hits: Vec<(String, f32)>, limit: usize) -> Vec<Hit> {
    let found = hits.into_iter().filter_map(|(key, cosine)| Some((writer::person_of(&key)?, cosine)));
    vectors::distinct(found, limit).into_iter().map(|(enrollment, cosine)| Hit { enrollment, cosine }).collect()
}

/// Logs that something is left to [`maintain`](VectorIndex::maintain) when it cannot be done now.
fn or_later(done: Result<(), Error>, what: &'static str) {
    if let Err(error) = done {
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(error, what, "Milvus is brought up to date later");
    }
}
