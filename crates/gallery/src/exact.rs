//! Exhaustive search: every embedding is compared with the probe.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;

use crate::distance::dot;

/// Somebody who might be on the probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<S> {
    /// Who.
    pub subject: S,
    /// Cosine between the probe and the most similar embedding of this subject, -1 to 1.
    pub cosine: f32,
}

/// The embeddings of a collection, in contiguous rows; a subject may have several.
#[derive(Clone)]
pub struct Gallery<S> {
    dimension: usize,
    rows: Vec<f32>,
    /// Position in `subjects` of each row's owner.
    owners: Vec<u32>,
    subjects: Vec<S>,
    positions: HashMap<S, u32>,
}

impl<S: Clone + Eq + Hash> Gallery<S> {
    /// An empty gallery for embeddings of `dimension` components.
    pub fn new(dimension: usize) -> Self {
        Self { dimension, rows: Vec::new(), owners: Vec::new(), subjects: Vec::new(), positions: HashMap::new() }
    }

    /// Adds an embedding of unit length to a subject.
    ///
    /// # Panics
    /// When `embedding` does not have the dimension of the gallery.
    pub fn insert(&mut self, subject: S, embedding: &[f32]) {
        assert_eq!(embedding.len(), self.dimension, "a gallery holds embeddings of one model");
        let next = self.subjects.len() as u32;
        let owner = match self.positions.entry(subject) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.subjects.push(new.key().clone());
                *new.insert(next)
            }
        };
        self.owners.push(owner);
        self.rows.extend_from_slice(embedding);
    }

    /// Number of embeddings.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is no embedding.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// The `limit` subjects most similar to a probe of unit length, most similar first; equal ones in the order in which
    /// they were added.
    ///
    /// # Panics
    /// When `probe` does not have the dimension of the gallery.
    pub fn search(&self, probe: &[f32], limit: usize) -> Vec<Candidate<S>> {
        assert_eq!(probe.len(), self.dimension, "a gallery is searched with embeddings of its model");
        let mut best = vec![f32::NEG_INFINITY; self.subjects.len()];
        for (row, &owner) in self.rows.chunks_exact(self.dimension).zip(&self.owners) {
            let cosine = dot(row, probe);
            let best = &mut best[owner as usize];
            *best = best.max(cosine);
        }
        let mut order: Vec<usize> = (0..best.len()).collect();
        order.sort_by(|&a, &b| best[b].total_cmp(&best[a]));
        order.truncate(limit);
        let candidate = |at: usize| Candidate { subject: self.subjects[at].clone(), cosine: best[at].clamp(-1.0, 1.0) };
        order.into_iter().map(candidate).collect()
    }
}

impl<S> fmt::Debug for Gallery<S> {
    /// Embeddings are biometric data and stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gallery({} embeddings of {} subjects)", self.owners.len(), self.subjects.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(angle: f32) -> [f32; 2] {
        [angle.cos(), angle.sin()]
    }

    #[test]
    fn a_subject_counts_once_with_its_best_embedding() {
        let mut gallery = Gallery::new(2);
        for (subject, angle) in [("ann", 1.0), ("bob", 0.3), ("ann", 0.1), ("cid", 2.0)] {
            gallery.insert(subject, &unit(angle));
        }
        let found = gallery.search(&unit(0.0), 2);
        assert_eq!(found.iter().map(|c| c.subject).collect::<Vec<_>>(), ["ann", "bob"]);
        assert!((found[0].cosine - 0.1f32.cos()).abs() < 1e-6);
        assert_eq!((gallery.len(), gallery.search(&unit(0.0), 9).len()), (4, 3));
    }

    #[test]
    fn an_empty_gallery_knows_nobody() {
        let gallery = Gallery::<u32>::new(2);
        assert!(gallery.is_empty());
        assert_eq!(gallery.search(&unit(0.0), 5), []);
    }

    proptest! {
        #[test]
        fn the_first_candidate_is_the_nearest(angles in prop::collection::vec(0.0f32..3.1, 1..40), probe in 0.0f32..3.1) {
            let mut gallery = Gallery::new(2);
            angles.iter().enumerate().for_each(|(i, &angle)| gallery.insert(i, &unit(angle)));
            let first = &gallery.search(&unit(probe), 1)[0];
            let nearest = angles.iter().map(|angle| (angle - probe).abs()).fold(f32::INFINITY, f32::min);
            prop_assert!((first.cosine - nearest.cos()).abs() < 1e-5);
        }
    }
}
