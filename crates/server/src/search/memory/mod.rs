//! Search in galleries in memory, one for each collection in use.
//!
//! Before every search the version of the collection is known from the store. When it differs from that of the gallery
//! here, the gallery catches up with the changes since, or is built, once, however many searches wait for it. So a change is
//! seen by the next search, on every node.

mod loaded;
mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use vultus_store::collections::CollectionKey;
use vultus_store::{Db, Id, collections};

use self::loaded::{LoadedGallery, Slot, blocking, news};
use self::snapshot::Folder;
use crate::keyring::Keyring;
use crate::seal;
use crate::search::Error;
use crate::search::{Cache, Hit, Space, VectorIndex};

/// Galleries with fewer embeddings than this are built from the database as quickly as read from a file.
const WORTH_A_SNAPSHOT: usize = 10_000;

/// The galleries by collection.
pub struct Memory(Arc<Galleries>);

/// What the tasks share that bring galleries here.
struct Galleries {
    db: Db,
    /// For the data keys under which snapshots are sealed.
    keyring: Keyring,
    slots: Cache<Arc<Slot>>,
    folder: Folder,
    threads: usize,
    /// Permits to read a whole collection, which occupies a connection to the database for a while.
    reading: Semaphore,
}

/// Collections that are read at a time: SQLite has four connections for reads, and requests need some.
const READ_AT_A_TIME: usize = 2;

impl Memory {
    /// Keeps galleries of at most `capacity` embeddings in all, those that were used last. Snapshots are kept in `folder`, sealed
    /// under the data keys that `keyring` unwraps; a search in a large collection takes up to `threads` threads.
    pub fn new(db: Db, keyring: Keyring, capacity: usize, folder: PathBuf, threads: usize) -> Self {
        let (slots, reading) = (Cache::new(capacity), Semaphore::new(READ_AT_A_TIME));
        Self(Arc::new(Galleries { db, keyring, slots, folder: Folder(folder), threads, reading }))
    }

    /// The slot of a gallery that is as new as the space is.
    async fn bring_up_to_date(&self, space: &Space<'_>) -> Result<Arc<Slot>, Error> {
        let slot = self.0.slots.get_or_insert(space.key(), Arc::default);
        if slot.is_current(space) {
            return Ok(slot);
        }
        // In a task of its own: a large gallery takes longer than a client waits, and is not begun again for each.
        let (galleries, outdated, state) = (self.0.clone(), slot.clone(), space.state.clone());
        let (account, collection, dimension, model) =
            (space.account, space.collection, space.dimension, space.model.to_owned());
        let update = tokio::spawn(async move {
            let space = Space { account, collection, state: &state, model: &model, dimension };
            tokio::select! {
                updated = galleries.update(&space, &outdated) => updated,
                // Or everybody would wait for a task that waits for a database that hangs.
                error = galleries.db.silence() => Err(error.into()),
            }
        });
        update.await.map_err(|_| Error::Panicked)??;
        Ok(slot)
    }
}

impl Galleries {
    /// Brings the gallery of a space to its slot, as new as the space is.
    async fn update(&self, space: &Space<'_>, slot: &Arc<Slot>) -> Result<(), Error> {
        let updating = slot.updating.lock().await;
        if !slot.is_current(space) && !self.catch_up(space, slot).await? {
            self.fetch(space, slot).await?;
        }
        drop(updating);
        let embeddings = slot.with(|here| here.gallery.len()).unwrap_or_default();
        if let Err(too_large) = self.check_budget(embeddings) {
            self.slots.remove(space.key());
            return Err(too_large);
        }
        self.slots.weigh(space.key(), embeddings);
        self.index_when_due(slot);
        Ok(())
    }

    /// Applies what changed since; false when that is not known.
    async fn catch_up(&self, space: &Space<'_>, slot: &Slot) -> Result<bool, Error> {
        let Some(here) = slot.with(|here| (here.model == space.model).then(|| here.clone())).flatten() else {
            return Ok(false);
        };
        let Some((changed, members)) = news(&self.db, space, &here).await? else { return Ok(false) };
        drop(here);
        slot.change(|here| {
            here.apply(&changed, &members, space.dimension);
            (here.version, here.changed) = (space.state.version, space.state.changed);
        });
        Ok(true)
    }

    /// Loads the snapshot and catches up, or else reads the collection from the database.
    async fn fetch(&self, space: &Space<'_>, slot: &Slot) -> Result<(), Error> {
        self.check_budget(collections::embedding_count(&self.db, space.account, space.collection).await? as usize)?;
        let key = space.key();
        let loaded = self.load(key, space.model).await?;
        let fits = |loaded: &LoadedGallery| {
            loaded.gallery.dimension() == space.dimension && loaded.version <= space.state.version
        };
        if let Some(loaded) = loaded.filter(fits) {
            slot.set_saved(&loaded.gallery);
            slot.set(loaded);
            if slot.is_current(space) || self.catch_up(space, slot).await? {
                return Ok(());
            }
        }
        let removals = slot.removals.load(Ordering::Acquire);
        let permit = self.reading.acquire().await.context("galleries are read while the server runs")?;
        slot.set(LoadedGallery::build(&self.db, space, self.threads).await?);
        drop(permit);
        if let Err(error) = self.save(key, slot).await {
            tracing::warn!(collection = %key.collection, %error, "the next start is slow");
        }
        if slot.removals.load(Ordering::Acquire) != removals {
            // Who was deleted after being read must not be left in a file.
            self.remove_snapshot(key.collection).await?;
        }
        Ok(())
    }

