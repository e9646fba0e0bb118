//! Open-set 1:N identification, in the words of ISO/IEC 19795-1: TPIR is the share of probes of enrolled people that are
//! named rightly, FPIR the share of probes of strangers that get any name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vultus_gallery::{Classifier, Gallery, ImpostorTail, Options};
use vultus_vision::{DetectSize, Embedding, Engine};

use crate::metrics::{accepted, mean, ratio, threshold_at_fmr};
use crate::workers::Workers;

#[derive(Debug, Deserialize)]
struct Row {
    path: String,
    identity: String,
}

/// Pictures enrolled of each known person.
const ENROLLED: usize = 3;
/// Divisions of the people into known and unknown ones, each by another seed; figures are means over them.
const SPLITS: u64 = 20;
/// Rates at which the true positive identification rate is reported.
const RATES: [(&str, f64); 2] = [("1e-2", 1e-2), ("1e-3", 1e-3)];
/// Bins of equal width for the calibration error (Guo et al. 2017).
const BINS: usize = 10;

/// The person who is named, or nobody, and whether that is right.
#[derive(Debug, Clone, Copy)]
struct Scored {
    score: f32,
    right: bool,
}

/// The result for one probe.
struct Answer {
    /// Whether the person is enrolled.
    known: bool,
    /// The most probable person, with the probability.
    by_probability: Scored,
    /// The most similar person, with the cosine.
    by_cosine: Scored,
    /// The answer, which may be "unknown", with its confidence.
    given: Scored,
}

/// Measures on `identities.csv` in `folder`. Enrolls three pictures of each person in one half of the people. All other
/// pictures of all people are probes. The largest face of a picture counts. Pictures without a face are left out and counted.
pub fn run(workers: &Workers, folder: &Path) -> anyhow::Result<Value> {
    let path = folder.join("identities.csv");
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().context("a row of identities.csv is wrong")?;
    let embeddings = workers.map(&rows, |engine, row| embed(engine, &folder.join(&row.path)))?;
    let missed = embeddings.iter().filter(|embedding| embedding.is_none()).count();
    let mut people: BTreeMap<&str, Vec<&Embedding>> = BTreeMap::new();
    for (row, embedding) in rows.iter().zip(&embeddings) {
        people.entry(&row.identity).or_default().extend(embedding);
    }
    people.retain(|_, pictures| pictures.len() > ENROLLED);
    anyhow::ensure!(people.len() >= 4, "four people with more than {ENROLLED} usable pictures each are needed");
    let people: Vec<Vec<&Embedding>> = people.into_values().collect();
    let splits: Vec<Vec<Answer>> = (0..SPLITS).map(|seed| split(&people, seed, workers.threads)).collect();
    let average = |figure: &dyn Fn(&[Answer]) -> f64| mean(&splits.iter().map(|s| figure(s)).collect::<Vec<_>>());
    let rates = |scored: fn(&Answer) -> Scored| -> Map<String, Value> {
        RATES.iter().map(|&(name, rate)| (name.into(), average(&|s| tpir(s, rate, scored)).into())).collect()
    };
    Ok(json!({
        "people": people.len(),
        "images": rows.len(),
        "failures_to_detect": missed,
        "splits": SPLITS,
        "enrolled_each": ENROLLED,
        "rank1": average(&rank1),
        "tpir_at_fpir": rates(|answer| answer.by_probability),
        "cosine_tpir_at_fpir": rates(|answer| answer.by_cosine),
        "ece": average(&calibration_error),
    }))
}

fn embed(engine: &mut Engine, path: &Path) -> anyhow::Result<Option<Embedding>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = engine.decode(&bytes).with_context(|| format!("cannot decode {}", path.display()))?;
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let Some(face) = faces.first() else { return Ok(None) };
    let landmarks = engine.landmarks(&image, face)?;
    let embedding = engine.embed(&image, face, &landmarks)?;
    engine.recycle(image);
    Ok(Some(embedding))
}

