//! Galleries in files, so that a restart need not read every embedding from the database.
//!
//! A file is the version of the collection and when it came to be, 8 bytes each, and then what the gallery crate writes,
//! with both, the account, the collection and the model as its stamp. What changed after that version is caught up with as in memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vultus_gallery::Gallery;
use vultus_store::Id;
use vultus_store::collections::CollectionKey;

use super::loaded::LoadedGallery;

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

    /// Writes a gallery; the file of before stays until it is complete.
    pub fn save(&self, key: CollectionKey, loaded: &LoadedGallery) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let path = self.file(key.collection);
        let new = path.with_extension(UNFINISHED);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&loaded.version.to_le_bytes())?;
        out.write_all(&loaded.changed.to_le_bytes())?;
        let stamp = stamp(key, loaded.version, loaded.changed, &loaded.model);
        loaded.gallery.save(&mut out, &stamp, |subject, bytes| bytes.extend(subject.to_le_bytes()))?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.0)?.sync_all()
    }

    /// Reads a gallery of embeddings by `model`; none where the file is missing, damaged or of something else.
    pub fn load(&self, key: CollectionKey, model: &str) -> Option<LoadedGallery> {
        let collection = key.collection;
        let path = self.file(collection);
        match load(&path, key, model) {
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
    /// The version; none where the file is too short to say.
    pub version: Option<i64>,
}

/// The version that a file begins with.
fn version(path: &Path) -> Option<i64> {
    let mut bytes = [0; 8];
    File::open(path).ok()?.read_exact(&mut bytes).ok()?;
    Some(i64::from_le_bytes(bytes))
}

fn load(path: &Path, key: CollectionKey, model: &str) -> anyhow::Result<LoadedGallery> {
    let mut input = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut number = || {
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes).map(|()| i64::from_le_bytes(bytes))
    };
    let (version, changed) = (number()?, number()?);
    let decode = |bytes: &[u8]| bytes.try_into().ok().map(u128::from_le_bytes);
    let gallery = Gallery::load(&mut input, &stamp(key, version, changed, model), decode)?;
    Ok(LoadedGallery { version, changed, model: model.to_owned(), gallery: Arc::new(gallery) })
}

/// What a file must be of: another account's, or another collection's under this name, is not read.
fn stamp(key: CollectionKey, version: i64, changed: i64, model: &str) -> Vec<u8> {
    let CollectionKey { account, collection } = key;
    format!("{account} {collection} {version} {changed} {model}").into_bytes()
}
