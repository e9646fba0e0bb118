//! `vultus vectors`: checks and repairs what is searched beside the tables of the database: pgvector's, or Milvus.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::{open, print};
use crate::config::{Data, Vectors};
use crate::search::{self, Check, VectorIndex};

const NOTHING: &str = "embeddings are searched in the memory of servers: there is nothing to check or rebuild";

/// Arguments of `vultus vectors`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare the vectors with the embeddings in collections; fails when they differ.
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Make all vectors anew, while searches go on.
    Rebuild {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    vectors: Vectors,
}

impl Place {
    async fn open(&self) -> anyhow::Result<Arc<dyn VectorIndex>> {
        let db = open(&self.data).await?;
        search::open_shared(&self.vectors.vectors, &self.data, &db)?.context(NOTHING)
    }
}

/// Runs the command.
///
/// # Errors
/// What is wrong and what to do.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Check { place } => {
            let Check { expected, missing, surplus } = place.open().await?.check().await?.context(NOTHING)?;
            if missing > 0 || surplus > 0 {
                bail!(
                    "{missing} of {expected} vectors are missing or wrong, and there are {surplus} that should not be: run \
                     `vultus vectors rebuild`"
                );
            }
            print(&format!("all {expected} vectors are there"))
        }
        Command::Rebuild { place } => {
            let people = place.open().await?.rebuild().await?.context(NOTHING)?;
            print(&format!("made the vectors of {people} people anew"))
        }
    }
}
