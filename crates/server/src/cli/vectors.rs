//! `vultus vectors`: checks and repairs the vectors that PostgreSQL or Milvus searches.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::{open, print};
use crate::config::{Data, Vectors};
use crate::search::{self, Comparison, VectorIndex};

const NOTHING: &str = "each server searches embeddings in its memory: there is nothing to check or rebuild";

/// Arguments of `vultus vectors`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare the vectors with the embeddings in collections. Fails if they differ.
    Check {
        #[command(flatten)]
        options: Options,
    },
    /// Make all vectors again, while searches continue.
    Rebuild {
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    vectors: Vectors,
}

impl Options {
    async fn open(&self) -> anyhow::Result<Arc<dyn VectorIndex>> {
        let db = open(&self.data).await?;
        search::open_shared(&self.vectors.vectors, &self.data, &db)?.context(NOTHING)
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Check { options } => {
            let Comparison { expected, missing, surplus } = options.open().await?.check().await?.context(NOTHING)?;
            if missing > 0 || surplus > 0 {
                bail!(
                    "{missing} of {expected} vectors are missing or wrong, and there are {surplus} that should not be: run \
                     `vultus vectors rebuild`"
                );
            }
            print(&format!("all {expected} vectors are present"))
        }
        Command::Rebuild { options } => {
            let people = options.open().await?.rebuild().await?.context(NOTHING)?;
            print(&format!("made the vectors of {people} people again"))
        }
    }
}
