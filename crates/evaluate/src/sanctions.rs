//! Sanctions screening: compares pairs of names, searches listed people, and counts people on no list who are flagged.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use csv::StringRecord;
use serde_json::{Value, json};
use vultus_screening::lists::{self, File, List, Source};
use vultus_screening::{Answer, BirthDate, Country, Facts, Gender, Kind, Query, Screener, THRESHOLD};

use crate::metrics::{mean, ratio};

/// A pair of names: its score, and whether they mean the same.
struct Pair {
    score: f32,
    same: bool,
}

/// Hits among which the first one of a list is searched.
const HITS: usize = 20;
/// Runs of each query. The fastest counts.
const RUNS: usize = 3;

/// Measures on `name_pairs.csv`, `un_queries_positive.csv` and `negatives.csv` in `folder`, with the lists in `lists_folder`.
pub fn run(folder: &Path, lists_folder: &Path) -> anyhow::Result<Value> {
    let lists = lists(lists_folder)?;
    let versions: Vec<_> = lists.iter().map(|list| list.version.clone()).collect();
    let screener = Screener::new(lists);
    let pairs = pairs(&screener, &rows(folder, "name_pairs.csv")?);
    let best = best_threshold(pairs.iter());
    let mut times_ms = Vec::new();
    let listed = rows(folder, "un_queries_positive.csv")?;
    let unlisted = rows(folder, "negatives.csv")?;
    let found = listed_first(&screener, &listed, true, &mut times_ms)?;
    let found_by_name = listed_first(&screener, &listed, false, &mut Vec::new())?;
    let flagged = flagged(&screener, &unlisted, true, &mut times_ms)?;
    let flagged_by_name = self::flagged(&screener, &unlisted, false, &mut Vec::new())?;
    times_ms.sort_by(f64::total_cmp);
    let p99 = times_ms.get(times_ms.len() * 99 / 100).copied().unwrap_or_default();
    Ok(json!({
        "threshold": THRESHOLD,
        "pairs": pairs.len(),
        "f1": f1(&pairs, THRESHOLD),
        "f1_split_halves": split_halves(&pairs),
        "best_threshold": best,
        "f1_at_best_threshold": f1(&pairs, best),
        "listed_queries": listed.len(),
        "hit_rate_at_1": ratio(found.first, listed.len()),
        "hit_rate_at_1_name_only": ratio(found_by_name.first, listed.len()),
        "recall_at_threshold": ratio(found.over, listed.len()),
        "unlisted_queries": unlisted.len(),
        "false_positive_rate": ratio(flagged, unlisted.len()),
        "false_positive_rate_name_only": ratio(flagged_by_name, unlisted.len()),
        "queries_per_second": 1000.0 / mean(&times_ms).max(1e-9),
        "p99_ms": p99,
        "lists": versions,
    }))
}

/// The lists that the files of a folder form. Other files are skipped.
fn lists(folder: &Path) -> anyhow::Result<Vec<List>> {
    let read = || fs::read_dir(folder)?.map(|item| Ok(item?.path())).collect::<std::io::Result<Vec<_>>>();
    let paths = read().with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes));
    }
    files.sort();
    let views: Vec<File<'_>> = files.iter().map(|(name, bytes)| File { name, bytes }).collect();
    let views: Vec<File<'_>> = views.into_iter().filter(|file| lists::recognise(file).is_some()).collect();
    if views.is_empty() {
        bail!(
            "there is no sanctions list in {}: docs/screening.md names the files that vultus reads",
            folder.display()
        );
    }
    Ok(lists::read(&views)?)
}

/// The rows of a table with its header as the first.
fn rows(folder: &Path, name: &str) -> anyhow::Result<Vec<Row>> {
    let path = folder.join(name);
    let read = || -> Result<Vec<Row>, csv::Error> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&path)?;
        let header = reader.headers()?.clone();
        reader.records().map(|record| Ok(Row { header: header.clone(), record: record? })).collect()
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

struct Row {
    header: StringRecord,
    record: StringRecord,
}

impl Row {
    fn get(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).unwrap_or_default()
    }
}

