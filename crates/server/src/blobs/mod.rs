//! The place of enrolled images, if the operator wants to keep them.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Location;
use object_store::{ClientConfigKey, ObjectStoreExt as _, RetryConfig};
use vultus_store::Id;

use crate::config::Config;
use crate::error::Error;

/// Longest time of all tries of a request to a bucket. It is shorter than the limit of a request to the server.
const S3_PATIENCE: Duration = Duration::from_secs(20);
const S3_RETRIES: usize = 3;
/// Longest time of one try.
const S3_TIMEOUT: &str = "10 seconds";
/// Longest time that a deletion waits until its images are removed.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A place for images. The keys are the same in every place, so that images can be copied from one place to another.
#[derive(Clone)]
pub enum Blobs {
    /// A folder, one sub-folder for each account.
    Folder(PathBuf),
    /// A bucket of a service that speaks S3.
    S3 {
        /// The bucket.
        bucket: Arc<AmazonS3>,
        /// The prefix of all names in the bucket.
        prefix: Location,
        /// The folder that may still hold images from the time before the bucket.
        folder: PathBuf,
    },
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "Folder({})", root.display()),
            // The bucket has credentials.
            Self::S3 { prefix, .. } => write!(f, "S3(/{prefix})"),
        }
    }
}

impl Blobs {
    /// The place that the configuration names. Credentials, region and endpoint of a bucket are read from the environment,
    /// from the variables that all programs for S3 know.
    ///
    /// # Errors
    /// When the address is not that of a bucket, or a variable has a wrong value.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data.blobs_dir();
        let Some(url) = &config.images.blobs_url else { return Ok(Self::Folder(folder)) };
        let (name, prefix) = bucket_and_prefix(url)
            .with_context(|| format!("--blobs-url {url} is not a bucket: give s3://BUCKET or s3://BUCKET/PREFIX"))?;
        let retry = RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_PATIENCE, ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), S3_TIMEOUT)
            .with_retry(retry)
            .build()
            .context("cannot use the bucket of --blobs-url: see the AWS_ variables in docs/configuration.md")?;
        Ok(Self::S3 { bucket: Arc::new(bucket), prefix, folder })
    }

    /// Stores the image of an embedding. Returns its key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a bucket does not answer, [`Error::Internal`] when the image cannot be written otherwise.
    pub async fn put(&self, account: Id, embedding: Id, image: Bytes) -> Result<String, Error> {
        let key = key(account, embedding);
        match self {
            Self::Folder(root) => {
                let path = root.join(&key);
                let written = tokio::task::spawn_blocking(move || write(&path, &image)).await;
                written.map_err(|_| Error::Panicked)?.context("cannot keep an image")?;
            }
            Self::S3 { bucket, prefix, .. } => {
                bucket.put(&location(prefix, &key), image.into()).await.map_err(not_kept)?;
            }
        }
        Ok(key)
    }

    /// The image under a key. `None` if it does not exist.
    ///
    /// # Errors
    /// When an image exists and cannot be read, or a bucket does not answer.
    pub async fn get(&self, key: &str) -> anyhow::Result<Option<Bytes>> {
        if let Self::S3 { bucket, prefix, .. } = self {
            let context = "cannot read a kept image from the bucket";
            match bucket.get(&location(prefix, key)).await {
                Err(object_store::Error::NotFound { .. }) => {}
                found => return Ok(Some(found.context(context)?.bytes().await.context(context)?)),
            }
        }
        match tokio::fs::read(self.folder().join(key)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(read.context("cannot read a kept image")?.into())),
        }
    }

    /// Removes images. An image that does not exist is no error, so that a removal can be repeated.
    ///
    /// # Errors
    /// When an image exists and cannot be removed, or a bucket does not answer.
    pub async fn remove(&self, keys: &[String]) -> anyhow::Result<()> {
        for key in keys {
            if let Self::S3 { bucket, prefix, .. } = self {
                match bucket.delete(&location(prefix, key)).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error).context("cannot remove a kept image from the bucket"),
                }
            }
            match tokio::fs::remove_file(self.folder().join(key)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context("cannot remove a kept image");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tries to remove the images of deleted embeddings at once. If that fails, the job that was queued with the deletion
    /// removes them.
    pub async fn remove_now(&self, keys: &[String]) {
        match tokio::time::timeout(AT_ONCE, self.remove(keys)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "a job removes these kept images later"),
            Err(_) => tracing::warn!("the bucket is slow: a job removes these kept images later"),
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) | Self::S3 { folder, .. } => folder,
        }
    }
}

/// The key of the image of an embedding.
pub fn key(account: Id, embedding: Id) -> String {
    format!("{account}/{embedding}")
}

fn bucket_and_prefix(url: &str) -> Option<(&str, Location)> {
    let name = url.strip_prefix("s3://")?;
    let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
    Some((bucket, Location::parse(prefix).ok()?)).filter(|(bucket, _)| !bucket.is_empty())
}

fn location(prefix: &Location, key: &str) -> Location {
    key.split('/').fold(prefix.clone(), Location::join)
}

/// Only the operator can mend a bucket that does not exist or refuses the credentials. Other failures pass by themselves.
fn not_kept(error: object_store::Error) -> Error {
    let outage = matches!(error, object_store::Error::Generic { .. });
    let source = anyhow::Error::new(error).context("cannot keep an image in the bucket");
    if outage { Error::Unavailable { part: "image store", source } } else { Error::Internal(source) }
}

fn write(path: &Path, image: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, image)?;
    file.sync_all()?;
    // Its name lasts as well.
    File::open(folder)?.sync_all()
}
