//! Whole documents: the machine readable zone and all printed lines in one reading, and what that costs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vultus_vision::document::Reader;
use vultus_vision::models::Models;
use vultus_vision::{Decoder, Limits};

use super::metrics::ratio;
use super::mrz::{decode, today, truths};

/// Measures on the pictures that `mrz_truth.json` in `folder` names. One thread, since the time of a document is a
/// result.
pub fn run(models: &Models, limits: Limits, folder: &Path) -> anyhow::Result<Value> {
    let truths = truths(folder)?;
    let mut reader = Reader::load(models)?;
    let mut decoder = Decoder::new(limits);
    let today = today()?;
    let (mut exact, mut lines, mut confidence) = (0, 0, 0.0);
    let mut times: Vec<Duration> = Vec::with_capacity(truths.len());
    for truth in &truths {
        let image = decode(&mut decoder, &folder.join(&truth.file))?;
        let start = Instant::now();
        let document = reader.read(&image, today)?;
        times.push(start.elapsed());
        exact += usize::from(document.zone.is_some_and(|zone| zone.mrz.lines == truth.lines));
        lines += document.lines.len();
        confidence += document.lines.iter().map(|line| f64::from(line.confidence)).sum::<f64>();
    }
    let total: Duration = times.iter().sum();
    Ok(json!({
        "documents": truths.len(),
        "documents_exact": exact,
        "lines_per_document": ratio(lines, truths.len()),
        "mean_confidence": confidence / lines.max(1) as f64,
        "ms_per_document": total.as_secs_f64() * 1e3 / truths.len().max(1) as f64,
        "ms_slowest": times.iter().max().copied().unwrap_or_default().as_secs_f64() * 1e3,
    }))
}
