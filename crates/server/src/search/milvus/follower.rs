//! How Milvus follows the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vultus_milvus::{Client, Stamp, Table};
use vultus_store::collections::CollectionKey;
use vultus_store::cursors::{Cursor, Cursors};
use vultus_store::{Db, collections};

use super::others::Waiting;
use super::writer::{self, Writer};
use crate::model::Model;
use crate::search::Error;
use crate::search::{Cache, Space};

/// Collections of which this process remembers where Milvus is; of others it asks the database.
const REMEMBERED: usize = 100_000;

/// Grows when rows mean something else than before: another version of the program then has a table of its own.
const FORMAT: u32 = 1;

/// Brings Milvus up to date, one collection at a time.
pub(super) struct Follower {
    pub db: Db,
    pub cursors: Cursors,
    pub model: Model,
    pub client: Client,
    /// What other tables wait for.
    pub waiting: Waiting,
    opened: Mutex<Option<Arc<OpenTable>>>,
    opening: tokio::sync::Mutex<()>,
    progress: Cache<Arc<Progress>>,
}

/// A table in Milvus.
pub(super) struct OpenTable {
    pub rows: Table,
    /// The table's name and number: one that was made again has to be filled again.
    pub name: String,
}

/// What the cursors of a table go by.
pub(super) fn engine(name: &str, id: i64) -> String {
    format!("{name}#{id}")
}

/// The name of the table whose cursors go by this.
pub(super) fn name_of(engine: &str) -> &str {
    engine.split('#').next().unwrap_or_default()
}

impl OpenTable {
    /// The moment of the last write for a collection: at the latest now, where it is not known.
    async fn last_write(&self, cursor: Cursor) -> Result<Stamp, Error> {
        if cursor.written == 0 { Ok(self.rows.now().await?) } else { Ok(Stamp(cursor.written as u64)) }
    }
}

/// What this process knows of a collection in Milvus.
#[derive(Default)]
struct Progress {
    /// Held while Milvus is brought up to date, so that this is done once however many searches wait for it.
    updating: tokio::sync::Mutex<()>,
    seen: Mutex<Option<(Arc<OpenTable>, Cursor)>>,
}

impl Progress {
    /// Where Milvus is, if that is far enough.
    fn seen(&self, table: &OpenTable, version: i64) -> Option<Cursor> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, cursor) = seen.as_ref()?;
        (of.name == table.name && cursor.version >= version).then_some(*cursor)
    }

    fn set(&self, table: Arc<OpenTable>, cursor: Cursor) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((table, cursor));
    }
}

impl Follower {
    pub fn new(db: Db, cursors: Cursors, client: Client, model: Model, waiting: Waiting) -> Self {
        let (opened, opening, progress) = (Mutex::default(), tokio::sync::Mutex::default(), Cache::new(REMEMBERED));
        Self { db, cursors, model, client, waiting, opened, opening, progress }
    }

    /// The table, made where there is none.
    pub async fn table(&self) -> Result<Arc<OpenTable>, Error> {
        let _alone = self.opening.lock().await;
        if let Some(table) = self.opened().clone() {
            return Ok(table);
        }
        let name = self.table_name().await?;
        // One node at a time, or they would all make it.
        let _lock = self.cursors.lock(&name).await?;
        let rows = Table::open(&self.client, &name, self.model.dimension).await?;
        let table = Arc::new(OpenTable { name: engine(&name, rows.id), rows });
        *self.opened() = Some(table.clone());
        Ok(table)
    }

    /// What the names of the tables of this installation begin with.
    pub async fn own_tables(&self) -> Result<String, Error> {
        Ok(format!("vultus_{}_", self.cursors.installation().await?))
    }

    /// The name of the table: letters, digits and underscores.
    async fn table_name(&self) -> Result<String, Error> {
        let model = self.model.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
        Ok(format!("{}v{FORMAT}_{model}_{}", self.own_tables().await?, self.model.dimension))
    }

