//! Lists on disk: which version of each list is in force, and how a new version replaces it.
//!
//! ```text
//! un-consolidated.json            names the version in force; a rename replaces it, so that a switch is whole
//! un-consolidated-1f2e3d4c5b6a/   its files, as the publisher provides them
//! ```

use std::fs::{self, File as DiskFile};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tempfile::{NamedTempFile, TempDir};
use vultus_screening::lists::{self, File, List, Source, Version};

use crate::fetch;

/// A new version may lack this many per cent of the entries without `force`.
const PLAUSIBLE_LOSS_PERCENT: usize = 10;
/// Characters of the hash in the name of a version's folder.
const NAME_DIGITS: usize = 12;
/// Beginning of the names of unfinished folders.
const PARTIAL: &str = ".partial-";

/// A list in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Installed {
    /// The list and its version.
    pub version: Version,
    /// The last time at which this was known to be the publisher's version, in microseconds since 1970.
    pub checked_us: i64,
    /// Names of its files.
    files: Vec<String>,
}

/// The change that [`Folder::install`] made to a list.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version in force now.
    pub version: Version,
    /// The version in force before.
    pub before: Option<Version>,
}

impl Change {
    /// Whether the version in force has changed.
    pub fn is_new(&self) -> bool {
        self.before.as_ref().is_none_or(|before| before.sha256 != self.version.sha256)
    }
}

