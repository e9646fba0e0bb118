//! The command line. `vultus --help` and `vultus COMMAND --help` are its reference.

pub mod accounts;
pub mod collections;
pub mod doctor;
pub mod keys;
pub mod lists;
mod log;
pub mod models;
pub mod reembed;
pub mod serve;
pub mod vectors;
pub mod worker;

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use vultus_store::Db;

use crate::config::Data;
use crate::keyring::{self, Keyring};
use crate::{data_dir, seal, tls};

/// Self-hosted face recognition and identity verification server.
#[derive(Debug, clap::Parser)]
#[command(name = "vultus", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to log: a level or a filter, such as `info` or `vultus=debug`.
    #[arg(long, env = "VULTUS_LOG", default_value = "info,sqlx=warn", global = true, value_name = "FILTER")]
    log: String,
    /// Format of the log.
    #[arg(long, env = "VULTUS_LOG_FORMAT", default_value = "text", global = true, value_name = "FORMAT")]
    log_format: log::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::Args>),
    /// Run the jobs of servers that share a database, without serving requests.
    Worker(Box<worker::Args>),
    /// Create, list and revoke API keys. Works while the server runs.
    Keys(keys::Args),
    /// List accounts and change their settings. Works while the server runs.
    Accounts(accounts::Args),
    /// List collections and move them between servers. Works while the server runs.
    Collections(collections::Args),
    /// Check and repair the vectors that PostgreSQL or Milvus searches. Works while the server runs.
    Vectors(vectors::Args),
    /// Move the enrolled people to another recognition model, using the kept images.
    Reembed(Box<reembed::Args>),
    /// Fetch, list and verify the models and the inference runtime.
    Models(models::Args),
    /// Pull, import, list and search sanctions lists. Works while the server runs.
    Lists(lists::Args),
    /// Check everything that a server needs, and say what to do. Changes nothing. Takes the options of `serve`.
    Doctor(Box<doctor::Args>),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// The error names what went wrong and what the operator can do.
    pub fn run(self) -> anyhow::Result<()> {
        let _log = log::start(&self.log, self.log_format)?;
        tls::install();
        match self.command {
            Command::Serve(args) => runtime()?.block_on(serve::run(*args)),
            Command::Worker(args) => runtime()?.block_on(worker::run(*args)),
            Command::Keys(args) => runtime()?.block_on(keys::run(args)),
            Command::Accounts(args) => runtime()?.block_on(accounts::run(args)),
            Command::Collections(args) => runtime()?.block_on(collections::run(args)),
            Command::Vectors(args) => runtime()?.block_on(vectors::run(args)),
            Command::Reembed(args) => runtime()?.block_on(reembed::run(*args)),
            Command::Models(args) => models::run(args),
            Command::Lists(args) => runtime()?.block_on(lists::run(args)),
            Command::Doctor(args) => runtime()?.block_on(doctor::run(*args)),
        }
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Opens the database. Creates it if it is missing, together with the data directory, unless that directory was in use.
async fn open(data: &Data) -> anyhow::Result<Db> {
    Ok(open_with_keyring(data).await?.0)
}

/// The same, with the secrets in force. First seals what was stored before vectors were sealed, and wraps the data keys of a former
/// secret under the one in force.
async fn open_with_keyring(data: &Data) -> anyhow::Result<(Db, Keyring)> {
    data_dir::prepare(&data.data_dir)?;
    let url = data.database_url();
    let opened = if data_dir::was_in_use(data) { Db::connect_existing(&url).await } else { Db::connect(&url).await };
    if let Err(vultus_store::Error::Empty) = &opened {
        bail!(data_dir::lost_database(data));
    }
    let db = opened.context("cannot open the database: see --database-url and --data-dir")?;
    data_dir::mark_in_use(data)?;
    let keyring = keyring::load(data, vultus_store::keys::count(&db, None).await?)?;
    let db = db.sealed_by(seal::sealer(&keyring));
    let data_keys = seal::rewrap_all(&db, &keyring).await?;
    let vectors = vultus_store::data_keys::seal_plain(&db).await.context("cannot seal the stored vectors")?;
    if data_keys + vectors > 0 {
        tracing::info!(data_keys, vectors, "sealed under the secret in force");
    }
    Ok((db, keyring))
}

/// Writes a result to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    // Written in one piece: a reader may take the line that matters and go, and the rest must not fail then.
    out.write_all(format!("{text}\n").as_bytes())?;
    Ok(out.flush()?)
}
