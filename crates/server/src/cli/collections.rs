//! `vultus collections`: lists collections and moves them between servers. It uses the database, so the server may run.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use vultus_store::collections::Filter;
use vultus_store::{Db, Id, accounts, collections};

use super::print;
use crate::config::Data;
use crate::model::Model;
use crate::transfer::{self, Completeness};

/// Arguments of `vultus collections`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the collections of an account.
    List {
        #[command(flatten)]
        scope: Scope,
    },
    /// Write a collection to a file. It holds names, metadata and embeddings, so keep it as safe as the database.
    Export {
        /// Id of the collection.
        id: String,
        /// The file to write. It must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        scope: Scope,
    },
    /// Create a collection from an exported file, with an enrollment for each member.
    Import {
        /// The file.
        file: PathBuf,
        /// Name of the collection [default: the name in the file].
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Accept a file that was edited, or that an older version exported, without its count and hash in the last line. Parts
        /// of it may be missing.
        #[arg(long)]
        without_check: bool,
        #[command(flatten)]
        scope: Scope,
    },
}

#[derive(Debug, clap::Args)]
struct Scope {
    /// Account of the collection.
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
    #[command(flatten)]
    data: Data,
}

impl Scope {
    async fn open(&self) -> anyhow::Result<(Db, Id)> {
        let db = super::open(&self.data).await?;
        let accounts = accounts::list(&db).await?;
        let account = accounts.iter().find(|account| account.name == self.account).map(|account| account.id);
        let account = account.with_context(|| {
            let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
            format!("there is no account \"{}\"; the accounts are: {}", self.account, names.join(", "))
        })?;
        Ok((db, account))
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { scope } => list(&scope).await,
        Command::Export { id, to, scope } => export(&id, &to, &scope).await,
        Command::Import { file, name, without_check, scope } => {
            let completeness = if without_check { Completeness::Ignored } else { Completeness::Required };
            import(&file, name.as_deref(), completeness, &scope).await
        }
    }
}

async fn list(scope: &Scope) -> anyhow::Result<()> {
    let (db, account) = scope.open().await?;
    let mut text = String::from("id                       members  name");
    for collection in collections::list(&db, account, &Filter::default()).await?.items {
        write!(text, "\n{}  {:7}  {}", collection.id, collection.enrollments.len(), collection.name)?;
    }
    print(&text)
}

async fn export(id: &str, to: &Path, scope: &Scope) -> anyhow::Result<()> {
    let id: Id = id.parse()?;
    let (db, account) = scope.open().await?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut out = BufWriter::new(file.with_context(|| format!("cannot create {}", to.display()))?);
    let members = transfer::export(&db, account, id, &mut out).await;
    if members.is_err() {
        std::fs::remove_file(to)?;
    }
    let members = members?;
    out.flush()?;
    out.get_ref().sync_all()?;
    print(&format!("{members} members written to {}", to.display()))
}

async fn import(file: &Path, name: Option<&str>, completeness: Completeness, scope: &Scope) -> anyhow::Result<()> {
    let (db, account) = scope.open().await?;
    let model = Model::configured(&scope.data)?;
    let open = || File::open(file).map(BufReader::new).with_context(|| format!("cannot read {}", file.display()));
    let wrong = |error: anyhow::Error| anyhow!("{}: {error:#}", file.display());
    let checked = transfer::check(open()?, &model, completeness).context("nothing was imported");
    let members = checked.map_err(wrong)?;
    let id = transfer::import(&db, account, open()?, name, &model, completeness).await.map_err(wrong)?;
    print(&format!("{members} members imported into the collection {id}"))
}
