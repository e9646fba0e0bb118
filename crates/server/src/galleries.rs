//! In-memory galleries of the collections in use. The store is the truth; what is here can always be rebuilt.
//!
//! Before every search the version of the collection is looked up. When it differs from that of the gallery here, the
//! gallery is rebuilt, once, however many searches wait for it. So a change is seen by the next search, on every node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use vultus_gallery::Gallery;
use vultus_store::collections::{self, GalleryRow};
use vultus_store::{Db, Id};

use crate::error::Error;

/// The galleries by collection.
pub struct Galleries {
    capacity: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_collection: HashMap<Id, Slot>,
    /// Counts uses, to find the gallery that was unused for longest.
    clock: u64,
}

#[derive(Default)]
struct Slot {
    people: Arc<tokio::sync::Mutex<Option<Arc<People>>>>,
    used: u64,
    embeddings: usize,
}

/// The people of one collection at one version.
pub struct People {
    version: i64,
    model: String,
    /// Subjects of the gallery are indices of this list.
    members: Vec<(Id, String)>,
    gallery: Gallery<u32>,
    outdated: usize,
}

impl People {
    /// Whether there is nobody to compare with.
    pub fn is_empty(&self) -> bool {
        self.gallery.is_empty()
    }

    /// Embeddings that another model made, which are not compared.
    pub fn outdated(&self) -> usize {
        self.outdated
    }

    /// The `k` members most like the probe, with the cosine of their best embedding, best first.
    pub fn search(&self, probe: &[f32], k: usize) -> Vec<(&(Id, String), f32)> {
        let found = self.gallery.search(probe, k);
        found.into_iter().map(|found| (&self.members[found.subject as usize], found.cosine)).collect()
    }

    fn build(stored: collections::Gallery, model: &str, dimension: usize) -> Self {
        let all = stored.rows.len();
        let comparable = |row: &GalleryRow| row.model == model && row.vector.len() == dimension;
        let rows: Vec<GalleryRow> = stored.rows.into_iter().filter(comparable).collect();
        let mut gallery = Gallery::new(dimension);
        let mut members: Vec<(Id, String)> = Vec::new();
        for row in rows {
            // The rows of one enrollment stand together.
            if members.last().is_none_or(|(id, _)| *id != row.enrollment_id) {
                members.push((row.enrollment_id, row.name));
            }
            gallery.insert(members.len() as u32 - 1, &row.vector);
        }
        let outdated = all - gallery.len();
        Self { version: stored.version, model: model.to_owned(), members, gallery, outdated }
    }
}

impl Galleries {
    /// Keeps galleries of at most `capacity` embeddings in all, those that were used last.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, slots: Mutex::default() }
    }

    /// The people of a collection as the store has them now, with their embeddings by `model`, of `dimension` values.
    ///
    /// # Errors
    /// [`Error::Store`] for an unknown or deleted collection; the gallery of a deleted one is forgotten.
    pub async fn current(
        &self,
        db: &Db,
        account: Id,
        collection: Id,
        model: &str,
        dimension: usize,
    ) -> Result<Arc<People>, Error> {
        let version = match collections::version(db, account, collection).await {
            Err(error @ vultus_store::Error::Gone { .. }) => {
                self.drop_collection(collection);
                return Err(error.into());
            }
            other => other?,
        };
        let slot = self.slots().touch(collection);
        let mut people = slot.lock().await;
        if let Some(people) = people.as_ref().filter(|people| people.version >= version && people.model == model) {
            return Ok(people.clone());
        }
        let stored = collections::gallery(db, account, collection).await?;
        let model = model.to_owned();
        let built = tokio::task::spawn_blocking(move || People::build(stored, &model, dimension)).await;
        let built = Arc::new(built.map_err(|_| Error::Panicked)?);
        *people = Some(built.clone());
        self.slots().resize(collection, built.gallery.len(), self.capacity);
        Ok(built)
    }

    /// Drops the galleries that hold a person: who is deleted must not stay in memory until somebody searches.
    pub async fn forget(&self, enrollment: Id) {
        let slots: Vec<_> = self.slots().by_collection.values().map(|slot| slot.people.clone()).collect();
        for slot in slots {
            let mut people = slot.lock().await;
            if people.as_ref().is_some_and(|people| people.members.iter().any(|(id, _)| *id == enrollment)) {
                *people = None;
            }
        }
    }

    /// Drops the gallery of a collection.
    pub fn drop_collection(&self, collection: Id) {
        self.slots().by_collection.remove(&collection);
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn touch(&mut self, collection: Id) -> Arc<tokio::sync::Mutex<Option<Arc<People>>>> {
        self.clock += 1;
        let slot = self.by_collection.entry(collection).or_default();
        slot.used = self.clock;
        slot.people.clone()
    }

    /// Notes the size of a gallery and drops others, longest unused first, until all fit. The one in use stays.
    fn resize(&mut self, collection: Id, embeddings: usize, capacity: usize) {
        if let Some(slot) = self.by_collection.get_mut(&collection) {
            slot.embeddings = embeddings;
        }
        while self.by_collection.values().map(|slot| slot.embeddings).sum::<usize>() > capacity {
            let others = self.by_collection.iter().filter(|(id, _)| **id != collection);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(id, _)| *id) else { return };
            self.by_collection.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use vultus_store::Kind;

    use super::*;

    #[tokio::test]
    async fn a_deleted_person_is_dropped_from_memory() {
        let [joe, jill, home] = [1, 2, 3].map(|n| Id::new(Kind::Enrollment, n, [0; 8]));
        let row = GalleryRow {
            enrollment_id: joe,
            name: "Joe".into(),
            embedding_id: joe,
            model: "m".into(),
            vector: vec![1.0, 0.0],
        };
        let stored = collections::Gallery { version: 1, unknowns: false, rows: vec![row] };
        let galleries = Galleries::new(10);
        let slot = galleries.slots().touch(home);
        *slot.lock().await = Some(Arc::new(People::build(stored, "m", 2)));
        galleries.forget(jill).await;
        assert!(slot.lock().await.is_some());
        galleries.forget(joe).await;
        assert!(slot.lock().await.is_none());
    }

    #[test]
    fn the_longest_unused_gallery_makes_room() {
        let [a, b, c] = [1, 2, 3].map(|n| Id::new(Kind::Collection, n, [0; 8]));
        let mut slots = Slots::default();
        for id in [a, b] {
            slots.touch(id);
            slots.resize(id, 4, 10);
        }
        slots.touch(a);
        slots.touch(c);
        slots.resize(c, 4, 10);
        assert!(slots.by_collection.contains_key(&a) && !slots.by_collection.contains_key(&b));
        slots.resize(c, 40, 10);
        assert_eq!(slots.by_collection.keys().collect::<Vec<_>>(), [&c], "one that is too large alone stays");
    }
}
