//! Hashes of the files of a models directory, remembered beside them so that a start need not hash 70 MB.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::FileEntry;

/// The file of remembered hashes: in each line a hash, a size in bytes, a time of change in nanoseconds, and a name.
const FILE: &str = ".hashes";

/// What identifies a state of a file: its size and time of change.
type Stamp = (u64, u128);

/// Hashes by file name, each with the state of the file that it was made of.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    known: HashMap<String, (String, Stamp)>,
    changed: bool,
}

impl Hashes {
    /// Those of an earlier start; none where they cannot be read.
    pub(super) fn remembered(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join(FILE)).unwrap_or_default();
        let known = text.lines().filter_map(|line| {
            let mut words = line.splitn(4, ' ');
            let (hash, size, time) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((words.next()?.to_owned(), (hash.to_owned(), (size, time))))
        });
        Self { known: known.collect(), changed: false }
    }

    /// What is wrong with the file of a manifest entry, if anything is.
    pub(super) fn problem(&mut self, dir: &Path, entry: &FileEntry) -> Option<String> {
        let file = &entry.file;
        let (size, hash) = match self.hash(dir, file, entry.bytes) {
            Ok(found) => found,
            Err(error) => return Some(format!("{file}: {error}")),
        };
        if size != entry.bytes {
            return Some(format!("{file} has {size} bytes instead of {}", entry.bytes));
        }
        (hash != entry.sha256)
            .then(|| format!("{file} is damaged: its sha256 is {hash}, the manifest pins {}", entry.sha256))
    }

    /// Size and hash of a file. One that has not the `expected` size is not hashed.
    fn hash(&mut self, dir: &Path, name: &str, expected: u64) -> io::Result<(u64, String)> {
        let path = dir.join(name);
        let metadata = fs::metadata(&path)?;
        let time = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let stamp = (metadata.len(), time);
        if metadata.len() != expected {
            return Ok((metadata.len(), String::new()));
        }
        if let Some((hash, _)) = self.known.get(name).filter(|(_, known)| *known == stamp) {
            return Ok((metadata.len(), hash.clone()));
        }
        let hash = sha256(&path)?;
        self.known.insert(name.to_owned(), (hash.clone(), stamp));
        self.changed = true;
        Ok((metadata.len(), hash))
    }

    /// Keeps the hashes for the next start. A directory that cannot be written to is hashed at each start.
    pub(super) fn remember(&self, dir: &Path) {
        if !self.changed {
            return;
        }
        let text = self.known.iter().fold(String::new(), |mut text, (name, (hash, (size, time)))| {
            let _ = writeln!(text, "{hash} {size} {time} {name}");
            text
        });
        // Under a name of its own first: another process may be reading.
        let partial = dir.join(format!("{FILE}.{}", std::process::id()));
        if fs::write(&partial, text).and_then(|()| fs::rename(&partial, dir.join(FILE))).is_err() {
            let _ = fs::remove_file(&partial);
        }
    }
}

/// The sha256 of a file, in lower-case hexadecimal digits.
///
/// # Errors
/// Those of reading.
pub fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
