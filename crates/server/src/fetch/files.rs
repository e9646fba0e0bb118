//! Files that are accepted only by their hash.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use vultus_vision::models::{self, FileEntry};

use super::progress::Progress;

/// The state of the file of a manifest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The file matches the manifest.
    Verified,
    /// The file is another one or damaged.
    Damaged,
    /// There is no file.
    Missing,
}

/// Checks the file of an entry. Hashes it only if its size is right.
pub(crate) fn state(dir: &Path, entry: &FileEntry) -> anyhow::Result<State> {
    let path = dir.join(&entry.file);
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
        Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        Ok(file) if file.len() != entry.bytes => Ok(State::Damaged),
        Ok(_) if sha256(&path)? == entry.sha256 => Ok(State::Verified),
        Ok(_) => Ok(State::Damaged),
    }
}

/// Refuses a file with another hash.
pub(super) fn check(path: &Path, expected: &str) -> anyhow::Result<()> {
    let found = sha256(path)?;
    if found != expected {
        bail!("refused {}: its sha256 is {found}, but the manifest has {expected}", path.display());
    }
    Ok(())
}

/// Copies a file that the operator brought.
pub(super) fn copy(path: &Path, entry: &FileEntry, work: &Path, dir: &Path) -> anyhow::Result<()> {
    let mut source = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    store(&mut source, entry, work, dir).with_context(|| format!("cannot use {}", path.display()))
}

/// Writes the content of an entry into `work` and hashes it, flushes it to the disk, and moves it to its place in `dir`.
pub(super) fn store(content: &mut dyn Read, entry: &FileEntry, work: &Path, dir: &Path) -> anyhow::Result<()> {
    let progress = Progress::bytes(&entry.file, entry.bytes);
    let (partial, path) = (work.join(&entry.file), dir.join(&entry.file));
    let mut file = File::create(&partial)?;
    // One byte more than expected shows that the file is longer, without writing all of it.
    let mut content = content.take(entry.bytes + 1);
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
        progress.advance(count as u64);
    }
    let found = hex(&hash.finalize());
    if found != entry.sha256 {
        bail!("refused {}: its sha256 is {found}, but the manifest has {}", entry.file, entry.sha256);
    }
    file.sync_all()?;
    fs::rename(&partial, &path).with_context(|| format!("cannot write {}", path.display()))?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    models::sha256(path).with_context(|| format!("cannot read {}", path.display()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