fn pairs(screener: &Screener, rows: &[Row]) -> Vec<Pair> {
    let pair = |row: &Row| {
        let kind = match row.get("schema") {
            "Person" => Kind::Person,
            "Vessel" => Kind::Vessel,
            _ => Kind::Organisation,
        };
        let score = screener.compare(row.get("name1"), row.get("name2"), kind).score;
        Pair { score, same: row.get("is_match") == "true" }
    };
    rows.iter().map(pair).collect()
}

fn f1<'p>(pairs: impl IntoIterator<Item = &'p Pair>, threshold: f32) -> f64 {
    let (mut right, mut wrong) = (0, 0);
    for pair in pairs {
        match (pair.score >= threshold, pair.same) {
            (true, true) => right += 1,
            (true, false) | (false, true) => wrong += 1,
            (false, false) => {}
        }
    }
    ratio(2 * right, 2 * right + wrong)
}

/// F1 on the pairs of each half at the threshold that is best on the other: even lines, odd lines.
fn split_halves(pairs: &[Pair]) -> [f64; 2] {
    let half = |odd: usize| pairs.iter().enumerate().filter(move |(at, _)| at % 2 == odd).map(|(_, pair)| pair);
    [0, 1].map(|odd| f1(half(odd), best_threshold(half(1 - odd))))
}

fn best_threshold<'p>(pairs: impl Iterator<Item = &'p Pair>) -> f32 {
    let pairs: Vec<&Pair> = pairs.collect();
    let f1 = |threshold: &f32| f1(pairs.iter().copied(), *threshold);
    let candidates = (30..95).map(|percent| percent as f32 / 100.0);
    candidates.max_by(|a, b| f1(a).total_cmp(&f1(b))).unwrap_or(THRESHOLD)
}

struct Found {
    /// The right entity is the first of its list.
    first: usize,
    /// And at least at the threshold.
    over: usize,
}

/// The expected entries are of the UN list; the same people are on other lists too, so the first hit of that list counts.
fn listed_first(screener: &Screener, rows: &[Row], facts: bool, times_ms: &mut Vec<f64>) -> anyhow::Result<Found> {
    let mut found = Found { first: 0, over: 0 };
    for row in rows {
        let known = Facts {
            kind: Some(Kind::Person),
            birth: BirthDate::parse(row.get("dob")).filter(|_| facts),
            nationalities: Country::parse(row.get("nationality")).into_iter().filter(|_| facts).collect(),
            gender: None,
        };
        let query = Query { name: row.get("query_treated").to_owned(), facts: known };
        let answer = timed(screener, &query, 0.0, times_ms)?;
        let first = answer.hits.iter().find(|hit| hit.source == Source::UnConsolidated);
        let right = first.filter(|hit| row.get("expected_dataids").split('|').any(|id| id == hit.entity.id));
        found.first += usize::from(right.is_some());
        found.over += usize::from(right.is_some_and(|hit| hit.score.score >= THRESHOLD));
    }
    Ok(found)
}

/// The answer, and the shortest time of a few runs, because other programs also use the processor.
fn timed<'s>(
    screener: &'s Screener,
    query: &Query,
    threshold: f32,
    times_ms: &mut Vec<f64>,
) -> anyhow::Result<Answer<'s>> {
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let began = Instant::now();
        screener.search(query, threshold, HITS)?;
        least = least.min(began.elapsed().as_secs_f64() * 1000.0);
    }
    times_ms.push(least);
    Ok(screener.search(query, threshold, HITS)?)
}

/// How many of the people are flagged although they are on no list.
fn flagged(screener: &Screener, rows: &[Row], facts: bool, times_ms: &mut Vec<f64>) -> anyhow::Result<usize> {
    let mut flagged = 0;
    for row in rows {
        let known = Facts {
            kind: Some(Kind::Person),
            birth: BirthDate::parse(row.get("date_of_birth")).filter(|_| facts),
            nationalities: Country::parse(row.get("nationality")).into_iter().filter(|_| facts).collect(),
            gender: Gender::parse(row.get("gender")).filter(|_| facts),
        };
        let query = Query { name: row.get("full_name").to_owned(), facts: known };
        let answer = timed(screener, &query, THRESHOLD, times_ms)?;
        flagged += usize::from(!answer.hits.is_empty());
    }
    Ok(flagged)
}
