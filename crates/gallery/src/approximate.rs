//! Approximate search for large galleries. A scan of sketches of 32 bytes picks a shortlist. The shortlist is then
//! compared like in an exact search.
//!
//! The embeddings of a face model do not fill their space. For the LFW embeddings of the default model, the 64 main axes
//! of 512 hold 87 % of the squared length, and 128 hold 97 %. A sketch has the coordinates on the 64 main axes in
//! 4 bits each. Per query, the best of a million rows is among the best 2,000 sketches in more than 99.9 % of all
//! searches, and nothing has to be kept in balance when embeddings come and go.
//!
//! We compared other methods on 200,000 embeddings with the covariance of real ones. An inverted file over 256 to 2,048
//! k-means cells had to scan 22 to 45 % of all rows for a recall of 0.995, because a probe at a cosine of 0.6 often lies
//! in another cell than its nearest row. Sketches of 32 axes need a shortlist that is thirty times longer. The signs of
//! 512 random projections need a shorter one, but twice the bytes to scan.

use std::ops::Range;

use crate::axes::{self, main_axes};
use crate::distance::{BLOCK_BYTES, BLOCK_ROWS, SKETCH_BYTES, Weights, dot, scan_sketches};
use crate::exact::Top;
use crate::rows::Rows;

/// Axes of a sketch.
pub(crate) const AXES: usize = 2 * SKETCH_BYTES;
/// Least embeddings for which sketches pay. An exact scan of so many takes 2 ms.
pub(crate) const WORTHWHILE: usize = 50_000;
/// Rows that the axes are computed from.
const SAMPLE: usize = 8_192;
/// Codes reach from -2.5 to 2.5 deviations. The recall is the same for any limit between 2 and 3.
const REACH: f32 = 2.5;
/// Highest code of 4 bits.
const CODE_MAX: f32 = 15.0;
/// Probes that the length of the shortlist is measured with.
const TRIALS: usize = 512;
/// Cosine of those probes and the rows they are made from; the mean of genuine pairs of photos taken in the wild.
const TRIAL_COSINE: f32 = 0.6;
/// The shortlist is this many times longer than the one that three trials in 512 would have missed.
const RESERVE: usize = 4;
/// A shortlist has at least this many rows.
const SHORTLIST_MIN: usize = 512;
/// A shortlist with more than this part of all rows does not pay.
const SHORTLIST_MAX: f64 = 0.05;

/// Blocks to score before the results are looked at: so many stay in the first-level cache.
const RUN: usize = 32;
/// One block in this many shows which scores are worth collecting.
const SAMPLED: usize = 16;

/// How to sketch embeddings: what is learnt from a sample of the gallery.
#[derive(Clone)]
pub(crate) struct Sketcher {
    /// [`AXES`] vectors of unit length.
    pub axes: Vec<f32>,
    /// Size of a step of the code on each axis.
    pub steps: Vec<f32>,
    /// Part of the gallery that a shortlist needs.
    pub shortlist: f64,
}

/// The sketches of all rows of a gallery, in the order of their slots.
#[derive(Clone)]
pub(crate) struct Sketches {
    pub sketcher: Sketcher,
    /// [`BLOCK_ROWS`] sketches to a block, byte by byte; the last block is filled up with zeros.
    pub blocks: Vec<u8>,
}

/// A sample of a gallery, to compute an index from; see [`crate::Gallery::training`].
pub struct Training {
    pub(crate) dimension: usize,
    /// Embeddings in the gallery.
    pub(crate) gallery: usize,
    pub(crate) sample: Vec<f32>,
}

/// What an index needs to know about the embeddings of a gallery.
pub struct Trained {
    /// `None` if the embeddings fill their space so evenly that sketches would not help.
    pub(crate) sketcher: Option<Sketcher>,
    pub(crate) gallery: usize,
}

impl Training {
    /// An evenly spread sample of the rows.
    pub(crate) fn new(rows: &Rows, dimension: usize) -> Self {
        let count = rows.len().min(SAMPLE);
        let sample = (0..count).flat_map(|at| rows.values(at * rows.len() / count)).collect();
        Self { dimension, gallery: rows.len(), sample }
    }

    /// Computes the index. It takes about a second for 512 dimensions, whatever the size of the gallery.
    pub fn run(self) -> Trained {
        let axes = main_axes(&self.sample, self.dimension, AXES);
        let variances = axes::second_moments(&self.sample, &axes, self.dimension);
        let steps = variances.iter().map(|variance| 2.0 * REACH * variance.sqrt() / (CODE_MAX + 1.0)).collect();
        let mut sketcher = Sketcher { axes, steps, shortlist: 0.0 };
        sketcher.shortlist = sketcher.measure_shortlist(&self.sample, self.dimension);
        let usable = sketcher.shortlist <= SHORTLIST_MAX;
        Trained { sketcher: usable.then_some(sketcher), gallery: self.gallery }
    }
}