/// The directory of the lists.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The lists in `path`. The folder need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lists in force, in the order of [`Source::ALL`].
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn installed(&self) -> anyhow::Result<Vec<Installed>> {
        Source::ALL.iter().filter_map(|source| self.pointer(*source).transpose()).collect()
    }

    /// Reads the lists in force, and checks that their files have not changed since they were installed.
    ///
    /// # Errors
    /// When a file is missing, damaged or changed. The message names it.
    pub fn load(&self) -> anyhow::Result<Vec<List>> {
        let load = |installed: &Installed| {
            let Installed { version, files, .. } = installed;
            let folder = self.path.join(state_name(version));
            let files = files.iter().map(|name| read(&folder.join(name))).collect::<anyhow::Result<Vec<_>>>()?;
            let list = lists::read(&views(&files))?.into_iter().next();
            list.filter(|list| list.version.sha256 == version.sha256)
                .context("its files differ from the installed ones")
        };
        let load = |installed: &Installed| {
            let source = installed.version.source;
            load(installed).with_context(|| {
                format!("the list {source} in {} is damaged: pull or import it again", self.path.display())
            })
        };
        self.installed()?.iter().map(load).collect()
    }

    /// Puts the lists of these files in force, one after the other, each as a whole.
    ///
    /// Refuses a list that is damaged. Unless `force` is set, also refuses one that is older than the list in force, or
    /// shorter by more than a tenth. If it refuses a list, nothing of that list changes.
    ///
    /// # Errors
    /// The list that is refused and why, or the file that cannot be written.
    pub fn install(&self, files: &[(String, Vec<u8>)], force: bool, now_us: i64) -> anyhow::Result<Vec<Change>> {
        let read = lists::read(&views(files))?;
        fs::create_dir_all(&self.path).with_context(|| format!("cannot create {}", self.path.display()))?;
        let _lock = fetch::lock(&self.path)?;
        self.remove_leftovers()?;
        let mut changes = Vec::new();
        for List { version, .. } in read {
            let own = |file: &&(String, Vec<u8>)| lists::recognise(&view(file)) == Some(version.source);
            let own: Vec<_> = files.iter().filter(own).collect();
            // A pointer that cannot be read is replaced, in the same way as its list.
            let before = self.pointer(version.source).ok().flatten().map(|installed| installed.version);
            if let Some(before) = before.as_ref().filter(|_| !force) {
                plausible(before, &version)?;
            }
            self.write_state(&version, &own)?;
            let names = own.iter().map(|(name, _)| name.clone()).collect();
            self.switch(&Installed { version: version.clone(), checked_us: now_us, files: names })?;
            self.remove_states(&version, before.as_ref())?;
            changes.push(Change { version, before });
        }
        Ok(changes)
    }

    fn pointer_path(&self, source: Source) -> PathBuf {
        self.path.join(format!("{source}.json"))
    }

    fn pointer(&self, source: Source) -> anyhow::Result<Option<Installed>> {
        let path = self.pointer_path(source);
        match fs::read(&path) {
            Ok(bytes) => {
                let context = || format!("{} is damaged: pull or import the list again", path.display());
                serde_json::from_slice(&bytes).map(Some).with_context(context)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes the files of a version beside the others. They appear under the name of the version all at once.
    fn write_state(&self, version: &Version, files: &[&(String, Vec<u8>)]) -> anyhow::Result<()> {
        let folder = TempDir::with_prefix_in(PARTIAL, &self.path)?;
        for (name, bytes) in files {
            let path = folder.path().join(name);
            let write = || {
                let mut file = DiskFile::create(&path)?;
                file.write_all(bytes)?;
                file.sync_all()
            };
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        sync(folder.path())?;
        let target = self.path.join(state_name(version));
        // An earlier install of the same version. Its files may be damaged.
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        fs::rename(folder.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        Ok(sync(&self.path)?)
    }

    fn switch(&self, installed: &Installed) -> anyhow::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(PARTIAL, &self.path)?;
        file.write_all(&serde_json::to_vec_pretty(installed)?)?;
        file.as_file().sync_all()?;
        file.persist(self.pointer_path(installed.version.source))?;
        Ok(sync(&self.path)?)
    }

    /// Removes all versions of a list except the one in force and the one before, which a program may be reading.
    fn remove_states(&self, now: &Version, before: Option<&Version>) -> anyhow::Result<()> {
        let kept = [Some(now), before].map(|version| version.map(state_name));
        let prefix = format!("{}-", now.source);
        for item in fs::read_dir(&self.path)? {
            let (name, path) = item.map(|item| (item.file_name().to_string_lossy().into_owned(), item.path()))?;
            let is_state = name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == NAME_DIGITS);
            if is_state && !kept.contains(&Some(name)) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Removes the files of a killed install. Nobody else writes while we hold the lock.
    fn remove_leftovers(&self) -> io::Result<()> {
        for item in fs::read_dir(&self.path)? {
            let item = item?;
            if item.file_name().to_string_lossy().starts_with(PARTIAL) {
                let path = item.path();
                if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
            }
        }
        Ok(())
    }
}

/// Reads the file at `path`: its name and content.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes))
}

/// Reads the files of a folder that belong to a list, in the order of their names.
///
/// # Errors
/// When the folder or a file cannot be read, or none belongs to a list.
pub fn read_folder(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let items = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let items = items.with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = items.iter().map(fs::DirEntry::path).filter(|path| path.is_file()).collect();
    paths.sort();
    let files = paths.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let files: Vec<_> = files.into_iter().filter(|file| lists::recognise(&view(file)).is_some()).collect();
    if files.is_empty() {
        bail!(
            "there is no sanctions list in {}: docs/screening.md names the files that vultus reads",
            folder.display()
        );
    }
    Ok(files)
}

/// The files in the form that the readers of lists need.
pub fn views(files: &[(String, Vec<u8>)]) -> Vec<File<'_>> {
    files.iter().map(view).collect()
}

fn view((name, bytes): &(String, Vec<u8>)) -> File<'_> {
    File { name, bytes }
}

fn plausible(before: &Version, new: &Version) -> anyhow::Result<()> {
    let source = new.source;
    if new.entries * 100 < before.entries * (100 - PLAUSIBLE_LOSS_PERCENT) {
        bail!(
            "refused {source}: it has {} entries, but the list in force has {}; if that is right, repeat with --force",
            new.entries,
            before.entries
        );
    }
    if let (Some(old), Some(date)) = (&before.date, &new.date)
        && date < old
    {
        bail!("refused {source}: it is of {date}, but the list in force is of {old}; to go back, repeat with --force");
    }
    Ok(())
}

fn state_name(version: &Version) -> String {
    format!("{}-{}", version.source, version.sha256.get(..NAME_DIGITS).unwrap_or_default())
}

/// Flushes the names in a directory to the disk.
fn sync(directory: &Path) -> io::Result<()> {
    DiskFile::open(directory)?.sync_all()
}
