//! The assumptions of a classifier that has not seen a collection yet.

use crate::calibrate::{Observation, Odds};
use crate::impostors::ImpostorTail;

/// Candidates that share the probability with the unknown class.
pub(crate) const CANDIDATES: usize = 8;
/// Mean cosine of two photos of one person (0.59 in the wild set, 0.66 in LFW).
pub(crate) const TIGHTNESS: f32 = 0.6;
/// By how much that cosine differs from its mean: the 5th, 15th, to the 95th percentile, between those of the two sets. The
/// long lower end, of faces turned away or covered, is what keeps a classifier of few people from being too sure.
const GENUINE: [f32; 10] = [-0.34, -0.15, -0.074, -0.025, 0.015, 0.05, 0.08, 0.114, 0.152, 0.208];
/// Odds in the collections of the two sets. The search for the odds of another collection starts here.
pub(crate) const ODDS: Odds = Odds { intercept: -6.0, slope: 24.0 };
/// Weight of all genuine or of all unknown observations together.
pub(crate) const CLASS_WEIGHT: f64 = 100.0;
/// Scores as they would usually be in a collection of `population` subjects: genuine ones around the usual tightness,
/// those of strangers as the highest of as many draws from the tail of the model's impostor scores.
///
/// The two weights, 0 to 1, are the parts of the class that they stand for.
pub(crate) fn observations(
    impostors: &ImpostorTail,
    population: usize,
    tightness: f32,
    tail: f32,
    genuine: f64,
    unknown: f64,
) -> Vec<Observation> {
    // An evidence whose best and mean cosine are the same.
    let score = |cosine: f32| crate::evidence::Evidence { best: cosine, mean: cosine, tightness }.score(tail);
    // The next best of all subjects, each typical for its rank.
    let others = |below: f32, wrong: usize| {
        let typical = |rank: usize| impostors.cosine((rank as f64 + 0.5) / population as f64);
        (0..wrong).map(move |rank| score(typical(rank).min(below))).collect::<Vec<_>>()
    };
    let wrong = population.saturating_sub(1).min(CANDIDATES - 1);
    let observation = |cosine: f32, truth: Option<usize>, weight: f64| {
        let below = if truth.is_some() { 1.0 } else { cosine };
        let scores = std::iter::once(score(cosine)).chain(others(below, wrong)).collect();
        Observation { scores, truth, weight: CLASS_WEIGHT * weight / GENUINE.len() as f64 }
    };
    let genuine = GENUINE.map(|deviation| observation((tightness + deviation).min(1.0), Some(0), genuine));
    let unknown = std::array::from_fn::<_, { GENUINE.len() }, _>(|at| {
        let share = (at as f64 + 0.5) / GENUINE.len() as f64;
        observation(impostors.threshold(share, population), None, unknown)
    });
    genuine.into_iter().chain(unknown).collect()
}

/// At most `wanted` of the numbers below `count`, evenly spread.
pub(crate) fn spread(count: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(count);
    (0..wanted).map(|at| at * count / wanted).collect()
}