impl Sketcher {
    /// Whether all numbers are of use, as those of a damaged file may not be.
    pub fn is_finite(&self) -> bool {
        let mut numbers = self.axes.iter().chain(&self.steps);
        numbers.all(|number| number.is_finite()) && (0.0..=1.0).contains(&self.shortlist)
    }

    /// The sketch of an embedding.
    fn sketch(&self, values: &[f32]) -> [u8; SKETCH_BYTES] {
        let mut bytes = [0; SKETCH_BYTES];
        for (at, (axis, step)) in self.axes.chunks_exact(values.len()).zip(&self.steps).enumerate() {
            let code =
                if *step > 0.0 { (dot(axis, values) / step + 8.0).floor().clamp(0.0, CODE_MAX) as u8 } else { 0 };
            bytes[at % SKETCH_BYTES] |= if at < SKETCH_BYTES { code } else { code << 4 };
        }
        bytes
    }

    /// The part of the rows that has to be on the shortlist, found by searching the sample for the rows most like
    /// distorted rows of itself.
    ///
    /// The distortion of a row is the difference of two other rows. It spreads over the axes like the embeddings do.
    fn measure_shortlist(&self, sample: &[f32], dimension: usize) -> f64 {
        let count = sample.len() / dimension;
        let row = |at: usize| &sample[at % count * dimension..][..dimension];
        let mut sketches = Sketches { sketcher: self.clone(), blocks: Vec::new() };
        (0..count).for_each(|at| sketches.set(at, row(at)));
        let mut ranks: Vec<usize> = (0..TRIALS.min(count))
            .map(|trial| {
                let at = trial * (count / TRIALS).max(1);
                let noise: Vec<f32> =
                    row(at + count / 3).iter().zip(row(at + count / 2 + 1)).map(|(a, b)| a - b).collect();
                let weight = (1.0 - TRIAL_COSINE * TRIAL_COSINE).sqrt() / dot(&noise, &noise).sqrt().max(f32::EPSILON);
                let probe: Vec<f32> = row(at).iter().zip(&noise).map(|(a, b)| a * TRIAL_COSINE + b * weight).collect();
                let cosines = sample.chunks_exact(dimension).map(|row| dot(row, &probe));
                let nearest = cosines.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(at, |(nearest, _)| nearest);
                sketches.rank_of(nearest, &weights(self, &probe), count)
            })
            .collect();
        ranks.sort_unstable();
        let missed = ranks[ranks.len().saturating_sub(3)] + 1;
        (RESERVE * missed) as f64 / count as f64
    }
}

/// The form of a probe that sketches are multiplied with.
pub(crate) fn weights(sketcher: &Sketcher, probe: &[f32]) -> Weights {
    // Sums are kept modulo 2^16. A sketch stands for a vector of at most unit length and its rounding error.
    let rounding = 0.5 * dot(&sketcher.steps, &sketcher.steps).sqrt();
    let factor = f32::from(i16::MAX) / (1.1 + rounding);
    let axes = sketcher.axes.chunks_exact(probe.len()).zip(&sketcher.steps);
    let weights: Vec<i16> = axes.map(|(axis, step)| (dot(axis, probe) * step * factor).round() as i16).collect();
    let middle = weights.iter().map(|weight| i32::from(*weight)).sum::<i32>() as f32 * (CODE_MAX / 2.0);
    let half = |from: usize| std::array::from_fn(|at| weights[from + at]);
    Weights { low: half(0), high: half(SKETCH_BYTES), middle: middle as i32 as i16 }
}

impl Sketches {
    /// Sketches of all rows.
    pub fn new(sketcher: Sketcher, rows: &Rows, threads: usize) -> Self {
        let blocks = rows.len().div_ceil(BLOCK_ROWS);
        let mut sketches = Self { sketcher, blocks: vec![0; blocks * BLOCK_BYTES] };
        let (sketcher, share) = (&sketches.sketcher, blocks.div_ceil(threads.max(1)).max(1));
        std::thread::scope(|scope| {
            for (part, bytes) in sketches.blocks.chunks_mut(share * BLOCK_BYTES).enumerate() {
                let first = part * share * BLOCK_ROWS;
                scope.spawn(move || {
                    for at in 0..(bytes.len() / SKETCH_BYTES).min(rows.len() - first) {
                        let values: Vec<f32> = rows.values(first + at).collect();
                        store(bytes, at, &sketcher.sketch(&values));
                    }
                });
            }
        });
        sketches
    }

