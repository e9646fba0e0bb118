//! `vultus vectors`: checks and repairs the vectors that PostgreSQL searches.

use anyhow::{Context as _, bail};
use vultus_store::vectors::{self, Check};

use super::{open, print};
use crate::config::Data;

const NOTHING: &str =
    "the database is SQLite, whose embeddings are searched in memory: there is nothing to check or rebuild";

/// Arguments of `vultus vectors`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare the vectors with the embeddings in collections; fails when some are missing.
    Check {
        #[command(flatten)]
        data: Data,
    },
    /// Make all vectors anew, one person at a time.
    Rebuild {
        #[command(flatten)]
        data: Data,
    },
}

/// Runs the command.
///
/// # Errors
/// What is wrong and what to do.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Check { data } => {
            let Check { expected, missing } = vectors::check(&open(&data).await?).await?.context(NOTHING)?;
            if missing > 0 {
                bail!("{missing} of {expected} vectors are missing or wrong: run `vultus vectors rebuild`");
            }
            print(&format!("all {expected} vectors are there"))
        }
        Command::Rebuild { data } => {
            let people = vectors::rebuild(&open(&data).await?).await?.context(NOTHING)?;
            print(&format!("made the vectors of {people} people anew"))
        }
    }
}
