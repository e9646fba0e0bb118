//! Embeddings in 16 bits a value, stored as two planes of bytes.
//!
//! Every value of an embedding is a multiple of the embedding's own scale, from -32258 to 32258, and is kept as
//! `coarse * 254 + fine`. A scan reads the coarse plane alone; what it finds is ranked by both. The two planes take
//! half the memory of 32-bit floats, and the cosine of a 512-dimensional embedding is off by 1e-6, as against 3e-4 from
//! the coarse plane alone and 1e-5 from 16-bit floats, which take as much memory.

use crate::distance::{dot_fine, scan};

/// Steps of the fine plane in one of the coarse one.
const FINE_STEPS: f32 = 254.0;
/// The largest value of a coarse code.
const COARSE_MAX: f32 = 127.0;

/// Rows of one length, in the order of their slots.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    dimension: usize,
    pub(crate) coarse: Vec<i8>,
    pub(crate) fine: Vec<i8>,
    /// Value of a fine step, for each row.
    pub(crate) scales: Vec<f32>,
    /// The largest scale so far.
    widest: f32,
}

/// A vector to compare rows with.
pub(crate) struct Probe<'a> {
    pub values: &'a [f32],
    codes: Vec<i16>,
    /// The value of a product of a coarse code and a probe code, before the scale of the row.
    unit: f32,
}

impl<'a> Probe<'a> {
    pub fn new(values: &'a [f32]) -> Self {
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // The products of a row add up to less than 2^31 in the worst case, so that no sum overflows.
        let most = (i32::MAX as f32 / (COARSE_MAX * values.len().max(1) as f32)).min(32_767.0).floor();
        let step = if largest > 0.0 { largest / most } else { 1.0 };
        let codes = values.iter().map(|value| (value / step).round() as i16).collect();
        Self { values, codes, unit: step * FINE_STEPS }
    }
}

impl Rows {
    pub fn new(dimension: usize) -> Self {
        Self { dimension, ..Self::default() }
    }

    /// Rows as they were saved. `None` if the planes do not fit together, or have values that no embedding gives.
    pub fn from_planes(dimension: usize, coarse: Vec<i8>, fine: Vec<i8>, scales: Vec<f32>) -> Option<Self> {
        let fits = coarse.len() == fine.len() && Some(coarse.len()) == scales.len().checked_mul(dimension);
        let widest = scales.iter().copied().fold(0.0, f32::max);
        let are_scales = scales.iter().all(|scale| scale.is_finite() && *scale >= 0.0);
        // Sums of products have room for just these.
        let are_codes = coarse.iter().all(|code| *code > i8::MIN);
        (fits && are_scales && are_codes).then_some(Self { dimension, coarse, fine, scales, widest })
    }

    pub fn len(&self) -> usize {
        self.scales.len()
    }

    pub fn push(&mut self, values: &[f32]) {
        self.coarse.resize(self.coarse.len() + self.dimension, 0);
        self.fine.resize(self.fine.len() + self.dimension, 0);
        self.scales.push(0.0);
        self.set(self.scales.len() - 1, values);
    }

    pub fn set(&mut self, slot: usize, values: &[f32]) {
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / (COARSE_MAX * FINE_STEPS);
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let at = slot * self.dimension;
        let planes = self.coarse[at..].iter_mut().zip(&mut self.fine[at..]);
        for ((coarse, fine), value) in planes.zip(values) {
            let steps = (value * inverse).round();
            let whole = (steps / FINE_STEPS).round();
            (*coarse, *fine) = (whole as i8, (steps - whole * FINE_STEPS) as i8);
        }
        self.scales[slot] = scale;
        self.widest = self.widest.max(scale);
    }

    /// Removes a row. The last row takes its slot.
    pub fn swap_remove(&mut self, slot: usize) {
        let (start, last) = (slot * self.dimension, (self.len() - 1) * self.dimension);
        for plane in [&mut self.coarse, &mut self.fine] {
            plane.copy_within(last.., start);
            plane.truncate(last);
        }
        self.scales.swap_remove(slot);
    }

