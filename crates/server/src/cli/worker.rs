//! `vultus worker`: runs the jobs of servers that share a database, without serving requests.

use super::open_with_keyring;
use super::serve::stop_signal;
use crate::config::Config;
use crate::jobs::{self, Tools};
use crate::search;

/// Arguments of `vultus worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Config,
}

/// Runs jobs until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps the worker from starting, and what to do about it.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let (db, keyring) = open_with_keyring(&args.config.data).await?;
    let vectors = search::open(&args.config, &db, &keyring)?;
    let tools = Tools::new(&args.config, db.clone(), keyring, vectors)?;
    tracing::info!("working");
    jobs::run(tools, stop).await;
    db.close().await;
    Ok(())
}
