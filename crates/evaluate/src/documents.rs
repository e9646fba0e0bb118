//! Whole documents: finds the document, reads its machine readable zone and all printed lines in one pass, compares the
//! printed fields with the annotated zone, and measures the time.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vultus_vision::document::date::Date;
use vultus_vision::document::fields::{Field, Kind, Sources};
use vultus_vision::document::{Document, Reader, Zone, mrz};
use vultus_vision::models::Models;
use vultus_vision::{Decoder, Limits};

use crate::metrics::ratio;
use crate::mrz::{Truth, decode, today, truths};

/// Fields that both a zone and the print of most documents have.
const COMPARED: [Kind; 5] = [Kind::Surname, Kind::GivenNames, Kind::Number, Kind::Birth, Kind::Expiry];

/// Sums over the documents.
#[derive(Default)]
struct Sums {
    exact: usize,
    found: usize,
    lines: usize,
    confidence: f64,
    fields_read: usize,
    fields_right: usize,
    fields_agree: usize,
}

/// Measures on the pictures that `mrz_truth.json` in `folder` names. Uses one thread, because the time of a document is a
/// result.
pub fn run(models: &Models, limits: Limits, folder: &Path) -> anyhow::Result<Value> {
    let truths = truths(folder)?;
    let mut reader = Reader::load(models)?;
    let mut decoder = Decoder::new(limits);
    let today = today()?;
    let mut sums = Sums::default();
    let mut times: Vec<Duration> = Vec::with_capacity(truths.len());
    for truth in &truths {
        let image = decode(&mut decoder, &folder.join(&truth.file))?;
        let start = Instant::now();
        let document = reader.read(&image, today)?;
        times.push(start.elapsed());
        sums.add(&document, truth, today);
    }
    let total: Duration = times.iter().sum();
    Ok(json!({
        "documents": truths.len(),
        "documents_exact": sums.exact,
        "corners_found": sums.found,
        "lines_per_document": ratio(sums.lines, truths.len()),
        "mean_confidence": sums.confidence / sums.lines.max(1) as f64,
        // Of the print alone, by labels and layout; an annotated zone says what is right.
        "printed_fields": { "read": sums.fields_read, "right": sums.fields_right },
        // Fields of the zone that were confirmed by the print.
        "confirmed_fields": { "fields": COMPARED.len() * truths.len(), "confirmed": sums.fields_agree },
        "ms_per_document": total.as_secs_f64() * 1e3 / truths.len().max(1) as f64,
        "ms_slowest": times.iter().max().copied().unwrap_or_default().as_secs_f64() * 1e3,
    }))
}

impl Sums {
    fn add(&mut self, document: &Document, truth: &Truth, today: Date) {
        self.exact += usize::from(document.zone.as_ref().is_some_and(|zone| zone.mrz.lines == truth.lines));
        self.found += usize::from(document.corners.is_some());
        self.lines += document.lines.len();
        self.confidence += document.lines.iter().map(|line| f64::from(line.confidence)).sum::<f64>();
        let Ok(mrz) = mrz::parse(&truth.lines, today) else { return };
        let zone = Zone { mrz, lines: Vec::new(), score: 0.0 };
        let lines = &document.lines;
        let printed = Sources { lines, ..Sources::default() }.fields(today);
        let both = Sources { zone: Some(&zone), lines, ..Sources::default() }.fields(today);
        let truth = Sources { zone: Some(&zone), ..Sources::default() }.fields(today);
        for kind in COMPARED {
            let of = |fields: &[Field]| fields.iter().find(|field| field.kind == kind).cloned();
            if let (Some(read), Some(right)) = (of(&printed), of(&truth)) {
                self.fields_read += 1;
                self.fields_right += usize::from(letters(&read.value) == letters(&right.value));
            }
            self.fields_agree += usize::from(of(&both).is_some_and(|field| field.agreement == Some(true)));
        }
    }
}

/// Letters and digits in capitals: what a zone keeps of a value.
fn letters(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}
