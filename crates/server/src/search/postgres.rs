//! Search in PostgreSQL with pgvector: nothing is held here, so that any number of servers share one state.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use vultus_store::{Db, vectors};

use super::{Comparison, Hit, Space, VectorIndex};
use crate::search::Error;

/// The vectors that the database keeps in step with its other tables: what is deleted there is gone here as well.
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
            let Space { account, collection, model, state, .. } = space;
            let breadth = vectors::breadth(state.members);
            for probe in probes {
                let nearest = vectors::search(&self.db, account, collection, model, &probe, limit, breadth).await?;
                found.push(nearest.into_iter().map(|(enrollment, cosine)| Hit { enrollment, cosine }).collect());
            }
            Ok(found)
        }
        .boxed()
    }

    fn maintain(&self) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(vectors::maintain(&self.db).await.map(drop)?) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<Option<Comparison>, Error>> {
        // Foreign keys rule out what should not be there.
        let check =
            |found: vectors::Coverage| Comparison { expected: found.expected, missing: found.missing, surplus: 0 };
        async move { Ok(vectors::check(&self.db).await?.map(check)) }.boxed()
    }

    fn rebuild(&self) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        async { Ok(vectors::rebuild(&self.db).await?) }.boxed()
    }
}
