//! Wheels (zip) and npm packages (gzipped tar). Only the named members are read.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use vultus_vision::models::FileEntry;
use zip::ZipArchive;

use super::files::store;

/// Unpacks the members that `entries` name from one archive into `dir`.
pub(super) fn unpack(archive: &Path, entries: &[&FileEntry], work: &Path, dir: &Path) -> anyhow::Result<()> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let file = File::open(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    match extension.as_str() {
        "whl" | "zip" => unpack_zip(file, entries, work, dir),
        "tgz" | "gz" => unpack_tar(file, entries, work, dir),
        _ => bail!("it is neither a wheel nor a .tgz file"),
    }
    .with_context(|| format!("cannot unpack {name}"))
}

fn unpack_zip(file: File, entries: &[&FileEntry], work: &Path, dir: &Path) -> anyhow::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    for entry in entries {
        let member = member(entry);
        let mut content = archive.by_name(member).with_context(|| format!("it does not contain {member}"))?;
        store(&mut content, entry, work, dir)?;
    }
    Ok(())
}

/// A tar has no index, so one pass reads all members.
fn unpack_tar(file: File, entries: &[&FileEntry], work: &Path, dir: &Path) -> anyhow::Result<()> {
    let mut wanted = entries.to_vec();
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    for item in archive.entries()? {
        let mut item = item?;
        let path = item.path_bytes().into_owned();
        if let Some(index) = wanted.iter().position(|entry| member(entry).as_bytes() == path) {
            store(&mut item, wanted.swap_remove(index), work, dir)?;
        }
        if wanted.is_empty() {
            return Ok(());
        }
    }
    bail!("it does not contain {}", member(wanted[0]))
}

fn member(entry: &FileEntry) -> &str {
    entry.package.as_ref().map_or("", |package| &package.member)
}
