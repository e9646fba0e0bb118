//! The evidence that a subject is on a probe.

use std::hash::Hash;

use crate::distance::dot;
use crate::gallery::Gallery;

/// Most embeddings of a subject to look at. More add little and take time.
const EMBEDDINGS: usize = 16;
/// Weight of the collection's mean in the tightness of a subject, as a number of pairs.
const TIGHTNESS_PRIOR: f32 = 1.0;
/// Weight of the best embedding beside that of the mean of all embeddings of a subject.
const BEST: f32 = 0.5;
/// Weight of a subject's tightness: loose subjects attract other people's best embeddings less than their mean suggests.
const TIGHTNESS: f32 = 0.15;
/// Weight of the cosines that other people reach with a subject.
const TAIL: f32 = 0.3;

/// How a subject's embeddings compare with a probe and with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// Cosine of the probe and the most similar embedding.
    pub best: f32,
    /// Cosine of the probe and the mean of the embeddings.
    pub mean: f32,
    /// Mean cosine of two embeddings of the subject.
    pub tightness: f32,
}

impl Evidence {
    /// One number in the range of a cosine: how much more similar the probe is than the subject's usual impostors.
    ///
    /// The weights come from logistic regression and a coarse grid around it. Open-set identification of the wild set
    /// (30 splits) and of LFW (3), 3 images enrolled, detection rate at a false positive rate of 1 % and 0.1 %: the best
    /// cosine alone 0.925 and 0.894, 0.980 and 0.921; this score 0.935 and 0.914, 0.986 and 0.946. The optimum is flat:
    /// each weight can change by half. Weights trained on LFW alone are as good on the wild set as its own. Of no use
    /// were: the gap to the second subject (the probabilities see it), norms over the probe's own cohort (+0.1 %),
    /// whitening by the within-class covariance (worse), the spread of the probe's cohort.
    ///
    /// `tail`: mean of the highest tenth of the cosines that other people's embeddings reach with this subject.
    pub fn score(&self, tail: f32) -> f32 {
        BEST * self.best + (1.0 - BEST) * self.mean - TIGHTNESS * self.tightness - TAIL * tail
    }
}

/// The embeddings of one subject.
pub(crate) struct Portrait {
    rows: Vec<Vec<f32>>,
    /// Mean cosine of two embeddings, drawn towards the mean of the collection.
    pub tightness: f32,
    /// Length of the mean of the embeddings.
    length: f32,
}

impl Portrait {
    /// The embeddings of the subject at a position without the row `skip`. `None` if there are no others.
    pub fn new<S: Clone + Eq + Hash>(
        gallery: &Gallery<S>,
        position: u32,
        skip: Option<u32>,
        usual_tightness: f32,
    ) -> Option<Self> {
        let slots = gallery.members.rows_at(position).filter(|slot| Some(*slot) != skip);
        Self::of(slots.map(|slot| gallery.rows.values(slot as usize).collect()), usual_tightness)
    }

    /// The embeddings of a subject, the one added last first. `None` if the subject has none.
    pub fn of(embeddings: impl Iterator<Item = Vec<f32>>, usual_tightness: f32) -> Option<Self> {
        let rows: Vec<Vec<f32>> = embeddings.take(EMBEDDINGS).collect();
        let pairs = (rows.len() * rows.len().saturating_sub(1) / 2) as f32;
        let cosines = rows.iter().enumerate().flat_map(|(at, a)| rows[..at].iter().map(move |b| dot(a, b)));
        let sum: f32 = cosines.sum();
        let count = rows.len() as f32;
        (!rows.is_empty()).then(|| Self {
            tightness: (sum + TIGHTNESS_PRIOR * usual_tightness) / (pairs + TIGHTNESS_PRIOR),
            length: (count + 2.0 * sum).max(0.0).sqrt() / count,
            rows,
        })
    }

    /// Compares a probe with the embeddings.
    pub fn compare(&self, probe: &[f32]) -> Evidence {
        let cosines: Vec<f32> = self.rows.iter().map(|row| dot(row, probe)).collect();
        let best = cosines.iter().copied().fold(-1.0, f32::max);
        let mean = cosines.iter().sum::<f32>() / (cosines.len() as f32 * self.length.max(f32::EPSILON));
        Evidence { best, mean: mean.clamp(-1.0, 1.0), tightness: self.tightness }
    }

    /// The result of a comparison if the subject had one embedding more: the mean would be shorter for the same cosines.
    /// Without this, a fit that takes embeddings out one by one makes subjects look less similar to themselves than they are.
    pub fn with_one_more(&self, evidence: Evidence) -> Evidence {
        let length = |count: f32| ((1.0 + (count - 1.0) * self.tightness.clamp(0.0, 1.0)) / count).sqrt();
        let count = self.rows.len() as f32;
        let gain = length(count) / length(count + 1.0);
        let larger = |cosine: f32| if cosine > 0.0 { (cosine * gain).min(1.0) } else { cosine };
        Evidence { best: larger(evidence.best), mean: larger(evidence.mean), ..evidence }
    }

    /// The mean of the embeddings, at unit length.
    pub fn mean(&self) -> Vec<f32> {
        let scale = 1.0 / (self.rows.len() as f32 * self.length.max(f32::EPSILON));
        let dimension = self.rows.first().map_or(0, Vec::len);
        (0..dimension).map(|at| self.rows.iter().map(|row| row[at]).sum::<f32>() * scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_subject_is_compared_without_being_stored() {
        let mut gallery = Gallery::new(3);
        for embedding in [[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.6, 0.0, 0.8]] {
            gallery.insert("ann", &embedding);
        }
        let probe = [0.0, 1.0, 0.0];
        let portrait = Portrait::new(&gallery, 0, None, 0.5).unwrap();
        let evidence = portrait.compare(&probe);
        assert!((evidence.mean - dot(&portrait.mean(), &probe)).abs() < 1e-3);
        assert!((dot(&portrait.mean(), &portrait.mean()) - 1.0).abs() < 1e-3);
        assert!((evidence.best - 0.6).abs() < 1e-3);
        assert!((evidence.tightness - (0.8 + 0.6 + 0.48 + 0.5) / 4.0).abs() < 1e-3);
    }

    #[test]
    fn the_only_embedding_left_out_leaves_nothing() {
        let mut gallery = Gallery::new(2);
        gallery.insert("ann", &[1.0, 0.0]);
        assert!(Portrait::new(&gallery, 0, Some(0), 0.5).is_none());
    }
}
