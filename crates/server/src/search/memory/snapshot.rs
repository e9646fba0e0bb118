//! Galleries in files, so that a restart need not read every embedding from the database.
//!
//! ```text
//! file    "vultus-1" | version of the collection, 8 bytes | when that came to be, 8 bytes | a sealed gallery
//! ```
//!
//! The numbers are little-endian. The gallery crate writes the gallery, and the data key of the account seals it (see
//! `seal`). The stamp of the gallery repeats the numbers, the account, the collection and the model, so that nobody can
//! change the plain beginning. What changed after that version is caught up with as in memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vultus_gallery::Gallery;
use vultus_store::Id;
use vultus_store::collections::CollectionKey;

use super::loaded::LoadedGallery;
use crate::seal::{DataKey, Label, Opener, Sealer};

/// What a file begins with. Earlier versions of the program wrote galleries in plain: files without this.
const MAGIC: &[u8; 8] = b"vultus-1";
/// Extension of a file that is complete.
const FINISHED: &str = "gallery";
/// Extension of a file that is being written.
const UNFINISHED: &str = "new";

/// The folder of the snapshots.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

impl Folder {
    fn file(&self, collection: Id) -> PathBuf {
        self.0.join(format!("{collection}.{FINISHED}"))
    }

    /// Writes a gallery, sealed with the data key of the account; the file of before stays until it is complete.
    pub fn save(&self, data_key: &DataKey, key: CollectionKey, loaded: &LoadedGallery) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let path = self.file(key.collection);
        let new = path.with_extension(UNFINISHED);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let start = Start { version: loaded.version, changed: loaded.changed };
        start.write(&mut out)?;
        let mut sealer = Sealer::new(data_key, &label(key, &key.collection.to_bytes()), out)?;
        let stamp = stamp(key, start, &loaded.model);
        loaded.gallery.save(&mut sealer, &stamp, |subject, bytes| bytes.extend(subject.to_le_bytes()))?;
        let out = sealer.finish()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.0)?.sync_all()
    }

    /// Reads a gallery of embeddings by `model`; none where the file is missing, damaged, in plain or of something else.
    pub fn load(&self, data_key: &DataKey, key: CollectionKey, model: &str) -> Option<LoadedGallery> {
        let collection = key.collection;
        let path = self.file(collection);
        match load(&path, data_key, key, model) {
            Ok(loaded) => Some(loaded),
            Err(error) if error.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::NotFound) => {
                None
            }
            Err(error) => {
                tracing::warn!(%collection, %error, "a gallery is built from the database");
                self.remove(collection).ok();
                None
            }
        }
    }

    /// Removes the snapshot of a collection, if there is one, and one that was not finished.
    pub fn remove(&self, collection: Id) -> io::Result<()> {
        let path = self.file(collection);
        for path in [path.with_extension(UNFINISHED), path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The collections that have a file here.
    pub fn found(&self) -> io::Result<Vec<Found>> {
        let found = self.files(FINISHED)?.into_iter().filter_map(|path| {
            let collection = path.file_stem()?.to_str()?.parse().ok()?;
            Some(Found { collection, version: version(&path) })
        });
        Ok(found.collect())
    }

    /// Removes files that were not finished. For a start, before anything is written.
    pub fn remove_unfinished(&self) -> io::Result<()> {
        self.files(UNFINISHED)?.into_iter().try_for_each(fs::remove_file)
    }

    /// The files with this extension. None where the folder is missing.
    fn files(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths
            .filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|own| own == extension)))
            .collect()
    }
}

/// A file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The collection that it is of.
    pub collection: Id,
    /// The version; none where the file is not of a form that this program writes.
    pub version: Option<i64>,
}

/// The version that a file begins with.
fn version(path: &Path) -> Option<i64> {
    Some(Start::read(&mut File::open(path).ok()?).ok()?.version)
}

fn load(path: &Path, data_key: &DataKey, key: CollectionKey, model: &str) -> anyhow::Result<LoadedGallery> {
    // Not buffered: what opens it reads whole chunks.
    let mut input = File::open(path)?;
    let start = Start::read(&mut input)?;
    let mut opened = Opener::new(data_key, &label(key, &key.collection.to_bytes()), input)?;
    let decode = |bytes: &[u8]| bytes.try_into().ok().map(u128::from_le_bytes);
    let gallery = Gallery::load(&mut opened, &stamp(key, start, model), decode)?;
    let Start { version, changed } = start;
    Ok(LoadedGallery { version, changed, model: model.to_owned(), gallery: Arc::new(gallery) })
}

/// What of a file is in plain, for a sweep to read.
#[derive(Clone, Copy)]
struct Start {
    version: i64,
    changed: i64,
}

impl Start {
    fn write(self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&self.version.to_le_bytes())?;
        out.write_all(&self.changed.to_le_bytes())
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let [mut magic, mut version, mut changed] = [[0; 8]; 3];
        for part in [&mut magic, &mut version, &mut changed] {
            input.read_exact(part)?;
        }
        if magic != *MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a sealed gallery"));
        }
        Ok(Self { version: i64::from_le_bytes(version), changed: i64::from_le_bytes(changed) })
    }
}

/// As what a gallery is sealed: a file under the name of another collection, or of another account, does not open.
fn label(key: CollectionKey, id: &[u8]) -> Label<'_> {
    Label { account: key.account, kind: "gallery", id }
}

/// What a gallery must be of.
fn stamp(key: CollectionKey, start: Start, model: &str) -> Vec<u8> {
    let CollectionKey { account, collection } = key;
    let Start { version, changed } = start;
    format!("{account} {collection} {version} {changed} {model}").into_bytes()
}
