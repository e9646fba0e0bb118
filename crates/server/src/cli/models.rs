//! `vultus models`: fetches, lists and verifies the models and the inference runtime.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use vultus_vision::models::{FileEntry, Models, Role};

use super::print;
use crate::fetch::{self, State};

/// Arguments of `vultus models`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch missing or damaged files, with pip and npm or from local files. Checks the sha256 of every file.
    Pull {
        /// A local archive or file, or a folder of them. Repeat the option for more. The command fetches the files that it
        /// does not find there.
        #[arg(long, value_name = "FILE-OR-FOLDER")]
        from: Vec<PathBuf>,
        #[command(flatten)]
        dir: Dir,
    },
    /// List the files: role, state, size, licence and package of each.
    List {
        #[command(flatten)]
        dir: Dir,
    },
    /// Hash every file and prepare every network. The exit code is 1 if something is wrong.
    Verify {
        #[command(flatten)]
        dir: Dir,
    },
}

/// The directory of the models.
#[derive(Debug, clap::Args)]
pub struct Dir {
    /// Directory of the models [default: `models` in the data directory].
    #[arg(long = "models-dir", visible_alias = "to", env = "VULTUS_MODELS_DIR", value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Directory of all data of the server.
    #[arg(long, env = "VULTUS_DATA_DIR", default_value = "./data", value_name = "DIR")]
    data_dir: PathBuf,
}

impl Dir {
    /// The directory in force.
    pub fn path(&self) -> PathBuf {
        self.models_dir.clone().unwrap_or_else(|| self.data_dir.join("models"))
    }
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Pull { from, dir } => {
            let dir = dir.path();
            fetch::pull(&dir, &from)?;
            print(&format!("the models are in {}", dir.display()))
        }
        Command::List { dir } => list(&dir.path()),
        Command::Verify { dir } => verify(&dir.path()),
    }
}

fn list(dir: &Path) -> anyhow::Result<()> {
    let manifest = Models::manifest(dir)?;
    let mut text =
        format!("{:<16} {:<40} {:<9} {:>10} {:<12} {}", "ROLE", "FILE", "STATE", "BYTES", "LICENCE", "PACKAGE");
    for entry in manifest.for_this_machine() {
        let FileEntry { file, bytes, licence, .. } = entry;
        let (role, state) = (entry.role.name(), word(fetch::state(dir, entry)?));
        let package = entry.package.as_ref().map_or("(your own)".into(), |p| format!("{} {}", p.name, p.version));
        let _ = write!(text, "\n{role:<16} {file:<40} {state:<9} {bytes:>10} {licence:<12} {package}");
    }
    print(&text)
}

fn verify(dir: &Path) -> anyhow::Result<()> {
    let manifest = Models::manifest(dir)?;
    let mut wrong = Vec::new();
    for entry in manifest.for_this_machine() {
        let state = fetch::state(dir, entry)?;
        print(&format!("{:<9} {}", word(state), entry.file))?;
        if state != State::Verified {
            wrong.push(entry.file.as_str());
        }
    }
    if !wrong.is_empty() {
        bail!("missing or damaged: {}; run: vultus models pull --to {}", wrong.join(", "), dir.display());
    }
    let models = Models::open(dir)?;
    for entry in manifest.for_this_machine().filter(|entry| entry.role != Role::Runtime) {
        models.graph(entry.role)?;
    }
    print("all files match the manifest")
}

fn word(state: State) -> &'static str {
    match state {
        State::Verified => "verified",
        State::Damaged => "damaged",
        State::Missing => "missing",
    }
}
