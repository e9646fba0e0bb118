//! `vultus accounts`: the accounts of the server and what is set for each.

use std::str::FromStr;

use anyhow::{Context as _, bail};
use serde_json::json;
use vultus_store::settings::{self, Settings};
use vultus_store::{Db, accounts};

use super::{open, print};
use crate::clock;
use crate::config::{Data, days, unit};

/// Arguments of `vultus accounts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the accounts and their settings.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Change the settings of an account. `default` takes a setting back. Changes hold from the next request on.
    Set(Box<Set>),
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Name of the account.
    account: String,
    /// Threshold of `match` when a request names none, 0 to 1.
    #[arg(long, value_name = "SCORE")]
    match_threshold: Option<Change<Unit>>,
    /// Threshold of `identify` when a request names none and the collection has no class of unknown people, 0 to 1.
    #[arg(long, value_name = "SCORE")]
    identify_threshold: Option<Change<Unit>>,
    /// Threshold of `spdetect`, 0 to 1.
    #[arg(long, value_name = "SCORE")]
    spoof_threshold: Option<Change<Unit>>,
    /// Whether enrolled images are kept: true or false.
    #[arg(long, value_name = "BOOL")]
    keep_images: Option<Change<bool>>,
    /// Days after which a kept image is removed. It holds for images that are enrolled from now on.
    #[arg(long, value_name = "DAYS")]
    image_days: Option<Change<Days>>,
    #[command(flatten)]
    data: Data,
}

/// A new value, or the server's default.
#[derive(Debug, Clone, Copy)]
enum Change<T> {
    Default,
    To(T),
}

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Unit(f64);

/// A number of days.
#[derive(Debug, Clone, Copy)]
struct Days(u32);

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unit(text).map(Self)
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        days(text).map(Self)
    }
}

impl<T: FromStr<Err: ToString>> FromStr for Change<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Default),
            text => text.parse().map(Self::To).map_err(|error: T::Err| error.to_string()),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// The error names what went wrong and what the operator can do.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { json, data } => list(&open(&data).await?, json).await,
        Command::Set(set) => change(&open(&set.data).await?, &set).await,
    }
}

async fn list(db: &Db, json: bool) -> anyhow::Result<()> {
    for account in accounts::list(db).await? {
        let settings = settings::by_account(db, account.id).await?;
        let line = if json {
            json!({
                "id": account.id.to_string(), "name": account.name, "created": clock::format(account.created),
                "match_threshold": settings.match_threshold, "identify_threshold": settings.identify_threshold,
                "spoof_threshold": settings.spoof_threshold, "keep_images": settings.keep_images,
                "image_days": settings.image_days,
            })
            .to_string()
        } else {
            format!("{}  {}  {}", account.id, account.name, describe(&settings))
        };
        print(&line)?;
    }
    Ok(())
}

fn describe(settings: &Settings) -> String {
    let &Settings { match_threshold, identify_threshold, spoof_threshold, keep_images, image_days } = settings;
    let set = [
        ("match threshold", match_threshold.map(|value| value.to_string())),
        ("identify threshold", identify_threshold.map(|value| value.to_string())),
        ("spoof threshold", spoof_threshold.map(|value| value.to_string())),
        ("keep images", keep_images.map(|value| value.to_string())),
        ("image days", image_days.map(|value| value.to_string())),
    ];
    let set: Vec<String> = set.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
    if set.is_empty() { "defaults".into() } else { set.join(", ") }
}

async fn change(db: &Db, set: &Set) -> anyhow::Result<()> {
    let accounts = accounts::list(db).await?;
    let account = accounts.into_iter().find(|account| account.name == set.account);
    let account =
        account.with_context(|| format!("there is no account \"{}\": see `vultus accounts list`", set.account))?.id;
    let mut tx = db.write(account).await?;
    let (before, after) = settings::update(&mut tx, account, |settings| {
        apply(&mut settings.match_threshold, set.match_threshold, |Unit(value)| value);
        apply(&mut settings.identify_threshold, set.identify_threshold, |Unit(value)| value);
        apply(&mut settings.spoof_threshold, set.spoof_threshold, |Unit(value)| value);
        apply(&mut settings.keep_images, set.keep_images, |value| value);
        apply(&mut settings.image_days, set.image_days, |Days(value)| value);
    })
    .await?;
    if after == before {
        bail!("nothing changes: name a setting with another value, see `vultus accounts set --help`");
    }
    tx.commit().await?;
    print(&format!("{}: {}", set.account, describe(&after)))
}

fn apply<T, U>(setting: &mut Option<U>, change: Option<Change<T>>, value: impl FnOnce(T) -> U) {
    match change {
        None => {}
        Some(Change::Default) => *setting = None,
        Some(Change::To(new)) => *setting = Some(value(new)),
    }
}
