//! Two-dimensional barcodes: symbols decoded, and the payloads of driving licences parsed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use vultus_vision::document::aamva;
use vultus_vision::document::barcode::{self, Symbology};
use vultus_vision::{Decoder, Limits};

use crate::metrics::ratio;
use crate::mrz::decode;

/// A picture and the text that was read from it.
struct Decoded {
    path: PathBuf,
    text: Option<String>,
    time: Duration,
}

/// Measures on the pictures of symbols in `folder`, each with its text in a file of the same name that ends in `.txt`.
/// `parsed` counts the texts that are as in that file.
pub fn pdf417(limits: Limits, folder: &Path) -> anyhow::Result<Value> {
    let decoded = decode_all(limits, folder)?;
    let (mut compared, mut same) = (0, 0);
    for picture in &decoded {
        let Some(expected) = expected(&picture.path)? else { continue };
        compared += 1;
        same += usize::from(picture.text.as_deref().is_some_and(|text| text.trim() == expected.trim()));
    }
    let mut report = summary(&decoded);
    report["with_text"] = compared.into();
    report["parsed"] = same.into();
    Ok(report)
}

/// Measures on `*.png` (clean renderings) and `*_photo.jpg` in `folder`; every `*.aamva.txt` is parsed as well.
pub fn aamva(limits: Limits, folder: &Path) -> anyhow::Result<Value> {
    let (photos, clean): (Vec<Decoded>, Vec<Decoded>) =
        decode_all(limits, folder)?.into_iter().partition(|picture| name(&picture.path).contains("_photo."));
    let payloads = files(folder, |name| name.ends_with(".aamva.txt"))?;
    let mut parsed = 0;
    for path in &payloads {
        parsed += usize::from(aamva::parse(&read_text(path)?).is_ok());
    }
    let of = |pictures: &[Decoded]| {
        let mut report = summary(pictures);
        let texts = pictures.iter().filter_map(|picture| picture.text.as_deref());
        report["parsed"] = texts.filter(|text| aamva::parse(text).is_ok()).count().into();
        report
    };
    let (photos, clean) = (of(&photos), of(&clean));
    let sum = |key: &str| photos[key].as_u64().unwrap_or(0) + clean[key].as_u64().unwrap_or(0);
    Ok(json!({
        "images": sum("images"),
        "decoded": sum("decoded"),
        "parsed": sum("parsed"),
        "payloads": { "payloads": payloads.len(), "parsed": parsed },
        "clean": clean,
        "photos": photos,
    }))
}

fn decode_all(limits: Limits, folder: &Path) -> anyhow::Result<Vec<Decoded>> {
    let pictures = files(folder, |name| Path::new(name).extension().is_some_and(|e| e == "png" || e == "jpg"))?;
    if pictures.is_empty() {
        bail!("no pictures in {}: give the folder that holds them with --data", folder.display());
    }
    let mut decoder = Decoder::new(limits);
    let read = |path: PathBuf| {
        let image = decode(&mut decoder, &path)?;
        let start = Instant::now();
        let text = barcode::read(&image, Symbology::Pdf417);
        Ok(Decoded { path, text, time: start.elapsed() })
    };
    pictures.into_iter().map(read).collect()
}

fn summary(decoded: &[Decoded]) -> Value {
    let found = decoded.iter().filter(|picture| picture.text.is_some()).count();
    let missed = decoded.iter().filter(|picture| picture.text.is_none()).map(|picture| name(&picture.path));
    let time: Duration = decoded.iter().map(|picture| picture.time).sum();
    let slowest = decoded.iter().map(|picture| picture.time).max().unwrap_or_default();
    json!({
        "images": decoded.len(),
        "decoded": found,
        "decode_rate": ratio(found, decoded.len()),
        "ms_per_image": time.as_secs_f64() * 1e3 / decoded.len().max(1) as f64,
        "ms_slowest": slowest.as_secs_f64() * 1e3,
        "missed": missed.collect::<Vec<_>>(),
    })
}

/// The text of the file beside a picture: UTF-8, else one character a byte.
fn expected(picture: &Path) -> anyhow::Result<Option<String>> {
    let path = picture.with_extension("txt");
    if path.is_file() { read_text(&path).map(Some) } else { Ok(None) }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().map(|&b| char::from(b)).collect()))
}

/// The files of a folder whose name is wanted, in the order of their names.
fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(|path| wanted(&name(path))).collect();
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
