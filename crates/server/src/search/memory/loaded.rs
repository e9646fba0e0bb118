//! The gallery of one collection in memory, and how it keeps up with the store.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use vultus_gallery::Gallery;
use vultus_store::collections::{self, Member, MemberEmbedding, Reader};
use vultus_store::{Db, Id};

use crate::search::Error;
use crate::search::Space;

/// A gallery whose subjects are the [numbers](Id::number) of enrollments, and the state of the collection that it is of.
#[derive(Clone)]
pub struct LoadedGallery {
    /// The version of the collection.
    pub version: i64,
    /// When that version came to be.
    pub changed: i64,
    /// The model of the embeddings.
    pub model: String,
    /// Shared with those who save or index it, so that a change meanwhile is made to a copy.
    pub gallery: Arc<Gallery<u128>>,
}

/// The slot of a gallery.
#[derive(Default)]
pub struct Slot {
    /// Held while the gallery is built or catches up, so that this is done once however many searches wait for it.
    pub updating: tokio::sync::Mutex<()>,
    /// Whether an index is being computed.
    pub indexing: AtomicBool,
    /// How often somebody was to be removals.
    pub removals: AtomicU64,
    loaded: RwLock<Option<LoadedGallery>>,
    /// The gallery that the snapshot is of. Since somebody points to it, one that changes becomes another.
    saved: Mutex<Weak<Gallery<u128>>>,
}

impl Slot {
    /// Uses the gallery, if it is there. Changes wait, so be quick.
    pub fn with<T>(&self, use_it: impl FnOnce(&LoadedGallery) -> T) -> Option<T> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(use_it)
    }

    /// Changes the gallery, if it is there.
    pub fn change<T>(&self, change: impl FnOnce(&mut LoadedGallery) -> T) -> Option<T> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).as_mut().map(change)
    }

    /// Puts a gallery here.
    pub fn set(&self, loaded: LoadedGallery) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
    }

    /// Notes that the snapshot is of this gallery.
    pub fn set_saved(&self, gallery: &Arc<Gallery<u128>>) {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(gallery);
    }

    /// Whether the snapshot is of the gallery that is here.
    pub fn is_saved(&self) -> bool {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.with(|here| saved.as_ptr() == Arc::as_ptr(&here.gallery)).unwrap_or(false)
    }

    /// Whether the gallery is that of the space, or newer.
    pub fn is_current(&self, space: &Space<'_>) -> bool {
        self.with(|here| here.model == space.model && here.version >= space.state.version).unwrap_or(false)
    }
}

impl LoadedGallery {
    /// Reads a collection from the store.
    pub async fn build(db: &Db, space: &Space<'_>, threads: usize) -> Result<Self, Error> {
        let mut reader = Reader::open(db, space.account, space.collection).await?;
        let mut gallery = Gallery::new(space.dimension);
        loop {
            let page = reader.page().await?;
            if page.is_empty() {
                break;
            }
            let model = space.model.to_owned();
            gallery = blocking(move || {
                add(&mut gallery, page, &model);
                gallery
            })
            .await?;
        }
        let gallery = blocking(move || {
            gallery.index(threads);
            gallery
        });
        let (version, changed, model) = (reader.version, reader.changed, space.model.to_owned());
        Ok(Self { version, changed, model, gallery: Arc::new(gallery.await?) })
    }

    /// Replaces what is here of members that changed by what the store has of them.
    pub fn apply(&mut self, changed: &[Id], members: &[Member], dimension: usize) {
        let gallery = Arc::make_mut(&mut self.gallery);
        for id in changed {
            gallery.remove_subject(&id.number());
        }
        for member in members {
            for (embedding, vector) in member.embeddings.iter().filter(|(_, vector)| vector.len() == dimension) {
                gallery.put(embedding.number(), member.id.number(), vector);
            }
        }
    }
}

/// What changed since the version of a loaded: the members and what the store has of them now. None if that is not known.
pub async fn news(db: &Db, space: &Space<'_>, of: &LoadedGallery) -> Result<Option<(Vec<Id>, Vec<Member>)>, Error> {
    let Space { account, collection, model, .. } = *space;
    let Some(changed) = collections::changes(db, account, collection, of.version, of.changed).await? else {
        return Ok(None);
    };
    let members = collections::members(db, account, collection, model, &changed).await?;
    Ok(Some((changed, members)))
}

fn add(gallery: &mut Gallery<u128>, page: Vec<MemberEmbedding>, model: &str) {
    let dimension = gallery.dimension();
    for row in page.into_iter().filter(|row| row.model == model && row.vector.len() == dimension) {
        gallery.put(row.embedding_id.number(), row.enrollment_id.number(), &row.vector);
    }
}

/// Runs what takes long off the async threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Panicked)
}
