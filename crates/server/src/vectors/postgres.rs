//! Search in PostgreSQL with pgvector: nothing is held here, so that any number of servers share one state.

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use vultus_store::{Db, Id, vectors};

use super::{Hit, Space, VectorIndex};
use crate::error::Error;

/// The vectors that the database keeps in step with its other tables.
pub struct Postgres {
    db: Db,
}

impl Postgres {
    /// Searches in this database, which is PostgreSQL.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

impl VectorIndex for Postgres {
    fn search<'a>(
        &'a self,
        space: Space<'a>,
        probes: Vec<Vec<f32>>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<Hit>>, Error>> {
        async move {
            let mut found = Vec::with_capacity(probes.len());
            for probe in probes {
                let Space { account, collection, model, .. } = space;
                let nearest = vectors::search(&self.db, account, collection, model, &probe, limit).await?;
                found.push(nearest.into_iter().map(|(enrollment, cosine)| Hit { enrollment, cosine }).collect());
            }
            Ok(found)
        }
        .boxed()
    }

    /// The rows are gone already.
    fn forget<'a>(&'a self, _: Id, _: &'a [Id]) -> BoxFuture<'a, Result<(), Error>> {
        future::ok(()).boxed()
    }

    /// The rows are gone already.
    fn forget_collection(&self, _: Id) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        future::ok(()).boxed()
    }
}
