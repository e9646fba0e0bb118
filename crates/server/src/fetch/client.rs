//! The package managers' own clients, run as programs, never through a shell.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;
use vultus_vision::models::{Ecosystem, Package};

use super::progress::Progress;

/// A way to call a client: the program, and its arguments before those that all clients of its kind share.
type Client = &'static [&'static str];

/// `uv` has no download command of its own, but runs pip.
const PYPI: &[Client] = &[&["python3", "-m", "pip"], &["pip3"], &["uv", "tool", "run", "pip"]];

/// pnpm and yarn cannot fetch one archive: they pack only the folder that they run in, install a package only with all
/// that it depends on, and fail to run npm themselves (tried with pnpm 12 and yarn 2.4).
const NPM: &[Client] = &[&["npm"]];

/// Downloads the archive of a package into `work` with the first client that succeeds.
pub(super) fn download(package: &Package, work: &Path, dir: &Path) -> anyhow::Result<PathBuf> {
    let (clients, arguments) = match package.ecosystem {
        Ecosystem::Pypi => (PYPI, pip_arguments(package, work)?),
        Ecosystem::Npm => (NPM, npm_arguments(package)),
    };
    let mut failures = String::new();
    for client in clients {
        let shown = client.join(" ");
        match run(client, &arguments, package, work) {
            Ok(archive) => return Ok(archive),
            Err(reason) => {
                tracing::debug!("{shown}: {reason}");
                let _ = write!(failures, "\n  {shown}: {reason}");
            }
        }
    }
    bail!("cannot fetch {} {}:{failures}\n{}", package.name, package.version, ways(package, dir))
}

/// Every way to continue, for an operator whose machine may have no network.
fn ways(package: &Package, dir: &Path) -> String {
    let (kind, debian) = match package.ecosystem {
        Ecosystem::Pypi => ("Python", "python3-pip"),
        Ecosystem::Npm => ("JavaScript", "npm"),
    };
    format!(
        "Ways to go on:\n  \
         - install a client for {kind} packages (Debian: apt-get install {debian}) and repeat the command;\n  \
         - bring {archive} (sha256 {sha256}) from another machine, and run:\n    \
         vultus models pull --to {dir} --from FILE-OR-FOLDER;\n  \
         - set VULTUS_MODELS_DIR to a folder that already holds the files of `vultus models list`.",
        archive = package.archive,
        sha256 = package.archive_sha256,
        dir = dir.display(),
    )
}

fn pip_arguments(package: &Package, work: &Path) -> io::Result<Vec<String>> {
    // pip takes hashes from a file only.
    let Package { name, version, archive_sha256, .. } = package;
    fs::write(work.join("requirements.txt"), format!("{name}=={version} --hash=sha256:{archive_sha256}\n"))?;
    let mut arguments: Vec<String> = [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--disable-pip-version-check",
        "--no-input",
    ]
    .map(String::from)
    .into();
    arguments.extend(["--dest", ".", "--requirement", "requirements.txt"].map(String::from));
    for (option, value) in [("--python-version", &package.python_version), ("--platform", &package.platform)] {
        if let Some(value) = value {
            arguments.extend([option.to_owned(), value.clone()]);
        }
    }
    Ok(arguments)
}

fn npm_arguments(package: &Package) -> Vec<String> {
    vec!["pack".into(), "--ignore-scripts".into(), format!("{}@{}", package.name, package.version)]
}

fn run(client: Client, arguments: &[String], package: &Package, work: &Path) -> Result<PathBuf, String> {
    let _progress =
        Progress::spinner(format!("fetching {} {} with {}", package.name, package.version, client.join(" ")));
    let mut command = Command::new(client[0]);
    command.args(&client[1..]).args(arguments).current_dir(work).stdin(Stdio::null());
    // A package client must not see the server's configuration, because it holds secrets.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VULTUS_")) {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "not installed".to_owned(),
        _ => error.to_string(),
    })?;
    let archive = work.join(&package.archive);
    if output.status.success() && archive.is_file() {
        return Ok(archive);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it gave no reason");
    Err(format!("{said} ({})", output.status))
}
