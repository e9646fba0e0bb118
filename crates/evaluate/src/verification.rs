//! 1:1 comparison on labelled pairs.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vultus_gallery::dot;
use vultus_vision::{Calibration, DetectSize, Embedding, Engine, Image};

use crate::metrics::{Trial, accepted, accuracy, best_threshold, cross_validated, threshold_at_fmr};
use crate::workers::Workers;

#[derive(Debug, Deserialize)]
struct Pair {
    path1: String,
    path2: String,
    same: u8,
    fold: u32,
}

/// Rates at which the true match rate is reported.
const FALSE_MATCH_RATES: [(&str, f64); 3] = [("1e-2", 1e-2), ("1e-3", 1e-3), ("1e-4", 1e-4)];

/// Measures on `pairs.csv` in `folder`. A picture in which no face is found counts as a cosine of -1.
pub fn run(workers: &Workers, folder: &Path) -> anyhow::Result<Value> {
    let pairs = read_pairs(&folder.join("pairs.csv"))?;
    let mut paths: Vec<&str> = pairs.iter().flat_map(|pair| [pair.path1.as_str(), pair.path2.as_str()]).collect();
    paths.sort_unstable();
    paths.dedup();
    let calibration = Engine::load(&workers.models, workers.params)?.calibration().clone();
    let embeddings = workers.map(&paths, |engine, path| embed(engine, &folder.join(path)))?;
    let by_path: HashMap<&str, Option<&Embedding>> =
        paths.iter().copied().zip(embeddings.iter().map(Option::as_ref)).collect();
    let trials: Vec<Trial> = pairs
        .iter()
        .map(|pair| Trial { score: cosine(by_path[&*pair.path1], by_path[&*pair.path2]), same: pair.same == 1 })
        .collect();
    let folds: Vec<u32> = pairs.iter().map(|pair| pair.fold).collect();
    let mut report = of_pairs(&trials, &folds, &calibration);
    report.insert("failures_to_detect".into(), embeddings.iter().filter(|e| e.is_none()).count().into());
    report.insert("images".into(), paths.len().into());
    report.insert("all_pairs".into(), of_all_pairs(&paths, &embeddings, &calibration));
    Ok(Value::Object(report))
}

fn read_pairs(path: &Path) -> anyhow::Result<Vec<Pair>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("a row of {} is wrong", path.display()))
}

/// The embedding of the face nearest the middle of the picture, which is the one that LFW names.
fn embed(engine: &mut Engine, path: &Path) -> anyhow::Result<Option<Embedding>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = engine.decode(&bytes).with_context(|| format!("cannot decode {}", path.display()))?;
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let Some(face) = faces.iter().min_by(|a, b| from_middle(&image, a).total_cmp(&from_middle(&image, b))) else {
        return Ok(None);
    };
    let landmarks = engine.landmarks(&image, face)?;
    let embedding = engine.embed(&image, face, &landmarks)?;
    engine.recycle(image);
    Ok(Some(embedding))
}

fn from_middle(image: &Image, face: &vultus_vision::Face) -> f32 {
    let center = face.rect.center();
    (center.x - image.width() as f32 / 2.0).hypot(center.y - image.height() as f32 / 2.0)
}

fn cosine(a: Option<&Embedding>, b: Option<&Embedding>) -> f32 {
    a.zip(b).map_or(-1.0, |(a, b)| a.cosine(b))
}

/// Figures on the labelled pairs.
fn of_pairs(trials: &[Trial], folds: &[u32], calibration: &Calibration) -> Map<String, Value> {
    let scores = |same| trials.iter().filter(|t| t.same == same).map(|t| t.score).collect::<Vec<f32>>();
    let (genuine, mut impostors) = (scores(true), scores(false));
    let (mean, deviation) = cross_validated(trials, folds);
    let (at_0_4, at_0_5) = (calibration.cosine(0.4), calibration.cosine(0.5));
    let mut report = Map::new();
    report.insert("pairs".into(), trials.len().into());
    report.insert("accuracy".into(), mean.into());
    report.insert("accuracy_std".into(), deviation.into());
    report.insert("best_cosine".into(), best_threshold(trials).into());
    report.insert("accuracy_at_0_4".into(), accuracy(trials, at_0_4).into());
    report.insert("accuracy_at_0_5".into(), accuracy(trials, at_0_5).into());
    report.insert("fmr_at_0_4".into(), accepted(&impostors, at_0_4).into());
    report.insert("fmr_at_0_5".into(), accepted(&impostors, at_0_5).into());
    report.insert("tar_at_fmr".into(), true_match_rates(&genuine, &mut impostors, &FALSE_MATCH_RATES));
    report
}

/// The share of same-person scores accepted, for each rate of accepted impostors.
fn true_match_rates(genuine: &[f32], impostors: &mut [f32], rates: &[(&str, f64)]) -> Value {
    let rates = rates.iter().map(|&(name, rate)| {
        let threshold = threshold_at_fmr(impostors, rate);
        (name.to_owned(), accepted(genuine, threshold).into())
    });
    Value::Object(rates.collect())
}

/// The same on every pair that the pictures allow, taking the folder of a picture for the person: millions of impostor
/// pairs, so that rates below one in thousands can be measured.
fn of_all_pairs(paths: &[&str], embeddings: &[Option<Embedding>], calibration: &Calibration) -> Value {
    let faces: Vec<(&Path, &Embedding)> = paths
        .iter()
        .zip(embeddings)
        .filter_map(|(path, embedding)| Some((Path::new(path).parent()?, embedding.as_ref()?)))
        .collect();
    let (mut genuine, mut impostors) = (Vec::new(), Vec::new());
    for (at, (person, face)) in faces.iter().enumerate() {
        for (other_person, other) in &faces[at + 1..] {
            let scores = if person == other_person { &mut genuine } else { &mut impostors };
            scores.push(dot(face.as_slice(), other.as_slice()));
        }
    }
    let rates = [("1e-2", 1e-2), ("1e-3", 1e-3), ("1e-4", 1e-4), ("1e-5", 1e-5), ("1e-6", 1e-6)];
    let cosines = rates.map(|(name, rate)| (name.to_owned(), threshold_at_fmr(&mut impostors, rate).into()));
    let fmr = [0.3, 0.4, 0.5, 0.6]
        .map(|score: f32| (format!("{score}"), json!(accepted(&impostors, calibration.cosine(score)))));
    let tar = [0.3, 0.4, 0.5, 0.6]
        .map(|score: f32| (format!("{score}"), json!(accepted(&genuine, calibration.cosine(score)))));
    json!({
        "same": genuine.len(),
        "different": impostors.len(),
        "fmr_at_score": Map::from_iter(fmr),
        "tar_at_score": Map::from_iter(tar),
        "tar_at_fmr": true_match_rates(&genuine, &mut impostors, &rates),
        "cosine_at_fmr": Map::from_iter(cosines),
    })
}
