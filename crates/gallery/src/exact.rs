//! Exhaustive search: compares the probe with every embedding.

use std::ops::Range;

use crate::rows::{Probe, Rows};

/// Rows to score before the results are looked at: their codes and products stay in the first-level cache.
const BLOCK: usize = 64;

/// A row and how alike it is to the probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    pub slot: u32,
    pub score: f32,
}

/// The rows with the highest scores of all that were offered.
pub(crate) struct Top {
    count: usize,
    /// All rows that were left out have at most this score.
    floor: f32,
    hits: Vec<Hit>,
}

impl Top {
    /// Keeps `count` rows.
    pub fn new(count: usize) -> Self {
        Self { count: count.max(1), floor: f32::NEG_INFINITY, hits: Vec::new() }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Leaves out rows that score no more than `floor`, even if fewer rows than wanted remain.
    pub fn raise(&mut self, floor: f32) {
        self.floor = self.floor.max(floor);
    }

    #[inline]
    pub fn floor(&self) -> f32 {
        self.floor
    }

    #[inline]
    pub fn offer(&mut self, slot: usize, score: f32) {
        if score > self.floor {
            self.hits.push(Hit { slot: slot as u32, score });
            if self.hits.len() >= 2 * self.count {
                self.shrink();
            }
        }
    }

    /// Adds the results of another part of the rows.
    pub fn merge(&mut self, other: Top) {
        self.floor = self.floor.max(other.floor);
        self.hits.extend(other.hits);
    }

    /// The rows in no particular order, and the score that all other rows reach at most.
    pub fn finish(mut self) -> (Vec<Hit>, f32) {
        if self.hits.len() > self.count {
            self.shrink();
        }
        (self.hits, self.floor)
    }

    fn shrink(&mut self) {
        let last = self.count - 1;
        self.hits.select_nth_unstable_by(last, |a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
        let dropped = self.hits[self.count..].iter().fold(f32::NEG_INFINITY, |most, hit| most.max(hit.score));
        self.hits.truncate(self.count);
        self.floor = self.floor.max(dropped);
    }
}

/// Offers the cosine of every row of `range`, from the coarse plane, with each probe to the probe's results.
pub(crate) fn scan_rows(rows: &Rows, range: Range<usize>, probes: &[&Probe<'_>], tops: &mut [Top]) {
    let (mut products, mut cosines) = ([0i32; BLOCK], [0.0f32; BLOCK]);
    for start in range.clone().step_by(BLOCK) {
        let cosines = &mut cosines[..BLOCK.min(range.end - start)];
        for (probe, top) in probes.iter().zip(tops.iter_mut()) {
            rows.coarse_cosines(start, probe, &mut products, cosines);
            for (at, cosine) in cosines.iter().enumerate() {
                top.offer(start + at, *cosine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_kept_and_the_floor_bounds_the_rest(
            scores in prop::collection::vec(-50i32..50, 0..200), count in 1usize..20, cut in 0usize..200,
        ) {
            let (mut a, mut b) = (Top::new(count), Top::new(count));
            for (slot, score) in scores.iter().enumerate() {
                if slot < cut { a.offer(slot, *score as f32) } else { b.offer(slot, *score as f32) }
            }
            a.merge(b);
            let (hits, floor) = a.finish();
            let mut best: Vec<i32> = hits.iter().map(|hit| hit.score as i32).collect();
            let mut sorted = scores.clone();
            best.sort_unstable_by(|a, b| b.cmp(a));
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(&best[..], &sorted[..count.min(scores.len())]);
            prop_assert!(sorted.get(count).is_none_or(|next| *next as f32 <= floor));
        }
    }
}
