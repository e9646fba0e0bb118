//! Where embeddings are searched. The store is the truth, and a search is only a short list: who is on it is read from the
//! store before anybody is named, so that an index may lag behind deletions, but must know what was added.

mod cache;
mod memory;
mod postgres;
mod residents;
mod snapshot;

use anyhow::bail;
use futures_util::future::BoxFuture;
use vultus_store::collections::State;
use vultus_store::{Db, Id};

pub use cache::Cache;
pub use memory::Memory;
pub use postgres::Postgres;

use crate::config::{Config, VectorEngine};
use crate::error::Error;

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
    fn forget<'a>(&'a self, enrollment: Id, collections: &'a [Id]) -> BoxFuture<'a, Result<(), Error>>;

    /// Drops all that is kept of a collection that was deleted.
    fn forget_collection(&self, collection: Id) -> BoxFuture<'_, Result<(), Error>>;

    /// Writes down what makes the next start quick.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// The search engine that the configuration asks for.
///
/// # Errors
/// When it cannot be had with this database.
pub fn open(config: &Config, db: &Db) -> anyhow::Result<Box<dyn VectorIndex>> {
    match config.vectors.vectors {
        VectorEngine::Auto | VectorEngine::Pgvector if db.is_postgres() => Ok(Box::new(Postgres::new(db.clone()))),
        VectorEngine::Pgvector => {
            bail!("--vectors pgvector needs a PostgreSQL database: give one with --database-url, or use --vectors auto")
        }
        VectorEngine::Auto | VectorEngine::Memory => {
            let (capacity, threads) = (config.matching.cached_embeddings, config.engine.threads());
            Ok(Box::new(Memory::new(db.clone(), capacity, config.data.galleries_dir(), threads)))
        }
    }
}
