//! Where embeddings are searched. The store is the truth, and a search is only a short list: who is on it is read from the
//! store before anybody is named, so that an index may lag behind deletions, but must know what was added.

mod cache;
pub mod classifiers;
mod error;
mod memory;
#[cfg(feature = "milvus")]
mod milvus;
mod postgres;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use vultus_store::collections::{CollectionKey, State};
use vultus_store::{Db, Id};

pub use cache::Cache;
pub use error::Error;
pub use memory::Memory;
#[cfg(feature = "milvus")]
pub use milvus::Milvus;
pub use postgres::Postgres;

use crate::config::{Config, Data, VectorEngine};
use crate::keyring::Keyring;
#[cfg(feature = "milvus")]
use crate::model::Model;

/// What is searched: the embeddings of one collection by one model.
#[derive(Debug, Clone, Copy)]
pub struct Space<'a> {
    /// The account of the collection.
    pub account: Id,
    /// The collection.
    pub collection: Id,
    /// What the store said of the collection just now; what it said of later changes may be found as well.
    pub state: &'a State,
    /// The recognition model.
    pub model: &'a str,
    /// Components of its embeddings.
    pub dimension: usize,
}

impl Space<'_> {
    /// What everything that is kept of the collection goes by.
    pub(crate) const fn key(&self) -> CollectionKey {
        CollectionKey { account: self.account, collection: self.collection }
    }
}

/// A member of the collection who is similar to the probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The member.
    pub enrollment: Id,
    /// Cosine between the probe and the most similar embedding of this member, -1 to 1.
    pub cosine: f32,
}

/// A search over the embeddings of collections.
pub trait VectorIndex: Send + Sync {
    /// For each probe of unit length, the `limit` members most similar to it, each once, most similar first.
    fn search<'a>(
        &'a self,
        space: Space<'a>,
        probes: Vec<Vec<f32>>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<Hit>>, Error>>;

    /// Drops what is kept of a person in these collections, after the person or an embedding was deleted or left them; what
    /// the store still has may be found again by the next search.
    fn remove_person<'a>(
        &'a self,
        _account: Id,
        _enrollment: Id,
        _collections: &'a [Id],
    ) -> BoxFuture<'a, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// Drops all that is kept of a collection that was deleted.
    fn remove_collection(&self, _account: Id, _collection: Id) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// Removes from this machine's disk what a former process left of what was removed. Called before anything is served.
    fn open(&self) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// Removes from this machine's disk what holds embeddings that were removed, by any server. Called by every server.
    fn sweep(&self) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// Does what has to be done from time to time, by any of the servers and workers.
    fn maintain(&self) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// Compares what is kept beside the tables of the store with them; `None` where nothing is.
    fn check(&self) -> BoxFuture<'_, Result<Option<Comparison>, Error>> {
        future::ok(None).boxed()
    }

    /// Makes all that is kept beside the tables of the store again, and gives the number of people; `None` where nothing is.
    fn rebuild(&self) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        future::ok(None).boxed()
    }

    /// Writes down what makes the next start quick.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }
}

/// What a comparison of an engine with the store found, in embeddings of collections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many the engine should have.
    pub expected: u64,
    /// How many of them it lacks or has wrong.
    pub missing: u64,
    /// How many it has that it should not have.
    pub surplus: u64,
}

/// How often a server looks for what must go from its disk: three times in the minute that is promised.
const SWEEP_EVERY: Duration = Duration::from_secs(20);

/// Keeps the disk of this machine free of what was removed. Never ends.
pub async fn keep_swept(index: Arc<dyn VectorIndex>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        settle(index.sweep()).await;
    }
}

/// Waits for an effect of something that is committed. A failure is logged and does not fail the request: a sweep or the
/// upkeep of the engine makes up for it.
pub async fn settle(effect: impl Future<Output = Result<(), Error>>) {
    if let Err(error) = effect.await {
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(error, "what was removed is taken out of the search later");
    }
}

/// The search engine that the configuration asks for.
///
/// # Errors
/// When it cannot be had with this database.
pub fn open(config: &Config, db: &Db, keyring: &Keyring) -> anyhow::Result<Arc<dyn VectorIndex>> {
    let in_memory = || {
        let (capacity, threads) = (config.matching.cached_embeddings, config.engine.threads());
        let folder = config.data.galleries_dir();
        Arc::new(Memory::new(db.clone(), keyring.clone(), capacity, folder, threads)) as Arc<dyn VectorIndex>
    };
    Ok(open_shared(&config.vectors.vectors, &config.data, db)?.unwrap_or_else(in_memory))
}

/// The search engine that servers share, if it is such a one: not the memory of each.
///
/// # Errors
/// When it cannot be had with this database.
pub fn open_shared(engine: &VectorEngine, data: &Data, db: &Db) -> anyhow::Result<Option<Arc<dyn VectorIndex>>> {
    match engine {
        VectorEngine::Auto | VectorEngine::Pgvector if db.is_postgres() => {
            Ok(Some(Arc::new(Postgres::new(db.clone()))))
        }
        VectorEngine::Pgvector => {
            bail!("--vectors pgvector needs a PostgreSQL database: give one with --database-url, or use --vectors auto")
        }
        VectorEngine::Milvus(address) => open_milvus(&address.0, data, db).map(Some),
        VectorEngine::Auto | VectorEngine::Memory => Ok(None),
    }
}

#[cfg(feature = "milvus")]
fn open_milvus(address: &str, data: &Data, db: &Db) -> anyhow::Result<Arc<dyn VectorIndex>> {
    Ok(Arc::new(Milvus::new(db.clone(), address, Model::configured(data)?, Milvus::PATIENCE)?))
}

#[cfg(not(feature = "milvus"))]
fn open_milvus(_: &str, _: &Data, _: &Db) -> anyhow::Result<Arc<dyn VectorIndex>> {
    bail!("--vectors milvus://... needs a vultus built with the feature milvus")
}
