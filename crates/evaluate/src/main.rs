//! `vultus-evaluate`: accuracy on labelled data, measured with the engine calls that the server makes.

mod barcodes;
mod detection;
mod documents;
mod identification;
mod landmarks;
mod metrics;
mod mrz;
mod options;
mod pad;
mod sanctions;
mod verification;
mod workers;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use serde_json::Value;
use vultus_vision::models::Models;

use self::options::Options;
use self::workers::Workers;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Task {
    /// Verification, same person or not: `pairs.csv` (path1,path2,same,fold) and its pictures, as of LFW.
    Verification,
    /// Error of the 68 landmarks: `landmarks68.json` and its pictures.
    Landmarks,
    /// Faces found, by their size: `boxes.json` and its pictures.
    Detection,
    /// Identification, who or nobody: `identities.csv` (path,identity) and its pictures; part of the people is enrolled.
    Identification,
    /// Presentation attacks: `labels.csv` (path,label,attack,source,box) and its pictures.
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

/// Measures accuracy on labelled data with the engine calls that the vultus server makes.
#[derive(Debug, Parser)]
#[command(name = "vultus-evaluate", version, arg_required_else_help = true)]
struct Args {
    /// What to measure.
    task: Task,
    /// Folder with the labelled pictures, or one that has a folder of the data set's usual name (lfw, landmarks68,
    /// detection, wild, pad, sanctions, documents, pdf417, aamva).
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder with the sanctions lists as their publishers provide them [default: the folder of the data].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; nothing else is written to standard output.
fn run(args: &Args) -> anyhow::Result<()> {
    let params = args.options.params();
    let limits = params.limits;
    let folder = |name, labels| folder(&args.data, name, labels);
    let models = || Models::open(&args.options.models_dir);
    let workers =
        || -> anyhow::Result<Workers> { Ok(Workers { models: models()?, params, threads: args.options.threads() }) };
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
    let text = if args.json { serde_json::to_string_pretty(&report)? } else { table(&report, 0) };
    Ok(writeln!(io::stdout().lock(), "{text}")?)
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
