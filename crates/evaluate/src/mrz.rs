//! Machine readable zones: read from pictures, and parsed from text.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vultus_vision::document::date::Date;
use vultus_vision::document::mrz::{self, Checked};
use vultus_vision::document::{Reader, Zone};
use vultus_vision::models::Models;
use vultus_vision::{Decoder, Image, Limits};

use crate::metrics::ratio;
use crate::read_json;

/// A picture and the lines of its zone.
#[derive(Debug, Deserialize)]
pub struct Truth {
    pub file: String,
    pub lines: Vec<String>,
}

/// Lines with their annotation: the type, and for each check digit whether the character at its place is right.
#[derive(Debug, Deserialize)]
struct Annotated {
    lines: Vec<String>,
    check: Map<String, Value>,
}

/// What one picture adds to the report.
struct Reading {
    exact: bool,
    /// Wrong, but every check digit holds.
    false_valid: bool,
    corrected: bool,
    lines_exact: usize,
    characters_right: usize,
    time: Duration,
}

/// Measures on `mrz_truth.json` in `folder`, and on `mrz_text.json` where there is one. One thread, since the time of a
/// document is a result.
pub fn run(models: &Models, limits: Limits, folder: &Path) -> anyhow::Result<Value> {
    let truths = truths(folder)?;
    let mut reader = Reader::load(models)?;
    let mut decoder = Decoder::new(limits);
    let today = today()?;
    let mut readings = Vec::with_capacity(truths.len());
    for truth in &truths {
        let image = decode(&mut decoder, &folder.join(&truth.file))?;
        let start = Instant::now();
        let zone = reader.mrz(&image, today)?;
        readings.push(compare(truth, zone.as_ref(), start.elapsed()));
    }
    let mut report = summary(&truths, &readings);
    let texts = folder.join("mrz_text.json");
    if texts.is_file() {
        report["texts"] = parse_texts(&texts, today)?;
    }
    Ok(report)
}

/// The annotations of `mrz_truth.json`.
pub fn truths(folder: &Path) -> anyhow::Result<Vec<Truth>> {
    serde_json::from_value(read_json(&folder.join("mrz_truth.json"))?)
        .context("mrz_truth.json must be a list of {file, lines}")
}

/// Today, UTC.
pub fn today() -> anyhow::Result<Date> {
    let today = time::OffsetDateTime::now_utc().date();
    Date::new(u16::try_from(today.year())?, today.month().into(), today.day()).context("the clock is not set")
}

/// Reads and decodes a picture.
pub fn decode(decoder: &mut Decoder, path: &Path) -> anyhow::Result<Image> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    decoder.decode(&bytes).with_context(|| format!("cannot decode {}", path.display()))
}

fn compare(truth: &Truth, zone: Option<&Zone>, time: Duration) -> Reading {
    let read: &[String] = zone.map_or(&[], |zone| &zone.mrz.lines);
    let exact = read == truth.lines;
    let pairs = || truth.lines.iter().zip(read);
    let same = |(a, b): (&String, &String)| a.bytes().zip(b.bytes()).filter(|(a, b)| a == b).count();
    Reading {
        exact,
        false_valid: !exact && zone.is_some_and(|zone| zone.mrz.all_hold()),
        corrected: zone.is_some_and(|zone| !zone.mrz.corrections.is_empty()),
        lines_exact: pairs().filter(|(a, b)| a == b).count(),
        characters_right: pairs().map(same).sum(),
        time,
    }
}

fn summary(truths: &[Truth], readings: &[Reading]) -> Value {
    let lines: usize = truths.iter().map(|truth| truth.lines.len()).sum();
    let characters: usize = truths.iter().flat_map(|truth| &truth.lines).map(String::len).sum();
    let count = |holds: fn(&Reading) -> bool| readings.iter().filter(|reading| holds(reading)).count();
    let missed = truths.iter().zip(readings).filter(|(_, reading)| !reading.exact).map(|(truth, _)| &truth.file);
    let time: Duration = readings.iter().map(|reading| reading.time).sum();
    let slowest = readings.iter().map(|reading| reading.time).max().unwrap_or_default();
    json!({
        "documents": truths.len(),
        "documents_exact": count(|reading| reading.exact),
        "false_valid": count(|reading| reading.false_valid),
        "corrected": count(|reading| reading.corrected),
        "lines_exact": ratio(readings.iter().map(|reading| reading.lines_exact).sum(), lines),
        "characters_right": ratio(readings.iter().map(|reading| reading.characters_right).sum(), characters),
        "ms_per_document": time.as_secs_f64() * 1e3 / truths.len().max(1) as f64,
        "ms_slowest": slowest.as_secs_f64() * 1e3,
        "not_exact": missed.collect::<Vec<_>>(),
    })
}

fn parse_texts(path: &Path, today: Date) -> anyhow::Result<Value> {
    let texts: Vec<Annotated> =
        serde_json::from_value(read_json(path)?).context("mrz_text.json must be a list of {lines, check}")?;
    let as_annotated = texts.iter().filter(|text| holds_as_annotated(text, today)).count();
    Ok(json!({ "texts": texts.len(), "as_annotated": as_annotated }))
}

/// Whether the type and all check digits are as annotated. The annotations look at the character in the digit's own
/// place. So for a number that continues in the optional data, the digit counts as failed there.
fn holds_as_annotated(text: &Annotated, today: Date) -> bool {
    let Ok(mrz) = mrz::parse(&text.lines, today) else { return false };
    let digit = |(name, holds): (&String, &Value)| {
        let of = match name.as_str() {
            "type" => return holds == mrz.format.name(),
            "document" => Checked::Number,
            "birth" => Checked::Birth,
            "expiry" => Checked::Expiry,
            "optional" => Checked::Optional,
            "composite" => Checked::Composite,
            _ => return true,
        };
        let check = mrz.checks.iter().find(|check| check.of == of);
        check.is_some_and(|check| Some(check.holds && !check.continued) == holds.as_bool())
    };
    text.check.iter().all(digit)
}
