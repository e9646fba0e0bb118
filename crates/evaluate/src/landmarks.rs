//! Error of the 68 landmarks.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use vultus_vision::{DetectSize, Engine, Face, Point, Rect};

use crate::metrics::mean;
use crate::read_json;
use crate::workers::Workers;

#[derive(Debug, Deserialize)]
struct Annotation {
    image: String,
    points: Vec<[f32; 2]>,
    /// How the points were made: "manual (...)", "3d-fit (...)", "auto (...)".
    gt: String,
}

/// Outer corners of the eyes, whose distance is the unit of the error (Sagonas et al. 2013, 300-W).
const OUTER_EYES: [usize; 2] = [36, 45];

/// Measures on `landmarks68.json` in `folder`: the normalised mean error of the detected faces for each kind of
/// annotation, and the faces that were not found.
pub fn run(workers: &Workers, folder: &Path) -> anyhow::Result<Value> {
    let annotations: Vec<Annotation> = serde_json::from_value(read_json(&folder.join("landmarks68.json"))?)
        .context("landmarks68.json must be a list of {image, points, gt}")?;
    let errors = workers.map(&annotations, |engine, annotation| normalised_error(engine, folder, annotation))?;
    let mut by_kind: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
    for (annotation, error) in annotations.iter().zip(errors) {
        let kind = annotation.gt.split(' ').next().unwrap_or_default();
        by_kind.entry(kind).or_default().push(error);
    }
    let figures = by_kind.iter().map(|(kind, errors)| {
        let found: Vec<f64> = errors.iter().copied().flatten().collect();
        let missed = errors.len() - found.len();
        (kind.to_string(), json!({ "faces": errors.len(), "failures_to_detect": missed, "nme": mean(&found) }))
    });
    Ok(Value::Object(figures.collect()))
}

/// Mean distance of the 68 points in units of the outer eye distance; `None` when the face is not found or the picture
/// has a format that the server does not accept.
fn normalised_error(engine: &mut Engine, folder: &Path, annotation: &Annotation) -> anyhow::Result<Option<f64>> {
    let path = folder.join(&annotation.image);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Ok(image) = engine.decode(&bytes) else { return Ok(None) };
    let truth: Vec<Point> = annotation.points.iter().map(|&[x, y]| Point::new(x, y)).collect();
    anyhow::ensure!(truth.len() == 68, "{} has {} points, not 68", annotation.image, truth.len());
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let Some(face) = best_overlap(&faces, &Rect::around(&truth)) else { return Ok(None) };
    let located = engine.landmarks(&image, face)?;
    let unit = truth[OUTER_EYES[0]].distance(truth[OUTER_EYES[1]]);
    let distance: f32 = located.0.iter().zip(&truth).map(|(a, b)| a.distance(*b)).sum::<f32>() / 68.0;
    Ok(Some(f64::from(distance / unit)))
}

/// The face whose box overlaps `rect` most, if one does so by an IoU of 0.2.
pub fn best_overlap<'f>(faces: &'f [Face], rect: &Rect) -> Option<&'f Face> {
    let best = faces.iter().max_by(|a, b| a.rect.iou(rect).total_cmp(&b.rect.iou(rect)))?;
    (best.rect.iou(rect) >= 0.2).then_some(best)
}
