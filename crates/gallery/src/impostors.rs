//! How often a model takes two different people for the same.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The cosines that pairs of different people reach, and how rarely they do.
///
/// Between the points, and beyond the last one, the logarithm of the rate is linear in the cosine: the tail of an
/// exponential distribution, which is what extreme value theory expects of such a maximum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(f64, f32)>", into = "Vec<(f64, f32)>")]
pub struct ImpostorTail {
    /// Rate and cosine, rates falling.
    points: Vec<(f64, f32)>,
}

/// Points that are not a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the impostor scores need at least two points, with rates between 0 and 1 that fall while the cosines rise")]
pub struct NotATail;

impl ImpostorTail {
    /// A tail through points of false match rate and cosine.
    ///
    /// # Errors
    /// [`NotATail`] unless the rates fall from point to point, between 1 and 0, and the cosines rise.
    pub fn new(points: Vec<(f64, f32)>) -> Result<Self, NotATail> {
        let valid = points.iter().all(|(rate, cosine)| *rate > 0.0 && *rate < 1.0 && cosine.is_finite());
        let ordered = points.windows(2).all(|pair| pair[1].0 < pair[0].0 && pair[1].1 > pair[0].1);
        if valid && ordered && points.len() >= 2 { Ok(Self { points }) } else { Err(NotATail) }
    }

    /// The cosine that a pair of different people exceeds with this probability, -1 to 1.
    pub fn cosine(&self, rate: f64) -> f32 {
        let rate = rate.clamp(1e-12, 1.0);
        let after = self.points.iter().position(|point| point.0 <= rate).unwrap_or(self.points.len());
        let [a, b] = self.segment(after);
        let share = (rate.ln() - a.0.ln()) / (b.0.ln() - a.0.ln());
        (a.1 + share as f32 * (b.1 - a.1)).clamp(-1.0, 1.0)
    }

    /// The probability that a pair of different people exceeds a cosine.
    pub fn rate(&self, cosine: f32) -> f64 {
        let after = self.points.iter().position(|point| point.1 >= cosine).unwrap_or(self.points.len());
        let [a, b] = self.segment(after);
        let share = f64::from((cosine - a.1) / (b.1 - a.1));
        (a.0.ln() + share * (b.0.ln() - a.0.ln())).exp().min(1.0)
    }

    /// The threshold of the cosine at which a search among `subjects` people names a member for a stranger at this rate.
    /// With one person, it is the threshold of a verification.
    ///
    /// Each subject is another chance of a mistake. So the rate of a single comparison has to be
    /// `1 - (1 - rate)^(1 / subjects)`.
    pub fn threshold(&self, rate: f64, subjects: usize) -> f32 {
        self.cosine(single(rate, subjects))
    }

    /// Mean cosine of the `share` of all pairs with the highest ones.
    pub(crate) fn mean_above(&self, share: f64) -> f32 {
        const STEPS: u32 = 10;
        (0..STEPS).map(|step| self.cosine(share * (f64::from(step) + 0.5) / f64::from(STEPS))).sum::<f32>()
            / STEPS as f32
    }

    /// The two points that decide about the place before point `after`.
    fn segment(&self, after: usize) -> [(f64, f32); 2] {
        let after = after.clamp(1, self.points.len() - 1);
        [self.points[after - 1], self.points[after]]
    }
}

/// The rate of a single comparison at which one of `subjects` comparisons goes wrong at `rate`.
pub(crate) fn single(rate: f64, subjects: usize) -> f64 {
    let rate = rate.clamp(0.0, 1.0 - 1e-12);
    -((-rate).ln_1p() / subjects.max(1) as f64).exp_m1()
}

impl Default for ImpostorTail {
    /// The tail of the default recognition model: 29.6 million pairs of different people in LFW. The last points are
    /// left out, because they contain label errors.
    fn default() -> Self {
        let rates = [0.5, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5];
        let cosines = [0.005, 0.055, 0.129, 0.193, 0.243, 0.293, 0.335, 0.376, 0.412, 0.447, 0.480];
        Self { points: rates.into_iter().zip(cosines).collect() }
    }
}

impl TryFrom<Vec<(f64, f32)>> for ImpostorTail {
    type Error = NotATail;

    fn try_from(points: Vec<(f64, f32)>) -> Result<Self, NotATail> {
        Self::new(points)
    }
}

impl From<ImpostorTail> for Vec<(f64, f32)> {
    fn from(tail: ImpostorTail) -> Self {
        tail.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail() -> ImpostorTail {
        ImpostorTail::new(vec![(0.5, 0.0), (0.1, 0.1), (0.01, 0.2), (0.001, 0.28)]).unwrap()
    }

    #[test]
    fn rates_and_cosines_are_each_others_inverse_also_beyond_the_points() {
        for rate in [0.4, 0.1, 0.05, 0.002, 1e-4, 1e-6] {
            assert!((tail().rate(tail().cosine(rate)) / rate - 1.0).abs() < 1e-3, "{rate}");
        }
        assert!((tail().cosine(1e-4) - 0.36).abs() < 1e-6, "the last slope goes on");
    }

    #[test]
    fn more_people_need_a_higher_threshold() {
        assert!((tail().threshold(0.01, 1) - tail().cosine(0.01)).abs() < 1e-6);
        assert!((tail().threshold(0.01, 1000) - tail().cosine(1e-5)).abs() < 1e-3);
        let thresholds: Vec<f32> = [1, 10, 100, 100_000].map(|n| tail().threshold(1e-3, n)).to_vec();
        assert!(thresholds.is_sorted() && thresholds[0] < thresholds[3]);
    }

    #[test]
    fn points_that_contradict_each_other_are_refused() {
        for points in [
            vec![],
            vec![(0.1, 0.1)],
            vec![(0.1, 0.1), (0.2, 0.2)],
            vec![(0.1, 0.2), (0.01, 0.1)],
            vec![(1.5, 0.0), (0.1, 0.1)],
        ] {
            assert_eq!(ImpostorTail::new(points), Err(NotATail));
        }
    }
}
