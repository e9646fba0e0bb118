//! Error rates of a score that is compared with a threshold, in the words of ISO/IEC 19795-1.

use std::collections::BTreeMap;

/// A comparison: its score and whether it was of the same person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    pub score: f32,
    pub same: bool,
}

/// Share of the trials that `score >= threshold` decides rightly.
pub fn accuracy(trials: &[Trial], threshold: f32) -> f64 {
    ratio(trials.iter().filter(|t| (t.score >= threshold) == t.same).count(), trials.len())
}

/// The threshold with the best accuracy: the middle between two neighbouring scores, the lowest of equals.
pub fn best_threshold(trials: &[Trial]) -> f32 {
    let mut sorted = trials.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    // Below every score all are accepted, so the same-person trials are right.
    let mut right = sorted.iter().filter(|t| t.same).count();
    let (mut best_right, mut best) = (right, f32::NEG_INFINITY);
    for (at, trial) in sorted.iter().enumerate() {
        right = if trial.same { right - 1 } else { right + 1 };
        let above = sorted.get(at + 1).map_or(f32::INFINITY, |next| next.score);
        if right > best_right && above > trial.score {
            (best_right, best) = (right, if above.is_finite() { f32::midpoint(trial.score, above) } else { above });
        }
    }
    best
}

/// Mean and standard deviation over the folds of the accuracy on one fold at the threshold that is best on all others:
/// the protocol of LFW, "unrestricted, labelled outside data" (Huang and Learned-Miller 2014).
pub fn cross_validated(trials: &[Trial], folds: &[u32]) -> (f64, f64) {
    let mut by_fold: BTreeMap<u32, (Vec<Trial>, Vec<Trial>)> =
        folds.iter().map(|&fold| (fold, Default::default())).collect();
    for (fold, (test, rest)) in &mut by_fold {
        for (trial, of) in trials.iter().zip(folds) {
            if of == fold { test.push(*trial) } else { rest.push(*trial) }
        }
    }
    let accuracies: Vec<f64> = by_fold.values().map(|(test, rest)| accuracy(test, best_threshold(rest))).collect();
    (mean(&accuracies), deviation(&accuracies))
}

/// The least threshold at which at most `rate` of the impostor scores are accepted. Sorts the scores, highest first.
pub fn threshold_at_fmr(impostors: &mut [f32], rate: f64) -> f32 {
    impostors.sort_by(|a, b| b.total_cmp(a));
    let allowed = (rate * impostors.len() as f64).floor() as usize;
    impostors.get(allowed).map_or(f32::NEG_INFINITY, |highest_refused| highest_refused.next_up())
}

/// Share of the scores that reach the threshold.
pub fn accepted(scores: &[f32], threshold: f32) -> f64 {
    ratio(scores.iter().filter(|&&score| score >= threshold).count(), scores.len())
}

/// `part / whole`, 0 for an empty whole.
pub fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Arithmetic mean, 0 for none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Standard deviation of a sample.
fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    (values.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / values.len().saturating_sub(1).max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(scores: &[(f32, bool)]) -> Vec<Trial> {
        scores.iter().map(|&(score, same)| Trial { score, same }).collect()
    }

    #[test]
    fn best_threshold_separates() {
        let separable = trials(&[(0.1, false), (0.2, false), (0.6, true), (0.7, true)]);
        let threshold = best_threshold(&separable);
        assert!(threshold > 0.2 && threshold < 0.6);
        assert!((accuracy(&separable, threshold) - 1.0).abs() < 1e-12);
        let noisy = trials(&[(0.1, false), (0.5, true), (0.6, false), (0.7, true), (0.8, true)]);
        assert!((accuracy(&noisy, best_threshold(&noisy)) - 0.8).abs() < 1e-12);
    }

    #[test]
    fn folds_are_judged_by_the_others() {
        // The second fold alone would choose a threshold under 0.3; the first one puts it over 0.5.
        let all = trials(&[(0.5, false), (0.7, true), (0.2, false), (0.3, true)]);
        let (accuracy, _) = cross_validated(&all, &[0, 0, 1, 1]);
        assert!((accuracy - 0.5).abs() < 1e-12, "{accuracy}");
    }

    #[test]
    fn false_match_rate_is_not_exceeded() {
        let mut impostors: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        for rate in [0.1, 0.01, 0.001, 0.0001] {
            let threshold = threshold_at_fmr(&mut impostors, rate);
            assert!(accepted(&impostors, threshold) <= rate, "{rate}");
        }
        let threshold = threshold_at_fmr(&mut impostors, 0.01);
        assert!((accepted(&impostors, threshold) - 0.01).abs() < 1e-9);
    }
}
