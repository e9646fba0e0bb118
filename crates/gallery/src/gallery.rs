//! The gallery: embeddings of people, and the search for the most similar ones.

use std::fmt;
use std::hash::Hash;

use crate::approximate::{Sketches, Trained, Training, WORTHWHILE};
use crate::members::Members;
use crate::rows::Rows;
use crate::search::Search;

/// The index is computed again when the gallery has grown by this factor.
const GROWTH: usize = 8;

/// A person who might be on the probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<S> {
    /// The person.
    pub subject: S,
    /// Cosine between the probe and the most similar embedding of this subject, -1 to 1.
    pub cosine: f32,
}

/// The embeddings of a collection. A subject may have several.
///
/// Every embedding has a key, by which it can be replaced and removed. Adding and removing take microseconds and leave
/// the rest as it is. Memory for an embedding of 512 dimensions: 1,028 bytes for the values, 32 for the sketch, and
/// about 70 for its key and owner; about 100 more for every subject (with a key of 16 bytes).
///
/// Searches are exact up to 50,000 embeddings. Above that, [`Gallery::training`] offers to compute an index that
/// shortens them; see there.
#[derive(Clone)]
pub struct Gallery<S> {
    pub(crate) dimension: usize,
    pub(crate) rows: Rows,
    pub(crate) members: Members<S>,
    pub(crate) sketches: Option<Sketches>,
    /// Number of embeddings when an index was last computed, whether it was used or not.
    pub(crate) trained: usize,
    next_key: u128,
}

impl<S: Clone + Eq + Hash> Gallery<S> {
    /// An empty gallery for embeddings of `dimension` components.
    pub fn new(dimension: usize) -> Self {
        Self::from_parts(dimension, Rows::new(dimension), Members::new(), None, 0)
    }

    pub(crate) fn from_parts(
        dimension: usize,
        rows: Rows,
        members: Members<S>,
        sketches: Option<Sketches>,
        trained: usize,
    ) -> Self {
        Self { dimension, rows, members, sketches, trained, next_key: 0 }
    }

    /// Components of an embedding.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of embeddings.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Number of subjects.
    pub fn subjects(&self) -> usize {
        self.members.subjects.len()
    }

    /// Whether there is no embedding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an embedding of unit length to a subject, under a key that was not used so far.
    ///
    /// # Panics
    /// When `embedding` does not have the dimension of the gallery.
    pub fn insert(&mut self, subject: S, embedding: &[f32]) {
        while self.members.slot(self.next_key).is_some() {
            self.next_key += 1;
        }
        self.put(self.next_key, subject, embedding);
    }

    /// Adds an embedding of unit length to a subject, or replaces the one with this key, even that of another subject.
    ///
    /// # Panics
    /// When `embedding` does not have the dimension of the gallery.
    pub fn put(&mut self, key: u128, subject: S, embedding: &[f32]) {
        assert_eq!(embedding.len(), self.dimension, "a gallery holds embeddings of one model");
        self.remove(key);
        self.members.push(subject, key);
        self.rows.push(embedding);
        if let Some(sketches) = &mut self.sketches {
            sketches.set(self.rows.len() - 1, embedding);
        }
    }

    /// Removes an embedding, and its subject with its last one. Returns whether the embedding existed.
    pub fn remove(&mut self, key: u128) -> bool {
        let slot = self.members.slot(key);
        if let Some(slot) = slot {
            self.members.swap_remove(slot);
            self.rows.swap_remove(slot as usize);
            if let Some(sketches) = &mut self.sketches {
                sketches.swap_remove(slot as usize, self.rows.len());
            }
        }
        slot.is_some()
    }

    /// Removes all embeddings of a subject and returns how many there were.
    pub fn remove_subject(&mut self, subject: &S) -> usize {
        let keys: Vec<u128> = self.members.rows_of(subject).map(|row| self.members.keys[row as usize]).collect();
        keys.iter().filter(|key| self.remove(**key)).count()
    }

