//! Faces found and faces invented, by the size of the face.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vultus_vision::{DetectSize, Engine, Face, Rect};

use crate::metrics::ratio;
use crate::read_json;
use crate::workers::Workers;

#[derive(Debug, Deserialize)]
struct Annotation {
    image: String,
    /// x1, y1, x2, y2, kind.
    faces: Vec<(f32, f32, f32, f32, String)>,
}

/// A box counts as found from this overlap on: annotations of masked faces differ that much among themselves.
const MIN_IOU: f32 = 0.4;

/// Upper bounds of the size classes: longer side of the annotated box in pixels.
const SIZES: [(f32, &str); 4] =
    [(16.0, "under_16"), (32.0, "16_to_31"), (64.0, "32_to_63"), (f32::INFINITY, "from_64")];

/// What one picture adds to the counts.
#[derive(Default)]
struct Counts {
    /// By size class: annotated and found.
    found: BTreeMap<&'static str, (usize, usize)>,
    false_positives: usize,
}

/// Measures on `boxes.json` in `folder`, at the standard input size and at the one for small faces.
pub fn run(workers: &Workers, folder: &Path) -> anyhow::Result<Value> {
    let annotations: Vec<Annotation> = serde_json::from_value(read_json(&folder.join("boxes.json"))?)
        .context("boxes.json must be a list of {image, faces: [[x1, y1, x2, y2, kind]]}")?;
    let mut report = Map::new();
    for (name, size) in [("standard", DetectSize::Standard), ("small_faces", DetectSize::Small)] {
        let counts = workers.map(&annotations, |engine, annotation| count(engine, folder, annotation, size))?;
        report.insert(name.into(), summary(&counts));
    }
    report.insert("images".into(), annotations.len().into());
    report.insert("min_iou".into(), MIN_IOU.into());
    Ok(Value::Object(report))
}

fn summary(counts: &[Counts]) -> Value {
    let mut by_size = Map::new();
    let (mut all, mut all_found) = (0, 0);
    for (_, name) in SIZES {
        let of_size = counts.iter().filter_map(|c| c.found.get(name));
        let (total, found) = of_size.fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        by_size.insert(name.into(), json!({ "faces": total, "recall": ratio(found, total) }));
        (all, all_found) = (all + total, all_found + found);
    }
    let false_positives: usize = counts.iter().map(|c| c.false_positives).sum();
    json!({
        "faces": all,
        "recall": ratio(all_found, all),
        "precision": ratio(all_found, all_found + false_positives),
        "by_size": by_size,
    })
}

fn count(engine: &mut Engine, folder: &Path, annotation: &Annotation, size: DetectSize) -> anyhow::Result<Counts> {
    let path = folder.join(&annotation.image);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = engine.decode(&bytes).with_context(|| format!("cannot decode {}", path.display()))?;
    let faces = engine.detect(&image, size)?;
    let truth: Vec<Rect> = annotation.faces.iter().map(|(x1, y1, x2, y2, _)| Rect::new(*x1, *y1, *x2, *y2)).collect();
    Ok(compare(faces, &truth))
}

/// Gives each annotated box the best overlapping detection that is still free, most confident detections first.
fn compare(mut faces: Vec<Face>, truth: &[Rect]) -> Counts {
    faces.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut counts = Counts::default();
    let mut taken = vec![false; truth.len()];
    for face in &faces {
        let free = (0..truth.len()).filter(|&i| !taken[i]);
        let best = free.max_by(|&a, &b| truth[a].iou(&face.rect).total_cmp(&truth[b].iou(&face.rect)));
        match best.filter(|&i| truth[i].iou(&face.rect) >= MIN_IOU) {
            Some(i) => taken[i] = true,
            None => counts.false_positives += 1,
        }
    }
    for (rect, found) in truth.iter().zip(taken) {
        let longer = rect.width().max(rect.height());
        let (_, class) = SIZES.iter().find(|(bound, _)| longer < *bound).unwrap_or(&SIZES[SIZES.len() - 1]);
        let entry = counts.found.entry(class).or_default();
        *entry = (entry.0 + 1, entry.1 + usize::from(found));
    }
    counts
}
