//! Files that are kept of people, such as enrolled images. Each is sealed under the data key of its account (see `seal`), so
//! that a copy of the folder or the bucket shows nothing, and a file in another's place is refused.

mod error;
mod place;

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use vultus_store::blobs::{self, Key};
use vultus_store::{Db, Id};

pub use self::error::Error;
use self::place::Place;
use crate::config::Config;
use crate::keyring::Keyring;
use crate::seal::{self, DataKey, Label};

/// Longest time that a deletion waits until its images are removed.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Files that are sealed between two looks at the database.
const BATCH: u32 = 100;

/// The files of all accounts.
#[derive(Debug, Clone)]
pub struct Blobs {
    db: Db,
    keyring: Keyring,
    place: Place,
}

impl Blobs {
    /// The files in the place that the configuration names.
    ///
    /// # Errors
    /// When the address is not that of a bucket, or a variable has a wrong value.
    pub fn open(config: &Config, db: Db, keyring: Keyring) -> anyhow::Result<Self> {
        Ok(Self { db, keyring, place: Place::open(config)? })
    }

    /// Seals and stores a file, for which [`blobs::reserve`] was committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a bucket does not answer, [`Error::Internal`] when the file cannot be written otherwise.
    pub async fn put(&self, key: Key, content: Bytes) -> Result<(), Error> {
        let data_key = self.data_key(key.account).await?;
        let seal = move || labelled(key, |label| data_key.seal(label, &content));
        let sealed = tokio::task::spawn_blocking(seal).await.context("sealing panicked")??;
        self.place.put(&key.to_string(), sealed.into()).await
    }

    /// A file; none if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be read, was changed or is another's, or a bucket does not answer.
    pub async fn get(&self, key: Key) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(sealed) = self.place.get(&key.to_string()).await? else { return Ok(None) };
        let data_key = self.data_key(key.account).await?;
        let open = move || labelled(key, |label| data_key.open(label, &sealed));
        let opened = tokio::task::spawn_blocking(open).await?;
        opened.map(Some).with_context(|| format!("cannot open the file {key}"))
    }

    /// Removes files. One that does not exist is no error, so that a removal can be repeated.
    ///
    /// # Errors
    /// When a file exists and cannot be removed, or a bucket does not answer.
    pub async fn remove(&self, keys: &[Key]) -> anyhow::Result<()> {
        for key in keys {
            self.place.remove(&key.to_string()).await?;
            self.place.remove(&plain_name(*key)).await?;
        }
        Ok(())
    }

    /// Tries to remove the files of what was deleted at once. If that fails, the job that was queued with the deletion removes
    /// them.
    pub async fn remove_now(&self, keys: &[Key]) {
        match tokio::time::timeout(AT_ONCE, self.remove(keys)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "a job removes these kept images later"),
            Err(_) => tracing::warn!("the bucket is slow: a job removes these kept images later"),
        }
    }

    /// Seals the files that were kept before files were sealed; gives their number. It can be stopped and called again, also by
    /// several programs at once.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub async fn seal_plain(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        loop {
            let keys = blobs::plain(&self.db, BATCH).await?;
            if keys.is_empty() {
                return Ok(count);
            }
            for key in keys {
                count += usize::from(self.seal_one(key).await?);
            }
        }
    }

    /// Puts a sealed file in the place of a plain one, if that is there.
    async fn seal_one(&self, key: Key) -> anyhow::Result<bool> {
        let plain = self.place.get(&plain_name(key)).await?;
        let is_there = plain.is_some();
        if let Some(content) = plain {
            self.put(key, content).await?;
        }
        // Another program may have sealed it meanwhile.
        let kept = is_there || self.place.get(&key.to_string()).await?.is_some();
        let mut tx = self.db.write(key.account).await?;
        let wanted = if kept {
            blobs::set_sealed(&mut tx, key).await?
        } else {
            tracing::warn!(image = %key, "a kept image is missing");
            blobs::forget(&mut tx, key).await?;
            true
        };
        tx.commit().await?;
        if wanted {
            self.place.remove(&plain_name(key)).await?;
        } else {
            // It was deleted meanwhile.
            self.remove(&[key]).await?;
        }
        Ok(is_there)
    }

    async fn data_key(&self, account: Id) -> Result<DataKey, Error> {
        let key = seal::data_key(&self.db, &self.keyring, account).await?;
        Ok(key.context("the account has no data key: what it kept was erased")?)
    }
}

/// Calls `cipher` with the label of a file.
fn labelled<T>(key: Key, cipher: impl FnOnce(&Label<'_>) -> T) -> T {
    cipher(&Label { account: key.account, kind: key.kind.name(), id: &key.id.to_bytes() })
}

/// The name of a file that was kept before files were sealed: there were only images.
fn plain_name(key: Key) -> String {
    format!("{}/{}", key.account, key.id)
}
