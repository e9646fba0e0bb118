//! From scores to probabilities.

use serde::{Deserialize, Serialize};

/// Steps of Newton's method. Five are usually enough.
const STEPS: usize = 40;
/// The smallest slope: a higher score never makes a candidate less probable.
const SLOPE_MIN: f64 = 1.0;
/// Deviation of the slope among collections (15 to 38 in the wild set and LFW). It keeps the slope finite for a
/// collection whose few scores separate everybody.
const SLOPE_DEVIATION: f64 = 10.0;
/// Keeps the curvature from vanishing.
const RIDGE: f64 = 1e-6;

/// Odds of each candidate against the probe being nobody of the collection: `exp(intercept + slope * score)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Odds {
    pub intercept: f64,
    pub slope: f64,
}

/// The scores of the candidates for a probe, and which of them is right. `None` if the probe is somebody else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    pub scores: Vec<f32>,
    pub truth: Option<usize>,
    pub weight: f64,
}

impl Odds {
    /// The odds under which the observations are most likely, given that the slope is `usual.slope` or so (a conditional
    /// logit model, whose likelihood has one maximum), found by Newton's method from `usual`.
    pub fn fit(observations: &[Observation], usual: Odds) -> Odds {
        let precision = SLOPE_DEVIATION.powi(-2);
        let loss_of = |odds: &Odds| odds.loss(observations) + 0.5 * precision * (odds.slope - usual.slope).powi(2);
        let mut odds = usual;
        let mut loss = loss_of(&odds);
        for _ in 0..STEPS {
            let ([a, b], [aa, ab, bb]) = odds.derivatives(observations);
            let (b, bb) = (b + precision * (odds.slope - usual.slope), bb + precision);
            let determinant = (aa + RIDGE) * (bb + RIDGE) - ab * ab;
            let step = [((bb + RIDGE) * a - ab * b) / determinant, ((aa + RIDGE) * b - ab * a) / determinant];
            let shortened = (0..20).map(|halvings| 0.5f64.powi(halvings)).map(|factor| Odds {
                intercept: odds.intercept - factor * step[0],
                slope: (odds.slope - factor * step[1]).max(SLOPE_MIN),
            });
            let better = shortened.map(|next| (next, loss_of(&next))).find(|(_, next)| *next < loss);
            let Some((next, next_loss)) = better else { break };
            let gain = loss - next_loss;
            (odds, loss) = (next, next_loss);
            if gain < 1e-9 {
                break;
            }
        }
        odds
    }

    /// Probabilities of the candidates with these scores, and of nobody.
    pub fn probabilities(&self, scores: &[f32]) -> (Vec<f64>, f64) {
        let logits = scores.iter().map(|score| self.intercept + self.slope * f64::from(*score));
        let logits: Vec<f64> = logits.collect();
        let most = logits.iter().copied().fold(0.0, f64::max);
        let total = (-most).exp() + logits.iter().map(|logit| (logit - most).exp()).sum::<f64>();
        (logits.iter().map(|logit| (logit - most).exp() / total).collect(), (-most).exp() / total)
    }

    fn loss(&self, observations: &[Observation]) -> f64 {
        let loss = |observation: &Observation| {
            let (probabilities, nobody) = self.probabilities(&observation.scores);
            -observation.weight * observation.truth.map_or(nobody, |at| probabilities[at]).max(1e-300).ln()
        };
        observations.iter().map(loss).sum()
    }

    /// First and second derivatives of the loss.
    fn derivatives(&self, observations: &[Observation]) -> ([f64; 2], [f64; 3]) {
        let (mut first, mut second) = ([0.0; 2], [0.0; 3]);
        for Observation { scores, truth, weight } in observations {
            let (probabilities, nobody) = self.probabilities(scores);
            let moments = probabilities.iter().zip(scores).map(|(p, score)| (p, f64::from(*score)));
            let (mean, square) = moments.fold((0.0, 0.0), |(m, q), (p, score)| (m + p * score, q + p * score * score));
            let known = 1.0 - nobody;
            first[0] += weight * (known - f64::from(u8::from(truth.is_some())));
            first[1] += weight * (mean - truth.map_or(0.0, |at| f64::from(scores[at])));
            second[0] += weight * known * nobody;
            second[1] += weight * mean * nobody;
            second[2] += weight * (square - mean * mean);
        }
        (first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_come_out_as_frequent_as_they_are_said_to_be() {
        let truth = Odds { intercept: -6.0, slope: 20.0 };
        // Every score stands for as many observations of each kind as the true odds say.
        let observations = (0..60).flat_map(|at| {
            let scores = vec![at as f32 / 60.0, 0.1];
            let (probabilities, nobody) = truth.probabilities(&scores);
            let outcomes = [(Some(0), probabilities[0]), (Some(1), probabilities[1]), (None, nobody)];
            outcomes.map(|(truth, weight)| Observation { scores: scores.clone(), truth, weight: weight * 1e4 })
        });
        let found = Odds::fit(&observations.collect::<Vec<_>>(), Odds { intercept: 0.0, slope: 1.0 });
        assert!(
            (found.intercept - truth.intercept).abs() < 0.01 && (found.slope - truth.slope).abs() < 0.05,
            "{found:?}"
        );
    }

    #[test]
    fn two_equal_candidates_share_the_probability() {
        let odds = Odds { intercept: -10.0, slope: 30.0 };
        let (probabilities, nobody) = odds.probabilities(&[0.9, 0.9]);
        assert!((probabilities[0] - 0.5).abs() < 1e-3 && (probabilities[1] - 0.5).abs() < 1e-3 && nobody < 1e-3);
        assert_eq!(odds.probabilities(&[]), (vec![], 1.0));
    }

    #[test]
    fn scores_that_separate_everybody_give_finite_odds() {
        let observation = |score, truth| Observation { scores: vec![score], truth, weight: 1.0 };
        let odds =
            Odds::fit(&[observation(0.8, Some(0)), observation(0.1, None)], Odds { intercept: -6.0, slope: 20.0 });
        assert!(odds.intercept.is_finite() && odds.slope < 30.0, "{odds:?}");
        assert!(odds.probabilities(&[0.8]).1 < 0.01 && odds.probabilities(&[0.1]).1 > 0.9);
    }
}
