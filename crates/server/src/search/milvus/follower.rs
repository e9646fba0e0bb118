//! How Milvus follows the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vultus_milvus::{Client, Stamp, Table};
use vultus_store::cursors::{Cursor, Cursors, Followed};
use vultus_store::{Db, collections};

use super::writer::{self, Writer};
use crate::error::Error;
use crate::model::Model;
use crate::search::{Cache, Space};

/// Collections of which this process remembers where Milvus is; of others it asks the database.
const REMEMBERED: usize = 100_000;

/// Brings Milvus up to date, one collection at a time.
pub(super) struct Follower {
    pub db: Db,
    pub cursors: Cursors,
    pub model: Model,
    client: Client,
    engine: Mutex<Option<Arc<Engine>>>,
    opening: tokio::sync::Mutex<()>,
    places: Cache<Arc<Place>>,
}

/// A table in Milvus.
pub(super) struct Engine {
    pub table: Table,
    /// The table's name and number: one that was made anew has to be filled anew.
    pub name: String,
}

impl Engine {
    /// The moment of the last write for a collection: at the latest now, where it is not known.
    async fn last_write(&self, cursor: Cursor) -> Result<Stamp, Error> {
        if cursor.written == 0 { Ok(self.table.now().await?) } else { Ok(Stamp(cursor.written as u64)) }
    }
}

/// What this process knows of a collection in Milvus.
#[derive(Default)]
struct Place {
    /// Held while Milvus is brought up to date, so that this is done once however many searches wait for it.
    arriving: tokio::sync::Mutex<()>,
    seen: Mutex<Option<(Arc<Engine>, Cursor)>>,
}

impl Place {
    /// Where Milvus is, if that is far enough.
    fn seen(&self, engine: &Engine, version: i64) -> Option<Cursor> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, cursor) = seen.as_ref()?;
        (of.name == engine.name && cursor.version >= version).then_some(*cursor)
    }

    fn set(&self, engine: Arc<Engine>, cursor: Cursor) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((engine, cursor));
    }
}

impl Follower {
    pub fn new(db: Db, cursors: Cursors, client: Client, model: Model) -> Self {
        let (engine, opening, places) = (Mutex::default(), tokio::sync::Mutex::default(), Cache::new(REMEMBERED));
        Self { db, cursors, model, client, engine, opening, places }
    }

    /// The table, made where there is none.
    pub async fn engine(&self) -> Result<Arc<Engine>, Error> {
        let _alone = self.opening.lock().await;
        if let Some(engine) = self.slot().clone() {
            return Ok(engine);
        }
        let name = table_name(&self.model);
        // One node at a time, or they would all make it.
        let _lock = self.cursors.lock(&name).await?;
        let table = Table::open(&self.client, &name, self.model.dimension).await?;
        let engine = Arc::new(Engine { name: format!("{name}#{}", table.id), table });
        *self.slot() = Some(engine.clone());
        Ok(engine)
    }

    /// Passes a result on, and looks at the table anew after a failure: it may not be there any more.
    pub fn noticed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::Unavailable { .. })) {
            *self.slot() = None;
        }
        result
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Engine>>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table when it is as new as the space is, and the moment that a search in it has to see.
    pub async fn arrive(self: &Arc<Self>, space: &Space<'_>) -> Result<(Arc<Engine>, Stamp), Error> {
        let engine = self.engine().await?;
        let place = self.places.get_or_insert(space.collection, Arc::default);
        let version = space.state.version;
        let cursor = if let Some(cursor) = place.seen(&engine, version) {
            cursor
        } else {
            // In a task of its own: the first time takes longer than a client waits, and is not begun anew for each.
            let of = Followed { account: space.account, collection: space.collection };
            let (follower, engine, place) = (self.clone(), engine.clone(), place.clone());
            let bring = tokio::spawn(async move { follower.bring(engine, &place, of, version).await });
            let cursor = bring.await.map_err(|_| Error::Panicked)??;
            self.places.weigh(space.collection, 1);
            cursor
        };
        let seen = engine.last_write(cursor).await?;
        Ok((engine, seen))
    }

    async fn bring(&self, engine: Arc<Engine>, place: &Place, of: Followed, version: i64) -> Result<Cursor, Error> {
        let _alone = place.arriving.lock().await;
        if let Some(cursor) = place.seen(&engine, version) {
            return Ok(cursor);
        }
        let cursor = self.follow(&engine, of, version).await?;
        place.set(engine, cursor);
        Ok(cursor)
    }

    /// Brings the table up to date with a collection of at least this version.
    async fn follow(&self, engine: &Engine, of: Followed, version: i64) -> Result<Cursor, Error> {
        let held = self.cursors.hold(of, &engine.name).await?;
        if held.cursor.version >= version {
            return Ok(held.cursor);
        }
        held.begin().await?;
        let cursor = self.catch_up(engine, of, held.cursor).await?;
        held.save(cursor).await?;
        Ok(cursor)
    }

    /// Writes what changed since, or else everything.
    async fn catch_up(&self, engine: &Engine, of: Followed, from: Cursor) -> Result<Cursor, Error> {
        let writer = Writer::new(self, engine, of);
        let seen = engine.last_write(from).await?;
        let state = collections::state(&self.db, of.account, of.collection).await?;
        let changes = collections::changes(&self.db, of.account, of.collection, from.version, from.changed).await?;
        let Some(changed) = changes else { return Ok(writer.write_all(seen, false).await?.cursor) };
        let written = writer.write(&changed, seen).await?;
        Ok(Cursor { version: state.version, changed: state.changed, written: written.0 as i64 })
    }

    /// Brings Milvus up to date with a collection as it is now.
    pub async fn follow_to_the_end(&self, of: Followed) -> Result<(), Error> {
        let engine = self.engine().await?;
        match collections::state(&self.db, of.account, of.collection).await {
            Ok(state) => self.follow(&engine, of, state.version).await.map(drop),
            Err(vultus_store::Error::Gone { .. } | vultus_store::Error::NotFound { .. }) => self.clear(of).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a collection that is gone.
    pub async fn clear(&self, of: Followed) -> Result<(), Error> {
        let engine = self.engine().await?;
        let held = self.cursors.hold(of, &engine.name).await?;
        writer::clear(&engine.table, of.collection).await?;
        self.places.remove(of.collection);
        Ok(held.remove().await?)
    }

    /// Does what a failure, an end of a process, or a change that nobody has searched since, has left to do.
    pub async fn tend(&self) -> Result<(), Error> {
        let engine = self.engine().await?;
        for of in self.cursors.behind(&engine.name).await? {
            self.follow_to_the_end(of).await?;
        }
        for of in self.cursors.gone(&engine.name).await? {
            self.clear(of).await?;
        }
        for other in self.cursors.other_engines(&engine.name).await? {
            // Of a model that is not in use any more; or this table, before it was made anew.
            let name = other.split('#').next().unwrap_or_default();
            if name != table_name(&self.model) {
                Table::drop(&self.client, name).await?;
            }
            self.cursors.remove_engine(&other).await?;
        }
        Ok(())
    }
}

/// The table of a model's embeddings: letters, digits and underscores.
fn table_name(model: &Model) -> String {
    let name = model.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    format!("vultus_{name}_{}", model.dimension)
}
