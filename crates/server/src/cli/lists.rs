//! `vultus lists`: pulls, imports, lists and searches sanctions lists. A running server loads new lists by itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;
use vultus_screening::lists::{Source, Version};
use vultus_screening::{BirthDate, Country, Facts, Query, Screener, THRESHOLD};

use super::print;
use crate::config::{Lists, Outbound};
use crate::lists::{self, Change, Folder, Installed, Publishers};
use crate::{clock, config};

/// Arguments of `vultus lists`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch the lists from their publishers. A damaged, older or implausibly short file never replaces a list.
    Pull {
        /// List to fetch. Repeat the option for more [default: all] [possible values: ofac-sdn, ofac-consolidated,
        /// un-consolidated, eu-consolidated, uk-sanctions, bis-denied-persons].
        #[arg(long = "list", value_name = "LIST", value_parser = source)]
        sources: Vec<Source>,
        /// Also install a list that is older than the list in force, or shorter by more than a tenth.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        location: Location,
    },
    /// Install lists from local files. They get the same checks as in `pull`.
    Import {
        /// Files as their publishers provide them, or a folder with them. Give all files of a set together.
        #[arg(required = true, value_name = "FILE-OR-FOLDER")]
        files: Vec<PathBuf>,
        /// Also install a list that is older than the list in force, or shorter by more than a tenth.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        location: Location,
    },
    /// List the lists in force: date, entries, hash, and time of the last check (UTC).
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        location: Location,
    },
    /// Search for a name in the lists in force, and show why an entry matches.
    Search {
        /// The name, in any script and order.
        name: String,
        /// Date or year of birth, such as 1960-06-29.
        #[arg(long, value_name = "DATE", value_parser = birth)]
        birth: Option<BirthDate>,
        /// Nationality: a code or name of a country. Repeat the option for more.
        #[arg(long = "nationality", value_name = "COUNTRY", value_parser = country)]
        nationalities: Vec<Country>,
        /// Least score, 0 to 1.
        #[arg(long, default_value_t = f64::from(THRESHOLD), value_parser = config::unit, value_name = "SCORE")]
        threshold: f64,
        /// Most entries to show.
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        location: Location,
    },
}

/// The directory of the lists, and the source that they come from.
#[derive(Debug, clap::Args)]
struct Location {
    #[command(flatten)]
    lists: Lists,
    #[command(flatten)]
    outbound: Outbound,
    /// Directory of all data of the server.
    #[arg(long, env = "VULTUS_DATA_DIR", default_value = "./data", value_name = "DIR")]
    data_dir: PathBuf,
}

impl Location {
    fn folder(&self) -> Folder {
        Folder::new(self.lists.path(&self.data_dir))
    }

    fn publishers(&self) -> anyhow::Result<Publishers> {
        Publishers::new(self.lists.lists_mirror.as_deref(), &self.outbound)
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Pull { sources, force, location } => {
            pull(if sources.is_empty() { &Source::ALL } else { &sources }, force, &location).await
        }
        Command::Import { files, force, location } => import(&files, force, &location.folder()),
        Command::List { json, location } => list(&location.folder().installed()?, json),
        Command::Search { name, birth, nationalities, threshold, limit, json, location } => {
            let query = Query { name, facts: Facts { birth, nationalities, ..Facts::default() } };
            search(&location.folder(), &query, threshold as f32, limit, json)
        }
    }
}

async fn pull(sources: &[Source], force: bool, location: &Location) -> anyhow::Result<()> {
    let (folder, publishers) = (location.folder(), location.publishers()?);
    let mut failed = Vec::new();
    for source in sources {
        match lists::pull(&publishers, &folder, *source, force).await {
            Ok(change) => print(&report(&change))?,
            Err(error) => {
                tracing::error!("{source}: {error:#}");
                failed.push(source.name());
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "not pulled: {}; the lists from before stay in force. `vultus lists import` installs local files",
            failed.join(", ")
        );
    }
    Ok(())
}

fn import(paths: &[PathBuf], force: bool, folder: &Folder) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { files.extend(lists::read_folder(path)?) } else { files.push(lists::read(path)?) }
    }
    for change in folder.install(&files, force, clock::now_us())? {
        print(&report(&change))?;
    }
    Ok(())
}

