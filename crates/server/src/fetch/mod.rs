//! Fetches models and the inference runtime at set-up, from the packages that the manifest pins.
//!
//! The package manager's own client downloads. So it uses the proxies, mirrors and credentials that the operator has set
//! up. An archive is accepted only by its sha256. Only its named members are unpacked, and each is accepted only by its
//! own sha256. A file appears under its name when it is complete and verified, never before.

mod archive;
mod client;
mod files;
mod progress;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use vultus_vision::models::{FileEntry, Manifest, Models, Package, Role};

pub(crate) use files::{State, hex, state};

/// Folder in the models directory for unfinished files.
const CACHE: &str = ".cache";

/// Fetches the missing files, for the first start of the server.
///
/// The runtime may be absent when `ORT_DYLIB_PATH` names one.
///
/// # Errors
/// As [`pull`].
pub fn ensure(dir: &Path) -> anyhow::Result<()> {
    let manifest = Models::manifest(dir)?;
    let own_runtime = std::env::var_os("ORT_DYLIB_PATH").is_some();
    let there = |entry: &FileEntry| fs::metadata(dir.join(&entry.file)).is_ok_and(|file| file.len() == entry.bytes);
    let needed = |entry: &&FileEntry| entry.role != Role::Runtime || !own_runtime;
    if manifest.for_this_machine().filter(needed).all(there) {
        return Ok(());
    }
    tracing::info!(dir = %dir.display(), "fetching the models, once");
    pull(dir, &[])
}

/// Fetches every file of the manifest that is missing or damaged.
///
/// Files and archives in `from` (archives, plain files, or folders of either) come before the package clients.
///
/// # Errors
/// The files that could not be fetched, and the ways to continue.
pub fn pull(dir: &Path, from: &[PathBuf]) -> anyhow::Result<()> {
    let cache = dir.join(CACHE);
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let _lock = lock(dir)?;
    fs::create_dir_all(&cache)?;
    remove_leftovers(&cache);
    let work = TempDir::with_prefix_in(PARTIAL, &cache)?;

    let manifest = Models::manifest(dir)?;
    let mut sources = local_sources(from, &manifest)?;
    let mut archives: BTreeMap<&str, Vec<&FileEntry>> = BTreeMap::new();
    for entry in manifest.for_this_machine() {
        if state(dir, entry)? == State::Verified {
            tracing::debug!(file = entry.file, "already there");
        } else if let Some(path) = sources.remove(&entry.file) {
            files::copy(&path, entry, work.path(), dir)?;
        } else if let Some(package) = &entry.package {
            archives.entry(&package.archive).or_default().push(entry);
        } else {
            bail!(
                "{} is missing, and the manifest names no package for it: copy it into {}",
                entry.file,
                dir.display()
            );
        }
    }
    for (name, entries) in archives {
        let Some(package) = &entries[0].package else { continue };
        let (archive, kept) = match sources.remove(name) {
            Some(path) => {
                files::check(&path, &package.archive_sha256)?;
                (path, true)
            }
            None => (download(package, &cache, work.path(), dir)?, false),
        };
        archive::unpack(&archive, &entries, work.path(), dir)?;
        if !kept {
            fs::remove_file(&archive)?;
        }
    }
    drop(work);
    // Fails while an archive of an earlier manifest is there, which does no harm.
    let _ = fs::remove_dir(&cache);
    Ok(())
}

/// Downloads an archive into the cache. An interrupted pull may have left it there already.
fn download(package: &Package, cache: &Path, work: &Path, dir: &Path) -> anyhow::Result<PathBuf> {
    let kept = cache.join(&package.archive);
    if kept.exists() {
        if files::check(&kept, &package.archive_sha256).is_ok() {
            return Ok(kept);
        }
        fs::remove_file(&kept)?;
    }
    let fresh = client::download(package, work, dir)?;
    files::check(&fresh, &package.archive_sha256)?;
    fs::rename(&fresh, &kept)?;
    Ok(kept)
}

/// The files and archives of the manifest that the operator gave, by name.
fn local_sources(from: &[PathBuf], manifest: &Manifest) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let archives = manifest.files.iter().filter_map(|entry| entry.package.as_ref()).map(|package| &package.archive);
    let known: HashSet<&String> = manifest.files.iter().map(|entry| &entry.file).chain(archives).collect();
    let mut sources = BTreeMap::new();
    for path in from {
        let context = || format!("cannot read {}, given with --from", path.display());
        let mut paths = vec![path.clone()];
        if fs::metadata(path).with_context(context)?.is_dir() {
            let items = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).with_context(context)?;
            paths = items.iter().map(fs::DirEntry::path).collect();
        }
        let name = |path: PathBuf| Some((path.file_name()?.to_str()?.to_owned(), path));
        let before = sources.len();
        sources.extend(paths.into_iter().filter_map(name).filter(|(name, _)| known.contains(name)));
        if sources.len() == before {
            bail!("{} has no file that `vultus models list` names, and no archive of its packages", path.display());
        }
    }
    Ok(sources)
}

/// Waits until no other process writes into `dir`. The lock ends with the file handle, even when the process dies.
pub(crate) fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            tracing::info!("waiting for another process that writes into {}", dir.display());
        }
        Err(TryLockError::Error(error)) => return Err(error).context(format!("cannot lock {}", path.display())),
    }
    file.lock()?;
    Ok(file)
}

/// Prefix of the folder of one running pull.
const PARTIAL: &str = "partial-";

/// Removes the files of a killed pull. Nobody else uses them while we hold the lock.
fn remove_leftovers(cache: &Path) {
    let items = fs::read_dir(cache).into_iter().flatten().flatten();
    for item in items.filter(|item| item.file_name().to_string_lossy().starts_with(PARTIAL)) {
        let _ = fs::remove_dir_all(item.path());
    }
}

#[cfg(test)]
mod tests;