/// Enrolls half of the people and identifies all other pictures.
fn split(people: &[Vec<&Embedding>], seed: u64, threads: usize) -> Vec<Answer> {
    let mut random = SplitMix64(seed);
    let mut order: Vec<usize> = (0..people.len()).collect();
    random.shuffle(&mut order);
    let (known, unknown) = order.split_at(people.len() / 2);
    let mut gallery = Gallery::new(people[0][0].as_slice().len());
    let mut probes: Vec<(Option<usize>, &Embedding)> = Vec::new();
    for &person in known {
        let mut pictures = people[person].clone();
        random.shuffle(&mut pictures);
        pictures[..ENROLLED].iter().for_each(|picture| gallery.insert(person, picture.as_slice()));
        probes.extend(pictures[ENROLLED..].iter().map(|picture| (Some(person), *picture)));
    }
    probes.extend(unknown.iter().flat_map(|&person| people[person].iter().map(|picture| (None, *picture))));
    let options = Options { unknowns: true, impostors: ImpostorTail::default(), rejections: Vec::new(), threads };
    let classifier = Classifier::fit(&gallery, options);
    probes.into_iter().map(|(person, probe)| answer(&gallery, &classifier, person, probe.as_slice())).collect()
}

fn answer(gallery: &Gallery<usize>, classifier: &Classifier<usize>, person: Option<usize>, probe: &[f32]) -> Answer {
    let found = classifier.classify(gallery, probe, 1);
    let nearest = gallery.search(probe, 1);
    let (best, nearest) = (found.candidates.first(), nearest.first());
    let named = found.answer();
    Answer {
        known: person.is_some(),
        by_probability: Scored {
            score: best.map_or(0.0, |best| best.probability),
            right: best.map(|best| best.subject) == person,
        },
        by_cosine: Scored {
            score: nearest.map_or(-1.0, |nearest| nearest.cosine),
            right: nearest.map(|nearest| nearest.subject) == person,
        },
        given: Scored {
            score: named.map_or(found.unknown, |named| named.probability),
            right: named.map(|named| named.subject) == person,
        },
    }
}

/// Share of the known probes whose most probable person is the right one, whatever the probability.
fn rank1(answers: &[Answer]) -> f64 {
    let known: Vec<_> = answers.iter().filter(|answer| answer.known).collect();
    ratio(known.iter().filter(|answer| answer.by_probability.right).count(), known.len())
}

/// Share of the known probes identified rightly at the score that `rate` of the unknown ones reach.
fn tpir(answers: &[Answer], rate: f64, scored: fn(&Answer) -> Scored) -> f64 {
    let mut strangers: Vec<f32> = answers.iter().filter(|a| !a.known).map(|a| scored(a).score).collect();
    let threshold = threshold_at_fmr(&mut strangers, rate);
    // A wrong person is never accepted rightly, however high the score.
    let known = answers.iter().filter(|a| a.known).map(scored);
    let scores = known.map(|scored| if scored.right { scored.score } else { f32::NEG_INFINITY });
    accepted(&scores.collect::<Vec<_>>(), threshold)
}

/// Expected calibration error over all probes: the distance of the confidence from the share of right answers.
fn calibration_error(answers: &[Answer]) -> f64 {
    let mut bins = [(0usize, 0.0f64, 0usize); BINS];
    for answer in answers {
        let bin = &mut bins[((answer.given.score * BINS as f32) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + f64::from(answer.given.score), bin.2 + usize::from(answer.given.right));
    }
    bins.iter().map(|(_, confidence, right)| (confidence - *right as f64).abs()).sum::<f64>() / answers.len() as f64
}

/// The generator of Steele, Lea and Flood (2014): splits have to be the same on every run.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(score: f32) -> Answer {
        let named = Scored { score, right: false };
        Answer {
            known: false,
            by_probability: named,
            by_cosine: named,
            given: Scored { score: 1.0 - score, right: true },
        }
    }

    fn member(score: f32, right: bool) -> Answer {
        let named = Scored { score, right };
        Answer { known: true, by_probability: named, by_cosine: named, given: named }
    }

    #[test]
    fn only_right_people_above_the_strangers_count() {
        let answers = [member(0.9, true), member(0.95, false), member(0.3, true), stranger(0.5), stranger(0.1)];
        assert!((tpir(&answers, 0.01, |a| a.by_probability) - 1.0 / 3.0).abs() < 1e-9);
        assert!((tpir(&answers, 0.5, |a| a.by_probability) - 2.0 / 3.0).abs() < 1e-9);
        assert!((rank1(&answers) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn confidence_is_compared_with_what_came_true() {
        let honest: Vec<Answer> = (0..10).map(|i| member(0.9, i > 0)).collect();
        assert!(calibration_error(&honest) < 1e-6);
        let boastful: Vec<Answer> = (0..10).map(|i| member(0.9, i > 4)).collect();
        assert!((calibration_error(&boastful) - 0.4).abs() < 1e-6);
    }
}
