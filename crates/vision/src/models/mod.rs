//! The models directory: what has to be in it, and the graphs that the networks are loaded from.
//!
//! Nothing here fetches. The server's `models pull` fills the directory; this module reads it.

mod hashes;
mod manifest;
mod onnx;
mod rewrite;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use manifest::{CalibrationSpec, Colour, Ecosystem, FileEntry, InputSpec, Manifest, Package, Role};
pub use rewrite::rewrite;

use self::hashes::Hashes;
pub use self::hashes::sha256;

/// What can be wrong with a models directory, a manifest or a graph.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a manifest is malformed.
    #[error("the model manifest is malformed: {0}")]
    Manifest(String),
    /// Files are absent or damaged.
    #[error("the models directory {dir} is not complete:{}\nrun: vultus models pull --to {dir}", list(.problems))]
    Incomplete {
        /// The models directory.
        dir: String,
        /// One line for each file.
        problems: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The manifest has no file for a role.
    #[error("the model manifest has no entry for {}", .0.name())]
    NoEntry(Role),
    /// A graph cannot be read as ONNX.
    #[error("not a usable ONNX model: {0}")]
    Graph(String),
}

/// A models directory that holds every network, with the manifest that describes them.
#[derive(Debug, Clone)]
pub struct Models {
    dir: PathBuf,
    manifest: Manifest,
}

impl Models {
    /// Opens a models directory. A `manifest.toml` in it overrides the built-in entries of the roles that it names.
    ///
    /// Every file is there and has the right hash. A file that was hashed before and has kept its size and time of change
    /// is not hashed again. The runtime library may be absent, since the system can have one.
    ///
    /// # Errors
    /// [`Error::Incomplete`] lists what is missing or damaged and the command that fetches it; [`Error::Manifest`].
    pub fn open(dir: &Path) -> Result<Models, Error> {
        Self::remembering(dir, Hashes::remembered(dir))
    }

    /// As [`Models::open`], and hashes every file: also one that is damaged on the disk without having been written to.
    ///
    /// # Errors
    /// As [`Models::open`].
    pub fn open_hashing(dir: &Path) -> Result<Models, Error> {
        Self::remembering(dir, Hashes::default())
    }

    /// As [`Models::open_hashing`], but remembers no hashes: nothing in the directory changes.
    ///
    /// # Errors
    /// As [`Models::open`].
    pub fn inspect(dir: &Path) -> Result<Models, Error> {
        Self::checked(dir, &mut Hashes::default())
    }

    fn remembering(dir: &Path, mut hashes: Hashes) -> Result<Models, Error> {
        let models = Self::checked(dir, &mut hashes);
        hashes.remember(dir);
        models
    }

    fn checked(dir: &Path, hashes: &mut Hashes) -> Result<Models, Error> {
        let manifest = Models::manifest(dir)?;
        let needed = |entry: &&FileEntry| entry.role != Role::Runtime || dir.join(&entry.file).exists();
        let problems: Vec<String> =
            manifest.for_this_machine().filter(needed).filter_map(|entry| hashes.problem(dir, entry)).collect();
        if problems.is_empty() {
            Ok(Models { dir: dir.to_owned(), manifest })
        } else {
            Err(Error::Incomplete { dir: dir.display().to_string(), problems })
        }
    }

    /// The built-in manifest with the overrides of `dir`, whether or not the files are there.
    ///
    /// # Errors
    /// [`Error::Manifest`] or [`Error::Read`] when `manifest.toml` in `dir` is unusable.
    pub fn manifest(dir: &Path) -> Result<Manifest, Error> {
        let path = dir.join("manifest.toml");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Manifest::builtin().overridden_by(Manifest::parse(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Manifest::builtin()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The models directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The runtime library in the models directory, if there is one.
    pub fn runtime_library(&self) -> Option<PathBuf> {
        let entry = self.entry(Role::Runtime).ok()?;
        let path = self.dir.join(&entry.file);
        path.is_file().then_some(path)
    }

    /// The manifest entry of a role on this machine.
    ///
    /// # Errors
    /// [`Error::NoEntry`].
    pub fn entry(&self, role: Role) -> Result<&FileEntry, Error> {
        self.manifest.for_this_machine().find(|entry| entry.role == role).ok_or(Error::NoEntry(role))
    }

    /// The bytes of the network of a role as the file holds them.
    ///
    /// # Errors
    /// [`Error::NoEntry`] or [`Error::Read`].
    pub fn stock_graph(&self, role: Role) -> Result<Vec<u8>, Error> {
        read(self.dir.join(&self.entry(role)?.file))
    }

    /// The bytes of the network of a role to run: rewritten to be fast, with the same results.
    ///
    /// The rewrite takes a few milliseconds at each load. A rewritten copy on the disk would save them, at the price
    /// of a second file that can be stale, and whose hash no publisher vouches for.
    ///
    /// # Errors
    /// As [`Models::stock_graph`], and [`Error::Graph`] when the file does not fit the manifest entry.
    pub fn graph(&self, role: Role) -> Result<Vec<u8>, Error> {
        let input = self.entry(role)?.input.as_ref().ok_or(Error::NoEntry(role))?;
        rewrite(&self.stock_graph(role)?, input)
    }
}

/// The value that an ONNX file keeps under `key` beside its graph.
///
/// # Errors
/// [`Error::Graph`] when the bytes are no ONNX model.
pub fn metadata(onnx: &[u8], key: &str) -> Result<Option<String>, Error> {
    onnx::metadata(onnx, key).map_err(|error| Error::Graph(error.to_string()))
}

fn read(path: PathBuf) -> Result<Vec<u8>, Error> {
    fs::read(&path).map_err(|source| Error::Read { path, source })
}

fn list(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = write!(text, "\n  {line}");
        text
    })
}