fn report(change: &Change) -> String {
    let Version { source, entries, .. } = &change.version;
    let date = change.version.date.as_ref().map_or(String::new(), |date| format!(" of {date}"));
    match &change.before {
        _ if !change.is_new() => format!("{source}{date} is in force already: {entries} entries"),
        Some(before) => format!("{source}{date} is in force: {entries} entries, {} before", before.entries),
        None => format!("{source}{date} is in force: {entries} entries"),
    }
}

fn list(installed: &[Installed], json: bool) -> anyhow::Result<()> {
    if json {
        let rows: Vec<_> = installed
            .iter()
            .map(|list| json!({"version": list.version, "checked": clock::format(list.checked_us)}))
            .collect();
        return print(&serde_json::to_string_pretty(&rows)?);
    }
    let mut text = format!("{:<20} {:<10} {:>8} {:<16} {}", "LIST", "DATE", "ENTRIES", "SHA256", "CHECKED");
    for Installed { version, checked_us, .. } in installed {
        let date = version.date.as_deref().unwrap_or("unknown");
        let (hash, checked) = (version.sha256.get(..16).unwrap_or_default(), clock::format(*checked_us));
        let checked = checked.get(..16).unwrap_or_default();
        let _ = write!(text, "\n{:<20} {date:<10} {:>8} {hash:<16} {checked}", version.source.name(), version.entries);
    }
    print(&text)
}

fn search(folder: &Folder, query: &Query, threshold: f32, limit: usize, json: bool) -> anyhow::Result<()> {
    let lists = folder.load()?;
    if lists.is_empty() {
        bail!("there are no lists in {}: run `vultus lists pull` or `vultus lists import`", folder.path().display());
    }
    let screener = Screener::new(lists);
    let answer = screener.search(query, threshold, limit)?;
    if json {
        let hits: Vec<_> = answer
            .hits
            .iter()
            .map(|hit| json!({"list": hit.source, "entity": hit.entity, "name": hit.name, "score": hit.score}))
            .collect();
        return print(&serde_json::to_string_pretty(&json!({"hits": hits, "versions": answer.versions}))?);
    }
    let mut text = String::new();
    for hit in &answer.hits {
        let names: Vec<&str> = hit.entity.names.iter().map(|name| name.full.as_str()).collect();
        let _ = writeln!(text, "{:.3}  {} {}  {}", hit.score.score, hit.source, hit.entity.id, names[hit.name]);
        for part in &hit.score.parts {
            let _ = writeln!(text, "       {:+.2}  {:?}", part.effect, part.what);
        }
        if names.len() > 1 {
            let _ = writeln!(text, "       also {}", names.join("; "));
        }
    }
    let versions = answer.versions.iter().map(|version| {
        format!("{} ({}, {} entries)", version.source, version.date.as_deref().unwrap_or("undated"), version.entries)
    });
    let _ = write!(text, "{} found in {}", answer.hits.len(), versions.collect::<Vec<_>>().join(", "));
    print(&text)
}

fn source(text: &str) -> Result<Source, String> {
    Source::ALL.into_iter().find(|source| source.name() == text).ok_or_else(|| "there is no list of this name".into())
}

fn birth(text: &str) -> Result<BirthDate, String> {
    BirthDate::parse(text).ok_or_else(|| "not a date or year: give one such as 1960-06-29 or 1960".into())
}

fn country(text: &str) -> Result<Country, String> {
    Country::parse(text).ok_or_else(|| "there is no country of this code or name".into())
}