    /// Reads the snapshot, if there is one that can be read.
    async fn load(&self, key: CollectionKey, model: &str) -> Result<Option<LoadedGallery>, Error> {
        let Some(data_key) = seal::data_key(&self.db, &self.keyring, key.account).await? else { return Ok(None) };
        let (folder, model) = (self.folder.clone(), model.to_owned());
        blocking(move || folder.load(&data_key, key, &model)).await
    }

    async fn remove_snapshot(&self, collection: Id) -> Result<(), Error> {
        let folder = self.folder.clone();
        Ok(blocking(move || folder.remove(collection)).await?.context("cannot remove a snapshot")?)
    }

    /// Writes a snapshot of a gallery that is worth one, unless there is one of it.
    async fn save(&self, key: CollectionKey, slot: &Slot) -> Result<(), Error> {
        let Some(loaded) = slot.with(LoadedGallery::clone) else { return Ok(()) };
        if loaded.gallery.len() < WORTH_A_SNAPSHOT || slot.is_saved() {
            return Ok(());
        }
        let Some(data_key) = seal::data_key(&self.db, &self.keyring, key.account).await? else { return Ok(()) };
        let folder = self.folder.clone();
        let saved = blocking(move || folder.save(&data_key, key, &loaded).map(|()| loaded)).await?;
        let saved = saved.with_context(|| format!("cannot write to {}", self.folder.0.display()))?;
        slot.set_saved(&saved.gallery);
        Ok(())
    }

    /// Whether a copy of this version may stay on the disk: the collection is there, and nothing was taken out of it since.
    async fn may_stay(&self, collection: Id, version: Option<i64>) -> Result<bool, Error> {
        let versions = collections::versions(&self.db, collection).await?;
        Ok(versions.zip(version).is_some_and(|(versions, version)| versions.allow(version)))
    }

    /// Removes files that hold what was removed, whoever removed it and whenever.
    async fn sweep(&self) -> Result<(), Error> {
        let folder = self.folder.clone();
        let found = blocking(move || folder.found()).await?.context("cannot read the folder of galleries")?;
        for file in found {
            if !self.may_stay(file.collection, file.version).await? {
                self.remove_snapshot(file.collection).await?;
            }
        }
        Ok(())
    }

    fn check_budget(&self, embeddings: usize) -> Result<(), Error> {
        let limit = self.slots.capacity();
        if embeddings > limit { Err(Error::TooLarge { embeddings, limit }) } else { Ok(()) }
    }

    /// Has an index computed for a gallery that has outgrown its last one, while searches go on; changes wait only while it
    /// is put to use.
    fn index_when_due(&self, slot: &Arc<Slot>) {
        let due = slot.with(|here| here.gallery.is_training_due()).unwrap_or(false);
        if !due || slot.indexing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (slot, threads) = (slot.clone(), self.threads);
        tokio::task::spawn_blocking(move || {
            if let Some(training) = slot.with(|here| here.gallery.training()).flatten() {
                let trained = training.run();
                let _updating = slot.updating.blocking_lock();
                let removals = slot.removals.load(Ordering::Acquire);
                if let Some(mut copy) = slot.with(LoadedGallery::clone) {
                    Arc::make_mut(&mut copy.gallery).adopt(trained, threads);
                    // Who was deleted meanwhile must not come back: the next search has another index computed.
                    slot.change(|here| {
                        if slot.removals.load(Ordering::Acquire) == removals {
                            *here = copy;
                        }
                    });
                }
            }
            slot.indexing.store(false, Ordering::Release);
        });
    }
}

impl VectorIndex for Memory {
    fn search<'a>(
        &'a self,
        space: Space<'a>,
        probes: Vec<Vec<f32>>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<Hit>>, Error>> {
        async move {
            let slot = self.bring_up_to_date(&space).await?;
            let threads = self.0.threads;
            let search = move || {
                let probes: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
                slot.with(|here| here.gallery.search_many(&probes, limit, threads)).unwrap_or_default()
            };
            let found = blocking(search).await?;
            let hit = |found: vultus_gallery::Candidate<u128>| Hit {
                enrollment: Id::from_number(vultus_store::Kind::Enrollment, found.subject),
                cosine: found.cosine,
            };
            Ok(found.into_iter().map(|found| found.into_iter().map(hit).collect()).collect())
        }
        .boxed()
    }

    fn remove_person<'a>(
        &'a self,
        account: Id,
        enrollment: Id,
        collections: &'a [Id],
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for &collection in collections {
                if let Some(slot) = self.0.slots.get(CollectionKey { account, collection }) {
                    slot.removals.fetch_add(1, Ordering::AcqRel);
                    slot.change(|here| Arc::make_mut(&mut here.gallery).remove_subject(&enrollment.number()));
                }
                self.0.remove_snapshot(collection).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn remove_collection(&self, account: Id, collection: Id) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let key = CollectionKey { account, collection };
            if let Some(slot) = self.0.slots.get(key) {
                slot.removals.fetch_add(1, Ordering::AcqRel);
            }
            self.0.slots.remove(key);
            self.0.remove_snapshot(collection).await
        }
        .boxed()
    }

    fn open(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let folder = self.0.folder.clone();
            blocking(move || folder.remove_unfinished()).await?.context("cannot read the folder of galleries")?;
            self.0.sweep().await
        }
        .boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.0.sweep().boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            for (key, slot) in self.0.slots.all() {
                let version = slot.with(|here| here.version);
                if self.0.may_stay(key.collection, version).await? {
                    self.0.save(key, &slot).await?;
                }
            }
            self.0.sweep().await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