    /// The values of a row, to within half a fine step.
    pub fn values(&self, slot: usize) -> impl Iterator<Item = f32> + '_ {
        let (at, scale) = (slot * self.dimension, self.scales[slot]);
        let planes = self.coarse[at..].iter().zip(&self.fine[at..]).take(self.dimension);
        planes.map(move |(coarse, fine)| (f32::from(*coarse) * FINE_STEPS + f32::from(*fine)) * scale)
    }

    /// Inner product of a row and a probe from both planes.
    pub fn cosine(&self, slot: usize, probe: &Probe<'_>) -> f32 {
        let row = slot * self.dimension..(slot + 1) * self.dimension;
        dot_fine(&self.coarse[row.clone()], &self.fine[row], probe.values) * self.scales[slot]
    }

    /// Inner products of the rows from `start` on and a probe, from the coarse plane; off by [`Rows::margin`] at most.
    pub fn coarse_cosines(&self, start: usize, probe: &Probe<'_>, products: &mut [i32], cosines: &mut [f32]) {
        let rows = start * self.dimension..(start + cosines.len()) * self.dimension;
        scan(&self.coarse[rows], &probe.codes, &mut products[..cosines.len()]);
        for ((cosine, product), scale) in cosines.iter_mut().zip(products).zip(&self.scales[start..]) {
            *cosine = *product as f32 * (probe.unit * scale);
        }
    }

    /// By how much a cosine from the coarse plane may differ from the one of both planes, for a probe of unit length.
    ///
    /// The rounding errors of the components are spread evenly over a coarse step, so the error has a deviation of
    /// `step / sqrt(12)`. An error of six deviations does not occur in practice.
    pub fn margin(&self) -> f32 {
        6.0 / 12.0f32.sqrt() * self.widest * FINE_STEPS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::distance::dot;

    proptest! {
        #[test]
        fn both_planes_keep_the_cosine_and_the_coarse_one_keeps_it_within_the_margin(
            a in prop::collection::vec(-1.0f32..1.0, 96), b in prop::collection::vec(-1.0f32..1.0, 96),
        ) {
            let unit = |v: &[f32]| { let norm = dot(v, v).sqrt(); v.iter().map(|x| x / norm).collect::<Vec<_>>() };
            let (a, b) = (unit(&a), unit(&b));
            let mut rows = Rows::new(96);
            rows.push(&b);
            rows.push(&a);
            rows.swap_remove(0);
            let (probe, mut cosine) = (Probe::new(&b), [0.0]);
            rows.coarse_cosines(0, &probe, &mut [0], &mut cosine);
            prop_assert!((rows.cosine(0, &probe) - dot(&a, &b)).abs() < 1e-5);
            prop_assert!((cosine[0] - dot(&a, &b)).abs() < rows.margin());
            prop_assert!(rows.values(0).zip(&a).all(|(kept, value)| (kept - value).abs() < 1e-5));
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        for dimension in [2, 512, 4096] {
            let values = vec![1.0 / (dimension as f32).sqrt(); dimension];
            let mut rows = Rows::new(dimension);
            rows.push(&values);
            let mut cosine = [0.0];
            rows.coarse_cosines(0, &Probe::new(&values), &mut [0], &mut cosine);
            assert!((cosine[0] - 1.0).abs() < 1e-3, "{dimension}: {}", cosine[0]);
        }
    }

    #[test]
    fn a_vector_of_zeros_is_like_nothing() {
        let mut rows = Rows::new(3);
        rows.push(&[0.0; 3]);
        assert!(rows.cosine(0, &Probe::new(&[0.0, 1.0, 0.0])).abs() < 1e-9);
        assert!(rows.cosine(0, &Probe::new(&[0.0; 3])).abs() < 1e-9);
    }
}
