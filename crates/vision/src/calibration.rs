//! From the cosine of two embeddings to the score that the API serves.

use crate::models::CalibrationSpec;

/// A strictly rising, piecewise linear map from [-1, 1] to [0, 1], fixed for each recognition model in the manifest so
/// that a threshold keeps its meaning when the model changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    points: Vec<[f32; 2]>,
}

impl Calibration {
    /// The map through the knots of the manifest.
    pub fn new(spec: &CalibrationSpec) -> Self {
        Self { points: spec.points.clone() }
    }

    /// The served score of a cosine, 0 to 1.
    pub fn score(&self, cosine: f32) -> f32 {
        self.interpolate(cosine, 0, 1).clamp(0.0, 1.0)
    }

    /// The cosine that is served as `score`.
    pub fn cosine(&self, score: f32) -> f32 {
        self.interpolate(score, 1, 0).clamp(-1.0, 1.0)
    }

    fn interpolate(&self, value: f32, from: usize, to: usize) -> f32 {
        let last = self.points.len() - 2;
        let segment = self.points[1..].iter().position(|point| value < point[from]).unwrap_or(last).min(last);
        let (low, high) = (self.points[segment], self.points[segment + 1]);
        low[to] + (high[to] - low[to]) * (value - low[from]) / (high[from] - low[from])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_and_inverts() {
        let map = Calibration { points: vec![[-1.0, 0.0], [0.2, 0.4], [0.5, 0.9], [1.0, 1.0]] };
        let scores: Vec<f32> = (-100..=100).map(|i| map.score(i as f32 / 100.0)).collect();
        assert!(scores.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((map.score(0.2) - 0.4).abs() < 1e-6);
        for cosine in [-1.0, -0.3, 0.2, 0.4, 0.77, 1.0] {
            assert!((map.cosine(map.score(cosine)) - cosine).abs() < 1e-5, "{cosine}");
        }
        assert_eq!((map.score(-7.0), map.score(7.0)), (0.0, 1.0));
    }
}
