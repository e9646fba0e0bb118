//! The main axes of a sample of vectors.

use multiversion::multiversion;

use crate::distance::dot;

/// Rounds of the power iteration: the captured share of the squared length no longer changes in its third digit.
const ROUNDS: usize = 12;

/// The `count` orthogonal axes that together hold most of the squared length of the rows of `sample`.
///
/// Power iteration of a whole subspace on the matrix of second moments. The start is fixed, so equal samples have equal
/// axes.
pub(crate) fn main_axes(sample: &[f32], dimension: usize, count: usize) -> Vec<f32> {
    let moments = moments(sample, dimension);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut axes: Vec<f32> = (0..count * dimension).map(|_| noise(&mut state)).collect();
    orthonormalise(&mut axes, dimension);
    for _ in 0..ROUNDS {
        let product = |axis: &[f32]| moments.chunks_exact(dimension).map(|row| dot(row, axis)).collect::<Vec<_>>();
        axes = axes.chunks_exact(dimension).flat_map(product).collect();
        orthonormalise(&mut axes, dimension);
    }
    axes
}

/// Mean square of the coordinates of the rows of `sample` on each axis.
pub(crate) fn second_moments(sample: &[f32], axes: &[f32], dimension: usize) -> Vec<f32> {
    let count = (sample.len() / dimension).max(1) as f32;
    let mean = |axis: &[f32]| sample.chunks_exact(dimension).map(|row| dot(axis, row).powi(2)).sum::<f32>() / count;
    axes.chunks_exact(dimension).map(mean).collect()
}

/// The sum of the outer products of all rows with themselves; only its direction matters.
fn moments(sample: &[f32], dimension: usize) -> Vec<f32> {
    let mut moments = vec![0.0; dimension * dimension];
    // Row by row of the result, so that it stays in the cache while a few vectors are added at once.
    for rows in sample.chunks(16 * dimension) {
        for (at, sum) in moments.chunks_exact_mut(dimension).enumerate() {
            for row in rows.chunks_exact(dimension) {
                add(sum, row, row[at]);
            }
        }
    }
    moments
}

/// Gram and Schmidt's procedure, in place.
fn orthonormalise(axes: &mut [f32], dimension: usize) {
    for at in 0..axes.len() / dimension {
        let (before, rest) = axes.split_at_mut(at * dimension);
        let axis = &mut rest[..dimension];
        // Twice, because one pass leaves what rounding put there.
        for _ in 0..2 {
            for other in before.chunks_exact(dimension) {
                add(axis, other, -dot(axis, other));
            }
        }
        let norm = dot(axis, axis).sqrt();
        for value in axis {
            *value = if norm > 0.0 { *value / norm } else { 0.0 };
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn add(sum: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value * weight;
    }
}

/// The next of a fixed sequence of numbers between -0.5 and 0.5 (xorshift).
fn noise(state: &mut u64) -> f32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_span_the_directions_in_which_the_sample_extends() {
        let dimension = 20;
        let mut state = 7;
        // Long in the directions 3 and 11, short in all others.
        let length = |at: usize| if at == 3 || at == 11 { 1.0 } else { 0.01 };
        let sample: Vec<f32> = (0..500)
            .flat_map(|_| (0..dimension).map(length).collect::<Vec<_>>())
            .map(|l| l * noise(&mut state))
            .collect();
        let axes = main_axes(&sample, dimension, 2);
        for axis in axes.chunks_exact(dimension) {
            assert!(axis[3].powi(2) + axis[11].powi(2) > 0.999);
            assert!((dot(axis, axis) - 1.0).abs() < 1e-5);
        }
        assert!(dot(&axes[..dimension], &axes[dimension..]).abs() < 1e-5);
        assert_eq!(axes, main_axes(&sample, dimension, 2));
    }
}
