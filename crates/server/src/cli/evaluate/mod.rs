//! `vultus evaluate`: accuracy on labelled data, measured with the engine calls that the server makes.

mod barcodes;
mod detection;
mod documents;
mod identification;
mod landmarks;
mod metrics;
mod mrz;
mod pad;
mod sanctions;
mod verification;
mod workers;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;
use vultus_vision::models::Models;

use self::workers::Workers;
use super::models::Dir;
use super::print;
use crate::config;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Same person or not: `pairs.csv` (path1,path2,same,fold) and its pictures, as of LFW.
    Verification,
    /// Error of the 68 landmarks: `landmarks68.json` and its pictures.
    Landmarks,
    /// Faces found, by their size: `boxes.json` and its pictures.
    Detection,
    /// Who, or nobody: `identities.csv` (path,identity) and its pictures; part of the people is enrolled.
    Identification,
    /// Presentation attacks told from live faces: `labels.csv` (path,label,attack,source,box) and its pictures.
    Pad,
    /// Names against sanctions lists: `name_pairs.csv`, `un_queries_positive.csv`, `negatives.csv` and the lists.
    Sanctions,
    /// Machine readable zones: `mrz_truth.json` and its pictures, `mrz_text.json`.
    Mrz,
    /// PDF417 symbols on photos: pictures with their texts.
    Pdf417,
    /// Barcodes of driving licences: pictures and `*.aamva.txt`.
    Aamva,
    /// Zone and printed lines of documents: `mrz_truth.json` and its pictures.
    Documents,
}

/// Arguments of `vultus evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure.
    pub task: Task,
    /// Folder with the labelled pictures, or one that has a folder of the data set's usual name (lfw, landmarks68,
    /// detection, wild, pad, sanctions, documents, pdf417, aamva).
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder with the sanctions lists as their publishers hand them out [default: the folder of the data].
    #[arg(long, value_name = "DIR")]
    pub lists: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    models: Dir,
    #[command(flatten)]
    engine: config::Engine,
    #[command(flatten)]
    images: config::Images,
    #[command(flatten)]
    vision: config::Vision,
}

/// Measures and prints; nothing else is written to standard output.
///
/// # Errors
/// When the data or the models are absent or unreadable; the message names the file.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let limits = args.images.limits();
    let folder = |name, labels| folder(&args.data, name, labels);
    let models = || Models::open(&args.models.path());
    let workers = || -> anyhow::Result<Workers> {
        Ok(Workers { models: models()?, params: args.vision.params(limits), threads: args.engine.threads() })
    };
    let report = match args.task {
        Task::Verification => verification::run(&workers()?, &folder("lfw", "pairs.csv")?)?,
        Task::Landmarks => landmarks::run(&workers()?, &folder("landmarks68", "landmarks68.json")?)?,
        Task::Detection => detection::run(&workers()?, &folder("detection", "boxes.json")?)?,
        Task::Identification => identification::run(&workers()?, &folder("wild", "identities.csv")?)?,
        Task::Pad => pad::run(&workers()?, &folder("pad", "labels.csv")?)?,
        Task::Sanctions => {
            let folder = folder("sanctions", "name_pairs.csv")?;
            sanctions::run(&folder, args.lists.as_deref().unwrap_or(&folder))?
        }
        Task::Mrz => mrz::run(&models()?, limits, &folder("documents", "mrz_truth.json")?)?,
        Task::Documents => documents::run(&models()?, limits, &folder("documents", "mrz_truth.json")?)?,
        Task::Pdf417 => barcodes::pdf417(limits, &inner(&args.data, "pdf417"))?,
        Task::Aamva => barcodes::aamva(limits, &inner(&args.data, "aamva"))?,
    };
    if args.json { print(&serde_json::to_string_pretty(&report)?) } else { print(&table(&report, 0)) }
}

/// The folder that holds `labels`: `data` itself or the folder `name` in it.
fn folder(data: &Path, name: &str, labels: &str) -> anyhow::Result<PathBuf> {
    let inner = data.join(name);
    for candidate in [data, inner.as_path()] {
        if candidate.join(labels).is_file() {
            return Ok(candidate.to_owned());
        }
    }
    bail!("no {labels} in {} or {}: give the folder that holds it with --data", data.display(), inner.display())
}

/// The folder `name` in `data` if there is one, else `data` itself.
fn inner(data: &Path, name: &str) -> PathBuf {
    let inner = data.join(name);
    if inner.is_dir() { inner } else { data.to_owned() }
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// The report as indented lines of name and value.
fn table(report: &Value, indent: usize) -> String {
    let rows = report.as_object().into_iter().flatten().map(|(name, value)| {
        if value.is_object() {
            format!("{:indent$}{name}\n{}", "", table(value, indent + 2))
        } else {
            format!("{:indent$}{name:<width$}{value}", "", width = 30 - indent.min(28))
        }
    });
    rows.collect::<Vec<_>>().join("\n")
}
