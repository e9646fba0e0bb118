//! Where enrolled images are kept, if the operator wants them kept at all.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use vultus_store::Id;

/// A place for images.
#[derive(Debug, Clone)]
pub enum Blobs {
    /// A folder, one sub-folder for each account.
    Folder(PathBuf),
}

impl Blobs {
    /// Keeps the image of an embedding, and gives the key under which it is found.
    ///
    /// # Errors
    /// When the image cannot be written.
    pub async fn put(&self, account: Id, embedding: Id, image: Bytes) -> anyhow::Result<String> {
        let Self::Folder(root) = self;
        let key = format!("{account}/{embedding}");
        let path = root.join(&key);
        tokio::task::spawn_blocking(move || write(&path, &image)).await?.context("cannot keep an image")?;
        Ok(key)
    }

    /// The image under a key; none if it is not there.
    ///
    /// # Errors
    /// When an image is there and cannot be read.
    pub async fn get(&self, key: &str) -> anyhow::Result<Option<Bytes>> {
        let Self::Folder(root) = self;
        match tokio::fs::read(root.join(key)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(read.context("cannot read a kept image")?.into())),
        }
    }

    /// Removes images. One that is gone already is no error, so that a removal can be repeated.
    ///
    /// # Errors
    /// When an image is there and cannot be removed.
    pub async fn remove(&self, keys: &[String]) -> anyhow::Result<()> {
        let Self::Folder(root) = self;
        for key in keys {
            match tokio::fs::remove_file(root.join(key)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context("cannot remove a kept image");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn write(path: &Path, image: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, image)?;
    file.sync_all()
}