    /// Passes a result on, and looks at the table again after a failure: it may not be there any more.
    pub fn noticed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::Unavailable(_))) {
            *self.opened() = None;
        }
        result
    }

    fn opened(&self) -> MutexGuard<'_, Option<Arc<OpenTable>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table when it is as new as the space is, and the moment that a search in it has to see.
    pub async fn bring_up_to_date(self: &Arc<Self>, space: &Space<'_>) -> Result<(Arc<OpenTable>, Stamp), Error> {
        let table = self.table().await?;
        let progress = self.progress.get_or_insert(space.key(), Arc::default);
        let version = space.state.version;
        let cursor = if let Some(cursor) = progress.seen(&table, version) {
            cursor
        } else {
            // In a task of its own: the first time takes longer than a client waits, and is not begun again for each.
            let of = space.key();
            let (follower, table, progress) = (self.clone(), table.clone(), progress.clone());
            let update = tokio::spawn(async move { follower.update(table, &progress, of, version).await });
            let cursor = update.await.map_err(|_| Error::Panicked)??;
            self.progress.weigh(space.key(), 1);
            cursor
        };
        let seen = table.last_write(cursor).await?;
        Ok((table, seen))
    }

    async fn update(
        &self,
        table: Arc<OpenTable>,
        progress: &Progress,
        of: CollectionKey,
        version: i64,
    ) -> Result<Cursor, Error> {
        let _alone = progress.updating.lock().await;
        if let Some(cursor) = progress.seen(&table, version) {
            return Ok(cursor);
        }
        let cursor = self.follow(&table, of, version).await?;
        progress.set(table, cursor);
        Ok(cursor)
    }

    /// Brings the table up to date with a collection of at least this version.
    async fn follow(&self, table: &OpenTable, of: CollectionKey, version: i64) -> Result<Cursor, Error> {
        let held = self.cursors.hold(of, &table.name).await?;
        if held.cursor.version >= version {
            return Ok(held.cursor);
        }
        held.begin().await?;
        let cursor = self.catch_up(table, of, held.cursor).await?;
        held.save(cursor).await?;
        Ok(cursor)
    }

    /// Writes what changed since, or else everything.
    async fn catch_up(&self, table: &OpenTable, of: CollectionKey, from: Cursor) -> Result<Cursor, Error> {
        let writer = Writer::new(self, table, of);
        let seen = table.last_write(from).await?;
        let state = collections::state(&self.db, of.account, of.collection).await?;
        let changes = collections::changes(&self.db, of.account, of.collection, from.version, from.changed).await?;
        let Some(changed) = changes else { return Ok(writer.write_all(seen, false).await?.cursor) };
        let written = writer.write(&changed, seen).await?;
        Ok(Cursor { version: state.version, changed: state.changed, written: written.0 as i64 })
    }

    /// Brings Milvus up to date with a collection as it is now.
    pub async fn follow_to_the_end(&self, of: CollectionKey) -> Result<(), Error> {
        let table = self.table().await?;
        match collections::state(&self.db, of.account, of.collection).await {
            Ok(state) => self.follow(&table, of, state.version).await.map(drop),
            Err(vultus_store::Error::Gone { .. } | vultus_store::Error::NotFound { .. }) => self.clear(of).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a collection that is gone.
    pub async fn clear(&self, of: CollectionKey) -> Result<(), Error> {
        let table = self.table().await?;
        let held = self.cursors.hold(of, &table.name).await?;
        writer::clear(&table.rows, of.collection).await?;
        self.progress.remove(of);
        Ok(held.remove().await?)
    }

    /// Does what a failure, an end of a process, or a change that nobody has searched since, has left to do.
    pub async fn maintain(&self) -> Result<(), Error> {
        let table = self.table().await?;
        for of in self.cursors.behind(&table.name).await? {
            self.follow_to_the_end(of).await?;
        }
        for of in self.cursors.gone(&table.name).await? {
            self.clear(of).await?;
        }
        self.remove_abandoned(&table).await
    }
}