    /// Sets the sketch of a row, which may be one behind the last.
    pub fn set(&mut self, slot: usize, values: &[f32]) {
        if slot / BLOCK_ROWS * BLOCK_BYTES == self.blocks.len() {
            self.blocks.resize(self.blocks.len() + BLOCK_BYTES, 0);
        }
        let sketch = self.sketcher.sketch(values);
        store(&mut self.blocks, slot, &sketch);
    }

    /// Removes the sketch of a row. The sketch of the row `last` takes its place.
    pub fn swap_remove(&mut self, slot: usize, last: usize) {
        for byte in 0..SKETCH_BYTES {
            self.blocks[position(slot, byte)] = self.blocks[position(last, byte)];
        }
        self.blocks.truncate(last.div_ceil(BLOCK_ROWS) * BLOCK_BYTES);
    }

    /// Rows on the shortlist of a search for `wanted` rows in a gallery of `rows`.
    pub fn shortlist(&self, wanted: usize, rows: usize) -> usize {
        ((self.sketcher.shortlist * rows as f64) as usize).max(SHORTLIST_MIN).max(4 * wanted).min(rows)
    }

    /// Offers the products of the sketches of `range`, which starts at a block, with each probe.
    pub fn scan(&self, range: Range<usize>, probes: &[Weights], tops: &mut [Top]) {
        self.raise_floors(&range, probes, tops);
        let mut scores = [[0; BLOCK_ROWS]; RUN];
        for start in range.clone().step_by(RUN * BLOCK_ROWS) {
            let rows = start..range.end.min(start + RUN * BLOCK_ROWS);
            for (probe, top) in probes.iter().zip(tops.iter_mut()) {
                scan_sketches(self.blocks_of(&rows), probe, &mut scores);
                offer(&scores, rows.clone(), top);
            }
        }
    }

    /// Estimates from every sixteenth block the score that about twice as many rows reach as are wanted. Rows below it
    /// need not be collected. Without this, collecting takes as long as the scan.
    fn raise_floors(&self, range: &Range<usize>, probes: &[Weights], tops: &mut [Top]) {
        let mut scores = [[0; BLOCK_ROWS]];
        for (probe, top) in probes.iter().zip(tops) {
            if range.len() < 4 * top.count() {
                continue;
            }
            let mut sampled = Top::new(2 * top.count() / SAMPLED + BLOCK_ROWS);
            for start in range.clone().step_by(SAMPLED * BLOCK_ROWS) {
                let rows = start..range.end.min(start + BLOCK_ROWS);
                scan_sketches(self.blocks_of(&rows), probe, &mut scores);
                offer(&scores, rows, &mut sampled);
            }
            top.raise(sampled.finish().1);
        }
    }

    /// The blocks with the rows of `range`, which starts at a block.
    fn blocks_of(&self, range: &Range<usize>) -> &[[u8; BLOCK_BYTES]] {
        &self.blocks.as_chunks().0[range.start / BLOCK_ROWS..range.end.div_ceil(BLOCK_ROWS)]
    }

    /// How many of the first `rows` rows look more like the probe than row `slot` does.
    fn rank_of(&self, slot: usize, probe: &Weights, rows: usize) -> usize {
        let mut scores = vec![[0; BLOCK_ROWS]; rows.div_ceil(BLOCK_ROWS)];
        scan_sketches(self.blocks_of(&(0..rows)), probe, &mut scores);
        let scores = &scores.as_flattened()[..rows];
        scores.iter().filter(|score| **score > scores[slot]).count()
    }
}

/// Offers the scores of the blocks that hold `rows`.
fn offer(scores: &[[i16; BLOCK_ROWS]], rows: Range<usize>, top: &mut Top) {
    for (start, scores) in rows.clone().step_by(BLOCK_ROWS).zip(scores) {
        let floor = top.floor().max(f32::from(i16::MIN)) as i16;
        // Nearly all blocks have no row to offer, so the largest score is found without a branch for each row.
        if scores.iter().fold(i16::MIN, |most, score| most.max(*score)) >= floor {
            for (slot, score) in (start..rows.end).zip(scores) {
                top.offer(slot, f32::from(*score));
            }
        }
    }
}

fn position(slot: usize, byte: usize) -> usize {
    slot / BLOCK_ROWS * BLOCK_BYTES + byte * BLOCK_ROWS + slot % BLOCK_ROWS
}

fn store(blocks: &mut [u8], slot: usize, sketch: &[u8; SKETCH_BYTES]) {
    for (at, byte) in sketch.iter().enumerate() {
        blocks[position(slot, at)] = *byte;
    }
}