    /// The keys of the embeddings of a subject, the one added last first. Empty for an unknown subject.
    pub fn keys_of(&self, subject: &S) -> impl Iterator<Item = u128> + '_ {
        self.members.rows_of(subject).map(|row| self.members.keys[row as usize])
    }

    /// The embedding with a key, each component to within 1/65,000 of the largest one.
    pub fn embedding(&self, key: u128) -> Option<Vec<f32>> {
        self.members.slot(key).map(|slot| self.rows.values(slot as usize).collect())
    }

    /// The `limit` subjects most similar to a probe of unit length, most similar first. Equal ones stay in the order of
    /// their arrival.
    ///
    /// # Panics
    /// When `probe` does not have the dimension of the gallery.
    pub fn search(&self, probe: &[f32], limit: usize) -> Vec<Candidate<S>> {
        self.search_many(&[probe], limit, 1).pop().unwrap_or_default()
    }

    /// Like [`Gallery::search`], for several probes at once, which takes less time for each of them, and on up to
    /// `threads` threads if the gallery is large enough for that to pay.
    ///
    /// # Panics
    /// When a probe does not have the dimension of the gallery.
    pub fn search_many(&self, probes: &[&[f32]], limit: usize, threads: usize) -> Vec<Vec<Candidate<S>>> {
        self.candidates(self.find(probes, limit, threads, self.sketches.as_ref()))
    }

    /// Like [`Gallery::search_many`], but compares every embedding, however large the gallery is.
    ///
    /// # Panics
    /// When a probe does not have the dimension of the gallery.
    pub fn search_exactly(&self, probes: &[&[f32]], limit: usize, threads: usize) -> Vec<Vec<Candidate<S>>> {
        self.candidates(self.find(probes, limit, threads, None))
    }

    /// Whether searches use an index.
    pub fn is_indexed(&self) -> bool {
        self.sketches.is_some()
    }

    /// A sample to compute an index from, when that pays: the gallery has more than 50,000 embeddings and grew by a
    /// factor of 8 since the last time. It is a copy, so that the gallery is free while [`Training::run`] takes its second
    /// or so; [`Gallery::adopt`] then takes a few microseconds of one thread for each embedding. Searches are exact until then.
    pub fn training(&self) -> Option<Training> {
        self.is_training_due().then(|| Training::new(&self.rows, self.dimension))
    }

    /// Whether there is a [`Gallery::training`].
    pub fn is_training_due(&self) -> bool {
        let grown = self.len() >= WORTHWHILE && self.len() / GROWTH >= self.trained;
        grown && self.dimension >= crate::approximate::AXES
    }

    /// Uses an index in the searches from now on. It may come from an earlier state of the gallery.
    pub fn adopt(&mut self, trained: Trained, threads: usize) {
        self.trained = trained.gallery;
        self.sketches = trained.sketcher.map(|sketcher| Sketches::new(sketcher, &self.rows, threads));
    }

    /// Computes an index if it is due.
    pub fn index(&mut self, threads: usize) {
        if let Some(training) = self.training() {
            self.adopt(training.run(), threads);
        }
    }

    /// Positions of the subjects most similar to each probe. Uses `sketches` if they exist.
    pub(crate) fn find(
        &self,
        probes: &[&[f32]],
        limit: usize,
        threads: usize,
        sketches: Option<&Sketches>,
    ) -> Vec<Vec<(u32, f32)>> {
        let right = probes.iter().all(|probe| probe.len() == self.dimension);
        assert!(right, "a gallery is searched with embeddings of its model");
        let Members { owners, arrivals, .. } = &self.members;
        Search { rows: &self.rows, sketches, owners, arrivals, limit }.many(probes, threads)
    }

    fn candidates(&self, found: Vec<Vec<(u32, f32)>>) -> Vec<Vec<Candidate<S>>> {
        let candidate = |(position, cosine): (u32, f32)| Candidate {
            subject: self.members.subjects[position as usize].clone(),
            cosine: cosine.clamp(-1.0, 1.0),
        };
        found.into_iter().map(|found| found.into_iter().map(candidate).collect()).collect()
    }
}

impl<S> fmt::Debug for Gallery<S> {
    /// Embeddings are biometric data and stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gallery({} embeddings of {} subjects)", self.rows.len(), self.members.subjects.len())
    }
}
