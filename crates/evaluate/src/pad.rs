//! Presentation attack detection, in the words of ISO/IEC 30107-3: APCER is the share of attacks taken for live faces,
//! BPCER the share of live faces taken for attacks, ACER the mean of the two.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vultus_vision::{DetectSize, Engine, Rect};

use crate::landmarks::best_overlap;
use crate::metrics::ratio;
use crate::workers::Workers;

#[derive(Debug, Deserialize)]
struct Row {
    path: String,
    /// "live" or "spoof".
    label: String,
    source: String,
    /// The box of the face, "x y width height". Empty for the largest face.
    #[serde(rename = "box")]
    rect: String,
}

impl Row {
    fn live(&self) -> bool {
        self.label == "live"
    }

    fn rect(&self) -> anyhow::Result<Option<Rect>> {
        let numbers = self.rect.split_whitespace().map(str::parse).collect::<Result<Vec<f32>, _>>();
        match numbers.with_context(|| format!("the box of {} is not four numbers", self.path))?.as_slice() {
            [] => Ok(None),
            &[x, y, width, height] => Ok(Some(Rect::new(x, y, x + width, y + height))),
            _ => anyhow::bail!("the box of {} is not four numbers", self.path),
        }
    }
}

/// The served threshold: a face is called real from this probability on.
const THRESHOLD: f32 = 0.5;

/// Measures on `labels.csv` in `folder`. A picture without a detected face is neither an accepted attack nor a refused live
/// face. It is counted separately.
pub fn run(workers: &Workers, folder: &Path) -> anyhow::Result<Value> {
    let path = folder.join("labels.csv");
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().context("a row of labels.csv is wrong")?;
    let scores = workers.map(&rows, |engine, row| judge(engine, folder, row))?;
    let judged: Vec<(&Row, Option<f32>)> = rows.iter().zip(scores).collect();
    let mut by_source: BTreeMap<&str, Vec<(&Row, Option<f32>)>> = BTreeMap::new();
    for entry in &judged {
        by_source.entry(&entry.0.source).or_default().push(*entry);
    }
    let by_source: Map<String, Value> = by_source.iter().map(|(name, rows)| (name.to_string(), rates(rows))).collect();
    let mut report = rates(&judged);
    report["auc"] = auc(&judged).into();
    report["threshold"] = THRESHOLD.into();
    report["by_source"] = by_source.into();
    Ok(report)
}

fn judge(engine: &mut Engine, folder: &Path, row: &Row) -> anyhow::Result<Option<f32>> {
    let path = folder.join(&row.path);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = engine.decode(&bytes).with_context(|| format!("cannot decode {}", path.display()))?;
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let face = match row.rect()? {
        Some(rect) => best_overlap(&faces, &rect),
        None => faces.first(),
    };
    face.map(|face| Ok(engine.liveness(&image, face)?.real)).transpose()
}

fn rates(rows: &[(&Row, Option<f32>)]) -> Value {
    let scores = |live| rows.iter().filter(move |(row, _)| row.live() == live).filter_map(|(_, score)| *score);
    let (attacks, lives) = (scores(false).count(), scores(true).count());
    let missed_attacks = scores(false).filter(|&real| real >= THRESHOLD).count();
    let refused_lives = scores(true).filter(|&real| real < THRESHOLD).count();
    let (apcer, bpcer) = (ratio(missed_attacks, attacks), ratio(refused_lives, lives));
    json!({
        "live": lives,
        "attacks": attacks,
        "failures_to_detect": rows.len() - lives - attacks,
        "apcer": apcer,
        "bpcer": bpcer,
        "acer": f64::midpoint(apcer, bpcer),
    })
}

/// Probability that a live face scores higher than an attack.
fn auc(rows: &[(&Row, Option<f32>)]) -> f64 {
    let scores = |live| rows.iter().filter(move |(row, _)| row.live() == live).filter_map(|(_, score)| *score);
    let attacks: Vec<f32> = scores(false).collect();
    let lives: Vec<f32> = scores(true).collect();
    let wins: usize = lives.iter().map(|live| attacks.iter().filter(|&attack| live > attack).count()).sum();
    ratio(wins, lives.len() * attacks.len())
}
